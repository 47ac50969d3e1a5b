//! Statements of document stores: `db.users.find({..})`, `find {..}`, `GET /users/_search {..}`, or JSON alone.

use super::json;
use super::read::{Pieces, Reader, is_odd_name};
use super::url;

type Done = Result<(), &'static str>;

/// Words before the first brace.
const WORDS_MAX: usize = 6;

const METHODS: [&str; 9] = ["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "CONNECT", "TRACE"];

/// Whether a word is a method of HTTP, as it stands in lines of requests.
pub(super) fn is_method(word: &str) -> bool {
    METHODS.contains(&word)
}

pub(super) fn document<'a>(text: &'a str, pieces: &mut Pieces<'_, 'a>) -> Done {
    let mut reader = Reader::new(text);
    reader.spaces();
    let from = reader.at();
    let first = reader.take_while(|byte| byte.is_ascii_alphabetic());
    if is_method(first) && reader.peek() == Some(b' ') {
        reader.spaces();
        let begin = reader.at();
        let path = reader.take_while(|byte| !byte.is_ascii_whitespace());
        url::url(path, &mut pieces.inside(begin))?;
        return body(text, reader.at(), pieces);
    }
    reader.go(from);
    for _ in 0..WORDS_MAX {
        reader.spaces();
        match reader.peek() {
            None | Some(b'{' | b'[') => return body(text, reader.at(), pieces),
            Some(b'(') => return call(text, reader.at(), pieces),
            Some(_) => {}
        }
        let at = reader.at();
        let word = reader.take_while(|byte| byte.is_ascii_alphanumeric() || b"_.$-".contains(&byte));
        if word.is_empty() {
            return Err("it is no statement of a document store");
        }
        if is_odd_name(word) {
            pieces.put(at, reader.at(), super::PieceKind::OddName);
        }
    }
    Err("it is no statement of a document store")
}

fn body<'a>(text: &'a str, from: usize, pieces: &mut Pieces<'_, 'a>) -> Done {
    json::loose(text.get(from..).unwrap_or_default(), "", &mut pieces.inside(from))
}

/// `find({..}, {..}).limit(5)`: parentheses become the list that they are, one after the other.
fn call<'a>(text: &'a str, from: usize, pieces: &mut Pieces<'_, 'a>) -> Done {
    // The word before the parenthesis makes it a call to the reader of loose JSON.
    let name = text.get(..from).unwrap_or_default();
    let begin = name.rfind(|c: char| !c.is_ascii_alphanumeric()).map_or(0, |at| at + 1);
    json::calls(text.get(begin..).unwrap_or_default(), &mut pieces.inside(begin))
}
