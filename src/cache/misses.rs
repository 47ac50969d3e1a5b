//! Misses of a moment ago. Where v2 answers 404, Grafana asks the same id again on v1; the second
//! question is answered from here, once, so that a miss costs the regions one fan-out.

use std::time::Duration;

use moka::sync::Cache;
use tokio::time::Instant;

use crate::model::{Complete, TraceQuery};

/// Grafana asks again within a network round trip; a span that arrives meanwhile is not hidden longer.
const REMEMBERED: Duration = Duration::from_secs(3);

/// An entry is a key of some hundred bytes and a report; at this count they stay below 10 MB.
const MISSES_MAX: u64 = 10_000;

/// Complete misses by query and policy, each with the time it was found.
#[derive(Debug, Clone)]
pub struct RecentMisses(Cache<(TraceQuery, String), (Instant, Complete<()>)>);

impl Default for RecentMisses {
    fn default() -> Self {
        // The cache's own clock lets go of what nobody asks for again; what counts is tokio's.
        Self(Cache::builder().max_capacity(MISSES_MAX).time_to_live(REMEMBERED).build())
    }
}

impl RecentMisses {
    pub fn remember(&self, query: &TraceQuery, plan_digest: &str, miss: Complete<()>) {
        self.0.insert((query.clone(), plan_digest.to_owned()), (Instant::now(), miss));
    }

    /// The miss, which is then forgotten: it answers one question.
    pub fn take(&self, query: &TraceQuery, plan_digest: &str) -> Option<Complete<()>> {
        let (found_at, miss) = self.0.remove(&(query.clone(), plan_digest.to_owned()))?;
        (found_at.elapsed() < REMEMBERED).then_some(miss)
    }

    /// As nobody had looked.
    pub fn forget_all(&self) {
        self.0.invalidate_all();
    }
}
