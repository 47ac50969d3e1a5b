//! Reads what one pass makes visible of the spans of one trace, but for their events and links.
//!
//! Spans of a scope come side by side, so what belongs to a resource or a scope is read once for them. A span's
//! bytes are walked once, and not at all where the conditions look only at what the index holds, or what the
//! index holds refuses the span.

use super::content::{Content, Entry, Met, fields};
use super::plan::{Column, Level, Own, Part, Pass, Source};
use super::test::Cell;
use super::visible::Visible;
use crate::evaluate::filter::{kind_of, span_id_text, status_of, trimmed_hex};
use crate::evaluate::rows::{Numbers, TraceRows};
use crate::evaluate::{SpanView, WireSpan};
use crate::trace::index::{Flags, Span};
use crate::traceql::ast::Intrinsic;
use crate::traceql::value::Value;
use crate::wire::otlp::{self, resource, scope, span};
use crate::wire::protobuf::{self, Reader};
use std::borrow::Cow;

/// Fields of a span that are read, as one bit each.
type Fields = u32;

fn bit(number: u32) -> Fields {
    1u32.checked_shl(number).unwrap_or(0)
}

/// The tag of an attribute of a span.
const ATTRIBUTES_TAG: u8 = ((span::ATTRIBUTES << 3) | 2) as u8;

/// A reader of one trace for one pass.
#[derive(Debug)]
pub(super) struct PassReader<'p, 't> {
    pub(super) pass: &'p Pass,
    trace: &'t TraceRows<'t>,
    pub(super) is_span_only: bool,
    fields: Fields,
    /// Whether the status is asked for; the index knows nearly every one.
    reads_status: bool,
    numbers: Option<&'t [Numbers]>,
    batch: Option<(u32, bool)>,
    scope: Option<(u32, bool)>,
    pub(super) met: Met<'t>,
    texts: SpanTexts<'t>,
    pub(super) events: Vec<&'t [u8]>,
    pub(super) links: Vec<&'t [u8]>,
    pub visible: Visible<'t>,
}

/// What is read from a span's bytes beside attributes.
#[derive(Debug, Default, Clone, Copy)]
struct SpanTexts<'t> {
    id: &'t [u8],
    parent: &'t [u8],
    name: &'t str,
    code: i32,
    message: &'t str,
}

const ALL_LEVELS: [Level; 6] =
    [Level::Trace, Level::Resource, Level::Scope, Level::Span, Level::Event, Level::Link];

impl<'p, 't> PassReader<'p, 't> {
    /// `None` where no span of the trace can be a candidate.
    pub(super) fn of(pass: &'p Pass, trace: &'t TraceRows<'t>, is_span_only: bool) -> Option<Self> {
        let mut reader = Self {
            pass,
            trace,
            is_span_only,
            fields: fields_of(pass),
            reads_status: has_column(pass, Intrinsic::Status),
            numbers: needs_numbers(pass).then(|| trace.numbers()),
            batch: None,
            scope: None,
            met: Met::default(),
            texts: SpanTexts::default(),
            events: Vec::new(),
            links: Vec::new(),
            visible: Visible::default(),
        };
        reader.read_trace().then_some(reader)
    }

    fn read_trace(&mut self) -> bool {
        let summary = self.trace.summary();
        let mut are_all = true;
        for column in &self.pass.trace.columns {
            let Source::Intrinsic(intrinsic) = column.source else { continue };
            let id = self.trace.id().as_bytes();
            let cell = match intrinsic {
                Intrinsic::TraceId => Cell::Bytes(id),
                Intrinsic::TraceDuration => Cell::Int(summary.end.wrapping_sub(summary.start) as i64),
                Intrinsic::RootName => Cell::Text(&summary.root_name),
                _ => Cell::Text(&summary.root_service),
            };
            let is_met = accepts(column, cell);
            are_all &= is_met;
            if is_met {
                self.visible.trace.push(Entry { key: column.key, value: value_of(intrinsic, cell) });
            }
        }
        are_all || !self.pass.all
    }

    /// Reads the span of a row; whether it is a candidate.
    pub(super) fn read(&mut self, row: u32) -> bool {
        let Some(at) = self.trace.rows().get(row as usize) else { return false };
        if self.batch == Some((at.batch, false)) {
            return false;
        }
        if self.batch.is_none_or(|(batch, _)| batch != at.batch) {
            let is_met = self.read_resource(self.wire(row).resource);
            self.batch = Some((at.batch, is_met));
            self.scope = None;
            if !is_met {
                return false;
            }
        }
        match self.scope {
            Some((scope, is_met)) if scope == at.scope => {
                if !is_met {
                    return false;
                }
            }
            _ => {
                let is_met = self.read_scope(self.wire(row).scope);
                self.scope = Some((at.scope, is_met));
                if !is_met {
                    return false;
                }
            }
        }
        let Some(span) = self.trace.span(row) else { return false };
        self.visible.clear_span();
        self.index_allows(row, span) && self.read_span(row, span) && self.is_enough()
    }

    fn wire(&self, row: u32) -> WireSpan<'t> {
        let nothing = WireSpan { span: &[], scope: None, resource: &[] };
        self.trace.wire(row).unwrap_or(nothing)
    }

    /// Whether the index leaves it open that the span meets all conditions, where it has to.
    fn index_allows(&self, row: u32, span: &Span) -> bool {
        let allows = |column: &Column| match column.source {
            Source::Intrinsic(intrinsic) => {
                self.known(intrinsic, row, span).is_none_or(|cell| accepts(column, cell))
            }
            Source::SpanStart | Source::Own(_) | Source::Absent(_) => true,
        };
        !self.pass.all || self.pass.span.columns.iter().all(allows)
    }

    /// What a column of spans holds, where the index knows it.
    fn known(&self, intrinsic: Intrinsic, row: u32, span: &Span) -> Option<Cell<'static>> {
        Some(Cell::Int(match intrinsic {
            Intrinsic::Duration => span.end.wrapping_sub(span.start) as i64,
            Intrinsic::Kind if span.kind != u8::MAX => i64::from(span.kind),
            Intrinsic::Status if span.flags.has(Flags::IS_ERROR) => 2,
            Intrinsic::Status if !span.flags.has(Flags::OTHER_STATUS) => 0,
            Intrinsic::ChildCount => i64::from(self.numbers_of(row).children),
            Intrinsic::NestedSetLeft => i64::from(self.numbers_of(row).left),
            Intrinsic::NestedSetRight => i64::from(self.numbers_of(row).right),
            Intrinsic::NestedSetParent => i64::from(self.numbers_of(row).parent),
            _ => return None,
        }))
    }

    /// Whether as much is visible as Tempo asks for.
    fn is_enough(&self) -> bool {
        let pass = self.pass;
        match (pass.all, self.is_span_only) {
            (true, true) => self.visible.count(&ALL_LEVELS) >= pass.distinct,
            (true, false) => {
                // What is seen as nil above the span was counted there, and here it is nothing.
                let of_span = self.visible.count(&[Level::Span, Level::Event, Level::Link]);
                of_span >= pass.span.distinct && self.has_any()
            }
            (false, _) => self.has_any(),
        }
    }

    /// Whether there is something visible, where there has to be.
    fn has_any(&self) -> bool {
        !self.pass.needs_any || self.visible.count(&ALL_LEVELS) > 0
    }

    fn read_resource(&mut self, message: &'t [u8]) -> bool {
        let part = &self.pass.resource;
        let mut out = std::mem::take(&mut self.visible.resource);
        out.clear();
        self.met.clear(&part.generic);
        if !part.generic.named.is_empty() {
            self.take_attributes(part, message, resource::ATTRIBUTES, &mut out);
        }
        let are_all = self.own_columns(part, &mut out);
        self.visible.resource = out;
        self.is_met(part, are_all, self.visible.resource.len())
    }

    fn read_scope(&mut self, message: Option<&'t [u8]>) -> bool {
        let part = &self.pass.scope;
        let mut out = std::mem::take(&mut self.visible.scope);
        out.clear();
        if part.is_asked {
            self.met.clear(&part.generic);
            let message = message.unwrap_or_default();
            self.take_attributes(part, message, scope::ATTRIBUTES, &mut out);
            let mut are_all = self.own_columns(part, &mut out);
            for column in &part.columns {
                let Source::Intrinsic(intrinsic) = column.source else { continue };
                let number = match intrinsic {
                    Intrinsic::InstrumentationName => scope::NAME,
                    _ => scope::VERSION,
                };
                let text = last_text(message, number);
                are_all &= accept(column, Cell::Text(text), Value::Text(Cow::Borrowed(text)), &mut out);
            }
            self.visible.scope = out;
            return self.is_met(part, are_all, self.visible.scope.len());
        }
        self.visible.scope = out;
        true
    }

    /// Whether a level above spans meets its conditions, where it has to.
    fn is_met(&self, part: &Part, are_all: bool, entries: usize) -> bool {
        let enough = self.is_span_only || entries >= part.distinct;
        !self.pass.all || (are_all && enough && (!part.generic.is_read || self.met.any))
    }

    pub(super) fn take_attributes(
        &mut self,
        part: &Part,
        message: &'t [u8],
        number: u32,
        out: &mut Vec<Entry<'t>>,
    ) {
        for field in fields(message) {
            if let (true, protobuf::Value::Bytes(pair)) = (field.number == number, field.value) {
                self.met.take(&part.generic, pair, out);
            }
        }
    }

    /// The columns of named attributes; whether all are met.
    pub(super) fn own_columns(&self, part: &Part, out: &mut Vec<Entry<'t>>) -> bool {
        let mut are_all = true;
        for column in &part.columns {
            match column.source {
                Source::Absent(name) => {
                    let is_absent = self.met.is_absent(name);
                    are_all &= is_absent;
                    if is_absent {
                        out.push(Entry { key: column.key, value: nil_text() });
                    }
                }
                Source::Own(name) => are_all &= self.own_column(part, column, name, out),
                Source::Intrinsic(_) | Source::SpanStart => {}
            }
        }
        are_all
    }

    fn own_column(&self, part: &Part, column: &Column, name: u16, out: &mut Vec<Entry<'t>>) -> bool {
        let content = self.met.own(name);
        let is_service =
            part.generic.named.get(usize::from(name)).is_some_and(|named| named.own == Own::Service);
        if is_service {
            let text = match content {
                Some(Content::One(Cell::Text(text))) => text,
                // Every resource has the column.
                _ => "",
            };
            return accept(column, Cell::Text(text), Value::Text(Cow::Borrowed(text)), out);
        }
        if let Some(Content::One(cell)) = content {
            return accept(column, cell, cell.value(), out);
        }
        let mut cells = content.into_iter().flat_map(Content::cells).peekable();
        if cells.peek().is_none() {
            return accept(column, Cell::Empty, nil_text(), out);
        }
        // Of an array, each element is an entry, and the first one counts.
        cells.fold(false, |met, cell| accept(column, cell, cell.value(), out) | met)
    }

    fn read_span(&mut self, row: u32, span: &Span) -> bool {
        let part = &self.pass.span;
        let mut out = std::mem::take(&mut self.visible.span);
        self.met.clear(&part.generic);
        let reads_status = self.reads_status && span.flags.has(Flags::OTHER_STATUS);
        let wanted = self.fields | if reads_status { bit(span::STATUS) } else { 0 };
        if wanted != 0 {
            self.scan(part, self.trace.body(span), wanted, &mut out);
        }
        let generic = out.len();
        let mut are_all = (!part.generic.is_read || self.met.any) & self.own_columns(part, &mut out);
        for column in &part.columns {
            are_all &= match column.source {
                Source::SpanStart => {
                    self.visible.has_start = span.start != 0;
                    true
                }
                Source::Intrinsic(intrinsic) => self.intrinsic(column, intrinsic, row, span, &mut out),
                Source::Own(_) | Source::Absent(_) => true,
            };
        }
        self.structure(row);
        if self.is_span_only {
            // Metrics list what has a column of its own before the rest.
            out.rotate_left(generic);
        }
        self.visible.span = out;
        if self.pass.all && !are_all {
            return false;
        }
        self.elements(Level::Event, span) && self.elements(Level::Link, span)
    }

    /// Walks the bytes of a span once.
    fn scan(&mut self, part: &Part, message: &'t [u8], wanted: Fields, out: &mut Vec<Entry<'t>>) {
        self.texts = SpanTexts::default();
        self.events.clear();
        self.links.clear();
        let wants_attributes = wanted & bit(span::ATTRIBUTES) != 0;
        let mut reader = Reader::new(message);
        loop {
            // Attributes are most of a span and lie together.
            while let Some(pair) = reader.take_short(ATTRIBUTES_TAG) {
                if wants_attributes {
                    self.met.take(&part.generic, pair, out);
                }
            }
            let Ok(Some(field)) = reader.next() else { return };
            let protobuf::Value::Bytes(bytes) = field.value else { continue };
            if wanted & bit(field.number) == 0 {
                continue;
            }
            match field.number {
                span::ATTRIBUTES => self.met.take(&part.generic, bytes, out),
                span::EVENTS => self.events.push(bytes),
                span::LINKS => self.links.push(bytes),
                span::NAME => self.texts.name = text(bytes),
                span::SPAN_ID => self.texts.id = bytes,
                span::PARENT_SPAN_ID => self.texts.parent = bytes,
                span::STATUS => self.scan_status(bytes),
                _ => {}
            }
        }
    }

    fn scan_status(&mut self, message: &'t [u8]) {
        for field in fields(message) {
            match (field.number, field.value) {
                (otlp::status::CODE, protobuf::Value::Varint(code)) => self.texts.code = code as i32,
                (otlp::status::MESSAGE, protobuf::Value::Bytes(bytes)) => self.texts.message = text(bytes),
                _ => {}
            }
        }
    }

    fn intrinsic(
        &mut self,
        column: &Column,
        intrinsic: Intrinsic,
        row: u32,
        span: &Span,
        out: &mut Vec<Entry<'t>>,
    ) -> bool {
        let known = self.known(intrinsic, row, span);
        let cell = match (known, intrinsic) {
            (Some(cell), _) => cell,
            (None, Intrinsic::Name) => Cell::Text(self.texts.name),
            (None, Intrinsic::Kind) => Cell::Int(i64::from(self.wire(row).kind())),
            (None, Intrinsic::Status) => Cell::Int(i64::from(self.texts.code)),
            (None, Intrinsic::StatusMessage) => Cell::Text(self.texts.message),
            (None, Intrinsic::SpanId) => Cell::Bytes(self.texts.id),
            (None, Intrinsic::ParentId) => Cell::Bytes(self.texts.parent),
            _ => return true,
        };
        if !accepts(column, cell) {
            return false;
        }
        let numbers = self.numbers_of(row);
        let is_number = match intrinsic {
            Intrinsic::NestedSetLeft => {
                self.visible.left = numbers.left;
                true
            }
            Intrinsic::NestedSetRight => {
                self.visible.right = numbers.right;
                true
            }
            Intrinsic::NestedSetParent => {
                self.visible.parent = numbers.parent;
                true
            }
            Intrinsic::SpanId => {
                self.visible.has_id = !self.texts.id.is_empty();
                false
            }
            _ => false,
        };
        // Metrics keep the numbers beside the attributes only.
        if !(is_number && self.is_span_only) {
            out.push(Entry { key: column.key, value: value_of(intrinsic, cell) });
        }
        true
    }

    fn numbers_of(&self, row: u32) -> Numbers {
        self.numbers.and_then(|all| all.get(row as usize)).copied().unwrap_or_default()
    }

    fn structure(&mut self, row: u32) {
        let wanted = self.pass.structure;
        let numbers = self.numbers_of(row);
        if wanted.left {
            self.visible.left = numbers.left;
        }
        if wanted.right {
            self.visible.right = numbers.right;
        }
        if wanted.parent {
            self.visible.parent = numbers.parent;
        }
    }
}

pub(super) fn accepts(column: &Column, cell: Cell<'_>) -> bool {
    column.tests.iter().any(|test| test.accepts(cell))
}

fn accept<'t>(column: &Column, cell: Cell<'_>, value: Value<'t>, out: &mut Vec<Entry<'t>>) -> bool {
    let is_met = accepts(column, cell);
    if is_met {
        out.push(Entry { key: column.key, value });
    }
    is_met
}

/// The value of an intrinsic from what its column holds.
pub(super) fn value_of<'t>(intrinsic: Intrinsic, cell: Cell<'t>) -> Value<'t> {
    match (intrinsic, cell) {
        (Intrinsic::Duration | Intrinsic::TraceDuration, Cell::Int(nanos)) => Value::Duration(nanos),
        (Intrinsic::EventTimeSinceStart, cell) => match cell {
            Cell::Int(nanos) => Value::Duration(nanos),
            _ => Value::Duration(0),
        },
        (Intrinsic::Kind, Cell::Int(kind)) => Value::Kind(kind_of(kind as i32)),
        (Intrinsic::Status, Cell::Int(code)) => Value::Status(status_of(code as i32)),
        (Intrinsic::TraceId | Intrinsic::LinkTraceId, cell) => Value::Text(match cell {
            Cell::Bytes(id) => trimmed_hex(id).into(),
            _ => Cow::Borrowed(""),
        }),
        (Intrinsic::SpanId | Intrinsic::ParentId | Intrinsic::LinkSpanId, cell) => Value::Text(match cell {
            Cell::Bytes(id) => span_id_text(id).into(),
            _ => span_id_text(&[]).into(),
        }),
        // An event's name where there is no event.
        (_, Cell::Empty) => Value::Text(Cow::Borrowed("")),
        (_, cell) => cell.value(),
    }
}

/// What stands for an attribute that is not there, where storage was asked for that.
pub(super) fn nil_text<'t>() -> Value<'t> {
    Value::Text(Cow::Borrowed("nil"))
}

pub(super) fn last_bytes(message: &[u8], number: u32) -> &[u8] {
    let found = fields(message).filter(|field| field.number == number);
    found.filter_map(|field| field.bytes().ok()).last().unwrap_or_default()
}

pub(super) fn last_text(message: &[u8], number: u32) -> &str {
    text(last_bytes(message, number))
}

/// What is no UTF-8 is no text.
fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap_or_default()
}

fn fields_of(pass: &Pass) -> Fields {
    let mut all = 0;
    if !pass.span.generic.named.is_empty() {
        all |= bit(span::ATTRIBUTES);
    }
    if pass.event.is_asked {
        all |= bit(span::EVENTS);
    }
    if pass.link.is_asked {
        all |= bit(span::LINKS);
    }
    for column in &pass.span.columns {
        all |= match column.source {
            Source::Intrinsic(Intrinsic::Name) => bit(span::NAME),
            Source::Intrinsic(Intrinsic::SpanId) => bit(span::SPAN_ID),
            Source::Intrinsic(Intrinsic::ParentId) => bit(span::PARENT_SPAN_ID),
            Source::Intrinsic(Intrinsic::StatusMessage) => bit(span::STATUS),
            _ => 0,
        };
    }
    all
}

fn has_column(pass: &Pass, intrinsic: Intrinsic) -> bool {
    pass.span.columns.iter().any(|column| column.source == Source::Intrinsic(intrinsic))
}

fn needs_numbers(pass: &Pass) -> bool {
    use Intrinsic::{ChildCount, NestedSetLeft, NestedSetParent, NestedSetRight};
    let wanted = pass.structure;
    let columns = [ChildCount, NestedSetLeft, NestedSetRight, NestedSetParent];
    wanted.left
        || wanted.right
        || wanted.parent
        || columns.into_iter().any(|intrinsic| has_column(pass, intrinsic))
}
