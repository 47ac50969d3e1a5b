//! More questions than the gateway has places for: who is let in, who waits, and who is told to come back.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::time::{Instant, sleep};
use tutti::api::audit::Auditor;
use tutti::api::router;
use tutti::audit::disk::Folder;
use tutti::audit::read::Reader;
use tutti::audit::verify::verify;
use tutti::audit::{AuditSettings, Log};
use tutti::backend::settings::LayerSettings;
use tutti::backend::{Backend, Behaviour};
use tutti::model::{RegionName, RegionStatus};
use tutti::task::{Group, Ledger};

use crate::dice::Dice;
use crate::estate::{Estate, Setup};
use crate::fakes::{Hangs, simulated};
use crate::spans::{ID, SERVER, part, span};

const SECOND: Duration = Duration::from_secs(1);
const SEARCH: &str = "/api/search?q=%7B%7D";

fn v2() -> String {
    format!("/api/v2/traces/{ID}")
}

/// One region whose answers take a while, and a gateway with so many places.
fn slow(places: usize) -> Estate {
    let us = simulated(&part("shop", vec![span(1, None, SERVER)]));
    us.behave(Behaviour::Slow(2 * SECOND));
    let regions: Vec<(&str, Arc<dyn Backend>)> = vec![("us-east", us)];
    let estate = Setup::default().over(regions);
    estate.state.gate().set_places(places);
    estate
}

/// So many requests that nobody waits for the end of.
fn flood(estate: &Estate, path: &str, number: usize) -> Group {
    let tasks = Group::new();
    let path = Arc::new(path.to_owned());
    for _ in 0..number {
        let (router, path) = (estate.router.clone(), path.clone());
        tasks.spawn(async move {
            let request = crate::estate::request(&path, &[]);
            let _ = tower::ServiceExt::oneshot(router, request).await;
        });
    }
    tasks
}

#[tokio::test(start_paused = true)]
async fn a_trace_by_id_is_answered_at_once_while_searches_and_metrics_flood_the_gateway() {
    let estate = slow(16);
    let _searches = flood(&estate, SEARCH, 200);
    let _metrics = flood(&estate, "/api/metrics/query_range?q=%7B%7D%20%7C%20rate()", 200);
    sleep(SECOND / 10).await;
    let numbers = estate.state.gate().numbers();
    assert_eq!(numbers.free(), 4, "places are kept: {numbers:?}");
    let answer = estate.get(&v2()).await;
    assert_eq!(answer.status.as_u16(), 200);
    assert!(answer.took < SECOND * 21 / 10, "no longer than the region takes: {:?}", answer.took);
}

#[tokio::test(start_paused = true)]
async fn who_is_shed_is_told_early_in_one_line_and_when_to_come_back() {
    let estate = slow(8);
    let _flood = flood(&estate, SEARCH, 6);
    sleep(SECOND / 10).await;
    let shed = estate.get(SEARCH).await;
    assert_eq!(shed.status.as_u16(), 503);
    assert_eq!(shed.header("retry-after"), "1");
    assert_eq!(shed.took, SECOND / 2, "a short wait, in which a place might have come free");
    let line = String::from_utf8(shed.body.to_vec()).unwrap();
    assert!(line.starts_with("too many requests are in flight") && line.contains("searches"), "{line}");
    assert!(!line.contains('\n'), "{line}");
    let metrics = estate.get("/metrics").await;
    let metrics = String::from_utf8(metrics.body.to_vec()).unwrap();
    assert!(
        metrics.contains("tutti_requests_shed_total{class=\"search\",reason=\"no_place\"} 1"),
        "{metrics}"
    );
    assert!(metrics.contains("tutti_places_taken{class=\"search\"} 6"), "{metrics}");
}

#[tokio::test(start_paused = true)]
async fn whatever_comes_and_goes_every_place_is_given_back() {
    for seed in 0..30 {
        let hangs = Arc::new(Hangs::default());
        let regions: Vec<(&str, Arc<dyn Backend>)> = vec![("us-east", hangs.clone())];
        let estate = Setup {
            layers: LayerSettings { deadline: SECOND, ..LayerSettings::default() },
            ..Setup::default()
        }
        .over(regions);
        let mut dice = Dice(seed);
        estate.state.gate().set_places(4 + dice.below(12) as usize);
        let began = Instant::now();
        let mut floods = Vec::new();
        for _ in 0..20 {
            let path = if dice.percent(50) { v2() } else { SEARCH.to_owned() };
            floods.push(flood(&estate, &path, dice.below(20) as usize));
            sleep(Duration::from_millis(dice.below(400))).await;
            if dice.percent(40) {
                // Callers who leave, wherever they are: in line, or with a region that is silent.
                let gone = dice.below(floods.len() as u64) as usize;
                drop(floods.swap_remove(gone));
            }
        }
        drop(floods);
        sleep(SECOND).await;
        let numbers = estate.state.gate().numbers();
        assert_eq!((numbers.free(), numbers.waiting), (numbers.places, 0), "seed {seed}: {numbers:?}");
        assert_eq!(hangs.open(), 0, "seed {seed}");
        assert!(began.elapsed() < 60 * SECOND);
    }
}

#[tokio::test(start_paused = true)]
async fn a_region_whose_line_is_full_is_named_with_a_cause_of_its_own() {
    let us = simulated(&part("shop", vec![span(1, None, SERVER)]));
    us.behave(Behaviour::Slow(2 * SECOND));
    let eu = simulated(&part("shop", vec![span(2, Some(1), SERVER)]));
    let regions: Vec<(&str, Arc<dyn Backend>)> = vec![("us-east", us), ("eu-central", eu)];
    let layers = LayerSettings { concurrent_max: 1, waiting_max: 0, ..LayerSettings::default() };
    let estate = Setup { layers, ..Setup::default() }.over(regions);
    let other = format!("/api/v2/traces/{}", ID.replace("61", "62"));
    let _one = flood(&estate, &other, 1);
    sleep(SECOND).await;
    let answer = estate.get(&v2()).await;
    assert_eq!((answer.status.as_u16(), answer.outcome()), (200, "partial"), "never silently");
    assert_eq!(answer.status_of("us-east"), RegionStatus::Limited.as_str());
    assert_eq!(answer.status_of("eu-central"), "ok");
    assert!(answer.took < SECOND, "refused at once");
}

/// The only record of a log.
async fn only_record(log: &Log, dir: &std::path::Path) -> Value {
    log.close().await;
    let folder = Folder::at(dir);
    let size = verify(&folder, log.key(), &[], &[]).unwrap().checkpoint.size;
    let reader = Reader::new(&folder, size);
    let all = (0..size).map(|nth| reader.record(nth).unwrap().unwrap());
    let mut asked: Vec<Value> = all.map(|record| serde_json::from_slice(&record.bytes).unwrap()).collect();
    asked.retain(|record| record["event"] == "query");
    assert_eq!(asked.len(), 1, "{asked:?}");
    asked.remove(0)
}

#[tokio::test(start_paused = true)]
async fn an_answer_for_which_there_is_no_room_is_counted_and_on_record_as_the_refusal_that_left() {
    // Written whole, the answer is larger than what is held for its request.
    let spans = (1..=3000).map(|id| span(id, None, SERVER)).collect();
    let regions: Vec<(&str, Arc<dyn Backend>)> = vec![("us-east", simulated(&part("shop", spans)))];
    let mut estate = Setup::default().over(regions);
    let dir = tempfile::tempdir().unwrap();
    let here = RegionName::parse("us-east").unwrap();
    let log = Log::open_on(&AuditSettings::at(dir.path()), &here, |folder| Arc::new(folder)).unwrap();
    // Room for the request, and for nothing that comes of it.
    estate.state = estate.state.with_ledger(Ledger::new(64 << 10));
    estate.state = estate.state.with_audit(Arc::new(Auditor::new(log.clone(), None)));
    estate.router = router(estate.state.clone());
    let answer = estate.get(&format!("/api/tutti/v1/traces/{ID}")).await;
    assert_eq!(answer.status.as_u16(), 503, "{} bytes", answer.body.len());
    let metrics = estate.get("/metrics").await.text();
    let requests: Vec<&str> =
        metrics.lines().filter(|line| line.starts_with("tutti_requests_total{")).collect();
    assert!(requests.len() == 1 && requests[0].contains("outcome=\"refused\""), "{requests:?}");
    let record = only_record(&log, dir.path()).await;
    let said = &record["answer"];
    assert_eq!((&said["outcome"], &said["status"]), (&"refused".into(), &"503".into()), "{record}");
    assert!(said["spans"].is_null() && said["traces"].is_null(), "nothing was shown: {record}");
}
