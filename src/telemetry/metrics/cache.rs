//! What the memory of whole traces does for those who ask, and what asking ahead costs.

use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

/// What may be seen of a trace by one caller may be withheld from another, who can read the metrics.
const HELD_STEP: u64 = 1 << 20;

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct LookupLabels {
    level: &'static str,
    kind: &'static str,
    result: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct CauseLabels {
    cause: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct SharedLabels {
    operation: &'static str,
    outcome: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OperationLabels {
    operation: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct PrewarmLabels {
    result: &'static str,
}

/// Where something was looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    Memory,
    Shared,
}

/// What was looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// A trace by its id.
    Trace,
    /// The same as it was written before.
    Body,
    /// Regions' parts of a trace that a search looks at.
    Candidate,
}

/// Why something was not kept, or is kept no longer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// It is not whole.
    Partial,
    TooLarge,
    /// It was forgotten while it was fetched.
    Overtaken,
    /// There was no room.
    Size,
    /// Its time was over.
    Expired,
    /// Somebody asked for that.
    Forgotten,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SharedOperation {
    Get,
    Put,
    Forget,
    /// What others had forgotten is looked at.
    Heed,
}

/// How one question to the shared memory ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SharedOutcome {
    Done,
    Miss,
    /// What lay there was not sealed by this key for this, or not in this form.
    Unopened,
    Expired,
    Late,
    Failed,
    /// It has been failing, and is left alone for a while.
    Paused,
    /// No connection stood ready; one is made meanwhile.
    Unconnected,
    TooLarge,
    /// As many are being written as may be.
    Busy,
}

/// What became of a trace that somebody wanted fetched ahead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Prewarm {
    Asked,
    /// Kept traces that many ask for, fetched anew before their time ends.
    Refreshed,
    Refused,
}

impl Level {
    fn as_str(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Shared => "shared",
        }
    }
}

impl Kept {
    fn as_str(self) -> &'static str {
        match self {
            Self::Trace => "trace",
            Self::Body => "body",
            Self::Candidate => "candidate",
        }
    }
}

impl Cause {
    fn as_str(self) -> &'static str {
        match self {
            Self::Partial => "partial",
            Self::TooLarge => "too_large",
            Self::Overtaken => "overtaken",
            Self::Size => "size",
            Self::Expired => "expired",
            Self::Forgotten => "forgotten",
        }
    }
}

impl SharedOperation {
    fn as_str(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::Put => "put",
            Self::Forget => "forget",
            Self::Heed => "heed",
        }
    }
}

impl SharedOutcome {
    fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Miss => "miss",
            Self::Unopened => "unopened",
            Self::Expired => "expired",
            Self::Late => "late",
            Self::Failed => "failed",
            Self::Paused => "paused",
            Self::Unconnected => "unconnected",
            Self::TooLarge => "too_large",
            Self::Busy => "busy",
        }
    }
}

impl Prewarm {
    fn as_str(self) -> &'static str {
        match self {
            Self::Asked => "asked",
            Self::Refreshed => "refreshed",
            Self::Refused => "refused",
        }
    }
}

/// Cheap to clone; all clones count together.
#[derive(Debug, Clone)]
pub struct CacheFamilies {
    lookups: Family<LookupLabels, Counter>,
    entries: Gauge,
    bytes: Gauge,
    evictions: Family<CauseLabels, Counter>,
    refused: Family<CauseLabels, Counter>,
    joins: Counter,
    shared: Family<SharedLabels, Counter>,
    shared_seconds: Family<OperationLabels, Histogram>,
    prewarmed: Family<PrewarmLabels, Counter>,
}

impl Default for CacheFamilies {
    fn default() -> Self {
        // 0.1 ms to 0.8 s: a memory next door, and one that is given up.
        let seconds = || Histogram::new(exponential_buckets(0.0001, 2.0, 14));
        Self {
            lookups: Family::default(),
            entries: Gauge::default(),
            bytes: Gauge::default(),
            evictions: Family::default(),
            refused: Family::default(),
            joins: Counter::default(),
            shared: Family::default(),
            shared_seconds: Family::new_with_constructor(seconds),
            prewarmed: Family::default(),
        }
    }
}

impl CacheFamilies {
    pub(super) fn register(&self, r: &mut Registry) {
        let lookups =
            "Lookups in the memory of whole traces, by level, what was looked for, and whether it was there";
        r.register("cache_lookups", lookups, self.lookups.clone());
        r.register("cache_entries", "Traces and parts of traces that are kept", self.entries.clone());
        r.register("cache_bytes", "Bytes of what is kept, about", self.bytes.clone());
        r.register("cache_evictions", "What is kept no longer, by cause", self.evictions.clone());
        r.register("cache_refused", "Answers that were not kept, by cause", self.refused.clone());
        let joins = "Lookups that waited for one of somebody else's that was under way";
        r.register("cache_single_flight_joins", joins, self.joins.clone());
        let shared = "Questions to the shared memory, by operation and outcome";
        r.register("cache_shared_requests", shared, self.shared.clone());
        r.register_with_unit(
            "cache_shared_request",
            "Time of questions that were put to the shared memory",
            Unit::Seconds,
            self.shared_seconds.clone(),
        );
        r.register("prewarm_traces", "Traces that were fetched ahead, or refused", self.prewarmed.clone());
    }

    pub fn looked(&self, level: Level, kind: Kept, is_hit: bool) {
        let result = if is_hit { "hit" } else { "miss" };
        let labels = LookupLabels { level: level.as_str(), kind: kind.as_str(), result };
        self.lookups.get_or_create(&labels).inc();
    }

    /// How much is kept now.
    pub fn holds(&self, entries: u64, bytes: u64) {
        self.entries.set(i64::try_from(entries).unwrap_or(i64::MAX));
        let bytes = bytes.div_ceil(HELD_STEP).saturating_mul(HELD_STEP);
        self.bytes.set(i64::try_from(bytes).unwrap_or(i64::MAX));
    }

    pub fn evicted(&self, cause: Cause) {
        self.evictions.get_or_create(&CauseLabels { cause: cause.as_str() }).inc();
    }

    pub fn refused(&self, cause: Cause) {
        self.refused.get_or_create(&CauseLabels { cause: cause.as_str() }).inc();
    }

    pub fn joined(&self) {
        self.joins.inc();
    }

    /// `took` where it was put to the memory at all.
    pub fn shared(&self, operation: SharedOperation, outcome: SharedOutcome, took: Option<Duration>) {
        let operation = operation.as_str();
        self.shared.get_or_create(&SharedLabels { operation, outcome: outcome.as_str() }).inc();
        if let Some(took) = took {
            self.shared_seconds.get_or_create(&OperationLabels { operation }).observe(took.as_secs_f64());
        }
    }

    pub fn prewarmed(&self, what: Prewarm) {
        self.prewarmed.get_or_create(&PrewarmLabels { result: what.as_str() }).inc();
    }
}
