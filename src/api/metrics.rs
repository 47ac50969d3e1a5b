//! Metrics queries, as Tempo answers them: over a range and for an instant, in JSON whatever is accepted.

use axum::extract::{Request, State};
use axum::response::Response;

use super::encode::Written;
use super::error::ApiError;
use super::params;
use super::query::{Asking, Estate, jobs};
use super::report;
use super::state::ApiState;
use crate::federation::query::Answered;
use crate::federation::{MetricsAsk, Refusal, Why};
use crate::model::{Coverage, MetricsAnswer, Outcome};
use crate::telemetry::metrics::Endpoint;
use crate::wire::answers::{instant_json, range_json};

pub async fn range(State(state): State<ApiState>, request: Request) -> Result<Response, ApiError> {
    let asking = Asking::read(&state, request);
    let query = params::metrics::range(&asking.params, &asking.federation.settings().metrics, asking.now)?;
    let answering = asking.answer(&state, Endpoint::MetricsRange, query, ask, |_, answer, coverage| {
        Written::json(range_json(answer, jobs(coverage), message(answer, coverage).as_deref()))
    });
    answering.await
}

pub async fn instant(State(state): State<ApiState>, request: Request) -> Result<Response, ApiError> {
    let asking = Asking::read(&state, request);
    let query = params::metrics::instant(&asking.params, &asking.federation.settings().metrics, asking.now)?;
    let answering = asking.answer(&state, Endpoint::MetricsInstant, query, ask, |_, answer, coverage| {
        Written::json(instant_json(answer, jobs(coverage), message(answer, coverage).as_deref()))
    });
    answering.await
}

/// An answer that lacks series is partial, though every region answered. One who takes only whole answers is
/// refused: an alert must not rest on fewer series.
pub(super) async fn ask(federation: Estate, ask: MetricsAsk) -> Answered<MetricsAnswer> {
    let mut answer = federation.metrics(ask).await?;
    if let Some(line) = answer.value.partial.clone() {
        answer.coverage.is_size_limited = true;
        if answer.coverage.outcome() == Outcome::Refused {
            return Err(Refusal { why: Why::TooMuch, line, coverage: Some(answer.coverage) });
        }
    }
    Ok(answer)
}

pub(super) fn message(answer: &MetricsAnswer, coverage: &Coverage) -> Option<String> {
    report::message(answer.partial.clone(), coverage)
}
