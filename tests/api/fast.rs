//! The fast path: an early answer says what is still to come, what is still to come goes on into the memory, and
//! everyone who asks the same at the same time costs each region one question.

use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use tutti::backend::{Backend, Behaviour, Distance, Simulated};
use tutti::cache::HotSettings;
use tutti::federation::FederationSettings;
use tutti::model::RegionName;
use tutti::policy::{KeyRules, Plan, RegionPlan, Treatment};

use crate::estate::{Answered, Estate, Setup};
use crate::fakes::{Counted, Elsewhere, Hangs, holding};
use crate::seen::{self, Seen};
use crate::spans::{CLIENT, ID, MS, NOON, SERVER, at, part, span};

const FAST: Duration = Duration::from_millis(300);

/// Of everything but the regions: what a paused clock still lets pass.
const SLACK: Duration = Duration::from_millis(20);

/// A trace in three places: near, middling and slow.
struct World {
    estate: Estate,
    slow: Arc<Simulated>,
    counted: Vec<Arc<Counted>>,
}

fn far(service: &str, span_id: u64, parent: Option<u64>, round_trip: u64) -> Arc<Simulated> {
    let kind = if parent.is_some() { SERVER } else { CLIENT };
    let distance = Distance { round_trip: Duration::from_millis(round_trip), ..Distance::default() };
    Arc::new(Simulated::new(holding(&part(service, vec![span(span_id, parent, kind)])), distance, 0))
}

fn settings() -> FederationSettings {
    FederationSettings { fast: FAST, hot: HotSettings::GATEWAY, ..FederationSettings::default() }
}

fn world_with(federation: FederationSettings) -> World {
    let slow = far("billing", 3, Some(2), 2000);
    let regions = [far("shop", 1, None, 10), far("stock", 2, Some(1), 100), slow.clone()];
    let counted: Vec<Arc<Counted>> = regions.into_iter().map(|region| Counted::new(region)).collect();
    let named = ["us-east", "us-west", "eu-central"];
    let regions = named.into_iter().zip(counted.iter().cloned().map(|region| region as Arc<dyn Backend>));
    let estate = Setup { federation, ..Setup::default() }.over(regions.collect());
    World { estate, slow, counted }
}

fn world() -> World {
    world_with(settings())
}

impl World {
    async fn look(&self, mode: &str) -> Answered {
        self.estate.ask(&format!("/api/v2/traces/{ID}"), &[("Tutti-Mode", mode)]).await
    }

    fn questions(&self) -> Vec<usize> {
        self.counted.iter().map(|region| region.questions()).collect()
    }
}

fn real(answer: &Answered) -> usize {
    let Seen { spans, .. } = seen::v2_json(answer);
    spans.iter().filter(|span| !span.is_synthetic()).count()
}

#[tokio::test(start_paused = true)]
async fn an_early_answer_has_what_is_there_and_names_what_is_to_come() {
    let world = world();
    let early = world.look("fast").await;
    assert_eq!(early.status, 200);
    assert!((FAST..FAST + SLACK).contains(&early.took), "{:?}", early.took);
    assert_eq!((early.outcome(), early.header("tutti-exactness")), ("partial", "region_missing"));
    assert_eq!(early.status_of("eu-central"), "pending");
    assert_eq!(early.header("retry-after"), "1");
    let seen = seen::v2_json(&early);
    assert!(seen.is_partial);
    assert!(seen.message.contains("eu-central has not answered yet (after 300 ms)"), "{}", seen.message);
    assert_eq!(real(&early), 2);
}

#[tokio::test(start_paused = true)]
async fn what_was_pending_goes_on_and_the_next_look_is_whole_at_once() {
    let world = world();
    world.look("fast").await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    for mode in ["fast", "strict", "best_effort"] {
        let next = world.look(mode).await;
        assert_eq!((next.outcome(), next.header("tutti-cache")), ("complete", "hit"), "{mode}");
        assert!(next.took < SLACK, "{:?}", next.took);
        assert_eq!(real(&next), 3);
    }
    assert_eq!(world.questions(), [1, 1, 1]);
}

#[tokio::test(start_paused = true)]
async fn the_next_look_joins_what_is_still_in_the_air() {
    let world = world();
    world.look("fast").await;
    let next = world.look("best_effort").await;
    assert_eq!((next.outcome(), next.header("tutti-cache")), ("complete", "miss"));
    assert!(next.took < Duration::from_millis(1700) + SLACK, "{:?}", next.took);
    assert_eq!(world.questions(), [1, 1, 1]);
}

#[tokio::test(start_paused = true)]
async fn it_does_not_wait_where_it_is_whole_before() {
    let world = world_with(FederationSettings { fast: Duration::from_secs(3), ..settings() });
    let whole = world.look("fast").await;
    assert_eq!(whole.outcome(), "complete");
    assert!(whole.took < Duration::from_secs(2) + SLACK, "{:?}", whole.took);
    assert_eq!(whole.header("retry-after"), "");
}

#[tokio::test(start_paused = true)]
async fn with_nothing_there_yet_it_says_so_and_when_to_look_again() {
    let black: Arc<dyn Backend> = Arc::new(Hangs::default());
    let empty: Arc<dyn Backend> = holding(&part("shop", vec![at(span(9, None, SERVER), NOON, NOON + MS)]));
    let setup = Setup { federation: settings(), ..Setup::default() };
    let estate = setup.over(vec![("us-east", empty), ("eu-central", black)]);
    let other = "ffffffffffffffffffffffffffffffff";
    for path in [format!("/fast/api/traces/{other}"), format!("/fast/api/v2/traces/{other}")] {
        let none = estate.get(&path).await;
        assert_eq!(none.status, 503, "{}", none.text());
        assert_eq!(none.header("retry-after"), "1");
        let line = none.text();
        assert!(line.contains("no span of this trace in us-east"), "{line}");
        assert!(line.contains("eu-central has not answered yet"), "{line}");
        assert!(none.took < FAST + SLACK);
    }
}

#[tokio::test(start_paused = true)]
async fn the_path_the_header_and_an_alert_agree_on_the_strictest() {
    type Headers = &'static [(&'static str, &'static str)];
    let cases: [(&str, Headers, u16, &str); 5] = [
        ("/fast", &[], 200, "partial"),
        ("/fast", &[("Tutti-Mode", "best_effort")], 200, "complete"),
        ("/fast", &[("Tutti-Mode", "strict")], 200, "complete"),
        ("/fast", &[("FromAlert", "true")], 200, "complete"),
        ("/strict", &[("Tutti-Mode", "fast")], 200, "complete"),
    ];
    for (path, headers, status, outcome) in cases {
        let world = world();
        let answer = world.estate.ask(&format!("{path}/api/v2/traces/{ID}"), headers).await;
        assert_eq!((answer.status.as_u16(), answer.outcome()), (status, outcome), "{path} {headers:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_thousand_who_ask_at_once_cost_each_region_one_question() {
    let world = world();
    let looks = (0..500).map(|nth| world.look(if nth % 2 == 0 { "best_effort" } else { "strict" }));
    for answer in join_all(looks).await {
        assert_eq!(answer.outcome(), "complete");
        assert_eq!(real(&answer), 3);
    }
    assert_eq!(world.questions(), [1, 1, 1]);
}

#[tokio::test(start_paused = true)]
async fn a_partial_answer_is_never_remembered_as_whole() {
    let world = world();
    world.slow.behave(Behaviour::Down);
    let partial = world.look("best_effort").await;
    assert_eq!((partial.outcome(), real(&partial)), ("partial", 2));
    let refused = world.look("strict").await;
    assert_eq!(refused.status, 502);
    world.slow.behave(Behaviour::Well);
    let whole = world.look("best_effort").await;
    assert_eq!((whole.outcome(), whole.header("tutti-cache"), real(&whole)), ("complete", "miss", 3));
}

#[tokio::test(start_paused = true)]
async fn a_view_is_never_given_to_another_plan() {
    let world = world();
    world.look("best_effort").await;
    assert_eq!(world.look("best_effort").await.header("tutti-cache"), "hit");
    let federation = world.estate.state.federation();
    let rules = KeyRules::new([("a.key".to_owned(), Treatment::Drop)]);
    let plan = Plan::new([(RegionName::parse("us-east").unwrap(), RegionPlan::Keys(rules))].into());
    let other = Arc::new(federation.seen_by(Arc::new(plan)));
    let ask = |mode| tutti::federation::Ask {
        query: tutti::model::TraceQuery::of(tutti::model::TraceId::parse(ID).unwrap()),
        mode,
        deadline: tutti::task::Deadline::starting_now(Duration::from_secs(20)),
        adjusts_skew: false,
        filter: None,
        may_use_recent_miss: false,
    };
    let seen = other.trace(ask(tutti::model::Mode::BestEffort)).await.unwrap();
    assert!(!seen.is_from_memory);
    assert_eq!(world.questions(), [2, 2, 2]);
}

#[tokio::test(start_paused = true)]
async fn when_the_last_of_those_who_wait_leaves_the_regions_are_let_go() {
    let hanging = Arc::new(Hangs::default());
    let setup = Setup { federation: settings(), ..Setup::default() };
    let estate = setup.over(vec![("eu-central", hanging.clone() as Arc<dyn Backend>)]);
    let path = format!("/api/v2/traces/{ID}");
    let mut first = Box::pin(estate.get(&path));
    let mut second = Box::pin(estate.get(&path));
    let a_while = Duration::from_millis(100);
    assert!(tokio::time::timeout(a_while, &mut first).await.is_err());
    assert!(tokio::time::timeout(a_while, &mut second).await.is_err());
    assert_eq!((hanging.begun(), hanging.open()), (1, 1));
    drop(first);
    assert!(tokio::time::timeout(a_while, &mut second).await.is_err());
    assert_eq!((hanging.begun(), hanging.open()), (1, 1), "one still waits");
    drop(second);
    assert_eq!((hanging.begun(), hanging.open()), (1, 0));
}

/// A region that takes as long as it is told, after so many questions that let the gateway know.
async fn known(billing_ms: u64, federation: FederationSettings, questions: usize) -> World {
    let slow = far("billing", 3, Some(2), billing_ms);
    let regions = [far("shop", 1, None, 10), far("stock", 2, Some(1), 100), slow.clone()];
    let counted: Vec<Arc<Counted>> = regions.into_iter().map(|region| Counted::new(region)).collect();
    let named = ["us-east", "us-west", "eu-central"];
    let regions = named.into_iter().zip(counted.iter().cloned().map(|region| region as Arc<dyn Backend>));
    let estate = Setup { federation, ..Setup::default() }.over(regions.collect());
    let world = World { estate, slow, counted };
    for _ in 0..questions {
        world.look("best_effort").await;
    }
    world
}

fn without_memory() -> FederationSettings {
    FederationSettings { hot: HotSettings::NONE, ..settings() }
}

#[tokio::test(start_paused = true)]
async fn what_usually_comes_soon_is_waited_for_and_what_does_not_is_not() {
    let longest = settings().fast_max;
    for (ms, outcome, took) in [(450, "complete", 450), (550, "complete", 550), (900, "partial", 300)] {
        let world = known(ms, without_memory(), 10).await;
        let answer = world.look("fast").await;
        assert_eq!(answer.outcome(), outcome, "{ms}");
        let took = Duration::from_millis(took);
        assert!(
            (took..took + SLACK).contains(&answer.took) && answer.took < longest + SLACK,
            "{:?}",
            answer.took
        );
        let whole = world.estate.metric("tutti_early_waits_total{result=\"whole\"}").await;
        assert_eq!(whole, if outcome == "complete" { 1.0 } else { 0.0 });
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_is_waited_for_that_is_not_known_and_nobody_waits_longer_than_the_cap() {
    let unknown = known(450, without_memory(), 0).await;
    let answer = unknown.look("fast").await;
    assert!((FAST..FAST + SLACK).contains(&answer.took), "{:?}", answer.took);
    // It usually comes, and this time it hangs.
    let hangs = known(450, without_memory(), 10).await;
    hangs.slow.behave(Behaviour::BlackHole);
    let answer = hangs.look("fast").await;
    assert_eq!((answer.outcome(), answer.status_of("eu-central")), ("partial", "pending".to_owned()));
    assert!(answer.took < settings().fast_max + SLACK, "{:?}", answer.took);
    assert_eq!(hangs.estate.metric("tutti_early_waits_total{result=\"nothing\"}").await, 1.0);
}

#[tokio::test(start_paused = true)]
async fn an_early_answer_says_everywhere_when_to_look_again() {
    let world = known(3500, without_memory(), 10).await;
    let early = world.look("fast").await;
    assert_eq!((early.header("retry-after"), early.header("tutti-mode")), ("4", "fast"));
    let seen = seen::v2_json(&early);
    assert!(seen.message.contains("(after 300 ms): look again in 4 s"), "{}", seen.message);
    let marker = seen.synthetic().find(|span| span.attribute("tutti.missing.region") == Some("eu-central"));
    let again = marker.and_then(|span| span.attribute("tutti.missing.look_again_s"));
    assert!(again.is_some_and(|again| again.contains('4')), "{again:?}");
    let path = format!("/api/tutti/v1/traces/{ID}");
    let report = world.estate.ask(&path, &[("Tutti-Mode", "fast")]).await.json()["report"].clone();
    assert_eq!((&report["mode"], &report["outcome"]), (&"fast".into(), &"partial".into()));
    assert_eq!(report["lookAgainSeconds"], report["regions"][2]["lookAgainSeconds"]);
    assert!(
        report["lookAgainSeconds"].as_u64().is_some_and(|seconds| (3..=4).contains(&seconds)),
        "{report}"
    );
    tokio::time::sleep(Duration::from_secs(4)).await;
    let left = world.estate.metric("tutti_early_remainders_total{result=\"landed\"}").await;
    assert_eq!((left, world.estate.state.federation().in_the_air()), (1.0, 0));
}

#[tokio::test(start_paused = true)]
async fn who_names_no_mode_has_the_usual_one() {
    use tutti::api::{InForce, Modes};
    let world = world();
    let federation = (*world.estate.state.federation()).clone();
    let modes = Modes { default: tutti::model::Mode::Fast, ..Modes::default() };
    world.estate.state.swap(InForce::of(federation).with_modes(modes));
    let path = format!("/api/v2/traces/{ID}");
    let early = world.estate.get(&path).await;
    assert_eq!((early.outcome(), early.header("tutti-mode")), ("partial", "fast"));
    for (headers, mode) in [(("Tutti-Mode", "best_effort"), "best_effort"), (("FromAlert", "1"), "strict")] {
        let whole = world.estate.ask(&path, &[headers]).await;
        assert_eq!((whole.outcome(), whole.header("tutti-mode")), ("complete", mode));
    }
}

/// Region events of a stream: the name, and the spans that came with it.
fn landed(answer: &Answered) -> Vec<(String, Vec<u64>)> {
    let events = seen::events(answer).into_iter().filter(|(name, _)| name == "region");
    events.map(|(_, data)| (data["name"].as_str().unwrap().to_owned(), seen::document(&data).ids())).collect()
}

#[tokio::test(start_paused = true)]
async fn a_stream_tells_the_spans_of_each_region_as_they_land_and_nothing_of_them_under_strict() {
    let world = world();
    let path = format!("/api/tutti/v1/traces/{ID}/stream");
    let told = world.estate.get(&path).await;
    let of = |name: &str, ids: &[u64]| (name.to_owned(), ids.to_vec());
    assert_eq!(landed(&told), [of("us-east", &[1]), of("us-west", &[2]), of("eu-central", &[3])]);
    let world = self::world();
    let strict = world.estate.ask(&path, &[("Tutti-Mode", "strict")]).await;
    assert_eq!(landed(&strict), [of("us-east", &[]), of("us-west", &[]), of("eu-central", &[])]);
    let (name, whole) = seen::events(&strict).pop().unwrap();
    assert_eq!((name.as_str(), seen::document(&whole).ids()), ("answer", vec![1, 2, 3]));
}

#[tokio::test(start_paused = true)]
async fn a_stream_shows_no_more_of_a_trace_than_it_may_have() {
    let world = world_with(FederationSettings { trace_bytes_max: 150, ..settings() });
    let told = world.estate.get(&format!("/api/tutti/v1/traces/{ID}/stream")).await;
    let shown: usize = landed(&told).iter().map(|(_, ids)| ids.len()).sum();
    assert!((1..3).contains(&shown), "{shown}");
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_takes_its_time_makes_no_region_seem_slow() {
    use futures::StreamExt;
    use tower::ServiceExt;
    let world = world();
    let path = format!("/api/tutti/v1/traces/{ID}/stream");
    let response = world.estate.router.clone().oneshot(crate::estate::request(&path, &[])).await.unwrap();
    let mut events = response.into_body().into_data_stream();
    events.next().await.unwrap().unwrap();
    let first = events.next().await.unwrap().unwrap();
    assert!(first.starts_with(b"event: region\n"));
    // Longer than any region is waited for, and not longer than the request.
    tokio::time::sleep(Duration::from_secs(20)).await;
    let mut rest = Vec::new();
    while let Some(event) = events.next().await {
        rest.extend_from_slice(&event.unwrap());
    }
    let rest = String::from_utf8(rest).unwrap();
    assert!(rest.contains("\"outcome\":\"complete\""), "{rest}");
    assert_eq!(world.questions(), [1, 1, 1]);
}

/// Where a search is asked: a near region and one that lists its traces late.
fn searched(ms: u64) -> (Estate, Arc<Simulated>) {
    let slow = far("billing", 3, Some(1), ms);
    let near: Arc<dyn Backend> = Arc::new(Elsewhere(far("shop", 1, None, 10)));
    let setup = Setup { federation: settings(), ..Setup::default() };
    let regions =
        vec![("us-east", near), ("eu-central", Arc::new(Elsewhere(slow.clone())) as Arc<dyn Backend>)];
    (setup.over(regions), slow)
}

fn search(query: &str) -> String {
    let noon = NOON / 1_000_000_000;
    format!("/fast/api/search?q={query}&start={}&end={}", noon - 60, noon + 60)
}

#[tokio::test(start_paused = true)]
async fn a_search_in_a_hurry_shows_no_row_that_could_prove_wrong_and_the_next_look_is_whole_at_once() {
    let (estate, _) = searched(700);
    let early = estate.get(&search("%7B%7D")).await;
    assert_eq!((early.status.as_u16(), early.outcome()), (200, "partial"), "{}", early.text());
    assert!((FAST..FAST + SLACK).contains(&early.took), "{:?}", early.took);
    assert_eq!((early.status_of("us-east"), early.status_of("eu-central")), ("ok".into(), "pending".into()));
    assert_eq!((early.header("retry-after"), early.header("tutti-mode")), ("1", "fast"));
    // The near region alone does not know how long the trace is, nor what services it has.
    assert!(early.json()["traces"].as_array().is_none_or(Vec::is_empty), "{}", early.text());
    assert_eq!(estate.state.federation().in_the_air(), 1);
    tokio::time::sleep(Duration::from_secs(4)).await;
    let next = estate.get(&search("%7B%7D")).await;
    assert_eq!((next.outcome(), next.status_of("eu-central")), ("complete", "ok".into()));
    assert!(next.took < SLACK, "{:?}", next.took);
    assert_eq!(next.json()["traces"].as_array().unwrap().len(), 1);
    assert_eq!(next.json()["traces"][0]["serviceStats"].as_object().unwrap().len(), 2);
    assert_eq!(estate.state.federation().in_the_air(), 0);
    // Of another question nothing is known.
    assert_eq!(estate.get(&search("%7B%20true%20%7D")).await.outcome(), "partial");
}

#[tokio::test(start_paused = true)]
async fn a_search_in_a_hurry_that_is_whole_in_time_is_whole() {
    let (estate, slow) = searched(40);
    let whole = estate.get(&search("%7B%7D")).await;
    assert_eq!((whole.outcome(), whole.header("tutti-mode")), ("complete", "fast"));
    assert!(whole.took < FAST, "{:?}", whole.took);
    slow.behave(Behaviour::Down);
    let partial = estate.get(&search("%7B%20.a%20=%201%20%7D")).await;
    assert_eq!(partial.status_of("eu-central"), "unreachable", "what has failed is not waited for");
    assert!(partial.took < FAST, "{:?}", partial.took);
}

#[tokio::test(start_paused = true)]
async fn a_search_in_a_hurry_of_which_nothing_is_heard_is_no_empty_answer() {
    let black: Arc<dyn Backend> = Arc::new(Elsewhere(Arc::new(Hangs::default())));
    let slow: Arc<dyn Backend> = Arc::new(Elsewhere(far("billing", 3, Some(1), 5000)));
    let setup = Setup { federation: settings(), ..Setup::default() };
    let estate = setup.over(vec![("us-east", slow), ("eu-central", black)]);
    let none = estate.get(&search("%7B%7D")).await;
    assert_eq!((none.status.as_u16(), none.outcome()), (503, "refused"), "{}", none.text());
    assert!(none.text().contains("us-east has not answered yet"), "{}", none.text());
    assert_eq!(none.header("retry-after"), "1");
}

#[tokio::test(start_paused = true)]
async fn names_and_values_in_a_hurry_are_those_that_were_told_by_then() {
    let (estate, _) = searched(2000);
    let noon = NOON / 1_000_000_000;
    let window = format!("start={}&end={}", noon - 60, noon + 60);
    let path = format!("/fast/api/v2/search/tag/resource.service.name/values?{window}");
    let values = estate.get(&path).await;
    assert_eq!((values.outcome(), values.status_of("eu-central")), ("partial", "pending".into()));
    assert!((FAST..FAST + SLACK).contains(&values.took), "{:?}", values.took);
    assert!(values.text().contains("shop") && !values.text().contains("billing"), "{}", values.text());
    assert_eq!(estate.state.federation().in_the_air(), 0, "nothing goes on behind them");
}
