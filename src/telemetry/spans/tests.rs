//! Which spans are kept, and what is handed on.

use super::*;
use crate::telemetry::Metrics;

const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

fn came(flags: &str) -> Option<Context> {
    Context::read(&format!("{}{flags}", &PARENT[..53]), Some("a=b"))
}

fn keeping(ratio: f64) -> (Arc<Tracer>, mpsc::Receiver<Span>) {
    Tracer::keeping(ratio, Metrics::default().spans())
}

#[tokio::test(start_paused = true)]
async fn a_question_to_a_region_is_part_of_its_request_and_of_whoever_asked() {
    let (tracer, mut spans) = keeping(0.0);
    let mut request = tracer.request(came("01"), 1000);
    request.is_called("search");
    let mut part = request.trail().part("ask", 2000);
    part.says("tutti.region", "eu");
    part.fails("timeout");
    let handed_on = part.trail().handed_on().unwrap().clone();
    tokio::time::advance(std::time::Duration::from_nanos(5)).await;
    drop(part);
    drop(request);
    let (part, request) = (spans.recv().await.unwrap(), spans.recv().await.unwrap());
    assert_eq!((request.name, request.kind, request.start), ("search", Kind::Server, 1000));
    assert_eq!(request.parent, came("01").map(|came| came.span));
    assert_eq!(part.parent, Some(request.context.span));
    assert_eq!(part.context, handed_on);
    assert_eq!(part.context.trace, came("01").unwrap().trace);
    assert_eq!(handed_on.state.as_deref(), Some("a=b"));
    assert_eq!((part.failed, part.kind, part.said.len()), (Some("timeout"), Kind::Client, 1));
    assert!(part.end >= part.start && request.end >= request.start);
}

#[tokio::test]
async fn whoever_asks_decides_and_else_the_ratio() {
    for (ratio, flags, is_kept) in
        [(1.0, Some("00"), false), (0.0, Some("01"), true), (1.0, None, true), (0.0, None, false)]
    {
        let (tracer, mut spans) = keeping(ratio);
        let request = tracer.request(flags.and_then(came), 0);
        assert_eq!(request.trail().exemplar().is_some(), is_kept);
        // Also what is not kept says so to those who come after.
        assert_eq!(request.trail().handed_on().unwrap().is_sampled, is_kept);
        drop(request);
        assert_eq!(spans.try_recv().is_ok(), is_kept, "{ratio} {flags:?}");
    }
}

#[tokio::test]
async fn a_ratio_keeps_about_its_share() {
    let (tracer, _spans) = keeping(0.25);
    let kept = (0..4000).filter(|_| tracer.request(None, 0).trail().exemplar().is_some()).count();
    // 1000 expected, with a deviation of 27: ten of them are never left.
    assert!((730..1270).contains(&kept), "{kept}");
}

#[tokio::test]
async fn where_no_spans_are_kept_the_context_of_whoever_asked_goes_on_as_it_came() {
    let tracer = Tracer::off();
    let request = tracer.request(came("01"), 0);
    assert_eq!(request.trail().part("ask", 0).trail().handed_on(), came("01").as_ref());
    assert!(request.trail().exemplar().is_some(), "it is found in the log");
    assert_eq!(tracer.request(None, 0).trail().handed_on(), None);
}

#[tokio::test]
async fn neither_a_queue_nor_a_request_grows_without_a_bound() {
    let metrics = Metrics::default();
    let (tracer, mut spans) = Tracer::keeping(1.0, metrics.spans());
    let request = tracer.request(None, 0);
    for _ in 0..1000 {
        request.trail().part("ask", 0);
    }
    drop(request);
    let kept = std::iter::from_fn(|| spans.try_recv().ok()).count();
    // Its own place is taken first.
    assert_eq!(kept, OF_ONE_REQUEST_MAX as usize);
    for _ in 0..QUEUE_MAX + 10 {
        tracer.request(None, 0);
    }
    assert!(metrics.render().contains("tutti_spans_dropped_total 10\n"), "{}", metrics.render());
    tracer.close();
    assert_eq!(std::iter::from_fn(|| spans.try_recv().ok()).count(), QUEUE_MAX);
    assert!(spans.recv().await.is_none(), "whoever sends them comes to an end");
}
