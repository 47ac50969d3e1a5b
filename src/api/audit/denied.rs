//! How many refusals to one network are on record: whoever knocks without end fills no disk. What is not recorded is
//! counted, and the next record of the same network says how many there were.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Refusals to one network that are on record in a minute.
const RECORDED_MAX: u64 = 30;

/// Networks that are told apart. All others are as one.
const NETWORKS_MAX: usize = 1024;

/// As one, they have some more.
const OTHERS_RECORDED_MAX: u64 = 600;

const MINUTE: Duration = Duration::from_secs(60);

#[derive(Debug, Default)]
pub(in crate::api) struct Denied {
    networks: Mutex<HashMap<String, Knocks>>,
    suppressed: AtomicU64,
}

#[derive(Debug)]
struct Knocks {
    since: Instant,
    recorded: u64,
    /// Since the last that was.
    suppressed: u64,
}

impl Knocks {
    fn new(now: Instant) -> Self {
        Self { since: now, recorded: 0, suppressed: 0 }
    }
}

impl Denied {
    /// Whether this one is recorded, and how many before it were not.
    pub fn take(&self, network: Option<&str>) -> Option<u64> {
        let now = Instant::now();
        let mut networks = self.networks.lock().unwrap_or_else(PoisonError::into_inner);
        let network = network.unwrap_or_default();
        if !networks.contains_key(network) && networks.len() >= NETWORKS_MAX {
            // Those that are quiet and have nothing left to say.
            networks.retain(|_, knocks| now - knocks.since < MINUTE || knocks.suppressed > 0);
        }
        let is_known = networks.contains_key(network) || networks.len() < NETWORKS_MAX;
        let (name, max) = if is_known { (network, RECORDED_MAX) } else { ("others", OTHERS_RECORDED_MAX) };
        let knocks = networks.entry(name.to_owned()).or_insert_with(|| Knocks::new(now));
        if now - knocks.since >= MINUTE {
            (knocks.since, knocks.recorded) = (now, 0);
        }
        if knocks.recorded >= max {
            knocks.suppressed += 1;
            self.suppressed.fetch_add(1, Ordering::Relaxed);
            return None;
        }
        knocks.recorded += 1;
        Some(std::mem::take(&mut knocks.suppressed))
    }

    pub fn suppressed(&self) -> u64 {
        self.suppressed.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_flood_is_counted_and_said_later() {
        let denied = Denied::default();
        let recorded = (0..1000).filter(|_| denied.take(Some("192.0.2.0/24")).is_some()).count() as u64;
        assert_eq!((recorded, denied.suppressed()), (RECORDED_MAX, 1000 - RECORDED_MAX));
        assert_eq!(denied.take(Some("198.51.100.0/24")), Some(0), "another network is another matter");
        tokio::time::advance(MINUTE).await;
        assert_eq!(denied.take(Some("192.0.2.0/24")), Some(1000 - RECORDED_MAX));
        assert_eq!(denied.take(Some("192.0.2.0/24")), Some(0));
    }

    #[tokio::test(start_paused = true)]
    async fn networks_without_end_are_as_one() {
        let denied = Denied::default();
        let all = NETWORKS_MAX as u64 * 4;
        let recorded = (0..all).filter(|nth| denied.take(Some(&nth.to_string())).is_some()).count() as u64;
        assert_eq!(recorded, NETWORKS_MAX as u64 + OTHERS_RECORDED_MAX);
        assert!(denied.networks.lock().unwrap().len() <= NETWORKS_MAX + 1);
    }
}
