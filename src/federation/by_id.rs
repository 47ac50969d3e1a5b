//! One trace from every region: ask, redact, join, account.
//!
//! A lookup yields each region as it lands and, last, the answer. It holds its work, together with all who ask the
//! same at the same time: when the last of them leaves, every question that is still open is cancelled.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures::FutureExt;
use futures::stream::{self, BoxStream, Stream, StreamExt};

use super::assemble::{Assembly, assemble};
use super::fanout::{self, Landed, Treatment, ask_all_knowing};
use super::flights::{Ended, Flights, Seat};
use super::kept::{Before, KeptBodies, Memory};
use super::outlines::Refusing;
use super::pace::Paces;
use super::refusal::Refusal;
use super::settings::FederationSettings;
use super::soon::Soon;
use super::waiting::Listening;
use crate::backend::{Region, TraceCall};
use crate::cache::{HotKey, Locality, RecentMisses, Shape};
use crate::model::coverage::Owing;
use crate::model::{Answer, Asker, Coverage, Errand, Mode, Outcome, RegionReport, TraceQuery, Whole};
use crate::policy::Plan;
use crate::redaction::query::{Denial, SpanFilter};
use crate::redaction::{Marks, Redacted, Redactor, View};
use crate::task::Deadline;
use crate::telemetry::metrics::fast::FastFamilies;
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
    pub(super) misses: RecentMisses,
    pub(super) memory: Memory,
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
    /// Where what is written of it is kept with it.
    pub kept: Option<KeptBodies>,
}

impl Federation {
    pub fn new(regions: Vec<Arc<Region>>, settings: FederationSettings, plan: Arc<Plan>) -> Self {
        Self {
            regions: regions.into(),
            memory: Memory::new(&settings),
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
    pub fn counts_early_by(mut self, numbers: FastFamilies) -> Self {
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
        if let Some(lookup) = self.at_once(&ask) {
            return Ok(lookup);
        }
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
        if let Some(lookup) = self.at_once(&ask) {
            return InProgress::hot(lookup);
        }
        // What a filter may not be asked of is not the whole trace, and nobody else's. Peers are told the filter.
        let is_for_all = self.is_for_all(&ask, &denied);
        let key = self.key(&ask);
        if is_for_all {
            self.was_not_at_once(&ask);
        }
        let begin = |seat: Arc<Seat>| {
            let (federation, ask, key) = (self.clone(), ask.clone(), is_for_all.then(|| key.clone()));
            async move { Arc::new(federation.fly(ask, denied, seat, key).await) }.boxed()
        };
        let flight = if is_for_all {
            let (flight, is_joined) = self.flights.join(key.clone(), ask.deadline, begin);
            if is_joined {
                self.memory.traces.counts().joined();
            }
            flight
        } else {
            Flights::alone(ask.deadline, begin)
        };
        InProgress::waiting(Listening::to(self.clone(), ask, flight, tells_parts))
    }

    /// What a lookup is found by.
    pub(super) fn key(&self, ask: &Ask) -> HotKey {
        HotKey {
            query: ask.query.clone(),
            plan_digest: self.remembered_as(),
            shape: Shape::Trace { adjusts_skew: ask.adjusts_skew },
        }
    }

    pub(super) fn is_for_all(&self, ask: &Ask, denied: &[Option<Denial>]) -> bool {
        denied.iter().all(Option::is_none) && (ask.filter.is_none() || !self.has_peers())
    }

    /// One flight, for everyone who waits for it: no mode decides anything here.
    pub(super) async fn fly(
        self: Arc<Self>,
        ask: Ask,
        denied: Vec<Option<Denial>>,
        seat: Arc<Seat>,
        key: Option<HotKey>,
    ) -> Ended {
        let before = match &key {
            Some(key) => match self.recall(key, &seat).await {
                Ok(ended) => return ended,
                Err(before) => Some(before),
            },
            None => None,
        };
        self.fly_to_regions(ask, denied, seat, key.zip(before)).await
    }

    pub(super) async fn fly_to_regions(
        self: Arc<Self>,
        ask: Ask,
        denied: Vec<Option<Denial>>,
        seat: Arc<Seat>,
        key: Option<(HotKey, Before)>,
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
        let (epoch, known) = (self.memory.traces.epoch(), self.whereabouts(&ask.query));
        let mut left_out = Vec::new();
        let landing = ask_all_knowing(&federation.regions, &call, &treatment, &denied, known.as_ref());
        let mut landing = std::pin::pin!(landing);
        while let Some(part) = landing.next().await {
            // What was not asked as a whole says nothing of how long that takes.
            let Some(known) = &known else {
                self.paces.landed(&part.report);
                seat.land(part);
                continue;
            };
            match federation.regions.get(usize::from(part.rank)) {
                Some(region) if known.leaves_out(region, &ask.query) => left_out.push(part),
                _ => seat.land(part),
            }
        }
        // Whoever was left out is asked after all where the trace is no longer what it was.
        if known.as_ref().is_some_and(|known| known.is_contradicted_by(&seat.parts())) {
            self.doubt(&ask.query);
            let regions = left_out.iter().filter_map(|part| {
                let region = federation.regions.get(usize::from(part.rank))?;
                Some(fanout::ask(region, part.rank, call.clone(), treatment.clone()))
            });
            left_out = futures::future::join_all(regions).await;
        }
        left_out.into_iter().for_each(|part| seat.land(part));
        let landed = seat.parts();
        // What was found out with the help of what was known proves nothing anew, nor does what was forgotten since.
        if known.is_none() && self.memory.traces.epoch() == epoch {
            self.learn(&ask.query, &landed);
        }
        let reports = landed.iter().map(|landed| landed.report.clone()).collect();
        match self.assembled(&ask, Mode::BestEffort, landed).await {
            Ok(answer) => {
                if let Some((key, before)) = key {
                    self.remember(key, &answer, before);
                }
                Ended::Assembled { answer, reports, is_from_memory: false }
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

    /// What a flight brought, for someone of this mode.
    pub(super) fn conclude(&self, ask: &Ask, ended: &Ended) -> Result<Lookup, Box<Refusal>> {
        let (answer, reports, is_from_memory) = match ended {
            Ended::Assembled { answer, reports, is_from_memory } => (answer, reports, *is_from_memory),
            Ended::Not(refusal) => return Err(Box::new(refusal.clone())),
        };
        let lookup = self.settle(ask, answer.clone(), reports)?;
        Ok(Lookup { is_from_memory, ..lookup })
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
        Ok(Lookup { answer, is_from_memory: false, kept: None })
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
    fn hot(lookup: Lookup) -> Self {
        let regions = &lookup.answer.coverage.regions;
        let landed: Vec<Progress> =
            regions.iter().cloned().map(|report| Progress::Landed(report, None)).collect();
        let last = done(Ok(lookup));
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
    Lookup { answer: Answer { value, coverage }, is_from_memory: true, kept: None }
}
