//! Series that are final: what second stages and arithmetic work on.

use super::label::{Labels, key_of};
use crate::model::value::ShownValue;
use std::collections::BTreeMap;

/// Series by what they are known by, which stays while arithmetic changes their labels.
pub type SeriesSet = BTreeMap<Labels, FinalSeries>;

#[derive(Debug, Clone, PartialEq)]
pub struct FinalSeries {
    pub labels: Labels,
    /// One for each interval; not a number where there is no sample.
    pub values: Vec<f64>,
    pub exemplars: Vec<FinalExemplar>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct FinalExemplar {
    pub labels: Vec<(String, ShownValue)>,
    /// Not a number where the sample of its interval is to be shown.
    pub value: f64,
    pub timestamp_ms: u64,
}

impl FinalSeries {
    pub fn new(labels: Labels, values: Vec<f64>) -> Self {
        Self { labels, values, exemplars: Vec::new() }
    }

    pub fn has_samples(&self) -> bool {
        self.values.iter().any(|value| !value.is_nan())
    }
}

/// Adds a series under its own key.
pub fn insert(set: &mut SeriesSet, series: FinalSeries) {
    set.insert(key_of(&series.labels), series);
}
