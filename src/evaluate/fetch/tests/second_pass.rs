//! What is fetched for the spans a query kept, and how metrics fetch otherwise.

use super::*;
use crate::model::value::ShownValue;

/// What a search row shows of the span with this number.
fn shown_of(query: &str, joined: &Joined, number: &str) -> (String, Vec<String>) {
    let fetch = fetch(query).unwrap();
    let rows = TraceRows::of(TraceId::from_bytes(ID), joined);
    let mut loaded = fetch.load(&rows).unwrap().unwrap();
    let all = 0..loaded.candidates();
    loaded.complete(all.clone()).unwrap();
    let candidate = all.into_iter().find(|candidate| number_of(&loaded, *candidate) == number).unwrap();
    let (span, attributes) = loaded.showing().row(candidate);
    let attributes = attributes.into_iter().map(|(name, value)| match value {
        ShownValue::Text(text) => format!("{name}='{text}'"),
        ShownValue::Int(int) => format!("{name}={int}"),
        other => format!("{name}={other:?}"),
    });
    (span.to_owned(), attributes.collect())
}

#[test]
fn a_row_shows_what_any_condition_loaded_by_bare_name() {
    let resource = [("s", text("r")), ("service.name", text("shop"))];
    let trace = joined(vec![batch(&resource, vec![span(1, &[("s", text("v")), ("x", int(1))])])]);
    let check = |query: &str, name: &str, expected: &[&str]| {
        assert_eq!(
            shown_of(query, &trace, "1"),
            (name.to_owned(), expected.iter().map(|s| (*s).to_owned()).collect()),
            "{query}"
        );
    };
    check("{ span.x = 1 }", "", &["x=1"]);
    check("{ .s != nil }", "", &["s='r'", "s='v'"]);
    check("{ span.x = 1 } | select(.s)", "", &["s='r'", "x=1", "s='v'"]);
    check(
        "{ span.x = 1 } | select(name, kind, span:parentID)",
        "s1",
        &["x=1", "kind='unspecified'", "span:parentID='0000000000000000'"],
    );
    // These have places of their own.
    check(
        "{ name = \"s1\" && duration > 0s && traceDuration > 0s && span:id != \"a\" && trace:id != \"a\" }",
        "s1",
        &[],
    );
    check(
        "{ rootName = \"s1\" && rootServiceName = \"shop\" && resource.service.name = \"shop\" }",
        "",
        &["service.name='shop'"],
    );
    check("{ span.y = nil }", "", &["y='nil'"]);
    check("{ span.x = 2 || span.s = \"v\" }", "", &["s='v'"]);
    check("{ span.x = 2 || span.s = \"v\" } | select(span.x)", "", &["s='v'", "x=1"]);
}

#[test]
fn what_is_selected_is_not_there_while_the_query_runs() {
    let trace = spans(vec![span(1, &[("x", int(4))])]);
    let fetch = fetch("{ } | select(.x) | { .x = 4 }").unwrap();
    let rows = TraceRows::of(TraceId::from_bytes(ID), &trace);
    let mut loaded = fetch.load(&rows).unwrap().unwrap();
    let mut slots = Slots::default();
    let slot = slots.of(&fetch.names[0]);
    assert_eq!(*loaded.value(0, slot), Value::Nil);
    loaded.complete([0]).unwrap();
    assert_eq!((loaded.value(0, slot), loaded.value_after(0, slot)), (&Value::Nil, &Value::Int(4)));
}

#[test]
fn what_the_first_pass_found_hides_what_the_second_finds_nil_too() {
    let trace = joined(vec![batch(&[("s", text("r"))], vec![span(1, &[("s", int(1)), ("t", text("z"))])])]);
    let after = |query: &str| {
        let fetch = fetch(query).unwrap();
        let rows = TraceRows::of(TraceId::from_bytes(ID), &trace);
        let mut loaded = fetch.load(&rows).unwrap().unwrap();
        loaded.complete([0]).unwrap();
        let mut slots = Slots::default();
        shown_value(loaded.value_after(0, slots.of(&fetch.names[0])))
    };
    assert_eq!(after("{ span.s = 2 || span.t = \"z\" } | select(span.s)"), "nil");
    assert_eq!(after("{ .s = 1 || span.t = \"z\" } | select(.s)"), "1");
    assert_eq!(after("{ resource.s = \"r\" && span.t = \"z\" } | select(.s)"), "'r'");
}

#[test]
fn metrics_meet_conditions_on_events_by_one_event_each() {
    let events = vec![event("a", 5, &[("k", int(1))]), event("b", 6, &[("k", int(2))])];
    let trace = spans(vec![Span { events, ..span(1, &[]) }, span(2, &[])]);
    check("{ event:name = \"a\" && event.k = 2 }", &trace, "nothing");
    check("{ event:name = \"a\" && event.k = 2 } | rate()", &trace, "1{event:name='a' event.k=2}");
    check("{ event:name = \"a\" && event.k = 3 } | rate()", &trace, "nothing");
    check("{ event.m = nil && event.k = 2 } | rate()", &trace, "1{event.m='nil' event.m='nil' event.k=2}");
    check(
        "{ event:name != \"a\" && event:name != \"c\" } | rate()",
        &trace,
        "1{event:name='b'} 2{event:name=''}",
    );
}

#[test]
fn metrics_count_what_is_visible_at_all_levels_together() {
    let trace =
        joined(vec![batch(&[("r", int(1))], vec![span(1, &[("a", int(1))]), span(2, &[("a", int(2))])])]);
    check("{ span.a = 1 && resource.r = 1 } | rate()", &trace, "1{resource.r=1 span.a=1}");
    check("{ !(span.a = 1) } | rate()", &trace, "1{span.a=1}");
    check("{ duration * 2 > 1h } | rate()", &trace, "1{duration=9ns} 2{duration=18ns}");
    check("{ nestedSetParent < 0 } | rate()", &trace, "1{}");
}

#[test]
fn metrics_lose_what_the_scope_said_once_there_is_a_second_pass() {
    let trace = joined(vec![batch(&[], vec![span(1, &[("a", int(1))])])]);
    check("{ instrumentation:name = \"lib\" } | rate()", &trace, "1{instrumentation:name='lib'}");
    check("{ instrumentation:name = \"lib\" } | rate() by (span.a)", &trace, "1{span.a=1}");
}

#[test]
fn comparing_asks_for_everything_and_repeats_what_was_asked_for() {
    let trace = joined(vec![batch(
        &[("service.name", text("shop")), ("r", int(1))],
        vec![span(1, &[("a", int(1)), ("t", array(vec![text("x"), text("y")]))])],
    )]);
    check(
        "{ span.a = 1 } | compare({ kind = server })",
        &trace,
        "1{rootServiceName='shop' rootName='s1' traceDuration=9ns trace:id='ab00000000000001' \
         resource.service.name='shop' resource.r=1 instrumentation:name='lib' instrumentation:version='' span.a=1 span.a=1 \
         span.t=[\"x\", \"y\"] name='s1' kind=kind 0 status=status 2 statusMessage='' duration=9ns span:childCount=0}",
    );
}
