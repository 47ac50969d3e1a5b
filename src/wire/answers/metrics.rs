//! `QueryRangeResponse` and `QueryInstantResponse`. Tempo answers both in JSON only, whatever is accepted.

use super::Jobs;
use super::object::Object;
use super::search::put_metrics_json;
use super::shown::put_pair_json;
use crate::model::metrics::{Exemplar, MetricsAnswer, Sample, Series};
use crate::wire::json::put_double;

/// Why an answer is not whole, as its `message`.
pub type Incomplete<'a> = Option<&'a str>;

/// Series over a range; `[]` where there are none.
pub fn range_json(answer: &MetricsAnswer, jobs: Jobs, message: Incomplete<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    let mut response = Object::open(&mut out);
    response.list_always("series", &answer.series, put_series);
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

fn put_series(out: &mut Vec<u8>, series: &Series) {
    let mut object = Object::open(out);
    object.list("labels", &series.labels, put_pair_json);
    object.list("samples", &series.samples, put_sample);
    object.list("exemplars", &series.exemplars, put_exemplar);
    object.close();
}

fn put_sample(out: &mut Vec<u8>, sample: &Sample) {
    let mut object = Object::open(out);
    object.quoted_signed("timestampMs", sample.timestamp_ms);
    put_number(&mut object, sample.value);
    object.close();
}

fn put_exemplar(out: &mut Vec<u8>, exemplar: &Exemplar) {
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
