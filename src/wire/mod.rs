//! Bytes of the formats: protobuf, OTLP, Tempo's messages, Tempo's JSON. No I/O, never awaits.

pub mod json;
pub mod otlp;
pub mod protobuf;
pub mod tempo;
