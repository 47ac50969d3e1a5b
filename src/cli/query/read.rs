//! The JSON of searches and metrics, as far as it is drawn. Read leniently: what is absent is empty, and a
//! number that is absent is 0, as Tempo leaves it out.

use serde::Deserialize;

use crate::cli::scalar::{AnyValue, Scalar, or_default};

/// Traces, series and samples that are kept of one answer; many times what a terminal shows.
const TRACES_MAX: usize = 300_000;
const SERIES_MAX: usize = 10_000;
const SAMPLES_MAX: usize = 100_000;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Found {
    #[serde(deserialize_with = "or_default")]
    pub traces: Vec<Trace>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Trace {
    #[serde(rename = "traceID")]
    pub id: Scalar,
    #[serde(rename = "rootServiceName")]
    pub service: Scalar,
    #[serde(rename = "rootTraceName")]
    pub name: Scalar,
    start_time_unix_nano: Scalar,
    duration_ms: Scalar,
    #[serde(deserialize_with = "or_default")]
    span_sets: Vec<SpanSet>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct SpanSet {
    matched: Scalar,
}

impl Trace {
    /// Nanoseconds of the epoch.
    pub fn start(&self) -> u64 {
        self.start_time_unix_nano.0.parse().unwrap_or_default()
    }

    pub fn duration_nanos(&self) -> u64 {
        self.duration_ms.0.parse::<u64>().unwrap_or_default().saturating_mul(1_000_000)
    }

    /// Spans that matched, over all sets.
    pub fn matched(&self) -> u64 {
        self.span_sets.iter().filter_map(|set| set.matched.0.parse::<u64>().ok()).sum()
    }
}

/// What a search found, the newest first.
pub fn search(json: &str) -> Result<Found, serde_json::Error> {
    let mut found: Found = serde_json::from_str(json)?;
    found.traces.truncate(TRACES_MAX);
    found.traces.sort_by_key(|trace| std::cmp::Reverse(trace.start()));
    Ok(found)
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Metrics {
    #[serde(deserialize_with = "or_default")]
    pub series: Vec<Series>,
    status: Scalar,
    message: Scalar,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Series {
    #[serde(deserialize_with = "or_default")]
    labels: Vec<Label>,
    #[serde(deserialize_with = "or_default")]
    pub samples: Vec<Sample>,
    /// Of an instant query.
    value: Scalar,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Label {
    key: Scalar,
    value: AnyValue,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Sample {
    timestamp_ms: Scalar,
    value: Scalar,
}

impl Metrics {
    /// What the answer says is missing of it.
    pub fn message(&self) -> Option<String> {
        let is_partial = self.status.0 == "PARTIAL";
        is_partial
            .then(|| if self.message.0.is_empty() { "partial".to_owned() } else { self.message.0.clone() })
    }
}

impl Series {
    /// `a="x", b=2`; of a series without groups the function.
    pub fn name(&self) -> String {
        if let [Label { key, value }] = self.labels.as_slice()
            && key.0 == "__name__"
        {
            return value.0.0.clone();
        }
        let labels: Vec<String> =
            self.labels.iter().map(|label| format!("{}={}", label.key.0, label.value.0.0)).collect();
        if labels.is_empty() { "all spans".to_owned() } else { labels.join(", ") }
    }

    pub fn value(&self) -> f64 {
        number(&self.value)
    }
}

impl Sample {
    pub fn at_ms(&self) -> i64 {
        self.timestamp_ms.0.parse().unwrap_or_default()
    }

    pub fn value(&self) -> f64 {
        number(&self.value)
    }
}

/// What is left out is 0.
fn number(scalar: &Scalar) -> f64 {
    if scalar.0.is_empty() { 0.0 } else { scalar.0.parse().unwrap_or(f64::NAN) }
}

pub fn metrics(json: &str) -> Result<Metrics, serde_json::Error> {
    let mut metrics: Metrics = serde_json::from_str(json)?;
    metrics.series.truncate(SERIES_MAX);
    metrics.series.iter_mut().for_each(|series| series.samples.truncate(SAMPLES_MAX));
    Ok(metrics)
}
