//! A value as an answer shows it: what a span attribute or a metric label is made of.

/// A value of an answer. What the query language has beyond this (durations, statuses, kinds) is shown as
/// text, as Tempo shows it.
#[derive(Debug, Clone, PartialEq)]
pub enum ShownValue {
    Text(String),
    Int(i64),
    Float(f64),
    Bool(bool),
    Array(Vec<ShownValue>),
}

impl ShownValue {
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }
}
