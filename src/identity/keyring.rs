//! Where the keys of an issuer come from: a file, or an address that one task asks, so that however many callers wait
//! there is one question. Whoever shows a known key is never held up by it: keys that are known go on while the
//! address is slow, dead or being changed, within bounds that have names.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep, timeout};

use super::jwks::{Key, KeySet, SignedBy};
use super::settings::KeysUrl;
use super::token::{TokenFault, shown};
use crate::task::Group;

/// Between the beginnings of two questions to one address at least this long passes: however many tokens with unknown
/// keys come in, they cost six questions a minute.
pub const SPACING: Duration = Duration::from_secs(10);

/// What one question may take.
pub const FETCH_MAX: Duration = Duration::from_secs(5);

/// What a caller with a key that is not known yet waits for the question about it.
pub const WAIT_MAX: Duration = Duration::from_secs(3);

/// For how long keys are taken to be all there are: what the issuer says of it, between these, and this where it says
/// nothing.
pub const FRESH_MIN: Duration = Duration::from_secs(60);
pub const FRESH_MAX: Duration = Duration::from_secs(3600);
pub const FRESH: Duration = Duration::from_secs(600);

/// After a question that failed the next waits this long, twice as long after each.
const PAUSE: Duration = SPACING;
const PAUSE_MAX: Duration = Duration::from_secs(300);

/// A key that is no longer published is still good for this long: several machines behind one address change theirs
/// one after the other, and answer in turn.
pub const GONE_MAX: Duration = Duration::from_secs(300);

/// Keys of an issuer that nobody reached for this long are no longer believed: one was to be taken back, perhaps.
pub const SILENT_MAX: Duration = Duration::from_secs(24 * 3600);

/// A name that was asked about and not found is not asked about again for this long.
const MISSED_FOR: Duration = Duration::from_secs(60);

/// Names that are remembered as not found. Those beyond are held back by `SPACING` alone.
const MISSED_MAX: usize = 256;

/// What an address said.
#[derive(Debug, Clone)]
pub struct FetchedKeys {
    pub body: Bytes,
    /// How long it may be kept, by its own word.
    pub max_age: Option<Duration>,
}

/// Asks an address for keys. Who can, is not known here: this room makes no connection.
pub trait FetchKeys: Send + Sync + fmt::Debug {
    /// The error is a sentence for the log, and holds nothing that was answered.
    fn fetch<'a>(&'a self, from: &'a KeysUrl) -> BoxFuture<'a, Result<FetchedKeys, String>>;

    /// Is told of each question when it is over, and whether what came were keys.
    fn ended(&self, _is_good: bool) {}
}

/// The keys of one issuer.
#[derive(Debug)]
pub(super) enum Keyring {
    Fixed(Arc<KeySet>),
    Fetched(Fetched),
}

/// With the task that asks, which ends when the last clone of this is dropped.
#[derive(Debug, Clone)]
pub(super) struct Fetched {
    address: Arc<Address>,
    _asking: Group,
}

#[derive(Debug)]
struct Address {
    from: KeysUrl,
    fetch: Arc<dyn FetchKeys>,
    held: RwLock<Held>,
    wanted: Notify,
    /// Counts the questions that are over.
    answered: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Held {
    keys: Vec<HeldKey>,
    /// When the last question began.
    began: Option<Instant>,
    is_asking: bool,
    /// When keys were last had.
    had: Option<Instant>,
    failures: u32,
    missed: HashMap<String, Instant>,
    /// Counts how often a key left.
    left: u64,
}

#[derive(Debug)]
struct HeldKey {
    key: Arc<Key>,
    gone: Option<Instant>,
}

impl Keyring {
    pub fn fetched(from: KeysUrl, fetch: Arc<dyn FetchKeys>) -> Self {
        let address = Address {
            from,
            fetch,
            // The first question begins at once; who comes in meanwhile waits for it.
            held: RwLock::new(Held { is_asking: true, ..Held::default() }),
            wanted: Notify::new(),
            answered: watch::Sender::new(0),
        };
        let (address, asking) = (Arc::new(address), Group::new());
        let task = address.clone();
        asking.spawn(async move { task.keep_asking().await });
        Self::Fetched(Fetched { address, _asking: asking })
    }

    /// The same keys for another reception, if they are of this address.
    pub fn of(&self, from: &KeysUrl) -> Option<Self> {
        match self {
            Self::Fetched(fetched) if fetched.address.from == *from => Some(Self::Fetched(fetched.clone())),
            _ => None,
        }
    }

    /// Changes whenever a key is no longer good, so that nothing that was checked by it is remembered.
    pub fn epoch(&self) -> u64 {
        match self {
            Self::Fixed(_) => 0,
            Self::Fetched(fetched) => fetched.address.read().left,
        }
    }

    /// How many keys are good now, and how long ago they were had; nothing of what is asked of nobody.
    pub fn state(&self) -> Option<(usize, Option<Duration>)> {
        match self {
            Self::Fixed(_) => None,
            Self::Fetched(fetched) => {
                let (held, now) = (fetched.address.read(), Instant::now());
                let age = held.had.map(|had| now.duration_since(had));
                let is_silent = age.is_some_and(|age| age > SILENT_MAX);
                Some((held.keys.iter().filter(|held| !is_silent && held.is_good(now)).count(), age))
            }
        }
    }

    pub async fn key(
        &self,
        kid: Option<&str>,
        by: SignedBy,
        issuer: &str,
    ) -> Result<(Arc<Key>, u64), TokenFault> {
        match self {
            Self::Fixed(set) => match pick(set.keys.iter(), kid, by) {
                Some(key) => Ok((key, 0)),
                None => Err(none_such(kid, issuer)),
            },
            Self::Fetched(fetched) => fetched.address.key(kid, by, issuer).await,
        }
    }
}

impl Address {
    fn read(&self) -> RwLockReadGuard<'_, Held> {
        self.held.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Held> {
        self.held.write().unwrap_or_else(PoisonError::into_inner)
    }

    async fn key(
        &self,
        kid: Option<&str>,
        by: SignedBy,
        issuer: &str,
    ) -> Result<(Arc<Key>, u64), TokenFault> {
        let mut answered = self.answered.subscribe();
        if let Some(found) = self.read().find(kid, by) {
            return Ok(found);
        }
        if !self.asks(kid) {
            return Err(self.read().why_not(kid, issuer));
        }
        // One that takes longer goes on without this caller.
        let _ = timeout(WAIT_MAX, answered.changed()).await;
        if let Some(found) = self.read().find(kid, by) {
            return Ok(found);
        }
        let mut held = self.write();
        held.miss(kid);
        Err(held.why_not(kid, issuer))
    }

    /// Whether a question is under way, be it since now, that may bring this key.
    fn asks(&self, kid: Option<&str>) -> bool {
        let mut held = self.write();
        if held.is_asking {
            return true;
        }
        let now = Instant::now();
        let is_early = held.began.is_some_and(|began| now.duration_since(began) < SPACING);
        if is_early || held.is_missed(kid, now) {
            return false;
        }
        held.is_asking = true;
        self.wanted.notify_one();
        true
    }

    async fn keep_asking(&self) {
        loop {
            self.begin();
            let fetched = timeout(FETCH_MAX, self.fetch.fetch(&self.from)).await;
            let fetched = fetched.unwrap_or_else(|_| Err("it did not answer in time".to_owned()));
            let read = fetched.and_then(|fetched| {
                let set = KeySet::parse(&fetched.body).map_err(|error| error.to_string())?;
                Ok((set, fetched.max_age))
            });
            // Who asked for this question before it was over has had it.
            let _ = self.wanted.notified().now_or_never();
            self.fetch.ended(read.is_ok());
            let pause = self.end(read);
            self.answered.send_modify(|count| *count += 1);
            tokio::select! {
                () = sleep(pause) => {}
                () = self.wanted.notified() => {}
            }
        }
    }

    fn begin(&self) {
        let mut held = self.write();
        held.is_asking = true;
        held.began = Some(Instant::now());
    }

    /// Takes over what came, and says when to ask again.
    fn end(&self, read: Result<(KeySet, Option<Duration>), String>) -> Duration {
        let now = Instant::now();
        let mut held = self.write();
        held.is_asking = false;
        let pause = match read {
            Ok((set, max_age)) => {
                held.take(&set, now);
                // A little before they are no longer all there are.
                max_age.unwrap_or(FRESH).clamp(FRESH_MIN, FRESH_MAX) * 4 / 5
            }
            Err(why) => {
                held.failures = held.failures.saturating_add(1);
                tracing::warn!(url = %self.from.url, why, known = held.keys.len(), "the keys of an issuer cannot be had");
                let doubled = 1 << held.failures.saturating_sub(1).min(8);
                (PAUSE * doubled).min(PAUSE_MAX)
            }
        };
        held.forget(now);
        if held.keys.iter().any(|held| held.gone.is_some()) { pause.min(GONE_MAX) } else { pause }
    }
}

impl Held {
    fn find(&self, kid: Option<&str>, by: SignedBy) -> Option<(Arc<Key>, u64)> {
        let now = Instant::now();
        if self.had.is_none_or(|had| now.duration_since(had) > SILENT_MAX) {
            return None;
        }
        let good =
            self.keys.iter().filter(|held| held.is_good(now) && (kid.is_some() || held.gone.is_none()));
        pick(good.map(|held| &held.key), kid, by).map(|key| (key, self.left))
    }

    fn take(&mut self, set: &KeySet, now: Instant) {
        let is_published = |key: &Key| set.keys.iter().any(|published| published.is_same(key));
        // Another key under the same name takes its place at once.
        let is_replaced = |key: &Key| {
            key.kid.is_some()
                && set.keys.iter().any(|published| published.kid == key.kid)
                && !is_published(key)
        };
        let before = self.keys.len();
        self.keys.retain(|held| !is_replaced(&held.key));
        self.left += u64::from(self.keys.len() < before);
        for held in &mut self.keys {
            held.gone = if is_published(&held.key) { None } else { held.gone.or(Some(now)) };
        }
        for key in &set.keys {
            if !self.keys.iter().any(|held| held.key.is_same(key)) {
                self.keys.push(HeldKey { key: key.clone(), gone: None });
            }
        }
        self.had = Some(now);
        self.failures = 0;
        self.missed.clear();
    }

    /// Lets go of what is no longer good.
    fn forget(&mut self, now: Instant) {
        let before = self.keys.len();
        let is_silent = self.had.is_some_and(|had| now.duration_since(had) > SILENT_MAX);
        self.keys.retain(|held| !is_silent && held.is_good(now));
        self.left += u64::from(self.keys.len() < before);
        self.missed.retain(|_, at| now.duration_since(*at) < MISSED_FOR);
    }

    fn miss(&mut self, kid: Option<&str>) {
        if self.missed.len() < MISSED_MAX {
            self.missed.insert(shown(kid.unwrap_or_default()), Instant::now());
        }
    }

    fn is_missed(&self, kid: Option<&str>, now: Instant) -> bool {
        let missed = self.missed.get(&shown(kid.unwrap_or_default()));
        missed.is_some_and(|at| now.duration_since(*at) < MISSED_FOR)
    }

    fn why_not(&self, kid: Option<&str>, issuer: &str) -> TokenFault {
        if self.had.is_none() || self.keys.is_empty() {
            return TokenFault::KeysSilent { issuer: issuer.to_owned() };
        }
        none_such(kid, issuer)
    }
}

impl HeldKey {
    fn is_good(&self, now: Instant) -> bool {
        self.gone.is_none_or(|gone| now.duration_since(gone) < GONE_MAX)
    }
}

/// The key of this name; without a name, the only one there is for the algorithm.
fn pick<'k>(
    mut keys: impl Iterator<Item = &'k Arc<Key>>,
    kid: Option<&str>,
    by: SignedBy,
) -> Option<Arc<Key>> {
    match kid {
        Some(kid) => keys.find(|key| key.kid.as_deref() == Some(kid) && key.is_good_for(by)).cloned(),
        None => {
            let mut keys = keys.filter(|key| key.is_good_for(by));
            match (keys.next(), keys.next()) {
                (Some(only), None) => Some(only.clone()),
                _ => None,
            }
        }
    }
}

fn none_such(kid: Option<&str>, issuer: &str) -> TokenFault {
    let issuer = issuer.to_owned();
    match kid {
        Some(kid) => TokenFault::KeyUnknown { kid: shown(kid), issuer },
        None => TokenFault::KeyUnnamed { issuer },
    }
}
