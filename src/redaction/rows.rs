//! Answers that a region computed over its own spans: rows, names, values, series.
//!
//! Such an answer can't be redacted: a row says that a span matched, and a number counts what was there. So
//! it passes whole where nothing of its region may be withheld, and otherwise not at all.

use super::seal::{Raw, Redacted};
use crate::policy::RegionPlan;

/// Opens an answer of a region of which nothing is withheld; none of another.
pub fn pass<A>(raw: Raw<A>, plan: &RegionPlan) -> Option<Redacted<A>> {
    (!plan.withholds()).then(|| Redacted::pass(raw.open()))
}
