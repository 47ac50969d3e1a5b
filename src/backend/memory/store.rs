//! What an embedded region holds: fragments by trace, within a limit of bytes and age, the trace that
//! nothing has arrived for longest leaving first. Knows no lock and no clock; time is given to it.
//!
//! Traces are also found by when they were: newest first, a page at a time.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Bound;
use std::time::Duration;

use bytes::Bytes;

use crate::evaluate::gather::Reach;
use crate::model::TraceId;
use crate::wire::export::Times;

/// What a trace costs besides its fragments: its places in the three maps, each at its worst load, and the
/// smallest vector of fragments. 112 bytes at a load of 7/16, twice 24 at one half, and four slots of 32.
const TRACE_BYTES: u64 = 512;

/// What a fragment costs besides its bytes: its slot, doubled by the vector's growth, the count that a
/// shared buffer gets, and what the allocator keeps for two allocations.
const FRAGMENT_BYTES: u64 = 128;

/// An exporter that got no answer sends the same batch again. So many of a trace's last fragments are
/// compared with what arrives; comparing all would make a trace of many fragments slow to grow.
const AGAIN_WITHIN: usize = 16;

/// Traces that are looked at for one page: nobody waits for the lock while more than so many are.
pub(super) const PAGE_TRACES: usize = 1024;

/// Traces that one call lets go because of their age. A lookup never pays for a whole generation, and
/// as each arrival adds at most one trace, this keeps up with any rate.
const EXPIRED_PER_CALL_MAX: usize = 256;

#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// Of all traces, bookkeeping included.
    pub(super) bytes_max: u64,
    /// Of one trace, bookkeeping included.
    pub(super) trace_bytes_max: u64,
    /// Since something arrived for a trace.
    pub(super) age_max: Duration,
}

#[derive(Debug)]
pub(super) struct Store {
    limits: Limits,
    traces: HashMap<TraceId, Trace>,
    /// Traces by arrival, the oldest first. The key is the turn of the last arrival, which unlike a
    /// time is never the same twice.
    arrivals: BTreeMap<u64, TraceId>,
    /// Traces by when they were.
    places: BTreeSet<Place>,
    next_turn: u64,
    held: Held,
}

#[derive(Debug)]
struct Trace {
    fragments: Vec<Bytes>,
    /// With bookkeeping.
    bytes: u64,
    spans: u64,
    arrived: Duration,
    turn: u64,
    place: Place,
    /// Of all spans.
    earliest: u64,
    latest: u64,
    /// Something of it was not taken, since it takes as much as one trace may.
    is_cut: bool,
}

/// Where a trace stands in time: it starts no later than this. The span that arrived first says so once for
/// all, so that a trace does not move while a query walks by. Only a span without a start, which leaves it
/// open when its trace started, brings its trace to the newest end, where it is looked at first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) start: u64,
    pub(super) id: TraceId,
}

/// What is held of one trace.
#[derive(Debug, Default)]
pub(super) struct Part {
    /// In the order they arrived.
    pub(super) fragments: Vec<Bytes>,
    /// There was more of it than may be held.
    pub(super) is_cut: bool,
}

/// What a region holds, and what it had to let go since it began.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Held {
    pub traces: usize,
    pub spans: u64,
    /// With bookkeeping.
    pub bytes: u64,
    pub evicted_for_bytes: u64,
    pub evicted_for_age: u64,
}

/// A fragment as it arrives.
#[derive(Debug)]
pub(super) struct Arrival {
    pub(super) fragment: Bytes,
    pub(super) spans: u64,
    pub(super) times: Times,
}

/// What became of a fragment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kept {
    New,
    /// It is already there. The trace counts as arrived anew.
    Again,
    TraceFull,
}

impl Store {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            limits,
            traces: HashMap::new(),
            arrivals: BTreeMap::new(),
            places: BTreeSet::new(),
            next_turn: 0,
            held: Held::default(),
        }
    }

    /// Keeps a fragment, letting the oldest traces go first to make room for it.
    pub(super) fn insert(&mut self, id: TraceId, new: Arrival, now: Duration) -> Kept {
        self.expire(now);
        let (known, is_again) = match self.traces.get(&id) {
            Some(trace) => (trace.bytes, trace.holds(&new.fragment)),
            None => (0, false),
        };
        let first = if known == 0 { TRACE_BYTES } else { 0 };
        let cost = first + FRAGMENT_BYTES + new.fragment.len() as u64;
        if !is_again && known.saturating_add(cost) > self.limits.trace_bytes_max {
            if let Some(trace) = self.traces.get_mut(&id) {
                trace.is_cut = true;
            }
            return Kept::TraceFull;
        }
        // The trace is the newest before room is made, so it is not what makes room: alone, it fits.
        self.arrive(id, new.times, now);
        if is_again {
            return Kept::Again;
        }
        self.make_room(cost);
        if new.times.earliest == 0 {
            self.move_to_newest(id);
        }
        if let Some(trace) = self.traces.get_mut(&id) {
            trace.fragments.push(new.fragment);
            trace.bytes += cost;
            trace.spans += new.spans;
            trace.earliest = trace.earliest.min(new.times.earliest);
            trace.latest = trace.latest.max(new.times.latest);
            self.held.bytes += cost;
            self.held.spans += new.spans;
        }
        debug_assert!(self.held.bytes <= self.limits.bytes_max);
        Kept::New
    }

    pub(super) fn part(&mut self, id: &TraceId, now: Duration) -> Part {
        self.expire(now);
        let trace = self.traces.get(id).filter(|trace| !self.is_expired(trace, now));
        trace
            .map(|trace| Part { fragments: trace.fragments.clone(), is_cut: trace.is_cut })
            .unwrap_or_default()
    }

    /// Appends to `page` the traces that may lie in reach, from the newest start after `last` on. Gives the
    /// place to go on from, where there may be more.
    pub(super) fn page(
        &self,
        last: Option<Place>,
        reach: Option<Reach>,
        now: Duration,
        page: &mut Vec<Place>,
    ) -> Option<Place> {
        let below = (Bound::Unbounded, last.map_or(Bound::Unbounded, Bound::Excluded));
        let mut reached = None;
        let mut looked_at = 0;
        for place in self.places.range(below).rev().take(PAGE_TRACES) {
            (reached, looked_at) = (Some(*place), looked_at + 1);
            let Some(trace) = self.traces.get(&place.id) else { continue };
            let in_reach = reach.is_none_or(|reach| reach.holds(trace.earliest, trace.latest));
            if in_reach && !self.is_expired(trace, now) {
                page.push(*place);
            }
        }
        reached.filter(|_| looked_at == PAGE_TRACES)
    }

    pub(super) fn newest(&self, count: usize, now: Duration) -> Vec<TraceId> {
        let is_fresh = |id: &&TraceId| self.traces.get(*id).is_some_and(|t| !self.is_expired(t, now));
        self.arrivals.values().rev().take(count).take_while(is_fresh).copied().collect()
    }

    /// Lets go of traces that are too old, so many at a time.
    pub(super) fn expire(&mut self, now: Duration) {
        for _ in 0..EXPIRED_PER_CALL_MAX {
            let oldest = self.arrivals.first_key_value().and_then(|(_, id)| self.traces.get(id));
            if !oldest.is_some_and(|trace| self.is_expired(trace, now)) {
                return;
            }
            self.evict_oldest();
            self.held.evicted_for_age += 1;
        }
    }

    pub(super) fn held(&self) -> Held {
        Held { traces: self.traces.len(), ..self.held }
    }

    fn is_expired(&self, trace: &Trace, now: Duration) -> bool {
        now.saturating_sub(trace.arrived) > self.limits.age_max
    }

    /// Makes a trace the newest one.
    fn arrive(&mut self, id: TraceId, times: Times, now: Duration) {
        let turn = self.next_turn;
        self.next_turn += 1;
        let trace = self.traces.entry(id).or_insert_with(|| Trace::fresh(id, times, now, turn));
        if trace.turn == turn {
            self.places.insert(trace.place);
        } else {
            self.arrivals.remove(&trace.turn);
            trace.turn = turn;
            trace.arrived = now;
        }
        self.arrivals.insert(turn, id);
    }

    /// A span without a start makes it uncertain when its trace started.
    fn move_to_newest(&mut self, id: TraceId) {
        let Some(trace) = self.traces.get_mut(&id) else { return };
        self.places.remove(&trace.place);
        trace.place.start = u64::MAX;
        self.places.insert(trace.place);
    }

    fn make_room(&mut self, cost: u64) {
        while self.held.bytes.saturating_add(cost) > self.limits.bytes_max && self.arrivals.len() > 1 {
            self.evict_oldest();
            self.held.evicted_for_bytes += 1;
        }
        // A table keeps the size it once had; large traces after many small ones would come on top.
        if self.traces.capacity() > 8 * self.traces.len().max(64) {
            self.traces.shrink_to(2 * self.traces.len());
        }
    }

    fn evict_oldest(&mut self) {
        let Some((_, id)) = self.arrivals.pop_first() else { return };
        if let Some(trace) = self.traces.remove(&id) {
            self.places.remove(&trace.place);
            self.held.bytes -= trace.bytes;
            self.held.spans -= trace.spans;
        }
    }
}

impl Trace {
    fn fresh(id: TraceId, times: Times, arrived: Duration, turn: u64) -> Self {
        Self {
            fragments: Vec::new(),
            bytes: 0,
            spans: 0,
            arrived,
            turn,
            place: Place { start: times.first_start, id },
            earliest: u64::MAX,
            latest: 0,
            is_cut: false,
        }
    }

    fn holds(&self, fragment: &Bytes) -> bool {
        self.fragments.iter().rev().take(AGAIN_WITHIN).any(|held| held == fragment)
    }
}
