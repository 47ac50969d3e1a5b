//! What `tutti lint` may know of a region: names of attributes, and of their values how many there are and what they
//! look like. No value comes out of here.

use super::seal::{Raw, Redacted};
use crate::classify::classifier::Scratch;
use crate::classify::detect::{self, Care};
use crate::classify::propose::Tally;
use crate::classify::{Classifier, Look};
use crate::model::tags::TagScope;
use crate::model::{TagNames, TagValues};

/// Names that a region knows.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Inspected {
    pub names: Vec<(TagScope, String)>,
    /// Names that are themselves what may not be shown: left out.
    pub telling: usize,
}

/// Looks at names of attributes, by the strictest rules.
#[derive(Debug)]
pub struct Names<'c> {
    classifier: &'c Classifier,
    look: Look,
    scratch: Scratch,
}

impl<'c> Names<'c> {
    pub fn new(classifier: &'c Classifier) -> Self {
        let look = classifier.look(|_| (u8::MAX, Care::Paranoid));
        Self { classifier, look, scratch: Scratch::default() }
    }

    /// Whether a name is itself what may not be shown.
    pub fn is_telling(&mut self, name: &str) -> bool {
        self.classifier.is_telling_key(name, &self.look, &mut self.scratch)
    }
}

/// The names of attributes, without those of the language.
pub fn names(raw: Raw<TagNames>, classifier: &Classifier) -> Redacted<Inspected> {
    let mut look = Names::new(classifier);
    let mut inspected = Inspected::default();
    let scopes = raw.open().scopes.into_iter().filter(|(scope, _)| *scope != TagScope::Intrinsic);
    for (scope, name) in scopes.flat_map(|(scope, names)| names.into_iter().map(move |name| (scope, name))) {
        if look.is_telling(&name) {
            inspected.telling += 1;
        } else {
            inspected.names.push((scope, name));
        }
    }
    Redacted::pass(inspected)
}

/// Counts values, and forgets them.
pub fn values(raw: Raw<TagValues>, tally: &mut Tally) {
    let mut scratch = detect::Scratch::default();
    raw.open().values.iter().for_each(|value| tally.take(&value.value, &mut scratch));
}
