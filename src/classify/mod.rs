//! What a key and a value say about a person: the dictionary of keys, the structures of values, and the
//! detectors of what stands in them. Never looks at more than the key and the text in hand: same input, same
//! output.
//!
//! Knows nothing of regions, policies or treatments: it says what something is, never what becomes of it.

pub mod classifier;
pub mod decode;
pub mod detect;
pub mod keys;
pub mod look;
pub mod place;
pub mod propose;
pub mod structure;
pub mod validate;

pub use classifier::{Classifier, Finding, KeyFacts, Verdict};
pub use look::Look;
pub use place::Place;
