//! Who asks: a token of the configuration is someone, anything else that looks like one is nobody, and no header that
//! anyone can write says who somebody is.

use std::sync::Arc;

use tutti::api::{ApiSettings, ApiState, InForce, router};
use tutti::identity::{Callers, Reception};
use tutti::model::Caller;
use tutti::policy::{Cell, Rung};
use tutti::telemetry::Metrics;

use crate::asking::encoded;
use crate::estate::request;
use crate::tempopb::{self, SearchRequest};
use crate::world::{REGIONS, Rules, World, id, world};

const MASKED: Cell = Cell { rung: Rung::Masked, ..Cell::OPEN };

pub fn with_token(seed: u64) -> World {
    let mut world = world(seed, 0, &Rules::of(&REGIONS, MASKED));
    let mut callers = Callers::default();
    assert!(callers.know("s3cret", Caller { subject: "alice".to_owned(), ..Caller::anonymous() }));
    let federation = (*world.estate.state.federation()).clone();
    let in_force = InForce::of(federation).with_reception(Arc::new(Reception::of_callers(callers)));
    world.estate.state = ApiState::over(in_force, Metrics::default(), ApiSettings::default());
    world.estate.router = router(world.estate.state.clone());
    world
}

#[tokio::test(start_paused = true)]
async fn an_unknown_token_is_refused_on_every_route_before_anything_is_asked() {
    let world = with_token(1);
    for path in [
        format!("/api/traces/{}", id(1)),
        format!("/api/tutti/v1/traces/{}", id(1)),
        format!("/strict/api/v2/traces/{}", id(1)),
        format!("/api/search?q={}", encoded("{ }")),
        "/api/search?q=%7B%20nonsense".to_owned(),
        "/api/v2/search/tags".to_owned(),
    ] {
        for shown in ["Bearer wrong", "Basic czNjcmV0", "s3cret"] {
            let answer = world.estate.send(request(&path, &[("authorization", shown)])).await;
            assert_eq!(answer.status.as_u16(), 401, "{path} {shown}");
            assert_eq!(answer.header("www-authenticate"), "Bearer");
            assert_eq!(answer.header("cache-control"), "private, no-store");
            assert!(!answer.text().contains("wrong") && !answer.text().contains('\n'), "{}", answer.text());
        }
    }
    assert!(world.told.lock().unwrap().is_empty());
    for path in ["/api/echo", "/ready", "/api/status/buildinfo"] {
        let answer = world.estate.send(request(path, &[("authorization", "Bearer wrong")])).await;
        assert_eq!(answer.status.as_u16(), 200, "{path} is about nobody");
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_of_an_unknown_token_is_unauthenticated() {
    let world = with_token(2);
    let message =
        prost::Message::encode_to_vec(&SearchRequest { query: "{ }".to_owned(), ..Default::default() });
    for (shown, code) in [("Bearer wrong", tonic::Code::Unauthenticated), ("Bearer s3cret", tonic::Code::Ok)]
    {
        let headers = [("authorization", shown)];
        let path = "/tempopb.StreamingQuerier/Search";
        let streamed = tempopb::ask(&world.estate.router, path, &message, &headers).await;
        assert_eq!(streamed.code(), code as i32, "{shown}: {}", streamed.line());
    }
}

#[tokio::test(start_paused = true)]
async fn no_header_that_anyone_can_write_says_who_somebody_is() {
    let world = with_token(3);
    let path = format!("/api/traces/{}", id(1));
    let plain = world.estate.get(&path).await;
    for header in [
        ("x-forwarded-user", "alice"),
        ("x-grafana-user", "admin"),
        ("x-webauth-user", "admin"),
        ("x-scope-orgid", "alice"),
        ("x-remote-user", "alice"),
        ("remote-user", "alice"),
        ("x-tutti-roles", "privacy-officer"),
    ] {
        let answer = world.estate.ask(&path, &[header]).await;
        assert_eq!((answer.status, &answer.body), (plain.status, &plain.body), "{header:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn every_answer_is_for_its_caller_alone() {
    let world = with_token(4);
    for path in [format!("/api/traces/{}", id(1)), "/api/search".to_owned(), "/api/v2/search/tags".to_owned()]
    {
        let answer = world.estate.get(&path).await;
        assert_eq!(answer.header("cache-control"), "private, no-store", "{path}");
        assert_eq!(answer.header("vary"), "Accept-Encoding, Authorization", "{path}");
        assert!(
            !answer.headers.contains_key("etag") && !answer.headers.contains_key("last-modified"),
            "{path}"
        );
    }
}

/// What one caller was told is not remembered for another.
#[tokio::test(start_paused = true)]
async fn a_miss_is_remembered_for_those_alone_who_see_the_same() {
    let world = with_token(5);
    let one = world.estate.state.federation();
    let other = one.seen_by(Arc::new(Rules::of(&["us-east"], MASKED).plan()));
    assert_ne!(one.plan().digest(), other.plan().digest());
    world.estate.get(&format!("/api/v2/traces/{}", id(4711))).await;
    world.estate.state.swap(InForce::of(other));
    let of_other = world.estate.get(&format!("/api/traces/{}", id(4711))).await;
    assert_eq!(of_other.header("tutti-cache"), "miss");
    world.estate.state.swap(InForce::of((*one).clone()));
    let of_one = world.estate.get(&format!("/api/traces/{}", id(4711))).await;
    assert_eq!(of_one.header("tutti-cache"), "hit");
}
