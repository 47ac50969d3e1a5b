//! Trace by id, as Tempo answers it: `/api/traces/{id}` and `/api/v2/traces/{id}`.

use std::sync::Arc;

use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse, Response};
use http::request::Parts;

use super::account::Covered;
use super::admit::{self, Ending};
use super::caller;
use super::encode::{self, Beside};
use super::error::ApiError;
use super::params::{self, Params};
use super::report;
use super::router::ModePath;
use super::state::ApiState;
use crate::federation::{Ask, Found, Lookup, Refusal, TraceFilter};
use crate::model::{Answer, Mode, Outcome, TraceQuery};
use crate::redaction::Redacted;
use crate::redaction::query::SpanFilter;
use crate::telemetry::metrics::Endpoint;
use crate::trace::Assembled;

/// A by-id request, read and allowed in.
pub(super) type Admitted = admit::Admitted<Ask>;

/// A by-id request, read: nothing in it is wrong.
pub(super) struct Asked {
    query: TraceQuery,
    mode: Mode,
    adjusts_skew: bool,
    /// Of v2 alone.
    filter: Option<SpanFilter>,
    parts: Parts,
    params: Params,
}

impl Asked {
    /// Reads what every by-id endpoint reads; Tempo's own checks come first, in its order.
    pub fn read(id: &str, request: Request) -> Result<Self, ApiError> {
        let (parts, _) = request.into_parts();
        let params = Params::of(&parts.uri);
        let query = params::trace_query(id, &params)?;
        let path = parts.extensions.get::<ModePath>().copied();
        let mode = params::mode(&parts.headers, path, caller::usual_mode(&parts.extensions))?;
        let adjusts_skew = params::adjusts_skew(&params)?;
        Ok(Self { query, mode, adjusts_skew, filter: None, parts, params })
    }
}

/// Takes a request in if there is room.
pub(super) fn admit(state: &ApiState, endpoint: Endpoint, asked: Asked) -> Result<Admitted, ApiError> {
    let Asked { query, mode, adjusts_skew, filter, parts, .. } = asked;
    let may_use_recent_miss = endpoint == Endpoint::TraceV1;
    admit::admit(state, endpoint, mode, parts, |deadline| Ask {
        query,
        mode,
        deadline,
        adjusts_skew,
        filter,
        may_use_recent_miss,
    })
}

impl Admitted {
    /// The end of a lookup.
    pub fn settle_lookup(&mut self, state: &ApiState, ended: Result<&Lookup, &Refusal>) {
        let (outcome, coverage) = match ended {
            Ok(lookup) => (lookup.answer.coverage.outcome(), Some(&lookup.answer.coverage)),
            Err(refusal) => (Outcome::Refused, refusal.coverage.as_ref()),
        };
        let is_of_regions = !ended.is_ok_and(|lookup| lookup.is_from_memory);
        self.settle(state, &Ending { outcome, coverage, is_of_regions });
    }

    /// Takes down how much the answer shows, for its record.
    pub fn shows(&self, found: Option<&Lookup>) {
        let Some((docket, lookup)) = self.docket().zip(found) else { return };
        let trace = &lookup.answer.value.trace;
        docket.returns(Some(u64::from(!trace.is_empty())), Some(trace.span_count() as u64));
    }

    async fn look_up(&mut self, state: &ApiState) -> Result<Lookup, ApiError> {
        let federation = caller::estate_for(state, &self.parts.extensions, &self.ask.query.id);
        let found = federation.trace(self.ask.clone()).await;
        self.settle_lookup(state, found.as_ref());
        self.shows(found.as_ref().ok());
        found.map_err(|refusal| ApiError::Refused(Box::new(refusal)))
    }
}

pub async fn v1(
    State(state): State<ApiState>,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, ApiError> {
    let mut admitted = admit(&state, Endpoint::TraceV1, Asked::read(&id, request)?)?;
    let Lookup { answer, is_from_memory } = admitted.look_up(&state).await?;
    let Answer { value: Found { trace, exceeds, .. }, coverage } = answer;
    let mut response = if let Some(bytes_max) = exceeds {
        // v1 has no way to say that a trace is partial, so Tempo sends none.
        ApiError::TraceTooLarge { bytes_max }.into_response()
    } else if trace.is_empty() {
        ApiError::NoSuchTrace.into_response()
    } else {
        encode::v1(trace, params::format(&admitted.parts.headers)).map_err(|_| lost())?
    };
    report::put_headers(response.headers_mut(), &coverage, is_from_memory);
    Ok(admitted.hold(response))
}

pub async fn v2(
    State(state): State<ApiState>,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, ApiError> {
    let mut asked = Asked::read(&id, request)?;
    let wanted = params::filter(&asked.params)?;
    let filter = wanted.as_ref().map(compiled).transpose()?;
    asked.filter = wanted.map(|wanted| SpanFilter(wanted.query));
    let mut admitted = admit(&state, Endpoint::TraceV2, asked)?;
    if caller::guest(&admitted.parts.extensions).is_some() {
        return view(&state, admitted).await;
    }
    let Lookup { answer, is_from_memory } = admitted.look_up(&state).await?;
    let Answer { value: Found { trace, exceeds, inspected_bytes }, coverage } = answer;
    let (trace, was_filtered) = filtered(trace, filter).await?;
    let message = report::trace_message(&coverage, exceeds, was_filtered);
    let beside = Beside { inspected_bytes, message };
    let mut response =
        encode::v2(trace, &beside, params::format(&admitted.parts.headers)).map_err(|_| lost())?;
    report::put_headers(response.headers_mut(), &coverage, is_from_memory);
    Ok(admitted.hold(response))
}

/// What another gateway is sent: what may be seen, as it lies in the regions, for it to assemble.
async fn view(state: &ApiState, mut admitted: Admitted) -> Result<Response, ApiError> {
    let federation = caller::estate(state, &admitted.parts.extensions);
    let answered = federation.view(admitted.ask.clone()).await;
    let (outcome, coverage) = match &answered {
        Ok((answer, _)) => (answer.coverage.outcome(), Some(&answer.coverage)),
        Err(refusal) => (Outcome::Refused, refusal.coverage.as_ref()),
    };
    admitted.settle(state, &Ending { outcome, coverage, is_of_regions: true });
    let (Answer { value, coverage }, inspected_bytes) =
        answered.map_err(|refusal| ApiError::Refused(Box::new(refusal)))?;
    let message = report::message([], &coverage);
    let mut response = encode::v2_view(&value, &Beside { inspected_bytes, message }).into_response();
    report::put_headers(response.headers_mut(), &coverage, false);
    response.extensions_mut().insert(Covered(coverage));
    Ok(admitted.hold(response))
}

fn lost() -> ApiError {
    ApiError::Refused(Box::new(Refusal::lost()))
}

fn compiled(wanted: &params::FilterParams) -> Result<TraceFilter, ApiError> {
    let filter =
        TraceFilter::compile(&wanted.query, wanted.keep_hierarchy, wanted.match_depth, wanted.ancestor_depth);
    filter.map_err(|error| ApiError::BadRequest(error.to_string()))
}

/// The trace with only what the filter keeps, and whether it dropped anything.
async fn filtered(
    trace: Arc<Redacted<Assembled>>,
    filter: Option<TraceFilter>,
) -> Result<(Arc<Redacted<Assembled>>, bool), ApiError> {
    let Some(filter) = filter else { return Ok((trace, false)) };
    let before = trace.span_count();
    // Others may hold it.
    let trace = Arc::unwrap_or_clone(trace);
    let trace = filter.apply(trace).await.map_err(|failure| ApiError::Failed(failure.to_string()))?;
    let was_filtered = trace.span_count() < before;
    Ok((Arc::new(trace), was_filtered))
}
