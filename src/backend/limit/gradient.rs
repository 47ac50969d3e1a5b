//! How many questions a region takes at once, found out from how long it takes for them. Pure: time comes in as
//! values.
//!
//! The idea is that of Netflix's gradient limits and of TCP Vegas: where answers take longer than they used to while
//! the region has its hands full, questions wait inside of it, and more at once would only wait longer. So the limit
//! follows the ratio of the usual time to the time of now, and what is between them and the root of the limit, which
//! is room to try for more, is where it comes to rest. Questions of different kinds take times of different length,
//! so that each is held against the usual of its own kind. A refusal or a timeout says it at once.

use std::time::Duration;

use tokio::time::Instant;

use crate::backend::call::Kind;

/// An answer may take so much longer than usual before it says anything.
const TOLERANCE: f64 = 1.5;

/// Differences of this size are those of a scheduler, not of a region.
const NOISE: Duration = Duration::from_millis(10);

/// Answers by which the limit is moved once: their median is not that of a single slow one.
const WINDOW_ANSWERS: usize = 16;

/// Nor is it moved more often than this.
const WINDOW_MIN: Duration = Duration::from_millis(100);

/// How much of a step is taken at once.
const SMOOTHING: f64 = 0.2;

/// No single window takes more than half.
const GRADIENT_MIN: f64 = 0.5;

/// What a refusal or a timeout leaves of the limit, and how often it may say so: what was under way together fails
/// together.
const CUT: f64 = 0.75;
const CUT_PAUSE: Duration = Duration::from_secs(1);

/// Answers from which the usual time of a kind is known, over how many it is an average, and how slowly it follows
/// answers that are suspiciously late: a region that stays slow becomes one that is like that.
const USUAL_FIRST: f64 = 10.0;
const USUAL_ANSWERS: f64 = 600.0;
const USUAL_ANSWERS_LATE: f64 = 20_000.0;

/// Where answers come in half of the usual time, that was the time of a region under load, and is forgotten so fast.
const FORGET_BELOW: f64 = 0.5;
const FORGET: f64 = 0.95;

/// The usual time of one kind of question.
#[derive(Debug, Clone, Copy, Default)]
struct Usual {
    seconds: f64,
    answers: f64,
}

impl Usual {
    /// How long it took, in usual times.
    fn ratio(&self, took: Duration) -> f64 {
        let noise = NOISE.as_secs_f64();
        if self.answers == 0.0 { 1.0 } else { (took.as_secs_f64() + noise) / (self.seconds + noise) }
    }

    fn learn(&mut self, took: Duration, ratio: f64) {
        let over = match self.answers {
            few if few < USUAL_FIRST => few + 1.0,
            _ if ratio > TOLERANCE => USUAL_ANSWERS_LATE,
            known => known.min(USUAL_ANSWERS),
        };
        self.seconds += (took.as_secs_f64() - self.seconds) / over;
        self.answers += 1.0;
    }
}

#[derive(Debug)]
struct Window {
    ratios: Vec<f64>,
    in_flight_max: usize,
    began: Option<Instant>,
}

#[derive(Debug)]
pub(super) struct Gradient {
    limit: f64,
    min: f64,
    max: f64,
    usual: [Usual; Kind::COUNT],
    window: Window,
    cut_at: Option<Instant>,
}

impl Gradient {
    /// Begins at the most: a region that nobody has seen slow down yet is asked as its settings say.
    pub(super) fn new(min: usize, max: usize) -> Self {
        let (min, max) = (min.min(max) as f64, max as f64);
        let window = Window { ratios: Vec::with_capacity(WINDOW_ANSWERS), in_flight_max: 0, began: None };
        Self { limit: max, min, max, usual: [Usual::default(); Kind::COUNT], window, cut_at: None }
    }

    /// In whole questions.
    pub(super) fn limit(&self) -> usize {
        self.limit.round().max(1.0) as usize
    }

    /// A question was answered while so many were under way.
    pub(super) fn answered(&mut self, kind: Kind, took: Duration, in_flight: usize, now: Instant) {
        let Some(usual) = self.usual.get_mut(kind as usize) else { return };
        let ratio = usual.ratio(took);
        usual.learn(took, ratio);
        self.window.ratios.push(ratio);
        self.window.in_flight_max = self.window.in_flight_max.max(in_flight);
        let began = *self.window.began.get_or_insert(now);
        let is_over = now.saturating_duration_since(began) >= WINDOW_MIN;
        // A burst within one moment is one window, however many it has.
        if self.window.ratios.len() >= WINDOW_ANSWERS && is_over {
            self.step();
        } else if self.window.ratios.len() >= WINDOW_ANSWERS * 16 {
            self.window.ratios.truncate(WINDOW_ANSWERS);
        }
    }

    /// The region refused for load, or did not answer in a fair time.
    pub(super) fn failed(&mut self, now: Instant) {
        if self.cut_at.is_some_and(|at| now.saturating_duration_since(at) < CUT_PAUSE) {
            return;
        }
        self.cut_at = Some(now);
        self.limit = (self.limit * CUT).max(self.min);
        self.clear();
    }

    fn step(&mut self) {
        let ratio = median(&mut self.window.ratios);
        // What is not used up says nothing of how much there could be.
        let is_used = self.window.in_flight_max.saturating_mul(2) >= self.limit();
        if is_used {
            let gradient = (TOLERANCE / ratio).clamp(GRADIENT_MIN, 1.0);
            let wanted = self.limit * gradient + self.limit.sqrt();
            self.limit = (self.limit * (1.0 - SMOOTHING) + wanted * SMOOTHING).clamp(self.min, self.max);
        }
        if ratio < FORGET_BELOW {
            self.usual.iter_mut().for_each(|usual| usual.seconds *= FORGET);
        }
        self.clear();
    }

    fn clear(&mut self) {
        self.window.ratios.clear();
        (self.window.in_flight_max, self.window.began) = (0, None);
    }
}

fn median(ratios: &mut [f64]) -> f64 {
    ratios.sort_unstable_by(f64::total_cmp);
    ratios.get(ratios.len() / 2).copied().unwrap_or(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A region that serves `capacity` questions side by side, each within `base`; more take turns.
    struct Served {
        gradient: Gradient,
        now: Instant,
    }

    impl Served {
        fn new() -> Self {
            Self { gradient: Gradient::new(4, 64), now: Instant::now() }
        }

        /// As many questions at once as may be, or as are wanted, so many times.
        fn rounds(&mut self, rounds: usize, wanted: usize, capacity: usize, base: Duration) {
            for _ in 0..rounds {
                let at_once = self.gradient.limit().min(wanted);
                let took = base.mul_f64((at_once as f64 / capacity as f64).max(1.0));
                self.now += took;
                for _ in 0..at_once {
                    self.gradient.answered(Kind::Trace, took, at_once, self.now);
                }
            }
        }
    }

    const BASE: Duration = Duration::from_millis(100);

    #[test]
    fn a_region_that_is_not_slow_keeps_its_places() {
        let mut served = Served::new();
        served.rounds(100, 64, 64, BASE);
        assert_eq!(served.gradient.limit(), 64);
    }

    #[test]
    fn a_region_that_slows_under_load_is_asked_less_and_more_again_when_it_recovers() {
        let mut served = Served::new();
        served.rounds(20, 8, 64, BASE);
        served.rounds(60, 64, 8, BASE);
        let under_load = served.gradient.limit();
        // At rest where the room of a root makes up for the gradient: above its capacity, far below the most.
        assert!((8..=32).contains(&under_load), "{under_load}");
        served.rounds(200, 64, 64, BASE);
        assert!(served.gradient.limit() >= 56, "{}", served.gradient.limit());
    }

    #[test]
    fn a_region_that_few_ask_is_judged_by_nothing() {
        let mut served = Served::new();
        served.rounds(50, 2, 64, BASE);
        served.rounds(50, 2, 1, BASE * 10);
        assert_eq!(served.gradient.limit(), 64, "two of 64 places say nothing of the others");
    }

    #[test]
    fn kinds_are_held_against_their_own_usual_time() {
        let mut gradient = Gradient::new(4, 64);
        let mut now = Instant::now();
        for _ in 0..2000 {
            now += Duration::from_millis(10);
            gradient.answered(Kind::Trace, Duration::from_millis(20), 64, now);
            gradient.answered(Kind::Metrics, Duration::from_secs(4), 64, now);
        }
        assert_eq!(gradient.limit(), 64);
    }

    #[test]
    fn failures_cut_it_once_a_second_and_never_below_the_least() {
        let mut gradient = Gradient::new(4, 64);
        let mut now = Instant::now();
        (0..100).for_each(|_| gradient.failed(now));
        assert_eq!(gradient.limit(), 48, "what fails together counts once");
        for _ in 0..100 {
            now += CUT_PAUSE;
            gradient.failed(now);
        }
        assert_eq!(gradient.limit(), 4);
    }
}
