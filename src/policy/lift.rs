//! What a grant can lift at all: the classes it names, and never what no one may see. For any other class the
//! policies are asked as if there were no grant.

use std::collections::HashSet;

use super::classes::Classes;
use super::facts::ancestors;
use crate::model::ClassId;
use crate::model::grant::Lift;

/// Classes and groups that no grant lifts, whatever a policy says: what lets someone in, the verification data of
/// cards, and health.
pub const NEVER: [&str; 3] = ["secret", "pci.sad", "pii.health"];

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LiftError {
    #[error("there is no class or group `{0}`")]
    Unknown(String),
    #[error("`{class}` is never lifted, by no grant")]
    Never { class: String },
    #[error("`{class}` holds `{never}`, which is never lifted; name the classes that are meant")]
    Holds { class: String, never: String },
}

/// Whether a grant may name this class or group.
pub fn check(classes: &Classes, name: &str) -> Result<(), LiftError> {
    let mut covered = classes.iter().filter(|(_, class)| is_in(&class.name, &class.group, name)).peekable();
    if covered.peek().is_none() {
        return Err(LiftError::Unknown(name.to_owned()));
    }
    for (_, class) in covered {
        if is_never(&class.name, &class.group) {
            let (name, never) = (name.to_owned(), class.name.clone());
            // Of `secret.token` and of `secret` it need not be said what is in it.
            let is_itself = NEVER.iter().any(|never| is_in(&name, &name, never));
            return Err(match is_itself {
                true => LiftError::Never { class: name },
                false => LiftError::Holds { class: name, never },
            });
        }
    }
    Ok(())
}

/// Whether every class that this class or group holds is one of these, or in one of these groups.
pub fn is_within(classes: &Classes, name: &str, of: &[String]) -> bool {
    let mut held = classes.iter().filter(|(_, class)| is_in(&class.name, &class.group, name));
    held.all(|(_, class)| of.iter().any(|of| is_in(&class.name, &class.group, of)))
}

/// The classes that a grant is about.
pub(super) fn covered(classes: &Classes, lift: &Lift) -> HashSet<ClassId> {
    let is_covered = |name: &str, group: &str| {
        lift.classes.iter().any(|own| is_in(name, group, own)) && !is_never(name, group)
    };
    let all = classes.iter().filter(|(_, class)| is_covered(&class.name, &class.group));
    all.map(|(id, _)| id).collect()
}

fn is_never(name: &str, group: &str) -> bool {
    NEVER.iter().any(|never| is_in(name, group, never))
}

/// Whether a class is this one, or in it.
fn is_in(name: &str, group: &str, of: &str) -> bool {
    name == of || ancestors(name, group).iter().any(|above| above == of)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::{ClassFacts, KeyLists};

    fn classes() -> Classes {
        let of = |name: &str, group: &str| ClassFacts {
            name: name.to_owned(),
            group: group.to_owned(),
            ..ClassFacts::default()
        };
        let all = vec![
            of("pii.email", "pii.basic"),
            of("pii.name", "pii.basic"),
            of("pii.health", "pii.sensitive"),
            of("secret.token", "secret"),
            of("pci.sad", "pci.sad"),
        ];
        Classes::new(all, KeyLists::default()).unwrap()
    }

    #[test]
    fn a_grant_names_classes_that_are_there_and_none_that_is_never_lifted() {
        let said = |name: &str| check(&classes(), name).map_err(|error| error.to_string());
        assert_eq!(said("pii.email"), Ok(()));
        assert_eq!(said("pii.basic"), Ok(()));
        assert_eq!(said("pii.emial").unwrap_err(), "there is no class or group `pii.emial`");
        for never in ["secret", "secret.token", "pci.sad", "pii.health"] {
            assert_eq!(said(never).unwrap_err(), format!("`{never}` is never lifted, by no grant"));
        }
        for (class, never) in [("pii", "pii.health"), ("pii.sensitive", "pii.health"), ("pci", "pci.sad")] {
            assert!(said(class).unwrap_err().starts_with(&format!("`{class}` holds `{never}`")), "{class}");
        }
    }

    #[test]
    fn whatever_a_lift_names_what_is_never_lifted_is_not_covered() {
        let classes = classes();
        let names = |named: &[&str]| {
            let named = named.iter().map(|name| (*name).to_owned()).collect();
            let lift =
                Lift { id: "g".to_owned(), classes: named, regions: None, expires: Default::default() };
            let mut names: Vec<String> =
                covered(&classes, &lift).into_iter().map(|id| classes.get(id).name.clone()).collect();
            names.sort();
            names
        };
        assert_eq!(names(&["pii.basic"]), ["pii.email", "pii.name"]);
        assert_eq!(names(&["pii", "secret", "pci"]), ["pii.email", "pii.name"]);
        assert_eq!(names(&["unknown"]), ["unknown"]);
    }
}
