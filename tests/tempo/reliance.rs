//! What the gateway takes for granted of a region that is a Tempo. When a Tempo of another version
//! behaves otherwise, this says so before a gateway meets it.

use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;

use crate::Test;
use crate::by_id::PROTOBUF;
use crate::canonical::v2_parts;
use crate::estate::Estate;
use crate::traces::{one_export, span};

pub const TESTS: &[Test] = &[
    ("tempo_takes_span_pruning_as_a_parameter", tempo_takes_span_pruning_as_a_parameter),
    ("tempo_names_its_version", tempo_names_its_version),
    ("a_miss_of_tempos_v2_is_an_empty_trace_with_status_200", a_miss_of_tempos_v2_is_an_empty_trace),
    ("a_miss_of_tempos_v1_is_a_silent_404", a_miss_of_tempos_v1_is_a_silent_404),
    ("tempo_takes_no_ids_of_other_lengths", tempo_takes_no_ids_of_other_lengths),
];

/// The gateway asks for unpruned spans, since pruned ones can't be joined.
fn tempo_takes_span_pruning_as_a_parameter(estate: &Estate) {
    let id = estate.kept.one_batch[0].id_hex();
    let with = estate.union.get_as(&format!("/api/v2/traces/{id}?span_pruning=false"), PROTOBUF);
    let without = estate.union.get_as(&format!("/api/v2/traces/{id}"), PROTOBUF);
    assert_eq!(with.status, 200, "{}", with.text());
    assert_eq!(v2_parts(&with.body), v2_parts(&without.body));
}

fn tempo_names_its_version(estate: &Estate) {
    let reply = estate.union.get("/api/status/buildinfo");
    assert_eq!((reply.status, reply.header("content-type")), (200, Some("application/json")));
    let info: serde_json::Value = serde_json::from_slice(&reply.body).expect("JSON");
    assert!(info["version"].is_string(), "{info}");
}

fn a_miss_of_tempos_v2_is_an_empty_trace(estate: &Estate) {
    let reply = estate.union.get_as("/api/v2/traces/1", PROTOBUF);
    assert_eq!((reply.status, reply.header("content-type")), (200, Some(PROTOBUF)));
    assert_eq!(v2_parts(&reply.body), (Vec::new(), "metrics".to_owned()));
    assert_eq!(estate.union.get("/api/v2/traces/1").text(), r#"{"trace":{},"metrics":{}}"#);
}

fn a_miss_of_tempos_v1_is_a_silent_404(estate: &Estate) {
    let reply = estate.union.get_as("/api/traces/1", PROTOBUF);
    assert_eq!((reply.status, reply.header("content-type"), reply.body.len()), (404, None, 0));
}

/// So such ids are not among the random ones: they reach a gateway only from what is no Tempo.
fn tempo_takes_no_ids_of_other_lengths(estate: &Estate) {
    let good = Span { trace_id: vec![7; 16], ..span(1, 7, &[], "good") };
    let spans = [
        Span { trace_id: vec![7; 8], ..good.clone() },
        Span { trace_id: vec![7; 17], ..good.clone() },
        Span { trace_id: Vec::new(), ..good.clone() },
        Span { trace_id: vec![0; 16], ..good.clone() },
        Span { span_id: vec![7; 4], ..good.clone() },
        Span { span_id: vec![7; 16], ..good.clone() },
        Span { span_id: Vec::new(), ..good.clone() },
        Span { span_id: vec![0; 8], ..good.clone() },
        Span { parent_span_id: vec![7; 3], ..good },
    ];
    for span in spans {
        // Not the union, whose overrides let nothing more in.
        let said = estate.regions[0].export(&one_export(vec![span.clone()]).encode_to_vec());
        assert_eq!(said.status, 400, "{span:?}: {}", said.text());
    }
}
