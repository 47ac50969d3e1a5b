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
    /// For regions `(a, b)` with `a < b`: b's clock minus a's.
    pub offsets: BTreeMap<(u16, u16), Estimate>,
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

    fn negated(self) -> Self {
        Self { ns: -self.ns, error_ns: self.error_ns }
    }
}

impl Call {
    /// The bounds on `to`'s clock minus `from`'s; none where the times contradict themselves.
    fn bounds(&self) -> Option<(i64, i64)> {
        let low = difference(self.server.1, self.client.1)?;
        let high = difference(self.server.0, self.client.0)?;
        (low <= high).then_some((low, high))
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
        if from <= to {
            self.offsets.get(&(from, to)).copied()
        } else {
            self.offsets.get(&(to, from)).copied().map(Estimate::negated)
        }
    }

    fn set_latencies(&mut self, calls: &[Call]) {
        let by_span: BTreeMap<u32, &Call> = calls.iter().map(|call| (call.span, call)).collect();
        let offsets = std::mem::take(&mut self.offsets);
        let with_offsets = Self { spans: Vec::new(), offsets };
        for crossing in &mut self.spans {
            let Some(call) = by_span.get(&crossing.span) else { continue };
            let Some((low, high)) = call.bounds() else { continue };
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

    /// By how much each region's clock must be moved to agree with the reference region's: along the
    /// best known offsets first. Regions that no call connects are not moved.
    fn corrections(&self, reference: u16) -> BTreeMap<u16, i64> {
        let mut known = BTreeMap::from([(reference, 0i64)]);
        loop {
            let next = self
                .offsets
                .iter()
                .flat_map(|(&(a, b), &estimate)| [(a, b, estimate), (b, a, estimate.negated())])
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

fn offsets(calls: &[Call]) -> BTreeMap<(u16, u16), Estimate> {
    let mut bounds: BTreeMap<(u16, u16), Vec<(i64, i64)>> = BTreeMap::new();
    for call in calls {
        let Some((low, high)) = call.bounds() else { continue };
        let pair = (call.from.min(call.to), call.from.max(call.to));
        let own = if call.from <= call.to { (low, high) } else { (-high, -low) };
        bounds.entry(pair).or_default().push(own);
    }
    bounds.into_iter().filter_map(|(pair, bounds)| Some((pair, most_overlapped(&bounds)?))).collect()
}

/// The middle of the stretch that most intervals share.
fn most_overlapped(intervals: &[(i64, i64)]) -> Option<Estimate> {
    // At equal places an interval opens before another closes, so that touching ones overlap.
    let mut edges: Vec<(i64, bool)> =
        intervals.iter().flat_map(|(low, high)| [(*low, false), (*high, true)]).collect();
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
            best = edges.get(position + 1).map(|(next, _)| (*at, *next));
        }
    }
    let (low, high) = best?;
    let ns = i64::try_from(i128::midpoint(i128::from(low), i128::from(high))).ok()?;
    Some(Estimate { ns, error_ns: high.saturating_sub(low).saturating_add(1) / 2 })
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
        assert_eq!(found.get(&(0, 1)), Some(&Estimate { ns: 100 * MS, error_ns: 40 * MS }));
    }

    #[test]
    fn pairs_in_both_directions_speak_of_the_same_offset() {
        let there = call(0, 1, (0, 100), (140, 160));
        let back = call(1, 0, (300, 400), (230, 260));
        let found = offsets(&[there, back]);
        let estimate = found.get(&(0, 1)).unwrap();
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

    #[test]
    fn corrections_follow_the_best_known_offsets() {
        let estimate = |ms: i64, error: i64| Estimate { ns: ms * MS, error_ns: error * MS };
        let crossings = Crossings {
            spans: Vec::new(),
            offsets: BTreeMap::from([
                ((0, 1), estimate(10, 1)),
                ((1, 2), estimate(-30, 1)),
                ((0, 2), estimate(500, 400)),
            ]),
        };
        let corrections = crossings.corrections(0);
        assert_eq!(corrections, BTreeMap::from([(0, 0), (1, -10 * MS), (2, 20 * MS)]));
    }
}
