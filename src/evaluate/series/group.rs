//! The values a span is grouped by, as a key that costs no allocation to look up.

use super::label::LabelValue;
use crate::evaluate::shown::{kind_text, status_text};
use crate::traceql::duration_text;
use crate::traceql::value::Value;
use std::borrow::Cow;

/// As many values as a query may group by, and one for a bucket.
pub const GROUP_VALUES_MAX: usize = 6;

#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum GroupValue<'v> {
    #[default]
    Nil,
    Int(i64),
    /// Its bits.
    Float(u64),
    Text(Cow<'v, str>),
    Bool(bool),
    Duration(i64),
    Status(i64),
    Kind(i64),
    /// Arrays are not told apart.
    Array,
}

/// The values of one group, nil where fewer.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct GroupKey<'v>([GroupValue<'v>; GROUP_VALUES_MAX]);

impl<'v> GroupKey<'v> {
    pub fn set(&mut self, at: usize, value: GroupValue<'v>) {
        debug_assert!(at < GROUP_VALUES_MAX, "a query groups by few values");
        if let Some(place) = self.0.get_mut(at) {
            *place = value;
        }
    }

    pub fn values(&self) -> &[GroupValue<'v>] {
        &self.0
    }

    /// How many bytes its texts have.
    pub fn text_bytes(&self) -> usize {
        let bytes = |value: &GroupValue<'_>| if let GroupValue::Text(text) = value { text.len() } else { 0 };
        self.0.iter().map(bytes).sum()
    }

    pub fn into_owned(self) -> GroupKey<'static> {
        GroupKey(self.0.map(GroupValue::into_owned))
    }
}

impl<'v> GroupValue<'v> {
    pub fn of(value: &'v Value<'_>) -> Self {
        match value {
            Value::Nil => Self::Nil,
            Value::Int(int) => Self::Int(*int),
            Value::Float(float) => Self::Float(float.to_bits()),
            Value::Text(text) => Self::Text(Cow::Borrowed(text.as_ref())),
            Value::Bool(flag) => Self::Bool(*flag),
            Value::Duration(nanos) => Self::Duration(*nanos),
            Value::Status(status) => Self::Status(*status),
            Value::Kind(kind) => Self::Kind(*kind),
            Value::Ints(_) | Value::Floats(_) | Value::Texts(_) | Value::Bools(_) => Self::Array,
        }
    }

    pub fn into_owned(self) -> GroupValue<'static> {
        match self {
            Self::Text(text) => GroupValue::Text(Cow::Owned(text.into_owned())),
            Self::Nil => GroupValue::Nil,
            Self::Int(int) => GroupValue::Int(int),
            Self::Float(bits) => GroupValue::Float(bits),
            Self::Bool(flag) => GroupValue::Bool(flag),
            Self::Duration(nanos) => GroupValue::Duration(nanos),
            Self::Status(status) => GroupValue::Status(status),
            Self::Kind(kind) => GroupValue::Kind(kind),
            Self::Array => GroupValue::Array,
        }
    }

    /// How an answer shows it; `None` for nil.
    pub fn label(&self) -> Option<LabelValue> {
        Some(match self {
            Self::Nil => return None,
            Self::Int(int) => LabelValue::Int(*int),
            Self::Float(bits) => LabelValue::Float(*bits),
            Self::Text(text) => LabelValue::Text(text.clone().into_owned()),
            Self::Bool(flag) => LabelValue::Bool(*flag),
            Self::Duration(nanos) => LabelValue::Text(duration_text(*nanos)),
            Self::Status(status) => LabelValue::Text(status_text(*status)),
            Self::Kind(kind) => LabelValue::Text(kind_text(*kind)),
            Self::Array => LabelValue::nil(),
        })
    }
}
