//! The entities that policies speak of, by name. What is no fact has no entity, and a policy that names it is
//! refused: a rule about a class that does not exist would hide nothing, without a word.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::str::FromStr;

use cedar_policy::{
    Context, Entities, Entity, EntityId, EntityTypeName, EntityUid, RestrictedExpression as Value, Schema,
};

use super::Broken;
use crate::model::{Caller, Jurisdiction};
use crate::policy::facts::{Basis, Facts, UNSTATED, ancestors};

/// The types of the schema.
pub(super) const CALLER: &str = "Caller";
pub(super) const CLASS: &str = "Class";
pub(super) const JURISDICTION: &str = "Jurisdiction";
pub(super) const PURPOSE: &str = "Purpose";
pub(super) const REGION: &str = "Region";
pub(super) const ACTION: &str = "Action";

/// The one entity of its type: no policy can tell callers apart but by their claims.
const ANYONE: &str = "anyone";

pub(super) fn uid(kind: &str, name: &str) -> Result<EntityUid, Broken> {
    let kind = EntityTypeName::from_str(kind).map_err(Broken::new)?;
    Ok(EntityUid::from_type_name_and_id(kind, EntityId::new(name)))
}

pub(super) fn jurisdiction_names(facts: &Facts) -> BTreeSet<&str> {
    let of = facts.jurisdictions.iter();
    of.flat_map(|known| known.adequate.iter().chain([&known.name])).map(Jurisdiction::as_str).collect()
}

/// The entities that are the same for everyone.
pub(super) fn of_facts(facts: &Facts, schema: &Schema) -> Result<Entities, Broken> {
    // A name may be a class and the group of others: its parents are those of both.
    let mut parents: BTreeMap<String, HashSet<EntityUid>> = BTreeMap::new();
    for (_, class) in facts.classes.iter() {
        let own = ancestors(&class.name, &class.group);
        for (child, of) in std::iter::once(&class.name).chain(&own).map(|child| (child, &own)) {
            let slot = parents.entry(child.clone()).or_default();
            let is_above = |name: &&String| *child == class.name || is_beginning(name, child);
            for name in of.iter().filter(is_above) {
                slot.insert(uid(CLASS, name)?);
            }
        }
    }
    let mut entities = Vec::new();
    for (name, parents) in parents {
        entities.push(Entity::new_no_attrs(uid(CLASS, &name)?, parents));
    }
    for purpose in &facts.purposes {
        entities.push(purpose_entity(&purpose.name, &purpose.concerns, facts)?);
    }
    entities.push(purpose_entity(UNSTATED, &[], facts)?);
    // With the schema's own, which say what action is of what group.
    let actions = schema.action_entities().map_err(Broken::new)?;
    actions.add_entities(entities, Some(schema)).map_err(Broken::new)
}

/// Whether `name` is what `of` begins with: `pii` of `pii.basic`.
fn is_beginning(name: &str, of: &str) -> bool {
    of.strip_prefix(name).is_some_and(|rest| rest.starts_with('.'))
}

fn purpose_entity(name: &str, concerns: &[String], facts: &Facts) -> Result<Entity, Broken> {
    let all = facts.class_names();
    let concerned = all.iter().filter(|name| concerns.is_empty() || concerns.contains(name));
    let classes: Result<Vec<_>, _> =
        concerned.map(|name| uid(CLASS, name).map(Value::new_entity_uid)).collect();
    let attributes = HashMap::from([("concerns".to_owned(), Value::new_set(classes?))]);
    Entity::new(uid(PURPOSE, name)?, attributes, HashSet::new()).map_err(Broken::new)
}

pub(super) fn principal() -> Result<EntityUid, Broken> {
    uid(CALLER, ANYONE)
}

/// The entities of the facts, and the caller besides.
pub(super) fn with_caller(facts: &Entities, caller: &Caller) -> Result<Entities, Broken> {
    let texts = |of: &BTreeSet<String>| Value::new_set(of.iter().cloned().map(Value::new_string));
    let mut attributes = HashMap::from([
        ("roles".to_owned(), texts(&caller.roles)),
        ("groups".to_owned(), texts(&caller.groups)),
        ("clearances".to_owned(), texts(&caller.clearances)),
    ]);
    if let Some(home) = &caller.home {
        attributes.insert("home".to_owned(), Value::new_entity_uid(uid(JURISDICTION, home.as_str())?));
    }
    let entity = Entity::new(principal()?, attributes, HashSet::new()).map_err(Broken::new)?;
    facts.clone().add_entities([entity], None).map_err(Broken::new)
}

/// The situation of a question: where the data lie, where the answer goes, what for.
pub(super) fn context(
    region: &str,
    stored: &Jurisdiction,
    adequate: &[Jurisdiction],
    delivered: (&Jurisdiction, Basis),
    purpose: &str,
) -> Result<Context, Broken> {
    let place = |name: &Jurisdiction| uid(JURISDICTION, name.as_str()).map(Value::new_entity_uid);
    let adequate: Result<Vec<_>, _> = adequate.iter().map(place).collect();
    let stored = [
        ("region".to_owned(), Value::new_entity_uid(uid(REGION, region)?)),
        ("jurisdiction".to_owned(), place(stored)?),
        ("adequate".to_owned(), Value::new_set(adequate?)),
    ];
    let (to, basis) = delivered;
    let delivered = [
        ("jurisdiction".to_owned(), place(to)?),
        ("same".to_owned(), Value::new_bool(basis == Basis::Home)),
        ("adequate".to_owned(), Value::new_bool(basis == Basis::Adequate)),
    ];
    Context::from_pairs([
        ("stored".to_owned(), Value::new_record(stored).map_err(Broken::new)?),
        ("delivered".to_owned(), Value::new_record(delivered).map_err(Broken::new)?),
        ("purpose".to_owned(), Value::new_entity_uid(uid(PURPOSE, purpose)?)),
    ])
    .map_err(Broken::new)
}

/// The same situation, and that a grant for these classes and groups holds.
pub(super) fn under_grant(context: &Context, classes: &BTreeSet<String>) -> Result<Context, Broken> {
    let named: Result<Vec<_>, _> =
        classes.iter().map(|name| uid(CLASS, name).map(Value::new_entity_uid)).collect();
    let grant = Value::new_record([("classes".to_owned(), Value::new_set(named?))]).map_err(Broken::new)?;
    context.clone().merge([("grant".to_owned(), grant)]).map_err(Broken::new)
}
