//! Two callers by their tokens before the policies that ship: alice may see raw what bob sees treated, on every
//! endpoint, over HTTP and gRPC, whoever asked before; and carol, who may not ask, is refused in the same words whether
//! or not there is anything.

use std::collections::BTreeMap;
use std::sync::Arc;

use opentelemetry_proto::tonic::trace::v1::span::Event;
use opentelemetry_proto::tonic::trace::v1::{Span, Status};
use prost::Message;
use tutti::api::{ApiSettings, ApiState, InForce, router};
use tutti::backend::memory::MemoryBackend;
use tutti::backend::settings::{LayerSettings, MemorySettings};
use tutti::backend::{Backend, Region};
use tutti::config::Settings;
use tutti::federation::Federation;
use tutti::identity::Reception;
use tutti::telemetry::Metrics;

use crate::asking::encoded;
use crate::estate::{Answered, Estate, request};
use crate::spans::{ID, NOON, batch, span, text, trace};
use crate::tempopb::{self, MetricsRequest, SearchRequest, TagValuesRequest};

/// In the EU, and in the US.
const JANE: &str = "jane@example.com";
const JOE: &str = "joe@example.org";
const CALLERS: [&str; 3] = ["alice", "bob", "carol"];

const CONFIG: &str = r#"
[gateway]
region = "eu-central"
policies = "POLICIES"
packs = ["baseline", "gdpr"]

[[identity.token]]
token  = { env = "ALICE" }
claims = "alice.json"
[[identity.token]]
token  = { env = "BOB" }
claims = "bob.json"
[[identity.token]]
token  = { env = "CAROL" }
claims = "carol.json"

[[region]]
name = "eu-central"
jurisdiction = "EU"
kind = "memory"
[[region]]
name = "us-east"
jurisdiction = "US"
kind = "memory"
"#;

/// Who they are: alice on call in the EU, bob on call in the US, carol somewhere that no law is known of.
const CLAIMS: [(&str, &str); 3] = [
    (
        "alice.json",
        r#"{"sub": "alice", "roles": ["sre"], "clearances": ["pci"], "home": "EU", "purpose": "incident"}"#,
    ),
    ("bob.json", r#"{"sub": "bob", "roles": ["sre"], "home": "US", "purpose": "incident"}"#),
    ("carol.json", r#"{"sub": "carol", "home": "SG"}"#),
];

fn settings() -> Settings {
    let folder = tempfile::TempDir::new().unwrap();
    let policies = concat!(env!("CARGO_MANIFEST_DIR"), "/policies");
    for (name, claims) in CLAIMS {
        std::fs::write(folder.path().join(name), claims).unwrap();
    }
    let file = folder.path().join("regions.toml");
    std::fs::write(&file, CONFIG.replace("POLICIES", policies)).unwrap();
    let environment = |name: &str| Some(token(&name.to_lowercase())).filter(|_| name.len() < 6);
    let (settings, _) = Settings::load(&file, &environment).unwrap_or_else(|error| panic!("{error:#?}"));
    settings
}

fn token(who: &str) -> String {
    format!("token-of-{who}-0123456789abcdef")
}

fn person(id: u64, parent: Option<u64>, email: &str) -> Span {
    Span {
        name: format!("GET /users/{email}"),
        attributes: vec![text("user.email", email), text("shop.tier", "gold")],
        status: Some(Status { message: format!("no mail to {email}"), code: 2 }),
        events: vec![Event {
            time_unix_nano: NOON,
            name: "seen".to_owned(),
            attributes: vec![text("exception.message", &format!("{email} is not there"))],
            ..Event::default()
        }],
        ..span(id, parent, 2)
    }
}

/// The estate by its whole configuration; with nothing stored, or with one trace over both regions.
fn estate(is_filled: bool) -> Estate {
    let settings = settings();
    let held = [person(1, None, JANE), person(2, Some(1), JOE)];
    let regions: Vec<Arc<Region>> = settings
        .regions
        .iter()
        .zip(held)
        .map(|(region, held)| {
            let memory = MemoryBackend::new(MemorySettings::default());
            if is_filled {
                memory.ingest(trace(vec![batch("shop", vec![held])])).unwrap();
            }
            let backend: Arc<dyn Backend> = Arc::new(memory);
            let (name, jurisdiction) = (region.name.clone(), region.jurisdiction.clone());
            Arc::new(Region::new(name, jurisdiction, backend, LayerSettings::default()))
        })
        .collect();
    let plan = settings.policies.plan(settings.identity.callers.anyone());
    let federation = Federation::new(regions.clone(), settings.federation.clone(), plan);
    let federation = federation.with_redactor(settings.redactor.clone());
    let in_force = InForce::of(federation)
        .with_policies(settings.policies.clone())
        .with_reception(Arc::new(Reception::of_callers(settings.identity.callers.clone())));
    let state = ApiState::over(in_force, Metrics::default(), ApiSettings::default());
    Estate { router: router(state.clone()), state, regions }
}

async fn ask(estate: &Estate, who: &str, path: &str) -> Answered {
    let shown = format!("Bearer {}", token(who));
    estate.send(request(path, &[("authorization", &shown)])).await
}

/// Everything that an answer says, but for what is another each time.
fn said(answer: &Answered) -> String {
    let is_own = |name: &str| matches!(name, "x-request-id" | "tutti-regions" | "server-timing" | "date");
    let headers: BTreeMap<&str, &[u8]> = answer
        .headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_bytes()))
        .filter(|(name, _)| !is_own(name))
        .collect();
    // How long it took is told in the report.
    let body = String::from_utf8_lossy(&answer.body).into_owned();
    let body =
        body.split("_ms\":").map(|part| part.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.'));
    format!("{} {headers:?} {}", answer.status, body.collect::<Vec<_>>().concat())
}

const WINDOW: &str = "start=1794999940&end=1795000060";

/// Questions over HTTP, and whether the answer shows alice an address in the EU.
fn questions() -> Vec<(String, bool)> {
    let q =
        |path: &str, query: &str| format!("{path}?{WINDOW}&limit=50&spss=50&step=60&q={}", encoded(query));
    vec![
        (format!("/api/traces/{ID}"), true),
        (format!("/api/v2/traces/{ID}"), true),
        (format!("/api/v2/traces/{ID}?q={}", encoded("{ name =~ `GET.*` }")), true),
        (format!("/api/tutti/v1/traces/{ID}"), true),
        (format!("/api/tutti/v1/traces/{ID}/stream"), true),
        (q("/api/search", "{ } | select(.user.email, event.exception.message)"), true),
        (q("/api/search", &format!("{{ .user.email = `{JANE}` }} | select(.user.email)")), true),
        (q("/api/tutti/v1/search", "{ status = error } | select(statusMessage)"), true),
        (format!("/api/search/tags?{WINDOW}"), false),
        (q("/api/v2/search/tags", "{ }"), false),
        (format!("/api/v2/search/tag/.user.email/values?{WINDOW}"), true),
        (format!("/api/search/tag/user.email/values?{WINDOW}"), true),
        (format!("/api/v2/search/tag/name/values?{WINDOW}"), true),
        (q("/api/v2/search/tag/statusMessage/values", "{ .shop.tier = `gold` }"), true),
        (q("/api/metrics/query_range", "{ } | rate() by (.user.email)"), true),
        (q("/api/metrics/query_range", "{ } | count_over_time() by (name)"), true),
        (q("/api/metrics/query", &format!("{{ .user.email = `{JANE}` }} | rate() by (name)")), true),
        (q("/api/metrics/query_range", "{ } | compare({ status = error })"), true),
    ]
}

#[tokio::test(start_paused = true)]
async fn each_caller_is_answered_as_if_nobody_else_had_asked() {
    let alone: Vec<Estate> = CALLERS.iter().map(|_| estate(true)).collect();
    let shared = estate(true);
    let mut differing = 0;
    for (path, is_shown) in questions() {
        let mut of_each = Vec::new();
        for (who, own) in CALLERS.iter().zip(&alone) {
            of_each.push(ask(own, who, &path).await);
        }
        // In every order, and twice, so that each has asked after each.
        for who in [0, 1, 2, 1, 0, 2, 0, 1] {
            let answer = ask(&shared, CALLERS[who], &path).await;
            assert_eq!(said(&answer), said(&of_each[who]), "{} {path}", CALLERS[who]);
        }
        let [alice, bob, carol] =
            [0, 1, 2].map(|who| String::from_utf8_lossy(&of_each[who].body).into_owned());
        assert_eq!(of_each[0].status.as_u16(), 200, "{path}: {alice}");
        assert_eq!(alice.contains(JANE), is_shown, "{path}: {alice}");
        // Of the EU nothing of hers leaves, and what lies in the US is in the EU on its way to anyone here.
        assert!(!bob.contains("jane"), "{path}: {bob}");
        assert!(
            !carol.contains("jane") && ![&alice, &bob, &carol].iter().any(|said| said.contains("joe")),
            "{path}"
        );
        differing += usize::from(alice != bob && alice != carol);
        for answer in &of_each {
            assert_eq!(answer.header("cache-control"), "private, no-store", "{path}");
            assert_eq!(answer.header("vary"), "Accept-Encoding, Authorization", "{path}");
            assert!(!answer.headers.contains_key("etag"), "{path}");
            assert!(!answer.headers.contains_key("last-modified"), "{path}");
        }
    }
    assert!(differing > 10, "{differing} answers are another for each");
}

#[tokio::test(start_paused = true)]
async fn nobody_sees_raw_what_came_over_a_border_to_the_gateway() {
    let estate = estate(true);
    let path = format!("/api/v2/traces/{ID}");
    let (alice, bob) = (ask(&estate, "alice", &path).await.text(), ask(&estate, "bob", &path).await.text());
    assert!(alice.contains(JANE) && !alice.contains(JOE), "{alice}");
    assert!(
        !bob.contains(JANE) && !bob.contains(JOE),
        "he sits where it is stored, and the gateway does not: {bob}"
    );
    let nobody = estate.get(&path).await;
    assert!(!nobody.text().contains(JANE), "no token is nobody in particular");
}

/// Messages to the streaming methods, and whether alice is shown an address in the EU.
fn calls() -> Vec<(&'static str, Vec<u8>)> {
    let (start, end) = (1_794_999_940u32, 1_795_000_060u32);
    let ns = |seconds: u32| u64::from(seconds) * 1_000_000_000;
    let more = SearchRequest { limit: 50, spans_per_span_set: 50, start, end, ..Default::default() };
    let query = "{ } | select(.user.email)".to_owned();
    vec![
        ("Search", SearchRequest { query, ..more }.encode_to_vec()),
        (
            "SearchTagValuesV2",
            TagValuesRequest { tag_name: "name".to_owned(), start, end, ..Default::default() }
                .encode_to_vec(),
        ),
        (
            "SearchTagValuesV2",
            TagValuesRequest { tag_name: ".user.email".to_owned(), start, end, ..Default::default() }
                .encode_to_vec(),
        ),
        (
            "MetricsQueryRange",
            MetricsRequest {
                query: "{ } | rate() by (name)".to_owned(),
                start: ns(start),
                end: ns(end),
                step: ns(60),
                exemplars: 5,
            }
            .encode_to_vec(),
        ),
    ]
}

#[tokio::test(start_paused = true)]
async fn streams_are_each_callers_own_too() {
    let estate = estate(true);
    for (method, message) in calls() {
        let path = format!("/tempopb.StreamingQuerier/{method}");
        for who in ["alice", "bob", "carol", "alice", "carol", "bob"] {
            let shown = format!("Bearer {}", token(who));
            let streamed = tempopb::ask(&estate.router, &path, &message, &[("authorization", &shown)]).await;
            let all = streamed.messages.concat();
            let says = |text: &str| all.windows(text.len()).any(|part| part == text.as_bytes());
            assert_eq!(says(JANE), who == "alice", "{who} {method}: {}", streamed.line());
            assert!(!says("joe@"), "{who} {method}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_miss_that_one_was_told_answers_nobody_else() {
    let estate = estate(true);
    let (v2, v1) = (format!("/api/v2/traces/{}", "7".repeat(32)), format!("/api/traces/{}", "7".repeat(32)));
    let miss = ask(&estate, "alice", &v2).await;
    assert_eq!((miss.status.as_u16(), miss.header("tutti-cache")), (200, "miss"), "{}", miss.text());
    for (who, cache) in [("bob", "miss"), ("carol", "miss"), ("alice", "hit")] {
        let answer = ask(&estate, who, &v1).await;
        assert_eq!((answer.status.as_u16(), answer.header("tutti-cache")), (404, cache), "{who}");
    }
}

#[tokio::test(start_paused = true)]
async fn carol_is_refused_in_the_same_words_and_time_whether_or_not_there_is_anything() {
    let (full, bare) = (estate(true), estate(false));
    for path in [
        format!("/api/search?q={}", encoded(&format!("{{ .user.email = `{JANE}` }}"))),
        format!("/api/search?q={}", encoded("{ .user.email != nil } >> { }")),
        format!("/api/search?q={}", encoded("{ } | by(span.user.email)")),
        format!("/api/v2/search/tags?q={}", encoded(&format!("{{ .user.email = `{JANE}` }}"))),
        format!("/api/metrics/query_range?q={}", encoded("{ } | rate() by (.user.email)")),
        format!("/api/v2/traces/{ID}?q={}", encoded("{ .user.email =~ `j.*` }")),
    ] {
        let (of_full, of_bare) = (ask(&full, "carol", &path).await, ask(&bare, "carol", &path).await);
        assert_eq!(of_full.status.as_u16(), 403, "{path}: {}", of_full.text());
        assert!(of_full.text().contains("you lack the right"), "{path}: {}", of_full.text());
        assert_eq!(said(&of_full), said(&of_bare), "{path}");
        assert_eq!(of_full.header("tutti-regions"), of_bare.header("tutti-regions"), "{path}");
        assert_eq!(of_full.took, of_bare.took, "{path}");
    }
    for path in [
        format!("/api/v2/search/tag/.user.email/values?{WINDOW}"),
        format!("/api/search/tag/user.email/values?{WINDOW}"),
    ] {
        let (of_full, of_bare) = (ask(&full, "carol", &path).await, ask(&bare, "carol", &path).await);
        assert_eq!(of_full.header("tutti-exactness"), "region_withheld", "{path}");
        assert_eq!(said(&of_full), said(&of_bare), "{path}");
    }
}
