//! Queries over small traces and what they answer, from the files in `cases/`.
//!
//! A file names an estate of `estates/`, then questions (`?`), each followed by what a Tempo answers (`>`), and
//! where ours is another on purpose, by why (`#`) and what it is (`=`).

use std::path::{Path, PathBuf};

use crate::answer::Answer;
use crate::embedded::Embedded;
use crate::question::{self, Question};
use crate::sketch::{self, Trace};

/// A case: a question of an estate, and the lines that answer it.
pub struct Case {
    pub estate: String,
    pub question: Question,
    /// What a Tempo answers.
    pub theirs: String,
    /// What is answered here, where it is another.
    pub ours: String,
}

pub fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/traceql").join(name)
}

pub fn files(name: &str) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(folder(name)).unwrap().map(|file| file.unwrap().path()).collect();
    files.sort();
    files
}

pub fn traces(estate: &str) -> Vec<Trace> {
    sketch::read(&std::fs::read_to_string(folder("estates").join(format!("{estate}.txt"))).unwrap())
}

pub fn cases(file: &Path) -> Vec<Case> {
    let mut estate = String::new();
    let mut cases: Vec<Case> = Vec::new();
    for line in std::fs::read_to_string(file).unwrap().lines() {
        if let Some(name) = line.strip_prefix("estate ") {
            name.clone_into(&mut estate);
        } else if line.starts_with(['>', '=']) {
            let case = cases.last_mut().expect("a question before its answer");
            let answer = if line.starts_with('>') { &mut case.theirs } else { &mut case.ours };
            answer.push_str(&line.replacen('=', ">", usize::from(line.starts_with('='))));
            answer.push('\n');
        } else if let Some(question) = question::read(line) {
            cases.push(Case { estate: estate.clone(), question, theirs: String::new(), ours: String::new() });
        } else {
            assert!(line.is_empty() || line.starts_with('#'), "no line of cases: {line}");
        }
    }
    cases
}

#[test]
fn every_case_is_answered_as_expected() {
    let (mut count, mut faults) = (0, Vec::new());
    for file in files("cases") {
        let cases = cases(&file);
        let estate = cases.first().expect("a file of cases holds some").estate.clone();
        let region = Embedded::of(&traces(&estate));
        for case in cases {
            assert!(!case.theirs.is_empty(), "nothing is expected of {}", case.question);
            let expected = if case.ours.is_empty() { &case.theirs } else { &case.ours };
            assert_ne!(case.ours, case.theirs, "{}", case.question);
            count += 1;
            let ours = region.answer(&case.question);
            if !ours.is(&Answer::from_lines(expected).expect("lines of an answer")) {
                let name = file.file_name().unwrap().display();
                faults.push(format!("{name}\n{}\nexpected\n{expected}answered\n{ours}", case.question));
            }
        }
    }
    assert!(count > 500, "{count}");
    assert!(faults.is_empty(), "{} of {count} cases fail\n\n{}", faults.len(), faults.join("\n\n"));
}
