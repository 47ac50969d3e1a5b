//! The reasons of a proposal as sentences. Only counts and names of detectors stand in them.

use super::hints::Hint;
use super::tally::Found;

pub(super) fn of_whole(found: &Found, values: u64) -> String {
    let certain = match found.whole - found.strong.min(found.whole) {
        0 => String::new(),
        unsure => format!(", {unsure} by its looks alone"),
    };
    format!("{} of {values} values are wholly what `{}` finds{certain}", found.whole, found.detector.name())
}

pub(super) fn of_part(found: &Found, values: u64) -> String {
    format!("`{}` stands in {} of {values} values", found.detector.name(), found.strong)
}

pub(super) fn of_hint(hint: Hint) -> String {
    format!("its name says `{}`", hint.word)
}
