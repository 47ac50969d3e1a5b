//! A canary in every place and every kind of value is in no byte that is shown: raw, percent-encoded, as base64 or
//! as a number.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use opentelemetry_proto::tonic::common::v1::{ArrayValue, EntityRef, KeyValueList};
use opentelemetry_proto::tonic::trace::v1::Status;
use opentelemetry_proto::tonic::trace::v1::span::{Event, Link};

use super::*;
use crate::wire::protobuf::put_bytes_field;

/// A trace with a canary in one place.
type Plant = fn(&str) -> TracesData;

fn any(value: Value) -> AnyValue {
    AnyValue { value: Some(value) }
}

fn attribute(value: AnyValue) -> TracesData {
    span_with(vec![pair("some.key", value)])
}

fn deep(value: AnyValue) -> AnyValue {
    (0..40).fold(value, |value, nth| match nth % 2 {
        0 => any(Value::ArrayValue(ArrayValue { values: vec![value] })),
        _ => any(Value::KvlistValue(KeyValueList { values: vec![pair("k", value)] })),
    })
}

fn in_batch(change: impl FnOnce(&mut ResourceSpans)) -> TracesData {
    let mut trace = span_with(vec![]);
    change(&mut trace.resource_spans[0]);
    trace
}

fn entity(entity: EntityRef) -> TracesData {
    in_batch(|batch| batch.resource.as_mut().unwrap().entity_refs = vec![entity])
}

const PLACES: &[(&str, Plant)] = &[
    ("a string", |c| attribute(text(c))),
    ("within a text", |c| attribute(text(&format!("so {c}, it is")))),
    ("percent-encoded", |c| attribute(text(&percent(c)))),
    ("an array", |c| attribute(any(Value::ArrayValue(ArrayValue { values: vec![text("x"), text(c)] })))),
    ("a list of pairs", |c| {
        attribute(any(Value::KvlistValue(KeyValueList { values: vec![pair("k", text(c))] })))
    }),
    ("a key within", |c| {
        attribute(any(Value::KvlistValue(KeyValueList { values: vec![pair(c, text("x"))] })))
    }),
    ("deep within", |c| attribute(deep(text(c)))),
    ("bytes", |c| attribute(any(Value::BytesValue(c.as_bytes().to_vec())))),
    ("bytes deep within", |c| attribute(deep(any(Value::BytesValue(c.as_bytes().to_vec()))))),
    ("a key", |c| span_with(vec![pair(&format!("x.{c}"), text("x"))])),
    ("a safe attribute", |c| span_with(vec![pair("k8s.pod.name", text(c))])),
    ("a URL", |c| {
        span_with(vec![pair(
            "url.full",
            text(&format!("https://a.example/p/{}?q={}", percent(c), percent(c))),
        )])
    }),
    ("a statement", |c| {
        span_with(vec![pair("db.query.text", text(&format!("SELECT a FROM b WHERE c = '{c}'")))])
    }),
    ("a resource", |c| in_batch(|b| b.resource.as_mut().unwrap().attributes.push(pair("x", text(c))))),
    ("an entity's schema", |c| entity(EntityRef { schema_url: c.to_owned(), ..Default::default() })),
    ("an entity's type", |c| entity(EntityRef { r#type: c.to_owned(), ..Default::default() })),
    ("an entity's keys", |c| entity(EntityRef { id_keys: vec![c.to_owned()], ..Default::default() })),
    ("an entity's other keys", |c| {
        entity(EntityRef { description_keys: vec![c.to_owned()], ..Default::default() })
    }),
    ("a batch's schema", |c| in_batch(|b| b.schema_url = format!("https://a.example/{c}"))),
    ("a scope's name", |c| in_batch(|b| b.scope_spans[0].scope.as_mut().unwrap().name = c.to_owned())),
    ("a scope's version", |c| in_batch(|b| b.scope_spans[0].scope.as_mut().unwrap().version = c.to_owned())),
    ("a scope's attribute", |c| {
        in_batch(|b| b.scope_spans[0].scope.as_mut().unwrap().attributes.push(pair("x", text(c))))
    }),
    ("a scope's schema", |c| in_batch(|b| b.scope_spans[0].schema_url = c.to_owned())),
    ("a span's name", |c| trace_of(Span { name: format!("GET /users/{c}"), ..Default::default() })),
    ("a span's name in words", |c| trace_of(Span { name: format!("notify {c} now"), ..Default::default() })),
    ("a span's trace state", |c| trace_of(Span { trace_state: format!("vendor={c}"), ..Default::default() })),
    ("a status", |c| {
        trace_of(Span { status: Some(Status { message: format!("no {c}"), code: 2 }), ..Default::default() })
    }),
    ("an event's name", |c| {
        trace_of(Span {
            events: vec![Event { name: format!("sent to {c}"), ..Default::default() }],
            ..Default::default()
        })
    }),
    ("an event's attribute", |c| {
        trace_of(Span {
            events: vec![Event { attributes: vec![pair("message", text(c))], ..Default::default() }],
            ..Default::default()
        })
    }),
    ("a link's attribute", |c| {
        trace_of(Span {
            links: vec![Link { attributes: vec![pair("x", text(c))], ..Default::default() }],
            ..Default::default()
        })
    }),
    ("a link's trace state", |c| {
        trace_of(Span {
            links: vec![Link { trace_state: format!("a=b,v={c}"), ..Default::default() }],
            ..Default::default()
        })
    }),
];

/// What is found by itself wherever it stands, as it looks to the detectors.
const FOUND: [&str; 4] = [
    "canary.roe@example.com",
    "4111111111111111",
    "5500 0000 0000 0004",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJjYW5hcnkifQ.c2lnbmF0dXJlLW9mLWEtY2FuYXJ5",
];

fn percent(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}

/// How a canary could be told.
fn forms(canary: &str) -> Vec<Vec<u8>> {
    let digits: String = canary.chars().filter(char::is_ascii_digit).collect();
    let mut forms = vec![canary.into(), percent(canary).into(), STANDARD.encode(canary).into()];
    if digits.len() >= 13 {
        forms.push(digits.clone().into());
        let mut varint = Vec::new();
        crate::wire::protobuf::put_varint(&mut varint, digits.parse().unwrap());
        forms.push(varint);
        forms.push(digits.parse::<f64>().unwrap().to_le_bytes().to_vec());
    }
    forms
}

#[track_caller]
fn is_gone(canary: &str, place: &str, body: Vec<u8>) {
    let redactor = redactor();
    let is_in = |bytes: &[u8]| forms(canary).iter().any(|form| memchr::memmem::find(bytes, form).is_some());
    assert!(is_in(&body), "{place} does not hold {canary}");
    for rung in [Rung::Dropped, Rung::Masked, Rung::Pseudonymised] {
        let rungs: Vec<(&str, Rung)> = ABROAD.iter().map(|(class, _)| (*class, rung)).collect();
        let view = view(&redactor, &plan(&redactor, &rungs), body.clone());
        let shown = shown(&view);
        assert!(!is_in(&shown), "{canary} in {place} as {rung:?}: {}", String::from_utf8_lossy(&shown));
        assert!(!is_in(format!("{:?}", view.treated).as_bytes()));
    }
}

#[test]
fn no_canary_is_shown_from_any_place() {
    for canary in FOUND {
        for (place, plant) in PLACES {
            is_gone(canary, place, plant(canary).encode_to_vec());
        }
    }
}

#[test]
fn no_number_tells_a_canary() {
    let (int, double) = (Value::IntValue(4_111_111_111_111_111), Value::DoubleValue(4_111_111_111_111_111.0));
    for value in [int, double] {
        is_gone("4111111111111111", "a number", attribute(any(value.clone())).encode_to_vec());
        is_gone("4111111111111111", "a number deep within", attribute(deep(any(value))).encode_to_vec());
    }
}

#[test]
fn no_canary_that_only_its_key_tells_is_shown() {
    let named = |other: TracesData| {
        let mut trace = other;
        trace.resource_spans[0].scope_spans[0].spans[0]
            .attributes
            .push(pair("user.full_name", text("Canary Roe")));
        trace
    };
    for (place, plant) in PLACES {
        // Who wrote the instrumentation wrote these, and safe keys stay what they are.
        let is_safe =
            ["scope's name", "scope's version", "schema", "entity", "safe"].iter().any(|s| place.contains(s));
        if !is_safe {
            is_gone("Canary Roe", place, named(plant("Canary Roe")).encode_to_vec());
        }
    }
}

#[test]
fn no_canary_is_shown_from_what_decoders_disagree_on() {
    let canary = "canary.roe@example.com";
    let inner = |bytes: &[u8]| {
        let mut any = Vec::new();
        put_bytes_field(&mut any, 1, bytes);
        any
    };
    // A pair with two keys, two values, a value of two kinds, a field that is not known; a span with one.
    let mut two_keys = Vec::new();
    put_bytes_field(&mut two_keys, 1, canary.as_bytes());
    put_bytes_field(&mut two_keys, 1, b"x");
    put_bytes_field(&mut two_keys, 2, &inner(b"y"));
    let mut two_values = Vec::new();
    put_bytes_field(&mut two_values, 1, b"x");
    put_bytes_field(&mut two_values, 2, &inner(canary.as_bytes()));
    put_bytes_field(&mut two_values, 2, &inner(b"y"));
    let mut two_kinds = Vec::new();
    put_bytes_field(&mut two_kinds, 1, b"x");
    put_bytes_field(&mut two_kinds, 2, &[inner(canary.as_bytes()), inner(b"y")].concat());
    let mut unknown = Vec::new();
    put_bytes_field(&mut unknown, 1, b"x");
    put_bytes_field(&mut unknown, 2, &inner(b"y"));
    put_bytes_field(&mut unknown, 9, canary.as_bytes());
    let mut unknown_kind = Vec::new();
    put_bytes_field(&mut unknown_kind, 1, b"x");
    let mut odd = inner(b"y");
    put_bytes_field(&mut odd, 19, canary.as_bytes());
    put_bytes_field(&mut unknown_kind, 2, &odd);
    for odd in [two_keys, two_values, two_kinds, unknown, unknown_kind] {
        let mut span = Vec::new();
        put_bytes_field(&mut span, 1, &[1; 16]);
        put_bytes_field(&mut span, 2, &[2; 8]);
        put_bytes_field(&mut span, 9, &odd);
        put_bytes_field(&mut span, 60, canary.as_bytes());
        let [mut scope, mut batch, mut trace] = [vec![], vec![], vec![]];
        put_bytes_field(&mut scope, 2, &span);
        put_bytes_field(&mut scope, 50, canary.as_bytes());
        put_bytes_field(&mut batch, 2, &scope);
        put_bytes_field(&mut batch, 50, canary.as_bytes());
        put_bytes_field(&mut trace, 1, &batch);
        is_gone(canary, "what decoders disagree on", trace);
    }
}
