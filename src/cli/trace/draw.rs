//! The waterfall as text: each row of the layout as a line of tree, region, duration and a bar in time,
//! and below it what there is to say of the span.
//!
//! Pure: a document and a width in, text with styles out. No line is wider than the width, and nothing a
//! span says reaches the text but through `text::clean`.

use std::collections::HashMap;
use std::io::{self, Write};

use anstyle::Style;

use super::document::{Document, Report, Span, Synthetic, hex};
use super::header::{self, REGION_COLUMNS_MAX};
use super::layout::{Fold, Layout, Limits, Node, Row, layout};
use super::notes::notes;
use super::scale::Scale;
use crate::cli::line::{ERROR, FAINT, Line, MISSING, PLAIN, STRONG, region_style};
use crate::cli::text::{clean, count, cut, duration, left, right, width, wrap};

/// Narrower than this nothing can be drawn, wider than this the eye loses the line.
pub const COLUMNS_MIN: usize = 40;
pub const COLUMNS_MAX: usize = 300;

/// Below this width there is room for names and durations, not for bars.
const COLUMNS_WITH_BARS: usize = 72;
const BAR_COLUMNS_MAX: usize = 80;
const DURATION_COLUMNS: usize = 9;

/// Levels of the tree that are drawn; of deeper ones the last few, behind the number of all.
const LEVELS_MIN: usize = 6;

/// Lines of one note: enough of a message to know what failed, not a stack trace.
const NOTE_LINES_MAX: usize = 3;

/// Draws the whole answer.
pub fn draw(document: &Document, limits: Limits, columns: usize, out: &mut dyn Write) -> io::Result<()> {
    let columns = columns.clamp(COLUMNS_MIN, COLUMNS_MAX);
    let layout = layout(&document.trace, &document.report, limits);
    let scale = Scale::of(&document.trace);
    let picture = Picture::new(document, scale, columns);
    if !document.trace.spans.is_empty() {
        out.write_all(header::summary(document, &layout, &scale, columns).as_bytes())?;
        writeln!(out)?;
    }
    draw_report(&document.report, columns, out)?;
    if !document.trace.spans.is_empty() {
        writeln!(out)?;
        picture.tree(&layout, out)?;
    }
    Ok(())
}

/// Draws what is there so far. What is missing is only still to come, so nothing is said of it but by region.
pub fn draw_growing(
    document: &Document,
    limits: Limits,
    columns: usize,
    out: &mut dyn Write,
) -> io::Result<()> {
    let columns = columns.clamp(COLUMNS_MIN, COLUMNS_MAX);
    let layout = layout(&document.trace, &document.report, limits);
    let scale = Scale::of(&document.trace);
    let is_empty = document.trace.spans.is_empty();
    if !is_empty {
        out.write_all(header::summary(document, &layout, &scale, columns).as_bytes())?;
        writeln!(out)?;
    }
    out.write_all(header::regions(&document.report, columns).as_bytes())?;
    if !is_empty {
        writeln!(out)?;
        Picture::new(document, scale, columns).tree(&layout, out)?;
    }
    Ok(())
}

/// Draws what is known of the regions alone, where there is no trace.
pub fn draw_report(report: &Report, columns: usize, out: &mut dyn Write) -> io::Result<()> {
    let columns = columns.clamp(COLUMNS_MIN, COLUMNS_MAX);
    out.write_all(header::regions(report, columns).as_bytes())?;
    out.write_all(header::missing(report, columns).as_bytes())
}

struct Picture<'a> {
    document: &'a Document,
    scale: Scale,
    /// Place of each region in the configuration.
    places: HashMap<&'a str, usize>,
    columns: usize,
    name_columns: usize,
    region_columns: usize,
    bar_columns: usize,
}

impl<'a> Picture<'a> {
    fn new(document: &'a Document, scale: Scale, columns: usize) -> Self {
        let named = document.trace.resources.iter().map(|r| r.region.as_str());
        let declared = document.report.regions.iter().map(|r| r.name.as_str());
        let widest = named.chain(declared).map(|name| width(&clean(name))).max().unwrap_or_default();
        let region_columns = widest.min(if columns < COLUMNS_WITH_BARS { 10 } else { REGION_COLUMNS_MAX });
        let bar_columns =
            if columns < COLUMNS_WITH_BARS { 0 } else { (columns * 2 / 5 - 8).min(BAR_COLUMNS_MAX) };
        let taken = region_columns + DURATION_COLUMNS + bar_columns + if bar_columns > 0 { 4 } else { 2 };
        let places =
            document.report.regions.iter().enumerate().map(|(at, r)| (r.name.as_str(), at)).collect();
        let name_columns = columns.saturating_sub(taken);
        Self { document, scale, places, columns, name_columns, region_columns, bar_columns }
    }

    fn tree(&self, layout: &Layout, out: &mut dyn Write) -> io::Result<()> {
        if self.bar_columns > 0 {
            out.write_all(self.axis().as_bytes())?;
        }
        // For each level above the row, whether a sibling follows there.
        let mut open: Vec<bool> = Vec::new();
        for row in &layout.rows {
            open.truncate(row.depth);
            let rails = self.rails(&open, row.depth);
            out.write_all(self.row(row, &rails).as_bytes())?;
            open.push(!row.last);
            self.notes_below(row, &open, out)?;
        }
        if layout.rest > 0 {
            let errors = match layout.rest_errors {
                0 => String::new(),
                some => format!(", {} with errors", crate::cli::text::thousands(some)),
            };
            let mut line = Line::new(self.columns);
            let rest = format!("… {} (use --all){errors}", count(layout.rest, "more span"));
            line.put(MISSING, &rest);
            out.write_all(line.end().as_bytes())?;
        }
        Ok(())
    }

    fn notes(&self, row: &Row) -> Vec<(Style, String)> {
        let Node::Span(at) = row.node else { return Vec::new() };
        let span = self.document.trace.spans.get(at);
        span.map(|span| notes(row, span, &self.document.report, &self.scale)).unwrap_or_default()
    }

    fn notes_below(&self, row: &Row, open: &[bool], out: &mut dyn Write) -> io::Result<()> {
        let mut rails = self.rails_below(open, row.depth);
        rails.push_str(if row.has_children { "│ " } else { "  " });
        let room = self.columns.saturating_sub(width(&rails));
        for (style, note) in self.notes(row) {
            let parts = wrap(&note, room);
            let more = parts.len() > NOTE_LINES_MAX;
            for (at, mut part) in parts.into_iter().take(NOTE_LINES_MAX).enumerate() {
                if more && at + 1 == NOTE_LINES_MAX {
                    part = cut(&part, room.saturating_sub(2)) + " …";
                }
                let mut line = Line::new(self.columns);
                line.put(FAINT, &rails).put(style, &part);
                out.write_all(line.end().as_bytes())?;
            }
        }
        Ok(())
    }

    fn axis(&self) -> String {
        let mut line = Line::new(self.columns);
        line.put(FAINT, &left("service and span", self.name_columns)).put(PLAIN, " ");
        line.put(FAINT, &left("region", self.region_columns)).put(PLAIN, " ");
        line.put(FAINT, &right("duration", DURATION_COLUMNS)).put(PLAIN, "  ");
        line.put(FAINT, "0");
        line.put(FAINT, &right(&duration(self.scale.nanos()), self.bar_columns.saturating_sub(1)));
        line.end()
    }

    /// The levels above a row, and its own branch.
    fn rails(&self, open: &[bool], depth: usize) -> (String, bool) {
        if depth == 0 {
            return (String::new(), false);
        }
        (self.upper_rails(open.get(1..depth).unwrap_or_default(), depth), true)
    }

    /// The levels above what stands below a row.
    fn rails_below(&self, open: &[bool], depth: usize) -> String {
        self.upper_rails(open.get(1..=depth).unwrap_or_default(), depth)
    }

    /// Roots have no rail, so that the first level is not among `open`.
    fn upper_rails(&self, open: &[bool], depth: usize) -> String {
        let levels_max = (self.name_columns / 4).max(LEVELS_MIN);
        let hidden = open.len().saturating_sub(levels_max);
        let mut rails = if hidden > 0 { left(&format!("⋯{depth}"), 8) } else { String::new() };
        let shown = if hidden > 0 { hidden + 4 } else { 0 };
        for follows in open.get(shown..).unwrap_or_default() {
            rails.push_str(if *follows { "│ " } else { "  " });
        }
        rails
    }

    fn row(&self, row: &Row, rails: &(String, bool)) -> String {
        let mut line = Line::new(self.columns);
        let mut name = Line::new(self.name_columns);
        name.put(FAINT, &rails.0);
        if rails.1 {
            name.put(FAINT, if row.last { "└ " } else { "├ " });
        }
        match &row.node {
            Node::AbsentParent { id } => {
                let id = hex(id);
                name.put(MISSING, &format!("MISSING parent span {id}"));
                line.append(name).to(self.name_columns + 1);
                line.put(MISSING, &clean(self.suspected_parent(&id)));
            }
            Node::Span(at) => {
                if let Some(span) = self.document.trace.spans.get(*at) {
                    self.span(row, span, name, &mut line);
                }
            }
        }
        line.end()
    }

    fn span(&self, row: &Row, span: &Span, mut name: Line, line: &mut Line) {
        let resource = self.document.trace.resource(span);
        let region = match span.synthetic() {
            Some(Synthetic::MissingRegion { region, .. }) => region.as_str(),
            Some(Synthetic::Placeholder) => self.suspected_parent(&hex(&span.id)),
            _ => resource.map(|r| r.region.as_str()).unwrap_or_default(),
        };
        let region_style = region_style(self.places.get(region).copied());
        self.name(row, span, &mut name);
        line.append(name).to(self.name_columns + 1);
        line.put(region_style, &left(&clean(region), self.region_columns)).put(PLAIN, " ");
        if span.synthetic().is_some() {
            line.put(MISSING, &right("?", DURATION_COLUMNS));
            return;
        }
        let took = match span.end.checked_sub(span.start) {
            _ if self.scale.is_far(span.start) || self.scale.is_far(span.end) => "?".to_owned(),
            Some(nanos) => duration(nanos),
            None => format!("-{}", duration(span.start - span.end)),
        };
        let style = if span.is_error { ERROR } else { PLAIN };
        line.put(style, &right(&took, DURATION_COLUMNS));
        if self.bar_columns > 0 {
            let extent = row.fold.map_or((span.start, span.end), |fold| (fold.start, fold.end));
            let bar = self.scale.bar((span.start, span.end), extent, self.bar_columns);
            line.put(PLAIN, "  ").put(if span.is_error { ERROR } else { region_style }, &bar);
        }
    }

    /// The region that probably holds an absent parent.
    fn suspected_parent(&self, id: &str) -> &str {
        self.document
            .report
            .owed("missing_parent", id)
            .and_then(|o| o.suspected.as_deref())
            .unwrap_or_default()
    }

    fn name(&self, row: &Row, span: &Span, name: &mut Line) {
        if let Some(Fold { count, .. }) = row.fold {
            name.put(STRONG, &format!("×{count} "));
        }
        if row.cut_cycle || span.marks.as_ref().is_some_and(|marks| marks.in_cycle) {
            name.put(MISSING, "↻ ");
        }
        match span.synthetic() {
            Some(Synthetic::MissingRegion { region, status }) => {
                name.put(MISSING, &format!("MISSING region {}: {}", clean(region), clean(status)));
            }
            Some(Synthetic::Placeholder) => {
                name.put(MISSING, &format!("MISSING span {}", hex(&span.id)));
            }
            Some(Synthetic::Other) => {
                name.put(MISSING, &format!("(by the gateway) {}", clean(&span.name)));
            }
            None => {
                let service =
                    self.document.trace.resource(span).map(|r| clean(&r.service)).unwrap_or_default();
                let style = if span.is_error { ERROR } else { PLAIN };
                if span.is_error {
                    name.put(ERROR, "✗ ");
                }
                name.put(STRONG, &service);
                name.put(PLAIN, if service.is_empty() { "" } else { " " }).put(style, &clean(&span.name));
            }
        }
    }
}
