//! What the regions hold, and so what any answer may and must say: traces spread over regions, of which some lie in one
//! alone, some spans in two, some traces are large, and some grow. Knows nothing of how it is asked.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, Span, TracesData};
use prost::Message;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tutti::model::TraceId;

use crate::estate::Answered;
use crate::region::FaultyRegion;
use crate::seen::{self, SeenSpan};
use crate::support;

pub const REGIONS: usize = 4;
/// Traces that grow no more, those of them that are large, and those that still grow.
const OLD: usize = 240;
const LARGE: usize = 2;
const LARGE_SPANS: usize = 3_000;
const YOUNG: usize = 24;
/// A young trace grows no further, so that what an answer holds stays about the same all through a run.
const YOUNG_SPANS_MAX: usize = 60;
/// What is searched for: each small old trace is in one of these groups.
pub const GROUPS: usize = 20;
/// The key that the policy hides now and then.
pub const SECRET: &str = "soak.secret";
/// How long ago old traces were.
const AGO: Duration = Duration::from_hours(2);

pub struct Trace {
    pub id: TraceId,
    pub group: Option<usize>,
    /// Whether the second span, a child of the first, says so: what a structural search is for.
    pub has_kin: bool,
    spans: Mutex<BTreeMap<Vec<u8>, Held>>,
}

/// A span and where it is.
#[derive(Clone)]
pub struct Held {
    pub span: SeenSpan,
    /// In the order in which they are declared.
    pub regions: Vec<usize>,
    pub written: Instant,
}

impl Trace {
    pub fn spans(&self) -> BTreeMap<Vec<u8>, Held> {
        self.spans.lock().unwrap().clone()
    }

    pub fn start(&self) -> u64 {
        self.spans.lock().unwrap().values().map(|held| held.span.start).min().unwrap()
    }

    /// The regions that hold the span by which a search finds it.
    pub fn root_regions(&self) -> Vec<usize> {
        let spans = self.spans.lock().unwrap();
        spans.values().find(|held| held.span.parent.is_empty()).unwrap().regions.clone()
    }
}

pub struct World {
    pub regions: Vec<FaultyRegion>,
    /// The old ones first, of them the large ones last, then the young.
    pub traces: Vec<Trace>,
    /// Unix seconds between which all old traces lie.
    pub window: (u64, u64),
}

impl World {
    pub async fn start() -> Self {
        let mut regions = Vec::new();
        for rank in 0..REGIONS {
            regions.push(FaultyRegion::start(rank).await);
        }
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let begin = (now - AGO).as_secs();
        let old = (0..OLD + LARGE).map(|number| made(number, begin, &regions));
        let mut traces: Vec<Trace> = old.collect();
        traces.extend((0..YOUNG).map(|number| Trace {
            id: id(0x10_0000 + number as u64),
            group: None,
            has_kin: false,
            spans: Mutex::default(),
        }));
        let world = Self { regions, traces, window: (begin - 60, begin + 600) };
        let mut rng = StdRng::seed_from_u64(2);
        (0..YOUNG).for_each(|_| world.grow(&mut rng));
        world
    }

    pub fn unknown(number: u64) -> TraceId {
        id(0x20_0000 + number)
    }

    /// The place of any trace; none of one that is nowhere.
    pub fn any(&self, rng: &mut StdRng) -> Option<usize> {
        match rng.random_range(0..50) {
            0..2 => None,
            2 => Some(OLD + rng.random_range(0..LARGE)),
            3..10 => Some(OLD + LARGE + rng.random_range(0..YOUNG)),
            // Some far more often than others: what many ask for is kept.
            10..30 => Some(rng.random_range(0..20)),
            _ => Some(rng.random_range(0..OLD)),
        }
    }

    /// One more span of that one of the young traces that has the fewest.
    pub fn grow(&self, rng: &mut StdRng) {
        let young = &self.traces[OLD + LARGE..];
        let trace = young.iter().min_by_key(|trace| trace.spans.lock().unwrap().len()).unwrap();
        let mut spans = trace.spans.lock().unwrap();
        if spans.len() >= YOUNG_SPANS_MAX {
            return;
        }
        let mut data = TracesData::decode(support::whole(rng.random(), 1)).unwrap();
        let parent = spans.values().find(|held| held.span.parent.is_empty()).map(|held| held.span.id.clone());
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as u64;
        for span in spans_of(&mut data) {
            span.trace_id = trace.id.as_bytes().to_vec();
            span.parent_span_id = parent.clone().unwrap_or_default();
            (span.start_time_unix_nano, span.end_time_unix_nano) = (now - 2_000_000, now - 1_000_000);
        }
        let region = rng.random_range(0..REGIONS);
        let bytes = Bytes::from(data.encode_to_vec());
        self.regions[region].take(bytes.clone());
        let written = Instant::now();
        for span in seen_in(bytes) {
            spans.insert(span.id.clone(), Held { span, regions: vec![region], written });
        }
    }

    /// Groups with a span in one of these regions.
    pub fn groups_in(&self, regions: &[usize]) -> BTreeSet<String> {
        let held = self.traces.iter().filter(|trace| trace.group.is_some());
        let there = held.filter(|trace| trace.root_regions().iter().any(|region| regions.contains(region)));
        there.map(|trace| group_name(trace.group.unwrap())).collect()
    }
}

pub fn group_name(group: usize) -> String {
    format!("g{group}")
}

fn id(number: u64) -> TraceId {
    let mut id = support::TRACE_ID;
    id[8..].copy_from_slice(&(number + 1).to_be_bytes());
    TraceId::from_bytes(id)
}

fn spans_of(data: &mut TracesData) -> impl Iterator<Item = &mut Span> {
    let scopes = data.resource_spans.iter_mut().flat_map(|batch| &mut batch.scope_spans);
    scopes.flat_map(|scope| &mut scope.spans)
}

fn seen_in(bytes: Bytes) -> Vec<SeenSpan> {
    let (status, headers, took) = (StatusCode::OK, HeaderMap::new(), Duration::ZERO);
    seen::v1_protobuf(&Answered { status, headers, body: bytes, took }).spans
}

/// An old trace, taken in by the regions that hold some of it.
fn made(number: usize, begin: u64, regions: &[FaultyRegion]) -> Trace {
    let mut rng = StdRng::seed_from_u64(number as u64);
    let is_large = number >= OLD;
    let count = if is_large { LARGE_SPANS } else { rng.random_range(10..80) };
    let mut data = TracesData::decode(support::whole(number as u64 + 1, count)).unwrap();
    let (id, group) = (id(number as u64), (!is_large).then_some(number % GROUPS));
    let has_kin = group.is_some() && !number.is_multiple_of(3);
    let later = (begin + number as u64) * 1_000_000_000;
    for span in spans_of(&mut data) {
        span.trace_id = id.as_bytes().to_vec();
        span.start_time_unix_nano = span.start_time_unix_nano - support::BEGIN + later;
        span.end_time_unix_nano = span.end_time_unix_nano - support::BEGIN + later;
    }
    // The order of spans is that of their ends: the first made has no parent, and the second no other than it.
    let root = spans_of(&mut data).find(|span| span.parent_span_id.is_empty()).unwrap().span_id.clone();
    let child = spans_of(&mut data).find(|span| span.parent_span_id == root).unwrap().span_id.clone();
    for span in spans_of(&mut data) {
        let (is_root, is_child) = (span.span_id == root, span.span_id == child);
        if let (true, Some(group)) = (is_root, group) {
            span.attributes.push(text("soak.group", &group_name(group)));
        }
        if is_child && has_kin {
            span.attributes.push(text("soak.kin", &group_name(number % GROUPS)));
        }
        if is_root || is_child {
            span.attributes.push(text(SECRET, &format!("known-to-few-{number:06}")));
        }
    }
    let whole = seen_in(data.encode_to_vec().into());
    // A quarter of them never left one region.
    let alone = number.is_multiple_of(4).then(|| rng.random_range(0..REGIONS));
    let spans = placed(whole, alone, &mut rng);
    for (rank, region) in regions.iter().enumerate() {
        if let Some(part) = part_of(&data, &spans, rank) {
            region.take(part);
        }
    }
    Trace { id, group, has_kin, spans: Mutex::new(spans) }
}

fn placed(whole: Vec<SeenSpan>, alone: Option<usize>, rng: &mut StdRng) -> BTreeMap<Vec<u8>, Held> {
    let written = Instant::now();
    let place = |span: SeenSpan| {
        let first = alone.unwrap_or_else(|| rng.random_range(0..REGIONS));
        let mut regions = vec![first];
        if alone.is_none() && rng.random_range(0..20) == 0 {
            regions.push((first + 1) % REGIONS);
            regions.sort_unstable();
        }
        (span.id.clone(), Held { span, regions, written })
    };
    whole.into_iter().map(place).collect()
}

fn part_of(data: &TracesData, spans: &BTreeMap<Vec<u8>, Held>, rank: usize) -> Option<Bytes> {
    let mut part = data.clone();
    for batch in &mut part.resource_spans {
        for scope in &mut batch.scope_spans {
            scope.spans.retain(|span| spans[&span.span_id].regions.contains(&rank));
        }
        batch.scope_spans.retain(|scope| !scope.spans.is_empty());
    }
    part.resource_spans.retain(|batch: &ResourceSpans| !batch.scope_spans.is_empty());
    (!part.resource_spans.is_empty()).then(|| part.encode_to_vec().into())
}

fn text(key: &str, value: &str) -> KeyValue {
    let value = Some(AnyValue { value: Some(Value::StringValue(value.to_owned())) });
    KeyValue { key: key.to_owned(), value, ..Default::default() }
}
