//! The rows of a search as they come, at most as many as asked for.

use super::rows::Summary;
use crate::model::TraceId;
use crate::model::search::{Page, Position, TraceRow, Window};
use std::cmp::Reverse;
use std::collections::BTreeMap;

const NANOS_PER_SECOND: i64 = 1_000_000_000;

/// Collects rows and keeps the newest of those it met.
#[derive(Debug)]
pub struct Rows {
    /// In the order of the answer: the newest first; of the same start, the smaller id.
    kept: BTreeMap<(Reverse<u64>, TraceId), Kept>,
    /// Told already, so no longer left out whatever comes; in the same order.
    told: BTreeMap<(Reverse<u64>, TraceId), Kept>,
    limit: usize,
    page: Option<Page>,
    /// The latest time at which a row was listed that was too many.
    left_out: u64,
}

/// How many rows there are, and how many more there may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    pub taken: usize,
    pub left: usize,
}

#[derive(Debug)]
struct Kept {
    row: TraceRow,
    /// When its trace started by what was known before it was read.
    listed: u64,
}

impl Rows {
    pub fn new(limit: u32) -> Self {
        Self { kept: BTreeMap::new(), told: BTreeMap::new(), limit: limit as usize, page: None, left_out: 0 }
    }

    /// Of one page: what came before it is left out. One row more is looked for, which tells whether it is the
    /// last.
    pub fn of_page(limit: u32, page: Option<Page>) -> Self {
        let limit = limit.saturating_add(u32::from(page.is_some()));
        Self { page, ..Self::new(limit) }
    }

    /// Takes a row, and when its trace started by what was known before it was read.
    pub fn push(&mut self, row: TraceRow, listed: u64) {
        let after = self.page.and_then(Page::after);
        if after.is_some_and(|after| !after.is_before(row.start, row.id)) {
            return;
        }
        self.kept.insert((Reverse(row.start), row.id), Kept { row, listed });
        if self.len() > self.limit {
            self.leave_out_last();
        }
    }

    fn len(&self) -> usize {
        self.kept.len() + self.told.len()
    }

    /// Rows that stand in the answer whatever comes, given that nothing to come starts later than `next`: each is
    /// given once. Of a page there are none, since its rows are known with its end.
    pub fn settle(&mut self, next: u64) -> Vec<TraceRow> {
        if self.page.is_some() {
            return Vec::new();
        }
        // Of the same start, one with a smaller id may still come before it.
        let open = self.kept.split_off(&(Reverse(next), TraceId::from_bytes([0; 16])));
        let mut settled = std::mem::replace(&mut self.kept, open);
        let rows = settled.values().map(|kept| kept.row.clone()).collect();
        self.told.append(&mut settled);
        rows
    }

    fn leave_out_last(&mut self) {
        if let Some((_, last)) = self.kept.pop_last() {
            self.left_out = self.left_out.max(last.listed);
        }
    }

    /// Whether a trace with this start could still change the answer. With it, whoever has
    /// traces in order of their start can stop early.
    pub fn admits(&self, start: u64) -> bool {
        let has_room = self.len() < self.limit;
        let last = self.kept.last_key_value();
        self.limit > 0 && (has_room || last.is_some_and(|((Reverse(oldest), _), _)| start >= *oldest))
    }

    pub fn room(&self) -> Room {
        let taken = self.kept.len();
        Room { taken, left: self.limit.saturating_sub(taken) }
    }

    /// The newest first; of the same start, the smaller id. And where they end, of a page that is not the last.
    pub fn finish(mut self) -> (Vec<TraceRow>, Option<Position>) {
        self.kept.append(&mut self.told);
        let is_last = self.page.is_none() || self.kept.len() < self.limit;
        if !is_last {
            self.leave_out_last();
        }
        let last = self.kept.last_key_value().filter(|_| !is_last);
        let next = last.map(|((Reverse(start), id), _)| Position {
            start: *start,
            id: *id,
            listed: self.left_out.max(*start),
        });
        (self.kept.into_values().map(|kept| kept.row).collect(), next)
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
        rows.finish().0.iter().map(|row| (row.id.as_bytes()[0], row.start)).collect()
    }

    #[test]
    fn the_newest_are_kept_and_ties_go_to_the_smaller_id() {
        let mut rows = Rows::new(3);
        assert!(rows.admits(0) && !Rows::new(0).admits(30));
        for (id, start) in [(5, 10), (4, 30), (9, 20), (1, 20), (2, 5), (3, 30)] {
            rows.push(row(id, start), start);
        }
        assert!(rows.admits(20) && !rows.admits(19));
        assert_eq!(kept(rows), [(3, 30), (4, 30), (1, 20)]);
    }

    #[test]
    fn a_row_is_told_once_nothing_newer_can_come_and_then_stays() {
        let told = |rows: &mut Rows, next| -> Vec<u8> {
            rows.settle(next).iter().map(|row| row.id.as_bytes()[0]).collect()
        };
        let mut rows = Rows::new(2);
        rows.push(row(4, 30), 30);
        rows.push(row(9, 20), 40);
        assert!(told(&mut rows, 30).is_empty(), "one of the same start may still come before it");
        assert_eq!(told(&mut rows, 25), [4]);
        assert!(told(&mut rows, 25).is_empty(), "each is told once");
        rows.push(row(5, 22), 25);
        assert_eq!(told(&mut rows, 21), [5]);
        assert!(!rows.admits(21), "it is full of what was told");
        // A trace that a region listed too early; what was told stays.
        rows.push(row(1, 99), 21);
        assert_eq!(kept(rows), [(4, 30), (5, 22)]);
        let mut page = Rows::of_page(2, Some(Page::First));
        page.push(row(4, 30), 30);
        assert!(told(&mut page, 0).is_empty());
    }

    #[test]
    fn a_page_goes_on_where_the_last_one_ended() {
        let all = [(5, 10), (4, 30), (9, 20), (1, 20), (2, 5), (3, 30)];
        let (mut page, mut pages) = (Page::First, Vec::new());
        loop {
            let mut rows = Rows::of_page(2, Some(page));
            // The oldest is listed as if it were new.
            all.iter()
                .for_each(|(id, start)| rows.push(row(*id, *start), if *start == 5 { 25 } else { *start }));
            let (traces, next) = rows.finish();
            pages
                .push((traces.iter().map(|row| row.start).collect::<Vec<_>>(), next.map(|next| next.listed)));
            let Some(next) = next else { break };
            page = Page::After(next);
        }
        let (first, second) = ((vec![30, 30], Some(30)), (vec![20, 20], Some(25)));
        assert_eq!(pages, [first, second, (vec![10, 5], None)]);
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
