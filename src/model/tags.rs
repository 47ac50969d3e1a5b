//! Names of attributes and the values they have, for completion.

use super::search::{Inspected, Window};

/// Where an attribute lives, as tag endpoints name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TagScope {
    Resource,
    Span,
    Event,
    Link,
    Instrumentation,
    Intrinsic,
    /// Accepted as a filter; nothing lives here.
    Trace,
}

/// Bounds on one question for names or values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct TagLimits {
    /// Names of one scope, or values; no limit where 0.
    pub count_max: u32,
    /// Stop after so many that were already known, one after the other; no limit where 0.
    pub stale_max: u32,
    /// Of all names or values together; no limit where 0.
    pub bytes_max: u64,
}

/// Which names exist?
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TagsQuery {
    /// All scopes where there is none.
    pub scope: Option<TagScope>,
    /// TraceQL; read leniently, as people type it.
    pub query: Option<String>,
    pub window: Option<Window>,
    pub limits: TagLimits,
    /// How limits count: the older endpoint has one flat list.
    pub form: TagsForm,
}

/// Which values has a name?
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TagValuesQuery {
    /// As asked: in TraceQL's words for v2, any text for v1.
    pub name: String,
    pub query: Option<String>,
    pub window: Option<Window>,
    pub limits: TagLimits,
    pub form: TagsForm,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TagsForm {
    V1,
    V2,
}

/// Names by scope; for v1 too, which shows them as one list.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TagNames {
    /// In a fixed order, names in byte order; scopes without a name are absent.
    pub scopes: Vec<(TagScope, Vec<String>)>,
    pub inspected: Inspected,
}

/// Values in a fixed order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TagValues {
    pub values: Vec<TagValue>,
    pub inspected: Inspected,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TagValue {
    pub kind: TagValueKind,
    pub value: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TagValueKind {
    Text,
    Int,
    Float,
    Bool,
    Duration,
    /// A word of the language: a status, a kind.
    Keyword,
}

impl TagScope {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Resource => "resource",
            Self::Span => "span",
            Self::Event => "event",
            Self::Link => "link",
            Self::Instrumentation => "instrumentation",
            Self::Intrinsic => "intrinsic",
            Self::Trace => "trace",
        }
    }
}

impl TagValueKind {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Text => "string",
            Self::Int => "int",
            Self::Float => "float",
            Self::Bool => "bool",
            Self::Duration => "duration",
            Self::Keyword => "keyword",
        }
    }
}
