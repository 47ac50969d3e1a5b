//! Addresses of wallets, and the keys to them.

use super::Detector;
use super::finder::Finder;
use super::view::{DIGIT, LOWER, UPPER, Word};
use crate::classify::validate::coin;

/// Prefixes of bech32 before its `1`.
const PREFIXES: [&[u8]; 10] =
    [b"bc", b"tb", b"bcrt", b"ltc", b"addr", b"stake", b"cosmos", b"osmo", b"lnbc", b"age"];

/// The shortest address.
pub const BYTES_MIN: usize = 26;

/// An address of Cardano has 103 characters.
const BECH32_MAX: usize = 110;

pub fn scan(finder: &mut Finder<'_>, word: Word) -> bool {
    let text = finder.view.word_text(word);
    let range = word.start()..word.end();
    if let [b'0', b'x' | b'X', address @ ..] = text {
        let is_address = address.len() == 40 && coin::is_ethereum(address);
        if is_address {
            finder.strong(range, Detector::Crypto);
        }
        return is_address;
    }
    if !word.has(DIGIT) {
        return false;
    }
    if is_bech32(text) {
        finder.strong(range, Detector::Crypto);
        return true;
    }
    if !(word.has(LOWER) && word.has(UPPER)) {
        return false;
    }
    match (text.len(), text.first()) {
        (26..=35, _)
        | (51 | 52, Some(b'5' | b'K' | b'L' | b'9' | b'c'))
        | (111, Some(b'x' | b'y' | b'z' | b't')) => {}
        _ => return false,
    }
    // Twenty-one bytes are an address with its kind; more are a key.
    match coin::base58check(text) {
        Some(20..=22) => finder.strong(range, Detector::Crypto),
        Some(33..) => finder.strong(range, Detector::Secret),
        _ => return false,
    }
    true
}

fn is_bech32(text: &[u8]) -> bool {
    let known = PREFIXES.iter().find(|prefix| {
        let (head, tail) = text.split_at_checked(prefix.len()).unwrap_or_default();
        head.eq_ignore_ascii_case(prefix) && tail.first() == Some(&b'1')
    });
    let Some(prefix) = known.filter(|_| text.len() <= BECH32_MAX) else { return false };
    let data = text.get(prefix.len() + 1..).unwrap_or_default();
    data.len() >= 38 && coin::is_bech32(prefix, data)
}
