//! What the gateway tells of itself: the last hour in numbers, one line of the log for each request, a last word to
//! streams; and nothing of anybody in any of it.

use std::time::Duration;

use tutti::backend::Behaviour;
use tutti::model::RegionName;
use tutti::policy::plan::{Plan, RegionPlan};
use tutti::policy::{Cell, Classes, Ruled};

use crate::estate::{Estate, Setup, estate};
use crate::fakes::simulated;
use crate::log;
use crate::spans::{CLIENT, ID, SERVER, part, span};
use crate::tempopb::{self, SERVICE, SearchRequest};

/// Begins every canary, so that one search finds any of them.
const CANARY: &str = "canary";

fn two(setup: Setup) -> Estate {
    let us = simulated(&part("shop", vec![span(1, None, SERVER), span(2, Some(1), CLIENT)]));
    let eu = simulated(&part("pay", vec![span(3, Some(2), SERVER)]));
    setup.over(vec![("us-east", us), ("eu-central", eu)])
}

#[tokio::test(start_paused = true)]
async fn the_last_hour_is_told_in_numbers_and_in_sentences() {
    let estate = two(Setup::default());
    let trace = format!("/api/v2/traces/{ID}");
    estate.get(&trace).await;
    estate.get("/api/v2/traces/ffff").await;
    let told = estate.get("/api/tutti/v1/analytics?window=5m").await.json();
    let together = &told["together"];
    assert_eq!((&together["lookups"], &together["tracesFound"]), (&2.into(), &1.into()), "{told}");
    assert_eq!((&together["multiRegionShare"], &together["partialShare"]), (&1.0.into(), &0.0.into()));
    let sentence = told["sentences"][0].as_str().unwrap();
    assert!(sentence.starts_with("100 % of traces looked up in the last "), "{sentence}");
    assert!(sentence.contains("were multi-region; average federated lookup "), "{sentence}");
    let eu = &told["regions"][1];
    assert_eq!((&eu["region"], &eu["answers"]), (&"eu-central".into(), &2.into()));
    assert!(eu["ms"]["p95"].is_number() && eu["bytes"].as_u64().unwrap() > 0, "{eu}");
    tokio::time::advance(Duration::from_secs(4000)).await;
    let later = estate.get("/api/tutti/v1/analytics").await.json();
    assert_eq!(later["together"]["answers"], 0);
    assert_eq!(later["sentences"][0], "Nothing was asked in the last hour.");
    assert_eq!(estate.get("/api/tutti/v1/analytics?window=3h").await.status, 400);
    let line = r#"tutti_lookups_total{found_in="several",from="regions"}"#;
    assert_eq!(estate.metric(line).await, 1.0, "{}", estate.get("/metrics").await.text());
}

#[tokio::test(start_paused = true)]
async fn of_a_region_that_a_caller_may_see_nothing_of_no_traffic_is_told() {
    let eu = RegionName::parse("eu-central").unwrap();
    let classes = std::sync::Arc::new(Classes::none());
    let shut = Ruled::fixed(classes, eu.clone(), |_| Cell::SHUT);
    let plan = Plan::new([(eu, RegionPlan::Ruled(shut.into()))].into());
    let estate = two(Setup { plan, ..Setup::default() });
    estate.get(&format!("/api/v2/traces/{ID}")).await;
    let told = estate.get("/api/tutti/v1/analytics").await.json();
    assert!(told.get("together").is_none(), "{told}");
    assert!(told["regions"][0]["bytes"].is_number(), "{told}");
    let mut eu: Vec<&String> = told["regions"][1].as_object().unwrap().keys().collect();
    eu.sort();
    assert_eq!(eu, ["circuit", "jurisdiction", "region"]);
    assert_eq!(told["sentences"].as_array().unwrap().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn every_request_has_one_line_and_nothing_of_anybody_is_in_it() {
    log::listen();
    let estate = two(Setup::default());
    let word = |nth: u32| format!("{CANARY}{nth}");
    let headers = |nth: u32| {
        [
            ("x-request-id", word(nth)),
            ("authorization", format!("Bearer {}", word(nth))),
            ("user-agent", word(nth)),
            ("x-grafana-user", word(nth)),
            ("tracestate", format!("v={}", word(nth))),
            ("traceparent", word(nth)),
            ("tutti-purpose", word(nth)),
            ("cookie", word(nth)),
        ]
    };
    let asked = [
        format!("/api/search?q=%7B.a=%22{CANARY}%22%7D"),
        format!("/api/search?q={CANARY}"),
        format!("/api/v2/search/tag/span.{CANARY}/values"),
        format!("/api/metrics/query_range?q=%7B.{CANARY}=1%7D%7Crate()&start=1794999940&end=1795000060"),
        format!("/api/v2/traces/{CANARY}"),
        format!("/api/v2/traces/{ID}?q=%7B.a=%22{CANARY}%22%7D"),
        format!("/api/tutti/v1/traces/{ID}/stream?{CANARY}={CANARY}"),
        format!("/api/tutti/v1/analytics?window={CANARY}"),
        format!("/{CANARY}"),
    ];
    for (path, nth) in asked.iter().zip(0..) {
        let headers = headers(nth);
        let headers: Vec<(&str, &str)> =
            headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        estate.ask(path, &headers).await;
    }
    let question = SearchRequest { query: format!("{{ .a = `{CANARY}` }}"), ..SearchRequest::default() };
    let headers = [("x-request-id", CANARY), ("user-agent", CANARY)];
    let method = format!("{SERVICE}Search");
    tempopb::ask(&estate.router, &method, &prost::Message::encode_to_vec(&question), &headers).await;
    let log = String::from_utf8(log::heard()).unwrap();
    let lines: Vec<&str> = log.lines().filter(|line| line.contains(": answered ")).collect();
    // All but the path that is none of ours.
    assert_eq!(lines.len(), asked.len(), "{log}");
    let own: Vec<&str> = log.lines().filter(|line| line.contains(CANARY)).collect();
    assert_eq!(own, Vec::<&str>::new(), "{own:?}");
    let lookup = lines.iter().find(|line| line.contains("endpoint=\"traces_v2\"")).unwrap();
    assert!(
        lookup.contains("outcome=\"complete\"") && lookup.contains("us-east=ok eu-central=ok"),
        "{lookup}"
    );
    assert!(lookup.contains("trace_id=") && lookup.contains("report="), "{lookup}");
    assert!(lines.iter().any(|line| line.contains("transport=\"grpc\"")), "{log}");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_leaves_has_its_line_too() {
    log::listen();
    let us = simulated(&part("shop", vec![span(1, None, SERVER)]));
    us.behave(Behaviour::BlackHole);
    let estate = estate(vec![("us-east", us)]);
    let trace = format!("/api/v2/traces/{ID}");
    let left = tokio::time::timeout(Duration::from_secs(1), estate.get(&trace)).await;
    assert!(left.is_err());
    let log = String::from_utf8(log::heard()).unwrap();
    assert!(log.contains("outcome=\"cancelled\"") && log.contains("endpoint=\"traces_v2\""), "{log}");
}

#[tokio::test(start_paused = true)]
async fn streams_that_the_end_comes_upon_are_told_so() {
    let us = simulated(&part("shop", vec![span(1, None, SERVER)]));
    us.behave(Behaviour::BlackHole);
    let estate = estate(vec![("us-east", us)]);
    estate.state.end();
    let question = SearchRequest { query: "{ }".to_owned(), ..SearchRequest::default() };
    let method = format!("{SERVICE}Search");
    let streamed =
        tempopb::ask(&estate.router, &method, &prost::Message::encode_to_vec(&question), &[]).await;
    assert_eq!(streamed.code(), 14);
    assert!(streamed.line().starts_with("the gateway ends before this is answered"), "{}", streamed.line());
    let events = estate.get(&format!("/api/tutti/v1/traces/{ID}/stream")).await.text();
    assert!(events.contains("event: refused") && events.contains("the gateway ends"), "{events}");
}
