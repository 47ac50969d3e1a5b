//! A single region far away, which counts by itself where that is what its traces would say.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::estate::*;
use super::far::traces;
use super::tests::*;
use super::*;
use crate::backend::memory::MemoryBackend;
use crate::backend::{
    Backend, Fault, MetricsCall, RegionAnswer, RegionInfo, RegionTrace, SearchCall, TraceCall,
};
use crate::model::{MetricsAnswer, SearchAnswer};
use crate::policy::{Plan, Treatment};

/// How often it was asked for numbers, and how often for a trace.
#[derive(Debug)]
struct Counting {
    held: Arc<MemoryBackend>,
    counted: AtomicUsize,
    sent: AtomicUsize,
}

impl Backend for Counting {
    fn trace_by_id(&self, call: TraceCall) -> BoxFuture<'_, Result<RegionTrace, Fault>> {
        self.sent.fetch_add(1, Ordering::SeqCst);
        self.held.trace_by_id(call)
    }

    fn probe(&self, deadline: Deadline) -> BoxFuture<'_, Result<RegionInfo, Fault>> {
        self.held.probe(deadline)
    }

    fn answers_queries(&self) -> bool {
        true
    }

    fn search(&self, call: SearchCall) -> BoxFuture<'_, Result<RegionAnswer<SearchAnswer>, Fault>> {
        self.held.search(call)
    }

    fn metrics(&self, call: MetricsCall) -> BoxFuture<'_, Result<RegionAnswer<MetricsAnswer>, Fault>> {
        self.counted.fetch_add(1, Ordering::SeqCst);
        self.held.metrics(call)
    }
}

fn counting(spans: &[Made], plan: Plan) -> (Arc<Counting>, Arc<Federation>) {
    let held = backend(spans);
    let counting = Arc::new(Counting { held, counted: AtomicUsize::new(0), sent: AtomicUsize::new(0) });
    let federation = of(vec![counting.clone()], plan);
    (counting, federation)
}

/// Labels and samples; which spans are pointed at is another matter.
fn series(answer: Answered<MetricsAnswer>) -> String {
    said(answer.map(|answer| {
        let all = answer.value.series.iter();
        format!("{:#?}", all.map(|series| (&series.labels, &series.samples)).collect::<Vec<_>>())
    }))
}

#[tokio::test]
async fn a_query_that_names_the_region_is_counted_by_the_one_there_is() {
    let spans = traces(120, 40).concat();
    let near = federation(std::slice::from_ref(&spans), Plan::allow_all());
    for (text, is_counted) in [
        ("{ } | rate() by(resource.tutti.region)", true),
        ("{ resource.tutti.region = `eu` } | rate()", true),
        ("{ resource.tutti.region = `eu` && .n = 1 } | count_over_time() by(.s)", true),
        ("{ .tutti.region =~ `e.` && status = error } | rate() by(.tutti.region)", true),
        ("{ .n = 1 } | rate() by(.s, .tutti.region)", false),
        ("{ } | quantile_over_time(duration, .5, .9) by(resource.tutti.region)", false),
        ("{ } | histogram_over_time(duration) by(resource.tutti.region)", false),
        ("{ .n = 1 } | max_over_time(duration) by(resource.tutti.region)", false),
        ("{ .tutti.region = `eu` && .n = 1 } | max_over_time(duration)", true),
        ("{ .tutti.region = `eu` } | quantile_over_time(duration, .5, .9) by(.s)", true),
        ("{ .n = 4711 } | rate() by(resource.tutti.region)", true),
        ("{ .n = 4711 && .tutti.region = `eu` } | rate()", true),
        ("{ resource.tutti.region = `us` } | rate()", false),
        ("{ resource.tutti.region != `us` || .n = 1 } | rate()", false),
        ("{ } | rate() by(resource.tutti.region) | topk(2)", false),
        ("{ } | compare({ resource.tutti.region = `eu` })", false),
    ] {
        for is_instant in [false, true] {
            let (region, far) = counting(&spans, Plan::allow_all());
            let expected = series(near.metrics(measuring(text, is_instant)).await);
            assert_eq!(series(far.metrics(measuring(text, is_instant)).await), expected, "{text}");
            let (counted, sent) = (region.counted.load(Ordering::SeqCst), region.sent.load(Ordering::SeqCst));
            assert_eq!((counted > 0, sent > 0 && is_counted), (is_counted, false), "{text}");
        }
    }
}

#[tokio::test]
async fn a_region_of_which_something_is_withheld_counts_what_has_nothing_to_do_with_it() {
    let spans = traces(121, 40).concat();
    let plan = || treating(&[("eu", "s", Treatment::Mask)]);
    let near = federation(std::slice::from_ref(&spans), plan());
    for (text, is_counted) in [
        ("{ } | rate()", true),
        ("{ .n = 1 } | rate() by(name)", true),
        ("{ status = error } | quantile_over_time(duration, .9) by(resource.service.name)", true),
        ("{ .n = 1 } >> { .n = 2 } | rate()", true),
        ("{ .n = 1 && resource.tutti.region = `eu` } | rate() by(.tutti.region)", true),
        ("{ } | rate() by(.s)", false),
        ("{ .s = `a` } | rate()", false),
        ("{ .n = 1 } | compare({ status = error })", false),
        ("({ } | rate()) / ({ .s != nil } | rate())", false),
    ] {
        let (region, far) = counting(&spans, plan());
        let expected = series(near.metrics(measuring(text, false)).await);
        assert_eq!(series(far.metrics(measuring(text, false)).await), expected, "{text}");
        assert_eq!(region.counted.load(Ordering::SeqCst) > 0, is_counted, "{text}");
        assert_eq!(region.sent.load(Ordering::SeqCst) == 0, is_counted, "{text}");
    }
}
