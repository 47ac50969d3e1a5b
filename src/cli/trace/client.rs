//! Asks a gateway for one trace, as a stream of events, and says plainly why there is no answer.
//!
//! Knows the gateway's address, path and events; what the documents say is for others. Everything that
//! is read has a limit, and everything that is waited for has one too.

use std::collections::VecDeque;
use std::time::Duration;

use reqwest::header::{ACCEPT, CONTENT_TYPE};
use reqwest::{Response, StatusCode, Url, redirect};

use super::document::{Begin, Refused, RegionReport};
use super::sse::{SseEvent, SseParser, TooLong};
use super::text::clean;
use crate::model::{Mode, TraceId};

/// A trace of 100,000 spans is about 100 MB of JSON; this leaves room for fat ones.
const EVENT_BYTES_MAX: usize = 512 << 20;
/// The largest answer and the events before it.
const STREAM_BYTES_MAX: usize = EVENT_BYTES_MAX + (16 << 20);
/// An error is one line; a page of a proxy is cut.
const ERROR_BYTES_MAX: usize = 4 << 10;
const CONNECT_MAX: Duration = Duration::from_secs(5);
/// Four times the deadline that a gateway has by default, for slow lines and large traces.
const ANSWER_MAX: Duration = Duration::from_secs(100);

#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    #[error("`{0}` is no server; write it as http://127.0.0.1:3200")]
    BadServer(String),
    #[error("no HTTP client can be made here: {0}")]
    NoClient(String),
    #[error("cannot reach {server}: {cause}; start a gateway with `tutti demo`, or name one with --server")]
    NotReachable { server: String, cause: String },
    #[error("{server} answered {status}{}; {}", said(.text), next_step(*.status))]
    Status { server: String, status: u16, text: String },
    #[error("{server} does not answer as a Tutti gateway ({what}); name one with --server")]
    NotTutti { server: String, what: String },
    #[error("the answer of {server} ended before it was whole: {cause}; ask again")]
    CutOff { server: String, cause: String },
    #[error("{server} gave no whole answer within {} s; ask again, or look at its log", ANSWER_MAX.as_secs())]
    TooSlow { server: String },
    #[error("the answer of {server} is larger than {} MB; narrow it with --start and --end", EVENT_BYTES_MAX >> 20)]
    TooLarge { server: String },
}

fn said(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!(": {text}") }
}

fn next_step(status: u16) -> &'static str {
    match status {
        400 => "correct the request (`tutti trace --help`)",
        401 | 403 => "ask its operator for access",
        429 => "wait a little and ask again",
        _ => "ask again, or look at its log",
    }
}

/// What is asked.
#[derive(Debug, Clone)]
pub struct Ask {
    pub id: TraceId,
    pub mode: Option<Mode>,
    pub start: Option<i64>,
    pub end: Option<i64>,
    pub adjust_skew: bool,
}

/// What a gateway says on the way to its answer. The last two hold its JSON as it came.
#[derive(Debug)]
pub enum Event {
    Begin(Begin),
    Region(Box<RegionReport>),
    Answer(String),
    Refused(String, Refused),
}

/// One gateway.
#[derive(Debug)]
pub struct Client {
    http: reqwest::Client,
    server: Url,
    /// The address as it may be printed: without a password.
    shown: String,
}

impl Client {
    pub fn new(server: &str) -> Result<Self, ClientError> {
        let url = Url::parse(server).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
        let url = url.filter(|url| url.host_str().is_some() && url.query().is_none());
        // What stands before an `@` may be a password.
        let without_user = server.rsplit('@').next().unwrap_or_default();
        let Some(url) = url else { return Err(ClientError::BadServer(clean(without_user))) };
        // The provider of another part of this process is as good as ours.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("tutti/", env!("CARGO_PKG_VERSION")))
            .redirect(redirect::Policy::none())
            .connect_timeout(CONNECT_MAX)
            .timeout(ANSWER_MAX);
        if url.scheme() == "http" {
            // Plain HTTP works where no certificates are installed, in the smallest of containers.
            builder = builder.tls_certs_only([]);
        }
        if is_loopback(&url) {
            builder = builder.no_proxy();
        }
        let http = builder.build().map_err(|error| ClientError::NoClient(cause(&error)))?;
        let mut shown = url.clone();
        // These fail for addresses that have no user, which then is not shown either.
        let _ = shown.set_username("");
        let _ = shown.set_password(None);
        Ok(Self { http, shown: clean(shown.as_str().trim_end_matches('/')), server: url })
    }

    /// Sends the request; the answer is a stream of events or an error of its own.
    pub async fn open(&self, ask: &Ask) -> Result<Events, ClientError> {
        let base = self.server.as_str().trim_end_matches('/');
        let mut request = self.http.get(format!("{base}/api/tutti/v1/traces/{}/stream", ask.id));
        request = request.header(ACCEPT, "text/event-stream");
        if let Some(mode) = ask.mode {
            request = request.header("Tutti-Mode", mode.as_str());
        }
        let mut query: Vec<(&str, String)> = Vec::new();
        query.extend(ask.start.map(|start| ("start", start.to_string())));
        query.extend(ask.end.map(|end| ("end", end.to_string())));
        query.extend(ask.adjust_skew.then(|| ("adjust", "skew".to_owned())));
        let mut request = request.build().map_err(|error| self.unreachable(&error))?;
        if !query.is_empty() {
            request.url_mut().query_pairs_mut().extend_pairs(query);
        }
        let response = self.http.execute(request).await.map_err(|error| {
            let too_slow = error.is_timeout() && !error.is_connect();
            if too_slow {
                ClientError::TooSlow { server: self.shown.clone() }
            } else {
                self.unreachable(&error)
            }
        })?;
        self.check(response).await
    }

    fn unreachable(&self, error: &reqwest::Error) -> ClientError {
        ClientError::NotReachable { server: self.shown.clone(), cause: cause(error) }
    }

    async fn check(&self, mut response: Response) -> Result<Events, ClientError> {
        let server = self.shown.clone();
        let status = response.status();
        let kind =
            response.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        if status == StatusCode::NOT_FOUND || status.is_redirection() || status.is_informational() {
            return Err(ClientError::NotTutti { server, what: format!("HTTP {}", status.as_u16()) });
        }
        if status.is_success() && !kind.starts_with("text/event-stream") {
            let what = if kind.is_empty() { "no content type".to_owned() } else { clean(kind) };
            return Err(ClientError::NotTutti { server, what });
        }
        if !status.is_success() {
            let text = first_line(&mut response).await;
            return Err(ClientError::Status { server, status: status.as_u16(), text });
        }
        Ok(Events {
            response,
            server,
            parser: SseParser::new(EVENT_BYTES_MAX),
            parsed: Vec::new(),
            waiting: VecDeque::new(),
            bytes: 0,
        })
    }
}

fn is_loopback(url: &Url) -> bool {
    url.host_str().is_some_and(|host| {
        let address = host.trim_start_matches('[').trim_end_matches(']').parse::<std::net::IpAddr>();
        host == "localhost" || address.is_ok_and(|address| address.is_loopback())
    })
}

/// The innermost cause: the outer ones only say that a request failed.
fn cause(error: &reqwest::Error) -> String {
    let mut innermost: &dyn std::error::Error = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    clean(&innermost.to_string())
}

/// The first line of an error, whatever else is sent.
async fn first_line(response: &mut Response) -> String {
    let mut body = Vec::new();
    while let Ok(Some(piece)) = response.chunk().await {
        body.extend_from_slice(
            piece.get(..piece.len().min(ERROR_BYTES_MAX - body.len())).unwrap_or_default(),
        );
        if body.len() >= ERROR_BYTES_MAX {
            break;
        }
    }
    let text = String::from_utf8_lossy(&body);
    clean(text.trim_start().lines().next().unwrap_or_default().trim_end())
}

/// The events of one answer.
#[derive(Debug)]
pub struct Events {
    response: Response,
    server: String,
    parser: SseParser,
    parsed: Vec<SseEvent>,
    waiting: VecDeque<SseEvent>,
    bytes: usize,
}

impl Events {
    /// The next event that means something. May be dropped and called again: nothing is lost. A stream
    /// that ends before an answer is a fault.
    pub async fn next(&mut self) -> Result<Event, ClientError> {
        loop {
            while let Some(event) = self.waiting.pop_front() {
                if let Some(event) = self.read(event)? {
                    return Ok(event);
                }
            }
            let Some(piece) = self.response.chunk().await.map_err(|error| self.broken(&error))? else {
                let cause = "the connection was closed".to_owned();
                return Err(ClientError::CutOff { server: self.server.clone(), cause });
            };
            self.bytes += piece.len();
            let fed = self.parser.push(&piece, &mut self.parsed);
            if self.bytes > STREAM_BYTES_MAX || matches!(fed, Err(TooLong(_))) {
                return Err(ClientError::TooLarge { server: self.server.clone() });
            }
            self.waiting.extend(self.parsed.drain(..));
        }
    }

    fn broken(&self, error: &reqwest::Error) -> ClientError {
        let server = self.server.clone();
        if error.is_timeout() {
            ClientError::TooSlow { server }
        } else {
            ClientError::CutOff { server, cause: cause(error) }
        }
    }

    /// An event of a name we do not know is from a newer gateway and does not matter to us.
    fn read(&self, SseEvent { name, data }: SseEvent) -> Result<Option<Event>, ClientError> {
        let malformed = |error: serde_json::Error| self.malformed(&name, &error);
        Ok(Some(match name.as_str() {
            "begin" => Event::Begin(serde_json::from_str(&data).map_err(malformed)?),
            "region" => Event::Region(Box::new(serde_json::from_str(&data).map_err(malformed)?)),
            "answer" => Event::Answer(data),
            "refused" => {
                let refused = serde_json::from_str(&data).map_err(malformed)?;
                Event::Refused(data, refused)
            }
            _ => return Ok(None),
        }))
    }

    pub fn malformed(&self, event: &str, error: &serde_json::Error) -> ClientError {
        let what = format!("its `{}` event cannot be read: {}", clean(event), clean(&error.to_string()));
        ClientError::NotTutti { server: self.server.clone(), what }
    }
}
