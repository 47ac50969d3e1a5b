//! What the last hour was like, minute by minute: how many traces lie in several regions, how long regions took, what
//! was partial and why, how much came from where. Counts only, of this process alone and since it began.
//!
//! Bounded: a ring of minutes, in each as many regions as there are declared at most.

mod latencies;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

pub use latencies::Latencies;

use super::metrics::Endpoint;
use crate::model::{Coverage, Outcome, RegionName, RegionStatus};

/// One step of the ring.
const STEP: Duration = Duration::from_secs(60);

/// Steps that are kept: an hour, and the one that has just begun.
const STEPS_MAX: usize = 61;

/// The longest window that can be asked for.
pub const WINDOW_MAX: Duration = Duration::from_secs(60 * 60);

/// Regions of one step. More cannot be declared; after reloads some may have been.
const REGIONS_MAX: usize = 200;

/// How one request ended.
#[derive(Debug, Clone, Copy)]
pub struct Ended<'a> {
    pub endpoint: Endpoint,
    pub outcome: Outcome,
    pub coverage: Option<&'a Coverage>,
    /// From a memory of what regions said before.
    pub is_from_memory: bool,
    pub took: Duration,
}

/// What a time was like.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Tally {
    pub answers: u64,
    pub partial: u64,
    pub refused: u64,
    /// Of what was partial, why.
    pub why: BTreeMap<&'static str, u64>,
    /// Traces that were looked up and found.
    pub found: u64,
    /// Of those, in two regions or more.
    pub multi_region: u64,
    /// Of all lookups, those answered from memory.
    pub lookups: u64,
    pub from_memory: u64,
    /// Of requests for which two regions or more were asked.
    pub federated: Latencies,
    /// Of those, lookups alone.
    pub federated_lookups: Latencies,
    pub regions: BTreeMap<RegionName, RegionTally>,
}

/// The same of one region.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RegionTally {
    pub latencies: Latencies,
    pub bytes: u64,
    pub failed: u64,
    /// How it fared where not well.
    pub why: BTreeMap<&'static str, u64>,
}

/// The last hour. All clones are one.
#[derive(Debug, Clone)]
pub struct Analytics(Arc<Ring>);

#[derive(Debug)]
struct Ring {
    begun: Instant,
    /// The newest last, by the number of the step since the begin.
    steps: Mutex<VecDeque<(u64, Tally)>>,
}

/// What a window was like, and how much of it there was.
#[derive(Debug, Clone, PartialEq)]
pub struct Window {
    pub tally: Tally,
    /// Shorter than asked for while the process is young.
    pub covers: Duration,
}

impl Default for Analytics {
    fn default() -> Self {
        Self(Arc::new(Ring { begun: Instant::now(), steps: Mutex::default() }))
    }
}

impl Analytics {
    fn steps(&self) -> MutexGuard<'_, VecDeque<(u64, Tally)>> {
        self.0.steps.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn step_now(&self) -> u64 {
        self.0.begun.elapsed().as_secs() / STEP.as_secs()
    }

    pub fn note(&self, ended: &Ended<'_>) {
        let now = self.step_now();
        let mut steps = self.steps();
        if steps.back().is_none_or(|(step, _)| *step != now) {
            if steps.len() >= STEPS_MAX {
                steps.pop_front();
            }
            steps.push_back((now, Tally::default()));
        }
        if let Some((_, tally)) = steps.back_mut() {
            tally.note(ended);
        }
    }

    /// The steps that lie in the window, the one that has begun among them.
    pub fn last(&self, window: Duration) -> Window {
        let window = window.clamp(STEP, WINDOW_MAX);
        let first =
            self.step_now().saturating_sub(window.as_secs().div_ceil(STEP.as_secs()).saturating_sub(1));
        let mut tally = Tally::default();
        for (_, step) in self.steps().iter().filter(|(step, _)| *step >= first) {
            tally.add(step);
        }
        let age = self.0.begun.elapsed();
        // What of the first step lies in it, too.
        let covers = age.saturating_sub(STEP * u32::try_from(first).unwrap_or(u32::MAX));
        Window { tally, covers }
    }
}

impl Tally {
    fn note(&mut self, ended: &Ended<'_>) {
        self.answers += 1;
        match ended.outcome {
            Outcome::Complete => {}
            Outcome::Partial => self.partial += 1,
            Outcome::Refused => self.refused += 1,
        }
        if ended.endpoint.is_lookup() {
            self.lookups += 1;
            self.from_memory += u64::from(ended.is_from_memory);
        }
        let Some(coverage) = ended.coverage else { return };
        if ended.outcome == Outcome::Partial {
            *self.why.entry(coverage.exactness().as_str()).or_default() += 1;
        }
        if ended.endpoint.is_lookup() {
            let holding = coverage.regions.iter().filter(|report| report.spans > 0).count();
            self.found += u64::from(holding > 0);
            self.multi_region += u64::from(holding > 1);
        }
        if ended.is_from_memory {
            return;
        }
        if coverage.regions.iter().filter(|report| report.status.was_asked()).count() > 1 {
            self.federated.take(ended.took);
            if ended.endpoint.is_lookup() {
                self.federated_lookups.take(ended.took);
            }
        }
        for report in coverage.regions.iter().filter(|report| report.status.was_asked()) {
            if self.regions.len() >= REGIONS_MAX && !self.regions.contains_key(&report.region) {
                continue;
            }
            let region = self.regions.entry(report.region.clone()).or_default();
            // What is still waited for has taken nothing yet.
            if report.status != RegionStatus::Pending {
                region.latencies.take(report.took);
            }
            region.bytes = region.bytes.saturating_add(report.bytes);
            if !report.status.is_whole() {
                region.failed += 1;
                *region.why.entry(report.status.as_str()).or_default() += 1;
            }
        }
    }

    fn add(&mut self, other: &Self) {
        self.answers += other.answers;
        self.partial += other.partial;
        self.refused += other.refused;
        self.found += other.found;
        self.multi_region += other.multi_region;
        self.lookups += other.lookups;
        self.from_memory += other.from_memory;
        self.federated.add(&other.federated);
        self.federated_lookups.add(&other.federated_lookups);
        add_each(&mut self.why, &other.why);
        for (name, more) in &other.regions {
            let region = self.regions.entry(name.clone()).or_default();
            region.latencies.add(&more.latencies);
            region.bytes = region.bytes.saturating_add(more.bytes);
            region.failed += more.failed;
            add_each(&mut region.why, &more.why);
        }
    }
}

fn add_each(to: &mut BTreeMap<&'static str, u64>, more: &BTreeMap<&'static str, u64>) {
    for (word, count) in more {
        *to.entry(word).or_default() += count;
    }
}
