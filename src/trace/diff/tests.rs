//! Each construct of a difference on the smallest pair of traces that shows it, and whole documents.

use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, KeyValue, KeyValueList};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status, TracesData};
use prost::Message;
use serde_json::json;

use super::*;
use crate::trace::tree::Tree;
use crate::trace::{Joined, scan};

const MS: u64 = 1_000_000;
const START: u64 = 1_795_000_000_000_000_000;

fn assembled(batches: Vec<(&str, Vec<Span>)>) -> Assembled {
    let batch = |(service, spans): (&str, Vec<Span>)| {
        let attributes = vec![attribute("service.name", text(service))];
        ResourceSpans {
            resource: Some(Resource { attributes, ..Resource::default() }),
            scope_spans: vec![ScopeSpans { spans, ..ScopeSpans::default() }],
            ..ResourceSpans::default()
        }
    };
    let trace = TracesData { resource_spans: batches.into_iter().map(batch).collect() };
    let joined = Joined::of(vec![(0, scan(trace.encode_to_vec().into(), None).unwrap())]).unwrap();
    let tree = Tree::of(&joined);
    Assembled::of(joined, &tree).unwrap()
}

fn shop(spans: Vec<Span>) -> Assembled {
    assembled(vec![("shop", spans)])
}

/// A server span of 10 ms that begins so many milliseconds later.
fn span(id: u64, parent: u64, name: &str) -> Span {
    let start = START + id % 1000 * MS;
    Span {
        trace_id: vec![7; 16],
        span_id: (id << 32).to_be_bytes().to_vec(),
        parent_span_id: if parent == 0 { Vec::new() } else { (parent << 32).to_be_bytes().to_vec() },
        name: name.to_owned(),
        kind: 2,
        start_time_unix_nano: start,
        end_time_unix_nano: start + 10 * MS,
        ..Span::default()
    }
}

fn lasting(span: Span, ns: u64) -> Span {
    Span { end_time_unix_nano: span.start_time_unix_nano + ns, ..span }
}

fn failing(span: Span) -> Span {
    Span { status: Some(Status { code: 2, message: String::new() }), ..span }
}

fn with(span: Span, key: &str, value: Value) -> Span {
    let attributes = [span.attributes, vec![attribute(key, value)]].concat();
    Span { attributes, ..span }
}

fn attribute(key: &str, value: Value) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(value) }), ..KeyValue::default() }
}

fn text(text: &str) -> Value {
    Value::StringValue(text.to_owned())
}

fn list(values: Vec<Value>) -> Value {
    let values = values.into_iter().map(|value| AnyValue { value: Some(value) }).collect();
    Value::ArrayValue(ArrayValue { values })
}

fn difference(base: &Assembled, compare: &Assembled, format: DiffFormat) -> String {
    String::from_utf8(document(base, compare, format).unwrap()).unwrap()
}

fn patch_of(base: &Assembled, compare: &Assembled) -> serde_json::Value {
    serde_json::from_str(&difference(base, compare, DiffFormat::Patch)).unwrap()
}

fn summary_of(base: &Assembled, compare: &Assembled) -> serde_json::Value {
    serde_json::from_str(&difference(base, compare, DiffFormat::Summary)).unwrap()
}

/// The changes of one span whose attribute was one value and is another.
fn changes_of(key: &str, before: Option<Value>, after: Option<Value>) -> serde_json::Value {
    let trace = |value: Option<Value>| {
        let bare = span(1, 0, "a");
        shop(vec![match value {
            Some(value) => with(bare, key, value),
            None => bare,
        }])
    };
    let patch = patch_of(&trace(before), &trace(after));
    patch["modified"].as_array().unwrap().first().map_or(json!([]), |span| span["changes"].clone())
}

/// A request, and the same a day later: slower, with an error, a call more and a call less.
fn two_requests() -> (Assembled, Assembled) {
    let root = || with(span(1, 0, "GET /cart"), "http.route", text("/cart"));
    let base = assembled(vec![
        ("shop", vec![root(), span(2, 1, "render <html>"), lasting(span(3, 1, "GET"), 2 * MS)]),
        ("stock", vec![with(span(4, 3, "find"), "rows", Value::IntValue(3)), span(5, 4, "query")]),
    ]);
    let compare = assembled(vec![
        (
            "shop",
            vec![
                failing(lasting(root(), 25 * MS)),
                span(2, 1, "render <html>"),
                lasting(span(3, 1, "GET"), 3 * MS),
                span(6, 1, "retry 20261121"),
            ],
        ),
        ("stock", vec![with(span(4, 3, "find"), "rows", list(vec![Value::DoubleValue(f64::NAN)]))]),
    ]);
    (base, compare)
}

#[test]
fn the_patch_is_written_as_tempo_writes_it() {
    let (base, compare) = two_requests();
    insta::assert_snapshot!(difference(&base, &compare, DiffFormat::Patch));
}

#[test]
fn the_summary_is_written_as_tempo_writes_it() {
    let (base, compare) = two_requests();
    insta::assert_snapshot!(difference(&base, &compare, DiffFormat::Summary));
}

#[test]
fn the_composed_document_holds_both() {
    let (base, compare) = two_requests();
    let composed = difference(&base, &compare, DiffFormat::Composed);
    let patch = difference(&base, &compare, DiffFormat::Patch);
    let summary = difference(&base, &compare, DiffFormat::Summary);
    let expected =
        format!("{{\"version\":\"trace-summary-v0-composed\",\"summary\":{summary},\"patch\":{patch}}}");
    assert_eq!(composed, expected);
    insta::assert_snapshot!(composed);
}

#[test]
fn a_trace_does_not_differ_from_itself() {
    let (base, _) = two_requests();
    let patch = patch_of(&base, &base);
    assert_eq!(patch["stats"]["matchedSpans"], 5);
    for list in ["modified", "added", "removed", "warnings"] {
        assert_eq!(patch[list], json!([]), "{list}");
    }
    let summary = summary_of(&base, &base);
    assert_eq!(summary["signals"]["structure"], "unchanged");
    assert_eq!(summary["trust"], json!({"matchedSpanRatio": 1, "structureOverlap": 1}));
    assert_eq!((&summary["changedServices"], &summary["services"]), (&json!([]), &json!([])));
    assert!(summary.get("warnings").is_none());
}

#[test]
fn a_value_changes_when_it_is_another_one() {
    let is_changed = |before: Value, after: Value| changes_of("k", Some(before), Some(after)) != json!([]);
    assert!(!is_changed(Value::IntValue(2), Value::DoubleValue(2.0)), "the same number");
    assert!(!is_changed(Value::DoubleValue(f64::NAN), Value::DoubleValue(f64::NAN)));
    assert!(is_changed(Value::IntValue(i64::MAX), Value::IntValue(i64::MAX - 1)), "no double between");
    assert!(!is_changed(Value::IntValue(i64::MAX), Value::DoubleValue(i64::MAX as f64)));
    assert!(is_changed(text("2"), Value::IntValue(2)));
    assert!(is_changed(text("aa"), Value::BytesValue(b"aa".to_vec())));
    assert!(is_changed(list(vec![text("a"), text("b")]), list(vec![text("b"), text("a")])));
    let map = |keys: [&str; 2]| {
        let values = keys.map(|key| attribute(key, text(key))).to_vec();
        Value::KvlistValue(KeyValueList { values })
    };
    assert!(!is_changed(map(["a", "b"]), map(["b", "a"])), "members have no order");
    assert!(is_changed(map(["a", "b"]), map(["a", "c"])));
}

#[test]
fn a_size_may_differ_by_a_twentieth_and_any_other_number_by_nothing() {
    let of = |key: &str, after: i64| {
        changes_of(key, Some(Value::IntValue(1000)), Some(Value::IntValue(after))) != json!([])
    };
    assert!(!of("http.response.size", 1050) && of("http.response.size", 1060));
    assert!(of("size", 1001) && !of("size", 1000));
}

#[test]
fn what_came_and_went_is_named_in_the_order_of_keys() {
    let before = with(with(span(1, 0, "a"), "z", text("1")), "b", text("1"));
    let after = with(with(span(1, 0, "a"), "z", text("2")), "a", Value::BoolValue(true));
    let patch = patch_of(&shop(vec![before]), &shop(vec![after]));
    let changes = &patch["modified"][0]["changes"];
    let target = |key: &str| json!({"type": "attribute", "scope": "span", "key": key});
    let expected = json!([
        {"op": "add", "target": target("a"), "before": null, "after": true},
        {"op": "remove", "target": target("b"), "before": "1", "after": null},
        {"op": "modify", "target": target("z"), "before": "1", "after": "2"},
    ]);
    assert_eq!(changes, &expected);
}

#[test]
fn of_a_key_that_comes_twice_the_last_counts() {
    let twice = with(with(span(1, 0, "a"), "k", text("first")), "k", text("last"));
    let once = with(span(1, 0, "a"), "k", text("last"));
    assert_eq!(patch_of(&shop(vec![twice]), &shop(vec![once]))["modified"], json!([]));
}

#[test]
fn numbers_that_are_none_are_named() {
    let odd =
        list(vec![f64::INFINITY, f64::NEG_INFINITY, f64::NAN].into_iter().map(Value::DoubleValue).collect());
    assert_eq!(changes_of("k", None, Some(odd))[0]["after"], json!(["+Inf", "-Inf", "NaN"]));
    assert_eq!(changes_of("k", Some(Value::BytesValue(vec![0, 255])), None)[0]["before"], "AP8=");
}

#[test]
fn a_duration_that_is_none_is_null_and_warned_of() {
    let base = shop(vec![span(1, 0, "a")]);
    let compare = shop(vec![Span { end_time_unix_nano: 0, ..span(1, 0, "a") }]);
    let patch = patch_of(&base, &compare);
    let change = &patch["modified"][0]["changes"][0];
    assert_eq!((&change["before"], &change["after"]), (&json!(10 * MS), &json!(null)));
    let expected = "compare trace has 1 span(s) with unset or invalid duration; matched duration changes use \
                    null on the invalid side; examples: [\"a\" service \"shop\" kind \"server\"]";
    assert_eq!(patch["warnings"], json!([{"code": "invalid_duration", "message": expected}]));
    assert_eq!(patch_of(&compare, &compare)["modified"], json!([]));
    assert_eq!(patch_of(&compare, &compare)["warnings"].as_array().unwrap().len(), 2, "one for each side");
}

#[test]
fn the_service_of_a_span_goes_before_that_of_its_resource() {
    let base = assembled(vec![("cart", vec![span(1, 0, "a")])]);
    let compare = shop(vec![with(span(1, 0, "a"), "service.name", text("cart"))]);
    assert_eq!(patch_of(&base, &compare)["stats"]["matchedSpans"], 1);
}

#[test]
fn among_spans_that_are_alike_the_one_under_the_same_parent_is_taken() {
    let base = shop(vec![
        span(1, 0, "root"),
        span(2, 1, "left"),
        span(3, 1, "right"),
        with(span(4, 2, "query"), "n", Value::IntValue(4)),
        with(span(5, 3, "query"), "n", Value::IntValue(5)),
    ]);
    let compare = shop(vec![
        span(1, 0, "root"),
        span(3, 1, "right"),
        with(span(5, 3, "query"), "n", Value::IntValue(5)),
    ]);
    let patch = patch_of(&base, &compare);
    assert_eq!(patch["modified"], json!([]));
    let removed: Vec<&serde_json::Value> =
        patch["removed"].as_array().unwrap().iter().map(|removed| &removed["target"]["path"]).collect();
    assert_eq!(removed, [&json!([0, 0]), &json!([0, 0, 0])]);
}

#[test]
fn a_span_that_was_moved_stays_itself_and_the_structure_has_changed() {
    let base = shop(vec![span(1, 0, "root"), span(2, 1, "a"), span(3, 1, "b")]);
    let compare = shop(vec![span(1, 0, "root"), span(2, 1, "a"), span(3, 2, "b")]);
    let summary = summary_of(&base, &compare);
    assert_eq!(summary["stats"]["matchedSpans"], 3);
    assert_eq!(summary["signals"]["structure"], "changed");
    assert_eq!((&summary["changedServices"], &summary["services"]), (&json!(["shop"]), &json!([])));
}

#[test]
fn many_small_delays_of_a_service_are_a_drift() {
    let spans = |ns: u64| (1..=20).map(|id| lasting(span(id, 0, "a"), ns)).collect();
    let summary = summary_of(&shop(spans(5 * MS)), &shop(spans(5 * MS + MS / 2)));
    assert_eq!(summary["stats"]["modifiedSpans"], 0);
    assert_eq!(summary["services"][0]["sumSpanDurationDeltaMs"], 10);
    assert_eq!(summary["signals"]["sumSpanDuration"], "increased");
    assert_eq!(summary_of(&shop(spans(5 * MS)), &shop(spans(5 * MS + 1)))["services"], json!([]));
}

#[test]
fn an_orphan_is_a_root_and_so_is_the_first_of_a_cycle() {
    let odd = shop(vec![span(1, 99, "orphan"), span(2, 3, "cycle"), span(3, 2, "cycle"), span(4, 4, "own")]);
    let patch = patch_of(&shop(vec![span(9, 0, "other")]), &odd);
    let added = patch["added"].as_array().unwrap();
    let paths: Vec<&serde_json::Value> = added.iter().map(|added| &added["span"]["path"]).collect();
    assert_eq!(paths, [&json!([0]), &json!([1]), &json!([1, 0]), &json!([2])]);
    assert_eq!(added[2]["target"], json!({"type": "span", "parentPath": [1], "index": 0}));
    assert_eq!(added[0]["target"], json!({"type": "span", "index": 0}));
}

#[test]
fn of_spans_with_one_id_only_the_first_counts() {
    // Joining tells spans of one id apart by their kind.
    let pair = [1, 5].map(|kind| Span { kind, ..span(1, 0, "a") }).to_vec();
    let patch = patch_of(&shop(pair), &shop(vec![span(2, 0, "b")]));
    assert_eq!((&patch["stats"]["spanCountA"], &patch["stats"]["removedSpans"]), (&json!(2), &json!(1)));
    assert_eq!(patch["warnings"][0]["code"], "duplicate_span_id");
}

#[test]
fn a_name_with_an_id_is_warned_of_once() {
    let trace = shop(vec![span(1, 0, "job 1234567"), span(2, 0, "job 7654321")]);
    let warnings = patch_of(&trace, &trace)["warnings"].clone();
    assert_eq!(warnings.as_array().unwrap().len(), 1);
    assert!(warnings[0]["message"].as_str().unwrap().starts_with("span name \"job 1234567\" for service"));
}

/// A trace as deep as it is long.
fn chain(length: u64, name: &str) -> Assembled {
    shop((1..=length).map(|id| span(id, id - 1, name)).collect())
}

#[test]
fn a_patch_that_is_too_long_is_counted_to_the_byte_and_not_written() {
    let (base, compare) = (chain(300, "a"), chain(300, "b"));
    let whole = document(&base, &compare, DiffFormat::Patch).unwrap();
    assert!(whole.len() > PATCH_BESIDE_BYTES_MAX);
    let composed: serde_json::Value =
        serde_json::from_str(&difference(&base, &compare, DiffFormat::Composed)).unwrap();
    assert_eq!(composed["patchOmitted"], json!({"bytes": whole.len(), "reason": "over_budget"}));
    assert!(composed.get("patch").is_none());
    for (bytes_max, is_written) in [(whole.len(), true), (whole.len() - 1, false), (7, false), (0, false)] {
        let found = document_within(&base, &compare, DiffFormat::Patch, bytes_max);
        let expected = if is_written { Ok(whole.clone()) } else { Err(PatchTooLarge(whole.len())) };
        assert!(found == expected, "within {bytes_max}");
    }
}

#[test]
fn a_trace_as_deep_as_it_is_long_takes_no_stack_and_no_square_of_time() {
    let (base, compare) = (chain(100_000, "a"), chain(100_000, "b"));
    let Err(PatchTooLarge(bytes)) = document(&base, &compare, DiffFormat::Patch) else {
        panic!("its paths alone are tens of gigabytes");
    };
    assert!(bytes > 20_000_000_000, "{bytes}");
    assert_eq!(summary_of(&base, &compare)["stats"]["removedSpans"], 100_000);
}

#[test]
fn a_hundred_thousand_spans_that_are_alike_are_paired_in_time() {
    let wide = |name: &'static str| {
        let root = span(1, 0, "root");
        shop(std::iter::once(root).chain((2..100_000).map(|id| span(id, 1, name))).collect())
    };
    let (base, compare) = (wide("a"), wide("a"));
    assert_eq!(summary_of(&base, &compare)["stats"]["matchedSpans"], 99_999);
}
