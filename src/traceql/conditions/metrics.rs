//! Which parts of a metrics query add up over regions, what each region is asked for them, and what is done
//! after the merge.
//!
//! A metrics query is a tree: at its leaves a search and a function over its spans, above them arithmetic,
//! comparisons and `topk`, which only the whole can take. Each [`Leaf`] says its [`Way`].

mod guard;
mod join;

use super::local;
use super::names::Names;
use super::reason::{Cause, Reason};
use super::withheld::Withheld;
use super::{Class, Conditions};
use crate::traceql::ast::{
    Attribute, AttributeName, Intrinsic, Literal, MetricsExpr, MetricsFunction, OverTime, Pipeline, Query,
    Root, SecondStage,
};
use crate::traceql::place::Place;
use crate::traceql::types::Operator;

pub use join::{IDS_MAX, RootJoin};

/// Values that `compare()` is asked for, whatever the query keeps: its own maximum.
const COMPARE_TOP_ASKED: i64 = 1000;

/// A metrics query as it is put together again.
#[derive(Debug, Clone, PartialEq)]
pub enum Merge {
    Leaf(Box<Leaf>),
    /// `topk(3)`, `> 5`, after everything below is merged.
    Second {
        input: Box<Merge>,
        stage: SecondStage,
    },
    Scaled {
        operator: Operator,
        constant: Literal,
        constant_first: bool,
        input: Box<Merge>,
    },
    Math {
        operator: Operator,
        left: Box<Merge>,
        right: Box<Merge>,
    },
}

/// One function over the spans of a search.
#[derive(Debug, Clone, PartialEq)]
pub struct Leaf {
    /// The leaf as a query of its own.
    pub query: Query,
    pub place: Place,
    pub way: Way,
    /// Why it does not simply add up, in the order of the text.
    pub reasons: Vec<Reason>,
}

/// How a leaf is answered from several regions. Series are the same where their labels are.
#[derive(Debug, Clone, PartialEq)]
pub enum Way {
    /// The answers of all regions to each of these, folded sample by sample.
    Fold { asked: Vec<Query>, fold: Fold },
    /// All sums by all counts.
    Average { sums: Vec<Query>, counts: Vec<Query> },
    /// Buckets are added; quantiles computed from them, zero for an empty interval.
    Quantiles { asked: Query, quantiles: Vec<f64> },
    /// Counts are added; then only so many values of each attribute are kept.
    Compare { asked: Query, top: i64 },
    /// First the traces by their roots, then their spans by id.
    RootJoin(Box<RootJoin>),
    /// Only from assembled traces; these conditions find them.
    Assembled { candidates: Conditions },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fold {
    Add,
    /// Add, then divide by the seconds of a step.
    AddPerSecond,
    Min,
    Max,
}

/// How a metrics query is split; nothing for a search.
pub fn metrics(query: &Query, withheld: &Withheld) -> Option<Merge> {
    match &query.root {
        Root::Pipeline(_) => None,
        Root::Metrics(metrics) => Some(merge(metrics, withheld)),
    }
}

fn merge(metrics: &MetricsExpr, withheld: &Withheld) -> Merge {
    let boxed = |input: &MetricsExpr| Box::new(merge(input, withheld));
    match metrics {
        MetricsExpr::Query { pipeline, function, place } => {
            Merge::Leaf(Box::new(leaf(pipeline, function, *place, withheld)))
        }
        MetricsExpr::Second { input, stage, .. } => {
            Merge::Second { input: boxed(input), stage: stage.clone() }
        }
        MetricsExpr::Scaled { operator, constant, constant_first, input, .. } => Merge::Scaled {
            operator: *operator,
            constant: constant.clone(),
            constant_first: *constant_first,
            input: boxed(input),
        },
        MetricsExpr::Math { operator, left, right, .. } => {
            Merge::Math { operator: *operator, left: boxed(left), right: boxed(right) }
        }
    }
}

/// Every search in a metrics query.
pub(super) fn each_pipeline<'q>(metrics: &'q MetricsExpr, with: &mut impl FnMut(&'q Pipeline)) {
    match metrics {
        MetricsExpr::Query { pipeline, .. } => with(pipeline),
        MetricsExpr::Second { input, .. } | MetricsExpr::Scaled { input, .. } => each_pipeline(input, with),
        MetricsExpr::Math { left, right, .. } => {
            each_pipeline(left, with);
            each_pipeline(right, with);
        }
    }
}

impl Merge {
    /// The leaves, from left to right.
    pub fn leaves<'m>(&'m self, into: &mut Vec<&'m Leaf>) {
        match self {
            Self::Leaf(leaf) => into.push(leaf),
            Self::Second { input, .. } | Self::Scaled { input, .. } => input.leaves(into),
            Self::Math { left, right, .. } => {
                left.leaves(into);
                right.leaves(into);
            }
        }
    }
}

fn leaf(pipeline: &Pipeline, function: &MetricsFunction, place: Place, withheld: &Withheld) -> Leaf {
    let query = asked(pipeline.clone(), function.clone());
    let mut reasons = Vec::new();
    let searched = local::pipeline(pipeline, withheld, &mut reasons);
    let read = read_locally(function, withheld, &mut reasons);
    let way = match searched.max(read) {
        Class::SpanLocal => of_local(pipeline, function, &mut reasons),
        Class::WholeTrace => {
            join::of(pipeline, function, withheld, &mut reasons).map(|join| Way::RootJoin(Box::new(join)))
        }
    };
    let way = way.unwrap_or_else(|| Way::Assembled {
        candidates: super::pipeline_conditions(pipeline, &Names::of(&query), withheld),
    });
    reasons.sort_by_key(|reason| (reason.place.start, reason.place.end));
    Leaf { query, place, way, reasons }
}

/// Whether what a function reads of each span is the span's own.
fn read_locally(function: &MetricsFunction, withheld: &Withheld, reasons: &mut Vec<Reason>) -> Class {
    let (attribute, by) = match function {
        MetricsFunction::Over { attribute, by, .. } => (attribute.as_ref(), by.as_slice()),
        MetricsFunction::Quantile { attribute, by, .. } => (Some(attribute), by.as_slice()),
        MetricsFunction::Compare { filter, place, .. } => {
            if !withheld.is_empty() {
                reasons.push(Reason::new(Cause::Everything, *place, function));
                return Class::WholeTrace;
            }
            return local::filter(filter, withheld, reasons);
        }
    };
    let mut class = Class::SpanLocal;
    let both = attribute.map(|of| (of, false)).into_iter().chain(by.iter().map(|of| (of, true)));
    for (attribute, is_group) in both {
        let cause = match withheld.cause(&attribute.name) {
            Some(cause) => cause,
            None => match local::of_whole_trace(&attribute.name) {
                Some(_) if is_group => Cause::Grouping,
                Some(cause) => cause,
                None => continue,
            },
        };
        reasons.push(Reason::new(cause, attribute.place, attribute));
        class = Class::WholeTrace;
    }
    class
}

/// The way of a leaf that looks at one span at a time; nothing where its parts don't add up all the same.
fn of_local(pipeline: &Pipeline, function: &MetricsFunction, reasons: &mut Vec<Reason>) -> Option<Way> {
    let same = |function: MetricsFunction| asked(pipeline.clone(), function);
    let fold = |asked: Query, fold: Fold| Way::Fold { asked: vec![asked], fold };
    match function {
        MetricsFunction::Compare { filter, top, window, place } => Some(Way::Compare {
            asked: same(MetricsFunction::Compare {
                filter: filter.clone(),
                top: COMPARE_TOP_ASKED,
                window: *window,
                place: *place,
            }),
            top: *top,
        }),
        MetricsFunction::Quantile { attribute, quantiles, by, .. } => Some(Way::Quantiles {
            asked: same(over(OverTime::Histogram, Some(attribute), by)),
            quantiles: quantiles.clone(),
        }),
        MetricsFunction::Over { function: over_time, attribute, by, place } => match over_time {
            OverTime::Count | OverTime::Histogram => Some(fold(same(function.clone()), Fold::Add)),
            OverTime::Rate => Some(fold(same(over(OverTime::Count, None, by)), Fold::AddPerSecond)),
            OverTime::Min => Some(fold(same(function.clone()), Fold::Min)),
            OverTime::Max => Some(fold(same(function.clone()), Fold::Max)),
            OverTime::Sum | OverTime::Avg => {
                let Some(guarded) = guard::holders(pipeline, attribute.as_ref()) else {
                    reasons.push(Reason::new(Cause::Sparse, *place, function));
                    return None;
                };
                let each = |function: &MetricsFunction| -> Vec<Query> {
                    guarded.iter().map(|pipeline| asked(pipeline.clone(), function.clone())).collect()
                };
                let sums = each(&over(OverTime::Sum, attribute.as_ref(), by));
                Some(match over_time {
                    OverTime::Sum => Way::Fold { asked: sums, fold: Fold::Add },
                    _ => Way::Average { sums, counts: each(&over(OverTime::Count, None, by)) },
                })
            }
        },
    }
}

fn over(function: OverTime, attribute: Option<&Attribute>, by: &[Attribute]) -> MetricsFunction {
    let attribute = match function {
        OverTime::Rate | OverTime::Count => None,
        _ => attribute.cloned(),
    };
    MetricsFunction::Over { function, attribute, by: by.to_vec(), place: Place::default() }
}

fn asked(pipeline: Pipeline, function: MetricsFunction) -> Query {
    let place = Place::default();
    Query { root: Root::Metrics(MetricsExpr::Query { pipeline, function, place }), hints: Vec::new() }
}

/// What every span has, as a number.
fn is_on_every_span(attribute: &Attribute) -> bool {
    attribute.name == AttributeName::Intrinsic(Intrinsic::Duration)
}
