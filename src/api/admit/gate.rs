//! The gate before every question: a place among those in flight, and room for what it takes besides its answers.
//! `floor` says who is let in next; here they wait.

use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::Extensions;
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout_at};

use super::floor::{CallerKey, Class, Floor};
use crate::api::caller::Seen;
use crate::task::Deadline;
use crate::task::ledger::{Hold, Ledger};
use crate::telemetry::metrics::Endpoint;

/// Held for a request from its begin to its end, besides the bodies it reads: its question, rows and series as they
/// are read and merged, and a piece of its answer on the way.
const BY_ID_BYTES: u64 = 64 << 10;
const SEARCH_BYTES: u64 = 256 << 10;
const METRICS_BYTES: u64 = 1 << 20;

/// How long a request waits for room.
const MEMORY_PATIENCE: Duration = Duration::from_millis(250);

/// Why a request was not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shed {
    pub class: Class,
    pub reason: Reason,
    /// When it may be worth asking again.
    pub back_after: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// As many wait already as may.
    LineFull,
    /// No place came free in time.
    NoPlace,
    /// As many bytes are held as may be.
    NoRoom,
}

impl Class {
    pub const ALL: [Self; 3] = [Self::ById, Self::Search, Self::Metrics];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::ById => "by_id",
            Self::Search => "search",
            Self::Metrics => "metrics",
        }
    }

    pub fn of(endpoint: Endpoint) -> Self {
        use Endpoint as E;
        match endpoint {
            E::TraceV1 | E::TraceV2 | E::TraceReport | E::TraceStream | E::TraceDiff => Self::ById,
            E::Search | E::TagsV1 | E::TagsV2 | E::TagValuesV1 | E::TagValuesV2 => Self::Search,
            E::MetricsRange | E::MetricsInstant => Self::Metrics,
        }
    }

    pub(super) fn bytes(self) -> u64 {
        match self {
            Self::ById => BY_ID_BYTES,
            Self::Search => SEARCH_BYTES,
            Self::Metrics => METRICS_BYTES,
        }
    }

    fn questions(self) -> &'static str {
        match self {
            Self::ById => "traces by id",
            Self::Search => "searches",
            Self::Metrics => "metrics queries",
        }
    }
}

impl Reason {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::LineFull => "line_full",
            Self::NoPlace => "no_place",
            Self::NoRoom => "no_room",
        }
    }
}

impl Shed {
    /// One line for whoever asked.
    pub fn line(&self) -> String {
        let (seconds, questions) = (self.back_after.as_secs(), self.class.questions());
        let why = match self.reason {
            Reason::LineFull => "too many requests are in flight, and as many wait already",
            Reason::NoPlace => "too many requests are in flight, and no place came free in time",
            Reason::NoRoom => "this gateway holds as many bytes of answers as it may",
        };
        format!("{why}: {questions} are let in again soon, ask again in {seconds} s")
    }
}

/// Clones are one gate.
#[derive(Debug, Clone)]
pub struct Gate {
    shared: Arc<Shared>,
    ledger: Ledger,
}

#[derive(Debug)]
struct Shared {
    floor: Mutex<Floor<Ticket>>,
    keys: RandomState,
}

/// Whoever waits is told by it.
#[derive(Debug)]
struct Ticket(oneshot::Sender<Place>);

/// How the gate stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GateNumbers {
    pub places: usize,
    pub in_flight: [(Class, usize); 3],
    pub waiting: usize,
}

impl GateNumbers {
    /// Places that nobody has.
    pub fn free(&self) -> usize {
        let taken: usize = self.in_flight.iter().map(|(_, count)| count).sum();
        self.places.saturating_sub(taken)
    }
}

impl Gate {
    pub fn new(places: usize, ledger: Ledger) -> Self {
        let shared = Shared { floor: Mutex::new(Floor::new(places)), keys: RandomState::new() };
        Self { shared: Arc::new(shared), ledger }
    }

    /// The same gate, with what is held counted there.
    #[must_use]
    pub fn within(self, ledger: Ledger) -> Self {
        Self { ledger, ..self }
    }

    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Another number of places from now on; whoever is in stays.
    pub fn set_places(&self, places: usize) {
        self.shared.floor().set_places(places);
        self.shared.clone().let_in();
    }

    pub fn numbers(&self) -> GateNumbers {
        let floor = self.shared.floor();
        GateNumbers {
            places: floor.places(),
            in_flight: Class::ALL.map(|class| (class, floor.in_flight(class))),
            waiting: floor.waiting(),
        }
    }

    /// Who asks, as far as places are shared: one and the same whatever they ask for. Whoever is not known is nobody in
    /// particular, and all of these are one.
    pub(super) fn key(&self, of: &Extensions) -> CallerKey {
        let Some(seen) = of.get::<Seen>() else { return CallerKey(0) };
        self.key_of(seen)
    }

    pub(in crate::api) fn key_of(&self, seen: &Seen) -> CallerKey {
        CallerKey(self.shared.keys.hash_one((&seen.caller.subject, &seen.proven.voucher)))
    }

    /// A place, at once or after a wait that is part of the request's time.
    pub(super) async fn enter(
        &self,
        class: Class,
        caller: CallerKey,
        deadline: Deadline,
    ) -> Result<Place, Shed> {
        let mut place = self.place(class, caller, deadline).await?;
        let hold = self.ledger.hold(class.bytes(), MEMORY_PATIENCE.min(deadline.remaining() / 4)).await;
        place.hold = Some(hold.map_err(|_| self.shed(class, Reason::NoRoom))?);
        Ok(place)
    }

    /// Why something more does not fit.
    pub(super) fn no_room(&self, class: Class) -> Shed {
        self.shed(class, Reason::NoRoom)
    }

    async fn place(&self, class: Class, caller: CallerKey, deadline: Deadline) -> Result<Place, Shed> {
        let now = Instant::now();
        let (waiter, mut told) = oneshot::channel();
        let (until, away) = {
            let mut floor = self.shared.floor();
            floor.leave(|ticket| ticket.0.is_closed());
            if floor.enter(class, caller) {
                return Ok(Place::new(&self.shared, class, caller));
            }
            let until = now + floor.patience(deadline.remaining(), now);
            let joined = floor.join(class, caller, Ticket(waiter), now);
            (until, joined)
        };
        match away {
            // Dropped here, where nothing is locked: whoever waits on it learns of it.
            Ok(away) => drop(away),
            Err(_) => return Err(self.shed(class, Reason::LineFull)),
        }
        let waited = timeout_at(until, &mut told).await;
        match waited {
            Ok(Ok(place)) => Ok(place),
            Ok(Err(_)) => Err(self.shed(class, Reason::LineFull)),
            Err(_) => {
                told.close();
                // Its turn may come in the very moment in which it is tired of waiting.
                let late = told.try_recv().ok();
                self.shared.floor().leave(|ticket| ticket.0.is_closed());
                late.ok_or_else(|| self.shed(class, Reason::NoPlace))
            }
        }
    }

    fn shed(&self, class: Class, reason: Reason) -> Shed {
        Shed { class, reason, back_after: self.shared.floor().back_after(Instant::now()) }
    }
}

impl Shared {
    fn floor(&self) -> MutexGuard<'_, Floor<Ticket>> {
        self.floor.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets in as many as may. One who left gives the place back at once, without another round of this.
    fn let_in(self: Arc<Self>) {
        loop {
            let next = {
                let mut floor = self.floor();
                floor.leave(|ticket| ticket.0.is_closed());
                floor.next_of(Instant::now())
            };
            let Some((class, caller, Ticket(told))) = next else { return };
            if let Err(mut place) = told.send(Place::new(&self, class, caller)) {
                place.shared = None;
                self.floor().give_back(class, caller);
            }
        }
    }
}

/// A place among those in flight, until dropped.
#[derive(Debug)]
pub struct Place {
    shared: Option<Arc<Shared>>,
    class: Class,
    caller: CallerKey,
    hold: Option<Hold>,
}

impl Place {
    fn new(shared: &Arc<Shared>, class: Class, caller: CallerKey) -> Self {
        Self { shared: Some(shared.clone()), class, caller, hold: None }
    }

    pub fn class(&self) -> Class {
        self.class
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(shared) = self.shared.take() {
            shared.floor().give_back(self.class, self.caller);
            shared.let_in();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::task::Group;
    use tokio::time::{advance, sleep};

    const GREEDY: CallerKey = CallerKey(1);
    const OTHER: CallerKey = CallerKey(2);

    fn soon() -> Deadline {
        Deadline::starting_now(Duration::from_secs(25))
    }

    async fn fill(gate: &Gate, class: Class) -> Vec<Place> {
        let mut places = Vec::new();
        while let Ok(place) = gate.enter(class, GREEDY, Deadline::starting_now(Duration::ZERO)).await {
            places.push(place);
        }
        places
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_waits_is_let_in_when_a_place_comes_free() {
        let gate = Gate::new(4, Ledger::unlimited());
        let mut places = fill(&gate, Class::Search).await;
        assert_eq!(places.len(), 4);
        let began = Instant::now();
        let tasks = Group::new();
        let last = places.pop();
        tasks.spawn(async move {
            sleep(Duration::from_millis(100)).await;
            drop(last);
        });
        let place = gate.enter(Class::Search, OTHER, soon()).await.unwrap();
        assert_eq!(began.elapsed(), Duration::from_millis(100));
        let shed = gate.enter(Class::Search, OTHER, soon()).await.unwrap_err();
        assert_eq!((shed.reason, shed.back_after), (Reason::NoPlace, Duration::from_secs(1)));
        assert_eq!(began.elapsed(), Duration::from_millis(600));
        drop((place, places));
        let numbers = gate.numbers();
        assert_eq!((numbers.waiting, numbers.in_flight.map(|(_, count)| count)), (0, [0; 3]));
    }

    #[tokio::test(start_paused = true)]
    async fn a_caller_who_leaves_the_line_takes_no_place_with_it() {
        let gate = Gate::new(1, Ledger::unlimited());
        let places = fill(&gate, Class::ById).await;
        for _ in 0..3 {
            let waiting =
                tokio::time::timeout(Duration::from_millis(10), gate.enter(Class::ById, OTHER, soon()));
            assert!(waiting.await.is_err());
        }
        drop(places);
        assert_eq!(gate.numbers().in_flight[0].1, 0, "nobody has a place who is not there");
        assert!(gate.enter(Class::ById, OTHER, soon()).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_trace_is_let_in_while_one_caller_floods_it_with_searches() {
        let gate = Gate::new(16, Ledger::unlimited());
        let _flood = fill(&gate, Class::Search).await;
        let tasks = Group::new();
        for _ in 0..100 {
            let gate = gate.clone();
            tasks.spawn(async move {
                let _ = gate.enter(Class::Search, GREEDY, soon()).await;
            });
        }
        advance(Duration::from_millis(1)).await;
        let began = Instant::now();
        let place = gate.enter(Class::ById, OTHER, soon()).await.unwrap();
        assert_eq!((began.elapsed(), place.class()), (Duration::ZERO, Class::ById));
    }

    #[tokio::test(start_paused = true)]
    async fn where_no_bytes_are_left_a_request_is_shed_in_honest_words() {
        let ledger = Ledger::new(BY_ID_BYTES * 2);
        let gate = Gate::new(16, ledger.clone());
        let first = gate.enter(Class::ById, OTHER, soon()).await.unwrap();
        let _second = gate.enter(Class::ById, OTHER, soon()).await.unwrap();
        let shed = gate.enter(Class::ById, OTHER, soon()).await.unwrap_err();
        assert_eq!(shed.reason, Reason::NoRoom);
        assert!(shed.line().contains("as many bytes"), "{}", shed.line());
        assert_eq!(gate.numbers().in_flight[0].1, 2, "it gives its place back");
        drop(first);
        assert!(gate.enter(Class::ById, OTHER, soon()).await.is_ok());
        assert!(ledger.numbers().peak <= BY_ID_BYTES * 2);
    }
}
