//! Listed keys alone: an attribute by its key is masked or taken away, in every place that has attributes. What is
//! not listed is kept as it is, and fields that are not known do not pass.

use super::engine::Treated;
use super::rewrite::{Marks, say_treated};
use crate::policy::{KeyRules, Treatment};
use crate::trace::index::Chunk;
use crate::wire::limits::VALUE_DEPTH_MAX;
use crate::wire::otlp::{
    any_value, entity_ref, event, key_value, link, resource, resource_spans, scope, scope_spans, span, status,
};
use crate::wire::protobuf::{Field, Reader, Value, WireError, put_bytes_field, put_message};

/// What a value under a listed key reads as.
pub const MASK: &str = "<redacted>";

/// Applies key rules to every place of a chunk that has attributes.
pub(super) fn treat(chunk: &mut Chunk, keys: &KeyRules, marks: Marks) -> Result<Treated, WireError> {
    let mut treatment = Treat { keys, path: Vec::new(), count: 0 };
    for batch in &mut chunk.batches {
        if let Some(mut body) = treatment.message(chunk.buffer.get(batch.resource), &RESOURCE) {
            say_treated(&mut body, resource::ATTRIBUTES, marks);
            batch.resource = chunk.buffer.add(&body)?;
        }
        if let Some(tail) = treatment.message(chunk.buffer.get(batch.tail), &BATCH_TAIL) {
            batch.tail = chunk.buffer.add(&tail)?;
        }
    }
    for scope in &mut chunk.scopes {
        if let Some(body) = treatment.message(chunk.buffer.get(scope.scope), &SCOPE) {
            scope.scope = chunk.buffer.add(&body)?;
        }
        if let Some(tail) = treatment.message(chunk.buffer.get(scope.tail), &SCOPE_TAIL) {
            scope.tail = chunk.buffer.add(&tail)?;
        }
    }
    for span in &mut chunk.spans {
        if let Some(mut body) = treatment.message(chunk.buffer.get(span.body), &SPAN) {
            say_treated(&mut body, span::ATTRIBUTES, marks);
            span.body = chunk.buffer.add(&body)?;
        }
    }
    Ok(Treated { total: treatment.count, by_class: Vec::new() })
}

/// Where a message may have attributes, and which of its fields are known. A field that is not may hold
/// anything, so where something may be withheld it does not pass.
struct Shape {
    attributes: Option<u32>,
    last_known: u32,
    nested: &'static [(u32, Self)],
}

impl Shape {
    const fn of(attributes: u32, last_known: u32) -> Self {
        Self { attributes: Some(attributes), last_known, nested: &[] }
    }

    const fn without_attributes(last_known: u32) -> Self {
        Self { attributes: None, last_known, nested: &[] }
    }
}

const RESOURCE: Shape = Shape {
    nested: &[(resource::ENTITY_REFS, Shape::without_attributes(entity_ref::DESCRIPTION_KEYS))],
    ..Shape::of(resource::ATTRIBUTES, resource::ENTITY_REFS)
};
const BATCH_TAIL: Shape = Shape::without_attributes(resource_spans::SCHEMA_URL);
const SCOPE: Shape = Shape::of(scope::ATTRIBUTES, scope::DROPPED_ATTRIBUTES_COUNT);
const SCOPE_TAIL: Shape = Shape::without_attributes(scope_spans::SCHEMA_URL);
const SPAN: Shape = Shape {
    nested: &[
        (span::EVENTS, Shape::of(event::ATTRIBUTES, event::DROPPED_ATTRIBUTES_COUNT)),
        (span::LINKS, Shape::of(link::ATTRIBUTES, link::FLAGS)),
        (span::STATUS, Shape::without_attributes(status::CODE)),
    ],
    ..Shape::of(span::ATTRIBUTES, span::FLAGS)
};

struct Treat<'a> {
    keys: &'a KeyRules,
    /// Dotted path of the key-value list that is being read: `user` holding `email` is `user.email`.
    path: Vec<u8>,
    count: u64,
}

/// What becomes of one attribute.
enum Fate {
    Keep,
    Drop,
    Becomes(Vec<u8>),
}

impl Fate {
    /// Lets it befall a field of `message`. What is written begins with the first change.
    fn befall(self, message: &[u8], field: &Field<'_>, out: &mut Option<Vec<u8>>) {
        let before = || message.get(..field.start).unwrap_or_default().to_vec();
        match self {
            Self::Keep => {
                if let Some(out) = out {
                    out.extend_from_slice(message.get(field.start..field.end).unwrap_or_default());
                }
            }
            Self::Drop => {
                out.get_or_insert_with(before);
            }
            Self::Becomes(bytes) => put_bytes_field(out.get_or_insert_with(before), field.number, &bytes),
        }
    }
}

impl Treat<'_> {
    /// A message with its attributes treated; `None` where nothing is listed.
    fn message(&mut self, body: &[u8], shape: &Shape) -> Option<Vec<u8>> {
        let mut out: Option<Vec<u8>> = None;
        let mut reader = Reader::new(body);
        while let Ok(Some(field)) = reader.next() {
            let nested = || shape.nested.iter().find(|(number, _)| *number == field.number);
            let fate = match field.value {
                _ if field.number > shape.last_known => self.unknown(),
                Value::Bytes(pair) if shape.attributes == Some(field.number) => {
                    self.pair(pair, VALUE_DEPTH_MAX)
                }
                Value::Bytes(inner) => nested()
                    .and_then(|(_, shape)| self.message(inner, shape))
                    .map_or(Fate::Keep, Fate::Becomes),
                _ => Fate::Keep,
            };
            fate.befall(body, &field, &mut out);
        }
        out
    }

    /// What becomes of a field that is not known.
    fn unknown(&mut self) -> Fate {
        self.count += 1;
        Fate::Drop
    }

    fn pair(&mut self, pair: &[u8], depth: usize) -> Fate {
        let key = key_of(pair);
        let before = self.path.len();
        if before > 0 {
            self.path.push(b'.');
        }
        self.path.extend_from_slice(key);
        let treatment = self.keys.treatment(key).or_else(|| self.keys.treatment(&self.path));
        let fate = match treatment {
            Some(Treatment::Drop) => {
                self.count += 1;
                Fate::Drop
            }
            Some(Treatment::Mask) => {
                self.count += 1;
                Fate::Becomes(masked(key))
            }
            None if has_several_values(pair) => {
                // Decoders disagree on what such a pair says, so it cannot be decided: withhold it.
                self.count += 1;
                Fate::Becomes(masked(key))
            }
            None => self.value_of(pair, key, depth),
        };
        self.path.truncate(before);
        fate
    }

    /// An attribute that is not listed itself may hold key-value lists whose keys are.
    fn value_of(&mut self, pair: &[u8], key: &[u8], depth: usize) -> Fate {
        let any = crate::trace::span::bytes_field(pair, key_value::VALUE);
        let treated = self.any(any, depth);
        let has_unknown = has_field(pair, |number| number > key_value::KEY_STRINDEX);
        if treated.is_none() && !has_unknown {
            return Fate::Keep;
        }
        self.count += u64::from(has_unknown);
        let mut out = Vec::with_capacity(pair.len());
        put_bytes_field(&mut out, key_value::KEY, key);
        put_bytes_field(&mut out, key_value::VALUE, treated.as_deref().unwrap_or(any));
        Fate::Becomes(out)
    }

    fn any(&mut self, any: &[u8], depth: usize) -> Option<Vec<u8>> {
        let depth = depth.checked_sub(1)?;
        let mut out: Option<Vec<u8>> = None;
        let mut reader = Reader::new(any);
        while let Ok(Some(field)) = reader.next() {
            let fate = match (field.number, field.value) {
                (any_value::ARRAY | any_value::KVLIST, Value::Bytes(list)) => self
                    .list(list, depth, field.number == any_value::KVLIST)
                    .map_or(Fate::Keep, Fate::Becomes),
                (number, _) if number > any_value::STRING_STRINDEX => self.unknown(),
                _ => Fate::Keep,
            };
            fate.befall(any, &field, &mut out);
        }
        out
    }

    fn list(&mut self, list: &[u8], depth: usize, is_pairs: bool) -> Option<Vec<u8>> {
        let mut out: Option<Vec<u8>> = None;
        let mut reader = Reader::new(list);
        while let Ok(Some(field)) = reader.next() {
            let fate = match field.value {
                Value::Bytes(item) if field.number == 1 && is_pairs => self.pair(item, depth),
                Value::Bytes(item) if field.number == 1 => {
                    self.any(item, depth).map_or(Fate::Keep, Fate::Becomes)
                }
                _ => self.unknown(),
            };
            fate.befall(list, &field, &mut out);
        }
        out
    }
}

fn has_field(message: &[u8], wanted: impl Fn(u32) -> bool) -> bool {
    let mut reader = Reader::new(message);
    while let Ok(Some(field)) = reader.next() {
        if wanted(field.number) {
            return true;
        }
    }
    false
}

pub(super) fn has_several_values(pair: &[u8]) -> bool {
    let mut values = 0;
    let mut reader = Reader::new(pair);
    while let Ok(Some(field)) = reader.next() {
        values += usize::from(field.number == key_value::VALUE);
    }
    values > 1
}

fn masked(key: &[u8]) -> Vec<u8> {
    let mut pair = Vec::with_capacity(key.len() + MASK.len() + 8);
    put_bytes_field(&mut pair, key_value::KEY, key);
    put_message(&mut pair, key_value::VALUE, |any| put_bytes_field(any, any_value::STRING, MASK.as_bytes()));
    pair
}

/// The key of an attribute; of several, the last, as a decoder takes it.
fn key_of(pair: &[u8]) -> &[u8] {
    crate::trace::span::bytes_field(pair, key_value::KEY)
}
