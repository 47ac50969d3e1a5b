//! One key and one value: what in it is of which class. The key first, then the structure of the text, then what
//! stands in it. Knows no policy: what is looked for comes as a [`Look`], and what becomes of a finding is decided
//! by whoever asked.
//!
//! A text that is not what its key says it is has parts that no one knows. It is of the structure's class as a
//! whole; where that class may be shown, every detector looks at it with the least trust.

mod overlap;
mod structured;

use std::ops::Range;

use super::detect::{self, Care, Context, Detector, Detectors, Strength};
use super::keys::{Dictionary, KeyClass};
use super::look::{Look, Strictness};
use super::place::Place;
use super::structure::Structure;
use crate::model::ClassId;
use crate::model::class::CLASSES_MAX;

/// Structures within structures: a URL in a header in JSON. What lies deeper is of the class of its structure.
pub const STRUCTURE_DEPTH_MAX: usize = 4;

/// What is looked for in values that are safe: what may never be shown, and what no name of a thing looks like.
const SAFE_DETECTORS: [Detector; 5] =
    [Detector::Secret, Detector::Jwt, Detector::Pan, Detector::Iban, Detector::Email];

/// A detector that two classes claim, or a name that is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BindError {
    #[error("the detector `{0}` is bound to two classes")]
    Twice(&'static str),
}

/// Which class a detector finds.
#[derive(Debug, Clone, Default)]
pub struct Bindings([Option<ClassId>; Detector::ALL.len()]);

/// Knows keys, and which class each detector finds.
#[derive(Debug, Clone)]
pub struct Classifier {
    dictionary: Dictionary,
    bindings: Bindings,
    /// Of a part that nothing names, in a structure that no fact gave a class.
    part: ClassId,
    unknown: ClassId,
    /// Of what is safe, where it is a class of its own.
    safe: Option<ClassId>,
    /// Of words within a structure that someone wrote.
    free: Option<ClassId>,
}

/// What a key says. Made once for each key of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyFacts {
    pub class: KeyClass,
    pub context: Context,
}

/// A part of a value, and what it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    pub range: Range<usize>,
    pub class: ClassId,
}

/// What a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing of it need be treated.
    Clean,
    /// All of it is of this class, and is to be treated.
    Whole(ClassId),
    /// All of it, and not because it is such a value but because it could not be read as one.
    Unparsable(ClassId),
    /// Parts of it: they are in the scratch, in order and without overlap.
    Parts,
}

/// Memory that is used again for the next value.
#[derive(Debug, Default)]
pub struct Scratch {
    findings: Vec<Finding>,
    detect: detect::Scratch,
}

impl Bindings {
    pub fn bind(&mut self, detector: Detector, class: ClassId) -> Result<(), BindError> {
        let Some(slot) = self.0.get_mut(detector as usize) else { return Ok(()) };
        match slot {
            Some(other) if *other != class => Err(BindError::Twice(detector.name())),
            _ => {
                *slot = Some(class);
                Ok(())
            }
        }
    }

    pub fn class(&self, detector: Detector) -> Option<ClassId> {
        self.0.get(detector as usize).copied().flatten()
    }
}

impl Scratch {
    /// Parts of the value that was looked at last.
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// The same value, and more parts of it that someone else found.
    pub fn add(&mut self, findings: impl IntoIterator<Item = Finding>, look: &Look) {
        self.findings.extend(findings);
        overlap::resolve(&mut self.findings, look);
    }

    /// Forgets the value.
    pub fn clear(&mut self) {
        self.findings.clear();
    }
}

impl Classifier {
    /// `unknown` is the class of values whose keys no one told of; `part` that of what stands in a structure
    /// without a name, where no fact says better.
    pub fn new(dictionary: Dictionary, bindings: Bindings, unknown: ClassId, part: ClassId) -> Self {
        Self { dictionary, bindings, part, unknown, safe: None, free: None }
    }

    /// The same with a class for what is safe: a view may withhold even that.
    #[must_use]
    pub fn with_safe(self, safe: ClassId) -> Self {
        Self { safe: Some(safe), ..self }
    }

    /// The same with a class for words that someone wrote, where they stand in a text of another structure.
    #[must_use]
    pub fn with_free(self, free: ClassId) -> Self {
        Self { free: Some(free), ..self }
    }

    /// What is looked for where each class is treated as `cell` says: how strictly, and with which care.
    pub fn look(&self, mut cell: impl FnMut(ClassId) -> (Strictness, Care)) -> Look {
        let mut strictness = [0; CLASSES_MAX];
        let mut cares = [Care::Balanced; CLASSES_MAX];
        for (class, (slot, care)) in
            (0..=u8::MAX).map(ClassId::new).zip(strictness.iter_mut().zip(&mut cares))
        {
            (*slot, *care) = cell(class);
        }
        let mut look = Look::new(strictness);
        for detector in Detector::ALL.iter().copied() {
            let Some(class) = self.bindings.class(detector).filter(|class| look.treats(*class)) else {
                continue;
            };
            match cares.get(class.index()) {
                Some(Care::Balanced) => look.balanced = look.balanced.with(detector),
                _ => look.paranoid = look.paranoid.with(detector),
            }
            if SAFE_DETECTORS.contains(&detector) {
                look.safe = look.safe.with(detector);
            }
        }
        look
    }

    /// What the key of an attribute says.
    pub fn key(&self, key: &str) -> KeyFacts {
        KeyFacts { class: self.dictionary.of(key), context: Context::of_key(key) }
    }

    /// What a key within the value of another says. It inherits of one that has parts.
    pub fn key_within(&self, parent: &str, facts: KeyFacts, key: &str) -> KeyFacts {
        let class = match (self.dictionary.of_within(parent, key), facts.class) {
            (KeyClass::Unknown, KeyClass::Structured(_, class)) => KeyClass::Whole(class),
            (class, _) => class,
        };
        KeyFacts { class, context: Context::of_key(key) }
    }

    /// What a place without a key is.
    pub fn place(&self, place: Place) -> KeyFacts {
        let own = self.dictionary.of(place.key());
        let like = || place.like().map_or(KeyClass::Unknown, |key| self.dictionary.of(key));
        let class = match if own == KeyClass::Unknown { like() } else { own } {
            KeyClass::Unknown => place.class(self.part),
            class => class,
        };
        KeyFacts { class, context: Context::NONE }
    }

    /// The class of what a detector finds, where it is bound to one.
    pub fn found_by(&self, detector: Detector) -> Option<ClassId> {
        self.bindings.class(detector)
    }

    /// The class of values whose keys no one told of.
    pub fn unknown(&self) -> ClassId {
        self.unknown
    }

    /// The class that all values under this key are, where they are of one as a whole.
    pub fn whole(&self, facts: KeyFacts) -> Option<ClassId> {
        match facts.class {
            KeyClass::Whole(class) => Some(class),
            KeyClass::Unknown => Some(self.unknown),
            // Where not even what is safe may be shown, no text is.
            KeyClass::Safe | KeyClass::Scan => self.safe,
            KeyClass::Structured(..) => None,
        }
    }

    /// What a text under such a key is. Parts are left in `scratch`.
    pub fn text(&self, facts: KeyFacts, text: &str, look: &Look, scratch: &mut Scratch) -> Verdict {
        scratch.findings.clear();
        if let Some(class) = self.whole(facts).filter(|class| look.treats(*class)) {
            return Verdict::Whole(class);
        }
        match facts.class {
            KeyClass::Safe => self.safe(text, look, scratch),
            KeyClass::Structured(structure, class) => {
                if let Some(verdict) = self.structured(structure, class, facts.context, text, look, scratch) {
                    return verdict;
                }
            }
            KeyClass::Whole(_) | KeyClass::Unknown | KeyClass::Scan => {
                self.scan(text, facts.context, look.balanced, look.paranoid, scratch);
            }
        }
        if scratch.findings.is_empty() {
            return Verdict::Clean;
        }
        overlap::resolve(&mut scratch.findings, look);
        Verdict::Parts
    }

    /// Whether a key is itself something that may not be shown.
    pub fn is_telling_key(&self, key: &str, look: &Look, scratch: &mut Scratch) -> bool {
        let wanted = look.balanced.and(look.paranoid);
        if wanted.is_empty() {
            return false;
        }
        let hits = detect::detect(key, Context::NONE, Care::Balanced, wanted, &mut scratch.detect);
        hits.iter().any(|hit| hit.strength == Strength::Strong)
    }

    fn safe(&self, text: &str, look: &Look, scratch: &mut Scratch) {
        if look.safe.is_empty() {
            return;
        }
        let hits = detect::detect(text, Context::NONE, Care::Balanced, look.safe, &mut scratch.detect);
        let strong = hits.iter().filter(|hit| hit.strength == Strength::Strong);
        scratch.findings.extend(strong.filter_map(|hit| self.finding(hit)));
    }

    fn scan(
        &self,
        text: &str,
        context: Context,
        balanced: Detectors,
        paranoid: Detectors,
        scratch: &mut Scratch,
    ) {
        for (care, wanted) in [(Care::Balanced, balanced), (Care::Paranoid, paranoid)] {
            if !wanted.is_empty() {
                let hits = detect::detect(text, context, care, wanted, &mut scratch.detect);
                scratch.findings.extend(hits.iter().filter_map(|hit| self.finding(hit)));
            }
        }
    }

    fn finding(&self, hit: &detect::Hit) -> Option<Finding> {
        let class = self.bindings.class(hit.detector)?;
        Some(Finding { range: hit.range.clone(), class })
    }

    /// Parts of a text with structure; a verdict where it has none.
    fn structured(
        &self,
        structure: Structure,
        class: ClassId,
        context: Context,
        text: &str,
        look: &Look,
        scratch: &mut Scratch,
    ) -> Option<Verdict> {
        self.scan(text, context, look.balanced, look.paranoid, scratch);
        let parts = structured::Parts { classifier: self, look, base: 0, depth: STRUCTURE_DEPTH_MAX };
        match parts.collect(structure, class, text, &mut scratch.findings) {
            Ok(()) => None,
            Err(_) if look.treats(class) => Some(Verdict::Unparsable(class)),
            Err(_) => {
                scratch.findings.clear();
                self.scan(text, context, Detectors::NONE, look.balanced.and(look.paranoid), scratch);
                None
            }
        }
    }
}

#[cfg(test)]
mod tests;
