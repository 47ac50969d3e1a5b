//! Answers that a region computed over its own spans: rows, names, values, series.
//!
//! Such an answer can't be redacted: a row says that a span matched, and a number counts what was there. So
//! it passes whole where nothing of its region may be withheld, and otherwise not at all. Only of rows that tell
//! spans by named attributes it is enough that nothing of these is touched. What can be treated word by word is in
//! `told`.

use std::collections::BTreeMap;

use super::query::Sights;
use super::seal::{Raw, Redacted};
use crate::model::search::TraceRow;
use crate::model::{SearchAnswer, TraceId};
use crate::policy::RegionPlan;
use crate::traceql::ast::AttributeName;

/// A trace that may match, and when the region's part of it starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Candidate {
    pub id: TraceId,
    pub start: u64,
}

/// Of a search, which traces to look at. Everything else that its rows say stays behind. What was searched
/// for must name nothing that is withheld: that a trace is listed says that it matched.
pub fn candidates(raw: Raw<SearchAnswer>) -> Redacted<Vec<Candidate>> {
    let rows = raw.open().traces;
    Redacted::pass(rows.into_iter().map(|row| Candidate { id: row.id, start: row.start }).collect())
}

/// Of a search, whether it found anything, as a row that says no more than that.
pub fn existence(raw: Raw<SearchAnswer>) -> Redacted<SearchAnswer> {
    let found = raw.open().traces.into_iter().next();
    let row = found.map(|row| TraceRow {
        id: row.id,
        root_service: String::new(),
        root_name: String::new(),
        start: 0,
        duration_ns: 0,
        span_sets: Vec::new(),
        service_stats: BTreeMap::new(),
    });
    Redacted::pass(SearchAnswer { traces: row.into_iter().collect(), ..SearchAnswer::default() })
}

/// Opens an answer of a region of which nothing is withheld; none of another.
pub fn pass<A>(raw: Raw<A>, plan: &RegionPlan) -> Option<Redacted<A>> {
    (!plan.withholds()).then(|| Redacted::pass(raw.open()))
}

/// Opens rows that tell spans by attributes of these names and no others, where the region of this rank shows each of
/// them as it is stored; none otherwise. What stands under another name must not be read from them.
pub fn named(
    raw: Raw<SearchAnswer>,
    sights: &Sights<'_>,
    rank: usize,
    names: &[AttributeName],
) -> Option<Redacted<SearchAnswer>> {
    shows(sights, rank, names).then(|| Redacted::pass(raw.open()))
}

/// Whether the region of this rank shows whatever stands under these names as it is stored.
pub fn shows(sights: &Sights<'_>, rank: usize, names: &[AttributeName]) -> bool {
    names.iter().all(|name| sights.is_shown_as_stored(rank, name))
}
