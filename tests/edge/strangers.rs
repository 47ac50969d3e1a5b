//! Clients that hold on to what they were given: one that says nothing, one that reads nothing.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::routing::get;
use bytes::Bytes;
use futures::stream;
use http::Request;
use http_body_util::BodyExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tower::ServiceExt;
use tutti::api::serve::{ServeSettings, serve};
use tutti::api::{ApiSettings, ApiState, router};
use tutti::federation::{Federation, FederationSettings};
use tutti::policy::Plan;
use tutti::task::Group;
use tutti::telemetry::Metrics;

/// What a test waits for anything, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(10);
const SHORT: Duration = Duration::from_millis(200);

/// A listener with room for one connection.
async fn narrow(settings: ServeSettings, tasks: &Group) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let endless = || async {
        let pieces = stream::repeat_with(|| Ok::<_, std::io::Error>(Bytes::from_static(&[b'x'; 1 << 16])));
        axum::body::Body::from_stream(pieces)
    };
    let routes = axum::Router::new().route("/", get(|| async { "here" })).route("/endless", get(endless));
    let settings = ServeSettings { connections_max: 1, ..settings };
    tasks.spawn(async move { drop(serve(listener, routes, settings, std::future::pending()).await) });
    address
}

async fn is_served(address: SocketAddr) -> bool {
    let asking = async {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\nHost: gateway\r\nConnection: close\r\n\r\n").await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.is_ok() && answer.ends_with("here")
    };
    timeout(PATIENCE, asking).await.unwrap_or(false)
}

#[tokio::test]
async fn who_never_says_what_it_wants_does_not_keep_its_place() {
    let tasks = Group::new();
    let address = narrow(ServeSettings { head_wait: SHORT, ..ServeSettings::default() }, &tasks).await;
    // Nothing; the beginning of what could be either protocol; a head that does not end.
    for said in ["", "P", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r", "GET / HTTP/1.1\r\nHost: "] {
        let mut silent = TcpStream::connect(address).await.unwrap();
        silent.write_all(said.as_bytes()).await.unwrap();
        assert!(is_served(address).await, "{said:?}");
        drop(silent);
    }
}

#[tokio::test]
async fn who_has_asked_may_take_its_time_before_it_asks_again_and_not_for_ever() {
    let tasks = Group::new();
    let settings = ServeSettings { head_wait: SHORT, idle_max: SHORT * 10, ..ServeSettings::default() };
    let address = narrow(settings, &tasks).await;
    let mut kept = TcpStream::connect(address).await.unwrap();
    for _ in 0..2 {
        kept.write_all(b"GET / HTTP/1.1\r\nHost: gateway\r\n\r\n").await.unwrap();
        let mut answer = Vec::new();
        while !answer.ends_with(b"here") {
            assert!(
                timeout(PATIENCE, kept.read_buf(&mut answer)).await.unwrap().unwrap() > 0,
                "it was closed"
            );
        }
        tokio::time::sleep(SHORT * 3).await;
    }
    // Its place is free for the next one once it has been idle for too long.
    assert!(is_served(address).await);
    drop(kept);
}

#[tokio::test]
async fn a_greeting_in_pieces_is_understood() {
    let tasks = Group::new();
    let address = narrow(ServeSettings::default(), &tasks).await;
    let mut stream = TcpStream::connect(address).await.unwrap();
    for piece in ["P", "OST / HTTP/1.1\r\nHost: gateway\r\nConnection: close\r\n\r\n"] {
        stream.write_all(piece.as_bytes()).await.unwrap();
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
    let mut answer = String::new();
    timeout(PATIENCE, stream.read_to_string(&mut answer)).await.unwrap().unwrap();
    assert!(answer.starts_with("HTTP/1.1 405 "), "{answer}");
}

#[tokio::test]
async fn who_stops_reading_its_answer_does_not_keep_its_place() {
    let tasks = Group::new();
    let address = narrow(ServeSettings { stall_max: SHORT, ..ServeSettings::default() }, &tasks).await;
    let mut stalled = TcpStream::connect(address).await.unwrap();
    stalled.write_all(b"GET /endless HTTP/1.1\r\nHost: gateway\r\n\r\n").await.unwrap();
    let mut first = [0; 16];
    stalled.read_exact(&mut first).await.unwrap();
    assert!(first.starts_with(b"HTTP/1.1 200 "));
    // Open, and nothing is read from it any more.
    assert!(is_served(address).await);
    drop(stalled);
}

#[tokio::test]
async fn an_answer_takes_its_place_until_it_has_left() {
    let regions = super::places().iter().map(super::Place::region).collect();
    let federation = Federation::new(regions, FederationSettings::default(), Arc::new(Plan::allow_all()));
    let api = ApiSettings { requests_concurrent_max: 1, ..ApiSettings::default() };
    let router = router(ApiState::new(federation, Metrics::default(), api));
    let ask = |path: &str| router.clone().oneshot(Request::get(path).body(Body::empty()).unwrap());
    for path in ["/api/traces/", "/api/v2/traces/", "/api/tutti/v1/traces/"] {
        let path = format!("{path}{}", super::LARGE);
        let unread = ask(&path).await.unwrap();
        assert_eq!(unread.status(), 200, "{path}");
        assert_eq!(ask(&path).await.unwrap().status(), 503, "the first is still being sent: {path}");
        let metrics = ask("/metrics").await.unwrap().into_body().collect().await.unwrap().to_bytes();
        let metrics = String::from_utf8(metrics.to_vec()).unwrap();
        assert!(metrics.contains("tutti_requests_in_flight 1\n"), "{metrics}");
        unread.into_body().collect().await.unwrap();
        drop(ask(&path).await.unwrap());
        assert_eq!(ask(&path).await.unwrap().status(), 200, "a reader that left has given it back: {path}");
    }
}
