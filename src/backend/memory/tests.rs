//! The embedded region: what goes in comes out by id, within its limits, whoever asks at the same time.

use std::sync::Arc;
use std::time::Duration;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use proptest::prelude::*;
use prost::Message;
use tokio::time::advance;

use super::*;
use crate::backend::{Backend, TraceCall};
use crate::task::Deadline;
use crate::wire::export::arbitrary;

const HOUR: Duration = Duration::from_secs(3600);

fn region(bytes_max: u64) -> MemoryBackend {
    MemoryBackend::new(MemorySettings { otlp: None, bytes_max, age_max: HOUR })
}

fn id(number: u64) -> TraceId {
    TraceId::from_bytes(u128::from(number).to_be_bytes())
}

/// One span of a trace, with a name of so many bytes.
pub(super) fn export(trace: u64, span: u64, name_len: usize) -> Bytes {
    let span = Span {
        trace_id: id(trace).as_bytes().to_vec(),
        span_id: span.to_be_bytes().to_vec(),
        name: "n".repeat(name_len),
        ..Span::default()
    };
    let scope = ScopeSpans { spans: vec![span], ..ScopeSpans::default() };
    let resource = ResourceSpans { scope_spans: vec![scope], ..ResourceSpans::default() };
    ExportTraceServiceRequest { resource_spans: vec![resource] }.encode_to_vec().into()
}

fn span_ids(region: &MemoryBackend, trace: u64) -> Vec<u64> {
    let trace = ExportTraceServiceRequest::decode(region.peek(&id(trace))).unwrap();
    let spans = trace.resource_spans.iter().flat_map(|r| &r.scope_spans).flat_map(|s| &s.spans);
    spans.map(|span| u64::from_be_bytes(span.span_id.clone().try_into().unwrap())).collect()
}

#[tokio::test]
async fn a_lookup_joins_what_arrived_in_pieces() {
    let region = region(1 << 20);
    for span in 1..=3 {
        region.ingest(export(7, span, 5)).unwrap();
    }
    region.ingest(export(8, 9, 5)).unwrap();
    assert_eq!(span_ids(&region, 7), [1, 2, 3]);
    assert_eq!(span_ids(&region, 8), [9]);
    let call = |query| TraceCall { query, deadline: Deadline::starting_now(HOUR) };
    let found = region.trace_by_id(call(TraceQuery::of(id(7)))).await.unwrap();
    assert_eq!(found.bytes, region.peek(&id(7)).len() as u64);
    assert!(found.bytes > 0 && !found.is_partial);
    let missing = region.trace_by_id(call(TraceQuery::of(id(99)))).await.unwrap();
    assert_eq!(missing.bytes, 0);
}

#[tokio::test]
async fn a_probe_names_the_version_that_is_followed() {
    let info = region(1 << 20).probe(Deadline::starting_now(HOUR)).await.unwrap();
    assert_eq!(info.version.as_deref(), Some("3.0.2"));
}

#[test]
fn memory_stays_under_its_limit_whatever_is_pushed() {
    let region = region(64 << 10);
    // Twenty times what fits, in traces of many sizes, some of which come back.
    let mut pushed = 0;
    for number in 0u64..4000 {
        let export = export(number % 1500, number, (number * 37 % 900) as usize);
        pushed += export.len() as u64;
        region.ingest(export).unwrap();
        let held = region.held();
        assert!(held.bytes <= 64 << 10, "{held:?}");
    }
    assert!(pushed > 20 * (64 << 10));
    let held = region.held();
    assert!(held.evicted_for_bytes > 1000 && held.traces > 20, "{held:?}");
    // What is counted is what is there.
    let newest = region.newest(usize::MAX);
    assert_eq!(newest.len(), held.traces);
    let content: u64 = newest.iter().map(|id| region.peek(id).len() as u64).sum();
    assert!(content < held.bytes && content > held.bytes / 4, "{content} of {}", held.bytes);
}

#[test]
fn the_trace_that_nothing_arrived_for_longest_goes_first() {
    let region = region(16 << 10);
    for trace in 1..=3 {
        region.ingest(export(trace, 1, 3000)).unwrap();
    }
    region.ingest(export(1, 2, 100)).unwrap();
    assert_eq!(region.newest(2), [id(1), id(3)]);
    for trace in 4..=5 {
        region.ingest(export(trace, 1, 3000)).unwrap();
    }
    assert_eq!(region.newest(9), [id(5), id(4), id(1), id(3)]);
    assert_eq!(span_ids(&region, 2), [] as [u64; 0]);
    assert_eq!(span_ids(&region, 1), [1, 2]);
}

#[tokio::test(start_paused = true)]
async fn a_trace_is_kept_until_nothing_arrived_for_its_age() {
    let region = region(1 << 20);
    region.ingest(export(1, 1, 5)).unwrap();
    region.ingest(export(2, 1, 5)).unwrap();
    advance(HOUR - Duration::from_secs(1)).await;
    region.ingest(export(2, 2, 5)).unwrap();
    assert_eq!(region.len(), 2);
    advance(Duration::from_secs(2)).await;
    assert_eq!(span_ids(&region, 1), [] as [u64; 0]);
    assert_eq!(region.newest(9), [id(2)]);
    let held = region.held();
    assert_eq!((held.traces, held.spans, held.evicted_for_age), (1, 2, 1));
}

#[tokio::test(start_paused = true)]
async fn an_old_trace_is_not_shown_even_before_it_is_let_go() {
    let region = region(16 << 20);
    for trace in 1..=2000 {
        region.ingest(export(trace, 1, 5)).unwrap();
    }
    advance(HOUR + Duration::from_secs(1)).await;
    assert_eq!(span_ids(&region, 2000), [] as [u64; 0]);
    assert_eq!(region.newest(9), []);
    for _ in 0..10 {
        region.held();
    }
    let left = Held { evicted_for_age: 2000, ..Held::default() };
    assert_eq!(region.held(), left);
}

#[test]
fn a_batch_sent_again_is_kept_once() {
    let region = region(1 << 20);
    region.ingest(export(1, 1, 5)).unwrap();
    let before = region.held();
    let again = region.ingest(export(1, 1, 5)).unwrap();
    assert_eq!(again, Ingested { spans: 1, rejected: Rejected::default() });
    assert_eq!(region.held(), before);
}

#[test]
fn spans_without_a_trace_id_are_counted_and_left_out() {
    let mut bytes = export(1, 1, 5).to_vec();
    bytes.extend_from_slice(&export(0, 1, 5));
    let region = region(1 << 20);
    let ingested = region.ingest(bytes.into()).unwrap();
    assert_eq!((ingested.spans, ingested.rejected.total()), (1, 1));
    assert_eq!(
        ingested.rejected.reason().unwrap(),
        "spans rejected: 1 without a trace id of 16 bytes that are not all zero"
    );
    assert_eq!(region.len(), 1);
}

#[test]
fn one_trace_never_takes_more_than_its_share() {
    let region = region(64 << 10);
    region.ingest(export(1, 1, 10)).unwrap();
    let mut full = 0;
    for span in 0..200 {
        full += region.ingest(export(2, span, 500)).unwrap().rejected.trace_full;
    }
    assert!((150..200).contains(&full), "{full}");
    assert!(region.held().bytes <= (64 << 10) / SHARE + 1024);
    assert_eq!(span_ids(&region, 1), [1]);
}

#[test]
fn a_request_that_would_flood_the_region_is_refused_whole() {
    // Forty traces share one resource of 1000 bytes: taken apart, it is forty resources.
    let spans = (1..=40).map(|trace| Span { trace_id: id(trace).as_bytes().to_vec(), ..Span::default() });
    let scope = ScopeSpans { spans: spans.collect(), ..ScopeSpans::default() };
    let resource =
        ResourceSpans { schema_url: "u".repeat(1000), scope_spans: vec![scope], ..ResourceSpans::default() };
    let bytes = ExportTraceServiceRequest { resource_spans: vec![resource] }.encode_to_vec();
    let region = region(64 << 10);
    assert!(bytes.len() < 2000);
    let refused = region.ingest(bytes.into()).unwrap_err();
    assert!(matches!(refused, IngestError::TooLarge { bytes: 40_000.., bytes_max: 16_384 }), "{refused}");
    assert!(region.is_empty());
}

#[test]
fn a_bad_request_is_refused_whole_and_clearly() {
    let mut bytes = export(1, 1, 5).to_vec();
    bytes.extend_from_slice(&[0x0a, 0x03, 0x0a, 0x05, 1]);
    let region = region(1 << 20);
    let refused = region.ingest(bytes.into()).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "not a valid OTLP trace export: resourceSpans[1]: the bytes end inside a field"
    );
    assert!(region.is_empty());
}

#[test]
fn lookups_and_arrivals_go_on_together() {
    let region = Arc::new(region(4 << 20));
    std::thread::scope(|scope| {
        for writer in 0..3u64 {
            let region = region.clone();
            scope.spawn(move || {
                for number in 0..500 {
                    region.ingest(export(number % 40 + 1, writer << 32 | number, 200)).unwrap();
                }
            });
        }
        let region = region.clone();
        scope.spawn(move || {
            for number in 0..2000 {
                span_ids(&region, number % 40 + 1);
                assert!(region.held().bytes <= 4 << 20);
            }
        });
    });
    let held = region.held();
    assert_eq!((held.traces, held.spans), (40, 1500));
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let region = region(4 << 10);
        let _ = region.ingest(bytes.into());
        prop_assert!(region.held().bytes <= 4 << 10);
    }

    #[test]
    fn counts_are_those_of_what_is_held(exports in proptest::collection::vec(arbitrary::export(), 1..8)) {
        let region = region(8 << 10);
        for export in exports {
            let _ = region.ingest(export.encode_to_vec().into());
            let held = region.held();
            let ids = region.newest(usize::MAX);
            let mut spans = 0;
            let mut bytes = 0;
            for id in &ids {
                let trace = region.peek(id);
                bytes += trace.len() as u64;
                let trace = ExportTraceServiceRequest::decode(trace).unwrap();
                spans += trace.resource_spans.iter().flat_map(|r| &r.scope_spans).map(|s| s.spans.len() as u64).sum::<u64>();
            }
            prop_assert_eq!((held.traces, held.spans), (ids.len(), spans));
            prop_assert!(bytes <= held.bytes && held.bytes <= 8 << 10);
        }
    }
}
