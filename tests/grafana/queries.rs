//! Searches, tags and metrics as the plugin asks them, read as strictly as it reads: a member that its version
//! of the messages does not have fails the whole query, and so does a number where a text should be.

use http::StatusCode;
use serde::Deserialize;
use serde_json::Value;
use tutti::backend::Behaviour;

use super::client::{Protocol, Reply, get};
use super::gateway::{Gateway, Place};
use super::{whole_in_eu_central, whole_in_us_east};

/// Around all spans; the editor sends unix seconds.
const WINDOW: &str = "start=1699999800&end=1700000700";

/// The members of the messages as the plugin was built with them.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct SearchResponse {
    pub traces: Vec<TraceSearchMetadata>,
    pub metrics: SearchMetrics,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
#[derive(Default)]
pub struct TraceSearchMetadata {
    #[serde(rename = "traceID")]
    pub trace_id: String,
    pub root_service_name: String,
    pub root_trace_name: String,
    pub start_time_unix_nano: String,
    pub duration_ms: u32,
    pub span_set: Option<SpanSet>,
    pub span_sets: Vec<SpanSet>,
    pub service_stats: serde_json::Map<String, Value>,
}

#[derive(Debug, Default, Deserialize, PartialEq)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct SpanSet {
    pub spans: Vec<Span>,
    pub matched: u32,
    pub attributes: Vec<Pair>,
}

#[derive(Debug, Default, Deserialize, PartialEq)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct Span {
    #[serde(rename = "spanID")]
    pub span_id: String,
    pub name: String,
    pub start_time_unix_nano: String,
    pub duration_nanos: String,
    pub attributes: Vec<Pair>,
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Pair {
    pub key: String,
    pub value: Value,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct SearchMetrics {
    pub inspected_traces: u32,
    pub inspected_bytes: String,
    pub total_blocks: u32,
    pub completed_jobs: u32,
    pub total_jobs: u32,
    pub total_block_bytes: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct QueryInstantResponse {
    #[serde(default)]
    series: Vec<InstantSeries>,
    metrics: SearchMetrics,
    status: Option<String>,
    message: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct InstantSeries {
    #[serde(default)]
    labels: Vec<Pair>,
    #[serde(default)]
    value: f64,
}

fn places() -> [Place; 2] {
    [
        Place::new("us-east", "US").holding(&whole_in_us_east()),
        Place::new("eu-central", "EU").holding(&whole_in_eu_central()),
    ]
}

async fn ask(gateway: &Gateway, target: &str) -> Reply {
    let reply = get(gateway.address, Protocol::Http1, target, &[("accept", "application/json")]).await;
    assert_eq!(reply.status, StatusCode::OK, "{target}: {}", reply.text());
    assert_eq!(reply.header("content-type"), "application/json");
    reply
}

async fn search(gateway: &Gateway, query: &str) -> SearchResponse {
    let target = format!("/api/search?q={query}&limit=20&spss=3&{WINDOW}");
    serde_json::from_slice(&ask(gateway, &target).await.body).unwrap()
}

#[tokio::test]
async fn a_search_is_a_table_of_whole_traces() {
    let gateway = Gateway::over(&places()).await;
    // `{resource.service.name="pay"}`
    let found = search(&gateway, "%7Bresource.service.name%3D%22pay%22%7D").await;
    let [row] = found.traces.as_slice() else { panic!("{found:?}") };
    // The root is in the other region.
    assert_eq!((row.root_service_name.as_str(), row.root_trace_name.as_str()), ("shop", "step 1"));
    assert_eq!(row.trace_id, super::WHOLE.trim_start_matches('0'));
    assert_eq!(row.start_time_unix_nano, "1700000000001000000");
    assert!(row.duration_ms > 0);
    assert_eq!(row.span_set.as_ref(), row.span_sets.first(), "one of them is read by each table");
    let set = row.span_set.as_ref().unwrap();
    assert_eq!((set.matched, set.spans.len()), (2, 2));
    let ids: Vec<&str> = set.spans.iter().map(|span| span.span_id.as_str()).collect();
    assert_eq!(ids, ["0000000000000003", "0000000000000004"]);
    assert_eq!(row.service_stats.len(), 2);
    assert_eq!((found.metrics.completed_jobs, found.metrics.total_jobs), (2, 2));
}

/// Drilldown draws a tree from these.
#[tokio::test]
async fn a_search_for_structure_has_one_set_and_numbers_of_the_whole_tree() {
    let gateway = Gateway::over(&places()).await;
    // `{} &>> {kind = server} | select(nestedSetParent, nestedSetLeft, nestedSetRight)`
    let query = "%7B%7D%20%26%3E%3E%20%7Bkind%3Dserver%7D%20%7C%20select(nestedSetParent%2CnestedSetLeft%2CnestedSetRight)";
    let found = search(&gateway, query).await;
    let [row] = found.traces.as_slice() else { panic!("{found:?}") };
    let [set] = row.span_sets.as_slice() else { panic!("there should be only one: {row:?}") };
    let mut lefts = std::collections::BTreeSet::new();
    for span in &set.spans {
        let number = |key: &str| {
            let pair = span.attributes.iter().find(|pair| pair.key == key).unwrap();
            pair.value["intValue"].as_str().unwrap().parse::<i64>().unwrap()
        };
        assert!(number("nestedSetLeft") < number("nestedSetRight"), "{span:?}");
        assert!(lefts.insert(number("nestedSetLeft")), "no number stands twice");
    }
    assert_eq!(set.matched, 3);
}

#[tokio::test]
async fn names_are_completed_by_scope() {
    let gateway = Gateway::over(&places()).await;
    let browser = [("accept", "application/json, text/plain, */*"), ("x-grafana-org-id", "1")];
    for target in [
        format!("/api/v2/search/tags?limit=5000&{WINDOW}"),
        format!("/api/v2/search/tags?limit=5000&scope=resource&{WINDOW}"),
    ] {
        let reply = get(gateway.address, Protocol::Http2, &target, &browser).await;
        let names: Value = serde_json::from_slice(&reply.body).unwrap();
        assert!(names.get("data").is_none(), "the page would take it for the answer");
        let scopes = names["scopes"].as_array().unwrap();
        let tags = |name: &str| {
            let scope = scopes.iter().find(|scope| scope["name"] == name);
            scope.map(|scope| scope["tags"].as_array().unwrap().clone())
        };
        assert_eq!(tags("resource"), Some(vec!["service.name".into(), "tutti.region".into()]), "{target}");
        assert_eq!(tags("intrinsic").is_some(), !target.contains("scope="), "{target}");
    }
}

#[tokio::test]
async fn values_are_completed_with_their_types() {
    let gateway = Gateway::over(&places()).await;
    for (target, values) in [
        // The plugin repeats the name as a parameter, which means nothing.
        (
            "resource.service.name/values?tag=resource.service.name&limit=5000",
            vec![("string", "pay"), ("string", "shop")],
        ),
        ("resource.service.name/values?q=%7Bname%3D%22step%203%22%7D", vec![("string", "pay")]),
        ("span.no/such/values?tag=span.no/such", vec![]),
        ("span.no%2Fsuch/values?limit=5000", vec![]),
        (
            "span:kind/values?limit=5000",
            vec![("keyword", "client"), ("keyword", "internal"), ("keyword", "server")],
        ),
    ] {
        let target = format!("/api/v2/search/tag/{target}&{WINDOW}");
        let found: Value = serde_json::from_slice(&ask(&gateway, &target).await.body).unwrap();
        let mut found: Vec<(&str, &str)> = found["tagValues"]
            .as_array()
            .unwrap()
            .iter()
            .map(|value| (value["type"].as_str().unwrap(), value["value"].as_str().unwrap()))
            .collect();
        found.sort_unstable();
        let all = values.iter().all(|value| found.contains(value));
        assert!(all && (target.contains("kind") || found.len() == values.len()), "{target}: {found:?}");
    }
}

#[tokio::test]
async fn a_graph_and_an_instant_are_read() {
    let gateway = Gateway::over(&places()).await;
    let query =
        "q=%7B%7D%20%7C%20count_over_time()%20by%20(resource.service.name)&start=1700000000&end=1700000060";
    let target = format!("/api/metrics/query_range?{query}&step=30s&exemplars=10");
    let range: Value = serde_json::from_slice(&ask(&gateway, &target).await.body).unwrap();
    let series = range["series"].as_array().unwrap();
    assert_eq!(series.len(), 2);
    for one in series {
        assert_eq!(one["labels"][0]["key"], "resource.service.name");
        let total: f64 =
            one["samples"].as_array().unwrap().iter().filter_map(|sample| sample["value"].as_f64()).sum();
        assert!((total - 2.0).abs() < f64::EPSILON, "{one}");
        assert!(one["samples"][0]["timestampMs"].is_string());
    }
    let reply = ask(&gateway, &format!("/api/metrics/query?{query}&step=30s&exemplars=10")).await;
    let instant: QueryInstantResponse = serde_json::from_slice(&reply.body).unwrap();
    let values: Vec<f64> = instant.series.iter().map(|series| series.value).collect();
    assert_eq!(values, [2.0, 2.0]);
    assert!(instant.series.iter().all(|series| series.labels.len() == 1));
    assert_eq!((instant.status, instant.message), (None, None));
    assert_eq!(instant.metrics.total_jobs, 2);
}

/// The page shows neither headers nor `message` of these, so an answer that misses a region is only said where
/// it can be; an alert rule gets an error.
#[tokio::test]
async fn a_missing_region_is_said_without_a_member_of_our_own() {
    let [one, other] = places();
    let gateway = Gateway::over(&[one, other.behaving(Behaviour::ServerError)]).await;
    let found = search(&gateway, "%7B%7D").await;
    assert_eq!(found.traces.len(), 1);
    assert_eq!((found.metrics.completed_jobs, found.metrics.total_jobs), (1, 2));
    let query = "q=%7B%7D%20%7C%20count_over_time()&start=1700000000&end=1700000060";
    let reply = ask(&gateway, &format!("/api/metrics/query?{query}")).await;
    assert_eq!(reply.header("tutti-outcome"), "partial");
    let instant: QueryInstantResponse = serde_json::from_slice(&reply.body).unwrap();
    assert_eq!(instant.status.as_deref(), Some("PARTIAL"));
    assert!(instant.message.unwrap().starts_with("eu-central answered with an error"));
    for path in ["/api/metrics/query", "/api/metrics/query_range", "/strict/api/metrics/query"] {
        let target = format!("{path}?{query}");
        let headers: &[(&str, &str)] =
            if path.starts_with("/strict") { &[] } else { &[("fromalert", "true")] };
        let reply = get(gateway.address, Protocol::Http1, &target, headers).await;
        assert!(reply.status.is_server_error(), "{path}: {}", reply.status);
        assert!(reply.text().contains("eu-central") && !reply.text().contains('\n'), "{}", reply.text());
    }
}
