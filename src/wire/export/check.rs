//! Whether bytes are a valid OTLP trace export, down to the last attribute.
//!
//! What an embedded region has taken is shown for as long as it is kept, next to the spans of others.
//! So a message that a strict reader would refuse is refused at the door, where its sender can be told
//! the place, and not when somebody looks for the trace.

use std::fmt::Write;

use crate::wire::otlp::{
    any_value, event, key_value, link, resource, resource_spans, scope, scope_spans, span, status, trace,
};
use crate::wire::protobuf::{Field, Reader, Value, WireError};

/// Messages within messages, the export itself included. Prost reads 100; real attributes nest a few.
pub const DEPTH_MAX: usize = 64;

/// The largest field number protobuf has.
const NUMBER_MAX: u32 = (1 << 29) - 1;

/// What is wrong with an export, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {what}")]
pub struct Fault {
    /// As a path in the names of OTLP/JSON: `resourceSpans[0].scopeSpans[1].spans[2]`.
    pub place: String,
    pub what: FaultKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FaultKind {
    #[error(transparent)]
    Wire(#[from] WireError),
    #[error("a text is not UTF-8")]
    NotUtf8,
}

/// The fields of a message that OTLP defines; others are kept and not looked into.
struct Message(&'static [Known]);

struct Known {
    number: u32,
    name: &'static str,
    is_repeated: bool,
    kind: Kind,
}

enum Kind {
    Text,
    Blob,
    Varint,
    Fixed64,
    Fixed32,
    Message(&'static Message),
}

const fn one(number: u32, name: &'static str, kind: Kind) -> Known {
    Known { number, name, is_repeated: false, kind }
}

const fn many(number: u32, name: &'static str, kind: Kind) -> Known {
    Known { number, name, is_repeated: true, kind }
}

const fn attributes(number: u32) -> Known {
    many(number, "attributes", Kind::Message(&KEY_VALUE))
}

static EXPORT: Message =
    Message(&[many(trace::RESOURCE_SPANS, "resourceSpans", Kind::Message(&RESOURCE_SPANS))]);

static RESOURCE_SPANS: Message = Message(&[
    one(resource_spans::RESOURCE, "resource", Kind::Message(&RESOURCE)),
    many(resource_spans::SCOPE_SPANS, "scopeSpans", Kind::Message(&SCOPE_SPANS)),
    one(resource_spans::SCHEMA_URL, "schemaUrl", Kind::Text),
]);

static RESOURCE: Message = Message(&[
    attributes(resource::ATTRIBUTES),
    one(resource::DROPPED_ATTRIBUTES_COUNT, "droppedAttributesCount", Kind::Varint),
    many(resource::ENTITY_REFS, "entityRefs", Kind::Message(&ENTITY_REF)),
]);

static ENTITY_REF: Message = Message(&[
    one(1, "schemaUrl", Kind::Text),
    one(2, "type", Kind::Text),
    many(3, "idKeys", Kind::Text),
    many(4, "descriptionKeys", Kind::Text),
]);

static SCOPE_SPANS: Message = Message(&[
    one(scope_spans::SCOPE, "scope", Kind::Message(&SCOPE)),
    many(scope_spans::SPANS, "spans", Kind::Message(&SPAN)),
    one(scope_spans::SCHEMA_URL, "schemaUrl", Kind::Text),
]);

static SCOPE: Message = Message(&[
    one(scope::NAME, "name", Kind::Text),
    one(scope::VERSION, "version", Kind::Text),
    attributes(scope::ATTRIBUTES),
    one(scope::DROPPED_ATTRIBUTES_COUNT, "droppedAttributesCount", Kind::Varint),
]);

static SPAN: Message = Message(&[
    attributes(span::ATTRIBUTES),
    one(span::TRACE_ID, "traceId", Kind::Blob),
    one(span::SPAN_ID, "spanId", Kind::Blob),
    one(span::TRACE_STATE, "traceState", Kind::Text),
    one(span::PARENT_SPAN_ID, "parentSpanId", Kind::Blob),
    one(span::NAME, "name", Kind::Text),
    one(span::KIND, "kind", Kind::Varint),
    one(span::START_TIME, "startTimeUnixNano", Kind::Fixed64),
    one(span::END_TIME, "endTimeUnixNano", Kind::Fixed64),
    one(span::DROPPED_ATTRIBUTES_COUNT, "droppedAttributesCount", Kind::Varint),
    many(span::EVENTS, "events", Kind::Message(&EVENT)),
    one(span::DROPPED_EVENTS_COUNT, "droppedEventsCount", Kind::Varint),
    many(span::LINKS, "links", Kind::Message(&LINK)),
    one(span::DROPPED_LINKS_COUNT, "droppedLinksCount", Kind::Varint),
    one(span::STATUS, "status", Kind::Message(&STATUS)),
    one(span::FLAGS, "flags", Kind::Fixed32),
]);

static EVENT: Message = Message(&[
    one(event::TIME, "timeUnixNano", Kind::Fixed64),
    one(event::NAME, "name", Kind::Text),
    attributes(event::ATTRIBUTES),
    one(event::DROPPED_ATTRIBUTES_COUNT, "droppedAttributesCount", Kind::Varint),
]);

static LINK: Message = Message(&[
    one(link::TRACE_ID, "traceId", Kind::Blob),
    one(link::SPAN_ID, "spanId", Kind::Blob),
    one(link::TRACE_STATE, "traceState", Kind::Text),
    attributes(link::ATTRIBUTES),
    one(link::DROPPED_ATTRIBUTES_COUNT, "droppedAttributesCount", Kind::Varint),
    one(link::FLAGS, "flags", Kind::Fixed32),
]);

static STATUS: Message =
    Message(&[one(status::MESSAGE, "message", Kind::Text), one(status::CODE, "code", Kind::Varint)]);

static KEY_VALUE: Message = Message(&[
    one(key_value::KEY, "key", Kind::Text),
    one(key_value::VALUE, "value", Kind::Message(&ANY_VALUE)),
    one(3, "keyStrindex", Kind::Varint),
]);

static ANY_VALUE: Message = Message(&[
    one(any_value::STRING, "stringValue", Kind::Text),
    one(any_value::BOOL, "boolValue", Kind::Varint),
    one(any_value::INT, "intValue", Kind::Varint),
    one(any_value::DOUBLE, "doubleValue", Kind::Fixed64),
    one(any_value::ARRAY, "arrayValue", Kind::Message(&ARRAY)),
    one(any_value::KVLIST, "kvlistValue", Kind::Message(&KVLIST)),
    one(any_value::BYTES, "bytesValue", Kind::Blob),
    one(8, "stringValueStrindex", Kind::Varint),
]);

static ARRAY: Message = Message(&[many(1, "values", Kind::Message(&ANY_VALUE))]);
static KVLIST: Message = Message(&[many(1, "values", Kind::Message(&KEY_VALUE))]);

/// Checks every message of an export that OTLP defines; unknown fields only have to be well formed.
pub fn check(export: &[u8]) -> Result<(), Fault> {
    check_message(export, &EXPORT, 1).map_err(|mut fault| {
        if fault.place.is_empty() {
            fault.place.push_str("the request");
        }
        fault
    })
}

fn check_message(bytes: &[u8], message: &Message, depth: usize) -> Result<(), Fault> {
    if depth > DEPTH_MAX {
        return Err(Fault::here(WireError::TooDeep(DEPTH_MAX)));
    }
    let mut reader = Reader::new(bytes);
    while let Some(field) = reader.next().map_err(Fault::here)? {
        if field.number > NUMBER_MAX {
            return Err(Fault::here(WireError::BadTag(0)));
        }
        let Some(known) = message.0.iter().find(|known| known.number == field.number) else { continue };
        check_field(&field, known, depth).map_err(|fault| fault.within(bytes, &field, known))?;
    }
    Ok(())
}

fn check_field(field: &Field<'_>, known: &Known, depth: usize) -> Result<(), Fault> {
    match (&known.kind, field.value) {
        (Kind::Message(inner), Value::Bytes(bytes)) => check_message(bytes, inner, depth + 1),
        (Kind::Text, Value::Bytes(bytes)) => match std::str::from_utf8(bytes) {
            Ok(_) => Ok(()),
            Err(_) => Err(Fault::here(FaultKind::NotUtf8)),
        },
        (Kind::Blob, Value::Bytes(_))
        | (Kind::Varint, Value::Varint(_))
        | (Kind::Fixed64, Value::Fixed64(_))
        | (Kind::Fixed32, Value::Fixed32(_)) => Ok(()),
        _ => Err(Fault::here(WireError::WrongType)),
    }
}

impl Fault {
    fn here(what: impl Into<FaultKind>) -> Self {
        Self { place: String::new(), what: what.into() }
    }

    /// Puts the name of the field that was looked into before the place. Counting which one it was is
    /// left for here, so that a good message pays nothing for it.
    fn within(self, message: &[u8], field: &Field<'_>, known: &Known) -> Self {
        let mut place = known.name.to_owned();
        if known.is_repeated {
            let mut index = 0usize;
            let mut reader = Reader::new(message);
            while let Ok(Some(earlier)) = reader.next() {
                if earlier.start >= field.start {
                    break;
                }
                index += usize::from(earlier.number == field.number);
            }
            // Writing to a String cannot fail.
            let _ = write!(place, "[{index}]");
        }
        if !self.place.is_empty() {
            place.push('.');
            place.push_str(&self.place);
        }
        Self { place, what: self.what }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::protobuf::{put_bytes_field, put_message, put_varint_field};

    /// An export with two spans, the second of which `fill` writes.
    fn export(fill: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
        let mut out = Vec::new();
        put_message(&mut out, trace::RESOURCE_SPANS, |resource| {
            put_message(resource, resource_spans::SCOPE_SPANS, |scope| {
                put_bytes_field(scope, scope_spans::SPANS, &[]);
                put_message(scope, scope_spans::SPANS, fill);
            });
        });
        out
    }

    fn refused(fill: impl FnOnce(&mut Vec<u8>)) -> String {
        check(&export(fill)).unwrap_err().to_string()
    }

    #[test]
    fn a_fault_says_where_it_lies() {
        assert_eq!(
            refused(|span| put_bytes_field(span, span::NAME, &[0xff])),
            "resourceSpans[0].scopeSpans[0].spans[1].name: a text is not UTF-8"
        );
        assert_eq!(
            refused(|span| put_varint_field(span, span::TRACE_ID, 1)),
            "resourceSpans[0].scopeSpans[0].spans[1].traceId: a known field has the wrong wire type"
        );
        assert_eq!(
            refused(|span| {
                put_bytes_field(span, span::ATTRIBUTES, &[]);
                put_bytes_field(span, span::ATTRIBUTES, &[0x12, 0x7f]);
            }),
            "resourceSpans[0].scopeSpans[0].spans[1].attributes[1]: the bytes end inside a field"
        );
        assert_eq!(check(&[0xff]).unwrap_err().to_string(), "the request: the bytes end inside a field");
    }

    #[test]
    fn unknown_fields_are_no_fault() {
        let bytes = export(|span| put_bytes_field(span, 999, &[0xff, 0xff]));
        assert_eq!(check(&bytes), Ok(()));
        assert_eq!(check(&[]), Ok(()));
    }

    #[test]
    fn values_may_nest_so_deep_and_no_deeper() {
        fn nested(levels: usize) -> Vec<u8> {
            let mut value = Vec::new();
            for _ in 0..levels {
                let mut array = Vec::new();
                put_bytes_field(&mut array, 1, &value);
                value.clear();
                put_bytes_field(&mut value, any_value::ARRAY, &array);
            }
            value
        }
        let with = |levels| {
            export(|span| {
                put_message(span, span::ATTRIBUTES, |pair| {
                    put_bytes_field(pair, key_value::VALUE, &nested(levels));
                });
            })
        };
        // Six messages lead to the outermost value, and each array adds two.
        assert_eq!(check(&with((DEPTH_MAX - 6) / 2)), Ok(()));
        let fault = check(&with((DEPTH_MAX - 6) / 2 + 1)).unwrap_err();
        assert_eq!(fault.what, FaultKind::Wire(WireError::TooDeep(DEPTH_MAX)));
    }
}
