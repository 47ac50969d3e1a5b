//! Replicas behind the layers of their region, on paused time and with faults by seed.

use std::ops::Range;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::time::advance;

use super::*;
use crate::backend::Region;
use crate::backend::call::RegionTrace;
use crate::backend::fake::{Fake, Turn, call_within, search_within};
use crate::backend::settings::{BreakerSettings, RetrySettings};
use crate::model::{Jurisdiction, RegionName};
use crate::task::Group;

const SECOND: Duration = Duration::from_secs(1);
const MS: Duration = Duration::from_millis(1);

fn settings() -> LayerSettings {
    LayerSettings {
        deadline: 5 * SECOND,
        breaker: BreakerSettings { failures_max: 5, pause: SECOND, pause_max: 8 * SECOND },
        retry: RetrySettings { budget_percent: 20, quick: 100 * MS },
        ..LayerSettings::default()
    }
}

fn region_of(fakes: &[Arc<Fake>], settings: LayerSettings) -> Arc<Region> {
    let name = RegionName::parse("eu-central").unwrap();
    let jurisdiction = Jurisdiction::parse("EU").unwrap();
    let mut all = fakes.iter().cloned().map(|fake| fake as Arc<dyn Backend>);
    let first = all.next().unwrap();
    Arc::new(Region::of_replicas(name, jurisdiction, (first, all.collect()), settings))
}

fn two() -> [Arc<Fake>; 2] {
    [Fake::new(&[Turn::Answer]), Fake::new(&[Turn::Answer])]
}

async fn ask(region: &Region) -> Result<RegionTrace, Fault> {
    region.trace_by_id(call_within(20 * SECOND)).await
}

/// Asks one after the other, so many in all; the answers that were no answers.
async fn ask_often(region: &Region, often: usize) -> usize {
    let mut failed = 0;
    for _ in 0..often {
        failed += usize::from(ask(region).await.is_err());
    }
    failed
}

fn asked(fakes: &[Arc<Fake>]) -> Vec<usize> {
    fakes.iter().map(|fake| fake.asked()).collect()
}

#[tokio::test(start_paused = true)]
async fn a_second_attempt_goes_to_another_replica() {
    let fakes = [Fake::new(&[Turn::Break]), Fake::new(&[Turn::Answer])];
    let region = region_of(&fakes, settings());
    for _ in 0..6 {
        assert!(ask(&region).await.is_ok());
    }
    assert_eq!(fakes[1].asked(), 6, "each is answered there, be it the second time");
}

#[tokio::test(start_paused = true)]
async fn a_flapping_replica_costs_nobody_an_answer_and_is_asked_again_when_it_stays() {
    for seed in 0..20 {
        let fakes = two();
        // What is tried here is where attempts go, and not how many there may be.
        let retry = RetrySettings { budget_percent: 100, ..settings().retry };
        let region = region_of(&fakes, LayerSettings { retry, ..settings() });
        let mut dice = StdRng::seed_from_u64(seed);
        for _ in 0..40 {
            fakes[0].script(&[if dice.random_bool(0.5) { Turn::Break } else { Turn::Answer }]);
            let phase: Range<u64> = 1..2000;
            for _ in 0..dice.random_range(1..20) {
                assert!(ask(&region).await.is_ok(), "seed {seed}");
            }
            advance(Duration::from_millis(dice.random_range(phase))).await;
        }
        fakes[0].script(&[Turn::Answer]);
        advance(20 * SECOND).await;
        ask_often(&region, 10).await;
        advance(20 * SECOND).await;
        let before = fakes[0].asked();
        ask_often(&region, 100).await;
        assert!(fakes[0].asked() - before > 20, "seed {seed}: {}", fakes[0].asked() - before);
        assert_eq!(region.load().put.out, 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_replica_that_answers_ever_later_is_ejected_and_comes_back_slowly() {
    let fakes = [Fake::new(&[Turn::Answer]), Fake::new(&[Turn::Answer]), Fake::new(&[Turn::Answer])];
    fakes.iter().for_each(|fake| fake.takes(10 * MS));
    let region = region_of(&fakes, settings());
    ask_often(&region, 100).await;
    fakes[0].takes(2 * SECOND);
    let tasks = Group::new();
    for _ in 0..8 {
        let region = region.clone();
        tasks.spawn(async move {
            for _ in 0..200 {
                assert!(ask(&region).await.is_ok());
                sleep(10 * MS).await;
            }
        });
    }
    tasks.drained().await;
    let slow = fakes[0].asked();
    assert!(region.load().put.ejections >= 1, "{:?}", asked(&fakes));
    assert!(slow < 1700 / 10, "{:?}", asked(&fakes));
    fakes[0].takes(10 * MS);
    for _ in 0..60 {
        ask_often(&region, 3).await;
        advance(SECOND).await;
    }
    assert_eq!(region.load().put.out, 0);
    assert!(fakes[0].asked() > slow + 10, "{:?}", asked(&fakes));
}

#[tokio::test(start_paused = true)]
async fn a_second_replica_is_asked_once_the_first_is_later_than_most_and_the_first_is_then_let_go_of() {
    let fakes = two();
    fakes.iter().for_each(|fake| fake.takes(20 * MS));
    let region = region_of(&fakes, settings());
    ask_often(&region, 100).await;
    assert_eq!(region.load().put.hedged, 0, "nobody was late");
    // One question finds a replica that never answers it; which one is chance.
    fakes.iter().for_each(|fake| fake.script(&[Turn::Never, Turn::Answer]));
    fakes[1].script(&[Turn::Answer]);
    let mut late = None;
    for _ in 0..60 {
        let began = Instant::now();
        let reply = ask(&region).await.unwrap();
        if reply.hedged > 0 {
            late = Some((reply.attempts, reply.hedged, began.elapsed()));
            break;
        }
    }
    let (attempts, hedged, took) = late.unwrap();
    assert_eq!((attempts, hedged), (2, 1));
    assert!(
        took >= 40 * MS && took <= 60 * MS,
        "the usual time of nearly all, and that of the second: {took:?}"
    );
    let put = region.load().put;
    assert_eq!((put.hedged, put.hedges_won), (1, 1));
    assert_eq!(fakes[0].under_way() + fakes[1].under_way(), 0, "nobody works on what nobody waits for");
}

#[tokio::test(start_paused = true)]
async fn nobody_is_asked_twice_blindly_nor_where_there_is_one_place() {
    let fakes = two();
    let region = region_of(&fakes, settings());
    fakes.iter().for_each(|fake| fake.takes(SECOND));
    ask_often(&region, 10).await;
    assert_eq!(region.load().put.hedged, 0, "of ten answers nothing is known");
    let alone = [Fake::new(&[Turn::Answer])];
    let region = region_of(&alone, settings());
    ask_often(&region, 100).await;
    alone[0].takes(SECOND);
    ask_often(&region, 100).await;
    assert_eq!((region.load().put.hedged, alone[0].asked()), (0, 200));
}

#[tokio::test(start_paused = true)]
async fn hedges_stay_within_their_budget_when_everything_is_slow() {
    for seed in 0..5 {
        let fakes = two();
        let region = region_of(&fakes, settings());
        let mut dice = StdRng::seed_from_u64(seed);
        ask_often(&region, 200).await;
        let began = Instant::now();
        let before = region.load().put.hedged;
        for _ in 0..500 {
            fakes.iter().for_each(|fake| fake.takes(MS * dice.random_range(1..400)));
            assert!(ask(&region).await.is_ok());
        }
        let seconds = began.elapsed().as_secs_f64();
        let hedged = (region.load().put.hedged - before) as f64;
        // What was saved up, a twentieth of the answers, and the trickle.
        let most = HEDGES_FIRST.max(200.0 * 0.05 + 1.0) + 500.0 * 0.05 + seconds * HEDGES_PER_SECOND + 1.0;
        assert!(hedged > 5.0 && hedged <= most, "seed {seed}: {hedged} of {most}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_region_that_wants_rest_is_not_asked_until_then_and_only_that_kind_of_question() {
    let fake = [Fake::new(&[Turn::Rests(3), Turn::Answer])];
    let region = region_of(&fake, settings());
    assert_eq!(ask(&region).await.unwrap_err().status, RegionStatus::Overloaded);
    let fault = ask(&region).await.unwrap_err();
    assert_eq!((fault.status, fault.attempts, fault.is_blameless), (RegionStatus::Overloaded, 0, true));
    assert!(fault.detail.contains("another 3 s"), "{}", fault.detail);
    assert_eq!(fake[0].asked(), 1);
    assert!(region.search(search_within(SECOND)).await.is_ok(), "searches it did not refuse");
    advance(3 * SECOND).await;
    assert!(ask(&region).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn where_one_replica_wants_rest_the_other_is_asked() {
    let fakes = [Fake::new(&[Turn::Rests(30)]), Fake::new(&[Turn::Answer])];
    let region = region_of(&fakes, settings());
    let failed = ask_often(&region, 50).await;
    assert!(failed <= 1 && fakes[0].asked() <= 1, "one question at most finds out");
    assert_eq!(region.circuit(), crate::backend::CircuitState::Closed);
}

#[tokio::test(start_paused = true)]
async fn a_region_of_which_one_replica_is_there_is_there() {
    let fakes = two();
    fakes[0].probes(Turn::Break);
    let region = region_of(&fakes, settings());
    let watch = Group::new();
    let watched = region.clone();
    watch.spawn(async move { watched.watch().await });
    sleep(60 * SECOND).await;
    assert_eq!(region.circuit(), crate::backend::CircuitState::Closed);
    fakes[1].probes(Turn::Break);
    sleep(60 * SECOND).await;
    assert_ne!(region.circuit(), crate::backend::CircuitState::Closed);
}
