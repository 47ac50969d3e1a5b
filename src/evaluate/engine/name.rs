//! The names of computed attributes: the canonical text of `by(...)` and of aggregates.
//!
//! Not the text of the query as written, but of what runs: constants computed, alternatives of one attribute
//! gathered into one comparison. Written as Tempo writes it, also where that would not parse again.

use crate::evaluate::shown::{kind_text, status_text};
use crate::traceql::ast::{Aggregate, FieldExpr};
use crate::traceql::rewrite::{Rewritten, rewrite};
use crate::traceql::types::Operator;
use crate::traceql::value::Value;
use crate::traceql::{duration_text, float_text, plain_float_text};

pub(super) fn of_by(field: &FieldExpr) -> String {
    format!("by({})", text(&rewrite(field)))
}

pub(super) fn of_aggregate(aggregate: &Aggregate) -> String {
    let field = aggregate.field.as_ref().map(|field| text(&rewrite(field)));
    format!("{}({})", aggregate.function.word(), field.unwrap_or_default())
}

fn text(field: &Rewritten) -> String {
    match field {
        Rewritten::Constant(value) => constant(value),
        Rewritten::Attribute(name) => name.to_string(),
        Rewritten::Not { inner, .. } => format!("!{}", operand(inner)),
        Rewritten::Negative { inner, .. } => format!("-{}", operand(inner)),
        Rewritten::Exists(inner) => format!("{} != nil", operand(inner)),
        Rewritten::Missing(inner) => format!("{} = nil", operand(inner)),
        Rewritten::Binary { operator, left, right } => {
            let sign = match (operator, &**right) {
                (Operator::Equal, Rewritten::Constant(array)) if is_array(array) => "IN",
                (Operator::NotEqual, Rewritten::Constant(array)) if is_array(array) => "NOT IN",
                _ => operator.sign(),
            };
            format!("{} {sign} {}", operand(left), operand(right))
        }
        Rewritten::Match { left, patterns, negated } => {
            let quoted: Vec<String> = patterns.iter().map(|pattern| format!("`{pattern}`")).collect();
            match (negated, quoted.as_slice()) {
                (false, [one]) => format!("{} =~ {one}", operand(left)),
                (true, [one]) => format!("{} !~ {one}", operand(left)),
                (false, all) => format!("{} MATCH ANY [{}]", operand(left), all.join(", ")),
                (true, all) => format!("{} MATCH NONE [{}]", operand(left), all.join(", ")),
            }
        }
        // An operation of two sides each, from the left: all but the last are in parentheses.
        Rewritten::Chain { first, rest } => {
            let mut all = "(".repeat(rest.len().saturating_sub(1)) + &operand(first);
            for (at, link) in rest.iter().enumerate() {
                let close = if at == 0 { "" } else { ")" };
                all += &format!("{close} {} {}", link.operator.sign(), operand(&link.field));
            }
            all
        }
    }
}

fn operand(field: &Rewritten) -> String {
    match field {
        Rewritten::Constant(_) | Rewritten::Attribute(_) => text(field),
        _ => format!("({})", text(field)),
    }
}

fn is_array(value: &Value<'_>) -> bool {
    value.of_type().element().is_some()
}

/// Texts are in back quotes, whatever is in them.
fn constant(value: &Value<'_>) -> String {
    fn listed(all: impl Iterator<Item = String>) -> String {
        format!("[{}]", all.collect::<Vec<_>>().join(", "))
    }
    match value {
        Value::Nil => "nil".to_owned(),
        Value::Int(int) => int.to_string(),
        Value::Float(float) => float_text(*float),
        Value::Text(text) => format!("`{text}`"),
        Value::Bool(flag) => flag.to_string(),
        Value::Duration(nanos) => duration_text(*nanos),
        Value::Status(status) => status_text(*status),
        Value::Kind(kind) => kind_text(*kind),
        Value::Ints(all) => listed(all.iter().map(ToString::to_string)),
        Value::Floats(all) => listed(all.iter().map(|float| plain_float_text(*float))),
        Value::Texts(all) => listed(all.iter().map(|text| format!("`{text}`"))),
        Value::Bools(all) => listed(all.iter().map(ToString::to_string)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::traceql::ast::{Root, ScalarExpr, Stage};

    fn name(text: &str) -> String {
        let query = crate::traceql::compile(text).unwrap();
        let Root::Pipeline(pipeline) = query.root else { panic!("{text}") };
        match pipeline.stages.last().unwrap() {
            Stage::By { field, .. } => of_by(field),
            Stage::Scalar(filter) => match &filter.left {
                ScalarExpr::Aggregate(aggregate) => of_aggregate(aggregate),
                other => panic!("{other}"),
            },
            other => panic!("{other}"),
        }
    }

    #[test]
    fn names_are_the_text_of_what_runs() {
        let table = [
            ("{} | count() > 1", "count()"),
            ("{} | avg(duration) > 1s", "avg(duration)"),
            ("{} | max(trace:duration) > 1s", "max(traceDuration)"),
            ("{} | sum(.x + (1 + 1)) > 1", "sum(.x + 2)"),
            ("{} | min(.x * .y + 1) > 1", "min((.x * .y) + 1)"),
            ("{} | max(-.x) > 1", "max(-.x)"),
            ("{} | by(resource.service.name)", "by(resource.service.name)"),
            ("{} | by(.a != nil)", "by(.a != nil)"),
            ("{} | by(!(.a = 1 || .a = 2))", "by(!((.a = 1) || (.a = 2)))"),
            ("{} | by(.a = 1 || .a = 2 || 3 = .a)", "by(.a IN [1, 2, 3])"),
            ("{} | by(.a != `x` && .a != `y` && .b = 1)", "by((.a NOT IN [`x`, `y`]) && (.b = 1))"),
            ("{} | by(.a =~ `x` || .a =~ `y`)", "by(.a MATCH ANY [`x`, `y`])"),
            ("{} | by(.a !~ `x` && .a !~ `y`)", "by(.a MATCH NONE [`x`, `y`])"),
            ("{} | by(.a = 1 || .a = 2.0)", "by((.a = 1) || (.a = 2.0))"),
            ("{} | by(.a = 1.0 || .a = 2.5 || .a = 1e30)", "by(.a IN [1, 2.5, 1e+30])"),
            ("{} | by(duration = 1s || duration = 90s)", "by((duration = 1s) || (duration = 1m30s))"),
            ("{} | by(trace:id = `00ab` || trace:id = `cd`)", "by(trace:id IN [`ab`, `cd`])"),
            ("{} | by(.\"a b\")", "by(.\"a b\")"),
        ];
        for (text, expected) in table {
            assert_eq!(name(text), expected, "{text}");
        }
    }
}
