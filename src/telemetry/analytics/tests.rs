//! What a window holds, on paused time.

use super::*;
use crate::model::coverage::Owing;
use crate::model::{Jurisdiction, Mode, RegionReport};
use tokio::time::advance;

fn report(name: &str, status: RegionStatus, spans: u64, took_ms: u64) -> RegionReport {
    let region = RegionName::parse(name).unwrap();
    RegionReport {
        took: Duration::from_millis(took_ms),
        bytes: spans * 100,
        spans,
        attempts: 1,
        ..RegionReport::new(region, Jurisdiction::parse("EU").unwrap(), status)
    }
}

fn covering(regions: Vec<RegionReport>) -> Coverage {
    Coverage {
        mode: Mode::BestEffort,
        regions,
        owed: Owing::default(),
        is_size_limited: false,
        budget: None,
        plan_digest: String::new(),
    }
}

fn lookup(analytics: &Analytics, coverage: &Coverage, is_from_memory: bool) {
    analytics.note(&Ended {
        endpoint: Endpoint::TraceV2,
        outcome: coverage.outcome(),
        coverage: Some(coverage),
        is_from_memory,
        took: Duration::from_millis(200),
    });
}

#[tokio::test(start_paused = true)]
async fn a_window_counts_what_was_in_it_and_forgets_what_is_older() {
    let analytics = Analytics::default();
    let both = covering(vec![report("eu", RegionStatus::Ok, 3, 80), report("us", RegionStatus::Ok, 2, 190)]);
    let one =
        covering(vec![report("eu", RegionStatus::Ok, 3, 80), report("us", RegionStatus::Timeout, 0, 900)]);
    lookup(&analytics, &both, false);
    advance(Duration::from_secs(600)).await;
    lookup(&analytics, &one, false);
    lookup(&analytics, &both, true);
    let hour = analytics.last(WINDOW_MAX);
    assert_eq!(hour.covers, Duration::from_secs(600));
    let tally = &hour.tally;
    assert_eq!((tally.answers, tally.found, tally.multi_region), (3, 3, 2));
    assert_eq!((tally.lookups, tally.from_memory, tally.partial), (3, 1, 1));
    assert_eq!(tally.why, BTreeMap::from([("region_missing", 1)]));
    let us = &tally.regions[&RegionName::parse("us").unwrap()];
    // What comes from memory asked nobody.
    assert_eq!((us.latencies.count(), us.bytes, us.failed), (2, 200, 1));
    assert_eq!(us.why, BTreeMap::from([("timeout", 1)]));
    assert_eq!(tally.federated.count(), 2);
    // Of five minutes, the first is not.
    assert_eq!(analytics.last(Duration::from_secs(300)).tally.answers, 2);
    advance(Duration::from_secs(3600)).await;
    let later = analytics.last(WINDOW_MAX);
    assert_eq!((later.tally, later.covers), (Tally::default(), WINDOW_MAX - STEP));
}

#[tokio::test(start_paused = true)]
async fn the_ring_is_as_long_as_an_hour_however_long_it_runs() {
    let analytics = Analytics::default();
    let both = covering(vec![report("eu", RegionStatus::Ok, 1, 1), report("us", RegionStatus::Ok, 1, 1)]);
    for _ in 0..500 {
        lookup(&analytics, &both, false);
        advance(STEP).await;
    }
    assert_eq!(analytics.steps().len(), STEPS_MAX);
    // The step that has just begun is empty.
    assert_eq!(analytics.last(WINDOW_MAX).tally.answers, 59);
}

#[tokio::test(start_paused = true)]
async fn what_was_not_asked_has_no_time_and_what_is_awaited_none_yet() {
    let analytics = Analytics::default();
    let coverage = covering(vec![
        report("eu", RegionStatus::Ok, 1, 1),
        report("us", RegionStatus::NotNeeded, 0, 0),
        report("ap", RegionStatus::Pending, 0, 300),
    ]);
    lookup(&analytics, &coverage, false);
    let regions = analytics.last(STEP).tally.regions;
    assert!(!regions.contains_key(&RegionName::parse("us").unwrap()));
    let ap = &regions[&RegionName::parse("ap").unwrap()];
    assert_eq!((ap.latencies.count(), ap.failed), (0, 1));
}
