//! What stands in a value: e-mail addresses, card numbers, tokens and the rest, found by hand-anchored
//! scanners behind one pass over the bytes, and confirmed by `validate`.
//!
//! Knows a value and the words of its key, and nothing of policies, regions or treatments. Nothing here
//! looks further than a bounded window, so that time is linear in the length of the value.

mod context;
mod detector;

use std::ops::Range;

pub use context::Context;
pub use detector::{Detector, Detectors};

/// How sure a hit is. A strong one has a checksum, or a shape that nothing else has; a weak one is a bare
/// number that one in ten others would match as well, and counts only with context or in paranoid care.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Strength {
    Weak,
    Strong,
}

/// Whether a weak hit needs a word of its kind, in the key or shortly before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Care {
    /// It does: what looks like a number is a number.
    Balanced,
    /// It does not: rather a number too many than a person.
    Paranoid,
}

/// One place in a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hit {
    /// Bytes of the value as it was given, on the boundaries of characters. Where the value is encoded, they
    /// cover the encoded form.
    pub range: Range<usize>,
    pub detector: Detector,
    pub strength: Strength,
}

/// Memory that is used again for the next value, so that a clean one allocates nothing.
#[derive(Debug, Default)]
pub struct Scratch {
    hits: Vec<Hit>,
}

/// What of `wanted` stands in `text`: sorted and not overlapping.
pub fn detect<'a>(
    text: &str,
    context: Context,
    care: Care,
    wanted: Detectors,
    scratch: &'a mut Scratch,
) -> &'a [Hit] {
    scratch.hits.clear();
    let _ = (text, context, care, wanted);
    &scratch.hits
}
