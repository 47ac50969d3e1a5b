//! Two traces compared: whole or not at all, over every region, with nothing of the gateway's own.

use std::sync::Arc;

use axum::body::Body;
use bytes::Bytes;
use http::Request;
use prost::Message;
use serde_json::{Value, json};
use tutti::backend::{Backend, Behaviour, Simulated};
use tutti::federation::FederationSettings;

use crate::estate::{Estate, Setup, estate};
use crate::fakes::simulated;
use crate::spans::{CLIENT, ID, SERVER, batch, span, text};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, Span, TracesData};

const ROUTE: &str = "/api/v2/traces/diff";
const OTHER: &str = "616e6f746865722074726163652e2e2e";

pub fn post(route: &str, body: impl Into<Body>) -> Request<Body> {
    Request::post(route).body(body.into()).unwrap()
}

fn asking(base: &str, compare: &str) -> String {
    json!({"base": {"traceId": base}, "compare": {"traceId": compare}}).to_string()
}

fn of_other(span: Span) -> Span {
    Span { trace_id: b"another trace...".to_vec(), ..span }
}

fn sent(batches: Vec<ResourceSpans>) -> Bytes {
    TracesData { resource_spans: batches }.encode_to_vec().into()
}

fn shop() -> ResourceSpans {
    batch("shop", vec![span(1, None, CLIENT), of_other(span(1, None, CLIENT))])
}

/// Of the second trace one call more, and one with another route.
fn payment() -> ResourceSpans {
    let changed = Span { attributes: vec![text("route", "<b>")], ..of_other(span(2, Some(1), SERVER)) };
    batch("payment", vec![span(2, Some(1), SERVER), changed, of_other(span(3, Some(1), SERVER))])
}

fn two_regions() -> (Estate, Arc<Simulated>) {
    let (us, eu) = (simulated(&sent(vec![shop()])), simulated(&sent(vec![payment()])));
    let regions: Vec<(&str, Arc<dyn Backend>)> = vec![("us-east", us), ("eu-central", eu.clone())];
    (estate(regions), eu)
}

#[tokio::test(start_paused = true)]
async fn traces_of_several_regions_differ_as_those_of_one() {
    let (several, _) = two_regions();
    let one = estate(vec![("us-east", simulated(&sent(vec![shop(), payment()])) as Arc<dyn Backend>)]);
    let question = asking(ID, OTHER);
    let (several, one) =
        (several.send(post(ROUTE, question.clone())).await, one.send(post(ROUTE, question)).await);
    assert_eq!((several.status.as_u16(), several.header("content-type")), (200, "application/json"));
    assert_eq!(several.text(), one.text());
    assert_eq!((several.outcome(), several.header("tutti-exactness")), ("complete", "exact"));
    assert_eq!(several.regions().iter().map(|region| region.spans).collect::<Vec<_>>(), [2, 3]);
    let patch: Value = several.json();
    assert_eq!(patch["stats"]["matchedSpans"], 2);
    assert_eq!(patch["modified"][0]["changes"][0]["after"], "<b>");
    assert_eq!(patch["added"][0]["target"], json!({"type": "span", "parentPath": [0], "index": 1}));
    assert!(!several.text().contains("tutti."), "nothing of the gateway is compared");
}

#[tokio::test(start_paused = true)]
async fn half_a_trace_is_never_compared_and_the_region_that_is_missing_is_named() {
    for route in [ROUTE.to_owned(), format!("/strict{ROUTE}")] {
        let (estate, eu) = two_regions();
        eu.behave(Behaviour::Down);
        let answer = estate.send(post(&route, asking(ID, OTHER))).await;
        assert_eq!((answer.status.as_u16(), answer.outcome()), (422, "refused"), "{route}");
        let begins = format!("fetch base trace: trace {ID}: partial traces cannot be diffed: eu-central ");
        assert!(answer.text().starts_with(&begins), "{}", answer.text());
        assert_eq!(answer.status_of("us-east"), "ok");
        assert_eq!(answer.status_of("eu-central"), "unreachable");
    }
    let (estate, eu) = two_regions();
    eu.behave(Behaviour::SaysPartial);
    let answer = estate.send(post(ROUTE, asking(ID, OTHER))).await;
    assert_eq!((answer.status.as_u16(), answer.status_of("eu-central").as_str()), (422, "partial"));
}

#[tokio::test(start_paused = true)]
async fn a_trace_does_not_exist_only_if_every_region_says_so() {
    let nowhere = "ee";
    let (estate, eu) = two_regions();
    for (base, compare) in [(nowhere, ID), (ID, nowhere)] {
        let answer = estate.send(post(ROUTE, asking(base, compare))).await;
        assert_eq!((answer.status.as_u16(), answer.text().as_str()), (404, "Not Found"));
        assert_eq!(answer.header("content-type"), "text/plain; charset=utf-8");
    }
    eu.behave(Behaviour::Down);
    let answer = estate.send(post(ROUTE, asking(nowhere, ID))).await;
    assert_eq!(answer.status.as_u16(), 422);
    assert!(answer.text().starts_with("fetch base trace: trace ee: partial"), "{}", answer.text());
}

#[tokio::test(start_paused = true)]
async fn where_no_region_answers_the_status_is_that_of_any_other_question() {
    let eu = simulated(&sent(vec![payment()]));
    eu.behave(Behaviour::Down);
    let estate = estate(vec![("eu-central", eu as Arc<dyn Backend>)]);
    let answer = estate.send(post(ROUTE, asking(ID, OTHER))).await;
    assert_eq!(answer.status.as_u16(), 502);
    assert!(
        answer.text().starts_with("fetch base trace: no region answered: eu-central "),
        "{}",
        answer.text()
    );
}

#[tokio::test(start_paused = true)]
async fn both_traces_together_are_within_the_limit_of_one() {
    let question = || post(ROUTE, asking(ID, ID));
    let with_limit = |trace_bytes_max: u64| {
        let federation = FederationSettings { trace_bytes_max, ..FederationSettings::default() };
        let us = simulated(&sent(vec![batch("shop", vec![span(1, None, CLIENT)])]));
        Setup { federation, ..Setup::default() }.over(vec![("us-east", us as Arc<dyn Backend>)])
    };
    let answer = with_limit(150).send(question()).await;
    assert_eq!(answer.status.as_u16(), 429, "{}", answer.text());
    let begins =
        "rpc error: code = ResourceExhausted desc = trace diff input too large: combined trace size ";
    assert!(answer.text().starts_with(begins) && answer.text().ends_with(" bytes exceeds limit 150 bytes"));
    assert_eq!(answer.header("retry-after"), "", "it will be too large again");
    let answer = with_limit(20).send(question()).await;
    assert_eq!(answer.status.as_u16(), 422, "{}", answer.text());
    assert!(answer.text().contains("partial traces cannot be diffed: it is over its limit of 20 bytes"));
}

#[tokio::test(start_paused = true)]
async fn only_a_short_body_by_post_is_a_question() {
    let (estate, _) = two_regions();
    let answer = estate.get(ROUTE).await;
    assert_eq!((answer.status.as_u16(), answer.text().as_str()), (405, "Method Not Allowed"));
    assert_eq!(answer.header("allow"), "POST");
    let answer = estate.send(post(ROUTE, " ".repeat(20_000))).await;
    assert_eq!(answer.status.as_u16(), 413);
    let answer = estate
        .send(post(ROUTE, Body::from_stream(futures::stream::pending::<Result<Bytes, std::io::Error>>())))
        .await;
    assert_eq!((answer.status.as_u16(), answer.took.as_secs()), (408, 10));
    let answer = estate.send(post(ROUTE, "{}")).await;
    assert_eq!((answer.status.as_u16(), answer.text().as_str()), (400, "base.traceId is required"));
    assert_eq!(
        estate
            .metric("tutti_requests_total{endpoint=\"trace_diff\",mode=\"best_effort\",outcome=\"complete\"}")
            .await,
        0.0
    );
    estate.send(post(ROUTE, asking(ID, OTHER))).await;
    assert_eq!(
        estate
            .metric("tutti_requests_total{endpoint=\"trace_diff\",mode=\"best_effort\",outcome=\"complete\"}")
            .await,
        1.0
    );
}
