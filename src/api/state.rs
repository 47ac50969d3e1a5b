//! What every handler is given: the federation in force, swapped whole on reload.

use std::sync::Arc;

use arc_swap::ArcSwap;
use tokio::sync::{Semaphore, watch};

use super::audit::Auditor;
use crate::federation::Federation;
use crate::identity::Callers;
use crate::model::Caller;
use crate::policy::Policies;
use crate::telemetry::Metrics;

/// What the edge is told by the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiSettings {
    /// Tempo's `http_api_prefix`: before every `/api` path, or empty.
    pub prefix: String,
    /// Query requests answered at one time; the next is refused with 429.
    pub requests_concurrent_max: usize,
}

impl Default for ApiSettings {
    fn default() -> Self {
        Self { prefix: String::new(), requests_concurrent_max: 512 }
    }
}

/// What answers, who may ask, and what decides what they see: swapped as one, so that no request meets the regions of
/// one configuration and the policies of another.
#[derive(Debug, Clone)]
pub struct InForce {
    federation: Arc<Federation>,
    /// None where everyone sees what the federation shows.
    policies: Option<Arc<Policies>>,
    callers: Arc<Callers>,
}

impl InForce {
    /// Everyone sees what this federation shows.
    pub fn of(federation: Federation) -> Self {
        Self { federation: Arc::new(federation), policies: None, callers: Arc::default() }
    }

    /// Each caller sees what these policies let them see.
    #[must_use]
    pub fn with_policies(mut self, policies: Arc<Policies>) -> Self {
        self.policies = Some(policies);
        self
    }

    #[must_use]
    pub fn with_callers(mut self, callers: Arc<Callers>) -> Self {
        self.callers = callers;
        self
    }

    /// What stands for the policies in a record; none where there are none.
    pub(super) fn policies_digest(&self) -> Option<&str> {
        self.policies.as_ref().map(|policies| policies.digest())
    }

    pub(super) fn callers(&self) -> &Callers {
        &self.callers
    }

    pub(super) fn seen_by(&self, caller: &Caller) -> Arc<Federation> {
        match &self.policies {
            Some(policies) => Arc::new(self.federation.seen_by(policies.plan(caller))),
            None => self.federation.clone(),
        }
    }
}

/// Shared by all handlers; cheap to clone.
#[derive(Debug, Clone)]
pub struct ApiState {
    in_force: Arc<ArcSwap<InForce>>,
    pub metrics: Metrics,
    pub settings: Arc<ApiSettings>,
    pub permits: Arc<Semaphore>,
    /// None where nothing is put on record.
    pub(super) audit: Option<Arc<Auditor>>,
    stopping: Arc<watch::Sender<bool>>,
}

impl ApiState {
    pub fn new(federation: Federation, metrics: Metrics, settings: ApiSettings) -> Self {
        Self::over(InForce::of(federation), metrics, settings)
    }

    pub fn over(in_force: InForce, metrics: Metrics, settings: ApiSettings) -> Self {
        Self {
            in_force: Arc::new(ArcSwap::from_pointee(in_force)),
            metrics,
            permits: Arc::new(Semaphore::new(settings.requests_concurrent_max)),
            audit: None,
            settings: Arc::new(settings),
            stopping: Arc::default(),
        }
    }

    /// The same with every question on record.
    #[must_use]
    pub fn with_audit(mut self, auditor: Arc<Auditor>) -> Self {
        self.audit = Some(auditor);
        self
    }

    pub fn auditor(&self) -> Option<&Arc<Auditor>> {
        self.audit.as_ref()
    }

    /// What is in force now. A request keeps what it began with.
    pub(super) fn in_force(&self) -> Arc<InForce> {
        self.in_force.load_full()
    }

    /// The federation in force now, for what is no caller's: its regions and its settings.
    pub fn federation(&self) -> Arc<Federation> {
        self.in_force.load().federation.clone()
    }

    /// Puts something else in force; requests in flight end with what they began with.
    pub fn swap(&self, in_force: InForce) {
        self.in_force.store(Arc::new(in_force));
    }

    /// From now on `/ready` says no, so that balancers send nobody here.
    pub fn stop(&self) {
        self.stopping.send_replace(true);
    }

    pub fn is_stopping(&self) -> bool {
        *self.stopping.borrow()
    }

    /// Whether it stops, and every change of that.
    pub fn watch_stopping(&self) -> watch::Receiver<bool> {
        self.stopping.subscribe()
    }
}
