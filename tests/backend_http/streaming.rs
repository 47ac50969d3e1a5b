//! A region that streams: when it is asked so, what its messages come to, and every way in which a stream fails.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use bytes::Bytes;
use futures::StreamExt;
use http::{HeaderMap, Request, Response, Version};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;
use secrecy::SecretString;
use tokio::net::TcpListener;
use tutti::api::serve::{ServeSettings, serve_as};
use tutti::backend::{RegionAnswer, SearchCall};
use tutti::model::search::{SearchAsked, Window};
use tutti::model::{SearchAnswer, SearchQuery};
use tutti::task::Group;
use tutti::wire::questions::SearchRequest;

use super::fake_region::{FakeRegion, protobuf, text};
use super::*;

const SEARCH: &str = "/tempopb.StreamingQuerier/Search";

/// What a region says to a call: its frames, one after the other, and then its status; or another answer.
#[derive(Debug, Clone)]
enum Says {
    Stream(Vec<Vec<u8>>, i32, &'static str),
    /// Frames, and no status.
    Broken(Vec<Vec<u8>>),
    Hangs,
    Http(u16, &'static str),
}

#[derive(Debug, Clone)]
struct Call {
    version: Version,
    path: String,
    headers: HeaderMap,
    body: Bytes,
}

/// A Tempo with its streaming API on the port of HTTP.
struct Streams {
    url: String,
    calls: Arc<Mutex<Vec<Call>>>,
    open: Arc<AtomicUsize>,
    is_well: Arc<AtomicBool>,
    _group: Group,
}

struct Open(Arc<AtomicUsize>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

fn frame(message: &[u8]) -> Vec<u8> {
    let mut framed = vec![0];
    framed.extend_from_slice(&u32::try_from(message.len()).unwrap().to_be_bytes());
    framed.extend_from_slice(message);
    framed
}

fn answer(says: Says, open: Arc<AtomicUsize>) -> Response<Body> {
    open.fetch_add(1, Ordering::SeqCst);
    let open = Open(open);
    let streaming = |frames: Vec<Vec<u8>>, end: Option<(i32, &'static str)>, hangs: bool| {
        let data = frames.into_iter().map(|frame| Ok(Frame::data(Bytes::from(frame))));
        let trailers = end.map(|(code, line)| {
            let mut trailers = HeaderMap::new();
            trailers.insert("grpc-status", code.into());
            trailers.insert("grpc-message", line.parse().unwrap());
            Ok::<_, std::io::Error>(Frame::trailers(trailers))
        });
        let sent = futures::stream::iter(data.chain(trailers));
        let last = futures::stream::once(async move {
            let _open = open;
            if hangs {
                std::future::pending::<()>().await;
            }
        });
        let body = StreamBody::new(sent.chain(last.filter_map(|()| async { None })));
        Response::builder().header("content-type", "application/grpc").body(Body::new(body)).unwrap()
    };
    match says {
        Says::Stream(frames, code, line) => streaming(frames, Some((code, line)), false),
        Says::Broken(frames) => streaming(frames, None, false),
        Says::Hangs => streaming(Vec::new(), None, true),
        Says::Http(status, text) => Response::builder().status(status).body(Body::from(text)).unwrap(),
    }
}

impl Streams {
    async fn start(says: Says) -> Self {
        let calls: Arc<Mutex<Vec<Call>>> = Arc::default();
        let (open, is_well) = (Arc::<AtomicUsize>::default(), Arc::new(AtomicBool::new(true)));
        let (log, count, well) = (calls.clone(), open.clone(), is_well.clone());
        let routes = Router::new().fallback(move |request: Request<Body>| {
            let (log, count, says, well) = (log.clone(), count.clone(), says.clone(), well.clone());
            async move {
                let (parts, body) = request.into_parts();
                let body = body.collect().await.unwrap().to_bytes();
                let path = parts.uri.path().to_owned();
                let call = Call { version: parts.version, path, headers: parts.headers, body };
                let is_probe = call.version == Version::HTTP_2 && question(&call).end == 1;
                log.lock().unwrap().push(call.clone());
                match call.path.as_str() {
                    _ if !well.load(Ordering::SeqCst) => answer(Says::Http(503, ""), count),
                    BUILD_INFO => answer(Says::Http(200, r#"{"version":"3.0.0"}"#), count),
                    "/api/search" => Response::builder()
                        .header("content-type", "application/protobuf")
                        .body(Body::from(row("abc", 1, "over http")))
                        .unwrap(),
                    SEARCH if is_probe && !matches!(says, Says::Http(..)) => {
                        let line = "http parameter start must be before end. received start=2 end=1";
                        answer(Says::Stream(Vec::new(), 3, line), count)
                    }
                    SEARCH => answer(says, count),
                    _ => answer(Says::Http(404, NO_ROUTE), count),
                }
            }
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let group = Group::new();
        let serving = serve_as(None, listener, routes, ServeSettings::default(), std::future::pending());
        group.spawn(async move { serving.await.unwrap() });
        Self { url, calls, open, is_well, _group: group }
    }

    fn asked(&self, streaming: Streaming) -> TempoBackend {
        TempoBackend::new(&TempoSettings { streaming, ..settings(&self.url) }, CAP).unwrap()
    }

    fn calls(&self, path: &str) -> Vec<Call> {
        self.calls.lock().unwrap().iter().filter(|call| call.path == path).cloned().collect()
    }
}

/// What was asked, unpacked.
fn question(call: &Call) -> SearchRequest {
    let mut message = Vec::new();
    let Some((head, body)) = call.body.split_at_checked(5) else { return SearchRequest::default() };
    match head[0] {
        0 => message.extend_from_slice(body),
        _ => {
            std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(body), &mut message).unwrap();
        }
    }
    SearchRequest::read(&message).unwrap()
}

fn row(id: &str, start: u64, root: &str) -> Vec<u8> {
    let mut body = Vec::new();
    put_message(&mut body, 1, |row| {
        put_bytes_field(row, 1, id.as_bytes());
        put_bytes_field(row, 3, root.as_bytes());
        put_varint_field(row, 4, start);
    });
    body
}

async fn search(backend: &TempoBackend, patience: Duration) -> Result<RegionAnswer<SearchAnswer>, Fault> {
    let query = SearchQuery {
        asked: SearchAsked::Query("{ .a = 1 }".to_owned()),
        limit: 2,
        spans_per_set: 1,
        window: Some(Window { start: 5, end: 9 }),
        page: None,
    };
    backend.search(SearchCall { query, deadline: Deadline::starting_now(patience) }).await
}

async fn probe(backend: &TempoBackend) -> Result<(), Fault> {
    backend.probe(Deadline::starting_now(PATIENCE)).await.map(drop)
}

fn whole() -> Says {
    Says::Stream(vec![frame(&row("abc", 3, "early")), frame(&row("abc", 2, "whole"))], 0, "")
}

#[tokio::test]
async fn a_region_is_asked_by_streams_once_a_probe_found_them() {
    let region = Streams::start(whole()).await;
    let backend = region.asked(Streaming::Auto);
    search(&backend, PATIENCE).await.unwrap();
    assert_eq!(
        (region.calls("/api/search").len(), region.calls(SEARCH).len()),
        (1, 0),
        "nothing is known yet"
    );
    probe(&backend).await.unwrap();
    let answer = search(&backend, PATIENCE).await.unwrap();
    assert!(answer.first_byte.is_some() && !answer.is_partial);
    assert_eq!((region.calls("/api/search").len(), region.calls(SEARCH).len()), (1, 2));
    let asked = region.calls(SEARCH).pop().unwrap();
    let expected = SearchRequest {
        query: "{ .a = 1 }".to_owned(),
        limit: 2,
        start: 5,
        end: 9,
        spans_per_span_set: 1,
        ..SearchRequest::default()
    };
    assert_eq!((asked.version, question(&asked)), (Version::HTTP_2, expected));
    assert_eq!(asked.headers["content-type"], "application/grpc");
    assert_eq!(asked.headers["te"], "trailers");
}

#[tokio::test]
async fn a_stream_carries_who_asks_as_http_does() {
    let region = Streams::start(whole()).await;
    let settings = TempoSettings {
        tenant: Some("shop".to_owned()),
        auth: Auth::Bearer(SecretString::from("secret")),
        headers: vec![(http::HeaderName::from_static("x-extra"), SecretString::from("more"))],
        streaming: Streaming::Always,
        ..settings(&region.url)
    };
    search(&TempoBackend::new(&settings, CAP).unwrap(), PATIENCE).await.unwrap();
    let asked = region.calls(SEARCH).pop().unwrap();
    assert_eq!(asked.headers["x-scope-orgid"], "shop");
    assert_eq!(asked.headers["authorization"], "Bearer secret");
    assert_eq!(asked.headers["x-extra"], "more");
    assert!(asked.headers["user-agent"].to_str().unwrap().starts_with("tutti/"));
}

/// A probe that finds no streams is the last there is, until the region went away.
#[tokio::test]
async fn a_region_without_streams_is_probed_for_them_once() {
    for says in [Says::Http(404, NO_ROUTE), Says::Http(415, ""), Says::Http(200, "<html>log in</html>")] {
        let region = Streams::start(says.clone()).await;
        let backend = region.asked(Streaming::Auto);
        for _ in 0..3 {
            probe(&backend).await.unwrap();
            search(&backend, PATIENCE).await.unwrap();
        }
        assert_eq!((region.calls("/api/search").len(), region.calls(SEARCH).len()), (3, 1), "{says:?}");
        region.is_well.store(false, Ordering::SeqCst);
        probe(&backend).await.unwrap_err();
        region.is_well.store(true, Ordering::SeqCst);
        probe(&backend).await.unwrap();
        assert_eq!(region.calls(SEARCH).len(), 2, "it may have come back as another");
    }
    let older = FakeRegion::start(|asked| match asked.path.as_str() {
        BUILD_INFO => text(200, r#"{"version":"2.3.0"}"#),
        "/api/search" => protobuf(&row("abc", 1, "")),
        _ => text(404, NO_ROUTE),
    })
    .await;
    let settings = TempoSettings { streaming: Streaming::Auto, ..settings(&older.url()) };
    let backend = TempoBackend::new(&settings, CAP).unwrap();
    for _ in 0..3 {
        probe(&backend).await.unwrap();
        search(&backend, PATIENCE).await.unwrap();
    }
    assert!(older.asked().iter().filter(|asked| asked.path == "/api/search").count() == 3);
}

#[tokio::test]
async fn who_says_never_or_has_a_path_is_not_even_probed() {
    let region = Streams::start(whole()).await;
    let below = TempoSettings { streaming: Streaming::Auto, ..settings(&format!("{}/eu", region.url)) };
    for backend in [region.asked(Streaming::Never), TempoBackend::new(&below, CAP).unwrap()] {
        let _ = probe(&backend).await;
        let _ = search(&backend, PATIENCE).await;
        assert!(region.calls(SEARCH).is_empty());
    }
}

#[tokio::test]
async fn a_region_that_must_stream_and_does_not_is_at_fault() {
    let region = Streams::start(Says::Stream(Vec::new(), 12, "unknown service")).await;
    let fault = search(&region.asked(Streaming::Always), PATIENCE).await.unwrap_err();
    assert_eq!((fault.status, fault.http_status), (RegionStatus::Rejected, Some(404)));
    assert!(fault.detail.starts_with("it has no streaming API"), "{fault}");
    let backend = region.asked(Streaming::Auto);
    probe(&backend).await.unwrap();
    search(&backend, PATIENCE).await.expect("a question goes the other way at once");
    search(&backend, PATIENCE).await.unwrap();
    assert_eq!(region.calls("/api/search").len(), 2);
}

/// Each as it would be over HTTP.
#[tokio::test]
async fn every_fault_of_a_stream_has_its_status() {
    let ended = |code, line| Says::Stream(vec![frame(&row("abc", 3, ""))], code, line);
    for (says, status, http) in [
        (ended(3, "invalid TraceQL query"), RegionStatus::Rejected, Some(400)),
        (ended(2, "no org id"), RegionStatus::Rejected, Some(401)),
        (ended(16, "who are you"), RegionStatus::Rejected, Some(401)),
        (ended(7, "not you"), RegionStatus::Rejected, Some(403)),
        (ended(8, "job queue full"), RegionStatus::Overloaded, Some(429)),
        (ended(13, "boom"), RegionStatus::Error, Some(500)),
        (ended(13, "cannot guarantee complete results"), RegionStatus::TooFresh, Some(500)),
        (ended(14, "going away"), RegionStatus::Error, Some(503)),
        (ended(4, "context deadline exceeded"), RegionStatus::Error, Some(504)),
        (ended(99, "what is that"), RegionStatus::Error, Some(500)),
        (Says::Stream(vec![frame(b"no message")], 0, ""), RegionStatus::Malformed, Some(200)),
        (Says::Stream(vec![vec![0, 0, 0, 0, 9, 1]], 0, ""), RegionStatus::CutOff, Some(200)),
        (Says::Broken(vec![frame(&row("abc", 3, ""))]), RegionStatus::CutOff, Some(200)),
        (Says::Stream(vec![frame(&vec![0x22; 2 << 20])], 0, ""), RegionStatus::TooLarge, Some(200)),
        (Says::Stream(vec![frame(&[]); 1 << 18], 0, ""), RegionStatus::TooLarge, Some(200)),
        (Says::Http(503, "no backend"), RegionStatus::Error, Some(503)),
    ] {
        let region = Streams::start(says.clone()).await;
        let shown = format!("{says:?}").chars().take(120).collect::<String>();
        let fault = search(&region.asked(Streaming::Always), PATIENCE).await;
        let fault = fault.err().unwrap_or_else(|| panic!("no fault: {shown}"));
        assert_eq!((fault.status, fault.http_status), (status, http), "{shown}: {fault}");
        assert!(!fault.is_retryable, "{shown}");
        assert_eq!(fault.is_of_the_query, http == Some(400), "{shown}");
        for said in ["abc", "who are you", "going away", "boom"] {
            assert!(!fault.detail.contains(said), "{fault}");
        }
    }
}

#[tokio::test]
async fn a_region_that_is_gone_is_unreachable_and_asked_over_http_next() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let settings = settings(&format!("http://{}", listener.local_addr().unwrap()));
    drop(listener);
    let settings = TempoSettings { streaming: Streaming::Always, ..settings };
    let fault = search(&TempoBackend::new(&settings, CAP).unwrap(), PATIENCE).await.unwrap_err();
    assert_eq!((fault.status, fault.is_retryable), (RegionStatus::Unreachable, true), "{fault}");
}

#[tokio::test]
async fn a_call_that_is_late_or_taken_back_ends_in_the_region_and_its_connection_stays() {
    let region = Streams::start(Says::Hangs).await;
    let backend = region.asked(Streaming::Always);
    let fault = search(&backend, Duration::from_millis(200)).await.unwrap_err();
    assert_eq!(fault.status, RegionStatus::Timeout);
    let left = tokio::time::timeout(Duration::from_millis(100), search(&backend, PATIENCE));
    assert!(left.await.is_err());
    for _ in 0..200 {
        if region.open.load(Ordering::SeqCst) == 0 {
            assert_eq!(region.calls(SEARCH).len(), 2);
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the region still works on it");
}
