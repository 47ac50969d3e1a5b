//! What a search row says of the whole trace, as Tempo works it out when it stores one.

use super::wire_of;
use crate::evaluate::{SpanView, WireSpan};
use crate::trace::Joined;
use crate::trace::index::Flags;
use crate::trace::span::{bytes_field, key_and_value, string_attribute};
use crate::wire::otlp::{any_value, link, resource, span};
use crate::wire::protobuf::{Field, Reader, Value};

/// Envelope and root of a trace.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Summary {
    /// Nanoseconds of the epoch.
    pub start: u64,
    pub end: u64,
    /// Empty where no root is known.
    pub root_name: String,
    pub root_service: String,
}

const SERVICE_NAME: &str = "service.name";

/// Of a link to the trace itself, by a bridge from OpenTracing: what it names is the parent, so a span with
/// such a link is no root though it has no parent id.
const REF_TYPE: &str = "opentracing.ref_type";
const CHILD_OF: &[u8] = b"child_of";

impl Summary {
    /// Nanoseconds from the first start to the last end. A trace that ends before it starts lasts as long as
    /// the unsigned difference says, as in Tempo.
    pub fn duration(&self) -> u64 {
        self.end.wrapping_sub(self.start)
    }
}

/// `spans` are in canonical order, before equal batches are put together: the order decides which of several
/// roots is chosen, and what becomes of spans that do not know when they started.
pub(super) fn of(joined: &Joined, spans: &[u32]) -> Summary {
    let mut summary = Summary::default();
    let mut root = None;
    for of in spans.iter().filter_map(|span| joined.span(*span)) {
        // A zero counts as no start yet: whatever comes after it takes its place, as in Tempo.
        if summary.start == 0 || of.start < summary.start {
            summary.start = of.start;
        }
        summary.end = summary.end.max(of.end);
        if !of.flags.has(Flags::HAS_PARENT) && !is_child_by_link(joined.body(of)) {
            root = Some(of);
        }
    }
    if let Some(root) = root {
        let wire = wire_of(joined, root);
        wire.name().clone_into(&mut summary.root_name);
        root_service(&wire).clone_into(&mut summary.root_service);
    }
    summary
}

/// Whether a link to the span's own trace says that the span is a child.
fn is_child_by_link(body: &[u8]) -> bool {
    let mut reader = Reader::new(body);
    while let Ok(Some(field)) = reader.next() {
        if let (span::LINKS, Value::Bytes(found)) = (field.number, field.value)
            && string_attributes(found, link::ATTRIBUTES, REF_TYPE).any(|value| value == CHILD_OF)
            && bytes_field(found, link::TRACE_ID) == bytes_field(body, span::TRACE_ID)
        {
            return true;
        }
    }
    false
}

/// The service of a root: the first `service.name`, and nothing where that is no string.
fn root_service<'a>(wire: &WireSpan<'a>) -> &'a str {
    text(string_attribute(wire.resource, resource::ATTRIBUTES, SERVICE_NAME).unwrap_or_default())
}

/// The service of a batch: the last `service.name` that is a string. Empty where there is none.
pub(super) fn stored_service(resource: &[u8]) -> &str {
    text(string_attributes(resource, resource::ATTRIBUTES, SERVICE_NAME).last().unwrap_or_default())
}

/// The name of a service, if an attribute is what [`stored_service`] reads.
pub(super) fn service<'m>(key: &[u8], any: &'m [u8]) -> Option<&'m [u8]> {
    if key == SERVICE_NAME.as_bytes() { string_of(any) } else { None }
}

/// The string values of the attributes with this key, in their order.
fn string_attributes<'m>(message: &'m [u8], attributes: u32, key: &str) -> impl Iterator<Item = &'m [u8]> {
    pairs(message, attributes)
        .filter(move |(found, _)| *found == key.as_bytes())
        .filter_map(|(_, any)| string_of(any))
}

/// Key and encoded value of each attribute.
pub(super) fn pairs(message: &[u8], attributes: u32) -> impl Iterator<Item = (&[u8], &[u8])> {
    fields(message)
        .filter(move |field| field.number == attributes)
        .filter_map(|field| Some(key_and_value(field.bytes().ok()?)))
}

/// The string in an encoded value, if that is what it holds.
fn string_of(any: &[u8]) -> Option<&[u8]> {
    let set = fields(any).filter(|field| (any_value::STRING..=any_value::BYTES).contains(&field.number));
    match set.last() {
        Some(Field { number: any_value::STRING, value: Value::Bytes(bytes), .. }) => Some(bytes),
        _ => None,
    }
}

fn fields(message: &[u8]) -> impl Iterator<Item = Field<'_>> {
    let mut reader = Reader::new(message);
    std::iter::from_fn(move || reader.next().ok().flatten())
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap_or_default()
}
