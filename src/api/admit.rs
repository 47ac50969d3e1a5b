//! What every question goes through: a place among those in flight, a deadline, its end counted and logged
//! once, and its place held until the answer has left.

mod floor;
mod gate;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::HeaderMap;
use http::request::Parts;
use hyper::body::Body as HttpBody;

pub use self::floor::{CallerKey, Class};
pub use self::gate::{Gate, GateNumbers, Reason, Shed};

use self::gate::Place;
use super::audit::{Docket, Questioned};
use super::caller;
use super::error::ApiError;
use super::held::Held;
use super::report;
use super::state::ApiState;
use crate::audit::json::Json;
use crate::model::{Coverage, Mode, Outcome};
use crate::task::Deadline;
use crate::telemetry::Metrics;
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
    place: Place,
    gate: Gate,
    metrics: Metrics,
}

/// How a request ended.
pub(super) struct Ending<'a> {
    pub outcome: Outcome,
    pub coverage: Option<&'a Coverage>,
    /// Whether regions were asked for it, and not a memory of what they said.
    pub is_of_regions: bool,
}

/// Takes a request in if there is room, or after a short wait that is part of its time.
pub(super) async fn admit<A: Questioned>(
    state: &ApiState,
    endpoint: Endpoint,
    mode: Mode,
    parts: Parts,
    ask: impl FnOnce(Deadline) -> A,
) -> Result<Admitted<A>, ApiError> {
    let deadline = Deadline::starting_now(state.federation().settings().deadline);
    let deadline = caller::guest(&parts.extensions).map_or(deadline, |guest| deadline.at_most(guest.left));
    let class = Class::of(endpoint);
    let caller =
        parts.extensions.get::<CallerKey>().copied().unwrap_or_else(|| state.gate.key(&parts.extensions));
    let place =
        state.gate.enter(class, caller, deadline).await.map_err(|shed| turned_away(&state.metrics, shed))?;
    let in_flight = state.metrics.begin(endpoint, mode);
    let ask = ask(deadline);
    if let (Some(auditor), Some(docket)) = (&state.audit, parts.extensions.get::<Docket>()) {
        let mut asked = ask.asked(auditor.log().tokens());
        asked.insert("mode".to_owned(), Json::text(mode.as_str()));
        docket.asks(asked);
    }
    let gate = state.gate.clone();
    Ok(Admitted {
        ask,
        in_flight,
        parts,
        deadline,
        endpoint,
        mode,
        place,
        gate,
        metrics: state.metrics.clone(),
    })
}

fn turned_away(metrics: &Metrics, shed: Shed) -> ApiError {
    metrics.limits().shed(shed.class.as_str(), shed.reason.as_str());
    ApiError::Shed(shed)
}

impl<A: Send + 'static> Admitted<A> {
    /// Counts and logs the end of a request: once, here.
    pub fn settle(&mut self, state: &ApiState, ending: &Ending<'_>) {
        self.in_flight.settle(ending.outcome);
        if let Some(docket) = self.docket() {
            docket.settled(ending.outcome, ending.coverage);
        }
        let mut regions = String::new();
        for region in ending.coverage.iter().flat_map(|coverage| &coverage.regions) {
            if ending.is_of_regions {
                state.metrics.region(region);
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
        // One that was written whole is held until the client has taken it; others leave piece by piece. For a piece
        // there is room already.
        let written = response.body().size_hint().exact().unwrap_or(0);
        let more = written.saturating_sub(self.place.class().bytes());
        let Ok(hold) = self.gate.ledger().try_hold(more) else {
            let shed = self.gate.no_room(self.place.class());
            return turned_away(&self.metrics, shed).into_response();
        };
        self.in_flight.is_answered();
        let deadline = self.deadline;
        response.map(|body| Body::new(Held::new(body, (self, hold), deadline)))
    }
}

/// The id under which the answer goes out, as far as it is one: a client may have chosen it.
fn request_id(headers: &HeaderMap) -> &str {
    let id = headers.get("x-request-id").and_then(|id| id.to_str().ok());
    id.filter(|id| id.len() <= REQUEST_ID_BYTES_MAX).unwrap_or("too long")
}
