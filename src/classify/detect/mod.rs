//! What stands in a value: e-mail addresses, card numbers, tokens and the rest, found by hand-anchored
//! scanners behind one pass over the bytes, and confirmed by `validate`.
//!
//! Knows a value and the words of its key, and nothing of policies, regions or treatments. Nothing here
//! looks further than a bounded window, so that time is linear in the length of the value.

mod cards;
mod context;
mod detector;
mod email;
mod finder;
mod geo;
mod groups;
mod jwt;
mod letters;
mod network;
mod numbers;
mod obscured;
mod overlap;
mod phones;
mod prefixes;
mod sad;
mod secrets;
mod survey;
mod view;
mod wallets;

use std::ops::Range;

use super::decode::{Decoded, Decoder};
use super::validate::token;
pub use context::Context;
pub use detector::{Detector, Detectors};
use finder::Finder;
use overlap::Found;
use survey::Survey;
use view::{View, Word, Words};

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

/// The longest value that is looked into, as places in it are kept in four bytes. A longer one is taken to be
/// secret as a whole.
pub const VALUE_BYTES_MAX: usize = u32::MAX as usize;

/// Memory that a value left behind and that is kept for the next; what is above is given back.
const KEPT_BYTES_MAX: usize = 8 << 20;

/// Memory that is used again for the next value, so that a clean one allocates nothing.
#[derive(Debug, Default)]
pub struct Scratch {
    decoder: Decoder,
    words: Words,
    found: Vec<Found>,
    hits: Vec<Hit>,
    /// Objects in base64 that are looked into, and the memory for that.
    objects: Vec<Range<usize>>,
    inner_words: Words,
    inner_found: Vec<Found>,
}

impl Scratch {
    /// Gives back what a very long value took.
    fn shrink(&mut self) {
        let words = self.words.capacity() + self.inner_words.capacity();
        let found = (self.found.capacity() + self.hits.capacity()) * size_of::<Found>();
        if words + found + self.decoder.capacity() > KEPT_BYTES_MAX {
            let hits = std::mem::take(&mut self.hits);
            *self = Self { hits, ..Self::default() };
            self.hits.shrink_to_fit();
        }
    }
}

/// What is asked of every value of a key.
#[derive(Clone, Copy)]
struct Question {
    context: Context,
    care: Care,
    wanted: Detectors,
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
    if text.len() > VALUE_BYTES_MAX {
        let range = 0..text.len();
        scratch.hits.push(Hit { range, detector: Detector::Secret, strength: Strength::Strong });
        return &scratch.hits;
    }
    let survey = Survey::of(text.as_bytes());
    if survey.is_clean(text.len(), context) || wanted.is_empty() {
        return &scratch.hits;
    }
    let question = Question { context, care, wanted };
    let Scratch { decoder, words, found, hits, .. } = scratch;
    found.clear();
    let decoded = if survey.may_be_escaped() { decoder.decode(text.as_bytes()) } else { None };
    let bytes = decoded.map_or(text.as_bytes(), Decoded::bytes);
    let survey = if decoded.is_some() { Survey::of(bytes) } else { survey };
    scratch.objects.clear();
    look(bytes, survey, question, words, found, &mut scratch.objects);
    for object in &scratch.objects {
        let inner = (&mut scratch.inner_words, &mut scratch.inner_found);
        look_inside(bytes, object, question, inner, found);
    }
    if !found.is_empty() {
        if let Some(decoded) = decoded {
            found.iter_mut().for_each(|found| found.range = decoded.original(found.range.clone()));
        }
        for found in found.iter_mut() {
            found.range =
                text.floor_char_boundary(found.range.start)..text.ceil_char_boundary(found.range.end);
        }
        overlap::resolve(found, hits);
    }
    scratch.shrink();
    &scratch.hits
}

/// All scanners over one text.
fn look(
    bytes: &[u8],
    survey: Survey,
    question: Question,
    words: &mut Words,
    found: &mut Vec<Found>,
    objects: &mut Vec<Range<usize>>,
) {
    words.read(bytes);
    let words = words.all();
    let mut finder = Finder {
        view: View { bytes, words },
        key: question.context,
        care: question.care,
        wanted: question.wanted,
        done: 0,
        run: 0..0,
        run_tries: 0,
        measured: 0,
        objects_end: 0,
        has_foreign: survey.may_be_escaped() && !bytes.is_ascii(),
        said: (None, Context::NONE),
        found,
    };
    secrets::whole(&mut finder, bytes);
    let mut urls = 0..0;
    if survey.has(survey::AT) && survey.has(survey::COLON) {
        let before = finder.found.len();
        secrets::with_scheme(&mut finder);
        urls = before..finder.found.len();
        secrets::without_scheme(&mut finder);
    }
    if survey.has(survey::AT) {
        email::scan(&mut finder, urls);
    }
    // What was found so far lies anywhere; from here on words are taken from left to right.
    finder.done = 0;
    for (index, word) in words.iter().enumerate() {
        if word.start() >= finder.done {
            look_at(&mut finder, index, *word, objects);
        }
    }
}

/// All that may begin with one word.
fn look_at(finder: &mut Finder<'_>, index: usize, word: Word, objects: &mut Vec<Range<usize>>) {
    if word.is_number() {
        let is_done = secrets::refresh(finder, word)
            || letters::in_sixteens(finder, index, word)
            || letters::hyphened(finder, index, word);
        if !is_done {
            numbers::scan(finder, index, word);
        }
        return;
    }
    if jwt::scan(finder, word) {
        return;
    }
    if let Some(object) = jwt::object(finder, word) {
        // Whatever is in it is looked for when all else is done.
        objects.push(object);
    }
    if word.len() >= wallets::BYTES_MIN && wallets::scan(finder, word) || secrets::scan(finder, index, word) {
        return;
    }
    letters::scan(finder, index, word);
}

/// An object in base64: what stands in it is where it is.
fn look_inside(
    bytes: &[u8],
    object: &Range<usize>,
    question: Question,
    (words, inner): (&mut Words, &mut Vec<Found>),
    found: &mut Vec<Found>,
) {
    let mut room = [0; token::DECODED_MAX];
    let encoded = bytes.get(object.clone()).unwrap_or_default();
    let Some(decoded) = token::decoded(encoded, &mut room) else { return };
    inner.clear();
    // An object in an object is not opened.
    look(decoded, Survey::of(decoded), question, words, inner, &mut Vec::new());
    let strongest = inner.iter().filter(|found| found.strength == Strength::Strong);
    if let Some(most) = strongest.max_by_key(|found| found.detector) {
        found.push(Found { range: object.clone(), ..most.clone() });
    }
}

#[cfg(test)]
mod tests;
