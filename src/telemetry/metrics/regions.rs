//! Regions: how each fared, how long it took, what it sent, and how it is taken care of.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::exemplar::HistogramWithExemplars;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

use super::{TraceLabel, seconds};
use crate::model::{RegionName, RegionReport};

/// Sizes of answers are counted in these steps. What came for one caller holds what another may not see, and the exact
/// size of it would tell whoever reads the metrics how large that is. Each answer is rounded up by itself, so that no one
/// finds out the rest by adding answers of known sizes, or by looking again and again; half a step is what an answer costs
/// beside its body anyway.
const STEP_BYTES: u64 = 4 << 10;

fn in_steps(bytes: u64) -> u64 {
    bytes.div_ceil(STEP_BYTES).saturating_mul(STEP_BYTES)
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
        let bytes = in_steps(report.bytes);
        self.requests.get_or_create(&RegionStatusLabels { region: region.clone(), status }).inc();
        if let Some(here) = here.filter(|here| **here != report.region) {
            let labels = WayLabels { from: region.clone(), to: here.to_string() };
            self.crossed.get_or_create(&labels).inc_by(bytes);
        }
        let labels = RegionLabels { region };
        let trace = trace.map(|trace_id| TraceLabel { trace_id: trace_id.to_owned() });
        self.seconds.get_or_create(&labels).observe(report.took.as_secs_f64(), trace, None);
        self.bytes.get_or_create(&labels).inc_by(bytes);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_counted_of_a_region_tells_no_exact_size() {
        let families = RegionFamilies::default();
        let region = RegionName::parse("eu-central").unwrap();
        let here = RegionName::parse("us-east").unwrap();
        let place = crate::model::Jurisdiction::parse("EU").unwrap();
        let mut steps = 0;
        for (bytes, of_this) in [(0, 0), (1, 1), (4096, 1), (4097, 2), (1_000_033, 245)] {
            steps += of_this;
            let status = crate::model::RegionStatus::Ok;
            let report = RegionReport { bytes, ..RegionReport::new(region.clone(), place.clone(), status) };
            families.count(&report, Some(&here), None);
            let received = families.bytes.get_or_create(&RegionLabels { region: region.to_string() }).get();
            let way = WayLabels { from: region.to_string(), to: here.to_string() };
            let crossed = families.crossed.get_or_create(&way).get();
            assert_eq!((received, crossed), (steps * STEP_BYTES, steps * STEP_BYTES), "{bytes}");
        }
    }
}
