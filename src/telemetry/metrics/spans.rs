//! The gateway's own spans: how many were kept, sent and lost.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::registry::Registry;

/// Counts spans. All clones count together.
#[derive(Debug, Clone, Default)]
pub struct SpanCounts {
    kept: Counter,
    sent: Counter,
    dropped: Counter,
}

impl SpanCounts {
    pub(super) fn register(&self, r: &mut Registry) {
        r.register("spans_kept", "Own spans that were put into the queue", self.kept.clone());
        r.register("spans_sent", "Own spans that their store took", self.sent.clone());
        r.register("spans_dropped", "Own spans that were lost on the way", self.dropped.clone());
    }

    pub fn kept(&self) {
        self.kept.inc();
    }

    pub fn sent(&self, count: u64) {
        self.sent.inc_by(count);
    }

    pub fn dropped(&self, count: u64) {
        self.dropped.inc_by(count);
    }
}
