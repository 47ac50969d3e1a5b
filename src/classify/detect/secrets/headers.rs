//! Headers that stand in a text: `Authorization: ...`, `Cookie: ...`, `Set-Cookie: ...`.

use super::super::finder::Finder;
use super::super::prefixes::{standard, url_safe};
use super::super::view::Word;
use super::value::{Bound, Told, is_placeholder, is_random, is_secret};
use super::{Detector, VALUE_BYTES_MAX, is_value};
use crate::classify::detect::jwt;
use crate::classify::validate::token;

/// Cookies of one header that are looked at.
const COOKIES_MAX: usize = 16;
/// Bytes of all of them.
const COOKIES_BYTES_MAX: usize = 1024;

/// `Basic dXNlcjpwYXNz` and `Bearer 3f2a...`; a JWT has its own name.
pub(super) fn scheme(finder: &mut Finder<'_>, word: Word) -> bool {
    let view = finder.view;
    let text = view.word_text(word);
    let start = word.end() + 1;
    // `Basic+Basic+` is one run of base64, which is read once.
    if start < finder.measured {
        return false;
    }
    if text.eq_ignore_ascii_case(b"basic") {
        // A path may follow, whose `/` base64 has too.
        let letters = view.run_end(start, VALUE_BYTES_MAX, |byte| standard(byte) && byte != b'=');
        let end = view.run_end(letters, 2, |byte| byte == b'=');
        let first =
            view.run_end(start, VALUE_BYTES_MAX, |byte| standard(byte) && !matches!(byte, b'=' | b'/'));
        let is_pair = |end: &usize| end - start >= 6 && token::is_basic(view.text(start, *end));
        finder.measured = end;
        let Some(end) = [end, first].into_iter().find(is_pair) else { return false };
        finder.strong(word.start()..end, Detector::Secret);
        return true;
    }
    if !text.eq_ignore_ascii_case(b"bearer") {
        return false;
    }
    let is_part = |byte: u8| url_safe(byte) || standard(byte) || matches!(byte, b'.' | b'~');
    let end = view.run_end(start, VALUE_BYTES_MAX, is_part);
    finder.measured = end;
    let value = view.text(start, end);
    let is_it = is_random(value, 16) && !jwt::begins(value);
    if is_it {
        finder.strong(word.start()..end, Detector::Secret);
    }
    is_it
}

/// `Authorization: Token 9944...`, whatever the scheme: what follows it, and of schemes that have parameters all of
/// the line.
pub(super) fn authorization(finder: &mut Finder<'_>, word: Word) -> bool {
    let view = finder.view;
    let at = view.run_end(word.end(), 2, |byte| matches!(byte, b'"' | b'\'' | b' '));
    if !matches!(view.byte(at), b':' | b'=') {
        return false;
    }
    let start = view.run_end(at + 1, 3, |byte| matches!(byte, b' ' | b'"' | b'\'' | b'['));
    if start < finder.measured {
        return false;
    }
    let scheme = view.run_end(start, 24, |byte| byte.is_ascii_alphanumeric() || byte == b'-');
    let is_alone = !matches!(view.byte(scheme), b' ' | b'+') || scheme == start;
    let from = if is_alone { start } else { scheme + 1 };
    let end = view.run_end(from, VALUE_BYTES_MAX, is_value);
    finder.measured = end;
    let value = view.text(from, end);
    if jwt::begins(value) {
        return false;
    }
    // `Digest username="..", response=".."`, `AWS4-HMAC-SHA256 Credential=.., Signature=..`.
    let name = value.split(|byte| *byte == b'=').next().unwrap_or_default();
    let is_name = name.len() < value.len() && name.iter().all(u8::is_ascii_alphabetic) && !name.is_empty();
    if !is_alone && is_name && matches!(view.byte(end), b'"' | b',') {
        let last = view.run_end(end, VALUE_BYTES_MAX, |byte| !matches!(byte, b'\n' | b'\r' | b'<' | b'>'));
        finder.strong(start..last, Detector::Secret);
        return true;
    }
    let least = if is_alone { 8 } else { 6 };
    let is_it = value.len() >= least
        && !is_placeholder(value)
        && value.iter().any(u8::is_ascii_digit)
        && value.iter().any(u8::is_ascii_alphabetic)
        || !is_alone && value.len() >= 16;
    if is_it {
        finder.strong(start..end, Detector::Secret);
    }
    is_it
}

/// `Cookie: a=b; c=d` and `Set-Cookie: a=b; Path=/`: what is too mixed to be a setting.
pub(super) fn cookies(finder: &mut Finder<'_>, index: usize, word: Word) -> bool {
    let view = finder.view;
    let at = view.run_end(word.end(), 1, |byte| matches!(byte, b'"' | b'\'' | b' '));
    if !matches!(view.byte(at), b':' | b'=') || word.end() < finder.measured {
        return false;
    }
    let is_set =
        view.joined_before(index, b'-').is_some_and(|set| view.word_text(set).eq_ignore_ascii_case(b"set"));
    let begin = view.run_end(at + 1, 3, |byte| matches!(byte, b' ' | b'"' | b'\'' | b'['));
    let line = view.run_end(begin, COOKIES_BYTES_MAX, |byte| !matches!(byte, b'\n' | b'\r' | b'"' | b'\''));
    finder.measured = finder.measured.max(line);
    let mut from = begin;
    let mut is_any = false;
    for field in view.text(begin, line).split(|byte| *byte == b';').take(if is_set { 1 } else { COOKIES_MAX })
    {
        if let Some(equals) = memchr::memchr(b'=', field) {
            let value = field.get(equals + 1..).unwrap_or_default();
            let value = value.split(|byte| matches!(byte, b' ' | b',')).next().unwrap_or_default();
            let start = from + equals + 1;
            if is_secret(value, Told::Compound, Bound::Tightly, finder.care) {
                finder.strong(start..start + value.len(), Detector::Secret);
                is_any = true;
            }
        }
        from += field.len() + 1;
    }
    is_any
}
