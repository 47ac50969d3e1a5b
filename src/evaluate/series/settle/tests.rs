//! Leaves of each function from observations to final series, whole and in parts.

use super::*;
use crate::evaluate::series::exemplar::Exemplars;
use crate::evaluate::series::group::GROUP_VALUES_MAX;
use crate::evaluate::series::leaf::Observation;
use crate::model::value::ShownValue;
use crate::traceql::value::Value;
use proptest::prelude::*;
use std::borrow::Cow;

const STEP_SECONDS: f64 = 2.0;
const INTERVALS: usize = 3;

/// Interval, what is measured, what is grouped by.
type Seen<'v> = (usize, Value<'v>, Vec<Value<'v>>);

fn text(text: &str) -> Value<'_> {
    Value::Text(Cow::Borrowed(text))
}

fn leaf(function: Function, by: &[&str], of_duration: bool) -> Leaf {
    let by = by.iter().map(|name| (*name).into()).collect();
    Leaf::new(Shape { function, of_duration, by }, INTERVALS, Exemplars::new(10, 10, (0, 6_000)))
}

fn observed(mut leaf: Leaf, seen: &[Seen<'_>]) -> Leaf {
    for (at, (interval, measured, by)) in seen.iter().enumerate() {
        let mut values = [&Value::Nil; GROUP_VALUES_MAX];
        values.iter_mut().zip(by).for_each(|(place, value)| *place = value);
        let span = Observation { interval: *interval, weight: 1.0, measured, by: values };
        leaf.observe(&span);
        let timestamp_ms = *interval as u64 * 2_000 + 1;
        let (rank, labels) = (at as u64, Vec::new());
        leaf.offer(&span, |series, value| Candidate { rank, series, labels, value, timestamp_ms });
    }
    leaf
}

/// Labels as shown, and samples where there are any.
fn shown(set: &SeriesSet) -> Vec<(String, Vec<Option<f64>>)> {
    set.values()
        .map(|series| {
            let labels: Vec<String> = series
                .labels
                .iter()
                .map(|(name, value)| match value.shown() {
                    ShownValue::Text(text) => format!("{name}=\"{text}\""),
                    ShownValue::Int(int) => format!("{name}={int}"),
                    ShownValue::Float(float) => format!("{name}={float:?}"),
                    other => format!("{name}={other:?}"),
                })
                .collect();
            let values = series.values.iter().map(|value| (!value.is_nan()).then_some(*value));
            (labels.join(","), values.collect())
        })
        .collect()
}

fn check(leaf: Leaf, seen: &[Seen<'_>], expected: &[(&str, [Option<f64>; INTERVALS])]) {
    let expected: Vec<(String, Vec<Option<f64>>)> =
        expected.iter().map(|(labels, values)| ((*labels).to_owned(), values.to_vec())).collect();
    assert_eq!(shown(&settle(observed(leaf, seen), STEP_SECONDS)), expected);
}

fn at(interval: usize, measured: Value<'_>) -> Seen<'_> {
    (interval, measured, Vec::new())
}

#[test]
fn counts_are_zero_where_nothing_is_and_rates_are_per_second() {
    let seen = [at(0, Value::Nil), at(0, Value::Nil), at(0, Value::Nil), at(2, Value::Nil)];
    let all = [Some(3.0), Some(0.0), Some(1.0)];
    check(leaf(Function::Count, &[], false), &seen, &[("__name__=\"count_over_time\"", all)]);
    check(
        leaf(Function::Rate, &[], false),
        &seen,
        &[("__name__=\"rate\"", [Some(1.5), Some(0.0), Some(0.5)])],
    );
    check(leaf(Function::Rate, &[], false), &[], &[("__name__=\"rate\"", [Some(0.0); 3])]);
    check(leaf(Function::Rate, &["a"], false), &[], &[]);
}

#[test]
fn folds_pass_over_spans_without_a_number() {
    let seen = [
        at(0, Value::Int(2)),
        at(0, Value::Nil),
        at(0, Value::Float(3.5)),
        at(0, text("9")),
        at(0, Value::Float(f64::NAN)),
        at(2, Value::Duration(4)),
    ];
    let table = [
        (Function::Min, "min_over_time", 2.0),
        (Function::Max, "max_over_time", 3.5),
        (Function::Sum, "sum_over_time", 5.5),
        (Function::Average, "avg_over_time", 2.75),
    ];
    for (function, word, first) in table {
        let label = format!("__name__=\"{word}\"");
        let expected = [(label.as_str(), [Some(first), None, Some(4.0)])];
        check(leaf(function.clone(), &[], false), &seen, &expected);
        check(leaf(function, &[], false), &[at(0, Value::Nil)], &[]);
    }
}

#[test]
fn duration_counts_in_seconds_and_other_durations_in_nanoseconds() {
    let seen = [at(1, Value::Duration(1_500_000_000))];
    let name = "__name__=\"max_over_time\"";
    check(leaf(Function::Max, &[], true), &seen, &[(name, [None, Some(1.5), None])]);
    check(leaf(Function::Max, &[], false), &seen, &[(name, [None, Some(1.5e9), None])]);
}

#[test]
fn labels_keep_their_types_and_nil_ones_are_left_out() {
    let by = |a: Value<'static>, b: Value<'static>| (0, Value::Nil, vec![a, b]);
    let seen = [
        by(Value::Int(5), text("x")),
        by(text("5"), text("x")),
        by(Value::Nil, text("x")),
        by(Value::Float(0.5), Value::Nil),
        by(Value::Duration(1_000), Value::Kind(3)),
        by(Value::Nil, Value::Nil),
    ];
    let once = [Some(1.0), Some(0.0), Some(0.0)];
    check(
        leaf(Function::Count, &["a", "b"], false),
        &seen,
        &[
            ("a=5,b=\"x\"", once),
            ("a=0.5", once),
            ("a=\"1µs\",b=\"server\"", once),
            ("a=\"5\",b=\"x\"", once),
            ("a=\"nil\"", once),
            ("b=\"x\"", once),
        ],
    );
}

#[test]
fn values_that_show_the_same_are_one_series() {
    let by = |value: Value<'static>| (0, Value::Nil, vec![value]);
    let seen = [
        by(Value::Nil),
        by(text("nil")),
        by(Value::Ints(vec![1, 2])),
        by(Value::Ints(vec![3])),
        by(Value::Status(0)),
        by(text("error")),
    ];
    check(
        leaf(Function::Count, &["a"], false),
        &seen,
        &[
            ("a=\"error\"", [Some(2.0), Some(0.0), Some(0.0)]),
            ("a=\"nil\"", [Some(4.0), Some(0.0), Some(0.0)]),
        ],
    );
}

#[test]
fn a_histogram_has_a_series_for_each_bucket_and_none_for_what_has_no_bucket() {
    let seen = [
        at(0, Value::Int(1)),
        at(0, Value::Int(2)),
        at(0, Value::Int(3)),
        at(2, Value::Int(4)),
        at(0, Value::Float(3.0)),
        at(0, Value::Nil),
        at(1, Value::Duration(3)),
    ];
    check(
        leaf(Function::Histogram, &[], false),
        &seen,
        &[
            ("__bucket=4e-9", [Some(0.0), Some(1.0), Some(0.0)]),
            ("__bucket=2.0", [Some(1.0), Some(0.0), Some(0.0)]),
            ("__bucket=4.0", [Some(1.0), Some(0.0), Some(1.0)]),
        ],
    );
    let durations = [at(0, Value::Duration(1_000)), at(0, Value::Duration(1))];
    let expected = [("__bucket=1.024e-6", [Some(1.0), Some(0.0), Some(0.0)])];
    check(leaf(Function::Histogram, &[], true), &durations, &expected);
}

#[test]
fn quantiles_are_zero_where_nothing_is_and_absent_where_nothing_ever_was() {
    let both = || leaf(Function::Quantile(vec![0.0, 1.0]), &["a"], false);
    let by = |interval, value| (interval, Value::Int(value), vec![text("x")]);
    check(
        both(),
        &[by(0, 2), by(0, 3), by(0, 100), by(2, 7), (0, Value::Nil, vec![text("y")])],
        &[
            ("a=\"x\",p=0.0", [Some(2.0), Some(0.0), Some(8.0)]),
            ("a=\"x\",p=1.0", [Some(128.0), Some(0.0), Some(8.0)]),
        ],
    );
    check(both(), &[], &[]);
    // Nil groups have no label of their own beside the quantile.
    check(
        leaf(Function::Quantile(vec![1.0]), &["a"], false),
        &[(1, Value::Int(2), vec![Value::Nil])],
        &[("p=1.0", [Some(0.0), Some(2.0), Some(0.0)])],
    );
}

#[test]
fn labels_of_quantiles_stay_apart_though_their_texts_look_alike() {
    let leaf = leaf(Function::Quantile(vec![1.0]), &["a"], false);
    let seen = [(0, Value::Int(2), vec![Value::Int(5)]), (0, Value::Int(4), vec![text("int(5)")])];
    let set = settle(observed(leaf, &seen), STEP_SECONDS);
    assert_eq!(set.len(), 2);
}

#[test]
fn exemplars_of_quantiles_go_to_the_nearest_and_show_their_own_value() {
    let leaf = leaf(Function::Quantile(vec![0.1, 1.0]), &[], false);
    let seen = [at(0, Value::Int(2)), at(1, Value::Int(2)), at(2, Value::Int(1_000))];
    let set = settle(observed(leaf, &seen), STEP_SECONDS);
    let values: Vec<Vec<f64>> =
        set.values().map(|series| series.exemplars.iter().map(|exemplar| exemplar.value).collect()).collect();
    assert_eq!(values, [vec![2.0, 2.0], vec![1_000.0]]);
}

#[test]
fn exemplars_of_counts_wait_for_their_sample() {
    let set = settle(observed(leaf(Function::Rate, &[], false), &[at(0, Value::Nil)]), STEP_SECONDS);
    let exemplars = &set.values().next().unwrap().exemplars;
    assert!(exemplars.len() == 1 && exemplars[0].value.is_nan());
}

#[test]
fn series_beyond_the_room_for_them_are_left_out_and_said_so() {
    let shape = Shape { function: Function::Count, of_duration: false, by: vec!["a".into()] };
    let mut leaf = Leaf::new(shape, 100_000, Exemplars::new(0, 0, (0, 1)));
    let values: Vec<Value<'_>> = (0..100).map(Value::Int).collect();
    for value in &values {
        let mut by = [&Value::Nil; GROUP_VALUES_MAX];
        by[0] = value;
        leaf.observe(&Observation { interval: 7, weight: 1.0, measured: &Value::Nil, by });
    }
    assert!(leaf.is_full());
    assert!((50..100).contains(&leaf.groups().len()));
}

#[test]
fn long_texts_take_the_room_of_series() {
    let shape = Shape { function: Function::Count, of_duration: false, by: vec!["a".into()] };
    let mut leaf = Leaf::new(shape, 1, Exemplars::new(0, 0, (0, 1))).within(10_000);
    for n in 0..20 {
        let value = Value::Text(format!("{n:08000}").into());
        let mut by = [&Value::Nil; GROUP_VALUES_MAX];
        by[0] = &value;
        leaf.observe(&Observation { interval: 0, weight: 1.0, measured: &Value::Nil, by });
    }
    assert!(leaf.is_full());
    assert_eq!(leaf.groups().len(), 9);
}

fn functions() -> impl Strategy<Value = Function> {
    prop_oneof![
        Just(Function::Rate),
        Just(Function::Count),
        Just(Function::Min),
        Just(Function::Max),
        Just(Function::Sum),
        Just(Function::Average),
        Just(Function::Histogram),
        Just(Function::Quantile(vec![0.5, 0.9])),
    ]
}

fn values() -> impl Strategy<Value = Value<'static>> {
    prop_oneof![
        Just(Value::Nil),
        (-9..9i64).prop_map(Value::Int),
        (-9.0..9.0f64).prop_map(Value::Float),
        (0..9_000i64).prop_map(Value::Duration),
        Just(Value::Text(Cow::Borrowed("nil"))),
        Just(Value::Ints(vec![1])),
    ]
}

fn spans() -> impl Strategy<Value = Vec<(Seen<'static>, u8)>> {
    let seen = (0..INTERVALS, values(), prop::collection::vec(values(), 2));
    prop::collection::vec((seen, 0..3u8), 0..40)
}

fn close(one: &SeriesSet, other: &SeriesSet) -> bool {
    let near = |a: f64, b: f64| a.is_nan() && b.is_nan() || (a - b).abs() <= 1e-9 * a.abs().max(1.0);
    one.len() == other.len()
        && one.iter().zip(other).all(|((key, one), (other_key, other))| {
            key == other_key
                && one.labels == other.labels
                && one.values.iter().zip(&other.values).all(|(a, b)| near(*a, *b))
        })
}

proptest! {
    #[test]
    fn parts_merged_in_any_order_settle_as_the_whole(spans in spans(), function in functions()) {
        let fresh = || leaf(function.clone(), &["a", "b"], false);
        let only = |part: Option<u8>| -> Vec<Seen<'static>> {
            spans.iter().filter(|(_, of)| part.is_none_or(|part| part == *of)).map(|(seen, _)| seen.clone()).collect()
        };
        let whole = settle(observed(fresh(), &only(None)), STEP_SECONDS);
        let part = |number| observed(fresh(), &only(Some(number)));
        for [first, second, third] in [[0, 1, 2], [2, 1, 0], [1, 2, 0]] {
            let mut left = part(first);
            left.merge(part(second));
            left.merge(part(third));
            let mut inner = part(second);
            inner.merge(part(third));
            let mut right = part(first);
            right.merge(inner);
            for merged in [left, right] {
                prop_assert!(close(&settle(merged, STEP_SECONDS), &whole));
            }
        }
    }
}
