//! Several parts as one rulebook: facts are merged, names that stand in lists are looked up, policies are checked
//! over all of it.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::super::fault::{Finding, Findings, Level, Place, Source, quoted};
use super::super::given::At;
use super::super::quantity::closest;
use super::cases::Regions;
use super::classes::GivenClass;
use super::part::Part;
use crate::model::RegionName;
use crate::policy::{
    CareFacts, ClassFacts, Classes, Facts, JurisdictionFacts, KeyLists, PolicyFault, PolicyText,
    PurposeFacts, Rulebook,
};

/// Names that a remedy repeats; whoever needs the others has the file.
const NAMES_SHOWN_MAX: usize = 20;

/// A rulebook, and where its policies stand.
#[derive(Debug, Clone)]
pub(super) struct Composed {
    pub book: Arc<Rulebook>,
    /// By number of the text: the part's name, and the text.
    pub texts: Vec<(String, Arc<Source>)>,
}

impl Composed {
    /// Where a policy stands.
    pub(super) fn place(&self, number: u16) -> Option<Place> {
        let rule = self.book.rule(number)?;
        let (_, source) = self.texts.get(rule.text)?;
        Some(Place { source: source.clone(), span: rule.span.clone(), key: rule.id.clone() })
    }

    /// Numbers of the policies of one part.
    pub(super) fn of_part(&self, part: &str) -> Vec<u16> {
        let is_of = |text: usize| self.texts.get(text).is_some_and(|(name, _)| name == part);
        let numbered = (0..u16::MAX).zip(self.book.rules());
        numbered.filter(|(_, rule)| is_of(rule.text)).map(|(number, _)| number).collect()
    }
}

/// Regions are checked by name where they are known.
pub(super) fn compose(
    parts: &[&Part],
    regions: Option<&Regions>,
    place: &Place,
    out: &mut Findings,
) -> Option<Composed> {
    let facts = merge(parts, regions, place, out)?;
    let mut texts = Vec::new();
    for part in parts {
        texts.extend(part.cedar.iter().map(|(path, source)| (part.name.clone(), path, source)));
    }
    let given: Vec<PolicyText<'_>> =
        texts.iter().map(|(_, path, source)| PolicyText { name: path, text: &source.text }).collect();
    let names: Option<Vec<RegionName>> =
        regions.map(|regions| regions.iter().map(|(name, _)| name.clone()).collect());
    match Rulebook::build(&given, facts, names.as_deref()) {
        Ok(book) if book.rules().is_empty() => {
            let what = "no policy is in force, so that nothing would be shown";
            out.fault(place, what, "write a policy, or put a pack in force");
            None
        }
        Ok(book) => {
            let texts = texts.into_iter().map(|(part, _, source)| (part, source.clone())).collect();
            Some(Composed { book: Arc::new(book), texts })
        }
        Err(faults) => {
            for fault in faults {
                let at = texts.get(fault.text).map(|(_, _, source)| policy_place(source, &fault));
                out.fault(&at.unwrap_or_else(|| place.clone()), fault.what, fault.remedy);
            }
            None
        }
    }
}

fn policy_place(source: &Arc<Source>, fault: &PolicyFault) -> Place {
    let end = source.text.len();
    let span = fault.span.start.min(end)..fault.span.end.min(end);
    Place { source: source.clone(), span, key: String::new() }
}

fn merge(parts: &[&Part], regions: Option<&Regions>, place: &Place, out: &mut Findings) -> Option<Facts> {
    let mut own = Findings::default();
    let classes = classes(parts, &mut own);
    let jurisdictions = jurisdictions(parts);
    let groups: BTreeSet<&str> = classes.iter().map(|class| class.group.as_str()).collect();
    let places: BTreeSet<&str> = known_places(&jurisdictions, regions);
    let care = care(parts, &groups, &places, regions.is_some(), &mut own);
    let epochs = parts.iter().filter_map(|part| part.facts.epoch.as_ref()).map(|at| at.value);
    let epoch = epochs.max().unwrap_or(0);
    let made = Classes::new(classes, lists(parts));
    if let Err(error) = &made {
        own.fault(place, error.to_string(), "take some away");
    }
    let mut facts = Facts {
        classes: Arc::new(made.unwrap_or_else(|_| Classes::none())),
        purposes: Vec::new(),
        jurisdictions,
        care,
        epoch,
    };
    let names = facts.class_names();
    facts.purposes = purposes(parts, &names.iter().map(String::as_str).collect(), &mut own);
    let is_faulty = own.has_faults();
    out.extend(own);
    (!is_faulty).then_some(facts)
}

/// A class stands in one file; others may add names to it.
fn classes(parts: &[&Part], out: &mut Findings) -> Vec<ClassFacts> {
    let all = || parts.iter().flat_map(|part| &part.classes.classes);
    let mut merged: Vec<ClassFacts> = Vec::new();
    for given in all().filter(|given| !given.is_addition) {
        if merged.iter().any(|other| other.name == given.facts.name) {
            let what = format!("class {} is already in another place", quoted(&given.facts.name));
            let remedy = "to add keys, templates, words or detectors to it, list nothing else";
            out.fault(&given.place, what, remedy);
            continue;
        }
        check_group(given, out);
        merged.push(given.facts.clone());
    }
    for given in all().filter(|given| given.is_addition) {
        let Some(class) = merged.iter_mut().find(|class| class.name == given.facts.name) else {
            let what = format!("there is no class {} to add names to", quoted(&given.facts.name));
            out.fault(&given.place, what, "give it a `title` and a `group`, or correct the name");
            continue;
        };
        let more = &given.facts;
        class.keys.extend(more.keys.iter().cloned());
        class.templates.extend(more.templates.iter().cloned());
        class.words.extend(more.words.iter().cloned());
        class.detectors.extend(more.detectors.iter().cloned());
    }
    merged
}

/// A class can't be in a group that is in the class.
fn check_group(given: &GivenClass, out: &mut Findings) {
    let (name, group) = (&given.facts.name, &given.facts.group);
    if group.strip_prefix(name.as_str()).is_some_and(|rest| rest.starts_with('.')) {
        let what = format!("group {} begins with the class that is in it", quoted(group));
        out.fault(&given.place, what, "give the group a name of its own");
    }
}

fn lists(parts: &[&Part]) -> KeyLists {
    let mut all = KeyLists::default();
    for part in parts {
        let of = &part.classes.lists;
        all.safe_keys.extend(of.safe_keys.iter().cloned());
        all.safe_templates.extend(of.safe_templates.iter().cloned());
        all.scan_keys.extend(of.scan_keys.iter().cloned());
        all.scan_templates.extend(of.scan_templates.iter().cloned());
        all.skip_words.extend(of.skip_words.iter().cloned());
    }
    all
}

/// Of a jurisdiction that stands in several files, everything is adequate that one of them names.
fn jurisdictions(parts: &[&Part]) -> Vec<JurisdictionFacts> {
    let mut merged: Vec<JurisdictionFacts> = Vec::new();
    for given in parts.iter().flat_map(|part| &part.facts.jurisdictions) {
        match merged.iter_mut().find(|known| known.name == given.name) {
            Some(known) => known.adequate.extend(given.adequate.iter().cloned()),
            None => merged.push(given.clone()),
        }
    }
    merged
}

fn known_places<'a>(
    jurisdictions: &'a [JurisdictionFacts],
    regions: Option<&'a Regions>,
) -> BTreeSet<&'a str> {
    let of_facts = jurisdictions.iter().flat_map(|known| known.adequate.iter().chain([&known.name]));
    let declared = regions.unwrap_or_default().iter();
    let declared = declared.flat_map(|(name, jurisdiction)| [name.as_str(), jurisdiction.as_str()]);
    of_facts.map(crate::model::Jurisdiction::as_str).chain(declared).collect()
}

fn purposes(parts: &[&Part], names: &BTreeSet<&str>, out: &mut Findings) -> Vec<PurposeFacts> {
    let mut merged: Vec<PurposeFacts> = Vec::new();
    for given in parts.iter().flat_map(|part| &part.purposes) {
        if merged.iter().any(|other| other.name == given.facts.name) {
            let what = format!("purpose {} is already in another place", quoted(&given.facts.name));
            out.fault(&given.place, what, "give it a name of its own, or take one of the two away");
        }
        for concern in given.concerns.iter().filter(|concern| concern.value != "*") {
            check_name(concern, "class or group", names, out);
        }
        let mut facts = given.facts.clone();
        if facts.concerns.iter().any(|concern| concern == "*") {
            facts.concerns.clear();
        }
        merged.push(facts);
    }
    merged
}

fn care(
    parts: &[&Part],
    groups: &BTreeSet<&str>,
    places: &BTreeSet<&str>,
    are_regions_known: bool,
    out: &mut Findings,
) -> Vec<CareFacts> {
    let texts = |list: &[At<String>]| list.iter().map(|at| at.value.clone()).collect();
    let own = ["safe", "unknown"];
    let mut all = Vec::new();
    for given in parts.iter().flat_map(|part| &part.facts.care) {
        for group in given.groups.iter().filter(|group| !own.contains(&group.value.as_str())) {
            check_name(group, "group", groups, out);
        }
        // Without a configuration, a name may be that of a region.
        if are_regions_known {
            for stored in &given.stored {
                check_name(stored, "region or jurisdiction", places, out);
            }
        }
        let (stored, groups) = (texts(&given.stored), texts(&given.groups));
        let (home, adequate, none) = (given.home, given.adequate, given.none);
        all.push(CareFacts { stored, groups, home, adequate, none });
    }
    all
}

fn check_name(at: &At<String>, what: &str, known: &BTreeSet<&str>, out: &mut Findings) {
    if known.contains(at.value.as_str()) {
        return;
    }
    // The names live as long as the set, and `closest` wants them for ever; so the text is made here.
    let meant = known.iter().copied().find(|name| closest(&at.value, [*name]).is_some());
    let remedy = match meant {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => {
            let first = known.iter().copied().take(NAMES_SHOWN_MAX).collect::<Vec<_>>().join(", ");
            let more = if known.len() > NAMES_SHOWN_MAX { " and more" } else { "" };
            format!("known here: {first}{more}")
        }
    };
    out.fault(&at.place, format!("{} is no {what}", quoted(&at.value)), remedy);
}

/// Findings without repetitions: a part that stands in several sets says the same in each.
pub(super) fn without_repetitions(findings: Vec<Finding>) -> Vec<Finding> {
    let mut kept: Vec<Finding> = Vec::new();
    for finding in findings {
        if !kept.contains(&finding) || finding.level != Level::Fault {
            kept.push(finding);
        }
    }
    kept
}
