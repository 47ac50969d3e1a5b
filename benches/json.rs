//! What JSON straight from the wire gains over decoding: prost, then serde, in the same run.
//!
//! `cargo bench --bench json`. The baseline writes OTLP's JSON (ids in hexadecimal), not Tempo's; the work is
//! the same kind and size. The wire side includes finding the spans.
#![allow(clippy::unwrap_used, missing_docs, reason = "a bench may stop at the first surprise")]

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::{Event, Link};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status, TracesData};
use prost::Message as _;
use std::hint::black_box;
use tutti::wire::json::{put_resource, put_schema_url_of, put_scope, put_span};
use tutti::wire::otlp::{resource_spans, scope_spans, trace};
use tutti::wire::protobuf::{Reader, WireError};

const SPANS: usize = 10_000;
const SPANS_PER_RESOURCE: usize = 100;

fn pair(key: &str, value: Value) -> KeyValue {
    KeyValue { key: key.into(), value: Some(AnyValue { value: Some(value) }), key_strindex: 0 }
}

fn text(text: impl Into<String>) -> Value {
    Value::StringValue(text.into())
}

fn id(seed: usize) -> Vec<u8> {
    (seed as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes().to_vec()
}

fn span(index: usize) -> Span {
    let start = 1_795_206_585_000_000_000 + index as u64 * 1_000_003;
    let mut attributes = vec![
        pair("http.request.method", text("POST")),
        pair("url.full", text(format!("https://shop.example.com/api/v2/orders/{index}?expand=items&page=2"))),
        pair("http.route", text("/api/v2/orders/{id}")),
        pair("http.response.status_code", Value::IntValue(200 + (index % 5) as i64 * 100)),
        pair("server.address", text("orders.shop.svc.cluster.local")),
        pair("network.peer.port", Value::IntValue(8443)),
        pair(
            "user_agent.original",
            text("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko)"),
        ),
        pair("thread.name", text(format!("worker-{}", index % 64))),
        pair("cache.hit_ratio", Value::DoubleValue(index as f64 / 7.0)),
        pair("retry", Value::BoolValue(index.is_multiple_of(9))),
    ];
    if index.is_multiple_of(3) {
        attributes.push(pair(
            "db.query.text",
            text("SELECT id, \"name\" FROM orders WHERE total > $1 AND city = 'Zürich'"),
        ));
    }
    let event = Event {
        time_unix_nano: start + 500,
        name: "exception".into(),
        attributes: vec![
            pair("exception.type", text("java.net.SocketTimeoutException")),
            pair("exception.message", text("Read timed out\n\tat <init>")),
        ],
        dropped_attributes_count: 0,
    };
    let link = Link { trace_id: [id(1), id(2)].concat(), span_id: id(3), ..Link::default() };
    let fails = index.is_multiple_of(10);
    Span {
        trace_id: [id(7), id(8)].concat(),
        span_id: id(index + 1),
        parent_span_id: if index == 0 { Vec::new() } else { id(index / 4 + 1) },
        flags: 257,
        name: format!("POST /api/v2/orders/{}", index % 50),
        kind: (index % 5 + 1) as i32,
        start_time_unix_nano: start,
        end_time_unix_nano: start + 12_345_678,
        attributes,
        events: if fails { vec![event] } else { Vec::new() },
        links: if index.is_multiple_of(20) { vec![link] } else { Vec::new() },
        status: Some(if fails { Status { message: "timed out".into(), code: 2 } } else { Status::default() }),
        ..Span::default()
    }
}

fn sample() -> Vec<u8> {
    let resource_spans = (0..SPANS / SPANS_PER_RESOURCE).map(|group| {
        let attributes = vec![
            pair("service.name", text(format!("orders-{}", group % 12))),
            pair("k8s.pod.name", text(format!("orders-6d5f8c7b9-{group:05}"))),
            pair("cloud.region", text("eu-central-1")),
            pair("telemetry.sdk.language", text("java")),
        ];
        let first = group * SPANS_PER_RESOURCE;
        let scope = InstrumentationScope {
            name: "io.opentelemetry.http".into(),
            version: "2.1.0".into(),
            ..InstrumentationScope::default()
        };
        ResourceSpans {
            resource: Some(Resource { attributes, ..Resource::default() }),
            scope_spans: vec![ScopeSpans {
                scope: Some(scope),
                spans: (first..first + SPANS_PER_RESOURCE).map(span).collect(),
                schema_url: String::new(),
            }],
            schema_url: "https://opentelemetry.io/schemas/1.37.0".into(),
        }
    });
    TracesData { resource_spans: resource_spans.collect() }.encode_to_vec()
}

/// The document around the spans, for messages with their fields in ascending order.
fn write_from_wire(out: &mut Vec<u8>, bytes: &[u8]) -> Result<(), WireError> {
    out.extend_from_slice(b"{\"resourceSpans\":[");
    let mut groups = Reader::new(bytes);
    let mut comma: &[u8] = b"";
    while let Some(group) = groups.next()? {
        if group.number == trace::RESOURCE_SPANS {
            out.extend_from_slice(comma);
            comma = b",";
            write_group(out, group.bytes()?)?;
        }
    }
    out.extend_from_slice(b"]}");
    Ok(())
}

fn write_group(out: &mut Vec<u8>, body: &[u8]) -> Result<(), WireError> {
    let mut fields = Reader::new(body);
    let mut scopes = 0;
    while let Some(field) = fields.next()? {
        match field.number {
            resource_spans::RESOURCE => {
                out.extend_from_slice(b"{\"resource\":");
                put_resource(out, field.bytes()?, &[])?;
            }
            resource_spans::SCOPE_SPANS => {
                out.extend_from_slice(if scopes == 0 { b",\"scopeSpans\":[" } else { b"," });
                scopes += 1;
                write_scope(out, field.bytes()?)?;
            }
            _ => {}
        }
    }
    out.push(b']');
    put_schema_url_of(out, body)?;
    out.push(b'}');
    Ok(())
}

fn write_scope(out: &mut Vec<u8>, body: &[u8]) -> Result<(), WireError> {
    let mut fields = Reader::new(body);
    let mut spans = 0;
    while let Some(field) = fields.next()? {
        match field.number {
            scope_spans::SCOPE => {
                out.extend_from_slice(b"{\"scope\":");
                put_scope(out, field.bytes()?)?;
            }
            scope_spans::SPANS => {
                out.extend_from_slice(if spans == 0 { b",\"spans\":[" } else { b"," });
                spans += 1;
                put_span(out, field.bytes()?, &[])?;
            }
            _ => {}
        }
    }
    out.push(b']');
    put_schema_url_of(out, body)?;
    out.push(b'}');
    Ok(())
}

fn compare(criterion: &mut Criterion) {
    let bytes = sample();
    let mut out = Vec::new();
    write_from_wire(&mut out, &bytes).unwrap();
    let parsed: serde_json::Value = serde_json::from_slice(&out).unwrap();
    assert_eq!(
        parsed.get("resourceSpans").and_then(|spans| spans.as_array()).map(Vec::len),
        Some(SPANS / SPANS_PER_RESOURCE)
    );

    let mut group = criterion.benchmark_group("json_10k_spans");
    group.throughput(Throughput::Bytes(bytes.len() as u64)).sample_size(20);
    group.bench_function("from_wire", |bencher| {
        bencher.iter(|| {
            let mut out = Vec::new();
            write_from_wire(&mut out, black_box(&bytes)).unwrap();
            out
        });
    });
    group.bench_function("prost_then_serde", |bencher| {
        bencher.iter(|| {
            let trace = TracesData::decode(black_box(bytes.as_slice())).unwrap();
            serde_json::to_vec(&trace).unwrap()
        });
    });
    group.finish();
}

criterion_group!(benches, compare);
criterion_main!(benches);
