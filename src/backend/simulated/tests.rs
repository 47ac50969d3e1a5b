//! A simulated region behaves as told, on paused time.

use super::super::fake::{Fake, Turn, call_within, search_within};
use super::*;
use crate::model::RegionStatus;
use tokio::time::timeout;

const SECOND: Duration = Duration::from_secs(1);

fn simulated(distance: Distance) -> Simulated {
    Simulated::new(Fake::new(&[Turn::Answer]), distance, 7)
}

async fn ask(region: &Simulated) -> Result<RegionTrace, Fault> {
    region.trace_by_id(call_within(20 * SECOND)).await
}

#[tokio::test(start_paused = true)]
async fn each_behaviour_has_the_outcome_of_its_name() {
    let region = simulated(Distance::default());
    for (behaviour, expected) in [
        (Behaviour::Down, RegionStatus::Unreachable),
        (Behaviour::CutOff, RegionStatus::CutOff),
        (Behaviour::Html, RegionStatus::Malformed),
        (Behaviour::Throttled, RegionStatus::Overloaded),
        (Behaviour::ServerError, RegionStatus::Error),
        (Behaviour::RejectsRequest, RegionStatus::Rejected),
        (Behaviour::TooLarge, RegionStatus::TooLarge),
        (Behaviour::TooFresh, RegionStatus::TooFresh),
    ] {
        region.behave(behaviour);
        assert_eq!(ask(&region).await.unwrap_err().status, expected, "{behaviour:?}");
    }
    region.behave(Behaviour::SaysPartial);
    assert!(ask(&region).await.unwrap().is_partial);
    region.behave(Behaviour::Well);
    assert!(!ask(&region).await.unwrap().is_partial);
}

#[tokio::test(start_paused = true)]
async fn a_query_meets_every_behaviour_that_a_lookup_meets() {
    let region = simulated(Distance { round_trip: SECOND, ..Distance::default() });
    let search = || region.search(search_within(20 * SECOND));
    for behaviour in [
        Behaviour::Down,
        Behaviour::CutOff,
        Behaviour::Html,
        Behaviour::Throttled,
        Behaviour::ServerError,
        Behaviour::RejectsRequest,
        Behaviour::TooLarge,
        Behaviour::TooFresh,
    ] {
        region.behave(behaviour);
        let of_lookup = ask(&region).await.unwrap_err();
        assert_eq!(search().await.unwrap_err(), of_lookup, "{behaviour:?}");
    }
    region.behave(Behaviour::Garbage);
    assert_eq!(search().await.unwrap_err().status, RegionStatus::Malformed);
    region.behave(Behaviour::SaysPartial);
    assert!(search().await.unwrap().is_partial);
    region.behave(Behaviour::Slow(8 * SECOND));
    let began = Instant::now();
    let answer = search().await.unwrap();
    assert_eq!(began.elapsed().as_millis(), 9001);
    assert!(!answer.is_partial && answer.first_byte == Some(began.elapsed()));
    region.behave(Behaviour::BlackHole);
    assert!(timeout(3600 * SECOND, search()).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_lie_arrives_as_an_answer() {
    let region = simulated(Distance::default());
    for lie in [Behaviour::Garbage, Behaviour::OtherTrace] {
        region.behave(lie);
        assert!(ask(&region).await.unwrap().bytes > 0, "{lie:?}");
    }
    let other = trace_other_than(TraceId::parse("abc").unwrap());
    assert!(crate::wire::protobuf::Reader::new(&other).next().unwrap().is_some());
}

#[tokio::test(start_paused = true)]
async fn an_answer_takes_the_round_trip_and_what_a_slow_region_adds() {
    let region = simulated(Distance { round_trip: 95 * SECOND / 1000, ..Distance::default() });
    let began = Instant::now();
    let answer = ask(&region).await.unwrap();
    // The fake behind it takes a millisecond of its own.
    assert_eq!(began.elapsed().as_millis(), 96);
    assert_eq!(answer.first_byte, Some(began.elapsed()));
    region.behave(Behaviour::Slow(8 * SECOND));
    let began = Instant::now();
    ask(&region).await.unwrap();
    assert_eq!(began.elapsed().as_millis(), 8096);
}

#[tokio::test(start_paused = true)]
async fn a_body_takes_the_time_the_line_needs() {
    let region = simulated(Distance { bytes_per_second: Some(10), ..Distance::default() });
    region.behave(Behaviour::Garbage);
    let began = Instant::now();
    let answer = ask(&region).await.unwrap();
    let expected = Duration::from_millis(answer.bytes * 100 + 1);
    assert_eq!(began.elapsed().as_millis(), expected.as_millis());
    assert!(answer.first_byte.unwrap() < began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_black_hole_answers_neither_questions_nor_probes() {
    let region = simulated(Distance::default());
    region.behave(Behaviour::BlackHole);
    assert!(timeout(3600 * SECOND, ask(&region)).await.is_err());
    let probe = region.probe(Deadline::starting_now(SECOND));
    assert!(timeout(3600 * SECOND, probe).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn the_same_seed_makes_the_same_jitter() {
    let mut runs = Vec::new();
    for _ in 0..2 {
        let region = simulated(Distance { jitter: SECOND, ..Distance::default() });
        let mut took = Vec::new();
        for _ in 0..5 {
            let began = Instant::now();
            ask(&region).await.unwrap();
            took.push(began.elapsed());
        }
        runs.push(took);
    }
    assert_eq!(runs[0], runs[1]);
    assert!(runs[0].iter().any(|took| *took != runs[0][0]));
}
