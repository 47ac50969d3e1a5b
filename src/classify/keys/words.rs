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
    skip_last: Vec<u64>,
    skip_first: Vec<u64>,
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
    is_number: bool,
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

    pub(super) fn skip_last(&mut self, word: &[u8]) {
        self.skip_last.push(hash(word));
    }

    pub(super) fn skip_first(&mut self, word: &[u8]) {
        self.skip_first.push(hash(word));
    }

    pub(super) fn settle(&mut self) {
        for (hash, rule) in std::mem::take(&mut self.derived) {
            self.rules.entry(hash).or_insert(rule);
        }
        self.skip_last.sort_unstable();
        self.skip_first.sort_unstable();
    }

    /// The rule with the most words, then the most letters, then the last in the key.
    pub(super) fn of(&self, key: &[u8]) -> Option<KeyClass> {
        if self.rules.is_empty() {
            return None;
        }
        let mut best: Option<Rule> = None;
        // The last words, the latest first: a rule ends with the word that was read last.
        let mut latest = [Word::default(); WORDS_PER_RULE_MAX];
        let mut count = 0_usize;
        let (mut first, mut last) = (None, None);
        each_word(key, |word| {
            latest.rotate_right(1);
            if let Some(slot) = latest.first_mut() {
                *slot = word;
            }
            count += 1;
            first = first.or(Some(word.hash));
            if !word.is_number {
                last = Some(word.hash);
            }
            for length in 1..=self.longest.min(count) {
                let words = latest.iter().take(length).rev();
                let hash = words.fold(SEED, |all, word| chain(all, word.hash));
                if let Some(rule) = self.rules.get(&hash)
                    && rule.words == length
                    && best.is_none_or(|best| (rule.words, rule.bytes) >= (best.words, best.bytes))
                {
                    best = Some(*rule);
                }
            }
        });
        let is_skipped =
            |list: &[u64], word: Option<u64>| word.is_some_and(|word| list.binary_search(&word).is_ok());
        let says = best?.says;
        if is_skipped(&self.skip_last, last) || is_skipped(&self.skip_first, first) {
            return Some(KeyClass::Scan);
        }
        Some(says)
    }
}

fn plural(words: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let mut words = words.to_vec();
    if let Some(last) = words.last_mut() {
        last.push(b's');
    }
    words
}

fn hash(word: &[u8]) -> u64 {
    word.iter().fold(SEED, |hash, byte| step(hash, *byte))
}

fn step(hash: u64, byte: u8) -> u64 {
    (hash ^ u64::from(byte)).wrapping_mul(PRIME)
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
    const NONE: Word = Word { hash: SEED, bytes: 0, is_number: true };
    let mut current = NONE;
    each_byte(name, |begins, byte| {
        if begins && current.bytes > 0 {
            take(std::mem::replace(&mut current, NONE));
        }
        if let Some(byte) = byte {
            current.hash = step(current.hash, byte);
            current.bytes += 1;
            current.is_number &= byte.is_ascii_digit();
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
            (Letter::Upper, Letter::Upper) => {
                name.get(at + 1).is_some_and(|next| Letter::of(*next) == Letter::Lower)
            }
            (Letter::Upper, Letter::Lower) => false,
            (before, here) => before != here,
        };
        before = here;
        take(begins, Some(byte.to_ascii_lowercase()));
    }
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
