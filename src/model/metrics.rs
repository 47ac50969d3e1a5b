//! A metrics query and its answer: series over a grid of time.

use super::search::Inspected;
use super::value::ShownValue;

/// What is asked of a metrics query. Times are nanoseconds of the epoch, already aligned to the grid.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct MetricsQuery {
    /// TraceQL.
    pub query: String,
    /// Samples lie in `(start, end]`.
    pub start: u64,
    pub end: u64,
    /// Of an instant query, the whole range.
    pub step: u64,
    pub is_instant: bool,
    /// At most so many exemplars; none where 0.
    pub exemplars: u32,
    /// At most so many series; no limit where 0.
    pub max_series: u32,
}

/// The series of a metrics query in their final form.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct MetricsAnswer {
    pub series: Vec<Series>,
    /// Why series may be missing, in Tempo's words.
    pub partial: Option<String>,
    pub inspected: Inspected,
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct Series {
    /// In their order, which is part of what a series is.
    pub labels: Vec<(String, ShownValue)>,
    pub samples: Vec<Sample>,
    pub exemplars: Vec<Exemplar>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sample {
    pub timestamp_ms: i64,
    /// Never "not a number": such a sample is none.
    pub value: f64,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Exemplar {
    pub labels: Vec<(String, ShownValue)>,
    pub value: f64,
    pub timestamp_ms: i64,
}
