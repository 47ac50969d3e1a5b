//! Second stages and arithmetic: series in, series out.

use super::label::{Label, LabelValue, Labels, NAME, tie_order};
use super::set::{FinalExemplar, FinalSeries, SeriesSet};
use crate::traceql::types::Operator;
use std::cmp::Ordering;

/// Of each interval the `limit` greatest samples, or least; the rest are gone. Few enough series stay whole.
pub fn top(input: SeriesSet, limit: usize, bottom: bool, intervals: usize) -> SeriesSet {
    if input.len() <= limit {
        return input;
    }
    let mut all: Vec<(Labels, FinalSeries)> = input.into_iter().collect();
    all.sort_by(|(one, _), (other, _)| tie_order(other, one));
    // Of equal samples topk keeps those that come first here, bottomk those that come last.
    if bottom {
        all.reverse();
    }
    // By the numbers of series: labels are long, and samples are many.
    let mut kept: Vec<Option<Vec<f64>>> = vec![None; all.len()];
    for interval in 0..intervals {
        let mut samples: Vec<(usize, f64)> = all
            .iter()
            .enumerate()
            .filter_map(|(at, (_, series))| Some((at, *series.values.get(interval)?)))
            .filter(|(_, value)| !value.is_nan())
            .collect();
        // Stable, so that ties stay in the order above.
        samples.sort_by(|(_, one), (_, other)| {
            let order = one.partial_cmp(other).unwrap_or(Ordering::Equal);
            if bottom { order } else { order.reverse() }
        });
        for (at, value) in samples.into_iter().take(limit) {
            let Some(values) = kept.get_mut(at) else { continue };
            let values = values.get_or_insert_with(|| vec![f64::NAN; intervals]);
            if let Some(cell) = values.get_mut(interval) {
                *cell = value;
            }
        }
    }
    let stays = all.into_iter().zip(kept);
    stays
        .filter_map(|((key, series), values)| Some((key, FinalSeries { values: values?, ..series })))
        .collect()
}

/// Samples that compare so with a constant stay; so do exemplars that have a value.
pub fn filter(input: SeriesSet, operator: Operator, constant: f64) -> SeriesSet {
    let stays = |value: f64| match operator {
        Operator::Greater => value > constant,
        Operator::GreaterEqual => value >= constant,
        Operator::Less => value < constant,
        Operator::LessEqual => value <= constant,
        Operator::Equal => value == constant,
        Operator::NotEqual => !value.is_nan() && value != constant,
        _ => false,
    };
    input
        .into_iter()
        .filter_map(|(key, mut series)| {
            series.values.iter_mut().filter(|value| !stays(**value)).for_each(|value| *value = f64::NAN);
            series.exemplars.retain(|exemplar| stays(exemplar.value));
            series.has_samples().then_some((key, series))
        })
        .collect()
}

/// Every sample, and every exemplar that has a value, with a constant.
pub fn scale(mut input: SeriesSet, operator: Operator, constant: f64, constant_first: bool) -> SeriesSet {
    let scaled = |value: f64| match constant_first {
        true => computed(operator, constant, value),
        false => computed(operator, value, constant),
    };
    for series in input.values_mut() {
        series.values.iter_mut().for_each(|value| *value = scaled(*value));
        series.exemplars.iter_mut().for_each(|exemplar| exemplar.value = scaled(exemplar.value));
    }
    input
}

/// Series with equal labels, sample by sample; one without labels goes with every other.
pub fn combine(operator: Operator, left: &SeriesSet, right: &SeriesSet) -> SeriesSet {
    let unlabelled = Labels::new();
    let target = if right.contains_key(&unlabelled) { left } else { right };
    let found = |set: &'_ SeriesSet, key: &Labels| {
        let own = set.get(key).map(|series| (series.clone(), false));
        own.or_else(|| set.get(&unlabelled).map(|series| (series.clone(), true)))
    };
    target
        .keys()
        .filter_map(|key| {
            let (left, left_fans) = found(left, key)?;
            let (right, right_fans) = found(right, key)?;
            let values =
                left.values.iter().zip(&right.values).map(|(l, r)| computed(operator, *l, *r)).collect();
            let labels = merged_labels(operator, left.labels, &right.labels);
            let exemplars: Vec<FinalExemplar> = match (left_fans, right_fans) {
                (true, false) => right.exemplars,
                (false, true) => left.exemplars,
                _ => [left.exemplars, right.exemplars].concat(),
            };
            Some((key.clone(), FinalSeries { labels, values, exemplars }))
        })
        .collect()
}

/// Division by zero has no result.
fn computed(operator: Operator, left: f64, right: f64) -> f64 {
    match operator {
        Operator::Add => left + right,
        Operator::Sub => left - right,
        Operator::Mul => left * right,
        Operator::Div if right != 0.0 => left / right,
        _ => f64::NAN,
    }
}

/// The labels of both; the name says what was done where both have one, and is gone otherwise.
fn merged_labels(operator: Operator, left: Labels, right: &[Label]) -> Labels {
    let name = |labels: &[Label]| {
        labels.iter().find_map(|(name, value)| match value {
            LabelValue::Text(text) if &**name == NAME => Some(text.clone()),
            _ => None,
        })
    };
    let combined = match (name(&left), name(right)) {
        (Some(left), Some(right)) => Some(format!("({left} {} {right})", operator.sign())),
        _ => None,
    };
    let mut labels = left;
    for (name, value) in right {
        if &**name != NAME && !labels.iter().any(|(known, _)| known == name) {
            labels.push((name.clone(), value.clone()));
        }
    }
    if let Some(at) = labels.iter().position(|(name, _)| &**name == NAME) {
        match (combined, labels.get_mut(at)) {
            (Some(text), Some((_, value))) => *value = LabelValue::Text(text),
            // The last label takes its place, as it does for Tempo.
            _ => drop(labels.swap_remove(at)),
        }
    }
    labels
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluate::series::set::insert;
    use proptest::prelude::*;

    const NONE: f64 = f64::NAN;

    fn series(labels: &[(&str, &str)], values: &[f64]) -> FinalSeries {
        let labels =
            labels.iter().map(|(name, value)| ((*name).into(), LabelValue::Text((*value).to_owned())));
        FinalSeries::new(labels.collect(), values.to_vec())
    }

    fn set(all: &[FinalSeries]) -> SeriesSet {
        let mut set = SeriesSet::new();
        all.iter().for_each(|series| insert(&mut set, series.clone()));
        set
    }

    /// Labels as text, and samples where there are any.
    fn shown(set: &SeriesSet) -> Vec<(String, Vec<Option<f64>>)> {
        set.values()
            .map(|series| {
                let labels: Vec<String> = series
                    .labels
                    .iter()
                    .map(|(name, value)| match value {
                        LabelValue::Text(text) => format!("{name}={text}"),
                        other => format!("{name}={other:?}"),
                    })
                    .collect();
                let values = series.values.iter().map(|value| (!value.is_nan()).then_some(*value));
                (labels.join(","), values.collect())
            })
            .collect()
    }

    fn check(set: &SeriesSet, expected: &[(&str, &[f64])]) {
        let expected: Vec<(String, Vec<Option<f64>>)> = expected
            .iter()
            .map(|(labels, values)| {
                let values = values.iter().map(|value| (!value.is_nan()).then_some(*value)).collect();
                ((*labels).to_owned(), values)
            })
            .collect();
        assert_eq!(shown(set), expected);
    }

    fn three() -> SeriesSet {
        set(&[series(&[("x", "a")], &[1.0, 5.0, NONE]), series(&[("x", "b")], &[1.0, 6.0, NONE]), {
            series(&[("x", "c")], &[1.0, 7.0, 0.0])
        }])
    }

    #[test]
    fn topk_keeps_the_greatest_of_each_interval_and_the_first_in_the_alphabet_of_equals() {
        check(&top(three(), 1, false, 3), &[("x=a", &[1.0, NONE, NONE]), ("x=c", &[NONE, 7.0, 0.0])]);
        check(
            &top(three(), 2, false, 3),
            &[("x=a", &[1.0, NONE, NONE]), ("x=b", &[1.0, 6.0, NONE]), ("x=c", &[NONE, 7.0, 0.0])],
        );
    }

    #[test]
    fn bottomk_keeps_the_least_and_the_last_in_the_alphabet_of_equals() {
        check(&top(three(), 1, true, 3), &[("x=a", &[NONE, 5.0, NONE]), ("x=c", &[1.0, NONE, 0.0])]);
    }

    #[test]
    fn few_enough_series_are_left_alone() {
        assert_eq!(shown(&top(three(), 3, false, 3)), shown(&three()));
    }

    #[test]
    fn samples_that_do_not_compare_are_gone_and_so_are_empty_series() {
        check(
            &filter(three(), Operator::Greater, 5.0),
            &[("x=b", &[NONE, 6.0, NONE]), ("x=c", &[NONE, 7.0, NONE])],
        );
        check(
            &filter(three(), Operator::NotEqual, 1.0),
            &[("x=a", &[NONE, 5.0, NONE]), ("x=b", &[NONE, 6.0, NONE]), ("x=c", &[NONE, 7.0, 0.0])],
        );
    }

    #[test]
    fn placeholder_exemplars_do_not_survive_a_comparison() {
        let exemplar = |value| FinalExemplar { labels: Vec::new(), value, timestamp_ms: 1 };
        let mut one = series(&[("x", "a")], &[5.0]);
        one.exemplars = vec![exemplar(NONE), exemplar(1.0), exemplar(4.0)];
        let kept = filter(set(&[one.clone()]), Operator::Greater, 2.0);
        assert_eq!(kept.values().next().unwrap().exemplars, [exemplar(4.0)]);
        let scaled = scale(set(&[one]), Operator::Mul, 2.0, false);
        let values: Vec<f64> = scaled.values().flat_map(|s| s.exemplars.iter().map(|e| e.value)).collect();
        assert!(values[0].is_nan() && values[1..] == [2.0, 8.0]);
    }

    #[test]
    fn a_constant_can_stand_on_either_side_and_division_by_zero_is_nothing() {
        let input = || set(&[series(&[("x", "a")], &[4.0, 0.0, NONE])]);
        check(&scale(input(), Operator::Sub, 1.0, true), &[("x=a", &[-3.0, 1.0, NONE])]);
        check(&scale(input(), Operator::Div, 2.0, false), &[("x=a", &[2.0, 0.0, NONE])]);
        check(&scale(input(), Operator::Div, 2.0, true), &[("x=a", &[0.5, NONE, NONE])]);
        check(&scale(input(), Operator::Div, 0.0, false), &[("x=a", &[NONE, NONE, NONE])]);
    }

    #[test]
    fn series_meet_by_all_their_labels_and_others_vanish() {
        let left = set(&[series(&[("x", "a")], &[4.0]), series(&[("x", "b")], &[5.0])]);
        let right = set(&[series(&[("x", "b")], &[2.0]), series(&[("x", "c")], &[3.0])]);
        check(&combine(Operator::Sub, &left, &right), &[("x=b", &[3.0])]);
        let other_order = set(&[series(&[("y", "1"), ("x", "b")], &[2.0])]);
        check(&combine(Operator::Sub, &set(&[series(&[("x", "b"), ("y", "1")], &[1.0])]), &other_order), &[]);
    }

    #[test]
    fn a_series_without_labels_goes_with_every_other() {
        let total = set(&[series(&[(NAME, "rate")], &[4.0])]);
        let parts = set(&[series(&[("x", "a"), ("y", "b")], &[1.0]), series(&[("x", "c")], &[2.0])]);
        let expected: [(&str, &[f64]); 2] = [("x=a,y=b", &[0.25]), ("x=c", &[0.5])];
        check(&combine(Operator::Div, &parts, &total), &expected);
        // The name's place is taken by the last label.
        let turned: [(&str, &[f64]); 2] = [("y=b,x=a", &[4.0]), ("x=c", &[2.0])];
        check(&combine(Operator::Div, &total, &parts), &turned);
        check(&combine(Operator::Div, &total, &total), &[("__name__=(rate / rate)", &[1.0])]);
    }

    proptest! {
        #[test]
        fn no_interval_keeps_more_than_k_samples_nor_less_than_there_are(
            values in prop::collection::vec(prop::collection::vec(prop_oneof![Just(NONE), -3.0..3.0f64, Just(0.0)], 4), 1..12),
            limit in 1..6usize,
            bottom: bool,
        ) {
            let all: Vec<FinalSeries> = values
                .iter()
                .enumerate()
                .map(|(at, values)| series(&[("x", &at.to_string())], values))
                .collect();
            let kept = top(set(&all), limit, bottom, 4);
            if all.len() <= limit {
                return Ok(());
            }
            for interval in 0..4 {
                let count = |set: &SeriesSet| set.values().filter(|s| !s.values[interval].is_nan()).count();
                prop_assert_eq!(count(&kept), count(&set(&all)).min(limit));
                let least = kept.values().map(|s| s.values[interval]).filter(|v| !v.is_nan())
                    .fold(f64::INFINITY, f64::min);
                let better = values.iter().filter(|v| v[interval] > least).count();
                prop_assert!(bottom || better < limit.max(1));
            }
        }
    }
}
