//! What `/api/search` is asked, in Tempo's order of checks: first what stands there, then the limit and the
//! query, then the window as it will be searched, then what exceeds a limit.

use std::collections::BTreeMap;

use super::cursor::{Cursor, Digest};
use super::window::clamped;
use super::{Params, bad, check_query_size, number};
use crate::api::error::ApiError;
use crate::api::go::{self, logfmt};
use crate::federation::SearchSettings;
use crate::model::search::{Page, SearchAsked, SearchQuery, Window};
use crate::traceql::{self, duration_text};

/// Spans of a set where a request says 0; Tempo means to show all, and shows three.
const SPSS_OF_NONE: u32 = 3;

const MS: i64 = 1_000_000;

/// Reads a search. `now` is in nanoseconds of the epoch.
pub fn search(params: &Params, settings: &SearchSettings, now: u64) -> Result<SearchQuery, ApiError> {
    check_query_size(params)?;
    let start = number(params, "start")?.unwrap_or(0);
    let end = number(params, "end")?.unwrap_or(0);
    let asked = asked(params)?;
    let limit = limit(params, settings)?;
    let spss = number(params, "spss")?.unwrap_or(settings.spss_default);
    check_order(start, end)?;
    let limit = within(limit, settings)?;
    if let SearchAsked::Query(query) = &asked {
        traceql::parse(query).map_err(not_traceql)?;
    }
    let window = window(params, settings, now)?;
    if settings.spss_max != 0 && spss > settings.spss_max {
        return Err(bad(format!("spans per span set exceeds {}. received {spss}", settings.spss_max)));
    }
    let spans_per_set = if spss == 0 { SPSS_OF_NONE } else { spss };
    Ok(SearchQuery { asked, limit, spans_per_set, window, page: None })
}

/// Reads the question for a page, and what the cursor of the next one is to say of it.
pub fn page(
    params: &Params,
    settings: &SearchSettings,
    now: u64,
    plan: &str,
) -> Result<(SearchQuery, Digest), ApiError> {
    let (query, digest) = (search(params, settings, now)?, Digest::of(params, plan));
    let Some(text) = params.get("cursor") else {
        return Ok((SearchQuery { page: Some(Page::First), ..query }, digest));
    };
    let Cursor { window, position, .. } = Cursor::read(text, digest)?;
    if let Some(window) = window {
        check_order(window.start, window.end)?;
        // The window of the first page, which was rounded and passed.
        check_length(window, 1, settings)?;
    }
    Ok((SearchQuery { window, page: Some(Page::After(position)), ..query }, digest))
}

fn asked(params: &Params) -> Result<SearchAsked, ApiError> {
    let query = params.get("q");
    let mut tags = BTreeMap::new();
    if let Some(text) = params.get("tags") {
        if query.is_some() {
            return Err(bad("invalid request: can't specify tags and q in the same query"));
        }
        tags = logfmt::pairs(text).map_err(|why| bad(format!("invalid tags: {why}")))?;
    }
    let min_duration_ms = duration_ms(params.get("minDuration"), "minDuration")?;
    let max_duration_ms = duration_ms(params.get("maxDuration"), "maxDuration")?;
    if params.get("maxDuration").is_some() && min_duration_ms != 0 && min_duration_ms > max_duration_ms {
        return Err(bad("invalid maxDuration: must be greater than minDuration"));
    }
    Ok(match query {
        Some(query) => SearchAsked::Query(query.to_owned()),
        None => SearchAsked::Tags { tags, min_duration_ms, max_duration_ms },
    })
}

fn duration_ms(text: Option<&str>, name: &str) -> Result<u32, ApiError> {
    let Some(text) = text else { return Ok(0) };
    let nanos = go::duration::go(text).map_err(|why| bad(format!("invalid {name}: {why}")))?;
    // Cut to 32 bits, as Tempo does.
    Ok((nanos / MS) as u32)
}

fn limit(params: &Params, settings: &SearchSettings) -> Result<u32, ApiError> {
    match number(params, "limit")? {
        None => Ok(settings.limit_default),
        Some(0) => Err(bad("invalid limit: must be a positive number")),
        Some(limit) => Ok(limit),
    }
}

fn within(limit: u32, settings: &SearchSettings) -> Result<u32, ApiError> {
    match settings.limit_max {
        max if max != 0 && limit > max => Err(bad(format!("limit {limit} exceeds max limit {max}"))),
        _ => Ok(limit),
    }
}

fn check_order(start: u32, end: u32) -> Result<(), ApiError> {
    if end <= start && (start, end) != (0, 0) {
        return Err(bad(format!(
            "http parameter start must be before end. received start={start} end={end}"
        )));
    }
    Ok(())
}

/// What is searched. Between its two looks at it Tempo checks the query: the one that would not be run, where
/// there are two.
fn window(params: &Params, settings: &SearchSettings, now: u64) -> Result<Option<Window>, ApiError> {
    let window = clamped(params, now)?;
    let checked = if params.has("query") { params.get("query") } else { params.get("q") };
    if let Some(query) = checked {
        traceql::compile(query).map_err(not_traceql)?;
    }
    let start = go::uint32(&window.start).map_err(|why| bad(format!("invalid start: {why}")))?;
    let end = go::uint32(&window.end).map_err(|why| bad(format!("invalid end: {why}")))?;
    check_order(start, end)?;
    check_length(Window { start, end }, window.slack, settings)?;
    Ok(((start, end) != (0, 0)).then_some(Window { start, end }))
}

/// A window whose end lies before its start is longer than any, as in Tempo. The whole of what may be asked for can
/// be asked for until now, though now is rounded.
pub(super) fn check_length(window: Window, slack: u32, settings: &SearchSettings) -> Result<(), ApiError> {
    let Window { start, end } = window;
    if u64::from(end.wrapping_sub(start)) > settings.duration_max.as_secs() + u64::from(slack) {
        let max = duration_text(i64::try_from(settings.duration_max.as_nanos()).unwrap_or(i64::MAX));
        return Err(bad(format!(
            "range specified by start and end exceeds {max}. received start={start} end={end}"
        )));
    }
    Ok(())
}

fn not_traceql(error: traceql::Error) -> ApiError {
    bad(format!("invalid TraceQL query: {error}"))
}
