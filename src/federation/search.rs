//! A search: traces that match, with rows that say what is true of the whole trace.

use std::sync::Arc;

use futures::FutureExt;

use super::assembled::Decision;
use super::by_id::Federation;
use super::candidates::{self, EVERY_TRACE};
use super::query::{Answered, SearchAsk, Way};
use super::refusal::Refusal;
use crate::evaluate::gather::SearchGather;
use crate::model::SearchAnswer;
use crate::model::search::SearchAsked;

impl Federation {
    /// Traces that match, the newest first.
    pub async fn search(self: &Arc<Self>, ask: SearchAsk) -> Answered<SearchAnswer> {
        let gather = SearchGather::of(&ask.query).map_err(Refusal::query)?;
        match self.way()? {
            Way::Alone(region) => {
                self.ask_alone(&region, ask, |region, call| region.search(call).boxed()).await
            }
            Way::Assembled => {
                let candidates = match &ask.query.asked {
                    SearchAsked::Query(text) => candidates::of_query(text, &self.plan),
                    SearchAsked::Tags { .. } => EVERY_TRACE.to_owned(),
                };
                self.decide(Decision::over(candidates, gather, &ask)).await
            }
        }
    }
}
