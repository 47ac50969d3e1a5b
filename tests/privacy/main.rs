//! What may be seen, and that nothing else can be: plans by class before whole gateways over simulated regions, on
//! paused time. One module for each promise; nothing here listens.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test may fail by panicking, and so may what it is made of"
)]

#[path = "../support/disk.rs"]
mod disk;
#[path = "../support/estate.rs"]
mod estate;
#[path = "../support/log.rs"]
mod log;
#[path = "../support/spans.rs"]
mod spans;
#[path = "../support/tempopb.rs"]
mod tempopb;

mod asking;
mod audited;
mod callers;
mod grants;
mod interference;
mod page;
mod refusals;
mod surfaces;
mod told;
mod two_callers;
mod world;
