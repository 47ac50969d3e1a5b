//! Names of attributes and the values they have, as far as the caller may see them.

use std::sync::Arc;

use futures::FutureExt;

use super::by_id::Federation;
use super::query::{Answered, TagValuesAsk, TagsAsk, Way};
use crate::model::{TagNames, TagValues};

impl Federation {
    pub async fn tag_names(self: &Arc<Self>, ask: TagsAsk) -> Answered<TagNames> {
        match self.way()? {
            Way::Alone(region) => {
                self.ask_alone(&region, ask, |region, call| region.tag_names(call).boxed()).await
            }
            Way::Assembled => Err(super::Refusal::lost()),
        }
    }

    pub async fn tag_values(self: &Arc<Self>, ask: TagValuesAsk) -> Answered<TagValues> {
        match self.way()? {
            Way::Alone(region) => {
                self.ask_alone(&region, ask, |region, call| region.tag_values(call).boxed()).await
            }
            Way::Assembled => Err(super::Refusal::lost()),
        }
    }
}
