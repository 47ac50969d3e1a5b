//! logfmt, the form of the older `tags` parameter: `service.name=api http.path="/a b" error`.

use std::collections::BTreeMap;

/// Reads pairs, or says what is wrong and where, as Tempo does.
pub fn pairs(text: &str) -> Result<BTreeMap<String, String>, String> {
    let mut pairs = BTreeMap::new();
    for line in text.split('\n') {
        let mut line = Line { line: line.strip_suffix('\r').unwrap_or(line), at: 0 };
        while let Some((key, value)) =
            line.pair().map_err(|(what, at)| format!("{what} at pos {}", at + 1))?
        {
            if pairs.contains_key(key) {
                return Err(format!("tag {key} has been set twice"));
            }
            pairs.insert(key.to_owned(), value);
        }
    }
    Ok(pairs)
}

/// What is wrong, and the byte where.
type Fault = (String, usize);

struct Line<'a> {
    line: &'a str,
    at: usize,
}

impl<'a> Line<'a> {
    fn rest(&self) -> &'a str {
        self.line.get(self.at..).unwrap_or_default()
    }

    /// Up to the first byte that `ends`, which is then at `at`.
    fn take_until(&mut self, ends: impl Fn(u8) -> bool) -> &'a str {
        let rest = self.rest();
        let length = rest.bytes().position(ends).unwrap_or(rest.len());
        self.at += length;
        // All that ends a key or value is ASCII, so this is never inside a character.
        rest.get(..length).unwrap_or_default()
    }

    fn unexpected(&self, byte: u8) -> Fault {
        (format!("unexpected '{}'", char::from(byte)), self.at)
    }

    fn pair(&mut self) -> Result<Option<(&'a str, String)>, Fault> {
        self.take_until(|byte| byte > b' ');
        if self.rest().is_empty() {
            return Ok(None);
        }
        let key = self.take_until(|byte| byte == b'=' || byte == b'"' || byte <= b' ');
        let end = self.rest().bytes().next();
        if end == Some(b'"') || (key.is_empty() && end == Some(b'=')) {
            return Err(self.unexpected(end.unwrap_or_default()));
        }
        if key.contains(char::REPLACEMENT_CHARACTER) {
            return Err(("invalid key".to_owned(), self.at));
        }
        if end != Some(b'=') {
            return Ok(Some((key, String::new())));
        }
        self.at += 1;
        if self.rest().starts_with('"') {
            return self.quoted().map(|value| Some((key, value)));
        }
        let value = self.take_until(|byte| byte == b'=' || byte == b'"' || byte <= b' ');
        match self.rest().bytes().next() {
            Some(byte @ (b'=' | b'"')) => Err(self.unexpected(byte)),
            _ => Ok(Some((key, value.to_owned()))),
        }
    }

    /// A value in quotes, with JSON's escapes.
    fn quoted(&mut self) -> Result<String, Fault> {
        let rest = self.rest();
        let mut is_escaped = false;
        let close = rest.bytes().skip(1).position(|byte| {
            let closes = byte == b'"' && !is_escaped;
            is_escaped = byte == b'\\' && !is_escaped;
            closes
        });
        let Some(close) = close else {
            return Err(("unterminated quoted value".to_owned(), self.line.len()));
        };
        self.at += close + 2;
        let quoted = rest.get(..close + 2).unwrap_or_default();
        if !quoted.contains('\\') {
            return Ok(quoted.trim_matches('"').to_owned());
        }
        serde_json::from_str(quoted).map_err(|_| ("invalid quoted value".to_owned(), self.at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_read() {
        for (text, expected) in [
            ("a=b", &[("a", "b")][..]),
            ("  a=b\tc=d \n e", &[("a", "b"), ("c", "d"), ("e", "")]),
            (r#"a="b c" d="e\"f\u0041" g="""#, &[("a", "b c"), ("d", "e\"fA"), ("g", "")]),
            ("a= b", &[("a", ""), ("b", "")]),
            ("é=ü", &[("é", "ü")]),
            ("a=b\r\n", &[("a", "b")]),
            ("", &[]),
        ] {
            let read = pairs(text).unwrap();
            let read: Vec<(&str, &str)> = read.iter().map(|(key, value)| (&**key, &**value)).collect();
            assert_eq!(read, expected, "{text}");
        }
    }

    #[test]
    fn what_is_wrong_has_a_place() {
        for (text, why) in [
            (r#"a="b c d"#, "unterminated quoted value at pos 9"),
            (r#"a="b\"#, "unterminated quoted value at pos 6"),
            ("=b", "unexpected '=' at pos 1"),
            ("a=b=c", "unexpected '=' at pos 4"),
            (r#"a"b"#, "unexpected '\"' at pos 2"),
            (r#"a=b"c"#, "unexpected '\"' at pos 4"),
            (r#"a="\x""#, "invalid quoted value at pos 7"),
            ("a\u{fffd}=b", "invalid key at pos 5"),
            ("a=1 b=2 a=3", "tag a has been set twice"),
            ("a=1\nc=\"", "unterminated quoted value at pos 4"),
        ] {
            assert_eq!(pairs(text), Err(why.to_owned()), "{text}");
        }
    }
}
