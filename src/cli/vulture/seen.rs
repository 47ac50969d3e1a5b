//! A trace as the gateway shows it, as far as it is compared: ids, times, kinds, names and texts.

use std::collections::HashMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::judge::Said;

/// Spans that are read of one answer; a planted trace has far fewer.
const SPANS_MAX: usize = 10_000;

#[derive(Debug, Default)]
pub(super) struct SeenTrace {
    /// By its report.
    pub said: Said,
    pub spans: HashMap<Vec<u8>, SeenSpan>,
    /// A span id that stands twice.
    pub has_twins: bool,
}

#[derive(Debug, Default, Clone)]
pub(super) struct SeenSpan {
    pub parent: Vec<u8>,
    pub name: String,
    pub kind: String,
    pub start: u64,
    pub end: u64,
    pub region: String,
    pub texts: HashMap<String, String>,
    pub is_treated: bool,
}

/// Of `/api/tutti/v1/traces/{id}`; nothing where it is none of its documents.
pub(super) fn trace(json: &str) -> Option<SeenTrace> {
    let document: Value = serde_json::from_str(json).ok()?;
    let report = document.get("report")?;
    let mut seen = SeenTrace::default();
    seen.said.outcome = text(report, "outcome");
    for region in list(report, "regions") {
        let status = text(region, "status");
        if !matches!(status.as_str(), "ok" | "not_needed" | "not_found") {
            seen.said.lacking.push(format!("{}: {status}", text(region, "name")));
        }
    }
    let trace = document.get("trace")?;
    for resource in list(trace, "resourceSpans") {
        let region = resource.get("resource").map(texts).unwrap_or_default();
        let region = region.get("tutti.region").cloned().unwrap_or_default();
        let spans = list(resource, "scopeSpans").flat_map(|scope| list(scope, "spans"));
        for span in spans.take(SPANS_MAX.saturating_sub(seen.spans.len())) {
            if is_marked(span, "tutti.synthetic") {
                continue;
            }
            let read = SeenSpan { region: region.clone(), ..read(span) };
            seen.has_twins |= seen.spans.insert(id(span, "spanId"), read).is_some();
        }
    }
    Some(seen)
}

fn read(span: &Value) -> SeenSpan {
    SeenSpan {
        parent: id(span, "parentSpanId"),
        name: text(span, "name"),
        kind: text(span, "kind"),
        start: nanos(span, "startTimeUnixNano"),
        end: nanos(span, "endTimeUnixNano"),
        region: String::new(),
        texts: texts(span),
        is_treated: is_marked(span, "tutti.redacted"),
    }
}

fn list<'a>(of: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> {
    of.get(key).and_then(Value::as_array).into_iter().flatten()
}

fn text(of: &Value, key: &str) -> String {
    of.get(key).and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn id(of: &Value, key: &str) -> Vec<u8> {
    STANDARD.decode(text(of, key)).unwrap_or_default()
}

fn nanos(of: &Value, key: &str) -> u64 {
    text(of, key).parse().unwrap_or_default()
}

fn texts(of: &Value) -> HashMap<String, String> {
    let pair = |attribute: &Value| {
        let value = attribute.get("value")?.get("stringValue")?.as_str()?;
        Some((text(attribute, "key"), value.to_owned()))
    };
    list(of, "attributes").filter_map(pair).collect()
}

fn is_marked(span: &Value, key: &str) -> bool {
    list(span, "attributes").any(|attribute| text(attribute, "key") == key)
}
