//! TraceQL over assembled traces: what a query means for the spans in hand.
//!
//! Queries are compiled once and read only the attributes they name. Knows spans through [`SpanView`] only,
//! and nothing of regions, callers or the network.

pub mod filter;
pub mod hierarchy;
mod program;
pub mod rows;
pub mod span_view;
pub mod wire_span;

#[cfg(test)]
mod tests;

pub use filter::{Filter, FilterError};
pub use hierarchy::{Hierarchy, kept};
pub use rows::TraceRows;
pub use span_view::{EventView, Holder, LinkView, SpanView};
pub use wire_span::WireSpan;
