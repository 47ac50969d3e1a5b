//! The older form of a search: tags with values, and how long the trace lasts.
//!
//! Each tag may be met anywhere in the trace, with these rules of Tempo: names, services, roots and the
//! attributes that Tempo keeps in columns of their own contain the value; any other attribute equals it, and
//! all such tags have to be met within one resource and its spans. Only texts are compared, but for the
//! integers among those columns.

use super::rows::Row;
use super::span_view::{Holder, SpanView};
use super::wire_span::WireSpan;
use super::{TraceRows, search};
use crate::model::search::TraceRow;
use crate::traceql::ast::Scope;
use crate::traceql::columns::{self, Takes};
use crate::traceql::value::Value;
use std::collections::BTreeMap;
use std::ops::RangeInclusive;

const NANOS_PER_MILLI: i64 = 1_000_000;

/// A search by tags, made ready.
#[derive(Debug)]
pub struct TagsSearch {
    wanted: Vec<Wanted>,
    /// Tags of any other name, with their values.
    pairs: Vec<(String, String)>,
    nanos: Option<RangeInclusive<i64>>,
}

/// What a trace has to have somewhere.
#[derive(Debug)]
enum Wanted {
    RootName(String),
    RootService(String),
    Service(String),
    Name(String),
    /// In OTLP's numbers.
    Status(i32),
    Text {
        holder: Holder,
        key: String,
        part: String,
    },
    Integer {
        key: String,
        value: i64,
    },
}

impl TagsSearch {
    /// Durations are milliseconds, 0 for no bound.
    pub fn new(tags: &BTreeMap<String, String>, min_duration_ms: u32, max_duration_ms: u32) -> Self {
        let bounded = min_duration_ms > 0 || max_duration_ms > 0;
        let most = if max_duration_ms > 0 { i64::from(max_duration_ms) * NANOS_PER_MILLI } else { i64::MAX };
        let mut made = Self {
            wanted: Vec::new(),
            pairs: Vec::new(),
            nanos: bounded.then_some(i64::from(min_duration_ms) * NANOS_PER_MILLI..=most),
        };
        for (key, value) in tags {
            match wanted(key, value) {
                Some(wanted) => made.wanted.push(wanted),
                None => made.pairs.push((key.clone(), value.clone())),
            }
        }
        made
    }

    /// The trace's row, without spans, where it matches.
    pub fn decide(&self, trace: &TraceRows<'_>) -> Option<TraceRow> {
        // A trace that ends before it starts lasts, as unsigned, longer than any bound, and fails both.
        let lasts = trace.summary().duration() as i64;
        let matches = self.nanos.as_ref().is_none_or(|bounds| bounds.contains(&lasts))
            && self.wanted.iter().all(|wanted| wanted.is_in(trace))
            && (self.pairs.is_empty() || self.has_pairs(trace));
        matches.then(|| search::row_of(trace, Vec::new(), BTreeMap::new()))
    }

    fn has_pairs(&self, trace: &TraceRows<'_>) -> bool {
        let mut first = 0;
        for batch in trace.rows().chunk_by(|one, other| one.batch == other.batch) {
            if self.batch_has_pairs(trace, first, batch) {
                return true;
            }
            first += batch.len() as u32;
        }
        false
    }

    /// Whether one resource and its spans have every pair. An attribute that is an array counts where one of
    /// its elements is asked for; where several are, Tempo loses the thread and the whole batch fails.
    fn batch_has_pairs(&self, trace: &TraceRows<'_>, first: u32, batch: &[Row]) -> bool {
        let mut met = vec![false; self.pairs.len()];
        let wires = (first..).take(batch.len()).filter_map(|row| trace.wire(row));
        let resource = trace.wire(first).into_iter().flat_map(|wire| wire.attributes(Holder::Resource));
        for (key, value) in resource.chain(wires.flat_map(|wire| wire.attributes(Holder::Span))) {
            if !self.pairs.iter().any(|(wanted, _)| wanted.as_bytes() == key) {
                continue;
            }
            let texts = match value {
                Value::Text(text) => vec![text],
                Value::Texts(all) => all,
                _ => continue,
            };
            let mut asked = texts.iter().filter(|text| self.pairs.iter().any(|(_, value)| value == *text));
            let Some(text) = asked.next() else { continue };
            if asked.next().is_some() {
                return false;
            }
            for ((wanted, value), met) in self.pairs.iter().zip(&mut met) {
                *met |= wanted.as_bytes() == key && value == text;
            }
        }
        met.iter().all(|met| *met)
    }
}

fn wanted(key: &str, value: &str) -> Option<Wanted> {
    match key {
        "root.name" => Some(Wanted::RootName(value.to_owned())),
        "root.service.name" => Some(Wanted::RootService(value.to_owned())),
        "service.name" => Some(Wanted::Service(value.to_owned())),
        "name" => Some(Wanted::Name(value.to_owned())),
        // Whatever is no status is taken for unset, as in Tempo.
        "status.code" => Some(Wanted::Status(match value {
            "ok" => 1,
            "error" => 2,
            _ => 0,
        })),
        _ => match columns::of_key(key)? {
            (scope, Takes::Texts) => {
                let holder = if scope == Scope::Resource { Holder::Resource } else { Holder::Span };
                Some(Wanted::Text { holder, key: key.to_owned(), part: value.to_owned() })
            }
            (_, Takes::Integers) => {
                value.parse().ok().map(|value| Wanted::Integer { key: key.to_owned(), value })
            }
        },
    }
}

impl Wanted {
    fn is_in(&self, trace: &TraceRows<'_>) -> bool {
        let any_span = |has: &dyn Fn(WireSpan<'_>) -> bool| {
            (0..trace.rows().len() as u32).filter_map(|row| trace.wire(row)).any(has)
        };
        match self {
            Self::RootName(part) => trace.summary().root_name.contains(part),
            Self::RootService(part) => trace.summary().root_service.contains(part),
            Self::Service(part) => trace.service_stats().keys().any(|service| service.contains(part)),
            Self::Name(part) => any_span(&|span| span.name().contains(part)),
            Self::Status(code) => any_span(&|span| span.status() == *code),
            Self::Text { holder, key, part } => any_span(&|span| {
                span.attributes(*holder).filter(|(found, _)| *found == key.as_bytes()).any(|(_, value)| {
                    match value {
                        Value::Text(text) => text.contains(part),
                        Value::Texts(all) => all.iter().any(|text| text.contains(part)),
                        _ => false,
                    }
                })
            }),
            Self::Integer { key, value } => any_span(&|span| {
                span.attributes(Holder::Span).filter(|(found, _)| *found == key.as_bytes()).any(
                    |(_, found)| match found {
                        Value::Int(int) => int == *value,
                        Value::Ints(all) => all.contains(value),
                        _ => false,
                    },
                )
            }),
        }
    }
}

mod weaker;

#[cfg(test)]
mod tests;
