//! `GET /api/tutti/v1/analytics?window=1h`: what the last while was like, in numbers and in sentences.
//!
//! Of this process alone, and since it began, which the answer says. What concerns all regions together is for those who
//! may see something of each; of a region that a caller may see nothing of, no traffic is told.

use std::time::Duration;

use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, header};
use serde_json::{Map, Value, json};

use super::caller;
use super::error::ApiError;
use super::params::Params;
use super::report;
use super::state::ApiState;
use crate::federation::Federation;
use crate::telemetry::analytics::{Latencies, RegionTally, Tally, WINDOW_MAX, Window};

/// The shortest window: a step of what is counted.
const WINDOW_MIN: Duration = Duration::from_secs(60);

pub async fn analytics(State(state): State<ApiState>, request: Request) -> Result<Response, ApiError> {
    let (parts, _) = request.into_parts();
    let window = window(&Params::of(&parts.uri))?;
    let federation = caller::estate(&state, &parts.extensions);
    let body = told(&state, &federation, window).to_string();
    let kind = HeaderValue::from_static("application/json");
    Ok(([(header::CONTENT_TYPE, kind)], body).into_response())
}

fn window(params: &Params) -> Result<Duration, ApiError> {
    let Some(text) = params.get("window") else { return Ok(WINDOW_MAX) };
    let window = humantime::parse_duration(text).ok();
    window.filter(|window| (WINDOW_MIN..=WINDOW_MAX).contains(window)).ok_or_else(|| {
        ApiError::BadRequest("window is a time from 1m to 1h, as window=15m: no more is kept".to_owned())
    })
}

fn told(state: &ApiState, federation: &Federation, window: Duration) -> Value {
    let Window { tally, covers } = state.analytics.last(window);
    let plan = federation.plan();
    let sees = |name| !plan.region(name).is_shut();
    let sees_all = federation.regions().iter().all(|region| sees(region.name()));
    let here = state.here();
    let regions: Vec<Value> = federation
        .regions()
        .iter()
        .map(|region| {
            let mut shown = json!({
                "region": region.name().as_str(),
                "jurisdiction": region.jurisdiction().as_str(),
                "circuit": region.circuit().as_str(),
            });
            let traffic = sees(region.name()).then(|| tally.regions.get(region.name())).flatten();
            // Sizes are of what others saw: they are told where there is nothing of the region that this caller may not.
            let sees_sizes = !plan.region(region.name()).withholds() && !region.is_peer();
            if let (Some(shown), true) = (shown.as_object_mut(), sees(region.name())) {
                shown.append(&mut traffic_of(traffic.unwrap_or(&RegionTally::default())));
                if !sees_sizes {
                    shown.remove("bytes");
                } else if let Some(here) = here.as_ref().filter(|here| *here != region.name()) {
                    let bytes = traffic.map_or(0, |traffic| traffic.bytes);
                    shown.insert("crossed".to_owned(), json!({"to": here.as_str(), "bytes": bytes}));
                }
            }
            shown
        })
        .collect();
    let mut all = json!({
        "windowSeconds": window.as_secs(),
        "coversSeconds": covers.as_secs(),
        "ofThisProcessSince": state.begun.as_secs(),
        "regions": regions,
        "sentences": sentences(&tally, covers, sees_all),
    });
    if let (Some(all), true) = (all.as_object_mut(), sees_all) {
        all.insert("together".to_owned(), together(&tally));
    }
    all
}

fn together(tally: &Tally) -> Value {
    json!({
        "answers": tally.answers,
        "partial": tally.partial,
        "partialShare": share(tally.partial, tally.answers),
        "partialWhy": tally.why,
        "refused": tally.refused,
        "tracesFound": tally.found,
        "multiRegion": tally.multi_region,
        "multiRegionShare": share(tally.multi_region, tally.found),
        "lookups": tally.lookups,
        "fromMemory": tally.from_memory,
        "fromMemoryShare": share(tally.from_memory, tally.lookups),
        "federatedMs": in_ms(&tally.federated),
        "federatedLookupMs": in_ms(&tally.federated_lookups),
    })
}

fn traffic_of(tally: &RegionTally) -> Map<String, Value> {
    let members = [
        ("answers", json!(tally.latencies.count())),
        ("ms", in_ms(&tally.latencies)),
        ("bytes", json!(tally.bytes)),
        ("notWhole", json!(tally.failed)),
        ("notWholeWhy", json!(tally.why)),
    ];
    members.map(|(key, value)| (key.to_owned(), value)).into_iter().collect()
}

fn in_ms(latencies: &Latencies) -> Value {
    let of = |share| latencies.quantile(share).map(report::in_ms);
    json!({"mean": latencies.mean().map(report::in_ms), "p50": of(0.5), "p95": of(0.95), "p99": of(0.99)})
}

/// None of nothing.
pub(super) fn share(part: u64, of: u64) -> Option<f64> {
    (of > 0).then(|| part as f64 / of as f64)
}

/// The same for a person.
fn sentences(tally: &Tally, covers: Duration, sees_all: bool) -> Vec<String> {
    let last = format!("in the last {}", minutes(covers));
    if !sees_all {
        return vec![
            "What concerns all regions together is told to those who may see something of each.".to_owned(),
        ];
    }
    if tally.answers == 0 {
        return vec![format!("Nothing was asked {last}.")];
    }
    let percent = |part: u64, of: u64| (part * 100 + of / 2) / of.max(1);
    let mut sentences = Vec::new();
    if tally.found > 0 {
        let share = percent(tally.multi_region, tally.found);
        let mut sentence = format!("{share} % of traces looked up {last} were multi-region");
        if let Some(mean) = tally.federated_lookups.mean() {
            sentence.push_str(&format!("; average federated lookup {} ms", mean.as_millis()));
        }
        sentences.push(sentence + ".");
    }
    let partial = percent(tally.partial, tally.answers);
    let most = tally.why.iter().max_by_key(|(_, count)| **count);
    let why = most.map_or_else(String::new, |(why, _)| format!(", most of them for `{why}`"));
    sentences.push(format!("{partial} % of {} answers were partial{why}.", tally.answers));
    if tally.lookups > 0 {
        let share = percent(tally.from_memory, tally.lookups);
        sentences.push(format!("{share} % of lookups were answered from memory."));
    }
    let slowest = tally
        .regions
        .iter()
        .filter_map(|(name, region)| Some((name, region.latencies.quantile(0.95)?)))
        .max_by_key(|(_, p95)| *p95);
    if let Some((name, p95)) = slowest {
        sentences.push(format!("The slowest region was {name}: 95 % within {} ms.", p95.as_millis()));
    }
    sentences
}

fn minutes(covers: Duration) -> String {
    match covers.as_secs() {
        0..=119 => format!("{} s", covers.as_secs()),
        seconds @ 120..3540 => format!("{} minutes", seconds / 60),
        _ => "hour".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sentence_says_what_share_lies_in_several_regions() {
        let mut tally =
            Tally { answers: 100, found: 100, multi_region: 38, lookups: 100, ..Tally::default() };
        tally.federated_lookups.take(Duration::from_millis(212));
        let told = sentences(&tally, WINDOW_MAX, true);
        assert_eq!(
            told.first().map(String::as_str),
            Some(
                "38 % of traces looked up in the last hour were multi-region; average federated lookup 212 ms."
            )
        );
        assert_eq!(told.get(1).map(String::as_str), Some("0 % of 100 answers were partial."));
        let nothing = sentences(&Tally::default(), Duration::from_secs(600), true);
        assert_eq!(nothing, ["Nothing was asked in the last 10 minutes."]);
        assert_eq!(sentences(&tally, WINDOW_MAX, false).len(), 1);
    }

    #[test]
    fn a_window_is_between_a_minute_and_an_hour() {
        let of = |query: &str| window(&Params::of(&format!("/a?{query}").parse().unwrap())).ok();
        assert_eq!(of(""), Some(WINDOW_MAX));
        assert_eq!(of("window=15m"), Some(Duration::from_secs(900)));
        for bad in ["window=2h", "window=1s", "window=x", "window=-1m"] {
            assert_eq!(of(bad), None, "{bad}");
        }
    }
}
