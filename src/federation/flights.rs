//! Lookups that are on their way, one for all who ask the same at the same time, and what goes on behind an early
//! answer.
//!
//! A flight belongs to those who wait for it. When the last of them leaves it is dropped, and with it every question
//! that is still open. Whoever took an early answer may leave it in the air instead, within a bound: then it ends by
//! itself, and what it finds is there for the next look.

use std::collections::HashMap;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use futures::FutureExt;
use futures::future::{BoxFuture, Shared};
use tokio::sync::watch;
use tokio::time::Instant;

use super::aloft::Aloft;
use super::by_id::Found;
use super::fanout::Landed;
use super::refusal::Refusal;
use crate::cache::HotKey;
use crate::model::{Answer, Outcome, RegionReport, TraceId};
use crate::task::{Deadline, along};
use crate::telemetry::metrics::fast::{FastFamilies, Remainder};

/// Flights that go on without anyone waiting. Each may hold one trace of every region, as a request does.
const LEFT_IN_THE_AIR_MAX: usize = 64;

/// A late joiner gets at least this part of the time it came with; of an older flight it gets no part.
const JOINED_TIME_MIN: u32 = 2;

/// How a flight ended: before anyone's mode is applied to it.
#[derive(Debug)]
pub(super) enum Ended {
    Assembled {
        answer: Answer<Found>,
        /// How each region fared before anything was joined.
        reports: Vec<RegionReport>,
        /// No region was asked: it lay in a memory behind the first.
        is_from_memory: bool,
    },
    Not(Refusal),
}

/// What has landed so far. Everyone who waits reads it at their own pace.
#[derive(Debug)]
pub(super) struct Seat {
    landed: Mutex<Vec<Landed>>,
    count: watch::Sender<usize>,
    pub begun: Instant,
}

impl Seat {
    fn new() -> Self {
        Self { landed: Mutex::default(), count: watch::Sender::new(0), begun: Instant::now() }
    }

    fn landed(&self) -> MutexGuard<'_, Vec<Landed>> {
        self.landed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn land(&self, part: Landed) {
        let mut landed = self.landed();
        landed.push(part);
        let count = landed.len();
        drop(landed);
        self.count.send_replace(count);
    }

    /// The account of the part that landed after so many others.
    pub fn report_after(&self, others: usize) -> Option<RegionReport> {
        self.landed().get(others).map(|landed| landed.report.clone())
    }

    /// The part that landed after so many others.
    pub fn part_after(&self, others: usize) -> Option<Landed> {
        self.landed().get(others).cloned()
    }

    pub fn count(&self) -> usize {
        self.landed().len()
    }

    /// Who has landed.
    pub fn ranks(&self) -> Vec<u16> {
        self.landed().iter().map(|landed| landed.rank).collect()
    }

    /// Everything so far, in the order of the configuration.
    pub fn parts(&self) -> Vec<Landed> {
        let mut parts = self.landed().clone();
        parts.sort_by_key(|part| part.rank);
        parts
    }

    pub fn changes(&self) -> watch::Receiver<usize> {
        self.count.subscribe()
    }

    pub fn age(&self) -> Duration {
        self.begun.elapsed()
    }
}

/// One lookup in the air.
pub(super) struct Flight {
    pub seat: Arc<Seat>,
    pub work: Shared<BoxFuture<'static, Arc<Ended>>>,
    deadline: Deadline,
    /// It ends by itself already.
    is_left: AtomicBool,
    /// Where others find it; none of a flight that is nobody else's.
    listed: Option<(HotKey, Weak<Listed>)>,
}

type Listed = Mutex<HashMap<HotKey, Weak<Flight>>>;

impl std::fmt::Debug for Flight {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Flight").field("age", &self.seat.age()).finish_non_exhaustive()
    }
}

impl Flight {
    /// Until it has ended, whatever became of it.
    pub fn remaining(&self) -> Duration {
        self.deadline.remaining()
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        let Some((key, listed)) = &self.listed else { return };
        let Some(listed) = listed.upgrade() else { return };
        let mut listed = listed.lock().unwrap_or_else(PoisonError::into_inner);
        // Another may have taken its place meanwhile.
        if listed.get(key).is_some_and(|flight| flight.strong_count() == 0) {
            listed.remove(key);
        }
    }
}

/// All flights of one estate, whoever sees it. As many as there are requests in flight, and those left in the air.
#[derive(Debug, Clone)]
pub(super) struct Flights {
    listed: Arc<Listed>,
    aloft: Aloft,
}

impl Default for Flights {
    fn default() -> Self {
        Self { listed: Arc::default(), aloft: Aloft::of(LEFT_IN_THE_AIR_MAX) }
    }
}

impl Flights {
    /// The flight of this key, or a new one by `begin`; and whether it is somebody else's.
    pub fn join(
        &self,
        key: HotKey,
        deadline: Deadline,
        begin: impl FnOnce(Arc<Seat>) -> BoxFuture<'static, Arc<Ended>>,
    ) -> (Arc<Flight>, bool) {
        let mut listed = self.listed.lock().unwrap_or_else(PoisonError::into_inner);
        let known = listed.get(&key).and_then(Weak::upgrade);
        if let Some(flight) = &known
            && flight.work.peek().is_none()
            && flight.deadline.remaining() >= deadline.remaining() / JOINED_TIME_MIN
        {
            return (flight.clone(), true);
        }
        let place = Some((key.clone(), Arc::downgrade(&self.listed)));
        let flight = fly(deadline, place, begin);
        listed.insert(key, Arc::downgrade(&flight));
        // The last handle of a flight looks into the list when it goes, so it goes after the lock.
        drop(listed);
        drop(known);
        (flight, false)
    }

    /// Nobody joins any more what is under way of these traces.
    pub fn forget(&self, is_of: impl Fn(&TraceId) -> bool) {
        let mut listed = self.listed.lock().unwrap_or_else(PoisonError::into_inner);
        listed.retain(|key, _| !is_of(&key.query.id));
    }

    /// A flight that nobody else may join.
    pub fn alone(
        deadline: Deadline,
        begin: impl FnOnce(Arc<Seat>) -> BoxFuture<'static, Arc<Ended>>,
    ) -> Arc<Flight> {
        fly(deadline, None, begin)
    }

    /// Lets a flight end by itself, if there is a place for it. It ends by its own deadline.
    pub fn leave(&self, flight: &Arc<Flight>, numbers: &FastFamilies) -> bool {
        let left = flight.clone();
        self.aloft.leave(&flight.is_left, numbers, async move {
            match &*left.work.clone().await {
                Ended::Assembled { answer, .. } if answer.coverage.outcome() == Outcome::Complete => {
                    Remainder::Landed
                }
                Ended::Assembled { .. } | Ended::Not(_) => Remainder::Failed,
            }
        })
    }

    /// How many go on without anyone waiting.
    pub fn left(&self) -> usize {
        self.aloft.len()
    }
}

fn fly(
    deadline: Deadline,
    listed: Option<(HotKey, Weak<Listed>)>,
    begin: impl FnOnce(Arc<Seat>) -> BoxFuture<'static, Arc<Ended>>,
) -> Arc<Flight> {
    let seat = Arc::new(Seat::new());
    // Whoever waits for it, it is done for the request that began it.
    let work = along::carried(begin(seat.clone())).boxed().shared();
    Arc::new(Flight { seat, work, deadline, is_left: AtomicBool::new(false), listed })
}
