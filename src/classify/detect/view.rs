//! A value as the scanners see it: its bytes, and its words with what they are made of.
//!
//! A word is a run of ASCII letters and digits; everything else stands between words. Finding them is the one
//! pass over all bytes; scanners then look at words, and at a bounded number of bytes around one.

use super::Context;

/// How far before a place a word may stand that says what follows, and how many words are asked.
const BEFORE_BYTES_MAX: usize = 40;
const BEFORE_WORDS_MAX: usize = 5;

/// What stands in a word, as bits.
pub const DIGIT: u8 = 1;
/// `a` to `f`.
pub const HEX: u8 = 2;
/// `g` to `z`.
pub const LETTER: u8 = 4;
pub const UPPER: u8 = 8;
pub const LOWER: u8 = 16;

#[derive(Debug, Clone, Copy, Default)]
pub struct Word {
    start: u32,
    end: u32,
    kinds: u8,
}

impl Word {
    pub const fn start(self) -> usize {
        self.start as usize
    }

    pub const fn end(self) -> usize {
        self.end as usize
    }

    pub const fn len(self) -> usize {
        (self.end - self.start) as usize
    }

    pub const fn is_number(self) -> bool {
        self.kinds == DIGIT
    }

    /// Digits of sixteen, in one case or both.
    pub const fn is_hex(self) -> bool {
        self.kinds & LETTER == 0
    }

    pub const fn has(self, kind: u8) -> bool {
        self.kinds & kind != 0
    }
}

const KINDS: [u8; 256] = kinds();

const fn kinds() -> [u8; 256] {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let letter = byte as u8;
        #[expect(clippy::indexing_slicing, reason = "the loop ends with the table")]
        {
            table[byte] = match letter {
                b'0'..=b'9' => DIGIT,
                b'a'..=b'f' => HEX | LOWER,
                b'g'..=b'z' => LETTER | LOWER,
                b'A'..=b'F' => HEX | UPPER,
                b'G'..=b'Z' => LETTER | UPPER,
                _ => 0,
            };
        }
        byte += 1;
    }
    table
}

fn kind(byte: u8) -> u8 {
    #[expect(clippy::indexing_slicing, reason = "the table has an entry for every byte")]
    KINDS[byte as usize]
}

/// The words of a value, in memory that is used again.
#[derive(Debug, Default)]
pub struct Words {
    /// Longer than what is in use: what lies behind is of values before.
    slots: Vec<Word>,
    count: usize,
}

impl Words {
    /// Takes a value apart. Where words end is not foreseeable, so that nothing here branches on it.
    pub fn read(&mut self, bytes: &[u8]) {
        let most = bytes.len() / 2 + 1;
        if self.slots.len() < most {
            self.slots.resize(most, Word::default());
        }
        let (mut start, mut kinds, mut count) = (0, 0, 0);
        for (at, byte) in (0u32..).zip(bytes) {
            let here = kind(*byte);
            let (was_word, is_word) = (kinds != 0, here != 0);
            if let Some(slot) = self.slots.get_mut(count) {
                *slot = Word { start, end: at, kinds };
            }
            count += usize::from(was_word & !is_word);
            start = if was_word { start } else { at };
            kinds = if is_word { kinds | here } else { 0 };
        }
        if let Some(slot) = self.slots.get_mut(count).filter(|_| kinds != 0) {
            *slot = Word { start, end: u32::try_from(bytes.len()).unwrap_or(u32::MAX), kinds };
            count += 1;
        }
        self.count = count;
    }

    pub fn all(&self) -> &[Word] {
        self.slots.get(..self.count).unwrap_or_default()
    }

    /// Bytes of memory held.
    pub fn capacity(&self) -> usize {
        self.slots.capacity() * size_of::<Word>()
    }
}

/// What is looked at.
#[derive(Debug, Clone, Copy)]
pub struct View<'a> {
    pub bytes: &'a [u8],
    pub words: &'a [Word],
}

impl<'a> View<'a> {
    /// The byte at a place; 0 where there is none.
    pub fn byte(&self, at: usize) -> u8 {
        self.bytes.get(at).copied().unwrap_or(0)
    }

    /// The byte before a place; 0 at the beginning.
    pub fn before(&self, at: usize) -> u8 {
        at.checked_sub(1).map_or(0, |at| self.byte(at))
    }

    pub fn text(&self, start: usize, end: usize) -> &'a [u8] {
        self.bytes.get(start..end).unwrap_or_default()
    }

    pub fn rest(&self, start: usize) -> &'a [u8] {
        self.bytes.get(start..).unwrap_or_default()
    }

    /// At most `most` bytes from a place on.
    pub fn up_to(&self, start: usize, most: usize) -> &'a [u8] {
        let rest = self.rest(start);
        rest.get(..most.min(rest.len())).unwrap_or_default()
    }

    pub fn word(&self, index: usize) -> Option<Word> {
        self.words.get(index).copied()
    }

    pub fn word_text(&self, word: Word) -> &'a [u8] {
        self.text(word.start(), word.end())
    }

    /// The word after the one at `index`, if a single `sign` stands between.
    pub fn joined(&self, index: usize, sign: u8) -> Option<Word> {
        let (word, next) = (self.word(index)?, self.word(index + 1)?);
        (next.start() == word.end() + 1 && self.byte(word.end()) == sign).then_some(next)
    }

    /// The word before the one at `index`, if a single `sign` stands between.
    pub fn joined_before(&self, index: usize, sign: u8) -> Option<Word> {
        let before = index.checked_sub(1)?;
        self.joined(before, sign)?;
        self.word(before)
    }

    /// What the words shortly before the one at `index` say.
    pub fn said_before(&self, index: usize) -> Context {
        let Some(word) = self.word(index) else { return Context::NONE };
        let first = index.saturating_sub(BEFORE_WORDS_MAX);
        let near = self.words.get(first..index).unwrap_or_default().iter();
        let near = near.filter(|before| before.end() + BEFORE_BYTES_MAX >= word.start());
        near.filter(|before| !before.is_number())
            .fold(Context::NONE, |said, before| said | Context::of_word(self.word_text(*before)))
            .whole()
    }

    /// Where the run of bytes that `is_part` says ends, at most `most` bytes on.
    pub fn run_end(&self, start: usize, most: usize, is_part: fn(u8) -> bool) -> usize {
        start + self.rest(start).iter().take(most).take_while(|byte| is_part(**byte)).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_taken_apart_into_words() {
        let text = "Card 4111-aB,é9 ";
        let mut read = Words::default();
        read.read(text.as_bytes());
        let words = read.all();
        let view = View { bytes: text.as_bytes(), words };
        let texts: Vec<&[u8]> = words.iter().map(|word| view.word_text(*word)).collect();
        assert_eq!(texts, [&b"Card"[..], b"4111", b"aB", b"9"]);
        assert!(words[1].is_number() && words[2].is_hex() && words[2].has(UPPER) && !words[0].is_hex());
        assert!(view.said_before(1).contains(Context::CARD));
        assert!(view.joined(1, b'-').is_some() && view.joined(0, b'-').is_none());
        assert!(view.joined_before(2, b'-').is_some() && view.joined_before(0, b'-').is_none());
    }
}
