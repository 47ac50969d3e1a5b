//! The four answers about tags: names as one list or by scope, values as texts or with their types.
//!
//! In JSON the list always stands, empty or not. Tempo leaves the order of scopes and of typed values to
//! chance; here it is that of the answer.

use std::collections::{BTreeMap, BTreeSet};

use super::object::Object;
use super::search::{put_number, put_text};
use crate::model::tags::{TagNames, TagScope, TagValue, TagValues};
use crate::wire::json::{put_string, put_uint};
use crate::wire::protobuf::{put_bytes_field, put_message};

/// Every answer has its list in field 1 and its metrics in field 2.
pub(super) const LIST: u32 = 1;
pub(super) const METRICS: u32 = 2;

pub(super) mod scope {
    pub const NAME: u32 = 1;
    pub const TAGS: u32 = 2;
}

pub(super) mod value {
    pub const TYPE: u32 = 1;
    pub const VALUE: u32 = 2;
}

/// `MetadataMetrics`.
pub(super) const INSPECTED_BYTES: u32 = 1;

/// `SearchTagsResponse`.
pub fn tag_names_json(names: &TagNames) -> Vec<u8> {
    let put = |out: &mut Vec<u8>, name: &&str| put_string(out, name.as_bytes());
    json("tagNames", &in_one_list(names), names.inspected.bytes, put)
}

pub fn tag_names_protobuf(names: &TagNames) -> Vec<u8> {
    let put = |out: &mut Vec<u8>, name: &&str| put_bytes_field(out, LIST, name.as_bytes());
    protobuf(&in_one_list(names), names.inspected.bytes, put)
}

/// `SearchTagsV2Response`.
pub fn tag_names_v2_json(names: &TagNames) -> Vec<u8> {
    let put = |out: &mut Vec<u8>, (name, tags): &(TagScope, Vec<String>)| {
        let mut scope = Object::open(out);
        scope.text("name", name.as_str());
        scope.list("tags", tags, |out, tag| put_string(out, tag.as_bytes()));
        scope.close();
    };
    json("scopes", &names.scopes, names.inspected.bytes, put)
}

pub fn tag_names_v2_protobuf(names: &TagNames) -> Vec<u8> {
    protobuf(&names.scopes, names.inspected.bytes, |out, (name, tags)| {
        put_message(out, LIST, |out| {
            put_text(out, scope::NAME, name.as_str());
            tags.iter().for_each(|tag| put_bytes_field(out, scope::TAGS, tag.as_bytes()));
        });
    })
}

/// `SearchTagValuesResponse`.
pub fn tag_values_json(values: &TagValues) -> Vec<u8> {
    let put = |out: &mut Vec<u8>, text: &&str| put_string(out, text.as_bytes());
    json("tagValues", &texts(values), values.inspected.bytes, put)
}

pub fn tag_values_protobuf(values: &TagValues) -> Vec<u8> {
    let put = |out: &mut Vec<u8>, text: &&str| put_bytes_field(out, LIST, text.as_bytes());
    protobuf(&texts(values), values.inspected.bytes, put)
}

/// `SearchTagValuesV2Response`.
pub fn tag_values_v2_json(values: &TagValues) -> Vec<u8> {
    json("tagValues", &values.values, values.inspected.bytes, |out, TagValue { kind, value }| {
        let mut typed = Object::open(out);
        typed.text("type", kind.as_str());
        typed.text("value", value);
        typed.close();
    })
}

pub fn tag_values_v2_protobuf(values: &TagValues) -> Vec<u8> {
    protobuf(&values.values, values.inspected.bytes, |out, TagValue { kind, value }| {
        put_message(out, LIST, |out| {
            put_text(out, value::TYPE, kind.as_str());
            put_text(out, value::VALUE, value);
        });
    })
}

/// The values by type, for language models. Plain `encoding/json`: sorted, and numbers unquoted.
pub fn tag_values_v2_llm(values: &TagValues) -> Vec<u8> {
    let mut by_type: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for TagValue { kind, value } in &values.values {
        by_type.entry(kind.as_str()).or_default().push(value);
    }
    let mut out = Vec::new();
    let mut answer = Object::open(&mut out);
    let mut types = Object::open(answer.member("tagValues"));
    for (kind, values) in &by_type {
        types.list_always(kind, values, |out, value| put_string(out, value.as_bytes()));
    }
    types.close();
    if values.inspected.bytes != 0 {
        let mut metrics = Object::open(answer.member("metrics"));
        put_uint(metrics.member("inspectedBytes"), values.inspected.bytes);
        metrics.close();
    }
    answer.close();
    out
}

/// The names of all scopes as one sorted list in which each stands once.
fn in_one_list(names: &TagNames) -> Vec<&str> {
    let all: BTreeSet<&str> = names.scopes.iter().flat_map(|(_, tags)| tags).map(String::as_str).collect();
    all.into_iter().collect()
}

/// The same of values: `500` and `"500"` are one text.
fn texts(values: &TagValues) -> Vec<&str> {
    let all: BTreeSet<&str> = values.values.iter().map(|value| value.value.as_str()).collect();
    all.into_iter().collect()
}

fn json<T>(name: &str, list: &[T], inspected_bytes: u64, put: impl FnMut(&mut Vec<u8>, &T)) -> Vec<u8> {
    let mut out = Vec::new();
    let mut answer = Object::open(&mut out);
    answer.list_always(name, list, put);
    let mut metrics = Object::open(answer.member("metrics"));
    metrics.quoted("inspectedBytes", inspected_bytes);
    metrics.close();
    answer.close();
    out
}

fn protobuf<T>(list: &[T], inspected_bytes: u64, mut put: impl FnMut(&mut Vec<u8>, &T)) -> Vec<u8> {
    let mut out = Vec::new();
    list.iter().for_each(|item| put(&mut out, item));
    put_message(&mut out, METRICS, |out| put_number(out, INSPECTED_BYTES, inspected_bytes));
    out
}
