//! Secrets: by the prefixes of their makers, by the words before them, in addresses with a password, as keys
//! in PEM.

use super::finder::{Claim, Finder};
use super::prefixes::{Check, Prefix, beginning, standard, url_safe};
use super::view::{LOWER, UPPER, Word};
use super::{Care, Context, Detector, jwt, prefixes};
use crate::classify::validate::national::Worth;
use crate::classify::validate::token;

/// A key of RSA with 16384 bits has 12 kB.
const PEM_BYTES_MAX: usize = 16 * 1024;
const AUTHORITY_BYTES_MAX: usize = 512;
const ADDRESS_BYTES_MAX: usize = 2048;
const VALUE_BYTES_MAX: usize = 512;
const ENTROPY_MIN: f32 = 3.5;
const GENERIC_BYTES_MIN: usize = 20;
const PASSWORD_BYTES_MIN: usize = 4;
/// So much of a password says whether it is one.
const PASSWORD_BYTES_MAX: usize = 64;
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
    let next = view.byte(word.end());
    match next {
        b'=' | b':' | b'"' | b'\'' => assigned(finder, index, word),
        b' ' | b'+' if matches!(first, b'B' | b'b') => {
            scheme(finder, word) || next == b' ' && pem(finder, word)
        }
        b' ' if matches!(view.byte(word.end() + 1), b'=' | b':') => assigned(finder, index, word),
        b'/' => without_prefix(finder, index, word),
        _ => (next == b'+' || word.len() == AWS_BYTES) && without_prefix(finder, index, word),
    }
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
        Check::Crc32 if !token::has_crc32(body) => Worth::Weak,
        Check::Varied if !is_varied(body) => return false,
        _ => Worth::Strong,
    };
    finder.weigh(word.start()..end, index, claim(worth))
}

fn is_varied(text: &[u8]) -> bool {
    let has = |is: fn(&u8) -> bool| text.iter().any(is);
    has(u8::is_ascii_uppercase) && has(u8::is_ascii_lowercase) && has(u8::is_ascii_digit)
}

/// `Basic dXNlcjpwYXNz` and `Bearer 3f2a...`; a JWT has its own name.
fn scheme(finder: &mut Finder<'_>, word: Word) -> bool {
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
    let is_secret = value.len() >= 16 && value.iter().any(u8::is_ascii_digit) && token::entropy(value) >= 3.0;
    if is_secret && !jwt::begins(value) {
        finder.strong(word.start()..end, Detector::Secret);
    }
    is_secret && !jwt::begins(value)
}

/// `-----BEGIN RSA PRIVATE KEY-----` and all that follows. One run is taken, and passed over as a whole.
fn pem(finder: &mut Finder<'_>, word: Word) -> bool {
    let view = finder.view;
    let start = word.start().saturating_sub(5);
    let head = view.text(word.end(), word.end() + 48);
    let is_pem = view.word_text(word) == b"BEGIN" && view.text(start, word.start()) == b"-----";
    let Some(private) = memchr::memmem::find(head, b"PRIVATE KEY").filter(|_| is_pem) else { return false };
    let is_part = |byte: u8| {
        standard(byte) || matches!(byte, b'-' | b' ' | b'\n' | b'\r' | b'\t' | b':' | b',' | b'\\')
    };
    let body = word.end() + private;
    let run = view.run_end(body, PEM_BYTES_MAX, is_part);
    let text = view.text(body, run);
    let end = memchr::memmem::find(text, b"-----END").map_or(run, |end| {
        let tail = view.text(body + end + 8, body + end + 64);
        memchr::memmem::find(tail, b"-----").map_or(run, |close| body + end + 8 + close + 5)
    });
    finder.strong(start..end, Detector::Secret);
    true
}

/// `password=...`, `"api_key": "..."`, `AccountKey=...`.
fn assigned(finder: &mut Finder<'_>, index: usize, word: Word) -> bool {
    let view = finder.view;
    let mut said = Context::of_word(view.word_text(word));
    if said == Context::NONE {
        return false;
    }
    for sign in [b'_', b'-'] {
        if let Some(before) = view.joined_before(index, sign) {
            said = said | Context::of_word(view.word_text(before));
        }
    }
    // Tokens that say where a list goes on are no secrets.
    if !said.whole().meets(Context::SECRET) || said.meets(Context::PAGE) {
        return false;
    }
    let Some((start, sign)) = value_start(finder, word.end()) else { return false };
    // Of `token=token=token=` only the first has a value; of `password=password=` each, but a short one decides.
    let is_password = said.meets(Context::PASSWORD);
    if start < finder.measured && !is_password {
        return false;
    }
    let most = if is_password { PASSWORD_BYTES_MAX } else { VALUE_BYTES_MAX };
    let end = view.run_end(start, most, is_value);
    finder.measured = finder.measured.max(end);
    let value = view.text(start, end);
    let is_quoted = matches!(view.before(start), b'"' | b'\'');
    let is_account_key = sign == b'=' && word.has(UPPER) && is_padded(value);
    let is_secret = if is_password {
        let has_signs = value.iter().any(|byte| !byte.is_ascii_alphabetic());
        value.len() >= PASSWORD_BYTES_MIN
            && !is_placeholder(value)
            && (sign == b'=' || is_quoted || has_signs)
    } else {
        is_generic(value) || is_account_key
    };
    if is_secret && !jwt::begins(value) {
        // `AccountKey=` is part of what its readers take for the key.
        let start = if is_account_key { word.start() } else { start };
        let end = view.run_end(end, VALUE_BYTES_MAX, is_value);
        finder.strong(start..end, Detector::Secret);
    }
    is_secret && !jwt::begins(value)
}

/// Base64 with its padding, as keys of storage accounts are.
fn is_padded(value: &[u8]) -> bool {
    value.len() >= 40 && value.ends_with(b"=") && value.iter().all(|byte| standard(*byte))
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

/// Behind `=` or `:`, spaces and a quote; and which of the two it was.
fn value_start(finder: &Finder<'_>, from: usize) -> Option<(usize, u8)> {
    let view = finder.view;
    let skip = |at: usize| view.run_end(at, 2, |byte| matches!(byte, b' ' | b'"' | b'\''));
    let at = skip(from);
    let sign = view.byte(at);
    let is_url = view.text(at, at + 3) == b"://";
    (matches!(sign, b'=' | b':') && !is_url)
        .then(|| (skip(at + 1 + usize::from(view.byte(at + 1) == b'>')), sign))
}

/// What stands where a password would, so that none does.
fn is_placeholder(value: &[u8]) -> bool {
    let words: [&[u8]; 12] = [
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
    ];
    let is_even = value.iter().all(|byte| Some(byte) == value.first());
    let begins = matches!(value, [b'$' | b'%' | b'?' | b':' | b'@' | b'*' | b'#', ..]);
    is_even || begins || words.iter().any(|word| value.eq_ignore_ascii_case(word))
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
    finder.weigh(word.start()..end, index, claim(Worth::Weak))
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
        && text.len() >= PASSWORD_BYTES_MIN
        && !is_placeholder(text)
        && !text.iter().all(u8::is_ascii_digit);
    if is_password || is_generic(text) || finder.care == Care::Paranoid && text.len() >= 16 && has_both(text)
    {
        finder.weigh(0..text.len(), 0, claim(Worth::Named));
    }
}

fn has_both(text: &[u8]) -> bool {
    text.iter().any(u8::is_ascii_digit)
        && text.iter().any(u8::is_ascii_alphabetic)
        && token::entropy(text) >= 3.0
}

/// `scheme://user:password@host/...`: all of it, since the rest says where the password opens.
pub fn addresses(finder: &mut Finder<'_>) {
    let view = finder.view;
    let mut from = 0;
    while let Some(at) = memchr::memmem::find(view.rest(from), b"://").map(|at| from + at) {
        from = at + 3;
        let end = view.run_end(from, AUTHORITY_BYTES_MAX, |byte| {
            !matches!(byte, 0..=b' ' | b'/' | b'?' | b'#' | b'"' | b'\'' | b'<' | b'>' | b'\\' | b'`')
        });
        let authority = view.text(from, end);
        let Some(person) = memchr::memrchr(b'@', authority).and_then(|at| authority.get(..at)) else {
            continue;
        };
        let Some(colon) = memchr::memchr(b':', person) else { continue };
        let password = person.get(colon + 1..).unwrap_or_default();
        let is_blank = password.is_empty() || is_placeholder(password) || password.starts_with(b"{");
        if is_blank {
            continue;
        }
        let scheme = view.text(at.saturating_sub(16), at).iter().rev();
        let scheme =
            scheme.take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'.' | b'-'));
        let start = at - scheme.count();
        let last = view.run_end(end, ADDRESS_BYTES_MAX, |byte| {
            !matches!(byte, 0..=b' ' | b'"' | b'\'' | b'<' | b'>' | b'`' | b',' | b';' | b'\\')
        });
        finder.strong(start..last, Detector::Secret);
        from = last;
    }
}
