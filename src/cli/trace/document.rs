//! The server's document as the waterfall needs it: the report, and the spans of all resources in one
//! list with the few attributes that are drawn.
//!
//! The words of the report stay text: a server newer than this client may know more of them. Knows
//! nothing of how a trace is written (`read`).

use serde::Deserialize;

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
        matches!(self.status.as_str(), "ok" | "not_needed")
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
