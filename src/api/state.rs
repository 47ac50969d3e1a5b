//! What every handler is given: the federation in force, swapped whole on reload.

use std::sync::Arc;

use arc_swap::ArcSwap;
use tokio::sync::{Semaphore, watch};

use crate::federation::Federation;
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

/// Shared by all handlers; cheap to clone.
#[derive(Debug, Clone)]
pub struct ApiState {
    federation: Arc<ArcSwap<Federation>>,
    pub metrics: Metrics,
    pub settings: Arc<ApiSettings>,
    pub permits: Arc<Semaphore>,
    stopping: Arc<watch::Sender<bool>>,
}

impl ApiState {
    pub fn new(federation: Federation, metrics: Metrics, settings: ApiSettings) -> Self {
        Self {
            federation: Arc::new(ArcSwap::from_pointee(federation)),
            metrics,
            permits: Arc::new(Semaphore::new(settings.requests_concurrent_max)),
            settings: Arc::new(settings),
            stopping: Arc::default(),
        }
    }

    /// The federation in force now. A request keeps the one it began with.
    pub fn federation(&self) -> Arc<Federation> {
        self.federation.load_full()
    }

    /// Puts another federation in force; requests in flight end with theirs.
    pub fn swap(&self, federation: Federation) {
        self.federation.store(Arc::new(federation));
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
