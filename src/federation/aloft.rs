//! What goes on behind early answers, though nobody waits for it: within a number of places, each piece of work once,
//! and what became of it said once, when it is over. Lookups and searches are left alike; what they are is theirs.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Semaphore;

use crate::task::Group;
use crate::telemetry::metrics::fast::{FastFamilies, Remainder};

/// Work in the air. Clones are one.
#[derive(Debug, Clone)]
pub(super) struct Aloft {
    left: Group,
    places: Arc<Semaphore>,
}

/// What becomes of it: said once, however it ends.
struct Leaving {
    numbers: FastFamilies,
    became: Remainder,
}

impl Drop for Leaving {
    fn drop(&mut self) {
        self.numbers.remainder(self.became);
    }
}

impl Aloft {
    pub fn of(places: usize) -> Self {
        Self { left: Group::new(), places: Arc::new(Semaphore::new(places)) }
    }

    /// How much goes on without anyone waiting.
    pub fn len(&self) -> usize {
        self.left.len()
    }

    /// Lets work end by itself, if there is a place for it: whether it goes on. `is_left` says of it that it does
    /// already.
    pub fn leave(
        &self,
        is_left: &AtomicBool,
        numbers: &FastFamilies,
        work: impl Future<Output = Remainder> + Send + 'static,
    ) -> bool {
        if is_left.swap(true, Ordering::Relaxed) {
            return true;
        }
        let mut leaving = Leaving { numbers: numbers.clone(), became: Remainder::Dropped };
        let Ok(place) = self.places.clone().try_acquire_owned() else {
            is_left.store(false, Ordering::Relaxed);
            return false;
        };
        self.left.spawn(async move {
            let _place = place;
            leaving.became = work.await;
            drop(leaving);
        });
        true
    }
}
