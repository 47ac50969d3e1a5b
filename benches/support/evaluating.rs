//! The traces that queries are measured over, the queries, and the same filters over decoded objects.

use bytes::Bytes;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{Span, TracesData};
use prost::Message;
use tutti::evaluate::{Search, TraceRows};
use tutti::model::TraceId;
use tutti::trace::{Joined, scan};

/// Spans of the traces that a filter runs over, again and again: most traces are small, most spans lie in
/// large ones.
const SIZES: [usize; 8] = [10, 20, 50, 100, 200, 500, 1_000, 120];

/// About as many spans are made; 730 bytes each, so more than a cache holds.
const SPANS_WANTED: usize = 60_000;

/// The bytes of many traces.
pub fn traces() -> Vec<Bytes> {
    let round: usize = SIZES.iter().sum();
    let sizes = SIZES.iter().cycle().take(SIZES.len() * SPANS_WANTED.div_ceil(round));
    (1u64..).zip(sizes).map(|(seed, spans)| super::whole(seed, *spans)).collect()
}

pub fn id() -> TraceId {
    TraceId::from_bytes(super::TRACE_ID)
}

/// As the embedded region keeps a trace: scanned and joined.
pub fn joined(body: &Bytes) -> Joined {
    Joined::as_stored(vec![(0, scan(body.clone(), Some(&id())).unwrap())]).unwrap()
}

pub fn rows(joined: &Joined) -> TraceRows<'_> {
    TraceRows::of(id(), joined)
}

/// How many traces match.
pub fn matching<'r, 'j: 'r>(search: &Search, traces: impl IntoIterator<Item = &'r TraceRows<'j>>) -> usize {
    traces.into_iter().filter(|trace| search.decide(trace, 3).unwrap().is_some()).count()
}

/// What a person would write for one span of decoded objects.
pub type Closure = fn(&Resource, &Span) -> bool;

/// A filter, and the same by hand.
pub struct Shape {
    pub name: &'static str,
    pub query: &'static str,
    pub by_hand: Closure,
}

pub const SHAPES: [Shape; 9] = [
    Shape {
        name: "duration",
        query: "{ duration > 39.9ms }",
        by_hand: |_, span| duration(span) > 39_900_000,
    },
    Shape { name: "status", query: "{ status = error }", by_hand: |_, span| is_error(span) },
    Shape {
        name: "name",
        query: "{ name = `POST /api/v2/orders` }",
        by_hand: |_, span| span.name == "POST /api/v2/orders",
    },
    Shape {
        name: "resource",
        query: "{ resource.service.name = `service-3` }",
        by_hand: |resource, _| text(&resource.attributes, "service.name") == Some("service-3"),
    },
    Shape {
        name: "span-attribute",
        query: "{ span.thread.id = 17 }",
        by_hand: |_, span| int(&span.attributes, "thread.id") == Some(17),
    },
    Shape {
        name: "own-column",
        query: "{ span.http.response.status_code >= 600 }",
        by_hand: |_, span| int(&span.attributes, "http.response.status_code").is_some_and(|code| code >= 600),
    },
    Shape {
        name: "conjunction",
        query: "{ resource.service.name = `service-3` && span.http.response.status_code >= 500 \
                && duration > 30ms }",
        by_hand: |resource, span| {
            text(&resource.attributes, "service.name") == Some("service-3")
                && int(&span.attributes, "http.response.status_code").is_some_and(|code| code >= 500)
                && duration(span) > 30_000_000
        },
    },
    Shape {
        name: "regex",
        query: "{ span.url.path =~ `/api/v2/orders/00[0-9a-f]+` }",
        by_hand: |_, span| {
            // Kinder to the objects than a pattern: what the pattern says, spelt out.
            text(&span.attributes, "url.path").is_some_and(|path| {
                path.strip_prefix("/api/v2/orders/00").is_some_and(|rest| {
                    !rest.is_empty() && rest.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
                })
            })
        },
    },
    Shape {
        name: "unscoped",
        query: "{ .thread.name = `http-nio-8080-exec-7` }",
        by_hand: |resource, span| {
            text(&span.attributes, "thread.name").or_else(|| text(&resource.attributes, "thread.name"))
                == Some("http-nio-8080-exec-7")
        },
    },
];

/// How many traces match, decoded before.
pub fn matching_by_hand<'t>(by_hand: Closure, traces: impl IntoIterator<Item = &'t TracesData>) -> usize {
    traces.into_iter().filter(|trace| spans_by_hand(by_hand, trace) > 0).count()
}

/// How many spans of a trace match. All are looked at: a search says how many there are.
pub fn spans_by_hand(by_hand: Closure, trace: &TracesData) -> usize {
    let nothing = Resource::default();
    let mut count = 0;
    for batch in &trace.resource_spans {
        let resource = batch.resource.as_ref().unwrap_or(&nothing);
        for span in batch.scope_spans.iter().flat_map(|scope| &scope.spans) {
            count += usize::from(by_hand(resource, span));
        }
    }
    count
}

pub fn decoded(body: &Bytes) -> TracesData {
    TracesData::decode(body.clone()).unwrap()
}

fn duration(span: &Span) -> u64 {
    span.end_time_unix_nano - span.start_time_unix_nano
}

fn is_error(span: &Span) -> bool {
    span.status.as_ref().is_some_and(|status| status.code == 2)
}

fn value<'a>(attributes: &'a [KeyValue], key: &str) -> Option<&'a Value> {
    let found = attributes.iter().find(|pair| pair.key == key)?;
    match &found.value {
        Some(AnyValue { value: Some(value) }) => Some(value),
        _ => None,
    }
}

fn text<'a>(attributes: &'a [KeyValue], key: &str) -> Option<&'a str> {
    match value(attributes, key) {
        Some(Value::StringValue(text)) => Some(text),
        _ => None,
    }
}

fn int(attributes: &[KeyValue], key: &str) -> Option<i64> {
    match value(attributes, key) {
        Some(Value::IntValue(int)) => Some(*int),
        _ => None,
    }
}
