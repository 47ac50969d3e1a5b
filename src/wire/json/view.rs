//! What the messages of a trace say, as slices of their bytes: the last of a scalar, the place of a list.
//!
//! Both dialects read through these views, so the rules of reading stand once: fields in any order, unknown
//! ones skipped, a known one of the wrong wire type an error, a status in pieces merged.

use super::fields::{Fields, Message, Repeated};
use crate::wire::otlp::{entity_ref, event, key_value, link, resource, scope, span, status};
use crate::wire::protobuf::{Reader, WireError};

/// Bytes that may be absent: an id that is there but empty is written, one that is absent is not.
pub(super) type MaybeBytes<'a> = Option<&'a [u8]>;

#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Status<'a> {
    pub message: &'a [u8],
    pub code: i32,
}

impl<'a> Status<'a> {
    /// Takes one piece; later pieces win field by field.
    fn read(&mut self, body: &'a [u8]) -> Result<(), WireError> {
        let mut fields = Message::from(body).fields();
        while let Some((number, value)) = fields.next()? {
            match number {
                status::MESSAGE => self.message = value.bytes()?,
                status::CODE => self.code = value.varint()? as i32,
                _ => {}
            }
        }
        Ok(())
    }
}

#[derive(Debug)]
pub(super) struct Span<'a> {
    pub trace_id: MaybeBytes<'a>,
    pub span_id: MaybeBytes<'a>,
    pub trace_state: &'a [u8],
    pub parent_span_id: MaybeBytes<'a>,
    pub flags: u32,
    pub name: &'a [u8],
    pub kind: i32,
    pub start: u64,
    pub end: u64,
    pub attributes: Repeated<'a>,
    pub dropped_attributes: u32,
    pub events: Repeated<'a>,
    pub dropped_events: u32,
    pub links: Repeated<'a>,
    pub dropped_links: u32,
    pub status: Status<'a>,
}

impl<'a> Span<'a> {
    fn empty() -> Self {
        Self {
            trace_id: None,
            span_id: None,
            trace_state: &[],
            parent_span_id: None,
            flags: 0,
            name: &[],
            kind: 0,
            start: 0,
            end: 0,
            attributes: Repeated::none(),
            dropped_attributes: 0,
            events: Repeated::none(),
            dropped_events: 0,
            links: Repeated::none(),
            dropped_links: 0,
            status: Status::default(),
        }
    }

    /// Reads the fields that nearly every span begins with, in the order of their numbers, in straight line;
    /// the cursor goes on where they end. One that comes again later wins, as always.
    #[inline]
    fn leading(&mut self, message: Message<'a>) -> Fields<'a> {
        const fn tag(number: u32, wire_type: u8) -> u8 {
            (number << 3) as u8 | wire_type
        }
        let mut reader = Reader::new(message.body);
        self.trace_id = reader.take_short(tag(span::TRACE_ID, 2));
        self.span_id = reader.take_short(tag(span::SPAN_ID, 2));
        self.parent_span_id = reader.take_short(tag(span::PARENT_SPAN_ID, 2));
        self.name = reader.take_short(tag(span::NAME, 2)).unwrap_or_default();
        self.kind = reader.take_small(tag(span::KIND, 0)).map_or(0, i32::from);
        self.start = reader.take_fixed64(tag(span::START_TIME, 1)).unwrap_or_default();
        self.end = reader.take_fixed64(tag(span::END_TIME, 1)).unwrap_or_default();
        Fields::after(reader, message.extra)
    }

    pub(super) fn read(message: Message<'a>) -> Result<Self, WireError> {
        let mut view = Self::empty();
        let mut fields = view.leading(message);
        loop {
            let before = fields;
            let Some((number, value)) = fields.next()? else { return Ok(view) };
            match number {
                span::TRACE_ID => view.trace_id = Some(value.bytes()?),
                span::SPAN_ID => view.span_id = Some(value.bytes()?),
                span::TRACE_STATE => view.trace_state = value.bytes()?,
                span::PARENT_SPAN_ID => view.parent_span_id = Some(value.bytes()?),
                span::FLAGS => view.flags = value.fixed32()?,
                span::NAME => view.name = value.bytes()?,
                span::KIND => view.kind = value.varint()? as i32,
                span::START_TIME => view.start = value.fixed64()?,
                span::END_TIME => view.end = value.fixed64()?,
                span::ATTRIBUTES => view.attributes.note_run(before, number, value, &mut fields)?,
                span::DROPPED_ATTRIBUTES_COUNT => view.dropped_attributes = value.varint()? as u32,
                span::EVENTS => view.events.note(before, number, value)?,
                span::DROPPED_EVENTS_COUNT => view.dropped_events = value.varint()? as u32,
                span::LINKS => view.links.note(before, number, value)?,
                span::DROPPED_LINKS_COUNT => view.dropped_links = value.varint()? as u32,
                span::STATUS => view.status.read(value.bytes()?)?,
                _ => {}
            }
        }
    }
}

#[derive(Debug)]
pub(super) struct Event<'a> {
    pub time: u64,
    pub name: &'a [u8],
    pub attributes: Repeated<'a>,
    pub dropped_attributes: u32,
}

impl<'a> Event<'a> {
    pub(super) fn read(body: &'a [u8]) -> Result<Self, WireError> {
        let mut view = Self { time: 0, name: &[], attributes: Repeated::none(), dropped_attributes: 0 };
        let mut fields = Message::from(body).fields();
        loop {
            let before = fields;
            let Some((number, value)) = fields.next()? else { return Ok(view) };
            match number {
                event::TIME => view.time = value.fixed64()?,
                event::NAME => view.name = value.bytes()?,
                event::ATTRIBUTES => view.attributes.note(before, number, value)?,
                event::DROPPED_ATTRIBUTES_COUNT => view.dropped_attributes = value.varint()? as u32,
                _ => {}
            }
        }
    }
}

#[derive(Debug)]
pub(super) struct Link<'a> {
    pub trace_id: MaybeBytes<'a>,
    pub span_id: MaybeBytes<'a>,
    pub trace_state: &'a [u8],
    pub attributes: Repeated<'a>,
    pub dropped_attributes: u32,
    pub flags: u32,
}

impl<'a> Link<'a> {
    pub(super) fn read(body: &'a [u8]) -> Result<Self, WireError> {
        let mut view = Self {
            trace_id: None,
            span_id: None,
            trace_state: &[],
            attributes: Repeated::none(),
            dropped_attributes: 0,
            flags: 0,
        };
        let mut fields = Message::from(body).fields();
        loop {
            let before = fields;
            let Some((number, value)) = fields.next()? else { return Ok(view) };
            match number {
                link::TRACE_ID => view.trace_id = Some(value.bytes()?),
                link::SPAN_ID => view.span_id = Some(value.bytes()?),
                link::TRACE_STATE => view.trace_state = value.bytes()?,
                link::ATTRIBUTES => view.attributes.note(before, number, value)?,
                link::DROPPED_ATTRIBUTES_COUNT => view.dropped_attributes = value.varint()? as u32,
                link::FLAGS => view.flags = value.fixed32()?,
                _ => {}
            }
        }
    }
}

#[derive(Debug)]
pub(super) struct Resource<'a> {
    pub attributes: Repeated<'a>,
    pub dropped_attributes: u32,
    pub entity_refs: Repeated<'a>,
}

impl<'a> Resource<'a> {
    pub(super) fn read(message: Message<'a>) -> Result<Self, WireError> {
        let mut view =
            Self { attributes: Repeated::none(), dropped_attributes: 0, entity_refs: Repeated::none() };
        let mut fields = message.fields();
        loop {
            let before = fields;
            let Some((number, value)) = fields.next()? else { return Ok(view) };
            match number {
                resource::ATTRIBUTES => view.attributes.note(before, number, value)?,
                resource::DROPPED_ATTRIBUTES_COUNT => view.dropped_attributes = value.varint()? as u32,
                resource::ENTITY_REFS => view.entity_refs.note(before, number, value)?,
                _ => {}
            }
        }
    }
}

#[derive(Debug)]
pub(super) struct Scope<'a> {
    pub name: &'a [u8],
    pub version: &'a [u8],
    pub attributes: Repeated<'a>,
    pub dropped_attributes: u32,
}

impl<'a> Scope<'a> {
    pub(super) fn read(message: Message<'a>) -> Result<Self, WireError> {
        let mut view = Self { name: &[], version: &[], attributes: Repeated::none(), dropped_attributes: 0 };
        let mut fields = message.fields();
        loop {
            let before = fields;
            let Some((number, value)) = fields.next()? else { return Ok(view) };
            match number {
                scope::NAME => view.name = value.bytes()?,
                scope::VERSION => view.version = value.bytes()?,
                scope::ATTRIBUTES => view.attributes.note(before, number, value)?,
                scope::DROPPED_ATTRIBUTES_COUNT => view.dropped_attributes = value.varint()? as u32,
                _ => {}
            }
        }
    }
}

#[derive(Debug)]
pub(super) struct EntityRef<'a> {
    pub schema_url: &'a [u8],
    pub kind: &'a [u8],
    pub id_keys: Repeated<'a>,
    pub description_keys: Repeated<'a>,
}

impl<'a> EntityRef<'a> {
    pub(super) fn read(body: &'a [u8]) -> Result<Self, WireError> {
        let mut view = Self {
            schema_url: &[],
            kind: &[],
            id_keys: Repeated::none(),
            description_keys: Repeated::none(),
        };
        let mut fields = Message::from(body).fields();
        loop {
            let before = fields;
            let Some((number, value)) = fields.next()? else { return Ok(view) };
            match number {
                entity_ref::SCHEMA_URL => view.schema_url = value.bytes()?,
                entity_ref::TYPE => view.kind = value.bytes()?,
                entity_ref::ID_KEYS => view.id_keys.note(before, number, value)?,
                entity_ref::DESCRIPTION_KEYS => view.description_keys.note(before, number, value)?,
                _ => {}
            }
        }
    }
}

/// A pair; its value may lie in pieces, which are one message.
#[derive(Debug)]
pub(super) struct KeyValue<'a> {
    pub key: &'a [u8],
    pub value: Repeated<'a>,
    pub key_strindex: i32,
}

impl<'a> KeyValue<'a> {
    pub(super) fn read(body: &'a [u8]) -> Result<Self, WireError> {
        let mut view = Self { key: &[], value: Repeated::none(), key_strindex: 0 };
        let mut fields = Message::from(body).fields();
        loop {
            let before = fields;
            let Some((number, value)) = fields.next()? else { return Ok(view) };
            match number {
                key_value::KEY => view.key = value.bytes()?,
                key_value::VALUE => view.value.note(before, number, value)?,
                key_value::KEY_STRINDEX => view.key_strindex = value.varint()? as i32,
                _ => {}
            }
        }
    }
}
