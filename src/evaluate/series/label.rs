//! What tells series apart: typed values by name, and the two orders Tempo puts them in.
//!
//! A label's value is what an answer shows of it, so two values of a span that show the same (the status
//! `error` and the text `error`) are one series, as they are for Tempo once regions' parts are added. Types
//! stay apart: 500 and "500" are two series.

use crate::model::value::ShownValue;
use crate::traceql::plain_float_text;
use std::cmp::Ordering;
use std::fmt::Write as _;
use std::sync::Arc;

/// The label of a series that is not grouped: its function.
pub const NAME: &str = "__name__";

/// How an answer shows that there is no value.
const NIL: &str = "nil";

/// In the order in which equal values are preferred: by type, then by bits.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum LabelValue {
    Int(i64),
    /// The bits of the float, so that it can be a key.
    Float(u64),
    Text(String),
    Bool(bool),
}

impl LabelValue {
    pub fn float(float: f64) -> Self {
        Self::Float(float.to_bits())
    }

    pub fn nil() -> Self {
        Self::Text(NIL.to_owned())
    }

    /// Arrays are not told apart; they show as if there were no value.
    pub fn of(shown: ShownValue) -> Self {
        match shown {
            ShownValue::Text(text) => Self::Text(text),
            ShownValue::Int(int) => Self::Int(int),
            ShownValue::Float(float) => Self::float(float),
            ShownValue::Bool(flag) => Self::Bool(flag),
            ShownValue::Array(_) => Self::nil(),
        }
    }

    pub fn shown(&self) -> ShownValue {
        match self {
            Self::Int(int) => ShownValue::Int(*int),
            Self::Float(bits) => ShownValue::Float(f64::from_bits(*bits)),
            Self::Text(text) => ShownValue::Text(text.clone()),
            Self::Bool(flag) => ShownValue::Bool(*flag),
        }
    }

    fn text(&self) -> &str {
        match self {
            Self::Text(text) => text,
            _ => "",
        }
    }

    fn type_rank(&self) -> u8 {
        match self {
            Self::Int(_) => 1,
            Self::Float(_) => 2,
            Self::Text(_) => 3,
            Self::Bool(_) => 4,
        }
    }

    fn code(&self) -> u64 {
        match self {
            Self::Int(int) => *int as u64,
            Self::Float(bits) => *bits,
            Self::Text(_) => 0,
            Self::Bool(flag) => u64::from(*flag),
        }
    }

    /// The text Tempo sorts series by: a value as its protobuf message prints.
    fn sorted_by(&self) -> String {
        match self {
            Self::Int(int) => format!("int_value:{int} "),
            Self::Float(bits) => {
                format!("double_value:{} ", plain_float_text(f64::from_bits(*bits)).to_ascii_lowercase())
            }
            Self::Text(text) => format!("string_value:\"{}\" ", escaped(text)),
            Self::Bool(flag) => format!("bool_value:{flag} "),
        }
    }
}

pub type Label = (Arc<str>, LabelValue);

/// The labels of a series, in their order.
pub type Labels = Vec<Label>;

/// What a series is known by: its labels but for its name.
pub fn key_of(labels: &[Label]) -> Labels {
    labels.iter().filter(|(name, _)| &**name != NAME).cloned().collect()
}

/// What series of an answer are sorted by: fewer labels first, then label by label. Made once for each, as
/// it is long and answers have many.
pub fn answer_key(labels: &[Label]) -> impl Ord + use<> {
    let texts: Vec<_> = labels.iter().map(|(name, value)| (name.clone(), value.sorted_by())).collect();
    (texts.len(), texts)
}

fn text(label: Option<&Label>) -> &str {
    label.map_or("", |(_, value)| value.text())
}

fn name(label: Option<&Label>) -> &str {
    label.map_or("", |(name, _)| name)
}

/// Which of two series with equal samples counts as the greater: the one whose texts come first in the
/// alphabet, then the one whose names do, then the later type, then the greater bits.
pub fn tie_order(left: &[Label], right: &[Label]) -> Ordering {
    (0..left.len().max(right.len()))
        .map(|at| {
            let (left, right) = (left.get(at), right.get(at));
            let kind = |label: Option<&Label>| label.map_or(0, |(_, value)| value.type_rank());
            let code = |label: Option<&Label>| label.map_or(0, |(_, value)| value.code());
            text(right)
                .cmp(text(left))
                .then_with(|| name(right).cmp(name(left)))
                .then_with(|| kind(left).cmp(&kind(right)))
                .then_with(|| code(left).cmp(&code(right)))
        })
        .find(|order| order.is_ne())
        .unwrap_or(Ordering::Equal)
}

/// A text as protobuf's text form writes it: bytes that do not print are octal.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            b'\t' => out.push_str("\\t"),
            b'"' => out.push_str("\\\""),
            b'\\' => out.push_str("\\\\"),
            0x20..0x7f => out.push(char::from(byte)),
            other => {
                let _ = write!(out, "\\{other:03o}");
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(all: &[(&str, LabelValue)]) -> Labels {
        all.iter().map(|(name, value)| (Arc::from(*name), value.clone())).collect()
    }

    fn text(text: &str) -> LabelValue {
        LabelValue::Text(text.to_owned())
    }

    #[test]
    fn series_are_sorted_by_how_many_labels_then_names_then_printed_values() {
        let sorted = [
            labels(&[("z", text("z"))]),
            labels(&[("a", LabelValue::Bool(true)), ("b", text("x"))]),
            labels(&[("a", LabelValue::float(0.5)), ("b", text("x"))]),
            labels(&[("a", LabelValue::Int(10)), ("b", text("x"))]),
            labels(&[("a", LabelValue::Int(5)), ("b", text("x"))]),
            // The closing quote of the shorter text sorts after a space.
            labels(&[("a", text("a b")), ("b", text("x"))]),
            labels(&[("a", text("a")), ("b", text("x"))]),
            labels(&[("a", text("a")), ("b", text("y"))]),
            labels(&[("a", text("a")), ("c", text("x"))]),
            // Bytes beyond ASCII print as a backslash and octal digits.
            labels(&[("a", text("é")), ("b", text("x"))]),
            labels(&[("a", text("a_")), ("b", text("x"))]),
        ];
        for (at, pair) in sorted.windows(2).enumerate().take(8) {
            assert!(answer_key(&pair[0]) < answer_key(&pair[1]), "{at}");
        }
        assert!(answer_key(&sorted[9]) < answer_key(&sorted[10]));
        assert!(answer_key(&sorted[5]) == answer_key(&sorted[5]));
    }

    #[test]
    fn a_tie_goes_to_the_earlier_text_and_the_later_number() {
        let greater = [
            (labels(&[("a", text("a"))]), labels(&[("a", text("b"))])),
            (labels(&[("a", LabelValue::Int(5))]), labels(&[("a", LabelValue::Int(4))])),
            (labels(&[("a", LabelValue::Int(-1))]), labels(&[("a", LabelValue::Int(4))])),
            (labels(&[("a", LabelValue::float(1.0))]), labels(&[("a", LabelValue::Int(4))])),
            (labels(&[("a", text("x"))]), labels(&[("b", text("x"))])),
            (labels(&[("a", text("x"))]), labels(&[("a", text("x")), ("b", text("x"))])),
            (labels(&[("a", LabelValue::Int(4))]), labels(&[("a", text("x"))])),
        ];
        for (one, other) in greater {
            assert_eq!(tie_order(&one, &other), Ordering::Greater, "{one:?} {other:?}");
            assert_eq!(tie_order(&other, &one), Ordering::Less);
        }
    }
}
