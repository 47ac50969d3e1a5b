//! What keys and texts tell, as far as it decides what may be asked.

use crate::classify::detect::{Care, Context, Detectors, Scratch, detect};
use crate::classify::keys::KeyClass;
use crate::classify::place::Place;
use crate::redaction::Redactor;

/// What begins whatever is left of a treated value, but for what is only made coarser.
const MARKS: [&str; 5] = ["‹", "…", "<redacted>", "pn:", "pr:"];

/// What may stand for a part of a text with structure.
const PLACEHOLDERS: &[char] = &['{', '}', '*', '?', '[', ']', '~'];

/// Reads as the redactor does.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reading<'r>(pub &'r Redactor);

impl Reading<'_> {
    pub fn key(self, key: &str) -> KeyClass {
        self.0.classifier().key(key).class
    }

    /// What a text without a key is.
    pub fn place(self, place: Place) -> KeyClass {
        self.0.classifier().place(place).class
    }

    /// Whether a value that is shown as this text is certainly stored as it: nothing is found in it, and nothing of
    /// it looks as a treatment leaves it. Rather no than yes: the region is then asked for more.
    ///
    /// `may_be_coarser` is whether values are made coarser somewhere, which leaves numbers without a mark.
    pub fn is_clean(self, key: &str, text: &str, may_be_coarser: bool) -> bool {
        let has_mark = MARKS.iter().any(|mark| text.contains(mark));
        let is_placeholder = key.is_empty() && text.contains(PLACEHOLDERS);
        let may_be_left = may_be_coarser && text.contains(|c: char| c.is_ascii_digit());
        if has_mark || is_placeholder || may_be_left || !text.is_ascii() {
            return false;
        }
        let mut scratch = Scratch::default();
        detect(text, Context::of_key(key), Care::Paranoid, Detectors::ALL, &mut scratch).is_empty()
    }
}
