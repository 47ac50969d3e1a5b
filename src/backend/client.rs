//! One declared region as the federation asks it: a backend and the layers around it, built once.
//!
//! The order of the layers is the whole of this page; each layer knows only its own concern.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::Uri;
use tokio::time::{Instant, sleep_until};
use tower::util::BoxCloneSyncService;
use tower::{ServiceBuilder, ServiceExt, service_fn};

use super::asked::spanned;
use super::breaker::{Breaker, BreakerLayer, CircuitState, PAUSE_MIN};
use super::call::{
    Answering, Call, Kind, MetricsCall, RegionAnswer, RegionTrace, Reply, SearchCall, TagValuesCall,
};
use super::call::{TagsCall, TraceCall, TracesCall};
use super::deadline::{DeadlineLayer, within};
use super::limit::{Limit, LimitLayer};
use super::peer::PeerBackend;
use super::replicas::{Put, Replicas};
use super::settings::{KindSettings, LayerSettings, PeerSettings, RegionSettings, TempoSettings};
use super::tempo::TempoBackend;
use super::{Backend, BuildError, Fault, RegionInfo};
use crate::model::{
    Asker, Jurisdiction, MetricsAnswer, MetricsQuery, RegionName, SearchAnswer, SearchQuery, TagNames,
    TagValues, TagValuesQuery, TagsQuery, TraceId, TraceQuery,
};
use crate::task::{Deadline, Ledger};

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

/// How much a region is asked.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Load {
    /// Questions it may be asked at one time, as it bears them now.
    pub limit: usize,
    pub in_flight: usize,
    pub waiting: usize,
    /// Questions that found the line full, ever.
    pub refused: u64,
    pub put: Put,
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
        Self::of_replicas(name, jurisdiction, (backend, Vec::new()), layers)
    }

    /// A region that is reached in several places, which hold the same spans.
    pub fn of_replicas(
        name: RegionName,
        jurisdiction: Jurisdiction,
        (backend, others): (Arc<dyn Backend>, Vec<Arc<dyn Backend>>),
        layers: LayerSettings,
    ) -> Self {
        let breaker = Breaker::new(layers.breaker.clone());
        let replicas = [vec![backend.clone()], others].concat();
        let shared = Shared::of(Replicas::new(replicas, &layers), breaker.clone(), &layers);
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
        Self::build_within(settings, &Ledger::unlimited())
    }

    /// The same; what it sends is held within this ledger.
    pub fn build_within(settings: &RegionSettings, ledger: &Ledger) -> Result<Self, BuildError> {
        let first = reach(settings, None, ledger)?;
        let others: Result<_, _> =
            settings.replicas.iter().map(|at| reach(settings, Some(at), ledger)).collect();
        let (name, jurisdiction) = (settings.name.clone(), settings.jurisdiction.clone());
        let region = Self::of_replicas(name, jurisdiction, (first, others?), settings.layers.clone());
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
        let shared = Shared { replicas: self.shared.replicas.on_behalf_of(asker)?, ..self.shared.clone() };
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

    /// How much it is asked, and how that is bounded now.
    pub fn load(&self) -> Load {
        let limit = &self.shared.limit;
        Load {
            limit: limit.now(),
            in_flight: limit.in_flight(),
            waiting: limit.waiting(),
            refused: limit.refused(),
            put: self.shared.replicas.put_so_far(),
        }
    }

    /// How many questions it works on, and how many it may be let have at one time.
    pub fn places(&self) -> (usize, usize) {
        (self.shared.limit.in_flight(), self.layers.concurrent_max)
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
        let outcome = within(deadline, self.shared.replicas.probe(deadline)).await;
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

/// Whoever answers for a region at its url, or at another place of it.
fn reach(
    settings: &RegionSettings,
    at: Option<&Uri>,
    ledger: &Ledger,
) -> Result<Arc<dyn Backend>, BuildError> {
    let body_bytes_max = settings.layers.body_bytes_max;
    let moved =
        |tempo: &TempoSettings| TempoSettings { url: at.unwrap_or(&tempo.url).clone(), ..tempo.clone() };
    Ok(match &settings.kind {
        KindSettings::Tempo(tempo) => {
            Arc::new(TempoBackend::new(&moved(tempo), body_bytes_max)?.within(ledger.clone()))
        }
        KindSettings::Tutti(peer) => {
            let peer = PeerSettings { at: moved(&peer.at), ..peer.clone() };
            Arc::new(PeerBackend::within(&peer, body_bytes_max, ledger.clone())?)
        }
        KindSettings::Memory(_) => return Err(BuildError::Embedded),
    })
}

fn with_jitter(wait: Duration) -> Duration {
    wait.mul_f64(rand::random_range(1.0 - PROBE_JITTER..1.0 + PROBE_JITTER))
}

/// What the stacks of one region have in common.
#[derive(Debug, Clone)]
struct Shared {
    replicas: Replicas,
    breaker: Arc<Breaker>,
    deadline: DeadlineLayer,
    limit: Arc<Limit>,
}

impl Shared {
    fn of(replicas: Replicas, breaker: Arc<Breaker>, layers: &LayerSettings) -> Self {
        let limit = Limit::new(layers);
        let deadline = DeadlineLayer { allowed: layers.deadline, limit: limit.clone() };
        Self { replicas, breaker, deadline, limit }
    }

    fn stacks(&self) -> Stacks {
        Stacks {
            trace: self.stack(Kind::Trace, |backend, call| backend.trace_by_id(call)),
            traces: self.stack(Kind::Traces, |backend, call| backend.traces(call)),
            search: self.stack(Kind::Search, |backend, call| backend.search(call)),
            tag_names: self.stack(Kind::TagNames, |backend, call| backend.tag_names(call)),
            tag_values: self.stack(Kind::TagValues, |backend, call| backend.tag_values(call)),
            metrics: self.stack(Kind::Metrics, |backend, call| backend.metrics(call)),
        }
    }

    /// The layers around one kind of question, outermost first.
    fn stack<Q, A>(
        &self,
        kind: Kind,
        put: for<'b> fn(&'b dyn Backend, Call<Q>) -> Answering<'b, A>,
    ) -> Stack<Q, A>
    where
        Q: Clone + Send + Sync + 'static,
        A: Reply,
    {
        let replicas = self.replicas.clone();
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
            .layer(LimitLayer { limit: self.limit.clone(), kind })
            // Innermost, since only there single attempts are seen, each with its replica and the time it took.
            .service(service_fn(move |call: Call<Q>| {
                let replicas = replicas.clone();
                async move { replicas.ask(kind, call, put).await }
            }));
        BoxCloneSyncService::new(stack)
    }
}

#[cfg(test)]
mod tests;
