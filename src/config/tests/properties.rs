//! Whatever the text, reading it ends in findings whose places exist.

use proptest::prelude::*;

use super::*;
use crate::config::{parse_keys, write_findings};
use crate::model::RegionName;

/// Pieces of configurations, so that texts come near to good ones.
const PIECES: [&str; 34] = [
    "[gateway]\n",
    "[[region]]\n",
    "[deadlines]\n",
    "[region]\n",
    "region",
    "name",
    "listen",
    "url",
    "auth",
    "headers",
    "tls",
    "kind",
    "deadline",
    "policies",
    " = ",
    "\"us-east\"",
    "\"tempo\"",
    "\"5s\"",
    "5",
    "-1",
    "true",
    "{ ",
    " }",
    "[",
    "]",
    "bearer",
    "env",
    ".",
    ", ",
    "\n",
    "\"",
    "# \u{e9}\u{1f310}\n",
    "\r\n",
    "\t",
];

fn texts() -> impl Strategy<Value = String> {
    let near = prop::collection::vec(prop::sample::select(PIECES.to_vec()), 0..60).prop_map(|p| p.concat());
    let broken = (any::<prop::sample::Index>(), any::<prop::sample::Index>(), ".{0,3}").prop_map(
        |(at, until, put)| {
            let characters: Vec<char> = QUIET.chars().collect();
            let (at, until) = (at.index(characters.len()), until.index(characters.len()));
            let before = characters.iter().take(at.min(until));
            let after = characters.iter().skip(at.max(until).min(at.min(until) + 20));
            before.copied().chain(put.chars()).chain(after.copied()).collect()
        },
    );
    prop_oneof![near, broken, any::<String>()]
}

fn findings_have_places(findings: &[Finding]) -> Result<(), TestCaseError> {
    for finding in findings {
        let (line, column) = finding.place.line_column();
        let lines: Vec<&str> = finding.place.source.text.split('\n').collect();
        prop_assert!(line >= 1 && line <= finding.place.source.text.lines().count().max(1), "{finding}");
        prop_assert!(column >= 1 && column <= lines[line - 1].chars().count() + 1, "{finding}");
        prop_assert!(!finding.what.is_empty() && !finding.remedy.is_empty());
    }
    let mut shown = Vec::new();
    write_findings(&mut shown, findings).unwrap();
    prop_assert!(String::from_utf8(shown).is_ok());
    Ok(())
}

proptest! {
    #[test]
    fn every_text_is_read_to_its_end_and_every_finding_has_a_line_of_the_file(text in texts()) {
        let estate = Estate::of(&text);
        match estate.load() {
            Ok((settings, findings)) => {
                prop_assert!(!settings.regions.is_empty());
                prop_assert!(findings.iter().all(|finding| finding.level != Level::Fault));
                findings_have_places(&findings)?;
            }
            Err(LoadError::Faulty(faults)) => {
                prop_assert!(faults.faults().count() > 0);
                findings_have_places(&faults.findings)?;
            }
            Err(error) => prop_assert!(false, "{}", error),
        }
    }

    #[test]
    fn every_text_of_rules_is_a_plan_or_has_faults(text in texts()) {
        if let Err(faults) = parse_keys(&text, &[RegionName::parse("us-east").unwrap()]) {
            prop_assert!(!faults.is_empty());
            findings_have_places(&faults)?;
        }
    }
}
