//! What parameters mean, and what is wrong with them, at a known moment. That the words are Tempo's, the
//! tests against a real one hold.

use std::collections::BTreeMap;
use std::time::Duration;

use super::*;
use crate::federation::{MetricsSettings, SearchSettings};
use crate::model::metrics::MetricsQuery;
use crate::model::search::{SearchAsked, SearchQuery, Window};
use crate::model::tags::{TagLimits, TagScope, TagValuesQuery, TagsForm, TagsQuery};

/// 2026-11-21T10:00:00.25Z.
const NOW: u64 = 1_795_255_200_250_000_000;
const NOW_S: u32 = 1_795_255_200;
const S: u64 = 1_000_000_000;

fn params(query: &str) -> Params {
    Params(go::query_pairs(query))
}

fn line<T: std::fmt::Debug>(read: Result<T, ApiError>) -> String {
    match read {
        Err(ApiError::BadRequest(line)) => line,
        other => format!("{other:?}"),
    }
}

fn a_search(query: &str) -> Result<SearchQuery, ApiError> {
    search::search(&params(query), &SearchSettings::default(), NOW)
}

fn names(query: &str) -> Result<TagsQuery, ApiError> {
    tags::names(&params(query), TagsForm::V2, &SearchSettings::default(), NOW)
}

fn values(name: &str, query: &str) -> Result<TagValuesQuery, ApiError> {
    tags::values(name.to_owned(), &params(query), TagsForm::V2, &SearchSettings::default(), NOW)
}

fn range(query: &str) -> Result<MetricsQuery, ApiError> {
    metrics::range(&params(query), &MetricsSettings::default(), NOW)
}

fn instant(query: &str) -> Result<MetricsQuery, ApiError> {
    metrics::instant(&params(query), &MetricsSettings::default(), NOW)
}

#[test]
fn a_search_that_says_nothing_is_for_anything_of_the_last_quarter_of_an_hour() {
    let tags = BTreeMap::new();
    let expected = SearchQuery {
        asked: SearchAsked::Tags { tags, min_duration_ms: 0, max_duration_ms: 0 },
        limit: 20,
        spans_per_set: 3,
        // To the second that has begun, so that what has just come in is found.
        window: Some(Window { start: NOW_S - 900, end: NOW_S + 1 }),
        page: None,
    };
    assert_eq!(a_search("").unwrap(), expected);
    assert_eq!(a_search("limit=&spss=&q=&start=&foo=bar").unwrap(), expected);
}

#[test]
fn a_search_is_read_whole() {
    let all = "q={.a=%22b%22}&limit=262144&spss=100&start=1795255000&end=1795255100&minDuration=1s";
    let expected = SearchQuery {
        asked: SearchAsked::Query("{.a=\"b\"}".to_owned()),
        limit: 262_144,
        spans_per_set: 100,
        window: Some(Window { start: 1_795_255_000, end: 1_795_255_100 }),
        page: None,
    };
    assert_eq!(a_search(all).unwrap(), expected);
    let older = a_search("tags=a=b%20c=%22d%20e%22&minDuration=1.5s&maxDuration=1m&spss=0").unwrap();
    let tags = BTreeMap::from([("a", "b"), ("c", "d e")].map(|(k, v)| (k.to_owned(), v.to_owned())));
    let asked = SearchAsked::Tags { tags, min_duration_ms: 1500, max_duration_ms: 60_000 };
    assert_eq!((older.asked, older.spans_per_set), (asked, 3));
    // What counts a search finds, too.
    assert!(a_search("q={}|rate()").is_ok());
}

#[test]
fn a_window_ends_now_at_the_latest() {
    let window = |query: &str| a_search(query).unwrap().window;
    let of = |start, end| Some(Window { start, end });
    assert_eq!(window("since=1h"), of(NOW_S - 3600, NOW_S + 1));
    assert_eq!(window("since=1h&start=1&end=2"), of(NOW_S - 3600, NOW_S + 1));
    assert_eq!(window("start=1795255100&end=1795259999"), of(1_795_255_100, NOW_S + 1));
    assert_eq!(window("start=1795259000&end=1795259999"), of(NOW_S - 900, NOW_S + 1));
    assert_eq!(window("start=0&end=0"), None);
    let names = |query: &str| names(query).unwrap().window;
    assert_eq!(names("start=2026-11-21T09:00:00Z&end=1795255100.9"), of(NOW_S - 3600, 1_795_255_100));
    assert_eq!(names("start=1795255000000000000&end=1795255100"), of(1_795_255_000, 1_795_255_100));
    assert_eq!(names("start=5&end=5"), of(5, 5));
}

#[test]
fn limits_are_the_settings() {
    let settings = SearchSettings {
        duration_max: Duration::from_secs(90),
        limit_default: 5,
        limit_max: 0,
        spss_default: 7,
        spss_max: 0,
        tags_bytes_max: 9,
        ..SearchSettings::default()
    };
    let read = |query: &str| search::search(&params(query), &settings, NOW);
    let read_whole = read("since=1m&limit=4294967295&spss=4294967295").unwrap();
    assert_eq!((read_whole.limit, read_whole.spans_per_set), (u32::MAX, u32::MAX));
    // As long as may be, until now: though now is rounded up, and its begin down. No longer than that.
    let longest = read("since=90s").unwrap().window.unwrap();
    assert_eq!((longest.start, longest.end), (NOW_S - 90, NOW_S + 1));
    assert!(line(read("since=91s")).contains("exceeds 1m30s"));
    let by_default = read("since=1m").unwrap();
    assert_eq!((by_default.limit, by_default.spans_per_set), (5, 7));
    assert_eq!(
        line(read("start=100&end=191")),
        "range specified by start and end exceeds 1m30s. received start=100 end=191"
    );
    let names = tags::names(&params("since=1m&limit=3&maxStaleValues=x"), TagsForm::V1, &settings, NOW);
    assert_eq!(names.unwrap().limits, TagLimits { count_max: 3, stale_max: 0, bytes_max: 9 });
}

#[test]
fn what_is_wrong_with_a_search_is_said_in_order() {
    for (query, why) in [
        ("start=1.5&end=9", "invalid start: strconv.ParseUint: parsing \"1.5\": invalid syntax"),
        ("end=4294967296", "invalid end: strconv.ParseUint: parsing \"4294967296\": value out of range"),
        ("start=10", "http parameter start must be before end. received start=10 end=0"),
        ("q={}&tags=a=b", "invalid request: can't specify tags and q in the same query"),
        ("tags=a=1%20a=2", "invalid tags: tag a has been set twice"),
        ("tags=a=%22b%20c%20d", "invalid tags: unterminated quoted value at pos 9"),
        ("minDuration=x", "invalid minDuration: time: invalid duration \"x\""),
        ("minDuration=2s&maxDuration=1s", "invalid maxDuration: must be greater than minDuration"),
        ("limit=0", "invalid limit: must be a positive number"),
        ("limit=x&spss=x", "invalid limit: strconv.ParseUint: parsing \"x\": invalid syntax"),
        ("spss=x&start=9&end=5", "invalid spss: strconv.ParseUint: parsing \"x\": invalid syntax"),
        ("start=9&end=5&limit=300000", "http parameter start must be before end. received start=9 end=5"),
        ("limit=300000&q={", "limit 300000 exceeds max limit 262144"),
        (
            "end=5",
            "error parsing date range: only one of start and end provided: must provide both or neither",
        ),
        (
            "since=xx&spss=101",
            "error parsing date range: could not parse 'since' parameter: not a valid duration string: \"xx\"",
        ),
        ("since=0", "http parameter start must be before end. received start=1795255200 end=1795255200"),
        (
            "start=1&end=999999999&spss=101",
            "range specified by start and end exceeds 168h0m0s. received start=1 end=999999999",
        ),
        ("spss=101", "spans per span set exceeds 100. received 101"),
        ("since=100y", "invalid start: strconv.ParseUint: parsing \"-1358344800\": invalid syntax"),
    ] {
        assert_eq!(line(a_search(query)), why, "{query}");
    }
}

#[test]
fn a_query_is_checked_where_tempo_checks_it_and_says_what_would_be_right() {
    let refusal = |query: &str| line(a_search(query));
    insta::assert_snapshot!(refusal("q={"), @r#"invalid TraceQL query: parse error at line 1, col 2: syntax error: unexpected end of the query, expecting an attribute or a value"#);
    insta::assert_snapshot!(refusal("q={1=%22a%22}"), @r#"invalid TraceQL query: binary operations must operate on the same type: 1 = `a` (line 1, col 2); the left of `=` is an integer, the right a string"#);
    // The one that would not be run is checked instead of the one that would.
    insta::assert_snapshot!(refusal("q={}&query={.a=}"), @r#"invalid TraceQL query: parse error at line 1, col 5: syntax error: unexpected `}`, expecting an attribute or a value"#);
    assert!(a_search("q={1=%22a%22}&query=").is_ok());
    assert!(refusal("q={&since=xx").starts_with("invalid TraceQL query: parse error"));
    assert!(refusal("q={1=%22a%22}&since=xx").starts_with("error parsing date range"));
    let long = "x".repeat(QUERY_BYTES_MAX + 1);
    for query in [format!("q={long}&start=x"), format!("q=&q={long}"), format!("query={long}")] {
        assert!(
            refusal(&query).starts_with("TraceQL expression exceeds the configured maximum size of 131072")
        );
    }
}

#[test]
fn questions_for_tags_are_read() {
    let read = names("scope=instrumentation&q={.a&limit=x&maxStaleValues=7").unwrap();
    assert_eq!(read.scope, Some(TagScope::Instrumentation));
    assert_eq!(read.query.as_deref(), Some("{.a"));
    assert_eq!(read.limits, TagLimits { count_max: 0, stale_max: 7, bytes_max: 1_000_000 });
    for none in ["", "scope=", "scope=none"] {
        assert_eq!(names(none).unwrap().scope, None);
    }
    let read = values("span.\"a b\"", "limit=5&maxStaleValues=6&q={}").unwrap();
    assert_eq!((read.name.as_str(), read.limits.count_max, read.limits.stale_max), ("span.\"a b\"", 5, 6));
    let v1 =
        tags::values("no/such thing".to_owned(), &params(""), TagsForm::V1, &SearchSettings::default(), NOW);
    assert_eq!(v1.unwrap().name, "no/such thing");
}

#[test]
fn what_is_wrong_with_a_question_for_tags_is_said() {
    for (query, why) in [
        ("scope=foo", "invalid scope: foo"),
        (
            "scope=foo&start=1",
            "error parsing date range: only one of start and end provided: must provide both or neither",
        ),
        (
            "start=x&end=1",
            "error parsing date range: could not parse 'start' parameter: strconv.ParseInt: parsing \"x\": invalid syntax",
        ),
        (
            "start=1&end=999999999",
            "range specified by start and end exceeds 168h0m0s. received start=1 end=999999999",
        ),
        ("start=10&end=5", "range specified by start and end exceeds 168h0m0s. received start=10 end=5"),
    ] {
        assert_eq!(line(names(query)), why, "{query}");
    }
    for (query, why) in [
        ("limit=x", "invalid limit: strconv.ParseUint: parsing \"x\": invalid syntax"),
        ("maxStaleValues=-1", "invalid maxStaleValues: strconv.ParseUint: parsing \"-1\": invalid syntax"),
        ("limit=x&start=1&end=999999999", "invalid limit: strconv.ParseUint: parsing \"x\": invalid syntax"),
    ] {
        assert_eq!(line(values(".a", query)), why, "{query}");
    }
    insta::assert_snapshot!(line(values("nope", "limit=x")), @r#"please provide a valid tagName: failed to parse identifier nope: parse error at line 1, col 2: unknown identifier: nope; an attribute is written .nope, span.nope or resource.nope, a string "nope""#);
}

#[test]
fn a_range_is_put_on_a_grid_that_does_not_move() {
    let read = range("q={}|rate()&start=1795206736&end=1795206796&step=20s").unwrap();
    assert_eq!((read.start / S, read.end / S, read.step), (1_795_206_700, 1_795_206_800, 20 * S));
    assert_eq!((read.exemplars, read.max_series, read.is_instant), (100, 0, false));
    // An hour by default, up to the last step that is over.
    let read = range("query={}|rate()").unwrap();
    assert_eq!(read.query, "{}|rate()");
    assert_eq!((read.step, read.end / S), (15 * S, u64::from(NOW_S)));
    assert_eq!(read.start / S, u64::from(NOW_S) - 3600 - 15);
    let read = range("q={}|rate()&query={}|count_over_time()&since=10m&step=60.5").unwrap();
    assert_eq!((read.query.as_str(), read.step), ("{}|rate()", 60_500_000_000));
}

#[test]
fn exemplars_and_series_are_bounded() {
    let read = |more: &str| range(&format!("q={{}}|rate(){more}")).unwrap();
    for (more, exemplars) in [
        ("", 100),
        ("&exemplars=0", 100),
        ("&exemplars=7", 7),
        ("&exemplars=900", 100),
        ("&exemplars=x", 100),
        ("%20with(exemplars=3)&exemplars=7", 3),
        ("%20with(exemplars=false)", 0),
        ("%20with(exemplars=true)&exemplars=7", 7),
    ] {
        assert_eq!(read(more).exemplars, exemplars, "{more}");
    }
    assert_eq!(read("&maxSeries=5").max_series, 5);
    let settings = MetricsSettings { series_max: 3, ..MetricsSettings::default() };
    for (asked, most) in [("", 3), ("&maxSeries=2", 2), ("&maxSeries=9", 3)] {
        let read = metrics::range(&params(&format!("q={{}}|rate(){asked}")), &settings, NOW).unwrap();
        assert_eq!(read.max_series, most, "{asked}");
    }
}

#[test]
fn an_instant_is_one_step_over_all_of_the_range() {
    let read = instant("q={}|rate()&start=1795206736&end=1795206796&step=1s&exemplars=5").unwrap();
    assert_eq!((read.start / S, read.end / S, read.step), (1_795_206_736, 1_795_206_796, 60 * S));
    assert_eq!((read.exemplars, read.is_instant), (0, true));
    assert_eq!(instant("q={}|rate()").unwrap().end, NOW);
    // Taken back by whole seconds.
    assert_eq!(instant("q={}|rate()&end=1795255203.5").unwrap().end, NOW - 750_000_000);
    let read = range("q={}|rate()&instant=true&start=1795206736&end=1795206796").unwrap();
    assert_eq!((read.is_instant, read.step), (true, 60 * S));
}

#[test]
fn what_is_wrong_with_a_metrics_query_is_said_in_order() {
    for (query, why) in [
        (
            "since=x",
            "rpc error: code = Code(400) desc = could not parse 'since' parameter: not a valid duration string: \"x\"",
        ),
        (
            "end=x&step=x",
            "rpc error: code = Code(400) desc = could not parse 'end' parameter: strconv.ParseInt: parsing \"x\": invalid syntax",
        ),
        ("step=x", "rpc error: code = Code(400) desc = cannot parse \"x\" to a valid duration"),
        ("step=-1", "rpc error: code = Code(400) desc = cannot parse \"-1\": step must be positive"),
        (
            "step=1e300",
            "rpc error: code = Code(400) desc = cannot parse \"1e300\" to a valid duration. It overflows int64",
        ),
        ("start=5&end=5", "end must be greater than start"),
        ("start=-5&end=5", "end must be greater than start"),
        (
            "start=1795206736000&end=1795206800",
            "metrics query time range exceeds the maximum allowed duration of 24h0m0s",
        ),
        ("start=1795255201&end=1795255300", "query window falls entirely within query_end_cutoff"),
        ("start=1000&end=61000&step=1ms", "step of 1ms is too small, minimum step for given range is 6s"),
        ("start=1000&end=61000&step=0", "step of 0s is too small, minimum step for given range is 6s"),
        ("start=5&end=50&step=10&q={}|rate()", "start required"),
    ] {
        assert_eq!(line(range(query)), why, "{query}");
    }
    insta::assert_snapshot!(line(range("q={}|rate(")), @r#"parse error at line 1, col 9: syntax error: unexpected end of the query, expecting `)`; rate() takes nothing; group with rate() by(...)"#);
    insta::assert_snapshot!(line(range("q={1=%22a%22}|rate()")), @r#"compiling query: binary operations must operate on the same type: 1 = `a` (line 1, col 2); the left of `=` is an integer, the right a string"#);
    insta::assert_snapshot!(line(range("q={}")), @r#"not a metrics query: it lists spans; to count them, end it with a function such as `| rate()`"#);
    insta::assert_snapshot!(line(range("")), @r#"parse error at line 1, col 1: syntax error: unexpected end of the query, expecting a filter such as { status = error }, or a stage of a pipeline"#);
    insta::assert_snapshot!(line(instant("q={}|rate(")), @r#"compiling query: parse error at line 1, col 9: syntax error: unexpected end of the query, expecting `)`; rate() takes nothing; group with rate() by(...)"#);
    assert_eq!(line(instant("start=1795255201")), "end must be greater than start");
}
