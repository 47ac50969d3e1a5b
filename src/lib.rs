//! Tutti: one Tempo over several regions.
//!
//! The rooms stand on floors; a `use` only points down, and rooms on one floor do not know each other
//! (`ARCHITECTURE.md`, held by `tests/tidy.rs`).

pub mod api;
pub mod app;
pub mod audit;
pub mod backend;
pub mod cache;
pub mod classify;
pub mod cli;
pub mod config;
pub mod demo;
pub mod evaluate;
pub mod federation;
pub mod identity;
pub mod model;
pub mod policy;
pub mod proof;
pub mod redaction;
pub mod task;
pub mod telemetry;
pub mod trace;
pub mod traceql;
pub mod ui;
pub mod wire;
