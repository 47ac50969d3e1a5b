//! One request's way through the shop, as it is simulated: spans in true time.
//!
//! Time here is a duration since the request began, the same at every site. Clocks come in when the
//! spans are written down for a site (`otlp`), so a crossing takes as long as its distance says, and
//! what skewed clocks make of it is left for the gateway to find.

use std::ops::Range;
use std::time::Duration;

use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, KeyValue};
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};

use super::people::{PEOPLE, Person};
use super::shop::{Service, Site};
use crate::model::TraceId;

pub(super) type SpanId = [u8; 8];

/// A packet takes at least the distance and at most this much longer, in percent.
const JITTER_PERCENT: u32 = 12;

#[derive(Debug)]
pub(super) struct Journey {
    pub(super) trace: TraceId,
    pub(super) person: &'static Person,
    pub(super) spans: Vec<Draft>,
    rng: StdRng,
}

/// A span, open while it is in the hands of who makes it; `Journey::close` gives it away.
#[derive(Debug)]
pub(super) struct Draft {
    pub(super) service: &'static Service,
    pub(super) scope: Scope,
    pub(super) id: SpanId,
    pub(super) parent: Option<SpanId>,
    pub(super) kind: SpanKind,
    pub(super) name: String,
    pub(super) start: Duration,
    pub(super) end: Duration,
    pub(super) attributes: Vec<KeyValue>,
    pub(super) events: Vec<Event>,
    pub(super) links: Vec<SpanRef>,
    /// The message of an error status.
    pub(super) error: Option<String>,
    /// Of an HTTP server, as its client will see it.
    pub(super) http_status: u16,
}

/// What instrumented a span.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Scope {
    Http,
    Database,
    Messaging,
    Own,
}

#[derive(Debug)]
pub(super) struct Event {
    pub(super) at: Duration,
    pub(super) name: &'static str,
    pub(super) attributes: Vec<KeyValue>,
}

/// A span of any trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SpanRef {
    pub(super) trace: TraceId,
    pub(super) span: SpanId,
}

impl Journey {
    /// The same for the same seed.
    pub(super) fn new(seed: u64) -> Self {
        let mut rng = StdRng::seed_from_u64(seed);
        // Zero is no valid id.
        let trace = TraceId::from_bytes(rng.random_range(1..=u128::MAX).to_be_bytes());
        let [first, ..] = &PEOPLE;
        let person = PEOPLE.choose(&mut rng).unwrap_or(first);
        Self { trace, person, spans: Vec::new(), rng }
    }

    pub(super) fn open(
        &mut self,
        service: &'static Service,
        parent: Option<SpanId>,
        kind: SpanKind,
        name: impl Into<String>,
        at: Duration,
    ) -> Draft {
        Draft {
            service,
            scope: Scope::Own,
            id: self.rng.random_range(1..=u64::MAX).to_be_bytes(),
            parent,
            kind,
            name: name.into(),
            start: at,
            end: at,
            attributes: Vec::new(),
            events: Vec::new(),
            links: Vec::new(),
            error: None,
            http_status: 200,
        }
    }

    pub(super) fn close(&mut self, mut span: Draft, at: Duration) {
        span.end = at;
        self.spans.push(span);
    }

    /// Some time out of a range of microseconds: work, or waiting.
    pub(super) fn some(&mut self, micros: Range<u64>) -> Duration {
        Duration::from_micros(self.rng.random_range(micros))
    }

    /// What a packet takes this time.
    pub(super) fn latency(&mut self, from: Site, to: Site) -> Duration {
        let base = from.latency_to(to);
        base + base * self.rng.random_range(0..=JITTER_PERCENT) / 100
    }

    pub(super) fn number(&mut self, range: Range<u64>) -> u64 {
        self.rng.random_range(range)
    }

    pub(super) fn happens(&mut self, percent: u32) -> bool {
        self.rng.random_ratio(percent, 100)
    }

    pub(super) fn one_of(&mut self, choices: &[&'static str]) -> &'static str {
        choices.choose(&mut self.rng).copied().unwrap_or_default()
    }

    /// When the last span ends.
    pub(super) fn took(&self) -> Duration {
        self.spans.iter().map(|span| span.end).max().unwrap_or_default()
    }
}

impl Draft {
    pub(super) fn set(&mut self, key: &str, value: impl Into<Attribute>) -> &mut Self {
        self.attributes.push(attribute(key, value));
        self
    }

    pub(super) fn event(&mut self, at: Duration, name: &'static str, attributes: Vec<KeyValue>) {
        self.events.push(Event { at, name, attributes });
    }

    /// Ends in an exception, recorded as SDKs record it.
    pub(super) fn throw(&mut self, at: Duration, exception: &Exception) {
        self.event(
            at,
            "exception",
            vec![
                attribute("exception.type", exception.name),
                attribute("exception.message", exception.message.as_str()),
                attribute("exception.stacktrace", exception.stacktrace()),
            ],
        );
        self.set("error.type", exception.name);
        self.error = Some(exception.message.clone());
    }
}

/// Something that was thrown.
#[derive(Debug)]
pub(super) struct Exception {
    pub(super) name: &'static str,
    pub(super) message: String,
    /// Where, the innermost first.
    pub(super) frames: &'static [&'static str],
}

impl Exception {
    fn stacktrace(&self) -> String {
        let mut trace = format!("{}: {}", self.name, self.message);
        for frame in self.frames {
            trace.push_str("\n\tat ");
            trace.push_str(frame);
        }
        trace
    }
}

/// The value of an attribute. A type of its own, as the conversions are.
#[derive(Debug)]
pub(super) struct Attribute(Any);

impl From<&str> for Attribute {
    fn from(text: &str) -> Self {
        Self(Any::StringValue(text.to_owned()))
    }
}

impl From<String> for Attribute {
    fn from(text: String) -> Self {
        Self(Any::StringValue(text))
    }
}

impl From<u16> for Attribute {
    fn from(int: u16) -> Self {
        Self(Any::IntValue(int.into()))
    }
}

impl From<u64> for Attribute {
    fn from(int: u64) -> Self {
        Self(Any::IntValue(i64::try_from(int).unwrap_or(i64::MAX)))
    }
}

impl From<f64> for Attribute {
    fn from(double: f64) -> Self {
        Self(Any::DoubleValue(double))
    }
}

impl From<bool> for Attribute {
    fn from(flag: bool) -> Self {
        Self(Any::BoolValue(flag))
    }
}

impl From<&[&str]> for Attribute {
    fn from(texts: &[&str]) -> Self {
        let values =
            texts.iter().map(|text| AnyValue { value: Some(Any::StringValue((*text).to_owned())) }).collect();
        Self(Any::ArrayValue(ArrayValue { values }))
    }
}

pub(super) fn attribute(key: &str, value: impl Into<Attribute>) -> KeyValue {
    let Attribute(value) = value.into();
    KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(value) }), ..KeyValue::default() }
}
