//! The names of computed attributes: the canonical text of `by(...)` and of aggregates.
//!
//! Not the text of the query as written, but of what Tempo runs: constants computed, alternatives of one
//! attribute gathered into one comparison, trace ids without leading zeros.

use crate::traceql::ast::{Aggregate, AttributeName, FieldExpr, Inner, Intrinsic, Literal};
use crate::traceql::fold::fold;
use crate::traceql::types::Operator;

pub(super) fn of_by(field: &FieldExpr) -> String {
    format!("by({})", piece(&fold(field), true).text)
}

pub(super) fn of_aggregate(aggregate: &Aggregate) -> String {
    let field = aggregate.field.as_ref().map(|field| piece(&fold(field), true).text);
    format!("{}({})", aggregate.function.word(), field.unwrap_or_default())
}

/// A part of an expression as text.
struct Piece {
    text: String,
    /// Whether it stands in another expression without parentheses.
    plain: bool,
    /// What it compares, where it compares an attribute with constants.
    compared: Option<Compared>,
}

/// `attribute operator constant`, or several of them gathered.
struct Compared {
    operator: Operator,
    attribute: AttributeName,
    of: Elements,
    texts: Vec<String>,
}

/// The types of constants that can be gathered.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Elements {
    Ints,
    Floats,
    Texts,
    Bools,
}

impl Piece {
    fn plain(text: String) -> Self {
        Self { text, plain: true, compared: None }
    }

    fn compound(text: String) -> Self {
        Self { text, plain: false, compared: None }
    }

    fn wrapped(&self) -> String {
        if self.plain { self.text.clone() } else { format!("({})", self.text) }
    }
}

fn piece(field: &FieldExpr, gather: bool) -> Piece {
    // Tempo gathers nothing below these.
    let inner = |inner: &Inner| piece(&inner.field, false).wrapped();
    match field {
        FieldExpr::Literal { value, .. } => Piece::plain(literal(value)),
        FieldExpr::Attribute(attribute) => Piece::plain(attribute.name.to_string()),
        FieldExpr::Negative(of) => Piece::compound(format!("-{}", inner(of))),
        FieldExpr::Not(of) => Piece::compound(format!("!{}", inner(of))),
        FieldExpr::Exists(of) => Piece::compound(format!("{} != nil", inner(of))),
        FieldExpr::Missing(of) => Piece::compound(format!("{} = nil", inner(of))),
        FieldExpr::Binary(binary) => {
            let (left, right) = without_zeros(&binary.left, &binary.right);
            let (l, r) = (piece(&left, gather), piece(&right, gather));
            let text = format!("{} {} {}", l.wrapped(), binary.operator.sign(), r.wrapped());
            Piece { compared: compared(binary.operator, &left, &right), ..Piece::compound(text) }
        }
        FieldExpr::Chain(chain) => {
            chain.rest.iter().fold(piece(&chain.first, gather), |left, (operator, right)| {
                let right = piece(right, gather);
                let gathered = if gather { gathered(*operator, &left, &right) } else { None };
                gathered.unwrap_or_else(|| {
                    let text = format!("{} {} {}", left.wrapped(), operator.sign(), right.wrapped());
                    Piece::compound(text)
                })
            })
        }
    }
}

/// A trace id that is compared with a text is compared without its leading zeros.
fn without_zeros(left: &FieldExpr, right: &FieldExpr) -> (FieldExpr, FieldExpr) {
    let is_id = |field: &FieldExpr| matches!(field, FieldExpr::Attribute(a) if a.name == AttributeName::Intrinsic(Intrinsic::TraceId));
    let trimmed = |field: &FieldExpr| match field {
        FieldExpr::Literal { value: Literal::Text(text), place } => FieldExpr::Literal {
            value: Literal::Text(text.trim_start_matches('0').to_owned()),
            place: *place,
        },
        other => other.clone(),
    };
    let left_after = if is_id(right) { trimmed(left) } else { left.clone() };
    let right_after = if is_id(left) { trimmed(right) } else { right.clone() };
    (left_after, right_after)
}

fn compared(operator: Operator, left: &FieldExpr, right: &FieldExpr) -> Option<Compared> {
    let (attribute, value) = match (left, right) {
        (FieldExpr::Attribute(attribute), FieldExpr::Literal { value, .. })
        | (FieldExpr::Literal { value, .. }, FieldExpr::Attribute(attribute)) => (attribute, value),
        _ => return None,
    };
    let (of, text) = match value {
        Literal::Int(int) => (Elements::Ints, int.to_string()),
        Literal::Float(float) => (Elements::Floats, element_text(*float)),
        Literal::Text(text) => (Elements::Texts, format!("`{text}`")),
        Literal::Bool(flag) => (Elements::Bools, flag.to_string()),
        Literal::Duration(_) | Literal::Status(_) | Literal::Kind(_) => return None,
    };
    Some(Compared { operator, attribute: attribute.name.clone(), of, texts: vec![text] })
}

/// `.a = 1 || .a = 2` as `.a IN [1, 2]`, and its like; nothing where the two do not go together.
fn gathered(joined_by: Operator, left: &Piece, right: &Piece) -> Option<Piece> {
    let (l, r) = (left.compared.as_ref()?, right.compared.as_ref()?);
    if l.operator != r.operator || l.attribute != r.attribute || l.of != r.of {
        return None;
    }
    let word = match (joined_by, l.operator) {
        (Operator::Or, Operator::Equal) => "IN",
        (Operator::And, Operator::NotEqual) => "NOT IN",
        (Operator::Or, Operator::Match) if l.of == Elements::Texts => "MATCH ANY",
        (Operator::And, Operator::NotMatch) if l.of == Elements::Texts => "MATCH NONE",
        _ => return None,
    };
    let texts = [l.texts.as_slice(), r.texts.as_slice()].concat();
    let text = format!("{} {word} [{}]", l.attribute, texts.join(", "));
    let compared = Compared { operator: l.operator, attribute: l.attribute.clone(), of: l.of, texts };
    Some(Piece { compared: Some(compared), ..Piece::compound(text) })
}

/// A constant as Tempo writes it: texts in back quotes whatever is in them.
fn literal(value: &Literal) -> String {
    match value {
        Literal::Text(text) => format!("`{text}`"),
        Literal::Int(int) => int.to_string(),
        other => other.to_string(),
    }
}

/// A float among others in brackets, where Go writes it without a point, and with an exponent from 21 digits.
fn element_text(float: f64) -> String {
    let short = format!("{float:e}");
    let exponent: i32 = short.split_once('e').and_then(|(_, e)| e.parse().ok()).unwrap_or(0);
    if (-4..21).contains(&exponent) { float.to_string() } else { crate::traceql::float_text(float) }
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
