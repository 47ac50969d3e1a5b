//! JSON values that know where they lie, and the forms in which proto3 JSON writes each kind.

use std::fmt;

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde_json::Value;

use super::JsonFault;

/// As much of a sender's own text as an error repeats.
const SHOWN_CHARS_MAX: usize = 40;

/// A JSON value and where it lies.
#[derive(Clone, Copy)]
pub(super) struct Node<'a> {
    value: &'a Value,
    place: Place<'a>,
}

/// A path that costs nothing until it is printed.
#[derive(Clone, Copy)]
enum Place<'a> {
    Root,
    Field(&'a Place<'a>, &'a str),
    Item(&'a Place<'a>, usize),
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root => f.write_str("the request"),
            Self::Field(Self::Root, name) => f.write_str(name),
            Self::Field(parent, name) => write!(f, "{parent}.{name}"),
            Self::Item(parent, index) => write!(f, "{parent}[{index}]"),
        }
    }
}

impl<'a> Node<'a> {
    pub(super) fn root(value: &'a Value) -> Self {
        Self { value, place: Place::Root }
    }

    pub(super) fn fault(&self, what: impl Into<String>) -> JsonFault {
        JsonFault::NotOtlp { place: self.place.to_string(), what: what.into() }
    }

    fn expected(&self, what: &str) -> JsonFault {
        let found = match self.value {
            Value::Null => "null".to_owned(),
            Value::Array(_) => "a list".to_owned(),
            Value::Object(_) => "an object".to_owned(),
            scalar => {
                let text = scalar.as_str().map_or_else(|| scalar.to_string(), str::to_owned);
                let is_cut = text.chars().nth(SHOWN_CHARS_MAX).is_some();
                let shown: String = text.chars().take(SHOWN_CHARS_MAX).flat_map(char::escape_debug).collect();
                format!("`{shown}{}`", if is_cut { "..." } else { "" })
            }
        };
        self.fault(format!("expected {what}, found {found}"))
    }

    pub(super) fn object(&self) -> Result<&serde_json::Map<String, Value>, JsonFault> {
        self.value.as_object().ok_or_else(|| self.expected("an object"))
    }

    /// A field by its JSON name, or by its name in the proto file. Null is the same as missing.
    fn field<'b>(&'b self, name: &'b str) -> Result<Option<Node<'b>>, JsonFault> {
        let object = self.object()?;
        let value = object.get(name).or_else(|| {
            let has_snake_form = name.bytes().any(|byte| byte.is_ascii_uppercase());
            if has_snake_form { object.get(&snake(name)) } else { None }
        });
        let place = Place::Field(&self.place, name);
        Ok(value.filter(|value| !value.is_null()).map(|value| Node { value, place }))
    }

    pub(super) fn optional<T>(
        &self,
        name: &str,
        read: impl Fn(&Node<'_>) -> Result<T, JsonFault>,
    ) -> Result<Option<T>, JsonFault> {
        self.field(name)?.map(|node| read(&node)).transpose()
    }

    pub(super) fn list<T>(
        &self,
        name: &str,
        read: impl Fn(&Node<'_>) -> Result<T, JsonFault>,
    ) -> Result<Vec<T>, JsonFault> {
        let Some(node) = self.field(name)? else { return Ok(Vec::new()) };
        let items = node.value.as_array().ok_or_else(|| node.expected("a list"))?;
        let at = |(index, value)| read(&Node { value, place: Place::Item(&node.place, index) });
        items.iter().enumerate().map(at).collect()
    }

    pub(super) fn text(&self, name: &str) -> Result<String, JsonFault> {
        Ok(self.optional(name, as_text)?.unwrap_or_default())
    }

    pub(super) fn uint64(&self, name: &str) -> Result<u64, JsonFault> {
        Ok(self.optional(name, as_uint64)?.unwrap_or_default())
    }

    pub(super) fn uint32(&self, name: &str) -> Result<u32, JsonFault> {
        let narrow = |node: &Node<'_>| {
            u32::try_from(as_uint64(node)?).map_err(|_| node.expected("an unsigned 32-bit integer"))
        };
        Ok(self.optional(name, narrow)?.unwrap_or_default())
    }

    pub(super) fn hex(&self, name: &str) -> Result<Vec<u8>, JsonFault> {
        Ok(self.optional(name, as_hex)?.unwrap_or_default())
    }

    /// An enum: its number, known or not, or its name in the proto file.
    pub(super) fn choice(&self, name: &str, number: fn(&str) -> Option<i32>) -> Result<i32, JsonFault> {
        let read = |node: &Node<'_>| {
            if let Some(number) = node.value.as_str().and_then(number) {
                return Ok(number);
            }
            i32::try_from(as_int64(node)?).map_err(|_| node.expected("an enum"))
        };
        Ok(self.optional(name, read)?.unwrap_or_default())
    }
}

pub(super) fn as_text(node: &Node<'_>) -> Result<String, JsonFault> {
    node.value.as_str().map(str::to_owned).ok_or_else(|| node.expected("a string"))
}

pub(super) fn as_bool(node: &Node<'_>) -> Result<bool, JsonFault> {
    node.value.as_bool().ok_or_else(|| node.expected("true or false"))
}

fn as_uint64(node: &Node<'_>) -> Result<u64, JsonFault> {
    let found = match node.value {
        Value::String(text) => text.parse().ok(),
        // JavaScript may write a whole number with an exponent.
        Value::Number(number) => number.as_u64().or_else(|| whole(number.as_f64()?)),
        _ => None,
    };
    found.ok_or_else(|| node.expected("an unsigned integer"))
}

pub(super) fn as_int64(node: &Node<'_>) -> Result<i64, JsonFault> {
    let found = match node.value {
        Value::String(text) => text.parse().ok(),
        Value::Number(number) => number.as_i64().or_else(|| {
            let float = number.as_f64()?;
            let size = i64::try_from(whole(float.abs())?).ok()?;
            Some(if float < 0.0 { -size } else { size })
        }),
        _ => None,
    };
    found.ok_or_else(|| node.expected("an integer"))
}

pub(super) fn as_double(node: &Node<'_>) -> Result<f64, JsonFault> {
    let found = match node.value {
        Value::Number(number) => number.as_f64(),
        // Rust reads the proto3 spellings NaN, Infinity and -Infinity too.
        Value::String(text) => text.parse().ok(),
        _ => None,
    };
    found.ok_or_else(|| node.expected("a number"))
}

fn as_hex(node: &Node<'_>) -> Result<Vec<u8>, JsonFault> {
    let text = node.value.as_str().ok_or_else(|| node.expected("an id in hex"))?;
    let digits: Option<Vec<u8>> =
        text.chars().map(|c| c.to_digit(16).and_then(|digit| u8::try_from(digit).ok())).collect();
    let digits = digits.filter(|digits| digits.len().is_multiple_of(2));
    let digits = digits.ok_or_else(|| node.expected("an id in hex"))?;
    let byte = |pair: &[u8]| pair.iter().fold(0u8, |byte, digit| (byte << 4) | digit);
    Ok(digits.chunks(2).map(byte).collect())
}

/// proto3 JSON takes both alphabets, with and without padding.
pub(super) fn as_base64(node: &Node<'_>) -> Result<Vec<u8>, JsonFault> {
    const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true);
    let text = node.value.as_str().ok_or_else(|| node.expected("bytes in base64"))?;
    let standard = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);
    let url_safe = GeneralPurpose::new(&alphabet::URL_SAFE, LENIENT);
    let bytes = standard.decode(text).or_else(|_| url_safe.decode(text));
    bytes.map_err(|_| node.expected("bytes in base64"))
}

/// A whole number that a double holds, as an integer.
fn whole(float: f64) -> Option<u64> {
    // 2^64 itself is the first that does not fit.
    let fits = float >= 0.0 && float.fract() == 0.0 && float < 18_446_744_073_709_551_616.0;
    fits.then_some(float as u64)
}

/// `startTimeUnixNano` as the proto file spells it: `start_time_unix_nano`.
fn snake(camel: &str) -> String {
    let mut snake = String::with_capacity(camel.len() + 4);
    for character in camel.chars() {
        if character.is_ascii_uppercase() {
            snake.push('_');
        }
        snake.push(character.to_ascii_lowercase());
    }
    snake
}
