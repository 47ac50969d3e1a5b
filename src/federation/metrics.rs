//! A metrics query: series over time, counted over whole traces.

use std::sync::Arc;

use futures::FutureExt;

use super::assembled::Decision;
use super::by_id::Federation;
use super::origin::Origin;
use super::query::{Answered, MetricsAsk, Way};
use super::refusal::Refusal;
use crate::evaluate::gather::MetricsGather;
use crate::model::MetricsAnswer;

impl Federation {
    pub async fn metrics(self: &Arc<Self>, ask: MetricsAsk) -> Answered<MetricsAnswer> {
        let gather = MetricsGather::of(&ask.query).map_err(Refusal::query)?;
        let origin = Origin::of_metrics(&ask.query);
        match origin.way(self.way()?) {
            Way::Alone(region) => {
                self.ask_alone(&region, ask, |region, call| region.metrics(call).boxed()).await
            }
            Way::Assembled => {
                let planned = self.planned(&ask.query.query);
                self.decide(Decision::over(planned, gather, &ask, origin.marks())).await
            }
        }
    }
}
