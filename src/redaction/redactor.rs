//! What redaction knows of a set of policies: its classes as a dictionary of keys and bindings of detectors, and the
//! keys of tokens. Made once for a configuration, and shared by every answer.

use std::sync::Arc;

use super::ring::KeyRing;
use crate::classify::classifier::{BindError, Bindings};
use crate::classify::detect::{self, Detector};
use crate::classify::keys::{Dictionary, DictionaryBuilder, DictionaryError, KeyClass};
use crate::classify::structure::Structure;
use crate::classify::{Classifier, Look};
use crate::model::ClassId;
use crate::policy::{Care, ClassFacts, Classes, Ruled, Rung};

/// The class of a part of a text that has structure and no name, where its own key has no class: a step of a path
/// in the name of a span. Where the facts have no such class, that of unknown keys.
pub const PART: &str = "text.name";

/// The class of words that someone wrote, within a text of another structure: what an exception says in its trace.
pub const FREE: &str = "text.free";

/// Why facts cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RedactorError {
    #[error(transparent)]
    Dictionary(#[from] DictionaryError),
    #[error("class `{class}` has the structure `{structure}`; there are: {known}")]
    Structure { class: String, structure: String, known: String },
    #[error("class `{class}` has the detector `{detector}`; there are: {known}")]
    Detector { class: String, detector: String, known: String },
    #[error("class `{class}`: {why}")]
    Bound { class: String, why: BindError },
}

/// Classifies and treats what regions send.
#[derive(Debug)]
pub struct Redactor {
    classes: Arc<Classes>,
    classifier: Classifier,
    keys: KeyRing,
    year: i32,
}

impl Redactor {
    /// `year` is the present one, for birth dates.
    pub fn new(classes: Arc<Classes>, keys: KeyRing, year: i32) -> Result<Self, RedactorError> {
        let (mut dictionary, mut bindings) = (DictionaryBuilder::new(), Bindings::default());
        for (id, facts) in classes.iter() {
            class(&mut dictionary, id, facts)?;
            bind(&mut bindings, id, facts)?;
        }
        lists(&mut dictionary, &classes)?;
        let part = classes.by_name(PART).unwrap_or_else(|| classes.unknown());
        let classifier = Classifier::new(dictionary.build(), bindings, classes.unknown(), part);
        let free = classes.by_name(FREE).unwrap_or_else(|| classes.unknown());
        let classifier = classifier.with_safe(classes.safe()).with_free(free);
        Ok(Self { classes, classifier, keys, year })
    }

    /// Knows no class: for plans that show everything, or list keys alone. Of a region with classes it lets nothing
    /// pass.
    pub fn without_classes() -> Self {
        let classes = Arc::new(Classes::none());
        let unknown = classes.unknown();
        let classifier = Classifier::new(Dictionary::default(), Bindings::default(), unknown, unknown);
        Self { classes, classifier, keys: KeyRing::none(), year: 0 }
    }

    pub fn classes(&self) -> &Arc<Classes> {
        &self.classes
    }

    pub fn classifier(&self) -> &Classifier {
        &self.classifier
    }

    pub fn keys(&self) -> &KeyRing {
        &self.keys
    }

    pub(super) fn year(&self) -> i32 {
        self.year
    }

    /// Whether cells of this plan are cells of the classes that this knows.
    pub(super) fn knows(&self, ruled: &Ruled) -> bool {
        std::ptr::eq(ruled.classes(), &*self.classes) || *ruled.classes() == *self.classes
    }

    /// What a plan has to be looked at for.
    pub fn look(&self, ruled: &Ruled) -> Look {
        self.classifier.look(|class| {
            if class.index() >= self.classes.len() {
                return (0, detect::Care::Balanced);
            }
            let cell = ruled.cell(class);
            let care = match cell.care {
                Care::Balanced => detect::Care::Balanced,
                Care::Paranoid => detect::Care::Paranoid,
            };
            (strictness(cell.rung), care)
        })
    }
}

/// The ladder as numbers.
fn strictness(rung: Rung) -> u8 {
    match rung {
        Rung::Raw => 0,
        Rung::Generalised => 1,
        Rung::Pseudonymised => 2,
        Rung::Masked => 3,
        Rung::Dropped => 4,
    }
}

fn class(dictionary: &mut DictionaryBuilder, id: ClassId, facts: &ClassFacts) -> Result<(), RedactorError> {
    let says = match &facts.structure {
        None => KeyClass::Whole(id),
        Some(name) => {
            let structure = Structure::parse(name).ok_or_else(|| RedactorError::Structure {
                class: facts.name.clone(),
                structure: name.clone(),
                known: listed(Structure::names()),
            })?;
            KeyClass::Structured(structure, id)
        }
    };
    for key in &facts.keys {
        dictionary.key(&facts.name, key, says)?;
    }
    for template in &facts.templates {
        dictionary.template(&facts.name, template, says)?;
    }
    for words in &facts.words {
        dictionary.words(&facts.name, words, says)?;
    }
    Ok(())
}

fn bind(bindings: &mut Bindings, id: ClassId, facts: &ClassFacts) -> Result<(), RedactorError> {
    for name in &facts.detectors {
        let detector = Detector::parse(name).ok_or_else(|| RedactorError::Detector {
            class: facts.name.clone(),
            detector: name.clone(),
            known: listed(Detector::ALL.iter().map(|detector| detector.name())),
        })?;
        let bound = bindings.bind(detector, id);
        bound.map_err(|why| RedactorError::Bound { class: facts.name.clone(), why })?;
    }
    Ok(())
}

fn lists(dictionary: &mut DictionaryBuilder, classes: &Classes) -> Result<(), RedactorError> {
    let lists = classes.lists();
    // Of what the star of a template under `scan` stands for nobody told.
    for (owner, (says, keys), (of_star, templates)) in [
        ("safe", (KeyClass::Safe, &lists.safe_keys), (KeyClass::Safe, &lists.safe_templates)),
        ("scan", (KeyClass::Scan, &lists.scan_keys), (KeyClass::Unknown, &lists.scan_templates)),
    ] {
        for key in keys {
            dictionary.key(owner, key, says)?;
        }
        for template in templates {
            dictionary.template(owner, template, of_star)?;
        }
    }
    for word in &lists.skip_words {
        dictionary.skip("skip", word)?;
    }
    Ok(())
}

fn listed(names: impl Iterator<Item = &'static str>) -> String {
    names.collect::<Vec<_>>().join(", ")
}
