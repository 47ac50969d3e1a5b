//! The places of a trace that hold text and have no key of their own. Each has the name by which facts may class
//! it, the one that TraceQL has for it where there is one, and what it is where no one did.

use super::keys::KeyClass;
use super::structure::Structure;
use crate::model::ClassId;

/// A text of a trace that is no attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Place {
    SpanName,
    StatusMessage,
    EventName,
    /// Of a span and of a link.
    TraceState,
    ScopeName,
    ScopeVersion,
    SchemaUrl,
    EntityType,
}

impl Place {
    pub const ALL: [Self; 8] = [
        Self::SpanName,
        Self::StatusMessage,
        Self::EventName,
        Self::TraceState,
        Self::ScopeName,
        Self::ScopeVersion,
        Self::SchemaUrl,
        Self::EntityType,
    ];

    /// What facts call it.
    pub fn key(self) -> &'static str {
        match self {
            Self::SpanName => "span:name",
            Self::StatusMessage => "span:statusMessage",
            Self::EventName => "event:name",
            Self::TraceState => "span:traceState",
            Self::ScopeName => "instrumentation:name",
            Self::ScopeVersion => "instrumentation:version",
            Self::SchemaUrl => "schemaUrl",
            Self::EntityType => "entity:type",
        }
    }

    /// An attribute that says the same, which facts may know as well.
    pub(super) fn like(self) -> Option<&'static str> {
        match self {
            Self::SpanName => Some("span.name"),
            Self::TraceState => Some("tracestate"),
            _ => None,
        }
    }

    /// What it is where no fact says. `part` is the class of what has structure and no name.
    pub(super) fn class(self, part: ClassId) -> KeyClass {
        match self {
            Self::SpanName => KeyClass::Structured(Structure::Name, part),
            Self::TraceState => KeyClass::Structured(Structure::TraceState, part),
            Self::StatusMessage | Self::EventName => KeyClass::Scan,
            // Who wrote the instrumentation chose these, once for all that it sends.
            Self::ScopeName | Self::ScopeVersion | Self::SchemaUrl | Self::EntityType => KeyClass::Safe,
        }
    }
}
