//! The cells of one region for one caller, decided as they are asked for and remembered.

use std::fmt;
use std::sync::{Arc, OnceLock};

use super::cell::{Cell, RuleId};
use super::classes::Classes;
use super::decide::Decider;
use super::plan::KeyRules;
use crate::model::{ClassId, RegionName};

/// Within what equal values have equal tokens.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TokenScope {
    /// Where the values are stored.
    pub region: RegionName,
    /// What the caller asks for; empty where nothing was stated that is known.
    pub purpose: Arc<str>,
    /// Counts up as keys are rotated.
    pub epoch: u32,
}

/// What may be seen of one region by class.
pub struct Ruled {
    classes: Arc<Classes>,
    keys: KeyRules,
    tokens: TokenScope,
    row: Arc<Row>,
    withholds: OnceLock<bool>,
    digest: String,
    grant: Option<Arc<str>>,
}

/// The cells of a region, and of all others with the same facts.
pub(super) struct Row {
    cells: Box<[OnceLock<Cell>]>,
    /// None where every cell is there from the start.
    decider: Option<Decider>,
}

impl Row {
    pub(super) fn of(decider: Decider) -> Self {
        let cells = (0..decider.book.facts().classes.len()).map(|_| OnceLock::new()).collect();
        Self { cells, decider: Some(decider) }
    }

    /// Nothing is shown, and nothing may be asked.
    pub(super) fn shut(classes: &Classes) -> Self {
        Self { cells: classes.iter().map(|_| Cell::SHUT.into()).collect(), decider: None }
    }

    #[inline]
    fn cell(&self, class: ClassId) -> Cell {
        let Some(cell) = self.cells.get(class.index()) else { return Cell::SHUT };
        match cell.get() {
            Some(cell) => *cell,
            None => *cell.get_or_init(|| self.decide(class)),
        }
    }

    #[cold]
    fn decide(&self, class: ClassId) -> Cell {
        self.decider.as_ref().map_or(Cell::SHUT, |decider| decider.cell(class))
    }
}

impl Ruled {
    /// Cells that are known from the start, decided by no policy.
    pub fn fixed(classes: Arc<Classes>, region: RegionName, mut cell: impl FnMut(ClassId) -> Cell) -> Self {
        let cells: Box<[OnceLock<Cell>]> = classes.iter().map(|(class, _)| cell(class).into()).collect();
        let digest = digest_of_cells(&classes, &region, &cells);
        let tokens = TokenScope { region, purpose: "".into(), epoch: 0 };
        Self::lazy(classes, Arc::new(Row { cells, decider: None }), tokens, digest)
    }

    /// Cells that are decided as they are asked for. `digest` stands for whatever they depend on.
    pub(super) fn lazy(classes: Arc<Classes>, row: Arc<Row>, tokens: TokenScope, digest: String) -> Self {
        Self {
            classes,
            keys: KeyRules::default(),
            tokens,
            row,
            withholds: OnceLock::new(),
            digest,
            grant: None,
        }
    }

    /// The same with listed keys on top, which only take away.
    #[must_use]
    pub fn with_keys(mut self, keys: KeyRules) -> Self {
        self.keys = keys;
        self
    }

    /// The same, and that a grant lifts something of it.
    #[must_use]
    pub(super) fn under(mut self, grant: Option<&str>) -> Self {
        self.grant = grant.map(Arc::from);
        self
    }

    /// The grant that lifts something of it, by its id.
    pub fn grant(&self) -> Option<&str> {
        self.grant.as_deref()
    }

    /// The decision for a class; everything is shut for a number that is not of the table.
    #[inline]
    pub fn cell(&self, class: ClassId) -> Cell {
        self.row.cell(class)
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

    /// Names of the policies that settled a cell; none where no policy did.
    pub fn rule_names(&self, rule: RuleId) -> Vec<&str> {
        let Some(decider) = &self.row.decider else { return Vec::new() };
        rule.numbers().filter_map(|number| decider.book.rule(number)).map(|rule| rule.id.as_str()).collect()
    }

    pub(super) fn digest(&self) -> &str {
        &self.digest
    }
}

fn digest_of_cells(classes: &Classes, region: &RegionName, cells: &[OnceLock<Cell>]) -> String {
    let mut hasher = blake3::Hasher::new();
    hasher.update(region.as_str().as_bytes());
    for ((_, class), cell) in classes.iter().zip(cells) {
        hasher.update(class.name.as_bytes()).update(format!("{cell:?}").as_bytes());
    }
    hasher.finalize().to_hex().to_string()
}

impl fmt::Debug for Ruled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Ruled");
        shown.field("tokens", &self.tokens).field("digest", &self.digest).finish_non_exhaustive()
    }
}

/// Plans are the same where everything is that they depend on.
impl PartialEq for Ruled {
    fn eq(&self, other: &Self) -> bool {
        self.digest == other.digest && self.keys == other.keys && self.tokens == other.tokens
    }
}

impl Eq for Ruled {}
