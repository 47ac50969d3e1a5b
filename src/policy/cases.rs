//! Cases: what somebody expects of a rulebook, and whether it is so. A policy that no case hits is not known to do
//! anything.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::cell::{Cell, Rung};
use super::decide::{Decider, Explanation};
use super::rulebook::{Act, Broken, Rulebook};
use crate::model::grant::Lift;
use crate::model::{Caller, Jurisdiction};

/// Where data lie: a region, or any region of a jurisdiction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// Empty where only the jurisdiction is said.
    pub region: String,
    pub jurisdiction: Jurisdiction,
}

/// What somebody expects. What is not said is not looked at, but for the rung.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Case {
    pub name: String,
    pub caller: Caller,
    pub class: String,
    pub stored: Stored,
    pub delivered: Jurisdiction,
    /// Under a grant.
    pub lift: Option<Lift>,
    pub rung: Rung,
    /// Exactly these rights, of `filterOn`, `groupBy` and `listValues`.
    pub rights: Option<BTreeSet<Act>>,
    /// Exactly these policies settle the rung.
    pub rules: Option<BTreeSet<String>>,
}

/// What came of a case.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Outcome {
    /// Sentences; none where all is as expected.
    pub failures: Vec<String>,
    /// Numbers of the policies that had a word in it.
    pub hit: BTreeSet<u16>,
}

/// Decides one class for one caller, as an answer goes to one place; and to where the caller says they are.
pub fn explain(
    book: &Arc<Rulebook>,
    caller: &Caller,
    class: &str,
    stored: &Stored,
    delivered: &Jurisdiction,
    lift: Option<&Lift>,
) -> Result<Option<Explanation>, Broken> {
    let Some(class) = book.facts().classes.by_name(class) else { return Ok(None) };
    let claimed = caller.home.iter().filter(|home| *home != delivered);
    let places: Vec<&Jurisdiction> = std::iter::once(delivered).chain(claimed).collect();
    let decider = Decider::new(book, caller, (&stored.region, &stored.jurisdiction), &places)?;
    let decider = match lift {
        Some(lift) => decider.lifted(lift)?,
        None => decider,
    };
    Ok(Some(decider.explain(class)))
}

pub fn run(book: &Arc<Rulebook>, case: &Case) -> Outcome {
    match explain(book, &case.caller, &case.class, &case.stored, &case.delivered, case.lift.as_ref()) {
        Ok(Some(explanation)) => compare(book, case, &explanation),
        Ok(None) => failed(format!("there is no class `{}`", case.class)),
        Err(broken) => failed(broken.to_string()),
    }
}

fn failed(why: String) -> Outcome {
    Outcome { failures: vec![why], ..Outcome::default() }
}

fn compare(book: &Rulebook, case: &Case, explanation: &Explanation) -> Outcome {
    let cell = &explanation.cell;
    let mut failures = Vec::new();
    let settled = names(book, &explanation.settled_by);
    let by = if settled.is_empty() { "no policy".to_owned() } else { settled.join(", ") };
    if cell.rung != case.rung {
        failures.push(format!("it is {}, not {}, by {by}", cell.rung.as_str(), case.rung.as_str()));
    }
    let rights = rights(cell);
    if let Some(expected) = &case.rights
        && *expected != rights
    {
        failures.push(format!("allowed are {}, expected {}", listed(&rights), listed(expected)));
    }
    if let Some(expected) = &case.rules {
        let settled: BTreeSet<&str> = settled.iter().map(String::as_str).collect();
        if settled != expected.iter().map(String::as_str).collect() {
            let expected: Vec<&str> = expected.iter().map(String::as_str).collect();
            let expected = if expected.is_empty() { "no policy".to_owned() } else { expected.join(", ") };
            failures.push(format!("it is settled by {by}, not by {expected}"));
        }
    }
    let verdicts = explanation.legs.iter().flat_map(|leg| &leg.verdicts);
    Outcome { failures, hit: verdicts.flat_map(|verdict| verdict.rules.iter().copied()).collect() }
}

/// What may be asked, by a cell.
pub fn rights(cell: &Cell) -> BTreeSet<Act> {
    let held =
        [(cell.may_filter, Act::FilterOn), (cell.may_group, Act::GroupBy), (cell.may_list, Act::ListValues)];
    held.into_iter().filter(|(is_held, _)| *is_held).map(|(_, act)| act).collect()
}

/// The ids of policies by their numbers.
pub fn names(book: &Rulebook, numbers: &[u16]) -> Vec<String> {
    numbers.iter().filter_map(|number| book.rule(*number)).map(|rule| rule.id.clone()).collect()
}

fn listed(acts: &BTreeSet<Act>) -> String {
    if acts.is_empty() {
        return "none".to_owned();
    }
    acts.iter().map(|act| act.as_str()).collect::<Vec<_>>().join(", ")
}
