//! What one region can decide of a query: weaker questions about single spans, none of which a trace that
//! answers the query can escape.
//!
//! A region holds a part of each trace, so it can't decide structure, aggregates, or what belongs to the
//! whole trace. [`of`] gives filters such that every trace of the whole answer has, for each of them, a span
//! that matches it *in its own region*; traces that pass all of them are candidates, to be assembled and
//! decided. [`metrics()`] says which parts of a metrics query add up over regions. Nothing is known here of
//! spans, regions or callers: only the language, and how Tempo's storage shows values to its engine (a
//! filter must be weakened so that it holds whatever *other* conditions of the query let be seen).

mod discretion;
mod facts;
mod formula;
pub mod local;
pub mod metrics;
mod names;
mod reason;
mod regions;
mod relax;
mod structure;
mod withheld;

use super::ast::{
    AttributeName, FieldExpr, Intrinsic, Literal, Pipeline, Query, Root, Scope, SpansetExpr, SpansetFilter,
    Stage,
};
use super::place::Place;
use formula::Formula;
use names::Names;
use relax::Relaxer;
use structure::Need;

pub use discretion::{Discretion, Latitude, Open};
pub use facts::Facts;
pub use metrics::metrics;
pub use reason::{Cause, Reason};
pub use regions::{Asked, InRegions, discreetly, in_regions};
pub use withheld::Withheld;

/// Where a search, or a part of it, can be decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// By each region for its own spans: together they find exactly the spans the whole would. Only what a
    /// row says of its trace (root, duration, services) is missing.
    SpanLocal,
    /// Only on assembled traces.
    WholeTrace,
}

/// What a condition is about, which says what it is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum About {
    /// A span: it matches in the region that holds the span.
    Span,
    /// The root of the trace: it matches in the region that holds the root, and may match elsewhere too,
    /// where no root is seen.
    Root,
}

/// One filter that every trace of the answer passes in some region.
#[derive(Debug, Clone, PartialEq)]
pub struct Condition {
    pub filter: SpansetFilter,
    pub about: About,
}

/// What regions can be asked in place of a search.
#[derive(Debug, Clone, PartialEq)]
pub struct Conditions {
    pub class: Class,
    /// Never empty. Every trace of the answer passes each of them, so the candidates are the intersection
    /// of the ids that each finds over all regions; any one alone finds all candidates too.
    pub each: Vec<Condition>,
    /// One query that finds every candidate: of a span-local search the search itself, otherwise a filter
    /// that any of the conditions about spans satisfies.
    pub any: Query,
    /// Why the search is not span-local, and what was widened, in the order of the text.
    pub reasons: Vec<Reason>,
}

impl Conditions {
    /// Whether the conditions let every trace pass.
    pub fn is_open(&self) -> bool {
        self.each.iter().all(|condition| is_true(&condition.filter))
    }
}

impl std::fmt::Display for Condition {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{}", self.filter)
    }
}

/// The conditions of a query. Of a metrics query: those of the traces any of its leaves counts.
pub fn of(query: &Query, withheld: &Withheld) -> Conditions {
    let names = Names::of(query);
    match &query.root {
        Root::Pipeline(pipeline) => pipeline_conditions(pipeline, &names, withheld),
        Root::Metrics(metrics) => {
            let mut relaxer = Relaxer::new(&names, withheld).counted();
            let need = structure::metrics(metrics, &mut relaxer);
            let mut reasons = relaxer.reasons;
            let mut class = Class::SpanLocal;
            metrics::each_pipeline(metrics, &mut |pipeline| {
                class = class.max(local::pipeline(pipeline, withheld, &mut reasons));
            });
            finished(need, class, reasons)
        }
    }
}

/// Whether a query names an attribute of a resource, with its scope or without one.
pub fn names_of_resource(query: &Query, key: &str) -> bool {
    Names::of(query)
        .of_key(key)
        .any(|name| matches!(name, AttributeName::Named { scope: Scope::Resource | Scope::Any, .. }))
}

/// The conditions of a pipeline within a query of these names.
fn pipeline_conditions(pipeline: &Pipeline, names: &Names, withheld: &Withheld) -> Conditions {
    let mut reasons = Vec::new();
    let class = local::pipeline(pipeline, withheld, &mut reasons);
    let mut relaxer = Relaxer::new(names, withheld);
    let need = structure::pipeline(pipeline, &mut relaxer);
    if class == Class::WholeTrace {
        reasons.append(&mut relaxer.reasons);
        return finished(need, class, reasons);
    }
    let mut conditions = finished(need, class, reasons);
    // Each region decides it as it stands; the widened forms are for what others must repeat, and for what can
    // fail on a span, as the whole then does too.
    if !always_lists(pipeline) {
        return conditions;
    }
    if let [Stage::Spanset(SpansetExpr::Filter(filter))] = pipeline.stages.as_slice() {
        conditions.each = vec![Condition { filter: filter.clone(), about: About::Span }];
    }
    conditions.any = Query { root: Root::Pipeline(pipeline.clone()), hints: Vec::new() };
    conditions
}

fn finished(need: Need, class: Class, mut reasons: Vec<Reason>) -> Conditions {
    reasons.sort_by_key(|reason| (reason.place.start, reason.place.end));
    reasons.dedup_by(|a, b| (a.place.start, a.place.end, a.cause) == (b.place.start, b.place.end, b.cause));
    let any = need.spans.iter().cloned().reduce(Formula::or).unwrap_or(Formula::True);
    let condition =
        |about: About| move |formula: Formula| Condition { filter: filter_of(formula.finish()), about };
    let spans = need.spans.into_iter().map(condition(About::Span));
    let mut each: Vec<Condition> = spans.chain(need.roots.into_iter().map(condition(About::Root))).collect();
    if each.iter().any(|condition| !is_true(&condition.filter)) {
        each.retain(|condition| !is_true(&condition.filter));
    }
    each.dedup();
    if each.is_empty() {
        each.push(Condition { filter: everything(), about: About::Span });
    }
    Conditions { class, each, any: query_of(filter_of(any.finish())), reasons }
}

/// A filter of what was made; everything, where its text is more than a region reads.
fn filter_of(field: FieldExpr) -> SpansetFilter {
    let filter = SpansetFilter { field, place: Place::default() };
    // Widening makes text longer and trees deeper, and what was near a limit may pass it.
    if super::compile(&filter.to_string()).is_ok() { filter } else { everything() }
}

/// Whether a region that is asked this lists its traces, whatever their attributes hold: nothing of it fails on
/// a span, and every row says of which trace it is. Where the whole fails, it is the whole that has to say so,
/// and not a region that would be missing then.
fn always_lists(pipeline: &Pipeline) -> bool {
    pipeline.stages.iter().all(|stage| match stage {
        Stage::Spanset(expression) => spanset_never_fails(expression),
        // Grouped by their ids, traces come without one, all of them in one row.
        Stage::By { field: FieldExpr::Attribute(by), .. } => {
            by.name != AttributeName::Intrinsic(Intrinsic::TraceId)
        }
        Stage::Coalesce { .. } | Stage::Select { .. } => true,
        Stage::By { .. } | Stage::Scalar(_) => false,
    })
}

fn spanset_never_fails(expression: &SpansetExpr) -> bool {
    match expression {
        SpansetExpr::Filter(filter) => never_fails(&filter.field),
        SpansetExpr::Pipeline(pipeline) => always_lists(pipeline),
        SpansetExpr::Operation(operation) => {
            spanset_never_fails(&operation.left) && spanset_never_fails(&operation.right)
        }
    }
}

/// Whether a condition gives an answer for every span, whatever its attributes hold: it is made of
/// comparisons of single values. Two attributes may be two lists, which can't be compared.
fn never_fails(field: &FieldExpr) -> bool {
    let is_attribute = |field: &FieldExpr| matches!(field, FieldExpr::Attribute(_));
    let is_value = |field: &FieldExpr| matches!(field, FieldExpr::Attribute(_) | FieldExpr::Literal { .. });
    match field {
        FieldExpr::Literal { value, .. } => matches!(value, Literal::Bool(_)),
        FieldExpr::Exists(inner) | FieldExpr::Missing(inner) => is_value(&inner.field),
        FieldExpr::Not(inner) => never_fails(&inner.field),
        FieldExpr::Binary(binary) => {
            !binary.operator.is_arithmetic()
                && is_value(&binary.left)
                && is_value(&binary.right)
                && !(is_attribute(&binary.left) && is_attribute(&binary.right))
        }
        FieldExpr::Chain(chain) => {
            never_fails(&chain.first) && chain.rest.iter().all(|(_, field)| never_fails(field))
        }
        FieldExpr::Attribute(_) | FieldExpr::Negative(_) => false,
    }
}

/// `{ true }`
fn everything() -> SpansetFilter {
    let place = Place::default();
    SpansetFilter { field: FieldExpr::Literal { value: Literal::Bool(true), place }, place }
}

fn is_true(filter: &SpansetFilter) -> bool {
    matches!(filter.field, FieldExpr::Literal { value: Literal::Bool(true), .. })
}

fn query_of(filter: SpansetFilter) -> Query {
    let place = Place::default();
    let stages = vec![Stage::Spanset(SpansetExpr::Filter(filter))];
    Query { root: Root::Pipeline(Pipeline { stages, place }), hints: Vec::new() }
}

#[cfg(test)]
mod tests;
