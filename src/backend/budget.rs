//! A bucket of tokens: how many more questions than it was given a region may be asked.
//!
//! Each answered question puts in a share of a token, and each extra question takes a whole one, so that extra
//! questions stay a share of the answers and run dry when most fail. A trickle lets a region that is seldom asked be
//! asked again at all. What the bucket holds is bounded, so that a quiet hour buys no storm.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// What a bucket is like.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct BudgetSettings {
    /// Put in for each answered question, in percent of a token; 0 is a bucket that never holds one.
    pub percent: u32,
    /// Put in by time alone.
    pub per_second: f64,
    /// Held at first.
    pub first: f64,
    /// Held at most.
    pub most: f64,
}

#[derive(Debug)]
pub(super) struct Budget {
    settings: BudgetSettings,
    held: Mutex<Held>,
}

#[derive(Debug)]
struct Held {
    tokens: f64,
    at: Instant,
}

impl Budget {
    pub(super) fn new(settings: BudgetSettings) -> Self {
        Self { settings, held: Mutex::new(Held { tokens: settings.first, at: Instant::now() }) }
    }

    fn is_off(&self) -> bool {
        self.settings.percent == 0
    }

    /// A question was answered.
    pub(super) fn deposit(&self) {
        let mut held = self.refilled();
        held.tokens = (held.tokens + f64::from(self.settings.percent) / 100.0).min(self.settings.most);
    }

    /// Takes a token for an extra question, if there is one.
    pub(super) fn withdraw(&self) -> bool {
        if self.is_off() {
            return false;
        }
        let mut held = self.refilled();
        let has_one = held.tokens >= 1.0;
        if has_one {
            held.tokens -= 1.0;
        }
        has_one
    }

    /// Extra questions that may be asked now.
    pub(super) fn left(&self) -> f64 {
        if self.is_off() { 0.0 } else { self.refilled().tokens }
    }

    fn refilled(&self) -> MutexGuard<'_, Held> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let passed: Duration = now.saturating_duration_since(held.at);
        let trickled = held.tokens + passed.as_secs_f64() * self.settings.per_second;
        *held = Held { tokens: trickled.min(self.settings.most), at: now };
        held
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::advance;

    const USUAL: BudgetSettings = BudgetSettings { percent: 20, per_second: 1.0, first: 2.0, most: 5.0 };

    fn all_of(budget: &Budget) -> usize {
        (0..1000).take_while(|_| budget.withdraw()).count()
    }

    #[tokio::test(start_paused = true)]
    async fn extra_questions_are_a_share_of_the_answers() {
        let budget = Budget::new(USUAL);
        assert_eq!(all_of(&budget), 2);
        (0..16).for_each(|_| budget.deposit());
        assert_eq!(all_of(&budget), 3, "a fifth of 16, in whole ones");
    }

    #[tokio::test(start_paused = true)]
    async fn a_quiet_hour_buys_no_storm() {
        let budget = Budget::new(USUAL);
        advance(Duration::from_secs(3600)).await;
        assert_eq!(all_of(&budget), 5);
        advance(Duration::from_secs(1)).await;
        assert_eq!(all_of(&budget), 1, "one for each second");
    }

    #[tokio::test(start_paused = true)]
    async fn a_share_of_nothing_is_nothing() {
        let budget = Budget::new(BudgetSettings { percent: 0, ..USUAL });
        advance(Duration::from_secs(60)).await;
        budget.deposit();
        assert_eq!((all_of(&budget), budget.left()), (0, 0.0));
    }
}
