//! Build, run, reload, drain: the one place where the rooms are put together.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::api::serve::{ServeSettings, serve};
use crate::api::{ApiSettings, ApiState, ingest, router};
use crate::backend::memory::MemoryBackend;
use crate::backend::settings::{KindSettings, MemorySettings, RegionSettings};
use crate::backend::{BuildError, Region};
use crate::config::{Changes, Environment, Finding, Level, LoadError, Settings, Watch};
use crate::federation::Federation;
use crate::task::{self, Group};
use crate::telemetry::Metrics;

/// Why the gateway could not begin.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    #[error("region `{region}` cannot be built: {why}")]
    Region { region: String, why: BuildError },
    #[error("cannot listen on {address}: {why}; is another program there? {remedy}")]
    Listen { address: SocketAddr, why: std::io::Error, remedy: &'static str },
    #[error("the policy that ships with the demo cannot be read: this is a defect of the program")]
    Policy,
    #[error("cannot wait for signals: {0}")]
    Signal(std::io::Error),
    #[error("serving ended: {0}")]
    Serve(std::io::Error),
}

/// A region that stands, with the tasks that belong to it. Dropping it ends them.
#[derive(Debug)]
struct Standing {
    settings: RegionSettings,
    region: Arc<Region>,
    memory: Option<Arc<MemoryBackend>>,
    tasks: Group,
}

/// Serves a configuration until the process is told to end.
pub async fn run(
    path: PathBuf,
    settings: Settings,
    listen: Option<SocketAddr>,
    environment: Environment<'static>,
) -> Result<(), AppError> {
    let mut standing = Vec::new();
    for region in &settings.regions {
        standing.push(stand(region, None).await?);
    }
    let metrics = Metrics::default();
    metrics.reloaded(true);
    let state = ApiState::new(federation(&settings, &standing), metrics, api_settings(&settings));
    let listener =
        bind(settings.gateway.listen, "choose a free port with --listen or [gateway] listen").await?;
    let serving =
        ServeSettings { connections_max: settings.limits.connections_max, ..ServeSettings::default() };
    tracing::info!(
        // As bound: port 0 asks for any free one.
        listen = %listener.local_addr().unwrap_or(settings.gateway.listen),
        regions = settings.regions.len(),
        policy = settings.plan.digest(),
        "tutti answers"
    );
    let tasks = Group::new();
    let hangup = signal(SignalKind::hangup()).map_err(AppError::Signal)?;
    let watch = Watch::start(settings.sources.clone(), &tasks);
    let reloading = Reloading { path, listen, environment, settings, standing, watch, state: state.clone() };
    tasks.spawn(reloading.run(hangup));
    serve_until_told(listener, state, serving).await
}

/// Serves until SIGTERM or SIGINT, then says so on `/ready` and drains.
pub async fn serve_until_told(
    listener: TcpListener,
    state: ApiState,
    serving: ServeSettings,
) -> Result<(), AppError> {
    let mut terminate = signal(SignalKind::terminate()).map_err(AppError::Signal)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(AppError::Signal)?;
    let stopping = state.clone();
    let told = async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        stopping.stop();
        tracing::info!("told to end: finishing what is in flight");
    };
    serve(listener, router(state), serving, told).await.map_err(AppError::Serve)
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

fn federation(settings: &Settings, standing: &[Standing]) -> Federation {
    let regions = standing.iter().map(|standing| standing.region.clone()).collect();
    Federation::new(regions, settings.federation.clone(), Arc::new(settings.plan.clone()))
}

/// Builds one region and begins its tasks. An embedded region keeps what it holds.
async fn stand(settings: &RegionSettings, before: Option<&Standing>) -> Result<Standing, AppError> {
    let built = |why| AppError::Region { region: settings.name.to_string(), why };
    let tasks = Group::new();
    let (region, memory) = match &settings.kind {
        KindSettings::Tempo(_) => (Region::build(settings).map_err(built)?, None),
        KindSettings::Memory(memory) => {
            let backend = match before.and_then(|before| before.memory.clone()) {
                Some(backend) => backend,
                None => take_in(memory, &tasks).await?,
            };
            let (name, jurisdiction) = (settings.name.clone(), settings.jurisdiction.clone());
            (Region::new(name, jurisdiction, backend.clone(), settings.layers.clone()), Some(backend))
        }
    };
    let region = Arc::new(region);
    let watched = region.clone();
    tasks.spawn(async move { watched.watch().await });
    Ok(Standing { settings: settings.clone(), region, memory, tasks })
}

/// An embedded region and, where it has an address, the door through which spans come in.
async fn take_in(settings: &MemorySettings, tasks: &Group) -> Result<Arc<MemoryBackend>, AppError> {
    let backend = Arc::new(MemoryBackend::new(settings.clone()));
    if let Some(address) = settings.otlp {
        let listener = bind(address, "choose a free port with the region's otlp key").await?;
        open_door(listener, backend.clone(), tasks);
    }
    Ok(backend)
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
    environment: Environment<'static>,
    settings: Settings,
    standing: Vec<Standing>,
    watch: Watch,
    state: ApiState,
}

impl Reloading {
    /// Reloads on SIGHUP and on change of any file the configuration is made of.
    async fn run(mut self, mut hangup: Signal) {
        loop {
            let is_told = tokio::select! {
                told = hangup.recv() => told.is_some(),
                changed = self.watch.changed() => changed.is_some(),
            };
            if !is_told {
                return;
            }
            let is_good = self.reload().await;
            self.state.metrics.reloaded(is_good);
        }
    }

    /// Validated first, then swapped whole; on any fault the last good one stays in force.
    async fn reload(&mut self) -> bool {
        let (path, environment) = (self.path.clone(), self.environment);
        let Ok(loaded) = task::blocking(move || Settings::load(&path, environment)).await else {
            return false;
        };
        let (settings, findings) = match loaded {
            Ok(loaded) => loaded,
            Err(error) => {
                self.refuse(error);
                return false;
            }
        };
        self.watch.follow(settings.sources.clone());
        let settings = match self.listen.map(|listen| settings.clone().listening_on(listen)) {
            None => settings,
            Some(Ok(settings)) => settings,
            Some(Err(error)) => {
                tracing::error!(%error, "the new configuration is refused, the last good one stays");
                return false;
            }
        };
        log_findings(&findings);
        let changes = Changes::between(&self.settings, &settings);
        if changes.is_empty() {
            return true;
        }
        match self.replace(&settings).await {
            Ok(()) => {
                tracing::info!(%changes, "the new configuration is in force");
                self.settings = settings;
                true
            }
            Err(error) => {
                tracing::error!(%error, "the new configuration is refused, the last good one stays");
                false
            }
        }
    }

    fn refuse(&self, error: LoadError) {
        tracing::error!(file = %self.path.display(), "the new configuration is refused, the last good one stays");
        match error {
            LoadError::Faulty(faults) => {
                self.watch.follow(faults.sources);
                log_findings(&faults.findings);
            }
            error @ LoadError::Unreadable { .. } => tracing::error!(%error),
        }
    }

    /// Regions that did not change stay as they are, with their connections, circuits and spans.
    async fn replace(&mut self, settings: &Settings) -> Result<(), AppError> {
        let mut next = Vec::with_capacity(settings.regions.len());
        for region in &settings.regions {
            let before = self.standing.iter().find(|standing| standing.settings.name == region.name);
            next.push(match before {
                Some(before) if before.settings == *region => before.shared(),
                before => stand(region, before).await?.heir_of(before),
            });
        }
        self.state.swap(federation(settings, &next));
        self.standing = next;
        Ok(())
    }
}

impl Standing {
    fn shared(&self) -> Self {
        Self {
            settings: self.settings.clone(),
            region: self.region.clone(),
            memory: self.memory.clone(),
            tasks: self.tasks.clone(),
        }
    }

    /// An embedded region that goes on keeps its door open.
    fn heir_of(self, before: Option<&Self>) -> Self {
        let Some(before) = before.filter(|before| before.memory.is_some() && self.memory.is_some()) else {
            return self;
        };
        let watched = self.region.clone();
        before.tasks.spawn(async move { watched.watch().await });
        Self { tasks: before.tasks.clone(), ..self }
    }
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
