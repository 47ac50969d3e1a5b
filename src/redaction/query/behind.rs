//! What stands behind a name of a query: a key, a text without one, or what no treatment touches.

use crate::classify::place::Place;
use crate::model::region::REGION_KEY;
use crate::traceql::ast::{AttributeName, Intrinsic, Scope};

/// The key of what is stored beside a span and read like its name.
const SERVICE_NAME: &str = "service.name";

/// What stands behind a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::redaction) enum Behind<'n> {
    /// What no treatment touches: ids, times, kinds, numbers of the tree.
    Untouchable,
    /// A text with no key.
    Place(Place),
    Key(&'n str),
}

pub(in crate::redaction) fn behind(name: &AttributeName) -> Behind<'_> {
    match name {
        // The gateway says it itself, of resources. Of anything else it is what a program wrote.
        AttributeName::Named { key, parent: false, scope: Scope::Resource | Scope::Any }
            if key == REGION_KEY =>
        {
            Behind::Untouchable
        }
        AttributeName::Named { key, .. } => Behind::Key(key),
        AttributeName::Intrinsic(intrinsic) => match intrinsic {
            Intrinsic::Name | Intrinsic::RootName => Behind::Place(Place::SpanName),
            Intrinsic::StatusMessage => Behind::Place(Place::StatusMessage),
            Intrinsic::EventName => Behind::Place(Place::EventName),
            Intrinsic::InstrumentationName => Behind::Place(Place::ScopeName),
            Intrinsic::InstrumentationVersion => Behind::Place(Place::ScopeVersion),
            Intrinsic::RootServiceName => Behind::Key(SERVICE_NAME),
            Intrinsic::Duration
            | Intrinsic::Status
            | Intrinsic::Kind
            | Intrinsic::ChildCount
            | Intrinsic::SpanId
            | Intrinsic::ParentId
            | Intrinsic::Parent
            | Intrinsic::TraceDuration
            | Intrinsic::TraceId
            | Intrinsic::NestedSetLeft
            | Intrinsic::NestedSetRight
            | Intrinsic::NestedSetParent
            | Intrinsic::EventTimeSinceStart
            | Intrinsic::LinkTraceId
            | Intrinsic::LinkSpanId => Behind::Untouchable,
        },
    }
}
