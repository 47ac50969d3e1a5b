//! The server's document as the waterfall needs it: the report, and the spans of all resources in one
//! list with the few attributes that are drawn.
//!
//! It is read leniently: a field that is absent, null or of another kind is as if it were empty, so that
//! one odd span never costs the whole picture. The words of the report stay text: a server newer than
//! this client may know more of them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

use super::lenient::{Attributes, Scalar, or_default};

/// Owed spans that are looked for among all others; a gateway names a few.
const OWED_MAX: usize = 100;

/// What the server answers with.
#[derive(Debug)]
pub struct Document {
    pub report: Report,
    pub trace: Trace,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Report {
    pub trace_id: String,
    pub mode: String,
    pub outcome: String,
    pub exactness: String,
    pub took_ms: f64,
    pub regions: Vec<RegionReport>,
    pub owed: Owing,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RegionReport {
    pub name: String,
    pub jurisdiction: String,
    pub status: String,
    pub detail: Option<String>,
    pub http_status: Option<u16>,
    pub took_ms: f64,
    pub bytes: u64,
    pub spans: u64,
    pub attempts: u32,
    pub treated: u64,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Owing {
    pub missing_parents: u64,
    pub clients_without_server: u64,
    pub first: Vec<Owed>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Owed {
    pub what: String,
    pub span_id: String,
    pub suspected: Option<String>,
}

/// The event that opens a stream.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Begin {
    pub regions: Vec<RegionReport>,
}

/// The event that ends a stream without a trace.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Refused {
    pub status: u16,
    pub error: String,
    pub report: Option<Report>,
}

/// All spans, in the order the server gave them.
#[derive(Debug, Default, PartialEq)]
pub struct Trace {
    pub resources: Vec<Resource>,
    pub spans: Vec<Span>,
}

#[derive(Debug, Default, PartialEq)]
pub struct Resource {
    pub service: String,
    /// Empty where the gateway was told not to say it.
    pub region: String,
}

#[derive(Debug, Default, Clone, PartialEq)]
pub struct Span {
    /// Index into `Trace::resources`.
    pub resource: usize,
    /// As on the wire, of whatever length.
    pub id: Vec<u8>,
    pub parent_id: Vec<u8>,
    pub name: String,
    pub kind: Kind,
    /// Nanoseconds since the Unix epoch.
    pub start: u64,
    pub end: u64,
    pub is_error: bool,
    /// What rare spans have; boxed, because a trace may have a hundred thousand that have not.
    pub marks: Option<Box<Marks>>,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    Client,
    Server,
    #[default]
    Other,
}

/// What is said beside a span.
#[derive(Debug, Default, Clone, PartialEq)]
pub struct Marks {
    /// Why it failed: the status message, the exception, or what comes nearest.
    pub error: Option<String>,
    pub crossing: Option<Crossing>,
    pub synthetic: Option<Synthetic>,
    pub in_cycle: bool,
    pub redacted: bool,
}

#[derive(Debug, Default, Clone, PartialEq)]
pub struct Crossing {
    pub from: String,
    pub to: String,
    pub latency_ms: Option<f64>,
    pub error_ms: Option<f64>,
    /// How far the clock beyond the border is from the one before it.
    pub clock_offset_ms: Option<f64>,
}

/// A span that no service wrote: the gateway put it there to say that something is absent.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Synthetic {
    MissingRegion { region: String, status: String },
    Placeholder,
    Other,
}

impl Document {
    pub fn parse(json: &str) -> Result<Self, serde_json::Error> {
        #[derive(Deserialize)]
        struct AsWritten {
            report: Report,
            #[serde(default, deserialize_with = "or_default")]
            trace: TraceJson,
        }
        let AsWritten { mut report, trace } = serde_json::from_str(json)?;
        report.owed.first.truncate(OWED_MAX);
        Ok(Self { report, trace: trace.into_trace() })
    }
}

impl Report {
    pub fn is_complete(&self) -> bool {
        self.outcome == "complete"
    }

    /// Regions of which something is missing.
    pub fn missing(&self) -> impl Iterator<Item = &RegionReport> {
        self.regions.iter().filter(|r| !r.is_whole())
    }

    /// What is known of this span being owed, by its hex id.
    pub fn owed(&self, what: &str, span_id: &str) -> Option<&Owed> {
        self.owed.first.iter().find(|o| o.what == what && o.span_id.eq_ignore_ascii_case(span_id))
    }
}

impl RegionReport {
    pub fn is_whole(&self) -> bool {
        self.status == "ok"
    }
}

impl Trace {
    pub fn resource(&self, span: &Span) -> Option<&Resource> {
        self.resources.get(span.resource)
    }

    /// Spans that a service wrote.
    pub fn real(&self) -> impl Iterator<Item = &Span> {
        self.spans.iter().filter(|s| s.synthetic().is_none())
    }
}

impl Span {
    pub fn synthetic(&self) -> Option<&Synthetic> {
        self.marks.as_ref()?.synthetic.as_ref()
    }

    pub fn crossing(&self) -> Option<&Crossing> {
        self.marks.as_ref()?.crossing.as_ref()
    }

    pub fn error(&self) -> Option<&str> {
        self.marks.as_ref()?.error.as_deref()
    }
}

/// Lower-case hex, as ids are shown everywhere else.
pub fn hex(id: &[u8]) -> String {
    use std::fmt::Write;
    id.iter().fold(String::with_capacity(id.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
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
        if let Some(region) = self.text("tutti.missing.region") {
            let status = self.text("tutti.missing.status").unwrap_or_default().to_owned();
            Some(Synthetic::MissingRegion { region: region.to_owned(), status })
        } else if self.flag("tutti.placeholder") {
            Some(Synthetic::Placeholder)
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
