//! Reads and rewrites single fields of a span where it lies: the few attributes a feature names.

use crate::wire::otlp::{any_value, key_value, span};
use crate::wire::protobuf::{Reader, Value, put_bytes_field, put_fixed64_field};

/// The string value of the first attribute with this key; `attributes` is their field number in the
/// message.
pub fn string_attribute<'a>(message: &'a [u8], attributes: u32, key: &str) -> Option<&'a [u8]> {
    let mut reader = Reader::new(message);
    while let Ok(Some(field)) = reader.next() {
        if field.number != attributes {
            continue;
        }
        let Ok(pair) = field.bytes() else { continue };
        if let Some(value) = string_of(pair, key) {
            return Some(value);
        }
    }
    None
}

fn string_of<'a>(pair: &'a [u8], key: &str) -> Option<&'a [u8]> {
    let mut value = None;
    let mut reader = Reader::new(pair);
    while let Ok(Some(field)) = reader.next() {
        match (field.number, field.value) {
            (key_value::KEY, Value::Bytes(found)) if found != key.as_bytes() => return None,
            (key_value::VALUE, Value::Bytes(any)) => value = Some(any),
            _ => {}
        }
    }
    let mut reader = Reader::new(value?);
    let mut text = None;
    while let Ok(Some(field)) = reader.next() {
        if let (any_value::STRING, Value::Bytes(found)) = (field.number, field.value) {
            text = Some(found);
        }
    }
    text
}

/// Whether any attribute has a key that `wanted` accepts.
pub fn has_attribute(message: &[u8], attributes: u32, wanted: impl Fn(&[u8]) -> bool) -> bool {
    let mut reader = Reader::new(message);
    while let Ok(Some(field)) = reader.next() {
        if field.number != attributes {
            continue;
        }
        let mut pair = Reader::new(field.bytes().unwrap_or_default());
        while let Ok(Some(field)) = pair.next() {
            if field.number == key_value::KEY && field.bytes().is_ok_and(&wanted) {
                return true;
            }
        }
    }
    false
}

/// A message without its attributes of these keys; none where it has no such attribute. For keys of the
/// gateway's own: what already carries them must not carry them twice.
pub fn without_attributes(message: &[u8], attributes: u32, keys: &[&str]) -> Option<Vec<u8>> {
    // Rarely anything is found, so the search is all this costs.
    memchr::memmem::find(message, b"tutti.")?;
    let mut out = Vec::with_capacity(message.len());
    let mut reader = Reader::new(message);
    while let Ok(Some(field)) = reader.next() {
        let is_one = field.number == attributes
            && field.bytes().is_ok_and(|pair| {
                // Of several keys the last, as a decoder takes it.
                let found = bytes_field(pair, key_value::KEY);
                keys.iter().any(|key| key.as_bytes() == found)
            });
        if !is_one {
            out.extend_from_slice(message.get(field.start..field.end).unwrap_or_default());
        }
    }
    (out.len() < message.len()).then_some(out)
}

const KEY_TAG: u8 = ((key_value::KEY << 3) | 2) as u8;
const VALUE_TAG: u8 = ((key_value::VALUE << 3) | 2) as u8;

/// A `KeyValue` taken apart: its key and its encoded value. Of several values the last is taken, which is
/// what merging them comes to, as each sets one and the same choice.
#[inline]
pub fn key_and_value(pair: &[u8]) -> (&[u8], &[u8]) {
    let mut reader = Reader::new(pair);
    // The shape of nearly every attribute: a key, a value, and nothing else.
    if let (Some(key), Some(any)) = (reader.take_short(KEY_TAG), reader.take_short(VALUE_TAG))
        && reader.rest().is_empty()
    {
        return (key, any);
    }
    key_and_value_of_any_shape(pair)
}

#[inline(never)]
fn key_and_value_of_any_shape(pair: &[u8]) -> (&[u8], &[u8]) {
    (bytes_field(pair, key_value::KEY), bytes_field(pair, key_value::VALUE))
}

/// The bytes field with this number; the last one, where there are several.
pub fn bytes_field(message: &[u8], number: u32) -> &[u8] {
    let mut found: &[u8] = &[];
    let mut reader = Reader::new(message);
    while let Ok(Some(field)) = reader.next() {
        if let (true, Value::Bytes(bytes)) = (field.number == number, field.value) {
            found = bytes;
        }
    }
    found
}

/// A span with another id and parent, all else as it was.
pub(super) fn with_ids(body: &[u8], id: u64, parent: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(body.len() + 20);
    let mut reader = Reader::new(body);
    let mut is_written = false;
    while let Ok(Some(field)) = reader.next() {
        match field.number {
            span::SPAN_ID | span::PARENT_SPAN_ID => {
                if !is_written {
                    put_bytes_field(&mut out, span::SPAN_ID, &id.to_be_bytes());
                    if !parent.is_empty() {
                        put_bytes_field(&mut out, span::PARENT_SPAN_ID, parent);
                    }
                    is_written = true;
                }
            }
            _ => out.extend_from_slice(body.get(field.start..field.end).unwrap_or_default()),
        }
    }
    out
}

/// A span with another parent; its id stays as it was written, even if it is none.
pub(super) fn with_parent(body: &[u8], parent: u64) -> Vec<u8> {
    let mut out = Vec::with_capacity(body.len() + 10);
    let mut reader = Reader::new(body);
    while let Ok(Some(field)) = reader.next() {
        if field.number == span::PARENT_SPAN_ID {
            put_bytes_field(&mut out, span::PARENT_SPAN_ID, &parent.to_be_bytes());
        } else {
            out.extend_from_slice(body.get(field.start..field.end).unwrap_or_default());
        }
    }
    out
}

/// A time moved. Zero is no time but the want of one, which no clock can be wrong about.
pub(super) fn moved(time: u64, by_ns: i64) -> u64 {
    if time == 0 { 0 } else { time.saturating_add_signed(by_ns) }
}

/// A span whose start, end and events are moved in time; what would leave the range stays at its edge.
pub(super) fn moved_in_time(body: &[u8], by_ns: i64) -> Vec<u8> {
    let mut out = Vec::with_capacity(body.len());
    let mut reader = Reader::new(body);
    while let Ok(Some(field)) = reader.next() {
        match (field.number, field.value) {
            (span::START_TIME | span::END_TIME, Value::Fixed64(time)) => {
                put_fixed64_field(&mut out, field.number, moved(time, by_ns));
            }
            (span::EVENTS, Value::Bytes(event)) => {
                put_bytes_field(&mut out, span::EVENTS, &event_moved_in_time(event, by_ns));
            }
            _ => out.extend_from_slice(body.get(field.start..field.end).unwrap_or_default()),
        }
    }
    out
}

fn event_moved_in_time(body: &[u8], by_ns: i64) -> Vec<u8> {
    let mut out = Vec::with_capacity(body.len());
    let mut reader = Reader::new(body);
    while let Ok(Some(field)) = reader.next() {
        match (field.number, field.value) {
            (crate::wire::otlp::event::TIME, Value::Fixed64(time)) => {
                put_fixed64_field(&mut out, field.number, moved(time, by_ns));
            }
            _ => out.extend_from_slice(body.get(field.start..field.end).unwrap_or_default()),
        }
    }
    out
}

/// A span whose events are ordered by time and name, and links by trace and span id.
pub fn in_canonical_order(body: &[u8]) -> Vec<u8> {
    use super::index::{event_key, link_key};
    let mut events: Vec<&[u8]> = Vec::new();
    let mut links: Vec<&[u8]> = Vec::new();
    let mut out = Vec::with_capacity(body.len());
    let mut after = Vec::new();
    let mut reader = Reader::new(body);
    while let Ok(Some(field)) = reader.next() {
        match (field.number, field.value) {
            (span::EVENTS, Value::Bytes(event)) => events.push(event),
            (span::LINKS, Value::Bytes(link)) => links.push(link),
            _ => {
                let target = if field.number < span::EVENTS { &mut out } else { &mut after };
                target.extend_from_slice(body.get(field.start..field.end).unwrap_or_default());
            }
        }
    }
    events.sort_by_key(|event| event_key(event).unwrap_or_default());
    links.sort_by_key(|link| link_key(link).unwrap_or_default());
    for event in events {
        put_bytes_field(&mut out, span::EVENTS, event);
    }
    for link in links {
        put_bytes_field(&mut out, span::LINKS, link);
    }
    out.extend_from_slice(&after);
    out
}
