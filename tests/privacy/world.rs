//! Estates for these tests: classes, plans by chance, and traces of which two versions differ in nothing but what a
//! plan protects.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::trace::v1::span::Event;
use opentelemetry_proto::tonic::trace::v1::{Span, Status};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tutti::backend::memory::MemoryBackend;
use tutti::backend::settings::MemorySettings;
use tutti::backend::{
    Backend, Distance, Fault, MetricsCall, RegionAnswer, RegionInfo, RegionTrace, SearchCall, Simulated,
    TagValuesCall, TagsCall, TraceCall, TracesCall,
};
use tutti::federation::{Additions, FederationSettings};
use tutti::model::{MetricsAnswer, RegionName, SearchAnswer, TagNames, TagValues};
use tutti::policy::plan::{Plan, RegionPlan};
use tutti::policy::{Care, Cell, ClassFacts, Classes, KeyLists, Ruled, Rung};
use tutti::redaction::ring::{HeldKeys, RootKey};
use tutti::redaction::{KeyRing, Redactor};
use tutti::task::Deadline;

use crate::estate::{Estate, Setup};
use crate::spans::{MS, batch, span, text, trace};

pub const REGIONS: [&str; 3] = ["eu-central", "us-east", "us-west"];

/// Traces of an estate.
pub const TRACES: u64 = 4;

/// The classes, each with a key whose values are of it.
pub const CLASSES: [(&str, &str); 4] = [
    ("pii.email", "user.email"),
    ("pii.id", "user.id"),
    ("pii.place", "user.city"),
    ("pay.card", "payment.card"),
];

/// Keys that no class claims: safe, scanned, unknown.
pub const OTHER_KEYS: [&str; 3] = ["http.method", "note", "shop.tier"];

pub fn classes() -> Arc<Classes> {
    let class = |(name, key): (&str, &str)| ClassFacts {
        name: name.to_owned(),
        title: name.to_owned(),
        group: name.split('.').next().unwrap().to_owned(),
        ladder: vec![Rung::Pseudonymised, Rung::Masked],
        keys: vec![key.to_owned()],
        detectors: match name {
            "pii.email" => vec!["email".to_owned()],
            "pay.card" => vec!["pan".to_owned()],
            _ => Vec::new(),
        },
        echo: name != "pii.place",
        ..ClassFacts::default()
    };
    let lists = KeyLists {
        safe_keys: vec!["service.name".to_owned(), "http.method".to_owned()],
        scan_keys: vec!["note".to_owned()],
        ..KeyLists::default()
    };
    Arc::new(Classes::new(CLASSES.map(class).to_vec(), lists).unwrap())
}

/// What becomes of each class in each region.
#[derive(Debug, Clone)]
pub struct Rules(pub BTreeMap<(&'static str, &'static str), Cell>);

impl Rules {
    /// By chance: any rung, any rights.
    pub fn by(chance: &mut StdRng) -> Self {
        let mut rules = BTreeMap::new();
        for region in REGIONS {
            for (class, _) in CLASSES {
                let rung = [Rung::Raw, Rung::Masked, Rung::Masked, Rung::Dropped][chance.random_range(0..4)];
                let cell = Cell {
                    rung,
                    may_filter: chance.random_range(0..4) > 0,
                    may_group: chance.random_range(0..4) > 0,
                    may_list: chance.random_range(0..4) > 0,
                    care: if chance.random() { Care::Paranoid } else { Care::Balanced },
                    ..Cell::OPEN
                };
                rules.insert((region, class), cell);
            }
        }
        Self(rules)
    }

    /// The same for every class of these regions; the others show everything.
    pub fn of(regions: &[&'static str], cell: Cell) -> Self {
        let all = regions.iter().flat_map(|region| CLASSES.map(|(class, _)| ((*region, class), cell)));
        Self(all.collect())
    }

    pub fn cell(&self, region: &str, class: &str) -> Cell {
        let found = self.0.iter().find(|((of, name), _)| *of == region && *name == class);
        found.map_or(Cell::OPEN, |(_, cell)| *cell)
    }

    pub fn plan(&self) -> Plan {
        let classes = classes();
        let regions = REGIONS.map(|region| {
            let name = RegionName::parse(region).unwrap();
            let of =
                Ruled::fixed(classes.clone(), name.clone(), |id| self.cell(region, &classes.get(id).name));
            (name, RegionPlan::Ruled(Arc::new(of)))
        });
        Plan::new(regions.into())
    }

    /// Whether values of a class are not shown as they are.
    fn protects(&self, region: &str, class: &str) -> bool {
        self.cell(region, class).rung != Rung::Raw
    }
}

/// A value of a class. Of protected ones there are two versions; of all others the first stands in both estates.
pub fn value(class: &str, number: u64, version: usize) -> String {
    match (class, version) {
        ("pii.email", 0) => format!("jane{number}@example.com"),
        ("pii.email", _) => format!("bartholomew{number}@elsewhere.org"),
        ("pii.id", 0) => format!("customer-{number}-first"),
        ("pii.id", _) => format!("somebody-{number}-other"),
        ("pii.place", 0) => format!("Lisbon {number}"),
        ("pii.place", _) => format!("Reykjavik {number}"),
        (_, 0) => ["4111111111111111", "4012888888881881"][number as usize % 2].to_owned(),
        (..) => ["5555555555554444", "5105105105105100"][number as usize % 2].to_owned(),
    }
}

/// An estate, and what its regions were asked.
pub struct World {
    pub estate: Estate,
    pub told: Arc<Mutex<Vec<(String, String)>>>,
}

/// Keys of no one.
fn ring() -> KeyRing {
    let root = RootKey::of_bytes(&(0u8..64).collect::<Vec<_>>()).unwrap();
    KeyRing::new(Arc::new(HeldKeys::new(BTreeMap::new(), Some(root))))
}

/// The id of a trace, as it is asked for.
pub fn id(number: u64) -> String {
    format!("{:032x}", (1u128 << 100) | u128::from(number))
}

/// The estate of a seed in one of its two versions.
pub fn world(seed: u64, version: usize, rules: &Rules) -> World {
    over(parts(seed, version, rules), rules)
}

/// The same where the first so many regions are far away, and there are no others: what they tell of their own spans
/// is asked for then.
pub fn far(seed: u64, version: usize, rules: &Rules, count: usize) -> World {
    let parts = parts(seed, version, rules).into_iter().filter(|(_, spans)| !spans.is_empty());
    let held = parts.map(|(region, spans)| (region, export(spans))).collect();
    made_over(&REGIONS[..count], true, &held, rules, FederationSettings::default())
}

/// The same where the gateway adds nothing to a trace.
pub fn plain(seed: u64, rules: &Rules) -> World {
    let settings = FederationSettings { additions: Additions::NONE, ..FederationSettings::default() };
    over_with(parts(seed, 0, rules), rules, settings)
}

/// The first region alone and far away, with these spans.
#[allow(dead_code, reason = "each test uses its part")]
pub fn one_far(spans: Vec<Span>, rules: &Rules) -> World {
    let held = BTreeMap::from([(REGIONS[0], export(spans))]);
    made_over(&REGIONS[..1], true, &held, rules, FederationSettings::default())
}

fn parts(seed: u64, version: usize, rules: &Rules) -> BTreeMap<&'static str, Vec<Span>> {
    let mut chance = StdRng::seed_from_u64(seed);
    let mut parts: BTreeMap<&'static str, Vec<Span>> = REGIONS.map(|region| (region, Vec::new())).into();
    for number in 0..TRACES {
        for made in 1..=chance.random_range(2..6) {
            let region = REGIONS[chance.random_range(0..REGIONS.len())];
            let parent = (made > 1).then(|| chance.random_range(1..made));
            let own = one(&mut chance, number, (made, parent), region, version, rules);
            parts.get_mut(region).unwrap().push(own);
        }
    }
    parts
}

/// What each region holds in an estate of a seed.
#[allow(dead_code, reason = "each test uses its part")]
pub fn held(seed: u64, version: usize, rules: &Rules) -> BTreeMap<&'static str, Bytes> {
    let of = |(region, spans): (&'static str, Vec<Span>)| (region, export(spans));
    parts(seed, version, rules).into_iter().filter(|(_, spans)| !spans.is_empty()).map(of).collect()
}

/// What treats values by the classes of these tests.
#[allow(dead_code, reason = "each test uses its part")]
pub fn redactor() -> Arc<Redactor> {
    Arc::new(Redactor::new(classes(), ring(), 2026).unwrap())
}

/// Regions that hold these spans.
pub fn over(parts: BTreeMap<&'static str, Vec<Span>>, rules: &Rules) -> World {
    over_with(parts, rules, FederationSettings::default())
}

fn over_with(
    parts: BTreeMap<&'static str, Vec<Span>>,
    rules: &Rules,
    federation: FederationSettings,
) -> World {
    let of = |(region, spans): (&'static str, Vec<Span>)| (region, export(spans));
    let held = parts.into_iter().filter(|(_, spans)| !spans.is_empty()).map(of);
    made_of(held.collect(), rules, federation)
}

/// Regions that hold these exports.
pub fn world_of(held: BTreeMap<&'static str, Bytes>, rules: &Rules) -> World {
    made_of(held, rules, FederationSettings::default())
}

fn made_of(held: BTreeMap<&'static str, Bytes>, rules: &Rules, federation: FederationSettings) -> World {
    made_over(&REGIONS, false, &held, rules, federation)
}

fn made_over(
    regions: &[&'static str],
    is_far: bool,
    held: &BTreeMap<&'static str, Bytes>,
    rules: &Rules,
    federation: FederationSettings,
) -> World {
    let told = Arc::default();
    let regions = regions.iter().enumerate().map(|(rank, region)| {
        let memory = MemoryBackend::new(MemorySettings::default());
        if let Some(export) = held.get(region) {
            memory.ingest(export.clone()).unwrap();
        }
        let distance =
            Distance { round_trip: Duration::from_millis(20 + 30 * rank as u64), ..Distance::default() };
        let inner = Arc::new(Simulated::new(Arc::new(memory), distance, 0));
        let recorded = Recorded { name: (*region).to_owned(), is_far, inner, told: Arc::clone(&told) };
        (*region, Arc::new(recorded) as Arc<dyn Backend>)
    });
    let regions = regions.collect();
    let redactor = Arc::new(Redactor::new(classes(), ring(), 2026).unwrap());
    let estate = Setup { plan: rules.plan(), redactor, federation, ..Setup::default() }.over(regions);
    World { estate, told }
}

fn export(spans: Vec<Span>) -> Bytes {
    let (shop, pay): (Vec<_>, Vec<_>) = spans.into_iter().partition(|span| span.span_id[7] % 2 == 0);
    trace(vec![batch("shop", shop), batch("pay", pay)])
}

fn one(
    chance: &mut StdRng,
    number: u64,
    (made, parent): (u64, Option<u64>),
    region: &'static str,
    version: usize,
    rules: &Rules,
) -> Span {
    let of =
        |class: &str, nth: u64| value(class, nth, if rules.protects(region, class) { version } else { 0 });
    let mut attributes = vec![text("shop.tier", ["gold", "tin"][chance.random_range(0..2)])];
    attributes.push(text("http.method", ["GET", "PUT"][chance.random_range(0..2)]));
    let mut events = Vec::new();
    let start = crate::spans::NOON + number * 1000 * MS + made * MS;
    for (class, key) in CLASSES {
        let nth = chance.random_range(0..3);
        match chance.random_range(0..5) {
            0 | 1 => attributes.push(text(key, &of(class, nth))),
            2 => {
                // And once more where nobody expects it.
                attributes.push(text(key, &of(class, nth)));
                if class != "pii.place" {
                    attributes.push(text("note", &format!("asked by {} again", of(class, nth))));
                }
            }
            3 => events.push(Event {
                time_unix_nano: start,
                name: "seen".to_owned(),
                attributes: vec![text(key, &of(class, nth))],
                ..Event::default()
            }),
            _ => {}
        }
    }
    attributes.dedup_by(|a: &mut KeyValue, b| a.key == b.key);
    Span {
        trace_id: ((1u128 << 100) | u128::from(number)).to_be_bytes().to_vec(),
        name: ["GET /cart", "pay"][chance.random_range(0..2)].to_owned(),
        start_time_unix_nano: start,
        end_time_unix_nano: start + (5 + made) * MS,
        status: Some(Status { code: chance.random_range(0..3), ..Status::default() }),
        attributes,
        events,
        ..span(made, parent, 1 + (made % 4) as i32)
    }
}

/// A region that remembers what it was asked, word by word.
#[derive(Debug)]
struct Recorded {
    name: String,
    is_far: bool,
    inner: Arc<dyn Backend>,
    told: Arc<Mutex<Vec<(String, String)>>>,
}

impl Recorded {
    fn hear(&self, question: &dyn std::fmt::Debug) {
        self.told.lock().unwrap().push((self.name.clone(), format!("{question:?}")));
    }
}

impl Backend for Recorded {
    fn trace_by_id(&self, call: TraceCall) -> BoxFuture<'_, Result<RegionTrace, Fault>> {
        self.hear(&call.query);
        self.inner.trace_by_id(call)
    }

    fn traces(&self, call: TracesCall) -> BoxFuture<'_, Result<Vec<RegionTrace>, Fault>> {
        self.hear(&call.query);
        self.inner.traces(call)
    }

    fn probe(&self, deadline: Deadline) -> BoxFuture<'_, Result<RegionInfo, Fault>> {
        self.inner.probe(deadline)
    }

    fn answers_queries(&self) -> bool {
        true
    }

    fn is_embedded(&self) -> bool {
        !self.is_far && self.inner.is_embedded()
    }

    fn search(&self, call: SearchCall) -> BoxFuture<'_, Result<RegionAnswer<SearchAnswer>, Fault>> {
        self.hear(&call.query);
        self.inner.search(call)
    }

    fn tag_names(&self, call: TagsCall) -> BoxFuture<'_, Result<RegionAnswer<TagNames>, Fault>> {
        self.hear(&call.query);
        self.inner.tag_names(call)
    }

    fn tag_values(&self, call: TagValuesCall) -> BoxFuture<'_, Result<RegionAnswer<TagValues>, Fault>> {
        self.hear(&call.query);
        self.inner.tag_values(call)
    }

    fn metrics(&self, call: MetricsCall) -> BoxFuture<'_, Result<RegionAnswer<MetricsAnswer>, Fault>> {
        self.hear(&call.query);
        self.inner.metrics(call)
    }
}
