//! Statements in SQL: which parts are literals, and which column each is of where that is certain.
//!
//! Dialects differ in what a quote begins. Where the dialect is unknown, a text that two of them would read
//! differently is refused, as is what is not closed, and what does not begin as a statement does.

mod names;
mod quotes;
mod token;

use super::kind::Dialect;
use super::read::{Pieces, Reader};
use names::Names;
use token::{Token, next};

type Done = Result<(), &'static str>;

/// What a statement may begin with.
const BEGINNINGS: [&str; 58] = [
    "alter",
    "analyze",
    "attach",
    "begin",
    "call",
    "checkpoint",
    "close",
    "cluster",
    "comment",
    "commit",
    "copy",
    "create",
    "deallocate",
    "declare",
    "delete",
    "desc",
    "describe",
    "detach",
    "discard",
    "do",
    "drop",
    "end",
    "exec",
    "execute",
    "exists",
    "explain",
    "export",
    "fetch",
    "flush",
    "from",
    "grant",
    "handler",
    "if",
    "import",
    "insert",
    "kill",
    "listen",
    "load",
    "lock",
    "merge",
    "notify",
    "optimize",
    "pragma",
    "prepare",
    "reindex",
    "release",
    "rename",
    "replace",
    "reset",
    "revoke",
    "rollback",
    "savepoint",
    "select",
    "set",
    "show",
    "start",
    "truncate",
    "unlisten",
];
const MORE_BEGINNINGS: [&str; 9] =
    ["unlock", "update", "upsert", "use", "vacuum", "values", "with", "table", "batch"];

/// Whether a word begins a statement.
pub(super) fn is_beginning(word: &str) -> bool {
    word.len() <= 10
        && BEGINNINGS.iter().chain(&MORE_BEGINNINGS).any(|beginning| beginning.eq_ignore_ascii_case(word))
}

/// Words in a row that are no keywords, at most. More of them are a sentence.
const PLAIN_WORDS_MAX: usize = 3;

pub(super) fn sql<'a>(text: &'a str, dialect: Dialect, pieces: &mut Pieces<'_, 'a>) -> Done {
    let mut reader = Reader::new(text);
    let mut names = Names::new(text);
    let mut has_begun = false;
    let mut plain = 0;
    while let Some(token) = next(&mut reader, dialect)? {
        plain = match token {
            Token::Word { from, to } if names::Keyword::of(reader.slice(from, to)).is_none() => plain + 1,
            Token::Comment { .. } => plain,
            _ => 0,
        };
        if plain > PLAIN_WORDS_MAX {
            return Err("it reads like a sentence");
        }
        if !has_begun {
            has_begun = begins(&reader, token)?;
        }
        names.take(token, pieces);
    }
    if has_begun || reader.is_end() && text.trim_ascii().is_empty() {
        Ok(())
    } else {
        Err("it holds no statement")
    }
}

/// Whether the statement has begun with this token; parentheses, comments and the brace of JDBC may precede it.
fn begins(reader: &Reader<'_>, token: Token) -> Result<bool, &'static str> {
    match token {
        Token::Word { from, to } if is_beginning(reader.slice(from, to)) => Ok(true),
        Token::Comment { .. } | Token::Sign { byte: b'(' | b'{' | b';' | b'?' | b'=', .. } => Ok(false),
        _ => Err("it does not begin as a statement"),
    }
}
