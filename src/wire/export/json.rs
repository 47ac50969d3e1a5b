//! OTLP/JSON exports, turned into protobuf.
//!
//! Written over JSON values and not derived, because senders differ in what a derived reader is strict
//! about: 64-bit numbers come as strings or numbers, enums as numbers or names, names in camel or snake
//! case, optional fields are missing or null, and a fault should be one line that says where. Unknown
//! names are ignored, as OTLP asks of a receiver. Ids are hex (OTLP's exception to proto3 JSON), bytes
//! are base64.

mod node;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::common::v1::{
    AnyValue, ArrayValue, EntityRef, InstrumentationScope, KeyValue, KeyValueList,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::{Event, Link, SpanKind};
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};
use prost::Message;
use serde_json::Value;

use self::node::{Node, as_base64, as_bool, as_double, as_int64, as_text};

/// Why a text is no OTLP/JSON export, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JsonFault {
    #[error("not JSON: {0}")]
    NotJson(String),
    #[error("{place}: {what}")]
    NotOtlp { place: String, what: String },
}

/// Reads an `ExportTraceServiceRequest` in OTLP/JSON and writes it as protobuf.
pub fn protobuf_of_json(json: &[u8]) -> Result<Vec<u8>, JsonFault> {
    let value: Value = serde_json::from_slice(json).map_err(|fault| JsonFault::NotJson(fault.to_string()))?;
    protobuf_of_value(&value)
}

/// The same for what was parsed.
pub(super) fn protobuf_of_value(value: &Value) -> Result<Vec<u8>, JsonFault> {
    let root = Node::root(value);
    root.object()?;
    let request = ExportTraceServiceRequest { resource_spans: root.list("resourceSpans", resource_spans)? };
    Ok(request.encode_to_vec())
}

fn resource_spans(node: &Node<'_>) -> Result<ResourceSpans, JsonFault> {
    Ok(ResourceSpans {
        resource: node.optional("resource", resource)?,
        scope_spans: node.list("scopeSpans", scope_spans)?,
        schema_url: node.text("schemaUrl")?,
    })
}

fn resource(node: &Node<'_>) -> Result<Resource, JsonFault> {
    Ok(Resource {
        attributes: node.list("attributes", key_value)?,
        dropped_attributes_count: node.uint32("droppedAttributesCount")?,
        entity_refs: node.list("entityRefs", entity_ref)?,
    })
}

fn entity_ref(node: &Node<'_>) -> Result<EntityRef, JsonFault> {
    Ok(EntityRef {
        schema_url: node.text("schemaUrl")?,
        r#type: node.text("type")?,
        id_keys: node.list("idKeys", as_text)?,
        description_keys: node.list("descriptionKeys", as_text)?,
    })
}

fn scope_spans(node: &Node<'_>) -> Result<ScopeSpans, JsonFault> {
    Ok(ScopeSpans {
        scope: node.optional("scope", scope)?,
        spans: node.list("spans", span)?,
        schema_url: node.text("schemaUrl")?,
    })
}

fn scope(node: &Node<'_>) -> Result<InstrumentationScope, JsonFault> {
    Ok(InstrumentationScope {
        name: node.text("name")?,
        version: node.text("version")?,
        attributes: node.list("attributes", key_value)?,
        dropped_attributes_count: node.uint32("droppedAttributesCount")?,
    })
}

fn span(node: &Node<'_>) -> Result<Span, JsonFault> {
    Ok(Span {
        trace_id: node.hex("traceId")?,
        span_id: node.hex("spanId")?,
        trace_state: node.text("traceState")?,
        parent_span_id: node.hex("parentSpanId")?,
        flags: node.uint32("flags")?,
        name: node.text("name")?,
        kind: node.choice("kind", |name| SpanKind::from_str_name(name).map(|kind| kind as i32))?,
        start_time_unix_nano: node.uint64("startTimeUnixNano")?,
        end_time_unix_nano: node.uint64("endTimeUnixNano")?,
        attributes: node.list("attributes", key_value)?,
        dropped_attributes_count: node.uint32("droppedAttributesCount")?,
        events: node.list("events", event)?,
        dropped_events_count: node.uint32("droppedEventsCount")?,
        links: node.list("links", link)?,
        dropped_links_count: node.uint32("droppedLinksCount")?,
        status: node.optional("status", status)?,
    })
}

fn event(node: &Node<'_>) -> Result<Event, JsonFault> {
    Ok(Event {
        time_unix_nano: node.uint64("timeUnixNano")?,
        name: node.text("name")?,
        attributes: node.list("attributes", key_value)?,
        dropped_attributes_count: node.uint32("droppedAttributesCount")?,
    })
}

fn link(node: &Node<'_>) -> Result<Link, JsonFault> {
    Ok(Link {
        trace_id: node.hex("traceId")?,
        span_id: node.hex("spanId")?,
        trace_state: node.text("traceState")?,
        attributes: node.list("attributes", key_value)?,
        dropped_attributes_count: node.uint32("droppedAttributesCount")?,
        flags: node.uint32("flags")?,
    })
}

fn status(node: &Node<'_>) -> Result<Status, JsonFault> {
    Ok(Status {
        message: node.text("message")?,
        code: node.choice("code", |name| StatusCode::from_str_name(name).map(|code| code as i32))?,
    })
}

fn key_value(node: &Node<'_>) -> Result<KeyValue, JsonFault> {
    Ok(KeyValue { key: node.text("key")?, value: node.optional("value", any_value)?, ..KeyValue::default() })
}

/// An object with none of the names is an empty value, which OTLP allows.
fn any_value(node: &Node<'_>) -> Result<AnyValue, JsonFault> {
    let values = |node: &Node<'_>| node.list("values", any_value);
    let pairs = |node: &Node<'_>| node.list("values", key_value);
    let found = [
        node.optional("stringValue", as_text)?.map(Any::StringValue),
        node.optional("boolValue", as_bool)?.map(Any::BoolValue),
        node.optional("intValue", as_int64)?.map(Any::IntValue),
        node.optional("doubleValue", as_double)?.map(Any::DoubleValue),
        node.optional("arrayValue", values)?.map(|values| Any::ArrayValue(ArrayValue { values })),
        node.optional("kvlistValue", pairs)?.map(|values| Any::KvlistValue(KeyValueList { values })),
        node.optional("bytesValue", as_base64)?.map(Any::BytesValue),
    ];
    let mut found = found.into_iter().flatten();
    let value = found.next();
    if found.next().is_some() {
        return Err(node.fault("holds more than one value"));
    }
    Ok(AnyValue { value })
}

#[cfg(test)]
mod tests;
