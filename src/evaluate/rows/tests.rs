//! The rules by which a trace is stored, one by one, and the laws that numbers keep in any trace.

use bytes::Bytes;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::{Event, Link};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status, TracesData};
use proptest::prelude::*;
use prost::Message;

use super::*;
use crate::evaluate::{EventView, SpanView};
use crate::trace::scan;

const ID: [u8; 16] = [7; 16];

/// Ids are well above the count of spans, so that none looks renumbered.
const BASE: u64 = 0x0100_0000_0000_0000;

fn attribute(key: &str, value: Value) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(value) }), ..Default::default() }
}

fn text(key: &str, value: &str) -> KeyValue {
    attribute(key, Value::StringValue(value.to_owned()))
}

fn wire_id(number: u64) -> Vec<u8> {
    if number == 0 { Vec::new() } else { (BASE + number).to_be_bytes().to_vec() }
}

/// The span `number`, child of span `parent` (0: a root), that starts then and lasts ten nanoseconds.
fn span(number: u64, parent: u64, start: u64) -> Span {
    Span {
        trace_id: ID.to_vec(),
        span_id: wire_id(number),
        parent_span_id: wire_id(parent),
        name: format!("{number}"),
        start_time_unix_nano: start,
        end_time_unix_nano: start + 10,
        ..Default::default()
    }
}

fn of_kind(kind: i32, span: Span) -> Span {
    Span { kind, ..span }
}

fn batch(attributes: Vec<KeyValue>, scope: &str, spans: Vec<Span>) -> ResourceSpans {
    ResourceSpans {
        resource: Some(Resource { attributes, ..Default::default() }),
        scope_spans: vec![scope_of(scope, spans)],
        ..Default::default()
    }
}

fn scope_of(name: &str, spans: Vec<Span>) -> ScopeSpans {
    let scope = InstrumentationScope { name: name.to_owned(), ..Default::default() };
    ScopeSpans { scope: Some(scope), spans, ..Default::default() }
}

fn service(name: &str, spans: Vec<Span>) -> ResourceSpans {
    batch(vec![text("service.name", name)], "", spans)
}

fn joined(parts: Vec<Vec<ResourceSpans>>) -> Joined {
    let chunk = |resource_spans| {
        let bytes = TracesData { resource_spans }.encode_to_vec();
        (0, scan(Bytes::from(bytes), None).unwrap())
    };
    Joined::as_stored(parts.into_iter().map(chunk).collect()).unwrap()
}

/// What `see` says of the rows of one part.
fn seen<T>(batches: Vec<ResourceSpans>, see: impl FnOnce(&TraceRows<'_>) -> T) -> T {
    see(&TraceRows::of(TraceId::from_bytes(ID), &joined(vec![batches])))
}

/// The names of the rows; `/` between batches and `,` between scopes.
fn layout(rows: &TraceRows<'_>) -> String {
    let mut out = String::new();
    let mut last: Option<Row> = None;
    for (row, number) in rows.rows().iter().zip(0..) {
        match last {
            Some(last) if last.batch != row.batch => out.push_str(" / "),
            Some(last) if last.scope != row.scope => out.push_str(", "),
            Some(_) => out.push(' '),
            None => {}
        }
        out.push_str(rows.wire(number).unwrap().name());
        last = Some(*row);
    }
    out
}

/// Name, left, right, parent and children of each row.
fn numbered(batches: Vec<ResourceSpans>) -> Vec<(String, i32, i32, i32, i32)> {
    seen(batches, |rows| {
        let names = (0..rows.rows().len() as u32).map(|row| rows.wire(row).unwrap().name().to_owned());
        names
            .zip(rows.numbers())
            .map(|(name, own)| (name, own.left, own.right, own.parent, own.children))
            .collect()
    })
}

fn row(name: u64, left: i32, right: i32, parent: i32, children: i32) -> (String, i32, i32, i32, i32) {
    (name.to_string(), left, right, parent, children)
}

#[test]
fn spans_stand_by_start_and_id_scopes_and_batches_by_their_first_span() {
    let late = ResourceSpans {
        scope_spans: vec![
            scope_of("one", vec![span(9, 0, 70), span(8, 0, 50)]),
            scope_of("two", vec![span(7, 0, 40)]),
        ],
        ..service("late", vec![])
    };
    let early = service("early", vec![span(3, 0, 60), span(5, 0, 20), span(4, 0, 20)]);
    assert_eq!(seen(vec![late, early], layout), "4 5 3 / 7, 8 9");
}

#[test]
fn batches_of_one_resource_are_put_together_without_being_sorted_again() {
    let one = service("a", vec![span(1, 0, 10), span(2, 0, 50)]);
    let between = service("b", vec![span(3, 0, 20)]);
    let other = service("a", vec![span(4, 0, 30)]);
    assert_eq!(seen(vec![other, between, one], layout), "1 2 4 / 3");
}

#[test]
fn resources_are_the_same_in_any_order_of_attributes_and_whatever_was_dropped() {
    let attributes = || vec![text("service.name", "a"), text("x", "1"), attribute("y", Value::IntValue(2))];
    let one = batch(attributes(), "", vec![span(1, 0, 10)]);
    let mut reversed = attributes();
    reversed.reverse();
    let mut other = batch(reversed, "", vec![span(2, 0, 20)]);
    other.resource.as_mut().unwrap().dropped_attributes_count = 3;
    assert_eq!(seen(vec![one.clone(), other], layout), "1 2");

    let mut typed = attributes();
    typed[1] = attribute("x", Value::IntValue(1));
    let other = batch(typed, "", vec![span(2, 0, 20)]);
    assert_eq!(seen(vec![one, other], layout), "1 / 2");
}

#[test]
fn the_last_service_name_that_is_a_string_counts_for_the_batch_and_the_first_one_for_the_root() {
    let names = vec![text("service.name", "first"), text("service.name", "last")];
    let batches = vec![batch(names, "", vec![span(1, 0, 10)]), service("last", vec![span(2, 1, 20)])];
    seen(batches, |rows| {
        assert_eq!(layout(rows), "1 2", "both batches are of the service `last`");
        assert_eq!(rows.summary().root_service, "first");
        let stats = BTreeMap::from([("last".to_owned(), ServiceStats { spans: 2, errors: 0 })]);
        assert_eq!(rows.service_stats(), stats);
    });
}

#[test]
fn scopes_of_one_batch_are_the_same_by_name_version_and_attributes() {
    let mut versioned = scope_of("lib", vec![span(3, 0, 30)]);
    versioned.scope.as_mut().unwrap().version = "2".to_owned();
    let mut dropped = scope_of("lib", vec![span(4, 0, 40)]);
    dropped.scope.as_mut().unwrap().dropped_attributes_count = 1;
    let batches = ResourceSpans {
        scope_spans: vec![
            scope_of("lib", vec![span(1, 0, 10)]),
            scope_of("", vec![span(2, 0, 20)]),
            versioned,
            dropped,
            ScopeSpans { scope: None, ..scope_of("", vec![span(5, 0, 50)]) },
        ],
        ..service("a", vec![])
    };
    assert_eq!(seen(vec![batches], layout), "1 4, 2 5, 3");
}

#[test]
fn scopes_of_one_name_in_two_batches_are_two() {
    let batches = vec![
        batch(vec![text("service.name", "a")], "lib", vec![span(1, 0, 10)]),
        batch(vec![text("service.name", "b")], "lib", vec![span(2, 0, 20)]),
    ];
    seen(batches, |rows| {
        let numbers: Vec<(u32, u32)> = rows.rows().iter().map(|row| (row.batch, row.scope)).collect();
        assert_eq!(numbers, [(0, 0), (1, 1)]);
    });
}

#[test]
fn events_stand_by_time_and_name() {
    let event =
        |time, name: &str| Event { time_unix_nano: time, name: name.to_owned(), ..Default::default() };
    let of = Span { events: vec![event(30, "c"), event(20, "b"), event(20, "a")], ..span(1, 0, 10) };
    seen(vec![service("a", vec![of])], |rows| {
        let wire = rows.wire(0).unwrap();
        let events: Vec<_> = wire.events().collect();
        assert_eq!(events.iter().map(EventView::name).collect::<Vec<_>>(), ["a", "b", "c"]);
    });
}

#[test]
fn numbers_nest_depth_first_in_the_order_of_rows() {
    let spans = vec![span(1, 0, 10), span(2, 1, 20), span(3, 1, 30), span(4, 2, 40), span(5, 0, 50)];
    let expected = [
        row(1, 1, 8, -1, 2),
        row(2, 2, 5, 1, 1),
        row(3, 6, 7, 1, 0),
        row(4, 3, 4, 2, 0),
        row(5, 9, 10, -1, 0),
    ];
    assert_eq!(numbered(vec![service("a", spans)]), expected);
}

#[test]
fn spans_without_a_way_to_a_root_have_no_numbers_but_count_their_children() {
    let spans = vec![
        span(1, 0, 10),
        // The parent is nowhere.
        span(2, 99, 20),
        span(3, 2, 30),
        // A circle, and a span that is its own parent.
        span(4, 5, 40),
        span(5, 4, 50),
        span(6, 6, 60),
    ];
    let expected = [
        row(1, 1, 2, -1, 0),
        row(2, 0, 0, 0, 1),
        row(3, 0, 0, 0, 0),
        row(4, 0, 0, 0, 1),
        row(5, 0, 0, 0, 1),
        row(6, 0, 0, 0, 1),
    ];
    assert_eq!(numbered(vec![service("a", spans)]), expected);
}

#[test]
fn a_trace_without_a_root_has_no_numbers_at_all() {
    let spans = vec![span(1, 99, 10), span(2, 1, 20)];
    assert_eq!(numbered(vec![service("a", spans)]), [row(1, 0, 0, 0, 0), row(2, 0, 0, 0, 0)]);
}

#[test]
fn a_parent_of_zeros_is_no_parent() {
    let of = Span { parent_span_id: vec![0; 8], ..span(1, 0, 10) };
    assert_eq!(numbered(vec![service("a", vec![of])]), [row(1, 1, 2, -1, 0)]);
}

#[test]
fn of_two_spans_with_one_id_the_server_is_the_parent_and_the_client_that_of_servers() {
    let spans = vec![
        span(1, 0, 10),
        of_kind(3, span(2, 1, 20)),
        of_kind(2, Span { name: "2s".to_owned(), ..span(2, 1, 21) }),
        of_kind(1, span(4, 2, 40)),
        of_kind(2, span(5, 2, 50)),
    ];
    let of = numbered(vec![service("a", spans)]);
    let lefts: Vec<(&str, i32, i32)> = of.iter().map(|of| (of.0.as_str(), of.1, of.3)).collect();
    assert_eq!(lefts, [("1", 1, -1), ("2", 2, 1), ("2s", 6, 1), ("4", 7, 6), ("5", 3, 2)]);
}

#[test]
fn of_two_spans_with_one_id_neither_is_the_parent_if_none_has_the_kind() {
    let spans = vec![
        of_kind(1, span(1, 0, 10)),
        of_kind(4, Span { name: "1p".to_owned(), ..span(1, 0, 11) }),
        span(2, 1, 20),
    ];
    let of = numbered(vec![service("a", spans)]);
    assert_eq!(of[2], row(2, 0, 0, 0, 0));
    assert_eq!((of[0].1, of[1].1), (1, 3));
}

#[test]
fn an_id_of_three_spans_takes_the_numbers_from_all() {
    let spans = vec![
        span(1, 0, 10),
        of_kind(1, span(2, 1, 20)),
        of_kind(2, span(2, 1, 21)),
        of_kind(3, span(2, 1, 22)),
    ];
    assert!(numbered(vec![service("a", spans)]).iter().all(|of| (of.1, of.2, of.3, of.4) == (0, 0, 0, 0)));
}

#[test]
fn the_envelope_goes_from_the_first_start_to_the_last_end() {
    let long = Span { end_time_unix_nano: 900, ..span(1, 0, 100) };
    seen(vec![service("a", vec![span(2, 1, 200), long])], |rows| {
        let summary = rows.summary();
        assert_eq!((summary.start, summary.end, summary.duration()), (100, 900, 800));
    });
}

#[test]
fn a_start_of_zero_gives_way_to_whatever_comes_after_it() {
    let zero = |number| Span { start_time_unix_nano: 0, ..span(number, 1, 30) };
    let start = |spans| seen(vec![service("a", spans)], |rows| rows.summary().start);
    assert_eq!(start(vec![zero(2), span(1, 0, 50), span(3, 1, 40)]), 40);
    assert_eq!(start(vec![zero(2)]), 0);
    let two_scopes = |first, second| ResourceSpans {
        scope_spans: vec![scope_of("one", first), scope_of("two", second)],
        ..service("a", vec![])
    };
    // The zero of the second scope comes after the 9 of the first one, and forgets it.
    let batch = two_scopes(vec![zero(1), span(2, 0, 9)], vec![zero(3), span(4, 0, 70)]);
    assert_eq!(seen(vec![batch], |rows| rows.summary().start), 70);
}

#[test]
fn a_trace_that_ends_before_it_starts_lasts_as_long_as_the_unsigned_difference() {
    let of = Span { end_time_unix_nano: 90, ..span(1, 0, 100) };
    assert_eq!(seen(vec![service("a", vec![of])], |rows| rows.summary().duration()), u64::MAX - 9);
}

#[test]
fn the_last_span_without_a_parent_is_the_root() {
    let batches = vec![
        service("a", vec![span(1, 0, 10), span(2, 0, 90)]),
        service("b", vec![span(3, 0, 20), span(4, 1, 95)]),
    ];
    seen(batches, |rows| {
        assert_eq!(rows.summary().root_name, "3", "its batch is the last in order, though it starts early");
        assert_eq!(rows.summary().root_service, "b");
    });
}

#[test]
fn a_span_that_a_link_calls_a_child_is_no_root() {
    let link = |trace: [u8; 16], value: &str| Link {
        trace_id: trace.to_vec(),
        span_id: wire_id(1),
        attributes: vec![text("opentracing.ref_type", value)],
        ..Default::default()
    };
    let root = |links| {
        let of = Span { links, ..span(2, 0, 20) };
        seen(vec![service("a", vec![span(1, 0, 10), of])], |rows| rows.summary().root_name.clone())
    };
    assert_eq!(root(vec![]), "2");
    assert_eq!(root(vec![link(ID, "child_of")]), "1");
    assert_eq!(root(vec![link([8; 16], "child_of")]), "2", "a link to another trace says nothing");
    assert_eq!(root(vec![link(ID, "follows_from")]), "2");
    assert_eq!(root(vec![link([8; 16], "child_of"), link(ID, "child_of")]), "1");
}

#[test]
fn a_trace_without_a_root_names_none() {
    seen(vec![service("a", vec![span(2, 1, 20)])], |rows| {
        assert_eq!((rows.summary().root_name.as_str(), rows.summary().root_service.as_str()), ("", ""));
    });
}

#[test]
fn statistics_count_spans_and_errors_by_service_and_those_of_no_service_too() {
    let failed = |span| Span { status: Some(Status { code: 2, ..Default::default() }), ..span };
    let batches = vec![
        service("a", vec![span(1, 0, 10), failed(span(2, 1, 20))]),
        batch(vec![text("service.name", "a"), text("pod", "x")], "", vec![failed(span(3, 1, 30))]),
        batch(vec![attribute("service.name", Value::IntValue(4))], "", vec![span(4, 1, 40)]),
    ];
    let stats = BTreeMap::from([
        (String::new(), ServiceStats { spans: 1, errors: 0 }),
        ("a".to_owned(), ServiceStats { spans: 3, errors: 2 }),
    ]);
    assert_eq!(seen(batches, |rows| rows.service_stats()), stats);
}

#[test]
fn a_chain_of_many_thousand_spans_is_numbered_without_recursion() {
    let count = 100_000;
    let spans = (1..=count).map(|number| span(number, number - 1, number)).collect();
    let of = numbered(vec![service("a", spans)]);
    let count = i32::try_from(count).unwrap();
    assert!(of.iter().zip(1..).all(|(of, left)| (of.1, of.2) == (left, 2 * count + 1 - left)));
}

#[test]
fn an_empty_trace_has_no_rows() {
    seen(vec![], |rows| {
        assert!(rows.rows().is_empty() && rows.numbers().is_empty() && rows.service_stats().is_empty());
        assert_eq!(*rows.summary(), Summary::default());
    });
}

/// Spans with few ids, parents and starts; resources and scopes of few kinds.
fn any_batches() -> impl Strategy<Value = Vec<ResourceSpans>> {
    let any_span = (1..20u64, 0..5i32).prop_map(|(number, kind)| {
        // Copies of one span say the same, whoever sends them.
        let seed = number.wrapping_mul(2_654_435_761).wrapping_add(kind as u64);
        of_kind(kind, span(number, if seed % 5 == 0 { 0 } else { seed % 21 }, 100 + seed % 7))
    });
    let any_scope = (0..2u8, proptest::collection::vec(any_span, 1..6));
    let any_batch = (0..3u8, proptest::collection::vec(any_scope, 1..3)).prop_map(|(service, scopes)| {
        let scope = |(name, spans): (u8, Vec<Span>)| scope_of(&format!("scope {name}"), spans);
        ResourceSpans {
            scope_spans: scopes.into_iter().map(scope).collect(),
            ..super::tests::service(&format!("service {service}"), vec![])
        }
    });
    proptest::collection::vec(any_batch, 1..5)
}

proptest! {
    /// One interval lies in another, or beside it; and a parent's number is that of a row around it.
    #[test]
    fn numbers_nest(batches in any_batches()) {
        seen(batches, |rows| {
            let connected: Vec<&Numbers> = rows.numbers().iter().filter(|own| own.left > 0).collect();
            let mut bounds: Vec<i32> = connected.iter().flat_map(|own| [own.left, own.right]).collect();
            bounds.sort_unstable();
            let expected: Vec<i32> = (1..=bounds.len() as i32).collect();
            prop_assert_eq!(bounds, expected, "each number is given once");
            for own in &connected {
                prop_assert!(own.left < own.right);
                let around = connected.iter().filter(|other| other.left < own.left && own.right < other.right);
                let nearest = around.map(|other| other.left).max().unwrap_or(-1);
                prop_assert_eq!(own.parent, nearest);
                for other in &connected {
                    let apart = other.right < own.left || own.right < other.left;
                    let inside = other.left <= own.left && own.right <= other.right;
                    let around = own.left <= other.left && other.right <= own.right;
                    prop_assert!(apart || inside || around);
                }
            }
            Ok(())
        })?;
    }

    /// Every span is one row, rows of a batch and of a scope lie side by side, and numbers count up.
    #[test]
    fn rows_are_all_spans_grouped(batches in any_batches()) {
        let joined = joined(vec![batches]);
        let rows = TraceRows::of(TraceId::from_bytes(ID), &joined);
        let mut spans: Vec<u32> = rows.rows().iter().map(|row| row.span).collect();
        spans.sort_unstable();
        prop_assert_eq!(spans, joined.spans().map(|(span, _)| span).collect::<Vec<_>>());
        let mut next = (0, 0);
        for (row, number) in rows.rows().iter().zip(0..) {
            prop_assert!(row.batch == next.0 || row.batch == next.0 + 1);
            prop_assert!(row.scope == next.1 || row.scope == next.1 + 1);
            prop_assert!(number == 0 || row.batch == next.0 || row.scope == next.1 + 1);
            next = (row.batch, row.scope);
        }
    }

    /// Fragments of one rank may come in any order: rows and everything said of them are the same.
    #[test]
    fn the_order_of_fragments_says_nothing(batches in any_batches()) {
        // Of copies the first one stays, wherever it lies, so copies would make a difference.
        let mut seen_spans = std::collections::BTreeSet::new();
        let mut batches = batches;
        for batch in &mut batches {
            for scope in &mut batch.scope_spans {
                scope.spans.retain(|span| seen_spans.insert((span.span_id.clone(), span.kind)));
            }
        }
        let parts: Vec<Vec<ResourceSpans>> = batches.into_iter().map(|batch| vec![batch]).collect();
        let mut reversed = parts.clone();
        reversed.reverse();
        let look = |parts| {
            let joined = joined(parts);
            let rows = TraceRows::of(TraceId::from_bytes(ID), &joined);
            (layout(&rows), rows.numbers().to_vec(), rows.summary().clone(), rows.service_stats())
        };
        prop_assert_eq!(look(parts), look(reversed));
    }
}
