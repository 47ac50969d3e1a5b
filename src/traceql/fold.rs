//! Computes what needs no span: `1 + 1`, `!(true)`, `"nil" = nil`.
//!
//! Tempo does it while it builds its tree, so what it evaluates, and the names it gives to attributes of
//! answers, are those of the folded tree. What is ill typed or fails (`1 / 0`) stays as written.

use super::ast::{Binary, Chain, FieldExpr, Inner, Literal};
use super::pattern::Patterns;
use super::place::Place;
use super::types::Operator;
use super::value::{self, Value};

/// The same expression with its constant parts computed.
#[must_use]
pub fn fold(field: &FieldExpr) -> FieldExpr {
    match field {
        FieldExpr::Literal { .. } | FieldExpr::Attribute(_) => field.clone(),
        FieldExpr::Negative(inner) => unary(inner, FieldExpr::Negative, value::negated),
        FieldExpr::Not(inner) => unary(inner, FieldExpr::Not, value::not),
        FieldExpr::Exists(inner) => unary(inner, FieldExpr::Exists, |_| Some(Value::Bool(true))),
        // Tempo stands a missing attribute for the text "nil", which a literal can be too.
        FieldExpr::Missing(inner) => unary(inner, FieldExpr::Missing, |value| {
            Some(Value::Bool(matches!(value, Value::Text(text) if text == "nil")))
        }),
        FieldExpr::Binary(binary) => {
            let (left, right) = (fold(&binary.left), fold(&binary.right));
            joined(binary.operator, left, right, binary.place)
        }
        FieldExpr::Chain(chain) => {
            let first = fold(&chain.first);
            chain
                .rest
                .iter()
                .fold(first, |left, (operator, right)| joined(*operator, left, fold(right), chain.place))
        }
    }
}

fn unary(
    inner: &Inner,
    make: impl FnOnce(Box<Inner>) -> FieldExpr,
    compute: impl FnOnce(&Value<'_>) -> Option<Value<'static>>,
) -> FieldExpr {
    let field = fold(&inner.field);
    let computed = match &field {
        FieldExpr::Literal { value, .. } => compute(&value.value()),
        _ => None,
    };
    match computed.as_ref().and_then(literal) {
        Some(value) => FieldExpr::Literal { value, place: inner.place },
        None => make(Box::new(Inner { field, place: inner.place })),
    }
}

fn joined(operator: Operator, left: FieldExpr, right: FieldExpr, place: Place) -> FieldExpr {
    if let Some(value) = computed(operator, &left, &right) {
        return FieldExpr::Literal { value, place };
    }
    if !operator.is_logic() {
        return FieldExpr::Binary(Box::new(Binary { operator, left, right, place }));
    }
    match left {
        FieldExpr::Chain(mut chain) => {
            chain.rest.push((operator, right));
            FieldExpr::Chain(chain)
        }
        first => FieldExpr::Chain(Box::new(Chain { first, rest: vec![(operator, right)], place })),
    }
}

fn computed(operator: Operator, left: &FieldExpr, right: &FieldExpr) -> Option<Literal> {
    let FieldExpr::Literal { value: left, .. } = left else { return None };
    // A constant left side may decide alone, even beside what would fail.
    let decided = match (operator, left) {
        (Operator::And, Literal::Bool(false)) => Some(false),
        (Operator::Or, Literal::Bool(true)) => Some(true),
        _ => None,
    };
    if let (Some(decided), false) = (decided, right.reads_span()) {
        return Some(Literal::Bool(decided));
    }
    let FieldExpr::Literal { value: right, .. } = right else { return None };
    let (left, right) = (left.value(), right.value());
    let (left_type, right_type) = (left.of_type(), right.of_type());
    if !left_type.goes_with(right_type) || !operator.takes(left_type) || !operator.takes(right_type) {
        return None;
    }
    if let (true, Value::Text(pattern)) = (operator.is_match(), &right) {
        let patterns = Patterns::brief(pattern).ok()?;
        return patterns.decide(&left, operator == Operator::NotMatch).ok().map(Literal::Bool);
    }
    literal(&value::apply(operator, &left, &right).ok()?)
}

/// What can stand in a tree again.
fn literal(value: &Value<'_>) -> Option<Literal> {
    match value {
        Value::Bool(flag) => Some(Literal::Bool(*flag)),
        other => Literal::number(other),
    }
}
