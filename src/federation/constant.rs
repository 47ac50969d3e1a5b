//! `resource.tutti.region` in a metrics query over a single region: there it is one value, so the question can be put
//! without it, and the value to the answer.
//!
//! Only where the rest is a filter that a region decides by itself, test by test; whatever else names it is counted
//! from the traces.

use super::origin::is_it;
use crate::model::value::ShownValue;
use crate::model::{MetricsAnswer, RegionName};
use crate::traceql;
use crate::traceql::ast::{
    Attribute, AttributeName, Chain, FieldExpr, Literal, MetricsExpr, MetricsFunction, OverTime, Pipeline,
    Query, Root, SpansetExpr, Stage,
};
use crate::traceql::conditions::Facts;
use crate::traceql::place::Place;
use crate::traceql::types::Operator;

/// The label of a series that is not grouped.
const NAME: &str = "__name__";

/// A question without the region's name, and where the name belongs in its answer.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Folded {
    pub query: Query,
    region: String,
    /// What the one label is called, where it alone is grouped by. Beside others it changes how a series is called
    /// that lacks one of them.
    label: Option<String>,
}

/// The question without the name of its one region; nothing where that is not all there is to it.
pub(super) fn fold(text: &str, region: &RegionName) -> Option<Folded> {
    let mut query = traceql::compile(text).ok()?;
    let facts = Facts::nothing().saying(crate::model::region::REGION_KEY, region.as_str());
    let Root::Metrics(MetricsExpr::Query { pipeline, function, .. }) = &mut query.root else { return None };
    fold_pipeline(pipeline, &facts)?;
    // Of these alone it is plain that nothing was counted, where a group would not be there.
    let is_count =
        matches!(function, MetricsFunction::Over { function: OverTime::Rate | OverTime::Count, .. });
    let by = match function {
        MetricsFunction::Over { attribute, by, .. } if !attribute.as_ref().is_some_and(names_it) => by,
        MetricsFunction::Quantile { attribute, by, .. } if !names_it(attribute) => by,
        _ => return None,
    };
    let label = match by.as_slice() {
        [only] if names_it(only) && is_count => Some(only.name.to_string()),
        others if others.iter().any(names_it) => return None,
        _ => None,
    };
    by.retain(|attribute| !names_it(attribute));
    Some(Folded { query, region: region.to_string(), label })
}

impl Folded {
    /// The answer with the name on every series, where it was asked for.
    pub(super) fn unfold(&self, mut answer: MetricsAnswer) -> MetricsAnswer {
        let Some(label) = &self.label else { return answer };
        answer.series.retain(|series| series.samples.iter().any(|sample| sample.value != 0.0));
        for series in &mut answer.series {
            series.labels.retain(|(label, _)| label != NAME);
            series.labels.insert(0, (label.clone(), ShownValue::text(&*self.region)));
        }
        answer
    }
}

fn names_it(attribute: &Attribute) -> bool {
    is_it(&attribute.name)
}

/// Takes tests of the name out of the one filter; nothing where one of them fails, or where there is more than tests
/// that all have to hold.
fn fold_pipeline(pipeline: &mut Pipeline, facts: &Facts) -> Option<()> {
    let [Stage::Spanset(SpansetExpr::Filter(filter))] = pipeline.stages.as_mut_slice() else { return None };
    let place = Place::default();
    let mut kept = Vec::new();
    for operand in operands(&filter.field)? {
        if !holds(operand, facts)? {
            kept.push(operand.clone());
        }
    }
    let mut kept = kept.into_iter();
    filter.field = match (kept.next(), kept.len()) {
        (None, _) => FieldExpr::Literal { value: Literal::Bool(true), place },
        (Some(only), 0) => only,
        (Some(first), _) => {
            let rest = kept.map(|operand| (Operator::And, operand)).collect();
            FieldExpr::Chain(Box::new(Chain { first, rest, place }))
        }
    };
    Some(())
}

/// What all has to hold.
fn operands(field: &FieldExpr) -> Option<Vec<&FieldExpr>> {
    let FieldExpr::Chain(chain) = field else { return Some(vec![field]) };
    if chain.rest.iter().any(|(operator, _)| *operator != Operator::And) {
        return None;
    }
    Some(std::iter::once(&chain.first).chain(chain.rest.iter().map(|(_, operand)| operand)).collect())
}

/// Whether a test is certain to hold; nothing where it is certain to fail, or is none that a region decides by itself.
fn holds(operand: &FieldExpr, facts: &Facts) -> Option<bool> {
    match operand {
        FieldExpr::Literal { value: Literal::Bool(true), .. } => Some(true),
        FieldExpr::Exists(inner) => match &inner.field {
            FieldExpr::Attribute(attribute) => Some(names_it(attribute)),
            _ => None,
        },
        FieldExpr::Binary(binary) => match (&binary.left, &binary.right) {
            (FieldExpr::Attribute(attribute), FieldExpr::Literal { value, .. }) if names_it(attribute) => {
                let is_text = matches!(value, Literal::Text(_));
                (is_text && facts.may_hold(&attribute.name, binary.operator, value)).then_some(true)
            }
            (FieldExpr::Attribute(attribute), FieldExpr::Literal { .. }) if is_of_span(&attribute.name) => {
                Some(false)
            }
            _ => None,
        },
        _ => None,
    }
}

/// What a region tests span by span.
fn is_of_span(name: &AttributeName) -> bool {
    use crate::traceql::ast::Intrinsic as I;
    match name {
        AttributeName::Named { .. } => true,
        AttributeName::Intrinsic(intrinsic) => {
            matches!(intrinsic, I::Name | I::Status | I::Kind | I::Duration | I::StatusMessage)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::metrics::{Sample, Series};

    fn folded(text: &str) -> Option<Folded> {
        fold(text, &RegionName::parse("eu").unwrap())
    }

    #[test]
    fn a_name_that_is_certain_is_taken_out_of_the_question() {
        for (text, expected) in [
            ("{ } | rate() by(resource.tutti.region)", "{ true } | rate()"),
            ("{ .tutti.region = `eu` } | rate()", "{ true } | rate()"),
            (
                "{ resource.tutti.region = `eu` && status = error && .a = 1 } | rate() by(.b)",
                "{ status = error && .a = 1 } | rate()by(.b)",
            ),
            ("{ resource.tutti.region =~ `e.` && .a = 1 } | rate()", "{ .a = 1 } | rate()"),
            (
                "{ resource.tutti.region != nil && .a = 1 } | max_over_time(duration)",
                "{ .a = 1 } | max_over_time(duration)",
            ),
        ] {
            let normal = |text: &str| text.replace([' ', '`', '(', ')'], "");
            let query = folded(text).map(|folded| folded.query.to_string());
            assert_eq!(query.as_deref().map(normal), Some(normal(expected)), "{text}");
        }
    }

    #[test]
    fn what_is_not_certain_or_is_no_single_filter_stays_as_it_is() {
        for text in [
            "{ resource.tutti.region = `us` } | rate()",
            "{ resource.tutti.region = nil } | rate()",
            "{ resource.tutti.region = `eu` || .a = 1 } | rate()",
            "{ !(resource.tutti.region = `eu`) } | rate()",
            "{ resource.tutti.region = .a } | rate()",
            "{ `eu` = resource.tutti.region } | rate()",
            "{ resource.tutti.region = `eu` && duration + 1s > 5s } | rate()",
            "{ resource.tutti.region = `eu` && rootName = `a` } | rate()",
            "{ resource.tutti.region = `eu` } >> { } | rate()",
            "{ resource.tutti.region = `eu` } | compare({ status = error })",
            "({ resource.tutti.region = `eu` } | rate()) / ({ } | rate())",
            "{ } | rate() by(resource.tutti.region) | topk(3)",
            "{ } | rate() by(resource.tutti.region, name)",
            "{ } | max_over_time(duration) by(resource.tutti.region)",
            "{ .a = 1 } | quantile_over_time(duration, .5) by(.tutti.region)",
            "{ resource.tutti.region = `eu` }",
        ] {
            assert_eq!(folded(text), None, "{text}");
        }
    }

    #[test]
    fn the_name_is_put_where_it_was_asked_for() {
        let labels = |names: &[&str]| {
            let label = |name: &&str| ((*name).to_owned(), ShownValue::text("x"));
            let sample = |value| Sample { timestamp_ms: 5, value };
            let of = |value| Series {
                labels: names.iter().map(label).collect(),
                samples: vec![sample(0.0), sample(value)],
                ..Series::default()
            };
            MetricsAnswer { series: vec![of(2.0)], ..MetricsAnswer::default() }
        };
        let said = |text: &str, names: &[&str]| {
            let answer = folded(text).unwrap().unfold(labels(names));
            let all = answer.series.into_iter().flat_map(|series| series.labels);
            all.map(|(label, value)| format!("{label}={value:?}")).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(said("{ } | count_over_time() by(.tutti.region)", &[NAME]), ".tutti.region=Text(\"eu\")");
        assert_eq!(
            said("{ } | rate() by(resource.tutti.region)", &[NAME]),
            "resource.tutti.region=Text(\"eu\")"
        );
        assert_eq!(said("{ .tutti.region = `eu` } | rate()", &[NAME]), "__name__=Text(\"x\")");
        let nothing = Series { samples: vec![Sample { timestamp_ms: 5, value: 0.0 }], ..Series::default() };
        let counted = MetricsAnswer { series: vec![nothing], ..MetricsAnswer::default() };
        let grouped = folded("{ } | rate() by(resource.tutti.region)").unwrap().unfold(counted);
        assert_eq!(grouped.series, [], "a group that counted nothing is not there");
    }
}
