//! A metrics query taken apart: leaves that read spans, each once, and what is done with their series.

use super::leaf::{Function, Shape};
use super::set::SeriesSet;
use super::stage;
use crate::traceql::ast::{
    Attribute, AttributeName, Intrinsic, Literal, MetricsExpr, MetricsFunction, OverTime, Pipeline,
    SecondStage,
};
use crate::traceql::types::Operator;
use std::sync::Arc;

/// A pipeline and its function.
#[derive(Debug, Clone, Copy)]
pub struct LeafQuery<'q> {
    pub pipeline: &'q Pipeline,
    pub function: &'q MetricsFunction,
}

/// What is done with the series of the leaves.
#[derive(Debug, Clone, PartialEq)]
pub enum Expression {
    /// By its number.
    Leaf(usize),
    Top {
        input: Box<Expression>,
        limit: usize,
        bottom: bool,
    },
    Filter {
        input: Box<Expression>,
        operator: Operator,
        constant: f64,
    },
    Scale {
        input: Box<Expression>,
        operator: Operator,
        constant: f64,
        constant_first: bool,
    },
    Combine {
        operator: Operator,
        left: Box<Expression>,
        right: Box<Expression>,
    },
}

/// The leaves of a query and what is done with them; leaves that say the same are one.
pub fn planned(query: &MetricsExpr) -> (Vec<LeafQuery<'_>>, Expression) {
    let mut leaves = Leaves::default();
    let expression = leaves.plan(query);
    (leaves.queries, expression)
}

#[derive(Debug, Default)]
struct Leaves<'q> {
    queries: Vec<LeafQuery<'q>>,
    texts: Vec<String>,
}

impl<'q> Leaves<'q> {
    fn plan(&mut self, query: &'q MetricsExpr) -> Expression {
        match query {
            MetricsExpr::Query { pipeline, function, .. } => {
                let text = format!("{pipeline} | {function}");
                let known = self.texts.iter().position(|known| *known == text);
                Expression::Leaf(known.unwrap_or_else(|| {
                    self.texts.push(text);
                    self.queries.push(LeafQuery { pipeline, function });
                    self.queries.len() - 1
                }))
            }
            MetricsExpr::Second { input, stage, .. } => {
                let input = Box::new(self.plan(input));
                match stage {
                    SecondStage::Top { limit, bottom } => {
                        let limit = usize::try_from(*limit).unwrap_or(0);
                        Expression::Top { input, limit, bottom: *bottom }
                    }
                    SecondStage::Compare { operator, constant } => {
                        Expression::Filter { input, operator: *operator, constant: number(constant) }
                    }
                }
            }
            MetricsExpr::Scaled { operator, constant, constant_first, input, .. } => Expression::Scale {
                input: Box::new(self.plan(input)),
                operator: *operator,
                constant: number(constant),
                constant_first: *constant_first,
            },
            MetricsExpr::Math { operator, left, right, .. } => Expression::Combine {
                operator: *operator,
                left: Box::new(self.plan(left)),
                right: Box::new(self.plan(right)),
            },
        }
    }
}

/// A constant among samples: durations count in seconds.
fn number(constant: &Literal) -> f64 {
    match constant {
        Literal::Duration(nanos) => *nanos as f64 / 1e9,
        other => other.value().float(),
    }
}

impl Expression {
    /// How often the series of a leaf are taken.
    pub fn uses(&self) -> usize {
        match self {
            Self::Leaf(_) => 1,
            Self::Top { input, .. } | Self::Filter { input, .. } | Self::Scale { input, .. } => input.uses(),
            Self::Combine { left, right, .. } => left.uses() + right.uses(),
        }
    }

    pub fn run(&self, leaves: &[SeriesSet], intervals: usize) -> SeriesSet {
        match self {
            Self::Leaf(at) => leaves.get(*at).cloned().unwrap_or_default(),
            Self::Top { input, limit, bottom } => {
                stage::top(input.run(leaves, intervals), *limit, *bottom, intervals)
            }
            Self::Filter { input, operator, constant } => {
                stage::filter(input.run(leaves, intervals), *operator, *constant)
            }
            Self::Scale { input, operator, constant, constant_first } => {
                stage::scale(input.run(leaves, intervals), *operator, *constant, *constant_first)
            }
            Self::Combine { operator, left, right } => {
                let (left, right) = (left.run(leaves, intervals), right.run(leaves, intervals));
                stage::combine(*operator, &left, &right)
            }
        }
    }
}

/// What a function measures and groups by; none for a comparison.
pub fn shape(function: &MetricsFunction) -> Option<(Shape, Option<&Attribute>, &[Attribute])> {
    let (function, attribute, by) = match function {
        MetricsFunction::Over { function, attribute, by, .. } => {
            let function = match function {
                OverTime::Rate => Function::Rate,
                OverTime::Count => Function::Count,
                OverTime::Min => Function::Min,
                OverTime::Max => Function::Max,
                OverTime::Avg => Function::Average,
                OverTime::Sum => Function::Sum,
                OverTime::Histogram => Function::Histogram,
            };
            (function, attribute.as_ref(), by)
        }
        MetricsFunction::Quantile { attribute, quantiles, by, .. } => {
            (Function::Quantile(quantiles.clone()), Some(attribute), by)
        }
        MetricsFunction::Compare { .. } => return None,
    };
    let duration = AttributeName::Intrinsic(Intrinsic::Duration);
    let of_duration = attribute.is_some_and(|attribute| attribute.name == duration);
    let names = by.iter().map(|attribute| Arc::from(attribute.to_string())).collect();
    Some((Shape { function, of_duration, by: names }, attribute, by))
}
