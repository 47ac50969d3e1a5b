//! OTLP trace exports, as an embedded region takes them in: checked, taken apart by trace, read from
//! JSON, and answered. An `ExportTraceServiceRequest` has the wire form of a trace: field 1, repeated
//! `ResourceSpans`.
//!
//! Nothing here knows where fragments are kept or how a request arrives.

pub mod answer;
pub mod check;
pub mod json;
mod json_out;
mod pasted;
pub mod split;

#[cfg(test)]
pub(crate) mod arbitrary;

pub use answer::Encoding;
pub use check::{Fault, check};
pub use json::{JsonFault, protobuf_of_json};
pub use json_out::json_of_protobuf;
pub use pasted::protobuf_of_pasted;
pub use split::{Fragment, Split, Times, split_by_trace};
