//! What is wrong with a search, a question for tags or a metrics query, in Tempo's words. Whether a query is
//! TraceQL at all is said in better words of our own; they begin as Tempo's do.

use crate::Test;
use crate::errors::assert_all_same;
use crate::estate::{Estate, Server};
use crate::http::Request;

pub const TESTS: &[Test] = &[
    ("a_wrong_question_is_refused_in_the_same_words", a_wrong_question_is_refused_in_the_same_words),
    (
        "a_window_that_is_too_long_is_refused_in_the_same_words",
        a_window_that_is_too_long_is_refused_in_the_same_words,
    ),
    ("what_is_no_traceql_is_refused_at_the_same_gate", what_is_no_traceql_is_refused_at_the_same_gate),
];

const SEARCHES: &[&str] = &[
    "start=x&end=5",
    "start=1795206736.5&end=1795206800",
    "start=1795206736000000000&end=1795206800",
    "start=-5&end=5",
    "start=+5&end=9",
    "start=4294967296&end=5",
    "start=10",
    "start=10&end=5",
    "start=5&end=5",
    "end=10",
    "start=&end=10",
    "start=1&end=999999999",
    "start=00000000001&end=999999999",
    "start=1&end=604802",
    "since=xx",
    "since=-1h",
    "since=1.5h",
    "since=300y",
    "since=5",
    "since=1m1h",
    "limit=0",
    "limit=x",
    "limit=-1",
    "limit=4294967296",
    "limit=300000",
    "limit=300000&q=%7B",
    "limit=300000&since=xx",
    "spss=x",
    "spss=101",
    "spss=101&limit=300000",
    "tags=a=b&q=%7B%7D",
    "tags=a=1%20a=2",
    "tags=a=%22b%20c%20d",
    "tags=a=%22%5Cx%22",
    "tags==b",
    "tags=a=b=c",
    "tags=a%22b%22",
    "tags=a=b%22c",
    "minDuration=x",
    "minDuration=5",
    "minDuration=5d",
    "minDuration=1s&maxDuration=500ms",
    "maxDuration=1h1",
    "maxDuration=99999999999999999999s",
    "minDuration=x&limit=x",
    "spss=x&start=10&end=5",
    "limit=x&tags==",
    "start=x&limit=x",
];

const TAGS: &[&str] = &[
    "scope=foo",
    "scope=Span",
    "scope=parent",
    "start=x&end=5",
    "start=1&end=x",
    "start=5",
    "end=5",
    "since=xx",
    "start=1&end=999999999",
    "start=10&end=5",
    "start=1970-01-01T00:00:01Z&end=1980-01-01T00:00:00Z",
    "start=1970-13-01T00:00:01Z&end=5",
    "start=1970-02-29T00:00:01Z&end=5",
    "start=1.5&end=999999999.75",
    "start=1000000000&end=315532800000000000",
    "start=99999999999999999999&end=5",
    "scope=foo&start=99999999999999999999&end=5",
    "scope=foo&start=1&end=999999999",
];

const VALUES: &[&str] = &[
    "limit=x",
    "limit=-1",
    "limit=4294967296",
    "maxStaleValues=x",
    "limit=x&maxStaleValues=x",
    "limit=x&start=1&end=999999999",
    "limit=x&since=xx",
    "start=5",
    "start=1&end=999999999",
];

const METRICS: &[&str] = &[
    "since=x",
    "start=x",
    "end=x",
    "start=x&end=y",
    "since=x&start=y",
    "start=1795206736000&end=1795206800",
    "start=10&end=5",
    "start=5&end=5",
    "start=-5&end=5",
    "start=9999999999&end=9999999999",
    "start=1&end=999999999",
    "start=1&end=86402",
    "start=1&end=999999999&step=1s",
    "since=25h",
    "start=1970-01-01T00:00:01Z&end=1971-01-01T00:00:00.5%2B01:00",
];

/// Over an hour that has passed; the last two grow over 1970 when they are aligned.
const STEPS: &[&str] = &[
    "start=1795206000&end=1795209600&step=x",
    "start=1795206000&end=1795209600&step=-1",
    "start=1795206000&end=1795209600&step=-1s",
    "start=1795206000&end=1795209600&step=0",
    "start=1795206000&end=1795209600&step=0s",
    "start=1795206000&end=1795209600&step=1ms",
    "start=1795206000&end=1795209600&step=0.001",
    "start=1795206000&end=1795209600&step=5d",
    "start=1795206000&end=1795209600&step=1e300",
    "start=1795206000&end=1795209600&step=NaN",
    "start=1795206000&end=1795209600&step=Inf",
    "start=1795206000&end=1795209600&step=359us",
    "step=x&start=y",
    "q=%7B%7D%7Crate()&start=1&end=86401",
    "q=%7B%7D%7Crate()&start=5&end=50&step=10",
];

fn targets() -> Vec<String> {
    let mut targets = Vec::new();
    let mut add = |path: &str, all: &[&str]| targets.extend(all.iter().map(|one| format!("{path}?{one}")));
    add("/api/search", SEARCHES);
    add("/api/search/tags", TAGS);
    add("/api/v2/search/tags", TAGS);
    for name in
        ["/api/search/tag/foo/values", "/api/v2/search/tag/.foo/values", "/api/v2/search/tag/.a%2Fb/values"]
    {
        add(name, VALUES);
    }
    for path in ["/api/metrics/query_range", "/api/metrics/query"] {
        let with_query: Vec<String> = METRICS.iter().map(|one| format!("q=%7B%7D%7Crate()&{one}")).collect();
        add(path, &with_query.iter().map(String::as_str).collect::<Vec<_>>());
    }
    add("/api/metrics/query_range", STEPS);
    targets
}

fn a_wrong_question_is_refused_in_the_same_words(estate: &Estate) {
    let mut targets = targets();
    targets.extend(
        [
            "/api/search/tag/x",
            "/api/search/tag/values",
            "/api/search/tag//values",
            "/api/search/tag/x/values/",
            "/api/v2/search/tag/x",
            "/api/search/",
            "/api/v2/search",
            "/api/metrics/query_range/",
        ]
        .map(str::to_owned),
    );
    let requests: Vec<Request<'_>> = targets.iter().map(|target| Request::get(target)).collect();
    assert_all_same(estate, &requests);
}

/// Whose windows end now: seconds may pass between the two questions.
const OF_NOW: &[&str] = &[
    "/api/search?since=8d",
    "/api/search?since=100y",
    "/api/search?since=0",
    "/api/search?spss=101",
    "/api/search?spss=101&since=8d",
    "/api/search/tags?since=8d",
    "/api/v2/search/tag/.foo/values?since=8d&limit=x",
    "/api/metrics/query_range?since=25h",
];

fn a_window_that_is_too_long_is_refused_in_the_same_words(estate: &Estate) {
    for target in OF_NOW {
        let said = |server: &Server| {
            let reply = server.get(target);
            let words: String = reply.text().chars().filter(|c| !c.is_ascii_digit()).collect();
            (reply.status, words)
        };
        assert_eq!(said(&estate.plain), said(&estate.union), "{target}");
    }
}

/// The path, and how both answers begin.
const NO_TRACEQL: &[(&str, &str)] = &[
    ("/api/search?q=%7B", "invalid TraceQL query: parse error at line 1, col "),
    ("/api/search?q=%7B.a%3D1%7D&query=%7B", "invalid TraceQL query: parse error at line 1, col "),
    ("/api/search?q=%7B&since=xx", "invalid TraceQL query: parse error at line 1, col "),
    ("/api/search?q=%7B1%3D%22a%22%7D&since=xx", "error parsing date range: could not parse 'since'"),
    ("/api/search?q=%7B1%3D%22a%22%7D", "invalid TraceQL query: binary operations must operate on the same"),
    ("/api/search?q=%7B1%3D%22a%22%7D&spss=101", "invalid TraceQL query: binary operations must operate"),
    (
        "/api/v2/search/tag/nope/values",
        "please provide a valid tagName: failed to parse identifier nope: parse",
    ),
    ("/api/v2/search/tag/.a%3D1/values", "please provide a valid tagName: failed to parse identifier .a=1: "),
    ("/api/v2/search/tag/nope/values?limit=x", "please provide a valid tagName: failed to parse identifier"),
    ("/api/v2/search/tag/nope/values?since=xx", "error parsing date range: "),
    ("/api/metrics/query_range", "parse error "),
    ("/api/metrics/query_range?q=%7B%7D%7Crate(", "parse error at line 1, col 9: "),
    ("/api/metrics/query_range?q=%7B%7D", "not a metrics query"),
    ("/api/metrics/query_range?q=%7B%7D%7Crate(&start=5&end=5", "end must be greater than start"),
    (
        "/api/metrics/query_range?q=%7B1%3D%22a%22%7D%7Crate()",
        "compiling query: binary operations must operate",
    ),
    ("/api/metrics/query?q=%7B%7D%7Crate(", "compiling query: parse error at line 1, col 9: "),
    ("/api/metrics/query?q=%7B%7D", "not a metrics query"),
    ("/api/metrics/query", "compiling query: parse error "),
    ("/api/metrics/query?query=%7B&q=%7B%7D", "not a metrics query"),
    ("/api/metrics/query?q=%7B1%3D%22a%22%7D%7Crate()", "compiling query: binary operations must operate on"),
];

fn what_is_no_traceql_is_refused_at_the_same_gate(estate: &Estate) {
    let mut wrong = Vec::new();
    for (target, begin) in NO_TRACEQL {
        for server in [&estate.plain, &estate.union] {
            let reply = Server::get(server, target);
            if reply.status != 400 || !reply.text().starts_with(begin) {
                wrong.push(format!("{target}\n    {}: {} {}", server.name, reply.status, reply.text()));
            }
        }
    }
    assert!(wrong.is_empty(), "{} are wrong:\n{}", wrong.len(), wrong.join("\n"));
}
