//! Tokens of JSON: three parts of base64 with points between, of which the first says how it is signed. And
//! objects in base64 that are none, but may hold what the rest of this room looks for.

use std::ops::Range;

use super::Detector;
use super::finder::Finder;
use super::prefixes::url_safe;
use super::view::Word;
use crate::classify::validate::token;

/// `{"` in base64.
const BEGIN: &[u8] = b"eyJ";

/// The shortest header: `{"alg":""}`.
const HEADER_BYTES_MIN: usize = 12;

/// The shortest object with an address in it: `{"a":"a@b.cc"}`.
const OBJECT_BYTES_MIN: usize = 19;

/// Bytes of a break between two parts, and of a part behind one.
const BREAK_BYTES_MAX: usize = 2;
const PART_BYTES_MIN: usize = 20;

/// Encrypted ones have five parts.
const PARTS_MAX: usize = 5;

/// How often one run of base64 is read as a header: at its beginning, and at a sign inside.
const TRIES: u8 = 2;

pub fn begins(text: &[u8]) -> bool {
    text.starts_with(BEGIN) && memchr::memchr(b'.', text).is_some()
}

pub fn scan(finder: &mut Finder<'_>, word: Word) -> bool {
    let view = finder.view;
    if view.byte(word.start()) != b'e' || !view.rest(word.start()).starts_with(BEGIN) {
        return false;
    }
    if !finder.run.contains(&word.start()) {
        let end = view.run_end(word.start(), usize::MAX, url_safe);
        finder.run = word.start()..end;
        finder.run_tries = TRIES;
    }
    let header = word.start()..finder.run.end;
    if finder.run_tries == 0 || header.len() < HEADER_BYTES_MIN {
        return false;
    }
    let is_pointed = next_part(finder, header.end).is_some_and(|payload| url_safe(view.byte(payload)));
    finder.run_tries -= 1;
    if !is_pointed || !token::is_jwt_header(view.text(header.start, header.end)) {
        return false;
    }
    let mut end = header.end;
    for _ in 1..PARTS_MAX {
        let Some(part) = next_part(finder, end) else { break };
        end = view.run_end(part, usize::MAX, url_safe);
    }
    finder.strong(header.start..end, Detector::Jwt);
    true
}

/// Where the part behind a point begins. A line may have been broken there; what follows is one only if it is long.
fn next_part(finder: &Finder<'_>, end: usize) -> Option<usize> {
    let view = finder.view;
    if view.byte(end) != b'.' {
        return None;
    }
    let start = view.run_end(end + 1, BREAK_BYTES_MAX, |byte| matches!(byte, b' ' | b'\n' | b'\r' | b'\t'));
    let is_part = start == end + 1 || view.run_end(start, PART_BYTES_MIN, url_safe) - start == PART_BYTES_MIN;
    Some(if is_part { start } else { end + 1 })
}

/// An object in base64 that is no JWT: where it is, for what stands in it.
pub fn object(finder: &mut Finder<'_>, word: Word) -> Option<Range<usize>> {
    let view = finder.view;
    if !matches!(view.byte(word.start()), b'e' | b'W') {
        return None;
    }
    let rest = view.rest(word.start());
    let is_object = rest.starts_with(BEGIN) || rest.starts_with(b"eyA") || rest.starts_with(b"W3si");
    // Signs of base64 part words, so that one run would begin again and again.
    if !is_object || url_safe(view.before(word.start())) || word.start() < finder.objects_end {
        return None;
    }
    let is_part = |byte: u8| url_safe(byte) || matches!(byte, b'+' | b'/' | b'=');
    let end = view.run_end(word.start(), token::ENCODED_MAX, is_part);
    finder.objects_end = end;
    (end - word.start() >= OBJECT_BYTES_MIN).then_some(word.start()..end)
}
