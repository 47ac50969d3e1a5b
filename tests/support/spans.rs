//! Spans as a service would send them, in few words.

#![allow(dead_code, reason = "each test uses its part")]

use bytes::Bytes;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status, TracesData};
use prost::Message;

pub const TRACE_ID: [u8; 16] = *b"a trace of tutti";
/// The same, as it is asked for.
pub const ID: &str = "61207472616365206f66207475747469";

pub const INTERNAL: i32 = 1;
pub const SERVER: i32 = 2;
pub const CLIENT: i32 = 3;

/// An instant that real traces could have.
pub const NOON: u64 = 1_795_000_000_000_000_000;
pub const MS: u64 = 1_000_000;

/// A span of 10 ms that begins its number of milliseconds after noon.
pub fn span(id: u64, parent: Option<u64>, kind: i32) -> Span {
    let start = NOON + id % 1_000_000 * MS;
    Span {
        trace_id: TRACE_ID.to_vec(),
        span_id: id.to_be_bytes().to_vec(),
        parent_span_id: parent.map(|parent| parent.to_be_bytes().to_vec()).unwrap_or_default(),
        name: format!("span {id}"),
        kind,
        start_time_unix_nano: start,
        end_time_unix_nano: start + 10 * MS,
        status: Some(Status::default()),
        ..Default::default()
    }
}

/// The same span at other times.
pub fn at(span: Span, start: u64, end: u64) -> Span {
    Span { start_time_unix_nano: start, end_time_unix_nano: end, ..span }
}

pub fn text(key: &str, value: &str) -> KeyValue {
    pair(key, Value::StringValue(value.to_owned()))
}

pub fn pair(key: &str, value: Value) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(any(value)), ..Default::default() }
}

pub fn any(value: Value) -> AnyValue {
    AnyValue { value: Some(value) }
}

/// The spans of one service.
pub fn batch(service: &str, spans: Vec<Span>) -> ResourceSpans {
    ResourceSpans {
        resource: Some(Resource { attributes: vec![text("service.name", service)], ..Default::default() }),
        scope_spans: vec![ScopeSpans {
            scope: Some(InstrumentationScope { name: "tests".to_owned(), ..Default::default() }),
            spans,
            schema_url: String::new(),
        }],
        schema_url: String::new(),
    }
}

/// What a region stores, or sends: the two are the same message.
pub fn trace(batches: Vec<ResourceSpans>) -> Bytes {
    TracesData { resource_spans: batches }.encode_to_vec().into()
}

/// A region's part of the trace, all of one service.
pub fn part(service: &str, spans: Vec<Span>) -> Bytes {
    trace(vec![batch(service, spans)])
}
