//! What a key that no one told of might be: of what was seen under it, and of what its name says, comes a proposal
//! with its reasons. It decides nothing: somebody reads it, and writes the facts.
//!
//! No value is kept, only how many there were, what was found in them, and what they look like (`shape`). Knows no
//! class by name but as the table of hints has them, no region and no file.

mod hints;
mod reasons;
mod shape;
mod tally;

pub use hints::{HINTS, Hint, hint};
pub use shape::shape;
pub use tally::{Found, Tally, VALUES_MAX};

use super::classifier::Classifier;
use super::keys::KeyClass;
use crate::model::ClassId;

/// What is proposed for a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proposed {
    /// Its values are of this class as a whole.
    Class(ClassId),
    /// Its values tell of the service and stay.
    Safe,
    /// Any text may stand there: every detector is to look.
    Scan,
    /// What was seen says nothing; whoever wrote the instrumentation has to.
    Undecided,
}

/// How much what was seen speaks for a proposal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Confidence {
    Low,
    Medium,
    High,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proposal {
    pub proposed: Proposed,
    pub confidence: Confidence,
    /// For a person, each a sentence without its full stop. No value stands in them.
    pub reasons: Vec<String>,
}

/// A key of the dictionary whose values are not what it says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contradiction {
    /// What the dictionary says.
    pub says: KeyClass,
    pub what: String,
}

/// Fewer values show nothing about those to come.
pub const VALUES_ENOUGH: u64 = 5;

/// What so many of the values are, the key is for, in a hundred.
const MOST_PERCENT: u64 = 80;
const HALF_PERCENT: u64 = 50;

impl Confidence {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }
}

/// What a key that no one told of might be. `named` finds a class of the table by its name.
pub fn propose(tally: &Tally, classifier: &Classifier, named: impl Fn(&str) -> Option<ClassId>) -> Proposal {
    let hint = hint(tally.key());
    let hinted = hint.and_then(|hint| hint.classes.iter().find_map(|name| named(name)));
    let by_values = of_values(tally, classifier);
    let mut proposal = match (by_values, hinted) {
        (Some(found), _) if found.confidence == Confidence::High => found,
        (Some(found), Some(class)) if found.proposed == Proposed::Class(class) => {
            Proposal { confidence: Confidence::High, ..found }
        }
        // What is in the values goes before what the key is called, but for a name that says more than that nothing
        // was found in them.
        (Some(found), Some(class)) if matches!(found.proposed, Proposed::Safe | Proposed::Undecided) => {
            let confidence = if tally.values() == 0 { Confidence::Low } else { Confidence::Medium };
            Proposal { proposed: Proposed::Class(class), confidence, reasons: found.reasons }
        }
        (Some(found), _) => found,
        (None, Some(class)) => {
            Proposal { proposed: Proposed::Class(class), confidence: Confidence::Low, reasons: Vec::new() }
        }
        (None, None) => {
            Proposal { proposed: Proposed::Undecided, confidence: Confidence::Low, reasons: Vec::new() }
        }
    };
    if let Some(hint) = hint {
        proposal.reasons.push(reasons::of_hint(hint));
    }
    if tally.values() == 0 {
        proposal.reasons.push("no value was seen".to_owned());
    }
    proposal
}

/// What the values say by themselves; nothing where there are none.
fn of_values(tally: &Tally, classifier: &Classifier) -> Option<Proposal> {
    let values = tally.values();
    if values == 0 {
        return None;
    }
    let is_enough = values >= VALUES_ENOUGH;
    if let Some(found) = tally.most_whole().filter(|found| found.is_share(HALF_PERCENT, values))
        && let Some(class) = classifier.found_by(found.detector)
    {
        let confidence = match (found.is_share(MOST_PERCENT, values), found.strong * 2 >= found.whole) {
            (true, true) if is_enough => Confidence::High,
            (_, true) => Confidence::Medium,
            // A bare number is likely to be one by chance.
            (_, false) => Confidence::Low,
        };
        let reasons = vec![reasons::of_whole(found, values)];
        return Some(Proposal { proposed: Proposed::Class(class), confidence, reasons });
    }
    let certain: Vec<&Found> = tally.found().filter(|found| found.strong > 0).collect();
    if !certain.is_empty() {
        let reasons = certain.iter().map(|found| reasons::of_part(found, values)).collect();
        return Some(Proposal { proposed: Proposed::Scan, confidence: Confidence::High, reasons });
    }
    Some(of_looks(tally, is_enough))
}

/// Where nothing certain was found: by what the values look like.
fn of_looks(tally: &Tally, is_enough: bool) -> Proposal {
    let values = tally.values();
    let likely = |confidence: Confidence| if is_enough { confidence } else { Confidence::Low };
    let is_most = |count: u64| count * 100 >= values * MOST_PERCENT;
    let of = |proposed, confidence, reason: String| Proposal { proposed, confidence, reasons: vec![reason] };
    if tally.sentences() > 0 {
        let reason = format!(
            "{} of {values} are text of several words, in which anything may stand",
            tally.sentences()
        );
        return of(Proposed::Scan, likely(Confidence::Medium), reason);
    }
    if is_most(tally.opaque()) {
        let reason =
            "the values are ids; whether they are of a thing or of a person, they do not say".to_owned();
        return of(Proposed::Undecided, Confidence::Low, reason);
    }
    if tally.found().next().is_some() {
        let reason = "some of the values are numbers that may be somebody's, or no one's".to_owned();
        return of(Proposed::Undecided, Confidence::Low, reason);
    }
    if is_most(tally.plain()) {
        let reason =
            "the values are short words, numbers and yes or no, and nothing was found in them".to_owned();
        return of(Proposed::Safe, likely(Confidence::Medium), reason);
    }
    of(
        Proposed::Scan,
        Confidence::Low,
        "nothing was found in the values, and they are of no one kind".to_owned(),
    )
}

/// Where the values of a key that the dictionary knows are not what it says.
pub fn contradiction(
    tally: &Tally,
    says: KeyClass,
    classifier: &Classifier,
    name: impl Fn(ClassId) -> String,
) -> Option<Contradiction> {
    let values = tally.values();
    let what = match says {
        KeyClass::Unknown | KeyClass::Scan => None,
        KeyClass::Safe => {
            let found = tally.found().filter(|found| found.strong > 0).max_by_key(|found| found.strong)?;
            let part = reasons::of_part(found, values);
            Some(format!("it is listed as safe, but {part}"))
        }
        KeyClass::Whole(class) => {
            let found = tally.most_whole()?;
            let is_other = classifier.found_by(found.detector).is_some_and(|other| other != class);
            let is_most = values >= VALUES_ENOUGH && found.strong * 100 >= values * MOST_PERCENT;
            let whole = reasons::of_whole(found, values);
            (is_other && is_most).then(|| format!("it is listed as {}, but {whole}", name(class)))
        }
        KeyClass::Structured(structure, _) => {
            let unread = tally.unread();
            let is_half = values >= VALUES_ENOUGH && unread * 100 >= values * HALF_PERCENT;
            is_half.then(|| {
                format!(
                    "it is listed as {}, but {unread} of {values} values cannot be read as that",
                    structure.name()
                )
            })
        }
    };
    what.map(|what| Contradiction { says, what })
}

#[cfg(test)]
mod tests;
