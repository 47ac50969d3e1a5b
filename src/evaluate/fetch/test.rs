//! The tests storage makes on single values of a column.
//!
//! A test belongs to one type: an integer is never found by a float. Where a span, event or link has no
//! value, most tests refuse; which ones do not is part of what a query means.

use super::FetchError;
use crate::traceql::fetch::Comparison;
use crate::traceql::pattern::{PatternStore, Patterns};
use crate::traceql::value::{Kind, Status, Value};
use hashbrown::HashSet;

/// A list up to this long is walked; a longer one is hashed.
const WALKED_MAX: usize = 8;

/// What stands in one cell of a column.
#[derive(Debug, Clone, Copy)]
pub(super) enum Cell<'c> {
    /// Nothing.
    Empty,
    Text(&'c str),
    Int(i64),
    Float(f64),
    Bool(bool),
    /// An id.
    Bytes(&'c [u8]),
}

/// One test.
#[derive(Debug)]
pub(super) enum Test {
    /// Everything, also nothing.
    Any,
    Present,
    Empty,
    Text(Order, Box<str>),
    Texts {
        list: List,
        negated: bool,
    },
    Match {
        patterns: Vec<Patterns>,
        negated: bool,
    },
    Int(Order, i64),
    Ints {
        list: Vec<i64>,
        negated: bool,
    },
    Float(Order, f64),
    Floats {
        list: Vec<f64>,
        negated: bool,
    },
    Bool {
        wanted: bool,
    },
    Bools {
        list: Vec<bool>,
        negated: bool,
    },
    Id {
        list: List,
        is_one: bool,
        negated: bool,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
}

/// A set of byte strings.
#[derive(Debug)]
pub(super) enum List {
    Short(Vec<Box<[u8]>>),
    Long(HashSet<Box<[u8]>>),
}

impl List {
    fn of(all: impl IntoIterator<Item = Box<[u8]>>) -> Self {
        let all: Vec<_> = all.into_iter().collect();
        if all.len() <= WALKED_MAX { Self::Short(all) } else { Self::Long(all.into_iter().collect()) }
    }

    fn has(&self, bytes: &[u8]) -> bool {
        match self {
            Self::Short(all) => all.iter().any(|one| **one == *bytes),
            Self::Long(all) => all.contains(bytes),
        }
    }
}

impl Order {
    fn holds<T: PartialOrd + ?Sized>(self, left: &T, right: &T) -> bool {
        match self {
            Self::Equal => left == right,
            Self::NotEqual => left != right,
            Self::Less => left < right,
            Self::LessEqual => left <= right,
            Self::Greater => left > right,
            Self::GreaterEqual => left >= right,
        }
    }

    fn sign(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::LessEqual => "<=",
            Self::Greater => ">",
            Self::GreaterEqual => ">=",
        }
    }
}

impl Test {
    pub(super) fn accepts(&self, cell: Cell<'_>) -> bool {
        match (self, cell) {
            (Self::Any, _) | (Self::Empty, Cell::Empty) => true,
            (Self::Present, cell) => !matches!(cell, Cell::Empty),
            (Self::Text(order, wanted), Cell::Text(text)) => order.holds(text, &**wanted),
            (Self::Texts { list, negated }, Cell::Text(text)) => list.has(text.as_bytes()) != *negated,
            // Nothing is not in a list, and in one that has the empty text.
            (Self::Texts { list, negated } | Self::Id { list, is_one: false, negated }, Cell::Empty) => {
                list.has(&[]) != *negated
            }
            // Of several patterns that must not match, one that does not is enough here.
            (Self::Match { patterns, negated }, Cell::Text(text)) => {
                patterns.iter().any(|pattern| pattern.is_match(text) != *negated)
            }
            (Self::Int(order, wanted), Cell::Int(int)) => order.holds(&int, wanted),
            (Self::Ints { list, negated }, Cell::Int(int)) => list.contains(&int) != *negated,
            (Self::Float(order, wanted), Cell::Float(float)) => order.holds(&float, wanted),
            (Self::Floats { list, negated }, Cell::Float(float)) => list.contains(&float) != *negated,
            (Self::Bool { wanted }, Cell::Bool(flag)) => flag == *wanted,
            (Self::Bools { list, negated }, Cell::Bool(flag)) => list.contains(&flag) != *negated,
            (Self::Id { list, negated, .. }, Cell::Bytes(id)) => list.has(id) != *negated,
            _ => false,
        }
    }
}

/// A comparison taken apart: with a constant in an order, with patterns, or none of both.
enum Parts<'c> {
    Ordered(Order, &'c Value<'static>),
    Matched(&'c [String], bool),
    Settled(Test),
}

fn parts(comparison: &Comparison) -> Parts<'_> {
    match comparison {
        Comparison::Any => Parts::Settled(Test::Any),
        Comparison::Exists => Parts::Settled(Test::Present),
        Comparison::Missing => Parts::Settled(Test::Empty),
        Comparison::Equal(value) => Parts::Ordered(Order::Equal, value),
        Comparison::NotEqual(value) => Parts::Ordered(Order::NotEqual, value),
        Comparison::Less(value) => Parts::Ordered(Order::Less, value),
        Comparison::LessEqual(value) => Parts::Ordered(Order::LessEqual, value),
        Comparison::Greater(value) => Parts::Ordered(Order::Greater, value),
        Comparison::GreaterEqual(value) => Parts::Ordered(Order::GreaterEqual, value),
        Comparison::Match(patterns) => Parts::Matched(patterns, false),
        Comparison::NotMatch(patterns) => Parts::Matched(patterns, true),
    }
}

/// The type whose values a comparison can find among attributes; `None` where it finds none, or any.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stored {
    Text,
    Int,
    Float,
    Bool,
}

pub(super) fn stored_type(comparison: &Comparison) -> Option<Stored> {
    match parts(comparison) {
        Parts::Settled(_) => None,
        Parts::Matched(..) => Some(Stored::Text),
        Parts::Ordered(_, value) => match value {
            Value::Text(_) | Value::Texts(_) => Some(Stored::Text),
            Value::Int(_) | Value::Ints(_) => Some(Stored::Int),
            Value::Float(_) | Value::Floats(_) => Some(Stored::Float),
            Value::Bool(_) | Value::Bools(_) => Some(Stored::Bool),
            Value::Nil | Value::Duration(_) | Value::Status(_) | Value::Kind(_) => None,
        },
    }
}

/// The test of a column of this type.
pub(super) fn typed(
    stored: Stored,
    name: &str,
    comparison: &Comparison,
    store: &mut PatternStore,
) -> Result<Test, FetchError> {
    match stored {
        Stored::Text => text(name, comparison, store),
        Stored::Int => int(name, comparison),
        Stored::Float => match parts(comparison) {
            Parts::Ordered(order, Value::Float(float)) => Ok(Test::Float(order, *float)),
            Parts::Ordered(order, Value::Floats(list)) => {
                Ok(Test::Floats { list: list.clone(), negated: negated(order, name)? })
            }
            other => settled(other, name, "floats"),
        },
        Stored::Bool => match parts(comparison) {
            Parts::Ordered(order, Value::Bool(flag)) => {
                Ok(Test::Bool { wanted: *flag != negated(order, name)? })
            }
            Parts::Ordered(order, Value::Bools(list)) => {
                Ok(Test::Bools { list: list.clone(), negated: negated(order, name)? })
            }
            other => settled(other, name, "booleans"),
        },
    }
}

pub(super) fn text(
    name: &str,
    comparison: &Comparison,
    store: &mut PatternStore,
) -> Result<Test, FetchError> {
    match parts(comparison) {
        Parts::Ordered(order, Value::Text(text)) => Ok(Test::Text(order, text.as_ref().into())),
        Parts::Ordered(order, Value::Texts(texts)) => Ok(Test::Texts {
            list: List::of(texts.iter().map(|text| text.as_bytes().into())),
            negated: negated(order, name)?,
        }),
        Parts::Matched(patterns, negated) => {
            let patterns = patterns.iter().map(|pattern| store.compile(pattern));
            Ok(Test::Match { patterns: patterns.collect::<Result<_, _>>()?, negated })
        }
        other => settled(other, name, "strings"),
    }
}

/// Statuses and kinds are stored in OTLP's numbers.
pub(super) fn int(name: &str, comparison: &Comparison) -> Result<Test, FetchError> {
    match parts(comparison) {
        Parts::Ordered(order, Value::Int(int) | Value::Duration(int)) => Ok(Test::Int(order, *int)),
        Parts::Ordered(order, Value::Status(status)) => Ok(Test::Int(order, otlp_status(*status))),
        Parts::Ordered(order, Value::Kind(kind)) => Ok(Test::Int(order, otlp_kind(*kind))),
        Parts::Ordered(order, Value::Ints(list)) => {
            Ok(Test::Ints { list: list.clone(), negated: negated(order, name)? })
        }
        other => settled(other, name, "integers"),
    }
}

fn otlp_status(status: i64) -> i64 {
    [Status::Unset, Status::Ok, Status::Error]
        .iter()
        .position(|one| *one as i64 == status)
        .map_or(0, |code| code as i64)
}

fn otlp_kind(kind: i64) -> i64 {
    match kind {
        kind if kind == Kind::Server as i64 => 2,
        kind if kind == Kind::Client as i64 => 3,
        other => other,
    }
}

/// Durations are stored as integers, so a float becomes the nearest bound that says the same.
pub(super) fn duration(name: &str, comparison: &Comparison) -> Result<Test, FetchError> {
    match parts(comparison) {
        Parts::Ordered(order, Value::Float(float)) => Ok(bound(order, *float)),
        Parts::Ordered(order, Value::Floats(floats)) => {
            let list: Vec<i64> = floats.iter().filter_map(|float| whole(*float)).collect();
            let negated = negated(order, name)?;
            // Where no float is whole, everything is fetched.
            Ok(if list.is_empty() { Test::Any } else { Test::Ints { list, negated } })
        }
        _ => int(name, comparison),
    }
}

const INT_LIMIT: f64 = 9_223_372_036_854_775_808.0;

fn whole(float: f64) -> Option<i64> {
    ((-INT_LIMIT..INT_LIMIT).contains(&float) && float.fract() == 0.0).then_some(float as i64)
}

fn bound(order: Order, float: f64) -> Test {
    if let Some(int) = whole(float) {
        return Test::Int(order, int);
    }
    let truncated = float as i64;
    match order {
        _ if float.is_nan() => Test::Any,
        Order::Equal | Order::NotEqual => Test::Any,
        _ if !(-INT_LIMIT..INT_LIMIT).contains(&float) => Test::Any,
        Order::Greater | Order::GreaterEqual if float > 0.0 => {
            Test::Int(Order::GreaterEqual, truncated.saturating_add(1))
        }
        Order::Greater | Order::GreaterEqual => Test::Int(Order::GreaterEqual, truncated),
        Order::Less | Order::LessEqual if float < 0.0 => {
            Test::Int(Order::LessEqual, truncated.saturating_sub(1))
        }
        Order::Less | Order::LessEqual => Test::Int(Order::LessEqual, truncated),
    }
}

/// The test of a column of ids, of spans (compared without zeros before it) or of traces (16 bytes). What is
/// no id fetches everything.
pub(super) fn id(name: &str, comparison: &Comparison, is_span: bool) -> Result<Test, FetchError> {
    let bytes = |text: &str| if is_span { span_id(text) } else { trace_id(text) };
    let (order, list, is_one) = match parts(comparison) {
        Parts::Ordered(order, Value::Text(text)) => (order, vec![bytes(text)], true),
        Parts::Ordered(order, Value::Texts(texts)) => {
            (order, texts.iter().map(|text| bytes(text)).collect(), false)
        }
        Parts::Matched(patterns, negated) => {
            if patterns.iter().any(|pattern| bytes(pattern).is_none()) {
                return Ok(Test::Any);
            }
            let operator = if negated { "!~" } else { "=~" };
            return Err(FetchError::Operator { attribute: name.to_owned(), operator });
        }
        other => return settled(other, name, "ids"),
    };
    match list.into_iter().collect::<Option<Vec<_>>>() {
        None => Ok(Test::Any),
        Some(list) => Ok(Test::Id { list: List::of(list), is_one, negated: negated(order, name)? }),
    }
}

fn span_id(text: &str) -> Option<Box<[u8]>> {
    hex(text.trim_start_matches('0')).filter(|id| id.len() <= 8).map(Into::into)
}

fn trace_id(text: &str) -> Option<Box<[u8]>> {
    let id = hex(text)?;
    let padding = 16usize.checked_sub(id.len())?;
    Some([vec![0; padding], id].concat().into())
}

fn hex(text: &str) -> Option<Vec<u8>> {
    let digits = text.chars().map(|c| c.to_digit(16).map(|digit| digit as u8));
    let mut digits = digits.collect::<Option<Vec<u8>>>()?;
    if digits.len() % 2 == 1 {
        digits.insert(0, 0);
    }
    Some(digits.chunks_exact(2).map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | digit)).collect())
}

/// Lists are compared for equality only, and so are ids and booleans.
fn negated(order: Order, name: &str) -> Result<bool, FetchError> {
    match order {
        Order::Equal => Ok(false),
        Order::NotEqual => Ok(true),
        other => Err(FetchError::Operator { attribute: name.to_owned(), operator: other.sign() }),
    }
}

fn settled(parts: Parts<'_>, name: &str, wanted: &'static str) -> Result<Test, FetchError> {
    match parts {
        Parts::Settled(test) => Ok(test),
        _ => Err(FetchError::Operand { attribute: name.to_owned(), wanted }),
    }
}
