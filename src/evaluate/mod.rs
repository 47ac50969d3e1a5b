//! TraceQL over assembled traces. Only the type of a filter so far: none can be compiled yet.

pub mod filter;
