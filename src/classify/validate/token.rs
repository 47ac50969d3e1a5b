//! Tokens: how even the characters of a secret are, base64 that is text.

use base64::Engine;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};

/// Padding or none: cut-off and hand-made texts have either.
const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_padding_mode(DecodePaddingMode::Indifferent)
    .with_decode_allow_trailing_bits(true);
const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&base64::alphabet::URL_SAFE, LENIENT);
const STANDARD: GeneralPurpose = GeneralPurpose::new(&base64::alphabet::STANDARD, LENIENT);

/// The most bytes that are decoded to look into: a header of a JWT has about 60, and 300 with certificates'
/// hashes.
pub const DECODED_MAX: usize = 3072;

/// The characters of base64 that are read for that.
pub const ENCODED_MAX: usize = DECODED_MAX / 3 * 4;

/// Bits of information in each character, by how often each comes.
pub fn entropy(text: &[u8]) -> f32 {
    let mut counts = [0u16; 256];
    for byte in text.iter().take(usize::from(u16::MAX)) {
        if let Some(count) = counts.get_mut(usize::from(*byte)) {
            *count += 1;
        }
    }
    let total = text.len().min(usize::from(u16::MAX)) as f32;
    let parts = counts.iter().filter(|count| **count > 0).map(|count| f32::from(*count) / total);
    parts.map(|part| -part * part.log2()).sum()
}

/// Base64 of either alphabet into `into`, or nothing where it is none or too long.
pub fn decoded<'a>(text: &[u8], into: &'a mut [u8; DECODED_MAX]) -> Option<&'a [u8]> {
    if text.len() > ENCODED_MAX {
        return None;
    }
    let is_url = text.iter().any(|byte| matches!(byte, b'-' | b'_'));
    let engine = if is_url { URL_SAFE } else { STANDARD };
    let length = engine.decode_slice(text, into).ok()?;
    into.get(..length)
}

/// Whether the first part of a JWT says how it is signed or encrypted.
pub fn is_jwt_header(text: &[u8]) -> bool {
    let mut room = [0; DECODED_MAX];
    let Some(header) = decoded(text, &mut room) else { return false };
    let is_object = header.first() == Some(&b'{') && header.last() == Some(&b'}');
    is_object && memchr::memmem::find(header, b"\"alg\"").is_some()
}

/// Whether base64 is a name and a password with a colon between.
pub fn is_basic(text: &[u8]) -> bool {
    let mut room = [0; DECODED_MAX];
    let Some(pair) = decoded(text, &mut room) else { return false };
    let is_text = std::str::from_utf8(pair).is_ok_and(|pair| !pair.contains(char::is_control));
    is_text && pair.contains(&b':')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_less_even_than_secrets() {
        assert!(entropy(b"aaaaaaaaaaaaaaaaaaaa") < 0.1);
        assert!(entropy(b"wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY") > 4.0);
        assert!(!entropy(b"").is_nan());
    }

    #[test]
    fn what_is_decoded_is_looked_into() {
        assert!(is_jwt_header(b"eyJhbGciOiJIUzI1NiJ9"));
        assert!(!is_jwt_header(b"eyJpZCI6MTIzfQ") && !is_jwt_header(b"eyJ") && !is_jwt_header(b"\xff"));
        assert!(is_basic(b"dXNlcjpwYXNz") && !is_basic(b"dXNlcg==") && !is_basic(b"authentication"));
        assert!(!is_jwt_header(&vec![b'e'; ENCODED_MAX + 1]));
    }
}
