//! What `tutti check` prints and how it ends, for good and faulty files.

use std::path::PathBuf;

use super::*;

/// What a check prints, without styles and with the folder named `[folder]`.
struct Checked {
    verdict: Verdict,
    text: String,
}

fn check(files: &[(&str, &str)]) -> Checked {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path: PathBuf = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let environment = |name: &str| (name == "TOKEN").then(|| "never-shown".to_owned());
    let mut out = anstream::StripStream::new(Vec::new());
    let verdict = run(&folder.path().join("regions.toml"), &environment, &mut out).unwrap();
    let text = String::from_utf8(out.into_inner()).unwrap();
    assert!(!text.contains("never-shown"), "{text}");
    Checked { verdict, text: text.replace(&folder.path().display().to_string(), "[folder]") }
}

const KEYS: &str = "[[rule]]\nregions = [\"eu-central\"]\nkeys = [\"user.email\"]\ntreatment = \"mask\"\n";

#[test]
fn a_file_of_many_faults_is_shown_with_all_of_them() {
    let config = include_str!("tests/faulty.toml");
    let keys = "[[rule]]\nregions = [\"eu-centrall\"]\nkeys = [\"user.*\"]\ntreatment = \"hide\"\n";
    let checked = check(&[("regions.toml", config), ("policies/keys.toml", keys), ("policies/eu.cedar", "")]);
    assert_eq!(checked.verdict, Verdict::Bad);
    assert!(!checked.text.contains("hunter2"), "{}", checked.text);
    insta::assert_snapshot!(checked.text);
}

#[test]
fn a_good_file_is_summed_up_with_what_is_unwise_in_it() {
    let config = include_str!("tests/good.toml");
    let checked =
        check(&[("regions.toml", config), ("policies/keys.toml", KEYS), ("secrets/key", "never-shown\n")]);
    assert_eq!(checked.verdict, Verdict::Good);
    insta::assert_snapshot!(checked.text);
}

#[test]
fn broken_toml_is_shown_with_its_place_and_without_the_secret_in_it() {
    let config = "[gateway]\nregion = us-east\n\n[[region]]\nname = \"a\"\nauth = { bearer = \"hunter2 }\n";
    let checked = check(&[("regions.toml", config)]);
    assert_eq!(checked.verdict, Verdict::Bad);
    assert!(!checked.text.contains("hunter2"), "{}", checked.text);
    insta::assert_snapshot!(checked.text);
}

#[test]
fn no_slip_of_a_key_shows_the_secret_behind_it() {
    let head = "[[region]]\nname = \"a\"\nkind = \"tempo\"\n";
    for slip in [
        "pasword = \"hunter2\"",
        "bearer = \"hunter2\"",
        "basic = { user = \"a\", password = \"hunter2\" }",
        "auht = { bearer = \"hunter2\" }",
        "auth = { barer = \"hunter2\" }",
        "auth = { bearer = { evn = \"hunter2\" } }",
        "auth = { basic = { pasword = \"hunter2\", user = 1 } }",
        "auth = [\"hunter2\"]",
        "headers = { X-Any = { vlaue = \"hunter2\", env = 1 } }",
        "headers = { X-Any = [\"hunter2\"] }",
        "headers = { X-Any = { value = \"hunter2\", env = \"A\" } }",
        "url = \"http://host?token=hunter2\"",
        "url = \"http://:hunter2@host\"",
        "auth = { bearer = { env = \"A\" }, bearer = \"hunter2\" }",
        "auth = { pass = hunter2 }",
    ] {
        let checked = check(&[("regions.toml", &format!("{head}{slip}\n"))]);
        assert_eq!(checked.verdict, Verdict::Bad);
        assert!(!checked.text.contains("hunter2"), "{}", checked.text);
    }
}

#[test]
fn a_file_that_is_not_there_is_neither_good_nor_faulty() {
    let checked = check(&[]);
    assert_eq!(checked.text, "`[folder]/regions.toml` cannot be read: does not exist\n");
    assert_eq!(checked.verdict.exit_code(), 2);
}

#[test]
fn a_long_line_is_cut_around_the_fault() {
    let config = format!("[gateway]\nregion = \"us-east\"\npolicies = \"p\" # {}\n", "x".repeat(300));
    let long = format!(
        "[[region]]\nkind = {{ a = \"{}\", b = 1 }}\n\"\u{7}\t{}\" = 1\n",
        "x".repeat(300),
        "y".repeat(300)
    );
    let checked = check(&[("regions.toml", &format!("{config}{long}"))]);
    let mut excerpts = checked.text.lines().filter(|line| line.contains('|'));
    assert!(excerpts.all(|line| line.chars().count() < 140), "{}", checked.text);
    assert!(!checked.text.contains(['\u{7}', '\t']), "{:?}", checked.text);
}

#[test]
fn what_is_believed_of_regions_is_said() {
    let facts = "services = [\"shop\", \"pay\"]\nretention = \"30d\"\n\
                 attributes.\"deployment.environment\" = [\"prod\"]\n";
    let lab = format!("[[region]]\nname = \"annex\"\njurisdiction = \"US\"\nkind = \"memory\"\n{facts}");
    let config = format!("{}\n{lab}", include_str!("tests/good.toml"));
    let checked =
        check(&[("regions.toml", &config), ("policies/keys.toml", KEYS), ("secrets/key", "never-shown\n")]);
    assert_eq!(checked.verdict, Verdict::Good, "{}", checked.text);
    let said = checked.text.split("believed of").nth(1).unwrap();
    assert!(said.contains("annex: no services but pay, shop\n"), "{said}");
    assert!(said.contains("annex: nothing older than 30days\n"), "{said}");
    assert!(said.contains("annex: alone has resource.deployment.environment = prod\n"), "{said}");
}
