//! The audit log through the gateway: for its readers alone, with the proof, and not without a record of the reading.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::body::Body;
use futures::future::BoxFuture;
use http::{HeaderName, Request};
use serde_json::Value;
use tutti::api::audit::{Auditor, EdgeSettings};
use tutti::api::{ApiState, InForce};
use tutti::audit::disk::Disk;
use tutti::audit::json::Json;
use tutti::audit::note::{NamedKey, Note};
use tutti::audit::read::{Reader, checkpoint, parse_checkpoint};
use tutti::audit::tree::{Hash, is_included, leaf};
use tutti::audit::{Event, Record};
use tutti::identity::{
    DataSourceSettings, Factor, FetchKeys, FetchedKeys, IdentitySettings, KeysUrl, Mode, Reception, Secret,
};
use tutti::model::{Caller, Proven, ProvenBy};
use tutti::task::Group;

use super::witnesses::{Made, ask, made};

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const RECORDS: &str = "/api/tutti/v1/audit/records";

#[derive(Debug)]
struct Nobody;

impl FetchKeys for Nobody {
    fn fetch<'a>(&'a self, _: &'a KeysUrl) -> BoxFuture<'a, Result<FetchedKeys, String>> {
        Box::pin(async { Err("nobody is asked".to_owned()) })
    }
}

/// Somebody with a role, known by a secret that is their name.
fn somebody(name: &str, role: &str) -> DataSourceSettings {
    let secret = Secret::new(HeaderName::from_static("x-who"), name);
    let roles = [role.to_owned()].into();
    let caller = Caller { subject: name.to_owned(), roles, ..Caller::anonymous() };
    let factor = Factor { secret: Some(secret), certificate: None };
    DataSourceSettings { name: name.to_owned(), factor, caller: Arc::new(caller) }
}

fn record(event: Event, who: &str, trace: Option<&str>) -> Record {
    let caller = Caller { subject: who.to_owned(), ..Caller::anonymous() };
    let proven = Proven { by: ProvenBy::Issuer, ..Proven::default() };
    let asked = trace.map_or(Json::Null, |trace| Json::map([("trace", Json::text(trace))]));
    Record { who: Some((caller, proven)), asked, ..Record::of(event) }
}

/// A gateway whose log has 600 records of several people, and may be read by who is an auditor.
async fn gateway(tasks: &Group) -> (Made, ApiState, Arc<Auditor>) {
    let own = made("tutti/one");
    let edge = EdgeSettings { readers: BTreeSet::from(["auditor".to_owned()]), ..EdgeSettings::default() };
    let (state, auditor) = own.gateway(&edge, tasks).await;
    let data_sources = vec![somebody("eve", "auditor"), somebody("mallory", "sre")];
    let settings = IdentitySettings { mode: Mode::Required, data_sources, ..IdentitySettings::default() };
    let nobody: Arc<dyn FetchKeys> = Arc::new(Nobody);
    let reception = Arc::new(Reception::new(Arc::new(settings), &nobody, None));
    state.swap(InForce::of((*state.federation()).clone()).with_reception(reception));
    for nth in 0..600 {
        let who = ["alice", "bob"][nth % 2];
        let trace = (nth % 100 == 0).then_some(TRACE);
        auditor.log().append(&record(Event::QUERY, who, trace)).await.unwrap();
    }
    auditor.log().close().await;
    (own, state, auditor)
}

async fn get(state: &ApiState, path: &str, who: Option<&str>) -> (u16, Vec<u8>, Option<u64>) {
    let mut request = Request::get(path);
    if let Some(who) = who {
        request = request.header("x-who", who);
    }
    let (status, headers, body) = ask(state, request.body(Body::empty()).unwrap()).await;
    let receipt = headers.get("tutti-audit").and_then(|value| value.to_str().ok());
    let index = receipt.and_then(|receipt| receipt.rsplit_once('/')?.1.parse().ok());
    (status.as_u16(), body, index)
}

async fn object(state: &ApiState, path: &str) -> Value {
    let (status, body, _) = get(state, path, Some("eve")).await;
    assert_eq!(status, 200, "{path}: {}", String::from_utf8_lossy(&body));
    serde_json::from_slice(&body).unwrap()
}

fn indexes(found: &Value) -> Vec<u64> {
    let records = found["records"].as_array().unwrap();
    records.iter().map(|record| record["index"].as_u64().unwrap()).collect()
}

#[tokio::test]
async fn the_log_is_for_its_readers_and_what_they_read_is_on_record() {
    let tasks = Group::new();
    let (own, state, auditor) = gateway(&tasks).await;
    let tile = "/api/tutti/v1/audit/tile/entries/000";
    for path in [RECORDS, "/api/tutti/v1/audit/receipts/0", "/api/tutti/v1/audit/checkpoint", tile] {
        let (status, body, _) = get(&state, path, None).await;
        assert_eq!(status, 401, "{path}: {}", String::from_utf8_lossy(&body));
        let (status, body, denied) = get(&state, path, Some("mallory")).await;
        let line = "the audit log is for its readers: the roles that `readers` of [audit] names";
        assert_eq!((status, body.as_slice()), (403, line.as_bytes()), "{path}");
        let (status, _, read) = get(&state, path, Some("eve")).await;
        assert_eq!(status, 200, "{path}");
        auditor.log().close().await;
        let folder = own.folder();
        let size = checkpoint(&folder).unwrap().1.size;
        let reader = Reader::new(&folder, size);
        let at = |index: Option<u64>| -> Value {
            serde_json::from_slice(&reader.record(index.unwrap()).unwrap().unwrap().bytes).unwrap()
        };
        let (denied, read) = (at(denied), at(read));
        assert_eq!((&denied["event"], &denied["who"]["subject"]), (&"denied".into(), &"mallory".into()));
        assert_eq!((&read["event"], &read["who"]["subject"]), (&"audit.read".into(), &"eve".into()));
        let records = if path == tile { 256 } else { u64::from(path != "/api/tutti/v1/audit/checkpoint") };
        let expected = if path == RECORDS { 100 } else { records };
        assert_eq!(read["answer"]["records"], expected, "{read}");
    }
}

#[tokio::test]
async fn records_are_found_by_what_they_say_the_newest_first_and_page_by_page() {
    let tasks = Group::new();
    let (own, state, auditor) = gateway(&tasks).await;
    let found = object(&state, &format!("{RECORDS}?caller=alice&limit=3")).await;
    assert_eq!((indexes(&found), &found["log"]), (vec![598, 596, 594], &"tutti/one".into()));
    assert_eq!(found["next"], 594);
    let after = object(&state, &format!("{RECORDS}?caller=alice&limit=2&before=594")).await;
    assert_eq!(indexes(&after), [592, 590]);
    let of_trace = object(&state, &format!("{RECORDS}?trace={TRACE}")).await;
    assert_eq!((indexes(&of_trace), &of_trace["next"]), (vec![500, 400, 300, 200, 100, 0], &Value::Null));
    let none = object(&state, &format!("{RECORDS}?since=2999-01-01")).await;
    assert!(indexes(&none).is_empty() && none["next"].is_null(), "{none}");
    assert_eq!(indexes(&object(&state, &format!("{RECORDS}?until=2020-01-01T00:00:00Z")).await), [0u64; 0]);
    // What was typed is in the record of it only as a token.
    auditor.log().close().await;
    let reads = object(&state, &format!("{RECORDS}?event=audit.read&caller=eve")).await;
    assert!(indexes(&reads).len() >= 5, "{reads}");
    let first = reads["records"].as_array().unwrap().last().unwrap();
    let typed = first["record"]["asked"]["caller"].as_str().unwrap();
    assert_eq!(typed, auditor.log().tokens().token("alice"), "{first}");
    for wrong in ["since=yesterday", "limit=0", "limit=5000", "trace=xyz", "before=x"] {
        let (status, body, _) = get(&state, &format!("{RECORDS}?{wrong}"), Some("eve")).await;
        assert_eq!(status, 400, "{wrong}: {}", String::from_utf8_lossy(&body));
    }
    drop(own);
}

#[tokio::test]
async fn a_receipt_comes_with_what_proves_it_and_the_files_are_those_of_the_log() {
    let tasks = Group::new();
    let (own, state, _auditor) = gateway(&tasks).await;
    let receipt = object(&state, "/api/tutti/v1/audit/receipts/tutti/one/257").await;
    let key = NamedKey::parse(receipt["key"].as_str().unwrap()).unwrap();
    assert_eq!(key, own.log);
    let text = receipt["checkpoint"].as_str().unwrap();
    let (note, checkpoint) = parse_checkpoint("answer", text).unwrap();
    assert_eq!(key.signed(&note), Some(0));
    let folder = own.folder();
    let stored = Reader::new(&folder, checkpoint.size).record(257).unwrap().unwrap();
    let hashes = receipt["proof"].as_array().unwrap();
    let proof: Vec<_> =
        hashes.iter().map(|hash| Hash::from_base64(hash.as_str().unwrap()).unwrap()).collect();
    assert!(is_included(&proof, leaf(&stored.bytes), 257, checkpoint.size, checkpoint.root));
    assert_eq!(receipt["leaf"], leaf(&stored.bytes).to_base64());
    // A record has one canonical spelling, so its object is as good as its bytes.
    let canonical = Json::of(&receipt["record"]).unwrap().canonical();
    assert_eq!(canonical.as_bytes(), stored.bytes);
    for (path, status) in [
        ("receipts/999999", 404),
        ("receipts/tutti/two/3", 404),
        ("receipts/x", 400),
        ("tile/entries/999", 404),
        ("tile/0/../../key.pem", 301),
        ("tile/..%2f..%2fkey.pem", 400),
        ("cosigned/key.pem", 400),
        ("cosigned/00000000000000000000000000000000", 404),
    ] {
        let (got, body, _) = get(&state, &format!("/api/tutti/v1/audit/{path}"), Some("eve")).await;
        assert_eq!(got, status, "{path}: {}", String::from_utf8_lossy(&body));
    }
    for name in ["tile/entries/001", "tile/0/000"] {
        let (_, body, _) = get(&state, &format!("/api/tutti/v1/audit/{name}"), Some("eve")).await;
        assert_eq!(body, own.folder().read(name).unwrap(), "{name}");
    }
    let (_, body, _) = get(&state, "/api/tutti/v1/audit/checkpoint", Some("eve")).await;
    let now = Note::parse(std::str::from_utf8(&body).unwrap()).unwrap();
    assert_eq!(own.log.signed(&now), Some(0));
}

#[tokio::test]
async fn where_nobody_is_named_nobody_reads() {
    let (tasks, own) = (Group::new(), made("tutti/one"));
    let (state, _auditor) = own.gateway(&EdgeSettings::default(), &tasks).await;
    let (status, ..) = get(&state, RECORDS, None).await;
    assert_eq!(status, 403);
}

/// Nobody signs grants here: whoever shows one is told so, and there is nothing to put on record but the refusal.
#[tokio::test]
async fn a_grant_where_nothing_is_configured_is_refused_and_no_event_of_a_grant() {
    let (tasks, own) = (Group::new(), made("tutti/one"));
    let (state, auditor) = own.gateway(&EdgeSettings::default(), &tasks).await;
    let state = state.with_grant_log(tutti::api::audit::on_record(auditor.clone(), &tasks));
    let path = format!("/api/v2/traces/{TRACE}");
    for shown in ["nonsense", "e30.e30.e30"] {
        let request = Request::get(&path).header("tutti-grant", shown).body(Body::empty()).unwrap();
        let (status, _, body) = ask(&state, request).await;
        let line = String::from_utf8(body).unwrap();
        assert!(status == 403 && line.contains("no one can sign"), "{status}: {line}");
    }
    tutti::api::audit::stop(&auditor).await;
    let folder = own.folder();
    let size = checkpoint(&folder).unwrap().1.size;
    let reader = Reader::new(&folder, size);
    let events: Vec<String> = (0..size)
        .map(|index| {
            let record = reader.record(index).unwrap().unwrap();
            let value: Value = serde_json::from_slice(&record.bytes).unwrap();
            value["event"].as_str().unwrap().to_owned()
        })
        .collect();
    assert_eq!(events, ["denied", "denied", "stop"]);
}
