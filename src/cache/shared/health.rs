//! Whether the shared memory is asked at all. What fails several times in a row is left alone for a while; then one
//! question goes through as a trial.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Failures in a row after which it is left alone.
const FAILURES_MAX: u32 = 3;

/// How long it is left alone first, and at most; twice as long after each trial that failed.
const PAUSE_MIN: Duration = Duration::from_secs(1);
const PAUSE_MAX: Duration = Duration::from_secs(30);

#[derive(Debug, Default)]
pub(super) struct Health(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    failures: u32,
    until: Option<Instant>,
    pause: Duration,
    /// One trial is under way.
    is_tried: bool,
}

/// One question that was let through. Settled when it is dropped: as failed, where it was asked and nothing else was
/// said, since then it was given up at the deadline.
#[derive(Debug)]
pub(super) struct Ticket {
    health: Arc<Health>,
    verdict: Verdict,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Failed,
    Neutral,
    Well,
}

impl Ticket {
    pub fn is_well(&mut self) {
        self.verdict = Verdict::Well;
    }

    /// From here on it counts.
    pub fn is_asked(&mut self) {
        self.verdict = Verdict::Failed;
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let mut state = self.health.state();
        state.is_tried = false;
        match self.verdict {
            Verdict::Well => *state = State::default(),
            Verdict::Neutral => {}
            Verdict::Failed => state.fail(),
        }
    }
}

impl Health {
    pub fn admit(self: &Arc<Self>) -> Option<Ticket> {
        let mut state = self.state();
        if let Some(until) = state.until {
            if state.is_tried || Instant::now() < until {
                return None;
            }
            state.is_tried = true;
        }
        drop(state);
        Some(Ticket { health: self.clone(), verdict: Verdict::Neutral })
    }

    /// No connection could be made.
    pub fn fail(&self) {
        self.state().fail();
    }

    /// Whether it is left alone now.
    pub fn is_paused(&self) -> bool {
        self.state().until.is_some_and(|until| Instant::now() < until)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn fail(&mut self) {
        self.failures = self.failures.saturating_add(1);
        if self.failures < FAILURES_MAX {
            return;
        }
        self.pause = (self.pause * 2).clamp(PAUSE_MIN, PAUSE_MAX);
        self.until = Some(Instant::now() + self.pause);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failing(health: &Arc<Health>) {
        health.admit().unwrap().is_asked();
    }

    #[tokio::test(start_paused = true)]
    async fn after_some_failures_it_is_left_alone_and_then_tried_by_one() {
        let health = Arc::new(Health::default());
        for _ in 0..FAILURES_MAX {
            failing(&health);
        }
        assert!(health.admit().is_none() && health.is_paused());
        tokio::time::advance(PAUSE_MIN).await;
        let trial = health.admit().unwrap();
        assert!(health.admit().is_none(), "one at a time");
        {
            let mut trial = trial;
            trial.is_asked();
        }
        tokio::time::advance(PAUSE_MIN).await;
        assert!(health.admit().is_none(), "the pause grows");
        tokio::time::advance(PAUSE_MIN).await;
        health.admit().unwrap().is_well();
        assert!(health.admit().is_some() && health.admit().is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_answers_between_failures_is_well() {
        let health = Arc::new(Health::default());
        for _ in 0..10 {
            failing(&health);
            failing(&health);
            health.admit().unwrap().is_well();
        }
        assert!(health.admit().is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn the_pause_has_an_end_however_long_it_fails() {
        let health = Arc::new(Health::default());
        for _ in 0..50 {
            health.fail();
        }
        tokio::time::advance(PAUSE_MAX).await;
        assert!(health.admit().is_some());
    }
}
