//! The same JSON written the obvious way, from decoded messages: what the writers are held against.
//!
//! Shares no code with them. It knows nothing of presence (prost has no empty id) or of invalid UTF-8 inside
//! messages; the literals in `tests.rs` cover those.

use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, EntityRef, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::{Event, Link, SpanKind};
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status, TracesData};

use base64::Engine as _;

/// Go's string rule: serde's escapes, HTML escaped on top, each invalid byte replaced.
pub(super) fn string(text: &[u8]) -> String {
    let mut out = String::from("\"");
    for chunk in text.utf8_chunks() {
        let quoted = serde_json::to_string(chunk.valid()).unwrap();
        let inner = quoted.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap();
        let escaped = inner
            .replace('<', "\\u003c")
            .replace('>', "\\u003e")
            .replace('&', "\\u0026")
            .replace('\u{2028}', "\\u2028")
            .replace('\u{2029}', "\\u2029");
        out += &escaped;
        out += &"\\ufffd".repeat(chunk.invalid().len());
    }
    out + "\""
}

/// Go's double rule, from the shortest digits and the exponent. Of two forms equally near, the even one.
pub(super) fn double(value: f64) -> String {
    if !value.is_finite() {
        let name = if value.is_nan() { "NaN" } else { "Infinity" };
        return if value == f64::NEG_INFINITY { format!("\"-{name}\"") } else { format!("\"{name}\"") };
    }
    let scientific = scientific(value.abs());
    let (mantissa, exponent) = scientific.split_once('e').unwrap();
    let digits = mantissa.replace('.', "");
    let exponent: i32 = exponent.parse().unwrap();
    let sign = if value.is_sign_negative() { "-" } else { "" };
    if value != 0.0 && (value.abs() < 1e-6 || value.abs() >= 1e21) {
        let plus = if exponent > 0 { "+" } else { "" };
        return format!("{sign}{mantissa}e{plus}{exponent}");
    }
    if exponent < 0 {
        return format!("{sign}0.{}{digits}", "0".repeat((-exponent - 1) as usize));
    }
    let whole = exponent as usize + 1;
    if digits.len() <= whole {
        return format!("{sign}{digits}{}", "0".repeat(whole - digits.len()));
    }
    let (before, after) = digits.split_at(whole);
    format!("{sign}{before}.{after}")
}

/// The standard library's shortest form says how many digits; its exact form rounds ties to even.
fn scientific(value: f64) -> String {
    let shortest = format!("{value:e}");
    let digits = shortest.split('e').next().unwrap().len().saturating_sub(2);
    let even = format!("{value:.digits$e}");
    if even.parse() == Ok(value) { even } else { shortest }
}

fn base64(bytes: &[u8]) -> String {
    format!("\"{}\"", base64::engine::general_purpose::STANDARD.encode(bytes))
}

fn hex(bytes: &[u8]) -> String {
    format!("\"{}\"", bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>())
}

/// An object of the members that are there.
fn object(members: Vec<Option<(&str, String)>>) -> String {
    let members: Vec<String> =
        members.into_iter().flatten().map(|(name, value)| format!("\"{name}\":{value}")).collect();
    format!("{{{}}}", members.join(","))
}

fn array<T>(items: &[T], write: impl Fn(&T) -> String) -> String {
    format!("[{}]", items.iter().map(write).collect::<Vec<_>>().join(","))
}

fn list<'n, T>(name: &'n str, items: &[T], write: impl Fn(&T) -> String) -> Option<(&'n str, String)> {
    (!items.is_empty()).then(|| (name, array(items, write)))
}

fn text<'n>(name: &'n str, value: &str) -> Option<(&'n str, String)> {
    (!value.is_empty()).then(|| (name, string(value.as_bytes())))
}

fn id<'n>(name: &'n str, value: &[u8]) -> Option<(&'n str, String)> {
    (!value.is_empty()).then(|| (name, base64(value)))
}

fn nanos(name: &str, value: u64) -> Option<(&str, String)> {
    (value != 0).then(|| (name, format!("\"{value}\"")))
}

fn count(name: &str, value: impl Into<i64>) -> Option<(&str, String)> {
    let value = value.into();
    (value != 0).then(|| (name, value.to_string()))
}

fn kind(value: i32) -> Option<&'static str> {
    SpanKind::try_from(value).ok().map(|kind| kind.as_str_name())
}

fn code(value: i32) -> Option<&'static str> {
    StatusCode::try_from(value).ok().map(|code| code.as_str_name())
}

fn enumeration<'n>(name: &'n str, value: i32, known: Option<&str>) -> Option<(&'n str, String)> {
    (value != 0).then(|| (name, known.map_or(value.to_string(), |known| format!("\"{known}\""))))
}

pub(super) fn trace(trace: &TracesData) -> String {
    object(vec![list("resourceSpans", &trace.resource_spans, resource_spans)])
}

fn resource_spans(spans: &ResourceSpans) -> String {
    object(vec![
        spans.resource.as_ref().map(|inner| ("resource", resource(inner))),
        list("scopeSpans", &spans.scope_spans, scope_spans),
        text("schemaUrl", &spans.schema_url),
    ])
}

fn scope_spans(spans: &ScopeSpans) -> String {
    object(vec![
        spans.scope.as_ref().map(|inner| ("scope", scope(inner))),
        list("spans", &spans.spans, span),
        text("schemaUrl", &spans.schema_url),
    ])
}

fn resource(resource: &Resource) -> String {
    object(vec![
        list("attributes", &resource.attributes, pair),
        count("droppedAttributesCount", resource.dropped_attributes_count),
        list("entityRefs", &resource.entity_refs, entity_ref),
    ])
}

fn entity_ref(entity: &EntityRef) -> String {
    object(vec![
        text("schemaUrl", &entity.schema_url),
        text("type", &entity.r#type),
        list("idKeys", &entity.id_keys, |key| string(key.as_bytes())),
        list("descriptionKeys", &entity.description_keys, |key| string(key.as_bytes())),
    ])
}

fn scope(scope: &InstrumentationScope) -> String {
    object(vec![
        text("name", &scope.name),
        text("version", &scope.version),
        list("attributes", &scope.attributes, pair),
        count("droppedAttributesCount", scope.dropped_attributes_count),
    ])
}

fn span(span: &Span) -> String {
    object(vec![
        id("traceId", &span.trace_id),
        id("spanId", &span.span_id),
        text("traceState", &span.trace_state),
        id("parentSpanId", &span.parent_span_id),
        count("flags", span.flags),
        text("name", &span.name),
        enumeration("kind", span.kind, kind(span.kind)),
        nanos("startTimeUnixNano", span.start_time_unix_nano),
        nanos("endTimeUnixNano", span.end_time_unix_nano),
        list("attributes", &span.attributes, pair),
        count("droppedAttributesCount", span.dropped_attributes_count),
        list("events", &span.events, event),
        count("droppedEventsCount", span.dropped_events_count),
        list("links", &span.links, link),
        count("droppedLinksCount", span.dropped_links_count),
        Some(("status", status(span.status.as_ref().unwrap_or(&Status::default())))),
    ])
}

fn event(event: &Event) -> String {
    object(vec![
        nanos("timeUnixNano", event.time_unix_nano),
        text("name", &event.name),
        list("attributes", &event.attributes, pair),
        count("droppedAttributesCount", event.dropped_attributes_count),
    ])
}

fn link(link: &Link) -> String {
    object(vec![
        id("traceId", &link.trace_id),
        id("spanId", &link.span_id),
        text("traceState", &link.trace_state),
        list("attributes", &link.attributes, pair),
        count("droppedAttributesCount", link.dropped_attributes_count),
        count("flags", link.flags),
    ])
}

fn status(status: &Status) -> String {
    object(vec![text("message", &status.message), enumeration("code", status.code, code(status.code))])
}

fn pair(pair: &KeyValue) -> String {
    object(vec![
        text("key", &pair.key),
        pair.value.as_ref().map(|inner| ("value", value(inner))),
        count("keyStrindex", pair.key_strindex),
    ])
}

fn value(any: &AnyValue) -> String {
    object(vec![any.value.as_ref().map(|inner| match inner {
        Value::StringValue(text) => ("stringValue", string(text.as_bytes())),
        Value::BoolValue(flag) => ("boolValue", flag.to_string()),
        Value::IntValue(int) => ("intValue", format!("\"{int}\"")),
        Value::DoubleValue(number) => ("doubleValue", double(*number)),
        Value::ArrayValue(inner) => ("arrayValue", object(vec![list("values", &inner.values, value)])),
        Value::KvlistValue(inner) => ("kvlistValue", object(vec![list("values", &inner.values, pair)])),
        Value::BytesValue(bytes) => ("bytesValue", base64(bytes)),
        Value::StringValueStrindex(index) => ("stringValueStrindex", index.to_string()),
    })])
}

/// The document for language models.
pub(super) mod llm {
    use super::*;
    use std::collections::BTreeMap;

    type Map = BTreeMap<String, AnyValue>;

    fn map(attributes: &[KeyValue]) -> Map {
        let pairs = attributes.iter().filter_map(|pair| Some((pair.key.clone(), pair.value.clone()?)));
        pairs.collect()
    }

    fn map_object(map: &Map) -> String {
        let members: Vec<String> =
            map.iter().map(|(key, any)| format!("{}:{}", string(key.as_bytes()), value(any))).collect();
        format!("{{{}}}", members.join(","))
    }

    fn member<'n>(name: &'n str, map: &Map) -> Option<(&'n str, String)> {
        (!map.is_empty()).then(|| (name, map_object(map)))
    }

    fn value(any: &AnyValue) -> String {
        match any.value.as_ref() {
            Some(Value::StringValue(text)) => string(text.as_bytes()),
            Some(Value::BoolValue(flag)) => flag.to_string(),
            Some(Value::IntValue(int)) => int.to_string(),
            Some(Value::DoubleValue(number)) => double(*number),
            Some(Value::ArrayValue(inner)) => array(&inner.values, value),
            Some(Value::KvlistValue(inner)) => map_object(&map(&inner.values)),
            Some(Value::BytesValue(bytes)) => hex(bytes),
            Some(Value::StringValueStrindex(_)) | None => "null".into(),
        }
    }

    pub(crate) fn trace(trace: &TracesData, inspected: u64, status: &str, message: &str) -> String {
        if trace.resource_spans.is_empty() {
            return "{}".into();
        }
        let first = trace.resource_spans[0].scope_spans.first().and_then(|scope| scope.spans.first());
        let id = first.map(|span| span.trace_id.clone()).unwrap_or_default();
        object(vec![
            Some((
                "trace",
                object(vec![
                    Some(("traceId", hex(&id))),
                    Some(("services", array(&trace.resource_spans, service))),
                ]),
            )),
            (inspected != 0).then(|| ("metrics", format!("{{\"inspectedBytes\":{inspected}}}"))),
            Some(("status", format!("\"{status}\""))),
            text("message", message),
        ])
    }

    fn service(spans: &ResourceSpans) -> String {
        let mut attributes = map(spans.resource.as_ref().map_or(&[], |resource| &resource.attributes));
        let name = match attributes.remove("service.name").and_then(|any| any.value) {
            Some(Value::StringValue(name)) => name,
            Some(Value::BytesValue(name)) => name.iter().map(|byte| format!("{byte:02x}")).collect(),
            _ => String::new(),
        };
        object(vec![
            text("serviceName", &name),
            member("resource", &attributes),
            list("scopes", &spans.scope_spans, scope),
        ])
    }

    fn scope(spans: &ScopeSpans) -> String {
        let scope = spans.scope.clone().unwrap_or_default();
        object(vec![
            text("name", &scope.name),
            text("version", &scope.version),
            list("spans", &spans.spans, span),
        ])
    }

    fn span(span: &Span) -> String {
        let (start, end) = (span.start_time_unix_nano, span.end_time_unix_nano);
        let duration = if start > 0 && end > 0 { end.wrapping_sub(start) as f64 / 1e6 } else { 0.0 };
        object(vec![
            Some(("spanId", hex(&span.span_id))),
            Some(("name", string(span.name.as_bytes()))),
            (!span.parent_span_id.is_empty()).then(|| ("parentSpanId", hex(&span.parent_span_id))),
            (span.kind != 0).then(|| ("kind", name(span.kind, kind(span.kind)))),
            nanos("startTimeUnixNano", start),
            nanos("endTimeUnixNano", end),
            (duration != 0.0).then(|| ("durationMs", double(duration))),
            member("attributes", &map(&span.attributes)),
            list("events", &span.events, event),
            list("links", &span.links, link),
            Some(("status", status(span.status.as_ref()))),
        ])
    }

    fn name(number: i32, known: Option<&str>) -> String {
        format!("\"{}\"", known.map_or(number.to_string(), str::to_owned))
    }

    fn event(event: &Event) -> String {
        object(vec![
            Some(("name", string(event.name.as_bytes()))),
            nanos("timeUnixNano", event.time_unix_nano),
            member("attributes", &map(&event.attributes)),
        ])
    }

    fn link(link: &Link) -> String {
        object(vec![
            Some(("traceId", hex(&link.trace_id))),
            Some(("spanId", hex(&link.span_id))),
            member("attributes", &map(&link.attributes)),
        ])
    }

    fn status(status: Option<&Status>) -> String {
        let (number, message) =
            status.filter(|status| status.code != 0).map_or((0, ""), |s| (s.code, s.message.as_str()));
        object(vec![
            Some(("code", name(number, code(number)))),
            Some(("message", string(message.as_bytes()))),
        ])
    }
}
