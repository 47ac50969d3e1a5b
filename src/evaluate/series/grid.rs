//! The intervals of a metrics query and what falls into which.
//!
//! An interval is open on its left and closed on its right, and a sample is stamped with the right edge.
//! Start and end are taken as given; [`crate::traceql::metrics`] is where they were aligned.

use crate::model::metrics::MetricsQuery;
use crate::traceql::metrics::GridError;

/// How many intervals one query may have: ten times what the edge lets through, so that a caller without an
/// edge cannot ask for more memory than there is.
pub const INTERVALS_MAX: u64 = 100_000;

const NANOS_PER_MS: u64 = 1_000_000;
const NANOS_PER_SECOND: u64 = 1_000_000_000;

/// Nanoseconds of the epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grid {
    /// As asked: spans count that start after this and not after `end`.
    asked_start: u64,
    asked_end: u64,
    /// On multiples of the step, unless instant.
    start: u64,
    end: u64,
    step: u64,
    is_instant: bool,
}

impl Grid {
    pub fn of(asked: &MetricsQuery) -> Result<Self, GridError> {
        let MetricsQuery { start, end, step, is_instant, .. } = *asked;
        if end <= start {
            return Err(GridError::EndBeforeStart);
        }
        let range = end - start;
        let step = if is_instant { range } else { step };
        let too_small = GridError::StepTooSmall { step, minimum: range / INTERVALS_MAX };
        if step == 0 {
            return Err(too_small);
        }
        let (from, to) = if is_instant {
            (start, end)
        } else {
            (start - start % step, end.checked_next_multiple_of(step).unwrap_or(end))
        };
        if (to - from) / step > INTERVALS_MAX {
            return Err(too_small);
        }
        Ok(Self { asked_start: start, asked_end: end, start: from, end: to, step, is_instant })
    }

    pub fn is_instant(&self) -> bool {
        self.is_instant
    }

    /// How many intervals there are.
    pub fn intervals(&self) -> usize {
        ((self.end - self.start) / self.step) as usize
    }

    /// The interval that a span starting here counts in, if it counts at all.
    pub fn interval(&self, start: u64) -> Option<usize> {
        (start > self.asked_start && start <= self.asked_end).then(|| self.slot(start)).flatten()
    }

    /// The interval of an exemplar, which knows milliseconds only.
    pub fn interval_of_ms(&self, timestamp_ms: u64) -> Option<usize> {
        self.slot(timestamp_ms.saturating_mul(NANOS_PER_MS))
    }

    fn slot(&self, at: u64) -> Option<usize> {
        if at <= self.start || at > self.end {
            return None;
        }
        let interval = ((at - self.start - 1) / self.step) as usize;
        (interval < self.intervals()).then_some(interval)
    }

    /// What the sample of an interval is stamped with.
    pub fn timestamp_ms(&self, interval: usize) -> i64 {
        let edge = (interval as u64 + 1).saturating_mul(self.step).saturating_add(self.start);
        i64::try_from(edge / NANOS_PER_MS).unwrap_or(i64::MAX)
    }

    /// The length of an interval, as a rate divides by it.
    pub fn step_seconds(&self) -> f64 {
        let whole = (self.step / NANOS_PER_SECOND) as f64;
        whole + (self.step % NANOS_PER_SECOND) as f64 / 1e9
    }

    /// First and last millisecond of the grid, over which exemplars are spread.
    pub fn span_ms(&self) -> (u64, u64) {
        (self.start / NANOS_PER_MS, self.end / NANOS_PER_MS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grid(start: u64, end: u64, step: u64, is_instant: bool) -> Result<Grid, GridError> {
        Grid::of(&MetricsQuery {
            query: String::new(),
            start,
            end,
            step,
            is_instant,
            exemplars: 0,
            max_series: 0,
        })
    }

    #[test]
    fn an_interval_is_open_on_the_left_and_closed_on_the_right() {
        let grid = grid(20 * NANOS_PER_MS, 60 * NANOS_PER_MS, 20 * NANOS_PER_MS, false).unwrap();
        assert_eq!(grid.intervals(), 2);
        let table = [(20, None), (21, Some(0)), (40, Some(0)), (41, Some(1)), (60, Some(1)), (61, None)];
        for (ms, interval) in table {
            assert_eq!(grid.interval(ms * NANOS_PER_MS), interval, "{ms}");
        }
        assert_eq!((grid.timestamp_ms(0), grid.timestamp_ms(1)), (40, 60));
        assert_eq!(grid.interval(40 * NANOS_PER_MS + 1), Some(1));
    }

    #[test]
    fn a_grid_that_is_not_aligned_counts_only_what_was_asked_for() {
        let grid = grid(25, 55, 20, false).unwrap();
        assert_eq!((grid.intervals(), grid.interval(22), grid.interval(25)), (2, None, None));
        assert_eq!((grid.interval(26), grid.interval(55), grid.interval(56)), (Some(0), Some(1), None));
    }

    #[test]
    fn an_instant_query_is_one_interval_stamped_with_its_end() {
        let grid = grid(3 * NANOS_PER_MS, 10 * NANOS_PER_MS, 1, true).unwrap();
        assert_eq!((grid.intervals(), grid.timestamp_ms(0)), (1, 10));
        assert_eq!(grid.interval(3 * NANOS_PER_MS), None);
        assert_eq!(grid.interval(10 * NANOS_PER_MS), Some(0));
        assert!((grid.step_seconds() - 0.007).abs() < 1e-12);
    }

    #[test]
    fn a_grid_without_room_or_with_too_much_is_refused() {
        assert_eq!(grid(5, 5, 1, false), Err(GridError::EndBeforeStart));
        assert!(matches!(grid(5, 9, 0, false), Err(GridError::StepTooSmall { .. })));
        assert!(matches!(grid(0, u64::MAX, 1, false), Err(GridError::StepTooSmall { .. })));
        assert_eq!(grid(0, INTERVALS_MAX, 1, false).unwrap().intervals() as u64, INTERVALS_MAX);
    }
}
