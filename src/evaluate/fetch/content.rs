//! Attributes as they lie on the wire, taken apart as far as a block would store them.

use super::plan::{Generic, Key, Own};
use super::test::{Cell, Stored, Test};
use crate::trace::span::key_and_value;
use crate::traceql::value::Value;
use crate::wire::otlp::{any_value, list};
use crate::wire::protobuf::{self, Reader};
use std::borrow::Cow;

/// A value that is visible.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Entry<'t> {
    pub key: Key,
    pub value: Value<'t>,
}

/// What an attribute holds.
#[derive(Debug, Clone, Copy)]
pub(super) enum Content<'t> {
    One(Cell<'t>),
    /// An encoded `ArrayValue` whose elements are all of this type.
    Array(&'t [u8], Stored),
    EmptyArray,
    /// Bytes, maps, mixed arrays, nothing: no block has a column for it.
    Other,
}

impl<'t> Content<'t> {
    /// Of an encoded `AnyValue`.
    pub(super) fn of(any: &'t [u8]) -> Self {
        if let Some(cell) = plain(any) {
            return Self::One(cell);
        }
        let Some(field) = last_of_any(any) else { return Self::Other };
        match (field.number, field.value) {
            (any_value::ARRAY, protobuf::Value::Bytes(array)) => Self::of_array(array),
            _ => scalar(field).map_or(Self::Other, Self::One),
        }
    }

    fn of_array(array: &'t [u8]) -> Self {
        let mut types = elements(array).map(|element| element.and_then(Cell::stored));
        let Some(first) = types.next() else { return Self::EmptyArray };
        match first {
            Some(stored) if types.all(|other| other == first) => Self::Array(array, stored),
            _ => Self::Other,
        }
    }

    /// Whether a column of this type can hold it.
    pub(super) fn fits(self, wanted: Stored) -> bool {
        match self {
            Self::One(cell) => cell.stored() == Some(wanted),
            Self::Array(_, stored) => stored == wanted,
            Self::EmptyArray => true,
            Self::Other => false,
        }
    }

    pub(super) fn cells(self) -> impl Iterator<Item = Cell<'t>> {
        let (one, array) = match self {
            Self::One(cell) => (Some(cell), [].as_slice()),
            Self::Array(array, _) => (None, array),
            Self::EmptyArray | Self::Other => (None, [].as_slice()),
        };
        one.into_iter().chain(elements(array).flatten())
    }
}

impl<'t> Cell<'t> {
    pub(super) fn stored(self) -> Option<Stored> {
        match self {
            Self::Text(_) => Some(Stored::Text),
            Self::Int(_) => Some(Stored::Int),
            Self::Float(_) => Some(Stored::Float),
            Self::Bool(_) => Some(Stored::Bool),
            Self::Empty | Self::Bytes(_) => None,
        }
    }

    pub(super) fn value(self) -> Value<'t> {
        match self {
            Self::Text(text) => Value::Text(Cow::Borrowed(text)),
            Self::Int(int) => Value::Int(int),
            Self::Float(float) => Value::Float(float),
            Self::Bool(flag) => Value::Bool(flag),
            Self::Empty | Self::Bytes(_) => Value::Nil,
        }
    }
}

fn elements(array: &[u8]) -> impl Iterator<Item = Option<Cell<'_>>> {
    fields(array).filter(|field| field.number == list::VALUES).filter_map(|field| field.bytes().ok()).map(
        |any| {
            let field = last_of_any(any)?;
            scalar(field)
        },
    )
}

/// The fields of a message, up to where the bytes stop being protobuf.
pub(super) fn fields(message: &[u8]) -> impl Iterator<Item = protobuf::Field<'_>> {
    let mut reader = Reader::new(message);
    std::iter::from_fn(move || reader.next().ok().flatten())
}

/// The last field that is a value at all: it is the one that is set.
fn last_of_any(any: &[u8]) -> Option<protobuf::Field<'_>> {
    fields(any).filter(|field| (any_value::STRING..=any_value::BYTES).contains(&field.number)).last()
}

/// The shape of nearly every value: one short scalar and nothing else.
#[inline]
fn plain(any: &[u8]) -> Option<Cell<'_>> {
    match any {
        [STRING_TAG, len @ 0..=0x7f, text @ ..] if text.len() == usize::from(*len) => {
            std::str::from_utf8(text).ok().map(Cell::Text)
        }
        [INT_TAG, int @ 0..=0x7f] => Some(Cell::Int(i64::from(*int))),
        [INT_TAG, low @ 0x80..=0xff, high @ 0..=0x7f] => {
            Some(Cell::Int(i64::from(low & 0x7f) | i64::from(*high) << 7))
        }
        _ => None,
    }
}

fn scalar(field: protobuf::Field<'_>) -> Option<Cell<'_>> {
    match (field.number, field.value) {
        (any_value::STRING, protobuf::Value::Bytes(bytes)) => std::str::from_utf8(bytes).ok().map(Cell::Text),
        (any_value::BOOL, protobuf::Value::Varint(flag)) => Some(Cell::Bool(flag != 0)),
        (any_value::INT, protobuf::Value::Varint(int)) => Some(Cell::Int(int as i64)),
        (any_value::DOUBLE, protobuf::Value::Fixed64(bits)) => Some(Cell::Float(f64::from_bits(bits))),
        _ => None,
    }
}

const STRING_TAG: u8 = ((any_value::STRING << 3) | 2) as u8;
const INT_TAG: u8 = (any_value::INT << 3) as u8;

/// What was met of the attributes a part looks for by name.
#[derive(Debug, Default)]
pub(super) struct Met<'t> {
    /// By the number of the name: whether it is among the generic attributes.
    is_there: Vec<bool>,
    /// The same: what its column of its own holds.
    own: Vec<Option<Content<'t>>>,
    /// Whether any entry came of it.
    pub any: bool,
}

impl<'t> Met<'t> {
    pub(super) fn clear(&mut self, generic: &Generic) {
        self.is_there.clear();
        self.is_there.resize(generic.named.len(), false);
        self.own.clear();
        self.own.resize(generic.named.len(), None);
        self.any = false;
    }

    pub(super) fn is_absent(&self, name: u16) -> bool {
        self.is_there.get(usize::from(name)).is_some_and(|is_there| !is_there)
    }

    pub(super) fn own(&self, name: u16) -> Option<Content<'t>> {
        self.own.get(usize::from(name)).copied().flatten()
    }

    /// Takes one attribute of the message.
    #[inline]
    pub(super) fn take(&mut self, generic: &Generic, message: &'t [u8], out: &mut Vec<Entry<'t>>) {
        let (key, any) = key_and_value(message);
        if let Some(at) = generic.number(key) {
            self.take_named(generic, at, any, out);
        }
    }

    fn take_named(&mut self, generic: &Generic, at: usize, any: &'t [u8], out: &mut Vec<Entry<'t>>) {
        let Some(named) = generic.named.get(at) else { return };
        let content = Content::of(any);
        let fits = match named.own {
            Own::None => false,
            Own::Of(stored) => content.fits(stored),
            Own::Service => matches!(content, Content::One(Cell::Text(_))),
        };
        if let Some(own) = self.own.get_mut(at) {
            match named.own {
                _ if fits => *own = Some(content),
                // What does not fit empties the column, and is stored with the others.
                Own::Of(_) => *own = None,
                Own::None | Own::Service => {}
            }
        }
        if fits {
            return;
        }
        if let Some(is_there) = self.is_there.get_mut(at) {
            *is_there = true;
        }
        if named.is_generic
            && let Some(value) = generic.visible(content)
        {
            self.any = true;
            out.push(Entry { key: named.key, value });
        }
    }
}

impl Generic {
    /// What is visible of an attribute that is looked for: nil where nothing is, none where it vanishes.
    fn visible<'t>(&self, content: Content<'t>) -> Option<Value<'t>> {
        match content {
            Content::One(cell) => {
                if self.accepts(cell) {
                    return Some(cell.value());
                }
            }
            Content::Array(array, stored) => {
                let value = self.visible_array(array, stored);
                if value != Value::Nil {
                    return Some(value);
                }
            }
            Content::EmptyArray | Content::Other => {}
        }
        let vanishes = self.must_match && !self.accepts_absence(content);
        (!vanishes).then_some(Value::Nil)
    }

    fn tests(&self, stored: Stored) -> Option<&[Test]> {
        match stored {
            Stored::Text => self.texts.as_deref(),
            Stored::Int => self.ints.as_deref(),
            Stored::Float => self.floats.as_deref(),
            Stored::Bool => self.bools.as_deref(),
        }
    }

    fn accepts(&self, cell: Cell<'_>) -> bool {
        let tests = cell.stored().and_then(|stored| self.tests(stored));
        tests.is_some_and(|tests| tests.iter().any(|test| test.accepts(cell)))
    }

    /// Whether the one column that is read is empty in this row, and accepted so.
    fn accepts_absence(&self, content: Content<'_>) -> bool {
        [Stored::Text, Stored::Int, Stored::Float, Stored::Bool].into_iter().any(|stored| {
            let is_empty = matches!(content, Content::EmptyArray) || !content.fits(stored);
            let tests = self.tests(stored).unwrap_or_default();
            is_empty && tests.iter().any(|test| test.accepts(Cell::Empty))
        })
    }

    /// Elements are accepted one by one; what is left of them is the value.
    fn visible_array<'t>(&self, array: &'t [u8], stored: Stored) -> Value<'t> {
        let accepted = || elements(array).flatten().filter(|cell| self.accepts(*cell));
        let mut first_two = accepted();
        match (first_two.next(), first_two.next()) {
            (None, _) => return Value::Nil,
            (Some(one), None) => return one.value(),
            _ => {}
        }
        match stored {
            Stored::Text => Value::Texts(
                accepted()
                    .filter_map(|cell| if let Cell::Text(text) = cell { Some(text.into()) } else { None })
                    .collect(),
            ),
            Stored::Int => Value::Ints(
                accepted()
                    .filter_map(|cell| if let Cell::Int(int) = cell { Some(int) } else { None })
                    .collect(),
            ),
            Stored::Float => Value::Floats(
                accepted()
                    .filter_map(|cell| if let Cell::Float(float) = cell { Some(float) } else { None })
                    .collect(),
            ),
            Stored::Bool => Value::Bools(
                accepted()
                    .filter_map(|cell| if let Cell::Bool(flag) = cell { Some(flag) } else { None })
                    .collect(),
            ),
        }
    }
}
