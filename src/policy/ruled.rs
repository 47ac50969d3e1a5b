//! The cells of one region for one caller, decided as they are asked for and remembered.

use std::fmt;
use std::sync::{Arc, OnceLock};

use super::cell::{Cell, RuleId};
use super::classes::Classes;
use super::plan::KeyRules;
use crate::model::{ClassId, RegionName};

/// Within what equal values have equal tokens.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TokenScope {
    /// Where the values are stored.
    pub region: RegionName,
    /// What the caller asks for; empty where nothing was stated.
    pub purpose: Arc<str>,
    /// Counts up as keys are rotated.
    pub epoch: u32,
}

/// What may be seen of one region by class.
pub struct Ruled {
    classes: Arc<Classes>,
    keys: KeyRules,
    tokens: TokenScope,
    cells: Box<[OnceLock<Cell>]>,
    rules: Arc<[String]>,
    withholds: OnceLock<bool>,
    digest: String,
}

impl Ruled {
    /// Cells that are known from the start, decided by no policy.
    pub fn fixed(classes: Arc<Classes>, region: RegionName, mut cell: impl FnMut(ClassId) -> Cell) -> Self {
        let cells: Box<[OnceLock<Cell>]> = classes.iter().map(|(class, _)| cell(class).into()).collect();
        let digest = digest(&classes, &region, &cells);
        Self {
            classes,
            keys: KeyRules::default(),
            tokens: TokenScope { region, purpose: "".into(), epoch: 0 },
            cells,
            rules: Arc::default(),
            withholds: OnceLock::new(),
            digest,
        }
    }

    /// The same with listed keys on top, which only take away.
    #[must_use]
    pub fn with_keys(mut self, keys: KeyRules) -> Self {
        self.keys = keys;
        self
    }

    /// The same with tokens of another scope.
    #[must_use]
    pub fn with_tokens(mut self, tokens: TokenScope) -> Self {
        self.tokens = tokens;
        self
    }

    /// The decision for a class; everything is shut for a number that is not of the table.
    #[inline]
    pub fn cell(&self, class: ClassId) -> Cell {
        match self.cells.get(class.index()) {
            Some(cell) => *cell.get_or_init(|| Cell::SHUT),
            None => Cell::SHUT,
        }
    }

    pub fn classes(&self) -> &Classes {
        &self.classes
    }

    /// Listed keys, which hold besides and are stricter.
    pub fn keys(&self) -> &KeyRules {
        &self.keys
    }

    pub fn tokens(&self) -> &TokenScope {
        &self.tokens
    }

    /// Whether values of the class stay as they are.
    pub fn is_untouched(&self, class: ClassId) -> bool {
        self.cell(class).rung == super::Rung::Raw
    }

    /// Whether anything may be withheld, or may not be asked about.
    pub fn withholds(&self) -> bool {
        *self.withholds.get_or_init(|| {
            !self.keys.is_empty() || self.classes.iter().any(|(class, _)| !self.cell(class).is_open())
        })
    }

    /// Names of the policies that settled a cell.
    pub fn rule_names(&self, rule: RuleId) -> impl Iterator<Item = &str> {
        let name = |number: u16| self.rules.get(usize::from(number)).map(String::as_str);
        rule.numbers().filter_map(name).collect::<Vec<_>>().into_iter()
    }

    pub(super) fn digest(&self) -> &str {
        &self.digest
    }
}

fn digest(classes: &Classes, region: &RegionName, cells: &[OnceLock<Cell>]) -> String {
    let mut hasher = blake3::Hasher::new();
    hasher.update(region.as_str().as_bytes());
    for ((_, class), cell) in classes.iter().zip(cells) {
        hasher.update(class.name.as_bytes()).update(format!("{cell:?}").as_bytes());
    }
    hasher.finalize().to_hex().to_string()
}

impl fmt::Debug for Ruled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ruled")
            .field("tokens", &self.tokens)
            .field("digest", &self.digest)
            .finish_non_exhaustive()
    }
}

impl PartialEq for Ruled {
    fn eq(&self, other: &Self) -> bool {
        self.digest == other.digest && self.keys == other.keys && self.tokens == other.tokens
    }
}

impl Eq for Ruled {}
