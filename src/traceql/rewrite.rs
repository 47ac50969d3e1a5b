//! A field expression as Tempo evaluates it: constants computed, alternatives of one attribute gathered
//! into one comparison.
//!
//! The gathering is Tempo's rewrite of `.a = 1 || .a = 2` into "in", and it is not neutral: an attribute
//! that is itself an array then fails the query, and what storage lets be seen changes. So it is made here
//! exactly where Tempo makes it, which is everywhere but below `!`, `-` and comparisons with nil, and not
//! in the filter of `compare()`.

use super::ast::{AttributeName, FieldExpr, Intrinsic};
use super::check::type_of;
use super::fold::fold;
use super::types::{Operator, Type};
use super::value::Value;
use std::borrow::Cow;

/// An expression after the rewrite. Equality with an array is "in", inequality with one "not in": nothing
/// else makes an array of constants.
#[derive(Debug, Clone, PartialEq)]
pub enum Rewritten {
    Constant(Value<'static>),
    Attribute(AttributeName),
    /// The text is for errors.
    Not {
        inner: Box<Rewritten>,
        text: String,
    },
    Negative {
        inner: Box<Rewritten>,
        text: String,
    },
    /// `inner != nil`
    Exists(Box<Rewritten>),
    /// `inner = nil`
    Missing(Box<Rewritten>),
    Binary {
        operator: Operator,
        left: Box<Rewritten>,
        right: Box<Rewritten>,
    },
    /// `left =~ pattern`, of several patterns any; `!~` where negated, of several all.
    Match {
        left: Box<Rewritten>,
        patterns: Vec<String>,
        negated: bool,
    },
    /// `&&` and `||` from the left.
    Chain {
        first: Box<Rewritten>,
        rest: Vec<Link>,
    },
}

/// An operand of `&&` or `||` after the first.
#[derive(Debug, Clone, PartialEq)]
pub struct Link {
    pub operator: Operator,
    pub field: Rewritten,
    /// Whether it is certainly a boolean.
    pub is_boolean: bool,
}

/// The expression as a search evaluates it.
pub fn rewrite(field: &FieldExpr) -> Rewritten {
    build(&fold(field), true)
}

/// The same without gathering: as the filter of `compare()` is evaluated.
pub fn folded(field: &FieldExpr) -> Rewritten {
    build(&fold(field), false)
}

fn build(field: &FieldExpr, gather: bool) -> Rewritten {
    match field {
        FieldExpr::Literal { value, .. } => Rewritten::Constant(owned(value.value())),
        FieldExpr::Attribute(attribute) => Rewritten::Attribute(attribute.name.clone()),
        FieldExpr::Not(inner) => {
            Rewritten::Not { inner: Box::new(build(&inner.field, false)), text: field.to_string() }
        }
        FieldExpr::Negative(inner) => {
            Rewritten::Negative { inner: Box::new(build(&inner.field, false)), text: field.to_string() }
        }
        FieldExpr::Exists(inner) => Rewritten::Exists(Box::new(build(&inner.field, false))),
        FieldExpr::Missing(inner) => Rewritten::Missing(Box::new(build(&inner.field, false))),
        FieldExpr::Binary(binary) => {
            let (left, right) = (build(&binary.left, gather), build(&binary.right, gather));
            compared(binary.operator, left, right)
        }
        FieldExpr::Chain(chain) => {
            let mut left = build(&chain.first, gather);
            for (operator, field) in &chain.rest {
                let link = Link {
                    operator: *operator,
                    field: build(field, gather),
                    is_boolean: type_of(field) == Type::Bool,
                };
                left = joined(left, link, gather);
            }
            left
        }
    }
}

fn compared(operator: Operator, mut left: Rewritten, mut right: Rewritten) -> Rewritten {
    without_zeros(&left, &mut right);
    without_zeros(&right, &mut left);
    match (operator.is_match(), right) {
        (true, Rewritten::Constant(Value::Text(pattern))) => Rewritten::Match {
            left: Box::new(left),
            patterns: vec![pattern.into_owned()],
            negated: operator == Operator::NotMatch,
        },
        (_, right) => Rewritten::Binary { operator, left: Box::new(left), right: Box::new(right) },
    }
}

/// A text beside `trace:id` loses its leading zeros, as the attribute has none.
fn without_zeros(attribute: &Rewritten, constant: &mut Rewritten) {
    if let (
        Rewritten::Attribute(AttributeName::Intrinsic(Intrinsic::TraceId)),
        Rewritten::Constant(Value::Text(text)),
    ) = (attribute, constant)
    {
        *text = Cow::Owned(text.trim_start_matches('0').to_owned());
    }
}

fn joined(left: Rewritten, link: Link, gather: bool) -> Rewritten {
    if gather && is_pair(&left, link.operator, &link.field) {
        return gathered(left, link.field);
    }
    match left {
        Rewritten::Chain { first, mut rest } => {
            rest.push(link);
            Rewritten::Chain { first, rest }
        }
        first => Rewritten::Chain { first: Box::new(first), rest: vec![link] },
    }
}

/// Whether both sides can be one comparison: `.a = 1 || .a = 2`, and likewise `!=` with `&&`, `=~` with
/// `||`, `!~` with `&&`.
fn is_pair(left: &Rewritten, operator: Operator, right: &Rewritten) -> bool {
    match (left, right) {
        (
            Rewritten::Binary { operator: one, left: a, right: b },
            Rewritten::Binary { operator: two, left: c, right: d },
        ) => {
            let joins = if operator == Operator::Or { Operator::Equal } else { Operator::NotEqual };
            let sides = (attribute_and_constant(a, b), attribute_and_constant(c, d));
            let (Some((attribute, x)), Some((other, y))) = sides else { return false };
            *one == joins && *two == joins && attribute == other && have_one_type(x, y)
        }
        (Rewritten::Match { left: a, negated: one, .. }, Rewritten::Match { left: b, negated: two, .. }) => {
            let is_attribute = matches!(**a, Rewritten::Attribute(_));
            one == two && *one == (operator == Operator::And) && a == b && is_attribute
        }
        _ => false,
    }
}

/// Such a pair as one comparison. Chains are long (thousands of ids), so the left side grows in place.
fn gathered(left: Rewritten, right: Rewritten) -> Rewritten {
    match (left, right) {
        (Rewritten::Match { left, mut patterns, negated }, Rewritten::Match { patterns: more, .. }) => {
            patterns.extend(more);
            Rewritten::Match { left, patterns, negated }
        }
        (Rewritten::Binary { operator, left: a, right: b }, Rewritten::Binary { left: c, right: d, .. }) => {
            let (attribute, x) = if matches!(*a, Rewritten::Constant(_)) { (b, a) } else { (a, b) };
            let y = if matches!(*c, Rewritten::Constant(_)) { c } else { d };
            let constant = match (*x, *y) {
                (Rewritten::Constant(x), Rewritten::Constant(y)) => appended(x, y),
                // Not reached: a pair has constants.
                (x, _) => return x,
            };
            Rewritten::Binary { operator, left: attribute, right: Box::new(Rewritten::Constant(constant)) }
        }
        // Not reached: nothing else is a pair.
        (left, _) => left,
    }
}

/// An attribute on one side and a constant on the other.
fn attribute_and_constant<'n>(
    left: &'n Rewritten,
    right: &'n Rewritten,
) -> Option<(&'n AttributeName, &'n Value<'static>)> {
    match (left, right) {
        (Rewritten::Attribute(attribute), Rewritten::Constant(constant))
        | (Rewritten::Constant(constant), Rewritten::Attribute(attribute)) => Some((attribute, constant)),
        _ => None,
    }
}

/// Whether both are of one type that has arrays.
fn have_one_type(left: &Value<'_>, right: &Value<'_>) -> bool {
    let element = |value: &Value<'_>| value.of_type().element().unwrap_or(value.of_type());
    let (left, right) = (element(left), element(right));
    left == right && matches!(left, Type::Int | Type::Float | Type::Text | Type::Bool)
}

/// Both values as one array.
fn appended(left: Value<'static>, right: Value<'static>) -> Value<'static> {
    use Value::{Bool, Bools, Float, Floats, Int, Ints, Text, Texts};
    let mut all = match left {
        Int(int) => Ints(vec![int]),
        Float(float) => Floats(vec![float]),
        Text(text) => Texts(vec![text]),
        Bool(flag) => Bools(vec![flag]),
        array => array,
    };
    match (&mut all, right) {
        (Ints(all), Int(int)) => all.push(int),
        (Ints(all), Ints(more)) => all.extend(more),
        (Floats(all), Float(float)) => all.push(float),
        (Floats(all), Floats(more)) => all.extend(more),
        (Texts(all), Text(text)) => all.push(text),
        (Texts(all), Texts(more)) => all.extend(more),
        (Bools(all), Bool(flag)) => all.push(flag),
        (Bools(all), Bools(more)) => all.extend(more),
        // Not reached: both are of one type.
        _ => {}
    }
    all
}

fn owned(value: Value<'_>) -> Value<'static> {
    match value {
        Value::Text(text) => Value::Text(Cow::Owned(text.into_owned())),
        Value::Int(int) => Value::Int(int),
        Value::Float(float) => Value::Float(float),
        Value::Bool(flag) => Value::Bool(flag),
        Value::Duration(nanos) => Value::Duration(nanos),
        Value::Status(status) => Value::Status(status),
        Value::Kind(kind) => Value::Kind(kind),
        // No literal is an array.
        Value::Nil | Value::Ints(_) | Value::Floats(_) | Value::Texts(_) | Value::Bools(_) => Value::Nil,
    }
}
