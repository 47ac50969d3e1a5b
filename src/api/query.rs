//! What searches, questions for tags and metrics queries share at the edge: read, let in, asked, settled,
//! written, held.

use std::sync::Arc;

use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use http::HeaderMap;
use http::request::Parts;

use super::admit::{Ending, admit};
use super::encode::Written;
use super::error::ApiError;
use super::params::{self, Params};
use super::report;
use super::router::Strict;
use super::state::ApiState;
use crate::federation::query::Answered;
use crate::federation::{Federation, Question};
use crate::model::{Answer, Coverage, Outcome};
use crate::task::clock::wall_nanos;
use crate::telemetry::metrics::Endpoint;
use crate::wire::answers::Jobs;

/// The federation a request is answered by, from its begin to its end.
pub(super) type Estate = Arc<Federation>;

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
        let (parts, _) = request.into_parts();
        let params = Params::of(&parts.uri);
        Self { params, federation: state.federation(), now: wall_nanos(), parts }
    }

    /// Puts the question, and writes the answer.
    pub async fn answer<Q, A, F>(
        self,
        state: &ApiState,
        endpoint: Endpoint,
        query: Q,
        put: impl FnOnce(Estate, Question<Q>) -> F,
        write: impl FnOnce(&HeaderMap, &A, &Coverage) -> Written,
    ) -> Result<Response, ApiError>
    where
        Q: Clone + Send + 'static,
        F: Future<Output = Answered<A>>,
    {
        let Self { federation, parts, .. } = self;
        let mode = params::mode(&parts.headers, parts.extensions.get::<Strict>().is_some())?;
        let mut admitted =
            admit(state, endpoint, mode, parts, |deadline| Question { query, mode, deadline })?;
        let answered = put(federation, admitted.ask.clone()).await;
        let (outcome, coverage) = match &answered {
            Ok(answer) => (answer.coverage.outcome(), Some(&answer.coverage)),
            Err(refusal) => (Outcome::Refused, refusal.coverage.as_ref()),
        };
        admitted.settle(state, &Ending { outcome, coverage, is_of_regions: true });
        let Answer { value, coverage } = answered.map_err(|refusal| ApiError::Refused(Box::new(refusal)))?;
        let mut response = write(&admitted.parts.headers, &value, &coverage).into_response();
        report::put_headers(response.headers_mut(), &coverage, false);
        Ok(admitted.hold(response))
    }
}

/// A region is a job: one that did not answer in full is not done, and Grafana shows the ratio.
pub(super) fn jobs(coverage: &Coverage) -> Jobs {
    let count = |regions: usize| u32::try_from(regions).unwrap_or(u32::MAX);
    let missing = coverage.missing().count();
    Jobs { completed: count(coverage.regions.len() - missing), total: count(coverage.regions.len()) }
}
