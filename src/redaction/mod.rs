//! The valve: raw bytes of a region go in, a caller's view comes out.
//!
//! `Raw` can be moved and not read; only this room opens it, and only this room makes `Redacted`.
//! Redaction happens per region and before the merge, because a rule depends on where a span came from.

mod by_key;
mod engine;
pub mod inspect;
mod kept;
pub mod query;
mod redactor;
pub mod rewrite;
pub mod ring;
pub mod rows;
mod seal;
pub mod told;
mod treat;

pub use by_key::MASK;
pub use engine::Treated;
pub use kept::Vault;
pub use query::Permitted;
pub use redactor::{Redactor, RedactorError};
pub use rewrite::{Marks, RegionRules, View};
pub use ring::KeyRing;
pub use seal::{Raw, Redacted};
