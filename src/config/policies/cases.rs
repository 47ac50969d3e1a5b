//! `tests/*.toml` and `golden/*.toml`: what people expect of policies, and whom the matrix is about. The claims of
//! a caller are written the same way in both.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use super::super::fault::{Findings, Place, Source, quoted};
use super::super::given::{At, Given};
use super::super::quantity::Wrong;
use super::super::table::{self, Table};
use super::super::words;
use super::require;
use crate::model::grant::Lift;
use crate::model::{Caller, Jurisdiction, RegionName};
use crate::policy::cases::{Case, Stored};
use crate::policy::matrix::MatrixPlan;
use crate::policy::{Act, Rung};

/// Declared regions with their jurisdictions.
pub(super) type Regions = [(RegionName, Jurisdiction)];

#[derive(Debug, Clone)]
pub(super) struct GivenCase {
    pub place: Place,
    pub case: Case,
}

const RIGHTS: [(&str, Act); 3] =
    [("filter", Act::FilterOn), ("group", Act::GroupBy), ("list", Act::ListValues)];

pub(super) fn cases(source: &Arc<Source>, regions: &Regions, out: &mut Findings) -> Vec<GivenCase> {
    let (document, _) = table::parse(source, out);
    let mut root = Table::root(source, document.get_ref());
    let tables = root.tables("case", out);
    root.close(out);
    if tables.is_absent() {
        out.fault(&Place::whole(source), "there is no case in it", "write `[[case]]`, or take the file away");
    }
    let tables = tables.into_value().unwrap_or_default();
    tables.into_iter().flat_map(|table| case(table, regions, out).unwrap_or_default()).collect()
}

/// One `[[case]]`, once for each class it names.
fn case(mut table: Table<'_>, regions: &Regions, out: &mut Findings) -> Option<Vec<GivenCase>> {
    let place = table.place.clone();
    let name = table.text("name", out);
    let caller = claims(&mut table, out);
    let classes = table.texts("classes", out);
    let stored = table.parsed("stored", out, |text| self::stored(text, regions));
    let delivered =
        table.parsed("delivered", out, |text| self::stored(text, regions).map(|stored| stored.jurisdiction));
    let grant = table.texts("grant", out);
    let rung = table.parsed("rung", out, rung);
    let rights = rights(&mut table, out);
    let rules = table.texts("rules", out);
    table.close(out);
    require(&name, &place, "name", "name = \"support sees no e-mail abroad\"", out);
    require(&classes, &place, "classes", "classes = [\"pii.email\"]", out);
    require(&stored, &place, "stored", "stored = \"EU\"", out);
    require(&delivered, &place, "delivered", "delivered = \"US\"", out);
    require(&rung, &place, "rung", "rung = \"masked\"", out);
    if let Some(at) = classes.is()
        && at.value.is_empty()
    {
        out.fault(&at.place, "the list names no class, so that nothing is looked at", "name one");
    }
    let texts = |given: &Vec<At<String>>| given.iter().map(|at| at.value.clone()).collect::<BTreeSet<_>>();
    let rules = rules.is().map(|at| texts(&at.value));
    let lift = grant.is().map(|at| Lift {
        id: "case".to_owned(),
        classes: texts(&at.value),
        regions: None,
        expires: Duration::ZERO,
    });
    let (name, stored, delivered) = (name.into_value()?, stored.into_value()?, delivered.into_value()?);
    let rung = rung.into_value()?;
    let case = |class: At<String>| Case {
        name: name.clone(),
        caller: caller.clone(),
        class: class.value,
        stored: stored.clone(),
        delivered: delivered.clone(),
        lift: lift.clone(),
        rung,
        rights: rights.clone(),
        rules: rules.clone(),
    };
    let classes = classes.into_value()?;
    Some(classes.into_iter().map(|class| GivenCase { place: place.clone(), case: case(class) }).collect())
}

/// A declared region, or any of a jurisdiction.
fn stored(text: &str, regions: &Regions) -> Result<Stored, Wrong> {
    if let Some((name, jurisdiction)) = regions.iter().find(|(name, _)| name.as_str() == text) {
        return Ok(Stored { region: name.to_string(), jurisdiction: jurisdiction.clone() });
    }
    words::jurisdiction(text).map(|jurisdiction| Stored { region: String::new(), jurisdiction })
}

fn rung(text: &str) -> Result<Rung, Wrong> {
    Rung::parse(text).ok_or_else(|| {
        let known = Rung::ALL.map(Rung::as_str).join(", ");
        Wrong::new(format!("{} is no rung", quoted(text)), format!("write one of {known}"))
    })
}

fn rights(table: &mut Table<'_>, out: &mut Findings) -> Option<BTreeSet<Act>> {
    let given = table.texts("rights", out).into_value()?;
    let mut acts = BTreeSet::new();
    for text in given {
        match RIGHTS.iter().find(|(name, _)| *name == text.value) {
            Some((_, act)) => {
                acts.insert(*act);
            }
            None => {
                let what = format!("{} is no right", quoted(&text.value));
                out.fault(&text.place, what, "write some of filter, group, list");
            }
        }
    }
    Some(acts)
}

/// What is said of a caller: the claims, but for who it is.
fn claims(table: &mut Table<'_>, out: &mut Findings) -> Caller {
    let mut set = |key: &'static str, out: &mut Findings| {
        let texts = table.texts(key, out).into_value().unwrap_or_default();
        texts.into_iter().map(|text| text.value).collect::<BTreeSet<String>>()
    };
    let (roles, groups, clearances) = (set("roles", out), set("groups", out), set("clearances", out));
    Caller {
        roles,
        groups,
        clearances,
        home: table.parsed("home", out, words::jurisdiction).into_value(),
        purpose: table.text("purpose", out).into_value(),
        ..Caller::anonymous()
    }
}

/// Whom a matrix is about, and which ways.
pub(super) fn matrix(source: &Arc<Source>, out: &mut Findings) -> Option<MatrixPlan> {
    let (document, _) = table::parse(source, out);
    let mut root = Table::root(source, document.get_ref());
    let callers = root.tables("caller", out);
    let ways = root.texts("ways", out);
    root.close(out);
    let whole = Place::whole(source);
    require(&callers, &whole, "caller", "[[caller]]", out);
    require(&ways, &whole, "ways", "ways = [\"EU to US\"]", out);
    let mut named: Vec<(String, Caller)> = Vec::new();
    for mut table in callers.into_value()? {
        let place = table.place.clone();
        let name = table.parsed("name", out, super::name_of);
        let caller = claims(&mut table, out);
        table.close(out);
        require(&name, &place, "name", "name = \"sre\"", out);
        let Given::Is(At { value: name, place }) = name else { continue };
        if named.iter().any(|(other, _)| *other == name) {
            out.fault(&place, format!("{} is there twice", quoted(&name)), "give each its own name");
        }
        named.push((name, caller));
    }
    let mut read = Vec::new();
    for text in ways.into_value()? {
        match way(&text.value) {
            Ok(way) => read.push(way),
            Err(wrong) => out.fault(&text.place, wrong.what, wrong.remedy),
        }
    }
    Some(MatrixPlan { callers: named, ways: read })
}

fn way(text: &str) -> Result<(Jurisdiction, Jurisdiction), Wrong> {
    let remedy = "write two jurisdictions as in \"EU to US\"";
    let Some((from, to)) = text.split_once(" to ") else {
        return Err(Wrong::new(format!("{} is no way between jurisdictions", quoted(text)), remedy));
    };
    Ok((words::jurisdiction(from)?, words::jurisdiction(to)?))
}
