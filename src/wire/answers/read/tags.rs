//! The four answers about tags. The older ones have neither scopes nor types: their names are told of the
//! span's scope and their values as texts, which is how the older form is written again.

use super::super::tags::{INSPECTED_BYTES, LIST, METRICS, scope, value};
use super::{ReadError, Room, each, number_in, text};
use crate::model::search::Inspected;
use crate::model::tags::{TagNames, TagScope, TagValue, TagValueKind, TagValues};
use crate::wire::protobuf::Field;

const SCOPES: [TagScope; 7] = [
    TagScope::Resource,
    TagScope::Span,
    TagScope::Event,
    TagScope::Link,
    TagScope::Instrumentation,
    TagScope::Intrinsic,
    TagScope::Trace,
];

const KINDS: [TagValueKind; 6] = [
    TagValueKind::Text,
    TagValueKind::Int,
    TagValueKind::Float,
    TagValueKind::Bool,
    TagValueKind::Duration,
    TagValueKind::Keyword,
];

/// `SearchTagsResponse`.
pub fn read_tag_names(bytes: &[u8]) -> Result<TagNames, ReadError> {
    let (names, inspected) = read(bytes, text)?;
    let scopes = if names.is_empty() { Vec::new() } else { vec![(TagScope::Span, names)] };
    Ok(TagNames { scopes, inspected })
}

/// `SearchTagsV2Response`. A scope nobody knows is passed over.
pub fn read_tag_names_v2(bytes: &[u8]) -> Result<TagNames, ReadError> {
    let mut room = Room::new();
    let (scopes, inspected) = read(bytes, |field| {
        let (mut name, mut tags) = (String::new(), Vec::new());
        each(field.bytes()?, |field| {
            match field.number {
                scope::NAME => name = text(field)?,
                scope::TAGS => {
                    room.take()?;
                    tags.push(text(field)?);
                }
                _ => {}
            }
            Ok(())
        })?;
        Ok((name, tags))
    })?;
    let known = scopes.into_iter().filter_map(|(name, mut tags): (String, Vec<String>)| {
        let scope = SCOPES.into_iter().find(|scope| scope.as_str() == name)?;
        tags.sort_unstable();
        tags.dedup();
        Some((scope, tags))
    });
    let mut scopes: Vec<(TagScope, Vec<String>)> = known.filter(|(_, tags)| !tags.is_empty()).collect();
    scopes.sort();
    Ok(TagNames { scopes, inspected })
}

/// `SearchTagValuesResponse`.
pub fn read_tag_values(bytes: &[u8]) -> Result<TagValues, ReadError> {
    let (values, inspected) =
        read(bytes, |field| Ok(TagValue { kind: TagValueKind::Text, value: text(field)? }))?;
    Ok(TagValues { values, inspected })
}

/// `SearchTagValuesV2Response`. A type nobody knows is shown as text.
pub fn read_tag_values_v2(bytes: &[u8]) -> Result<TagValues, ReadError> {
    let (mut values, inspected) = read(bytes, |field| {
        let mut one = TagValue { kind: TagValueKind::Text, value: String::new() };
        each(field.bytes()?, |field| {
            match field.number {
                value::TYPE => {
                    let said = field.bytes()?;
                    let known = KINDS.into_iter().find(|kind| kind.as_str().as_bytes() == said);
                    one.kind = known.unwrap_or(TagValueKind::Text);
                }
                value::VALUE => one.value = text(field)?,
                _ => {}
            }
            Ok(())
        })?;
        Ok(one)
    })?;
    values.sort_unstable();
    Ok(TagValues { values, inspected })
}

fn read<'a, T>(
    bytes: &'a [u8],
    mut item: impl FnMut(&Field<'a>) -> Result<T, ReadError>,
) -> Result<(Vec<T>, Inspected), ReadError> {
    let mut room = Room::new();
    let (mut all, mut inspected) = (Vec::new(), Inspected::default());
    each(bytes, |field| {
        match field.number {
            LIST => {
                room.take()?;
                all.push(item(field)?);
            }
            METRICS => inspected.bytes = number_in(field.bytes()?, INSPECTED_BYTES)?,
            _ => {}
        }
        Ok(())
    })?;
    Ok((all, inspected))
}
