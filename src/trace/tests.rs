//! The laws of scanning, joining and writing, over random traces; and the shapes no trace should have.

use bytes::Bytes;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::Event;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status, TracesData};
use proptest::prelude::*;
use prost::Message;
use std::collections::BTreeMap;
use std::sync::Arc;

mod copies;
mod crossings;
mod wire_shapes;

use super::emit::{ProtobufFrames, to_protobuf};
use super::emit_json::to_json;
use super::tree::{Parent, Tree};
use super::{Assembled, Joined, ScanError, scan};
use crate::model::TraceId;

const ID: [u8; 16] = [7; 16];

fn id() -> TraceId {
    TraceId::from_bytes(ID)
}

fn merged(parts: &[(u16, &TracesData)]) -> Vec<u8> {
    to_protobuf(&assembled(parts))
}

fn assembled(parts: &[(u16, &TracesData)]) -> Assembled {
    let parts = parts.iter().map(|(rank, part)| {
        (*rank, scan(Bytes::from(part.encode_to_vec()), Some(&id())).expect("a good part"))
    });
    let joined = Joined::of(parts.collect()).expect("small parts");
    let tree = Tree::of(&joined);
    Assembled::of(joined, &tree).expect("small parts")
}

fn attribute(key: &str, value: Value) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(value) }), ..Default::default() }
}

fn span_of(number: u64, parent: u64, kind: i32, start: u64) -> Span {
    Span {
        trace_id: ID.to_vec(),
        span_id: number.to_be_bytes().to_vec(),
        parent_span_id: if parent == 0 { Vec::new() } else { parent.to_be_bytes().to_vec() },
        name: format!("span {number}"),
        kind,
        start_time_unix_nano: start,
        end_time_unix_nano: start + 10,
        status: Some(Status::default()),
        ..Default::default()
    }
}

fn trace_of(batches: Vec<Vec<Span>>) -> TracesData {
    let batch = |(number, spans): (usize, Vec<Span>)| ResourceSpans {
        resource: Some(Resource {
            attributes: vec![attribute("service.name", Value::StringValue(format!("service-{number}")))],
            ..Default::default()
        }),
        scope_spans: vec![ScopeSpans {
            scope: Some(InstrumentationScope { name: "test".to_owned(), ..Default::default() }),
            spans,
            schema_url: "scope-schema".to_owned(),
        }],
        schema_url: "resource-schema".to_owned(),
    };
    TracesData { resource_spans: batches.into_iter().enumerate().map(batch).collect() }
}

/// Small numbers, so that spans of several parts meet: copies, shared ids, parents elsewhere, cycles.
/// A span's content follows from its id and kind: copies of one span are copies.
fn any_span() -> impl Strategy<Value = Span> {
    (1..12u64, 0..6i32, 0..14u64).prop_map(|(number, kind, parent)| {
        // Ids well above the count of spans, so that none looks renumbered.
        let number = number + 1000;
        let seed = number * 7 + kind as u64;
        let parent = if parent == 0 { 0 } else { (parent + seed) % 13 + 1000 };
        let mut span = span_of(number, parent, kind, 100 + seed % 5);
        let event = |at: u64| Event { time_unix_nano: at, name: format!("at {at}"), ..Default::default() };
        span.events = (0..seed % 3).map(|event_number| event(200 + event_number)).collect();
        span.attributes = vec![attribute("seed", Value::IntValue(seed as i64))];
        span
    })
}

fn any_part() -> impl Strategy<Value = TracesData> {
    let batch = proptest::collection::vec(any_span(), 0..6);
    proptest::collection::vec(batch, 0..4).prop_map(trace_of)
}

/// Parts without client and server of one id: those are renumbered, which is no plain union.
fn any_plain_part() -> impl Strategy<Value = TracesData> {
    any_part().prop_map(|mut part| {
        for span in spans_mut(&mut part) {
            if span.kind == 2 || span.kind == 3 {
                span.kind = 1;
            }
            // Content must follow from id and kind again.
            let number = u64::from_be_bytes(span.span_id.as_slice().try_into().unwrap());
            *span = span_of(number, (number * 5) % 13 + 1000, span.kind, 100 + number % 3);
        }
        part
    })
}

fn spans_mut(trace: &mut TracesData) -> impl Iterator<Item = &mut Span> {
    let scopes = trace.resource_spans.iter_mut().flat_map(|batch| &mut batch.scope_spans);
    scopes.flat_map(|scope| &mut scope.spans)
}

fn spans(trace: &TracesData) -> impl Iterator<Item = &Span> {
    trace.resource_spans.iter().flat_map(|batch| &batch.scope_spans).flat_map(|scope| &scope.spans)
}

/// Every span by what makes it one.
fn by_identity(trace: &TracesData) -> BTreeMap<(Vec<u8>, i32), Span> {
    spans(trace).map(|span| ((span.span_id.clone(), span.kind), span.clone())).collect()
}

proptest! {
    #[test]
    fn the_order_in_which_parts_arrive_does_not_matter(a in any_part(), b in any_part(), c in any_part()) {
        let expected = merged(&[(0, &a), (1, &b), (2, &c)]);
        prop_assert_eq!(&merged(&[(2, &c), (0, &a), (1, &b)]), &expected);
        prop_assert_eq!(&merged(&[(1, &b), (2, &c), (0, &a)]), &expected);
    }

    #[test]
    fn a_part_joined_with_itself_is_that_part(a in any_part()) {
        prop_assert_eq!(merged(&[(0, &a), (1, &a)]), merged(&[(0, &a)]));
    }

    #[test]
    fn it_does_not_matter_which_parts_are_joined_first(
        a in any_plain_part(), b in any_plain_part(), c in any_plain_part(),
    ) {
        let read = |bytes: Vec<u8>| TracesData::decode(bytes.as_slice()).unwrap();
        let left = merged(&[(0, &read(merged(&[(0, &a), (1, &b)]))), (2, &c)]);
        let right = merged(&[(0, &a), (1, &read(merged(&[(0, &b), (1, &c)])))]);
        prop_assert_eq!(by_identity(&read(left)), by_identity(&read(right)));
    }

    #[test]
    fn the_join_is_the_union_and_each_span_is_there_once(a in any_plain_part(), b in any_plain_part()) {
        let joined = TracesData::decode(merged(&[(0, &a), (1, &b)]).as_slice()).unwrap();
        let mut union = by_identity(&b);
        union.extend(by_identity(&a));
        prop_assert_eq!(spans(&joined).count(), union.len());
        prop_assert_eq!(by_identity(&joined), union);
    }

    #[test]
    fn spans_are_in_the_order_of_their_start(a in any_part(), b in any_part()) {
        let joined = TracesData::decode(merged(&[(0, &a), (1, &b)]).as_slice()).unwrap();
        for scope in joined.resource_spans.iter().flat_map(|batch| &batch.scope_spans) {
            prop_assert!(scope.spans.is_sorted_by_key(|span| span.start_time_unix_nano));
        }
        let firsts = joined.resource_spans.iter().map(|b| b.scope_spans[0].spans[0].start_time_unix_nano);
        prop_assert!(firsts.is_sorted());
    }

    #[test]
    fn frames_json_and_the_whole_say_the_same(a in any_part(), b in any_part()) {
        let trace = assembled(&[(0, &a), (1, &b)]);
        let whole = to_protobuf(&trace);
        prop_assert_eq!(whole.len(), trace.protobuf_len());
        let frames: Vec<u8> = ProtobufFrames::new(Arc::new(&trace)).flatten().collect();
        prop_assert_eq!(&frames, &whole);
        let json: serde_json::Value = serde_json::from_slice(&to_json(&trace).unwrap()).unwrap();
        let batches = json.get("resourceSpans").map_or(0, |batches| batches.as_array().unwrap().len());
        prop_assert_eq!(batches, TracesData::decode(whole.as_slice()).unwrap().resource_spans.len());
    }

    #[test]
    fn no_bytes_make_the_scan_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = scan(Bytes::from(bytes), None);
    }

    /// What passes the scan can be joined, written in both forms, and read back by any decoder.
    #[test]
    fn damaged_bytes_are_refused_or_harmless(
        a in any_part(), b in any_part(), at in any::<prop::sample::Index>(), to in any::<u8>(),
    ) {
        let mut bytes = a.encode_to_vec();
        prop_assume!(!bytes.is_empty());
        let at = at.index(bytes.len());
        bytes[at] = to;
        let Ok(damaged) = scan(Bytes::from(bytes), None) else { return Ok(()) };
        let good = scan(Bytes::from(b.encode_to_vec()), None).unwrap();
        let joined = Joined::of(vec![(0, good), (1, damaged)]).unwrap();
        let tree = Tree::of(&joined);
        let trace = Assembled::of(joined, &tree).unwrap();
        to_json(&trace).unwrap();
        let written = to_protobuf(&trace);
        // A decoder of protobuf strings also wants UTF-8, which Tempo does not.
        if let Err(error) = TracesData::decode(written.as_slice()) {
            prop_assert!(error.to_string().contains("UTF-8"), "{}", error);
        }
    }

    #[test]
    fn retaining_all_changes_nothing_and_retaining_some_keeps_the_rest_in_order(
        a in any_part(), keep in proptest::collection::vec(any::<bool>(), 0..40),
    ) {
        let trace = assembled(&[(0, &a)]);
        let whole = to_protobuf(&trace);
        prop_assert_eq!(&to_protobuf(&trace.clone().retained(&vec![true; trace.span_count()])), &whole);
        let identity = |index: u32| {
            let span = trace.joined().span(index).unwrap();
            (span.id.to_be_bytes().to_vec(), i32::from(span.kind))
        };
        let wanted: Vec<_> = trace
            .spans()
            .zip(keep.iter().copied().chain(std::iter::repeat(false)))
            .filter(|(_, keep)| *keep)
            .map(|(index, _)| identity(index))
            .collect();
        let kept = trace.clone().retained(&keep);
        let written = |trace: &Assembled| {
            let read = TracesData::decode(to_protobuf(trace).as_slice()).unwrap();
            spans(&read).map(|span| (span.span_id.clone(), span.kind)).collect::<Vec<_>>()
        };
        let expected: Vec<_> = written(&trace).into_iter().filter(|span| wanted.contains(span)).collect();
        prop_assert_eq!(written(&kept), expected);
        prop_assert_eq!(to_protobuf(&kept).len(), kept.protobuf_len());
    }
}

#[test]
fn schema_urls_scopes_and_unknown_fields_stay() {
    let mut bytes = trace_of(vec![vec![span_of(1001, 0, 1, 5)]]).encode_to_vec();
    // An unknown field of the trace is nobody's; unknown fields inside a batch are kept.
    bytes.extend_from_slice(&[0xfa, 0x01, 0x01, 0x00]);
    let joined = Joined::of(vec![(0, scan(Bytes::from(bytes), Some(&id())).unwrap())]).unwrap();
    let tree = Tree::of(&joined);
    let read = TracesData::decode(to_protobuf(&Assembled::of(joined, &tree).unwrap()).as_slice()).unwrap();
    assert_eq!(read, trace_of(vec![vec![span_of(1001, 0, 1, 5)]]));
}

#[test]
fn what_grafana_reads_by_pointer_is_there_though_empty() {
    let bare = TracesData {
        resource_spans: vec![ResourceSpans {
            scope_spans: vec![ScopeSpans {
                spans: vec![Span { status: None, ..span_of(1001, 0, 1, 5) }],
                ..Default::default()
            }],
            ..Default::default()
        }],
    };
    let read = TracesData::decode(merged(&[(0, &bare)]).as_slice()).unwrap();
    let batch = &read.resource_spans[0];
    assert!(batch.resource.is_some());
    assert!(batch.scope_spans[0].scope.is_some());
    assert!(batch.scope_spans[0].spans[0].status.is_some());
}

#[test]
fn a_span_of_another_trace_is_a_lie() {
    let mut other = span_of(1001, 0, 1, 5);
    other.trace_id = vec![8; 16];
    let bytes = Bytes::from(trace_of(vec![vec![other]]).encode_to_vec());
    assert_eq!(scan(bytes, Some(&id())).unwrap_err(), ScanError::OtherTrace);
}

#[test]
fn a_child_in_one_region_finds_its_parent_in_another() {
    let east = trace_of(vec![vec![span_of(1001, 0, 3, 5)]]);
    let eu = trace_of(vec![vec![span_of(1002, 1001, 2, 6)]]);
    let trace = assembled(&[(0, &east), (1, &eu)]);
    let tree = Tree::of(trace.joined());
    assert_eq!((tree.parent(0), tree.parent(1)), (Parent::Root, Parent::Is(0)));
    assert_eq!((tree.depth(0), tree.depth(1)), (0, 1));
}

#[test]
fn cycles_and_self_parents_are_found_and_end() {
    let spans = vec![
        span_of(1001, 1001, 1, 5),
        span_of(1002, 1003, 1, 5),
        span_of(1003, 1002, 1, 5),
        span_of(1004, 1003, 1, 5),
        span_of(1005, 9999, 1, 5),
    ];
    let trace = assembled(&[(0, &trace_of(vec![spans]))]);
    let tree = Tree::of(trace.joined());
    let mut cycles = tree.cycles.clone();
    cycles.sort_unstable();
    assert_eq!(cycles, [0, 1, 2]);
    assert_eq!(tree.missing_parents, 1);
    assert_eq!(trace.span_count(), 5);
}

#[test]
fn a_chain_as_long_as_the_trace_needs_no_stack() {
    let spans: Vec<Span> = (0..100_000u64).map(|n| span_of(n + 1, n, 1, 5)).rev().collect();
    let trace = assembled(&[(0, &trace_of(vec![spans]))]);
    assert_eq!(Tree::of(trace.joined()).depth(0), 99_999);
}

#[test]
fn spans_without_a_usable_id_are_all_shown_and_equal_ones_once() {
    let odd = |id: Vec<u8>, start| Span { span_id: id, ..span_of(0, 0, 1, start) };
    let part = trace_of(vec![vec![odd(vec![], 1), odd(vec![], 2), odd(vec![1, 2], 3), odd(vec![0; 8], 4)]]);
    assert_eq!(assembled(&[(0, &part), (1, &part)]).span_count(), 4);
}

#[test]
fn absurd_times_and_kinds_are_shown() {
    let mut late = span_of(1001, 0, 77, u64::MAX - 20);
    late.end_time_unix_nano = 0;
    let part = trace_of(vec![vec![late, span_of(1002, 0, -1, 0)]]);
    let read = TracesData::decode(merged(&[(0, &part)]).as_slice()).unwrap();
    assert_eq!(by_identity(&read), by_identity(&part));
}

#[test]
fn events_out_of_order_are_put_in_order() {
    let event =
        |at: u64, name: &str| Event { time_unix_nano: at, name: name.to_owned(), ..Default::default() };
    let mut span = span_of(1001, 0, 1, 5);
    span.events = vec![event(9, "b"), event(9, "a"), event(3, "c")];
    let read = TracesData::decode(merged(&[(0, &trace_of(vec![vec![span]]))]).as_slice()).unwrap();
    let names: Vec<&str> = spans(&read).flat_map(|span| &span.events).map(|e| e.name.as_str()).collect();
    assert_eq!(names, ["c", "a", "b"]);
}

/// Client 500 and server share an id. Stored, the server's child names 500; a Tempo that answers gives the
/// server the id 1 and its child that parent.
#[test]
fn ids_that_each_region_renumbered_on_its_own_are_told_apart_again() {
    let region = |client: u64, at: u64| {
        trace_of(vec![vec![
            span_of(client, 0, 3, at),
            span_of(1, client, 2, at + 1),
            span_of(client + 7, 1, 1, at + 2),
        ]])
    };
    let (a, b) = (region(5000, 10), region(6000, 20));
    let read = TracesData::decode(merged(&[(0, &a), (1, &b)]).as_slice()).unwrap();
    let found: Vec<(u64, u64, i32)> = {
        let number = |id: &[u8]| id.try_into().map_or(0, u64::from_be_bytes);
        let mut found: Vec<_> = spans(&read)
            .map(|span| (number(&span.span_id), number(&span.parent_span_id), span.kind))
            .collect();
        found.sort_unstable();
        found
    };
    assert_eq!(found, [(1, 5000, 2), (2, 6000, 2), (5000, 0, 3), (5007, 1, 1), (6000, 0, 3), (6007, 2, 1)]);
}

/// A region that holds a shared span twice numbers each copy; two servers that are no copies stay two.
#[test]
fn copies_that_a_region_numbered_one_by_one_count_once() {
    let server = |number: u64, name: &str| Span { name: name.to_owned(), ..span_of(number, 5000, 2, 11) };
    let servers = |second: &str| {
        let sent = vec![span_of(5000, 0, 3, 10), server(1, "answer"), server(2, second)];
        let read = TracesData::decode(merged(&[(0, &trace_of(vec![sent]))]).as_slice()).unwrap();
        spans(&read).filter(|span| span.kind == 2).count()
    };
    assert_eq!(servers("answer"), 1);
    assert_eq!(servers("another"), 2);
}

#[test]
fn a_small_id_that_a_region_without_the_client_shows_is_its_own() {
    let with_client = trace_of(vec![vec![span_of(5000, 0, 3, 10), span_of(1, 5000, 2, 11)]]);
    let alone = trace_of(vec![vec![span_of(1, 5000, 2, 11)]]);
    for parts in [[(0, &with_client), (1, &alone)], [(0, &alone), (1, &with_client)]] {
        let read = TracesData::decode(merged(&parts).as_slice()).unwrap();
        let servers: Vec<&Span> = spans(&read).filter(|span| span.kind == 2).collect();
        assert_eq!(servers.len(), 1, "{servers:?}");
        assert_eq!(servers[0].span_id, 1u64.to_be_bytes());
        assert_eq!(servers[0].parent_span_id, 5000u64.to_be_bytes());
    }
    // Another span of that id says nothing of this one.
    let other = trace_of(vec![vec![span_of(1, 5000, 2, 90)]]);
    let read = TracesData::decode(merged(&[(0, &with_client), (1, &other)]).as_slice()).unwrap();
    assert_eq!(spans(&read).filter(|span| span.kind == 2).count(), 2);
}

/// The client half in one region, the server half in another, each as it was stored.
#[test]
fn a_shared_id_whose_halves_lie_in_two_regions_is_split_after_the_join() {
    let a = trace_of(vec![vec![span_of(5000, 0, 3, 10)]]);
    let b = trace_of(vec![vec![span_of(5000, 0, 2, 11), span_of(5001, 5000, 1, 12)]]);
    let read = TracesData::decode(merged(&[(0, &a), (1, &b)]).as_slice()).unwrap();
    let server = spans(&read).find(|span| span.kind == 2).unwrap();
    let child = spans(&read).find(|span| span.kind == 1).unwrap();
    assert_eq!(server.span_id, 1u64.to_be_bytes());
    assert_eq!(server.parent_span_id, 5000u64.to_be_bytes());
    assert_eq!(child.parent_span_id, server.span_id);
}
