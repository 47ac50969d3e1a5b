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
use crate::fakes::{Counted, Hangs, holding};
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

#[tokio::test(start_paused = true)]
async fn a_search_in_a_hurry_says_what_it_did_not_wait_for() {
    let near: Arc<dyn Backend> = far("shop", 1, None, 10);
    let slow: Arc<dyn Backend> = far("billing", 3, Some(2), 2000);
    let setup = Setup { federation: settings(), ..Setup::default() };
    let estate = setup.over(vec![("us-east", near), ("eu-central", slow)]);
    let path = format!(
        "/fast/api/search?q=%7B%7D&start={}&end={}",
        NOON / 1_000_000_000 - 60,
        NOON / 1_000_000_000 + 60
    );
    let answer = estate.get(&path).await;
    assert_eq!((answer.status.as_u16(), answer.outcome()), (200, "partial"), "{}", answer.text());
    assert_eq!(answer.status_of("eu-central"), "timeout");
    assert!(answer.took < FAST + Duration::from_millis(500) + SLACK, "{:?}", answer.took);
}
