//! Estates for these tests: random traces from a seed, spread over embedded regions.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::{Event, Link};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};
use prost::Message;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::backend::memory::MemoryBackend;
use crate::backend::settings::{LayerSettings, MemorySettings};
use crate::backend::{Backend, Region};
use crate::federation::{Federation, FederationSettings};
use crate::model::{Jurisdiction, RegionName};
use crate::policy::plan::RegionPlan;
use crate::policy::{KeyRules, Plan, Treatment};

/// Seconds of the epoch at which the first trace may start.
pub(super) const BEGIN: u64 = 1_700_000_000;

pub(super) const REGIONS: [&str; 3] = ["eu", "us", "ap"];

/// A span and the service it is of.
#[derive(Debug, Clone)]
pub(super) struct Made {
    pub(super) service: &'static str,
    /// What its resource says of where it is.
    pub(super) region: Option<&'static str>,
    /// Whether its resource says that it is a copy.
    pub(super) is_copy: bool,
    pub(super) span: Span,
}

pub(super) fn attribute(key: &str, value: Any) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(value) }), ..KeyValue::default() }
}

/// Some traces: orphans, several roots, errors, numbers of both kinds, events and links.
pub(super) fn traces(seed: u64, count: u64) -> Vec<Vec<Made>> {
    let mut chance = StdRng::seed_from_u64(seed);
    (1..=count).map(|number| trace(&mut chance, seed, number)).collect()
}

fn trace(chance: &mut StdRng, seed: u64, number: u64) -> Vec<Made> {
    let id = (u128::from(seed + 1) << 64) | u128::from(number);
    let base = (BEGIN + chance.random_range(0..600u64)) * 1_000_000_000;
    let has_root = chance.random_range(0..5) > 0;
    let count = chance.random_range(1..12u64);
    (1..=count)
        .map(|span| {
            let parent = match span {
                1 if has_root => Vec::new(),
                1 => 999u64.to_be_bytes().to_vec(),
                _ => chance.random_range(1..span).to_be_bytes().to_vec(),
            };
            let start = base + chance.random_range(0..2_000_000_000u64);
            Made {
                service: ["shop", "pay", "mail"][chance.random_range(0..3)],
                region: None,
                is_copy: false,
                span: Span {
                    trace_id: id.to_be_bytes().to_vec(),
                    span_id: span.to_be_bytes().to_vec(),
                    parent_span_id: parent,
                    name: ["get", "put", "list"][chance.random_range(0..3)].to_owned(),
                    kind: chance.random_range(1..4),
                    start_time_unix_nano: start,
                    end_time_unix_nano: start + chance.random_range(1..3_000_000_000u64),
                    attributes: attributes(chance),
                    events: events(chance, start),
                    links: links(chance),
                    status: Some(Status { code: chance.random_range(0..3), ..Status::default() }),
                    ..Span::default()
                },
            }
        })
        .collect()
}

fn attributes(chance: &mut StdRng) -> Vec<KeyValue> {
    let mut some = Vec::new();
    let mut maybe = |chance: &mut StdRng, key: &str, value: Any| {
        if chance.random_range(0..3) > 0 {
            some.push(attribute(key, value));
        }
    };
    let (number, letter) = (chance.random_range(0..4), chance.random_range(0..3));
    maybe(chance, "n", Any::IntValue(number));
    maybe(chance, "s", Any::StringValue(["a", "b", "c"][letter].to_owned()));
    maybe(chance, "f", Any::DoubleValue(number as f64 / 2.0));
    maybe(chance, "b", Any::BoolValue(number > 1));
    let person = ["jane", "joe"][letter % 2];
    maybe(chance, "user.email", Any::StringValue(format!("{person}@example.com")));
    some
}

fn events(chance: &mut StdRng, start: u64) -> Vec<Event> {
    (0..chance.random_range(0..3u64))
        .map(|number| Event {
            time_unix_nano: start + number,
            name: ["begun", "failed"][chance.random_range(0..2)].to_owned(),
            attributes: vec![attribute("k", Any::IntValue(chance.random_range(0..3)))],
            ..Event::default()
        })
        .collect()
}

fn links(chance: &mut StdRng) -> Vec<Link> {
    (0..chance.random_range(0..2u64))
        .map(|number| Link {
            trace_id: vec![7; 16],
            span_id: (number + 50).to_be_bytes().to_vec(),
            attributes: vec![attribute("l", Any::StringValue("x".to_owned()))],
            ..Link::default()
        })
        .collect()
}

/// How spans lie in regions: each in one, or some in a second one too, which says so or does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Spread {
    Disjoint,
    Marked,
    Unmarked,
}

pub(super) const SPREADS: [Spread; 3] = [Spread::Disjoint, Spread::Marked, Spread::Unmarked];

/// Every span to one region by chance, and some to a second one too.
pub(super) fn spread(traces: &[Vec<Made>], seed: u64) -> Vec<Vec<Made>> {
    spread_as(traces, seed, Spread::Unmarked)
}

pub(super) fn spread_as(traces: &[Vec<Made>], seed: u64, how: Spread) -> Vec<Vec<Made>> {
    let mut chance = StdRng::seed_from_u64(seed ^ 0xfeed);
    let mut regions = vec![Vec::new(); REGIONS.len()];
    for made in traces.iter().flatten() {
        let home = chance.random_range(0..regions.len());
        regions[home].push(made.clone());
        let is_twice = chance.random_range(0..5) < if how == Spread::Marked { 3 } else { 1 };
        if is_twice && how != Spread::Disjoint {
            let other = (home + 1) % regions.len();
            regions[other].push(Made { is_copy: how == Spread::Marked, ..made.clone() });
        }
    }
    regions
}

fn of_resource(made: &Made) -> Vec<KeyValue> {
    let text = |key: &str, value: &str| attribute(key, Any::StringValue(value.to_owned()));
    let own = [text("service.name", made.service), text("zone", &format!("{}-1", made.service))];
    let region = made.region.map(|region| text("tutti.region", region));
    let mark = made.is_copy.then(|| attribute("tutti.replica", Any::BoolValue(true)));
    own.into_iter().chain(region).chain(mark).collect()
}

/// Spans as a collector sends them, a few of a service at a time.
pub(super) fn exports(spans: &[Made]) -> Vec<Bytes> {
    spans
        .chunks(5)
        .map(|batch| {
            let resource_spans = batch.iter().map(|made| ResourceSpans {
                resource: Some(Resource { attributes: of_resource(made), ..Resource::default() }),
                scope_spans: vec![ScopeSpans { spans: vec![made.span.clone()], ..ScopeSpans::default() }],
                ..ResourceSpans::default()
            });
            Bytes::from(
                ExportTraceServiceRequest { resource_spans: resource_spans.collect() }.encode_to_vec(),
            )
        })
        .collect()
}

pub(super) fn backend(spans: &[Made]) -> Arc<MemoryBackend> {
    let settings = MemorySettings { otlp: None, bytes_max: 64 << 20, age_max: Duration::from_secs(3600) };
    let backend = MemoryBackend::new(settings);
    for export in exports(spans) {
        assert_eq!(backend.ingest(export).unwrap().rejected.total(), 0);
    }
    Arc::new(backend)
}

/// One region for each list of spans.
pub(super) fn federation(regions: &[Vec<Made>], plan: Plan) -> Arc<Federation> {
    of(regions.iter().map(|spans| backend(spans) as Arc<dyn Backend>).collect(), plan)
}

/// One region for each list of spans, with other settings.
pub(super) fn with_settings(regions: &[Vec<Made>], settings: FederationSettings) -> Arc<Federation> {
    let backends = regions.iter().map(|spans| backend(spans) as Arc<dyn Backend>).collect();
    made_of(backends, Plan::allow_all(), settings)
}

pub(super) fn of(backends: Vec<Arc<dyn Backend>>, plan: Plan) -> Arc<Federation> {
    made_of(backends, plan, FederationSettings::default())
}

fn made_of(backends: Vec<Arc<dyn Backend>>, plan: Plan, settings: FederationSettings) -> Arc<Federation> {
    let regions = backends.into_iter().zip(REGIONS).map(|(backend, name)| {
        let jurisdiction = Jurisdiction::parse("EU").unwrap();
        let name = RegionName::parse(name).unwrap();
        Arc::new(Region::new(name, jurisdiction, backend, LayerSettings::default()))
    });
    Arc::new(Federation::new(regions.collect(), settings, Arc::new(plan)))
}

/// A plan that treats these keys in these regions.
pub(super) fn treating(rules: &[(&str, &str, Treatment)]) -> Plan {
    let regions = REGIONS.iter().filter_map(|region| {
        let of: Vec<(String, Treatment)> = rules
            .iter()
            .filter(|(name, ..)| name == region)
            .map(|(_, key, treatment)| ((*key).to_owned(), *treatment))
            .collect();
        let plan = RegionPlan::Keys(KeyRules::new(of.clone()));
        (!of.is_empty()).then(|| (RegionName::parse(region).unwrap(), plan))
    });
    Plan::new(regions.collect())
}

/// A plan that treats what nothing has: everything is decided at the gateway, and nothing is missing.
pub(super) fn treating_nothing() -> Plan {
    treating(&[("eu", "no.such.key", Treatment::Drop)])
}
