//! Plan, ask, redact, assemble, decide, answer. Knows no status code, no header and no URL.

mod assemble;
mod assembled;
mod behalf;
pub mod by_id;
mod candidates;
mod constant;
mod diff;
mod fanout;
pub mod filter;
mod flights;
mod growing;
mod kept;
mod listing;
mod metrics;
mod origin;
mod outlines;
mod planned;
mod prewarm;
pub mod query;
pub mod refusal;
mod search;
pub mod settings;
mod tags;
mod told;

pub use behalf::passing;
pub use by_id::{Ask, Federation, Found, InProgress, Lookup, Progress};
pub use candidates::questions;
pub use filter::TraceFilter;
pub use growing::{Growing, Grown, Growth, Questions};
pub use kept::{Forgotten, KeptBodies};
pub use metrics::no_metrics_over;
pub use planned::Planner;
pub use prewarm::NotAhead;
pub use query::{DiffAsk, MetricsAsk, Question, SearchAsk, TagValuesAsk, TagsAsk};
pub use refusal::{Refusal, Why};
pub use settings::{Additions, DeclaredFacts, FederationSettings, MetricsSettings, SearchSettings};
