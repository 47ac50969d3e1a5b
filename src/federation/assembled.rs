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
use super::fanout::{LONG_WORK_BYTES, Landed, Treatment, ask_several, merge};
use super::growing::{Count, Teller};
use super::kept::Known;
use super::listing::{Listed, Listing, Wanted, widened};
use super::query::{Answered, Question};
use super::refusal::Refusal;
use super::settings::SearchSettings;
use crate::backend::{Region, TracesCall};
use crate::evaluate::gather::{Gather, Order, Room};
use crate::evaluate::outline::Outline;
use crate::evaluate::{Patience, TraceRows};
use crate::model::coverage::{Budget, RegionReport, RegionStatus};
use crate::model::search::Inspected;
use crate::model::{Answer, Mode, TraceId, TraceQuery};
use crate::redaction::query::Denial;
use crate::redaction::{Marks, Permitted, Redacted, View};
use crate::task::clock::wall_nanos;
use crate::task::{self, Deadline};
use crate::trace::Joined;
use crate::trace::join::JoinError;
use crate::traceql::value::Failure;

/// Traces that regions are asked for at once: as many as the rows that are missing should need, by what came of
/// those before. What needs all is asked for more and more, so that many traces of far regions don't take a way
/// there and back each. What an embedded region sends at once is bounded by it, in bytes; another is asked for
/// fewer, each on its own or all in outline.
const BATCH_FIRST: usize = 32;
/// The same where someone listens and each is asked for on its own: the first rows are sent after these.
const BATCH_FIRST_OF_STREAM: usize = 8;
const BATCH_MAX: usize = 512;
const BATCH_MIN_OF_FAR: usize = 8;
const BATCH_MAX_OF_FAR: usize = 64;
const BATCH_MAX_IN_OUTLINE: usize = 192;

/// Of a first batch in outline, as many as one question asks for.
const BATCH_FIRST_IN_OUTLINE: usize = 64;

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
    /// What is asked of traces instead of the traces themselves, where that tells enough.
    pub(super) outline: Option<Outline>,
    /// By rank: why a region may not be asked this.
    pub(super) denied: Vec<Option<Denial>>,
}

impl<G> Decision<G> {
    /// A question over the traces that regions list.
    pub(super) fn over<Q>(wanted: Wanted, gather: G, ask: &Question<Permitted<Q>>, marks: Marks) -> Self {
        Self {
            gather,
            wanted,
            marks,
            mode: ask.mode,
            deadline: ask.deadline,
            may_end_early: true,
            outline: None,
            denied: ask.query.denied().to_vec(),
        }
    }

    /// As [`Self::over`], where everything counts.
    pub(super) fn over_all<Q>(wanted: Wanted, gather: G, ask: &Question<Permitted<Q>>, marks: Marks) -> Self {
        Self { may_end_early: false, ..Self::over(wanted, gather, ask, marks) }
    }
}

/// How far it has come.
struct Progress<G: Gather> {
    gather: Redacted<G>,
    teller: Teller<G::Answer>,
    inspected: Inspected,
    done: HashSet<TraceId>,
    /// By rank.
    reports: Vec<RegionReport>,
    begun: Instant,
    deadline: Deadline,
    /// What came by the deadline is decided until then.
    latest: Deadline,
    settings: SearchSettings,
    marks: Marks,
    /// Which traces are looked at may depend on what is not shown, so that nothing is said of how much was.
    is_quiet: bool,
    /// By rank: whether the region sent its part of a trace, or that it has none.
    delivered: Vec<bool>,
    /// By rank: whether what the region sends may have renumbered ids.
    renumbers: Vec<bool>,
    outline: Option<Outline>,
    /// Traces to look at for each row, as was thought before any were.
    per_row: usize,
    /// The time was over within a trace.
    is_cut: bool,
    /// Learns where the traces are that are looked at.
    federation: Arc<Federation>,
}

/// The parts of some traces that the region of this rank sent, or why it sent none.
pub(super) type Parts = (u16, Result<Vec<Landed>, RegionReport>);

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
        teller: Teller<G::Answer>,
    ) -> BoxFuture<'static, Answered<G::Answer>> {
        self.clone().run(decision, teller).boxed()
    }

    async fn run<G: Gather>(
        self: Arc<Self>,
        decision: Decision<G>,
        teller: Teller<G::Answer>,
    ) -> Answered<G::Answer> {
        let Decision { gather, mut wanted, marks, mode, may_end_early, outline, deadline, denied } = decision;
        self.leave_out_what_is_too_old(&mut wanted);
        leave_out_who_may_not_be_asked(&mut wanted, &denied);
        let is_quiet = self.plan.is_by_content();
        let mut progress = Progress {
            gather: Redacted::<()>::nothing().map(|()| gather),
            teller,
            inspected: Inspected::default(),
            done: HashSet::new(),
            reports: self.unasked(&denied),
            is_quiet,
            marks,
            begun: Instant::now(),
            deadline: deadline.less(self.settings.reserve),
            latest: deadline.less(self.settings.reserve / 2),
            settings: self.settings.search.clone(),
            delivered: vec![false; self.regions.len()],
            renumbers: self.regions.iter().map(|region| region.renumbers()).collect(),
            outline,
            per_row: wanted.per_row as usize,
            is_cut: false,
            federation: self.clone(),
        };
        progress.teller.count().begin(&progress.reports);
        let order = wanted.order;
        let mut listing = Listing::new(wanted, &self.settings.search);
        let budget = loop {
            // A region that does not list its traces must leave time for those that did.
            let patience = progress.deadline.at_most(progress.deadline.remaining() / 2);
            let reports = self.list(&mut listing, patience, &progress.teller.count()).await?;
            progress.take_reports(reports);
            self.refuse_if_too_little(mode, &progress)?;
            let horizon = listing.horizon();
            let spent = horizon.and_then(|_| self.spent_on(&listing, &progress));
            if order == Order::Id && horizon.is_some() && spent.is_none() {
                continue;
            }
            if order == Order::Newest || spent.is_none() || may_end_early {
                let ended;
                (progress, ended) = self.look_at(listing.candidates(), horizon, progress).await?;
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
            let looked_at = (!is_quiet).then_some(progress.done.len());
            return Err(Refusal::of_budget(budget, looked_at, coverage));
        }
        let inspected = if is_quiet { Inspected::default() } else { progress.inspected };
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
    fn spent_on<G: Gather>(&self, listing: &Listing, progress: &Progress<G>) -> Option<Budget> {
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
        candidates: Vec<Listed>,
        horizon: Option<u64>,
        mut progress: Progress<G>,
    ) -> Result<(Progress<G>, Option<Budget>), Refusal> {
        let heard: Vec<(u16, &Region)> = (0u16..)
            .zip(self.regions.iter())
            .zip(progress.told())
            .filter(|(_, report)| !report.status.has_failed())
            .map(|((rank, region), _)| (rank, &**region))
            .collect();
        let new: Vec<Listed> = candidates.into_iter().filter(|c| !progress.done.contains(&c.id)).collect();
        let mut left = &*new;
        let mut before = 0;
        while left.first().is_some_and(|next| progress.gather.wants(next.start)) {
            if let Some(spent) = progress.spent() {
                return Ok((progress, Some(spent)));
            }
            before = progress.at_once(before);
            if progress.teller.tells_parts() && progress.outline.is_none() && progress.done.is_empty() {
                before = before.min(BATCH_FIRST_OF_STREAM);
            }
            let batch = left.get(..before.min(left.len()).min(progress.traces_left())).unwrap_or_default();
            let (count, spent);
            (progress, count, spent) = self.look_at_some(batch, &heard, progress).await?;
            if spent.is_some() {
                return Ok((progress, spent));
            }
            left = left.get(count.max(1)..).unwrap_or_default();
            // Where nothing is left to come, the answer itself follows.
            if let Some(next) = left.first().map(|next| next.start).or(horizon) {
                progress.tell(next).await;
            }
        }
        Ok((progress, None))
    }

    /// In outline what can be told so, and the rest as it is; gives how many were looked at, or what ended it.
    async fn look_at_some<G: Gather>(
        &self,
        batch: &[Listed],
        heard: &[(u16, &Region)],
        mut progress: Progress<G>,
    ) -> Result<(Progress<G>, usize, Option<Budget>), Refusal> {
        let (mut count, mut rest) = (batch.len(), batch.to_vec());
        let questions = progress.teller.count();
        let is_outlined = progress.outline.is_some();
        if let Some(outline) = progress.outline.take()
            && let Some(told) = self.told(&outline, batch, heard, progress.deadline, &questions).await
        {
            count = told.count;
            rest.truncate(count);
            rest.retain(|listed| !told.traces.contains(listed));
            progress = progress.evaluate_all(&told.traces, (Vec::new(), told.parts), &[]).await?;
            progress.outline = Some(outline);
        } else if is_outlined {
            count = count.min(BATCH_MAX_OF_FAR);
            rest.truncate(count);
        }
        let mut left = &*rest;
        while left.first().is_some_and(|next| progress.gather.wants(next.start)) {
            if let Some(spent) = progress.spent() {
                return Ok((progress, count, Some(spent)));
            }
            let until = (progress.deadline, progress.marks);
            let epoch = self.memory.traces.epoch();
            let mut known = self.recalled(left, heard, progress.marks);
            let unknown: Vec<Listed> = left
                .iter()
                .zip(&known)
                .filter(|(_, known)| known.is_none())
                .map(|(listed, _)| *listed)
                .collect();
            let parts = self.parts_of(&unknown, heard, until, &questions).await;
            // A region may send fewer at once; the rest is asked for again, from all.
            let sent = parts.iter().filter_map(|(_, landed)| landed.as_ref().ok()).map(Vec::len);
            let sent = sent.min().unwrap_or(unknown.len()).min(unknown.len());
            let came = unknown.get(..sent).unwrap_or_default();
            self.keep_parts(came, &parts, heard, (progress.marks, epoch));
            // As far as there is something of each, in their order.
            let first_left = unknown.get(sent).and_then(|next| left.iter().position(|l| l.id == next.id));
            let some = first_left.unwrap_or(left.len());
            known.truncate(some);
            let renumbers: Vec<bool> = self.regions.iter().map(|region| region.renumbers()).collect();
            let looked_at = left.get(..some).unwrap_or_default();
            progress = progress.evaluate_all(looked_at, (known, parts), &renumbers).await?;
            left = left.get(some.max(1)..).unwrap_or_default();
        }
        let spent = progress.is_cut.then_some(Budget::Time);
        Ok((progress, count, spent))
    }

    /// Every region's parts of these traces, by rank; the report of one that failed.
    async fn parts_of(
        &self,
        batch: &[Listed],
        regions: &[(u16, &Region)],
        (deadline, marks): (Deadline, Marks),
        count: &Count,
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
                let open = count.put(usize::from(*rank));
                async move {
                    let landed = ask_several(region, *rank, call, treatment, at_once).await;
                    drop(open);
                    (*rank, landed)
                }
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
        if self.is_quiet {
            for report in &mut told {
                (report.bytes, report.spans, report.treated) = (0, 0, 0);
            }
        }
        told
    }

    /// Tells whoever listens what is certain, where nothing to come starts later than `next`.
    async fn tell(&mut self, next: u64) {
        let Self { gather, teller, inspected, is_quiet, .. } = self;
        let inspected = if *is_quiet { Inspected::default() } else { *inspected };
        teller.tell_of(gather, next, inspected).await;
    }

    /// What is spent already.
    fn spent(&self) -> Option<Budget> {
        if self.is_cut || self.deadline.remaining().is_zero() {
            Some(Budget::Time)
        } else if self.inspected.bytes >= self.settings.bytes_max {
            Some(Budget::Bytes)
        } else {
            (self.traces_left() == 0).then_some(Budget::Traces)
        }
    }

    /// How many traces to ask for next, after so many. One more batch costs a way there and back, and so does
    /// none of what is asked for beyond what is needed.
    fn at_once(&self, before: usize) -> usize {
        let is_far = self.renumbers.contains(&true);
        let (least, most) = match &self.outline {
            Some(_) if self.done.is_empty() => (BATCH_MIN_OF_FAR, BATCH_FIRST_IN_OUTLINE),
            Some(_) => (BATCH_MIN_OF_FAR, BATCH_MAX_IN_OUTLINE),
            None if is_far => (BATCH_MIN_OF_FAR, BATCH_MAX_OF_FAR),
            None => (BATCH_FIRST, BATCH_MAX),
        };
        let Some(Room { taken, left }) = self.gather.room() else {
            return if before == 0 { BATCH_FIRST } else { (before * 2).min(most) };
        };
        // In outline many traces take no longer than few.
        if before == 0 && self.outline.is_none() && self.teller.tells_parts() {
            return BATCH_FIRST_OF_STREAM;
        }
        let needed = match self.done.len() {
            0 => left.saturating_mul(self.per_row),
            looked_at => left.saturating_mul(looked_at) / taken.max(1),
        };
        // What was seen of few says little of the next, where not all are rows.
        let is_guessed = self.per_row > 1 && !self.done.is_empty();
        let more = if is_guessed { needed / 3 } else { needed / 8 };
        needed.saturating_add(more).saturating_add(2).clamp(least, most)
    }

    fn traces_left(&self) -> usize {
        (self.settings.traces_max as usize).saturating_sub(self.done.len())
    }

    /// Evaluates the traces of a batch, in their order: what is known of them before, and else what regions sent of
    /// those of which nothing is.
    async fn evaluate_all(
        mut self,
        batch: &[Listed],
        (known, parts): (Known, Vec<Parts>),
        renumbers: &[bool],
    ) -> Result<Self, Refusal> {
        let mut regions = Vec::with_capacity(parts.len());
        for (rank, landed) in parts {
            match landed {
                Ok(landed) => regions.push(landed.into_iter()),
                Err(report) => self.report(rank, report),
            }
        }
        let mut known = known.into_iter();
        for candidate in batch {
            let recalled = known.next().flatten();
            let is_recalled = recalled.is_some();
            let landed: Vec<Landed> = match recalled {
                Some(known) => known.to_vec(),
                None => regions.iter_mut().filter_map(Iterator::next).collect(),
            };
            if self.is_cut || !self.gather.wants(candidate.start) {
                break;
            }
            // What came in outline is not all there is, and what was remembered proves nothing anew.
            if !renumbers.is_empty() && !is_recalled {
                self.federation.learn(&TraceQuery::of(candidate.id), &landed);
            }
            self = self.evaluate(candidate, landed, renumbers.to_vec()).await?;
        }
        Ok(self)
    }

    fn report(&mut self, rank: u16, part: RegionReport) {
        self.teller.count().landed(usize::from(rank), &part);
        if let Some(known) = self.reports.get_mut(usize::from(rank)) {
            merge(known, RegionReport { took: self.begun.elapsed(), ..part });
        }
    }

    async fn evaluate(
        mut self,
        candidate: &Listed,
        landed: Vec<Landed>,
        renumbers: Vec<bool>,
    ) -> Result<Self, Refusal> {
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
        let latest = self.latest;
        let patience = Patience::until(move || latest.remaining().is_zero());
        let work = move || {
            let trace = Deciding { id, listed, ranks, renumbers: &renumbers, patience };
            match self.gather.absorb(views, |gather, views| decide(gather, trace, views)) {
                Ok(spans) => self.inspected.add(Inspected { spans, ..Inspected::default() }),
                Err(Undecided::Failure(Failure::Stopped)) => self.is_cut = true,
                Err(undecided) => return Err(undecided),
            }
            Ok(self)
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

/// Takes the question away from regions that may not be asked it.
fn leave_out_who_may_not_be_asked(wanted: &mut Wanted, denied: &[Option<Denial>]) {
    for asked in &mut wanted.queries {
        for (asked, _) in asked.iter_mut().zip(denied).filter(|(_, denial)| denial.is_some()) {
            *asked = None;
        }
    }
}

/// A trace that is to be decided.
struct Deciding<'a> {
    id: TraceId,
    listed: u64,
    ranks: Vec<u16>,
    renumbers: &'a [bool],
    patience: Patience,
}

/// Evaluates one whole trace; gives its number of spans.
fn decide<G: Gather>(gather: &mut G, trace: Deciding<'_>, views: Vec<View>) -> Result<u64, Undecided> {
    let Deciding { id, listed, ranks, renumbers, patience } = trace;
    let parts = ranks.into_iter().zip(views.into_iter().map(|view| view.chunk)).collect();
    let joined = Joined::as_held(parts, |rank| renumbers.get(usize::from(rank)) == Some(&true))?;
    let rows = TraceRows::of(id, &joined).with_patience(patience);
    if !rows.rows().is_empty() {
        gather.feed(&rows, listed)?;
    }
    Ok(rows.rows().len() as u64)
}

#[cfg(test)]
mod chance;
#[cfg(test)]
mod counted;
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
