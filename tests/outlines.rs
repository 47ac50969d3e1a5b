//! A query decided on what regions tell of a trace in outline finds what it finds on the whole trace: over random
//! traces, random splits of their spans over regions (copies too) and random queries.
//!
//! The seeds are fixed. `OUTLINE_CASES=100000` looks longer.

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

use std::collections::HashSet;

use bytes::Bytes;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use prost::Message as _;
use tutti::evaluate::outline::{Fragment, Outline, SPANS_PER_SET, Settled, agree};
use tutti::evaluate::{Search, TraceRows};
use tutti::model::TraceId;
use tutti::model::search::TraceRow;
use tutti::trace::Joined;
use tutti::trace::index::scan;

use dice::Dice;
use sketch::Trace;

/// Queries by default, each over some traces; a few seconds.
const CASES: usize = 4_000;
const TRACES_PER_QUERY: usize = 4;
const REGIONS_MAX: u64 = 3;
/// More than any trace here has.
const SPANS_SHOWN: u32 = 1_000;
const SETTLED: Settled = Settled { longest: 3_600_000_000_000, latest: u64::MAX };

fn cases() -> usize {
    std::env::var("OUTLINE_CASES").ok().map_or(CASES, |text| text.parse().unwrap())
}

struct Stored {
    id: TraceId,
    sketch: String,
    whole: Joined,
    regions: Vec<Joined>,
}

fn stored(trace: &Trace) -> Joined {
    let body = Bytes::from(sketch::export([trace]).encode_to_vec());
    Joined::as_sent(vec![(0, scan(body, None).unwrap())]).unwrap()
}

/// Spans of one trace over regions; each lies in one, or rarely in two.
fn split(dice: &mut Dice, trace: &Trace) -> Stored {
    let regions = 1 + dice.below(REGIONS_MAX);
    let places: Vec<Vec<u64>> = trace
        .spans()
        .map(|_| {
            let again = dice.percent(15).then(|| dice.below(regions));
            std::iter::once(dice.below(regions)).chain(again).collect()
        })
        .collect();
    let part = |region: u64| {
        let (mut part, mut place) = (trace.clone(), places.iter());
        for scope in part.batches.iter_mut().flat_map(|batch| &mut batch.scope_spans) {
            scope.spans.retain(|_| place.next().unwrap().contains(&region));
        }
        part.batches.iter_mut().for_each(|batch| batch.scope_spans.retain(|scope| !scope.spans.is_empty()));
        part.batches.retain(|batch| !batch.scope_spans.is_empty());
        part
    };
    let parts: Vec<Trace> = (0..regions).map(part).filter(|part| !part.batches.is_empty()).collect();
    let written: Vec<String> = parts.iter().map(ToString::to_string).collect();
    Stored {
        id: TraceId::parse(&trace.id_hex()).unwrap(),
        sketch: written.join("--- another region ---\n"),
        whole: stored(trace),
        regions: parts.iter().map(stored).collect(),
    }
}

/// A trace as most are: one root, no id twice, a service everywhere, plain values.
fn ordinary(mut trace: Trace) -> Trace {
    let mut ids = HashSet::new();
    let mut has_root = false;
    for batch in &mut trace.batches {
        let resource = batch.resource.get_or_insert_default();
        let is_named = |pair: &KeyValue| {
            pair.key == "service.name" && pair.value != text("") && pair.value != text("nil")
        };
        if !resource.attributes.iter().any(is_named) {
            resource.attributes.retain(|pair| pair.key != "service.name");
            let named = KeyValue { key: "service.name".to_owned(), value: text("a"), ..KeyValue::default() };
            resource.attributes.push(named);
        }
        resource.attributes.retain(is_plain);
        for scope in &mut batch.scope_spans {
            scope.spans.retain(|span| ids.insert(span.span_id.clone()));
            for span in &mut scope.spans {
                span.attributes.retain(is_plain);
                if span.parent_span_id.is_empty() && std::mem::replace(&mut has_root, true) {
                    span.parent_span_id = vec![0xa1, 0, 0, 0, 0, 0, 0xa1, 0];
                }
            }
        }
        batch.scope_spans.retain(|scope| !scope.spans.is_empty());
    }
    trace.batches.retain(|batch| !batch.scope_spans.is_empty());
    trace
}

fn text(text: &str) -> Option<AnyValue> {
    Some(AnyValue { value: Some(Value::StringValue(text.to_owned())) })
}

/// The text "nil" stays where a block has a column.
fn is_plain(pair: &KeyValue) -> bool {
    let is_array = matches!(pair.value, Some(AnyValue { value: Some(Value::ArrayValue(_)) }));
    !is_array && (pair.value != text("nil") || pair.key == "k8s.pod.name")
}

/// A row without what is in no order; an error without its words, since another span may be the first to fail.
fn told(search: &Search, id: TraceId, joined: &Joined) -> Result<Option<TraceRow>, ()> {
    let row = search.decide(&TraceRows::of(id, joined), SPANS_SHOWN).map_err(|_| ())?;
    Ok(row.map(|mut row| {
        for set in &mut row.span_sets {
            set.spans.sort_by_key(|span| span.id);
            for span in &mut set.spans {
                span.attributes.sort_by_key(|attribute| format!("{attribute:?}"));
            }
        }
        row.span_sets.sort_by_key(|set| format!("{set:?}"));
        row
    }))
}

/// The trace as regions tell it in outline, if they do.
fn in_outline(outline: &Outline, trace: &Stored) -> Option<Joined> {
    let ask = |text: &str, region: &Joined| {
        let search = Search::compile(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        search
            .decide(&TraceRows::of(trace.id, region), SPANS_PER_SET)
            .unwrap_or_else(|error| panic!("{text}: {error}"))
    };
    let question = outline.question(&[trace.id]);
    let mut fragments: Vec<Fragment> = Vec::new();
    for region in &trace.regions {
        assert!(ask(&Outline::question_for_larger(&[trace.id]), region).is_none());
        let row = ask(&question, region).unwrap_or_else(|| panic!("{question} finds nothing"));
        fragments.push(outline.read(&row)?);
    }
    if !agree(&fragments.iter().collect::<Vec<_>>(), SETTLED) {
        return None;
    }
    let parts =
        (0..).zip(&fragments).map(|(rank, fragment)| (rank, outline.chunk(&trace.id, fragment).unwrap()));
    Some(Joined::as_sent(parts.collect()).unwrap())
}

#[test]
fn what_is_decided_in_outline_is_what_is_decided_on_the_whole() {
    let seed = std::env::var("OUTLINE_SEED").ok().map_or(41, |text| text.parse().unwrap());
    let mut dice = Dice(seed);
    let (mut outlined, mut told_of, mut found) = (0, 0, 0);
    let mut pool = Vec::new();
    for case in 0..cases() {
        if case % 50 == 0 {
            let oddities = random_traces::Oddities { equal_resources: true, negative_durations: true };
            let pool_of: Vec<Trace> = random_traces::estate(&mut dice, 30, oddities)
                .into_iter()
                .map(|trace| if dice.percent(80) { ordinary(trace) } else { trace })
                .collect();
            pool = pool_of.iter().map(|trace| split(&mut dice, trace)).collect::<Vec<_>>();
        }
        let text = random_queries::search(&mut dice);
        let Ok(query) = tutti::traceql::compile(&text) else { continue };
        let (Ok(search), Some(outline)) = (Search::of(&query), Outline::of(&query)) else { continue };
        outlined += 1;
        for _ in 0..TRACES_PER_QUERY {
            let trace = dice.of(&pool);
            let Some(thin) = in_outline(&outline, trace) else { continue };
            told_of += 1;
            let whole = told(&search, trace.id, &trace.whole);
            found += usize::from(matches!(whole, Ok(Some(_))));
            let ours = told(&search, trace.id, &thin);
            let what = format!("OUTLINE_SEED={seed}, case {case}: {text}\n{}", trace.sketch);
            assert_eq!(format!("{ours:?}"), format!("{whole:?}"), "{what}\n{text}");
        }
    }
    eprintln!("{outlined} queries outlined, {told_of} traces told, {found} found");
    assert!(outlined * 5 > cases() && told_of * 4 > cases() && found * 20 > cases());
}
