//! One request from its begin to its end: its span, and the one line that the log has of it, however it ends.
//!
//! Nothing of a person stands in either: no query, no claim, no address, and of what a client calls a request only what
//! can be nothing but an id. Who asked is told by a token of the audit log's key, and not at all where there is none.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderName};
use serde_json::{Value, json};
use tokio::time::Instant;
use uuid::Uuid;

use super::error::ApiError;
use super::layers::REQUEST_ID;
use super::operate;
use super::report;
use super::state::ApiState;
use crate::model::{Coverage, Mode, Outcome, RegionReport};
use crate::task::along;
use crate::task::clock::wall_nanos;
use crate::telemetry::Metrics;
use crate::telemetry::metrics::Endpoint;
use crate::telemetry::spans::{Context, Open, Trail};

const TRACE_PARENT: HeaderName = HeaderName::from_static("traceparent");
const TRACE_STATE: HeaderName = HeaderName::from_static("tracestate");

/// What is known of a request so far. The last who holds it tells it.
#[derive(Debug)]
pub(super) struct Story {
    told: Mutex<Told>,
    trail: Arc<Trail>,
    metrics: Metrics,
}

#[derive(Debug)]
struct Told {
    span: Open,
    begun: Instant,
    request_id: Option<Uuid>,
    transport: &'static str,
    endpoint: Option<Endpoint>,
    mode: Option<Mode>,
    outcome: Option<Outcome>,
    is_from_memory: bool,
    code: Option<String>,
    caller: Option<String>,
    coverage: Option<Covered>,
    answered: Option<Duration>,
}

/// What the log says of a report.
#[derive(Debug)]
struct Covered {
    regions: String,
    exactness: &'static str,
    asked: u64,
    report: Option<String>,
}

impl Story {
    /// A request over `http` or `grpc`.
    pub fn begin(state: &ApiState, headers: &HeaderMap, transport: &'static str) -> Arc<Self> {
        let span = state.tracer.request(context(headers), wall_nanos());
        let id = headers.get(REQUEST_ID).and_then(|id| id.to_str().ok());
        let trail = Arc::new(span.trail().clone());
        let told = Told {
            span,
            begun: Instant::now(),
            // Of any other form it may be anything.
            request_id: id.and_then(|id| Uuid::try_parse(id).ok()),
            transport,
            endpoint: None,
            mode: None,
            outcome: None,
            is_from_memory: false,
            code: None,
            caller: None,
            coverage: None,
            answered: None,
        };
        Arc::new(Self { told: Mutex::new(told), trail, metrics: state.metrics.clone() })
    }

    fn told(&self) -> MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What goes along with the work for it.
    pub fn trail(&self) -> Arc<Trail> {
        self.trail.clone()
    }

    /// It was let in.
    pub fn asks(&self, endpoint: Endpoint, mode: Mode, caller: Option<String>) {
        let mut told = self.told();
        (told.endpoint, told.mode, told.caller) = (Some(endpoint), Some(mode), caller);
        told.span.is_called(endpoint.as_str());
        told.span.says("tutti.mode", mode.as_str());
    }

    pub fn settled(&self, outcome: Outcome, coverage: Option<&Coverage>, is_from_memory: bool) {
        let mut told = self.told();
        told.outcome = Some(outcome);
        told.is_from_memory = is_from_memory;
        told.coverage = coverage.map(Covered::of);
        let exactness = coverage.map(|coverage| coverage.exactness().as_str());
        let asked = told.coverage.as_ref().map_or(0, |covered| covered.asked);
        told.span.says("tutti.outcome", outcome.as_str());
        told.span.says("tutti.regions_asked", if is_from_memory { 0 } else { asked });
        told.span.says("tutti.from_memory", is_from_memory);
        if let Some(exactness) = exactness {
            told.span.says("tutti.exactness", exactness);
        }
    }

    /// The answer goes out, which may take its time.
    pub fn answers(&self, code: &str) {
        let mut told = self.told();
        self.metrics.responded(told.transport, code);
        told.answered = Some(told.begun.elapsed());
        told.code = Some(code.to_owned());
    }
}

impl Covered {
    fn of(coverage: &Coverage) -> Self {
        let asked = coverage.regions.iter().filter(|report| report.status.was_asked()).count() as u64;
        let exactness = coverage.exactness().as_str();
        // The rest is only made for a log that takes it.
        if !tracing::enabled!(tracing::Level::INFO) {
            return Self { regions: String::new(), exactness, asked, report: None };
        }
        let words: Vec<String> =
            coverage.regions.iter().map(|of| format!("{}={}", of.region, of.status.as_str())).collect();
        let report = {
            let regions: Vec<Value> = coverage.regions.iter().map(region).collect();
            let owed = &coverage.owed;
            json!({
                "regions": regions,
                "plan": coverage.plan_digest,
                "missingParents": owed.missing_parents,
                "clientsWithoutServer": owed.clients_without_server,
            })
            .to_string()
        };
        Self { regions: words.join(" "), exactness, asked, report: Some(report) }
    }
}

/// A region in numbers and words of our own: no sentence, since one may name what was asked.
fn region(report: &RegionReport) -> Value {
    json!({
        "region": report.region.as_str(),
        "status": report.status.as_str(),
        "httpStatus": report.http_status,
        "tookMs": report::in_ms(report.took),
        "bytes": report.bytes,
        "spans": report.spans,
        "attempts": report.attempts,
        "treated": report.treated,
        "rawEgress": report.is_raw_egress,
    })
}

impl Drop for Told {
    fn drop(&mut self) {
        let took = self.begun.elapsed();
        let outcome = match (self.outcome, &self.code) {
            (Some(outcome), _) => outcome.as_str(),
            // Refused before anything was asked.
            (None, Some(_)) => "refused",
            (None, None) => "cancelled",
        };
        match (outcome, &self.code) {
            ("cancelled", _) => self.span.fails("cancelled"),
            (_, Some(code)) if self.transport == "http" && code.starts_with('5') => self.span.fails("error"),
            _ => {}
        }
        if let Some(code) = &self.code {
            self.span.says("tutti.code", code.as_str());
        }
        let coverage = self.coverage.as_ref();
        tracing::info!(
            request_id = self.request_id.map(tracing::field::display),
            // Written out only for a log that takes it.
            trace_id = self.span.trail().trace_id(),
            transport = self.transport,
            endpoint = self.endpoint.map(Endpoint::as_str),
            mode = self.mode.map(Mode::as_str),
            outcome,
            code = self.code.as_deref(),
            caller = self.caller.as_deref(),
            took_ms = report::in_ms(self.answered.unwrap_or(took)),
            sent_ms = report::in_ms(took),
            from_memory = self.is_from_memory,
            exactness = coverage.map(|coverage| coverage.exactness),
            regions = coverage.map_or("", |coverage| coverage.regions.as_str()),
            report = coverage.and_then(|coverage| coverage.report.as_deref()),
            "answered"
        );
    }
}

/// Around every route that answers a question.
pub(super) async fn tell(State(state): State<ApiState>, mut request: Request, next: Next) -> Response {
    let story = Story::begin(&state, request.headers(), "http");
    request.extensions_mut().insert(story.clone());
    let answering = along::with(story.trail(), next.run(request));
    let response = tokio::select! {
        biased;
        response = answering => response,
        () = state.no_more_time() => ApiError::Refused(Box::new(operate::ended())).into_response(),
    };
    story.answers(response.status().as_str());
    response
}

/// The trace that a request says it is part of. Of several it is none.
fn context(headers: &HeaderMap) -> Option<Context> {
    let mut parents = headers.get_all(TRACE_PARENT).iter();
    let parent = parents.next()?.to_str().ok()?;
    if parents.next().is_some() {
        return None;
    }
    let states: Vec<&str> =
        headers.get_all(TRACE_STATE).iter().filter_map(|state| state.to_str().ok()).collect();
    Context::read(parent, Some(&states.join(",")))
}
