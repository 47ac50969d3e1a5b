//! A difference in sum: of the whole, and of each service.
//!
//! Times add up in nanoseconds, and wrap as Tempo's do, before they are cut to milliseconds.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use hashbrown::HashMap;

use super::normal::{Identities, Normal};
use super::patch::{Change, Patch};

/// A service's time has drifted from a millisecond on that is also a twentieth of what it was: many spans
/// that are each a little slower add up.
const DRIFT_LEAST_NS: i64 = 1_000_000;
const DRIFT_PART: i64 = 20;

const NS_IN_MS: i64 = 1_000_000;

/// Stands for a service without a name.
const NO_SERVICE: &[u8] = b"<unknown>";

#[derive(Debug)]
pub(super) struct Summary<'a> {
    pub base: Totals,
    pub compare: Totals,
    pub is_structure_changed: bool,
    /// Every service that something of changed, in order.
    pub changed_services: Vec<&'a [u8]>,
    pub services: Vec<Service<'a>>,
}

/// One trace in sum.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Totals {
    pub errors: i64,
    /// From the first start to the last end.
    pub envelope_ns: u64,
    pub spans_ns: i64,
}

/// A service with changed spans or drifted time.
#[derive(Debug)]
pub(super) struct Service<'a> {
    pub name: &'a [u8],
    pub spans_delta_ms: i64,
    pub counts: Counts,
}

#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Counts {
    pub modified: u64,
    pub added: u64,
    pub removed: u64,
    pub new_errors: u64,
    pub resolved_errors: u64,
}

impl<'a> Summary<'a> {
    pub fn of(
        base: &Normal<'a>,
        compare: &Normal<'a>,
        patch: &Patch<'a>,
        identities: &Identities<'a>,
    ) -> Self {
        let restructured = restructured(base, compare, identities);
        let is_structure_changed = !restructured.is_empty();
        let counts = counts(base, compare, patch);
        let (before, after) = (times(base), times(compare));
        let mut changed: BTreeSet<&[u8]> = restructured;
        changed.extend(counts.keys());
        let mut services = Vec::new();
        for name in before.keys().chain(after.keys()).copied().collect::<BTreeSet<_>>() {
            let time = |of: &BTreeMap<&[u8], i64>| of.get(name).copied().unwrap_or(0);
            let (before, after) = (time(&before), time(&after));
            let delta = after.wrapping_sub(before);
            let has_drifted = has_drifted(before, delta);
            if has_drifted {
                changed.insert(name);
            }
            let own = counts.get(name).copied();
            if has_drifted || own.is_some() {
                let counts = own.unwrap_or_default();
                services.push(Service { name, spans_delta_ms: delta / NS_IN_MS, counts });
            }
        }
        // What is equal here stays in the order of names.
        services.sort_by_key(|service| {
            (Reverse(service.spans_delta_ms.abs()), Reverse(service.counts.new_errors))
        });
        Self {
            base: Totals::of(base),
            compare: Totals::of(compare),
            is_structure_changed,
            changed_services: changed.into_iter().collect(),
            services,
        }
    }

    pub fn latency_delta_ms(&self) -> i64 {
        let (base, compare) = (self.base.envelope_ns, self.compare.envelope_ns);
        let ms = (compare.abs_diff(base) / NS_IN_MS as u64) as i64;
        if compare >= base { ms } else { -ms }
    }

    pub fn spans_delta_ms(&self) -> i64 {
        self.compare.spans_ns.wrapping_sub(self.base.spans_ns) / NS_IN_MS
    }
}

impl Totals {
    fn of(trace: &Normal<'_>) -> Self {
        let mut totals = Self::default();
        let (mut first, mut last) = (u64::MAX, 0);
        for (_, span) in trace.each() {
            totals.errors += i64::from(span.is_error());
            if let Some(duration) = span.duration_ns() {
                first = first.min(span.start);
                last = last.max(span.end);
                totals.spans_ns = totals.spans_ns.wrapping_add(duration);
            }
        }
        totals.envelope_ns = last.saturating_sub(first);
        totals
    }

    pub fn duration_ms(&self) -> i64 {
        (self.envelope_ns / NS_IN_MS as u64) as i64
    }

    pub fn spans_ms(&self) -> i64 {
        self.spans_ns / NS_IN_MS
    }
}

fn named(service: &[u8]) -> &[u8] {
    if service.is_empty() { NO_SERVICE } else { service }
}

/// The time of all spans of each service.
fn times<'a>(trace: &Normal<'a>) -> BTreeMap<&'a [u8], i64> {
    let mut times: BTreeMap<&[u8], i64> = BTreeMap::new();
    for (_, span) in trace.each() {
        let time = times.entry(named(span.identity.service)).or_default();
        *time = time.wrapping_add(span.duration_ns().unwrap_or(0));
    }
    times
}

/// Services that have another number of spans of one kind under one kind of parent. The order of siblings is
/// no structure.
fn restructured<'a>(
    base: &Normal<'a>,
    compare: &Normal<'a>,
    identities: &Identities<'a>,
) -> BTreeSet<&'a [u8]> {
    let mut balance: HashMap<(u32, u32), i64> = HashMap::new();
    for (trace, one) in [(base, -1), (compare, 1)] {
        for node in &trace.nodes {
            *balance.entry((node.identity, trace.parent_identity(node))).or_default() += one;
        }
    }
    let uneven = balance.into_iter().filter(|(_, balance)| *balance != 0);
    uneven.map(|((identity, _), _)| named(identities.service(identity))).collect()
}

fn has_drifted(before_ns: i64, delta_ns: i64) -> bool {
    let size = delta_ns.wrapping_abs();
    let part = before_ns / DRIFT_PART + i64::from(before_ns % DRIFT_PART != 0);
    size >= DRIFT_LEAST_NS && size >= part
}

/// Counts of each service that has any.
fn counts<'a>(base: &Normal<'a>, compare: &Normal<'a>, patch: &Patch<'a>) -> BTreeMap<&'a [u8], Counts> {
    let mut counts: BTreeMap<&[u8], Counts> = BTreeMap::new();
    let span_of = |trace: &Normal<'a>, node: u32| trace.node(node).and_then(|node| trace.span(node)).copied();
    for modified in &patch.modified {
        let Some(span) = span_of(compare, modified.node) else { continue };
        let own = counts.entry(named(span.identity.service)).or_default();
        own.modified += 1;
        for change in &modified.changes {
            if let Change::Status { before, after } = change {
                own.new_errors += u64::from(*after == "error");
                own.resolved_errors += u64::from(*before == "error");
            }
        }
    }
    for span in patch.added.iter().filter_map(|node| span_of(compare, *node)) {
        let own = counts.entry(named(span.identity.service)).or_default();
        own.added += 1;
        own.new_errors += u64::from(span.is_error());
    }
    for span in patch.removed.iter().filter_map(|node| span_of(base, *node)) {
        let own = counts.entry(named(span.identity.service)).or_default();
        own.removed += 1;
        own.resolved_errors += u64::from(span.is_error());
    }
    counts
}
