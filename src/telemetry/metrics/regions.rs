//! Regions: how each fared, how long it took, what it sent, and how it is taken care of.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::exemplar::HistogramWithExemplars;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

use super::{TraceLabel, seconds};
use crate::model::{RegionName, RegionReport};

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
struct WayLabels {
    from: String,
    to: String,
}

#[derive(Debug, Clone)]
pub(super) struct RegionFamilies {
    requests: Family<RegionStatusLabels, Counter>,
    seconds:
        Family<RegionLabels, HistogramWithExemplars<TraceLabel>, fn() -> HistogramWithExemplars<TraceLabel>>,
    bytes: Family<RegionLabels, Counter>,
    crossed: Family<WayLabels, Counter>,
    circuit: Family<RegionLabels, Gauge>,
    in_flight: Family<RegionLabels, Gauge>,
    places: Family<RegionLabels, Gauge>,
    treated: Family<RegionLabels, Counter>,
}

impl Default for RegionFamilies {
    fn default() -> Self {
        Self {
            requests: Family::default(),
            seconds: Family::new_with_constructor(seconds),
            bytes: Family::default(),
            crossed: Family::default(),
            circuit: Family::default(),
            in_flight: Family::default(),
            places: Family::default(),
            treated: Family::default(),
        }
    }
}

/// How a region is taken care of at this moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RegionCare {
    /// 0 closed, 1 half-open, 2 open.
    pub circuit: i64,
    /// Questions it works on, and how many it is let have.
    pub in_flight: usize,
    pub places: usize,
}

impl RegionFamilies {
    pub fn register(&self, r: &mut Registry) {
        r.register("region_requests", "Questions to a region by how it fared", self.requests.clone());
        r.register_with_unit("region_request", "Time a region took", Unit::Seconds, self.seconds.clone());
        r.register_with_unit("region_received", "Bytes a region sent", Unit::Bytes, self.bytes.clone());
        r.register_with_unit(
            "crossed",
            "Bytes that one region sent to this gateway in another",
            Unit::Bytes,
            self.crossed.clone(),
        );
        r.register("region_circuit", "0 closed, 1 half-open, 2 open", self.circuit.clone());
        r.register("region_requests_in_flight", "Questions a region works on", self.in_flight.clone());
        r.register(
            "region_concurrent_max",
            "Questions a region is let have at one time",
            self.places.clone(),
        );
        r.register("values_treated", "Attribute values masked or dropped", self.treated.clone());
    }

    /// Counts a question to a region; where none was put, there is none to count. `here` is where the gateway runs.
    pub fn count(&self, report: &RegionReport, here: Option<&RegionName>, trace: Option<&str>) {
        if !report.status.was_asked() {
            return;
        }
        let region = report.region.to_string();
        let status = report.status.as_str();
        self.requests.get_or_create(&RegionStatusLabels { region: region.clone(), status }).inc();
        if let Some(here) = here.filter(|here| **here != report.region) {
            let labels = WayLabels { from: region.clone(), to: here.to_string() };
            self.crossed.get_or_create(&labels).inc_by(report.bytes);
        }
        let labels = RegionLabels { region };
        let trace = trace.map(|trace_id| TraceLabel { trace_id: trace_id.to_owned() });
        self.seconds.get_or_create(&labels).observe(report.took.as_secs_f64(), trace, None);
        self.bytes.get_or_create(&labels).inc_by(report.bytes);
        self.treated.get_or_create(&labels).inc_by(report.treated);
    }

    pub fn set(&self, region: &RegionName, care: RegionCare) {
        let labels = RegionLabels { region: region.to_string() };
        let whole = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
        self.circuit.get_or_create(&labels).set(care.circuit);
        self.in_flight.get_or_create(&labels).set(whole(care.in_flight));
        self.places.get_or_create(&labels).set(whole(care.places));
    }

    /// A region that is no longer declared has no state.
    pub fn forget(&self, region: &RegionName) {
        let labels = RegionLabels { region: region.to_string() };
        self.circuit.remove(&labels);
        self.in_flight.remove(&labels);
        self.places.remove(&labels);
    }
}
