//! Tempo's streaming API behind the real router: what is sent, in which order, and what is said at the end.

use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::{BoxFuture, pending};
use http_body_util::BodyExt;
use prost::Message;
use tokio::time::{Instant, timeout};
use tower::ServiceExt;
use tutti::api::grpc::METHODS;
use tutti::backend::settings::{BreakerSettings, LayerSettings};
use tutti::backend::{
    Answering, Backend, Behaviour, Fault, MetricsCall, RegionAnswer, RegionInfo, RegionTrace, SearchCall,
    Simulated, TagValuesCall, TagsCall, TraceCall,
};
use tutti::federation::{FederationSettings, MetricsSettings, SearchSettings};
use tutti::model::{MetricsAnswer, SearchAnswer, TagNames as Names, TagValues};
use tutti::task::Deadline;

use crate::estate::{Estate, Setup, estate};
use crate::fakes::{Hangs, simulated};
use crate::spans::{CLIENT, SERVER, part, span};
use crate::tempopb::{
    self, InstantResponse, MetricsRequest, RangeResponse, SERVICE, SearchRequest, SearchResponse, Streamed,
    TagNames, TagScopes, TagValuesRequest, TagsRequest, TypedValues,
};

const START: u32 = 1_794_999_940;
const END: u32 = 1_795_000_060;
const S: u64 = 1_000_000_000;

const OK: i32 = 0;
const UNKNOWN: i32 = 2;
const INVALID_ARGUMENT: i32 = 3;
const DEADLINE_EXCEEDED: i32 = 4;
const NOT_FOUND: i32 = 5;
const RESOURCE_EXHAUSTED: i32 = 8;
const UNIMPLEMENTED: i32 = 12;
const INTERNAL: i32 = 13;
const UNAVAILABLE: i32 = 14;

/// Progress is told once an answer takes longer.
const SLOW: Duration = Duration::from_millis(700);

/// One trace over two regions, and the second of them.
fn two() -> (Estate, Arc<Simulated>) {
    two_with(Setup::default())
}

fn two_with(setup: Setup) -> (Estate, Arc<Simulated>) {
    let us = simulated(&part("shop", vec![span(1, None, SERVER), span(2, Some(1), CLIENT)]));
    let eu = simulated(&part("pay", vec![span(3, Some(2), SERVER)]));
    let setup = Setup { layers: within(Duration::from_secs(2)), ..setup };
    (setup.over(vec![("us-east", us), ("eu-central", eu.clone())]), eu)
}

/// A region that is given so long, and asked however often it failed.
fn within(deadline: Duration) -> LayerSettings {
    let breaker = BreakerSettings { failures_max: u32::MAX, ..BreakerSettings::default() };
    LayerSettings { deadline, breaker, ..LayerSettings::default() }
}

/// A message to each method, in the order of `METHODS`, that every region answers with something.
fn questions() -> [(&'static str, Vec<u8>); 7] {
    let search = SearchRequest { query: "{ }".to_owned(), start: START, end: END, ..Default::default() };
    let tags = TagsRequest { start: START, end: END, ..Default::default() };
    let values = |name: &str| TagValuesRequest {
        tag_name: name.to_owned(),
        start: START,
        end: END,
        ..Default::default()
    };
    let metrics = metrics("{ } | count_over_time() by (resource.service.name)");
    [
        ("Search", search.encode_to_vec()),
        ("SearchTags", tags.encode_to_vec()),
        ("SearchTagsV2", tags.encode_to_vec()),
        ("SearchTagValues", values("service.name").encode_to_vec()),
        ("SearchTagValuesV2", values("resource.service.name").encode_to_vec()),
        ("MetricsQueryRange", metrics.encode_to_vec()),
        ("MetricsQueryInstant", metrics.encode_to_vec()),
    ]
}

fn metrics(query: &str) -> MetricsRequest {
    let (start, end) = (u64::from(START) * S, u64::from(END) * S);
    MetricsRequest { query: query.to_owned(), start, end, ..Default::default() }
}

async fn ask(estate: &Estate, method: &str, message: &[u8], headers: &[(&str, &str)]) -> Streamed {
    tempopb::ask(&estate.router, &format!("{SERVICE}{method}"), message, headers).await
}

#[tokio::test(start_paused = true)]
async fn every_method_answers_from_the_assembled_traces() {
    let (estate, _) = two();
    let [search, names, scopes, values, typed, range, instant] = questions();
    let found: Vec<SearchResponse> = ask(&estate, search.0, &search.1, &[]).await.all();
    assert_eq!(found.len(), 1);
    let row = &found[0].traces[0];
    assert_eq!((row.root_service.as_str(), row.root_name.as_str()), ("shop", "span 1"));
    let metrics = found[0].metrics.clone().unwrap();
    assert_eq!((metrics.completed_jobs, metrics.total_jobs), (2, 2));

    let named: Vec<TagNames> = ask(&estate, names.0, &names.1, &[]).await.all();
    assert!(named[0].names.contains(&"service.name".to_owned()) && named[0].metrics.is_some());
    let scoped: Vec<TagScopes> = ask(&estate, scopes.0, &scopes.1, &[]).await.all();
    let of: Vec<&str> = scoped[0].scopes.iter().map(|scope| scope.name.as_str()).collect();
    assert!(of.contains(&"resource") && of.contains(&"intrinsic"), "{of:?}");
    let texts: Vec<TagNames> = ask(&estate, values.0, &values.1, &[]).await.all();
    assert_eq!(texts[0].names, ["pay", "shop"]);
    let typed: Vec<TypedValues> = ask(&estate, typed.0, &typed.1, &[]).await.all();
    assert!(typed[0].values.iter().all(|value| value.kind == "string") && typed[0].values.len() == 2);

    let range: Vec<RangeResponse> = ask(&estate, range.0, &range.1, &[]).await.all();
    let counts = range[0].series.iter().map(|series| series.samples.iter().map(|s| s.value).sum::<f64>());
    assert_eq!(counts.sum::<f64>(), 3.0);
    assert_eq!((range[0].status, range[0].message.as_str()), (0, ""));
    let instant: Vec<InstantResponse> = ask(&estate, instant.0, &instant.1, &[]).await.all();
    assert_eq!(instant[0].series.iter().map(|series| series.value).sum::<f64>(), 3.0);
}

#[tokio::test(start_paused = true)]
async fn the_report_stands_in_the_trailers() {
    let (estate, _) = two();
    for (method, message) in questions() {
        let answer = ask(&estate, method, &message, &[]).await;
        assert_eq!(
            (answer.code(), answer.trailer("tutti-outcome"), answer.trailer("tutti-exactness")),
            (OK, "complete", "exact"),
            "{method}"
        );
        assert!(answer.trailer("tutti-regions").starts_with("us-east;status=ok;"), "{method}");
        assert!(answer.headers.contains_key("x-request-id"), "{method}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_takes_a_while_says_first_that_it_is_worked_on() {
    let (estate, eu) = two();
    eu.behave(Behaviour::Slow(SLOW));
    let [search, .., range, instant] = questions();
    let found: Vec<SearchResponse> = ask(&estate, search.0, &search.1, &[]).await.all();
    let jobs = |metrics: &Option<tempopb::SearchMetrics>| {
        let metrics = metrics.as_ref().expect("Grafana takes it by pointer");
        (metrics.completed_jobs, metrics.total_jobs)
    };
    // Questions to regions as they are put and over: for traces, and then for the parts of one. Last, the regions.
    let told: Vec<_> = found.iter().map(|part| jobs(&part.metrics)).collect();
    assert_eq!(told, [(1, 2), (3, 4), (2, 2)]);
    assert_eq!(found.iter().map(|part| part.traces.len()).collect::<Vec<_>>(), [0, 0, 1]);
    let range: Vec<RangeResponse> = ask(&estate, range.0, &range.1, &[]).await.all();
    let told: Vec<_> = range.iter().map(|part| jobs(&part.metrics)).collect();
    assert_eq!(told, [(0, 2), (0, 2), (2, 2)]);
    let instant: Vec<InstantResponse> = ask(&estate, instant.0, &instant.1, &[]).await.all();
    let told: Vec<_> = instant.iter().map(|part| jobs(&part.metrics)).collect();
    assert_eq!(told, [(0, 2), (0, 2), (2, 2)]);
}

#[tokio::test(start_paused = true)]
async fn a_missing_region_is_named_by_the_status_after_everything_that_could_be_had() {
    let (estate, eu) = two();
    eu.behave(Behaviour::ServerError);
    for (method, message) in questions() {
        let answer = ask(&estate, method, &message, &[]).await;
        assert_eq!(answer.code(), UNAVAILABLE, "{method}");
        let line = answer.line();
        assert!(
            line.starts_with("the answer is partial: eu-central answered with an error (HTTP 500)"),
            "{method}: {line}"
        );
        assert_eq!(answer.trailer("tutti-outcome"), "partial", "{method}");
        assert!(!answer.messages.is_empty(), "{method}");
        match method {
            "Search" => {
                let found: Vec<SearchResponse> = answer.messages();
                let metrics = found[0].metrics.clone().unwrap();
                assert_eq!((found[0].traces.len(), metrics.completed_jobs, metrics.total_jobs), (1, 1, 2));
            }
            "MetricsQueryRange" => {
                let range: Vec<RangeResponse> = answer.messages();
                assert_eq!(range[0].status, 1);
                assert!(range[0].message.starts_with("eu-central answered with an error"), "{range:?}");
            }
            _ => {}
        }
    }
}

#[tokio::test(start_paused = true)]
async fn strict_and_nobody_answering_are_refusals_without_a_message() {
    let (estate, eu) = two();
    eu.behave(Behaviour::ServerError);
    for (method, message) in questions() {
        for headers in [("tutti-mode", "strict"), ("fromalert", "true")] {
            let answer = ask(&estate, method, &message, &[headers]).await;
            assert_eq!((answer.code(), answer.messages.len()), (UNAVAILABLE, 0), "{method}");
            let line = answer.line();
            assert!(line.starts_with("strict mode refuses a partial answer: eu-central"), "{method}: {line}");
            assert_eq!(answer.trailer("tutti-outcome"), "refused", "{method}");
        }
    }
    eu.behave(Behaviour::BlackHole);
    let alone = Setup { layers: within(SLOW), ..Setup::default() };
    let alone = alone.over(vec![("eu-central", eu)]);
    for (method, message) in questions() {
        let answer = ask(&alone, method, &message, &[]).await;
        assert_eq!(answer.code(), DEADLINE_EXCEEDED, "{method}: {}", answer.line());
        assert!(answer.line().starts_with("no region answered: eu-central did not answer in time"));
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_wrong_with_a_question_has_tempos_words_and_codes() {
    let (estate, _) = two();
    let search = |query: &str| SearchRequest { query: query.to_owned(), ..Default::default() };
    let cases: Vec<(&str, Vec<u8>, i32, &str)> = vec![
        (
            "Search",
            SearchRequest { limit: 999_999, ..Default::default() }.encode_to_vec(),
            INVALID_ARGUMENT,
            "limit 999999 exceeds max limit 262144",
        ),
        (
            "Search",
            SearchRequest { start: 5, end: 2, ..Default::default() }.encode_to_vec(),
            INVALID_ARGUMENT,
            "http parameter start must be before end. received start=5 end=2",
        ),
        (
            "Search",
            SearchRequest { start: 1, end: END, ..Default::default() }.encode_to_vec(),
            INVALID_ARGUMENT,
            "range specified by start and end exceeds 168h0m0s. received start=1 end=1795000060",
        ),
        ("Search", search("{ a").encode_to_vec(), INVALID_ARGUMENT, "invalid TraceQL query: parse error"),
        ("SearchTags", tags_in("foo"), INVALID_ARGUMENT, "invalid scope: foo"),
        ("SearchTagsV2", tags_in("foo"), INVALID_ARGUMENT, "invalid scope: foo"),
        ("SearchTagValues", vec![], INVALID_ARGUMENT, "please provide a non-empty tagName"),
        (
            "SearchTagValuesV2",
            TagValuesRequest { tag_name: "{".to_owned(), ..Default::default() }.encode_to_vec(),
            INVALID_ARGUMENT,
            "please provide a valid tagName: ",
        ),
        ("MetricsQueryRange", vec![], INVALID_ARGUMENT, "end must be greater than start"),
        ("MetricsQueryInstant", vec![], INVALID_ARGUMENT, "end must be greater than start"),
        ("MetricsQueryRange", metrics("{ }").encode_to_vec(), UNKNOWN, "not a metrics query"),
        ("MetricsQueryRange", metrics("{ | rate()").encode_to_vec(), UNKNOWN, "parse error at line 1, col 3"),
        ("MetricsQueryInstant", metrics("{ }").encode_to_vec(), UNKNOWN, "not a metrics query"),
        (
            "MetricsQueryInstant",
            metrics("{ | rate()").encode_to_vec(),
            UNKNOWN,
            "compiling query: parse error",
        ),
        ("Search", vec![0x0a, 9, 1], INTERNAL, "the question is no such message"),
        (
            "Search",
            search(&" ".repeat(200_000)).encode_to_vec(),
            INVALID_ARGUMENT,
            "TraceQL expression exceeds",
        ),
    ];
    for (method, message, code, line) in cases {
        let answer = ask(&estate, method, &message, &[]).await;
        assert_eq!((answer.code(), answer.messages.len()), (code, 0), "{method}: {}", answer.line());
        assert!(answer.line().starts_with(line), "{method}: {} is not {line}", answer.line());
        assert_eq!(answer.trailer("tutti-outcome"), "refused");
    }
    let answer = ask(&estate, "Search", &[], &[("tutti-mode", "quick")]).await;
    assert_eq!(answer.code(), INVALID_ARGUMENT);
    assert!(answer.line().starts_with("header Tutti-Mode is `quick`"));
}

fn tags_in(scope: &str) -> Vec<u8> {
    TagsRequest { scope: scope.to_owned(), ..Default::default() }.encode_to_vec()
}

#[tokio::test(start_paused = true)]
async fn what_is_no_method_is_unimplemented_and_what_is_no_call_is_http() {
    let (estate, _) = two();
    for (path, line) in [
        ("/tempopb.StreamingQuerier/Other", "unknown method Other for service tempopb.StreamingQuerier"),
        ("/tempopb.Querier/FindTraceByID", "unknown service tempopb.Querier"),
        ("/grpc.health.v1.Health/List", "unknown method List for service grpc.health.v1.Health"),
        ("/api/search", "unknown service api"),
        ("/", "a method is asked for as /service/method"),
    ] {
        let answer = tempopb::ask(&estate.router, path, &[], &[]).await;
        assert_eq!((answer.code(), answer.line().as_str()), (UNIMPLEMENTED, line));
    }
    for path in METHODS {
        let mut one = tempopb::request(path, &[], &[]);
        *one.version_mut() = http::Version::HTTP_11;
        let mut web = tempopb::request(path, &[], &[]);
        web.headers_mut().insert("content-type", "application/grpc-web".parse().unwrap());
        for request in [one, web] {
            let answer = estate.router.clone().oneshot(request).await.unwrap();
            assert_eq!(answer.status(), 404, "{path}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_question_too_many_or_too_large_or_too_slow_is_refused() {
    let (estate, _) = two();
    estate.state.gate().set_places(0);
    for (method, message) in questions() {
        let answer = ask(&estate, method, &message, &[]).await;
        assert_eq!(answer.code(), RESOURCE_EXHAUSTED, "{method}");
        assert!(answer.line().starts_with("too many requests are in flight"), "{}", answer.line());
    }
    estate.state.gate().set_places(estate.state.settings.requests_concurrent_max);
    let large = ask(&estate, "Search", &vec![0; 600 << 10], &[]).await;
    assert_ne!(large.code(), OK);
    assert!(large.line().contains("message length too large"), "{}", large.line());
    let begun = Instant::now();
    let silent = tempopb::request(METHODS[0], &[], &[]);
    let body =
        axum::body::Body::from_stream(futures::stream::pending::<Result<bytes::Bytes, std::io::Error>>());
    let response = estate.router.clone().oneshot(silent.map(|_| body)).await.unwrap();
    assert_eq!(response.headers()["grpc-status"], DEADLINE_EXCEEDED.to_string().as_str());
    assert_eq!(begun.elapsed().as_secs(), 10);
}

/// A region that takes every question and answers none.
#[derive(Debug, Default)]
struct Silent(Hangs);

impl Silent {
    fn never<A: Send + 'static>(&self) -> Answering<'_, RegionAnswer<A>> {
        let call = tutti::model::TraceQuery::of(tutti::model::TraceId::parse("1").unwrap());
        let deadline = Deadline::starting_now(Duration::from_secs(60));
        let work = self.0.trace_by_id(TraceCall { query: call, deadline });
        async move {
            let _ = work.await;
            pending().await
        }
        .boxed()
    }
}

impl Backend for Silent {
    fn trace_by_id(&self, call: TraceCall) -> BoxFuture<'_, Result<RegionTrace, Fault>> {
        self.0.trace_by_id(call)
    }

    fn probe(&self, deadline: Deadline) -> BoxFuture<'_, Result<RegionInfo, Fault>> {
        self.0.probe(deadline)
    }

    fn answers_queries(&self) -> bool {
        true
    }

    fn search(&self, _: SearchCall) -> BoxFuture<'_, Result<RegionAnswer<SearchAnswer>, Fault>> {
        self.never()
    }

    fn tag_names(&self, _: TagsCall) -> BoxFuture<'_, Result<RegionAnswer<Names>, Fault>> {
        self.never()
    }

    fn tag_values(&self, _: TagValuesCall) -> BoxFuture<'_, Result<RegionAnswer<TagValues>, Fault>> {
        self.never()
    }

    fn metrics(&self, _: MetricsCall) -> BoxFuture<'_, Result<RegionAnswer<MetricsAnswer>, Fault>> {
        self.never()
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_leaves_a_stream_takes_its_question_back_from_the_region() {
    for (method, message) in questions() {
        let silent = Arc::new(Silent::default());
        let estate = estate(vec![("us-east", silent.clone())]);
        let request = tempopb::request(&format!("{SERVICE}{method}"), &message, &[]);
        let response = estate.router.clone().oneshot(request).await.unwrap();
        assert_eq!(silent.0.begun(), 0, "the work is the stream");
        let mut body = response.into_body();
        // The word that it is worked on, where there is one, and then nothing.
        let read = async { while body.frame().await.is_some() {} };
        assert!(timeout(Duration::from_secs(1), read).await.is_err(), "{method}");
        assert_eq!((silent.0.begun(), silent.0.open()), (1, 1), "{method}");
        assert_eq!(estate.metric("tutti_requests_in_flight").await, 1.0);
        drop(body);
        // The work is told at once, and lets go when it is its turn.
        tokio::task::yield_now().await;
        assert_eq!((silent.0.begun(), silent.0.open()), (1, 0), "{method}");
        assert_eq!(estate.metric("tutti_requests_in_flight").await, 0.0);
        let places = estate.state.settings.requests_concurrent_max;
        assert_eq!(estate.state.gate().numbers().free(), places, "{method}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_clients_own_deadline_shortens_ours_and_never_lengthens_it() {
    let silent = Arc::new(Silent::default());
    let setup = Setup { layers: within(Duration::from_secs(60)), ..Setup::default() };
    let estate = setup.over(vec![("us-east", silent)]);
    for (said, least, most) in
        [("3S", 2_000, 3_000), ("99999999H", 24_000, 25_000), ("other", 24_000, 25_000)]
    {
        let begun = Instant::now();
        let (method, message) = &questions()[0];
        let answer = ask(&estate, method, message, &[("grpc-timeout", said)]).await;
        assert_eq!(answer.code(), DEADLINE_EXCEEDED, "{said}: {}", answer.line());
        let took = begun.elapsed().as_millis();
        assert!((least..=most).contains(&took), "{said}: {took}");
    }
}

#[tokio::test(start_paused = true)]
async fn answers_go_out_in_packets_that_together_are_the_answer() {
    const MANY: u64 = 60_000;
    let mut own = span(1, None, SERVER);
    own.attributes = (0..MANY)
        .map(|nth| crate::spans::text(&format!("a.key.that.is.rather.long.{nth:08}"), "v"))
        .collect();
    let search = SearchSettings { tags_bytes_max: 0, ..SearchSettings::default() };
    let metrics = MetricsSettings::default();
    let federation = FederationSettings { search, metrics, ..FederationSettings::default() };
    let setup = Setup { federation, ..Setup::default() };
    let estate = setup.over(vec![("us-east", simulated(&part("shop", vec![own])))]);
    let [_, names, scopes, ..] = questions();
    let answer = ask(&estate, names.0, &names.1, &[]).await;
    assert!(answer.messages.len() > 1 && answer.messages.iter().all(|message| message.len() <= 1 << 20));
    let parts: Vec<TagNames> = answer.all();
    assert!(parts.iter().all(|part| part.metrics == parts[0].metrics && part.metrics.is_some()));
    // And the attribute that the gateway adds to each resource.
    assert_eq!(parts.iter().map(|part| part.names.len()).sum::<usize>(), MANY as usize + 2);

    let answer = ask(&estate, scopes.0, &scopes.1, &[]).await;
    assert!(answer.messages.len() > 1 && answer.messages.iter().all(|message| message.len() <= 1 << 20));
    let parts: Vec<TagScopes> = answer.all();
    assert!(parts.iter().all(|part| part.metrics.is_some()));
    let of_spans = parts.iter().flat_map(|part| &part.scopes).filter(|scope| scope.name == "span");
    assert_eq!(of_spans.map(|scope| scope.tags.len()).sum::<usize>(), MANY as usize);
}

#[tokio::test(start_paused = true)]
async fn health_is_that_of_ready_and_every_change_is_told() {
    const CHECK: &str = "/grpc.health.v1.Health/Check";
    const WATCH: &str = "/grpc.health.v1.Health/Watch";
    let (estate, _) = two();
    let asked = |service: &str| {
        if service.is_empty() { vec![] } else { [&[0x0a, service.len() as u8], service.as_bytes()].concat() }
    };
    for service in ["", "tempopb.StreamingQuerier"] {
        let answer = tempopb::ask(&estate.router, CHECK, &asked(service), &[]).await;
        assert_eq!((answer.code(), &answer.messages[..]), (OK, &[bytes::Bytes::from_static(&[8, 1])][..]));
    }
    let answer = tempopb::ask(&estate.router, CHECK, &asked("other"), &[]).await;
    assert_eq!((answer.code(), answer.messages.len()), (NOT_FOUND, 0));

    let watching = tempopb::ask(&estate.router, WATCH, &[], &[]);
    let mut watching = std::pin::pin!(watching);
    assert!(timeout(Duration::from_secs(3600), &mut watching).await.is_err(), "nothing changes");
    estate.state.stop();
    let watched = watching.await;
    assert_eq!(watched.messages, [&[8u8, 1][..], &[8, 2]]);
    assert_eq!((watched.code(), watched.line().as_str()), (UNAVAILABLE, "the gateway is stopping"));
    let answer = tempopb::ask(&estate.router, CHECK, &[], &[]).await;
    assert_eq!((answer.code(), &answer.messages[..]), (OK, &[bytes::Bytes::from_static(&[8, 2])][..]));
}
