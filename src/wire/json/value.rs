//! Attributes: pairs and their values, nested as deep as [`MAX_VALUE_DEPTH`].
//!
//! A oneof keeps only what was set last. So each choice is written as it is met, and taken back when another
//! follows: whatever is malformed is found even in a choice that loses.

use super::fields::{Message, Repeated, only_field, only_two_fields};
use super::number::{put_double, put_int};
use super::text::{put_base64, put_string};
use super::view::KeyValue;
use super::{MAX_VALUE_DEPTH, all_or_nothing, close};
use crate::wire::otlp::{any_value, key_value, list};
use crate::wire::protobuf::{Value, WireError};

/// Writes a message at a depth.
type PutNested = fn(&mut Vec<u8>, &[u8], usize) -> Result<(), WireError>;

/// Writes one pair: `{"key":"…","value":{"stringValue":"…"}}`.
pub fn put_key_value(out: &mut Vec<u8>, body: &[u8]) -> Result<(), WireError> {
    all_or_nothing(out, |out| put_pair(out, body, 0))
}

/// Writes pairs as an array.
pub fn put_key_values<'a>(
    out: &mut Vec<u8>,
    bodies: impl IntoIterator<Item = &'a [u8]>,
) -> Result<(), WireError> {
    all_or_nothing(out, |out| {
        let mark = out.len();
        for body in bodies {
            out.push(b',');
            put_pair(out, body, 0)?;
        }
        close(out, mark, b'[', b']');
        Ok(())
    })
}

/// Writes the member `attributes`, with a comma before it, when there are any.
#[inline]
pub(super) fn put_attributes(out: &mut Vec<u8>, attributes: &Repeated<'_>) -> Result<(), WireError> {
    if attributes.is_empty() {
        return Ok(());
    }
    out.extend_from_slice(b",\"attributes\":");
    put_list(out, attributes, |out, body| put_pair(out, body, 0))
}

/// Writes a repeated field as an array, each element by `put`.
#[inline]
pub(super) fn put_list<'a>(
    out: &mut Vec<u8>,
    bodies: &Repeated<'a>,
    mut put: impl FnMut(&mut Vec<u8>, &'a [u8]) -> Result<(), WireError>,
) -> Result<(), WireError> {
    let mark = out.len();
    bodies.each(|body| {
        out.push(b',');
        put(out, body)
    })?;
    close(out, mark, b'[', b']');
    Ok(())
}

#[inline]
fn put_pair(out: &mut Vec<u8>, body: &[u8], depth: usize) -> Result<(), WireError> {
    // The pair as nearly every writer makes it: a key, then a value, nothing else.
    match only_two_fields(body, (key_value::KEY, key_value::VALUE)) {
        Some((key, any)) if !key.is_empty() => {
            out.extend_from_slice(b"{\"key\":");
            put_string(out, key);
            out.extend_from_slice(b",\"value\":");
            put_any_value(out, any, depth)?;
            out.push(b'}');
            Ok(())
        }
        _ => put_any_pair(out, body, depth),
    }
}

fn put_any_pair(out: &mut Vec<u8>, body: &[u8], depth: usize) -> Result<(), WireError> {
    let pair = KeyValue::read(body)?;
    let mark = out.len();
    if !pair.key.is_empty() {
        out.extend_from_slice(b",\"key\":");
        put_string(out, pair.key);
    }
    if !pair.value.is_empty() {
        out.extend_from_slice(b",\"value\":");
        let mark = out.len();
        pair.value.each(|body| put_choice(out, mark, body, depth))?;
        end_choice(out, mark);
    }
    if pair.key_strindex != 0 {
        out.extend_from_slice(b",\"keyStrindex\":");
        put_int(out, i64::from(pair.key_strindex));
    }
    close(out, mark, b'{', b'}');
    Ok(())
}

#[inline]
fn put_any_value(out: &mut Vec<u8>, body: &[u8], depth: usize) -> Result<(), WireError> {
    if let Some(text) = only_field(body, any_value::STRING) {
        out.extend_from_slice(b"{\"stringValue\":");
        put_string(out, text);
        out.push(b'}');
        return Ok(());
    }
    let mark = out.len();
    put_choice(out, mark, body, depth)?;
    end_choice(out, mark);
    Ok(())
}

/// Writes `{"stringValue":"…"` for one piece of an `AnyValue`, in place of what stands since `mark`.
#[inline]
fn put_choice(out: &mut Vec<u8>, mark: usize, body: &[u8], depth: usize) -> Result<(), WireError> {
    let mut fields = Message::from(body).fields();
    while let Some((number, value)) = fields.next()? {
        if matches!(number, any_value::STRING..=any_value::STRING_STRINDEX) {
            out.truncate(mark);
            put_member(out, number, value, depth)?;
        }
    }
    Ok(())
}

/// An `AnyValue` in which nothing is set is an empty object.
#[inline]
fn end_choice(out: &mut Vec<u8>, mark: usize) {
    if out.len() == mark {
        out.push(b'{');
    }
    out.push(b'}');
}

#[inline]
fn put_member(out: &mut Vec<u8>, number: u32, value: Value<'_>, depth: usize) -> Result<(), WireError> {
    match number {
        any_value::STRING => {
            out.extend_from_slice(b"{\"stringValue\":");
            put_string(out, value.bytes()?);
        }
        any_value::BOOL => {
            let text: &[u8] =
                if value.varint()? == 0 { b"{\"boolValue\":false" } else { b"{\"boolValue\":true" };
            out.extend_from_slice(text);
        }
        any_value::INT => {
            out.extend_from_slice(b"{\"intValue\":\"");
            put_int(out, value.varint()? as i64);
            out.push(b'"');
        }
        any_value::DOUBLE => {
            out.extend_from_slice(b"{\"doubleValue\":");
            put_double(out, f64::from_bits(value.fixed64()?));
        }
        any_value::ARRAY => {
            out.extend_from_slice(b"{\"arrayValue\":");
            put_values(out, value.bytes()?, depth, put_any_value)?;
        }
        any_value::KVLIST => {
            out.extend_from_slice(b"{\"kvlistValue\":");
            put_values(out, value.bytes()?, depth, put_pair)?;
        }
        any_value::BYTES => {
            out.extend_from_slice(b"{\"bytesValue\":");
            put_base64(out, value.bytes()?);
        }
        any_value::STRING_STRINDEX => {
            out.extend_from_slice(b"{\"stringValueStrindex\":");
            put_int(out, i64::from(value.varint()? as i32));
        }
        _ => {}
    }
    Ok(())
}

/// Writes an `ArrayValue` or a `KeyValueList`: `{"values":[…]}`, or `{}` when there are none.
fn put_values(out: &mut Vec<u8>, body: &[u8], depth: usize, put: PutNested) -> Result<(), WireError> {
    if depth >= MAX_VALUE_DEPTH {
        return Err(WireError::TooDeep(MAX_VALUE_DEPTH));
    }
    out.push(b'{');
    let mark = out.len();
    let mut fields = Message::from(body).fields();
    while let Some((number, value)) = fields.next()? {
        if number == list::VALUES {
            let first = out.len() == mark;
            out.extend_from_slice(if first { b"\"values\":[" } else { b"," });
            put(out, value.bytes()?, depth + 1)?;
        }
    }
    if out.len() > mark {
        out.push(b']');
    }
    out.push(b'}');
    Ok(())
}
