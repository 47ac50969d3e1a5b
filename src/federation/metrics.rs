//! A metrics query: series over time, counted over whole traces.

use std::sync::Arc;

use futures::FutureExt;

use super::assembled::Decision;
use super::behalf::whole_metrics;
use super::by_id::Federation;
use super::candidates;
use super::growing::Teller;
use super::origin::Origin;
use super::query::{Answered, MetricsAsk, Way};
use super::refusal::{Refusal, Why};
use crate::evaluate::gather::{Gather, MetricsGather};
use crate::model::{Answer, MetricsAnswer, MetricsQuery};
use crate::redaction::Permitted;

impl Federation {
    pub async fn metrics(self: &Arc<Self>, ask: MetricsAsk) -> Answered<MetricsAnswer> {
        let whole = whole_metrics(&ask.query);
        let answered = self.on_errand(Some(whole), true).series(ask).await;
        Self::withheld_by_all(&answered).map_or(answered, Err)
    }

    async fn series(self: &Arc<Self>, ask: MetricsAsk) -> Answered<MetricsAnswer> {
        let gather = MetricsGather::of(&ask.query).map_err(Refusal::query)?;
        let origin = Origin::of_metrics(&ask.query);
        let ask = self.permit(ask)?;
        match origin.way(self.way()?) {
            Way::Alone(region) => {
                self.ask_alone(&region, ask, |region, call| region.metrics(call).boxed()).await
            }
            Way::Assembled => {
                self.refuse_metrics_of_far_regions(&ask.query)?;
                let wanted = candidates::of_metrics(&ask.query.query, &self.planner(), gather.reach());
                let decision = Decision::over_all(wanted, gather, &ask, origin.marks());
                let Answer { value, coverage } = self.decide(decision, Teller::silent()).await?;
                if let Some(refusal) = self.refuse_comparison(&ask.query, &coverage) {
                    return Err(refusal);
                }
                let value = value.map(|value| self.sights().shown_of_comparison(&ask.query, value));
                Ok(Answer { value, coverage })
            }
        }
    }

    /// Numbers of several regions are not yet added up, and to fetch every trace that counts from far away is
    /// no way to count.
    fn refuse_metrics_of_far_regions(&self, query: &Permitted<MetricsQuery>) -> Result<(), Box<Refusal>> {
        let asked = self.regions.iter().enumerate().filter(|(rank, _)| !query.is_denied(*rank));
        // What a peer sends was decided on there: as many traces as its budgets allow.
        let far = asked.filter(|(_, region)| !region.is_embedded() && !region.is_peer());
        let far: Vec<&str> = far.map(|(_, region)| region.name().as_str()).collect();
        if far.is_empty() {
            return Ok(());
        }
        Err(Box::new(Refusal { why: Why::Unsupported, line: no_metrics_over(&far), coverage: None }))
    }
}

/// Why metrics over these regions, which are far away, are refused.
pub fn no_metrics_over(far: &[&str]) -> String {
    format!(
        "no metrics over {} yet: a single region (`kind = \"tempo\"`) of which nothing is withheld answers \
         them itself, and embedded regions (`kind = \"memory\"`) are counted together; searches, tags and \
         traces are answered from every region",
        far.join(", ")
    )
}
