//! When a question is asked a second time: only where the region did no work for the first, only when
//! that was found out quickly, only within the region's budget, and only once.
//!
//! A region in trouble must not be asked more than a well one. The budget is a share of the questions it
//! answered lately, so it runs dry when most fail.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep};
use tower::retry::Policy;
use tower::retry::budget::{Budget, TpsBudget};

use super::Fault;
use super::call::{Call, Reply};
use super::settings::RetrySettings;

/// How long an answered question counts towards the budget.
const BUDGET_WINDOW: Duration = Duration::from_secs(10);

/// Retries a second that are allowed without any answers: a region that is seldom asked would otherwise
/// never be asked again.
const RETRIES_PER_SECOND_MIN: u32 = 1;

/// The pause before the second attempt, in milliseconds. Long enough for a restarted listener to be
/// replaced by its neighbour, spread so that callers who failed together do not return together.
const PAUSE_MS: std::ops::Range<u64> = 5..40;

/// The policy of one region, with one budget for every kind of question; a clone of it accompanies each.
#[derive(Debug, Clone)]
pub(super) struct RetryOnce {
    /// Absent when retries are turned off.
    budget: Option<Arc<TpsBudget>>,
    quick: Duration,
    attempts: u32,
    attempt_began: Option<Instant>,
}

impl RetryOnce {
    pub(super) fn new(settings: &RetrySettings) -> Self {
        let share = settings.budget_percent.min(100) as f32 / 100.0;
        let budget = (settings.budget_percent > 0)
            .then(|| Arc::new(TpsBudget::new(BUDGET_WINDOW, RETRIES_PER_SECOND_MIN, share)));
        Self { budget, quick: settings.quick, attempts: 1, attempt_began: None }
    }

    fn may_ask_again(&self, fault: &Fault) -> bool {
        let was_quick = self.attempt_began.is_some_and(|began| began.elapsed() <= self.quick);
        fault.is_retryable
            && self.attempts == 1
            && was_quick
            && self.budget.as_ref().is_some_and(|budget| budget.withdraw())
    }
}

impl<Q: Clone, A: Reply> Policy<Call<Q>, A, Fault> for RetryOnce {
    type Future = Sleep;

    fn retry(&mut self, _: &mut Call<Q>, result: &mut Result<A, Fault>) -> Option<Self::Future> {
        match result {
            Ok(reply) => {
                reply.set_attempts(self.attempts);
                if let Some(budget) = &self.budget {
                    budget.deposit();
                }
                None
            }
            Err(fault) => {
                fault.attempts = self.attempts;
                if !self.may_ask_again(fault) {
                    return None;
                }
                self.attempts += 1;
                Some(sleep(Duration::from_millis(rand::random_range(PAUSE_MS))))
            }
        }
    }

    /// Called before each attempt.
    fn clone_request(&mut self, call: &Call<Q>) -> Option<Call<Q>> {
        self.attempt_began = Some(Instant::now());
        Some(call.clone())
    }
}
