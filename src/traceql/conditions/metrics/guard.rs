//! Sums and counts of only those spans that have the value.
//!
//! `count_over_time` counts spans without the value too, and `sum_over_time` is spoiled by them, so the search
//! is narrowed to spans that have it: once as an integer, once as a float, because storage keeps them apart.
//! A guard is a condition like others, and conditions change what the search sees; it is set only where that
//! can't matter.

use super::is_on_every_span;
use crate::traceql::ast::{
    Attribute, AttributeName, Binary, Chain, FieldExpr, Literal, Pipeline, SpansetExpr, SpansetFilter, Stage,
};
use crate::traceql::conditions::local::is_true;
use crate::traceql::place::Place;
use crate::traceql::types::Operator;

/// The search narrowed to spans with a number there, in as many parts as it takes; nothing where a guard
/// would change what is found.
pub(super) fn holders(pipeline: &Pipeline, attribute: Option<&Attribute>) -> Option<Vec<Pipeline>> {
    let attribute = attribute?;
    if is_on_every_span(attribute) {
        return Some(vec![pipeline.clone()]);
    }
    if !matches!(attribute.name, AttributeName::Named { .. }) {
        return None;
    }
    let [Stage::Spanset(SpansetExpr::Filter(filter))] = pipeline.stages.as_slice() else { return None };
    if asks_for_number(&filter.field, attribute) {
        return Some(vec![pipeline.clone()]);
    }
    let is_everything = is_true(&filter.field);
    if !is_everything && (!is_plain(&filter.field) || mentions(&filter.field, attribute)) {
        return None;
    }
    let guarded = |least: FieldExpr| {
        let guard = test(attribute, least);
        let field = if is_everything { guard } else { and(&filter.field, guard) };
        let filter = SpansetFilter { field, place: filter.place };
        Pipeline { stages: vec![Stage::Spanset(SpansetExpr::Filter(filter))], place: pipeline.place }
    };
    Some(vec![guarded(literal(Literal::Int(i64::MIN))), guarded(least_float())])
}

fn literal(value: Literal) -> FieldExpr {
    FieldExpr::Literal { value, place: Place::default() }
}

/// The sign of a number is an operator.
fn least_float() -> FieldExpr {
    let field = literal(Literal::Float(f64::MAX));
    FieldExpr::Negative(Box::new(crate::traceql::ast::Inner { field, place: Place::default() }))
}

fn test(attribute: &Attribute, least: FieldExpr) -> FieldExpr {
    FieldExpr::Binary(Box::new(Binary {
        operator: Operator::GreaterEqual,
        left: FieldExpr::Attribute(attribute.clone()),
        right: least,
        place: attribute.place,
    }))
}

/// `field && guard`; a chain is read from the left, so it goes on.
fn and(field: &FieldExpr, guard: FieldExpr) -> FieldExpr {
    let (first, mut rest) = match field {
        FieldExpr::Chain(chain) => (chain.first.clone(), chain.rest.clone()),
        other => (other.clone(), Vec::new()),
    };
    rest.push((Operator::And, guard));
    FieldExpr::Chain(Box::new(Chain { first, rest, place: field.place() }))
}

/// Whether one of the conditions that must all hold is already a comparison of this attribute with a number.
fn asks_for_number(field: &FieldExpr, attribute: &Attribute) -> bool {
    match field {
        FieldExpr::Binary(binary) => {
            binary.operator.is_comparison()
                && matches!(&binary.left, FieldExpr::Attribute(of) if of.name == attribute.name)
                && matches!(
                    crate::traceql::fold::fold(&binary.right),
                    FieldExpr::Literal { value: Literal::Int(_) | Literal::Float(_), .. }
                )
        }
        FieldExpr::Chain(chain) if chain.rest.iter().all(|(operator, _)| *operator == Operator::And) => {
            let mut parts = std::iter::once(&chain.first).chain(chain.rest.iter().map(|(_, part)| part));
            parts.any(|part| asks_for_number(part, attribute))
        }
        _ => false,
    }
}

/// Only conditions on values: no negation, nothing missing, no constant among them.
fn is_plain(field: &FieldExpr) -> bool {
    match field {
        FieldExpr::Attribute(_) | FieldExpr::Exists(_) => true,
        FieldExpr::Literal { .. } | FieldExpr::Not(_) | FieldExpr::Negative(_) | FieldExpr::Missing(_) => {
            false
        }
        FieldExpr::Binary(binary) => binary.left.reads_span() || binary.right.reads_span(),
        FieldExpr::Chain(chain) => {
            is_plain(&chain.first) && chain.rest.iter().all(|(_, part)| is_plain(part))
        }
    }
}

/// Whether a key is named in any scope.
fn mentions(field: &FieldExpr, attribute: &Attribute) -> bool {
    let key_of = |name: &AttributeName| match name {
        AttributeName::Named { key, .. } => Some(key.clone()),
        AttributeName::Intrinsic(_) => None,
    };
    let mut found = Vec::new();
    field.attributes(&mut found);
    found.iter().any(|other| key_of(&other.name) == key_of(&attribute.name) && key_of(&other.name).is_some())
}
