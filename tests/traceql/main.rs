//! TraceQL by our own corpus: what is accepted, what is refused and how, and what queries over small traces
//! answer. By construct, in files a person reads.
//!
//! What is expected was answered by a real Tempo; to ask one again:
//! `TEMPO_BIN=.. cargo test --test traceql -- --ignored expectations`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::unreachable,
    clippy::indexing_slicing,
    clippy::string_slice,
    dead_code,
    reason = "a test may fail by panicking, and its supports serve other binaries too"
)]

#[path = "../support/answer.rs"]
mod answer;
#[path = "../support/dice.rs"]
mod dice;
#[path = "../support/embedded.rs"]
mod embedded;
#[path = "../support/http.rs"]
mod http;
#[path = "../support/query_tempo.rs"]
mod query_tempo;
#[path = "../support/question.rs"]
mod question;
#[path = "../support/random_queries.rs"]
mod random_queries;
#[path = "../support/random_traces.rs"]
mod random_traces;
#[path = "../support/server.rs"]
mod server;
#[path = "../support/sketch.rs"]
mod sketch;

mod evaluated;
mod expectations;
mod language;
mod support;
