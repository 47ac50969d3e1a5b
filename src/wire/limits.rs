//! Numbers that bound what is read from the wire.

/// Levels of arrays and key-value lists inside one attribute. OTLP sets no limit; SDKs and the
/// Collector stay in single digits, and every level costs a stack frame here.
pub const VALUE_DEPTH_MAX: usize = 200;
