//! What stands above the tree: the trace in a few words, how each region fared, and what is missing.

use std::collections::HashSet;

use anstyle::Style;

use super::document::{Document, Owed, RegionReport, Report};
use super::layout::Layout;
use super::scale::Scale;
use crate::cli::line::{ERROR, FAINT, GOOD, Line, MISSING, PLAIN, STRONG, pack, region_style};
use crate::cli::text::{
    bytes, clean, count, cut, duration, left, millis, right, thousands, utc, width, wrap,
};

/// Columns of a region's name here and in the tree; longer ones are cut.
pub const REGION_COLUMNS_MAX: usize = 16;
/// The longest status that we know has 12.
const STATUS_COLUMNS_MAX: usize = 16;
const JURISDICTION_COLUMNS_MAX: usize = 12;

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
        "growing" => (FAINT, "growing".to_owned()),
        other => (MISSING, clean(other).to_uppercase()),
    };
    let mut facts = vec![(FAINT, format!("trace {}", clean(&report.trace_id))), outcome];
    facts.push((if report.is_complete() { FAINT } else { MISSING }, exactness));
    facts.push((FAINT, format!("answered in {} ms", millis(report.took_ms))));
    facts.retain(|(_, fact)| !fact.is_empty());
    facts
}

/// One line for each declared region; what else there is to say of it stands behind or below. Columns
/// that have no room are left out, from the right.
pub fn regions(report: &Report, columns: usize) -> String {
    let rows: Vec<RegionRow> = report.regions.iter().map(RegionRow::of).collect();
    let widths = RegionRow::widths(&rows, columns);
    let used: usize = widths.iter().map(|(columns, _)| columns).sum();
    let mut table = RegionRow::line(&RegionRow::TITLES, [FAINT; 6], &widths, columns).end();
    for (place, (region, row)) in report.regions.iter().zip(&rows).enumerate() {
        let style = status_style(&region.status);
        let styles = [region_style(Some(place)), style, PLAIN, PLAIN, PLAIN, PLAIN];
        let mut line = RegionRow::line(&row.0, styles, &widths, columns);
        let detail = detail(region);
        let is_beside = used + 2 + width(&detail) <= columns;
        if is_beside {
            line.put(PLAIN, "  ").put(style, &detail);
        }
        table.push_str(&line.end());
        let below = if is_beside { Vec::new() } else { wrap(&detail, columns.saturating_sub(2)) };
        for part in below {
            let mut line = Line::new(columns);
            line.put(PLAIN, "  ").put(style, &part);
            table.push_str(&line.end());
        }
    }
    table
}

/// The cells of a region, in the order of their worth.
struct RegionRow([String; 6]);

impl RegionRow {
    const TITLES: [&str; 6] = ["region", "status", "ms", "spans", "  jurisdiction", "bytes"];
    const TO_RIGHT: [bool; 6] = [false, false, true, true, false, true];

    fn of(region: &RegionReport) -> Self {
        Self([
            cut(&clean(&region.name), REGION_COLUMNS_MAX),
            cut(&clean(&region.status), STATUS_COLUMNS_MAX),
            millis(region.took_ms),
            thousands(region.spans),
            format!("  {}", cut(&clean(&region.jurisdiction), JURISDICTION_COLUMNS_MAX)),
            bytes(region.bytes),
        ])
    }

    /// As many columns as fit, each with its width and whether its text stands at its right.
    fn widths(rows: &[Self], columns: usize) -> Vec<(usize, bool)> {
        let mut used = 0;
        let widest = |at: usize, title: &str| {
            let cells = rows.iter().filter_map(|row| row.0.get(at)).map(|cell| width(cell));
            cells.chain([width(title)]).max().unwrap_or_default() + 2
        };
        let all = Self::TITLES.iter().zip(Self::TO_RIGHT).enumerate();
        all.map(|(at, (title, to_right))| (widest(at, title), to_right))
            .take_while(|(wide, _)| {
                used += wide;
                used <= columns
            })
            .collect()
    }

    fn line(cells: &[impl AsRef<str>], styles: [Style; 6], widths: &[(usize, bool)], columns: usize) -> Line {
        let mut line = Line::new(columns);
        for ((cell, style), (columns, to_right)) in cells.iter().zip(styles).zip(widths) {
            let cell = cell.as_ref();
            line.put(style, &if *to_right { right(cell, *columns) } else { left(cell, *columns) });
        }
        line
    }
}

fn status_style(status: &str) -> Style {
    match status {
        "ok" => PLAIN,
        "not_needed" | "waiting" => FAINT,
        "pending" | "partial" | "too_fresh" | "truncated" | "too_large" => MISSING,
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
        let share = match region.status.as_str() {
            "partial" | "truncated" | "too_large" | "cut_off" => "part of what",
            _ => "whatever",
        };
        let name = cut(&clean(&region.name), REGION_COLUMNS_MAX);
        let what = format!("  {share} {name} holds ({})", clean(&region.status));
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
