//! When what is written and asked, and what a run comes to.
//!
//! A round is written when it is over, asked for after the settling time, and asked for again while something is
//! missing, until patience ends. Rounds overlap; each has its own time.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::VultureError;
use super::ask::{Asking, question};
use super::judge::{Check, Verdict, judge};
use super::send::Sender;
use crate::cli::output;
use crate::demo::{Planted, Planting};
use crate::model::RegionName;
use crate::task::clock;
use crate::telemetry::VultureMetrics;

/// Rounds that are waited for at one time. The oldest goes first where a gateway is slower than the pace, and is
/// judged by what is known of it then.
const PENDING_MAX: usize = 1_000;

/// From one question that was not answered well to the next.
const AGAIN: Duration = Duration::from_secs(3);

#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    pub settle: Duration,
    pub patience: Duration,
    /// How long new traces are written; nothing is for ever.
    pub lasting: Option<Duration>,
    pub written_since: Option<Duration>,
}

/// The worst that was found, the least first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Worst {
    Good,
    /// Late, or missing and said to be so.
    Told,
    /// Something could not be written or asked.
    Unasked,
    /// Missing without a word, wrong or leaked.
    Untrue,
}

impl Worst {
    pub fn code(self) -> u8 {
        match self {
            Self::Good => 0,
            Self::Untrue => 1,
            Self::Unasked => 2,
            Self::Told => 3,
        }
    }

    fn of(verdict: &Verdict) -> Self {
        match verdict {
            Verdict::Good | Verdict::NotOffered(_) => Self::Good,
            Verdict::Late(_) | Verdict::Partial(_) => Self::Told,
            Verdict::Refused(_) | Verdict::Unreachable(_) => Self::Unasked,
            Verdict::Missing(_) | Verdict::Wrong(_) | Verdict::Leaked(_) => Self::Untrue,
        }
    }
}

#[derive(Debug)]
pub(super) struct Vulture {
    planting: Planting,
    pace: Pace,
    asking: Asking,
    sender: Sender,
    metrics: VultureMetrics,
    worst: Worst,
    pending: VecDeque<Pending>,
    rounds: u64,
    checks: u64,
    /// What the gateway says it does not answer; said once.
    not_offered: Vec<Check>,
}

/// A question that is not decided, and what came of it so far.
#[derive(Debug)]
struct Open {
    check: Check,
    earlier: Option<Verdict>,
}

#[derive(Debug)]
struct Pending {
    planted: Planted,
    checks: Vec<Open>,
    /// Nothing where an earlier run wrote it.
    sent: Option<Instant>,
    next: Instant,
    until: Instant,
    worst: Worst,
}

impl Vulture {
    pub fn new(
        planting: Planting,
        pace: Pace,
        asking: Asking,
        sender: Sender,
        metrics: VultureMetrics,
    ) -> Self {
        metrics.expects(&Check::ALL.map(Check::as_str), &Verdict::WORDS);
        Self {
            planting,
            pace,
            asking,
            sender,
            metrics,
            worst: Worst::Good,
            pending: VecDeque::new(),
            rounds: 0,
            checks: 0,
            not_offered: Vec::new(),
        }
    }

    /// Until all that was to be written is decided, or until it is told to end: then at once, whatever it is doing.
    pub async fn run(mut self) -> Result<Worst, VultureError> {
        let told = crate::app::until_told()?;
        let is_told = tokio::select! {
            done = self.watch() => done.map(|()| false)?,
            () = told => true,
        };
        if is_told && self.rounds == 0 {
            // Nothing was found because nothing was looked at.
            self.worst = self.worst.max(Worst::Unasked);
        }
        say(&self.summary(is_told))?;
        Ok(self.worst)
    }

    async fn watch(&mut self) -> Result<(), VultureError> {
        let begun = Instant::now();
        let mut next = begun;
        let mut is_writing = true;
        loop {
            if is_writing && Instant::now() >= next {
                self.write().await?;
                next += self.planting.every;
                // A round that was slept over is not made up for.
                next = next.max(Instant::now());
                is_writing = self.pace.lasting.is_none_or(|lasting| next < begun + lasting);
            }
            self.ask_those_due().await?;
            let asked = self.pending.iter().map(|pending| pending.next).min();
            let Some(wake) = asked.into_iter().chain(is_writing.then_some(next)).min() else { return Ok(()) };
            sleep_until(wake).await;
        }
    }

    fn summary(&self, is_told: bool) -> String {
        let (rounds, checks) = (self.rounds, self.checks);
        let worst = match self.worst {
            Worst::Good => "all as it was written",
            Worst::Told => "something was late, or missing and said to be so",
            Worst::Unasked => "something could not be written or asked",
            Worst::Untrue => "something was missing without a word, wrong or leaked",
        };
        let mut line = format!("{rounds} rounds, {checks} checks: {worst}");
        if !self.not_offered.is_empty() {
            let names: Vec<&str> = self.not_offered.iter().map(|check| check.as_str()).collect();
            line.push_str(&format!(
                "; not checked, since the gateway does not answer it: {}",
                names.join(", ")
            ));
        }
        if is_told {
            line.push_str("; told to end before the rest was decided");
        }
        line
    }

    /// Writes the round that is just over, and picks an old one to be asked for besides.
    async fn write(&mut self) -> Result<(), VultureError> {
        let now = Duration::from_nanos(clock::wall_nanos());
        let round = self.planting.round_before(now);
        let planted = self.planting.trace(round);
        let mut failed: Vec<(RegionName, String)> = Vec::new();
        for (region, export) in self.planting.exports(&planted) {
            let sent = self.sender.send(&region, export).await;
            self.metrics.wrote(region.as_str(), sent.is_ok());
            failed.extend(sent.err().map(|why| (region, why)));
        }
        for (region, why) in &failed {
            say(&format!("{} {}: not written to {region}: {why}", planted.round, planted.trace))?;
        }
        if failed.is_empty() {
            self.wait_for(planted, Some(Instant::now()));
        } else {
            // What was not written cannot be looked for.
            self.worst = self.worst.max(Worst::Unasked);
            self.rounds += 1;
            self.metrics.ended(None);
        }
        if let Some(old) = self.old(round) {
            self.wait_for(old, None);
        }
        Ok(())
    }

    /// One of the rounds that an earlier run has written, another each time.
    fn old(&self, round: u64) -> Option<Planted> {
        let rounds = self.pace.written_since?.as_secs() / self.planting.every.as_secs().max(1);
        // Spread by a step that shares no factor with small numbers.
        let back = round.wrapping_mul(7_919).checked_rem(rounds)?;
        Some(self.planting.trace(round.saturating_sub(1 + back)))
    }

    fn wait_for(&mut self, planted: Planted, sent: Option<Instant>) {
        let now = Instant::now();
        let next = if sent.is_some() { now + self.pace.settle } else { now };
        let asked = |check: &Check| question(*check, &self.planting, &planted).is_some();
        let open = |check: Check| Open { check, earlier: None };
        let checks: Vec<Open> = Check::ALL.into_iter().filter(asked).map(open).collect();
        if self.pending.len() >= PENDING_MAX {
            self.pending.pop_front();
            self.worst = self.worst.max(Worst::Unasked);
        }
        self.pending.push_back(Pending {
            planted,
            checks,
            sent,
            next,
            until: next + self.pace.patience,
            worst: Worst::Good,
        });
    }

    async fn ask_those_due(&mut self) -> Result<(), VultureError> {
        for _ in 0..self.pending.len() {
            let Some(mut pending) = self.pending.pop_front() else { break };
            if pending.next <= Instant::now() {
                self.ask(&mut pending).await?;
            }
            if pending.checks.is_empty() {
                self.end(&pending);
            } else {
                self.pending.push_back(pending);
            }
        }
        Ok(())
    }

    /// Puts what is still open of one round.
    async fn ask(&mut self, pending: &mut Pending) -> Result<(), VultureError> {
        let is_last = Instant::now() + AGAIN > pending.until;
        let mut still = Vec::new();
        for Open { check, earlier } in std::mem::take(&mut pending.checks) {
            let Some((path, parameters)) = question(check, &self.planting, &pending.planted) else {
                continue;
            };
            let verdict = match self.asking.ask(&path, &parameters).await {
                Ok(reply) => judge(check, &reply, &pending.planted, &self.planting.regions),
                Err(why) => Verdict::Unreachable(why),
            };
            if verdict.is_final() || is_last {
                self.decided(pending, check, &verdict.after(earlier))?;
            } else {
                still.push(Open { check, earlier: Some(verdict.or_worse(earlier)) });
            }
        }
        pending.checks = still;
        pending.next = Instant::now() + AGAIN;
        Ok(())
    }

    fn decided(
        &mut self,
        pending: &mut Pending,
        check: Check,
        verdict: &Verdict,
    ) -> Result<(), VultureError> {
        self.metrics.checked(check.as_str(), verdict.as_str());
        if let Verdict::NotOffered(why) = verdict {
            return self.not_offered(check, why);
        }
        self.checks += 1;
        let worst = Worst::of(verdict);
        (pending.worst, self.worst) = (pending.worst.max(worst), self.worst.max(worst));
        let is_seen = check == Check::Trace && matches!(verdict, Verdict::Good | Verdict::Late(_));
        if let Some(sent) = pending.sent.filter(|_| is_seen) {
            self.metrics.saw(sent.elapsed());
        }
        if worst == Worst::Good {
            return Ok(());
        }
        let (round, trace) = (pending.planted.round, pending.planted.trace);
        let why = if verdict.why().is_empty() { String::new() } else { format!(": {}", verdict.why()) };
        say(&format!("{round} {trace}: {} {}{why}", check.as_str(), verdict.as_str()))
    }

    /// Says once what goes unchecked here: a silence would be taken for a good answer.
    fn not_offered(&mut self, check: Check, why: &str) -> Result<(), VultureError> {
        if self.not_offered.contains(&check) {
            return Ok(());
        }
        self.not_offered.push(check);
        say(&format!("{} is not checked: the gateway answers 501: {why}", check.as_str()))
    }

    fn end(&mut self, pending: &Pending) {
        self.rounds += 1;
        let now = clock::wall_nanos() / 1_000_000_000;
        self.metrics.ended((pending.worst == Worst::Good).then_some(now));
    }
}

/// One line for whoever watches.
fn say(line: &str) -> Result<(), VultureError> {
    output::print(|out| writeln!(out, "{}", crate::cli::text::clean(line)))?;
    Ok(())
}
