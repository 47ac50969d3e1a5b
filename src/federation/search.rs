//! A search: traces that match, with rows that say what is true of the whole trace.

use std::sync::Arc;

use futures::FutureExt;

use super::by_id::Federation;
use super::query::{Answered, SearchAsk, Way};
use crate::model::SearchAnswer;

impl Federation {
    /// Traces that match, the newest first.
    pub async fn search(self: &Arc<Self>, ask: SearchAsk) -> Answered<SearchAnswer> {
        match self.way()? {
            Way::Alone(region) => {
                self.ask_alone(&region, ask, |region, call| region.search(call).boxed()).await
            }
            Way::Assembled => Err(super::Refusal::lost()),
        }
    }
}
