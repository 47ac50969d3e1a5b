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
use crate::model::search::SearchAsked;
use crate::model::{Outcome, SearchAnswer};

impl Federation {
    /// Traces that match, the newest first.
    ///
    /// A page that lacks something says so and does not say where to go on: what it lacks would be in no page, and
    /// a trace that it shows without its beginning would be in two.
    pub async fn search(self: &Arc<Self>, ask: SearchAsk) -> Answered<SearchAnswer> {
        let mut answer = self.rows(ask).await?;
        if answer.coverage.outcome() != Outcome::Complete {
            answer.value = answer.value.map(|rows| SearchAnswer { next: None, ..rows });
        }
        Ok(answer)
    }

    async fn rows(self: &Arc<Self>, ask: SearchAsk) -> Answered<SearchAnswer> {
        let gather = SearchGather::of(&ask.query).map_err(Refusal::query)?;
        let origin = Origin::of_search(&ask.query);
        let ask = self.permit(ask)?;
        let page = ask.query.page;
        match origin.way(self.way()?) {
            // Only an embedded region knows pages.
            Way::Alone(region) if page.is_none() || region.is_embedded() => {
                self.ask_alone(&region, ask, |region, call| region.search(call).boxed()).await
            }
            _ => {
                let (reach, rows, planner) = (gather.reach(), ask.query.limit, self.planner());
                let mut wanted = match &ask.query.asked {
                    SearchAsked::Query(text) => candidates::of_search(text, &planner, reach, rows),
                    SearchAsked::Tags { .. } => {
                        candidates::everything(&planner, reach, gather.order(), Some(rows))
                    }
                };
                if let Some(page) = page {
                    // Every page follows the same one condition, so that a trace is listed at the same time for
                    // each; with several, it could be listed for one of them by a part that starts too late.
                    wanted.queries.truncate(1);
                    wanted.latest = page.after().map_or(u64::MAX, |after| after.listed);
                }
                self.decide(Decision::over(wanted, gather, &ask, origin.marks())).await
            }
        }
    }
}
