//! A text searched for all values at once, as it stands there and as it would be read without its escapes. All
//! that stands anywhere in it is found, what overlaps too: nothing that was looked for is left.

use std::ops::Range;

use super::values::{Budget, Here, Value, Values};
use super::{ECHO_CHARS_MIN, Unsearched, forms};
use crate::classify::Finding;
use crate::classify::decode::{Decoded, Decoder};
use crate::model::ClassId;

/// Bytes read at one time; so many zeros stand behind a text.
const STEP: usize = 8;
/// Texts so long that memory of them is not kept for the next.
const KEPT_BYTES_MAX: usize = 4 << 20;

#[derive(Debug)]
pub(in crate::redaction::engine) struct Search {
    /// Found anywhere.
    long: Values<STEP>,
    /// Found as words.
    words: Values<ECHO_CHARS_MIN>,
}

/// Memory that is used again for the next text.
#[derive(Debug, Default)]
pub(in crate::redaction::engine) struct Memory {
    decoder: Decoder,
    form: Vec<u8>,
    found: Vec<(Range<usize>, ClassId)>,
    findings: Vec<Finding>,
    /// Steps that were taken, of all texts.
    #[cfg(test)]
    pub steps: usize,
}

impl Memory {
    /// Forgets the text, and gives back what a very long one took.
    fn clear(&mut self) {
        self.findings.clear();
        if self.form.capacity() + self.decoder.capacity() > KEPT_BYTES_MAX {
            self.form = Vec::new();
            self.decoder = Decoder::default();
        }
    }
}

impl Search {
    pub(super) fn new(long: Vec<Value>, words: Vec<Value>) -> Self {
        Self { long: Values::of(long), words: Values::of(words) }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.long.is_empty() && self.words.is_empty()
    }

    /// Whether a text says any of it, as far as that can be known.
    pub fn may_be_in(&self, text: &str, memory: &mut Memory) -> bool {
        !matches!(self.find(text, memory), Ok([]))
    }

    /// Where a text says which.
    pub fn find<'m>(&self, text: &str, memory: &'m mut Memory) -> Result<&'m [Finding], Unsearched> {
        memory.clear();
        if text.len() < ECHO_CHARS_MIN {
            return Ok(&memory.findings);
        }
        // Places in a decoded text are counted in four bytes.
        if u32::try_from(text.len()).is_err() {
            return Err(Unsearched);
        }
        let Memory { decoder, form, found, findings, .. } = memory;
        let mut budget = Budget::of(text.len());
        let whole =
            |range: Range<usize>| text.floor_char_boundary(range.start)..text.ceil_char_boundary(range.end);
        let mut look = |bytes: &[u8], found: &mut Vec<_>| {
            form.clear();
            forms::fold(bytes, form);
            form.extend_from_slice(&[0; STEP]);
            found.clear();
            self.look(form, bytes.len(), &mut budget, found)
        };
        let mut outcome = look(text.as_bytes(), found);
        findings.extend(found.drain(..).map(|(range, class)| Finding { range: whole(range), class }));
        if outcome.is_ok()
            && let Some(decoded) = decoder.decode(text.as_bytes())
        {
            outcome = look(Decoded::bytes(decoded), found);
            let original = |(range, class)| Finding { range: whole(decoded.original(range)), class };
            findings.extend(found.drain(..).map(original));
        }
        #[cfg(test)]
        {
            memory.steps += Budget::of(text.len()).left() - budget.left();
        }
        outcome.map(|()| memory.findings.as_slice())
    }

    /// All that stands in a form of so many bytes, with zeros behind it.
    fn look(
        &self,
        padded: &[u8],
        bytes: usize,
        budget: &mut Budget,
        found: &mut Vec<(Range<usize>, ClassId)>,
    ) -> Result<(), Unsearched> {
        let form = padded.get(..bytes).unwrap_or_default();
        // How far what was found reaches: what ends within it adds nothing.
        let (mut long_end, mut word_end) = (0, 0);
        for (at, eight) in padded.windows(STEP).enumerate() {
            let eight = <[u8; STEP]>::try_from(eight).map_or(0, u64::from_le_bytes);
            let (is_long, is_word) = (self.long.may_begin(eight), self.words.may_begin(eight));
            if !is_long && !is_word {
                continue;
            }
            let rest = form.get(at..).unwrap_or_default();
            if is_long
                && let Some(here) = self.long.longest(rest, budget)?
                && at + here.length > long_end
            {
                long_end = at + here.length;
                found.push((at..long_end, here.class));
            }
            if is_word
                && let Some(here) = self.word(form, at, budget)?
                && at + here.length > word_end
            {
                word_end = at + here.length;
                found.push((at..word_end, here.class));
            }
        }
        Ok(())
    }

    /// The longest value from here on that is a word of its own.
    fn word(&self, form: &[u8], at: usize, budget: &mut Budget) -> Result<Option<Here>, Unsearched> {
        if last_char(form.get(..at).unwrap_or_default()).is_some_and(char::is_alphanumeric) {
            return Ok(None);
        }
        let mut here = self.words.longest(form.get(at..).unwrap_or_default(), budget)?;
        while let Some(word) = here {
            let after = form.get(at + word.length..).unwrap_or_default();
            if !first_char(after).is_some_and(char::is_alphanumeric) {
                break;
            }
            here = self.words.shorter(word, budget)?;
        }
        Ok(here)
    }
}

fn last_char(bytes: &[u8]) -> Option<char> {
    let is_begin = |byte: &u8| !matches!(byte, 0x80..=0xbf);
    let begin = bytes.iter().rposition(is_begin)?;
    first_char(bytes.get(begin..)?)
}

/// The character that bytes begin with; none where they begin with no text.
fn first_char(bytes: &[u8]) -> Option<char> {
    match bytes {
        [] => None,
        [first @ 0..=0x7f, ..] => Some(char::from(*first)),
        [..] => {
            let few = bytes.get(..bytes.len().min(4))?;
            few.utf8_chunks().next()?.valid().chars().next()
        }
    }
}
