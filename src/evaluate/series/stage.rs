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
    let mut keys: Vec<&Labels> = input.keys().collect();
    keys.sort_by(|one, other| tie_order(other, one));
    // Of equal samples topk keeps those that come first here, bottomk those that come last.
    if bottom {
        keys.reverse();
    }
    let mut output = SeriesSet::new();
    for interval in 0..intervals {
        let sample = |key: &Labels| input.get(key).and_then(|series| series.values.get(interval).copied());
        let mut samples: Vec<(&Labels, f64)> = keys
            .iter()
            .filter_map(|key| Some((*key, sample(key)?)))
            .filter(|(_, value)| !value.is_nan())
            .collect();
        // Stable, so that ties stay in the order above.
        samples.sort_by(|(_, one), (_, other)| {
            let order = one.partial_cmp(other).unwrap_or(Ordering::Equal);
            if bottom { order } else { order.reverse() }
        });
        for (key, value) in samples.into_iter().take(limit) {
            let Some(from) = input.get(key) else { continue };
            let series = output.entry(key.clone()).or_insert_with(|| FinalSeries {
                labels: from.labels.clone(),
                values: vec![f64::NAN; intervals],
                exemplars: from.exemplars.clone(),
            });
            if let Some(cell) = series.values.get_mut(interval) {
                *cell = value;
            }
        }
    }
    output
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
