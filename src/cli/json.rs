//! JSON with line breaks, for a person at a terminal: the same tokens in the same order, every number
//! digit for digit.
//!
//! Works on the text: parsing it would round what does not fit a double and sort what has an order.

use std::io::{self, Write};

use super::text::misleads;

/// Levels that are indented; what lies deeper stays at this one.
const LEVELS_MAX: usize = 60;

/// Writes `json` indented. What a terminal would act on is escaped as JSON escapes it. Text that is no
/// JSON comes out as it is, with odd line breaks.
pub fn pretty(json: &str, out: &mut dyn Write) -> io::Result<()> {
    let mut level = 0_usize;
    let mut in_string = false;
    let mut escaped = false;
    let mut characters = json.chars().peekable();
    while let Some(c) = characters.next() {
        if in_string {
            write_safe(c, out)?;
            in_string = escaped || c != '"';
            escaped = c == '\\' && !escaped;
            continue;
        }
        match c {
            ' ' | '\n' | '\r' | '\t' => {}
            '{' | '[' => {
                write!(out, "{c}")?;
                while characters.next_if(char::is_ascii_whitespace).is_some() {}
                match characters.next_if(|next| matches!(next, '}' | ']')) {
                    Some(close) => write!(out, "{close}")?,
                    None => {
                        level += 1;
                        break_line(level, out)?;
                    }
                }
            }
            '}' | ']' => {
                level = level.saturating_sub(1);
                break_line(level, out)?;
                write!(out, "{c}")?;
            }
            ',' => {
                out.write_all(b",")?;
                break_line(level, out)?;
            }
            ':' => out.write_all(b": ")?,
            c => {
                in_string = c == '"';
                write_safe(c, out)?;
            }
        }
    }
    out.write_all(b"\n")
}

fn break_line(level: usize, out: &mut dyn Write) -> io::Result<()> {
    write!(out, "\n{:width$}", "", width = level.min(LEVELS_MAX) * 2)
}

fn write_safe(c: char, out: &mut dyn Write) -> io::Result<()> {
    if c.is_control() || misleads(c) {
        let mut units = [0_u16; 2];
        return c.encode_utf16(&mut units).iter().try_for_each(|unit| write!(out, "\\u{unit:04x}"));
    }
    write!(out, "{c}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn indented(json: &str) -> String {
        let mut out = Vec::new();
        pretty(json, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn every_token_stays_as_it_was() {
        let json = r#"{"b":[1.10,18446744073709551616],"a":{},"c":[ ],"d":"{\"[,:\\","e":{"f":null}}"#;
        let expected = "{\n  \"b\": [\n    1.10,\n    18446744073709551616\n  ],\n  \"a\": {},\n  \"c\": [],\n  \
                        \"d\": \"{\\\"[,:\\\\\",\n  \"e\": {\n    \"f\": null\n  }\n}\n";
        assert_eq!(indented(json), expected);
    }

    #[test]
    fn a_terminal_is_told_nothing_by_a_string() {
        assert_eq!(
            indented("\"a\u{9b}2J\u{7f}\u{202e}\u{e0041}\""),
            "\"a\\u009b2J\\u007f\\u202e\\udb40\\udc41\"\n"
        );
    }

    proptest! {
        #[test]
        fn indented_json_says_the_same(text in "\\PC*|[\u{0}-\u{ff}]*", number in any::<f64>(), depth in 0_usize..100) {
            let number = if number.is_finite() { number } else { 0.0 };
            let mut value = serde_json::json!({ "text": text, "number": number, "list": [[], {}, null, true] });
            for _ in 0..depth {
                value = serde_json::json!([value]);
            }
            // Both are parsed, since parsing may round.
            let parse = |json: &str| serde_json::from_str::<serde_json::Value>(json).unwrap();
            prop_assert_eq!(parse(&indented(&value.to_string())), parse(&value.to_string()));
        }

        #[test]
        fn no_text_makes_it_panic_or_lets_a_control_character_through(text in "\\PC*|[\u{0}-\u{ff}\"{}\\[\\],:\\\\]*") {
            prop_assert!(!indented(&text).chars().any(|c| c != '\n' && c.is_control()));
        }
    }
}
