//! Whole traces of a moment ago, by who may see what of them. Weighed in bytes; what is partial does not fit, by type.
//!
//! A trace that may still grow is kept for seconds, one that has long ended for minutes: spans arrive late, and how
//! late is a setting. A view is never given to another plan, since the plan is part of what it is found by.

use std::sync::Arc;
use std::time::Duration;

use moka::sync::Cache;
use tokio::time::Instant;

use crate::model::{Complete, TraceQuery};

/// What is kept, and how long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HotSettings {
    /// Of all traces that are kept; 0 keeps none.
    pub bytes_max: u64,
    /// How long after a trace's last span another may still arrive.
    pub lateness: Duration,
    /// How long a trace is kept that may still grow.
    pub young: Duration,
    /// And one that grows no more.
    pub old: Duration,
}

impl HotSettings {
    /// Nothing is kept: what a library user gets who did not ask for it.
    pub const NONE: Self =
        Self { bytes_max: 0, lateness: Duration::ZERO, young: Duration::ZERO, old: Duration::ZERO };

    /// What a gateway does where its configuration does not say otherwise.
    pub const GATEWAY: Self = Self {
        bytes_max: 256 << 20,
        lateness: Duration::from_mins(10),
        young: Duration::from_secs(3),
        old: Duration::from_mins(10),
    };

    /// How long a trace is kept whose last span ended so long ago.
    pub fn kept_for(&self, ended_ago: Duration) -> Duration {
        if ended_ago >= self.lateness { self.old } else { self.young }
    }
}

/// What a view of a trace is found by.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct HotKey {
    pub query: TraceQuery,
    /// Who may see what: two callers share a view only where this is the same.
    pub plan_digest: String,
    pub adjusts_skew: bool,
}

#[derive(Debug)]
struct Entry<V> {
    value: Complete<V>,
    bytes: u32,
    until: Instant,
}

/// Traces that were whole a moment ago.
pub struct HotTraces<V> {
    entries: Cache<HotKey, Arc<Entry<V>>>,
    settings: HotSettings,
}

/// Clones are one memory.
impl<V> Clone for HotTraces<V> {
    fn clone(&self) -> Self {
        Self { entries: self.entries.clone(), settings: self.settings.clone() }
    }
}

impl<V> std::fmt::Debug for HotTraces<V> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HotTraces").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl<V: Clone + Send + Sync + 'static> HotTraces<V> {
    pub fn new(settings: HotSettings) -> Self {
        // The cache's own clock lets go of what nobody asks for again; what counts is tokio's.
        let entries = Cache::builder()
            .max_capacity(settings.bytes_max)
            .weigher(|_, entry: &Arc<Entry<V>>| entry.bytes)
            .time_to_live(settings.old.max(settings.young))
            .build();
        Self { entries, settings }
    }

    pub fn is_kept(&self) -> bool {
        self.settings.bytes_max > 0
    }

    /// Remembers a trace of so many bytes whose last span ended so long ago.
    pub fn remember(&self, key: HotKey, value: Complete<V>, bytes: u64, ended_ago: Duration) {
        let kept_for = self.settings.kept_for(ended_ago);
        // One trace that fills the memory would only push everything else out.
        if !self.is_kept() || kept_for.is_zero() || bytes > self.settings.bytes_max / 2 {
            return;
        }
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        self.entries.insert(key, Arc::new(Entry { value, bytes, until: Instant::now() + kept_for }));
    }

    pub fn get(&self, key: &HotKey) -> Option<Complete<V>> {
        if !self.is_kept() {
            return None;
        }
        let entry = self.entries.get(key)?;
        if entry.until <= Instant::now() {
            self.entries.invalidate(key);
            return None;
        }
        Some(entry.value.clone())
    }

    /// Bytes that are held now, about.
    pub fn bytes(&self) -> u64 {
        self.entries.weighted_size()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::coverage::Owing;
    use crate::model::{
        Answer, Coverage, Jurisdiction, Mode, RegionName, RegionReport, RegionStatus, TraceId,
    };

    fn key(plan: &str) -> HotKey {
        let query = TraceQuery::of(TraceId::parse("0af7651916cd43dd8448eb211c80319c").unwrap());
        HotKey { query, plan_digest: plan.to_owned(), adjusts_skew: false }
    }

    fn whole(value: u32) -> Complete<u32> {
        let region = RegionName::parse("eu-central").unwrap();
        let report = RegionReport::new(region, Jurisdiction::parse("EU").unwrap(), RegionStatus::Ok);
        let coverage = Coverage {
            mode: Mode::BestEffort,
            regions: vec![report],
            owed: Owing::default(),
            is_size_limited: false,
            budget: None,
            plan_digest: String::new(),
        };
        Answer { value, coverage }.complete().unwrap()
    }

    fn of(hot: &HotTraces<u32>, plan: &str) -> Option<u32> {
        hot.get(&key(plan)).map(|value| value.into_answer().value)
    }

    #[tokio::test(start_paused = true)]
    async fn a_trace_that_may_grow_is_kept_for_seconds_and_an_old_one_for_minutes() {
        let hot = HotTraces::new(HotSettings::GATEWAY);
        hot.remember(key("young"), whole(1), 100, Duration::from_secs(5));
        hot.remember(key("old"), whole(2), 100, Duration::from_hours(1));
        assert_eq!((of(&hot, "young"), of(&hot, "old")), (Some(1), Some(2)));
        tokio::time::advance(HotSettings::GATEWAY.young).await;
        assert_eq!((of(&hot, "young"), of(&hot, "old")), (None, Some(2)));
        tokio::time::advance(HotSettings::GATEWAY.old).await;
        assert_eq!(of(&hot, "old"), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_view_is_found_by_its_own_plan_alone() {
        let hot = HotTraces::new(HotSettings::GATEWAY);
        hot.remember(key("alice"), whole(1), 100, Duration::from_hours(1));
        assert_eq!((of(&hot, "alice"), of(&hot, "bob")), (Some(1), None));
        let skewed = HotKey { adjusts_skew: true, ..key("alice") };
        assert!(hot.get(&skewed).is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_too_large_for_it_is_not_kept_and_without_room_nothing_is() {
        let settings = HotSettings { bytes_max: 1000, ..HotSettings::GATEWAY };
        let hot = HotTraces::new(settings);
        hot.remember(key("large"), whole(1), 501, Duration::from_hours(1));
        hot.remember(key("small"), whole(2), 500, Duration::from_hours(1));
        assert_eq!((of(&hot, "large"), of(&hot, "small")), (None, Some(2)));
        let none = HotTraces::new(HotSettings::NONE);
        none.remember(key("any"), whole(1), 1, Duration::from_hours(1));
        assert_eq!(of(&none, "any"), None);
    }
}
