//! Whether a search, or a part of one, can be decided by each region for its own spans, and why not.
//!
//! Local is what looks at one span with its resource, scope, events and links. Spans of different regions
//! never meet in a filter, in `||`, in `by` of something local, in `coalesce` and in `select`.

use super::Class;
use super::reason::{Cause, Reason};
use super::relax::{is_of_trace, is_root_idiom};
use super::withheld::Withheld;
use crate::traceql::ast::{
    Attribute, AttributeName, FieldExpr, Intrinsic, Literal, Pipeline, SpansetExpr, SpansetFilter,
    SpansetOperator, Stage,
};

/// The class of a pipeline; what stands in the way is added to `reasons`.
pub fn pipeline(pipeline: &Pipeline, withheld: &Withheld, reasons: &mut Vec<Reason>) -> Class {
    worst(pipeline.stages.iter().map(|of| stage(of, withheld, reasons)))
}

/// The class of one stage, its input being local.
pub fn stage(stage: &Stage, withheld: &Withheld, reasons: &mut Vec<Reason>) -> Class {
    match stage {
        Stage::Spanset(expression) => spanset(expression, withheld, reasons),
        Stage::Scalar(filter) => {
            reasons.push(Reason::new(Cause::Aggregate, filter.place, filter));
            Class::WholeTrace
        }
        Stage::By { field: of, .. } => {
            let mut found = Vec::new();
            let class = field(of, withheld, &mut found);
            reasons.extend(found.into_iter().map(|reason| Reason {
                cause: match reason.cause {
                    cause @ (Cause::Withheld | Cause::Said) => cause,
                    _ => Cause::Grouping,
                },
                ..reason
            }));
            class
        }
        Stage::Coalesce { .. } => Class::SpanLocal,
        Stage::Select { attributes, .. } => {
            worst(attributes.iter().map(|attribute| shown(attribute, withheld, reasons)))
        }
    }
}

/// What is selected says nothing of which spans are found, but may not be asked for everywhere.
fn shown(attribute: &Attribute, withheld: &Withheld, reasons: &mut Vec<Reason>) -> Class {
    if let Some(cause) = withheld.cause(&attribute.name) {
        reasons.push(Reason::new(cause, attribute.place, attribute));
        return Class::WholeTrace;
    }
    if of_whole_trace(&attribute.name).is_some() {
        reasons.push(Reason::new(Cause::Shown, attribute.place, attribute));
    }
    Class::SpanLocal
}

/// The class of spansets and what relates them.
pub fn spanset(expression: &SpansetExpr, withheld: &Withheld, reasons: &mut Vec<Reason>) -> Class {
    match expression {
        SpansetExpr::Filter(of) => filter(of, withheld, reasons),
        SpansetExpr::Pipeline(of) => pipeline(of, withheld, reasons),
        SpansetExpr::Operation(operation) => {
            let own = if operation.operator == SpansetOperator::Or {
                Class::SpanLocal
            } else {
                reasons.push(Reason::new(Cause::Structure, operation.place, &operation.operator.sign()));
                Class::WholeTrace
            };
            let left = spanset(&operation.left, withheld, reasons);
            let right = spanset(&operation.right, withheld, reasons);
            own.max(left).max(right)
        }
    }
}

/// The class of one filter.
pub fn filter(filter: &SpansetFilter, withheld: &Withheld, reasons: &mut Vec<Reason>) -> Class {
    field(&filter.field, withheld, reasons)
}

/// The class of an expression over one span.
pub fn field(field: &FieldExpr, withheld: &Withheld, reasons: &mut Vec<Reason>) -> Class {
    match field {
        FieldExpr::Literal { .. } => Class::SpanLocal,
        FieldExpr::Attribute(of) => attribute(of, field, withheld, reasons),
        FieldExpr::Negative(inner) | FieldExpr::Not(inner) => self::field(&inner.field, withheld, reasons),
        FieldExpr::Exists(inner) | FieldExpr::Missing(inner) => match &inner.field {
            FieldExpr::Attribute(of) => attribute(of, field, withheld, reasons),
            other => self::field(other, withheld, reasons),
        },
        FieldExpr::Binary(binary) => match (&binary.left, &binary.right) {
            (FieldExpr::Attribute(of), right)
                if of.name == AttributeName::Intrinsic(Intrinsic::NestedSetParent)
                    && !withheld.covers(&of.name)
                    && is_roots(binary.operator, right) =>
            {
                Class::SpanLocal
            }
            (FieldExpr::Attribute(of), FieldExpr::Literal { .. })
            | (FieldExpr::Literal { .. }, FieldExpr::Attribute(of)) => {
                attribute(of, field, withheld, reasons)
            }
            (left, right) => self::field(left, withheld, reasons).max(self::field(right, withheld, reasons)),
        },
        FieldExpr::Chain(chain) => {
            let first = self::field(&chain.first, withheld, reasons);
            first.max(worst(chain.rest.iter().map(|(_, part)| self::field(part, withheld, reasons))))
        }
    }
}

/// `< 0`, also where the parser left a sign in front.
fn is_roots(operator: crate::traceql::types::Operator, right: &FieldExpr) -> bool {
    match crate::traceql::fold::fold(right) {
        FieldExpr::Literal { value, .. } => is_root_idiom(operator, &value),
        _ => false,
    }
}

/// What one name does to the expression it stands in.
fn attribute(
    attribute: &Attribute,
    whole: &FieldExpr,
    withheld: &Withheld,
    reasons: &mut Vec<Reason>,
) -> Class {
    let cause = withheld.cause(&attribute.name).or_else(|| of_whole_trace(&attribute.name));
    match cause {
        Some(cause) => {
            reasons.push(Reason::new(cause, whole.place(), whole));
            Class::WholeTrace
        }
        None => Class::SpanLocal,
    }
}

/// Why a name can't be answered by a part of a trace; nothing where it can.
pub(super) fn of_whole_trace(name: &AttributeName) -> Option<Cause> {
    match name {
        AttributeName::Intrinsic(Intrinsic::RootName | Intrinsic::RootServiceName) => Some(Cause::Root),
        AttributeName::Intrinsic(intrinsic) if is_of_trace(*intrinsic) => Some(Cause::Trace),
        _ => None,
    }
}

/// Whether a literal is a boolean that is true.
pub(super) fn is_true(field: &FieldExpr) -> bool {
    matches!(field, FieldExpr::Literal { value: Literal::Bool(true), .. })
}

fn worst(classes: impl Iterator<Item = Class>) -> Class {
    // All are visited, because each may add reasons.
    classes.fold(Class::SpanLocal, Class::max)
}
