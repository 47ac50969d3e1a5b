//! What Go's standard library and its uuid package make of a parameter, where Tempo's answer shows it:
//! which pairs of a query string count, how a text is quoted, why a number or a UUID is none.

pub mod duration;
pub mod logfmt;
pub mod time;

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

pub use crate::wire::quote::quoted;

/// The pairs of a query string in order. A pair with a bad escape or a semicolon is left out, the others
/// count: Tempo never looks at Go's complaint about them.
pub fn query_pairs(query: &str) -> Vec<(String, String)> {
    let pairs = query.split('&').filter(|pair| !pair.is_empty() && !pair.contains(';'));
    let read = pairs.filter_map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        Some((unescaped(name)?, unescaped(value)?))
    });
    read.collect()
}

fn unescaped(text: &str) -> Option<String> {
    let spaced: Cow<'_, str> =
        if text.contains('+') { text.replace('+', " ").into() } else { Cow::Borrowed(text) };
    if has_bad_escape(spaced.as_bytes()) {
        return None;
    }
    Some(percent_decode_str(&spaced).decode_utf8_lossy().into_owned())
}

/// Whether a `%` is not followed by two hex digits.
pub fn has_bad_escape(text: &[u8]) -> bool {
    text.iter().enumerate().filter(|(_, byte)| **byte == b'%').any(|(at, _)| {
        let digits = text.get(at + 1..at + 3).unwrap_or_default();
        digits.len() < 2 || !digits.iter().all(u8::is_ascii_hexdigit)
    })
}

/// `ParseInt` in base 10, and its two ways to fail.
pub fn int(text: &str) -> Result<i64, &'static str> {
    text.parse::<i64>().map_err(|error| {
        use std::num::IntErrorKind::{NegOverflow, PosOverflow};
        match error.kind() {
            PosOverflow | NegOverflow => "value out of range",
            _ => "invalid syntax",
        }
    })
}

/// `ParseUint` in base 10 and 32 bits, with its whole complaint.
pub fn uint32(text: &str) -> Result<u32, String> {
    let why = if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        "invalid syntax"
    } else if let Ok(number) = text.parse() {
        return Ok(number);
    } else {
        "value out of range"
    };
    Err(format!("strconv.ParseUint: parsing {}: {why}", quoted(text)))
}

/// `ParseInt` in base 10 and 32 bits, likewise.
pub fn int32(text: &str) -> Result<i32, String> {
    let number = int(text).and_then(|number| i32::try_from(number).map_err(|_| "value out of range"));
    number.map_err(|why| format!("strconv.ParseInt: parsing {}: {why}", quoted(text)))
}

/// `ParseFloat` in 64 bits, but for hexadecimal ones. Beyond the largest is none, unless it says so itself.
pub fn float(text: &str) -> Option<f64> {
    let float: f64 = text.parse().ok()?;
    (float.is_finite() || !text.contains(|c: char| c.is_ascii_digit())).then_some(float)
}

/// `ParseBool`.
pub fn boolean(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "TRUE" | "true" | "True" => Some(true),
        "0" | "f" | "F" | "FALSE" | "false" | "False" => Some(false),
        _ => None,
    }
}

/// A UUID in any of the four forms of Go's package, as its usual text.
pub fn uuid(text: &str) -> Result<String, String> {
    let bytes = text.as_bytes();
    let bare = match bytes.len() {
        36 | 32 => bytes,
        45 => {
            let (prefix, rest) = bytes.split_at_checked(9).unwrap_or_default();
            if !prefix.eq_ignore_ascii_case(b"urn:uuid:") {
                return Err(format!("invalid urn prefix: {}", quoted(&String::from_utf8_lossy(prefix))));
            }
            rest
        }
        // In braces, or in any two characters: they are not looked at.
        38 => bytes.get(1..37).unwrap_or_default(),
        length => return Err(format!("invalid UUID length: {length}")),
    };
    match uuid::Uuid::try_parse_ascii(bare) {
        Ok(uuid) => Ok(uuid.hyphenated().to_string()),
        Err(_) => Err("invalid UUID format".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_pair_is_left_out_and_the_others_count() {
        let check = |query: &str, expected: &[(&str, &str)]| {
            let pairs = query_pairs(query);
            let pairs: Vec<(&str, &str)> = pairs.iter().map(|(name, value)| (&**name, &**value)).collect();
            assert_eq!(pairs, expected, "{query}");
        };
        check("a=1&b=%20+&c", &[("a", "1"), ("b", "  "), ("c", "")]);
        check("a=%zz&b=2&%=3&c=5%", &[("b", "2")]);
        check("a=1;b=2&c=3", &[("c", "3")]);
        check("&&=x&a=b=c", &[("", "x"), ("a", "b=c")]);
        check("%61=%ff", &[("a", "\u{fffd}")]);
        check("", &[]);
    }

    #[test]
    fn a_text_is_quoted_as_go_quotes_it() {
        for (text, expected) in [
            ("abc'<>&é😀", "\"abc'<>&é😀\""),
            ("\"\\", r#""\"\\""#),
            ("\u{7}\u{8}\u{b}\u{c}\n\r\t", r#""\a\b\v\f\n\r\t""#),
            ("\0\u{1b}\u{7f}", r#""\x00\x1b\x7f""#),
            ("\u{a0}\u{2028}\u{feff}\u{e000}", r#""\u00a0\u2028\ufeff\ue000""#),
            ("\u{e0001}", r#""\U000e0001""#),
            ("\u{301}", "\"\u{301}\""),
        ] {
            assert_eq!(quoted(text), expected);
        }
    }

    #[test]
    fn a_uuid_is_read_in_four_forms() {
        let usual = "0af76519-16cd-43dd-8448-eb211c80319c";
        for text in [
            usual.to_owned(),
            usual.to_uppercase(),
            usual.replace('-', ""),
            format!("{{{usual}}}"),
            format!("[{usual}]"),
            format!("URN:uuid:{usual}"),
        ] {
            assert_eq!(uuid(&text).as_deref(), Ok(usual), "{text}");
        }
        for (text, why) in [
            ("abc".to_owned(), "invalid UUID length: 3"),
            (format!("urx:uuid:{usual}"), "invalid urn prefix: \"urx:uuid:\""),
            (usual.replace('-', "0"), "invalid UUID format"),
            (usual.replace('9', "g"), "invalid UUID format"),
        ] {
            assert_eq!(uuid(&text), Err(why.to_owned()), "{text}");
        }
    }

    #[test]
    fn a_number_has_two_ways_to_be_none() {
        assert_eq!((int("+5"), int("-9223372036854775808")), (Ok(5), Ok(i64::MIN)));
        for bad in ["", "-", "1e3", "1_000", "0x10", " 5", "٣"] {
            assert_eq!(int(bad), Err("invalid syntax"), "{bad}");
        }
        assert_eq!(int("9223372036854775808"), Err("value out of range"));
    }
}
