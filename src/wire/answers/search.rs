//! `SearchResponse`: the traces that match.

use super::Jobs;
use super::object::Object;
use super::shown::{put_pair, put_pair_json};
use crate::model::TraceId;
use crate::model::search::{Inspected, SearchAnswer, ServiceStats, SpanRow, SpanSet, TraceRow};
use crate::wire::json::put_hex;
use crate::wire::protobuf::{put_bytes_field, put_message, put_varint_field};

/// What stands for a root that is not there, or has no service.
pub(super) const NO_ROOT: &str = "<root span not yet received>";

pub(super) const NANOS_PER_MS: u64 = 1_000_000;

pub(super) mod response {
    pub const TRACES: u32 = 1;
    pub const METRICS: u32 = 2;
}

pub(super) mod trace {
    pub const ID: u32 = 1;
    pub const ROOT_SERVICE: u32 = 2;
    pub const ROOT_NAME: u32 = 3;
    pub const START: u32 = 4;
    pub const DURATION_MS: u32 = 5;
    pub const SPAN_SET: u32 = 6;
    pub const SPAN_SETS: u32 = 7;
    pub const SERVICE_STATS: u32 = 8;
}

pub(super) mod span_set {
    pub const SPANS: u32 = 1;
    pub const MATCHED: u32 = 2;
    pub const ATTRIBUTES: u32 = 3;
}

pub(super) mod span {
    pub const ID: u32 = 1;
    pub const NAME: u32 = 2;
    pub const START: u32 = 3;
    pub const DURATION: u32 = 4;
    pub const ATTRIBUTES: u32 = 5;
}

pub(super) mod stats {
    pub const SPANS: u32 = 1;
    pub const ERRORS: u32 = 2;
}

/// An entry of any map.
pub(super) mod entry {
    pub const KEY: u32 = 1;
    pub const VALUE: u32 = 2;
}

pub(super) mod metrics {
    pub const TRACES: u32 = 1;
    pub const BYTES: u32 = 2;
    pub const COMPLETED_JOBS: u32 = 4;
    pub const TOTAL_JOBS: u32 = 5;
}

pub fn search_json(answer: &SearchAnswer, jobs: Jobs) -> Vec<u8> {
    let mut out = Vec::new();
    let mut response = Object::open(&mut out);
    response.list_always("traces", &answer.traces, put_trace_json);
    put_metrics_json(response.member("metrics"), answer.inspected, jobs);
    response.close();
    out
}

fn put_trace_json(out: &mut Vec<u8>, row: &TraceRow) {
    let mut trace = Object::open(out);
    trace.text("traceID", &shown_id(&row.id));
    trace.text("rootServiceName", root_service(row));
    trace.text("rootTraceName", &row.root_name);
    trace.quoted("startTimeUnixNano", row.start);
    trace.number("durationMs", duration_ms(row));
    // The older place of the first set; Grafana still reads it.
    if let Some(first) = row.span_sets.first() {
        put_span_set_json(trace.member("spanSet"), first);
    }
    trace.list("spanSets", &row.span_sets, put_span_set_json);
    if !row.service_stats.is_empty() {
        let mut services = Object::open(trace.member("serviceStats"));
        for (service, stats) in &row.service_stats {
            let mut counts = Object::open(services.named(service));
            counts.number("spanCount", stats.spans);
            counts.number("errorCount", stats.errors);
            counts.close();
        }
        services.close();
    }
    trace.close();
}

fn put_span_set_json(out: &mut Vec<u8>, set: &SpanSet) {
    let mut object = Object::open(out);
    object.list("spans", &set.spans, put_span_json);
    object.number("matched", set.matched);
    object.list("attributes", &set.attributes, put_pair_json);
    object.close();
}

fn put_span_json(out: &mut Vec<u8>, row: &SpanRow) {
    let mut span = Object::open(out);
    put_hex(span.member("spanID"), &row.id);
    span.text("name", &row.name);
    span.quoted("startTimeUnixNano", row.start);
    span.quoted("durationNanos", row.duration_ns);
    span.list("attributes", &row.attributes, put_pair_json);
    span.close();
}

/// `SearchMetrics`, which metrics queries send, too. Of spans no number is told: a Tempo has a place for it
/// and leaves it empty.
pub(super) fn put_metrics_json(out: &mut Vec<u8>, inspected: Inspected, jobs: Jobs) {
    let mut metrics = Object::open(out);
    metrics.number("inspectedTraces", in_32_bits(inspected.traces));
    metrics.quoted("inspectedBytes", inspected.bytes);
    metrics.number("completedJobs", jobs.completed);
    metrics.number("totalJobs", jobs.total);
    metrics.close();
}

pub fn search_protobuf(answer: &SearchAnswer, jobs: Jobs) -> Vec<u8> {
    let mut out = Vec::new();
    for row in &answer.traces {
        put_message(&mut out, response::TRACES, |out| put_trace(out, row));
    }
    // Written even when empty: readers take it by pointer.
    put_message(&mut out, response::METRICS, |out| {
        put_number(out, metrics::TRACES, u64::from(in_32_bits(answer.inspected.traces)));
        put_number(out, metrics::BYTES, answer.inspected.bytes);
        put_number(out, metrics::COMPLETED_JOBS, u64::from(jobs.completed));
        put_number(out, metrics::TOTAL_JOBS, u64::from(jobs.total));
    });
    out
}

fn put_trace(out: &mut Vec<u8>, row: &TraceRow) {
    put_text(out, trace::ID, &shown_id(&row.id));
    put_text(out, trace::ROOT_SERVICE, root_service(row));
    put_text(out, trace::ROOT_NAME, &row.root_name);
    put_number(out, trace::START, row.start);
    put_number(out, trace::DURATION_MS, u64::from(duration_ms(row)));
    if let Some(first) = row.span_sets.first() {
        put_message(out, trace::SPAN_SET, |out| put_span_set(out, first));
    }
    for set in &row.span_sets {
        put_message(out, trace::SPAN_SETS, |out| put_span_set(out, set));
    }
    for (service, stats) in &row.service_stats {
        put_message(out, trace::SERVICE_STATS, |out| put_service(out, service, *stats));
    }
}

/// Both halves of an entry are written, whatever they hold.
fn put_service(out: &mut Vec<u8>, service: &str, counts: ServiceStats) {
    put_bytes_field(out, entry::KEY, service.as_bytes());
    put_message(out, entry::VALUE, |out| {
        put_number(out, stats::SPANS, u64::from(counts.spans));
        put_number(out, stats::ERRORS, u64::from(counts.errors));
    });
}

fn put_span_set(out: &mut Vec<u8>, set: &SpanSet) {
    for row in &set.spans {
        put_message(out, span_set::SPANS, |out| put_span(out, row));
    }
    put_number(out, span_set::MATCHED, u64::from(set.matched));
    for pair in &set.attributes {
        put_pair(out, span_set::ATTRIBUTES, pair);
    }
}

fn put_span(out: &mut Vec<u8>, row: &SpanRow) {
    put_text(out, span::ID, &format!("{:016x}", u64::from_be_bytes(row.id)));
    put_text(out, span::NAME, &row.name);
    put_number(out, span::START, row.start);
    put_number(out, span::DURATION, row.duration_ns);
    for pair in &row.attributes {
        put_pair(out, span::ATTRIBUTES, pair);
    }
}

pub(super) fn put_text(out: &mut Vec<u8>, number: u32, text: &str) {
    if !text.is_empty() {
        put_bytes_field(out, number, text.as_bytes());
    }
}

pub(super) fn put_number(out: &mut Vec<u8>, number: u32, value: u64) {
    if value != 0 {
        put_varint_field(out, number, value);
    }
}

/// Without zeros in front: searches show ids so, unlike traces.
fn shown_id(id: &TraceId) -> String {
    id.to_string().trim_start_matches('0').to_owned()
}

fn root_service(row: &TraceRow) -> &str {
    if row.root_service.is_empty() { NO_ROOT } else { &row.root_service }
}

/// Of what is longer than 49 days, what is left over of them: Tempo cuts the number to its 32 bits.
fn duration_ms(row: &TraceRow) -> u32 {
    (row.duration_ns / NANOS_PER_MS) as u32
}

fn in_32_bits(count: u64) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}
