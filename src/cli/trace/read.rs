//! Reads the server's JSON: OTLP in Tempo's dialect, with ids in base64, long integers in quotes and enums by
//! name.
//!
//! It is read leniently: a field that is absent, null or of another kind is as if it were empty, so that
//! one odd span never costs the whole picture.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

use super::document::{Crossing, Document, Kind, Marks, Report, Resource, Span, Synthetic, Trace};
use super::lenient::Attributes;
use crate::cli::scalar::{Scalar, or_default};

/// Owed spans that are looked for among all others; a gateway names a few.
const OWED_MAX: usize = 100;

/// The document that an answer holds.
pub fn document(json: &str) -> Result<Document, serde_json::Error> {
    #[derive(Deserialize)]
    struct AsWritten {
        report: Report,
        #[serde(default, deserialize_with = "or_default")]
        trace: TraceJson,
    }
    let AsWritten { mut report, trace } = serde_json::from_str(json)?;
    report.owed.first.truncate(OWED_MAX);
    Ok(Document { report, trace: trace.into_trace() })
}

/// The spans that the event of a region holds; none where it holds none.
pub fn part(json: &str) -> Result<Trace, serde_json::Error> {
    #[derive(Deserialize)]
    struct AsWritten {
        #[serde(default, deserialize_with = "or_default")]
        trace: TraceJson,
    }
    serde_json::from_str(json).map(|AsWritten { trace }| trace.into_trace())
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct TraceJson {
    #[serde(deserialize_with = "or_default")]
    resource_spans: Vec<ResourceSpans>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ResourceSpans {
    #[serde(deserialize_with = "or_default")]
    resource: ResourceJson,
    #[serde(deserialize_with = "or_default")]
    scope_spans: Vec<ScopeSpans>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ResourceJson {
    #[serde(deserialize_with = "or_default")]
    attributes: Attributes,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ScopeSpans {
    #[serde(deserialize_with = "or_default")]
    spans: Vec<SpanJson>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct SpanJson {
    span_id: Scalar,
    parent_span_id: Scalar,
    name: Scalar,
    kind: Scalar,
    start_time_unix_nano: Scalar,
    end_time_unix_nano: Scalar,
    #[serde(deserialize_with = "or_default")]
    attributes: Attributes,
    #[serde(deserialize_with = "or_default")]
    status: StatusJson,
    #[serde(deserialize_with = "or_default")]
    events: Vec<EventJson>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct StatusJson {
    message: Scalar,
    code: Scalar,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct EventJson {
    name: Scalar,
    #[serde(deserialize_with = "or_default")]
    attributes: Attributes,
}

impl TraceJson {
    fn into_trace(self) -> Trace {
        let mut trace = Trace::default();
        for batch in self.resource_spans {
            let resource = trace.resources.len();
            let text = |key| batch.resource.attributes.text(key).unwrap_or_default().to_owned();
            trace.resources.push(Resource { service: text("service.name"), region: text("tutti.region") });
            let spans = batch.scope_spans.into_iter().flat_map(|scope| scope.spans);
            trace.spans.extend(spans.map(|span| span.into_span(resource)));
        }
        trace
    }
}

impl SpanJson {
    fn into_span(self, resource: usize) -> Span {
        let is_error = matches!(self.status.code.0.as_str(), "STATUS_CODE_ERROR" | "2");
        let marks = Marks {
            error: is_error.then(|| self.error_text()).flatten(),
            crossing: self.attributes.crossing(),
            synthetic: self.attributes.synthetic(),
            in_cycle: self.attributes.flag("tutti.cycle"),
            redacted: self.attributes.is_present("tutti.redacted"),
        };
        Span {
            resource,
            id: id(self.span_id.0),
            parent_id: id(self.parent_span_id.0),
            kind: kind(&self.kind.0),
            start: self.start_time_unix_nano.0.parse().unwrap_or_default(),
            end: self.end_time_unix_nano.0.parse().unwrap_or_default(),
            is_error,
            marks: (marks != Marks::default()).then(|| Box::new(marks)),
            name: self.name.0,
        }
    }

    /// The best there is: the status message, an exception, or the kind of error.
    fn error_text(&self) -> Option<String> {
        if !self.status.message.0.is_empty() {
            return Some(self.status.message.0.clone());
        }
        let exceptions = self.events.iter().filter(|e| e.name.0 == "exception").map(|e| &e.attributes);
        for attributes in exceptions.chain([&self.attributes]) {
            match (attributes.text("exception.type"), attributes.text("exception.message")) {
                (Some(kind), Some(message)) => return Some(format!("{kind}: {message}")),
                (Some(one), None) | (None, Some(one)) => return Some(one.to_owned()),
                (None, None) => {}
            }
        }
        let status = |key| self.attributes.text(key).map(|code| format!("{key} {code}"));
        status("error.type")
            .or_else(|| status("http.response.status_code"))
            .or_else(|| status("http.status_code"))
            .or_else(|| status("rpc.grpc.status_code"))
    }
}

impl Attributes {
    fn crossing(&self) -> Option<Crossing> {
        let (from, to) = (self.text("tutti.network.from")?, self.text("tutti.network.to")?);
        Some(Crossing {
            from: from.to_owned(),
            to: to.to_owned(),
            latency_ms: self.number("tutti.network.latency_ms"),
            error_ms: self.number("tutti.network.error_ms"),
            clock_offset_ms: self.number("tutti.clock.offset_ms"),
        })
    }

    fn synthetic(&self) -> Option<Synthetic> {
        // A placeholder may name a region too: the one that probably holds the parent.
        if self.flag("tutti.placeholder") {
            Some(Synthetic::Placeholder)
        } else if let Some(region) = self.text("tutti.missing.region") {
            let status = self.text("tutti.missing.status").unwrap_or_default().to_owned();
            Some(Synthetic::MissingRegion { region: region.to_owned(), status })
        } else {
            self.flag("tutti.synthetic").then_some(Synthetic::Other)
        }
    }
}

/// Bytes of an id; a text that is no base64 stands for itself, so that equal ids stay equal. An id of
/// zeros is no id.
fn id(text: String) -> Vec<u8> {
    let bytes = STANDARD.decode(&text).unwrap_or_else(|_| text.into_bytes());
    if bytes.iter().all(|byte| *byte == 0) { Vec::new() } else { bytes }
}

fn kind(text: &str) -> Kind {
    match text {
        "SPAN_KIND_CLIENT" | "SPAN_KIND_PRODUCER" | "3" | "4" => Kind::Client,
        "SPAN_KIND_SERVER" | "SPAN_KIND_CONSUMER" | "2" | "5" => Kind::Server,
        _ => Kind::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn span(fields: serde_json::Value) -> Span {
        let trace = json!({ "resourceSpans": [{ "scopeSpans": [{ "spans": [fields] }] }] });
        let document = json!({ "report": { "outcome": "complete" }, "trace": trace }).to_string();
        super::document(&document).unwrap().trace.spans.remove(0)
    }

    fn attribute(key: &str, kind: &str, value: serde_json::Value) -> serde_json::Value {
        json!({ "key": key, "value": { kind: value } })
    }

    #[test]
    fn a_span_is_read_as_tempo_writes_it() {
        let read = span(json!({
            "spanId": "AAAAAAAAAAE=", "parentSpanId": "AAAAAAAAAAA=", "name": "GET", "kind": "SPAN_KIND_CONSUMER",
            "startTimeUnixNano": "18446744073709551615", "endTimeUnixNano": 7, "status": {},
        }));
        let expected = Span {
            id: vec![0, 0, 0, 0, 0, 0, 0, 1],
            name: "GET".into(),
            kind: Kind::Server,
            start: u64::MAX,
            end: 7,
            ..Span::default()
        };
        assert_eq!(read, expected);
    }

    #[test]
    fn a_field_of_another_kind_is_as_if_it_were_empty() {
        let odd = json!({ "spanId": [1, {"a": 2}], "name": {"x": []}, "kind": null, "startTimeUnixNano": -1.5,
            "attributes": null, "status": null, "events": null });
        assert_eq!(span(odd), Span::default());
    }

    #[test]
    fn an_error_says_the_best_there_is() {
        let check = |fields: serde_json::Value, expected: Option<&str>| {
            let mut with_status = json!({ "status": { "code": "STATUS_CODE_ERROR" } });
            with_status.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
            assert_eq!(span(with_status).error(), expected);
        };
        let exception = json!([{ "name": "exception", "attributes": [
            attribute("exception.type", "stringValue", json!("Io")), attribute("exception.message", "stringValue", json!("lost"))] }]);
        let code = json!([attribute("http.response.status_code", "intValue", json!("503"))]);
        check(json!({ "status": { "code": 2, "message": "said" }, "events": exception }), Some("said"));
        check(json!({ "events": exception, "attributes": code }), Some("Io: lost"));
        check(json!({ "attributes": code }), Some("http.response.status_code 503"));
        check(json!({}), None);
        check(json!({ "status": { "code": "STATUS_CODE_OK", "message": "fine" } }), None);
    }

    #[test]
    fn what_the_gateway_added_is_found_among_the_attributes() {
        let crossing = span(json!({ "attributes": [
            attribute("net.peer.name", "stringValue", json!("x")),
            attribute("tutti.network.from", "stringValue", json!("us-east")),
            attribute("tutti.network.to", "stringValue", json!("eu-central")),
            attribute("tutti.network.latency_ms", "doubleValue", json!(98.5)),
            attribute("tutti.redacted", "arrayValue", json!({ "values": [{ "stringValue": "user.email" }] })),
        ] }));
        let marks = crossing.marks.unwrap();
        assert!(marks.redacted);
        let expected = Crossing {
            from: "us-east".into(),
            to: "eu-central".into(),
            latency_ms: Some(98.5),
            ..Crossing::default()
        };
        assert_eq!(marks.crossing, Some(expected));
        let missing = span(json!({ "attributes": [
            attribute("tutti.synthetic", "boolValue", json!(true)),
            attribute("tutti.missing.region", "stringValue", json!("eu-central")),
            attribute("tutti.missing.status", "stringValue", json!("timeout")),
        ] }));
        let expected = Synthetic::MissingRegion { region: "eu-central".into(), status: "timeout".into() };
        assert_eq!(missing.synthetic(), Some(&expected));
        // As the gateway writes it where one region alone can hold the parent.
        let placeholder = span(json!({ "attributes": [
            attribute("tutti.synthetic", "boolValue", json!(true)),
            attribute("tutti.placeholder", "boolValue", json!(true)),
            attribute("tutti.missing.region", "stringValue", json!("eu-central")),
        ] }));
        assert_eq!(placeholder.synthetic(), Some(&Synthetic::Placeholder));
    }
}
