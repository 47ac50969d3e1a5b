//! A folder of policies: its own files and its packs, read, put together, tried and only then taken.
//!
//! What the words mean is for `policy`; here they are found, with their places. Facts are TOML, decisions are
//! Cedar, and `keys.toml` lists keys as ever, alone or on top.

mod cases;
mod classes;
mod compose;
mod facts;
mod part;
mod shipped;
mod strangers;
mod tree;
mod trial;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use shipped::shipped;
pub(super) use strangers::find as find_strangers;
pub use strangers::meant_jurisdiction;
pub use trial::{Trial, TriedCase, TriedMatrix};

use super::fault::{Faults, Finding, Findings, LoadError, Place, Source, quoted};
use super::given::{At, Given};
use super::keys;
use super::quantity::Wrong;
use super::resolve::Declared;
use super::world::World;
use crate::model::{Jurisdiction, RegionName};
use crate::policy::{KeyRules, Policies, PolicyRegion, Rulebook};
use crate::redaction::Redactor;
use crate::redaction::ring::KeyRing;
use compose::{Composed, compose};
use part::Part;
pub(super) use tree::BASELINE;
use tree::{KEYS, PartFiles, Root};

/// A folder as a configuration means it.
pub(super) struct Wanted<'a> {
    pub folder: &'a At<String>,
    /// Packs by name, where some are named.
    pub packs: &'a Given<Vec<At<String>>>,
    /// Where the gateway assembles, if that is known.
    pub delivered: Option<Jurisdiction>,
    pub regions: &'a [(RegionName, Jurisdiction)],
    /// Where each region says in which jurisdiction it lies.
    pub places: &'a [Place],
}

/// A folder looked at by itself, without a gateway.
#[derive(Debug)]
pub struct PolicyFolder {
    pub path: PathBuf,
    /// What is in force together: the folder's own policies with the baseline, or the pack with what it needs.
    pub book: Option<Arc<Rulebook>>,
    /// Name and title.
    pub packs: Vec<(String, String)>,
    pub trials: Vec<Trial>,
    pub has_keys: bool,
}

/// Reads and tries the policies of a configuration.
pub(super) fn load(
    wanted: &Wanted<'_>,
    declared: &Declared,
    world: &mut World<'_>,
    out: &mut Findings,
) -> Option<Policies> {
    let folder = world.path(&wanted.folder.value);
    let place = &wanted.folder.place;
    let root = tree::root(&folder, place, world, out)?;
    let names = in_force(wanted.packs, place, &root, out);
    let files = read_packs(&folder, &names, world, out);
    let mut own = Findings::default();
    let keys = listed_keys(&root, declared, &mut own);
    let parts = read_parts(&root.own, &files, wanted.regions, &mut own);
    let is_read = !own.has_faults();
    out.extend(own);
    check_needs(&parts, out);
    if parts.iter().all(Part::is_empty) {
        if keys.is_none() && !out.has_faults() {
            let what = format!("folder {} holds no policies", quoted(&wanted.folder.value));
            let remedy =
                "put `keys.toml`, policies or a pack there, or take `policies` away to show everything";
            out.fault(place, what, remedy);
        }
        return keys.map(Policies::of_keys);
    }
    let all: Vec<&Part> = parts.iter().collect();
    let composed = compose(&all, Some(wanted.regions), place, out)?;
    check_classes(&all, &composed.book, place, out);
    if !is_read {
        return None;
    }
    for trial in try_parts(&parts, &composed, wanted.regions, place, out) {
        trial::report(&trial, out);
    }
    let is_regime = |part: &&Part| !part.name.is_empty() && part.name != BASELINE;
    let regimes: Vec<&str> = parts.iter().filter(is_regime).map(|part| part.name.as_str()).collect();
    strangers::find(composed.book.facts(), (wanted.regions, wanted.places), &regimes, out);
    let mut keys = keys.unwrap_or_default();
    let region = |(name, jurisdiction): &(RegionName, Jurisdiction)| PolicyRegion {
        name: name.clone(),
        jurisdiction: jurisdiction.clone(),
        keys: keys.remove(name).unwrap_or_default(),
    };
    let regions = wanted.regions.iter().map(region).collect();
    Some(Policies::of_rules(composed.book, wanted.delivered.clone()?, regions))
}

/// Looks at a folder of policies, or at one pack, without a configuration. Faults are complete.
pub fn look_at(path: &Path) -> Result<(PolicyFolder, Vec<Finding>), LoadError> {
    let mut world = World::around(&path.join("."), &|_| None);
    let mut out = Findings::default();
    let source = Source::new(path.display().to_string(), "");
    let folder = look(path, &Place::whole(&source), &mut world, &mut out);
    let is_faulty = out.has_faults();
    let findings = compose::without_repetitions(out.sorted());
    match folder {
        Some(folder) if !is_faulty => Ok((folder, findings)),
        _ => Err(LoadError::Faulty(Faults { findings, sources: world.sources })),
    }
}

/// Like [`look_at`], and what is not as the cases expect is in the trials and no fault.
pub fn try_out(path: &Path) -> Result<PolicyFolder, LoadError> {
    let mut world = World::around(&path.join("."), &|_| None);
    let mut out = Findings::default();
    let source = Source::new(path.display().to_string(), "");
    let folder = read_folder(path, &Place::whole(&source), &mut world, &mut out);
    let is_faulty = out.has_faults();
    match folder {
        Some(folder) if !is_faulty => Ok(folder),
        _ => {
            let findings = compose::without_repetitions(out.sorted());
            Err(LoadError::Faulty(Faults { findings, sources: world.sources }))
        }
    }
}

/// Writes the matrices of a folder anew; the paths of those that changed.
pub fn write_matrices(folder: &PolicyFolder) -> std::io::Result<Vec<PathBuf>> {
    let mut changed = Vec::new();
    let is_pack = folder.path.join(tree::PACK).is_file();
    for trial in &folder.trials {
        let base = if is_pack { folder.path.clone() } else { folder.path.join(&trial.part) };
        for matrix in &trial.matrices {
            let path = base.join(&matrix.path);
            if std::fs::read(&path).is_ok_and(|written| written == matrix.csv.as_bytes()) {
                continue;
            }
            std::fs::write(&path, &matrix.csv)?;
            changed.push(path);
        }
    }
    Ok(changed)
}

fn look(path: &Path, place: &Place, world: &mut World<'_>, out: &mut Findings) -> Option<PolicyFolder> {
    let folder = read_folder(path, place, world, out)?;
    folder.trials.iter().for_each(|trial| trial::report(trial, out));
    Some(folder)
}

fn read_folder(
    path: &Path,
    place: &Place,
    world: &mut World<'_>,
    out: &mut Findings,
) -> Option<PolicyFolder> {
    if path.join(tree::PACK).is_file() {
        return read_one_pack(path, place, world, out);
    }
    let root = tree::root(path, place, world, out)?;
    let files = read_packs(path, &named(&root.packs, place), world, out);
    let parts = read_parts(&root.own, &files, &[], out);
    check_needs(&parts, out);
    let has_keys = root.own.files.contains_key(KEYS);
    if parts.iter().all(Part::is_empty) && !has_keys {
        out.fault(place, "the folder holds no policies", "name a folder of policies, or one pack");
    }
    let is_in_force = |part: &&Part| part.name.is_empty() || part.name == BASELINE;
    let in_force: Vec<&Part> = parts.iter().filter(is_in_force).collect();
    let composed = match in_force.iter().all(|part| part.is_empty()) {
        true => None,
        false => Some(compose(&in_force, None, place, out)?),
    };
    // Each of the others stands with what it needs; that all of them can stand together is looked at too.
    let all: Vec<&Part> = parts.iter().filter(|part| !part.is_empty()).collect();
    if !all.is_empty() {
        check_classes(&all, &compose(&all, None, place, out)?.book, place, out);
    }
    let trials = match &composed {
        Some(composed) => try_parts(&parts, composed, &[], place, out),
        None => try_packs(&parts, &[], place, out),
    };
    let book = composed.map(|composed| composed.book);
    Some(PolicyFolder { path: path.to_owned(), book, packs: titles(&parts), trials, has_keys })
}

/// One pack with what it needs, which lies beside it.
fn read_one_pack(
    path: &Path,
    place: &Place,
    world: &mut World<'_>,
    out: &mut Findings,
) -> Option<PolicyFolder> {
    let whole = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let name = whole.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let beside = path.join("..");
    let own = tree::pack(path, &name, place, world, out)?;
    let mut parts = vec![Part::read(&own, &[], out)];
    // Packs need few others, and each is read once, so that this ends.
    let mut nth = 0;
    while let Some(needs) = parts.get(nth).map(|part| part.pack.needs.clone()) {
        for need in needs {
            if parts.iter().all(|part| part.name != need.value) {
                let files = tree::pack(&beside.join(&need.value), &need.value, &need.place, world, out)?;
                parts.insert(nth + 1, Part::read(&files, &[], out));
            }
        }
        nth += 1;
    }
    // What is needed stands first, as in a folder.
    parts.reverse();
    let all: Vec<&Part> = parts.iter().collect();
    let composed = compose(&all, None, place, out)?;
    check_classes(&all, &composed.book, place, out);
    let of_pack = parts.iter().filter(|part| part.name == name);
    let trials = of_pack.map(|part| trial::run(part, &composed)).collect();
    let packs = titles(&parts);
    Some(PolicyFolder { path: path.to_owned(), book: Some(composed.book), packs, trials, has_keys: false })
}

fn titles(parts: &[Part]) -> Vec<(String, String)> {
    let packs = parts.iter().filter(|part| !part.name.is_empty());
    packs.map(|part| (part.name.clone(), part.pack.title.clone())).collect()
}

/// Whether keys and values can be classified by these facts: detectors that there are, no key of two classes.
fn check_classes(parts: &[&Part], book: &Rulebook, place: &Place, out: &mut Findings) {
    let Err(why) = Redactor::new(book.facts().classes.clone(), KeyRing::none(), 0) else { return };
    let why = why.to_string();
    let mut classes = parts.iter().flat_map(|part| &part.classes.classes);
    let of_class = classes.find(|class| why.contains(&format!("`{}`", class.facts.name)));
    out.fault(of_class.map_or(place, |class| &class.place), why, "correct it in classes.toml");
}

/// Names of packs, as if somebody had written them.
fn named(packs: &[String], place: &Place) -> Vec<At<String>> {
    packs.iter().map(|name| At { value: name.clone(), place: place.clone() }).collect()
}

/// The packs that are in force: those that are named, else the baseline if it is there.
fn in_force(
    given: &Given<Vec<At<String>>>,
    place: &Place,
    root: &Root,
    out: &mut Findings,
) -> Vec<At<String>> {
    let Some(given) = given.is() else {
        return named(&root.packs, place).into_iter().filter(|pack| pack.value == BASELINE).collect();
    };
    let mut names: Vec<At<String>> = Vec::new();
    for pack in &given.value {
        if !root.packs.contains(&pack.value) {
            let known = if root.packs.is_empty() { "none".to_owned() } else { root.packs.join(", ") };
            let what = format!("there is no pack {}", quoted(&pack.value));
            out.fault(&pack.place, what, format!("packs of the folder: {known}"));
        } else if names.iter().any(|other| other.value == pack.value) {
            out.fault(
                &pack.place,
                format!("pack {} stands there twice", quoted(&pack.value)),
                "name it once",
            );
        } else {
            names.push(pack.clone());
        }
    }
    names
}

fn read_packs(
    folder: &Path,
    names: &[At<String>],
    world: &mut World<'_>,
    out: &mut Findings,
) -> Vec<PartFiles> {
    let read =
        |name: &At<String>| tree::pack(&folder.join(&name.value), &name.value, &name.place, world, out);
    names.iter().filter_map(read).collect()
}

/// The packs in their order, then the folder's own.
fn read_parts(
    own: &PartFiles,
    packs: &[PartFiles],
    regions: &[(RegionName, Jurisdiction)],
    out: &mut Findings,
) -> Vec<Part> {
    packs.iter().chain([own]).map(|files| Part::read(files, regions, out)).collect()
}

fn check_needs(parts: &[Part], out: &mut Findings) {
    for need in parts.iter().flat_map(|part| &part.pack.needs) {
        if parts.iter().all(|part| part.name != need.value) {
            let what = format!("it builds on pack {}, which is not in force", quoted(&need.value));
            out.fault(&need.place, what, format!("write `packs = [\"{}\", ..]` in `[gateway]`", need.value));
        }
    }
}

fn listed_keys(
    root: &Root,
    declared: &Declared,
    out: &mut Findings,
) -> Option<BTreeMap<RegionName, KeyRules>> {
    let source = root.own.files.get(KEYS)?;
    keys::read(source, declared, out)
}

/// Tries each part: the folder's own policies in the whole set, a pack with what it needs.
fn try_parts(
    parts: &[Part],
    whole: &Composed,
    regions: &[(RegionName, Jurisdiction)],
    place: &Place,
    out: &mut Findings,
) -> Vec<Trial> {
    let mut trials = try_packs(parts, regions, place, out);
    let own =
        parts.iter().filter(|part| part.name.is_empty() && (!part.is_empty() || !part.cases.is_empty()));
    trials.extend(own.map(|part| trial::run(part, whole)));
    trials
}

fn try_packs(
    parts: &[Part],
    regions: &[(RegionName, Jurisdiction)],
    place: &Place,
    out: &mut Findings,
) -> Vec<Trial> {
    let mut trials = Vec::new();
    for pack in parts.iter().filter(|part| !part.name.is_empty()) {
        let with_needs = closure(parts, pack);
        let regions = (!regions.is_empty()).then_some(regions);
        if let Some(composed) = compose(&with_needs, regions, place, out) {
            trials.push(trial::run(pack, &composed));
        }
    }
    trials
}

/// A pack and whatever it needs, in the order of the set.
fn closure<'a>(parts: &'a [Part], pack: &'a Part) -> Vec<&'a Part> {
    let mut names = vec![pack.name.as_str()];
    let mut nth = 0;
    while let Some(name) = names.get(nth) {
        let needs = parts.iter().filter(|part| part.name == *name).flat_map(|part| &part.pack.needs);
        let new: Vec<&str> =
            needs.map(|need| need.value.as_str()).filter(|need| !names.contains(need)).collect();
        names.extend(new);
        nth += 1;
    }
    parts.iter().filter(|part| !part.name.is_empty() && names.contains(&part.name.as_str())).collect()
}

/// Like that of the regions, at the top of a file too.
fn require<T>(given: &Given<T>, of: &Place, key: &str, example: &str, out: &mut Findings) {
    if given.is_absent() {
        let dot = if of.key.is_empty() { "" } else { "." };
        let place = Place { key: format!("{}{dot}{key}", of.key), ..of.clone() };
        out.fault(&place, format!("`{key}` is missing"), format!("write `{example}`"));
    }
}

/// A name of classes, groups, purposes, callers: safe in a table and in a message.
fn name_of(text: &str) -> Result<String, Wrong> {
    let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'_' | b'-' | b'.');
    let is_name = (1..=NAME_BYTES_MAX).contains(&text.len())
        && text.bytes().all(fits)
        && text.split('.').all(|part| !part.is_empty());
    if is_name {
        return Ok(text.to_owned());
    }
    let what = format!("{} is no name", quoted(text));
    let remedy = format!("write 1 to {NAME_BYTES_MAX} of a-z, 0-9, `_`, `-`, and `.` between them");
    Err(Wrong::new(what, remedy))
}

/// Longer is a slip.
const NAME_BYTES_MAX: usize = 64;
