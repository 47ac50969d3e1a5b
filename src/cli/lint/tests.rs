//! What `tutti lint` says of keys: of a file, and of a region that is asked.

use super::*;

const EXPORT: &str = include_str!("tests/export.json");

/// Words of values of the export. None may be said.
const CANARIES: [&str; 8] = ["jane", "roe", "hunter2", "4111", "203.0.113", "neighbour", "example", "555"];

fn linted(args: &LintArgs, input: &str) -> Result<(Verdict, String), String> {
    let mut out = Vec::new();
    let verdict = run(args, &mut input.as_bytes(), &mut out)?;
    Ok((verdict, String::from_utf8(out).unwrap()))
}

fn offline() -> LintArgs {
    let since = Duration::from_secs(3600);
    LintArgs { config: None, region: None, since, classes: None, json: false, deny: false }
}

fn assert_no_value(said: &str) {
    let lower = said.to_lowercase();
    for word in CANARIES {
        assert!(!lower.contains(word), "`{word}` is said: {said}");
    }
}

#[test]
fn unknown_keys_of_a_file_are_told_with_a_proposal_and_its_reasons() {
    let (verdict, said) = linted(&offline(), EXPORT).unwrap();
    assert_eq!(verdict, Verdict::Good);
    assert_no_value(&said);
    insta::assert_snapshot!(said);
}

#[test]
fn a_key_of_a_file_that_is_personal_data_itself_is_counted_and_not_shown() {
    assert!(EXPORT.contains("\"cart.note\""));
    let export = EXPORT.replace("\"cart.note\"", "\"of jane.roe@example.com\"");
    for json in [false, true] {
        let (_, said) = linted(&LintArgs { json, ..offline() }, &export).unwrap();
        assert_no_value(&said);
        let counted = if json { "\"personalKeys\": 1" } else { "1 more are personal data themselves" };
        assert!(said.contains(counted) || said.contains(&counted.replace(": ", ":")), "{said}");
    }
}

#[test]
fn a_program_reads_the_same_as_json() {
    let (_, said) = linted(&LintArgs { json: true, ..offline() }, EXPORT).unwrap();
    assert_no_value(&said);
    let all: serde_json::Value = serde_json::from_str(&said).unwrap();
    let unknown = all["unknown"].as_array().unwrap();
    let contact = unknown.iter().find(|one| one["key"] == "cart.contact").unwrap();
    assert_eq!((&contact["proposed"], &contact["confidence"]), (&"pii.email".into(), &"high".into()));
    assert_eq!(contact["scope"], "span");
    assert_eq!(all["contradictions"][0]["key"], "aws.s3.bucket");
    assert!(all["toml"].as_str().unwrap().contains("[[class]]"));
}

#[test]
fn with_deny_an_unknown_key_is_exit_code_1_until_the_proposal_is_kept() {
    let deny = LintArgs { deny: true, ..offline() };
    let (verdict, _) = linted(&deny, EXPORT).unwrap();
    assert_eq!((verdict, verdict.exit_code()), (Verdict::Bad, 1));
    let (_, said) = linted(&LintArgs { json: true, ..offline() }, EXPORT).unwrap();
    let all: serde_json::Value = serde_json::from_str(&said).unwrap();
    let kept = all["toml"].as_str().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let config = config_with(folder.path(), kept);
    let again = LintArgs { classes: Some(config), ..deny };
    let (_, said) = linted(&again, EXPORT).unwrap();
    for key in ["cart.contact", "cart.delivery", "cart.note"] {
        assert!(!said.contains(key), "{key} is still unknown: {said}\nwith\n{kept}");
    }
}

/// A gateway with the baseline, and a pack with these lines of classes.
fn config_with(folder: &Path, classes: &str) -> PathBuf {
    let policies = folder.join("policies");
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("policies/baseline");
    std::fs::create_dir_all(policies.join("baseline")).unwrap();
    for name in ["pack.toml", "classes.toml", "facts.toml", "purposes.toml", "baseline.cedar"] {
        std::fs::copy(from.join(name), policies.join("baseline").join(name)).unwrap();
    }
    let cases = policies.join("baseline/tests");
    std::fs::create_dir_all(&cases).unwrap();
    std::fs::copy(from.join("tests/baseline.toml"), cases.join("baseline.toml")).unwrap();
    std::fs::write(policies.join("classes.toml"), classes).unwrap();
    let text = "[gateway]\nregion = \"here\"\npolicies = \"policies\"\n\n\
        [[region]]\nname = \"here\"\njurisdiction = \"EU\"\nkind = \"memory\"\n";
    let path = folder.join("regions.toml");
    std::fs::write(&path, text).unwrap();
    path
}

#[test]
fn what_cannot_be_asked_is_said_and_is_exit_code_2() {
    let folder = tempfile::tempdir().unwrap();
    let config = config_with(folder.path(), "");
    let args = LintArgs { config: Some(config), ..offline() };
    let (verdict, said) = linted(&args, "").unwrap();
    assert_eq!((verdict, verdict.exit_code()), (Verdict::Unusable, 2));
    assert!(said.starts_with("here: could not be asked: an embedded region"), "{said}");
    let other = LintArgs { region: Some(RegionName::parse("there").unwrap()), ..args };
    assert_eq!(linted(&other, "").unwrap_err(), "--region: there is no such region; there are here");
    assert!(linted(&offline(), "").unwrap_err().contains("standard input is empty"));
    assert!(linted(&offline(), "{").unwrap_err().contains("OTLP/JSON"));
}

#[tokio::test(start_paused = true)]
async fn a_region_is_asked_for_names_and_values_and_no_value_is_said() {
    use crate::backend::memory::MemoryBackend;
    use crate::backend::settings::{LayerSettings, MemorySettings};
    let backend = Arc::new(MemoryBackend::new(MemorySettings::default()));
    let export = crate::wire::export::protobuf_of_json(EXPORT.as_bytes()).unwrap();
    backend.ingest(export.into()).unwrap();
    let (name, place) = (RegionName::parse("eu").unwrap(), Jurisdiction::parse("EU").unwrap());
    let regions = [Region::new(name, place, backend, LayerSettings::default())];
    let (redactor, mut seen) = (baseline().unwrap(), Seen::default());
    let asked = ask::all(&regions, &redactor, Duration::from_secs(u64::from(u32::MAX)), &mut seen).await;
    let judged = seen.judge(&redactor);
    let mut out = Vec::new();
    write::text(&mut out, &judged, &asked, &redactor).unwrap();
    let said = String::from_utf8(out).unwrap();
    assert_no_value(&said);
    assert_eq!(asked[0].failure, None, "{said}");
    insta::assert_snapshot!(said);
}
