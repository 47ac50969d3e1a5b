//! Names of attributes and the values they have, as far as the caller may see them.

use std::sync::Arc;

use futures::FutureExt;

use super::assembled::Decision;
use super::by_id::Federation;
use super::candidates::EVERY_TRACE;
use super::query::{Answered, TagValuesAsk, TagsAsk, Way};
use super::refusal::Refusal;
use crate::evaluate::gather::{TagNamesGather, TagValuesGather};
use crate::model::{TagNames, TagValues};

impl Federation {
    pub async fn tag_names(self: &Arc<Self>, ask: TagsAsk) -> Answered<TagNames> {
        let gather = TagNamesGather::of(&ask.query).map_err(Refusal::tags)?;
        match self.way()? {
            Way::Alone(region) => {
                self.ask_alone(&region, ask, |region, call| region.tag_names(call).boxed()).await
            }
            Way::Assembled => self.decide(Decision::over(EVERY_TRACE, gather, &ask)).await,
        }
    }

    pub async fn tag_values(self: &Arc<Self>, ask: TagValuesAsk) -> Answered<TagValues> {
        let gather = TagValuesGather::of(&ask.query).map_err(Refusal::tags)?;
        match self.way()? {
            Way::Alone(region) => {
                self.ask_alone(&region, ask, |region, call| region.tag_values(call).boxed()).await
            }
            Way::Assembled => self.decide(Decision::over(EVERY_TRACE, gather, &ask)).await,
        }
    }
}
