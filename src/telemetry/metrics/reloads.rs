//! What is in force: which build, which configuration, which policies, and since when.

use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ReloadLabels {
    result: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct BuildLabels {
    version: &'static str,
}

#[derive(Debug, Clone, Default)]
pub(super) struct ReloadFamilies {
    reloads: Family<ReloadLabels, Counter>,
    succeeded: Gauge,
    applied: Gauge,
    policies: Counter,
    build: Family<BuildLabels, Gauge>,
}

impl ReloadFamilies {
    pub fn register(&self, r: &mut Registry) {
        self.build.get_or_create(&BuildLabels { version: env!("CARGO_PKG_VERSION") }).set(1);
        r.register("build_info", "1, with the version as its label", self.build.clone());
        r.register("config_reloads", "Reloads of the configuration", self.reloads.clone());
        r.register(
            "config_last_reload_successful",
            "1 if the configuration in force is the one in the file",
            self.succeeded.clone(),
        );
        r.register_with_unit(
            "config_applied_timestamp",
            "When the configuration in force was last read",
            Unit::Seconds,
            self.applied.clone(),
        );
        r.register("policy_changes", "Reloads that put other policies in force", self.policies.clone());
    }

    /// `now` is since the Unix epoch.
    pub fn reloaded(&self, is_good: bool, now: Duration) {
        let result = if is_good { "applied" } else { "refused" };
        self.reloads.get_or_create(&ReloadLabels { result }).inc();
        self.succeeded.set(i64::from(is_good));
        if is_good {
            self.applied.set(i64::try_from(now.as_secs()).unwrap_or(i64::MAX));
        }
    }

    pub fn policies_changed(&self) {
        self.policies.inc();
    }
}
