//! A region that stores traces in blocks, and leaves out those that do not lie within the times it is asked about: as
//! a Tempo does, whatever times the spans of a block have.

#![allow(dead_code, reason = "each test uses its part")]

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use tutti::backend::{Backend, Fault, RegionInfo, RegionTrace, TraceCall};
use tutti::model::{TraceId, TraceQuery};
use tutti::redaction::Raw;
use tutti::task::Deadline;

/// A part of one trace, and the seconds its block says it is of.
#[derive(Debug, Clone)]
struct Block {
    id: TraceId,
    seconds: (i64, i64),
    part: Bytes,
}

#[derive(Debug, Default)]
pub struct Stored {
    blocks: Mutex<Vec<Block>>,
    questions: AtomicUsize,
    narrowed: AtomicUsize,
}

impl Stored {
    pub fn put(&self, id: TraceId, seconds: (i64, i64), part: Bytes) {
        self.blocks.lock().unwrap().push(Block { id, seconds, part });
    }

    pub fn questions(&self) -> usize {
        self.questions.load(Ordering::SeqCst)
    }

    /// Those that named times.
    pub fn narrowed(&self) -> usize {
        self.narrowed.load(Ordering::SeqCst)
    }

    fn of(&self, query: &TraceQuery) -> Bytes {
        let (start, end) = (query.start.unwrap_or(0), query.end.unwrap_or(i64::MAX));
        let blocks = self.blocks.lock().unwrap();
        let within =
            |block: &&Block| block.id == query.id && block.seconds.0 <= end && block.seconds.1 >= start;
        blocks.iter().filter(within).flat_map(|block| block.part.to_vec()).collect::<Vec<u8>>().into()
    }
}

impl Backend for Stored {
    fn trace_by_id(&self, call: TraceCall) -> BoxFuture<'_, Result<RegionTrace, Fault>> {
        self.questions.fetch_add(1, Ordering::SeqCst);
        if call.query.start.is_some() {
            self.narrowed.fetch_add(1, Ordering::SeqCst);
        }
        let bytes = self.of(&call.query);
        let len = bytes.len() as u64;
        async move { Ok(RegionTrace { trace: Raw::seal(bytes), bytes: len, ..RegionTrace::none() }) }.boxed()
    }

    fn probe(&self, _: Deadline) -> BoxFuture<'_, Result<RegionInfo, Fault>> {
        async { Ok(RegionInfo::default()) }.boxed()
    }
}

/// Holds a question open for as long as it is worked on, and says how many are.
#[derive(Debug)]
pub struct Watched {
    inner: Arc<dyn Backend>,
    open: Arc<AtomicUsize>,
}

struct Open(Arc<AtomicUsize>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Watched {
    pub fn new(inner: Arc<dyn Backend>) -> Arc<Self> {
        Arc::new(Self { inner, open: Arc::default() })
    }

    pub fn open(&self) -> usize {
        self.open.load(Ordering::SeqCst)
    }
}

impl Backend for Watched {
    fn trace_by_id(&self, call: TraceCall) -> BoxFuture<'_, Result<RegionTrace, Fault>> {
        async move {
            self.open.fetch_add(1, Ordering::SeqCst);
            let _open = Open(self.open.clone());
            self.inner.trace_by_id(call).await
        }
        .boxed()
    }

    fn probe(&self, deadline: Deadline) -> BoxFuture<'_, Result<RegionInfo, Fault>> {
        self.inner.probe(deadline)
    }
}
