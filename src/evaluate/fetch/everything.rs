//! Every attribute of a span, as `compare()` asks for them.
//!
//! Tempo leaves out what nobody would compare by: ids, times, numbers in the tree, events and links.

use super::content::{Content, fields};
use super::name::Named;
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

/// The attributes of one span after the other, by level. What is of the trace, of a resource or of a scope is read
/// once for all spans of it that follow each other.
#[derive(Debug)]
pub(super) struct Everything<'t> {
    trace: &'t TraceRows<'t>,
    of_trace: Vec<Attribute<'t>>,
    of_resource: Vec<Attribute<'t>>,
    of_scope: Vec<Attribute<'t>>,
    of_span: Vec<Attribute<'t>>,
    batch: Option<u32>,
    scope: Option<u32>,
}

type Attribute<'t> = (Named<'t>, Value<'t>);

impl<'t> Everything<'t> {
    pub(super) fn of(trace: &'t TraceRows<'t>) -> Self {
        Self {
            trace,
            of_trace: of_trace(trace),
            of_resource: Vec::new(),
            of_scope: Vec::new(),
            of_span: Vec::new(),
            batch: None,
            scope: None,
        }
    }

    /// Turns to the span of a row.
    pub(super) fn read(&mut self, row: u32) {
        self.of_span.clear();
        let (Some(wire), Some(at)) = (self.trace.wire(row), self.trace.rows().get(row as usize)) else {
            return;
        };
        if self.batch != Some(at.batch) {
            self.batch = Some(at.batch);
            self.of_resource.clear();
            put_resource(wire.resource, &mut self.of_resource);
        }
        if self.scope != Some(at.scope) {
            self.scope = Some(at.scope);
            self.of_scope.clear();
            put_scope(wire.scope.unwrap_or_default(), &mut self.of_scope);
        }
        put_span(self.trace, row, &wire, &mut self.of_span);
    }

    pub(super) fn at(&self, level: Level) -> &[Attribute<'t>] {
        match level {
            Level::Trace => &self.of_trace,
            Level::Resource => &self.of_resource,
            Level::Scope => &self.of_scope,
            Level::Span => &self.of_span,
            Level::Event | Level::Link => &[],
        }
    }

    /// What a span has for an attribute, the first pass first at every level.
    pub(super) fn find(&self, name: &AttributeName, first: &Visible<'t>, keys: &Keys) -> Value<'t> {
        let at = |level: Level, is_wanted: &dyn Fn(Named<'_>) -> bool| {
            let seen = first.list(level).iter();
            let seen = seen.filter_map(|entry| Some((keys.name(entry.key)?.into(), &entry.value)));
            let mut all = seen.chain(self.at(level).iter().map(|(name, value)| (*name, value)));
            all.find(|(found, _)| is_wanted(*found)).map(|(_, value)| value.clone())
        };
        let is_it = |found: Named<'_>| found == Named::from(name);
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
                levels.into_iter().find_map(|level| at(level, &is_it)).or_else(by_name)
            }
            AttributeName::Named { scope: Scope::Any, .. } => by_name(),
            AttributeName::Named { .. } => {
                let levels = [Level::Resource, Level::Scope, Level::Span, Level::Event, Level::Link];
                levels.into_iter().find_map(|level| at(level, &is_it))
            }
        };
        found.unwrap_or(Value::Nil)
    }
}

fn own(intrinsic: Intrinsic, value: Value<'_>) -> Attribute<'_> {
    (Named::Intrinsic(intrinsic), value)
}

fn named<'t>(level: Level, key: &'t str, content: Content<'t>) -> Attribute<'t> {
    (Named::Key { parent: false, scope: scope_of(level), key }, whole(content))
}

fn of_trace<'t>(trace: &'t TraceRows<'t>) -> Vec<Attribute<'t>> {
    let summary = trace.summary();
    let text = |text: &'t str| Value::Text(Cow::Borrowed(text));
    let nanos = summary.end.wrapping_sub(summary.start) as i64;
    vec![
        own(Intrinsic::RootServiceName, text(&summary.root_service)),
        own(Intrinsic::RootName, text(&summary.root_name)),
        own(Intrinsic::TraceDuration, Value::Duration(nanos)),
        own(Intrinsic::TraceId, Value::Text(trimmed_hex(trace.id().as_bytes()).into())),
    ]
}

fn put_resource<'t>(message: &'t [u8], out: &mut Vec<Attribute<'t>>) {
    // The column that every resource has comes before the rest, which may hold the name as what is no text.
    let is_service = |(key, content): &(&str, Content<'_>)| {
        *key == SERVICE_NAME && matches!(content, Content::One(Cell::Text(_)))
    };
    let service = attributes(message, resource::ATTRIBUTES).filter(is_service).last();
    let service = service.map_or(Content::One(Cell::Text("")), |(_, content)| content);
    out.push(named(Level::Resource, SERVICE_NAME, service));
    let others = attributes(message, resource::ATTRIBUTES).filter(|one| !is_service(one));
    out.extend(others.map(|(key, content)| named(Level::Resource, key, content)));
}

fn put_scope<'t>(message: &'t [u8], out: &mut Vec<Attribute<'t>>) {
    let all = attributes(message, scope::ATTRIBUTES);
    out.extend(all.map(|(key, content)| named(Level::Scope, key, content)));
    for (intrinsic, number) in
        [(Intrinsic::InstrumentationName, scope::NAME), (Intrinsic::InstrumentationVersion, scope::VERSION)]
    {
        let bytes = fields(message).filter(|field| field.number == number);
        let bytes = bytes.filter_map(|field| field.bytes().ok()).last().unwrap_or_default();
        let text = std::str::from_utf8(bytes).unwrap_or_default();
        out.push(own(intrinsic, Value::Text(Cow::Borrowed(text))));
    }
}

fn put_span<'t>(trace: &'t TraceRows<'t>, row: u32, wire: &WireSpan<'t>, out: &mut Vec<Attribute<'t>>) {
    let all = attributes(wire.span, span::ATTRIBUTES);
    out.extend(all.map(|(key, content)| named(Level::Span, key, content)));
    let children = trace.numbers().get(row as usize).map_or(0, |numbers| numbers.children);
    let nanos = wire.end().wrapping_sub(wire.start()) as i64;
    let message = Cow::Owned(wire.status_message().to_owned());
    out.extend([
        own(Intrinsic::Name, Value::Text(Cow::Borrowed(wire.wire_name()))),
        own(Intrinsic::Kind, Value::Kind(kind_of(wire.kind()))),
        own(Intrinsic::Status, Value::Status(status_of(wire.status()))),
        own(Intrinsic::StatusMessage, Value::Text(message)),
        own(Intrinsic::Duration, Value::Duration(nanos)),
        own(Intrinsic::ChildCount, Value::Int(children.into())),
    ]);
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
