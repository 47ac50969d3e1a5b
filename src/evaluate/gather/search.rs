//! A search, trace by trace.

use std::collections::HashSet;

use super::{Gather, Order, Reach, Room};
use crate::evaluate::rows::Summary;
use crate::evaluate::{QueryError, Rows, Search, TagsSearch, TraceRows, overlaps};
use crate::model::TraceId;
use crate::model::search::{Inspected, Page, SearchAnswer, SearchAsked, SearchQuery, Window};
use crate::traceql;
use crate::traceql::value::Failure;

/// The newest rows of a search.
///
/// Tempo gives any so many matching traces, and the newest where it is asked for them; the newest are right
/// either way, so they are what is always given.
#[derive(Debug)]
pub struct SearchGather {
    asked: Asked,
    /// The only traces it is about, where it names some.
    only: Option<HashSet<TraceId>>,
    spans_per_set: u32,
    window: Option<Window>,
    rows: Rows,
    /// Of a page that is not the first: no row of it is listed later.
    latest: u64,
}

#[derive(Debug)]
enum Asked {
    Query(Box<Search>),
    Tags(TagsSearch),
}

impl SearchGather {
    pub fn of(query: &SearchQuery) -> Result<Self, QueryError> {
        let mut only = None;
        let asked = match &query.asked {
            SearchAsked::Query(text) => {
                let query = traceql::compile(text)?;
                only = traceql::only_traces(&query).map(HashSet::from_iter);
                Asked::Query(Box::new(Search::of(&query)?))
            }
            SearchAsked::Tags { tags, min_duration_ms, max_duration_ms } => {
                Asked::Tags(TagsSearch::new(tags, *min_duration_ms, *max_duration_ms))
            }
        };
        Ok(Self {
            asked,
            only,
            spans_per_set: query.spans_per_set,
            window: query.window,
            rows: Rows::of_page(query.limit, query.page),
            latest: query.page.and_then(Page::after).map_or(u64::MAX, |after| after.listed),
        })
    }
}

impl Gather for SearchGather {
    type Answer = SearchAnswer;

    fn order(&self) -> Order {
        Order::Newest
    }

    fn reach(&self) -> Option<Reach> {
        Reach::of(self.window)
    }

    fn reaches(&self, summary: &Summary) -> bool {
        self.window.is_none_or(|window| overlaps(summary, window))
    }

    fn take(&mut self, trace: &TraceRows<'_>, listed: u64) -> Result<(), Failure> {
        let row = match &self.asked {
            Asked::Query(search) => search.decide(trace, self.spans_per_set)?,
            Asked::Tags(search) => search.decide(trace),
        };
        if let Some(row) = row {
            self.rows.push(row, listed);
        }
        Ok(())
    }

    fn is_about(&self, id: &TraceId) -> bool {
        self.only.as_ref().is_none_or(|only| only.contains(id))
    }

    fn latest(&self) -> u64 {
        self.latest
    }

    fn room(&self) -> Option<Room> {
        Some(self.rows.room())
    }

    fn wants(&self, start: u64) -> bool {
        let is_possible = match &self.asked {
            Asked::Query(search) => !search.is_noop(),
            Asked::Tags(_) => true,
        };
        is_possible && self.rows.admits(start)
    }

    fn settled(&mut self, next: u64) -> Option<SearchAnswer> {
        let traces = self.rows.settle(next);
        (!traces.is_empty()).then(|| SearchAnswer { traces, ..SearchAnswer::default() })
    }

    fn finish(self, inspected: Inspected) -> SearchAnswer {
        let (traces, next) = self.rows.finish();
        SearchAnswer { traces, inspected, next }
    }
}
