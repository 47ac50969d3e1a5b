//! What lies in `deploy/`, held against what it is for, by what can run anywhere: schemas, the names of metrics,
//! `tutti check`; and by Prometheus's, Helm's and Tempo's own tools where they are. A tool that is not there is said
//! on the error stream, and nothing else of its test is claimed.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a manifest that cannot be read is a fault"
)]

#[path = "../support/source.rs"]
mod source;

mod chart;
mod compose;
mod configs;
mod grafana;
mod hour;
mod image;
mod manifests;
mod metrics;
mod prometheus;
