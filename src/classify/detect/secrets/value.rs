//! What may be a secret where something says that one follows: how long and how mixed it has to be, and what stands
//! in its place where none does.

use super::super::Care;
use super::super::finder::Finder;
use super::{PASSWORD_BYTES_MAX, VALUE_BYTES_MAX, is_generic, is_place, is_value};
use crate::classify::detect::jwt;
use crate::classify::validate::token;

const PASSWORD_BYTES_MIN: usize = 4;
/// Of what a name like `api_key` says, and of what a single word like `token` says.
const COMPOUND_BYTES_MIN: usize = 6;
const SINGLE_BYTES_MIN: usize = 8;
/// What may follow a `&` within a password.
const REST_BYTES_MAX: usize = 16;
/// Words of a phrase between quotes.
const QUOTED_BYTES_MAX: usize = 64;

/// How plainly a name says that a secret follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Told {
    /// A word that names many other things, too: `token`, `secret`, `auth`.
    Single,
    /// Two words, or one made of two: `api_key`, `clientSecret`, `accesstoken`.
    Compound,
    /// `password`: whatever follows is one, however simple.
    Password,
}

/// How a value is bound to its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bound {
    /// `=`, or quotes around the value: nothing else is meant.
    Tightly,
    /// `:` or words, as sentences have them.
    Loosely,
}

/// Where the value at `start` ends: before the quote that it began with, or at a sign that none has.
pub(super) fn end_of(finder: &Finder<'_>, start: usize, most: usize) -> usize {
    let view = finder.view;
    let end = view.run_end(start, most, is_value);
    let quote = view.before(start);
    // A parameter follows `&`, unless nothing is assigned to it.
    if view.byte(end) == b'&' && end > start && !matches!(quote, b'"' | b'\'') {
        let last = view.run_end(end + 1, REST_BYTES_MAX, is_value);
        let is_parameter = last == end + 1 || view.text(end + 1, last).contains(&b'=');
        return if is_parameter { end } else { last };
    }
    if !matches!(quote, b'"' | b'\'') || view.byte(end) == quote {
        return end;
    }
    // Something in quotes goes on to the quote that closes it, if one does.
    let inside = view.rest(start).iter().take(QUOTED_BYTES_MAX);
    let length = inside.take_while(|byte| **byte != quote && **byte >= b' ').count();
    if view.byte(start + length) == quote { start + length } else { end }
}

/// Signs that end a sentence are not of the value.
pub(super) fn without_stop(finder: &Finder<'_>, start: usize, end: usize) -> usize {
    let is_stop = |at: usize| matches!(finder.view.byte(at), b'.' | b':') && at > start;
    if end > start && is_stop(end - 1) { end - 1 } else { end }
}

/// Whether a value is a secret, where its name says so this plainly.
pub(super) fn is_secret(value: &[u8], told: Told, bound: Bound, care: Care) -> bool {
    // What has a name of its own is found by that.
    if value.is_empty() || is_placeholder(value) || jwt::begins(value) || value.starts_with(b"-----BEGIN") {
        return false;
    }
    let has_letter = value.iter().any(u8::is_ascii_alphabetic);
    let has_digit = value.iter().any(u8::is_ascii_digit);
    let has_sign = value.iter().any(|byte| !byte.is_ascii_alphabetic());
    match told {
        Told::Password => value.len() >= PASSWORD_BYTES_MIN && (bound == Bound::Tightly || has_sign),
        _ if is_generic(value) => true,
        _ if is_place(value) => false,
        Told::Compound => {
            let is_bare = care == Care::Paranoid && bound == Bound::Tightly;
            value.len() >= COMPOUND_BYTES_MIN && (has_digit && has_letter || is_bare)
        }
        Told::Single => {
            let least = if bound == Bound::Tightly { COMPOUND_BYTES_MIN } else { SINGLE_BYTES_MIN };
            value.len() >= least && has_digit && has_letter
        }
    }
}

/// Looks at the value at `start`, and takes it if it is one.
pub(super) fn take(finder: &mut Finder<'_>, start: usize, told: Told, bound: Bound) -> bool {
    // Of `token=token=token=` only the first has a value; of `password=password=` each, but a short one decides.
    if start < finder.measured && told != Told::Password {
        return false;
    }
    let end = end_of(finder, start, PASSWORD_BYTES_MAX);
    finder.measured = finder.measured.max(end);
    let short = without_stop(finder, start, end);
    let is_it = is_secret(finder.view.text(start, short), told, bound, finder.care);
    if is_it {
        // Only what the value goes on with is followed further.
        let is_cut = end - start >= PASSWORD_BYTES_MAX;
        let last = if is_cut { finder.view.run_end(end, VALUE_BYTES_MAX, is_value) } else { short };
        finder.strong(start..last, super::Detector::Secret);
    }
    is_it
}

/// So much like chance that it is a token even where nothing but a word stands before it.
pub(super) fn is_random(value: &[u8], least: usize) -> bool {
    value.len() >= least
        && value.iter().any(u8::is_ascii_digit)
        && value.iter().any(u8::is_ascii_alphabetic)
        && token::entropy(value) >= 3.0
}

/// What stands where a secret would, so that none does.
pub(super) fn is_placeholder(value: &[u8]) -> bool {
    const WORDS: [&[u8]; 26] = [
        b"null",
        b"none",
        b"nil",
        b"true",
        b"false",
        b"undefined",
        b"required",
        b"redacted",
        b"filtered",
        b"hidden",
        b"empty",
        b"invalid",
        b"missing",
        b"expired",
        b"changed",
        b"incorrect",
        b"masked",
        b"oauth2",
        b"saml2",
        b"sha256",
        b"hs256",
        b"rs256",
        b"es256",
        b"s256",
        b"base64",
        b"x509",
    ];
    let is_even = value.iter().all(|byte| Some(byte) == value.first());
    // Marks of templates and of those that redacted it before.
    let begins = matches!(value, [b'$', b'{' | b'(', ..] | [b'%', b'{' | b'(' | b's', ..] | [b'{', b'{', ..])
        || matches!(value, [b'?' | b':' | b'@' | b'*' | b'#' | b'<', ..] | [b'$' | b'%'])
        || value.starts_with("‹".as_bytes());
    is_even || begins || WORDS.iter().any(|word| value.eq_ignore_ascii_case(word))
}
