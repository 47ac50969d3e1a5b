//! What tells series apart: typed values by name, and the two orders Tempo puts them in.
//!
//! A label's value is what an answer shows of it, so two values of a span that show the same (the status
//! `error` and the text `error`) are one series, as they are for Tempo once regions' parts are added. Types
//! stay apart: 500 and "500" are two series.

use crate::model::value::ShownValue;
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
            Self::Float(bits) => format!("double_value:{} ", go_float(f64::from_bits(*bits))),
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

/// The order of series in an answer: fewer labels first, then label by label.
pub fn answer_order(left: &[Label], right: &[Label]) -> Ordering {
    left.len().cmp(&right.len()).then_with(|| {
        left.iter()
            .zip(right)
            .map(|((left_name, left), (right_name, right))| {
                left_name.cmp(right_name).then_with(|| match left == right {
                    true => Ordering::Equal,
                    false => left.sorted_by().cmp(&right.sorted_by()),
                })
            })
            .find(|order| order.is_ne())
            .unwrap_or(Ordering::Equal)
    })
}

/// Which of two series with equal samples counts as the greater: the one whose texts come first in the
/// alphabet, then the one whose names do, then the later type, then the greater bits.
pub fn tie_order(left: &[Label], right: &[Label]) -> Ordering {
    (0..left.len().max(right.len()))
        .map(|at| {
            let (left, right) = (left.get(at), right.get(at));
            let text = |label: Option<&Label>| label.map_or("", |(_, value)| value.text()).to_owned();
            let name = |label: Option<&Label>| label.map_or("", |(name, _)| &**name).to_owned();
            let kind = |label: Option<&Label>| label.map_or(0, |(_, value)| value.type_rank());
            let code = |label: Option<&Label>| label.map_or(0, |(_, value)| value.code());
            text(right)
                .cmp(&text(left))
                .then_with(|| name(right).cmp(&name(left)))
                .then_with(|| kind(left).cmp(&kind(right)))
                .then_with(|| code(left).cmp(&code(right)))
        })
        .find(|order| order.is_ne())
        .unwrap_or(Ordering::Equal)
}

/// A float as Go prints it: the shortest digits, with an exponent below -4 and from 21 on.
fn go_float(float: f64) -> String {
    if float.is_nan() {
        return "nan".to_owned();
    }
    if float.is_infinite() {
        return if float > 0.0 { "inf" } else { "-inf" }.to_owned();
    }
    let short = format!("{float:e}");
    let Some((mantissa, exponent)) = short.split_once('e') else { return short };
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if float == 0.0 || (-4..21).contains(&exponent) {
        return format!("{float}");
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{mantissa}e{sign}{:02}", exponent.abs())
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
            assert_eq!(answer_order(&pair[0], &pair[1]), Ordering::Less, "{at}");
        }
        assert_eq!(answer_order(&sorted[9], &sorted[10]), Ordering::Less);
        assert_eq!(answer_order(&sorted[5], &sorted[5]), Ordering::Equal);
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

    #[test]
    fn floats_print_as_go_prints_them() {
        let table = [
            (0.5, "0.5"),
            (2.0, "2"),
            (-0.0, "-0"),
            (1e20, "100000000000000000000"),
            (1e21, "1e+21"),
            (0.0001, "0.0001"),
            (0.00001, "1e-05"),
            (f64::INFINITY, "inf"),
        ];
        for (float, text) in table {
            assert_eq!(go_float(float), text);
        }
    }
}
