//! The parts of a text that has structure: which are values, and what names them. Everything that no piece
//! covers is the shape, which may stay: keywords and identifiers, names of parameters and headers, frames. It is
//! what its author wrote into the program, most of the time: value detectors still look at it.
//!
//! Knows no class and no treatment. A value may have a structure of its own (the cookie among headers): whoever
//! looks up its name finds that, and asks again, within a depth of his own.

mod command;
mod document;
mod graphql;
mod headers;
mod json;
mod kind;
mod named;
mod pairs;
mod path;
mod read;
mod redis;
mod sql;
mod stack;
#[cfg(test)]
mod tests;
mod url;
mod user_agent;
mod vocabulary;

pub use command::flag_of;
pub use kind::{Dialect, Structure};
pub use vocabulary::is_template_word;

use std::borrow::Cow;
use std::ops::Range;

use read::Pieces;

/// Bytes of a text that is taken apart. A longer one is refused.
pub const TEXT_BYTES_MAX: usize = 4 << 20;

/// Pieces of one text. A digit in a list is a piece of 56 bytes, so that a text of nothing else would take
/// nearly thirty times its room: with this many, at most 7 MiB.
pub const PIECES_MAX: usize = 1 << 17;

/// A part of a text that may not stay unseen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece<'a> {
    /// Bytes of the text, at character boundaries. Empty where a value is empty: that it is, is told by it too.
    /// Quotes are not in it; a number, a truth value or a null is whole.
    pub range: Range<usize>,
    pub what: PieceKind<'a>,
}

/// What a piece is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PieceKind<'a> {
    /// A value that nothing names.
    Literal,
    /// A value with a name of its own: a query parameter, a header, a field, a column, a cookie, a variable, a
    /// flag. The name is decoded. `parent` is what it stands in, for
    /// [`of_within`](crate::classify::keys::Dictionary::of_within), or empty.
    Named { parent: &'a str, key: Cow<'a, str> },
    /// A name that does not look like one: data in the place of a key.
    OddName,
    /// User and password of a URL.
    UserInfo,
    /// What follows the `#` of a URL.
    Fragment,
    /// Part of a path. One that is no word, number and name alike, stands for one thing among many.
    PathSegment { is_id: bool },
    /// Free text: scanned, not known.
    Message,
    /// The name of a user in the path of a home directory.
    HomeDirectory,
}

/// The text is not what it was said to be. Its parts are unknown, so that the whole value goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[error("the text is no {structure}: {why}")]
pub struct Unparsable {
    pub structure: &'static str,
    pub why: &'static str,
}

/// Appends the pieces of a text, in order and without overlap. On an error `out` is as it was.
pub fn parse<'a>(structure: Structure, text: &'a str, out: &mut Vec<Piece<'a>>) -> Result<(), Unparsable> {
    let before = out.len();
    let done = match text.len() {
        0..=TEXT_BYTES_MAX => read_as(structure, text, out),
        _ => Err("it is too long"),
    };
    let done = match done {
        Ok(()) if out.len() - before > PIECES_MAX => Err("it has too many parts"),
        other => other,
    };
    done.map_err(|why| {
        out.truncate(before);
        Unparsable { structure: structure.name(), why }
    })
}

fn read_as<'a>(structure: Structure, text: &'a str, out: &mut Vec<Piece<'a>>) -> Result<(), &'static str> {
    let limit = out.len() + PIECES_MAX;
    let mut pieces = Pieces { out, base: 0, limit };
    let pieces = &mut pieces;
    match structure {
        Structure::Url => url::url(text, pieces)?,
        Structure::UrlPath => url::path_on(text, 0, pieces),
        Structure::UrlQuery => url::query(text, usize::from(text.starts_with('?')), "url.query", pieces),
        Structure::Form => url::query(text, 0, "", pieces),
        Structure::Sql(dialect) => sql::sql(text, dialect, pieces)?,
        Structure::Redis => redis::redis(text, pieces)?,
        Structure::Document => document::document(text, pieces)?,
        Structure::Statement => statement(text, pieces)?,
        Structure::Json => json::json(text, "", pieces)?,
        Structure::Headers => headers::headers(text, pieces)?,
        Structure::Cookie => pairs::cookie(text, pieces),
        Structure::SetCookie => pairs::set_cookie(text, pieces),
        Structure::UserAgent => user_agent::user_agent(text, pieces),
        Structure::Stack => stack::stack(text, pieces),
        Structure::Command => command::command(text, pieces)?,
        Structure::CommandArgument => command::argument(text, pieces),
        Structure::Baggage => pairs::baggage(text, pieces),
        Structure::TraceState => pairs::trace_state(text, pieces)?,
        Structure::Graphql => graphql::graphql(text, pieces)?,
        Structure::FilePath => path::path(text, 0, text.len(), pieces),
        Structure::Name => named::name(text, pieces),
    }
    Ok(())
}

/// A statement of a database that no one named, by how it begins.
fn statement<'a>(text: &'a str, pieces: &mut Pieces<'_, 'a>) -> Result<(), &'static str> {
    let begin = text.trim_ascii_start();
    let word = begin.split(|c: char| c.is_ascii_whitespace()).next().unwrap_or_default();
    // `SET` is a word of two languages.
    let is_redis_set = word.eq_ignore_ascii_case("set") && !is_setting(begin);
    let is_json = begin.starts_with(['{', '['])
        && !begin.trim_start_matches('{').trim_ascii_start().starts_with("call");
    if is_json || word.starts_with("db.") || document::is_method(word) && begin.contains(" /") {
        return document::document(text, pieces);
    }
    if !is_redis_set && (sql::is_beginning(word) || begin.starts_with(['(', '-', '/', '{'])) {
        return sql::sql(text, Dialect::Any, pieces);
    }
    // Clients that write commands in small letters name the database.
    if redis::is_command(word) && word.bytes().all(|byte| !byte.is_ascii_lowercase()) {
        return redis::redis(text, pieces);
    }
    Err("its language is unknown")
}

/// `SET name = value`, `SET name TO value`, and what else SQL sets; everything else that begins like this is a
/// command of Redis.
fn is_setting(statement: &str) -> bool {
    let mut words = statement.split_ascii_whitespace().skip(1);
    let (name, next) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let is_one_of = |known: &[&str]| known.iter().any(|known| known.eq_ignore_ascii_case(name));
    let is_name =
        |name: &str| name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.@".contains(&byte));
    is_one_of(&["transaction", "session", "local", "global", "names", "role"])
        || is_name(name) && (next.starts_with('=') || next.eq_ignore_ascii_case("to"))
}
