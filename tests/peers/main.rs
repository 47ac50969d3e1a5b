//! Gateways that ask each other: two and three of them in one process, on paused time, and over sockets on loopback.
//! What crosses between them is read byte by byte.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    dead_code,
    reason = "a test may fail by panicking, and so may what it is made of, of which each uses its part"
)]

#[path = "../privacy/asking.rs"]
mod asking;
#[path = "../support/estate.rs"]
mod estate;
#[path = "../support/spans.rs"]
mod spans;
#[path = "../support/tempopb.rs"]
mod tempopb;
#[path = "../privacy/world.rs"]
mod world;

mod border;
mod certificates;
mod chain;
mod delivery;
mod gates;
mod same;
mod sockets;
mod trouble;
