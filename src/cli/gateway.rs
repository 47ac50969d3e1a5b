//! One gateway over HTTP: its address, how it is asked, and plainly why there is no answer.
//!
//! What is asked and what the documents say is for the commands. Everything that is read has a limit, and
//! everything that is waited for has one too.

use std::time::Duration;

use reqwest::header::HeaderMap;
use reqwest::{Method, Response, Url, redirect};

use super::text::clean;

/// The largest answer that is read whole. A trace of 100,000 spans is about 100 MB of JSON; this leaves room
/// for fat ones.
pub const ANSWER_BYTES_MAX: usize = 512 << 20;
/// An error is one line; a page of a proxy is cut.
const ERROR_BYTES_MAX: usize = 4 << 10;
/// How a server is written.
const EXAMPLE: &str = "http://127.0.0.1:3200";
const CONNECT_MAX: Duration = Duration::from_secs(5);
/// Four times the deadline that a gateway has by default, for slow lines and large traces.
const ANSWER_MAX: Duration = Duration::from_secs(100);

#[derive(Debug, thiserror::Error)]
pub enum GatewayError {
    #[error("`{given}` is no server; write it as {like}")]
    BadServer { given: String, like: String },
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
    #[error("the answer of {server} is larger than {} MB; narrow it with --start and --end", ANSWER_BYTES_MAX >> 20)]
    TooLarge { server: String },
}

fn said(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!(": {text}") }
}

fn next_step(status: u16) -> &'static str {
    match status {
        400 => "correct the request (see --help)",
        401 | 403 => "ask its operator for access",
        429 => "wait a little and ask again",
        _ => "ask again, or look at its log",
    }
}

/// One gateway.
#[derive(Debug)]
pub struct Gateway {
    http: reqwest::Client,
    server: Url,
    /// The address as it may be printed: without a password.
    pub shown: String,
}

impl Gateway {
    pub fn new(server: &str) -> Result<Self, GatewayError> {
        let url = Url::parse(server).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
        let url = url.filter(|url| url.host_str().is_some() && url.query().is_none());
        // What stands before an `@` may be a password.
        let without_user = server.rsplit('@').next().unwrap_or_default();
        let Some(url) = url else { return Err(bad_server(without_user)) };
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
        let http = builder.build().map_err(|error| GatewayError::NoClient(cause(&error)))?;
        let mut shown = url.clone();
        // These fail for addresses that have no user, which then is not shown either.
        let _ = shown.set_username("");
        let _ = shown.set_password(None);
        Ok(Self { http, shown: clean(shown.as_str().trim_end_matches('/')), server: url })
    }

    /// Sends a question; the answer is of whatever status.
    pub async fn ask(
        &self,
        path: &str,
        headers: HeaderMap,
        query: &[(&str, String)],
    ) -> Result<Response, GatewayError> {
        self.send(Method::GET, path, headers, query).await
    }

    /// The same of any kind.
    pub async fn send(
        &self,
        method: Method,
        path: &str,
        headers: HeaderMap,
        query: &[(&str, String)],
    ) -> Result<Response, GatewayError> {
        let base = self.server.as_str().trim_end_matches('/');
        let request = self.http.request(method, format!("{base}{path}")).headers(headers);
        let mut request = request.build().map_err(|error| self.unreachable(&error))?;
        if !query.is_empty() {
            request.url_mut().query_pairs_mut().extend_pairs(query);
        }
        self.http.execute(request).await.map_err(|error| {
            let too_slow = error.is_timeout() && !error.is_connect();
            if too_slow {
                GatewayError::TooSlow { server: self.shown.clone() }
            } else {
                self.unreachable(&error)
            }
        })
    }

    /// The whole answer, as far as it is not over the limit.
    pub async fn read(&self, mut response: Response) -> Result<String, GatewayError> {
        let mut body = Vec::new();
        while let Some(piece) = response.chunk().await.map_err(|error| self.broken(&error))? {
            if body.len() + piece.len() > ANSWER_BYTES_MAX {
                return Err(GatewayError::TooLarge { server: self.shown.clone() });
            }
            body.extend_from_slice(&piece);
        }
        String::from_utf8(body).map_err(|_| self.not_tutti("its answer is no text"))
    }

    /// What an answer that broke off means.
    pub fn broken(&self, error: &reqwest::Error) -> GatewayError {
        broken(&self.shown, error)
    }

    pub fn not_tutti(&self, what: &str) -> GatewayError {
        GatewayError::NotTutti { server: self.shown.clone(), what: clean(what) }
    }

    fn unreachable(&self, error: &reqwest::Error) -> GatewayError {
        GatewayError::NotReachable { server: self.shown.clone(), cause: cause(error) }
    }
}

/// With the address as it was meant, where only the scheme is missing.
fn bad_server(given: &str) -> GatewayError {
    let with_scheme = format!("http://{given}");
    let is_address = Url::parse(&with_scheme).is_ok_and(|url| url.query().is_none());
    let like = if is_address && !given.contains("//") { clean(&with_scheme) } else { EXAMPLE.to_owned() };
    GatewayError::BadServer { given: clean(given), like }
}

/// What it means that an answer of this server broke off.
pub fn broken(server: &str, error: &reqwest::Error) -> GatewayError {
    let server = server.to_owned();
    if error.is_timeout() {
        GatewayError::TooSlow { server }
    } else {
        GatewayError::CutOff { server, cause: cause(error) }
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
pub async fn first_line(response: &mut Response) -> String {
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
