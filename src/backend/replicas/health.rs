//! Which replica of a region is asked next, and which is not asked for a while. Pure: time and chance come in as
//! values.
//!
//! ```text
//! Well --- failed too often in a row, or is far slower than its siblings ---> Ejected --- its pause is over ---> Trial
//!  ^                                                                           ^                              |    |
//!  |                                                                           +--- a trial failed or was slow +    |
//!  +--- its share has grown back ------------------- Recovering <--- so many trials in a row were answered --------+
//! ```
//!
//! Of two that are drawn the one with less to do is taken, where what is slower counts as busier: that needs no
//! agreement between gateways and sends nobody to one place together. Half of the replicas at most are ejected at one
//! time: where more are bad the region is, and for that it has its circuit.

use std::time::Duration;

use tokio::time::Instant;

use crate::backend::call::Kind;
use crate::backend::settings::BreakerSettings;

/// So much slower than the median of its siblings is not asked for a while.
const SLOW_FACTOR: f64 = 4.0;

/// From so many answers on it is known how slow one is.
const SLOW_ANSWERS_MIN: u32 = 10;

/// No single answer counts as slower than this, so that it takes three in a row to tell a slow replica from a slow
/// question.
const RATIO_MAX: f64 = 8.0;

/// How much a new answer says against those before.
const SLOWNESS_WEIGHT: f64 = 0.2;

/// What is known of one that is not asked is forgotten in this time, so that it is asked again.
const FORGET: Duration = Duration::from_secs(10);

/// Trials in a row that are answered, one at a time, before it is asked like others again.
const TRIALS: u32 = 3;

/// How long its share takes to grow to that of its siblings after, and with what it begins.
const RAMP: Duration = Duration::from_secs(10);
const RAMP_FIRST: f64 = 0.1;

/// How a question that was put to a replica ended.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Ended {
    /// Answered, in so many usual times.
    Answered {
        ratio: f64,
    },
    Failed,
    /// It wants no more of this kind until then.
    Rests {
        kind: Kind,
        until: Instant,
    },
    /// Nobody waited for it any more; it had taken so many usual times.
    Left {
        ratio: f64,
    },
    /// It says nothing of the replica.
    Neutral,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum State {
    Well,
    Ejected { until: Instant, pause: Duration },
    Trial { is_out: bool, answered: u32, pause: Duration },
    Recovering { since: Instant, pause: Duration },
}

#[derive(Debug)]
struct Seat {
    state: State,
    /// In a row.
    failures: u32,
    /// Its time in those of its siblings, an average that follows the last answers.
    slowness: f64,
    answers: u32,
    answered_at: Instant,
    in_flight: usize,
    /// A probe since it was ejected was not answered.
    is_silent: bool,
    rests: [Option<Instant>; Kind::COUNT],
}

/// All replicas of a region, in the order of its settings.
#[derive(Debug)]
pub(super) struct Health {
    seats: Vec<Seat>,
    settings: BreakerSettings,
    ejections: u64,
}

/// No replica may be asked: all of them want to be left alone until then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct AllRest(pub Instant);

impl Health {
    pub(super) fn new(replicas: usize, settings: BreakerSettings, now: Instant) -> Self {
        let seat = || Seat {
            state: State::Well,
            failures: 0,
            slowness: 1.0,
            answers: 0,
            answered_at: now,
            in_flight: 0,
            is_silent: false,
            rests: [None; Kind::COUNT],
        };
        Self { seats: (0..replicas).map(|_| seat()).collect(), settings, ejections: 0 }
    }

    /// Replicas that were ejected, ever.
    pub(super) fn ejections(&self) -> u64 {
        self.ejections
    }

    /// Replicas that are asked by trials alone, or not at all.
    pub(super) fn out(&self) -> usize {
        self.seats.iter().filter(|seat| seat.is_out()).count()
    }

    /// Takes one to ask, `not` one. `chance` makes a number below the one it is given.
    pub(super) fn choose(
        &mut self,
        kind: Kind,
        not: Option<usize>,
        now: Instant,
        chance: &mut dyn FnMut(usize) -> usize,
    ) -> Result<Option<usize>, AllRest> {
        self.end_pauses(now);
        let others: Vec<usize> = (0..self.seats.len()).filter(|seat| Some(*seat) != not).collect();
        let awake: Vec<usize> = others.iter().copied().filter(|seat| !self.rests(*seat, kind, now)).collect();
        if awake.is_empty() {
            return match self.first_awake(&others, kind) {
                Some(until) => Err(AllRest(until)),
                None => Ok(None),
            };
        }
        // One that is tried out is never the last hope: whoever is asked first is; the second is well.
        let due = awake.iter().copied().filter(|_| not.is_none()).find(|seat| self.is_due(*seat));
        let chosen = due.or_else(|| self.of_two(&awake, now, chance));
        // Where none is well, any is better than none.
        let chosen = chosen.or_else(|| awake.get(chance(awake.len())).copied());
        if let Some(chosen) = chosen {
            self.begin(chosen);
        }
        Ok(chosen)
    }

    /// One that is well, beside the one that was asked: none where no other is.
    pub(super) fn second(
        &self,
        kind: Kind,
        not: usize,
        now: Instant,
        chance: &mut dyn FnMut(usize) -> usize,
    ) -> Option<usize> {
        let others = (0..self.seats.len()).filter(|seat| *seat != not && !self.rests(*seat, kind, now));
        self.of_two(&others.collect::<Vec<_>>(), now, chance)
    }

    /// A question is put to it; `settle` says how it ended.
    pub(super) fn begin(&mut self, nth: usize) {
        let Some(seat) = self.seats.get_mut(nth) else { return };
        seat.in_flight += 1;
        if let State::Trial { is_out, .. } = &mut seat.state {
            *is_out = true;
        }
    }

    /// The one with less to do of two of those that are well.
    fn of_two(&self, awake: &[usize], now: Instant, chance: &mut dyn FnMut(usize) -> usize) -> Option<usize> {
        let mut well: Vec<usize> = awake.iter().copied().filter(|seat| !self.is_out(*seat)).collect();
        if well.is_empty() {
            return None;
        }
        let first = well.swap_remove(chance(well.len()).min(well.len() - 1));
        if well.is_empty() {
            return Some(first);
        }
        let second = well.get(chance(well.len())).copied().unwrap_or(first);
        let cost = |seat: usize| self.seats.get(seat).map_or(f64::INFINITY, |seat| seat.cost(now));
        Some(if cost(second) < cost(first) { second } else { first })
    }

    pub(super) fn settle(&mut self, nth: usize, ended: Ended, now: Instant) {
        let pause = self.settings.pause;
        let failures_max = self.settings.failures_max;
        let Some(seat) = self.seats.get_mut(nth) else { return };
        seat.in_flight = seat.in_flight.saturating_sub(1);
        match ended {
            Ended::Answered { ratio } => {
                seat.failures = 0;
                seat.learn(ratio, now);
            }
            // It took so long at least; sooner than usual says nothing.
            Ended::Left { ratio } if ratio > seat.slowness => seat.learn(ratio, now),
            Ended::Failed => seat.failures = seat.failures.saturating_add(1),
            Ended::Rests { kind, until } => {
                if let Some(rests) = seat.rests.get_mut(kind as usize) {
                    *rests = Some(until);
                }
            }
            Ended::Left { .. } | Ended::Neutral => {}
        }
        match seat.state {
            State::Trial { answered, pause, .. } => {
                seat.state = match ended {
                    Ended::Answered { ratio } if ratio <= SLOW_FACTOR && answered + 1 >= TRIALS => {
                        (seat.slowness, seat.answers) = (1.0, 0);
                        State::Recovering { since: now, pause }
                    }
                    Ended::Answered { ratio } if ratio <= SLOW_FACTOR => {
                        State::Trial { is_out: false, answered: answered + 1, pause }
                    }
                    Ended::Left { ratio } if ratio <= SLOW_FACTOR => {
                        State::Trial { is_out: false, answered, pause }
                    }
                    Ended::Neutral | Ended::Rests { .. } => State::Trial { is_out: false, answered, pause },
                    Ended::Answered { .. } | Ended::Left { .. } | Ended::Failed => {
                        self.eject(nth, pause.saturating_mul(2), now);
                        return;
                    }
                };
            }
            State::Well | State::Recovering { .. } => {
                let pause =
                    if let State::Recovering { pause: last, .. } = seat.state { last * 2 } else { pause };
                let has_failed = seat.failures >= failures_max;
                if (has_failed || self.is_far_slower(nth, now)) && self.may_eject() {
                    self.eject(nth, pause, now);
                }
            }
            State::Ejected { .. } => {}
        }
    }

    /// A sibling that was asked later answered before it. How late it would have been nobody waits to see, so it counts
    /// as one of the slowest: one that is only slow now and then loses such a race seldom, and never several in a row.
    pub(super) fn overtaken(&mut self, nth: usize, now: Instant) {
        let Some(seat) = self.seats.get_mut(nth) else { return };
        match seat.state {
            State::Trial { pause, .. } => self.eject(nth, pause.saturating_mul(2), now),
            State::Well | State::Recovering { .. } => seat.learn(RATIO_MAX, now),
            State::Ejected { .. } => {}
        }
    }

    /// What a probe found out. One that is out is not tried while it answers no probe.
    pub(super) fn probed(&mut self, nth: usize, is_answered: bool) {
        if let Some(seat) = self.seats.get_mut(nth) {
            seat.is_silent = !is_answered;
        }
    }

    fn eject(&mut self, nth: usize, pause: Duration, now: Instant) {
        let pause = pause.min(self.settings.pause_max);
        if let Some(seat) = self.seats.get_mut(nth) {
            self.ejections += 1;
            (seat.state, seat.is_silent) = (State::Ejected { until: now + pause, pause }, false);
            (seat.failures, seat.slowness, seat.answers) = (0, 1.0, 0);
        }
    }

    /// Never all of them, nor more than half.
    fn may_eject(&self) -> bool {
        (self.out() + 1) * 2 <= self.seats.len()
    }

    fn is_far_slower(&self, nth: usize, now: Instant) -> bool {
        let Some(seat) = self.seats.get(nth).filter(|seat| seat.answers >= SLOW_ANSWERS_MIN) else {
            return false;
        };
        let siblings = self.seats.iter().enumerate().filter(|(other, seat)| *other != nth && !seat.is_out());
        let mut siblings: Vec<f64> = siblings.map(|(_, seat)| seat.slowness_now(now)).collect();
        siblings.sort_unstable_by(f64::total_cmp);
        let median = siblings.get(siblings.len() / 2);
        median.is_some_and(|median| seat.slowness > median.max(0.1) * SLOW_FACTOR)
    }

    fn end_pauses(&mut self, now: Instant) {
        for seat in &mut self.seats {
            match seat.state {
                State::Ejected { until, pause } if now >= until && !seat.is_silent => {
                    seat.state = State::Trial { is_out: false, answered: 0, pause };
                }
                State::Recovering { since, .. } if now.saturating_duration_since(since) >= RAMP => {
                    seat.state = State::Well;
                }
                _ => {}
            }
        }
    }

    fn is_due(&self, nth: usize) -> bool {
        self.seats.get(nth).is_some_and(|seat| matches!(seat.state, State::Trial { is_out: false, .. }))
    }

    fn is_out(&self, nth: usize) -> bool {
        self.seats.get(nth).is_some_and(Seat::is_out)
    }

    fn rests(&self, nth: usize, kind: Kind, now: Instant) -> bool {
        self.resting(nth, kind).is_some_and(|until| now < until)
    }

    fn resting(&self, nth: usize, kind: Kind) -> Option<Instant> {
        self.seats.get(nth)?.rests.get(kind as usize).copied().flatten()
    }

    fn first_awake(&self, seats: &[usize], kind: Kind) -> Option<Instant> {
        seats.iter().filter_map(|seat| self.resting(*seat, kind)).min()
    }
}

impl Seat {
    fn is_out(&self) -> bool {
        matches!(self.state, State::Ejected { .. } | State::Trial { .. })
    }

    fn learn(&mut self, ratio: f64, now: Instant) {
        self.slowness = self.slowness_now(now);
        self.slowness += (ratio.min(RATIO_MAX) - self.slowness) * SLOWNESS_WEIGHT;
        (self.answers, self.answered_at) = (self.answers.saturating_add(1), now);
    }

    fn slowness_now(&self, now: Instant) -> f64 {
        let idle = now.saturating_duration_since(self.answered_at).as_secs_f64() / FORGET.as_secs_f64();
        1.0 + (self.slowness - 1.0) * (-idle).exp()
    }

    fn cost(&self, now: Instant) -> f64 {
        let share = match self.state {
            State::Recovering { since, .. } => {
                let grown = now.saturating_duration_since(since).as_secs_f64() / RAMP.as_secs_f64();
                grown.clamp(RAMP_FIRST, 1.0)
            }
            _ => 1.0,
        };
        self.slowness_now(now) * (self.in_flight as f64 + 1.0) / share
    }
}

#[cfg(test)]
mod tests;
