//! What a key and a value say about a person: the dictionary of keys, the structures of values, and the
//! detectors of what stands in them. Never looks at more than the key and the text in hand: same input, same
//! output.
//!
//! Knows nothing of regions, policies or treatments: it says what something is, never what becomes of it.

pub mod decode;
pub mod detect;
pub mod keys;
pub mod structure;
pub mod validate;
