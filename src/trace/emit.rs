//! Writes an assembled trace out, a frame at a time: memory stays at the bytes that arrived and one
//! frame, whatever the size of the trace.

use std::sync::Arc;

use bytes::Bytes;

use super::arrange::{Assembled, EMPTY_STATUS, OutBatch, OutScope};
use super::index::{Extent, Flags};
use crate::wire::otlp::{resource_spans, scope_spans, trace};
use crate::wire::protobuf::put_varint;

/// Bytes after which a frame is handed on. Large enough that a frame's cost is its bytes, small enough
/// that a slow reader holds little.
pub const FRAME_BYTES: usize = 64 << 10;

/// A span at least this large is handed on as the slice that arrived, without a copy.
const SHARE_BYTES_MIN: usize = 16 << 10;

const RESOURCE_SPANS_TAG: u8 = tag(trace::RESOURCE_SPANS);
const RESOURCE_TAG: u8 = tag(resource_spans::RESOURCE);
const SCOPE_SPANS_TAG: u8 = tag(resource_spans::SCOPE_SPANS);
const SCOPE_TAG: u8 = tag(scope_spans::SCOPE);
const SPAN_TAG: u8 = tag(scope_spans::SPANS);

const fn tag(number: u32) -> u8 {
    ((number << 3) | 2) as u8
}

/// Where in an assembled trace a writer stands.
#[derive(Debug, Clone, Copy, Default)]
struct Cursor {
    batch: usize,
    /// Position among the scopes; `None` before the batch's resource is written.
    scope: Option<u32>,
    /// Position among the spans; `None` before the scope itself is written.
    span: Option<u32>,
}

/// What comes next of a trace, in the order of the message.
#[derive(Debug, Clone, Copy)]
pub(super) enum Step {
    OpenBatch(OutBatch),
    OpenScope { scope: OutScope, is_first: bool },
    Span { index: u32, is_first: bool },
    CloseScope(OutScope),
    CloseBatch { batch: OutBatch, is_last: bool },
}

/// Walks an assembled trace. Owns no borrow of it, so that a stream can hold both.
#[derive(Debug, Clone, Default)]
pub(super) struct Walk(Cursor);

impl Walk {
    pub fn next(&mut self, trace: &Assembled) -> Option<Step> {
        let at = &mut self.0;
        let batch = *trace.batches.get(at.batch)?;
        let Some(scope_at) = at.scope else {
            at.scope = Some(batch.first);
            return Some(Step::OpenBatch(batch));
        };
        if scope_at >= batch.end {
            at.batch += 1;
            at.scope = None;
            return Some(Step::CloseBatch { batch, is_last: at.batch == trace.batches.len() });
        }
        let scope = *trace.scopes.get(scope_at as usize)?;
        let Some(span_at) = at.span else {
            at.span = Some(scope.first);
            return Some(Step::OpenScope { scope, is_first: scope_at == batch.first });
        };
        if span_at >= scope.end {
            at.span = None;
            at.scope = Some(scope_at + 1);
            return Some(Step::CloseScope(scope));
        }
        at.span = Some(span_at + 1);
        Some(Step::Span { index: *trace.spans.get(span_at as usize)?, is_first: span_at == scope.first })
    }
}

/// The protobuf `Trace`, frame by frame.
#[derive(Debug)]
pub struct ProtobufFrames<T> {
    trace: Arc<T>,
    walk: Walk,
    /// A slice that was too large to copy and follows the frame just handed on.
    shared: Option<(Bytes, Vec<u8>)>,
}

impl<T: std::ops::Deref<Target = Assembled>> ProtobufFrames<T> {
    pub fn new(trace: Arc<T>) -> Self {
        Self { trace, walk: Walk::default(), shared: None }
    }
}

impl<T: std::ops::Deref<Target = Assembled>> Iterator for ProtobufFrames<T> {
    type Item = Bytes;

    fn next(&mut self) -> Option<Bytes> {
        let mut frame = Vec::new();
        if let Some((shared, after)) = self.shared.take() {
            // The rest of that span opens the frame after it.
            self.shared = None;
            if after.is_empty() {
                return Some(shared);
            }
            self.shared = Some((Bytes::from(after), Vec::new()));
            return Some(shared);
        }
        let trace: &Assembled = &self.trace;
        while let Some(step) = self.walk.next(trace) {
            if frame.capacity() == 0 {
                frame.reserve_exact(FRAME_BYTES.min(trace.len) + SHARE_BYTES_MIN.min(trace.len));
            }
            if let Step::Span { index, .. } = step
                && let Some((body, after)) = large_span(trace, index)
            {
                frame.push(SPAN_TAG);
                put_varint(&mut frame, trace.span_len(index) as u64);
                self.shared = Some((body, after));
                return Some(frame.into());
            }
            put_step(&mut frame, trace, step);
            if frame.len() >= FRAME_BYTES {
                return Some(frame.into());
            }
        }
        (!frame.is_empty()).then(|| frame.into())
    }
}

/// A span's body as a slice of what arrived, if it is large, and what follows it.
fn large_span(trace: &Assembled, index: u32) -> Option<(Bytes, Vec<u8>)> {
    let span = trace.joined.span(index)?;
    if span.body.len() < SHARE_BYTES_MIN {
        return None;
    }
    let body = trace.joined.buffers.get(usize::from(span.chunk))?.share(span.body)?;
    let mut after = trace.joined.extra(span).to_vec();
    if !span.flags.has(Flags::HAS_STATUS) {
        after.extend_from_slice(EMPTY_STATUS);
    }
    Some((body, after))
}

/// The protobuf `Trace` in one piece.
pub fn to_protobuf(trace: &Assembled) -> Vec<u8> {
    let mut out = Vec::with_capacity(trace.len);
    let mut walk = Walk::default();
    while let Some(step) = walk.next(trace) {
        put_step(&mut out, trace, step);
    }
    debug_assert_eq!(out.len(), trace.len, "the length said is the length written");
    out
}

fn put_step(out: &mut Vec<u8>, trace: &Assembled, step: Step) {
    match step {
        Step::OpenBatch(batch) => {
            let (resource, extra) = trace.joined.resource(batch.batch);
            out.push(RESOURCE_SPANS_TAG);
            put_varint(out, batch.len as u64);
            out.push(RESOURCE_TAG);
            put_varint(out, (resource.len() + extra.len()) as u64);
            out.extend_from_slice(resource);
            out.extend_from_slice(extra);
        }
        Step::OpenScope { scope, .. } => {
            let own = trace.joined.scope(scope.scope);
            out.push(SCOPE_SPANS_TAG);
            put_varint(out, scope.len as u64);
            out.push(SCOPE_TAG);
            put_varint(out, own.len() as u64);
            out.extend_from_slice(own);
        }
        Step::Span { index, .. } => put_span(out, trace, index),
        Step::CloseScope(scope) => out.extend_from_slice(trace.scope_tail(scope.scope)),
        Step::CloseBatch { batch, .. } => out.extend_from_slice(trace.batch_tail(batch.batch)),
    }
}

fn put_span(out: &mut Vec<u8>, trace: &Assembled, index: u32) {
    let Some(span) = trace.joined.span(index) else { return };
    out.push(SPAN_TAG);
    put_varint(out, trace.span_len(index) as u64);
    out.extend_from_slice(trace.joined.body(span));
    if span.extra != 0 {
        out.extend_from_slice(trace.joined.extra(span));
    }
    if !span.flags.has(Flags::HAS_STATUS) {
        out.extend_from_slice(EMPTY_STATUS);
    }
}

impl Assembled {
    /// The fields of a batch that are neither resource nor scopes.
    pub(super) fn batch_tail(&self, batch: u32) -> &[u8] {
        let Some(batch) = self.joined.batches.get(batch as usize) else { return &[] };
        self.slice(batch.chunk, batch.tail)
    }

    /// The fields of a scope's message that are neither scope nor spans.
    pub(super) fn scope_tail(&self, scope: u32) -> &[u8] {
        let Some(scope) = self.joined.scopes.get(scope as usize) else { return &[] };
        let Some(batch) = self.joined.batches.get(scope.batch as usize) else { return &[] };
        self.slice(batch.chunk, scope.tail)
    }

    fn slice(&self, chunk: u16, extent: Extent) -> &[u8] {
        self.joined.buffers.get(usize::from(chunk)).map_or(&[], |buffer| buffer.get(extent))
    }
}
