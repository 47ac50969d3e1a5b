//! The difference of two traces, as Tempo answers it: `POST /api/v2/traces/diff`, in JSON whatever is accepted.

use std::time::Duration;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{HeaderValue, Method, StatusCode, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use tokio::time::timeout;

use super::encode::Written;
use super::error::{ApiError, plain};
use super::params;
use super::query::{Asking, Items};
use super::report;
use super::state::ApiState;
use crate::telemetry::metrics::Endpoint;

/// Two ids, four times and a format are some 300 bytes.
const BODY_BYTES_MAX: usize = 16 << 10;

/// How long a client may take to send as much.
const BODY_TIME_MAX: Duration = Duration::from_secs(10);

/// A document is bounded in bytes, and only copied from here on.
impl Items for Bytes {
    fn items(&self) -> usize {
        0
    }
}

pub async fn diff(State(state): State<ApiState>, request: Request) -> Result<Response, ApiError> {
    if request.method() != Method::POST {
        return Ok(method_not_allowed());
    }
    let (parts, body) = request.into_parts();
    let body = match timeout(BODY_TIME_MAX, read(body)).await {
        Ok(Ok(body)) => body,
        Ok(Err(fault)) => return Ok(fault.into_response()),
        Err(_) => return Ok(BodyFault::Late.into_response()),
    };
    let query = params::diff::query(&body)?;
    let asking = Asking::of(&state, parts);
    let put = |federation, ask| async move { crate::federation::Federation::diff(&federation, ask).await };
    let answering = asking.answer(&state, Endpoint::TraceDiff, query, put, |_, document: &Bytes, _| {
        Written::json(document.clone())
    });
    answering.await
}

/// Why a question could not be read at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
enum BodyFault {
    #[error("the body is larger than {BODY_BYTES_MAX} bytes: it takes two trace ids and a format")]
    TooLarge,
    #[error("the body did not arrive within {} s", BODY_TIME_MAX.as_secs())]
    Late,
    #[error("the body ended before it was whole")]
    CutOff,
}

impl IntoResponse for BodyFault {
    fn into_response(self) -> Response {
        let status = match self {
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Late => StatusCode::REQUEST_TIMEOUT,
            Self::CutOff => StatusCode::BAD_REQUEST,
        };
        let mut response = plain(self.to_string());
        *response.status_mut() = status;
        report::put_refused(response.headers_mut());
        response
    }
}

async fn read(body: Body) -> Result<Bytes, BodyFault> {
    match Limited::new(body, BODY_BYTES_MAX).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(BodyFault::TooLarge),
        Err(_) => Err(BodyFault::CutOff),
    }
}

fn method_not_allowed() -> Response {
    let mut response = plain("Method Not Allowed");
    *response.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("POST"));
    response
}
