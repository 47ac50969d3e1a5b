//! Names and values by construct: what a small trace has, and what is left of it by a query.

use bytes::Bytes;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::{Event, Link};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status, TracesData};
use prost::Message;

use super::*;
use crate::evaluate::TraceRows;
use crate::model::TraceId;
use crate::model::tags::{
    TagLimits, TagNames, TagScope, TagValueKind, TagValues, TagValuesQuery, TagsForm, TagsQuery,
};
use crate::trace::{Joined, scan};

const ID: [u8; 16] = [7; 16];
const MS: u64 = 1_000_000;

fn attribute(key: &str, value: Any) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(value) }), ..Default::default() }
}

fn text(key: &str, value: &str) -> KeyValue {
    attribute(key, Any::StringValue(value.to_owned()))
}

fn int(key: &str, value: i64) -> KeyValue {
    attribute(key, Any::IntValue(value))
}

fn array(key: &str, values: Vec<Any>) -> KeyValue {
    let values = values.into_iter().map(|value| AnyValue { value: Some(value) }).collect();
    attribute(key, Any::ArrayValue(ArrayValue { values }))
}

fn words(words: &[&str]) -> Vec<Any> {
    words.iter().map(|word| Any::StringValue((*word).to_owned())).collect()
}

fn span(number: u8, parent: u8, attributes: Vec<KeyValue>) -> Span {
    let id = |number: u8| if number == 0 { Vec::new() } else { vec![1, 0, 0, 0, 0, 0, 0, number] };
    Span {
        trace_id: ID.to_vec(),
        span_id: id(number),
        parent_span_id: id(parent),
        name: format!("op {number}"),
        kind: 2,
        start_time_unix_nano: 1000 * MS + u64::from(number) * MS,
        end_time_unix_nano: 1000 * MS + u64::from(number) * 2 * MS,
        attributes,
        ..Default::default()
    }
}

fn event(name: &str, attributes: Vec<KeyValue>) -> Event {
    Event { time_unix_nano: 1003 * MS, name: name.to_owned(), attributes, ..Default::default() }
}

fn link(attributes: Vec<KeyValue>) -> Link {
    Link { trace_id: vec![8; 16], span_id: vec![9; 8], attributes, ..Default::default() }
}

fn service(name: &str, more: Vec<KeyValue>, scope: InstrumentationScope, spans: Vec<Span>) -> ResourceSpans {
    let attributes = [vec![text("service.name", name)], more].concat();
    ResourceSpans {
        resource: Some(Resource { attributes, ..Default::default() }),
        scope_spans: vec![ScopeSpans { scope: Some(scope), spans, ..Default::default() }],
        ..Default::default()
    }
}

fn library(name: &str, attributes: Vec<KeyValue>) -> InstrumentationScope {
    InstrumentationScope { name: name.to_owned(), attributes, ..Default::default() }
}

/// A shop of two services. Spans 1 and 2 are of the front, 3 of the back; 2 has an event and a link, 3 an event
/// alone.
fn shop() -> Vec<ResourceSpans> {
    let odd = vec![
        attribute("ratio", Any::DoubleValue(2.0)),
        attribute("flag", Any::BoolValue(true)),
        attribute("raw", Any::BytesValue(vec![1])),
        array("mixed", vec![Any::IntValue(1), Any::BoolValue(true)]),
        array("tags", words(&["x", "y"])),
    ];
    let front = vec![
        span(1, 0, [vec![text("only1", "a"), text("user", "ann")], odd].concat()),
        Span {
            events: vec![event("start", vec![text("e2", "on")])],
            links: vec![link(vec![int("l2", 4)])],
            status: Some(Status { code: 2, message: "broken".to_owned() }),
            ..span(2, 1, vec![text("user", "bob"), int("user", 5), text("http.method", "GET")])
        },
    ];
    let back = vec![Span {
        events: vec![event("stop", vec![text("e3", "off")])],
        ..span(3, 1, vec![text("user", "cyd"), text("only3", "c")])
    }];
    vec![
        service("front", vec![text("zone", "z1")], library("lib", vec![text("lang", "rust")]), front),
        service("back", vec![text("zone", "z2"), text("rack", "r")], library("", vec![]), back),
    ]
}

fn rows<T>(batches: Vec<ResourceSpans>, see: impl FnOnce(&TraceRows<'_>) -> T) -> T {
    let bytes = TracesData { resource_spans: batches }.encode_to_vec();
    let joined = Joined::as_stored(vec![(0, scan(Bytes::from(bytes), None).unwrap())]).unwrap();
    see(&TraceRows::of(TraceId::from_bytes(ID), &joined))
}

fn names_query(scope: Option<TagScope>, query: &str) -> TagsQuery {
    TagsQuery {
        scope,
        query: (!query.is_empty()).then(|| query.to_owned()),
        window: None,
        limits: TagLimits::default(),
        form: TagsForm::V2,
    }
}

fn names_of(query: &TagsQuery) -> TagNames {
    let mut collector = TagNamesCollector::new(query).unwrap();
    rows(shop(), |trace| collector.observe(trace));
    collector.finish()
}

/// Scopes and names of the shop, without intrinsics: `span: a b; resource: c`.
fn names(scope: Option<TagScope>, query: &str) -> String {
    let shown: Vec<String> = names_of(&names_query(scope, query))
        .scopes
        .iter()
        .filter(|(scope, _)| *scope != TagScope::Intrinsic)
        .map(|(scope, names)| format!("{}: {}", scope.as_str(), names.join(" ")))
        .collect();
    shown.join("; ")
}

fn values_query(name: &str, query: &str, form: TagsForm) -> TagValuesQuery {
    TagValuesQuery {
        name: name.to_owned(),
        query: (!query.is_empty()).then(|| query.to_owned()),
        window: None,
        limits: TagLimits::default(),
        form,
    }
}

fn values_of(query: &TagValuesQuery) -> TagValues {
    let mut collector = TagValuesCollector::new(query).unwrap();
    rows(shop(), |trace| collector.observe(trace));
    collector.finish()
}

fn shown_values(query: &TagValuesQuery) -> String {
    let told = values_of(query).values.into_iter().map(|value| match value.kind {
        TagValueKind::Text => format!("`{}`", value.value),
        kind => format!("{}:{}", kind.as_str(), value.value),
    });
    told.collect::<Vec<_>>().join(" ")
}

/// Values of the shop, by type: `` `text` int:5 ``.
fn values(name: &str, query: &str) -> String {
    shown_values(&values_query(name, query, TagsForm::V2))
}

fn values_v1(name: &str) -> String {
    shown_values(&values_query(name, "", TagsForm::V1))
}

#[test]
fn names_are_told_by_scope_in_byte_order() {
    assert_eq!(
        names(None, ""),
        "resource: rack service.name zone; \
         span: flag http.method mixed only1 only3 ratio raw tags user; \
         event: e2 e3; link: l2; instrumentation: lang"
    );
    assert_eq!(names(Some(TagScope::Event), ""), "event: e2 e3");
    assert_eq!(names(Some(TagScope::Trace), ""), "");
}

#[test]
fn intrinsics_are_told_for_all_scopes_and_their_own() {
    let scopes = |scope| names_of(&names_query(scope, "")).scopes;
    let all = scopes(None);
    let intrinsics = all.iter().find(|(scope, _)| *scope == TagScope::Intrinsic).unwrap();
    assert_eq!(intrinsics.1.len(), 25);
    assert_eq!(intrinsics.1[0], "duration");
    assert_eq!(scopes(Some(TagScope::Intrinsic)), std::slice::from_ref(intrinsics));
    assert!(scopes(Some(TagScope::Span)).iter().all(|(scope, _)| *scope == TagScope::Span));
}

#[test]
fn a_query_leaves_the_names_of_what_it_matches_and_of_what_holds_that() {
    let span = Some(TagScope::Span);
    assert_eq!(names(span, r#"{ resource.service.name = "back" }"#), "span: http.method only3 user");
    assert_eq!(names(span, r#"{ span.only3 = "c" }"#), "span: http.method only3 user");
    assert_eq!(names(span, r#"{ name = "op 2" }"#), "span: http.method user");
    assert_eq!(
        names(Some(TagScope::Resource), r#"{ span.only3 = "c" }"#),
        "resource: rack service.name zone"
    );
    assert_eq!(names(Some(TagScope::Resource), r#"{ span.only1 = "a" }"#), "resource: service.name zone");
    assert_eq!(names(Some(TagScope::Event), r#"{ span.only3 = "c" }"#), "event: e3");
    assert_eq!(names(Some(TagScope::Span), r#"{ event.e3 = "off" }"#), "span: http.method only3 user");
}

#[test]
fn names_in_columns_of_their_own_are_told_whatever_a_query_leaves() {
    assert_eq!(names(Some(TagScope::Span), r#"{ name = "none" }"#), "span: http.method");
    assert_eq!(names(Some(TagScope::Resource), r#"{ name = "none" }"#), "resource: service.name");
    assert_eq!(names(Some(TagScope::Event), r#"{ name = "none" }"#), "");
}

#[test]
fn names_of_all_scopes_come_from_spans_whose_events_and_links_come_in_pairs() {
    // Span 3 has an event and no link, so nothing of it is told; span 1 has neither, span 2 both.
    assert_eq!(
        names(None, "{ span.user != nil && duration > 0ns }"),
        "resource: service.name zone; span: flag http.method mixed only1 ratio raw tags user; \
         event: e2; link: l2; instrumentation: lang"
    );
}

#[test]
fn alternatives_leave_what_either_of_them_leaves() {
    assert_eq!(
        names(Some(TagScope::Span), r#"{ span.only3 = "c" || span.only1 = "a" }"#),
        "span: flag http.method mixed only1 only3 ratio raw tags user"
    );
}

#[test]
fn what_is_missing_is_a_condition_and_what_exists_is_none() {
    let span = Some(TagScope::Span);
    assert_eq!(names(span, "{ span.only1 = nil }"), "span: http.method only3 user");
    assert_eq!(names(span, "{ span.only1 != nil }"), names(span, ""));
    assert_eq!(
        names(span, "{ resource.rack = nil }"),
        "span: flag http.method mixed only1 ratio raw tags user"
    );
    assert_eq!(names(span, "{ event.e2 = nil }"), "span: http.method only3 user");
}

#[test]
fn a_condition_of_no_scope_filters_nothing() {
    assert_eq!(names(Some(TagScope::Span), r#"{ .only3 = "c" }"#), names(Some(TagScope::Span), ""));
    assert_eq!(values("span.user", r#"{ .only3 = "c" }"#), values("span.user", ""));
}

#[test]
fn values_are_told_by_type() {
    assert_eq!(values("span.user", ""), "`ann` `bob` `cyd` int:5");
    assert_eq!(values("span.ratio", ""), "float:2.0");
    assert_eq!(values("span.flag", ""), "bool:true");
    assert_eq!(values("span.tags", ""), "`x` `y`");
    assert_eq!(values("span.raw", ""), "");
    assert_eq!(values("span.mixed", ""), "");
    assert_eq!(values("link.l2", ""), "int:4");
    assert_eq!(values("event.e2", ""), "`on`");
    assert_eq!(values("instrumentation.lang", ""), "`rust`");
    assert_eq!(values("resource.zone", ""), "`z1` `z2`");
    assert_eq!(values("span.zone", ""), "");
    assert_eq!(values(r#"span."http.method""#, ""), "`GET`");
}

#[test]
fn a_name_of_no_scope_is_looked_for_in_resources_scopes_and_spans() {
    assert_eq!(values(".zone", ""), "`z1` `z2`");
    assert_eq!(values(".lang", ""), "`rust`");
    assert_eq!(values(".only1", ""), "`a`");
    assert_eq!(values(".service.name", ""), "`back` `front`");
    assert_eq!(values(".e2", ""), "");
    assert_eq!(values(".l2", ""), "");
}

#[test]
fn intrinsics_have_values_words_numbers_or_nothing() {
    assert_eq!(values("name", ""), "`op 1` `op 2` `op 3`");
    assert_eq!(values("status", ""), "keyword:error keyword:ok keyword:unset");
    assert_eq!(
        values("span:kind", ""),
        "keyword:client keyword:consumer keyword:internal keyword:producer keyword:server keyword:unspecified"
    );
    assert_eq!(values("span: kind", ""), "int:2", "written otherwise, it is the number stored");
    assert_eq!(values("duration", ""), "");
    assert_eq!(values("statusMessage", ""), "`` `broken`");
    assert_eq!(values("rootName", ""), "`op 1`");
    assert_eq!(values("rootServiceName", ""), "`front`");
    assert_eq!(values("traceDuration", ""), "");
    assert_eq!(values("trace:duration", ""), "int:5000000");
    assert_eq!(values("event:name", ""), "`start` `stop`");
    assert_eq!(values("event:timeSinceStart", ""), "int:0 int:1000000");
    assert_eq!(values("instrumentation:name", ""), "`` `lib`");
    assert_eq!(values("span:childCount", ""), "int:0 int:2");
    assert_eq!(values("nestedSetParent", ""), "int:-1 int:1");
    for id in ["trace:id", "span:id", "span:parentID", "link:traceID", "link:spanID"] {
        assert_eq!(values(id, ""), "", "{id}");
    }
}

#[test]
fn a_query_leaves_the_values_of_what_it_matches() {
    assert_eq!(values("span.user", r#"{ resource.service.name = "back" }"#), "`cyd`");
    assert_eq!(values("span.user", r#"{ name = "op 2" }"#), "`bob` int:5");
    assert_eq!(values("span.user", r#"{ name = "op 2" && span.user = }"#), "`bob` int:5");
    assert_eq!(values("span.user", r#"{ span.only1 = "a" || resource.rack = "r" }"#), "`ann` `cyd`");
    assert_eq!(values("resource.zone", r#"{ span.user = "cyd" }"#), "`z2`");
    assert_eq!(values("name", r#"{ resource.zone = "z1" }"#), "`op 1` `op 2`");
    assert_eq!(values("resource.service.name", r#"{ span.user = "cyd" }"#), "`back`");
    assert_eq!(values("instrumentation:name", r#"{ span.user = "cyd" }"#), "``");
    assert_eq!(values("rootName", r#"{ span.user = "cyd" }"#), "`op 1`");
    assert_eq!(values("rootName", r#"{ span.user = "nobody" }"#), "");
    assert_eq!(values("event:name", r#"{ status = error }"#), "`start`");
    assert_eq!(values(".zone", r#"{ span.user = "cyd" }"#), "`z2`");
    assert_eq!(values("trace:duration", r#"{ span.user = "cyd" }"#), "duration:5ms");
    assert_eq!(values("span.user", r#"{ rootName = "other" }"#), "");
}

#[test]
fn conditions_compare_in_the_column_of_their_literal() {
    assert_eq!(values("span.only1", "{ span.ratio > 1 }"), "");
    assert_eq!(values("span.only1", "{ span.ratio > 1.5 }"), "`a`");
    assert_eq!(values("span.only1", "{ span.flag = true }"), "`a`");
    assert_eq!(values("span.only1", r#"{ span.tags = "y" }"#), "`a`");
    assert_eq!(values("span.only1", r#"{ span.tags != "y" }"#), "`a`");
    assert_eq!(values("span.only1", r#"{ span.user =~ "an." }"#), "`a`");
    assert_eq!(values("span.only1", r#"{ span.user !~ "an." }"#), "");
    // No attribute is a duration: the condition is passed over.
    assert_eq!(values("span.only1", "{ span.user > 1s }"), "`a`");
    assert_eq!(values("span.user", "{ duration > 2ms }"), "`cyd`");
    assert_eq!(values("span.user", "{ kind = server && status != error }"), "`ann` `cyd`");
    assert_eq!(values("span.user", "{ nestedSetParent < 0 }"), "`ann`");
}

#[test]
fn a_value_the_query_names_outright_is_told_unseen() {
    assert_eq!(values("span.user", r#"{ span.user = "nobody" }"#), "`nobody`");
    assert_eq!(values("span.user", r#"{ span.user = 7 && name = "op 1" }"#), "int:7");
    assert_eq!(values("span.user", r#"{ span.user = "x" || name = "op 1" }"#), "`ann` `x`");
    // What stands beside it has no scope, which takes the filter away.
    let beside = r#"{ span.user = "zoe" && .zone != "q" || kind = server && .zone != "q" }"#;
    let all = values("span.user", "");
    assert_eq!(values("span.user", beside).replace(" `zoe`", ""), all);
}

#[test]
fn of_an_array_a_filter_leaves_the_last_element() {
    assert_eq!(values("span.tags", r#"{ span.only1 = "a" }"#), "`y`");
}

#[test]
fn conditions_on_one_column_of_its_own_widen_each_other() {
    assert_eq!(values("name", r#"{ name =~ "op 1" && resource.zone =~ "z." }"#), "`op 1` `op 2` `op 3`");
    assert_eq!(values("span.user", r#"{ name = "op 1" && name = "op 3" }"#), "`ann` `cyd`");
    assert_eq!(
        values("span.user", r#"{ span.http.method != nil && span.http.method != "GET" }"#),
        "`bob` int:5"
    );
}

#[test]
fn a_matched_attribute_tells_its_key_where_its_holder_is_looked_at_too() {
    assert_eq!(values("span.user", r#"{ span.user =~ "b.*" && name = "op 2" }"#), "`bob` `user` int:5");
    assert_eq!(values("span.user", r#"{ span.user =~ "b.*" }"#), "`bob` int:5");
}

#[test]
fn what_a_filter_finds_without_a_type_is_not_told() {
    assert_eq!(values("nestedSetParent", r#"{ span.user = "cyd" }"#), "");
    assert_eq!(values("span:childCount", r#"{ span.user = "cyd" }"#), "int:0");
    assert_eq!(values("link.l2", r#"{ link.l2 > 1 && name = "op 2" }"#), "`l2` int:4");
}

#[test]
fn two_conditions_on_attributes_of_a_scope_never_hold_together() {
    let mut batches = shop();
    let scope = batches[0].scope_spans[0].scope.as_mut().unwrap();
    scope.attributes.push(text("os", "linux"));
    let told = |query: &str| {
        let query = values_query("span.only1", query, TagsForm::V2);
        let mut collector = TagValuesCollector::new(&query).unwrap();
        rows(batches.clone(), |trace| collector.observe(trace));
        collector.finish().values.len()
    };
    assert_eq!(told(r#"{ instrumentation.lang = "rust" }"#), 1);
    assert_eq!(told(r#"{ instrumentation.lang = "rust" && instrumentation.os = "linux" }"#), 0);
}

#[test]
fn the_older_endpoint_tells_text_and_knows_names_of_its_own() {
    assert_eq!(values_v1("user"), "`5` `ann` `bob` `cyd`");
    assert_eq!(values_v1("ratio"), "`2.0`");
    assert_eq!(values_v1("name"), "`op 1` `op 2` `op 3`");
    assert_eq!(values_v1("root.name"), "`op 1`");
    assert_eq!(values_v1("root.service.name"), "`front`");
    assert_eq!(values_v1("service.name"), "`back` `front`");
    assert_eq!(values_v1("status.code"), "`0` `2` `error` `ok` `unset`");
    assert_eq!(values_v1("error"), "`true`");
    assert_eq!(values_v1("status"), "");
    assert_eq!(values_v1("http.method"), "`GET`");
    assert_eq!(values_v1("no such { name"), "");
    assert_eq!(values_v1("e2"), "");
    let filtered = values_query("user", r#"{ name = "op 1" }"#, TagsForm::V1);
    assert_eq!(shown_values(&filtered), values_v1("user"), "it has no filter");
}

#[test]
fn the_older_list_of_names_is_flat() {
    let flat = |scope| {
        let query = TagsQuery { form: TagsForm::V1, ..names_query(scope, r#"{ name = "op 1" }"#) };
        let mut names: Vec<String> =
            names_of(&query).scopes.into_iter().flat_map(|(_, names)| names).collect();
        names.sort();
        names
    };
    assert_eq!(
        flat(None).join(" "),
        "e2 e3 flag http.method l2 lang mixed only1 only3 rack ratio raw service.name tags user zone"
    );
    assert_eq!(flat(Some(TagScope::Intrinsic)).len(), 25);
    assert_eq!(flat(Some(TagScope::Link)), ["l2"]);
}

#[test]
fn names_that_are_none_are_refused_by_the_newer_endpoint() {
    let refused =
        |name: &str| TagValuesCollector::new(&values_query(name, "", TagsForm::V2)).unwrap_err().to_string();
    let begins = "please provide a valid tagName: failed to parse identifier";
    assert!(refused("nope").starts_with(&format!("{begins} nope: parse error at line 1, col 2:")));
    for name in ["", "span.", "1", ".a = 1", "{", ".a} | {.b", "span.a && span.b", "name) | rate("] {
        let told = TagValuesCollector::new(&values_query(name, "", TagsForm::V2));
        // Tempo looks at the first filter only.
        assert_eq!(told.is_err(), name != ".a} | {.b", "{name}");
    }
}

#[test]
fn comparisons_no_column_can_make_are_refused() {
    let refused = |query: &str| {
        TagValuesCollector::new(&values_query("span.a", query, TagsForm::V2)).unwrap_err().to_string()
    };
    assert_eq!(refused("{ duration > 1.5 }"), "duration cannot be compared with this value");
    assert_eq!(refused(r#"{ link:traceID =~ "a" }"#), "link:traceID cannot be compared by this operator");
}

#[test]
fn too_many_alternatives_are_refused_and_a_name_of_no_scope_counts_them_twice() {
    let choice = |count: u8| {
        let all: Vec<String> = (0..count).map(|value| format!("span.a = {value}")).collect();
        format!("{{ {} }}", all.join(" || "))
    };
    let refused = |name: &str, count| {
        TagValuesCollector::new(&values_query(name, &choice(count), TagsForm::V2)).is_err()
    };
    assert_eq!((refused("span.b", 100), refused("span.b", 101)), (false, true));
    assert_eq!((refused(".b", 50), refused(".b", 51)), (false, true));
}

#[test]
fn a_limit_counts_values_and_names_of_a_scope() {
    let limits = TagLimits { count_max: 2, ..TagLimits::default() };
    let query = TagValuesQuery { limits, ..values_query("span.user", "", TagsForm::V2) };
    assert_eq!(shown_values(&query), "`ann` `bob`", "the first two in the order of spans");
    let query = TagsQuery { limits, ..names_query(Some(TagScope::Span), "") };
    assert_eq!(names_of(&query).scopes[0].1, ["flag", "http.method"], "the first in byte order");
    // Resources and spans both have more; the first of them is cut, and then nothing more is told.
    let query = TagsQuery { limits, ..names_query(None, "") };
    let counts: Vec<(TagScope, usize)> =
        names_of(&query).scopes.into_iter().map(|(scope, names)| (scope, names.len())).collect();
    let (event, link, instrumentation) = (TagScope::Event, TagScope::Link, TagScope::Instrumentation);
    let intrinsic = TagScope::Intrinsic;
    assert_eq!(
        counts,
        [(TagScope::Resource, 2), (event, 2), (link, 1), (instrumentation, 1), (intrinsic, 25)]
    );
    let query = TagsQuery { limits, form: TagsForm::V1, ..names_query(None, "") };
    let names: Vec<String> = names_of(&query).scopes.into_iter().flat_map(|(_, names)| names).collect();
    assert_eq!(names, ["e2", "e3"], "the older endpoint counts names of all scopes, sorted");
    let query = TagValuesQuery { limits, ..values_query("status", "", TagsForm::V2) };
    assert_eq!(shown_values(&query), "keyword:error keyword:ok");
    let query = TagValuesQuery { limits, ..values_query("status.code", "", TagsForm::V1) };
    assert_eq!(shown_values(&query), "`ok` `unset`", "what is told in any case comes first");
}

#[test]
fn bytes_are_counted_as_each_endpoint_counts_them() {
    let limits = |bytes_max| TagLimits { bytes_max, ..TagLimits::default() };
    // `string` and `ann` are nine bytes; the value that reaches the bound is left out.
    let query = |bytes_max| TagValuesQuery {
        limits: limits(bytes_max),
        ..values_query("span.user", "", TagsForm::V2)
    };
    assert_eq!(shown_values(&query(9)), "");
    assert_eq!(shown_values(&query(10)), "`ann`");
    assert_eq!(shown_values(&query(19)), "`ann` `bob`");
    let query =
        |bytes_max| TagValuesQuery { limits: limits(bytes_max), ..values_query("user", "", TagsForm::V1) };
    assert_eq!(shown_values(&query(7)), "`ann` `bob`");
    // Names of the newer endpoint may fill the bound, intrinsics first.
    let query = TagsQuery { limits: limits(18), ..names_query(None, "") };
    assert_eq!(
        names_of(&query).scopes,
        [(TagScope::Intrinsic, vec!["duration".to_owned(), "name".to_owned(), "status".to_owned(),])]
    );
    let query = TagsQuery { limits: limits(4), ..names_query(Some(TagScope::Event), "") };
    assert_eq!(names_of(&query).scopes, [(TagScope::Event, vec!["e2".to_owned(), "e3".to_owned()])]);
    let query = TagsQuery { limits: limits(3), ..names_query(Some(TagScope::Event), "") };
    assert_eq!(names_of(&query).scopes, [(TagScope::Event, vec!["e2".to_owned()])]);
}

#[test]
fn gathering_ends_after_so_many_known_values() {
    let again = |stale_max, name: &str| {
        let limits = TagLimits { stale_max, ..TagLimits::default() };
        let query = TagValuesQuery { limits, ..values_query(name, "", TagsForm::V2) };
        let mut collector = TagValuesCollector::new(&query).unwrap();
        let mut count = 0;
        while !collector.is_done() && count < 10 {
            rows(shop(), |trace| collector.observe(trace));
            count += 1;
        }
        count
    };
    assert_eq!(again(0, "span.user"), 10);
    // Four are new; each further trace brings four known ones.
    assert_eq!(again(4, "span.user"), 3);
    assert_eq!(again(3, "span.user"), 2);
    assert_eq!(again(3, "name"), 10, "a dictionary names each value once");
}

#[test]
fn what_needs_no_trace_is_done_at_once() {
    let done = |name: &str| TagValuesCollector::new(&values_query(name, "", TagsForm::V2)).unwrap().is_done();
    assert!(done("status") && done("duration") && done("trace:id"));
    assert!(!done("name"));
    let done = |scope| TagNamesCollector::new(&names_query(scope, "")).unwrap().is_done();
    assert!(done(Some(TagScope::Intrinsic)) && done(Some(TagScope::Trace)));
    assert!(!done(None));
}

#[test]
fn what_was_looked_at_is_counted() {
    let told = names_of(&names_query(None, ""));
    assert_eq!((told.inspected.traces, told.inspected.spans), (1, 3));
}

#[test]
fn of_no_trace_nothing_is_told_but_what_needs_none() {
    let query = values_query("span.user", r#"{ span.user = "x" }"#, TagsForm::V2);
    assert_eq!(TagValuesCollector::new(&query).unwrap().finish().values, []);
    let names = TagNamesCollector::new(&names_query(None, "")).unwrap().finish();
    assert_eq!(names.scopes.iter().map(|(scope, _)| *scope).collect::<Vec<_>>(), [TagScope::Intrinsic]);
}
