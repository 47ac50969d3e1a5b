//! A value of the language as an answer shows it: durations, statuses and kinds become text.
//!
//! Durations are written as Go writes them, because that is what a Tempo answers with.

use crate::model::value::ShownValue;
use crate::traceql::duration_text;
use crate::traceql::value::{Kind, Status, Value};

/// What an answer shows for a value; nil is the text `nil`.
pub fn shown(value: &Value<'_>) -> ShownValue {
    match value {
        Value::Nil => ShownValue::text("nil"),
        Value::Int(int) => ShownValue::Int(*int),
        Value::Float(float) => ShownValue::Float(*float),
        Value::Text(text) => ShownValue::text(text.as_ref()),
        Value::Bool(flag) => ShownValue::Bool(*flag),
        Value::Duration(nanos) => ShownValue::Text(duration_text(*nanos)),
        Value::Status(status) => ShownValue::Text(status_text(*status)),
        Value::Kind(kind) => ShownValue::Text(kind_text(*kind)),
        Value::Ints(all) => ShownValue::Array(all.iter().map(|int| ShownValue::Int(*int)).collect()),
        Value::Floats(all) => ShownValue::Array(all.iter().map(|float| ShownValue::Float(*float)).collect()),
        Value::Texts(all) => {
            ShownValue::Array(all.iter().map(|text| ShownValue::text(text.as_ref())).collect())
        }
        Value::Bools(all) => ShownValue::Array(all.iter().map(|flag| ShownValue::Bool(*flag)).collect()),
    }
}

/// The word of a status in TraceQL's numbers; `status(7)` for a number that has none.
pub fn status_text(status: i64) -> String {
    [Status::Error, Status::Ok, Status::Unset]
        .into_iter()
        .find(|known| *known as i64 == status)
        .map_or_else(|| format!("status({status})"), |known| known.word().to_owned())
}

/// The word of a kind in TraceQL's numbers; `kind(7)` for a number that has none.
pub fn kind_text(kind: i64) -> String {
    [Kind::Unspecified, Kind::Internal, Kind::Client, Kind::Server, Kind::Producer, Kind::Consumer]
        .into_iter()
        .find(|known| *known as i64 == kind)
        .map_or_else(|| format!("kind({kind})"), |known| known.word().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::borrow::Cow;

    #[test]
    fn what_answers_have_no_type_for_is_shown_as_text() {
        let table = [
            (Value::Nil, ShownValue::text("nil")),
            (Value::Duration(90_000_000_001), ShownValue::text("1m30.000000001s")),
            (Value::Status(0), ShownValue::text("error")),
            (Value::Status(9), ShownValue::text("status(9)")),
            (Value::Kind(3), ShownValue::text("server")),
            (Value::Kind(-1), ShownValue::text("kind(-1)")),
            (Value::Int(-4), ShownValue::Int(-4)),
            (
                Value::Texts(vec![Cow::Borrowed("a"), Cow::Borrowed("b")]),
                ShownValue::Array(vec![ShownValue::text("a"), ShownValue::text("b")]),
            ),
            (Value::Bools(vec![true]), ShownValue::Array(vec![ShownValue::Bool(true)])),
        ];
        for (value, expected) in table {
            assert_eq!(shown(&value), expected);
        }
    }
}
