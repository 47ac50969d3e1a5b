//! How an embedded region answers: traces at once, queries off the threads that serve requests.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures::FutureExt;
use futures::future::BoxFuture;

use super::walk::{Bounds, Walked, walk};
use super::{MemoryBackend, TEMPO_VERSION};
use crate::backend::{
    Backend, Call, Fault, RegionAnswer, RegionInfo, RegionTrace, SearchCall, TraceCall, fault,
};
use crate::evaluate::gather::{Gather, SearchGather};
use crate::model::{RegionStatus, SearchAnswer};
use crate::redaction::Raw;
use crate::task::{self, Deadline};

/// Tells a computation that nobody waits for it any more.
#[derive(Debug, Default)]
struct LeavesWith(Arc<AtomicBool>);

impl Drop for LeavesWith {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl MemoryBackend {
    fn gather<Q, G, E>(
        &self,
        call: Call<Q>,
        make: impl FnOnce(&Q) -> Result<G, E>,
    ) -> BoxFuture<'static, Result<RegionAnswer<G::Answer>, Fault>>
    where
        G: Gather,
        E: std::fmt::Display,
    {
        let made = make(&call.query).map_err(fault::of_query);
        let holdings = self.holdings.clone();
        async move {
            let gather = made?;
            let caller = LeavesWith::default();
            let bounds = Bounds { deadline: call.deadline, is_left: caller.0.clone() };
            let walked = task::blocking(move || walk(&holdings, gather, bounds)).await;
            let lost = |_| Fault::new(RegionStatus::Error, "its answer was lost while it was made");
            let Walked { answer, is_partial } = walked.map_err(lost)??;
            Ok(RegionAnswer { answer: Raw::seal(answer), is_partial, first_byte: None, attempts: 1 })
        }
        .boxed()
    }
}

impl Backend for MemoryBackend {
    fn trace_by_id(&self, call: TraceCall) -> BoxFuture<'_, Result<RegionTrace, Fault>> {
        async move { Ok(self.lookup(&call.query)) }.boxed()
    }

    fn probe(&self, _deadline: Deadline) -> BoxFuture<'_, Result<RegionInfo, Fault>> {
        async { Ok(RegionInfo { version: Some(TEMPO_VERSION.to_owned()) }) }.boxed()
    }

    fn answers_queries(&self) -> bool {
        true
    }

    fn search(&self, call: SearchCall) -> BoxFuture<'_, Result<RegionAnswer<SearchAnswer>, Fault>> {
        self.gather(call, SearchGather::of)
    }
}
