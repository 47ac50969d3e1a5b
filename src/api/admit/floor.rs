//! Who is let in next. Pure: time comes in as values.
//!
//! There is a number of places. Some are kept for traces by id, which somebody waits for with an incident in hand, and
//! of what is left metrics may take a half, since a dashboard asks for many at once. Nobody takes all: of what others may
//! search and count with an eighth is left by each, and traces by id have no such bound. Whoever finds no place waits, and when one comes free it goes first by class, then to the
//! caller who has the fewest, then by order.
//!
//! The order is that of arrival, until somebody has waited all through the last second: then the gateway is asked more
//! than it can answer, and every place that goes to the oldest goes to whoever is the likeliest to have given up, or
//! has no time left to make use of it. From then on the newest goes first, and nobody waits for long: better a few are
//! told so at once than all of them late. (This is CoDel's sign of a standing queue, and an adaptive LIFO.)

use std::collections::HashMap;
use std::time::Duration;

use tokio::time::Instant;

/// What is asked for, the most urgent first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Class {
    ById,
    /// And tags.
    Search,
    Metrics,
}

/// Stands for whoever asks; says nothing of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CallerKey(pub u64);

/// Of the places: kept for traces by id, and beyond what one caller may have. Of few places none is kept.
const KEPT_SHARE: usize = 8;

/// How long a line may stand before it is one that will not go away.
const STANDING_AFTER: Duration = Duration::from_secs(1);

/// How long anyone waits, and how long where the line stands.
const WAIT_MAX: Duration = Duration::from_millis(500);
const WAIT_STANDING_MAX: Duration = Duration::from_millis(50);

/// Of the time that a request has left, no more than this part is waited.
const WAIT_SHARE: u32 = 4;

/// A client that was shed is asked to come back after this, and after more the longer the line stands.
const BACK_AFTER: Duration = Duration::from_secs(1);
const BACK_AFTER_MAX: Duration = Duration::from_secs(10);

#[derive(Debug)]
struct Waiting<W> {
    class: Class,
    caller: CallerKey,
    who: W,
}

/// Places, and those who wait for one.
#[derive(Debug)]
pub(super) struct Floor<W> {
    places: usize,
    in_flight: [usize; 3],
    by_caller: HashMap<CallerKey, usize>,
    /// In the order of arrival.
    waiting: Vec<Waiting<W>>,
    /// Since when somebody has been waiting all the time.
    standing_since: Option<Instant>,
}

impl<W> Floor<W> {
    pub(super) fn new(places: usize) -> Self {
        Self {
            places,
            in_flight: [0; 3],
            by_caller: HashMap::new(),
            waiting: Vec::new(),
            standing_since: None,
        }
    }

    pub(super) fn set_places(&mut self, places: usize) {
        self.places = places;
    }

    pub(super) fn places(&self) -> usize {
        self.places
    }

    pub(super) fn in_flight(&self, class: Class) -> usize {
        self.in_flight.get(class as usize).copied().unwrap_or(0)
    }

    pub(super) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Takes a place where there is one, and nobody waits who would come first.
    pub(super) fn enter(&mut self, class: Class, caller: CallerKey) -> bool {
        let is_first = !self
            .waiting
            .iter()
            .any(|other| other.class <= class && self.may_enter(other.class, other.caller));
        let may = is_first && self.may_enter(class, caller);
        if may {
            self.take(class, caller);
        }
        may
    }

    /// Stands in line. Where as many wait as there are places, somebody is sent away who is less urgent: whoever is
    /// told so. Without such a one it is whoever comes.
    pub(super) fn join(
        &mut self,
        class: Class,
        caller: CallerKey,
        who: W,
        now: Instant,
    ) -> Result<Option<W>, W> {
        let mut away = None;
        if self.waiting.len() >= self.places {
            let last = self.waiting.iter().map(|other| other.class).max();
            match last.filter(|last| *last > class) {
                Some(last) => {
                    let oldest = self.waiting.iter().position(|other| other.class == last);
                    away = oldest.map(|nth| self.waiting.remove(nth).who);
                }
                None => return Err(who),
            }
        }
        self.standing_since.get_or_insert(now);
        self.waiting.push(Waiting { class, caller, who });
        Ok(away)
    }

    /// Somebody goes away who waited, or was let in already.
    pub(super) fn leave(&mut self, is: impl Fn(&W) -> bool) -> bool {
        let before = self.waiting.len();
        self.waiting.retain(|other| !is(&other.who));
        self.note_empty();
        self.waiting.len() < before
    }

    /// A place is given back.
    pub(super) fn give_back(&mut self, class: Class, caller: CallerKey) {
        if let Some(in_flight) = self.in_flight.get_mut(class as usize) {
            *in_flight = in_flight.saturating_sub(1);
        }
        if let Some(count) = self.by_caller.get_mut(&caller) {
            *count -= 1;
            if *count == 0 {
                self.by_caller.remove(&caller);
            }
        }
    }

    /// Lets in whoever comes next, if somebody may.
    pub(super) fn next_of(&mut self, now: Instant) -> Option<(Class, CallerKey, W)> {
        let is_standing = self.is_standing(now);
        let order = |nth: usize| if is_standing { usize::MAX - nth } else { nth };
        let all = self.waiting.iter().enumerate();
        let may = all.filter(|(_, other)| self.may_enter(other.class, other.caller));
        let (nth, _) = may.min_by_key(|(nth, other)| (other.class, self.has(other.caller), order(*nth)))?;
        let next = self.waiting.remove(nth);
        self.note_empty();
        self.take(next.class, next.caller);
        Some((next.class, next.caller, next.who))
    }

    /// How long a request may wait that has so much time left.
    pub(super) fn patience(&self, left: Duration, now: Instant) -> Duration {
        let most = if self.is_standing(now) { WAIT_STANDING_MAX } else { WAIT_MAX };
        most.min(left / WAIT_SHARE)
    }

    /// When whoever is shed may come back, in whole seconds.
    pub(super) fn back_after(&self, now: Instant) -> Duration {
        let stood = self.standing_since.map_or(Duration::ZERO, |since| now.saturating_duration_since(since));
        (BACK_AFTER + Duration::from_secs(stood.as_secs() / 2)).min(BACK_AFTER_MAX)
    }

    fn is_standing(&self, now: Instant) -> bool {
        self.standing_since.is_some_and(|since| now.saturating_duration_since(since) >= STANDING_AFTER)
    }

    fn note_empty(&mut self) {
        if self.waiting.is_empty() {
            self.standing_since = None;
        }
    }

    fn take(&mut self, class: Class, caller: CallerKey) {
        if let Some(in_flight) = self.in_flight.get_mut(class as usize) {
            *in_flight += 1;
        }
        *self.by_caller.entry(caller).or_default() += 1;
    }

    fn has(&self, caller: CallerKey) -> usize {
        self.by_caller.get(&caller).copied().unwrap_or(0)
    }

    fn may_enter(&self, class: Class, caller: CallerKey) -> bool {
        let kept = self.places / KEPT_SHARE;
        let all: usize = self.in_flight.iter().sum();
        let others = all - self.in_flight(Class::ById);
        let has_room = match class {
            Class::ById => true,
            Class::Search => others < self.places - kept,
            Class::Metrics => {
                others < self.places - kept && self.in_flight(Class::Metrics) < self.places.div_ceil(2)
            }
        };
        let of_caller = match class {
            // One trace that many ask for at once is one question: whoever is alone may have all.
            Class::ById => self.places,
            Class::Search | Class::Metrics => self.places - kept * 2,
        };
        all < self.places && has_room && self.has(caller) < of_caller
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GREEDY: CallerKey = CallerKey(1);
    const OTHER: CallerKey = CallerKey(2);
    const THIRD: CallerKey = CallerKey(3);

    fn filled(class: Class) -> Floor<u32> {
        let mut floor = Floor::new(16);
        while floor.enter(class, GREEDY) {}
        floor
    }

    #[test]
    fn no_caller_takes_all_and_no_class_takes_what_is_kept_for_traces() {
        let mut floor = filled(Class::ById);
        assert_eq!(floor.in_flight(Class::ById), 16);
        assert!(!floor.enter(Class::ById, OTHER));

        let mut floor = filled(Class::Search);
        assert_eq!(floor.in_flight(Class::Search), 12);
        assert!(floor.enter(Class::Search, OTHER) && floor.enter(Class::Metrics, OTHER));
        assert!(!floor.enter(Class::Search, THIRD) && floor.enter(Class::ById, GREEDY), "of what is kept");

        let mut floor = filled(Class::Metrics);
        assert_eq!(floor.in_flight(Class::Metrics), 8);
        while floor.enter(Class::Search, OTHER) {}
        assert_eq!(floor.in_flight(Class::Search), 6);
        assert!(floor.enter(Class::ById, THIRD));
    }

    #[test]
    fn few_places_are_all_for_whoever_comes() {
        let mut floor = Floor::<u32>::new(1);
        assert!(floor.enter(Class::Metrics, GREEDY) && !floor.enter(Class::ById, OTHER));
        floor.give_back(Class::Metrics, GREEDY);
        assert!(floor.enter(Class::ById, OTHER));
    }

    #[test]
    fn a_free_place_goes_by_class_then_to_who_has_fewest_then_by_order() {
        let now = Instant::now();
        let mut floor = filled(Class::Search);
        while floor.enter(Class::Search, CallerKey(4)) {}
        for (nth, class, caller) in [
            (1, Class::Search, GREEDY),
            (2, Class::Metrics, OTHER),
            (3, Class::Search, OTHER),
            (4, Class::Search, THIRD),
        ] {
            assert!(!floor.enter(class, caller));
            assert_eq!(floor.join(class, caller, nth, now), Ok(None));
        }
        let mut let_in = Vec::new();
        for _ in 0..4 {
            floor.give_back(Class::Search, GREEDY);
            let_in.extend(floor.next_of(now).map(|(.., nth)| nth));
        }
        assert_eq!(let_in, [3, 4, 1, 2]);
    }

    #[test]
    fn in_a_line_that_stands_the_newest_goes_first_and_none_waits_long() {
        let now = Instant::now();
        let mut floor = filled(Class::Search);
        for nth in 0..3 {
            floor.join(Class::Search, OTHER, nth, now).unwrap();
        }
        assert_eq!(floor.patience(Duration::from_secs(25), now), WAIT_MAX);
        assert_eq!(floor.patience(Duration::from_secs(1), now), Duration::from_millis(250));
        let later = now + STANDING_AFTER;
        assert_eq!(floor.patience(Duration::from_secs(25), later), WAIT_STANDING_MAX);
        floor.give_back(Class::Search, GREEDY);
        assert_eq!(floor.next_of(later).map(|(.., nth)| nth), Some(2));
        assert!(floor.back_after(later) < floor.back_after(later + Duration::from_secs(8)));
        // Once nobody waits it is over.
        assert!(floor.leave(|_| true));
        assert_eq!(floor.patience(Duration::from_secs(25), later), WAIT_MAX);
    }

    #[test]
    fn where_all_wait_the_less_urgent_is_sent_away() {
        let now = Instant::now();
        let mut floor = Floor::new(2);
        while floor.enter(Class::Search, GREEDY) {}
        floor.join(Class::Metrics, OTHER, 1, now).unwrap();
        floor.join(Class::Search, OTHER, 2, now).unwrap();
        assert_eq!(floor.join(Class::Metrics, THIRD, 3, now), Err(3));
        assert_eq!(floor.join(Class::ById, THIRD, 4, now), Ok(Some(1)));
        assert_eq!(floor.join(Class::ById, THIRD, 5, now), Ok(Some(2)));
        assert_eq!(floor.join(Class::ById, THIRD, 6, now), Err(6));
        assert_eq!(floor.waiting(), 2);
    }
}
