//! What is marked as a copy counts where its original is not there, and nowhere else.

use super::*;

/// The same with its resources marked.
fn marked(part: &TracesData, mark: Value) -> TracesData {
    let mut part = part.clone();
    for resource in part.resource_spans.iter_mut().filter_map(|batch| batch.resource.as_mut()) {
        resource.attributes.push(attribute("tutti.replica", mark.clone()));
    }
    part
}

fn yes() -> Value {
    Value::BoolValue(true)
}

proptest! {
    #[test]
    fn an_original_goes_before_its_copy_whatever_region_is_declared_first(a in any_part(), b in any_part()) {
        let whole = merged(&[(0, &a), (1, &b)]);
        // Copies of everything, in a region before all, between, and after.
        let copies = marked(&trace_of(vec![spans(&a).chain(spans(&b)).cloned().collect()]), yes());
        prop_assert_eq!(&merged(&[(0, &copies), (1, &a), (2, &b)]), &whole);
        prop_assert_eq!(&merged(&[(0, &a), (1, &copies), (2, &b)]), &whole);
        prop_assert_eq!(&merged(&[(2, &copies), (0, &a), (1, &b)]), &whole);
    }

    #[test]
    fn copies_alone_serve_as_the_trace(a in any_plain_part(), b in any_plain_part()) {
        let read = |bytes: Vec<u8>| TracesData::decode(bytes.as_slice()).unwrap();
        let copies = marked(&b, yes());
        let joined = read(merged(&[(0, &copies), (1, &a)]));
        prop_assert_eq!(by_identity(&joined), by_identity(&read(merged(&[(0, &a), (1, &b)]))));
        let alone = read(merged(&[(0, &copies)]));
        prop_assert_eq!(by_identity(&alone), by_identity(&b));
    }
}

/// Of a copy declared first and its original, the service whose span is kept.
fn kept(mark: Value) -> String {
    let span = || span_of(1001, 0, 1, 5);
    let copy = marked(&trace_of(vec![vec![span()]]), mark);
    let original = trace_of(vec![vec![], vec![span()]]);
    let read = TracesData::decode(merged(&[(0, &copy), (1, &original)]).as_slice()).unwrap();
    assert_eq!(spans(&read).count(), 1);
    let resource = read.resource_spans[0].resource.as_ref().unwrap();
    match resource.attributes[0].value.as_ref().and_then(|any| any.value.clone()) {
        Some(Value::StringValue(text)) => text,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_mark_is_a_flag_or_the_word_for_it() {
    assert_eq!(kept(yes()), "service-1");
    assert_eq!(kept(Value::StringValue("true".to_owned())), "service-1");
    for no_mark in [
        Value::BoolValue(false),
        Value::StringValue("false".to_owned()),
        Value::StringValue(String::new()),
        Value::IntValue(1),
    ] {
        assert_eq!(kept(no_mark.clone()), "service-0", "{no_mark:?}");
    }
}

#[test]
fn a_span_that_bears_the_mark_itself_is_no_copy() {
    let mut first = span_of(1001, 0, 1, 5);
    first.attributes.push(attribute("tutti.replica", yes()));
    let (first, second) = (trace_of(vec![vec![first]]), trace_of(vec![vec![span_of(1001, 0, 1, 5)]]));
    let read = TracesData::decode(merged(&[(0, &first), (1, &second)]).as_slice()).unwrap();
    assert_eq!(spans(&read).next().unwrap().attributes.len(), 1);
}

#[test]
fn a_copy_whose_id_is_no_id_gives_way_too() {
    let odd = || Span { span_id: vec![1, 2], ..span_of(0, 0, 1, 3) };
    let copy = marked(&trace_of(vec![vec![odd()]]), yes());
    let original = trace_of(vec![vec![], vec![odd()]]);
    assert_eq!(merged(&[(0, &copy), (1, &original)]), merged(&[(0, &original)]));
}
