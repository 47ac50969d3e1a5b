//! Writes an assembled trace out as Tempo's JSON, a frame at a time, straight from the bytes.

use std::ops::Deref;
use std::sync::Arc;

use bytes::Bytes;

use super::arrange::Assembled;
use super::emit::{FRAME_BYTES, Step, Walk};
use crate::wire::json::{self, llm};
use crate::wire::protobuf::WireError;

/// The JSON of a trace, frame by frame: `{"resourceSpans":[...]}`, or `batches` as v1 names it.
#[derive(Debug)]
pub struct JsonFrames<T> {
    trace: Arc<T>,
    walk: Walk,
    list: &'static str,
    stage: Stage,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Begin,
    Within,
    Over,
}

impl<T: Deref<Target = Assembled>> JsonFrames<T> {
    /// As v2 names the list.
    pub fn resource_spans(trace: Arc<T>) -> Self {
        Self::named(trace, "resourceSpans")
    }

    /// As v1 names the list.
    pub fn batches(trace: Arc<T>) -> Self {
        Self::named(trace, "batches")
    }

    fn named(trace: Arc<T>, list: &'static str) -> Self {
        Self { trace, walk: Walk::default(), list, stage: Stage::Begin }
    }

    fn fill(&mut self, frame: &mut Vec<u8>) -> Result<(), WireError> {
        let trace: &Assembled = &self.trace;
        if self.stage == Stage::Begin {
            if trace.is_empty() {
                frame.extend_from_slice(b"{}");
                self.stage = Stage::Over;
                return Ok(());
            }
            frame.extend_from_slice(b"{\"");
            frame.extend_from_slice(self.list.as_bytes());
            frame.extend_from_slice(b"\":[");
            self.stage = Stage::Within;
        }
        while frame.len() < FRAME_BYTES {
            let Some(step) = self.walk.next(trace) else {
                frame.extend_from_slice(b"]}");
                self.stage = Stage::Over;
                return Ok(());
            };
            put_step(frame, trace, step)?;
        }
        Ok(())
    }
}

impl<T: Deref<Target = Assembled>> Iterator for JsonFrames<T> {
    type Item = Result<Bytes, WireError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.stage == Stage::Over {
            return None;
        }
        // The last value before a frame is full may carry it over; room for that avoids a copy.
        let mut frame = Vec::with_capacity(FRAME_BYTES + FRAME_BYTES / 8);
        match self.fill(&mut frame) {
            Ok(()) => Some(Ok(frame.into())),
            Err(error) => {
                self.stage = Stage::Over;
                Some(Err(error))
            }
        }
    }
}

/// The JSON of a trace in one piece.
pub fn to_json(trace: &Assembled) -> Result<Vec<u8>, WireError> {
    // Typical JSON is not quite twice its protobuf; growing a large buffer costs more than unused room.
    let mut out = Vec::with_capacity(trace.len * 2);
    for frame in JsonFrames::resource_spans(Arc::new(trace)) {
        out.extend_from_slice(&frame?);
    }
    Ok(out)
}

/// The simplified document for language models. Small by its readers' nature, so it is made in one piece.
pub fn llm_document(
    trace: &Assembled,
    inspected_bytes: u64,
    message: Option<&str>,
) -> Result<Vec<u8>, WireError> {
    let mut services: Vec<llm::ResourceSpans<'_>> = Vec::with_capacity(trace.batches.len());
    let mut walk = Walk::default();
    while let Some(step) = walk.next(trace) {
        match step {
            Step::OpenBatch(batch) => {
                let (body, extra) = trace.joined.resource(batch.batch);
                let resource = json::Message::new(body, extra);
                services.push(llm::ResourceSpans { resource, scopes: Vec::new() });
            }
            Step::OpenScope { scope, .. } => {
                let scope = json::Message::from(trace.joined.scope(scope.scope));
                if let Some(service) = services.last_mut() {
                    service.scopes.push(llm::ScopeSpans { scope, spans: Vec::new() });
                }
            }
            Step::Span { index, .. } => {
                let Some(span) = trace.joined.span(index) else { continue };
                let message = json::Message::new(trace.joined.body(span), trace.joined.extra(span));
                if let Some(scope) = services.last_mut().and_then(|service| service.scopes.last_mut()) {
                    scope.spans.push(message);
                }
            }
            Step::CloseScope(_) | Step::CloseBatch { .. } => {}
        }
    }
    let mut out = Vec::new();
    let outcome =
        llm::Outcome { inspected_bytes, is_partial: message.is_some(), message: message.unwrap_or_default() };
    llm::put_answer(&mut out, &services, outcome)?;
    Ok(out)
}

fn put_step(out: &mut Vec<u8>, trace: &Assembled, step: Step) -> Result<(), WireError> {
    match step {
        Step::OpenBatch(batch) => {
            let (resource, extra) = trace.joined.resource(batch.batch);
            out.extend_from_slice(b"{\"resource\":");
            json::put_resource(out, resource, extra)?;
            out.extend_from_slice(b",\"scopeSpans\":[");
        }
        Step::OpenScope { scope, is_first } => {
            if !is_first {
                out.push(b',');
            }
            out.extend_from_slice(b"{\"scope\":");
            json::put_scope(out, trace.joined.scope(scope.scope))?;
            out.extend_from_slice(b",\"spans\":[");
        }
        Step::Span { index, is_first } => {
            if !is_first {
                out.push(b',');
            }
            let Some(span) = trace.joined.span(index) else { return Ok(()) };
            json::put_span(out, trace.joined.body(span), trace.joined.extra(span))?;
        }
        Step::CloseScope(scope) => {
            out.push(b']');
            json::put_schema_url_of(out, trace.scope_tail(scope.scope))?;
            out.push(b'}');
        }
        Step::CloseBatch { batch, is_last } => {
            out.push(b']');
            json::put_schema_url_of(out, trace.batch_tail(batch.batch))?;
            out.extend_from_slice(if is_last { b"}" } else { b"}," });
        }
    }
    Ok(())
}
