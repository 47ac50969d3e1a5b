//! What every handler is given: the federation in force, swapped whole on reload.

use std::collections::BTreeSet;
use std::sync::Arc;

use arc_swap::ArcSwap;
use tokio::sync::{Semaphore, watch};

use crate::backend::Notifier;
use crate::federation::Federation;
use crate::identity::grants::{GrantSettings, GrantUses, Grants};
use crate::identity::{Callers, Reception};
use crate::model::Caller;
use crate::model::grant::{GrantEvent, GrantLog, Lift};
use crate::policy::{Classes, Policies};
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
    reception: Arc<Reception>,
    grants: Arc<Grants>,
}

impl InForce {
    /// Everyone sees what this federation shows.
    pub fn of(federation: Federation) -> Self {
        Self {
            federation: Arc::new(federation),
            policies: None,
            reception: Arc::new(Reception::of_callers(Callers::default())),
            grants: no_grants(),
        }
    }

    /// Each caller sees what these policies let them see.
    #[must_use]
    pub fn with_policies(mut self, policies: Arc<Policies>) -> Self {
        self.policies = Some(policies);
        self
    }

    /// Who asks is found out there.
    #[must_use]
    pub fn with_reception(mut self, reception: Arc<Reception>) -> Self {
        self.reception = reception;
        self
    }

    /// Who may let whom see more for a while.
    #[must_use]
    pub fn with_grants(mut self, grants: Arc<Grants>) -> Self {
        self.grants = grants;
        self
    }

    pub(super) fn grants(&self) -> &Grants {
        &self.grants
    }

    /// As this caller may see it under a grant.
    pub(super) fn seen_under(&self, caller: &Caller, lift: &Lift) -> Arc<Federation> {
        match &self.policies {
            Some(policies) => Arc::new(self.federation.seen_by(policies.plan_under(caller, lift))),
            None => self.federation.clone(),
        }
    }

    pub fn reception(&self) -> &Reception {
        &self.reception
    }

    pub(super) fn seen_by(&self, caller: &Caller) -> Arc<Federation> {
        match &self.policies {
            Some(policies) => Arc::new(self.federation.seen_by(policies.plan(caller))),
            None => self.federation.clone(),
        }
    }
}

/// No one can sign one.
fn no_grants() -> Arc<Grants> {
    let settings = GrantSettings {
        signers: Vec::new(),
        revoked: BTreeSet::new(),
        uses_max: 0,
        notify_url: None,
        regions: BTreeSet::new(),
    };
    Arc::new(Grants::new(settings, Arc::new(Classes::none())))
}

/// Shared by all handlers; cheap to clone.
#[derive(Debug, Clone)]
pub struct ApiState {
    in_force: Arc<ArcSwap<InForce>>,
    pub metrics: Metrics,
    pub settings: Arc<ApiSettings>,
    pub permits: Arc<Semaphore>,
    stopping: Arc<watch::Sender<bool>>,
    /// Counted across reloads.
    grant_uses: Arc<GrantUses>,
    notifier: Option<Notifier>,
    grant_log: Option<Arc<dyn GrantLog>>,
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
            settings: Arc::new(settings),
            stopping: Arc::default(),
            grant_uses: Arc::default(),
            notifier: None,
            grant_log: None,
        }
    }

    /// Somebody is notified of grants.
    #[must_use]
    pub fn with_notifier(self, notifier: Notifier) -> Self {
        Self { notifier: Some(notifier), ..self }
    }

    /// Events of grants go into a record.
    #[must_use]
    pub fn with_grant_log(self, log: Arc<dyn GrantLog>) -> Self {
        Self { grant_log: Some(log), ..self }
    }

    pub(super) fn grant_uses(&self) -> &GrantUses {
        &self.grant_uses
    }

    pub(super) fn notifier(&self) -> Option<&Notifier> {
        self.notifier.as_ref()
    }

    pub(super) fn note_grant(&self, event: &GrantEvent) {
        if let Some(log) = &self.grant_log {
            log.note(event);
        }
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
