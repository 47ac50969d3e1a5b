//! Build, run, reload, drain: the one place where the rooms are put together.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use futures::{FutureExt, TryFutureExt};
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

use crate::api::audit::{self, Auditor};
use crate::api::operate::{Reloaded, Waiting};
use crate::api::serve::{ServeSettings, serve, serve_as};
use crate::api::tls::{Certificate, TlsError};
use crate::api::{ApiSettings, ApiState, InForce, Reloader, ingest, router};
use crate::audit::json::Json;
use crate::audit::{Event, Log, OpenError};
use crate::backend::memory::MemoryBackend;
use crate::backend::settings::{KindSettings, RegionSettings};
use crate::backend::{BuildError, Exporter, Notifier, Region, document};
use crate::cache::Shared;
use crate::cache::shared::SharedError;
use crate::config::{Changes, Environment, Finding, Level, LoadError, Settings, Watch, findings_text};
use crate::federation::Federation;
use crate::identity::{FetchKeys, FetchedKeys, KEYS_BYTES_MAX, KeysUrl, Reception};
use crate::task::clock::wall_now;
use crate::task::{self, Group, Ledger};
use crate::telemetry::Metrics;
use crate::telemetry::spans::Tracer;
use crate::ui::{self, UiSettings};

/// What to do about the address of a region that is taken.
const OTLP_REMEDY: &str = "choose a free port with the region's otlp key";

/// So long before the end of draining, what is not answered yet is refused.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// At the end, the wait until the last spans were sent.
const LAST_SPANS_WAIT: Duration = Duration::from_secs(2);

/// Why the gateway could not begin.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    #[error("region `{region}` cannot be built: {why}")]
    Region { region: String, why: BuildError },
    #[error("cannot listen on {address}: {why}; is another program there? {remedy}")]
    Listen { address: SocketAddr, why: std::io::Error, remedy: &'static str },
    #[error("no secure connections can be served: {0}")]
    Tls(TlsError),
    #[error("the policy that ships with the demo cannot be read: this is a defect of the program")]
    Policy,
    #[error("no notices can be sent: {0}")]
    Notifier(BuildError),
    #[error("own spans cannot be sent: {0}")]
    Exporter(BuildError),
    #[error("no witness of the audit log can be asked: {0}")]
    Witness(BuildError),
    #[error("the audit log cannot be opened, and nothing is answered without: {0}")]
    Audit(#[from] OpenError),
    #[error("no memory can be shared: {0}")]
    Shared(SharedError),
    #[error("cannot wait for signals: {0}")]
    Signal(std::io::Error),
    #[error("serving ended: {0}")]
    Serve(std::io::Error),
}

/// A region that stands, with the tasks that belong to it. Dropping the last of its clones ends them.
#[derive(Debug, Clone)]
struct Standing {
    settings: RegionSettings,
    region: Arc<Region>,
    memory: Option<Arc<MemoryBackend>>,
    door: Option<Door>,
    _watch: Group,
}

/// Where an embedded region takes spans.
#[derive(Debug, Clone)]
struct Door {
    /// As configured; port 0 is another port each time.
    address: SocketAddr,
    /// Kept beside the one that serves, so that the address can be handed to another region.
    socket: Arc<std::net::TcpListener>,
    _serving: Group,
}

/// Serves a configuration until the process is told to end.
pub async fn run(
    path: PathBuf,
    settings: Settings,
    listen: Option<SocketAddr>,
    environment: Environment<'static>,
) -> Result<(), AppError> {
    let ledger = Ledger::new(settings.limits.in_flight_bytes_max);
    let mut standing = Vec::new();
    for region in &settings.regions {
        standing.push(stand(region, &[], &ledger).await?);
    }
    let metrics = Metrics::default();
    metrics.reloaded(true, wall_now());
    let reception = reception(&settings, &metrics, None);
    let shared = shared(&settings, &metrics, None)?;
    let in_force = in_force(&settings, &standing, reception.clone(), &metrics, shared);
    let tasks = Group::new();
    let (tracer, exporting) = tracing_to(&settings, &metrics)?;
    let mut state = ApiState::over(in_force, metrics, api_settings(&settings))
        .with_tracer(tracer.clone())
        .with_ledger(ledger);
    let (reloader, asked) = Reloader::new();
    state = state.with_reloader(reloader);
    let notifier = Notifier::start().map_err(AppError::Notifier)?;
    state = state.with_notifier(notifier);
    let auditor = open_audit(&settings, &tasks).await?;
    if let Some(auditor) = &auditor {
        state = state.with_audit(auditor.clone());
        state = state.with_grant_log(audit::on_record(auditor.clone(), &tasks));
    }
    let listener =
        bind(settings.gateway.listen, "choose a free port with --listen or [gateway] listen").await?;
    let serving = ServeSettings {
        connections_max: settings.limits.connections_max,
        drain: settings.gateway.drain,
        ..ServeSettings::default()
    };
    // Port 0 asks for any free one.
    let bound = listener.local_addr().unwrap_or(settings.gateway.listen);
    tracing::info!(
        listen = %bound,
        regions = settings.regions.len(),
        policy = settings.policies.digest(),
        "tutti answers"
    );
    let hangup = signal(SignalKind::hangup()).map_err(AppError::Signal)?;
    let watch = Watch::start(settings.sources.clone(), &tasks);
    let tls = settings.gateway.tls.as_ref();
    let tls = tls.map(|tls| Certificate::new(tls.key.clone(), tls.clients.as_ref()));
    let certificate = tls.transpose().map_err(AppError::Tls)?;
    let reloading = Reloading {
        path,
        listen,
        bound,
        environment,
        settings,
        standing,
        reception,
        watch,
        asked,
        state: state.clone(),
        certificate: certificate.clone(),
    };
    tasks.spawn(reloading.run(hangup));
    let served = serve_until_told(certificate, listener, state, serving).await;
    if let Some(auditor) = &auditor {
        audit::stop(auditor).await;
    }
    // What is left of spans is sent, if their store takes it soon.
    tracer.close();
    let _ = timeout(LAST_SPANS_WAIT, exporting.drained()).await;
    served
}

/// What begins own spans, and the task that sends them where the configuration says.
fn tracing_to(settings: &Settings, metrics: &Metrics) -> Result<(Arc<Tracer>, Group), AppError> {
    let exporting = Group::new();
    let Some(otlp) = &settings.telemetry.otlp else { return Ok((Tracer::off(), exporting)) };
    let gateway = (settings.gateway.name.as_str(), settings.gateway.region.as_str());
    let exporter = Exporter::new(otlp, gateway, metrics.spans()).map_err(AppError::Exporter)?;
    let (tracer, spans) = Tracer::keeping(otlp.sample_ratio, metrics.spans());
    exporting.spawn(exporter.run(spans));
    Ok((tracer, exporting))
}

/// Opens the log before anything is answered, and says in it that answering begins.
async fn open_audit(settings: &Settings, tasks: &Group) -> Result<Option<Arc<Auditor>>, AppError> {
    let edge = &settings.audit_edge;
    let Some(audit) = settings.audit.clone() else { return Ok(None) };
    let region = settings.gateway.region.clone();
    // Once, and before anyone waits for anything else.
    let log = Log::open(&audit, &region)?;
    tracing::info!(log = log.origin(), key = %log.key(), "what is seen is put on record");
    let auditor = Auditor::with(log, &audit).readable(&audit.dir, &edge.readers);
    let watched = auditor.tended(&audit.dir, edge, tasks).await;
    let auditor = Arc::new(watched.map_err(AppError::Witness)?);
    let begun = [
        ("version", Json::text(env!("CARGO_PKG_VERSION"))),
        ("policies", Json::text(settings.policies.digest())),
    ];
    // One that cannot be written is no reason to answer nothing: what is of no class is shown.
    let _ = auditor.note(Event::START, Json::map(begun)).await;
    Ok(Some(auditor))
}

/// What ends on SIGTERM or SIGINT.
pub fn until_told() -> Result<impl Future<Output = ()>, AppError> {
    let mut terminate = signal(SignalKind::terminate()).map_err(AppError::Signal)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(AppError::Signal)?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

/// Serves until SIGTERM or SIGINT, then says so on `/ready` and drains.
pub async fn serve_until_told(
    certificate: Option<Certificate>,
    listener: TcpListener,
    state: ApiState,
    serving: ServeSettings,
) -> Result<(), AppError> {
    let signalled = until_told()?;
    let stopping = state.clone();
    let told = async move {
        signalled.await;
        stopping.stop();
        tracing::info!("told to end: finishing what is in flight");
    };
    let page = ui::router(&UiSettings { prefix: state.settings.prefix.clone() });
    let last = state.clone();
    // Whoever is not answered yet has a last word, and does not find a connection broken.
    let last_words = async move {
        let mut stopping = last.watch_stopping();
        let _ = stopping.wait_for(|is_stopping| *is_stopping).await.map(|_| ());
        sleep(serving.drain.saturating_sub(LAST_WORDS.min(serving.drain / 4))).await;
        last.end();
        std::future::pending::<io::Result<()>>().await
    };
    let served = tokio::select! {
        served = serve_as(certificate, listener, router::beside(page, state), serving, told) => served,
        never = last_words => never,
    };
    served.map_err(AppError::Serve)
}

pub async fn bind(address: SocketAddr, remedy: &'static str) -> Result<TcpListener, AppError> {
    TcpListener::bind(address).await.map_err(|why| AppError::Listen { address, why, remedy })
}

fn api_settings(settings: &Settings) -> ApiSettings {
    ApiSettings {
        prefix: settings.gateway.http_api_prefix.clone(),
        requests_concurrent_max: settings.limits.requests_concurrent_max,
    }
}

/// Asks issuers for their keys.
#[derive(Debug)]
struct KeyFetcher {
    metrics: Metrics,
}

impl FetchKeys for KeyFetcher {
    fn fetch<'a>(&'a self, from: &'a KeysUrl) -> BoxFuture<'a, Result<FetchedKeys, String>> {
        let fetched = document::fetch(&from.url, from.ca_pem.as_deref(), KEYS_BYTES_MAX as u64);
        fetched.map_ok(|document| FetchedKeys { body: document.body, max_age: document.max_age }).boxed()
    }

    fn ended(&self, is_good: bool) {
        self.metrics.keys_fetched(is_good);
    }
}

/// Who asks is found out there. It keeps what it remembers for as long as nothing about identity changes.
fn reception(settings: &Settings, metrics: &Metrics, before: Option<&Arc<Reception>>) -> Arc<Reception> {
    match before.filter(|before| *before.settings() == settings.identity) {
        Some(before) => before.clone(),
        None => {
            let fetch: Arc<dyn FetchKeys> = Arc::new(KeyFetcher { metrics: metrics.clone() });
            Arc::new(Reception::new(settings.identity.clone(), &fetch, before.map(Arc::as_ref)))
        }
    }
}

/// The memory behind the first. It keeps its connections for as long as nothing about it changes.
fn shared(
    settings: &Settings,
    metrics: &Metrics,
    before: Option<&Shared>,
) -> Result<Option<Shared>, AppError> {
    let Some(wanted) = &settings.cache_shared else { return Ok(None) };
    match before.filter(|before| before.settings() == wanted) {
        Some(before) => Ok(Some(before.clone())),
        None => Shared::start(wanted.clone(), metrics.cache().clone()).map(Some).map_err(AppError::Shared),
    }
}

fn in_force(
    settings: &Settings,
    standing: &[Standing],
    reception: Arc<Reception>,
    metrics: &Metrics,
    shared: Option<Shared>,
) -> InForce {
    let regions = standing.iter().map(|standing| standing.region.clone()).collect();
    let plan = settings.policies.plan(settings.identity.callers.anyone());
    let federation = Federation::new(regions, settings.federation.clone(), plan);
    let federation = federation.counted_by(metrics.cache().clone()).with_shared(shared);
    InForce::of(federation.with_redactor(settings.redactor.clone()))
        .with_policies(settings.policies.clone())
        .with_peers(settings.peers.clone(), settings.gateway.jurisdiction.clone())
        .with_reception(reception)
        .with_modes(settings.modes.clone())
        .with_grants(settings.grants.clone())
        .running_in(settings.gateway.region.clone())
        .operated_by(settings.gateway.operators.clone())
        .read_from(settings.digest.clone())
}

/// Builds one region and begins its tasks. What it can take over of those that stand, it does: an embedded
/// region keeps what it holds, and an address stays open whichever region has it.
async fn stand(
    settings: &RegionSettings,
    before: &[Standing],
    ledger: &Ledger,
) -> Result<Standing, AppError> {
    let built = |why| AppError::Region { region: settings.name.to_string(), why };
    let (region, memory, door) = match &settings.kind {
        KindSettings::Tempo(_) | KindSettings::Tutti(_) => {
            (Region::build_within(settings, ledger).map_err(built)?, None, None)
        }
        KindSettings::Memory(memory) => {
            let same = before.iter().find(|standing| standing.settings.name == settings.name);
            let kept = same.and_then(|same| same.memory.clone());
            let backend = kept.unwrap_or_else(|| Arc::new(MemoryBackend::new(memory.clone())));
            let door = match memory.otlp {
                None => None,
                Some(address) => Some(door(address, &backend, same, before).await?),
            };
            let (name, jurisdiction) = (settings.name.clone(), settings.jurisdiction.clone());
            let region = Region::new(name, jurisdiction, backend.clone(), settings.layers.clone());
            (region, Some(backend), door)
        }
    };
    let region = Arc::new(region);
    let (watch, watched) = (Group::new(), region.clone());
    watch.spawn(async move { watched.watch().await });
    Ok(Standing { settings: settings.clone(), region, memory, door, _watch: watch })
}

/// The door of an embedded region: its own if it has one there, else one on the socket of the region that
/// had the address until now, else a new one.
async fn door(
    address: SocketAddr,
    backend: &Arc<MemoryBackend>,
    same: Option<&Standing>,
    before: &[Standing],
) -> Result<Door, AppError> {
    if let Some(own) = same.and_then(|same| same.door.as_ref()).filter(|own| own.address == address) {
        return Ok(own.clone());
    }
    // Who asks for any free port wants one of its own.
    let is_there = |door: &&Door| door.address == address && address.port() != 0;
    let listen = |why| AppError::Listen { address, why, remedy: OTLP_REMEDY };
    let socket = match before.iter().filter_map(|standing| standing.door.as_ref()).find(is_there) {
        Some(other) => other.socket.clone(),
        None => Arc::new(bind(address, OTLP_REMEDY).await?.into_std().map_err(listen)?),
    };
    let listener = socket.try_clone().and_then(TcpListener::from_std).map_err(listen)?;
    let serving = Group::new();
    open_door(listener, backend.clone(), &serving);
    Ok(Door { address, socket, _serving: serving })
}

/// Takes OTLP/HTTP into an embedded region for as long as `tasks` live.
pub fn open_door(listener: TcpListener, backend: Arc<MemoryBackend>, tasks: &Group) {
    let door = serve(listener, ingest::router(backend), ServeSettings::default(), std::future::pending());
    tasks.spawn(async move {
        if let Err(error) = door.await {
            tracing::error!(%error, "a region no longer takes spans");
        }
    });
}

/// The configuration in force, and what replaces it.
struct Reloading {
    path: PathBuf,
    listen: Option<SocketAddr>,
    /// Where it is reached, whatever a new file says, until it begins anew.
    bound: SocketAddr,
    environment: Environment<'static>,
    settings: Settings,
    standing: Vec<Standing>,
    reception: Arc<Reception>,
    watch: Watch,
    /// Whoever asks for a reload and waits for what becomes of it.
    asked: mpsc::Receiver<Waiting>,
    state: ApiState,
    certificate: Option<Certificate>,
}

impl Reloading {
    /// Reloads on SIGHUP, when somebody asks for it, and on change of any file the configuration is made of.
    async fn run(mut self, mut hangup: Signal) {
        loop {
            let (is_told, waiting) = tokio::select! {
                told = hangup.recv() => (told.is_some(), None),
                changed = self.watch.changed() => (changed.is_some(), None),
                asked = self.asked.recv() => (asked.is_some(), asked),
            };
            if !is_told {
                return;
            }
            let reloaded = self.reload().await;
            self.state.metrics.reloaded(reloaded.is_good, wall_now());
            // Whoever has asked may have left.
            let _ = waiting.map(|waiting| waiting.send(reloaded));
        }
    }

    /// Validated first, then swapped whole; on any fault the last good one stays in force.
    async fn reload(&mut self) -> Reloaded {
        let (path, environment) = (self.path.clone(), self.environment);
        let loaded = match task::blocking(move || Settings::load(&path, environment)).await {
            Ok(loaded) => loaded,
            Err(lost) => return refused(format!("{lost}\n")),
        };
        let (mut settings, findings) = match loaded {
            Ok(loaded) => loaded,
            Err(error) => return self.refuse(error),
        };
        if let Some(peers) = Arc::get_mut(&mut settings.peers) {
            peers.remember_what(&self.settings.peers);
        }
        self.watch.follow(settings.sources.clone());
        let may_serve = settings.may_serve_on(self.bound);
        let settings = may_serve.and_then(|()| match self.listen {
            None => Ok(settings),
            Some(listen) => settings.listening_on(listen),
        });
        let settings = match settings {
            Ok(settings) => settings,
            Err(error) => {
                tracing::error!(%error, "the new configuration is refused, the last good one stays");
                return refused(format!("{error}\n"));
            }
        };
        log_findings(&findings);
        let changes = Changes::between(&self.settings, &settings);
        let found = findings_text(&findings);
        if changes.is_empty() {
            return Reloaded { is_good: true, text: format!("{found}nothing changed\n") };
        }
        match self.replace(&settings).await {
            Ok(()) => {
                self.is_in_force(settings, &changes).await;
                Reloaded { is_good: true, text: format!("{found}in force: {changes}\n") }
            }
            Err(error) => {
                tracing::error!(%error, "the new configuration is refused, the last good one stays");
                refused(format!("{found}{error}\n"))
            }
        }
    }

    async fn is_in_force(&mut self, settings: Settings, changes: &Changes) {
        tracing::info!(%changes, "the new configuration is in force");
        if settings.policies.digest() != self.settings.policies.digest() {
            self.state.metrics.policies_changed();
        }
        if let Some(auditor) = self.state.auditor() {
            let said = [
                ("changed", Json::texts(changes.taken.iter().cloned())),
                ("policies", Json::text(settings.policies.digest())),
            ];
            let _ = auditor.note(Event::POLICY_RELOAD, Json::map(said)).await;
        }
        self.settings = settings;
    }

    fn refuse(&self, error: LoadError) -> Reloaded {
        tracing::error!(file = %self.path.display(), "the new configuration is refused, the last good one stays");
        match error {
            LoadError::Faulty(faults) => {
                self.watch.follow(faults.sources);
                log_findings(&faults.findings);
                refused(findings_text(&faults.findings))
            }
            error @ LoadError::Unreadable { .. } => {
                tracing::error!(%error);
                refused(format!("{error}\n"))
            }
        }
    }

    /// Regions that did not change stay as they are, with their connections, circuits and spans. Until all
    /// of the new ones stand, nothing of the old is touched; if one cannot, the others fall with this.
    async fn replace(&mut self, settings: &Settings) -> Result<(), AppError> {
        let mut next = Vec::with_capacity(settings.regions.len());
        for region in &settings.regions {
            let same = self.standing.iter().find(|standing| standing.settings == *region);
            next.push(match same {
                Some(same) => same.clone(),
                None => stand(region, &self.standing, self.state.gate().ledger()).await?,
            });
        }
        let shared = shared(settings, &self.state.metrics, self.state.federation().shared())?;
        if let (Some(certificate), Some(tls)) = (&self.certificate, &settings.gateway.tls) {
            certificate.replace(tls.key.clone(), tls.clients.as_ref()).map_err(AppError::Tls)?;
        }
        self.state.gate().ledger().set_max(settings.limits.in_flight_bytes_max);
        self.state.gate().set_places(settings.limits.requests_concurrent_max);
        self.reception = reception(settings, &self.state.metrics, Some(&self.reception));
        let metrics = &self.state.metrics;
        self.state.swap(in_force(settings, &next, self.reception.clone(), metrics, shared));
        let before = std::mem::replace(&mut self.standing, next);
        for gone in before.iter().map(|standing| standing.region.name()) {
            if !self.standing.iter().any(|standing| standing.region.name() == gone) {
                self.state.metrics.forget_circuit(gone);
                self.state.metrics.limits().forget(gone.as_str());
            }
        }
        Ok(())
    }
}

/// Nothing changed, for this reason.
fn refused(why: String) -> Reloaded {
    Reloaded { is_good: false, text: format!("{why}the last good configuration stays in force\n") }
}

/// Logs what was found in a configuration, a line each.
pub fn log_findings(findings: &[Finding]) {
    for finding in findings {
        match finding.level {
            Level::Fault => tracing::error!("{finding}"),
            Level::Warning => tracing::warn!("{finding}"),
            Level::Note => tracing::info!("{finding}"),
        }
    }
}

/// Loads the configuration a command names. What is wrong comes as text, with the next step.
pub fn load(
    path: &Path,
    listen: Option<SocketAddr>,
    environment: Environment<'_>,
) -> Result<(Settings, Vec<Finding>), String> {
    let file = path.display();
    let (settings, findings) = Settings::load(path, environment).map_err(|error| match error {
        LoadError::Faulty(faults) => {
            let lines: Vec<String> = faults.findings.iter().map(ToString::to_string).collect();
            let lines = lines.join("\n");
            format!("{lines}\n\nnothing is served; `tutti check --config {file}` shows each place")
        }
        error @ LoadError::Unreadable { .. } => format!("error: {error}; name the file with --config"),
    })?;
    match listen {
        None => Ok((settings, findings)),
        Some(listen) => {
            // The file may be good, so `tutti check` could say nothing of it.
            let settings = settings
                .listening_on(listen)
                .map_err(|error| format!("error: --listen: {error}; choose another port of 127.0.0.1"))?;
            Ok((settings, findings))
        }
    }
}

#[cfg(test)]
mod tests;
