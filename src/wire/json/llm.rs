//! The simplified trace document for language models, `application/vnd.grafana.llm+json`.
//!
//! Here Go's plain `encoding/json` rules: attributes are maps sorted by key in which the last of a name wins,
//! numbers are numbers, ids and bytes are hexadecimal, an empty member is left out. One resource is one
//! service; nothing is grouped or reordered. Sorting takes a list per map: this document is not the fast path.
//!
//! Where Tempo fails altogether, because Go has no JSON for `NaN` and the infinities, the strings of the
//! other dialect are written. A span that ends before it starts keeps Tempo's wrapped duration. What the
//! document does not show (attributes of a scope, entities, dropped counts) is not checked for damage.

use super::fields::{Message, Repeated};
use super::number::{put_double, put_int, put_uint};
use super::resource::put_text;
use super::span::{code_name, kind_name};
use super::text::{put_hex, put_string};
use super::view::{Event, KeyValue, Link, Resource, Scope, Span, Status};
use super::{MAX_VALUE_DEPTH, all_or_nothing, close};
use crate::wire::otlp::{any_value, list};
use crate::wire::protobuf::{Value, WireError};

const SERVICE_NAME: &[u8] = b"service.name";
const NANOS_PER_MILLISECOND: f64 = 1_000_000.0;

/// One resource with what it recorded, in the order it is to be shown.
#[derive(Debug, Clone, Default)]
pub struct ResourceSpans<'a> {
    pub resource: Message<'a>,
    pub scopes: Vec<ScopeSpans<'a>>,
}

#[derive(Debug, Clone, Default)]
pub struct ScopeSpans<'a> {
    pub scope: Message<'a>,
    pub spans: Vec<Message<'a>>,
}

/// What the answer says beside the trace.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Outcome<'a> {
    pub inspected_bytes: u64,
    pub is_partial: bool,
    pub message: &'a str,
}

/// Writes the whole answer. A trace without resources is `{}`, whatever the outcome.
pub fn put_answer(
    out: &mut Vec<u8>,
    trace: &[ResourceSpans<'_>],
    outcome: Outcome<'_>,
) -> Result<(), WireError> {
    if trace.is_empty() {
        out.extend_from_slice(b"{}");
        return Ok(());
    }
    all_or_nothing(out, |out| {
        out.extend_from_slice(b"{\"trace\":{\"traceId\":");
        put_hex(out, trace_id(trace)?);
        out.extend_from_slice(b",\"services\":");
        let mark = out.len();
        for resource in trace {
            out.push(b',');
            put_service(out, resource)?;
        }
        close(out, mark, b'[', b']');
        out.push(b'}');
        if outcome.inspected_bytes != 0 {
            out.extend_from_slice(b",\"metrics\":{\"inspectedBytes\":");
            put_uint(out, outcome.inspected_bytes);
            out.push(b'}');
        }
        let status: &[u8] =
            if outcome.is_partial { b",\"status\":\"PARTIAL\"" } else { b",\"status\":\"COMPLETE\"" };
        out.extend_from_slice(status);
        put_text(out, b",\"message\":", outcome.message.as_bytes());
        out.push(b'}');
        Ok(())
    })
}

/// Tempo looks only at the very first place: a first scope without spans leaves the id empty.
fn trace_id<'a>(trace: &[ResourceSpans<'a>]) -> Result<&'a [u8], WireError> {
    let first =
        trace.first().and_then(|resource| resource.scopes.first()).and_then(|scope| scope.spans.first());
    let Some(span) = first else { return Ok(&[]) };
    Ok(Span::read(*span)?.trace_id.unwrap_or_default())
}

/// Writes one entry of `services`.
pub fn put_service(out: &mut Vec<u8>, resource: &ResourceSpans<'_>) -> Result<(), WireError> {
    all_or_nothing(out, |out| {
        let mark = out.len();
        let mut attributes = pairs(&Resource::read(resource.resource)?.attributes)?;
        // The name leaves the map even when it is no string, and is then not shown at all.
        let names = attributes.extract_if(.., |pair| pair.key == SERVICE_NAME);
        if let Some(name) = names.last() {
            put_service_name(out, &name)?;
        }
        put_map_member(out, b",\"resource\":", &attributes)?;
        if !resource.scopes.is_empty() {
            out.extend_from_slice(b",\"scopes\":");
            let mark = out.len();
            for scope in &resource.scopes {
                out.push(b',');
                put_scope(out, scope)?;
            }
            close(out, mark, b'[', b']');
        }
        close(out, mark, b'{', b'}');
        Ok(())
    })
}

/// Bytes are a string too, by the time Tempo looks for the name.
fn put_service_name(out: &mut Vec<u8>, pair: &KeyValue<'_>) -> Result<(), WireError> {
    let mut chosen = None;
    pair.value.each(|body| {
        let mut fields = Message::from(body).fields();
        while let Some((number, value)) = fields.next()? {
            if matches!(number, any_value::STRING..=any_value::STRING_STRINDEX) {
                chosen = Some((number, value));
            }
        }
        Ok(())
    })?;
    match chosen {
        Some((any_value::STRING, name)) => put_text(out, b",\"serviceName\":", name.bytes()?),
        Some((any_value::BYTES, name)) if !name.bytes()?.is_empty() => {
            out.extend_from_slice(b",\"serviceName\":");
            put_hex(out, name.bytes()?);
        }
        _ => {}
    }
    Ok(())
}

fn put_scope(out: &mut Vec<u8>, scope: &ScopeSpans<'_>) -> Result<(), WireError> {
    let mark = out.len();
    let view = Scope::read(scope.scope)?;
    put_text(out, b",\"name\":", view.name);
    put_text(out, b",\"version\":", view.version);
    if !scope.spans.is_empty() {
        out.extend_from_slice(b",\"spans\":");
        let mark = out.len();
        for span in &scope.spans {
            out.push(b',');
            put_span(out, span.body, span.extra)?;
        }
        close(out, mark, b'[', b']');
    }
    close(out, mark, b'{', b'}');
    Ok(())
}

/// Writes one span.
pub fn put_span(out: &mut Vec<u8>, body: &[u8], extra: &[u8]) -> Result<(), WireError> {
    all_or_nothing(out, |out| {
        let span = Span::read(Message::new(body, extra))?;
        out.extend_from_slice(b"{\"spanId\":");
        put_hex(out, span.span_id.unwrap_or_default());
        out.extend_from_slice(b",\"name\":");
        put_string(out, span.name);
        if let Some(parent) = span.parent_span_id.filter(|id| !id.is_empty()) {
            out.extend_from_slice(b",\"parentSpanId\":");
            put_hex(out, parent);
        }
        if span.kind != 0 {
            out.extend_from_slice(b",\"kind\":");
            put_enum(out, span.kind, kind_name(span.kind));
        }
        put_nanos(out, b",\"startTimeUnixNano\":\"", span.start);
        put_nanos(out, b",\"endTimeUnixNano\":\"", span.end);
        put_duration(out, &span);
        put_map_member(out, b",\"attributes\":", &pairs(&span.attributes)?)?;
        put_array_member(out, b",\"events\":", &span.events, put_event)?;
        put_array_member(out, b",\"links\":", &span.links, put_link)?;
        put_status(out, &span.status);
        out.push(b'}');
        Ok(())
    })
}

fn put_duration(out: &mut Vec<u8>, span: &Span<'_>) {
    if span.start != 0 && span.end != 0 && span.start != span.end {
        out.extend_from_slice(b",\"durationMs\":");
        put_double(out, span.end.wrapping_sub(span.start) as f64 / NANOS_PER_MILLISECOND);
    }
}

fn put_event(out: &mut Vec<u8>, body: &[u8]) -> Result<(), WireError> {
    let event = Event::read(body)?;
    out.extend_from_slice(b"{\"name\":");
    put_string(out, event.name);
    put_nanos(out, b",\"timeUnixNano\":\"", event.time);
    put_map_member(out, b",\"attributes\":", &pairs(&event.attributes)?)?;
    out.push(b'}');
    Ok(())
}

fn put_link(out: &mut Vec<u8>, body: &[u8]) -> Result<(), WireError> {
    let link = Link::read(body)?;
    out.extend_from_slice(b"{\"traceId\":");
    put_hex(out, link.trace_id.unwrap_or_default());
    out.extend_from_slice(b",\"spanId\":");
    put_hex(out, link.span_id.unwrap_or_default());
    put_map_member(out, b",\"attributes\":", &pairs(&link.attributes)?)?;
    out.push(b'}');
    Ok(())
}

/// An unset status has no message, whatever was sent.
fn put_status(out: &mut Vec<u8>, status: &Status<'_>) {
    out.extend_from_slice(b",\"status\":{\"code\":");
    put_enum(out, status.code, code_name(status.code));
    out.extend_from_slice(b",\"message\":");
    put_string(out, if status.code == 0 { &[] } else { status.message });
    out.push(b'}');
}

/// Here a number without a name is quoted too.
fn put_enum(out: &mut Vec<u8>, number: i32, name: Option<&str>) {
    out.push(b'"');
    match name {
        Some(name) => out.extend_from_slice(name.as_bytes()),
        None => put_int(out, i64::from(number)),
    }
    out.push(b'"');
}

/// Writes a member whose name comes with the opening quote, unless it is zero.
fn put_nanos(out: &mut Vec<u8>, name: &[u8], nanos: u64) {
    if nanos != 0 {
        out.extend_from_slice(name);
        put_uint(out, nanos);
        out.push(b'"');
    }
}

fn put_array_member<'a>(
    out: &mut Vec<u8>,
    name: &[u8],
    bodies: &Repeated<'a>,
    put: fn(&mut Vec<u8>, &'a [u8]) -> Result<(), WireError>,
) -> Result<(), WireError> {
    if bodies.is_empty() {
        return Ok(());
    }
    out.extend_from_slice(name);
    super::value::put_list(out, bodies, put)
}

fn put_map_member(out: &mut Vec<u8>, name: &[u8], pairs: &[KeyValue<'_>]) -> Result<(), WireError> {
    if pairs.is_empty() {
        return Ok(());
    }
    out.extend_from_slice(name);
    put_map(out, pairs, 0)
}

/// The pairs that have a value, sorted by key; pairs of one key keep their order.
fn pairs<'a>(attributes: &Repeated<'a>) -> Result<Vec<KeyValue<'a>>, WireError> {
    let mut pairs = Vec::with_capacity(attributes.len());
    attributes.each(|body| {
        pairs.push(KeyValue::read(body)?);
        Ok(())
    })?;
    pairs.retain(|pair| !pair.value.is_empty());
    pairs.sort_by_key(|pair| pair.key);
    Ok(pairs)
}

/// Writes sorted pairs as an object in which the last of a key wins.
fn put_map(out: &mut Vec<u8>, pairs: &[KeyValue<'_>], depth: usize) -> Result<(), WireError> {
    let mark = out.len();
    let mut rest = pairs.iter().peekable();
    while let Some(pair) = rest.next() {
        let before = out.len();
        out.push(b',');
        put_string(out, pair.key);
        out.push(b':');
        let value = out.len();
        out.extend_from_slice(b"null");
        pair.value.each(|body| put_choice(out, value, body, depth))?;
        // A pair that loses was written only to find what is malformed in it.
        if rest.peek().is_some_and(|next| next.key == pair.key) {
            out.truncate(before);
        }
    }
    close(out, mark, b'{', b'}');
    Ok(())
}

/// Writes one piece of an `AnyValue` in place of what stands since `mark`.
fn put_choice(out: &mut Vec<u8>, mark: usize, body: &[u8], depth: usize) -> Result<(), WireError> {
    let mut fields = Message::from(body).fields();
    while let Some((number, value)) = fields.next()? {
        if matches!(number, any_value::STRING..=any_value::STRING_STRINDEX) {
            out.truncate(mark);
            put_value(out, number, value, depth)?;
        }
    }
    Ok(())
}

fn put_value(out: &mut Vec<u8>, number: u32, value: Value<'_>, depth: usize) -> Result<(), WireError> {
    match number {
        any_value::STRING => put_string(out, value.bytes()?),
        any_value::BOOL => {
            let text: &[u8] = if value.varint()? == 0 { b"false" } else { b"true" };
            out.extend_from_slice(text);
        }
        any_value::INT => put_int(out, value.varint()? as i64),
        any_value::DOUBLE => put_double(out, f64::from_bits(value.fixed64()?)),
        any_value::ARRAY => put_array(out, value.bytes()?, depth)?,
        any_value::KVLIST => put_kvlist(out, value.bytes()?, depth)?,
        any_value::BYTES => put_hex(out, value.bytes()?),
        // An index into a table of strings that no trace has.
        _ => {
            value.varint()?;
            out.extend_from_slice(b"null");
        }
    }
    Ok(())
}

fn put_array(out: &mut Vec<u8>, body: &[u8], depth: usize) -> Result<(), WireError> {
    let depth = deeper(depth)?;
    let mark = out.len();
    let mut fields = Message::from(body).fields();
    while let Some((number, value)) = fields.next()? {
        if number == list::VALUES {
            out.push(b',');
            let mark = out.len();
            out.extend_from_slice(b"null");
            put_choice(out, mark, value.bytes()?, depth)?;
        }
    }
    close(out, mark, b'[', b']');
    Ok(())
}

fn put_kvlist(out: &mut Vec<u8>, body: &[u8], depth: usize) -> Result<(), WireError> {
    let depth = deeper(depth)?;
    let mut values = Repeated::none();
    let mut fields = Message::from(body).fields();
    loop {
        let before = fields;
        let Some((number, value)) = fields.next()? else { break };
        if number == list::VALUES {
            values.note(before, number, value)?;
        }
    }
    put_map(out, &pairs(&values)?, depth)
}

fn deeper(depth: usize) -> Result<usize, WireError> {
    if depth >= MAX_VALUE_DEPTH { Err(WireError::TooDeep(MAX_VALUE_DEPTH)) } else { Ok(depth + 1) }
}
