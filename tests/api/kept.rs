//! What is remembered of whole traces: given to nobody else, never partial, forgotten when somebody wants that, fetched
//! ahead within a budget, and the same bytes whoever wrote them.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use futures::future::{BoxFuture, join_all};
use http::{Method, Request};
use tutti::api::audit::{Auditor, Peer};
use tutti::api::{InForce, router};
use tutti::audit::disk::Folder;
use tutti::audit::read::Reader;
use tutti::audit::verify::verify;
use tutti::audit::{AuditSettings, Log};
use tutti::backend::{
    Backend, Behaviour, Distance, Fault, RegionAnswer, RegionInfo, RegionTrace, SearchCall, Simulated,
    TagValuesCall, TagsCall, TraceCall,
};
use tutti::cache::{HotSettings, PrewarmSettings};
use tutti::federation::{Ask, Federation, FederationSettings};
use tutti::model::{Mode, Outcome, RegionName, SearchAnswer, TagNames, TagValues, TraceId, TraceQuery};
use tutti::policy::{KeyRules, Plan, RegionPlan, Treatment};
use tutti::task::Deadline;

use crate::disk::weak;
use crate::estate::{Answered, Estate, Setup, request};
use crate::fakes::holding;
use crate::spans::{CLIENT, ID, MS, SERVER, at, batch, span, trace};

/// Long before any clock that this runs by: a trace of then grows no more.
const THEN: u64 = 1_700_000_000_000_000_000;

const LOOK: &str = "/api/v2/traces/61207472616365206f66207475747469";

/// A region far away that counts what it is asked by id.
#[derive(Debug)]
struct Far {
    region: Simulated,
    asked: AtomicUsize,
}

impl Backend for Far {
    fn trace_by_id(&self, call: TraceCall) -> BoxFuture<'_, Result<RegionTrace, Fault>> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        self.region.trace_by_id(call)
    }

    fn probe(&self, deadline: Deadline) -> BoxFuture<'_, Result<RegionInfo, Fault>> {
        self.region.probe(deadline)
    }

    fn answers_queries(&self) -> bool {
        true
    }

    fn search(&self, call: SearchCall) -> BoxFuture<'_, Result<RegionAnswer<SearchAnswer>, Fault>> {
        self.region.search(call)
    }

    fn tag_names(&self, call: TagsCall) -> BoxFuture<'_, Result<RegionAnswer<TagNames>, Fault>> {
        self.region.tag_names(call)
    }

    fn tag_values(&self, call: TagValuesCall) -> BoxFuture<'_, Result<RegionAnswer<TagValues>, Fault>> {
        self.region.tag_values(call)
    }
}

struct World {
    estate: Estate,
    regions: Vec<Arc<Far>>,
}

fn far(export: &Bytes) -> Arc<Far> {
    let distance = Distance { round_trip: Duration::from_millis(20), ..Distance::default() };
    let region = Simulated::new(holding(export), distance, 0);
    Arc::new(Far { region, asked: AtomicUsize::new(0) })
}

fn settings() -> FederationSettings {
    FederationSettings { hot: HotSettings::GATEWAY, ..FederationSettings::default() }
}

/// One long trace of then, of three services in three places.
fn exports() -> [Bytes; 3] {
    let services = [("shop", 1, None), ("stock", 2, Some(1)), ("billing", 3, Some(2))];
    services.map(|(service, first, parent)| {
        let spans = (0..20).map(|nth| {
            let id = first + nth * 1_000_000;
            let kind = if parent.is_some() { SERVER } else { CLIENT };
            at(span(id, parent, kind), THEN + first * MS, THEN + (50 + nth) * MS)
        });
        trace(vec![batch(service, spans.collect())])
    })
}

fn over(federation: FederationSettings, exports: &[Bytes]) -> World {
    let regions: Vec<Arc<Far>> = exports.iter().map(far).collect();
    let named = ["us-east", "us-west", "eu-central"];
    let backends = named.into_iter().zip(regions.iter().map(|region| region.clone() as Arc<dyn Backend>));
    let estate = Setup { federation, ..Setup::default() }.over(backends.collect());
    World { estate, regions }
}

fn world() -> World {
    over(settings(), &exports())
}

impl World {
    fn asked(&self) -> Vec<usize> {
        self.regions.iter().map(|region| region.asked.load(Ordering::SeqCst)).collect()
    }

    async fn send(&self, method: Method, path: &str, from: &str, body: &str) -> Answered {
        let mut request =
            Request::builder().method(method).uri(path).body(Body::from(body.to_owned())).unwrap();
        let address: SocketAddr = format!("{from}:4000").parse().unwrap();
        request.extensions_mut().insert(Peer(address));
        self.estate.send(request).await
    }

    async fn forget(&self, path: &str, from: &str) -> Answered {
        self.send(Method::DELETE, path, from, "").await
    }

    async fn lookups(&self, kind: &str, result: &str) -> f64 {
        let line =
            format!("tutti_cache_lookups_total{{level=\"memory\",kind=\"{kind}\",result=\"{result}\"}}");
        self.estate.metric(&line).await
    }
}

#[tokio::test(start_paused = true)]
async fn a_thousand_who_ask_at_once_cost_each_region_one_question() {
    let world = world();
    // Of the federation itself, since the edge takes in fewer at one time.
    let federation = world.estate.state.federation();
    let ask = || Ask {
        query: TraceQuery::of(TraceId::parse(ID).unwrap()),
        mode: Mode::BestEffort,
        deadline: Deadline::starting_now(Duration::from_secs(20)),
        adjusts_skew: false,
        filter: None,
        may_use_recent_miss: false,
    };
    let answers = join_all((0..1000).map(|_| federation.trace(ask()))).await;
    for answer in answers {
        let answer = answer.unwrap().answer;
        assert_eq!((answer.coverage.outcome(), answer.value.trace.span_count()), (Outcome::Complete, 60));
    }
    assert_eq!(world.asked(), [1, 1, 1]);
    assert_eq!(world.estate.metric("tutti_cache_single_flight_joins_total").await, 999.0);
}

#[tokio::test(start_paused = true)]
async fn every_form_of_a_kept_trace_is_what_the_first_who_asked_was_sent() {
    let v1 = format!("/api/traces/{ID}");
    let json: &[(&str, &str)] = &[("accept", "application/json")];
    let protobuf: &[(&str, &str)] = &[("accept", "application/protobuf")];
    for path in [LOOK, &v1] {
        for headers in [json, protobuf] {
            let world = world();
            let first = world.estate.ask(path, headers).await;
            assert_eq!((first.outcome(), first.header("tutti-cache")), ("complete", "miss"));
            assert!(first.body.len() > 2048, "long enough to be written in pieces");
            for nth in 0..3 {
                let next = world.estate.ask(path, headers).await;
                assert_eq!(next.header("tutti-cache"), "hit");
                assert_eq!(next.body, first.body, "{path} {headers:?} {nth}");
                for name in ["content-type", "vary", "cache-control", "tutti-regions", "tutti-exactness"] {
                    assert_eq!(next.header(name), first.header(name), "{name}");
                }
                let length = next.body.len().to_string();
                assert_eq!(next.header("content-length"), length, "{path} {headers:?} {nth}");
            }
            assert_eq!(world.lookups("body", "hit").await, 2.0);
            assert_eq!(world.asked(), [1, 1, 1]);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn whoever_takes_gzip_is_sent_the_same_packed_once() {
    let world = world();
    let plain = world.estate.get(LOOK).await;
    let headers = [("accept-encoding", "gzip")];
    let mut packed = Vec::new();
    for _ in 0..3 {
        let answer = world.estate.ask(LOOK, &headers).await;
        assert_eq!(answer.header("content-encoding"), "gzip");
        assert!(answer.body.len() < plain.body.len());
        let mut unpacked = Vec::new();
        std::io::copy(&mut flate2::read::GzDecoder::new(&*answer.body), &mut unpacked).unwrap();
        assert_eq!(unpacked, plain.body);
        packed.push(answer.body);
    }
    assert_eq!((&packed[0], &packed[1]), (&packed[1], &packed[2]));
    let weighed = world.estate.ask(LOOK, &[("accept-encoding", "gzip;q=0, identity")]).await;
    assert_eq!((weighed.header("content-encoding"), &weighed.body), ("", &plain.body));
}

#[tokio::test(start_paused = true)]
async fn a_filter_of_a_kept_trace_is_not_its_body() {
    let world = world();
    let filtered = format!("{LOOK}?q=%7B%20resource.service.name%20%3D%20%22shop%22%20%7D");
    let cold = world.estate.get(&filtered).await;
    let whole = world.estate.get(LOOK).await;
    for _ in 0..2 {
        assert_eq!(world.estate.get(&filtered).await.body, cold.body);
        assert_eq!(world.estate.get(LOOK).await.body, whole.body);
    }
    assert!(cold.body.len() < whole.body.len());
}

#[tokio::test(start_paused = true)]
async fn a_trace_is_kept_by_how_long_ago_it_ended() {
    let world = world();
    world.estate.get(LOOK).await;
    tokio::time::sleep(HotSettings::GATEWAY.old - Duration::from_secs(1)).await;
    assert_eq!(world.estate.get(LOOK).await.header("tutti-cache"), "hit");
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(world.estate.get(LOOK).await.header("tutti-cache"), "miss");
    let late = HotSettings { lateness: Duration::from_hours(24 * 365 * 100), ..HotSettings::GATEWAY };
    let young = over(FederationSettings { hot: late, ..settings() }, &exports());
    young.estate.get(LOOK).await;
    assert_eq!(young.estate.get(LOOK).await.header("tutti-cache"), "hit");
    tokio::time::sleep(HotSettings::GATEWAY.young).await;
    assert_eq!(young.estate.get(LOOK).await.header("tutti-cache"), "miss");
}

#[tokio::test(start_paused = true)]
async fn nothing_partial_is_kept_in_any_form() {
    let world = world();
    for behaviour in [Behaviour::Down, Behaviour::SaysPartial, Behaviour::Garbage, Behaviour::CutOff] {
        world.regions[2].region.behave(behaviour);
        for path in [LOOK.to_owned(), format!("/api/traces/{ID}")] {
            for _ in 0..2 {
                let partial = world.estate.get(&path).await;
                assert_eq!((partial.outcome(), partial.header("tutti-cache")), ("partial", "miss"), "{path}");
            }
        }
        assert_eq!(world.estate.metric("tutti_cache_entries").await, 0.0, "{behaviour:?}");
    }
    assert!(world.estate.metric("tutti_cache_refused_total{cause=\"partial\"}").await > 0.0);
    world.regions[2].region.behave(Behaviour::Well);
    tokio::time::sleep(Duration::from_mins(5)).await;
    assert_eq!(world.estate.get(LOOK).await.outcome(), "complete");
    assert_eq!(world.estate.metric("tutti_cache_entries").await, 1.0);
}

fn dropping(key: &str) -> Plan {
    let rules = KeyRules::new([(key.to_owned(), Treatment::Drop)]);
    Plan::new([(RegionName::parse("us-east").unwrap(), RegionPlan::Keys(rules))].into())
}

#[tokio::test(start_paused = true)]
async fn another_policy_is_never_answered_from_what_was_kept_under_the_one_before() {
    let world = world();
    let open = world.estate.get(LOOK).await;
    assert!(open.text().contains("shop"));
    let federation = (*world.estate.state.federation()).clone();
    let stricter = federation.seen_by(Arc::new(dropping("service.name")));
    // Whether the memory is the same or another, what was seen under the plan before is not in it.
    let anew = Federation::new(world.estate.regions.clone(), settings(), Arc::new(dropping("service.name")));
    for next in [stricter, anew] {
        world.estate.state.swap(InForce::of(next));
        for _ in 0..2 {
            let answer = world.estate.get(LOOK).await;
            assert_eq!(answer.outcome(), "complete");
            assert!(!answer.text().contains("shop"));
        }
    }
    world.estate.state.swap(InForce::of(federation));
    let again = world.estate.get(LOOK).await;
    assert_eq!((again.header("tutti-cache"), &again.body), ("hit", &open.body));
}

#[tokio::test(start_paused = true)]
async fn what_is_forgotten_is_asked_for_again_by_everyone() {
    for path in [format!("/api/tutti/v1/cache/traces/{ID}"), "/api/tutti/v1/cache".to_owned()] {
        let world = world();
        world.estate.get(LOOK).await;
        world.estate.get(LOOK).await;
        for from in ["192.0.2.7", "[2001:db8::1]"] {
            let refused = world.forget(&path, from).await;
            assert_eq!(refused.status, 403, "{}", refused.text());
        }
        assert_eq!(world.estate.send(Request::delete(&path).body(Body::empty()).unwrap()).await.status, 403);
        assert_eq!(world.estate.get(LOOK).await.header("tutti-cache"), "hit");
        let forgotten = world.forget(&path, "127.0.0.1").await;
        assert_eq!(forgotten.status, 200, "{}", forgotten.text());
        assert_eq!(forgotten.json()["shared"], serde_json::Value::Null);
        assert_eq!(world.estate.get(LOOK).await.header("tutti-cache"), "miss");
        assert_eq!(world.asked(), [2, 2, 2]);
    }
}

/// What cannot be put on record is not done, and not only not said.
#[tokio::test(start_paused = true)]
async fn nothing_is_forgotten_before_that_is_on_record() {
    let mut world = world();
    let (dir, is_full) = (tempfile::tempdir().unwrap(), Arc::new(AtomicBool::new(false)));
    let here = RegionName::parse("us-east").unwrap();
    let disk = |folder| weak(folder, is_full.clone());
    let log = Log::open_on(&AuditSettings::at(dir.path()), &here, disk).unwrap();
    let state = world.estate.state.clone().with_audit(Arc::new(Auditor::new(log.clone(), None)));
    world.estate.router = router(state);
    let path = format!("/api/tutti/v1/cache/traces/{ID}");
    world.estate.get(LOOK).await;
    is_full.store(true, Ordering::SeqCst);
    let refused = world.forget(&path, "127.0.0.1").await;
    assert_eq!((refused.status.as_u16(), refused.header("tutti-audit")), (503, "unavailable"));
    is_full.store(false, Ordering::SeqCst);
    while log.is_failing() {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(world.estate.get(LOOK).await.header("tutti-cache"), "hit", "it was not forgotten");
    let forgotten = world.forget(&path, "127.0.0.1").await;
    assert_eq!(forgotten.status, 200, "{}", forgotten.text());
    assert_eq!(world.estate.get(LOOK).await.header("tutti-cache"), "miss");
    log.close().await;
    let folder = Folder::at(dir.path());
    let size = verify(&folder, log.key(), &[], &[]).unwrap().checkpoint.size;
    let reader = Reader::new(&folder, size);
    let records: Vec<serde_json::Value> = (0..size)
        .map(|nth| serde_json::from_slice(&reader.record(nth).unwrap().unwrap().bytes).unwrap())
        .collect();
    let (_, receipt) = forgotten.header("tutti-audit").rsplit_once('/').unwrap();
    let receipt: usize = receipt.parse().unwrap();
    let [before, after] = [&records[receipt - 1], &records[receipt]];
    assert_eq!((&before["event"], &after["event"]), (&"cache.forget".into(), &"query".into()), "{records:?}");
    for record in [before, after] {
        assert_eq!(record["asked"]["forget"], ID);
    }
    assert_eq!(after["answer"]["outcome"], "complete");
}

#[tokio::test(start_paused = true)]
async fn another_trace_is_not_forgotten_with_it_and_what_is_no_id_is_said_to_be_none() {
    let world = world();
    world.estate.get(LOOK).await;
    let other = "/api/tutti/v1/cache/traces/ffffffffffffffffffffffffffffffff";
    assert_eq!(world.forget(other, "127.0.0.1").await.status, 200);
    assert_eq!(world.estate.get(LOOK).await.header("tutti-cache"), "hit");
    assert_eq!(world.forget("/api/tutti/v1/cache/traces/xyz", "127.0.0.1").await.status, 400);
}

#[tokio::test(start_paused = true)]
async fn what_was_under_way_when_it_was_forgotten_is_neither_kept_nor_joined() {
    let world = world();
    let mut look = Box::pin(world.estate.get(LOOK));
    assert!(tokio::time::timeout(Duration::from_millis(5), &mut look).await.is_err());
    world.forget("/api/tutti/v1/cache", "127.0.0.1").await;
    let (first, second) = futures::join!(look, world.estate.get(LOOK));
    assert_eq!((first.outcome(), second.outcome()), ("complete", "complete"));
    assert_eq!(world.asked(), [2, 2, 2], "who asks after it does not wait for what began before");
    assert_eq!(world.estate.get(LOOK).await.header("tutti-cache"), "hit", "the second is kept");
    assert_eq!(world.estate.metric("tutti_cache_refused_total{cause=\"overtaken\"}").await, 1.0);
}

#[tokio::test(start_paused = true)]
async fn a_trace_named_ahead_is_there_when_it_is_asked_for() {
    let world = world();
    let body = format!("[\"{ID}\", \"no id\", \"{ID}\"]");
    let answer = world.send(Method::POST, "/api/tutti/v1/prewarm", "192.0.2.7", &body).await;
    assert_eq!(answer.status, 202, "{}", answer.text());
    assert_eq!(answer.json()["taken"], serde_json::json!([ID]));
    assert_eq!(answer.json()["left"], serde_json::json!([{"traceId": "no id", "why": "no_trace_id"}]));
    tokio::time::sleep(Duration::from_secs(1)).await;
    let look = world.estate.get(LOOK).await;
    assert_eq!((look.header("tutti-cache"), look.outcome()), ("hit", "complete"));
    assert_eq!(world.asked(), [1, 1, 1]);
    let again = world.send(Method::POST, "/api/tutti/v1/prewarm", "192.0.2.7", &body).await;
    assert_eq!(again.json()["left"][0]["why"], "is_kept");
    for wrong in ["", "{}", "[1]", "[[\"a\"]]"] {
        let answer = world.send(Method::POST, "/api/tutti/v1/prewarm", "192.0.2.7", wrong).await;
        assert_eq!(answer.status, 400, "{wrong}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_fetched_ahead_has_a_budget() {
    let budget = PrewarmSettings { per_minute_max: 3, ids_max: 2, concurrent_max: 1, popular_min: 0 };
    let world = over(FederationSettings { prewarm: budget, ..settings() }, &exports());
    let ids: Vec<String> = (1..6).map(|number| format!("\"{number:032x}\"")).collect();
    let body = format!("[{}]", ids.join(","));
    let whys = |answer: &Answered| -> Vec<String> {
        let left = answer.json()["left"].as_array().unwrap().clone();
        left.iter().map(|left| left["why"].as_str().unwrap().to_owned()).collect()
    };
    let send = || world.send(Method::POST, "/api/tutti/v1/prewarm", "192.0.2.7", &body);
    let first = send().await;
    assert_eq!(first.json()["taken"].as_array().unwrap().len(), 2);
    assert_eq!(whys(&first), ["too_many", "too_many", "too_many"]);
    assert_eq!(whys(&send().await), ["spent", "spent", "spent", "spent"]);
    tokio::time::sleep(Duration::from_mins(1)).await;
    assert_eq!(send().await.json()["taken"].as_array().unwrap().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_fetched_ahead_where_nothing_is_kept() {
    let hot = HotSettings::NONE;
    let world = over(FederationSettings { hot, ..FederationSettings::default() }, &exports());
    let answer = world.send(Method::POST, "/api/tutti/v1/prewarm", "192.0.2.7", &format!("[\"{ID}\"]")).await;
    assert_eq!((answer.status.as_u16(), &answer.json()["left"][0]["why"]), (202, &"nothing_is_kept".into()));
    assert_eq!(world.asked(), [0, 0, 0]);
}

#[tokio::test(start_paused = true)]
async fn what_many_ask_for_is_fetched_anew_before_its_time_ends() {
    let prewarm = PrewarmSettings { popular_min: 5, ..PrewarmSettings::default() };
    let world = over(FederationSettings { prewarm, ..settings() }, &exports());
    world.estate.get(LOOK).await;
    let old = HotSettings::GATEWAY.old;
    tokio::time::sleep(old / 10 * 9).await;
    for _ in 0..3 {
        world.estate.get(LOOK).await;
    }
    assert_eq!(world.asked(), [1, 1, 1], "few ask for it");
    for _ in 0..20 {
        assert_eq!(world.estate.get(LOOK).await.header("tutti-cache"), "hit");
    }
    tokio::time::sleep(old / 5).await;
    assert_eq!(world.estate.get(LOOK).await.header("tutti-cache"), "hit", "its first time is over");
    assert_eq!(world.asked(), [2, 2, 2]);
    assert_eq!(world.estate.metric("tutti_prewarm_traces_total{result=\"refreshed\"}").await, 1.0);
}

/// Rows of a search, without what depends on when it was asked.
async fn searched(world: &World, query: &str) -> (serde_json::Value, String) {
    let from = THEN / 1_000_000_000;
    let q: String =
        percent_encoding::utf8_percent_encode(query, percent_encoding::NON_ALPHANUMERIC).to_string();
    let path = format!("/api/search?q={q}&start={}&end={}&limit=50&spss=10", from - 60, from + 60);
    let answer = world.estate.send(request(&path, &[])).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    (answer.json(), answer.outcome().to_owned())
}

/// Several traces, each over three regions.
fn many() -> [Bytes; 3] {
    let services = [("shop", 1, None), ("stock", 2, Some(1)), ("billing", 3, Some(2))];
    services.map(|(service, first, parent)| {
        let spans = (0..12u8).map(|nth| {
            let kind = if parent.is_some() { SERVER } else { CLIENT };
            let begin = THEN + u64::from(nth) * 100 * MS;
            let mut span = at(span(first, parent, kind), begin + first * MS, begin + (10 + first) * MS);
            span.trace_id = vec![nth + 1; 16];
            span
        });
        trace(vec![batch(service, spans.collect())])
    })
}

#[tokio::test(start_paused = true)]
async fn candidates_that_are_kept_are_not_asked_for_again_and_the_rows_are_the_same() {
    let queries = [
        "{ resource.service.name = \"shop\" } >> { resource.service.name = \"billing\" }",
        "{ } | count() > 2",
        "{ resource.service.name = \"stock\" } | select(span:duration)",
        "{ } | by(resource.service.name)",
        "{ resource.tutti.region = \"eu-central\" }",
    ];
    let mut spared = 0;
    for query in queries {
        let (world, cold) = (world_of_many(settings()), world_of_many(FederationSettings::default()));
        let expected = searched(&cold, query).await;
        assert_eq!(expected.1, "complete");
        let first = searched(&world, query).await;
        let asked = world.asked();
        let second = searched(&world, query).await;
        assert_eq!((&first, &second), (&expected, &expected), "{query}");
        assert_eq!(world.asked(), asked, "{query}: nothing is asked for twice");
        spared += asked.iter().sum::<usize>();
        // Without the memory it is.
        let before = cold.asked();
        searched(&cold, query).await;
        let again: Vec<usize> = cold.asked().iter().zip(&before).map(|(now, before)| now - before).collect();
        assert_eq!(again, before, "{query}");
    }
    assert!(spared > 0, "no query looked at whole traces");
}

fn world_of_many(federation: FederationSettings) -> World {
    over(federation, &many())
}

#[tokio::test(start_paused = true)]
async fn candidates_that_may_still_grow_are_asked_for_each_time() {
    let query = "{ resource.service.name = \"shop\" } >> { resource.service.name = \"billing\" }";
    let hot = HotSettings { lateness: Duration::from_hours(24 * 365 * 100), ..HotSettings::GATEWAY };
    let world = world_of_many(FederationSettings { hot, ..settings() });
    let first = searched(&world, query).await;
    let asked = world.asked();
    assert_eq!(searched(&world, query).await, first);
    let twice: Vec<usize> = asked.iter().map(|asked| asked * 2).collect();
    assert_eq!(world.asked(), twice);
}

#[tokio::test(start_paused = true)]
async fn candidates_of_which_a_region_lacks_a_part_are_not_kept() {
    let query = "{ resource.service.name = \"shop\" } >> { resource.service.name = \"billing\" }";
    let world = world_of_many(settings());
    world.regions[1].region.behave(Behaviour::Down);
    let (_, outcome) = searched(&world, query).await;
    assert_eq!(outcome, "partial");
    assert_eq!(world.estate.metric("tutti_cache_entries").await, 0.0);
}

#[tokio::test(start_paused = true)]
async fn a_candidate_is_kept_for_its_plan_alone() {
    let query = "{ resource.service.name = \"shop\" } >> { resource.service.name = \"billing\" }";
    let world = world_of_many(settings());
    let (open, _) = searched(&world, query).await;
    assert_eq!(open["traces"].as_array().unwrap().len(), 12);
    let federation = (*world.estate.state.federation()).clone();
    world.estate.state.swap(InForce::of(federation.seen_by(Arc::new(dropping("service.name")))));
    let (shut, _) = searched(&world, query).await;
    assert!(shut["traces"].as_array().is_none_or(Vec::is_empty), "{shut}");
}

#[tokio::test(start_paused = true)]
async fn what_is_counted_of_the_memory_tells_nothing_of_what_is_withheld() {
    let counted = |secret: &'static str| async move {
        let mut spans = Vec::new();
        for id in 1..5 {
            let mut span = at(span(id, None, CLIENT), THEN, THEN + MS);
            span.attributes.push(crate::spans::text("secret", secret));
            spans.push(span);
        }
        let world = over(settings(), &[trace(vec![batch("shop", spans)])]);
        let federation = (*world.estate.state.federation()).clone();
        world.estate.state.swap(InForce::of(federation.seen_by(Arc::new(dropping("secret")))));
        for _ in 0..3 {
            assert_eq!(world.estate.get(LOOK).await.outcome(), "complete");
        }
        let text = world.estate.get("/metrics").await.text();
        let lines = text.lines().filter(|line| line.starts_with("tutti_cache"));
        let found: BTreeMap<String, String> = lines
            .filter_map(|line| line.rsplit_once(' '))
            .map(|(k, v)| (k.to_owned(), v.to_owned()))
            .collect();
        assert!(found.contains_key("tutti_cache_bytes"), "{text}");
        found
    };
    assert_eq!(counted("a").await, counted("a much longer value that nobody may see").await);
}
