//! Who asks: a layer that knows the caller of a request before anything else looks at it, and gives it the estate as
//! that caller may see it.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{Extensions, HeaderMap, HeaderValue, header};

use super::audit::Unrecorded;
use super::error::ApiError;
use super::state::{ApiState, InForce};
use crate::federation::Federation;
use crate::model::{Caller, Proven};

/// Who asks, and what they may see. A request keeps both from its begin to its end, whatever is reloaded meanwhile.
#[derive(Debug, Clone)]
pub struct Seen {
    pub caller: Arc<Caller>,
    /// How that is known.
    pub proven: Arc<Proven>,
    pub federation: Arc<Federation>,
}

impl Seen {
    fn of(in_force: &InForce, headers: &HeaderMap) -> Result<Self, ApiError> {
        let shown = headers.get_all(header::AUTHORIZATION).iter().map(HeaderValue::as_bytes);
        let caller = in_force.callers().who(shown);
        let caller = caller.map_err(|unknown| ApiError::Unauthenticated(unknown.to_string()))?;
        let federation = in_force.seen_by(&caller);
        Ok(Self { caller, proven: Arc::default(), federation })
    }
}

/// Of gRPC, whose calls go by no route.
pub(super) fn of_headers(state: &ApiState, headers: &HeaderMap) -> Result<Seen, ApiError> {
    Seen::of(&state.in_force(), headers)
}

pub(super) async fn know(State(state): State<ApiState>, mut request: Request, next: Next) -> Response {
    match Seen::of(&state.in_force(), request.headers()) {
        Ok(seen) => {
            request.extensions_mut().insert(seen);
            next.run(request).await
        }
        Err(error) => error.into_response(),
    }
}

/// The estate as whoever asks may see it. Where no layer said who that is, it is nobody in particular.
pub(super) fn estate(state: &ApiState, of: &Extensions) -> Arc<Federation> {
    let nobody = || state.in_force().seen_by(&Caller::anonymous());
    let federation = of.get::<Seen>().map_or_else(nobody, |seen| seen.federation.clone());
    // What goes on no record shows nothing of any class.
    if of.get::<Unrecorded>().is_some() { Arc::new(federation.unclassified()) } else { federation }
}
