//! Whole traces of a moment ago, by who may see what of them. Weighed in bytes; what is partial does not fit, by type.
//!
//! A trace that may still grow is kept for seconds, one that has long ended for minutes: spans arrive late, and how
//! late is a setting. A view is never given to another plan, since the plan is part of what it is found by. With a
//! trace lie the bodies that were written of it, so that the next who wants the same form gets the same bytes.

use std::ops::Deref;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use moka::notification::RemovalCause;
use moka::ops::compute::Op;
use moka::sync::Cache;
use tokio::time::Instant;

use crate::model::{Complete, TraceId, TraceQuery};
use crate::telemetry::metrics::CacheFamilies;
use crate::telemetry::metrics::cache::Cause;

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

    /// Whether a trace grows no more whose last span ended so long ago.
    pub fn is_old(&self, ended_ago: Duration) -> bool {
        ended_ago >= self.lateness
    }

    /// How long a trace is kept whose last span ended so long ago.
    pub fn kept_for(&self, ended_ago: Duration) -> Duration {
        if self.is_old(ended_ago) { self.old } else { self.young }
    }
}

/// What a view of a trace is found by.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct HotKey {
    pub query: TraceQuery,
    /// Who may see what: two callers share a view only where this is the same.
    pub plan_digest: String,
    pub shape: Shape,
}

/// What is kept of a trace: the same bytes of regions become different things.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Shape {
    /// Assembled, as a lookup by id shows it.
    Trace { adjusts_skew: bool },
    /// The views of its regions, as a query looks at them: with nothing added but, for some, where each is from.
    Parts { names_origin: bool },
}

/// In which form a body was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Form {
    pub endpoint: FormEndpoint,
    pub is_json: bool,
    pub is_gzip: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FormEndpoint {
    V1,
    V2,
}

/// Two endpoints, two formats, packed and not.
const FORMS: usize = 8;

impl Form {
    fn place(self) -> usize {
        let endpoint = match self.endpoint {
            FormEndpoint::V1 => 0,
            FormEndpoint::V2 => 4,
        };
        endpoint + 2 * usize::from(self.is_json) + usize::from(self.is_gzip)
    }
}

#[derive(Debug)]
struct Entry<V> {
    value: Complete<V>,
    /// What it takes of the memory, with its bodies.
    bytes: AtomicU32,
    /// What of that may be seen. What is withheld has a size, too, and that is told nobody.
    shown: AtomicU64,
    from: Instant,
    until: Instant,
    bodies: [OnceLock<Written>; FORMS],
    /// Somebody fetches it anew already.
    is_renewed: AtomicBool,
}

/// A body as it was written.
#[derive(Debug, Clone)]
pub struct Written {
    pub bytes: Bytes,
    /// Before it was packed.
    pub length: u64,
}

/// How large something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// Of memory.
    pub held: u64,
    /// Of what may be seen of it.
    pub shown: u64,
}

/// How many were forgotten when a lookup began: what it brings is only kept if that is still so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Epoch(u64);

/// Traces that were whole a moment ago. Whoever finds one takes the memory along, to keep what is written of it.
pub struct HotTraces<V>(Arc<Store<V>>);

/// The one memory behind all handles on it.
pub struct Store<V> {
    entries: Cache<HotKey, Arc<Entry<V>>>,
    settings: HotSettings,
    forgotten: AtomicU64,
    counts: CacheFamilies,
}

/// Clones are one memory.
impl<V> Clone for HotTraces<V> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<V> Deref for HotTraces<V> {
    type Target = Store<V>;

    fn deref(&self) -> &Store<V> {
        &self.0
    }
}

impl<V> std::fmt::Debug for Store<V> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl<V> std::fmt::Debug for HotTraces<V> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HotTraces").field("settings", &self.settings).finish_non_exhaustive()
    }
}

/// Something that was there.
pub struct Hit<V> {
    entry: Arc<Entry<V>>,
    key: HotKey,
    within: HotTraces<V>,
    /// From before it was looked for.
    epoch: Epoch,
}

impl<V> Clone for Hit<V> {
    fn clone(&self) -> Self {
        Self {
            entry: self.entry.clone(),
            key: self.key.clone(),
            within: self.within.clone(),
            epoch: self.epoch,
        }
    }
}

impl<V> std::fmt::Debug for Hit<V> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Hit").field("key", &self.key).finish_non_exhaustive()
    }
}

impl<V: Clone + Send + Sync + 'static> HotTraces<V> {
    pub fn new(settings: HotSettings, counts: CacheFamilies) -> Self {
        let evicted = counts.clone();
        // The cache's own clock lets go of what nobody asks for again; what counts is tokio's.
        let entries = Cache::builder()
            .max_capacity(settings.bytes_max)
            .weigher(|_, entry: &Arc<Entry<V>>| entry.bytes.load(Ordering::Relaxed))
            .time_to_live(settings.old.max(settings.young))
            .support_invalidation_closures()
            .eviction_listener(move |_, _, cause| match cause {
                RemovalCause::Expired => evicted.evicted(Cause::Expired),
                RemovalCause::Size => evicted.evicted(Cause::Size),
                RemovalCause::Explicit => evicted.evicted(Cause::Forgotten),
                RemovalCause::Replaced => {}
            })
            .build();
        Self(Arc::new(Store { entries, settings, forgotten: AtomicU64::new(0), counts }))
    }

    pub fn settings(&self) -> &HotSettings {
        &self.settings
    }

    pub fn counts(&self) -> &CacheFamilies {
        &self.counts
    }

    pub fn is_kept(&self) -> bool {
        self.settings.bytes_max > 0
    }

    /// For a lookup that begins now.
    pub fn epoch(&self) -> Epoch {
        Epoch(self.forgotten.load(Ordering::Acquire))
    }

    /// Remembers something of this size for so long.
    pub fn remember(&self, key: HotKey, value: Complete<V>, size: Size, kept_for: Duration, epoch: Epoch) {
        if !self.is_kept() || kept_for.is_zero() {
            return;
        }
        if !self.has_room_for(size.shown) {
            return self.counts.refused(Cause::TooLarge);
        }
        let from = Instant::now();
        // What weighs more than all there may be would be turned away for what is withheld of it.
        let held = size.held.min(self.settings.bytes_max);
        let entry = Entry {
            value,
            bytes: AtomicU32::new(u32::try_from(held).unwrap_or(u32::MAX)),
            shown: AtomicU64::new(size.shown),
            from,
            until: from + kept_for,
            bodies: Default::default(),
            is_renewed: AtomicBool::new(false),
        };
        let again = key.clone();
        self.entries.insert(key, Arc::new(entry));
        // After it is there, so that whoever forgets at the same time either finds it or is seen here.
        if self.epoch() != epoch {
            self.entries.invalidate(&again);
            self.counts.refused(Cause::Overtaken);
        }
    }

    /// One that fills the memory would only push everything else out. By what is shown of it: whether a trace was kept
    /// can be seen, and must not tell how large is what is withheld of it.
    fn has_room_for(&self, shown: u64) -> bool {
        shown <= self.settings.bytes_max / 2
    }

    pub fn get(&self, key: &HotKey) -> Option<Hit<V>> {
        if !self.is_kept() {
            return None;
        }
        let epoch = self.epoch();
        let entry = self.entries.get(key)?;
        if entry.until <= Instant::now() {
            self.entries.invalidate(key);
            return None;
        }
        Some(Hit { entry, key: key.clone(), within: self.clone(), epoch })
    }

    /// Forgets some traces, for whoever they were kept; and what is being fetched of any is not kept when it comes.
    pub fn forget_where(&self, is_of: impl Fn(&TraceId) -> bool + Send + Sync + 'static) {
        self.forgotten.fetch_add(1, Ordering::AcqRel);
        // Refused where closures are not supported, which is said above.
        let _ = self.entries.invalidate_entries_if(move |key, _| is_of(&key.query.id));
    }

    pub fn forget_all(&self) {
        self.forgotten.fetch_add(1, Ordering::AcqRel);
        self.entries.invalidate_all();
    }

    /// Entries that are held now, and the bytes of them that may be seen. Looks at each of them.
    pub fn held(&self) -> (u64, u64) {
        let shown = self.entries.iter().map(|(_, entry)| entry.shown.load(Ordering::Relaxed));
        shown.fold((0, 0), |(entries, bytes), shown| (entries + 1, bytes + shown))
    }
}

/// Of its time, the last part in which it is fetched anew where many ask for it.
const WORN_PART: u32 = 5;

impl<V: Clone + Send + Sync + 'static> Hit<V> {
    pub fn value(&self) -> &Complete<V> {
        &self.entry.value
    }

    /// What counts how the memory it is of is used.
    pub fn counts(&self) -> &CacheFamilies {
        &self.within.counts
    }

    /// The body in this form, where it was written before.
    pub fn body(&self, form: Form) -> Option<&Written> {
        self.entry.bodies.get(form.place())?.get()
    }

    /// Keeps a body that was written of it. Its bytes count like any others.
    pub fn keep_body(&self, form: Form, written: Written) {
        let (length, shown) = (written.bytes.len() as u64, self.entry.shown.load(Ordering::Relaxed));
        let room = self.within.has_room_for(shown.saturating_add(length));
        let (true, Some(place), Ok(more)) =
            (room, self.entry.bodies.get(form.place()), u32::try_from(length))
        else {
            return;
        };
        if place.set(written).is_err() {
            return;
        }
        let most = u32::try_from(self.within.settings.bytes_max).unwrap_or(u32::MAX);
        let added = |held: u32| Some(held.saturating_add(more).min(most));
        let _ = self.entry.bytes.fetch_update(Ordering::Relaxed, Ordering::Relaxed, added);
        self.entry.shown.fetch_add(length, Ordering::Relaxed);
        self.weigh_anew(|| ());
    }

    /// Weighed anew, if it is still the one that is kept. What is forgotten at the same time is not brought back by it:
    /// whoever forgets either finds it, or is seen here.
    fn weigh_anew(&self, meanwhile: impl FnOnce()) {
        if self.within.epoch() != self.epoch {
            return;
        }
        let entry = self.entry.clone();
        self.within.entries.entry(self.key.clone()).and_compute_with(|kept| {
            meanwhile();
            match kept {
                Some(kept) if Arc::ptr_eq(kept.value(), &entry) => Op::Put(entry),
                _ => Op::Nop,
            }
        });
        if self.within.epoch() != self.epoch {
            self.within.entries.invalidate(&self.key);
        }
    }

    /// Whether its time is nearly over. Says so to one who asks, once.
    pub fn is_to_be_renewed(&self) -> bool {
        let entry = &self.entry;
        let whole = entry.until.saturating_duration_since(entry.from);
        let is_worn = entry.until.saturating_duration_since(Instant::now()) <= whole / WORN_PART;
        is_worn && !entry.is_renewed.swap(true, Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests;
