//! Whole documents around the writers, as a holder of an index would write them.

use crate::wire::json::llm::{self, Outcome};
use crate::wire::json::{Message, put_resource, put_schema_url_of, put_scope, put_span};
use crate::wire::otlp::{resource_spans, scope_spans, trace};
use crate::wire::protobuf::{Reader, WireError, put_bytes_field};

/// The bodies of every field `number`.
pub(super) fn bodies(message: &[u8], number: u32) -> Result<Vec<&[u8]>, WireError> {
    let mut reader = Reader::new(message);
    let mut found = Vec::new();
    while let Some(field) = reader.next()? {
        if field.number == number {
            found.push(field.bytes()?);
        }
    }
    Ok(found)
}

/// A message in two, at a border of its fields, so that `extra` is used.
fn halves(message: &[u8]) -> Result<(&[u8], &[u8]), WireError> {
    let mut reader = Reader::new(message);
    let mut borders = vec![0];
    while reader.next()?.is_some() {
        borders.push(reader.position());
    }
    Ok(message.split_at(borders[borders.len() / 2]))
}

fn join(out: &mut Vec<u8>, first: bool) {
    if !first {
        out.push(b',');
    }
}

/// `{"resourceSpans":[…]}` of a `Trace`.
pub(super) fn document(bytes: &[u8]) -> Result<String, WireError> {
    let mut out = Vec::from(b"{");
    for (index, body) in bodies(bytes, trace::RESOURCE_SPANS)?.into_iter().enumerate() {
        out.extend_from_slice(if index == 0 { b"\"resourceSpans\":[" } else { b"," });
        put_resource_spans(&mut out, body)?;
    }
    out.extend_from_slice(if out.len() > 1 { b"]}" } else { b"}" });
    Ok(String::from_utf8(out).expect("what is written is UTF-8"))
}

fn put_resource_spans(out: &mut Vec<u8>, body: &[u8]) -> Result<(), WireError> {
    out.push(b'{');
    let mark = out.len();
    let pieces = bodies(body, resource_spans::RESOURCE)?;
    if let Some((first, more)) = pieces.split_first() {
        out.extend_from_slice(b"\"resource\":");
        put_resource(out, first, &more.concat())?;
    }
    for (index, scope) in bodies(body, resource_spans::SCOPE_SPANS)?.into_iter().enumerate() {
        join(out, out.len() == mark);
        if index == 0 {
            out.extend_from_slice(b"\"scopeSpans\":[");
        }
        put_scope_spans(out, scope)?;
    }
    end(out, mark, body, resource_spans::SCOPE_SPANS)
}

fn put_scope_spans(out: &mut Vec<u8>, body: &[u8]) -> Result<(), WireError> {
    out.push(b'{');
    let mark = out.len();
    let pieces = bodies(body, scope_spans::SCOPE)?;
    if !pieces.is_empty() {
        out.extend_from_slice(b"\"scope\":");
        put_scope(out, &pieces.concat())?;
    }
    for (index, span) in bodies(body, scope_spans::SPANS)?.into_iter().enumerate() {
        join(out, out.len() == mark);
        if index == 0 {
            out.extend_from_slice(b"\"spans\":[");
        }
        let (body, extra) = halves(span)?;
        put_span(out, body, extra)?;
    }
    end(out, mark, body, scope_spans::SPANS)
}

/// Ends the list of `number` if there was one, and the object with its schema address.
fn end(out: &mut Vec<u8>, mark: usize, body: &[u8], number: u32) -> Result<(), WireError> {
    if !bodies(body, number)?.is_empty() {
        out.push(b']');
    }
    let before = out.len();
    put_schema_url_of(out, body)?;
    if before == mark && out.len() > before {
        out.remove(before);
    }
    out.push(b'}');
    Ok(())
}

/// The document for language models of a `Trace`.
pub(super) fn llm_document(bytes: &[u8], outcome: Outcome<'_>) -> Result<String, WireError> {
    let mut joined = Vec::new();
    for resource in bodies(bytes, trace::RESOURCE_SPANS)? {
        let scopes = bodies(resource, resource_spans::SCOPE_SPANS)?;
        let scopes = scopes.into_iter().map(|body| Ok((bodies(body, scope_spans::SCOPE)?.concat(), body)));
        let scopes = scopes.collect::<Result<Vec<_>, WireError>>()?;
        joined.push((bodies(resource, resource_spans::RESOURCE)?.concat(), scopes));
    }
    let mut tree = Vec::new();
    for (resource, scopes) in &joined {
        let mut entry = llm::ResourceSpans { resource: resource.as_slice().into(), scopes: Vec::new() };
        for (scope, body) in scopes {
            let mut spans = Vec::new();
            for span in bodies(body, scope_spans::SPANS)? {
                let (body, extra) = halves(span)?;
                spans.push(Message::new(body, extra));
            }
            entry.scopes.push(llm::ScopeSpans { scope: scope.as_slice().into(), spans });
        }
        tree.push(entry);
    }
    let mut out = Vec::new();
    llm::put_answer(&mut out, &tree, outcome)?;
    Ok(String::from_utf8(out).expect("what is written is UTF-8"))
}

/// `body` as field `number` of a message.
pub(super) fn field(number: u32, body: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    put_bytes_field(&mut out, number, body);
    out
}

pub(super) fn span_json(body: &[u8]) -> Result<String, WireError> {
    let mut out = Vec::new();
    put_span(&mut out, body, &[])?;
    Ok(String::from_utf8(out).expect("what is written is UTF-8"))
}

pub(super) fn llm_span_json(body: &[u8]) -> Result<String, WireError> {
    let mut out = Vec::new();
    llm::put_span(&mut out, body, &[])?;
    Ok(String::from_utf8(out).expect("what is written is UTF-8"))
}
