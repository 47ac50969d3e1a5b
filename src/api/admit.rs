//! What every question goes through: a place among those in flight, a deadline, its end counted and logged
//! once, and its place held until the answer has left.

use axum::body::Body;
use axum::response::Response;
use http::HeaderMap;
use http::request::Parts;
use tokio::sync::OwnedSemaphorePermit;

use super::audit::{Docket, Questioned};
use super::caller;
use super::error::ApiError;
use super::held::Held;
use super::report;
use super::state::ApiState;
use crate::audit::json::Json;
use crate::model::{Coverage, Mode, Outcome};
use crate::task::Deadline;
use crate::telemetry::metrics::{Endpoint, InFlight};

/// A request id that is logged; proxies write 36 bytes, some twice that.
const REQUEST_ID_BYTES_MAX: usize = 128;

/// A request, read and allowed in, and what it asks.
pub(super) struct Admitted<A> {
    pub ask: A,
    pub in_flight: InFlight,
    pub parts: Parts,
    pub deadline: Deadline,
    endpoint: Endpoint,
    mode: Mode,
    _permit: OwnedSemaphorePermit,
}

/// How a request ended.
pub(super) struct Ending<'a> {
    pub outcome: Outcome,
    pub coverage: Option<&'a Coverage>,
    /// Whether regions were asked for it, and not a memory of what they said.
    pub is_of_regions: bool,
}

/// Takes a request in if there is room.
pub(super) fn admit<A: Questioned>(
    state: &ApiState,
    endpoint: Endpoint,
    mode: Mode,
    parts: Parts,
    ask: impl FnOnce(Deadline) -> A,
) -> Result<Admitted<A>, ApiError> {
    let Ok(permit) = state.permits.clone().try_acquire_owned() else {
        state.metrics.shed();
        return Err(ApiError::Busy);
    };
    let deadline = Deadline::starting_now(state.federation().settings().deadline);
    let deadline = caller::guest(&parts.extensions).map_or(deadline, |guest| deadline.at_most(guest.left));
    let in_flight = state.metrics.begin(endpoint, mode);
    let ask = ask(deadline);
    if let (Some(auditor), Some(docket)) = (&state.audit, parts.extensions.get::<Docket>()) {
        let mut asked = ask.asked(auditor.log().tokens());
        asked.insert("mode".to_owned(), Json::text(mode.as_str()));
        docket.asks(asked);
    }
    Ok(Admitted { ask, in_flight, parts, deadline, endpoint, mode, _permit: permit })
}

impl<A: Send + 'static> Admitted<A> {
    /// Counts and logs the end of a request: once, here.
    pub fn settle(&mut self, state: &ApiState, ending: &Ending<'_>) {
        self.in_flight.settle(ending.outcome, ending.coverage.filter(|_| ending.is_of_regions));
        if let Some(docket) = self.docket() {
            docket.settled(ending.outcome, ending.coverage);
        }
        let mut regions = String::new();
        for region in ending.coverage.iter().flat_map(|coverage| &coverage.regions) {
            if ending.is_of_regions {
                state.metrics.region(region, state.here().as_ref(), self.in_flight.trace());
            }
            let separator = if regions.is_empty() { "" } else { " " };
            regions.push_str(&format!("{separator}{}={}", region.region, region.status.as_str()));
        }
        tracing::info!(
            request_id = request_id(&self.parts.headers),
            endpoint = self.endpoint.as_str(),
            mode = self.mode.as_str(),
            outcome = ending.outcome.as_str(),
            took_ms = report::in_ms(self.in_flight.elapsed()),
            regions,
            "answered"
        );
    }

    /// What is gathered for its record, where there is one.
    pub fn docket(&self) -> Option<&Docket> {
        self.parts.extensions.get::<Docket>()
    }

    /// The answer, which from here on holds this request's place until it has left.
    pub fn hold(mut self, response: Response) -> Response {
        self.in_flight.is_answered();
        let deadline = self.deadline;
        response.map(|body| Body::new(Held::new(body, self, deadline)))
    }
}

/// The id under which the answer goes out, as far as it is one: a client may have chosen it.
fn request_id(headers: &HeaderMap) -> &str {
    let id = headers.get("x-request-id").and_then(|id| id.to_str().ok());
    id.filter(|id| id.len() <= REQUEST_ID_BYTES_MAX).unwrap_or("too long")
}
