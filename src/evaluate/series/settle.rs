//! A leaf that is whole, made into final series: rates divided, means and quantiles computed, labels named.

use super::cells::{Cells, Fold};
use super::exemplar::Candidate;
use super::group::{GroupKey, GroupValue};
use super::label::{LabelValue, Labels, NAME, key_of};
use super::leaf::{Function, Leaf, Shape};
use super::quantile::{Bucket, quantile};
use super::set::{FinalExemplar, FinalSeries, SeriesSet, insert};
use std::collections::BTreeMap;

/// The label of a histogram's buckets.
const BUCKET: &str = "__bucket";

/// The label of a quantile.
const QUANTILE: &str = "p";

/// The final series of a leaf; a rate is over so many seconds.
pub fn settle(leaf: Leaf, step_seconds: f64) -> SeriesSet {
    let mut set = match &leaf.shape.function {
        Function::Quantile(shares) => return quantiles(&leaf, shares),
        _ => folded(&leaf, step_seconds),
    };
    set.retain(|_, series| series.has_samples());
    let Leaf { shape, exemplars, .. } = leaf;
    for candidate in exemplars.take() {
        let key = key_of(&labels_of(&shape, &candidate.series));
        if let Some(series) = set.get_mut(&key) {
            series.exemplars.push(placed(candidate));
        }
    }
    set
}

/// Groups whose labels show the same are one series.
fn folded(leaf: &Leaf, step_seconds: f64) -> SeriesSet {
    let shape = &leaf.shape;
    let mut merged: BTreeMap<Labels, (Labels, Cells)> = BTreeMap::new();
    for group in leaf.groups() {
        let labels = labels_of(shape, &group.key);
        merged
            .entry(key_of(&labels))
            .and_modify(|(_, cells)| cells.merge(&group.cells))
            .or_insert_with(|| (labels, group.cells.clone()));
    }
    // What is counted over all spans is 0 where there are none.
    if merged.is_empty() && shape.by.is_empty() && matches!(shape.function, Function::Rate | Function::Count)
    {
        let labels = labels_of(shape, &GroupKey::default());
        merged.insert(key_of(&labels), (labels, Cells::new(Fold::Count, leaf.intervals())));
    }
    let per_second = 1.0 / step_seconds;
    merged
        .into_iter()
        .map(|(key, (labels, cells))| {
            let mut values = cells.values();
            if shape.function == Function::Rate {
                values.iter_mut().for_each(|value| *value *= per_second);
            }
            (key, FinalSeries::new(labels, values))
        })
        .collect()
}

/// The buckets of one series, by interval.
type Intervals = Vec<Vec<Bucket>>;

fn quantiles(leaf: &Leaf, shares: &[f64]) -> SeriesSet {
    let by_series = bucketed(leaf);
    let mut overall: BTreeMap<u64, u64> = BTreeMap::new();
    for bucket in by_series.values().flatten().flatten() {
        let count = overall.entry(bucket.edge.to_bits()).or_default();
        *count = count.saturating_add(bucket.count);
    }
    // The bits of floats that are not negative sort as the floats do.
    let overall: Vec<Bucket> =
        overall.into_iter().map(|(edge, count)| Bucket { edge: f64::from_bits(edge), count }).collect();
    let typical: Vec<f64> = shares.iter().map(|share| quantile(*share, &overall)).collect();
    let mut exemplars: BTreeMap<(Labels, usize), Vec<FinalExemplar>> = BTreeMap::new();
    for candidate in leaf.exemplars.clone().take() {
        if let Some(nearest) = nearest(candidate.value, &typical) {
            let labels = grouped_labels(&leaf.shape, &candidate.series);
            exemplars.entry((labels, nearest)).or_default().push(placed(candidate));
        }
    }
    let mut set = SeriesSet::new();
    for (labels, intervals) in by_series {
        // A share named twice is one series; the first carries the exemplars.
        for (at, share) in shares.iter().enumerate().rev() {
            let mut named = labels.clone();
            named.push((QUANTILE.into(), LabelValue::float(*share)));
            let values = intervals.iter().map(|buckets| quantile(*share, buckets)).collect();
            let mut series = FinalSeries::new(named, values);
            series.exemplars = exemplars.remove(&(labels.clone(), at)).unwrap_or_default();
            insert(&mut set, series);
        }
    }
    set
}

fn bucketed(leaf: &Leaf) -> BTreeMap<Labels, Intervals> {
    let mut counts: BTreeMap<Labels, Vec<BTreeMap<u64, u64>>> = BTreeMap::new();
    for group in leaf.groups() {
        let Some(GroupValue::Float(edge)) = group.key.values().get(leaf.shape.by.len()) else { continue };
        let intervals = counts
            .entry(grouped_labels(&leaf.shape, &group.key))
            .or_insert_with(|| vec![BTreeMap::new(); leaf.intervals()]);
        for (buckets, count) in intervals.iter_mut().zip(group.cells.values()) {
            if count >= 1.0 {
                let sum = buckets.entry(*edge).or_default();
                *sum = u64::saturating_add(*sum, count as u64);
            }
        }
    }
    let sorted = |buckets: BTreeMap<u64, u64>| {
        buckets.into_iter().map(|(edge, count)| Bucket { edge: f64::from_bits(edge), count }).collect()
    };
    counts
        .into_iter()
        .map(|(labels, intervals)| (labels, intervals.into_iter().map(sorted).collect()))
        .collect()
}

/// The quantile that a value lies closest to; the first of several.
fn nearest(value: f64, typical: &[f64]) -> Option<usize> {
    let mut best = None;
    let mut distance = f64::INFINITY;
    for (at, quantile) in typical.iter().enumerate() {
        if (value - quantile).abs() < distance {
            distance = (value - quantile).abs();
            best = Some(at);
        }
    }
    best
}

/// The labels of a group: nil ones are left out.
fn grouped_labels(shape: &Shape, key: &GroupKey<'_>) -> Labels {
    shape
        .by
        .iter()
        .zip(key.values())
        .filter_map(|(name, value)| Some((name.clone(), value.label()?)))
        .collect()
}

/// The labels of a series: one without any is known by its function, or by its first label as nil.
fn labels_of(shape: &Shape, key: &GroupKey<'_>) -> Labels {
    let mut labels = grouped_labels(shape, key);
    if shape.function.has_buckets() {
        let edge = key.values().get(shape.by.len()).and_then(GroupValue::label);
        labels.extend(edge.map(|edge| (BUCKET.into(), edge)));
    }
    if labels.is_empty() {
        labels.push(match shape.by.first() {
            Some(first) => (first.clone(), LabelValue::nil()),
            None => (NAME.into(), LabelValue::Text(shape.function.word().to_owned())),
        });
    }
    labels
}

fn placed(candidate: Candidate) -> FinalExemplar {
    let Candidate { labels, value, timestamp_ms, .. } = candidate;
    FinalExemplar { labels, value, timestamp_ms }
}

#[cfg(test)]
mod tests;
