//! Random traces, with what real ones seldom hold.

use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{
    AnyValue, ArrayValue, EntityRef, InstrumentationScope, KeyValue, KeyValueList,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::{Event, Link};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status, TracesData};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[a-z.]{0,24}",
        2 => "[ -~]{0,40}",
        1 => "[\"\\\\<>&\n\r\t\u{0}\u{8}\u{c}\u{1f}\u{7f}é\u{2028}\u{2029}日🚆a]{0,20}",
        1 => ".{0,12}",
    ]
}

fn key() -> impl Strategy<Value = String> {
    prop_oneof![3 => "[a-c]?", 1 => Just("service.name".to_owned()), 2 => text()]
}

fn id() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        6 => vec(any::<u8>(), 8),
        6 => vec(any::<u8>(), 16),
        1 => vec(any::<u8>(), 0..120),
    ]
}

/// Numbers that are zero often enough to be left out.
fn nanos() -> impl Strategy<Value = u64> {
    prop_oneof![1 => Just(0), 4 => 1_795_206_585_000_000_000..1_795_206_586_000_000_000u64, 1 => any::<u64>()]
}

fn count() -> impl Strategy<Value = u32> {
    prop_oneof![3 => Just(0), 1 => any::<u32>()]
}

fn enumeration() -> impl Strategy<Value = i32> {
    prop_oneof![6 => 0..8i32, 1 => any::<i32>()]
}

fn strindex() -> impl Strategy<Value = i32> {
    prop_oneof![12 => Just(0), 1 => any::<i32>()]
}

fn double() -> impl Strategy<Value = f64> {
    prop_oneof![
        2 => any::<u64>().prop_map(f64::from_bits),
        2 => -1e7..1e7f64,
        1 => (-400i32..400).prop_map(|exponent| 10f64.powi(exponent)),
        1 => (-1_000_000i64..1_000_000).prop_map(|whole| whole as f64 / 1000.0),
        1 => prop_oneof![Just(0.0), Just(-0.0), Just(f64::NAN), Just(f64::INFINITY), Just(f64::NEG_INFINITY)],
    ]
}

fn any_value() -> impl Strategy<Value = AnyValue> {
    let leaf = prop_oneof![
        4 => text().prop_map(Value::StringValue),
        1 => any::<bool>().prop_map(Value::BoolValue),
        2 => any::<i64>().prop_map(Value::IntValue),
        1 => (-2..3i64).prop_map(Value::IntValue),
        2 => double().prop_map(Value::DoubleValue),
        1 => vec(any::<u8>(), 0..80).prop_map(Value::BytesValue),
        1 => any::<i32>().prop_map(Value::StringValueStrindex),
    ];
    let leaf = option::weighted(0.95, leaf).prop_map(|value| AnyValue { value });
    leaf.prop_recursive(4, 12, 4, |inner| {
        let array = vec(inner.clone(), 0..4).prop_map(|values| Value::ArrayValue(ArrayValue { values }));
        let list = pairs_of(inner, 0..4).prop_map(|values| Value::KvlistValue(KeyValueList { values }));
        prop_oneof![array, list].prop_map(|value| AnyValue { value: Some(value) })
    })
}

fn pairs_of(
    value: impl Strategy<Value = AnyValue>,
    size: std::ops::Range<usize>,
) -> impl Strategy<Value = Vec<KeyValue>> {
    let pair = (key(), option::weighted(0.95, value), strindex());
    vec(pair.prop_map(|(key, value, key_strindex)| KeyValue { key, value, key_strindex }), size)
}

fn attributes() -> impl Strategy<Value = Vec<KeyValue>> {
    pairs_of(any_value(), 0..6)
}

fn event() -> impl Strategy<Value = Event> {
    (nanos(), text(), attributes(), count()).prop_map(
        |(time_unix_nano, name, attributes, dropped_attributes_count)| Event {
            time_unix_nano,
            name,
            attributes,
            dropped_attributes_count,
        },
    )
}

fn link() -> impl Strategy<Value = Link> {
    (id(), id(), text(), attributes(), count(), count()).prop_map(
        |(trace_id, span_id, trace_state, attributes, dropped_attributes_count, flags)| Link {
            trace_id,
            span_id,
            trace_state,
            attributes,
            dropped_attributes_count,
            flags,
        },
    )
}

pub(super) fn span() -> impl Strategy<Value = Span> {
    let status = (text(), enumeration()).prop_map(|(message, code)| Status { message, code });
    let head = (id(), id(), text(), id(), count(), text(), enumeration(), nanos(), nanos());
    let tail = (attributes(), count(), vec(event(), 0..3), count(), vec(link(), 0..3), count());
    (head, tail, option::of(status)).prop_map(|(head, tail, status)| Span {
        trace_id: head.0,
        span_id: head.1,
        trace_state: head.2,
        parent_span_id: head.3,
        flags: head.4,
        name: head.5,
        kind: head.6,
        start_time_unix_nano: head.7,
        end_time_unix_nano: head.8,
        attributes: tail.0,
        dropped_attributes_count: tail.1,
        events: tail.2,
        dropped_events_count: tail.3,
        links: tail.4,
        dropped_links_count: tail.5,
        status,
    })
}

fn entity_ref() -> impl Strategy<Value = EntityRef> {
    (text(), text(), vec(text(), 0..3), vec(text(), 0..3)).prop_map(
        |(schema_url, r#type, id_keys, description_keys)| EntityRef {
            schema_url,
            r#type,
            id_keys,
            description_keys,
        },
    )
}

fn resource() -> impl Strategy<Value = Resource> {
    (attributes(), count(), vec(entity_ref(), 0..2)).prop_map(
        |(attributes, dropped_attributes_count, entity_refs)| Resource {
            attributes,
            dropped_attributes_count,
            entity_refs,
        },
    )
}

fn scope() -> impl Strategy<Value = InstrumentationScope> {
    (text(), text(), attributes(), count()).prop_map(
        |(name, version, attributes, dropped_attributes_count)| InstrumentationScope {
            name,
            version,
            attributes,
            dropped_attributes_count,
        },
    )
}

pub(super) fn trace() -> impl Strategy<Value = TracesData> {
    let scope_spans = (option::weighted(0.8, scope()), vec(span(), 0..3), text());
    let scope_spans =
        scope_spans.prop_map(|(scope, spans, schema_url)| ScopeSpans { scope, spans, schema_url });
    let resource_spans = (option::weighted(0.8, resource()), vec(scope_spans, 0..3), text());
    let resource_spans = resource_spans.prop_map(|(resource, scope_spans, schema_url)| ResourceSpans {
        resource,
        scope_spans,
        schema_url,
    });
    vec(resource_spans, 0..3).prop_map(|resource_spans| TracesData { resource_spans })
}
