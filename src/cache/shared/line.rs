//! Connections to the shared memory. They are made behind the requests, and whoever finds none goes without. One
//! question at a time goes over each, so that whatever went wrong ends with its connection; and a connection takes in no
//! more than its question allows, whatever the other end sends.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Cmd, FromRedisValue, RedisConnectionInfo};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use secrecy::ExposeSecret;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_rustls::TlsConnector;

use super::health::Health;
use super::{SharedError, SharedSettings, SharedTls};
use crate::task::Group;

/// How long making a connection may take, with its handshakes.
const CONNECT_MAX: Duration = Duration::from_secs(2);

/// What the other end may send while a connection is made.
const GREETING_BYTES_MAX: usize = 16 << 10;

/// Why there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LineError {
    /// It answered with an error of its own.
    Refused,
    /// It said something that is no answer, or nothing any more.
    Broken,
}

/// All connections.
#[derive(Debug, Clone)]
pub(super) struct Lines(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    idle: Mutex<Vec<Line>>,
    /// As many permits as lines are idle.
    ready: Semaphore,
    /// Lines that stand, idle or not; one that goes takes itself off.
    standing: Arc<AtomicUsize>,
    is_dialling: AtomicBool,
    dialling: Group,
    dial: Dial,
    connections_max: usize,
    health: Arc<Health>,
}

/// What a connection is made of.
#[derive(Clone)]
struct Dial {
    host: String,
    port: u16,
    tls: Option<(TlsConnector, ServerName<'static>)>,
    login: RedisConnectionInfo,
}

impl std::fmt::Debug for Dial {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Dial").field("host", &self.host).field("port", &self.port).finish_non_exhaustive()
    }
}

/// One connection.
pub(super) struct Line {
    asks: MultiplexedConnection,
    /// Moves the bytes, while somebody waits for them.
    driver: BoxFuture<'static, ()>,
    /// Bytes that the other end may send still.
    allowed: Arc<AtomicUsize>,
    standing: Arc<AtomicUsize>,
}

impl std::fmt::Debug for Line {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Line(..)")
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.standing.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Line {
    pub async fn ask<T: FromRedisValue>(&mut self, ask: &Cmd, bytes_max: usize) -> Result<T, LineError> {
        self.allowed.store(bytes_max, Ordering::Relaxed);
        let Self { asks, driver, .. } = self;
        tokio::select! {
            biased;
            () = driver => Err(LineError::Broken),
            answered = ask.query_async(asks) => answered.map_err(|error| match error.kind() {
                redis::ErrorKind::Server(_) => LineError::Refused,
                _ => LineError::Broken,
            }),
        }
    }
}

impl Lines {
    pub fn start(settings: &SharedSettings, health: Arc<Health>) -> Result<Self, SharedError> {
        let mut login = RedisConnectionInfo::default().set_db(i64::from(settings.db)).set_skip_set_lib_name();
        if let Some(user) = &settings.user {
            login = login.set_username(user);
        }
        if let Some(password) = &settings.password {
            login = login.set_password(password.expose_secret());
        }
        let tls = settings.tls.as_ref().map(|tls| connector(tls, &settings.host)).transpose()?;
        let dial = Dial { host: settings.host.clone(), port: settings.port, tls, login };
        let lines = Self(Arc::new(Inner {
            idle: Mutex::default(),
            ready: Semaphore::new(0),
            standing: Arc::default(),
            is_dialling: AtomicBool::new(false),
            dialling: Group::new(),
            dial,
            connections_max: settings.connections_max,
            health,
        }));
        lines.dial();
        Ok(lines)
    }

    /// A connection that stands ready, or does by then. Where none stands at all nobody waits for one.
    pub async fn take(&self, until: Instant) -> Option<Line> {
        let inner = &self.0;
        if inner.ready.available_permits() == 0 {
            self.dial();
            if inner.standing.load(Ordering::Acquire) == 0 {
                return None;
            }
        }
        let ready = timeout_at(until, inner.ready.acquire()).await.ok()?.ok()?;
        ready.forget();
        self.idle().pop()
    }

    pub fn give_back(&self, line: Line) {
        self.idle().push(line);
        self.0.ready.add_permits(1);
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Line>> {
        self.0.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes one more connection in the background: one at a time, up to their number.
    fn dial(&self) {
        let inner = &self.0;
        let is_full = inner.standing.load(Ordering::Acquire) >= inner.connections_max;
        if is_full || inner.health.is_paused() || inner.is_dialling.swap(true, Ordering::AcqRel) {
            return;
        }
        let weak = Arc::downgrade(inner);
        let dial = inner.dial.clone();
        let standing = inner.standing.clone();
        inner.dialling.spawn(async move {
            let made = timeout(CONNECT_MAX, dial.connect(standing)).await.ok().flatten();
            let Some(inner) = weak.upgrade() else { return };
            match made {
                Some(line) => Self(inner.clone()).give_back(line),
                None => inner.health.fail(),
            }
            inner.is_dialling.store(false, Ordering::Release);
        });
    }
}

impl Dial {
    async fn connect(&self, standing: Arc<AtomicUsize>) -> Option<Line> {
        let plain = TcpStream::connect((self.host.as_str(), self.port)).await.ok()?;
        // A question is one packet, and waits for none to follow.
        let _ = plain.set_nodelay(true);
        let stream: Box<dyn Wire> = match &self.tls {
            None => Box::new(plain),
            Some((connector, name)) => Box::new(connector.connect(name.clone(), plain).await.ok()?),
        };
        let allowed = Arc::new(AtomicUsize::new(GREETING_BYTES_MAX));
        let stream = Bounded { stream, allowed: allowed.clone() };
        // Whoever asks has a deadline of their own.
        let config = AsyncConnectionConfig::new().set_connection_timeout(None).set_response_timeout(None);
        let made = MultiplexedConnection::new_with_config(&self.login, stream, config).await;
        let (asks, driver) = made.ok()?;
        standing.fetch_add(1, Ordering::AcqRel);
        Some(Line { asks, driver: driver.boxed(), allowed, standing })
    }
}

fn connector(tls: &SharedTls, host: &str) -> Result<(TlsConnector, ServerName<'static>), SharedError> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let unusable = |why: String| SharedError::Certificates(why);
    for certificate in CertificateDer::pem_slice_iter(tls.ca_pem.as_deref().unwrap_or_default()) {
        let certificate = certificate.map_err(|error| unusable(error.to_string()))?;
        roots.add(certificate).map_err(|error| unusable(error.to_string()))?;
    }
    if roots.is_empty() {
        return Err(SharedError::NothingTrusted);
    }
    let provider = rustls::crypto::ring::default_provider();
    let config = ClientConfig::builder_with_provider(provider.into())
        .with_safe_default_protocol_versions()
        .map_err(|error| unusable(error.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from(host.to_owned()).map_err(|error| unusable(error.to_string()))?;
    Ok((TlsConnector::from(Arc::new(config)), name))
}

trait Wire: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Wire for S {}

/// Ends when more comes than was allowed.
struct Bounded {
    stream: Box<dyn Wire>,
    allowed: Arc<AtomicUsize>,
}

impl AsyncRead for Bounded {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        let before = into.filled().len();
        std::task::ready!(Pin::new(&mut self.stream).poll_read(cx, into))?;
        let came = into.filled().len() - before;
        let allowed = self.allowed.load(Ordering::Relaxed);
        self.allowed.store(allowed.saturating_sub(came), Ordering::Relaxed);
        if came > allowed {
            return Poll::Ready(Err(std::io::Error::other("more came than was asked for")));
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Bounded {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
