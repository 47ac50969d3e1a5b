//! Where in a trace's messages text stands. Ids, times, kinds, codes and counts are in none of these places, so that
//! nothing can change them. A field that is not known may hold anything, and does not pass.

use crate::classify::Place;
use crate::wire::otlp::{
    entity_ref, event, link, resource, resource_spans, scope, scope_spans, span, status,
};

/// What a field of bytes holds.
#[derive(Debug, Clone, Copy)]
pub(super) enum Holds {
    /// Nothing that is looked at.
    Other,
    Attributes,
    Text(Place),
    /// The key of an attribute.
    Key,
    Message(&'static Shape),
}

/// The fields of a message.
#[derive(Debug)]
pub(super) struct Shape {
    pub attributes: u32,
    pub last_known: u32,
    fields: &'static [(u32, Holds)],
}

impl Shape {
    #[inline]
    pub fn holds(&self, number: u32) -> Holds {
        if number == self.attributes {
            return Holds::Attributes;
        }
        let found = self.fields.iter().find(|(known, _)| *known == number);
        found.map_or(Holds::Other, |(_, holds)| *holds)
    }
}

/// No field has this number.
const NO_ATTRIBUTES: u32 = 0;

pub(super) static RESOURCE: Shape = Shape {
    attributes: resource::ATTRIBUTES,
    last_known: resource::ENTITY_REFS,
    fields: &[(resource::ENTITY_REFS, Holds::Message(&ENTITY))],
};

static ENTITY: Shape = Shape {
    attributes: NO_ATTRIBUTES,
    last_known: entity_ref::DESCRIPTION_KEYS,
    fields: &[
        (entity_ref::SCHEMA_URL, Holds::Text(Place::SchemaUrl)),
        (entity_ref::TYPE, Holds::Text(Place::EntityType)),
        (entity_ref::ID_KEYS, Holds::Key),
        (entity_ref::DESCRIPTION_KEYS, Holds::Key),
    ],
};

pub(super) static BATCH_TAIL: Shape = Shape {
    attributes: NO_ATTRIBUTES,
    last_known: resource_spans::SCHEMA_URL,
    fields: &[(resource_spans::SCHEMA_URL, Holds::Text(Place::SchemaUrl))],
};

pub(super) static SCOPE: Shape = Shape {
    attributes: scope::ATTRIBUTES,
    last_known: scope::DROPPED_ATTRIBUTES_COUNT,
    fields: &[
        (scope::NAME, Holds::Text(Place::ScopeName)),
        (scope::VERSION, Holds::Text(Place::ScopeVersion)),
    ],
};

pub(super) static SCOPE_TAIL: Shape = Shape {
    attributes: NO_ATTRIBUTES,
    last_known: scope_spans::SCHEMA_URL,
    fields: &[(scope_spans::SCHEMA_URL, Holds::Text(Place::SchemaUrl))],
};

pub(super) static SPAN: Shape = Shape {
    attributes: span::ATTRIBUTES,
    last_known: span::FLAGS,
    fields: &[
        (span::NAME, Holds::Text(Place::SpanName)),
        (span::EVENTS, Holds::Message(&EVENT)),
        (span::STATUS, Holds::Message(&STATUS)),
        (span::LINKS, Holds::Message(&LINK)),
        (span::TRACE_STATE, Holds::Text(Place::TraceState)),
    ],
};

static EVENT: Shape = Shape {
    attributes: event::ATTRIBUTES,
    last_known: event::DROPPED_ATTRIBUTES_COUNT,
    fields: &[(event::NAME, Holds::Text(Place::EventName))],
};

static LINK: Shape = Shape {
    attributes: link::ATTRIBUTES,
    last_known: link::FLAGS,
    fields: &[(link::TRACE_STATE, Holds::Text(Place::TraceState))],
};

static STATUS: Shape = Shape {
    attributes: NO_ATTRIBUTES,
    last_known: status::CODE,
    fields: &[(status::MESSAGE, Holds::Text(Place::StatusMessage))],
};
