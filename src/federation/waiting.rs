//! Someone who waits for a flight: what they are told as it goes, and when an early answer is given.
//!
//! An early answer stands after a fixed wait. Where what is missing is about to come, by how long its region takes of
//! late, it waits a little longer, and never beyond a second bound.

use std::sync::Arc;
use std::time::Duration;

use futures::future::{BoxFuture, Shared};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use super::by_id::{Ask, Federation, Lookup, Progress, done};
use super::fanout::{Landed, blank};
use super::flights::{Ended, Flight};
use super::pace::Of;
use super::refusal::Refusal;
use crate::backend::Region;
use crate::model::coverage::{RegionReport, RegionStatus};
use crate::model::{Mode, RegionName};
use crate::task::Group;
use crate::telemetry::metrics::fast::Waited;

/// Where nothing is known of how long a region takes: most of what an early answer did not wait for is there then.
pub(super) const LOOK_AGAIN: Duration = Duration::from_secs(1);

pub(super) struct Listening {
    federation: Arc<Federation>,
    ask: Ask,
    flight: Arc<Flight>,
    work: Shared<BoxFuture<'static, Arc<Ended>>>,
    changes: watch::Receiver<usize>,
    /// Parts that were told of.
    told: usize,
    /// Whether they are told with what may be seen of them.
    tells_parts: bool,
    /// Whoever takes what is told at their own pace does not hold the regions up: the work goes on beside them, and
    /// dies with this.
    driven: Option<Group>,
    ended: Option<Arc<Ended>>,
    /// Parts that had landed when it was decided to wait longer than an early answer has to.
    waits_since: Option<usize>,
}

impl Listening {
    pub fn to(federation: Arc<Federation>, ask: Ask, flight: Arc<Flight>, tells_parts: bool) -> Self {
        Self {
            work: flight.work.clone(),
            changes: flight.seat.changes(),
            told: 0,
            // Whoever takes only the whole is shown nothing before it is known to be whole.
            tells_parts: tells_parts && ask.mode != Mode::Strict,
            driven: tells_parts.then(Group::new),
            ended: None,
            waits_since: None,
            federation,
            ask,
            flight,
        }
    }

    /// The next thing to tell, and whoever listens for more.
    pub async fn next(mut self) -> Option<(Progress, Option<Self>)> {
        if let Some(group) = self.driven.as_ref().filter(|group| group.is_empty() && self.ended.is_none()) {
            let work = self.work.clone();
            group.spawn(async move { drop(work.await) });
        }
        loop {
            if let Some(step) = self.landed() {
                return Some((step, Some(self)));
            }
            if let Some(ended) = self.ended.take() {
                self.count_wait(true);
                return Some((
                    done(self.federation.conclude(&self.ask, &ended).map_err(Refusal::from)),
                    None,
                ));
            }
            let early_at = self.early_at();
            tokio::select! {
                biased;
                ended = &mut self.work => self.ended = Some(ended),
                // Cannot fail: the flight holds its end.
                _ = self.changes.changed() => {}
                () = sleep_until(early_at.unwrap_or_else(Instant::now)), if early_at.is_some() => {
                    if !self.waits_longer() {
                        self.count_wait(false);
                        return Some((done(self.early().await), None));
                    }
                }
            }
        }
    }

    /// The next part that has landed and was not told of.
    fn landed(&mut self) -> Option<Progress> {
        let seat = &self.flight.seat;
        let (report, view) = match self.tells_parts {
            true => seat.part_after(self.told).map(|part| (part.report, part.view))?,
            false => (seat.report_after(self.told)?, None),
        };
        self.told += 1;
        Some(Progress::Landed(report, view.map(Box::new)))
    }

    /// When an early answer is given, if one was asked for.
    fn early_at(&self) -> Option<Instant> {
        let fast_at = self.fast_at()?;
        Some(if Instant::now() < fast_at { fast_at } else { self.imminent().unwrap_or(fast_at) })
    }

    /// Its own begin: who joins late waits no less for the rest.
    fn begun(&self) -> Instant {
        let deadline = self.ask.deadline.instant();
        deadline.checked_sub(self.federation.settings.deadline).unwrap_or(deadline)
    }

    fn fast_at(&self) -> Option<Instant> {
        (self.ask.mode == Mode::Fast).then(|| self.begun() + self.federation.settings.fast)
    }

    /// When the last of those is likely there that come soon enough to be waited for; always still to come.
    fn imminent(&self) -> Option<Instant> {
        let settings = &self.federation.settings;
        let age = self.flight.seat.age();
        let now = Instant::now();
        let left = (self.begun() + settings.fast_max.max(settings.fast)).saturating_duration_since(now);
        let paces = &self.federation.paces;
        let expected = |name| paces.imminent(&Of::Trace(name), age, age + left);
        let at =
            self.pending().into_iter().filter_map(|(_, region)| expected(region.name().clone())).max()?;
        Some(now + at.saturating_sub(age))
    }

    /// Whether there is something to wait for beyond the time of an early answer.
    fn waits_longer(&mut self) -> bool {
        let is_imminent = self.imminent().is_some();
        if is_imminent && self.waits_since.is_none() {
            self.waits_since = Some(self.flight.seat.count());
        }
        is_imminent
    }

    fn count_wait(&self, is_whole: bool) {
        let Some(before) = self.waits_since else { return };
        let waited = match (is_whole, self.flight.seat.count() > before) {
            (true, _) => Waited::Whole,
            (false, true) => Waited::More,
            (false, false) => Waited::Nothing,
        };
        self.federation.numbers.waited(waited);
    }

    /// Who has not landed yet, by rank.
    fn pending(&self) -> Vec<(u16, &Region)> {
        let landed = self.flight.seat.ranks();
        let regions = (0u16..).zip(self.federation.regions.iter().map(|region| &**region));
        regions.filter(|(rank, _)| !landed.contains(rank)).collect()
    }

    /// What is there before all have answered, and who is still waited for.
    async fn early(&self) -> Result<Lookup, Refusal> {
        let Self { federation, ask, flight, .. } = self;
        let mut parts = flight.seat.parts();
        let waited = flight.seat.age();
        // Before anything else takes time: the regions go on answering meanwhile.
        let goes_on = federation.flights.leave(flight, &federation.numbers);
        federation.numbers.early();
        let landed: Vec<u16> = parts.iter().map(|part| part.rank).collect();
        let regions = federation.regions.iter().zip(0u16..);
        for (region, rank) in regions.filter(|(_, rank)| !landed.contains(rank)) {
            let report = RegionReport {
                again: Some(self.again(region.name(), goes_on.then_some(waited))),
                detail: (!goes_on)
                    .then(|| "nothing goes on behind this answer: too much is waited for already".to_owned()),
                ..blank(region, RegionStatus::Pending, waited)
            };
            parts.push(Landed { rank, view: None, report, inspected_bytes: 0 });
        }
        parts.sort_by_key(|part| part.rank);
        let reports: Vec<RegionReport> = parts.iter().map(|part| part.report.clone()).collect();
        let answer = federation.assembled(ask, ask.mode, parts).await?;
        Ok(federation.settle(ask, answer, &reports)?)
    }

    /// When it is worth looking for this region again: by what is asked already, or by a question yet to be put. By
    /// its deadline a flight has ended, whatever became of it.
    fn again(&self, name: &RegionName, age: Option<Duration>) -> Duration {
        let left = self.federation.paces.left(&Of::Trace(name.clone()), age.unwrap_or_default());
        let left = left.unwrap_or(LOOK_AGAIN);
        if age.is_some() { left.min(self.flight.remaining()) } else { left }
    }
}
