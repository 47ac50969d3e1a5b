//! The contract with Grafana: exactly the requests its data source sends, over real
//! connections, and what its plugin and its page rely on in the answers. No code of Grafana's is here.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test may fail by panicking, and so may what it is made of"
)]

mod client;
mod connections;
mod contract;
mod drilldown;
#[path = "../support/gateway.rs"]
#[allow(dead_code, reason = "shared with other tests, which use other parts")]
mod gateway;
#[path = "../support/grpc_client.rs"]
mod grpc_client;
mod identity;
mod legacy;
mod partial;
mod queries;
mod streaming;
#[path = "../support/tempopb.rs"]
mod tempopb;

use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, Span, TracesData};
use prost::Message;

/// v2's message as far as the plugin reads it. Fields are optional as they are on the wire, so that what
/// is left out can be told from what is empty.
#[derive(Clone, PartialEq, Message)]
pub struct TraceByIdResponse {
    #[prost(message, optional, tag = "1")]
    pub trace: Option<TracesData>,
    #[prost(message, optional, tag = "2")]
    pub metrics: Option<Metrics>,
    #[prost(int32, tag = "3")]
    pub status: i32,
    #[prost(string, tag = "4")]
    pub message: String,
}

#[derive(Clone, PartialEq, Message)]
pub struct Metrics {
    #[prost(uint64, tag = "1")]
    pub inspected_bytes: u64,
}

const COMPLETE: i32 = 0;
const PARTIAL: i32 = 1;

/// A trace of both regions; the half in eu-central hangs below the half in us-east.
const WHOLE: &str = "0af7651916cd43dd8448eb211c80319c";
/// Spans without resource, scope, status or times, as a careless exporter sends them.
const BARE: &str = "0000000000000000000000000000beef";

fn attribute(key: &str, value: &str) -> String {
    format!(r#"{{"key":"{key}","value":{{"stringValue":"{value}"}}}}"#)
}

fn span(trace: &str, id: u64, parent: u64, kind: u8) -> String {
    let parent = if parent == 0 { String::new() } else { format!("{parent:016x}") };
    let start = 1_700_000_000_000_000_000 + id * 1_000_000;
    let end = start + 90_000_000 - id * 4_000_000;
    format!(
        r#"{{"traceId":"{trace}","spanId":"{id:016x}","parentSpanId":"{parent}","name":"step {id}","kind":{kind},"startTimeUnixNano":"{start}","endTimeUnixNano":"{end}"}}"#
    )
}

/// A resource with these attributes and spans.
fn batch(attributes: &[String], spans: &[String]) -> String {
    format!(
        r#"{{"resource":{{"attributes":[{}]}},"scopeSpans":[{{"scope":{{"name":"shop"}},"spans":[{}]}}]}}"#,
        attributes.join(","),
        spans.join(",")
    )
}

fn export(batches: &[String]) -> String {
    format!(r#"{{"resourceSpans":[{}]}}"#, batches.join(","))
}

fn whole_in_us_east() -> String {
    // Kind 3 is a client: it calls what the other region serves.
    export(&[batch(&[attribute("service.name", "shop")], &[span(WHOLE, 1, 0, 2), span(WHOLE, 2, 1, 3)])])
}

fn whole_in_eu_central() -> String {
    export(&[batch(&[attribute("service.name", "pay")], &[span(WHOLE, 3, 2, 2), span(WHOLE, 4, 3, 1)])])
}

fn bare() -> String {
    format!(
        r#"{{"resourceSpans":[
            {{"scopeSpans":[{{"spans":[{{"traceId":"{BARE}","spanId":"0000000000000001","name":"bare"}}]}}]}},
            {{"resource":{{}},"scopeSpans":[{{"scope":{{}},"spans":[{{"traceId":"{BARE}","spanId":"0000000000000002","parentSpanId":"0000000000000007","status":{{}}}}]}}]}}
        ]}}"#
    )
}

fn spans(batches: &[ResourceSpans]) -> Vec<&Span> {
    batches.iter().flat_map(|batch| &batch.scope_spans).flat_map(|scope| &scope.spans).collect()
}
