//! A metrics query: series over time, counted over whole traces.

use std::sync::Arc;

use futures::FutureExt;

use super::assembled::Decision;
use super::by_id::Federation;
use super::candidates;
use super::query::{Answered, MetricsAsk, Way};
use super::refusal::Refusal;
use crate::evaluate::gather::MetricsGather;
use crate::model::MetricsAnswer;

impl Federation {
    pub async fn metrics(self: &Arc<Self>, ask: MetricsAsk) -> Answered<MetricsAnswer> {
        let gather = MetricsGather::of(&ask.query).map_err(Refusal::query)?;
        match self.way()? {
            Way::Alone(region) => {
                self.ask_alone(&region, ask, |region, call| region.metrics(call).boxed()).await
            }
            Way::Assembled => {
                let candidates = candidates::of_query(&ask.query.query, &self.plan);
                self.decide(Decision::over(candidates, gather, &ask)).await
            }
        }
    }
}
