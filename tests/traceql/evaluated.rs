//! Queries over small traces and what they answer, from the files in `cases/`.
//!
//! A file names an estate of `estates/`, then questions (`?`), each followed by what is expected (`>`).

use std::path::{Path, PathBuf};

use crate::answer::Answer;
use crate::embedded::Embedded;
use crate::question::{self, Question};
use crate::sketch::{self, Trace};

/// A case: a question of an estate, and the lines that answer it.
pub struct Case {
    pub estate: String,
    pub question: Question,
    pub expected: String,
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
        } else if line.starts_with('>') {
            let case = cases.last_mut().expect("a question before its answer");
            case.expected.push_str(line);
            case.expected.push('\n');
        } else if let Some(question) = question::read(line) {
            cases.push(Case { estate: estate.clone(), question, expected: String::new() });
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
            assert!(!case.expected.is_empty(), "nothing is expected of {}", case.question);
            count += 1;
            let ours = region.answer(&case.question);
            if !ours.is(&Answer::from_lines(&case.expected).expect("lines of an answer")) {
                let expected = &case.expected;
                faults.push(format!(
                    "{}\n{}expected\n{expected}answered\n{ours}{ours:?}",
                    file.display(),
                    case.question
                ));
            }
        }
    }
    assert!(count > 500, "{count}");
    assert!(faults.is_empty(), "{} of {count} cases fail\n\n{}", faults.len(), faults.join("\n\n"));
}
