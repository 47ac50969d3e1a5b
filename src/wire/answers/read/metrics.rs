//! `QueryRangeResponse` and `QueryInstantResponse`, which Tempo sends in JSON only. Numbers of 64 bits come in
//! quotes, numbers of fractions may be words, and a number that is 0 is not there.

use std::fmt;

use serde::Deserialize;
use serde::de::{self, Visitor};

use super::{ReadError, Room};
use crate::model::metrics::{Exemplar, MetricsAnswer, Sample, Series};
use crate::model::search::Inspected;
use crate::model::value::ShownValue;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Response {
    #[serde(default)]
    series: Vec<GivenSeries>,
    #[serde(default)]
    metrics: GivenMetrics,
    #[serde(default)]
    status: Option<String>,
    #[serde(default)]
    message: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct GivenMetrics {
    #[serde(default)]
    inspected_traces: Number,
    #[serde(default)]
    inspected_bytes: Number,
    #[serde(default)]
    inspected_spans: Number,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct GivenSeries {
    #[serde(default)]
    labels: Vec<GivenPair>,
    #[serde(default)]
    samples: Vec<GivenSample>,
    #[serde(default)]
    exemplars: Vec<GivenExemplar>,
    /// Of an instant query.
    #[serde(default)]
    value: Number,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct GivenSample {
    #[serde(default)]
    timestamp_ms: Number,
    #[serde(default)]
    value: Number,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct GivenExemplar {
    #[serde(default)]
    labels: Vec<GivenPair>,
    #[serde(default)]
    value: Number,
    #[serde(default)]
    timestamp_ms: Number,
}

#[derive(Deserialize)]
struct GivenPair {
    #[serde(default)]
    key: String,
    #[serde(default)]
    value: GivenValue,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct GivenValue {
    string_value: Option<String>,
    int_value: Option<Number>,
    double_value: Option<Number>,
    bool_value: Option<bool>,
    array_value: Option<GivenArray>,
}

/// JSON that is nested too deep is refused by its parser.
#[derive(Deserialize)]
struct GivenArray {
    #[serde(default)]
    values: Vec<GivenValue>,
}

/// A number, in quotes or not. Both forms are kept: a float cannot tell all integers apart.
#[derive(Debug, Clone, Copy, Default)]
struct Number {
    int: i64,
    float: f64,
}

impl Number {
    fn count(self) -> u64 {
        u64::try_from(self.int).unwrap_or_default()
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: de::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NumberVisitor)
    }
}

struct NumberVisitor;

impl Visitor<'_> for NumberVisitor {
    type Value = Number;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number")
    }

    fn visit_i64<E: de::Error>(self, int: i64) -> Result<Number, E> {
        Ok(Number { int, float: int as f64 })
    }

    fn visit_u64<E: de::Error>(self, int: u64) -> Result<Number, E> {
        Ok(Number { int: i64::try_from(int).unwrap_or(i64::MAX), float: int as f64 })
    }

    fn visit_f64<E: de::Error>(self, float: f64) -> Result<Number, E> {
        Ok(Number { int: float as i64, float })
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Number, E> {
        let float = match text {
            "Infinity" => f64::INFINITY,
            "-Infinity" => f64::NEG_INFINITY,
            _ => text.parse().map_err(E::custom)?,
        };
        Ok(Number { int: text.parse().unwrap_or(float as i64), float })
    }
}

/// Series over a range.
pub fn read_range(bytes: &[u8]) -> Result<MetricsAnswer, ReadError> {
    read(bytes, |samples, _, room| {
        let mut all = Vec::with_capacity(samples.len());
        for sample in samples {
            room.take()?;
            all.push(Sample { timestamp_ms: sample.timestamp_ms.int, value: sample.value.float });
        }
        Ok(all)
    })
}

/// One number for each series, at the end of the range.
pub fn read_instant(bytes: &[u8], timestamp_ms: i64) -> Result<MetricsAnswer, ReadError> {
    read(bytes, |_, value, _| Ok(vec![Sample { timestamp_ms, value: value.float }]))
}

fn read(
    bytes: &[u8],
    samples_of: impl Fn(Vec<GivenSample>, Number, &mut Room) -> Result<Vec<Sample>, ReadError>,
) -> Result<MetricsAnswer, ReadError> {
    let given: Response = serde_json::from_slice(bytes).map_err(|_| ReadError::Json)?;
    let mut room = Room::new();
    let mut series = Vec::with_capacity(given.series.len());
    for one in given.series {
        room.take()?;
        let mut samples = samples_of(one.samples, one.value, &mut room)?;
        samples.retain(|sample| !sample.value.is_nan());
        let mut exemplars = Vec::with_capacity(one.exemplars.len());
        for exemplar in one.exemplars {
            room.take()?;
            exemplars.push(Exemplar {
                labels: labels(exemplar.labels),
                value: exemplar.value.float,
                timestamp_ms: exemplar.timestamp_ms.int,
            });
        }
        series.push(Series { labels: labels(one.labels), samples, exemplars });
    }
    let inspected = Inspected {
        traces: given.metrics.inspected_traces.count(),
        spans: given.metrics.inspected_spans.count(),
        bytes: given.metrics.inspected_bytes.count(),
    };
    let is_partial = given.status.as_deref().is_some_and(|status| status == "PARTIAL");
    let partial = is_partial.then(|| given.message.unwrap_or_default());
    Ok(MetricsAnswer { series, partial, inspected })
}

fn labels(given: Vec<GivenPair>) -> Vec<(String, ShownValue)> {
    given.into_iter().map(|pair| (pair.key, shown(pair.value))).collect()
}

fn shown(given: GivenValue) -> ShownValue {
    match given {
        GivenValue { string_value: Some(text), .. } => ShownValue::Text(text),
        GivenValue { int_value: Some(number), .. } => ShownValue::Int(number.int),
        GivenValue { double_value: Some(number), .. } => ShownValue::Float(number.float),
        GivenValue { bool_value: Some(flag), .. } => ShownValue::Bool(flag),
        GivenValue { array_value: Some(array), .. } => {
            ShownValue::Array(array.values.into_iter().map(shown).collect())
        }
        _ => ShownValue::text(""),
    }
}
