//! The log of a running gateway: many wait, one writes. Whoever comes while a batch is being written is of the next, so
//! the disk is waited for once for all of them.
//!
//! Where the disk is full, broken or slow, waiting ends after a while, and from then on nobody waits: answers have to
//! do without a record, and their makers look at [`Log::state`] first. Every second the log tries by itself, and its
//! first record then says for how long there was none.

use std::collections::VecDeque;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, timeout, timeout_at};

use super::disk::{Disk, Folder};
use super::entry::Entry;
use super::json::Json;
use super::note::NamedKey;
use super::open::{self, OpenError, Opened};
use super::record::{Event, Record, Stamp};
use super::settings::AuditSettings;
use super::store::Store;
use super::tile;
use super::token::Tokens;
use crate::model::RegionName;
use crate::proof::SigningKey;
use crate::task::{self, Group};

/// Records that wait to be written; some hundred thousand a second would wait.
const WAITING_MAX: usize = 8192;

/// Records of one batch: at 1.5 kB each, 6 MB.
const BATCH_MAX: usize = 4096;

/// How long records are without a checkpoint.
const PUBLISH_EVERY: Duration = Duration::from_secs(1);

/// After so many records a checkpoint comes at once, so that the journal stays short.
const PUBLISH_RECORDS_MAX: u64 = 16_384;

/// The pause before a log that cannot be written is tried again.
const RETRY_EVERY: Duration = Duration::from_secs(1);

/// How long the end of the process waits for the last checkpoint.
const CLOSE_MAX: Duration = Duration::from_secs(5);

/// Where a record is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    pub log: Arc<str>,
    pub index: u64,
}

impl fmt::Display for Receipt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.log, self.index)
    }
}

/// Why there is no receipt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AppendError {
    #[error("the audit log cannot be written")]
    NotWritten,
    #[error("the audit log did not take the record in time")]
    Late,
    #[error("the audit log takes no record of this size")]
    TooLarge,
}

/// How a log is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    /// Since when, and why, it cannot be written; none where all is well.
    pub failing: Option<Failing>,
    /// Records there are.
    pub records: u64,
    /// Bytes of its folder, about, and how many there may be.
    pub bytes: u64,
    pub bytes_max: u64,
    /// Answers that went without a record, since the process began.
    pub unrecorded: u64,
    pub published: Published,
}

/// The last checkpoint: of how many records, and since when there is more than it speaks of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Published {
    pub size: u64,
    /// None where it speaks of everything.
    pub behind_since: Option<Instant>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failing {
    pub since: Instant,
    pub why: String,
}

struct Shared {
    origin: Arc<str>,
    key: NamedKey,
    signing: SigningKey,
    tokens: Tokens,
    stamp: Stamp,
    wait_max: Duration,
    bytes_max: u64,
    records: AtomicU64,
    bytes: AtomicU64,
    unrecorded: AtomicU64,
    failing: Mutex<Option<Failing>>,
    /// What there was of times without records, until a record says so.
    gap: Mutex<Option<Gap>>,
    published: watch::Sender<Published>,
    /// Bytes that were taken out of the folder since the writer looked.
    lighter: AtomicU64,
}

/// A time without records.
#[derive(Debug, Clone, Copy)]
struct Gap {
    took: Duration,
    unrecorded: u64,
}

enum Wanted {
    Record(Entry, oneshot::Sender<Result<u64, AppendError>>),
    Close(oneshot::Sender<()>),
}

/// A log that takes records. Cheap to clone; the last clone ends its task.
#[derive(Clone)]
pub struct Log {
    shared: Arc<Shared>,
    queue: mpsc::Sender<Wanted>,
    _writer: Group,
}

impl fmt::Debug for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Log").field("origin", &self.shared.origin).finish_non_exhaustive()
    }
}

impl Log {
    /// Opens the log of a gateway in this region. Reads and writes files: call it before anything is served.
    pub fn open(settings: &AuditSettings, region: &RegionName) -> Result<Self, OpenError> {
        Self::open_on(settings, region, |folder| Arc::new(folder))
    }

    /// The same on another disk.
    pub fn open_on(
        settings: &AuditSettings,
        region: &RegionName,
        disk: impl FnOnce(Folder) -> Arc<dyn Disk>,
    ) -> Result<Self, OpenError> {
        let Opened { store, tokens, key } = open::open(settings, region, disk)?;
        let shared = Arc::new(Shared {
            origin: store.origin.as_str().into(),
            key,
            signing: store.key.clone(),
            tokens,
            stamp: Stamp::new(region),
            wait_max: settings.wait_max,
            bytes_max: settings.bytes_max,
            records: store.edge.size.into(),
            bytes: store.bytes.into(),
            unrecorded: 0.into(),
            failing: Mutex::default(),
            gap: Mutex::default(),
            lighter: 0.into(),
            published: watch::Sender::new(Published { size: store.published, behind_since: None }),
        });
        let (queue, wanted) = mpsc::channel(WAITING_MAX);
        let writer = Group::new();
        let writing = Writer {
            shared: shared.clone(),
            wanted,
            store: Some(store),
            due: Instant::now() + PUBLISH_EVERY,
        };
        writer.spawn(writing.run());
        Ok(Self { shared, queue, _writer: writer })
    }

    /// What it is called.
    pub fn origin(&self) -> &str {
        &self.shared.origin
    }

    /// The key by which its checkpoints are known.
    pub fn key(&self) -> &NamedKey {
        &self.shared.key
    }

    /// The key itself, for what else this gateway signs in the name of its log.
    pub fn signing_key(&self) -> SigningKey {
        self.shared.signing.clone()
    }

    /// What stands for values in its records.
    pub fn tokens(&self) -> &Tokens {
        &self.shared.tokens
    }

    /// The last checkpoint, and every one that follows.
    pub fn published(&self) -> watch::Receiver<Published> {
        self.shared.published.subscribe()
    }

    /// Puts a record on the disk. Its receipt is true whatever happens to the process afterwards.
    pub async fn append(&self, record: &Record) -> Result<Receipt, AppendError> {
        if self.is_failing() {
            return Err(self.missed(AppendError::NotWritten));
        }
        let entry = self.shared.stamp.entry(record, &self.shared.tokens);
        if entry.len() > tile::ENTRY_BYTES_MAX {
            return Err(self.missed(AppendError::TooLarge));
        }
        let (told, answer) = oneshot::channel();
        let until = Instant::now() + self.shared.wait_max;
        let written = timeout_at(until, async {
            self.queue.send(Wanted::Record(entry, told)).await.map_err(|_| AppendError::NotWritten)?;
            answer.await.map_err(|_| AppendError::NotWritten)?
        });
        match written.await {
            Ok(Ok(index)) => Ok(Receipt { log: self.shared.origin.clone(), index }),
            Ok(Err(why)) => Err(self.missed(why)),
            Err(_) => {
                self.shared.fails(format!("the disk took longer than {:?}", self.shared.wait_max));
                Err(self.missed(AppendError::Late))
            }
        }
    }

    fn missed(&self, why: AppendError) -> AppendError {
        self.shared.unrecorded.fetch_add(1, Ordering::Relaxed);
        why
    }

    /// Somebody took so many bytes out of its folder.
    pub fn is_lighter(&self, bytes: u64) {
        self.shared.lighter.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Whether the next record would not be written.
    pub fn is_failing(&self) -> bool {
        self.shared.failing.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    pub fn state(&self) -> State {
        let shared = &self.shared;
        State {
            failing: shared.failing.lock().unwrap_or_else(PoisonError::into_inner).clone(),
            records: shared.records.load(Ordering::Relaxed),
            bytes: shared.bytes.load(Ordering::Relaxed),
            bytes_max: shared.bytes_max,
            unrecorded: shared.unrecorded.load(Ordering::Relaxed),
            published: *shared.published.borrow(),
        }
    }

    /// Writes what waits and a last checkpoint, as far as that is soon done.
    pub async fn close(&self) {
        let (told, done) = oneshot::channel();
        let closing = async {
            if self.queue.send(Wanted::Close(told)).await.is_ok() {
                let _ = done.await;
            }
        };
        if timeout(CLOSE_MAX, closing).await.is_err() {
            tracing::warn!(
                "the audit log was left without a last checkpoint: it is made when it is opened again"
            );
        }
    }
}

impl Shared {
    fn fails(&self, why: String) {
        let mut failing = self.failing.lock().unwrap_or_else(PoisonError::into_inner);
        if failing.is_none() {
            tracing::error!(%why, log = %self.origin, "the audit log cannot be written: only unclassified data is shown");
            *failing = Some(Failing { since: Instant::now(), why });
        }
    }

    fn works(&self) {
        let Some(was) = self.failing.lock().unwrap_or_else(PoisonError::into_inner).take() else { return };
        let took = was.since.elapsed();
        let unrecorded = self.unrecorded.load(Ordering::Relaxed);
        tracing::warn!(log = %self.origin, ?took, "the audit log is written again");
        // One that no record could say yet, since the log failed again, is a part of this one.
        let mut gap = self.gap.lock().unwrap_or_else(PoisonError::into_inner);
        let took = gap.map_or(Duration::ZERO, |before| before.took) + took;
        *gap = Some(Gap { took, unrecorded });
    }

    /// What has to be said of times without records, until it is said.
    fn gap(&self) -> Option<Entry> {
        let gap = (*self.gap.lock().unwrap_or_else(PoisonError::into_inner))?;
        let seconds = Json::Whole(gap.took.as_secs());
        let details = [("seconds", seconds), ("unrecorded", Json::Whole(gap.unrecorded))];
        let record = Record { details: Json::map(details), ..Record::of(Event::RESUMED) };
        Some(self.stamp.entry(&record, &self.tokens))
    }

    fn gap_is_said(&self) {
        *self.gap.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn has_written(&self, records: u64) {
        self.records.store(records, Ordering::Relaxed);
        let now = Instant::now();
        // Nobody waits for it.
        self.published.send_if_modified(|published| {
            published.behind_since.get_or_insert(now);
            false
        });
    }
}

/// The one who writes.
struct Writer {
    shared: Arc<Shared>,
    wanted: mpsc::Receiver<Wanted>,
    /// Away while it writes; gone where writing panicked.
    store: Option<Store>,
    /// When the next checkpoint is.
    due: Instant,
}

/// What is written together.
#[derive(Default)]
struct Batch {
    /// Said first: what there was of times without records.
    gap: Option<Entry>,
    entries: Vec<Entry>,
    /// Who waits for each of the last of these; nobody waits for the first.
    waiting: VecDeque<oneshot::Sender<Result<u64, AppendError>>>,
}

impl Batch {
    fn is_empty(&self) -> bool {
        self.gap.is_none() && self.entries.is_empty()
    }
}

impl Writer {
    async fn run(mut self) {
        loop {
            let is_failing = self.is_failing();
            let due = if is_failing { Instant::now() + RETRY_EVERY } else { self.due };
            let next = timeout_at(due, self.wanted.recv()).await;
            let (batch, closing, is_over) = match next {
                Ok(Some(first)) => self.batch(first),
                Ok(None) => (Batch::default(), None, true),
                Err(_) => (Batch::default(), None, false),
            };
            // A log that fails is tried with a record of its own, which then says what is missing.
            if is_failing && batch.entries.is_empty() {
                self.try_again().await;
            } else if !batch.is_empty() {
                self.write(batch).await;
            }
            if is_over {
                // Left, and not closed: what has no checkpoint yet is in the journal, as after any other end.
                return;
            }
            self.publish(closing.is_some()).await;
            if let Some(told) = closing {
                let _ = told.send(());
            }
            if self.store.is_none() {
                return self.gone();
            }
        }
    }

    fn is_failing(&self) -> bool {
        self.shared.failing.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    /// Everyone who waits by now.
    fn batch(&mut self, first: Wanted) -> (Batch, Option<oneshot::Sender<()>>, bool) {
        let (mut batch, mut next) = (Batch { gap: self.shared.gap(), ..Batch::default() }, Some(first));
        while let Some(wanted) = next.take() {
            match wanted {
                // Who no longer waits has had its answer; a record of it would say what did not happen.
                Wanted::Record(_, told) if told.is_closed() => {}
                Wanted::Record(entry, told) => {
                    batch.entries.push(entry);
                    batch.waiting.push_back(told);
                }
                Wanted::Close(told) => return (batch, Some(told), false),
            }
            if batch.entries.len() < BATCH_MAX {
                next = self.wanted.try_recv().ok();
            }
        }
        (batch, None, false)
    }

    async fn write(&mut self, batch: Batch) {
        let Batch { gap, entries, waiting } = batch;
        let says_gap = gap.is_some();
        let entries: Vec<Entry> = gap.into_iter().chain(entries).collect();
        let own = (entries.len() - waiting.len()) as u64;
        let Some((entries, written)) = self
            .with_store(move |store| {
                let written = store.commit(&entries);
                (entries, written)
            })
            .await
        else {
            return;
        };
        drop(entries);
        match written {
            Ok(numbers) => {
                if says_gap {
                    self.shared.gap_is_said();
                }
                self.shared.works();
                self.shared.has_written(numbers.end);
                for (told, index) in waiting.into_iter().zip(numbers.start + own..) {
                    let _ = told.send(Ok(index));
                }
            }
            Err(why) => {
                self.shared.fails(why.to_string());
                for told in waiting {
                    let _ = told.send(Err(AppendError::NotWritten));
                }
            }
        }
    }

    async fn try_again(&mut self) {
        let record = Record::of(Event::TRIED);
        let entry = self.shared.stamp.entry(&record, &self.shared.tokens);
        self.write(Batch { entries: vec![entry], ..Batch::default() }).await;
        if let Some(gap) = (!self.is_failing()).then(|| self.shared.gap()).flatten() {
            self.write(Batch { gap: Some(gap), ..Batch::default() }).await;
        }
    }

    /// Makes a checkpoint where one is due.
    async fn publish(&mut self, is_ending: bool) {
        let Some(store) = &self.store else { return };
        let is_due = is_ending
            || Instant::now() >= self.due
            || store.edge.size - store.published >= PUBLISH_RECORDS_MAX;
        if !is_due {
            return;
        }
        self.due = Instant::now() + PUBLISH_EVERY;
        if !store.is_behind() {
            return;
        }
        let published = self.with_store(|store| store.publish().map(|()| store.published)).await;
        match published {
            Some(Ok(size)) => {
                self.shared.published.send_replace(Published { size, behind_since: None });
            }
            Some(Err(why)) => {
                // What is acknowledged is in the journal all the same; commits fail once that is full.
                tracing::warn!(%why, log = %self.shared.origin, "no checkpoint could be written");
            }
            None => {}
        }
    }

    async fn with_store<T: Send + 'static>(
        &mut self,
        work: impl FnOnce(&mut Store) -> T + Send + 'static,
    ) -> Option<T> {
        let mut store = self.store.take()?;
        store.bytes = store.bytes.saturating_sub(self.shared.lighter.swap(0, Ordering::Relaxed));
        let done = task::blocking::writing(move || {
            let done = work(&mut store);
            (store, done)
        });
        let (store, done) = done.await.ok()?;
        self.shared.bytes.store(store.bytes.saturating_add(store.journal_bytes), Ordering::Relaxed);
        self.store = Some(store);
        Some(done)
    }

    fn gone(self) {
        if self.store.is_none() {
            self.shared.fails("its writer ended".to_owned());
        }
    }
}
