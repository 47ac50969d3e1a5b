//! The gateway's own view of a trace: the document with its report, at once or as it grows.
//!
//! `GET /api/tutti/v1/traces/{id}` answers the document; `.../stream` sends each region's report, and what may be seen
//! of its part, as the region lands and the document last, as server-sent events. The lookup is the body: a reader that
//! leaves drops it, and with it every question still open. A slow reader is waited for with what is told next, and no
//! region is.

use std::convert::Infallible;

use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures::stream::{self, StreamExt};
use http::{HeaderMap, HeaderValue, header};
use serde_json::json;

use super::admit::Ending;
use super::audit::{self, Docket};
use super::caller;
use super::error::{ApiError, refusal_status};
use super::held::Held;
use super::operate;
use super::report;
use super::state::ApiState;
use super::traces::{Admitted, Asked, admit};
use crate::federation::{self, InProgress, Lookup, Progress, Refusal};
use crate::redaction::{Redacted, View};
use crate::telemetry::metrics::Endpoint;
use crate::trace::emit_json::to_json;

pub async fn document(
    State(state): State<ApiState>,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, ApiError> {
    let mut admitted = admit(&state, Endpoint::TraceReport, Asked::read(&id, request)?).await?;
    let lookup = admitted.look_up(&state).await?;
    let body = match document_of(&admitted, &lookup) {
        Ok(body) => body,
        Err(error) => return Err(admitted.fail(&state, error)),
    };
    let mut response = Body::from(body).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let (coverage, is_from_memory) = (&lookup.answer.coverage, lookup.is_from_memory);
    report::put_headers(headers, coverage, is_from_memory);
    Ok(admitted.hold(&state, response, &Ending::of(coverage, is_from_memory)))
}

fn document_of(admitted: &Admitted, lookup: &Lookup) -> Result<Vec<u8>, ApiError> {
    let took_ms = report::in_ms(admitted.in_flight.elapsed());
    let mut report = report::to_json(&admitted.ask.query.id, &lookup.answer.coverage, took_ms);
    if let (Some(grant), Some(members)) =
        (caller::grant_shown(&admitted.parts.extensions), report.as_object_mut())
    {
        members.insert("grant".to_owned(), grant);
    }
    let mut body = format!("{{\"report\":{report},\"trace\":").into_bytes();
    let trace =
        to_json(&lookup.answer.value.trace).map_err(|_| ApiError::Refused(Box::new(Refusal::lost())))?;
    body.extend_from_slice(&trace);
    body.push(b'}');
    Ok(body)
}

/// A stream of events and what they are made from.
struct Telling {
    state: ApiState,
    admitted: Admitted,
    lookup: InProgress,
    /// All was told.
    is_over: bool,
    /// Of parts that may still be told: as much as the whole may be.
    bytes_left: u64,
}

pub async fn events(
    State(state): State<ApiState>,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, ApiError> {
    let admitted = admit(&state, Endpoint::TraceStream, Asked::read(&id, request)?).await?;
    let mut federation = caller::estate_for(&state, &admitted.parts.extensions, &admitted.ask.query.id);
    let mut head = HeaderMap::new();
    audit::begin(&state, admitted.docket(), &mut head).await;
    if admitted.docket().is_some_and(Docket::shows_nothing_classified) {
        federation = audit::unclassified(&federation)?;
    }
    let regions: Vec<_> = federation
        .regions()
        .iter()
        .map(|region| json!({"name": region.name().as_str(), "jurisdiction": region.jurisdiction().as_str()}))
        .collect();
    let begin = event("begin", &json!({"traceId": admitted.ask.query.id.to_string(), "regions": regions}));
    let bytes_left = match federation.settings().trace_bytes_max {
        0 => u64::MAX,
        bytes => bytes,
    };
    let lookup = federation.growing(admitted.ask.clone());
    let deadline = admitted.deadline;
    let telling = Telling { state, admitted, lookup, is_over: false, bytes_left };
    let rest = stream::unfold(telling, |mut telling| async {
        let no_more_time = telling.state.no_more_time();
        let step = tokio::select! {
            biased;
            step = telling.lookup.next(), if !telling.is_over => step?,
            () = no_more_time, if !telling.is_over => Progress::Done(Box::new(Err(operate::ended()))),
            else => return None,
        };
        telling.is_over = matches!(step, Progress::Done(_));
        Some((telling.tell(step).await, telling))
    });
    let body = stream::once(std::future::ready(begin)).chain(rest).map(Ok::<_, Infallible>);
    // The place is in the body already, with the lookup.
    let mut response = Body::new(Held::new(Body::from_stream(body), (), deadline)).into_response();
    let headers = response.headers_mut();
    headers.extend(head);
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    Ok(response)
}

impl Telling {
    async fn tell(&mut self, step: Progress) -> Bytes {
        match step {
            Progress::Landed(region, part) => {
                let report = report::region_to_json(&region).to_string();
                match self.part(region.bytes, part).await {
                    Some(trace) => landed(&report, &trace),
                    None => written("region", report.as_bytes()),
                }
            }
            Progress::Done(result) => {
                self.admitted.settle_lookup(&self.state, result.as_ref().as_ref());
                self.admitted.in_flight.is_answered();
                self.admitted.shows(result.as_ref().as_ref().ok());
                let status = if result.is_ok() { "answer" } else { "refused" };
                let receipt = match audit::end(&self.state, self.admitted.docket(), status).await {
                    Ok(receipt) => receipt,
                    Err(error) => return refused_for(&error),
                };
                // Before the last event, so that who has seen that one has the receipt.
                let mut events = receipt.map(|receipt| self::receipt(&receipt)).unwrap_or_default();
                events.extend_from_slice(&match *result {
                    Ok(lookup) => self.answer(&lookup),
                    Err(refusal) => self.refuse(&refusal),
                });
                events.into()
            }
        }
    }

    /// What is shown of a part before the whole stands. A trace over its limit is cut in the order of the regions, so
    /// what would be over it is shown by the answer, or not at all.
    async fn part(&mut self, bytes: u64, part: Option<Box<Redacted<View>>>) -> Option<Vec<u8>> {
        let part = part.filter(|part| !part.chunk.spans.is_empty())?;
        self.bytes_left = self.bytes_left.checked_sub(bytes)?;
        let part = federation::alone(*part).await?;
        to_json(&part).ok()
    }

    fn answer(&self, lookup: &Lookup) -> Bytes {
        let Ok(document) = document_of(&self.admitted, lookup) else { return self.refuse(&Refusal::lost()) };
        written("answer", &document)
    }

    fn refuse(&self, refusal: &Refusal) -> Bytes {
        let took_ms = report::in_ms(self.admitted.in_flight.elapsed());
        let id = &self.admitted.ask.query.id;
        let report = refusal.coverage.as_ref().map(|coverage| report::refusal_to_json(id, coverage, took_ms));
        let status = refusal_status(refusal.why).as_u16();
        event("refused", &json!({"status": status, "error": refusal.line, "report": report}))
    }
}

/// Where the record of the whole answer is.
fn receipt(receipt: &HeaderValue) -> Vec<u8> {
    let receipt = receipt.to_str().unwrap_or_default();
    event("audit", &json!({"receipt": receipt})).to_vec()
}

fn refused_for(error: &ApiError) -> Bytes {
    event("refused", &json!({"status": error.status().as_u16(), "error": error.line(), "report": null}))
}

fn event(name: &str, data: &serde_json::Value) -> Bytes {
    written(name, data.to_string().as_bytes())
}

/// The report of a region with its part behind it, as one more member.
fn landed(report: &str, trace: &[u8]) -> Bytes {
    let mut data = report.strip_suffix('}').unwrap_or(report).as_bytes().to_vec();
    data.extend_from_slice(b",\"trace\":");
    data.extend_from_slice(trace);
    data.push(b'}');
    written("region", &data)
}

/// JSON never holds a line feed, so one data line carries it.
fn written(name: &str, data: &[u8]) -> Bytes {
    let mut event = format!("event: {name}\ndata: ").into_bytes();
    event.extend_from_slice(data);
    event.extend_from_slice(b"\n\n");
    event.into()
}
