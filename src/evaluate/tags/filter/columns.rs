//! The columns of one trace, read when a group needs them.

use std::cell::OnceCell;

use super::Found;
use super::join::{Entry, Hit, Hits, Of, Row, Source};
use crate::evaluate::tags::stored::{self, Column, Holder, Raw, Stored};
use crate::evaluate::{LinkView, SpanView, TraceRows, WireSpan};
use crate::model::tags::TagScope;
use crate::trace::span::bytes_field;
use crate::traceql::ast::Intrinsic;
use crate::wire::otlp;

/// The columns of a trace.
pub(super) struct Columns<'r, 't> {
    trace: &'r TraceRows<'t>,
    owners: [OnceCell<Vec<Owner<'t>>>; 5],
}

/// What has attributes, with those that lie in the common columns, and those that lie in their own.
pub(super) struct Owner<'t> {
    row: Row,
    /// Events and links that are not there still have a row: that of the span, with nothing below.
    exists: bool,
    common: Vec<Stored<'t>>,
    own: Vec<Stored<'t>>,
    /// Of a resource.
    service: &'t str,
}

/// Where in a row the numbers of a scope's attributes stand.
fn attribute_level(scope: TagScope) -> usize {
    match scope {
        TagScope::Resource => 2,
        TagScope::Instrumentation => 3,
        TagScope::Event | TagScope::Link => 5,
        _ => 4,
    }
}

impl<'r, 't> Columns<'r, 't> {
    pub fn of(trace: &'r TraceRows<'t>) -> Self {
        Self { trace, owners: Default::default() }
    }

    fn owners(&self, scope: TagScope) -> &[Owner<'t>] {
        let at = match scope {
            TagScope::Resource => 0,
            TagScope::Instrumentation => 1,
            TagScope::Event => 2,
            TagScope::Link => 3,
            _ => 4,
        };
        self.owners.get(at).map_or(&[], |owners| owners.get_or_init(|| owners_of(self.trace, scope)))
    }

    /// Keys of the common columns, nulls included; `keeps` sees null as none.
    pub fn keys(&self, scope: TagScope, selects: bool, keeps: impl Fn(Option<&str>) -> bool) -> Hits<'t> {
        let level = attribute_level(scope);
        let mut hits = Vec::new();
        for owner in self.owners(scope) {
            if owner.common.is_empty() && keeps(None) {
                hits.push(Hit::at(owner.row));
            }
            for (number, attribute) in owner.common.iter().enumerate() {
                if keeps(Some(attribute.key)) {
                    let entry = Entry { source: Source::Key, value: Raw::Text(attribute.key) };
                    hits.push(Hit::with(owner.row.at(level, number), selects.then_some(entry)));
                }
            }
        }
        hits
    }

    /// Elements of one of the common columns, nulls included.
    pub fn elements(
        &self,
        scope: TagScope,
        column: Column,
        selects: bool,
        keeps: impl Fn(Option<Raw<'_>>) -> bool,
    ) -> Hits<'t> {
        let level = attribute_level(scope);
        let mut hits = Vec::new();
        for owner in self.owners(scope) {
            if owner.common.is_empty() && keeps(None) {
                hits.push(Hit::at(owner.row));
            }
            for (number, attribute) in owner.common.iter().enumerate() {
                let row = owner.row.at(level, number);
                push_elements(
                    &mut hits,
                    attribute,
                    row,
                    level,
                    column,
                    selects.then_some(Source::Element),
                    &keeps,
                );
            }
        }
        hits
    }

    /// Owners without an attribute of this key.
    pub fn lacking(&self, scope: TagScope, key: &str) -> Hits<'t> {
        let lacks =
            |owner: &&Owner<'t>| owner.exists && owner.common.iter().all(|attribute| attribute.key != key);
        self.owners(scope).iter().filter(lacks).map(|owner| Hit::at(owner.row)).collect()
    }

    /// An attribute that has a column of its own, nulls included.
    pub fn dedicated(
        &self,
        scope: TagScope,
        key: &str,
        selects: bool,
        keeps: impl Fn(Option<Raw<'_>>) -> bool,
    ) -> Hits<'t> {
        let level = attribute_level(scope) - 1;
        let Some(column) = stored::dedicated(scope, key) else { return Vec::new() };
        let mut hits = Vec::new();
        for owner in self.owners(scope) {
            // Of several the last was written.
            match owner.own.iter().rfind(|attribute| attribute.key == key) {
                Some(attribute) => {
                    let source = selects.then_some(Source::Own);
                    push_elements(&mut hits, attribute, owner.row, level, column, source, &keeps);
                }
                None if keeps(None) => hits.push(Hit::at(owner.row)),
                None => {}
            }
        }
        hits
    }

    /// The service of each resource, which is never null.
    pub fn services(&self, selects: bool, keeps: impl Fn(Option<Raw<'_>>) -> bool) -> Hits<'t> {
        let owners = self.owners(TagScope::Resource).iter();
        owners
            .map(|owner| (owner.row, Raw::Text(owner.service)))
            .filter(|(_, value)| keeps(Some(*value)))
            .map(|(row, value)| Hit::with(row, selects.then_some(Entry { source: Source::Own, value })))
            .collect()
    }

    /// A column of spans, scopes or events that is no attribute.
    pub fn intrinsic(
        &self,
        intrinsic: Intrinsic,
        selects: bool,
        keeps: impl Fn(Option<Raw<'_>>) -> bool,
    ) -> Hits<'t> {
        let mut hits = Vec::new();
        let mut last_scope = None;
        for (row, number) in self.trace.rows().iter().zip(0u32..) {
            let Some(wire) = self.trace.wire(number) else { continue };
            let is_first = last_scope.replace(row.scope) != Some(row.scope);
            let mut push = |row: Row, value: Option<Raw<'t>>, source: Source| {
                if keeps(value) {
                    let entry = value.filter(|_| selects).map(|value| Entry { source, value });
                    hits.push(Hit::with(row, entry));
                }
            };
            match intrinsic {
                Intrinsic::InstrumentationName | Intrinsic::InstrumentationVersion => {
                    if is_first {
                        let value = scope_value(wire, intrinsic);
                        push(Row::of(&[row.batch, row.scope]), Some(value), Source::Own);
                    }
                }
                Intrinsic::EventName => {
                    let span = Row::of(&[row.batch, row.scope, number]);
                    let mut events = stored::messages(wire.span, otlp::span::EVENTS).enumerate().peekable();
                    if events.peek().is_none() {
                        push(span, None, Source::Own);
                    }
                    for (at, event) in events {
                        push(
                            span.at(4, at),
                            Some(Raw::Text(field_text(event, otlp::event::NAME))),
                            Source::Own,
                        );
                    }
                }
                _ => {
                    let span = Row::of(&[row.batch, row.scope, number]);
                    let (value, source) = self.span_value(wire, number, intrinsic);
                    push(span, value, source);
                }
            }
        }
        hits
    }

    fn span_value(&self, wire: WireSpan<'t>, row: u32, intrinsic: Intrinsic) -> (Option<Raw<'t>>, Source) {
        let numbers = || self.trace.numbers().get(row as usize).copied().unwrap_or_default();
        let (value, source) = match intrinsic {
            Intrinsic::Name => (Raw::Text(field_text(wire.span, otlp::span::NAME)), Source::Own),
            Intrinsic::StatusMessage => (Raw::Text(status_message(wire.span)), Source::Own),
            Intrinsic::Status => (Raw::Int(wire.status().into()), Source::Status),
            Intrinsic::Kind => (Raw::Int(wire.kind().into()), Source::Silent),
            Intrinsic::Duration => {
                (Raw::Int(wire.end().wrapping_sub(wire.start()).cast_signed()), Source::Duration)
            }
            Intrinsic::ChildCount => (Raw::Int(numbers().children.into()), Source::Own),
            Intrinsic::NestedSetLeft => (Raw::Int(numbers().left.into()), Source::Silent),
            Intrinsic::NestedSetRight => (Raw::Int(numbers().right.into()), Source::Silent),
            Intrinsic::NestedSetParent => (Raw::Int(numbers().parent.into()), Source::Silent),
            _ => return (None, Source::Silent),
        };
        (Some(value), source)
    }

    /// Links by an id, whichever is asked for.
    pub fn link_ids(&self, intrinsic: Intrinsic, keeps: impl Fn(Option<&[u8]>) -> bool) -> Hits<'t> {
        let mut hits = Vec::new();
        for (row, number) in self.trace.rows().iter().zip(0u32..) {
            let Some(wire) = self.trace.wire(number) else { continue };
            let span = Row::of(&[row.batch, row.scope, number]);
            let mut count = 0;
            for (at, link) in wire.links().enumerate() {
                count += 1;
                let id = if intrinsic == Intrinsic::LinkTraceId { link.trace_id() } else { link.span_id() };
                if keeps(Some(id)) {
                    hits.push(Hit::at(span.at(4, at)));
                }
            }
            if count == 0 && keeps(None) {
                hits.push(Hit::at(span));
            }
        }
        hits
    }

    /// What is known of the whole trace.
    pub fn of_trace(
        &self,
        intrinsic: Intrinsic,
        selects: bool,
        keeps: impl Fn(Option<Raw<'_>>) -> bool,
    ) -> Hits<'t> {
        let summary = self.trace.summary();
        let (value, source) = match intrinsic {
            Intrinsic::RootName => (Raw::Text(&summary.root_name), Source::Own),
            Intrinsic::RootServiceName => (Raw::Text(&summary.root_service), Source::Own),
            _ => (Raw::Int(summary.duration().cast_signed()), Source::Duration),
        };
        if !keeps(Some(value)) {
            return Vec::new();
        }
        let mut hit = Hit::at(Row::of(&[]));
        if selects {
            // Told at once: the summary lives shorter than the bytes of the trace.
            hit.found.extend(Of::Trace.told(Entry { source, value }).map(Found::Value));
        }
        vec![hit]
    }
}

fn push_elements<'t>(
    hits: &mut Hits<'t>,
    attribute: &Stored<'t>,
    row: Row,
    level: usize,
    column: Column,
    source: Option<Source>,
    keeps: &impl Fn(Option<Raw<'_>>) -> bool,
) {
    let elements = || attribute.elements.iter().filter(|element| element.column() == column);
    if elements().next().is_none() && keeps(None) {
        hits.push(Hit::at(row));
    }
    for (number, value) in elements().enumerate().filter(|(_, value)| keeps(Some(**value))) {
        let entry = source.map(|source| Entry { source, value: *value });
        hits.push(Hit::with(row.at(level + 1, number), entry));
    }
}

fn scope_value(wire: WireSpan<'_>, intrinsic: Intrinsic) -> Raw<'_> {
    let scope = wire.scope.unwrap_or_default();
    let number =
        if intrinsic == Intrinsic::InstrumentationName { otlp::scope::NAME } else { otlp::scope::VERSION };
    Raw::Text(field_text(scope, number))
}

fn status_message(span: &[u8]) -> &str {
    let messages = stored::messages(span, otlp::span::STATUS);
    messages.map(|status| field_text(status, otlp::status::MESSAGE)).last().unwrap_or_default()
}

fn field_text(message: &[u8], number: u32) -> &str {
    std::str::from_utf8(bytes_field(message, number)).unwrap_or_default()
}

fn owners_of<'t>(trace: &TraceRows<'t>, scope: TagScope) -> Vec<Owner<'t>> {
    let mut owners = Vec::new();
    for holder in stored::holders(trace) {
        match (holder, scope) {
            (Holder::Resource { batch, wire }, TagScope::Resource) => {
                owners.push(Owner::of(Row::of(&[batch]), wire, otlp::resource::ATTRIBUTES, scope));
            }
            (Holder::Scope { batch, scope: number, wire }, TagScope::Instrumentation) => {
                owners.push(Owner::of(Row::of(&[batch, number]), wire, otlp::scope::ATTRIBUTES, scope));
            }
            (Holder::Span { batch, scope: number, row, wire }, TagScope::Span) => {
                owners.push(Owner::of(Row::of(&[batch, number, row]), wire, otlp::span::ATTRIBUTES, scope));
            }
            (Holder::Span { batch, scope: number, row, wire }, TagScope::Event | TagScope::Link) => {
                let (field, attributes) = match scope {
                    TagScope::Event => (otlp::span::EVENTS, otlp::event::ATTRIBUTES),
                    _ => (otlp::span::LINKS, otlp::link::ATTRIBUTES),
                };
                let span = Row::of(&[batch, number, row]);
                let before = owners.len();
                for (at, message) in stored::messages(wire, field).enumerate() {
                    owners.push(Owner::of(span.at(4, at), message, attributes, scope));
                }
                if owners.len() == before {
                    owners.push(Owner { exists: false, ..Owner::of(span, &[], attributes, scope) });
                }
            }
            _ => {}
        }
    }
    owners
}

impl<'t> Owner<'t> {
    fn of(row: Row, wire: &'t [u8], number: u32, scope: TagScope) -> Self {
        let mut owner = Self { row, exists: true, common: Vec::new(), own: Vec::new(), service: "" };
        for attribute in stored::attributes(wire, number) {
            match attribute.elements.first() {
                Some(Raw::Text(service)) if attribute.is_service(scope) => owner.service = service,
                _ if attribute.is_dedicated(scope) => owner.own.push(attribute),
                _ => owner.common.push(attribute),
            }
        }
        owner
    }
}
