//! One value under its key: what is in it, and what becomes of it.

use std::borrow::Cow;

use super::echo::Echo;
use super::memo::{Becomes, Form, KeyId, Pair, Seen};
use super::{Engine, Pass};
use crate::classify::keys::KeyClass;
use crate::classify::{Finding, KeyFacts, Verdict};
use crate::model::ClassId;
use crate::policy::Rung;
use crate::redaction::treat::{MARK_OF_BYTES, MARK_OF_ECHO};

/// A number with fewer digits is no one's.
pub const DIGITS_MIN: usize = 9;

impl<'a> Engine<'a> {
    /// What becomes of a value; its classes are counted.
    pub(super) fn value(&mut self, pair: Pair<'a>) -> Becomes {
        let seen = match self.values.find(&pair) {
            Some(seen) => seen.clone(),
            None => {
                let seen = self.look_at(&pair);
                self.values.remember(pair, seen.clone());
                seen
            }
        };
        if !seen.classes.is_empty() {
            self.values.classes(seen.classes).iter().for_each(|class| self.tally.add(*class));
        }
        seen.becomes
    }

    fn look_at(&mut self, pair: &Pair<'a>) -> Seen {
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
        self.becomes(MARK_OF_BYTES, [class], true)
    }

    fn number(&mut self, key: KeyId, facts: KeyFacts, number: &str) -> Seen {
        let is_whole = self.classifier.whole(facts).is_some_and(|class| self.look.treats(class));
        let digits = number.bytes().filter(u8::is_ascii_digit).count();
        if !is_whole && digits < DIGITS_MIN {
            return self.same();
        }
        // A number has no structure.
        let class = match facts.class {
            KeyClass::Structured(..) => KeyClass::Scan,
            class => class,
        };
        self.text(key, KeyFacts { class, ..facts }, number)
    }

    fn text(&mut self, key: KeyId, facts: KeyFacts, text: &str) -> Seen {
        let verdict = self.classifier.text(facts, text, &self.look, &mut self.scratch);
        match verdict {
            Verdict::Whole(class) => return self.whole(key, class, text),
            Verdict::Unparsable(class) => {
                let mut mark = String::new();
                self.treater.put_mark(class, &mut mark);
                return self.becomes(&mark, [class], true);
            }
            Verdict::Clean | Verdict::Parts => {}
        }
        if !matches!(facts.class, KeyClass::Safe) {
            match &self.pass {
                Pass::Again(Echo::TooMany) => {
                    return self.becomes(MARK_OF_ECHO, [self.classifier.unknown()], true);
                }
                Pass::Again(Echo::Search(search)) if search.is_in(text) => {
                    let echoes = search.find(text);
                    self.scratch.add(echoes, &self.look);
                }
                Pass::Again(_) | Pass::First(_) => {}
            }
        }
        if self.scratch.findings().is_empty() {
            return self.same();
        }
        self.parts(text)
    }

    fn whole(&mut self, key: KeyId, class: ClassId, text: &str) -> Seen {
        self.take_echo(class, text);
        if self.treater.rung(class) == Rung::Dropped && !self.is_place(key) {
            return Seen { becomes: Becomes::Nothing, ..self.becomes("", [class], true) };
        }
        let mut treated = String::new();
        self.treater.put(class, text, &mut treated);
        self.becomes(&treated, [class], true)
    }

    /// The text with what was found in it treated.
    fn parts(&mut self, text: &str) -> Seen {
        let findings: Vec<Finding> = self.scratch.findings().to_vec();
        let mut treated = String::with_capacity(text.len() + 32 * findings.len().min(8));
        let mut from = 0;
        for Finding { range, class } in &findings {
            let found = text.get(range.clone()).unwrap_or_default();
            self.take_echo(*class, found);
            treated.push_str(text.get(from..range.start).unwrap_or_default());
            self.treater.put(*class, found, &mut treated);
            from = range.end;
        }
        treated.push_str(text.get(from..).unwrap_or_default());
        self.becomes(&treated, findings.iter().map(|finding| finding.class), false)
    }

    /// Remembers what is looked for in the rest of the trace.
    fn take_echo(&mut self, class: ClassId, text: &str) {
        if let Pass::First(found) = &mut self.pass
            && self.treater.classes().get(class).echo
        {
            found.add(text, class, &self.look);
        }
    }

    fn same(&self) -> Seen {
        Seen { becomes: Becomes::Same, classes: 0..0, is_whole: false }
    }

    fn becomes(&mut self, text: &str, classes: impl IntoIterator<Item = ClassId>, is_whole: bool) -> Seen {
        let (text, classes) = self.values.store(text, classes);
        Seen { becomes: Becomes::Text(text), classes, is_whole }
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

/// An int as it lies: a varint of a signed number.
fn varint(bytes: &[u8]) -> Option<i64> {
    let number = bytes.iter().take(10).enumerate().fold(0u64, |number, (nth, byte)| {
        number | u64::from(byte & 0x7f).checked_shl(u32::try_from(7 * nth).unwrap_or(64)).unwrap_or(0)
    });
    (!bytes.is_empty()).then_some(number.cast_signed())
}
