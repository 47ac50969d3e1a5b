//! Every metric family, in one struct: those of requests and regions here, others in a file for each room that is
//! counted. Label values are words of `model` and names from the
//! configuration; never an id, a value or a query.

mod audit;
pub mod fast;

use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

pub use audit::AuditNumbers;

use audit::AuditFamilies;
use fast::FastFamilies;

use crate::model::{Mode, Outcome, RegionName, RegionReport, RegionStatus};

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
struct RegionLabels {
    region: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct RegionStatusLabels {
    region: String,
    status: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ReloadLabels {
    result: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct GrantLabels {
    result: &'static str,
}

/// Answers a gateway can be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Endpoint {
    TraceV1,
    TraceV2,
    TraceReport,
    TraceStream,
    TraceDiff,
    Search,
    TagsV1,
    TagsV2,
    TagValuesV1,
    TagValuesV2,
    MetricsRange,
    MetricsInstant,
}

/// Every family. Cheap to clone; all clones count together.
#[derive(Debug, Clone)]
pub struct Metrics {
    requests: Family<RequestLabels, Counter>,
    request_seconds: Family<EndpointLabels, Histogram>,
    in_flight: Gauge,
    shed: Counter,
    region_requests: Family<RegionStatusLabels, Counter>,
    region_seconds: Family<RegionLabels, Histogram>,
    region_bytes: Family<RegionLabels, Counter>,
    region_circuit: Family<RegionLabels, Gauge>,
    reloads: Family<ReloadLabels, Counter>,
    reload_succeeded: Gauge,
    treated: Family<RegionLabels, Counter>,
    grants: Family<GrantLabels, Counter>,
    audit: AuditFamilies,
    fast: FastFamilies,
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
}

impl Endpoint {
    pub const ALL: [Self; 12] = [
        Self::TraceV1,
        Self::TraceV2,
        Self::TraceReport,
        Self::TraceStream,
        Self::TraceDiff,
        Self::Search,
        Self::TagsV1,
        Self::TagsV2,
        Self::TagValuesV1,
        Self::TagValuesV2,
        Self::MetricsRange,
        Self::MetricsInstant,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::TraceV1 => "traces_v1",
            Self::TraceV2 => "traces_v2",
            Self::TraceReport => "trace_report",
            Self::TraceStream => "trace_stream",
            Self::TraceDiff => "trace_diff",
            Self::Search => "search",
            Self::TagsV1 => "tags_v1",
            Self::TagsV2 => "tags_v2",
            Self::TagValuesV1 => "tag_values_v1",
            Self::TagValuesV2 => "tag_values_v2",
            Self::MetricsRange => "metrics_range",
            Self::MetricsInstant => "metrics_instant",
        }
    }
}

impl Default for Metrics {
    fn default() -> Self {
        // 1 ms to 33 s: below a local lookup, above Grafana's patience.
        let seconds = || Histogram::new(exponential_buckets(0.001, 2.0, 16));
        Self {
            requests: Family::default(),
            request_seconds: Family::new_with_constructor(seconds),
            in_flight: Gauge::default(),
            shed: Counter::default(),
            region_requests: Family::default(),
            region_seconds: Family::new_with_constructor(seconds),
            region_bytes: Family::default(),
            region_circuit: Family::default(),
            reloads: Family::default(),
            reload_succeeded: Gauge::default(),
            treated: Family::default(),
            grants: Family::default(),
            audit: AuditFamilies::default(),
            fast: FastFamilies::default(),
        }
    }
}

impl Metrics {
    /// A registry that shows these families.
    pub fn registry(&self) -> Registry {
        let mut registry = Registry::with_prefix("tutti");
        let r = &mut registry;
        r.register("requests", "Requests by endpoint, mode and outcome", self.requests.clone());
        r.register_with_unit(
            "request",
            "Time from a request until its answer stood, or its client left",
            Unit::Seconds,
            self.request_seconds.clone(),
        );
        r.register("requests_in_flight", "Requests whose answer has not left yet", self.in_flight.clone());
        r.register("requests_shed", "Requests refused because too many were in flight", self.shed.clone());
        r.register("region_requests", "Questions to a region by how it fared", self.region_requests.clone());
        r.register_with_unit(
            "region_request",
            "Time a region took",
            Unit::Seconds,
            self.region_seconds.clone(),
        );
        r.register_with_unit(
            "region_received",
            "Bytes a region sent",
            Unit::Bytes,
            self.region_bytes.clone(),
        );
        r.register("region_circuit", "0 closed, 1 half-open, 2 open", self.region_circuit.clone());
        r.register("config_reloads", "Reloads of the configuration", self.reloads.clone());
        r.register(
            "config_last_reload_successful",
            "1 if the configuration in force is the one in the file",
            self.reload_succeeded.clone(),
        );
        r.register("values_treated", "Attribute values masked or dropped", self.treated.clone());
        r.register(
            "break_glass_requests",
            "Requests with a grant, by what became of it",
            self.grants.clone(),
        );
        self.audit.register(r);
        self.fast.register(r);
        registry
    }

    pub fn audit(&self, numbers: &AuditNumbers) {
        self.audit.set(numbers);
    }

    /// For the federation, which counts there itself.
    pub fn fast(&self) -> FastFamilies {
        self.fast.clone()
    }

    /// The families as OpenMetrics text.
    pub fn render(&self) -> String {
        let mut text = String::new();
        // Writing to a String cannot fail.
        let _ = prometheus_client::encoding::text::encode(&mut text, &self.registry());
        text
    }

    pub fn begin(&self, endpoint: Endpoint, mode: Mode) -> InFlight {
        self.in_flight.inc();
        let begun = tokio::time::Instant::now();
        InFlight { metrics: self.clone(), endpoint, mode, begun, outcome: None, took: None }
    }

    pub fn shed(&self) {
        self.shed.inc();
    }

    /// Counts a question to a region; where none was put, there is none to count.
    pub fn region(&self, report: &RegionReport) {
        if matches!(report.status, RegionStatus::NotNeeded | RegionStatus::Withheld) {
            return;
        }
        let region = report.region.to_string();
        let status = report.status.as_str();
        self.region_requests.get_or_create(&RegionStatusLabels { region: region.clone(), status }).inc();
        let labels = RegionLabels { region };
        self.region_seconds.get_or_create(&labels).observe(report.took.as_secs_f64());
        self.region_bytes.get_or_create(&labels).inc_by(report.bytes);
        self.treated.get_or_create(&labels).inc_by(report.treated);
    }

    pub fn circuit(&self, region: &RegionName, state: i64) {
        self.region_circuit.get_or_create(&RegionLabels { region: region.to_string() }).set(state);
    }

    /// A region that is no longer declared has no circuit.
    pub fn forget_circuit(&self, region: &RegionName) {
        self.region_circuit.remove(&RegionLabels { region: region.to_string() });
    }

    /// A request that showed a grant: whether it held.
    pub fn grant(&self, is_good: bool) {
        let result = if is_good { "used" } else { "refused" };
        self.grants.get_or_create(&GrantLabels { result }).inc();
    }

    pub fn reloaded(&self, is_good: bool) {
        let result = if is_good { "applied" } else { "refused" };
        self.reloads.get_or_create(&ReloadLabels { result }).inc();
        self.reload_succeeded.set(i64::from(is_good));
    }
}

impl InFlight {
    pub fn settle(&mut self, outcome: Outcome) {
        self.outcome = Some(outcome.as_str());
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
        self.metrics.in_flight.dec();
        let (endpoint, mode) = (self.endpoint.as_str(), self.mode.as_str());
        let outcome = self.outcome.unwrap_or("cancelled");
        self.metrics.requests.get_or_create(&RequestLabels { endpoint, mode, outcome }).inc();
        let labels = EndpointLabels { endpoint };
        let took = self.took.unwrap_or_else(|| self.begun.elapsed());
        self.metrics.request_seconds.get_or_create(&labels).observe(took.as_secs_f64());
    }
}
