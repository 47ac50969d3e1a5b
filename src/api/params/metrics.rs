//! What the metrics endpoints are asked, in Tempo's order of checks: times and step, then the range within
//! its limits, then the query. Nothing is left out at the end (see `window`).

use super::window::{bounds, rpc};
use super::{Params, bad, check_query_size, number_if_any};
use crate::api::error::ApiError;
use crate::api::go::{self, quoted};
use crate::federation::MetricsSettings;
use crate::model::metrics::MetricsQuery;
use crate::traceql;
use crate::traceql::ast::{Query, Root};
use crate::traceql::metrics::{GridError, GridLimits, default_step, exemplars, instant_grid, range_grid};

const NANOS: f64 = 1e9;

/// Reads a query over a range. `now` is in nanoseconds of the epoch.
pub fn range(params: &Params, settings: &MetricsSettings, now: u64) -> Result<MetricsQuery, ApiError> {
    check_query_size(params)?;
    let (start, end) = bounds(params, now)?;
    let step = match params.get("step") {
        None => default_step(start, end),
        Some(text) => step(text).map_err(rpc)?,
    };
    let is_instant = params.get("instant").and_then(go::boolean).unwrap_or(false);
    let (first, last) = range_grid(start, end, step, now, &limits(settings)).map_err(no_grid)?;
    let text = query(params);
    // Tempo looks for a hint first, and does not say then what it was doing.
    let parsed = traceql::parse(text).map_err(|error| bad(error.to_string()))?;
    check(text, &parsed)?;
    // One that asks for an instant here has no grid to stand on.
    let (start, end) = if is_instant { (start, end.min(now)) } else { (first, last) };
    if start == 0 {
        return Err(bad("start required"));
    }
    Ok(MetricsQuery {
        query: text.to_owned(),
        start,
        end,
        step: if is_instant { end - start } else { step },
        is_instant,
        exemplars: exemplars(&parsed, number_if_any(params, "exemplars"), settings.exemplars_max),
        max_series: max_series(params, settings),
    })
}

/// Reads a query for one value over the whole of a range: one step, and no exemplars.
pub fn instant(params: &Params, settings: &MetricsSettings, now: u64) -> Result<MetricsQuery, ApiError> {
    check_query_size(params)?;
    let (start, end) = bounds(params, now)?;
    let end = instant_grid(start, end, now, &limits(settings)).map_err(no_grid)?;
    let text = query(params);
    check(text, &traceql::parse(text).map_err(uncompiled)?)?;
    Ok(MetricsQuery {
        query: text.to_owned(),
        start,
        end,
        step: end - start,
        is_instant: true,
        exemplars: 0,
        max_series: settings.series_max,
    })
}

fn query(params: &Params) -> &str {
    params.get("q").or(params.get("query")).unwrap_or_default()
}

fn check(text: &str, query: &Query) -> Result<(), ApiError> {
    traceql::check(text, query).map_err(uncompiled)?;
    match query.root {
        Root::Metrics(_) => Ok(()),
        Root::Pipeline(_) => Err(bad(
            "not a metrics query: it lists spans; to count them, end it with a function such as `| rate()`",
        )),
    }
}

fn uncompiled(error: traceql::Error) -> ApiError {
    bad(format!("compiling query: {error}"))
}

fn no_grid(error: GridError) -> ApiError {
    bad(error.to_string())
}

fn limits(settings: &MetricsSettings) -> GridLimits {
    GridLimits {
        end_cutoff: 0,
        range_max: u64::try_from(settings.duration_max.as_nanos()).unwrap_or(u64::MAX),
        intervals_max: settings.intervals_max,
    }
}

/// A request may have less than the limit, never more.
fn max_series(params: &Params, settings: &MetricsSettings) -> u32 {
    match (number_if_any(params, "maxSeries"), settings.series_max) {
        (0, most) => most,
        (asked, 0) => asked,
        (asked, most) => asked.min(most),
    }
}

/// Seconds, or a duration as Go writes it.
fn step(text: &str) -> Result<u64, String> {
    let shown = quoted(text);
    let nanos = if let Some(seconds) = go::float(text) {
        let nanos = seconds * NANOS;
        if nanos > i64::MAX as f64 || nanos < i64::MIN as f64 {
            return Err(format!("cannot parse {shown} to a valid duration. It overflows int64"));
        }
        if nanos.is_nan() { -1 } else { nanos as i64 }
    } else {
        go::duration::go(text).map_err(|_| format!("cannot parse {shown} to a valid duration"))?
    };
    u64::try_from(nanos).map_err(|_| format!("cannot parse {shown}: step must be positive"))
}
