//! How attributes lie in a block: each in the column of its type, arrays element by element, and some in
//! columns of their own.

use crate::evaluate::TraceRows;
use crate::model::tags::TagScope;
use crate::trace::span::bytes_field;
use crate::traceql::ast::Scope;
use crate::traceql::columns::{self, Takes};
use crate::wire::otlp::{any_value, key_value, list};
use crate::wire::protobuf::{Field, Reader, Value};

pub(super) const SERVICE_NAME: &str = "service.name";

/// A value of a column.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Raw<'t> {
    Text(&'t str),
    Int(i64),
    Float(f64),
    Bool(bool),
}

/// A column of attributes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Column {
    Text,
    Int,
    Float,
    Bool,
}

/// What holds attributes, with its number and its message.
#[derive(Debug, Clone, Copy)]
pub(super) enum Holder<'t> {
    Resource { batch: u32, wire: &'t [u8] },
    Scope { batch: u32, scope: u32, wire: &'t [u8] },
    Span { batch: u32, scope: u32, row: u32, wire: &'t [u8] },
}

/// Resources, scopes and spans in storage order, what holds others before them.
pub(super) fn holders<'t>(trace: &TraceRows<'t>) -> impl Iterator<Item = Holder<'t>> {
    let mut last = (None, None);
    trace.rows().iter().zip(0u32..).flat_map(move |(row, number)| {
        let wire = trace.wire(number);
        let (batch, scope) = (row.batch, row.scope);
        let resource = wire.filter(|_| last.0 != Some(batch));
        let own_scope = wire.filter(|_| last.1 != Some(scope));
        last = (Some(batch), Some(scope));
        [
            resource.map(|wire| Holder::Resource { batch, wire: wire.resource }),
            own_scope.map(|wire| Holder::Scope { batch, scope, wire: wire.scope.unwrap_or_default() }),
            wire.map(|wire| Holder::Span { batch, scope, row: number, wire: wire.span }),
        ]
        .into_iter()
        .flatten()
    })
}

/// The keys of the attributes in field `number`. What is no UTF-8 names nothing.
pub(super) fn keys(message: &[u8], number: u32) -> impl Iterator<Item = &str> {
    messages(message, number).filter_map(|pair| std::str::from_utf8(bytes_field(pair, key_value::KEY)).ok())
}

pub(super) fn messages(message: &[u8], number: u32) -> impl Iterator<Item = &[u8]> {
    fields(message).filter(move |field| field.number == number).filter_map(|field| field.bytes().ok())
}

fn fields(message: &[u8]) -> impl Iterator<Item = Field<'_>> {
    let mut reader = Reader::new(message);
    std::iter::from_fn(move || reader.next().ok().flatten())
}

/// An attribute as it is stored: its key and the elements of its column. What no column holds (bytes, maps,
/// arrays of several types, no value) has none.
#[derive(Debug, Clone)]
pub(super) struct Stored<'t> {
    pub key: &'t str,
    pub is_array: bool,
    pub elements: Vec<Raw<'t>>,
}

/// The attributes in field `number` of a message.
pub(super) fn attributes(message: &[u8], number: u32) -> impl Iterator<Item = Stored<'_>> {
    messages(message, number).filter_map(|pair| {
        let key = std::str::from_utf8(bytes_field(pair, key_value::KEY)).ok()?;
        let any = bytes_field(pair, key_value::VALUE);
        let is_array = set(any).is_some_and(|field| field.number == any_value::ARRAY);
        Some(Stored { key, is_array, elements: elements(any) })
    })
}

/// The elements of the attributes of one key, without looking into others.
pub(super) fn elements_of<'m>(message: &'m [u8], number: u32, key: &str) -> impl Iterator<Item = Raw<'m>> {
    messages(message, number)
        .filter(move |pair| bytes_field(pair, key_value::KEY) == key.as_bytes())
        .flat_map(|pair| elements(bytes_field(pair, key_value::VALUE)))
}

fn elements(any: &[u8]) -> Vec<Raw<'_>> {
    let Some(field) = set(any) else { return Vec::new() };
    if field.number != any_value::ARRAY {
        return scalar(field).into_iter().collect();
    }
    let Ok(array) = field.bytes() else { return Vec::new() };
    let all: Option<Vec<Raw<'_>>> =
        messages(array, list::VALUES).map(|element| set(element).and_then(scalar)).collect();
    let all = all.unwrap_or_default();
    let is_one_type = all.windows(2).all(|pair| match pair {
        [one, other] => one.column() == other.column(),
        _ => true,
    });
    if is_one_type { all } else { Vec::new() }
}

/// The field of a value that is set: the last.
fn set(any: &[u8]) -> Option<Field<'_>> {
    fields(any).filter(|field| (any_value::STRING..=any_value::BYTES).contains(&field.number)).last()
}

fn scalar(field: Field<'_>) -> Option<Raw<'_>> {
    match (field.number, field.value) {
        (any_value::STRING, Value::Bytes(bytes)) => std::str::from_utf8(bytes).ok().map(Raw::Text),
        (any_value::BOOL, Value::Varint(flag)) => Some(Raw::Bool(flag != 0)),
        (any_value::INT, Value::Varint(int)) => Some(Raw::Int(int as i64)),
        (any_value::DOUBLE, Value::Fixed64(bits)) => Some(Raw::Float(f64::from_bits(bits))),
        _ => None,
    }
}

impl Raw<'_> {
    pub fn column(self) -> Column {
        match self {
            Self::Text(_) => Column::Text,
            Self::Int(_) => Column::Int,
            Self::Float(_) => Column::Float,
            Self::Bool(_) => Column::Bool,
        }
    }
}

/// The type of an attribute's own column, where it has one.
pub(super) fn dedicated(scope: TagScope, key: &str) -> Option<Column> {
    let scope = match scope {
        TagScope::Resource => Scope::Resource,
        TagScope::Span => Scope::Span,
        _ => return None,
    };
    columns::own(scope, key).map(|takes| match takes {
        Takes::Texts => Column::Text,
        Takes::Integers => Column::Int,
    })
}

impl Stored<'_> {
    /// Whether it lies in a column of its own.
    pub fn is_dedicated(&self, scope: TagScope) -> bool {
        dedicated(scope, self.key)
            .is_some_and(|column| self.elements.first().is_some_and(|first| first.column() == column))
    }

    /// Whether it is the service of a resource, which lies in a column of its own whatever the configuration.
    pub fn is_service(&self, scope: TagScope) -> bool {
        // An array is no service, be it of one string.
        scope == TagScope::Resource
            && self.key == SERVICE_NAME
            && !self.is_array
            && matches!(self.elements.first(), Some(Raw::Text(_)))
    }
}
