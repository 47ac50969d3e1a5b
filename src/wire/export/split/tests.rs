//! Taking an export apart, held against the same done with objects.

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use proptest::prelude::*;
use prost::Message;

use super::*;
use crate::wire::export::arbitrary;
use crate::wire::protobuf::put_message;

/// What splitting means, said with objects: the request with only the spans of one trace.
fn only(export: &ExportTraceServiceRequest, id: TraceId) -> ExportTraceServiceRequest {
    let mut only = export.clone();
    for resource in &mut only.resource_spans {
        for scope in &mut resource.scope_spans {
            scope.spans.retain(|span| span.trace_id == id.as_bytes());
        }
        resource.scope_spans.retain(|scope| !scope.spans.is_empty());
    }
    only.resource_spans.retain(|resource| !resource.scope_spans.is_empty());
    only
}

fn spans(export: &ExportTraceServiceRequest) -> Vec<&Span> {
    export.resource_spans.iter().flat_map(|r| &r.scope_spans).flat_map(|s| &s.spans).collect()
}

proptest! {
    #[test]
    fn every_fragment_is_the_request_with_only_its_trace(export in arbitrary::export()) {
        let bytes = export.encode_to_vec();
        let split = split_by_trace(&bytes).unwrap();
        for fragment in split.fragments() {
            let written = fragment.to_bytes();
            prop_assert_eq!(written.len(), fragment.len());
            let read = ExportTraceServiceRequest::decode(&*written).unwrap();
            prop_assert_eq!(&read, &only(&export, fragment.trace_id()));
            prop_assert_eq!(fragment.spans() as usize, spans(&read).len());
        }
    }

    #[test]
    fn joined_fragments_hold_every_valid_span_once(export in arbitrary::export()) {
        let bytes = export.encode_to_vec();
        let split = split_by_trace(&bytes).unwrap();
        let joined: Vec<u8> = split.fragments().flat_map(|fragment| fragment.to_bytes()).collect();
        let joined = ExportTraceServiceRequest::decode(&*joined).unwrap();
        let all = spans(&export);
        let has_id = |span: &&Span| span.trace_id.len() == 16 && span.trace_id.iter().any(|b| *b != 0);
        let mut expected: Vec<Vec<u8>> = all.iter().filter(|s| has_id(s)).map(|s| s.encode_to_vec()).collect();
        let mut found: Vec<Vec<u8>> = spans(&joined).iter().map(|s| s.encode_to_vec()).collect();
        prop_assert_eq!(split.without_trace_id() as usize, all.len() - expected.len());
        expected.sort();
        found.sort();
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn arbitrary_bytes_are_taken_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(split) = split_by_trace(&bytes) {
            for fragment in split.fragments() {
                prop_assert_eq!(fragment.to_bytes().len(), fragment.len());
            }
        }
    }

    #[test]
    fn damaged_exports_are_taken_or_refused(
        export in arbitrary::export(),
        damage in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut bytes = export.encode_to_vec();
        prop_assume!(!bytes.is_empty());
        for (place, byte) in damage {
            let at = place.index(bytes.len());
            bytes[at] = byte;
        }
        bytes.truncate(cut.index(bytes.len()) + 1);
        if let Ok(split) = split_by_trace(&bytes) {
            for fragment in split.fragments() {
                prop_assert!(split_by_trace(&fragment.to_bytes()).is_ok());
            }
        }
    }
}

#[test]
fn fields_nobody_knows_stay_where_they_were() {
    let mut bytes = Vec::new();
    put_message(&mut bytes, trace::RESOURCE_SPANS, |resource| {
        put_bytes_field(resource, 1000, b"of the resource");
        put_message(resource, resource_spans::SCOPE_SPANS, |scope| {
            put_bytes_field(scope, 1001, b"of the scope");
            put_message(scope, scope_spans::SPANS, |span| {
                put_bytes_field(span, span::TRACE_ID, &[1; 16]);
                put_bytes_field(span, 1002, b"of the span");
            });
        });
    });
    let split = split_by_trace(&bytes).unwrap();
    let fragments: Vec<_> = split.fragments().map(|fragment| fragment.to_bytes()).collect();
    assert_eq!(fragments, [bytes.clone()]);
}

#[test]
fn a_resource_counts_once_for_each_of_its_traces() {
    let span = |id: u8| Span { trace_id: vec![id; 16], ..Span::default() };
    let scope = ScopeSpans { spans: vec![span(1), span(2), span(1)], ..ScopeSpans::default() };
    let resource =
        ResourceSpans { schema_url: "u".repeat(1000), scope_spans: vec![scope], ..ResourceSpans::default() };
    let bytes = ExportTraceServiceRequest { resource_spans: vec![resource] }.encode_to_vec();
    let split = split_by_trace(&bytes).unwrap();
    let lengths: Vec<_> = split.fragments().map(|fragment| (fragment.spans(), fragment.len())).collect();
    assert_eq!(lengths, [(2, 1048), (1, 1028)]);
}

#[test]
fn a_fault_refuses_the_whole_request() {
    let good = Span { trace_id: vec![1; 16], ..Span::default() };
    let scope = ScopeSpans { spans: vec![good], ..ScopeSpans::default() };
    let resource = ResourceSpans { scope_spans: vec![scope], ..ResourceSpans::default() };
    let mut bytes = ExportTraceServiceRequest { resource_spans: vec![resource] }.encode_to_vec();
    bytes.extend_from_slice(&[0x0a, 0x02, 0x12]);
    let fault = split_by_trace(&bytes).unwrap_err().to_string();
    assert_eq!(fault, "the request: the bytes end inside a field");
}
