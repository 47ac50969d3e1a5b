//! A second memory of whole traces behind the first, in Redis or Valkey, shared by gateways of one configuration.
//!
//! Nothing raw comes here: only assembled, redacted, whole answers, sealed by a key that the memory's operator does not
//! have (`redaction::Vault`) and bound to their plan, their query, the configuration and a stamp. Whatever does not open
//! is not there. A memory that is away, slow or mad costs next to nothing: nobody waits for a connection, nobody longer
//! than the deadline, what fails several times is left alone for a while, and what is written is written behind the
//! answer, within bounds.
//!
//! To forget a trace its stamp is made anew: each trace has one of a few hundred stamps, and whatever was sealed under
//! another than the one that lies there holds no more. A stamp that is gone is made anew, too, so that a memory which
//! throws things away brings nothing back.

mod health;
mod heed;
mod line;

use std::sync::Arc;
use std::time::Duration;

use redis::Cmd;
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout};

pub use self::heed::{HEARD_EVERY, Heard};

use self::health::Health;
use self::line::{LineError, Lines};
use super::hot::{HotKey, Shape};
use crate::model::{Answer, Complete, TraceId, TraceQuery};
use crate::redaction::{Redacted, Vault};
use crate::task::clock::wall_nanos;
use crate::task::{self, Group};
use crate::telemetry::metrics::CacheFamilies;
use crate::telemetry::metrics::cache::{Kept as Looked, Level, SharedOperation, SharedOutcome};
use crate::trace::Assembled;
use crate::wire::kept::Kept;

/// What is sealed and how it is named; another version finds nothing of this one.
const VERSION: u32 = 1;

/// Stamps. Forgetting one trace takes along one in so many of all others.
const STAMPS: u16 = 256;

const STAMP_BYTES: usize = 16;

/// Behind an answer nobody waits; this bounds how long what is written is held.
const WRITE_MAX: Duration = Duration::from_secs(1);

/// How often it is looked whether there is a connection.
const CONNECTED_AGAIN: Duration = Duration::from_millis(10);

/// Answers of the memory to what has no value.
const REPLY_BYTES_MAX: usize = 4 << 10;

/// How far the clocks of gateways that share a memory may be apart. What is sealed by one that is further ahead is not
/// believed, and where the memory could not be told of something that was forgotten, nothing is that may have been sealed
/// before by a clock as wrong as this.
pub const CLOCK_SKEW_MAX: Duration = Duration::from_mins(5);

/// What is sealed or opened of at least this size leaves the threads that serve requests.
const LONG_WORK_BYTES: usize = 1 << 20;

/// Where the shared memory is, and how it is used.
#[derive(Debug, Clone)]
pub struct SharedSettings {
    pub host: String,
    pub port: u16,
    /// Certificates that are trusted besides the system's; none connects in the open.
    pub tls: Option<SharedTls>,
    pub user: Option<String>,
    pub password: Option<SecretString>,
    pub db: u32,
    /// Before every name.
    pub prefix: String,
    /// How long a lookup waits for it.
    pub deadline: Duration,
    /// Of one sealed trace.
    pub bytes_max: usize,
    pub connections_max: usize,
    pub vault: Arc<Vault>,
    /// Stands for everything in the configuration on which an answer depends.
    pub estate: String,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SharedTls {
    pub ca_pem: Option<Vec<u8>>,
}

impl PartialEq for SharedSettings {
    fn eq(&self, other: &Self) -> bool {
        let plain = |of: &Self| {
            (of.host.clone(), of.port, of.tls.clone(), of.user.clone(), of.db, of.prefix.clone(), of.deadline)
        };
        let sizes = |of: &Self| (of.bytes_max, of.connections_max, of.estate.clone());
        let secret = |of: &Self| of.password.as_ref().map(|password| password.expose_secret().to_owned());
        plain(self) == plain(other)
            && sizes(self) == sizes(other)
            && secret(self) == secret(other)
            && self.vault.print() == other.vault.print()
    }
}

impl Eq for SharedSettings {}

/// Why there can be no shared memory.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SharedError {
    #[error("its certificates cannot be used: {0}")]
    Certificates(String),
    #[error("no certificate is trusted: name some with `ca_file`")]
    NothingTrusted,
}

/// A whole trace as it lies in the memory.
#[derive(Debug, Clone)]
pub struct KeptTrace {
    pub trace: Arc<Redacted<Assembled>>,
    pub inspected_bytes: u64,
}

/// Under which a trace is sealed; read before regions are asked, so that what is forgotten meanwhile is not brought
/// back by an answer from before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp([u8; STAMP_BYTES]);

/// What the memory knows of a trace.
#[derive(Debug, Default)]
pub struct Recalled {
    /// None where the memory could not be asked: then nothing is written, either.
    pub stamp: Option<Stamp>,
    /// And how long it holds still.
    pub found: Option<(Complete<KeptTrace>, Duration)>,
}

/// The shared memory. Cheap to clone; all clones are one.
#[derive(Debug, Clone)]
pub struct Shared(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    settings: SharedSettings,
    lines: Lines,
    health: Arc<Health>,
    /// Writes that are under way.
    writing: Group,
    places: Arc<Semaphore>,
    counts: CacheFamilies,
    /// When somebody wanted something forgotten and the memory could not be told, in nanoseconds of the epoch: nothing that
    /// was sealed before is believed. 0 where that never was so.
    untold_at: std::sync::atomic::AtomicU64,
}

impl Shared {
    /// Begins to connect.
    pub fn start(settings: SharedSettings, counts: CacheFamilies) -> Result<Self, SharedError> {
        let health = Arc::new(Health::default());
        let lines = Lines::start(&settings, health.clone())?;
        let places = Arc::new(Semaphore::new((settings.connections_max / 2).max(1)));
        Ok(Self(Arc::new(Inner {
            lines,
            health,
            writing: Group::new(),
            places,
            counts,
            settings,
            untold_at: std::sync::atomic::AtomicU64::new(0),
        })))
    }

    pub fn settings(&self) -> &SharedSettings {
        &self.0.settings
    }

    /// What lies there under this key, by the deadline at the latest.
    pub async fn get(&self, key: &HotKey) -> Recalled {
        let begun = Instant::now();
        let deadline = self.0.settings.deadline;
        let (asked, recalled) = match timeout(deadline, self.try_get(key, begun + deadline)).await {
            Ok(Ok(answered)) => answered,
            Ok(Err(outcome)) => (outcome, Recalled::default()),
            Err(_) => (SharedOutcome::Late, Recalled::default()),
        };
        let was_asked = !matches!(asked, SharedOutcome::Paused | SharedOutcome::Unconnected);
        self.0.counts.shared(SharedOperation::Get, asked, was_asked.then(|| begun.elapsed()));
        self.0.counts.looked(Level::Shared, Looked::Trace, recalled.found.is_some());
        recalled
    }

    async fn try_get(
        &self,
        key: &HotKey,
        until: Instant,
    ) -> Result<(SharedOutcome, Recalled), SharedOutcome> {
        let canonical = canonical(&self.0.settings.estate, key).ok_or(SharedOutcome::Failed)?;
        let ask = Cmd::mget(&[self.stamp_name(&key.query.id), self.trace_name(&canonical)][..]);
        let bytes_max = self.0.settings.bytes_max.saturating_add(REPLY_BYTES_MAX);
        let (stamp, sealed): (Option<Vec<u8>>, Option<Vec<u8>>) = self.ask(&ask, bytes_max, until).await?;
        let stamp = match stamp {
            Some(stamp) => Stamp::read(&stamp).ok_or(SharedOutcome::Failed)?,
            None => self.first_stamp(&key.query.id, until).await?,
        };
        let Some(sealed) = sealed else {
            return Ok((SharedOutcome::Miss, Recalled { stamp: Some(stamp), found: None }));
        };
        let opened = self.open(canonical, stamp, sealed, key.query.id).await;
        let (outcome, found) = match opened {
            Some(found) if found.1.is_zero() => (SharedOutcome::Expired, None),
            Some(found) => (SharedOutcome::Done, Some(found)),
            None => (SharedOutcome::Unopened, None),
        };
        Ok((outcome, Recalled { stamp: Some(stamp), found }))
    }

    /// The trace and how long it holds still, if anything at all.
    async fn open(
        &self,
        canonical: Vec<u8>,
        stamp: Stamp,
        sealed: Vec<u8>,
        id: TraceId,
    ) -> Option<(Complete<KeptTrace>, Duration)> {
        let vault = self.0.settings.vault.clone();
        let is_long = sealed.len() >= LONG_WORK_BYTES;
        let work = move || vault.open(&bound(&canonical, stamp), &sealed, &id);
        let opened = if is_long { task::blocking(work).await.ok().flatten() } else { work() };
        let (beside, trace) = opened?;
        let kept = Kept::read(&beside)?;
        let now = Duration::from_nanos(wall_nanos());
        let untold = self.0.untold_at.load(std::sync::atomic::Ordering::Acquire);
        let untold = (untold > 0).then(|| Duration::from_nanos(untold));
        if !is_believed(kept.sealed_at, now, untold) {
            return None;
        }
        let value = KeptTrace { trace: Arc::new(trace), inspected_bytes: kept.inspected_bytes };
        let whole = Answer { value, coverage: kept.coverage }.complete().ok()?;
        // No longer than it was kept for, whatever clock that was.
        let lifetime = kept.until.saturating_sub(kept.sealed_at);
        Some((whole, kept.until.saturating_sub(now).min(lifetime)))
    }

    /// Writes a whole trace behind the answer, if there is a place for it.
    pub fn put(&self, key: &HotKey, stamp: Stamp, whole: Complete<KeptTrace>, kept_for: Duration) {
        let count = |outcome| self.0.counts.shared(SharedOperation::Put, outcome, None);
        if whole.answer().value.trace.protobuf_len() > self.0.settings.bytes_max {
            return count(SharedOutcome::TooLarge);
        }
        let Ok(place) = self.0.places.clone().try_acquire_owned() else { return count(SharedOutcome::Busy) };
        let Some(canonical) = canonical(&self.0.settings.estate, key) else { return };
        let inner = Arc::downgrade(&self.0);
        self.0.writing.spawn(async move {
            let _place = place;
            let Some(shared) = inner.upgrade().map(Self) else { return };
            let begun = Instant::now();
            let written = shared.write(canonical, stamp, whole, kept_for).await;
            let outcome = written.err().unwrap_or(SharedOutcome::Done);
            let was_asked =
                matches!(outcome, SharedOutcome::Done | SharedOutcome::Late | SharedOutcome::Failed);
            shared.0.counts.shared(SharedOperation::Put, outcome, was_asked.then(|| begun.elapsed()));
        });
    }

    async fn write(
        &self,
        canonical: Vec<u8>,
        stamp: Stamp,
        whole: Complete<KeptTrace>,
        kept_for: Duration,
    ) -> Result<(), SharedOutcome> {
        let until = Instant::now() + WRITE_MAX;
        let name = self.trace_name(&canonical);
        let vault = self.0.settings.vault.clone();
        let work = move || seal(&vault, &bound(&canonical, stamp), whole, kept_for);
        let sealed = task::blocking(work).await.ok().flatten().ok_or(SharedOutcome::Failed)?;
        if sealed.len() > self.0.settings.bytes_max {
            return Err(SharedOutcome::TooLarge);
        }
        let lifetime = u64::try_from(kept_for.as_millis()).unwrap_or(u64::MAX).max(1);
        let mut set = Cmd::new();
        set.arg("SET").arg(name).arg(sealed).arg("PX").arg(lifetime);
        self.within(until, self.ask::<()>(&set, REPLY_BYTES_MAX, until)).await
    }

    /// Forgets one trace, or all. Fails where the memory could not be told: then what lies there is not believed here
    /// any more, and elsewhere until its time is over.
    pub async fn forget(&self, id: Option<&TraceId>) -> bool {
        let begun = Instant::now();
        let until = begun + WRITE_MAX;
        let mut set = Cmd::new();
        set.arg("MSET").arg(self.round_name()).arg(&Stamp::fresh().0[..]);
        match id {
            Some(id) => {
                set.arg(self.stamp_name(id)).arg(&Stamp::fresh().0[..]);
            }
            None => {
                for number in 0..STAMPS {
                    set.arg(self.stamp_name_of(number)).arg(&Stamp::fresh().0[..]);
                }
            }
        }
        let told = self.within(until, self.tell(&set, until)).await;
        if told.is_err() {
            self.0.untold_at.store(wall_nanos(), std::sync::atomic::Ordering::Release);
        }
        let outcome = told.err().unwrap_or(SharedOutcome::Done);
        self.0.counts.shared(SharedOperation::Forget, outcome, Some(begun.elapsed()));
        told.is_ok()
    }

    /// Somebody waits for it and does not ask again, so this waits for a connection.
    async fn tell(&self, what: &Cmd, until: Instant) -> Result<(), SharedOutcome> {
        loop {
            match self.ask::<()>(what, REPLY_BYTES_MAX, until).await {
                Err(SharedOutcome::Unconnected) => tokio::time::sleep(CONNECTED_AGAIN).await,
                told => return told,
            }
        }
    }

    /// Where no stamp lies yet: of several gateways that make one at the same time, one wins.
    async fn first_stamp(&self, id: &TraceId, until: Instant) -> Result<Stamp, SharedOutcome> {
        let name = self.stamp_name(id);
        let mut set = Cmd::new();
        set.arg("SET").arg(&name).arg(&Stamp::fresh().0[..]).arg("NX");
        let _: Option<String> = self.ask(&set, REPLY_BYTES_MAX, until).await?;
        let lies: Option<Vec<u8>> = self.ask(&Cmd::get(&name), REPLY_BYTES_MAX, until).await?;
        lies.as_deref().and_then(Stamp::read).ok_or(SharedOutcome::Failed)
    }

    async fn within<T>(
        &self,
        until: Instant,
        asked: impl Future<Output = Result<T, SharedOutcome>>,
    ) -> Result<T, SharedOutcome> {
        tokio::time::timeout_at(until, asked).await.unwrap_or(Err(SharedOutcome::Late))
    }

    /// One question over a connection that stands ready. A line whose question failed, or was given up, is closed.
    async fn ask<T: redis::FromRedisValue>(
        &self,
        ask: &Cmd,
        bytes_max: usize,
        until: Instant,
    ) -> Result<T, SharedOutcome> {
        let Some(mut ticket) = self.0.health.admit() else { return Err(SharedOutcome::Paused) };
        let Some(mut line) = self.0.lines.take(until).await else { return Err(SharedOutcome::Unconnected) };
        ticket.is_asked();
        let answered = line.ask(ask, bytes_max).await;
        match answered {
            Ok(answer) => {
                ticket.is_well();
                self.0.lines.give_back(line);
                Ok(answer)
            }
            // The memory is well and says no, as one whose rights or whose room do not allow it.
            Err(LineError::Refused) => {
                self.0.lines.give_back(line);
                Err(SharedOutcome::Failed)
            }
            Err(LineError::Broken) => Err(SharedOutcome::Failed),
        }
    }

    fn trace_name(&self, canonical: &[u8]) -> String {
        let SharedSettings { prefix, vault, .. } = &self.0.settings;
        format!("{prefix}:{VERSION}:{}:t:{}", vault.print(), vault.name(canonical))
    }

    fn stamp_name(&self, id: &TraceId) -> String {
        self.stamp_name_of(stamp_number(id))
    }

    /// Where it is said that some stamp was made anew.
    fn round_name(&self) -> String {
        let SharedSettings { prefix, vault, .. } = &self.0.settings;
        format!("{prefix}:{VERSION}:{}:f", vault.print())
    }

    fn stamp_name_of(&self, number: u16) -> String {
        let SharedSettings { prefix, vault, .. } = &self.0.settings;
        format!("{prefix}:{VERSION}:{}:g:{number:02x}", vault.print())
    }
}

/// Which of the stamps a trace has.
fn stamp_number(id: &TraceId) -> u16 {
    let hash = blake3::hash(id.to_string().as_bytes());
    let [first, second, ..] = hash.as_bytes();
    u16::from_be_bytes([*first, *second]) % STAMPS
}

/// Whether what was sealed then, by the clock of whoever did, may be shown now, by the one here. Where the memory could not
/// be told of something that was forgotten, what is sealed is only believed if it was sealed after that by any clock that
/// is within its bounds.
fn is_believed(sealed_at: Duration, now: Duration, untold: Option<Duration>) -> bool {
    let is_ahead = sealed_at > now.saturating_add(CLOCK_SKEW_MAX);
    let is_after = untold.is_none_or(|untold| sealed_at > untold.saturating_add(CLOCK_SKEW_MAX));
    !is_ahead && is_after
}

impl Stamp {
    fn fresh() -> Self {
        Self(rand::random())
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }
}

fn seal(vault: &Vault, context: &[u8], whole: Complete<KeptTrace>, kept_for: Duration) -> Option<Vec<u8>> {
    let Answer { value, coverage } = whole.into_answer();
    let sealed_at = Duration::from_nanos(wall_nanos());
    let kept =
        Kept { coverage, inspected_bytes: value.inspected_bytes, sealed_at, until: sealed_at + kept_for };
    vault.seal(context, &kept.to_bytes()?, &value.trace)
}

/// Everything by which a trace is found, each part with its length before it. Only assembled traces lie here.
fn canonical(estate: &str, key: &HotKey) -> Option<Vec<u8>> {
    let HotKey { query, plan_digest, shape: Shape::Trace { adjusts_skew } } = key else { return None };
    let TraceQuery { id, start, end, scope, block_start, block_end } = query;
    let parts = [
        env!("CARGO_PKG_VERSION").to_owned(),
        estate.to_owned(),
        plan_digest.clone(),
        id.to_string(),
        format!("{start:?}"),
        format!("{end:?}"),
        scope.as_str().to_owned(),
        format!("{block_start:?}"),
        format!("{block_end:?}"),
        adjusts_skew.to_string(),
    ];
    let mut out = Vec::new();
    for part in parts {
        out.extend_from_slice(&(part.len() as u64).to_be_bytes());
        out.extend_from_slice(part.as_bytes());
    }
    Some(out)
}

fn bound(canonical: &[u8], stamp: Stamp) -> Vec<u8> {
    [canonical, &stamp.0].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_have_been_sealed_before_it_was_forgotten_is_not_believed_whatever_clock_sealed_it() {
        let (now, skew) = (Duration::from_secs(1_800_000_000), CLOCK_SKEW_MAX);
        let moment = Duration::from_nanos(1);
        assert!(is_believed(now - skew * 10, now, None), "how old it is is said by its end");
        assert!(is_believed(now + skew, now, None) && !is_believed(now + skew + moment, now, None));
        // Forgotten an hour ago, and a minute before that sealed by clocks that are ahead and behind.
        let (untold, sealed) = (now - Duration::from_hours(1), now - Duration::from_mins(61));
        for clock in [sealed - skew, sealed, sealed + skew] {
            assert!(!is_believed(clock, now, Some(untold)), "{clock:?}");
        }
        assert!(!is_believed(untold + skew, now, Some(untold)) && is_believed(now, now, Some(untold)));
    }
}
