//! A name and what it is given: `password=...`, `"api_key": "..."`, `<password>...</password>`, `password is ...`.

use super::super::Context;
use super::super::finder::Finder;
use super::super::view::{UPPER, View, Word};
use super::value::{self, Bound, Told, is_random, take};
use super::{Detector, PASSWORD_BYTES_MAX, is_value, standard};

/// Bytes of a tag, with what stands in it besides its name.
const TAG_BYTES_MAX: usize = 64;

/// Words that name many other things, too; what else says that a secret follows is made of two.
const SINGLE: [&[u8]; 12] = [
    b"secret",
    b"secrets",
    b"token",
    b"auth",
    b"authorization",
    b"credential",
    b"credentials",
    b"jwt",
    b"bearer",
    b"sig",
    b"signature",
    b"key",
];

/// What a name says, with the word before it where a sign joins both.
fn told(view: View<'_>, index: usize, word: Word) -> Option<Told> {
    let text = view.word_text(word);
    let own = Context::of_word(text);
    if own == Context::NONE && text != b"id" {
        return None;
    }
    let last = Context::of_last(text);
    if last.meets(Context::PASSWORD) {
        return Some(Told::Password);
    }
    if text == b"id" && view.text(word.start().saturating_sub(12), word.start()) == b"private_key_" {
        return Some(Told::Compound);
    }
    // A name's last word says what it is.
    if !last.meets(Context::SECRET | Context::KEY) {
        return None;
    }
    let before = [b'_', b'-'].into_iter().find_map(|sign| view.joined_before(index, sign));
    let joined = before.map_or(Context::NONE, |before| Context::of_word(view.word_text(before)));
    let whole = (own | joined).whole();
    // Tokens that say where a list goes on are no secrets.
    if whole.meets(Context::PAGE) || !whole.meets(Context::SECRET) {
        return None;
    }
    let is_single = before.is_none() && SINGLE.iter().any(|single| text.eq_ignore_ascii_case(single));
    Some(if is_single { Told::Single } else { Told::Compound })
}

/// `password=...`, `"api_key": "..."`, `AccountKey=...`.
pub(super) fn assigned(finder: &mut Finder<'_>, index: usize, word: Word) -> bool {
    let view = finder.view;
    let Some(told) = told(view, index, word) else { return false };
    let Some((start, sign)) = value_start(view, word.end()) else {
        return said(finder, word, told)
            || is_flag(view, index) && next_in_list(finder, word, told)
            || in_attributes(finder, word, told);
    };
    // `arn:aws:secretsmanager:...:secret:name` is where one is.
    if told == Told::Single && sign == b':' && view.before(word.start()) == b':' {
        return false;
    }
    let is_quoted = matches!(view.before(start), b'"' | b'\'');
    let bound = if sign == b'=' || is_quoted { Bound::Tightly } else { Bound::Loosely };
    if is_account_key(view, word, start, sign) {
        // `AccountKey=` is part of what its readers take for the key.
        let end = view.run_end(start, super::VALUE_BYTES_MAX, is_value);
        finder.strong(word.start()..end, Detector::Secret);
        return true;
    }
    take(finder, start, told, bound)
}

/// Base64 with its padding, as keys of storage accounts are.
fn is_account_key(view: View<'_>, word: Word, start: usize, sign: u8) -> bool {
    if sign != b'=' || !word.has(UPPER) {
        return false;
    }
    let text = view.text(start, view.run_end(start, 128, is_value));
    text.len() >= 40 && text.ends_with(b"=") && text.iter().all(|byte| standard(*byte))
}

/// Behind `=` or `:`, spaces and a quote; and which of the two it was.
fn value_start(view: View<'_>, from: usize) -> Option<(usize, u8)> {
    let skip = |at: usize| view.run_end(at, 4, |byte| matches!(byte, b' ' | b'"' | b'\''));
    let at = skip(from);
    let sign = view.byte(at);
    let is_url = view.text(at, at + 3) == b"://";
    (matches!(sign, b'=' | b':') && !is_url)
        .then(|| (skip(at + 1 + usize::from(view.byte(at + 1) == b'>')), sign))
}

/// `<password>...</password>`: what stands up to the next `<`.
pub(super) fn tagged(finder: &mut Finder<'_>, index: usize, word: Word) -> bool {
    let view = finder.view;
    if !matches!(view.before(word.start()), b'<' | b':') {
        return false;
    }
    let Some(told) = told(view, index, word).filter(|told| *told != Told::Single) else { return false };
    let close = view.run_end(word.end(), TAG_BYTES_MAX, |byte| !matches!(byte, b'>' | b'<' | b'\n'));
    if view.byte(close) != b'>' || view.before(close) == b'/' {
        return false;
    }
    let start = close + 1;
    let end = view.run_end(start, PASSWORD_BYTES_MAX, |byte| !matches!(byte, b'<' | b'\n'));
    let text = view.text(start, end);
    let is_it = view.text(end, end + 2) == b"</" && value::is_secret(text, told, Bound::Tightly, finder.care);
    if is_it {
        finder.strong(start..end, Detector::Secret);
    }
    is_it
}

/// A tag with attributes, or words of a sentence.
pub(super) fn tag_or_words(finder: &mut Finder<'_>, index: usize, word: Word) -> bool {
    let is_tag = matches!(finder.view.before(word.start()), b'<' | b':');
    is_tag && tagged(finder, index, word) || spaced(finder, index, word)
}

/// `?key=...`: too common a name for anything but what is mixed.
pub(super) fn in_query(finder: &mut Finder<'_>, word: Word) -> bool {
    let view = finder.view;
    let start = word.end() + 1;
    let end = view.run_end(start, PASSWORD_BYTES_MAX, is_value);
    let text = view.text(start, end);
    let has = |is: fn(&u8) -> bool| text.iter().any(is);
    let is_mixed = has(u8::is_ascii_digit) && has(u8::is_ascii_uppercase) && has(u8::is_ascii_lowercase);
    view.byte(word.end()) == b'='
        && text.len() >= 8
        && is_mixed
        && take(finder, start, Told::Single, Bound::Tightly)
}

/// `password "..."`, `password is ...`, `--token ...`, `x-api-key 9fQ2...`: with a space between and no sign.
pub(super) fn spaced(finder: &mut Finder<'_>, index: usize, word: Word) -> bool {
    let view = finder.view;
    match told(view, index, word) {
        Some(told) => said(finder, word, told) || is_flag(view, index) && argument(finder, word, told),
        None => false,
    }
}

fn said(finder: &mut Finder<'_>, word: Word, told: Told) -> bool {
    let view = finder.view;
    if view.byte(word.end()) != b' ' {
        return false;
    }
    let mut start = word.end() + 1;
    let mut is_copula = false;
    for copula in [&b"is "[..], b"was ", b"ist ", b"es ", b"= ", b": "] {
        if view.text(start, start + copula.len()).eq_ignore_ascii_case(copula) {
            start += copula.len();
            is_copula = true;
            break;
        }
    }
    let is_quoted = matches!(view.byte(start), b'"' | b'\'' | b'`');
    start += usize::from(is_quoted);
    let end = value::end_of(finder, start, PASSWORD_BYTES_MAX);
    let text = view.text(start, end);
    let is_phrase = text.contains(&b' ');
    let is_it = match told {
        _ if is_phrase && !is_copula || super::jwt::begins(text) => false,
        Told::Password if is_quoted => value::is_secret(text, told, Bound::Tightly, finder.care),
        Told::Password if is_copula => value::is_secret(text, told, Bound::Loosely, finder.care),
        Told::Password => false,
        Told::Compound => {
            (is_quoted || is_copula) && value::is_secret(text, told, Bound::Tightly, finder.care)
                || is_random(text, 16)
        }
        Told::Single => {
            is_copula && value::is_secret(text, told, Bound::Loosely, finder.care) || is_random(text, 24)
        }
    };
    if is_it {
        finder.strong(start..end, Detector::Secret);
    }
    is_it
}

/// Whether a name is one of a flag: `--password`, `--api-key`.
fn is_flag(view: View<'_>, index: usize) -> bool {
    let mut index = index;
    for _ in 0..3 {
        let Some(word) = view.word(index) else { return false };
        if view.text(word.start().saturating_sub(2), word.start()) == b"--" {
            return true;
        }
        if view.joined_before(index, b'-').is_none() {
            return false;
        }
        index -= 1;
    }
    false
}

/// What a flag is given.
fn argument(finder: &mut Finder<'_>, word: Word, told: Told) -> bool {
    let view = finder.view;
    let quote = usize::from(matches!(view.byte(word.end() + 1), b'"' | b'\''));
    let start = word.end() + 1 + quote;
    view.byte(start) != b'-' && take(finder, start, told.max(Told::Compound), Bound::Tightly)
}

/// `<property name="password" value="..."/>`.
fn in_attributes(finder: &mut Finder<'_>, word: Word, told: Told) -> bool {
    const BETWEEN: &[u8] = b" value=";
    let (view, quote) = (finder.view, word.end());
    let start = quote + 1 + BETWEEN.len() + 1;
    let is_next = view.text(quote + 1, start - 1) == BETWEEN && matches!(view.byte(start - 1), b'"' | b'\'');
    is_next && take(finder, start, told.max(Told::Compound), Bound::Tightly)
}

/// `"--password", "..."`: the next of a list, as JSON writes it.
fn next_in_list(finder: &mut Finder<'_>, word: Word, told: Told) -> bool {
    let view = finder.view;
    let start = view.run_end(word.end(), 5, |byte| matches!(byte, b'"' | b'\'' | b',' | b' '));
    let gap = view.text(word.end(), start);
    let is_next = gap.contains(&b',') && matches!(gap, [b'"' | b'\'', .., b'"' | b'\'']);
    is_next && view.byte(start) != b'-' && take(finder, start, told.max(Told::Compound), Bound::Tightly)
}

/// `IDENTIFIED BY '...'`, as databases are told the password of a user.
pub(super) fn identified(finder: &mut Finder<'_>, index: usize, word: Word) -> bool {
    let view = finder.view;
    let before = view.joined_before(index, b' ').map(|before| view.word_text(before));
    let is_told = before.is_some_and(|before| before.eq_ignore_ascii_case(b"identified"));
    let is_quoted = matches!(view.byte(word.end() + 1), b'"' | b'\'');
    is_told && is_quoted && take(finder, word.end() + 2, Told::Password, Bound::Tightly)
}

/// `api key 0123...` and `verification code is 482913`: the word before says of what.
pub(super) fn in_two_words(finder: &mut Finder<'_>, index: usize, word: Word) -> bool {
    let view = finder.view;
    let Some(before) = view.joined_before(index, b' ').or_else(|| view.joined_before(index, b'-')) else {
        return false;
    };
    let before = view.word_text(before);
    if view.word_text(word).eq_ignore_ascii_case(b"code") {
        return is_of_codes(before) && code(finder, word);
    }
    let whole = (Context::of_word(before) | Context::of_word(view.word_text(word))).whole();
    whole.meets(Context::SECRET)
        && match value_start(view, word.end()) {
            Some((start, _)) => take(finder, start, Told::Compound, Bound::Loosely),
            None => said(finder, word, Told::Compound),
        }
}

fn is_of_codes(word: &[u8]) -> bool {
    const KINDS: [&[u8]; 12] = [
        b"verification",
        b"confirmation",
        b"authentication",
        b"login",
        b"otp",
        b"time",
        b"mfa",
        b"2fa",
        b"tan",
        b"activation",
        b"passwordless",
        b"factor",
    ];
    KINDS.iter().any(|kind| word.eq_ignore_ascii_case(kind))
}

/// Four to eight digits after `OTP`, `PIN` or a code's name.
pub(super) fn code(finder: &mut Finder<'_>, word: Word) -> bool {
    let view = finder.view;
    let mut start = view.run_end(word.end(), 4, |byte| matches!(byte, b' ' | b':' | b'=' | b'"' | b'\''));
    if view.text(start, start + 3).eq_ignore_ascii_case(b"is ") {
        start += 3;
    }
    let end = view.run_end(start, 9, |byte| byte.is_ascii_digit());
    let is_bound = start > word.end() && !view.byte(end).is_ascii_alphanumeric();
    let is_it = is_bound && (4..=8).contains(&(end - start)) && view.byte(end) != b'-';
    if is_it {
        finder.strong(start..end, Detector::Secret);
    }
    is_it
}
