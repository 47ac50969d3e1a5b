//! Peers that are dead, slow, of another version or lying; statements that are stolen, late or for somebody else.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::HeaderValue;
use tutti::api::InForce;
use tutti::backend::memory::MemoryBackend;
use tutti::backend::settings::MemorySettings;
use tutti::proof::SigningKey;

use crate::estate::{Answered, request};
use crate::gates::{Gate, Made, Trouble, Who, peer, region, who};
use crate::spans::{ID, part, span};

/// A region of its own, and one behind a peer.
struct Pair {
    outer: Gate,
    inner: Gate,
    outer_is: Who,
    inner_is: Who,
}

pub fn holding(spans: Vec<opentelemetry_proto::tonic::trace::v1::Span>) -> Arc<MemoryBackend> {
    let memory = MemoryBackend::new(MemorySettings::default());
    memory.ingest(part("shop", spans)).unwrap();
    Arc::new(memory)
}

fn pair() -> Pair {
    pair_of(&who("us-east", "US"), |made, outer| made.trusting(outer))
}

fn pair_of(outer_is: &Who, make: impl FnOnce(Made, &Who) -> Made) -> Pair {
    let inner_is = who("eu-central", "EU");
    let held = region("eu-central", "EU", holding(vec![span(2, Some(1), 2)]));
    let inner = make(Made::new(&inner_is, vec![held]), outer_is).gate();
    let own = region("us-east", "US", holding(vec![span(1, None, 3)]));
    let there = peer(outer_is, "eu-central", &inner_is, &inner);
    let outer = Made::new(outer_is, vec![own, there]).gate();
    Pair { outer, inner, outer_is: outer_is.clone(), inner_is }
}

/// The report of a lookup.
async fn report(gate: &Gate) -> serde_json::Value {
    let answer = gate.get(&format!("/api/tutti/v1/traces/{ID}")).await;
    let json = answer.json();
    json.get("report").cloned().unwrap_or(json)
}

fn of_peer(report: &serde_json::Value) -> (String, String) {
    let region = &report["regions"][1];
    let text = |key: &str| region[key].as_str().unwrap_or_default().to_owned();
    (text("status"), text("detail"))
}

/// What the outer gateway says of a peer whose answers are changed on the way; the answer is partial and has its own.
#[track_caller]
fn check(report: &serde_json::Value, status: &str, words: &str) {
    let (said, detail) = of_peer(report);
    assert_eq!(said, status, "{report}");
    assert!(detail.contains(words), "`{words}` is not in `{detail}`");
    assert_eq!(report["outcome"], "partial", "{report}");
    assert_ne!(report["exactness"], "exact", "{report}");
}

#[tokio::test(start_paused = true)]
async fn a_whole_answer_of_a_peer_is_whole_and_has_its_account() {
    let pair = pair();
    let report = report(&pair.outer).await;
    assert_eq!((&report["outcome"], &report["exactness"]), (&"complete".into(), &"exact".into()), "{report}");
    let within = &report["regions"][1]["within"];
    assert_eq!(within["gateway"], "eu-central");
    assert_eq!(within["regions"][0]["name"], "eu-central");
    assert_eq!(within["regions"][0]["spans"], 1);
}

#[tokio::test(start_paused = true)]
async fn a_dead_a_silent_and_a_slow_peer_are_said_to_be_so() {
    let pair = pair();
    pair.inner.wire.is(Trouble::Dead);
    check(&report(&pair.outer).await, "unreachable", "refused the connection");
    for trouble in [Trouble::Silent, Trouble::Slow(Duration::from_secs(30))] {
        pair.inner.wire.is(trouble);
        let begun = tokio::time::Instant::now();
        check(&report(&pair.outer).await, "timeout", "no answer by the deadline");
        assert!(begun.elapsed() <= Duration::from_secs(6), "its own deadline holds");
    }
    pair.inner.wire.is(Trouble::None);
    assert_eq!(report(&pair.outer).await["outcome"], "complete");
}

#[tokio::test(start_paused = true)]
async fn a_peer_of_another_version_is_named_as_such() {
    let pair = pair();
    pair.inner.wire.changes(|mut response| {
        response.headers_mut().insert("tutti-protocol", HeaderValue::from_static("3/9.9.9"));
        response
    });
    check(&report(&pair.outer).await, "rejected", "speaks version 3 of the protocol");
    pair.inner.wire.changes(|mut response| {
        response.headers_mut().remove("tutti-protocol");
        response
    });
    check(&report(&pair.outer).await, "malformed", "no gateway that takes statements");
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_lies_is_malformed_and_never_believed() {
    let pair = pair();
    let wire = &pair.inner.wire;
    let with_body = |body: &'static [u8]| {
        move |response: http::Response<Bytes>| response.map(|_| Bytes::from_static(body))
    };
    wire.changes(with_body(b"\x0a\x7fshort"));
    check(&report(&pair.outer).await, "malformed", "do not read as a trace");
    wire.changes(with_body(b"<html>"));
    check(&report(&pair.outer).await, "malformed", "");
    wire.changes(|response| response.map(|body| body.slice(..body.len() / 2)));
    check(&report(&pair.outer).await, "malformed", "");
    wire.changes(|response| {
        let mut foreign = span(9, None, 1);
        foreign.trace_id = vec![7; 16];
        let mut envelope = Vec::new();
        tutti::wire::protobuf::put_bytes_field(&mut envelope, 1, &part("shop", vec![foreign]));
        response.map(|_| Bytes::from(envelope))
    });
    check(&report(&pair.outer).await, "malformed", "cannot be used");
    wire.changes(|mut response| {
        response.headers_mut().remove("tutti-account");
        response
    });
    check(&report(&pair.outer).await, "malformed", "without an account");
    wire.changes(|mut response| {
        let account =
            response.headers()["tutti-account"].to_str().unwrap().replacen("\"to\":\"", "\"to\":\"0", 1);
        response.headers_mut().insert("tutti-account", HeaderValue::from_str(&account).unwrap());
        response
    });
    check(&report(&pair.outer).await, "malformed", "of another question");
    wire.changes(|mut response| {
        let account = response.headers()["tutti-account"].to_str().unwrap().replace("\"ok\"", "\"splendid\"");
        response.headers_mut().insert("tutti-account", HeaderValue::from_str(&account).unwrap());
        response
    });
    check(&report(&pair.outer).await, "malformed", "account of its regions");
    wire.changes(|mut response| {
        response.headers_mut().insert("content-type", HeaderValue::from_static("text/html"));
        response
    });
    check(&report(&pair.outer).await, "malformed", "no protobuf");
    // It says that something is missing, and that is believed.
    wire.changes(|mut response| {
        let account = response.headers()["tutti-account"].to_str().unwrap().replace("\"ok\"", "\"timeout\"");
        response.headers_mut().insert("tutti-account", HeaderValue::from_str(&account).unwrap());
        response
    });
    check(&report(&pair.outer).await, "partial", "its region eu-central did not answer in time");
}

#[tokio::test(start_paused = true)]
async fn searches_of_a_lying_peer_are_no_answers_either() {
    let pair = pair();
    pair.inner.wire.changes(|response| response.map(|_| Bytes::from_static(b"\xff\xff\xff")));
    for path in ["/api/search?q=%7B%20%7D", "/api/v2/search/tags", "/api/v2/search/tag/name/values"] {
        let answer = pair.outer.get(path).await;
        assert_eq!(answer.outcome(), "partial", "{path} {}", answer.text());
        assert_eq!(answer.status_of("eu-central"), "malformed", "{path}");
    }
}

/// A statement is for one request: whatever is changed on the way is refused, and said in words of our own.
#[tokio::test(start_paused = true)]
async fn what_is_wrong_with_a_statement_is_said_by_both_gateways() {
    let us = || who("us-east", "US");
    let unknown = pair_of(&us(), |made, _| made.trusting(&who("ap-south", "IN")));
    check(&report(&unknown.outer).await, "rejected", "[[peer.trusts]] must name it");
    let nobody = pair_of(&us(), |made, _| made);
    check(&report(&nobody.outer).await, "malformed", "no gateway that takes statements");
    let other_key = pair_of(&us(), |made, outer| {
        made.trusting(&Who { key: SigningKey::generate().unwrap(), ..outer.clone() })
    });
    check(&report(&other_key.outer).await, "rejected", "another public key");
    let elsewhere = pair_of(&us(), |made, outer| made.trusting(&Who { jurisdiction: "CH", ..outer.clone() }));
    check(&report(&elsewhere.outer).await, "rejected", "does not let answers be taken");
    let audience = pair_of(&us(), |mut made, outer| {
        made.who.name = "eu-west";
        made.trusting(outer)
    });
    check(&report(&audience.outer).await, "rejected", "another name");

    let pair = pair();
    pair.inner.wire.is(Trouble::Rewrites(Arc::new(|request| {
        let changed = request.uri().to_string().replace("span_pruning=false", "span_pruning=true");
        *request.uri_mut() = changed.parse().unwrap();
    })));
    check(&report(&pair.outer).await, "rejected", "changed on the way");
    pair.inner.wire.is(Trouble::Rewrites(Arc::new(|request| {
        request.headers_mut().insert("authorization", HeaderValue::from_static("Bearer guess"));
    })));
    check(&report(&pair.outer).await, "rejected", "credential");
    pair.inner.wire.is(Trouble::Rewrites(Arc::new(|request| {
        request.headers_mut().insert("tutti-statement", HeaderValue::from_static("a.b.c"));
    })));
    check(&report(&pair.outer).await, "rejected", "cannot read");
}

async fn replay(pair: &Pair, change: impl FnOnce(&mut http::Request<()>)) -> Answered {
    let mut seen = pair.inner.wire.requests.lock().unwrap().last().unwrap().clone();
    change(&mut seen);
    let headers: Vec<(String, String)> = seen
        .headers()
        .iter()
        .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
        .collect();
    let headers: Vec<(&str, &str)> =
        headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    pair.inner.estate.send(request(&seen.uri().to_string(), &headers)).await
}

#[tokio::test(start_paused = true)]
async fn a_statement_that_was_overheard_is_worth_nothing() {
    let pair = pair();
    report(&pair.outer).await;
    let again = replay(&pair, |_| {}).await;
    assert_eq!(again.status.as_u16(), 401);
    assert_eq!(again.header("tutti-statement-fault"), "replayed");
    assert_eq!(again.text(), "the statement was taken before: each holds for one request");
    let stolen = replay(&pair, |seen| drop(seen.headers_mut().remove("authorization"))).await;
    assert_eq!((stolen.status.as_u16(), stolen.header("tutti-statement-fault")), (401, "credential"));
    let elsewhere = replay(&pair, |seen| *seen.uri_mut() = "http://x/api/search/tags".parse().unwrap()).await;
    assert_eq!(
        (elsewhere.status.as_u16(), elsewhere.header("tutti-statement-fault")),
        (401, "other_request")
    );
    tokio::time::sleep(Duration::from_secs(90)).await;
    let late = replay(&pair, |_| {}).await;
    assert_eq!((late.status.as_u16(), late.header("tutti-statement-fault")), (401, "expired"));
    // Nor does anyone become somebody by a statement on a stream.
    let seen = pair.inner.wire.requests.lock().unwrap().last().unwrap().clone();
    let shown = |name: &str| seen.headers()[name].to_str().unwrap().to_owned();
    let headers = [("authorization", shown("authorization")), ("tutti-statement", shown("tutti-statement"))];
    let headers = headers.each_ref().map(|(name, value)| (*name, value.as_str()));
    let streamed =
        crate::tempopb::ask(&pair.inner.estate.router, "/tempopb.StreamingQuerier/Search", &[], &headers)
            .await;
    assert_eq!(streamed.code(), tonic::Code::Unauthenticated as i32);
}

/// The next question meets the policy that is in force then.
#[tokio::test(start_paused = true)]
async fn what_a_peer_no_longer_shows_is_shown_no_more() {
    use tutti::policy::{Cell, Rung};
    let pair = pair();
    assert_eq!(report(&pair.outer).await["regions"][1]["spans"], 1);
    let rules = crate::world::Rules::of(
        &["eu-central"],
        Cell { rung: Rung::Dropped, may_filter: false, ..Cell::OPEN },
    );
    let in_force: InForce = Made::new(&pair.inner_is, pair.inner.estate.regions.clone())
        .ruled(rules.plan())
        .trusting(&pair.outer_is)
        .in_force();
    pair.inner.estate.state.swap(in_force);
    let path = "/api/search?q=%7B%20.user.email%20%3D%20%22x%22%20%7D";
    let answer = pair.outer.get(path).await;
    assert_eq!(answer.status_of("eu-central"), "withheld", "{}", answer.text());
    assert_eq!((answer.outcome(), answer.header("tutti-exactness")), ("partial", "region_withheld"));
}

/// It may leave out whom it was told of, and nobody else: their regions would be missing, and nothing would say so.
#[tokio::test(start_paused = true)]
async fn a_peer_that_leaves_out_a_gateway_of_its_own_accord_is_not_believed() {
    let pair = pair();
    pair.inner.wire.changes(|mut response| {
        if let Some(account) = response.headers().get("tutti-account") {
            let changed = account.to_str().unwrap().replacen("{", "{\"elsewhere\":[\"tutti-ch\"],", 1);
            response.headers_mut().insert("tutti-account", HeaderValue::from_str(&changed).unwrap());
        }
        response
    });
    check(&report(&pair.outer).await, "malformed", "leaves out a gateway that this one does not ask");
}
