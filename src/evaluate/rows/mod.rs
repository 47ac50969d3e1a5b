//! A trace as one block would store it: its spans as rows in storage order, its numbers, its summary.
//!
//! Everything a query needs of the whole is here: nested-set numbers, root, envelope and service
//! statistics. Attributes are read elsewhere, from [`TraceRows::wire`]. What most queries do not ask for
//! (numbers, statistics) is computed when it is first asked for.

mod numbers;
mod order;
mod same;
mod summary;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::OnceLock;

use super::{Patience, WireSpan};
use crate::model::TraceId;
use crate::model::search::ServiceStats;
use crate::trace::Joined;
use crate::trace::index::{Flags, Span};

pub use numbers::Numbers;
pub use summary::Summary;

/// The rows of one trace.
#[derive(Debug)]
pub struct TraceRows<'j> {
    id: TraceId,
    joined: &'j Joined,
    rows: Vec<Row>,
    as_they_lie: Vec<u32>,
    summary: Summary,
    numbers: OnceLock<Vec<Numbers>>,
    patience: Patience,
}

/// One span in storage order. Batches and scopes are numbered as stored: those that say the same are one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    /// Number in the join.
    pub span: u32,
    /// Number of the resource, counted from 0 in storage order; rows of one batch lie side by side.
    pub batch: u32,
    /// Number of the scope in the whole trace, counted from 0 in storage order; rows of one scope lie side
    /// by side.
    pub scope: u32,
}

impl<'j> TraceRows<'j> {
    pub fn of(id: TraceId, joined: &'j Joined) -> Self {
        let sorted = order::Sorted::of(joined);
        let summary = summary::of(joined, &sorted.spans);
        let (rows, as_they_lie) = sorted.into_rows(joined);
        let numbers = OnceLock::new();
        Self { id, joined, rows, as_they_lie, summary, numbers, patience: Patience::default() }
    }

    /// The same, to be looked at no longer than so.
    #[must_use]
    pub fn with_patience(self, patience: Patience) -> Self {
        Self { patience, ..self }
    }

    pub fn patience(&self) -> &Patience {
        &self.patience
    }

    pub fn id(&self) -> &TraceId {
        &self.id
    }

    /// In storage order; a row's number is its place here.
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// The numbers of all rows, in the order in which their spans lie in memory. Spans arrive in the order in
    /// which they ended: who reads all of them reads several times faster so than in row order.
    pub fn as_they_lie(&self) -> &[u32] {
        &self.as_they_lie
    }

    /// The index's entry of a row's span.
    pub fn span(&self, row: u32) -> Option<&'j Span> {
        self.joined.span(self.rows.get(row as usize)?.span)
    }

    /// The bytes of a row; its events and links are in canonical order.
    pub fn wire(&self, row: u32) -> Option<WireSpan<'j>> {
        Some(wire_of(self.joined, self.span(row)?))
    }

    /// The bytes of a span alone, which are found faster than with all that holds it.
    pub fn body(&self, span: &Span) -> &'j [u8] {
        self.joined.body(span)
    }

    pub fn summary(&self) -> &Summary {
        &self.summary
    }

    /// By row; computed when first asked for.
    pub fn numbers(&self) -> &[Numbers] {
        self.numbers.get_or_init(|| numbers::of(self))
    }

    /// Spans and errors by service; spans whose resource names none count for the empty name.
    pub fn service_stats(&self) -> BTreeMap<String, ServiceStats> {
        let mut stats: BTreeMap<String, ServiceStats> = BTreeMap::new();
        for batch in self.rows.chunk_by(|one, other| one.batch == other.batch) {
            let spans = || batch.iter().filter_map(|row| self.joined.span(row.span));
            let Some(first) = spans().next() else { continue };
            let service = summary::stored_service(wire_of(self.joined, first).resource);
            if !stats.contains_key(service) {
                stats.insert(service.to_owned(), ServiceStats::default());
            }
            let Some(of) = stats.get_mut(service) else { continue };
            of.spans = of.spans.saturating_add(batch.len() as u32);
            of.errors = of
                .errors
                .saturating_add(spans().filter(|span| span.flags.has(Flags::IS_ERROR)).count() as u32);
        }
        stats
    }
}

fn wire_of<'j>(joined: &'j Joined, span: &Span) -> WireSpan<'j> {
    let resource = joined.batch_of(span).map_or(&[][..], |batch| joined.resource(batch).0);
    let scope = joined.scope(span.scope);
    WireSpan { span: joined.body(span), scope: (!scope.is_empty()).then_some(scope), resource }
}
