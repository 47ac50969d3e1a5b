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
use super::kept;
use super::params::{self, Params};
use super::report;
use super::router::ModePath;
use super::state::ApiState;
use crate::cache::FormEndpoint;
use crate::federation::{Ask, Found, Lookup, Refusal, TraceFilter};
use crate::model::{Answer, Mode, TraceQuery};
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
pub(super) async fn admit(state: &ApiState, endpoint: Endpoint, asked: Asked) -> Result<Admitted, ApiError> {
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
    .await
}

impl Admitted {
    /// The end of a lookup whose answer has been leaving all along.
    pub fn settle_lookup(&mut self, state: &ApiState, ended: Result<&Lookup, &Refusal>) {
        let ending = match ended {
            Ok(lookup) => ending(lookup),
            Err(refusal) => Ending::of_refusal(refusal),
        };
        self.settle(state, &ending);
    }

    /// Takes down how much the answer shows, for its record.
    pub fn shows(&self, found: Option<&Lookup>) {
        let Some((docket, lookup)) = self.docket().zip(found) else { return };
        let trace = &lookup.answer.value.trace;
        docket.returns(Some(u64::from(!trace.is_empty())), Some(trace.span_count() as u64));
    }

    /// What was found, of which nothing is told yet: it may still not leave.
    pub async fn look_up(&mut self, state: &ApiState) -> Result<Lookup, ApiError> {
        let federation = caller::estate_for(state, &self.parts.extensions, &self.ask.query.id);
        let found = federation.trace(self.ask.clone()).await;
        self.shows(found.as_ref().ok());
        found.map_err(|refusal| {
            self.settle(state, &Ending::of_refusal(&refusal));
            ApiError::Refused(Box::new(refusal))
        })
    }
}

pub async fn v1(
    State(state): State<ApiState>,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, ApiError> {
    let mut admitted = admit(&state, Endpoint::TraceV1, Asked::read(&id, request)?).await?;
    let lookup = admitted.look_up(&state).await?;
    if let Some(response) = kept::response(FormEndpoint::V1, &lookup, &admitted.parts.headers).await {
        return Ok(admitted.hold(&state, response, &ending(&lookup)));
    }
    let Lookup { answer, is_from_memory, .. } = lookup;
    let Answer { value: Found { trace, exceeds, .. }, coverage } = answer;
    let mut response = if let Some(bytes_max) = exceeds {
        // v1 has no way to say that a trace is partial, so Tempo sends none.
        ApiError::TraceTooLarge { bytes_max }.into_response()
    } else if trace.is_empty() {
        ApiError::NoSuchTrace.into_response()
    } else {
        match encode::v1(trace, params::format(&admitted.parts.headers)) {
            Ok(response) => response,
            Err(_) => return Err(admitted.fail(&state, lost())),
        }
    };
    report::put_headers(response.headers_mut(), &coverage, is_from_memory);
    Ok(admitted.hold(&state, response, &Ending::of(&coverage, is_from_memory)))
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
    let mut admitted = admit(&state, Endpoint::TraceV2, asked).await?;
    if caller::guest(&admitted.parts.extensions).is_some() {
        return view(&state, admitted).await;
    }
    let lookup = admitted.look_up(&state).await?;
    if filter.is_none()
        && let Some(response) = kept::response(FormEndpoint::V2, &lookup, &admitted.parts.headers).await
    {
        return Ok(admitted.hold(&state, response, &ending(&lookup)));
    }
    let Lookup { answer, is_from_memory, .. } = lookup;
    let Answer { value: Found { trace, exceeds, inspected_bytes }, coverage } = answer;
    let (trace, was_filtered) = match filtered(trace, filter).await {
        Ok(filtered) => filtered,
        Err(error) => return Err(admitted.fail(&state, error)),
    };
    let message = report::trace_message(&coverage, exceeds, was_filtered);
    let beside = Beside { inspected_bytes, message };
    let mut response = match encode::v2(trace, &beside, params::format(&admitted.parts.headers)) {
        Ok(response) => response,
        Err(_) => return Err(admitted.fail(&state, lost())),
    };
    report::put_headers(response.headers_mut(), &coverage, is_from_memory);
    Ok(admitted.hold(&state, response, &Ending::of(&coverage, is_from_memory)))
}

/// What another gateway is sent: what may be seen, as it lies in the regions, for it to assemble.
async fn view(state: &ApiState, mut admitted: Admitted) -> Result<Response, ApiError> {
    let federation = caller::estate(state, &admitted.parts.extensions);
    let answered = federation.view(admitted.ask.clone()).await;
    let (Answer { value, coverage }, inspected_bytes) = answered.map_err(|refusal| {
        admitted.settle(state, &Ending::of_refusal(&refusal));
        ApiError::Refused(Box::new(refusal))
    })?;
    let message = report::message([], &coverage);
    let mut response = encode::v2_view(&value, &Beside { inspected_bytes, message }).into_response();
    report::put_headers(response.headers_mut(), &coverage, false);
    response.extensions_mut().insert(Covered(coverage.clone()));
    Ok(admitted.hold(state, response, &Ending::of(&coverage, false)))
}

fn ending(lookup: &Lookup) -> Ending<'_> {
    Ending::of(&lookup.answer.coverage, lookup.is_from_memory)
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
