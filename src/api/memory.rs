//! What is remembered: those who run the gateway have a trace forgotten, or all; and any caller has traces fetched
//! ahead.

use std::collections::BTreeSet;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse, Response};
use http::{Extensions, StatusCode};
use http_body_util::{BodyExt, Limited};
use serde_json::{Value, json};
use tokio::time::timeout;

use super::audit::{self, Docket, Unrecorded};
use super::caller;
use super::encode::Written;
use super::error::ApiError;
use super::operate::may_operate;
use super::state::ApiState;
use crate::audit::Event;
use crate::audit::json::Json;
use crate::federation::Forgotten;
use crate::model::{Outcome, TraceId};

/// A list of ids: a thousand of them, however they are set.
const BODY_BYTES_MAX: usize = 64 << 10;
const BODY_TIME_MAX: Duration = Duration::from_secs(10);

pub async fn forget_one(
    State(state): State<ApiState>,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, ApiError> {
    let (parts, _) = request.into_parts();
    if let Err(refused) = may_operate(&state, &parts).await {
        return Ok(*refused);
    }
    let id = TraceId::parse(&id).map_err(|error| ApiError::BadRequest(error.to_string()))?;
    forget(&state, &parts.extensions, Some(id)).await
}

pub async fn forget_all(State(state): State<ApiState>, request: Request) -> Result<Response, ApiError> {
    let (parts, _) = request.into_parts();
    match may_operate(&state, &parts).await {
        Ok(_) => forget(&state, &parts.extensions, None).await,
        Err(refused) => Ok(*refused),
    }
}

async fn forget(state: &ApiState, of: &Extensions, id: Option<TraceId>) -> Result<Response, ApiError> {
    // What is done without a record is not done.
    if of.get::<Unrecorded>().is_some() {
        return Err(ApiError::NotRecorded);
    }
    let what = id.map_or_else(|| "all".to_owned(), |id| id.to_string());
    let docket = of.get::<Docket>();
    if let Some(docket) = docket {
        docket.asks([("forget".to_owned(), Json::text(&what))].into());
    }
    // The record that is written with the answer says how it ended; by then it is done.
    audit::announce(state, docket, Event::FORGET).await?;
    let forgotten = state.federation().forget(id).await;
    if let Some(docket) = docket.filter(|_| forgotten != Forgotten::HereAlone) {
        docket.settled(Outcome::Complete, None);
    }
    tracing::info!(what, shared = ?forgotten, "forgotten");
    let shared = match forgotten {
        Forgotten::Here => Value::Null,
        Forgotten::HereAndShared => true.into(),
        Forgotten::HereAlone => {
            let line = "forgotten here, but the shared memory could not be told: other gateways may show what lies \
                        there until its time is over (cache.old_for); ask again";
            return Err(ApiError::Unreached(line.to_owned()));
        }
    };
    Ok(Written::json(json!({ "forgotten": what, "shared": shared }).to_string()).into_response())
}

/// Has traces fetched as the caller would see them, for when they are asked for.
pub async fn prewarm(State(state): State<ApiState>, request: Request) -> Result<Response, ApiError> {
    let (parts, body) = request.into_parts();
    if caller::guest(&parts.extensions).is_some() {
        return Err(ApiError::Forbidden(
            "no gateway has traces fetched ahead for another's callers".to_owned(),
        ));
    }
    let named = read(body).await?;
    let federation = caller::estate(&state, &parts.extensions);
    let ids_max = federation.settings().prewarm.ids_max;
    let (mut seen, mut taken, mut left) = (BTreeSet::new(), Vec::new(), Vec::new());
    for text in named {
        let why = match TraceId::parse(&text) {
            Err(_) => "no_trace_id",
            Ok(id) if !seen.insert(id.to_string()) => continue,
            Ok(_) if taken.len() >= ids_max => "too_many",
            Ok(id) => match federation.fetch_ahead(id) {
                Ok(()) => {
                    taken.push(Value::from(id.to_string()));
                    continue;
                }
                Err(why) => why.as_str(),
            },
        };
        left.push(json!({ "traceId": text, "why": why }));
    }
    if let Some(docket) = parts.extensions.get::<Docket>() {
        docket.asks([("prewarm".to_owned(), Json::texts(seen))].into());
        docket.settled(Outcome::Complete, None);
    }
    let said = Written::json(json!({ "taken": taken, "left": left }).to_string());
    Ok((StatusCode::ACCEPTED, said).into_response())
}

async fn read(body: Body) -> Result<Vec<String>, ApiError> {
    let remedy = "send a JSON list of trace ids, as [\"0af7651916cd43dd8448eb211c80319c\"]";
    let wrong = |what: &str| ApiError::BadRequest(format!("{what}; {remedy}"));
    let read = timeout(BODY_TIME_MAX, Limited::new(body, BODY_BYTES_MAX).collect()).await;
    let read = read.map_err(|_| wrong("the list did not come in time"))?;
    let bytes = read.map_err(|_| wrong("the list is longer than 64 KiB, or broke off"))?.to_bytes();
    serde_json::from_slice(&bytes).map_err(|_| wrong("this is no list of trace ids"))
}
