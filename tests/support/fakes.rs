//! Regions that do one thing, behind the same seam as real ones.

#![allow(dead_code, reason = "each test uses its part")]

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use futures::FutureExt;
use futures::future::{BoxFuture, pending};
use tutti::backend::memory::MemoryBackend;
use tutti::backend::settings::MemorySettings;
use tutti::backend::{
    Answering, Backend, Distance, Fault, RegionAnswer, RegionInfo, RegionTrace, SearchCall, Simulated,
    TagValuesCall, TagsCall, TraceCall,
};
use tutti::model::{SearchAnswer, TagNames, TagValues};
use tutti::redaction::Raw;
use tutti::task::Deadline;

/// An embedded region that holds these exports.
pub fn holding(export: &Bytes) -> Arc<MemoryBackend> {
    let region = MemoryBackend::new(MemorySettings::default());
    if !export.is_empty() {
        region.ingest(export.clone()).unwrap();
    }
    Arc::new(region)
}

/// An embedded region in whatever state the test wants.
pub fn simulated(export: &Bytes) -> Arc<Simulated> {
    Arc::new(Simulated::new(holding(export), Distance::default(), 0))
}

/// Sends these bytes for every trace, whatever they are.
#[derive(Debug)]
pub struct Sends(Mutex<Bytes>);

impl Sends {
    pub fn new(bytes: Bytes) -> Arc<Self> {
        Arc::new(Self(Mutex::new(bytes)))
    }
}

impl Backend for Sends {
    fn trace_by_id(&self, _: TraceCall) -> BoxFuture<'_, Result<RegionTrace, Fault>> {
        let bytes = self.0.lock().unwrap().clone();
        let len = bytes.len() as u64;
        async move {
            Ok(RegionTrace {
                trace: Raw::seal(bytes),
                bytes: len,
                inspected_bytes: len,
                ..RegionTrace::none()
            })
        }
        .boxed()
    }

    fn probe(&self, _: Deadline) -> BoxFuture<'_, Result<RegionInfo, Fault>> {
        async { Ok(RegionInfo::default()) }.boxed()
    }
}

/// Counts what a region is asked.
#[derive(Debug)]
pub struct Counted {
    inner: Arc<dyn Backend>,
    questions: AtomicUsize,
    probes: AtomicUsize,
}

impl Counted {
    pub fn new(inner: Arc<dyn Backend>) -> Arc<Self> {
        Arc::new(Self { inner, questions: AtomicUsize::new(0), probes: AtomicUsize::new(0) })
    }

    pub fn questions(&self) -> usize {
        self.questions.load(Ordering::SeqCst)
    }

    pub fn probes(&self) -> usize {
        self.probes.load(Ordering::SeqCst)
    }
}

impl Backend for Counted {
    fn trace_by_id(&self, call: TraceCall) -> BoxFuture<'_, Result<RegionTrace, Fault>> {
        self.questions.fetch_add(1, Ordering::SeqCst);
        self.inner.trace_by_id(call)
    }

    fn probe(&self, deadline: Deadline) -> BoxFuture<'_, Result<RegionInfo, Fault>> {
        self.probes.fetch_add(1, Ordering::SeqCst);
        self.inner.probe(deadline)
    }
}

/// Takes a question, never answers it, and knows how many it still works on.
#[derive(Debug, Default)]
pub struct Hangs {
    begun: AtomicUsize,
    open: Arc<AtomicUsize>,
}

/// One question that is being worked on.
struct Work(Arc<AtomicUsize>);

impl Drop for Work {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Hangs {
    pub fn begun(&self) -> usize {
        self.begun.load(Ordering::SeqCst)
    }

    pub fn open(&self) -> usize {
        self.open.load(Ordering::SeqCst)
    }
}

impl Backend for Hangs {
    fn trace_by_id(&self, _: TraceCall) -> BoxFuture<'_, Result<RegionTrace, Fault>> {
        async move {
            self.begun.fetch_add(1, Ordering::SeqCst);
            self.open.fetch_add(1, Ordering::SeqCst);
            let _work = Work(self.open.clone());
            pending().await
        }
        .boxed()
    }

    fn probe(&self, _: Deadline) -> BoxFuture<'_, Result<RegionInfo, Fault>> {
        async { Ok(RegionInfo::default()) }.boxed()
    }
}

/// A region that is not in this process, as far as the federation can tell, and answers queries.
#[derive(Debug)]
pub struct Elsewhere(pub Arc<dyn Backend>);

impl Backend for Elsewhere {
    fn trace_by_id(&self, call: TraceCall) -> BoxFuture<'_, Result<RegionTrace, Fault>> {
        self.0.trace_by_id(call)
    }

    fn probe(&self, deadline: Deadline) -> BoxFuture<'_, Result<RegionInfo, Fault>> {
        self.0.probe(deadline)
    }

    fn answers_queries(&self) -> bool {
        true
    }

    fn search(&self, call: SearchCall) -> Answering<'_, RegionAnswer<SearchAnswer>> {
        self.0.search(call)
    }

    fn tag_names(&self, call: TagsCall) -> Answering<'_, RegionAnswer<TagNames>> {
        self.0.tag_names(call)
    }

    fn tag_values(&self, call: TagValuesCall) -> Answering<'_, RegionAnswer<TagValues>> {
        self.0.tag_values(call)
    }
}
