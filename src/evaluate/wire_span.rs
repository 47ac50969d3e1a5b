//! A span as its bytes on the wire, read when asked.
//!
//! Reads as a protobuf decoder would (the last of a repeated scalar counts, the first attribute of a key),
//! but decodes only what is named. Bytes that are no protobuf end the reading where they begin: what came
//! before stands, the rest is absent. Nothing here fails.

use super::span_view::{EventView, Holder, LinkView, SpanView};
use crate::traceql::value::Value;
use crate::wire::otlp;
use crate::wire::protobuf::{self, Reader};
use std::borrow::Cow;

/// The encoded messages of one span and what holds it.
#[derive(Debug, Clone, Copy)]
pub struct WireSpan<'a> {
    pub span: &'a [u8],
    /// `InstrumentationScope`; `None` where the message has none.
    pub scope: Option<&'a [u8]>,
    pub resource: &'a [u8],
}

/// An encoded `Span.Event`.
#[derive(Debug, Clone, Copy)]
pub struct WireEvent<'a>(pub &'a [u8]);

/// An encoded `Span.Link`.
#[derive(Debug, Clone, Copy)]
pub struct WireLink<'a>(pub &'a [u8]);

impl<'a> WireSpan<'a> {
    /// The id, for as long as the bytes live.
    pub fn wire_id(&self) -> &'a [u8] {
        last_bytes(self.span, otlp::span::SPAN_ID)
    }

    /// Every attribute of a holder, key and value, also those that repeat a key.
    pub fn attributes(self, holder: Holder) -> impl Iterator<Item = (&'a [u8], Value<'a>)> {
        let (message, number) = match holder {
            Holder::Span => (self.span, otlp::span::ATTRIBUTES),
            Holder::Resource => (self.resource, otlp::resource::ATTRIBUTES),
            Holder::Instrumentation => (self.scope.unwrap_or_default(), otlp::scope::ATTRIBUTES),
        };
        messages(message, number).map(|pair| (last_bytes(pair, otlp::key_value::KEY), attribute_value(pair)))
    }

    /// The name, for as long as the bytes live.
    pub fn wire_name(&self) -> &'a str {
        last_text(self.span, otlp::span::NAME)
    }

    /// The W3C trace state.
    pub fn trace_state(&self) -> &'a str {
        last_text(self.span, otlp::span::TRACE_STATE)
    }

    /// The parent's id, for as long as the bytes live.
    pub fn wire_parent_id(&self) -> &'a [u8] {
        last_bytes(self.span, otlp::span::PARENT_SPAN_ID)
    }
}

impl<'a> SpanView for WireSpan<'a> {
    type Event<'e>
        = WireEvent<'a>
    where
        Self: 'e;
    type Link<'l>
        = WireLink<'a>
    where
        Self: 'l;

    fn id(&self) -> &[u8] {
        last_bytes(self.span, otlp::span::SPAN_ID)
    }

    fn parent_id(&self) -> &[u8] {
        last_bytes(self.span, otlp::span::PARENT_SPAN_ID)
    }

    fn name(&self) -> &str {
        last_text(self.span, otlp::span::NAME)
    }

    fn start(&self) -> u64 {
        last_fixed64(self.span, otlp::span::START_TIME)
    }

    fn end(&self) -> u64 {
        last_fixed64(self.span, otlp::span::END_TIME)
    }

    fn kind(&self) -> i32 {
        last_varint(self.span, otlp::span::KIND) as i32
    }

    fn status(&self) -> i32 {
        // A message that is given twice is merged: the last code of any of them counts.
        messages(self.span, otlp::span::STATUS)
            .flat_map(|status| varints(status, otlp::status::CODE))
            .last()
            .unwrap_or(0) as i32
    }

    fn status_message(&self) -> &str {
        let message = messages(self.span, otlp::span::STATUS)
            .flat_map(|status| messages(status, otlp::status::MESSAGE))
            .last();
        text(message.unwrap_or_default())
    }

    fn scope_name(&self) -> Option<&str> {
        self.scope.map(|scope| last_text(scope, otlp::scope::NAME))
    }

    fn scope_version(&self) -> Option<&str> {
        self.scope.map(|scope| last_text(scope, otlp::scope::VERSION))
    }

    fn attribute(&self, holder: Holder, key: &str) -> Option<Value<'_>> {
        match holder {
            Holder::Span => attribute(self.span, otlp::span::ATTRIBUTES, key),
            Holder::Resource => attribute(self.resource, otlp::resource::ATTRIBUTES, key),
            Holder::Instrumentation => attribute(self.scope?, otlp::scope::ATTRIBUTES, key),
        }
    }

    fn events(&self) -> impl Iterator<Item = WireEvent<'a>> {
        messages(self.span, otlp::span::EVENTS).map(WireEvent)
    }

    fn links(&self) -> impl Iterator<Item = WireLink<'a>> {
        messages(self.span, otlp::span::LINKS).map(WireLink)
    }
}

impl EventView for WireEvent<'_> {
    fn name(&self) -> &str {
        last_text(self.0, otlp::event::NAME)
    }

    fn time(&self) -> u64 {
        last_fixed64(self.0, otlp::event::TIME)
    }

    fn attribute(&self, key: &str) -> Option<Value<'_>> {
        attribute(self.0, otlp::event::ATTRIBUTES, key)
    }
}

impl LinkView for WireLink<'_> {
    fn trace_id(&self) -> &[u8] {
        last_bytes(self.0, otlp::link::TRACE_ID)
    }

    fn span_id(&self) -> &[u8] {
        last_bytes(self.0, otlp::link::SPAN_ID)
    }

    fn attribute(&self, key: &str) -> Option<Value<'_>> {
        attribute(self.0, otlp::link::ATTRIBUTES, key)
    }
}

/// The values of one field, up to where the bytes stop being protobuf.
fn values(message: &[u8], number: u32) -> impl Iterator<Item = protobuf::Value<'_>> {
    fields(message).filter(move |field| field.number == number).map(|field| field.value)
}

fn fields(message: &[u8]) -> impl Iterator<Item = protobuf::Field<'_>> {
    let mut reader = Reader::new(message);
    std::iter::from_fn(move || reader.next().ok().flatten())
}

fn messages(message: &[u8], number: u32) -> impl Iterator<Item = &[u8]> {
    values(message, number).filter_map(|value| match value {
        protobuf::Value::Bytes(bytes) => Some(bytes),
        _ => None,
    })
}

fn varints(message: &[u8], number: u32) -> impl Iterator<Item = u64> {
    values(message, number).filter_map(|value| match value {
        protobuf::Value::Varint(varint) => Some(varint),
        _ => None,
    })
}

fn last_bytes(message: &[u8], number: u32) -> &[u8] {
    messages(message, number).last().unwrap_or_default()
}

fn last_text(message: &[u8], number: u32) -> &str {
    text(last_bytes(message, number))
}

fn last_varint(message: &[u8], number: u32) -> u64 {
    varints(message, number).last().unwrap_or(0)
}

fn last_fixed64(message: &[u8], number: u32) -> u64 {
    values(message, number)
        .filter_map(|value| match value {
            protobuf::Value::Fixed64(fixed) => Some(fixed),
            _ => None,
        })
        .last()
        .unwrap_or(0)
}

/// What is no UTF-8 is no text.
fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap_or_default()
}

/// The first attribute of this key among the `KeyValue`s in field `number`.
fn attribute<'m>(message: &'m [u8], number: u32, key: &str) -> Option<Value<'m>> {
    messages(message, number)
        .find(|pair| last_bytes(pair, otlp::key_value::KEY) == key.as_bytes())
        .map(attribute_value)
}

fn attribute_value(pair: &[u8]) -> Value<'_> {
    let any = messages(pair, otlp::key_value::VALUE).flat_map(fields);
    match last_of_any(any) {
        Some(field) if field.number == otlp::any_value::ARRAY => field.bytes().map_or(Value::Nil, array),
        field => field.map_or(Value::Nil, scalar),
    }
}

/// The last field that is a value at all: it is the one that is set.
fn last_of_any<'m>(any: impl Iterator<Item = protobuf::Field<'m>>) -> Option<protobuf::Field<'m>> {
    any.filter(|field| (otlp::any_value::STRING..=otlp::any_value::BYTES).contains(&field.number)).last()
}

/// What TraceQL has no type for is nil.
fn scalar(field: protobuf::Field<'_>) -> Value<'_> {
    match (field.number, field.value) {
        (otlp::any_value::STRING, protobuf::Value::Bytes(bytes)) => {
            std::str::from_utf8(bytes).map_or(Value::Nil, |text| Value::Text(Cow::Borrowed(text)))
        }
        (otlp::any_value::BOOL, protobuf::Value::Varint(flag)) => Value::Bool(flag != 0),
        (otlp::any_value::INT, protobuf::Value::Varint(int)) => Value::Int(int as i64),
        (otlp::any_value::DOUBLE, protobuf::Value::Fixed64(bits)) => Value::Float(f64::from_bits(bits)),
        _ => Value::Nil,
    }
}

/// Field of the elements in `ArrayValue`.
const ARRAY_VALUES: u32 = 1;

/// One element is the element itself, several of one type an array, and anything else nil, as in Tempo.
fn array(message: &[u8]) -> Value<'_> {
    let mut all = messages(message, ARRAY_VALUES)
        .map(|any| last_of_any(fields(any)).map_or(Value::Nil, scalar))
        .peekable();
    let Some(first) = all.next() else { return Value::Nil };
    if all.peek().is_none() {
        return first;
    }
    let all = std::iter::once(first.clone()).chain(all);
    let gathered = match first {
        Value::Text(_) => all
            .map(|value| if let Value::Text(text) = value { Some(text) } else { None })
            .collect::<Option<_>>()
            .map(Value::Texts),
        Value::Int(_) => all
            .map(|value| if let Value::Int(int) = value { Some(int) } else { None })
            .collect::<Option<_>>()
            .map(Value::Ints),
        Value::Float(_) => all
            .map(|value| if let Value::Float(float) = value { Some(float) } else { None })
            .collect::<Option<_>>()
            .map(Value::Floats),
        Value::Bool(_) => all
            .map(|value| if let Value::Bool(flag) = value { Some(flag) } else { None })
            .collect::<Option<_>>()
            .map(Value::Bools),
        _ => None,
    };
    gathered.unwrap_or(Value::Nil)
}
