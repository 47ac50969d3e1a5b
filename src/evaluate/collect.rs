//! The rows of a search as they come, at most as many as asked for.

use super::rows::Summary;
use crate::model::TraceId;
use crate::model::search::{TraceRow, Window};
use std::cmp::Reverse;
use std::collections::BTreeMap;

const NANOS_PER_SECOND: i64 = 1_000_000_000;

/// Collects rows and keeps the newest of those it met.
#[derive(Debug)]
pub struct Rows {
    /// In the order of the answer: the newest first; of the same start, the smaller id.
    kept: BTreeMap<(Reverse<u64>, TraceId), TraceRow>,
    limit: usize,
}

impl Rows {
    pub fn new(limit: u32) -> Self {
        Self { kept: BTreeMap::new(), limit: limit as usize }
    }

    pub fn push(&mut self, row: TraceRow) {
        self.kept.insert((Reverse(row.start), row.id), row);
        if self.kept.len() > self.limit {
            self.kept.pop_last();
        }
    }

    /// Whether a trace with this start could still change the answer. With it, whoever has
    /// traces in order of their start can stop early.
    pub fn admits(&self, start: u64) -> bool {
        let last = self.kept.last_key_value().filter(|_| self.kept.len() >= self.limit);
        self.limit > 0 && last.is_none_or(|((Reverse(oldest), _), _)| start >= *oldest)
    }

    /// The newest first; of the same start, the smaller id.
    pub fn finish(self) -> Vec<TraceRow> {
        self.kept.into_values().collect()
    }
}

/// Whether a trace's whole interval overlaps the window, both ends included. A window that starts at 0 is
/// none.
pub fn overlaps(summary: &Summary, window: Window) -> bool {
    let nanos = |seconds: u32| i64::from(seconds) * NANOS_PER_SECOND;
    // Storage compares signed numbers; a start beyond those is before everything and never met.
    window.start == 0
        || ((0..=nanos(window.end)).contains(&(summary.start as i64))
            && summary.end as i64 >= nanos(window.start))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(id: u8, start: u64) -> TraceRow {
        TraceRow {
            id: TraceId::from_bytes([id; 16]),
            root_service: String::new(),
            root_name: String::new(),
            start,
            duration_ns: 0,
            span_sets: Vec::new(),
            service_stats: BTreeMap::new(),
        }
    }

    fn kept(rows: Rows) -> Vec<(u8, u64)> {
        rows.finish().iter().map(|row| (row.id.as_bytes()[0], row.start)).collect()
    }

    #[test]
    fn the_newest_are_kept_and_ties_go_to_the_smaller_id() {
        let mut rows = Rows::new(3);
        assert!(rows.admits(0) && !Rows::new(0).admits(30));
        for (id, start) in [(5, 10), (4, 30), (9, 20), (1, 20), (2, 5), (3, 30)] {
            rows.push(row(id, start));
        }
        assert!(rows.admits(20) && !rows.admits(19));
        assert_eq!(kept(rows), [(3, 30), (4, 30), (1, 20)]);
    }

    #[test]
    fn a_trace_overlaps_a_window_that_it_touches() {
        let second = NANOS_PER_SECOND as u64;
        let summary = |start, end| Summary { start, end, ..Summary::default() };
        let window = Window { start: 10, end: 20 };
        let table = [
            (summary(9 * second, 10 * second), true),
            (summary(9 * second, 10 * second - 1), false),
            (summary(20 * second, 30 * second), true),
            (summary(20 * second + 1, 30 * second), false),
            (summary(0, 40 * second), true),
            (summary(u64::MAX, u64::MAX), false),
        ];
        for (summary, expected) in table {
            assert_eq!(overlaps(&summary, window), expected, "{summary:?}");
        }
        assert!(overlaps(&summary(second, second), Window { start: 0, end: 0 }));
    }
}
