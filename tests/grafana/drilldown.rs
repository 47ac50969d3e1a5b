//! Traces Drilldown: every shape of query that it sends, each over HTTP and as a stream, and what its pages read.

use std::collections::BTreeSet;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use super::client::{Protocol, Reply, get};
use super::gateway::{Gateway, Place};
use super::grpc_client::{call, client};
use super::queries::SearchResponse;
use super::streaming::{END, START, ranging, searching, table};
use super::tempopb::RangeResponse;
use super::{WHOLE, attribute, batch, export, span};

/// What its structure tab selects.
const STRUCTURE: &str =
    "select(status, resource.service.name, name, nestedSetParent, nestedSetLeft, nestedSetRight)";

/// A span that failed, and says why.
fn failed(id: u64, parent: u64) -> String {
    let span = span(WHOLE, id, parent, 2);
    let said = [
        attribute("exception.type", "Timeout"),
        attribute("exception.message", "the bank said nothing"),
        attribute("exception.stacktrace", "at pay()"),
    ]
    .join(",");
    let event =
        format!(r#"{{"timeUnixNano":"1700000000010000000","name":"exception","attributes":[{said}]}}"#);
    let failed = format!(r#","status":{{"code":2,"message":"boom"}},"events":[{event}]}}"#);
    format!("{}{failed}", span.strip_suffix('}').unwrap())
}

/// The root is in one region, and what failed below it in the other.
async fn gateway() -> Gateway {
    let shop = [attribute("service.name", "shop"), attribute("service.namespace", "web")];
    let us = export(&[batch(&shop, &[span(WHOLE, 1, 0, 2), span(WHOLE, 2, 1, 3)])]);
    let eu = export(&[batch(
        &[attribute("service.name", "pay")],
        &[failed(3, 2), span(WHOLE, 4, 3, 1), failed(5, 3)],
    )]);
    let places = [Place::new("us-east", "US").holding(&us), Place::new("eu-central", "EU").holding(&eu)];
    Gateway::over(&places).await
}

fn escaped(query: &str) -> String {
    utf8_percent_encode(query, NON_ALPHANUMERIC).to_string()
}

async fn ask(gateway: &Gateway, target: &str, accept: &str) -> Reply {
    let reply = get(gateway.address, Protocol::Http1, target, &[("accept", accept)]).await;
    assert_eq!(reply.status.as_u16(), 200, "{target}: {}", reply.text());
    reply
}

/// As read over HTTP, where a stream comes to the same bytes.
async fn search(gateway: &Gateway, query: &str, limit: u32, spss: u32) -> SearchResponse {
    let q = escaped(query);
    let target = format!("/api/search?q={q}&limit={limit}&spss={spss}&start={START}&end={END}");
    let read = ask(gateway, &target, "application/json").await;
    let found = serde_json::from_slice(&read.body).unwrap_or_else(|why| panic!("{query}: {why}"));
    let packed = ask(gateway, &target, "application/protobuf").await;
    let called = call(client(gateway.address).await, "Search", searching(query, limit, spss)).await;
    assert!(called.status.is_none(), "{query}: {:?}", called.status);
    assert_eq!(called.messages.last().unwrap(), packed.body.as_slice(), "{query}");
    table(&called);
    found
}

/// The series of a graph: their labels and how much they come to.
type Graph = BTreeSet<String>;

async fn graph(gateway: &Gateway, query: &str) -> Graph {
    let target = format!(
        "/api/metrics/query_range?q={}&start=1700000000&end=1700000060&step=30s&exemplars=10",
        escaped(query)
    );
    let read: Value = serde_json::from_slice(&ask(gateway, &target, "application/json").await.body).unwrap();
    let text = |value: &Value| {
        let value = value.as_object().unwrap().values().next().unwrap();
        value.as_str().map_or_else(|| value.to_string(), str::to_owned)
    };
    let mut over_http = Graph::new();
    for series in read["series"].as_array().unwrap() {
        let labels = series["labels"].as_array().unwrap().iter();
        let labels: Vec<String> = labels
            .map(|label| format!("{}={}", label["key"].as_str().unwrap(), text(&label["value"])))
            .collect();
        let samples = series["samples"].as_array().unwrap().iter();
        let sum: f64 = samples.filter_map(|sample| sample["value"].as_f64()).sum();
        over_http.insert(format!("{} {sum:.6}", labels.join(" ")));
    }
    let called = call(client(gateway.address).await, "MetricsQueryRange", ranging(query, 30)).await;
    assert!(called.status.is_none(), "{query}: {:?}", called.status);
    let parts: Vec<RangeResponse> = called.read();
    assert!(parts.iter().all(|part| part.metrics.is_some()), "{query}");
    let sums = |sum: f64| format!("{sum:.6}");
    let mut streamed: Vec<String> = parts
        .last()
        .unwrap()
        .series
        .iter()
        .map(|series| sums(series.samples.iter().map(|sample| sample.value).sum()))
        .collect();
    let mut same: Vec<String> =
        over_http.iter().map(|series| series.rsplit(' ').next().unwrap().to_owned()).collect();
    streamed.sort();
    same.sort();
    assert_eq!(streamed, same, "{query}");
    over_http
}

fn is_in(graph: &Graph, start: &str) -> bool {
    graph.iter().any(|series| series.starts_with(start))
}

#[tokio::test]
async fn the_primary_signal_is_counted_and_broken_down() {
    let gateway = gateway().await;
    // When the page opens.
    assert!(is_in(&graph(&gateway, "{} | rate()").await, "__name__=rate 0.1"));
    // Roots are those of the whole: what lies in the other region is below one.
    let roots = graph(&gateway, "{nestedSetParent<0} | rate() by(resource.service.name)").await;
    assert_eq!(roots.len(), 1, "{roots:?}");
    assert!(is_in(&roots, "resource.service.name=shop"), "{roots:?}");
    let all = graph(&gateway, "{true} | rate() by(resource.service.name)").await;
    assert!(is_in(&all, "resource.service.name=pay") && is_in(&all, "resource.service.name=shop"));
    for (attribute, label) in [
        ("name", "name"),
        ("resource.service.namespace", "resource.service.namespace"),
        ("rootServiceName", "rootServiceName"),
        // As Tempo names it.
        ("span:status", "status"),
        ("kind", "kind"),
    ] {
        let query = format!("{{nestedSetParent<0 && {attribute} != nil}} | rate() by({attribute})");
        assert!(is_in(&graph(&gateway, &query).await, &format!("{label}=")), "{query}");
    }
    let errors =
        graph(&gateway, "{kind=server && span:status=error} | rate() by(resource.service.name)").await;
    assert!(is_in(&errors, "resource.service.name=pay") && errors.len() == 1, "{errors:?}");
    let durations = graph(&gateway, "{nestedSetParent<0} | quantile_over_time(duration, 0.9)").await;
    assert!(is_in(&durations, "p=0.9"), "{durations:?}");
    let buckets =
        graph(&gateway, "{nestedSetParent<0} | histogram_over_time(duration) with(sample=true)").await;
    assert!(is_in(&buckets, "__bucket="), "{buckets:?}");
}

#[tokio::test]
async fn a_selection_is_compared_with_the_rest() {
    let gateway = gateway().await;
    let all = "1700000000000000000, 1700000060000000000";
    for query in [
        "{true} | compare({status = error}, 10)".to_owned(),
        "{nestedSetParent<0 || status = error} | compare({span:status = error})".to_owned(),
        format!("{{true}} | compare({{status = error && duration >= 1ms}}, 10, {all})"),
    ] {
        let compared = graph(&gateway, &query).await;
        for kind in ["baseline", "selection", "baseline_total", "selection_total"] {
            assert!(is_in(&compared, &format!("__meta_type={kind} ")), "{query}: {kind} in {compared:?}");
        }
        let of_errors = compared.iter().filter(|series| series.contains("=selection "));
        assert!(of_errors.clone().any(|series| series.contains("resource.service.name=pay")), "{compared:?}");
    }
}

#[tokio::test]
async fn the_structure_tab_gets_one_tree_over_both_regions() {
    let gateway = gateway().await;
    for query in [
        format!("{{nestedSetParent<0}} &>> {{kind = server}} | {STRUCTURE}"),
        format!("({{nestedSetParent<0}} &>> {{status = error}}) || ({{nestedSetParent<0}}) | {STRUCTURE}"),
        format!(
            "({{nestedSetParent<0}} &>> {{duration > 1ms}}) || ({{nestedSetParent<0 && duration > 1ms}}) | {STRUCTURE}"
        ),
    ] {
        let found = search(&gateway, &query, 200, 20).await;
        let [row] = found.traces.as_slice() else { panic!("{query}: {found:?}") };
        assert_eq!((row.root_service_name.as_str(), row.root_trace_name.as_str()), ("shop", "step 1"));
        let [set] = row.span_sets.as_slice() else { panic!("there should be only 1 spanset! {row:?}") };
        let number = |span: &super::queries::Span, key: &str| -> i64 {
            let pair = span.attributes.iter().find(|pair| pair.key == key);
            let pair = pair.unwrap_or_else(|| panic!("{query}: no {key} on {span:?}"));
            pair.value["intValue"].as_str().unwrap().parse().unwrap()
        };
        let lefts: BTreeSet<i64> = set.spans.iter().map(|span| number(span, "nestedSetLeft")).collect();
        assert_eq!(lefts.len(), set.spans.len(), "{query}: no number stands twice");
        assert!(set.spans.iter().all(|span| !span.name.is_empty()));
        let roots = set.spans.iter().filter(|span| number(span, "nestedSetParent") == -1);
        assert_eq!(roots.count(), 1, "{query}: {set:?}");
        for span in &set.spans {
            let [left, right] = ["nestedSetLeft", "nestedSetRight"].map(|key| number(span, key));
            assert!(0 < left && left < right, "{span:?}");
            for key in ["status", "service.name"] {
                assert!(span.attributes.iter().any(|pair| pair.key == key), "{query}: no {key} on {span:?}");
            }
        }
    }
}

#[tokio::test]
async fn traces_and_exceptions_are_listed() {
    let gateway = gateway().await;
    let select = "select(resource.service.name, event.exception.message, event.exception.stacktrace, \
                  event.exception.type)";
    for query in [
        format!("{{status = error}} | {select} with(most_recent=true)"),
        format!(
            "{{span:status = error && event.exception.message != nil}} | {select} with(most_recent=true)"
        ),
    ] {
        let found = search(&gateway, &query, 400, 10).await;
        let [row] = found.traces.as_slice() else { panic!("{query}: {found:?}") };
        let [set] = row.span_sets.as_slice() else { panic!("{query}: {row:?}") };
        assert_eq!((set.matched, set.spans.len()), (2, 2), "{query}");
        for span in &set.spans {
            let said = |key: &str| {
                let pair = span.attributes.iter().find(|pair| pair.key == key);
                pair.unwrap_or_else(|| panic!("{query}: no {key} on {span:?}")).value["stringValue"].clone()
            };
            assert_eq!(said("exception.message"), "the bank said nothing");
            assert_eq!((said("exception.type"), said("service.name")), ("Timeout".into(), "pay".into()));
        }
    }
    for (query, spans) in [
        ("{nestedSetParent<0 && resource.service.namespace = \"web\"}", 1),
        ("{kind = server && duration > 1ms}", 3),
        ("{nestedSetParent<0} | select(resource.service.name, span.http.status_code)", 1),
        ("{status != error && name =~ \"step.*\"}", 3),
    ] {
        let found = search(&gateway, query, 200, 10).await;
        assert_eq!(found.traces[0].span_sets[0].matched, spans, "{query}");
        assert_eq!(found.traces[0].root_service_name, "shop", "{query}");
    }
}
