//! What those who run a gateway tell it: `/-/reload`, and `/-/healthy`, which says that it hears.
//!
//! Where callers are known, whoever has a role that `operators` names may; where nobody is, only somebody at this machine
//! may, and neither a web page nor anyone behind a proxy is that.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use http::{HeaderValue, StatusCode, header};
use tokio::sync::{mpsc, oneshot};

use super::audit::Peer;
use super::caller;
use super::error::{ApiError, plain};
use super::state::ApiState;
use crate::federation::{Refusal, Why};
use crate::identity::Mode;
use crate::model::Caller;

/// Headers of those who pass on what others ask.
const PASSED_ON: [&str; 4] = ["forwarded", "x-forwarded-for", "x-real-ip", "via"];

/// Reloads that wait. Each reads every file, so that one more has nothing to add.
const WAITING_MAX: usize = 1;

/// What became of a reload that somebody asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reloaded {
    pub is_good: bool,
    /// What was found, as `tutti check` prints it, and what changed.
    pub text: String,
}

/// Somebody waits for a reload.
pub type Waiting = oneshot::Sender<Reloaded>;

/// Asks for a reload whoever does it.
#[derive(Debug, Clone)]
pub struct Reloader(mpsc::Sender<Waiting>);

impl Reloader {
    /// And where whoever reloads hears of it.
    pub fn new() -> (Self, mpsc::Receiver<Waiting>) {
        let (asks, asked) = mpsc::channel(WAITING_MAX);
        (Self(asks), asked)
    }
}

pub async fn healthy() -> Response {
    plain("healthy\n")
}

pub async fn reload(State(state): State<ApiState>, request: Request) -> Response {
    let (parts, _) = request.into_parts();
    if let Err(response) = may_operate(&state, &parts).await {
        return *response;
    }
    let Some(Reloader(asks)) = &state.reloader else {
        return said(StatusCode::NOT_FOUND, "there is no file to reload: the demo has none\n");
    };
    let (waiting, reloaded) = oneshot::channel();
    if asks.try_send(waiting).is_err() {
        let line = "a reload is under way and another one waits: ask again in a second\n";
        let mut response = said(StatusCode::SERVICE_UNAVAILABLE, line);
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        return response;
    }
    match reloaded.await {
        Ok(Reloaded { is_good: true, text }) => said(StatusCode::OK, text),
        Ok(Reloaded { is_good: false, text }) => said(StatusCode::UNPROCESSABLE_ENTITY, text),
        Err(_) => said(StatusCode::SERVICE_UNAVAILABLE, "the gateway is ending\n"),
    }
}

/// Whether whoever asks may tell the gateway what to do, and who it is where that is known; else what they are told.
pub(super) async fn may_operate(
    state: &ApiState,
    parts: &Parts,
) -> Result<Option<Arc<Caller>>, Box<Response>> {
    let refuse = |line: &'static str| Err(Box::new(said(StatusCode::FORBIDDEN, line)));
    // A browser sends what a page tells it to, from the machine of whoever looks at it.
    if parts.headers.contains_key(header::ORIGIN) {
        return refuse("no web page may tell the gateway what to do\n");
    }
    let in_force = state.in_force();
    if in_force.reception().settings().mode == Mode::Open {
        let is_near = parts.extensions.get::<Peer>().is_some_and(|peer| peer.0.ip().is_loopback());
        let is_passed_on = PASSED_ON.iter().any(|name| parts.headers.contains_key(*name));
        return if is_near && !is_passed_on {
            Ok(None)
        } else {
            refuse("without [identity], only somebody at the gateway's own machine may do this\n")
        };
    }
    let seen = caller::of_operator(&in_force, parts).await;
    let seen = seen.map_err(|error: ApiError| Box::new(error.into_response()))?;
    let operators: &BTreeSet<String> = in_force.operators();
    // Another gateway says of others what their roles are there.
    if seen.guest.is_some() || seen.caller.roles.is_disjoint(operators) {
        return refuse("this is for operators: the roles that `operators` of [gateway] names\n");
    }
    Ok(Some(seen.caller.clone()))
}

fn said(status: StatusCode, text: impl Into<String>) -> Response {
    let mut response = plain(text.into());
    *response.status_mut() = status;
    response
}

/// What a question is told that the end came upon.
pub(super) fn ended() -> Refusal {
    let line = "the gateway ends before this is answered: ask again, and another one answers".to_owned();
    Refusal { why: Why::Pending, line, coverage: None }
}
