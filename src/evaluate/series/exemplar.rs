//! Which spans an answer points at: few, spread over time, and the same ones every time.
//!
//! Tempo takes whichever traces come first and a random span of each. Here a hash of the trace's id decides,
//! so that an answer does not depend on order and parts of it merge; the budget is Tempo's: as many in all as
//! asked for, no more than two in each of half as many slices of time.

use super::group::GroupKey;
use crate::model::value::ShownValue;
use std::collections::BTreeMap;

/// How many exemplars share a slice of time.
const PER_SLICE: usize = 2;

/// How many exemplars one query can get, whatever it asks for; Tempo's own safety cap.
pub const EXEMPLARS_MAX: u32 = 100_000;

/// A span that could stand for its series.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    /// The smallest stay.
    pub rank: u64,
    pub series: GroupKey<'static>,
    pub labels: Vec<(String, ShownValue)>,
    /// Not a number where the sample of its interval is to be shown.
    pub value: f64,
    pub timestamp_ms: u64,
}

/// The candidates that stay.
#[derive(Debug, Clone, PartialEq)]
pub struct Exemplars {
    /// None are kept where 0.
    most: usize,
    slices: u64,
    width_ms: u64,
    start_ms: u64,
    end_ms: u64,
    kept: BTreeMap<u64, Vec<Candidate>>,
}

impl Exemplars {
    /// Room for `asked` exemplars over a span of time in milliseconds, of which this leaf keeps `share`.
    pub fn new(asked: u32, share: u32, (start_ms, end_ms): (u64, u64)) -> Self {
        let slices = u64::from(asked.min(EXEMPLARS_MAX) / PER_SLICE as u32).max(1);
        Self {
            most: share.min(asked).min(EXEMPLARS_MAX) as usize,
            slices,
            width_ms: (end_ms.saturating_sub(start_ms) / slices).max(1),
            start_ms,
            end_ms,
            kept: BTreeMap::new(),
        }
    }

    fn slice(&self, timestamp_ms: u64) -> Option<u64> {
        let inside = self.most > 0 && (self.start_ms..=self.end_ms).contains(&timestamp_ms);
        inside.then(|| ((timestamp_ms - self.start_ms) / self.width_ms).min(self.slices - 1))
    }

    /// Whether a candidate would stay, so that its labels need not be read for nothing.
    pub fn wants(&self, rank: u64, timestamp_ms: u64) -> bool {
        let Some(slice) = self.slice(timestamp_ms) else { return false };
        let kept = self.kept.get(&slice).map_or(&[][..], Vec::as_slice);
        kept.len() < PER_SLICE || kept.last().is_some_and(|last| rank < last.rank)
    }

    pub fn offer(&mut self, candidate: Candidate) {
        let Some(slice) = self.slice(candidate.timestamp_ms) else { return };
        let kept = self.kept.entry(slice).or_default();
        kept.push(candidate);
        kept.sort_by(|one, other| {
            (one.rank, one.timestamp_ms, &one.series).cmp(&(other.rank, other.timestamp_ms, &other.series))
        });
        // Parts that saw the same trace do not say it twice.
        kept.dedup_by(|one, other| {
            (one.rank, one.timestamp_ms, &one.series) == (other.rank, other.timestamp_ms, &other.series)
        });
        kept.truncate(PER_SLICE);
    }

    pub fn merge(&mut self, other: Exemplars) {
        other.kept.into_values().flatten().for_each(|candidate| self.offer(candidate));
    }

    /// In order of time.
    pub fn take(self) -> Vec<Candidate> {
        let mut all: Vec<Candidate> = self.kept.into_values().flatten().collect();
        all.sort_by_key(|candidate| candidate.rank);
        all.truncate(self.most);
        all.sort_by_key(|candidate| candidate.timestamp_ms);
        all
    }
}

/// The rank of a trace or span: FNV-1a, finished so that neighbours lie far apart.
pub fn rank(parts: [&[u8]; 2]) -> u64 {
    let hash = parts.into_iter().flatten().fold(0xcbf2_9ce4_8422_2325u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let mixed = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    mixed ^ (mixed >> 33)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate(rank: u64, timestamp_ms: u64) -> Candidate {
        Candidate { rank, series: GroupKey::default(), labels: Vec::new(), value: 1.0, timestamp_ms }
    }

    fn kept(asked: u32, share: u32, all: &[(u64, u64)]) -> Vec<(u64, u64)> {
        let mut exemplars = Exemplars::new(asked, share, (100, 200));
        all.iter().for_each(|(rank, at)| exemplars.offer(candidate(*rank, *at)));
        exemplars.take().iter().map(|candidate| (candidate.rank, candidate.timestamp_ms)).collect()
    }

    #[test]
    fn two_stay_of_each_slice_of_time_and_none_from_outside() {
        let all = [(5, 110), (3, 120), (4, 115), (9, 160), (1, 99), (1, 201), (8, 200)];
        assert_eq!(kept(4, 4, &all), [(4, 115), (3, 120), (9, 160), (8, 200)]);
    }

    #[test]
    fn no_more_stay_than_the_share() {
        let all = [(5, 110), (3, 120), (9, 160), (8, 200)];
        assert_eq!(kept(4, 2, &all), [(5, 110), (3, 120)]);
        assert_eq!(kept(1, 1, &all), [(3, 120)]);
        assert_eq!(kept(0, 0, &all), []);
        assert_eq!(kept(4, 4, &[(5, 110), (5, 110)]), [(5, 110)]);
    }

    #[test]
    fn what_stays_does_not_depend_on_order_or_parts() {
        let all: Vec<(u64, u64)> =
            (0..50u64).map(|n| (rank([&n.to_be_bytes(), &[]]), 100 + (n * 7) % 101)).collect();
        let mut turned = all.clone();
        turned.reverse();
        assert_eq!(kept(10, 10, &all), kept(10, 10, &turned));
        let [mut one, mut other] = [(); 2].map(|()| Exemplars::new(10, 10, (100, 200)));
        for (at, (rank, timestamp)) in all.iter().enumerate() {
            let part = if at % 3 == 0 { &mut one } else { &mut other };
            part.offer(candidate(*rank, *timestamp));
        }
        other.merge(one);
        let merged: Vec<(u64, u64)> = other.take().iter().map(|c| (c.rank, c.timestamp_ms)).collect();
        assert_eq!(merged, kept(10, 10, &all));
        assert_eq!(merged.len(), 10);
    }

    #[test]
    fn what_is_not_wanted_would_not_stay() {
        let mut exemplars = Exemplars::new(2, 2, (100, 200));
        exemplars.offer(candidate(5, 110));
        assert!(exemplars.wants(9, 120));
        exemplars.offer(candidate(6, 110));
        assert!(!exemplars.wants(9, 120) && exemplars.wants(1, 120) && !exemplars.wants(1, 99));
    }
}
