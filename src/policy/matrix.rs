//! The matrix: for some callers and ways between jurisdictions, what every class becomes. It is written down and
//! compared, so that a change of policy shows as a change of lines that somebody signs.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::Arc;

use super::cases::{Stored, rights};
use super::cell::Cell;
use super::decide::Decider;
use super::rulebook::{Act, Broken, Rulebook};
use crate::model::{Caller, Jurisdiction};

/// Whom and which ways a matrix is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MatrixPlan {
    pub callers: Vec<(String, Caller)>,
    /// From where to where.
    pub ways: Vec<(Jurisdiction, Jurisdiction)>,
}

/// A table of words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Matrix {
    pub head: Vec<String>,
    pub rows: Vec<Vec<String>>,
}

/// A line of a matrix as written down that is not as the policies have it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// From 1; the line after the last where one is missing at the end.
    pub line: usize,
    pub what: String,
}

/// In the column of callers, where a row is about none: how carefully values are looked at.
const CARE: &str = "care";

/// Differences that are told; whoever sees so many writes the matrix anew and reads what changed.
const DIFFERENCES_MAX: usize = 20;

impl MatrixPlan {
    pub fn matrix(&self, book: &Arc<Rulebook>) -> Result<Matrix, Broken> {
        let way = |(from, to): &(Jurisdiction, Jurisdiction)| format!("{from} to {to}");
        let head = ["caller", "class"].map(str::to_owned).into_iter().chain(self.ways.iter().map(way));
        let mut rows = self.care(book);
        for (name, caller) in &self.callers {
            let deciders: Result<Vec<Decider>, Broken> =
                self.ways.iter().map(|(from, to)| decider(book, caller, from, to)).collect();
            let deciders = deciders?;
            for (class, of) in book.facts().classes.iter() {
                let cells = deciders.iter().map(|decider| words(&decider.cell(class)));
                rows.push([name.clone(), of.name.clone()].into_iter().chain(cells).collect());
            }
        }
        Ok(Matrix { head: head.collect(), rows })
    }

    /// By group, since care knows no callers and no single class but `unknown`.
    fn care(&self, book: &Rulebook) -> Vec<Vec<String>> {
        let facts = book.facts();
        let mut groups = BTreeMap::new();
        for (_, class) in facts.classes.iter() {
            groups.entry(class.group.as_str()).or_insert(class);
        }
        let row = |(group, class)| {
            let mode = |(from, to): &(Jurisdiction, Jurisdiction)| {
                facts.care("", from, class, facts.basis(from, to)).as_str().to_owned()
            };
            [CARE.to_owned(), format!("group {group}")]
                .into_iter()
                .chain(self.ways.iter().map(mode))
                .collect()
        };
        groups.into_iter().map(row).collect()
    }
}

fn decider(
    book: &Arc<Rulebook>,
    caller: &Caller,
    from: &Jurisdiction,
    to: &Jurisdiction,
) -> Result<Decider, Broken> {
    let stored = Stored { region: String::new(), jurisdiction: from.clone() };
    let claimed = caller.home.iter().filter(|home| *home != to);
    let places: Vec<&Jurisdiction> = std::iter::once(to).chain(claimed).collect();
    Decider::new(book, caller, (&stored.region, &stored.jurisdiction), &places)
}

/// A cell in words: the rung, and what may be asked.
pub fn words(cell: &Cell) -> String {
    let mut words = cell.rung.as_str().to_owned();
    for act in rights(cell) {
        let _ = write!(
            words,
            " {}",
            match act {
                Act::FilterOn => "filter",
                Act::GroupBy => "group",
                _ => "list",
            }
        );
    }
    words
}

impl Matrix {
    /// As a file. No name in it holds a comma or a quote.
    pub fn csv(&self) -> String {
        let mut csv = String::new();
        for row in std::iter::once(&self.head).chain(&self.rows) {
            csv.push_str(&row.join(","));
            csv.push('\n');
        }
        csv
    }

    /// Where a matrix as written down differs from this one.
    pub fn differences(&self, written: &str) -> Vec<Difference> {
        let key = |line: &str| line.splitn(3, ',').take(2).collect::<Vec<_>>().join(", ");
        let own = self.csv();
        let own_lines: BTreeSet<&str> = own.lines().collect();
        let mut missing: BTreeMap<String, &str> = own.lines().map(|line| (key(line), line)).collect();
        let mut differences = Vec::new();
        for (nth, line) in written.lines().enumerate() {
            let is_known = missing.remove(&key(line));
            let what = match is_known {
                Some(expected) if expected == line || own_lines.contains(line) => continue,
                Some(expected) => changed(line, expected, &self.head),
                None => format!("`{}` is not there, or twice", key(line)),
            };
            differences.push(Difference { line: nth + 1, what });
        }
        let end = written.lines().count() + 1;
        let told = missing.into_keys().map(|key| format!("`{key}` is missing"));
        differences.extend(told.map(|what| Difference { line: end, what }));
        let more = differences.len().saturating_sub(DIFFERENCES_MAX);
        differences.truncate(DIFFERENCES_MAX);
        if more > 0 {
            differences.push(Difference { line: end, what: format!("{more} more lines differ") });
        }
        differences
    }
}

/// Which cells of a line differ.
fn changed(written: &str, expected: &str, head: &[String]) -> String {
    let (written, expected): (Vec<&str>, Vec<&str>) =
        (written.split(',').collect(), expected.split(',').collect());
    let subject = expected.iter().take(2).copied().collect::<Vec<_>>().join(", ");
    let cells = expected.iter().zip(head).enumerate().filter_map(|(nth, (cell, way))| {
        let before = written.get(nth).copied().unwrap_or_default();
        (before != *cell).then(|| format!("{way} is `{cell}` and was `{before}`"))
    });
    let mut told: Vec<String> = cells.collect();
    if written.len() != expected.len() {
        told.push(format!("it has {} columns and not {}", written.len(), expected.len()));
    }
    format!("{subject}: {}", told.join("; "))
}
