//! The table of data classes: what they are called, how they are treated where a rung says so, and what keys and
//! values tell of them. Facts that a person wrote, already read; nothing here decides.

use std::collections::HashMap;

use super::cell::Rung;
use crate::model::ClassId;
use crate::model::class::CLASSES_MAX;

/// The class of values whose keys no one told of.
pub const UNKNOWN: &str = "unknown";
/// The class of values that stay, but for what may never be shown.
pub const SAFE: &str = "safe";

/// How a masked value looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Mask {
    /// The class alone.
    #[default]
    Full,
    /// The first letter, and the domain.
    Email,
    /// The country's code and the last two digits.
    Phone,
    /// The last four digits.
    Pan,
    /// The country and the last four.
    Iban,
    /// The last four characters, whatever they are.
    LastFour,
}

/// How a value is made coarser.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Generalise {
    /// Not at all: the rung does not apply to the class.
    #[default]
    None,
    /// IPv4 to /24, IPv6 to /48.
    Ip,
    /// To the month.
    Date,
    /// To the year; ninety and over together.
    BirthDate,
    /// To one decimal of a degree, some 11 km.
    Geo,
    /// Family and major version.
    UserAgent,
    /// The first three characters.
    PostalCode,
}

/// What is known of one class.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ClassFacts {
    /// Dotted: `pii.email`. The parents are classes of decisions too: `pii`.
    pub name: String,
    pub title: String,
    /// Its row in the table of treatments: `pii.basic`.
    pub group: String,
    /// The rungs between raw and dropped that apply, mildest first.
    pub ladder: Vec<Rung>,
    pub mask: Mask,
    pub generalise: Generalise,
    /// Whether a value treated under one key is scrubbed wherever else the trace says it.
    pub echo: bool,
    /// Detectors of values, by name.
    pub detectors: Vec<String>,
    /// Whole keys.
    pub keys: Vec<String>,
    /// Keys with stars.
    pub templates: Vec<String>,
    /// Words that stand one after the other in a key.
    pub words: Vec<String>,
    /// The structure of the values under these keys, by name.
    pub structure: Option<String>,
}

/// Keys that are of no class, by what is to be done with them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct KeyLists {
    /// Untouchable, but for what may never be shown.
    pub safe_keys: Vec<String>,
    pub safe_templates: Vec<String>,
    /// Any text may stand there: every detector looks.
    pub scan_keys: Vec<String>,
    pub scan_templates: Vec<String>,
    /// Last words of keys that tell of a thing and are not it.
    pub skip_words: Vec<String>,
}

/// All classes. The classes `safe` and `unknown` are always there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Classes {
    facts: Vec<ClassFacts>,
    by_name: HashMap<String, ClassId>,
    unknown: ClassId,
    safe: ClassId,
    lists: KeyLists,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ClassesError {
    #[error("class `{0}` is there twice")]
    Twice(String),
    #[error("there are {0} classes; {CLASSES_MAX} are possible")]
    TooMany(usize),
}

impl Classes {
    /// The table of these classes; `safe` and `unknown` are added where they are not among them.
    pub fn new(mut facts: Vec<ClassFacts>, lists: KeyLists) -> Result<Self, ClassesError> {
        for (name, title) in [(SAFE, "Safe to show"), (UNKNOWN, "Keys that no one told of")] {
            if !facts.iter().any(|class| class.name == name) {
                facts.push(ClassFacts {
                    name: name.to_owned(),
                    title: title.to_owned(),
                    group: name.to_owned(),
                    ..ClassFacts::default()
                });
            }
        }
        let mut by_name = HashMap::new();
        for (nth, class) in facts.iter().enumerate() {
            let index = u8::try_from(nth).map_err(|_| ClassesError::TooMany(facts.len()))?;
            if by_name.insert(class.name.clone(), ClassId::new(index)).is_some() {
                return Err(ClassesError::Twice(class.name.clone()));
            }
        }
        let id = |name: &str| by_name.get(name).copied().unwrap_or(ClassId::new(0));
        let (unknown, safe) = (id(UNKNOWN), id(SAFE));
        Ok(Self { facts, by_name, unknown, safe, lists })
    }

    /// Nothing but `safe` and `unknown`.
    pub fn none() -> Self {
        Self::new(Vec::new(), KeyLists::default()).unwrap_or_else(|_| Self {
            facts: Vec::new(),
            by_name: HashMap::new(),
            unknown: ClassId::new(0),
            safe: ClassId::new(0),
            lists: KeyLists::default(),
        })
    }

    /// The facts of a class; those of `unknown` for a number that is not of this table.
    pub fn get(&self, class: ClassId) -> &ClassFacts {
        let known = self.facts.get(class.index());
        known.or_else(|| self.facts.get(self.unknown.index())).unwrap_or(&NOTHING)
    }

    pub fn by_name(&self, name: &str) -> Option<ClassId> {
        self.by_name.get(name).copied()
    }

    pub fn unknown(&self) -> ClassId {
        self.unknown
    }

    pub fn safe(&self) -> ClassId {
        self.safe
    }

    pub fn len(&self) -> usize {
        self.facts.len()
    }

    pub fn is_empty(&self) -> bool {
        self.facts.is_empty()
    }

    pub fn iter(&self) -> impl Iterator<Item = (ClassId, &ClassFacts)> {
        (0..=u8::MAX).map(ClassId::new).zip(&self.facts)
    }

    pub fn lists(&self) -> &KeyLists {
        &self.lists
    }
}

static NOTHING: ClassFacts = ClassFacts {
    name: String::new(),
    title: String::new(),
    group: String::new(),
    ladder: Vec::new(),
    mask: Mask::Full,
    generalise: Generalise::None,
    echo: false,
    detectors: Vec::new(),
    keys: Vec::new(),
    templates: Vec::new(),
    words: Vec::new(),
    structure: None,
};
