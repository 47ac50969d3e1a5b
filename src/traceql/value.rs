//! Values and what operators make of them.
//!
//! The rules are those of Tempo's engine, run-time quirks included: types that do not go together give
//! `false` rather than an error, nil is never equal to anything, an array is compared element by element.
//! Regular expressions are decided by [`super::pattern`], not here.

use super::types::{Operator, Type};
use std::borrow::Cow;

/// A value of a query or of a span.
#[derive(Debug, Clone, PartialEq)]
pub enum Value<'a> {
    Nil,
    Int(i64),
    Float(f64),
    Text(Cow<'a, str>),
    Bool(bool),
    /// Nanoseconds.
    Duration(i64),
    /// In TraceQL's numbers ([`Status`]), which are not OTLP's.
    Status(i64),
    /// In TraceQL's numbers ([`Kind`]), which are not OTLP's.
    Kind(i64),
    Ints(Vec<i64>),
    Floats(Vec<f64>),
    Texts(Vec<Cow<'a, str>>),
    Bools(Vec<bool>),
}

/// The words for a status, in TraceQL's numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    Error = 0,
    Ok = 1,
    Unset = 2,
}

/// The words for a kind, in TraceQL's numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Unspecified = 0,
    Internal = 1,
    Client = 2,
    Server = 3,
    Producer = 4,
    Consumer = 5,
}

/// An expression that is well typed in the query but not for a span it met; it ends the whole evaluation.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    #[error("division by zero")]
    DivisionByZero,
    #[error("modulo by zero")]
    ModuloByZero,
    #[error("unsupported operation: arithmetic on an array")]
    ArrayArithmetic,
    #[error("spanset operators are not supported for multiple spansets per trace. consider using coalesce()")]
    SeveralSpansets,
    #[error("array operators must consist of a scalar and an array operand")]
    TwoArrays,
    #[error(
        "the query names too many attributes for a trace of so many spans: at most {most} values are read"
    )]
    TooManyValues { most: usize },
    #[error("the query computes too much of the groups of one trace: at most {most} values are kept")]
    TooManyGroups { most: usize },
    #[error("the time to answer in is over")]
    Stopped,
    #[error("expression ({expression}) expected {wanted}, but got {}", .found.name())]
    WrongType { expression: String, wanted: &'static str, found: Type },
}

impl Value<'_> {
    pub fn of_type(&self) -> Type {
        match self {
            Value::Nil => Type::Nil,
            Value::Int(_) => Type::Int,
            Value::Float(_) => Type::Float,
            Value::Text(_) => Type::Text,
            Value::Bool(_) => Type::Bool,
            Value::Duration(_) => Type::Duration,
            Value::Status(_) => Type::Status,
            Value::Kind(_) => Type::Kind,
            Value::Ints(_) => Type::Ints,
            Value::Floats(_) => Type::Floats,
            Value::Texts(_) => Type::Texts,
            Value::Bools(_) => Type::Bools,
        }
    }

    /// As a float; what is no number is not a number.
    pub fn float(&self) -> f64 {
        match self {
            Value::Float(float) => *float,
            Value::Int(int) | Value::Duration(int) => *int as f64,
            _ => f64::NAN,
        }
    }

    /// The elements of an array, or the value itself.
    fn elements(&self) -> Vec<Value<'_>> {
        match self {
            Value::Ints(all) => all.iter().map(|int| Value::Int(*int)).collect(),
            Value::Floats(all) => all.iter().map(|float| Value::Float(*float)).collect(),
            Value::Texts(all) => all.iter().map(|text| Value::Text(Cow::Borrowed(text.as_ref()))).collect(),
            Value::Bools(all) => all.iter().map(|flag| Value::Bool(*flag)).collect(),
            other => vec![other.clone()],
        }
    }
}

/// What `left operator right` is. Regex operators give `false` here: they need a compiled pattern.
pub fn apply<'v>(operator: Operator, left: &Value<'_>, right: &Value<'_>) -> Result<Value<'v>, Failure> {
    let (left_type, right_type) = (left.of_type(), right.of_type());
    let valid = left_type.goes_with(right_type) && operator.takes(left_type) && operator.takes(right_type);
    if !valid {
        return Ok(Value::Bool(false));
    }
    if left_type.element().is_none() && right_type.element().is_none() {
        return scalar(operator, left, right);
    }
    if operator.is_arithmetic() {
        return Err(Failure::ArrayArithmetic);
    }
    if left_type.element().is_some() && right_type.element().is_some() {
        return Err(Failure::TwoArrays);
    }
    elementwise(operator, left, right)
}

/// One side is an array: `!=` must hold for every element, everything else for one.
fn elementwise<'v>(operator: Operator, left: &Value<'_>, right: &Value<'_>) -> Result<Value<'v>, Failure> {
    let all = operator == Operator::NotEqual;
    if (all || operator == Operator::Equal)
        && let Some(is_in) = is_in(left, right)
    {
        return Ok(Value::Bool(is_in != all));
    }
    for left in left.elements() {
        for right in right.elements() {
            let holds = match apply(operator, &left, &right)? {
                Value::Bool(holds) => holds,
                _ => false,
            };
            if holds != all {
                return Ok(Value::Bool(holds));
            }
        }
    }
    Ok(Value::Bool(all))
}

/// Whether a value is in a list of its own type; lists of ids are long, so they are not taken apart.
fn is_in(value: &Value<'_>, list: &Value<'_>) -> Option<bool> {
    match (value, list) {
        (Value::Text(text), Value::Texts(all)) => Some(all.contains(text)),
        (Value::Int(int), Value::Ints(all)) => Some(all.contains(int)),
        (Value::Float(float), Value::Floats(all)) => Some(all.contains(float)),
        (Value::Bool(flag), Value::Bools(all)) => Some(all.contains(flag)),
        _ => None,
    }
}

fn scalar<'v>(operator: Operator, left: &Value<'_>, right: &Value<'_>) -> Result<Value<'v>, Failure> {
    match (left, right) {
        (Value::Text(left), Value::Text(right)) => Ok(Value::Bool(text(operator, left, right))),
        (Value::Int(left), Value::Int(right)) => integer(operator, *left, *right),
        (Value::Bool(left), Value::Bool(right)) => Ok(Value::Bool(match operator {
            Operator::And => *left && *right,
            Operator::Or => *left || *right,
            Operator::NotEqual => left != right,
            _ => left == right,
        })),
        _ => Ok(number(operator, left, right)),
    }
}

/// Text is compared bytewise.
fn text(operator: Operator, left: &str, right: &str) -> bool {
    match operator {
        Operator::Equal => left == right,
        Operator::NotEqual => left != right,
        Operator::Less => left < right,
        Operator::LessEqual => left <= right,
        Operator::Greater => left > right,
        Operator::GreaterEqual => left >= right,
        _ => false,
    }
}

/// Integers wrap, as Go's do; a power goes through floats and has its sides exchanged, as in Tempo.
fn integer<'v>(operator: Operator, left: i64, right: i64) -> Result<Value<'v>, Failure> {
    Ok(match operator {
        Operator::Add => Value::Int(left.wrapping_add(right)),
        Operator::Sub => Value::Int(left.wrapping_sub(right)),
        Operator::Mul => Value::Int(left.wrapping_mul(right)),
        Operator::Div if right == 0 => return Err(Failure::DivisionByZero),
        Operator::Div => Value::Int(left.wrapping_div(right)),
        Operator::Mod if right == 0 => return Err(Failure::ModuloByZero),
        Operator::Mod => Value::Int(left.wrapping_rem(right)),
        Operator::Pow => Value::Int(truncated((right as f64).powf(left as f64))),
        Operator::Equal => Value::Bool(left == right),
        Operator::NotEqual => Value::Bool(left != right),
        Operator::Less => Value::Bool(left < right),
        Operator::LessEqual => Value::Bool(left <= right),
        Operator::Greater => Value::Bool(left > right),
        Operator::GreaterEqual => Value::Bool(left >= right),
        _ => Value::Bool(false),
    })
}

/// As Go converts a float to an integer on amd64: what does not fit becomes the smallest integer.
fn truncated(float: f64) -> i64 {
    const LIMIT: f64 = 9_223_372_036_854_775_808.0;
    if (-LIMIT..LIMIT).contains(&float) { float as i64 } else { i64::MIN }
}

/// Everything that is not two texts, two integers or two booleans.
fn number<'v>(operator: Operator, left: &Value<'_>, right: &Value<'_>) -> Value<'v> {
    let (l, r) = (left.float(), right.float());
    match operator {
        Operator::Add => Value::Float(l + r),
        Operator::Sub => Value::Float(l - r),
        Operator::Mul => Value::Float(l * r),
        Operator::Div => Value::Float(l / r),
        Operator::Mod => Value::Float(l % r),
        Operator::Pow => Value::Float(l.powf(r)),
        Operator::Less => Value::Bool(l < r),
        Operator::LessEqual => Value::Bool(l <= r),
        Operator::Greater => Value::Bool(l > r),
        Operator::GreaterEqual => Value::Bool(l >= r),
        Operator::Equal => Value::Bool(equal(left, right).unwrap_or(false)),
        Operator::NotEqual => Value::Bool(equal(left, right).is_some_and(|equal| !equal)),
        _ => Value::Bool(false),
    }
}

/// Equality beyond texts, integers and booleans; `None` where one side is nil, which is neither equal
/// nor unequal to anything.
fn equal(left: &Value<'_>, right: &Value<'_>) -> Option<bool> {
    match (left, right) {
        (Value::Nil, _) | (_, Value::Nil) => None,
        (Value::Int(l) | Value::Duration(l), Value::Int(r) | Value::Duration(r)) => Some(l == r),
        (Value::Status(l), Value::Status(r)) | (Value::Kind(l), Value::Kind(r)) => Some(l == r),
        _ if left.of_type().is_numeric() && right.of_type().is_numeric() => {
            Some(left.float() == right.float())
        }
        _ => Some(false),
    }
}

/// `!value`, which only booleans have.
pub fn not<'v>(value: &Value<'_>) -> Option<Value<'v>> {
    match value {
        Value::Bool(flag) => Some(Value::Bool(!flag)),
        _ => None,
    }
}

/// `-value`, which only numbers have.
pub fn negated<'v>(value: &Value<'_>) -> Option<Value<'v>> {
    match value {
        Value::Int(int) => Some(Value::Int(int.wrapping_neg())),
        Value::Float(float) => Some(Value::Float(-float)),
        Value::Duration(nanos) => Some(Value::Duration(nanos.wrapping_neg())),
        _ => None,
    }
}
