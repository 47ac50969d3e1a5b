//! An answer as it grows: what is certain already, how far it has come, and in the end the whole.
//!
//! Whoever wants only the whole asks without a listener, and nothing is copied on the way. Does not know who
//! listens or in what form anything is sent. What was told is part of the answer to come: it is told only where
//! nothing that comes can take it back.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use futures::stream::Stream;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::by_id::Federation;
use super::fanout::merge;
use super::query::{Answered, SearchAsk, TagValuesAsk, TagsAsk};
use crate::evaluate::gather::{Gather, Order};
use crate::model::coverage::RegionReport;
use crate::model::search::Inspected;
use crate::model::{Mode, SearchAnswer, TagNames, TagValues};
use crate::redaction::Redacted;

/// States that wait to be taken. The work waits with them, so whoever listens must go on listening.
const STATES_MAX: usize = 4;

/// What is gathered in no order is looked through for news no more often than this: each look is at all of it.
const NEWS_EVERY: Duration = Duration::from_millis(500);

/// One step of an answer.
#[derive(Debug)]
pub enum Growing<A> {
    Grown(Grown<A>),
    Done(Box<Answered<A>>),
}

/// A state before the last.
#[derive(Debug)]
pub struct Grown<A> {
    /// What became certain with it.
    pub settled: Redacted<Option<A>>,
    /// All that was inspected so far.
    pub inspected: Inspected,
}

/// Questions to regions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Questions {
    pub put: u32,
    /// Answered, or failed.
    pub over: u32,
}

/// A question on its way to its answer. Dropping it takes back all that is open.
pub struct Growth<A> {
    work: Option<BoxFuture<'static, Answered<A>>>,
    done: Option<Answered<A>>,
    told: mpsc::Receiver<Grown<A>>,
    count: Count,
}

impl<A> std::fmt::Debug for Growth<A> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Growth").field("count", &self.count).finish_non_exhaustive()
    }
}

impl<A: 'static> Growth<A> {
    /// Of an answer of which nothing is known before its end.
    pub fn of(work: impl Future<Output = Answered<A>> + Send + 'static) -> Self {
        Self { work: Some(work.boxed()), done: None, told: mpsc::channel(1).1, count: Count::default() }
    }

    /// Whoever takes only a whole answer is told nothing of it before it is known to be whole.
    ///
    /// How many questions were put depends on how large the parts of traces are, withheld values and all: where
    /// something is withheld, they are not told.
    fn told<F>(federation: &Federation, mode: Mode, work: impl FnOnce(Teller<A>) -> F) -> Self
    where
        F: Future<Output = Answered<A>> + Send + 'static,
    {
        let (to, told) = mpsc::channel(STATES_MAX);
        let teller = Teller { to: Some(to), tells_parts: mode != Mode::Strict, ..Teller::silent() };
        let count = if federation.withholds() { Count::default() } else { teller.count() };
        Self { work: Some(work(teller).boxed()), done: None, told, count }
    }

    /// Of an answer that somebody in a hurry may take as far as it is certain.
    pub(super) fn followed<F>(work: impl FnOnce(Teller<A>) -> F) -> Self
    where
        F: Future<Output = Answered<A>> + Send + 'static,
    {
        let (to, told) = mpsc::channel(STATES_MAX);
        let count = Count::following();
        let teller = Teller { to: Some(to), tells_parts: true, count: count.clone(), ..Teller::silent() };
        Self { work: Some(work(teller).boxed()), done: None, told, count }
    }

    pub(super) fn counting(&self) -> Count {
        self.count.clone()
    }

    pub fn questions(&self) -> Questions {
        self.count.questions()
    }
}

impl<A> Stream for Growth<A>
where
    Self: Unpin,
{
    type Item = Growing<A>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Growing<A>>> {
        let this = &mut *self;
        if let Some(work) = &mut this.work
            && let Poll::Ready(answered) = work.poll_unpin(cx)
        {
            (this.work, this.done) = (None, Some(answered));
        }
        // What was told before the end is heard before it.
        match this.told.poll_recv(cx) {
            Poll::Ready(Some(grown)) => Poll::Ready(Some(Growing::Grown(grown))),
            _ if this.work.is_some() => Poll::Pending,
            _ => Poll::Ready(this.done.take().map(|answered| Growing::Done(Box::new(answered)))),
        }
    }
}

/// Counts questions as they are put and over, and how each region stands where somebody wants to know.
#[derive(Debug, Clone, Default)]
pub(super) struct Count(Arc<Counted>);

#[derive(Debug, Default)]
struct Counted {
    put: AtomicU32,
    over: AtomicU32,
    standings: Option<Mutex<Standings>>,
}

/// By rank.
pub(super) type Standings = BTreeMap<usize, Standing>;

/// How one region stands while an answer grows.
#[derive(Debug, Clone, Default)]
pub(super) struct Standing {
    /// Questions it has not answered yet.
    pub open: u32,
    /// What became of those that are over; nothing where nobody knows yet whether it is asked.
    pub report: Option<RegionReport>,
}

/// A question that is open for as long as this is held.
#[derive(Debug)]
pub(super) struct Open(Count, usize);

impl Count {
    /// One that is told how each region stands.
    fn following() -> Self {
        Self(Arc::new(Counted { standings: Some(Mutex::default()), ..Counted::default() }))
    }

    /// A question to the region of this rank.
    pub(super) fn put(&self, rank: usize) -> Open {
        self.0.put.fetch_add(1, Ordering::Relaxed);
        self.stand(rank, |standing| standing.open += 1);
        Open(self.clone(), rank)
    }

    /// How all regions stand before any is asked.
    pub(super) fn begin(&self, reports: &[RegionReport]) {
        for (rank, report) in reports.iter().enumerate() {
            self.stand(rank, |standing| standing.report = Some(report.clone()));
        }
    }

    /// What became of a question.
    pub(super) fn landed(&self, rank: usize, report: &RegionReport) {
        self.stand(rank, |standing| match &mut standing.report {
            Some(known) => merge(known, report.clone()),
            None => standing.report = Some(report.clone()),
        });
    }

    pub(super) fn standings(&self) -> Standings {
        let standings = self.0.standings.as_ref();
        standings.map(|all| all.lock().unwrap_or_else(PoisonError::into_inner).clone()).unwrap_or_default()
    }

    fn stand(&self, rank: usize, change: impl FnOnce(&mut Standing)) {
        if let Some(standings) = &self.0.standings {
            let mut standings = standings.lock().unwrap_or_else(PoisonError::into_inner);
            change(standings.entry(rank).or_default());
        }
    }

    fn questions(&self) -> Questions {
        Questions { put: self.0.put.load(Ordering::Relaxed), over: self.0.over.load(Ordering::Relaxed) }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.0.over.fetch_add(1, Ordering::Relaxed);
        self.0.stand(self.1, |standing| standing.open = standing.open.saturating_sub(1));
    }
}

/// Where an answer tells how it grows.
#[derive(Debug)]
pub(super) struct Teller<A> {
    to: Option<mpsc::Sender<Grown<A>>>,
    tells_parts: bool,
    count: Count,
    last: Instant,
}

impl<A> Teller<A> {
    /// Nobody listens.
    pub(super) fn silent() -> Self {
        Self { to: None, tells_parts: false, count: Count::default(), last: Instant::now() }
    }

    pub(super) fn count(&self) -> Count {
        self.count.clone()
    }

    /// Whether anyone would hear what is certain.
    pub(super) fn tells_parts(&self) -> bool {
        self.tells_parts
    }

    pub(super) async fn tell(&mut self, settled: Redacted<Option<A>>, inspected: Inspected) {
        if let Some(to) = &self.to {
            self.last = Instant::now();
            // Where nobody listens any more, the work is about to be dropped.
            let _ = to.send(Grown { settled, inspected }).await;
        }
    }

    /// Tells what a gather is certain of, where nothing to come starts later than `next`.
    pub(super) async fn tell_of<G>(&mut self, gather: &mut Redacted<G>, next: u64, inspected: Inspected)
    where
        G: Gather<Answer = A>,
    {
        if self.to.is_none() || (gather.order() == Order::Id && self.last.elapsed() < NEWS_EVERY) {
            return;
        }
        let tells_parts = self.tells_parts;
        let nothing = Redacted::<()>::nothing();
        let settled =
            gather.absorb(nothing, |gather, ()| tells_parts.then(|| gather.settled(next)).flatten());
        self.tell(Redacted::<()>::nothing().map(|()| settled), inspected).await;
    }
}

impl Federation {
    /// A search as it grows: a row is told once no newer one can come before it.
    pub fn searching(self: &Arc<Self>, ask: SearchAsk) -> Growth<SearchAnswer> {
        let federation = self.clone();
        if ask.mode == Mode::Fast {
            return Growth::of(async move { federation.search_soon(ask).await });
        }
        Growth::told(self, ask.mode, |teller| async move { federation.search_telling(ask, teller).await })
    }

    /// Names as they are told by one region after the other.
    pub fn naming(self: &Arc<Self>, ask: TagsAsk) -> Growth<TagNames> {
        let federation = self.clone();
        if ask.mode == Mode::Fast {
            return Growth::of(async move { federation.tag_names_soon(ask).await });
        }
        Growth::told(self, ask.mode, |teller| async move { federation.tag_names_telling(ask, teller).await })
    }

    /// Values as they are told by one region after the other.
    pub fn valuing(self: &Arc<Self>, ask: TagValuesAsk) -> Growth<TagValues> {
        let federation = self.clone();
        if ask.mode == Mode::Fast {
            return Growth::of(async move { federation.tag_values_soon(ask).await });
        }
        Growth::told(self, ask.mode, |teller| async move { federation.tag_values_telling(ask, teller).await })
    }
}
