//! `count`, `min`, `max`, `avg` and `sum` over the spans of a set, and the comparison of their result.
//!
//! As in Tempo: what a span does not have is passed over, and a set where no span has it goes away; a sum is
//! of the type of its first value and passes over other types, which an average still counts. Two oddities
//! of Tempo are kept, since what a query finds depends on them: floats are ordered by their bits, so negative
//! ones backwards, and the average of integers whose sum is negative takes that sum as unsigned.

use crate::traceql::ast::AggregateFunction;
use crate::traceql::types::{Operator, Type};
use crate::traceql::value::{self, Failure, Value};
use std::cmp::Ordering;

/// Folds the values of one set.
#[derive(Debug)]
pub(super) struct Fold<'t> {
    function: AggregateFunction,
    so_far: Option<Value<'t>>,
    values: u64,
}

impl<'t> Fold<'t> {
    pub(super) fn new(function: AggregateFunction) -> Self {
        Self { function, so_far: None, values: 0 }
    }

    /// Takes one span's value, which is no matter for `count`.
    pub(super) fn add(&mut self, value: Value<'t>) {
        if self.function != AggregateFunction::Count && value == Value::Nil {
            return;
        }
        self.values += 1;
        let Some(so_far) = &mut self.so_far else {
            self.so_far = Some(value);
            return;
        };
        match self.function {
            AggregateFunction::Count => {}
            AggregateFunction::Min if compare(&value, so_far) == Ordering::Less => *so_far = value,
            AggregateFunction::Max if compare(&value, so_far) == Ordering::Greater => *so_far = value,
            AggregateFunction::Min | AggregateFunction::Max => {}
            AggregateFunction::Sum | AggregateFunction::Avg => sum_into(so_far, &value),
        }
    }

    /// What came of it; nothing where no span had a value.
    pub(super) fn finish(self) -> Option<Value<'t>> {
        match self.function {
            AggregateFunction::Count => Some(Value::Int(self.values as i64)),
            AggregateFunction::Avg => self.so_far.map(|sum| divided(sum, self.values)),
            _ => self.so_far,
        }
    }
}

/// Adds a number of the same type; anything else is passed over.
fn sum_into(sum: &mut Value<'_>, value: &Value<'_>) {
    match (sum, value) {
        (Value::Int(sum), Value::Int(value)) | (Value::Duration(sum), Value::Duration(value)) => {
            *sum = sum.wrapping_add(*value);
        }
        (Value::Float(sum), Value::Float(value)) => *sum += value,
        _ => {}
    }
}

/// Integers divide to a float, durations to a duration; what is no number stays.
fn divided(sum: Value<'_>, by: u64) -> Value<'_> {
    match sum {
        Value::Int(sum) => Value::Float(sum as u64 as f64 / by as f64),
        Value::Float(sum) => Value::Float(sum / by as f64),
        Value::Duration(sum) => Value::Duration(sum.wrapping_div(by.max(1) as i64)),
        other => other,
    }
}

/// The order of `min` and `max`: numbers among themselves, then by type.
fn compare(left: &Value<'_>, right: &Value<'_>) -> Ordering {
    use Value::{Bool, Bools, Duration, Float, Floats, Int, Ints, Kind, Status, Text, Texts};
    match (left, right) {
        (Int(l), Int(r)) | (Duration(l), Duration(r)) | (Status(l), Status(r)) | (Kind(l), Kind(r)) => {
            l.cmp(r)
        }
        (Float(l), Float(r)) => (l.to_bits() as i64).cmp(&(r.to_bits() as i64)),
        (Float(_) | Int(_) | Duration(_), Float(_) | Int(_) | Duration(_)) => {
            floats(left.float(), right.float())
        }
        (Text(l), Text(r)) => l.as_bytes().cmp(r.as_bytes()),
        (Bool(l), Bool(r)) => l.cmp(r),
        (Ints(l), Ints(r)) => l.cmp(r),
        (Bools(l), Bools(r)) => l.cmp(r),
        (Texts(l), Texts(r)) => l.cmp(r),
        (Floats(l), Floats(r)) => {
            let first = l.iter().zip(r).map(|(l, r)| floats(*l, *r)).find(|order| order.is_ne());
            first.unwrap_or_else(|| l.len().cmp(&r.len()))
        }
        _ => rank(left.of_type()).cmp(&rank(right.of_type())),
    }
}

/// What is not a number comes before every number.
fn floats(left: f64, right: f64) -> Ordering {
    left.partial_cmp(&right).unwrap_or_else(|| right.is_nan().cmp(&left.is_nan()))
}

/// The order of types that do not go together.
fn rank(of: Type) -> u8 {
    match of {
        Type::Nil => 0,
        Type::Attribute => 1,
        Type::Int => 2,
        Type::Float => 3,
        Type::Text => 4,
        Type::Bool => 5,
        Type::Ints => 6,
        Type::Floats => 7,
        Type::Texts => 8,
        Type::Bools => 9,
        Type::Duration => 10,
        Type::Status => 11,
        Type::Kind => 12,
    }
}

/// `result operator constant`: false where the types do not go together. Order is that of floats, also for
/// integers; only equality is exact.
pub(super) fn holds(operator: Operator, result: &Value<'_>, constant: &Value<'_>) -> Result<bool, Failure> {
    let (left, right) = (result.of_type(), constant.of_type());
    if !left.goes_with(right) || !operator.takes(left) || !operator.takes(right) {
        return Ok(false);
    }
    let (l, r) = (result.float(), constant.float());
    Ok(match operator {
        Operator::Less => l < r,
        Operator::LessEqual => l <= r,
        Operator::Greater => l > r,
        Operator::GreaterEqual => l >= r,
        // An array as a whole equals no number.
        _ if left.element().is_some() => operator == Operator::NotEqual,
        _ => value::apply(operator, result, constant)? == Value::Bool(true),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::borrow::Cow;

    fn folded(function: AggregateFunction, values: &[Value<'static>]) -> Option<Value<'static>> {
        let mut fold = Fold::new(function);
        values.iter().for_each(|value| fold.add(value.clone()));
        fold.finish()
    }

    fn text(text: &'static str) -> Value<'static> {
        Value::Text(Cow::Borrowed(text))
    }

    #[test]
    fn what_spans_do_not_have_is_passed_over_but_counted_by_count() {
        use AggregateFunction::{Avg, Count, Max, Min, Sum};
        let values = [Value::Nil, Value::Int(4), Value::Nil, Value::Int(-7)];
        assert_eq!(folded(Count, &values), Some(Value::Int(4)));
        assert_eq!(folded(Sum, &values), Some(Value::Int(-3)));
        assert_eq!(folded(Avg, &values), Some(Value::Float(2f64.powi(63))));
        assert_eq!(folded(Min, &values), Some(Value::Int(-7)));
        assert_eq!(folded(Max, &values), Some(Value::Int(4)));
        for function in [Sum, Avg, Min, Max] {
            assert_eq!(folded(function, &[Value::Nil]), None);
        }
    }

    #[test]
    fn a_sum_is_of_its_first_type_and_an_average_counts_the_others() {
        use AggregateFunction::{Avg, Sum};
        let values = [Value::Int(4), Value::Float(0.5), text("x"), Value::Int(2)];
        assert_eq!(folded(Sum, &values), Some(Value::Int(6)));
        assert_eq!(folded(Avg, &values), Some(Value::Float(1.5)));
        assert_eq!(folded(Sum, &[text("x"), Value::Int(1)]), Some(text("x")));
        assert_eq!(folded(Avg, &[Value::Duration(7), Value::Duration(2)]), Some(Value::Duration(4)));
        assert_eq!(folded(Avg, &[Value::Duration(-7), Value::Duration(2)]), Some(Value::Duration(-2)));
        assert_eq!(folded(Sum, &[Value::Int(i64::MAX), Value::Int(1)]), Some(Value::Int(i64::MIN)));
    }

    #[test]
    fn numbers_are_ordered_as_numbers_but_negative_floats_backwards_and_types_by_rank() {
        use AggregateFunction::{Max, Min};
        let floats = [Value::Float(-1.5), Value::Float(-2.5), Value::Float(-0.5)];
        assert_eq!(folded(Max, &floats), Some(Value::Float(-2.5)));
        assert_eq!(folded(Min, &floats), Some(Value::Float(-0.5)));
        let mixed = [Value::Int(2), Value::Float(2.5), text("a"), Value::Bool(false)];
        assert_eq!(folded(Max, &mixed), Some(Value::Bool(false)));
        assert_eq!(folded(Min, &mixed), Some(Value::Int(2)));
        // The first of equals stays.
        assert_eq!(folded(Max, &[Value::Int(2), Value::Float(2.0)]), Some(Value::Int(2)));
        assert_eq!(folded(Max, &[Value::Int(1), Value::Float(f64::NEG_INFINITY)]), Some(Value::Int(1)));
        assert_eq!(
            folded(Max, &[Value::Ints(vec![1, 2]), Value::Ints(vec![1, 3])]),
            Some(Value::Ints(vec![1, 3]))
        );
        assert_eq!(
            folded(Max, &[Value::Floats(vec![1.0]), Value::Floats(vec![1.0, 0.0])]).unwrap(),
            Value::Floats(vec![1.0, 0.0])
        );
    }

    #[test]
    fn a_result_is_compared_as_a_float_but_equal_exactly() {
        use Operator::{Equal, Greater, Less, NotEqual};
        let table = [
            (Greater, Value::Int(3), Value::Float(2.5), true),
            (Greater, Value::Duration(1_000), Value::Int(999), true),
            (Greater, text("z"), Value::Int(1), false),
            (NotEqual, text("z"), Value::Int(1), false),
            (NotEqual, Value::Bool(false), Value::Int(1), false),
            (Greater, Value::Int((1 << 53) + 1), Value::Int(1 << 53), false),
            (NotEqual, Value::Int((1 << 53) + 1), Value::Int(1 << 53), true),
            (Equal, Value::Float(2.0), Value::Int(2), true),
            (Equal, Value::Ints(vec![2]), Value::Int(2), false),
            (NotEqual, Value::Ints(vec![2]), Value::Int(2), true),
            (Less, Value::Ints(vec![1]), Value::Int(2), false),
            (Less, Value::Float(f64::NAN), Value::Int(2), false),
        ];
        for (operator, result, constant, expected) in table {
            assert_eq!(holds(operator, &result, &constant), Ok(expected), "{result:?} {operator:?}");
        }
    }
}
