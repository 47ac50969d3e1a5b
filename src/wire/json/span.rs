//! One span, with its events, links and status.

use super::fields::Message;
use super::number::{put_int, put_uint};
use super::resource::{put_count, put_text};
use super::text::put_base64;
use super::value::{put_attributes, put_list};
use super::view::{Event, Link, Span, Status};
use super::{all_or_nothing, close};
use crate::wire::protobuf::WireError;

/// Writes a `Span`. `extra` holds further fields of it, read after `body`.
///
/// `status` is always there, as Tempo has it on every span. When the bytes are malformed, `out` is unchanged.
pub fn put_span(out: &mut Vec<u8>, body: &[u8], extra: &[u8]) -> Result<(), WireError> {
    all_or_nothing(out, |out| {
        let span = Span::read(Message::new(body, extra))?;
        let mark = out.len();
        put_id(out, b",\"traceId\":", span.trace_id);
        put_id(out, b",\"spanId\":", span.span_id);
        put_text(out, b",\"traceState\":", span.trace_state);
        put_id(out, b",\"parentSpanId\":", span.parent_span_id);
        put_count(out, b",\"flags\":", span.flags);
        put_text(out, b",\"name\":", span.name);
        put_kind(out, span.kind);
        put_nanos(out, b",\"startTimeUnixNano\":\"", span.start);
        put_nanos(out, b",\"endTimeUnixNano\":\"", span.end);
        put_attributes(out, &span.attributes)?;
        put_count(out, b",\"droppedAttributesCount\":", span.dropped_attributes);
        if !span.events.is_empty() {
            out.extend_from_slice(b",\"events\":");
            put_list(out, &span.events, put_event)?;
        }
        put_count(out, b",\"droppedEventsCount\":", span.dropped_events);
        if !span.links.is_empty() {
            out.extend_from_slice(b",\"links\":");
            put_list(out, &span.links, put_link)?;
        }
        put_count(out, b",\"droppedLinksCount\":", span.dropped_links);
        out.extend_from_slice(b",\"status\":");
        put_status(out, &span.status);
        close(out, mark, b'{', b'}');
        Ok(())
    })
}

/// The name of a `SpanKind`, when it has one.
pub(super) fn kind_name(kind: i32) -> Option<&'static str> {
    Some(match kind {
        0 => "SPAN_KIND_UNSPECIFIED",
        1 => "SPAN_KIND_INTERNAL",
        2 => "SPAN_KIND_SERVER",
        3 => "SPAN_KIND_CLIENT",
        4 => "SPAN_KIND_PRODUCER",
        5 => "SPAN_KIND_CONSUMER",
        _ => return None,
    })
}

/// The name of a `StatusCode`, when it has one.
pub(super) fn code_name(code: i32) -> Option<&'static str> {
    Some(match code {
        0 => "STATUS_CODE_UNSET",
        1 => "STATUS_CODE_OK",
        2 => "STATUS_CODE_ERROR",
        _ => return None,
    })
}

fn put_event(out: &mut Vec<u8>, body: &[u8]) -> Result<(), WireError> {
    let event = Event::read(body)?;
    let mark = out.len();
    put_nanos(out, b",\"timeUnixNano\":\"", event.time);
    put_text(out, b",\"name\":", event.name);
    put_attributes(out, &event.attributes)?;
    put_count(out, b",\"droppedAttributesCount\":", event.dropped_attributes);
    close(out, mark, b'{', b'}');
    Ok(())
}

fn put_link(out: &mut Vec<u8>, body: &[u8]) -> Result<(), WireError> {
    let link = Link::read(body)?;
    let mark = out.len();
    put_id(out, b",\"traceId\":", link.trace_id);
    put_id(out, b",\"spanId\":", link.span_id);
    put_text(out, b",\"traceState\":", link.trace_state);
    put_attributes(out, &link.attributes)?;
    put_count(out, b",\"droppedAttributesCount\":", link.dropped_attributes);
    put_count(out, b",\"flags\":", link.flags);
    close(out, mark, b'{', b'}');
    Ok(())
}

fn put_status(out: &mut Vec<u8>, status: &Status<'_>) {
    let mark = out.len();
    put_text(out, b",\"message\":", status.message);
    if status.code != 0 {
        out.extend_from_slice(b",\"code\":");
        put_enum(out, status.code, code_name(status.code));
    }
    close(out, mark, b'{', b'}');
}

#[inline]
fn put_kind(out: &mut Vec<u8>, kind: i32) {
    if kind != 0 {
        out.extend_from_slice(b",\"kind\":");
        put_enum(out, kind, kind_name(kind));
    }
}

/// A number that no name is known for stands unquoted, as `jsonpb` has it.
#[inline]
fn put_enum(out: &mut Vec<u8>, number: i32, name: Option<&str>) {
    match name {
        Some(name) => {
            out.push(b'"');
            out.extend_from_slice(name.as_bytes());
            out.push(b'"');
        }
        None => put_int(out, i64::from(number)),
    }
}

/// An id that is there but empty is written: Tempo's span pruning leaves such parents.
#[inline]
fn put_id(out: &mut Vec<u8>, name: &[u8], id: Option<&[u8]>) {
    if let Some(id) = id {
        out.extend_from_slice(name);
        put_base64(out, id);
    }
}

/// Writes a member whose name comes with the opening quote, unless it is zero.
#[inline]
fn put_nanos(out: &mut Vec<u8>, name: &[u8], nanos: u64) {
    if nanos != 0 {
        out.extend_from_slice(name);
        put_uint(out, nanos);
        out.push(b'"');
    }
}
