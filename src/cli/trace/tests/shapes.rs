//! Who hangs from whom, and what is folded.

use crate::cli::trace::document::{Kind, Marks, Owed, Report, Resource, Span, Trace};
use crate::cli::trace::layout::{Fold, Limits, Node, Row, layout};

fn span(id: u8, parent: u8, name: &str) -> Span {
    let id_of = |id: u8| if id == 0 { Vec::new() } else { vec![id] };
    let start = u64::from(id);
    Span {
        id: id_of(id),
        parent_id: id_of(parent),
        name: name.into(),
        start,
        end: start + 10,
        ..Span::default()
    }
}

/// The rows as a list of depth, name and count.
fn check(spans: Vec<Span>, report: &Report, expected: &[(usize, &str, usize)]) -> Vec<Row> {
    let trace = Trace { resources: vec![Resource::default()], spans };
    let rows = layout(&trace, report, Limits::USUAL).rows;
    let name = |row: &Row| match row.node {
        Node::Span(at) => trace.spans[at].name.clone(),
        Node::AbsentParent { .. } => "absent".to_owned(),
    };
    let seen: Vec<_> =
        rows.iter().map(|row| (row.depth, name(row), row.fold.map_or(1, |fold| fold.count))).collect();
    let expected: Vec<_> =
        expected.iter().map(|(depth, name, count)| (*depth, (*name).to_owned(), *count)).collect();
    assert_eq!(seen, expected);
    rows
}

#[test]
fn a_server_hangs_from_the_client_whose_id_it_shares() {
    let client = Span { kind: Kind::Client, ..span(2, 1, "client") };
    let server = Span { kind: Kind::Server, ..span(2, 1, "server") };
    let expected = [(0, "root", 1), (1, "client", 1), (2, "server", 1), (3, "inside", 1)];
    let spans = vec![span(1, 0, "root"), client, server, span(3, 2, "inside")];
    check(spans.clone(), &Report::default(), &expected);
    check(spans.into_iter().rev().collect(), &Report::default(), &expected);
}

#[test]
fn a_cycle_is_cut_at_its_earliest_span_and_keeps_what_hangs_from_it() {
    let spans = vec![span(9, 6, "below"), span(7, 5, "c"), span(6, 7, "b"), span(5, 6, "a")];
    let rows = check(spans, &Report::default(), &[(0, "a", 1), (1, "c", 1), (2, "b", 1), (3, "below", 1)]);
    assert_eq!(rows.iter().map(|row| row.cut_cycle).collect::<Vec<_>>(), [true, false, false, false]);
}

#[test]
fn orphans_of_one_parent_stand_together_below_it() {
    let spans = vec![span(5, 99, "one"), span(1, 0, "root"), span(3, 99, "two"), span(4, 98, "three")];
    let expected =
        [(0, "root", 1), (0, "absent", 1), (1, "two", 1), (1, "one", 1), (0, "absent", 1), (1, "three", 1)];
    check(spans, &Report::default(), &expected);
}

#[test]
fn subtrees_that_look_alike_become_one_line_with_the_longest_below_it() {
    let mut spans = vec![span(1, 0, "root")];
    for call in [10, 20, 30, 40] {
        spans.extend([span(call, 1, "call"), span(call + 1, call, "query"), span(call + 2, call, "parse")]);
        // In every second one the children come in the other order.
        if call % 20 == 0 {
            spans.iter_mut().rev().take(2).for_each(|span| span.start = 200 - span.start);
        }
    }
    let longest = spans.iter_mut().find(|span| span.id == [30]).unwrap();
    longest.end = 90;
    let rows =
        check(spans, &Report::default(), &[(0, "root", 1), (1, "call", 4), (2, "query", 1), (2, "parse", 1)]);
    assert_eq!(rows[1].fold, Some(Fold { count: 4, shortest: 10, start: 10, end: 90 }));
    assert_eq!(rows[1].node, Node::Span(7));
    assert_eq!(rows.iter().map(|row| row.times).collect::<Vec<_>>(), [1, 4, 4, 4]);
}

#[test]
fn what_differs_in_anything_drawn_is_not_folded() {
    let calls = |last: Span| {
        (2..5).map(|id| span(id, 1, "call")).chain([span(1, 0, "root"), last]).collect::<Vec<_>>()
    };
    let apart = [(0, "root", 1), (1, "call", 3), (1, "call", 1)];
    check(calls(span(9, 1, "call")), &Report::default(), &[(0, "root", 1), (1, "call", 4)]);
    check(calls(Span { is_error: true, ..span(9, 1, "call") }), &Report::default(), &apart);
    check(calls(Span { resource: 7, ..span(9, 1, "call") }), &Report::default(), &apart);
    let message = Marks { error: Some("why".into()), ..Marks::default() };
    check(calls(Span { marks: Some(Box::new(message)), ..span(9, 1, "call") }), &Report::default(), &apart);
    let mut report = Report::default();
    let owed = Owed { what: "client_without_server".into(), span_id: "09".into(), suspected: None };
    report.owed.first.push(owed);
    check(calls(span(9, 1, "call")), &report, &apart);
    check(
        vec![span(1, 0, "root"), span(2, 1, "call"), span(3, 1, "call")],
        &Report::default(),
        &[(0, "root", 1), (1, "call", 1), (1, "call", 1)],
    );
}
