//! Reads the events and links of a span.
//!
//! Where whole traces are fetched, each event is taken by itself: where all conditions must hold, one event
//! must meet all of them. Where spans are fetched one by one, as for metrics, each condition is taken by
//! itself, and another event may meet it.

use super::content::{Entry, fields};
use super::plan::{Column, Level, Part, Source};
use super::read::{PassReader, accepts, last_bytes, last_text, nil_text, value_of};
use super::test::Cell;
use crate::trace::index::Span;
use crate::traceql::ast::Intrinsic;
use crate::wire::otlp::{event, link};

impl<'t> PassReader<'_, 't> {
    /// Reads the events or links of the span just scanned; whether the conditions on them are met.
    pub(super) fn elements(&mut self, level: Level, span: &Span) -> bool {
        let (part, all) = match level {
            Level::Event => (&self.pass.event, std::mem::take(&mut self.events)),
            _ => (&self.pass.link, std::mem::take(&mut self.links)),
        };
        let mut is_met = true;
        if part.is_asked {
            let mut out = match level {
                Level::Event => std::mem::take(&mut self.visible.event),
                _ => std::mem::take(&mut self.visible.link),
            };
            is_met = match self.is_span_only {
                true => self.each_condition(part, level, &all, span, &mut out),
                false => self.each_element(part, level, &all, span, &mut out),
            };
            match level {
                Level::Event => self.visible.event = out,
                _ => self.visible.link = out,
            }
        }
        match level {
            Level::Event => self.events = all,
            _ => self.links = all,
        }
        is_met
    }

    /// One event after the other; where all conditions must hold, one event must meet all of them.
    fn each_element(
        &mut self,
        part: &Part,
        level: Level,
        all: &[&'t [u8]],
        span: &Span,
        out: &mut Vec<Entry<'t>>,
    ) -> bool {
        let mut is_met = false;
        // A span without events is stored as one with nothing in it.
        let elements = all.iter().map(|element| Some(*element)).chain(all.is_empty().then_some(None));
        for element in elements {
            let before = out.len();
            self.met.clear(&part.generic);
            let mut are_all = true;
            if let Some(element) = element {
                self.take_attributes(part, element, attributes_of(level), out);
                are_all &= self.own_columns(part, out);
            } else {
                are_all &= !part.columns.iter().any(|column| matches!(column.source, Source::Absent(_)));
            }
            are_all &= !part.generic.is_read || self.met.any;
            for column in &part.columns {
                are_all &= element_column(column, element, span, out);
            }
            if self.pass.all && !(are_all && out.len() - before >= part.distinct) {
                out.truncate(before);
            } else {
                is_met = true;
            }
        }
        is_met
    }

    /// One condition after the other, as metrics do: each may be met by another event.
    fn each_condition(
        &mut self,
        part: &Part,
        level: Level,
        all: &[&'t [u8]],
        span: &Span,
        out: &mut Vec<Entry<'t>>,
    ) -> bool {
        let mut are_all = true;
        for column in &part.columns {
            let mut is_met = false;
            match column.source {
                Source::Absent(name) => {
                    for element in all {
                        self.met.clear(&part.generic);
                        self.take_attributes(part, element, attributes_of(level), &mut Vec::new());
                        if self.met.is_absent(name) {
                            out.push(Entry { key: column.key, value: nil_text() });
                            is_met = true;
                        }
                    }
                }
                _ => {
                    for element in all {
                        is_met |= element_column(column, Some(element), span, out);
                    }
                    if all.is_empty() {
                        is_met |= element_column(column, None, span, out);
                    }
                }
            }
            are_all &= is_met;
        }
        let mut any = false;
        for element in all {
            self.met.clear(&part.generic);
            self.take_attributes(part, element, attributes_of(level), out);
            any |= self.met.any;
        }
        are_all &= !part.generic.is_read || any;
        are_all || !self.pass.all
    }
}

fn attributes_of(level: Level) -> u32 {
    if level == Level::Event { event::ATTRIBUTES } else { link::ATTRIBUTES }
}

/// A column of an event or link; `None` is that of a span that has none.
fn element_column<'t>(
    column: &Column,
    element: Option<&'t [u8]>,
    span: &Span,
    out: &mut Vec<Entry<'t>>,
) -> bool {
    let Source::Intrinsic(intrinsic) = column.source else { return true };
    let cell = match (element, intrinsic) {
        (None, _) => Cell::Empty,
        (Some(event), Intrinsic::EventName) => Cell::Text(last_text(event, event::NAME)),
        (Some(event), Intrinsic::EventTimeSinceStart) => {
            let time = fields(event).filter(|field| field.number == event::TIME);
            let time = time.filter_map(|field| field.value.fixed64().ok()).last().unwrap_or(0);
            Cell::Int(time.wrapping_sub(span.start) as i64)
        }
        (Some(link), Intrinsic::LinkTraceId) => Cell::Bytes(last_bytes(link, link::TRACE_ID)),
        (Some(link), _) => Cell::Bytes(last_bytes(link, link::SPAN_ID)),
    };
    let is_met = accepts(column, cell);
    if is_met {
        out.push(Entry { key: column.key, value: value_of(intrinsic, cell) });
    }
    is_met
}
