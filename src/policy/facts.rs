//! Facts that decisions rest on: classes, purposes, jurisdictions, how carefully to look. Read elsewhere; here is
//! what they mean together. Facts decide nothing by themselves, but for the allow-list, which only takes away.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use super::cell::Care;
use super::classes::{ClassFacts, Classes};
use crate::model::Jurisdiction;

/// The purpose of whoever states none that is known.
pub const UNSTATED: &str = "unstated";

/// Everything that is known beside the policies.
#[derive(Debug, Clone)]
pub struct Facts {
    pub classes: Arc<Classes>,
    pub purposes: Vec<PurposeFacts>,
    pub jurisdictions: Vec<JurisdictionFacts>,
    pub care: Vec<CareFacts>,
    /// Counts up as the keys of tokens are rotated.
    pub epoch: u32,
}

/// What somebody may ask for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PurposeFacts {
    pub name: String,
    pub title: String,
    /// On what legal basis, as a note for the auditor.
    pub basis: String,
    /// Classes and groups it may concern; all where this is empty.
    pub concerns: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JurisdictionFacts {
    pub name: Jurisdiction,
    pub title: String,
    /// Where data of here may go on a legal basis.
    pub adequate: Vec<Jurisdiction>,
}

/// How carefully to look at values, for some regions and groups of classes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CareFacts {
    /// Regions and jurisdictions of storage; all where this is empty.
    pub stored: Vec<String>,
    /// Groups of classes; all where this is empty.
    pub groups: Vec<String>,
    pub home: CareMode,
    pub adequate: CareMode,
    pub none: CareMode,
}

/// How carefully values are looked at, and what becomes of keys that no one told of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum CareMode {
    Balanced,
    Paranoid,
    /// Paranoid, and a key that no one told of is taken away.
    AllowList,
}

/// How the place of delivery relates to that of storage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Basis {
    /// The same jurisdiction.
    Home,
    /// Another, into which data may go on a legal basis.
    Adequate,
    /// Another.
    None,
}

impl CareMode {
    pub const ALL: [Self; 3] = [Self::Balanced, Self::Paranoid, Self::AllowList];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Balanced => "balanced",
            Self::Paranoid => "paranoid",
            Self::AllowList => "allowlist",
        }
    }

    pub(super) fn care(self) -> Care {
        match self {
            Self::Balanced => Care::Balanced,
            Self::Paranoid | Self::AllowList => Care::Paranoid,
        }
    }
}

impl Facts {
    /// No fact at all: what holds where there are no policies.
    pub fn none() -> Self {
        Self {
            classes: Arc::new(Classes::none()),
            purposes: Vec::new(),
            jurisdictions: Vec::new(),
            care: Vec::new(),
            epoch: 0,
        }
    }

    /// Where data stored here may go on a legal basis.
    pub fn adequate(&self, stored: &Jurisdiction) -> &[Jurisdiction] {
        let known = self.jurisdictions.iter().find(|known| known.name == *stored);
        known.map_or(&[], |known| &known.adequate)
    }

    pub fn basis(&self, stored: &Jurisdiction, delivered: &Jurisdiction) -> Basis {
        if stored == delivered {
            Basis::Home
        } else if self.adequate(stored).contains(delivered) {
            Basis::Adequate
        } else {
            Basis::None
        }
    }

    /// The most careful of all that apply. Where none does: balanced at home, paranoid where there is a basis,
    /// else by allow-list.
    pub fn care(&self, region: &str, stored: &Jurisdiction, class: &ClassFacts, basis: Basis) -> CareMode {
        let named = |names: &[String], mut is: Box<dyn FnMut(&str) -> bool + '_>| {
            names.is_empty() || names.iter().any(|name| is(name))
        };
        let holds = |care: &&CareFacts| {
            named(&care.stored, Box::new(|name| name == region || name == stored.as_str()))
                && named(&care.groups, Box::new(|name| name == class.group))
        };
        let of = |care: &CareFacts| match basis {
            Basis::Home => care.home,
            Basis::Adequate => care.adequate,
            Basis::None => care.none,
        };
        self.care.iter().filter(holds).map(of).max().unwrap_or(match basis {
            Basis::Home => CareMode::Balanced,
            Basis::Adequate => CareMode::Paranoid,
            Basis::None => CareMode::AllowList,
        })
    }

    /// Every class, group and beginning of one that a policy can name.
    pub fn class_names(&self) -> BTreeSet<String> {
        let of = |name: &str, group: &str| {
            let mut names = ancestors(name, group);
            names.push(name.to_owned());
            names
        };
        self.classes.iter().flat_map(|(_, class)| of(&class.name, &class.group)).collect()
    }

    pub fn purpose(&self, name: &str) -> Option<&PurposeFacts> {
        self.purposes.iter().find(|purpose| purpose.name == name)
    }
}

/// What a class is in: its group and the beginnings of its name and of its group's, nearest first.
pub(super) fn ancestors(name: &str, group: &str) -> Vec<String> {
    let beginnings = |name: &str| {
        let dots = name.match_indices('.').map(|(at, _)| at).collect::<Vec<_>>();
        dots.into_iter().rev().filter_map(|at| name.get(..at).map(str::to_owned)).collect::<Vec<_>>()
    };
    let mut all = vec![group.to_owned()];
    all.extend(beginnings(name));
    all.extend(beginnings(group));
    let mut seen = HashSet::new();
    all.retain(|other| !other.is_empty() && other != name && seen.insert(other.clone()));
    all
}
