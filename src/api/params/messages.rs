//! What the messages of the streaming API ask. As in Tempo, a message becomes the parameters that say the
//! same, so that both edges have one set of defaults, checks and words; metrics queries carry their times as
//! numbers, and only their checks are shared.

use std::collections::BTreeMap;

use super::metrics::{Range, Wrong, over_instant, over_range};
use super::window::clamped;
use super::{Params, bad, check_size, search, tags};
use crate::api::error::ApiError;
use crate::federation::{MetricsSettings, SearchSettings};
use crate::model::metrics::MetricsQuery;
use crate::model::search::SearchQuery;
use crate::model::tags::{TagValuesQuery, TagsForm, TagsQuery};
use crate::traceql::metrics::default_step;
use crate::wire::questions::{
    MomentRequest, QueryRangeRequest, SearchRequest, TagValuesRequest, TagsRequest,
};

/// Reads a search. `now` is in nanoseconds of the epoch.
pub fn search(request: &SearchRequest, settings: &SearchSettings, now: u64) -> Result<SearchQuery, ApiError> {
    let tags = logfmt(&request.tags)?;
    let ms = |number: u32| if number == 0 { String::new() } else { format!("{number}ms") };
    let params = Params::of_pairs([
        ("start", said(request.start)),
        ("end", said(request.end)),
        ("limit", said(request.limit)),
        ("maxDuration", ms(request.max_duration_ms)),
        ("minDuration", ms(request.min_duration_ms)),
        // Also where it is 0, which is not the default.
        ("spss", request.spans_per_span_set.to_string()),
        ("q", request.query.clone()),
        ("tags", tags),
    ]);
    // The first thing that is wrong, where several are: over HTTP the order of the two is.
    clamped(&params, now)?;
    search::search(&params, settings, now)
}

/// Reads a question for names.
pub fn names(
    request: &TagsRequest,
    form: TagsForm,
    settings: &SearchSettings,
    now: u64,
) -> Result<TagsQuery, ApiError> {
    let params = Params::of_pairs([
        ("start", said(request.start)),
        ("end", said(request.end)),
        ("scope", request.scope.clone()),
        ("q", request.query.clone()),
        ("limit", said(request.max_tags_per_scope)),
        ("maxStaleValues", said(request.stale_values_threshold)),
    ]);
    tags::names(&params, form, settings, now)
}

/// Reads a question for the values of a name.
pub fn values(
    request: &TagValuesRequest,
    form: TagsForm,
    settings: &SearchSettings,
    now: u64,
) -> Result<TagValuesQuery, ApiError> {
    // A path without a name is no path of HTTP, so only here it can be missing.
    if request.tag_name.is_empty() {
        return Err(bad("please provide a non-empty tagName"));
    }
    let params = Params::of_pairs([
        ("start", said(request.start)),
        ("end", said(request.end)),
        ("q", request.query.clone()),
        ("limit", said(request.max_tag_values)),
        ("maxStaleValues", said(request.stale_value_threshold)),
    ]);
    tags::values(request.tag_name.clone(), &params, form, settings, now)
}

/// Reads a metrics query over a range. Its times must be said, unlike over HTTP.
pub fn range(
    request: &QueryRangeRequest,
    settings: &MetricsSettings,
    now: u64,
) -> Result<MetricsQuery, Wrong> {
    check_size(&request.query)?;
    let step = match request.step {
        0 => default_step(request.start, request.end),
        step => step,
    };
    let asked = Range {
        query: &request.query,
        start: request.start,
        end: request.end,
        step,
        is_instant: request.instant,
        exemplars: request.exemplars,
        max_series: request.max_series,
    };
    over_range(asked, settings, now)
}

/// Reads a metrics query for one value; its times must be said.
pub fn instant(request: &MomentRequest, settings: &MetricsSettings, now: u64) -> Result<MetricsQuery, Wrong> {
    check_size(&request.query)?;
    over_instant(&request.query, request.start, request.end, settings, now)
}

/// 0 is a number that was not said.
fn said(number: u32) -> String {
    if number == 0 { String::new() } else { number.to_string() }
}

/// Tags as the parameter has them. What a key cannot have is left out of it, as Tempo's writer does.
fn logfmt(tags: &[(String, String)]) -> Result<String, ApiError> {
    let mut text = String::new();
    // Of a key that stands twice in a map, the last counts.
    let tags: BTreeMap<&String, &String> = tags.iter().map(|(key, value)| (key, value)).collect();
    for (key, value) in tags {
        let is_of_key = |c: &char| *c > ' ' && !matches!(*c, '=' | '"' | char::REPLACEMENT_CHARACTER);
        let key: String = key.chars().filter(is_of_key).collect();
        if key.is_empty() {
            return Err(bad("build search request failed: invalid key"));
        }
        let separator = if text.is_empty() { "" } else { " " };
        // A text can always be written.
        let value = serde_json::to_string(value).unwrap_or_default();
        text.push_str(&format!("{separator}{key}={value}"));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::search::{SearchAsked, Window};

    /// 2026-11-21T10:00:00.25Z.
    const NOW: u64 = 1_795_255_200_250_000_000;
    const NOW_S: u32 = 1_795_255_200;

    fn line<T: std::fmt::Debug, E: Into<ApiError>>(read: Result<T, E>) -> String {
        match read.map_err(Into::into) {
            Err(ApiError::BadRequest(line)) => line,
            other => format!("{other:?}"),
        }
    }

    fn searched(request: &SearchRequest) -> Result<SearchQuery, ApiError> {
        search(request, &SearchSettings::default(), NOW)
    }

    #[test]
    fn an_empty_search_is_what_it_is_over_http_but_for_its_spans() {
        let query = searched(&SearchRequest::default()).unwrap();
        assert_eq!((query.limit, query.spans_per_set), (20, 3));
        let window = Window { start: NOW_S - 15 * 60, end: NOW_S + 1 };
        assert_eq!(query.window, Some(window));
    }

    #[test]
    fn tags_come_through_whatever_they_hold() {
        let tags = [("a", "first"), ("http.path", "/a \"b\" = \\ \n ü"), ("a", "last"), ("k =\"y", "")];
        let tags: Vec<(String, String)> = tags.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
        let query = searched(&SearchRequest { tags, min_duration_ms: 1500, ..Default::default() }).unwrap();
        let SearchAsked::Tags { tags, min_duration_ms, max_duration_ms } = query.asked else { panic!() };
        let tags: Vec<(&str, &str)> = tags.iter().map(|(key, value)| (&**key, &**value)).collect();
        assert_eq!(tags, [("a", "last"), ("http.path", "/a \"b\" = \\ \n ü"), ("ky", "")]);
        assert_eq!((min_duration_ms, max_duration_ms), (1500, 0));
        let nameless = SearchRequest { tags: vec![("=".to_owned(), String::new())], ..Default::default() };
        assert_eq!(line(searched(&nameless)), "build search request failed: invalid key");
    }

    #[test]
    fn what_is_wrong_is_said_in_the_words_of_http() {
        let limit = SearchRequest { limit: 999_999, ..Default::default() };
        assert_eq!(line(searched(&limit)), "limit 999999 exceeds max limit 262144");
        let order = SearchRequest { start: 5, end: 2, ..Default::default() };
        assert_eq!(line(searched(&order)), "http parameter start must be before end. received start=5 end=2");
        let settings = SearchSettings::default();
        let scope = TagsRequest { scope: "foo".to_owned(), ..Default::default() };
        assert_eq!(line(names(&scope, TagsForm::V1, &settings, NOW)), "invalid scope: foo");
        let nameless = TagValuesRequest::default();
        assert_eq!(
            line(values(&nameless, TagsForm::V1, &settings, NOW)),
            "please provide a non-empty tagName"
        );
    }

    #[test]
    fn metrics_need_their_times_and_say_whether_the_query_is_wrong() {
        let settings = MetricsSettings::default();
        let untimed = QueryRangeRequest { query: "{} | rate()".to_owned(), ..Default::default() };
        let wrong = range(&untimed, &settings, NOW).unwrap_err();
        assert!(!wrong.is_of_query);
        assert_eq!(line::<(), _>(Err(wrong)), "end must be greater than start");
        let (start, end) = (NOW - 60_000_000_000, NOW);
        let of =
            |query: &str| QueryRangeRequest { query: query.to_owned(), start, end, ..Default::default() };
        assert_eq!(range(&of("{} | rate()"), &settings, NOW).unwrap().step, default_step(start, end));
        let wrong = range(&of("{}"), &settings, NOW).unwrap_err();
        assert!(wrong.is_of_query, "{wrong:?}");
        let instantly = MomentRequest { query: "{ | rate()".to_owned(), start, end };
        let wrong = instant(&instantly, &settings, NOW).unwrap_err();
        assert!(wrong.is_of_query && line::<(), _>(Err(wrong)).starts_with("compiling query: parse error"));
    }
}
