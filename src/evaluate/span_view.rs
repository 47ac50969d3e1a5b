//! What evaluation asks of a span.
//!
//! A trait, because the same query runs over bytes on the wire and over whatever a test makes up. Values
//! are borrowed; nothing is asked that the query does not name.

use crate::traceql::value::Value;

/// Who holds an attribute of a span.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holder {
    Span,
    Resource,
    Instrumentation,
}

/// One span with its resource and instrumentation scope.
pub trait SpanView {
    type Event<'e>: EventView
    where
        Self: 'e;
    type Link<'l>: LinkView
    where
        Self: 'l;

    fn id(&self) -> &[u8];
    /// Empty for a root.
    fn parent_id(&self) -> &[u8];
    fn name(&self) -> &str;
    /// Nanoseconds of the epoch.
    fn start(&self) -> u64;
    fn end(&self) -> u64;
    /// In OTLP's numbers.
    fn kind(&self) -> i32;
    /// In OTLP's numbers; 0 (unset) where there is no status.
    fn status(&self) -> i32;
    fn status_message(&self) -> &str;
    /// `None` where there is no scope at all; a scope without a name has an empty one.
    fn scope_name(&self) -> Option<&str>;
    fn scope_version(&self) -> Option<&str>;
    /// The first attribute of this key. `Some(Nil)` is an attribute whose value TraceQL cannot express
    /// (bytes, maps, arrays of mixed types); it still hides those of wider holders.
    fn attribute(&self, holder: Holder, key: &str) -> Option<Value<'_>>;
    fn events(&self) -> impl Iterator<Item = Self::Event<'_>>;
    fn links(&self) -> impl Iterator<Item = Self::Link<'_>>;
}

pub trait EventView {
    fn name(&self) -> &str;
    /// Nanoseconds of the epoch.
    fn time(&self) -> u64;
    fn attribute(&self, key: &str) -> Option<Value<'_>>;
}

pub trait LinkView {
    fn trace_id(&self) -> &[u8];
    fn span_id(&self) -> &[u8];
    fn attribute(&self, key: &str) -> Option<Value<'_>>;
}
