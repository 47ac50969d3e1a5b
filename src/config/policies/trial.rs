//! Cases and matrices, tried on the rulebook they are about.

use std::collections::BTreeSet;

use super::super::fault::{Findings, Place};
use super::compose::Composed;
use super::part::Part;
use crate::policy::cases;

/// What came of the cases and matrices of one part.
#[derive(Debug, Clone)]
pub struct Trial {
    /// The pack's name; empty for the folder's own.
    pub part: String,
    pub policies: usize,
    pub cases: Vec<TriedCase>,
    /// Policies that no case hits.
    pub missed: Vec<Place>,
    pub matrices: Vec<TriedMatrix>,
}

#[derive(Debug, Clone)]
pub struct TriedCase {
    pub name: String,
    pub class: String,
    pub place: Place,
    /// None where all is as expected.
    pub failures: Vec<String>,
}

#[derive(Debug, Clone)]
pub struct TriedMatrix {
    /// Where it is or should be, within the part's folder.
    pub path: String,
    /// As the policies have it.
    pub csv: String,
    pub is_written: bool,
    pub differences: Vec<(Place, String)>,
}

impl Trial {
    pub fn is_good(&self) -> bool {
        self.missed.is_empty()
            && self.cases.iter().all(|case| case.failures.is_empty())
            && self.matrices.iter().all(|matrix| matrix.is_written && matrix.differences.is_empty())
    }
}

/// Tries the cases of a part on the set it is part of. Every policy of the part must be hit by one.
pub(super) fn run(part: &Part, composed: &Composed) -> Trial {
    let mut hit = BTreeSet::new();
    let mut tried = Vec::with_capacity(part.cases.len());
    for given in &part.cases {
        let outcome = cases::run(&composed.book, &given.case);
        hit.extend(outcome.hit);
        tried.push(TriedCase {
            name: given.case.name.clone(),
            class: given.case.class.clone(),
            place: given.place.clone(),
            failures: outcome.failures,
        });
    }
    let own = composed.of_part(&part.name);
    let missed = own.iter().filter(|number| !hit.contains(number));
    Trial {
        part: part.name.clone(),
        policies: own.len(),
        cases: tried,
        missed: missed.filter_map(|number| composed.place(*number)).collect(),
        matrices: part.golden.iter().map(|golden| matrix(golden, composed)).collect(),
    }
}

fn matrix(golden: &super::part::Golden, composed: &Composed) -> TriedMatrix {
    let path = golden.csv_path.clone();
    let matrix = match golden.plan.matrix(&composed.book) {
        Ok(matrix) => matrix,
        Err(broken) => {
            let place = Place::whole(&golden.plan_source);
            let differences = vec![(place, broken.to_string())];
            return TriedMatrix { path, csv: String::new(), is_written: false, differences };
        }
    };
    let differences = match &golden.written {
        None => {
            let what = "the matrix is not written down".to_owned();
            vec![(Place::whole(&golden.plan_source), what)]
        }
        Some(written) => {
            let at_line = |line: usize| {
                let starts = written.text.split_inclusive('\n').take(line.saturating_sub(1));
                let start: usize = starts.map(str::len).sum();
                Place { source: written.clone(), span: start..start, key: String::new() }
            };
            let differences = matrix.differences(&written.text).into_iter();
            differences.map(|difference| (at_line(difference.line), difference.what)).collect()
        }
    };
    TriedMatrix { path, csv: matrix.csv(), is_written: golden.written.is_some(), differences }
}

/// What is not as expected is a fault: policies that do not do what somebody wrote down are not taken.
pub(super) fn report(trial: &Trial, out: &mut Findings) {
    for case in &trial.cases {
        for failure in &case.failures {
            let what = format!("case `{}`, {}: {failure}", case.name, case.class);
            out.fault(&case.place, what, "mend the policy, or what is expected of it");
        }
    }
    for place in &trial.missed {
        let what = format!("no case hits policy `{}`, so that nobody knows what it does", place.key);
        out.fault(place, what, "write a case that it settles, or take it away");
    }
    for (place, what) in trial.matrices.iter().flat_map(|matrix| &matrix.differences) {
        let remedy = "if this is meant: `tutti policy matrix DIR --write`, and have the change signed";
        out.fault(place, what.clone(), remedy);
    }
}
