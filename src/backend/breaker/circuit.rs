//! The state machine of a circuit. Pure: it takes the time and what an outcome means as values.
//!
//! ```text
//! Closed --- too many failures in a row ---> Open --- the pause is over and a probe was answered ---> HalfOpen
//!   ^                                         ^  ^-- a probe failed: twice the pause                   |   |
//!   |                                         +------------- the trial failed: twice the pause --------+   |
//!   +------------------------------------------------------- the trial was answered -----------------------+
//! ```

use std::time::Duration;

use tokio::time::Instant;

use crate::backend::settings::BreakerSettings;
use crate::backend::{Fault, fault};
use crate::model::RegionStatus;

/// No settings make an open circuit be probed faster than this.
pub(in crate::backend) const PAUSE_MIN: Duration = Duration::from_millis(10);

/// The circuit as the status page shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CircuitState {
    /// Every question goes through.
    Closed,
    /// None does, since `since`; not before `until` is the region probed.
    Open { since: Instant, until: Instant, last: RegionStatus },
    /// A probe was answered; one question at a time goes through as a trial.
    HalfOpen { since: Instant, last: RegionStatus },
}

impl CircuitState {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open { .. } => "open",
            Self::HalfOpen { .. } => "half_open",
        }
    }

    /// How far from closed, as a gauge shows it.
    pub fn as_number(self) -> i64 {
        match self {
            Self::Closed => 0,
            Self::HalfOpen { .. } => 1,
            Self::Open { .. } => 2,
        }
    }
}

/// What an outcome says about the region.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It answered, if only to say no.
    Alive,
    Failed(RegionStatus),
    /// It says nothing: the region was not asked, had no fair time, was busy, or the caller left.
    Neutral,
}

pub(super) fn verdict<T>(outcome: &Result<T, Fault>) -> Verdict {
    use RegionStatus as S;
    match outcome {
        Ok(_) => Verdict::Alive,
        Err(fault) if fault.is_blameless => Verdict::Neutral,
        Err(fault) => match fault.status {
            S::Timeout | S::Unreachable | S::Error | S::CutOff | S::Malformed => {
                Verdict::Failed(fault.status)
            }
            S::Overloaded | S::Limited | S::CircuitOpen | S::Withheld | S::Pending => Verdict::Neutral,
            S::Ok | S::NotNeeded | S::Partial | S::TooFresh | S::Rejected | S::TooLarge | S::Truncated => {
                Verdict::Alive
            }
        },
    }
}

/// Why the circuit is not closed. Kept from the first opening on, over all its probes and trials.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Outage {
    since: Instant,
    /// Doubles with each probe or trial that fails.
    pause: Duration,
    last: RegionStatus,
}

#[derive(Debug)]
enum State {
    /// Failures in a row, of questions and of probes. They are counted apart: a region that answers its
    /// probes and none of its questions is a failing region.
    Closed {
        failures: u32,
        probe_failures: u32,
    },
    Open {
        outage: Outage,
        until: Instant,
    },
    HalfOpen {
        outage: Outage,
        trial_is_out: bool,
    },
}

#[derive(Debug)]
pub(super) struct Circuit {
    settings: BreakerSettings,
    state: State,
    /// Counts the changes of state, so that an outcome of an earlier state is known as such.
    generation: u64,
}

impl Circuit {
    pub(super) fn new(settings: BreakerSettings) -> Self {
        let pause = settings.pause.max(PAUSE_MIN);
        let settings = BreakerSettings { pause, ..settings };
        let state = State::Closed { failures: 0, probe_failures: 0 };
        Self { settings, state, generation: 0 }
    }

    /// Lets a question through, with the generation its outcome belongs to.
    pub(super) fn admit(&mut self, now: Instant) -> Result<u64, Fault> {
        match &mut self.state {
            State::Closed { .. } => Ok(self.generation),
            State::HalfOpen { trial_is_out, .. } if !*trial_is_out => {
                *trial_is_out = true;
                Ok(self.generation)
            }
            State::HalfOpen { outage, .. } | State::Open { outage, .. } => Err(refusal(outage, now)),
        }
    }

    pub(super) fn settle(&mut self, generation: u64, verdict: Verdict, now: Instant) {
        if generation != self.generation {
            return;
        }
        match (&mut self.state, verdict) {
            (State::Closed { failures, probe_failures }, Verdict::Alive) => {
                (*failures, *probe_failures) = (0, 0);
            }
            (State::Closed { failures, .. }, Verdict::Failed(last)) => {
                *failures += 1;
                if *failures >= self.settings.failures_max {
                    self.open(last, now);
                }
            }
            (State::HalfOpen { .. }, Verdict::Alive) => {
                self.change(State::Closed { failures: 0, probe_failures: 0 });
            }
            (State::HalfOpen { outage, .. }, Verdict::Failed(last)) => {
                let outage = Outage { last, ..*outage };
                self.reopen(outage, now);
            }
            // The trial proved nothing; the next question is the trial.
            (State::HalfOpen { trial_is_out, .. }, Verdict::Neutral) => *trial_is_out = false,
            (State::Closed { .. }, Verdict::Neutral) | (State::Open { .. }, _) => {}
        }
    }

    pub(super) fn settle_probe(&mut self, verdict: Verdict, now: Instant) {
        match (&mut self.state, verdict) {
            (State::Closed { probe_failures, .. }, Verdict::Alive | Verdict::Neutral) => *probe_failures = 0,
            (State::Closed { probe_failures, .. }, Verdict::Failed(last)) => {
                *probe_failures += 1;
                if *probe_failures >= self.settings.failures_max {
                    self.open(last, now);
                }
            }
            // A probe that was on its way before the circuit opened does not count for it.
            (State::Open { until, .. }, _) if now < *until => {}
            // A probe that was answered 429 found someone at home, too.
            (State::Open { outage, .. }, Verdict::Alive | Verdict::Neutral) => {
                let outage = *outage;
                self.change(State::HalfOpen { outage, trial_is_out: false });
            }
            (State::HalfOpen { .. }, Verdict::Alive | Verdict::Neutral) => {}
            (State::Open { outage, .. } | State::HalfOpen { outage, .. }, Verdict::Failed(last)) => {
                let outage = Outage { last, ..*outage };
                self.reopen(outage, now);
            }
        }
    }

    /// Whether a change has opened it since `generation`.
    pub(super) fn has_opened_since(&self, generation: u64) -> bool {
        matches!(self.state, State::Open { .. }) && generation != self.generation
    }

    fn open(&mut self, last: RegionStatus, now: Instant) {
        let pause = self.settings.pause;
        self.change(State::Open { outage: Outage { since: now, pause, last }, until: now + pause });
    }

    fn reopen(&mut self, outage: Outage, now: Instant) {
        let pause = outage.pause.saturating_mul(2).min(self.settings.pause_max);
        self.change(State::Open { outage: Outage { pause, ..outage }, until: now + pause });
    }

    fn change(&mut self, state: State) {
        self.state = state;
        self.generation = self.generation.wrapping_add(1);
    }

    pub(super) fn shown(&self) -> CircuitState {
        match &self.state {
            State::Closed { .. } => CircuitState::Closed,
            State::Open { outage, until } => {
                CircuitState::Open { since: outage.since, until: *until, last: outage.last }
            }
            State::HalfOpen { outage, .. } => {
                CircuitState::HalfOpen { since: outage.since, last: outage.last }
            }
        }
    }
}

fn refusal(outage: &Outage, now: Instant) -> Fault {
    let seconds = now.saturating_duration_since(outage.since).as_secs();
    let last = outage.last.as_str();
    let detail = format!("not asked: its circuit opened {seconds} s ago, the last failure was {last}");
    fault::not_asked(RegionStatus::CircuitOpen, detail)
}

#[cfg(test)]
mod tests;
