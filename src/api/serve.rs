//! The listener: HTTP/1.1 and HTTP/2 (prior knowledge) on one port, with limits, and an end that lets
//! requests in flight finish.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::task::Group;

/// Time a client has to send its request's head; a slower one is holding a connection, not asking.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);

/// Bytes of a request's head. Ids, parameters and a 128 KiB query fit twice.
const HEAD_BYTES_MAX: usize = 512 << 10;

/// Requests that one HTTP/2 connection may have open.
const STREAMS_MAX: u32 = 256;

/// Window of one HTTP/2 stream for what clients send: nothing but heads.
const PING_INTERVAL: Duration = Duration::from_secs(20);

/// The wait after a failed accept (too many open files, say) before the next.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// How a listener is bounded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServeSettings {
    pub connections_max: usize,
    /// How long requests in flight may go on once the end has come.
    pub drain: Duration,
}

impl Default for ServeSettings {
    fn default() -> Self {
        Self { connections_max: 4096, drain: Duration::from_secs(30) }
    }
}

/// Serves until `stop` ends, then takes no more connections and waits for those that are open.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    settings: ServeSettings,
    stop: impl Future<Output = ()>,
) -> io::Result<()> {
    let connections = Group::new();
    let permits = Arc::new(Semaphore::new(settings.connections_max));
    let draining = tokio_util::sync::CancellationToken::new();
    tokio::pin!(stop);
    loop {
        // A place first: beyond the limit, connections wait in the kernel's queue.
        let permit = tokio::select! {
            () = &mut stop => break,
            permit = permits.clone().acquire_owned() => permit,
        };
        let Ok(permit) = permit else { break };
        let accepted = tokio::select! {
            () = &mut stop => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, _)) => {
                let (router, draining) = (router.clone(), draining.clone());
                connections.spawn(async move {
                    let _permit = permit;
                    connection(stream, router, draining).await;
                });
            }
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(listener);
    draining.cancel();
    if timeout(settings.drain, connections.drained()).await.is_err() {
        tracing::warn!(open = connections.len(), "requests were still open when the time to drain was over");
    }
    Ok(())
}

async fn connection(stream: TcpStream, router: Router, draining: tokio_util::sync::CancellationToken) {
    // Answers are small or streamed; waiting to fill a packet only adds latency.
    let _ = stream.set_nodelay(true);
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT).max_buf_size(HEAD_BYTES_MAX);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS_MAX)
        .keep_alive_interval(PING_INTERVAL)
        .max_header_list_size(HEAD_BYTES_MAX as u32);
    let service = TowerToHyperService::new(router);
    let serving = builder.serve_connection(TokioIo::new(stream), service);
    tokio::pin!(serving);
    let ended = tokio::select! {
        ended = serving.as_mut() => ended,
        () = draining.cancelled() => {
            serving.as_mut().graceful_shutdown();
            serving.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended early");
    }
}
