//! What a soak has come to: counts, times, memory, and what was found. Decides whether memory was flat.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::ROUNDS;
use crate::judge::Outcome;
use crate::serving::quantile;

/// Findings that are shown; all are counted.
const SHOWN_MAX: usize = 40;

/// By how much memory of the last round may be above that of the one before, on average.
///
/// Both rounds hold the same faults under the same load, the cache was full in the first, and ids repeat, so what is
/// kept is the same. What differs is chance: how many of the 96 places hold an answer at a time, of which the large are
/// 2.2 MB, and how soon the allocator gives pages back. That chance is some 30 MB at a moment (by how much the most of a
/// round is above its mean), and far less on the average of a round: from -6.3 to +6.0 MB were seen. At the 4,300
/// requests of a usual round this finds a leak of 3.9 kB a request, a tenth of the usual trace; in an hour, of 0.2.
const GROWTH_KB_MAX: i64 = 16 << 10;

#[derive(Debug, Clone)]
pub struct Tally(Arc<Mutex<Inner>>);

#[derive(Debug, Default)]
struct Inner {
    phases: Vec<Phase>,
    modes: BTreeMap<&'static str, BTreeMap<Outcome, usize>>,
    /// Resident kB of each round.
    memory: [Vec<u64>; ROUNDS],
    findings: Vec<String>,
    found: usize,
    reloads: usize,
}

#[derive(Debug, Default)]
struct Phase {
    name: &'static str,
    outcomes: BTreeMap<Outcome, usize>,
    left: usize,
    took: Vec<f64>,
}

impl Phase {
    fn of(&self, outcome: Outcome) -> usize {
        self.outcomes.get(&outcome).copied().unwrap_or(0)
    }
}

impl Tally {
    pub fn new(names: impl IntoIterator<Item = &'static str>) -> Self {
        let phases = names.into_iter().map(|name| Phase { name, ..Phase::default() }).collect();
        Self(Arc::new(Mutex::new(Inner { phases, ..Inner::default() })))
    }

    pub fn find(&self, finding: String) {
        let mut inner = self.0.lock().unwrap();
        inner.found += 1;
        if inner.findings.len() < SHOWN_MAX {
            inner.findings.push(finding);
        }
    }

    pub fn count(&self, phase: usize, mode: &'static str, outcome: Outcome, took: Duration) {
        let mut inner = self.0.lock().unwrap();
        *inner.modes.entry(mode).or_default().entry(outcome).or_default() += 1;
        let phase = &mut inner.phases[phase];
        *phase.outcomes.entry(outcome).or_default() += 1;
        phase.took.push(took.as_secs_f64() * 1e3);
    }

    pub fn left(&self, phase: usize) {
        self.0.lock().unwrap().phases[phase].left += 1;
    }

    pub fn reloaded(&self) {
        self.0.lock().unwrap().reloads += 1;
    }

    pub fn held(&self, round: usize, resident_kb: u64) {
        self.0.lock().unwrap().memory[round].push(resident_kb);
    }

    pub fn count_of(&self, outcome: Outcome) -> usize {
        self.0.lock().unwrap().phases.iter().map(|phase| phase.of(outcome)).sum()
    }

    /// Prints everything; whether nothing was found.
    pub fn report(&self, peak_kb: u64, ceiling_kb: u64) -> bool {
        let means = self.0.lock().unwrap().memory.each_ref().map(|held| {
            (held.iter().sum::<u64>() / held.len().max(1) as u64, held.iter().copied().max().unwrap_or(0))
        });
        let growth = means[ROUNDS - 1].0 as i64 - means[ROUNDS - 2].0 as i64;
        if growth > GROWTH_KB_MAX {
            self.find(format!("memory grew by {growth} kB from the second round to the last"));
        }
        if peak_kb > ceiling_kb {
            self.find(format!("{peak_kb} kB were held, over the ceiling of {ceiling_kb}"));
        }
        let mut inner = self.0.lock().unwrap();
        inner.print_phases();
        inner.print_modes();
        println!("\n| resident MB | mean | most |\n|---|---|---|");
        for (round, (mean, most)) in means.iter().enumerate() {
            println!("| round {} | {:.1} | {:.1} |", round + 1, *mean as f64 / 1e3, *most as f64 / 1e3);
        }
        println!(
            "\n{} MB at most, of {} MB; {} reloads.",
            peak_kb / 1_000,
            ceiling_kb / 1_000,
            inner.reloads
        );
        println!("\n{} findings", inner.found);
        inner.findings.iter().for_each(|finding| println!("- {finding}"));
        inner.found == 0
    }
}

impl Inner {
    fn print_phases(&mut self) {
        println!(
            "\n| | asked | whole | partial | refused | turned away | left | p50 ms | p99 ms |\n|---|---|---|---|---|---|---|---|---|"
        );
        for phase in &mut self.phases {
            let (p50, p99) = (quantile(&mut phase.took, 0.5), quantile(&mut phase.took, 0.99));
            println!(
                "| {} | {} | {} | {} | {} | {} | {} | {p50:.1} | {p99:.0} |",
                phase.name,
                phase.took.len() + phase.left,
                phase.of(Outcome::Whole),
                phase.of(Outcome::Partial),
                phase.of(Outcome::Refused),
                phase.of(Outcome::Shed),
                phase.left
            );
        }
    }

    fn print_modes(&self) {
        println!("\n| | whole | partial | refused | turned away |\n|---|---|---|---|---|");
        for (mode, outcomes) in &self.modes {
            let of = |outcome| outcomes.get(&outcome).copied().unwrap_or(0);
            println!(
                "| {mode} | {} | {} | {} | {} |",
                of(Outcome::Whole),
                of(Outcome::Partial),
                of(Outcome::Refused),
                of(Outcome::Shed)
            );
        }
    }
}

/// `/metrics`, a line each.
pub struct Figures(Vec<(String, f64)>);

impl Figures {
    /// Of a family, over all its labels.
    pub fn sum(&self, family: &str) -> f64 {
        let of = |name: &str| name.split('{').next() == Some(family);
        // A sum of nothing is -0.
        self.0.iter().filter(|(name, _)| of(name)).map(|(_, figure)| figure).sum::<f64>() + 0.0
    }
}

pub async fn figures(gateway: SocketAddr) -> Figures {
    let answer = crate::serving::client().get(format!("http://{gateway}/metrics")).send().await.unwrap();
    let text = String::from_utf8(answer.bytes().await.unwrap().to_vec()).unwrap();
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    // What stands behind a # is an exemplar.
    let lines = lines.filter_map(|line| line.split(" # ").next()?.rsplit_once(' '));
    Figures(lines.filter_map(|(name, figure)| Some((name.to_owned(), figure.parse().ok()?))).collect())
}
