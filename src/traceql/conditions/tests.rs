//! What each construct becomes, and what holds for every query. That no matching trace escapes is shown
//! over traces, where there is an evaluator.

mod metrics;
mod regions;

use super::*;
use crate::traceql::ast::{AttributeName, Intrinsic, Scope};
use crate::traceql::tests::generated;
use crate::traceql::{check, compile, parse};
use proptest::prelude::*;

fn of_text(text: &str, withheld: &Withheld) -> Conditions {
    of(&compile(text).unwrap_or_else(|error| panic!("{}", error.caret(text))), withheld)
}

/// The texts of the conditions; those on the root are marked.
fn shown(conditions: &Conditions) -> Vec<String> {
    let mark = |condition: &Condition| match condition.about {
        About::Span => condition.to_string(),
        About::Root => format!("root {condition}"),
    };
    conditions.each.iter().map(mark).collect()
}

fn check_table(table: &[(&str, Class, &[&str])]) {
    for (text, class, expected) in table {
        let conditions = of_text(text, &Withheld::nothing());
        assert_eq!((conditions.class, shown(&conditions)), (*class, owned(expected)), "{text}");
        for condition in &conditions.each {
            compile(&condition.to_string()).expect(text);
        }
    }
}

fn owned(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

/// The conditions of a filter within a search that is not span-local.
fn check_filters(table: &[(&str, &str)]) {
    for (filter, expected) in table {
        let text = format!("{filter} >> {{ name = `z` }}");
        let conditions = of_text(&text, &Withheld::nothing());
        let mut wanted = owned(&[expected, "{ name = `z` }"]);
        wanted.retain(|condition| condition != "{ true }");
        assert_eq!(shown(&conditions), wanted, "{filter}");
        assert_eq!(conditions.class, Class::WholeTrace);
    }
}

fn attribute(text: &str) -> AttributeName {
    let query = compile(&format!("{{ {text} != nil }}")).unwrap();
    let Root::Pipeline(pipeline) = query.root else { panic!("a search") };
    let Some(Stage::Spanset(SpansetExpr::Filter(filter))) = pipeline.stages.first() else { panic!() };
    let mut found = Vec::new();
    filter.field.attributes(&mut found);
    found[0].name.clone()
}

#[test]
fn what_looks_at_one_span_is_asked_as_it_is() {
    use Class::SpanLocal;
    check_table(&[
        ("{}", SpanLocal, &["{ true }"]),
        ("{ .a > 1 && !(.b = 2) }", SpanLocal, &["{ (.a > 1) && (!(.b = 2)) }"]),
        ("{ trace:id = \"4bf9\" }", SpanLocal, &["{ trace:id = `4bf9` }"]),
        (
            "{ event:name = \"e\" && link:spanID = \"1\" }",
            SpanLocal,
            &["{ (event:name = `e`) && (link:spanID = `1`) }"],
        ),
        ("{ nestedSetParent < 0 && .a = `x` }", SpanLocal, &["{ (nestedSetParent < 0) && (.a = `x`) }"]),
        ("{ .a = `x` } || { .b = `y` }", SpanLocal, &["{ (.a = `x`) || (.b = `y`) }"]),
        ("{ .a = `x` } | { .b = `y` }", SpanLocal, &["{ .a = `x` }", "{ .b = `y` }"]),
        ("{ .a = `x` } | by(.b) | coalesce() | select(.c)", SpanLocal, &["{ .a = `x` }"]),
    ]);
    let any = |text: &str| of_text(text, &Withheld::nothing()).any.to_string();
    assert_eq!(any("{ .a > 1 } || { .b = true } | by(.c)"), "({ .a > 1 }) || ({ .b = true }) | by(.c)");
    assert_eq!(any("{ .a = `x` } >> { .b = `y` }"), "{ (.a = `x`) || (.b = `y`) }");
    assert_eq!(any("{ .a = `x` } >> { }"), "{ .a = `x` }");
    assert_eq!(any("{ } >> { }"), "{ true }");
}

#[test]
fn what_may_fail_in_a_region_or_lists_no_traces_is_asked_in_its_widened_form() {
    for (text, expected) in [
        ("{ !.b }", "{ .b != nil }"),
        ("{ .a = `x` } || { !.b } | by(.c)", "{ (.a = `x`) || (.b != nil) }"),
        ("{ .a = .b }", "{ (.a != nil) && (.b != nil) }"),
        ("{ 1 / 0 = 1 }", "{ true }"),
        ("{ .a = `x` } | by(-.b)", "{ .a = `x` }"),
        ("{ .a = `x` } | by(trace:id)", "{ .a = `x` }"),
    ] {
        let conditions = of_text(text, &Withheld::nothing());
        assert_eq!((conditions.class, conditions.any.to_string()), (Class::SpanLocal, expected.to_owned()));
        assert_eq!(shown(&conditions), [expected], "{text}");
        let asked = in_regions(&compile(text).unwrap(), &Withheld::nothing(), &[Facts::nothing()]);
        assert_eq!(asked.any[0].as_ref().map(ToString::to_string).as_deref(), Some(expected), "{text}");
    }
}

#[test]
fn what_storage_does_not_test_is_not_asked_for_what_is_counted() {
    for filter in [
        "span:id = `zz`",
        "span:id = `A10000000000A100`",
        "span:id = `00000000000000a1`",
        "span:parentID = ``",
        "link:traceID = `f1`",
        "trace:id = `C0FFEE`",
        "duration = 1.5",
        "duration != 1.5",
    ] {
        let each = |text: &str| shown(&of_text(text, &Withheld::nothing()));
        assert_eq!(each(&format!("{{ {filter} }} | rate()")), ["{ true }"], "{filter}");
        assert_eq!(each(&format!("{{ {filter} }}")), [format!("{{ {filter} }}")], "a search runs the filter");
    }
    for filter in ["span:id = `a10000000000a100`", "trace:id = `c0ffee`", "duration > 1.5", "name = `a`"] {
        let asked = of_text(&format!("{{ {filter} }} | rate()"), &Withheld::nothing());
        assert_eq!(shown(&asked), [format!("{{ {filter} }}")]);
    }
}

#[test]
fn structure_asks_for_the_sides_that_must_be_there() {
    use Class::WholeTrace;
    for sign in ["&&", ">", ">>", "<", "<<", "~", "&>", "&>>", "&<", "&<<", "&~"] {
        let text = format!("{{ .a = `x` }} {sign} {{ .b = `y` }}");
        let conditions = of_text(&text, &Withheld::nothing());
        assert_eq!(shown(&conditions), ["{ .a = `x` }", "{ .b = `y` }"], "{text}");
    }
    for sign in ["!>", "!>>", "!<", "!<<", "!~"] {
        let text = format!("{{ .a = `x` }} {sign} {{ .b = `y` }}");
        assert_eq!(shown(&of_text(&text, &Withheld::nothing())), ["{ .b = `y` }"], "{text}");
    }
    check_table(&[
        (
            "({ .a } > { .b }) || { .c }",
            WholeTrace,
            &["{ (.a = true) || (.c = true) }", "{ (.b = true) || (.c = true) }"],
        ),
        ("({ .a } > { .b }) || { }", WholeTrace, &["{ true }"]),
        ("{ .a } > { false }", WholeTrace, &["{ .a = true }", "{ false }"]),
        (
            "({ .a } | { .b }) && ({ .c } | count() > 1)",
            WholeTrace,
            &["{ .a = true }", "{ .b = true }", "{ .c = true }"],
        ),
        ("{ .a } | count() > 1", WholeTrace, &["{ .a = true }"]),
        ("count() > 1", WholeTrace, &["{ true }"]),
        ("{ .a } | by(rootName)", WholeTrace, &["{ .a = true }"]),
    ]);
}

#[test]
fn what_the_trace_knows_is_left_to_the_gateway_or_asked_of_the_root() {
    use Class::WholeTrace;
    check_table(&[
        ("{ rootName = `r` && .a = `x` }", WholeTrace, &["{ .a = `x` }", "root { rootName = `r` }"]),
        (
            "{ rootName = `r` && rootServiceName =~ `s.*` }",
            WholeTrace,
            &["root { (rootName = `r`) && (rootServiceName =~ `s.*`) }"],
        ),
        (
            "{ rootName = `r` || rootName = `s` }",
            WholeTrace,
            &["root { (rootName = `r`) || (rootName = `s`) }"],
        ),
        ("{ rootName = `r` || .a = `x` }", WholeTrace, &["{ true }"]),
        (
            "{ rootName = `r` } > { rootName != `s` }",
            WholeTrace,
            &["root { rootName = `r` }", "root { rootName != `s` }"],
        ),
        ("{ !(rootName = `r`) }", WholeTrace, &["{ true }"]),
        ("{ traceDuration < 1s && .a = `x` }", WholeTrace, &["{ (traceDuration < 1s) && (.a = `x`) }"]),
        ("{ traceDuration <= 1s }", WholeTrace, &["{ traceDuration <= 1s }"]),
        ("{ traceDuration > 1s && .a = `x` }", WholeTrace, &["{ .a = `x` }"]),
        ("{ 1s > traceDuration && .a = `x` }", WholeTrace, &["{ .a = `x` }"]),
        ("{ span:childCount > 2 && .a = `x` }", WholeTrace, &["{ .a = `x` }"]),
        ("{ nestedSetLeft = 1 || .a = `x` }", WholeTrace, &["{ true }"]),
        ("{ nestedSetParent > 3 && .a = `x` }", WholeTrace, &["{ .a = `x` }"]),
        (
            "{ nestedSetParent = -1 && rootName = `r` }",
            WholeTrace,
            &["{ nestedSetParent = (-1) }", "root { rootName = `r` }"],
        ),
    ]);
}

#[test]
fn positive_tests_stay_and_others_go() {
    check_filters(&[
        ("{ name = `a` && duration > 1.5s }", "{ (name = `a`) && (duration > 1.5s) }"),
        ("{ status = error || kind != server }", "{ (status = error) || (kind != server) }"),
        ("{ .a }", "{ .a = true }"),
        ("{ .a && .b }", "{ (.a = true) && (.b = true) }"),
        ("{ .a = `x` && !(.b = `y`) }", "{ .a = `x` }"),
        ("{ .a = `x` || !(.b = `y`) }", "{ true }"),
        ("{ !.a }", "{ .a != nil }"),
        ("{ true || .a = 1 }", "{ true }"),
        ("{ .a = `x` && 1 + 1 = 2 }", "{ .a = `x` }"),
        ("{ .a = `x` && 1 = 2 }", "{ false }"),
        ("{ (.a = `x`) = true }", "{ true }"),
        ("{ .a = nil }", "{ true }"),
        ("{ .a != nil }", "{ .a != nil }"),
        ("{ name != nil }", "{ true }"),
        ("{ .a = error }", "{ .a != nil }"),
        ("{ span:id = `0a` && span:parentID != `0b` }", "{ (span:id = `0a`) && (span:parentID != `0b`) }"),
        ("{ span:id =~ `0.*` }", "{ true }"),
    ]);
}

#[test]
fn numbers_are_asked_for_in_both_forms() {
    check_filters(&[
        ("{ .a > 1 }", "{ (.a > 1) || (.a > 1.0) }"),
        ("{ .a > -1 }", "{ (.a > (-1)) || (.a > (-1.0)) }"),
        ("{ .a = 0.5 }", "{ .a = 0.5 }"),
        ("{ .a > 0.5 }", "{ (.a > 0) || (.a > 0.5) }"),
        ("{ .a >= -0.5 }", "{ (.a > (-1)) || (.a >= (-0.5)) }"),
        ("{ .a < 0.5 }", "{ (.a <= 0) || (.a < 0.5) }"),
        ("{ .a <= 2.0 }", "{ (.a <= 2) || (.a <= 2.0) }"),
        ("{ .a != 0.5 }", "{ .a != nil }"),
        (
            "{ .http.url != 0.5 }",
            "{ ((((((((.http.url != nil) || (.http.url = true)) || (.http.url != ``)) || (.http.url = false)) || \
             (.http.url != 0)) || (.http.url = ``)) || (.http.url != 0.5)) || (.http.url = 0)) || (.http.url = 0.5) }",
        ),
        ("{ .a >= 1e300 }", "{ .a != nil }"),
        ("{ .a < 1s }", "{ (.a < 1000000000) || (.a < 1e+09) }"),
        ("{ .a = minInt }", "{ (.a = minInt) || (.a = (-9.223372036854776e+18)) }"),
        ("{ .a > 1 && .b = `y` }", "{ ((.a > 1) || (.a > 1.0)) && (.b = `y`) }"),
        // Which elements of an array are seen depends on the other conditions.
        ("{ .a != 1 }", "{ (.a != 1) || (.a != 1.0) }"),
        ("{ .a != 1 && .b = 2 }", "{ (.a != nil) && ((.b = 2) || (.b = 2.0)) }"),
        ("{ .a != `x` && .b = .c }", "{ ((.a != nil) && (.b != nil)) && (.c != nil) }"),
        (
            "{ resource.service.name != `x` && .b = .c }",
            "{ ((resource.service.name != `x`) && (.b != nil)) && (.c != nil) }",
        ),
    ]);
}

#[test]
fn what_is_computed_must_at_least_exist() {
    check_filters(&[
        ("{ 1 < .a }", "{ .a != nil }"),
        ("{ 1 = .a }", "{ (.a = 1) || (.a = 1.0) }"),
        ("{ 0s < duration }", "{ true }"),
        ("{ .a = .b }", "{ (.a != nil) && (.b != nil) }"),
        ("{ .a = name }", "{ .a != nil }"),
        ("{ .a + 1 > 2 }", "{ .a != nil }"),
        ("{ -(.a * .b) > 2 }", "{ (.a != nil) && (.b != nil) }"),
        // Without either value both sides are false, and equal.
        ("{ .a + 1 = .b + 1 }", "{ true }"),
        ("{ .a + 1 = .b }", "{ true }"),
        ("{ (.a + 1) != nil }", "{ true }"),
    ]);
}

#[test]
fn an_event_is_asked_for_alone() {
    check_filters(&[
        ("{ event:name = `e` }", "{ event:name = `e` }"),
        ("{ event:name = `` }", "{ true }"),
        ("{ event:name =~ `e.*` }", "{ event:name =~ `e.*` }"),
        ("{ event:name =~ `(e)?` }", "{ true }"),
        ("{ event.k = `e` }", "{ event.k = `e` }"),
        ("{ event.k = 1 }", "{ event.k != nil }"),
        ("{ event:name != `e` }", "{ true }"),
        ("{ event.k !~ `e` }", "{ event.k != nil }"),
        ("{ event:name = `e` && .a = `x` }", "{ (event:name != nil) && (.a = `x`) }"),
        ("{ event:name = `e` && event.k = `v` }", "{ event:name != nil }"),
        ("{ event:name = `e` && link.k = `v` }", "{ (event:name != nil) && (link.k != nil) }"),
        (
            "{ .a = `x` && (event:name = `e` || event.k = `v`) && event.l }",
            "{ (.a = `x`) && ((event:name != nil) || (event.k != nil)) }",
        ),
        ("{ link:traceID = `1` || .a = `x` }", "{ (link:traceID != nil) || (.a = `x`) }"),
        ("{ link:spanID != `1` }", "{ true }"),
        ("{ event:timeSinceStart > 1ms }", "{ event:timeSinceStart > 1ms }"),
        (
            "{ instrumentation:name = `i` && instrumentation.k = `v` }",
            "{ (instrumentation:name = `i`) && (instrumentation.k = `v`) }",
        ),
        ("{ instrumentation:version != `1` }", "{ true }"),
    ]);
}

#[test]
fn a_name_that_another_condition_can_answer_is_not_asked_for() {
    let each = |text: &str| shown(&of_text(text, &Withheld::nothing()));
    assert_eq!(each("{ .k = `x` } > { event.k = `x` }"), ["{ event.k = `x` }"]);
    assert_eq!(each("{ .k = `x` } > { span.k = `x` }"), ["{ .k = `x` }", "{ span.k = `x` }"]);
    assert_eq!(each("{ .name = `x` } > { name = `x` }"), ["{ true }"]);
    assert_eq!(each("{ span.k != `x` } > { .k = nil }"), ["{ true }"]);
    // What is missing in a column of its own is there as the text "nil", if it is looked at at all.
    assert_eq!(each("{ span.http.url != span.y } > { }"), ["{ span.y != nil }"]);
    assert_eq!(each("{ span.http.url != `x` } > { .a } | by(span.http.url)"), ["{ .a = true }"]);
    assert_eq!(each("{ span.http.url = `x` } > { } | by(span.http.url)"), ["{ span.http.url = `x` }"]);
}

#[test]
fn no_list_is_made_that_the_query_does_not_have() {
    check_filters(&[
        ("{ .a = `x` || .a = `y` }", "{ (.a = `x`) || (.a = `y`) }"),
        (
            "{ .a != `x` && .a != `y` && childless }".replace("childless", "span:childCount = 0").as_str(),
            "{ (.a != `x`) && (.a != `y`) }",
        ),
        ("{ .a != `x` && span:childCount = 0 && .a != `y` }", "{ (true && (.a != `x`)) && (.a != `y`) }"),
        ("{ span:childCount = 0 && .a != `x` && .a != `y` }", "{ (true && (.a != `x`)) && (.a != `y`) }"),
    ]);
    let any = of_text("{ .a = `x` } > { .a = `y` }", &Withheld::nothing()).any;
    assert_eq!(any.to_string(), "{ (false || (.a = `x`)) || (.a = `y`) }");
}

#[test]
fn what_is_withheld_is_never_asked() {
    let withheld: Withheld =
        ["span.x", ".everywhere", "statusMessage", "name"].map(attribute).into_iter().collect();
    let table = [
        ("{ span.x = 1 }", Class::WholeTrace, "{ true }"),
        ("{ .x = 1 && .y = `y` }", Class::WholeTrace, "{ .y = `y` }"),
        ("{ resource.x = `r` }", Class::SpanLocal, "{ resource.x = `r` }"),
        ("{ resource.everywhere = `r` || .y = `y` }", Class::WholeTrace, "{ true }"),
        ("{ statusMessage = `m` && .y = `y` }", Class::WholeTrace, "{ .y = `y` }"),
        ("{ .statusMessage = `m` }", Class::WholeTrace, "{ true }"),
        ("{ rootName = `r` && .y = `y` }", Class::WholeTrace, "{ .y = `y` }"),
        ("{ rootServiceName = `r` }", Class::WholeTrace, "root { rootServiceName = `r` }"),
        ("{ .x = .y }", Class::WholeTrace, "{ .y != nil }"),
        ("{ .y = `y` } | select(span.x)", Class::WholeTrace, "{ .y = `y` }"),
        ("{ .y = `y` } | by(name)", Class::WholeTrace, "{ .y = `y` }"),
    ];
    for (text, class, expected) in table {
        let conditions = of_text(text, &withheld);
        assert_eq!((conditions.class, shown(&conditions)), (class, owned(&[expected])), "{text}");
        let said = format!("{} {}", conditions.any, shown(&conditions).join(" "));
        assert!(
            !["span.x", ".everywhere", "statusMessage", " name", "rootName"]
                .iter()
                .any(|name| said.contains(name)),
            "{said}"
        );
    }
}

#[test]
fn each_widening_says_where_and_why() {
    let text = "{ rootName = `r` && .a > 1 && !(.b) } >> { 1 < .c } | count() > 2";
    let told: Vec<String> = of_text(text, &Withheld::nothing())
        .reasons
        .iter()
        .map(|reason| {
            let place = text.get(reason.place.start as usize..reason.place.end as usize).unwrap();
            format!("{place}: {}", reason.sentence())
        })
        .collect();
    insta::assert_snapshot!(told.join("\n"));
}

#[test]
fn what_grows_past_a_limit_is_left_open() {
    let many = |count: usize| {
        let tests: Vec<String> = (0..count).map(|at| format!(".a{at} = {at}")).collect();
        format!("{{ {} }} >> {{ }}", tests.join(" || "))
    };
    assert_eq!(shown(&of_text(&many(10), &Withheld::nothing())).len(), 1);
    assert!(!of_text(&many(10), &Withheld::nothing()).is_open());
    assert!(of_text(&many(7_000), &Withheld::nothing()).is_open());
}

/// All that Tempo accepts, in a search that no region can decide alone.
#[test]
fn widening_what_is_widened_changes_nothing() {
    let mut seen = 0;
    for line in include_str!("../tests/accepted.txt").lines() {
        let Ok(query) = compile(line) else { continue };
        for condition in of(&query, &Withheld::nothing()).each {
            let first = of_text(&format!("{condition} >> {{ }}"), &Withheld::nothing());
            // Floats so large stand for several integers, and are no longer asked for by value.
            let is_huge = |condition: &Condition| condition.to_string().contains("e+18");
            if first.each.iter().any(is_huge) {
                continue;
            }
            let [first] = first.each.as_slice() else { panic!("{line}: {first:?}") };
            let again = of_text(&format!("{first} >> {{ }}"), &Withheld::nothing());
            assert_eq!(shown(&again).last(), shown_one(first).as_ref(), "{line}");
            seen += 1;
        }
    }
    assert!(seen > 200, "{seen}");
}

fn shown_one(condition: &Condition) -> Option<String> {
    let condition = condition.clone();
    let each = vec![condition];
    shown(&Conditions { each, ..of_text("{ }", &Withheld::nothing()) }).pop()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn every_condition_compiles_and_is_local(query in generated::query()) {
        let text = query.to_string();
        let nothing = Withheld::nothing();
        let conditions = of(&query, &nothing);
        prop_assert!(!conditions.each.is_empty());
        let is_run = check(&text, &query).is_ok();
        for condition in &conditions.each {
            let said = condition.to_string();
            let again = parse(&said).map_err(|error| TestCaseError::fail(error.caret(&said)))?;
            prop_assert_eq!(again.to_string(), said.clone());
            if is_run {
                prop_assert!(check(&said, &again).is_ok(), "{} of {}", said, text);
            }
            if is_run && conditions.class == Class::WholeTrace && condition.about == About::Span {
                let bare = said.replace("traceDuration <", "duration <");
                let class = of(&compile(&bare).unwrap(), &nothing).class;
                prop_assert_eq!(class, Class::SpanLocal, "{} of {}", said, text);
            }
        }
        let any = conditions.any.to_string();
        prop_assert!(!is_run || compile(&any).is_ok(), "{} of {}", any, text);
    }

    #[test]
    fn nothing_withheld_is_named(query in generated::query()) {
        let every = [Scope::Span, Scope::Resource, Scope::Event, Scope::Link, Scope::Instrumentation];
        let keys = ["a", "b", "x", "5", "span.x"];
        let named = keys.iter().flat_map(|key| every.map(|scope| AttributeName::Named { parent: false, scope, key: (*key).to_owned() }));
        let withheld: Withheld = named.chain([AttributeName::Intrinsic(Intrinsic::Duration)]).collect();
        for condition in of(&query, &withheld).each {
            let mut found = Vec::new();
            condition.filter.field.attributes(&mut found);
            prop_assert!(!found.iter().any(|attribute| withheld.covers(&attribute.name)), "{}", condition);
        }
    }
}
