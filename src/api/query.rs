//! What searches, questions for tags and metrics queries share at the edge: read, let in, asked, settled,
//! written, held.

use std::sync::Arc;

use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use http::HeaderMap;
use http::request::Parts;

use super::account::Covered;
use super::admit::{Ending, admit};
use super::audit::Questioned;
use super::caller;
use super::encode::Written;
use super::error::ApiError;
use super::params::{self, Format, Params};
use super::report;
use super::router::ModePath;
use super::state::ApiState;
use crate::federation::query::Answered;
use crate::federation::settings::FederationSettings;
use crate::federation::{Federation, Question, Refusal};
use crate::model::{Answer, Coverage, MetricsAnswer, Mode, SearchAnswer, TagNames, TagValues};
use crate::task::clock::wall_nanos;
use crate::task::{self, Deadline};
use crate::telemetry::metrics::Endpoint;
use crate::wire::answers::Jobs;

/// The federation a request is answered by, from its begin to its end.
pub(super) type Estate = Arc<Federation>;

/// From so many items on, some 2 MB of JSON, an answer is written off the threads that serve requests.
pub(super) const LONG_ITEMS: usize = 10_000;

/// How much of an answer there is to be written: each item is some 200 bytes.
pub(super) trait Items {
    fn items(&self) -> usize;

    /// Traces and spans it shows, where it shows such.
    fn shown(&self) -> (Option<u64>, Option<u64>) {
        (None, None)
    }
}

impl Items for SearchAnswer {
    fn items(&self) -> usize {
        let sets = self.traces.iter().flat_map(|trace| &trace.span_sets);
        self.traces.len() * 2 + sets.map(|set| set.spans.len() * 2).sum::<usize>()
    }

    fn shown(&self) -> (Option<u64>, Option<u64>) {
        let sets = self.traces.iter().flat_map(|trace| &trace.span_sets);
        let spans = sets.map(|set| set.spans.len() as u64).sum();
        (Some(self.traces.len() as u64), Some(spans))
    }
}

impl Items for MetricsAnswer {
    fn items(&self) -> usize {
        self.series.iter().map(|series| 1 + series.samples.len() + series.exemplars.len()).sum()
    }
}

impl Items for TagNames {
    fn items(&self) -> usize {
        self.scopes.iter().map(|(_, tags)| tags.len()).sum()
    }
}

impl Items for TagValues {
    fn items(&self) -> usize {
        self.values.len()
    }
}

/// A request before it is known to be right.
pub(super) struct Asking {
    pub params: Params,
    /// The one that answers, and whose limits hold.
    pub federation: Estate,
    /// Nanoseconds of the epoch, once for the whole request.
    pub now: u64,
    parts: Parts,
}

impl Asking {
    pub fn read(state: &ApiState, request: Request) -> Self {
        Self::of(state, request.into_parts().0)
    }

    /// Of a request whose body, where it has one, was read already.
    pub fn of(state: &ApiState, parts: Parts) -> Self {
        let params = Params::of(&parts.uri);
        let federation = caller::estate(state, &parts.extensions);
        Self { params, federation, now: wall_nanos(), parts }
    }

    /// Puts the question, and writes the answer.
    pub async fn answer<Q, A, F>(
        self,
        state: &ApiState,
        endpoint: Endpoint,
        query: Q,
        put: impl FnOnce(Estate, Question<Q>) -> F,
        write: impl FnOnce(Format, &A, &Coverage) -> Written + Send + 'static,
    ) -> Result<Response, ApiError>
    where
        Q: Questioned + Clone + Send + 'static,
        A: Items + Send + 'static,
        F: Future<Output = Answered<A>>,
    {
        let Self { federation, parts, .. } = self;
        let path = parts.extensions.get::<ModePath>().copied();
        let mode = params::mode(&parts.headers, path, caller::usual_mode(&parts.extensions))?;
        let mut admitted = admit(state, endpoint, mode, parts, |deadline| {
            let deadline = early(endpoint, mode, deadline, federation.settings());
            Question { query, mode, deadline }
        })
        .await?;
        let answered = put(federation, admitted.ask.clone()).await;
        let Answer { value, coverage } = answered.map_err(|refusal| {
            admitted.settle(state, &Ending::of_refusal(&refusal));
            ApiError::Refused(Box::new(refusal))
        })?;
        if let Some(docket) = admitted.docket() {
            let (traces, spans) = value.shown();
            docket.returns(traces, spans);
        }
        let format = params::format(&admitted.parts.headers);
        let mut head = HeaderMap::new();
        report::put_headers(&mut head, &coverage, false);
        let covered = caller::guest(&admitted.parts.extensions).map(|_| Covered(coverage.clone()));
        let (written, coverage) = if value.items() < LONG_ITEMS {
            (write(format, &value, &coverage), coverage)
        } else {
            match task::blocking(move || (write(format, &value, &coverage), coverage)).await {
                Ok(written) => written,
                Err(_) => {
                    let lost = ApiError::Refused(Box::new(Refusal::lost()));
                    return Err(admitted.fail(state, lost));
                }
            }
        };
        let mut response = written.into_response();
        response.headers_mut().extend(head);
        if let Some(covered) = covered {
            response.extensions_mut().insert(covered);
        }
        Ok(admitted.hold(state, response, &Ending::of(&coverage, false)))
    }
}

/// In fast mode the deadline of a question is near that has no part that is certain before the whole: what is not there
/// by then is named, and not waited for.
pub(super) fn early(
    endpoint: Endpoint,
    mode: Mode,
    deadline: Deadline,
    settings: &FederationSettings,
) -> Deadline {
    let is_of_a_whole =
        matches!(endpoint, Endpoint::MetricsRange | Endpoint::MetricsInstant | Endpoint::TraceDiff);
    if mode == Mode::Fast && is_of_a_whole {
        deadline.at_most(settings.fast + settings.reserve)
    } else {
        deadline
    }
}

/// A region is a job: one that did not answer in full is not done, and Grafana shows the ratio.
pub(super) fn jobs(coverage: &Coverage) -> Jobs {
    let count = |regions: usize| u32::try_from(regions).unwrap_or(u32::MAX);
    let missing = coverage.missing().count();
    Jobs { completed: count(coverage.regions.len() - missing), total: count(coverage.regions.len()) }
}
