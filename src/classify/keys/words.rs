//! Rules about words of a key, however it is written: `cardNumber`, `card_number`, `CARD-NUMBER`, `cardnumber`.

use hashbrown::HashMap;

use super::KeyClass;
use super::dictionary::WORDS_PER_RULE_MAX;

/// Rules by the hash of their words. The hash stands for the words: two that meet in 64 bits would only class a
/// key that no rule is about, and whoever names keys to that end could name them anything.
#[derive(Debug, Clone, Default)]
pub(super) struct Words {
    rules: HashMap<u64, Rule, foldhash::fast::FixedState>,
    /// What follows from rules and is not said: kept apart until all that is said is known.
    derived: Vec<(u64, Rule)>,
    skip: Vec<u64>,
    /// The most words of a rule.
    longest: usize,
}

#[derive(Debug, Clone, Copy)]
struct Rule {
    words: usize,
    bytes: usize,
    says: KeyClass,
}

/// FNV-1a: a byte at a time, as words come.
const SEED: u64 = 0xcbf2_9ce4_8422_2325;
const PRIME: u64 = 0x0100_0000_01b3;

/// A word of a key: its hash, and how long it is.
#[derive(Debug, Clone, Copy, Default)]
struct Word {
    hash: u64,
    bytes: usize,
}

impl Words {
    pub(super) fn add(&mut self, words: &[Vec<u8>], says: KeyClass) {
        let rule =
            |words: &[Vec<u8>]| Rule { words: words.len(), bytes: words.iter().map(Vec::len).sum(), says };
        self.rules.insert(sequence(words), rule(words));
        self.longest = self.longest.max(words.len());
        let joined = vec![words.concat()];
        let mut others = vec![joined.clone(), plural(&joined)];
        others.push(plural(words));
        for other in others {
            self.derived.push((sequence(&other), rule(&other)));
        }
    }

    pub(super) fn skip(&mut self, word: &[u8]) {
        self.skip.push(hash(word));
    }

    pub(super) fn settle(&mut self) {
        for (hash, rule) in std::mem::take(&mut self.derived) {
            // `tokens` are counted, whatever a `token` is.
            let is_skipped = rule.words == 1 && self.skip.iter().any(|word| chain(SEED, *word) == hash);
            if !is_skipped {
                self.rules.entry(hash).or_insert(rule);
            }
        }
        self.skip.sort_unstable();
    }

    /// The rule with the most words, then the most letters, then the last in the key.
    pub(super) fn of(&self, key: &[u8]) -> Option<KeyClass> {
        if self.rules.is_empty() {
            return None;
        }
        // The last words, the latest first: a rule ends with the word that was read last.
        let mut latest = [Word::default(); WORDS_PER_RULE_MAX];
        let mut count = 0_usize;
        let mut best: Option<Rule> = None;
        let mut is_about = false;
        let mut asks = false;
        each_word(key, |word| {
            latest.rotate_right(1);
            if let Some(slot) = latest.first_mut() {
                *slot = word;
            }
            count += 1;
            if count == 1 {
                asks = ASKING.contains(&word.hash);
            }
            match self.ending_here(&latest, count) {
                Some(rule) if best.is_none_or(|best| rule.weight() >= best.weight()) => {
                    best = Some(rule);
                    is_about = asks && count > rule.words;
                }
                _ => is_about |= self.skip.binary_search(&word.hash).is_ok(),
            }
        });
        let says = best?.says;
        Some(if is_about { KeyClass::Unknown } else { says })
    }

    fn ending_here(&self, latest: &[Word; WORDS_PER_RULE_MAX], count: usize) -> Option<Rule> {
        let lengths = (1..=self.longest.min(count)).rev();
        let mut rules = lengths.filter_map(|length| {
            let words = latest.iter().take(length).rev();
            let rule = self.rules.get(&words.fold(SEED, |all, word| chain(all, word.hash)))?;
            (rule.words == length).then_some(*rule)
        });
        rules.next()
    }
}

impl Rule {
    fn weight(self) -> (usize, usize) {
        (self.words, self.bytes)
    }
}

/// First words of keys that ask about a thing, or count it: `has_email`.
const ASKING: [u64; 9] = [
    hash(b"is"),
    hash(b"has"),
    hash(b"are"),
    hash(b"should"),
    hash(b"can"),
    hash(b"num"),
    hash(b"total"),
    hash(b"min"),
    hash(b"max"),
];

fn plural(words: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let mut words = words.to_vec();
    if let Some(last) = words.last_mut() {
        last.push(b's');
    }
    words
}

const fn hash(word: &[u8]) -> u64 {
    let mut hash = SEED;
    let mut rest = word;
    while let Some((byte, after)) = rest.split_first() {
        hash = step(hash, *byte);
        rest = after;
    }
    hash
}

const fn step(hash: u64, byte: u8) -> u64 {
    (hash ^ byte as u64).wrapping_mul(PRIME)
}

fn chain(all: u64, word: u64) -> u64 {
    (all.rotate_left(17) ^ word).wrapping_mul(PRIME)
}

fn sequence(words: &[Vec<u8>]) -> u64 {
    words.iter().fold(SEED, |all, word| chain(all, hash(word)))
}

/// The words of a name in lower case.
pub(super) fn split(name: &[u8]) -> Vec<Vec<u8>> {
    let mut words = Vec::new();
    let mut current = Vec::new();
    each_byte(name, |begins, byte| {
        if begins && !current.is_empty() {
            words.push(std::mem::take(&mut current));
        }
        current.extend(byte);
    });
    if !current.is_empty() {
        words.push(current);
    }
    words
}

fn each_word(name: &[u8], mut take: impl FnMut(Word)) {
    const NONE: Word = Word { hash: SEED, bytes: 0 };
    let mut current = NONE;
    each_byte(name, |begins, byte| {
        if begins && current.bytes > 0 {
            take(std::mem::replace(&mut current, NONE));
        }
        if let Some(byte) = byte {
            current.hash = step(current.hash, byte);
            current.bytes += 1;
        }
    });
    if current.bytes > 0 {
        take(current);
    }
}

/// Each letter or digit in lower case, with whether a word begins here; none for what stands between words.
/// Words begin after a separator, where lower case turns to upper (`cardNumber`), before the last capital of a
/// row (`HTTPServer`), and where letters turn to digits or back.
fn each_byte(name: &[u8], mut take: impl FnMut(bool, Option<u8>)) {
    let mut before = Letter::None;
    for (at, byte) in name.iter().enumerate() {
        let here = Letter::of(*byte);
        let begins = match (before, here) {
            (_, Letter::None) => {
                before = here;
                take(true, None);
                continue;
            }
            (Letter::None | Letter::Lower, Letter::Upper) => true,
            (Letter::Upper, Letter::Upper) => begins_word(name, at),
            (Letter::Upper, Letter::Lower) => false,
            (before, here) => before != here,
        };
        before = here;
        take(begins, Some(byte.to_ascii_lowercase()));
    }
}

/// Whether the last capital of a row begins a word: the `S` of `HTTPServer`, but not the `P` of `clientIPs`.
fn begins_word(name: &[u8], at: usize) -> bool {
    let is_lower = |at: usize| name.get(at).is_some_and(|byte| Letter::of(*byte) == Letter::Lower);
    is_lower(at + 1) && (is_lower(at + 2) || name.get(at + 1) != Some(&b's'))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Letter {
    None,
    Lower,
    Upper,
    Digit,
}

impl Letter {
    fn of(byte: u8) -> Self {
        match byte {
            b'a'..=b'z' | 0x80.. => Self::Lower,
            b'A'..=b'Z' => Self::Upper,
            b'0'..=b'9' => Self::Digit,
            _ => Self::None,
        }
    }
}
