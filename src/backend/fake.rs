//! A backend for the tests of the layers: answers by script and counts what it was asked.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::FutureExt;
use futures::future::{BoxFuture, pending};
use tokio::time::sleep;

use super::{Backend, Fault, RegionAnswer, RegionInfo, RegionTrace, SearchCall, TraceCall};
use crate::model::search::SearchAsked;
use crate::model::{RegionStatus, SearchAnswer, SearchQuery, TraceId, TraceQuery};
use crate::task::Deadline;

/// What becomes of one question or one probe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    Answer,
    Fail(RegionStatus),
    /// The query itself fails.
    QueryFails,
    /// It is overloaded, and wants to be left alone for so many seconds.
    Rests(u64),
    /// A failure for which the region did no work.
    Break,
    Never,
}

/// Each outcome comes after `takes`. The last entry of a script goes on for ever.
#[derive(Debug)]
pub(super) struct Fake {
    script: Mutex<Vec<Turn>>,
    probes: Mutex<Turn>,
    takes: Mutex<Duration>,
    pub asked: AtomicUsize,
    pub probed: AtomicUsize,
    now: AtomicUsize,
    pub at_once_max: AtomicUsize,
}

impl Fake {
    pub(super) fn new(script: &[Turn]) -> Arc<Self> {
        Arc::new(Self {
            script: Mutex::new(script.to_vec()),
            probes: Mutex::new(Turn::Answer),
            takes: Mutex::new(Duration::from_millis(1)),
            asked: AtomicUsize::new(0),
            probed: AtomicUsize::new(0),
            now: AtomicUsize::new(0),
            at_once_max: AtomicUsize::new(0),
        })
    }

    pub(super) fn script(&self, script: &[Turn]) {
        *self.script.lock().unwrap() = script.to_vec();
    }

    pub(super) fn probes(&self, turn: Turn) {
        *self.probes.lock().unwrap() = turn;
    }

    pub(super) fn takes(&self, takes: Duration) {
        *self.takes.lock().unwrap() = takes;
    }

    pub(super) fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    pub(super) fn probed(&self) -> usize {
        self.probed.load(Ordering::SeqCst)
    }

    /// Questions that are being worked on.
    pub(super) fn under_way(&self) -> usize {
        self.now.load(Ordering::SeqCst)
    }

    fn next(&self) -> Turn {
        let mut script = self.script.lock().unwrap();
        if script.len() > 1 { script.remove(0) } else { script[0] }
    }

    /// One question, of whatever kind.
    async fn take_turn(&self) -> Result<(), Fault> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let turn = self.next();
        let at_once = self.now.fetch_add(1, Ordering::SeqCst) + 1;
        let _under_way = UnderWay(&self.now);
        self.at_once_max.fetch_max(at_once, Ordering::SeqCst);
        self.play(turn).await
    }

    async fn play(&self, turn: Turn) -> Result<(), Fault> {
        let takes = *self.takes.lock().unwrap();
        sleep(takes).await;
        match turn {
            Turn::Answer => Ok(()),
            Turn::QueryFails => Err(super::fault::of_query("integer divide by zero")),
            Turn::Fail(status) => Err(Fault::new(status, "as the script says")),
            Turn::Rests(seconds) => Err(Fault {
                retry_after: Some(Duration::from_secs(seconds)),
                ..Fault::new(RegionStatus::Overloaded, "as the script says")
            }),
            Turn::Break => Err(super::fault::broke_before_answer()),
            Turn::Never => pending().await,
        }
    }
}

/// Counts a question as under way, also when it is dropped.
struct UnderWay<'a>(&'a AtomicUsize);

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Backend for Fake {
    fn trace_by_id(&self, _: TraceCall) -> BoxFuture<'_, Result<RegionTrace, Fault>> {
        async { self.take_turn().await.map(|()| RegionTrace::none()) }.boxed()
    }

    fn answers_queries(&self) -> bool {
        true
    }

    fn search(&self, _: SearchCall) -> BoxFuture<'_, Result<RegionAnswer<SearchAnswer>, Fault>> {
        async { self.take_turn().await.map(|()| RegionAnswer::whole(SearchAnswer::default())) }.boxed()
    }

    fn probe(&self, _: Deadline) -> BoxFuture<'_, Result<RegionInfo, Fault>> {
        self.probed.fetch_add(1, Ordering::SeqCst);
        let turn = *self.probes.lock().unwrap();
        async move {
            let info = RegionInfo { version: Some("2.8.0".to_owned()) };
            self.play(turn).await.map(|()| info)
        }
        .boxed()
    }
}

pub(super) fn call_within(allowed: Duration) -> TraceCall {
    let query = TraceQuery::of(TraceId::parse("abc").unwrap());
    TraceCall { query, deadline: Deadline::starting_now(allowed) }
}

pub(super) fn search_within(allowed: Duration) -> SearchCall {
    let asked = SearchAsked::Query("{ }".to_owned());
    let query = SearchQuery { asked, limit: 20, spans_per_set: 3, window: None, page: None };
    SearchCall { query, deadline: Deadline::starting_now(allowed) }
}
