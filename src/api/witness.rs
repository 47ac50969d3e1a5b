//! Checkpoints of other gateways' logs, signed by this one (C2SP tlog-witness): `POST /api/tutti/v1/audit/witness`.
//! Needs no caller: a checkpoint is known by the signature of its log, and a log by the configuration.

use std::time::Duration;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use http_body_util::{BodyExt, Limited};
use tokio::time::timeout;

use super::error::plain;
use super::state::ApiState;
use crate::audit::Event;
use crate::audit::json::Json;
use crate::audit::witness::{QUESTION_BYTES_MAX, Refused, Signed};
use crate::task;
use crate::task::clock::wall_nanos;

/// How long a log may take to send its checkpoint.
const BODY_TIME_MAX: Duration = Duration::from_secs(10);

/// What the protocol calls a size as a body.
const SIZE: HeaderValue = HeaderValue::from_static("text/x.tlog.size");

pub async fn sign(State(state): State<ApiState>, request: Request) -> Response {
    let Some(auditor) = state.audit.clone().filter(|auditor| auditor.witness().is_some()) else {
        return said(
            StatusCode::NOT_FOUND,
            "this gateway is a witness of no log: name some in `witnessed` of [audit]",
        );
    };
    let Some(text) = read(request.into_body()).await else {
        return said(StatusCode::BAD_REQUEST, &Refused::NoQuestion.to_string());
    };
    let Ok(permit) = auditor.signing().try_acquire_owned() else {
        let mut response =
            said(StatusCode::TOO_MANY_REQUESTS, "too many checkpoints at once: try again in a second");
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        return response;
    };
    let seconds = wall_nanos() / 1_000_000_000;
    let signing = auditor.clone();
    // Held until it is signed, and not only as long as somebody waits for it.
    let sign = move || {
        let _permit = permit;
        signing.witness().map(|witness| witness.sign(&text, seconds))
    };
    let signed = task::blocking(sign).await;
    match signed.ok().flatten() {
        Some(Ok(Signed { checkpoint, signature, is_new })) => {
            // On record here too, as far as there is one: the signature is worth what it says, either way.
            if is_new {
                let seen =
                    [("origin", Json::Text(checkpoint.origin)), ("size", Json::Whole(checkpoint.size))];
                let _ = auditor.note(Event::WITNESS, Json::map(seen)).await;
            }
            plain(format!("{signature}\n"))
        }
        Some(Err(Refused::From(size))) => {
            let mut response = said(StatusCode::CONFLICT, &size.to_string());
            response.headers_mut().insert(header::CONTENT_TYPE, SIZE);
            response
        }
        Some(Err(refused)) => said(status(&refused), &refused.to_string()),
        None => said(StatusCode::INTERNAL_SERVER_ERROR, &Refused::NotKept.to_string()),
    }
}

/// By the protocol.
fn status(refused: &Refused) -> StatusCode {
    match refused {
        Refused::NoQuestion => StatusCode::BAD_REQUEST,
        Refused::UnknownLog(_) => StatusCode::NOT_FOUND,
        Refused::NotSigned => StatusCode::FORBIDDEN,
        Refused::From(_) => StatusCode::CONFLICT,
        Refused::Forked => StatusCode::UNPROCESSABLE_ENTITY,
        Refused::NotKept => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

fn said(status: StatusCode, line: &str) -> Response {
    (status, plain(format!("{line}\n"))).into_response()
}

async fn read(body: Body) -> Option<String> {
    let body = timeout(BODY_TIME_MAX, Limited::new(body, QUESTION_BYTES_MAX).collect()).await.ok()?.ok()?;
    String::from_utf8(body.to_bytes().to_vec()).ok()
}
