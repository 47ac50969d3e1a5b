//! Resources, scopes, and what stands beside them.

use super::fields::{Message, Repeated};
use super::number::put_uint;
use super::text::put_string;
use super::value::{put_attributes, put_list};
use super::view::{EntityRef, Resource, Scope};
use super::{all_or_nothing, close};
use crate::wire::otlp::{resource_spans, scope_spans};
use crate::wire::protobuf::{Reader, WireError};

/// Writes a `Resource`. `extra` holds further fields of it, read after `body`.
pub fn put_resource(out: &mut Vec<u8>, body: &[u8], extra: &[u8]) -> Result<(), WireError> {
    all_or_nothing(out, |out| {
        let resource = Resource::read(Message::new(body, extra))?;
        let mark = out.len();
        put_attributes(out, &resource.attributes)?;
        put_count(out, b",\"droppedAttributesCount\":", resource.dropped_attributes);
        if !resource.entity_refs.is_empty() {
            out.extend_from_slice(b",\"entityRefs\":");
            put_list(out, &resource.entity_refs, put_entity_ref)?;
        }
        close(out, mark, b'{', b'}');
        Ok(())
    })
}

/// Writes an `InstrumentationScope`.
pub fn put_scope(out: &mut Vec<u8>, body: &[u8]) -> Result<(), WireError> {
    all_or_nothing(out, |out| {
        let scope = Scope::read(Message::from(body))?;
        let mark = out.len();
        put_text(out, b",\"name\":", scope.name);
        put_text(out, b",\"version\":", scope.version);
        put_attributes(out, &scope.attributes)?;
        put_count(out, b",\"droppedAttributesCount\":", scope.dropped_attributes);
        close(out, mark, b'{', b'}');
        Ok(())
    })
}

/// Writes `,"schemaUrl":"…"` when `tail` has one: the fields of a `ResourceSpans` or `ScopeSpans`, of which
/// resource, scope and spans are passed over, for whoever holds the index has written them.
pub fn put_schema_url_of(out: &mut Vec<u8>, tail: &[u8]) -> Result<(), WireError> {
    const { assert!(resource_spans::SCHEMA_URL == scope_spans::SCHEMA_URL) };
    let mut url: &[u8] = &[];
    let mut reader = Reader::new(tail);
    while let Some(field) = reader.next()? {
        if field.number == resource_spans::SCHEMA_URL {
            url = field.bytes()?;
        }
    }
    put_text(out, b",\"schemaUrl\":", url);
    Ok(())
}

fn put_entity_ref(out: &mut Vec<u8>, body: &[u8]) -> Result<(), WireError> {
    let entity = EntityRef::read(body)?;
    let mark = out.len();
    put_text(out, b",\"schemaUrl\":", entity.schema_url);
    put_text(out, b",\"type\":", entity.kind);
    put_strings(out, b",\"idKeys\":", &entity.id_keys)?;
    put_strings(out, b",\"descriptionKeys\":", &entity.description_keys)?;
    close(out, mark, b'{', b'}');
    Ok(())
}

fn put_strings(out: &mut Vec<u8>, name: &[u8], strings: &Repeated<'_>) -> Result<(), WireError> {
    if strings.is_empty() {
        return Ok(());
    }
    out.extend_from_slice(name);
    put_list(out, strings, |out, text| {
        put_string(out, text);
        Ok(())
    })
}

/// Writes a member whose name comes with its comma and colon, unless it is empty.
#[inline]
pub(super) fn put_text(out: &mut Vec<u8>, name: &[u8], text: &[u8]) {
    if !text.is_empty() {
        out.extend_from_slice(name);
        put_string(out, text);
    }
}

/// Writes a 32-bit member, unless it is zero.
#[inline]
pub(super) fn put_count(out: &mut Vec<u8>, name: &[u8], count: u32) {
    if count != 0 {
        out.extend_from_slice(name);
        put_uint(out, u64::from(count));
    }
}
