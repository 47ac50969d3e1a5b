//! Answers that a region computed over its own spans: rows, names, values, series.
//!
//! Such an answer can't be redacted: a row says that a span matched, and a number counts what was there. So
//! it passes whole where nothing of its region may be withheld, and otherwise not at all.

use super::seal::{Raw, Redacted};
use crate::model::{SearchAnswer, TraceId};
use crate::policy::RegionPlan;

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

/// Opens an answer of a region of which nothing is withheld; none of another.
pub fn pass<A>(raw: Raw<A>, plan: &RegionPlan) -> Option<Redacted<A>> {
    (!plan.withholds()).then(|| Redacted::pass(raw.open()))
}
