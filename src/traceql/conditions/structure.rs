//! From filters to a search: what every stage and operator needs of the spans of a trace.
//!
//! Each later stage only takes spans away, a relation gives spans of its right side (or of both), and all
//! but the negated ones need both sides, so the needs of the parts are needs of the whole.

use super::formula::Formula;
use super::relax::Relaxer;
use crate::traceql::ast::{
    MetricsExpr, Pipeline, SpansetExpr, SpansetFilter, SpansetOperator, Stage, StructuralMode,
};

/// Conditions kept of one search; a trace must pass each, so leaving some out finds more.
const CONDITIONS_MAX: usize = 8;

/// What the spans and the root of a trace must satisfy, each somewhere.
#[derive(Debug, Default)]
pub(super) struct Need {
    pub spans: Vec<Formula>,
    pub roots: Vec<Formula>,
}

impl Need {
    fn and(mut self, other: Need) -> Need {
        self.spans.extend(other.spans);
        self.roots.extend(other.roots);
        self.spans.truncate(CONDITIONS_MAX);
        self.roots.truncate(CONDITIONS_MAX);
        self
    }

    /// One of the two, of which nobody knows which: every pair.
    fn or(self, other: Need) -> Need {
        Need { spans: pairs(&self.spans, &other.spans), roots: pairs(&self.roots, &other.roots) }
    }
}

fn pairs(left: &[Formula], right: &[Formula]) -> Vec<Formula> {
    let all = left.iter().flat_map(|left| right.iter().map(move |right| left.clone().or(right.clone())));
    all.filter(|formula| *formula != Formula::True).take(CONDITIONS_MAX).collect()
}

pub(super) fn pipeline(pipeline: &Pipeline, relaxer: &mut Relaxer<'_>) -> Need {
    let spansets = pipeline.stages.iter().filter_map(|stage| match stage {
        Stage::Spanset(expression) => Some(expression),
        _ => None,
    });
    spansets.fold(Need::default(), |need, expression| need.and(spanset(expression, relaxer)))
}

fn spanset(expression: &SpansetExpr, relaxer: &mut Relaxer<'_>) -> Need {
    match expression {
        SpansetExpr::Filter(of) => filter(of, relaxer),
        SpansetExpr::Pipeline(of) => pipeline(of, relaxer),
        SpansetExpr::Operation(operation) => match operation.operator {
            SpansetOperator::Or => spanset(&operation.left, relaxer).or(spanset(&operation.right, relaxer)),
            SpansetOperator::Structural { mode: StructuralMode::Unrelated, .. } => {
                spanset(&operation.right, relaxer)
            }
            SpansetOperator::And | SpansetOperator::Structural { .. } => {
                spanset(&operation.left, relaxer).and(spanset(&operation.right, relaxer))
            }
        },
    }
}

fn filter(filter: &SpansetFilter, relaxer: &mut Relaxer<'_>) -> Need {
    let constrains = |formula: Formula| (formula != Formula::True).then_some(formula);
    Need {
        spans: constrains(relaxer.span(filter)).into_iter().collect(),
        roots: constrains(relaxer.root(filter)).into_iter().collect(),
    }
}

/// What a trace needs for any leaf of a metrics query to count it.
pub(super) fn metrics(metrics: &MetricsExpr, relaxer: &mut Relaxer<'_>) -> Need {
    match metrics {
        MetricsExpr::Query { pipeline: of, .. } => pipeline(of, relaxer),
        MetricsExpr::Second { input, .. } | MetricsExpr::Scaled { input, .. } => {
            self::metrics(input, relaxer)
        }
        MetricsExpr::Math { left, right, .. } => {
            self::metrics(left, relaxer).or(self::metrics(right, relaxer))
        }
    }
}
