//! Schedules by seed: looks of every mode at young and old traces, side by side, while regions fail in every way,
//! recover, take in more, and the gateway is given its configuration anew. What must hold of every answer, and what
//! must be left over when all is done: nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use tutti::api::InForce;
use tutti::backend::settings::LayerSettings;
use tutti::backend::{Backend, Behaviour, Distance, Simulated};
use tutti::cache::{HotSettings, LocalitySettings};
use tutti::federation::{Federation, FederationSettings};
use tutti::model::TraceId;
use tutti::policy::Plan;
use tutti::task::clock::wall_nanos;

use crate::dice::Dice;
use crate::estate::{Answered, Estate, Setup};
use crate::seen;
use crate::spans::{INTERNAL, SERVER, at, part, span};
use crate::stored::{Stored, Watched};

const NAMES: [&str; 3] = ["us-east", "us-west", "eu-central"];
const SECOND: u64 = 1_000_000_000;
const DEADLINE: Duration = Duration::from_secs(6);
const FAST: Duration = Duration::from_millis(200);
const FAST_MAX: Duration = Duration::from_millis(400);
/// Of everything but the regions: what a paused clock still lets pass.
const SLACK: Duration = Duration::from_millis(20);
const SCHEDULES: u64 = 2_000;

/// A young trace, which grows, and an old one, which does not.
const YOUNG: usize = 0;
const OLD: usize = 1;

struct Place {
    simulated: Arc<Simulated>,
    watched: Arc<Watched>,
    stored: Arc<Stored>,
}

struct World {
    seed: u64,
    dice: Dice,
    estate: Estate,
    places: Vec<Place>,
    /// By trace, of each span: where it lies, and when it was written.
    spans: [BTreeMap<u64, (usize, u64)>; 2],
    written: u64,
    before: Vec<Arc<Federation>>,
}

#[derive(Default)]
struct Tally(BTreeMap<String, usize>);

impl Tally {
    fn count(&mut self, what: impl Into<String>) {
        *self.0.entry(what.into()).or_default() += 1;
    }
}

fn id(trace: usize) -> TraceId {
    TraceId::parse(&format!("{:032x}", trace + 7)).unwrap()
}

/// Half of the gateways remember whole traces; the others only where they are.
fn settings(seed: u64) -> FederationSettings {
    let bytes_max = if seed.is_multiple_of(2) { HotSettings::GATEWAY.bytes_max } else { 0 };
    FederationSettings {
        deadline: DEADLINE,
        fast: FAST,
        fast_max: FAST_MAX,
        hot: HotSettings { bytes_max, ..HotSettings::GATEWAY },
        locality: LocalitySettings::GATEWAY,
        ..FederationSettings::default()
    }
}

fn world(seed: u64) -> World {
    let mut dice = Dice(seed);
    let mut places = Vec::new();
    for _ in NAMES {
        let stored = Arc::new(Stored::default());
        let distance = Distance {
            round_trip: Duration::from_millis(*dice.of(&[5, 40, 150, 260, 350, 900])),
            jitter: Duration::from_millis(*dice.of(&[0, 20, 200])),
            // Some drip, so slowly that they are never done.
            bytes_per_second: dice.percent(10).then(|| *dice.of(&[10, 1_000])),
        };
        let simulated = Arc::new(Simulated::new(stored.clone(), distance, dice.next()));
        places.push(Place { watched: Watched::new(simulated.clone()), simulated, stored });
    }
    let regions: Vec<(&str, Arc<dyn Backend>)> = NAMES
        .into_iter()
        .zip(&places)
        .map(|(name, place)| (name, place.watched.clone() as Arc<dyn Backend>))
        .collect();
    let layers = LayerSettings { deadline: Duration::from_secs(5), ..LayerSettings::default() };
    let estate = Setup { layers, federation: settings(seed), ..Setup::default() }.over(regions);
    let spans = [BTreeMap::new(), BTreeMap::new()];
    let mut world = World { seed, dice, estate, places, spans, written: 0, before: Vec::new() };
    let long_ago = HotSettings::GATEWAY.lateness.as_nanos() as u64 * 2;
    for nth in 0..4 {
        let rank = world.dice.below(2) as usize;
        world.write(OLD, rank, long_ago + nth * SECOND);
    }
    world.write(YOUNG, 0, 0);
    world
}

impl World {
    fn write(&mut self, trace: usize, rank: usize, ago: u64) {
        self.written += 1;
        let end = wall_nanos() - ago;
        let parent = self.spans[trace].keys().next().copied();
        let kind = if parent.is_none() { SERVER } else { INTERNAL };
        let mut span = at(span(self.written, parent, kind), end - SECOND, end);
        span.trace_id = id(trace).as_bytes().to_vec();
        let second = (end / SECOND) as i64;
        // A block may say a time far from that of its spans.
        let second = if self.dice.percent(10) { second - 90_000 } else { second };
        self.places[rank].stored.put(id(trace), (second - 1, second), part(NAMES[rank], vec![span]));
        self.spans[trace].insert(self.written, (rank, wall_nanos()));
    }

    fn misbehave(&mut self) {
        let place = self.dice.below(3) as usize;
        let behaviours = [
            Behaviour::Well,
            Behaviour::Well,
            Behaviour::Well,
            Behaviour::Down,
            Behaviour::BlackHole,
            Behaviour::Slow(Duration::from_millis(300)),
            Behaviour::Slow(Duration::from_secs(60)),
            Behaviour::CutOff,
            Behaviour::Garbage,
            Behaviour::OtherTrace,
            Behaviour::Html,
            Behaviour::Throttled,
            Behaviour::ServerError,
            Behaviour::RejectsRequest,
            Behaviour::SaysPartial,
            Behaviour::TooLarge,
            Behaviour::TooFresh,
        ];
        let behaviour = *self.dice.of(&behaviours);
        self.places[place].simulated.behave(behaviour);
    }

    /// The same regions with another federation, while questions are open.
    fn reload(&mut self) {
        let regions = self.estate.regions.clone();
        self.before.push(self.estate.state.federation());
        let federation = Federation::new(regions, settings(self.seed), Arc::new(Plan::allow_all()));
        self.estate.state.swap(InForce::of(federation));
    }

    fn questions(&self) -> Vec<usize> {
        self.places.iter().map(|place| place.stored.questions()).collect()
    }

    fn is_idle(&self) -> bool {
        self.places.iter().all(|place| place.watched.open() == 0)
    }

    /// Some looks side by side, in whatever modes; one may be given up in the middle.
    async fn look(&mut self, tally: &mut Tally) {
        let trace = self.dice.below(2) as usize;
        let many = 1 + self.dice.below(3) as usize;
        let modes: Vec<&str> =
            (0..many).map(|_| *self.dice.of(&["fast", "fast", "best_effort", "strict"])).collect();
        let gives_up = self.dice.percent(10).then(|| Duration::from_millis(self.dice.below(500)));
        let (was_idle, asked, began) = (self.is_idle(), self.questions(), wall_nanos());
        let path = format!("/api/v2/traces/{}", id(trace));
        let looks = modes.iter().map(|mode| {
            let (estate, path) = (&self.estate, &path);
            async move { estate.ask(path, &[("tutti-mode", mode)]).await }
        });
        let looking = join_all(looks);
        let answers = match gives_up {
            Some(after) => tokio::time::timeout(after, looking).await.unwrap_or_default(),
            None => looking.await,
        };
        if was_idle {
            for (before, now) in asked.iter().zip(self.questions()) {
                // Once, and once more where what it sent within the times of the trace may not be all.
                assert!(now - before <= 2, "one flight for all who ask the same at the same time");
            }
        }
        for (mode, answer) in modes.iter().zip(&answers) {
            self.check(trace, mode, answer, began);
            tally.count(format!("{mode} {}", answer.outcome()));
            for (_, status) in answer.statuses() {
                tally.count(status);
            }
            tally.count(answer.header("tutti-cache"));
        }
    }

    fn check(&self, trace: usize, mode: &str, answer: &Answered, began: u64) {
        let shown = || format!("{mode} {:?} {}", answer.headers, answer.text());
        let limit = if mode == "fast" { FAST_MAX } else { DEADLINE };
        assert!(answer.took <= limit + SLACK, "{:?} {}", answer.took, shown());
        let regions = answer.regions();
        let is_whole = |status: &str| ["ok", "not_needed"].contains(&status);
        let all_whole = regions.iter().all(|region| is_whole(&region.status));
        let pending = regions.iter().any(|region| region.status == "pending");
        assert!(!pending || mode == "fast", "{}", shown());
        if pending {
            let again: u64 = answer.header("retry-after").parse().unwrap();
            assert!((1..=DEADLINE.as_secs()).contains(&again), "{}", shown());
        }
        match (answer.status.as_u16(), answer.outcome()) {
            (200, "complete") => {
                assert!(all_whole && regions.len() == NAMES.len(), "{}", shown());
                assert_eq!(answer.header("tutti-exactness"), "exact");
                let seen = seen::v2_json(answer);
                assert!(!seen.is_partial && seen.message.is_empty() && seen.synthetic().count() == 0);
                self.assert_is_whole(trace, &seen.ids(), began, answer);
            }
            (200, "partial") => {
                assert!(!all_whole && mode != "strict", "{}", shown());
                let seen = seen::v2_json(answer);
                assert!(seen.is_partial && !seen.message.is_empty(), "{}", shown());
                for region in regions.iter().filter(|region| !is_whole(&region.status)) {
                    assert!(seen.message.contains(&region.name), "{}", shown());
                }
                let known: BTreeSet<u64> = self.spans[trace].keys().copied().collect();
                assert!(seen.ids().iter().all(|id| known.contains(id)), "{}", shown());
            }
            (status, "refused") => {
                assert!(status >= 429 && !all_whole, "{}", shown());
                let named = regions.iter().filter(|region| !is_whole(&region.status));
                named.for_each(|region| assert!(answer.text().contains(&region.name), "{}", shown()));
            }
            _ => panic!("{}", shown()),
        }
    }

    /// Whole is what is there, but for what arrived in the seconds for which a young trace is remembered.
    fn assert_is_whole(&self, trace: usize, ids: &[u64], began: u64, answer: &Answered) {
        let spans = &self.spans[trace];
        let remembered = (HotSettings::GATEWAY.young + DEADLINE).as_nanos() as u64;
        let must: Vec<u64> = spans
            .iter()
            .filter(|(_, (_, written))| *written + remembered <= began)
            .map(|(id, _)| *id)
            .collect();
        assert!(must.iter().all(|id| ids.contains(id)), "{must:?} {ids:?} {:?}", answer.headers);
        assert!(ids.iter().all(|id| spans.contains_key(id)), "{ids:?}");
        for region in answer.regions().iter().filter(|region| region.status == "not_needed") {
            let rank = NAMES.iter().position(|name| *name == region.name).unwrap();
            assert!(trace == OLD && spans.values().all(|(at, _)| *at != rank), "{}", region.name);
        }
    }

    async fn assert_nothing_is_left(&self) {
        let seed = self.seed;
        tokio::time::sleep(DEADLINE).await;
        assert!(self.is_idle(), "seed {seed}: a question is open");
        let federations = self.before.iter().cloned().chain([self.estate.state.federation()]);
        for federation in federations {
            assert_eq!(federation.in_the_air(), 0, "seed {seed}");
        }
        assert_eq!(self.estate.metric("tutti_requests_in_flight").await, 0.0, "seed {seed}");
    }
}

async fn run(seed: u64, tally: &mut Tally) {
    let mut world = world(seed);
    for _ in 0..8 {
        match world.dice.below(10) {
            0..2 => world.misbehave(),
            2 => {
                let rank = world.dice.below(3) as usize;
                world.write(YOUNG, rank, 0);
            }
            3 => {
                let pause = Duration::from_millis(*world.dice.of(&[50, 400, 3_500, 12_000]));
                tokio::time::sleep(pause).await;
            }
            4 if world.dice.percent(30) => world.reload(),
            _ => world.look(tally).await,
        }
    }
    world.assert_nothing_is_left().await;
}

#[tokio::test(start_paused = true)]
async fn whatever_regions_do_no_answer_is_late_silently_partial_or_falsely_whole_and_nothing_is_left_over() {
    let mut tally = Tally::default();
    for seed in 0..SCHEDULES {
        run(seed, &mut tally).await;
    }
    let met = [
        "fast complete",
        "fast partial",
        "fast refused",
        "best_effort complete",
        "best_effort partial",
        "strict complete",
        "strict refused",
        "pending",
        "not_needed",
        "timeout",
        "unreachable",
        "overloaded",
        "error",
        "too_fresh",
        "rejected",
        "malformed",
        "cut_off",
        "too_large",
        "hit",
        "miss",
    ];
    for what in met {
        assert!(tally.0.contains_key(what), "no schedule led to `{what}`: {:?}", tally.0);
    }
}

/// The fault that a reload makes: what was asked with the configuration before ends with it.
#[tokio::test(start_paused = true)]
async fn a_reload_in_the_middle_of_a_look_takes_nothing_from_it() {
    let mut tally = Tally::default();
    for seed in 0..50 {
        let mut world = world(seed);
        let path = format!("/api/v2/traces/{}", id(OLD));
        let router = world.estate.router.clone();
        let looking = tokio::spawn(async move {
            let request = crate::estate::request(&path, &[]);
            let response = tower::ServiceExt::oneshot(router, request).await.unwrap();
            response.headers().get("tutti-outcome").unwrap().to_str().unwrap().to_owned()
        });
        tokio::time::sleep(Duration::from_millis(2)).await;
        world.reload();
        tally.count(looking.await.unwrap());
        world.assert_nothing_is_left().await;
    }
    assert!(tally.0.contains_key("complete"), "{:?}", tally.0);
}
