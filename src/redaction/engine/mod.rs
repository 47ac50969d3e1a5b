//! The engine: a region's part of a trace through the cells of its plan, on its bytes.
//!
//! Every message is walked once, and what changes is written anew; what does not keeps its bytes. Each pair of a key
//! and a value is classified once. Where values were treated that the rest of the trace may repeat, what was seen is
//! searched for them, and only if something is found the part is walked a second time.

mod arguments;
mod echo;
mod edit;
mod memo;
mod shape;
mod tally;
mod value;
mod walk;

#[cfg(test)]
mod tests;

use self::echo::{Echo, Found, Memory};
use self::memo::{KeyId, Keys, Values};
use self::tally::Tally;
use super::redactor::Redactor;
use super::rewrite::{Marks, say_treated};
use super::treat::Treater;
use crate::classify::classifier::Scratch;
use crate::classify::keys::KeyClass;
use crate::classify::{Classifier, KeyFacts, Look, Place};
use crate::model::ClassId;
use crate::policy::{KeyRules, Ruled};
use crate::trace::index::{Buffer, Chunk, Flags};
use crate::wire::otlp::{resource, span};
use crate::wire::protobuf::WireError;

/// How much was treated.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Treated {
    pub total: u64,
    /// By class, in the order of the table.
    pub by_class: Vec<(ClassId, u64)>,
}

impl Treated {
    /// Adds what was treated elsewhere by the same classes.
    pub fn add(&mut self, other: &Self) {
        self.total = self.total.saturating_add(other.total);
        for (class, count) in &other.by_class {
            match self.by_class.iter_mut().find(|(known, _)| known == class) {
                Some((_, sum)) => *sum = sum.saturating_add(*count),
                None => self.by_class.push((*class, *count)),
            }
        }
        self.by_class.sort();
    }
}

/// Which time a part is walked.
#[derive(Debug)]
enum Pass {
    /// Values that the rest may repeat are taken down.
    First(Found),
    /// They are looked for.
    Again(Echo),
}

struct Engine<'a> {
    classifier: &'a Classifier,
    rules: &'a KeyRules,
    look: Look,
    treater: Treater<'a>,
    scratch: Scratch,
    keys: Keys<'a>,
    places: [KeyId; Place::ALL.len()],
    values: Values<'a>,
    memory: Memory,
    pass: Pass,
    tally: Tally,
    /// Bytes of values that were classified.
    #[cfg(test)]
    looked_at: usize,
}

/// Treats a chunk by the cells of its region.
pub(super) fn treat(
    chunk: &mut Chunk,
    redactor: &Redactor,
    ruled: &Ruled,
    marks: Marks,
) -> Result<Treated, WireError> {
    let look = redactor.look(ruled);
    if look.is_blind() && ruled.keys().is_empty() {
        return Ok(Treated::default());
    }
    let source = chunk.buffer.clone();
    let bytes = chunk.spans.iter().map(|span| span.body.len()).sum();
    let mut engine = Engine::new(redactor, ruled, look, bytes);
    engine.run(&source, chunk, marks)?;
    Ok(Treated { total: engine.tally.total(), by_class: engine.tally.by_class().collect() })
}

impl<'a> Engine<'a> {
    fn new(redactor: &'a Redactor, ruled: &'a Ruled, look: Look, bytes: usize) -> Self {
        let classifier = redactor.classifier();
        let treater = Treater::new(ruled, redactor.keys().keys(ruled.tokens()), redactor.year());
        let mut keys = Keys::default();
        let places = Place::ALL.map(|place| keys.add_place(place.key(), classifier.place(place)));
        Self {
            classifier,
            rules: ruled.keys(),
            look,
            treater,
            scratch: Scratch::default(),
            keys,
            places,
            values: Values::of(bytes),
            memory: Memory::default(),
            pass: Pass::First(Found::default()),
            tally: Tally::new(),
            #[cfg(test)]
            looked_at: 0,
        }
    }

    /// Treats a chunk whose bytes are those of `source`.
    fn run(&mut self, source: &'a Buffer, chunk: &mut Chunk, marks: Marks) -> Result<(), WireError> {
        let mut first = chunk.clone();
        self.walk(source, &mut first, marks)?;
        if self.has_echoes() {
            self.tally = Tally::new();
            return self.walk(source, chunk, marks);
        }
        *chunk = first;
        Ok(())
    }

    /// Walks all messages of a chunk whose bytes are those of `source`.
    fn walk(&mut self, source: &'a Buffer, chunk: &mut Chunk, marks: Marks) -> Result<(), WireError> {
        for batch in &mut chunk.batches {
            if let Some(mut body) = self.message(source.get(batch.resource), &shape::RESOURCE) {
                say_treated(&mut body, resource::ATTRIBUTES, marks);
                batch.resource = chunk.buffer.add(&body)?;
            }
            if let Some(tail) = self.message(source.get(batch.tail), &shape::BATCH_TAIL) {
                batch.tail = chunk.buffer.add(&tail)?;
            }
        }
        for scope in &mut chunk.scopes {
            if let Some(body) = self.message(source.get(scope.scope), &shape::SCOPE) {
                scope.scope = chunk.buffer.add(&body)?;
            }
            if let Some(tail) = self.message(source.get(scope.tail), &shape::SCOPE_TAIL) {
                scope.tail = chunk.buffer.add(&tail)?;
            }
        }
        for found in &mut chunk.spans {
            if let Some(mut body) = self.message(source.get(found.body), &shape::SPAN) {
                say_treated(&mut body, span::ATTRIBUTES, marks);
                found.body = chunk.buffer.add(&body)?;
                // Events are ordered by their names, too, and these may be others now.
                found.flags.set(Flags::UNSORTED);
            }
        }
        Ok(())
    }

    /// Turns to looking for what was treated; whether any of it, or of what was not remembered, is to be walked anew.
    fn has_echoes(&mut self) -> bool {
        let Pass::First(found) = &mut self.pass else { return false };
        let Some(echo) = std::mem::take(found).search() else { return false };
        let mut is_any = self.values.is_full;
        let memory = &mut self.memory;
        let is_stale = |pair: &memo::Pair<'a>, seen: &memo::Seen, parts: &[memo::Part]| {
            if seen.is_whole || matches!(pair.class, KeyClass::Safe) || !value::may_be_echo(pair) {
                return false;
            }
            let Some(text) = value::text_of(pair) else { return false };
            let Echo::Search(search) = &echo else { return true };
            // What was found for what it is and treated as the same need not be looked at again.
            search
                .find(&text, memory)
                .map_or(true, |echoes| !echoes.iter().all(|echo| parts.iter().any(|part| part.covers(echo))))
        };
        is_any |= self.values.forget(is_stale);
        for key in self.keys.iter_mut().filter(|key| key.facts.class == KeyClass::Unknown && !key.is_telling)
        {
            let name = std::str::from_utf8(key.name);
            key.is_telling = match (&echo, name) {
                // It is not known what any of them says.
                (Echo::TooMany, _) => true,
                (Echo::Search(search), Ok(name)) => search.may_be_in(name, &mut self.memory),
                (Echo::Search(_), Err(_)) => false,
            };
            is_any |= key.is_telling;
        }
        self.pass = Pass::Again(echo);
        is_any
    }

    #[inline]
    fn facts(&self, key: KeyId) -> KeyFacts {
        let unknown = KeyFacts { class: KeyClass::Unknown, context: crate::classify::detect::Context::NONE };
        self.keys.get(key).map_or(unknown, |key| key.facts)
    }

    fn place_key(&self, place: Place) -> Option<KeyId> {
        self.places.get(place as usize).copied()
    }

    fn is_place(&self, key: KeyId) -> bool {
        self.places.contains(&key)
    }
}
