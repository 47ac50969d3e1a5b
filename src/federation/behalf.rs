//! On whose behalf peers are asked, and what is served to a gateway that asks on somebody's behalf.
//!
//! A view of the estate is one caller's, and so are the statements that its peers get. A peer decides what may be
//! asked by the question as a whole, not by the part of it that it happens to be asked: so the whole goes along.

use std::collections::BTreeSet;
use std::sync::Arc;

use futures::StreamExt;

use super::by_id::{Ask, Federation};
use super::fanout::{Landed, Treatment, ask_all};
use super::query::Answered;
use super::refusal::{Refusal, Why};
use super::settings::{Additions, FederationSettings};
use crate::backend::{Region, TraceCall};
use crate::model::coverage::{RegionReport, RegionStatus};
use crate::model::search::SearchAsked;
use crate::model::{
    Answer, Asker, Coverage, Errand, MetricsQuery, Mode, SearchQuery, TagValuesQuery, TagsQuery, Whole,
};
use crate::redaction::{Marks, Redacted, View};
use crate::traceql;
use crate::traceql::mentions::compares;

impl Federation {
    /// The same as it is asked by somebody: its peers are told who.
    #[must_use]
    pub fn asked_by(mut self, asker: Asker) -> Self {
        if self.has_peers() {
            let asker = Arc::new(asker);
            self.regions = for_asker(&self.regions, &asker);
            self.asker = Some(asker);
        }
        self
    }

    /// The same as it is served to another gateway: nothing is added, since that gateway adds it to the whole.
    #[must_use]
    pub fn serving(mut self, errand: Errand) -> Self {
        self.settings =
            Arc::new(FederationSettings { additions: Additions::NONE, ..(*self.settings).clone() });
        self.errand = Some(Arc::new(errand));
        self
    }

    /// The same without the regions of gateways that have the question already: it came through them, or whoever asks
    /// puts it to them, too. Those before this one account for them, and asked in a circle they would refuse.
    #[must_use]
    pub fn without_gateways(mut self, asker: &Asker) -> Self {
        let has_it = |name: &str| asker.through.iter().any(|one| one == name) || asker.besides.contains(name);
        let elsewhere: BTreeSet<String> =
            self.gateways().filter(|name| has_it(name)).map(str::to_owned).collect();
        if !elsewhere.is_empty() {
            let is_elsewhere =
                |region: &Region| region.gateway().is_some_and(|name| elsewhere.contains(name));
            self.regions = self.regions.iter().filter(|region| !is_elsewhere(region)).cloned().collect();
            self.elsewhere = elsewhere.into_iter().collect();
        }
        self
    }

    /// The gateways that are asked.
    pub fn gateways(&self) -> impl Iterator<Item = &str> {
        self.regions.iter().filter_map(|region| region.gateway())
    }

    /// The gateways whose regions are left to those that ask.
    pub fn elsewhere(&self) -> &[String] {
        &self.elsewhere
    }

    pub fn has_peers(&self) -> bool {
        self.regions.iter().any(|region| region.is_peer())
    }

    /// Whether ids of spans are everywhere as they were sent.
    pub fn is_as_sent(&self) -> bool {
        self.regions.iter().all(|region| !region.renumbers())
    }

    /// Whether nothing is withheld from this caller here, and anything may be asked.
    pub fn shows_all(&self) -> bool {
        !self.withholds()
    }

    /// A comparison of everything has a series for each attribute that may be grouped by. Which these are is known
    /// to each peer alone, so it is only answered where that is all of them.
    pub(super) fn refuse_comparison(&self, query: &MetricsQuery, coverage: &Coverage) -> Option<Refusal> {
        let is_shut = |report: &&RegionReport| report.within.as_ref().is_some_and(|within| !within.is_open);
        let shut: Vec<&str> =
            coverage.regions.iter().filter(is_shut).map(|report| report.region.as_str()).collect();
        if shut.is_empty() || !traceql::compile(&query.query).is_ok_and(|query| compares(&query)) {
            return None;
        }
        let line = format!(
            "no compare() over {}: something is withheld from you there, and a comparison has a series for each \
             attribute that you may group by, which only that gateway knows, so that what it leaves out could not be \
             told from what no span has; group by attributes that you name, or ask it about its own region",
            shut.join(", ")
        );
        Some(Refusal { why: Why::Unsupported, line, coverage: Some(coverage.clone()) })
    }

    /// The same for a question whose parts are put to regions. Where this gateway serves another, the question it
    /// asked for goes on as the whole.
    pub(super) fn on_errand(self: &Arc<Self>, whole: Option<Whole>, is_evaluated: bool) -> Arc<Self> {
        let Some(asker) = &self.asker else { return self.clone() };
        let served = self.errand.as_ref().and_then(|errand| errand.whole.clone());
        let errand = Errand { whole: served.or(whole), is_evaluated };
        let asker = Arc::new(Asker { errand, ..(**asker).clone() });
        let regions = for_asker(&self.regions, &asker);
        Arc::new(Self { regions, asker: Some(asker), ..(**self).clone() })
    }

    /// What a view is remembered by. What peers show depends on the caller's claims, of which the plan here knows
    /// nothing.
    pub(super) fn remembered_as(&self) -> String {
        let digest = self.plan.digest();
        let Some(asker) = &self.asker else { return digest.to_owned() };
        let claims = format!("{:?} {:?} {:?}", asker.caller, asker.delivered, self.elsewhere);
        format!("{digest} {}", blake3::hash(claims.as_bytes()).to_hex())
    }

    /// Where every region is a peer, and none permits what was asked: said as if it were known before.
    pub(super) fn refused_by_peers(&self, mode: Mode, reports: &[RegionReport]) -> Option<Refusal> {
        Refusal::of_withheld(&self.covering(mode, reports.to_vec()))
    }

    /// Where every region was asked and none permits the question, that is the answer, whoever asks.
    pub(super) fn withheld_by_all<A>(answered: &Answered<A>) -> Option<Refusal> {
        let coverage = match answered {
            Ok(answer) => Some(&answer.coverage),
            Err(refusal) => refusal.coverage.as_ref(),
        };
        coverage.and_then(Refusal::of_withheld)
    }

    /// What may be seen of a trace, for another gateway: as the regions sent it, in their order and each span as
    /// often as it came. That gateway joins it with what others hold.
    pub async fn view(self: &Arc<Self>, ask: Ask) -> Result<(Answer<Redacted<Vec<u8>>>, u64), Refusal> {
        let denied = self.permit_filter(&ask)?;
        let is_evaluated = self.errand.as_ref().is_some_and(|errand| errand.is_evaluated);
        let federation = self.on_errand(None, is_evaluated);
        let call = TraceCall { query: ask.query.clone(), deadline: ask.deadline.less(self.settings.reserve) };
        let treatment = Treatment {
            id: ask.query.id,
            plan: self.plan.clone(),
            redactor: self.redactor.clone(),
            marks: if is_evaluated { Marks::None } else { Marks::Treated },
        };
        let mut landed: Vec<Landed> =
            ask_all(&federation.regions, &call, &treatment, &denied).collect().await;
        landed.sort_by_key(|landed| landed.rank);
        let reports: Vec<RegionReport> = landed.iter().map(|landed| landed.report.clone()).collect();
        let refusal = self.refused_by_peers(ask.mode, &reports);
        let before = || Refusal::before_assembly(ask.mode, &reports, self.plan.digest());
        if let Some(refusal) = refusal.or_else(before) {
            return Err(refusal);
        }
        let inspected_bytes =
            landed.iter().fold(0u64, |sum, landed| sum.saturating_add(landed.inspected_bytes));
        let is_size_limited = leave_out_what_is_too_much(&mut landed, self.settings.trace_bytes_max);
        let (mut views, mut regions) = (Vec::new(), Vec::with_capacity(landed.len()));
        for part in landed {
            views.extend(part.view);
            regions.push(part.report);
        }
        let coverage = Coverage { is_size_limited, ..self.covering(ask.mode, regions) };
        let value =
            Redacted::join(views).map(|views| views.iter().flat_map(View::to_sorted_protobuf).collect());
        Ok((Answer { value, coverage }, inspected_bytes))
    }
}

/// As far as the size limit of a trace; the part that crosses it is still in, as when a trace is assembled.
fn leave_out_what_is_too_much(landed: &mut [Landed], limit: u64) -> bool {
    let mut bytes = 0u64;
    let mut is_over = false;
    for part in landed.iter_mut() {
        if is_over && part.report.spans > 0 {
            part.view = None;
            part.report.status = RegionStatus::Truncated;
            (part.report.spans, part.report.treated) = (0, 0);
            part.report.treated_by_class.clear();
        }
        bytes = bytes.saturating_add(part.report.bytes);
        is_over = limit > 0 && bytes > limit;
    }
    is_over
}

fn for_asker(regions: &[Arc<Region>], asker: &Arc<Asker>) -> Arc<[Arc<Region>]> {
    regions.iter().map(|region| region.on_behalf_of(asker).unwrap_or_else(|| region.clone())).collect()
}

pub(super) fn whole_search(query: &SearchQuery) -> Whole {
    match &query.asked {
        SearchAsked::Query(text) => Whole::Query(text.clone()),
        SearchAsked::Tags { tags, .. } => Whole::Keys(tags.keys().cloned().collect()),
    }
}

pub(super) fn whole_metrics(query: &MetricsQuery) -> Whole {
    Whole::Query(query.query.clone())
}

pub(super) fn whole_names(query: &TagsQuery) -> Whole {
    Whole::Names { filter: query.query.clone(), form: query.form }
}

pub(super) fn whole_values(query: &TagValuesQuery) -> Whole {
    Whole::Values { name: query.name.clone(), filter: query.query.clone(), form: query.form }
}

/// Each jurisdiction that a view passes, once.
pub fn passing(
    places: impl IntoIterator<Item = crate::model::Jurisdiction>,
) -> Vec<crate::model::Jurisdiction> {
    places.into_iter().collect::<BTreeSet<_>>().into_iter().collect()
}
