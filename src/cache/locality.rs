//! Where traces are: which regions held one when all of them were asked, how much of it, and when it took place.
//!
//! It holds no spans and nothing of what they say. A whole answer alone says where a trace is, and only of a trace that
//! was over for long enough does it say where it will never be. How long that is true is a setting: what is remembered
//! is found out anew after a while, whatever anyone asked meanwhile.

use std::sync::Arc;
use std::time::Duration;

use moka::sync::Cache;
use tokio::time::Instant;

use crate::model::{RegionName, TraceId};

/// What one trace takes beside its regions: its key with a digest of 64 characters, the place, and what the cache keeps
/// of each entry.
const ENTRY_BYTES: u64 = 480;

/// And for each region: its name, which is shared, and a number.
const PLACE_BYTES: u64 = 24;

/// What is remembered, and how long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalitySettings {
    /// Traces of which it is remembered; 0 remembers none. One takes some 550 bytes with three regions.
    pub traces_max: u64,
    /// How long.
    pub kept_for: Duration,
}

impl LocalitySettings {
    /// Nothing is remembered: what a library user gets who did not ask for it.
    pub const NONE: Self = Self { traces_max: 0, kept_for: Duration::ZERO };

    /// What all of it takes at most, for so many regions.
    pub fn bytes_max(&self, regions: usize) -> u64 {
        let each = ENTRY_BYTES.saturating_add(PLACE_BYTES.saturating_mul(regions as u64));
        if self.kept_for.is_zero() { 0 } else { self.traces_max.saturating_mul(each) }
    }

    /// What a gateway does where its configuration does not say otherwise.
    pub const GATEWAY: Self = Self { traces_max: 50_000, kept_for: Duration::from_hours(1) };
}

/// One trace as whoever has this plan sees it: what others know of it is not for them.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct LocalityKey {
    pub id: TraceId,
    pub plan_digest: String,
}

/// Where one trace was when every region had answered in full.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Spans by region, of every region that there was.
    pub spans: Vec<(RegionName, u64)>,
    /// Of all its spans, in nanoseconds since the Unix epoch.
    pub start: u64,
    pub end: u64,
    /// Whether it had been over for so long that nothing of it can have arrived since.
    pub is_over: bool,
}

impl Place {
    /// How many spans were there; nothing of a region that was not asked then.
    pub fn spans_in(&self, region: &RegionName) -> Option<u64> {
        self.spans.iter().find(|(name, _)| name == region).map(|(_, spans)| *spans)
    }
}

#[derive(Debug)]
struct Told {
    place: Place,
    until: Instant,
}

/// Where traces are. Clones are one memory.
#[derive(Debug, Clone)]
pub struct Locality {
    told: Cache<LocalityKey, Arc<Told>>,
    settings: LocalitySettings,
}

impl Locality {
    pub fn new(settings: LocalitySettings) -> Self {
        // The cache's own clock lets go of what nobody asks for again; what counts is tokio's.
        let told = Cache::builder()
            .max_capacity(settings.traces_max)
            .time_to_live(settings.kept_for)
            .support_invalidation_closures()
            .build();
        Self { told, settings }
    }

    pub fn is_kept(&self) -> bool {
        self.settings.traces_max > 0 && !self.settings.kept_for.is_zero()
    }

    pub fn learn(&self, key: LocalityKey, place: Place) {
        if self.is_kept() {
            let until = Instant::now() + self.settings.kept_for;
            self.told.insert(key, Arc::new(Told { place, until }));
        }
    }

    /// What was found out of it for this plan turned out not to hold.
    pub fn doubt(&self, key: &LocalityKey) {
        self.told.invalidate(key);
    }

    /// Forgets where all traces are, for every plan.
    pub fn forget_all(&self) {
        self.told.invalidate_all();
    }

    /// The same of some traces.
    pub fn forget_where(&self, is_of: impl Fn(&TraceId) -> bool + Send + Sync + 'static) {
        // It fails only where closures are not supported, which the builder has said they are.
        if self.told.invalidate_entries_if(move |key, _| is_of(&key.id)).is_err() {
            self.told.invalidate_all();
        }
    }

    pub fn find(&self, key: &LocalityKey) -> Option<Place> {
        if !self.is_kept() {
            return None;
        }
        let told = self.told.get(key)?;
        (told.until > Instant::now()).then(|| told.place.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(plan: &str) -> LocalityKey {
        let id = TraceId::parse("0af7651916cd43dd8448eb211c80319c").unwrap();
        LocalityKey { id, plan_digest: plan.to_owned() }
    }

    fn place() -> Place {
        let spans = vec![(RegionName::parse("eu-central").unwrap(), 3)];
        Place { spans, start: 1, end: 2, is_over: true }
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_remembered_is_found_by_its_own_plan_and_not_for_ever() {
        let locality = Locality::new(LocalitySettings::GATEWAY);
        locality.learn(key("alice"), place());
        assert_eq!((locality.find(&key("alice")), locality.find(&key("bob"))), (Some(place()), None));
        tokio::time::advance(LocalitySettings::GATEWAY.kept_for).await;
        assert_eq!(locality.find(&key("alice")), None);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_forgotten_is_forgotten_for_every_plan_and_what_is_doubted_for_one() {
        let locality = Locality::new(LocalitySettings::GATEWAY);
        let learn = || ["alice", "bob"].map(|plan| locality.learn(key(plan), place()));
        learn();
        locality.doubt(&key("alice"));
        assert_eq!((locality.find(&key("alice")), locality.find(&key("bob"))), (None, Some(place())));
        let id = key("any").id;
        let forgets: [&dyn Fn(); 2] =
            [&|| locality.forget_where(move |of| *of == id), &|| locality.forget_all()];
        for forget in forgets {
            learn();
            forget();
            assert_eq!((locality.find(&key("alice")), locality.find(&key("bob"))), (None, None));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn without_room_nothing_is_remembered() {
        let locality = Locality::new(LocalitySettings::NONE);
        locality.learn(key("any"), place());
        assert_eq!(locality.find(&key("any")), None);
    }
}
