//! How the audit log is.

use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct WitnessLabels {
    /// As the configuration calls it.
    witness: String,
}

#[derive(Debug, Clone)]
pub(super) struct AuditFamilies {
    failing: Gauge,
    records: Gauge,
    bytes: Gauge,
    bytes_max: Gauge,
    unrecorded: Gauge,
    denials_counted: Gauge,
    append_seconds: Histogram,
    unpublished: Gauge,
    unpublished_seconds: Gauge<f64, std::sync::atomic::AtomicU64>,
    witness_records: Family<WitnessLabels, Gauge>,
    witness_lag_seconds: Family<WitnessLabels, Gauge<f64, std::sync::atomic::AtomicU64>>,
    witness_alarm: Family<WitnessLabels, Gauge>,
}

/// How the audit log is, in numbers.
#[derive(Debug, Clone, Copy, Default)]
pub struct AuditNumbers {
    pub is_failing: bool,
    pub records: u64,
    pub bytes: u64,
    pub bytes_max: u64,
    pub unrecorded: u64,
    pub denials_counted: u64,
    /// Records under no checkpoint yet, and for how long the first of them.
    pub unpublished: u64,
    pub unpublished_for: Duration,
}

/// How the log stands before one of its witnesses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WitnessNumbers {
    pub name: String,
    pub standing: &'static str,
    /// It has seen another history.
    pub is_alarm: bool,
    /// Records of the checkpoint that it signed last.
    pub size: u64,
    /// For how long at most there are records that it has not signed.
    pub lag: Duration,
}

impl Default for AuditFamilies {
    fn default() -> Self {
        Self {
            failing: Gauge::default(),
            records: Gauge::default(),
            bytes: Gauge::default(),
            bytes_max: Gauge::default(),
            unrecorded: Gauge::default(),
            denials_counted: Gauge::default(),
            // 0.1 ms to 3.3 s: a fast disk, and beyond what is waited for.
            append_seconds: Histogram::new(exponential_buckets(0.0001, 2.0, 16)),
            unpublished: Gauge::default(),
            unpublished_seconds: Gauge::default(),
            witness_records: Family::default(),
            witness_lag_seconds: Family::default(),
            witness_alarm: Family::default(),
        }
    }
}

impl AuditFamilies {
    pub fn register(&self, r: &mut Registry) {
        let failing = "1 while the audit log cannot be written and only unclassified data is shown";
        r.register("audit_failing", failing, self.failing.clone());
        r.register("audit_records", "Records in the audit log", self.records.clone());
        r.register("audit_bytes", "Bytes of the audit log, about", self.bytes.clone());
        r.register("audit_bytes_max", "Bytes that the audit log may have", self.bytes_max.clone());
        r.register("audit_unrecorded", "Records that could not be written", self.unrecorded.clone());
        let counted = "Denials that were only counted, since one network or caller had so many";
        r.register("audit_denials_counted", counted, self.denials_counted.clone());
        let append = "Time an answer waited for its record, written or not";
        r.register_with_unit("audit_append", append, Unit::Seconds, self.append_seconds.clone());
        let unpublished = "Records that are on the disk and under no checkpoint yet";
        r.register("audit_unpublished", unpublished, self.unpublished.clone());
        let lag = "How long there have been records under no checkpoint";
        r.register_with_unit("audit_unpublished", lag, Unit::Seconds, self.unpublished_seconds.clone());
        let signed = "Records of the checkpoint that a witness signed last";
        r.register("audit_witness_records", signed, self.witness_records.clone());
        let lag = "How long at most there have been records that a witness has not signed";
        r.register_with_unit("audit_witness_lag", lag, Unit::Seconds, self.witness_lag_seconds.clone());
        let alarm = "1 while a witness has seen another history of the audit log";
        r.register("audit_witness_alarm", alarm, self.witness_alarm.clone());
    }

    pub fn set(&self, numbers: &AuditNumbers) {
        self.failing.set(i64::from(numbers.is_failing));
        self.records.set(whole(numbers.records));
        self.bytes.set(whole(numbers.bytes));
        self.bytes_max.set(whole(numbers.bytes_max));
        self.unrecorded.set(whole(numbers.unrecorded));
        self.denials_counted.set(whole(numbers.denials_counted));
        self.unpublished.set(whole(numbers.unpublished));
        self.unpublished_seconds.set(numbers.unpublished_for.as_secs_f64());
    }

    pub fn set_witness(&self, numbers: &WitnessNumbers) {
        let labels = WitnessLabels { witness: numbers.name.clone() };
        self.witness_records.get_or_create(&labels).set(whole(numbers.size));
        self.witness_lag_seconds.get_or_create(&labels).set(numbers.lag.as_secs_f64());
        self.witness_alarm.get_or_create(&labels).set(i64::from(numbers.is_alarm));
    }

    pub fn appended(&self, took: Duration) {
        self.append_seconds.observe(took.as_secs_f64());
    }
}

fn whole(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
