//! A query's way through what a region holds: which traces it is fed, in which order, and when it ends.
//!
//! A trace is indexed anew for each query. That takes some hundred nanoseconds a span, less than most queries
//! take to decide one, and holds no memory between them: one query has one trace and the places of those to
//! come in hand, which are a small part of what the traces take in the store.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::Holdings;
use super::store::Place;
use crate::backend::{Fault, fault};
use crate::evaluate::gather::{Gather, Order};
use crate::evaluate::{Patience, TraceRows};
use crate::model::search::Inspected;
use crate::model::{RegionStatus, TraceId};
use crate::task::Deadline;
use crate::trace::{Joined, scan};
use crate::traceql::value::Failure;

/// How far a walk may go. Looked at between traces, and now and again within one.
#[derive(Debug, Clone)]
pub(super) struct Bounds {
    pub(super) deadline: Deadline,
    /// Whoever asked has left.
    pub(super) is_left: Arc<AtomicBool>,
}

/// What came of a walk.
#[derive(Debug)]
pub(super) struct Walked<A> {
    pub(super) answer: A,
    /// A trace was looked at of which this region holds only a part.
    pub(super) is_partial: bool,
}

/// A walk under way.
struct Walk<'h, G> {
    holdings: &'h Holdings,
    gather: G,
    bounds: Bounds,
    inspected: Inspected,
    is_partial: bool,
}

pub(super) fn walk<G: Gather>(
    holdings: &Holdings,
    gather: G,
    bounds: Bounds,
) -> Result<Walked<G::Answer>, Fault> {
    let inspected = Inspected::default();
    let mut walk = Walk { holdings, gather, bounds, inspected, is_partial: false };
    match walk.gather.order() {
        Order::Newest => walk.newest_first()?,
        Order::Id => walk.by_id()?,
    }
    Ok(Walked { answer: walk.gather.finish(walk.inspected), is_partial: walk.is_partial })
}

impl<G: Gather> Walk<'_, G> {
    /// A page at a time, until nothing older can matter.
    fn newest_first(&mut self) -> Result<(), Fault> {
        // What is listed later than this was looked at for a page before.
        let later = self.gather.latest().checked_add(1);
        let mut last = later.map(|start| Place { start, id: TraceId::from_bytes([0; 16]) });
        loop {
            let mut page = Vec::new();
            last = self.page(last, &mut page);
            for place in page {
                if !self.gather.wants(place.start) {
                    return Ok(());
                }
                if self.gather.is_about(&place.id) {
                    self.look_at(place)?;
                }
            }
            if last.is_none_or(|last| !self.gather.wants(last.start)) {
                return Ok(());
            }
        }
    }

    fn by_id(&mut self) -> Result<(), Fault> {
        let mut places = Vec::new();
        let mut last = self.page(None, &mut places);
        while last.is_some() {
            self.go_on()?;
            last = self.page(last, &mut places);
        }
        places.sort_unstable_by_key(|place| place.id);
        for place in places {
            if !self.gather.wants(place.start) {
                return Ok(());
            }
            self.look_at(place)?;
        }
        Ok(())
    }

    fn page(&self, last: Option<Place>, page: &mut Vec<Place>) -> Option<Place> {
        let now = self.holdings.now();
        self.holdings.store().page(last, self.gather.reach(), now, page)
    }

    fn look_at(&mut self, place: Place) -> Result<(), Fault> {
        self.go_on()?;
        let held = self.holdings.trace(&place.id);
        if held.trace.is_empty() {
            // It was let go since its page was read.
            return Ok(());
        }
        self.is_partial |= held.is_cut;
        let bytes = held.trace.len() as u64;
        let joined = scan(held.trace, Some(&place.id))
            .map_err(|error| unreadable(&error))
            .and_then(|chunk| Joined::as_sent(vec![(0, chunk)]).map_err(|error| unreadable(&error)))?;
        let rows = TraceRows::of(place.id, &joined).with_patience(self.bounds.patience());
        self.inspected.add(Inspected { traces: 1, spans: rows.rows().len() as u64, bytes });
        self.gather.feed(&rows, place.start).map_err(|failure| match failure {
            Failure::Stopped => fault::timeout(),
            failure => fault::of_query(failure),
        })
    }

    fn go_on(&self) -> Result<(), Fault> {
        if self.bounds.are_reached() { Err(fault::timeout()) } else { Ok(()) }
    }
}

impl Bounds {
    fn are_reached(&self) -> bool {
        self.is_left.load(Ordering::Relaxed) || self.deadline.remaining().is_zero()
    }

    fn patience(&self) -> Patience {
        let bounds = self.clone();
        Patience::until(move || bounds.are_reached())
    }
}

/// What was taken in was checked, so this is a fault of the program.
fn unreadable(error: &dyn std::fmt::Display) -> Fault {
    Fault::new(RegionStatus::Malformed, format!("a trace it holds cannot be read: {error}"))
}

#[cfg(test)]
mod tests;
