//! One region's part of a trace: its bytes, and an index of where everything lies.
//!
//! The scan walks every field once, in whatever order it comes, and checks what it walks over: bytes
//! that pass are safe to slice, to join with another region's and to write out.

use bytes::Bytes;

use super::span::key_and_value;
use crate::model::TraceId;
use crate::model::region::REPLICA_KEY;
use crate::wire::check;
use crate::wire::otlp::{
    any_value, event, link, resource as otlp_resource, resource_spans, scope_spans, span, status, trace,
};
use crate::wire::protobuf::{Field, Reader, Value, WireError};

/// A place in a chunk's bytes: in the body, or behind it in the arena.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Extent {
    pub(super) start: u32,
    pub(super) len: u32,
}

/// What a region sent, and beside it the arena: messages that were rewritten or added. Both share one
/// address space, the arena's addresses following the body's.
#[derive(Debug, Clone, Default)]
pub struct Buffer {
    body: Bytes,
    arena: Vec<u8>,
}

/// One `ResourceSpans`.
#[derive(Debug, Clone, Copy, Default)]
pub struct Batch {
    pub resource: Extent,
    /// Fields of the resource that follow it: what the gateway adds.
    pub extra: Extent,
    /// The fields that are neither resource nor scopes (the schema URL).
    pub tail: Extent,
    pub chunk: u16,
    /// Whether its resource says that these spans are copies of what another region has.
    pub is_copy: bool,
}

/// One `ScopeSpans`.
#[derive(Debug, Clone, Copy, Default)]
pub struct Scope {
    pub scope: Extent,
    pub tail: Extent,
    pub batch: u32,
}

/// One span: what merging, ordering and the tree need to know, and where the rest lies.
#[derive(Debug, Clone, Copy)]
pub struct Span {
    pub body: Extent,
    pub scope: u32,
    /// Fields that follow the body, as an index into the extras of the join; 0 is none.
    pub extra: u32,
    pub chunk: u16,
    /// `SpanKind`; numbers beyond a byte are all 255.
    pub kind: u8,
    pub flags: Flags,
    /// Big-endian number of the id's eight bytes, or a hash of an id of another length.
    pub id: u64,
    pub parent: u64,
    pub start: u64,
    pub end: u64,
}

/// Facts about a span in one byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Flags(u8);

impl Flags {
    /// The id is not eight non-zero bytes: only equal bytes make such spans the same.
    pub const ODD_ID: Self = Self(1);
    pub const HAS_PARENT: Self = Self(2);
    pub const HAS_STATUS: Self = Self(4);
    pub const IS_ERROR: Self = Self(8);
    /// Events or links are not in canonical order.
    pub const UNSORTED: Self = Self(16);
    /// The status has a code that is neither 0 nor an error.
    pub const OTHER_STATUS: Self = Self(32);

    pub fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    pub fn set(&mut self, other: Self) {
        self.0 |= other.0;
    }

    pub fn clear(&mut self, other: Self) {
        self.0 &= !other.0;
    }
}

/// A scanned part of a trace.
#[derive(Debug, Clone, Default)]
pub struct Chunk {
    pub buffer: Buffer,
    pub batches: Vec<Batch>,
    pub scopes: Vec<Scope>,
    pub spans: Vec<Span>,
}

/// Why bytes are no part of this trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ScanError {
    #[error("the bytes are no trace: {0}")]
    Wire(#[from] WireError),
    #[error("a span belongs to another trace")]
    OtherTrace,
}

impl Extent {
    pub fn is_empty(self) -> bool {
        self.len == 0
    }

    pub fn len(self) -> usize {
        self.len as usize
    }
}

impl Buffer {
    fn of(body: Bytes) -> Result<Self, WireError> {
        // Half the address space is left for the arena.
        if body.len() > (u32::MAX / 2) as usize {
            return Err(WireError::TooLarge);
        }
        Ok(Self { body, arena: Vec::new() })
    }

    /// Bytes of memory that it holds, whatever of them is part of anything.
    pub fn held_bytes(&self) -> usize {
        self.body.len() + self.arena.capacity()
    }

    pub fn get(&self, extent: Extent) -> &[u8] {
        let (start, len) = (extent.start as usize, extent.len as usize);
        let found = match start.checked_sub(self.body.len()) {
            None => self.body.get(start..start + len),
            Some(start) => self.arena.get(start..start + len),
        };
        debug_assert!(found.is_some(), "an extent lies outside its buffer");
        found.unwrap_or_default()
    }

    /// The same bytes without a copy, where they lie in the body.
    pub fn share(&self, extent: Extent) -> Option<Bytes> {
        let (start, len) = (extent.start as usize, extent.len as usize);
        let end = start.checked_add(len)?;
        (end <= self.body.len()).then(|| self.body.slice(start..end))
    }

    /// Puts new bytes into the arena.
    pub fn add(&mut self, bytes: &[u8]) -> Result<Extent, WireError> {
        let start = u32::try_from(self.body.len() + self.arena.len()).map_err(|_| WireError::TooLarge)?;
        let len = u32::try_from(bytes.len()).map_err(|_| WireError::TooLarge)?;
        start.checked_add(len).ok_or(WireError::TooLarge)?;
        self.arena.extend_from_slice(bytes);
        Ok(Extent { start, len })
    }
}

/// Room is made for spans at least this large; smaller ones make the index grow once or twice. Room that
/// is not used is never touched, so it costs addresses and no memory.
const SPAN_BYTES_USUAL: usize = 512;
const BATCH_BYTES_USUAL: usize = 2048;

/// An empty message takes two bytes of a body and some sixty of its index. So a body may hold this many spans,
/// scopes and batches, and beyond that no more than one for each so many bytes: a span with its ids alone takes
/// thirty.
const MESSAGES_FREE: usize = 1 << 20;
const MESSAGE_BYTES_LEAST: usize = 8;

/// Scans a protobuf `Trace`. With an `id`, a span of another trace makes the bytes a lie.
pub fn scan(body: Bytes, id: Option<&TraceId>) -> Result<Chunk, ScanError> {
    let mut scan = Scan {
        id,
        messages_left: MESSAGES_FREE + body.len() / MESSAGE_BYTES_LEAST,
        // Looked for once in all bytes, since hardly any resource says it.
        may_hold_copies: memchr::memmem::find(&body, REPLICA_KEY.as_bytes()).is_some(),
        chunk: Chunk {
            buffer: Buffer::of(body.clone())?,
            batches: Vec::with_capacity(body.len() / BATCH_BYTES_USUAL + 1),
            scopes: Vec::with_capacity(body.len() / BATCH_BYTES_USUAL + 1),
            spans: Vec::with_capacity(body.len() / SPAN_BYTES_USUAL + 1),
        },
    };
    let mut reader = Reader::new(&body);
    while let Some(field) = reader.next()? {
        if field.number == trace::RESOURCE_SPANS {
            scan.batch(field.bytes()?, field.value_start)?;
        }
    }
    Ok(scan.chunk)
}

struct Scan<'id> {
    id: Option<&'id TraceId>,
    messages_left: usize,
    may_hold_copies: bool,
    chunk: Chunk,
}

impl Scan<'_> {
    fn count_message(&mut self) -> Result<(), WireError> {
        self.messages_left = self.messages_left.checked_sub(1).ok_or(WireError::TooLarge)?;
        Ok(())
    }

    fn batch(&mut self, body: &[u8], base: usize) -> Result<(), ScanError> {
        self.count_message()?;
        let index = u32::try_from(self.chunk.batches.len()).map_err(|_| WireError::TooLarge)?;
        let mut resource = Pieces::default();
        let mut tail = Pieces::default();
        let mut reader = Reader::new(body);
        while let Some(field) = reader.next()? {
            match field.number {
                resource_spans::RESOURCE => {
                    check::resource(field.bytes()?)?;
                    resource.push_value(&field, base);
                }
                resource_spans::SCOPE_SPANS => self.scope(field.bytes()?, base + field.value_start, index)?,
                resource_spans::SCHEMA_URL => {
                    field.bytes()?;
                    tail.push_field(&field, base);
                }
                _ => tail.push_field(&field, base),
            }
        }
        let resource = resource.extent(&mut self.chunk.buffer)?;
        let tail = tail.extent(&mut self.chunk.buffer)?;
        let is_copy = self.may_hold_copies && says_copy(self.chunk.buffer.get(resource));
        self.chunk.batches.push(Batch { resource, extra: Extent::default(), tail, chunk: 0, is_copy });
        Ok(())
    }

    fn scope(&mut self, body: &[u8], base: usize, batch: u32) -> Result<(), ScanError> {
        self.count_message()?;
        let index = u32::try_from(self.chunk.scopes.len()).map_err(|_| WireError::TooLarge)?;
        let mut own = Pieces::default();
        let mut tail = Pieces::default();
        let mut reader = Reader::new(body);
        while let Some(field) = reader.next()? {
            match field.number {
                scope_spans::SCOPE => {
                    check::scope(field.bytes()?)?;
                    own.push_value(&field, base);
                }
                scope_spans::SPANS => {
                    self.count_message()?;
                    let span = span_of(field.bytes()?, base + field.value_start, index, self.id)?;
                    self.chunk.spans.push(span);
                }
                scope_spans::SCHEMA_URL => {
                    field.bytes()?;
                    tail.push_field(&field, base);
                }
                _ => tail.push_field(&field, base),
            }
        }
        let scope = own.extent(&mut self.chunk.buffer)?;
        let tail = tail.extent(&mut self.chunk.buffer)?;
        self.chunk.scopes.push(Scope { scope, tail, batch });
        Ok(())
    }
}

/// Whether a resource marks its spans as copies. The word counts as much as the flag: what is set by the
/// environment of an exporter is text.
fn says_copy(resource: &[u8]) -> bool {
    let mut is_copy = false;
    let mut reader = Reader::new(resource);
    while let Ok(Some(field)) = reader.next() {
        if field.number != otlp_resource::ATTRIBUTES {
            continue;
        }
        let (key, any) = key_and_value(field.bytes().unwrap_or_default());
        if key == REPLICA_KEY.as_bytes() {
            is_copy = is_true(any);
        }
    }
    is_copy
}

fn is_true(any: &[u8]) -> bool {
    let mut is_true = false;
    let mut reader = Reader::new(any);
    while let Ok(Some(field)) = reader.next() {
        match (field.number, field.value) {
            (any_value::BOOL, Value::Varint(flag)) => is_true = flag != 0,
            (any_value::STRING, Value::Bytes(text)) => is_true = text == b"true",
            (any_value::STRING..=any_value::BYTES, _) => is_true = false,
            _ => {}
        }
    }
    is_true
}

/// Parts of one message that may lie apart on the wire. Nearly always there is one part, which then
/// needs no copy.
#[derive(Default)]
struct Pieces {
    first: Extent,
    rest: Vec<Extent>,
}

impl Pieces {
    fn push_value(&mut self, field: &Field<'_>, base: usize) {
        self.push(base + field.value_start, base + field.end);
    }

    fn push_field(&mut self, field: &Field<'_>, base: usize) {
        self.push(base + field.start, base + field.end);
    }

    fn push(&mut self, start: usize, end: usize) {
        let extent = Extent { start: start as u32, len: (end - start) as u32 };
        if self.first.is_empty() {
            self.first = extent;
        } else if self.rest.is_empty() && self.first.start + self.first.len == extent.start {
            self.first.len += extent.len;
        } else if !extent.is_empty() {
            self.rest.push(extent);
        }
    }

    fn extent(self, buffer: &mut Buffer) -> Result<Extent, WireError> {
        if self.rest.is_empty() {
            return Ok(self.first);
        }
        let mut joined = buffer.get(self.first).to_vec();
        for piece in self.rest {
            joined.extend_from_slice(buffer.get(piece));
        }
        buffer.add(&joined)
    }
}

/// Reads the one span whose body lies at `base` of its buffer.
pub(super) fn span_of(body: &[u8], base: usize, scope: u32, id: Option<&TraceId>) -> Result<Span, ScanError> {
    let mut found = Span {
        body: Extent { start: base as u32, len: body.len() as u32 },
        scope,
        extra: 0,
        chunk: 0,
        kind: 0,
        flags: Flags::ODD_ID,
        id: 0,
        parent: 0,
        start: 0,
        end: 0,
    };
    let mut events = Order::default();
    let mut links = Order::default();
    let mut reader = Reader::new(body);
    leading_fields(&mut reader, &mut found, id)?;
    while let Some(field) = reader.next()? {
        match field.number {
            span::TRACE_ID => {
                let wire = field.bytes()?;
                if wire.len() == 16 && id.is_some_and(|id| id.as_bytes() != wire) {
                    return Err(ScanError::OtherTrace);
                }
            }
            span::SPAN_ID => {
                let (id, is_odd) = id_number(field.bytes()?);
                found.id = id;
                if is_odd { found.flags.set(Flags::ODD_ID) } else { found.flags.clear(Flags::ODD_ID) }
            }
            span::PARENT_SPAN_ID => {
                let wire = field.bytes()?;
                found.parent = id_number(wire).0;
                // All zeros is how some exporters write "none".
                if wire.iter().any(|byte| *byte != 0) {
                    found.flags.set(Flags::HAS_PARENT);
                } else {
                    found.flags.clear(Flags::HAS_PARENT);
                }
            }
            span::NAME | span::TRACE_STATE => {
                field.bytes()?;
            }
            span::KIND => found.kind = u8::try_from(field.varint()?).unwrap_or(u8::MAX),
            span::START_TIME => found.start = field.fixed64()?,
            span::END_TIME => found.end = field.fixed64()?,
            span::ATTRIBUTES => {
                check::key_value(field.bytes()?)?;
                attributes(&mut reader)?;
            }
            span::EVENTS => events.next(event_key(field.bytes()?)?),
            span::LINKS => links.next(link_key(field.bytes()?)?),
            span::DROPPED_ATTRIBUTES_COUNT | span::DROPPED_EVENTS_COUNT | span::DROPPED_LINKS_COUNT => {
                field.varint()?;
            }
            span::FLAGS => {
                field.fixed32()?;
            }
            span::STATUS => {
                found.flags.set(Flags::HAS_STATUS);
                // A message that is given twice is merged: the last code counts.
                if let Some(code) = status_code(field.bytes()?)? {
                    found.flags.clear(Flags::IS_ERROR);
                    found.flags.clear(Flags::OTHER_STATUS);
                    match code {
                        0 => {}
                        status::CODE_ERROR => found.flags.set(Flags::IS_ERROR),
                        _ => found.flags.set(Flags::OTHER_STATUS),
                    }
                }
            }
            _ => {}
        }
    }
    if events.is_broken || links.is_broken {
        found.flags.set(Flags::UNSORTED);
    }
    Ok(found)
}

/// Tags of a span's first fields, as one byte each.
mod tag {
    use crate::wire::otlp::span;

    const fn bytes(number: u32) -> u8 {
        ((number << 3) | 2) as u8
    }

    pub const TRACE_ID: u8 = bytes(span::TRACE_ID);
    pub const SPAN_ID: u8 = bytes(span::SPAN_ID);
    pub const PARENT: u8 = bytes(span::PARENT_SPAN_ID);
    pub const NAME: u8 = bytes(span::NAME);
    pub const KIND: u8 = (span::KIND << 3) as u8;
    pub const START: u8 = ((span::START_TIME << 3) | 1) as u8;
    pub const END: u8 = ((span::END_TIME << 3) | 1) as u8;
    pub const ATTRIBUTES: u8 = bytes(span::ATTRIBUTES);
}

/// Reads the fields that nearly every span begins with, in the order of their numbers, in straight line.
/// Stops at the first that is otherwise; the caller goes on from there by number.
#[inline(always)]
fn leading_fields(reader: &mut Reader<'_>, found: &mut Span, id: Option<&TraceId>) -> Result<(), ScanError> {
    if let Some(wire) = reader.take_array::<16>(tag::TRACE_ID)
        && id.is_some_and(|id| *id.as_bytes() != wire)
    {
        return Err(ScanError::OtherTrace);
    }
    if let Some(wire) = reader.take_array::<8>(tag::SPAN_ID) {
        found.id = u64::from_be_bytes(wire);
        if found.id != 0 {
            found.flags.clear(Flags::ODD_ID);
        }
    }
    if let Some(wire) = reader.take_array::<8>(tag::PARENT) {
        found.parent = u64::from_be_bytes(wire);
        if found.parent != 0 {
            found.flags.set(Flags::HAS_PARENT);
        }
    }
    reader.take_short(tag::NAME);
    if let Some(kind) = reader.take_small(tag::KIND) {
        found.kind = kind;
    }
    if let Some(start) = reader.take_fixed64(tag::START) {
        found.start = start;
    }
    if let Some(end) = reader.take_fixed64(tag::END) {
        found.end = end;
    }
    attributes(reader)
}

/// Checks a run of short attributes.
#[inline(always)]
fn attributes(reader: &mut Reader<'_>) -> Result<(), ScanError> {
    while let Some(pair) = reader.take_short(tag::ATTRIBUTES) {
        check::key_value(pair)?;
    }
    Ok(())
}

/// The eight bytes of an id as a number; ids of another length by a hash that says nothing of order.
pub fn id_number(wire: &[u8]) -> (u64, bool) {
    match <[u8; 8]>::try_from(wire) {
        Ok(bytes) => {
            let number = u64::from_be_bytes(bytes);
            (number, number == 0)
        }
        Err(_) if wire.is_empty() => (0, true),
        Err(_) => {
            let hash = blake3::hash(wire);
            let mut number = 0u64;
            for byte in hash.as_bytes().iter().take(8) {
                number = (number << 8) | u64::from(*byte);
            }
            (number, true)
        }
    }
}

/// Whether a sequence of keys never steps back.
#[derive(Default)]
struct Order<'a> {
    last: Option<(&'a [u8], u64, &'a [u8])>,
    is_broken: bool,
}

impl<'a> Order<'a> {
    fn next(&mut self, key: (&'a [u8], u64, &'a [u8])) {
        self.is_broken |= self.last.is_some_and(|last| last > key);
        self.last = Some(key);
    }
}

/// Canonical order of events: time, then name. The first part is used by links only.
pub(super) fn event_key(body: &[u8]) -> Result<(&[u8], u64, &[u8]), WireError> {
    let mut key: (&[u8], u64, &[u8]) = (&[], 0, &[]);
    let mut reader = Reader::new(body);
    while let Some(field) = reader.next()? {
        match field.number {
            event::TIME => key.1 = field.fixed64()?,
            event::NAME => key.2 = field.bytes()?,
            event::ATTRIBUTES => check::key_value(field.bytes()?)?,
            event::DROPPED_ATTRIBUTES_COUNT => {
                field.varint()?;
            }
            _ => {}
        }
    }
    Ok(key)
}

/// Canonical order of links: trace id, then span id.
pub(super) fn link_key(body: &[u8]) -> Result<(&[u8], u64, &[u8]), WireError> {
    let mut key: (&[u8], u64, &[u8]) = (&[], 0, &[]);
    let mut reader = Reader::new(body);
    while let Some(field) = reader.next()? {
        match field.number {
            link::TRACE_ID => key.0 = field.bytes()?,
            link::SPAN_ID => key.2 = field.bytes()?,
            link::ATTRIBUTES => check::key_value(field.bytes()?)?,
            link::TRACE_STATE => {
                field.bytes()?;
            }
            link::DROPPED_ATTRIBUTES_COUNT => {
                field.varint()?;
            }
            link::FLAGS => {
                field.fixed32()?;
            }
            _ => {}
        }
    }
    Ok(key)
}

fn status_code(body: &[u8]) -> Result<Option<u64>, WireError> {
    let mut code = None;
    let mut reader = Reader::new(body);
    while let Some(field) = reader.next()? {
        match field.number {
            status::CODE => code = Some(field.varint()?),
            status::MESSAGE => {
                field.bytes()?;
            }
            _ => {}
        }
    }
    Ok(code)
}
