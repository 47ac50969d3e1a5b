//! A metrics query: series over time, counted over whole traces.

use std::sync::Arc;

use futures::FutureExt;

use super::assembled::Decision;
use super::by_id::Federation;
use super::candidates;
use super::growing::Teller;
use super::origin::Origin;
use super::query::{Answered, MetricsAsk, Way};
use super::refusal::{Refusal, Why};
use crate::backend::Region;
use crate::evaluate::gather::{Gather, MetricsGather};
use crate::model::{Answer, MetricsAnswer, MetricsQuery};
use crate::redaction::Permitted;

impl Federation {
    pub async fn metrics(self: &Arc<Self>, ask: MetricsAsk) -> Answered<MetricsAnswer> {
        let gather = MetricsGather::of(&ask.query).map_err(Refusal::query)?;
        let origin = Origin::of_metrics(&ask.query);
        let ask = self.permit(ask)?;
        match origin.way(self.way()?) {
            Way::Alone(region) => {
                self.ask_alone(&region, ask, |region, call| region.metrics(call).boxed()).await
            }
            Way::Assembled => {
                self.refuse_metrics_of_several(&ask.query)?;
                let wanted = candidates::of_metrics(&ask.query.query, &self.planner(), gather.reach());
                let decision = Decision::over_all(wanted, gather, &ask, origin.marks());
                let Answer { value, coverage } = self.decide(decision, Teller::silent()).await?;
                let value = value.map(|value| self.sights().shown_of_comparison(&ask.query, value));
                Ok(Answer { value, coverage })
            }
        }
    }

    /// Numbers of several regions are not yet added up, and to fetch every trace that counts from several places
    /// far away is no way to count. Of a single one it is the only honest way where its own numbers are not those
    /// of what may be seen, and the budgets bound it.
    fn refuse_metrics_of_several(&self, query: &Permitted<MetricsQuery>) -> Result<(), Box<Refusal>> {
        let asked = self.regions.iter().enumerate().filter(|(rank, _)| !query.is_denied(*rank));
        let asked: Vec<&Region> = asked.map(|(_, region)| &**region).collect();
        let far = asked.iter().filter(|region| !region.is_embedded());
        let far: Vec<&str> = far.map(|region| region.name().as_str()).collect();
        if asked.len() < 2 || far.is_empty() {
            return Ok(());
        }
        Err(Box::new(Refusal { why: Why::Unsupported, line: no_metrics_over(&far), coverage: None }))
    }
}

/// Why metrics over these regions, which are far away and not alone, are refused.
pub fn no_metrics_over(far: &[&str]) -> String {
    format!(
        "no metrics over {} yet: a single region is counted, whatever its kind, and embedded regions \
         (`kind = \"memory\"`) are counted together; searches, tags and traces are answered from every region",
        far.join(", ")
    )
}
