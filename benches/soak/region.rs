//! A region that can be made to fail while it is asked: what a Tempo holds and says, from an embedded region behind a
//! gateway's own routes, and before it whatever goes wrong on the way. It remembers when it was not well, since only
//! then may an answer leave it out. Knows nothing of who asks.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use bytes::Bytes;
use futures::stream;
use http::{Request, Response, StatusCode, header};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tower::ServiceExt;
use tutti::api::{ApiSettings, ApiState, router};
use tutti::backend::Region;
use tutti::backend::memory::MemoryBackend;
use tutti::backend::settings::{LayerSettings, MemorySettings};
use tutti::federation::{Federation, FederationSettings};
use tutti::model::{Jurisdiction, RegionName};
use tutti::policy::Plan;
use tutti::telemetry::Metrics;

/// Longer than an early answer waits, shorter than the deadline of a region.
pub const SLOW: Duration = Duration::from_millis(450);
/// Between two of a hundred pieces of an answer: no answer is whole before a region's deadline.
const DRIP: Duration = Duration::from_millis(100);
/// Nothing that these regions say is larger.
const BODY_MAX: usize = 64 << 20;

/// What is wrong with a region.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    None,
    Slow,
    /// Connections are refused, and those that were open are gone.
    Dead,
    /// Takes questions and says nothing.
    BlackHole,
    Dripping,
    /// Breaks off in the middle of a body.
    Cut,
    ServerError,
    Throttled,
    /// 200, and no trace.
    Garbage,
    /// Says itself that its trace is not whole.
    SaysPartial,
}

impl Fault {
    pub const ALL: [Self; 10] = [
        Self::None,
        Self::Slow,
        Self::Dead,
        Self::BlackHole,
        Self::Dripping,
        Self::Cut,
        Self::ServerError,
        Self::Throttled,
        Self::Garbage,
        Self::SaysPartial,
    ];
}

pub struct FaultyRegion {
    pub name: String,
    pub address: SocketAddr,
    memory: Arc<MemoryBackend>,
    fault: watch::Sender<Fault>,
    /// From when to when it was not well; the last is not over where it is not well now.
    disturbed: Mutex<Vec<(Instant, Option<Instant>)>>,
    /// Bound, and never listening: keeps the port from being given to somebody else while the region is dead.
    _port: TcpSocket,
}

impl FaultyRegion {
    pub async fn start(rank: usize) -> Self {
        let name = format!("region-{rank}");
        let memory = Arc::new(MemoryBackend::new(MemorySettings::default()));
        let routes = served(&name, memory.clone());
        let port = bound((Ipv4Addr::LOCALHOST, 0).into());
        let address = port.local_addr().unwrap();
        let (fault, faults) = watch::channel(Fault::None);
        tokio::spawn(serve(address, routes, faults));
        Self { name, address, memory, fault, disturbed: Mutex::default(), _port: port }
    }

    pub fn take(&self, export: Bytes) {
        let taken = self.memory.ingest(export).unwrap();
        assert_eq!(taken.rejected.total(), 0);
    }

    pub fn fail(&self, fault: Fault) {
        let mut disturbed = self.disturbed.lock().unwrap();
        let is_open = disturbed.last().is_some_and(|(_, end)| end.is_none());
        if fault != Fault::None && !is_open {
            disturbed.push((Instant::now(), None));
        }
        self.fault.send_replace(fault);
        if fault == Fault::None && is_open {
            disturbed.last_mut().unwrap().1 = Some(Instant::now());
        }
    }

    pub fn was_disturbed(&self, from: Instant, to: Instant) -> bool {
        let disturbed = self.disturbed.lock().unwrap();
        disturbed.iter().any(|(begin, end)| *begin <= to && end.is_none_or(|end| end >= from))
    }
}

/// What a Tempo with these spans answers.
fn served(name: &str, memory: Arc<MemoryBackend>) -> Router {
    let (name, jurisdiction) = (RegionName::parse(name).unwrap(), Jurisdiction::parse("EU").unwrap());
    let region = Arc::new(Region::new(name, jurisdiction, memory, LayerSettings::default()));
    let plan = Arc::new(Plan::allow_all());
    let federation = Federation::new(vec![region], FederationSettings::default(), plan);
    router(ApiState::new(federation, Metrics::default(), ApiSettings::default()))
}

fn bound(address: SocketAddr) -> TcpSocket {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_reuseaddr(true).unwrap();
    socket.bind(address).unwrap();
    socket
}

async fn serve(address: SocketAddr, routes: Router, mut faults: watch::Receiver<Fault>) {
    loop {
        while *faults.borrow_and_update() == Fault::Dead {
            if faults.changed().await.is_err() {
                return;
            }
        }
        let listener = bound(address).listen(1024).unwrap();
        listen(listener, &routes, &mut faults).await;
    }
}

/// Until it is dead.
async fn listen(listener: TcpListener, routes: &Router, faults: &mut watch::Receiver<Fault>) {
    let mut open = JoinSet::new();
    let mut before = *faults.borrow_and_update();
    while before != Fault::Dead {
        tokio::select! {
            Ok((stream, _)) = listener.accept() => {
                let (routes, faults) = (routes.clone(), faults.clone());
                let service = service_fn(move |request| answer(request, routes.clone(), faults.clone()));
                open.spawn(async move {
                    let serving = auto::Builder::new(TokioExecutor::new());
                    // How a connection ends is the business of who asked.
                    let _ = serving.serve_connection(TokioIo::new(stream), service).await;
                });
            }
            Ok(()) = faults.changed() => {
                // What was swallowed stays so: connections through a black hole are reset behind it.
                if before == Fault::BlackHole {
                    open.abort_all();
                }
                before = *faults.borrow_and_update();
            }
            Some(_) = open.join_next() => {}
        }
    }
}

async fn answer(
    request: Request<Incoming>,
    routes: Router,
    faults: watch::Receiver<Fault>,
) -> io::Result<Response<Body>> {
    let fault = *faults.borrow();
    let is_trace = request.uri().path().starts_with("/api/v2/traces/");
    let said = async move { routes.oneshot(request.map(Body::new)).await.unwrap() };
    match fault {
        Fault::None | Fault::Dead => {}
        Fault::Slow => tokio::time::sleep(SLOW).await,
        Fault::BlackHole => std::future::pending().await,
        Fault::ServerError => return Ok(status(StatusCode::INTERNAL_SERVER_ERROR)),
        Fault::Throttled => return Ok(status(StatusCode::TOO_MANY_REQUESTS)),
        Fault::Dripping | Fault::Cut | Fault::Garbage => return Ok(spoilt(said.await, fault).await),
        Fault::SaysPartial if is_trace => return Ok(partial(said.await).await),
        Fault::SaysPartial => {}
    }
    Ok(said.await)
}

fn status(status: StatusCode) -> Response<Body> {
    Response::builder().status(status).header(header::RETRY_AFTER, "1").body(Body::empty()).unwrap()
}

/// With the same head, and something else for a body.
async fn spoilt(response: Response<Body>, fault: Fault) -> Response<Body> {
    let (parts, body) = response.into_parts();
    let whole = axum::body::to_bytes(body, BODY_MAX).await.unwrap();
    let body = match fault {
        Fault::Dripping => {
            let piece = whole.len().div_ceil(100).max(1);
            let pieces: Vec<Bytes> = whole.chunks(piece).map(Bytes::copy_from_slice).collect();
            Body::from_stream(stream::unfold(pieces.into_iter(), |mut pieces| async {
                tokio::time::sleep(DRIP).await;
                let piece = pieces.next()?;
                Some((Ok::<_, io::Error>(piece), pieces))
            }))
        }
        Fault::Cut => {
            let half = whole.slice(..whole.len() / 2);
            Body::from_stream(stream::iter([Ok(half), Err(io::Error::other("cut"))]))
        }
        _ => Body::from(vec![0xff; whole.len().max(20)]),
    };
    let mut response = Response::from_parts(parts, body);
    if fault != Fault::Cut {
        response.headers_mut().remove(header::CONTENT_LENGTH);
    }
    response
}

/// In protobuf: `status` and `message` behind the trace.
async fn partial(response: Response<Body>) -> Response<Body> {
    let is_protobuf = response.headers().get(header::CONTENT_TYPE).is_some_and(|of| of == super::PROTOBUF);
    assert!(is_protobuf, "a gateway asks a region for protobuf");
    let (mut parts, body) = response.into_parts();
    parts.headers.remove(header::CONTENT_LENGTH);
    let mut whole = body.collect().await.unwrap().to_bytes().to_vec();
    whole.extend_from_slice(&[0x18, 1, 0x22, 4]);
    whole.extend_from_slice(b"busy");
    Response::from_parts(parts, Body::from(whole))
}
