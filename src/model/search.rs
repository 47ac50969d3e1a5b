//! A search and its answer: rows, one for each trace that matches.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::TraceId;
use super::value::ShownValue;

/// What is asked of a search. The text is checked before it is asked of anyone.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SearchQuery {
    pub asked: SearchAsked,
    /// At most so many traces.
    pub limit: u32,
    /// At most so many spans shown of each spanset; `matched` counts all.
    pub spans_per_set: u32,
    /// Unix seconds: traces whose whole interval overlaps this one.
    pub window: Option<Window>,
    /// Which page of its rows, where it is asked page by page.
    pub page: Option<Page>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Page {
    First,
    After(Position),
}

/// Where a page ended. Rows have one definite order: the newest start first; of the same, the smaller id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Position {
    /// Of the last row.
    pub start: u64,
    pub id: TraceId,
    /// What regions hold of the rows to come starts no later than this, as they list it. A part of a trace may
    /// start later than the whole, so this is not always the start of the last row.
    pub listed: u64,
}

impl Position {
    /// Whether a row belongs to a page that goes on from here.
    pub fn is_before(self, start: u64, id: TraceId) -> bool {
        (Reverse(self.start), self.id) < (Reverse(start), id)
    }
}

impl Page {
    /// What it goes on from.
    pub fn after(self) -> Option<Position> {
        match self {
            Self::First => None,
            Self::After(position) => Some(position),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum SearchAsked {
    /// TraceQL.
    Query(String),
    /// The older form: every tag has this value, and the trace lasts so long. Rows have no spans then.
    Tags {
        tags: BTreeMap<String, String>,
        /// Milliseconds; none where 0.
        min_duration_ms: u32,
        max_duration_ms: u32,
    },
}

/// Unix seconds, start before end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Window {
    pub start: u32,
    pub end: u32,
}

/// The rows of a search, the newest trace first, and what it took.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SearchAnswer {
    pub traces: Vec<TraceRow>,
    pub inspected: Inspected,
    /// Where it ends, of a page that is not the last.
    pub next: Option<Position>,
}

/// One trace that matches.
#[derive(Debug, Clone, PartialEq)]
pub struct TraceRow {
    pub id: TraceId,
    /// Empty where no root is known.
    pub root_service: String,
    pub root_name: String,
    /// Nanoseconds of the epoch.
    pub start: u64,
    pub duration_ns: u64,
    /// Empty for the older form of a search.
    pub span_sets: Vec<SpanSet>,
    pub service_stats: BTreeMap<String, ServiceStats>,
}

/// Spans of one trace that belong together.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SpanSet {
    /// Of those that match, at most as many as asked for.
    pub spans: Vec<SpanRow>,
    pub matched: u32,
    /// What the query computed over the set, by its own text: `count()`, `by(.a)`.
    pub attributes: Vec<(String, ShownValue)>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct SpanRow {
    pub id: [u8; 8],
    /// Empty where the query does not look at names.
    pub name: String,
    /// Nanoseconds of the epoch.
    pub start: u64,
    pub duration_ns: u64,
    /// What the query looked at, by bare name.
    pub attributes: Vec<(String, ShownValue)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ServiceStats {
    pub spans: u32,
    pub errors: u32,
}

/// What answering took.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Inspected {
    pub traces: u64,
    pub spans: u64,
    pub bytes: u64,
}

impl Inspected {
    pub fn add(&mut self, other: Self) {
        self.traces = self.traces.saturating_add(other.traces);
        self.spans = self.spans.saturating_add(other.spans);
        self.bytes = self.bytes.saturating_add(other.bytes);
    }
}
