//! A metrics query: series over time, counted over whole traces.

use std::sync::Arc;

use futures::FutureExt;

use super::assembled::Decision;
use super::by_id::Federation;
use super::candidates;
use super::origin::Origin;
use super::query::{Answered, MetricsAsk, Way};
use super::refusal::{Refusal, Why};
use crate::evaluate::gather::{Gather, MetricsGather};
use crate::model::MetricsAnswer;

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
                self.refuse_metrics_of_far_regions()?;
                let wanted = candidates::of_metrics(&ask.query.query, &self.planner(), gather.reach());
                self.decide(Decision::over_all(wanted, gather, &ask, origin.marks())).await
            }
        }
    }

    /// Numbers of several regions are not yet added up, and to fetch every trace that counts from far away is
    /// no way to count.
    fn refuse_metrics_of_far_regions(&self) -> Result<(), Box<Refusal>> {
        let far: Vec<&str> =
            self.regions.iter().filter(|r| !r.is_embedded()).map(|r| r.name().as_str()).collect();
        if far.is_empty() {
            return Ok(());
        }
        let line = format!(
            "no metrics over {} yet: a single region (`kind = \"tempo\"`) of which nothing is withheld answers \
             them itself, and embedded regions (`kind = \"memory\"`) are counted together; searches, tags and \
             traces are answered from every region",
            far.join(", ")
        );
        Err(Box::new(Refusal { why: Why::Unsupported, line, coverage: None }))
    }
}
