//! Field numbers of OTLP traces, and the few OTLP values the gateway writes itself.
//!
//! Source: opentelemetry-proto `trace/v1/trace.proto`, `common/v1/common.proto`, `resource/v1/resource.proto`.
//! Tempo's `Trace` is wire-identical to OTLP `TracesData`: field 1, repeated `ResourceSpans`.

use super::protobuf::{
    message_len, put_bytes_field, put_fixed64_field, put_tag, put_varint, put_varint_field, varint_len,
};

pub mod trace {
    pub const RESOURCE_SPANS: u32 = 1;
}

pub mod resource_spans {
    pub const RESOURCE: u32 = 1;
    pub const SCOPE_SPANS: u32 = 2;
    pub const SCHEMA_URL: u32 = 3;
}

pub mod resource {
    pub const ATTRIBUTES: u32 = 1;
    pub const DROPPED_ATTRIBUTES_COUNT: u32 = 2;
    pub const ENTITY_REFS: u32 = 3;
}

pub mod scope_spans {
    pub const SCOPE: u32 = 1;
    pub const SPANS: u32 = 2;
    pub const SCHEMA_URL: u32 = 3;
}

pub mod scope {
    pub const NAME: u32 = 1;
    pub const VERSION: u32 = 2;
    pub const ATTRIBUTES: u32 = 3;
    pub const DROPPED_ATTRIBUTES_COUNT: u32 = 4;
}

pub mod span {
    pub const TRACE_ID: u32 = 1;
    pub const SPAN_ID: u32 = 2;
    pub const TRACE_STATE: u32 = 3;
    pub const PARENT_SPAN_ID: u32 = 4;
    pub const NAME: u32 = 5;
    pub const KIND: u32 = 6;
    pub const START_TIME: u32 = 7;
    pub const END_TIME: u32 = 8;
    pub const ATTRIBUTES: u32 = 9;
    pub const DROPPED_ATTRIBUTES_COUNT: u32 = 10;
    pub const EVENTS: u32 = 11;
    pub const DROPPED_EVENTS_COUNT: u32 = 12;
    pub const LINKS: u32 = 13;
    pub const DROPPED_LINKS_COUNT: u32 = 14;
    pub const STATUS: u32 = 15;
    pub const FLAGS: u32 = 16;
}

pub mod event {
    pub const TIME: u32 = 1;
    pub const NAME: u32 = 2;
    pub const ATTRIBUTES: u32 = 3;
    pub const DROPPED_ATTRIBUTES_COUNT: u32 = 4;
}

pub mod link {
    pub const TRACE_ID: u32 = 1;
    pub const SPAN_ID: u32 = 2;
    pub const TRACE_STATE: u32 = 3;
    pub const ATTRIBUTES: u32 = 4;
    pub const DROPPED_ATTRIBUTES_COUNT: u32 = 5;
    pub const FLAGS: u32 = 6;
}

pub mod status {
    pub const MESSAGE: u32 = 2;
    pub const CODE: u32 = 3;
    pub const CODE_ERROR: u64 = 2;
}

pub mod key_value {
    pub const KEY: u32 = 1;
    pub const VALUE: u32 = 2;
    pub const KEY_STRINDEX: u32 = 3;
}

pub mod any_value {
    pub const STRING: u32 = 1;
    pub const BOOL: u32 = 2;
    pub const INT: u32 = 3;
    pub const DOUBLE: u32 = 4;
    pub const ARRAY: u32 = 5;
    pub const KVLIST: u32 = 6;
    pub const BYTES: u32 = 7;
    pub const STRING_STRINDEX: u32 = 8;
}

/// `ArrayValue` and `KeyValueList` alike.
pub mod list {
    pub const VALUES: u32 = 1;
}

pub mod entity_ref {
    pub const SCHEMA_URL: u32 = 1;
    pub const TYPE: u32 = 2;
    pub const ID_KEYS: u32 = 3;
    pub const DESCRIPTION_KEYS: u32 = 4;
}

/// `SpanKind`.
pub mod kind {
    pub const INTERNAL: i32 = 1;
    pub const SERVER: i32 = 2;
    pub const CLIENT: i32 = 3;
    pub const PRODUCER: i32 = 4;
    pub const CONSUMER: i32 = 5;
}

/// Values the gateway adds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value<'a> {
    String(&'a str),
    Bool(bool),
    Int(i64),
    Double(f64),
}

impl Value<'_> {
    /// Bytes of the `AnyValue` that holds this.
    fn any_len(self) -> usize {
        match self {
            Self::String(text) => message_len(text.len()),
            Self::Bool(_) => 2,
            Self::Int(int) => 1 + varint_len(int as u64),
            Self::Double(_) => 9,
        }
    }
}

/// Writes one attribute as field `number` of the message that `out` collects. Lengths are computed first, so
/// that nothing is allocated but what `out` grows by.
pub fn put_attribute(out: &mut Vec<u8>, number: u32, key: &str, value: Value<'_>) {
    let any = value.any_len();
    put_tag(out, number, 2);
    put_varint(out, (message_len(key.len()) + message_len(any)) as u64);
    put_bytes_field(out, key_value::KEY, key.as_bytes());
    put_tag(out, key_value::VALUE, 2);
    put_varint(out, any as u64);
    match value {
        Value::String(text) => put_bytes_field(out, any_value::STRING, text.as_bytes()),
        Value::Bool(flag) => put_varint_field(out, any_value::BOOL, u64::from(flag)),
        Value::Int(int) => put_varint_field(out, any_value::INT, int as u64),
        Value::Double(double) => put_fixed64_field(out, any_value::DOUBLE, double.to_bits()),
    }
}
