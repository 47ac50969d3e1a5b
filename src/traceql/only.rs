//! The few traces that a search names: no other can be part of its answer, so that whoever has an index by id
//! need not look at more.

use super::ast::{AttributeName, FieldExpr, Intrinsic, Literal, Query, Root, SpansetExpr, Stage};
use super::types::Operator;
use crate::model::TraceId;

/// Of a search that begins with `{ trace:id = "a" || trace:id = "b" }`; nothing of another.
pub fn only_traces(query: &Query) -> Option<Vec<TraceId>> {
    let Root::Pipeline(pipeline) = &query.root else { return None };
    let Some(Stage::Spanset(SpansetExpr::Filter(filter))) = pipeline.stages.first() else { return None };
    match &filter.field {
        FieldExpr::Chain(chain) => {
            let rest =
                chain.rest.iter().map(|(operator, field)| (*operator == Operator::Or).then_some(field));
            std::iter::once(Some(&chain.first)).chain(rest).map(|field| named(field?)).collect()
        }
        field => Some(vec![named(field)?]),
    }
}

fn named(field: &FieldExpr) -> Option<TraceId> {
    let FieldExpr::Binary(binary) = field else { return None };
    match (&binary.left, &binary.right) {
        (FieldExpr::Attribute(attribute), FieldExpr::Literal { value: Literal::Text(id), .. })
            if binary.operator == Operator::Equal
                && attribute.name == AttributeName::Intrinsic(Intrinsic::TraceId) =>
        {
            TraceId::parse(id).ok()
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::traceql::compile;

    #[test]
    fn a_search_that_begins_with_ids_is_about_no_other_trace() {
        let of = |text: &str| {
            only_traces(&compile(text).unwrap())
                .map(|ids| ids.iter().map(|id| id.as_bytes()[15]).collect::<Vec<_>>())
        };
        assert_eq!(of("{ trace:id = \"a1\" }"), Some(vec![0xa1]));
        assert_eq!(of("{trace:id=\"a1\"||trace:id=\"B2\"} | count() > 2"), Some(vec![0xa1, 0xb2]));
        for text in [
            "{ }",
            "{ trace:id != \"a1\" }",
            "{ trace:id = \"a1\" || name = \"a\" }",
            "{ trace:id = \"a1\" } || { }",
            "{ trace:id = \"a1\" && name = \"a\" }",
            "{ trace:id = \"no id\" }",
            "{ !(trace:id = \"a1\") }",
            "{ trace:id = \"a1\" } | rate()",
        ] {
            assert_eq!(of(text), None, "{text}");
        }
    }
}
