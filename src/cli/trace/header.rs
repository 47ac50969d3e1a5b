//! What stands above the tree: the trace in a few words, how each region fared, and what is missing.

use std::collections::HashSet;

use anstyle::Style;

use super::document::{Document, Owed, RegionReport, Report};
use super::layout::Layout;
use super::line::{ERROR, FAINT, GOOD, Line, MISSING, PLAIN, STRONG, pack, region_style};
use super::scale::Scale;
use super::text::{bytes, clean, count, cut, duration, left, millis, right, utc, width, wrap};

/// Columns of a region's name here and in the tree; longer ones are cut.
pub const REGION_COLUMNS_MAX: usize = 16;

/// What the trace is: root, duration, start, counts, and how whole the answer is.
pub fn summary(document: &Document, layout: &Layout, scale: &Scale, columns: usize) -> String {
    let trace = &document.trace;
    let mut title = Line::new(columns);
    match layout.root.and_then(|root| trace.spans.get(root)) {
        Some(root) => {
            let service = trace.resource(root).map(|r| r.service.as_str()).unwrap_or_default();
            title.put(STRONG, &clean(service)).put(PLAIN, "  ").put(STRONG, &clean(&root.name));
        }
        None => {
            title.put(MISSING, "MISSING root span");
        }
    }
    let errors = trace.real().filter(|span| span.is_error).count() as u64;
    let distinct = |name: fn(&super::document::Resource) -> &str| {
        let used = trace.real().filter_map(|span| trace.resource(span)).map(name);
        used.filter(|name| !name.is_empty()).collect::<HashSet<_>>().len() as u64
    };
    let facts = [
        (STRONG, duration(scale.nanos())),
        (PLAIN, utc(scale.start)),
        (PLAIN, count(trace.real().count() as u64, "span")),
        (PLAIN, count(distinct(|r| &r.service), "service")),
        (PLAIN, count(distinct(|r| &r.region), "region")),
        (if errors > 0 { ERROR } else { PLAIN }, count(errors, "error")),
    ];
    title.end() + &pack(&facts, columns) + &pack(&outcome(&document.report), columns)
}

fn outcome(report: &Report) -> Vec<(Style, String)> {
    let exactness = clean(&report.exactness).replace('_', " ");
    let outcome = match report.outcome.as_str() {
        "complete" => (GOOD, "complete".to_owned()),
        other => (MISSING, clean(other).to_uppercase()),
    };
    let mut facts = vec![(FAINT, format!("trace {}", clean(&report.trace_id))), outcome];
    facts.push((if report.is_complete() { FAINT } else { MISSING }, exactness));
    facts.push((FAINT, format!("answered in {} ms", millis(report.took_ms))));
    facts.retain(|(_, fact)| !fact.is_empty());
    facts
}

/// One line for each declared region; what else there is to say of it stands behind or below.
pub fn regions(report: &Report, columns: usize) -> String {
    let widest = |of: fn(&RegionReport) -> &str, title: &str, max: usize| {
        report.regions.iter().map(|r| width(&clean(of(r)))).max().unwrap_or_default().clamp(width(title), max)
    };
    let names = widest(|r| &r.name, "region", REGION_COLUMNS_MAX);
    let laws = widest(|r| &r.jurisdiction, "law", 8);
    let statuses = widest(|r| &r.status, "status", 14);
    let row = |cells: [&str; 6], styles: [Style; 3]| {
        let [name, law, status, ms, spans, size] = cells;
        let mut line = Line::new(columns);
        line.put(styles[0], &left(name, names))
            .put(PLAIN, "  ")
            .put(styles[1], &left(law, laws))
            .put(PLAIN, "  ");
        line.put(styles[2], &left(status, statuses)).put(styles[1], &right(ms, 8));
        line.put(styles[1], &right(spans, 8)).put(styles[1], &right(size, 10));
        line
    };
    let mut table = row(["region", "law", "status", "ms", "spans", "bytes"], [FAINT; 3]).end();
    for (place, region) in report.regions.iter().enumerate() {
        let status_style = status_style(&region.status);
        let cells = [
            &clean(&region.name),
            &clean(&region.jurisdiction),
            &clean(&region.status),
            &millis(region.took_ms),
            &region.spans.to_string(),
            &bytes(region.bytes),
        ];
        let mut line = row(cells.map(String::as_str), [region_style(Some(place)), PLAIN, status_style]);
        let detail = detail(region);
        let used = names + laws + statuses + 4 + 26;
        if used + 2 + width(&detail) <= columns {
            line.put(PLAIN, "  ").put(status_style, &detail);
            table.push_str(&line.end());
        } else {
            table.push_str(&line.end());
            for part in wrap(&detail, columns.saturating_sub(2)) {
                let mut below = Line::new(columns);
                below.put(PLAIN, "  ").put(status_style, &part);
                table.push_str(&below.end());
            }
        }
    }
    table
}

fn status_style(status: &str) -> Style {
    match status {
        "ok" => PLAIN,
        "partial" | "too_fresh" | "truncated" | "too_large" => MISSING,
        _ => ERROR,
    }
}

fn detail(region: &RegionReport) -> String {
    let mut parts = Vec::new();
    parts.extend(region.detail.as_deref().map(clean));
    parts.extend(region.http_status.filter(|code| *code != 200).map(|code| format!("HTTP {code}")));
    parts.extend((region.attempts > 1).then(|| format!("{} attempts", region.attempts)));
    parts.extend(
        (region.treated > 0).then(|| format!("{} treated by policy", count(region.treated, "value"))),
    );
    parts.join(", ")
}

/// What is not in the answer, a line for each kind.
pub fn missing(report: &Report, columns: usize) -> String {
    let mut lines = String::new();
    for region in report.missing() {
        let what = format!(
            "  what {} holds: {}",
            cut(&clean(&region.name), REGION_COLUMNS_MAX),
            clean(&region.status)
        );
        lines.push_str(&missing_line(&what, columns));
    }
    let owed = [
        (report.owed.missing_parents, "missing_parent", "parent span"),
        (report.owed.clients_without_server, "client_without_server", "server span"),
    ];
    for (number, kind, name) in owed.into_iter().filter(|(number, ..)| *number > 0) {
        let named: Vec<&Owed> = report.owed.first.iter().filter(|owed| owed.what == kind).collect();
        let suspected = suspects(&named);
        lines.push_str(&missing_line(&format!("  {}{suspected}", count(number, name)), columns));
    }
    lines
}

fn missing_line(what: &str, columns: usize) -> String {
    let mut line = Line::new(columns);
    line.put(MISSING, "MISSING").put(PLAIN, what);
    line.end()
}

/// Where the owed spans probably are, each region once.
fn suspects(owed: &[&Owed]) -> String {
    let mut regions: Vec<String> = owed.iter().filter_map(|o| o.suspected.as_deref()).map(clean).collect();
    regions.sort();
    regions.dedup();
    if regions.is_empty() { String::new() } else { format!(", perhaps in {}", regions.join(", ")) }
}
