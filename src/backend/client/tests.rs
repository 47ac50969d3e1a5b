//! The layers together, over a scripted backend and on paused time.

use futures::future::join_all;
use tokio::time::{advance, timeout};

use super::super::fake::{Fake, Turn, call_within, search_within};
use super::super::settings::{BreakerSettings, RetrySettings};
use super::*;
use crate::model::RegionStatus;
use crate::task::Group;

const SECOND: Duration = Duration::from_secs(1);

fn settings() -> LayerSettings {
    LayerSettings {
        deadline: 5 * SECOND,
        concurrent_max: 4,
        breaker: BreakerSettings { failures_max: 3, pause: SECOND, pause_max: 8 * SECOND },
        retry: RetrySettings { budget_percent: 20, quick: Duration::from_millis(100) },
        probe_interval: 10 * SECOND,
        ..LayerSettings::default()
    }
}

fn region(fake: &Arc<Fake>, settings: LayerSettings) -> Arc<Region> {
    let name = RegionName::parse("eu-central").unwrap();
    let jurisdiction = Jurisdiction::parse("EU").unwrap();
    Arc::new(Region::new(name, jurisdiction, fake.clone(), settings))
}

async fn ask(region: &Region) -> Result<RegionTrace, Fault> {
    region.trace_by_id(call_within(20 * SECOND)).await
}

async fn status(region: &Region) -> RegionStatus {
    ask(region).await.map_or_else(|fault| fault.status, |_| RegionStatus::Ok)
}

fn watched(region: &Arc<Region>) -> Group {
    let group = Group::new();
    let region = region.clone();
    group.spawn(async move { region.watch().await });
    group
}

#[tokio::test(start_paused = true)]
async fn slow_and_dead_have_the_same_outcome_at_the_same_moment() {
    let mut outcomes = Vec::new();
    for (turn, takes) in [(Turn::Never, SECOND), (Turn::Answer, 60 * SECOND)] {
        let fake = Fake::new(&[turn]);
        fake.takes(takes);
        let region = region(&fake, settings());
        let began = Instant::now();
        let fault = ask(&region).await.unwrap_err();
        assert_eq!((fault.status, fault.attempts), (RegionStatus::Timeout, 1));
        outcomes.push((fault, began.elapsed()));
    }
    assert_eq!(outcomes[0], outcomes[1]);
    assert_eq!(outcomes[0].1.as_secs(), 5);
}

#[tokio::test(start_paused = true)]
async fn the_earlier_of_two_deadlines_holds() {
    for (own, callers, expected) in [(5, 2, 2), (2, 5, 2)] {
        let fake = Fake::new(&[Turn::Never]);
        let region = region(&fake, LayerSettings { deadline: own * SECOND, ..settings() });
        let began = Instant::now();
        let outcome = region.trace_by_id(call_within(callers * SECOND)).await;
        assert_eq!(outcome.unwrap_err().status, RegionStatus::Timeout);
        assert_eq!(began.elapsed().as_secs(), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn no_more_than_the_limit_are_under_way_and_the_rest_wait_their_turn() {
    let fake = Fake::new(&[Turn::Answer]);
    fake.takes(SECOND);
    let region = region(&fake, settings());
    let began = Instant::now();
    let outcomes = join_all((0..8).map(|_| ask(&region))).await;
    assert!(outcomes.iter().all(Result::is_ok));
    assert_eq!(fake.at_once_max.load(std::sync::atomic::Ordering::SeqCst), 4);
    assert_eq!(began.elapsed().as_secs(), 2);
}

#[tokio::test(start_paused = true)]
async fn waiting_in_line_counts_towards_the_deadline_and_not_against_the_region() {
    let fake = Fake::new(&[Turn::Answer]);
    fake.takes(4 * SECOND);
    let region = region(&fake, settings());
    let began = Instant::now();
    let outcomes = join_all((0..12).map(|_| ask(&region))).await;
    assert_eq!(began.elapsed().as_secs(), 5);
    let (answered, late): (Vec<_>, Vec<_>) = outcomes.into_iter().partition(Result::is_ok);
    assert_eq!((answered.len(), late.len()), (4, 8));
    let in_line: Vec<_> = late.into_iter().filter_map(Result::err).filter(|f| f.attempts == 0).collect();
    assert_eq!(in_line.len(), 4, "four had begun and were late, four were never asked");
    assert!(in_line.iter().all(|fault| fault.status == RegionStatus::Timeout));
}

#[tokio::test(start_paused = true)]
async fn a_burst_that_waits_in_vain_does_not_close_off_a_region_that_answers() {
    let fake = Fake::new(&[Turn::Answer]);
    fake.takes(5 * SECOND - Duration::from_millis(10));
    let region = region(&fake, settings());
    // Four are answered just in time, four are asked when it is nearly over, four never.
    let outcomes = join_all((0..12).map(|_| ask(&region))).await;
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 4);
    assert_eq!(fake.asked(), 8);
    assert_eq!(region.circuit(), CircuitState::Closed);
}

#[tokio::test(start_paused = true)]
async fn callers_in_a_hurry_do_not_close_off_a_far_region() {
    let fake = Fake::new(&[Turn::Answer]);
    fake.takes(SECOND / 2);
    let region = region(&fake, settings());
    for _ in 0..10 {
        let outcome = region.trace_by_id(call_within(SECOND / 4)).await;
        assert_eq!(outcome.unwrap_err().status, RegionStatus::Timeout);
    }
    assert_eq!(region.circuit(), CircuitState::Closed);
}

#[tokio::test(start_paused = true)]
async fn a_caller_who_leaves_gives_its_place_back() {
    let fake = Fake::new(&[Turn::Never, Turn::Never, Turn::Never, Turn::Never, Turn::Answer]);
    let region = region(&fake, settings());
    let left = timeout(SECOND, join_all((0..4).map(|_| ask(&region)))).await;
    assert!(left.is_err());
    assert_eq!(status(&region).await, RegionStatus::Ok);
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_breaks_at_once_is_tried_once_more() {
    let fake = Fake::new(&[Turn::Break, Turn::Answer]);
    let region = region(&fake, settings());
    assert_eq!(ask(&region).await.unwrap().attempts, 2);
    fake.script(&[Turn::Break]);
    let fault = ask(&region).await.unwrap_err();
    assert_eq!((fault.attempts, fake.asked()), (2, 4));
}

#[tokio::test(start_paused = true)]
async fn a_failure_that_took_its_time_is_not_tried_again() {
    let fake = Fake::new(&[Turn::Break]);
    fake.takes(SECOND);
    let region = region(&fake, settings());
    assert_eq!(ask(&region).await.unwrap_err().attempts, 1);
    assert_eq!(fake.asked(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_a_fault_is_not_asked_for_again() {
    for status in [RegionStatus::Overloaded, RegionStatus::Rejected, RegionStatus::Error] {
        let fake = Fake::new(&[Turn::Fail(status)]);
        let region = region(&fake, settings());
        assert_eq!(ask(&region).await.unwrap_err().status, status);
        assert_eq!(fake.asked(), 1, "{status:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_budget_of_nothing_turns_retries_off() {
    let fake = Fake::new(&[Turn::Break]);
    let retry = RetrySettings { budget_percent: 0, ..settings().retry };
    let region = region(&fake, LayerSettings { retry, ..settings() });
    assert_eq!(ask(&region).await.unwrap_err().attempts, 1);
    assert_eq!(fake.asked(), 1);
}

#[tokio::test(start_paused = true)]
async fn retries_end_when_the_budget_is_spent() {
    let fake = Fake::new(&[Turn::Break]);
    let breaker = BreakerSettings { failures_max: 1000, ..settings().breaker };
    let region = region(&fake, LayerSettings { breaker, concurrent_max: 100, ..settings() });
    join_all((0..100).map(|_| ask(&region))).await;
    assert_eq!(fake.asked() - 100, 10, "one a second over the ten seconds that count");
}

#[tokio::test(start_paused = true)]
async fn a_dead_region_is_refused_at_once_after_a_few_and_comes_back_by_a_probe() {
    let fake = Fake::new(&[Turn::Never]);
    fake.probes(Turn::Never);
    let region = region(&fake, settings());
    for _ in 0..3 {
        assert_eq!(status(&region).await, RegionStatus::Timeout);
    }
    let began = Instant::now();
    let fault = ask(&region).await.unwrap_err();
    assert_eq!((fault.status, fault.attempts), (RegionStatus::CircuitOpen, 0));
    assert!(began.elapsed().is_zero());
    assert_eq!(fake.asked(), 3);

    fake.script(&[Turn::Answer]);
    fake.probes(Turn::Answer);
    // No question brings it back, however long it waits.
    advance(60 * SECOND).await;
    assert_eq!(status(&region).await, RegionStatus::CircuitOpen);

    let _watch = watched(&region);
    tokio::time::sleep(SECOND).await;
    assert_eq!(region.circuit().as_str(), "half_open");
    assert_eq!(status(&region).await, RegionStatus::Ok);
    assert_eq!(region.circuit(), CircuitState::Closed);
}

#[tokio::test(start_paused = true)]
async fn a_trial_whose_caller_leaves_leaves_the_trial_to_the_next() {
    let fake = Fake::new(&[Turn::Fail(RegionStatus::Error)]);
    let region = region(&fake, settings());
    for _ in 0..3 {
        assert_eq!(status(&region).await, RegionStatus::Error);
    }
    advance(2 * SECOND).await;
    region.probe().await;
    fake.script(&[Turn::Never, Turn::Answer]);
    let mut trial = Box::pin(ask(&region));
    assert!(timeout(SECOND, &mut trial).await.is_err());
    assert_eq!(status(&region).await, RegionStatus::CircuitOpen, "one trial at a time");
    drop(trial);
    assert_eq!(status(&region).await, RegionStatus::Ok);
    assert_eq!(region.circuit(), CircuitState::Closed);
}

#[tokio::test(start_paused = true)]
async fn a_region_is_probed_from_the_start_and_again_and_again() {
    let fake = Fake::new(&[Turn::Answer]);
    let region = region(&fake, settings());
    assert_eq!(region.info(), RegionInfo::default());
    let _watch = watched(&region);
    tokio::time::sleep(Duration::from_millis(10)).await;
    assert_eq!(fake.probed(), 1);
    assert_eq!(region.info().version.as_deref(), Some("2.8.0"));
    tokio::time::sleep(100 * SECOND).await;
    assert!((9..=12).contains(&fake.probed()), "{} probes in 100 s", fake.probed());
}

#[tokio::test(start_paused = true)]
async fn a_region_that_dies_at_night_is_closed_off_before_anyone_asks() {
    let fake = Fake::new(&[Turn::Never]);
    fake.probes(Turn::Fail(RegionStatus::Unreachable));
    let region = region(&fake, settings());
    let _watch = watched(&region);
    tokio::time::sleep(4 * SECOND).await;
    assert_eq!(status(&region).await, RegionStatus::CircuitOpen);
    assert_eq!(fake.asked(), 0);
}

#[tokio::test(start_paused = true)]
async fn an_opening_circuit_is_probed_after_its_pause_and_not_after_the_usual_wait() {
    let fake = Fake::new(&[Turn::Fail(RegionStatus::Error)]);
    let region = region(&fake, settings());
    let _watch = watched(&region);
    tokio::time::sleep(SECOND).await;
    for _ in 0..3 {
        assert_eq!(status(&region).await, RegionStatus::Error);
    }
    assert_eq!((region.circuit().as_str(), fake.probed()), ("open", 1));
    tokio::time::sleep(SECOND + Duration::from_millis(50)).await;
    assert_eq!((region.circuit().as_str(), fake.probed()), ("half_open", 2));
}

#[tokio::test(start_paused = true)]
async fn a_dead_region_is_probed_ever_more_seldom() {
    let fake = Fake::new(&[Turn::Never]);
    fake.probes(Turn::Fail(RegionStatus::Unreachable));
    let region = region(&fake, settings());
    let _watch = watched(&region);
    tokio::time::sleep(100 * SECOND).await;
    // Three a second apart, then 1, 2, 4 and from there 8 seconds apart.
    assert!((14..=18).contains(&fake.probed()), "{} probes in 100 s", fake.probed());
}

#[tokio::test(start_paused = true)]
async fn a_region_that_is_slower_with_a_probe_than_with_its_connection_is_not_closed_off() {
    // Slow to say its version, within what a question may take; and one with less time for a question than
    // making a first connection takes.
    for (deadline, takes) in [(20 * SECOND, 8 * SECOND), (SECOND / 5, SECOND / 2)] {
        let fake = Fake::new(&[Turn::Answer]);
        fake.takes(takes);
        let region = region(&fake, LayerSettings { deadline, ..settings() });
        let _watch = watched(&region);
        tokio::time::sleep(120 * SECOND).await;
        assert_eq!(region.circuit().as_str(), "closed", "{deadline:?}");
        assert!(region.info().version.is_some(), "{deadline:?}");
    }
}

async fn search(region: &Region) -> RegionStatus {
    let answer = region.search(search_within(20 * SECOND)).await;
    answer.map_or_else(|fault| fault.status, |_| RegionStatus::Ok)
}

#[tokio::test(start_paused = true)]
async fn questions_of_every_kind_share_one_circuit() {
    let fake = Fake::new(&[Turn::Fail(RegionStatus::Error)]);
    let region = region(&fake, settings());
    for _ in 0..2 {
        assert_eq!(search(&region).await, RegionStatus::Error);
    }
    assert_eq!(status(&region).await, RegionStatus::Error);
    assert_eq!(search(&region).await, RegionStatus::CircuitOpen);
    assert_eq!(status(&region).await, RegionStatus::CircuitOpen);
    assert_eq!(fake.asked(), 3);
}

#[tokio::test(start_paused = true)]
async fn questions_of_every_kind_share_the_places() {
    let fake = Fake::new(&[Turn::Answer]);
    let region = region(&fake, settings());
    let searches = join_all((0..10).map(|_| search(&region)));
    let lookups = join_all((0..10).map(|_| status(&region)));
    futures::future::join(searches, lookups).await;
    assert_eq!((fake.asked(), fake.at_once_max.load(std::sync::atomic::Ordering::SeqCst)), (20, 4));
}

#[tokio::test(start_paused = true)]
async fn a_search_is_asked_again_where_the_region_did_no_work_for_it() {
    let fake = Fake::new(&[Turn::Break, Turn::Answer]);
    let region = region(&fake, settings());
    let answer = region.search(search_within(20 * SECOND)).await.unwrap();
    assert_eq!((answer.attempts, fake.asked()), (2, 2));
}

#[tokio::test(start_paused = true)]
async fn a_query_that_fails_by_itself_says_nothing_of_its_region() {
    let fake = Fake::new(&[Turn::QueryFails]);
    let region = region(&fake, settings());
    for _ in 0..10 {
        let fault = region.search(search_within(20 * SECOND)).await.unwrap_err();
        assert!(fault.is_of_the_query && fault.detail == "integer divide by zero");
    }
    assert_eq!(fake.asked(), 10);
    assert!(matches!(region.circuit(), CircuitState::Closed));
}

#[tokio::test(start_paused = true)]
async fn what_a_region_cannot_answer_yet_is_said_at_once_and_counts_for_nothing() {
    let fake = Fake::new(&[Turn::Answer]);
    let region = region(&fake, settings());
    let query = crate::model::MetricsQuery {
        query: "{ } | rate()".to_owned(),
        start: 0,
        end: 60,
        step: 60,
        is_instant: true,
        exemplars: 0,
        max_series: 0,
    };
    for _ in 0..10 {
        let call = Call { query: query.clone(), deadline: Deadline::starting_now(SECOND) };
        let fault = region.metrics(call).await.unwrap_err();
        assert_eq!((fault.status, fault.attempts), (RegionStatus::Rejected, 1));
        assert_eq!(fault.detail, "it does not answer a metrics query yet");
    }
    assert!(matches!(region.circuit(), CircuitState::Closed));
}
