//! What `tutti vulture` found, in numbers. Its own families and not the gateway's, whose process it does not share.

use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct CheckLabels {
    check: &'static str,
    verdict: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct WriteLabels {
    region: String,
    result: &'static str,
}

/// Every family. Cheap to clone; all clones count together.
#[derive(Debug, Clone)]
pub struct VultureMetrics {
    rounds: Counter,
    checks: Family<CheckLabels, Counter>,
    writes: Family<WriteLabels, Counter>,
    visible: Histogram,
    last_good: Gauge,
}

impl Default for VultureMetrics {
    fn default() -> Self {
        Self {
            rounds: Counter::default(),
            checks: Family::default(),
            writes: Family::default(),
            // A quarter of a second to a little over two minutes.
            visible: Histogram::new(exponential_buckets(0.25, 2.0, 10)),
            last_good: Gauge::default(),
        }
    }
}

impl VultureMetrics {
    /// Shows a count of 0 for what has not happened yet: the first of a kind would be no increase otherwise.
    pub fn expects(&self, checks: &[&'static str], verdicts: &[&'static str]) {
        for check in checks {
            for verdict in verdicts {
                drop(self.checks.get_or_create(&CheckLabels { check, verdict }));
            }
        }
    }

    /// A check that is decided, by how.
    pub fn checked(&self, check: &'static str, verdict: &'static str) {
        self.checks.get_or_create(&CheckLabels { check, verdict }).inc();
    }

    pub fn wrote(&self, region: &str, is_taken: bool) {
        let result = if is_taken { "taken" } else { "failed" };
        self.writes.get_or_create(&WriteLabels { region: region.to_owned(), result }).inc();
    }

    /// A trace was seen as it was written, so long after it was sent.
    pub fn saw(&self, after: Duration) {
        self.visible.observe(after.as_secs_f64());
    }

    /// All checks of a round are decided; `good_at` is when, in seconds since the epoch, if none found anything.
    pub fn ended(&self, good_at: Option<u64>) {
        self.rounds.inc();
        if let Some(at) = good_at {
            self.last_good.set(i64::try_from(at).unwrap_or(i64::MAX));
        }
    }

    /// The families as OpenMetrics text.
    pub fn render(&self) -> String {
        let mut registry = Registry::with_prefix("tutti_vulture");
        let into = &mut registry;
        into.register("rounds", "Traces that were written and looked for", self.rounds.clone());
        into.register("checks", "Checks by what came of them", self.checks.clone());
        into.register("writes", "Exports to a region", self.writes.clone());
        let visible = "From sending a trace until it was seen whole";
        into.register_with_unit("visible", visible, Unit::Seconds, self.visible.clone());
        let last = "When the last round ended in which all was well, since the epoch";
        into.register_with_unit("last_good_timestamp", last, Unit::Seconds, self.last_good.clone());
        let mut text = String::new();
        // Writing to a String cannot fail.
        let _ = prometheus_client::encoding::text::encode(&mut text, &registry);
        text
    }
}
