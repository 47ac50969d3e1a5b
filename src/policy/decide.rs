//! From verdicts to a cell: the first rung that is allowed, the rights, the care, and of several places of
//! delivery the more restrictive.

use std::sync::Arc;

use super::cell::{Cell, RuleId, Rung};
use super::facts::{Basis, CareMode};
use super::rulebook::{Act, Asker, Broken, Rulebook, Situation, Verdict};
use crate::model::grant::Lift;
use crate::model::{Caller, ClassId, Jurisdiction};

/// Everything that was asked for one class in one situation, and what came of it.
#[derive(Debug, Clone)]
pub struct Leg {
    pub delivered: Jurisdiction,
    pub basis: Basis,
    pub mode: CareMode,
    pub cell: Cell,
    /// In the order of asking. Nothing is asked about rights to a value that is not shown.
    pub verdicts: Vec<Verdict>,
    /// Numbers of the policies that settled the rung; none where the allow-list did.
    pub settled_by: Vec<u16>,
}

/// A decision with its reasons.
#[derive(Debug, Clone)]
pub struct Explanation {
    pub cell: Cell,
    /// Numbers of all policies that settled the rung: those that deny milder ones, then those that permit it.
    pub settled_by: Vec<u16>,
    /// One for each place of delivery; the first is the configured one.
    pub legs: Vec<Leg>,
}

/// One caller in the situations that one region puts them in.
#[derive(Debug)]
pub struct Decider {
    pub(super) book: Arc<Rulebook>,
    pub(super) asker: Arc<Asker>,
    pub(super) situations: Vec<Situation>,
}

impl Decider {
    /// One caller and one region, as an answer goes to each of these places.
    pub fn new(
        book: &Arc<Rulebook>,
        caller: &Caller,
        (region, stored): (&str, &Jurisdiction),
        delivered: &[&Jurisdiction],
    ) -> Result<Self, Broken> {
        let purpose = book.purpose(caller);
        let situation = |place: &&Jurisdiction| book.situation(region, stored, place, purpose);
        let situations: Result<Vec<_>, _> = delivered.iter().map(situation).collect();
        Ok(Self { book: book.clone(), asker: Arc::new(book.asker(caller)?), situations: situations? })
    }

    /// The same under a grant.
    pub fn lifted(self, lift: &Lift) -> Result<Self, Broken> {
        let situations = self.situations.into_iter().map(|situation| self.book.lifted(situation, lift));
        Ok(Self { situations: situations.collect::<Result<_, _>>()?, ..self })
    }

    pub(super) fn cell(&self, class: ClassId) -> Cell {
        self.explain(class).cell
    }

    /// No situation at all decides nothing, so that nothing is shown.
    pub fn explain(&self, class: ClassId) -> Explanation {
        let legs: Vec<Leg> = self.situations.iter().map(|situation| self.leg(situation, class)).collect();
        let rank = |cell: &Cell| self.rank(class, cell.rung);
        let strictest = legs.iter().reduce(|a, b| if rank(&b.cell) > rank(&a.cell) { b } else { a });
        let Some(strictest) = strictest else {
            return Explanation { cell: Cell::SHUT, settled_by: Vec::new(), legs };
        };
        let cells = || legs.iter().map(|leg| leg.cell);
        let cell = Cell {
            may_filter: cells().all(|cell| cell.may_filter),
            may_group: cells().all(|cell| cell.may_group),
            may_list: cells().all(|cell| cell.may_list),
            care: cells().map(|cell| cell.care).max().unwrap_or(Cell::SHUT.care),
            ..strictest.cell
        };
        let settled_by = strictest.settled_by.clone();
        Explanation { cell, settled_by, legs }
    }

    fn leg(&self, situation: &Situation, class: ClassId) -> Leg {
        let facts = self.book.facts();
        let of = facts.classes.get(class);
        let mode = facts.care(&situation.region, &situation.stored, of, situation.basis);
        let ask = |act| self.book.ask(&self.asker, situation, act, class);
        let mut verdicts = Vec::new();
        let mut rung = Rung::Dropped;
        for step in std::iter::once(Rung::Raw).chain(of.ladder.iter().copied()) {
            let Some(act) = Act::of_rung(step) else { continue };
            let verdict = ask(act);
            let is_allowed = verdict.is_allowed;
            verdicts.push(verdict);
            if is_allowed {
                rung = step;
                break;
            }
        }
        let mut settled_by = settled(&verdicts);
        // Of a key that no one told of nothing is known, so that no policy could speak for it.
        if mode == CareMode::AllowList && class == facts.classes.unknown() && rung != Rung::Dropped {
            rung = Rung::Dropped;
            settled_by.clear();
        }
        let rule = RuleId::of(settled_by.iter().copied());
        let mut may = |act| {
            let is_shown = rung != Rung::Dropped;
            let verdict = is_shown.then(|| ask(act));
            let is_allowed = verdict.as_ref().is_some_and(|verdict| verdict.is_allowed);
            verdicts.extend(verdict);
            is_allowed
        };
        let (may_filter, may_group, may_list) = (may(Act::FilterOn), may(Act::GroupBy), may(Act::ListValues));
        let cell = Cell { rung, may_filter, may_group, may_list, care: mode.care(), rule };
        Leg {
            delivered: situation.delivered.clone(),
            basis: situation.basis,
            mode,
            cell,
            verdicts,
            settled_by,
        }
    }

    /// How restrictive a rung is for a class: by its own ladder.
    fn rank(&self, class: ClassId, rung: Rung) -> usize {
        let ladder = &self.book.facts().classes.get(class).ladder;
        match rung {
            Rung::Raw => 0,
            Rung::Dropped => usize::MAX,
            between => ladder.iter().position(|step| *step == between).map_or(usize::MAX, |at| at + 1),
        }
    }
}

/// Denials first, in the order of asking, then what permits; each policy once.
fn settled(verdicts: &[Verdict]) -> Vec<u16> {
    let mut numbers = Vec::new();
    for number in verdicts.iter().flat_map(|verdict| &verdict.rules) {
        if !numbers.contains(number) {
            numbers.push(*number);
        }
    }
    numbers
}
