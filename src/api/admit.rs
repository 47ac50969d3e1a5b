//! What every question goes through: a place among those in flight, a deadline, its end counted and logged
//! once, and its place held until the answer has left.

use std::sync::Arc;

use axum::body::Body;
use axum::response::Response;
use http::Extensions;
use http::request::Parts;
use tokio::sync::OwnedSemaphorePermit;

use super::audit::{Docket, Questioned};
use super::caller::{self, Seen};
use super::error::ApiError;
use super::held::Held;
use super::state::ApiState;
use super::story::Story;
use crate::audit::json::Json;
use crate::model::{Coverage, Mode, Outcome};
use crate::task::Deadline;
use crate::telemetry::metrics::{Endpoint, InFlight};

/// A request, read and allowed in, and what it asks.
pub(super) struct Admitted<A> {
    pub ask: A,
    pub in_flight: InFlight,
    pub parts: Parts,
    pub deadline: Deadline,
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
    Ok(Admitted { ask, in_flight, parts, deadline, _permit: permit })
}

/// Who asks, as the audit log's key hides them: the same for the same as long as the key is.
fn pseudonym(state: &ApiState, extensions: &Extensions) -> Option<String> {
    let (auditor, seen) = (state.audit.as_ref()?, extensions.get::<Seen>()?);
    Some(auditor.log().tokens().token(&seen.caller.subject))
}

impl<A: Send + 'static> Admitted<A> {
    /// Counts the end of a request, and has it told: once, here.
    pub fn settle(&mut self, state: &ApiState, ending: &Ending<'_>) {
        self.in_flight.settle(ending.outcome, ending.coverage.filter(|_| ending.is_of_regions));
        if let Some(docket) = self.docket() {
            docket.settled(ending.outcome, ending.coverage);
        }
        if let Some(story) = self.parts.extensions.get::<Arc<Story>>() {
            story.settled(ending.outcome, ending.coverage, !ending.is_of_regions);
        }
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

    /// The answer, which from here on holds this request's place until it has left.
    pub fn hold(mut self, response: Response) -> Response {
        self.in_flight.is_answered();
        let deadline = self.deadline;
        response.map(|body| Body::new(Held::new(body, self, deadline)))
    }
}
