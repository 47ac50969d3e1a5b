//! Whole answers of a moment ago, for whoever was told to look again.

use std::hash::Hash;
use std::sync::Arc;
use std::time::Duration;

use moka::sync::Cache;
use tokio::time::Instant;

use crate::model::Complete;

/// How long the same question finds one: whoever is told to look again does so soon.
const KEPT: Duration = Duration::from_secs(10);

/// Answers that are kept. How large one may be is for those to say who know what is in it.
const KEPT_MAX: u64 = 64;

/// Whole answers, each by its question and by who may see what of it. Clones are one memory.
#[derive(Clone)]
pub struct RecentAnswers<K, V>(Cache<K, Arc<Kept<V>>>);

/// An answer, and when it was found.
type Kept<V> = (Instant, Complete<V>);

impl<K, V> std::fmt::Debug for RecentAnswers<K, V> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RecentAnswers(..)")
    }
}

impl<K, V> Default for RecentAnswers<K, V>
where
    K: Hash + Eq + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    fn default() -> Self {
        // The cache's own clock lets go of what nobody asks for again; what counts is tokio's.
        Self(Cache::builder().max_capacity(KEPT_MAX).time_to_live(KEPT).build())
    }
}

impl<K, V> RecentAnswers<K, V>
where
    K: Hash + Eq + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    pub fn remember(&self, key: K, answer: Complete<V>) {
        self.0.insert(key, Arc::new((Instant::now(), answer)));
    }

    pub fn forget_all(&self) {
        self.0.invalidate_all();
    }

    pub fn find(&self, key: &K) -> Option<Complete<V>> {
        let kept = self.0.get(key)?;
        (kept.0.elapsed() < KEPT).then(|| kept.1.clone())
    }
}
