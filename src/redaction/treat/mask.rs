//! Masks by class: the class's mark with the part of a value that people need to tell one from another. A value that
//! has not the shape its class should have leaves nothing.

use super::{put_mark, put_mark_with};
use crate::policy::Mask;

/// A domain longer than this is no one's mailbox.
const DOMAIN_BYTES_MAX: usize = 64;
/// A value shorter than this would be told by half of it.
const LAST_FOUR_CHARS_MIN: usize = 10;

pub(super) fn put(mask: Mask, class: &str, value: &str, out: &mut String) {
    let is_shown = match mask {
        Mask::Full => false,
        Mask::Email => email(class, value, out),
        Mask::Phone => phone(class, value, out),
        Mask::Pan => pan(class, value, out),
        Mask::Iban => iban(class, value, out),
        Mask::LastFour => last_four(class, value, out),
    };
    if !is_shown {
        put_mark(class, out);
    }
}

/// The first letter and the domain: `‹pii.email j…example.com›`, without the sign that makes an address of it.
fn email(class: &str, value: &str, out: &mut String) -> bool {
    let Some((local, domain)) = value.rsplit_once('@') else { return false };
    let Some(first) = local.bytes().next().filter(u8::is_ascii_alphanumeric) else { return false };
    let domain = domain.to_ascii_lowercase();
    let is_label = |label: &str| {
        !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    let is_domain =
        domain.len() <= DOMAIN_BYTES_MAX && domain.contains('.') && domain.split('.').all(is_label);
    let has_top = domain.rsplit('.').next().is_some_and(|top| top.bytes().all(|b| b.is_ascii_alphabetic()));
    if local.len() < 2 || !is_domain || !has_top {
        return false;
    }
    let first = char::from(first.to_ascii_lowercase()).to_string();
    put_mark_with(class, &[&first, "…", &domain], out);
    true
}

/// The country's code where there is one, and the last two digits.
fn phone(class: &str, value: &str, out: &mut String) -> bool {
    let Some(number) = phone_number(value) else { return false };
    let Some(last) = number.get(number.len().saturating_sub(2)..) else { return false };
    match number.strip_prefix('+').and_then(country_code) {
        Some(code) => put_mark_with(class, &["+", code, "…", last], out),
        None => put_mark_with(class, &["…", last], out),
    }
    true
}

/// A number as E.164 writes it, or its digits where it has no country.
pub(super) fn phone_number(value: &str) -> Option<String> {
    let is_sign = |c: char| matches!(c, ' ' | '-' | '.' | '(' | ')' | '/' | '\u{a0}');
    let bare: String = value.trim().chars().filter(|c| !is_sign(*c)).collect();
    let bare = bare.strip_prefix("tel:").unwrap_or(&bare);
    let international = bare.strip_prefix('+').or_else(|| bare.strip_prefix("00"));
    let digits = international.unwrap_or(bare);
    let is_number = (7..=15).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| if international.is_some() { format!("+{digits}") } else { digits.to_owned() })
}

/// Of the digits after the plus, those of the country: the ITU gave one to two regions, two or three to the others.
fn country_code(digits: &str) -> Option<&str> {
    let length = match digits.as_bytes() {
        [b'1' | b'7', ..] => 1,
        [b'2', b'0' | b'7', ..]
        | [b'3', b'0'..=b'4' | b'6' | b'9', ..]
        | [b'4', b'0' | b'1' | b'3'..=b'9', ..]
        | [b'5', b'1'..=b'8', ..]
        | [b'6', b'0'..=b'6', ..]
        | [b'8', b'1' | b'2' | b'4' | b'6', ..]
        | [b'9', b'0'..=b'5' | b'8', ..] => 2,
        _ => 3,
    };
    digits.get(..length)
}

/// The last four digits, as a receipt has them.
fn pan(class: &str, value: &str, out: &mut String) -> bool {
    let digits: String = value.chars().filter(|c| !matches!(c, ' ' | '-')).collect();
    if !(13..=19).contains(&digits.len()) || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return false;
    }
    put_last(class, "…", &digits, out)
}

fn iban(class: &str, value: &str, out: &mut String) -> bool {
    let bare = bare_iban(value);
    let is_head = matches!(bare.as_bytes(), [b'A'..=b'Z', b'A'..=b'Z', b'0'..=b'9', b'0'..=b'9', ..]);
    if !(15..=34).contains(&bare.len()) || !is_head || !bare.bytes().all(|byte| byte.is_ascii_alphanumeric())
    {
        return false;
    }
    let Some(country) = bare.get(..2) else { return false };
    put_last(class, &format!("{country}…"), &bare, out)
}

/// Without spaces and dashes, in upper case.
pub(super) fn bare_iban(value: &str) -> String {
    value.chars().filter(|c| !matches!(c, ' ' | '-' | '\u{a0}')).map(|c| c.to_ascii_uppercase()).collect()
}

fn last_four(class: &str, value: &str, out: &mut String) -> bool {
    let bare: String = value.chars().filter(|c| c.is_alphanumeric()).collect();
    bare.chars().count() >= LAST_FOUR_CHARS_MIN && put_last(class, "…", &bare, out)
}

fn put_last(class: &str, before: &str, value: &str, out: &mut String) -> bool {
    let Some((from, _)) = value.char_indices().nth_back(3) else { return false };
    let last = value.get(from..).unwrap_or_default();
    put_mark_with(class, &[before, last], out);
    true
}
