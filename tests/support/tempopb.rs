//! Tempo's streaming API as a client has it: its messages as far as a test looks into them, and calls made
//! straight to a router. Fields are optional where a reader takes them by pointer.

#![allow(dead_code, reason = "each test uses its part")]

use axum::Router;
use axum::body::Body;
use bytes::{Buf, Bytes};
use http::{HeaderMap, Request, Version};
use http_body_util::BodyExt;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use prost::Message;
use tower::ServiceExt;

pub const SERVICE: &str = "/tempopb.StreamingQuerier/";

#[derive(Clone, PartialEq, Message)]
pub struct SearchRequest {
    #[prost(map = "string, string", tag = "1")]
    pub tags: std::collections::HashMap<String, String>,
    #[prost(uint32, tag = "4")]
    pub limit: u32,
    #[prost(uint32, tag = "5")]
    pub start: u32,
    #[prost(uint32, tag = "6")]
    pub end: u32,
    #[prost(string, tag = "8")]
    pub query: String,
    #[prost(uint32, tag = "9")]
    pub spans_per_span_set: u32,
}

#[derive(Clone, PartialEq, Message)]
pub struct TagsRequest {
    #[prost(string, tag = "1")]
    pub scope: String,
    #[prost(string, tag = "2")]
    pub query: String,
    #[prost(uint32, tag = "3")]
    pub start: u32,
    #[prost(uint32, tag = "4")]
    pub end: u32,
    #[prost(uint32, tag = "5")]
    pub max_tags_per_scope: u32,
}

#[derive(Clone, PartialEq, Message)]
pub struct TagValuesRequest {
    #[prost(string, tag = "1")]
    pub tag_name: String,
    #[prost(string, tag = "2")]
    pub query: String,
    #[prost(uint32, tag = "4")]
    pub start: u32,
    #[prost(uint32, tag = "5")]
    pub end: u32,
    #[prost(uint32, tag = "6")]
    pub max_tag_values: u32,
}

/// Also an instant query, which has the first three fields.
#[derive(Clone, PartialEq, Message)]
pub struct MetricsRequest {
    #[prost(string, tag = "1")]
    pub query: String,
    #[prost(uint64, tag = "2")]
    pub start: u64,
    #[prost(uint64, tag = "3")]
    pub end: u64,
    #[prost(uint64, tag = "4")]
    pub step: u64,
    #[prost(uint32, tag = "16")]
    pub exemplars: u32,
}

#[derive(Clone, PartialEq, Message)]
pub struct SearchResponse {
    #[prost(message, repeated, tag = "1")]
    pub traces: Vec<TraceRow>,
    #[prost(message, optional, tag = "2")]
    pub metrics: Option<SearchMetrics>,
}

#[derive(Clone, PartialEq, Message)]
pub struct TraceRow {
    #[prost(string, tag = "1")]
    pub trace_id: String,
    #[prost(string, tag = "2")]
    pub root_service: String,
    #[prost(string, tag = "3")]
    pub root_name: String,
}

#[derive(Clone, PartialEq, Message)]
pub struct SearchMetrics {
    #[prost(uint32, tag = "4")]
    pub completed_jobs: u32,
    #[prost(uint32, tag = "5")]
    pub total_jobs: u32,
}

#[derive(Clone, PartialEq, Message)]
pub struct TagNames {
    #[prost(string, repeated, tag = "1")]
    pub names: Vec<String>,
    #[prost(message, optional, tag = "2")]
    pub metrics: Option<MetadataMetrics>,
}

#[derive(Clone, PartialEq, Message)]
pub struct MetadataMetrics {
    #[prost(uint64, tag = "1")]
    pub inspected_bytes: u64,
}

#[derive(Clone, PartialEq, Message)]
pub struct TagScopes {
    #[prost(message, repeated, tag = "1")]
    pub scopes: Vec<TagScope>,
    #[prost(message, optional, tag = "2")]
    pub metrics: Option<MetadataMetrics>,
}

#[derive(Clone, PartialEq, Message)]
pub struct TagScope {
    #[prost(string, tag = "1")]
    pub name: String,
    #[prost(string, repeated, tag = "2")]
    pub tags: Vec<String>,
}

#[derive(Clone, PartialEq, Message)]
pub struct TypedValues {
    #[prost(message, repeated, tag = "1")]
    pub values: Vec<TypedValue>,
    #[prost(message, optional, tag = "2")]
    pub metrics: Option<MetadataMetrics>,
}

#[derive(Clone, PartialEq, Message)]
pub struct TypedValue {
    #[prost(string, tag = "1")]
    pub kind: String,
    #[prost(string, tag = "2")]
    pub value: String,
}

pub type RangeResponse = SeriesResponse<TimeSeries>;
pub type InstantResponse = SeriesResponse<InstantSeries>;

#[derive(Clone, PartialEq, Message)]
pub struct SeriesResponse<S: Message + Default + Clone + PartialEq + std::fmt::Debug> {
    #[prost(message, repeated, tag = "1")]
    pub series: Vec<S>,
    #[prost(message, optional, tag = "2")]
    pub metrics: Option<SearchMetrics>,
    #[prost(int32, tag = "3")]
    pub status: i32,
    #[prost(string, tag = "4")]
    pub message: String,
}

#[derive(Clone, PartialEq, Message)]
pub struct TimeSeries {
    #[prost(message, repeated, tag = "1")]
    pub labels: Vec<KeyValue>,
    #[prost(message, repeated, tag = "2")]
    pub samples: Vec<Sample>,
    #[prost(message, repeated, tag = "4")]
    pub exemplars: Vec<Exemplar>,
}

#[derive(Clone, PartialEq, Message)]
pub struct Sample {
    #[prost(double, tag = "1")]
    pub value: f64,
    #[prost(int64, tag = "2")]
    pub timestamp_ms: i64,
}

#[derive(Clone, PartialEq, Message)]
pub struct Exemplar {
    #[prost(message, repeated, tag = "1")]
    pub labels: Vec<KeyValue>,
    #[prost(double, tag = "2")]
    pub value: f64,
    #[prost(int64, tag = "3")]
    pub timestamp_ms: i64,
}

#[derive(Clone, PartialEq, Message)]
pub struct InstantSeries {
    #[prost(message, repeated, tag = "1")]
    pub labels: Vec<KeyValue>,
    #[prost(double, tag = "2")]
    pub value: f64,
}

/// A stream, taken in whole.
#[derive(Debug, Clone)]
pub struct Streamed {
    pub headers: HeaderMap,
    pub messages: Vec<Bytes>,
    /// Where there was no message, these are the headers.
    pub trailers: HeaderMap,
}

impl Streamed {
    /// The messages, and that all is well.
    pub fn all<M: Message + Default>(&self) -> Vec<M> {
        assert_eq!(self.code(), 0, "{}", self.line());
        self.messages()
    }

    pub fn messages<M: Message + Default>(&self) -> Vec<M> {
        self.messages.iter().map(|message| M::decode(message.clone()).unwrap()).collect()
    }

    pub fn code(&self) -> i32 {
        self.trailer("grpc-status").parse().unwrap()
    }

    /// What is said with the code.
    pub fn line(&self) -> String {
        percent_encoding::percent_decode_str(self.trailer("grpc-message")).decode_utf8().unwrap().into_owned()
    }

    pub fn trailer(&self, name: &str) -> &str {
        self.trailers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

/// A call as it stands in HTTP/2. The message is sent as it is.
pub fn request(path: &str, message: &[u8], headers: &[(&str, &str)]) -> Request<Body> {
    let mut framed = vec![0];
    framed.extend_from_slice(&u32::try_from(message.len()).unwrap().to_be_bytes());
    framed.extend_from_slice(message);
    let mut request = Request::post(path).version(Version::HTTP_2).header("content-type", "application/grpc");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(Body::from(framed)).unwrap()
}

pub async fn ask(router: &Router, path: &str, message: &[u8], headers: &[(&str, &str)]) -> Streamed {
    let response = router.clone().oneshot(request(path, message, headers)).await.unwrap();
    assert_eq!(response.status(), 200, "what a call says, it says in its own status");
    let (parts, body) = response.into_parts();
    assert_eq!(parts.headers["content-type"], "application/grpc");
    let body = body.collect().await.unwrap();
    let trailers = body.trailers().cloned();
    let mut bytes = body.to_bytes();
    let mut messages = Vec::new();
    while bytes.has_remaining() {
        assert_eq!(bytes.get_u8(), 0, "no compression was asked for");
        let length = bytes.get_u32() as usize;
        messages.push(bytes.split_to(length));
    }
    let trailers = trailers.unwrap_or_else(|| parts.headers.clone());
    Streamed { headers: parts.headers, messages, trailers }
}
