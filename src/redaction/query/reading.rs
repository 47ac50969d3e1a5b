//! What keys and texts tell, by the facts of a policy: as much of it as decides what may be asked.

use std::sync::Arc;

use crate::classify::classifier::{Bindings, Classifier};
use crate::classify::detect::{Care, Context, Detector, Detectors, Scratch, detect};
use crate::classify::keys::{DictionaryBuilder, KeyClass};
use crate::classify::place::Place;
use crate::classify::structure::Structure;
use crate::policy::{Classes, Plan};

/// What begins whatever is left of a treated value, but for what is only made coarser.
const MARKS: [&str; 4] = ["‹", "…", "<redacted>", "pn:"];

/// What stands for a part of a text with structure.
const PLACEHOLDERS: &[char] = &['{', '}', '*', '?', '[', ']', '~'];

/// What is told of keys, and the detectors.
#[derive(Debug, Clone)]
pub struct Reading {
    classifier: Arc<Classifier>,
}

impl Reading {
    /// By these facts. What does not fit into the dictionary was refused where they were read.
    pub fn of(classes: &Classes) -> Self {
        let (mut keys, mut bindings) = (DictionaryBuilder::new(), Bindings::default());
        for (id, class) in classes.iter() {
            let says = match class.structure.as_deref().and_then(Structure::parse) {
                Some(structure) => KeyClass::Structured(structure, id),
                None if id == classes.safe() => KeyClass::Safe,
                None if id == classes.unknown() => KeyClass::Unknown,
                None => KeyClass::Whole(id),
            };
            let name = class.name.as_str();
            class.keys.iter().for_each(|key| drop(keys.key(name, key, says)));
            class.templates.iter().for_each(|template| drop(keys.template(name, template, says)));
            let detectors = class.detectors.iter().filter_map(|name| Detector::parse(name));
            detectors.for_each(|detector| drop(bindings.bind(detector, id)));
            class.words.iter().for_each(|rule| drop(keys.words(name, rule, says)));
        }
        let lists = classes.lists();
        lists.safe_keys.iter().for_each(|key| drop(keys.key("safe", key, KeyClass::Safe)));
        lists.safe_templates.iter().for_each(|key| drop(keys.template("safe", key, KeyClass::Safe)));
        lists.scan_keys.iter().for_each(|key| drop(keys.key("scan", key, KeyClass::Scan)));
        lists.scan_templates.iter().for_each(|key| drop(keys.template("scan", key, KeyClass::Scan)));
        lists.skip_words.iter().for_each(|word| drop(keys.skip_last("skip", word)));
        let classifier = Classifier::new(keys.build(), bindings, classes.unknown(), classes.unknown());
        Self { classifier: Arc::new(classifier) }
    }

    /// By the facts of the regions of a plan, which are the same for all.
    pub fn of_plan(plan: &Plan) -> Self {
        plan.classes().map_or_else(|| Self::of(&Classes::none()), Self::of)
    }

    pub fn key(&self, key: &str) -> KeyClass {
        self.classifier.key(key).class
    }

    /// What a text without a key is.
    pub fn place(&self, place: Place) -> KeyClass {
        self.classifier.place(place).class
    }

    /// Whether a value that is shown as this text is certainly stored as it: nothing is found in it, and nothing of
    /// it looks as a treatment leaves it. Rather no than yes: the region is then asked for more.
    ///
    /// `may_be_coarser` is whether values are made coarser somewhere, which leaves numbers without a mark.
    pub fn is_clean(&self, key: &str, text: &str, may_be_coarser: bool) -> bool {
        let has_mark = MARKS.iter().any(|mark| text.contains(mark));
        let is_placeholder = key.is_empty() && text.contains(PLACEHOLDERS);
        let may_be_left = may_be_coarser && text.contains(|c: char| c.is_ascii_digit());
        if has_mark || is_placeholder || may_be_left || !text.is_ascii() {
            return false;
        }
        let mut scratch = Scratch::default();
        detect(text, Context::of_key(key), Care::Paranoid, Detectors::ALL, &mut scratch).is_empty()
    }
}
