//! No trace escapes the conditions: over random traces, random splits of their spans over regions (copies
//! too) and random queries, whatever the whole answers, some region answers each condition alone.
//!
//! The seeds are fixed. `SUPERSET_CASES=100000` looks longer; what fails prints the trace, the regions and the
//! query, and becomes a line of the tables in `traceql/conditions`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::unreachable,
    clippy::indexing_slicing,
    clippy::string_slice,
    dead_code,
    reason = "a test may fail by panicking, and its supports serve other binaries too"
)]

#[path = "support/dice.rs"]
mod dice;
#[path = "support/question.rs"]
mod question;
#[path = "support/random_queries.rs"]
mod random_queries;
#[path = "support/random_traces.rs"]
mod random_traces;
#[path = "support/sketch.rs"]
mod sketch;

use std::collections::BTreeSet;

use bytes::Bytes;
use prost::Message as _;
use tutti::evaluate::{Search, TraceRows};
use tutti::model::TraceId;
use tutti::trace::Joined;
use tutti::trace::index::scan;
use tutti::traceql::conditions::{self, Class, Conditions, Withheld};

use dice::Dice;
use sketch::Trace;

/// Queries by default, each over some traces; a few seconds.
const CASES: usize = 3_000;
const TRACES_PER_QUERY: usize = 3;
const REGIONS_MAX: u64 = 3;
/// More than any trace here has.
const SPANS_SHOWN: u32 = 1_000;

fn cases() -> usize {
    std::env::var("SUPERSET_CASES").ok().map_or(CASES, |text| text.parse().unwrap())
}

/// A trace as it is stored in the whole and in each region.
struct Stored {
    id: TraceId,
    sketch: String,
    whole: Joined,
    regions: Vec<Joined>,
    has_copies: bool,
}

fn stored(trace: &Trace) -> Joined {
    let body = Bytes::from(sketch::export([trace]).encode_to_vec());
    Joined::as_stored(vec![(0, scan(body, None).unwrap())]).unwrap()
}

/// Spans of one trace over regions; each lies in one, or rarely in two.
fn split(dice: &mut Dice, trace: &Trace) -> Stored {
    let regions = 1 + dice.below(REGIONS_MAX);
    let copies = dice.percent(25);
    let mut parts: Vec<Trace> = (0..regions).map(|_| trace.clone()).collect();
    let places: Vec<Vec<u64>> = trace
        .spans()
        .map(|_| {
            let mut places = vec![dice.below(regions)];
            if copies && dice.percent(30) {
                places.push(dice.below(regions));
            }
            places
        })
        .collect();
    for (region, part) in (0..).zip(&mut parts) {
        let mut number = 0;
        for scope in part.batches.iter_mut().flat_map(|batch| &mut batch.scope_spans) {
            scope.spans.retain(|_| {
                number += 1;
                places[number - 1].contains(&region)
            });
        }
        part.batches.iter_mut().for_each(|batch| batch.scope_spans.retain(|scope| !scope.spans.is_empty()));
        part.batches.retain(|batch| !batch.scope_spans.is_empty());
    }
    parts.retain(|part| !part.batches.is_empty());
    let written: Vec<String> = parts.iter().map(ToString::to_string).collect();
    Stored {
        id: TraceId::parse(&trace.id_hex()).unwrap(),
        sketch: written.join("--- another region ---\n"),
        whole: stored(trace),
        regions: parts.iter().map(stored).collect(),
        has_copies: copies,
    }
}

fn traces(dice: &mut Dice, count: usize) -> Vec<Stored> {
    let whole = random_traces::estate(
        dice,
        count,
        random_traces::Oddities { equal_resources: true, negative_durations: true },
    );
    whole.iter().map(|trace| split(dice, trace)).collect()
}

/// The spans a search finds; nothing where it finds none.
fn found(search: &Search, id: TraceId, joined: &Joined) -> Result<Option<BTreeSet<[u8; 8]>>, String> {
    let rows = TraceRows::of(id, joined);
    let row = search.decide(&rows, SPANS_SHOWN).map_err(|error| error.to_string())?;
    Ok(row.map(|row| row.span_sets.iter().flat_map(|set| &set.spans).map(|span| span.id).collect()))
}

fn queries(dice: &mut Dice) -> (String, Search, Conditions) {
    loop {
        let mut text = random_queries::search(dice);
        // What goes wrong goes wrong between conditions on one key in several scopes.
        if dice.percent(40) {
            for key in [".y", ".z", ".k", ".m", ".s"] {
                text = text.replace(&format!("{key} "), ".x ");
            }
        }
        let Ok(query) = tutti::traceql::compile(&text) else { continue };
        let Ok(search) = Search::of(&query) else { continue };
        return (text, search, conditions::of(&query, &Withheld::nothing()));
    }
}

/// The regions that find the condition; a region that fails to run it finds nothing.
fn finders(condition: &str, trace: &Stored) -> usize {
    let search = Search::compile(condition).unwrap_or_else(|error| panic!("{condition}: {error}"));
    trace.regions.iter().filter(|region| matches!(found(&search, trace.id, region), Ok(Some(_)))).count()
}

#[test]
fn no_trace_of_the_answer_escapes_the_conditions() {
    let mut dice = Dice(31);
    let (mut answered, mut closed) = (0, 0);
    let mut pool = Vec::new();
    for case in 0..cases() {
        if case % 50 == 0 {
            pool = traces(&mut dice, 20);
        }
        let (text, search, conditions) = queries(&mut dice);
        closed += usize::from(!conditions.is_open());
        for _ in 0..TRACES_PER_QUERY {
            let trace = dice.of(&pool);
            if !matches!(found(&search, trace.id, &trace.whole), Ok(Some(_))) {
                continue;
            }
            answered += 1;
            let asked = conditions.each.iter().map(ToString::to_string);
            for condition in asked.chain([conditions.any.to_string()]) {
                assert!(
                    finders(&condition, trace) > 0,
                    "case {case}: {text}\nno region finds {condition}\n{}",
                    trace.sketch
                );
            }
        }
    }
    // The property says nothing where nothing is found, or nothing is asked.
    assert!(answered * 8 > cases(), "{answered} of {}", cases());
    assert!(closed * 2 > cases(), "{closed} of {}", cases());
}

#[test]
fn regions_find_together_what_is_local_to_spans() {
    let mut dice = Dice(32);
    let mut compared = 0;
    let mut pool = Vec::new();
    for case in 0..cases() / 2 {
        if case % 50 == 0 {
            pool = traces(&mut dice, 20);
        }
        let (text, search, conditions) = queries(&mut dice);
        // Of two groups that are called the same (nothing, and the text "nil") only the larger is shown.
        if conditions.class != Class::SpanLocal || text.contains("by(") {
            continue;
        }
        for _ in 0..TRACES_PER_QUERY {
            let trace = dice.of(&pool);
            let Ok(whole) = found(&search, trace.id, &trace.whole) else { continue };
            let parts: Result<Vec<_>, _> =
                trace.regions.iter().map(|region| found(&search, trace.id, region)).collect();
            let together: BTreeSet<[u8; 8]> = parts.unwrap().into_iter().flatten().flatten().collect();
            assert_eq!(together, whole.unwrap_or_default(), "case {case}: {text}\n{}", trace.sketch);
            compared += usize::from(!together.is_empty());
        }
    }
    assert!(compared > cases() / 12, "{compared}");
}

/// Searches whose filters, pushed as they stand (trace-level conditions left out), lose what the whole finds.
#[test]
fn what_is_pushed_unchanged_would_lose_is_found() {
    let traps = [
        // A float is seen through the other filter's condition.
        ("span 1 \"a\" @0s +1s x=1.5", "{ .x > 1 } && { .x > 0.5 }", "{ .x > 1 }"),
        // An event's attribute is found by an unscoped name that another filter brings in.
        (
            "span 1 \"a\" @0s +1s\nevent \"e\" +1ms k=\"v\"",
            "{ .k = `v` } && { event.k = `v` }",
            "{ .k = `v` }",
        ),
        // An attribute called as an intrinsic.
        ("span 1 \"a\" @0s +1s", "{ .name = `a` } && { name = `a` }", "{ .name = `a` }"),
        // What is missing is there as the text "nil".
        ("span 1 \"a\" @0s +1s", "{ span.k != `v` } && { span.k = nil }", "{ span.k != `v` }"),
        // The region sees no value of the span, and drops it.
        (
            "span 1 \"a\" @0s +1s x=1 y=1",
            "{ rootName = `a` && (.x != 1 || !(.y = 2)) }",
            "{ .x != 1 || !(.y = 2) }",
        ),
        // The number of the other condition makes one more element visible, as that of the whole does not.
        (
            "span 1 \"a\" @0s +1s x=[5, 6] y=5.0",
            "{ .x != 5 && .y = 5.0 } && { }",
            "{ (.x != 5 || .x != 5.0) && (.y = 5 || .y = 5.0) }",
        ),
        // Two events, each with one of the conditions: alone, one event must pass both.
        (
            "span 1 \"a\" @0s +1s\nevent \"e\" +1ms k=1\nevent \"f\" +2ms m=2",
            "{ event.k = 1 && event.m = 2 } && { }",
            "{ event.k = 1 && event.m = 2 }",
        ),
        // Without events, a list of names with "" in it is passed.
        (
            "span 1 \"a\" @0s +1s",
            "{ (event:name = `e` || event:name = ``) && name = `a` } && { }",
            "{ event:name != nil && name = `a` }",
        ),
        // Without events, a list of names that must not be is passed.
        (
            "span 1 \"a\" @0s +1s",
            "{ event:name != `e` && event:name != `f` && name = `a` } && { }",
            "{ event:name != `e` && name = `a` }",
        ),
        ("span 1 \"a\" @0s +1s x=2", "{ 1 < .x } && { .x > 1 }", "{ 1 < .x }"),
        // What has a column of its own is looked for there alone, and lies elsewhere with a value of another type.
        (
            "span 1 \"a\" @0s +1s http.status_code=-2.5",
            "{ span.http.status_code != 2.5 } && { }",
            "{ span.http.status_code != nil }",
        ),
        (
            "span 1 \"a\" @0s +1s http.method=5",
            "{ .http.method != 2.5 } && { .http.method != 7 }",
            "{ .http.method != nil }",
        ),
        (
            "span 1 \"a\" @0s +1s http.status_code=\"500\"",
            "{ span.http.status_code != nil } && { span.http.status_code = \"500\" }",
            "{ span.http.status_code != nil }",
        ),
        (
            "span 1 \"a\" @0s +1s http.status_code=false",
            "{ span.http.status_code != nil } && { span.http.status_code = false }",
            "{ span.http.status_code != nil }",
        ),
    ];
    for (sketch, query, naive) in traps {
        let trace = sketch::read(&format!("trace a1\nresource service.name=\"s\"\n{sketch}\n")).remove(0);
        let (id, whole) = (TraceId::parse(&trace.id_hex()).unwrap(), stored(&trace));
        let finds = |text: &str| {
            let search = Search::compile(text).unwrap_or_else(|error| panic!("{text}: {error}"));
            found(&search, id, &whole).unwrap_or_else(|error| panic!("{text}: {error}")).is_some()
        };
        assert!(finds(query), "{query}");
        assert!(!finds(naive), "{naive} is no trap");
        let conditions = conditions::of(&tutti::traceql::compile(query).unwrap(), &Withheld::nothing());
        for condition in conditions.each.iter().map(ToString::to_string).chain([conditions.any.to_string()]) {
            assert!(finds(&condition), "{query}: {condition}");
        }
    }
}
