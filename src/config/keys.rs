//! `keys.toml` of a folder of policies: which attributes of which regions are masked or dropped by their keys, alone
//! or on top of what is decided by class.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::fault::{Finding, Findings, Level, Place, Source, quoted};
use super::given::{At, Given};
use super::quantity::Wrong;
use super::resolve::Declared;
use super::table::{self, Table};
use crate::model::RegionName;
use crate::policy::{KeyRules, Plan, RegionPlan, Treatment};

/// What the file is called.
const KEYS_FILE: &str = "keys.toml";
/// Longer is no attribute key but a slip.
const KEY_BYTES_MAX: usize = 256;

/// Reads the text of a `keys.toml` for the declared regions.
pub fn parse_keys(text: &str, declared: &[RegionName]) -> Result<Plan, Vec<Finding>> {
    let mut out = Findings::default();
    let declared = Declared { names: declared.to_vec(), meant: Vec::new() };
    let rules = read(&Source::new(KEYS_FILE, text), &declared, &mut out);
    match rules {
        Some(rules) if !out.has_faults() => {
            Ok(Plan::new(rules.into_iter().map(|(name, keys)| (name, RegionPlan::Keys(keys))).collect()))
        }
        _ => Err(out.sorted().into_iter().filter(|finding| finding.level == Level::Fault).collect()),
    }
}

/// One `[[rule]]`.
struct Rule {
    regions: Vec<RegionName>,
    keys: Vec<String>,
    treatment: Treatment,
}

/// The rules of a whole file, by region.
pub(super) fn read(
    source: &Arc<Source>,
    declared: &Declared,
    out: &mut Findings,
) -> Option<BTreeMap<RegionName, KeyRules>> {
    let (document, is_whole) = table::parse(source, out);
    let mut root = Table::root(source, document.get_ref());
    let given = root.tables("rule", out);
    root.close(out);
    if given.is_absent() && is_whole {
        let place = Place { key: "rule".to_owned(), ..Place::whole(source) };
        out.warn(&place, "no rule: every attribute is shown as it is stored", "write `[[rule]]`");
    }
    let tables = given.into_value().unwrap_or_default();
    let rules: Vec<_> = tables.into_iter().map(|table| rule(table, declared, out)).collect();
    let rules: Option<Vec<Rule>> = rules.into_iter().collect();
    Some(by_region(&rules?))
}

fn by_region(rules: &[Rule]) -> BTreeMap<RegionName, KeyRules> {
    let mut listed: BTreeMap<RegionName, Vec<(String, Treatment)>> = BTreeMap::new();
    for rule in rules {
        for region in &rule.regions {
            let keys = rule.keys.iter().map(|key| (key.clone(), rule.treatment));
            listed.entry(region.clone()).or_default().extend(keys);
        }
    }
    listed.into_iter().map(|(name, keys)| (name, KeyRules::new(keys))).collect()
}

/// A rule, or nothing when any part of it is at fault: half a rule would hide less than it says.
fn rule(mut table: Table<'_>, declared: &Declared, out: &mut Findings) -> Option<Rule> {
    let place = table.place.clone();
    let regions = regions(&mut table, declared, out);
    let keys = keys(&mut table, out);
    let treatment = table.parsed("treatment", out, treatment);
    table.close(out);
    let missing = [
        (regions.is_absent(), "regions", "regions = \"*\""),
        (keys.is_absent(), "keys", "keys = [\"user.email\"]"),
        (treatment.is_absent(), "treatment", "treatment = \"mask\""),
    ];
    for (_, key, example) in missing.into_iter().filter(|(is_absent, ..)| *is_absent) {
        let place = Place { key: format!("{}.{key}", place.key), ..place.clone() };
        out.fault(&place, format!("`{key}` is missing"), format!("write `{example}`"));
    }
    Some(Rule { regions: regions.into_value()?, keys: keys.into_value()?, treatment: treatment.value()? })
}

fn regions(table: &mut Table<'_>, declared: &Declared, out: &mut Findings) -> Given<Vec<RegionName>> {
    if let Some(all) = table.peek_text("regions") {
        if all.value == "*" {
            return Given::Is(At { value: declared.names.clone(), place: all.place });
        }
        let what = format!("{} is neither a list of regions nor \"*\"", quoted(&all.value));
        out.fault(&all.place, what, "write `regions = [\"eu-central\"]` or `regions = \"*\"`");
        return Given::Faulty;
    }
    table.texts("regions", out).map_at(|names, place| {
        refuse_empty(&names, &place, "names no region", "write `[\"eu-central\"]` or \"*\"", out);
        names.iter().filter_map(|name| declared.find(name, out)).collect()
    })
}

fn keys(table: &mut Table<'_>, out: &mut Findings) -> Given<Vec<String>> {
    table.texts("keys", out).map_at(|keys, place| {
        refuse_empty(
            &keys,
            &place,
            "lists no key, so the rule hides nothing",
            "write `[\"user.email\"]`",
            out,
        );
        for key in &keys {
            check_key(key, out);
        }
        keys.into_iter().map(|key| key.value).collect()
    })
}

/// A key that would match nothing hides nothing, without a word.
fn check_key(key: &At<String>, out: &mut Findings) {
    let text = key.value.as_str();
    if text.is_empty() || text.len() > KEY_BYTES_MAX || text.trim() != text {
        let remedy = format!("write 1 to {KEY_BYTES_MAX} bytes without space around them");
        out.fault(&key.place, format!("{} is no attribute key", quoted(text)), remedy);
    } else if text.contains('*') {
        let what = format!("{} is a pattern, and this version only compares whole keys", quoted(text));
        out.fault(&key.place, what, "list each key");
    } else if text.starts_with(['.', '@']) {
        let remedy = "write the key alone, as the span has it: \"user.email\"";
        out.fault(&key.place, format!("{} begins as in a query, not as a key", quoted(text)), remedy);
    } else if text.starts_with("span.") || text.starts_with("resource.") {
        let what = format!("{} is compared with the whole key, and few keys begin like this", quoted(text));
        out.warn(&key.place, what, "write the key alone if this was meant as in a query");
    }
}

fn refuse_empty<T>(list: &[T], place: &Place, what: &str, remedy: &str, out: &mut Findings) {
    if list.is_empty() {
        out.fault(place, format!("the list {what}"), remedy);
    }
}

fn treatment(text: &str) -> Result<Treatment, Wrong> {
    match text {
        "mask" => Ok(Treatment::Mask),
        "drop" => Ok(Treatment::Drop),
        other => {
            let remedy = "write \"mask\" (the key stays, the value goes) or \"drop\" (both go)";
            Err(Wrong::new(format!("{} is no treatment", quoted(other)), remedy))
        }
    }
}
