//! Values of attributes: read, compared and written.
//!
//! The scan let no value in that is nested deeper than a limit, so these may recurse.

use super::close;
use crate::wire::json::{put_base64, put_double, put_int, put_string};
use crate::wire::otlp::{any_value, key_value, list};
use crate::wire::protobuf::{Reader, Value as Wire};

#[derive(Debug, Clone)]
pub(super) enum Value<'a> {
    Nil,
    Text(&'a [u8]),
    Bool(bool),
    Int(i64),
    Double(f64),
    List(Vec<Value<'a>>),
    /// In the order of keys, each once.
    Map(Vec<(&'a [u8], Value<'a>)>),
    Bytes(&'a [u8]),
}

/// A key and the bytes of its value, where it has one.
pub(super) type Pair<'a> = (&'a [u8], Option<&'a [u8]>);

/// The pairs of a message in the order of their keys; of a key that comes twice, the last.
pub(super) fn pairs(message: &[u8], number: u32) -> Vec<Pair<'_>> {
    let mut pairs: Vec<Pair<'_>> = bodies(message, number).map(pair).collect();
    pairs.sort_by_key(|(key, _)| *key);
    pairs.dedup_by(|later, kept| {
        let is_again = later.0 == kept.0;
        if is_again {
            *kept = *later;
        }
        is_again
    });
    pairs
}

pub(super) fn pair(body: &[u8]) -> Pair<'_> {
    let (mut key, mut value): Pair<'_> = (&[], None);
    let mut reader = Reader::new(body);
    while let Ok(Some(field)) = reader.next() {
        match (field.number, field.value) {
            (key_value::KEY, Wire::Bytes(bytes)) => key = bytes,
            // A second value adds to the first, and what it leaves out stays.
            (key_value::VALUE, Wire::Bytes(bytes)) if !bytes.is_empty() => value = Some(bytes),
            _ => {}
        }
    }
    (key, value)
}

/// The messages under one number.
fn bodies(message: &[u8], number: u32) -> impl Iterator<Item = &[u8]> {
    let mut reader = Reader::new(message);
    std::iter::from_fn(move || {
        while let Ok(Some(field)) = reader.next() {
            if let (true, Wire::Bytes(body)) = (field.number == number, field.value) {
                return Some(body);
            }
        }
        None
    })
}

impl<'a> Value<'a> {
    /// Of an `AnyValue`; the choice that was made last counts.
    pub fn of(any: &'a [u8]) -> Self {
        let mut value = Self::Nil;
        let mut reader = Reader::new(any);
        while let Ok(Some(field)) = reader.next() {
            value = match (field.number, field.value) {
                (any_value::STRING, Wire::Bytes(text)) => Self::Text(text),
                (any_value::BOOL, Wire::Varint(flag)) => Self::Bool(flag != 0),
                (any_value::INT, Wire::Varint(int)) => Self::Int(int as i64),
                (any_value::DOUBLE, Wire::Fixed64(bits)) => Self::Double(f64::from_bits(bits)),
                (any_value::ARRAY, Wire::Bytes(body)) => {
                    Self::List(bodies(body, list::VALUES).map(Self::of).collect())
                }
                (any_value::KVLIST, Wire::Bytes(body)) => Self::Map(
                    pairs(body, list::VALUES).into_iter().map(|(key, any)| (key, Self::maybe(any))).collect(),
                ),
                (any_value::BYTES, Wire::Bytes(bytes)) => Self::Bytes(bytes),
                (any_value::STRING_STRINDEX, _) => Self::Nil,
                _ => value,
            };
        }
        value
    }

    pub fn maybe(any: Option<&'a [u8]>) -> Self {
        any.map_or(Self::Nil, Self::of)
    }

    fn number(&self) -> Option<f64> {
        match self {
            Self::Int(int) => Some(*int as f64),
            Self::Double(double) => Some(*double),
            _ => None,
        }
    }

    /// A whole number is the same as its double, and no number the same as none.
    pub fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Nil, Self::Nil) => true,
            (Self::Text(a), Self::Text(b)) | (Self::Bytes(a), Self::Bytes(b)) => a == b,
            (Self::Bool(a), Self::Bool(b)) => a == b,
            (Self::Int(a), Self::Int(b)) => a == b,
            (Self::List(a), Self::List(b)) => {
                a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.is_same(b))
            }
            (Self::Map(a), Self::Map(b)) => {
                let pairs = || a.iter().zip(b);
                a.len() == b.len()
                    && pairs().all(|((key, _), (other, _))| key == other)
                    && pairs().all(|((_, a), (_, b))| a.is_same(b))
            }
            _ => match (self.number(), other.number()) {
                (Some(a), Some(b)) => a == b || (a.is_nan() && b.is_nan()),
                _ => false,
            },
        }
    }

    /// As `is_same`, with the tolerance of what the key says.
    pub fn is_close(&self, key: &[u8], other: &Self) -> bool {
        match (self.number(), other.number()) {
            (Some(a), Some(b)) if close::is_magnitude(key) => close::are_magnitudes_close(a, b),
            _ => self.is_same(other),
        }
    }

    /// As Go's `encoding/json` writes it; a double that is no number as Tempo names it.
    pub fn put_json(&self, out: &mut Vec<u8>) {
        match self {
            Self::Nil => out.extend_from_slice(b"null"),
            Self::Text(text) => put_string(out, text),
            Self::Bool(flag) => out.extend_from_slice(if *flag { b"true" } else { b"false" }),
            Self::Int(int) => put_int(out, *int),
            Self::Double(double) if *double == f64::INFINITY => out.extend_from_slice(b"\"+Inf\""),
            Self::Double(double) if *double == f64::NEG_INFINITY => out.extend_from_slice(b"\"-Inf\""),
            Self::Double(double) => put_double(out, *double),
            Self::Bytes(bytes) => put_base64(out, bytes),
            Self::List(items) => {
                out.push(b'[');
                for (place, item) in items.iter().enumerate() {
                    if place > 0 {
                        out.push(b',');
                    }
                    item.put_json(out);
                }
                out.push(b']');
            }
            Self::Map(members) => {
                out.push(b'{');
                for (place, (key, value)) in members.iter().enumerate() {
                    if place > 0 {
                        out.push(b',');
                    }
                    put_string(out, key);
                    out.push(b':');
                    value.put_json(out);
                }
                out.push(b'}');
            }
        }
    }
}
