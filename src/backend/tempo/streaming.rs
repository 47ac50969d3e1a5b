//! Tempo's streaming API, asked: calls of gRPC on the port of the url.
//!
//! A call costs nothing to take back: the region learns of it at once, and the connection stays. What is asked and
//! what it means is not known here, nor what to do where a region has no such API; see `streamed` for that.

use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use http::{HeaderValue, StatusCode, header};
use reqwest::{Client, Url};
use tokio::time::Instant;
use tonic::{Code, Status};

use super::connect::{self, is_on_this_machine};
use super::frames::{End, Frames, bare, framed};
use super::transport;
use crate::backend::asked::context;
use crate::backend::deadline::within;
use crate::backend::settings::{Streaming, TempoSettings};
use crate::backend::{BuildError, Fault, fault};
use crate::model::RegionStatus;
use crate::task::Deadline;
use crate::wire::questions::SearchRequest;

const SERVICE: &str = "/tempopb.StreamingQuerier/";

const GRPC: &str = "application/grpc";
const ENCODING: &str = "grpc-encoding";

/// A region that is there answers a wrong question at once; longer, and there is something in between.
const PROBE_WAIT: Duration = Duration::from_secs(1);

/// Tempo's words where a tenant is missing, which it gives no code of its own.
const SAYS_NO_TENANT: &str = "no org id";

/// The streaming API of one region, as far as it is known.
#[derive(Debug)]
pub(super) struct StreamingApi {
    client: Option<Client>,
    origin: Url,
    wanted: Streaming,
    known: Known,
    message_bytes_max: u64,
}

/// What a probe found.
#[derive(Debug, Default)]
struct Known(AtomicU8);

impl Known {
    const NOTHING: u8 = 0;
    const STREAMS: u8 = 1;
    const HAS_NONE: u8 = 2;

    fn is(&self, what: u8) -> bool {
        self.0.load(Ordering::Relaxed) == what
    }

    fn set(&self, what: u8) {
        self.0.store(what, Ordering::Relaxed);
    }
}

/// Why a call gave no whole answer.
#[derive(Debug)]
pub(super) enum Unanswered {
    /// There is no such API behind this url.
    NoSuchApi,
    Fault(Fault),
}

impl From<Fault> for Unanswered {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl StreamingApi {
    /// `origin` is where the API lies: below no path, whatever the url of the region has.
    pub(super) fn new(settings: &TempoSettings, base: &Url, body_bytes_max: u64) -> Result<Self, BuildError> {
        let wanted = match settings.streaming {
            // What answers there may be another region, behind another path of the same proxy.
            Streaming::Auto if base.path() != "/" => Streaming::Never,
            wanted => wanted,
        };
        let is_wanted = wanted != Streaming::Never;
        let client = is_wanted.then(|| connect::streaming_client(settings)).transpose()?;
        let mut origin = base.clone();
        origin.set_path("/");
        Ok(Self { client, origin, wanted, known: Known::default(), message_bytes_max: body_bytes_max })
    }

    /// Whether a question goes this way.
    pub(super) fn is_used(&self) -> bool {
        match self.wanted {
            Streaming::Always => true,
            Streaming::Auto => self.known.is(Known::STREAMS),
            Streaming::Never => false,
        }
    }

    /// Whether a question may go the other way, where this one turns out to be none.
    pub(super) fn may_be_left(&self) -> bool {
        self.wanted == Streaming::Auto
    }

    /// It is none after all. For good: until the region went away and came back.
    pub(super) fn has_none(&self) {
        if !self.known.is(Known::HAS_NONE) {
            tracing::debug!(region = %self.origin, "a region is asked without its streaming API");
        }
        self.known.set(Known::HAS_NONE);
    }

    /// The region went away, or is another version now.
    pub(super) fn forget(&self) {
        self.known.set(Known::NOTHING);
    }

    /// Looks whether the region has it, within a part of the time that is left, and keeps its connection warm. What
    /// is asked is wrong in any case: a region that streams says so before it looks at any trace.
    pub(super) async fn learn(&self, deadline: Deadline) {
        if self.wanted != Streaming::Auto || self.known.is(Known::HAS_NONE) {
            return;
        }
        let wait = PROBE_WAIT.min(deadline.remaining() / 2);
        let wrong = SearchRequest { query: "{ }".to_owned(), start: 2, end: 1, ..SearchRequest::default() };
        let call = async {
            let called = self.call("Search", &wrong.write(), |_| Ok(())).await;
            Ok(!matches!(called, Err(Unanswered::NoSuchApi)) && !broke(&called))
        };
        match within(Deadline::starting_now(wait), call).await {
            Ok(true) => self.known.set(Known::STREAMS),
            _ => self.has_none(),
        }
    }

    /// Puts a question, and hands on each message as it comes. Gives the time until the first.
    pub(super) async fn call(
        &self,
        method: &str,
        question: &[u8],
        mut take: impl FnMut(&[u8]) -> Result<(), Fault>,
    ) -> Result<Option<Duration>, Unanswered> {
        let began = Instant::now();
        let Some(mut frames) = self.open(method, question).await? else { return Ok(None) };
        let mut first = None;
        loop {
            match frames.next().await {
                Ok(message) => {
                    first.get_or_insert_with(|| began.elapsed());
                    take(&message)?;
                }
                Err(End::Well) => return Ok(first),
                Err(End::Fault(fault)) => return Err(fault.into()),
                Err(End::Status(status)) => return Err(ended(&status)),
            }
        }
    }

    /// `None` where all was said with the headers.
    async fn open(&self, method: &str, question: &[u8]) -> Result<Option<Frames>, Unanswered> {
        let Some(client) = &self.client else { return Err(Unanswered::NoSuchApi) };
        let mut url = self.origin.clone();
        url.set_path(&format!("{SERVICE}{method}"));
        let is_near = url.host_str().is_some_and(is_on_this_machine);
        let mut request = client
            .post(url)
            .header(header::CONTENT_TYPE, HeaderValue::from_static(GRPC))
            .header(header::TE, HeaderValue::from_static("trailers"))
            .headers(context());
        if is_near {
            request = request.body(bare(question));
        } else {
            // Tempo compresses for whoever does so itself.
            let gzip = HeaderValue::from_static("gzip");
            request = request.header(ENCODING, gzip.clone()).header("grpc-accept-encoding", gzip);
            request = request.body(framed(question));
        }
        let response = request.send().await.map_err(|error| self.unsent(error.without_url()))?;
        let response = http::Response::<reqwest::Body>::from(response);
        let (parts, body) = response.into_parts();
        let kind = parts.headers.get(header::CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
        if parts.status != StatusCode::OK || !kind.starts_with(GRPC.as_bytes()) {
            return Err(of_http(parts.status));
        }
        if let Some(status) = Status::from_header_map(&parts.headers) {
            // An answer without a message has its status where others begin.
            return if status.code() == Code::Ok { Ok(None) } else { Err(ended(&status)) };
        }
        if !matches!(
            parts.headers.get(ENCODING).map(HeaderValue::as_bytes),
            None | Some(b"identity" | b"gzip")
        ) {
            return Err(fault::bad_encoding().into());
        }
        Ok(Some(Frames::new(body, self.message_bytes_max)))
    }

    /// No headers came. Whoever asks again asks the other way: what broke may be what speaks no HTTP/2 any more.
    fn unsent(&self, error: reqwest::Error) -> Unanswered {
        if self.may_be_left() {
            self.forget();
        }
        Unanswered::Fault(transport::before_answer(error))
    }
}

/// What a status other than that all is well says, in the words that HTTP has for it.
fn ended(status: &Status) -> Unanswered {
    let line = status.message();
    let http = match status.code() {
        Code::Unimplemented => return Unanswered::NoSuchApi,
        Code::Unknown if line == SAYS_NO_TENANT => StatusCode::UNAUTHORIZED,
        Code::InvalidArgument => StatusCode::BAD_REQUEST,
        Code::Unauthenticated => StatusCode::UNAUTHORIZED,
        Code::PermissionDenied => StatusCode::FORBIDDEN,
        Code::NotFound => StatusCode::NOT_FOUND,
        Code::ResourceExhausted => StatusCode::TOO_MANY_REQUESTS,
        Code::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        Code::DeadlineExceeded => StatusCode::GATEWAY_TIMEOUT,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    };
    tracing::debug!(code = ?status.code(), "a region ended a stream");
    super::query::refused_with(http, line.as_bytes()).into()
}

/// Whether a probe says nothing at all of what is there.
fn broke(called: &Result<Option<Duration>, Unanswered>) -> bool {
    let is_silent = |fault: &Fault| {
        fault.http_status.is_none() || matches!(fault.status, RegionStatus::CutOff | RegionStatus::Malformed)
    };
    matches!(called, Err(Unanswered::Fault(fault)) if is_silent(fault))
}

/// Something answered that speaks no gRPC.
fn of_http(status: StatusCode) -> Unanswered {
    match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::TOO_MANY_REQUESTS => {
            fault::of_query_status(status, b"").into()
        }
        // What a proxy says while what is behind it is away.
        StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT => {
            fault::of_query_status(status, b"").into()
        }
        _ => Unanswered::NoSuchApi,
    }
}
