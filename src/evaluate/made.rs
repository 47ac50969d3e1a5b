//! Traces for tests, written down span by span.

use crate::model::TraceId;
use crate::trace::{Joined, scan};
use bytes::Bytes;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status, TracesData};
use prost::Message;

pub(super) const ID: TraceId = TraceId::from_bytes([7; 16]);

/// Ids are well above the count of spans, so that none looks renumbered.
const BASE: u64 = 0x0100_0000_0000_0000;

pub(super) fn text(text: &str) -> Value {
    Value::StringValue(text.to_owned())
}

pub(super) fn texts(all: &[&str]) -> Value {
    let values = all.iter().map(|one| AnyValue { value: Some(text(one)) }).collect();
    Value::ArrayValue(ArrayValue { values })
}

fn attributes(pairs: &[(&str, Value)]) -> Vec<KeyValue> {
    let pair = |(key, value): &(&str, Value)| KeyValue {
        key: (*key).to_owned(),
        value: Some(AnyValue { value: Some(value.clone()) }),
        ..Default::default()
    };
    pairs.iter().map(pair).collect()
}

pub(super) fn wire_id(number: u64) -> Vec<u8> {
    if number == 0 { Vec::new() } else { (BASE + number).to_be_bytes().to_vec() }
}

/// The span `number`, child of span `parent` (0: a root), that starts `number` seconds after the first and
/// lasts as many milliseconds.
pub(super) fn span(number: u64, parent: u64, pairs: &[(&str, Value)]) -> Span {
    let start = (1_000 + number) * 1_000_000_000;
    Span {
        trace_id: ID.as_bytes().to_vec(),
        span_id: wire_id(number),
        parent_span_id: wire_id(parent),
        name: format!("span {number}"),
        start_time_unix_nano: start,
        end_time_unix_nano: start + number * 1_000_000,
        attributes: attributes(pairs),
        ..Default::default()
    }
}

pub(super) fn with_status(code: i32, span: Span) -> Span {
    Span { status: Some(Status { code, ..Default::default() }), ..span }
}

pub(super) fn batch(pairs: &[(&str, Value)], spans: Vec<Span>) -> ResourceSpans {
    let scope = InstrumentationScope { name: "made".to_owned(), ..Default::default() };
    ResourceSpans {
        resource: Some(Resource { attributes: attributes(pairs), ..Default::default() }),
        scope_spans: vec![ScopeSpans { scope: Some(scope), spans, ..Default::default() }],
        ..Default::default()
    }
}

pub(super) fn joined(resource_spans: Vec<ResourceSpans>) -> Joined {
    let body = Bytes::from(TracesData { resource_spans }.encode_to_vec());
    Joined::as_stored(vec![(0, scan(body, Some(&ID)).unwrap())]).unwrap()
}
