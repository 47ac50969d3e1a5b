//! Times in a fixed number of buckets, each a tenth longer than the one before: a percentile read from it is off by
//! five percent at most. Two of them add up.

use std::time::Duration;

/// Each bucket ends at this many times the end of the one before.
const GROWTH: f64 = 1.1;

/// The end of the first bucket.
const FIRST: Duration = Duration::from_micros(100);

/// The last bucket begins at 110 s, which is beyond every deadline there is: 0.1 ms * 1.1^146.
const BUCKETS: usize = 147;

#[derive(Debug, Clone, PartialEq)]
pub struct Latencies {
    counts: Box<[u32; BUCKETS]>,
    count: u64,
    sum: Duration,
}

impl Default for Latencies {
    fn default() -> Self {
        Self { counts: Box::new([0; BUCKETS]), count: 0, sum: Duration::ZERO }
    }
}

impl Latencies {
    pub fn take(&mut self, took: Duration) {
        let steps = (took.as_secs_f64() / FIRST.as_secs_f64()).ln() / GROWTH.ln();
        // Times of nothing are in the first bucket; the cast saturates.
        let at = (steps.ceil().max(0.0) as usize).min(BUCKETS - 1);
        if let Some(count) = self.counts.get_mut(at) {
            *count = count.saturating_add(1);
        }
        self.count += 1;
        self.sum = self.sum.saturating_add(took);
    }

    pub fn add(&mut self, other: &Self) {
        for (count, more) in self.counts.iter_mut().zip(other.counts.iter()) {
            *count = count.saturating_add(*more);
        }
        self.count += other.count;
        self.sum = self.sum.saturating_add(other.sum);
    }

    pub fn count(&self) -> u64 {
        self.count
    }

    pub fn mean(&self) -> Option<Duration> {
        (self.count > 0).then(|| self.sum.div_f64(self.count as f64))
    }

    /// The time that this share of all stayed within.
    pub fn quantile(&self, share: f64) -> Option<Duration> {
        if self.count == 0 {
            return None;
        }
        let rank = (share.clamp(0.0, 1.0) * self.count as f64).ceil().max(1.0) as u64;
        let mut below = 0u64;
        let at = self.counts.iter().position(|count| {
            below += u64::from(*count);
            below >= rank
        })?;
        // The middle of the bucket, in the measure in which it is wide.
        let middle = GROWTH.powf(i32::try_from(at).map_or(0.0, f64::from) - 0.5);
        Some(FIRST.mul_f64(middle))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_off_by_five_percent_at_most() {
        let mut latencies = Latencies::default();
        for ms in 1..=1000 {
            latencies.take(Duration::from_millis(ms));
        }
        for (share, exact) in [(0.5, 500.0), (0.95, 950.0), (0.99, 990.0), (1.0, 1000.0), (0.0, 1.0)] {
            let told = latencies.quantile(share).unwrap().as_secs_f64() * 1000.0;
            // Half a bucket to either side: the root of its growth.
            assert!(
                told / exact < GROWTH.sqrt() + 1e-9 && exact / told < GROWTH.sqrt() + 1e-9,
                "{share} {told}"
            );
        }
        assert_eq!(latencies.mean(), Some(Duration::from_micros(500_500)));
    }

    #[test]
    fn nothing_has_no_percentile_and_the_extremes_have_a_place() {
        let mut latencies = Latencies::default();
        assert_eq!((latencies.quantile(0.5), latencies.mean(), latencies.count()), (None, None, 0));
        latencies.take(Duration::ZERO);
        latencies.take(Duration::from_secs(100_000));
        assert!(latencies.quantile(0.5).unwrap() <= FIRST);
        assert!(latencies.quantile(1.0).unwrap() > Duration::from_secs(60));
    }

    #[test]
    fn the_sum_of_two_is_what_both_took() {
        let (mut one, mut other, mut both) =
            (Latencies::default(), Latencies::default(), Latencies::default());
        for ms in [1, 20, 300] {
            one.take(Duration::from_millis(ms));
            both.take(Duration::from_millis(ms));
        }
        for ms in [7, 20] {
            other.take(Duration::from_millis(ms));
            both.take(Duration::from_millis(ms));
        }
        one.add(&other);
        assert_eq!(one, both);
    }
}
