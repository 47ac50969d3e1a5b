//! How far apart the regions' clocks are, told from the calls between them. Knows calls as times and ranks,
//! and nothing of traces or of who may move a time.
//!
//! A client span in one region and its server span in another bound the offset of their clocks: the
//! request cannot arrive before it was sent, nor the response before it was returned. With client
//! `[c0, c1]`, server `[s0, s1]` and the offset θ = (server's clock) - (client's clock):
//! `s1 - c1 <= θ <= s0 - c0`. Each pair gives such an interval; the offset is taken from where most of
//! them overlap (Marzullo's algorithm, as NTP selects among its sources), its error bound is half that
//! overlap's width. A server span that outlives its client (asynchronous work) gives no interval.

use std::collections::{BTreeMap, BTreeSet};

/// Calls per region pair that are looked at; more would not narrow the estimate.
const PAIRS_MAX: usize = 100_000;

/// A time in nanoseconds and how far the truth can be from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Estimate {
    pub ns: i64,
    pub error_ns: i64,
}

/// For regions `(a, b)` with `a < b`: what b's clock minus a's can be.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Offsets(BTreeMap<(u16, u16), Bounds>);

/// The least and the most that a time can be, in nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    pub low: i64,
    pub high: i64,
}

/// Client and server times of one call between regions.
#[derive(Debug, Clone, Copy)]
pub(super) struct Call {
    pub span: u32,
    pub from: u16,
    pub to: u16,
    pub client: (u64, u64),
    pub server: (u64, u64),
}

impl Estimate {
    /// Whether the truth cannot be zero.
    pub fn is_certainly_not_zero(self) -> bool {
        self.ns.abs() > self.error_ns
    }
}

impl Bounds {
    fn negated(self) -> Self {
        Self { low: -self.high, high: -self.low }
    }

    /// The middle, which is nowhere further from the truth than half the width.
    pub(super) fn estimate(self) -> Estimate {
        let width = self.high.saturating_sub(self.low);
        Estimate { ns: self.low.midpoint(self.high), error_ns: width.saturating_add(1) / 2 }
    }
}

impl Call {
    /// The bounds on `to`'s clock minus `from`'s; none where the times contradict themselves.
    pub(super) fn bounds(&self) -> Option<Bounds> {
        let low = difference(self.server.1, self.client.1)?;
        let high = difference(self.server.0, self.client.0)?;
        (low <= high).then_some(Bounds { low, high })
    }
}

/// Clocks further apart than this (some 36 years) are not clocks. Sums and differences of four such
/// times stay within an `i64`.
const APART_MAX_NS: i64 = i64::MAX >> 3;

fn difference(later: u64, earlier: u64) -> Option<i64> {
    let difference = i64::try_from(i128::from(later) - i128::from(earlier)).ok()?;
    (-APART_MAX_NS..=APART_MAX_NS).contains(&difference).then_some(difference)
}

impl Offsets {
    pub(super) fn of(calls: &[Call]) -> Self {
        let mut bounds: BTreeMap<(u16, u16), Vec<Bounds>> = BTreeMap::new();
        for call in calls {
            let Some(own) = call.bounds() else { continue };
            let pair = (call.from.min(call.to), call.from.max(call.to));
            let own = if call.from <= call.to { own } else { own.negated() };
            let of_pair = bounds.entry(pair).or_default();
            if of_pair.len() < PAIRS_MAX {
                of_pair.push(own);
            }
        }
        Self(
            bounds.into_iter().filter_map(|(pair, bounds)| Some((pair, most_overlapped(&bounds)?))).collect(),
        )
    }

    /// `to`'s clock minus `from`'s.
    pub fn estimate(&self, from: u16, to: u16) -> Option<Estimate> {
        self.bounds(from, to).map(Bounds::estimate)
    }

    pub(super) fn bounds(&self, from: u16, to: u16) -> Option<Bounds> {
        if from <= to {
            self.0.get(&(from, to)).copied()
        } else {
            self.0.get(&(to, from)).copied().map(Bounds::negated)
        }
    }

    /// By how much each region's clock must be moved to agree with the reference region's. Regions that no
    /// call connects are not moved.
    ///
    /// Where every pair's bounds can hold at once, they do: the most and the least that the clocks can be
    /// ahead both suit all of them, and so does the middle of the two.
    pub(super) fn corrections(&self, reference: u16) -> BTreeMap<u16, i64> {
        let most = self.ahead_at_most(reference, |bounds| (bounds.high, bounds.low.saturating_neg()));
        let least = self.ahead_at_most(reference, |bounds| (bounds.low.saturating_neg(), bounds.high));
        let (Some(most), Some(least)) = (most, least) else {
            return self.corrections_by_best_pairs(reference);
        };
        let middle = |(region, most): (u16, i64)| {
            let least = least.get(&region)?.saturating_neg();
            // Rounded down for every region alike, so that differences keep within their bounds.
            Some((region, -(i128::from(most) + i128::from(least)).div_euclid(2)))
        };
        let middles = most.into_iter().filter_map(middle);
        middles.filter_map(|(region, by)| Some((region, i64::try_from(by).ok()?))).collect()
    }

    /// The shortest ways from the reference, where `of` gives a step from a to b and from b to a its length;
    /// none where the bounds contradict each other.
    fn ahead_at_most(&self, reference: u16, of: impl Fn(Bounds) -> (i64, i64)) -> Option<BTreeMap<u16, i64>> {
        let steps: Vec<(u16, u16, i64)> = self
            .0
            .iter()
            .flat_map(|(&(a, b), &bounds)| {
                let (there, back) = of(bounds);
                [(a, b, there), (b, a, back)]
            })
            .collect();
        let mut ways = BTreeMap::from([(reference, 0i64)]);
        // A shortest way has no region twice, so there are fewer rounds than regions; the last finds nothing new.
        let regions: BTreeSet<u16> = steps.iter().map(|(from, ..)| *from).collect();
        for _ in 0..=regions.len() {
            let mut is_settled = true;
            for (from, to, length) in &steps {
                let Some(way) = ways.get(from).map(|way| way.saturating_add(*length)) else { continue };
                if ways.get(to).is_none_or(|known| way < *known) {
                    ways.insert(*to, way);
                    is_settled = false;
                }
            }
            if is_settled {
                return Some(ways);
            }
        }
        None
    }

    /// Along the best known offsets first, for clocks that ran unevenly: there no one correction suits all.
    fn corrections_by_best_pairs(&self, reference: u16) -> BTreeMap<u16, i64> {
        let mut known = BTreeMap::from([(reference, 0i64)]);
        loop {
            let next = self
                .0
                .iter()
                .flat_map(|(&(a, b), &bounds)| [(a, b, bounds), (b, a, bounds.negated())])
                .map(|(from, to, bounds)| (from, to, bounds.estimate()))
                .filter(|(from, to, _)| known.contains_key(from) && !known.contains_key(to))
                .min_by_key(|(_, _, estimate)| estimate.error_ns);
            let Some((from, to, estimate)) = next else { return known };
            let base = known.get(&from).copied().unwrap_or(0);
            known.insert(to, base.saturating_sub(estimate.ns));
        }
    }
}

/// The stretch that most intervals share.
fn most_overlapped(intervals: &[Bounds]) -> Option<Bounds> {
    // At equal places an interval opens before another closes, so that touching ones overlap.
    let mut edges: Vec<(i64, bool)> =
        intervals.iter().flat_map(|own| [(own.low, false), (own.high, true)]).collect();
    edges.sort_unstable();
    let (mut open, mut most, mut best) = (0usize, 0usize, None);
    for (position, (at, closes)) in edges.iter().enumerate() {
        if *closes {
            open = open.saturating_sub(1);
            continue;
        }
        open += 1;
        if open > most {
            most = open;
            best = edges.get(position + 1).map(|(next, _)| Bounds { low: *at, high: *next });
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: i64 = 1_000_000;

    fn call(from: u16, to: u16, client: (i64, i64), server: (i64, i64)) -> Call {
        let at = |ms: i64| u64::try_from(1_000_000 * MS + ms * MS).unwrap();
        Call { span: 0, from, to, client: (at(client.0), at(client.1)), server: (at(server.0), at(server.1)) }
    }

    #[test]
    fn one_pair_gives_the_offset_and_half_the_round_trip_as_its_error() {
        // 40 ms there, 40 back, the server's clock 100 ms ahead.
        let found = bounds_of(&[call(0, 1, (0, 100), (140, 160))]);
        assert_eq!(found[&(0, 1)].estimate(), Estimate { ns: 100 * MS, error_ns: 40 * MS });
    }

    #[test]
    fn pairs_in_both_directions_speak_of_the_same_offset() {
        let there = call(0, 1, (0, 100), (140, 160));
        let back = call(1, 0, (300, 400), (230, 260));
        let found = bounds_of(&[there, back]);
        let estimate = found[&(0, 1)].estimate();
        assert!((estimate.ns - 100 * MS).abs() <= estimate.error_ns, "{estimate:?}");
        assert!(estimate.error_ns < 40 * MS);
    }

    #[test]
    fn a_few_wrong_pairs_do_not_move_the_estimate() {
        let mut calls: Vec<Call> = (0..20).map(|i| call(0, 1, (0, 100 + i), (140 + i, 160 + i))).collect();
        let before = bounds_of(&calls)[&(0, 1)];
        calls.push(call(0, 1, (0, 10), (5_000, 5_001)));
        calls.push(call(0, 1, (0, 10), (-9_000, -8_999)));
        assert_eq!(bounds_of(&calls)[&(0, 1)], before);
    }

    #[test]
    fn a_server_that_outlives_its_client_tells_nothing() {
        assert!(bounds_of(&[call(0, 1, (0, 10), (5, 500))]).is_empty());
        let absurd = Call { span: 0, from: 0, to: 1, client: (0, u64::MAX), server: (u64::MAX, 0) };
        assert!(absurd.bounds().is_none());
    }

    fn bounds_of(calls: &[Call]) -> BTreeMap<(u16, u16), Bounds> {
        Offsets::of(calls).0
    }

    fn about(ms: i64, error: i64) -> Bounds {
        Bounds { low: (ms - error) * MS, high: (ms + error) * MS }
    }

    fn offsets_of(of_01: Bounds, of_12: Bounds, of_02: Bounds) -> Offsets {
        Offsets(BTreeMap::from([((0, 1), of_01), ((1, 2), of_12), ((0, 2), of_02)]))
    }

    #[test]
    fn corrections_suit_every_pair_where_they_can() {
        // By the pairs alone it would be 0, 10 and 20 ms; but 2 is at most 12 ms ahead of 0.
        let offsets = offsets_of(about(10, 5), about(10, 5), about(11, 1));
        let corrections = offsets.corrections(0);
        for (&(a, b), bounds) in &offsets.0 {
            let ahead = corrections[&a] - corrections[&b];
            assert!((bounds.low..=bounds.high).contains(&ahead), "{a} {b}: {ahead} not in {bounds:?}");
        }
        assert_eq!(corrections[&0], 0);
    }

    #[test]
    fn corrections_follow_the_best_known_offsets_where_none_suits_all() {
        let offsets = offsets_of(about(10, 1), about(-30, 1), about(500, 400));
        assert_eq!(offsets.corrections(0), BTreeMap::from([(0, 0), (1, -10 * MS), (2, 20 * MS)]));
    }
}
