//! Where a trace crosses from one region to another, how long the network took, and how far apart the
//! regions' clocks are.
//!
//! A client span in one region and its server span in another bound the offset of their clocks: the
//! request cannot arrive before it was sent, nor the response before it was returned. With client
//! `[c0, c1]`, server `[s0, s1]` and the offset θ = (server's clock) - (client's clock):
//! `s1 - c1 <= θ <= s0 - c0`. Each pair gives such an interval; the offset is taken from where most of
//! them overlap (Marzullo's algorithm, as NTP selects among its sources), its error bound is half that
//! overlap's width. A server span that outlives its client (asynchronous work) gives no interval.

use std::collections::BTreeMap;

use super::index::Flags;
use super::join::{JoinError, Joined};
use super::own_keys;
use super::span::moved_in_time;
use super::tree::{Parent, Tree};
use crate::wire::otlp::{Value, kind, put_attribute, resource, span};

/// Pairs per region pair that are looked at; more would not narrow the estimate.
const PAIRS_MAX: usize = 100_000;

/// A span whose parent lies in another region.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Crossing {
    pub span: u32,
    pub from: u16,
    pub to: u16,
    /// Of the way there, where a client and a server span tell it.
    pub latency: Option<Estimate>,
}

/// A time in nanoseconds and how far the truth can be from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Estimate {
    pub ns: i64,
    pub error_ns: i64,
}

/// Crossings and clock offsets of one trace.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Crossings {
    pub spans: Vec<Crossing>,
    /// For regions `(a, b)` with `a < b`: what b's clock minus a's can be.
    pub offsets: BTreeMap<(u16, u16), Bounds>,
}

/// The least and the most that a time can be, in nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    pub low: i64,
    pub high: i64,
}

/// Client and server times of one call between regions.
#[derive(Debug, Clone, Copy)]
struct Call {
    span: u32,
    from: u16,
    to: u16,
    client: (u64, u64),
    server: (u64, u64),
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
    fn estimate(self) -> Estimate {
        let width = self.high.saturating_sub(self.low);
        Estimate { ns: self.low.midpoint(self.high), error_ns: width.saturating_add(1) / 2 }
    }
}

impl Call {
    /// The bounds on `to`'s clock minus `from`'s; none where the times contradict themselves.
    fn bounds(&self) -> Option<Bounds> {
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

impl Crossings {
    pub fn of(joined: &Joined, tree: &Tree) -> Self {
        let mut found = Self::default();
        if joined.buffers.len() < 2 {
            return found;
        }
        let mut calls = Vec::new();
        for (index, span) in joined.spans() {
            let Parent::Is(parent) = tree.parent(index) else { continue };
            let Some(parent) = joined.span(parent) else { continue };
            let (from, to) = (joined.rank(parent), joined.rank(span));
            if from == to {
                continue;
            }
            found.spans.push(Crossing { span: index, from, to, latency: None });
            let is_call = i32::from(parent.kind) == kind::CLIENT && i32::from(span.kind) == kind::SERVER;
            if is_call && calls.len() < PAIRS_MAX {
                let (client, server) = ((parent.start, parent.end), (span.start, span.end));
                calls.push(Call { span: index, from, to, client, server });
            }
        }
        found.offsets = offsets(&calls);
        found.set_latencies(&calls);
        found
    }

    /// `to`'s clock minus `from`'s.
    pub fn offset(&self, from: u16, to: u16) -> Option<Estimate> {
        self.bounds(from, to).map(Bounds::estimate)
    }

    fn bounds(&self, from: u16, to: u16) -> Option<Bounds> {
        if from <= to {
            self.offsets.get(&(from, to)).copied()
        } else {
            self.offsets.get(&(to, from)).copied().map(Bounds::negated)
        }
    }

    fn set_latencies(&mut self, calls: &[Call]) {
        let by_span: BTreeMap<u32, &Call> = calls.iter().map(|call| (call.span, call)).collect();
        let offsets = std::mem::take(&mut self.offsets);
        let with_offsets = Self { spans: Vec::new(), offsets };
        for crossing in &mut self.spans {
            let Some(call) = by_span.get(&crossing.span) else { continue };
            let Some(Bounds { low, high }) = call.bounds() else { continue };
            let Some(offset) = with_offsets.offset(call.from, call.to) else { continue };
            // The way there and back together take high - low; neither takes less than nothing.
            let ns = (high - offset.ns).clamp(0, high - low);
            crossing.latency = Some(Estimate { ns, error_ns: offset.error_ns.min(high - low) });
        }
        self.offsets = with_offsets.offsets;
    }

    /// Writes what was found onto the spans that cross. `names` are the regions by rank.
    pub fn annotate(&self, joined: &mut Joined, names: &[&str]) -> Result<(), JoinError> {
        let name = |rank: u16| names.get(usize::from(rank)).copied().unwrap_or("unknown");
        let mut fields = Vec::new();
        for crossing in &self.spans {
            let (from, to) = (name(crossing.from), name(crossing.to));
            fields.clear();
            let mut put =
                |key: &str, value: Value<'_>| put_attribute(&mut fields, span::ATTRIBUTES, key, value);
            put(own_keys::FROM, Value::String(from));
            put(own_keys::TO, Value::String(to));
            if let Some(latency) = crossing.latency {
                let text = format!("{}, {from} to {to}", in_words(latency.ns));
                put(own_keys::LATENCY, Value::String(&text));
                put(own_keys::LATENCY_MS, Value::Double(in_ms(latency.ns)));
                put(own_keys::ERROR_MS, Value::Double(error_in_ms(latency.error_ns)));
            }
            if let Some(offset) =
                self.offset(crossing.from, crossing.to).filter(|o| o.is_certainly_not_zero())
            {
                put(own_keys::CLOCK_OFFSET_MS, Value::Double(in_ms(offset.ns)));
                put(own_keys::CLOCK_ERROR_MS, Value::Double(error_in_ms(offset.error_ns)));
            }
            own_keys::claim(joined, crossing.span, &own_keys::CROSSING)?;
            joined.append_to_span(crossing.span, &fields)?;
        }
        Ok(())
    }

    /// By how much each region's clock must be moved to agree with the reference region's. Regions that no
    /// call connects are not moved.
    ///
    /// Where every pair's bounds can hold at once, they do: the most and the least that the clocks can be
    /// ahead both suit all of them, and so does the middle of the two.
    fn corrections(&self, reference: u16) -> BTreeMap<u16, i64> {
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
            .offsets
            .iter()
            .flat_map(|(&(a, b), &bounds)| {
                let (there, back) = of(bounds);
                [(a, b, there), (b, a, back)]
            })
            .collect();
        let mut ways = BTreeMap::from([(reference, 0i64)]);
        // A shortest way has no region twice, so as many rounds as there are steps are more than enough.
        for _ in 0..=steps.len() {
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
                .offsets
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

    /// Rewrites times so that every region's clock agrees with that of the trace's first root. Only on
    /// request: a time that was measured is otherwise never changed.
    pub fn adjust(&self, joined: &mut Joined, tree: &Tree) -> Result<(), JoinError> {
        let root = joined.spans().filter(|(index, _)| tree.parent(*index) == Parent::Root);
        let Some((_, root)) = root.min_by_key(|(_, span)| span.start) else { return Ok(()) };
        let corrections = self.corrections(joined.rank(root));
        let moved: Vec<(u32, i64)> = joined
            .spans()
            .filter_map(|(index, span)| {
                let by_ns = corrections.get(&joined.rank(span)).copied().filter(|by| *by != 0)?;
                Some((index, by_ns))
            })
            .collect();
        for (index, by_ns) in moved {
            let Some(body) = joined.span(index).map(|span| moved_in_time(joined.body(span), by_ns)) else {
                continue;
            };
            joined.replace_body(index, &body)?;
            if let Some(span) = joined.spans.get_mut(index as usize) {
                span.start = span.start.saturating_add_signed(by_ns);
                span.end = span.end.saturating_add_signed(by_ns);
                debug_assert!(!span.flags.has(Flags::UNSORTED) || span.end >= span.start || by_ns != 0);
            }
        }
        mark_adjusted(joined, &corrections)
    }
}

/// Says on each resource of a moved region by how much its times were moved.
fn mark_adjusted(joined: &mut Joined, corrections: &BTreeMap<u16, i64>) -> Result<(), JoinError> {
    for batch in &mut joined.batches {
        let Some(rank) = joined.ranks.get(usize::from(batch.chunk)) else { continue };
        let Some(by_ns) = corrections.get(rank).filter(|by| **by != 0) else { continue };
        let Some(buffer) = joined.buffers.get_mut(usize::from(batch.chunk)) else { continue };
        let mut extra = buffer.get(batch.extra).to_vec();
        put_attribute(
            &mut extra,
            resource::ATTRIBUTES,
            own_keys::CLOCK_ADJUSTED_MS,
            Value::Double(in_ms(*by_ns)),
        );
        batch.extra = buffer.add(&extra)?;
    }
    Ok(())
}

fn in_ms(ns: i64) -> f64 {
    // Microseconds are more than a clock comparison can tell.
    (ns as f64 / 1e3).round() / 1e3
}

/// A bound stays one when it is rounded: up, and by what rounding the value itself may have added.
fn error_in_ms(ns: i64) -> f64 {
    (ns.saturating_add(500) as f64 / 1e3).ceil() / 1e3
}

fn in_words(ns: i64) -> String {
    let ms = ns as f64 / 1e6;
    if ms < 9.95 { format!("{ms:.1} ms") } else { format!("{ms:.0} ms") }
}

fn offsets(calls: &[Call]) -> BTreeMap<(u16, u16), Bounds> {
    let mut bounds: BTreeMap<(u16, u16), Vec<Bounds>> = BTreeMap::new();
    for call in calls {
        let Some(own) = call.bounds() else { continue };
        let pair = (call.from.min(call.to), call.from.max(call.to));
        let own = if call.from <= call.to { own } else { own.negated() };
        bounds.entry(pair).or_default().push(own);
    }
    bounds.into_iter().filter_map(|(pair, bounds)| Some((pair, most_overlapped(&bounds)?))).collect()
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
        let found = offsets(&[call(0, 1, (0, 100), (140, 160))]);
        assert_eq!(found[&(0, 1)].estimate(), Estimate { ns: 100 * MS, error_ns: 40 * MS });
    }

    #[test]
    fn pairs_in_both_directions_speak_of_the_same_offset() {
        let there = call(0, 1, (0, 100), (140, 160));
        let back = call(1, 0, (300, 400), (230, 260));
        let found = offsets(&[there, back]);
        let estimate = found[&(0, 1)].estimate();
        assert!((estimate.ns - 100 * MS).abs() <= estimate.error_ns, "{estimate:?}");
        assert!(estimate.error_ns < 40 * MS);
    }

    #[test]
    fn a_few_wrong_pairs_do_not_move_the_estimate() {
        let mut calls: Vec<Call> = (0..20).map(|i| call(0, 1, (0, 100 + i), (140 + i, 160 + i))).collect();
        let before = offsets(&calls)[&(0, 1)];
        calls.push(call(0, 1, (0, 10), (5_000, 5_001)));
        calls.push(call(0, 1, (0, 10), (-9_000, -8_999)));
        assert_eq!(offsets(&calls)[&(0, 1)], before);
    }

    #[test]
    fn a_server_that_outlives_its_client_tells_nothing() {
        assert!(offsets(&[call(0, 1, (0, 10), (5, 500))]).is_empty());
        let absurd = Call { span: 0, from: 0, to: 1, client: (0, u64::MAX), server: (u64::MAX, 0) };
        assert!(absurd.bounds().is_none());
    }

    fn about(ms: i64, error: i64) -> Bounds {
        Bounds { low: (ms - error) * MS, high: (ms + error) * MS }
    }

    fn offsets_of(of_01: Bounds, of_12: Bounds, of_02: Bounds) -> Crossings {
        let offsets = BTreeMap::from([((0, 1), of_01), ((1, 2), of_12), ((0, 2), of_02)]);
        Crossings { spans: Vec::new(), offsets }
    }

    #[test]
    fn corrections_suit_every_pair_where_they_can() {
        // By the pairs alone it would be 0, 10 and 20 ms; but 2 is at most 12 ms ahead of 0.
        let crossings = offsets_of(about(10, 5), about(10, 5), about(11, 1));
        let corrections = crossings.corrections(0);
        for (&(a, b), bounds) in &crossings.offsets {
            let ahead = corrections[&a] - corrections[&b];
            assert!((bounds.low..=bounds.high).contains(&ahead), "{a} {b}: {ahead} not in {bounds:?}");
        }
        assert_eq!(corrections[&0], 0);
    }

    #[test]
    fn corrections_follow_the_best_known_offsets_where_none_suits_all() {
        let crossings = offsets_of(about(10, 1), about(-30, 1), about(500, 400));
        assert_eq!(crossings.corrections(0), BTreeMap::from([(0, 0), (1, -10 * MS), (2, 20 * MS)]));
    }
}
