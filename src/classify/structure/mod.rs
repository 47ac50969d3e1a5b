//! The parts of a text that has structure: which are values, and what names them. Everything that no piece
//! covers is the shape, which may stay: keywords and identifiers, names of parameters and headers, frames.
//! Knows no class and no treatment.

mod kind;

pub use kind::{Dialect, Structure};

use std::borrow::Cow;
use std::ops::Range;

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
    Named { parent: Cow<'a, str>, key: Cow<'a, str> },
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
    let _ = (text, out);
    Err(Unparsable { structure: structure.name(), why: "not read yet" })
}
