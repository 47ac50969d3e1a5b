//! Seeded simulation: whatever befalls the regions, an answer says what it is made of, comes in time, and
//! holds exactly what the regions that answered sent.
//!
//! Each seed is a world: regions at distances, a trace spread over them, and a few requests between which
//! the regions' states change. What must come back is computed here from the world alone.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::time::{Instant, sleep};
use tutti::backend::settings::LayerSettings;
use tutti::backend::{Backend, Behaviour, Distance, Simulated};
use tutti::federation::FederationSettings;
use tutti::model::RegionStatus;

use crate::estate::{Answered, Estate, Setup};
use crate::fakes::holding;
use crate::seen::{self, Seen};
use crate::spans::{ID, batch, span, trace};

/// Seeds that once found a fault; they are tried first.
const REGRESSIONS: &[u64] = &[86];

const SEEDS: u64 = 600;

/// What the gateway and a retry may add to the slowest region.
const SMALL: Duration = Duration::from_millis(60);

/// Kept for the answer itself, as the gateway is told.
const RESERVE: Duration = Duration::from_millis(500);

/// How long a miss may answer for the regions.
const REMEMBERED: Duration = Duration::from_secs(3);

#[tokio::test(start_paused = true)]
async fn whatever_befalls_the_regions_the_answer_says_so_in_time_and_holds_what_they_sent() {
    let mut told = Tally::default();
    for seed in REGRESSIONS.iter().copied().chain(0..SEEDS) {
        let _guard = SaysSeed(seed);
        let mut world = World::of(seed);
        for _ in 0..world.rng.random_range(1..=4) {
            world.ask(&mut told).await;
        }
    }
    told.assert_everything_was_met();
}

/// Says which seed failed.
struct SaysSeed(u64);

impl Drop for SaysSeed {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the failing seed is {}: add it to REGRESSIONS", self.0);
        }
    }
}

/// What the seeds have led to: a simulation that never meets a case proves nothing about it.
#[derive(Default)]
struct Tally(BTreeMap<String, usize>);

impl Tally {
    fn count(&mut self, what: impl Into<String>) {
        *self.0.entry(what.into()).or_default() += 1;
    }

    fn assert_everything_was_met(&self) {
        let statuses = RegionStatus::ALL.into_iter().filter(|status| {
            // A region is asked too seldom here to be closed off, no size limit is set, and a trace by its id
            // is asked of everyone by everyone.
            use RegionStatus::{CircuitOpen, Limited, NotNeeded, Pending, Truncated, Withheld};
            // Only an early answer leaves anything pending (`fast`), and one request reaches no limit (`overload`).
            !matches!(status, CircuitOpen | Limited | Truncated | NotNeeded | Withheld | Pending)
        });
        let others =
            ["complete", "partial", "refused", "miss", "remembered", "504", "502", "429", "placeholder"];
        for what in statuses.map(RegionStatus::as_str).chain(others) {
            assert!(self.0.contains_key(what), "no seed led to `{what}`: {:?}", self.0);
        }
    }
}

struct Place {
    name: String,
    simulated: Arc<Simulated>,
    distance: Distance,
    spans: BTreeSet<u64>,
}

struct World {
    rng: StdRng,
    estate: Estate,
    places: Vec<Place>,
    /// Of every span, wherever it lies.
    parents: BTreeMap<u64, Option<u64>>,
    /// What a region has.
    limit: Duration,
    /// What a request has.
    deadline: Duration,
    remembered: Option<Instant>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Endpoint {
    V1Json,
    V1Protobuf,
    V2Json,
    V2Protobuf,
    Document,
    Stream,
}

/// What must come back, by the world alone.
#[derive(Debug)]
struct Expected {
    statuses: Vec<(String, String)>,
    is_strict: bool,
    is_complete: bool,
    is_refused: bool,
    /// Of the regions that answered, each once.
    spans: BTreeSet<u64>,
    is_from_memory: bool,
}

impl World {
    fn of(seed: u64) -> Self {
        let mut rng = StdRng::seed_from_u64(seed);
        let region_deadline = Duration::from_millis(rng.random_range(1_500..8_000));
        let deadline = Duration::from_millis(rng.random_range(3_000..12_000));
        let limit = region_deadline.min(deadline - RESERVE);
        let count = rng.random_range(1..=6);
        let (parents, held) = spread(&mut rng, count);
        let places: Vec<Place> = (0..count)
            .map(|number| {
                let distance = distance(&mut rng, limit);
                let export = export(&parents, &held[number]);
                let simulated =
                    Arc::new(Simulated::new(holding(&export), distance.clone(), seed + number as u64));
                Place { name: format!("region-{number}"), simulated, distance, spans: held[number].clone() }
            })
            .collect();
        let setup = Setup {
            layers: LayerSettings { deadline: region_deadline, ..LayerSettings::default() },
            federation: FederationSettings { deadline, reserve: RESERVE, ..FederationSettings::default() },
            ..Setup::default()
        };
        let regions = places.iter().map(|place| {
            let backend: Arc<dyn Backend> = place.simulated.clone();
            (place.name.as_str(), backend)
        });
        let estate = setup.over(regions.collect());
        Self { rng, estate, places, parents, limit, deadline, remembered: None }
    }

    async fn ask(&mut self, told: &mut Tally) {
        for place in &self.places {
            place.simulated.behave(behaviour(&mut self.rng, self.limit));
        }
        sleep(Duration::from_millis(self.rng.random_range(0..5_000))).await;
        let endpoint = endpoint(&mut self.rng);
        let (path, headers, is_strict) = question(&mut self.rng, endpoint);
        let expected = self.expected(endpoint, is_strict);
        let answer = self.estate.ask(&path, &headers).await;
        self.check(endpoint, &expected, &answer);
        self.remember(endpoint, &expected);
        expected.tally(&answer, told);
    }

    fn expected(&mut self, endpoint: Endpoint, is_strict: bool) -> Expected {
        let is_v1 = matches!(endpoint, Endpoint::V1Json | Endpoint::V1Protobuf);
        let is_from_memory = is_v1 && self.remembered.take().is_some_and(|at| at.elapsed() < REMEMBERED);
        let status = |place: &Place| {
            let status = if is_from_memory { "ok" } else { status(place, self.limit) };
            (place.name.clone(), status.to_owned())
        };
        let statuses: Vec<(String, String)> = self.places.iter().map(status).collect();
        let has_answered = |status: &str| status == "ok" || status == "partial";
        let is_complete = statuses.iter().all(|(_, status)| status == "ok");
        let answered = statuses.iter().filter(|(_, status)| has_answered(status)).count();
        let heard = self.places.iter().zip(&statuses).filter(|(_, (_, status))| has_answered(status));
        let spans: BTreeSet<u64> = heard.flat_map(|(place, _)| place.spans.iter().copied()).collect();
        let is_refused = !is_complete && (is_strict || answered == 0 || spans.is_empty());
        Expected { statuses, is_strict, is_complete, is_refused, spans, is_from_memory }
    }

    /// A complete miss answers one v1 question for a while; a trace that was found hides no more.
    fn remember(&mut self, endpoint: Endpoint, expected: &Expected) {
        let is_v1 = matches!(endpoint, Endpoint::V1Json | Endpoint::V1Protobuf);
        if expected.is_complete && expected.spans.is_empty() && !is_v1 {
            self.remembered = Some(Instant::now());
        }
    }

    fn check(&self, endpoint: Endpoint, expected: &Expected, answer: &Answered) {
        self.check_time(expected, answer);
        if endpoint == Endpoint::Stream {
            return self.check_stream(expected, answer);
        }
        assert_eq!(answer.statuses(), expected.statuses, "{expected:?}");
        assert_eq!(answer.outcome(), expected.outcome(), "{expected:?}");
        assert_eq!(answer.header("tutti-cache"), expected.cache());
        assert_eq!(answer.header("tutti-exactness"), expected.exactness());
        if expected.is_refused {
            return expected.check_refusal(answer.status.as_u16(), &answer.text());
        }
        let is_v1 = matches!(endpoint, Endpoint::V1Json | Endpoint::V1Protobuf);
        if is_v1 && expected.spans.is_empty() {
            assert_eq!((answer.status.as_u16(), answer.body.len()), (404, 0), "{expected:?}");
            return;
        }
        assert_eq!(answer.status, 200, "{expected:?}");
        let seen = match endpoint {
            Endpoint::V1Json => seen::v1_json(answer),
            Endpoint::V1Protobuf => seen::v1_protobuf(answer),
            Endpoint::V2Json => seen::v2_json(answer),
            Endpoint::V2Protobuf => seen::v2_protobuf(answer),
            Endpoint::Document | Endpoint::Stream => seen::document(&answer.json()),
        };
        if matches!(endpoint, Endpoint::V2Json | Endpoint::V2Protobuf) {
            expected.check_message(&seen);
        }
        self.check_trace(expected, &seen);
    }

    fn check_time(&self, expected: &Expected, answer: &Answered) {
        assert!(answer.took <= self.deadline, "it took {:?} of {:?}", answer.took, self.deadline);
        if expected.is_from_memory {
            assert_eq!(answer.took, Duration::ZERO, "a remembered miss asks nobody");
        } else if expected.statuses.iter().all(|(_, status)| status == "ok" || status == "partial") {
            let slowest = self.places.iter().map(longest).max().unwrap_or_default();
            assert!(answer.took <= slowest + SMALL, "it took {:?}, the regions {slowest:?}", answer.took);
        } else {
            assert!(answer.took <= self.limit + SMALL, "it took {:?} of {:?}", answer.took, self.limit);
        }
    }

    /// The region of each event is told as it lands, and the last event is the answer or the refusal.
    fn check_stream(&self, expected: &Expected, answer: &Answered) {
        assert_eq!(answer.status, 200);
        let events = seen::events(answer);
        assert_eq!(events[0].0, "begin");
        let declared: Vec<&str> =
            events[0].1["regions"].as_array().unwrap().iter().map(|r| r["name"].as_str().unwrap()).collect();
        let names: Vec<&str> = expected.statuses.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(declared, names);
        let mut landed: Vec<(String, String)> = Vec::new();
        for (name, data) in &events[1..events.len() - 1] {
            assert_eq!(name, "region");
            let text = |key: &str| data[key].as_str().unwrap().to_owned();
            landed.push((text("name"), text("status")));
        }
        landed.sort();
        assert_eq!(landed, expected.statuses);
        let (name, last) = &events[events.len() - 1];
        assert_eq!(last["report"]["outcome"], expected.outcome());
        assert_eq!(last["report"]["exactness"], expected.exactness());
        if expected.is_refused {
            assert_eq!(name, "refused");
            let status = u16::try_from(last["status"].as_u64().unwrap()).unwrap();
            expected.check_refusal(status, last["error"].as_str().unwrap());
        } else {
            assert_eq!(name, "answer");
            self.check_trace(expected, &seen::document(last));
        }
    }

    fn check_trace(&self, expected: &Expected, seen: &Seen) {
        let wanted: Vec<u64> = expected.spans.iter().copied().collect();
        assert_eq!(seen.ids(), wanted, "every span that was sent, each once: {expected:?}");
        for span in seen.real() {
            let (id, region) = (span.number(), &span.resource["tutti.region"]);
            let first = self.places.iter().zip(&expected.statuses).find(|(place, (_, status))| {
                (status == "ok" || status == "partial") && place.spans.contains(&id)
            });
            assert_eq!(
                Some(region),
                first.map(|(place, _)| &place.name),
                "of a copy, the first declared stays"
            );
            let parent = self.parents[&id].map(|parent| parent.to_be_bytes().to_vec()).unwrap_or_default();
            assert_eq!(span.parent, parent, "parents stay as they were sent");
        }
        self.check_stand_ins(expected, seen);
    }

    fn check_stand_ins(&self, expected: &Expected, seen: &Seen) {
        if expected.is_complete {
            assert_eq!(seen.synthetic().count(), 0, "a complete trace is never marked");
            return;
        }
        let told: BTreeSet<(String, String)> = seen
            .synthetic()
            .filter(|span| !span.is_placeholder())
            .map(|span| {
                let of = |key: &str| span.attribute(key).unwrap().to_owned();
                (of("tutti.missing.region"), of("tutti.missing.status"))
            })
            .collect();
        let missing: BTreeSet<(String, String)> =
            expected.statuses.iter().filter(|(_, status)| status != "ok").cloned().collect();
        if !expected.spans.is_empty() {
            assert_eq!(told, missing, "a span for each missing region");
        }
        let places: Vec<u64> = seen.synthetic().filter(|s| s.is_placeholder()).map(|s| s.number()).collect();
        let absent: BTreeSet<u64> = expected
            .spans
            .iter()
            .filter_map(|id| self.parents[id])
            .filter(|parent| !expected.spans.contains(parent))
            .collect();
        let stood_for: BTreeSet<u64> = places.iter().copied().collect();
        assert_eq!((places.len(), &stood_for), (absent.len(), &absent), "a stand-in for each absent parent");
    }
}

impl Expected {
    fn outcome(&self) -> &'static str {
        match (self.is_complete, self.is_refused) {
            (true, _) => "complete",
            (false, true) => "refused",
            (false, false) => "partial",
        }
    }

    fn cache(&self) -> &'static str {
        match (self.is_refused, self.is_from_memory) {
            (true, _) => "",
            (false, true) => "hit",
            (false, false) => "miss",
        }
    }

    fn exactness(&self) -> &'static str {
        let any = |wanted: &[&str]| self.statuses.iter().any(|(_, status)| wanted.contains(&status.as_str()));
        let lost =
            |(_, status): &&(String, String)| !["ok", "partial", "too_large"].contains(&status.as_str());
        if self.statuses.iter().any(|region| lost(&region)) {
            "region_missing"
        } else if any(&["too_large"]) {
            "size_limit"
        } else if any(&["partial"]) {
            "region_partial"
        } else {
            "exact"
        }
    }

    /// 504 where all failed by time, 429 where all are overloaded, else 502; one plain line that names
    /// each region that failed and nothing that reads as a miss.
    fn check_refusal(&self, status: u16, line: &str) {
        let missing = || self.statuses.iter().filter(|(_, status)| status != "ok");
        let all = |wanted: &str| missing().all(|(_, status)| status == wanted);
        let due = match (all("timeout"), all("overloaded")) {
            (true, _) => 504,
            (_, true) => 429,
            _ => 502,
        };
        assert_eq!(status, due, "{line}");
        assert!(!line.contains('\n') && !line.contains('{') && !line.is_empty(), "one plain line: `{line}`");
        assert!(!line.to_lowercase().contains("not found"), "Grafana takes these words for a miss: `{line}`");
        for (name, _) in missing() {
            assert!(line.contains(name.as_str()), "`{line}` does not name {name}");
        }
        if self.is_strict && self.statuses.iter().any(|(_, status)| status == "ok") {
            assert!(line.contains("strict"), "`{line}` does not say why");
        }
    }

    fn check_message(&self, seen: &Seen) {
        assert_eq!(seen.is_partial, !self.is_complete, "PARTIAL if and only if not complete");
        assert_eq!(seen.message.is_empty(), self.is_complete);
        assert!(!seen.message.contains('\n') && !seen.message.to_lowercase().contains("not found"));
        for (name, status) in &self.statuses {
            assert_eq!(seen.message.contains(name.as_str()), status != "ok", "{name} in `{}`", seen.message);
        }
    }

    fn tally(&self, answer: &Answered, told: &mut Tally) {
        for (_, status) in &self.statuses {
            told.count(status);
        }
        told.count(self.outcome());
        if answer.status != 200 {
            told.count(answer.status.as_str());
        }
        if self.is_complete && self.spans.is_empty() {
            told.count(if self.is_from_memory { "remembered" } else { "miss" });
        }
        if answer.body.windows(13).any(|window| window == b"(unavailable)") {
            told.count("placeholder");
        }
    }
}

/// A trace over this many regions: the parent of each span, and the spans of each region.
fn spread(rng: &mut StdRng, regions: usize) -> (BTreeMap<u64, Option<u64>>, Vec<BTreeSet<u64>>) {
    let mut held = vec![BTreeSet::new(); regions];
    let mut parents = BTreeMap::new();
    let count = if rng.random_ratio(1, 5) { 0 } else { rng.random_range(1..40) };
    let mut ids: Vec<u64> = Vec::new();
    for _ in 0..count {
        let id = rng.random_range(1u64 << 32..u64::MAX);
        let parent = match rng.random_range(0..20) {
            // A span nobody will ever send: what is owed does not make an answer partial.
            0 => Some(rng.random_range(1u64 << 32..u64::MAX)),
            1 => None,
            _ if ids.is_empty() => None,
            _ => Some(ids[rng.random_range(0..ids.len())]),
        };
        parents.insert(id, parent);
        ids.push(id);
        held[rng.random_range(0..regions)].insert(id);
        if rng.random_ratio(1, 8) {
            held[rng.random_range(0..regions)].insert(id);
        }
    }
    (parents, held)
}

fn export(parents: &BTreeMap<u64, Option<u64>>, held: &BTreeSet<u64>) -> bytes::Bytes {
    let mut batches: Vec<_> =
        (0..3).map(|service| batch(&format!("service-{service}"), Vec::new())).collect();
    for id in held {
        let kind = 1 + (id % 5) as i32;
        batches[(id % 3) as usize].scope_spans[0].spans.push(span(*id, parents[id], kind));
    }
    batches.retain(|batch| !batch.scope_spans[0].spans.is_empty());
    trace(batches)
}

fn distance(rng: &mut StdRng, limit: Duration) -> Distance {
    let ms = |ms| Duration::from_millis(ms);
    // Now and then a region is farther than anyone waits.
    let round_trip = if rng.random_ratio(1, 30) { limit + ms(40) } else { ms(rng.random_range(0..300)) };
    Distance {
        round_trip,
        jitter: ms(rng.random_range(0..100)),
        bytes_per_second: rng.random_bool(0.5).then(|| rng.random_range(1_000_000..100_000_000)),
    }
}

/// Any of the fourteen; slow is either in time or too late, never at the edge.
fn behaviour(rng: &mut StdRng, limit: Duration) -> Behaviour {
    if rng.random_bool(0.55) {
        return Behaviour::Well;
    }
    match rng.random_range(0..14) {
        0 => Behaviour::Well,
        1 => Behaviour::Down,
        2 => Behaviour::BlackHole,
        3 if rng.random() => Behaviour::Slow(limit.mul_f64(rng.random_range(0.0..0.6))),
        3 => Behaviour::Slow(limit.mul_f64(rng.random_range(1.05..20.0))),
        4 => Behaviour::CutOff,
        5 => Behaviour::Garbage,
        6 => Behaviour::OtherTrace,
        7 => Behaviour::Html,
        8 => Behaviour::Throttled,
        9 => Behaviour::ServerError,
        10 => Behaviour::RejectsRequest,
        11 => Behaviour::SaysPartial,
        12 => Behaviour::TooLarge,
        _ => Behaviour::TooFresh,
    }
}

/// What the report must say of a region in this state.
fn status(place: &Place, limit: Duration) -> &'static str {
    let behaviour = place.simulated.behaviour();
    if place.distance.round_trip >= limit {
        return "timeout";
    }
    match behaviour {
        Behaviour::Slow(by) if by >= limit => "timeout",
        Behaviour::Well | Behaviour::Slow(_) => "ok",
        Behaviour::Down => "unreachable",
        Behaviour::BlackHole => "timeout",
        Behaviour::CutOff => "cut_off",
        Behaviour::Garbage | Behaviour::OtherTrace | Behaviour::Html => "malformed",
        Behaviour::Throttled => "overloaded",
        Behaviour::ServerError => "error",
        Behaviour::RejectsRequest => "rejected",
        Behaviour::SaysPartial => "partial",
        Behaviour::TooLarge => "too_large",
        Behaviour::TooFresh => "too_fresh",
    }
}

/// The longest a region that answers can take.
fn longest(place: &Place) -> Duration {
    let slow = match place.simulated.behaviour() {
        Behaviour::Slow(by) => by,
        _ => Duration::ZERO,
    };
    // No part of such a trace has more than 10 kB.
    let line = place.distance.bytes_per_second.map_or(0.0, |per_second| 10_000.0 / per_second as f64);
    place.distance.round_trip + place.distance.jitter + slow + Duration::from_secs_f64(line)
}

fn endpoint(rng: &mut StdRng) -> Endpoint {
    match rng.random_range(0..10) {
        0 | 1 => Endpoint::V1Json,
        2 | 3 => Endpoint::V1Protobuf,
        4 | 5 => Endpoint::V2Json,
        6 | 7 => Endpoint::V2Protobuf,
        8 => Endpoint::Document,
        _ => Endpoint::Stream,
    }
}

/// Path and headers, and whether together they allow only a whole answer.
fn question(rng: &mut StdRng, endpoint: Endpoint) -> (String, Vec<(&'static str, &'static str)>, bool) {
    let (path, accept) = match endpoint {
        Endpoint::V1Json => (format!("/api/traces/{ID}"), "application/json"),
        Endpoint::V1Protobuf => (format!("/api/traces/{ID}"), "application/protobuf"),
        Endpoint::V2Json => (format!("/api/v2/traces/{ID}"), "application/json"),
        Endpoint::V2Protobuf => (format!("/api/v2/traces/{ID}"), "application/protobuf"),
        Endpoint::Document => (format!("/api/tutti/v1/traces/{ID}"), "*/*"),
        Endpoint::Stream => (format!("/api/tutti/v1/traces/{ID}/stream"), "text/event-stream"),
    };
    let mut headers = vec![("accept", accept)];
    let is_tempos = !matches!(endpoint, Endpoint::Document | Endpoint::Stream);
    match rng.random_range(0..7) {
        0 => headers.push(("tutti-mode", "strict")),
        1 if is_tempos => return (format!("/strict{path}"), headers, true),
        2 => headers.push(("fromalert", "true")),
        3 => {
            headers.push(("tutti-mode", "best_effort"));
            return (path, headers, false);
        }
        _ => return (path, headers, false),
    }
    (path, headers, true)
}
