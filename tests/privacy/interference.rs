//! Non-interference: two estates that differ in nothing but what a caller may not see answer them the same, byte by
//! byte, on every route, in every encoding, whatever failed before.

use axum::body::Body;
use http::Request;
use rand::SeedableRng;
use rand::rngs::StdRng;
use tutti::api::grpc::METHODS;
use tutti::api::{InForce, router};
use tutti::policy::{Cell, Rung};

use crate::asking::{Question, of_method, of_route};
use crate::estate::{Answered, request};
use crate::log;
use crate::tempopb;
use crate::world::{CLASSES, REGIONS, Rules, World, far, value, world};

/// More of them with `TUTTI_PRIVACY_SEEDS`.
const SEEDS: u64 = 8;

#[tokio::test(start_paused = true)]
async fn two_estates_that_differ_in_protected_values_alone_answer_the_same() {
    let (mut answered, mut refused) = (0, 0);
    let seeds =
        std::env::var("TUTTI_PRIVACY_SEEDS").ok().and_then(|seeds| seeds.parse().ok()).unwrap_or(SEEDS);
    for seed in 0..seeds {
        let rules = Rules::by(&mut StdRng::seed_from_u64(seed ^ 0xace));
        let one = everything(&world(seed, 0, &rules), seed).await;
        let other = everything(&world(seed, 1, &rules), seed).await;
        assert_eq!(one.len(), other.len());
        for ((name, one), (_, other)) in one.iter().zip(&other) {
            assert!(one == other, "seed {seed}: {name} tells of what it hides:\n{}", difference(one, other));
            answered += usize::from(one.starts_with("200"));
            refused += usize::from(one.starts_with("403"));
        }
    }
    assert!(answered > 200 && refused > 10, "{answered} answered, {refused} refused");
}

/// Regions that are far away are asked for what they tell of their own spans, and a single one counts by itself.
#[tokio::test(start_paused = true)]
async fn what_far_regions_tell_of_two_such_estates_is_the_same() {
    let mut answered = 0;
    for (seed, count) in [(200, 1), (201, 3), (202, 1), (203, 3)] {
        let rules = Rules::by(&mut StdRng::seed_from_u64(seed ^ 0xfa2));
        let one = everything(&far(seed, 0, &rules, count), seed).await;
        let other = everything(&far(seed, 1, &rules, count), seed).await;
        for ((name, one), (_, other)) in one.iter().zip(&other) {
            assert!(one == other, "seed {seed}: {name} tells of what it hides:\n{}", difference(one, other));
            answered += usize::from(one.starts_with("200"));
        }
    }
    assert!(answered > 100, "{answered}");
}

/// What the test above does not find could also be something it cannot find.
#[tokio::test(start_paused = true)]
async fn where_everything_is_shown_the_two_estates_differ() {
    let hidden = Rules::of(&REGIONS, Cell { rung: Rung::Masked, ..Cell::OPEN });
    let shown = Rules::of(&[], Cell::OPEN);
    // Both versions as they would be if they were hidden, and a gateway that hides nothing.
    let both = [0, 1].map(|version| world_shown(3, version, &hidden, &shown));
    let (one, other) = (everything(&both[0], 3).await, everything(&both[1], 3).await);
    let differ = one.iter().zip(&other).filter(|(one, other)| one.1 != other.1).count();
    assert!(differ > one.len() / 4, "{differ} of {}", one.len());
}

fn world_shown(seed: u64, version: usize, made_for: &Rules, shown_by: &Rules) -> World {
    let mut world = world(seed, version, made_for);
    let plan = std::sync::Arc::new(shown_by.plan());
    let federation = world.estate.state.federation().seen_by(plan);
    world.estate.state.swap(InForce::of(federation));
    world.estate.router = router(world.estate.state.clone());
    world
}

/// No value that is protected everywhere is in any byte of any answer, nor in the log or the metrics.
#[tokio::test(start_paused = true)]
async fn no_value_that_is_protected_everywhere_is_in_any_byte() {
    let masked = Cell { rung: Rung::Masked, ..Cell::OPEN };
    let dropped = Cell { rung: Rung::Dropped, ..masked };
    for (seed, cell) in [(100, masked), (101, dropped), (102, masked), (103, dropped)] {
        let rules = Rules::of(&REGIONS, cell);
        let world = world(seed, 1, &rules);
        for (name, bytes) in everything(&world, seed).await {
            for (class, _) in CLASSES {
                for number in 0..3 {
                    let value = value(class, number, 1);
                    // A question that is wrong is shown with its error.
                    let is_own = name.contains(&crate::asking::encoded(&value)) || name.contains(&value);
                    assert!(is_own || !bytes.contains(&value), "seed {seed}: {name}: `{value}` in\n{bytes}");
                }
            }
        }
    }
}

/// All that anyone outside gets to see, each with how it was asked for.
pub async fn everything(world: &World, seed: u64) -> Vec<(String, String)> {
    log::listen();
    let mut chance = StdRng::seed_from_u64(seed);
    let mut answers = Vec::new();
    // The second time, what may be remembered is.
    for _ in 0..2 {
        for route in tutti::api::router::paths("") {
            for question in of_route(&route, &mut chance).unwrap() {
                let answer = world.estate.send(as_request(&question)).await;
                answers.push((format!("{question:?}"), seen(&answer, route == "/metrics")));
            }
        }
        for method in METHODS {
            for message in of_method(method, &mut chance).unwrap() {
                let streamed = tempopb::ask(&world.estate.router, method, &message, &[]).await;
                let asked = String::from_utf8_lossy(&message).into_owned();
                answers.push((format!("{method} {asked:?}"), seen_streamed(&streamed)));
            }
        }
    }
    let metrics = world.estate.get("/metrics").await;
    answers.push(("the metrics".to_owned(), seen(&metrics, true)));
    let log = log::heard();
    assert!(!log.is_empty(), "nothing was logged, so nothing was tried");
    answers.push(("the log".to_owned(), timeless(&String::from_utf8_lossy(&log))));
    answers
}

pub fn as_request(question: &Question) -> Request<Body> {
    match &question.body {
        None => request(&question.path, &question.headers),
        Some(body) => Request::post(&question.path).body(Body::from(body.clone())).unwrap(),
    }
}

/// Status, headers and body as one text; but for times, and the id of the request, which is random.
fn seen(answer: &Answered, is_metrics: bool) -> String {
    let mut all = answer.status.as_str().to_owned();
    // The length is that of the body.
    let is_told = |name: &str| !matches!(name, "x-request-id" | "content-length");
    for (name, value) in answer.headers.iter().filter(|(name, _)| is_told(name.as_str())) {
        all.push_str(&format!("\n{name}: {}", String::from_utf8_lossy(value.as_bytes())));
    }
    let body = readable(&answer.body);
    let body = if is_metrics { counted(&body) } else { body };
    timeless(&format!("{all}\n\n{body}"))
}

/// Every byte tells; those that are no text are written out.
fn readable(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => bytes.iter().map(|byte| std::ascii::escape_default(*byte).to_string()).collect(),
    }
}

/// Metrics come in no order, and how long something took is no secret here.
fn counted(body: &str) -> String {
    let mut lines: Vec<&str> =
        body.lines().filter(|line| !line.contains("_seconds") && !line.contains("process_")).collect();
    lines.sort_unstable();
    lines.join("\n")
}

fn seen_streamed(streamed: &tempopb::Streamed) -> String {
    let mut all = String::new();
    for headers in [&streamed.headers, &streamed.trailers] {
        for (name, value) in headers.iter().filter(|(name, _)| *name != "x-request-id") {
            all.push_str(&format!("\n{name}: {}", String::from_utf8_lossy(value.as_bytes())));
        }
    }
    for message in &streamed.messages {
        all.push_str(&format!("\n\n{}", readable(message)));
    }
    timeless(&all)
}

/// Without the numbers behind the words of time, and without the random ids of requests and traces.
pub fn timeless(text: &str) -> String {
    let words = regex::Regex::new(concat!(
        r#"(;ms=|took_ms=|sent_ms=|"tookMs\\?":|"firstByteMs":|\(after |tookMs%22%3A|p50=|p99="#,
        r#"|"(?:mean|p50|p95|p99)":|federated lookup |"ofThisProcessSince":|"coversSeconds":)(null|[0-9.]+)"#,
        r#"|request_id=[^ ]+|trace_id=[^ ]+|The slowest region was [^"]*|in the last [0-9]+ s"#,
        r#"|"(?:inForceSince|processSince)":"[^"]*""#,
    ));
    words.unwrap().replace_all(text, "$1…").into_owned()
}

/// The first place where two answers part.
fn difference(one: &str, other: &str) -> String {
    let place = one.bytes().zip(other.bytes()).position(|(a, b)| a != b).unwrap_or(0);
    let around = |text: &str| {
        let bytes = &text.as_bytes()[place.saturating_sub(200)..text.len().min(place + 200)];
        String::from_utf8_lossy(bytes).into_owned()
    };
    format!("{}\n---\n{}", around(one), around(other))
}
