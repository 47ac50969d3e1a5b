//! Tokens that were found good, until they expire or a key of their issuer leaves. Only what was verified is
//! remembered, so that nobody fills this who has no good tokens; and no token is kept, only its digest.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use foldhash::fast::RandomState;

use super::callers::Digest;
use super::shown::Known;

/// Tokens in each of two halves. A token is new every few minutes for each user; one takes about a kilobyte.
const HALF_MAX: usize = 8192;

/// What a token was found to be.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub known: Known,
    pub purposes: Arc<[String]>,
    /// Which of the keyrings it was checked by, in the order of the settings, and that one's epoch.
    pub source: usize,
    pub epoch: u64,
}

/// The lately used stand in `young`. When that is full it becomes `old`, and what was old and not used since is
/// forgotten: nearly the order of use, for the price of a look-up.
#[derive(Debug, Default)]
pub(super) struct Verified {
    halves: RwLock<Halves>,
}

#[derive(Debug, Default)]
struct Halves {
    young: HashMap<Digest, Entry, RandomState>,
    old: HashMap<Digest, Entry, RandomState>,
}

impl Verified {
    /// What is known of a token that is still good at `now`. Its keyring says whether its epoch is.
    pub fn get(&self, token: &Digest, now: Duration, is_current: impl Fn(&Entry) -> bool) -> Option<Entry> {
        let is_good =
            |entry: &&Entry| entry.known.expires.is_none_or(|expires| now < expires) && is_current(entry);
        let old = {
            let halves = self.halves.read().unwrap_or_else(PoisonError::into_inner);
            match halves.young.get(token) {
                Some(entry) => return Some(entry).filter(is_good).cloned(),
                None => halves.old.get(token).filter(is_good).cloned()?,
            }
        };
        self.put(*token, old.clone());
        Some(old)
    }

    pub fn put(&self, token: Digest, entry: Entry) {
        let mut halves = self.halves.write().unwrap_or_else(PoisonError::into_inner);
        if halves.young.len() >= HALF_MAX {
            halves.old = std::mem::take(&mut halves.young);
        }
        halves.young.insert(token, entry);
    }

    #[cfg(test)]
    pub fn len(&self) -> usize {
        let halves = self.halves.read().unwrap();
        halves.young.len() + halves.old.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Caller, Proven};

    fn entry(expires: u64) -> Entry {
        let known = Known {
            caller: Arc::new(Caller::anonymous()),
            proven: Arc::new(Proven::default()),
            expires: Some(Duration::from_secs(expires)),
        };
        Entry { known, purposes: Arc::new([]), source: 0, epoch: 1 }
    }

    fn digest(number: usize) -> Digest {
        super::super::callers::digest(&number.to_le_bytes())
    }

    #[test]
    fn a_token_is_remembered_until_it_expires_or_a_key_leaves() {
        let verified = Verified::default();
        verified.put(digest(1), entry(100));
        let at = |seconds, epoch| {
            verified.get(&digest(1), Duration::from_secs(seconds), |entry| entry.epoch == epoch).is_some()
        };
        assert!(at(99, 1) && !at(100, 1) && !at(99, 2));
        assert!(verified.get(&digest(2), Duration::ZERO, |_| true).is_none());
    }

    #[test]
    fn however_many_tokens_there_are_the_lately_used_stay_and_the_number_is_bounded() {
        let verified = Verified::default();
        for number in 0..5 * HALF_MAX {
            verified.put(digest(number), entry(100));
            if number % 1000 == 0 {
                assert!(
                    verified.get(&digest(0), Duration::ZERO, |_| true).is_some(),
                    "forgotten at {number}"
                );
            }
        }
        assert!(verified.len() <= 2 * HALF_MAX);
        assert!(verified.get(&digest(1), Duration::ZERO, |_| true).is_none());
    }
}
