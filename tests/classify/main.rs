//! What is found in values, and what is left alone: over a corpus of thousands of attributes, and over any text.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "tests"
)]

#[path = "../support/corpus_privacy/mod.rs"]
mod corpus_privacy;
#[path = "../support/dice.rs"]
mod dice;

mod gates;
mod properties;
mod score;
