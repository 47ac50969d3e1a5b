//! When enough is gathered: the bounds on names and values, as Tempo counts against them.
//!
//! What is left out because of a bound is not told; an answer that was cut looks like one that was not.

use std::hash::Hash;

use foldhash::fast::RandomState;
use hashbrown::HashSet;

use crate::model::tags::TagLimits;

/// Different things, in the order in which they were first seen, up to the bounds.
#[derive(Debug)]
pub(super) struct Distinct<T> {
    limits: TagLimits,
    kept: Vec<T>,
    known: HashSet<T, RandomState>,
    bytes: u64,
    /// Known ones since the last new one.
    stale: u32,
    is_full: bool,
}

impl<T: Hash + Eq + Clone> Distinct<T> {
    pub fn new(limits: TagLimits) -> Self {
        Self { limits, kept: Vec::new(), known: HashSet::default(), bytes: 0, stale: 0, is_full: false }
    }

    /// Takes one of so many bytes. The one that would reach the bytes allowed is left out, and all after it.
    pub fn offer<Q>(&mut self, one: &Q, bytes: usize)
    where
        Q: Hash + hashbrown::Equivalent<T> + ToOwned<Owned = T> + ?Sized,
    {
        if self.is_full {
            return;
        }
        let TagLimits { count_max, stale_max, bytes_max } = self.limits;
        let bytes = self.bytes.saturating_add(bytes as u64);
        self.is_full = (bytes_max > 0 && bytes >= bytes_max)
            || (count_max > 0 && self.kept.len() >= count_max as usize)
            || (stale_max > 0 && self.stale >= stale_max);
        if self.is_full {
            return;
        }
        if self.known.contains(one) {
            self.stale = self.stale.saturating_add(1);
            return;
        }
        self.stale = 0;
        self.bytes = bytes;
        let owned = one.to_owned();
        self.kept.push(owned.clone());
        self.known.insert(owned);
    }

    /// As [`Self::offer`], but one that is known does not count as stale: a dictionary names each once.
    pub fn offer_once<Q>(&mut self, one: &Q, bytes: usize)
    where
        Q: Hash + hashbrown::Equivalent<T> + ToOwned<Owned = T> + ?Sized,
    {
        if !self.known.contains(one) {
            self.offer(one, bytes);
        }
    }

    /// Whether something was left out, so that nothing more is taken.
    pub fn is_full(&self) -> bool {
        self.is_full
    }

    /// In the order in which they came.
    pub fn kept(&self) -> &[T] {
        &self.kept
    }

    pub fn into_kept(self) -> Vec<T> {
        self.kept
    }
}
