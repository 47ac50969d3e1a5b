//! What is written is read again, and what is a lie is none.

use super::*;
use crate::model::TraceId;
use crate::model::metrics::{Exemplar, MetricsAnswer, Sample, Series};
use crate::model::search::{Inspected, SearchAnswer, ServiceStats, SpanRow, SpanSet, TraceRow};
use crate::model::tags::{TagNames, TagScope, TagValue, TagValueKind, TagValues};
use crate::wire::answers::{
    Jobs, instant_json, range_json, search_protobuf, tag_names_protobuf, tag_names_v2_protobuf,
    tag_values_protobuf, tag_values_v2_protobuf,
};
use crate::wire::protobuf::{put_bytes_field, put_message, put_varint_field};
use proptest::prelude::*;

fn row(id: u128) -> TraceRow {
    TraceRow {
        id: TraceId::from_bytes(id.to_be_bytes()),
        root_service: "shop".to_owned(),
        root_name: "GET /".to_owned(),
        start: 1_700_000_000_000_000_001,
        duration_ns: 7_000_000,
        span_sets: vec![SpanSet {
            spans: vec![SpanRow {
                id: 9u64.to_be_bytes(),
                name: "pay".to_owned(),
                start: 3,
                duration_ns: 4,
                attributes: vec![
                    ("n".to_owned(), ShownValue::Int(-1)),
                    ("f".to_owned(), ShownValue::Float(0.5)),
                    ("b".to_owned(), ShownValue::Bool(false)),
                    ("l".to_owned(), ShownValue::Array(vec![ShownValue::text(""), ShownValue::Int(2)])),
                ],
            }],
            matched: 5,
            attributes: vec![("count()".to_owned(), ShownValue::Int(5))],
        }],
        service_stats: [("shop".to_owned(), ServiceStats { spans: 5, errors: 1 })].into(),
    }
}

#[test]
fn what_a_search_writes_is_read_again() {
    let rootless = TraceRow { root_service: String::new(), root_name: String::new(), ..row(1) };
    let answer = SearchAnswer {
        traces: vec![row(u128::MAX), rootless],
        inspected: Inspected { traces: 3, spans: 0, bytes: 77 },
        next: None,
    };
    let written = search_protobuf(&answer, Jobs::default());
    assert_eq!(read_search(&written, 2), Ok(answer));
    assert_eq!(read_search(&written, 1), Err(ReadError::TooManyRows));
    assert_eq!(read_search(b"", 0), Ok(SearchAnswer::default()));
}

#[test]
fn ids_are_read_however_a_region_pads_them() {
    for written in ["abc", "0abc", "00000000000000000000000000000abc", "ABC"] {
        let mut bytes = Vec::new();
        put_message(&mut bytes, 1, |trace| put_bytes_field(trace, 1, written.as_bytes()));
        let read = read_search(&bytes, 1).unwrap();
        assert_eq!(read.traces[0].id, TraceId::parse("abc").unwrap(), "{written}");
    }
    for lie in ["", "xyz", "+1", &"0".repeat(33)] {
        let mut bytes = Vec::new();
        put_message(&mut bytes, 1, |trace| put_bytes_field(trace, 1, lie.as_bytes()));
        assert_eq!(read_search(&bytes, 1), Err(ReadError::Id), "{lie}");
    }
    let mut nameless = Vec::new();
    put_message(&mut nameless, 1, |trace| put_varint_field(trace, 4, 1));
    assert_eq!(read_search(&nameless, 1), Err(ReadError::Id));
}

#[test]
fn a_span_whose_id_is_none_is_no_answer() {
    for (lie, is_one) in [("+1", false), ("12345678123456781", false), ("g", false), ("1f", true)] {
        let mut bytes = Vec::new();
        put_message(&mut bytes, 1, |trace| {
            put_bytes_field(trace, 1, b"1");
            put_message(trace, 7, |set| put_message(set, 1, |span| put_bytes_field(span, 1, lie.as_bytes())));
        });
        assert_eq!(read_search(&bytes, 1).is_ok(), is_one, "{lie}");
    }
}

#[test]
fn a_few_bytes_do_not_become_much_memory() {
    let mut bytes = Vec::new();
    put_message(&mut bytes, 1, |trace| {
        put_bytes_field(trace, 1, b"1");
        (0..=ANSWER_ITEMS_MAX).for_each(|_| put_bytes_field(trace, 7, b""));
    });
    assert_eq!(read_search(&bytes, 1), Err(ReadError::TooMany(ANSWER_ITEMS_MAX)));
    let mut tags = Vec::new();
    (0..=ANSWER_ITEMS_MAX).for_each(|_| put_bytes_field(&mut tags, 1, b""));
    assert_eq!(read_tag_names(&tags), Err(ReadError::TooMany(ANSWER_ITEMS_MAX)));
    let deep = (0..=VALUE_DEPTH_MAX).fold(Vec::new(), |inner, _| {
        let mut outer = Vec::new();
        put_message(&mut outer, 5, |array| put_bytes_field(array, 1, &inner));
        outer
    });
    let mut room = Room::new();
    assert_eq!(value(&deep, &mut room, 0), Err(WireError::TooDeep(VALUE_DEPTH_MAX).into()));
}

#[test]
fn what_is_said_of_tags_is_read_again() {
    let names = TagNames {
        scopes: vec![
            (TagScope::Resource, vec!["a".to_owned(), "b".to_owned()]),
            (TagScope::Intrinsic, vec!["name".to_owned()]),
        ],
        inspected: Inspected { bytes: 9, ..Inspected::default() },
    };
    assert_eq!(read_tag_names_v2(&tag_names_v2_protobuf(&names)), Ok(names.clone()));
    let flat = read_tag_names(&tag_names_protobuf(&names)).unwrap();
    assert_eq!(flat.scopes, [(TagScope::Span, vec!["a".to_owned(), "b".to_owned(), "name".to_owned()])]);
    let values = TagValues {
        values: vec![
            TagValue { kind: TagValueKind::Text, value: "500".to_owned() },
            TagValue { kind: TagValueKind::Int, value: "500".to_owned() },
        ],
        inspected: Inspected::default(),
    };
    assert_eq!(read_tag_values_v2(&tag_values_v2_protobuf(&values)), Ok(values.clone()));
    assert_eq!(read_tag_values(&tag_values_protobuf(&values)).unwrap().values.len(), 1);
}

#[test]
fn a_scope_that_nobody_knows_is_passed_over() {
    let mut bytes = Vec::new();
    put_message(&mut bytes, 1, |scope| {
        put_bytes_field(scope, 1, b"weather");
        put_bytes_field(scope, 2, b"rain");
    });
    assert_eq!(read_tag_names_v2(&bytes), Ok(TagNames::default()));
}

#[test]
fn series_are_read_again() {
    let answer = MetricsAnswer {
        series: vec![Series {
            labels: vec![("p".to_owned(), ShownValue::Float(0.5)), ("s".to_owned(), ShownValue::Int(200))],
            samples: vec![
                Sample { timestamp_ms: 1_700_000_000_000, value: 0.0 },
                Sample { timestamp_ms: 1_700_000_001_000, value: f64::INFINITY },
            ],
            exemplars: vec![Exemplar {
                labels: vec![("trace:id".to_owned(), ShownValue::text("abc"))],
                value: 1.5,
                timestamp_ms: 3,
            }],
        }],
        partial: Some("too many".to_owned()),
        inspected: Inspected { traces: 0, spans: 0, bytes: 5 },
    };
    let written = range_json(&answer, Jobs::default(), Some("too many"));
    assert_eq!(read_range(&written), Ok(answer.clone()));
    let one = Series {
        samples: vec![answer.series[0].samples[1]],
        exemplars: Vec::new(),
        ..answer.series[0].clone()
    };
    let instant = MetricsAnswer { series: vec![one], partial: None, ..answer };
    let written = instant_json(&instant, Jobs::default(), None);
    assert_eq!(read_instant(&written, 1_700_000_001_000), Ok(instant));
    assert_eq!(read_range(b"<html>"), Err(ReadError::Json));
    assert_eq!(read_range(&b"[".repeat(100_000)), Err(ReadError::Json));
}

proptest! {
    #[test]
    fn no_bytes_make_a_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = read_search(&bytes, 10);
        let _ = (read_tag_names(&bytes), read_tag_names_v2(&bytes));
        let _ = (read_tag_values(&bytes), read_tag_values_v2(&bytes));
        let _ = (read_range(&bytes), read_instant(&bytes, 0));
    }

    #[test]
    fn an_answer_that_is_cut_or_turned_never_makes_a_reader_panic(at in 0usize..400, bit in 0u8..8) {
        let answer = SearchAnswer { traces: vec![row(1), row(2)], inspected: Inspected::default(), next: None };
        let mut bytes = search_protobuf(&answer, Jobs::default());
        if let Some(byte) = bytes.get_mut(at) {
            *byte ^= 1 << bit;
        }
        let _ = read_search(&bytes, 2);
        let _ = read_search(&bytes[..at.min(bytes.len())], 2);
    }
}
