//! One trace from every region: ask, redact, join, account.
//!
//! A lookup yields each region as it lands and, last, the answer. It holds all its work: dropping it
//! cancels every question that is still open.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures::stream::{Stream, StreamExt};
use futures::{FutureExt, future::BoxFuture};

use super::assemble::{Assembly, assemble};
use super::fanout::{Landed, Treatment, ask_all};
use super::refusal::Refusal;
use super::settings::FederationSettings;
use crate::backend::{Region, TraceCall};
use crate::cache::RecentMisses;
use crate::model::coverage::Owing;
use crate::model::{Answer, Coverage, Mode, Outcome, RegionReport, TraceQuery};
use crate::policy::Plan;
use crate::redaction::query::SpanFilter;
use crate::redaction::{Marks, Redacted, Redactor};
use crate::task::Deadline;
use crate::trace::Assembled;

/// The estate as one: every declared region, in the order of the configuration.
///
/// What it stands on is shared by all views of it; a view is what one caller may see, by their plan.
#[derive(Debug, Clone)]
pub struct Federation {
    pub(super) regions: Arc<[Arc<Region>]>,
    pub(super) settings: Arc<FederationSettings>,
    pub(super) plan: Arc<Plan>,
    /// Knows the classes of the policies, which all plans have in common.
    pub(super) redactor: Arc<Redactor>,
    misses: RecentMisses,
}

/// One lookup as a caller asks it.
#[derive(Debug, Clone)]
pub struct Ask {
    pub query: TraceQuery,
    pub mode: Mode,
    pub deadline: Deadline,
    /// Rewrite times so that the regions' clocks agree.
    pub adjusts_skew: bool,
    /// Which of its spans are wanted, where not all are. Applied by whoever asks; here it only says what the caller
    /// must be permitted.
    pub filter: Option<SpanFilter>,
    /// Whether a complete miss of a moment ago may answer: Grafana asks again on v1 what v2 did not find.
    pub may_use_recent_miss: bool,
}

/// A trace as found.
#[derive(Debug, Clone)]
pub struct Found {
    pub trace: Redacted<Assembled>,
    /// Bytes the regions say they read.
    pub inspected_bytes: u64,
    /// The size limit, where the trace is larger.
    pub exceeds: Option<u64>,
}

/// What a lookup tells as it goes.
#[derive(Debug)]
pub enum Progress {
    Landed(RegionReport),
    Done(Box<Result<Lookup, Refusal>>),
}

/// The end of a lookup.
#[derive(Debug, Clone)]
pub struct Lookup {
    pub answer: Answer<Found>,
    pub from_recent_miss: bool,
}

impl Federation {
    pub fn new(regions: Vec<Arc<Region>>, settings: FederationSettings, plan: Arc<Plan>) -> Self {
        Self {
            regions: regions.into(),
            settings: Arc::new(settings),
            plan,
            redactor: Arc::new(Redactor::without_classes()),
            misses: RecentMisses::default(),
        }
    }

    /// The same as someone else sees it. What is remembered is told apart by the plan's digest.
    pub fn seen_by(&self, plan: Arc<Plan>) -> Self {
        Self { plan, ..self.clone() }
    }

    /// The same with nothing shown but what is of no class.
    #[must_use]
    pub fn unclassified(&self) -> Self {
        let names = self.regions.iter().map(|region| region.name());
        self.seen_by(Arc::new(self.plan.unclassified(self.redactor.classes(), names)))
    }

    /// The same with what knows the classes of its plan. Without, nothing of a region with classes is seen.
    #[must_use]
    pub fn with_redactor(mut self, redactor: Arc<Redactor>) -> Self {
        self.redactor = redactor;
        self
    }

    pub fn regions(&self) -> &[Arc<Region>] {
        &self.regions
    }

    pub fn settings(&self) -> &FederationSettings {
        &self.settings
    }

    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The answer, without its progress.
    pub async fn trace(self: &Arc<Self>, ask: Ask) -> Result<Lookup, Refusal> {
        let mut progress = self.lookup(ask);
        while let Some(step) = progress.next().await {
            if let Progress::Done(result) = step {
                return *result;
            }
        }
        Err(Refusal::lost())
    }

    /// Begins a lookup.
    pub fn lookup(self: &Arc<Self>, ask: Ask) -> InProgress {
        if ask.may_use_recent_miss
            && let Some(miss) = self.misses.take(&ask.query, self.plan.digest())
        {
            return InProgress { federation: self.clone(), ask, state: State::Remembered(Some(miss)) };
        }
        let call = TraceCall { query: ask.query.clone(), deadline: ask.deadline.less(self.settings.reserve) };
        let treatment = Treatment {
            id: ask.query.id,
            plan: self.plan.clone(),
            redactor: self.redactor.clone(),
            marks: if self.settings.additions.region { Marks::Every } else { Marks::Bare },
        };
        let denied = match self.permit_filter(&ask) {
            Ok(denied) => denied,
            Err(refusal) => {
                let concluding = std::future::ready(Err(*refusal)).boxed();
                return InProgress { federation: self.clone(), ask, state: State::Concluding(concluding) };
            }
        };
        let landing = ask_all(&self.regions, &call, &treatment, &denied).boxed();
        let landed = Vec::with_capacity(self.regions.len());
        InProgress { federation: self.clone(), ask, state: State::Asking { landing, landed } }
    }

    async fn conclude(self: Arc<Self>, ask: Ask, mut landed: Vec<Landed>) -> Result<Lookup, Refusal> {
        landed.sort_by_key(|landed| landed.rank);
        if let Some(refusal) = Refusal::before_assembly(&ask, &landed, self.plan.digest()) {
            return Err(refusal);
        }
        // What regions say of themselves may be any number.
        let inspected_bytes =
            landed.iter().fold(0u64, |sum, landed| sum.saturating_add(landed.inspected_bytes));
        let assembly = Assembly {
            id: ask.query.id,
            mode: ask.mode,
            adjusts_skew: ask.adjusts_skew,
            settings: (*self.settings).clone(),
            plan_digest: self.plan.digest().to_owned(),
        };
        let (trace, coverage, exceeds) = assemble(assembly, landed).await?;
        let answer = Answer { value: Found { trace, inspected_bytes, exceeds }, coverage };
        if let Some(refusal) = Refusal::after_assembly(&ask, &answer) {
            return Err(refusal);
        }
        self.remember_miss(&ask, &answer);
        Ok(Lookup { answer, from_recent_miss: false })
    }

    /// Only for the question that follows: a lookup that may itself be answered from memory leaves nothing
    /// there, and what was found is missing no more.
    fn remember_miss(&self, ask: &Ask, answer: &Answer<Found>) {
        if !answer.value.trace.is_empty() {
            self.misses.take(&ask.query, self.plan.digest());
            return;
        }
        if ask.may_use_recent_miss || answer.coverage.outcome() != Outcome::Complete {
            return;
        }
        let miss = Answer { value: (), coverage: answer.coverage.clone() };
        if let Ok(miss) = miss.complete() {
            self.misses.remember(&ask.query, self.plan.digest(), miss);
        }
    }
}

/// A lookup that goes on.
#[derive(Debug)]
pub struct InProgress {
    federation: Arc<Federation>,
    ask: Ask,
    state: State,
}

enum State {
    Remembered(Option<crate::model::Complete<()>>),
    Asking { landing: Pin<Box<dyn Stream<Item = Landed> + Send>>, landed: Vec<Landed> },
    Concluding(BoxFuture<'static, Result<Lookup, Refusal>>),
    Over,
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Remembered(_) => "Remembered",
            Self::Asking { .. } => "Asking",
            Self::Concluding(_) => "Concluding",
            Self::Over => "Over",
        })
    }
}

impl Stream for InProgress {
    type Item = Progress;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Progress>> {
        loop {
            let this = &mut *self;
            match &mut this.state {
                State::Remembered(miss) => {
                    let miss = miss.take();
                    this.state = State::Over;
                    let Some(miss) = miss else { return Poll::Ready(None) };
                    return Poll::Ready(Some(done(Ok(remembered(miss, this.ask.mode)))));
                }
                State::Asking { landing, landed } => match landing.poll_next_unpin(cx) {
                    Poll::Pending => return Poll::Pending,
                    Poll::Ready(Some(part)) => {
                        let report = part.report.clone();
                        landed.push(part);
                        return Poll::Ready(Some(Progress::Landed(report)));
                    }
                    Poll::Ready(None) => {
                        let landed = std::mem::take(landed);
                        let concluding = this.federation.clone().conclude(this.ask.clone(), landed);
                        this.state = State::Concluding(concluding.boxed());
                    }
                },
                State::Concluding(concluding) => {
                    let Poll::Ready(result) = concluding.poll_unpin(cx) else { return Poll::Pending };
                    this.state = State::Over;
                    return Poll::Ready(Some(done(result)));
                }
                State::Over => return Poll::Ready(None),
            }
        }
    }
}

fn done(result: Result<Lookup, Refusal>) -> Progress {
    Progress::Done(Box::new(result))
}

/// The answer that a remembered miss stands for: nothing, everywhere.
fn remembered(miss: crate::model::Complete<()>, mode: Mode) -> Lookup {
    let coverage = Coverage { mode, owed: Owing::default(), ..miss.into_answer().coverage };
    let value = Found { trace: Redacted::<Assembled>::nothing(), inspected_bytes: 0, exceeds: None };
    Lookup { answer: Answer { value, coverage }, from_recent_miss: true }
}
