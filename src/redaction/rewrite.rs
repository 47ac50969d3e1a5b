//! Trace bytes through the policy of their region: what is listed is taken away or masked, the rest
//! keeps its bytes. Every span of a region passes here before it meets another region's.

use bytes::Bytes;

use super::seal::{Raw, Redacted};
use crate::model::region::REGION_KEY;
use crate::model::{RegionName, TraceId};
use crate::policy::{KeyRules, RegionPlan, Treatment};
use crate::trace::index::{Chunk, ScanError, scan};
use crate::trace::own_keys::CLOCK_ADJUSTED_MS;
use crate::trace::size::message_bytes;
use crate::trace::span::{has_attribute, without_attributes};
use crate::wire::limits::VALUE_DEPTH_MAX;
use crate::wire::otlp::{
    Value as Added, any_value, entity_ref, event, key_value, link, put_attribute, resource, resource_spans,
    scope, scope_spans, span, status,
};
use crate::wire::protobuf::{Field, Reader, Value, WireError, put_bytes_field, put_message};

/// What a masked value reads as.
pub const MASK: &str = "<redacted>";

/// Says on a span or resource that something of it was treated.
pub const REDACTED_KEY: &str = "tutti.redacted";

/// What a resource cannot say of itself.
const CLAIMS: [&str; 2] = [REGION_KEY, CLOCK_ADJUSTED_MS];

/// Where a part comes from and what applies to it.
#[derive(Debug, Clone, Copy)]
pub struct RegionRules<'a> {
    pub region: &'a RegionName,
    pub plan: &'a RegionPlan,
    pub marks: Marks,
}

/// What the gateway adds to what it lets pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Marks {
    /// The region on each resource; on what was treated, that it was.
    Every,
    /// As before, but the region only where a resource has no attribute at all.
    Bare,
    /// The region alone, as an attribute of each resource like any other: for queries that name it.
    Origin,
    /// Nothing: a query is about what the regions hold, and not about what is said of it on the way.
    None,
}

impl Marks {
    fn says_what_was_treated(self) -> bool {
        matches!(self, Self::Every | Self::Bare)
    }
}

/// A region's part of a trace as the caller may see it.
#[derive(Debug, Clone, Default)]
pub struct View {
    pub chunk: Chunk,
    /// Values that were masked or taken away.
    pub treated: u64,
}

impl View {
    /// Protobuf bytes of what may be seen, without what the gateway adds.
    pub fn bytes(&self) -> u64 {
        let Chunk { spans, scopes, batches, .. } = &self.chunk;
        message_bytes(batches, scopes, spans.iter()) as u64
    }
}

/// Opens what a region sent, checks it, applies the region's plan and marks its origin.
pub fn trace(raw: Raw<Bytes>, id: &TraceId, rules: RegionRules<'_>) -> Result<Redacted<View>, ScanError> {
    let body = raw.open();
    // Looked for once in all bytes, since hardly any span claims it.
    let is_claimed = memchr::memmem::find(&body, REGION_KEY.as_bytes()).is_some();
    // Nothing here knows how to treat a class yet, so nothing of such a region may be seen.
    let body = if matches!(rules.plan, RegionPlan::Ruled(_)) { Bytes::new() } else { body };
    let mut chunk = scan(body, Some(id))?;
    let treated = match rules.plan {
        RegionPlan::Keys(keys) if rules.plan.withholds() => treat(&mut chunk, keys, rules.marks)?,
        RegionPlan::AllowAll | RegionPlan::Keys(_) | RegionPlan::Ruled(_) => 0,
    };
    if rules.marks != Marks::None {
        mark(&mut chunk, rules)?;
        if is_claimed {
            take_claims_off_spans(&mut chunk)?;
        }
    }
    Ok(Redacted::pass(View { chunk, treated }))
}

/// Puts the region's name behind each resource, and takes away a name that came with it: a region
/// cannot say that it is another.
fn mark(chunk: &mut Chunk, rules: RegionRules<'_>) -> Result<(), WireError> {
    let mut name = Vec::new();
    put_attribute(&mut name, resource::ATTRIBUTES, REGION_KEY, Added::String(rules.region.as_str()));
    let mark = chunk.buffer.add(&name)?;
    for batch in &mut chunk.batches {
        let body = chunk.buffer.get(batch.resource);
        if let Some(honest) = without_attributes(body, resource::ATTRIBUTES, &CLAIMS) {
            batch.resource = chunk.buffer.add(&honest)?;
        }
        if rules.marks == Marks::Origin {
            let whole = [chunk.buffer.get(batch.resource), &name].concat();
            batch.resource = chunk.buffer.add(&whole)?;
            continue;
        }
        // A resource with no attribute at all makes Grafana drop its spans.
        let is_bare = !has_attribute(chunk.buffer.get(batch.resource), resource::ATTRIBUTES, |_| true);
        if rules.marks == Marks::Every || is_bare {
            batch.extra = mark;
        }
    }
    Ok(())
}

/// Without a scope, a span's own attribute would be found before its resource's.
fn take_claims_off_spans(chunk: &mut Chunk) -> Result<(), WireError> {
    for span in &mut chunk.spans {
        let body = chunk.buffer.get(span.body);
        if let Some(honest) = without_attributes(body, span::ATTRIBUTES, &[REGION_KEY]) {
            span.body = chunk.buffer.add(&honest)?;
        }
    }
    Ok(())
}

/// The key of an attribute; of several, the last, as a decoder takes it.
fn key_of(pair: &[u8]) -> &[u8] {
    crate::trace::span::bytes_field(pair, key_value::KEY)
}

/// Applies key rules to every place of a chunk that has attributes.
fn treat(chunk: &mut Chunk, keys: &KeyRules, marks: Marks) -> Result<u64, WireError> {
    let mut treatment = Treat { keys, path: Vec::new(), count: 0 };
    let say_treated = |body: &mut Vec<u8>, attributes| {
        if marks.says_what_was_treated() {
            say_treated(body, attributes);
        }
    };
    for batch in &mut chunk.batches {
        if let Some(mut body) = treatment.message(chunk.buffer.get(batch.resource), &RESOURCE) {
            say_treated(&mut body, resource::ATTRIBUTES);
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
            say_treated(&mut body, span::ATTRIBUTES);
            span.body = chunk.buffer.add(&body)?;
        }
    }
    Ok(treatment.count)
}

fn say_treated(body: &mut Vec<u8>, attributes: u32) {
    if let Some(honest) = without_attributes(body, attributes, &[REDACTED_KEY]) {
        *body = honest;
    }
    put_attribute(body, attributes, REDACTED_KEY, Added::Bool(true));
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

fn has_several_values(pair: &[u8]) -> bool {
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
