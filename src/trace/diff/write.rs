//! The documents, as Go's `encoding/json` writes Tempo's: members in its order, and left out where it leaves
//! them out.

use super::normal::{Node, Normal};
use super::patch::{Change, Modified, Patch};
use super::span::Span;
use super::summary::{Service, Summary, Totals};
use super::value::Value;
use super::warning::Warning;
use crate::wire::json::{put_double, put_hex, put_int, put_string, put_uint};

/// A document up to a size. What is longer is not kept, but counted to its end: how long a patch would be is
/// part of an answer without it.
#[derive(Debug)]
pub(super) struct Out {
    kept: Vec<u8>,
    bytes_max: usize,
    /// Bytes that were written and let go of; none, while all are kept.
    gone: Option<usize>,
}

impl Out {
    pub fn within(bytes_max: usize) -> Self {
        Self { kept: Vec::new(), bytes_max, gone: None }
    }

    /// The document, or its length where it is too long.
    pub fn finish(mut self) -> Result<Vec<u8>, usize> {
        self.settle();
        match self.gone {
            None => Ok(self.kept),
            Some(bytes) => Err(bytes),
        }
    }

    /// Lets go of what is too much. To be called between pieces.
    fn settle(&mut self) {
        if self.gone.is_some() || self.kept.len() > self.bytes_max {
            *self.gone.get_or_insert(0) += self.kept.len();
            self.kept.clear();
        }
    }

    fn put(&mut self, text: &str) {
        self.kept.extend_from_slice(text.as_bytes());
    }

    /// The path of a node. A long one is only written where it fits, so that the paths of a deep trace cost no
    /// more than what is kept of them.
    fn put_path(&mut self, trace: &Normal<'_>, node: &Node) {
        if self.gone.is_some() || self.kept.len() + node.path_bytes > self.bytes_max {
            *self.gone.get_or_insert(0) += node.path_bytes + 2;
            return self.settle();
        }
        let mut places = vec![node.place];
        let mut at = node;
        while let Some(parent) = trace.node(at.parent) {
            places.push(parent.place);
            at = parent;
        }
        put_list(&mut self.kept, places.iter().rev(), |out, place| put_uint(out, u64::from(*place)));
    }
}

fn put_list<T>(out: &mut Vec<u8>, items: impl Iterator<Item = T>, put: impl Fn(&mut Vec<u8>, T)) {
    out.push(b'[');
    for (place, item) in items.enumerate() {
        if place > 0 {
            out.push(b',');
        }
        put(out, item);
    }
    out.push(b']');
}

/// Members whose values are numbers.
fn put_numbers(out: &mut Vec<u8>, members: &[(&str, i64)]) {
    for (place, (name, number)) in members.iter().enumerate() {
        if place > 0 {
            out.push(b',');
        }
        out.extend_from_slice(name.as_bytes());
        put_int(out, *number);
    }
}

fn put_text(out: &mut Vec<u8>, before: &str, text: &[u8]) {
    out.extend_from_slice(before.as_bytes());
    put_string(out, text);
}

fn count(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn put_warnings(out: &mut Vec<u8>, warnings: &[Warning]) {
    put_list(out, warnings.iter(), |out, warning| {
        put_text(out, "{\"code\":", warning.code.as_str().as_bytes());
        put_text(out, ",\"message\":", warning.message.as_bytes());
        out.push(b'}');
    });
}

/// `trace-patch-v0`.
pub(super) fn patch(
    out: &mut Out,
    base: &Normal<'_>,
    compare: &Normal<'_>,
    patch: &Patch<'_>,
    warnings: &[Warning],
) {
    out.put("{\"version\":\"trace-patch-v0\"");
    for (side, trace) in [(",\"base\":{\"traceId\":", base), (",\"compare\":{\"traceId\":", compare)] {
        out.put(side);
        put_hex(&mut out.kept, trace.trace);
        put_numbers(&mut out.kept, &[(",\"spanCount\":", count(trace.spans.len()))]);
        out.put("}");
    }
    out.put(",\"stats\":{");
    let stats = [
        ("\"spanCountA\":", count(base.spans.len())),
        ("\"spanCountB\":", count(compare.spans.len())),
        ("\"matchedSpans\":", count(patch.matched)),
        ("\"modifiedSpans\":", count(patch.modified.len())),
        ("\"addedSpans\":", count(patch.added.len())),
        ("\"removedSpans\":", count(patch.removed.len())),
        ("\"fieldChanges\":", count(patch.field_changes())),
        ("\"attributeChanges\":", count(patch.attribute_changes())),
        // Tempo counts none yet, and cuts nothing.
        ("\"eventChanges\":", 0),
    ];
    put_numbers(&mut out.kept, &stats);
    out.put(",\"truncated\":false},\"modified\":[");
    for (place, modified) in patch.modified.iter().enumerate() {
        put_modified(out, compare, modified, place > 0);
    }
    out.put("],\"added\":[");
    for (place, node) in patch.added.iter().enumerate() {
        put_added(out, compare, *node, place > 0);
    }
    out.put("],\"removed\":[");
    for (place, node) in patch.removed.iter().enumerate() {
        put_removed(out, base, *node, place > 0);
    }
    out.put("],\"warnings\":");
    put_warnings(&mut out.kept, warnings);
    out.put("}");
}

fn put_modified(out: &mut Out, compare: &Normal<'_>, modified: &Modified<'_>, is_next: bool) {
    let Some((node, span)) = node_of(compare, modified.node) else { return };
    out.put(if is_next { ",{\"span\":{" } else { "{\"span\":{" });
    put_reference(out, compare, node, span);
    out.put("},\"changes\":");
    put_list(&mut out.kept, modified.changes.iter(), put_change);
    out.put("}");
    out.settle();
}

fn put_added(out: &mut Out, compare: &Normal<'_>, node: u32, is_next: bool) {
    let Some((node, span)) = node_of(compare, node) else { return };
    out.put(if is_next { ",{\"target\":{\"type\":\"span\"" } else { "{\"target\":{\"type\":\"span\"" });
    if let Some(parent) = compare.node(node.parent) {
        out.put(",\"parentPath\":");
        out.put_path(compare, parent);
    }
    put_numbers(&mut out.kept, &[(",\"index\":", i64::from(node.place))]);
    out.put("},\"span\":{");
    put_snapshot(out, compare, node, span);
}

fn put_removed(out: &mut Out, base: &Normal<'_>, node: u32, is_next: bool) {
    let Some((node, span)) = node_of(base, node) else { return };
    out.put(if is_next { ",{\"target\":{" } else { "{\"target\":{" });
    out.put("\"type\":\"span\",\"path\":");
    out.put_path(base, node);
    out.put("},\"span\":{");
    put_snapshot(out, base, node, span);
}

fn node_of<'n, 'a>(trace: &'n Normal<'a>, node: u32) -> Option<(&'n Node, &'n Span<'a>)> {
    let node = trace.node(node)?;
    Some((node, trace.span(node)?))
}

fn put_reference(out: &mut Out, trace: &Normal<'_>, node: &Node, span: &Span<'_>) {
    out.put("\"path\":");
    out.put_path(trace, node);
    put_text(&mut out.kept, ",\"service\":", span.identity.service);
    put_text(&mut out.kept, ",\"name\":", span.identity.name);
    put_text(&mut out.kept, ",\"kind\":", span.identity.kind.as_bytes());
}

fn put_snapshot(out: &mut Out, trace: &Normal<'_>, node: &Node, span: &Span<'_>) {
    put_reference(out, trace, node, span);
    put_numbers(&mut out.kept, &[(",\"duration_nanos\":", span.duration_ns().unwrap_or(0))]);
    put_text(&mut out.kept, ",\"status\":", span.status.as_bytes());
    out.put("}}");
    out.settle();
}

fn put_change(out: &mut Vec<u8>, change: &Change<'_>) {
    let whole = |number: Option<i64>| number.map_or(Value::Nil, Value::Int);
    let (op, name, key, before, after) = match change {
        Change::Duration { before, after } => {
            ("modify", "duration_nanos", None, whole(*before), whole(*after))
        }
        Change::Status { before, after } => {
            ("modify", "status", None, Value::Text(before.as_bytes()), Value::Text(after.as_bytes()))
        }
        Change::Added { key, after } => ("add", "", Some(*key), Value::Nil, Value::maybe(*after)),
        Change::Removed { key, before } => ("remove", "", Some(*key), Value::maybe(*before), Value::Nil),
        Change::Attribute { key, before, after } => {
            ("modify", "", Some(*key), Value::maybe(*before), Value::maybe(*after))
        }
    };
    put_text(out, "{\"op\":", op.as_bytes());
    match key {
        None => put_text(out, ",\"target\":{\"type\":\"field\",\"name\":", name.as_bytes()),
        Some(key) => {
            out.extend_from_slice(b",\"target\":{\"type\":\"attribute\",\"scope\":\"span\"");
            if !key.is_empty() {
                put_text(out, ",\"key\":", key);
            }
        }
    }
    out.extend_from_slice(b"},\"before\":");
    before.put_json(out);
    out.extend_from_slice(b",\"after\":");
    after.put_json(out);
    out.push(b'}');
}

/// `trace-summary-v0-native`.
pub(super) fn summary(
    out: &mut Vec<u8>,
    base: &Normal<'_>,
    compare: &Normal<'_>,
    patch: &Patch<'_>,
    summary: &Summary<'_>,
    warnings: &[Warning],
) {
    out.extend_from_slice(b"{\"version\":\"trace-summary-v0-native\",\"base\":{");
    put_totals(out, base, &summary.base);
    out.extend_from_slice(b"},\"compare\":{");
    put_totals(out, compare, &summary.compare);
    let spans = (count(base.spans.len()), count(compare.spans.len()));
    let stats = [
        ("\"traceLatencyDeltaMs\":", summary.latency_delta_ms()),
        ("\"sumSpanDurationDeltaMs\":", summary.spans_delta_ms()),
        ("\"spanCountDelta\":", spans.1 - spans.0),
        ("\"errorSpanDelta\":", summary.compare.errors - summary.base.errors),
        ("\"matchedSpans\":", count(patch.matched)),
        ("\"modifiedSpans\":", count(patch.modified.len())),
        ("\"addedSpans\":", count(patch.added.len())),
        ("\"removedSpans\":", count(patch.removed.len())),
        ("\"fieldChanges\":", count(patch.field_changes())),
        ("\"attributeChanges\":", count(patch.attribute_changes())),
    ];
    let [latency, spans_ms, span_count, errors, ..] = stats.map(|(_, delta)| direction(delta));
    put_text(out, "},\"signals\":{\"traceLatency\":", latency);
    put_text(out, ",\"sumSpanDuration\":", spans_ms);
    put_text(out, ",\"errors\":", errors);
    put_text(out, ",\"spanCount\":", span_count);
    let is_changed = summary.is_structure_changed || !patch.added.is_empty() || !patch.removed.is_empty();
    put_text(out, ",\"structure\":", if is_changed { b"changed" } else { b"unchanged" });
    out.extend_from_slice(b"},\"trust\":{\"matchedSpanRatio\":");
    put_double(out, share(patch.matched, spans.0.max(spans.1)));
    out.extend_from_slice(b",\"structureOverlap\":");
    put_double(out, share(patch.matched, spans.0.min(spans.1)));
    out.extend_from_slice(b"},\"stats\":{");
    put_numbers(out, &stats);
    out.push(b'}');
    if !warnings.is_empty() {
        out.extend_from_slice(b",\"warnings\":");
        put_warnings(out, warnings);
    }
    out.extend_from_slice(b",\"changedServices\":");
    put_list(out, summary.changed_services.iter(), |out, service| put_string(out, service));
    out.extend_from_slice(b",\"services\":");
    put_list(out, summary.services.iter(), put_service);
    out.push(b'}');
}

fn put_totals(out: &mut Vec<u8>, trace: &Normal<'_>, totals: &Totals) {
    out.extend_from_slice(b"\"traceId\":");
    put_hex(out, trace.trace);
    if let Some((_, root)) = trace.each().next() {
        for (name, text) in
            [(",\"rootService\":", root.identity.service), (",\"rootName\":", root.identity.name)]
        {
            if !text.is_empty() {
                put_text(out, name, text);
            }
        }
    }
    out.push(b',');
    put_numbers(
        out,
        &[
            ("\"spanCount\":", count(trace.spans.len())),
            ("\"errorSpanCount\":", totals.errors),
            ("\"durationMs\":", totals.duration_ms()),
            ("\"sumSpanDurationMs\":", totals.spans_ms()),
        ],
    );
}

fn put_service(out: &mut Vec<u8>, service: &Service<'_>) {
    put_text(out, "{\"name\":", service.name);
    let counts = service.counts;
    let number = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
    out.push(b',');
    put_numbers(
        out,
        &[
            ("\"sumSpanDurationDeltaMs\":", service.spans_delta_ms),
            ("\"modified\":", number(counts.modified)),
            ("\"added\":", number(counts.added)),
            ("\"removed\":", number(counts.removed)),
            ("\"newErrors\":", number(counts.new_errors)),
            ("\"resolvedErrors\":", number(counts.resolved_errors)),
        ],
    );
    out.push(b'}');
}

fn direction(delta: i64) -> &'static [u8] {
    match delta {
        1.. => b"increased",
        0 => b"unchanged",
        _ => b"decreased",
    }
}

fn share(of: usize, all: i64) -> f64 {
    if all == 0 { 0.0 } else { of as f64 / all as f64 }
}
