//! How much is asked, of whom, and what bounds it: places and waits at the edge, the limit of each region, its replicas,
//! and the bytes that are held.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// Of held bytes so much is one step: what is withheld is held, too, and its size is nobody's to read off.
const HELD_STEP: u64 = 16 << 20;

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ShedLabels {
    class: &'static str,
    reason: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ClassLabels {
    class: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct RegionLabels {
    region: String,
}

type OfRegion = Family<RegionLabels, Gauge>;
type CountOfRegion = Family<RegionLabels, Counter>;

#[derive(Debug, Clone, Default)]
pub struct LimitFamilies {
    shed: Family<ShedLabels, Counter>,
    places: Gauge,
    placed: Family<ClassLabels, Gauge>,
    waiting: Gauge,
    held: Gauge,
    held_max: Gauge,
    held_peak: Gauge,
    not_held: Counter,
    limit: OfRegion,
    region_waiting: OfRegion,
    refused: CountOfRegion,
    retries_left: OfRegion,
    hedged: CountOfRegion,
    hedges_won: CountOfRegion,
    ejections: CountOfRegion,
    out: OfRegion,
}

/// How the edge stands.
#[derive(Debug, Clone, Copy, Default)]
pub struct EdgeNumbers {
    pub places: usize,
    pub placed: [(&'static str, usize); 3],
    pub waiting: usize,
    pub held: u64,
    pub held_max: u64,
    pub held_peak: u64,
    /// How often there was no room.
    pub not_held: u64,
}

/// How one region stands.
#[derive(Debug, Clone, Copy, Default)]
pub struct RegionNumbers {
    pub limit: usize,
    pub waiting: usize,
    pub refused: u64,
    pub retries_left: f64,
    pub hedged: u64,
    pub hedges_won: u64,
    pub ejections: u64,
    pub out: usize,
}

fn whole(number: impl TryInto<i64>) -> i64 {
    number.try_into().unwrap_or(i64::MAX)
}

/// A number that is counted elsewhere.
fn is(counter: &Counter, number: u64) {
    counter.inner().store(number, std::sync::atomic::Ordering::Relaxed);
}

impl LimitFamilies {
    pub(super) fn register(&self, r: &mut Registry) {
        r.register("requests_shed", "Requests turned away, by what was asked and why", self.shed.clone());
        r.register("places", "Requests that may be in flight at one time", self.places.clone());
        r.register("places_taken", "Requests that have one of the places", self.placed.clone());
        r.register("requests_waiting", "Requests that wait for a place", self.waiting.clone());
        r.register("held_bytes", "Bytes of answers that are held", self.held.clone());
        r.register("held_bytes_max", "Bytes of answers that may be held", self.held_max.clone());
        r.register("held_bytes_peak", "The most bytes that were held at one time", self.held_peak.clone());
        r.register(
            "held_bytes_refused",
            "Times that there was no room for more bytes",
            self.not_held.clone(),
        );
        r.register("region_limit", "Questions a region may be asked at one time", self.limit.clone());
        r.register("region_waiting", "Questions that wait for a region", self.region_waiting.clone());
        r.register("region_limited", "Questions refused since the line was full", self.refused.clone());
        let left = "Second attempts that the budget of a region allows now";
        r.register("region_retries_left", left, self.retries_left.clone());
        r.register("region_hedged", "Questions put to a second replica", self.hedged.clone());
        r.register("region_hedges_won", "Second replicas that answered first", self.hedges_won.clone());
        r.register("region_ejections", "Replicas that were ejected", self.ejections.clone());
        r.register("region_replicas_out", "Replicas that are not asked, or by trials only", self.out.clone());
    }

    pub fn shed(&self, class: &'static str, reason: &'static str) {
        self.shed.get_or_create(&ShedLabels { class, reason }).inc();
    }

    pub fn edge(&self, numbers: &EdgeNumbers) {
        self.places.set(whole(numbers.places));
        for (class, count) in numbers.placed {
            self.placed.get_or_create(&ClassLabels { class }).set(whole(count));
        }
        self.waiting.set(whole(numbers.waiting));
        self.held.set(whole(in_steps(numbers.held)));
        self.held_max.set(whole(numbers.held_max));
        self.held_peak.set(whole(in_steps(numbers.held_peak)));
        is(&self.not_held, numbers.not_held);
    }

    pub fn region(&self, region: &str, numbers: &RegionNumbers) {
        let labels = RegionLabels { region: region.to_owned() };
        self.limit.get_or_create(&labels).set(whole(numbers.limit));
        self.region_waiting.get_or_create(&labels).set(whole(numbers.waiting));
        is(&self.refused.get_or_create(&labels), numbers.refused);
        self.retries_left.get_or_create(&labels).set(numbers.retries_left as i64);
        is(&self.hedged.get_or_create(&labels), numbers.hedged);
        is(&self.hedges_won.get_or_create(&labels), numbers.hedges_won);
        is(&self.ejections.get_or_create(&labels), numbers.ejections);
        self.out.get_or_create(&labels).set(whole(numbers.out));
    }

    /// A region that is no longer declared has no numbers.
    pub fn forget(&self, region: &str) {
        let labels = RegionLabels { region: region.to_owned() };
        for family in [&self.limit, &self.region_waiting, &self.retries_left, &self.out] {
            family.remove(&labels);
        }
        for family in [&self.refused, &self.hedged, &self.hedges_won, &self.ejections] {
            family.remove(&labels);
        }
    }
}

/// Whole steps, and never less than there is.
fn in_steps(bytes: u64) -> u64 {
    bytes.div_ceil(HELD_STEP).saturating_mul(HELD_STEP)
}
