//! What every question goes through: a place among those in flight, a deadline, its end counted and logged
//! once, and its place held until the answer has left.

mod floor;
mod gate;

use std::sync::Arc;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::Extensions;
use http::request::Parts;
use hyper::body::Body as HttpBody;

pub use self::floor::{CallerKey, Class};
pub use self::gate::{Gate, GateNumbers, Reason, Shed};

use self::gate::Place;
use super::audit::{Docket, Questioned};
use super::caller::{self, Seen};
use super::error::ApiError;
use super::held::Held;
use super::state::ApiState;
use super::story::Story;
use crate::audit::json::Json;
use crate::federation::Refusal;
use crate::model::{Coverage, Mode, Outcome};
use crate::task::Deadline;
use crate::telemetry::Metrics;
use crate::telemetry::analytics::Ended;
use crate::telemetry::metrics::{Endpoint, InFlight};

/// A request, read and allowed in, and what it asks.
pub(super) struct Admitted<A> {
    pub ask: A,
    pub in_flight: InFlight,
    pub parts: Parts,
    pub deadline: Deadline,
    place: Place,
    gate: Gate,
    metrics: Metrics,
}

/// How a request ended.
#[derive(Clone, Copy)]
pub(super) struct Ending<'a> {
    pub outcome: Outcome,
    pub coverage: Option<&'a Coverage>,
    /// Whether regions were asked for it, and not a memory of what they said.
    pub is_of_regions: bool,
}

impl<'a> Ending<'a> {
    /// Of an answer, if it leaves.
    pub fn of(coverage: &'a Coverage, is_from_memory: bool) -> Self {
        let (outcome, coverage) = (coverage.outcome(), Some(coverage));
        Self { outcome, coverage, is_of_regions: !is_from_memory }
    }

    pub fn of_refusal(refusal: &'a Refusal) -> Self {
        Self { outcome: Outcome::Refused, coverage: refusal.coverage.as_ref(), is_of_regions: true }
    }
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
    let caller = state.gate.key(&parts.extensions);
    let place =
        state.gate.enter(class, caller, deadline).await.map_err(|shed| turned_away(&state.metrics, shed))?;
    let mut in_flight = state.metrics.begin(endpoint, mode);
    if let Some(story) = parts.extensions.get::<Arc<Story>>() {
        story.asks(endpoint, mode, pseudonym(state, &parts.extensions));
        in_flight.is_traced_as(story.trail().exemplar());
    }
    let ask = ask(deadline);
    if let (Some(auditor), Some(docket)) = (&state.audit, parts.extensions.get::<Docket>()) {
        let mut asked = ask.asked(auditor.log().tokens());
        asked.insert("mode".to_owned(), Json::text(mode.as_str()));
        docket.asks(asked);
    }
    let (gate, metrics) = (state.gate.clone(), state.metrics.clone());
    Ok(Admitted { ask, in_flight, parts, deadline, place, gate, metrics })
}

fn turned_away(metrics: &Metrics, shed: Shed) -> ApiError {
    metrics.limits().shed(shed.class.as_str(), shed.reason.as_str());
    ApiError::Shed(shed)
}

/// Who asks, as the audit log's key hides them: the same for the same as long as the key is.
fn pseudonym(state: &ApiState, extensions: &Extensions) -> Option<String> {
    let (auditor, seen) = (state.audit.as_ref()?, extensions.get::<Seen>()?);
    Some(auditor.log().tokens().token(&seen.caller.subject))
}

impl<A: Send + 'static> Admitted<A> {
    /// Counts the end of a request, and has it told: once, here.
    pub fn settle(&mut self, state: &ApiState, ending: &Ending<'_>) {
        self.in_flight.settle(ending.outcome, ending.coverage, !ending.is_of_regions);
        if let Some(docket) = self.docket() {
            docket.settled(ending.outcome, ending.coverage);
        }
        if let Some(story) = self.parts.extensions.get::<Arc<Story>>() {
            story.settled(ending.outcome, ending.coverage, !ending.is_of_regions);
        }
        state.analytics.note(&Ended {
            endpoint: self.in_flight.endpoint(),
            outcome: ending.outcome,
            coverage: ending.coverage,
            is_from_memory: !ending.is_of_regions,
            took: self.in_flight.elapsed(),
        });
        for region in ending.coverage.iter().flat_map(|coverage| &coverage.regions) {
            if ending.is_of_regions {
                state.metrics.region(region, state.here().as_ref(), self.in_flight.trace());
            }
        }
    }

    /// What is gathered for its record, where there is one.
    pub fn docket(&self) -> Option<&Docket> {
        self.parts.extensions.get::<Docket>()
    }

    /// The answer, which from here on holds this request's place until it has left. Only now is it known that it does,
    /// so its end is told here.
    pub fn hold(mut self, state: &ApiState, response: Response, ending: &Ending<'_>) -> Response {
        // One that was written whole is held until the client has taken it; others leave piece by piece. For a piece
        // there is room already.
        let written = response.body().size_hint().exact().unwrap_or(0);
        let more = written.saturating_sub(self.place.class().bytes());
        let Ok(hold) = self.gate.ledger().try_hold(more) else {
            let shed = self.gate.no_room(self.place.class());
            self.refused(state, ending);
            return turned_away(&self.metrics, shed).into_response();
        };
        self.settle(state, ending);
        self.in_flight.is_answered();
        let (version, deadline) = (self.parts.version, self.deadline);
        response.map(|body| Body::new(Held::over(version, body, (self, hold), deadline)))
    }

    /// The error that leaves in place of an answer.
    pub fn fail(mut self, state: &ApiState, error: ApiError) -> ApiError {
        self.refused(state, &Ending { outcome: Outcome::Refused, coverage: None, is_of_regions: true });
        error
    }

    /// An answer was made, and an error leaves in its place: nothing is shown.
    fn refused(&mut self, state: &ApiState, made: &Ending<'_>) {
        self.settle(state, &Ending { outcome: Outcome::Refused, ..*made });
        if let Some(docket) = self.docket() {
            docket.returns(None, None);
        }
    }
}
