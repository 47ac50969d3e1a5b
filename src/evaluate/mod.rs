//! TraceQL over assembled traces: what a query means for the spans in hand.
//!
//! Queries are compiled once and read only the attributes they name. Knows spans through [`SpanView`] only,
//! and nothing of regions, callers or the network.

pub mod collect;
pub mod engine;
pub mod fetch;
pub mod filter;
pub mod gather;
pub mod hierarchy;
pub mod outline;
mod patience;
pub mod program;
pub mod rows;
pub mod search;
pub mod series;
pub mod shown;
pub mod slots;
pub mod span_view;
pub mod tags;
pub mod tags_search;
pub mod wire_span;

#[cfg(test)]
mod made;
#[cfg(test)]
mod tests;

pub use collect::{Rows, overlaps};
pub use fetch::{Fetch, FetchError, Loaded};
pub use filter::{Filter, FilterError};
pub use gather::{Gather, MetricsGather, SearchGather};
pub use hierarchy::{Hierarchy, kept};
pub use patience::Patience;
pub use program::Program;
pub use rows::TraceRows;
pub use search::{QueryError, Search};
pub use series::Metrics;
pub use shown::shown;
pub use slots::{Slot, Slots};
pub use span_view::{EventView, Holder, LinkView, SpanView};
pub use tags::{TagNamesCollector, TagValuesCollector, TagsError};
pub use tags_search::TagsSearch;
pub use wire_span::WireSpan;
