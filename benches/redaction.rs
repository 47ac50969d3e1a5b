//! Redaction of a trace of three regions, beside the straightforward way to do the same, in one run.
//!
//! `cargo bench --bench redaction`. Read the ratio of `tutti` to `decode+regexset` of the same size: both take the
//! same bytes and merge the same spans, by the shipped baseline for data that leave the EU for the US. The baseline
//! is given our classes of keys for nothing, looks at every text through one `RegexSet` and runs only the patterns that
//! hit; it takes no structure apart, checks no checksum and scrubs no echo, which all would cost it more.
//!
//! `values` is what classification and treatment of values take, in bytes of value, each value looked at once.
//! `made to be slow` is the same for values and traces that somebody made for it, of one size and of twice that.
//! Measured is the time the thread had on a processor.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a benchmark"
)]

#[path = "support/processor_time.rs"]
mod processor_time;
mod support;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use criterion::{BenchmarkId, Criterion, Throughput};
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue, KeyValueList};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, TracesData};
use processor_time::ProcessorTime;
use prost::Message;
use regex::{Regex, RegexSet};
use tutti::classify::classifier::Scratch;
use tutti::classify::keys::KeyClass;
use tutti::config::policies::shipped;
use tutti::config::redactor_of;
use tutti::model::{Caller, Jurisdiction, RegionName, TraceId};
use tutti::policy::{Plan, RegionPlan};
use tutti::redaction::{KeyRing, Marks, Raw, Redacted, Redactor, RegionRules, View, rewrite};
use tutti::trace::emit::ProtobufFrames;
use tutti::trace::tree::Tree;
use tutti::trace::{Assembled, Joined};

/// What the detectors look for, as anyone would write it.
const PATTERNS: [&str; 18] = [
    r"(?i)\b[a-z0-9._%+'-]+(?:@|%40)[a-z0-9.-]+\.[a-z]{2,}\b",
    r"\b(?:\d[ -]?){12,18}\d\b",
    r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,4})?\b",
    r"\b(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d)\b",
    r"(?i)\b(?:[0-9a-f]{1,4}:){3,7}[0-9a-f]{1,4}\b|\b(?:[0-9a-f]{1,4}:){1,6}:[0-9a-f:]*",
    r"(?:\+|\b00)[1-9]\d{0,2}[ .()/-]*(?:\d[ .()/-]*){6,12}",
    r"\b\d{3}-\d{2}-\d{4}\b",
    r"\b[12]\d{2}(?:0[1-9]|1[0-2])\d{2}\d{3}\d{3}\d{2}\b",
    r"\b[A-Z]{6}\d{2}[A-Z]\d{2}[A-Z]\d{3}[A-Z]\b",
    r"\b\d{6}[-+]\d{4}\b|\b\d{8}[A-Z]\b|\b[A-Z]{2}\d{6}[A-D]\b",
    r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*",
    r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b|\bgh[pousr]_[A-Za-z0-9]{36}\b|\bglpat-[\w-]{20}|\bxox[abprs]-[\w-]{10,}",
    r"\bsk_(?:live|test)_[A-Za-z0-9]{16,}\b|\bAIza[\w-]{35}\b|\bSG\.[\w-]{22}\.[\w-]{43}\b|\bnpm_[A-Za-z0-9]{36}\b",
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----",
    r"(?i)\b(?:basic|bearer) [a-z0-9+/=._-]{8,}",
    r"\b(?:bc1[a-z0-9]{25,60}|[13][1-9A-HJ-NP-Za-km-z]{25,34}|0x[0-9a-fA-F]{40})\b",
    r"-?\b\d{1,2}\.\d{4,}, ?-?\d{1,3}\.\d{4,}\b",
    r"(?i)\b(?:[0-9a-f]{2}[:-]){5}[0-9a-f]{2}\b",
];

struct Abroad {
    redactor: Redactor,
    plan: Arc<Plan>,
    regions: Vec<RegionName>,
}

fn abroad() -> Abroad {
    let (eu, us) = (Jurisdiction::parse("EU").unwrap(), Jurisdiction::parse("US").unwrap());
    let regions: Vec<RegionName> =
        ["eu-1", "eu-2", "eu-3"].map(|name| RegionName::parse(name).unwrap()).into();
    let stored: Vec<_> = regions.iter().map(|region| (region.clone(), eu.clone())).collect();
    let policies = shipped(&stored, us).expect("the baseline is good");
    let redactor = redactor_of(&policies, KeyRing::of_this_run()).unwrap();
    Abroad { redactor, plan: policies.plan(&Caller::anonymous()), regions }
}

fn attribute(key: &str, value: &str) -> KeyValue {
    let value = Some(AnyValue { value: Some(Value::StringValue(value.to_owned())) });
    KeyValue { key: key.to_owned(), value, ..Default::default() }
}

/// The traces of `merge`, with a person on every fourth span.
fn parts(spans: usize) -> Vec<Bytes> {
    let parts = support::regions(spans);
    parts
        .iter()
        .map(|part| {
            let mut trace = TracesData::decode(part.clone()).unwrap();
            let spans = trace
                .resource_spans
                .iter_mut()
                .flat_map(|batch| &mut batch.scope_spans)
                .flat_map(|s| &mut s.spans);
            for span in spans {
                let number = u64::from_be_bytes(span.span_id.as_slice().try_into().unwrap());
                if number % 4 == 0 {
                    let user = number % 997;
                    span.attributes.push(attribute("user.email", &format!("jane.roe{user}@example.com")));
                    span.attributes.push(attribute("client.address", &format!("203.0.113.{}", number % 254)));
                    span.attributes.push(attribute(
                        "log.message",
                        &format!("order {number:x} of jane.roe{user}@example.com was refused"),
                    ));
                }
            }
            trace.encode_to_vec().into()
        })
        .collect()
}

fn redacted(abroad: &Abroad, part: &Bytes, nth: usize) -> Redacted<View> {
    let region = &abroad.regions[nth];
    let rules = RegionRules {
        region,
        plan: abroad.plan.region(region),
        redactor: &abroad.redactor,
        marks: Marks::Every,
    };
    rewrite::trace(Raw::seal(part.clone()), None, rules).unwrap()
}

fn tutti(abroad: &Abroad, parts: &[Bytes]) -> usize {
    let id = TraceId::from_bytes(support::TRACE_ID);
    let views: Vec<_> = parts.iter().enumerate().map(|(nth, part)| redacted(abroad, part, nth)).collect();
    debug_assert_eq!(id.as_bytes(), &support::TRACE_ID);
    let chunks = views.into_iter().zip(0u16..).map(|(view, rank)| (rank, view.chunk.clone())).collect();
    let joined = Joined::of(chunks).unwrap();
    let tree = Tree::of(&joined);
    let trace = Assembled::of(joined, &tree).unwrap();
    ProtobufFrames::new(Arc::new(&trace)).map(|frame| frame.len()).sum()
}

struct Plain {
    set: RegexSet,
    each: Vec<Regex>,
}

impl Plain {
    fn new() -> Self {
        let each = PATTERNS.iter().map(|pattern| Regex::new(pattern).unwrap()).collect();
        Self { set: RegexSet::new(PATTERNS).unwrap(), each }
    }

    fn text(&self, text: &mut String) {
        for nth in self.set.matches(text) {
            *text = self.each[nth].replace_all(text, "<redacted>").into_owned();
        }
    }

    fn pairs(&self, abroad: &Abroad, pairs: &mut Vec<KeyValue>) {
        let RegionPlan::Ruled(ruled) = abroad.plan.region(&abroad.regions[0]) else { panic!("shows all") };
        pairs.retain_mut(|pair| {
            self.text(&mut pair.key);
            let class = match abroad.redactor.classifier().key(&pair.key).class {
                KeyClass::Whole(class) => Some(class),
                KeyClass::Unknown => Some(ruled.classes().unknown()),
                _ => None,
            };
            match class.map(|class| ruled.cell(class).rung) {
                Some(tutti::policy::Rung::Dropped) => return false,
                Some(tutti::policy::Rung::Raw) | None => {}
                Some(_) => {
                    *pair = attribute(&pair.key, "<redacted>");
                    return true;
                }
            }
            if let Some(AnyValue { value: Some(Value::StringValue(text)) }) = &mut pair.value {
                self.text(text);
            }
            true
        });
    }

    fn merge(&self, abroad: &Abroad, parts: &[Bytes]) -> usize {
        let redacted = parts.iter().map(|part| {
            let mut trace = TracesData::decode(part.clone()).unwrap();
            for batch in &mut trace.resource_spans {
                if let Some(resource) = &mut batch.resource {
                    self.pairs(abroad, &mut resource.attributes);
                }
                for span in batch.scope_spans.iter_mut().flat_map(|scope| &mut scope.spans) {
                    self.text(&mut span.name);
                    self.pairs(abroad, &mut span.attributes);
                    for event in &mut span.events {
                        self.text(&mut event.name);
                        self.pairs(abroad, &mut event.attributes);
                    }
                }
            }
            trace
        });
        support::merge_decoded(redacted).encode_to_vec().len()
    }
}

fn merging(criterion: &mut Criterion<ProcessorTime>) {
    let (abroad, plain) = (abroad(), Plain::new());
    let mut group = criterion.benchmark_group("redaction");
    group.sample_size(20);
    for spans in [1000, 10_000] {
        let parts = parts(spans);
        group.throughput(Throughput::Bytes(parts.iter().map(|part| part.len() as u64).sum()));
        group.bench_with_input(BenchmarkId::new("tutti", spans), &parts, |bencher, parts| {
            bencher.iter(|| tutti(&abroad, parts));
        });
        group.bench_with_input(BenchmarkId::new("decode+regexset", spans), &parts, |bencher, parts| {
            bencher.iter(|| plain.merge(&abroad, parts));
        });
    }
    group.finish();
}

/// Values of spans, no two alike: keys that are known, free text, statements, URLs, numbers and ids.
fn values() -> Vec<(&'static str, String)> {
    let one = |n: usize| -> Vec<(&'static str, String)> {
        vec![
            ("user.email", format!("jane.roe{n}@example.com")),
            ("client.address", format!("203.0.{}.{}", n / 250 % 250, n % 250)),
            (
                "exception.message",
                format!("order {n} of customer {n:08x} was refused by the card network after 3 tries"),
            ),
            ("log", format!("sent receipt to jane.roe{n}@example.com from 198.51.100.{}", n % 250)),
            (
                "db.query.text",
                format!("SELECT id, total FROM orders WHERE customer = '{n:x}' AND total > {n}"),
            ),
            ("url.full", format!("https://shop.example/orders/{n:x}?page={n}&sort=asc")),
            ("http.route", format!("/api/v{n}/orders/:id")),
            ("k8s.pod.name", format!("checkout-{n:08x}-{:05x}", n * 7)),
            ("trace.ref", format!("{:032x}", (n as u128) << 70 | 0xabcdef)),
            ("code.function.name", format!("com.example.shop.Checkout${n}.lambda")),
            ("thread.name", format!("http-nio-8080-exec-{n}")),
            ("card.number", format!("4111 1111 1111 {:04}", n % 10_000)),
        ]
    };
    (0..2000).flat_map(one).collect()
}

fn valuing(criterion: &mut Criterion<ProcessorTime>) {
    let abroad = abroad();
    let RegionPlan::Ruled(ruled) = abroad.plan.region(&abroad.regions[0]) else { panic!("shows all") };
    let values = values();
    let bytes: u64 = values.iter().map(|(_, value)| value.len() as u64).sum();
    let mut group = criterion.benchmark_group("values");
    group.throughput(Throughput::Bytes(bytes)).sample_size(30);
    let classifier = abroad.redactor.classifier();
    let look = abroad.redactor.look(ruled);
    group.bench_function("classify", |bencher| {
        let mut scratch = Scratch::default();
        let keyed: Vec<_> = values.iter().map(|(key, value)| (classifier.key(key), value)).collect();
        bencher.iter(|| {
            for (facts, value) in &keyed {
                std::hint::black_box(classifier.text(*facts, value, &look, &mut scratch));
            }
        });
    });
    let part = part_of(
        values.chunks(12).map(|values| values.iter().map(|(key, value)| attribute(key, value)).collect()),
    );
    group.bench_function("classify and treat within spans", |bencher| {
        bencher.iter(|| redacted(&abroad, &part, 0).treated.total);
    });
    group.finish();
}

/// A trace of spans with these attributes.
fn part_of(spans: impl Iterator<Item = Vec<KeyValue>>) -> Bytes {
    let spans = spans.map(|attributes| Span {
        trace_id: support::TRACE_ID.to_vec(),
        span_id: vec![1; 8],
        attributes,
        ..Default::default()
    });
    let scope = Some(InstrumentationScope::default());
    let scope = ScopeSpans { scope, spans: spans.collect(), ..Default::default() };
    let batch = ResourceSpans { scope_spans: vec![scope], ..Default::default() };
    TracesData { resource_spans: vec![batch] }.encode_to_vec().into()
}

/// Lists of pairs, each within the one before.
fn nested(levels: usize, value: &str) -> AnyValue {
    let leaf = AnyValue { value: Some(Value::StringValue(value.to_owned())) };
    (0..levels).fold(leaf, |inner, level| {
        let pair = KeyValue { key: format!("level{level}"), value: Some(inner), ..Default::default() };
        AnyValue { value: Some(Value::KvlistValue(KeyValueList { values: vec![pair] })) }
    })
}

/// What each shape is made of, of about so many bytes.
fn made_to_be_slow(bytes: usize) -> Vec<(&'static str, Bytes)> {
    let message = |text: String| part_of(std::iter::once(vec![attribute("exception.message", &text)]));
    let name = |nth: usize| attribute("user.full_name", &format!("Jane Roe the {nth}th"));
    let of_names = bytes / 40;
    let with_names = |names: usize, unit: &str| {
        let text = unit.repeat(bytes / unit.len());
        let attributes = (0..names).map(name).chain([attribute("exception.message", &text)]).collect();
        part_of(std::iter::once(attributes))
    };
    let alike = (0..1000).map(|nth| attribute("user.full_name", &format!("{}{nth}", "a@".repeat(30))));
    let alike = alike.chain([attribute("exception.message", &"a@".repeat(bytes / 2))]).collect();
    vec![
        ("a@", message("a@".repeat(bytes / 2))),
        ("%25", message("%25".repeat(bytes / 3))),
        ("digits", message("4111 ".repeat(bytes / 5))),
        ("distinct treated values", part_of((0..of_names).map(|nth| vec![name(nth)]))),
        ("names that are said", with_names(1000, "Jane Roe the 999th, ")),
        ("names that begin alike", with_names(1000, "Jane Roe the ")),
        ("values like the text", part_of(std::iter::once(alike))),
        ("lists in lists", {
            part_of((0..bytes / 700).map(|nth| {
                let value = Some(nested(30, &format!("for jane.roe{nth}@example.com")));
                vec![KeyValue { key: "outer".to_owned(), value, ..Default::default() }]
            }))
        }),
    ]
}

fn slowing(criterion: &mut Criterion<ProcessorTime>) {
    let abroad = abroad();
    let mut group = criterion.benchmark_group("made to be slow");
    group.sample_size(10);
    for bytes in [512 << 10, 1 << 20] {
        for (name, part) in made_to_be_slow(bytes) {
            group.throughput(Throughput::Bytes(part.len() as u64));
            group.bench_with_input(BenchmarkId::new(name, bytes), &part, |bencher, part| {
                bencher.iter(|| redacted(&abroad, part, 0).treated.total);
            });
        }
    }
    group.finish();
}

criterion::criterion_group! {
    name = benches;
    config = Criterion::default()
        .with_measurement(ProcessorTime)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(2))
        .without_plots();
    targets = merging, valuing, slowing
}
criterion::criterion_main!(benches);
