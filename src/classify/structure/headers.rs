//! Blocks of headers: lines as they are sent, JSON, and maps as Go prints them. Each value is named by its header;
//! a dictionary that knows the header knows what its value is made of.

use super::json;
use super::read::{Pieces, Reader, part};
use super::url;

type Done = Result<(), &'static str>;

/// What headers stand in. Whether of a request or of a response is not told by the block.
pub(super) const PARENT: &str = "http.request.header";

/// Bytes of the name of a header.
const NAME_BYTES_MAX: usize = 64;

pub(super) fn headers<'a>(text: &'a str, pieces: &mut Pieces<'_, 'a>) -> Done {
    let begin = text.len() - text.trim_ascii_start().len();
    let rest = part(text, begin, text.len());
    if rest.starts_with('{') {
        return json::loose(rest, PARENT, &mut pieces.inside(begin));
    }
    if rest.starts_with("map[") {
        return go_map(rest, &mut pieces.inside(begin));
    }
    lines(text, pieces)
}

fn lines<'a>(text: &'a str, pieces: &mut Pieces<'_, 'a>) -> Done {
    let mut at = 0;
    let mut key = "";
    for (number, whole) in text.split('\n').enumerate() {
        let line = whole.strip_suffix('\r').unwrap_or(whole);
        let from = at;
        at += whole.len() + 1;
        if line.trim_ascii().is_empty() {
            continue;
        }
        if line.starts_with([' ', '\t']) && !key.is_empty() {
            // A line that begins with a space goes on with the one before.
            value(line, from, key, pieces);
        } else if let Some(name) = header_name(line) {
            key = name;
            value(part(line, name.len() + 1, line.len()), from + name.len() + 1, key, pieces);
        } else if number == 0 {
            first_line(line, from, pieces)?;
        } else {
            return Err("a line is no header");
        }
    }
    Ok(())
}

/// The name before the colon, if the line is a header.
pub(super) fn header_name(line: &str) -> Option<&str> {
    let length = line.bytes().take(NAME_BYTES_MAX + 1).position(|byte| byte == b':')?;
    let name = part(line, 0, length);
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    let has_letter = name.bytes().any(|byte| byte.is_ascii_alphabetic());
    (has_letter && name.bytes().all(is_part) && !super::read::is_odd_name(name)).then_some(name)
}

fn value<'a>(value: &'a str, at: usize, key: &'a str, pieces: &mut Pieces<'_, 'a>) {
    let begin = at + value.len() - value.trim_ascii_start().len();
    pieces.named(begin, begin + value.trim_ascii().len(), PARENT, key);
}

/// `GET /path HTTP/1.1`, or `HTTP/1.1 200 OK`.
fn first_line<'a>(line: &'a str, at: usize, pieces: &mut Pieces<'_, 'a>) -> Done {
    let mut words = Reader::new(line);
    let method = words.take_while(|byte| byte != b' ');
    words.spaces();
    let from = words.at();
    let target = words.take_while(|byte| byte != b' ');
    let rest = part(line, words.at(), line.len()).trim_ascii();
    if super::document::is_method(method) && (rest.is_empty() || is_version(rest)) {
        return url::url(target, &mut pieces.inside(at + from));
    }
    let is_code = target.len() == 3 && target.bytes().all(|byte| byte.is_ascii_digit());
    if is_version(method) && is_code {
        // The reason is free text.
        let begin = line.len() - rest.len();
        pieces.put(at + begin, at + line.len(), super::PieceKind::Message);
        return Ok(());
    }
    Err("a line is no header")
}

fn is_version(word: &str) -> bool {
    matches!(word, "HTTP/0.9" | "HTTP/1.0" | "HTTP/1.1" | "HTTP/2" | "HTTP/2.0" | "HTTP/3" | "HTTP/3.0")
}

/// `map[Accept:[*/*] Cookie:[a=b c]]`: a value ends where the next name or the end of the map follows.
fn go_map<'a>(text: &'a str, pieces: &mut Pieces<'_, 'a>) -> Done {
    let mut reader = Reader::new(text);
    reader.skip("map[".len());
    while reader.peek() != Some(b']') {
        let rest = part(text, reader.at(), text.len());
        let Some(key) = header_name(rest) else { return Err("a name of the map is none") };
        reader.skip(key.len() + 1);
        if reader.peek() != Some(b'[') {
            return Err("a value of the map is no list");
        }
        reader.skip(1);
        let from = reader.at();
        loop {
            if reader.find(|byte| byte == b']').is_none() {
                return Err("a value of the map is not closed");
            }
            if ends_value(text, reader.at()) {
                break;
            }
            reader.skip(1);
        }
        pieces.named(from, reader.at(), PARENT, key);
        reader.skip(1);
        reader.take_while(|byte| byte == b' ');
    }
    reader.skip(1);
    if reader.is_end() { Ok(()) } else { Err("something follows the map") }
}

fn ends_value(text: &str, at: usize) -> bool {
    let rest = part(text, at + 1, text.len());
    if rest == "]" {
        return true;
    }
    let Some(next) = rest.strip_prefix(' ') else { return false };
    header_name(next).is_some_and(|name| part(next, name.len(), next.len()).starts_with(":["))
}
