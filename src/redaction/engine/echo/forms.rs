//! The form in which values and texts are compared: escapes undone, small letters, and one sign for what stands for
//! a space somewhere. A form is as long as what it was made of, but for escapes, so that places in it lead back.

use base64::Engine;
use base64::alphabet;
use base64::engine::GeneralPurpose;
use base64::engine::general_purpose::{NO_PAD, STANDARD_NO_PAD};

use super::common::is_common;
use super::{ECHO_CHARS_MIN, ECHO_DIGITS_MIN};
use crate::classify::decode::{Decoded, Decoder};

/// What stands before a value in its group of three bytes.
const ZEROS: &[u8] = &[0; 2];
const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, NO_PAD);

/// The forms of a value: as it would be read, and as it stands there where that is another. None where what is read
/// tells nothing of anyone.
pub(super) fn of(value: &str, decoder: &mut Decoder) -> Vec<Vec<u8>> {
    let mut forms = Vec::with_capacity(1);
    let mut add = |bytes: &[u8]| {
        let mut form = Vec::with_capacity(bytes.len());
        fold(bytes, &mut form);
        if !forms.contains(&form) {
            forms.push(form);
        }
    };
    add(value.as_bytes());
    if let Some(decoded) = decoder.decode(value.as_bytes()).map(Decoded::bytes) {
        add(decoded.trim_ascii());
    }
    let is_telling = forms.last().is_some_and(|read| length(read) > 0);
    if is_telling { forms } else { Vec::new() }
}

/// Writes the form of bytes whose escapes are undone. Each character takes as many bytes as it took.
pub(super) fn fold(bytes: &[u8], out: &mut Vec<u8>) {
    if bytes.is_ascii() {
        return out.extend(bytes.iter().copied().map(folded));
    }
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            match u8::try_from(c) {
                Ok(byte) if byte.is_ascii() => out.push(folded(byte)),
                _ => out.extend_from_slice(small(c).encode_utf8(&mut [0; 4]).as_bytes()),
            }
        }
        out.extend_from_slice(chunk.invalid());
    }
}

#[inline]
fn folded(byte: u8) -> u8 {
    match byte {
        // A form has it for a space, and lines are broken where there was one.
        b'+' | b'\t' | b'\n' | b'\r' => b' ',
        other => other.to_ascii_lowercase(),
    }
}

/// The small letter, where it is one and as long.
fn small(c: char) -> char {
    let mut all = c.to_lowercase();
    match (all.next(), all.next()) {
        (Some(small), None) if small.len_utf8() == c.len_utf8() => small,
        _ => c,
    }
}

/// Characters of a form; none where it tells nothing of anyone.
pub(super) fn length(form: &[u8]) -> usize {
    let chars = form.iter().filter(|byte| !matches!(byte, 0x80..=0xbf)).count();
    let least = if form.iter().all(u8::is_ascii_digit) { ECHO_DIGITS_MIN } else { ECHO_CHARS_MIN };
    if chars < least || form.len() < ECHO_CHARS_MIN || is_common(form) { 0 } else { chars }
}

/// What of a value's base64 is the same wherever within a longer text it stands: one for each way in which three
/// bytes can fall on it, and each alphabet where they differ.
pub(super) fn base64(value: &str) -> Vec<Vec<u8>> {
    let mut forms: Vec<Vec<u8>> = Vec::with_capacity(3);
    for before in 0..3usize {
        let shifted = [ZEROS.get(..before).unwrap_or_default(), value.as_bytes()].concat();
        // Six bits a letter: those at either end may hold bits of a neighbour.
        let (first, end) = ((before * 8).div_ceil(6), shifted.len() * 8 / 6);
        for engine in [&STANDARD_NO_PAD, &URL_SAFE] {
            let whole = engine.encode(&shifted);
            let mut form = Vec::with_capacity(whole.len());
            fold(whole.as_bytes().get(first..end).unwrap_or_default(), &mut form);
            if !forms.contains(&form) {
                forms.push(form);
            }
        }
    }
    forms
}
