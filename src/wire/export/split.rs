//! Takes an OTLP export apart by trace, on its bytes.
//!
//! Exporters batch by process, so one request holds spans of many traces; a store by trace id needs
//! them apart. A fragment is what the sender would have sent had it sent that trace alone: the same
//! resources, scopes and schema URLs, with only that trace's spans, all in the order of the request.
//! Every field is carried over as it lies on the wire, so fields this program does not know survive.
//! Only fields of the request itself other than `resourceSpans`, which belong to no trace, are left.

use std::collections::HashMap;

use super::check::{Fault, FaultKind, check};
use crate::model::TraceId;
use crate::wire::otlp::{resource_spans, scope_spans, span, trace};
use crate::wire::protobuf::{Reader, WireError, message_len, put_bytes_field, put_tag, put_varint};

/// Wire type of a length-delimited field.
const DELIMITED: u8 = 2;

/// An export, indexed by trace. Nothing is copied but resources and scopes, once each.
#[derive(Debug)]
pub struct Split<'a> {
    /// One for each trace, in the order of first appearance.
    traces: Vec<TraceId>,
    /// By trace, and within a trace in the order of the request.
    spans: Vec<SpanAt<'a>>,
    scopes: Vec<ScopeAt>,
    resources: Vec<ResourceAt>,
    without_trace_id: u64,
}

/// What an export holds of one trace.
#[derive(Debug, Clone, Copy)]
pub struct Fragment<'s> {
    id: TraceId,
    spans: &'s [SpanAt<'s>],
    split: &'s Split<'s>,
}

#[derive(Debug, Clone, Copy)]
struct SpanAt<'a> {
    trace: u32,
    scope: u32,
    bytes: &'a [u8],
    start: u64,
    end: u64,
}

/// When a fragment's spans were, in nanoseconds of the epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Times {
    /// Start of the first span as it was sent.
    pub first_start: u64,
    /// The earliest start of any.
    pub earliest: u64,
    /// The latest start or end of any.
    pub latest: u64,
}

#[derive(Debug)]
struct ScopeAt {
    resource: u32,
    /// All fields but the spans.
    head: Vec<u8>,
}

#[derive(Debug)]
struct ResourceAt {
    /// All fields but the scopes.
    head: Vec<u8>,
}

/// Checks an export whole and takes it apart.
///
/// A span without a trace id of 16 bytes that are not all zero belongs to no trace: it is counted and
/// left out. An export with any other fault is refused whole.
pub fn split_by_trace(export: &[u8]) -> Result<Split<'_>, Fault> {
    check(export)?;
    // The check has read every message that is read here, so no fault is left to find; should that
    // ever be untrue, it is still a fault and not a panic.
    Splitter::default()
        .read(export)
        .map_err(|fault| Fault { place: "the request".to_owned(), what: FaultKind::Wire(fault) })
}

#[derive(Default)]
struct Splitter<'a> {
    numbers: HashMap<TraceId, u32>,
    traces: Vec<TraceId>,
    spans: Vec<SpanAt<'a>>,
    scopes: Vec<ScopeAt>,
    resources: Vec<ResourceAt>,
    without_trace_id: u64,
}

impl<'a> Splitter<'a> {
    fn read(mut self, export: &'a [u8]) -> Result<Split<'a>, WireError> {
        let mut reader = Reader::new(export);
        while let Some(field) = reader.next()? {
            if field.number == trace::RESOURCE_SPANS {
                self.read_resource(field.bytes()?)?;
            }
        }
        // Stable, so a trace's spans stay in the order of the request.
        self.spans.sort_by_key(|span| span.trace);
        Ok(Split {
            traces: self.traces,
            spans: self.spans,
            scopes: self.scopes,
            resources: self.resources,
            without_trace_id: self.without_trace_id,
        })
    }

    fn read_resource(&mut self, message: &'a [u8]) -> Result<(), WireError> {
        let number = index(self.resources.len())?;
        let scopes_before = self.scopes.len();
        let mut head = Vec::new();
        let mut reader = Reader::new(message);
        while let Some(field) = reader.next()? {
            if field.number == resource_spans::SCOPE_SPANS {
                self.read_scope(field.bytes()?, number)?;
            } else {
                head.extend_from_slice(message.get(field.start..field.end).unwrap_or_default());
            }
        }
        // Kept only for spans: a request of nothing but empty messages must not grow an index.
        if self.scopes.len() > scopes_before {
            self.resources.push(ResourceAt { head });
        }
        Ok(())
    }

    fn read_scope(&mut self, message: &'a [u8], resource: u32) -> Result<(), WireError> {
        let scope = index(self.scopes.len())?;
        let spans_before = self.spans.len();
        let mut head = Vec::new();
        let mut reader = Reader::new(message);
        while let Some(field) = reader.next()? {
            if field.number != scope_spans::SPANS {
                head.extend_from_slice(message.get(field.start..field.end).unwrap_or_default());
                continue;
            }
            let bytes = field.bytes()?;
            let facts = Facts::read(bytes)?;
            match facts.id {
                Some(id) => {
                    let (trace, Facts { start, end, .. }) = (self.number(id)?, facts);
                    self.spans.push(SpanAt { trace, scope, bytes, start, end });
                }
                None => self.without_trace_id += 1,
            }
        }
        if self.spans.len() > spans_before {
            self.scopes.push(ScopeAt { resource, head });
        }
        Ok(())
    }

    fn number(&mut self, id: TraceId) -> Result<u32, WireError> {
        if let Some(number) = self.numbers.get(&id) {
            return Ok(*number);
        }
        let number = index(self.traces.len())?;
        self.traces.push(id);
        self.numbers.insert(id, number);
        Ok(number)
    }
}

fn index(length: usize) -> Result<u32, WireError> {
    u32::try_from(length).map_err(|_| WireError::TooLarge)
}

/// What telling spans apart by trace and time takes.
#[derive(Default)]
struct Facts {
    id: Option<TraceId>,
    start: u64,
    end: u64,
}

impl Facts {
    /// As in every protobuf reader, the last of several values holds.
    fn read(span: &[u8]) -> Result<Self, WireError> {
        let mut facts = Self::default();
        let mut reader = Reader::new(span);
        while let Some(field) = reader.next()? {
            match field.number {
                span::TRACE_ID => {
                    let bytes = <[u8; 16]>::try_from(field.bytes()?).ok();
                    facts.id = bytes.filter(|bytes| *bytes != [0; 16]).map(TraceId::from_bytes);
                }
                span::START_TIME => facts.start = field.fixed64()?,
                span::END_TIME => facts.end = field.fixed64()?,
                _ => {}
            }
        }
        Ok(facts)
    }
}

impl Split<'_> {
    /// One for each trace, in the order of first appearance.
    pub fn fragments(&self) -> impl Iterator<Item = Fragment<'_>> {
        let by_trace = self.spans.chunk_by(|a, b| a.trace == b.trace);
        self.traces.iter().zip(by_trace).map(|(id, spans)| Fragment { id: *id, spans, split: self })
    }

    /// Spans that were left out.
    pub fn without_trace_id(&self) -> u64 {
        self.without_trace_id
    }
}

impl<'s> Fragment<'s> {
    pub fn trace_id(&self) -> TraceId {
        self.id
    }

    pub fn spans(&self) -> u64 {
        self.spans.len() as u64
    }

    pub fn times(&self) -> Times {
        let first_start = self.spans.first().map_or(0, |span| span.start);
        let none = Times { first_start, earliest: u64::MAX, latest: 0 };
        self.spans.iter().fold(none, |times, span| Times {
            earliest: times.earliest.min(span.start),
            latest: times.latest.max(span.start).max(span.end),
            ..times
        })
    }

    /// Bytes that `to_bytes` gives. Resources and scopes count once for each trace that has spans of
    /// them, so the fragments of an export can be far larger than the export: ask before writing.
    pub fn len(&self) -> usize {
        self.resources().fold(0usize, |sum, (_, spans)| sum.saturating_add(message_len(self.body_len(spans))))
    }

    /// A fragment has at least one span.
    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// The fragment as a protobuf `Trace`.
    pub fn to_bytes(&self) -> Vec<u8> {
        let length = self.len();
        let mut out = Vec::with_capacity(length);
        for (head, spans) in self.resources() {
            put_tag(&mut out, trace::RESOURCE_SPANS, DELIMITED);
            put_varint(&mut out, self.body_len(spans) as u64);
            out.extend_from_slice(head);
            for (head, spans) in self.scopes(spans) {
                put_tag(&mut out, resource_spans::SCOPE_SPANS, DELIMITED);
                put_varint(&mut out, scope_len(head, spans) as u64);
                out.extend_from_slice(head);
                for span in spans {
                    put_bytes_field(&mut out, scope_spans::SPANS, span.bytes);
                }
            }
        }
        debug_assert_eq!(out.len(), length);
        out
    }

    fn resource_of(&self, span: &SpanAt<'_>) -> Option<u32> {
        self.split.scopes.get(span.scope as usize).map(|scope| scope.resource)
    }

    fn resources(&self) -> impl Iterator<Item = (&'s [u8], &'s [SpanAt<'s>])> {
        let this = *self;
        self.spans.chunk_by(move |a, b| this.resource_of(a) == this.resource_of(b)).map(move |spans| {
            let number = spans.first().and_then(|span| this.resource_of(span)).unwrap_or_default();
            (this.split.resources.get(number as usize).map_or(&[][..], |resource| &resource.head), spans)
        })
    }

    fn scopes(&self, spans: &'s [SpanAt<'s>]) -> impl Iterator<Item = (&'s [u8], &'s [SpanAt<'s>])> {
        let this = *self;
        spans.chunk_by(|a, b| a.scope == b.scope).map(move |spans| {
            let number = spans.first().map_or(0, |span| span.scope);
            (this.split.scopes.get(number as usize).map_or(&[][..], |scope| &scope.head), spans)
        })
    }

    /// The body of one `ResourceSpans` with these spans.
    fn body_len(&self, spans: &'s [SpanAt<'s>]) -> usize {
        let resource = spans.first().and_then(|span| self.resource_of(span)).unwrap_or_default();
        let head = self.split.resources.get(resource as usize).map_or(0, |resource| resource.head.len());
        self.scopes(spans)
            .fold(head, |sum, (head, spans)| sum.saturating_add(message_len(scope_len(head, spans))))
    }
}

fn scope_len(head: &[u8], spans: &[SpanAt<'_>]) -> usize {
    spans.iter().fold(head.len(), |sum, span| sum.saturating_add(message_len(span.bytes.len())))
}

#[cfg(test)]
mod tests;
