//! Seeded synthetic traces for measuring: about 730 bytes a span, 13 to 16 attributes, 8 resource
//! attributes, events on a fifth of the spans, three regions, one span in twenty stored in two regions,
//! spans in the order in which they ended. And the straightforward way to merge them, as the baseline.

#![allow(dead_code, reason = "each bench and test uses its part")]

pub mod evaluating;
pub mod merging;

use std::collections::HashSet;

use bytes::Bytes;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::{Event, Link};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status, TracesData};
use prost::Message;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

pub const REGIONS: usize = 3;
pub const TRACE_ID: [u8; 16] = *b"tutti-bench-0001";
const SPANS_PER_BATCH: usize = 8;
pub const BEGIN: u64 = 1_795_000_000_000_000_000;

/// The protobuf `Trace` of each region.
pub fn regions(spans: usize) -> Vec<Bytes> {
    let mut rng = StdRng::seed_from_u64(spans as u64);
    let mut parts: Vec<Vec<Span>> = vec![Vec::new(); REGIONS];
    let mut ids: Vec<[u8; 8]> = Vec::with_capacity(spans);
    for number in 0..spans {
        let span = span(&mut rng, number, &ids);
        ids.push(span.span_id.as_slice().try_into().unwrap());
        let region = rng.random_range(0..REGIONS);
        if rng.random_range(0..20) == 0 {
            parts[(region + 1) % REGIONS].push(span.clone());
        }
        parts[region].push(span);
    }
    parts.into_iter().enumerate().map(|(region, spans)| encode(&mut rng, region, spans)).collect()
}

/// The protobuf `Trace` of one region that holds every span, each once. Traces of different seeds differ.
pub fn whole(seed: u64, spans: usize) -> Bytes {
    let mut rng = StdRng::seed_from_u64(seed);
    let mut all: Vec<Span> = Vec::with_capacity(spans);
    let mut ids: Vec<[u8; 8]> = Vec::with_capacity(spans);
    for number in 0..spans {
        let span = span(&mut rng, number, &ids);
        ids.push(span.span_id.as_slice().try_into().unwrap());
        all.push(span);
    }
    encode(&mut rng, 0, all)
}

fn encode(rng: &mut StdRng, region: usize, mut spans: Vec<Span>) -> Bytes {
    spans.sort_by_key(|span| span.end_time_unix_nano);
    let batches = spans.chunks(SPANS_PER_BATCH).map(|spans| ResourceSpans {
        resource: Some(resource(rng, region)),
        scope_spans: vec![ScopeSpans {
            scope: Some(InstrumentationScope {
                name: "io.opentelemetry.tomcat-10.0".to_owned(),
                version: "2.9.0-alpha".to_owned(),
                ..Default::default()
            }),
            spans: spans.to_vec(),
            schema_url: String::new(),
        }],
        schema_url: "https://opentelemetry.io/schemas/1.24.0".to_owned(),
    });
    TracesData { resource_spans: batches.collect() }.encode_to_vec().into()
}

fn resource(rng: &mut StdRng, region: usize) -> Resource {
    let service = rng.random_range(0..12);
    let text = |key: &str, value: String| attribute(key, Value::StringValue(value));
    Resource {
        attributes: vec![
            text("service.name", format!("service-{service}")),
            text("service.namespace", "shop".to_owned()),
            text("service.version", format!("1.{service}.0")),
            text("cloud.region", ["us-east-1", "us-west-2", "eu-central-1"][region].to_owned()),
            text("k8s.namespace.name", "production".to_owned()),
            text("k8s.pod.name", format!("service-{service}-{:08x}", rng.random::<u32>())),
            text("host.name", format!("ip-10-0-{}-{}", rng.random::<u8>(), rng.random::<u8>())),
            text("telemetry.sdk.language", "java".to_owned()),
        ],
        ..Default::default()
    }
}

fn span(rng: &mut StdRng, number: usize, ids: &[[u8; 8]]) -> Span {
    let start = BEGIN + number as u64 * 90_000 + rng.random_range(0..80_000);
    let parent = if ids.is_empty() { Vec::new() } else { ids[rng.random_range(0..ids.len())].to_vec() };
    let mut attributes: Vec<KeyValue> = vec![
        attribute("http.request.method", Value::StringValue("GET".to_owned())),
        attribute("http.response.status_code", Value::IntValue(200 + rng.random_range(0..5) * 100)),
        attribute("url.path", Value::StringValue(format!("/api/v2/orders/{:016x}", rng.random::<u64>()))),
        attribute("url.scheme", Value::StringValue("https".to_owned())),
        attribute("server.address", Value::StringValue("orders.shop.svc.cluster.local".to_owned())),
        attribute("server.port", Value::IntValue(8443)),
        attribute("network.protocol.version", Value::StringValue("1.1".to_owned())),
        attribute("user_agent.original", Value::StringValue("okhttp/4.12.0 (Linux; Android 14)".to_owned())),
        attribute("thread.id", Value::IntValue(rng.random_range(0..400))),
        attribute("thread.name", Value::StringValue(format!("http-nio-8080-exec-{}", rng.random::<u8>()))),
        attribute("db.query.text", Value::StringValue("SELECT * FROM orders WHERE id = ?".to_owned())),
        attribute("app.cache.ratio", Value::DoubleValue(f64::from(rng.random::<u8>()) / 256.0)),
        attribute("app.is_retry", Value::BoolValue(rng.random())),
    ];
    for extra in 0..rng.random_range(0..4) {
        attributes.push(attribute(
            &format!("app.label.{extra}"),
            Value::StringValue(format!("{:032x}", rng.random::<u128>())),
        ));
    }
    Span {
        trace_id: TRACE_ID.to_vec(),
        span_id: rng.random::<u64>().max(1).to_be_bytes().to_vec(),
        parent_span_id: parent,
        name: "GET /api/v2/orders/{orderId}".to_owned(),
        kind: rng.random_range(1..6),
        start_time_unix_nano: start,
        end_time_unix_nano: start + rng.random_range(50_000..40_000_000),
        attributes,
        events: if rng.random_range(0..5) == 0 { vec![event(start)] } else { Vec::new() },
        links: if rng.random_range(0..33) == 0 { vec![link()] } else { Vec::new() },
        status: Some(Status { message: String::new(), code: i32::from(rng.random_range(0..50) == 0) * 2 }),
        ..Default::default()
    }
}

fn event(start: u64) -> Event {
    Event {
        time_unix_nano: start + 10_000,
        name: "exception".to_owned(),
        attributes: vec![
            attribute("exception.type", Value::StringValue("java.net.SocketTimeoutException".to_owned())),
            attribute("exception.message", Value::StringValue("connect timed out".to_owned())),
        ],
        dropped_attributes_count: 0,
    }
}

fn link() -> Link {
    Link { trace_id: vec![7; 16], span_id: vec![9; 8], ..Default::default() }
}

fn attribute(key: &str, value: Value) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(value) }), ..Default::default() }
}

/// What anyone would write first: decode, drop copies, sort, and the result is objects again.
pub fn merge_by_decoding(parts: &[Bytes]) -> TracesData {
    merge_decoded(parts.iter().map(|part| TracesData::decode(part.clone()).unwrap()))
}

/// The same with what was decoded before.
pub fn merge_decoded(parts: impl Iterator<Item = TracesData>) -> TracesData {
    let mut seen: HashSet<(Vec<u8>, i32)> = HashSet::new();
    let mut merged = TracesData::default();
    for mut trace in parts {
        for batch in &mut trace.resource_spans {
            for scope in &mut batch.scope_spans {
                scope.spans.retain(|span| seen.insert((span.span_id.clone(), span.kind)));
                scope.spans.sort_by(|a, b| {
                    (a.start_time_unix_nano, &a.span_id).cmp(&(b.start_time_unix_nano, &b.span_id))
                });
            }
            batch.scope_spans.retain(|scope| !scope.spans.is_empty());
        }
        trace.resource_spans.retain(|batch| !batch.scope_spans.is_empty());
        merged.resource_spans.append(&mut trace.resource_spans);
    }
    let first = |batch: &ResourceSpans| {
        let span = batch.scope_spans.first().and_then(|scope| scope.spans.first());
        span.map(|span| (span.start_time_unix_nano, span.span_id.clone()))
    };
    merged.resource_spans.sort_by_cached_key(first);
    merged
}
