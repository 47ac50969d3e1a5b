//! What was seen is on record, whatever was asked and however; no record holds a value; and where nothing can be put on
//! record, nothing is shown that is of any class.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rand::SeedableRng;
use rand::rngs::StdRng;
use serde_json::Value;
use tutti::api::audit::Auditor;
use tutti::api::grpc::METHODS;
use tutti::api::{ApiSettings, ApiState, InForce, router};
use tutti::audit::disk::{Disk, Folder};
use tutti::audit::read::Reader;
use tutti::audit::verify::verify;
use tutti::audit::{AuditSettings, Log};
use tutti::identity::{Factor, Peers, Trust};
use tutti::model::{Jurisdiction, RegionName};
use tutti::policy::Cell;
use tutti::telemetry::Metrics;

use crate::asking::{OF_NOBODY, of_method, of_route};
use crate::disk::weak;
use crate::interference::as_request;
use crate::tempopb;
use crate::world::{CLASSES, REGIONS, Rules, World, id, value, world};

pub fn open(dir: &Path, disk: impl FnOnce(Folder) -> Arc<dyn Disk>) -> Log {
    // A disk that others keep busy is not what is tested.
    let settings = AuditSettings { wait_max: Duration::from_mins(1), ..AuditSettings::at(dir) };
    Log::open_on(&settings, &RegionName::parse("us-east").unwrap(), disk).unwrap()
}

fn audited(mut world: World, log: &Log) -> World {
    let auditor = Arc::new(Auditor::new(log.clone(), None));
    world.estate.state = world.estate.state.clone().with_audit(auditor);
    world.estate.router = router(world.estate.state.clone());
    world
}

/// The records of a log that is whole, by their numbers.
pub async fn records(log: &Log, dir: &Path) -> BTreeMap<u64, Value> {
    log.close().await;
    let folder = Folder::at(dir);
    let size = verify(&folder, log.key(), &[], &[]).unwrap().checkpoint.size;
    let reader = Reader::new(&folder, size);
    let record = |index| serde_json::from_slice(&reader.record(index).unwrap().unwrap().bytes).unwrap();
    (0..size).map(|index| (index, record(index))).collect()
}

fn index(log: &Log, receipt: &str) -> u64 {
    let (name, index) = receipt.rsplit_once('/').unwrap_or_else(|| panic!("`{receipt}` is no receipt"));
    assert_eq!(name, log.origin());
    index.parse().unwrap()
}

#[tokio::test(start_paused = true)]
async fn every_answer_is_on_record_and_no_record_holds_a_value() {
    let (mut denied, mut treated) = (0, 0);
    for seed in 0..4 {
        let dir = tempfile::tempdir().unwrap();
        let log = open(dir.path(), |folder| Arc::new(folder));
        let rules = Rules::by(&mut StdRng::seed_from_u64(seed ^ 0xace));
        let world = audited(world(seed, (seed % 2) as usize, &rules), &log);
        let mut chance = StdRng::seed_from_u64(seed);
        let mut receipts: BTreeMap<u64, String> = BTreeMap::new();
        for route in router::paths("") {
            let path =
                ["/strict", "/fast"].iter().find_map(|mode| route.strip_prefix(mode)).unwrap_or(&route);
            if OF_NOBODY.iter().any(|(known, _)| *known == path) {
                continue;
            }
            for question in of_route(&route, &mut chance).unwrap() {
                let answer = world.estate.send(as_request(&question)).await;
                let receipt = answer.header("tutti-audit");
                if receipt == "counted" {
                    assert_eq!(answer.status, 403, "{question:?}");
                    continue;
                }
                let known = receipts.insert(index(&log, receipt), route.clone());
                assert_eq!(known, None, "{question:?} has a record of its own");
                if route.ends_with("/stream") && answer.status == 200 {
                    assert!(answer.text().contains("event: audit\n"), "{}", answer.text());
                }
            }
        }
        for method in METHODS.into_iter().filter(|method| method.contains("Querier")) {
            for message in of_method(method, &mut chance).unwrap() {
                let streamed = tempopb::ask(&world.estate.router, method, &message, &[]).await;
                if streamed.trailer("tutti-audit") == "counted" {
                    continue;
                }
                let known = receipts.insert(index(&log, streamed.trailer("tutti-audit")), method.to_owned());
                assert_eq!(known, None, "{method} has a record of its own");
            }
        }
        let records = records(&log, dir.path()).await;
        for (index, route) in &receipts {
            // A name takes the rest of the path.
            let route = route.replace("{name}/values", "{*name}");
            assert_eq!(records[index]["asked"]["route"], route, "{}", records[index]);
        }
        let begun: BTreeSet<u64> = of_event(&records, "stream.start").collect();
        for end in of_event(&records, "stream.end") {
            assert!(begun.contains(&records[&end]["details"]["start"].as_u64().unwrap()));
        }
        assert!(records.len() >= receipts.len() && !begun.is_empty());
        denied += of_event(&records, "denied").count();
        treated +=
            records.values().filter(|record| record["regions"].to_string().contains("\"treated\"")).count();
        for (at, record) in &records {
            let text = record.to_string();
            for (class, _) in CLASSES {
                for value in (0..3).flat_map(|number| [0, 1].map(|version| value(class, number, version))) {
                    assert!(!text.contains(&value), "seed {seed}: record {at}: `{value}` in {text}");
                }
            }
        }
    }
    assert!(denied > 0 && treated > 10, "{denied} denied, {treated} with counts");
}

fn of_event(records: &BTreeMap<u64, Value>, event: &'static str) -> impl Iterator<Item = u64> {
    records.iter().filter(move |(_, record)| record["event"] == event).map(|(index, _)| *index)
}

/// Whether any value of a class is in the answer.
fn shows_a_value(text: &str) -> bool {
    let of = |(class, _): &(&str, &str)| (0..3).any(|number| text.contains(&value(class, number, 0)));
    CLASSES.iter().any(of)
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_put_on_record_shows_nothing_that_is_of_a_class() {
    let dir = tempfile::tempdir().unwrap();
    let is_full = Arc::new(AtomicBool::new(false));
    let log = open(dir.path(), |folder| weak(folder, is_full.clone()));
    let world = audited(world(3, 0, &Rules::of(&REGIONS, Cell::OPEN)), &log);
    let paths: Vec<String> = (0..4).map(|number| format!("/api/v2/traces/{}", id(number))).collect();
    let stream = format!("/api/tutti/v1/traces/{}/stream", id(0));
    let all = async || {
        let mut all = String::new();
        for path in &paths {
            let answer = world.estate.ask(path, &[("accept", "application/json")]).await;
            assert_eq!(answer.status, 200, "{}", answer.text());
            all.push_str(&format!("{}\n{}\n", answer.header("tutti-audit"), answer.text()));
        }
        all
    };
    let before = all().await;
    assert!(shows_a_value(&before) && before.contains("http.method"));
    is_full.store(true, Ordering::SeqCst);
    // It was made before anybody knew, and is not shown.
    let first = world.estate.get(&paths[0]).await;
    assert_eq!((first.status.as_u16(), first.header("tutti-audit")), (503, "unavailable"));
    assert!(first.text().contains("audit log") && !shows_a_value(&first.text()), "{}", first.text());
    assert_eq!(first.header("retry-after"), "1");
    let during = all().await;
    assert!(!shows_a_value(&during), "{during}");
    assert!(
        during.contains("http.method") && during.contains("unavailable\n"),
        "what is of no class is shown"
    );
    let streamed = world.estate.get(&stream).await;
    assert!(
        !shows_a_value(&streamed.text()) && streamed.text().contains("event: answer"),
        "{}",
        streamed.text()
    );
    assert_eq!(streamed.header("tutti-audit"), "unavailable");
    let found = world.estate.get("/api/search?q=%7B.user.email%21%3Dnil%7D&start=1&end=4000000000").await;
    assert!(!shows_a_value(&found.text()), "{}", found.text());
    assert_eq!(world.estate.metric("tutti_audit_failing").await, 1.0);
    is_full.store(false, Ordering::SeqCst);
    for _ in 0..100 {
        tokio::time::sleep(Duration::from_millis(100)).await;
        if !log.is_failing() {
            break;
        }
    }
    assert_eq!(world.estate.metric("tutti_audit_failing").await, 0.0);
    assert!(shows_a_value(&all().await), "all is well again");
    let records = records(&log, dir.path()).await;
    assert_eq!(of_event(&records, "log.resumed").count(), 1);
}

/// Another gateway sees that it is one that answers, and not something in its place.
#[tokio::test(start_paused = true)]
async fn what_cannot_be_put_on_record_is_still_said_by_a_gateway() {
    let dir = tempfile::tempdir().unwrap();
    let is_full = Arc::new(AtomicBool::new(false));
    let log = open(dir.path(), |folder| weak(folder, is_full.clone()));
    let mut world = world(3, 0, &Rules::of(&REGIONS, Cell::OPEN));
    let federation = (*world.estate.state.federation()).clone();
    let place = || Jurisdiction::parse("US").unwrap();
    let factor = Factor { secret: None, certificate: None };
    let trust = Trust::new("eu-central", place(), Vec::new(), factor);
    let in_force = InForce::of(federation).with_peers(Arc::new(Peers::new("us-east", [trust])), place());
    world.estate.state = ApiState::over(in_force, Metrics::default(), ApiSettings::default());
    let world = audited(world, &log);
    is_full.store(true, Ordering::SeqCst);
    let answer = world.estate.get(&format!("/api/v2/traces/{}", id(0))).await;
    assert_eq!((answer.status.as_u16(), answer.header("tutti-audit")), (503, "unavailable"));
    assert_ne!(answer.header("tutti-protocol"), "");
}

/// Over gRPC too, where a refusal is a success of HTTP.
#[tokio::test(start_paused = true)]
async fn whoever_knocks_over_grpc_without_end_fills_no_log() {
    let dir = tempfile::tempdir().unwrap();
    let is_full = Arc::new(AtomicBool::new(false));
    let log = open(dir.path(), |folder| weak(folder, is_full.clone()));
    let world = audited(crate::callers::with_token(3), &log);
    let path = "/tempopb.StreamingQuerier/Search";
    let knock = async || {
        let streamed =
            tempopb::ask(&world.estate.router, path, &[], &[("authorization", "Bearer wrong")]).await;
        assert_eq!(streamed.code(), tonic::Code::Unauthenticated as i32, "{}", streamed.line());
        streamed.trailer("tutti-audit").to_owned()
    };
    is_full.store(true, Ordering::SeqCst);
    assert_eq!(
        knock().await,
        "unavailable",
        "what could not be put on record is a status of gRPC all the same"
    );
    is_full.store(false, Ordering::SeqCst);
    tokio::time::sleep(Duration::from_secs(90)).await;
    let mut counted = 0;
    for _ in 0..100 {
        counted += u64::from(knock().await == "counted");
    }
    assert_eq!(counted, 70);
    let records = records(&log, dir.path()).await;
    assert_eq!((of_event(&records, "denied").count(), of_event(&records, "query").count()), (30, 0));
    let denied = records.values().find(|record| record["event"] == "denied").unwrap();
    assert_eq!(denied["answer"]["status"], "Unauthenticated", "{denied}");
}

/// A client that leaves in the middle of a stream has seen what the record of its begin speaks of.
#[tokio::test(start_paused = true)]
async fn a_stream_is_on_record_before_its_first_byte() {
    use http_body_util::BodyExt;
    use tower::ServiceExt;
    let dir = tempfile::tempdir().unwrap();
    let log = open(dir.path(), |folder| Arc::new(folder));
    let world = audited(world(3, 0, &Rules::of(&REGIONS, Cell::OPEN)), &log);
    let path = format!("/api/tutti/v1/traces/{}/stream", id(0));
    let response = world.estate.router.clone().oneshot(crate::estate::request(&path, &[])).await.unwrap();
    let receipt = response.headers()["tutti-audit"].to_str().unwrap().to_owned();
    let mut body = response.into_body();
    body.frame().await.unwrap().unwrap();
    drop(body);
    let records = records(&log, dir.path()).await;
    let begun = &records[&index(&log, &receipt)];
    assert_eq!((&begun["event"], &begun["asked"]["trace"]), (&"stream.start".into(), &id(0).into()));
    assert_eq!(of_event(&records, "stream.end").count(), 0);
}
