//! What a region's policy takes away is nowhere: in no byte of any answer, header, metric or log line, and
//! in no difference between two answers either.
//!
//! Traces are random; under the listed keys of one region they hold canaries, in every place that can have
//! an attribute. Every route of the router is asked.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use memchr::memmem;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, KeyValue, KeyValueList};
use opentelemetry_proto::tonic::trace::v1::span::{Event, Link};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, Span};
use prost::Message;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::json;
use tutti::api::grpc::METHODS;
use tutti::api::router;
use tutti::backend::{Backend, Behaviour, Distance, Simulated};
use tutti::federation::FederationSettings;
use tutti::model::RegionName;
use tutti::policy::plan::{KeyRules, Plan, RegionPlan, Treatment};
use tutti::wire::otlp::{self, any_value, key_value};
use tutti::wire::protobuf::{put_bytes_field, put_message};

use crate::diff::post;
use crate::estate::{Answered, Estate, Setup};
use crate::fakes::{Sends, holding, simulated};
use crate::log;
use crate::questions::{self, Question};
use crate::seen;
use crate::spans::{ID, MS, NOON, TRACE_ID, any, batch, pair, span, text, trace};
use crate::tempopb::{self, Streamed};

const SEEDS: u64 = 40;

/// The region with a policy.
const KEEPER: &str = "eu-central";

pub const LISTED: [(&str, Treatment); 6] = [
    ("user.email", Treatment::Mask),
    ("user.phone", Treatment::Drop),
    ("enduser.id", Treatment::Mask),
    ("session.id", Treatment::Drop),
    ("payment.card", Treatment::Mask),
    ("patient", Treatment::Drop),
];

/// The id of a trace with the same spans, and nothing that would have to be hidden.
const BARE: &str = "74686520626172652074726163652e2e";

/// Begins every canary, so that one search finds any of them.
const CANARY: &str = "canary";

/// Routes that are not asked, each with its reason. There is none: all are cheap, and a route without
/// personal data today may have some tomorrow.
const EXCEPTIONS: &[(&str, &str)] = &[];

/// Requests to a route, others for each number. `None` where this test does not know the route.
fn questions(route: &str, nth: u64) -> Option<Vec<Question>> {
    let path = route.replace("{id}", ID);
    let accepting = |kinds: &[&'static str]| -> Vec<_> {
        kinds.iter().map(|kind| (path.clone(), vec![("accept", *kind)])).collect()
    };
    let traces = || {
        let mut all = accepting(&["application/json", "application/protobuf", "application/vnd.grafana.llm"]);
        all.push((path.clone(), vec![("accept-encoding", "gzip")]));
        all.push((format!("{path}?adjust=skew"), vec![]));
        all.push((path.clone(), vec![("tutti-mode", "strict")]));
        all.push((format!("{path}?start=x"), vec![]));
        all.push((path.replace(ID, "no-id"), vec![]));
        all
    };
    Some(match ["/strict", "/fast"].iter().find_map(|mode| route.strip_prefix(mode)).unwrap_or(route) {
        "/api/traces/{id}" | "/api/v2/traces/{id}" => traces(),
        "/api/tutti/v1/traces/{id}" | "/api/tutti/v1/traces/{id}/stream" => traces(),
        // Without a body; with one it is asked by `compared`.
        "/api/v2/traces/diff" => accepting(&["*/*"]),
        "/api/search" => questions::until_all(questions::searches, &path, nth),
        "/api/tutti/v1/search" => questions::until_all(questions::pages, &path, nth),
        "/api/search/tags" | "/api/v2/search/tags" => questions::until_all(questions::tags, &path, nth),
        "/api/search/tag/{name}/values" | "/api/v2/search/tag/{name}/values" => {
            questions::until_all(questions::values, &path, nth)
        }
        "/api/metrics/query_range" | "/api/metrics/query" => {
            questions::until_all(questions::metrics, &path, nth)
        }
        "/api/echo"
        | "/api/status/buildinfo"
        | "/api/tutti/v1/audit/witness"
        | "/api/tutti/v1/audit/witness/add-checkpoint"
        | "/api/tutti/v1/audit/records"
        | "/api/tutti/v1/audit/receipts/{*receipt}"
        | "/api/tutti/v1/audit/checkpoint"
        | "/api/tutti/v1/audit/tile/{*tile}"
        | "/api/tutti/v1/audit/cosigned/{witness}" => accepting(&["*/*"]),
        "/ready" | "/status" | "/status/version" => accepting(&["*/*"]),
        "/metrics" => accepting(&["*/*"]),
        _ => return None,
    })
}

#[test]
fn every_route_is_asked_here_or_excepted_with_a_reason() {
    for route in router::paths("") {
        let is_excepted = EXCEPTIONS.iter().any(|(excepted, _)| *excepted == route);
        assert!(
            questions(&route, 0).is_some() != is_excepted,
            "`{route}` is new: say in `questions` how it is asked, or in `EXCEPTIONS` why not"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_policy_takes_away_is_in_no_byte_and_in_no_difference() {
    let mut planted = 0;
    for seed in 0..SEEDS {
        let behaviour = [Behaviour::Well, Behaviour::Well, Behaviour::SaysPartial][(seed % 3) as usize];
        let one = everything(seed, "a", plan(), behaviour).await;
        let other = everything(seed, "another one, and longer", plan(), behaviour).await;
        planted += one.planted;
        assert_eq!(one.planted, other.planted);
        for (name, bytes) in one.answers.iter().chain(&other.answers) {
            assert_eq!(canary_in(bytes), None, "seed {seed}: {name}");
        }
        assert_eq!(one.answers.len(), other.answers.len());
        for (one, other) in one.answers.iter().zip(&other.answers) {
            assert_eq!(one.0, other.0);
            assert!(
                one.1 == other.1,
                "seed {seed}: {} tells of what it hides:\n{}",
                one.0,
                difference(&one.1, &other.1)
            );
        }
    }
    assert!(planted > 500, "a test without canaries proves nothing: {planted}");
}

/// What the test above does not find could also be something it cannot find.
#[tokio::test(start_paused = true)]
async fn without_a_policy_the_same_canaries_are_plain_to_see() {
    let seen = everything(1, "a", Plan::allow_all(), Behaviour::Well).await;
    let forms: BTreeSet<String> = seen.answers.iter().filter_map(|(_, bytes)| canary_in(bytes)).collect();
    assert!(forms.contains(CANARY), "{forms:?}");
    let mut differences = seen.answers.iter().filter(|(name, _)| name.contains("/diff {"));
    assert!(differences.any(|(_, bytes)| canary_in(bytes).is_some()), "a difference shows values");
    let coded = BASE64_STANDARD.encode(format!("{{{CANARY} 1}}"));
    assert!(canary_in(coded.as_bytes()).is_some());
}

/// The first place where two answers part, as text.
fn difference(one: &[u8], other: &[u8]) -> String {
    let place = one.iter().zip(other).position(|(a, b)| a != b).unwrap_or(0);
    let around = |bytes: &[u8]| {
        let window = &bytes[place.saturating_sub(80)..bytes.len().min(place + 80)];
        String::from_utf8_lossy(window).into_owned()
    };
    format!("{}\n{}", around(one), around(other))
}

/// The form in which a canary is in these bytes.
fn canary_in(bytes: &[u8]) -> Option<String> {
    let forms = [CANARY.to_owned(), CANARY.to_uppercase(), hex(CANARY.as_bytes())];
    // Within base64 a text has three forms, by where it begins; the outer characters depend on its
    // neighbours.
    let coded = (0..3).map(|shift| {
        let padded = [&vec![0; shift][..], CANARY.as_bytes()].concat();
        let coded = BASE64_STANDARD.encode(padded);
        coded[(shift * 8).div_ceil(6)..(shift + CANARY.len()) * 8 / 6].to_owned()
    });
    forms.into_iter().chain(coded).find(|form| memmem::find(bytes, form.as_bytes()).is_some())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut hex, byte| {
        write!(hex, "{byte:02x}").unwrap();
        hex
    })
}

/// All that anyone outside gets to see of one estate, each with its name.
struct Everything {
    answers: Vec<(String, Vec<u8>)>,
    planted: usize,
}

/// Asks every route of an estate whose protected values are made of `word`.
async fn everything(seed: u64, word: &str, plan: Plan, behaviour: Behaviour) -> Everything {
    log::listen();
    let mut planter = Planter { rng: StdRng::seed_from_u64(seed), word: word.to_owned(), planted: 0 };
    let (estate, eu) = planter.estate(plan);
    let mut answers = Vec::new();
    for behaviour in [behaviour, Behaviour::ServerError] {
        eu.behave(behaviour);
        for route in router::paths("") {
            for (path, headers) in questions(&route, seed).unwrap() {
                let mut answer = estate.ask(&path, &headers).await;
                if route == "/metrics" {
                    answer.body = in_order_of_lines(&answer.body);
                }
                answers.push((format!("{path} {headers:?} {behaviour:?}"), all_bytes(&answer)));
            }
            if route.ends_with("/traces/diff") {
                for question in compared() {
                    let answer = estate.send(post(&route, question.clone())).await;
                    answers.push((format!("{route} {question} {behaviour:?}"), all_bytes(&answer)));
                }
            }
        }
        for method in METHODS {
            for message in questions::streamed(method, seed) {
                let streamed = tempopb::ask(&estate.router, method, &message, &[]).await;
                let asked = String::from_utf8_lossy(&message).into_owned();
                answers.push((format!("{method} {asked:?} {behaviour:?}"), all_streamed(&streamed)));
            }
        }
    }
    // Once more at the end, when they have counted everything.
    let mut metrics = estate.get("/metrics").await;
    metrics.body = in_order_of_lines(&metrics.body);
    answers.push(("the metrics".to_owned(), all_bytes(&metrics)));
    let log = log::heard();
    assert!(!log.is_empty(), "nothing was logged, so nothing was tried");
    answers.push(("the log".to_owned(), without_request_ids(&log)));
    Everything { answers, planted: planter.planted }
}

/// The trace against one that has the same spans and nothing of what they carry, both ways, in every format.
fn compared() -> Vec<String> {
    let formats = ["trace-patch-v0", "trace-summary-v0-native", "trace-summary-v0-composed"];
    let asked = formats.iter().flat_map(|format| {
        [(ID, BARE), (BARE, ID)].map(|(base, compare)| {
            json!({"base": {"traceId": base}, "compare": {"traceId": compare}, "format": format}).to_string()
        })
    });
    asked.collect()
}

/// The id of a request is random, in the log as on the answer.
fn without_request_ids(log: &[u8]) -> Vec<u8> {
    let log = String::from_utf8_lossy(log);
    let words =
        log.split(' ').map(|word| if word.starts_with("request_id=") { "request_id=…" } else { word });
    words.collect::<Vec<_>>().join(" ").into_bytes()
}

/// Metrics come in no order.
fn in_order_of_lines(body: &[u8]) -> Bytes {
    let mut lines: Vec<&[u8]> = body.split(|byte| *byte == b'\n').collect();
    lines.sort_unstable();
    lines.join(&b'\n').into()
}

/// Status, headers and body as one; but for the id of the request, which is random.
fn all_bytes(answer: &Answered) -> Vec<u8> {
    let mut all = answer.status.as_str().as_bytes().to_vec();
    for (name, value) in answer.headers.iter().filter(|(name, _)| *name != "x-request-id") {
        all.extend_from_slice(format!("\n{name}: ").as_bytes());
        all.extend_from_slice(value.as_bytes());
    }
    all.extend_from_slice(b"\n\n");
    all.extend_from_slice(&answer.body);
    all
}

/// The same of a stream, with its trailers.
fn all_streamed(streamed: &Streamed) -> Vec<u8> {
    let mut all = Vec::new();
    for headers in [&streamed.headers, &streamed.trailers] {
        for (name, value) in headers.iter().filter(|(name, _)| *name != "x-request-id") {
            all.extend_from_slice(format!("\n{name}: ").as_bytes());
            all.extend_from_slice(value.as_bytes());
        }
    }
    for message in &streamed.messages {
        all.extend_from_slice(b"\n\n");
        all.extend_from_slice(message);
    }
    all
}

fn at_ms(ms: u64, export: &Bytes) -> Arc<Simulated> {
    let distance = Distance { round_trip: Duration::from_millis(ms), ..Distance::default() };
    Arc::new(Simulated::new(holding(export), distance, 0))
}

fn plan() -> Plan {
    let rules = KeyRules::new(LISTED.map(|(key, treatment)| (key.to_owned(), treatment)));
    Plan::new([(RegionName::parse(KEEPER).unwrap(), RegionPlan::Keys(rules))].into())
}

/// Makes traces and puts canaries into them. The protected values are made of `word` and of nothing that
/// the rest of a trace is made of, so that two planters with one seed differ in them only.
struct Planter {
    rng: StdRng,
    word: String,
    planted: usize,
}

impl Planter {
    fn estate(&mut self, plan: Plan) -> (Estate, Arc<Simulated>) {
        let spans = self.rng.random_range(1..12);
        let mut here = Vec::new();
        let mut there = Vec::new();
        for id in 1..=spans {
            let parent = (id > 1).then(|| self.rng.random_range(1..id));
            if self.rng.random() {
                here.push(self.protected(span(id, parent, 1 + (id % 5) as i32)));
            } else {
                there.push(span(id, parent, 1 + (id % 5) as i32));
            }
        }
        // At least one, or there is nothing to hide.
        here.push(self.protected(span(500, Some(1), 2)));
        let bare = here.iter().map(|span| Span {
            trace_id: b"the bare trace..".to_vec(),
            attributes: Vec::new(),
            events: Vec::new(),
            links: Vec::new(),
            ..span.clone()
        });
        let bare = batch("payment", bare.collect());
        let mut kept = batch("payment", here);
        self.plant_around(&mut kept);
        // At distances that differ, so that they land in one order.
        let us = at_ms(20, &trace(vec![batch("shop", there), bare]));
        let eu = at_ms(70, &trace(vec![kept]));
        let limit = [0, 0, 600, 2_000][self.rng.random_range(0..4)];
        let setup = Setup {
            plan,
            federation: FederationSettings { trace_bytes_max: limit, ..FederationSettings::default() },
            ..Setup::default()
        };
        let regions: Vec<(&str, Arc<dyn Backend>)> = vec![("us-east", us), (KEEPER, eu.clone())];
        (setup.over(regions), eu)
    }

    fn plant_around(&mut self, batch: &mut ResourceSpans) {
        let of_resource = self.attributes();
        batch.resource.as_mut().unwrap().attributes.extend(of_resource);
        let of_scope = self.attributes();
        batch.scope_spans[0].scope.as_mut().unwrap().attributes.extend(of_scope);
    }

    fn protected(&mut self, mut span: Span) -> Span {
        span.attributes = self.attributes();
        for number in 0..self.rng.random_range(0..3) {
            let time = NOON + self.rng.random_range(0..9) * MS;
            let name = format!("event {number}");
            let attributes = self.attributes();
            span.events.push(Event { time_unix_nano: time, name, attributes, ..Default::default() });
        }
        for number in 0..self.rng.random_range(0..3) {
            let attributes = self.attributes();
            let (trace_id, span_id) = (TRACE_ID.to_vec(), vec![9 - number; 8]);
            span.links.push(Link { trace_id, span_id, attributes, ..Default::default() });
        }
        span
    }

    /// Some attributes that may be seen, and some that may not.
    fn attributes(&mut self) -> Vec<KeyValue> {
        let count = self.rng.random_range(1..5);
        (0..count).map(|number| self.attribute(number)).collect()
    }

    fn attribute(&mut self, number: usize) -> KeyValue {
        match self.rng.random_range(0..8) {
            0 => text(&format!("http.header.{number}"), "harmless"),
            1 => pair("http.status", Value::IntValue(200)),
            // Under the whole dotted path, a part of it at each level.
            2 => self.within("user", "email"),
            3 => self.within("payment", "card"),
            // Under its own key, deep in lists whose keys say nothing.
            4 => {
                let inner = self.listed();
                pair("payload", list(vec![any(pairs(vec![text("kind", "x"), inner]))]))
            }
            5 => {
                let inner = self.listed();
                pair("context", pairs(vec![pair("request", pairs(vec![inner]))]))
            }
            _ => self.listed(),
        }
    }

    fn within(&mut self, outer: &str, inner: &str) -> KeyValue {
        let value = self.value();
        pair(outer, pairs(vec![text("tier", "gold"), KeyValue { key: inner.to_owned(), ..value }]))
    }

    fn listed(&mut self) -> KeyValue {
        let (key, _) = LISTED[self.rng.random_range(0..LISTED.len())];
        KeyValue { key: key.to_owned(), ..self.value() }
    }

    /// A protected value of any kind; its key is the caller's to set.
    fn value(&mut self) -> KeyValue {
        self.planted += 1;
        let canary = format!("{CANARY} {} {}", self.word, self.planted);
        let own = Value::StringValue(canary.clone());
        let value = match self.rng.random_range(0..7) {
            0 => Value::BytesValue(canary.into_bytes()),
            1 => list(vec![any(own.clone()), any(own)]),
            2 => pairs(vec![pair("a", own), pair("b", pairs(vec![text("c", &canary)]))]),
            3 => Value::IntValue(self.word.len() as i64 * 1_000_003),
            4 => Value::DoubleValue(self.word.len() as f64 / 7.0),
            _ => own,
        };
        pair("", value)
    }
}

fn pairs(values: Vec<KeyValue>) -> Value {
    Value::KvlistValue(KeyValueList { values })
}

fn list(values: Vec<AnyValue>) -> Value {
    Value::ArrayValue(ArrayValue { values })
}

/// What is not listed stays, and what is treated is said.
#[tokio::test(start_paused = true)]
async fn what_is_not_listed_stays_and_what_was_treated_is_said() {
    let mut own = span(2, Some(1), 2);
    own.attributes = vec![text("user.email", CANARY), text("user.phone", CANARY), text("user.tier", "gold")];
    let us = simulated(&trace(vec![batch("shop", vec![span(1, None, 2)])]));
    let eu = simulated(&trace(vec![batch("payment", vec![own, span(3, Some(2), 1)])]));
    let setup = Setup { plan: plan(), ..Setup::default() };
    let estate = setup.over(vec![("us-east", us), (KEEPER, eu)]);
    let answer = estate.get(&format!("/api/v2/traces/{ID}")).await;
    assert_eq!(answer.outcome(), "complete", "a policy that is kept leaves nothing missing");
    let seen = seen::v2_json(&answer);
    let own = seen.span(2);
    assert_eq!((own.attribute("user.email"), own.attribute("user.phone")), (Some("<redacted>"), None));
    assert_eq!((own.attribute("user.tier"), own.attribute("tutti.redacted")), (Some("gold"), Some("true")));
    assert_eq!(seen.span(3).attribute("tutti.redacted"), None);
    let report = estate.get(&format!("/api/tutti/v1/traces/{ID}")).await.json()["report"].clone();
    let treated = |region: usize| report["regions"][region]["treated"].as_u64();
    assert_eq!((treated(0), treated(1)), (Some(0), Some(2)));
}

/// The rules of a region are its own: another region's spans keep the same keys.
#[tokio::test(start_paused = true)]
async fn a_rule_holds_for_its_region_alone() {
    let with = |id| {
        let mut span = span(id, None, 2);
        span.attributes = vec![text("user.email", "jane@example.com")];
        trace(vec![batch("shop", vec![span])])
    };
    let setup = Setup { plan: plan(), ..Setup::default() };
    let estate = setup.over(vec![("us-east", simulated(&with(1))), (KEEPER, simulated(&with(2)))]);
    let seen = seen::v2_json(&estate.get(&format!("/api/v2/traces/{ID}")).await);
    assert_eq!(seen.span(1).attribute("user.email"), Some("jane@example.com"));
    assert_eq!(seen.span(2).attribute("user.email"), Some("<redacted>"));
}

/// Writes one attribute.
type Puts<'a> = &'a dyn Fn(&mut Vec<u8>);

/// A rule is about what a decoder reads, and not about the order in which bytes are put.
#[tokio::test(start_paused = true)]
async fn a_rule_holds_however_the_bytes_are_put() {
    let string = |out: &mut Vec<u8>| put_bytes_field(out, any_value::STRING, CANARY.as_bytes());
    let value = |out: &mut Vec<u8>| put_message(out, key_value::VALUE, string);
    let key = |out: &mut Vec<u8>, key: &str| put_bytes_field(out, key_value::KEY, key.as_bytes());
    let mut listed = Vec::new();
    key(&mut listed, "user.email");
    value(&mut listed);
    let pairs: [Puts<'_>; 5] = [
        // The value first.
        &|out| {
            value(out);
            key(out, "user.email");
        },
        // The key twice: the last is read.
        &|out| {
            key(out, "harmless");
            value(out);
            key(out, "user.phone");
        },
        // Several values: which is read is not agreed.
        &|out| {
            key(out, "user.email");
            value(out);
            value(out);
        },
        &|out| {
            key(out, "harmless");
            value(out);
            value(out);
        },
        // A list and a text in one value, the list in pieces.
        &|out| {
            key(out, "payload");
            put_message(out, key_value::VALUE, |any| {
                put_message(any, any_value::KVLIST, |list| put_bytes_field(list, 1, &listed));
                put_message(any, any_value::KVLIST, |list| put_bytes_field(list, 1, &listed));
            });
        },
    ];
    for (number, put) in pairs.into_iter().enumerate() {
        let mut own = span(1, None, 2).encode_to_vec();
        put_message(&mut own, otlp::span::ATTRIBUTES, put);
        let mut sent = Vec::new();
        put_message(&mut sent, otlp::trace::RESOURCE_SPANS, |batch| {
            put_message(batch, otlp::resource_spans::SCOPE_SPANS, |scope| {
                put_bytes_field(scope, otlp::scope_spans::SPANS, &own);
            });
        });
        assert!(canary_in(&sent).is_some());
        let setup = Setup { plan: plan(), ..Setup::default() };
        let estate = setup.over(vec![(KEEPER, Sends::new(sent.into()))]);
        for route in router::paths("") {
            for (path, headers) in questions(&route, number as u64).unwrap() {
                let answer = estate.ask(&path, &headers).await;
                assert_eq!(canary_in(&all_bytes(&answer)), None, "pair {number}: {path} {headers:?}");
            }
        }
        let answer = estate.get(&format!("/api/v2/traces/{ID}")).await;
        assert_eq!((answer.outcome(), seen::v2_json(&answer).ids()), ("complete", vec![1]), "pair {number}");
    }
}

/// A field that nobody knows may hold anything, so with a policy it does not pass.
#[tokio::test(start_paused = true)]
async fn no_field_that_is_not_known_passes_a_policy() {
    const UNKNOWN: u32 = 1_000;
    let canary = |out: &mut Vec<u8>| put_bytes_field(out, UNKNOWN, CANARY.as_bytes());
    // The way down to each message that may have one.
    let ways: [&[u32]; 13] = [
        &[],
        &[1],
        &[1, 1],
        &[1, 1, 1],
        &[1, 1, 3],
        &[1, 2],
        &[1, 2, 1],
        &[1, 2, 2],
        &[1, 2, 2, 9],
        &[1, 2, 2, 9, 2],
        &[1, 2, 2, 9, 2, 5],
        &[1, 2, 2, 11],
        &[1, 2, 2, 15],
    ];
    for way in ways {
        let mut inner = Vec::new();
        for depth in (0..=way.len()).rev() {
            let mut message = Vec::new();
            // What holds no span is not shown at all, and a span needs its id to be one.
            let own = span(depth as u64 + 1, None, 2).encode_to_vec();
            match way[..depth] {
                [1] => put_message(&mut message, 2, |scope| put_bytes_field(scope, 2, &own)),
                [1, 2] => put_bytes_field(&mut message, 2, &own),
                [1, 2, 2] => message = own,
                _ => {}
            }
            match way.get(depth) {
                Some(number) => put_bytes_field(&mut message, *number, &inner),
                None => canary(&mut message),
            }
            inner = message;
        }
        let own = trace(vec![batch("a", vec![span(9, None, 2)])]);
        inner.extend_from_slice(&own);
        assert!(canary_in(&inner).is_some());
        let setup = Setup { plan: plan(), ..Setup::default() };
        let estate = setup.over(vec![(KEEPER, Sends::new(inner.into()))]);
        for kind in ["application/json", "application/protobuf"] {
            let answer = estate.ask(&format!("/api/v2/traces/{ID}"), &[("accept", kind)]).await;
            assert_eq!(answer.outcome(), "complete", "{way:?}");
            assert_eq!(canary_in(&all_bytes(&answer)), None, "{way:?} as {kind}");
        }
    }
}
