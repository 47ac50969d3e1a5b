//! Random traces, small in their words so that random queries meet them: few keys, few values, every type.
//!
//! What has no defined meaning in a Tempo is left out: two spans of one id at one instant, whose order a sort
//! leaves open.

use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{
    AnyValue, ArrayValue, InstrumentationScope, KeyValue, KeyValueList,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::{Event, Link};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};

use crate::dice::Dice;
use crate::sketch::{BEGINNING, Trace};

/// Spans start within this of the beginning.
pub const SECONDS: u64 = 10;
const SPANS_MAX: u64 = 14;

pub const NAMES: [&str; 5] = ["A", "B", "C", "", "GET /ü"];
pub const TEXTS: [&str; 8] = ["foo", "foo1", "bar", "", "nil", "rv", "✓ü", "5"];
pub const SERVICES: [&str; 4] = ["a", "b", "c", ""];

/// Ids of spans that are nowhere come after this.
const LOST: u64 = 0xde00;

const SERVER: i32 = 2;
const CLIENT: i32 = 3;

/// What some estates hold and others do not, since a Tempo answers oddly where it is there.
#[derive(Debug, Clone, Copy, Default)]
pub struct Oddities {
    /// Two resources of a trace may say the same; they are one to a block.
    pub equal_resources: bool,
    /// Spans may end before they start.
    pub negative_durations: bool,
}

/// Traces as one block would store each of them.
pub fn estate(dice: &mut Dice, count: usize, oddities: Oddities) -> Vec<Trace> {
    (0..count).map(|number| trace(dice, number, oddities).canonical()).collect()
}

/// A trace as exporters might send it: its groups and what is in them in another order, and after them some
/// spans a second time. Into which groups spans are put is kept: storage joins groups that say the same, in
/// the order in which they begin, so that it is part of what is stored.
pub fn scattered(dice: &mut Dice, trace: &Trace) -> Trace {
    let mut sent = trace.clone();
    dice.shuffle(&mut sent.batches);
    for batch in &mut sent.batches {
        dice.shuffle(&mut batch.scope_spans);
        for scope in &mut batch.scope_spans {
            dice.shuffle(&mut scope.spans);
            for span in &mut scope.spans {
                dice.shuffle(&mut span.events);
                dice.shuffle(&mut span.links);
            }
        }
    }
    sent.batches.extend(replicas(dice, trace).batches);
    sent
}

/// Spans of a trace once more, as a second push brings them: all of them, or those that are no roots, since
/// what is combined has the root of whichever part has one with a service.
pub fn replicas(dice: &mut Dice, trace: &Trace) -> Trace {
    let mut copy = trace.clone();
    let is_whole = dice.percent(40);
    for scope in copy.batches.iter_mut().flat_map(|batch| &mut batch.scope_spans) {
        scope.spans.retain(|span| is_whole || (!span.parent_span_id.is_empty() && dice.percent(50)));
    }
    for batch in &mut copy.batches {
        batch.scope_spans.retain(|scope| !scope.spans.is_empty());
    }
    copy.batches.retain(|batch| !batch.scope_spans.is_empty());
    copy
}

pub fn trace(dice: &mut Dice, number: usize, oddities: Oddities) -> Trace {
    let id = trace_id(dice, number);
    let count = 1 + dice.below(SPANS_MAX);
    let mut spans: Vec<Span> = (0..count).map(|place| span(dice, &id, 0xa100 + 16 * place)).collect();
    give_parents(dice, &mut spans);
    share_ids(dice, &mut spans);
    if oddities.negative_durations {
        for span in spans.iter_mut().filter(|_| dice.percent(8)) {
            span.end_time_unix_nano = span.start_time_unix_nano - 5_000;
        }
    }
    spread(dice, id, spans, oddities.equal_resources)
}

fn trace_id(dice: &mut Dice, number: usize) -> [u8; 16] {
    let low = 0xc0ff_ee00_u128 + number as u128;
    match dice.below(4) {
        // Short, as older tracers have them, and with a zero byte in front.
        0 => low,
        1 => low | 0x00ab_u128 << 112,
        _ => low | u128::from(dice.next().max(1)) << 64,
    }
    .to_be_bytes()
}

fn span(dice: &mut Dice, trace: &[u8], id: u64) -> Span {
    let start = BEGINNING + dice.below(SECONDS * 1_000_000_000);
    let duration: i64 = match dice.below(12) {
        0 => 0,
        1 => 1,
        2 => 1_000_000_000,
        3 => 2,
        _ => dice.below(3_000_000_000) as i64,
    };
    let status = match dice.below(5) {
        0 => Some(Status { code: 2, message: if dice.percent(50) { "boom".into() } else { String::new() } }),
        1 | 2 => Some(Status { code: 1, message: String::new() }),
        3 => Some(Status::default()),
        _ => None,
    };
    // Ids with a leading zero byte are short.
    let id = if dice.percent(10) { id } else { id | 0xa1 << 56 };
    Span {
        trace_id: trace.to_vec(),
        span_id: id.to_be_bytes().to_vec(),
        name: (*dice.of(&NAMES)).to_owned(),
        kind: dice.below(6) as i32,
        start_time_unix_nano: start,
        end_time_unix_nano: start.wrapping_add_signed(duration),
        status,
        attributes: attributes(dice, &["x", "y", "s", "b", "arr", "odd", "a b", "http.status_code", "z"], 5),
        events: (0..dice.below(4).saturating_sub(1)).map(|at| event(dice, start, at)).collect(),
        links: (0..dice.below(4).saturating_sub(1)).map(|at| link(dice, at)).collect(),
        ..Span::default()
    }
}

/// Mostly a tree; here and there several roots, no root at all, a parent that is nowhere, or a circle.
fn give_parents(dice: &mut Dice, spans: &mut [Span]) {
    let ids: Vec<Vec<u8>> = spans.iter().map(|span| span.span_id.clone()).collect();
    let has_no_root = dice.percent(12);
    let has_more_roots = dice.percent(20);
    for (place, span) in spans.iter_mut().enumerate() {
        // Not so small that a Tempo could number a span so, whose child it would then be taken for.
        let lost = LOST + dice.below(9) + 1;
        span.parent_span_id = match dice.below(100) {
            0..5 => lost.to_be_bytes().to_vec(),
            5..7 => dice.of(&ids).clone(),
            7..20 if has_more_roots => Vec::new(),
            _ if place == 0 && has_no_root => lost.to_be_bytes().to_vec(),
            _ if place == 0 => Vec::new(),
            _ => dice.of(&ids[..place]).clone(),
        };
    }
}

/// A server under its client's id, as Zipkin has it; rarely an id three times, which no tree survives.
fn share_ids(dice: &mut Dice, spans: &mut Vec<Span>) {
    let Some(client) = spans.iter().find(|span| span.kind == CLIENT).cloned() else { return };
    let kinds: &[i32] = match dice.below(10) {
        0..3 => &[SERVER],
        3 => &[SERVER, 1],
        4 => &[4],
        _ => &[],
    };
    for kind in kinds {
        let other = span(dice, &client.trace_id, 0xa1);
        let start = client.start_time_unix_nano + 1 + *kind as u64;
        spans.push(Span {
            span_id: client.span_id.clone(),
            parent_span_id: client.parent_span_id.clone(),
            kind: *kind,
            start_time_unix_nano: start,
            end_time_unix_nano: start + dice.below(1_000),
            events: Vec::new(),
            ..other
        });
    }
}

/// Gives each span a resource and a scope. No two scopes of a resource have the same name and version: a Tempo
/// that takes them in keeps the attributes of one of them for all.
fn spread(dice: &mut Dice, id: [u8; 16], spans: Vec<Span>, equal_resources: bool) -> Trace {
    let count = 1 + dice.below(4) as usize;
    let mut resources: Vec<Option<Resource>> = (0..count).map(|_| resource(dice)).collect();
    if !equal_resources {
        let mut seen: Vec<Vec<(String, String)>> = Vec::new();
        resources.retain(|resource| {
            let said = said(resource);
            let is_new = !seen.contains(&said);
            seen.push(said);
            is_new
        });
    } else if dice.percent(40) {
        let again = resources[0].clone();
        resources.push(again);
    }
    let scopes: Vec<Option<InstrumentationScope>> = (0..3).map(|_| scope(dice)).collect();
    let mut batches: Vec<ResourceSpans> = resources
        .into_iter()
        .map(|resource| {
            let first = dice.of(&scopes).clone();
            let name = |scope: &Option<InstrumentationScope>| {
                scope.as_ref().map(|scope| (scope.name.clone(), scope.version.clone())).unwrap_or_default()
            };
            let second = dice.of(&scopes).clone();
            let is_two = dice.percent(50) && name(&first) != name(&second);
            let scopes = if is_two { vec![first, second] } else { vec![first] };
            let scope_spans =
                scopes.into_iter().map(|scope| ScopeSpans { scope, ..ScopeSpans::default() }).collect();
            ResourceSpans { resource, scope_spans, ..ResourceSpans::default() }
        })
        .collect();
    for span in spans {
        let place = dice.below(batches.len() as u64) as usize;
        let scopes = &mut batches[place].scope_spans;
        let place = dice.below(scopes.len() as u64) as usize;
        scopes[place].spans.push(span);
    }
    Trace { id, batches }
}

/// What a block takes a resource for: no resource is an empty one, and an empty text in a column of its own is
/// nothing.
fn said(resource: &Option<Resource>) -> Vec<(String, String)> {
    let empty = Some(AnyValue { value: Some(text("")) });
    let attributes = resource.iter().flat_map(|resource| &resource.attributes);
    let told = attributes.filter(|pair| pair.key != "k8s.pod.name" || pair.value != empty);
    let mut said: Vec<(String, String)> =
        told.map(|pair| (pair.key.clone(), format!("{:?}", pair.value))).collect();
    said.sort();
    said
}

fn resource(dice: &mut Dice) -> Option<Resource> {
    if dice.percent(6) {
        return None;
    }
    let mut attributes = attributes(dice, &["s", "z", "x", "arr", "k8s.pod.name"], 3);
    match dice.below(10) {
        0 => {}
        // A service name that is no text.
        1 if dice.percent(30) => attributes.push(pair("service.name", Some(Value::IntValue(7)))),
        _ => attributes.push(pair("service.name", Some(text(dice.of(&SERVICES))))),
    }
    Some(Resource { attributes, ..Resource::default() })
}

fn scope(dice: &mut Dice) -> Option<InstrumentationScope> {
    if dice.percent(15) {
        return None;
    }
    Some(InstrumentationScope {
        name: (*dice.of(&["l1", "l2", ""])).to_owned(),
        version: (*dice.of(&["1", "2.0", ""])).to_owned(),
        attributes: attributes(dice, &["lang", "x"], 2),
        ..InstrumentationScope::default()
    })
}

/// The `at`th of a span; no two are at one instant, and no two links name one span: their order would be
/// chance.
fn event(dice: &mut Dice, start: u64, at: u64) -> Event {
    Event {
        time_unix_nano: start + (2 * dice.below(3) + at) * 1_000_000,
        name: (*dice.of(&["e0", "e1", "e2", ""])).to_owned(),
        attributes: attributes(dice, &["k", "m", "x"], 2),
        ..Event::default()
    }
}

fn link(dice: &mut Dice, at: u64) -> Link {
    let trace = 0xf1_u128 + u128::from(at);
    let span = 0xe1 << 56 | dice.below(2);
    Link {
        trace_id: trace.to_be_bytes().to_vec(),
        span_id: span.to_be_bytes().to_vec(),
        attributes: attributes(dice, &["rel", "x"], 2),
        ..Link::default()
    }
}

fn text(text: impl AsRef<str>) -> Value {
    Value::StringValue(text.as_ref().to_owned())
}

fn pair(key: &str, value: Option<Value>) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(AnyValue { value }), ..KeyValue::default() }
}

/// Each key at most once: which of two values of one key is seen is nothing to rely on.
fn attributes(dice: &mut Dice, keys: &[&str], most: u64) -> Vec<KeyValue> {
    let mut keys: Vec<&str> = keys.to_vec();
    dice.shuffle(&mut keys);
    keys.truncate(dice.below(most + 1) as usize);
    keys.into_iter()
        .map(|key| {
            let value = value(dice, key);
            pair(key, value)
        })
        .collect()
}

/// Most keys have a usual type; each has an unusual one now and then.
fn value(dice: &mut Dice, key: &str) -> Option<Value> {
    let usual = dice.percent(85);
    Some(match key {
        "x" | "k" if usual => Value::IntValue(dice.below(5) as i64 - 1),
        "http.status_code" if usual => Value::IntValue(*dice.of(&[200, 404, 500])),
        "y" if usual => Value::DoubleValue(*dice.of(&[0.5, 1.0, 2.5, -1.5, 1e9, 0.0])),
        "b" if usual => Value::BoolValue(dice.percent(50)),
        "arr" if usual => array(dice),
        "odd" => return odd(dice),
        _ if usual => text(dice.of(&TEXTS)),
        _ => return any(dice),
    })
}

fn any(dice: &mut Dice) -> Option<Value> {
    Some(match dice.below(6) {
        0 => Value::IntValue(*dice.of(&[0, 1, 2, 5, -1, i64::MAX, i64::MIN])),
        1 => Value::DoubleValue(*dice.of(&[0.5, 1.0, -2.5, 3e300])),
        2 => Value::BoolValue(dice.percent(50)),
        3 => array(dice),
        4 => return odd(dice),
        _ => text(dice.of(&TEXTS)),
    })
}

fn array(dice: &mut Dice) -> Value {
    let count = dice.below(4);
    let kind = dice.below(5);
    let item = |dice: &mut Dice| match kind {
        0 => text(dice.of(&["p", "q", "z", "z2"])),
        1 => Value::IntValue(dice.below(4) as i64),
        2 => Value::DoubleValue(*dice.of(&[0.5, 1.0, 2.5])),
        3 => Value::BoolValue(dice.percent(50)),
        _ if dice.percent(50) => Value::IntValue(1),
        _ => text("p"),
    };
    let values = (0..count).map(|_| AnyValue { value: Some(item(dice)) }).collect();
    Value::ArrayValue(ArrayValue { values })
}

/// What no query reaches, but must not break one.
fn odd(dice: &mut Dice) -> Option<Value> {
    match dice.below(5) {
        0 => None,
        1 => Some(Value::BytesValue(vec![0, 255, 7])),
        2 => {
            let values = vec![pair("in", Some(Value::IntValue(1))), pair("", None)];
            Some(Value::KvlistValue(KeyValueList { values }))
        }
        3 => {
            let inner = AnyValue { value: Some(array(dice)) };
            Some(Value::ArrayValue(ArrayValue { values: vec![inner] }))
        }
        _ => Some(text("odd")),
    }
}
