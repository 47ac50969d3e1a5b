//! Plan, ask, redact, assemble, decide, answer. Knows no status code, no header and no URL.

mod assemble;
pub mod by_id;
mod fanout;
pub mod filter;
pub mod refusal;
pub mod settings;

pub use by_id::{Ask, Federation, Found, InProgress, Lookup, Progress};
pub use filter::TraceFilter;
pub use refusal::{Refusal, Why};
pub use settings::{Additions, FederationSettings};
