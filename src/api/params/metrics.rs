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

/// What is asked over a range, in whatever form it came.
#[derive(Debug, Clone, Copy)]
pub(super) struct Range<'a> {
    pub query: &'a str,
    /// Nanoseconds of the epoch.
    pub start: u64,
    pub end: u64,
    pub step: u64,
    pub is_instant: bool,
    /// 0 where nothing is said.
    pub exemplars: u32,
    pub max_series: u32,
}

/// What is wrong, and whether the query is: gRPC has another code for it.
#[derive(Debug)]
pub struct Wrong {
    pub error: ApiError,
    pub is_of_query: bool,
}

impl From<ApiError> for Wrong {
    fn from(error: ApiError) -> Self {
        Self { error, is_of_query: false }
    }
}

impl From<Wrong> for ApiError {
    fn from(wrong: Wrong) -> Self {
        wrong.error
    }
}

/// Reads a query over a range. `now` is in nanoseconds of the epoch.
pub fn range(params: &Params, settings: &MetricsSettings, now: u64) -> Result<MetricsQuery, ApiError> {
    check_query_size(params)?;
    let (start, end) = bounds(params, now)?;
    let step = match params.get("step") {
        None => default_step(start, end),
        Some(text) => step(text).map_err(rpc)?,
    };
    let asked = Range {
        query: query(params),
        start,
        end,
        step,
        is_instant: params.get("instant").and_then(go::boolean).unwrap_or(false),
        exemplars: number_if_any(params, "exemplars"),
        max_series: number_if_any(params, "maxSeries"),
    };
    Ok(over_range(asked, settings, now)?)
}

/// Checks what is asked over a range.
pub(super) fn over_range(
    asked: Range<'_>,
    settings: &MetricsSettings,
    now: u64,
) -> Result<MetricsQuery, Wrong> {
    let Range { query, start, end, step, is_instant, .. } = asked;
    let (first, last) = range_grid(start, end, step, now, &limits(settings)).map_err(no_grid)?;
    // Tempo looks for a hint first, and does not say then what it was doing.
    let parsed = traceql::parse(query).map_err(|error| of_query(bad(error.to_string())))?;
    check(query, &parsed).map_err(of_query)?;
    // One that asks for an instant here has no grid to stand on.
    let (start, end) = if is_instant { (start, end.min(now)) } else { (first, last) };
    if start == 0 {
        return Err(bad("start required").into());
    }
    Ok(MetricsQuery {
        query: query.to_owned(),
        start,
        end,
        step: if is_instant { end - start } else { step },
        is_instant,
        exemplars: exemplars(&parsed, asked.exemplars, settings.exemplars_max),
        max_series: max_series(asked.max_series, settings),
    })
}

/// Reads a query for one value over the whole of a range: one step, and no exemplars.
pub fn instant(params: &Params, settings: &MetricsSettings, now: u64) -> Result<MetricsQuery, ApiError> {
    check_query_size(params)?;
    let (start, end) = bounds(params, now)?;
    Ok(over_instant(query(params), start, end, settings, now)?)
}

/// Checks what is asked for an instant.
pub(super) fn over_instant(
    query: &str,
    start: u64,
    end: u64,
    settings: &MetricsSettings,
    now: u64,
) -> Result<MetricsQuery, Wrong> {
    let end = instant_grid(start, end, now, &limits(settings)).map_err(no_grid)?;
    let parsed = traceql::parse(query).map_err(|error| of_query(uncompiled(error)))?;
    check(query, &parsed).map_err(of_query)?;
    Ok(MetricsQuery {
        query: query.to_owned(),
        start,
        end,
        step: end - start,
        is_instant: true,
        exemplars: 0,
        max_series: settings.series_max,
    })
}

fn of_query(error: ApiError) -> Wrong {
    Wrong { error, is_of_query: true }
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
fn max_series(asked: u32, settings: &MetricsSettings) -> u32 {
    match (asked, settings.series_max) {
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
