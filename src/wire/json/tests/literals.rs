//! Literals: what a real Tempo answered, and the corners no random message reaches.

use super::support::{document, field, llm_document, llm_span_json, span_json};
use crate::wire::json::llm::{self, Outcome};
use crate::wire::json::{MAX_VALUE_DEPTH, put_key_values, put_resource, put_schema_url_of};
use crate::wire::otlp::{any_value, key_value, list, span};
use crate::wire::protobuf::{WireError, put_bytes_field, put_fixed64_field, put_varint_field};
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::{Event, Link};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status, TracesData};
use prost::Message as _;

fn value(value: Value) -> AnyValue {
    AnyValue { value: Some(value) }
}

fn pair(key: &str, inner: Value) -> KeyValue {
    KeyValue { key: key.into(), value: Some(value(inner)), key_strindex: 0 }
}

fn text(text: &str) -> Value {
    Value::StringValue(text.into())
}

fn array(values: Vec<Value>) -> Value {
    Value::ArrayValue(ArrayValue { values: values.into_iter().map(value).collect() })
}

fn trace_of(resource: Vec<KeyValue>, scope: InstrumentationScope, span: Span) -> Vec<u8> {
    let scope = ScopeSpans { scope: Some(scope), spans: vec![span], schema_url: String::new() };
    let resource = Resource { attributes: resource, ..Resource::default() };
    let spans =
        ResourceSpans { resource: Some(resource), scope_spans: vec![scope], schema_url: String::new() };
    TracesData { resource_spans: vec![spans] }.encode_to_vec()
}

fn checkout() -> Span {
    Span {
        trace_id: 0x0af7651916cd43dd8448eb211c80319cu128.to_be_bytes().to_vec(),
        span_id: 0xb7ad6b7169203331u64.to_be_bytes().to_vec(),
        trace_state: "a=b".into(),
        name: "POST /checkout".into(),
        kind: 2,
        start_time_unix_nano: 1_795_206_585_000_000_000,
        end_time_unix_nano: 1_795_206_585_800_000_000,
        attributes: vec![
            pair("user.email", text("jane@example.com")),
            pair("ratio", Value::DoubleValue(0.5)),
            pair("flag", Value::BoolValue(true)),
            pair("arr", array(vec![text("x"), text("y")])),
            pair("ints", array(vec![Value::IntValue(1), Value::IntValue(2)])),
            pair("http.response.status_code", Value::IntValue(200)),
        ],
        events: vec![Event {
            time_unix_nano: 1_795_206_585_001_000_000,
            name: "ev1".into(),
            attributes: vec![pair("exception.message", text("oops"))],
            dropped_attributes_count: 0,
        }],
        links: vec![Link {
            trace_id: vec![0x11; 16],
            span_id: vec![0x22; 8],
            attributes: vec![pair("l", text("v"))],
            ..Link::default()
        }],
        status: Some(Status::default()),
        ..Span::default()
    }
}

#[test]
fn a_trace_is_written_as_a_real_tempo_wrote_it() {
    let resource = vec![pair("cloud.region", text("us-east")), pair("service.name", text("gateway"))];
    let scope = InstrumentationScope {
        name: "demo".into(),
        version: "1.2.3".into(),
        attributes: vec![pair("scope.attr", text("sv"))],
        dropped_attributes_count: 0,
    };
    let expected = concat!(
        r#"{"resourceSpans":[{"resource":{"attributes":[{"key":"cloud.region","value":{"stringValue":"us-east"}},"#,
        r#"{"key":"service.name","value":{"stringValue":"gateway"}}]},"scopeSpans":[{"scope":{"name":"demo","#,
        r#""version":"1.2.3","attributes":[{"key":"scope.attr","value":{"stringValue":"sv"}}]},"spans":["#,
        r#"{"traceId":"CvdlGRbNQ92ESOshHIAxnA==","spanId":"t61rcWkgMzE=","traceState":"a=b","#,
        r#""name":"POST /checkout","kind":"SPAN_KIND_SERVER","startTimeUnixNano":"1795206585000000000","#,
        r#""endTimeUnixNano":"1795206585800000000","attributes":["#,
        r#"{"key":"user.email","value":{"stringValue":"jane@example.com"}},"#,
        r#"{"key":"ratio","value":{"doubleValue":0.5}},{"key":"flag","value":{"boolValue":true}},"#,
        r#"{"key":"arr","value":{"arrayValue":{"values":[{"stringValue":"x"},{"stringValue":"y"}]}}},"#,
        r#"{"key":"ints","value":{"arrayValue":{"values":[{"intValue":"1"},{"intValue":"2"}]}}},"#,
        r#"{"key":"http.response.status_code","value":{"intValue":"200"}}],"#,
        r#""events":[{"timeUnixNano":"1795206585001000000","name":"ev1","attributes":["#,
        r#"{"key":"exception.message","value":{"stringValue":"oops"}}]}],"#,
        r#""links":[{"traceId":"EREREREREREREREREREREQ==","spanId":"IiIiIiIiIiI=","attributes":["#,
        r#"{"key":"l","value":{"stringValue":"v"}}]}],"status":{}}]}]}]}"#,
    );
    assert_eq!(document(&trace_of(resource, scope, checkout())).unwrap(), expected);
}

#[test]
fn a_trace_is_told_to_language_models_as_a_real_tempo_told_it() {
    let resource = vec![pair("service.name", text("front")), pair("cloud.region", text("us-east"))];
    let scope = InstrumentationScope {
        name: "demo".into(),
        version: "1.2.3".into(),
        ..InstrumentationScope::default()
    };
    let span = Span {
        trace_id: 0x7af7651916cd43dd8448eb211c803197u128.to_be_bytes().to_vec(),
        span_id: 0xa700000000000001u64.to_be_bytes().to_vec(),
        name: "front-root".into(),
        kind: 2,
        start_time_unix_nano: 1_795_206_772_000_000_000,
        end_time_unix_nano: 1_795_206_772_100_000_000,
        ..Span::default()
    };
    let outcome = Outcome { inspected_bytes: 59968, ..Outcome::default() };
    let expected = concat!(
        r#"{"trace":{"traceId":"7af7651916cd43dd8448eb211c803197","services":[{"serviceName":"front","#,
        r#""resource":{"cloud.region":"us-east"},"scopes":[{"name":"demo","version":"1.2.3","spans":["#,
        r#"{"spanId":"a700000000000001","name":"front-root","kind":"SPAN_KIND_SERVER","#,
        r#""startTimeUnixNano":"1795206772000000000","endTimeUnixNano":"1795206772100000000","durationMs":100,"#,
        r#""status":{"code":"STATUS_CODE_UNSET","message":""}}]}]}]},"metrics":{"inspectedBytes":59968},"#,
        r#""status":"COMPLETE"}"#,
    );
    assert_eq!(llm_document(&trace_of(resource, scope, span), outcome).unwrap(), expected);
}

#[test]
fn nothing_is_an_empty_document() {
    assert_eq!(document(b"").unwrap(), "{}");
    assert_eq!(llm_document(b"", Outcome { is_partial: true, ..Outcome::default() }).unwrap(), "{}");
}

fn check(span: Span, expected: &str) {
    assert_eq!(span_json(&span.encode_to_vec()).unwrap(), expected);
}

#[test]
fn every_span_has_a_status_and_nothing_else_that_is_zero() {
    check(Span::default(), r#"{"status":{}}"#);
}

#[test]
fn every_field_stands_in_the_order_of_its_declaration() {
    let everything = Span {
        trace_id: vec![1],
        span_id: vec![2],
        trace_state: "s".into(),
        parent_span_id: vec![3],
        flags: 257,
        name: "n".into(),
        kind: 5,
        start_time_unix_nano: 1,
        end_time_unix_nano: u64::MAX,
        attributes: vec![pair("k", Value::IntValue(0))],
        dropped_attributes_count: 1,
        events: vec![Event { dropped_attributes_count: 2, ..Event::default() }],
        dropped_events_count: 3,
        links: vec![Link {
            trace_state: "t".into(),
            dropped_attributes_count: 4,
            flags: u32::MAX,
            ..Link::default()
        }],
        dropped_links_count: 5,
        status: Some(Status { message: "no <b>".into(), code: 2 }),
    };
    check(
        everything,
        concat!(
            r#"{"traceId":"AQ==","spanId":"Ag==","traceState":"s","parentSpanId":"Aw==","flags":257,"name":"n","#,
            r#""kind":"SPAN_KIND_CONSUMER","startTimeUnixNano":"1","endTimeUnixNano":"18446744073709551615","#,
            r#""attributes":[{"key":"k","value":{"intValue":"0"}}],"droppedAttributesCount":1,"#,
            r#""events":[{"droppedAttributesCount":2}],"droppedEventsCount":3,"#,
            r#""links":[{"traceState":"t","droppedAttributesCount":4,"flags":4294967295}],"droppedLinksCount":5,"#,
            r#""status":{"message":"no \u003cb\u003e","code":"STATUS_CODE_ERROR"}}"#,
        ),
    );
}

#[test]
fn numbers_without_a_name_are_not_quoted() {
    let status = Some(Status { code: -1, ..Status::default() });
    check(Span { kind: 9, status, ..Span::default() }, r#"{"kind":9,"status":{"code":-1}}"#);
}

#[test]
fn an_id_that_is_there_but_empty_is_written() {
    assert_eq!(span_json(&field(span::PARENT_SPAN_ID, b"")).unwrap(), r#"{"parentSpanId":"","status":{}}"#);
}

/// The JSON of an attribute whose `AnyValue` is these bytes.
fn attribute(any: &[u8]) -> Result<String, WireError> {
    let pair = field(key_value::VALUE, any);
    let mut out = Vec::new();
    put_key_values(&mut out, [pair.as_slice()])?;
    let written = String::from_utf8(out).unwrap();
    let inner = written.strip_prefix(r#"[{"value":"#).and_then(|rest| rest.strip_suffix("}]"));
    Ok(inner.expect("a pair without a key").to_owned())
}

#[test]
fn a_chosen_value_is_written_even_when_it_is_zero() {
    let check = |value: Value, expected: &str| {
        assert_eq!(attribute(&AnyValue { value: Some(value) }.encode_to_vec()).unwrap(), expected);
    };
    check(text(""), r#"{"stringValue":""}"#);
    check(Value::BoolValue(false), r#"{"boolValue":false}"#);
    check(Value::IntValue(0), r#"{"intValue":"0"}"#);
    check(Value::IntValue(i64::MIN), r#"{"intValue":"-9223372036854775808"}"#);
    check(Value::DoubleValue(0.0), r#"{"doubleValue":0}"#);
    check(Value::DoubleValue(f64::NAN), r#"{"doubleValue":"NaN"}"#);
    check(Value::BytesValue(vec![]), r#"{"bytesValue":""}"#);
    check(Value::BytesValue(vec![0, 1, 255]), r#"{"bytesValue":"AAH/"}"#);
    check(array(vec![]), r#"{"arrayValue":{}}"#);
    check(Value::KvlistValue(Default::default()), r#"{"kvlistValue":{}}"#);
    check(Value::StringValueStrindex(0), r#"{"stringValueStrindex":0}"#);
    assert_eq!(attribute(b"").unwrap(), "{}");
}

#[test]
fn a_pair_may_lack_key_and_value() {
    let mut out = Vec::new();
    put_key_values(&mut out, [&b""[..], &field(key_value::KEY, b"k")]).unwrap();
    put_key_values(&mut out, []).unwrap();
    assert_eq!(out, br#"[{},{"key":"k"}][]"#);
}

#[test]
fn the_last_choice_wins_and_does_not_merge() {
    let array = |text: &[u8]| field(any_value::ARRAY, &field(list::VALUES, &field(any_value::STRING, text)));
    let mut any = field(any_value::STRING, b"first");
    any.extend(array(b"second"));
    any.extend(array(b"third"));
    let third = r#"{"arrayValue":{"values":[{"stringValue":"third"}]}}"#;
    assert_eq!(attribute(&any).unwrap(), third);
    any.extend(field(99, b"unknown"));
    assert_eq!(attribute(&any).unwrap(), third);
}

#[test]
fn a_wrong_wire_type_is_an_error_and_leaves_nothing() {
    let mut number_as_name = Vec::new();
    put_varint_field(&mut number_as_name, span::NAME, 1);
    let mut time_as_varint = Vec::new();
    put_varint_field(&mut time_as_varint, span::START_TIME, 1);
    let mut flags_as_double = Vec::new();
    put_fixed64_field(&mut flags_as_double, span::FLAGS, 1);
    let mut pair_as_double = Vec::new();
    put_fixed64_field(&mut pair_as_double, span::ATTRIBUTES, 1);
    for wrong in [number_as_name, time_as_varint, flags_as_double, pair_as_double, field(span::KIND, b"x")] {
        assert_eq!(span_json(&wrong), Err(WireError::WrongType));
        assert_eq!(llm_span_json(&wrong), Err(WireError::WrongType));
    }
}

#[test]
fn malformed_nested_bytes_are_an_error_even_where_they_would_lose() {
    let broken = field(any_value::ARRAY, &[0x0a, 0x05]);
    let mut overwritten = broken.clone();
    put_bytes_field(&mut overwritten, any_value::STRING, b"later");
    for any in [broken, overwritten] {
        let pair = [field(key_value::KEY, b"k"), field(key_value::VALUE, &any)].concat();
        let span = field(span::ATTRIBUTES, &pair);
        assert_eq!(span_json(&span), Err(WireError::CutOff));
        assert_eq!(llm_span_json(&span), Err(WireError::CutOff));
        let mut out = Vec::from(b"before");
        assert_eq!(put_resource(&mut out, b"", &field(1, &pair)), Err(WireError::CutOff));
        assert_eq!(out, b"before");
    }
}

#[test]
fn values_are_written_as_deep_as_the_limit_and_no_deeper() {
    let nested = |depth: usize, number: u32| {
        (0..depth).fold(field(any_value::STRING, b"x"), |inner, _| {
            let inner = if number == any_value::KVLIST { field(key_value::VALUE, &inner) } else { inner };
            field(number, &field(list::VALUES, &inner))
        })
    };
    for number in [any_value::ARRAY, any_value::KVLIST] {
        let span = |depth| field(span::ATTRIBUTES, &field(key_value::VALUE, &nested(depth, number)));
        for write in [span_json, llm_span_json] {
            assert!(write(&span(MAX_VALUE_DEPTH)).is_ok());
            let too_deep = write(&span(MAX_VALUE_DEPTH + 1));
            assert_eq!(too_deep, Err(WireError::TooDeep(MAX_VALUE_DEPTH)));
        }
    }
}

#[test]
fn a_schema_address_is_found_among_what_is_left() {
    let check = |tail: &[u8], expected: &str| {
        let mut out = Vec::new();
        put_schema_url_of(&mut out, tail).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    };
    check(b"", "");
    check(&field(3, b""), "");
    check(
        &[field(3, b"old"), field(2, b"spans"), field(3, b"http://s")].concat(),
        r#","schemaUrl":"http://s""#,
    );
}

#[test]
fn language_models_get_maps_in_which_the_last_of_a_name_wins() {
    let span = Span {
        kind: 77,
        start_time_unix_nano: 2,
        end_time_unix_nano: 1,
        attributes: vec![
            pair("z", array(vec![Value::IntValue(-1), Value::DoubleValue(1e21), text("<")])),
            pair("b", Value::BytesValue(vec![0xab, 1])),
            pair("z", Value::BoolValue(false)),
            KeyValue { key: "absent".into(), ..KeyValue::default() },
            KeyValue { key: "empty".into(), value: Some(AnyValue { value: None }), key_strindex: 0 },
        ],
        status: Some(Status { message: "not shown".into(), code: 0 }),
        ..Span::default()
    };
    let expected = concat!(
        r#"{"spanId":"","name":"","kind":"77","startTimeUnixNano":"2","endTimeUnixNano":"1","#,
        r#""durationMs":18446744073709.55,"attributes":{"b":"ab01","empty":null,"z":false},"#,
        r#""status":{"code":"STATUS_CODE_UNSET","message":""}}"#,
    );
    assert_eq!(llm_span_json(&span.encode_to_vec()).unwrap(), expected);
}

#[test]
fn a_service_name_is_a_string_or_bytes_and_leaves_the_resource_in_any_case() {
    let check = |name: Value, expected: &str| {
        let resource = Resource { attributes: vec![pair("service.name", name)], ..Resource::default() };
        let resource = resource.encode_to_vec();
        let spans = llm::ResourceSpans { resource: resource.as_slice().into(), scopes: Vec::new() };
        let mut out = Vec::new();
        llm::put_service(&mut out, &spans).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    };
    check(text("front"), r#"{"serviceName":"front"}"#);
    check(Value::BytesValue(vec![0xab]), r#"{"serviceName":"ab"}"#);
    check(Value::BytesValue(vec![]), "{}");
    check(Value::IntValue(7), "{}");
    check(Value::DoubleValue(f64::NAN), "{}");
}
