//! Metrics queries over assembled traces: spans in, series out.
//!
//! In three layers, so that parts of an answer can come from elsewhere: *leaves* hold what adds up over
//! spans (counts, extremes, sums, means with their weights, buckets) and merge in any order; *final* series
//! are made of a leaf once it is whole (rates, averages, quantiles, the top values of a comparison); second
//! stages and arithmetic work on final series only.

mod answer;
pub mod cells;
pub mod compare;
pub mod exemplar;
mod grid;
pub mod group;
pub mod label;
pub mod leaf;
mod plan;
mod quantile;
mod run;
mod sampling;
mod set;
mod settle;
mod stage;

use super::engine::is_noop;
use super::{QueryError, TraceRows};
use crate::model::metrics::{MetricsAnswer, MetricsQuery};
use crate::model::search::Inspected;
use crate::traceql;
use crate::traceql::ast::{Query, Root};
use crate::traceql::pattern::PatternStore;
use crate::traceql::value::Failure;
use exemplar::Exemplars;
use grid::Grid;
use leaf::CELLS_MAX;
use plan::Expression;
use run::{LeafRun, Setup};
use set::SeriesSet;

/// A metrics query being answered.
#[derive(Debug)]
pub struct Metrics {
    grid: Grid,
    leaves: Vec<LeafRun>,
    expression: Expression,
    is_noop: bool,
    max_series: u32,
    inspected: Inspected,
}

impl Metrics {
    pub fn compile(asked: &MetricsQuery) -> Result<Self, QueryError> {
        let query = traceql::compile(&asked.query)?;
        let Root::Metrics(root) = &query.root else { return Err(QueryError::NotMetrics) };
        let grid = Grid::of(asked)?;
        let (queries, expression) = plan::planned(root);
        let setup = Setup {
            exemplars: exemplars(&query, asked, &grid, queries.len()),
            // Sampled spans count for those that were left out where the query asks for it.
            extrapolates: query.flag("extrapolate").unwrap_or(false),
            // By uses and not by leaves, as arithmetic copies a leaf's series for each.
            room: CELLS_MAX / expression.uses().max(1),
        };
        let mut patterns = PatternStore::default();
        Ok(Self {
            is_noop: queries.iter().all(|leaf| is_noop(leaf.pipeline)),
            leaves: queries
                .into_iter()
                .map(|leaf| LeafRun::compile(leaf, &grid, setup.clone(), &mut patterns))
                .collect::<Result<_, _>>()?,
            grid,
            expression,
            max_series: asked.max_series,
            inspected: Inspected::default(),
        })
    }

    /// Whether nothing can match, so that no trace need be read.
    pub fn is_noop(&self) -> bool {
        self.is_noop
    }

    /// Counts what the query finds in a trace. A failure is the query's: it ends the evaluation.
    pub fn observe(&mut self, trace: &TraceRows<'_>) -> Result<(), Failure> {
        if self.is_noop {
            return Ok(());
        }
        let mut spans = 0;
        for leaf in &mut self.leaves {
            spans += leaf.observe(trace, &self.grid)?;
        }
        self.inspected.add(Inspected { traces: 1, spans, bytes: 0 });
        Ok(())
    }

    /// Adds what the same query found in other traces; the order of parts does not matter.
    pub fn merge(&mut self, other: Metrics) {
        debug_assert!(self.grid == other.grid && self.expression == other.expression, "parts of one query");
        for (leaf, part) in self.leaves.iter_mut().zip(other.leaves) {
            leaf.merge(part);
        }
        self.inspected.add(other.inspected);
    }

    pub fn finish(self) -> MetricsAnswer {
        let Self { grid, leaves, expression, is_noop, max_series, inspected } = self;
        if is_noop {
            return MetricsAnswer { inspected, ..MetricsAnswer::default() };
        }
        let is_full = leaves.iter().any(LeafRun::is_full);
        let (sets, lengths): (Vec<SeriesSet>, Vec<usize>) =
            leaves.into_iter().map(|leaf| leaf.finish(&grid)).unzip();
        let length: usize = lengths.into_iter().sum();
        let series = answer::series(expression.run(&sets, grid.intervals()), &grid, max_series as usize);
        // Tempo counts before second stages, and says so as soon as the limit is met.
        let partial = match max_series {
            1.. if length >= max_series as usize => Some(answer::too_many(max_series)),
            _ if is_full => Some(answer::no_room()),
            _ => None,
        };
        MetricsAnswer { series, partial, inspected }
    }
}

/// Room for the exemplars of one leaf: an instant query has none, leaves share what there is, and the query's
/// own hint may ask for fewer.
fn exemplars(query: &Query, asked: &MetricsQuery, grid: &Grid, leaves: usize) -> Exemplars {
    let hinted = traceql::metrics::hinted_exemplars(query);
    let most = if grid.is_instant() { 0 } else { asked.exemplars.min(hinted.unwrap_or(u32::MAX)) };
    let share = most / u32::try_from(leaves).unwrap_or(u32::MAX).max(1);
    Exemplars::new(most, if most > 0 { share.max(1) } else { 0 }, grid.span_ms())
}

#[cfg(test)]
mod tests;
