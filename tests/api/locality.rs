//! Knowing where a trace is spares questions and changes no answer: a region is left out on proof alone, and what it
//! was asked for in part is asked for again where a part may be missing.

use std::sync::Arc;
use std::time::Duration;

use tutti::backend::Backend;
use tutti::cache::{HotSettings, LocalitySettings};
use tutti::federation::FederationSettings;
use tutti::model::TraceId;
use tutti::task::clock::wall_nanos;

use crate::dice::Dice;
use crate::estate::{Answered, Estate, Setup};
use crate::fakes::{Elsewhere, holding};
use crate::seen;
use crate::spans::{ID, INTERNAL, SERVER, at, part, span};
use crate::stored::Stored;

const SECOND: u64 = 1_000_000_000;
const NAMES: [&str; 3] = ["us-east", "us-west", "eu-central"];
const TRACES: u64 = 4;

fn id(nth: u64) -> TraceId {
    TraceId::parse(&format!("{:032x}", nth + 1)).unwrap()
}

/// How late a span may be.
fn lateness() -> Duration {
    HotSettings::GATEWAY.lateness
}

/// The same regions behind a gateway that remembers where traces are, and behind one that does not. Neither remembers
/// the traces themselves.
struct World {
    regions: Vec<Arc<Stored>>,
    knowing: Estate,
    forgetful: Estate,
    spans: u64,
    /// By trace: when its last span ended, in wall nanoseconds; nothing where it has none.
    ends: Vec<u64>,
    /// By trace: an id of a span for others to hang below.
    roots: Vec<Option<u64>>,
}

fn world() -> World {
    let regions: Vec<Arc<Stored>> = NAMES.iter().map(|_| Arc::new(Stored::default())).collect();
    let estate = |locality| {
        let hot = HotSettings { bytes_max: 0, ..HotSettings::GATEWAY };
        let federation = FederationSettings { hot, locality, ..FederationSettings::default() };
        let named = NAMES.into_iter().zip(regions.iter().cloned().map(|region| region as Arc<dyn Backend>));
        Setup { federation, ..Setup::default() }.over(named.collect())
    };
    let (knowing, forgetful) = (estate(LocalitySettings::GATEWAY), estate(LocalitySettings::NONE));
    let many = TRACES as usize;
    World { knowing, forgetful, regions, spans: 0, ends: vec![0; many], roots: vec![None; many] }
}

impl World {
    /// A span that has just ended, in some region; its block may say another time than its spans do.
    fn write(&mut self, nth: u64, rank: usize, skew_seconds: i64, is_orphan: bool) {
        self.spans += 1;
        let (number, now) = (self.spans, wall_nanos());
        let parent = self.roots[nth as usize];
        self.roots[nth as usize].get_or_insert(number);
        let parent = if is_orphan { Some(10_000_000 + number) } else { parent };
        let kind = if parent.is_none() { SERVER } else { INTERNAL };
        let mut written = at(span(number, parent, kind), now - SECOND, now);
        written.trace_id = id(nth).as_bytes().to_vec();
        let second = (now / SECOND) as i64 + skew_seconds;
        self.regions[rank].put(id(nth), (second - 1, second), part(NAMES[rank], vec![written]));
        self.ends[nth as usize] = now;
    }

    /// Whether a span of it may still arrive.
    fn may_grow(&self, nth: u64) -> bool {
        let end = self.ends[nth as usize];
        end == 0 || wall_nanos() < end + lateness().as_nanos() as u64
    }

    async fn look(&self, nth: u64) -> (Answered, Answered) {
        let path = format!("/api/v2/traces/{}", id(nth));
        (self.knowing.get(&path).await, self.forgetful.get(&path).await)
    }

    async fn count(&self, name: &str) -> f64 {
        self.knowing.metric(&format!("tutti_locality_{name}_total")).await
    }
}

/// Over random schedules of lookups, writes and time, with blocks that say the wrong time among them.
#[tokio::test(start_paused = true)]
async fn an_estate_that_remembers_where_traces_are_answers_byte_for_byte_as_one_that_does_not() {
    let (mut skipped, mut narrowed, mut again) = (0.0, 0.0, 0.0);
    for seed in 0..200 {
        let mut dice = Dice(seed);
        let mut world = world();
        for step in 0..40 {
            let nth = dice.below(TRACES);
            match dice.below(10) {
                0..3 if world.may_grow(nth) => {
                    let skew = if dice.percent(20) { -90_000 } else { 0 };
                    let (rank, is_orphan) = (dice.below(3) as usize, dice.percent(10));
                    world.write(nth, rank, skew, is_orphan);
                }
                3..5 => tokio::time::sleep(Duration::from_secs(dice.below(1500))).await,
                _ => {
                    let (knowing, forgetful) = world.look(nth).await;
                    assert_eq!(knowing.status, forgetful.status, "seed {seed}, step {step}");
                    assert_eq!(knowing.body, forgetful.body, "seed {seed}, step {step}");
                    assert_eq!(knowing.outcome(), forgetful.outcome(), "seed {seed}, step {step}");
                }
            }
        }
        skipped += world.count("skips").await;
        narrowed += world.count("narrowed").await;
        again += world.count("asked_again").await;
    }
    assert!(skipped > 0.0 && narrowed > 0.0 && again > 0.0, "{skipped} {narrowed} {again}");
}

#[tokio::test(start_paused = true)]
async fn a_region_that_had_nothing_of_an_old_trace_is_left_out_and_said_to_be() {
    let mut world = world();
    world.write(0, 0, 0, false);
    tokio::time::sleep(lateness()).await;
    world.look(0).await;
    let asked: Vec<usize> = world.regions.iter().map(|region| region.questions()).collect();
    let (known, _) = world.look(0).await;
    assert_eq!((known.outcome(), known.header("tutti-exactness")), ("complete", "exact"));
    assert_eq!(
        known.statuses().into_iter().map(|(_, status)| status).collect::<Vec<_>>(),
        ["ok", "not_needed", "not_needed"]
    );
    let now: Vec<usize> = world.regions.iter().map(|region| region.questions()).collect();
    // The other estate asks everyone.
    assert_eq!(now, [asked[0] + 2, asked[1] + 1, asked[2] + 1]);
    assert_eq!(world.regions[0].narrowed(), 1);
    let report = world.knowing.get(&format!("/api/tutti/v1/traces/{}", id(0))).await.json()["report"].clone();
    let why = "an earlier look found nothing there, and the trace has long been over";
    assert_eq!(report["regions"][1]["detail"], why);
    // Not for ever.
    tokio::time::sleep(LocalitySettings::GATEWAY.kept_for).await;
    let (anew, _) = world.look(0).await;
    assert_eq!(anew.status_of("us-west"), "ok");
}

#[tokio::test(start_paused = true)]
async fn a_trace_that_may_grow_or_misses_a_parent_is_asked_of_everyone() {
    let mut world = world();
    world.write(0, 0, 0, false);
    world.write(1, 0, 0, true);
    world.look(0).await;
    let (young, _) = world.look(0).await;
    assert_eq!(young.status_of("eu-central"), "ok", "it may still grow");
    tokio::time::sleep(lateness()).await;
    world.look(1).await;
    let (orphan, _) = world.look(1).await;
    assert_eq!(orphan.status_of("eu-central"), "ok", "its parent is somewhere, or yet to end");
}

#[tokio::test(start_paused = true)]
async fn a_region_that_sends_less_within_the_times_of_the_trace_is_asked_again_without() {
    let mut world = world();
    world.write(0, 0, 0, false);
    // Its block says a time a day before.
    world.write(0, 2, -90_000, false);
    tokio::time::sleep(lateness()).await;
    world.look(0).await;
    let (known, forgetful) = world.look(0).await;
    assert_eq!(seen::v2_json(&known).ids(), [1, 2]);
    assert_eq!(known.body, forgetful.body);
    assert_eq!(world.count("asked_again").await, 1.0);
}

#[tokio::test(start_paused = true)]
async fn what_was_not_whole_teaches_nothing() {
    let mut world = world();
    world.write(0, 0, 0, false);
    tokio::time::sleep(lateness()).await;
    let path = format!("/api/v2/traces/{}?start=1&end=2", id(0));
    world.knowing.get(&path).await;
    let (answer, _) = world.look(0).await;
    assert_eq!(answer.status_of("eu-central"), "ok", "a look at other times says nothing of where it is");
}

#[tokio::test(start_paused = true)]
async fn a_search_that_assembled_a_trace_has_learnt_where_it_is() {
    let end = wall_nanos() - 3_600 * SECOND;
    let held = holding(&part("shop", vec![at(span(1, None, SERVER), end - SECOND, end)]));
    let other = holding(&part("billing", vec![at(span(2, None, SERVER), end - SECOND, end)]));
    let regions: Vec<(&str, Arc<dyn Backend>)> =
        vec![("us-east", Arc::new(Elsewhere(held))), ("eu-central", Arc::new(Elsewhere(other.clone())))];
    let hot = HotSettings { bytes_max: 0, ..HotSettings::GATEWAY };
    let federation =
        FederationSettings { hot, locality: LocalitySettings::GATEWAY, ..FederationSettings::default() };
    let estate = Setup { federation, ..Setup::default() }.over(regions);
    let seconds = end / SECOND;
    let path =
        format!("/api/search?q=%7B%7D%20%7C%20count()%20%3E%200&start={}&end={}", seconds - 60, seconds + 60);
    let found = estate.get(&path).await;
    assert_eq!(found.outcome(), "complete", "{}", found.text());
    assert_eq!(found.json()["traces"].as_array().unwrap().len(), 1);
    estate.get(&format!("/api/v2/traces/{ID}")).await;
    assert!(estate.metric("tutti_locality_hits_total").await >= 1.0);
}

#[tokio::test(start_paused = true)]
async fn where_a_trace_is_not_what_it_was_whoever_was_left_out_is_asked_after_all() {
    let mut world = world();
    world.write(0, 0, 0, false);
    tokio::time::sleep(lateness() + Duration::from_secs(60)).await;
    world.look(0).await;
    // Later than spans may be: somebody plays an outage's spans in, here and there.
    for rank in [0, 1] {
        world.write(0, rank, 0, false);
    }
    for _ in 0..2 {
        let (knowing, forgetful) = world.look(0).await;
        assert_eq!(knowing.body, forgetful.body);
        assert_eq!(knowing.outcome(), forgetful.outcome());
    }
}
