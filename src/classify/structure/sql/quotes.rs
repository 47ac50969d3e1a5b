//! Quotes and comments by dialect.

use super::super::kind::Dialect;
use super::super::read::Reader;
use super::token::{Token, is_word_part};

type Read = Result<Token, &'static str>;

const OPEN: &str = "a quote is not closed";
const DIFFERENT: &str = "dialects would read it differently";

/// What a backslash does in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Escapes {
    Yes,
    No,
    /// Depends on the dialect, or on a setting: a backslash before a quote is refused.
    Unknown,
}

impl Escapes {
    pub(super) fn of(dialect: Dialect) -> Self {
        match dialect {
            Dialect::Mysql | Dialect::Clickhouse | Dialect::Google => Self::Yes,
            Dialect::Mssql | Dialect::Oracle | Dialect::Sqlite | Dialect::Cassandra => Self::No,
            Dialect::Any | Dialect::Ansi | Dialect::Postgres => Self::Unknown,
        }
    }
}

/// A text in single quotes; the reader stands on the first.
pub(super) fn text(reader: &mut Reader<'_>, dialect: Dialect, escapes: Escapes) -> Read {
    if dialect == Dialect::Google && reader.starts("'''") {
        return triple(reader, "'''");
    }
    let (from, to) = quoted(reader, b'\'', escapes)?;
    Ok(Token::Text { from, to, may_name: false })
}

/// Double quotes are those of an identifier, or of a text, or of either.
pub(super) fn double(reader: &mut Reader<'_>, dialect: Dialect) -> Read {
    if dialect == Dialect::Google && reader.starts("\"\"\"") {
        return triple(reader, "\"\"\"");
    }
    let (from, to) = quoted(reader, b'"', Escapes::of(dialect))?;
    Ok(match dialect {
        Dialect::Any | Dialect::Mysql | Dialect::Google | Dialect::Sqlite => {
            Token::Text { from, to, may_name: true }
        }
        _ => Token::Quoted { from, to },
    })
}

/// An identifier in backticks or brackets; the closing one doubled stands for itself.
pub(super) fn identifier(reader: &mut Reader<'_>, close: u8) -> Read {
    let (from, to) = quoted(reader, close, Escapes::No)?;
    Ok(Token::Quoted { from, to })
}

/// From an opening byte to the closing one, which stands for itself when it is doubled.
fn quoted(reader: &mut Reader<'_>, close: u8, escapes: Escapes) -> Result<(usize, usize), &'static str> {
    reader.skip(1);
    let from = reader.at();
    loop {
        let found = match escapes {
            Escapes::No => reader.find(|byte| byte == close),
            _ => reader.find(|byte| byte == close || byte == b'\\'),
        };
        match found {
            None => return Err(OPEN),
            Some(b'\\') if escapes != Escapes::No => {
                if escapes == Escapes::Unknown && backslashes_before_quote(reader, close) {
                    return Err(DIFFERENT);
                }
                reader.skip(if escapes == Escapes::Yes { 2 } else { 1 });
                if reader.is_end() {
                    return Err(OPEN);
                }
            }
            Some(_) if reader.peek_at(1) == Some(close) => reader.skip(2),
            Some(_) => {
                let to = reader.at();
                reader.skip(1);
                return Ok((from, to));
            }
        }
    }
}

/// Whether the backslashes from here on end at a quote. They are left behind if not, so that none is looked at
/// twice.
fn backslashes_before_quote(reader: &mut Reader<'_>, close: u8) -> bool {
    while reader.peek_at(1) == Some(b'\\') {
        reader.skip(1);
    }
    reader.peek_at(1) == Some(close)
}

/// A text after letters. `q'[..]'` is Oracle's, `E'..'` has escapes; others only say of what kind the text is.
/// A raw text of BigQuery cannot end in a backslash either, so that it is read like any.
pub(super) fn prefixed(reader: &mut Reader<'_>, dialect: Dialect, letters: &str) -> Read {
    let is = |one: &str| letters.eq_ignore_ascii_case(one);
    if (is("q") || is("nq")) && matches!(dialect, Dialect::Oracle | Dialect::Any) {
        return oracle(reader);
    }
    match dialect {
        Dialect::Google if reader.starts("'''") => triple(reader, "'''"),
        Dialect::Google if reader.peek() == Some(b'"') => double(reader, dialect),
        _ if is("e") && matches!(dialect, Dialect::Any | Dialect::Postgres) => {
            text(reader, dialect, Escapes::Yes)
        }
        _ => text(reader, dialect, Escapes::of(dialect)),
    }
}

fn triple(reader: &mut Reader<'_>, quote: &str) -> Read {
    reader.skip(3);
    let from = reader.at();
    loop {
        let first = quote.as_bytes().first().copied();
        match reader.find(|byte| Some(byte) == first || byte == b'\\') {
            None => return Err(OPEN),
            Some(b'\\') => reader.skip(2),
            Some(_) if reader.starts(quote) => {
                let to = reader.at();
                reader.skip(3);
                return Ok(Token::Text { from, to, may_name: false });
            }
            Some(_) => reader.skip(1),
        }
    }
}

/// `q'[..]'` ends where the closing delimiter stands before a quote.
fn oracle(reader: &mut Reader<'_>) -> Read {
    let close = match reader.peek_at(1) {
        Some(b'[') => b']',
        Some(b'(') => b')',
        Some(b'{') => b'}',
        Some(b'<') => b'>',
        Some(byte) if byte.is_ascii_graphic() && byte != b'\'' => byte,
        _ => return Err("a quote has no delimiter"),
    };
    reader.skip(2);
    let from = reader.at();
    while reader.find(|byte| byte == close).is_some() {
        if reader.peek_at(1) == Some(b'\'') {
            let to = reader.at();
            reader.skip(2);
            return Ok(Token::Text { from, to, may_name: false });
        }
        reader.skip(1);
    }
    Err(OPEN)
}

/// Bytes of the tag between two dollar signs.
const TAG_BYTES_MAX: usize = 63;

/// A text between `$tag$` and the same again.
pub(super) fn dollar(reader: &mut Reader<'_>) -> Read {
    let begin = reader.at();
    reader.skip(1);
    let tag = reader.take_while(|byte| is_word_part(byte) && byte != b'$' && byte != b'#');
    if reader.peek() != Some(b'$') || tag.len() > TAG_BYTES_MAX {
        return Err("a dollar sign stands outside of quotes");
    }
    reader.skip(1);
    let from = reader.at();
    let fence = reader.slice(begin, from);
    let Some(length) = memchr::memmem::find(reader.rest(), fence.as_bytes()) else { return Err(OPEN) };
    reader.skip(length + fence.len());
    Ok(Token::Text { from, to: from + length, may_name: false })
}

/// A comment, if one begins here.
pub(super) fn comment(reader: &mut Reader<'_>, dialect: Dialect) -> Result<Option<Token>, &'static str> {
    if reader.starts("/*") {
        return block(reader, dialect).map(Some);
    }
    if reader.starts("--") {
        let is_certain = reader.peek_at(2).is_none_or(|byte| byte.is_ascii_whitespace() || byte < b' ');
        return match dialect {
            Dialect::Mysql if !is_certain => Ok(None),
            Dialect::Any if !is_certain => line(reader, 2, true).map(Some),
            _ => line(reader, 2, false).map(Some),
        };
    }
    match (reader.peek(), dialect) {
        (Some(b'#'), Dialect::Mysql | Dialect::Google | Dialect::Clickhouse) => {
            line(reader, 1, false).map(Some)
        }
        // Elsewhere an operator, or part of a name.
        (Some(b'#'), Dialect::Any) => line(reader, 1, true).map(Some),
        (Some(b'/'), Dialect::Cassandra) if reader.starts("//") => line(reader, 2, false).map(Some),
        _ => Ok(None),
    }
}

/// Up to the end of the line. Where it may be no comment, quotes in it would count, and it is refused.
fn line(reader: &mut Reader<'_>, opening: usize, may_be_none: bool) -> Read {
    reader.skip(opening);
    let from = reader.at();
    let inside = reader.take_while(|byte| byte != b'\n' && byte != b'\r');
    let has_quotes =
        inside.bytes().any(|byte| matches!(byte, b'\'' | b'"' | b'`' | b'$' | b'[')) || inside.contains("/*");
    if may_be_none && has_quotes {
        return Err(DIFFERENT);
    }
    Ok(Token::Comment { from, to: reader.at() })
}

/// Some dialects count how often a comment is opened, some do not. What is opened twice is refused where that is
/// not known.
fn block(reader: &mut Reader<'_>, dialect: Dialect) -> Read {
    reader.skip(2);
    let from = reader.at();
    let nests = matches!(dialect, Dialect::Postgres | Dialect::Mssql | Dialect::Clickhouse);
    let mut depth = 1_usize;
    while let Some(byte) = reader.find(|byte| byte == b'*' || byte == b'/') {
        if byte == b'*' && reader.peek_at(1) == Some(b'/') {
            depth -= 1;
            if depth == 0 {
                let to = reader.at();
                reader.skip(2);
                return Ok(Token::Comment { from, to });
            }
            reader.skip(2);
        } else if byte == b'/' && reader.peek_at(1) == Some(b'*') {
            match (nests, dialect) {
                (true, _) => depth += 1,
                (_, Dialect::Any | Dialect::Ansi) => return Err(DIFFERENT),
                _ => {}
            }
            reader.skip(if nests { 2 } else { 1 });
        } else {
            reader.skip(1);
        }
    }
    Err("a comment is not closed")
}
