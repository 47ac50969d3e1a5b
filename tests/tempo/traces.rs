//! Random traces as real ones are at their worst, and where each of their spans lies. From a seed, so
//! that a run that fails can be repeated; only the times follow the clock.

use opentelemetry_proto::tonic::common::v1::{
    AnyValue, ArrayValue, InstrumentationScope, KeyValue, KeyValueList, any_value::Value,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::{Event, Link};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status, TracesData};

use crate::dice::Dice;
use crate::estate::TRACE_BYTES_MAX;

pub type Export = TracesData;

/// The regions in the order the gateways declare them.
pub const REGIONS: [&str; 3] = ["us-east", "us-west", "eu-central"];

const RANDOM_TRACES: usize = 50;
const ALIKE: usize = 80;

const INTERNAL: i32 = 1;
const SERVER: i32 = 2;
const CLIENT: i32 = 3;

const SERVICES: [&str; 3] = ["shop", "cart <&>", ""];
const NAMES: [&str; 7] = ["GET /cart", "query", "query", "send", "add <b>", "", "load 1234567"];

/// The trace that is sent last.
pub const MARKER_ID: &str = "000000000000000000000000f1a9f1a9";

/// A trace that was sent.
#[derive(Debug, Clone)]
pub struct Case {
    pub id: [u8; 16],
    /// How it was made, for whoever reads a failure.
    pub note: String,
}

impl Case {
    pub fn id_hex(&self) -> String {
        self.id.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// Everything that was sent, by what it is there for.
pub struct Kept {
    /// Spread over the regions by span, by service or as a whole; some spans replicated. At most one
    /// client and server of each share an id.
    pub random: Vec<Case>,
    /// One batch in one region, spans by start: nothing is left to order.
    pub one_batch: Vec<Case>,
    /// Several clients and servers share ids.
    pub shared_ids: Vec<Case>,
    /// The same span twice in one region.
    pub doubled: Case,
    /// A trace and another of the same request, as it went another time.
    pub alike: Vec<(Case, Case)>,
    /// Within the limit, and twice over it.
    pub half_of_limit: Case,
    /// Over the limit, in one region.
    pub large_in_one: Case,
    /// Over the limit only together.
    pub large_spread: Case,
    /// An id of three digits when its zeros are left away.
    pub short: Case,
    pub by_region: Vec<Vec<Export>>,
    pub union: Vec<Export>,
}

/// A span, where in its trace it belongs, and the regions that hold it.
struct Placed {
    origin: usize,
    span: Span,
    regions: Vec<usize>,
}

/// A resource and a scope that spans come from.
#[derive(Clone)]
struct Origin {
    resource: Option<Resource>,
    scope: Option<InstrumentationScope>,
}

struct Making {
    dice: Dice,
    now: u64,
    by_region: Vec<Export>,
    union: Export,
}

pub fn all(seed: u64) -> Kept {
    let now = tutti::task::clock::wall_nanos();
    let empty = || vec![Export::default(); REGIONS.len()];
    let mut making = Making { dice: Dice(seed), now, by_region: empty(), union: Export::default() };
    let random = (0..RANDOM_TRACES).map(|number| making.random(number)).collect();
    let one_batch = (0..12).map(|number| making.one_batch(number)).collect();
    let shared_ids = (0..8).map(|number| making.shared_ids(number)).collect();
    let doubled = making.doubled();
    let short = making.short();
    let alike = (0..ALIKE).map(|number| making.alike(number)).collect();
    let mut by_region: Vec<Vec<Export>> =
        std::mem::replace(&mut making.by_region, empty()).into_iter().map(|export| vec![export]).collect();
    let mut union = vec![std::mem::take(&mut making.union)];
    // Exports of their own, so that none becomes too large to take.
    let large_in_one = making.large(2 * TRACE_BYTES_MAX, &[0]);
    let large_spread = making.large(2 * TRACE_BYTES_MAX, &[0, 1, 2]);
    let half_of_limit = making.large(TRACE_BYTES_MAX * 2 / 3, &[0]);
    for (exports, export) in by_region.iter_mut().zip(making.by_region) {
        exports.push(export);
    }
    union.push(making.union);
    Kept {
        random,
        one_batch,
        shared_ids,
        doubled,
        alike,
        half_of_limit,
        large_in_one,
        large_spread,
        short,
        by_region,
        union,
    }
}

pub fn marker() -> Export {
    let now = tutti::task::clock::wall_nanos();
    let id = u128::from_str_radix(MARKER_ID, 16).expect("an id in hex").to_be_bytes();
    let span = Span { trace_id: id.to_vec(), ..span(now, 0xabc, &[], "marker") };
    one_export(vec![span])
}

/// An export of spans without a resource or scope.
pub fn one_export(spans: Vec<Span>) -> Export {
    let scope_spans = vec![ScopeSpans { spans, ..ScopeSpans::default() }];
    Export { resource_spans: vec![ResourceSpans { scope_spans, ..ResourceSpans::default() }] }
}

pub fn span(start: u64, id: u64, parent: &[u8], name: &str) -> Span {
    Span {
        span_id: id.to_be_bytes().to_vec(),
        parent_span_id: parent.to_vec(),
        name: name.to_owned(),
        start_time_unix_nano: start,
        end_time_unix_nano: start + 1_000_000,
        ..Span::default()
    }
}

impl Making {
    fn trace_id(&mut self) -> [u8; 16] {
        let mut id = u128::from(self.dice.next()) << 64 | u128::from(self.dice.next());
        if self.dice.percent(20) {
            // A short id, as older tracers have them.
            id &= 0xffff_ffff_ffff;
        }
        id.max(1).to_be_bytes()
    }

    fn random(&mut self, number: usize) -> Case {
        let id = self.trace_id();
        let origins: Vec<Origin> = (0..1 + self.dice.below(4)).map(|_| self.origin()).collect();
        let count = 1 + self.dice.below(20);
        let mut spans: Vec<(usize, Span)> = (0..count).map(|_| self.random_span(origins.len())).collect();
        self.give_parents(&mut spans);
        let shares = self.share_ids(&mut spans, origins.len());
        let how = *self.dice.of(&["by span", "by service", "as a whole"]);
        let homes: Vec<usize> = origins.iter().map(|_| self.region()).collect();
        let home = self.region();
        let replicates = self.dice.percent(40);
        let placed = spans
            .into_iter()
            .map(|(origin, span)| {
                let mut regions = vec![match how {
                    "by span" => self.region(),
                    "by service" => homes[origin],
                    _ => home,
                }];
                let copy = self.region();
                if replicates && self.dice.percent(30) && !regions.contains(&copy) {
                    regions.push(copy);
                }
                Placed { origin, span, regions }
            })
            .collect();
        self.send(id, &origins, placed);
        let note = format!(
            "random trace {number}: {count} spans, {} origins, spread {how}, replicated: {replicates}, {shares}",
            origins.len()
        );
        Case { id, note }
    }

    fn region(&mut self) -> usize {
        self.dice.below(REGIONS.len() as u64) as usize
    }

    fn random_span(&mut self, origins: usize) -> (usize, Span) {
        let dice = &mut self.dice;
        let start = match dice.below(20) {
            0 => 0,
            1 => u64::MAX,
            2 => self.now + 86_400_000_000_000,
            _ => self.now - dice.below(60_000_000_000),
        };
        let end = match dice.below(20) {
            0 => 0,
            1 => u64::MAX,
            2 => start.saturating_sub(5_000),
            _ => start.saturating_add(dice.below(2_000_000_000)),
        };
        let id = if dice.percent(4) { 1 + dice.below(4) } else { dice.next().max(1) };
        let kind = if dice.percent(3) { 9 } else { dice.below(6) as i32 };
        let status = match dice.below(4) {
            0 => None,
            1 => Some(Status { code: 2, message: text(dice) }),
            2 => Some(Status { code: 1, message: String::new() }),
            _ => Some(Status::default()),
        };
        let span = Span {
            kind,
            status,
            end_time_unix_nano: end,
            trace_state: if dice.percent(20) { "a=b,c=d".to_owned() } else { String::new() },
            attributes: attributes(dice, 8),
            dropped_attributes_count: u32::from(dice.percent(10)) * 3,
            events: (0..dice.below(4)).map(|_| event(dice, start)).collect(),
            dropped_events_count: u32::from(dice.percent(10)) * 2,
            links: (0..dice.below(3)).map(|_| link(dice)).collect(),
            dropped_links_count: u32::from(dice.percent(10)),
            ..span(0, id, &[], &text(dice))
        };
        (dice.below(origins as u64) as usize, Span { start_time_unix_nano: start, ..span })
    }

    /// Mostly a tree; here and there none: several roots, a parent that is nowhere, a span that is its own
    /// parent or its child's child.
    fn give_parents(&mut self, spans: &mut [(usize, Span)]) {
        // Ids that came up twice by chance of being small would be one span or two by their kind.
        let mut seen = std::collections::HashSet::new();
        for (_, span) in spans.iter_mut() {
            while !seen.insert(span.span_id.clone()) {
                span.span_id = self.dice.next().max(1).to_be_bytes().to_vec();
            }
        }
        let ids: Vec<Vec<u8>> = spans.iter().map(|(_, span)| span.span_id.clone()).collect();
        for (index, (_, span)) in spans.iter_mut().enumerate() {
            span.parent_span_id = match self.dice.below(100) {
                0..10 => Vec::new(),
                10..18 => self.dice.next().to_be_bytes().to_vec(),
                18..21 => ids[index].clone(),
                21..25 => self.dice.of(&ids).clone(),
                _ if index == 0 => Vec::new(),
                _ => self.dice.of(&ids[..index]).clone(),
            };
        }
    }

    /// A server span under its client's id, as Zipkin has it, and another pair whose kinds do not matter.
    fn share_ids(&mut self, spans: &mut Vec<(usize, Span)>, origins: usize) -> &'static str {
        let find = |spans: &[(usize, Span)], kind: i32| {
            spans.iter().find(|(_, span)| span.kind == kind).map(|(_, span)| span.clone())
        };
        let (found, kind, said) = match self.dice.below(10) {
            0..2 => (find(spans, CLIENT), SERVER, "a server under its client's id"),
            2 => (find(spans, INTERNAL), 5, "an id of two kinds"),
            _ => (None, 0, ""),
        };
        let Some(client) = found else { return "no shared id" };
        let (origin, other) = self.random_span(origins);
        spans.push((
            origin,
            Span { span_id: client.span_id, parent_span_id: client.parent_span_id, kind, ..other },
        ));
        said
    }

    fn one_batch(&mut self, number: usize) -> Case {
        let id = self.trace_id();
        // No origin at all is left to the random ones: the gateway never leaves a resource bare.
        let service = string("service.name", &format!("service <{number}> & more"));
        let mut resource = Resource { attributes: attributes(&mut self.dice, 6), ..Resource::default() };
        resource.attributes.insert(0, service);
        let scope = InstrumentationScope { name: "library".to_owned(), ..InstrumentationScope::default() };
        let origins = [Origin { resource: Some(resource), scope: Some(scope) }];
        let count = 1 + number as u64 % 5;
        let region = self.region();
        let root = self.dice.next();
        let placed = (0..count)
            .map(|place| {
                let (_, mut span) = self.random_span(1);
                span.span_id = (root.wrapping_add(place)).to_be_bytes().to_vec();
                span.parent_span_id = if place == 0 { Vec::new() } else { root.to_be_bytes().to_vec() };
                span.start_time_unix_nano = self.now + place * 1_000;
                span.end_time_unix_nano = span.start_time_unix_nano + 500_000 - place;
                span.events.sort_by_key(|event| (event.time_unix_nano, event.name.clone()));
                span.links.sort_by_key(|link| (link.trace_id.clone(), link.span_id.clone()));
                Placed { origin: 0, span, regions: vec![region] }
            })
            .collect();
        self.send(id, &origins, placed);
        Case { id, note: format!("one batch {number}: {count} spans in {}", REGIONS[region]) }
    }

    /// Calls in a row, each with a client and a server under one id.
    fn shared_ids(&mut self, number: usize) -> Case {
        let id = self.trace_id();
        let origins: Vec<Origin> = (0..3).map(|_| self.origin()).collect();
        let mut placed = Vec::new();
        let mut parent = Vec::new();
        for call in 0..2 + number as u64 {
            let shared = self.dice.next().max(100);
            let start = self.now + call * 10_000;
            for (kind, later) in [(CLIENT, 0), (SERVER, 1_000), (INTERNAL, 2_000)] {
                let mut span = span(start + later, shared, &parent, "call");
                span.kind = kind;
                if kind == INTERNAL {
                    span.span_id = self.dice.next().max(100).to_be_bytes().to_vec();
                    span.parent_span_id = shared.to_be_bytes().to_vec();
                }
                let origin = self.region();
                placed.push(Placed { origin, span, regions: vec![self.region()] });
            }
            parent = shared.to_be_bytes().to_vec();
        }
        self.send(id, &origins, placed);
        Case { id, note: format!("shared ids {number}") }
    }

    /// Each span is sent twice, as by an exporter that did not hear that it had succeeded.
    fn doubled(&mut self) -> Case {
        let id = self.trace_id();
        let origins = [self.origin()];
        for _ in 0..2 {
            let placed = (1..6)
                .map(|place| Placed {
                    origin: 0,
                    span: span(self.now + place, 1000 + place, &[], "doubled"),
                    regions: vec![0],
                })
                .collect();
            self.send(id, &origins, placed);
        }
        Case { id, note: "doubled in one region".to_owned() }
    }

    /// Mostly many spans that are the same in service, name and kind. Some are deep and all their names change,
    /// so that the patch is too long to stand beside the summary.
    fn alike(&mut self, number: usize) -> (Case, Case) {
        let origins: Vec<Origin> = (0..3)
            .map(|service| {
                let attributes = vec![string("service.name", SERVICES[service])];
                let resource = Some(Resource { attributes, ..Resource::default() });
                Origin { resource, scope: None }
            })
            .collect();
        let is_deep = number.is_multiple_of(20);
        let count = if is_deep { 130 } else { 2 + self.dice.below(25) };
        let mut spans: Vec<(usize, Span)> = Vec::new();
        for place in 0..count {
            let parent = match self.dice.below(12) {
                _ if is_deep => spans.last().map(|(_, span)| span.span_id.clone()).unwrap_or_default(),
                0 => self.dice.next().to_be_bytes().to_vec(),
                _ if place == 0 => Vec::new(),
                _ => self.dice.of(&spans).1.span_id.clone(),
            };
            let (origin, mut span) = self.usual_span(place, parent);
            if is_deep {
                span.attributes.clear();
            }
            spans.push((origin, span));
        }
        let mut again = spans.clone();
        if is_deep {
            again.iter_mut().for_each(|(_, span)| span.name.push('2'));
        } else if number % 8 == 1 {
            // Nothing else than another parent.
            let parent = again[0].1.span_id.clone();
            again.last_mut().expect("at least two").1.parent_span_id = parent;
        } else {
            self.another_time(&mut again);
        }
        let base = self.sent_somewhere(&origins, spans);
        let compare = self.sent_somewhere(&origins, again);
        let case = |id, which: &str| Case { id, note: format!("alike {number}: {count} spans, {which}") };
        (case(base, "once"), case(compare, "again"))
    }

    fn usual_span(&mut self, place: u64, parent: Vec<u8>) -> (usize, Span) {
        let dice = &mut self.dice;
        // Some begin together, and are told apart by their ids.
        let start = self.now + dice.below(1 + place) * 1_000_000;
        let name = *dice.of(&NAMES);
        let mut span = span(start, dice.next().max(1 << 32), &parent, name);
        span.end_time_unix_nano = start + dice.below(400) * 100_000;
        span.kind = 1 + dice.below(3) as i32;
        span.attributes = attributes(dice, 3);
        let sizes = ["http.response.size", "gen_ai.usage.input_tokens", "http.request.size", "plain.size"];
        for key in sizes {
            if dice.percent(30) {
                span.attributes.push(pair(key, Some(Value::IntValue(dice.below(2_000) as i64))));
            }
        }
        if dice.percent(5) {
            span.attributes.push(string("service.name", "named by the span"));
        }
        span.status = Some(Status { code: dice.below(3) as i32, message: String::new() });
        (dice.below(3) as usize, span)
    }

    /// The same request later: times and sizes a little different, here and there something really changed.
    fn another_time(&mut self, spans: &mut Vec<(usize, Span)>) {
        spans.retain(|_| !self.dice.percent(8));
        let ids: Vec<Vec<u8>> = spans.iter().map(|(_, span)| span.span_id.clone()).collect();
        for (origin, span) in spans.iter_mut() {
            let dice = &mut self.dice;
            let lasted = span.end_time_unix_nano - span.start_time_unix_nano;
            match dice.below(10) {
                0 => span.end_time_unix_nano += lasted + 2_000_000,
                1 => span.end_time_unix_nano += dice.below(12) * 100_000,
                2 => span.end_time_unix_nano = span.start_time_unix_nano + lasted * 5 / 4 + 1_000_000,
                3 => span.end_time_unix_nano = 0,
                _ => {}
            }
            match dice.below(12) {
                0 => span.status = Some(Status { code: dice.below(3) as i32, message: String::new() }),
                1 => span.parent_span_id = dice.of(&ids).clone(),
                2 => span.name = (*dice.of(&NAMES)).to_owned(),
                3 => *origin = dice.below(3) as usize,
                4 => span.attributes.extend(attributes(dice, 2)),
                5 => span.attributes.truncate(1),
                _ => {}
            }
            for attribute in &mut span.attributes {
                let Some(AnyValue { value: Some(value) }) = &mut attribute.value else { continue };
                match value {
                    Value::IntValue(int) if dice.percent(40) => *int = int.saturating_add(*int / 20),
                    Value::IntValue(int) if dice.percent(30) => *value = Value::DoubleValue(*int as f64),
                    Value::StringValue(text) if dice.percent(10) => text.push('!'),
                    _ => {}
                }
            }
        }
        for place in 0..self.dice.below(4) {
            let parent = if ids.is_empty() { Vec::new() } else { self.dice.of(&ids).clone() };
            spans.push(self.usual_span(place, parent));
        }
    }

    fn sent_somewhere(&mut self, origins: &[Origin], spans: Vec<(usize, Span)>) -> [u8; 16] {
        let id = self.trace_id();
        let placed = spans
            .into_iter()
            .map(|(origin, span)| Placed { origin, span, regions: vec![self.region()] })
            .collect();
        self.send(id, origins, placed);
        id
    }

    fn short(&mut self) -> Case {
        let id = 0xabc_u128.to_be_bytes();
        let origins = [self.origin()];
        let placed = (0..3)
            .map(|place| Placed {
                origin: 0,
                span: span(self.now, 700 + place as u64, &[], "short"),
                regions: vec![place],
            })
            .collect();
        self.send(id, &origins, placed);
        Case { id, note: "an id of three digits".to_owned() }
    }

    /// Of so many bytes, in parts where there are several regions.
    fn large(&mut self, bytes: u64, regions: &[usize]) -> Case {
        let id = self.trace_id();
        let origin = Origin { resource: None, scope: None };
        let spans = 120_u64;
        let padding = "x".repeat((bytes / spans) as usize);
        let placed = (0..spans)
            .map(|place| Placed {
                origin: 0,
                span: Span {
                    attributes: vec![string("padding", &padding)],
                    ..span(self.now + place, 1_000_000 + place, &[], "large")
                },
                regions: vec![regions[place as usize % regions.len()]],
            })
            .collect();
        self.send(id, &[origin], placed);
        Case { id, note: format!("some {bytes} bytes, in {} regions", regions.len()) }
    }

    fn origin(&mut self) -> Origin {
        let dice = &mut self.dice;
        let resource = match dice.below(8) {
            0 => None,
            1 => Some(Resource::default()),
            _ => {
                let mut attributes = attributes(dice, 5);
                attributes.push(string("service.name", &text(dice)));
                let dropped_attributes_count = u32::from(dice.percent(10)) * 4;
                Some(Resource { attributes, dropped_attributes_count, ..Resource::default() })
            }
        };
        let scope = match dice.below(4) {
            0 => None,
            1 => Some(InstrumentationScope::default()),
            _ => Some(InstrumentationScope {
                name: text(dice),
                version: "1.2.3".to_owned(),
                attributes: attributes(dice, 3),
                dropped_attributes_count: u32::from(dice.percent(10)),
            }),
        };
        Origin { resource, scope }
    }

    /// Adds the spans to the exports of their regions, and each once to the union's.
    fn send(&mut self, id: [u8; 16], origins: &[Origin], placed: Vec<Placed>) {
        for Placed { origin, mut span, regions } in placed {
            span.trace_id = id.to_vec();
            let from = &origins[origin];
            for region in regions {
                put(&mut self.by_region[region], from, span.clone());
            }
            put(&mut self.union, from, span);
        }
    }
}

fn put(export: &mut Export, origin: &Origin, span: Span) {
    let known = export.resource_spans.iter_mut().find(|batch| {
        batch.resource == origin.resource
            && batch.scope_spans.first().is_some_and(|scope| {
                scope.scope == origin.scope
                    && scope.spans.first().is_some_and(|s| s.trace_id == span.trace_id)
            })
    });
    match known {
        Some(batch) => batch.scope_spans[0].spans.push(span),
        None => {
            let scope =
                ScopeSpans { scope: origin.scope.clone(), spans: vec![span], ..ScopeSpans::default() };
            export.resource_spans.push(ResourceSpans {
                resource: origin.resource.clone(),
                scope_spans: vec![scope],
                ..ResourceSpans::default()
            });
        }
    }
}

/// Texts that a writer of JSON may stumble over.
fn text(dice: &mut Dice) -> String {
    let texts = [
        "GET /cart",
        "",
        "<b>&amp;</b> \"quoted\" \\ back",
        "tabs\tand\nlines\r\u{0}\u{1}\u{7f}\u{8}\u{c}",
        "Grüße, 世界 🦀 e\u{301}",
        "separators \u{2028} and \u{2029}",
        "SELECT * FROM t WHERE a = 'b' AND c < 3",
        "/api/traces/{id}",
    ];
    (*dice.of(&texts)).to_owned()
}

fn string(key: &str, value: &str) -> KeyValue {
    pair(key, Some(Value::StringValue(value.to_owned())))
}

fn pair(key: &str, value: Option<Value>) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(AnyValue { value }), ..KeyValue::default() }
}

/// Attributes of every type; some keys have columns of their own in a block, and one may come twice.
fn attributes(dice: &mut Dice, limit: u64) -> Vec<KeyValue> {
    let keys = [
        "http.method",
        "http.url",
        "http.status_code",
        "http.response.status_code",
        "k8s.pod.name",
        "service.namespace",
        "user.email",
        "a",
        "b <&> c",
        "",
        "db.statement",
        "span.kind",
    ];
    (0..dice.below(limit + 1))
        .map(|_| {
            let key = *dice.of(&keys);
            let value = value(dice, 3);
            pair(key, value)
        })
        .collect()
}

fn value(dice: &mut Dice, depth: u32) -> Option<Value> {
    let nested = |dice: &mut Dice| AnyValue { value: value(dice, depth - 1) };
    Some(match dice.below(if depth == 0 { 8 } else { 11 }) {
        0 | 1 => Value::StringValue(text(dice)),
        2 => Value::BoolValue(dice.percent(50)),
        3 | 4 => Value::IntValue(*dice.of(&[0, 1, -1, 200, 404, i64::MAX, i64::MIN, 1 << 53])),
        5 | 6 => Value::DoubleValue(if dice.percent(8) { *dice.of(&NO_NUMBERS) } else { *dice.of(&DOUBLES) }),
        7 => Value::BytesValue(dice.next().to_le_bytes()[..dice.below(9) as usize].to_vec()),
        8 => Value::ArrayValue(ArrayValue { values: (0..dice.below(4)).map(|_| nested(dice)).collect() }),
        9 => {
            let values = (0..dice.below(4)).map(|_| pair(&text(dice), value(dice, depth - 1))).collect();
            Value::KvlistValue(KeyValueList { values })
        }
        _ => return None,
    })
}

/// Doubles that JSON can't write as numbers.
const NO_NUMBERS: [f64; 3] = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY];

const DOUBLES: [f64; 12] =
    [0.0, -0.0, 0.1, 1.0, -2.5, 1e20, 1e21, 1.5e-6, 9.999e-7, f64::MAX, f64::MIN_POSITIVE, 5e-324];

fn event(dice: &mut Dice, start: u64) -> Event {
    Event {
        time_unix_nano: start.saturating_add(dice.below(4) * 1000),
        name: text(dice),
        attributes: attributes(dice, 3),
        dropped_attributes_count: u32::from(dice.percent(10)),
    }
}

fn link(dice: &mut Dice) -> Link {
    let has_ids = dice.percent(80);
    let id = |length: usize, dice: &mut Dice| {
        if has_ids { dice.next().to_be_bytes().repeat(length / 8) } else { Vec::new() }
    };
    Link {
        trace_id: id(16, dice),
        span_id: id(8, dice),
        trace_state: if dice.percent(20) { "l=1".to_owned() } else { String::new() },
        attributes: attributes(dice, 2),
        dropped_attributes_count: u32::from(dice.percent(10)),
        flags: 0,
    }
}
