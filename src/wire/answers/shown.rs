//! A value of an answer as OTLP's `AnyValue`, and a named one as its `KeyValue`.

use super::object::Object;
use crate::model::value::ShownValue;
use crate::wire::json::{put_double, put_int, put_string};
use crate::wire::limits::VALUE_DEPTH_MAX;
use crate::wire::otlp::{any_value, key_value, list};
use crate::wire::protobuf::{put_bytes_field, put_fixed64_field, put_message, put_varint_field};

/// `{"key":"…","value":{…}}`.
pub(super) fn put_pair_json(out: &mut Vec<u8>, (key, value): &(String, ShownValue)) {
    let mut pair = Object::open(out);
    pair.text("key", key);
    put_value_json(pair.member("value"), value, 0);
    pair.close();
}

/// A choice is written even when what was chosen is zero or empty.
fn put_value_json(out: &mut Vec<u8>, value: &ShownValue, depth: usize) {
    let mut any = Object::open(out);
    match value {
        ShownValue::Text(text) => put_string(any.member("stringValue"), text.as_bytes()),
        ShownValue::Int(int) => {
            let out = any.member("intValue");
            out.push(b'"');
            put_int(out, *int);
            out.push(b'"');
        }
        ShownValue::Float(float) => put_double(any.member("doubleValue"), *float),
        ShownValue::Bool(flag) => {
            any.member("boolValue").extend_from_slice(if *flag { b"true" } else { b"false" });
        }
        ShownValue::Array(values) => {
            let mut array = Object::open(any.member("arrayValue"));
            // Values of the language are never nested this deep; what is deeper is not shown.
            if depth < VALUE_DEPTH_MAX {
                array.list("values", values, |out, value| put_value_json(out, value, depth + 1));
            }
            array.close();
        }
    }
    any.close();
}

/// A `KeyValue` as field `number`.
pub(super) fn put_pair(out: &mut Vec<u8>, number: u32, (key, value): &(String, ShownValue)) {
    put_message(out, number, |pair| {
        if !key.is_empty() {
            put_bytes_field(pair, key_value::KEY, key.as_bytes());
        }
        put_message(pair, key_value::VALUE, |any| put_value(any, value, 0));
    });
}

fn put_value(out: &mut Vec<u8>, value: &ShownValue, depth: usize) {
    match value {
        ShownValue::Text(text) => put_bytes_field(out, any_value::STRING, text.as_bytes()),
        ShownValue::Int(int) => put_varint_field(out, any_value::INT, *int as u64),
        ShownValue::Float(float) => put_fixed64_field(out, any_value::DOUBLE, float.to_bits()),
        ShownValue::Bool(flag) => put_varint_field(out, any_value::BOOL, u64::from(*flag)),
        ShownValue::Array(values) => put_message(out, any_value::ARRAY, |array| {
            for value in values.iter().filter(|_| depth < VALUE_DEPTH_MAX) {
                put_message(array, list::VALUES, |any| put_value(any, value, depth + 1));
            }
        }),
    }
}
