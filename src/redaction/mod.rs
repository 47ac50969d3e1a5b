//! The valve: raw bytes of a region go in, a caller's view comes out.
//!
//! `Raw` can be moved and not read; only this room opens it, and only this room makes `Redacted`.
//! Redaction happens per region and before the merge, because a rule depends on where a span came from.

pub mod query;
pub mod rewrite;
pub mod ring;
pub mod rows;
mod seal;
pub mod treat;

pub use query::Permitted;
pub use rewrite::{Marks, RegionRules, View};
pub use seal::{Raw, Redacted};
