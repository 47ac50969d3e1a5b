//! Which conditions each construct gives, in a short form: `span.a = 1; span.b any | all`, a second pass in
//! brackets.

use super::*;
use crate::traceql;

fn value(value: &Value<'_>) -> String {
    let list = |all: Vec<String>| format!("({})", all.join(" "));
    match value {
        Value::Int(int) => int.to_string(),
        Value::Float(float) => format!("{float:?}"),
        Value::Text(text) => format!("'{text}'"),
        Value::Bool(flag) => flag.to_string(),
        Value::Duration(nanos) => format!("{nanos}ns"),
        Value::Status(status) => format!("status {status}"),
        Value::Kind(kind) => format!("kind {kind}"),
        Value::Ints(all) => list(all.iter().map(ToString::to_string).collect()),
        Value::Floats(all) => list(all.iter().map(|float| format!("{float:?}")).collect()),
        Value::Texts(all) => list(all.iter().map(|text| format!("'{text}'")).collect()),
        Value::Bools(all) => list(all.iter().map(ToString::to_string).collect()),
        Value::Nil => "nil".to_owned(),
    }
}

fn condition(condition: &Condition) -> String {
    let attribute = match &condition.attribute {
        Fetched::Attribute(name) => name.to_string(),
        Fetched::SpanStart => "start".to_owned(),
        Fetched::Descendants => "descendants".to_owned(),
        Fetched::Children => "children".to_owned(),
        Fetched::Siblings => "siblings".to_owned(),
    };
    let comparison = match &condition.comparison {
        Comparison::Any => "any".to_owned(),
        Comparison::Exists => "exists".to_owned(),
        Comparison::Missing => "missing".to_owned(),
        Comparison::Equal(constant) => format!("= {}", value(constant)),
        Comparison::NotEqual(constant) => format!("!= {}", value(constant)),
        Comparison::Less(constant) => format!("< {}", value(constant)),
        Comparison::LessEqual(constant) => format!("<= {}", value(constant)),
        Comparison::Greater(constant) => format!("> {}", value(constant)),
        Comparison::GreaterEqual(constant) => format!(">= {}", value(constant)),
        Comparison::Match(patterns) => format!("=~ {}", patterns.join(" ")),
        Comparison::NotMatch(patterns) => format!("!~ {}", patterns.join(" ")),
    };
    format!("{attribute} {comparison}")
}

fn short(spec: &FetchSpec) -> String {
    let join = |all: &[Condition]| all.iter().map(condition).collect::<Vec<_>>().join("; ");
    let mut out = join(&spec.conditions);
    if !spec.second_pass.is_empty() {
        out += &format!(" [{}]", join(&spec.second_pass));
    }
    if spec.second_pass_all {
        out += " [everything]";
    }
    let flags = [(spec.all_conditions, "all"), (spec.is_span_only, "spans"), (spec.is_decided, "decided")];
    let flags: Vec<_> = flags.into_iter().filter(|(is, _)| *is).map(|(_, flag)| flag).collect();
    if !flags.is_empty() {
        out += &format!(" | {}", flags.join(" "));
    }
    out
}

fn check_search(query: &str, expected: &str) {
    let spec = FetchSpec::of_search(&traceql::compile(query).unwrap()).unwrap();
    assert_eq!(short(&spec), expected, "{query}");
}

fn check_metrics(query: &str, expected: &str) {
    let query_of = traceql::compile(query).unwrap();
    let Root::Metrics(metrics) = &query_of.root else { panic!("{query} is no metrics query") };
    let (pipeline, function) = metrics.only_leaf().unwrap();
    assert_eq!(short(&FetchSpec::of_metrics(pipeline, function)), expected, "{query}");
}

#[test]
fn an_attribute_beside_a_constant_is_compared_and_which_side_it_stands_on_is_lost() {
    check_search("{ .a = 1 }", ".a = 1 | all");
    check_search("{ 1 < .a }", ".a < 1 | all");
    check_search("{ 1 = .a }", ".a = 1 | all");
    check_search("{ span.a != \"x\" }", "span.a != 'x' | all");
    check_search("{ span.a =~ \"x.*\" }", "span.a =~ x.* | all");
    check_search("{ status = error && kind = server }", "status = status 0; kind = kind 3 | all");
    check_search("{ duration >= 1s }", "duration >= 1000000000ns | all");
    check_search("{ span.a = -1 - 1 }", "span.a = -2 | all");
}

#[test]
fn what_storage_cannot_compare_is_fetched_whole() {
    check_search("{ .a + 1 > 2 }", ".a any | all");
    check_search("{ 1 + .a > 2 }", ".a any | all");
    check_search("{ span.a = span.b }", "span.a any; span.b any | all");
    check_search("{ span.a && true }", "span.a any | all");
    check_search("{ true || span.a }", "span.a any | all");
    check_search("{ span.a }", "span.a any | all");
    check_search("{ -span.a > 1 }", "span.a any | all");
    check_search("{ span.a = .b + 1 }", "span.a any; .b any | all");
}

#[test]
fn presence_and_absence_are_asked_of_attributes_alone() {
    check_search("{ .a = nil }", ".a missing | all");
    check_search("{ .a != nil }", ".a exists | all");
    check_search("{ .a + 1 != nil }", ".a any | all");
}

#[test]
fn negation_changes_nothing() {
    check_search("{ !(.a = 1) }", ".a = 1 | all");
    check_search("{ !(.a = 1 || .a = 2) }", ".a = 1; .a = 2");
    check_search("{ !.a }", ".a any | all");
}

#[test]
fn alternatives_of_one_attribute_are_one_condition() {
    check_search("{ .a = 1 || .a = 2 || .a = 3 }", ".a = (1 2 3) | all");
    check_search("{ 1 = .a || .a = 2 }", ".a = (1 2) | all");
    check_search("{ .a != \"x\" && .a != \"y\" }", ".a != ('x' 'y') | all");
    check_search("{ .a =~ \"x\" || .a =~ \"y\" }", ".a =~ x y | all");
    check_search("{ .a !~ \"x\" && .a !~ \"y\" }", ".a !~ x y | all");
    check_search("{ .a = 1 || .a = 2.0 }", ".a = 1; .a = 2.0");
    check_search("{ .a = 1 || .b = 2 || .a = 3 }", ".a = 1; .b = 2; .a = 3");
    check_search("{ .b = 1 && (.a = 1 || .a = 2) }", ".b = 1; .a = (1 2) | all");
    check_search("{ trace:id = \"00a\" || trace:id = \"0b\" }", "trace:id = ('a' 'b') | all");
    check_search("{ duration = 1s || duration = 2s }", "duration = 1000000000ns; duration = 2000000000ns");
}

#[test]
fn an_alternative_anywhere_frees_all_conditions_unless_an_attribute_stands_before_it() {
    check_search("{ .a = 1 && .b = 2 }", ".a = 1; .b = 2 | all");
    check_search("{ .a = 1 || .b = 2 }", ".a = 1; .b = 2");
    check_search("{ .a = 1 && (.b = 2 || .c = 3) }", ".a = 1; .b = 2; .c = 3");
    check_search("{ span.a || .b = 2 }", "span.a any; .b = 2 | all");
    check_search("{ true || .b = 2 }", ".b = 2 | all");
    check_search("{ .a = 1 } | { .b = 2 }", ".a = 1; .b = 2 | all");
    check_search("{ .a = 1 } | { .b = 2 || .c = 3 }", ".a = 1; .b = 2; .c = 3");
}

#[test]
fn what_looks_at_several_spans_frees_all_conditions() {
    check_search("{ .a = 1 } && { .b = 2 }", ".a = 1; .b = 2");
    check_search("{ .a = 1 } >> { .b = 2 }", "descendants any; .a = 1; .b = 2");
    check_search("{ .a = 1 } !< { .b = 2 }", "children any; .a = 1; .b = 2");
    check_search("{ .a = 1 } &~ { .b = 2 }", "siblings any; .a = 1; .b = 2");
    check_search("{ .a = 1 } | by(.b)", ".a = 1; .b any");
    check_search("{ .a = 1 } | count() > 1", ".a = 1");
    check_search("{ .a = 1 } | avg(.b) > 1", ".a = 1; .b any");
    check_search("({ .a = 1 } | count() > 1) && ({ .b = 2 })", ".a = 1; .b = 2");
}

#[test]
fn the_empty_filter_asks_for_what_every_span_has_unless_something_is_asked_for_anyway() {
    check_search("{ }", "start any | all");
    check_search("{ 1 = 1 }", "start any | all");
    check_search("{ false }", " | all");
    check_search("{ } >> { .a = 1 }", "descendants any; .a = 1");
    check_search("{ .a = 1 } && { }", ".a = 1; start any");
    check_search("{ duration > 1s } || { }", "duration > 1000000000ns; start any");
    check_search("{ duration + 1s > 2s } || { }", "duration any");
    check_search("{ .a } || { }", ".a any; start any");
}

#[test]
fn what_follows_select_is_fetched_too_late() {
    check_search("{ .a = 1 } | select(.b, name)", ".a = 1 [.b any; name any] | all");
    check_search("{ .a = 1 } | select(.b) | { .c = 2 }", ".a = 1 [.b any; .c = 2] | all");
    check_search("{ .a = 1 } | select(.b) | { span.b = 2 }", ".a = 1 [.b any] | all");
    check_search("{ .a = 1 } | select(.b) | by(.c)", ".a = 1 [.b any; .c any] | all");
    check_search("{ .a } | select(.b) | { .a = 2 } | { }", ".a any [.b any; start any] | all");
}

#[test]
fn conditions_that_fetch_everything_together_are_one() {
    check_search("{ .a = 1 } && { .a = 1 }", ".a = 1");
    check_search("{ .a = 1 } && { .a != 1 }", ".a any");
    check_search("{ .a = 1 } && { .a != 2 }", ".a = 1; .a != 2");
    check_search("{ .a = 1 } | by(.a)", ".a any");
    check_search("{ .a = 1 && .a != 1 }", ".a = 1; .a != 1 | all");
    check_search("{ .a = 1 || .a = 2 } && { .a != 1 && .a != 2 }", ".a = (1 2); .a != (1 2)");
}

#[test]
fn metrics_fetch_what_they_measure_and_label_afterwards() {
    check_metrics("{ span.a = 1 } | rate() by (span.b)", "span.a = 1 [span.b any; start any] | all spans");
    check_metrics("{ .b = 1 } | rate() by (span.b)", ".b = 1 [start any] | all spans");
    check_metrics(
        "{ .b = 1 || .c = 2 } | rate() by (span.b)",
        ".b = 1; .c = 2 [span.b any; start any] | spans",
    );
    check_metrics(
        "{ .b = 1 || .c = 2 } | avg_over_time(.x) by (span.b)",
        ".b = 1; .c = 2 [.x any; span.b any; start any] | spans",
    );
    check_metrics("{ .b = 1 || .c = 2 } | sum_over_time(.b)", ".b = 1; .c = 2 [start any] | spans");
    check_metrics("{ .a = 1 } >> { .b = 2 } | rate()", "descendants any; .a = 1; .b = 2 [start any]");
    check_metrics("{ .a = 1 } | count() > 2 | rate()", ".a = 1 [start any]");
    check_metrics("{ } | compare({ .a = 1 })", "start any [everything] | all spans");
}

#[test]
fn metrics_over_what_every_span_has_are_decided_by_storage() {
    check_metrics("{ } | rate()", "start any | all spans decided");
    check_metrics("{ } | rate() by (name)", "start any; name any | all spans decided");
    check_metrics(
        "{ duration * 2 > 1s } | rate() by (resource.service.name)",
        "duration any; resource.service.name any; start any | all spans decided",
    );
    check_metrics("{ span.a = 1 } | rate()", "span.a = 1; start any | all spans");
    check_metrics(
        "{ name = \"a\" && name != \"b\" } | rate()",
        "name = 'a'; name != 'b' [start any] | all spans",
    );
    check_metrics("{ .a = 1 } | rate() by (name)", ".a = 1 [name any; start any] | all spans");
}
