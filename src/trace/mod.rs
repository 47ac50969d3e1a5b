//! The indexed trace: the bytes that arrived, and where in them each span lies.
//!
//! Nothing here decodes a trace into objects, and nothing awaits. What a region sent is scanned once
//! (`index`), joined with the others (`join`), looked at as a tree (`tree`), annotated (`clock`, `crossing`,
//! `stand_in`, `witness`), put in order (`arrange`) and written out in slices (`emit`).

pub mod arrange;
pub mod clock;
pub mod crossing;
pub mod cycle;
pub mod diff;
pub mod emit;
pub mod emit_json;
pub mod index;
pub mod join;
pub mod own_keys;
pub mod size;
pub mod span;
pub mod stand_in;
pub mod tree;
pub mod witness;
mod written;
mod zipkin;

#[cfg(test)]
mod tests;

pub use arrange::Assembled;
pub use index::{Chunk, ScanError, scan};
pub use join::Joined;
