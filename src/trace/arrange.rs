//! The order of an answer: spans by start and then by tree position, scopes by their first span,
//! batches by their first scope. The same as Tempo sorts a combined trace, with ties made definite.

use super::index::Flags;
use super::join::{JoinError, Joined};
use super::tree::Tree;
use crate::wire::protobuf::{message_len, varint_len};

/// A joined trace in order, ready to be written out. Lengths are known, so that a message can be
/// written before what it holds.
#[derive(Debug, Clone, Default)]
pub struct Assembled {
    pub(super) joined: Joined,
    pub(super) batches: Vec<OutBatch>,
    pub(super) scopes: Vec<OutScope>,
    /// Span numbers, in order within each scope.
    pub(super) spans: Vec<u32>,
    /// Bytes of the protobuf `Trace`.
    pub(super) len: usize,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct OutBatch {
    pub batch: u32,
    pub first: u32,
    pub end: u32,
    pub len: usize,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct OutScope {
    pub scope: u32,
    pub first: u32,
    pub end: u32,
    pub len: usize,
}

/// `status {}`: Grafana reads this message by pointer and panics where it is absent.
pub(super) const EMPTY_STATUS: &[u8] = &[0x7a, 0x00];

impl Assembled {
    pub fn of(mut joined: Joined, tree: &Tree) -> Result<Self, JoinError> {
        joined.sort_events_and_links()?;
        let mut assembled = Self { spans: Vec::with_capacity(joined.spans.len()), joined, ..Self::default() };
        assembled.collect_scopes(tree);
        assembled.measure();
        Ok(assembled)
    }

    /// The same trace with only the spans that `keep` names, by their place among `spans`; order and everything
    /// else stays. Scopes and batches that hold nothing any more are gone.
    #[must_use]
    pub fn retained(mut self, keep: &[bool]) -> Self {
        let mut spans = Vec::with_capacity(self.spans.len());
        let mut scopes = Vec::with_capacity(self.scopes.len());
        let mut batches = Vec::with_capacity(self.batches.len());
        for batch in &self.batches {
            let first_scope = scopes.len() as u32;
            for scope in self.scopes.get(batch.first as usize..batch.end as usize).unwrap_or_default() {
                let first = spans.len();
                for place in scope.first as usize..scope.end as usize {
                    if keep.get(place) == Some(&true) {
                        spans.extend(self.spans.get(place));
                    }
                }
                let Some(own) = spans.get(first..).filter(|own| !own.is_empty()) else { continue };
                let len = self.scope_len(scope.scope)
                    + own.iter().map(|index| message_len(self.span_len(*index))).sum::<usize>();
                let (first, end) = (first as u32, spans.len() as u32);
                scopes.push(OutScope { scope: scope.scope, first, end, len });
            }
            let end = scopes.len() as u32;
            if end > first_scope {
                batches.push(OutBatch { batch: batch.batch, first: first_scope, end, len: 0 });
            }
        }
        (self.spans, self.scopes, self.batches) = (spans, scopes, batches);
        self.measure();
        self
    }

    pub fn joined(&self) -> &Joined {
        &self.joined
    }

    pub fn span_count(&self) -> usize {
        self.spans.len()
    }

    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// Bytes of the protobuf `Trace`.
    pub fn protobuf_len(&self) -> usize {
        self.len
    }

    /// When its last span ends, in nanoseconds of the epoch.
    pub fn ends_at(&self) -> u64 {
        let ends =
            self.spans().filter_map(|span| self.joined.span(span)).map(|span| span.end.max(span.start));
        ends.max().unwrap_or(0)
    }

    /// Span numbers, scope by scope. A span's place here is what `retained` asks by; the order in which spans
    /// are written also orders the scopes.
    pub fn spans(&self) -> impl Iterator<Item = u32> + '_ {
        self.spans.iter().copied()
    }

    /// The order of a span: start, then depth (a parent before its child), then id.
    fn key(&self, index: u32, tree: &Tree) -> (u64, u32, u64, u32) {
        let (start, id) = self.joined.span(index).map_or((0, 0), |span| (span.start, span.id));
        (start, tree.depth(index), id, index)
    }

    /// A scope's spans lie side by side in the index, so each scope is sorted on its own.
    fn collect_scopes(&mut self, tree: &Tree) {
        let mut scopes = Vec::with_capacity(self.joined.scopes.len());
        let mut order = std::mem::take(&mut self.spans);
        let mut at = 0;
        let total = self.joined.spans.len();
        while let Some(scope) = self.joined.spans.get(at).map(|span| span.scope) {
            let first = order.len();
            while at < total && self.joined.spans.get(at).is_some_and(|span| span.scope == scope) {
                if self.joined.kept.get(at) == Some(&true) {
                    order.push(at as u32);
                }
                at += 1;
            }
            let Some(own) = order.get_mut(first..).filter(|own| !own.is_empty()) else { continue };
            if !own.is_sorted_by_key(|index| self.key(*index, tree)) {
                own.sort_unstable_by_key(|index| self.key(*index, tree));
            }
            let spans: usize = own.iter().map(|index| message_len(self.span_len(*index))).sum();
            let end = order.len() as u32;
            let len = self.scope_len(scope) + spans;
            scopes.push(OutScope { scope, first: first as u32, end, len });
        }
        self.spans = order;
        let first_of = |out: &OutScope| {
            let span = self.spans.get(out.first as usize).copied().unwrap_or_default();
            let batch = self.joined.scopes.get(out.scope as usize).map_or(0, |scope| scope.batch);
            (batch, self.key(span, tree))
        };
        scopes.sort_by_cached_key(first_of);
        self.scopes = scopes;
        self.sort_batches_of_scopes(tree);
    }

    /// Groups the scopes, already side by side per batch, and sorts the groups.
    fn sort_batches_of_scopes(&mut self, tree: &Tree) {
        let mut batches = Vec::with_capacity(self.joined.batches.len());
        for (position, out) in self.scopes.iter().enumerate() {
            let batch = self.joined.scopes.get(out.scope as usize).map_or(0, |scope| scope.batch);
            match batches.last_mut() {
                Some(OutBatch { batch: last, end, .. }) if *last == batch => *end = position as u32 + 1,
                _ => {
                    batches.push(OutBatch { batch, first: position as u32, end: position as u32 + 1, len: 0 })
                }
            }
        }
        batches.sort_by_cached_key(|out| {
            let scope = self.scopes.get(out.first as usize);
            let span = scope.and_then(|scope| self.spans.get(scope.first as usize)).copied();
            self.key(span.unwrap_or_default(), tree)
        });
        self.batches = batches;
    }

    /// Bytes of a scope's message with these spans, by their places.
    pub(super) fn written_len(&self, scope: u32, places: std::ops::Range<u32>) -> usize {
        let own = self.spans.get(places.start as usize..places.end as usize).unwrap_or_default();
        self.scope_len(scope) + own.iter().map(|index| message_len(self.span_len(*index))).sum::<usize>()
    }

    /// Says the length of each batch and of the whole.
    pub(super) fn measure(&mut self) {
        let mut batches = std::mem::take(&mut self.batches);
        for out in &mut batches {
            let scopes = self.scopes.get(out.first as usize..out.end as usize).unwrap_or_default();
            let (resource, extra) = self.joined.resource(out.batch);
            let tail = self.joined.batches.get(out.batch as usize).map_or(0, |batch| batch.tail.len());
            out.len = message_len(resource.len() + extra.len())
                + tail
                + scopes.iter().map(|scope| message_len(scope.len)).sum::<usize>();
        }
        self.len = batches.iter().map(|batch| message_len(batch.len)).sum();
        self.batches = batches;
    }

    fn scope_len(&self, scope: u32) -> usize {
        self.joined.scopes.get(scope as usize).map_or(0, |scope| {
            let body = scope.scope.len();
            1 + varint_len(body as u64) + body + scope.tail.len()
        })
    }

    /// Bytes of a span's body as it is written.
    pub(super) fn span_len(&self, index: u32) -> usize {
        let Some(span) = self.joined.span(index) else { return 0 };
        let status = if span.flags.has(Flags::HAS_STATUS) { 0 } else { EMPTY_STATUS.len() };
        let extra = self.joined.extras.get(span.extra as usize).map_or(0, |extra| extra.len());
        span.body.len() + extra + status
    }
}
