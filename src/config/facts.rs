//! What somebody declares of a region, and answers for: its services, how far back it goes, values it alone has.
//! As given, and as resolved over all regions.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::fault::{Findings, quoted};
use super::given::{At, Given};
use super::quantity;
use super::table::{Table, texts_of};
use crate::federation::settings::DeclaredFacts;
use crate::model::RegionName;
use crate::model::region::REGION_KEY;

const SERVICE_NAME: &str = "service.name";

type Texts = Vec<At<String>>;

#[derive(Debug)]
pub(super) struct GivenFacts {
    pub services: Given<Texts>,
    pub retention: Given<Duration>,
    /// Values by the key of a resource's attribute.
    pub attributes: Given<Vec<(At<String>, Texts)>>,
}

pub(super) fn read(table: &mut Table<'_>, out: &mut Findings) -> GivenFacts {
    let services = table.texts("services", out);
    if let Some(At { value: services, place }) = services.is() {
        if services.is_empty() {
            let remedy = "name the services that have spans there, or take the line away";
            out.fault(place, "a region without any service has nothing to be asked for", remedy);
        }
        let remedy = "take it away: spans that name no service are asked for in any case";
        refuse_empty(services, "a service without a name", remedy, out);
    }
    GivenFacts {
        services,
        retention: table.parsed("retention", out, quantity::age),
        attributes: table.table("attributes", out).map(|attributes| values_by_key(&attributes, out)),
    }
}

fn values_by_key(table: &Table<'_>, out: &mut Findings) -> Vec<(At<String>, Texts)> {
    let mut all = Vec::new();
    for (key, value, place) in table.entries() {
        if value.is_table() {
            let what = format!("{} is read as a table, since a dot in a key is one", quoted(&key.value));
            out.fault(&place, what, "write the whole key in quotes: `attributes.\"deployment.environment\"`");
            continue;
        }
        if key.value == REGION_KEY {
            let what = "the gateway says this attribute itself, so it cannot be declared";
            out.fault(&key.place, what, "take the line away");
            continue;
        }
        let Given::Is(At { value: values, .. }) = texts_of(value, place, out) else { continue };
        refuse_empty(&values, "an empty text is no value to look for", "write a value, or take it away", out);
        all.push((key, values));
    }
    all
}

fn refuse_empty(texts: &[At<String>], what: &str, remedy: &str, out: &mut Findings) {
    for text in texts.iter().filter(|text| text.value.is_empty()) {
        out.fault(&text.place, what, remedy);
    }
}

/// The facts of all regions; what two of them can't both say is a fault.
pub(super) fn resolve<'g>(
    regions: impl Iterator<Item = (&'g RegionName, &'g GivenFacts)>,
    out: &mut Findings,
) -> BTreeMap<RegionName, DeclaredFacts> {
    let regions: Vec<_> = regions.collect();
    // By key and value, the region that has it alone.
    let mut owners: BTreeMap<(&str, &str), &RegionName> = BTreeMap::new();
    for (name, given) in &regions {
        for (key, value) in pairs(given) {
            let owner = owners.entry((key, value.value.as_str())).or_insert(name);
            if *owner != *name {
                let what =
                    format!("{} is declared as a value that `{owner}` alone has", quoted(&value.value));
                out.fault(&value.place, what, "keep it at one of the two, or at none if both have it");
            }
        }
    }
    for (name, given) in &regions {
        for service in given.services.is().into_iter().flat_map(|at| &at.value) {
            if let Some(owner) = owners.get(&(SERVICE_NAME, service.value.as_str()))
                && *owner != *name
            {
                let what =
                    format!("{} is declared as a service that `{owner}` alone has", quoted(&service.value));
                out.fault(&service.place, what, "keep it at one of the two");
            }
        }
    }
    let resolved = regions.into_iter().map(|(name, given)| (name.clone(), declared(given)));
    resolved.filter(|(_, facts)| *facts != DeclaredFacts::default()).collect()
}

fn pairs(given: &GivenFacts) -> impl Iterator<Item = (&str, &At<String>)> {
    let by_key = given.attributes.is().into_iter().flat_map(|at| &at.value);
    by_key.flat_map(|(key, values)| values.iter().map(|value| (key.value.as_str(), value)))
}

fn declared(given: &GivenFacts) -> DeclaredFacts {
    let mut attributes: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (key, value) in pairs(given) {
        attributes.entry(key.to_owned()).or_default().insert(value.value.clone());
    }
    let texts = |texts: &Texts| texts.iter().map(|text| text.value.clone()).collect();
    DeclaredFacts {
        services: given.services.is().map(|at| texts(&at.value)),
        retention: given.retention.value(),
        attributes,
    }
}
