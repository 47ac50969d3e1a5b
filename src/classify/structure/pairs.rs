//! Lists of names and values as headers carry them: cookies, baggage, trace state.

use super::read::{Pieces, part, percent_decoded};

type Done = Result<(), &'static str>;

const COOKIE: &str = "http.cookie";
const SET_COOKIE: &str = "http.set_cookie";
const BAGGAGE: &str = "baggage";
const TRACE_STATE: &str = "tracestate";

/// What stands around a value and is not of it.
fn trimmed(field: &str, at: usize) -> (&str, usize) {
    let begins = field.len() - field.trim_ascii_start().len();
    (field.trim_ascii(), at + begins)
}

/// `name=value`, or a value alone.
fn pair<'a>(field: &'a str, at: usize, parent: &'a str, pieces: &mut Pieces<'_, 'a>) {
    let (field, at) = trimmed(field, at);
    if field.is_empty() {
        return;
    }
    let Some(equals) = field.find('=') else {
        pieces.literal(at, at + field.len());
        return;
    };
    let name = part(field, 0, equals);
    pieces.name(at, name.trim_ascii_end());
    let key = percent_decoded(name.trim_ascii_end());
    pieces.named(at + equals + 1, at + field.len(), parent, key);
}

pub(super) fn cookie<'a>(text: &'a str, pieces: &mut Pieces<'_, 'a>) {
    let mut at = 0;
    for field in text.split(';') {
        pair(field, at, COOKIE, pieces);
        at += field.len() + 1;
    }
}

/// The cookie, then what the browser is told of it. Ages and switches stay as long as they look like that.
pub(super) fn set_cookie<'a>(text: &'a str, pieces: &mut Pieces<'_, 'a>) {
    let mut at = 0;
    for (number, field) in text.split(';').enumerate() {
        let parent = if number == 0 { COOKIE } else { SET_COOKIE };
        if number == 0 || !is_plain_attribute(field.trim_ascii()) {
            pair(field, at, parent, pieces);
        }
        at += field.len() + 1;
    }
}

fn is_plain_attribute(field: &str) -> bool {
    let (name, value) = field.split_once('=').unwrap_or((field, ""));
    let is_one_of = |names: &[&str], text: &str| names.iter().any(|name| name.eq_ignore_ascii_case(text));
    match value {
        "" => is_one_of(&["secure", "httponly", "partitioned"], name),
        _ if is_one_of(&["samesite"], name) => is_one_of(&["strict", "lax", "none"], value),
        _ if is_one_of(&["priority"], name) => is_one_of(&["low", "medium", "high"], value),
        _ if is_one_of(&["max-age"], name) => {
            value.len() <= 12 && value.bytes().all(|b| b.is_ascii_digit() || b == b'-')
        }
        _ if is_one_of(&["expires"], name) => is_date(value),
        _ => false,
    }
}

/// `Wed, 21 Oct 2026 07:28:00 GMT`: words of days and months, and at most 12 digits.
fn is_date(value: &str) -> bool {
    let digits = value.bytes().filter(u8::is_ascii_digit).count();
    let mut words = value.split([' ', ',', '-', ':']).filter(|word| !word.is_empty());
    let is_word = |word: &str| {
        let start = part(word, 0, 3).to_ascii_lowercase();
        word.bytes().all(|byte| byte.is_ascii_digit())
            || (word.len() == 3 || word.ends_with("day")) && DATE_WORDS.contains(&start.as_str())
    };
    digits <= 12 && value.len() <= 40 && words.all(is_word)
}

const DATE_WORDS: [&str; 21] = [
    "mon", "tue", "wed", "thu", "fri", "sat", "sun", "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug",
    "sep", "oct", "nov", "dec", "gmt", "utc",
];

/// Members are divided by commas, their properties by semicolons.
pub(super) fn baggage<'a>(text: &'a str, pieces: &mut Pieces<'_, 'a>) {
    let mut at = 0;
    for field in text.split([',', ';']) {
        pair(field, at, BAGGAGE, pieces);
        at += field.len() + 1;
    }
}

/// Members of a trace state. The specification is strict, and so is this.
pub(super) fn trace_state<'a>(text: &'a str, pieces: &mut Pieces<'_, 'a>) -> Done {
    let mut at = 0;
    for member in text.split(',') {
        let (field, from) = trimmed(member, at);
        at += member.len() + 1;
        if field.is_empty() {
            continue;
        }
        let Some(equals) = field.find('=') else { return Err("a member has no value") };
        let key = part(field, 0, equals);
        let is_key =
            |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-*/@".contains(&byte);
        if key.is_empty() || !key.bytes().all(is_key) {
            return Err("a member has a name that is none");
        }
        // A tenant may stand before the vendor.
        let vendor = key.find('@').map_or(key, |sign| {
            pieces.literal(from, from + sign);
            part(key, sign + 1, key.len())
        });
        pieces.name(from + key.len() - vendor.len(), vendor);
        pieces.named(from + equals + 1, from + field.len(), TRACE_STATE, vendor);
    }
    Ok(())
}
