//! Whether nested attribute bytes are what they claim to be, without keeping anything of them.
//!
//! A region that sends broken bytes inside a span must be found out before its bytes are put beside
//! the others': a client that cannot decode one attribute loses the whole answer.

use super::limits::VALUE_DEPTH_MAX;
use super::otlp::{any_value, key_value, resource, scope};
use super::protobuf::{Reader, Value, WireError};

/// Checks one `KeyValue` message.
#[inline(always)]
pub fn key_value(body: &[u8]) -> Result<(), WireError> {
    if is_plain_pair(body) { Ok(()) } else { key_value_slow(body, VALUE_DEPTH_MAX) }
}

/// The shape nearly every attribute has: a short key, then a short scalar, each length adding up.
#[inline(always)]
fn is_plain_pair(body: &[u8]) -> bool {
    let [0x0a, key_len @ 0..=0x7f, rest @ ..] = body else { return false };
    let Some((_, rest)) = rest.split_at_checked(usize::from(*key_len)) else { return false };
    let [0x12, value_len @ 0..=0x7f, value @ ..] = rest else { return false };
    if value.len() != usize::from(*value_len) {
        return false;
    }
    match value {
        [0x0a, len @ 0..=0x7f, text @ ..] => text.len() == usize::from(*len),
        [0x10 | 0x18, 0..=0x7f] | [0x18, 0x80..=0xff, 0..=0x7f] | [0x21, _, _, _, _, _, _, _, _] => true,
        _ => false,
    }
}

#[inline(never)]
fn key_value_slow(body: &[u8], depth: usize) -> Result<(), WireError> {
    let mut reader = Reader::new(body);
    while let Some(field) = reader.next()? {
        match field.number {
            key_value::KEY => {
                field.bytes()?;
            }
            key_value::VALUE => any(field.bytes()?, depth)?,
            key_value::KEY_STRINDEX => {
                field.varint()?;
            }
            _ => {}
        }
    }
    Ok(())
}

fn any(body: &[u8], depth: usize) -> Result<(), WireError> {
    let Some(depth) = depth.checked_sub(1) else { return Err(WireError::TooDeep(VALUE_DEPTH_MAX)) };
    let mut reader = Reader::new(body);
    while let Some(field) = reader.next()? {
        let fits = match field.number {
            any_value::STRING | any_value::BYTES => matches!(field.value, Value::Bytes(_)),
            any_value::BOOL | any_value::INT | any_value::STRING_STRINDEX => {
                matches!(field.value, Value::Varint(_))
            }
            any_value::DOUBLE => matches!(field.value, Value::Fixed64(_)),
            any_value::ARRAY => {
                list(field.bytes()?, |item| any(item, depth))?;
                true
            }
            any_value::KVLIST => {
                list(field.bytes()?, |item| key_value_slow(item, depth))?;
                true
            }
            _ => true,
        };
        if !fits {
            return Err(WireError::WrongType);
        }
    }
    Ok(())
}

/// `ArrayValue` and `KeyValueList` both hold their items in field 1.
fn list(body: &[u8], mut item: impl FnMut(&[u8]) -> Result<(), WireError>) -> Result<(), WireError> {
    let mut reader = Reader::new(body);
    while let Some(field) = reader.next()? {
        if field.number == 1 {
            item(field.bytes()?)?;
        }
    }
    Ok(())
}

/// Checks a `Resource`.
pub fn resource(body: &[u8]) -> Result<(), WireError> {
    let mut reader = Reader::new(body);
    while let Some(field) = reader.next()? {
        match field.number {
            resource::ATTRIBUTES => key_value(field.bytes()?)?,
            resource::DROPPED_ATTRIBUTES_COUNT => {
                field.varint()?;
            }
            resource::ENTITY_REFS => entity_ref(field.bytes()?)?,
            _ => {}
        }
    }
    Ok(())
}

/// All four fields of an `EntityRef` are strings.
fn entity_ref(body: &[u8]) -> Result<(), WireError> {
    let mut reader = Reader::new(body);
    while let Some(field) = reader.next()? {
        if (1..=4).contains(&field.number) {
            field.bytes()?;
        }
    }
    Ok(())
}

/// Checks an `InstrumentationScope`.
pub fn scope(body: &[u8]) -> Result<(), WireError> {
    let mut reader = Reader::new(body);
    while let Some(field) = reader.next()? {
        match field.number {
            scope::NAME | scope::VERSION => {
                field.bytes()?;
            }
            scope::ATTRIBUTES => key_value(field.bytes()?)?,
            scope::DROPPED_ATTRIBUTES_COUNT => {
                field.varint()?;
            }
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::otlp::{Value as Added, put_attribute};
    use crate::wire::protobuf::put_message;

    fn pair(value: Added<'_>) -> Vec<u8> {
        let mut out = Vec::new();
        put_attribute(&mut out, 1, "key", value);
        Reader::new(&out).next().unwrap().unwrap().bytes().unwrap().to_vec()
    }

    #[test]
    fn every_usual_value_passes() {
        for value in [
            Added::String(""),
            Added::String("short"),
            Added::String(&"long".repeat(100)),
            Added::Bool(true),
            Added::Int(-1),
            Added::Double(1.5),
        ] {
            assert_eq!(key_value(&pair(value)), Ok(()), "{value:?}");
        }
    }

    #[test]
    fn a_cut_pair_does_not_pass() {
        let whole = pair(Added::String("value"));
        // A pair cut at a field's end is a smaller pair, not a broken one.
        for end in (1..whole.len()).filter(|end| ![5].contains(end)) {
            assert!(key_value(&whole[..end]).is_err(), "{end}");
        }
    }

    #[test]
    fn depth_is_bounded() {
        let mut value = vec![];
        for _ in 0..VALUE_DEPTH_MAX + 1 {
            let mut array = Vec::new();
            put_message(&mut array, any_value::ARRAY, |list| {
                put_message(list, 1, |item| item.extend(&value))
            });
            value = array;
        }
        let mut pair = Vec::new();
        put_message(&mut pair, key_value::VALUE, |any| any.extend(&value));
        assert_eq!(super::key_value(&pair), Err(WireError::TooDeep(VALUE_DEPTH_MAX)));
    }
}
