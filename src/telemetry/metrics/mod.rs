//! Every metric family, in one struct: a file for each room that is counted, a field and a line here. Label values are
//! words of `model` and names from the configuration; never an id, a value or a query. A trace id stands in exemplars
//! alone, and it is the one of the request.

mod audit;
pub mod cache;
mod endpoint;
pub mod fast;
mod identity;
mod limits;
mod process;
mod regions;
mod reloads;
mod requests;
mod spans;

use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::exemplar::HistogramWithExemplars;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::exponential_buckets;
use prometheus_client::registry::Registry;

pub use audit::{AuditNumbers, WitnessNumbers};
pub use cache::CacheFamilies;
pub use endpoint::Endpoint;
pub use identity::KeysNumbers;
pub use limits::{EdgeNumbers, LimitFamilies, RegionNumbers};
pub use regions::RegionCare;
pub use requests::InFlight;
pub use spans::SpanCounts;

use audit::AuditFamilies;
use fast::FastFamilies;
use identity::IdentityFamilies;
use process::ProcessFamilies;
use regions::RegionFamilies;
use reloads::ReloadFamilies;
use requests::RequestFamilies;

use crate::model::{Mode, RegionName, RegionReport};

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct GrantLabels {
    result: &'static str,
}

/// What an exemplar says.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct TraceLabel {
    trace_id: String,
}

/// 1 ms to 33 s: below a local lookup, above Grafana's patience.
fn seconds() -> HistogramWithExemplars<TraceLabel> {
    HistogramWithExemplars::new(exponential_buckets(0.001, 2.0, 16))
}

/// Every family. All clones count together. Each question takes a few of them along, so that a clone is one count of one
/// reference and not one for each family.
#[derive(Debug, Clone, Default)]
pub struct Metrics(Arc<Families>);

#[derive(Debug, Default)]
pub struct Families {
    requests: RequestFamilies,
    regions: RegionFamilies,
    reloads: ReloadFamilies,
    process: ProcessFamilies,
    grants: Family<GrantLabels, Counter>,
    audit: AuditFamilies,
    cache: CacheFamilies,
    fast: FastFamilies,
    spans: SpanCounts,
    identity: IdentityFamilies,
    limits: LimitFamilies,
}

impl Deref for Metrics {
    type Target = Families;

    fn deref(&self) -> &Families {
        &self.0
    }
}

impl Metrics {
    /// A registry that shows these families.
    pub fn registry(&self) -> Registry {
        let mut registry = Registry::default();
        self.process.register(&mut registry);
        let r = registry.sub_registry_with_prefix("tutti");
        self.requests.register(r);
        self.regions.register(r);
        self.reloads.register(r);
        r.register(
            "break_glass_requests",
            "Requests with a grant, by what became of it",
            self.grants.clone(),
        );
        self.audit.register(r);
        self.cache.register(r);
        self.fast.register(r);
        self.spans.register(r);
        self.identity.register(r);
        self.limits.register(r);
        registry
    }

    /// What the memory of whole traces counts.
    pub fn cache(&self) -> &CacheFamilies {
        &self.cache
    }

    pub fn audit(&self, numbers: &AuditNumbers) {
        self.audit.set(numbers);
    }

    /// For the federation, which counts there itself.
    pub fn fast(&self) -> FastFamilies {
        self.fast.clone()
    }

    pub fn audit_witness(&self, numbers: &WitnessNumbers) {
        self.audit.set_witness(numbers);
    }

    /// A record was waited for.
    pub fn audit_appended(&self, took: Duration) {
        self.audit.appended(took);
    }

    /// A question for the keys of an issuer is over.
    pub fn keys_fetched(&self, is_good: bool) {
        self.identity.fetched(is_good);
    }

    pub fn keys_of_issuers(&self, numbers: &[KeysNumbers]) {
        self.identity.set_keys(numbers);
    }

    /// Nobody is known of a request, for this of the reasons there are.
    pub fn nobody_known(&self, reason: &'static str) {
        self.identity.refused(reason);
    }

    /// The families as OpenMetrics text.
    pub fn render(&self) -> String {
        self.process.look();
        let mut text = String::new();
        // Writing to a String cannot fail.
        let _ = prometheus_client::encoding::text::encode(&mut text, &self.registry());
        text
    }

    pub fn begin(&self, endpoint: Endpoint, mode: Mode) -> InFlight {
        InFlight::begin(self.clone(), endpoint, mode)
    }

    pub fn limits(&self) -> &LimitFamilies {
        &self.limits
    }

    /// An answer went out over `http` or `grpc`.
    pub fn responded(&self, transport: &'static str, code: &str) {
        self.requests.responded(transport, code);
    }

    /// Counts a question to a region, put from `here` for the request of this trace.
    pub fn region(&self, report: &RegionReport, here: Option<&RegionName>, trace: Option<&str>) {
        self.regions.count(report, here, trace);
    }

    pub fn care(&self, region: &RegionName, care: RegionCare) {
        self.regions.set(region, care);
    }

    /// A region that is no longer declared has no circuit.
    pub fn forget_circuit(&self, region: &RegionName) {
        self.regions.forget(region);
    }

    /// A request that showed a grant: whether it held.
    pub fn grant(&self, is_good: bool) {
        let result = if is_good { "used" } else { "refused" };
        self.grants.get_or_create(&GrantLabels { result }).inc();
    }

    /// `now` is since the Unix epoch.
    pub fn reloaded(&self, is_good: bool, now: Duration) {
        self.reloads.reloaded(is_good, now);
    }

    /// What counts own spans.
    pub fn spans(&self) -> SpanCounts {
        self.spans.clone()
    }

    pub fn policies_changed(&self) {
        self.reloads.policies_changed();
    }
}
