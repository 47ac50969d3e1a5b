//! Policies as texts become rules, or a list of everything that is wrong with them, each with its place.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::str::FromStr;

use cedar_policy::{
    ActionConstraint, Effect, EntityUid, Policy, PolicyId, PolicySet, PrincipalConstraint,
    ResourceConstraint, Schema, ValidationMode, Validator,
};
use miette::Diagnostic;

use super::names::{self, ACTION, CALLER, CLASS, JURISDICTION, PURPOSE, REGION};
use super::{PolicyFault, PolicyText};
use crate::model::RegionName;
use crate::policy::facts::{Facts, UNSTATED};

/// Policies of one set. A cell remembers them by numbers of this size, and each costs time in every decision.
pub const RULES_IN_SET_MAX: usize = 1000;

/// One policy.
#[derive(Debug, Clone)]
pub struct Rule {
    /// The `@id`, which tells it apart in explanations and records.
    pub id: String,
    pub is_forbid: bool,
    /// The `@control`: what of a regime it stands for.
    pub controls: Vec<String>,
    /// Which text it stands in, and where.
    pub text: usize,
    pub span: Range<usize>,
    pub(super) policy: Policy,
}

/// What must be known for names in policies to be checked.
pub(super) struct Known<'a> {
    classes: BTreeSet<String>,
    jurisdictions: BTreeSet<&'a str>,
    purposes: BTreeSet<&'a str>,
    /// Not known where policies are looked at without a configuration.
    regions: Option<BTreeSet<&'a str>>,
}

impl<'a> Known<'a> {
    pub(super) fn of(facts: &'a Facts, regions: Option<&'a [RegionName]>) -> Self {
        Self {
            classes: facts.class_names(),
            jurisdictions: names::jurisdiction_names(facts),
            purposes: facts.purposes.iter().map(|of| of.name.as_str()).chain([UNSTATED]).collect(),
            regions: regions.map(|regions| regions.iter().map(RegionName::as_str).collect()),
        }
    }
}

/// Reads all texts. Faults are complete: one does not hide another, but that a text which is no Cedar is not
/// looked at further.
pub(super) fn rules(
    texts: &[PolicyText<'_>],
    schema: &Schema,
    known: &Known<'_>,
) -> Result<Vec<Rule>, Vec<PolicyFault>> {
    let (mut rules, mut faults) = (Vec::new(), Vec::new());
    for (nth, text) in texts.iter().enumerate() {
        match PolicySet::from_str(text.text) {
            Ok(set) => rules.extend(rules_of(nth, text.text, &set, schema, known, &mut faults)),
            Err(errors) => faults.extend(errors.iter().map(|error| {
                let remedy = "write it as Cedar has it (https://docs.cedarpolicy.com)";
                PolicyFault::new(nth, place_of(error), format!("this is no Cedar: {error}"), remedy)
            })),
        }
    }
    refuse_twice(&rules, texts, &mut faults);
    if rules.len() > RULES_IN_SET_MAX {
        let what = format!("there are {} policies; {RULES_IN_SET_MAX} are possible", rules.len());
        faults.push(PolicyFault::new(0, 0..0, what, "take some away"));
    }
    if faults.is_empty() { Ok(rules) } else { Err(faults) }
}

fn rules_of(
    nth: usize,
    text: &str,
    set: &PolicySet,
    schema: &Schema,
    known: &Known<'_>,
    faults: &mut Vec<PolicyFault>,
) -> Vec<Rule> {
    let spans = spans(text, set);
    let span = |id: &PolicyId| spans.get(id).cloned().unwrap_or(0..0);
    for template in set.templates() {
        let what = "a policy with a slot (`?principal`, `?resource`) is never filled in here";
        faults.push(PolicyFault::new(nth, span(template.id()), what, "write the policy out"));
    }
    let validator = Validator::new(schema.clone());
    let checked = validator.validate(set, ValidationMode::Strict);
    let errors =
        checked.validation_errors().map(|error| (place_of(error), error.policy_id(), wording(error)));
    let warnings = checked
        .validation_warnings()
        .map(|warning| (place_of(warning), warning.policy_id(), wording(warning)));
    // The same word is wrong for each of the seven actions.
    let mut told = Vec::new();
    for (place, id, what) in errors.chain(warnings) {
        let place = if place.is_empty() { span(id) } else { place };
        if told.contains(&place) {
            continue;
        }
        told.push(place.clone());
        let remedy = "what policies can speak of stands in policies/schema.cedarschema";
        faults.push(PolicyFault::new(nth, place, what, remedy));
    }
    let mut rules = Vec::new();
    for policy in set.policies() {
        let span = span(policy.id());
        check_scope(nth, &span, policy, faults);
        check_names(nth, text, &span, policy, known, faults);
        let id = policy.annotation("id").unwrap_or_default();
        if !is_id(id) {
            let what = "a policy has no `@id`, or one that is no name; it could not be told apart";
            let remedy = "write `@id(\"team.what-it-does\")` before it: letters, digits, `.`, `-`, `_`";
            faults.push(PolicyFault::new(nth, span.clone(), what, remedy));
        }
        let controls = policy.annotation("control").unwrap_or_default();
        let controls = controls.split(',').map(str::trim).filter(|one| !one.is_empty());
        rules.push(Rule {
            id: id.to_owned(),
            is_forbid: policy.effect() == Effect::Forbid,
            controls: controls.map(str::to_owned).collect(),
            text: nth,
            span,
            policy: policy.clone(),
        });
    }
    rules.sort_by_key(|rule| rule.span.start);
    rules
}

/// What Cedar says, without the name of its own that it has given the policy.
fn wording(error: &impl std::fmt::Display) -> String {
    let text = error.to_string();
    match text.split_once("`, ") {
        Some((head, tail)) if head.starts_with("for policy `") => tail.to_owned(),
        _ => text,
    }
}

fn place_of(error: &impl Diagnostic) -> Range<usize> {
    let label = error.labels().and_then(|mut labels| labels.next());
    label.map_or(0..0, |label| label.offset()..label.offset() + label.len())
}

/// Where each policy stands: in the order of the text, as Cedar numbers them.
fn spans(text: &str, set: &PolicySet) -> BTreeMap<PolicyId, Range<usize>> {
    let number = |id: &PolicyId| {
        let id: &str = id.as_ref();
        id.trim_start_matches("policy").parse::<usize>().unwrap_or(usize::MAX)
    };
    let own = set.policies().map(|policy| (policy.id(), policy.to_cedar().unwrap_or_default()));
    let mut all: Vec<_> =
        own.chain(set.templates().map(|template| (template.id(), template.to_cedar()))).collect();
    all.sort_by_key(|(id, _)| number(id));
    let mut from = 0;
    let mut spans = BTreeMap::new();
    for (id, cedar) in all {
        let found = text.get(from..).and_then(|rest| rest.find(cedar.trim()));
        let start = found.map_or(from, |at| from + at);
        from = start + if found.is_some() { cedar.trim().len() } else { 0 };
        spans.insert(id.clone(), start..from);
    }
    spans
}

/// A policy for one caller by name would never hold, since callers have no names here.
fn check_scope(nth: usize, span: &Range<usize>, policy: &Policy, faults: &mut Vec<PolicyFault>) {
    let is_of_everyone = matches!(policy.principal_constraint(), PrincipalConstraint::Any)
        || matches!(policy.principal_constraint(), PrincipalConstraint::Is(_));
    if !is_of_everyone {
        let what = "a policy cannot name a caller: it would never hold";
        let remedy = "write `principal.roles.contains(\"..\")`, or groups, or clearances";
        faults.push(PolicyFault::new(nth, span.clone(), what, remedy));
    }
}

/// Names that no fact knows: a rule about them would do nothing, without a word.
fn check_names(
    nth: usize,
    text: &str,
    span: &Range<usize>,
    policy: &Policy,
    known: &Known<'_>,
    faults: &mut Vec<PolicyFault>,
) {
    let mut said = BTreeSet::new();
    for literal in literals(policy) {
        let (kind, name) = (literal.type_name().to_string(), literal.id().unescaped().to_owned());
        if !said.insert((kind.clone(), name.clone())) {
            continue;
        }
        let wrong = match kind.as_str() {
            CLASS if !known.classes.contains(&name) => "write a class or group of classes.toml",
            JURISDICTION if !known.jurisdictions.contains(name.as_str()) => {
                "write one that a `[[jurisdiction]]` of facts.toml names"
            }
            PURPOSE if !known.purposes.contains(name.as_str()) => "write a purpose of purposes.toml",
            REGION if known.regions.as_ref().is_some_and(|known| !known.contains(name.as_str())) => {
                "write a declared region"
            }
            CALLER => "write `principal.roles.contains(\"..\")`: callers have no names here",
            _ => continue,
        };
        let written = format!("{kind}::\"{name}\"");
        let inside = text.get(span.clone()).unwrap_or_default();
        let place = match inside.find(&written) {
            Some(at) => span.start + at..span.start + at + written.len(),
            None => span.clone(),
        };
        faults.push(PolicyFault::new(nth, place, format!("there is no `{written}`"), wrong));
    }
}

fn literals(policy: &Policy) -> Vec<EntityUid> {
    let mut all = policy.entity_literals();
    match policy.resource_constraint() {
        ResourceConstraint::In(uid) | ResourceConstraint::Eq(uid) | ResourceConstraint::IsIn(_, uid) => {
            all.push(uid);
        }
        ResourceConstraint::Any | ResourceConstraint::Is(_) => {}
    }
    all
}

/// Whether a rule speaks of regions by name, so that two with equal facts may differ.
pub(super) fn names_a_region(rule: &Rule) -> bool {
    literals(&rule.policy).iter().any(|literal| literal.type_name().to_string() == REGION)
}

/// Whether a rule can have a word in a decision: by what it says of action and class at its head.
pub(super) fn can_hold(rule: &Rule, acts: &[&str], classes: &BTreeSet<&str>) -> bool {
    let is_act = |uid: &EntityUid| {
        debug_assert_eq!(uid.type_name().to_string(), ACTION);
        acts.contains(&uid.id().unescaped())
    };
    let is_class = |uid: &EntityUid| classes.contains(uid.id().unescaped());
    let is_of_action = match rule.policy.action_constraint() {
        ActionConstraint::Any => true,
        ActionConstraint::In(all) => all.iter().any(is_act),
        // A question is always of one act, never of a group of them; a policy `==` a group holds for none.
        ActionConstraint::Eq(one) => acts.first().is_some_and(|act| one.id().unescaped() == *act),
    };
    let is_of_class = match rule.policy.resource_constraint() {
        ResourceConstraint::Any | ResourceConstraint::Is(_) => true,
        ResourceConstraint::In(uid) | ResourceConstraint::IsIn(_, uid) => is_class(&uid),
        ResourceConstraint::Eq(uid) => is_class(&uid),
    };
    is_of_action && is_of_class
}

fn is_id(id: &str) -> bool {
    let fits = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_');
    (1..=100).contains(&id.len()) && id.bytes().all(fits)
}

fn refuse_twice(rules: &[Rule], texts: &[PolicyText<'_>], faults: &mut Vec<PolicyFault>) {
    let mut first: BTreeMap<&str, &Rule> = BTreeMap::new();
    for rule in rules.iter().filter(|rule| !rule.id.is_empty()) {
        if let Some(other) = first.get(rule.id.as_str()) {
            let file = texts.get(other.text).map_or("", |text| text.name);
            let what = format!("`@id(\"{}\")` is already that of another policy, in {file}", rule.id);
            faults.push(PolicyFault::new(rule.text, rule.span.clone(), what, "give each its own"));
        } else {
            first.insert(&rule.id, rule);
        }
    }
}
