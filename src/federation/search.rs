//! A search: traces that match, with rows that say what is true of the whole trace.

use std::sync::Arc;

use futures::FutureExt;

use super::assembled::Decision;
use super::behalf::whole_search;
use super::by_id::Federation;
use super::candidates;
use super::growing::Teller;
use super::origin::Origin;
use super::query::{Answered, SearchAsk, Way};
use super::refusal::Refusal;
use crate::evaluate::TagsSearch;
use crate::evaluate::gather::{Gather, SearchGather};
use crate::evaluate::outline::Outline;
use crate::model::search::SearchAsked;
use crate::model::{Answer, Mode, Outcome, SearchAnswer, SearchQuery};
use crate::redaction::rows;
use crate::traceql;

impl Federation {
    /// Traces that match, the newest first.
    ///
    /// A page that lacks something says so and does not say where to go on: what it lacks would be in no page, and
    /// a trace that it shows without its beginning would be in two.
    pub async fn search(self: &Arc<Self>, ask: SearchAsk) -> Answered<SearchAnswer> {
        match ask.mode {
            Mode::Fast => self.search_soon(ask).await,
            Mode::Strict | Mode::BestEffort => self.search_telling(ask, Teller::silent()).await,
        }
    }

    pub(super) async fn search_telling(
        self: &Arc<Self>,
        ask: SearchAsk,
        teller: Teller<SearchAnswer>,
    ) -> Answered<SearchAnswer> {
        let whole = whole_search(&ask.query);
        let answered = self.on_errand(Some(whole), true).rows(ask, teller).await;
        if let Some(refusal) = Self::withheld_by_all(&answered) {
            return Err(refusal);
        }
        let mut answer = answered?;
        if answer.coverage.outcome() != Outcome::Complete {
            answer.value = answer.value.map(|rows| SearchAnswer { next: None, ..rows });
        }
        Ok(answer)
    }

    /// What is asked of traces in outline, where the query can be decided so. A row that a region makes is not
    /// treated, so whatever it tells must be shown as it is stored. Regions in this process send whole traces at
    /// least as fast.
    fn outline_of(&self, query: &SearchQuery, origin: Origin) -> Option<Outline> {
        let SearchAsked::Query(text) = &query.asked else { return None };
        let is_near = self.regions.iter().all(|region| region.is_embedded());
        if is_near || self.has_peers() || origin.is_named() {
            return None;
        }
        let outline = Outline::of(&traceql::compile(text).ok()?)?;
        let (sights, names) = (self.sights(), outline.names());
        (0..sights.len()).all(|rank| rows::shows(&sights, rank, &names)).then_some(outline)
    }

    async fn rows(self: &Arc<Self>, ask: SearchAsk, teller: Teller<SearchAnswer>) -> Answered<SearchAnswer> {
        let gather = SearchGather::of(&ask.query).map_err(Refusal::query)?;
        let origin = Origin::of_search(&ask.query);
        let ask = self.permit(ask)?;
        let page = ask.query.page;
        match origin.way(self.way()?) {
            // Only an embedded region knows pages.
            Way::Alone(region) if page.is_none() || region.is_embedded() => {
                let _open = teller.count().put(0);
                self.ask_alone(&region, ask, |region, call| region.search(call).boxed()).await
            }
            _ => {
                let (reach, rows, planner) = (gather.reach(), ask.query.limit, self.planner());
                let mut wanted = match &ask.query.asked {
                    SearchAsked::Query(text) => candidates::of_search(text, &planner, reach, rows),
                    SearchAsked::Tags { tags, min_duration_ms, max_duration_ms } => {
                        match TagsSearch::new(tags, *min_duration_ms, *max_duration_ms).weaker() {
                            Some(text) => candidates::of_search(&text, &planner, reach, rows),
                            None => candidates::everything(&planner, reach, gather.order(), Some(rows)),
                        }
                    }
                };
                if let Some(page) = page {
                    // Every page follows the same one condition, so that a trace is listed at the same time for
                    // each; with several, it could be listed for one of them by a part that starts too late.
                    wanted.queries.truncate(1);
                    wanted.latest = page.after().map_or(u64::MAX, |after| after.listed);
                }
                let outline = self.outline_of(&ask.query, origin);
                let decision = Decision::over(wanted, gather, &ask, origin.marks());
                let answer = self.decide(Decision { outline, ..decision }, teller).await?;
                if !self.plan.is_by_content() {
                    return Ok(answer);
                }
                // When a trace was listed may depend on what is not shown, so the next page lists from the top.
                let value = answer.value.map(|mut rows| {
                    rows.next.iter_mut().for_each(|next| next.listed = u64::MAX);
                    rows
                });
                Ok(Answer { value, coverage: answer.coverage })
            }
        }
    }
}
