//! Shapes of the wire that an encoder would not write but a region may send: known fields of a wrong type,
//! numbers beyond their range, kinds and ids beyond what OTLP knows.

use opentelemetry_proto::tonic::trace::v1::span::{Event, Link};

use super::*;
use crate::wire::protobuf::{
    WireError, put_bytes_field, put_fixed64_field, put_message, put_tag, put_varint_field,
};

/// The way from a `Trace` down to a message, by field numbers.
const MESSAGES: [(&str, &[u32]); 13] = [
    ("ResourceSpans", &[1]),
    ("Resource", &[1, 1]),
    ("KeyValue of a resource", &[1, 1, 1]),
    ("EntityRef", &[1, 1, 3]),
    ("ScopeSpans", &[1, 2]),
    ("InstrumentationScope", &[1, 2, 1]),
    ("Span", &[1, 2, 2]),
    ("KeyValue", &[1, 2, 2, 9]),
    ("AnyValue", &[1, 2, 2, 9, 2]),
    ("ArrayValue", &[1, 2, 2, 9, 2, 5]),
    ("Event", &[1, 2, 2, 11]),
    ("Link", &[1, 2, 2, 13]),
    ("Status", &[1, 2, 2, 15]),
];

/// A trace whose message at `way` is `body`.
fn down(way: &[u32], body: &[u8]) -> Vec<u8> {
    way.iter().rev().fold(body.to_vec(), |inner, number| {
        let mut outer = Vec::new();
        put_bytes_field(&mut outer, *number, &inner);
        outer
    })
}

/// Writes both forms of what a region sent, if the scan lets it pass, and reads them back.
fn is_refused_or_readable(bytes: Vec<u8>) -> Result<(), String> {
    let Ok(chunk) = scan(Bytes::from(bytes), None) else { return Ok(()) };
    let joined = Joined::of(vec![(0, chunk)]).unwrap();
    let tree = Tree::of(&joined);
    let trace = Assembled::of(joined, &tree).unwrap();
    let json = to_json(&trace).map_err(|error| format!("no JSON can be made of it: {error}"))?;
    serde_json::from_slice::<serde_json::Value>(&json).map_err(|error| format!("its JSON: {error}"))?;
    TracesData::decode(to_protobuf(&trace).as_slice()).map_err(|error| format!("its protobuf: {error}"))?;
    Ok(())
}

#[test]
fn a_field_of_a_wrong_type_is_refused_or_harmless() {
    let mut faults = Vec::new();
    for (name, way) in MESSAGES {
        for number in 1..=20 {
            let mut bodies = vec![Vec::new(); 4];
            put_varint_field(&mut bodies[0], number, 3);
            put_fixed64_field(&mut bodies[1], number, 3);
            put_bytes_field(&mut bodies[2], number, b"");
            put_tag(&mut bodies[3], number, 5);
            bodies[3].extend_from_slice(&[1, 0, 0, 0]);
            for (body, kind) in bodies.iter().zip(["varint", "fixed64", "bytes", "fixed32"]) {
                if let Err(why) = is_refused_or_readable(down(way, body)) {
                    faults.push(format!("field {number} of {name} as {kind}: {why}"));
                }
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn numbers_beyond_64_bits_and_tags_beyond_32_are_refused_or_harmless() {
    let mut too_large = vec![0x30];
    too_large.extend_from_slice(&[0xff; 9]);
    too_large.push(0x7f);
    is_refused_or_readable(down(&[1, 2, 2], &too_large)).unwrap();
    let mut tag = Vec::new();
    put_varint_field(&mut tag, u32::MAX, 1);
    is_refused_or_readable(down(&[1, 2, 2], &tag)).unwrap();
}

#[test]
fn spans_of_one_id_and_different_unknown_kinds_are_all_there() {
    let part = trace_of(vec![vec![
        span_of(1001, 0, 300, 5),
        span_of(1001, 0, 301, 6),
        span_of(1001, 0, -1, 7),
        span_of(1001, 0, 1, 8),
    ]]);
    let read = TracesData::decode(merged(&[(0, &part), (1, &part)]).as_slice()).unwrap();
    assert_eq!(spans(&read).count(), 4);
    assert_eq!(by_identity(&read), by_identity(&part));
}

#[test]
fn of_several_spans_that_share_an_id_the_first_is_the_parent() {
    let kinds = [1, 4, 5, 0, 9, 12, 2];
    let mut all: Vec<Span> = kinds.iter().map(|kind| span_of(1001, 0, *kind, 5)).collect();
    all.push(span_of(1002, 1001, 1, 6));
    let trace = assembled(&[(0, &trace_of(vec![all]))]);
    assert_eq!(Tree::of(trace.joined()).parent(7), Parent::Is(0));
}

/// A span below a server that shares its client's id is given another parent; its own id is not touched,
/// even if it is none.
#[test]
fn an_odd_id_stays_as_it_was_where_its_parent_is_renumbered() {
    for odd in [vec![], vec![1, 2], vec![0; 8]] {
        let child = Span { span_id: odd.clone(), ..span_of(0, 5000, 1, 12) };
        let a = trace_of(vec![vec![span_of(5000, 0, 3, 10)]]);
        let b = trace_of(vec![vec![span_of(5000, 0, 2, 11), child]]);
        let read = TracesData::decode(merged(&[(0, &a), (1, &b)]).as_slice()).unwrap();
        let child = spans(&read).find(|span| span.kind == 1).unwrap();
        assert_eq!(child.parent_span_id, 1u64.to_be_bytes());
        assert_eq!(child.span_id, odd);
        // The same where the region had renumbered it itself.
        let child = Span { span_id: odd.clone(), ..span_of(0, 1, 1, 12) };
        let part = trace_of(vec![vec![span_of(5000, 0, 3, 10), span_of(1, 5000, 2, 11), child]]);
        let read = TracesData::decode(merged(&[(0, &part)]).as_slice()).unwrap();
        assert_eq!(spans(&read).find(|span| span.kind == 1).unwrap().span_id, odd);
        assert_eq!(by_identity(&read), by_identity(&part));
    }
}

/// Tempo hands every child of a shared id to the server, so where the client still has another child, the
/// server's small number was not given by it.
#[test]
fn a_real_small_id_takes_no_children_from_its_client() {
    let part = trace_of(vec![vec![
        span_of(5000, 0, 3, 10),
        span_of(1, 5000, 2, 11),
        span_of(5001, 5000, 1, 12),
        span_of(5002, 1, 1, 13),
    ]]);
    let read = TracesData::decode(merged(&[(0, &part)]).as_slice()).unwrap();
    assert_eq!(by_identity(&read), by_identity(&part));
}

/// Fields of one message may come in any order, in pieces and between others; scopes may hold nothing.
#[test]
fn messages_in_pieces_are_what_a_decoder_makes_of_them() {
    let text = |value: &str| Value::StringValue(value.to_owned());
    let resource = |key: &str| Resource { attributes: vec![attribute(key, text("v"))], ..Default::default() };
    let scope = |spans: Vec<Span>| ScopeSpans { spans, schema_url: "s".to_owned(), ..Default::default() };
    let mut event_span = span_of(1001, 0, 1, 5);
    event_span.events = vec![Event { time_unix_nano: 7, ..Default::default() }];
    event_span.links = vec![Link { span_id: vec![1; 8], ..Default::default() }];
    let mut bytes = Vec::new();
    put_message(&mut bytes, 1, |batch| {
        put_bytes_field(batch, 3, b"first");
        put_bytes_field(batch, 2, &scope(vec![event_span]).encode_to_vec());
        put_bytes_field(batch, 1, &resource("a").encode_to_vec());
        put_bytes_field(batch, 2, &scope(vec![]).encode_to_vec());
        put_bytes_field(batch, 1, &resource("b").encode_to_vec());
        put_message(batch, 2, |out| {
            put_bytes_field(out, 2, &span_of(1002, 1001, 1, 6).encode_to_vec());
            put_message(out, 1, |scope| put_bytes_field(scope, 1, b"one"));
            put_bytes_field(out, 2, &span_of(1003, 1001, 1, 7).encode_to_vec());
            put_message(out, 1, |scope| put_bytes_field(scope, 2, b"two"));
        });
        put_bytes_field(batch, 3, b"last");
    });
    put_message(&mut bytes, 1, |_| {});
    let mut expected = TracesData::decode(bytes.as_slice()).unwrap();
    let chunk = scan(Bytes::from(bytes), Some(&id())).unwrap();
    let joined = Joined::of(vec![(0, chunk)]).unwrap();
    let tree = Tree::of(&joined);
    let trace = Assembled::of(joined, &tree).unwrap();
    to_json(&trace).unwrap();
    let read = TracesData::decode(to_protobuf(&trace).as_slice()).unwrap();
    // Batches and scopes that hold no span are not shown; a scope that was absent is there, and empty.
    expected.resource_spans.retain(|batch| !batch.scope_spans.is_empty());
    expected.resource_spans[0].scope_spans.retain(|scope| !scope.spans.is_empty());
    expected.resource_spans[0].scope_spans[0].scope = Some(InstrumentationScope::default());
    assert_eq!(read, expected);
}

/// What the size limit goes by is what a decoder and encoder would count.
#[test]
fn the_size_of_a_join_is_that_of_its_message() {
    let part = |number| trace_of(vec![vec![span_of(number, 0, 1, 5), span_of(1001, 0, 1, 5)], vec![]]);
    let (a, b) = (part(1002), trace_of(vec![vec![span_of(1001, 0, 1, 5)]]));
    let trace = assembled(&[(0, &a), (1, &b)]);
    let read = TracesData::decode(to_protobuf(&trace).as_slice()).unwrap();
    assert_eq!(trace.joined().wire_bytes(), read.encoded_len());
}

/// What an index takes is bounded by the bytes that came, whatever they are.
#[test]
fn millions_of_empty_messages_are_refused() {
    for way in [&[][..], &[1], &[1, 2]] {
        let own = [if way.is_empty() { 0x0a } else { 0x12 }, 0x00];
        let many = scan(Bytes::from(down(way, &own.repeat(2 << 20))), None);
        assert_eq!(many.err(), Some(ScanError::Wire(WireError::TooLarge)), "{way:?}");
        assert!(scan(Bytes::from(down(way, &own.repeat(100_000))), None).is_ok(), "{way:?}");
    }
}
