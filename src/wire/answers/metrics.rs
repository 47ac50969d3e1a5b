//! `QueryRangeResponse` and `QueryInstantResponse`. Over HTTP Tempo answers both in JSON only, whatever is
//! accepted; in protobuf they go out in packets, of which the series are written here.

use super::Jobs;
use super::object::Object;
use super::search::put_metrics_json;
use super::shown::{put_pair, put_pair_json};
use crate::model::metrics::{Exemplar, MetricsAnswer, Sample, Series};
use crate::wire::json::put_double;
use crate::wire::protobuf::{put_fixed64_field, put_message, put_varint_field};

/// Why an answer is not whole, as its `message`.
pub type Incomplete<'a> = Option<&'a str>;

/// Series over a range; `[]` where there are none.
pub fn range_json(answer: &MetricsAnswer, jobs: Jobs, message: Incomplete<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    let mut response = Object::open(&mut out);
    response.list_always("series", &answer.series, put_series_json);
    end(response, answer, jobs, message);
    out
}

/// The first sample of each series, and no list at all where there are none.
pub fn instant_json(answer: &MetricsAnswer, jobs: Jobs, message: Incomplete<'_>) -> Vec<u8> {
    let with_value: Vec<(&Series, Sample)> =
        answer.series.iter().filter_map(|series| Some((series, *series.samples.first()?))).collect();
    let mut out = Vec::new();
    let mut response = Object::open(&mut out);
    response.list("series", &with_value, |out, (series, sample)| {
        let mut object = Object::open(out);
        object.list("labels", &series.labels, put_pair_json);
        put_number(&mut object, sample.value);
        object.close();
    });
    end(response, answer, jobs, message);
    out
}

fn end(mut response: Object<'_>, answer: &MetricsAnswer, jobs: Jobs, message: Incomplete<'_>) {
    put_metrics_json(response.member("metrics"), answer.inspected, jobs);
    if let Some(message) = message {
        response.text("status", "PARTIAL");
        response.text("message", message);
    }
    response.close();
}

fn put_series_json(out: &mut Vec<u8>, series: &Series) {
    let mut object = Object::open(out);
    object.list("labels", &series.labels, put_pair_json);
    object.list("samples", &series.samples, put_sample_json);
    object.list("exemplars", &series.exemplars, put_exemplar_json);
    object.close();
}

fn put_sample_json(out: &mut Vec<u8>, sample: &Sample) {
    let mut object = Object::open(out);
    object.quoted_signed("timestampMs", sample.timestamp_ms);
    put_number(&mut object, sample.value);
    object.close();
}

fn put_exemplar_json(out: &mut Vec<u8>, exemplar: &Exemplar) {
    let mut object = Object::open(out);
    object.list("labels", &exemplar.labels, put_pair_json);
    put_number(&mut object, exemplar.value);
    object.quoted_signed("timestampMs", exemplar.timestamp_ms);
    object.close();
}

/// Zero is left out, either of them.
fn put_number(object: &mut Object<'_>, value: f64) {
    if value != 0.0 {
        put_double(object.member("value"), value);
    }
}

mod time_series {
    pub const LABELS: u32 = 1;
    pub const SAMPLES: u32 = 2;
    pub const EXEMPLARS: u32 = 4;
}

mod sample {
    pub const VALUE: u32 = 1;
    pub const TIMESTAMP_MS: u32 = 2;
}

mod exemplar {
    pub const LABELS: u32 = 1;
    pub const VALUE: u32 = 2;
    pub const TIMESTAMP_MS: u32 = 3;
}

mod instant_series {
    pub const LABELS: u32 = 1;
    pub const VALUE: u32 = 2;
}

/// `TimeSeries`.
pub(super) fn put_series(out: &mut Vec<u8>, series: &Series) {
    series.labels.iter().for_each(|label| put_pair(out, time_series::LABELS, label));
    for one in &series.samples {
        put_message(out, time_series::SAMPLES, |out| {
            put_value(out, sample::VALUE, one.value);
            put_timestamp(out, sample::TIMESTAMP_MS, one.timestamp_ms);
        });
    }
    for one in &series.exemplars {
        put_message(out, time_series::EXEMPLARS, |out| {
            one.labels.iter().for_each(|label| put_pair(out, exemplar::LABELS, label));
            put_value(out, exemplar::VALUE, one.value);
            put_timestamp(out, exemplar::TIMESTAMP_MS, one.timestamp_ms);
        });
    }
}

/// `InstantSeries`.
pub(super) fn put_instant(out: &mut Vec<u8>, series: &Series, value: f64) {
    series.labels.iter().for_each(|label| put_pair(out, instant_series::LABELS, label));
    put_value(out, instant_series::VALUE, value);
}

/// Zero is left out, either of them, as in JSON.
fn put_value(out: &mut Vec<u8>, number: u32, value: f64) {
    if value != 0.0 {
        put_fixed64_field(out, number, value.to_bits());
    }
}

fn put_timestamp(out: &mut Vec<u8>, number: u32, timestamp_ms: i64) {
    if timestamp_ms != 0 {
        put_varint_field(out, number, timestamp_ms as u64);
    }
}
