//! The limit of a region behind its layers, on paused time.

use std::time::Duration;

use futures::future::join_all;
use tokio::time::sleep;

use super::*;
use crate::backend::call::{RegionTrace, TraceCall};
use crate::backend::fake::{Fake, Turn, call_within};
use crate::backend::{Backend, Region, RegionInfo};
use crate::model::{Jurisdiction, RegionName};
use crate::task::{Deadline, Group};

const SECOND: Duration = Duration::from_secs(1);
const BASE: Duration = Duration::from_millis(50);

/// Serves so many at once in its usual time; more take turns.
#[derive(Debug)]
struct Crowded {
    capacity: AtomicUsize,
    now: AtomicUsize,
}

struct UnderWay<'a>(&'a AtomicUsize);

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Backend for Crowded {
    fn trace_by_id(&self, _: TraceCall) -> BoxFuture<'_, Result<RegionTrace, Fault>> {
        async {
            let now = self.now.fetch_add(1, Ordering::SeqCst) + 1;
            let _under_way = UnderWay(&self.now);
            let crowd = now as f64 / self.capacity.load(Ordering::SeqCst) as f64;
            sleep(BASE.mul_f64(crowd.max(1.0))).await;
            Ok(RegionTrace::none())
        }
        .boxed()
    }

    fn probe(&self, _: Deadline) -> BoxFuture<'_, Result<RegionInfo, Fault>> {
        async { Ok(RegionInfo::default()) }.boxed()
    }
}

fn region(backend: Arc<dyn Backend>, layers: LayerSettings) -> Arc<Region> {
    let name = RegionName::parse("eu-central").unwrap();
    Arc::new(Region::new(name, Jurisdiction::parse("EU").unwrap(), backend, layers))
}

/// So many callers, each asking again as soon as it is answered; how many answers there were.
async fn callers(region: &Arc<Region>, number: usize, rounds: Duration) -> usize {
    let answers = Arc::new(AtomicUsize::new(0));
    let tasks = Group::new();
    for _ in 0..number {
        let (region, answers) = (region.clone(), answers.clone());
        tasks.spawn(async move {
            loop {
                if region.trace_by_id(call_within(20 * SECOND)).await.is_ok() {
                    answers.fetch_add(1, Ordering::SeqCst);
                }
            }
        });
    }
    sleep(rounds).await;
    tasks.stop().await;
    answers.load(Ordering::SeqCst)
}

#[tokio::test(start_paused = true)]
async fn a_region_that_slows_under_load_is_asked_less_and_answers_as_many() {
    let crowded = Arc::new(Crowded { capacity: AtomicUsize::new(64), now: AtomicUsize::new(0) });
    let region = region(crowded.clone(), LayerSettings::default());
    callers(&region, 8, 2 * SECOND).await;
    assert_eq!(region.load().limit, 64);
    crowded.capacity.store(8, Ordering::SeqCst);
    callers(&region, 60, 10 * SECOND).await;
    let limit = region.load().limit;
    assert!((8..=32).contains(&limit), "{limit}");
    let answers = callers(&region, 60, 4 * SECOND).await;
    // Eight at once in 50 ms each, for four seconds.
    assert!(answers >= 8 * 80 * 9 / 10, "{answers}");
    crowded.capacity.store(64, Ordering::SeqCst);
    callers(&region, 60, 20 * SECOND).await;
    assert!(region.load().limit >= 48, "{}", region.load().limit);
    let load = region.load();
    assert_eq!((load.in_flight, load.waiting), (0, 0), "who leaves is not counted");
}

#[tokio::test(start_paused = true)]
async fn refusals_for_load_lower_the_limit_and_other_faults_do_not() {
    for (status, is_lower) in [(RegionStatus::Overloaded, true), (RegionStatus::Rejected, false)] {
        let fake = Fake::new(&[Turn::Fail(status)]);
        let region = region(fake.clone(), LayerSettings::default());
        for _ in 0..5 {
            region.trace_by_id(call_within(SECOND)).await.unwrap_err();
            sleep(SECOND).await;
        }
        assert_eq!(region.load().limit < 64, is_lower, "{status:?}");
        assert!(region.load().limit >= 4);
    }
}

#[tokio::test(start_paused = true)]
async fn where_the_line_is_full_a_question_is_refused_at_once_and_says_why() {
    let fake = Fake::new(&[Turn::Answer]);
    fake.takes(SECOND);
    let layers = LayerSettings { concurrent_max: 2, waiting_max: 3, ..LayerSettings::default() };
    let region = region(fake.clone(), layers);
    let outcomes = join_all((0..8).map(|_| region.trace_by_id(call_within(20 * SECOND)))).await;
    let refused: Vec<_> = outcomes.into_iter().filter_map(Result::err).collect();
    assert_eq!((refused.len(), fake.asked()), (3, 5));
    for fault in &refused {
        assert_eq!((fault.status, fault.attempts, fault.is_blameless), (RegionStatus::Limited, 0, true));
        assert!(fault.detail.contains("limit of 2 questions"), "{}", fault.detail);
    }
    let load = region.load();
    assert_eq!((load.refused, load.waiting, load.in_flight), (3, 0, 0));
}
