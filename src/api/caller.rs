//! Who asks: a layer that knows the caller of a request before anything else looks at it, and gives it the estate as
//! that caller may see it.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{Extensions, HeaderMap, HeaderValue, header};
use serde_json::Value;

use super::break_glass::{self, Lifted};
use super::error::ApiError;
use super::state::{ApiState, InForce};
use crate::federation::Federation;
use crate::model::{Caller, Proven, TraceId};

/// Who asks, and what they may see. A request keeps both from its begin to its end, whatever is reloaded meanwhile.
#[derive(Debug, Clone)]
pub struct Seen {
    pub caller: Arc<Caller>,
    /// How that is known.
    pub proven: Arc<Proven>,
    pub federation: Arc<Federation>,
    /// Under a grant that was shown.
    pub(super) lifted: Option<Arc<Lifted>>,
}

impl Seen {
    /// And what a grant beside it lets them see.
    fn lifted(mut self, state: &ApiState, in_force: &InForce, headers: &HeaderMap) -> Result<Self, ApiError> {
        self.lifted = break_glass::shown(state, in_force, headers, &self.caller)?;
        if let Some(under) = self.lifted.as_ref().and_then(|lifted| lifted.for_everything(state)) {
            self.federation = under;
        }
        Ok(self)
    }

    fn of(in_force: &InForce, headers: &HeaderMap) -> Result<Self, ApiError> {
        let shown = headers.get_all(header::AUTHORIZATION).iter().map(HeaderValue::as_bytes);
        let caller = in_force.callers().who(shown);
        let caller = caller.map_err(|unknown| ApiError::Unauthenticated(unknown.to_string()))?;
        let federation = in_force.seen_by(&caller);
        Ok(Self { caller, proven: Arc::default(), federation, lifted: None })
    }
}

/// Of gRPC, whose calls go by no route.
pub(super) fn of_headers(state: &ApiState, headers: &HeaderMap) -> Result<Seen, ApiError> {
    break_glass::refuse_on_stream(headers)?;
    Seen::of(&state.in_force(), headers)
}

pub(super) async fn know(State(state): State<ApiState>, mut request: Request, next: Next) -> Response {
    let in_force = state.in_force();
    let seen = Seen::of(&in_force, request.headers());
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
