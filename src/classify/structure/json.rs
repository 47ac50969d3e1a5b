//! JSON, and what document stores print in its place: names without quotes, single quotes, calls such as
//! `ObjectId("..")`, patterns, several values in a row.
//!
//! Every scalar is a piece, named by the key it stands under and by the key around that. Keys stay, as long as
//! they look like keys. A text that holds JSON once more is read into, one level deep. Depth is bounded and
//! nothing recurses.

use std::borrow::Cow;

use super::read::{Pieces, Reader, hex, is_odd_name};

type Done = Result<(), &'static str>;

/// Objects and lists in one another.
pub(super) const DEPTH_MAX: usize = 64;

/// How strictly JSON is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Style {
    Strict,
    /// As a shell of a document store prints it.
    Loose,
    /// JSON in a text of JSON: quotes have a backslash.
    Inside,
}

/// A key by its place in the text.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Key {
    from: usize,
    to: usize,
}

#[derive(Debug, Clone, Copy)]
struct Level {
    closes: u8,
    /// The key that this object or list is the value of.
    around: Key,
    /// The key of the value that comes; lists have that of their own.
    key: Key,
    expects: Expects,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Expects {
    Key,
    Colon,
    Value,
    Comma,
}

struct Parser<'r, 'o, 'a> {
    reader: Reader<'a>,
    pieces: &'r mut Pieces<'o, 'a>,
    style: Style,
    levels: [Level; DEPTH_MAX],
    depth: usize,
    /// What the keys of the outermost object stand in.
    parent: &'a str,
}

const OUTSIDE: Level =
    Level { closes: 0, around: Key { from: 0, to: 0 }, key: Key { from: 0, to: 0 }, expects: Expects::Value };

/// JSON, one value or several.
pub(super) fn json<'a>(text: &'a str, parent: &'a str, pieces: &mut Pieces<'_, 'a>) -> Done {
    read(text, Style::Strict, parent, pieces)
}

/// What a document store prints.
pub(super) fn loose<'a>(text: &'a str, parent: &'a str, pieces: &mut Pieces<'_, 'a>) -> Done {
    read(text, Style::Loose, parent, pieces)
}

/// Calls one after the other: `find({..}).sort({..}).limit(5)`. The text begins with the word before the first
/// parenthesis.
pub(super) fn calls<'a>(text: &'a str, pieces: &mut Pieces<'_, 'a>) -> Done {
    let reader = Reader::new(text);
    let style = Style::Loose;
    let mut parser = Parser { reader, pieces, style, levels: [OUTSIDE; DEPTH_MAX], depth: 0, parent: "" };
    loop {
        parser.spaces();
        let Some(byte) = parser.reader.peek() else { break };
        match (parser.depth, parser.level().expects) {
            (0, _) if matches!(byte, b'.' | b';') => parser.reader.skip(1),
            // Nothing but calls stands outside: a word alone would be a value.
            (0, _) => {
                parser.reader.take_while(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
                if parser.reader.peek() != Some(b'(') {
                    return Err("it is no call");
                }
                parser.open(b')')?;
            }
            (_, Expects::Key) => parser.key(byte)?,
            (_, Expects::Colon) => parser.colon(byte)?,
            (_, Expects::Value) => parser.value(byte)?,
            (_, Expects::Comma) => parser.comma(byte)?,
        }
    }
    if parser.depth == 0 { Ok(()) } else { Err("a call is not closed") }
}

fn read<'a>(text: &'a str, style: Style, parent: &'a str, pieces: &mut Pieces<'_, 'a>) -> Done {
    let reader = Reader::new(text);
    let mut parser = Parser { reader, pieces, style, levels: [OUTSIDE; DEPTH_MAX], depth: 0, parent };
    parser.all()
}

impl<'a> Parser<'_, '_, 'a> {
    fn all(&mut self) -> Done {
        loop {
            self.spaces();
            let Some(byte) = self.reader.peek() else { break };
            match self.level().expects {
                Expects::Key => self.key(byte)?,
                Expects::Colon => self.colon(byte)?,
                Expects::Value => self.value(byte)?,
                Expects::Comma => self.comma(byte)?,
            }
        }
        if self.depth == 0 { Ok(()) } else { Err("an object or a list is not closed") }
    }

    fn level(&self) -> Level {
        self.depth.checked_sub(1).and_then(|at| self.levels.get(at)).copied().unwrap_or(OUTSIDE)
    }

    fn expect(&mut self, expects: Expects) {
        if let Some(level) = self.depth.checked_sub(1).and_then(|at| self.levels.get_mut(at)) {
            level.expects = expects;
        }
    }

    fn spaces(&mut self) {
        self.reader.spaces();
        while self.style == Style::Inside
            && self.reader.peek() == Some(b'\\')
            && matches!(self.reader.peek_at(1), Some(b'n' | b'r' | b't'))
        {
            self.reader.skip(2);
            self.reader.spaces();
        }
    }

    /// After a value: the next one, or the end of what it stands in.
    fn after_value(&mut self) {
        self.expect(Expects::Comma);
    }

    fn open(&mut self, closes: u8) -> Done {
        let level = self.level();
        let key = if closes == b'}' { Key::default() } else { level.key };
        let expects = if closes == b'}' { Expects::Key } else { Expects::Value };
        let around = if closes == b'}' { level.key } else { level.around };
        let Some(slot) = self.levels.get_mut(self.depth) else { return Err("it is nested too deep") };
        *slot = Level { closes, around, key, expects };
        self.depth += 1;
        self.reader.skip(1);
        Ok(())
    }

    fn close(&mut self, byte: u8) -> Done {
        if self.level().closes != byte {
            return Err("what is closed was not opened");
        }
        self.depth = self.depth.saturating_sub(1);
        self.reader.skip(1);
        self.after_value();
        Ok(())
    }

    fn comma(&mut self, byte: u8) -> Done {
        match byte {
            b',' => {
                self.reader.skip(1);
                let expects = if self.level().closes == b'}' { Expects::Key } else { Expects::Value };
                self.expect(expects);
                Ok(())
            }
            _ => self.close(byte),
        }
    }

    fn colon(&mut self, byte: u8) -> Done {
        // Ruby's arrow.
        let length = match byte {
            b':' => 1,
            b'=' if self.style == Style::Loose && self.reader.peek_at(1) == Some(b'>') => 2,
            _ => return Err("a key has no value"),
        };
        self.reader.skip(length);
        self.expect(Expects::Value);
        Ok(())
    }

    fn key(&mut self, byte: u8) -> Done {
        if byte == b'}' {
            return self.close(byte);
        }
        let key = match self.quote(byte) {
            Some(quote) => self.text(quote)?,
            None if self.style == Style::Loose => {
                let from = self.reader.at();
                self.reader.take_while(|byte| {
                    byte.is_ascii_alphanumeric() || b"_$.-".contains(&byte) || byte >= 0x80
                });
                Key { from, to: self.reader.at() }
            }
            None => return Err("a key is no text"),
        };
        if key == (Key { from: self.reader.at(), to: self.reader.at() }) {
            return Err("a key is no text");
        }
        let name = self.decoded(key);
        if !name.is_empty() && is_odd_name(&name) {
            self.pieces.put(key.from, key.to, super::PieceKind::OddName);
        }
        if let Some(level) = self.depth.checked_sub(1).and_then(|at| self.levels.get_mut(at)) {
            level.key = key;
            level.expects = Expects::Colon;
        }
        Ok(())
    }

    fn value(&mut self, byte: u8) -> Done {
        match byte {
            b'{' => self.open(b'}'),
            b'[' => self.open(b']'),
            b']' | b')' => self.close(byte),
            _ => match self.quote(byte) {
                Some(quote) => {
                    let value = self.text(quote)?;
                    self.put_text(value);
                    self.after_value();
                    Ok(())
                }
                None => self.word(byte),
            },
        }
    }

    /// A number, a truth, a null; in loose style also calls, patterns and what has no quotes.
    fn word(&mut self, byte: u8) -> Done {
        let from = self.reader.at();
        if byte == b'/' && self.style == Style::Loose {
            return self.pattern(from);
        }
        let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b"+-._$?".contains(&byte) || byte >= 0x80;
        let word = self.reader.take_while(is_part);
        let is_strict = matches!(word, "true" | "false" | "null" | "NaN" | "Infinity" | "-Infinity")
            || word.starts_with(|first: char| first.is_ascii_digit() || first == '-');
        if word.is_empty() || (!is_strict && self.style != Style::Loose) {
            return Err("a value is none");
        }
        if self.style == Style::Loose && !is_strict {
            if word == "new" {
                return Ok(());
            }
            if self.reader.peek() == Some(b'(') {
                // `ObjectId("..")`: what stands between the parentheses is a list.
                return self.open(b')');
            }
        }
        // A placeholder holds nothing.
        if word != "?" {
            self.put(Key { from, to: self.reader.at() });
        }
        self.after_value();
        Ok(())
    }

    fn pattern(&mut self, from: usize) -> Done {
        self.reader.skip(1);
        loop {
            match self.reader.find(|byte| matches!(byte, b'/' | b'\\' | b'\n')) {
                Some(b'\\') => self.reader.skip(2),
                Some(b'/') => break,
                _ => return Err("a pattern is not closed"),
            }
        }
        let to = self.reader.at();
        self.reader.skip(1);
        self.reader.take_while(|byte| byte.is_ascii_lowercase());
        self.put(Key { from: from + 1, to });
        self.after_value();
        Ok(())
    }

    /// Whether a text begins here, and with which quote.
    fn quote(&self, byte: u8) -> Option<u8> {
        match (self.style, byte) {
            (Style::Inside, b'\\') if self.reader.peek_at(1) == Some(b'"') => Some(b'"'),
            (Style::Inside, _) => None,
            (_, b'"') | (Style::Loose, b'\'') => Some(byte),
            _ => None,
        }
    }

    /// The place of a text between its quotes.
    fn text(&mut self, quote: u8) -> Result<Key, &'static str> {
        if self.style == Style::Inside {
            return self.inside_text();
        }
        self.reader.skip(1);
        let from = self.reader.at();
        loop {
            match self.reader.find(|byte| byte == quote || byte == b'\\') {
                None => return Err("a text is not closed"),
                Some(b'\\') => {
                    self.reader.skip(1);
                    if self.reader.is_end() {
                        return Err("a text is not closed");
                    }
                    // Whatever follows is of the text, be it of one byte or the first of several.
                    self.reader.skip(1);
                }
                Some(_) => {
                    let to = self.reader.at();
                    self.reader.skip(1);
                    return Ok(Key { from, to });
                }
            }
        }
    }

    /// Between `\"` and `\"`; a backslash in it is two, and so a quote in it is `\\\"`.
    fn inside_text(&mut self) -> Result<Key, &'static str> {
        self.reader.skip(2);
        let from = self.reader.at();
        loop {
            if self.reader.find(|byte| byte == b'\\').is_none() {
                return Err("a text is not closed");
            }
            match self.reader.peek_at(1) {
                Some(b'"') => {
                    let to = self.reader.at();
                    self.reader.skip(2);
                    return Ok(Key { from, to });
                }
                Some(b'\\') => {
                    self.reader.skip(2);
                    // What the inner backslash escapes: a quote and a backslash have one of their own.
                    let length = if self.reader.peek() == Some(b'\\') { 2 } else { 0 };
                    self.reader.skip(length);
                }
                // A quote could hide behind its number.
                Some(b'u') if self.is_ascii_escape() => return Err("a character is given by its number"),
                Some(_) => self.reader.skip(2),
                None => return Err("a text is not closed"),
            }
        }
    }

    fn is_ascii_escape(&self) -> bool {
        self.reader.peek_at(2) == Some(b'0') && self.reader.peek_at(3) == Some(b'0')
    }

    fn put_text(&mut self, value: Key) {
        let text = self.reader.slice(value.from, value.to);
        let is_nested = self.style == Style::Strict
            && text.trim_ascii_start().starts_with(['{', '['])
            && text.contains("\\\"");
        if is_nested {
            let before = self.pieces.out.len();
            let key = self.level().key;
            let parent = self.reader.slice(key.from, key.to);
            let done = read(text, Style::Inside, parent, &mut self.pieces.inside(value.from));
            if done.is_ok() {
                return;
            }
            self.pieces.out.truncate(before);
        }
        self.put(value);
    }

    fn put(&mut self, value: Key) {
        let key = self.level().key;
        if key == Key::default() {
            return self.pieces.literal(value.from, value.to);
        }
        let (parent, name) = (self.parent_name(), self.decoded(key));
        self.pieces.put(value.from, value.to, super::PieceKind::Named { parent, key: name });
    }

    fn parent_name(&self) -> &'a str {
        let around = self.level().around;
        if around == Key::default() { self.parent } else { self.reader.slice(around.from, around.to) }
    }

    fn decoded(&self, key: Key) -> Cow<'a, str> {
        let name = self.reader.slice(key.from, key.to);
        if name.contains('\\') { Cow::Owned(unescaped(name)) } else { Cow::Borrowed(name) }
    }
}

/// A key as it is meant. What is no escape stays.
fn unescaped(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    let mut rest = name.chars();
    while let Some(c) = rest.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        match rest.next() {
            Some('u') => {
                let mut ahead = rest.clone();
                let mut code = Some(0_u32);
                for _ in 0..4 {
                    let digit = ahead.next().and_then(|c| u8::try_from(c).ok()).and_then(hex);
                    code = code.zip(digit).map(|(code, digit)| code * 16 + u32::from(digit));
                }
                match code {
                    Some(code) => {
                        out.push(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
                        rest = ahead;
                    }
                    None => out.push('u'),
                }
            }
            Some('n' | 'r' | 't' | 'b' | 'f') => out.push(' '),
            Some(other) => out.push(other),
            None => {}
        }
    }
    out
}
