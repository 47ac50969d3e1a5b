//! `classes.toml`: the classes of data, and what keys and values tell of them.

use std::sync::Arc;

use super::super::fault::{Findings, Place, Source, quoted};
use super::super::given::{At, Given};
use super::super::quantity::{Wrong, closest};
use super::super::table::{self, Table};
use super::{name_of, require};
use crate::classify::structure::Structure;
use crate::policy::{ClassFacts, Generalise, KeyLists, Mask, Rung};

/// Classes of one file, and its lists of keys.
#[derive(Debug, Default)]
pub(super) struct GivenClasses {
    pub classes: Vec<GivenClass>,
    pub lists: KeyLists,
}

/// One `[[class]]`.
#[derive(Debug)]
pub(super) struct GivenClass {
    pub place: Place,
    pub facts: ClassFacts,
    /// Nothing but names are listed: it adds to a class that another file has.
    pub is_addition: bool,
}

const MASKS: [(&str, Mask); 6] = [
    ("full", Mask::Full),
    ("email", Mask::Email),
    ("phone", Mask::Phone),
    ("pan", Mask::Pan),
    ("iban", Mask::Iban),
    ("last4", Mask::LastFour),
];

const GENERALISATIONS: [(&str, Generalise); 7] = [
    ("none", Generalise::None),
    ("ip", Generalise::Ip),
    ("date", Generalise::Date),
    ("year", Generalise::BirthDate),
    ("geo", Generalise::Geo),
    ("user_agent", Generalise::UserAgent),
    ("postal", Generalise::PostalCode),
];

const STEPS: [(&str, Rung); 3] =
    [("generalised", Rung::Generalised), ("pseudonymised", Rung::Pseudonymised), ("masked", Rung::Masked)];

pub(super) fn read(source: &Arc<Source>, out: &mut Findings) -> GivenClasses {
    let (document, _) = table::parse(source, out);
    let mut root = Table::root(source, document.get_ref());
    let classes = root.tables("class", out).into_value().unwrap_or_default();
    let classes = classes.into_iter().filter_map(|table| class(table, out)).collect();
    let (safe_keys, safe_templates) = lists(&mut root, "safe", out);
    let (scan_keys, scan_templates) = lists(&mut root, "scan", out);
    let skip_words = match root.table("skip", out) {
        Given::Is(At { value: mut skip, .. }) => {
            let words = texts(&mut skip, "words", out);
            skip.close(out);
            words
        }
        Given::Absent | Given::Faulty => Vec::new(),
    };
    root.close(out);
    let lists = KeyLists { safe_keys, safe_templates, scan_keys, scan_templates, skip_words };
    GivenClasses { classes, lists }
}

fn lists(root: &mut Table<'_>, key: &'static str, out: &mut Findings) -> (Vec<String>, Vec<String>) {
    let Given::Is(At { value: mut table, .. }) = root.table(key, out) else { return Default::default() };
    let both = (texts(&mut table, "keys", out), texts(&mut table, "templates", out));
    table.close(out);
    both
}

fn class(mut table: Table<'_>, out: &mut Findings) -> Option<GivenClass> {
    let place = table.place.clone();
    let name = table.parsed("name", out, name_of);
    let title = table.text("title", out);
    let group = table.parsed("group", out, name_of);
    let ladder = ladder(&mut table, out);
    let mask = table.parsed("mask", out, |text| one_of(text, "mask", &MASKS));
    let generalise = table.parsed("generalise", out, |text| one_of(text, "generalisation", &GENERALISATIONS));
    let echo = table.flag("echo", out);
    let structure = table.parsed("structure", out, structure);
    let is_addition = title.is_absent()
        && group.is_absent()
        && ladder.is_absent()
        && mask.is_absent()
        && generalise.is_absent()
        && echo.is_absent()
        && structure.is_absent();
    let facts = ClassFacts {
        detectors: texts(&mut table, "detectors", out),
        keys: texts(&mut table, "keys", out),
        templates: texts(&mut table, "templates", out),
        words: texts(&mut table, "words", out),
        ladder: ladder.or(Vec::new()),
        mask: mask.or(Mask::default()),
        generalise: generalise.or(Generalise::default()),
        echo: echo.or(false),
        structure: structure.value(),
        title: title.or(String::new()),
        group: group.or(String::new()),
        name: name.or(String::new()),
    };
    table.close(out);
    require(&name, &place, "name", "name = \"pii.email\"", out);
    if !is_addition {
        require(&title, &place, "title", "title = \"E-mail address\"", out);
        require(&group, &place, "group", "group = \"pii.basic\"", out);
    }
    if let Some(ladder) = ladder.is()
        && ladder.value.contains(&Rung::Generalised)
        && facts.generalise == Generalise::None
    {
        let what = "the ladder has `generalised`, and nothing says how";
        out.fault(&ladder.place, what, "write `generalise = \"ip\"`, or take the rung away");
    }
    name.is().map(|_| GivenClass { place, facts, is_addition })
}

fn ladder(table: &mut Table<'_>, out: &mut Findings) -> Given<Vec<Rung>> {
    let texts = table.texts("ladder", out);
    texts.map_at(|texts, place| {
        let mut rungs = Vec::new();
        for text in &texts {
            match one_of(&text.value, "rung between raw and dropped", &STEPS) {
                Ok(rung) if rungs.contains(&rung) => {
                    let what = format!("{} stands there twice", quoted(&text.value));
                    out.fault(&text.place, what, "name each rung once, the mildest first");
                }
                Ok(rung) => rungs.push(rung),
                Err(wrong) => out.fault(&text.place, wrong.what, wrong.remedy),
            }
        }
        debug_assert!(rungs.len() <= STEPS.len(), "{place}");
        rungs
    })
}

fn structure(text: &str) -> Result<String, Wrong> {
    if Structure::parse(text).is_some() {
        return Ok(text.to_owned());
    }
    Err(unknown(text, "structure", Structure::names()))
}

fn one_of<T: Copy>(text: &str, what: &str, known: &[(&'static str, T)]) -> Result<T, Wrong> {
    let found = known.iter().find(|(name, _)| *name == text);
    found.map(|(_, value)| *value).ok_or_else(|| unknown(text, what, known.iter().map(|(name, _)| *name)))
}

fn unknown(text: &str, what: &str, known: impl Iterator<Item = &'static str>) -> Wrong {
    let known: Vec<&'static str> = known.collect();
    let remedy = match closest(text, known.iter().copied()) {
        Some(meant) => format!("did you mean \"{meant}\"?"),
        None => format!("write one of {}", known.join(", ")),
    };
    Wrong::new(format!("{} is no {what}", quoted(text)), remedy)
}

/// A list of texts that each say something.
fn texts(table: &mut Table<'_>, key: &'static str, out: &mut Findings) -> Vec<String> {
    let given = table.texts(key, out).into_value().unwrap_or_default();
    let mut texts = Vec::new();
    for text in given {
        if text.value.trim().is_empty() || text.value.trim() != text.value {
            let what = format!("{} is empty, or has space around it", quoted(&text.value));
            out.fault(&text.place, what, "write it without, or take it away");
        } else {
            texts.push(text.value);
        }
    }
    texts
}
