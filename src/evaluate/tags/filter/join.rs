//! Rows of columns, and their joins.
//!
//! A row is numbered by its place in the nesting of a block: trace, resource, scope, span, event or link,
//! attribute, element. Two rows meet at a level where their numbers agree up to it; what is absent has no
//! number, and meets only what is absent as well.

use std::cmp::Ordering;

use super::Found;
use crate::evaluate::tags::stored::Raw;
use crate::evaluate::tags::values::shown;
use crate::model::tags::{TagScope, TagValue, TagValueKind, TagsForm};
use crate::traceql::ast::Literal;
use crate::traceql::value::Status;

/// How deep rows are numbered.
pub(super) const DEPTH: usize = 7;

/// The number of what is not there.
pub(super) const ABSENT: i32 = -1;

/// Where in the nesting two columns meet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Level {
    Trace = 0,
    Resource = 1,
    /// Also of the attributes of resources.
    Scope = 2,
    /// Also of the attributes of scopes.
    Span = 3,
    /// Events and links alike, and the attributes of spans.
    Event = 4,
    /// The attributes of events and links.
    Attribute = 5,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Row([i32; DEPTH]);

/// One row of a column or a join: what was found there, and values nobody has taken yet.
#[derive(Debug, Clone)]
pub(super) struct Hit<'t> {
    pub row: Row,
    pub found: Vec<Found<'t>>,
    pub entries: Vec<Entry<'t>>,
}

/// A value that was selected on its way up, and the column it is of.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Entry<'t> {
    pub source: Source,
    pub value: Raw<'t>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    Key,
    /// An element of an attribute in a column of its type.
    Element,
    Duration,
    Status,
    /// A column whose values are never told.
    Silent,
    /// Any other column of its own.
    Own,
}

/// A column or a join of columns, in the order of its rows.
pub(super) type Hits<'t> = Vec<Hit<'t>>;

impl Row {
    /// A row with these numbers from the trace downwards, and nothing below.
    pub fn of(numbers: &[u32]) -> Self {
        let mut row = [ABSENT; DEPTH];
        for (place, number) in row.iter_mut().zip(std::iter::once(&0).chain(numbers)) {
            *place = i32::try_from(*number).unwrap_or(i32::MAX);
        }
        Self(row)
    }

    /// The same with a number further down.
    pub fn at(mut self, level: usize, number: usize) -> Self {
        if let Some(place) = self.0.get_mut(level) {
            *place = i32::try_from(number).unwrap_or(i32::MAX);
        }
        self
    }

    fn cmp_to(&self, other: &Self, level: Level) -> Ordering {
        let upto = level as usize + 1;
        self.0.iter().take(upto).cmp(other.0.iter().take(upto))
    }
}

impl<'t> Hit<'t> {
    pub fn at(row: Row) -> Self {
        Self { row, found: Vec::new(), entries: Vec::new() }
    }

    pub fn with(row: Row, entry: Option<Entry<'t>>) -> Self {
        Self { row, found: Vec::new(), entries: entry.into_iter().collect() }
    }
}

/// What becomes of the values that come together in a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Collect {
    /// They go further up.
    Pass,
    /// Keys are names of this scope.
    Names(TagScope),
    /// The last value is the value of the attribute.
    LastElement,
    /// Every value is one of the holder's.
    Holder(Of),
}

/// Whose values are taken; what kinds of value are told differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Of {
    Event,
    Link,
    Span,
    Instrumentation,
    Resource,
    Trace,
}

/// The rows in which all columns meet at this level.
pub(super) fn join<'t>(level: Level, columns: Vec<Hits<'t>>, collect: Collect) -> Hits<'t> {
    left_join(level, columns, Vec::new(), collect)
}

/// The rows in which all required columns meet, with what the optional ones have there.
pub(super) fn left_join<'t>(
    level: Level,
    required: Vec<Hits<'t>>,
    optional: Vec<Hits<'t>>,
    collect: Collect,
) -> Hits<'t> {
    let mut required: Vec<_> = required.into_iter().map(|hits| hits.into_iter().peekable()).collect();
    let mut optional: Vec<_> = optional.into_iter().map(|hits| hits.into_iter().peekable()).collect();
    let mut out = Vec::new();
    // Each turn takes at least one row off a column, or ends.
    loop {
        let Some(furthest) = furthest(&mut required, level) else { return out };
        for column in &mut required {
            while column.next_if(|hit| hit.row.cmp_to(&furthest, level).is_lt()).is_some() {}
        }
        let meets = |hit: &Hit<'_>| hit.row.cmp_to(&furthest, level).is_eq();
        if !required.iter_mut().all(|column| column.peek().is_some_and(meets)) {
            continue;
        }
        for column in &mut optional {
            while column.next_if(|hit| hit.row.cmp_to(&furthest, level).is_lt()).is_some() {}
        }
        let mut joined = Hit::at(furthest);
        for column in required.iter_mut().chain(&mut optional) {
            while let Some(hit) = column.next_if(meets) {
                joined.found.extend(hit.found);
                joined.entries.extend(hit.entries);
            }
        }
        collect.take(&mut joined);
        out.push(joined);
    }
}

type Column<'t> = std::iter::Peekable<std::vec::IntoIter<Hit<'t>>>;

/// The furthest of the rows at which columns stand; none where one of them is at its end, or where there is no
/// column at all.
fn furthest(columns: &mut [Column<'_>], level: Level) -> Option<Row> {
    let mut furthest: Option<Row> = None;
    for column in columns {
        let row = column.peek()?.row;
        if furthest.is_none_or(|known| known.cmp_to(&row, level).is_lt()) {
            furthest = Some(row);
        }
    }
    furthest
}

impl Collect {
    fn take(self, hit: &mut Hit<'_>) {
        match self {
            Self::Pass => {}
            Self::Names(scope) => {
                for entry in std::mem::take(&mut hit.entries) {
                    if let Entry { source: Source::Key, value: Raw::Text(name) } = entry {
                        hit.found.push(Found::Name(scope, name));
                    }
                }
            }
            Self::LastElement => {
                let mut entries = std::mem::take(&mut hit.entries).into_iter();
                let last = entries.rfind(|entry| entry.source == Source::Element);
                hit.found.extend(last.map(|entry| Found::Value(shown(entry.value, TagsForm::V2))));
            }
            Self::Holder(of) => {
                let entries = std::mem::take(&mut hit.entries).into_iter();
                hit.found.extend(entries.filter_map(|entry| of.told(entry)).map(Found::Value));
            }
        }
    }
}

impl Of {
    /// A value that was selected by a condition on what is asked for, as Tempo tells it: of a matched attribute the
    /// key counts as a value too, and a float is none.
    pub fn told(self, entry: Entry<'_>) -> Option<TagValue> {
        let is_told = match self {
            Self::Span | Self::Event | Self::Resource => entry.source != Source::Silent,
            Self::Instrumentation | Self::Trace => !matches!(entry.source, Source::Key | Source::Element),
            Self::Link => false,
        };
        match (entry.source, entry.value) {
            _ if !is_told => None,
            (Source::Duration, Raw::Int(nanos)) => {
                Some(TagValue { kind: TagValueKind::Duration, value: Literal::Duration(nanos).to_string() })
            }
            (Source::Status, Raw::Int(code)) => {
                let word = match code {
                    0 => Status::Unset.word(),
                    1 => Status::Ok.word(),
                    2 => Status::Error.word(),
                    _ => return None,
                };
                Some(TagValue { kind: TagValueKind::Keyword, value: word.to_owned() })
            }
            (_, Raw::Float(_)) => None,
            (_, value) => Some(shown(value, TagsForm::V2)),
        }
    }
}
