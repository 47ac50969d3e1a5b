//! What a key says of its value. The entries come from whoever knows the facts; here is only how they are kept
//! and found: exact names before templates before words. Knows no class by name and reads no file.

mod dictionary;
mod template;
#[cfg(test)]
mod tests;
mod words;

pub use dictionary::{
    Dictionary, DictionaryBuilder, DictionaryError, ENTRY_BYTES_MAX, TEMPLATE_STARS_MAX, WORDS_PER_RULE_MAX,
};

use super::structure::Structure;
use crate::model::ClassId;

/// What a key says of its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum KeyClass {
    /// Untouchable, but for what no one may ever show: only strong detectors look at the value.
    Safe,
    /// The whole value is of this class, whatever stands in it.
    Whole(ClassId),
    /// The value has parts. They are found by [`parse`](super::structure::parse); a literal that nothing names
    /// is of the class given.
    Structured(Structure, ClassId),
    /// A text in which anything may stand: every detector looks at it.
    Scan,
    /// No one told of this key. What that means depends on the mode: scanned, or dropped.
    Unknown,
}

/// The words of a name in lower case, however it is written.
pub fn words_of(name: &str) -> Vec<String> {
    let words = words::split(name.as_bytes());
    words.into_iter().map(|word| String::from_utf8_lossy(&word).into_owned()).collect()
}
