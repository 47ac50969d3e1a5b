//! Names of attributes and the values they have, as far as the caller may see them.
//!
//! What each region tells of its own spans adds up where nothing is withheld and what is asked can be told span
//! by span. Where that is not so, and where all regions are embedded, whole traces are looked at.

use std::sync::Arc;

use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt};
use tokio::time::Instant;

use super::assembled::Decision;
use super::by_id::Federation;
use super::candidates::{self, EVERY_TRACE};
use super::fanout::failed;
use super::origin::{self, Origin};
use super::query::{Answered, Question, TagValuesAsk, TagsAsk, Way, answered};
use super::refusal::Refusal;
use crate::backend::{Answering, Call, Fault, Region, RegionAnswer};
use crate::evaluate::gather::{Gather, TagNamesGather, TagValuesGather};
use crate::model::search::SearchAsked;
use crate::model::tags::{TagValue, TagValueKind, TagsForm};
use crate::model::{Answer, SearchAnswer, SearchQuery, TagNames, TagValues, TagValuesQuery};
use crate::redaction::{Marks, Permitted, Redacted, rows};

impl Federation {
    pub async fn tag_names(self: &Arc<Self>, ask: TagsAsk) -> Answered<TagNames> {
        let gather = TagNamesGather::of(&ask.query).map_err(Refusal::tags)?;
        let (origin, query) = (Origin::of_names(&ask.query), ask.query.clone());
        let ask = self.permit(ask)?;
        // Where it is not shown on traces either, it is not listed; who knows of it can still ask for it.
        let is_listed = self.settings.additions.region;
        let with_origin = |mut names: TagNames| {
            if is_listed {
                origin::add_name(&mut names, &query);
            }
            names
        };
        match origin.way(self.way()?) {
            Way::Alone(region) => {
                let answer = self.ask_alone(&region, ask, |region, call| region.tag_names(call).boxed());
                let Answer { value, coverage } = answer.await?;
                Ok(Answer { value: value.map(with_origin), coverage })
            }
            Way::Assembled if !origin.is_named() && self.adds_up(query.query.as_deref(), query.form) => {
                let told = self.ask_all_of_tags(ask, |region, call| region.tag_names(call).boxed()).await?;
                let value = told.value.map(|told| with_origin(gather.of_told(told)));
                Ok(Answer { value, coverage: told.coverage })
            }
            // Where it is on every resource, it is a name like others.
            Way::Assembled => {
                let wanted = candidates::everything(&self.planner(), gather.reach(), gather.order(), None);
                let marks = if is_listed { Marks::Origin } else { origin.marks() };
                self.decide(Decision::over(wanted, gather, &ask, marks)).await
            }
        }
    }

    pub async fn tag_values(self: &Arc<Self>, ask: TagValuesAsk) -> Answered<TagValues> {
        let gather = TagValuesGather::of(&ask.query).map_err(Refusal::tags)?;
        let origin = Origin::of_values(&ask.query);
        let ask = self.permit_some(ask);
        if ask.query.is_denied_everywhere() {
            return self.no_values(&ask).map_err(|refusal| *refusal);
        }
        match origin.way(self.way()?) {
            Way::Alone(region) => {
                self.ask_alone(&region, ask, |region, call| region.tag_values(call).boxed()).await
            }
            Way::Assembled
                if !origin.is_named() && self.adds_up(ask.query.query.as_deref(), ask.query.form) =>
            {
                let told = self.ask_all_of_tags(ask, |region, call| region.tag_values(call).boxed()).await?;
                let value = told.value.map(|told| gather.of_told(told));
                Ok(Answer { value, coverage: told.coverage })
            }
            Way::Assembled if Origin::is_all_of(&ask.query) && self.adds_up(None, ask.query.form) => {
                self.regions_with_traces(gather, ask).await
            }
            Way::Assembled => {
                let wanted = candidates::everything(&self.planner(), gather.reach(), gather.order(), None);
                self.decide(Decision::over(wanted, gather, &ask, origin.marks())).await
            }
        }
    }

    /// Who completes a line is not told that they may not: there is nothing to complete it with, and the report says
    /// why.
    fn no_values(
        &self,
        ask: &Question<Permitted<TagValuesQuery>>,
    ) -> Result<Answer<Redacted<TagValues>>, Box<Refusal>> {
        let coverage = self.covering(ask.mode, self.unasked(ask.query.denied()));
        match Refusal::of_query_coverage(&coverage) {
            Some(refusal) => Err(Box::new(refusal)),
            None => Ok(Answer { value: Redacted::nothing(), coverage }),
        }
    }

    /// Which regions there are, without a look at every trace: those that list any.
    async fn regions_with_traces(
        &self,
        gather: TagValuesGather,
        ask: Question<Permitted<TagValuesQuery>>,
    ) -> Answered<TagValues> {
        let asked = SearchAsked::Query(EVERY_TRACE.to_owned());
        let query = SearchQuery { asked, limit: 1, spans_per_set: 1, window: ask.query.window, page: None };
        let ask = self.permit_some(Question { query, mode: ask.mode, deadline: ask.deadline });
        let told = self.ask_all_of_tags(ask, |region, call| region.search(call).boxed()).await?;
        let answered = told.coverage.regions.iter().filter(|report| report.status.has_answered());
        let names: Vec<String> = answered.map(|report| report.region.to_string()).collect();
        let value = told.value.map(|told| {
            let of = |(name, found): (String, SearchAnswer)| TagValues {
                values: found
                    .traces
                    .first()
                    .map(|_| TagValue { kind: TagValueKind::Text, value: name })
                    .into_iter()
                    .collect(),
                inspected: found.inspected,
            };
            gather.of_told(names.into_iter().zip(told).map(of).collect())
        });
        Ok(Answer { value, coverage: told.coverage })
    }

    /// Whether what regions tell of their own spans is what the whole tells.
    fn adds_up(&self, query: Option<&str>, form: TagsForm) -> bool {
        let withholds = self.regions.iter().any(|region| self.plan.region(region.name()).withholds());
        let is_far = self.regions.iter().any(|region| !region.is_embedded());
        // The older form has no filter.
        let query = query.filter(|_| form == TagsForm::V2);
        is_far && !withholds && query.is_none_or(candidates::is_span_local)
    }

    /// What every region tells, by rank.
    async fn ask_all_of_tags<Q: Clone, A>(
        &self,
        ask: Question<Permitted<Q>>,
        put: for<'r> fn(&'r Region, Call<Q>) -> Answering<'r, RegionAnswer<A>>,
    ) -> Result<Answer<Redacted<Vec<A>>>, Refusal> {
        let begun = Instant::now();
        let deadline = ask.deadline.less(self.settings.reserve);
        let mut asked: FuturesUnordered<_> = self
            .regions
            .iter()
            .enumerate()
            .filter(|(rank, _)| !ask.query.is_denied(*rank))
            .map(|(rank, region)| {
                let call = Call { query: (*ask.query).clone(), deadline };
                async move { (rank, region, put(region, call).await, begun.elapsed()) }
            })
            .collect();
        let unasked = self.unasked(ask.query.denied()).into_iter().enumerate();
        let unasked = unasked.filter(|(rank, _)| ask.query.is_denied(*rank));
        let (mut reports, mut told) = (unasked.collect::<Vec<_>>(), Vec::new());
        while let Some((rank, region, outcome, took)) = asked.next().await {
            let report = match outcome {
                Ok(reply) => {
                    let report = answered(region, &reply, took);
                    told.extend(
                        rows::pass(reply.answer, self.plan.region(region.name())).map(|one| (rank, one)),
                    );
                    report
                }
                Err(Fault { is_of_the_query: true, detail, .. }) if region.is_embedded() => {
                    return Err(Refusal::query_failed(detail));
                }
                Err(fault) => failed(region, fault, took),
            };
            reports.push((rank, report));
        }
        reports.sort_by_key(|(rank, _)| *rank);
        told.sort_by_key(|(rank, _)| *rank);
        let coverage = self.covering(ask.mode, reports.into_iter().map(|(_, report)| report).collect());
        match Refusal::of_query_coverage(&coverage) {
            Some(refusal) => Err(refusal),
            None => {
                let value = Redacted::join(told.into_iter().map(|(_, one)| one).collect());
                Ok(Answer { value, coverage })
            }
        }
    }
}
