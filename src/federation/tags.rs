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
use super::candidates;
use super::fanout::failed;
use super::query::{Answered, Question, TagValuesAsk, TagsAsk, Way, answered};
use super::refusal::Refusal;
use crate::backend::{Answering, Call, Fault, Region, RegionAnswer};
use crate::evaluate::gather::{Gather, TagNamesGather, TagValuesGather};
use crate::model::tags::TagsForm;
use crate::model::{Answer, TagNames, TagValues};
use crate::redaction::{Redacted, rows};

impl Federation {
    pub async fn tag_names(self: &Arc<Self>, ask: TagsAsk) -> Answered<TagNames> {
        let gather = TagNamesGather::of(&ask.query).map_err(Refusal::tags)?;
        match self.way()? {
            Way::Alone(region) => {
                self.ask_alone(&region, ask, |region, call| region.tag_names(call).boxed()).await
            }
            Way::Assembled if self.adds_up(ask.query.query.as_deref(), ask.query.form) => {
                let told = self.ask_all_of_tags(ask, |region, call| region.tag_names(call).boxed()).await?;
                let value = told.value.map(|told| gather.of_told(told));
                Ok(Answer { value, coverage: told.coverage })
            }
            Way::Assembled => {
                let wanted = candidates::everything(gather.reach(), gather.order(), None);
                self.decide(Decision::over(wanted, gather, &ask)).await
            }
        }
    }

    pub async fn tag_values(self: &Arc<Self>, ask: TagValuesAsk) -> Answered<TagValues> {
        let gather = TagValuesGather::of(&ask.query).map_err(Refusal::tags)?;
        match self.way()? {
            Way::Alone(region) => {
                self.ask_alone(&region, ask, |region, call| region.tag_values(call).boxed()).await
            }
            Way::Assembled if self.adds_up(ask.query.query.as_deref(), ask.query.form) => {
                let told = self.ask_all_of_tags(ask, |region, call| region.tag_values(call).boxed()).await?;
                let value = told.value.map(|told| gather.of_told(told));
                Ok(Answer { value, coverage: told.coverage })
            }
            Way::Assembled => {
                let wanted = candidates::everything(gather.reach(), gather.order(), None);
                self.decide(Decision::over(wanted, gather, &ask)).await
            }
        }
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
        ask: Question<Q>,
        put: for<'r> fn(&'r Region, Call<Q>) -> Answering<'r, RegionAnswer<A>>,
    ) -> Result<Answer<Redacted<Vec<A>>>, Refusal> {
        let begun = Instant::now();
        let deadline = ask.deadline.less(self.settings.reserve);
        let mut asked: FuturesUnordered<_> = self
            .regions
            .iter()
            .enumerate()
            .map(|(rank, region)| {
                let call = Call { query: ask.query.clone(), deadline };
                async move { (rank, region, put(region, call).await, begun.elapsed()) }
            })
            .collect();
        let (mut reports, mut told) = (Vec::new(), Vec::new());
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
