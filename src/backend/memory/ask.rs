//! How an embedded region answers: traces at once, queries off the threads that serve requests.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures::FutureExt;
use futures::future::BoxFuture;

use super::walk::{Bounds, Walked, walk};
use super::{MemoryBackend, TEMPO_VERSION};
use crate::backend::{
    Backend, Call, Fault, MetricsCall, RegionAnswer, RegionInfo, RegionTrace, SearchCall, TagValuesCall,
    TagsCall, TraceCall, TracesCall, fault,
};
use crate::evaluate::gather::{Gather, MetricsGather, SearchGather, TagNamesGather, TagValuesGather};
use crate::model::{MetricsAnswer, RegionStatus, SearchAnswer, TagNames, TagValues};
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
            Ok(RegionAnswer {
                answer: Raw::seal(answer),
                is_partial,
                first_byte: None,
                attempts: 1,
                hedged: 0,
                within: None,
            })
        }
        .boxed()
    }
}

impl Backend for MemoryBackend {
    fn trace_by_id(&self, call: TraceCall) -> BoxFuture<'_, Result<RegionTrace, Fault>> {
        async move { Ok(self.lookup(&call.query)) }.boxed()
    }

    fn traces(&self, call: TracesCall) -> BoxFuture<'_, Result<Vec<RegionTrace>, Fault>> {
        async move { Ok(self.lookup_first(&call.query)) }.boxed()
    }

    fn probe(&self, _deadline: Deadline) -> BoxFuture<'_, Result<RegionInfo, Fault>> {
        async { Ok(RegionInfo { version: Some(TEMPO_VERSION.to_owned()) }) }.boxed()
    }

    fn answers_queries(&self) -> bool {
        true
    }

    fn is_embedded(&self) -> bool {
        true
    }

    fn search(&self, call: SearchCall) -> BoxFuture<'_, Result<RegionAnswer<SearchAnswer>, Fault>> {
        self.gather(call, SearchGather::of)
    }

    fn tag_names(&self, call: TagsCall) -> BoxFuture<'_, Result<RegionAnswer<TagNames>, Fault>> {
        self.gather(call, TagNamesGather::of)
    }

    fn tag_values(&self, call: TagValuesCall) -> BoxFuture<'_, Result<RegionAnswer<TagValues>, Fault>> {
        self.gather(call, TagValuesGather::of)
    }

    fn metrics(&self, call: MetricsCall) -> BoxFuture<'_, Result<RegionAnswer<MetricsAnswer>, Fault>> {
        self.gather(call, MetricsGather::of)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::time::Duration;

    use super::*;
    use crate::backend::memory::tests::export;
    use crate::backend::settings::MemorySettings;
    use crate::evaluate::TraceRows;
    use crate::evaluate::gather::{Order, Reach};
    use crate::evaluate::rows::Summary;
    use crate::model::search::Inspected;
    use crate::traceql::value::Failure;

    /// Says when it is fed, and waits to be told to go on. What it was fed is known when it is dropped.
    struct Held {
        fed: mpsc::Sender<()>,
        go: mpsc::Receiver<()>,
    }

    impl Gather for Held {
        type Answer = ();

        fn order(&self) -> Order {
            Order::Id
        }

        fn reach(&self) -> Option<Reach> {
            None
        }

        fn reaches(&self, _: &Summary) -> bool {
            true
        }

        fn take(&mut self, _: &TraceRows<'_>, _: u64) -> Result<(), Failure> {
            self.fed.send(()).unwrap();
            self.go.recv().unwrap();
            Ok(())
        }

        fn wants(&self, _: u64) -> bool {
            true
        }

        fn finish(self, _: Inspected) {}
    }

    #[tokio::test]
    async fn a_question_that_nobody_waits_for_any_more_ends_at_the_next_trace() {
        let region = MemoryBackend::new(MemorySettings::default());
        for trace in 1..=20 {
            region.ingest(export(trace, 1, 5)).unwrap();
        }
        let (fed, is_fed) = mpsc::channel();
        let (go, goes) = mpsc::channel();
        let call = Call { query: (), deadline: Deadline::starting_now(Duration::from_secs(60)) };
        let asked = region.gather(call, |()| Ok::<_, String>(Held { fed, go: goes }));
        let caller = task::Group::new();
        caller.spawn(async move {
            let _ = asked.await;
        });
        let wait = move || (is_fed.recv().unwrap(), is_fed);
        let ((), is_fed) = task::blocking(wait).await.unwrap();
        caller.stop().await;
        go.send(()).unwrap();
        // The gather is dropped, and its sender with it, without a second trace.
        let rest = task::blocking(move || is_fed.iter().count()).await.unwrap();
        assert_eq!(rest, 0);
    }
}
