//! Strings and bytes as Go's `encoding/json` writes them: HTML escaped, invalid UTF-8 replaced.
//!
//! Most text needs no escaping, so it is looked at eight bytes at a time and copied in runs.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

const HEX: &[u8; 16] = b"0123456789abcdef";

/// Bytes encoded at a time: a multiple of three, so that padding can only stand at the end.
const BASE64_CHUNK: usize = 48;
const BASE64_CHUNK_TEXT: usize = 64;

/// Writes `text` in quotes. Bytes that are no UTF-8 each become `\ufffd`, as in Go.
#[inline]
pub fn put_string(out: &mut Vec<u8>, text: &[u8]) {
    out.push(b'"');
    let mut rest = text;
    loop {
        let (run, after) = rest.split_at_checked(plain_length(rest)).unwrap_or((rest, &[]));
        out.extend_from_slice(run);
        if after.is_empty() {
            break;
        }
        rest = put_escape(out, after);
    }
    out.push(b'"');
}

/// How many bytes from the start can be copied as they are.
#[inline]
fn plain_length(text: &[u8]) -> usize {
    let mut at = plain_ascii_length(text);
    loop {
        let rest = text.get(at..).unwrap_or_default();
        match rest.first() {
            Some(byte) if *byte >= 0x80 => match sequence_length(rest) {
                0 => return at,
                // U+2028 and U+2029 end a line in JavaScript: Go escapes them always.
                3 if matches!(rest, [0xe2, 0x80, 0xa8 | 0xa9, ..]) => return at,
                length => at += length,
            },
            Some(byte) if is_plain(*byte) => at += plain_ascii_length(rest),
            _ => return at,
        }
    }
}

#[inline]
fn plain_ascii_length(text: &[u8]) -> usize {
    let (chunks, tail) = text.as_chunks::<8>();
    for (count, chunk) in chunks.iter().enumerate() {
        let special = special_bytes(u64::from_le_bytes(*chunk));
        if special != 0 {
            return count * 8 + special.trailing_zeros() as usize / 8;
        }
    }
    // The last eight bytes again, for the few that are left over: faster than one by one.
    if let Some(last) = text.last_chunk::<8>()
        && special_bytes(u64::from_le_bytes(*last)) == 0
    {
        return text.len();
    }
    let special = tail.iter().position(|byte| *byte >= 0x80 || !is_plain(*byte));
    text.len() - tail.len() + special.unwrap_or(tail.len())
}

/// Marks the high bit of the first byte that is a control, a quote, a backslash, `<`, `>`, `&` or no ASCII.
/// Marks above the first one may be false: a borrow runs upwards.
#[inline]
fn special_bytes(word: u64) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    let zero_in = |bytes: u64| bytes.wrapping_sub(ONES) & !bytes;
    let control = word.wrapping_sub(ONES * 0x20) & !word;
    // `<` and `>` differ in one bit, so do `"` and `&`: one comparison for each pair.
    let angle = zero_in((word | (ONES * 0x02)) ^ (ONES * u64::from(b'>')));
    let quote = zero_in((word | (ONES * 0x04)) ^ (ONES * u64::from(b'&')));
    let backslash = zero_in(word ^ (ONES * u64::from(b'\\')));
    (word | control | angle | quote | backslash) & HIGH
}

#[inline]
fn is_plain(byte: u8) -> bool {
    byte >= 0x20 && !matches!(byte, b'"' | b'\\' | b'<' | b'>' | b'&')
}

/// The length of the well-formed UTF-8 sequence beyond ASCII that `text` starts with, or 0.
#[inline]
fn sequence_length(text: &[u8]) -> usize {
    match text {
        [0xc2..=0xdf, 0x80..=0xbf, ..] => 2,
        [0xe0, 0xa0..=0xbf, 0x80..=0xbf, ..]
        | [0xe1..=0xec | 0xee | 0xef, 0x80..=0xbf, 0x80..=0xbf, ..]
        | [0xed, 0x80..=0x9f, 0x80..=0xbf, ..] => 3,
        [0xf0, 0x90..=0xbf, 0x80..=0xbf, 0x80..=0xbf, ..]
        | [0xf1..=0xf3, 0x80..=0xbf, 0x80..=0xbf, 0x80..=0xbf, ..]
        | [0xf4, 0x80..=0x8f, 0x80..=0xbf, 0x80..=0xbf, ..] => 4,
        _ => 0,
    }
}

/// Writes the escape for what `text` starts with, which can't be copied, and returns the rest.
fn put_escape<'a>(out: &mut Vec<u8>, text: &'a [u8]) -> &'a [u8] {
    let (first, rest) = match text {
        [0xe2, 0x80, last @ (0xa8 | 0xa9), rest @ ..] => {
            out.extend_from_slice(if *last == 0xa8 { b"\\u2028" } else { b"\\u2029" });
            return rest;
        }
        [first, rest @ ..] => (*first, rest),
        [] => return &[],
    };
    match first {
        b'"' => out.extend_from_slice(b"\\\""),
        b'\\' => out.extend_from_slice(b"\\\\"),
        b'\n' => out.extend_from_slice(b"\\n"),
        b'\r' => out.extend_from_slice(b"\\r"),
        b'\t' => out.extend_from_slice(b"\\t"),
        0x08 => out.extend_from_slice(b"\\b"),
        0x0c => out.extend_from_slice(b"\\f"),
        0x80.. => out.extend_from_slice(b"\\ufffd"),
        other => {
            out.extend_from_slice(b"\\u00");
            out.extend_from_slice(&hex_pair(other));
        }
    }
    rest
}

#[inline]
fn hex_pair(byte: u8) -> [u8; 2] {
    // Both indexes are below 16; the fallback is never taken and costs nothing.
    let digit = |nibble: u8| HEX.get(usize::from(nibble & 15)).copied().unwrap_or(b'0');
    [digit(byte >> 4), digit(byte)]
}

/// Writes `bytes` in quotes as hexadecimal digits.
pub fn put_hex(out: &mut Vec<u8>, bytes: &[u8]) {
    out.push(b'"');
    for byte in bytes {
        out.extend_from_slice(&hex_pair(*byte));
    }
    out.push(b'"');
}

/// Writes `bytes` in quotes as base64 with padding.
#[inline]
pub fn put_base64(out: &mut Vec<u8>, bytes: &[u8]) {
    out.push(b'"');
    let mut text = [0u8; BASE64_CHUNK_TEXT];
    for chunk in bytes.chunks(BASE64_CHUNK) {
        let length = STANDARD.encode_slice(chunk, &mut text);
        debug_assert!(length.is_ok(), "a chunk's text fits the buffer");
        out.extend_from_slice(text.get(..length.unwrap_or(0)).unwrap_or_default());
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::json::model;
    use proptest::prelude::*;

    fn string(text: &[u8]) -> String {
        let mut out = Vec::new();
        put_string(&mut out, text);
        String::from_utf8(out).unwrap()
    }

    fn check(text: impl AsRef<[u8]>, expected: &str) {
        let text = text.as_ref();
        // Wherever a byte lies in its chunk of eight, the outcome is the same.
        for before in 0..17 {
            let shifted: Vec<u8> = std::iter::repeat_n(b'x', before).chain(text.iter().copied()).collect();
            assert_eq!(string(&shifted), format!("\"{}{expected}\"", "x".repeat(before)));
        }
    }

    #[test]
    fn html_is_escaped_as_go_does() {
        check("<root span not yet received>", r"\u003croot span not yet received\u003e");
        check("a&b", r"a\u0026b");
        check("'=`/", "'=`/");
    }

    #[test]
    fn controls_quotes_and_line_ends_are_escaped() {
        check("\"\\", r#"\"\\"#);
        check("\n\r\t\u{8}\u{c}", r"\n\r\t\b\f");
        check("\0\u{1}\u{1f} \u{7f}", "\\u0000\\u0001\\u001f \u{7f}");
        check("a\u{2028}b\u{2029}c\u{2027}\u{202a}", "a\\u2028b\\u2029c\u{2027}\u{202a}");
    }

    #[test]
    fn text_beyond_ascii_is_kept() {
        check(
            "Zürich 東京 🚆 \u{80}\u{7ff}\u{800}\u{ffff}\u{10000}\u{10ffff}",
            "Zürich 東京 🚆 \u{80}\u{7ff}\u{800}\u{ffff}\u{10000}\u{10ffff}",
        );
        check("\u{fffd}", "\u{fffd}");
    }

    #[test]
    fn each_byte_that_is_no_utf8_is_replaced() {
        check(b"\xff", r"\ufffd");
        check(b"a\xc3(", r"a\ufffd(");
        check(b"\xe2\x82", r"\ufffd\ufffd");
        check(b"\xed\xa0\x80", r"\ufffd\ufffd\ufffd");
        check(b"\xc0\x80", r"\ufffd\ufffd");
        check(b"\xf4\x90\x80\x80", r"\ufffd\ufffd\ufffd\ufffd");
        check(b"\xe2\x80", r"\ufffd\ufffd");
        check(b"\xf0\x9f\x9a", r"\ufffd\ufffd\ufffd");
    }

    #[test]
    fn ids_are_base64_and_hex() {
        let id =
            [0x0a, 0xf7, 0x65, 0x19, 0x16, 0xcd, 0x43, 0xdd, 0x84, 0x48, 0xeb, 0x21, 0x1c, 0x80, 0x31, 0x9c];
        let mut out = Vec::new();
        put_base64(&mut out, &id);
        assert_eq!(out, br#""CvdlGRbNQ92ESOshHIAxnA==""#);
        out.clear();
        put_hex(&mut out, &id);
        assert_eq!(out, br#""0af7651916cd43dd8448eb211c80319c""#);
    }

    proptest! {
        #[test]
        fn any_bytes_become_the_string_of_the_model(text in prop::collection::vec(any::<u8>(), 0..60)) {
            prop_assert_eq!(string(&text), model::string(&text));
        }

        #[test]
        fn any_text_becomes_the_string_of_the_model(text in "[ -~]{0,20}|.{0,20}|[\"&<>\\\\a\u{2028}é]{0,30}") {
            prop_assert_eq!(string(text.as_bytes()), model::string(text.as_bytes()));
        }

        #[test]
        fn base64_of_any_length_is_one_text(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let mut out = Vec::new();
            put_base64(&mut out, &bytes);
            prop_assert_eq!(String::from_utf8(out).unwrap(), format!("\"{}\"", STANDARD.encode(&bytes)));
        }
    }
}
