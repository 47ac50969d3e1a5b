//! One declared region as the federation asks it: a backend and the layers around it, built once.
//!
//! The order of the layers is the whole of this page; each layer knows only its own concern.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep_until};
use tower::limit::GlobalConcurrencyLimitLayer;
use tower::retry::RetryLayer;
use tower::util::BoxCloneSyncService;
use tower::{ServiceBuilder, ServiceExt, service_fn};

use super::asked::spanned;
use super::breaker::{Breaker, BreakerLayer, CircuitState, PAUSE_MIN};
use super::call::{
    Answering, Call, MetricsCall, RegionAnswer, RegionTrace, Reply, SearchCall, TagValuesCall,
};
use super::call::{TagsCall, TraceCall, TracesCall};
use super::deadline::{DeadlineLayer, within};
use super::peer::PeerBackend;
use super::retry::RetryOnce;
use super::settings::{KindSettings, LayerSettings, RegionSettings};
use super::tempo::TempoBackend;
use super::{Backend, BuildError, Fault, RegionInfo};
use crate::model::{
    Asker, Jurisdiction, MetricsAnswer, MetricsQuery, RegionName, SearchAnswer, SearchQuery, TagNames,
    TagValues, TagValuesQuery, TagsQuery, TraceId, TraceQuery,
};
use crate::task::Deadline;

/// What a probe waits for an answer, or longer where a question may take longer: a region that is only slow
/// must not be closed off by a probe that had less time than questions have. Nor may a probe have as little
/// as they may: it makes the connection that questions find open, which over a distance is three round trips.
const PROBE_DEADLINE_MIN: Duration = Duration::from_secs(5);

/// The wait between probes varies by this share of it, so that gateways that started together do not
/// probe together.
const PROBE_JITTER: f64 = 0.1;

/// The layers around one kind of question.
type Stack<Q, A> = BoxCloneSyncService<Call<Q>, A, Fault>;

/// One stack for each kind of question. They share what counts for the region as a whole: its circuit, its
/// places, its budget of second attempts.
#[derive(Debug)]
struct Stacks {
    trace: Stack<TraceQuery, RegionTrace>,
    traces: Stack<Vec<TraceId>, Vec<RegionTrace>>,
    search: Stack<SearchQuery, RegionAnswer<SearchAnswer>>,
    tag_names: Stack<TagsQuery, RegionAnswer<TagNames>>,
    tag_values: Stack<TagValuesQuery, RegionAnswer<TagValues>>,
    metrics: Stack<MetricsQuery, RegionAnswer<MetricsAnswer>>,
}

/// One declared region. Shared in an `Arc` by everyone who asks it.
#[derive(Debug)]
pub struct Region {
    name: RegionName,
    jurisdiction: Jurisdiction,
    backend: Arc<dyn Backend>,
    stacks: Stacks,
    shared: Shared,
    breaker: Arc<Breaker>,
    layers: LayerSettings,
    /// What the last probe that was answered told.
    info: Arc<Mutex<RegionInfo>>,
    is_raw_egress: bool,
}

impl Region {
    pub fn new(
        name: RegionName,
        jurisdiction: Jurisdiction,
        backend: Arc<dyn Backend>,
        layers: LayerSettings,
    ) -> Self {
        let breaker = Breaker::new(layers.breaker.clone());
        let shared = Shared::of(backend.clone(), breaker.clone(), &layers);
        Self {
            name,
            jurisdiction,
            backend,
            stacks: shared.stacks(),
            shared,
            breaker,
            layers,
            info: Arc::default(),
            is_raw_egress: false,
        }
    }

    /// A region over the network.
    pub fn build(settings: &RegionSettings) -> Result<Self, BuildError> {
        let body_bytes_max = settings.layers.body_bytes_max;
        let backend: Arc<dyn Backend> = match &settings.kind {
            KindSettings::Tempo(tempo) => Arc::new(TempoBackend::new(tempo, body_bytes_max)?),
            KindSettings::Tutti(peer) => Arc::new(PeerBackend::new(peer, body_bytes_max)?),
            KindSettings::Memory(_) => return Err(BuildError::Embedded),
        };
        let (name, jurisdiction) = (settings.name.clone(), settings.jurisdiction.clone());
        let region = Self::new(name, jurisdiction, backend, settings.layers.clone());
        Ok(if settings.is_raw_egress { region.with_raw_egress() } else { region })
    }

    /// Somebody allowed that its raw spans cross a border, and every answer says so.
    #[must_use]
    pub fn with_raw_egress(self) -> Self {
        Self { is_raw_egress: true, ..self }
    }

    pub fn is_raw_egress(&self) -> bool {
        self.is_raw_egress
    }

    /// The same region as it is asked for somebody, with the layers it has; nothing where that makes no difference.
    pub fn on_behalf_of(&self, asker: &Arc<Asker>) -> Option<Arc<Self>> {
        let backend = self.backend.on_behalf_of(asker)?;
        let shared = Shared { backend: backend.clone(), ..self.shared.clone() };
        Some(Arc::new(Self {
            name: self.name.clone(),
            jurisdiction: self.jurisdiction.clone(),
            backend,
            stacks: shared.stacks(),
            shared,
            breaker: self.breaker.clone(),
            layers: self.layers.clone(),
            info: self.info.clone(),
            is_raw_egress: self.is_raw_egress,
        }))
    }

    pub fn name(&self) -> &RegionName {
        &self.name
    }

    pub fn jurisdiction(&self) -> &Jurisdiction {
        &self.jurisdiction
    }

    /// Every span the region holds of one trace, by the earlier of its own and the call's deadline.
    pub async fn trace_by_id(&self, call: TraceCall) -> Result<RegionTrace, Fault> {
        spanned(&self.name, "trace_by_id", self.stacks.trace.clone().oneshot(call)).await
    }

    /// Whether it answers searches, tags and metrics at all.
    pub fn answers_queries(&self) -> bool {
        self.backend.answers_queries()
    }

    /// Whether it lies in this process.
    pub fn is_embedded(&self) -> bool {
        self.backend.is_embedded()
    }

    /// Whether it is a gateway like this one.
    pub fn is_peer(&self) -> bool {
        self.backend.is_peer()
    }

    /// The name of the gateway that is asked, where it is one.
    pub fn gateway(&self) -> Option<&str> {
        self.backend.gateway()
    }

    /// Whether ids of spans may be others than those that were sent.
    pub fn renumbers(&self) -> bool {
        self.backend.renumbers()
    }

    /// Every span of each of the first of these traces.
    pub async fn traces(&self, call: TracesCall) -> Result<Vec<RegionTrace>, Fault> {
        spanned(&self.name, "traces", self.stacks.traces.clone().oneshot(call)).await
    }

    pub async fn search(&self, call: SearchCall) -> Result<RegionAnswer<SearchAnswer>, Fault> {
        spanned(&self.name, "search", self.stacks.search.clone().oneshot(call)).await
    }

    pub async fn tag_names(&self, call: TagsCall) -> Result<RegionAnswer<TagNames>, Fault> {
        spanned(&self.name, "tag_names", self.stacks.tag_names.clone().oneshot(call)).await
    }

    pub async fn tag_values(&self, call: TagValuesCall) -> Result<RegionAnswer<TagValues>, Fault> {
        spanned(&self.name, "tag_values", self.stacks.tag_values.clone().oneshot(call)).await
    }

    pub async fn metrics(&self, call: MetricsCall) -> Result<RegionAnswer<MetricsAnswer>, Fault> {
        spanned(&self.name, "metrics", self.stacks.metrics.clone().oneshot(call)).await
    }

    /// What the last probe that was answered told.
    pub fn info(&self) -> RegionInfo {
        self.info.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub fn circuit(&self) -> CircuitState {
        self.breaker.state()
    }

    /// How many questions it works on, and how many it is let have at one time.
    pub fn places(&self) -> (usize, usize) {
        let max = self.shared.deadline.concurrent_max;
        (max.saturating_sub(self.shared.places.available_permits()), max)
    }

    /// Probes the region, now and again and again, until dropped. This makes the connections that
    /// questions then find open, and it is what an open circuit waits for: a region whose `watch` does
    /// not run stays closed off once its circuit has opened.
    pub async fn watch(&self) {
        loop {
            let answered = self.probe().await;
            self.rest(answered).await;
        }
    }

    async fn probe(&self) -> bool {
        let deadline = Deadline::starting_now(PROBE_DEADLINE_MIN.max(self.layers.deadline));
        let outcome = within(deadline, self.backend.probe(deadline)).await;
        let before = self.breaker.state();
        self.breaker.settle_probe(&outcome);
        let after = self.breaker.state();
        if before.as_str() != after.as_str() {
            tracing::info!(region = %self.name, from = before.as_str(), to = after.as_str(), "circuit");
        }
        match outcome {
            Ok(info) => {
                *self.info.lock().unwrap_or_else(PoisonError::into_inner) = info;
                true
            }
            Err(fault) => {
                tracing::debug!(region = %self.name, status = fault.status.as_str(), %fault, "probe failed");
                false
            }
        }
    }

    /// Waits for the time of the next probe: soon after a failure, and when the circuit is open exactly
    /// when its pause is over, also if it opens during the wait.
    async fn rest(&self, answered: bool) {
        let usual = if answered { self.layers.probe_interval } else { self.layers.breaker.pause };
        let usual = Instant::now() + with_jitter(usual.max(PAUSE_MIN));
        loop {
            let due = match self.breaker.state() {
                CircuitState::Open { until, .. } => until,
                CircuitState::Closed | CircuitState::HalfOpen { .. } => usual,
            };
            tokio::select! {
                () = sleep_until(due) => return,
                () = self.breaker.has_opened() => {
                    if let CircuitState::Open { last, .. } = self.breaker.state() {
                        tracing::warn!(region = %self.name, last = last.as_str(), "circuit opened");
                    }
                }
            }
        }
    }
}

fn with_jitter(wait: Duration) -> Duration {
    wait.mul_f64(rand::random_range(1.0 - PROBE_JITTER..1.0 + PROBE_JITTER))
}

/// What the stacks of one region have in common.
#[derive(Debug, Clone)]
struct Shared {
    backend: Arc<dyn Backend>,
    breaker: Arc<Breaker>,
    deadline: DeadlineLayer,
    places: Arc<Semaphore>,
    retry: RetryOnce,
}

impl Shared {
    fn of(backend: Arc<dyn Backend>, breaker: Arc<Breaker>, layers: &LayerSettings) -> Self {
        let concurrent_max = layers.concurrent_max.clamp(1, Semaphore::MAX_PERMITS);
        Self {
            backend,
            breaker,
            deadline: DeadlineLayer { allowed: layers.deadline, concurrent_max },
            places: Arc::new(Semaphore::new(concurrent_max)),
            retry: RetryOnce::new(&layers.retry),
        }
    }

    fn stacks(&self) -> Stacks {
        Stacks {
            trace: self.stack(|backend, call| backend.trace_by_id(call)),
            traces: self.stack(|backend, call| backend.traces(call)),
            search: self.stack(|backend, call| backend.search(call)),
            tag_names: self.stack(|backend, call| backend.tag_names(call)),
            tag_values: self.stack(|backend, call| backend.tag_values(call)),
            metrics: self.stack(|backend, call| backend.metrics(call)),
        }
    }

    /// The layers around one kind of question, outermost first.
    fn stack<Q, A>(&self, put: for<'b> fn(&'b dyn Backend, Call<Q>) -> Answering<'b, A>) -> Stack<Q, A>
    where
        Q: Clone + Send + Sync + 'static,
        A: Reply,
    {
        let backend = self.backend.clone();
        let stack = ServiceBuilder::new()
            // Outermost, so that a closed-off region costs nothing: no timer, no place in line. It judges
            // the outcome a caller sees, after retries, and a timeout among them.
            .layer(BreakerLayer(self.breaker.clone()))
            // Above the limit, so that waiting in line counts; above the retries, so that they share one
            // deadline and never add time.
            .layer(self.deadline.clone())
            // Above the retries, so that a question keeps its place for the second attempt and the region
            // never has more than its number at once, of all kinds together. A caller who leaves gives the
            // place back.
            .layer(GlobalConcurrencyLimitLayer::with_semaphore(self.places.clone()))
            // Innermost, so that it sees single attempts, each with the time it took.
            .layer(RetryLayer::new(self.retry.clone()))
            .service(service_fn(move |call: Call<Q>| {
                let backend = backend.clone();
                async move { put(&*backend, call).await }
            }));
        BoxCloneSyncService::new(stack)
    }
}

#[cfg(test)]
mod tests;
