//! Names of attributes and the values they have, as far as the caller may see them.

use std::sync::Arc;

use futures::FutureExt;

use super::assembled::Decision;
use super::by_id::Federation;
use super::origin::{self, Origin};
use super::query::{Answered, TagValuesAsk, TagsAsk, Way};
use super::refusal::Refusal;
use crate::evaluate::gather::{TagNamesGather, TagValuesGather};
use crate::model::{Answer, TagNames, TagValues};
use crate::redaction::Marks;

impl Federation {
    pub async fn tag_names(self: &Arc<Self>, ask: TagsAsk) -> Answered<TagNames> {
        let gather = TagNamesGather::of(&ask.query).map_err(Refusal::tags)?;
        match Origin::of_names(&ask.query).way(self.way()?) {
            Way::Alone(region) => {
                let query = ask.query.clone();
                let answer = self.ask_alone(&region, ask, |region, call| region.tag_names(call).boxed());
                let Answer { value, coverage } = answer.await?;
                let value = value.map(|mut names| {
                    origin::add_name(&mut names, &query);
                    names
                });
                Ok(Answer { value, coverage })
            }
            // It is a name like others where it is on every resource.
            Way::Assembled => {
                self.decide(Decision::over(self.every_trace(), gather, &ask, Marks::Origin)).await
            }
        }
    }

    pub async fn tag_values(self: &Arc<Self>, ask: TagValuesAsk) -> Answered<TagValues> {
        let gather = TagValuesGather::of(&ask.query).map_err(Refusal::tags)?;
        let origin = Origin::of_values(&ask.query);
        match origin.way(self.way()?) {
            Way::Alone(region) => {
                self.ask_alone(&region, ask, |region, call| region.tag_values(call).boxed()).await
            }
            Way::Assembled => {
                self.decide(Decision::over(self.every_trace(), gather, &ask, origin.marks())).await
            }
        }
    }
}
