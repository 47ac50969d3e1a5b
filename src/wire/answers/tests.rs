//! Answers from values of the model, byte for byte as a real Tempo writes them.

use std::collections::BTreeMap;

use super::*;
use crate::model::TraceId;
use crate::model::metrics::{Exemplar, MetricsAnswer, Sample, Series};
use crate::model::search::{Inspected, SearchAnswer, ServiceStats, SpanRow, SpanSet, TraceRow};
use crate::model::tags::{TagNames, TagScope, TagValue, TagValueKind, TagValues};
use crate::model::value::ShownValue;
use crate::wire::protobuf::Reader;

fn check(written: Vec<u8>, expected: &str) {
    assert_eq!(String::from_utf8(written).unwrap(), expected);
}

fn bytes(bytes: u64) -> Inspected {
    Inspected { bytes, ..Inspected::default() }
}

const THREE: Jobs = Jobs { completed: 3, total: 3 };
const ONE: Jobs = Jobs { completed: 1, total: 1 };

fn text(key: &str, value: &str) -> (String, ShownValue) {
    (key.to_owned(), ShownValue::text(value))
}

fn row() -> TraceRow {
    let span = SpanRow {
        id: [0xe0, 0, 0, 0, 0, 0, 0, 0],
        name: "op".to_owned(),
        start: 1_795_206_769_000_000_000,
        duration_ns: 10_000_000,
        attributes: Vec::new(),
    };
    TraceRow {
        id: TraceId::parse("4af7651916cd43dd8448eb211c803194").unwrap(),
        root_service: "svc".to_owned(),
        root_name: "op".to_owned(),
        start: 1_795_206_769_000_000_000,
        duration_ns: 153_999_999,
        span_sets: vec![SpanSet { spans: vec![span], matched: 9, attributes: Vec::new() }],
        service_stats: BTreeMap::from([("svc".to_owned(), ServiceStats { spans: 9, errors: 4 })]),
    }
}

fn search(traces: Vec<TraceRow>, inspected: Inspected) -> SearchAnswer {
    SearchAnswer { traces, inspected, next: None }
}

#[test]
fn a_search_is_written_as_tempo_writes_it() {
    check(
        search_json(&search(vec![row()], bytes(18315)), THREE),
        r#"{"traces":[{"traceID":"4af7651916cd43dd8448eb211c803194","rootServiceName":"svc","rootTraceName":"op","startTimeUnixNano":"1795206769000000000","durationMs":153,"spanSet":{"spans":[{"spanID":"e000000000000000","name":"op","startTimeUnixNano":"1795206769000000000","durationNanos":"10000000"}],"matched":9},"spanSets":[{"spans":[{"spanID":"e000000000000000","name":"op","startTimeUnixNano":"1795206769000000000","durationNanos":"10000000"}],"matched":9}],"serviceStats":{"svc":{"spanCount":9,"errorCount":4}}}],"metrics":{"inspectedBytes":"18315","completedJobs":3,"totalJobs":3}}"#,
    );
}

#[test]
fn a_search_by_tags_has_no_spans_and_no_statistics() {
    let older = TraceRow {
        id: TraceId::parse("0af7651916cd43dd8448eb211c80319c").unwrap(),
        root_service: "gateway".to_owned(),
        root_name: "POST /checkout".to_owned(),
        start: 1_795_206_766_000_000_000,
        duration_ns: 1_250_000_000,
        span_sets: Vec::new(),
        service_stats: BTreeMap::new(),
    };
    check(
        search_json(&search(vec![older], Inspected { traces: 39, spans: 7, bytes: 42984 }), THREE),
        r#"{"traces":[{"traceID":"af7651916cd43dd8448eb211c80319c","rootServiceName":"gateway","rootTraceName":"POST /checkout","startTimeUnixNano":"1795206766000000000","durationMs":1250}],"metrics":{"inspectedTraces":39,"inspectedBytes":"42984","completedJobs":3,"totalJobs":3}}"#,
    );
}

#[test]
fn a_root_that_is_not_there_is_said_and_zeros_are_not() {
    let mut rootless = row();
    rootless.root_service.clear();
    rootless.root_name.clear();
    (rootless.start, rootless.duration_ns) = (0, 999_999);
    rootless.service_stats = BTreeMap::from([
        ("b & c".to_owned(), ServiceStats::default()),
        (String::new(), ServiceStats { spans: 1, errors: 0 }),
    ]);
    rootless.span_sets = vec![SpanSet::default()];
    check(
        search_json(&search(vec![rootless], Inspected::default()), Jobs { completed: 0, total: 1 }),
        r#"{"traces":[{"traceID":"4af7651916cd43dd8448eb211c803194","rootServiceName":"\u003croot span not yet received\u003e","spanSet":{},"spanSets":[{}],"serviceStats":{"":{"spanCount":1},"b \u0026 c":{}}}],"metrics":{"totalJobs":1}}"#,
    );
}

#[test]
fn nothing_found_is_an_empty_list() {
    check(
        search_json(&SearchAnswer::default(), THREE),
        r#"{"traces":[],"metrics":{"completedJobs":3,"totalJobs":3}}"#,
    );
    check(range_json(&MetricsAnswer::default(), Jobs::default(), None), r#"{"series":[],"metrics":{}}"#);
    check(instant_json(&MetricsAnswer::default(), Jobs::default(), None), r#"{"metrics":{}}"#);
    check(tag_names_json(&TagNames::default()), r#"{"tagNames":[],"metrics":{}}"#);
    check(tag_names_v2_json(&TagNames::default()), r#"{"scopes":[],"metrics":{}}"#);
    check(tag_values_json(&TagValues::default()), r#"{"tagValues":[],"metrics":{}}"#);
    check(tag_values_v2_json(&TagValues::default()), r#"{"tagValues":[],"metrics":{}}"#);
    check(tag_values_v2_llm(&TagValues::default()), r#"{"tagValues":{}}"#);
}

#[test]
fn what_a_query_computed_stands_beside_its_set() {
    let mut counted = row();
    let attributes = vec![
        text("by(resource.service.name)", "svc"),
        ("count()".to_owned(), ShownValue::Int(9)),
        ("none".to_owned(), ShownValue::Int(0)),
        ("ratio".to_owned(), ShownValue::Float(0.0)),
        ("flag".to_owned(), ShownValue::Bool(false)),
        ("list".to_owned(), ShownValue::Array(vec![ShownValue::Int(1), ShownValue::text("")])),
        ("empty".to_owned(), ShownValue::Array(Vec::new())),
    ];
    counted.span_sets = vec![SpanSet { spans: Vec::new(), matched: 9, attributes }];
    let written = String::from_utf8(search_json(&search(vec![counted], bytes(1)), ONE)).unwrap();
    let expected = r#""spanSets":[{"matched":9,"attributes":[{"key":"by(resource.service.name)","value":{"stringValue":"svc"}},{"key":"count()","value":{"intValue":"9"}},{"key":"none","value":{"intValue":"0"}},{"key":"ratio","value":{"doubleValue":0}},{"key":"flag","value":{"boolValue":false}},{"key":"list","value":{"arrayValue":{"values":[{"intValue":"1"},{"stringValue":""}]}}},{"key":"empty","value":{"arrayValue":{}}}]}]"#;
    assert!(written.contains(expected), "{written}");
}

#[test]
fn names_are_one_list_or_lists_by_scope() {
    let names = TagNames {
        scopes: vec![
            (TagScope::Span, vec!["arr".to_owned(), "k".to_owned(), "\"<x>".to_owned()]),
            (TagScope::Resource, vec!["cloud.region".to_owned(), "k".to_owned()]),
        ],
        inspected: bytes(15004),
    };
    check(
        tag_names_json(&names),
        r#"{"tagNames":["\"\u003cx\u003e","arr","cloud.region","k"],"metrics":{"inspectedBytes":"15004"}}"#,
    );
    check(
        tag_names_v2_json(&names),
        r#"{"scopes":[{"name":"span","tags":["arr","k","\"\u003cx\u003e"]},{"name":"resource","tags":["cloud.region","k"]}],"metrics":{"inspectedBytes":"15004"}}"#,
    );
}

#[test]
fn values_are_texts_or_typed() {
    let value = |kind, value: &str| TagValue { kind, value: value.to_owned() };
    let values = TagValues {
        values: vec![
            value(TagValueKind::Int, "200"),
            value(TagValueKind::Int, "500"),
            value(TagValueKind::Text, "500"),
            value(TagValueKind::Text, ""),
            value(TagValueKind::Keyword, "error"),
        ],
        inspected: bytes(39),
    };
    check(
        tag_values_json(&values),
        r#"{"tagValues":["","200","500","error"],"metrics":{"inspectedBytes":"39"}}"#,
    );
    check(
        tag_values_v2_json(&values),
        r#"{"tagValues":[{"type":"int","value":"200"},{"type":"int","value":"500"},{"type":"string","value":"500"},{"type":"string"},{"type":"keyword","value":"error"}],"metrics":{"inspectedBytes":"39"}}"#,
    );
    check(
        tag_values_v2_llm(&values),
        r#"{"tagValues":{"int":["200","500"],"keyword":["error"],"string":["500",""]},"metrics":{"inspectedBytes":39}}"#,
    );
}

fn series() -> MetricsAnswer {
    let sample = |timestamp_ms, value| Sample { timestamp_ms, value };
    let exemplar = Exemplar {
        labels: vec![text("trace:id", "123456789abcdef"), text("name", "GET /a")],
        value: 0.016_666_666_666_666_666,
        timestamp_ms: 1_795_208_400_000,
    };
    let rate = Series {
        labels: vec![text("name", "GET /a"), ("p".to_owned(), ShownValue::Float(0.5))],
        samples: vec![sample(1_795_208_280_000, 0.0), sample(1_795_208_400_000, 0.016_666_666_666_666_666)],
        exemplars: vec![exemplar],
    };
    let silent = Series { labels: vec![text("name", "nil")], ..Series::default() };
    MetricsAnswer { series: vec![rate, silent], partial: None, inspected: bytes(14171) }
}

#[test]
fn a_range_shows_each_sample_and_leaves_zeros_out() {
    check(
        range_json(&series(), ONE, None),
        r#"{"series":[{"labels":[{"key":"name","value":{"stringValue":"GET /a"}},{"key":"p","value":{"doubleValue":0.5}}],"samples":[{"timestampMs":"1795208280000"},{"timestampMs":"1795208400000","value":0.016666666666666666}],"exemplars":[{"labels":[{"key":"trace:id","value":{"stringValue":"123456789abcdef"}},{"key":"name","value":{"stringValue":"GET /a"}}],"value":0.016666666666666666,"timestampMs":"1795208400000"}]},{"labels":[{"key":"name","value":{"stringValue":"nil"}}]}],"metrics":{"inspectedBytes":"14171","completedJobs":1,"totalJobs":1}}"#,
    );
}

#[test]
fn an_instant_shows_the_first_sample_of_those_that_have_one() {
    check(
        instant_json(&series(), ONE, None),
        r#"{"series":[{"labels":[{"key":"name","value":{"stringValue":"GET /a"}},{"key":"p","value":{"doubleValue":0.5}}]}],"metrics":{"inspectedBytes":"14171","completedJobs":1,"totalJobs":1}}"#,
    );
    let mut later = series();
    later.series[0].samples.remove(0);
    let written = String::from_utf8(instant_json(&later, ONE, None)).unwrap();
    assert!(written.contains(r#"{"doubleValue":0.5}}],"value":0.016666666666666666}]"#), "{written}");
}

#[test]
fn an_answer_that_is_not_whole_says_so_in_tempos_place() {
    let message = Some("Response exceeds maximum series limit of 2, a \"partial\" response");
    check(
        range_json(&MetricsAnswer::default(), ONE, message),
        r#"{"series":[],"metrics":{"completedJobs":1,"totalJobs":1},"status":"PARTIAL","message":"Response exceeds maximum series limit of 2, a \"partial\" response"}"#,
    );
    check(
        instant_json(&MetricsAnswer::default(), ONE, message),
        r#"{"metrics":{"completedJobs":1,"totalJobs":1},"status":"PARTIAL","message":"Response exceeds maximum series limit of 2, a \"partial\" response"}"#,
    );
}

/// Every field of a message by number, as text.
fn fields(bytes: &[u8]) -> Vec<(u32, String)> {
    let mut reader = Reader::new(bytes);
    let mut fields = Vec::new();
    while let Some(field) = reader.next().unwrap() {
        let value = match field.bytes() {
            Ok(bytes) => String::from_utf8_lossy(bytes).into_owned(),
            Err(_) => field.varint().map_or_else(|_| field.fixed64().unwrap().to_string(), |n| n.to_string()),
        };
        fields.push((field.number, value));
    }
    fields
}

/// The message in the `nth` field of this number.
fn inner(bytes: &[u8], number: u32, nth: usize) -> Vec<u8> {
    let mut reader = Reader::new(bytes);
    let mut found = Vec::new();
    while let Some(field) = reader.next().unwrap() {
        if field.number == number {
            found.push(field.bytes().unwrap().to_vec());
        }
    }
    found.swap_remove(nth)
}

fn shown(fields: &[(u32, String)]) -> Vec<(u32, &str)> {
    fields.iter().map(|(number, value)| (*number, value.as_str())).collect()
}

#[test]
fn protobuf_of_a_search_has_tempos_numbers() {
    let mut searched = row();
    searched.span_sets[0].attributes.push(("by(.a)".to_owned(), ShownValue::Int(0)));
    searched.span_sets.push(SpanSet::default());
    let bytes = search_protobuf(&search(vec![searched], bytes(18315)), THREE);
    let trace = inner(&bytes, 1, 0);
    let of_trace = fields(&trace);
    assert_eq!(
        shown(&of_trace)[..5],
        [
            (1, "4af7651916cd43dd8448eb211c803194"),
            (2, "svc"),
            (3, "op"),
            (4, "1795206769000000000"),
            (5, "153")
        ]
    );
    let numbers: Vec<u32> = of_trace.iter().map(|(number, _)| *number).collect();
    assert_eq!(numbers, [1, 2, 3, 4, 5, 6, 7, 7, 8]);
    assert_eq!(inner(&trace, 6, 0), inner(&trace, 7, 0), "the older place holds the first set");
    let set = inner(&trace, 7, 0);
    assert_eq!(fields(&set)[1], (2, "9".to_owned()));
    assert_eq!(
        shown(&fields(&inner(&set, 1, 0))),
        [(1, "e000000000000000"), (2, "op"), (3, "1795206769000000000"), (4, "10000000")]
    );
    let pair = inner(&set, 3, 0);
    assert_eq!(fields(&pair)[0], (1, "by(.a)".to_owned()));
    assert_eq!(shown(&fields(&inner(&pair, 2, 0))), [(3, "0")], "a choice is written even when zero");
    let stats = inner(&trace, 8, 0);
    assert_eq!(fields(&stats)[0], (1, "svc".to_owned()));
    assert_eq!(shown(&fields(&inner(&stats, 2, 0))), [(1, "9"), (2, "4")]);
    assert_eq!(shown(&fields(&inner(&bytes, 2, 0))), [(2, "18315"), (4, "3"), (5, "3")]);
}

#[test]
fn protobuf_without_anything_still_has_its_metrics() {
    assert_eq!(search_protobuf(&SearchAnswer::default(), Jobs::default()), [0x12, 0]);
    assert_eq!(tag_names_protobuf(&TagNames::default()), [0x12, 0]);
    assert_eq!(tag_names_v2_protobuf(&TagNames::default()), [0x12, 0]);
    assert_eq!(tag_values_protobuf(&TagValues::default()), [0x12, 0]);
    assert_eq!(tag_values_v2_protobuf(&TagValues::default()), [0x12, 0]);
}

#[test]
fn protobuf_of_names_and_values_has_tempos_numbers() {
    let names = TagNames {
        scopes: vec![(TagScope::Span, vec!["b".to_owned(), "a".to_owned()])],
        inspected: bytes(300),
    };
    assert_eq!(shown(&fields(&tag_names_protobuf(&names)))[..2], [(1, "a"), (1, "b")]);
    let by_scope = tag_names_v2_protobuf(&names);
    assert_eq!(shown(&fields(&inner(&by_scope, 1, 0))), [(1, "span"), (2, "b"), (2, "a")]);
    assert_eq!(shown(&fields(&inner(&by_scope, 2, 0))), [(1, "300")]);
    let values = TagValues {
        values: vec![TagValue { kind: TagValueKind::Bool, value: "true".to_owned() }],
        inspected: Inspected::default(),
    };
    assert_eq!(shown(&fields(&tag_values_protobuf(&values)))[0], (1, "true"));
    assert_eq!(shown(&fields(&inner(&tag_values_v2_protobuf(&values), 1, 0))), [(1, "bool"), (2, "true")]);
}
