//! A search in TraceQL over assembled traces: text in, one row for each trace that matches.

use super::engine::{self, Pipeline, Spanset};
use super::fetch::{Fetch, FetchError, Loaded, Showing};
use super::shown::shown;
use super::slots::Slots;
use super::span_view::SpanView;
use super::{TraceRows, WireSpan};
use crate::model::search::{ServiceStats, SpanRow, SpanSet, TraceRow};
use crate::model::value::ShownValue;
use crate::traceql;
use crate::traceql::ast::{self, Query, Root};
use crate::traceql::fetch::FetchSpec;
use crate::traceql::pattern::PatternError;
use crate::traceql::value::Failure;
use hashbrown::HashMap;
use std::collections::BTreeMap;

/// Spans shown of a set where none or 0 is asked for; Tempo's number.
const SPANS_PER_SET: usize = 3;

/// Why a query cannot be searched with.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QueryError {
    #[error(transparent)]
    Language(#[from] traceql::Error),
    #[error("math expressions not supported")]
    Math,
    #[error("not a metrics query")]
    NotMetrics,
    #[error(transparent)]
    Grid(#[from] traceql::metrics::GridError),
    #[error("invalid regex: {0}")]
    Pattern(#[from] PatternError),
    /// Tempo finds it out when it reads a block.
    #[error(transparent)]
    Fetch(#[from] FetchError),
}

/// A compiled search.
#[derive(Debug)]
pub struct Search {
    /// Nothing where no trace can match.
    program: Option<(Fetch, Pipeline)>,
}

impl Search {
    /// Of a metrics query, what stands before its function is searched for.
    pub fn compile(text: &str) -> Result<Self, QueryError> {
        Self::of(&traceql::compile(text)?)
    }

    /// Of a query that was checked.
    pub fn of(query: &Query) -> Result<Self, QueryError> {
        let pipeline = searched(&query.root).ok_or(QueryError::Math)?;
        let spec = FetchSpec::of_search(query).ok_or(QueryError::Math)?;
        let mut slots = Slots::default();
        let compiled = Pipeline::compile(pipeline, &mut slots)?;
        let program =
            if engine::is_noop(pipeline) { None } else { Some((Fetch::of(&spec, &mut slots)?, compiled)) };
        Ok(Self { program })
    }

    /// The trace's row where it matches. Of each spanset at most so many spans are shown, 3 where it is 0.
    pub fn decide(&self, trace: &TraceRows<'_>, spans_per_set: u32) -> Result<Option<TraceRow>, Failure> {
        let Some((fetch, pipeline)) = &self.program else { return Ok(None) };
        let Some(mut loaded) = fetch.load(trace)? else { return Ok(None) };
        let sets = pipeline.run(&loaded)?;
        if sets.is_empty() {
            return Ok(None);
        }
        let most = if spans_per_set == 0 { SPANS_PER_SET } else { spans_per_set as usize };
        let sets = merged(sets.into_iter().map(|set| Cut::of(set, most)).collect(), &loaded);
        loaded.complete(sets.iter().flat_map(|set| set.spans.iter().copied()))?;
        let mut showing = loaded.showing();
        let shown = sets.into_iter().enumerate().map(|(number, set)| {
            trace.patience().go_on_at(number)?;
            Ok(set.shown(&loaded, &mut showing))
        });
        let sets = shown.collect::<Result<_, Failure>>()?;
        Ok(Some(row_of(trace, sets, trace.service_stats())))
    }

    /// Whether nothing can match, so that no trace need be read.
    pub fn is_noop(&self) -> bool {
        self.program.is_none()
    }
}

/// A trace's row with these sets.
pub(super) fn row_of(
    trace: &TraceRows<'_>,
    span_sets: Vec<SpanSet>,
    service_stats: BTreeMap<String, ServiceStats>,
) -> TraceRow {
    let summary = trace.summary();
    TraceRow {
        id: *trace.id(),
        root_service: summary.root_service.clone(),
        root_name: summary.root_name.clone(),
        start: summary.start,
        duration_ns: summary.duration(),
        span_sets,
        service_stats,
    }
}

/// The pipeline a search runs; nothing where there are several.
fn searched(root: &Root) -> Option<&ast::Pipeline> {
    match root {
        Root::Pipeline(pipeline) => Some(pipeline),
        Root::Metrics(metrics) => metrics.only_leaf().map(|(pipeline, _)| pipeline),
    }
}

/// A set of which only the spans to show are left.
struct Cut {
    spans: Vec<u32>,
    matched: u32,
    attributes: Vec<(String, ShownValue)>,
}

impl Cut {
    fn of(set: Spanset<'_>, most: usize) -> Self {
        let matched = u32::try_from(set.spans.len()).unwrap_or(u32::MAX);
        let mut spans = set.spans;
        spans.truncate(most);
        let attributes = set.attributes.iter().map(|(name, value)| (name.clone(), shown(value))).collect();
        Self { spans, matched, attributes }
    }

    /// What tells the group from others to Tempo: how its `by` attributes read, and nil reads as "nil" does.
    fn group(&self) -> String {
        let by = self.attributes.iter().filter(|(name, _)| name.starts_with("by"));
        by.map(|(name, value)| format!("{name}{value:?}")).collect()
    }

    fn shown<'t>(self, loaded: &Loaded<'t>, showing: &mut Showing<'_, 't>) -> SpanSet {
        let spans = self.spans.iter().filter_map(|span| span_row(loaded, showing, *span)).collect();
        SpanSet { spans, matched: self.matched, attributes: self.attributes }
    }
}

/// The sets in the order Tempo meets them again in its second reading, which is that of the last span shown
/// of each. Of sets that are one group the larger stays, the first where they are alike.
fn merged(mut sets: Vec<Cut>, loaded: &Loaded<'_>) -> Vec<Cut> {
    sets.sort_by_key(|set| set.spans.last().map(|span| loaded.row(*span)));
    let mut merged: Vec<Cut> = Vec::with_capacity(sets.len());
    let mut places = HashMap::with_capacity(sets.len());
    for set in sets {
        let place = *places.entry(set.group()).or_insert(merged.len());
        match merged.get_mut(place) {
            Some(known) if known.matched < set.matched => *known = set,
            Some(_) => {}
            None => merged.push(set),
        }
    }
    merged
}

fn span_row<'t>(loaded: &Loaded<'t>, showing: &mut Showing<'_, 't>, span: u32) -> Option<SpanRow> {
    let wire = loaded.rows().wire(loaded.row(span))?;
    let (name, attributes) = showing.row(span);
    Some(SpanRow {
        id: padded_id(&wire),
        name: name.to_owned(),
        start: wire.start(),
        duration_ns: wire.end().wrapping_sub(wire.start()),
        attributes,
    })
}

/// An id that is too short is a smaller number.
fn padded_id(wire: &WireSpan<'_>) -> [u8; 8] {
    let mut id = [0; 8];
    id.iter_mut().rev().zip(wire.wire_id().iter().rev()).for_each(|(to, from)| *to = *from);
    id
}

#[cfg(test)]
mod tests;
