//! One value under its key: what is in it, and what becomes of it.

use std::borrow::Cow;

use super::echo::{ECHO_DIGITS_MIN, Echo, Unsearched};
use super::memo::{Becomes, Form, KeyId, Pair, Part, Seen, Stretch};
use super::{Engine, Pass};
use crate::classify::keys::KeyClass;
use crate::classify::{Finding, KeyFacts, Verdict};
use crate::model::ClassId;
use crate::policy::Rung;
use crate::redaction::treat::{MARK_OF_BYTES, MARK_OF_ECHO};

/// A number with fewer digits is no one's by itself; it may be what was treated elsewhere.
pub const DIGITS_MIN: usize = 9;

impl<'a> Engine<'a> {
    /// What becomes of a value; its classes are counted.
    pub(super) fn value(&mut self, pair: Pair<'a>) -> Becomes {
        let hash = self.values.hash(&pair);
        let seen = match self.values.find(hash, &pair) {
            Some(seen) => *seen,
            None => {
                let seen = self.look_at(&pair);
                self.values.remember(hash, pair, seen);
                seen
            }
        };
        if !seen.parts.is_empty() {
            self.values.parts(seen.parts).iter().for_each(|part| self.tally.add(part.class));
        }
        seen.becomes
    }

    fn look_at(&mut self, pair: &Pair<'a>) -> Seen {
        #[cfg(test)]
        {
            self.looked_at += pair.bytes.len();
        }
        let facts = KeyFacts { class: pair.class, ..self.facts(pair.key) };
        match (pair.form, text_of(pair)) {
            (Form::Text, Some(text)) => self.text(pair.key, facts, &text),
            (Form::Text, None) => self.no_text(facts, pair.bytes),
            (_, Some(number)) => self.number(pair.key, facts, &number),
            (_, None) => self.same(),
        }
    }

    /// A text that is none: nothing is known of it, and under a safe key nothing was found in what can be read.
    fn no_text(&mut self, facts: KeyFacts, bytes: &[u8]) -> Seen {
        let is_withheld = self.classifier.whole(facts).is_some_and(|class| self.look.treats(class));
        if let KeyClass::Safe = facts.class
            && !is_withheld
        {
            let readable = String::from_utf8_lossy(bytes);
            let verdict = self.classifier.text(facts, &readable, &self.look, &mut self.scratch);
            if verdict == Verdict::Clean {
                return self.same();
            }
        }
        let class = self.classifier.whole(facts).unwrap_or(self.classifier.unknown());
        self.instead(MARK_OF_BYTES, class)
    }

    fn number(&mut self, key: KeyId, facts: KeyFacts, number: &str) -> Seen {
        // It can't be taken apart, so it is what its key says.
        if let KeyClass::Structured(_, class) = facts.class
            && self.look.treats(class)
        {
            return self.whole(key, class, number);
        }
        let is_whole = self.classifier.whole(facts).is_some_and(|class| self.look.treats(class));
        let digits = number.bytes().filter(u8::is_ascii_digit).count();
        if !is_whole && digits < DIGITS_MIN {
            if digits < ECHO_DIGITS_MIN || facts.class == KeyClass::Safe {
                return self.same();
            }
            self.scratch.clear();
            return self.echoes(number);
        }
        // A number has no structure.
        let class = match facts.class {
            KeyClass::Structured(..) => KeyClass::Scan,
            class => class,
        };
        self.text(key, KeyFacts { class, ..facts }, number)
    }

    fn text(&mut self, key: KeyId, facts: KeyFacts, text: &str) -> Seen {
        match self.classifier.text(facts, text, &self.look, &mut self.scratch) {
            Verdict::Whole(class) => self.whole(key, class, text),
            Verdict::Unparsable(class) => self.written(class, |engine| {
                engine.treater.put_mark(class, engine.values.text_mut());
            }),
            Verdict::Clean | Verdict::Parts if facts.class == KeyClass::Safe => self.parts(text),
            Verdict::Clean | Verdict::Parts => self.echoes(text),
        }
    }

    /// The text without what was treated elsewhere, beside what was found in it.
    fn echoes(&mut self, text: &str) -> Seen {
        let found = match &self.pass {
            Pass::First(_) => Ok(&[][..]),
            Pass::Again(Echo::Search(search)) => search.find(text, &mut self.memory),
            Pass::Again(Echo::TooMany) => Err(Unsearched),
        };
        match found {
            Ok([]) => self.parts(text),
            Ok(echoes) => {
                self.scratch.add(echoes.iter().cloned(), &self.look);
                self.parts(text)
            }
            Err(Unsearched) => self.instead(MARK_OF_ECHO, self.classifier.unknown()),
        }
    }

    fn whole(&mut self, key: KeyId, class: ClassId, text: &str) -> Seen {
        take_echo(self, class, text);
        if self.treater.rung(class) == Rung::Dropped && !self.is_place(key) {
            return Seen { becomes: Becomes::Nothing, ..self.written(class, |_| {}) };
        }
        self.written(class, |engine| engine.treater.put(class, text, engine.values.text_mut()))
    }

    /// The text with what was found in it treated.
    fn parts(&mut self, text: &str) -> Seen {
        if self.scratch.findings().is_empty() {
            return self.same();
        }
        let Self { scratch, values, treater, pass, look, .. } = self;
        let begun = values.begin();
        let mut from = 0;
        for Finding { range, class } in scratch.findings() {
            let found = text.get(range.clone()).unwrap_or_default();
            if let Pass::First(echoes) = pass
                && treater.classes().get(*class).echo
            {
                echoes.add(found, *class, look);
            }
            values.text_mut().push_str(text.get(from..range.start).unwrap_or_default());
            treater.put(*class, found, values.text_mut());
            values.push(Part::of(range, *class));
            from = range.end;
        }
        values.text_mut().push_str(text.get(from..).unwrap_or_default());
        let (text, parts) = values.written(begun);
        Seen { becomes: Becomes::Text(text), parts, is_whole: false }
    }

    fn same(&self) -> Seen {
        Seen { becomes: Becomes::Same, parts: Stretch::default(), is_whole: false }
    }

    /// Nothing of the value, and a mark in its place.
    fn instead(&mut self, mark: &str, class: ClassId) -> Seen {
        self.written(class, |engine| engine.values.text_mut().push_str(mark))
    }

    /// Whatever `write` makes of a whole value of a class.
    fn written(&mut self, class: ClassId, write: impl FnOnce(&mut Self)) -> Seen {
        let begun = self.values.begin();
        write(self);
        self.values.push(Part::of(&(0..usize::MAX), class));
        let (text, parts) = self.values.written(begun);
        Seen { becomes: Becomes::Text(text), parts, is_whole: true }
    }
}

/// Remembers what is looked for in the rest of the trace.
fn take_echo(engine: &mut Engine<'_>, class: ClassId, text: &str) {
    if let Pass::First(found) = &mut engine.pass
        && engine.treater.classes().get(class).echo
    {
        found.add(text, class, &engine.look);
    }
}

/// A value as it is read; none where it is no text.
pub(super) fn text_of<'p>(pair: &Pair<'p>) -> Option<Cow<'p, str>> {
    let number = || <[u8; 8]>::try_from(pair.bytes).ok();
    match pair.form {
        Form::Text => std::str::from_utf8(pair.bytes).ok().map(Cow::Borrowed),
        Form::Int => varint(pair.bytes).map(|number| Cow::Owned(number.to_string())),
        Form::Double => number().map(|bytes| Cow::Owned(f64::from_le_bytes(bytes).to_string())),
    }
}

/// Whether a value is long enough to be what was treated elsewhere; of a number, whether it has the digits.
pub(super) fn may_be_echo(pair: &Pair<'_>) -> bool {
    let digits = |text: &str| text.bytes().filter(u8::is_ascii_digit).count();
    match pair.form {
        Form::Text => true,
        Form::Int => varint(pair.bytes).is_some_and(|number| number.unsigned_abs() >= ECHO_NUMBER_MIN),
        Form::Double => text_of(pair).is_some_and(|text| digits(&text) >= ECHO_DIGITS_MIN),
    }
}

/// The least number with as many digits as are looked for.
const ECHO_NUMBER_MIN: u64 = 10u64.pow(ECHO_DIGITS_MIN as u32 - 1);

/// An int as it lies: a varint of a signed number.
fn varint(bytes: &[u8]) -> Option<i64> {
    let number = bytes.iter().take(10).enumerate().fold(0u64, |number, (nth, byte)| {
        number | u64::from(byte & 0x7f).checked_shl(u32::try_from(7 * nth).unwrap_or(64)).unwrap_or(0)
    });
    (!bytes.is_empty()).then_some(number.cast_signed())
}
