//! The engine over whole traces: nothing that is withheld is in any byte, and everything else is as it was.

mod canaries;
mod echoes;
mod random;
mod reference;
mod rules;
mod work;

use std::sync::Arc;

use bytes::Bytes;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, TracesData};
use prost::Message;

use crate::model::RegionName;
use crate::policy::{Care, Cell, ClassFacts, Classes, Generalise, KeyLists, Mask, RegionPlan, Ruled, Rung};
use crate::redaction::ring::{HeldKeys, KeyRing, RootKey};
use crate::redaction::{Marks, Raw, Redacted, Redactor, RegionRules, View, rewrite};

/// A class of the tests: its name, its detectors, its keys.
fn class(name: &str, detectors: &[&str], keys: &[&str]) -> ClassFacts {
    let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
    ClassFacts {
        name: name.to_owned(),
        detectors: owned(detectors),
        keys: owned(keys),
        ..ClassFacts::default()
    }
}

fn classes() -> Arc<Classes> {
    let structured = |name: &str, structure: &str, keys: &[&str]| ClassFacts {
        structure: Some(structure.to_owned()),
        ..class(name, &[], keys)
    };
    let facts = vec![
        ClassFacts {
            mask: Mask::Email,
            echo: true,
            ..class("pii.email", &["email"], &["user.email", "email"])
        },
        ClassFacts { echo: true, ..class("pii.name", &[], &["user.full_name", "user.name", "name"]) },
        ClassFacts { generalise: Generalise::Ip, ..class("pii.ip", &["ipv4", "ipv6"], &["client.address"]) },
        ClassFacts { generalise: Generalise::BirthDate, ..class("pii.birth", &[], &["user.birth_year"]) },
        ClassFacts { generalise: Generalise::Geo, ..class("pii.geo", &["geo"], &["geo.location.lat"]) },
        ClassFacts { mask: Mask::Pan, ..class("pci.pan", &["pan"], &["card.number"]) },
        class("secret", &["secret", "jwt"], &["password"]),
        structured("url", "url", &["url.full"]),
        structured("sql", "statement", &["db.query.text"]),
        structured("argument", "command_argument", &["process.command_args"]),
        class("text.name", &[], &[]),
    ];
    let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
    let lists = KeyLists {
        safe_keys: owned(&["service.name", "http.route", "db.system.name"]),
        safe_templates: owned(&["k8s.*"]),
        scan_keys: owned(&["message", "log"]),
        ..KeyLists::default()
    };
    Arc::new(Classes::new(facts, lists).unwrap())
}

fn keys() -> KeyRing {
    let root = RootKey::of_bytes(b"a root of thirty-two bytes or so").unwrap();
    KeyRing::new(Arc::new(HeldKeys::new([].into(), Some(root))))
}

fn redactor() -> Redactor {
    Redactor::new(classes(), keys(), 2026).unwrap()
}

/// A plan with these rungs; classes that are not named stay raw.
fn plan(redactor: &Redactor, rungs: &[(&str, Rung)]) -> RegionPlan {
    let classes = redactor.classes().clone();
    let region = RegionName::parse("eu").unwrap();
    let ruled = Ruled::fixed(classes.clone(), region, |class| {
        let name = classes.get(class).name.as_str();
        match rungs.iter().find(|(named, _)| *named == name) {
            Some((_, rung)) => Cell { rung: *rung, care: Care::Balanced, ..Cell::SHUT },
            None => Cell::OPEN,
        }
    });
    RegionPlan::Ruled(Arc::new(ruled))
}

/// Everything personal is withheld, one way or another; unknown keys are scanned.
const ABROAD: &[(&str, Rung)] = &[
    ("pii.email", Rung::Pseudonymised),
    ("pii.name", Rung::Masked),
    ("pii.ip", Rung::Generalised),
    ("pii.birth", Rung::Generalised),
    ("pii.geo", Rung::Generalised),
    ("pci.pan", Rung::Masked),
    ("secret", Rung::Dropped),
    ("url", Rung::Masked),
    ("sql", Rung::Masked),
    ("text.name", Rung::Masked),
];

fn view(redactor: &Redactor, plan: &RegionPlan, bytes: Vec<u8>) -> Redacted<View> {
    let region = RegionName::parse("eu").unwrap();
    let rules = RegionRules { region: &region, plan, redactor, marks: Marks::None };
    rewrite::trace(Raw::seal(Bytes::from(bytes)), None, rules).unwrap()
}

/// What is shown, as a message again.
fn shown(view: &View) -> Vec<u8> {
    view.to_protobuf()
}

fn text(value: &str) -> AnyValue {
    AnyValue { value: Some(Value::StringValue(value.to_owned())) }
}

fn pair(key: &str, value: AnyValue) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(value), ..KeyValue::default() }
}

fn trace_of(span: Span) -> TracesData {
    let span = Span { trace_id: vec![1; 16], span_id: vec![2; 8], start_time_unix_nano: 1, ..span };
    let scope =
        ScopeSpans { scope: Some(InstrumentationScope::default()), spans: vec![span], ..Default::default() };
    let resource = Resource { attributes: vec![pair("service.name", text("shop"))], ..Default::default() };
    TracesData {
        resource_spans: vec![ResourceSpans {
            resource: Some(resource),
            scope_spans: vec![scope],
            ..Default::default()
        }],
    }
}

fn span_with(attributes: Vec<KeyValue>) -> TracesData {
    trace_of(Span { name: "GET /".to_owned(), attributes, ..Span::default() })
}

/// The attributes of the only span as the caller sees them.
fn seen(rungs: &[(&str, Rung)], attributes: Vec<KeyValue>) -> Vec<KeyValue> {
    let redactor = redactor();
    let view = view(&redactor, &plan(&redactor, rungs), span_with(attributes).encode_to_vec());
    let decoded = TracesData::decode(&*shown(&view)).unwrap();
    decoded.resource_spans[0].scope_spans[0].spans[0].attributes.clone()
}
