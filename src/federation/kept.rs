//! What is remembered of whole traces, and what is made of it: a lookup that costs nothing, and a candidate of a search
//! that no region is asked for again.
//!
//! Kept is only what every region answered in full, under the plan of whoever asked. Nothing of what a peer had a part
//! in is: it decides by its own policies and puts on its own record who saw what, and an answer from here would show its
//! spans again without either. Nothing is kept where every region is embedded: these cost nothing to ask, and what
//! arrives there is seen at once.

use std::sync::Arc;
use std::time::Duration;

use super::assembled::Parts;
use super::by_id::{Ask, Federation, Found, Lookup};
use super::fanout::Landed;
use super::flights::{Ended, Seat};
use super::listing::Listed;
use super::settings::FederationSettings;
use crate::backend::Region;
use crate::cache::shared::{KeptTrace, Stamp};
use crate::cache::{
    Epoch, Form, Hit, HotKey, HotTraces, PrewarmBudget, Shape, Shared, Size, Sketch, Written,
};
use crate::model::{Answer, Mode, Outcome, RegionReport, TraceId, TraceQuery};
use crate::redaction::Marks;
use crate::task::Group;
use crate::task::clock::wall_nanos;
use crate::telemetry::metrics::CacheFamilies;
use crate::telemetry::metrics::cache::{Cause, Kept as Looked, Level};

/// What a trace takes beside its bytes, for each span: its entry in the index and its place in the order.
const SPAN_INDEX_BYTES: u64 = 96;

/// Of some traces what is known of each, if anything is.
pub(super) type Known = Vec<Option<Arc<[Landed]>>>;

/// One thing that is kept.
#[derive(Debug, Clone)]
pub(super) enum Kept {
    Trace(Found),
    /// Every region's, by rank, as a query looks at them.
    Parts(Arc<[Landed]>),
}

/// All that is remembered, and what is done to have it there in time. Clones are one.
#[derive(Debug, Clone)]
pub(super) struct Memory {
    pub(super) traces: HotTraces<Kept>,
    pub(super) shared: Option<Shared>,
    pub(super) asks: Arc<Sketch>,
    pub(super) budget: Arc<PrewarmBudget>,
    pub(super) ahead: Group,
    /// Hears what other gateways had forgotten.
    heeding: Group,
}

/// What was so before regions were asked: only if it still is, what they say is kept.
#[derive(Debug, Clone, Copy)]
pub(super) struct Before {
    epoch: Epoch,
    stamp: Option<Stamp>,
}

/// Bodies that are kept with a trace.
#[derive(Debug, Clone)]
pub struct KeptBodies(Hit<Kept>);

impl KeptBodies {
    pub fn body(&self, form: Form) -> Option<&Written> {
        let body = self.0.body(form);
        self.0.counts().looked(Level::Memory, Looked::Body, body.is_some());
        body
    }

    pub fn keep_body(&self, form: Form, written: Written) {
        self.0.keep_body(form, written);
    }
}

impl Memory {
    pub fn new(settings: &FederationSettings) -> Self {
        Self {
            traces: HotTraces::new(settings.hot.clone(), CacheFamilies::default()),
            shared: None,
            asks: Arc::default(),
            budget: Arc::new(PrewarmBudget::new(settings.prewarm.clone())),
            ahead: Group::new(),
            heeding: Group::new(),
        }
    }
}

impl Federation {
    /// The same, counted there. What was remembered before is not.
    #[must_use]
    pub fn counted_by(mut self, counts: CacheFamilies) -> Self {
        self.memory.traces = HotTraces::new(self.settings.hot.clone(), counts);
        self
    }

    /// The same with a memory behind the first. What others have forgotten there is forgotten in the first, too, so this
    /// comes after whoever counts it.
    #[must_use]
    pub fn with_shared(mut self, shared: Option<Shared>) -> Self {
        self.memory.heeding = Group::new();
        if let Some(shared) = &shared {
            let remembered = self.remembered();
            shared.heed(&self.memory.heeding, move |heard| {
                let heard = heard.clone();
                remembered.forget_where(move |id| heard.is_of(id));
            });
        }
        self.memory.shared = shared;
        self
    }

    pub fn shared(&self) -> Option<&Shared> {
        self.memory.shared.as_ref()
    }

    /// Entries and bytes that are remembered, about.
    pub fn remembers(&self) -> (u64, u64) {
        self.memory.traces.held()
    }

    /// Whether anything is kept of what these regions say.
    pub(super) fn keeps(&self) -> bool {
        let is_near = self.regions.iter().all(|region| region.is_embedded());
        self.memory.traces.is_kept() && !is_near && !self.has_peers()
    }

    /// A whole trace of a moment ago.
    pub(super) fn at_once(self: &Arc<Self>, ask: &Ask) -> Option<Lookup> {
        if !self.memory.traces.is_kept() || self.has_peers() {
            return None;
        }
        let denied = self.permit_filter(ask).ok()?;
        if !self.is_for_all(ask, &denied) {
            return None;
        }
        let key = self.key(ask);
        let hit = self.memory.traces.get(&key)?;
        let Kept::Trace(found) = &hit.value().answer().value else { return None };
        let mut coverage = hit.value().answer().coverage.clone();
        coverage.mode = ask.mode;
        let answer = Answer { value: found.clone(), coverage };
        let counts = self.memory.traces.counts();
        counts.looked(Level::Memory, Looked::Trace, true);
        let asks = self.memory.asks.count(&ask.query.id);
        let popular_min = self.memory.budget.settings().popular_min;
        if popular_min > 0 && asks >= popular_min && hit.is_to_be_renewed() {
            self.renew(ask, key);
        }
        Some(Lookup { answer, is_from_memory: true, kept: Some(KeptBodies(hit)) })
    }

    /// Counts a lookup for which regions are asked.
    pub(super) fn was_not_at_once(&self, ask: &Ask) {
        if self.keeps() {
            self.memory.asks.count(&ask.query.id);
            self.memory.traces.counts().looked(Level::Memory, Looked::Trace, false);
        }
    }

    /// What lies in the memory behind the first; if nothing does, what must still be so for an answer to be kept.
    pub(super) async fn recall(&self, key: &HotKey, seat: &Seat) -> Result<Ended, Before> {
        let mut before = Before { epoch: self.memory.traces.epoch(), stamp: None };
        let Some(shared) = self.memory.shared.as_ref().filter(|_| self.shares()) else { return Err(before) };
        let recalled = shared.get(key).await;
        before.stamp = recalled.stamp;
        let Some((whole, left)) = recalled.found else { return Err(before) };
        let Answer { value: KeptTrace { trace, inspected_bytes }, coverage } = whole.into_answer();
        // Other regions than these would be another configuration, which has other keys.
        if !self.is_of_these(&coverage.regions) || coverage.outcome() != Outcome::Complete {
            return Err(before);
        }
        let reports = coverage.regions.clone();
        for (report, rank) in reports.iter().cloned().zip(0u16..) {
            seat.land(Landed { rank, view: None, report, inspected_bytes: 0 });
        }
        let answer = Answer { value: Found { trace, inspected_bytes, exceeds: None }, coverage };
        self.remember_for(key.clone(), &answer, left, before.epoch);
        Ok(Ended::Assembled { answer, reports, is_from_memory: true })
    }

    /// The same where regions are asked all the same.
    pub(super) async fn before(&self, key: &HotKey) -> Before {
        let epoch = self.memory.traces.epoch();
        let stamp = match self.memory.shared.as_ref().filter(|_| self.shares()) {
            Some(shared) => shared.get(key).await.stamp,
            None => None,
        };
        Before { epoch, stamp }
    }

    fn is_of_these(&self, reports: &[RegionReport]) -> bool {
        reports.len() == self.regions.len()
            && reports.iter().zip(self.regions.iter()).all(|(report, region)| report.region == *region.name())
    }

    /// Whether other gateways may be shown what is answered here. What an embedded region holds is this process's
    /// alone, and what is seen under a grant is seen by whoever shows it.
    fn shares(&self) -> bool {
        let has_embedded = self.regions.iter().any(|region| region.is_embedded());
        self.keeps() && !has_embedded && self.plan.expires().is_none()
    }

    /// For the next who asks: a trace that is there and whole.
    pub(super) fn remember(&self, key: HotKey, answer: &Answer<Found>, before: Before) {
        let trace = &answer.value.trace;
        if !self.keeps() || trace.is_empty() {
            return;
        }
        let settings = self.memory.traces.settings();
        let ended_ago = Duration::from_nanos(wall_nanos().saturating_sub(trace.ends_at()));
        let kept_for = settings.kept_for(ended_ago);
        let is_whole = self.remember_for(key.clone(), answer, kept_for, before.epoch);
        // What may still grow is gone before another gateway asks.
        let Some((shared, stamp)) = self.memory.shared.as_ref().zip(before.stamp) else { return };
        if !is_whole || !settings.is_old(ended_ago) || !self.shares() {
            return;
        }
        let Found { trace, inspected_bytes, .. } = answer.value.clone();
        let kept = Answer { value: KeptTrace { trace, inspected_bytes }, coverage: answer.coverage.clone() };
        if let Ok(whole) = kept.complete() {
            shared.put(&key, stamp, whole, kept_for);
        }
    }

    /// Whether it is whole.
    fn remember_for(&self, key: HotKey, answer: &Answer<Found>, kept_for: Duration, epoch: Epoch) -> bool {
        let trace = &answer.value.trace;
        // What is withheld of a region's answer is held with it, and what is held twice is shown once.
        let held = trace.joined().held_bytes() as u64;
        let size = Size {
            held: held + trace.span_count() as u64 * SPAN_INDEX_BYTES,
            shown: trace.protobuf_len() as u64,
        };
        let Answer { value, coverage } = answer.clone();
        let whole = Answer { value: Kept::Trace(value), coverage }.complete();
        match whole {
            Ok(whole) => self.memory.traces.remember(key, whole, size, kept_for, epoch),
            Err(_) => self.memory.traces.counts().refused(Cause::Partial),
        }
        answer.coverage.outcome() == Outcome::Complete
    }

    /// Of candidates of a query, what regions said of each a while ago. Only of traces that grow no more: who asks what
    /// is there now must not be told what was.
    pub(super) fn recalled(&self, listed: &[Listed], heard: &[(u16, &Region)], marks: Marks) -> Known {
        if !self.keeps_parts(heard) {
            return vec![None; listed.len()];
        }
        let counts = self.memory.traces.counts();
        let known = listed.iter().map(|listed| {
            let hit = self.memory.traces.get(&self.key_of_parts(listed.id, marks));
            counts.looked(Level::Memory, Looked::Candidate, hit.is_some());
            match &hit?.value().answer().value {
                Kept::Parts(parts) => Some(parts.clone()),
                Kept::Trace(_) => None,
            }
        });
        known.collect()
    }

    /// For the next query that looks at these traces: the parts that all regions sent of them in full.
    pub(super) fn keep_parts(
        &self,
        listed: &[Listed],
        parts: &[Parts],
        heard: &[(u16, &Region)],
        (marks, epoch): (Marks, Epoch),
    ) {
        if !self.keeps_parts(heard) || parts.len() != self.regions.len() {
            return;
        }
        for (nth, listed) in listed.iter().enumerate() {
            let of_one = parts.iter().map(|(_, landed)| landed.as_ref().ok()?.get(nth).cloned());
            let Some(of_one) = of_one.collect::<Option<Vec<Landed>>>() else { return };
            self.keep_parts_of(listed.id, of_one, marks, epoch);
        }
    }

    fn keep_parts_of(&self, id: TraceId, parts: Vec<Landed>, marks: Marks, epoch: Epoch) {
        let views = || parts.iter().filter_map(|part| part.view.as_ref());
        let ends =
            views().flat_map(|view| view.chunk.spans.iter().map(|span| span.end.max(span.start))).max();
        let ended_ago = Duration::from_nanos(wall_nanos().saturating_sub(ends.unwrap_or(u64::MAX)));
        let settings = self.memory.traces.settings();
        if !settings.is_old(ended_ago) || views().count() != parts.len() {
            return;
        }
        let held: u64 = views()
            .map(|view| {
                view.chunk.buffer.held_bytes() as u64 + view.chunk.spans.len() as u64 * SPAN_INDEX_BYTES
            })
            .sum();
        let size = Size { held, shown: views().map(|view| view.bytes()).sum() };
        let coverage =
            self.covering(Mode::BestEffort, parts.iter().map(|part| part.report.clone()).collect());
        if let Ok(whole) = (Answer { value: Kept::Parts(parts.into()), coverage }).complete() {
            let kept_for = settings.kept_for(ended_ago);
            self.memory.traces.remember(self.key_of_parts(id, marks), whole, size, kept_for, epoch);
        }
    }

    /// Parts are whole only if every region is asked for them, and those of peers depend on the question.
    fn keeps_parts(&self, heard: &[(u16, &Region)]) -> bool {
        heard.len() == self.regions.len() && self.keeps()
    }

    fn key_of_parts(&self, id: TraceId, marks: Marks) -> HotKey {
        let shape = Shape::Parts { names_origin: marks == Marks::Origin };
        HotKey { query: TraceQuery::of(id), plan_digest: self.remembered_as(), shape }
    }
}
