//! What every handler is given: the federation in force, swapped whole on reload.

use std::collections::BTreeSet;
use std::sync::Arc;

use arc_swap::ArcSwap;
use tokio::sync::{Semaphore, watch};

use super::audit::{Auditor, Denied};
use super::modes::Modes;
use crate::backend::Notifier;
use crate::federation::{Federation, passing};
use crate::identity::grants::{GrantSettings, GrantUses, Grants};
use crate::identity::{Callers, Peers, Reception};
use crate::model::grant::{GrantEvent, GrantLog, Lift};
use crate::model::{Asker, Caller, Errand, Jurisdiction, RegionName};
use crate::policy::{Classes, Policies};
use crate::telemetry::Metrics;
use crate::telemetry::spans::Tracer;

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
    modes: Modes,
    /// Gateways that may ask here on behalf of others; none where nobody is named.
    peers: Option<Arc<Peers>>,
    /// Where answers are assembled, in law; unknown where nothing depends on it.
    jurisdiction: Option<Jurisdiction>,
    /// The region this instance runs in, where it is known.
    here: Option<RegionName>,
}

impl InForce {
    /// Everyone sees what this federation shows.
    pub fn of(federation: Federation) -> Self {
        Self {
            federation: Arc::new(federation),
            policies: None,
            reception: Arc::new(Reception::of_callers(Callers::default())),
            grants: no_grants(),
            modes: Modes::default(),
            peers: None,
            jurisdiction: None,
            here: None,
        }
    }

    /// It runs in this region.
    #[must_use]
    pub fn running_in(mut self, here: RegionName) -> Self {
        self.here = Some(here);
        self
    }

    /// Each caller sees what these policies let them see.
    #[must_use]
    pub fn with_policies(mut self, policies: Arc<Policies>) -> Self {
        self.policies = Some(policies);
        self
    }

    /// These gateways may ask here, and this is where answers are assembled.
    #[must_use]
    pub fn with_peers(mut self, peers: Arc<Peers>, jurisdiction: Jurisdiction) -> Self {
        self.peers = Some(peers).filter(|peers| !peers.is_empty());
        self.jurisdiction = Some(jurisdiction);
        self
    }

    pub(super) fn peers(&self) -> Option<&Arc<Peers>> {
        self.peers.as_ref()
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

    /// Questions that name no mode have one of these.
    #[must_use]
    pub fn with_modes(mut self, modes: Modes) -> Self {
        self.modes = modes;
        self
    }

    pub(super) fn modes(&self) -> &Modes {
        &self.modes
    }

    /// What is done early is counted there.
    fn counted_by(mut self, metrics: &Metrics) -> Self {
        self.federation = Arc::new((*self.federation).clone().counted_by(metrics.fast()));
        self
    }

    pub(super) fn grants(&self) -> &Grants {
        &self.grants
    }

    /// As this caller may see it under a grant. Peers are not told of it: they lift nothing.
    pub(super) fn seen_under(&self, caller: &Caller, lift: &Lift) -> Arc<Federation> {
        let federation = match &self.policies {
            Some(policies) => Arc::new(self.federation.seen_by(policies.plan_under(caller, lift))),
            None => self.federation.clone(),
        };
        self.on_behalf(caller, federation)
    }

    pub fn reception(&self) -> &Reception {
        &self.reception
    }

    /// What stands for the policies in a record; none where there are none.
    pub(super) fn policies_digest(&self) -> Option<&str> {
        self.policies.as_ref().map(|policies| policies.digest())
    }

    pub(super) fn seen_by(&self, caller: &Caller) -> Arc<Federation> {
        let federation = match &self.policies {
            Some(policies) => Arc::new(self.federation.seen_by(policies.plan(caller))),
            None => self.federation.clone(),
        };
        self.on_behalf(caller, federation)
    }

    fn on_behalf(&self, caller: &Caller, federation: Arc<Federation>) -> Arc<Federation> {
        // Peers are told who asks; where none stands, nobody needs to be told.
        match &self.jurisdiction {
            Some(here) if federation.has_peers() => {
                let asker = Asker {
                    caller: Arc::new(caller.clone()),
                    through: Vec::new(),
                    besides: federation.gateways().map(str::to_owned).collect(),
                    delivered: vec![here.clone()],
                    plan_digest: federation.plan().digest().to_owned(),
                    errand: Errand::default(),
                };
                Arc::new((*federation).clone().asked_by(asker))
            }
            _ => federation,
        }
    }

    /// As another gateway asks for somebody: what may not be had in any place that the answer passes, this one among
    /// them, is not there.
    pub(super) fn seen_through(&self, asker: Asker) -> Arc<Federation> {
        let delivered = passing(asker.delivered.iter().chain(&self.jurisdiction).cloned());
        let plan = self.policies.as_ref().map(|policies| policies.plan_for(&asker.caller, &delivered));
        let federation = match plan {
            Some(plan) => self.federation.seen_by(plan),
            None => (*self.federation).clone(),
        };
        let errand = asker.errand.clone();
        let plan_digest = federation.plan().digest().to_owned();
        let federation = federation.serving(errand).without_gateways(&asker);
        let own = federation.gateways().map(str::to_owned);
        let besides: BTreeSet<String> = asker.besides.iter().cloned().chain(own).collect();
        Arc::new(federation.asked_by(Asker { delivered, plan_digest, besides, ..asker }))
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
        behind: BTreeSet::new(),
    };
    Arc::new(Grants::new(settings, Arc::new(Classes::none())))
}

/// Shared by all handlers; cheap to clone.
#[derive(Debug, Clone)]
pub struct ApiState {
    in_force: Arc<ArcSwap<InForce>>,
    pub metrics: Metrics,
    /// Begins the gateway's own spans.
    pub(super) tracer: Arc<Tracer>,
    pub settings: Arc<ApiSettings>,
    pub permits: Arc<Semaphore>,
    /// None where nothing is put on record.
    pub(super) audit: Option<Arc<Auditor>>,
    stopping: Arc<watch::Sender<bool>>,
    /// Counted across reloads.
    grant_uses: Arc<GrantUses>,
    notifier: Option<Notifier>,
    grant_log: Option<Arc<dyn GrantLog>>,
    /// How many grants that do not hold are told of.
    refused_grants: Arc<Denied>,
}

impl ApiState {
    pub fn new(federation: Federation, metrics: Metrics, settings: ApiSettings) -> Self {
        Self::over(InForce::of(federation), metrics, settings)
    }

    pub fn over(in_force: InForce, metrics: Metrics, settings: ApiSettings) -> Self {
        Self {
            in_force: Arc::new(ArcSwap::from_pointee(in_force.counted_by(&metrics))),
            metrics,
            tracer: Tracer::off(),
            permits: Arc::new(Semaphore::new(settings.requests_concurrent_max)),
            audit: None,
            settings: Arc::new(settings),
            stopping: Arc::default(),
            grant_uses: Arc::default(),
            notifier: None,
            grant_log: None,
            refused_grants: Arc::default(),
        }
    }

    /// Own spans are begun there.
    #[must_use]
    pub fn with_tracer(self, tracer: Arc<Tracer>) -> Self {
        Self { tracer, ..self }
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

    pub(super) fn refused_grants(&self) -> &Denied {
        &self.refused_grants
    }

    pub(super) fn notifier(&self) -> Option<&Notifier> {
        self.notifier.as_ref()
    }

    pub(super) fn note_grant(&self, event: &GrantEvent) {
        if let Some(log) = &self.grant_log {
            log.note(event);
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

    /// The region this instance runs in, where it is known.
    pub(super) fn here(&self) -> Option<RegionName> {
        self.in_force.load().here.clone()
    }

    /// Puts something else in force; requests in flight end with what they began with.
    pub fn swap(&self, in_force: InForce) {
        self.in_force.store(Arc::new(in_force.counted_by(&self.metrics)));
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
