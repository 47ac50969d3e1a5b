//! How long answers of one region take, by kind of question: the times of late, whichever replica they came from.
//! Pure.

use std::time::Duration;

use crate::backend::call::Kind;

/// Times that are remembered of each kind.
const TIMES_MAX: usize = 128;

/// From so many on a quantile is one: the 95th percentile of 32 is the second largest.
const TIMES_MIN: usize = 32;

/// The times of one kind, the oldest written over first.
#[derive(Debug, Default)]
struct Times {
    seconds: Vec<f64>,
    next: usize,
}

#[derive(Debug, Default)]
pub(super) struct Pace {
    kinds: [Times; Kind::COUNT],
}

impl Pace {
    pub(super) fn learn(&mut self, kind: Kind, took: Duration) {
        let Some(times) = self.kinds.get_mut(kind as usize) else { return };
        let seconds = took.as_secs_f64();
        match times.seconds.get_mut(times.next) {
            Some(oldest) => *oldest = seconds,
            None => times.seconds.push(seconds),
        }
        times.next = (times.next + 1) % TIMES_MAX;
    }

    /// The time within which this share of the answers came; none while too few are known.
    pub(super) fn quantile(&self, kind: Kind, share: f64) -> Option<Duration> {
        let times = self.kinds.get(kind as usize)?;
        if times.seconds.len() < TIMES_MIN {
            return None;
        }
        let mut seconds = times.seconds.clone();
        let nth = ((seconds.len() as f64 * share) as usize).min(seconds.len() - 1);
        let (_, at, _) = seconds.select_nth_unstable_by(nth, f64::total_cmp);
        Some(Duration::from_secs_f64(*at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantile_is_of_the_times_of_late_and_of_its_kind() {
        let mut pace = Pace::default();
        (1..TIMES_MIN).for_each(|_| pace.learn(Kind::Trace, Duration::from_secs(9)));
        assert_eq!(pace.quantile(Kind::Trace, 0.95), None, "of too few nothing is said");
        for ms in 1..=100 {
            pace.learn(Kind::Search, Duration::from_millis(ms));
        }
        assert_eq!(pace.quantile(Kind::Search, 0.95), Some(Duration::from_millis(96)));
        assert_eq!(pace.quantile(Kind::Search, 0.5), Some(Duration::from_millis(51)));
        (0..TIMES_MAX).for_each(|_| pace.learn(Kind::Search, Duration::from_millis(7)));
        assert_eq!(pace.quantile(Kind::Search, 0.99), Some(Duration::from_millis(7)));
        assert_eq!(pace.quantile(Kind::Trace, 0.95), None);
    }
}
