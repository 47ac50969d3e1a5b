//! A place in a text, and what is common to its readers: whether a name looks like one, and names decoded.

use std::borrow::Cow;

use super::{Piece, PieceKind};

/// A place in a text. Reading past the end reads nothing.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    pub(super) fn at(&self) -> usize {
        self.at
    }

    pub(super) fn go(&mut self, at: usize) {
        self.at = at.min(self.text.len());
    }

    pub(super) fn skip(&mut self, bytes: usize) {
        self.go(self.at.saturating_add(bytes));
    }

    pub(super) fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    pub(super) fn peek_at(&self, ahead: usize) -> Option<u8> {
        self.text.as_bytes().get(self.at + ahead).copied()
    }

    /// The byte before this place.
    pub(super) fn before(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at.checked_sub(1)?).copied()
    }

    pub(super) fn rest(&self) -> &'a [u8] {
        self.text.as_bytes().get(self.at..).unwrap_or_default()
    }

    pub(super) fn starts(&self, with: &str) -> bool {
        self.rest().starts_with(with.as_bytes())
    }

    pub(super) fn take_while(&mut self, is_part: impl Fn(u8) -> bool) -> &'a str {
        let from = self.at;
        let length = self.rest().iter().position(|byte| !is_part(*byte)).unwrap_or(self.rest().len());
        self.at += length;
        self.slice(from, self.at)
    }

    pub(super) fn spaces(&mut self) {
        self.take_while(|byte| byte.is_ascii_whitespace());
    }

    /// Moves to the next of some bytes, or to the end.
    pub(super) fn find(&mut self, is_found: impl Fn(u8) -> bool) -> Option<u8> {
        self.take_while(|byte| !is_found(byte));
        self.peek()
    }

    /// Empty where the bounds are not those of characters, which readers that stop at ASCII never ask for.
    pub(super) fn slice(&self, from: usize, to: usize) -> &'a str {
        self.text.get(from..to).unwrap_or_default()
    }

    pub(super) fn is_end(&self) -> bool {
        self.at >= self.text.len()
    }
}

/// The part of a text, or nothing.
pub(super) fn part(text: &str, from: usize, to: usize) -> &str {
    text.get(from..to).unwrap_or_default()
}

/// Where pieces go. Every reader has its own text; `base` is where that begins in the whole.
#[derive(Debug)]
pub(super) struct Pieces<'o, 'a> {
    pub(super) out: &'o mut Vec<Piece<'a>>,
    pub(super) base: usize,
    /// Pieces beyond this are not kept: the text is refused in the end.
    pub(super) limit: usize,
}

impl<'a> Pieces<'_, 'a> {
    pub(super) fn put(&mut self, from: usize, to: usize, what: PieceKind<'a>) {
        if self.out.len() > self.limit {
            return;
        }
        self.out.push(Piece { range: self.base + from..self.base + to, what });
    }

    pub(super) fn literal(&mut self, from: usize, to: usize) {
        self.put(from, to, PieceKind::Literal);
    }

    pub(super) fn named(&mut self, from: usize, to: usize, parent: &'a str, key: impl Into<Cow<'a, str>>) {
        self.put(from, to, PieceKind::Named { parent, key: key.into() });
    }

    /// A name stays, unless it does not look like one.
    pub(super) fn name(&mut self, from: usize, name: &str) {
        if is_odd_name(name) {
            self.put(from, from + name.len(), PieceKind::OddName);
        }
    }

    /// The same place for a part of the text.
    pub(super) fn inside(&mut self, from: usize) -> Pieces<'_, 'a> {
        Pieces { out: self.out, base: self.base + from, limit: self.limit }
    }
}

/// Bytes of a name. What is longer is text.
const NAME_BYTES_MAX: usize = 80;

/// Digits of a name, in all. An account has more of them than a column.
const NAME_DIGITS_MAX: usize = 6;

/// Whether data may stand in the place of a name.
pub(super) fn is_odd_name(name: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.$:/[]".contains(&byte);
    name.len() > NAME_BYTES_MAX
        || !name.bytes().all(is_part)
        || name.bytes().filter(u8::is_ascii_digit).count() > NAME_DIGITS_MAX
        || !name.bytes().any(|byte| byte.is_ascii_alphabetic() || byte == b'_')
        || is_like_hex(name)
}

/// Eight or more hexadecimal digits in a row, some of them digits: a hash, an id.
fn is_like_hex(name: &str) -> bool {
    let mut runs = name.split(|c: char| !c.is_ascii_hexdigit());
    runs.any(|run| run.len() >= 8 && run.bytes().any(|byte| byte.is_ascii_digit()))
}

/// Bytes of a word of a path.
const WORD_BYTES_MAX: usize = 40;

/// Bytes of a word that nothing divides.
const PLAIN_WORD_BYTES_MAX: usize = 24;

/// Whether a part of a path stands for one thing among many, and is no word: words may end in two digits
/// (`v1`, `oauth2`), stand in braces, and be joined by `-`, `_` and `.`.
pub(super) fn is_id(segment: &str) -> bool {
    let word = segment.strip_prefix('{').and_then(|inside| inside.strip_suffix('}')).unwrap_or(segment);
    let word = word.strip_prefix(':').unwrap_or(word);
    if matches!(word, "" | "*" | "." | "..") {
        return false;
    }
    word.len() > WORD_BYTES_MAX || word.split(['-', '_', '.']).any(|part| !part.is_empty() && !is_word(part))
}

fn is_word(part: &str) -> bool {
    let digits = part.bytes().rev().take_while(u8::is_ascii_digit).count();
    let letters = part.get(..part.len() - digits).unwrap_or_default();
    let turns = letters.as_bytes().windows(2).filter(
        |pair| matches!(pair, [first, second] if first.is_ascii_lowercase() && second.is_ascii_uppercase()),
    );
    let is_hex = part.len() >= 8 && part.bytes().all(|byte| byte.is_ascii_hexdigit());
    !letters.is_empty()
        && letters.bytes().all(|byte| byte.is_ascii_alphabetic())
        && digits <= 2
        && part.len() <= PLAIN_WORD_BYTES_MAX
        && turns.count() <= 4
        && !is_hex
}

/// A name of a parameter as it is meant: percent signs and plus signs undone. What is no escape stays.
pub(super) fn percent_decoded(name: &str) -> Cow<'_, str> {
    if !name.bytes().any(|byte| matches!(byte, b'%' | b'+')) {
        return Cow::Borrowed(name);
    }
    let mut bytes = name.bytes().peekable();
    let mut decoded = Vec::with_capacity(name.len());
    while let Some(byte) = bytes.next() {
        match byte {
            b'+' => decoded.push(b' '),
            b'%' => {
                let mut ahead = bytes.clone();
                match (ahead.next().and_then(hex), ahead.next().and_then(hex)) {
                    (Some(high), Some(low)) => {
                        decoded.push(high * 16 + low);
                        bytes = ahead;
                    }
                    _ => decoded.push(byte),
                }
            }
            _ => decoded.push(byte),
        }
    }
    Cow::Owned(String::from_utf8_lossy(&decoded).into_owned())
}

pub(super) fn hex(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}
