//! Arbitrary exports for property tests: few traces over many resources and scopes, so that taking
//! apart and joining have work to do.

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::common::v1::{
    AnyValue, ArrayValue, InstrumentationScope, KeyValue, KeyValueList,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::{Event, Link};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

pub(crate) fn export() -> impl Strategy<Value = ExportTraceServiceRequest> {
    vec(resource_spans(), 0..4).prop_map(|resource_spans| ExportTraceServiceRequest { resource_spans })
}

fn resource_spans() -> impl Strategy<Value = ResourceSpans> {
    let resource = attributes().prop_map(|attributes| Resource {
        attributes,
        dropped_attributes_count: 1,
        entity_refs: vec![],
    });
    (option::of(resource), vec(scope_spans(), 0..4), "[a-z]{0,3}")
        .prop_map(|(resource, scope_spans, schema_url)| ResourceSpans { resource, scope_spans, schema_url })
}

fn scope_spans() -> impl Strategy<Value = ScopeSpans> {
    let scope = ("[a-z]{0,3}", attributes()).prop_map(|(name, attributes)| InstrumentationScope {
        name,
        attributes,
        ..Default::default()
    });
    (option::of(scope), vec(span(), 0..6), "[a-z]{0,3}").prop_map(|(scope, spans, schema_url)| ScopeSpans {
        scope,
        spans,
        schema_url,
    })
}

/// Mostly one of three traces; now and then no valid id.
pub(crate) fn trace_id() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        9 => (1u8..4).prop_map(|id| vec![id; 16]),
        1 => prop_oneof![Just(vec![]), Just(vec![0; 16]), Just(vec![7; 8]), Just(vec![7; 17])],
    ]
}

fn span() -> impl Strategy<Value = Span> {
    let link =
        (trace_id(), any::<u32>()).prop_map(|(trace_id, flags)| Link { trace_id, flags, ..Link::default() });
    let event = (any::<u64>(), attributes()).prop_map(|(time_unix_nano, attributes)| Event {
        time_unix_nano,
        name: "event".into(),
        attributes,
        dropped_attributes_count: 0,
    });
    let status = (0..3i32, ".{0,3}").prop_map(|(code, message)| Status { code, message });
    let ids = (trace_id(), any::<[u8; 8]>(), option::of(any::<[u8; 8]>()));
    let times = (any::<u64>(), any::<u64>(), any::<u32>(), 0..6i32);
    let lists = (attributes(), vec(event, 0..2), vec(link, 0..2), option::of(status));
    (ids, times, lists, ".{0,5}").prop_map(
        |(
            (trace_id, span_id, parent),
            (start, end, flags, kind),
            (attributes, events, links, status),
            name,
        )| {
            Span {
                trace_id,
                span_id: span_id.to_vec(),
                parent_span_id: parent.map(|id| id.to_vec()).unwrap_or_default(),
                name,
                kind,
                start_time_unix_nano: start,
                end_time_unix_nano: end,
                flags,
                attributes,
                events,
                links,
                status,
                ..Span::default()
            }
        },
    )
}

fn attributes() -> impl Strategy<Value = Vec<KeyValue>> {
    let pair = ("[a-z.]{0,5}", option::of(any_value())).prop_map(|(key, value)| KeyValue {
        key,
        value,
        ..KeyValue::default()
    });
    vec(pair, 0..3)
}

fn any_value() -> impl Strategy<Value = AnyValue> {
    let leaf = prop_oneof![
        Just(None),
        ".{0,4}".prop_map(|text| Some(Any::StringValue(text))),
        any::<bool>().prop_map(|flag| Some(Any::BoolValue(flag))),
        any::<i64>().prop_map(|int| Some(Any::IntValue(int))),
        (-1e9..1e9f64).prop_map(|double| Some(Any::DoubleValue(double))),
        vec(any::<u8>(), 0..4).prop_map(|bytes| Some(Any::BytesValue(bytes))),
    ]
    .prop_map(|value| AnyValue { value });
    leaf.prop_recursive(2, 6, 3, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..3)
                .prop_map(|values| AnyValue { value: Some(Any::ArrayValue(ArrayValue { values })) }),
            vec(inner, 0..3).prop_map(|values| {
                let pair = |value| KeyValue { key: "k".into(), value: Some(value), ..KeyValue::default() };
                let values = values.into_iter().map(pair).collect();
                AnyValue { value: Some(Any::KvlistValue(KeyValueList { values })) }
            }),
        ]
    })
}
