//! How the audit log is.

use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

#[derive(Debug, Clone, Default)]
pub(super) struct AuditFamilies {
    failing: Gauge,
    records: Gauge,
    bytes: Gauge,
    bytes_max: Gauge,
    unrecorded: Gauge,
    denials_counted: Gauge,
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
}

impl AuditFamilies {
    pub fn register(&self, r: &mut Registry) {
        let failing = "1 while the audit log cannot be written and only unclassified data is shown";
        r.register("audit_failing", failing, self.failing.clone());
        r.register("audit_records", "Records in the audit log", self.records.clone());
        r.register("audit_bytes", "Bytes of the audit log, about", self.bytes.clone());
        r.register("audit_bytes_max", "Bytes that the audit log may have", self.bytes_max.clone());
        r.register("audit_unrecorded", "Records that could not be written", self.unrecorded.clone());
        let counted = "Denials that were only counted, since one network had so many";
        r.register("audit_denials_counted", counted, self.denials_counted.clone());
    }

    pub fn set(&self, numbers: &AuditNumbers) {
        let whole = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        self.failing.set(i64::from(numbers.is_failing));
        self.records.set(whole(numbers.records));
        self.bytes.set(whole(numbers.bytes));
        self.bytes_max.set(whole(numbers.bytes_max));
        self.unrecorded.set(whole(numbers.unrecorded));
        self.denials_counted.set(whole(numbers.denials_counted));
    }
}
