//! A client that leaves takes its questions with it.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use tokio::time::timeout;
use tower::ServiceExt;
use tutti::backend::Backend;

use crate::estate::{Estate, estate, request};
use crate::fakes::{Hangs, holding};
use crate::spans::{ID, SERVER, part, span};

const A_WHILE: Duration = Duration::from_secs(1);

/// A region that answers and two that never do.
fn estate_that_hangs() -> (Estate, [Arc<Hangs>; 2]) {
    let hanging = [Arc::new(Hangs::default()), Arc::new(Hangs::default())];
    let well: Arc<dyn Backend> = holding(&part("shop", vec![span(1, None, SERVER)]));
    let estate =
        estate(vec![("us-east", well), ("us-west", hanging[0].clone()), ("eu-central", hanging[1].clone())]);
    (estate, hanging)
}

async fn assert_all_is_over(estate: &Estate, hanging: &[Arc<Hangs>], endpoint: &str) {
    // What works beside a stream hears of its end as soon as it has its turn.
    tokio::task::yield_now().await;
    for region in hanging {
        assert_eq!((region.begun(), region.open()), (1, 0), "its work goes when its caller goes");
    }
    assert_eq!(estate.metric("tutti_requests_in_flight").await, 0.0);
    let cancelled =
        format!("tutti_requests_total{{endpoint=\"{endpoint}\",mode=\"best_effort\",outcome=\"cancelled\"}}");
    assert_eq!(estate.metric(&cancelled).await, 1.0);
    assert_eq!(estate.state.permits.available_permits(), estate.state.settings.requests_concurrent_max);
}

#[tokio::test(start_paused = true)]
async fn a_dropped_request_cancels_its_regions_and_counts_as_cancelled() {
    for (path, endpoint) in [
        (format!("/api/traces/{ID}"), "traces_v1"),
        (format!("/api/v2/traces/{ID}"), "traces_v2"),
        (format!("/api/tutti/v1/traces/{ID}"), "trace_report"),
    ] {
        let (estate, hanging) = estate_that_hangs();
        let asking = estate.router.clone().oneshot(request(&path, &[]));
        let mut asking = Box::pin(asking);
        assert!(timeout(A_WHILE, &mut asking).await.is_err());
        assert!(hanging.iter().all(|region| region.open() == 1), "both are being asked");
        assert_eq!(estate.metric("tutti_requests_in_flight").await, 1.0);
        drop(asking);
        assert_all_is_over(&estate, &hanging, endpoint).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_leaves_a_stream_cancels_its_regions_and_counts_as_cancelled() {
    let (estate, hanging) = estate_that_hangs();
    let path = format!("/api/tutti/v1/traces/{ID}/stream");
    let response = estate.router.clone().oneshot(request(&path, &[])).await.unwrap();
    let mut events = response.into_body().into_data_stream();
    let begin = events.next().await.unwrap().unwrap();
    assert!(begin.starts_with(b"event: begin\n"));
    let landed = events.next().await.unwrap().unwrap();
    assert!(landed.starts_with(b"event: region\n"), "{landed:?}");
    assert!(timeout(A_WHILE, events.next()).await.is_err(), "the rest is yet to come");
    assert!(hanging.iter().all(|region| region.open() == 1));
    assert_eq!(estate.metric("tutti_requests_in_flight").await, 1.0);
    drop(events);
    assert_all_is_over(&estate, &hanging, "trace_stream").await;
}

/// A reader that takes nothing of a stream's body has still asked nobody: the work is the body.
#[tokio::test(start_paused = true)]
async fn a_stream_that_nobody_reads_asks_nobody() {
    let (estate, hanging) = estate_that_hangs();
    let path = format!("/api/tutti/v1/traces/{ID}/stream");
    let response = estate.router.clone().oneshot(request(&path, &[])).await.unwrap();
    tokio::time::sleep(A_WHILE).await;
    assert!(hanging.iter().all(|region| region.begun() == 0));
    drop(response);
    assert_eq!(estate.metric("tutti_requests_in_flight").await, 0.0);
}

#[tokio::test(start_paused = true)]
async fn a_request_that_ends_is_counted_once_and_not_as_cancelled() {
    let (estate, _) = estate_that_hangs();
    let answer = estate.get(&format!("/api/tutti/v1/traces/{ID}/stream")).await;
    assert!(answer.text().contains("event: answer\n"));
    let line = |outcome: &str| {
        format!(
            "tutti_requests_total{{endpoint=\"trace_stream\",mode=\"best_effort\",outcome=\"{outcome}\"}}"
        )
    };
    assert_eq!(estate.metric(&line("partial")).await, 1.0);
    assert_eq!(estate.metric(&line("cancelled")).await, 0.0);
    assert_eq!(estate.metric("tutti_requests_in_flight").await, 0.0);
}
