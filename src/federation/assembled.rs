//! A query decided at the gateway: every trace that may match is assembled from all regions, each part
//! through the policy of its region, and the query is evaluated on the whole.
//!
//! Nothing is added to a trace on the way: a query is about what the regions hold. What is withheld is not
//! there to be matched, shown or counted, and no region is asked about it.

use std::collections::HashSet;
use std::sync::Arc;

use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt};
use tokio::time::Instant;

use super::by_id::Federation;
use super::candidates::{Listed, Listing};
use super::fanout::{LONG_WORK_BYTES, Landed, Treatment, ask_several};
use super::planned::Planned;
use super::query::{Answered, Question};
use super::refusal::{Refusal, Why};
use crate::backend::{Region, TracesCall};
use crate::evaluate::TraceRows;
use crate::evaluate::gather::{Gather, Order};
use crate::model::coverage::{RegionReport, RegionStatus};
use crate::model::search::Inspected;
use crate::model::{Answer, Mode, TraceId};
use crate::redaction::rows::Candidate;
use crate::redaction::{Marks, Redacted, View};
use crate::task::{self, Deadline};
use crate::trace::Joined;
use crate::trace::join::JoinError;
use crate::traceql::value::Failure;

/// Traces that one query may look at. An index entry of each is held, and rows of them while regions list
/// them: some ten megabytes for each region.
const TRACES_MAX: u32 = 50_000;

/// Traces that are listed first where only the newest are wanted.
const TRACES_FIRST: u32 = 512;

/// Bytes of views that one query may evaluate. They are looked at one trace after the other, so this bounds
/// the work and not the memory: some seconds.
const BYTES_MAX: u64 = 1 << 30;

/// Traces that regions are asked for at once: few at first, since a search may need no more, and then more, so
/// that many traces of far regions don't take a way there and back each. What is sent at once is bounded by
/// the regions, in bytes.
const BATCH_FIRST: usize = 32;
const BATCH_MAX: usize = 512;

/// A query that is decided here.
#[derive(Debug)]
pub(super) struct Decision<G> {
    pub(super) gather: G,
    /// Which traces may match.
    pub(super) planned: Planned,
    /// What is said on the views that are evaluated.
    pub(super) marks: Marks,
    pub(super) mode: Mode,
    pub(super) deadline: Deadline,
}

impl<G> Decision<G> {
    /// A question over the traces that a query lists.
    pub(super) fn over<Q>(planned: Planned, gather: G, ask: &Question<Q>, marks: Marks) -> Self {
        Self { gather, planned, marks, mode: ask.mode, deadline: ask.deadline }
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
    marks: Marks,
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
        let deadline = decision.deadline.less(self.settings.reserve);
        let (order, reach) = (decision.gather.order(), decision.gather.reach());
        let mut limit = if order == Order::Newest { TRACES_FIRST } else { TRACES_MAX };
        let mut progress = Progress {
            gather: Redacted::<()>::nothing().map(|()| decision.gather),
            inspected: Inspected::default(),
            done: HashSet::new(),
            reports: Vec::new(),
            begun: Instant::now(),
            deadline,
            marks: decision.marks,
        };
        loop {
            // A region that does not list its traces must leave time for those that did.
            let listing = Listing {
                planned: decision.planned.clone(),
                reach,
                order,
                limit,
                deadline: deadline.at_most(deadline.remaining() / 2),
            };
            let Listed { candidates, horizon, reports } = self.list(&listing).await?;
            progress.take_reports(reports);
            self.refuse_if_too_little(decision.mode, &progress)?;
            let Some(horizon) = horizon else {
                progress = self.look_at(candidates, progress).await?;
                break;
            };
            if order == Order::Id {
                return Err(too_many_traces());
            }
            let newer = candidates.into_iter().filter(|candidate| candidate.start >= horizon).collect();
            progress = self.look_at(newer, progress).await?;
            match (progress.gather.wants(horizon), limit) {
                (false, _) => break,
                (true, TRACES_MAX) => return Err(too_many_traces()),
                (true, _) => limit = TRACES_MAX,
            }
        }
        self.refuse_if_too_little(decision.mode, &progress)?;
        let coverage = self.covering(decision.mode, progress.reports);
        let inspected = progress.inspected;
        Ok(Answer { value: progress.gather.map(|gather| gather.finish(inspected)), coverage })
    }

    fn refuse_if_too_little<G>(&self, mode: Mode, progress: &Progress<G>) -> Result<(), Box<Refusal>> {
        let coverage = self.covering(mode, progress.reports.clone());
        Refusal::of_query_coverage(&coverage).map_or(Ok(()), |refusal| Err(Box::new(refusal)))
    }

    /// Assembles and evaluates one trace after the other, until none of the next can matter.
    async fn look_at<G: Gather>(
        &self,
        candidates: Vec<Candidate>,
        mut progress: Progress<G>,
    ) -> Result<Progress<G>, Refusal> {
        let heard: Vec<(u16, &Region)> = (0u16..)
            .zip(&self.regions)
            .zip(&progress.reports)
            .filter(|(_, report)| !report.status.has_failed())
            .map(|((rank, region), _)| (rank, &**region))
            .collect();
        let new: Vec<Candidate> = candidates.into_iter().filter(|c| !progress.done.contains(&c.id)).collect();
        let mut left = &*new;
        let mut at_once = BATCH_FIRST;
        while left.first().is_some_and(|next| progress.gather.wants(next.start)) {
            if progress.deadline.remaining().is_zero() {
                return Err(Refusal { why: Why::Late, line: late(progress.done.len()), coverage: None });
            }
            let batch = left.get(..at_once.min(left.len())).unwrap_or_default();
            let parts = self.parts_of(batch, &heard, progress.deadline, progress.marks).await;
            // A region may send fewer at once; the rest is asked for again, from all.
            let sent = parts.iter().filter_map(|(_, landed)| landed.as_ref().ok()).map(Vec::len);
            let count = sent.min().unwrap_or(batch.len());
            progress = progress.evaluate_all(batch.get(..count).unwrap_or_default(), parts).await?;
            left = left.get(count.max(1)..).unwrap_or_default();
            at_once = (at_once * 2).min(BATCH_MAX);
        }
        Ok(progress)
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
        let treatment = Treatment { id, plan: self.plan.clone(), marks };
        let mut asked: FuturesUnordered<_> = regions
            .iter()
            .map(|(rank, region)| {
                let call = TracesCall { query: ids.clone(), deadline };
                let treatment = &treatment;
                async move { (*rank, ask_several(region, *rank, call, treatment).await) }
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
    fn take_reports(&mut self, reports: Vec<RegionReport>) {
        if self.reports.is_empty() {
            self.reports = reports;
            return;
        }
        for (known, report) in self.reports.iter_mut().zip(reports) {
            merge(known, report);
        }
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
            self = self.evaluate(candidate.id, landed).await?;
        }
        Ok(self)
    }

    fn report(&mut self, rank: u16, part: RegionReport) {
        if let Some(known) = self.reports.get_mut(usize::from(rank)) {
            merge(known, RegionReport { took: self.begun.elapsed(), ..part });
        }
    }

    async fn evaluate(mut self, id: TraceId, landed: Vec<Landed>) -> Result<Self, Refusal> {
        let mut ranks = Vec::with_capacity(landed.len());
        let mut views = Vec::with_capacity(landed.len());
        let mut bytes = 0;
        for part in landed {
            if let Some(view) = part.view {
                bytes += view.bytes();
                ranks.push(part.rank);
                views.push(view);
            }
            self.report(part.rank, part.report);
        }
        self.done.insert(id);
        self.inspected.add(Inspected { traces: 1, spans: 0, bytes });
        if self.inspected.bytes > BYTES_MAX {
            return Err(too_much(format!("{BYTES_MAX} bytes of traces")));
        }
        let views = Redacted::join(views);
        let work = move || {
            let decided = self.gather.absorb(views, |gather, views| decide(gather, id, ranks, views));
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
    id: TraceId,
    ranks: Vec<u16>,
    views: Vec<View>,
) -> Result<u64, Undecided> {
    let parts = ranks.into_iter().zip(views.into_iter().map(|view| view.chunk)).collect();
    // Only embedded regions are asked so far, and they renumber no ids.
    let joined = Joined::as_sent(parts)?;
    let rows = TraceRows::of(id, &joined);
    if !rows.rows().is_empty() {
        gather.feed(&rows)?;
    }
    Ok(rows.rows().len() as u64)
}

/// One region's parts add up to its part in the whole; the first that was not whole says why it is not.
fn merge(known: &mut RegionReport, part: RegionReport) {
    known.bytes = known.bytes.saturating_add(part.bytes);
    known.spans = known.spans.saturating_add(part.spans);
    known.treated = known.treated.saturating_add(part.treated);
    known.attempts = known.attempts.max(part.attempts);
    known.took = known.took.max(part.took);
    let is_first_asked = known.status == RegionStatus::NotNeeded;
    if is_first_asked || (known.status.is_whole() && !part.status.is_whole()) {
        known.status = part.status;
        known.detail = part.detail;
        known.http_status = part.http_status;
    }
}

fn too_many_traces() -> Refusal {
    too_much(format!("{TRACES_MAX} traces"))
}

fn too_much(than: String) -> Refusal {
    let line = format!(
        "more than {than} would have to be assembled to answer this: ask about less time, or with conditions \
         that fewer traces meet"
    );
    Refusal { why: Why::TooMuch, line, coverage: None }
}

fn late(done: usize) -> String {
    format!("not answered by the deadline: {done} traces were looked at; ask about less time")
}

#[cfg(test)]
mod chance;
#[cfg(test)]
mod estate;
#[cfg(test)]
mod origin;
#[cfg(test)]
mod tests;
