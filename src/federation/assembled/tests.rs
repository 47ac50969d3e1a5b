//! However the spans lie, the answer is the same; and what is withheld is nowhere in it.

use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;

use super::estate::*;
use super::*;
use crate::backend::memory::MemoryBackend;
use crate::backend::{Backend, Behaviour, Distance, Fault, RegionInfo, RegionTrace, Simulated};
use crate::federation::{MetricsAsk, SearchAsk, TagValuesAsk, TagsAsk, Why};
use crate::model::search::{SearchAsked, Window};
use crate::model::tags::{TagLimits, TagScope, TagsForm};
use crate::model::{
    Coverage, MetricsAnswer, MetricsQuery, Outcome, SearchAnswer, SearchQuery, TagNames, TagValues,
    TagValuesQuery, TagsQuery,
};
use crate::policy::{Plan, Treatment};

pub(super) const SEARCHES: &[&str] = &[
    "{ }",
    "{ .n = 1 }",
    "{ span.s = \"a\" && .n > 1 }",
    "{ span.s = \"a\" || .b = true }",
    "{ .n != 2 }",
    "{ .s =~ \"a|b\" }",
    "{ .n = nil }",
    "{ .f > 0.5 }",
    "{ .n + 1 = 2 }",
    "{ name = \"get\" && status = error }",
    "{ kind = server }",
    "{ duration > 1s }",
    "{ resource.service.name = \"shop\" }",
    "{ .zone = \"pay-1\" }",
    "{ rootServiceName = \"shop\" }",
    "{ rootName = \"get\" && .n = 1 }",
    "{ traceDuration > 2s }",
    "{ event:name = \"failed\" }",
    "{ event.k = 2 }",
    "{ link.l = \"x\" }",
    "{ .n = 1 } >> { .n = 2 }",
    "{ .n = 1 } > { }",
    "{ } << { .s = \"b\" }",
    "{ .n = 1 } ~ { .n = 2 }",
    "{ } !> { .n = 3 }",
    "{ .n = 0 } &>> { .n = 1 }",
    "{ .n = 1 } && { .n = 2 }",
    "{ .n = 1 } || { .s = \"c\" }",
    "{ } | count() > 4",
    "{ } | avg(.n) > 1",
    "{ } | max(duration) > 2s",
    "{ .n > 0 } | by(resource.service.name) | count() > 1",
    "{ } | by(.s) | coalesce() | count() > 3",
    "{ .n = 1 } | select(.s, .f, resource.zone)",
    "{ span:childCount > 1 }",
    "{ nestedSetParent < 0 }",
    "{ false }",
];

const METRICS: &[&str] = &[
    "{ } | rate()",
    "{ } | count_over_time() by(resource.service.name)",
    "{ .n > 0 } | sum_over_time(span.n) by(name)",
    "{ } | avg_over_time(span.f)",
    "{ } | min_over_time(duration) by(status)",
    "{ } | max_over_time(span.n)",
    "{ } | quantile_over_time(duration, .5, .9)",
    "{ } | histogram_over_time(duration)",
    "{ .n = 1 } >> { } | rate() by(rootServiceName)",
    "{ } | rate() by(span.s) | topk(2)",
    "{ } | compare({ status = error })",
];

const VALUES: &[&str] =
    &["span.n", ".s", "resource.service.name", ".user.email", "name", "status", "event.k"];

pub(super) fn question<Q>(query: Q) -> crate::federation::Question<Q> {
    let deadline = Deadline::starting_now(Duration::from_secs(20));
    crate::federation::Question { query, mode: Mode::BestEffort, deadline }
}

pub(super) fn searching(text: &str, limit: u32, window: Option<Window>) -> SearchAsk {
    question(SearchQuery {
        asked: SearchAsked::Query(text.to_owned()),
        limit,
        spans_per_set: 3,
        window,
        page: None,
    })
}

pub(super) fn measuring(text: &str, is_instant: bool) -> MetricsAsk {
    let (start, end) = (BEGIN * NANOS, (BEGIN + 700) * NANOS);
    let step = if is_instant { end - start } else { 50 * NANOS };
    question(MetricsQuery {
        query: text.to_owned(),
        start,
        end,
        step,
        is_instant,
        exemplars: if is_instant { 0 } else { 20 },
        max_series: 0,
    })
}

const NANOS: u64 = 1_000_000_000;

pub(super) fn naming(query: Option<&str>, scope: Option<TagScope>) -> TagsAsk {
    let query = query.map(str::to_owned);
    question(TagsQuery { scope, query, window: None, limits: TagLimits::default(), form: TagsForm::V2 })
}

pub(super) fn listing_values(name: &str, query: Option<&str>) -> TagValuesAsk {
    question(TagValuesQuery {
        name: name.to_owned(),
        query: query.map(str::to_owned),
        window: None,
        limits: TagLimits::default(),
        form: TagsForm::V2,
    })
}

/// Everything that is answered to the same questions, without what it took.
pub(super) async fn everything(federation: &Arc<Federation>) -> Vec<(String, String)> {
    let mut all = Vec::new();
    let middle = Window { start: (BEGIN + 200) as u32, end: (BEGIN + 300) as u32 };
    for text in SEARCHES {
        for (limit, window) in [(1000, None), (3, None), (1000, Some(middle)), (2, Some(middle))] {
            let answer = federation.search(searching(text, limit, window)).await;
            let answer = answer.map(|answer| format!("{:#?}", answer.value.traces));
            all.push((format!("{text} {limit} {window:?}"), said(answer)));
        }
    }
    for text in METRICS {
        for is_instant in [false, true] {
            let answer = federation.metrics(measuring(text, is_instant)).await;
            let answer = answer.map(|answer| format!("{:#?}", answer.value.series));
            all.push((format!("{text} {is_instant}"), said(answer)));
        }
    }
    for query in [None, Some("{ .n = 1 }")] {
        let answer = federation.tag_names(naming(query, None)).await;
        all.push((
            format!("names {query:?}"),
            said(answer.map(|answer| format!("{:?}", answer.value.scopes))),
        ));
        for name in VALUES {
            let answer = federation.tag_values(listing_values(name, query)).await;
            let said = said(answer.map(|answer| format!("{:?}", answer.value.values)));
            all.push((format!("values of {name} {query:?}"), said));
        }
    }
    all
}

pub(super) fn said(answer: Result<String, Refusal>) -> String {
    answer.unwrap_or_else(|refusal| format!("{:?}: {}", refusal.why, refusal.line))
}

#[track_caller]
pub(super) fn assert_same(one: &[(String, String)], other: &[(String, String)], seed: u64) {
    for (one, other) in one.iter().zip(other) {
        let lines = one.1.lines().zip(other.1.lines()).zip(1..);
        if let Some(((left, right), line)) = lines.into_iter().find(|((left, right), _)| left != right) {
            panic!("seed {seed}, {}, line {line}: {left} and {right}", one.0);
        }
        assert_eq!(one, other, "seed {seed}");
    }
    assert_eq!(one.len(), other.len());
}

/// Questions whose answers say something, so that equal answers mean something.
pub(super) fn telling(answers: &[(String, String)]) -> usize {
    answers.iter().filter(|(_, said)| said.len() > 4 && !said.contains("Failed")).count()
}

#[tokio::test]
async fn what_one_region_answers_itself_is_what_is_decided_from_its_traces() {
    for seed in 1..3 {
        let spans = [traces(seed, 15).concat()];
        let itself = everything(&federation(&spans, Plan::allow_all())).await;
        let decided = everything(&federation(&spans, treating_nothing())).await;
        assert_same(&itself, &decided, seed);
        assert!(telling(&itself) > itself.len() / 2, "{} of {}", telling(&itself), itself.len());
    }
}

#[tokio::test]
async fn three_regions_answer_as_the_one_that_holds_all() {
    for seed in 10..13 {
        let traces = traces(seed, 15);
        let one = everything(&federation(&[traces.concat()], Plan::allow_all())).await;
        let three = everything(&federation(&spread(&traces, seed), Plan::allow_all())).await;
        assert_same(&one, &three, seed);
    }
}

/// The same traces, with other people in them.
pub(super) fn with_others(traces: &[Vec<Made>]) -> Vec<Vec<Made>> {
    let mut traces = traces.to_vec();
    for attribute in traces.iter_mut().flatten().flat_map(|made| &mut made.span.attributes) {
        if attribute.key == "user.email" {
            let value = Any::StringValue("max@example.org".to_owned());
            attribute.value = super::estate::attribute("user.email", value).value;
        }
    }
    traces
}

/// Questions that ask about what is withheld.
const NOSY: &[&str] = &[
    "{ .user.email = \"jane@example.com\" }",
    "{ span.user.email =~ \"j.*\" }",
    "{ .user.email != \"jane@example.com\" }",
    "{ .user.email = \"<redacted>\" }",
    "{ .user.email < \"k\" } | count() > 1",
    "{ } | select(.user.email)",
    "{ } | by(span.user.email)",
    "{ } | rate() by(span.user.email)",
    "{ .user.email =~ \"j.*\" } | count_over_time()",
    "{ } | compare({ .user.email = \"jane@example.com\" })",
];

/// Every byte of an answer, what it took included; only times are left out.
async fn nosy(federation: &Arc<Federation>) -> String {
    let mut all = String::new();
    let mut note = |(value, coverage): (String, Option<Coverage>)| {
        all.push_str(&value);
        for report in coverage.into_iter().flat_map(|coverage| coverage.regions) {
            let report = RegionReport { took: Duration::ZERO, first_byte: None, ..report };
            all.push_str(&format!("{report:?}\n"));
        }
    };
    fn shown<A: std::fmt::Debug>(answer: Answered<A>) -> (String, Option<Coverage>) {
        match answer {
            Ok(answer) => (format!("{:?}", answer.value), Some(answer.coverage)),
            Err(refusal) => (refusal.line, refusal.coverage),
        }
    }
    for text in NOSY {
        note(shown::<SearchAnswer>(federation.search(searching(text, 100, None)).await));
        note(shown::<MetricsAnswer>(federation.metrics(measuring(text, false)).await));
        note(shown::<TagNames>(federation.tag_names(naming(Some(text), None)).await));
        for name in [".user.email", "span.user.email", "name"] {
            note(shown::<TagValues>(federation.tag_values(listing_values(name, Some(text))).await));
            note(shown::<TagValues>(federation.tag_values(listing_values(name, None)).await));
        }
    }
    all
}

#[tokio::test]
async fn estates_that_differ_in_what_is_withheld_alone_answer_the_same_bytes() {
    use Treatment::{Drop, Mask};
    let plan =
        || treating(&[("eu", "user.email", Mask), ("us", "user.email", Drop), ("ap", "user.email", Mask)]);
    for seed in 20..22 {
        let original = traces(seed, 20);
        let others = with_others(&original);
        for count in [1, 3] {
            let place = |traces: &[Vec<Made>]| match count {
                1 => vec![traces.concat()],
                _ => spread(traces, seed),
            };
            let one = nosy(&federation(&place(&original), plan())).await;
            let other = nosy(&federation(&place(&others), plan())).await;
            assert_eq!(one, other, "seed {seed}, {count} regions");
            assert!(one.contains("<redacted>"), "seed {seed}");
            // Jane is in the questions, and a question for values repeats what it names, as Tempo's does.
            assert!(!one.contains("joe@") && !other.contains("max@"), "seed {seed}, {count} regions");
        }
    }
}

#[tokio::test]
async fn where_a_value_is_shown_it_is_found() {
    // Of the two regions, one shows the address and the other masks it.
    let spans = traces(30, 20);
    let plan = treating(&[("us", "user.email", Treatment::Mask)]);
    let parts = spread(&spans, 30);
    let shown = |part: &[Made]| {
        let is_jane = |a: &opentelemetry_proto::tonic::common::v1::KeyValue| {
            format!("{:?}", a.value).contains("jane@example.com")
        };
        part.iter().filter(|made| made.span.attributes.iter().any(is_jane)).count()
    };
    assert!(shown(&parts[0]) > 0 && shown(&parts[1]) > 0);
    let federation = federation(&parts[..2], plan);
    let answer = federation.search(searching("{ .user.email = \"jane@example.com\" }", 1000, None)).await;
    let found: u32 = answer.unwrap().value.traces.iter().flat_map(|t| &t.span_sets).map(|s| s.matched).sum();
    assert!(found as usize >= 1 && found as usize <= shown(&parts[0]), "{found}");
}

pub(super) fn simulated(parts: &[Vec<Made>]) -> (Vec<Arc<Simulated>>, Vec<Arc<dyn Backend>>) {
    let regions: Vec<Arc<Simulated>> =
        parts.iter().map(|p| Arc::new(Simulated::new(backend(p), Distance::default(), 1))).collect();
    let backends = regions.iter().map(|region| region.clone() as Arc<dyn Backend>).collect();
    (regions, backends)
}

#[tokio::test(start_paused = true)]
async fn a_region_that_fails_is_named_and_a_strict_caller_is_refused() {
    let parts = spread(&traces(40, 10), 40);
    let (simulated, backends) = simulated(&parts);
    let federation = of(backends, Plan::allow_all());
    for behaviour in [
        Behaviour::Down,
        Behaviour::ServerError,
        Behaviour::BlackHole,
        Behaviour::SaysPartial,
        // It lists its traces, and sends others.
        Behaviour::OtherTrace,
    ] {
        simulated[1].behave(behaviour);
        let answer = federation.search(searching("{ }", 100, None)).await.unwrap();
        assert_eq!(answer.coverage.outcome(), Outcome::Partial, "{behaviour:?}");
        assert_eq!(answer.coverage.regions.len(), 3);
        let missing: Vec<&str> = answer.coverage.missing().map(|r| r.region.as_str()).collect();
        assert_eq!(missing, ["us"], "{behaviour:?}");
        assert!(!answer.value.traces.is_empty());
        let strict = SearchAsk { mode: Mode::Strict, ..searching("{ }", 100, None) };
        let refusal = federation.search(strict).await.unwrap_err();
        assert!(refusal.line.contains("strict mode refuses a partial answer: us"), "{}", refusal.line);
    }
}

#[tokio::test(start_paused = true)]
async fn one_region_that_fails_is_no_answer_either_way() {
    for plan in [Plan::allow_all(), treating_nothing()] {
        let (simulated, backends) = simulated(&[traces(41, 5).concat()]);
        let federation = of(backends, plan);
        assert!(federation.search(searching("{ }", 100, None)).await.is_ok());
        simulated[0].behave(Behaviour::BlackHole);
        let refusal = federation.search(searching("{ }", 100, None)).await.unwrap_err();
        assert_eq!(refusal.why, Why::Late, "{}", refusal.line);
    }
}

#[tokio::test]
async fn a_query_that_is_none_is_refused_before_anyone_is_asked() {
    let (simulated, backends) = simulated(&[Vec::new(), Vec::new()]);
    simulated.iter().for_each(|region| region.behave(Behaviour::BlackHole));
    let federation = of(backends, Plan::allow_all());
    let refusal = federation.search(searching("{ .a = }", 100, None)).await.unwrap_err();
    assert_eq!(refusal.why, Why::Query, "{}", refusal.line);
    let refusal = federation.metrics(measuring("{ .a = 1 }", false)).await.unwrap_err();
    assert_eq!(refusal.why, Why::Query, "{}", refusal.line);
    let refusal = federation.tag_values(listing_values("nope", None)).await.unwrap_err();
    assert_eq!(refusal.why, Why::Query, "{}", refusal.line);
}

#[tokio::test]
async fn a_query_that_fails_on_a_span_fails_either_way() {
    for plan in [Plan::allow_all(), treating_nothing()] {
        let federation = federation(&[traces(42, 10).concat()], plan);
        let refusal = federation.search(searching("{ 1 / .n = 1 }", 100, None)).await.unwrap_err();
        assert_eq!(refusal.why, Why::QueryFailed, "{}", refusal.line);
    }
}

/// A region that answers lookups alone.
#[derive(Debug)]
struct ByIdAlone(Arc<MemoryBackend>);

impl Backend for ByIdAlone {
    fn trace_by_id(&self, call: crate::backend::TraceCall) -> BoxFuture<'_, Result<RegionTrace, Fault>> {
        self.0.trace_by_id(call)
    }

    fn probe(&self, deadline: Deadline) -> BoxFuture<'_, Result<RegionInfo, Fault>> {
        self.0.probe(deadline)
    }
}

#[tokio::test]
async fn a_region_that_cannot_be_asked_is_named_in_one_refusal() {
    let one = backend(&traces(43, 3).concat());
    let federation = of(vec![one.clone(), Arc::new(ByIdAlone(one))], Plan::allow_all());
    let refusal = federation.search(searching("{ }", 100, None)).await.unwrap_err();
    assert_eq!(refusal.why, Why::Unsupported);
    assert!(refusal.line.contains("over us yet"), "{}", refusal.line);
}

#[tokio::test]
async fn of_more_traces_than_are_listed_first_the_newest_are_still_exact() {
    // More than the first listing holds, so that a second is needed for what is rare.
    let many = traces(44, 712);
    let spans = [many.concat()];
    let itself = federation(&spans, Plan::allow_all());
    let decided = federation(&spans, treating_nothing());
    for (text, limit) in [("{ }", 20), ("{ .n = 3 && .s = \"c\" && kind = client }", 300), ("{ }", 700)] {
        let one = itself.search(searching(text, limit, None)).await.unwrap();
        let other = decided.search(searching(text, limit, None)).await.unwrap();
        assert_eq!(one.value.traces, other.value.traces, "{text}");
        assert!(one.value.traces.len() > 5);
    }
}

#[tokio::test(start_paused = true)]
async fn many_traces_of_far_regions_take_few_ways_there_and_back() {
    let far = Distance { round_trip: Duration::from_millis(100), ..Distance::default() };
    let backends = spread(&traces(45, 300), 45)
        .iter()
        .map(|part| Arc::new(Simulated::new(backend(part), far.clone(), 1)) as Arc<dyn Backend>)
        .collect();
    let federation = of(backends, Plan::allow_all());
    for (limit, round_trips) in [(20, 2), (1000, 2)] {
        let began = Instant::now();
        let answer = federation.search(searching("{ }", limit, None)).await.unwrap();
        assert_eq!(answer.value.traces.len(), limit.min(300) as usize);
        assert_eq!(began.elapsed().as_millis(), round_trips * 100, "{limit}");
    }
}

#[tokio::test]
async fn traces_that_do_not_fit_into_one_answer_are_all_looked_at() {
    // Twenty traces of a megabyte each, in two regions that send sixteen at once.
    let mut large = traces(46, 20);
    for trace in &mut large {
        let value = Any::StringValue("x".repeat(1 << 20));
        trace[0].span.attributes.push(super::estate::attribute("large", value));
    }
    let parts = spread(&large, 46);
    let federation = federation(&parts[..2], Plan::allow_all());
    let held: HashSet<Vec<u8>> = parts[..2].iter().flatten().map(|made| made.span.trace_id.clone()).collect();
    let answer = federation.search(searching("{ }", 100, None)).await.unwrap();
    assert_eq!(answer.value.traces.len(), held.len());
    assert_eq!(answer.coverage.outcome(), Outcome::Complete);
}

#[tokio::test]
async fn the_older_forms_are_answered_alike() {
    let spans = traces(47, 25);
    let one = federation(&[spans.concat()], Plan::allow_all());
    let three = federation(&spread(&spans, 47), Plan::allow_all());
    let mut found = 0;
    for (tags, min_duration_ms) in
        [(vec![("s", "a")], 0), (vec![("service.name", "shop"), ("s", "b")], 0), (vec![("n", "1")], 3000)]
    {
        let tags = tags.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
        let asked = SearchAsked::Tags { tags, min_duration_ms, max_duration_ms: 0 };
        let ask = question(SearchQuery { asked, limit: 10, spans_per_set: 3, window: None, page: None });
        let answer = one.search(ask.clone()).await.unwrap();
        found += answer.value.traces.len();
        assert_eq!(answer.value.traces, three.search(ask.clone()).await.unwrap().value.traces, "{ask:?}");
    }
    assert!(found > 0);
    let names = question(TagsQuery { form: TagsForm::V1, ..naming(None, None).query });
    let answer = one.tag_names(names.clone()).await.unwrap();
    assert!(!answer.value.scopes.is_empty());
    assert_eq!(answer.value.scopes, three.tag_names(names).await.unwrap().value.scopes);
    let values = question(TagValuesQuery { form: TagsForm::V1, ..listing_values("s", None).query });
    let answer = one.tag_values(values.clone()).await.unwrap();
    assert_eq!(answer.value.values.len(), 3);
    assert_eq!(answer.value.values, three.tag_values(values).await.unwrap().value.values);
}
