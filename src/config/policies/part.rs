//! One part of a set of policies, read: the folder's own files, or a pack. Each file by itself.

use std::sync::Arc;

use super::super::fault::{Findings, Place, Source};
use super::cases::{self, GivenCase, Regions};
use super::classes::{self, GivenClasses};
use super::facts::{self, GivenFacts, GivenPack, GivenPurpose};
use super::tree::{CLASSES, FACTS, PACK, PURPOSES, PartFiles};
use crate::policy::matrix::MatrixPlan;

#[derive(Debug)]
pub(super) struct Part {
    /// Empty for the folder's own files.
    pub name: String,
    pub pack: GivenPack,
    /// Path within the folder, and the text.
    pub cedar: Vec<(String, Arc<Source>)>,
    pub classes: GivenClasses,
    pub purposes: Vec<GivenPurpose>,
    pub facts: GivenFacts,
    pub cases: Vec<GivenCase>,
    pub golden: Vec<Golden>,
}

/// A matrix: whom it is about, and what is written down.
#[derive(Debug)]
pub(super) struct Golden {
    /// Path of the table within the part: `golden/roles.csv`.
    pub csv_path: String,
    pub plan_source: Arc<Source>,
    pub plan: MatrixPlan,
    pub written: Option<Arc<Source>>,
}

impl Part {
    pub(super) fn read(files: &PartFiles, regions: &Regions, out: &mut Findings) -> Self {
        let get = |name: &str| files.files.get(name);
        let prefix = if files.name.is_empty() { String::new() } else { format!("{}/", files.name) };
        let cedar = files.files.iter().filter(|(path, _)| path.ends_with(".cedar"));
        let tests = files.files.iter().filter(|(path, _)| path.starts_with("tests/"));
        Self {
            name: files.name.clone(),
            pack: get(PACK).map(|source| facts::pack(source, out)).unwrap_or_default(),
            cedar: cedar.map(|(path, source)| (format!("{prefix}{path}"), source.clone())).collect(),
            classes: get(CLASSES).map(|source| classes::read(source, out)).unwrap_or_default(),
            purposes: get(PURPOSES).map(|source| facts::purposes(source, out)).unwrap_or_default(),
            facts: get(FACTS).map(|source| facts::facts(source, out)).unwrap_or_default(),
            cases: tests.flat_map(|(_, source)| cases::cases(source, regions, out)).collect(),
            golden: golden(files, out),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.cedar.is_empty() && self.classes.classes.is_empty()
    }
}

fn golden(files: &PartFiles, out: &mut Findings) -> Vec<Golden> {
    let mut golden = Vec::new();
    let of_golden = |path: &&String| path.starts_with("golden/");
    for path in files.files.keys().filter(of_golden) {
        let Some(source) = files.files.get(path) else { continue };
        if let Some(stem) = path.strip_suffix(".toml") {
            let csv_path = format!("{stem}.csv");
            let Some(plan) = cases::matrix(source, out) else { continue };
            let written = files.files.get(&csv_path).cloned();
            golden.push(Golden { csv_path, plan_source: source.clone(), plan, written });
        } else if let Some(stem) = path.strip_suffix(".csv")
            && !files.files.contains_key(&format!("{stem}.toml"))
        {
            let what = "nothing says whom this matrix is about";
            out.fault(&Place::whole(source), what, format!("write {stem}.toml, or take the file away"));
        }
    }
    golden
}
