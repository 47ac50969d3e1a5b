//! What a line says at each moment of being typed.

use super::*;

/// The groups as text: conditions with `, ` between them, groups with ` | `.
fn said(text: &str) -> String {
    let shown = |condition: &Condition| {
        let name = match &condition.attribute {
            AttributeName::Intrinsic(intrinsic) => intrinsic.word().to_owned(),
            AttributeName::Named { scope, key, .. } => format!("{}.{key}", scope.word()),
        };
        match &condition.asks {
            Asks::Nothing => name,
            Asks::Exists => format!("{name} != nil"),
            Asks::Missing => format!("{name} = nil"),
            Asks::Compares(operator, literal) => format!("{name} {} {literal}", operator.sign()),
        }
    };
    let group = |group: &Group| group.iter().map(shown).collect::<Vec<_>>().join(", ");
    condition_groups(text).unwrap().iter().map(group).collect::<Vec<_>>().join(" | ")
}

/// Each text and what it says; nothing is no filter.
fn check_all(cases: &[(&str, &str)]) {
    for (text, expected) in cases {
        assert_eq!(said(text), *expected, "{text}");
    }
}

#[test]
fn a_whole_filter_says_all_its_conditions() {
    check_all(&[
        ("{ .a = 1 }", ".a = 1"),
        ("  { span.a = `x` && duration > 1s }  ", "span.a = `x`, duration > 1s"),
        ("{ resource.a =~ `x.*` && name != `b` }", "resource.a =~ `x.*`, name != `b`"),
        ("{ .a = nil && .b != nil }", ".a = nil, .b != nil"),
        ("{ status = error && kind = server }", "status = error, kind = server"),
    ]);
}

#[test]
fn the_side_of_a_constant_is_lost_but_its_operator_stays() {
    check_all(&[("{ 1 < .a }", ".a < 1"), ("{ `x` = span.b", "span.b = `x`")]);
}

#[test]
fn text_that_asks_for_nothing_filters_nothing() {
    for text in [
        "",
        "  ",
        "{",
        "{}",
        "{ }",
        "{ true }",
        "{ .a }",
        "{ .a = .b }",
        "{ .a + 1 = 2 }",
        "{ 1 = 1 }",
        "{ false }",
        "nonsense",
        "{ .a = 1 && }",
        "{ .a = 1 && span. }",
        "{ a = 1 }",
        "{ name = 5 }",
        "{ duration = nil }",
        "{ .a = 1 } } ",
    ] {
        assert_eq!(said(text), "", "{text}");
    }
}

#[test]
fn an_unfinished_matcher_holds_for_every_span() {
    check_all(&[
        ("{ .a = 1 && .b = }", ".a = 1"),
        ("{ .a = 1 && .b = ", ".a = 1"),
        ("{ .a = 1 && .b =", ".a = 1"),
        ("{ .b != && .a = 1 }", ".a = 1"),
        ("{ .a = 1 && span:name =~ }", ".a = 1"),
        ("{ .a = 1 && statusMessage = }", ".a = 1"),
        ("{ .a = 1 && trace: rootName = }", ".a = 1"),
        ("{ .a = 1 && parent.span.b = }", ".a = 1"),
        ("{ (.a = 1 && .b = ) && .c >= 2 }", ".a = 1, .c >= 2"),
        ("{ .a = 1 && nonsense = }", ".a = 1"),
        (r#"{ .a = 1 && span."a b" = }"#, ".a = 1"),
        (r#"{ span."a b" = 1 && .c = }"#, "span.a b = 1"),
        ("{ .b = }", ""),
        ("{ !.b = }", ""),
    ]);
}

#[test]
fn a_broken_string_or_number_ends_what_is_read() {
    check_all(&[
        ("{ .a = 1 && .b = \"x", ".a = 1"),
        ("{ .a = 1 && .b = `x", ".a = 1"),
        ("{ .a = 1 && .b = 9999999999999999999 }", ".a = 1"),
        ("{ .a = 1 && .b = \"x\\q\" }", ".a = 1"),
    ]);
}

#[test]
fn an_alternative_that_is_unfinished_frees_the_whole() {
    check_all(&[("{ .a = 1 || .b = }", ""), ("{ .a = 1 || true }", ""), ("{ .a = 1 || .b }", "")]);
}

#[test]
fn alternatives_become_groups() {
    check_all(&[
        ("{ .a = 1 || .b = 2 || .c = 3 }", ".a = 1 | .b = 2 | .c = 3"),
        ("{ (.a = 1 || .b = 2) && .c = 3 }", ".a = 1, .c = 3 | .b = 2, .c = 3"),
        ("{ .c = 3 && (.a = 1 || .b = 2) }", ".c = 3, .a = 1 | .c = 3, .b = 2"),
        (
            "{ (.a = 1 || .b = 2) && (.c = 3 || .d = 4) }",
            ".a = 1, .c = 3 | .b = 2, .c = 3 | .a = 1, .d = 4 | .b = 2, .d = 4",
        ),
        ("{ (.a = 1 && .b = 2) || .c = 3 }", ".a = 1, .b = 2 | .c = 3"),
        ("{ .a = 1 || .a = 1 || .b = 2 }", ".a = 1 | .b = 2"),
    ]);
}

#[test]
fn a_choice_within_a_branch_is_met_as_a_whole() {
    // What stands under `&&` within an alternative is one branch, its own alternatives too.
    check_all(&[
        ("{ .a = 1 || (.b = 2 && (.c = 3 || .d = 4)) }", ".a = 1 | .b = 2, .c = 3, .d = 4"),
        ("{ .a = 1 || .b = 2 && .c = 3 }", ".a = 1, .c = 3 | .b = 2, .c = 3"),
    ]);
}

#[test]
fn a_not_asks_for_what_it_turns_around() {
    check_all(&[("{ !(.a = 1) }", ".a = 1"), ("{ !(.a = 1 && .b = 2) }", ".a = 1, .b = 2")]);
}

#[test]
fn only_a_first_filter_counts() {
    check_all(&[
        ("{ .a = 1 } | { .b = 2 }", ".a = 1"),
        ("{ .a = 1 && .b = } | rate() by (.c)", ".a = 1"),
        ("{ .a = 1 } | count() > 2", ".a = 1"),
        ("({ .a = 1 })", ".a = 1"),
        ("{ .a = 1 } >> { .b = 2 }", ""),
        ("{ .a = 1 } && { .b = 2 }", ""),
        ("{ .a = 1 } || { .b = 2 }", ""),
        ("count() > 2", ""),
        ("{ .a = 1 } | rate() > 2", ".a = 1"),
    ]);
}

#[test]
fn a_whole_float_beside_something_unfinished_is_read_as_an_integer() {
    check_all(&[
        ("{ .a = 1.0 }", ".a = 1.0"),
        ("{ .a = 1.0 && .b = }", ".a = 1"),
        ("{ .a = 1.5 && .b = }", ".a = 1.5"),
    ]);
}

#[test]
fn more_ways_than_allowed_are_refused() {
    let choice = |letter: &str, count: usize| {
        let all: Vec<String> = (0..count).map(|value| format!(".{letter} = {value}")).collect();
        format!("({})", all.join(" || "))
    };
    let hundred = format!("{{ {} && {} }}", choice("a", 10), choice("b", 10));
    assert_eq!(condition_groups(&hundred).unwrap().len(), 100);
    let more = format!("{{ {} && {} }}", choice("a", 10), choice("b", 11));
    assert_eq!(condition_groups(&more), Err(TooManyGroups));
    let free = format!("{{ {} && {} || true }}", choice("a", 10), choice("b", 11));
    assert_eq!(condition_groups(&free), Ok(Vec::new()), "what filters nothing has no ways to count");
}

#[test]
fn the_longest_chain_is_read_in_good_time() {
    for (text, ways) in [(".a=1&&.b=2||", 1), (".a=1||.b=2&&", 2), (".a=1||", 1)] {
        let chain = text.repeat(crate::traceql::QUERY_BYTES_MAX / text.len() - 2);
        let text = format!("{{ {chain} .c=3 }}");
        assert!(text.len() <= crate::traceql::QUERY_BYTES_MAX);
        // Which groups there are is told above; here it is about getting to the end.
        assert!(condition_groups(&text).unwrap().len() >= ways);
    }
}
