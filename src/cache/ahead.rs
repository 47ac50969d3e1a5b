//! The budget of what is fetched before anybody waits for it: so many in a minute, so many at one time.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::Instant;

/// How much may be fetched ahead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrewarmSettings {
    /// Lookups at one time.
    pub concurrent_max: usize,
    /// Lookups that may begin in one minute; 0 fetches nothing ahead.
    pub per_minute_max: u32,
    /// Traces that one request may name.
    pub ids_max: usize,
    /// A kept trace that is asked for so often in a minute is fetched anew before its time ends; 0 fetches none anew.
    pub popular_min: u16,
}

impl Default for PrewarmSettings {
    fn default() -> Self {
        Self { concurrent_max: 4, per_minute_max: 120, ids_max: 100, popular_min: 20 }
    }
}

const WINDOW: Duration = Duration::from_mins(1);

/// What is left of it.
#[derive(Debug)]
pub struct PrewarmBudget {
    settings: PrewarmSettings,
    places: Arc<Semaphore>,
    spent: Mutex<(Instant, u32)>,
}

impl PrewarmBudget {
    pub fn new(settings: PrewarmSettings) -> Self {
        let places = Arc::new(Semaphore::new(settings.concurrent_max));
        Self { settings, places, spent: Mutex::new((Instant::now(), 0)) }
    }

    pub fn settings(&self) -> &PrewarmSettings {
        &self.settings
    }

    /// Takes one lookup of this minute's, if one is left. Those that are taken and wait for a place are so bounded, too.
    pub fn take(&self) -> bool {
        let mut spent = self.spent.lock().unwrap_or_else(PoisonError::into_inner);
        if spent.0.elapsed() >= WINDOW {
            *spent = (Instant::now(), 0);
        }
        let is_left = spent.1 < self.settings.per_minute_max;
        spent.1 += u32::from(is_left);
        is_left
    }

    /// Where a lookup waits for its place among those at one time.
    pub fn places(&self) -> Arc<Semaphore> {
        self.places.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_minute_has_so_many_and_the_next_as_many_again() {
        let budget = PrewarmBudget::new(PrewarmSettings { per_minute_max: 2, ..PrewarmSettings::default() });
        assert_eq!([budget.take(), budget.take(), budget.take()], [true, true, false]);
        tokio::time::advance(WINDOW).await;
        assert_eq!([budget.take(), budget.take(), budget.take()], [true, true, false]);
        let none = PrewarmBudget::new(PrewarmSettings { per_minute_max: 0, ..PrewarmSettings::default() });
        assert!(!none.take());
    }
}
