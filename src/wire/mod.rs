//! Bytes of the formats: protobuf, OTLP, Tempo's messages, Tempo's JSON. No I/O, never awaits.

pub mod account;
pub mod answers;
pub mod check;
pub mod export;
pub mod grpc;
pub mod json;
pub mod kept;
pub mod limits;
pub mod otlp;
pub mod protobuf;
pub mod questions;
pub mod quote;
pub mod tempo;
