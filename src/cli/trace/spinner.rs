//! What a person sees while the regions are asked: a line for each, on stderr, gone when the answer is
//! there.
//!
//! Only on a terminal, and only when the answer takes longer than a blink. It is turned from the loop
//! that waits, so that no thread draws behind its back.

use std::collections::HashMap;
use std::future::Future;
use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use tokio::time::Instant;

use super::document::{Begin, RegionReport};
use crate::cli::text::{bytes, clean, count, cut, left, millis, width};

/// An answer that is there sooner needs no spinner.
const SHOWN_AFTER: Duration = Duration::from_millis(200);
const TURN: Duration = Duration::from_millis(100);
/// Lines that are drawn at most; an estate has a handful of regions.
const LINES_MAX: usize = 20;
const NAME_COLUMNS_MAX: usize = 24;

#[derive(Debug)]
pub struct Spinner {
    shown_at: Instant,
    lines: MultiProgress,
    /// The one line before the regions are known, then those of the regions.
    first: ProgressBar,
    regions: HashMap<String, ProgressBar>,
    states: Vec<(ProgressBar, State)>,
}

/// A line as it will be: what arrived before anything is shown is shown then.
#[derive(Debug, Clone, PartialEq, Eq)]
enum State {
    Waiting(String),
    Landed(String),
}

impl Spinner {
    pub fn new() -> Self {
        let lines = MultiProgress::with_draw_target(ProgressDrawTarget::hidden());
        let first = lines.add(ProgressBar::no_length().with_style(waiting_style()));
        let states = vec![(first.clone(), State::Waiting("asking".to_owned()))];
        Self { shown_at: Instant::now() + SHOWN_AFTER, lines, first, regions: HashMap::new(), states }
    }

    /// Waits for `work`, turning meanwhile.
    pub async fn during<T>(&mut self, work: impl Future<Output = T>) -> T {
        if !std::io::stderr().is_terminal() {
            return work.await;
        }
        let mut work = std::pin::pin!(work);
        loop {
            tokio::select! {
                done = &mut work => return done,
                () = tokio::time::sleep(TURN) => self.turn(),
            }
        }
    }

    fn turn(&mut self) {
        if Instant::now() < self.shown_at {
            return;
        }
        if self.lines.is_hidden() {
            self.lines.set_draw_target(ProgressDrawTarget::stderr());
            for (line, state) in &self.states {
                show(line, state);
            }
        }
        for (line, _) in self.states.iter().filter(|(line, _)| !line.is_finished()) {
            line.tick();
        }
    }

    /// The regions are known.
    pub fn begin(&mut self, begin: &Begin) {
        self.first.finish_and_clear();
        self.lines.remove(&self.first);
        self.states.clear();
        let names = begin.regions.iter().map(|r| width(&clean(&r.name))).max().unwrap_or_default();
        for region in begin.regions.iter().take(LINES_MAX) {
            let line = self.lines.add(ProgressBar::no_length().with_style(waiting_style()));
            let name = left(&clean(&region.name), names.min(NAME_COLUMNS_MAX));
            line.set_prefix(name);
            self.regions.insert(region.name.clone(), line.clone());
            self.set(line, State::Waiting("waiting".to_owned()));
        }
    }

    /// One region has landed.
    pub fn region(&mut self, report: &RegionReport) {
        if let Some(line) = self.regions.get(&report.name).cloned() {
            self.set(line, State::Landed(landed(report)));
        }
    }

    fn set(&mut self, line: ProgressBar, state: State) {
        if !self.lines.is_hidden() {
            show(&line, &state);
        }
        // A line appears once, in its last state.
        match self.states.iter_mut().find(|(known, _)| known.prefix() == line.prefix()) {
            Some(known) => known.1 = state,
            None => self.states.push((line, state)),
        }
    }

    /// Takes everything away again; stdout comes next.
    pub fn clear(&self) {
        // A terminal that is gone has nothing to clear.
        let _ = self.lines.clear();
    }
}

impl Drop for Spinner {
    fn drop(&mut self) {
        self.clear();
    }
}

fn show(line: &ProgressBar, state: &State) {
    match state {
        State::Waiting(text) => line.set_message(text.clone()),
        State::Landed(text) => {
            line.set_style(landed_style());
            line.abandon_with_message(text.clone());
        }
    }
}

fn waiting_style() -> ProgressStyle {
    ProgressStyle::with_template("{spinner} {prefix} {wide_msg} {elapsed}")
        .unwrap_or_else(|_| ProgressStyle::default_spinner())
}

fn landed_style() -> ProgressStyle {
    ProgressStyle::with_template("{prefix} {wide_msg}").unwrap_or_else(|_| ProgressStyle::default_spinner())
}

/// `✓ 7 spans, 12.3 kB in 98 ms`, or why not.
fn landed(report: &RegionReport) -> String {
    let took = millis(report.took_ms);
    if report.is_whole() {
        return format!("✓ {}, {} in {took} ms", count(report.spans, "span"), bytes(report.bytes));
    }
    let detail = report.detail.as_deref().map(|detail| format!(" ({})", cut(&clean(detail), 60)));
    format!("✗ {} after {took} ms{}", clean(&report.status), detail.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(name: &str, status: &str) -> RegionReport {
        RegionReport {
            name: name.into(),
            status: status.into(),
            took_ms: 98.0,
            spans: 7,
            bytes: 12_345,
            ..Default::default()
        }
    }

    #[test]
    fn a_region_that_landed_says_how() {
        assert_eq!(landed(&report("us-east", "ok")), "✓ 7 spans, 12.3 kB in 98 ms");
        let failed =
            RegionReport { detail: Some("no \u{1b}[2J answer".into()), ..report("us-east", "timeout") };
        assert_eq!(landed(&failed), "✗ timeout after 98 ms (no \\u{1b}[2J answer)");
    }

    #[test]
    fn each_region_has_one_line_in_its_last_state() {
        let mut spinner = Spinner::new();
        spinner.begin(&Begin { regions: vec![report("us-east", ""), report("eu-central", "")] });
        spinner.region(&report("eu-central", "ok"));
        spinner.region(&report("unheard-of", "ok"));
        let states: Vec<_> =
            spinner.states.iter().map(|(line, state)| (line.prefix(), state.clone())).collect();
        let landed = State::Landed("✓ 7 spans, 12.3 kB in 98 ms".into());
        let waiting = State::Waiting("waiting".into());
        assert_eq!(states, [("us-east   ".to_owned(), waiting), ("eu-central".to_owned(), landed)]);
    }
}
