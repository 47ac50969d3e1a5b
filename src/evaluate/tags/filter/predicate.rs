//! What a condition asks of the values of a column.

use crate::evaluate::tags::TagsError;
use crate::evaluate::tags::stored::{Column, Raw};
use crate::traceql::ast::{AttributeName, Intrinsic, Literal};
use crate::traceql::lenient::{Asks, Condition};
use crate::traceql::pattern::{PatternStore, Patterns};
use crate::traceql::types::Operator;
use crate::traceql::value::{Kind, Status};
use crate::wire::otlp;

/// What a condition asks.
#[derive(Debug)]
pub(super) enum Test {
    /// Nothing: the values are what is wanted.
    Seen,
    Exists,
    Missing,
    Matches(Predicate),
    /// Compares with what no attribute can be (a duration, a status, a kind): Tempo passes over it.
    Void,
}

/// Which values of a column pass; null never does.
#[derive(Debug)]
pub(super) enum Predicate {
    /// Anything, null too: an id that is none cannot be looked for.
    Anything,
    Text(Operator, String),
    Pattern {
        patterns: Patterns,
        is_negated: bool,
    },
    Int(Operator, i64),
    Float(Operator, f64),
    Bool {
        wanted: bool,
        is_negated: bool,
    },
    Id {
        id: u128,
        is_negated: bool,
    },
}

impl Test {
    pub fn of(condition: &Condition, store: &mut PatternStore) -> Result<Self, TagsError> {
        let name = &condition.attribute;
        let (operator, operand) = match &condition.asks {
            Asks::Nothing => return Ok(Self::Seen),
            Asks::Exists => return Ok(Self::Exists),
            Asks::Missing => return Ok(Self::Missing),
            Asks::Compares(operator, operand) => (*operator, operand),
        };
        let refused = || TagsError::Operand { attribute: shown(name) };
        let AttributeName::Intrinsic(intrinsic) = name else {
            return of_attribute(name, operator, operand, store);
        };
        use Intrinsic as I;
        Ok(Self::Matches(match intrinsic {
            I::Name
            | I::StatusMessage
            | I::RootName
            | I::RootServiceName
            | I::EventName
            | I::InstrumentationName
            | I::InstrumentationVersion => match operand {
                Literal::Text(text) => of_text(name, operator, text, store)?,
                _ => return Err(refused()),
            },
            I::Duration
            | I::TraceDuration
            | I::Kind
            | I::Status
            | I::ChildCount
            | I::NestedSetLeft
            | I::NestedSetRight
            | I::NestedSetParent => {
                Predicate::Int(ordering(name, operator)?, number(operand).ok_or_else(refused)?)
            }
            I::LinkTraceId | I::LinkSpanId => match operand {
                Literal::Text(text) => of_id(name, operator, text)?,
                _ => return Err(refused()),
            },
            // Never looked at.
            I::TraceId | I::SpanId | I::Parent => return Ok(Self::Seen),
            // Looked for among attributes, by their word.
            I::ParentId | I::EventTimeSinceStart => return of_attribute(name, operator, operand, store),
        }))
    }

    /// The column of attributes a comparison is about.
    pub fn column(&self) -> Option<Column> {
        match self {
            Self::Matches(Predicate::Text(..) | Predicate::Pattern { .. }) => Some(Column::Text),
            Self::Matches(Predicate::Int(..)) => Some(Column::Int),
            Self::Matches(Predicate::Float(..)) => Some(Column::Float),
            Self::Matches(Predicate::Bool { .. }) => Some(Column::Bool),
            _ => None,
        }
    }

    /// Whether a value of a column of its own passes; `None` is null.
    pub fn keeps(&self, value: Option<Raw<'_>>) -> bool {
        match self {
            Self::Seen | Self::Void => true,
            Self::Exists => value.is_some(),
            Self::Missing => value.is_none(),
            Self::Matches(predicate) => predicate.keeps(value),
        }
    }
}

impl Predicate {
    pub fn keeps(&self, value: Option<Raw<'_>>) -> bool {
        match (self, value) {
            (Self::Anything, _) => true,
            (Self::Text(operator, wanted), Some(Raw::Text(text))) => {
                compare(*operator, &text, &wanted.as_str())
            }
            (Self::Pattern { patterns, is_negated }, Some(Raw::Text(text))) => {
                patterns.is_match(text) != *is_negated
            }
            (Self::Int(operator, wanted), Some(Raw::Int(int))) => compare(*operator, &int, wanted),
            (Self::Float(operator, wanted), Some(Raw::Float(float))) => compare(*operator, &float, wanted),
            (Self::Bool { wanted, is_negated }, Some(Raw::Bool(flag))) => (flag == *wanted) != *is_negated,
            _ => false,
        }
    }

    /// Whether an id passes; ids lie in columns of bytes.
    pub fn keeps_id(&self, bytes: Option<&[u8]>) -> bool {
        match (self, bytes) {
            (Self::Anything, _) => true,
            (Self::Id { id, is_negated }, Some(bytes)) => (bytes == id.to_be_bytes()) != *is_negated,
            _ => false,
        }
    }
}

fn compare<T: PartialOrd>(operator: Operator, left: &T, right: &T) -> bool {
    match operator {
        Operator::Equal => left == right,
        Operator::NotEqual => left != right,
        Operator::Less => left < right,
        Operator::LessEqual => left <= right,
        Operator::Greater => left > right,
        Operator::GreaterEqual => left >= right,
        _ => false,
    }
}

/// A comparison with an attribute: its literal says in which column values are looked for.
fn of_attribute(
    name: &AttributeName,
    operator: Operator,
    operand: &Literal,
    store: &mut PatternStore,
) -> Result<Test, TagsError> {
    Ok(Test::Matches(match operand {
        Literal::Text(text) => of_text(name, operator, text, store)?,
        Literal::Int(int) => Predicate::Int(ordering(name, operator)?, *int),
        Literal::Float(float) => Predicate::Float(ordering(name, operator)?, *float),
        Literal::Bool(wanted) => match operator {
            Operator::Equal => Predicate::Bool { wanted: *wanted, is_negated: false },
            Operator::NotEqual => Predicate::Bool { wanted: *wanted, is_negated: true },
            _ => return Err(TagsError::Operator { attribute: shown(name) }),
        },
        _ => return Ok(Test::Void),
    }))
}

fn of_text(
    name: &AttributeName,
    operator: Operator,
    text: &str,
    store: &mut PatternStore,
) -> Result<Predicate, TagsError> {
    Ok(match operator {
        Operator::Match | Operator::NotMatch => {
            Predicate::Pattern { patterns: store.compile(text)?, is_negated: operator == Operator::NotMatch }
        }
        _ => Predicate::Text(ordering(name, operator)?, text.to_owned()),
    })
}

/// Ids are compared at the length of a trace's, spans' too, which therefore never equal one.
fn of_id(name: &AttributeName, operator: Operator, text: &str) -> Result<Predicate, TagsError> {
    let is_hex = text.bytes().all(|byte| byte.is_ascii_hexdigit()) && text.len() <= 32;
    let id = if text.is_empty() { Some(0) } else { u128::from_str_radix(text, 16).ok().filter(|_| is_hex) };
    let Some(id) = id else { return Ok(Predicate::Anything) };
    match operator {
        Operator::Equal => Ok(Predicate::Id { id, is_negated: false }),
        Operator::NotEqual => Ok(Predicate::Id { id, is_negated: true }),
        _ => Err(TagsError::Operator { attribute: shown(name) }),
    }
}

fn ordering(name: &AttributeName, operator: Operator) -> Result<Operator, TagsError> {
    use Operator::{Equal, Greater, GreaterEqual, Less, LessEqual, NotEqual};
    match operator {
        Equal | NotEqual | Less | LessEqual | Greater | GreaterEqual => Ok(operator),
        _ => Err(TagsError::Operator { attribute: shown(name) }),
    }
}

/// As the column holds it; a float fits none.
fn number(operand: &Literal) -> Option<i64> {
    match operand {
        Literal::Int(int) | Literal::Duration(int) => Some(*int),
        Literal::Status(status) => Some(match status {
            Status::Unset => 0,
            Status::Ok => 1,
            Status::Error => otlp::status::CODE_ERROR as i64,
        }),
        Literal::Kind(kind) => Some(match kind {
            Kind::Server => otlp::kind::SERVER.into(),
            Kind::Client => otlp::kind::CLIENT.into(),
            other => *other as i64,
        }),
        _ => None,
    }
}

fn shown(name: &AttributeName) -> String {
    match name {
        AttributeName::Intrinsic(intrinsic) => intrinsic.word().to_owned(),
        AttributeName::Named { scope, key, .. } => format!("{}.{key}", scope.word()),
    }
}
