//! Policies and facts, checked, and the questions that can be put to them. The only place that knows Cedar.
//!
//! A question is about one action on one class in one situation; nothing of a span is in it. Of the policies only
//! those are evaluated that can have a word in it by their heads, which changes no answer and much of the time.

mod names;
mod read;

use std::collections::{BTreeSet, HashMap, HashSet};
use std::fmt;
use std::ops::Range;
use std::str::FromStr;

use cedar_policy::{
    Authorizer, Context, Decision, Entities, EntityUid, PolicyId, PolicySet, Request, Schema,
};

pub use read::{RULES_IN_SET_MAX, Rule};

use super::cell::Rung;
use super::facts::{Basis, Facts, UNSTATED, ancestors};
use super::lift;
use crate::model::grant::Lift;
use crate::model::{Caller, ClassId, Jurisdiction, RegionName};

/// The schema that ships.
pub const SCHEMA: &str = include_str!("../../../policies/schema.cedarschema");

/// A text of policies, and what to call it.
#[derive(Debug, Clone, Copy)]
pub struct PolicyText<'a> {
    pub name: &'a str,
    pub text: &'a str,
}

/// What is wrong in a text of policies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyFault {
    /// Which of the texts.
    pub text: usize,
    pub span: Range<usize>,
    pub what: String,
    pub remedy: String,
}

/// What somebody wants to do with values of a class.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Act {
    ReadRaw,
    ReadGeneralised,
    ReadPseudonymised,
    ReadMasked,
    FilterOn,
    GroupBy,
    ListValues,
}

/// The answer to one question: whether it may be, and the policies that settled it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    pub act: Act,
    pub is_allowed: bool,
    /// Numbers of rules: the forbids that hold, or the permits where none does. None where nothing permits.
    pub rules: Vec<u16>,
}

/// A checked set of policies over its facts.
pub struct Rulebook {
    facts: Facts,
    rules: Vec<Rule>,
    entities: Entities,
    /// The policies that can have a word, by act and class; equal ones once.
    slices: Vec<PolicySet>,
    slice_of: SliceOf,
    acts: HashMap<Act, EntityUid>,
    classes: HashMap<ClassId, EntityUid>,
    principal: EntityUid,
    authorizer: Authorizer,
    names_regions: bool,
    digest: String,
}

/// Which slice a question is put to; none where no policy can have a word in it.
type SliceOf = HashMap<(Act, ClassId), usize>;

/// A caller, as questions need it.
pub struct Asker(Entities);

/// Where data lie, where the answer goes, and what for.
#[derive(Debug, Clone)]
pub struct Situation {
    pub(super) region: String,
    pub(super) stored: Jurisdiction,
    pub(super) delivered: Jurisdiction,
    pub(super) basis: Basis,
    context: Context,
    /// The same under a grant, for the classes that it is about.
    lifted: Option<(Context, HashSet<ClassId>)>,
}

/// Something that a built-in schema and checked names rule out. Whatever it is, nothing is allowed by it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the policies cannot be asked: {0}")]
pub struct Broken(String);

impl Broken {
    fn new(error: impl fmt::Display) -> Self {
        Self(error.to_string())
    }
}

impl PolicyFault {
    fn new(text: usize, span: Range<usize>, what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { text, span, what: what.into(), remedy: remedy.into() }
    }
}

impl Act {
    pub const ALL: [Self; 7] = [
        Self::ReadRaw,
        Self::ReadGeneralised,
        Self::ReadPseudonymised,
        Self::ReadMasked,
        Self::FilterOn,
        Self::GroupBy,
        Self::ListValues,
    ];
    pub const RIGHTS: [Self; 3] = [Self::FilterOn, Self::GroupBy, Self::ListValues];

    /// As the schema names it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ReadRaw => "readRaw",
            Self::ReadGeneralised => "readGeneralised",
            Self::ReadPseudonymised => "readPseudonymised",
            Self::ReadMasked => "readMasked",
            Self::FilterOn => "filterOn",
            Self::GroupBy => "groupBy",
            Self::ListValues => "listValues",
        }
    }

    /// The group of actions it is of.
    fn group(self) -> &'static str {
        if Self::RIGHTS.contains(&self) { "ask" } else { "read" }
    }

    /// What must be allowed for a rung; nothing for what is always possible.
    pub fn of_rung(rung: Rung) -> Option<Self> {
        match rung {
            Rung::Raw => Some(Self::ReadRaw),
            Rung::Generalised => Some(Self::ReadGeneralised),
            Rung::Pseudonymised => Some(Self::ReadPseudonymised),
            Rung::Masked => Some(Self::ReadMasked),
            Rung::Dropped => None,
        }
    }
}

impl Rulebook {
    /// Checks policies over facts. Regions by name are checked where the declared ones are given.
    pub fn build(
        texts: &[PolicyText<'_>],
        facts: Facts,
        regions: Option<&[RegionName]>,
    ) -> Result<Self, Vec<PolicyFault>> {
        let broken = |broken: Broken| {
            vec![PolicyFault::new(0, 0..0, broken.to_string(), "tell the people who make the gateway")]
        };
        let schema = Schema::from_cedarschema_str(SCHEMA).map(|(schema, _)| schema);
        let schema = schema.map_err(|error| broken(Broken::new(error)))?;
        let rules = read::rules(texts, &schema, &read::Known::of(&facts, regions))?;
        Self::of_rules(texts, facts, rules, &schema).map_err(broken)
    }

    fn of_rules(
        texts: &[PolicyText<'_>],
        facts: Facts,
        rules: Vec<Rule>,
        schema: &Schema,
    ) -> Result<Self, Broken> {
        let (mut acts, mut classes) = (HashMap::new(), HashMap::new());
        for act in Act::ALL {
            acts.insert(act, names::uid(names::ACTION, act.as_str())?);
        }
        for (class, of) in facts.classes.iter() {
            classes.insert(class, names::uid(names::CLASS, &of.name)?);
        }
        let (slices, slice_of) = slices(&rules, &facts)?;
        Ok(Self {
            entities: names::of_facts(&facts, schema)?,
            principal: names::principal()?,
            names_regions: rules.iter().any(read::names_a_region),
            authorizer: Authorizer::new(),
            digest: digest(texts, &facts),
            slices,
            slice_of,
            acts,
            classes,
            rules,
            facts,
        })
    }

    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    /// All policies, in the order of the texts.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    pub fn rule(&self, number: u16) -> Option<&Rule> {
        self.rules.get(usize::from(number))
    }

    /// 64 hex digits of texts and facts.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// Whether two regions with equal facts may still be decided differently.
    pub(super) fn tells_regions_apart(&self) -> bool {
        self.names_regions || self.facts.care.iter().any(|care| !care.stored.is_empty())
    }

    /// The purpose as policies know it.
    pub fn purpose<'a>(&'a self, caller: &Caller) -> &'a str {
        let known = caller.purpose.as_deref().and_then(|name| self.facts.purpose(name));
        known.map_or(UNSTATED, |known| &known.name)
    }

    pub fn asker(&self, caller: &Caller) -> Result<Asker, Broken> {
        names::with_caller(&self.entities, caller).map(Asker)
    }

    pub fn situation(
        &self,
        region: &str,
        stored: &Jurisdiction,
        delivered: &Jurisdiction,
        purpose: &str,
    ) -> Result<Situation, Broken> {
        let basis = self.facts.basis(stored, delivered);
        let adequate = self.facts.adequate(stored);
        let context = names::context(region, stored, adequate, (delivered, basis), purpose)?;
        let (stored, delivered) = (stored.clone(), delivered.clone());
        Ok(Situation { region: region.to_owned(), stored, delivered, basis, context, lifted: None })
    }

    /// The same situation under a grant. Where it is about another region nothing is different.
    pub fn lifted(&self, situation: Situation, lift: &Lift) -> Result<Situation, Broken> {
        if !lift.is_of(&situation.region) {
            return Ok(situation);
        }
        let context = names::under_grant(&situation.context, &lift.classes)?;
        let covered = lift::covered(&self.facts.classes, lift);
        Ok(Situation { lifted: Some((context, covered)), ..situation })
    }

    /// Deny by default, and forbid wins. A policy that cannot be evaluated denies too: Cedar leaves it out, and
    /// what it would have forbidden would be shown.
    pub(super) fn ask(&self, asker: &Asker, situation: &Situation, act: Act, class: ClassId) -> Verdict {
        let denied = Verdict { act, is_allowed: false, rules: Vec::new() };
        let slice = self.slice_of.get(&(act, class)).and_then(|slice| self.slices.get(*slice));
        let (Some(slice), Some(action), Some(resource)) =
            (slice, self.acts.get(&act), self.classes.get(&class))
        else {
            return denied;
        };
        let (principal, context) = (self.principal.clone(), situation.context(class).clone());
        let Ok(request) = Request::new(principal, action.clone(), resource.clone(), context, None) else {
            return denied;
        };
        let response = self.authorizer.is_authorized(&request, slice, &asker.0);
        let of_response = response.diagnostics();
        let number = |id: &PolicyId| AsRef::<str>::as_ref(id).parse().ok();
        let mut rules: Vec<u16> = of_response.reason().filter_map(number).collect();
        rules.sort_unstable();
        let is_allowed = response.decision() == Decision::Allow && of_response.errors().next().is_none();
        Verdict { act, is_allowed, rules }
    }
}

/// For each act and class the policies that can have a word in it, named by their numbers.
fn slices(rules: &[Rule], facts: &Facts) -> Result<(Vec<PolicySet>, SliceOf), Broken> {
    let mut slices = Vec::new();
    let mut by_rules: HashMap<Vec<usize>, usize> = HashMap::new();
    let mut slice_of = HashMap::new();
    for (class, of) in facts.classes.iter() {
        let above = ancestors(&of.name, &of.group);
        let names: BTreeSet<&str> = above.iter().map(String::as_str).chain([of.name.as_str()]).collect();
        for act in Act::ALL {
            let acts = [act.as_str(), act.group()];
            let held = |(_, rule): &(usize, &Rule)| read::can_hold(rule, &acts, &names);
            let numbers: Vec<usize> = rules.iter().enumerate().filter(held).map(|(nth, _)| nth).collect();
            if numbers.is_empty() {
                continue;
            }
            let slice = match by_rules.get(&numbers) {
                Some(slice) => *slice,
                None => {
                    slices.push(slice(rules, &numbers)?);
                    by_rules.insert(numbers, slices.len() - 1);
                    slices.len() - 1
                }
            };
            slice_of.insert((act, class), slice);
        }
    }
    Ok((slices, slice_of))
}

fn slice(rules: &[Rule], numbers: &[usize]) -> Result<PolicySet, Broken> {
    let mut set = PolicySet::new();
    for number in numbers {
        let Some(rule) = rules.get(*number) else { continue };
        let id = PolicyId::from_str(&number.to_string()).map_err(Broken::new)?;
        set.add(rule.policy.new_id(id)).map_err(Broken::new)?;
    }
    Ok(set)
}

fn digest(texts: &[PolicyText<'_>], facts: &Facts) -> String {
    let mut hasher = blake3::Hasher::new();
    let mut add = |text: &str| {
        hasher.update(&(text.len() as u64).to_le_bytes()).update(text.as_bytes());
    };
    add(SCHEMA);
    for text in texts {
        add(text.name);
        add(text.text);
    }
    for (_, class) in facts.classes.iter() {
        add(&format!("{class:?}"));
    }
    let others = (facts.classes.lists(), &facts.purposes, &facts.jurisdictions, &facts.care, facts.epoch);
    add(&format!("{others:?}"));
    hasher.finalize().to_hex().to_string()
}

impl Situation {
    fn context(&self, class: ClassId) -> &Context {
        let lifted = self.lifted.as_ref().filter(|(_, covered)| covered.contains(&class));
        lifted.map_or(&self.context, |(context, _)| context)
    }
}

impl fmt::Debug for Rulebook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rulebook").field("digest", &self.digest).finish_non_exhaustive()
    }
}

impl fmt::Debug for Asker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Asker(..)")
    }
}

#[cfg(test)]
mod tests;
