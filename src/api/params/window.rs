//! From when to when. Searches and questions for tags share one rule, metrics queries have another.
//!
//! Tempo leaves out the last half minute, since it may not have everything of it yet
//! (`query_end_cutoff`). Here nothing is left out: what a region holds is found at once. So an end is never
//! later than now, and now is rounded up to the next second where only seconds can be said.

use super::{Params, bad};
use crate::api::error::ApiError;
use crate::api::go::duration::prometheus;
use crate::api::go::time::{SECOND, timestamp};

/// Before now, where a search says nothing: Tempo's `query_backend_after`.
const SEARCH_SINCE: i128 = 15 * 60 * SECOND;

/// Before the end, where a metrics query says nothing.
const METRICS_SINCE: i128 = 3600 * SECOND;

/// Unix seconds, as texts: what Tempo makes of a window is read again where it is used, and may fail there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Clamped {
    pub start: String,
    pub end: String,
    /// Seconds by which it may be longer than was asked: both ends are now's, and were rounded away from each other.
    pub slack: u32,
}

/// The window of a search or a question for tags.
pub(super) fn clamped(params: &Params, now: u64) -> Result<Clamped, ApiError> {
    let now = i128::from(now);
    let (start, end) =
        clamped_nanos(params, now).map_err(|why| bad(format!("error parsing date range: {why}")))?;
    let is_now = end == now && start < now;
    let end = if is_now { -(-end).div_euclid(SECOND) } else { end.div_euclid(SECOND) };
    Ok(Clamped { start: start.div_euclid(SECOND).to_string(), end: end.to_string(), slack: is_now.into() })
}

fn clamped_nanos(params: &Params, now: i128) -> Result<(i128, i128), String> {
    if let Some(since) = params.get("since") {
        return Ok((now - since_nanos(since)?, now));
    }
    let (start, end) = match (params.get("start"), params.get("end")) {
        (None, None) => return Ok((now - SEARCH_SINCE, now)),
        (Some(start), Some(end)) => (start, end),
        _ => {
            let why = "only one of start and end provided: must provide both or neither";
            return Err(why.to_owned());
        }
    };
    let (start, end) = (time("start", start)?, time("end", end)?);
    if end <= now {
        return Ok((start, end));
    }
    Ok((if start > now { now - SEARCH_SINCE } else { start }, now))
}

/// The range of a metrics query, in nanoseconds of the epoch.
pub(super) fn bounds(params: &Params, now: u64) -> Result<(u64, u64), ApiError> {
    let (start, end) = bounds_nanos(params, i128::from(now)).map_err(rpc)?;
    // What does not fit is cut as Tempo cuts it: a time before 1970 is one far in the future.
    Ok((start as u64, end as u64))
}

fn bounds_nanos(params: &Params, now: i128) -> Result<(i128, i128), String> {
    let since = params.get("since").map_or(Ok(METRICS_SINCE), since_nanos)?;
    let end = params.get("end").map_or(Ok(now), |end| time("end", end))?;
    let start = params.get("start").map_or(Ok(end.min(now) - since), |start| time("start", start))?;
    Ok((start, end))
}

fn since_nanos(text: &str) -> Result<i128, String> {
    prometheus(text).map(i128::from).map_err(|why| format!("could not parse 'since' parameter: {why}"))
}

fn time(name: &str, text: &str) -> Result<i128, String> {
    timestamp(text).map_err(|why| format!("could not parse '{name}' parameter: {why}"))
}

/// How Tempo's metrics endpoints wrap what is wrong with a time or a step.
pub(super) fn rpc(why: String) -> ApiError {
    bad(format!("rpc error: code = Code(400) desc = {why}"))
}
