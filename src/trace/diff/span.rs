//! A span as it is compared: what of its bytes a difference looks at.

use super::super::Assembled;
use super::super::index::Span as Indexed;
use super::super::join::Joined;
use super::value::{self, Pair, Value};
use crate::wire::otlp::{key_value, resource, span, status};
use crate::wire::protobuf::{Reader, Value as Wire};

const SERVICE: &[u8] = b"service.name";

/// What a span is, whatever its id: spans that agree in it can be paired.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Identity<'a> {
    pub service: &'a [u8],
    pub name: &'a [u8],
    pub kind: &'static str,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Span<'a> {
    pub trace: &'a [u8],
    pub id: &'a [u8],
    pub parent: &'a [u8],
    pub identity: Identity<'a>,
    pub status: &'static str,
    pub start: u64,
    pub end: u64,
    body: &'a [u8],
}

/// The spans of a trace in the order in which it is written.
pub(super) fn all(trace: &Assembled) -> Vec<Span<'_>> {
    let joined = &trace.joined;
    let mut spans = Vec::with_capacity(trace.spans.len());
    for batch in &trace.batches {
        let (body, _) = joined.resource(batch.batch);
        let service = text_of(body, resource::ATTRIBUTES, SERVICE);
        for scope in trace.scopes.get(batch.first as usize..batch.end as usize).unwrap_or_default() {
            let own = trace.spans.get(scope.first as usize..scope.end as usize).unwrap_or_default();
            spans.extend(own.iter().filter_map(|at| Some(Span::of(joined, joined.span(*at)?, service))));
        }
    }
    spans
}

impl<'a> Span<'a> {
    fn of(joined: &'a Joined, indexed: &Indexed, service: &'a [u8]) -> Self {
        let body = joined.body(indexed);
        let kind = kind_name(indexed.kind);
        let identity = Identity { service, name: &[], kind };
        let (start, end) = (indexed.start, indexed.end);
        let mut found =
            Self { trace: &[], id: &[], parent: &[], identity, status: "unset", start, end, body };
        let mut reader = Reader::new(body);
        // The scan let these bytes in, so they can be read to their end.
        while let Ok(Some(field)) = reader.next() {
            match (field.number, field.value) {
                (span::TRACE_ID, Wire::Bytes(bytes)) => found.trace = bytes,
                (span::SPAN_ID, Wire::Bytes(bytes)) => found.id = bytes,
                (span::PARENT_SPAN_ID, Wire::Bytes(bytes)) => found.parent = bytes,
                (span::NAME, Wire::Bytes(bytes)) => found.identity.name = bytes,
                (span::STATUS, Wire::Bytes(bytes)) => {
                    found.status = status_of(bytes).unwrap_or(found.status);
                }
                _ => {}
            }
        }
        let own_service = text_of(body, span::ATTRIBUTES, SERVICE);
        if !own_service.is_empty() {
            found.identity.service = own_service;
        }
        found
    }

    /// Nanoseconds; none where a time is unset or they make no duration.
    pub fn duration_ns(&self) -> Option<i64> {
        let is_set = self.start > 0;
        self.end.checked_sub(self.start).filter(|_| is_set).and_then(|ns| i64::try_from(ns).ok())
    }

    pub fn is_error(&self) -> bool {
        self.status == "error"
    }

    /// Attributes by key, each key once with its last value.
    pub fn attributes(&self) -> Vec<Pair<'a>> {
        value::pairs(self.body, span::ATTRIBUTES)
    }
}

/// The text of the first attribute with this key; empty where it is none.
fn text_of<'a>(message: &'a [u8], attributes: u32, key: &[u8]) -> &'a [u8] {
    let mut reader = Reader::new(message);
    while let Ok(Some(field)) = reader.next() {
        let (true, Wire::Bytes(pair)) = (field.number == attributes, field.value) else { continue };
        // Read as a whole only where the key occurs at all.
        if crate::trace::span::bytes_field(pair, key_value::KEY) == key {
            let text = match value::pair(pair).1.map(Value::of) {
                Some(Value::Text(text)) => text,
                _ => &[],
            };
            return text;
        }
    }
    &[]
}

fn status_of(body: &[u8]) -> Option<&'static str> {
    let mut found = None;
    let mut reader = Reader::new(body);
    while let Ok(Some(field)) = reader.next() {
        if let (status::CODE, Wire::Varint(code)) = (field.number, field.value) {
            found = Some(match code {
                0 => "unset",
                1 => "ok",
                status::CODE_ERROR => "error",
                _ => "",
            });
        }
    }
    found
}

fn kind_name(kind: u8) -> &'static str {
    match kind {
        0 => "unspecified",
        1 => "internal",
        2 => "server",
        3 => "client",
        4 => "producer",
        5 => "consumer",
        _ => "",
    }
}
