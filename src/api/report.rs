//! The completeness report on its channels: headers, Tempo's status and message, JSON.

use std::fmt::{self, Write};

use http::header;
use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Value, json};

use crate::federation::Refusal;
use crate::federation::refusal::in_words;
use crate::model::coverage::Owing;
use crate::model::{Coverage, Outcome, RegionReport, TraceId};

const OUTCOME: HeaderName = HeaderName::from_static("tutti-outcome");
const EXACTNESS: HeaderName = HeaderName::from_static("tutti-exactness");
const REGIONS: HeaderName = HeaderName::from_static("tutti-regions");
const NEXT: HeaderName = HeaderName::from_static("tutti-next");
/// What was allowed, beside what happened.
const MODE: HeaderName = HeaderName::from_static("tutti-mode");
/// About what is said of one region there.
const REGION_HEADER_BYTES: usize = 80;
const CACHE: HeaderName = HeaderName::from_static("tutti-cache");

/// Puts the report's headers on an answer.
pub fn put_headers(headers: &mut HeaderMap, coverage: &Coverage, from_cache: bool) {
    put(headers, OUTCOME, coverage.outcome().as_str());
    put(headers, MODE, coverage.mode.as_str());
    put(headers, EXACTNESS, coverage.exactness().as_str());
    put(headers, CACHE, if from_cache { "hit" } else { "miss" });
    put_look_again(headers, coverage);
    put_regions(headers, coverage);
}

/// Says where the next page begins.
pub fn put_next(headers: &mut HeaderMap, cursor: &str) {
    put(headers, NEXT, cursor);
}

/// Puts the headers of a refusal on an error.
pub fn put_refusal(headers: &mut HeaderMap, refusal: &Refusal) {
    put_refused(headers);
    if let Some(coverage) = &refusal.coverage {
        put(headers, MODE, coverage.mode.as_str());
        put(headers, EXACTNESS, coverage.exactness().as_str());
        put_look_again(headers, coverage);
        put_regions(headers, coverage);
    }
}

/// A request that was refused before any region was asked.
pub fn put_refused(headers: &mut HeaderMap) {
    put(headers, OUTCOME, Outcome::Refused.as_str());
}

/// Where a region is still waited for.
fn put_look_again(headers: &mut HeaderMap, coverage: &Coverage) {
    if let Some(seconds) = coverage.look_again() {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
}

fn put_regions(headers: &mut HeaderMap, coverage: &Coverage) {
    let mut text = String::with_capacity(coverage.regions.len() * REGION_HEADER_BYTES);
    for report in &coverage.regions {
        if !text.is_empty() {
            text.push_str(", ");
        }
        // Cannot fail: it is written to memory.
        let _ = write_region(&mut text, report);
    }
    put(headers, REGIONS, &text);
}

fn write_region(text: &mut String, report: &RegionReport) -> fmt::Result {
    let (status, ms) = (report.status.as_str(), report.took.as_millis());
    let egress = if report.is_raw_egress { ";egress=raw" } else { "" };
    let (region, spans, bytes) = (report.region.as_str(), report.spans, report.bytes);
    write!(text, "{region};status={status};ms={ms};spans={spans};bytes={bytes}{egress}")
}

fn put(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

/// Why a trace is partial, as v2's `message`: Tempo's own reasons first, in its order and words.
pub fn trace_message(coverage: &Coverage, exceeds: Option<u64>, was_filtered: bool) -> Option<String> {
    let exceeds = exceeds.map(|bytes_max| {
        format!("Trace exceeds maximum size of {bytes_max} bytes, a partial trace is returned")
    });
    let filtered = was_filtered
        .then(|| "Trace filtered, only a subset of spans matching the filter is returned".to_owned());
    message(exceeds.into_iter().chain(filtered), coverage)
}

/// Why an answer is partial: Tempo's own reasons, then what is missing by region.
pub fn message(of_tempo: impl IntoIterator<Item = String>, coverage: &Coverage) -> Option<String> {
    let reasons: Vec<String> = of_tempo.into_iter().chain(coverage.missing().map(in_words)).collect();
    (!reasons.is_empty()).then(|| reasons.join("; "))
}

/// The report as JSON, for the terminal and for tools.
pub fn to_json(id: &TraceId, coverage: &Coverage, took_ms: f64) -> Value {
    json!({
        "traceId": id.to_string(),
        "mode": coverage.mode.as_str(),
        "outcome": coverage.outcome().as_str(),
        "exactness": coverage.exactness().as_str(),
        "planDigest": coverage.plan_digest,
        "lookAgainSeconds": coverage.look_again(),
        "tookMs": took_ms,
        "regions": coverage.regions.iter().map(region_to_json).collect::<Vec<_>>(),
        "owed": owed_to_json(&coverage.owed),
    })
}

/// The report of a refusal: whatever the regions would have made possible, nothing was answered.
pub fn refusal_to_json(id: &TraceId, coverage: &Coverage, took_ms: f64) -> Value {
    let mut report = to_json(id, coverage, took_ms);
    if let Some(outcome) = report.get_mut("outcome") {
        *outcome = Outcome::Refused.as_str().into();
    }
    report
}

pub fn region_to_json(report: &RegionReport) -> Value {
    let mut json = json!({
        "name": report.region.as_str(),
        "jurisdiction": report.jurisdiction.as_str(),
        "status": report.status.as_str(),
        "detail": report.detail,
        "httpStatus": report.http_status,
        "tookMs": in_ms(report.took),
        "firstByteMs": report.first_byte.map(in_ms),
        "bytes": report.bytes,
        "spans": report.spans,
        "attempts": report.attempts,
        "treated": report.treated,
    });
    if let Some(json) = json.as_object_mut() {
        if report.hedged > 0 {
            json.insert("hedged".to_owned(), report.hedged.into());
        }
        if let Some(seconds) = report.look_again() {
            json.insert("lookAgainSeconds".to_owned(), seconds.into());
        }
        if report.is_raw_egress {
            json.insert("rawEgress".to_owned(), true.into());
        }
        if let Some(within) = &report.within {
            let regions: Vec<Value> = within.regions.iter().map(region_to_json).collect();
            let mut said = json!({
                "gateway": within.gateway,
                "exactness": within.exactness.as_str(),
                "regions": regions,
            });
            if let (Some(said), false) = (said.as_object_mut(), within.elsewhere.is_empty()) {
                said.insert("elsewhere".to_owned(), within.elsewhere.clone().into());
            }
            if let (Some(said), true) = (said.as_object_mut(), within.is_abridged) {
                said.insert("abridged".to_owned(), true.into());
            }
            json.insert("within".to_owned(), said);
        }
    }
    // Only where classes decided: listed keys are of none.
    if !report.treated_by_class.is_empty()
        && let Some(json) = json.as_object_mut()
    {
        let counts =
            report.treated_by_class.iter().map(|(class, count)| (class.clone(), Value::from(*count)));
        json.insert("treatedByClass".to_owned(), Value::Object(counts.collect()));
    }
    json
}

fn owed_to_json(owed: &Owing) -> Value {
    let first: Vec<Value> = owed
        .first
        .iter()
        .map(|owed| {
            json!({
                "what": owed.what.as_str(),
                "spanId": owed.span_id,
                "suspected": owed.suspected.as_ref().map(|region| region.as_str()),
            })
        })
        .collect();
    let by_region: serde_json::Map<String, Value> =
        owed.by_region.iter().map(|(region, count)| (region.to_string(), (*count).into())).collect();
    json!({
        "missingParents": owed.missing_parents,
        "clientsWithoutServer": owed.clients_without_server,
        "byRegion": by_region,
        "first": first,
    })
}

/// Milliseconds to the microsecond.
pub fn in_ms(took: std::time::Duration) -> f64 {
    (took.as_secs_f64() * 1e6).round() / 1e3
}
