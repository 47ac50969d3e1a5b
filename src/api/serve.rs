//! The listener: HTTP/1.1 and HTTP/2 on one port, in the open (HTTP/2 by prior knowledge) or behind TLS (by
//! what the handshake agrees on), with limits, and an end that lets requests in flight finish.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use http::Request;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_io_timeout::TimeoutStream;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use super::audit::Peer;
use super::tls::{Certificate, HTTP_2};
use crate::identity::ShownCertificate;
use crate::task::Group;

/// Time a client has to send its first request's head; a slower one is holding a connection, not asking.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a connection of HTTP/1 may stay open with nothing asked, the next head included. Longer than the 60 s for which
/// balancers and clients commonly keep one: whoever closes first must not be the one who is asked.
const IDLE_MAX: Duration = Duration::from_secs(75);

/// Bytes of a request's head. Ids, parameters and a 128 KiB query fit twice.
const HEAD_BYTES_MAX: usize = 512 << 10;

/// Requests that one HTTP/2 connection may have open.
const STREAMS_MAX: u32 = 256;

/// How often a quiet HTTP/2 connection is asked whether anyone is there.
const PING_INTERVAL: Duration = Duration::from_secs(20);

/// At the end, the wait for the first request of a connection that has sent none.
const FIRST_REQUEST_WAIT: Duration = Duration::from_secs(1);

/// How long a client may take nothing of an answer before its connection is closed. Without it, readers that
/// stop reading would hold their answers, and their places, for as long as they like.
const STALL_MAX: Duration = Duration::from_secs(60);

/// How HTTP/2 begins. What begins otherwise is HTTP/1, and after so many bytes it is told which.
const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// The pause before the next look at a greeting that came in pieces.
const GREETING_GLANCE: Duration = Duration::from_millis(10);

/// The wait after a failed accept (too many open files, say) before the next.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// How a listener is bounded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServeSettings {
    pub connections_max: usize,
    /// How long requests in flight may go on once the end has come.
    pub drain: Duration,
    /// What a client may take to say which protocol it speaks, and for its first head.
    pub head_wait: Duration,
    /// What it may take from one request to the end of the next one's head.
    pub idle_max: Duration,
    /// How long a connection may take nothing of what is sent on it.
    pub stall_max: Duration,
}

impl Default for ServeSettings {
    fn default() -> Self {
        Self {
            connections_max: 4096,
            drain: Duration::from_secs(30),
            head_wait: HEAD_TIMEOUT,
            idle_max: IDLE_MAX,
            stall_max: STALL_MAX,
        }
    }
}

/// Where connections come in.
struct Door {
    listener: TcpListener,
    router: Router,
    certificate: Option<Certificate>,
    permits: Arc<Semaphore>,
    settings: ServeSettings,
}

/// What the connections of a listener have in common.
#[derive(Clone)]
struct Room {
    router: Router,
    certificate: Option<Certificate>,
    stay: Stay,
    settings: ServeSettings,
    ending: CancellationToken,
}

/// Which HTTP a connection speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Spoken {
    One,
    Two,
}

/// How long a connection may stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stay {
    /// For one request after the other.
    Lasting,
    /// For one request, since the process is about to end.
    Once,
}

/// Serves in the open; see `serve_as`.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    settings: ServeSettings,
    stop: impl Future<Output = ()>,
) -> io::Result<()> {
    serve_as(None, listener, router, settings, stop).await
}

/// Serves, behind TLS where there is a certificate to show, until `stop` ends and then until the connections open at that moment have had their answers.
///
/// Meanwhile the door stays open: a probe shall hear that this process is stopping, and what a balancer
/// still sends here before it has noticed shall not run into a closed port.
pub async fn serve_as(
    certificate: Option<Certificate>,
    listener: TcpListener,
    router: Router,
    settings: ServeSettings,
    stop: impl Future<Output = ()>,
) -> io::Result<()> {
    let permits = Arc::new(Semaphore::new(settings.connections_max));
    let door = Door { listener, router, certificate, permits, settings };
    let (open, late) = (Group::new(), Group::new());
    let ending = CancellationToken::new();
    door.accept(&open, Stay::Lasting, &ending, stop).await;
    ending.cancel();
    let end = Instant::now() + settings.drain;
    let closing = CancellationToken::new();
    let _ = timeout_at(end, door.accept(&late, Stay::Once, &closing, open.drained())).await;
    drop(door);
    closing.cancel();
    if timeout_at(end, async { tokio::join!(open.drained(), late.drained()) }).await.is_err() {
        let open = open.len() + late.len();
        tracing::warn!(open, "requests were still open when the time to drain was over");
    }
    Ok(())
}

impl Door {
    /// Takes connections into `group` until `until` ends.
    async fn accept(
        &self,
        group: &Group,
        stay: Stay,
        ending: &CancellationToken,
        until: impl Future<Output = ()>,
    ) {
        tokio::pin!(until);
        let room = Room {
            router: self.router.clone(),
            certificate: self.certificate.clone(),
            stay,
            settings: self.settings,
            ending: ending.clone(),
        };
        loop {
            // A place first: beyond the limit, connections wait in the kernel's queue.
            let permit = tokio::select! {
                () = &mut until => return,
                permit = self.permits.clone().acquire_owned() => permit,
            };
            let Ok(permit) = permit else { return };
            let accepted = tokio::select! {
                () = &mut until => return,
                accepted = self.listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, peer)) => {
                    let room = room.clone();
                    group.spawn(async move {
                        let _permit = permit;
                        room.welcome(stream, Peer(peer)).await;
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }
}

impl Room {
    /// Finds out what a connection speaks, and serves it.
    async fn welcome(self, stream: TcpStream, peer: Peer) {
        // Answers are small or streamed; waiting to fill a packet only adds latency.
        let _ = stream.set_nodelay(true);
        let ending = self.ending.clone();
        let left_alone = async {
            ending.cancelled().await;
            tokio::time::sleep(FIRST_REQUEST_WAIT).await;
        };
        match self.certificate.clone() {
            None => {
                let spoken = tokio::select! {
                    greeted = timeout(self.settings.head_wait, greeting(&stream)) => greeted,
                    () = left_alone => return,
                };
                let Ok(Some(spoken)) = spoken else { return };
                let stream = self.patient(stream);
                self.connection(stream, spoken, (peer, None)).await;
            }
            Some(certificate) => {
                let stream = self.patient(stream);
                let handshake = timeout(self.settings.head_wait, certificate.acceptor().accept(stream));
                let stream = tokio::select! {
                    shaken = handshake => shaken,
                    () = left_alone => return,
                };
                let Ok(Ok(mut stream)) = stream else {
                    tracing::debug!("no secure connection could be agreed on with a client");
                    return;
                };
                let is_two = stream.get_ref().1.alpn_protocol() == Some(HTTP_2);
                if is_two {
                    // The wait for a first word has no limit of its own in HTTP/2. Later on a client answers
                    // pings, so none that is there is ever silent for this long.
                    let silent_max = Some(self.settings.stall_max.max(PING_INTERVAL * 2));
                    stream.get_mut().0.as_mut().set_read_timeout_pinned(silent_max);
                }
                let shown = stream.get_ref().1.peer_certificates().and_then(<[_]>::first);
                let shown = shown.map(|certificate| Arc::new(ShownCertificate::of(certificate)));
                self.connection(stream, if is_two { Spoken::Two } else { Spoken::One }, (peer, shown)).await;
            }
        }
    }

    /// The same connection, which is given up where nothing is taken of what is sent.
    fn patient(&self, stream: TcpStream) -> Pin<Box<TimeoutStream<TcpStream>>> {
        let mut stream = TimeoutStream::new(stream);
        stream.set_write_timeout(Some(self.settings.stall_max));
        Box::pin(stream)
    }

    /// `certificate` is what the client has shown, and goes with each of its requests.
    async fn connection(
        self,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        spoken: Spoken,
        (peer, certificate): (Peer, Option<Arc<ShownCertificate>>),
    ) {
        let Self { router, stay, settings, ending, .. } = self;
        let builder = builder(spoken, stay, settings);
        let heard = CancellationToken::new();
        let hearing = heard.clone();
        let service = TowerToHyperService::new(router.map_request(move |request: Request<Incoming>| {
            hearing.cancel();
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(peer);
            if let Some(certificate) = &certificate {
                request.extensions_mut().insert(certificate.clone());
            }
            request
        }));
        let serving = builder.serve_connection(TokioIo::new(stream), service);
        tokio::pin!(serving);
        let told = async {
            ending.cancelled().await;
            // Who has only just connected is about to ask; a connection closed before that looks like a crash.
            let _ = timeout(FIRST_REQUEST_WAIT, heard.cancelled()).await;
        };
        let silent = async {
            // On HTTP/2 many connect before they have anything to ask, and answer pings meanwhile.
            if spoken == Spoken::Two || timeout(settings.head_wait, heard.cancelled()).await.is_ok() {
                std::future::pending::<()>().await;
            }
        };
        let ended = tokio::select! {
            ended = serving.as_mut() => ended,
            () = silent => return,
            () = told => {
                serving.as_mut().graceful_shutdown();
                serving.await
            }
        };
        if let Err(error) = ended {
            tracing::debug!(%error, "a connection ended early");
        }
    }
}

fn builder(spoken: Spoken, stay: Stay, settings: ServeSettings) -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(settings.idle_max)
        .max_buf_size(HEAD_BYTES_MAX)
        .keep_alive(stay == Stay::Lasting);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS_MAX)
        .keep_alive_interval(PING_INTERVAL)
        .max_header_list_size(HEAD_BYTES_MAX as u32);
    match spoken {
        Spoken::One => builder.http1_only(),
        Spoken::Two => builder.http2_only(),
    }
}

/// Waits until the client has said which protocol it speaks; none when it has left. What serves the
/// connection then reads the same bytes again, and would wait for them without end.
async fn greeting(stream: &TcpStream) -> Option<Spoken> {
    let mut seen = [0; PREFACE.len()];
    loop {
        let Ok(length @ 1..) = stream.peek(&mut seen).await else { return None };
        if !seen.iter().take(length).eq(PREFACE.iter().take(length)) {
            return Some(Spoken::One);
        }
        if length == PREFACE.len() {
            return Some(Spoken::Two);
        }
        tokio::time::sleep(GREETING_GLANCE).await;
    }
}
