//! What regions tell of their own tags, and when that adds up to what the whole would tell.
//!
//! A span lies in one region as a whole, so names and values of spans add up. What belongs to the whole trace does
//! not, nor does what is asked under a filter about it. And what marks copies is nobody's tag: an original is told
//! where it lies, and a copy says the same of its span.

use crate::model::region::{REGION_KEY, REPLICA_KEY};
use crate::model::tags::{TagScope, TagsForm};
use crate::model::{RegionName, TagNames, TagValues, TagValuesQuery, TagsQuery};
use crate::traceql;
use crate::traceql::ast::{AttributeName, Intrinsic, Scope};
use crate::traceql::conditions::Facts;
use crate::traceql::lenient::{Asks, Condition, condition_groups};
use crate::traceql::types::Operator;

/// Whether what regions tell of one question adds up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sum {
    AddsUp,
    /// But for an empty value: a part of a trace that has no root there tells one.
    WithoutEmpty,
    /// Only whole traces tell.
    OfTraces,
}

pub(super) fn names(query: &TagsQuery) -> Sum {
    let filter = filter_of(query.query.as_deref(), query.form);
    if filter.iter().all(is_span_local) { Sum::AddsUp } else { Sum::OfTraces }
}

pub(super) fn values(query: &TagValuesQuery) -> Sum {
    let filter = filter_of(query.query.as_deref(), query.form);
    if !filter.iter().all(is_span_local) {
        return Sum::OfTraces;
    }
    match about(query) {
        About::Span => Sum::AddsUp,
        // Of a filtered trace it is told where a span passes, which need not be where the root is.
        About::Root if filter.is_empty() => Sum::WithoutEmpty,
        About::Root | About::Trace => Sum::OfTraces,
    }
}

/// What a value is a value of.
enum About {
    Span,
    Root,
    Trace,
}

fn about(query: &TagValuesQuery) -> About {
    let is_root = matches!(
        query.name.as_str(),
        "rootName"
            | "root.name"
            | ".root.name"
            | "rootServiceName"
            | "root.service.name"
            | ".root.service.name"
    );
    match (query.form, traceql::identifier(&query.name).map(|attribute| attribute.name)) {
        _ if is_root => About::Root,
        (TagsForm::V1, _) if query.name == REPLICA_KEY => About::Trace,
        (TagsForm::V1, _) | (_, Err(_)) => About::Span,
        (_, Ok(AttributeName::Intrinsic(Intrinsic::RootName | Intrinsic::RootServiceName))) => About::Root,
        // By this name a Tempo tells none, whatever is stored; as `trace:duration`, how long each trace lasts.
        (_, Ok(AttributeName::Intrinsic(Intrinsic::TraceDuration))) if query.name == "traceDuration" => {
            About::Span
        }
        (_, Ok(name)) if is_of_trace(&name) => About::Trace,
        (_, Ok(_)) => About::Span,
    }
}

/// The conditions of a half-typed query. The older form has none, and more alternatives than are read are refused
/// by whoever reads them.
fn filter_of(query: Option<&str>, form: TagsForm) -> Vec<Condition> {
    let query = query.filter(|_| form == TagsForm::V2);
    query.and_then(|text| condition_groups(text).ok()).unwrap_or_default().concat()
}

/// Whether each region can tell it of its own spans.
fn is_span_local(condition: &Condition) -> bool {
    !is_of_trace(&condition.attribute)
}

fn is_of_trace(name: &AttributeName) -> bool {
    use Intrinsic as I;
    match name {
        AttributeName::Intrinsic(intrinsic) => matches!(
            intrinsic,
            I::RootName
                | I::RootServiceName
                | I::TraceDuration
                | I::ChildCount
                | I::NestedSetLeft
                | I::NestedSetRight
                | I::NestedSetParent
                | I::Parent
        ),
        // Whether a copy counts is known where its original may be.
        AttributeName::Named { .. } => is_of_resource(name, REPLICA_KEY),
    }
}

fn is_of_resource(name: &AttributeName, wanted: &str) -> bool {
    matches!(name, AttributeName::Named { parent: false, scope: Scope::Resource | Scope::Any, key }
        if key == wanted)
}

/// What marks copies, as a name.
pub(super) const MARK: (TagScope, &str) = (TagScope::Resource, REPLICA_KEY);

/// Takes the mark of copies out of what is told.
pub(super) fn without_mark(mut names: TagNames) -> TagNames {
    for (_, of) in names.scopes.iter_mut().filter(|(scope, _)| *scope == TagScope::Resource) {
        of.retain(|name| name != REPLICA_KEY);
    }
    names
}

pub(super) fn without_empty(mut values: TagValues) -> TagValues {
    values.values.retain(|value| !value.value.is_empty());
    values
}

/// By rank, whether a region can hold a span that a filter leaves, by what it says of regions.
pub(super) fn can_hold<'r>(
    query: Option<&str>,
    form: TagsForm,
    regions: impl Iterator<Item = &'r RegionName>,
) -> Vec<bool> {
    let query = query.filter(|_| form == TagsForm::V2);
    let groups = query.and_then(|text| condition_groups(text).ok()).unwrap_or_default();
    let holds = |region: &RegionName| {
        let facts = Facts::nothing().saying(REGION_KEY, region.as_str());
        groups.is_empty() || groups.iter().any(|group| group.iter().all(|one| may_hold(&facts, one)))
    };
    regions.map(holds).collect()
}

/// Whether a filter says values itself (`name = "x"`): these are told where there is any trace, whatever it holds.
pub(super) fn says_values(query: &TagValuesQuery) -> bool {
    let is_said = |condition: &Condition| {
        matches!(condition.asks, Asks::Compares(Operator::Equal, _))
            && traceql::identifier(&query.name).is_ok_and(|asked| asked.name == condition.attribute)
    };
    filter_of(query.query.as_deref(), query.form).iter().any(is_said)
}

fn may_hold(facts: &Facts, condition: &Condition) -> bool {
    match &condition.asks {
        Asks::Nothing | Asks::Exists => true,
        Asks::Missing => !is_of_resource(&condition.attribute, REGION_KEY),
        Asks::Compares(operator, literal) => facts.may_hold(&condition.attribute, *operator, literal),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::tags::{TagLimits, TagValue, TagValueKind};

    fn asked(name: &str, query: Option<&str>, form: TagsForm) -> TagValuesQuery {
        let (name, query) = (name.to_owned(), query.map(str::to_owned));
        TagValuesQuery { name, query, window: None, limits: TagLimits::default(), form }
    }

    #[test]
    fn a_filter_on_what_belongs_to_the_whole_trace_is_not_told_by_regions() {
        let of = |text: &str| values(&asked("name", Some(text), TagsForm::V2));
        for text in ["", "{ }", "{ .a = 1 && name = \"b\" }", "{ .a = ", "{ trace:id = \"1\" }"] {
            assert_eq!(of(text), Sum::AddsUp, "{text}");
        }
        for text in [
            "{ rootName = \"a\" }",
            "{ .a = 1 && traceDuration > 1s }",
            "{ rootServiceName = \"a\" && .b =",
            "{ resource.tutti.replica = true }",
            "{ .a = 1 && .tutti.replica = nil }",
        ] {
            assert_eq!(of(text), Sum::OfTraces, "{text}");
        }
        assert_eq!(values(&asked("name", Some("{ rootName = \"a\" }"), TagsForm::V1)), Sum::AddsUp);
    }

    #[test]
    fn values_of_the_trace_are_told_by_whole_traces_and_those_of_roots_but_for_the_empty_one() {
        let of = |name: &str, query| values(&asked(name, query, TagsForm::V2));
        for name in ["rootName", "rootServiceName", "trace:rootName", ".root.name"] {
            assert_eq!(of(name, None), Sum::WithoutEmpty, "{name}");
            assert_eq!(of(name, Some("{ .a = 1 }")), Sum::OfTraces, "{name}");
        }
        for name in
            ["span:childCount", "nestedSetLeft", "trace:duration", "resource.tutti.replica", ".tutti.replica"]
        {
            assert_eq!(of(name, None), Sum::OfTraces, "{name}");
        }
        for name in ["traceDuration", "span.tutti.replica", "resource.service.name", "status"] {
            assert_eq!(of(name, None), Sum::AddsUp, "{name}");
        }
        let v1 = |name: &str| values(&asked(name, None, TagsForm::V1));
        assert_eq!((v1("root.name"), v1("tutti.replica")), (Sum::WithoutEmpty, Sum::OfTraces));
        assert_eq!(v1("span:childCount"), Sum::AddsUp);
    }

    #[test]
    fn the_mark_and_what_is_empty_are_left_out() {
        let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        let scopes = vec![
            (TagScope::Resource, texts(&["tutti.replica", "zone"])),
            (TagScope::Span, texts(&["tutti.replica"])),
        ];
        let left = without_mark(TagNames { scopes, ..TagNames::default() });
        assert_eq!(
            left.scopes.iter().map(|(_, of)| of.join(" ")).collect::<Vec<_>>(),
            ["zone", "tutti.replica"]
        );
        let value = |value: &str| TagValue { kind: TagValueKind::Text, value: value.to_owned() };
        let told = TagValues { values: vec![value(""), value("a")], ..TagValues::default() };
        assert_eq!(without_empty(told).values, [value("a")]);
    }

    #[test]
    fn a_value_that_the_filter_says_is_noticed() {
        let says = |name, text| says_values(&asked(name, Some(text), TagsForm::V2));
        assert!(says("resource.tutti.region", "{ resource.tutti.region = \"eu\" && .a = 1 }"));
        assert!(says("span.x", "{ resource.tutti.region = \"eu\" && span.x = 1 }"));
        assert!(!says("span.x", "{ resource.tutti.region = \"eu\" && span.x > 1 }"));
        assert!(!says("span.x", "{ resource.tutti.region = \"eu\" }"));
    }

    #[test]
    fn a_region_that_a_filter_rules_out_holds_nothing() {
        let names = ["eu", "us"].map(|name| RegionName::parse(name).unwrap());
        let holds = |text: &str| can_hold(Some(text), TagsForm::V2, names.iter());
        for (text, expected) in [
            ("{ }", [true, true]),
            ("{ resource.tutti.region = \"eu\" }", [true, false]),
            ("{ .a = 1 && .tutti.region = \"eu\" && name = ", [true, false]),
            ("{ resource.tutti.region != \"eu\" }", [false, true]),
            ("{ resource.tutti.region =~ \"e.\" }", [true, false]),
            ("{ resource.tutti.region = \"eu\" || .a = 1 }", [true, true]),
            ("{ resource.tutti.region = nil }", [false, false]),
            ("{ span.tutti.region = \"eu\" }", [true, true]),
            ("{ resource.tutti.region = 5 }", [true, true]),
        ] {
            assert_eq!(holds(text), expected, "{text}");
        }
        assert_eq!(
            can_hold(Some("{ resource.tutti.region = \"eu\" }"), TagsForm::V1, names.iter()),
            [true; 2]
        );
    }
}
