//! The groups of `by`: one for each typed value, nil being one of them.

use crate::traceql::value::{Failure, Value};
use hashbrown::HashMap;

/// Spans by value, in the order their first span comes. `1` and `"1"` are two groups, and so are floats that
/// differ in any bit.
pub(super) fn groups<'t>(
    spans: &[u32],
    values: impl Iterator<Item = Result<Value<'t>, Failure>>,
) -> Result<Vec<(Value<'t>, Vec<u32>)>, Failure> {
    let mut groups: Vec<(Value<'t>, Vec<u32>)> = Vec::new();
    let mut places: HashMap<Vec<u8>, usize> = HashMap::new();
    let mut key = Vec::new();
    for (span, value) in spans.iter().zip(values) {
        let value = value?;
        key.clear();
        put_key(&value, &mut key);
        let place = match places.get(&key) {
            Some(place) => *place,
            None => {
                places.insert(key.clone(), groups.len());
                groups.push((value, Vec::new()));
                groups.len() - 1
            }
        };
        if let Some((_, members)) = groups.get_mut(place) {
            members.push(*span);
        }
    }
    Ok(groups)
}

/// Bytes that are the same for the same typed value alone.
fn put_key(value: &Value<'_>, key: &mut Vec<u8>) {
    match value {
        Value::Nil => key.push(0),
        Value::Int(int) => put(key, 1, [int.to_le_bytes()]),
        Value::Float(float) => put(key, 2, [float.to_bits().to_le_bytes()]),
        Value::Text(text) => put(key, 3, [text.as_bytes()]),
        Value::Bool(flag) => put(key, 4, [[u8::from(*flag)]]),
        Value::Duration(nanos) => put(key, 5, [nanos.to_le_bytes()]),
        Value::Status(status) => put(key, 6, [status.to_le_bytes()]),
        Value::Kind(kind) => put(key, 7, [kind.to_le_bytes()]),
        Value::Ints(all) => put(key, 8, all.iter().map(|int| int.to_le_bytes())),
        Value::Floats(all) => put(key, 9, all.iter().map(|float| float.to_bits().to_le_bytes())),
        Value::Bools(all) => put(key, 10, all.iter().map(|flag| [u8::from(*flag)])),
        Value::Texts(all) => {
            key.push(11);
            for text in all {
                key.extend(text.len().to_le_bytes());
                key.extend(text.as_bytes());
            }
        }
    }
}

fn put<B: AsRef<[u8]>>(key: &mut Vec<u8>, of_type: u8, parts: impl IntoIterator<Item = B>) {
    key.push(of_type);
    parts.into_iter().for_each(|part| key.extend(part.as_ref()));
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::borrow::Cow;

    #[test]
    fn each_typed_value_is_a_group_and_nil_is_one() {
        let text = |text: &'static str| Value::Text(Cow::Borrowed(text));
        let values = [
            Value::Int(1),
            text("1"),
            Value::Nil,
            Value::Int(1),
            Value::Float(1.0),
            Value::Nil,
            Value::Float(0.0),
            Value::Float(-0.0),
            Value::Texts(vec![Cow::Borrowed("a"), Cow::Borrowed("b")]),
            Value::Texts(vec![Cow::Borrowed("ab")]),
        ];
        let spans: Vec<u32> = (0..values.len() as u32).collect();
        let found = groups(&spans, values.iter().cloned().map(Ok)).unwrap();
        let members: Vec<Vec<u32>> = found.iter().map(|(_, spans)| spans.clone()).collect();
        let expected: [&[u32]; 8] = [&[0, 3], &[1], &[2, 5], &[4], &[6], &[7], &[8], &[9]];
        assert_eq!(members, expected);
        assert_eq!(found[0].0, Value::Int(1));
    }

    #[test]
    fn a_failure_ends_the_grouping() {
        let failing = [Ok(Value::Nil), Err(Failure::DivisionByZero)];
        assert_eq!(groups(&[0, 1], failing.into_iter()), Err(Failure::DivisionByZero));
    }
}
