//! Cuts the text of a query into tokens, one at a time.
//!
//! The rules are those of Tempo's lexer, which stands on Go's scanner: identifiers, numbers, strings and
//! comments as in Go; signs found by growing them while the whole is known; and after a scope such as
//! `span.` a mode of its own, in which almost everything is part of an attribute's name.

use super::ast::Scope;
use super::error::{Class, Error};
use super::number;
use super::place::Place;
use super::token::{Lexeme, Token, fixed};

/// A cursor over the text.
#[derive(Debug)]
pub struct Lexer<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Lexer<'t> {
    pub fn new(text: &'t str) -> Self {
        // Go's scanner ignores a byte order mark at the very start.
        let at = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
        Self { text, at }
    }

    pub fn text(&self) -> &'t str {
        self.text
    }

    fn rest(&self) -> &'t str {
        self.text.get(self.at..).unwrap_or("")
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn error(&self, start: usize, what: impl Into<String>) -> Error {
        Error::new(Class::Syntax, self.text, Place::new(start, self.at.max(start + 1)), what)
    }

    /// The next token; after the end, the end again.
    pub fn next(&mut self) -> Result<Lexeme, Error> {
        self.skip_blanks()?;
        let start = self.at;
        let token = match self.peek() {
            None => Token::End,
            Some(c) if c == '_' || c.is_alphabetic() => self.word(),
            Some(c) if c.is_ascii_digit() => self.number()?,
            Some('.') if self.rest().chars().nth(1).is_some_and(|c| c.is_ascii_digit()) => self.number()?,
            Some('"') => self.quoted()?,
            Some('`') => self.raw()?,
            Some('\'') => self.character()?,
            Some(_) => self.sign(),
        };
        let token = match token {
            Token::Fixed(word) => match scope_of(word) {
                Some((parent, scope)) => self.attribute(start, parent, scope)?,
                None => token,
            },
            other => other,
        };
        Ok(Lexeme { token, place: Place::new(start, self.at) })
    }

    fn skip_blanks(&mut self) -> Result<(), Error> {
        loop {
            let rest = self.rest();
            let blanks = rest.len() - rest.trim_start_matches([' ', '\t', '\n', '\r']).len();
            self.at += blanks;
            let rest = self.rest();
            if rest.starts_with("//") {
                self.at += rest.find('\n').unwrap_or(rest.len());
            } else if let Some(comment) = rest.strip_prefix("/*") {
                match comment.find("*/") {
                    Some(length) => self.at += length + 4,
                    None => {
                        return Err(self
                            .error(self.at, "comment not terminated")
                            .remedy("end the comment with `*/`"));
                    }
                }
            } else if blanks == 0 {
                return Ok(());
            }
        }
    }

    fn word(&mut self) -> Token {
        let start = self.at;
        let rest = self.rest();
        self.at +=
            rest.find(|c: char| c != '_' && !c.is_alphabetic() && !c.is_numeric()).unwrap_or(rest.len());
        self.grown(start)
    }

    fn sign(&mut self) -> Token {
        let start = self.at;
        self.at += self.peek().map_or(0, char::len_utf8);
        self.grown(start)
    }

    /// Lengthens what stands from `start` while the whole, one character longer, is a known word or sign.
    fn grown(&mut self, start: usize) -> Token {
        while let Some(c) = self.peek() {
            let longer = self.at + c.len_utf8();
            if self.text.get(start..longer).and_then(fixed).is_none() {
                break;
            }
            self.at = longer;
        }
        let said = self.text.get(start..self.at).unwrap_or("");
        fixed(said).map_or_else(|| Token::Unknown(said.to_owned()), Token::Fixed)
    }

    fn number(&mut self) -> Result<Token, Error> {
        let start = self.at;
        let scanned = number::scan(self.rest()).map_err(|what| self.error(start, what))?;
        self.at += scanned.length;
        let said = self.text.get(start..self.at).unwrap_or("");
        let rest = self.rest();
        let unit_end = rest
            .find(|c: char| c.is_whitespace() || !(c.is_numeric() || c == '.' || number::is_unit(c)))
            .unwrap_or(rest.len());
        if unit_end > 0 {
            let whole = self.text.get(start..self.at + unit_end).unwrap_or("");
            if let Some(nanos) = number::duration(whole) {
                self.at += unit_end;
                return Ok(Token::Duration(nanos));
            }
        }
        let value = if scanned.is_float {
            number::float(said).map(Token::Float)
        } else {
            number::integer(said).map(Token::Integer)
        };
        value.map_err(|what| {
            let error = self.error(start, what);
            if unit_end > 0 { error.remedy("durations look like 1h30m, 250ms or 1.5s") } else { error }
        })
    }

    /// `"..."` with Go's escapes.
    fn quoted(&mut self) -> Result<Token, Error> {
        let start = self.at;
        self.at += 1;
        let mut bytes = Vec::new();
        loop {
            match self.take() {
                None | Some('\n') => {
                    self.at = self.at.min(self.text.len());
                    return Err(self.error(start, "literal not terminated").remedy("close it with `\"`"));
                }
                Some('"') => break,
                Some('\\') => self.escape('"', &mut bytes)?,
                Some(c) => bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
            }
        }
        // Only `\x` and octal escapes can make invalid UTF-8; no attribute holds such text.
        Ok(Token::Text(String::from_utf8_lossy(&bytes).into_owned()))
    }

    fn take(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += c.len_utf8();
        Some(c)
    }

    fn escape(&mut self, quote: char, bytes: &mut Vec<u8>) -> Result<(), Error> {
        let start = self.at - 1;
        let bad = |lexer: &Self| {
            lexer
                .error(start, "invalid char escape")
                .remedy("in a string, write a backslash as `\\\\`, or use `...` in back quotes")
        };
        let plain = match self.take() {
            Some('a') => 7,
            Some('b') => 8,
            Some('f') => 12,
            Some('n') => b'\n',
            Some('r') => b'\r',
            Some('t') => b'\t',
            Some('v') => 11,
            Some('\\') => b'\\',
            Some(c) if c == quote => c as u8,
            Some('0'..='7') => {
                self.at -= 1;
                let code = self.digits(8, 3).ok_or_else(|| bad(self))?;
                u8::try_from(code).map_err(|_| bad(self))?
            }
            Some('x') => self.digits(16, 2).ok_or_else(|| bad(self))? as u8,
            Some(c @ ('u' | 'U')) => {
                let code = self.digits(16, if c == 'u' { 4 } else { 8 });
                let c = code.and_then(char::from_u32).ok_or_else(|| bad(self))?;
                bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
                return Ok(());
            }
            _ => return Err(bad(self)),
        };
        bytes.push(plain);
        Ok(())
    }

    fn digits(&mut self, base: u32, count: usize) -> Option<u32> {
        let mut code = 0u32;
        for _ in 0..count {
            let digit = self.peek()?.to_digit(base)?;
            code = code.checked_mul(base)?.checked_add(digit)?;
            self.at += 1;
        }
        Some(code)
    }

    /// Back quotes: everything up to the next one, but carriage returns.
    fn raw(&mut self) -> Result<Token, Error> {
        let start = self.at;
        let body = self.rest().get(1..).unwrap_or("");
        let Some(length) = body.find('`') else {
            self.at = self.text.len();
            return Err(self.error(start, "literal not terminated").remedy("close it with a back quote"));
        };
        self.at += length + 2;
        Ok(Token::Text(body.get(..length).unwrap_or("").replace('\r', "")))
    }

    /// `'x'` is one character to Go's scanner, and then no word that TraceQL knows.
    fn character(&mut self) -> Result<Token, Error> {
        let start = self.at;
        self.at += 1;
        let (mut bytes, mut count) = (Vec::new(), 0);
        loop {
            match self.take() {
                None | Some('\n') => return Err(self.error(start, "literal not terminated")),
                Some('\'') => break,
                Some('\\') => self.escape('\'', &mut bytes)?,
                Some(_) => {}
            }
            count += 1;
        }
        if count != 1 {
            return Err(self
                .error(start, "invalid char literal")
                .remedy("strings stand in double quotes: \"...\""));
        }
        Ok(Token::Unknown(self.text.get(start..self.at).unwrap_or("").to_owned()))
    }

    /// What follows a scope: `parent.` may be followed by another scope, then comes the name.
    fn attribute(&mut self, start: usize, parent: bool, mut scope: Scope) -> Result<Token, Error> {
        if parent {
            for (word, inner) in [("span.", Scope::Span), ("resource.", Scope::Resource)] {
                if self.rest().starts_with(word) {
                    self.at += word.len();
                    scope = inner;
                    break;
                }
            }
        }
        if !self.peek().is_some_and(is_attribute_char) {
            let said = self.text.get(start..self.at).unwrap_or("");
            return Err(self
                .error(start, format!("syntax error: `{said}` without an attribute's name"))
                .remedy(
                    "write the name right after it, as in span.http.method, or in quotes: span.\"a name\"",
                ));
        }
        let mut key = String::new();
        while let Some(c) = self.peek().filter(|c| is_attribute_char(*c)) {
            if c == '"' {
                self.quoted_part(&mut key)?;
            } else {
                self.at += c.len_utf8();
                key.push(c);
            }
        }
        Ok(Token::Attribute { parent, scope, name: key })
    }

    fn quoted_part(&mut self, key: &mut String) -> Result<(), Error> {
        let start = self.at;
        self.at += 1;
        loop {
            match self.take() {
                None => return Err(self.error(start, "unexpected EOF, expecting \"")),
                Some('"') => return Ok(()),
                Some('\\') => match self.take() {
                    Some(c @ ('"' | '\\')) => key.push(c),
                    _ => {
                        return Err(self
                            .error(self.at.saturating_sub(2), "invalid escape sequence")
                            .remedy("in a quoted name only \\\" and \\\\ are escapes"));
                    }
                },
                Some(c) => key.push(c),
            }
        }
    }
}

/// The tokens that an attribute's name follows: whether `parent.`, and the scope.
fn scope_of(word: &str) -> Option<(bool, Scope)> {
    Some(match word {
        "." => (false, Scope::Any),
        "parent." => (true, Scope::Any),
        "resource." => (false, Scope::Resource),
        "span." => (false, Scope::Span),
        "event." => (false, Scope::Event),
        "link." => (false, Scope::Link),
        "instrumentation." => (false, Scope::Instrumentation),
        _ => return None,
    })
}

/// Whether a character belongs to an attribute's name without quotes (a quote begins a quoted part).
pub fn is_attribute_char(c: char) -> bool {
    !c.is_whitespace()
        && !matches!(c, '{' | '}' | '(' | ')' | '=' | '~' | '!' | '<' | '>' | '&' | '|' | '^' | ',')
}
