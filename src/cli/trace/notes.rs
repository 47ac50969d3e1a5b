//! What there is to say of a span below its row: where it crossed a border, why it failed, what is owed to
//! it, and what about it cannot be.

use anstyle::Style;

use super::document::{Crossing, Report, Span, Synthetic, hex};
use super::layout::{Fold, Row};
use super::scale::Scale;
use crate::cli::line::{ERROR, FAINT, MISSING, region_style};
use crate::cli::text::{clean, duration, millis, utc};

/// The notes of a row, most telling first. All of them are clean.
pub fn notes(row: &Row, span: &Span, report: &Report, scale: &Scale) -> Vec<(Style, String)> {
    let mut notes = Vec::new();
    if let Some(crossing) = span.crossing() {
        let style = region_style(report.regions.iter().position(|region| region.name == crossing.to));
        notes.push((style, crossing_text(crossing)));
    }
    if span.is_error && span.synthetic().is_none() {
        notes.push((ERROR, clean(span.error().unwrap_or("failed without a message"))));
    }
    if let Some(Fold { count, shortest, start, end }) = row.fold {
        let longest = duration(span.end.saturating_sub(span.start));
        let (shortest, all) = (duration(shortest), duration(end.saturating_sub(start)));
        notes.push((FAINT, format!("{count} alike, {shortest} to {longest}, {all} from first to last")));
    }
    notes.extend(absence(span, report).map(|note| (MISSING, note)));
    if row.cut_cycle {
        notes.push((MISSING, "this span is its own ancestor; the tree is cut here".to_owned()));
    }
    if span.synthetic().is_none() {
        notes.extend(impossible_time(span, scale).map(|note| (MISSING, note)));
    }
    if span.marks.as_ref().is_some_and(|marks| marks.redacted) {
        notes.push((FAINT, "values treated by policy".to_owned()));
    }
    notes
}

/// What the report says of this very span.
fn absence(span: &Span, report: &Report) -> Option<String> {
    // Writing out the id of every span is not free, and few traces owe anything.
    if report.owed.first.is_empty() {
        return None;
    }
    let id = hex(&span.id);
    let (owed, what) = match span.synthetic() {
        Some(Synthetic::Placeholder) => (report.owed("missing_parent", &id)?, "no region returned it"),
        Some(_) => return None,
        None => (report.owed("client_without_server", &id)?, "MISSING the server span of this call"),
    };
    let region = owed.suspected.as_deref().map(|region| format!(", perhaps in {}", clean(region)));
    Some(format!("{what}{}", region.unwrap_or_default()))
}

fn impossible_time(span: &Span, scale: &Scale) -> Option<String> {
    if scale.is_far(span.start) {
        Some(format!("it says it began {}", utc(span.start)))
    } else if span.end < span.start {
        Some(format!("it ends {} before it begins", duration(span.start - span.end)))
    } else if scale.is_far(span.end) {
        Some(format!("it says it ended {}", utc(span.end)))
    } else {
        None
    }
}

/// `↷ us-east → eu-central 98 ms ±4`.
fn crossing_text(crossing: &Crossing) -> String {
    let mut text = format!("↷ {} → {}", clean(&crossing.from), clean(&crossing.to));
    if let Some(latency) = crossing.latency_ms {
        text.push_str(&format!(" {} ms", short(latency)));
        text.push_str(&crossing.error_ms.map(|error| format!(" ±{}", short(error))).unwrap_or_default());
    }
    // A clock that is right to within a millisecond is not worth a word.
    if let Some(offset) = crossing.clock_offset_ms.filter(|offset| offset.abs() >= 1.0) {
        let direction = if offset > 0.0 { "ahead" } else { "behind" };
        text.push_str(&format!(", clock {} ms {direction}", short(offset.abs())));
    }
    text
}

/// Milliseconds in a sentence, where nothing stands below them.
fn short(ms: f64) -> String {
    let text = millis(ms);
    text.strip_suffix(".0").map(str::to_owned).unwrap_or(text)
}
