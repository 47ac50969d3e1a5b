//! Break-glass: a grant lifts its classes, in its regions, for its traces, and nothing else; every answer says so, and
//! one that does not hold is a refusal.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::HeaderValue;
use rand::SeedableRng;
use rand::rngs::StdRng;
use tutti::api::audit::{Auditor, on_record};
use tutti::api::{ApiSettings, ApiState, InForce, router};
use tutti::backend::Notifier;
use tutti::identity::grants::{GrantSettings, Grants, Signer};
use tutti::identity::{Callers, Reception};
use tutti::model::grant::{Grant, GrantEvent, GrantEventKind, GrantLog};
use tutti::model::{Caller, Jurisdiction, RegionName, TraceId};
use tutti::policy::{Cell, Facts, KeyRules, Policies, PolicyRegion, PolicyText, Rulebook, Rung};
use tutti::proof::SigningKey;
use tutti::proof::grant::sign;
use tutti::task::Group;
use tutti::task::clock::wall_nanos;
use tutti::telemetry::Metrics;

use crate::asking::{encoded, of_route};
use crate::audited;
use crate::estate::{Answered, request};
use crate::interference::{as_request, timeless};
use crate::tempopb::{self, SearchRequest};
use crate::world::{CLASSES, REGIONS, Rules, World, classes, id, value, world};

/// Everyone sees marks of people; a grant opens whatever it names, to try how much that is.
const POLICY: &str = r#"
@id("t.safe") permit (principal, action, resource in Class::"safe");
@id("t.unknown") permit (principal, action, resource in Class::"unknown");
@id("t.masked") permit (principal, action == Action::"readMasked", resource);
@id("t.asked") permit (principal, action in Action::"ask", resource);
@id("t.grant") permit (principal, action, resource) when { context has grant };
"#;

const MASKED: Cell = Cell { rung: Rung::Masked, ..Cell::OPEN };

/// Keeps the events of grants.
#[derive(Debug, Default)]
struct Kept(Mutex<Vec<GrantEvent>>);

impl GrantLog for Kept {
    fn note(&self, event: &GrantEvent) {
        self.0.lock().unwrap().push(event.clone());
    }
}

struct Desk {
    world: World,
    key: SigningKey,
    kept: Arc<Kept>,
}

/// What the grant of these tests opens, as cells: protected is everything else.
fn opened() -> Rules {
    let mut rules = Rules::of(&REGIONS, MASKED);
    rules.0.insert(("eu-central", "pii.email"), Cell::OPEN);
    rules
}

fn region(name: &str) -> RegionName {
    RegionName::parse(name).unwrap()
}

fn policies(text: &str) -> Arc<Policies> {
    let facts = Facts { classes: classes(), ..Facts::none() };
    let text = PolicyText { name: "t.cedar", text };
    let book = Rulebook::build(&[text], facts, None).unwrap();
    let place = |name: &str| Jurisdiction::parse(if name.starts_with("eu") { "EU" } else { "US" }).unwrap();
    let of = |name: &str| PolicyRegion {
        name: region(name),
        jurisdiction: place(name),
        keys: KeyRules::default(),
    };
    Arc::new(Policies::of_rules(Arc::new(book), place("us"), REGIONS.map(of).into()))
}

/// Every request shows who asks: a grant is for somebody whom something proves.
fn as_alice(router: axum::Router) -> axum::Router {
    router.layer(axum::middleware::map_request(async |mut request: axum::extract::Request| {
        let token = HeaderValue::from_static("Bearer token-of-alice");
        request.headers_mut().insert(http::header::AUTHORIZATION, token);
        request
    }))
}

thread_local! {
    /// When the grant of a test was signed: with another time it would be another grant.
    static SIGNED: Duration = Duration::from_secs(Duration::from_nanos(wall_nanos()).as_secs());
}

impl Desk {
    fn new(seed: u64, version: usize, notify_url: Option<String>) -> Self {
        Self::by(POLICY, seed, version, notify_url)
    }

    fn by(policy: &str, seed: u64, version: usize, notify_url: Option<String>) -> Self {
        let mut world = world(seed, version, &opened());
        let (key, kept) = (SigningKey::generate().unwrap(), Arc::new(Kept::default()));
        let (policies, caller) =
            (policies(policy), Caller { subject: "alice".to_owned(), ..Caller::anonymous() });
        let settings = GrantSettings {
            signers: vec![Signer {
                name: "bob".to_owned(),
                key: key.public().clone(),
                subjects: ["robert".to_owned()].into(),
                may_sign_for: Vec::new(),
            }],
            revoked: BTreeSet::new(),
            uses_max: 100_000,
            notify_url,
            regions: REGIONS.map(region).into(),
            behind: BTreeSet::new(),
        };
        let mut callers = Callers::everyone(caller.clone());
        assert!(callers.know("token-of-alice", caller.clone()));
        let federation = world.estate.state.federation().seen_by(policies.plan(&caller));
        let in_force = InForce::of(federation)
            .with_policies(policies)
            .with_reception(Arc::new(Reception::of_callers(callers)))
            .with_grants(Arc::new(Grants::new(settings, classes())));
        let state = ApiState::over(in_force, Metrics::default(), ApiSettings::default());
        let state = state.with_grant_log(kept.clone()).with_notifier(Notifier::start().unwrap());
        world.estate.router = as_alice(router(state.clone()));
        world.estate.state = state;
        Self { world, key, kept }
    }

    fn token(&self, grant: &Grant) -> String {
        sign(grant, &self.key).unwrap()
    }

    async fn under(&self, path: &str, grant: &Grant) -> Answered {
        self.world.estate.send(request(path, &[("tutti-grant", &self.token(grant))])).await
    }
}

fn grant() -> Grant {
    let now = SIGNED.with(|signed| *signed);
    Grant {
        id: "g-1".to_owned(),
        subject: "alice".to_owned(),
        signer: "bob".to_owned(),
        ticket: "INC-7 \"é".to_owned(),
        justification: "the checkout of one customer fails and nobody knows why".to_owned(),
        classes: ["pii.email".to_owned()].into(),
        regions: [region("eu-central")].into(),
        traces: BTreeSet::new(),
        purpose: None,
        issued: now,
        not_before: now,
        expires: now + Duration::from_secs(3600),
    }
}

/// Every route under a grant, as anyone outside sees the answers.
async fn everything(desk: &Desk, token: &str, seed: u64) -> Vec<(String, String)> {
    let mut chance = StdRng::seed_from_u64(seed);
    let mut answers = Vec::new();
    for route in tutti::api::router::paths("").into_iter().filter(|route| route != "/metrics") {
        for question in of_route(&route, &mut chance).unwrap() {
            let mut request = as_request(&question);
            request.headers_mut().insert("tutti-grant", HeaderValue::from_str(token).unwrap());
            let answer = desk.world.estate.send(request).await;
            let body = String::from_utf8_lossy(&answer.body).into_owned();
            let text = format!("{} {} {body}", answer.status.as_u16(), answer.header("tutti-grant"));
            answers.push((format!("{question:?}"), timeless(&text)));
        }
    }
    answers
}

#[tokio::test(start_paused = true)]
async fn a_grant_lifts_nothing_but_its_classes_in_its_regions() {
    let (mut shown, mut answered) = (0, 0);
    for seed in 0..3 {
        let desks = [Desk::new(seed, 0, None), Desk::new(seed, 1, None)];
        let grant = grant();
        let one = everything(&desks[0], &desks[0].token(&grant), seed).await;
        let other = everything(&desks[1], &desks[1].token(&grant), seed).await;
        for ((name, one), (_, other)) in one.iter().zip(&other) {
            assert!(
                one == other,
                "seed {seed}: {name} tells of what the grant is not about:\n{one}\n{other}"
            );
            answered += usize::from(one.starts_with("200"));
            shown += usize::from((0..3).any(|number| one.contains(&value("pii.email", number, 0))));
        }
        // And without it, even that is not seen.
        for (name, of) in everything_without(&desks[0], seed).await {
            for number in 0..3 {
                let value = value("pii.email", number, 0);
                let is_own = name.contains(&value) || name.contains(&encoded(&value));
                assert!(is_own || !of.contains(&value), "{name}: {of}");
            }
        }
    }
    assert!(answered > 50 && shown > 5, "{answered} answered, {shown} showed what the grant is about");
}

async fn everything_without(desk: &Desk, seed: u64) -> Vec<(String, String)> {
    let mut chance = StdRng::seed_from_u64(seed);
    let mut answers = Vec::new();
    for route in tutti::api::router::paths("") {
        for question in of_route(&route, &mut chance).unwrap() {
            let answer = desk.world.estate.send(as_request(&question)).await;
            assert_eq!(answer.header("tutti-grant"), "");
            answers.push((format!("{question:?}"), String::from_utf8_lossy(&answer.body).into_owned()));
        }
    }
    answers
}

/// A trace that shows an address of the region under the grant.
async fn telling(desk: &Desk) -> (u64, String) {
    for number in 0..4 {
        let path = format!("/api/v2/traces/{}", id(number));
        if desk.under(&path, &grant()).await.text().contains("@example.com") {
            return (number, path);
        }
    }
    panic!("no trace shows what the grant is about: take another seed");
}

#[tokio::test(start_paused = true)]
async fn every_answer_says_under_which_grant_it_was_given() {
    let desk = Desk::new(1, 0, None);
    let (number, path) = telling(&desk).await;
    assert!(!desk.world.estate.get(&path).await.text().contains("@example.com"));
    for path in [
        path,
        "/api/search".to_owned(),
        "/api/v2/search/tags".to_owned(),
        "/api/search?q=nonsense".to_owned(),
    ] {
        let answer = desk.under(&path, &grant()).await;
        let header = answer.header("tutti-grant");
        assert!(
            header.starts_with("g-1; until=20") && header.ends_with("ticket=\"INC-7 ??\"; applied=yes"),
            "{header}"
        );
    }
    let document = desk.under(&format!("/api/tutti/v1/traces/{}", id(number)), &grant()).await;
    let report = &document.json()["report"]["grant"];
    assert_eq!((report["id"].as_str(), report["signer"].as_str()), (Some("g-1"), Some("bob")), "{report}");
    assert_eq!(report["applied"], true);
    assert!(document.text().contains(r#"{"key":"tutti.break_glass","value":{"stringValue":"g-1"}}"#));
    let without = desk.world.estate.get(&format!("/api/tutti/v1/traces/{}", id(number))).await;
    assert!(!without.text().contains("tutti.break_glass"));
}

#[tokio::test(start_paused = true)]
async fn a_grant_for_some_traces_is_for_them_alone_and_by_id_alone() {
    let desk = Desk::new(1, 0, None);
    let (number, path) = telling(&desk).await;
    let of = |number: u64| Grant {
        id: format!("g-of-{number}"),
        traces: [TraceId::parse(&id(number)).unwrap()].into(),
        ..grant()
    };
    let answer = desk.under(&path, &of(number)).await;
    assert!(answer.text().contains("@example.com") && answer.header("tutti-grant").ends_with("applied=yes"));
    for path in [path.replace("/v2/", "/"), path.replace("/api/v2/traces", "/api/tutti/v1/traces")] {
        assert!(desk.under(&path, &of(number)).await.text().contains("@example.com"), "{path}");
    }
    let other = desk.under(&path, &of(number + 1)).await;
    assert!(!other.text().contains("@example.com") && other.header("tutti-grant").ends_with("applied=no"));
    let values = "/api/v2/search/tag/.user.email/values?start=1794999940&end=1795000060";
    let listed = desk.under(values, &of(number)).await;
    assert!(!listed.text().contains("@example.com") && listed.header("tutti-grant").ends_with("applied=no"));
    assert!(desk.under(values, &grant()).await.text().contains("@example.com"), "the whole region is listed");
}

#[tokio::test(start_paused = true)]
async fn a_grant_that_does_not_hold_is_a_refusal_and_nothing_is_asked() {
    let desk = Desk::new(2, 0, None);
    let other = SigningKey::generate().unwrap();
    let path = format!("/api/traces/{}", id(1));
    let own = |grant: Grant| desk.token(&grant);
    for (token, status, said) in [
        ("nonsense".to_owned(), 400, "it is no grant"),
        (String::new(), 400, "it is no grant"),
        (sign(&grant(), &other).unwrap(), 403, "signed by a key that no [[break_glass.signer]] has"),
        (own(Grant { subject: "bob".into(), ..grant() }), 403, "a second person has to"),
        (
            own(Grant { subject: "carol".into(), ..grant() }),
            403,
            "the grant is for `carol`, and it is `alice` who asks",
        ),
        (
            own(Grant { expires: grant().not_before + Duration::from_secs(7200), ..grant() }),
            403,
            "sign a shorter one",
        ),
        (
            own(Grant { classes: ["pii.emial".into()].into(), ..grant() }),
            403,
            "there is no class or group `pii.emial`",
        ),
        (
            own(Grant { regions: [region("mars")].into(), ..grant() }),
            403,
            "region `mars`, which is not declared",
        ),
        (
            own(Grant { justification: "because".into(), ..grant() }),
            403,
            "the justification has 7 characters",
        ),
    ] {
        for path in [path.as_str(), "/api/search", "/api/search?q=nonsense"] {
            let answer = desk.world.estate.send(request(path, &[("tutti-grant", &token)])).await;
            assert_eq!(answer.status.as_u16(), status, "{path} {}", answer.text());
            assert!(answer.text().contains(said) && !answer.text().contains('\n'), "{}", answer.text());
            assert_eq!(answer.header("tutti-outcome"), "refused");
        }
    }
    let twice = request(&path, &[("tutti-grant", "a"), ("tutti-grant", "b")]);
    assert_eq!(desk.world.estate.send(twice).await.status.as_u16(), 400);
    assert!(desk.world.told.lock().unwrap().is_empty());
    let events = desk.kept.0.lock().unwrap();
    assert!(events.iter().all(|event| event.kind == GrantEventKind::Refused && event.why.is_some()));
    assert_eq!(events.len(), 27);
}

#[tokio::test(start_paused = true)]
async fn a_stream_takes_no_grant_and_says_so() {
    let desk = Desk::new(3, 0, None);
    let message =
        prost::Message::encode_to_vec(&SearchRequest { query: "{ }".to_owned(), ..Default::default() });
    let (token, path) = (desk.token(&grant()), "/tempopb.StreamingQuerier/Search");
    let streamed = tempopb::ask(&desk.world.estate.router, path, &message, &[("tutti-grant", &token)]).await;
    assert_eq!(streamed.code(), tonic::Code::InvalidArgument as i32, "{}", streamed.line());
    assert!(streamed.line().contains("over HTTP alone"), "{}", streamed.line());
}

#[tokio::test(start_paused = true)]
async fn each_use_is_an_event_and_counted_and_no_value_is_in_either() {
    let desk = Desk::new(1, 0, None);
    let (_, path) = telling(&desk).await;
    desk.kept.0.lock().unwrap().clear();
    let before = desk.world.estate.metric("tutti_break_glass_requests_total{result=\"used\"}").await;
    for _ in 0..3 {
        desk.under(&path, &grant()).await;
    }
    let after = desk.world.estate.metric("tutti_break_glass_requests_total{result=\"used\"}").await;
    assert_eq!(after - before, 3.0);
    let events = desk.kept.0.lock().unwrap().clone();
    assert!(events.iter().all(|event| event.kind == GrantEventKind::Used && event.caller == "alice"));
    assert_eq!(events.len(), 3);
    for (class, _) in CLASSES {
        assert!(!format!("{events:?}").contains(&value(class, 1, 0)));
    }
}

/// On real time: a notice goes over a socket.
#[tokio::test]
async fn the_first_use_is_told_at_once_to_whoever_is_to_be_notified() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let desk = Desk::new(1, 0, Some(url));
    for _ in 0..3 {
        desk.under(&format!("/api/traces/{}", id(1)), &grant()).await;
    }
    let (mut socket, _) = listener.accept().await.unwrap();
    let mut read = String::new();
    let mut part = [0; 4096];
    while !read.ends_with('}') {
        let count = socket.read(&mut part).await.unwrap();
        assert!(count > 0, "{read}");
        read.push_str(std::str::from_utf8(&part[..count]).unwrap());
    }
    socket.write_all(b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n").await.unwrap();
    let body: serde_json::Value = serde_json::from_str(read.split("\r\n\r\n").nth(1).unwrap()).unwrap();
    assert_eq!(
        (body["event"].as_str(), body["id"].as_str()),
        (Some("break_glass.used"), Some("g-1")),
        "{body}"
    );
    for key in ["subject", "signer", "ticket", "justification", "classes", "regions", "until", "reviewDue"] {
        assert!(!body[key].is_null(), "{key} is not told: {body}");
    }
    let again = tokio::time::timeout(Duration::from_millis(300), listener.accept()).await;
    assert!(again.is_err(), "the same grant is told twice");
}

#[tokio::test(start_paused = true)]
async fn what_is_seen_under_a_grant_is_on_record_with_it_and_so_is_the_grant() {
    let dir = tempfile::tempdir().unwrap();
    let log = audited::open(dir.path(), |folder| Arc::new(folder));
    let auditor = Arc::new(Auditor::new(log.clone(), None));
    let tasks = Group::new();
    let mut desk = Desk::new(0, 0, None);
    let state = desk.world.estate.state.clone().with_audit(auditor.clone());
    desk.world.estate.router = as_alice(router(state.with_grant_log(on_record(auditor, &tasks))));
    let path = format!("/api/v2/traces/{}", id(1));
    let seen = desk.under(&path, &grant()).await;
    assert_eq!(seen.status, 200);
    let expired = Grant { id: "g-2".to_owned(), subject: "carol".to_owned(), ..grant() };
    assert_eq!(desk.under(&path, &expired).await.status, 403);
    // The events are written beside the answers.
    for _ in 0..1000 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let records = audited::records(&log, dir.path()).await;
    let answer = records.values().find(|record| record["event"] == "query").unwrap();
    assert_eq!(answer["grants"], serde_json::json!(["g-1"]), "{answer}");
    let of = |event: &str| {
        let found = records.values().find(|record| record["event"] == event);
        found.unwrap_or_else(|| panic!("no {event} in {records:?}"))["details"].clone()
    };
    assert_eq!(of("break_glass.used")["grant"], "g-1");
    assert_eq!(of("break_glass.used")["justification"], grant().justification);
    assert_eq!(of("break_glass.refused")["grant"], "g-2");
}

/// Dropped without a grant, and a mark under one.
const MARKED_UNDER_A_GRANT: &str = r#"
@id("t.safe") permit (principal, action, resource in Class::"safe");
@id("t.unknown") permit (principal, action, resource in Class::"unknown");
@id("t.asked") permit (principal, action in Action::"ask", resource);
@id("t.grant") permit (principal, action == Action::"readMasked", resource) when { context has grant };
"#;

#[tokio::test(start_paused = true)]
async fn the_record_names_what_the_plan_did_that_was_applied_whatever_the_grant_is_for() {
    for is_for_one in [false, true] {
        let dir = tempfile::tempdir().unwrap();
        let log = audited::open(dir.path(), |folder| Arc::new(folder));
        let mut desk = Desk::by(MARKED_UNDER_A_GRANT, 1, 0, None);
        let state = desk.world.estate.state.clone().with_audit(Arc::new(Auditor::new(log.clone(), None)));
        desk.world.estate.router = as_alice(router(state));
        for number in 0..4 {
            let traces = is_for_one.then(|| TraceId::parse(&id(number)).unwrap()).into_iter().collect();
            let grant = Grant { id: format!("g-{number}"), traces, ..grant() };
            let answer = desk.under(&format!("/api/v2/traces/{}", id(number)), &grant).await;
            assert_eq!(answer.status, 200, "{}", answer.text());
        }
        let records = audited::records(&log, dir.path()).await;
        let queries = records.values().filter(|record| record["event"] == "query");
        let regions = queries.flat_map(|record| record["regions"].as_array().unwrap());
        let europe = regions.filter(|region| region["name"] == "eu-central");
        let treated = europe.flat_map(|region| region["treated"].as_array().into_iter().flatten());
        let of_people: Vec<_> = treated.filter(|one| one["class"] == "pii.email").collect();
        assert!(!of_people.is_empty());
        for one in of_people {
            assert_eq!(one["treatment"], "masked", "for one trace: {is_for_one}");
        }
    }
}

/// Whoever shows what is no grant, without end, fills no log, and pushes out no use; and a process that ends has written
/// what waited.
#[tokio::test(start_paused = true)]
async fn grants_that_do_not_hold_without_end_push_out_no_use() {
    let dir = tempfile::tempdir().unwrap();
    let log = audited::open(dir.path(), |folder| Arc::new(folder));
    let auditor = Arc::new(Auditor::new(log.clone(), None));
    let tasks = Group::new();
    let mut desk = Desk::new(0, 0, None);
    let state = desk.world.estate.state.clone().with_grant_log(on_record(auditor.clone(), &tasks));
    desk.world.estate.router = as_alice(router(state));
    let path = format!("/api/v2/traces/{}", id(1));
    for _ in 0..100 {
        let answer = desk.world.estate.send(request(&path, &[("tutti-grant", "nonsense")])).await;
        assert_eq!(answer.status, 400);
    }
    assert_eq!(desk.under(&path, &grant()).await.status, 200);
    tutti::api::audit::stop(&auditor).await;
    let records = audited::records(&log, dir.path()).await;
    let count = |event: &str| records.values().filter(|record| record["event"] == event).count();
    assert_eq!((count("break_glass.refused"), count("break_glass.used")), (30, 1));
    assert_eq!(records.values().last().unwrap()["event"], "stop");
    let used = &records.values().find(|record| record["event"] == "break_glass.used").unwrap()["details"];
    assert_eq!(used["not_before"], grant().not_before.as_secs());
    assert_eq!(used["issued"], grant().issued.as_secs());
}

/// A grant is worth its record: without one nothing is lifted, and the answer does not say that anything was.
#[tokio::test(start_paused = true)]
async fn what_goes_on_no_record_is_lifted_by_nothing_and_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let is_full = Arc::new(AtomicBool::new(false));
    let log = audited::open(dir.path(), |folder| crate::disk::weak(folder, is_full.clone()));
    let mut desk = Desk::new(0, 0, None);
    let state = desk.world.estate.state.clone().with_audit(Arc::new(Auditor::new(log, None)));
    desk.world.estate.router = as_alice(router(state));
    let path = format!("/api/v2/traces/{}", id(1));
    let email =
        |answer: &Answered| (0..3).any(|number| answer.text().contains(&value("pii.email", number, 0)));
    is_full.store(true, Ordering::SeqCst);
    // Until the first that cannot be written, nobody knows.
    assert_eq!(desk.world.estate.get(&path).await.status, 503);
    for path in [path, "/api/search?q=%7B%7D".to_owned()] {
        let answer = desk
            .world
            .estate
            .send(request(&path, &[("tutti-grant", &desk.token(&grant())), ("accept", "application/json")]));
        let answer = answer.await;
        assert_eq!((answer.status.as_u16(), answer.header("tutti-audit")), (200, "unavailable"));
        assert!(answer.header("tutti-grant").ends_with("; applied=no"), "{}", answer.header("tutti-grant"));
        assert!(!email(&answer), "{}", answer.text());
    }
    assert!(desk.kept.0.lock().unwrap().is_empty(), "and nobody is told that it was used");
}
