//! The newest rows of those that come, in whatever order they come.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use crate::model::TraceId;
use crate::model::search::TraceRow;

/// Keeps so many rows: the newest start first, and of the same start the smaller id.
#[derive(Debug)]
pub(super) struct Newest {
    limit: usize,
    rows: BTreeMap<(Reverse<u64>, TraceId), TraceRow>,
}

impl Newest {
    pub(super) fn new(limit: u32) -> Self {
        Self { limit: limit as usize, rows: BTreeMap::new() }
    }

    pub(super) fn push(&mut self, row: TraceRow) {
        self.rows.insert((Reverse(row.start), row.id), row);
        if self.rows.len() > self.limit {
            self.rows.pop_last();
        }
    }

    /// Whether a row that starts then could still come in.
    pub(super) fn wants(&self, start: u64) -> bool {
        let is_full = self.rows.len() >= self.limit;
        let oldest = self.rows.last_key_value().map_or(u64::MAX, |((Reverse(start), _), _)| *start);
        !is_full || start >= oldest
    }

    pub(super) fn into_rows(self) -> Vec<TraceRow> {
        self.rows.into_values().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(id: u128, start: u64) -> TraceRow {
        TraceRow {
            id: TraceId::from_bytes(id.to_be_bytes()),
            root_service: String::new(),
            root_name: String::new(),
            start,
            duration_ns: 0,
            span_sets: Vec::new(),
            service_stats: BTreeMap::new(),
        }
    }

    #[test]
    fn the_newest_stay_in_order_whatever_order_they_come_in() {
        let mut newest = Newest::new(3);
        for (id, start) in [(5, 10), (1, 30), (4, 20), (2, 20), (3, 20), (6, 40)] {
            newest.push(row(id, start));
        }
        assert!(newest.wants(20), "of the same start, a smaller id comes in");
        assert!(!newest.wants(19));
        let kept: Vec<u64> = newest.into_rows().iter().map(|row| row.start).collect();
        assert_eq!(kept, [40, 30, 20]);
    }

    #[test]
    fn of_no_rows_none_is_wanted() {
        let mut newest = Newest::new(0);
        newest.push(row(1, 1));
        assert!(!newest.wants(5));
        assert!(newest.into_rows().is_empty());
    }
}
