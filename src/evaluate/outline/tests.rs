//! What is no outline: queries that one does not decide, and rows that leave something open.

use std::collections::BTreeMap;

use super::*;
use crate::model::search::{ServiceStats, SpanRow, SpanSet, TraceRow};
use crate::model::value::ShownValue;
use crate::traceql::compile;

const ID: TraceId = TraceId::from_bytes([7; 16]);
const SETTLED: Settled = Settled { longest: 3_600_000_000_000, latest: u64::MAX };

fn outline(text: &str) -> Option<Outline> {
    Outline::of(&compile(text).unwrap_or_else(|error| panic!("{text}: {error}")))
}

fn shown(pairs: &[(&str, &str)]) -> Vec<(String, ShownValue)> {
    pairs.iter().map(|(name, text)| ((*name).to_owned(), ShownValue::text(*text))).collect()
}

/// A group of one span, which starts at as many milliseconds as its id says and lasts one.
fn group(id: u64, parent: u64, service: &str) -> SpanSet {
    let (text, parent) = (format!("{id:016x}"), format!("{parent:016x}"));
    let always =
        [("service.name", service), ("span:parentID", &parent), ("kind", "server"), ("status", "error")];
    let span = SpanRow {
        id: id.to_be_bytes(),
        name: format!("span {id}"),
        start: id * 1_000_000,
        duration_ns: 1_000_000,
        attributes: shown(&always),
    };
    SpanSet { spans: vec![span], matched: 1, attributes: shown(&[("by(span:id)", &text)]) }
}

fn row(span_sets: Vec<SpanSet>, root: &str) -> TraceRow {
    let spans = || span_sets.iter().flat_map(|set| &set.spans);
    let start = spans().map(|span| span.start).min().unwrap();
    let end = spans().map(|span| span.start + span.duration_ns).max().unwrap();
    let stats = ServiceStats { spans: span_sets.len() as u32, errors: 0 };
    TraceRow {
        id: ID,
        root_service: if root.is_empty() { String::new() } else { "shop".to_owned() },
        root_name: root.to_owned(),
        start,
        duration_ns: end - start,
        service_stats: BTreeMap::from([("shop".to_owned(), stats)]),
        span_sets,
    }
}

fn whole() -> TraceRow {
    row(vec![group(1, 0, "shop"), group(2, 1, "shop"), group(3, 2, "shop")], "span 1")
}

#[test]
fn what_a_query_reads_is_asked_for_and_no_more() {
    let asked = |text: &str| {
        outline(text).unwrap().question(&[ID]).split_once("by(span:id) | ").unwrap().1.to_owned()
    };
    let always = "select(name, kind, status, span:parentID, resource.service.name";
    assert_eq!(asked("{ }"), format!("{always})"));
    assert_eq!(asked("{ status = error } >> { span.a > 1 }"), format!("{always}, span.a)"));
    assert_eq!(
        asked("{ statusMessage = `x` && resource.b = 1 }"),
        format!("{always}, statusMessage, resource.b)")
    );
    assert_eq!(asked("{ .a = 1 }"), format!("by(.a) | by(resource.a) | {always})"));
    assert_eq!(
        asked("{ span.http.url = `x` }"),
        format!("by(span.http.url =~ `nil`) | {always}, span.http.url)")
    );
    assert_eq!(asked("{ resource.service.name = `x` } | select(span.c)"), format!("{always}, span.c)"));
    let many: Vec<TraceId> = (0..64).map(|number| TraceId::from_bytes([number; 16])).collect();
    for text in [outline("{ .a = 1 }").unwrap().question(&many), Outline::question_for_larger(&many)] {
        compile(&text).unwrap();
        assert!(text.len() < 4_096, "{}", text.len());
    }
}

#[test]
fn what_an_outline_does_not_tell_is_not_asked_of_one() {
    for text in [
        "{ } | rate()",
        "{ event:name = `a` }",
        "{ event.k = 1 }",
        "{ link.k = 1 }",
        "{ instrumentation:name = `a` }",
        "{ span:id = `00` }",
        "{ } | select(nestedSetLeft)",
        "{ nestedSetParent = -1 }",
        "{ span.a = nil }",
        "{ .a != nil && name = `b` }",
        "{ span.a + 1 = span.b }",
        "{ .a = 1 } && { span.a = 2 }",
        "{ resource.a = 1 } && { span.a = 2 }",
        "{ span.http.status_code = `a` }",
        "{ resource.service.name = 5 }",
        "{ .http.url = `a` }",
        "{ .name = `a` }",
        "{ } &>> { }",
        "{ } | by(name) | { } > { }",
        "({ } | count() > 1) >> ({ } | count() > 2)",
        "{ } | sum(.a) > 1",
        "{ } | avg(span.a) > 1",
        "{ } | max(traceDuration) > 1s",
        "{ .a = 1 && .b = 1 && .c = 1 && .d = 1 }",
    ] {
        assert_eq!(outline(text), None, "{text}");
    }
    for text in [
        "{ nestedSetParent < 0 }",
        "{ } | avg(duration) > 1s",
        "{ rootName = `a` } &> { traceDuration > 1s }",
    ] {
        assert!(outline(text).is_some(), "{text}");
    }
}

type Change = fn(&mut TraceRow);

#[test]
fn a_row_that_leaves_anything_open_is_not_read() {
    let outline = outline("{ span.a = 1 }").unwrap();
    assert!(outline.read(&whole()).is_some());
    let changes: &[(&str, Change)] = &[
        ("a span is left out", |row| drop(row.span_sets.pop())),
        ("the earliest is left out", |row| drop(row.span_sets.remove(0))),
        ("of a service there are more", |row| row.service_stats.get_mut("shop").unwrap().spans += 1),
        ("there is one more service", |row| {
            row.service_stats.insert("pay".to_owned(), ServiceStats { spans: 1, errors: 0 });
        }),
        ("it lasts longer", |row| row.duration_ns += 1_000_000),
        ("it starts earlier", |row| row.start -= 1),
        ("a group has two spans", |row| row.span_sets[0].matched = 2),
        ("a group shows two spans", |row| {
            let span = row.span_sets[1].spans[0].clone();
            row.span_sets[0].spans.push(span);
        }),
        ("an id comes twice", |row| row.span_sets[1] = row.span_sets[0].clone()),
        ("a group is called otherwise", |row| {
            row.span_sets[0].attributes[0].1 = ShownValue::text("00000000000000ff")
        }),
        ("a group has one name more", |row| row.span_sets[0].attributes.extend(shown(&[("by(x)", "1")]))),
        ("the kind is missing", |row| {
            row.span_sets[0].spans[0].attributes.retain(|(name, _)| name != "kind")
        }),
        ("the kind is none", |row| row.span_sets[0].spans[0].attributes[2].1 = ShownValue::text("kind(9)")),
        ("the service is empty", |row| row.span_sets[0].spans[0].attributes[0].1 = ShownValue::text("")),
        ("it ends before it starts", |row| row.span_sets[0].spans[0].duration_ns = u64::MAX - 4),
        ("a value is a list", |row| {
            let list = ShownValue::Array(vec![ShownValue::Int(1), ShownValue::Int(2)]);
            row.span_sets[0].spans[0].attributes.push(("a".to_owned(), list));
        }),
        ("a value is nothing, or its text", |row| {
            row.span_sets[0].spans[0].attributes.extend(shown(&[("a", "nil")]));
        }),
        ("a value comes twice", |row| {
            row.span_sets[0].spans[0].attributes.extend(shown(&[("a", "1"), ("a", "2")]));
        }),
    ];
    for (what, change) in changes {
        let mut row = whole();
        change(&mut row);
        assert_eq!(outline.read(&row), None, "{what}");
    }
}

#[test]
fn parts_agree_where_they_have_one_root_and_no_id_of_two_kinds() {
    let outline = outline("{ }").unwrap();
    let part = |groups: Vec<SpanSet>, root: &str| outline.read(&row(groups, root)).unwrap();
    let first = || part(vec![group(1, 0, "shop"), group(2, 1, "shop")], "span 1");
    let agrees = |other: Fragment, settled: Settled| agree(&[&first(), &other], settled);
    assert!(agrees(part(vec![group(3, 1, "shop")], ""), SETTLED));
    // A copy is the same span.
    assert!(agrees(part(vec![group(2, 1, "shop"), group(3, 1, "shop")], ""), SETTLED));
    assert!(agrees(first(), SETTLED));
    assert!(!agrees(part(vec![group(3, 0, "shop")], "span 3"), SETTLED), "two roots");
    assert!(!agrees(part(vec![group(3, 1, "shop")], "span 9"), SETTLED), "a root that nobody told");
    assert!(!agree(&[&part(vec![group(1, 0, "shop")], "")], SETTLED), "a link may say that it is none");
    let mut client = group(2, 1, "shop");
    client.spans[0].attributes[2].1 = ShownValue::text("client");
    assert!(!agrees(part(vec![client], ""), SETTLED), "two kinds");
    let last = || part(vec![group(4_000, 1, "shop")], "");
    assert!(agrees(last(), SETTLED));
    assert!(!agrees(last(), Settled { longest: 3_999_000_000, ..SETTLED }), "too long");
    assert!(!agrees(last(), Settled { latest: 4_000_999_999, ..SETTLED }), "too young");
    assert!(!agree(&[], SETTLED), "nobody told anything");
}
