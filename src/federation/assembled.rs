//! A query decided at the gateway: every trace that may match is assembled from all regions, each part
//! through the policy of its region, and the query is evaluated on the whole.
//!
//! Nothing is added to a trace on the way: a query is about what the regions hold. What is withheld is not
//! there to be matched, shown or counted, and no region is asked about it.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt};
use tokio::time::Instant;

use super::by_id::Federation;
use super::fanout::{LONG_WORK_BYTES, Landed, Treatment, ask_several, blank};
use super::listing::{Listing, Wanted, widened};
use super::query::{Answered, Question};
use super::refusal::Refusal;
use super::settings::SearchSettings;
use crate::backend::{Region, TracesCall};
use crate::evaluate::TraceRows;
use crate::evaluate::gather::{Gather, Order};
use crate::model::coverage::{Budget, RegionReport, RegionStatus};
use crate::model::search::Inspected;
use crate::model::{Answer, Mode, TraceId};
use crate::redaction::rows::Candidate;
use crate::redaction::{Marks, Redacted, View};
use crate::task::clock::wall_nanos;
use crate::task::{self, Deadline};
use crate::trace::Joined;
use crate::trace::join::JoinError;
use crate::traceql::value::Failure;

/// Traces that regions are asked for at once: few at first, since a search may need no more, and then more, so
/// that many traces of far regions don't take a way there and back each. What an embedded region sends at once
/// is bounded by it, in bytes; another is asked for each trace on its own, for fewer of them.
const BATCH_FIRST: usize = 32;
const BATCH_MAX: usize = 512;
const BATCH_MAX_OF_FAR: usize = 64;

/// A query that is decided here.
#[derive(Debug)]
pub(super) struct Decision<G> {
    pub(super) gather: G,
    /// Which traces may match; names nothing that is withheld anywhere.
    pub(super) wanted: Wanted,
    /// What is said on the views that are evaluated.
    pub(super) marks: Marks,
    pub(super) mode: Mode,
    pub(super) deadline: Deadline,
    /// Whether an answer that a budget ended is one, as long as it says so. A number that is too low is none.
    pub(super) may_end_early: bool,
}

impl<G> Decision<G> {
    /// A question over the traces that regions list.
    pub(super) fn over<Q>(wanted: Wanted, gather: G, ask: &Question<Q>, marks: Marks) -> Self {
        Self { gather, wanted, marks, mode: ask.mode, deadline: ask.deadline, may_end_early: true }
    }

    /// As [`Self::over`], where everything counts.
    pub(super) fn over_all<Q>(wanted: Wanted, gather: G, ask: &Question<Q>, marks: Marks) -> Self {
        Self { may_end_early: false, ..Self::over(wanted, gather, ask, marks) }
    }
}

/// How far it has come.
struct Progress<G> {
    gather: Redacted<G>,
    inspected: Inspected,
    done: HashSet<TraceId>,
    /// By rank.
    reports: Vec<RegionReport>,
    begun: Instant,
    deadline: Deadline,
    settings: SearchSettings,
    marks: Marks,
    /// By rank: whether the region sent its part of a trace, or that it has none.
    delivered: Vec<bool>,
    /// By rank: whether what the region sends may have renumbered ids.
    renumbers: Vec<bool>,
}

/// The parts of some traces that the region of this rank sent, or why it sent none.
type Parts = (u16, Result<Vec<Landed>, RegionReport>);

/// Why a trace could not be evaluated.
#[derive(Debug, thiserror::Error)]
enum Undecided {
    #[error(transparent)]
    Failure(#[from] Failure),
    #[error(transparent)]
    Join(#[from] JoinError),
}

impl Federation {
    /// A large future, since it carries the compiled query; it lives apart from those who wait for it.
    pub(super) fn decide<G: Gather>(
        self: &Arc<Self>,
        decision: Decision<G>,
    ) -> BoxFuture<'static, Answered<G::Answer>> {
        self.clone().run(decision).boxed()
    }

    async fn run<G: Gather>(self: Arc<Self>, decision: Decision<G>) -> Answered<G::Answer> {
        let Decision { gather, mut wanted, marks, mode, may_end_early, .. } = decision;
        self.leave_out_what_is_too_old(&mut wanted);
        let mut progress = Progress {
            gather: Redacted::<()>::nothing().map(|()| gather),
            inspected: Inspected::default(),
            done: HashSet::new(),
            // Until it is asked, nobody needs it.
            reports: self
                .regions
                .iter()
                .map(|region| blank(region, RegionStatus::NotNeeded, Duration::ZERO))
                .collect(),
            marks,
            begun: Instant::now(),
            deadline: decision.deadline.less(self.settings.reserve),
            settings: self.settings.search.clone(),
            delivered: vec![false; self.regions.len()],
            renumbers: self.regions.iter().map(|region| !region.is_embedded()).collect(),
        };
        let order = wanted.order;
        let mut listing = Listing::new(wanted, &self.settings.search);
        let budget = loop {
            // A region that does not list its traces must leave time for those that did.
            let patience = progress.deadline.at_most(progress.deadline.remaining() / 2);
            let reports = self.list(&mut listing, patience).await?;
            progress.take_reports(reports);
            self.refuse_if_too_little(mode, &progress)?;
            let horizon = listing.horizon();
            let spent = horizon.and_then(|_| self.spent_on(&listing, &progress));
            if order == Order::Id && horizon.is_some() && spent.is_none() {
                continue;
            }
            if order == Order::Newest || spent.is_none() || may_end_early {
                let ended;
                (progress, ended) = self.look_at(listing.candidates(), progress).await?;
                if ended.is_some() {
                    break ended;
                }
            }
            match horizon {
                None => break None,
                Some(horizon) if !progress.gather.wants(horizon) => break None,
                Some(_) if spent.is_some() => break spent,
                Some(_) => {}
            }
        };
        self.refuse_if_too_little(mode, &progress)?;
        let mut coverage = self.covering(mode, progress.told());
        coverage.budget = budget;
        if let Some(budget) = budget.filter(|_| mode == Mode::Strict || !may_end_early) {
            return Err(Refusal::of_budget(budget, progress.done.len(), coverage));
        }
        let inspected = progress.inspected;
        Ok(Answer { value: progress.gather.map(|gather| gather.finish(inspected)), coverage })
    }

    /// Takes the question away from regions that hold nothing that is as new as what is asked about.
    fn leave_out_what_is_too_old(&self, wanted: &mut Wanted) {
        let window = wanted.reach.map(|reach| widened(reach, self.settings.search.longest_trace));
        let reach_back = self.planner().reach_back(window, Duration::from_nanos(wall_nanos()));
        for asked in &mut wanted.queries {
            for (asked, _) in asked.iter_mut().zip(&reach_back).filter(|(_, reaches)| !**reaches) {
                *asked = None;
            }
        }
    }

    /// Whether no further page may be asked for.
    fn spent_on<G>(&self, listing: &Listing, progress: &Progress<G>) -> Option<Budget> {
        if progress.deadline.remaining().is_zero() {
            return Some(Budget::Time);
        }
        let is_full = listing.len() as u64 >= u64::from(self.settings.search.candidates_max);
        (is_full || !listing.can_go_on()).then_some(Budget::Candidates)
    }

    fn refuse_if_too_little<G: Gather>(
        &self,
        mode: Mode,
        progress: &Progress<G>,
    ) -> Result<(), Box<Refusal>> {
        let coverage = self.covering(mode, progress.told());
        Refusal::of_query_coverage(&coverage).map_or(Ok(()), |refusal| Err(Box::new(refusal)))
    }

    /// Assembles and evaluates one trace after the other, until none of the next can matter, or a budget is
    /// spent.
    async fn look_at<G: Gather>(
        &self,
        candidates: Vec<Candidate>,
        mut progress: Progress<G>,
    ) -> Result<(Progress<G>, Option<Budget>), Refusal> {
        let heard: Vec<(u16, &Region)> = (0u16..)
            .zip(&self.regions)
            .zip(progress.told())
            .filter(|(_, report)| !report.status.has_failed())
            .map(|((rank, region), _)| (rank, &**region))
            .collect();
        let most = if progress.renumbers.contains(&true) { BATCH_MAX_OF_FAR } else { BATCH_MAX };
        let new: Vec<Candidate> = candidates.into_iter().filter(|c| !progress.done.contains(&c.id)).collect();
        let mut left = &*new;
        let mut at_once = BATCH_FIRST;
        while left.first().is_some_and(|next| progress.gather.wants(next.start)) {
            if let Some(spent) = progress.spent() {
                return Ok((progress, Some(spent)));
            }
            let batch = left.get(..at_once.min(left.len()).min(progress.traces_left())).unwrap_or_default();
            let parts = self.parts_of(batch, &heard, progress.deadline, progress.marks).await;
            // A region may send fewer at once; the rest is asked for again, from all.
            let sent = parts.iter().filter_map(|(_, landed)| landed.as_ref().ok()).map(Vec::len);
            let count = sent.min().unwrap_or(batch.len());
            progress = progress.evaluate_all(batch.get(..count).unwrap_or_default(), parts).await?;
            left = left.get(count.max(1)..).unwrap_or_default();
            at_once = (at_once * 2).min(most);
        }
        Ok((progress, None))
    }

    /// Every region's parts of these traces, by rank; the report of one that failed.
    async fn parts_of(
        &self,
        batch: &[Candidate],
        regions: &[(u16, &Region)],
        deadline: Deadline,
        marks: Marks,
    ) -> Vec<Parts> {
        let ids: Vec<TraceId> = batch.iter().map(|candidate| candidate.id).collect();
        let Some(id) = ids.first().cloned() else { return Vec::new() };
        let treatment = Treatment { id, plan: self.plan.clone(), redactor: self.redactor.clone(), marks };
        let mut asked: FuturesUnordered<_> = regions
            .iter()
            .map(|(rank, region)| {
                let call = TracesCall { query: ids.clone(), deadline };
                let treatment = &treatment;
                let at_once = self.settings.search.assembly_concurrent_max;
                async move { (*rank, ask_several(region, *rank, call, treatment, at_once).await) }
            })
            .collect();
        let mut parts = Vec::with_capacity(regions.len());
        while let Some(part) = asked.next().await {
            parts.push(part);
        }
        parts.sort_by_key(|(rank, _)| *rank);
        parts
    }
}

impl<G: Gather> Progress<G> {
    fn take_reports(&mut self, reports: Vec<(usize, RegionReport)>) {
        for (rank, report) in reports {
            if let Some(known) = self.reports.get_mut(rank) {
                merge(known, report);
            }
        }
    }

    /// The reports as they are told: who failed for some traces and not for others answered in part.
    fn told(&self) -> Vec<RegionReport> {
        let mut told = self.reports.clone();
        for (report, delivered) in told.iter_mut().zip(&self.delivered) {
            if *delivered && report.status.has_failed() {
                let why = report.detail.take().unwrap_or_else(|| report.status.sentence().to_owned());
                report.detail = Some(format!("of some of the traces: {why}"));
                report.status = RegionStatus::Partial;
            }
        }
        told
    }

    /// What is spent already.
    fn spent(&self) -> Option<Budget> {
        if self.deadline.remaining().is_zero() {
            Some(Budget::Time)
        } else if self.inspected.bytes >= self.settings.bytes_max {
            Some(Budget::Bytes)
        } else {
            (self.traces_left() == 0).then_some(Budget::Traces)
        }
    }

    fn traces_left(&self) -> usize {
        (self.settings.traces_max as usize).saturating_sub(self.done.len())
    }

    /// Evaluates the traces of a batch, in their order.
    async fn evaluate_all(mut self, batch: &[Candidate], parts: Vec<Parts>) -> Result<Self, Refusal> {
        let mut regions = Vec::with_capacity(parts.len());
        for (rank, landed) in parts {
            match landed {
                Ok(landed) => regions.push(landed.into_iter()),
                Err(report) => self.report(rank, report),
            }
        }
        for candidate in batch {
            let landed: Vec<Landed> = regions.iter_mut().filter_map(Iterator::next).collect();
            if !self.gather.wants(candidate.start) {
                break;
            }
            self = self.evaluate(candidate, landed).await?;
        }
        Ok(self)
    }

    fn report(&mut self, rank: u16, part: RegionReport) {
        if let Some(known) = self.reports.get_mut(usize::from(rank)) {
            merge(known, RegionReport { took: self.begun.elapsed(), ..part });
        }
    }

    async fn evaluate(mut self, candidate: &Candidate, landed: Vec<Landed>) -> Result<Self, Refusal> {
        let mut ranks = Vec::with_capacity(landed.len());
        let mut views = Vec::with_capacity(landed.len());
        let mut bytes = 0;
        for part in landed {
            if let Some(view) = part.view {
                if let Some(delivered) = self.delivered.get_mut(usize::from(part.rank)) {
                    *delivered = true;
                }
                bytes += view.bytes();
                ranks.push(part.rank);
                views.push(view);
            }
            self.report(part.rank, part.report);
        }
        let (id, listed) = (candidate.id, candidate.start);
        self.done.insert(id);
        self.inspected.add(Inspected { traces: 1, spans: 0, bytes });
        let views = Redacted::join(views);
        let work = move || {
            let renumbers = &self.renumbers;
            let decided = self
                .gather
                .absorb(views, |gather, views| decide(gather, (id, listed), ranks, views, renumbers));
            decided.map(|spans| {
                self.inspected.add(Inspected { spans, ..Inspected::default() });
                self
            })
        };
        let decided = if bytes >= LONG_WORK_BYTES {
            task::blocking(work).await.map_err(|_| Refusal::lost())?
        } else {
            work()
        };
        decided.map_err(|undecided| match undecided {
            Undecided::Failure(failure) => Refusal::query_failed(failure),
            Undecided::Join(error) => Refusal::unassembled(error),
        })
    }
}

/// Evaluates one whole trace; gives its number of spans.
fn decide<G: Gather>(
    gather: &mut G,
    (id, listed): (TraceId, u64),
    ranks: Vec<u16>,
    views: Vec<View>,
    renumbers: &[bool],
) -> Result<u64, Undecided> {
    let parts = ranks.into_iter().zip(views.into_iter().map(|view| view.chunk)).collect();
    let joined = Joined::as_held(parts, |rank| renumbers.get(usize::from(rank)) == Some(&true))?;
    let rows = TraceRows::of(id, &joined);
    if !rows.rows().is_empty() {
        gather.feed(&rows, listed)?;
    }
    Ok(rows.rows().len() as u64)
}

/// One region's parts add up to its part in the whole; the first that was not whole says why it is not.
pub(super) fn merge(known: &mut RegionReport, part: RegionReport) {
    if known.status == RegionStatus::NotNeeded {
        *known = part;
        return;
    }
    known.bytes = known.bytes.saturating_add(part.bytes);
    known.spans = known.spans.saturating_add(part.spans);
    known.treated = known.treated.saturating_add(part.treated);
    for (class, count) in part.treated_by_class {
        match known.treated_by_class.iter_mut().find(|(known, _)| *known == class) {
            Some((_, sum)) => *sum = sum.saturating_add(count),
            None => known.treated_by_class.push((class, count)),
        }
    }
    known.attempts = known.attempts.max(part.attempts);
    known.took = known.took.max(part.took);
    if known.status.is_whole() && !part.status.is_whole() {
        known.status = part.status;
        known.detail = part.detail;
        known.http_status = part.http_status;
    }
}

#[cfg(test)]
mod chance;
#[cfg(test)]
mod estate;
#[cfg(test)]
mod far;
#[cfg(test)]
mod origin;
#[cfg(test)]
mod pages;
#[cfg(test)]
mod tests;
