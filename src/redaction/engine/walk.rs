//! Every place of a message where text stands, to any depth, and the message anew where something changed.

use super::Engine;
use super::arguments::Arguments;
use super::edit::{Edit, put_pair, put_text, put_text_pair};
use super::memo::{Becomes, Form, Key, KeyId, Pair, Stretch, path_of};
use super::shape::{Holds, Shape};
use crate::classify::detect::Context;
use crate::classify::keys::KeyClass;
use crate::classify::structure::{Dialect, Structure};
use crate::classify::{KeyFacts, Place};
use crate::policy::{Rung, Treatment};
use crate::redaction::by_key::{MASK, has_several_values};
use crate::redaction::treat::MARK_OF_BYTES;
use crate::trace::span::{bytes_field, key_and_value, string_attribute};
use crate::wire::limits::VALUE_DEPTH_MAX;
use crate::wire::otlp::{any_value, key_value, list};
use crate::wire::protobuf::{
    Field, Reader, Value, message_len, put_bytes_field, put_fixed64_field, put_varint_field,
};

/// Attributes that tell in which language a statement is, the later ones first.
const SYSTEMS: [&str; 2] = ["db.system.name", "db.system"];

/// Where attributes stand: what their siblings are, and how many keys of the list had to be named anew.
pub(super) struct Siblings<'a> {
    message: &'a [u8],
    attributes: u32,
    /// The language of the statements among them, once someone asked.
    system: Option<Option<&'a str>>,
    renamed: usize,
}

/// What becomes of a part of a message.
enum Fate {
    Keep,
    Drop,
    Becomes(Vec<u8>),
}

/// What becomes of a pair.
enum PairFate<'a> {
    Keep,
    Drop,
    /// The pair anew, with its tag.
    Becomes(Vec<u8>),
    /// Its key with a text of the store as its value, which is what most become that change.
    Text(&'a [u8], Stretch),
}

impl<'a> Engine<'a> {
    /// A message with everything in it treated; none where nothing is.
    pub(super) fn message(&mut self, body: &'a [u8], shape: &'static Shape) -> Option<Vec<u8>> {
        let mut edit = Edit::of(body);
        let mut siblings = Siblings { message: body, attributes: shape.attributes, system: None, renamed: 0 };
        let mut reader = Reader::new(body);
        while let Ok(Some(field)) = reader.next() {
            if field.number > shape.last_known {
                self.tally.add_other();
                edit.drop(&field);
                continue;
            }
            let Value::Bytes(inner) = field.value else { continue };
            match shape.holds(field.number) {
                Holds::Other => {}
                Holds::Attributes => self.attribute(&field, inner, &mut siblings, &mut edit),
                Holds::Text(place) => self.place(&field, inner, place, &mut edit),
                Holds::Key => match self.key(None, inner) {
                    Some(key) => {
                        if let Some(name) = self.renamed(key, &mut siblings.renamed) {
                            edit.bytes(&field, name.as_bytes());
                        }
                    }
                    None => edit.drop(&field),
                },
                Holds::Message(shape) => {
                    if let Some(treated) = self.message(inner, shape) {
                        edit.bytes(&field, &treated);
                    }
                }
            }
        }
        edit.finish()
    }

    #[inline]
    fn attribute(
        &mut self,
        field: &Field<'_>,
        pair: &'a [u8],
        siblings: &mut Siblings<'a>,
        edit: &mut Edit<'a>,
    ) {
        let fate = self.pair(None, pair, field.number, siblings, VALUE_DEPTH_MAX);
        self.edit_pair(fate, field, edit);
    }

    #[inline]
    fn edit_pair(&self, fate: PairFate<'a>, field: &Field<'_>, edit: &mut Edit<'a>) {
        match fate {
            PairFate::Keep => {}
            PairFate::Drop => edit.drop(field),
            PairFate::Becomes(bytes) => edit.replace(field).extend_from_slice(&bytes),
            PairFate::Text(name, text) => {
                put_text_pair(edit.replace(field), field.number, name, self.values.text(text));
            }
        }
    }

    /// A text without a key. It is never taken away: a span without a name is none to most who read it.
    fn place(&mut self, field: &Field<'_>, bytes: &'a [u8], place: Place, edit: &mut Edit<'a>) {
        let Some(key) = self.place_key(place) else { return };
        let class = self.facts(key).class;
        match self.value(Pair { key, class, form: Form::Text, bytes }) {
            Becomes::Same => {}
            Becomes::Nothing => edit.bytes(field, MARK_OF_BYTES.as_bytes()),
            Becomes::Text(range) => edit.bytes(field, self.values.text(range).as_bytes()),
        }
    }

    /// One attribute, or one pair of a list, with its tag.
    fn pair(
        &mut self,
        parent: Option<KeyId>,
        pair: &'a [u8],
        number: u32,
        siblings: &mut Siblings<'a>,
        depth: usize,
    ) -> PairFate<'a> {
        let (name, any) = key_and_value(pair);
        let Some(id) = self.key(parent, name) else {
            self.tally.add_other();
            return PairFate::Drop;
        };
        let renamed = self.renamed(id, &mut siblings.renamed);
        let key: &[u8] = renamed.as_deref().map_or(name, str::as_bytes);
        let written = |any: &[u8]| {
            let mut out = Vec::with_capacity(pair.len() + 48);
            put_pair(&mut out, number, key, any);
            PairFate::Becomes(out)
        };
        let listed = self.keys.get(id).and_then(|key| key.listed);
        let is_exact = is_exact(pair, name, any);
        // Decoders disagree on what a pair with several values says, so it cannot be decided.
        if listed == Some(Treatment::Drop) || !is_exact && has_several_values(pair) {
            self.tally.add_other();
            return PairFate::Drop;
        }
        if listed == Some(Treatment::Mask) {
            self.tally.add_other();
            return written(&text_value(MASK));
        }
        let class = self.class(id, siblings);
        if any.is_empty() && self.is_dropped(class) {
            return PairFate::Drop;
        }
        if is_exact
            && renamed.is_none()
            && depth > 0
            && let Some(bytes) = only_text(any)
        {
            return match self.value(Pair { key: id, class, form: Form::Text, bytes }) {
                Becomes::Same => PairFate::Keep,
                Becomes::Nothing => PairFate::Drop,
                Becomes::Text(text) => PairFate::Text(name, text),
            };
        }
        match self.any(id, class, any, siblings, depth) {
            Fate::Drop => PairFate::Drop,
            Fate::Becomes(any) => written(&any),
            Fate::Keep if renamed.is_some() => written(any),
            Fate::Keep if is_exact || is_plain(pair, name) => PairFate::Keep,
            Fate::Keep => {
                self.tally.add_other();
                written(any)
            }
        }
    }

    /// What the key says, with the language of a statement where an attribute beside it tells.
    fn class(&self, key: KeyId, siblings: &mut Siblings<'a>) -> KeyClass {
        let class = self.facts(key).class;
        let KeyClass::Structured(structure @ (Structure::Statement | Structure::Sql(Dialect::Any)), part) =
            class
        else {
            return class;
        };
        let Siblings { message, attributes, .. } = *siblings;
        let system = *siblings.system.get_or_insert_with(|| {
            let found = SYSTEMS.iter().find_map(|key| string_attribute(message, attributes, key));
            found.and_then(|system| std::str::from_utf8(system).ok())
        });
        KeyClass::Structured(structure.of_database(system.unwrap_or_default()), part)
    }

    /// An `AnyValue`. Of several values in it the last counts, and none may be left that was not looked at.
    fn any(
        &mut self,
        key: KeyId,
        class: KeyClass,
        any: &'a [u8],
        siblings: &mut Siblings<'a>,
        depth: usize,
    ) -> Fate {
        let Some(depth) = depth.checked_sub(1) else { return Fate::Drop };
        let mut edit = Edit::of(any);
        let (mut fields, mut dropped) = (0, 0);
        let mut reader = Reader::new(any);
        while let Ok(Some(field)) = reader.next() {
            fields += 1;
            match self.one(key, class, &field, any, siblings, depth) {
                Fate::Keep => {}
                Fate::Drop => {
                    dropped += 1;
                    edit.drop(&field);
                }
                Fate::Becomes(bytes) => edit.replace(&field).extend_from_slice(&bytes),
            }
        }
        if dropped > 0 && dropped == fields {
            return Fate::Drop;
        }
        edit.finish().map_or(Fate::Keep, Fate::Becomes)
    }

    /// One value of an `AnyValue`, with its tag.
    #[inline]
    fn one(
        &mut self,
        key: KeyId,
        class: KeyClass,
        field: &Field<'a>,
        any: &'a [u8],
        siblings: &mut Siblings<'a>,
        depth: usize,
    ) -> Fate {
        let form = match (field.number, field.value) {
            (any_value::STRING, Value::Bytes(_)) => Form::Text,
            (any_value::INT, Value::Varint(_)) => Form::Int,
            (any_value::DOUBLE, Value::Fixed64(_)) => Form::Double,
            (any_value::BOOL, _) => return self.flag(class),
            (any_value::BYTES, Value::Bytes(bytes)) => return self.bytes(key, class, bytes),
            (any_value::ARRAY, Value::Bytes(inner)) => return self.array(key, class, inner, siblings, depth),
            (any_value::KVLIST, Value::Bytes(inner)) => {
                return self.kvlist(key, class, inner, siblings, depth);
            }
            // A number of a table of strings that traces do not have: the key alone decides.
            (any_value::STRING_STRINDEX, Value::Varint(_)) if self.is_dropped(class) => return Fate::Drop,
            (any_value::STRING_STRINDEX, Value::Varint(_)) => return Fate::Keep,
            _ => {
                self.tally.add_other();
                return Fate::Drop;
            }
        };
        let bytes = any.get(field.value_start..field.end).unwrap_or_default();
        match self.value(Pair { key, class, form, bytes }) {
            Becomes::Same => Fate::Keep,
            Becomes::Nothing => Fate::Drop,
            Becomes::Text(range) => Fate::Becomes(typed(self.values.text(range), form)),
        }
    }

    /// Whether all under such a key is taken away, whatever it is; it is counted then.
    fn is_dropped(&mut self, class: KeyClass) -> bool {
        let whole = self.classifier.whole(KeyFacts { class, context: Context::NONE });
        let Some(class) = whole.filter(|class| self.treater.rung(*class) == Rung::Dropped) else {
            return false;
        };
        self.tally.add(class);
        true
    }

    /// A yes or no tells nothing but under a key of which all is withheld; a token of it would be guessed at once.
    fn flag(&mut self, class: KeyClass) -> Fate {
        let whole = match class {
            // It can't be taken apart, so it is what its key says.
            KeyClass::Structured(_, class) => Some(class),
            class => self.classifier.whole(KeyFacts { class, context: Context::NONE }),
        };
        let Some(class) = whole.filter(|class| self.look.treats(*class)) else { return Fate::Keep };
        self.tally.add(class);
        if self.treater.rung(class) == Rung::Dropped {
            return Fate::Drop;
        }
        let mut mark = String::new();
        self.treater.put_mark(class, &mut mark);
        Fate::Becomes(text_value(&mark))
    }

    /// Bytes can be anything in any encoding: they stay under a key that is safe alone.
    fn bytes(&mut self, key: KeyId, class: KeyClass, bytes: &'a [u8]) -> Fate {
        let facts = KeyFacts { class, context: Context::NONE };
        let is_withheld = self.classifier.whole(facts).is_some_and(|class| self.look.treats(class));
        if let KeyClass::Safe = class
            && !is_withheld
            && (std::str::from_utf8(bytes).is_err()
                || self.value(Pair { key, class, form: Form::Text, bytes }) == Becomes::Same)
        {
            return Fate::Keep;
        }
        self.tally.add(self.classifier.unknown());
        Fate::Drop
    }

    fn array(
        &mut self,
        key: KeyId,
        class: KeyClass,
        items: &'a [u8],
        siblings: &mut Siblings<'a>,
        depth: usize,
    ) -> Fate {
        if self.is_dropped(class) {
            return Fate::Drop;
        }
        let mut edit = Edit::of(items);
        let mut arguments = Arguments::of(class);
        let mut reader = Reader::new(items);
        while let Ok(Some(field)) = reader.next() {
            let (list::VALUES, Value::Bytes(item)) = (field.number, field.value) else {
                self.tally.add_other();
                edit.drop(&field);
                continue;
            };
            let given = arguments.as_mut().and_then(|arguments| arguments.next(item));
            let (key, class) = match given {
                Some(flag) => match self.argument(key, class, flag) {
                    Some(argument) => argument,
                    None => {
                        edit.bytes(&field, &text_value(MARK_OF_BYTES));
                        continue;
                    }
                },
                None => (key, class),
            };
            match self.any(key, class, item, siblings, depth) {
                Fate::Keep => {}
                // The places of the others stay as they were.
                Fate::Drop => edit.bytes(&field, &text_value(MARK_OF_BYTES)),
                Fate::Becomes(any) => edit.bytes(&field, &any),
            }
        }
        edit.finish().map_or(Fate::Keep, |list| nested(any_value::ARRAY, &list))
    }

    /// What an argument is that a flag before it names; none where there are more keys than can be known. A flag
    /// that no one told of leaves it what it is by itself, but for what its words say.
    fn argument(&mut self, list: KeyId, class: KeyClass, flag: &'a str) -> Option<(KeyId, KeyClass)> {
        let key = self.key(Some(list), flag.as_bytes())?;
        let told = self.facts(key).class;
        let is_told = match (told, class) {
            (KeyClass::Whole(told), KeyClass::Structured(_, own)) => told != own,
            (told, _) => told != KeyClass::Unknown,
        };
        Some((key, if is_told { told } else { class }))
    }

    fn kvlist(
        &mut self,
        key: KeyId,
        class: KeyClass,
        pairs: &'a [u8],
        outer: &mut Siblings<'a>,
        depth: usize,
    ) -> Fate {
        let facts = KeyFacts { class, context: Context::NONE };
        if let Some(class) = self.classifier.whole(facts).filter(|class| self.look.treats(*class)) {
            self.tally.add(class);
            if self.treater.rung(class) == Rung::Dropped {
                return Fate::Drop;
            }
            let mut mark = String::new();
            self.treater.put_mark(class, &mut mark);
            return Fate::Becomes(text_value(&mark));
        }
        let mut siblings = Siblings { renamed: 0, ..*outer };
        let mut edit = Edit::of(pairs);
        let mut reader = Reader::new(pairs);
        while let Ok(Some(field)) = reader.next() {
            let (list::VALUES, Value::Bytes(pair)) = (field.number, field.value) else {
                self.tally.add_other();
                edit.drop(&field);
                continue;
            };
            let fate = self.pair(Some(key), pair, list::VALUES, &mut siblings, depth);
            self.edit_pair(fate, &field, &mut edit);
        }
        // Looked up once for a message, and not once for each list in it.
        outer.system = siblings.system;
        edit.finish().map_or(Fate::Keep, |list| nested(any_value::KVLIST, &list))
    }

    /// A key of this part, looked at once; none where there are more than can be known.
    #[inline]
    fn key(&mut self, parent: Option<KeyId>, name: &'a [u8]) -> Option<KeyId> {
        match self.keys.find(parent, name) {
            Some(id) => Some(id),
            None => self.new_key(parent, name),
        }
    }

    #[inline(never)]
    fn new_key(&mut self, parent: Option<KeyId>, name: &'a [u8]) -> Option<KeyId> {
        if self.keys.is_full() {
            return None;
        }
        let readable = std::str::from_utf8(name);
        let text = readable.unwrap_or_default();
        let within = parent.and_then(|parent| self.keys.get(parent)).map(|key| (&*key.path, key.facts));
        let (path, facts) = match within {
            None => (text.into(), self.classifier.key(text)),
            Some((parent, facts)) => (path_of(parent, text), self.classifier.key_within(parent, facts, text)),
        };
        let rules = self.rules;
        let listed = rules.treatment(name).or_else(|| rules.treatment(path.as_bytes()));
        let is_telling =
            readable.is_err() || self.classifier.is_telling_key(text, &self.look, &mut self.scratch);
        Some(self.keys.add(parent, Key { parent, name, path, facts, listed, is_telling }))
    }

    /// The name that a key is given that may not be shown.
    #[inline]
    fn renamed(&mut self, key: KeyId, renamed: &mut usize) -> Option<String> {
        if !self.keys.get(key).is_some_and(|key| key.is_telling) {
            return None;
        }
        self.tally.add_other();
        *renamed += 1;
        Some(format!("‹key {renamed}›"))
    }
}

/// Whether a pair is its key and its value and has no byte more.
#[inline]
fn is_exact(pair: &[u8], key: &[u8], any: &[u8]) -> bool {
    let field = |bytes: &[u8]| if bytes.is_empty() { 0 } else { message_len(bytes.len()) };
    pair.len() == field(key) + field(any)
}

/// Whether a pair is its key and its value and nothing else, in whatever way it is written.
fn is_plain(pair: &[u8], key: &[u8]) -> bool {
    let (mut keys, mut reader) = (0, Reader::new(pair));
    while let Ok(Some(field)) = reader.next() {
        keys += usize::from(field.number == key_value::KEY);
        if field.number > key_value::KEY_STRINDEX {
            return false;
        }
    }
    // An earlier key would be kept with its bytes, and no one has looked at it.
    keys <= 1 && bytes_field(pair, key_value::KEY) == key
}

/// The text of an `AnyValue` that is one and nothing else.
#[inline]
fn only_text(any: &[u8]) -> Option<&[u8]> {
    let field = Reader::new(any).next().ok().flatten()?;
    match field.value {
        Value::Bytes(text) if field.number == any_value::STRING && field.end == any.len() => Some(text),
        _ => None,
    }
}

fn text_value(text: &str) -> Vec<u8> {
    let mut any = Vec::with_capacity(text.len() + 3);
    put_text(&mut any, text);
    any
}

fn nested(number: u32, body: &[u8]) -> Fate {
    let mut out = Vec::with_capacity(body.len() + 8);
    put_bytes_field(&mut out, number, body);
    Fate::Becomes(out)
}

/// A coarser number is a number still, so that it can be compared with others; anything else is a text.
fn typed(text: &str, form: Form) -> Vec<u8> {
    let mut any = Vec::with_capacity(text.len() + 3);
    match form {
        Form::Int if let Ok(int) = text.parse::<i64>() => {
            put_varint_field(&mut any, any_value::INT, int.cast_unsigned());
        }
        Form::Double if let Ok(double) = text.parse::<f64>() => {
            put_fixed64_field(&mut any, any_value::DOUBLE, double.to_bits());
        }
        _ => put_text(&mut any, text),
    }
    any
}
