//! Who asks: a layer that knows the caller of a request before anything else looks at it, and gives it the estate as
//! that caller may see it. Which headers show somebody is said here; what they prove is said in `identity`.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{Extensions, HeaderMap, HeaderName, header};
use serde_json::Value;

use super::break_glass::{self, Lifted};
use super::error::ApiError;
use super::state::{ApiState, InForce};
use crate::federation::Federation;
use crate::identity::{Mode, Once, Shown, ShownCertificate, Unknown};
use crate::model::{Caller, Proven, TraceId};
use crate::task::clock::wall_nanos;

/// A token that Grafana signs of its user.
const GRAFANA_ID: HeaderName = HeaderName::from_static("x-grafana-id");
/// What another gateway says of whoever it asks for.
pub const STATEMENT: HeaderName = HeaderName::from_static("tutti-statement");
/// Which of the purposes that a token allows is meant.
const PURPOSE: HeaderName = HeaderName::from_static("tutti-purpose");

/// Said beside a stream that shows nobody: this is what one of Grafana looks like.
const STREAM_HINT: &str = "Grafana sends no user with a stream, so per-user policy needs streaming off in the data \
                           source settings";

/// Who asks, and what they may see. A request keeps both from its begin to its end, whatever is reloaded meanwhile.
#[derive(Debug, Clone)]
pub struct Seen {
    pub caller: Arc<Caller>,
    /// How that is known.
    pub proven: Arc<Proven>,
    /// Until when that may be believed, since the Unix epoch.
    pub expires: Option<Duration>,
    pub federation: Arc<Federation>,
    /// Under a grant that was shown.
    pub(super) lifted: Option<Arc<Lifted>>,
}

impl Seen {
    /// And what a grant beside it lets them see.
    fn lifted(mut self, state: &ApiState, in_force: &InForce, headers: &HeaderMap) -> Result<Self, ApiError> {
        self.lifted = break_glass::shown(state, in_force, headers, (&self.caller, &self.proven))?;
        if let Some(under) = self.lifted.as_ref().and_then(|lifted| lifted.for_everything(state)) {
            self.federation = under;
        }
        Ok(self)
    }

    async fn of(in_force: &InForce, headers: &HeaderMap, extensions: &Extensions) -> Result<Self, Unknown> {
        let certificate = extensions.get::<Arc<ShownCertificate>>().map(Arc::as_ref);
        let shown = Shown {
            authorization: Once::of(headers, &header::AUTHORIZATION),
            grafana_id: Once::of(headers, &GRAFANA_ID),
            statement: Once::of(headers, &STATEMENT),
            purpose: Once::of(headers, &PURPOSE),
            headers,
            certificate,
        };
        let known = in_force.reception().who(&shown, Duration::from_nanos(wall_nanos())).await?;
        let federation = in_force.seen_by(&known.caller);
        Ok(Self {
            caller: known.caller,
            proven: known.proven,
            expires: known.expires,
            federation,
            lifted: None,
        })
    }
}

/// Of gRPC, whose calls go by no route.
pub(super) async fn of_stream(
    state: &ApiState,
    headers: &HeaderMap,
    extensions: &Extensions,
) -> Result<Seen, ApiError> {
    break_glass::refuse_on_stream(headers)?;
    Seen::of(&state.in_force(), headers, extensions).await.map_err(|unknown| {
        let hint = if unknown.is_nobody() { format!("; {STREAM_HINT}") } else { String::new() };
        ApiError::Unauthenticated(format!("{unknown}{hint}"))
    })
}

pub(super) async fn know(State(state): State<ApiState>, mut request: Request, next: Next) -> Response {
    let in_force = state.in_force();
    let seen = Seen::of(&in_force, request.headers(), request.extensions()).await;
    let seen = seen.map_err(|unknown| ApiError::Unauthenticated(unknown.to_string()));
    match seen.and_then(|seen| seen.lifted(&state, &in_force, request.headers())) {
        Ok(seen) => {
            let lifted = seen.lifted.clone();
            request.extensions_mut().insert(seen);
            let mut response = next.run(request).await;
            if let Some(lifted) = lifted {
                lifted.put_header(response.headers_mut());
            }
            response
        }
        Err(error) => error.into_response(),
    }
}

/// Around what Grafana asks to see whether a data source works. Where somebody must be shown, it says so then and not
/// only with the first query; elsewhere it is about nobody.
pub(super) async fn try_out(state: State<ApiState>, request: Request, next: Next) -> Response {
    match state.in_force().reception().settings().mode {
        Mode::Open => next.run(request).await,
        Mode::Required => know(state, request, next).await,
    }
}

/// The estate as whoever asks may see it. Where no layer said who that is, it is nobody in particular.
pub(super) fn estate(state: &ApiState, of: &Extensions) -> Arc<Federation> {
    let nobody = || state.in_force().seen_by(&Caller::anonymous());
    of.get::<Seen>().map_or_else(nobody, |seen| seen.federation.clone())
}

/// The same for one trace: a grant may be for it alone.
pub(super) fn estate_for(state: &ApiState, of: &Extensions, trace: &TraceId) -> Arc<Federation> {
    let lifted = of.get::<Seen>().and_then(|seen| seen.lifted.as_ref());
    lifted.and_then(|lifted| lifted.for_trace(state, trace)).unwrap_or_else(|| estate(state, of))
}

/// What the report says of a grant, where one was shown.
pub(super) fn grant_shown(of: &Extensions) -> Option<Value> {
    of.get::<Seen>()?.lifted.as_ref().map(|lifted| lifted.to_json())
}
