//! A trace of which a region is missing: what says so must be seen in every version of the page, and must
//! not break one.

use std::collections::HashSet;

use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use tutti::backend::Behaviour;

use super::client::{Protocol, trace, trace_v1};
use super::gateway::{Gateway, Place};
use super::{BARE, PARTIAL, WHOLE, bare, export, spans, whole_in_eu_central, whole_in_us_east};

fn is_synthetic(span: &Span) -> bool {
    span.attributes.iter().any(|pair| {
        let value = pair.value.as_ref().and_then(|value| value.value.as_ref());
        pair.key == "tutti.synthetic" && value == Some(&Value::BoolValue(true))
    })
}

/// What the page needs of spans that no one sent, beside those that someone did.
fn assert_at_home(all: &[&Span], synthetic: &[&Span]) {
    let ids: HashSet<&[u8]> = all.iter().map(|span| span.span_id.as_slice()).collect();
    assert_eq!(ids.len(), all.len(), "no id stands twice");
    let real: Vec<&Span> = all.iter().copied().filter(|span| !is_synthetic(span)).collect();
    let timed = real.iter().filter(|span| span.start_time_unix_nano > 0);
    let first = timed.map(|span| span.start_time_unix_nano).min();
    let last = real.iter().map(|span| span.end_time_unix_nano).max().unwrap();
    for span in synthetic {
        assert_eq!((span.span_id.len(), span.trace_id.len()), (8, 16));
        assert!(span.span_id.iter().any(|byte| *byte != 0));
        assert!((0..=2).contains(&span.status.as_ref().unwrap().code));
        assert!(span.end_time_unix_nano >= span.start_time_unix_nano);
        if let Some(first) = first {
            assert!(span.start_time_unix_nano >= first, "a start of zero is left out by the page");
            assert!(span.end_time_unix_nano <= last, "within the trace, or the trace grows");
        }
        assert!(
            span.parent_span_id.is_empty() || ids.contains(span.parent_span_id.as_slice()),
            "below a span that is there"
        );
    }
}

#[tokio::test]
async fn the_missing_region_is_a_span_and_the_status_says_partial() {
    let places = [
        Place::new("us-east", "US").holding(&whole_in_us_east()),
        Place::new("eu-central", "EU").holding(&whole_in_eu_central()).behaving(Behaviour::Down),
    ];
    let gateway = Gateway::over(&places).await;
    let reply = trace(gateway.address, Protocol::Http1, WHOLE).await;
    assert_eq!(reply.header("tutti-outcome"), "partial");
    let answer = reply.trace();
    assert_eq!(answer.status, PARTIAL);
    assert!(answer.message.starts_with("eu-central could not be reached"), "{}", answer.message);
    assert!(answer.message.len() < 200 && !answer.message.contains('\n'), "a tooltip: {}", answer.message);
    let all = spans(&answer.trace.as_ref().unwrap().resource_spans);
    let synthetic: Vec<&Span> = all.iter().copied().filter(|span| is_synthetic(span)).collect();
    assert_at_home(&all, &synthetic);
    let [notice] = synthetic.as_slice() else { panic!("one for the region: {synthetic:?}") };
    assert!(notice.name.contains("eu-central could not be reached"), "{}", notice.name);
    let root = all.iter().find(|span| span.parent_span_id.is_empty()).unwrap();
    assert_eq!(notice.parent_span_id, root.span_id);
    // A plugin of before v2 has nothing but the span.
    let v1 = trace_v1(gateway.address, Protocol::Http1, WHOLE).await;
    assert!(v1.body.windows(8).any(|eight| eight == b"\xe2\x9a\xa0 regi"), "the span is on v1, too");
}

#[tokio::test]
async fn where_the_root_is_missing_stand_ins_keep_one_tree() {
    let places = [
        Place::new("us-east", "US").holding(&whole_in_us_east()).behaving(Behaviour::Down),
        Place::new("eu-central", "EU").holding(&whole_in_eu_central()),
    ];
    let gateway = Gateway::over(&places).await;
    let answer = trace(gateway.address, Protocol::Http1, WHOLE).await.trace();
    let all = spans(&answer.trace.as_ref().unwrap().resource_spans);
    let synthetic: Vec<&Span> = all.iter().copied().filter(|span| is_synthetic(span)).collect();
    assert_at_home(&all, &synthetic);
    assert_eq!(synthetic.len(), 2, "the absent parent and the region: {synthetic:?}");
    let roots: Vec<_> = all.iter().filter(|span| span.parent_span_id.is_empty()).collect();
    assert_eq!(roots.len(), 1, "{roots:?}");
    assert_eq!(roots[0].name, "span in us-east (unavailable)");
}

#[tokio::test]
async fn spans_without_times_do_not_take_the_notice_out_of_sight() {
    let timed = format!(r#"{{"resource":{{}},"scopeSpans":[{{"spans":[{}]}}]}}"#, super::span(BARE, 8, 9, 1));
    for held in [bare(), export(&[timed])] {
        let places = [
            Place::new("us-east", "US").holding(&bare()).holding(&held),
            Place::new("eu-central", "EU").behaving(Behaviour::Down),
        ];
        let gateway = Gateway::over(&places).await;
        let answer = trace(gateway.address, Protocol::Http1, BARE).await.trace();
        assert_eq!(answer.status, PARTIAL);
        let all = spans(&answer.trace.as_ref().unwrap().resource_spans);
        let synthetic: Vec<&Span> =
            all.iter().copied().filter(|span| is_synthetic(span) && span.name.contains("⚠")).collect();
        assert_eq!(synthetic.len(), 1);
        assert_at_home(&all, &synthetic);
    }
}
