//! Every attribute of a span, as `compare()` asks for them.
//!
//! Tempo leaves out what nobody would compare by: ids, times, numbers in the tree, events and links.

use super::content::{Content, fields};
use super::plan::{Keys, Level, SERVICE_NAME, scope_of};
use super::test::{Cell, Stored};
use super::visible::Visible;
use crate::evaluate::filter::{kind_of, status_of, trimmed_hex};
use crate::evaluate::rows::TraceRows;
use crate::evaluate::{SpanView, WireSpan};
use crate::trace::span::key_and_value;
use crate::traceql::ast::{AttributeName, Intrinsic, Scope};
use crate::traceql::value::Value;
use crate::wire::otlp::{resource, scope, span};
use crate::wire::protobuf;
use std::borrow::Cow;

/// The attributes of one span by level.
pub(super) struct Everything<'t> {
    all: Vec<(Level, (AttributeName, Value<'t>))>,
}

impl<'t> Everything<'t> {
    pub(super) fn of(trace: &'t TraceRows<'t>, row: u32) -> Self {
        let mut everything = Self { all: Vec::new() };
        let Some(wire) = trace.wire(row) else { return everything };
        everything.of_trace(trace);
        everything.of_resource(wire.resource);
        everything.of_scope(wire.scope.unwrap_or_default());
        everything.of_span(trace, row, &wire);
        everything
    }

    pub(super) fn at(&self, level: Level) -> impl Iterator<Item = &(AttributeName, Value<'t>)> {
        self.all.iter().filter(move |(at, _)| *at == level).map(|(_, attribute)| attribute)
    }

    /// What a span has for an attribute, the first pass first at every level.
    pub(super) fn find(&self, name: &AttributeName, first: &Visible<'t>, keys: &Keys) -> Value<'t> {
        let at = |level: Level, is_wanted: &dyn Fn(&AttributeName) -> bool| {
            let seen = first.list(level).iter();
            let seen = seen.filter_map(|entry| Some((keys.name(entry.key)?, &entry.value)));
            let all = seen.chain(self.at(level).map(|(name, value)| (name, value)));
            all.filter(|(found, _)| is_wanted(found)).map(|(_, value)| value.clone()).next()
        };
        let by_name = || {
            let word = name.bare();
            let levels = [Level::Span, Level::Resource, Level::Event, Level::Link, Level::Scope];
            levels.into_iter().find_map(|level| at(level, &|found| found.bare() == word))
        };
        let found = match name {
            AttributeName::Intrinsic(Intrinsic::NestedSetLeft) => Some(Value::Int(first.left.into())),
            AttributeName::Intrinsic(Intrinsic::NestedSetRight) => Some(Value::Int(first.right.into())),
            AttributeName::Intrinsic(Intrinsic::NestedSetParent) => Some(Value::Int(first.parent.into())),
            AttributeName::Intrinsic(_) => {
                let levels = [Level::Span, Level::Trace, Level::Event, Level::Link, Level::Scope];
                levels.into_iter().find_map(|level| at(level, &|found| found == name)).or_else(by_name)
            }
            AttributeName::Named { scope: Scope::Any, .. } => by_name(),
            AttributeName::Named { .. } => {
                let levels = [Level::Resource, Level::Scope, Level::Span, Level::Event, Level::Link];
                levels.into_iter().find_map(|level| at(level, &|found| found == name))
            }
        };
        found.unwrap_or(Value::Nil)
    }

    fn put(&mut self, level: Level, intrinsic: Intrinsic, value: Value<'t>) {
        self.all.push((level, (AttributeName::Intrinsic(intrinsic), value)));
    }

    fn of_trace(&mut self, trace: &'t TraceRows<'t>) {
        let summary = trace.summary();
        let text = |text: &'t str| Value::Text(Cow::Borrowed(text));
        let nanos = summary.end.wrapping_sub(summary.start) as i64;
        self.put(Level::Trace, Intrinsic::RootServiceName, text(&summary.root_service));
        self.put(Level::Trace, Intrinsic::RootName, text(&summary.root_name));
        self.put(Level::Trace, Intrinsic::TraceDuration, Value::Duration(nanos));
        let id = trimmed_hex(trace.id().as_bytes());
        self.put(Level::Trace, Intrinsic::TraceId, Value::Text(id.into()));
    }

    fn of_resource(&mut self, message: &'t [u8]) {
        // The column that every resource has comes before the rest, which may hold the name as what is no text.
        let is_service = |(key, content): &(&str, Content<'_>)| {
            *key == SERVICE_NAME && matches!(content, Content::One(Cell::Text(_)))
        };
        let service = attributes(message, resource::ATTRIBUTES).filter(is_service).last();
        let service = service.map_or(Content::One(Cell::Text("")), |(_, content)| content);
        self.named(Level::Resource, SERVICE_NAME, service);
        for (key, content) in attributes(message, resource::ATTRIBUTES).filter(|one| !is_service(one)) {
            self.named(Level::Resource, key, content);
        }
    }

    fn of_scope(&mut self, message: &'t [u8]) {
        for (key, content) in attributes(message, scope::ATTRIBUTES) {
            self.named(Level::Scope, key, content);
        }
        for (intrinsic, number) in [
            (Intrinsic::InstrumentationName, scope::NAME),
            (Intrinsic::InstrumentationVersion, scope::VERSION),
        ] {
            let bytes = fields(message).filter(|field| field.number == number);
            let bytes = bytes.filter_map(|field| field.bytes().ok()).last().unwrap_or_default();
            let text = std::str::from_utf8(bytes).unwrap_or_default();
            self.put(Level::Scope, intrinsic, Value::Text(Cow::Borrowed(text)));
        }
    }

    fn of_span(&mut self, trace: &'t TraceRows<'t>, row: u32, wire: &WireSpan<'t>) {
        for (key, content) in attributes(wire.span, span::ATTRIBUTES) {
            self.named(Level::Span, key, content);
        }
        let children = trace.numbers().get(row as usize).map_or(0, |numbers| numbers.children);
        let nanos = wire.end().wrapping_sub(wire.start()) as i64;
        let message = Cow::Owned(wire.status_message().to_owned());
        self.put(Level::Span, Intrinsic::Name, Value::Text(Cow::Borrowed(wire.wire_name())));
        self.put(Level::Span, Intrinsic::Kind, Value::Kind(kind_of(wire.kind())));
        self.put(Level::Span, Intrinsic::Status, Value::Status(status_of(wire.status())));
        self.put(Level::Span, Intrinsic::StatusMessage, Value::Text(message));
        self.put(Level::Span, Intrinsic::Duration, Value::Duration(nanos));
        self.put(Level::Span, Intrinsic::ChildCount, Value::Int(children.into()));
    }

    fn named(&mut self, level: Level, key: &str, content: Content<'t>) {
        let name = AttributeName::Named { parent: false, scope: scope_of(level), key: key.to_owned() };
        self.all.push((level, (name, whole(content))));
    }
}

fn attributes(message: &[u8], number: u32) -> impl Iterator<Item = (&str, Content<'_>)> {
    fields(message).filter_map(move |field| {
        let protobuf::Value::Bytes(bytes) = field.value else { return None };
        let (key, any) = (field.number == number).then(|| key_and_value(bytes))?;
        Some((std::str::from_utf8(key).unwrap_or_default(), Content::of(any)))
    })
}

/// The value with nothing hidden.
fn whole(content: Content<'_>) -> Value<'_> {
    let Content::Array(_, stored) = content else {
        return content.cells().next().map_or(Value::Nil, Cell::value);
    };
    let values: Vec<Value<'_>> = content.cells().map(Cell::value).collect();
    if let [one] = values.as_slice() {
        return one.clone();
    }
    match stored {
        Stored::Text => Value::Texts(
            values
                .into_iter()
                .filter_map(|v| if let Value::Text(text) = v { Some(text) } else { None })
                .collect(),
        ),
        Stored::Int => Value::Ints(
            values
                .into_iter()
                .filter_map(|v| if let Value::Int(int) = v { Some(int) } else { None })
                .collect(),
        ),
        Stored::Float => Value::Floats(
            values.into_iter().filter_map(|v| if let Value::Float(f) = v { Some(f) } else { None }).collect(),
        ),
        Stored::Bool => Value::Bools(
            values
                .into_iter()
                .filter_map(|v| if let Value::Bool(flag) = v { Some(flag) } else { None })
                .collect(),
        ),
    }
}
