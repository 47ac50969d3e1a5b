//! Streaming, as the plugin does it: calls to the host and port of the data source, whatever its path; rows put
//! together as they come, of which the first version stays; the last numbers shown as progress.

use std::collections::BTreeMap;

use bytes::Bytes;
use prost::Message;
use tonic::Code;
use tonic::metadata::MetadataMap;
use tutti::backend::Behaviour;
use tutti::task::clock::wall_nanos;

use super::client::{Protocol, get};
use super::gateway::{Gateway, Place};
use super::grpc_client::{Called, call, call_with, client};
use super::tempopb::{
    InstantResponse, MetricsRequest, RangeResponse, SearchMetrics, SearchRequest, TagValuesRequest,
    TagsRequest,
};
use super::{whole_in_eu_central, whole_in_us_east};

pub const START: u32 = 1_699_999_800;
pub const END: u32 = 1_700_000_700;
const S: u64 = 1_000_000_000;

/// What the plugin's client takes of one message.
const MESSAGE_BYTES_MAX: usize = 4 << 20;

/// Rows by their bytes, and the numbers that the plugin takes by pointer.
#[derive(Clone, PartialEq, Message)]
pub struct Rows {
    #[prost(bytes = "bytes", repeated, tag = "1")]
    pub rows: Vec<Bytes>,
    #[prost(message, optional, tag = "2")]
    pub metrics: Option<SearchMetrics>,
}

#[derive(Clone, PartialEq, Message)]
struct Row {
    #[prost(string, tag = "1")]
    trace_id: String,
}

/// What the plugin has in the end: of each trace the first version.
#[derive(Debug)]
pub struct Table {
    pub rows: BTreeMap<String, Bytes>,
    pub metrics: SearchMetrics,
}

pub fn table(called: &Called) -> Table {
    let mut rows = BTreeMap::new();
    let mut last = None;
    for message in &called.messages {
        assert!(message.len() < MESSAGE_BYTES_MAX);
        let part = Rows::decode(message.clone()).unwrap();
        last = Some(part.metrics.expect("metrics, or the page breaks"));
        for row in part.rows {
            let id = Row::decode(row.clone()).unwrap().trace_id;
            rows.entry(id).or_insert(row);
        }
    }
    Table { rows, metrics: last.expect("one message at least, or the page breaks") }
}

pub fn searching(query: &str, limit: u32, spss: u32) -> SearchRequest {
    let query = query.to_owned();
    SearchRequest { query, limit, spans_per_span_set: spss, start: START, end: END, ..Default::default() }
}

/// A range as the plugin asks for it.
pub fn ranging(query: &str, step_s: u64) -> MetricsRequest {
    let (start, end) = (1_700_000_000 * S, 1_700_000_060 * S);
    MetricsRequest { query: query.to_owned(), start, end, step: step_s * S, exemplars: 10 }
}

fn places() -> [Place; 2] {
    [
        Place::new("us-east", "US").holding(&whole_in_us_east()),
        Place::new("eu-central", "EU").holding(&whole_in_eu_central()),
    ]
}

/// The plugin's own headers, and those that somebody set on the data source.
fn of_data_source() -> MetadataMap {
    let mut metadata = MetadataMap::new();
    metadata.insert("x-scope-orgid", "shop".parse().unwrap());
    metadata.insert("authorization", "Basic Z3JhZmFuYTpzZWNyZXQ=".parse().unwrap());
    metadata
        .insert("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".parse().unwrap());
    metadata
}

/// Save & test, with streaming on: the first message must be no error; and what balancers ask.
#[tokio::test]
async fn health_is_asked_by_a_search_for_one_trace_and_by_its_own_service() {
    let gateway = Gateway::over(&places()).await;
    let now = u32::try_from(wall_nanos() / S).unwrap();
    let asked = SearchRequest {
        query: "{}".to_owned(),
        start: now - 15 * 60,
        end: now,
        limit: 1,
        ..Default::default()
    };
    let client = client(gateway.address).await;
    let called = call_with(client.clone(), "Search", asked.encode_to_vec().into(), of_data_source()).await;
    assert!(called.status.is_none(), "{:?}", called.status);
    assert!(table(&called).rows.is_empty());
    let health = call_with(client, "/grpc.health.v1.Health/Check", Bytes::new(), MetadataMap::new()).await;
    assert_eq!(
        (health.messages, health.status.map(|status| status.code())),
        (vec![Bytes::from(&[8, 1][..])], None)
    );
    let echo = get(gateway.address, Protocol::Http2, "/api/echo", &[]).await;
    assert_eq!((echo.status.as_u16(), echo.text()), (200, "echo\n"));
}

/// Byte for byte what a client of HTTP gets that takes protobuf.
#[tokio::test]
async fn a_stream_is_the_same_answer_in_the_end() {
    let gateway = Gateway::over(&places()).await;
    let streams = client(gateway.address).await;
    let http = async |target: &str| {
        let target = format!("{target}start={START}&end={END}");
        let accept = [("accept", "application/protobuf")];
        let reply = get(gateway.address, Protocol::Http1, &target, &accept).await;
        assert_eq!(reply.status.as_u16(), 200, "{target}: {}", reply.text());
        Bytes::from(reply.body)
    };
    let last = |called: Called| {
        assert!(called.status.is_none(), "{:?}", called.status);
        called.messages.last().unwrap().clone()
    };
    // The editor's own numbers.
    let whole = call(streams.clone(), "Search", searching("{}", 20, 3)).await;
    assert_eq!(table(&whole).rows.len(), 1);
    assert_eq!((table(&whole).metrics.completed_jobs, table(&whole).metrics.total_jobs), (2, 2));
    assert_eq!(last(whole), http("/api/search?q=%7B%7D&limit=20&spss=3&").await);
    let names = TagsRequest { start: START, end: END, ..Default::default() };
    let streamed = call(streams.clone(), "SearchTagsV2", names.clone()).await;
    assert_eq!(last(streamed), http("/api/v2/search/tags?").await);
    let streamed = call(streams.clone(), "SearchTags", names).await;
    assert_eq!(last(streamed), http("/api/search/tags?").await);
    for name in ["resource.service.name", "span:kind", "name", "span.none"] {
        let tag_name = name.to_owned();
        let values = TagValuesRequest { tag_name, start: START, end: END, ..Default::default() };
        let streamed = call(streams.clone(), "SearchTagValuesV2", values.clone()).await;
        assert_eq!(last(streamed), http(&format!("/api/v2/search/tag/{name}/values?")).await, "{name}");
        let streamed = call(streams.clone(), "SearchTagValues", values).await;
        assert_eq!(last(streamed), http(&format!("/api/search/tag/{name}/values?")).await, "{name}");
    }
}

#[tokio::test]
async fn a_graph_and_an_instant_are_streamed() {
    let gateway = Gateway::over(&places()).await;
    let client = client(gateway.address).await;
    // 0 is a step that the editor leaves to the server.
    for step in [0, 30] {
        let asked = ranging("{} | count_over_time() by (resource.service.name)", step);
        let called = call(client.clone(), "MetricsQueryRange", asked).await;
        assert!(called.status.is_none(), "{:?}", called.status);
        let parts: Vec<RangeResponse> = called.read();
        assert!(parts.iter().all(|part| part.metrics.is_some()));
        let series = &parts.last().unwrap().series;
        assert_eq!(series.len(), 2);
        for one in series {
            assert_eq!(one.labels[0].key, "resource.service.name");
            assert_eq!(one.samples.iter().map(|sample| sample.value).sum::<f64>(), 2.0);
            // An exemplar leads to its trace.
            assert!(one.exemplars.iter().all(|one| one.labels.iter().any(|label| label.key == "trace:id")));
        }
    }
    let asked = MetricsRequest { step: 0, exemplars: 0, ..ranging("{} | count_over_time()", 0) };
    let called = call(client, "MetricsQueryInstant", asked).await;
    assert!(called.status.is_none(), "{:?}", called.status);
    let parts: Vec<InstantResponse> = called.read();
    assert_eq!(parts.last().unwrap().series[0].value, 4.0);
}

/// What was sent stays on the screen, and the error above it.
#[tokio::test]
async fn rows_stay_and_the_error_names_who_is_missing_in_one_line() {
    let [us, eu] = places();
    let gateway = Gateway::over(&[us, eu.behaving(Behaviour::ServerError)]).await;
    let called = call(client(gateway.address).await, "Search", searching("{}", 20, 3)).await;
    let shown = table(&called);
    assert_eq!(shown.rows.len(), 1);
    assert!(shown.metrics.completed_jobs < shown.metrics.total_jobs);
    let status = called.status.unwrap();
    assert_eq!(status.code(), Code::Unavailable);
    assert!(status.message().contains("eu-central") && !status.message().contains('\n'), "{status}");
    assert!(!status.message().to_lowercase().contains("not found"), "{status}");
}
