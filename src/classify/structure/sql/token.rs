//! The next token of a statement. Whatever could be a literal is one.

use super::super::kind::Dialect;
use super::super::read::Reader;
use super::quotes;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Token {
    /// A keyword or an identifier.
    Word {
        from: usize,
        to: usize,
    },
    /// An identifier in quotes, without them.
    Quoted {
        from: usize,
        to: usize,
    },
    /// Between its quotes; `may_name` where some dialect takes it for an identifier.
    Text {
        from: usize,
        to: usize,
        may_name: bool,
    },
    Number {
        from: usize,
        to: usize,
    },
    /// Without what opens and closes it.
    Comment {
        from: usize,
        to: usize,
    },
    /// A placeholder of a parameter; its name, which may be empty.
    Placeholder {
        from: usize,
        to: usize,
    },
    /// Any other byte.
    Sign {
        byte: u8,
        at: usize,
    },
}

pub(super) fn is_word_start(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte == b'_' || byte >= 0x80
}

pub(super) fn is_word_part(byte: u8) -> bool {
    is_word_start(byte) || byte.is_ascii_digit() || byte == b'$' || byte == b'#'
}

pub(super) fn next(reader: &mut Reader<'_>, dialect: Dialect) -> Result<Option<Token>, &'static str> {
    reader.spaces();
    let Some(byte) = reader.peek() else { return Ok(None) };
    if let Some(comment) = quotes::comment(reader, dialect)? {
        return Ok(Some(comment));
    }
    let token = match byte {
        b'\'' => quotes::text(reader, dialect, quotes::Escapes::of(dialect))?,
        b'"' => quotes::double(reader, dialect)?,
        b'`' => quotes::identifier(reader, b'`')?,
        b'[' if matches!(dialect, Dialect::Mssql) => quotes::identifier(reader, b']')?,
        b'$' => dollar(reader, dialect)?,
        b'0'..=b'9' => number(reader),
        b'.' if reader.peek_at(1).is_some_and(|next| next.is_ascii_digit()) && !is_after_name(reader) => {
            number(reader)
        }
        b'?' => {
            reader.take_while(|byte| byte == b'?' || byte.is_ascii_digit());
            Token::Placeholder { from: reader.at(), to: reader.at() }
        }
        b':' | b'@' | b'%' => placeholder(reader, byte)?,
        _ if is_word_start(byte) => word(reader, dialect)?,
        _ if byte < b' ' || byte == b'\\' || byte == 0x7f => {
            return Err("a character stands outside of quotes");
        }
        _ => {
            let at = reader.at();
            reader.skip(1);
            Token::Sign { byte, at }
        }
    };
    Ok(Some(token))
}

fn is_after_name(reader: &Reader<'_>) -> bool {
    reader.before().is_some_and(|byte| is_word_part(byte) || b"\"`]".contains(&byte))
}

/// A word, or the letters before a quote: `E'..'`, `N'..'`, `q'[..]'`, `_utf8'..'`.
fn word(reader: &mut Reader<'_>, dialect: Dialect) -> Result<Token, &'static str> {
    let from = reader.at();
    let word = reader.take_while(is_word_part);
    let to = reader.at();
    match reader.peek() {
        Some(b'\'') => quotes::prefixed(reader, dialect, word),
        Some(b'&') if word.eq_ignore_ascii_case("u") && reader.peek_at(1) == Some(b'\'') => {
            reader.skip(1);
            quotes::text(reader, dialect, quotes::Escapes::of(dialect))
        }
        Some(b'"') if word.len() <= 2 && matches!(dialect, Dialect::Google) => {
            quotes::prefixed(reader, dialect, word)
        }
        _ => Ok(Token::Word { from, to }),
    }
}

/// Digits with whatever clings to them: `1.5e-10`, `0xFF`, `10MB`, `2026-01-31` in part.
fn number(reader: &mut Reader<'_>) -> Token {
    let from = reader.at();
    loop {
        reader.take_while(|byte| is_word_part(byte) || byte == b'.');
        let is_exponent = reader.before().is_some_and(|byte| matches!(byte, b'e' | b'E'))
            && matches!(reader.peek(), Some(b'+' | b'-'))
            && reader.peek_at(1).is_some_and(|byte| byte.is_ascii_digit());
        if !is_exponent {
            return Token::Number { from, to: reader.at() };
        }
        reader.skip(1);
    }
}

/// `$1`, or a text between `$tag$`.
fn dollar(reader: &mut Reader<'_>, dialect: Dialect) -> Result<Token, &'static str> {
    let at = reader.at();
    if reader.peek_at(1).is_some_and(|byte| byte.is_ascii_digit()) {
        reader.skip(1);
        reader.take_while(|byte| byte.is_ascii_digit());
        return Ok(Token::Placeholder { from: reader.at(), to: reader.at() });
    }
    if matches!(dialect, Dialect::Postgres | Dialect::Any) {
        return quotes::dollar(reader);
    }
    reader.skip(1);
    Ok(Token::Sign { byte: b'$', at })
}

/// `:name`, `@name`, `%s`, `%(name)s`; also `::type` and `@@variable`. An `@` that clings to a word is of an address
/// that no one quoted.
fn placeholder(reader: &mut Reader<'_>, byte: u8) -> Result<Token, &'static str> {
    let at = reader.at();
    let clings = reader.before().is_some_and(|before| is_word_part(before) || before == b'.');
    reader.skip(1);
    match byte {
        b'@' if clings => return Err("an `@` stands in a word"),
        b':' | b'@' if reader.peek() == Some(byte) => {
            reader.skip(1);
            return Ok(Token::Sign { byte, at });
        }
        b':' | b'@' if reader.peek().is_some_and(is_word_part) => {
            let from = reader.at();
            reader.take_while(is_word_part);
            return Ok(Token::Placeholder { from, to: reader.at() });
        }
        b'%' if matches!(reader.peek(), Some(b's' | b'd' | b'f'))
            && !reader.peek_at(1).is_some_and(is_word_part) =>
        {
            reader.skip(1);
            return Ok(Token::Placeholder { from: reader.at(), to: reader.at() });
        }
        _ => {}
    }
    Ok(Token::Sign { byte, at })
}
