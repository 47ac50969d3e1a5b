//! Requests: how many of which kind, how they ended, how long they took. Times carry the trace of a request that took
//! so long, as an exemplar.

use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::exemplar::HistogramWithExemplars;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

use super::{Endpoint, Metrics, TraceLabel, seconds};
use crate::model::{Coverage, Exactness, Mode, Outcome};

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct RequestLabels {
    endpoint: &'static str,
    mode: &'static str,
    outcome: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct EndpointLabels {
    endpoint: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct PartialLabels {
    endpoint: &'static str,
    why: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct BudgetLabels {
    budget: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ResponseLabels {
    transport: &'static str,
    code: String,
}

#[derive(Debug, Clone)]
pub(super) struct RequestFamilies {
    requests: Family<RequestLabels, Counter>,
    seconds:
        Family<RequestLabels, HistogramWithExemplars<TraceLabel>, fn() -> HistogramWithExemplars<TraceLabel>>,
    federated_seconds: Family<
        EndpointLabels,
        HistogramWithExemplars<TraceLabel>,
        fn() -> HistogramWithExemplars<TraceLabel>,
    >,
    in_flight: Gauge,
    shed: Counter,
    partial: Family<PartialLabels, Counter>,
    budgets: Family<BudgetLabels, Counter>,
    responses: Family<ResponseLabels, Counter>,
}

impl Default for RequestFamilies {
    fn default() -> Self {
        Self {
            requests: Family::default(),
            seconds: Family::new_with_constructor(seconds),
            federated_seconds: Family::new_with_constructor(seconds),
            in_flight: Gauge::default(),
            shed: Counter::default(),
            partial: Family::default(),
            budgets: Family::default(),
            responses: Family::default(),
        }
    }
}

impl RequestFamilies {
    pub fn register(&self, r: &mut Registry) {
        r.register("requests", "Requests by endpoint, mode and outcome", self.requests.clone());
        r.register_with_unit(
            "request",
            "Time from a request until its answer stood, or its client left",
            Unit::Seconds,
            self.seconds.clone(),
        );
        r.register_with_unit(
            "federated_request",
            "Time until an answer stood for which two regions or more were asked",
            Unit::Seconds,
            self.federated_seconds.clone(),
        );
        r.register("requests_in_flight", "Requests whose answer has not left yet", self.in_flight.clone());
        r.register("requests_shed", "Requests refused because too many were in flight", self.shed.clone());
        r.register("partial_answers", "Answers that were not whole, by the reason", self.partial.clone());
        r.register("budgets_reached", "Answers that a budget ended", self.budgets.clone());
        r.register("responses", "Answers by transport and code, refusals among them", self.responses.clone());
    }

    pub fn shed(&self) {
        self.shed.inc();
    }

    /// An answer went out. gRPC's codes are told by their names.
    pub fn responded(&self, transport: &'static str, code: &str) {
        self.responses.get_or_create(&ResponseLabels { transport, code: code.to_owned() }).inc();
    }
}

/// Counts one request from its begin to its end, however it ends: a request that is dropped unfinished
/// counts as `cancelled`.
#[derive(Debug)]
pub struct InFlight {
    metrics: Metrics,
    endpoint: Endpoint,
    mode: Mode,
    begun: tokio::time::Instant,
    outcome: Option<&'static str>,
    /// From its begin to its answer, which may then take its time to leave.
    took: Option<Duration>,
    is_federated: bool,
    /// Where its trace can be found.
    trace: Option<String>,
}

impl InFlight {
    pub(super) fn begin(metrics: Metrics, endpoint: Endpoint, mode: Mode) -> Self {
        metrics.requests.in_flight.inc();
        let begun = tokio::time::Instant::now();
        Self { metrics, endpoint, mode, begun, outcome: None, took: None, is_federated: false, trace: None }
    }

    /// Its times name this trace.
    pub fn is_traced_as(&mut self, trace: Option<String>) {
        self.trace = trace;
    }

    pub fn trace(&self) -> Option<&str> {
        self.trace.as_deref()
    }

    pub fn settle(&mut self, outcome: Outcome, coverage: Option<&Coverage>) {
        self.outcome = Some(outcome.as_str());
        let Some(coverage) = coverage else { return };
        self.is_federated = coverage.regions.iter().filter(|report| report.status.was_asked()).count() > 1;
        let families = &self.metrics.requests;
        let why = coverage.exactness();
        if let Exactness::Budget(budget) = why {
            families.budgets.get_or_create(&BudgetLabels { budget: budget.as_str() }).inc();
        }
        if outcome == Outcome::Partial {
            let labels = PartialLabels { endpoint: self.endpoint.as_str(), why: why.as_str() };
            families.partial.get_or_create(&labels).inc();
        }
    }

    /// The answer stands; how fast the client reads it is no time of ours.
    pub fn is_answered(&mut self) {
        self.took = Some(self.begun.elapsed());
    }

    pub fn elapsed(&self) -> Duration {
        self.begun.elapsed()
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        let families = &self.metrics.requests;
        families.in_flight.dec();
        let (endpoint, mode) = (self.endpoint.as_str(), self.mode.as_str());
        let labels = RequestLabels { endpoint, mode, outcome: self.outcome.unwrap_or("cancelled") };
        families.requests.get_or_create(&labels).inc();
        let took = self.took.unwrap_or_else(|| self.begun.elapsed()).as_secs_f64();
        let trace = self.trace.take().map(|trace_id| TraceLabel { trace_id });
        if self.is_federated {
            let labels = EndpointLabels { endpoint };
            families.federated_seconds.get_or_create(&labels).observe(took, trace.clone(), None);
        }
        families.seconds.get_or_create(&labels).observe(took, trace, None);
    }
}
