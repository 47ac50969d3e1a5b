//! What a region says of itself may be anything: it is added up, shown and believed with care.

use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use opentelemetry_proto::tonic::trace::v1::Span;
use tutti::backend::{Backend, Fault, RegionInfo, RegionTrace, TraceCall};
use tutti::redaction::Raw;
use tutti::task::Deadline;

use crate::estate::estate;
use crate::spans::{ID, batch, span, trace};

/// Answers with these spans and claims.
#[derive(Debug)]
struct Claims {
    spans: Vec<Span>,
    inspected_bytes: u64,
    is_partial: bool,
}

impl Backend for Claims {
    fn trace_by_id(&self, _: TraceCall) -> BoxFuture<'_, Result<RegionTrace, Fault>> {
        let bytes = trace(vec![batch("a", self.spans.clone())]);
        let (inspected_bytes, is_partial) = (self.inspected_bytes, self.is_partial);
        let len = bytes.len() as u64;
        let trace = Raw::seal(bytes);
        async move { Ok(RegionTrace { trace, bytes: len, inspected_bytes, is_partial, ..RegionTrace::none() }) }.boxed()
    }

    fn probe(&self, _: Deadline) -> BoxFuture<'_, Result<RegionInfo, Fault>> {
        async { Ok(RegionInfo::default()) }.boxed()
    }
}

#[tokio::test(start_paused = true)]
async fn regions_that_boast_of_what_they_read_break_no_sum() {
    let boasting = |number| -> Arc<dyn Backend> {
        Arc::new(Claims { spans: vec![span(number, None, 2)], inspected_bytes: u64::MAX, is_partial: false })
    };
    let estate = estate(vec![("us-east", boasting(1)), ("eu-central", boasting(2))]);
    let answer = estate.get(&format!("/api/v2/traces/{ID}")).await;
    assert_eq!((answer.status.as_u16(), answer.outcome()), (200, "complete"), "{}", answer.text());
}

#[tokio::test(start_paused = true)]
async fn regions_that_answered_in_part_are_not_said_to_be_silent() {
    let partial =
        || -> Arc<dyn Backend> { Arc::new(Claims { spans: vec![], inspected_bytes: 0, is_partial: true }) };
    let estate = estate(vec![("us-east", partial()), ("eu-central", partial())]);
    for mode in ["best_effort", "strict"] {
        let answer = estate.ask(&format!("/api/v2/traces/{ID}"), &[("tutti-mode", mode)]).await;
        assert!(answer.status.is_server_error(), "{mode}: {}", answer.status);
        assert!(answer.text().contains("us-east answered in part"), "{}", answer.text());
        assert!(!answer.text().contains("no region answered"), "{}", answer.text());
        assert!(!answer.text().contains("not found"), "{}", answer.text());
    }
}

#[tokio::test(start_paused = true)]
async fn an_id_of_a_megabyte_does_not_swell_the_report() {
    let orphan = Span { parent_span_id: vec![7; 1 << 20], ..span(1, None, 2) };
    let region: Arc<dyn Backend> =
        Arc::new(Claims { spans: vec![orphan], inspected_bytes: 0, is_partial: false });
    let estate = estate(vec![("us-east", region)]);
    let answer = estate.get(&format!("/api/tutti/v1/traces/{ID}/stream")).await;
    let text = answer.text();
    assert!(text.contains("missing_parent"), "the report is not in the answer");
    let hex = "07".repeat(100);
    assert!(!text.contains(&hex), "a report of {} bytes", text.len());
}
