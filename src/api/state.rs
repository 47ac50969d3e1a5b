//! What every handler is given: the federation in force, swapped whole on reload.

use std::collections::BTreeSet;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::sync::watch;

use super::admit::Gate;
use super::audit::{Auditor, Denied};
use super::modes::Modes;
use super::operate::Reloader;
use crate::backend::Notifier;
use crate::federation::{Federation, passing};
use crate::identity::grants::{GrantSettings, GrantUses, Grants};
use crate::identity::{Callers, Peers, Reception};
use crate::model::grant::{GrantEvent, GrantLog, Lift};
use crate::model::{Asker, Caller, Errand, Jurisdiction, RegionName};
use crate::policy::{Classes, Policies};
use crate::task::Ledger;
use crate::task::clock::wall_now;
use crate::telemetry::Metrics;
use crate::telemetry::analytics::Analytics;
use crate::telemetry::spans::Tracer;

/// What the edge is told by the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiSettings {
    /// Tempo's `http_api_prefix`: before every `/api` path, or empty.
    pub prefix: String,
    /// Query requests answered at one time; the next waits shortly, and is then shed.
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
    /// Roles that may tell the gateway what to do.
    operators: BTreeSet<String>,
    /// What stands for the file that all this was read from.
    config_digest: Option<String>,
    /// Since when it is in force, since the Unix epoch.
    since: Duration,
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
            operators: BTreeSet::new(),
            config_digest: None,
            since: wall_now(),
        }
    }

    /// It runs in this region.
    #[must_use]
    pub fn running_in(mut self, here: RegionName) -> Self {
        self.here = Some(here);
        self
    }

    /// Whoever has one of these roles may tell the gateway what to do.
    #[must_use]
    pub fn operated_by(mut self, operators: BTreeSet<String>) -> Self {
        self.operators = operators;
        self
    }

    pub(super) fn operators(&self) -> &BTreeSet<String> {
        &self.operators
    }

    /// It was read from what this stands for.
    #[must_use]
    pub fn read_from(mut self, config_digest: String) -> Self {
        self.config_digest = Some(config_digest);
        self
    }

    pub(super) fn config_digest(&self) -> Option<&str> {
        self.config_digest.as_deref()
    }

    pub(super) fn since(&self) -> Duration {
        self.since
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
        self.federation = Arc::new((*self.federation).clone().counts_early_by(metrics.fast()));
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

/// Shared by all handlers. Every layer around a route has one, and a request clones all that is around its route: so a
/// clone is one count of one reference.
#[derive(Debug, Clone)]
pub struct ApiState(Arc<Shared>);

#[derive(Debug, Clone)]
pub struct Shared {
    in_force: Arc<ArcSwap<InForce>>,
    pub metrics: Metrics,
    /// What the last hour was like.
    pub(super) analytics: Analytics,
    /// Begins the gateway's own spans.
    pub(super) tracer: Arc<Tracer>,
    pub settings: Arc<ApiSettings>,
    pub(super) gate: Gate,
    /// None where nothing is put on record.
    pub(super) audit: Option<Arc<Auditor>>,
    stopping: Arc<watch::Sender<bool>>,
    /// Whoever is not answered yet is told that there is no more time.
    ending: Arc<watch::Sender<bool>>,
    /// None where there is nothing to reload.
    pub(super) reloader: Option<Reloader>,
    /// When it began, since the Unix epoch.
    pub(super) begun: Duration,
    /// Counted across reloads.
    grant_uses: Arc<GrantUses>,
    notifier: Option<Notifier>,
    grant_log: Option<Arc<dyn GrantLog>>,
    /// How many grants that do not hold are told of.
    refused_grants: Arc<Denied>,
}

impl Deref for ApiState {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}

impl ApiState {
    pub fn new(federation: Federation, metrics: Metrics, settings: ApiSettings) -> Self {
        Self::over(InForce::of(federation), metrics, settings)
    }

    pub fn over(in_force: InForce, metrics: Metrics, settings: ApiSettings) -> Self {
        Self(Arc::new(Shared {
            in_force: Arc::new(ArcSwap::from_pointee(in_force.counted_by(&metrics))),
            metrics,
            analytics: Analytics::default(),
            tracer: Tracer::off(),
            gate: Gate::new(settings.requests_concurrent_max, Ledger::unlimited()),
            audit: None,
            settings: Arc::new(settings),
            stopping: Arc::default(),
            ending: Arc::default(),
            reloader: None,
            begun: wall_now(),
            grant_uses: Arc::default(),
            notifier: None,
            grant_log: None,
            refused_grants: Arc::default(),
        }))
    }

    /// The same with something more, while it is put together.
    fn with(mut self, more: impl FnOnce(&mut Shared)) -> Self {
        more(Arc::make_mut(&mut self.0));
        self
    }

    /// Somebody reloads the configuration when asked to.
    #[must_use]
    pub fn with_reloader(self, reloader: Reloader) -> Self {
        self.with(|shared| shared.reloader = Some(reloader))
    }

    /// Own spans are begun there.
    #[must_use]
    pub fn with_tracer(self, tracer: Arc<Tracer>) -> Self {
        self.with(|shared| shared.tracer = tracer)
    }

    /// What is held of answers is counted there.
    #[must_use]
    pub fn with_ledger(self, ledger: Ledger) -> Self {
        self.with(|shared| shared.gate = shared.gate.clone().within(ledger))
    }

    /// What every question goes through.
    pub fn gate(&self) -> &Gate {
        &self.gate
    }

    /// Somebody is notified of grants.
    #[must_use]
    pub fn with_notifier(self, notifier: Notifier) -> Self {
        self.with(|shared| shared.notifier = Some(notifier))
    }

    /// Events of grants go into a record.
    #[must_use]
    pub fn with_grant_log(self, log: Arc<dyn GrantLog>) -> Self {
        self.with(|shared| shared.grant_log = Some(log))
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
    pub fn with_audit(self, auditor: Arc<Auditor>) -> Self {
        self.with(|shared| shared.audit = Some(auditor))
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

    /// From now on what is not answered is refused, so that everyone has a last word before the end.
    pub fn end(&self) {
        self.ending.send_replace(true);
    }

    /// Ends when there is no more time.
    pub(super) fn no_more_time(&self) -> impl Future<Output = ()> + Send + use<> {
        let mut ending = self.ending.subscribe();
        async move {
            // Cannot fail while somebody is answered: the state holds the other end.
            if ending.wait_for(|is_ending| *is_ending).await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }

    /// Whether it stops, and every change of that.
    pub fn watch_stopping(&self) -> watch::Receiver<bool> {
        self.stopping.subscribe()
    }
}
