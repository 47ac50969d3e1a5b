//! The first pass.

use super::*;

#[test]
fn an_intrinsic_is_visible_where_one_of_its_conditions_accepts_it() {
    let trace = spans(vec![span(1, &[]), span(2, &[]), span(3, &[])]);
    check("{ name = \"s2\" }", &trace, "2{name='s2'}");
    check("{ name != \"s2\" }", &trace, "1{name='s1'} 3{name='s3'}");
    check("{ name =~ \"s[12]\" && name != \"s2\" }", &trace, "1{name='s1'} 2{name='s2'} 3{name='s3'}");
    check("{ duration > 9ns }", &trace, "2{duration=18ns} 3{duration=27ns}");
    check("{ duration = 9 || duration = 27 }", &trace, "1{duration=9ns} 3{duration=27ns}");
    check("{ name > \"s2\" }", &trace, "3{name='s3'}");
    check("{ name < \"s2\" }", &trace, "1{name='s1'}");
}

#[test]
fn a_constant_on_the_left_asks_for_the_opposite() {
    let trace = spans(vec![span(1, &[("x", int(1))]), span(2, &[("x", int(5))])]);
    check("{ 3 < .x }", &trace, "1{span.x=1}");
    check("{ 0s < duration }", &trace, "nothing");
}

#[test]
fn a_number_is_found_by_numbers_written_as_it_is() {
    let trace =
        spans(vec![span(1, &[("x", int(2))]), span(2, &[("x", float(2.5))]), span(3, &[("x", text("2"))])]);
    check("{ span.x > 1 }", &trace, "1{span.x=2}");
    check("{ span.x > 1.0 }", &trace, "2{span.x=2.5}");
    check("{ span.x + 0 > 1 }", &trace, "1{span.x=2} 2{span.x=2.5} 3{span.x='2'}");
    check("{ span.x > 1ns }", &trace, "nothing");
    check("{ span.x > 1 || span.x > 1.0 }", &trace, "1{span.x=2} 2{span.x=2.5}");
}

#[test]
fn tests_of_a_type_are_shared_by_all_names_of_a_level() {
    let trace = spans(vec![
        span(1, &[("a", text("x")), ("b", text("y"))]),
        span(2, &[("a", text("y")), ("b", text("x"))]),
        span(3, &[("a", text("z")), ("c", text("x"))]),
    ]);
    check(
        "{ span.a = \"x\" || span.b = \"y\" }",
        &trace,
        "1{span.a='x' span.b='y'} 2{span.a='y' span.b='x'}",
    );
    check(
        "{ span.a = \"x\" && span.b = \"y\" }",
        &trace,
        "1{span.a='x' span.b='y'} 2{span.a='y' span.b='x'}",
    );
}

#[test]
fn where_nothing_is_accepted_nil_hides_what_stands_behind_it() {
    let resource = [("s", text("rv"))];
    let trace = joined(vec![batch(&resource, vec![span(1, &[("s", text("foo"))]), span(2, &[])])]);
    check("{ .s = \"rv\" }", &trace, "1{resource.s='rv' span.s=nil} 2{resource.s='rv'}");
    check_values("{ .s = \"rv\" }", &trace, "1(nil) 2('rv')");
    // With conditions of one type that must all hold, it vanishes instead.
    check("{ span.s = \"rv\" }", &trace, "nothing");
    check("{ span.s = \"foo\" && span.s != \"q\" }", &trace, "1{span.s='foo'}");
}

#[test]
fn what_no_block_has_a_type_for_is_nil() {
    let trace = spans(vec![
        span(1, &[("x", raw())]),
        span(2, &[("x", array(vec![]))]),
        span(3, &[("x", array(vec![int(1), text("a")]))]),
        span(4, &[("x", flag(true))]),
    ]);
    check("{ span.x + 1 > 1 }", &trace, "4{span.x=true}");
    check("{ name = \"s1\" || span.x != nil }", &trace, "1{span.x=nil name='s1'} 4{span.x=true}");
}

#[test]
fn arrays_are_stored_by_element_and_what_is_left_of_them_is_the_value() {
    let trace = spans(vec![
        span(1, &[("t", array(vec![text("a"), text("b")]))]),
        span(2, &[("t", array(vec![text("a")]))]),
        span(3, &[("t", array(vec![text("b"), text("c")]))]),
        span(4, &[("t", array(vec![int(1), int(2), int(3)]))]),
    ]);
    check("{ span.t != \"a\" }", &trace, "1{span.t='b'} 3{span.t=[\"b\", \"c\"]}");
    check("{ span.t = \"a\" }", &trace, "1{span.t='a'} 2{span.t='a'}");
    check("{ span.t >= 2 }", &trace, "4{span.t=[2, 3]}");
    check("{ span.t != nil && name = \"s1\" }", &trace, "1{span.t=[\"a\", \"b\"] name='s1'}");
}

#[test]
fn absence_is_visible_as_the_text_nil_at_every_level_that_lacks_the_attribute() {
    let resource = [("x", text("r"))];
    let trace = joined(vec![
        batch(&resource, vec![span(1, &[("x", text("s"))]), span(2, &[])]),
        batch(&[], vec![span(3, &[])]),
    ]);
    check("{ span.x = nil }", &trace, "2{span.x='nil'} 3{span.x='nil'}");
    check("{ resource.x = nil }", &trace, "3{resource.x='nil'}");
    check("{ .x = nil }", &trace, "2{span.x='nil'} 3{resource.x='nil' span.x='nil'}");
    check(
        "{ .service.name = nil }",
        &trace,
        "1{span.service.name='nil'} 2{span.service.name='nil'} 3{span.service.name='nil'}",
    );
}

#[test]
fn the_service_name_is_there_for_every_resource() {
    let trace = joined(vec![
        batch(&[("service.name", text("shop"))], vec![span(1, &[])]),
        batch(&[("service.name", int(7))], vec![span(2, &[])]),
        batch(&[], vec![span(3, &[])]),
    ]);
    check(
        "{ resource.service.name != \"shop\" }",
        &trace,
        "2{resource.service.name=''} 3{resource.service.name=''}",
    );
    check("{ resource.service.name = 7 }", &trace, "2{resource.service.name=7}");
    check(
        "{ resource.service.name = \"\" && resource.service.name != \"x\" && name = \"s3\" }",
        &trace,
        "3{resource.service.name='' resource.service.name='' name='s3'}",
    );
    check("{ resource.service.name = \"shop\" && resource.service.name != \"shop\" }", &trace, "nothing");
}

#[test]
fn attributes_with_columns_of_their_own_are_not_mixed_with_others() {
    let trace = joined(vec![batch(
        &[("k8s.pod.name", text("p"))],
        vec![
            span(1, &[("http.method", text("GET")), ("x", text("q"))]),
            span(2, &[("http.method", text("q"))]),
            span(3, &[("http.status_code", int(500))]),
            span(4, &[("http.status_code", text("500"))]),
        ],
    )]);
    check("{ span.http.method = \"GET\" || span.x = \"q\" }", &trace, "1{span.x='q' span.http.method='GET'}");
    check("{ span.http.status_code >= 500 }", &trace, "3{span.http.status_code=500}");
    check("{ span.http.status_code = \"500\" }", &trace, "4{span.http.status_code='500'}");
    // Absent, it is the text "nil" already where nobody asked for absence.
    check(
        "{ span.http.method != \"GET\" && span.http.method != \"PUT\" }",
        &trace,
        "2{span.http.method='q'} 3{span.http.method='nil'} 4{span.http.method='nil'}",
    );
    check("{ span.http.method = nil && name = \"s3\" }", &trace, "3{span.http.method='nil' name='s3'}");
    check(
        "{ resource.k8s.pod.name != nil && name = \"s3\" }",
        &trace,
        "3{resource.k8s.pod.name='p' name='s3'}",
    );
}

#[test]
fn a_span_of_which_nothing_is_visible_is_no_candidate() {
    let trace = spans(vec![span(1, &[("x", int(1))]), span(2, &[("x", int(2))]), span(3, &[])]);
    check("{ !(.x = 1) }", &trace, "1{span.x=1}");
    check("{ !(.x = 1) || name = \"zzz\" }", &trace, "1{span.x=1}");
    check(
        "{ !(.x = 1) || name != \"zzz\" }",
        &trace,
        "1{span.x=1 name='s1'} 2{span.x=nil name='s2'} 3{name='s3'}",
    );
    check("{ }", &trace, "1{} 2{} 3{}");
    check("{ false }", &trace, "1{} 2{} 3{}");
    // A condition on the trace keeps all of them.
    check("{ !(.x = 1) || rootName = \"no\" }", &trace, "1{span.x=1} 2{span.x=nil} 3{}");
}

#[test]
fn where_all_conditions_must_hold_as_much_is_visible_as_names_are_asked_for() {
    let resource = [("r", text("z"))];
    let trace = joined(vec![
        batch(&resource, vec![span(1, &[("a", int(1)), ("b", int(2))]), span(2, &[("a", int(1))])]),
        batch(&[], vec![span(3, &[("a", int(1)), ("b", int(2))])]),
    ]);
    check(
        "{ span.a = 1 && span.b = 2 && resource.r = \"z\" }",
        &trace,
        "1{resource.r='z' span.a=1 span.b=2}",
    );
    check("{ span.a = 1 && span.b > 1 }", &trace, "1{span.a=1 span.b=2} 3{span.a=1 span.b=2}");
    // Two conditions on one name need one value.
    check("{ span.a >= 1 && span.a < 5 }", &trace, "1{span.a=1} 2{span.a=1} 3{span.a=1}");
    // Without a scope, nothing has to hold.
    check("{ .a = 1 && span.b = 2 }", &trace, "1{span.a=1 span.b=2} 2{span.a=1} 3{span.a=1 span.b=2}");
    // Values of different types are looked at one by one, and nil counts for nothing.
    check("{ span.a = 1 && span.b = \"x\" }", &trace, "nothing");
}

#[test]
fn conditions_on_events_are_met_by_one_event_where_all_must_hold() {
    let with = |number, events| Span { events, ..span(number, &[]) };
    let trace = spans(vec![
        with(1, vec![event("a", 5, &[("k", int(1))]), event("b", 6, &[("k", int(2))])]),
        with(2, vec![event("a", 5, &[("k", int(2))])]),
        with(3, vec![]),
    ]);
    check("{ event:name = \"a\" && event.k = 2 }", &trace, "2{event.k=2 event:name='a'}");
    check("{ event:name = \"a\" }", &trace, "1{event:name='a'} 2{event:name='a'}");
    check("{ event:timeSinceStart > 4ns }", &trace, "1{event:timeSinceStart=5ns}");
    check("{ event.m = nil }", &trace, "1{event.m='nil' event.m='nil'} 2{event.m='nil'}");
    // Otherwise every event adds what it has, and the first entry counts, nil too.
    check("{ event.k = 2 || name = \"s1\" }", &trace, "1{name='s1' event.k=nil event.k=2} 2{event.k=2}");
    check_values("{ event.k = 2 || name = \"s1\" }", &trace, "1(nil, 's1') 2(2, nil)");
}

#[test]
fn a_span_without_events_has_an_empty_one_for_what_accepts_nothing() {
    let trace = spans(vec![Span { events: vec![event("x", 5, &[])], ..span(1, &[]) }, span(2, &[])]);
    check("{ event:name != \"x\" }", &trace, "nothing");
    check("{ event:name != \"x\" && event:name != \"z\" }", &trace, "2{event:name=''}");
    check("{ event:name =~ \".*\" }", &trace, "1{event:name='x'}");
    check("{ event:name != \"y\" || name = \"s2\" }", &trace, "1{event:name='x'} 2{name='s2'}");
}

#[test]
fn links_are_told_by_ids_as_text() {
    let trace = spans(vec![
        Span {
            links: vec![link(0xf1, &[("rel", text("p"))]), link(0xf2, &[("rel", text("q"))])],
            ..span(1, &[])
        },
        span(2, &[]),
    ]);
    check("{ link:traceID = \"f1\" }", &trace, "1{link:traceID='f1'}");
    check("{ link:traceID = \"f1\" && link.rel = \"q\" }", &trace, "nothing");
    // An id of a span is compared without the zeros before it, so one that has some is not found.
    check("{ link:spanID = \"00000000000000f1\" }", &trace, "nothing");
    check(
        "{ link:spanID != \"1\" && link.rel = \"q\" }",
        &trace,
        "1{link.rel='q' link:spanID='00000000000000f2'}",
    );
}

#[test]
fn ids_that_are_none_are_not_compared() {
    let trace = spans(vec![span(1, &[]), span(2, &[])]);
    check("{ span:id = \"1000000000000002\" }", &trace, "2{span:id='1000000000000002'}");
    check("{ span:parentID = \"1000000000000001\" }", &trace, "2{span:parentID='1000000000000001'}");
    check("{ span:parentID = \"\" }", &trace, "1{span:parentID='0000000000000000'}");
    check("{ span:id = \"no id\" }", &trace, "1{span:id='1000000000000001'} 2{span:id='1000000000000002'}");
    check(
        "{ trace:id = \"0000AB00000000000001\" && name = \"s1\" }",
        &trace,
        "1{trace:id='ab00000000000001' name='s1'}",
    );
    check("{ trace:id = \"ab\" }", &trace, "nothing");
}

#[test]
fn conditions_on_the_trace_decide_before_any_span_where_all_must_hold() {
    let trace =
        joined(vec![batch(&[("service.name", text("shop"))], vec![span(1, &[("x", int(1))]), span(2, &[])])]);
    check("{ rootName = \"s1\" && span.x = 1 }", &trace, "1{rootName='s1' span.x=1}");
    check("{ rootName = \"s2\" && span.x = 1 }", &trace, "nothing");
    check(
        "{ rootServiceName = \"shop\" || span.x = 1 }",
        &trace,
        "1{rootServiceName='shop' span.x=1} 2{rootServiceName='shop'}",
    );
    check("{ rootServiceName = \"no\" || span.x = 1 }", &trace, "1{span.x=1} 2{}");
    check("{ traceDuration = 19 }", &trace, "1{traceDuration=19ns} 2{traceDuration=19ns}");
    check(
        "{ traceDuration > 18.5 && traceDuration < 19.5 && name = \"s2\" }",
        &trace,
        "2{traceDuration=19ns traceDuration=19ns name='s2'}",
    );
}

#[test]
fn scopes_always_have_a_name_and_a_version() {
    let scope = InstrumentationScope {
        name: "l1".to_owned(),
        attributes: attributes(&[("lang", text("go"))]),
        ..InstrumentationScope::default()
    };
    let mut bare = batch(&[("b", int(1))], vec![span(2, &[])]);
    bare.scope_spans[0].scope = None;
    let trace = joined(vec![scoped(&[], scope, vec![span(1, &[])]), bare]);
    check("{ instrumentation:name = \"l1\" }", &trace, "1{instrumentation:name='l1'}");
    check(
        "{ instrumentation:version = \"\" }",
        &trace,
        "1{instrumentation:version=''} 2{instrumentation:version=''}",
    );
    check(
        "{ instrumentation.lang = \"go\" && instrumentation:name != \"x\" }",
        &trace,
        "1{instrumentation.lang='go' instrumentation:name='l1'}",
    );
    check("{ instrumentation.lang = nil }", &trace, "2{instrumentation.lang='nil'}");
}

#[test]
fn numbers_in_the_tree_are_read_where_they_are_asked_for() {
    let trace = spans(vec![span(1, &[]), span(2, &[]), Span { parent_span_id: vec![9; 8], ..span(3, &[]) }]);
    check("{ nestedSetParent < 0 }", &trace, "1{nestedSetParent=-1}");
    check("{ nestedSetLeft > 1 }", &trace, "2{nestedSetLeft=2}");
    check("{ span:childCount > 0 }", &trace, "1{span:childCount=1}");
    check_values("{ nestedSetLeft > 1 || name != \"s2\" }", &trace, "1(0, 's1') 2(2, nil) 3(0, 's3')");
    // A span that is not in the tree has nothing for a structural operator.
    check("{ } >> { }", &trace, "1{} 2{}");
    check(
        "{ nestedSetLeft > 1 } >> { name = \"s1\" }",
        &trace,
        "1{nestedSetLeft=1 name='s1'} 2{nestedSetLeft=2} 3{nestedSetLeft=0}",
    );
}

#[test]
fn statuses_and_kinds_are_compared_by_their_words() {
    let status = |code| Some(Status { code, message: "m".to_owned() });
    let trace = spans(vec![
        Span { status: status(2), kind: 2, ..span(1, &[]) },
        Span { status: status(1), kind: 3, ..span(2, &[]) },
        Span { kind: 0, ..span(3, &[]) },
    ]);
    check("{ status = error }", &trace, "1{status=status 0}");
    check("{ status != error }", &trace, "2{status=status 1} 3{status=status 2}");
    check("{ kind = client }", &trace, "2{kind=kind 2}");
    check("{ statusMessage = \"m\" && kind = server }", &trace, "1{statusMessage='m' kind=kind 3}");
}

#[test]
fn an_unscoped_name_is_looked_for_from_the_span_outwards() {
    let trace = joined(vec![
        batch(
            &[("k", text("r"))],
            vec![Span { events: vec![event("e", 1, &[("k", text("e"))])], ..span(1, &[]) }],
        ),
        batch(&[], vec![Span { events: vec![event("e", 1, &[("k", text("e"))])], ..span(2, &[]) }]),
    ]);
    check_values("{ .k = \"r\" || event.k = \"e\" }", &trace, "1('r', 'e') 2('e', 'e')");
    // An event is found by a bare name only where another condition reads events.
    check_values("{ .k = \"r\" || name != \"x\" }", &trace, "1('r', 's1') 2(nil, 's2')");
    // An intrinsic has a name as well.
    let named = spans(vec![span(1, &[("name", text("n"))]), span(2, &[])]);
    check_values("{ .name = \"n\" || name != \"x\" }", &named, "1('n', 's1') 2('s2', 's2')");
    check_values("{ span.name = \"n\" || name = \"s2\" }", &named, "1('n', 'n') 2(nil, 's2')");
}

#[test]
fn of_a_repeated_attribute_the_first_counts_but_of_a_service_the_last() {
    let trace = joined(vec![batch(
        &[("service.name", text("a")), ("service.name", text("b"))],
        vec![span(1, &[("x", int(1)), ("x", int(2))])],
    )]);
    check_values("{ span.x > 0 }", &trace, "1(1)");
    check_values("{ span.x > 1 || name = \"s1\" }", &trace, "1(nil, 's1')");
    check_values("{ resource.service.name != \"x\" }", &trace, "1('b')");
}

#[test]
fn a_float_beside_a_duration_becomes_the_nearest_bound() {
    // 9, 18 and 27 nanoseconds.
    let trace = spans(vec![span(1, &[]), span(2, &[]), span(3, &[])]);
    check("{ duration > 17.5 }", &trace, "2{duration=18ns} 3{duration=27ns}");
    check("{ duration < 17.5 }", &trace, "1{duration=9ns}");
    check("{ duration >= 18.0 }", &trace, "2{duration=18ns} 3{duration=27ns}");
    check("{ duration = 17.5 }", &trace, "1{duration=9ns} 2{duration=18ns} 3{duration=27ns}");
    check("{ duration > 1e30 }", &trace, "1{duration=9ns} 2{duration=18ns} 3{duration=27ns}");
    check("{ duration = 9.0 || duration = 27.0 }", &trace, "1{duration=9ns} 3{duration=27ns}");
}

#[test]
fn what_a_column_cannot_be_compared_with_fails_the_query() {
    let refused = |query: &str| fetch(query).unwrap_err().to_string();
    assert_eq!(refused("{ span:childCount > 1.5 }"), "`span:childCount` can only be compared with integers");
    assert_eq!(refused("{ nestedSetLeft = 1.0 }"), "`nestedSetLeft` can only be compared with integers");
    assert_eq!(
        refused("{ event:timeSinceStart > 1.5 }"),
        "`event:timeSinceStart` can only be compared with integers"
    );
    assert_eq!(
        refused("{ instrumentation:name = 1 }"),
        "`instrumentation:name` can only be compared with strings"
    );
    assert_eq!(refused("{ span:id > \"ab\" }"), "`span:id` cannot be compared with `>`");
    assert_eq!(refused("{ trace:id =~ \"ab\" }"), "`trace:id` cannot be compared with `=~`");
    // What is no id is not compared at all.
    assert!(fetch("{ trace:id =~ \"ab.*\" }").is_ok());
}

#[test]
fn a_resource_of_which_nothing_is_accepted_has_no_candidates_though_all_its_attributes_are_there() {
    let resource = [("s", text("a")), ("z", float(0.1))];
    let trace = joined(vec![batch(&resource, vec![span(1, &[])])]);
    check("{ !(resource.s =~ \"\" && resource.z > 0.5) }", &trace, "nothing");
}
