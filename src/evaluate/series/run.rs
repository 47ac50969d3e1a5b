//! One leaf over traces: what is fetched, what the pipeline keeps, and what counts of it.

use super::compare::Comparison;
use super::exemplar::{Candidate, Exemplars, rank};
use super::grid::Grid;
use super::group::GroupKey;
use super::label::LabelValue;
use super::leaf::{Leaf, Observation};
use super::plan::{LeafQuery, shape};
use super::set::SeriesSet;
use super::settle::settle;
use crate::evaluate::engine::Pipeline;
use crate::evaluate::{Fetch, Loaded, Program, QueryError, Slot, Slots, TraceRows, shown};
use crate::model::value::ShownValue;
use crate::traceql::ast::{AttributeName, Intrinsic, MetricsFunction, Scope};
use crate::traceql::fetch::FetchSpec;
use crate::traceql::value::{Failure, Value};
use hashbrown::HashMap;
use std::sync::Arc;

/// A leaf at work.
#[derive(Debug)]
pub struct LeafRun {
    pipeline: Pipeline,
    fetch: Fetch,
    function: Working,
}

/// Where a label's value is looked for, in this order.
type Lookup = Vec<Slot>;

#[derive(Debug)]
enum Working {
    Fold { leaf: Box<Leaf>, measured: Option<Slot>, by: Vec<Lookup> },
    Compare { comparison: Box<Comparison>, filter: Program, window: Option<(u64, u64)>, names: Names },
}

/// How attributes are called in an answer; each is named once.
#[derive(Debug, Default)]
struct Names {
    known: HashMap<AttributeName, Arc<str>>,
}

/// A span that counts.
#[derive(Debug, Clone, Copy)]
struct Counted {
    candidate: u32,
    interval: usize,
    start: u64,
}

impl LeafRun {
    pub fn compile(query: LeafQuery<'_>, grid: &Grid, exemplars: Exemplars) -> Result<Self, QueryError> {
        let LeafQuery { pipeline, function } = query;
        let mut slots = Slots::default();
        let compiled = Pipeline::compile(pipeline, &mut slots)?;
        let function_at_work = match (shape(function), function) {
            (Some((shape, measured, by)), _) => Working::Fold {
                leaf: Box::new(Leaf::new(shape, grid.intervals(), exemplars)),
                measured: measured.map(|attribute| slots.of(&attribute.name)),
                by: by.iter().map(|attribute| lookup(&attribute.name, &mut slots)).collect(),
            },
            (None, MetricsFunction::Compare { filter, top, window, .. }) => Working::Compare {
                comparison: Box::new(Comparison::new(
                    usize::try_from(*top).unwrap_or(0),
                    grid.intervals(),
                    exemplars,
                )),
                filter: Program::compile(&filter.field, &mut slots)?,
                window: window.map(|(start, end)| (start.max(0) as u64, end.max(0) as u64)),
                names: Names::default(),
            },
            (None, _) => return Err(QueryError::NotMetrics),
        };
        let spec = FetchSpec::of_metrics(pipeline, function);
        let fetch = Fetch::of(&spec, &slots)?;
        Ok(Self { pipeline: compiled, fetch, function: function_at_work })
    }

    /// Counts what the leaf finds in a trace; how many spans that were.
    pub fn observe(&mut self, trace: &TraceRows<'_>, grid: &Grid) -> Result<u64, Failure> {
        let Some(mut loaded) = self.fetch.load(trace)? else { return Ok(0) };
        let spansets = self.pipeline.run(&loaded)?;
        let spans: Vec<Counted> = spansets
            .iter()
            .flat_map(|set| &set.spans)
            .filter_map(|candidate| {
                let start = trace.span(loaded.row(*candidate))?.start;
                Some(Counted { candidate: *candidate, interval: grid.interval(start)?, start })
            })
            .collect();
        loaded.complete(&self.fetch, spans.iter().map(|span| span.candidate))?;
        match &mut self.function {
            Working::Fold { leaf, measured, by } => {
                fold(leaf, *measured, by, &loaded, &spans);
            }
            Working::Compare { comparison, filter, window, names } => {
                compare(comparison, filter, *window, names, &loaded, &spans);
            }
        }
        Ok(spans.len() as u64)
    }

    pub fn is_full(&self) -> bool {
        match &self.function {
            Working::Fold { leaf, .. } => leaf.is_full(),
            Working::Compare { comparison, .. } => comparison.is_full(),
        }
    }

    /// The final series, and how many Tempo would count before second stages.
    pub fn finish(self, grid: &Grid) -> (SeriesSet, usize) {
        match self.function {
            Working::Fold { leaf, .. } => {
                let set = settle(*leaf, grid.step_seconds());
                let length = set.len();
                (set, length)
            }
            Working::Compare { comparison, .. } => {
                let length = comparison.length();
                (comparison.settle(), length)
            }
        }
    }
}

/// A label without a scope is looked for in the span and then in its resource, nowhere else.
fn lookup(name: &AttributeName, slots: &mut Slots) -> Lookup {
    match name {
        AttributeName::Named { parent, scope: Scope::Any, key } => [Scope::Span, Scope::Resource]
            .into_iter()
            .map(|scope| slots.of(&AttributeName::Named { parent: *parent, scope, key: key.clone() }))
            .collect(),
        other => vec![slots.of(other)],
    }
}
