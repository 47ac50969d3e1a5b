//! What was seen under one key. A value is looked at once and forgotten; of it stay counts, and a digest that tells
//! two values apart for as long as the tally lives.

use std::collections::{BTreeMap, HashSet};
use std::hash::BuildHasher;

use foldhash::fast::RandomState;

use super::shape::shape;
use crate::classify::classifier::Classifier;
use crate::classify::detect::{self, Care, Context, Detector, Detectors, Strength, detect};
use crate::classify::keys::KeyClass;
use crate::classify::structure::parse;

/// Different values of one key that are looked at. What a key is for shows in far fewer.
pub const VALUES_MAX: usize = 500;

/// Bytes of one value that are looked at: what a key is for shows at its beginning.
pub const VALUE_BYTES_MAX: usize = 16 << 10;

/// Different shapes that are kept of one key.
const SHAPES_MAX: usize = 32;

/// More words are a sentence.
const WORDS_MAX: usize = 3;

/// A longer word is no plain one.
const PLAIN_BYTES_MAX: usize = 32;

/// Ids have so many letters and digits, and some of both.
const OPAQUE_BYTES_MIN: usize = 8;

/// How many of a hundred bytes of a value must be of a hit for the value to be it.
const WHOLE_PERCENT: usize = 90;

/// In how many values a detector found something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Found {
    pub detector: Detector,
    /// Values in which something stands.
    pub any: u64,
    /// Of these, where it has a checksum or a shape that nothing else has.
    pub strong: u64,
    /// Of these, where it is the whole value.
    pub whole: u64,
}

#[derive(Debug)]
pub struct Tally {
    key: String,
    says: KeyClass,
    values: u64,
    is_cut: bool,
    found: BTreeMap<Detector, Found>,
    shapes: BTreeMap<String, u64>,
    sentences: u64,
    opaque: u64,
    plain: u64,
    unread: u64,
    seen: HashSet<u64>,
    state: RandomState,
}

impl Found {
    pub fn is_share(&self, percent: u64, of: u64) -> bool {
        self.whole * 100 >= of * percent
    }
}

impl Tally {
    pub fn new(classifier: &Classifier, key: &str) -> Self {
        Self {
            key: key.to_owned(),
            says: classifier.key(key).class,
            values: 0,
            is_cut: false,
            found: BTreeMap::new(),
            shapes: BTreeMap::new(),
            sentences: 0,
            opaque: 0,
            plain: 0,
            unread: 0,
            seen: HashSet::new(),
            state: RandomState::default(),
        }
    }

    /// Looks at a value, unless it is one that was looked at, or there were enough.
    pub fn take(&mut self, value: &str, scratch: &mut detect::Scratch) {
        let digest = self.state.hash_one(value);
        if self.seen.contains(&digest) {
            return;
        }
        if self.seen.len() >= VALUES_MAX {
            self.is_cut = true;
            return;
        }
        self.seen.insert(digest);
        self.values += 1;
        let end = value.floor_char_boundary(VALUE_BYTES_MAX);
        self.look_at(value.get(..end).unwrap_or_default(), scratch);
    }

    fn look_at(&mut self, value: &str, scratch: &mut detect::Scratch) {
        let length = value.trim().len().max(1);
        let mut own: BTreeMap<Detector, (bool, bool)> = BTreeMap::new();
        for hit in detect(value, Context::of_key(&self.key), Care::Paranoid, Detectors::ALL, scratch) {
            let slot = own.entry(hit.detector).or_default();
            slot.0 |= hit.strength == Strength::Strong;
            slot.1 |= hit.range.len() * 100 >= length * WHOLE_PERCENT;
        }
        let is_clean = own.is_empty();
        for (detector, (is_strong, is_whole)) in own {
            let none = Found { detector, any: 0, strong: 0, whole: 0 };
            let slot = self.found.entry(detector).or_insert(none);
            slot.any += 1;
            slot.strong += u64::from(is_strong);
            slot.whole += u64::from(is_whole);
        }
        let words = value.split_whitespace().count();
        let is_plain_word =
            |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | ' ' | '/' | ':' | '+');
        self.sentences += u64::from(words > WORDS_MAX);
        if is_opaque(value) {
            self.opaque += 1;
        } else if is_clean
            && words <= WORDS_MAX
            && value.len() <= PLAIN_BYTES_MAX
            && value.chars().all(is_plain_word)
        {
            self.plain += 1;
        }
        if let KeyClass::Structured(structure, _) = self.says {
            self.unread += u64::from(parse(structure, value, &mut Vec::new()).is_err());
        }
        let shape = shape(value);
        if self.shapes.len() < SHAPES_MAX || self.shapes.contains_key(&shape) {
            *self.shapes.entry(shape).or_default() += 1;
        }
    }

    pub fn key(&self) -> &str {
        &self.key
    }

    /// What the dictionary says of the key.
    pub fn says(&self) -> KeyClass {
        self.says
    }

    /// Different values that were looked at.
    pub fn values(&self) -> u64 {
        self.values
    }

    /// Whether there were more values than are looked at.
    pub fn is_cut(&self) -> bool {
        self.is_cut
    }

    /// What was found, in the order of the detectors.
    pub fn found(&self) -> impl Iterator<Item = &Found> {
        self.found.values()
    }

    /// The detector that finds the most values as a whole.
    pub fn most_whole(&self) -> Option<&Found> {
        self.found().filter(|found| found.whole > 0).max_by_key(|found| (found.whole, found.strong))
    }

    /// The commonest shapes, `most` of them.
    pub fn shapes(&self, most: usize) -> Vec<(&str, u64)> {
        let mut all: Vec<(&str, u64)> =
            self.shapes.iter().map(|(shape, count)| (shape.as_str(), *count)).collect();
        all.sort_by_key(|(shape, count)| (std::cmp::Reverse(*count), *shape));
        all.truncate(most);
        all
    }

    pub(super) fn sentences(&self) -> u64 {
        self.sentences
    }

    pub(super) fn opaque(&self) -> u64 {
        self.opaque
    }

    pub(super) fn plain(&self) -> u64 {
        self.plain
    }

    pub(super) fn unread(&self) -> u64 {
        self.unread
    }
}

/// An id that no one could say: hexadecimal, or letters and digits in turn.
fn is_opaque(value: &str) -> bool {
    let bytes = value.as_bytes();
    let is_one_word = bytes.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
    let digits = bytes.iter().filter(|b| b.is_ascii_digit()).count();
    let letters = bytes.iter().filter(|b| b.is_ascii_alphabetic()).count();
    let is_hex = bytes.iter().all(|b| b.is_ascii_hexdigit() || *b == b'-');
    is_one_word
        && digits + letters >= OPAQUE_BYTES_MIN
        && letters > 0
        && (digits * 4 >= letters || is_hex && digits > 0)
}
