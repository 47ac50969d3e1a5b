//! An embedded region: OTLP in, traces and answers to queries out, for the demo and for tests.
//!
//! It keeps the bytes that arrived, taken apart by trace, within a limit of bytes and age. It knows
//! nothing of HTTP: the edge that takes OTLP is in `api`, and distance is simulated by a wrapper.

mod ask;
mod store;
mod walk;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;

pub use self::store::Held;
use self::store::{Arrival, Kept, Limits, Part, Store};
use super::RegionTrace;
use super::settings::MemorySettings;
use crate::model::{LookupScope, TraceId, TraceQuery};
use crate::redaction::Raw;
use crate::task::clock::Clock;
use crate::wire::export::{self, split_by_trace};

/// The version of Tempo's API that an embedded region follows.
pub const TEMPO_VERSION: &str = "3.0.2";

/// One trace may take this share of a region, and so may what one request leaves in it: neither a
/// runaway trace nor one absurd batch empties the region of everything else.
const SHARE: u64 = 4;

/// An answer of several traces ends with the one that reaches so many bytes.
const ANSWER_BYTES: u64 = 16 << 20;

/// A region in this process.
#[derive(Debug)]
pub struct MemoryBackend {
    holdings: Arc<Holdings>,
    request_bytes_max: u64,
}

/// What is held, shared with the queries that are under way.
#[derive(Debug)]
struct Holdings {
    /// Held for one fragment, one lookup or one page at a time, and never across an await.
    store: Mutex<Store>,
    clock: Clock,
}

/// What became of a request's spans.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Ingested {
    /// Spans taken; those that were already there count too.
    pub spans: u64,
    pub rejected: Rejected,
}

/// Spans that were not taken, by reason. Sending them again would not help.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Rejected {
    /// Their trace id is not 16 bytes, or all zeros.
    pub without_trace_id: u64,
    /// Their trace already takes as much as one trace may.
    pub trace_full: u64,
}

/// Why a request was refused whole. The text is our own and safe to show to the sender.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IngestError {
    #[error("not a valid OTLP trace export: {0}")]
    Malformed(#[from] export::Fault),
    /// Resources and scopes count once for each trace, so this may be more than the request's own size.
    #[error(
        "taken apart by trace, the request takes {bytes} bytes, and this region takes at most {bytes_max} at once"
    )]
    TooLarge { bytes: u64, bytes_max: u64 },
}

impl MemoryBackend {
    pub fn new(settings: MemorySettings) -> Self {
        let share = settings.bytes_max / SHARE;
        let limits =
            Limits { bytes_max: settings.bytes_max, trace_bytes_max: share, age_max: settings.age_max };
        let holdings = Holdings { store: Mutex::new(Store::new(limits)), clock: Clock::start() };
        Self { holdings: Arc::new(holdings), request_bytes_max: share }
    }

    /// Takes a protobuf `ExportTraceServiceRequest`. A request with a fault is refused before anything
    /// of it is kept.
    pub fn ingest(&self, export: Bytes) -> Result<Ingested, IngestError> {
        let split = split_by_trace(&export)?;
        let lengths = split.fragments().map(|fragment| fragment.len() as u64);
        let bytes = lengths.fold(0u64, u64::saturating_add);
        if bytes > self.request_bytes_max {
            return Err(IngestError::TooLarge { bytes, bytes_max: self.request_bytes_max });
        }
        let mut ingested = Ingested::default();
        ingested.rejected.without_trace_id = split.without_trace_id();
        for fragment in split.fragments() {
            // Written before the lock is taken, and let go after each: a lookup never waits for more
            // than one fragment's bookkeeping.
            let written = Bytes::from(fragment.to_bytes());
            let new = Arrival { fragment: written, spans: fragment.spans(), times: fragment.times() };
            let now = self.holdings.now();
            match self.holdings.store().insert(fragment.trace_id(), new, now) {
                Kept::New | Kept::Again => ingested.spans += fragment.spans(),
                Kept::TraceFull => ingested.rejected.trace_full += fragment.spans(),
            }
        }
        Ok(ingested)
    }

    /// Up to `count` trace ids, the one that something arrived for last first.
    pub fn newest(&self, count: usize) -> Vec<TraceId> {
        let now = self.holdings.now();
        self.holdings.store().newest(count, now)
    }

    /// What is held now.
    pub fn held(&self) -> Held {
        let now = self.holdings.now();
        let mut store = self.holdings.store();
        store.expire(now);
        store.held()
    }

    /// Traces that are held now.
    pub fn len(&self) -> usize {
        self.held().traces
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn lookup(&self, query: &TraceQuery) -> RegionTrace {
        // Time and block bounds prune blocks and never spans, and one store stands for ingesters and
        // blocks alike; external stores there are none.
        if query.scope == LookupScope::External {
            return RegionTrace::none();
        }
        let held = self.holdings.trace(&query.id);
        let bytes = held.trace.len() as u64;
        RegionTrace {
            trace: Raw::seal(held.trace),
            is_partial: held.is_cut,
            inspected_bytes: bytes,
            bytes,
            ..RegionTrace::none()
        }
    }

    /// As many of these traces as make a reasonable answer.
    fn lookup_first(&self, ids: &[TraceId]) -> Vec<RegionTrace> {
        let mut bytes = 0;
        let mut traces = Vec::with_capacity(ids.len());
        for id in ids {
            if bytes >= ANSWER_BYTES {
                break;
            }
            let trace = self.lookup(&TraceQuery::of(*id));
            bytes += trace.bytes;
            traces.push(trace);
        }
        traces
    }

    /// For tests, which may look at what production code can only seal.
    #[cfg(test)]
    pub(crate) fn peek(&self, id: &TraceId) -> Bytes {
        self.holdings.trace(id).trace
    }
}

/// A trace as it is held.
#[derive(Debug)]
struct HeldTrace {
    trace: Bytes,
    /// There was more of it than one trace may take here. What is said of such a trace is partial.
    is_cut: bool,
}

impl Holdings {
    fn now(&self) -> Duration {
        self.clock.now()
    }

    fn trace(&self, id: &TraceId) -> HeldTrace {
        let now = self.now();
        // Only references are taken under the lock; the bytes are joined after it.
        let Part { fragments, is_cut } = self.store().part(id, now);
        HeldTrace { trace: join(fragments), is_cut }
    }

    fn store(&self) -> MutexGuard<'_, Store> {
        // A panic while the lock was held left at worst a wrong count; the region goes on.
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Rejected {
    pub fn total(&self) -> u64 {
        self.without_trace_id + self.trace_full
    }

    /// One line for the sender; nothing when every span was taken.
    pub fn reason(&self) -> Option<String> {
        let mut reasons = Vec::new();
        if self.without_trace_id > 0 {
            reasons.push(format!(
                "{} without a trace id of 16 bytes that are not all zero",
                self.without_trace_id
            ));
        }
        if self.trace_full > 0 {
            reasons.push(format!("{} of a trace that is already as large as one may be", self.trace_full));
        }
        if reasons.is_empty() { None } else { Some(format!("spans rejected: {}", reasons.join(", "))) }
    }
}

/// A trace in pieces is a trace: repeated fields of concatenated messages add up.
fn join(fragments: Vec<Bytes>) -> Bytes {
    match <[Bytes; 1]>::try_from(fragments) {
        Ok([one]) => one,
        Err(several) => Bytes::from(several.concat()),
    }
}

#[cfg(test)]
mod tests;
