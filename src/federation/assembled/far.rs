//! Regions far away: they list traces, are asked for each by its id, and may fail in either.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::estate::*;
use super::tests::*;
use super::*;
use crate::backend::settings::LayerSettings;
use crate::backend::{
    Backend, Behaviour, Distance, Fault, RegionAnswer, RegionInfo, RegionTrace, SearchCall, Simulated,
    TagValuesCall, TagsCall, TraceCall,
};
use crate::federation::{FederationSettings, SearchAsk, Why};
use crate::model::search::{SearchAsked, TraceRow, Window};
use crate::model::{
    Exactness, Jurisdiction, Outcome, RegionName, RegionStatus, SearchAnswer, SearchQuery, TagNames,
    TagValues,
};
use crate::policy::{Plan, Treatment};

/// A region over the network, as far as the federation can tell: it may behave otherwise when it lists its
/// traces than when it is asked for some in outline, or for one.
#[derive(Debug)]
pub(super) struct Far {
    lists: Simulated,
    tells: Simulated,
    sends: Simulated,
    pub(super) told: AtomicUsize,
    pub(super) sent: AtomicUsize,
    sending: AtomicUsize,
    most_at_once: AtomicUsize,
}

impl Far {
    fn of(spans: &[Made]) -> Arc<Self> {
        let held = backend(spans);
        let near = Distance { round_trip: std::time::Duration::from_millis(1), ..Distance::default() };
        Arc::new(Self {
            lists: Simulated::new(held.clone(), near.clone(), 1),
            tells: Simulated::new(held.clone(), near.clone(), 3),
            sends: Simulated::new(held, near, 2),
            told: AtomicUsize::new(0),
            sent: AtomicUsize::new(0),
            sending: AtomicUsize::new(0),
            most_at_once: AtomicUsize::new(0),
        })
    }
}

impl Backend for Far {
    fn trace_by_id(&self, call: TraceCall) -> BoxFuture<'_, Result<RegionTrace, Fault>> {
        async move {
            self.sent.fetch_add(1, Ordering::SeqCst);
            let at_once = self.sending.fetch_add(1, Ordering::SeqCst) + 1;
            self.most_at_once.fetch_max(at_once, Ordering::SeqCst);
            let part = self.sends.trace_by_id(call).await;
            self.sending.fetch_sub(1, Ordering::SeqCst);
            part
        }
        .boxed()
    }

    fn probe(&self, deadline: Deadline) -> BoxFuture<'_, Result<RegionInfo, Fault>> {
        self.lists.probe(deadline)
    }

    fn answers_queries(&self) -> bool {
        true
    }

    fn search(&self, call: SearchCall) -> BoxFuture<'_, Result<RegionAnswer<SearchAnswer>, Fault>> {
        if matches!(&call.query.asked, SearchAsked::Query(text) if text.starts_with("{trace:id=")) {
            self.told.fetch_add(1, Ordering::SeqCst);
            return self.tells.search(call);
        }
        self.lists.search(call)
    }

    fn tag_names(&self, call: TagsCall) -> BoxFuture<'_, Result<RegionAnswer<TagNames>, Fault>> {
        self.lists.tag_names(call)
    }

    fn tag_values(&self, call: TagValuesCall) -> BoxFuture<'_, Result<RegionAnswer<TagValues>, Fault>> {
        self.lists.tag_values(call)
    }
}

pub(super) fn far(
    parts: &[Vec<Made>],
    plan: Plan,
    settings: SearchSettings,
) -> (Vec<Arc<Far>>, Arc<Federation>) {
    let far: Vec<Arc<Far>> = parts.iter().map(|part| Far::of(part)).collect();
    let regions = far.iter().zip(REGIONS).map(|(backend, name)| {
        let jurisdiction = Jurisdiction::parse("EU").unwrap();
        let name = RegionName::parse(name).unwrap();
        let mut layers = LayerSettings::default();
        // Faults are what these tests are made of; a circuit would end them.
        layers.breaker.failures_max = u32::MAX;
        Arc::new(Region::new(name, jurisdiction, backend.clone() as Arc<dyn Backend>, layers))
    });
    let settings = FederationSettings { search: settings, ..FederationSettings::default() };
    let federation = Federation::new(regions.collect(), settings, Arc::new(plan));
    (far, Arc::new(federation))
}

/// Traces whose spans have ids as they are made by chance: small numbers are what a Tempo gives by itself.
pub(super) fn traces(seed: u64, count: u64) -> Vec<Vec<Made>> {
    let mut traces = super::estate::traces(seed, count);
    for made in traces.iter_mut().flatten() {
        made.span.span_id.first_mut().map(|byte| *byte = 0xab).unwrap();
        made.span.parent_span_id.first_mut().into_iter().for_each(|byte| *byte = 0xab);
    }
    traces
}

pub(super) const WHOLE: Option<Window> = Some(Window { start: BEGIN as u32 - 10, end: BEGIN as u32 + 700 });

/// Rows without the orders that nobody promises. Where not all spans of a set are shown, any may be.
pub(super) fn settled(rows: &[TraceRow]) -> Vec<TraceRow> {
    let settle = |row: &TraceRow| {
        let mut row = row.clone();
        for set in &mut row.span_sets {
            set.spans.sort_by_key(|span| span.id);
            for span in &mut set.spans {
                span.attributes.sort_by_key(|attribute| format!("{attribute:?}"));
            }
            if set.matched as usize > set.spans.len() {
                set.spans.clear();
            }
        }
        row.span_sets.sort_by_key(|set| format!("{set:?}"));
        row
    };
    rows.iter().map(settle).collect()
}

fn rows(answer: Answered<SearchAnswer>) -> String {
    said(answer.map(|answer| format!("{:#?}", settled(&answer.value.traces))))
}

#[track_caller]
fn assert_same_rows(one: &str, other: &str, what: &str) {
    let differing = one.lines().zip(other.lines()).zip(1..).find(|((one, other), _)| one != other);
    assert!(differing.is_none(), "{what}: {differing:?}");
    assert_eq!(one.len(), other.len(), "{what}");
}

#[tokio::test(start_paused = true)]
async fn far_regions_answer_as_the_one_that_holds_all() {
    for seed in 70..73 {
        let spans = traces(seed, 40);
        let one = federation(&[spans.concat()], Plan::allow_all());
        // One seed for each way.
        let how = SPREADS[seed as usize % SPREADS.len()];
        let (_, three) = far(&spread_as(&spans, seed, how), Plan::allow_all(), SearchSettings::default());
        let mut telling = 0;
        for text in SEARCHES {
            for (limit, window) in [(1000, WHOLE), (5, WHOLE), (2, None)] {
                let of_one = rows(one.search(searching(text, limit, window)).await);
                let of_three = three.search(searching(text, limit, window)).await;
                if let Ok(answer) = &of_three {
                    assert_eq!(answer.coverage.exactness(), Exactness::Exact, "{text}");
                    telling += usize::from(!answer.value.traces.is_empty());
                }
                assert_same_rows(&of_one, &rows(of_three), &format!("seed {seed}: {text}, {limit}"));
            }
        }
        assert!(telling > SEARCHES.len(), "{telling}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_rare_is_found_page_by_page() {
    // So many traces in few seconds that pages of 64 have to grow and to be followed by others.
    let spans = traces(74, 900);
    let one = federation(&[spans.concat()], Plan::allow_all());
    let (_, three) = far(&spread(&spans, 74), Plan::allow_all(), SearchSettings::default());
    for text in [
        "{ .n = 3 } >> { .s = \"c\" && kind = client }",
        "{ } | count() > 10",
        "{ .n = 2 } && { .b = false }",
    ] {
        let of_one = rows(one.search(searching(text, 20, WHOLE)).await);
        assert_same_rows(&of_one, &rows(three.search(searching(text, 20, WHOLE)).await), text);
        assert!(of_one.len() > 100, "{text}");
    }
}

#[tokio::test(start_paused = true)]
async fn few_traces_are_fetched_and_never_more_at_once_than_allowed() {
    let spans = traces(75, 200);
    let settings = SearchSettings { assembly_concurrent_max: 3, ..SearchSettings::default() };
    let (regions, federation) = far(&spread(&spans, 75), Plan::allow_all(), settings);
    // What happens in a span is not told in outline.
    for (text, sent_max, at_once) in [("{ }", 9, 0), ("{ event.k != 7 }", 2 * BATCH_FIRST, 3)] {
        let answer = federation.search(searching(text, 20, WHOLE)).await.unwrap();
        assert_eq!(answer.value.traces.len(), 20);
        for region in &regions {
            assert!(region.sent.swap(0, Ordering::SeqCst) <= sent_max, "{text}");
            assert!(region.most_at_once.load(Ordering::SeqCst) <= 3, "{text}");
            assert!(region.most_at_once.swap(0, Ordering::SeqCst) >= at_once, "{text}");
        }
    }
}

/// Behaviours in which a region answers nothing that can be used, and what is said of it then.
const FAILING: [(Behaviour, RegionStatus); 7] = [
    (Behaviour::Down, RegionStatus::Unreachable),
    (Behaviour::BlackHole, RegionStatus::Timeout),
    (Behaviour::ServerError, RegionStatus::Error),
    (Behaviour::Throttled, RegionStatus::Overloaded),
    (Behaviour::CutOff, RegionStatus::CutOff),
    (Behaviour::Garbage, RegionStatus::Malformed),
    (Behaviour::SaysPartial, RegionStatus::Partial),
];

#[tokio::test(start_paused = true)]
async fn a_region_that_fails_in_any_phase_is_named_and_strict_refuses() {
    let parts = spread(&traces(76, 12), 76);
    for (behaviour, status) in FAILING {
        // What happens in a span is asked of the traces themselves.
        for text in ["{ } | count() > 1", "{ event.k != 7 } | count() > 1"] {
            let (regions, federation) = far(&parts, Plan::allow_all(), SearchSettings::default());
            let (is_told, region) = (!text.contains("event"), &regions[1]);
            let phases: &[&Simulated] = match behaviour {
                _ if !is_told => &[&region.sends],
                // Who answers nothing in outline may still send traces.
                Behaviour::Down | Behaviour::BlackHole | Behaviour::Throttled => &[&region.tells],
                _ => &[&region.tells, &region.sends],
            };
            assert_named(behaviour, status, (text, phases, &federation)).await;
            phases.iter().for_each(|phase| phase.behave(Behaviour::Well));
            assert_named(behaviour, status, (text, &[&region.lists], &federation)).await;
        }
    }
}

async fn assert_named(
    behaviour: Behaviour,
    status: RegionStatus,
    (text, phases, federation): (&str, &[&Simulated], &Arc<Federation>),
) {
    phases.iter().for_each(|phase| phase.behave(behaviour));
    let what = format!("{behaviour:?}: {text}, {} phases", phases.len());
    let answer = federation.search(searching(text, 100, WHOLE)).await.unwrap();
    assert_eq!(answer.coverage.outcome(), Outcome::Partial, "{what}");
    let missing: Vec<_> = answer.coverage.missing().map(|r| (r.region.as_str(), r.status)).collect();
    // A trace of this region alone is no one else's to tell, and is asked for by its id.
    let told_in_part = phases.len() == 1 && missing == [("us", RegionStatus::Partial)];
    assert!(told_in_part || missing == [("us", status)], "{what}: {missing:?}");
    assert_ne!(answer.coverage.exactness(), Exactness::Exact, "{what}");
    assert!(!answer.value.traces.is_empty(), "{what}");
    let strict = SearchAsk { mode: Mode::Strict, ..searching(text, 100, WHOLE) };
    let refusal = federation.search(strict).await.unwrap_err();
    assert!(refusal.line.contains("us"), "{what}: {}", refusal.line);
}

#[tokio::test(start_paused = true)]
async fn what_a_region_cannot_tell_in_outline_is_asked_of_the_traces_themselves() {
    use Behaviour as B;
    let spans = traces(84, 30);
    let one = federation(&[spans.concat()], Plan::allow_all());
    let of_one = rows(one.search(searching("{ .n = 1 } >> { }", 100, WHOLE)).await);
    for unable in
        [B::RejectsRequest, B::ServerError, B::CutOff, B::Garbage, B::Html, B::SaysPartial, B::TooLarge]
    {
        let (regions, three) = far(&spread(&spans, 84), Plan::allow_all(), SearchSettings::default());
        regions[1].tells.behave(unable);
        let answer = three.search(searching("{ .n = 1 } >> { }", 100, WHOLE)).await;
        assert_eq!(answer.as_ref().unwrap().coverage.exactness(), Exactness::Exact, "{unable:?}");
        assert_same_rows(&of_one, &rows(answer), &format!("{unable:?}"));
        assert!(regions[0].sent.load(Ordering::SeqCst) > 10, "{unable:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_region_that_refuses_to_tell_in_outline_is_not_asked_so_again_for_a_while() {
    let (regions, federation) =
        far(&spread(&traces(86, 30), 86), Plan::allow_all(), SearchSettings::default());
    let told = || regions.iter().map(|region| region.told.swap(0, Ordering::SeqCst)).sum::<usize>();
    let ask = || searching("{ .n = 1 } >> { }", 100, WHOLE);
    // One that fails may do better the next time.
    for behaviour in [Behaviour::ServerError, Behaviour::RejectsRequest] {
        regions[1].tells.behave(behaviour);
        federation.search(ask()).await.unwrap();
        assert!(told() > 0, "{behaviour:?}");
    }
    regions[1].tells.behave(Behaviour::Well);
    // Whoever asks, and what.
    for federation in [federation.clone(), Arc::new(federation.seen_by(Arc::new(Plan::allow_all())))] {
        for text in ["{ .n = 1 } >> { }", "{ status = error } | count() > 1"] {
            let answer = federation.search(searching(text, 100, WHOLE)).await.unwrap();
            assert_eq!((answer.coverage.exactness(), told()), (Exactness::Exact, 0), "{text}");
        }
    }
    tokio::time::advance(std::time::Duration::from_mins(5)).await;
    federation.search(ask()).await.unwrap();
    assert!(told() > 0);
}

#[tokio::test(start_paused = true)]
async fn traces_are_told_in_outline_where_nothing_that_is_told_is_withheld() {
    let spans = traces(85, 60);
    let drops = |key: &str| treating(&[("us", key, Treatment::Drop)]);
    let email = || drops("user.email");
    for (plan, is_told, shown) in [
        (Plan::allow_all(), true, ""),
        (email(), true, ""),
        (email(), false, " | select(.user.email)"),
        (drops("service.name"), false, ""),
        (drops("zone"), true, " | select(.b)"),
        // A name is withheld wherever it stands.
        (drops("zone"), false, " | select(span.zone)"),
    ] {
        let (regions, three) = far(&spread(&spans, 85), plan, SearchSettings::default());
        for text in
            ["{ }", "{ .n = 1 && name = \"get\" }", "{ status = error } >> { .n > 1 }", "{ } | count() > 2"]
        {
            let text = format!("{text}{shown}");
            let answer = three.search(searching(&text, 20, WHOLE)).await.unwrap();
            assert_eq!(answer.coverage.exactness(), Exactness::Exact, "{text}");
            let (told, sent) = (&regions[0].told, &regions[0].sent);
            let (told, sent) = (told.swap(0, Ordering::SeqCst), sent.swap(0, Ordering::SeqCst));
            assert_eq!((told > 0, sent == 0), (is_told, is_told), "{text}: {told} told, {sent} sent");
            let bytes: u64 = answer.coverage.regions.iter().map(|region| region.bytes).sum();
            assert_eq!(answer.value.inspected.bytes == bytes, is_told, "{text}");
            assert!(bytes > 0 && answer.coverage.regions.iter().all(|region| region.spans > 0), "{text}");
        }
    }
}

/// What is withheld is not told in outline, and nothing of the rest depends on it: neither what regions are asked nor
/// what is said of it.
#[tokio::test(start_paused = true)]
async fn what_is_withheld_changes_no_outline() {
    let plan = || {
        treating(&[
            ("eu", "user.email", Treatment::Mask),
            ("us", "user.email", Treatment::Drop),
            ("ap", "user.email", Treatment::Drop),
        ])
    };
    let original = traces(87, 40);
    let (of_one, one) = far(&spread(&original, 87), plan(), SearchSettings::default());
    let (of_other, other) = far(&spread(&with_others(&original), 87), plan(), SearchSettings::default());
    let mut told = 0;
    for text in [
        "{ }",
        "{ .n = 1 } >> { .s = \"a\" }",
        "{ } | by(.s) | count() > 1",
        "{ resource.zone = \"pay-1\" && status = error } | select(span.f)",
        "{ .user.email = \"jane@example.com\" }",
    ] {
        let answers =
            [one.search(searching(text, 20, WHOLE)).await, other.search(searching(text, 20, WHOLE)).await];
        let [one, other] = answers.map(|answer| {
            let Answer { value, coverage } = answer.unwrap();
            let said = coverage.regions.iter().map(|region| (region.bytes, region.spans, region.treated));
            format!("{:#?} {:?}", &*value, said.collect::<Vec<_>>())
        });
        assert_same_rows(&one, &other, text);
        let asked = |regions: &[Arc<Far>]| {
            let asked = |region: &Arc<Far>| {
                (region.told.swap(0, Ordering::SeqCst), region.sent.swap(0, Ordering::SeqCst))
            };
            regions.iter().map(asked).collect::<Vec<_>>()
        };
        let of_one = asked(&of_one);
        assert_eq!(of_one, asked(&of_other), "{text}");
        told += usize::from(of_one.iter().all(|(told, _)| *told > 0));
        assert!(text.contains("email") || of_one[0].0 > 0, "{text}");
    }
    assert_eq!(told, 4);
}

#[tokio::test(start_paused = true)]
async fn a_region_that_sends_another_trace_is_named() {
    let (regions, federation) =
        far(&spread(&traces(77, 12), 77), Plan::allow_all(), SearchSettings::default());
    regions[2].sends.behave(Behaviour::OtherTrace);
    let answer = federation.search(searching("{ event.k != 7 }", 100, WHOLE)).await.unwrap();
    let missing: Vec<&str> = answer.coverage.missing().map(|r| r.region.as_str()).collect();
    assert_eq!(missing, ["ap"]);
}

#[tokio::test(start_paused = true)]
async fn a_slow_region_is_waited_for_and_a_dead_one_leaves_time_for_the_others() {
    let parts = spread(&traces(78, 12), 78);
    let (regions, federation) = far(&parts, Plan::allow_all(), SearchSettings::default());
    regions[0].lists.behave(Behaviour::Slow(std::time::Duration::from_secs(3)));
    regions[1].sends.behave(Behaviour::Slow(std::time::Duration::from_secs(3)));
    let answer = federation.search(searching("{ }", 100, WHOLE)).await.unwrap();
    assert_eq!(answer.coverage.exactness(), Exactness::Exact);
    regions[0].lists.behave(Behaviour::BlackHole);
    let began = Instant::now();
    let answer = federation.search(searching("{ }", 100, WHOLE)).await.unwrap();
    assert!(began.elapsed().as_secs() < 20, "{:?}", began.elapsed());
    assert_eq!(answer.coverage.exactness(), Exactness::RegionMissing);
}

#[tokio::test(start_paused = true)]
async fn a_budget_that_is_reached_is_labelled_or_refused() {
    let parts = spread(&traces(79, 300), 79);
    let all = SearchSettings::default;
    let cases = [
        (SearchSettings { candidates_max: 50, ..all() }, Budget::Candidates),
        (SearchSettings { traces_max: 40, ..all() }, Budget::Traces),
        (SearchSettings { bytes_max: 20_000, ..all() }, Budget::Bytes),
    ];
    for (settings, budget) in cases {
        let (_, federation) = far(&parts, Plan::allow_all(), settings);
        let ask = searching("{ } | count() > 10", 100, WHOLE);
        let answer = federation.search(ask.clone()).await.unwrap();
        assert_eq!(answer.coverage.exactness(), Exactness::Budget(budget));
        assert_eq!(answer.coverage.outcome(), Outcome::Partial);
        assert!(answer.value.inspected.traces > 0, "{budget:?}");
        let refusal = federation.search(SearchAsk { mode: Mode::Strict, ..ask }).await.unwrap_err();
        assert_eq!(refusal.why, Why::TooMuch, "{}", refusal.line);
        assert!(refusal.line.contains("search."), "{}", refusal.line);
        assert!(refusal.coverage.is_some());
        // What needs no more is exact all the same.
        let answer = federation.search(searching("{ }", 5, WHOLE)).await.unwrap();
        assert_eq!((answer.value.traces.len(), answer.coverage.exactness()), (5, Exactness::Exact));
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_decided_when_the_time_is_over_is_given_and_labelled() {
    let (regions, federation) =
        far(&spread(&traces(80, 300), 80), Plan::allow_all(), SearchSettings::default());
    regions.iter().for_each(|region| region.sends.behave(Behaviour::Slow(std::time::Duration::from_secs(3))));
    let ask = searching("{ event.k != 7 } | count() > 1", 1000, WHOLE);
    let answer = federation.search(ask.clone()).await.unwrap();
    assert_ne!(answer.coverage.exactness(), Exactness::Exact);
    assert_eq!(answer.coverage.budget, Some(Budget::Time));
    assert!((10..250).contains(&answer.value.traces.len()), "{}", answer.value.traces.len());
    let refusal = federation.search(SearchAsk { mode: Mode::Strict, ..ask }).await.unwrap_err();
    assert!(
        refusal.line.contains("deadline") || refusal.line.contains("did not answer in time"),
        "{}",
        refusal.line
    );
}

#[tokio::test(start_paused = true)]
async fn the_older_form_looks_only_at_traces_that_regions_find_for_its_tags() {
    let spans = traces(81, 60);
    let one = federation(&[spans.concat()], Plan::allow_all());
    let (regions, three) = far(&spread(&spans, 81), Plan::allow_all(), SearchSettings::default());
    let sent = || regions.iter().map(|region| region.sent.load(Ordering::SeqCst)).max().unwrap_or(0);
    let mut telling = 0;
    for (tags, is_few) in [
        (&[("s", "a"), ("service.name", "shop")][..], false),
        (&[("s", "c"), ("zone", "pay-1"), ("name", "ut")], false),
        (&[("root.service.name", "mail"), ("status.code", "error")], false),
        (&[("s", "nobody")], true),
        (&[], false),
    ] {
        let before = sent();
        let tags = tags.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        let asked = SearchAsked::Tags { tags, min_duration_ms: 0, max_duration_ms: 0 };
        let ask = question(SearchQuery { asked, limit: 100, spans_per_set: 3, window: WHOLE, page: None });
        let of_one = rows(one.search(ask.clone()).await);
        assert_eq!(of_one, rows(three.search(ask).await));
        telling += usize::from(of_one.len() > 100);
        assert_eq!(is_few, sent() == before, "{}", sent() - before);
    }
    assert!(telling > 2, "{telling}");
}

#[tokio::test(start_paused = true)]
async fn tags_add_up_where_nothing_is_withheld() {
    for how in SPREADS {
        tags_add_up(how).await;
    }
}

async fn tags_add_up(how: Spread) {
    let spans = traces(82, 30);
    let one = federation(&[spans.concat()], Plan::allow_all());
    let (regions, three) = far(&spread_as(&spans, 82, how), Plan::allow_all(), SearchSettings::default());
    for query in [None, Some("{ .n = 1 }"), Some("{ .n = 1 && name = "), Some("{ rootName = \"get\" }")] {
        let of_one = one.tag_names(naming(query, None)).await.unwrap();
        let of_three = three.tag_names(naming(query, None)).await.unwrap();
        assert_eq!(of_one.value.scopes, of_three.value.scopes, "{query:?}");
        for name in ["span.n", "resource.service.name", "name", "event.k", "status"] {
            let of_one = one.tag_values(listing_values(name, query)).await.unwrap();
            let of_three = three.tag_values(listing_values(name, query)).await.unwrap();
            assert_eq!(of_one.value.values, of_three.value.values, "{name} {query:?}");
        }
        let has_fetched = regions.iter().any(|region| region.sent.load(Ordering::SeqCst) > 0);
        assert_eq!(has_fetched, query.is_some_and(|query| query.contains("root")), "{query:?}");
    }
    regions[0].lists.behave(Behaviour::Down);
    let partial = three.tag_names(naming(None, None)).await.unwrap();
    let missing: Vec<&str> = partial.coverage.missing().map(|r| r.region.as_str()).collect();
    assert_eq!(missing, ["eu"]);
}

#[tokio::test(start_paused = true)]
async fn values_of_roots_are_those_of_whole_traces_and_what_is_of_the_trace_is_assembled() {
    let mut spans = traces(84, 30);
    // A trace without a root has an empty name, which no region can tell from a part without one.
    spans.retain(|trace| trace.iter().any(|made| made.span.parent_span_id.is_empty()));
    let one = federation(&[spans.concat()], Plan::allow_all());
    let (regions, three) = far(&spread(&spans, 84), Plan::allow_all(), SearchSettings::default());
    let sent = || regions.iter().map(|region| region.sent.load(Ordering::SeqCst)).sum::<usize>();
    for (name, query, is_told) in [
        ("rootName", None, true),
        ("rootServiceName", None, true),
        ("rootServiceName", Some("{ .n = 1 }"), false),
        ("span:childCount", None, false),
        ("resource.tutti.replica", None, false),
    ] {
        let before = sent();
        let of_one = one.tag_values(listing_values(name, query)).await.unwrap();
        let of_three = three.tag_values(listing_values(name, query)).await.unwrap();
        assert_eq!(of_one.value.values, of_three.value.values, "{name} {query:?}");
        assert_eq!(of_one.value.values.is_empty(), name.contains("replica"), "{name} {query:?}");
        assert_eq!(sent() == before, is_told, "{name} {query:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_filter_that_names_a_region_lists_no_trace_of_the_others() {
    let parts = spread_as(&traces(85, 30), 85, Spread::Marked);
    let memory = federation(&parts, Plan::allow_all());
    let (_, three) = far(&parts, Plan::allow_all(), SearchSettings::default());
    let query = Some("{ resource.tutti.region = \"us\" && .n > 0 }");
    for name in ["span.s", "resource.service.name", "name", "resource.tutti.region"] {
        let near = memory.tag_values(listing_values(name, query)).await.unwrap();
        let answer = three.tag_values(listing_values(name, query)).await.unwrap();
        assert_eq!(near.value.values, answer.value.values, "{name}");
        assert!(!answer.value.values.is_empty(), "{name}");
    }
    let names = three.tag_names(naming(query, None)).await.unwrap();
    assert_eq!(names.value.scopes, memory.tag_names(naming(query, None)).await.unwrap().value.scopes);
    let nowhere = Some("{ resource.tutti.region = \"nowhere\" }");
    let nothing = three.tag_values(listing_values("span.s", nowhere)).await.unwrap();
    assert!(nothing.value.values.is_empty());
    assert_eq!(nothing.coverage.outcome(), Outcome::Complete);
    // Listing leaves out who cannot match; the parts of a trace are still asked of all.
    let spent: Vec<u32> = nothing.coverage.regions.iter().map(|region| region.attempts).collect();
    assert_eq!(spent, [0; 3], "nobody is asked");
}

#[tokio::test(start_paused = true)]
async fn what_is_withheld_of_a_far_region_is_in_no_answer() {
    let plan = || {
        treating(&[
            ("eu", "user.email", Treatment::Mask),
            ("us", "user.email", Treatment::Drop),
            ("ap", "user.email", Treatment::Drop),
        ])
    };
    let original = traces(83, 20);
    let (_, one) = far(&spread(&original, 83), plan(), SearchSettings::default());
    let (_, other) = far(&spread(&with_others(&original), 83), plan(), SearchSettings::default());
    for text in
        ["{ .user.email = \"jane@example.com\" }", "{ .user.email != nil } | select(.user.email)", "{ }"]
    {
        let of_one = rows(one.search(searching(text, 100, WHOLE)).await);
        assert_eq!(of_one, rows(other.search(searching(text, 100, WHOLE)).await), "{text}");
        assert!(!of_one.contains("joe@"), "{text}");
    }
    let of_one = one.tag_values(listing_values(".user.email", None)).await.unwrap();
    let of_other = other.tag_values(listing_values(".user.email", None)).await.unwrap();
    assert_eq!(of_one.value.values, of_other.value.values);
    assert!(!of_one.value.values.iter().any(|value| value.value.contains('@')), "{:?}", of_one.value.values);
}

#[tokio::test(start_paused = true)]
async fn metrics_of_several_far_regions_are_refused_in_one_line() {
    let (_, federation) = far(&spread(&traces(84, 3), 84), Plan::allow_all(), SearchSettings::default());
    let refusal = federation.metrics(measuring("{ } | rate()", false)).await.unwrap_err();
    assert_eq!(refusal.why, Why::Unsupported);
    assert!(refusal.line.starts_with("no metrics over eu, us, ap yet: "), "{}", refusal.line);
    assert!(!refusal.line.contains('\n'));
}
