//! Where a trace crosses from one region to another, and how long the network took. The clocks that this is
//! measured by are estimated in `clock`; here their estimate meets the spans: as notes on those that cross
//! and, on request, as times moved.

use std::collections::BTreeMap;

use super::clock::{Bounds, Call, Estimate, Offsets};
use super::index::Flags;
use super::join::{JoinError, Joined};
use super::own_keys;
use super::span::{moved, moved_in_time};
use super::tree::{Parent, Tree};
use crate::wire::otlp::{Value, kind, put_attribute, resource, span};

/// A span whose parent lies in another region.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Crossing {
    pub span: u32,
    pub from: u16,
    pub to: u16,
    /// Of the way there, where a client and a server span tell it.
    pub latency: Option<Estimate>,
}

/// Crossings and clock offsets of one trace.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Crossings {
    pub spans: Vec<Crossing>,
    pub offsets: Offsets,
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
            if is_call {
                let (client, server) = ((parent.start, parent.end), (span.start, span.end));
                calls.push(Call { span: index, from, to, client, server });
            }
        }
        found.offsets = Offsets::of(&calls);
        found.set_latencies(&calls);
        found
    }

    fn set_latencies(&mut self, calls: &[Call]) {
        let by_span: BTreeMap<u32, &Call> = calls.iter().map(|call| (call.span, call)).collect();
        for crossing in &mut self.spans {
            let Some(call) = by_span.get(&crossing.span) else { continue };
            let Some(Bounds { low, high }) = call.bounds() else { continue };
            let Some(of_clocks) = self.offsets.bounds(call.from, call.to) else { continue };
            // What most calls agree on lies within this call's bounds, or contradicts them: then the clock was
            // set meanwhile, or the times are not its.
            if of_clocks.low < low || high < of_clocks.high {
                continue;
            }
            let offset = of_clocks.estimate();
            // The way there and back together take high - low; neither takes less than nothing.
            crossing.latency = Some(Estimate { ns: high - offset.ns, error_ns: offset.error_ns });
        }
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
                self.offsets.estimate(crossing.from, crossing.to).filter(|o| o.is_certainly_not_zero())
            {
                put(own_keys::CLOCK_OFFSET_MS, Value::Double(in_ms(offset.ns)));
                put(own_keys::CLOCK_ERROR_MS, Value::Double(error_in_ms(offset.error_ns)));
            }
            joined.append_to_span(crossing.span, &fields)?;
        }
        Ok(())
    }

    /// Rewrites times so that every region's clock agrees with that of the trace's first root; where that is
    /// missing, with that of the first span whose parent is. Only on request: a time that was measured is otherwise never changed.
    pub fn adjust(&self, joined: &mut Joined, tree: &Tree) -> Result<(), JoinError> {
        let tops = joined.spans().map(|(index, span)| (tree.parent(index), span));
        let tops = tops.filter(|(parent, _)| !matches!(parent, Parent::Is(_)));
        let first = tops.min_by_key(|(parent, span)| (*parent == Parent::Missing, span.start));
        let Some((_, root)) = first else { return Ok(()) };
        let corrections = self.offsets.corrections(joined.rank(root));
        let to_move: Vec<(u32, i64)> = joined
            .spans()
            .filter_map(|(index, span)| {
                let by_ns = corrections.get(&joined.rank(span)).copied().filter(|by| *by != 0)?;
                Some((index, by_ns))
            })
            .collect();
        for (index, by_ns) in to_move {
            let Some(body) = joined.span(index).map(|span| moved_in_time(joined.body(span), by_ns)) else {
                continue;
            };
            joined.replace_body(index, &body)?;
            if let Some(span) = joined.spans.get_mut(index as usize) {
                span.start = moved(span.start, by_ns);
                span.end = moved(span.end, by_ns);
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
