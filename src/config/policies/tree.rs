//! The files of a folder of policies, as they lie there: its own and those of its packs. Knows their names and not
//! what stands in them. Fails closed: a file that this version cannot read refuses the whole folder, because what
//! it would have hidden would be shown.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use super::super::fault::{Findings, Place, Source, quoted};
use super::super::world::{CONFIG_BYTES_MAX, FOLDER_ENTRIES_MAX, World};

/// Beside policies, what they rest on.
pub(super) const CLASSES: &str = "classes.toml";
pub(super) const PURPOSES: &str = "purposes.toml";
pub(super) const FACTS: &str = "facts.toml";
/// Listed keys: only in the folder itself.
pub(super) const KEYS: &str = "keys.toml";
/// What makes a folder a pack.
pub(super) const PACK: &str = "pack.toml";
/// The shipped schema, for editors: only in the folder itself.
pub(super) const SCHEMA: &str = "schema.cedarschema";
/// The pack that is in force where nothing is said.
pub(in crate::config) const BASELINE: &str = "baseline";
const TESTS: &str = "tests";
const GOLDEN: &str = "golden";

/// A folder of its own, or the files of the folder that holds the packs.
#[derive(Debug, Default)]
pub(super) struct PartFiles {
    /// The pack's name; empty for the folder itself.
    pub name: String,
    /// By the path within the part: `tests/home.toml`.
    pub files: BTreeMap<String, Arc<Source>>,
}

/// What lies in the folder itself.
#[derive(Debug, Default)]
pub(super) struct Root {
    pub own: PartFiles,
    /// Folders that are packs by their `pack.toml`, whether anyone wants them or not.
    pub packs: Vec<String>,
}

/// Hidden files (as Kubernetes makes them), editors' copies and documentation are no policies.
fn is_aside(name: &str) -> bool {
    name.starts_with('.') || name.ends_with('~') || name.ends_with(".md")
}

/// What a part may hold, by its path within it.
fn is_readable(path: &str, is_root: bool) -> bool {
    match path.split_once('/') {
        None if is_root && (path == KEYS || path == SCHEMA) => true,
        None if !is_root && path == PACK => true,
        None => [CLASSES, PURPOSES, FACTS].contains(&path) || path.ends_with(".cedar"),
        Some((TESTS, name)) => name.ends_with(".toml"),
        Some((GOLDEN, name)) => name.ends_with(".toml") || name.ends_with(".csv"),
        Some(_) => false,
    }
}

/// Looks at the folder itself. Packs are named and not read.
pub(super) fn root(folder: &Path, place: &Place, world: &mut World<'_>, out: &mut Findings) -> Option<Root> {
    let names = match world.names(folder) {
        Ok(names) => names,
        Err(why) => {
            let remedy = "create it, or correct the path; it is relative to the folder of this file";
            let shown = folder.file_name().unwrap_or(folder.as_os_str()).to_string_lossy();
            out.fault(place, format!("folder {} {why}", quoted(&shown)), remedy);
            return None;
        }
    };
    let mut root = Root::default();
    let mut plain = Vec::new();
    for name in names {
        let is_of_part = name == TESTS || name == GOLDEN;
        if !is_of_part && !is_aside(&name) && world.is_folder(&folder.join(&name)) {
            if world.names(&folder.join(&name)).is_ok_and(|names| names.iter().any(|file| file == PACK)) {
                root.packs.push(name);
            } else {
                let what = format!("folder {} is no pack: it has no `{PACK}`", quoted(&name));
                let remedy = "write a `pack.toml` with a `title` in it, or move the folder away";
                out.fault(place, what, remedy);
            }
        } else {
            plain.push(name);
        }
    }
    read(folder, "", plain, place, world, &mut root.own, out);
    Some(root)
}

/// Reads a pack.
pub(super) fn pack(
    folder: &Path,
    name: &str,
    place: &Place,
    world: &mut World<'_>,
    out: &mut Findings,
) -> Option<PartFiles> {
    let mut part = PartFiles { name: name.to_owned(), files: BTreeMap::new() };
    let names = world.names(folder);
    match names {
        Ok(names) => read(folder, "", names, place, world, &mut part, out),
        Err(why) => {
            let remedy = "name a folder beside the policies that has a `pack.toml`";
            out.fault(place, format!("pack {} {why}", quoted(name)), remedy);
            return None;
        }
    }
    Some(part)
}

fn read(
    folder: &Path,
    within: &str,
    names: Vec<String>,
    place: &Place,
    world: &mut World<'_>,
    part: &mut PartFiles,
    out: &mut Findings,
) {
    if names.len() > FOLDER_ENTRIES_MAX {
        let what = "the folder has too many files to be a folder of policies";
        out.fault(place, what, "correct the path");
        return;
    }
    for name in names {
        let path = folder.join(&name);
        let relative = format!("{within}{name}");
        if is_aside(&name) {
            continue;
        }
        if within.is_empty() && (name == TESTS || name == GOLDEN) && world.is_folder(&path) {
            let inner = world.names(&path).unwrap_or_default();
            read(&path, &format!("{name}/"), inner, place, world, part, out);
            continue;
        }
        if !is_readable(&relative, part.name.is_empty()) {
            let shown = if part.name.is_empty() { relative } else { format!("{}/{relative}", part.name) };
            let what = format!(
                "this version cannot read policy {}, and what it hides would be shown",
                quoted(&shown)
            );
            let remedy = "move it out of the folder; read are *.cedar, classes.toml, purposes.toml, facts.toml, \
                          keys.toml, tests/*.toml, golden/*.toml and *.csv, and packs";
            out.fault(place, what, remedy);
            continue;
        }
        let bytes = world.read(&path, CONFIG_BYTES_MAX);
        match bytes.and_then(|bytes| String::from_utf8(bytes).map_err(|_| "is no text in UTF-8".to_owned())) {
            Ok(text) => {
                part.files.insert(relative, Source::new(path.display().to_string(), text));
            }
            Err(why) => {
                let remedy = "make it readable for the gateway's user";
                out.fault(place, format!("file {} {why}", quoted(&relative)), remedy);
            }
        }
    }
}
