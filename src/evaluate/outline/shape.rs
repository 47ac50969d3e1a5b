//! Which stages a query may have to be decided on outlines: those that make the same of spans in any order.
//!
//! An outline does not tell in which order a block would store its spans.

use crate::traceql::ast::{
    Aggregate, AttributeName, FieldExpr, Intrinsic, Pipeline, Relation, ScalarExpr, SpansetExpr,
    SpansetOperator, Stage, StructuralMode,
};

/// Intrinsics are found by their words, and shown under them.
const WORDS: [&str; 21] = [
    "name",
    "kind",
    "status",
    "statusMessage",
    "duration",
    "parent",
    "id",
    "parentID",
    "childCount",
    "rootName",
    "rootServiceName",
    "traceDuration",
    "nestedSetLeft",
    "nestedSetRight",
    "nestedSetParent",
    "span:id",
    "span:parentID",
    "span:childCount",
    "trace:id",
    "timeSinceStart",
    "traceID",
];

pub(super) fn is_called_as_an_intrinsic(key: &str) -> bool {
    WORDS.contains(&key)
}

pub(super) fn is_told(pipeline: &Pipeline) -> bool {
    let mut is_grouped = false;
    pipeline.stages.iter().all(|stage| match stage {
        Stage::Spanset(SpansetExpr::Filter(_)) => true,
        // What relates spans of groups finds some of the group before, whichever that was.
        Stage::Spanset(spanset) => !is_grouped && is_told_of(spanset),
        Stage::Scalar(filter) => is_told_by(&filter.left) && is_told_by(&filter.right),
        Stage::By { .. } => {
            is_grouped = true;
            true
        }
        Stage::Coalesce { .. } | Stage::Select { .. } => true,
    })
}

fn is_told_of(spanset: &SpansetExpr) -> bool {
    match spanset {
        SpansetExpr::Filter(_) => true,
        SpansetExpr::Operation(operation) => {
            !is_of_order(operation.operator) && is_told_of(&operation.left) && is_told_of(&operation.right)
        }
        SpansetExpr::Pipeline(_) => false,
    }
}

/// `&>>` and `&<<` miss some of the pairs, by the order.
fn is_of_order(operator: SpansetOperator) -> bool {
    matches!(
        operator,
        SpansetOperator::Structural {
            relation: Relation::Descendant | Relation::Ancestor,
            mode: StructuralMode::Union
        }
    )
}

fn is_told_by(scalar: &ScalarExpr) -> bool {
    match scalar {
        ScalarExpr::Constant { .. } => true,
        ScalarExpr::Operation(operation) => is_told_by(&operation.left) && is_told_by(&operation.right),
        ScalarExpr::Aggregate(aggregate) => is_whole_number(aggregate),
        ScalarExpr::Pipeline { .. } => false,
    }
}

/// Sums of fractions depend on the order, and so does what is made of values of several types.
fn is_whole_number(aggregate: &Aggregate) -> bool {
    let Some(field) = &aggregate.field else { return true };
    matches!(field, FieldExpr::Attribute(attribute)
        if attribute.name == AttributeName::Intrinsic(Intrinsic::Duration))
}
