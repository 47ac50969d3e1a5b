//! What was seen of keys, wherever it came from, and what is to be said of it.

use std::collections::BTreeMap;

use crate::classify::keys::KeyClass;
use crate::classify::propose::{
    Confidence, Contradiction, Proposal, Proposed, Tally, contradiction, propose,
};
use crate::model::RegionName;
use crate::model::tags::TagScope;
use crate::redaction::Redactor;

/// Keys that are counted at all. More are no keys but values in their place.
pub(super) const KEYS_MAX: usize = 4000;

/// Ours, or Tempo's own.
const OWN: [&str; 1] = ["tutti."];

/// Where something was asked, and what came of it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Asked {
    /// A region, or nothing for what was read.
    pub region: Option<RegionName>,
    pub keys: usize,
    pub unknown: usize,
    /// Keys that are personal data themselves: not shown.
    pub telling: usize,
    /// Keys whose values were not asked for, since the time or the number was used up.
    pub left: usize,
    pub failure: Option<String>,
}

#[derive(Debug, Default)]
pub(super) struct Seen {
    tallies: BTreeMap<(String, TagScope), Tally>,
    left_out: usize,
}

/// A key that no one told of.
#[derive(Debug)]
pub(super) struct Unknown<'s> {
    pub scope: TagScope,
    pub tally: &'s Tally,
    pub proposal: Proposal,
}

#[derive(Debug)]
pub(super) struct Contradicted<'s> {
    pub scope: TagScope,
    pub tally: &'s Tally,
    pub contradiction: Contradiction,
}

/// Everything there is to say.
#[derive(Debug, Default)]
pub(super) struct Judged<'s> {
    pub unknown: Vec<Unknown<'s>>,
    pub contradicted: Vec<Contradicted<'s>>,
    /// Keys that were not counted, since there were too many.
    pub left_out: usize,
}

impl Asked {
    pub fn failed(region: &RegionName, why: String) -> Self {
        Self { region: Some(region.clone()), failure: Some(why), ..Self::default() }
    }
}

impl Seen {
    /// What was seen of a key so far; nothing where there are too many keys, or where it is our own.
    pub fn of(&mut self, scope: TagScope, key: &str, redactor: &Redactor) -> Option<&mut Tally> {
        if OWN.iter().any(|own| key.starts_with(own)) {
            return None;
        }
        let slot = (key.to_owned(), scope);
        if self.tallies.len() >= KEYS_MAX && !self.tallies.contains_key(&slot) {
            self.left_out += 1;
            return None;
        }
        Some(self.tallies.entry(slot).or_insert_with(|| Tally::new(redactor.classifier(), key)))
    }

    pub fn counts(&self) -> (usize, usize) {
        let unknown = self.tallies.values().filter(|tally| tally.says() == KeyClass::Unknown).count();
        (self.tallies.len(), unknown)
    }

    pub fn judge(&self, redactor: &Redactor) -> Judged<'_> {
        let (classifier, classes) = (redactor.classifier(), redactor.classes());
        let mut judged = Judged { left_out: self.left_out, ..Judged::default() };
        for ((_, scope), tally) in &self.tallies {
            if tally.says() == KeyClass::Unknown {
                let proposal = propose(tally, classifier, |name| classes.by_name(name));
                judged.unknown.push(Unknown { scope: *scope, tally, proposal });
            } else if let Some(contradiction) =
                contradiction(tally, tally.says(), classifier, |class| classes.get(class).name.clone())
            {
                judged.contradicted.push(Contradicted { scope: *scope, tally, contradiction });
            }
        }
        judged
    }
}

impl Judged<'_> {
    pub fn is_empty(&self) -> bool {
        self.unknown.is_empty() && self.contradicted.is_empty() && self.left_out == 0
    }

    /// For each key one proposal: under several scopes the one that is surest.
    pub fn by_key(&self) -> BTreeMap<&str, &Proposal> {
        let mut all: BTreeMap<&str, &Proposal> = BTreeMap::new();
        for unknown in &self.unknown {
            let slot = all.entry(unknown.tally.key()).or_insert(&unknown.proposal);
            if weight(&unknown.proposal) > weight(slot) {
                *slot = &unknown.proposal;
            }
        }
        all
    }
}

/// What may hide something goes before what shows it.
fn weight(proposal: &Proposal) -> (Confidence, u8) {
    let kind = match proposal.proposed {
        Proposed::Class(_) => 3,
        Proposed::Scan => 2,
        Proposed::Undecided => 1,
        Proposed::Safe => 0,
    };
    (proposal.confidence, kind)
}
