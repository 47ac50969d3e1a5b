//! What questions for tags and their values are asked. Numbers are read leniently for names and strictly for
//! values, as Tempo does; a query is read leniently by whoever answers.

use super::search::check_length;
use super::window::clamped;
use super::{Params, bad, check_query_size, number, number_if_any};
use crate::api::error::ApiError;
use crate::api::go;
use crate::federation::SearchSettings;
use crate::model::search::Window;
use crate::model::tags::{TagLimits, TagScope, TagValuesQuery, TagsForm, TagsQuery};
use crate::traceql;

/// Reads a question for names. `now` is in nanoseconds of the epoch.
pub fn names(
    params: &Params,
    form: TagsForm,
    settings: &SearchSettings,
    now: u64,
) -> Result<TagsQuery, ApiError> {
    check_query_size(params)?;
    let clamped = clamped(params, now)?;
    let scope = scope(params)?;
    let window = read(&clamped.start, &clamped.end)?;
    check_length(window, clamped.slack, settings)?;
    let limits = TagLimits {
        count_max: number_if_any(params, "limit"),
        stale_max: number_if_any(params, "maxStaleValues"),
        bytes_max: settings.tags_bytes_max,
    };
    Ok(TagsQuery { scope, query: query(params), window: unless_all(window), limits, form })
}

/// Reads a question for the values of `name`.
pub fn values(
    name: String,
    params: &Params,
    form: TagsForm,
    settings: &SearchSettings,
    now: u64,
) -> Result<TagValuesQuery, ApiError> {
    check_query_size(params)?;
    let clamped = clamped(params, now)?;
    if form == TagsForm::V2 {
        traceql::identifier(&name).map_err(|error| {
            bad(format!("please provide a valid tagName: failed to parse identifier {name}: {error}"))
        })?;
    }
    let window = read(&clamped.start, &clamped.end)?;
    let limits = TagLimits {
        count_max: number(params, "limit")?.unwrap_or(0),
        stale_max: number(params, "maxStaleValues")?.unwrap_or(0),
        bytes_max: settings.tags_bytes_max,
    };
    check_length(window, clamped.slack, settings)?;
    Ok(TagValuesQuery { name, query: query(params), window: unless_all(window), limits, form })
}

fn query(params: &Params) -> Option<String> {
    params.get("q").map(str::to_owned)
}

fn scope(params: &Params) -> Result<Option<TagScope>, ApiError> {
    Ok(Some(match params.get("scope") {
        None | Some("none") => return Ok(None),
        Some("resource") => TagScope::Resource,
        Some("span") => TagScope::Span,
        Some("event") => TagScope::Event,
        Some("link") => TagScope::Link,
        Some("instrumentation") => TagScope::Instrumentation,
        Some("intrinsic") => TagScope::Intrinsic,
        Some("trace") => TagScope::Trace,
        Some(other) => return Err(bad(format!("invalid scope: {other}"))),
    }))
}

/// Signed here, unlike in searches; what is before 1970 is cut to 32 bits, as Tempo does.
fn read(start: &str, end: &str) -> Result<Window, ApiError> {
    let start = go::int32(start).map_err(|why| bad(format!("invalid start: {why}")))? as u32;
    let end = go::int32(end).map_err(|why| bad(format!("invalid end: {why}")))? as u32;
    Ok(Window { start, end })
}

/// 0 to 0 is no window.
fn unless_all(window: Window) -> Option<Window> {
    (window != Window { start: 0, end: 0 }).then_some(window)
}
