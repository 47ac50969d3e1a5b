//! What a metrics query fetches besides its filter, and when Tempo leaves the filter out.

use super::extract::Extractor;
use super::{Condition, FetchSpec, Fetched};
use crate::traceql::ast::{Attribute, MetricsFunction, Pipeline, ScalarExpr, SpansetExpr, Stage};
use hashbrown::HashSet;

pub(super) fn spec(pipeline: &Pipeline, function: &MetricsFunction) -> FetchSpec {
    let mut spec = Extractor::of_pipeline(pipeline);
    look(&mut spec, function);
    if !spec.has(&Fetched::SpanStart) {
        spec.second_pass.push(Condition::any(Fetched::SpanStart));
    }
    spec.is_span_only = !pipeline.stages.iter().any(looks_at_several);
    simplify(&mut spec);
    if !spec.is_span_only {
        spec.coalesce();
    }
    spec
}

/// Adds what the function itself looks at.
pub(super) fn look(spec: &mut FetchSpec, function: &MetricsFunction) {
    match function {
        MetricsFunction::Over { attribute, by, .. } => {
            measured(spec, attribute.as_ref());
            // An average's too: Tempo's forgets to, and loses labels to its filter that a sum and a count keep.
            grouped(spec, by);
        }
        MetricsFunction::Quantile { attribute, by, .. } => {
            measured(spec, Some(attribute));
            grouped(spec, by);
        }
        MetricsFunction::Compare { .. } => spec.second_pass_all = true,
    }
}

fn measured(spec: &mut FetchSpec, attribute: Option<&Attribute>) {
    if let Some(attribute) = attribute.map(|attribute| Fetched::from(&attribute.name))
        && !spec.has(&attribute)
    {
        spec.second_pass.push(Condition::any(attribute));
    }
}

/// A label must be whole: where the filter may hide a value, it is fetched again.
fn grouped(spec: &mut FetchSpec, by: &[Attribute]) {
    for attribute in by.iter().map(|attribute| Fetched::from(&attribute.name)) {
        let is_there = match spec.all_conditions {
            true => spec.has(&attribute),
            false => spec.second_pass_has(&attribute),
        };
        if !is_there {
            spec.second_pass.push(Condition::any(attribute));
        }
    }
}

/// Whether a stage needs the whole trace.
fn looks_at_several(stage: &Stage) -> bool {
    match stage {
        Stage::Spanset(SpansetExpr::Operation(_)) => true,
        Stage::Spanset(SpansetExpr::Pipeline(pipeline)) => pipeline.stages.iter().any(looks_at_several),
        Stage::Scalar(filter) => [&filter.left, &filter.right].into_iter().any(|side| match side {
            ScalarExpr::Aggregate(_) | ScalarExpr::Pipeline { .. } => true,
            ScalarExpr::Constant { .. } | ScalarExpr::Operation(_) => false,
        }),
        Stage::Spanset(SpansetExpr::Filter(_))
        | Stage::By { .. }
        | Stage::Coalesce { .. }
        | Stage::Select { .. } => false,
    }
}

/// Tempo's shortcuts: where all conditions must hold, what every span has is fetched at once, and
/// where the conditions alone seem to say everything, the filter is not run.
fn simplify(spec: &mut FetchSpec) {
    if !spec.all_conditions || spec.second_pass_all {
        return;
    }
    if !is_plain(&spec.conditions) || !spec.second_pass.iter().all(|one| one.attribute.is_everywhere()) {
        return;
    }
    spec.conditions.append(&mut spec.second_pass);
    let are_everywhere = spec.conditions.iter().all(|one| one.attribute.is_everywhere());
    spec.is_decided = spec.conditions.len() == 1 || are_everywhere;
}

/// Whether each is of an attribute of its own, and scoped.
fn is_plain(conditions: &[Condition]) -> bool {
    let mut seen = HashSet::new();
    conditions.iter().all(|one| !one.attribute.is_unscoped() && seen.insert(&one.attribute))
}
