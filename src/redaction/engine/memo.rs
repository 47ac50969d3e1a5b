//! Keys and values that came up before. A trace says the same few things over and over: each pair of a key and a
//! value is looked at once, and found by a hash from then on. The bytes stay where they lie.

use std::hash::{BuildHasher, Hash, Hasher};
use std::ops::Range;

use hashbrown::HashTable;

use crate::classify::keys::KeyClass;
use crate::classify::{Finding, KeyFacts};
use crate::model::ClassId;
use crate::policy::Treatment;

/// Pairs that are remembered of one part: at some 64 bytes each, 4 MiB. Others are looked at each time.
const VALUES_MAX: usize = 1 << 16;
/// Bytes of a part in which one value may come up for the first time: room is made for so many at the start.
const BYTES_A_VALUE: usize = 256;
/// Keys of one part, at some 150 bytes each. An attribute under one more is withheld: no program writes so many, and
/// whoever does puts data in the place of keys.
pub const KEYS_MAX: usize = 1 << 16;
/// Bytes of the path of a nested key; of a longer one the end counts, which is where its name is.
const PATH_BYTES_MAX: usize = 256;

/// A key of this part.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct KeyId(u32);

impl KeyId {
    /// Of no key.
    const NONE: Self = Self(u32::MAX);
}

/// What is known of a key.
#[derive(Debug)]
pub(super) struct Key<'a> {
    pub parent: Option<KeyId>,
    pub name: &'a [u8],
    /// Dotted, from the attribute down.
    pub path: Box<str>,
    pub facts: KeyFacts,
    /// What a list of keys says of it.
    pub listed: Option<Treatment>,
    /// The key is itself something that may not be shown.
    pub is_telling: bool,
}

/// Keys by parent and name.
#[derive(Debug, Default)]
pub(super) struct Keys<'a> {
    known: Vec<Key<'a>>,
    /// Which key came after each the last time: spans of one program say the same keys in the same order.
    after: Vec<KeyId>,
    last: KeyId,
    table: HashTable<KeyId>,
    hasher: foldhash::fast::RandomState,
}

/// How a value was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Text,
    Int,
    Double,
}

/// A value under a key, and as what it was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pair<'a> {
    pub key: KeyId,
    pub class: KeyClass,
    pub form: Form,
    pub bytes: &'a [u8],
}

/// What becomes of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Becomes {
    Same,
    Nothing,
    /// A text of the store.
    Text(Stretch),
}

/// From where to where, in half the room of a range: there are as many of them as values.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Stretch {
    start: u32,
    end: u32,
}

/// A value that was looked at.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seen {
    pub becomes: Becomes,
    /// What was treated in it, of the store.
    pub parts: Stretch,
    /// Nothing is left of it in which anything could be found.
    pub is_whole: bool,
}

/// A part of a value that was treated, in bytes of the value.
#[derive(Debug, Clone, Copy)]
pub(super) struct Part {
    at: Stretch,
    pub class: ClassId,
}

/// Values by key, form and bytes.
#[derive(Debug, Default)]
pub(super) struct Values<'a> {
    table: HashTable<(Pair<'a>, Seen)>,
    hasher: foldhash::fast::RandomState,
    texts: String,
    parts: Vec<Part>,
    /// How much of the two belongs to values that are remembered.
    kept: (usize, usize),
    /// Some were not remembered.
    pub is_full: bool,
}

impl<'a> Keys<'a> {
    #[inline]
    pub fn find(&mut self, parent: Option<KeyId>, name: &[u8]) -> Option<KeyId> {
        let is_it = |id: &KeyId| {
            self.known.get(id.0 as usize).is_some_and(|key| key.name == name && key.parent == parent)
        };
        let last = self.last.0 as usize;
        if let Some(guess) = self.after.get(last).filter(|guess| is_it(guess)) {
            self.last = *guess;
            return Some(*guess);
        }
        let found = self.table.find(hash_key(&self.hasher, parent, name), is_it).copied()?;
        if let Some(after) = self.after.get_mut(last) {
            *after = found;
        }
        self.last = found;
        Some(found)
    }

    pub fn add(&mut self, parent: Option<KeyId>, key: Key<'a>) -> KeyId {
        let hash = hash_key(&self.hasher, parent, key.name);
        let id = self.push(key);
        let (hasher, known) = (&self.hasher, &self.known);
        self.table.insert_unique(hash, id, |id| {
            known.get(id.0 as usize).map_or(0, |key| hash_key(hasher, key.parent, key.name))
        });
        id
    }

    /// Whether no more keys can be known.
    pub fn is_full(&self) -> bool {
        self.known.len() >= KEYS_MAX
    }

    fn push(&mut self, key: Key<'a>) -> KeyId {
        let id = KeyId(u32::try_from(self.known.len()).unwrap_or(u32::MAX));
        self.known.push(key);
        self.after.push(KeyId::NONE);
        id
    }

    /// A place that has no key, as a key that no attribute finds.
    pub fn add_place(&mut self, name: &'a str, facts: KeyFacts) -> KeyId {
        let name = name.as_bytes();
        self.push(Key { parent: None, name, path: "".into(), facts, listed: None, is_telling: false })
    }

    #[inline]
    pub fn get(&self, id: KeyId) -> Option<&Key<'a>> {
        self.known.get(id.0 as usize)
    }

    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut Key<'a>> {
        self.known.iter_mut()
    }
}

#[inline]
fn hash_key(hasher: &foldhash::fast::RandomState, parent: Option<KeyId>, name: &[u8]) -> u64 {
    let mut state = hasher.build_hasher();
    state.write_u32(parent.map_or(u32::MAX, |parent| parent.0));
    state.write(name);
    state.finish()
}

/// The dotted path of a key within another.
pub(super) fn path_of(parent: &str, name: &str) -> Box<str> {
    if parent.is_empty() {
        return name.into();
    }
    let path = format!("{parent}.{name}");
    let from = path.ceil_char_boundary(path.len().saturating_sub(PATH_BYTES_MAX));
    path.get(from..).unwrap_or_default().into()
}

impl<'a> Values<'a> {
    /// Values of so many bytes of messages.
    pub fn of(bytes: usize) -> Self {
        let table = HashTable::with_capacity((bytes / BYTES_A_VALUE).min(VALUES_MAX));
        Self { table, ..Self::default() }
    }

    #[inline]
    pub fn hash(&self, pair: &Pair<'_>) -> u64 {
        hash_pair(&self.hasher, pair)
    }

    #[inline]
    pub fn find(&self, hash: u64, pair: &Pair<'a>) -> Option<&Seen> {
        self.table.find(hash, |(known, _)| known == pair).map(|(_, seen)| seen)
    }

    /// Remembers a value, if there is room.
    pub fn remember(&mut self, hash: u64, pair: Pair<'a>, seen: Seen) {
        if self.table.len() >= VALUES_MAX {
            self.is_full = true;
            return;
        }
        self.kept = (self.texts.len(), self.parts.len());
        let hasher = &self.hasher;
        self.table.insert_unique(hash, (pair, seen), |(pair, _)| hash_pair(hasher, pair));
    }

    /// Forgets what `is_stale` says; whether there was any.
    pub fn forget(&mut self, mut is_stale: impl FnMut(&Pair<'a>, &Seen, &[Part]) -> bool) -> bool {
        let (before, parts) = (self.table.len(), &self.parts);
        self.table
            .retain(|(pair, seen)| !is_stale(pair, seen, parts.get(seen.parts.range()).unwrap_or_default()));
        self.table.len() < before
    }

    /// Begins to write a text: where it begins, and where its parts do.
    pub fn begin(&mut self) -> (usize, usize) {
        // What is not remembered is needed until it is written, and no longer.
        self.texts.truncate(self.kept.0);
        self.parts.truncate(self.kept.1);
        self.kept
    }

    /// Where the text that was begun is written.
    pub fn text_mut(&mut self) -> &mut String {
        &mut self.texts
    }

    pub fn push(&mut self, part: Part) {
        self.parts.push(part);
    }

    /// What was written since it was begun.
    pub fn written(&self, (text, part): (usize, usize)) -> (Stretch, Stretch) {
        (Stretch::of(text, self.texts.len()), Stretch::of(part, self.parts.len()))
    }

    pub fn text(&self, text: Stretch) -> &str {
        self.texts.get(text.range()).unwrap_or_default()
    }

    pub fn parts(&self, parts: Stretch) -> &[Part] {
        self.parts.get(parts.range()).unwrap_or_default()
    }
}

impl Part {
    pub fn of(range: &Range<usize>, class: ClassId) -> Self {
        Self { at: Stretch::of(range.start, range.end), class }
    }

    /// Whether what was found was treated with it, and as the same.
    pub fn covers(&self, finding: &Finding) -> bool {
        let other = Stretch::of(finding.range.start, finding.range.end);
        let is_within = self.at.start <= other.start && other.end <= self.at.end;
        is_within && self.class == finding.class && other.end < u32::MAX
    }
}

impl Stretch {
    fn of(start: usize, end: usize) -> Self {
        let narrow = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        Self { start: narrow(start), end: narrow(end) }
    }

    pub fn is_empty(self) -> bool {
        self.start == self.end
    }

    fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }
}

#[inline]
fn hash_pair(hasher: &foldhash::fast::RandomState, pair: &Pair<'_>) -> u64 {
    let mut state = hasher.build_hasher();
    state.write_u32(pair.key.0);
    pair.form.hash(&mut state);
    state.write(pair.bytes);
    state.finish()
}

impl Hash for Form {
    #[inline]
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u8(*self as u8);
    }
}
