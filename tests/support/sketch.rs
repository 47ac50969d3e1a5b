//! Traces as a person writes and reads them, one span a line:
//!
//! ```text
//! trace a1
//! resource service.name="shop" zone=2
//! scope "lib" "1.0" lang="go"
//! span 1 "GET /cart" server error "boom" @0s +2s x=3 tags=["a", "b"]
//! event "retry" +5ms k=1
//! link a2/1 rel="follows"
//! span 2 <1 "query" client @1s +500ms
//! ```
//!
//! A `resource` or `scope` begins another group; `resource -` and `scope -` are none at all. Times follow
//! `@` since the beginning of the estate and `+` since the start of the span; ids are hex, `<` names the
//! parent. Values are strings, `3`, `3.0`, `true`, `[..]`, `{k=v ..}`, `0xff` for bytes, `-` for none.
//!
//! Knows nothing of queries.

use std::fmt::Write as _;

use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{
    AnyValue, ArrayValue, InstrumentationScope, KeyValue, KeyValueList,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::{Event, Link};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status, TracesData};

/// Where `@0s` lies in what is written to files: divisible by every step that is asked for.
pub const BEGINNING: u64 = 1_700_000_100_000_000_000;

pub const KINDS: [&str; 6] = ["unspecified", "internal", "server", "client", "producer", "consumer"];
pub const STATUSES: [&str; 3] = ["unset", "ok", "error"];

/// One trace: its spans in the groups they are sent in.
#[derive(Debug, Clone, PartialEq)]
pub struct Trace {
    pub id: [u8; 16],
    pub batches: Vec<ResourceSpans>,
}

impl Trace {
    pub fn id_hex(&self) -> String {
        hex(&self.id)
    }

    pub fn spans(&self) -> impl Iterator<Item = &Span> {
        self.batches.iter().flat_map(|batch| &batch.scope_spans).flat_map(|scope| &scope.spans)
    }

    /// All times later.
    pub fn shifted(&self, nanos: u64) -> Self {
        let mut trace = self.clone();
        let spans = trace.batches.iter_mut().flat_map(|batch| &mut batch.scope_spans);
        for span in spans.flat_map(|scope| &mut scope.spans) {
            span.start_time_unix_nano = span.start_time_unix_nano.wrapping_add(nanos);
            span.end_time_unix_nano = span.end_time_unix_nano.wrapping_add(nanos);
            for event in &mut span.events {
                event.time_unix_nano = event.time_unix_nano.wrapping_add(nanos);
            }
        }
        trace
    }

    /// As one block would store it: each span once, the first of those with its id and kind, and everything
    /// in the order of its start and id.
    pub fn canonical(&self) -> Self {
        let mut seen = std::collections::HashSet::new();
        let mut trace = self.clone();
        for batch in &mut trace.batches {
            for scope in &mut batch.scope_spans {
                scope.spans.retain(|span| seen.insert((span.span_id.clone(), span.kind)));
                scope.spans.sort_by_key(place_of);
                for span in &mut scope.spans {
                    span.events.sort_by_key(|event| (event.time_unix_nano, event.name.clone()));
                    span.links.sort_by_key(|link| (link.trace_id.clone(), link.span_id.clone()));
                }
            }
            batch.scope_spans.retain(|scope| !scope.spans.is_empty());
            batch.scope_spans.sort_by_key(|scope| scope.spans.first().map(place_of));
        }
        trace.batches.retain(|batch| !batch.scope_spans.is_empty());
        trace.batches.sort_by_key(|batch| batch.scope_spans[0].spans.first().map(place_of));
        trace
    }
}

fn place_of(span: &Span) -> (u64, Vec<u8>) {
    (span.start_time_unix_nano, span.span_id.clone())
}

/// One export of whole traces.
pub fn export<'a>(traces: impl IntoIterator<Item = &'a Trace>) -> TracesData {
    TracesData { resource_spans: traces.into_iter().flat_map(|trace| trace.batches.clone()).collect() }
}

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// An id without its zeros in front.
pub fn short(bytes: &[u8]) -> String {
    let all = hex(bytes);
    let trimmed = all.trim_start_matches('0');
    if trimmed.is_empty() { "0".to_owned() } else { trimmed.to_owned() }
}

/// Nanoseconds in the largest unit that keeps them whole.
pub fn nanos(count: i128) -> String {
    for (unit, of) in [("s", 1_000_000_000), ("ms", 1_000_000), ("us", 1_000)] {
        if count % of == 0 {
            return format!("{}{unit}", count / of);
        }
    }
    format!("{count}ns")
}

impl std::fmt::Display for Trace {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(out, "trace {}", short(&self.id))?;
        for batch in &self.batches {
            match &batch.resource {
                None => writeln!(out, "resource -")?,
                Some(resource) => writeln!(out, "resource{}", pairs(&resource.attributes))?,
            }
            for scope in &batch.scope_spans {
                match &scope.scope {
                    None => writeln!(out, "scope -")?,
                    Some(scope) => {
                        let attributes = pairs(&scope.attributes);
                        writeln!(out, "scope {:?} {:?}{attributes}", scope.name, scope.version)?;
                    }
                }
                for span in &scope.spans {
                    write_span(out, span)?;
                }
            }
        }
        Ok(())
    }
}

fn write_span(out: &mut std::fmt::Formatter<'_>, span: &Span) -> std::fmt::Result {
    write!(out, "span {}", short(&span.span_id))?;
    if !span.parent_span_id.is_empty() {
        write!(out, " <{}", short(&span.parent_span_id))?;
    }
    write!(out, " {:?}", span.name)?;
    if let Some(kind) = usize::try_from(span.kind).ok().filter(|kind| *kind > 0) {
        write!(out, " {}", KINDS[kind])?;
    }
    if let Some(status) = &span.status {
        write!(out, " {}", STATUSES[status.code as usize])?;
        if !status.message.is_empty() {
            write!(out, " {:?}", status.message)?;
        }
    }
    let start = i128::from(span.start_time_unix_nano);
    let duration = i128::from(span.end_time_unix_nano) - start;
    let start_since = start - i128::from(BEGINNING);
    writeln!(out, " @{} +{}{}", nanos(start_since), nanos(duration), pairs(&span.attributes))?;
    for event in &span.events {
        let since = i128::from(event.time_unix_nano) - start;
        writeln!(out, "event {:?} +{}{}", event.name, nanos(since), pairs(&event.attributes))?;
    }
    for link in &span.links {
        let ids = format!("{}/{}", short(&link.trace_id), short(&link.span_id));
        writeln!(out, "link {ids}{}", pairs(&link.attributes))?;
    }
    Ok(())
}

fn pairs(attributes: &[KeyValue]) -> String {
    let mut out = String::new();
    for pair in attributes {
        let is_bare = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        if !pair.key.is_empty() && pair.key.chars().all(is_bare) {
            let _ = write!(out, " {}=", pair.key);
        } else {
            let _ = write!(out, " {:?}=", pair.key);
        }
        out.push_str(&value(pair.value.as_ref().and_then(|value| value.value.as_ref())));
    }
    out
}

fn value(given: Option<&Value>) -> String {
    match given {
        None => "-".to_owned(),
        Some(Value::StringValue(text)) => format!("{text:?}"),
        Some(Value::BoolValue(is)) => is.to_string(),
        Some(Value::IntValue(number)) => number.to_string(),
        Some(Value::DoubleValue(number)) => format!("{number:?}"),
        Some(Value::BytesValue(bytes)) => format!("0x{}", hex(bytes)),
        Some(Value::ArrayValue(array)) => {
            let items: Vec<String> = array.values.iter().map(|item| value(item.value.as_ref())).collect();
            format!("[{}]", items.join(" "))
        }
        Some(Value::KvlistValue(list)) => format!("{{{}}}", pairs(&list.values).trim_start()),
        Some(other) => panic!("a value that no test makes: {other:?}"),
    }
}

/// Reads the traces of a text; every line is one of the five kinds.
pub fn read(text: &str) -> Vec<Trace> {
    let mut traces = Vec::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let mut words = Words { rest: line };
        read_line(&mut traces, &mut words)
            .unwrap_or_else(|| panic!("no line of a trace, from `{}`: {line}", words.rest));
    }
    traces
}

fn read_line(traces: &mut Vec<Trace>, words: &mut Words<'_>) -> Option<()> {
    let kind = words.bare();
    if kind == "trace" {
        let id = u128::from_str_radix(words.bare(), 16).ok()?.to_be_bytes();
        traces.push(Trace { id, batches: Vec::new() });
        return words.end();
    }
    let trace = traces.last_mut()?;
    if kind == "resource" {
        let attributes = if words.take("-") { None } else { Some(words.pairs()?) };
        let resource = attributes.map(|attributes| Resource { attributes, ..Resource::default() });
        trace.batches.push(ResourceSpans { resource, ..ResourceSpans::default() });
        return words.end();
    }
    let batch = trace.batches.last_mut()?;
    if kind == "scope" {
        let scope = if words.take("-") {
            None
        } else {
            let (name, version) = (words.text()?, words.text()?);
            let attributes = words.pairs()?;
            Some(InstrumentationScope { name, version, attributes, ..InstrumentationScope::default() })
        };
        batch.scope_spans.push(ScopeSpans { scope, ..ScopeSpans::default() });
        return words.end();
    }
    if batch.scope_spans.is_empty() {
        batch.scope_spans.push(ScopeSpans::default());
    }
    let spans = &mut batch.scope_spans.last_mut()?.spans;
    match kind {
        "span" => spans.push(Span { trace_id: trace.id.to_vec(), ..words.span()? }),
        "event" => {
            let span = spans.last_mut()?;
            let name = words.text()?;
            let time_unix_nano = words.time('+', span.start_time_unix_nano)?;
            let attributes = words.pairs()?;
            span.events.push(Event { name, time_unix_nano, attributes, ..Event::default() });
        }
        "link" => {
            let (trace, span) = words.bare().split_once('/')?;
            let trace_id = u128::from_str_radix(trace, 16).ok()?.to_be_bytes().to_vec();
            let span_id = u64::from_str_radix(span, 16).ok()?.to_be_bytes().to_vec();
            let attributes = words.pairs()?;
            spans.last_mut()?.links.push(Link { trace_id, span_id, attributes, ..Link::default() });
        }
        _ => return None,
    }
    words.end()
}

/// What is left of a line.
struct Words<'a> {
    rest: &'a str,
}

impl<'a> Words<'a> {
    fn skip(&mut self) {
        self.rest = self.rest.trim_start();
    }

    fn end(&mut self) -> Option<()> {
        self.rest.trim().is_empty().then_some(())
    }

    /// Up to a space or what ends a value.
    fn bare(&mut self) -> &'a str {
        self.skip();
        let end = self.rest.find(|c: char| c.is_whitespace() || "=[]{}".contains(c));
        let (word, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
        self.rest = rest;
        word
    }

    fn take(&mut self, word: &str) -> bool {
        self.skip();
        match self.rest.strip_prefix(word) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    /// A string as Rust writes it.
    fn text(&mut self) -> Option<String> {
        if !self.take("\"") {
            return None;
        }
        let mut text = String::new();
        let mut chars = self.rest.char_indices();
        while let Some((at, c)) = chars.next() {
            match c {
                '"' => {
                    self.rest = &self.rest[at + 1..];
                    return Some(text);
                }
                '\\' => text.push(match chars.next()?.1 {
                    'n' => '\n',
                    't' => '\t',
                    'r' => '\r',
                    '0' => '\0',
                    'u' => {
                        let code: String =
                            chars.by_ref().map(|(_, c)| c).skip(1).take_while(|c| *c != '}').collect();
                        char::from_u32(u32::from_str_radix(&code, 16).ok()?)?
                    }
                    other => other,
                }),
                other => text.push(other),
            }
        }
        None
    }

    fn time(&mut self, sign: char, since: u64) -> Option<u64> {
        if !self.take(&sign.to_string()) {
            return None;
        }
        let word = self.bare();
        let unit = word.find(|c: char| c.is_ascii_alphabetic())?;
        let of = match &word[unit..] {
            "s" => 1_000_000_000,
            "ms" => 1_000_000,
            "us" => 1_000,
            "ns" => 1,
            _ => return None,
        };
        u64::try_from(i128::from(since) + word[..unit].parse::<i128>().ok()? * of).ok()
    }

    fn span(&mut self) -> Option<Span> {
        let id = |word: &str| Some(u64::from_str_radix(word, 16).ok()?.to_be_bytes().to_vec());
        let mut span = Span { span_id: id(self.bare())?, ..Span::default() };
        if self.take("<") {
            span.parent_span_id = id(self.bare())?;
        }
        span.name = self.text()?;
        loop {
            self.skip();
            if self.rest.starts_with('@') {
                break;
            }
            let word = self.bare();
            if let Some(kind) = KINDS.iter().position(|kind| *kind == word) {
                span.kind = kind as i32;
            } else {
                let code = STATUSES.iter().position(|status| *status == word)? as i32;
                let message = self.text().unwrap_or_default();
                span.status = Some(Status { code, message });
            }
        }
        span.start_time_unix_nano = self.time('@', BEGINNING)?;
        span.end_time_unix_nano = self.time('+', span.start_time_unix_nano)?;
        span.attributes = self.pairs()?;
        Some(span)
    }

    fn pairs(&mut self) -> Option<Vec<KeyValue>> {
        let mut pairs = Vec::new();
        loop {
            self.skip();
            if self.rest.is_empty() || self.rest.starts_with('}') {
                return Some(pairs);
            }
            let key = if self.rest.starts_with('"') { self.text()? } else { self.bare().to_owned() };
            if !self.take("=") {
                return None;
            }
            let value = Some(AnyValue { value: self.value()? });
            pairs.push(KeyValue { key, value, ..KeyValue::default() });
        }
    }

    fn value(&mut self) -> Option<Option<Value>> {
        self.skip();
        if self.rest.starts_with('"') {
            return Some(Some(Value::StringValue(self.text()?)));
        }
        if self.take("[") {
            let mut values = Vec::new();
            while !self.take("]") {
                values.push(AnyValue { value: self.value()? });
                self.take(",");
            }
            return Some(Some(Value::ArrayValue(ArrayValue { values })));
        }
        if self.take("{") {
            let values = self.pairs()?;
            return self.take("}").then_some(Some(Value::KvlistValue(KeyValueList { values })));
        }
        let word = self.bare().trim_end_matches(',');
        Some(match word {
            "-" => None,
            "true" | "false" => Some(Value::BoolValue(word == "true")),
            _ => match word.strip_prefix("0x") {
                Some(digits) => Some(Value::BytesValue(
                    (0..digits.len() / 2)
                        .map(|at| u8::from_str_radix(&digits[2 * at..2 * at + 2], 16).ok())
                        .collect::<Option<_>>()?,
                )),
                None => Some(match word.parse() {
                    Ok(number) => Value::IntValue(number),
                    Err(_) => Value::DoubleValue(word.parse().ok()?),
                }),
            },
        })
    }
}
