//! One trace from every region: ask, redact, join, account.
//!
//! A lookup yields each region as it lands and, last, the answer. It holds its work, together with all who ask the
//! same at the same time: when the last of them leaves, every question that is still open is cancelled.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use std::time::Duration;

use futures::FutureExt;
use futures::stream::{self, BoxStream, Stream, StreamExt};

use super::assemble::{Assembly, assemble};
use super::fanout::{Landed, Treatment, ask_all_knowing};
use super::flights::{Ended, Flights, Seat};
use super::outlines::Refusing;
use super::pace::Paces;
use super::refusal::Refusal;
use super::settings::FederationSettings;
use super::soon::Soon;
use super::waiting::Listening;
use crate::backend::{Region, TraceCall};
use crate::cache::{HotKey, HotTraces, Locality, RecentMisses};
use crate::model::coverage::Owing;
use crate::model::{Answer, Asker, Coverage, Errand, Mode, Outcome, RegionReport, TraceQuery, Whole};
use crate::policy::Plan;
use crate::redaction::query::{Denial, SpanFilter};
use crate::redaction::{Marks, Redacted, Redactor, View};
use crate::task::Deadline;
use crate::task::clock::wall_nanos;
use crate::telemetry::metrics::fast::FastFamilies;
use crate::trace::Assembled;

/// What an assembled trace takes beside its bytes, for each span: its entry in the index and its place in the order.
const SPAN_INDEX_BYTES: u64 = 96;

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
    pub(super) misses: RecentMisses,
    pub(super) traces: HotTraces<Found>,
    pub(super) flights: Flights,
    pub(super) refusing: Refusing,
    pub(super) paces: Paces,
    pub(super) locality: Locality,
    pub(super) soon: Soon,
    pub(super) numbers: FastFamilies,
    /// On whose behalf peers are asked.
    pub(super) asker: Option<Arc<Asker>>,
    /// What another gateway asks this for.
    pub(super) errand: Option<Arc<Errand>>,
    /// Gateways whose regions are left to that one, and to those before it.
    pub(super) elsewhere: Arc<[String]>,
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
    pub trace: Arc<Redacted<Assembled>>,
    /// Bytes the regions say they read.
    pub inspected_bytes: u64,
    /// The size limit, where the trace is larger.
    pub exceeds: Option<u64>,
}

/// What a lookup tells as it goes.
#[derive(Debug)]
pub enum Progress {
    /// A region has answered, or failed; with what may be seen of its part, where that is told.
    Landed(RegionReport, Option<Box<Redacted<View>>>),
    Done(Box<Result<Lookup, Refusal>>),
}

/// The end of a lookup.
#[derive(Debug, Clone)]
pub struct Lookup {
    pub answer: Answer<Found>,
    /// Whether it is what regions said a moment ago, and none was asked now.
    pub is_from_memory: bool,
}

impl Federation {
    pub fn new(regions: Vec<Arc<Region>>, settings: FederationSettings, plan: Arc<Plan>) -> Self {
        Self {
            regions: regions.into(),
            traces: HotTraces::new(settings.hot.clone()),
            flights: Flights::default(),
            locality: Locality::new(settings.locality.clone()),
            settings: Arc::new(settings),
            plan,
            redactor: Arc::new(Redactor::without_classes()),
            misses: RecentMisses::default(),
            refusing: Refusing::default(),
            paces: Paces::default(),
            soon: Soon::default(),
            numbers: FastFamilies::default(),
            asker: None,
            errand: None,
            elsewhere: Arc::default(),
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

    /// The same, which counts there what it does early.
    #[must_use]
    pub fn counted_by(mut self, numbers: FastFamilies) -> Self {
        self.numbers = numbers;
        self
    }

    /// What goes on behind early answers now.
    pub fn in_the_air(&self) -> usize {
        self.flights.left() + self.soon.left()
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
        self.begin(ask, false)
    }

    /// The same, and each part is told as it lands.
    pub fn growing(self: &Arc<Self>, ask: Ask) -> InProgress {
        self.begin(ask, true)
    }

    fn begin(self: &Arc<Self>, ask: Ask, tells_parts: bool) -> InProgress {
        if ask.may_use_recent_miss
            && let Some(miss) = self.misses.take(&ask.query, &self.remembered_as())
        {
            return InProgress::over(Ok(remembered(miss, ask.mode)));
        }
        let denied = match self.permit_filter(&ask) {
            Ok(denied) => denied,
            Err(refusal) => return InProgress::over(Err(*refusal)),
        };
        let key = HotKey {
            query: ask.query.clone(),
            plan_digest: self.remembered_as(),
            adjusts_skew: ask.adjusts_skew,
        };
        // What a filter may not be asked of is not the whole trace, and nobody else's. Peers are told the filter.
        let is_for_all = denied.iter().all(Option::is_none) && (ask.filter.is_none() || !self.has_peers());
        if is_for_all && let Some(hot) = self.traces.get(&key) {
            return InProgress::hot(hot.into_answer(), ask.mode);
        }
        let begin = |seat: Arc<Seat>| {
            let (federation, ask, key) = (self.clone(), ask.clone(), is_for_all.then(|| key.clone()));
            async move { Arc::new(federation.fly(ask, denied, seat, key).await) }.boxed()
        };
        let flight = if is_for_all {
            self.flights.join(key.clone(), ask.deadline, begin)
        } else {
            Flights::alone(ask.deadline, begin)
        };
        InProgress::waiting(Listening::to(self.clone(), ask, flight, tells_parts))
    }

    /// One flight, for everyone who waits for it: no mode decides anything here.
    async fn fly(
        self: Arc<Self>,
        ask: Ask,
        denied: Vec<Option<Denial>>,
        seat: Arc<Seat>,
        key: Option<HotKey>,
    ) -> Ended {
        let call = TraceCall { query: ask.query.clone(), deadline: ask.deadline.less(self.settings.reserve) };
        let treatment = Treatment {
            id: ask.query.id,
            plan: self.plan.clone(),
            redactor: self.redactor.clone(),
            marks: if self.settings.additions.region { Marks::Every } else { Marks::Bare },
        };
        let federation = match &ask.filter {
            Some(filter) => self.on_errand(Some(Whole::Query(filter.0.clone())), false),
            None => self.clone(),
        };
        let known = self.whereabouts(&ask.query);
        let landing = ask_all_knowing(&federation.regions, &call, &treatment, &denied, known.as_ref());
        let mut landing = std::pin::pin!(landing);
        while let Some(part) = landing.next().await {
            // What was not asked as a whole says nothing of how long that takes.
            if known.is_none() {
                self.paces.landed(&part.report);
            }
            seat.land(part);
        }
        let landed = seat.parts();
        self.learn(&ask.query, &landed);
        let reports = landed.iter().map(|landed| landed.report.clone()).collect();
        match self.assembled(&ask, Mode::BestEffort, landed).await {
            Ok(answer) => {
                self.remember(key, &answer);
                Ended::Assembled { answer, reports }
            }
            Err(refusal) => Ended::Not(refusal),
        }
    }

    pub(super) async fn assembled(
        &self,
        ask: &Ask,
        mode: Mode,
        landed: Vec<Landed>,
    ) -> Result<Answer<Found>, Refusal> {
        // What regions say of themselves may be any number.
        let inspected_bytes =
            landed.iter().fold(0u64, |sum, landed| sum.saturating_add(landed.inspected_bytes));
        let assembly = Assembly {
            id: ask.query.id,
            mode,
            adjusts_skew: ask.adjusts_skew,
            settings: (*self.settings).clone(),
            plan_digest: self.plan.digest().to_owned(),
        };
        let (trace, coverage, exceeds) = assemble(assembly, landed).await?;
        Ok(Answer { value: Found { trace: Arc::new(trace), inspected_bytes, exceeds }, coverage })
    }

    /// For the next who asks: a trace that is there and whole.
    fn remember(&self, key: Option<HotKey>, answer: &Answer<Found>) {
        let trace = &answer.value.trace;
        // What peers may show can change without a word to this gateway. What lies in this process costs nothing to ask
        // again, and spans that arrive here are seen at once.
        let is_near = self.regions.iter().all(|region| region.is_embedded());
        let key = key.filter(|_| self.traces.is_kept() && !is_near && !self.has_peers());
        let (Some(key), false) = (key, trace.is_empty()) else { return };
        let ended_ago = Duration::from_nanos(wall_nanos().saturating_sub(trace.ends_at()));
        // What is withheld of a region's answer is held with it, and what is held twice is shown once.
        let held = trace.joined().held_bytes() as u64;
        let bytes = held + trace.span_count() as u64 * SPAN_INDEX_BYTES;
        if let Ok(whole) = answer.clone().complete() {
            self.traces.remember(key, whole, bytes, ended_ago);
        }
    }

    /// What a flight brought, for someone of this mode.
    pub(super) fn conclude(&self, ask: &Ask, ended: &Ended) -> Result<Lookup, Box<Refusal>> {
        let (answer, reports) = match ended {
            Ended::Assembled { answer, reports } => (answer, reports),
            Ended::Not(refusal) => return Err(Box::new(refusal.clone())),
        };
        self.settle(ask, answer.clone(), reports)
    }

    pub(super) fn settle(
        &self,
        ask: &Ask,
        mut answer: Answer<Found>,
        before: &[RegionReport],
    ) -> Result<Lookup, Box<Refusal>> {
        let of_peers = self.refused_by_peers(ask.mode, before);
        let of_mode = || Refusal::before_assembly(ask.mode, before, self.plan.digest());
        if let Some(refusal) = of_peers.or_else(of_mode) {
            return Err(Box::new(refusal));
        }
        answer.coverage.mode = ask.mode;
        if let Some(refusal) = Refusal::after_assembly(ask.mode, &answer) {
            return Err(Box::new(refusal));
        }
        self.remember_miss(ask, &answer);
        Ok(Lookup { answer, is_from_memory: false })
    }

    /// Only for the question that follows: a lookup that may itself be answered from memory leaves nothing
    /// there, and what was found is missing no more.
    fn remember_miss(&self, ask: &Ask, answer: &Answer<Found>) {
        if !answer.value.trace.is_empty() {
            self.misses.take(&ask.query, &self.remembered_as());
            return;
        }
        if ask.may_use_recent_miss || answer.coverage.outcome() != Outcome::Complete {
            return;
        }
        let miss = Answer { value: (), coverage: answer.coverage.clone() };
        if let Ok(miss) = miss.complete() {
            self.misses.remember(&ask.query, &self.remembered_as(), miss);
        }
    }
}

/// A lookup that goes on.
pub struct InProgress(BoxStream<'static, Progress>);

impl std::fmt::Debug for InProgress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("InProgress(..)")
    }
}

impl InProgress {
    /// It is known already.
    fn over(result: Result<Lookup, Refusal>) -> Self {
        Self(stream::iter([done(result)]).boxed())
    }

    /// A whole trace of a moment ago, told like any other: region by region, then the answer.
    fn hot(mut answer: Answer<Found>, mode: Mode) -> Self {
        answer.coverage.mode = mode;
        let landed: Vec<Progress> =
            answer.coverage.regions.iter().cloned().map(|report| Progress::Landed(report, None)).collect();
        let last = done(Ok(Lookup { answer, is_from_memory: true }));
        Self(stream::iter(landed.into_iter().chain([last])).boxed())
    }

    fn waiting(listening: Listening) -> Self {
        Self(stream::unfold(Some(listening), |listening| async { listening?.next().await }).boxed())
    }
}

impl Stream for InProgress {
    type Item = Progress;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Progress>> {
        self.0.poll_next_unpin(cx)
    }
}

pub(super) fn done(result: Result<Lookup, Refusal>) -> Progress {
    Progress::Done(Box::new(result))
}

/// The answer that a remembered miss stands for: nothing, everywhere.
fn remembered(miss: crate::model::Complete<()>, mode: Mode) -> Lookup {
    let coverage = Coverage { mode, owed: Owing::default(), ..miss.into_answer().coverage };
    let value =
        Found { trace: Arc::new(Redacted::<Assembled>::nothing()), inspected_bytes: 0, exceeds: None };
    Lookup { answer: Answer { value, coverage }, is_from_memory: true }
}
