//! Searches, tags and metrics over one embedded region, from OTLP in to the last byte out. What they find is
//! held elsewhere; here it is how it is asked and said.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use tutti::api::ApiSettings;
use tutti::backend::Behaviour;
use tutti::federation::{FederationSettings, MetricsSettings};

use super::gateway::{Answer, Gateway, Place};
use super::{SMALL, export};

/// A quarter of an hour around all spans.
const WINDOW: &str = "start=1699999800&end=1700000700";

fn place() -> Place {
    Place::new("us-east", "US").holding(&export(SMALL, "store & front", 1..=2))
}

async fn gateway() -> Gateway {
    Gateway::over(&[place()]).await
}

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

/// The JSON at a path, which must be whole, and said to be.
async fn json(gateway: &Gateway, target: &str) -> String {
    let answer = gateway.get(target, &[]).await;
    assert_eq!(answer.code(), 200, "{target}: {}", answer.text());
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.header("vary"), Some("Accept-Encoding, Authorization"));
    assert_eq!(
        (answer.header("tutti-outcome"), answer.header("tutti-exactness")),
        (Some("complete"), Some("exact"))
    );
    assert!(answer.header("tutti-regions").unwrap().starts_with("us-east;status=ok;"));
    without_bytes(&answer)
}

/// How many bytes were read is the region's own affair.
fn without_bytes(answer: &Answer) -> String {
    let counted = regex::Regex::new(r#""inspected(Bytes|Traces)":("\d+"|\d+),?"#).unwrap();
    counted.replace_all(answer.text(), "").into_owned()
}

const ROW: &str = r#""traceID":"af7651916cd43dd8448eb211c80319c","rootServiceName":"store \u0026 front","rootTraceName":"step 1 \u003c\u0026\u003e","startTimeUnixNano":"1700000000001000000","durationMs":38"#;

#[tokio::test]
async fn a_search_lists_traces_with_the_spans_that_match() {
    let gateway = gateway().await;
    let search = format!("/api/search?q={}&{WINDOW}", encoded("{ .n = 2 }"));
    let set = r#"{"spans":[{"spanID":"0000000000000002","startTimeUnixNano":"1700000000002000000","durationNanos":"36000000","attributes":[{"key":"n","value":{"intValue":"2"}}]}],"matched":1}"#;
    let expected = format!(
        r#"{{"traces":[{{{ROW},"spanSet":{set},"spanSets":[{set}],"serviceStats":{{"store \u0026 front":{{"spanCount":2}}}}}}],"metrics":{{"completedJobs":1,"totalJobs":1}}}}"#
    );
    assert_eq!(json(&gateway, &search).await, expected);
    assert_eq!(json(&gateway, &format!("/strict{search}")).await, expected);
    let none = format!("/api/search?q={}&{WINDOW}", encoded("{ .n = 3 }"));
    assert_eq!(json(&gateway, &none).await, r#"{"traces":[],"metrics":{"completedJobs":1,"totalJobs":1}}"#);
}

#[tokio::test]
async fn a_search_goes_on_from_page_to_page() {
    let exports = [SMALL, super::LARGE].map(|id| export(id, "shop", 1..=2));
    let place = exports.iter().fold(Place::new("us-east", "US"), |place, export| place.holding(export));
    let gateway = Gateway::over(&[place]).await;
    let path = "/api/tutti/v1/search";
    let asked = format!("q={}&{WINDOW}", encoded("{ .n = 2 }"));
    let first = gateway.get(&format!("{path}?{asked}&limit=1"), &[]).await;
    let cursor = first.header("tutti-next").unwrap();
    let second = gateway.get(&format!("{path}?{asked}&limit=5&cursor={cursor}"), &[]).await;
    assert_eq!((second.code(), second.header("tutti-next")), (200, None));
    // Both start at the same time, and the smaller id comes first.
    for (page, id) in [(&first, "123456789abcd"), (&second, "af7651916cd43dd8448eb211c80319c")] {
        assert_eq!(page.header("content-type"), Some("application/json"));
        assert_eq!(page.text().matches("traceID").count(), 1, "{}", page.text());
        assert!(page.text().starts_with(&format!(r#"{{"traces":[{{"traceID":"{id}""#)), "{}", page.text());
    }
    let whole = gateway.get(&format!("{path}?{asked}"), &[]).await;
    let plain = gateway.get(&format!("/api/search?{asked}&limit=1"), &[]).await;
    assert_eq!((whole.header("tutti-next"), plain.header("tutti-next")), (None, None));
    assert_eq!(without_bytes(&whole), json(&gateway, &format!("/api/search?{asked}")).await);
    let protobuf = gateway.get(&format!("{path}?{asked}&limit=1"), &["Accept: application/protobuf"]).await;
    assert_eq!(protobuf.header("tutti-next"), Some(cursor));
    for (target, line) in [
        (format!("{path}?{WINDOW}&cursor={cursor}"), "invalid cursor: it is of another query"),
        (format!("{path}?{asked}&cursor=x"), "invalid cursor: take it from `Tutti-Next` as it is"),
        (format!("{path}?{asked}&cursor={cursor}AAAA"), "invalid cursor: take it from"),
    ] {
        let refused = gateway.get(&target, &[]).await;
        assert_eq!(refused.code(), 400, "{target}");
        assert!(refused.text().starts_with(line), "{}", refused.text());
    }
    assert_eq!(gateway.ask(&format!("POST {path}"), &[]).await.code(), 405);
}

#[tokio::test]
async fn a_search_by_tags_lists_traces_alone() {
    let gateway = gateway().await;
    let expected = format!(r#"{{"traces":[{{{ROW}}}],"metrics":{{"completedJobs":1,"totalJobs":1}}}}"#);
    for asked in [
        "tags=name=%22step%202%20%3C%26%3E%22&",
        "tags=service.name=%22store%20%26%20front%22&maxDuration=39ms&",
        "",
    ] {
        assert_eq!(json(&gateway, &format!("/api/search?{asked}{WINDOW}")).await, expected, "{asked}");
    }
    let none = json(&gateway, &format!("/api/search?tags=service.name=other&{WINDOW}")).await;
    assert!(none.starts_with(r#"{"traces":[],"#), "{none}");
}

#[tokio::test]
async fn names_and_values_are_listed_in_both_forms() {
    let gateway = gateway().await;
    for (path, expected) in [
        ("/api/search/tags", r#"{"tagNames":["n","service.name","tutti.region"],"metrics":{}}"#),
        ("/api/search/tags?scope=event", r#"{"tagNames":[],"metrics":{}}"#),
        ("/api/v2/search/tags?scope=span", r#"{"scopes":[{"name":"span","tags":["n"]}],"metrics":{}}"#),
        ("/api/v2/search/tags?scope=link", r#"{"scopes":[],"metrics":{}}"#),
        ("/api/search/tag/n/values", r#"{"tagValues":["1","2"],"metrics":{}}"#),
        ("/api/search/tag/no%2Fsuch/values", r#"{"tagValues":[],"metrics":{}}"#),
        (
            "/api/v2/search/tag/span.n/values",
            r#"{"tagValues":[{"type":"int","value":"1"},{"type":"int","value":"2"}],"metrics":{}}"#,
        ),
        (
            "/api/v2/search/tag/resource.service.name/values?q=%7B.n=2%7D",
            r#"{"tagValues":[{"type":"string","value":"store \u0026 front"}],"metrics":{}}"#,
        ),
        ("/api/v2/search/tag/span.a%2Fb/values", r#"{"tagValues":[],"metrics":{}}"#),
        ("/api/v2/search/tag/span.a/b/values", r#"{"tagValues":[],"metrics":{}}"#),
        ("/api/v2/search/tag/span.%22a%20b%22/values", r#"{"tagValues":[],"metrics":{}}"#),
    ] {
        let and = if path.contains('?') { '&' } else { '?' };
        assert_eq!(json(&gateway, &format!("{path}{and}{WINDOW}")).await, expected, "{path}");
    }
    let all = json(&gateway, &format!("/api/v2/search/tags?{WINDOW}")).await;
    assert!(all.contains(r#"{"name":"intrinsic","tags":["duration","event:name""#), "{all}");
}

#[tokio::test]
async fn a_metrics_query_has_series_over_a_range_or_one_value() {
    let gateway = gateway().await;
    let query = encoded("{} | count_over_time() by (span.n)");
    let range =
        format!("/api/metrics/query_range?q={query}&start=1700000000&end=1700000010&step=10&exemplars=1");
    let range = json(&gateway, &range).await;
    for expected in [
        r#"{"series":[{"labels":[{"key":"span.n","value":{"intValue":"1"}}],"samples":[{"timestampMs":"1700000000000"},{"timestampMs":"1700000010000","value":1}]"#,
        r#""metrics":{"completedJobs":1,"totalJobs":1}}"#,
    ] {
        assert!(range.contains(expected), "{range}");
    }
    let instant = format!("/api/metrics/query?query={query}&start=1700000000&end=1700000010");
    assert_eq!(
        json(&gateway, &instant).await,
        r#"{"series":[{"labels":[{"key":"span.n","value":{"intValue":"1"}}],"value":1},{"labels":[{"key":"span.n","value":{"intValue":"2"}}],"value":1}],"metrics":{"completedJobs":1,"totalJobs":1}}"#
    );
    let nothing = encoded("{.n=3} | max_over_time(duration)");
    let instant = format!("/api/metrics/query?q={nothing}&start=1700000000&end=1700000010");
    assert_eq!(json(&gateway, &instant).await, r#"{"metrics":{"completedJobs":1,"totalJobs":1}}"#);
}

#[tokio::test]
async fn the_form_is_the_one_asked_for_where_there_is_one() {
    let gateway = gateway().await;
    let metrics =
        format!("/api/metrics/query_range?q={}&start=1700000000&end=1700000010", encoded("{}|rate()"));
    for (path, accept, kind) in [
        ("/api/search", "application/protobuf", "application/protobuf"),
        ("/api/search", "application/vnd.grafana.llm", "application/json"),
        ("/api/search/tags", "application/protobuf", "application/protobuf"),
        ("/api/v2/search/tags", "application/protobuf", "application/protobuf"),
        ("/api/v2/search/tags", "application/vnd.grafana.llm", "application/json"),
        ("/api/search/tag/n/values", "application/protobuf", "application/protobuf"),
        ("/api/search/tag/n/values", "application/vnd.grafana.llm", "application/json"),
        ("/api/v2/search/tag/.n/values", "application/protobuf", "application/protobuf"),
        ("/api/v2/search/tag/.n/values", "application/vnd.grafana.llm", "application/vnd.grafana.llm+json"),
        ("/api/v2/search/tag/.n/values", "text/html", "application/json"),
        (&metrics, "application/protobuf", "application/json"),
    ] {
        let and = if path.contains('?') { '&' } else { '?' };
        let accept = format!("Accept: {accept}");
        let answer = gateway.get(&format!("{path}{and}{WINDOW}"), &[&accept]).await;
        assert_eq!((answer.code(), answer.header("content-type")), (200, Some(kind)), "{path} {accept}");
    }
    let llm = "Accept: application/vnd.grafana.llm";
    let answer = gateway.get(&format!("/api/v2/search/tag/.n/values?{WINDOW}"), &[llm]).await;
    assert!(answer.text().starts_with(r#"{"tagValues":{"int":["1","2"]}"#), "{}", answer.text());
}

#[tokio::test]
async fn series_over_their_limit_are_partial_and_under_strict_refused() {
    let metrics = MetricsSettings { series_max: 1, ..MetricsSettings::default() };
    let settings = FederationSettings { metrics, ..FederationSettings::default() };
    let gateway = Gateway::start(vec![place().region()], settings, ApiSettings::default()).await;
    let words = "Response exceeds maximum series limit of 1, a partial response is returned. Warning: the \
                 accuracy of each individual value is not guaranteed.";
    let query = encoded("{} | count_over_time() by (span.n)");
    let target = format!("/api/metrics/query_range?q={query}&start=1700000000&end=1700000010&step=10");
    let answer = gateway.get(&target, &[]).await;
    assert_eq!(answer.code(), 200);
    assert!(
        answer.text().ends_with(&format!(r#""status":"PARTIAL","message":"{words}"}}"#)),
        "{}",
        answer.text()
    );
    assert_eq!(answer.text().matches("labels\":[{\"key\":\"span.n\"").count(), 1);
    assert_eq!(
        (answer.header("tutti-outcome"), answer.header("tutti-exactness")),
        (Some("partial"), Some("size_limit"))
    );
    for (target, header) in [(format!("/strict{target}"), "A: b"), (target.clone(), "FromAlert: true")] {
        let answer = gateway.get(&target, &[header]).await;
        assert_eq!((answer.code(), answer.text()), (422, words));
        assert_eq!(answer.header("tutti-outcome"), Some("refused"));
    }
}

#[tokio::test]
async fn a_region_that_fails_is_said_in_one_line() {
    let gateway = Gateway::over(&[place().behaving(Behaviour::ServerError)]).await;
    for path in [
        "/api/search?",
        "/api/search/tags?",
        "/api/v2/search/tag/.n/values?",
        "/api/metrics/query_range?q=%7B%7D%7Crate()&",
        "/strict/api/search?",
    ] {
        let answer = gateway.get(&format!("{path}{WINDOW}"), &[]).await;
        assert_eq!(answer.code(), 502, "{path}: {}", answer.text());
        assert!(
            answer.text().starts_with("no region answered: us-east answered with an error"),
            "{}",
            answer.text()
        );
        assert_eq!(answer.header("tutti-outcome"), Some("refused"));
        assert_eq!(answer.header("content-type"), Some("text/plain; charset=utf-8"));
    }
}

#[tokio::test]
async fn what_is_wrong_with_a_question_is_one_line() {
    let gateway = gateway().await;
    for (target, line) in [
        ("/api/search?limit=0", "invalid limit: must be a positive number"),
        ("/api/search/tags?scope=a%0Ab", "invalid scope: a\\nb"),
        (
            "/api/v2/search/tag/a%0Ab/values",
            "please provide a valid tagName: failed to parse identifier a\\nb: ",
        ),
        ("/api/metrics/query?q=%7B%7D", "not a metrics query: "),
        ("/strict/api/search?q=%7B", "invalid TraceQL query: parse error at line 1, col "),
    ] {
        let answer = gateway.get(target, &[]).await;
        assert_eq!(answer.code(), 400, "{target}");
        assert!(answer.text().starts_with(line) && !answer.text().contains('\n'), "{}", answer.text());
        assert_eq!(answer.header("tutti-outcome"), Some("refused"));
    }
    for target in
        ["/api/search/tag/x", "/api/search/tag/values", "/api/v2/search/tag/x/values/", "/api/search/"]
    {
        assert_eq!(gateway.get(target, &[]).await.code(), 404, "{target}");
    }
}
