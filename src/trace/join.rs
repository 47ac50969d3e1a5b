//! Parts of a trace joined: every span once, wherever it came from.
//!
//! Identity is (span id, kind), as in Tempo. Of two spans that are one, an original goes before what is marked
//! as a copy, wherever either lies, and else the one from the region declared first. The result does not depend
//! on the order in which the regions answered.

use foldhash::fast::RandomState;
use hashbrown::HashTable;
use std::hash::BuildHasher;

use super::index::{Batch, Buffer, Chunk, Extent, Flags, Scope, Span};
use super::size::message_bytes;
use super::span::in_canonical_order;
use super::zipkin;
use crate::wire::protobuf::WireError;

/// No span.
pub const NONE: u32 = u32::MAX;

/// All parts of one trace under one index. Spans that are duplicates stay in the list and are marked,
/// so that a span's number never changes.
#[derive(Debug, Clone, Default)]
pub struct Joined {
    pub(super) buffers: Vec<Buffer>,
    /// The region of each buffer, as its place in the configuration.
    pub(super) ranks: Vec<u16>,
    pub(super) batches: Vec<Batch>,
    pub(super) scopes: Vec<Scope>,
    pub(super) spans: Vec<Span>,
    /// Which spans count; the others are copies.
    pub(super) kept: Vec<bool>,
    pub(super) ids: Ids,
    /// Spans whose id is no id, by the hash of their bytes.
    odd: HashTable<(u64, u32)>,
    /// What is appended to spans, in the buffer of their chunk; number 0 stays unused.
    pub(super) extras: Vec<Extent>,
    /// Whether spans of different kinds share an id.
    pub(super) has_shared_ids: bool,
}

/// Finds spans by id.
#[derive(Debug, Clone, Default)]
pub(super) struct Ids {
    table: HashTable<u32>,
    /// Seeded anew by each process: ids are made outside, and whoever knows the seed could make some that all
    /// fall into one place.
    hasher: RandomState,
}

/// Bytes of chunks and index that a trace may hold before it cannot be addressed.
pub type JoinError = WireError;

impl Ids {
    fn with_capacity(capacity: usize) -> Self {
        Self { table: HashTable::with_capacity(capacity), hasher: RandomState::default() }
    }

    /// Spans with this id number, in no order.
    pub fn find<'a>(&'a self, id: u64, spans: &'a [Span]) -> impl Iterator<Item = u32> + 'a {
        let same = move |found: &u32| spans.get(*found as usize).is_some_and(|span| span.id == id);
        self.table.iter_hash(self.hasher.hash_one(id)).copied().filter(move |found| same(found))
    }

    pub fn insert(&mut self, id: u64, span: u32, spans: &[Span]) {
        let hasher = self.hasher.clone();
        self.table.insert_unique(self.hasher.hash_one(id), span, |other| {
            hasher.hash_one(spans.get(*other as usize).map_or(0, |span| span.id))
        });
    }
}

impl Joined {
    /// Joins parts; each comes with its region's rank (its place in the configuration).
    pub fn of(parts: Vec<(u16, Chunk)>) -> Result<Self, JoinError> {
        let mut joined = Self::as_stored(parts)?;
        zipkin::split_shared_ids(&mut joined)?;
        Ok(joined)
    }

    /// Joins parts and leaves ids as they are stored, shared ones too: what a query is evaluated over. Events and
    /// links are in canonical order.
    pub fn as_stored(parts: Vec<(u16, Chunk)>) -> Result<Self, JoinError> {
        Self::as_held(parts, |_| true)
    }

    /// As `as_stored`, of parts of which only some regions may have renumbered ids.
    pub fn as_held(
        mut parts: Vec<(u16, Chunk)>,
        may_renumber: impl Fn(u16) -> bool,
    ) -> Result<Self, JoinError> {
        zipkin::restore(&mut parts, may_renumber)?;
        Self::as_sent(parts)
    }

    /// As `as_stored`, of parts that nobody has renumbered: what an embedded region holds is what was sent,
    /// and a small id there is what somebody called a span.
    pub fn as_sent(mut parts: Vec<(u16, Chunk)>) -> Result<Self, JoinError> {
        parts.sort_by_key(|(rank, _)| *rank);
        let mut joined = Self::with_room_for(&parts);
        for (rank, chunk) in parts {
            joined.add(rank, chunk)?;
        }
        joined.keep_each_once(0);
        joined.sort_events_and_links()?;
        Ok(joined)
    }

    /// Puts events and links of every span in canonical order; few spans need it.
    pub(super) fn sort_events_and_links(&mut self) -> Result<(), JoinError> {
        let unsorted: Vec<u32> = self
            .spans()
            .filter(|(_, span)| span.flags.has(Flags::UNSORTED))
            .map(|(index, _)| index)
            .collect();
        for index in unsorted {
            let Some(body) = self.span(index).map(|span| in_canonical_order(self.body(span))) else {
                continue;
            };
            self.replace_body(index, &body)?;
            if let Some(span) = self.spans.get_mut(index as usize) {
                span.flags.clear(Flags::UNSORTED);
            }
        }
        Ok(())
    }

    fn with_room_for(parts: &[(u16, Chunk)]) -> Self {
        let total = |count: fn(&Chunk) -> usize| parts.iter().map(|(_, chunk)| count(chunk)).sum::<usize>();
        let spans = total(|chunk| chunk.spans.len());
        Self {
            buffers: Vec::with_capacity(parts.len() + 1),
            ranks: Vec::with_capacity(parts.len() + 1),
            batches: Vec::with_capacity(total(|chunk| chunk.batches.len())),
            scopes: Vec::with_capacity(total(|chunk| chunk.scopes.len())),
            spans: Vec::with_capacity(spans),
            kept: Vec::with_capacity(spans),
            ids: Ids::with_capacity(spans),
            odd: HashTable::new(),
            extras: vec![Extent::default()],
            has_shared_ids: false,
        }
    }

    /// Adds a part; of a span that is already there, this one is not kept.
    pub(super) fn append(&mut self, rank: u16, chunk: Chunk) -> Result<(), JoinError> {
        let first = self.spans.len();
        self.add(rank, chunk)?;
        self.keep_each_once(first);
        Ok(())
    }

    fn add(&mut self, rank: u16, chunk: Chunk) -> Result<(), JoinError> {
        let number = u16::try_from(self.buffers.len()).map_err(|_| WireError::TooLarge)?;
        let first_batch = u32::try_from(self.batches.len()).map_err(|_| WireError::TooLarge)?;
        let first_scope = u32::try_from(self.scopes.len()).map_err(|_| WireError::TooLarge)?;
        self.buffers.push(chunk.buffer);
        self.ranks.push(rank);
        self.batches.extend(chunk.batches.into_iter().map(|batch| Batch { chunk: number, ..batch }));
        self.scopes.extend(
            chunk.scopes.into_iter().map(|scope| Scope { batch: scope.batch + first_batch, ..scope }),
        );
        self.spans.extend(chunk.spans.into_iter().map(|span| Span {
            chunk: number,
            scope: span.scope + first_scope,
            ..span
        }));
        u32::try_from(self.spans.len()).map_err(|_| WireError::TooLarge)?;
        Ok(())
    }

    /// Decides which of the spans from this one on are kept: originals first, in their order, then what is marked
    /// as a copy and whose original is not there.
    fn keep_each_once(&mut self, first: usize) {
        let (first, last) = (first as u32, self.spans.len() as u32);
        self.kept.resize(last as usize, false);
        let has_copies = self.batches.iter().any(|batch| batch.is_copy);
        for are_copies in [false, true].into_iter().take(1 + usize::from(has_copies)) {
            for index in first..last {
                if !has_copies || self.is_copy(index) == are_copies {
                    self.keep_unless_known(index);
                }
            }
        }
    }

    fn is_copy(&self, index: u32) -> bool {
        let batch = self.span(index).and_then(|span| self.batch_of(span));
        batch.and_then(|batch| self.batches.get(batch as usize)).is_some_and(|batch| batch.is_copy)
    }

    fn set_kept(&mut self, index: u32, is_kept: bool) {
        if let Some(kept) = self.kept.get_mut(index as usize) {
            *kept = is_kept;
        }
    }

    fn keep_unless_known(&mut self, index: u32) {
        let Some(span) = self.spans.get(index as usize).copied() else { return };
        // Kinds that the index cannot tell apart are told apart by the bytes.
        if span.flags.has(Flags::ODD_ID) || span.kind == u8::MAX {
            return self.keep_odd_unless_known(index, &span);
        }
        let mut is_shared = false;
        let mut is_known = false;
        // No more than the kinds there are, and one span whose id is no id.
        for other in self.ids.find(span.id, &self.spans) {
            is_shared = true;
            is_known |= self.is_same(&span, other);
        }
        if !is_known {
            self.has_shared_ids |= is_shared;
            self.ids.insert(span.id, index, &self.spans);
        }
        self.set_kept(index, !is_known);
    }

    /// Two spans are one if id and kind are.
    fn is_same(&self, span: &Span, other: u32) -> bool {
        let Some(other) = self.spans.get(other as usize) else { return false };
        span.kind == other.kind && !other.flags.has(Flags::ODD_ID)
    }

    /// Where an id is no id, or a kind no kind, only equal bytes are one span. Any number of spans may have the same such
    /// id: they are told apart by their bytes, and the first of them stands for the id, so that none is
    /// compared with all.
    fn keep_odd_unless_known(&mut self, index: u32, span: &Span) {
        let body = self.body(span);
        let hash = self.ids.hasher.hash_one(body);
        let is_same = |(_, other): &(u64, u32)| {
            self.spans.get(*other as usize).is_some_and(|other| self.body(other) == body)
        };
        let is_known = self.odd.find(hash, is_same).is_some();
        if !is_known {
            self.odd.insert_unique(hash, (hash, index), |(hash, _)| *hash);
            if self.ids.find(span.id, &self.spans).next().is_none() {
                self.ids.insert(span.id, index, &self.spans);
            }
        }
        self.set_kept(index, !is_known);
    }

    pub fn body(&self, span: &Span) -> &[u8] {
        self.buffers.get(usize::from(span.chunk)).map_or(&[], |buffer| buffer.get(span.body))
    }

    /// What is appended to a span's body.
    pub fn extra(&self, span: &Span) -> &[u8] {
        let extent = self.extras.get(span.extra as usize).copied().unwrap_or_default();
        self.buffers.get(usize::from(span.chunk)).map_or(&[], |buffer| buffer.get(extent))
    }

    /// Appends fields to a span, after what was appended before.
    pub fn append_to_span(&mut self, index: u32, fields: &[u8]) -> Result<(), JoinError> {
        let Some(span) = self.spans.get(index as usize) else { return Ok(()) };
        let before = self.extra(span).to_vec();
        let Some(buffer) = self.buffers.get_mut(usize::from(span.chunk)) else { return Ok(()) };
        let extent =
            if before.is_empty() { buffer.add(fields)? } else { buffer.add(&[&before, fields].concat())? };
        let number = u32::try_from(self.extras.len()).map_err(|_| WireError::TooLarge)?;
        self.extras.push(extent);
        if let Some(span) = self.spans.get_mut(index as usize) {
            span.extra = number;
        }
        Ok(())
    }

    /// Puts another body in a span's place.
    pub(super) fn replace_body(&mut self, index: u32, body: &[u8]) -> Result<(), JoinError> {
        let Some(span) = self.spans.get_mut(index as usize) else { return Ok(()) };
        let Some(buffer) = self.buffers.get_mut(usize::from(span.chunk)) else { return Ok(()) };
        span.body = buffer.add(body)?;
        Ok(())
    }

    /// The spans that count, with their numbers.
    pub fn spans(&self) -> impl Iterator<Item = (u32, &Span)> {
        self.kept
            .iter()
            .zip(0u32..)
            .zip(&self.spans)
            .filter(|((kept, _), _)| **kept)
            .map(|((_, index), span)| (index, span))
    }

    pub fn span(&self, index: u32) -> Option<&Span> {
        self.spans.get(index as usize)
    }

    pub fn span_count(&self) -> usize {
        self.kept.iter().filter(|kept| **kept).count()
    }

    /// The region rank of a span.
    pub fn rank(&self, span: &Span) -> u16 {
        self.ranks.get(usize::from(span.chunk)).copied().unwrap_or(u16::MAX)
    }

    /// The batch a span lies in.
    pub fn batch_of(&self, span: &Span) -> Option<u32> {
        self.scopes.get(span.scope as usize).map(|scope| scope.batch)
    }

    /// Body and addition of a batch's resource.
    pub fn resource(&self, batch: u32) -> (&[u8], &[u8]) {
        let Some(batch) = self.batches.get(batch as usize) else { return (&[], &[]) };
        let Some(buffer) = self.buffers.get(usize::from(batch.chunk)) else { return (&[], &[]) };
        (buffer.get(batch.resource), buffer.get(batch.extra))
    }

    /// Body of a scope.
    pub fn scope(&self, scope: u32) -> &[u8] {
        let Some(scope) = self.scopes.get(scope as usize) else { return &[] };
        let Some(batch) = self.batches.get(scope.batch as usize) else { return &[] };
        self.buffers.get(usize::from(batch.chunk)).map_or(&[], |buffer| buffer.get(scope.scope))
    }

    /// Bytes of memory that its parts hold, those of spans that do not count among them.
    pub fn held_bytes(&self) -> usize {
        self.buffers.iter().map(Buffer::held_bytes).sum()
    }

    /// Protobuf bytes of the spans that count, as they were sent: what a size limit is about.
    pub fn wire_bytes(&self) -> usize {
        message_bytes(&self.batches, &self.scopes, self.spans().map(|(_, span)| span))
    }
}
