//! A trace as a client reads it out of an answer, whatever the encoding: by prost and serde_json, which
//! share nothing with what wrote it.

#![allow(dead_code, reason = "each test uses its part")]

use std::collections::BTreeMap;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::TracesData;
use prost::Message;
use serde_json::Value as Json;

use crate::estate::Answered;

/// What a client has seen.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    pub spans: Vec<SeenSpan>,
    pub is_partial: bool,
    pub message: String,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub struct SeenSpan {
    pub id: Vec<u8>,
    pub parent: Vec<u8>,
    pub name: String,
    pub kind: i32,
    pub start: u64,
    pub end: u64,
    /// Values as text; lists in a form that only tests compare.
    pub attributes: BTreeMap<String, String>,
    pub resource: BTreeMap<String, String>,
}

/// Tempo's v2 answer.
#[derive(Clone, PartialEq, prost::Message)]
pub struct TraceByIdResponse {
    #[prost(message, optional, tag = "1")]
    pub trace: Option<TracesData>,
    #[prost(message, optional, tag = "2")]
    pub metrics: Option<TraceByIdMetrics>,
    #[prost(int32, tag = "3")]
    pub status: i32,
    #[prost(string, tag = "4")]
    pub message: String,
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct TraceByIdMetrics {
    #[prost(uint64, tag = "1")]
    pub inspected_bytes: u64,
}

impl SeenSpan {
    pub fn number(&self) -> u64 {
        u64::from_be_bytes(self.id.as_slice().try_into().unwrap())
    }

    pub fn attribute(&self, key: &str) -> Option<&str> {
        self.attributes.get(key).map(String::as_str)
    }

    /// A number among the attributes.
    pub fn figure(&self, key: &str) -> Option<f64> {
        self.attribute(key).map(|text| text.parse().unwrap())
    }

    pub fn is_synthetic(&self) -> bool {
        self.attribute("tutti.synthetic") == Some("true")
    }

    pub fn is_placeholder(&self) -> bool {
        self.attribute("tutti.placeholder") == Some("true")
    }
}

impl Seen {
    /// Spans that services sent.
    pub fn real(&self) -> impl Iterator<Item = &SeenSpan> {
        self.spans.iter().filter(|span| !span.is_synthetic())
    }

    pub fn synthetic(&self) -> impl Iterator<Item = &SeenSpan> {
        self.spans.iter().filter(|span| span.is_synthetic())
    }

    pub fn span(&self, id: u64) -> &SeenSpan {
        let found = self.spans.iter().find(|span| span.id == id.to_be_bytes());
        found.unwrap_or_else(|| panic!("no span {id} in {:?}", self.spans))
    }

    /// Ids of the spans that services sent, in order.
    pub fn ids(&self) -> Vec<u64> {
        let mut ids: Vec<u64> = self.real().map(SeenSpan::number).collect();
        ids.sort_unstable();
        ids
    }
}

pub fn v1_protobuf(answer: &Answered) -> Seen {
    Seen { spans: of_message(&TracesData::decode(answer.body.clone()).unwrap()), ..Seen::default() }
}

pub fn v2_protobuf(answer: &Answered) -> Seen {
    let response = TraceByIdResponse::decode(answer.body.clone()).unwrap();
    Seen {
        spans: of_message(&response.trace.unwrap()),
        is_partial: response.status == 1,
        message: response.message,
    }
}

pub fn v1_json(answer: &Answered) -> Seen {
    Seen { spans: of_json(&answer.json()["batches"]), ..Seen::default() }
}

pub fn v2_json(answer: &Answered) -> Seen {
    let json = answer.json();
    let message = json["message"].as_str().unwrap_or_default().to_owned();
    assert!(json["status"].is_null() || json["status"] == "PARTIAL", "{}", json["status"]);
    Seen { spans: of_json(&json["trace"]["resourceSpans"]), is_partial: json["status"] == "PARTIAL", message }
}

/// The gateway's own document, or the `answer` of its stream.
pub fn document(json: &Json) -> Seen {
    Seen {
        spans: of_json(&json["trace"]["resourceSpans"]),
        is_partial: json["report"]["outcome"] == "partial",
        message: String::new(),
    }
}

/// Names and data of server-sent events.
pub fn events(answer: &Answered) -> Vec<(String, Json)> {
    let text = answer.text();
    let events = text.split("\n\n").filter(|event| !event.is_empty());
    events
        .map(|event| {
            let (name, data) = event.strip_prefix("event: ").unwrap().split_once("\ndata: ").unwrap();
            (name.to_owned(), serde_json::from_str(data).unwrap())
        })
        .collect()
}

fn of_message(trace: &TracesData) -> Vec<SeenSpan> {
    let mut seen = Vec::new();
    for batch in &trace.resource_spans {
        // Grafana reads these by pointer and panics where one is absent.
        let resource = pairs(&batch.resource.as_ref().unwrap().attributes);
        for scope in &batch.scope_spans {
            assert!(scope.scope.is_some(), "a scope is absent");
            for span in &scope.spans {
                assert!(span.status.is_some(), "a status is absent");
                seen.push(SeenSpan {
                    id: span.span_id.clone(),
                    parent: span.parent_span_id.clone(),
                    name: span.name.clone(),
                    kind: span.kind,
                    start: span.start_time_unix_nano,
                    end: span.end_time_unix_nano,
                    attributes: pairs(&span.attributes),
                    resource: resource.clone(),
                });
            }
        }
    }
    seen
}

fn pairs(pairs: &[KeyValue]) -> BTreeMap<String, String> {
    let value = |pair: &KeyValue| match pair.value.as_ref().and_then(|any| any.value.as_ref()) {
        Some(Value::StringValue(text)) => text.clone(),
        Some(Value::BoolValue(flag)) => flag.to_string(),
        Some(Value::IntValue(int)) => int.to_string(),
        Some(Value::DoubleValue(double)) => double.to_string(),
        other => format!("{other:?}"),
    };
    pairs.iter().map(|pair| (pair.key.clone(), value(pair))).collect()
}

fn of_json(batches: &Json) -> Vec<SeenSpan> {
    let mut seen = Vec::new();
    for batch in list(batches) {
        let resource = pairs_of_json(&batch["resource"]["attributes"]);
        for scope in list(&batch["scopeSpans"]) {
            for span in list(&scope["spans"]) {
                assert!(span["status"].is_object(), "a status is absent");
                seen.push(SeenSpan {
                    id: bytes(&span["spanId"]),
                    parent: bytes(&span["parentSpanId"]),
                    name: span["name"].as_str().unwrap_or_default().to_owned(),
                    kind: kind(&span["kind"]),
                    start: nanos(&span["startTimeUnixNano"]),
                    end: nanos(&span["endTimeUnixNano"]),
                    attributes: pairs_of_json(&span["attributes"]),
                    resource: resource.clone(),
                });
            }
        }
    }
    seen
}

fn list(json: &Json) -> &[Json] {
    json.as_array().map_or(&[], Vec::as_slice)
}

fn bytes(json: &Json) -> Vec<u8> {
    BASE64_STANDARD.decode(json.as_str().unwrap_or_default()).unwrap()
}

fn nanos(json: &Json) -> u64 {
    json.as_str().map_or(0, |text| text.parse().unwrap())
}

fn kind(json: &Json) -> i32 {
    match json.as_str() {
        Some("SPAN_KIND_INTERNAL") => 1,
        Some("SPAN_KIND_SERVER") => 2,
        Some("SPAN_KIND_CLIENT") => 3,
        Some("SPAN_KIND_PRODUCER") => 4,
        Some("SPAN_KIND_CONSUMER") => 5,
        _ => json.as_i64().unwrap_or_default() as i32,
    }
}

fn pairs_of_json(pairs: &Json) -> BTreeMap<String, String> {
    let value = |any: &Json| match any.as_object().and_then(|any| any.values().next()) {
        Some(Json::String(text)) => text.clone(),
        Some(other) => other.to_string(),
        None => String::new(),
    };
    let key = |pair: &Json| pair["key"].as_str().unwrap_or_default().to_owned();
    list(pairs).iter().map(|pair| (key(pair), value(&pair["value"]))).collect()
}
