//! A search: traces that match, with rows that say what is true of the whole trace.

use std::sync::Arc;

use futures::FutureExt;

use super::assembled::Decision;
use super::by_id::Federation;
use super::candidates;
use super::origin::Origin;
use super::query::{Answered, SearchAsk, Way};
use super::refusal::Refusal;
use crate::evaluate::gather::{Gather, SearchGather};
use crate::model::SearchAnswer;
use crate::model::search::SearchAsked;

impl Federation {
    /// Traces that match, the newest first.
    pub async fn search(self: &Arc<Self>, ask: SearchAsk) -> Answered<SearchAnswer> {
        let gather = SearchGather::of(&ask.query).map_err(Refusal::query)?;
        let origin = Origin::of_search(&ask.query);
        match origin.way(self.way()?) {
            Way::Alone(region) => {
                self.ask_alone(&region, ask, |region, call| region.search(call).boxed()).await
            }
            Way::Assembled => {
                let (reach, rows, planner) = (gather.reach(), ask.query.limit, self.planner());
                let wanted = match &ask.query.asked {
                    SearchAsked::Query(text) => candidates::of_search(text, &planner, reach, rows),
                    SearchAsked::Tags { .. } => {
                        candidates::everything(&planner, reach, gather.order(), Some(rows))
                    }
                };
                self.decide(Decision::over(wanted, gather, &ask, origin.marks())).await
            }
        }
    }
}
