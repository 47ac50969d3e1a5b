//! A trace over its size limit: v1 refuses it, v2 gives a part and says so.

use crate::Test;
use crate::by_id::PROTOBUF;
use crate::canonical::{assert_same, protobuf_spans, v2_json_parts, v2_parts};
use crate::errors::essence;
use crate::estate::{Estate, Server, TRACE_BYTES_MAX};
use crate::traces::Case;

pub const TESTS: &[Test] = &[
    ("a_trace_over_the_limit_is_refused_on_v1", a_trace_over_the_limit_is_refused_on_v1),
    ("a_trace_over_the_limit_is_partial_on_v2", a_trace_over_the_limit_is_partial_on_v2),
    ("a_trace_within_the_limit_is_whole", a_trace_within_the_limit_is_whole),
];

fn large(estate: &Estate) -> [&Case; 2] {
    [&estate.kept.large_in_one, &estate.kept.large_spread]
}

fn a_trace_over_the_limit_is_refused_on_v1(estate: &Estate) {
    for case in large(estate) {
        let target = format!("/api/traces/{}", case.id_hex());
        for accept in ["application/json", PROTOBUF] {
            let answer = |server: &Server| essence(&server.get_as(&target, accept));
            let (ours, theirs) = (answer(&estate.limited), answer(&estate.union));
            assert_eq!((ours.0, &ours.1), (422, &theirs.1), "{}", case.note);
            assert_eq!(theirs.0, 422, "{}", case.note);
            // Where one block alone is over the limit, Tempo says first where within itself it noticed.
            assert!(theirs.2.ends_with(&ours.2), "{}: {:?} and {:?}", case.note, ours.2, theirs.2);
            assert_eq!(ours.2, format!("trace exceeds max size (max bytes: {TRACE_BYTES_MAX})\n"));
        }
    }
}

fn a_trace_over_the_limit_is_partial_on_v2(estate: &Estate) {
    for case in large(estate) {
        let target = format!("/api/v2/traces/{}", case.id_hex());
        let json = |server: &Server| v2_json_parts(&server.get(&target).body).1;
        let (ours, theirs) = (json(&estate.limited), json(&estate.union));
        assert!(theirs.contains("PARTIAL"), "{}: {theirs}", case.note);
        // Which regions were left out is said after Tempo's own words.
        let tempos_words = theirs.trim_end_matches('"');
        assert!(ours.starts_with(tempos_words), "{}:\n{ours}\n{theirs}", case.note);
        let protobuf = |server: &Server| v2_parts(&server.get_as(&target, PROTOBUF).body);
        let (ours, theirs) = (protobuf(&estate.limited), protobuf(&estate.union));
        assert!(ours.1.starts_with(&theirs.1), "{}:\n{}\n{}", case.note, ours.1, theirs.1);
        assert!(ours.0.len() as u64 > TRACE_BYTES_MAX, "the part that crosses the limit is given");
    }
    // Where one region has it all, the spans are the same too, and nothing else is said.
    let target = format!("/api/v2/traces/{}", estate.kept.large_in_one.id_hex());
    let protobuf = |server: &Server| v2_parts(&server.get_as(&target, PROTOBUF).body);
    let (ours, theirs) = (protobuf(&estate.limited), protobuf(&estate.union));
    assert_eq!(ours.1, theirs.1);
    assert_same(&target, &protobuf_spans(&ours.0).lines, &protobuf_spans(&theirs.0).lines);
}

fn a_trace_within_the_limit_is_whole(estate: &Estate) {
    let target = format!("/api/traces/{}", estate.kept.short.id_hex());
    let spans = |server: &Server| protobuf_spans(&server.get_as(&target, PROTOBUF).body).lines;
    let (ours, theirs) = (spans(&estate.limited), spans(&estate.union));
    assert_eq!(theirs.len(), 3, "one from each region");
    assert_same(&target, &ours, &theirs);
}
