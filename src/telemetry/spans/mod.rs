//! The gateway's own spans: one for each request, one for each question to a region. They wait in a bounded queue for
//! whoever sends them on; where none does, only the context of whoever asked is handed on.
//!
//! Knows no HTTP and no format. What is said on a span are words of the model and names of the configuration: no
//! query, no value, nobody's name.

mod context;
#[cfg(test)]
mod tests;

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use tokio::sync::mpsc;
use tokio::time::Instant;

pub use context::Context;

use super::metrics::SpanCounts;

/// Spans that wait to be sent: those of some hundred requests, some 2 MB.
const QUEUE_MAX: usize = 4096;

/// Spans of one request. A search asks regions for thousands of traces, and a thousand spans alike say no more.
const OF_ONE_REQUEST_MAX: u32 = 128;

/// Whose part a span tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A request that was answered.
    Server,
    /// A question to a region.
    Client,
}

/// What is said on a span.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    Text(String),
    Whole(i64),
    Flag(bool),
}

/// A span that is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    pub context: Context,
    pub parent: Option<[u8; 8]>,
    pub name: &'static str,
    pub kind: Kind,
    /// Nanoseconds since the Unix epoch.
    pub start: u64,
    pub end: u64,
    pub said: Vec<(&'static str, Said)>,
    /// Why it failed, in a word.
    pub failed: Option<&'static str>,
}

/// Begins spans, and decides which are kept.
#[derive(Debug, Default)]
pub struct Tracer {
    keeping: Option<Keeping>,
}

#[derive(Debug)]
struct Keeping {
    /// Traces that begin here are kept where the last half of their id is below.
    below: u64,
    /// None once no more are taken.
    queue: RwLock<Option<mpsc::Sender<Span>>>,
    counts: SpanCounts,
}

/// Where in its trace the work for a request is: what goes along with it.
#[derive(Debug, Clone)]
pub struct Trail {
    tracer: Arc<Tracer>,
    context: Context,
    /// As the client sent it.
    came: Option<Context>,
    left: Arc<AtomicU32>,
}

/// A span that is not over. It is when it is dropped.
#[derive(Debug)]
pub struct Open {
    trail: Trail,
    /// None where nobody keeps it.
    span: Option<Span>,
    begun: Instant,
}

impl Tracer {
    /// Keeps no spans.
    pub fn off() -> Arc<Self> {
        Arc::default()
    }

    /// Keeps this share of the traces that begin here, and those that whoever asks keeps.
    pub fn keeping(ratio: f64, counts: SpanCounts) -> (Arc<Self>, mpsc::Receiver<Span>) {
        let (queue, spans) = mpsc::channel(QUEUE_MAX);
        // Saturates, so that 1 keeps all.
        let below = (ratio.clamp(0.0, 1.0) * u64::MAX as f64) as u64;
        let keeping = Keeping { below, queue: RwLock::new(Some(queue)), counts };
        (Arc::new(Self { keeping: Some(keeping) }), spans)
    }

    /// Takes no more, so that whoever sends them comes to an end.
    pub fn close(&self) {
        if let Some(keeping) = &self.keeping {
            keeping.queue.write().unwrap_or_else(PoisonError::into_inner).take();
        }
    }

    /// The span of a request that begins at `now`, which may be part of a trace already.
    pub fn request(self: &Arc<Self>, came: Option<Context>, now: u64) -> Open {
        let context = match (&came, &self.keeping) {
            (Some(came), _) => came.next(),
            (None, None) => Context::fresh(false),
            (None, Some(keeping)) => {
                let mut fresh = Context::fresh(false);
                let [.., a, b, c, d, e, f, g, h] = fresh.trace;
                let drawn = u64::from_be_bytes([a, b, c, d, e, f, g, h]);
                fresh.is_sampled = drawn < keeping.below || keeping.below == u64::MAX;
                fresh
            }
        };
        let parent = came.as_ref().map(|came| came.span);
        let left = Arc::new(AtomicU32::new(OF_ONE_REQUEST_MAX));
        let trail = Trail { tracer: self.clone(), context, came, left };
        trail.open(parent, "request", Kind::Server, now)
    }

    fn keep(&self, span: Span) {
        let Some(keeping) = &self.keeping else { return };
        let queue = keeping.queue.read().unwrap_or_else(PoisonError::into_inner);
        // Never waited for: a request is worth more than its span.
        if queue.as_ref().is_some_and(|queue| queue.try_send(span).is_ok()) {
            keeping.counts.kept();
        } else {
            keeping.counts.dropped(1);
        }
    }
}

impl Trail {
    /// A part of the work, which begins at `now`.
    pub fn part(&self, name: &'static str, now: u64) -> Open {
        let trail = Self { context: self.context.next(), ..self.clone() };
        trail.open(Some(self.context.span), name, Kind::Client, now)
    }

    fn open(self, parent: Option<[u8; 8]>, name: &'static str, kind: Kind, now: u64) -> Open {
        let is_kept = self.tracer.keeping.is_some() && self.context.is_sampled;
        let has_room = || {
            let take = |left: u32| left.checked_sub(1);
            self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_ok()
        };
        let span = (is_kept && has_room()).then(|| Span {
            context: self.context.clone(),
            parent,
            name,
            kind,
            start: now,
            end: now,
            said: Vec::new(),
            failed: None,
        });
        Open { trail: self, span, begun: Instant::now() }
    }

    /// The id under which the request is found in the log.
    pub fn trace_id(&self) -> String {
        self.context.trace_id()
    }

    /// The trace that an exemplar may name: one that is kept, where traces are; else any, which the log names.
    pub fn exemplar(&self) -> Option<String> {
        (self.tracer.keeping.is_none() || self.context.is_sampled).then(|| self.trace_id())
    }

    /// What is handed on. Who keeps no spans hands on what came, as it came.
    pub fn handed_on(&self) -> Option<&Context> {
        if self.tracer.keeping.is_some() { Some(&self.context) } else { self.came.as_ref() }
    }
}

impl Open {
    /// What goes along with the work of this span.
    pub fn trail(&self) -> &Trail {
        &self.trail
    }

    /// Called what is known of it only later.
    pub fn is_called(&mut self, name: &'static str) {
        if let Some(span) = &mut self.span {
            span.name = name;
        }
    }

    pub fn says(&mut self, key: &'static str, said: impl Into<Said>) {
        if let Some(span) = &mut self.span {
            span.said.push((key, said.into()));
        }
    }

    pub fn fails(&mut self, why: &'static str) {
        if let Some(span) = &mut self.span {
            span.failed = Some(why);
        }
    }
}

impl Open {
    /// In spite of what was said before.
    pub fn went_well(&mut self) {
        if let Some(span) = &mut self.span {
            span.failed = None;
        }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        let Some(mut span) = self.span.take() else { return };
        let took = u64::try_from(self.begun.elapsed().as_nanos()).unwrap_or(u64::MAX);
        span.end = span.start.saturating_add(took);
        self.trail.tracer.keep(span);
    }
}

impl From<&str> for Said {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<u64> for Said {
    fn from(number: u64) -> Self {
        Self::Whole(i64::try_from(number).unwrap_or(i64::MAX))
    }
}

impl From<bool> for Said {
    fn from(flag: bool) -> Self {
        Self::Flag(flag)
    }
}
