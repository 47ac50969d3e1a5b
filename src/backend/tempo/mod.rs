//! A Grafana Tempo over HTTP, or what speaks its API; where it streams, some questions go by gRPC.
//!
//! Asks v2, and v1 where the region is older. Nothing of a client's request is passed on: a region sees
//! the question, its own tenant and its own credentials, whoever asks. Does not know of retries, circuits
//! or other regions.

pub(super) mod answer;
pub(super) mod connect;
mod frames;
pub(super) mod query;
pub(super) mod route;
mod streamed;
mod streaming;
pub(super) mod transport;

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use http::{HeaderValue, StatusCode, header};
use reqwest::{Client, Response};
use tokio::time::Instant;

pub(super) use self::connect::{notice_client, plain_client};

use self::answer::NotFound;
use self::route::{Dialect, Routes};
use self::streaming::StreamingApi;
use super::asked::context;
use super::body::{self, BodyError};
use super::deadline::within;
use super::settings::TempoSettings;
use super::{
    Backend, BuildError, Fault, MetricsCall, RegionAnswer, RegionInfo, RegionTrace, SearchCall,
    TagValuesCall, TagsCall, TraceCall, fault,
};
use crate::model::{MetricsAnswer, SearchAnswer, TagNames, TagValues, TraceQuery};
use crate::redaction::Raw;
use crate::task::Deadline;

/// What is read of the body of an answer that is no trace: enough to find Tempo's words in it.
const TEXT_BYTES_MAX: usize = 4 << 10;

/// How long that text is waited for: it mostly comes with the headers.
const TEXT_PATIENCE: Duration = Duration::from_millis(500);

/// The answer to `/api/status/buildinfo` has about 300 bytes.
const BUILD_INFO_BYTES_MAX: u64 = 64 << 10;

/// One Tempo.
pub struct TempoBackend {
    client: Client,
    routes: Routes,
    dialect: Dialect,
    streaming: StreamingApi,
    body_bytes_max: u64,
}

impl TempoBackend {
    /// Makes no connection; the first probe does.
    pub fn new(settings: &TempoSettings, body_bytes_max: u64) -> Result<Self, BuildError> {
        let routes = Routes::new(&settings.url)?;
        let client = connect::client(settings)?;
        let streaming = StreamingApi::new(settings, routes.base(), body_bytes_max)?;
        Ok(Self { client, routes, dialect: Dialect::default(), streaming, body_bytes_max })
    }

    async fn ask(&self, query: &TraceQuery) -> Result<RegionTrace, Fault> {
        let began = Instant::now();
        if !self.dialect.is_v1_only()
            && let Some(trace) = self.ask_v2(query, began).await?
        {
            return Ok(trace);
        }
        let outcome = self.ask_v1(query, began).await;
        // A wrong url knows neither version; that is no reason to stop asking for v2.
        let knows_neither = outcome.as_ref().is_err_and(|it| it.http_status == Some(404));
        self.dialect.remember_v1_only(!knows_neither);
        outcome
    }

    /// `None` where the region has no v2.
    async fn ask_v2(&self, query: &TraceQuery, began: Instant) -> Result<Option<RegionTrace>, Fault> {
        let response = self.get(self.routes.trace_v2(query)).await?;
        match response.status() {
            StatusCode::OK => self.read(response, began, answer::from_v2).await.map(Some),
            StatusCode::NOT_FOUND => match answer::read_not_found(&beginning(response).await) {
                NotFound::NoSuchRoute => Ok(None),
                NotFound::Silent => Ok(Some(holds_none(began))),
                NotFound::Otherwise => Err(fault::no_such_route()),
            },
            status => Err(fault::of_status(status, &beginning(response).await)),
        }
    }

    async fn ask_v1(&self, query: &TraceQuery, began: Instant) -> Result<RegionTrace, Fault> {
        let response = self.get(self.routes.trace_v1(query)).await?;
        match response.status() {
            StatusCode::OK => self.read(response, began, answer::from_v1).await,
            StatusCode::NOT_FOUND => {
                let is_page = answer::is_html(response.headers());
                match answer::read_not_found(&beginning(response).await) {
                    // Versions differ in what they say of a trace they don't hold.
                    NotFound::Silent | NotFound::Otherwise if !is_page => Ok(holds_none(began)),
                    _ => Err(fault::no_such_route()),
                }
            }
            status => Err(fault::of_status(status, &beginning(response).await)),
        }
    }

    async fn get(&self, url: reqwest::Url) -> Result<Response, Fault> {
        let accept = HeaderValue::from_static(answer::PROTOBUF);
        let request = self.client.get(url).header(header::ACCEPT, accept).headers(context());
        request.send().await.map_err(|error| transport::before_answer(error.without_url()))
    }

    async fn read(
        &self,
        response: Response,
        began: Instant,
        take_apart: fn(Bytes) -> Result<answer::Parts, Fault>,
    ) -> Result<RegionTrace, Fault> {
        let first_byte = began.elapsed();
        if !answer::is_protobuf(response.headers()) {
            beginning(response).await;
            return Err(fault::no_protobuf());
        }
        let body = body::collect(response, self.body_bytes_max).await.map_err(|error| match error {
            BodyError::TooLarge => fault::over_cap(self.body_bytes_max),
            BodyError::Broken(error) => transport::within_body(&error.without_url()),
        })?;
        let bytes = body.len() as u64;
        let parts = take_apart(body)?;
        Ok(RegionTrace {
            trace: Raw::seal(parts.trace),
            is_partial: parts.is_partial,
            inspected_bytes: parts.inspected_bytes,
            bytes,
            first_byte: Some(first_byte),
            http_status: Some(StatusCode::OK.as_u16()),
            attempts: 1,
            within: None,
        })
    }

    async fn ask_who(&self) -> Result<RegionInfo, Fault> {
        let response = self.get(self.routes.build_info()).await?;
        let version = match response.status() {
            StatusCode::OK => {
                let body = body::collect(response, BUILD_INFO_BYTES_MAX).await;
                body.ok().and_then(|body| answer::version(&body))
            }
            // Others that speak Tempo's API have no such page, and a proxy may keep it from us.
            status if status.is_client_error() && status != StatusCode::TOO_MANY_REQUESTS => None,
            StatusCode::NOT_IMPLEMENTED => None,
            status => return Err(fault::of_status(status, &beginning(response).await)),
        };
        if self.dialect.note_version(version.as_deref()) {
            self.streaming.forget();
        }
        Ok(RegionInfo { version })
    }

    /// Who it is, and whether it streams. A region that went away may come back as another.
    async fn ask_both(&self, deadline: Deadline) -> Result<RegionInfo, Fault> {
        match within(deadline, self.ask_who()).await {
            Ok(info) => {
                self.streaming.learn(deadline).await;
                Ok(info)
            }
            Err(fault) => {
                self.streaming.forget();
                Err(fault)
            }
        }
    }
}

impl Backend for TempoBackend {
    fn trace_by_id(&self, call: TraceCall) -> BoxFuture<'_, Result<RegionTrace, Fault>> {
        async move { within(call.deadline, self.ask(&call.query)).await }.boxed()
    }

    fn probe(&self, deadline: Deadline) -> BoxFuture<'_, Result<RegionInfo, Fault>> {
        self.ask_both(deadline).boxed()
    }

    fn answers_queries(&self) -> bool {
        true
    }

    fn search(&self, call: SearchCall) -> BoxFuture<'_, Result<RegionAnswer<SearchAnswer>, Fault>> {
        self.search_either_way(call)
    }

    fn tag_names(&self, call: TagsCall) -> BoxFuture<'_, Result<RegionAnswer<TagNames>, Fault>> {
        self.tag_names_either_way(call)
    }

    fn tag_values(&self, call: TagValuesCall) -> BoxFuture<'_, Result<RegionAnswer<TagValues>, Fault>> {
        self.tag_values_either_way(call)
    }

    fn metrics(&self, call: MetricsCall) -> BoxFuture<'_, Result<RegionAnswer<MetricsAnswer>, Fault>> {
        self.put_metrics(call)
    }
}

/// The client holds credentials, so only the place is shown.
impl fmt::Debug for TempoBackend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let streams = self.streaming.is_used();
        let url = self.routes.base().as_str();
        f.debug_struct("TempoBackend").field("url", &url).field("streams", &streams).finish_non_exhaustive()
    }
}

/// What a region says where a trace was due. Its words may repeat a query or show a value, so that they are looked at
/// and go nowhere, the log included: the region's own log has them.
async fn beginning(response: Response) -> Vec<u8> {
    let status = response.status().as_u16();
    let text = body::beginning(response, TEXT_BYTES_MAX, TEXT_PATIENCE).await;
    tracing::debug!(status, bytes = text.len(), "a region answered with no trace");
    text
}

/// The region answered that it holds nothing of the trace.
fn holds_none(began: Instant) -> RegionTrace {
    RegionTrace {
        first_byte: Some(began.elapsed()),
        http_status: Some(StatusCode::NOT_FOUND.as_u16()),
        ..RegionTrace::none()
    }
}
