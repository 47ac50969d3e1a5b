//! Answers with their content types. Traces: v1 and v2, protobuf and JSON and the document for language
//! models; large ones leave a frame at a time, as fast as the client reads. All others are written whole.

use std::sync::Arc;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures::stream;
use http::{HeaderValue, header};

use super::params::Format;
use super::report;
use crate::redaction::Redacted;
use crate::trace::Assembled;
use crate::trace::emit::{ProtobufFrames, to_protobuf};
use crate::trace::emit_json::{self, JsonFrames};
use crate::wire::json::put_string;
use crate::wire::protobuf::{WireError, put_bytes_field, put_message, put_tag, put_varint, put_varint_field};
use crate::wire::tempo::{trace_by_id, trace_by_id_metrics};

/// What Tempo says beside a trace on v2.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Beside {
    pub inspected_bytes: u64,
    /// Present on a partial answer.
    pub message: Option<String>,
}

/// Tempo's content types, to the letter.
const PROTOBUF: &str = "application/protobuf";
const JSON: &str = "application/json";
const LLM_V1: &str = "application/vnd.grafana.llm";
const LLM_V2: &str = "application/vnd.grafana.llm+json";

/// A whole answer, written.
#[derive(Debug)]
pub struct Written {
    body: Bytes,
    kind: &'static str,
    /// Where a next page begins.
    next: Option<String>,
}

impl Written {
    pub fn json(body: impl Into<Bytes>) -> Self {
        Self { body: body.into(), kind: JSON, next: None }
    }

    pub fn protobuf(body: impl Into<Bytes>) -> Self {
        Self { body: body.into(), kind: PROTOBUF, next: None }
    }

    pub fn llm(body: impl Into<Bytes>) -> Self {
        Self { body: body.into(), kind: LLM_V2, next: None }
    }

    pub fn followed_by(self, next: Option<String>) -> Self {
        Self { next, ..self }
    }
}

impl IntoResponse for Written {
    fn into_response(self) -> Response {
        let mut response = with_type(Body::from(self.body), self.kind);
        if let Some(next) = self.next {
            report::put_next(response.headers_mut(), &next);
        }
        response
    }
}

/// Up to here JSON is gathered before it leaves. What is longer has no length, since counting it would
/// mean writing it twice; Go's server draws the line here, too.
const SHORT_BYTES: usize = 2048;

/// A v1 answer: the bare trace.
pub fn v1(trace: Arc<Redacted<Assembled>>, format: Format) -> Result<Response, WireError> {
    match format {
        Format::Protobuf => Ok(protobuf(Vec::new(), trace, Vec::new())),
        Format::Json => json(Vec::new(), JsonFrames::batches(trace), Vec::new(), JSON),
        // Tempo's v1 has no such document and sends its JSON under that name.
        Format::Llm => json(Vec::new(), JsonFrames::batches(trace), Vec::new(), LLM_V1),
    }
}

/// A v2 answer: the trace and what is said beside it.
pub fn v2(trace: Arc<Redacted<Assembled>>, beside: &Beside, format: Format) -> Result<Response, WireError> {
    match format {
        Format::Protobuf => {
            let mut before = Vec::new();
            // Written even when empty: Grafana reads these messages by pointer.
            put_tag(&mut before, trace_by_id::TRACE, 2);
            put_varint(&mut before, trace.protobuf_len() as u64);
            Ok(protobuf(before, trace, protobuf_beside(beside)))
        }
        Format::Json => {
            let after = json_beside(beside);
            json(b"{\"trace\":".to_vec(), JsonFrames::resource_spans(trace), after, JSON)
        }
        Format::Llm => {
            let body = emit_json::llm_document(&trace, beside.inspected_bytes, beside.message.as_deref())?;
            Ok(with_type(Body::from(body), LLM_V2))
        }
    }
}

/// A v1 answer in protobuf or JSON, in one piece.
pub fn v1_whole(trace: &Arc<Redacted<Assembled>>, is_json: bool) -> Result<Vec<u8>, WireError> {
    if is_json {
        gathered(Vec::new(), JsonFrames::batches(trace.clone()), &[])
    } else {
        Ok(to_protobuf(trace))
    }
}

/// A v2 answer in protobuf or JSON, in one piece.
pub fn v2_whole(
    trace: &Arc<Redacted<Assembled>>,
    beside: &Beside,
    is_json: bool,
) -> Result<Vec<u8>, WireError> {
    if is_json {
        let frames = JsonFrames::resource_spans(trace.clone());
        return gathered(b"{\"trace\":".to_vec(), frames, &json_beside(beside));
    }
    let after = protobuf_beside(beside);
    let mut body = Vec::with_capacity(trace.protobuf_len() + after.len() + 16);
    put_bytes_field(&mut body, trace_by_id::TRACE, &to_protobuf(trace));
    body.extend_from_slice(&after);
    Ok(body)
}

fn gathered(
    mut body: Vec<u8>,
    frames: JsonFrames<Redacted<Assembled>>,
    after: &[u8],
) -> Result<Vec<u8>, WireError> {
    for frame in frames {
        body.extend_from_slice(&frame?);
    }
    body.extend_from_slice(after);
    Ok(body)
}

/// A body that was written before.
pub fn kept(body: Bytes, is_json: bool) -> Response {
    with_type(Body::from(body), if is_json { JSON } else { PROTOBUF })
}

/// The same of what is not assembled here, for another gateway.
pub fn v2_view(trace: &Redacted<Vec<u8>>, beside: &Beside) -> Written {
    let mut body = Vec::with_capacity(trace.len() + 64);
    put_bytes_field(&mut body, trace_by_id::TRACE, trace);
    body.extend_from_slice(&protobuf_beside(beside));
    Written::protobuf(body)
}

fn protobuf_beside(beside: &Beside) -> Vec<u8> {
    let mut after = Vec::new();
    put_message(&mut after, trace_by_id::METRICS, |metrics| {
        if beside.inspected_bytes > 0 {
            put_varint_field(metrics, trace_by_id_metrics::INSPECTED_BYTES, beside.inspected_bytes);
        }
    });
    if let Some(message) = &beside.message {
        put_varint_field(&mut after, trace_by_id::STATUS, trace_by_id::STATUS_PARTIAL);
        put_bytes_field(&mut after, trace_by_id::MESSAGE, message.as_bytes());
    }
    after
}

fn json_beside(beside: &Beside) -> Vec<u8> {
    let mut after = b",\"metrics\":{".to_vec();
    if beside.inspected_bytes > 0 {
        after.extend_from_slice(format!("\"inspectedBytes\":\"{}\"", beside.inspected_bytes).as_bytes());
    }
    after.push(b'}');
    if let Some(message) = &beside.message {
        after.extend_from_slice(b",\"status\":\"PARTIAL\",\"message\":");
        put_string(&mut after, message.as_bytes());
    }
    after.push(b'}');
    after
}

/// The length is known, so the client can tell a whole answer from a broken one.
fn protobuf(before: Vec<u8>, trace: Arc<Redacted<Assembled>>, after: Vec<u8>) -> Response {
    let length = before.len() + trace.protobuf_len() + after.len();
    let ends = |bytes: Vec<u8>| (!bytes.is_empty()).then(|| Bytes::from(bytes));
    let frames = ends(before).into_iter().chain(ProtobufFrames::new(trace)).chain(ends(after));
    let body = Body::from_stream(stream::iter(frames.map(Ok::<_, std::convert::Infallible>)));
    let mut response = with_type(body, PROTOBUF);
    response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    response
}

/// A short answer leaves in one piece with its length, as Tempo's do; a longer one as it is written.
fn json(
    before: Vec<u8>,
    frames: JsonFrames<Redacted<Assembled>>,
    after: Vec<u8>,
    kind: &'static str,
) -> Result<Response, WireError> {
    let ends = |bytes: Vec<u8>| (!bytes.is_empty()).then(|| Ok(Bytes::from(bytes)));
    let mut frames = ends(before).into_iter().chain(frames).chain(ends(after));
    let (mut first, mut length) = (Vec::new(), 0);
    while length < SHORT_BYTES {
        let Some(frame) = frames.next().transpose()? else {
            return Ok(with_type(Body::from(first.concat()), kind));
        };
        length += frame.len();
        first.push(frame);
    }
    let body = Body::from_stream(stream::iter(first.into_iter().map(Ok).chain(frames)));
    Ok(with_type(body, kind))
}

fn with_type(body: Body, kind: &'static str) -> Response {
    ([(header::CONTENT_TYPE, HeaderValue::from_static(kind))], body).into_response()
}
