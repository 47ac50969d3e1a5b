//! How much is done for a trace, counted and not timed: for twice as much of anything, twice as much at most.

use opentelemetry_proto::tonic::common::v1::KeyValueList;

use super::*;
use crate::redaction::engine::Engine;
use crate::trace::index::scan;

/// Bytes of values that are classified, and steps of the search for echoes.
fn work(attributes: Vec<Vec<KeyValue>>) -> (usize, usize) {
    let mut trace = span_with(Vec::new());
    let spans = attributes.into_iter().zip(1u64..).map(|(attributes, nth)| Span {
        trace_id: vec![1; 16],
        span_id: nth.to_be_bytes().to_vec(),
        attributes,
        ..Span::default()
    });
    trace.resource_spans[0].scope_spans[0].spans = spans.collect();
    let mut chunk = scan(Bytes::from(trace.encode_to_vec()), None).unwrap();
    let redactor = redactor();
    let RegionPlan::Ruled(ruled) = plan(&redactor, ABROAD) else { panic!("no cells") };
    let source = chunk.buffer.clone();
    let mut engine = Engine::new(&redactor, &ruled, redactor.look(&ruled), 0);
    engine.run(&source, &mut chunk, Marks::None).unwrap();
    (engine.looked_at, engine.memory.steps)
}

fn name(nth: usize) -> KeyValue {
    pair("user.full_name", text(&format!("Jane Roe the {nth}th")))
}

fn nested(levels: usize, leaf: AnyValue) -> AnyValue {
    (0..levels).fold(leaf, |inner, level| {
        let values = vec![pair(&format!("level{level}"), inner)];
        AnyValue { value: Some(Value::KvlistValue(KeyValueList { values })) }
    })
}

#[track_caller]
fn check(what: &str, of: impl Fn(usize) -> Vec<Vec<KeyValue>>, size: usize) {
    let ((looked, steps), (looked_twice, steps_twice)) = (work(of(size)), work(of(size * 2)));
    assert!(looked_twice <= looked * 21 / 10 + 1000, "{what}: {looked} bytes, then {looked_twice}");
    assert!(steps_twice <= steps * 21 / 10 + 10_000, "{what}: {steps} steps, then {steps_twice}");
    // Every value is looked at once, and once more where it may say what was treated elsewhere.
    let bytes: usize = work_bytes(&of(size * 2));
    assert!(looked_twice <= bytes * 2, "{what}: {looked_twice} bytes of {bytes}");
    assert!(steps_twice <= bytes * 20 + 20_000, "{what}: {steps_twice} steps for {bytes} bytes");
}

fn work_bytes(attributes: &[Vec<KeyValue>]) -> usize {
    attributes.iter().flatten().map(Message::encoded_len).sum()
}

#[test]
fn the_work_for_a_trace_doubles_with_its_size() {
    let said = |nth: usize| vec![name(nth), pair("message", text(&format!("for Jane Roe the {nth}th")))];
    check("names that are said", |size| (0..size).map(said).collect(), 1500);
    check("distinct treated values", |size| (0..size).map(|nth| vec![name(nth)]).collect(), 3000);
    let one = |size: usize| vec![vec![name(1), pair("message", text(&"a@".repeat(size)))]];
    check("one value of a@", one, 1 << 19);
    let alike = |size: usize| {
        let names = (0..500).map(|nth| pair("user.full_name", text(&format!("{}{nth}", "a@".repeat(30)))));
        vec![names.chain([pair("message", text(&"a@".repeat(size)))]).collect()]
    };
    check("a text like all values", alike, 1 << 15);
    let leaf = |nth: usize| text(&format!("mail jane.roe{nth}@example.com"));
    let deep =
        |size: usize| (0..size).map(|nth| vec![name(nth), pair("outer", nested(30, leaf(nth)))]).collect();
    check("lists in lists", deep, 300);
}

/// More than are remembered, and more than are looked for: what is not known is looked at again, once.
#[test]
fn a_hundred_thousand_treated_values_are_looked_at_twice_at_most() {
    let spans: Vec<_> = (0..100).map(|span| (span * 1000..(span + 1) * 1000).map(name).collect()).collect();
    let bytes = work_bytes(&spans);
    let (looked, steps) = work(spans);
    assert!(looked <= bytes * 2 && steps <= bytes, "{looked} bytes and {steps} steps of {bytes}");
}
