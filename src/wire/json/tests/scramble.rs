//! The same message written another way: fields in any order, singular messages in pieces, values that are
//! overwritten later, fields nobody knows.

use crate::wire::protobuf::{Field, Reader, put_bytes_field, put_fixed64_field, put_varint_field};

/// What a message is, so that its nested messages can be found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Trace,
    ResourceSpans,
    ScopeSpans,
    Resource,
    Scope,
    Span,
    Event,
    Link,
    Status,
    Pair,
    Any,
    Array,
    List,
    Entity,
}

/// A field's kind, and whether it is singular, so that it may come in pieces.
fn nested(kind: Kind, number: u32) -> Option<(Kind, bool)> {
    Some(match (kind, number) {
        (Kind::Trace, 1) => (Kind::ResourceSpans, false),
        (Kind::ResourceSpans, 1) => (Kind::Resource, true),
        (Kind::ResourceSpans, 2) => (Kind::ScopeSpans, false),
        (Kind::ScopeSpans, 1) => (Kind::Scope, true),
        (Kind::ScopeSpans, 2) => (Kind::Span, false),
        (Kind::Resource, 1) | (Kind::Scope | Kind::Event, 3) | (Kind::Span, 9) | (Kind::Link, 4) => {
            (Kind::Pair, false)
        }
        (Kind::Resource, 3) => (Kind::Entity, false),
        (Kind::Span, 11) => (Kind::Event, false),
        (Kind::Span, 13) => (Kind::Link, false),
        (Kind::Span, 15) => (Kind::Status, true),
        (Kind::Pair, 2) => (Kind::Any, true),
        (Kind::Any, 5) => (Kind::Array, false),
        (Kind::Any, 6) => (Kind::List, false),
        (Kind::Array, 1) => (Kind::Any, false),
        (Kind::List, 1) => (Kind::Pair, false),
        _ => return None,
    })
}

/// Strings and bytes that are singular: an earlier one is overwritten by a later.
fn text(kind: Kind) -> &'static [u32] {
    match kind {
        Kind::Span => &[1, 2, 3, 4, 5],
        Kind::ResourceSpans | Kind::ScopeSpans => &[3],
        Kind::Scope | Kind::Link | Kind::Entity => &[1, 2],
        Kind::Event | Kind::Status => &[2],
        Kind::Pair => &[1],
        _ => &[],
    }
}

/// A small generator: a seed gives one scrambling, so that a failure can be run again.
pub(super) struct Dice(u64);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed | 1)
    }

    pub(super) fn below(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 33) as usize % sides
    }
}

pub(super) fn scramble(bytes: &[u8], kind: Kind, dice: &mut Dice) -> Vec<u8> {
    let mut fields: Vec<(u32, Vec<u8>)> = Vec::new();
    let mut reader = Reader::new(bytes);
    while let Some(field) = reader.next().unwrap() {
        put_field(&mut fields, bytes, &field, kind, dice);
    }
    if kind == Kind::Any && !fields.is_empty() && dice.below(4) == 0 {
        fields.splice(0..0, [stale_choice(dice)]);
    }
    // A oneof's fields overwrite each other, so only their order in time counts.
    if kind != Kind::Any {
        shuffle(&mut fields, dice);
    }
    if dice.below(4) == 0 {
        let at = dice.below(fields.len() + 1);
        fields.insert(at, unknown(dice));
    }
    fields.into_iter().flat_map(|(_, bytes)| bytes).collect()
}

fn put_field(fields: &mut Vec<(u32, Vec<u8>)>, bytes: &[u8], field: &Field<'_>, kind: Kind, dice: &mut Dice) {
    let number = field.number;
    let mut put = |body: &[u8]| {
        let mut out = Vec::new();
        put_bytes_field(&mut out, number, body);
        fields.push((number, out));
    };
    if let Some((inner, singular)) = nested(kind, number) {
        let body = scramble(field.bytes().unwrap(), inner, dice);
        let mut borders = vec![0];
        let mut reader = Reader::new(&body);
        while reader.next().unwrap().is_some() {
            borders.push(reader.position());
        }
        if singular && dice.below(3) == 0 {
            let (head, tail) = body.split_at(borders[dice.below(borders.len())]);
            put(head);
            put(tail);
        } else {
            put(&body);
        }
        return;
    }
    if text(kind).contains(&number) && dice.below(5) == 0 {
        put(b"stale");
    }
    fields.push((number, bytes[field.start..field.end].to_vec()));
}

/// Any order in which fields of one number keep theirs.
fn shuffle(fields: &mut [(u32, Vec<u8>)], dice: &mut Dice) {
    for _ in 0..fields.len() * 2 {
        let at = dice.below(fields.len());
        if at + 1 < fields.len() && fields[at].0 != fields[at + 1].0 {
            fields.swap(at, at + 1);
        }
    }
    if fields.len() > 2 && dice.below(3) == 0 {
        fields.sort_by_key(|(number, _)| std::cmp::Reverse(*number));
    }
}

fn stale_choice(dice: &mut Dice) -> (u32, Vec<u8>) {
    let mut out = Vec::new();
    match dice.below(4) {
        0 => put_bytes_field(&mut out, 1, b"stale"),
        1 => put_varint_field(&mut out, 3, 77),
        2 => put_fixed64_field(&mut out, 4, 77),
        _ => put_bytes_field(&mut out, 7, b"stale"),
    }
    (0, out)
}

fn unknown(dice: &mut Dice) -> (u32, Vec<u8>) {
    let mut out = Vec::new();
    match dice.below(3) {
        0 => put_bytes_field(&mut out, 99, b"\xff\x00unknown"),
        1 => put_varint_field(&mut out, 20, u64::MAX),
        _ => put_fixed64_field(&mut out, 2000, 1),
    }
    (0, out)
}
