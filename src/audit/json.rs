//! JSON in its one canonical form (RFC 8785): keys in the order of their UTF-16 units, no space, the shortest escapes.
//! There is no number but whole ones that a double holds exactly, so none has two spellings: times and ids that need
//! more digits are texts.

use std::collections::BTreeMap;

/// What a double holds exactly, and so every reader of JSON.
pub const WHOLE_MAX: u64 = (1 << 53) - 1;

/// A value that has one spelling.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Json {
    Null,
    Flag(bool),
    /// More than [`WHOLE_MAX`] is written as [`WHOLE_MAX`]: such a count says nothing more.
    Whole(u64),
    Text(String),
    List(Vec<Json>),
    Map(Map),
}

/// Keys and values, each key once.
pub type Map = BTreeMap<String, Json>;

impl Json {
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    pub fn texts<T: Into<String>>(texts: impl IntoIterator<Item = T>) -> Self {
        Self::List(texts.into_iter().map(Self::text).collect())
    }

    pub fn map<K: Into<String>>(entries: impl IntoIterator<Item = (K, Json)>) -> Self {
        Self::Map(entries.into_iter().map(|(key, value)| (key.into(), value)).collect())
    }

    /// The canonical text.
    pub fn canonical(&self) -> String {
        let mut out = String::new();
        self.write(&mut out);
        out
    }

    /// As deep as the value is, which the record's schema bounds.
    pub fn write(&self, out: &mut String) {
        match self {
            Self::Null => out.push_str("null"),
            Self::Flag(flag) => out.push_str(if *flag { "true" } else { "false" }),
            Self::Whole(number) => out.push_str(itoa::Buffer::new().format((*number).min(WHOLE_MAX))),
            Self::Text(text) => write_text(text, out),
            Self::List(list) => {
                out.push('[');
                for (at, value) in list.iter().enumerate() {
                    if at > 0 {
                        out.push(',');
                    }
                    value.write(out);
                }
                out.push(']');
            }
            Self::Map(map) => {
                out.push('{');
                for (at, (key, value)) in in_order(map).into_iter().enumerate() {
                    if at > 0 {
                        out.push(',');
                    }
                    write_text(key, out);
                    out.push(':');
                    value.write(out);
                }
                out.push('}');
            }
        }
    }

    /// Reads what somebody wrote; nothing where it holds what has no canonical form here.
    pub fn of(value: &serde_json::Value) -> Option<Self> {
        use serde_json::Value;
        Some(match value {
            Value::Null => Self::Null,
            Value::Bool(flag) => Self::Flag(*flag),
            Value::Number(number) => Self::Whole(number.as_u64().filter(|number| *number <= WHOLE_MAX)?),
            Value::String(text) => Self::Text(text.clone()),
            Value::Array(list) => Self::List(list.iter().map(Self::of).collect::<Option<_>>()?),
            Value::Object(map) => Self::Map(
                map.iter()
                    .map(|(key, value)| Some((key.clone(), Self::of(value)?)))
                    .collect::<Option<_>>()?,
            ),
        })
    }
}

/// By UTF-16 units. Bytes of UTF-8 are in the same order but beyond the basic plane.
fn in_order(map: &Map) -> Vec<(&String, &Json)> {
    let mut entries: Vec<_> = map.iter().collect();
    if entries.iter().any(|(key, _)| !key.is_ascii()) {
        entries.sort_by(|(a, _), (b, _)| a.encode_utf16().cmp(b.encode_utf16()));
    }
    entries
}

/// As ECMAScript's `JSON.stringify` does.
pub fn write_text(text: &str, out: &mut String) {
    out.push('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\u{8}' => out.push_str("\\b"),
            '\t' => out.push_str("\\t"),
            '\n' => out.push_str("\\n"),
            '\u{c}' => out.push_str("\\f"),
            '\r' => out.push_str("\\r"),
            control if control < ' ' => out.push_str(&format!("\\u{:04x}", u32::from(control))),
            other => out.push(other),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn again(text: &str) -> Option<String> {
        Some(Json::of(&serde_json::from_str(text).unwrap())?.canonical())
    }

    #[test]
    fn keys_are_in_the_order_of_their_utf_16_units() {
        // The example of RFC 8785, section 3.2.3, without its values.
        let text = r#"{"\u20ac":1,"\r":2,"\ufb33":3,"1":4,"\ud83d\ude00":5,"\u0080":6,"\u00f6":7}"#;
        let expected =
            "{\"\\r\":2,\"1\":4,\"\u{80}\":6,\"\u{f6}\":7,\"\u{20ac}\":1,\"\u{1f600}\":5,\"\u{fb33}\":3}";
        assert_eq!(again(text).unwrap(), expected);
    }

    #[test]
    fn a_text_has_the_shortest_escapes() {
        let text = "\"\u{8}\t\n\u{c}\r\u{1}\u{1f}\\/\u{7f}\u{2028}é";
        let expected = "\"\\\"\\b\\t\\n\\f\\r\\u0001\\u001f\\\\/\u{7f}\u{2028}é\"";
        assert_eq!(Json::text(text).canonical(), expected);
        assert_eq!(serde_json::from_str::<String>(expected).unwrap(), text);
    }

    #[test]
    fn a_number_has_one_spelling_or_is_none() {
        assert_eq!(
            again("[0,7,9007199254740991,null,true,false]").unwrap(),
            "[0,7,9007199254740991,null,true,false]"
        );
        for other in ["1.5", "1e3", "-1", "9007199254740992", "0.0"] {
            assert_eq!(again(other), None, "{other}");
        }
        assert_eq!(Json::Whole(u64::MAX).canonical(), WHOLE_MAX.to_string());
    }
}
