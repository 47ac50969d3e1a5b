//! What searches, tags and metrics have in common: how they are asked, and which way they are answered.
//!
//! A region that stands alone and withholds nothing is asked the query itself. Otherwise what each region
//! would say of its own part is no answer: the traces are assembled from all, and the query is decided here.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::by_id::Ask;
use super::by_id::Federation;
use super::fanout::{blank, failed, fared, withheld};
use super::refusal::{Refusal, Why};
use crate::backend::{Answering, Call, Region, RegionAnswer};
use crate::model::coverage::{Owing, RegionReport, RegionStatus};
use crate::model::{
    Answer, Coverage, DiffQuery, MetricsQuery, Mode, SearchQuery, TagValuesQuery, TagsQuery, Whole,
};
use crate::redaction::query::{Asks, Denial, permit};
use crate::redaction::{Permitted, Redacted, rows};
use crate::task::Deadline;

/// One query as a caller asks it.
#[derive(Debug, Clone)]
pub struct Question<Q> {
    pub query: Q,
    pub mode: Mode,
    pub deadline: Deadline,
}

pub type SearchAsk = Question<SearchQuery>;
pub type TagsAsk = Question<TagsQuery>;
pub type TagValuesAsk = Question<TagValuesQuery>;
pub type DiffAsk = Question<DiffQuery>;
pub type MetricsAsk = Question<MetricsQuery>;

/// What may be seen of the answer, and what it covers.
pub type Answered<A> = Result<Answer<Redacted<A>>, Refusal>;

/// How a query is answered.
#[derive(Debug)]
pub(super) enum Way {
    /// By this region, which is the only one and withholds nothing.
    Alone(Arc<Region>),
    /// From the traces of every region, assembled here.
    Assembled,
}

impl Federation {
    /// Permits a question for this caller, before any region hears of it. Regions that they may not ask are left out;
    /// where that is every one, the question is refused.
    pub(super) fn permit<Q: Asks>(&self, ask: Question<Q>) -> Result<Question<Permitted<Q>>, Box<Refusal>> {
        let permitted = self.permit_some(ask);
        if permitted.query.is_denied_everywhere() {
            return Err(Box::new(self.forbidden(permitted.mode, permitted.query.denied())));
        }
        Ok(permitted)
    }

    /// As [`Self::permit`], also where no region may be asked.
    pub(super) fn permit_some<Q: Asks>(&self, ask: Question<Q>) -> Question<Permitted<Q>> {
        let Question { query, mode, deadline } = ask;
        let permitted = permit(query, &self.sights());
        let query = match self.errand.as_ref().and_then(|errand| errand.whole.clone()) {
            Some(whole) => permitted.denied_also(permit(whole, &self.sights()).denied()),
            None => permitted,
        };
        Question { query, mode, deadline }
    }

    /// Which regions may not be asked for a trace with a filter.
    pub(super) fn permit_filter(&self, ask: &Ask) -> Result<Vec<Option<Denial>>, Box<Refusal>> {
        let whole = self.errand.as_ref().and_then(|errand| errand.whole.clone());
        let filter = ask.filter.as_ref().map(|filter| Whole::Query(filter.0.clone()));
        let Some(whole) = filter.or(whole) else { return Ok(Vec::new()) };
        let permitted = permit(whole, &self.sights());
        if permitted.is_denied_everywhere() {
            return Err(Box::new(self.forbidden(ask.mode, permitted.denied())));
        }
        Ok(permitted.denied().to_vec())
    }

    fn forbidden(&self, mode: Mode, denied: &[Option<Denial>]) -> Refusal {
        Refusal::forbidden(denied, self.covering(mode, self.unasked(denied)))
    }

    /// The reports of all regions before any is asked.
    pub(super) fn unasked(&self, denied: &[Option<Denial>]) -> Vec<RegionReport> {
        let denials = denied.iter().map(Option::as_ref).chain(std::iter::repeat(None));
        let regions = self.regions.iter().zip(denials);
        // Until it is asked, nobody needs it.
        let report = |(region, denial): (&Arc<Region>, Option<&Denial>)| match denial {
            Some(denial) => withheld(region, denial),
            None => blank(region, RegionStatus::NotNeeded, Duration::ZERO),
        };
        regions.map(report).collect()
    }

    pub(super) fn way(&self) -> Result<Way, Box<Refusal>> {
        let unable: Vec<&str> =
            self.regions.iter().filter(|r| !r.answers_queries()).map(|r| r.name().as_str()).collect();
        if !unable.is_empty() {
            let line = format!(
                "no search, tags or metrics over {} yet: only embedded regions (`kind = \"memory\"`) answer \
                 them; a trace by its id is answered from every region",
                unable.join(", ")
            );
            return Err(Box::new(Refusal { why: Why::Unsupported, line, coverage: None }));
        }
        match &*self.regions {
            [region] if !self.plan.region(region.name()).withholds() => Ok(Way::Alone(region.clone())),
            _ => Ok(Way::Assembled),
        }
    }

    /// Asks the one region the query itself.
    pub(super) async fn ask_alone<Q, A>(
        &self,
        region: &Region,
        ask: Question<Permitted<Q>>,
        put: for<'r> fn(&'r Region, Call<Q>) -> Answering<'r, RegionAnswer<A>>,
    ) -> Answered<A> {
        let begun = Instant::now();
        let query = ask.query.into_query();
        let call = Call { query, deadline: ask.deadline.less(self.settings.reserve) };
        let outcome = put(region, call).await;
        let took = begun.elapsed();
        match outcome {
            Ok(reply) => {
                let coverage = self.covering(ask.mode, vec![answered(region, &reply, took)]);
                let value = rows::pass(reply.answer, self.plan.region(region.name()));
                match (Refusal::of_query_coverage(&coverage), value) {
                    (None, Some(value)) => Ok(Answer { value, coverage }),
                    (refusal, _) => Err(refusal.unwrap_or_else(Refusal::lost)),
                }
            }
            Err(fault) if fault.is_of_the_query => Err(Refusal::query_failed(fault)),
            Err(fault) => {
                let coverage = self.covering(ask.mode, vec![failed(region, fault, took)]);
                Err(Refusal::of_the_one(coverage))
            }
        }
    }

    /// Whether anything of any region is withheld.
    pub(super) fn withholds(&self) -> bool {
        self.regions.iter().any(|region| self.plan.region(region.name()).withholds())
    }

    pub(super) fn covering(&self, mode: Mode, regions: Vec<RegionReport>) -> Coverage {
        Coverage {
            mode,
            regions,
            owed: Owing::default(),
            is_size_limited: false,
            budget: None,
            plan_digest: self.plan.digest().to_owned(),
        }
    }
}

pub(super) fn answered<A>(region: &Region, reply: &RegionAnswer<A>, took: Duration) -> RegionReport {
    let (status, detail) = fared(reply.is_partial, reply.within.as_deref());
    RegionReport {
        detail,
        within: reply.within.clone(),
        first_byte: reply.first_byte,
        attempts: reply.attempts,
        ..blank(region, status, took)
    }
}
