//! The OTLP/HTTP edge of one embedded region: `POST /v1/traces`, in protobuf and JSON, so that anyone
//! can send their own spans to the demo.
//!
//! <https://opentelemetry.io/docs/specs/otlp/#otlphttp>. It stands apart from the query API: its own
//! port for each region, its own router, and answers in the form exporters expect. What a request
//! means is decided in `wire::export`; where spans are kept, in `backend::memory`.

mod body;
mod origin;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use bytes::Bytes;
use http::header::{ALLOW, CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, RETRY_AFTER};
use http::{HeaderValue, Method, StatusCode, Uri};
use tokio::sync::Semaphore;

use self::body::{BodyFault, Compression};
use crate::backend::memory::{IngestError, Ingested, MemoryBackend};
use crate::task;
use crate::wire::export::answer::{self, Code};
use crate::wire::export::{Encoding, protobuf_of_json};

/// Largest body of one request, as sent and decompressed. Exporters send 512 spans at a time by
/// default, well under one MiB.
pub const BODY_BYTES_MAX: usize = 16 << 20;

/// Requests that are read and taken in at one time. JSON takes about ten times its size while it is
/// read, so this bounds the edge of one region at some 700 MB in the worst case.
pub const CONCURRENT_MAX: usize = 4;

/// How long a sender may take over its body.
pub const BODY_WAIT_MAX: Duration = Duration::from_secs(30);

/// What an exporter waits at least before it sends a batch again that found no room.
const RETRY_AFTER_SECONDS: u32 = 1;

const PATH: &str = "/v1/traces";

#[derive(Debug, Clone)]
struct Edge {
    region: Arc<MemoryBackend>,
    permits: Arc<Semaphore>,
}

/// The routes of one region's OTLP port.
pub fn router(region: Arc<MemoryBackend>) -> Router {
    let edge = Edge { region, permits: Arc::new(Semaphore::new(CONCURRENT_MAX)) };
    Router::new()
        .route(PATH, post(export).options(origin::preflight).fallback(method_not_allowed))
        .fallback(not_found)
        .with_state(edge)
        // Outside of the routes, so that a page can read a refusal too.
        .layer(middleware::from_fn(origin::guard))
}

async fn export(State(edge): State<Edge>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let forms = encoding(&parts.headers).and_then(|encoding| Ok((encoding, compression(&parts.headers)?)));
    let (encoding, compression) = match forms {
        Ok(forms) => forms,
        Err(line) => return plain(StatusCode::UNSUPPORTED_MEDIA_TYPE, line),
    };
    // Refused rather than queued: an exporter has a queue of its own, with a limit.
    let Ok(permit) = edge.permits.clone().try_acquire_owned() else {
        return Refusal::Busy.answer(encoding);
    };
    let read = tokio::time::timeout(BODY_WAIT_MAX, body::read(body, BODY_BYTES_MAX)).await;
    let bytes = match read {
        Ok(Ok(bytes)) => bytes,
        Ok(Err(fault)) => return Refusal::Body(fault).answer(encoding),
        Err(_) => return Refusal::Slow.answer(encoding),
    };
    let region = edge.region.clone();
    let work = move || {
        // Let go when the work is done, which is later than now if the sender leaves.
        let _permit = permit;
        take(&region, bytes, compression, encoding)
    };
    // Some megabytes of JSON take longer than a thread that serves requests may be held.
    match task::blocking(work).await {
        Ok(Ok(ingested)) => taken(encoding, &ingested),
        Ok(Err(refusal)) => refusal.answer(encoding),
        Err(lost) => Refusal::Lost(lost).answer(encoding),
    }
}

/// Unpacks, translates and keeps. Long and without an await.
fn take(
    region: &MemoryBackend,
    body: Bytes,
    compression: Compression,
    encoding: Encoding,
) -> Result<Ingested, Refusal> {
    let body = body::unpack(body, compression, BODY_BYTES_MAX).map_err(Refusal::Body)?;
    let export = match encoding {
        Encoding::Protobuf => body,
        Encoding::Json => {
            let export = protobuf_of_json(&body).map_err(|fault| Refusal::Malformed(fault.to_string()))?;
            Bytes::from(export)
        }
    };
    region.ingest(export).map_err(Refusal::Region)
}

fn encoding(headers: &HeaderMap) -> Result<Encoding, &'static str> {
    let given = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let media_type = given.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    match media_type.as_str() {
        "application/x-protobuf" => Ok(Encoding::Protobuf),
        "application/json" => Ok(Encoding::Json),
        _ => Err("send OTLP as `content-type: application/x-protobuf` or `application/json`"),
    }
}

fn compression(headers: &HeaderMap) -> Result<Compression, &'static str> {
    let given = headers.get(CONTENT_ENCODING).map(|value| value.to_str().unwrap_or("?")).unwrap_or_default();
    match given.trim().to_ascii_lowercase().as_str() {
        "" | "identity" => Ok(Compression::None),
        "gzip" => Ok(Compression::Gzip),
        _ => Err("send the body as it is, or with `content-encoding: gzip`"),
    }
}

/// Why nothing was taken.
#[derive(Debug, thiserror::Error)]
enum Refusal {
    #[error(transparent)]
    Body(BodyFault),
    #[error("{0}")]
    Malformed(String),
    #[error(transparent)]
    Region(IngestError),
    #[error("the body did not arrive within {} s", BODY_WAIT_MAX.as_secs())]
    Slow,
    #[error("{CONCURRENT_MAX} requests are already being taken in, send this one again")]
    Busy,
    #[error(transparent)]
    Lost(task::blocking::Lost),
}

impl Refusal {
    fn answer(&self, encoding: Encoding) -> Response {
        let (status, code) = self.codes();
        let body = answer::refused(encoding, code, &self.to_string());
        let mut response = respond(status, encoding, body);
        if status == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(RETRY_AFTER_SECONDS));
        }
        response
    }

    /// Of these, exporters send only a 503 again.
    fn codes(&self) -> (StatusCode, Code) {
        match self {
            Self::Body(BodyFault::TooLarge(_)) | Self::Region(IngestError::TooLarge { .. }) => {
                (StatusCode::PAYLOAD_TOO_LARGE, Code::ResourceExhausted)
            }
            Self::Body(BodyFault::CutOff | BodyFault::NotGzip)
            | Self::Malformed(_)
            | Self::Region(IngestError::Malformed(_)) => (StatusCode::BAD_REQUEST, Code::InvalidArgument),
            Self::Slow => (StatusCode::REQUEST_TIMEOUT, Code::DeadlineExceeded),
            Self::Busy => (StatusCode::SERVICE_UNAVAILABLE, Code::Unavailable),
            Self::Lost(_) => (StatusCode::INTERNAL_SERVER_ERROR, Code::Internal),
        }
    }
}

fn taken(encoding: Encoding, ingested: &Ingested) -> Response {
    let body = match ingested.rejected.reason() {
        None => answer::taken(encoding),
        Some(reason) => answer::partly_taken(encoding, ingested.rejected.total(), &reason),
    };
    respond(StatusCode::OK, encoding, body)
}

async fn method_not_allowed(method: Method) -> Response {
    let line = format!("`{method}` is not for this address: send traces with `POST {PATH}`");
    let mut response = plain(StatusCode::METHOD_NOT_ALLOWED, &line);
    response.headers_mut().insert(ALLOW, HeaderValue::from_static("POST, OPTIONS"));
    response
}

async fn not_found(uri: Uri) -> Response {
    let why = match uri.path() {
        "/v1/metrics" | "/v1/logs" => "this region keeps only traces",
        _ => "this is the OTLP/HTTP port of a region",
    };
    plain(StatusCode::NOT_FOUND, &format!("{why}: send traces with `POST {PATH}`"))
}

fn respond(status: StatusCode, encoding: Encoding, body: Vec<u8>) -> Response {
    (status, [(CONTENT_TYPE, encoding.content_type())], body).into_response()
}

fn plain(status: StatusCode, line: &str) -> Response {
    (status, format!("{line}\n")).into_response()
}

#[cfg(test)]
mod tests;
