//! What a query lets its storage fetch: the conditions of its filters, and whether all of them must hold.

use super::ast::{Attribute, AttributeName, MetricsFunction, Pipeline, Query};
use super::value::Value;

/// What is fetched for a query.
#[derive(Debug, Clone, PartialEq)]
pub struct FetchSpec {
    /// In the order Tempo gathers them.
    pub conditions: Vec<Condition>,
    /// Fetched for what the engine kept.
    pub second_pass: Vec<Condition>,
    /// Whether the second pass fetches every attribute there is.
    pub second_pass_all: bool,
    /// Whether a span must meet all conditions.
    pub all_conditions: bool,
}

/// What is asked of one attribute.
#[derive(Debug, Clone, PartialEq)]
pub struct Condition {
    pub attribute: Fetched,
    pub operator: Comparison,
    /// An array for the operators of several operands.
    pub operand: Option<Value<'static>>,
}

/// An attribute of a query, or what only the storage knows.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Fetched {
    Named(AttributeName),
    /// When the span starts; matches every span.
    SpanStart,
    /// Where the span stands in the tree; matches every span.
    Structure,
    /// What a search row says of the whole trace; matches every trace.
    TraceStart,
    ServiceStats,
}

/// How a condition compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// Everything is fetched.
    None,
    Exists,
    Missing,
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    Match,
    NotMatch,
    In,
    NotIn,
    MatchAny,
    MatchNone,
}

impl FetchSpec {
    /// For a search.
    pub fn of_search(query: &Query) -> Option<Self> {
        let _ = query;
        None
    }

    /// For one leaf of a metrics query.
    pub fn of_metrics(pipeline: &Pipeline, function: &MetricsFunction) -> Self {
        let _ = (pipeline, function);
        Self { conditions: Vec::new(), second_pass: Vec::new(), second_pass_all: false, all_conditions: true }
    }
}

impl From<&Attribute> for Fetched {
    fn from(attribute: &Attribute) -> Self {
        Self::Named(attribute.name.clone())
    }
}
