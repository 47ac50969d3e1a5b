//! What storage makes visible, rule by rule: queries over small traces, and the candidates with their entries
//! (`1{span.a=1}`: span 1, of which `span.a` is visible).

mod rules;
mod second_pass;

use super::*;
use crate::evaluate::slots::Slots;
use crate::model::TraceId;
use crate::trace::{Joined, scan};
use crate::traceql;
use crate::traceql::ast::{MetricsExpr, Root};
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::{Event, Link};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status, TracesData};
use prost::Message;

const ID: [u8; 16] = [0, 0, 0, 0, 0, 0, 0, 0, 0xab, 0, 0, 0, 0, 0, 0, 1];
const START: u64 = 1_000_000_000_000;

fn any(value: Any) -> AnyValue {
    AnyValue { value: Some(value) }
}

fn int(int: i64) -> Any {
    Any::IntValue(int)
}

fn float(float: f64) -> Any {
    Any::DoubleValue(float)
}

fn text(text: &str) -> Any {
    Any::StringValue(text.to_owned())
}

fn flag(flag: bool) -> Any {
    Any::BoolValue(flag)
}

fn array(all: Vec<Any>) -> Any {
    Any::ArrayValue(ArrayValue { values: all.into_iter().map(any).collect() })
}

fn raw() -> Any {
    Any::BytesValue(vec![1, 2])
}

fn attributes(all: &[(&str, Any)]) -> Vec<KeyValue> {
    all.iter()
        .map(|(key, value)| KeyValue {
            key: (*key).to_owned(),
            value: Some(any(value.clone())),
            ..KeyValue::default()
        })
        .collect()
}

/// The span of this number, a child of span 1 unless it is span 1; they start one after the other.
fn span(number: u64, all: &[(&str, Any)]) -> Span {
    let id = |number: u64| (0x1000_0000_0000_0000 + number).to_be_bytes().to_vec();
    Span {
        trace_id: ID.to_vec(),
        span_id: id(number),
        parent_span_id: if number == 1 { Vec::new() } else { id(1) },
        name: format!("s{number}"),
        start_time_unix_nano: START + number,
        end_time_unix_nano: START + 10 * number,
        attributes: attributes(all),
        ..Span::default()
    }
}

fn event(name: &str, after: u64, all: &[(&str, Any)]) -> Event {
    Event {
        name: name.to_owned(),
        time_unix_nano: START + after,
        attributes: attributes(all),
        ..Event::default()
    }
}

fn link(trace: u8, all: &[(&str, Any)]) -> Link {
    let mut id = vec![0; 16];
    id[15] = trace;
    Link {
        trace_id: id,
        span_id: vec![0, 0, 0, 0, 0, 0, 0, trace],
        attributes: attributes(all),
        ..Link::default()
    }
}

fn batch(resource: &[(&str, Any)], spans: Vec<Span>) -> ResourceSpans {
    scoped(resource, InstrumentationScope { name: "lib".to_owned(), ..Default::default() }, spans)
}

fn scoped(resource: &[(&str, Any)], scope: InstrumentationScope, spans: Vec<Span>) -> ResourceSpans {
    ResourceSpans {
        resource: Some(Resource { attributes: attributes(resource), ..Resource::default() }),
        scope_spans: vec![ScopeSpans { scope: Some(scope), spans, ..ScopeSpans::default() }],
        ..ResourceSpans::default()
    }
}

fn joined(batches: Vec<ResourceSpans>) -> Joined {
    let bytes = TracesData { resource_spans: batches }.encode_to_vec();
    let id = TraceId::from_bytes(ID);
    Joined::as_stored(vec![(0, scan(bytes.into(), Some(&id)).unwrap())]).unwrap()
}

/// Spans without anything around them.
fn spans(all: Vec<Span>) -> Joined {
    joined(vec![batch(&[], all)])
}

fn spec(query: &str) -> FetchSpec {
    let query = traceql::compile(query).unwrap();
    match &query.root {
        Root::Metrics(MetricsExpr::Query { pipeline, function, .. }) => {
            FetchSpec::of_metrics(pipeline, function)
        }
        _ => FetchSpec::of_search(&query).unwrap(),
    }
}

fn fetch(query: &str) -> Result<Fetch, FetchError> {
    let mut slots = Slots::default();
    let compiled = traceql::compile(query).unwrap();
    if let Root::Pipeline(pipeline) = &compiled.root {
        for stage in &pipeline.stages {
            if let traceql::ast::Stage::Spanset(traceql::ast::SpansetExpr::Filter(filter)) = stage {
                let mut all = Vec::new();
                filter.field.attributes(&mut all);
                for attribute in all {
                    let _ = slots.of(&attribute.name);
                }
            }
        }
    }
    Fetch::of(&spec(query), &mut slots)
}

fn shown_value(value: &Value<'_>) -> String {
    match value {
        Value::Text(text) => format!("'{text}'"),
        Value::Texts(texts) => format!("{texts:?}"),
        Value::Ints(ints) => format!("{ints:?}"),
        Value::Floats(floats) => format!("{floats:?}"),
        Value::Bools(flags) => format!("{flags:?}"),
        Value::Nil => "nil".to_owned(),
        Value::Int(int) => int.to_string(),
        Value::Float(float) => format!("{float:?}"),
        Value::Bool(flag) => flag.to_string(),
        Value::Duration(nanos) => format!("{nanos}ns"),
        Value::Status(status) => format!("status {status}"),
        Value::Kind(kind) => format!("kind {kind}"),
    }
}

fn number_of(loaded: &Loaded<'_>, candidate: u32) -> String {
    loaded.rows().wire(loaded.row(candidate)).unwrap().wire_name().trim_start_matches('s').to_owned()
}

/// The candidates and what is visible of them, in the order of their numbers.
fn visible(query: &str, joined: &Joined) -> String {
    let fetch = fetch(query).unwrap();
    let rows = TraceRows::of(TraceId::from_bytes(ID), joined);
    let Some(loaded) = fetch.load(&rows).unwrap() else { return "nothing".to_owned() };
    let mut showing = loaded.showing();
    let mut all: Vec<String> = (0..loaded.candidates())
        .map(|candidate| {
            let every = showing.every_repeated(candidate, Repeats::default());
            let entries: Vec<_> = every
                .iter()
                .map(|(name, value, _)| format!("{}={}", name.to_name(), shown_value(value)))
                .collect();
            format!("{}{{{}}}", number_of(&loaded, candidate), entries.join(" "))
        })
        .collect();
    all.sort();
    all.join(" ")
}

fn check(query: &str, joined: &Joined, expected: &str) {
    assert_eq!(visible(query, joined), expected, "{query}");
}

/// What the query's attributes, in the order they are named, are for each candidate.
fn looked_up(query: &str, joined: &Joined) -> String {
    let fetch = fetch(query).unwrap();
    let rows = TraceRows::of(TraceId::from_bytes(ID), joined);
    let Some(loaded) = fetch.load(&rows).unwrap() else { return "nothing".to_owned() };
    let mut slots = Slots::default();
    let slots: Vec<_> = fetch.names.iter().map(|name| slots.of(name)).collect();
    let mut all: Vec<String> = (0..loaded.candidates())
        .map(|candidate| {
            let values: Vec<_> =
                slots.iter().map(|slot| shown_value(loaded.value(candidate, *slot))).collect();
            format!("{}({})", number_of(&loaded, candidate), values.join(", "))
        })
        .collect();
    all.sort();
    all.join(" ")
}

fn check_values(query: &str, joined: &Joined, expected: &str) {
    assert_eq!(looked_up(query, joined), expected, "{query}");
}
