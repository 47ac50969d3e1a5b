//! The whole gateway behind its router, over simulated regions and on paused time: one module for each
//! promise. Nothing here listens, and no real time passes.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::disallowed_methods,
    reason = "a test may fail by panicking, and so may what it is made of"
)]

#[path = "../support/dice.rs"]
mod dice;
#[path = "../support/disk.rs"]
mod disk;
#[path = "../support/estate.rs"]
mod estate;
#[path = "../support/fakes.rs"]
mod fakes;
#[path = "../support/log.rs"]
mod log;
#[path = "../support/seen.rs"]
mod seen;
#[path = "../support/spans.rs"]
mod spans;
#[path = "../support/stored.rs"]
mod stored;
#[path = "../support/tempopb.rs"]
mod tempopb;

mod cancel;
mod claims;
mod crossing;
mod diff;
mod fast;
mod growing;
mod honesty;
mod kept;
mod locality;
mod overload;
mod parts;
mod questions;
mod residency;
mod schedules;
mod streaming;
mod telling;
mod twelve;
mod weird;
