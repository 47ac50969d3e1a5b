//! Secrets: by the prefixes of their makers, by the words before them, in addresses with a password, as keys
//! in PEM.

mod addresses;
mod assigned;
mod commands;
mod headers;
mod value;

use super::finder::{Claim, Finder};
use super::prefixes::{Check, Prefix, beginning, standard, url_safe};
use super::view::{DIGIT, LOWER, UPPER, Word};
use super::{Care, Context, Detector, jwt, prefixes};
use crate::classify::validate::national::Worth;
use crate::classify::validate::token;
pub use addresses::{with_scheme, without_scheme};

/// A key of RSA with 16384 bits has 12 kB.
const PEM_BYTES_MAX: usize = 16 * 1024;
const VALUE_BYTES_MAX: usize = 512;
const ENTROPY_MIN: f32 = 3.5;
const GENERIC_BYTES_MIN: usize = 20;
/// So much of a password says whether it is one.
const PASSWORD_BYTES_MAX: usize = 64;
/// Bytes before a sign in which a word of another script may stand.
const FOREIGN_BYTES_MAX: usize = 48;
/// A secret key of AWS, which has no prefix.
const AWS_BYTES: usize = 40;

const fn claim(worth: Worth) -> Claim {
    Claim { detector: Detector::Secret, worth, named_by: Context::SECRET }
}

pub fn scan(finder: &mut Finder<'_>, index: usize, word: Word) -> bool {
    let view = finder.view;
    let first = view.byte(word.start());
    let rest = view.rest(word.start());
    let second = view.byte(word.start() + 1);
    let known = if rest.len() >= prefixes::BYTES_MIN { beginning(first) } else { &[] };
    let mut begun = known.iter().filter(|prefix| prefix.may_begin(first, second));
    if begun.any(|prefix| rest.starts_with(prefix.text) && prefixed(finder, index, word, prefix)) {
        return true;
    }
    if first == b'A' && second == b'A' && of_a_bot(finder, index, word) {
        return true;
    }
    if finder.has_foreign && foreign(finder, word) {
        return true;
    }
    by_what_follows(finder, index, word)
        || commands::is_glued(first) && commands::glued(finder, index, word)
        || word.len() == AWS_BYTES && without_prefix(finder, index, word)
}

/// What the byte behind a word makes possible: a name with its value, a scheme, a tag, a flag.
fn by_what_follows(finder: &mut Finder<'_>, index: usize, word: Word) -> bool {
    let view = finder.view;
    match view.byte(word.end()) {
        b'=' | b':' | b'"' | b'\'' => named(finder, index, word),
        b'>' => assigned::tagged(finder, index, word),
        b' ' if matches!(view.byte(word.end() + 1), b'=' | b':') => named(finder, index, word),
        next @ (b' ' | b'+') => {
            if matches!(view.byte(word.start()), b'B' | b'b') && word.len() >= 5 {
                return headers::scheme(finder, word) || next == b' ' && pem(finder, word);
            }
            next == b' ' && before_a_space(finder, index, word)
                || next == b'+' && without_prefix(finder, index, word)
        }
        b'/' => without_prefix(finder, index, word),
        b'-' if word.len() == 32 => made_of_hex(finder, word),
        b'.' if word.len() >= 23 => in_three_parts(finder, word),
        _ => false,
    }
}

/// `110201543:AAHdqT...`: the number of a bot and what it signs in with.
fn of_a_bot(finder: &mut Finder<'_>, index: usize, word: Word) -> bool {
    let view = finder.view;
    let Some(bot) = view.joined_before(index, b':').filter(|bot| bot.len() >= 8 && bot.has(DIGIT)) else {
        return false;
    };
    let end = view.run_end(word.start(), 64, url_safe);
    let is_it = end - word.start() >= 30 && is_varied(view.text(word.start(), end));
    if is_it {
        finder.strong(bot.start()..end, Detector::Secret);
    }
    is_it
}

/// `0123...-us12`: sixteens and a data centre.
fn made_of_hex(finder: &mut Finder<'_>, word: Word) -> bool {
    let view = finder.view;
    let is_it = word.is_hex() && matches!(view.up_to(word.end(), 4), [b'-', b'u', b's', b'0'..=b'9']);
    if is_it {
        let end = view.run_end(word.end() + 3, 2, |byte| byte.is_ascii_digit());
        finder.strong(word.start()..end, Detector::Secret);
    }
    is_it
}

/// `MTE0....GhX3Pk.abc...`: a number in base64, six characters, and a signature.
fn in_three_parts(finder: &mut Finder<'_>, word: Word) -> bool {
    let view = finder.view;
    let middle = word.end() + 1;
    let middle_end = view.run_end(middle, 8, url_safe);
    let end = view.run_end(middle_end + 1, 64, url_safe);
    let is_it = (23..=28).contains(&word.len())
        && matches!(view.byte(word.start()), b'M' | b'N' | b'O')
        && is_varied(view.word_text(word))
        && middle_end - middle == 6
        && view.byte(middle_end) == b'.'
        && end - middle_end > 27;
    if is_it {
        finder.strong(word.start()..end, Detector::Secret);
    }
    is_it
}

/// `1//0g...`, as Google writes what new tokens are asked for with.
pub fn refresh(finder: &mut Finder<'_>, word: Word) -> bool {
    let view = finder.view;
    if word.len() != 1 || view.up_to(word.start(), 4) != b"1//0" {
        return false;
    }
    let end = view.run_end(word.start() + 3, VALUE_BYTES_MAX, url_safe);
    let is_it = end - word.start() >= 30;
    if is_it {
        finder.strong(word.start()..end, Detector::Secret);
    }
    is_it
}

/// A name with a sign behind it.
fn named(finder: &mut Finder<'_>, index: usize, word: Word) -> bool {
    let view = finder.view;
    let text = view.word_text(word);
    match text.len() {
        6 if text.eq_ignore_ascii_case(b"cookie") => return headers::cookies(finder, index, word),
        13 if text.eq_ignore_ascii_case(b"authorization") && headers::authorization(finder, word) => {
            return true;
        }
        3 if text.eq_ignore_ascii_case(b"otp") || text.eq_ignore_ascii_case(b"pin") => {
            return assigned::code(finder, word);
        }
        3 if text == b"sid" && view.text(word.start().saturating_sub(8), word.start()) == b"connect." => {
            return value::take(finder, word.end() + 1, value::Told::Compound, value::Bound::Tightly);
        }
        3 if text == b"key" && matches!(view.before(word.start()), b'?' | b'&') => {
            return assigned::in_query(finder, word);
        }
        _ => {}
    }
    assigned::assigned(finder, index, word)
        || matches!(text, b"key" | b"code" | b"Key" | b"Code") && assigned::in_two_words(finder, index, word)
}

/// A word with a space behind it: most are no name of a secret, which a few bytes tell.
fn before_a_space(finder: &mut Finder<'_>, index: usize, word: Word) -> bool {
    let view = finder.view;
    let text = view.word_text(word);
    match (text.len(), text.first().map(u8::to_ascii_lowercase)) {
        (1, _) | (4, Some(b'u')) => commands::flag(finder, index, word),
        (2, Some(b'b')) => text.eq_ignore_ascii_case(b"by") && assigned::identified(finder, index, word),
        (3, Some(b'k')) => {
            text.eq_ignore_ascii_case(b"key")
                && (assigned::spaced(finder, index, word) || assigned::in_two_words(finder, index, word))
        }
        (4, Some(b'c')) => text.eq_ignore_ascii_case(b"code") && assigned::in_two_words(finder, index, word),
        (3 | 6 | 8 | 10, Some(b'p'))
        | (5, Some(b't'))
        | (6, Some(b's'))
        | (4, Some(b'a'))
        | (6, Some(b'a')) => assigned::tag_or_words(finder, index, word),
        _ => false,
    }
}

/// `пароль: ...`: a name in another script, and what it is given.
fn foreign(finder: &mut Finder<'_>, word: Word) -> bool {
    let view = finder.view;
    let is_sign = |at: usize| matches!(view.byte(at), b':' | b'=');
    let start = word.start();
    let sign = [1, 2].into_iter().filter_map(|back| start.checked_sub(back)).find(|at| is_sign(*at));
    let Some(sign) = sign.filter(|sign| *sign > 0) else { return false };
    let said = Context::of_foreign(view.text(sign.saturating_sub(FOREIGN_BYTES_MAX), sign));
    said.meets(Context::PASSWORD) && value::take(finder, start, value::Told::Password, value::Bound::Loosely)
}

fn prefixed(finder: &mut Finder<'_>, index: usize, word: Word, prefix: &Prefix) -> bool {
    let view = finder.view;
    let start = word.start() + prefix.text.len();
    let end = view.run_end(start, prefix.most + 1, prefix.body);
    let length = end - start;
    let is_cut = length > prefix.most && prefix.most >= VALUE_BYTES_MAX;
    if length < prefix.least || length > prefix.most && !is_cut {
        return false;
    }
    let body = view.text(start, end);
    let worth = match prefix.check {
        // A token that was mistyped or cut off leaves little to guess.
        Check::Digit if !body.iter().any(u8::is_ascii_digit) => return false,
        Check::Varied if !is_varied(body) => return false,
        _ => Worth::Strong,
    };
    finder.weigh(word.start()..end, index, claim(worth))
}

fn is_varied(text: &[u8]) -> bool {
    let has = |is: fn(&u8) -> bool| text.iter().any(is);
    has(u8::is_ascii_uppercase) && has(u8::is_ascii_lowercase) && has(u8::is_ascii_digit)
}

/// `-----BEGIN RSA PRIVATE KEY-----` and all that follows. One run is taken, and passed over as a whole.
fn pem(finder: &mut Finder<'_>, word: Word) -> bool {
    let view = finder.view;
    let start = word.start().saturating_sub(5);
    let head = view.up_to(word.end(), 48);
    let is_pem = view.word_text(word) == b"BEGIN" && view.text(start, word.start()) == b"-----";
    let Some(private) = memchr::memmem::find(head, b"PRIVATE KEY").filter(|_| is_pem) else { return false };
    let is_part = |byte: u8| {
        standard(byte) || matches!(byte, b'-' | b' ' | b'\n' | b'\r' | b'\t' | b':' | b',' | b'\\')
    };
    let body = word.end() + private;
    let run = view.run_end(body, PEM_BYTES_MAX, is_part);
    let text = view.text(body, run);
    let end = memchr::memmem::find(text, b"-----END").map_or(run, |end| {
        let tail = view.up_to(body + end + 8, 56);
        memchr::memmem::find(tail, b"-----").map_or(run, |close| body + end + 8 + close + 5)
    });
    finder.strong(start..end, Detector::Secret);
    true
}

const fn is_value(byte: u8) -> bool {
    !matches!(
        byte,
        0..=b' '
            | b'"'
            | b'\''
            | b'`'
            | b','
            | b';'
            | b'&'
            | b'<'
            | b'>'
            | b'('
            | b')'
            | b'{'
            | b'}'
            | b'['
            | b']'
            | b'|'
            | b'\\'
    )
}

/// A name of a resource, a path or an address: where a secret is, and not the secret.
fn is_place(value: &[u8]) -> bool {
    let is_path = value.starts_with(b"/") && !value.iter().any(u8::is_ascii_uppercase);
    value.starts_with(b"arn:") || is_path || memchr::memmem::find(value, b"://").is_some()
}

/// Long, uneven, and of several kinds of characters.
fn is_generic(value: &[u8]) -> bool {
    let has = |is: fn(&u8) -> bool| value.iter().any(is);
    let has_digit = has(u8::is_ascii_digit);
    let is_mixed = has(u8::is_ascii_uppercase) && has(u8::is_ascii_lowercase);
    let is_plain = value.iter().all(u8::is_ascii_alphanumeric) && value.len() >= 24;
    value.len() >= GENERIC_BYTES_MIN
        && has_digit
        && (is_mixed || is_plain)
        && !is_place(value)
        && token::entropy(value) >= ENTROPY_MIN
}

/// Forty characters of base64, as AWS makes them: in a text only with care.
fn without_prefix(finder: &mut Finder<'_>, index: usize, word: Word) -> bool {
    let view = finder.view;
    let is_start = !matches!(view.before(word.start()), b'/' | b'+' | b'-' | b'_' | b'.');
    if !is_start || !(word.has(UPPER) || word.has(LOWER)) || view.bytes.len() < word.start() + AWS_BYTES {
        return false;
    }
    let end = view.run_end(word.start(), AWS_BYTES + 1, standard);
    let value = view.text(word.start(), end);
    let signs = value.iter().filter(|byte| !byte.is_ascii_alphanumeric()).count();
    if value.len() != AWS_BYTES || signs > 5 || !is_varied(value) || token::entropy(value) < 4.2 {
        return false;
    }
    finder.weigh(word.start()..end, index, claim(Worth::Likely))
}

/// A value that is nothing but a secret, under a key that says so.
pub fn whole(finder: &mut Finder<'_>, text: &[u8]) {
    if !finder.key.meets(Context::SECRET) || !finder.wants(Detector::Secret) || text.len() > VALUE_BYTES_MAX {
        return;
    }
    let is_other = finder.key.meets(Context::PAGE) || is_place(text) || jwt::begins(text);
    if is_other || !text.iter().all(|byte| is_value(*byte)) {
        return;
    }
    let is_password = finder.key.meets(Context::PASSWORD)
        && value::is_secret(text, value::Told::Password, value::Bound::Tightly, finder.care)
        && !text.iter().all(u8::is_ascii_digit);
    let is_named = finder.key.meets(Context::NAMED)
        && value::is_secret(text, value::Told::Compound, value::Bound::Tightly, Care::Balanced);
    if is_password
        || is_named
        || is_generic(text)
        || finder.care == Care::Paranoid && text.len() >= 16 && has_both(text)
    {
        finder.weigh(0..text.len(), 0, claim(Worth::Named));
    }
}

fn has_both(text: &[u8]) -> bool {
    text.iter().any(u8::is_ascii_digit)
        && text.iter().any(u8::is_ascii_alphabetic)
        && token::entropy(text) >= 3.0
}
