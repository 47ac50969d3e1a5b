//! What is told of a question to a region: a span of its own, and to the region the place in the trace.

use std::future::Future;
use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue};

use super::Fault;
use crate::model::RegionName;
use crate::task::along;
use crate::task::clock::wall_nanos;
use crate::telemetry::spans::Trail;

const TRACE_PARENT: HeaderName = HeaderName::from_static("traceparent");
const TRACE_STATE: HeaderName = HeaderName::from_static("tracestate");

/// Asks with a span around it, if it is asked for a request.
pub(super) async fn spanned<A>(
    region: &RegionName,
    question: &'static str,
    asking: impl Future<Output = Result<A, Fault>>,
) -> Result<A, Fault> {
    let Some(trail) = along::current::<Trail>() else { return asking.await };
    let mut span = trail.part("ask", wall_nanos());
    span.says("tutti.region", region.as_str());
    span.says("tutti.question", question);
    // What stays of a question that nobody waits for any longer.
    span.fails("cancelled");
    let answered = along::with(Arc::new(span.trail().clone()), asking).await;
    match &answered {
        Ok(_) => span.went_well(),
        Err(fault) => {
            span.fails(fault.status.as_str());
            span.says("tutti.attempts", u64::from(fault.attempts));
            if let Some(status) = fault.http_status {
                span.says("http.response.status_code", u64::from(status));
            }
        }
    }
    answered
}

/// Where in its trace a question is: what every request for it carries. Probes belong to none.
pub(super) fn context() -> HeaderMap {
    let mut headers = HeaderMap::new();
    let trail = along::current::<Trail>();
    let Some(context) = trail.as_ref().and_then(|trail| trail.handed_on()) else { return headers };
    if let Ok(parent) = HeaderValue::from_str(&context.to_string()) {
        headers.insert(TRACE_PARENT, parent);
    }
    if let Some(state) = context.state.as_deref().and_then(|state| HeaderValue::from_str(state).ok()) {
        headers.insert(TRACE_STATE, state);
    }
    headers
}
