//! A search: traces that match, with rows that say what is true of the whole trace.

use std::sync::Arc;

use futures::FutureExt;

use super::assembled::Decision;
use super::by_id::Federation;
use super::query::{Answered, EVERY_TRACE, SearchAsk, Way};
use super::refusal::Refusal;
use crate::evaluate::gather::SearchGather;
use crate::model::SearchAnswer;

impl Federation {
    /// Traces that match, the newest first.
    pub async fn search(self: &Arc<Self>, ask: SearchAsk) -> Answered<SearchAnswer> {
        let gather = SearchGather::of(&ask.query).map_err(Refusal::query)?;
        match self.way()? {
            Way::Alone(region) => {
                self.ask_alone(&region, ask, |region, call| region.search(call).boxed()).await
            }
            Way::Assembled => {
                let decision = Decision {
                    gather,
                    candidates: EVERY_TRACE.to_owned(),
                    mode: ask.mode,
                    deadline: ask.deadline,
                };
                self.decide(decision).await
            }
        }
    }
}
