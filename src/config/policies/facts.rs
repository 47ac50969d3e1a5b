//! `facts.toml`, `purposes.toml` and `pack.toml`: jurisdictions, care, tokens; what callers may ask for; what a
//! pack is and needs. Each by itself; what they mean together is for `compose`.

use std::sync::Arc;

use super::super::fault::quoted;
use super::super::fault::{Findings, Place, Source};
use super::super::given::{At, Given};
use super::super::quantity::{Wrong, closest};
use super::super::table::{self, Table};
use super::super::words;
use super::{name_of, require};
use crate::policy::{CareMode, JurisdictionFacts, PurposeFacts};

#[derive(Debug, Default)]
pub(super) struct GivenFacts {
    pub jurisdictions: Vec<JurisdictionFacts>,
    pub care: Vec<GivenCare>,
    pub epoch: Option<At<u32>>,
}

/// One `[[care]]`. Absent lists are of everything.
#[derive(Debug)]
pub(super) struct GivenCare {
    pub stored: Vec<At<String>>,
    pub groups: Vec<At<String>>,
    pub home: CareMode,
    pub adequate: CareMode,
    pub none: CareMode,
}

#[derive(Debug)]
pub(super) struct GivenPurpose {
    pub place: Place,
    pub facts: PurposeFacts,
    pub concerns: Vec<At<String>>,
}

/// What a pack says of itself.
#[derive(Debug, Default)]
pub(super) struct GivenPack {
    pub title: String,
    pub needs: Vec<At<String>>,
}

pub(super) fn facts(source: &Arc<Source>, out: &mut Findings) -> GivenFacts {
    let (document, _) = table::parse(source, out);
    let mut root = Table::root(source, document.get_ref());
    let jurisdictions = root.tables("jurisdiction", out).into_value().unwrap_or_default();
    let care = root.tables("care", out).into_value().unwrap_or_default();
    let epoch = match root.table("tokens", out) {
        Given::Is(At { value: mut tokens, .. }) => {
            let epoch = tokens.whole("epoch", 0..=u64::from(u32::MAX), out);
            tokens.close(out);
            match epoch {
                Given::Is(at) => u32::try_from(at.value).ok().map(|value| At { value, place: at.place }),
                Given::Absent | Given::Faulty => None,
            }
        }
        Given::Absent | Given::Faulty => None,
    };
    let given = GivenFacts {
        jurisdictions: jurisdictions.into_iter().filter_map(|table| jurisdiction(table, out)).collect(),
        care: care.into_iter().filter_map(|table| self::care(table, out)).collect(),
        epoch,
    };
    root.close(out);
    given
}

fn jurisdiction(mut table: Table<'_>, out: &mut Findings) -> Option<JurisdictionFacts> {
    let place = table.place.clone();
    let name = table.parsed("name", out, words::jurisdiction);
    let title = table.text("title", out);
    let mut adequate = Vec::new();
    for text in table.texts("adequate", out).into_value().unwrap_or_default() {
        match words::jurisdiction(&text.value) {
            Ok(name) => adequate.push(name),
            Err(wrong) => out.fault(&text.place, wrong.what, wrong.remedy),
        }
    }
    table.close(out);
    require(&name, &place, "name", "name = \"EU\"", out);
    Some(JurisdictionFacts { name: name.into_value()?, title: title.or(String::new()), adequate })
}

fn care(mut table: Table<'_>, out: &mut Findings) -> Option<GivenCare> {
    let place = table.place.clone();
    let stored = table.texts("stored", out);
    let groups = table.texts("groups", out);
    for (list, key) in [(&stored, "stored"), (&groups, "groups")] {
        if let Some(at) = list.is()
            && at.value.is_empty()
        {
            let what = format!("`{key}` is an empty list, so that this holds for nothing");
            out.fault(&at.place, what, "name something, or take the line away to mean everything");
        }
    }
    let modes = ["home", "adequate", "none"].map(|key| {
        let mode = table.parsed(key, out, care_mode);
        require(&mode, &place, key, &format!("{key} = \"paranoid\""), out);
        mode.into_value()
    });
    table.close(out);
    let [home, adequate, none] = modes;
    Some(GivenCare {
        stored: stored.into_value().unwrap_or_default(),
        groups: groups.into_value().unwrap_or_default(),
        home: home?,
        adequate: adequate?,
        none: none?,
    })
}

fn care_mode(text: &str) -> Result<CareMode, Wrong> {
    let known = CareMode::ALL.map(CareMode::as_str);
    let found = CareMode::ALL.into_iter().find(|mode| mode.as_str() == text);
    found.ok_or_else(|| {
        let remedy = match closest(text, known) {
            Some(meant) => format!("did you mean \"{meant}\"?"),
            None => format!("write one of {}", known.join(", ")),
        };
        Wrong::new(format!("{} is no mode of care", quoted(text)), remedy)
    })
}

pub(super) fn purposes(source: &Arc<Source>, out: &mut Findings) -> Vec<GivenPurpose> {
    let (document, _) = table::parse(source, out);
    let mut root = Table::root(source, document.get_ref());
    let tables = root.tables("purpose", out).into_value().unwrap_or_default();
    let purposes = tables.into_iter().filter_map(|table| purpose(table, out)).collect();
    root.close(out);
    purposes
}

fn purpose(mut table: Table<'_>, out: &mut Findings) -> Option<GivenPurpose> {
    let place = table.place.clone();
    let name = table.parsed("name", out, name_of);
    let title = table.text("title", out);
    let basis = table.text("basis", out);
    let concerns = table.texts("concerns", out);
    table.close(out);
    require(&name, &place, "name", "name = \"incident\"", out);
    require(&title, &place, "title", "title = \"Finding and mending a fault\"", out);
    require(&concerns, &place, "concerns", "concerns = [\"pii.basic\"]", out);
    if let Some(at) = concerns.is()
        && at.value.is_empty()
    {
        out.fault(&at.place, "a purpose that concerns nothing is none", "name classes or groups");
    }
    let concerns = concerns.into_value()?;
    let facts = PurposeFacts {
        name: name.into_value()?,
        title: title.or(String::new()),
        basis: basis.or(String::new()),
        concerns: concerns.iter().map(|at| at.value.clone()).collect(),
    };
    Some(GivenPurpose { place, facts, concerns })
}

pub(super) fn pack(source: &Arc<Source>, out: &mut Findings) -> GivenPack {
    let (document, _) = table::parse(source, out);
    let mut root = Table::root(source, document.get_ref());
    let title = root.text("title", out);
    let needs = root.texts("needs", out).into_value().unwrap_or_default();
    root.close(out);
    require(&title, &Place::whole(source), "title", "title = \"What the pack is for\"", out);
    GivenPack { title: title.or(String::new()), needs }
}
