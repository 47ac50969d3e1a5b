//! OTLP/JSON in all the forms senders write it, and the line each fault is told with.

use proptest::prelude::*;

use super::*;
use crate::wire::export::arbitrary;

fn read(json: &str) -> ExportTraceServiceRequest {
    ExportTraceServiceRequest::decode(&*protobuf_of_json(json.as_bytes()).unwrap()).unwrap()
}

fn refused(json: &str) -> String {
    protobuf_of_json(json.as_bytes()).unwrap_err().to_string()
}

/// An export with one span of these fields.
fn with_span(fields: &str) -> String {
    format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{{{fields}}}]}}]}}]}}"#)
}

fn read_span(fields: &str) -> Span {
    read(&with_span(fields)).resource_spans[0].scope_spans[0].spans[0].clone()
}

fn read_value(value: &str) -> AnyValue {
    let span = read_span(&format!(r#""attributes":[{{"key":"k","value":{value}}}]"#));
    span.attributes[0].value.clone().unwrap()
}

proptest! {
    /// The types' own serializer is an independent writer of OTLP/JSON.
    #[test]
    fn what_another_writer_writes_is_read_whole(export in arbitrary::export()) {
        let json = serde_json::to_string(&export).unwrap();
        prop_assert_eq!(read(&json), export);
    }

    #[test]
    fn arbitrary_json_never_panics(json in ".{0,80}") {
        let _ = protobuf_of_json(json.as_bytes());
        let _ = protobuf_of_json(with_span(&format!("\"name\":{json}")).as_bytes());
    }
}

#[test]
fn the_example_of_the_specification_is_read() {
    let export = read(
        r#"{"resourceSpans":[{
            "resource":{"attributes":[{"key":"service.name","value":{"stringValue":"my.service"}}]},
            "scopeSpans":[{
                "scope":{"name":"my.library","version":"1.0.0","attributes":[
                    {"key":"my.scope.attribute","value":{"stringValue":"some scope attribute"}}]},
                "spans":[{"traceId":"5B8EFFF798038103D269B633813FC60C","spanId":"EEE19B7EC3C1B174",
                    "parentSpanId":"EEE19B7EC3C1B173","name":"I'm a server span",
                    "startTimeUnixNano":"1544712660000000000","endTimeUnixNano":"1544712661000000000",
                    "kind":2,"attributes":[{"key":"my.span.attr","value":{"stringValue":"some value"}}]}]}]}]}"#,
    );
    let resource = &export.resource_spans[0];
    assert_eq!(resource.resource.as_ref().unwrap().attributes[0].key, "service.name");
    let scope = &resource.scope_spans[0];
    assert_eq!(scope.scope.as_ref().unwrap().version, "1.0.0");
    let span = &scope.spans[0];
    assert_eq!(span.trace_id, 0x5B8EFFF798038103D269B633813FC60C_u128.to_be_bytes());
    assert_eq!(span.parent_span_id, 0xEEE19B7EC3C1B173_u64.to_be_bytes());
    assert_eq!((span.kind, span.start_time_unix_nano), (2, 1544712660000000000));
}

#[test]
fn a_browsers_export_is_read() {
    // As the JavaScript exporter writes it: nulls for what is unset, 64-bit numbers as text or number,
    // an empty resource and scope.
    let export = read(
        r#"{"resourceSpans":[{"resource":{"attributes":[],"droppedAttributesCount":0},"scopeSpans":[{
            "scope":{"name":""},"schemaUrl":null,"spans":[{
                "traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"b7ad6b7169203331",
                "parentSpanId":null,"traceState":null,"name":"click","kind":1,
                "startTimeUnixNano":1700000000000000000,"endTimeUnixNano":"1700000000250000000",
                "droppedAttributesCount":0,"events":[{"name":"load","timeUnixNano":"1700000000100000000",
                "attributes":[{"key":"n","value":{"intValue":3}}],"droppedAttributesCount":0}],
                "links":[],"droppedEventsCount":0,"status":{"code":0},"newField":{"x":[1]}}]}]}]}"#,
    );
    let span = &export.resource_spans[0].scope_spans[0].spans[0];
    assert_eq!(span.end_time_unix_nano - span.start_time_unix_nano, 250_000_000);
    assert!(span.parent_span_id.is_empty());
    assert_eq!(span.events[0].attributes[0].value, Some(AnyValue { value: Some(Any::IntValue(3)) }));
    assert_eq!(span.status, Some(Status::default()));
    assert_eq!(export.resource_spans[0].resource, Some(Resource::default()));
}

#[test]
fn numbers_are_taken_in_every_form_proto3_allows() {
    let nanos = |json: &str| read_span(&format!(r#""startTimeUnixNano":{json}"#)).start_time_unix_nano;
    assert_eq!(nanos("18446744073709551615"), u64::MAX);
    assert_eq!(nanos(r#""18446744073709551615""#), u64::MAX);
    assert_eq!(nanos("1.7e18"), 1_700_000_000_000_000_000);
    let int = |json: &str| read_value(&format!(r#"{{"intValue":{json}}}"#)).value;
    assert_eq!(int(r#""-9223372036854775808""#), Some(Any::IntValue(i64::MIN)));
    assert_eq!(int("-7"), Some(Any::IntValue(-7)));
    assert_eq!(int("-7.0"), Some(Any::IntValue(-7)));
    let double = |json: &str| read_value(&format!(r#"{{"doubleValue":{json}}}"#)).value;
    assert_eq!(double("1"), Some(Any::DoubleValue(1.0)));
    assert_eq!(double(r#""-Infinity""#), Some(Any::DoubleValue(f64::NEG_INFINITY)));
    assert!(matches!(double(r#""NaN""#), Some(Any::DoubleValue(nan)) if nan.is_nan()));
}

#[test]
fn enums_are_taken_by_number_and_by_name() {
    assert_eq!(read_span(r#""kind":3"#).kind, 3);
    assert_eq!(read_span(r#""kind":"SPAN_KIND_CLIENT""#).kind, 3);
    assert_eq!(read_span(r#""kind":"3""#).kind, 3);
    assert_eq!(read_span(r#""kind":77"#).kind, 77);
    assert_eq!(read_span(r#""status":{"code":"STATUS_CODE_ERROR"}"#).status.unwrap().code, 2);
    assert_eq!(
        refused(&with_span(r#""kind":"CLIENT""#)),
        "resourceSpans[0].scopeSpans[0].spans[0].kind: expected an integer, found `CLIENT`"
    );
}

#[test]
fn values_of_every_kind_are_read() {
    let text = |text: &str| AnyValue { value: Some(Any::StringValue(text.into())) };
    assert_eq!(read_value(r#"{"stringValue":""}"#), text(""));
    assert_eq!(read_value("{}"), AnyValue { value: None });
    assert_eq!(read_value(r#"{"futureValue":1}"#), AnyValue { value: None });
    assert_eq!(read_value(r#"{"boolValue":false}"#).value, Some(Any::BoolValue(false)));
    assert_eq!(read_value(r#"{"bytesValue":"+/8="}"#).value, Some(Any::BytesValue(vec![0xfb, 0xff])));
    assert_eq!(read_value(r#"{"bytesValue":"-_8"}"#).value, Some(Any::BytesValue(vec![0xfb, 0xff])));
    let array = read_value(r#"{"arrayValue":{"values":[{"stringValue":"a"},{"arrayValue":{}}]}}"#);
    let empty = AnyValue { value: Some(Any::ArrayValue(ArrayValue::default())) };
    assert_eq!(array.value, Some(Any::ArrayValue(ArrayValue { values: vec![text("a"), empty] })));
    let list = read_value(r#"{"kvlistValue":{"values":[{"key":"a","value":{"stringValue":"b"}}]}}"#);
    let pair = KeyValue { key: "a".into(), value: Some(text("b")), ..KeyValue::default() };
    assert_eq!(list.value, Some(Any::KvlistValue(KeyValueList { values: vec![pair] })));
}

#[test]
fn names_of_the_proto_file_are_taken_too() {
    let export = read(
        r#"{"resource_spans":[{"scope_spans":[{"spans":[{"trace_id":"ab","start_time_unix_nano":"5"}]}]}]}"#,
    );
    let span = &export.resource_spans[0].scope_spans[0].spans[0];
    assert_eq!((&span.trace_id[..], span.start_time_unix_nano), (&[0xab][..], 5));
}

#[test]
fn nothing_at_all_is_an_empty_export() {
    assert_eq!(protobuf_of_json(b"{}"), Ok(vec![]));
    assert_eq!(protobuf_of_json(br#"{"resourceSpans":null}"#), Ok(vec![]));
}

#[test]
fn a_fault_is_one_line_that_says_where() {
    assert_eq!(refused(""), "not JSON: EOF while parsing a value at line 1 column 0");
    assert_eq!(refused("[]"), "the request: expected an object, found a list");
    assert_eq!(refused(r#"{"resourceSpans":{}}"#), "resourceSpans: expected a list, found an object");
    assert_eq!(
        refused(&with_span(r#""traceId":"W47/95gDgQPSabYzgT/GDA==""#)),
        "resourceSpans[0].scopeSpans[0].spans[0].traceId: expected an id in hex, found `W47/95gDgQPSabYzgT/GDA==`"
    );
    assert_eq!(
        refused(&with_span(r#""attributes":[{},{"key":"k","value":{"intValue":1.5}}]"#)),
        "resourceSpans[0].scopeSpans[0].spans[0].attributes[1].value.intValue: expected an integer, found `1.5`"
    );
    assert_eq!(
        refused(&with_span(r#""attributes":[{"value":{"intValue":1,"boolValue":true}}]"#)),
        "resourceSpans[0].scopeSpans[0].spans[0].attributes[0].value: holds more than one value"
    );
    assert_eq!(
        refused(&with_span(r#""startTimeUnixNano":-1"#)),
        "resourceSpans[0].scopeSpans[0].spans[0].startTimeUnixNano: expected an unsigned integer, found `-1`"
    );
    let long = refused(&with_span(&format!(r#""traceId":"x\n{}""#, "y".repeat(500))));
    assert!(!long.contains('\n') && long.len() < 140, "{long}");
}
