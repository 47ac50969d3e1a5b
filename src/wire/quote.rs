//! A text in double quotes as Go's `%q` writes it: Tempo shows names and parameters so, in errors and warnings.

use std::fmt::Write as _;

/// With escapes for what cannot be seen, so that a line stays one.
pub fn quoted(text: &str) -> String {
    quoted_bytes(text.as_bytes())
}

/// The same of what may be no UTF-8: each byte that is none is shown by its number.
pub fn quoted_bytes(text: &[u8]) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for chunk in text.utf8_chunks() {
        for character in chunk.valid().chars() {
            put_quoted(&mut quoted, character);
        }
        for byte in chunk.invalid() {
            // Writing to a String cannot fail.
            let _ = write!(quoted, "\\x{byte:02x}");
        }
    }
    quoted.push('"');
    quoted
}

fn put_quoted(out: &mut String, character: char) {
    let code = u32::from(character);
    // Writing to a String cannot fail.
    let _ = match character {
        '"' | '\\' => write!(out, "\\{character}"),
        '\u{7}' => write!(out, "\\a"),
        '\u{8}' => write!(out, "\\b"),
        '\u{b}' => write!(out, "\\v"),
        '\u{c}' => write!(out, "\\f"),
        '\n' => write!(out, "\\n"),
        '\r' => write!(out, "\\r"),
        '\t' => write!(out, "\\t"),
        '\0'..' ' | '\u{7f}' => write!(out, "\\x{code:02x}"),
        _ if is_printable(character) => write!(out, "{character}"),
        _ if code < 0x1_0000 => write!(out, "\\u{code:04x}"),
        _ => write!(out, "\\U{code:08x}"),
    };
}

/// Rust escapes in a text what Go calls not printable, except that a mark may stand behind a letter.
fn is_printable(character: char) -> bool {
    if (' '..='~').contains(&character) {
        return true;
    }
    let behind_a_letter: String = ['a', character].iter().collect();
    behind_a_letter.escape_debug().eq(behind_a_letter.chars())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_text_is_shown_by_its_bytes() {
        assert_eq!(quoted_bytes(b"a\xffb\xc3"), r#""a\xffb\xc3""#);
        assert_eq!(quoted_bytes("it's <é>\u{2028}".as_bytes()), "\"it's <é>\\u2028\"");
    }
}
