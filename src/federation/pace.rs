//! How long regions take of late, and what that says of one that has not answered yet.
//!
//! For each kind of question a histogram that forgets: what came long ago counts less with every later answer. It
//! says nothing of what a region holds and decides nothing of an answer but when an early one is given.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::model::RegionName;
use crate::model::coverage::{RegionReport, RegionStatus};

/// Eight to a doubling: an estimate is at most 9 % above what was observed.
const BUCKETS_PER_DOUBLING: i32 = 8;

/// From one millisecond to 65 s, longer than any deadline a region has.
const BUCKETS: usize = 128;

/// What an observation still counts after the next one: the last thirty or so decide.
const KEPT: f32 = 0.97;

/// Below so many observations nothing is known.
const KNOWN_MIN: f32 = 3.0;

/// It must be usual that an answer takes longer than this one has already. Else the region hangs, and what few slow
/// answers of it took says nothing.
const USUAL_MIN: f32 = 0.1;

/// Of the answers that took as long as this one has already, so many had come by the time that is waited for.
const LIKELY: f32 = 0.75;

/// And so many by the time at which it is worth looking again.
const NEARLY_ALL: f32 = 0.9;

/// How long one kind of answer takes.
#[derive(Debug, Clone)]
struct Pace {
    weights: [f32; BUCKETS],
}

impl Default for Pace {
    fn default() -> Self {
        Self { weights: [0.0; BUCKETS] }
    }
}

impl Pace {
    fn observe(&mut self, took: Duration) {
        let at = (0..BUCKETS).find(|at| took <= upper(*at)).unwrap_or(BUCKETS - 1);
        for (bucket, weight) in self.weights.iter_mut().enumerate() {
            *weight = *weight * KEPT + if bucket == at { 1.0 } else { 0.0 };
        }
    }

    /// When an answer that has taken so long already is there, by this share of those before that took longer.
    /// Always later than it has taken.
    fn expected(&self, age: Duration, share: f32) -> Option<Duration> {
        let later = || self.weights.iter().enumerate().skip_while(|(at, _)| upper(*at) <= age);
        let total: f32 = self.weights.iter().sum();
        let left: f32 = later().map(|(_, weight)| weight).sum();
        if total < KNOWN_MIN || left < total * USUAL_MIN {
            return None;
        }
        let mut so_far = 0.0;
        let at = later().find(|(_, weight)| {
            so_far += **weight;
            so_far >= left * share
        });
        at.map(|(at, _)| upper(at))
    }
}

/// The longest time that a bucket counts.
fn upper(bucket: usize) -> Duration {
    let doublings = i32::try_from(bucket).unwrap_or(i32::MAX) as f64 / f64::from(BUCKETS_PER_DOUBLING);
    Duration::from_secs_f64(doublings.exp2() / 1e3)
}

/// What a pace is of.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Of {
    /// A region's part of a trace.
    Trace(RegionName),
    /// A whole search.
    Search,
    /// A whole answer of names or values.
    Tags,
}

/// All paces of one estate; clones are one.
#[derive(Debug, Clone, Default)]
pub(super) struct Paces(Arc<Mutex<HashMap<Of, Pace>>>);

impl Paces {
    pub fn observe(&self, of: Of, took: Duration) {
        let mut paces = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        paces.entry(of).or_default().observe(took);
    }

    /// One region's part that landed. A region that failed at once will be as fast when it is well; one whose time
    /// was over was slow.
    pub fn landed(&self, report: &RegionReport) {
        if report.status.has_answered() || report.status == RegionStatus::Timeout {
            self.observe(Of::Trace(report.region.clone()), report.took);
        }
    }

    /// When something that has taken so long is likely there, if that is soon enough.
    pub fn imminent(&self, of: &Of, age: Duration, latest: Duration) -> Option<Duration> {
        self.expected(of, age, LIKELY).filter(|at| *at <= latest)
    }

    /// How much longer something that has taken so long will nearly always take.
    pub fn left(&self, of: &Of, age: Duration) -> Option<Duration> {
        self.expected(of, age, NEARLY_ALL).map(|at| at.saturating_sub(age))
    }

    fn expected(&self, of: &Of, age: Duration, share: f32) -> Option<Duration> {
        let paces = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        paces.get(of)?.expected(age, share)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn pace(took: &[u64]) -> Pace {
        let mut pace = Pace::default();
        took.iter().for_each(|ms| pace.observe(Duration::from_millis(*ms)));
        pace
    }

    fn expected(pace: &Pace, age_ms: u64) -> Option<u128> {
        pace.expected(Duration::from_millis(age_ms), LIKELY).map(|at| at.as_millis())
    }

    #[test]
    fn a_steady_region_is_expected_when_it_always_comes() {
        let steady = pace(&[400; 20]);
        let at = expected(&steady, 300).unwrap();
        assert!((400..440).contains(&at), "{at}");
        assert_eq!(expected(&steady, 450), None, "it has never taken so long");
    }

    #[test]
    fn nothing_is_expected_of_what_is_not_known() {
        assert_eq!(expected(&pace(&[]), 0), None);
        assert_eq!(expected(&pace(&[400, 400]), 300), None);
    }

    #[test]
    fn one_slow_answer_among_many_is_no_reason_to_wait() {
        let mut took = vec![20; 40];
        took.push(400);
        assert_eq!(expected(&pace(&took), 300), None);
    }

    #[test]
    fn what_was_long_ago_is_forgotten() {
        let mut took = vec![400; 100];
        took.extend([4000; 100]);
        let at = expected(&pace(&took), 300).unwrap();
        assert!((4000..4400).contains(&at), "{at}");
    }

    proptest! {
        /// So that whoever waits for it and looks again never waits for the same time twice.
        #[test]
        fn what_is_expected_is_always_still_to_come(
            took in prop::collection::vec(0u64..100_000, 0..60),
            age in 0u64..100_000,
            share in 0.0f32..1.0,
        ) {
            let age = Duration::from_millis(age);
            if let Some(at) = pace(&took).expected(age, share) {
                prop_assert!(at > age);
            }
        }
    }
}
