//! How many refusals to one network, or to one known caller, are on record: whoever knocks without end fills no disk.
//! What is not recorded is counted, and the next record of the same says how many there were. A caller has a number of
//! their own, so that strangers of the same network, as behind one proxy, take nothing of their evidence.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Refusals to one network, and to one caller, that are on record in a minute.
const RECORDED_MAX: u64 = 30;

/// Networks that are told apart, and callers. All others are as one.
const KNOCKING_MAX: usize = 1024;

/// As one, they have some more.
const OTHERS_RECORDED_MAX: u64 = 600;

const MINUTE: Duration = Duration::from_secs(60);

/// Who is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::api) enum Knocking<'k> {
    /// Nobody that is known, of this network as far as that is known.
    Stranger(Option<&'k str>),
    /// Somebody who showed who they are, and by whom that is said.
    Caller { subject: &'k str, voucher: &'k str },
}

#[derive(Debug, Default)]
pub(in crate::api) struct Denied {
    networks: Mutex<HashMap<String, Knocks>>,
    callers: Mutex<HashMap<String, Knocks>>,
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
    pub fn take(&self, knocking: Knocking<'_>) -> Option<u64> {
        let now = Instant::now();
        let (all, name) = match knocking {
            Knocking::Stranger(network) => (&self.networks, network.unwrap_or_default().to_owned()),
            // Of one length, whatever a token says.
            Knocking::Caller { subject, voucher } => {
                let both = format!("{}:{voucher}{subject}", voucher.len());
                (&self.callers, blake3::hash(both.as_bytes()).to_hex().to_string())
            }
        };
        let mut all = all.lock().unwrap_or_else(PoisonError::into_inner);
        if !all.contains_key(&name) && all.len() >= KNOCKING_MAX {
            // Those that are quiet and have nothing left to say.
            all.retain(|_, knocks| now - knocks.since < MINUTE || knocks.suppressed > 0);
        }
        let is_told_apart = all.contains_key(&name) || all.len() < KNOCKING_MAX;
        let others = || ("others".to_owned(), OTHERS_RECORDED_MAX);
        let (name, max) = if is_told_apart { (name, RECORDED_MAX) } else { others() };
        let knocks = all.entry(name).or_insert_with(|| Knocks::new(now));
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
        let network = |network| Knocking::Stranger(Some(network));
        let recorded = (0..1000).filter(|_| denied.take(network("192.0.2.0/24")).is_some()).count() as u64;
        assert_eq!((recorded, denied.suppressed()), (RECORDED_MAX, 1000 - RECORDED_MAX));
        assert_eq!(denied.take(network("198.51.100.0/24")), Some(0), "another network is another matter");
        tokio::time::advance(MINUTE).await;
        assert_eq!(denied.take(network("192.0.2.0/24")), Some(1000 - RECORDED_MAX));
        assert_eq!(denied.take(network("192.0.2.0/24")), Some(0));
    }

    #[tokio::test(start_paused = true)]
    async fn a_caller_has_a_number_of_their_own_whatever_strangers_do() {
        let denied = Denied::default();
        let alice = Knocking::Caller { subject: "alice", voucher: "https://idp.example" };
        for nth in 0..KNOCKING_MAX as u64 * 2 {
            denied.take(Knocking::Stranger(Some(&nth.to_string())));
        }
        let recorded = (0..100).filter(|_| denied.take(alice).is_some()).count() as u64;
        assert_eq!(recorded, RECORDED_MAX);
        let bob = Knocking::Caller { subject: "bob", voucher: "https://idp.example" };
        let namesake = Knocking::Caller { subject: "alice", voucher: "https://other.example" };
        assert_eq!((denied.take(bob), denied.take(namesake)), (Some(0), Some(0)));
        tokio::time::advance(MINUTE).await;
        assert_eq!(denied.take(alice), Some(100 - RECORDED_MAX));
    }

    #[tokio::test(start_paused = true)]
    async fn networks_without_end_are_as_one() {
        let denied = Denied::default();
        let all = KNOCKING_MAX as u64 * 4;
        let is_recorded = |nth: &u64| denied.take(Knocking::Stranger(Some(&nth.to_string()))).is_some();
        let recorded = (0..all).filter(is_recorded).count() as u64;
        assert_eq!(recorded, KNOCKING_MAX as u64 + OTHERS_RECORDED_MAX);
        assert!(denied.networks.lock().unwrap().len() <= KNOCKING_MAX + 1);
    }
}
