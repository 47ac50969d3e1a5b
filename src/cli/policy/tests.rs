//! What `tutti policy` prints and how it ends.

use std::path::PathBuf;

use super::*;

/// A folder with files, and what a command prints about it, without styles.
struct Folder(tempfile::TempDir);

impl Folder {
    fn of(files: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        Self(folder)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// What is printed, on standard output or on that of errors: never on both.
    fn run(&self, command: &PolicyCommand) -> (Verdict, String) {
        let mut out = anstream::StripStream::new(Vec::new());
        let mut errors = Vec::new();
        let verdict = run(command, &mut out, &mut errors).unwrap();
        let (text, errors) =
            (String::from_utf8(out.into_inner()).unwrap(), String::from_utf8(errors).unwrap());
        assert!(text.is_empty() || errors.is_empty(), "{text}{errors}");
        assert_eq!(errors.is_empty(), verdict != Verdict::Unusable, "{text}{errors}");
        let text = text + &errors;
        (verdict, text.replace(&self.0.path().display().to_string(), "[folder]"))
    }

    fn test(&self) -> (Verdict, String) {
        self.run(&PolicyCommand::Test(FolderArgs { folder: self.path("p") }))
    }

    fn check(&self) -> (Verdict, String) {
        self.run(&PolicyCommand::Check(CheckArgs { folder: Some(self.path("p")), config: None }))
    }
}

const CLASSES: &str = "[[class]]\nname = \"pii.email\"\ntitle = \"E-mail address\"\ngroup = \"pii.basic\"\n\
                       ladder = [\"pseudonymised\", \"masked\"]\nmask = \"email\"\nkeys = [\"user.email\"]\n";
const FACTS: &str = "[[jurisdiction]]\nname = \"EU\"\nadequate = [\"CH\"]\n";
const HOME: &str = "@id(\"home\")\npermit (principal, action, resource)\nwhen { context.delivered.same };\n\
                    @id(\"abroad\")\n@control(\"A-1\")\npermit (principal, action == Action::\"readMasked\", resource);\n";
const CASES: &str = "[[case]]\nname = \"home\"\nclasses = [\"pii.email\"]\nstored = \"EU\"\ndelivered = \"EU\"\n\
                     rung = \"raw\"\n[[case]]\nname = \"abroad\"\nclasses = [\"pii.email\"]\nstored = \"EU\"\n\
                     delivered = \"US\"\nrung = \"masked\"\nrights = []\nrules = [\"abroad\"]\n";
const CALLERS: &str = "ways = [\"EU to EU\", \"EU to US\"]\n[[caller]]\nname = \"anyone\"\n";
const MATRIX: &str = "caller,class,EU to EU,EU to US\n\
                      care,group pii.basic,balanced,allowlist\n\
                      care,group safe,balanced,allowlist\n\
                      care,group unknown,balanced,allowlist\n\
                      anyone,pii.email,raw filter group list,masked\n\
                      anyone,safe,raw filter group list,dropped\n\
                      anyone,unknown,raw filter group list,dropped\n";

fn good() -> Vec<(&'static str, &'static str)> {
    vec![
        ("p/classes.toml", CLASSES),
        ("p/facts.toml", FACTS),
        ("p/home.cedar", HOME),
        ("p/tests/home.toml", CASES),
        ("p/golden/roles.toml", CALLERS),
        ("p/golden/roles.csv", MATRIX),
    ]
}

/// A good folder with one file otherwise.
fn but(name: &str, text: &'static str) -> Folder {
    let mut files = good();
    files.retain(|(other, _)| *other != name);
    let mut files: Vec<(&str, &str)> = files;
    files.push((name, text));
    Folder::of(&files)
}

#[test]
fn a_good_folder_is_summed_up() {
    let folder = Folder::of(&good());
    let (verdict, text) = folder.check();
    assert_eq!(
        (verdict, text.as_str()),
        (Verdict::Good, "[folder]/p is good: 2 policies, 2 cases, 3 classes\n")
    );
    let (verdict, text) = folder.test();
    assert_eq!(verdict, Verdict::Good);
    insta::assert_snapshot!(text);
}

#[test]
fn what_is_not_as_expected_is_a_line_each_and_exit_code_1() {
    let cases = "[[case]]\nname = \"home\"\nclasses = [\"pii.email\", \"pii.emial\"]\nstored = \"EU\"\n\
                 delivered = \"EU\"\nrung = \"masked\"\nrights = []\nrules = [\"abroad\"]\n";
    let folder = but("p/tests/home.toml", cases);
    let (verdict, text) = folder.test();
    assert_eq!(verdict.exit_code(), 1);
    insta::assert_snapshot!(text);
    // What is not as expected refuses the folder too, with the same places.
    assert_eq!(folder.check().0, Verdict::Bad);
}

#[test]
fn a_matrix_that_differs_is_told_line_by_line_and_can_be_written_anew() {
    let folder = but(
        "p/golden/roles.csv",
        "caller,class,EU to EU,EU to US\nanyone,pii.email,raw filter group list,raw\nnobody,pii.email,raw,raw\n",
    );
    let (verdict, text) = folder.test();
    assert_eq!(verdict, Verdict::Bad);
    insta::assert_snapshot!(text);
    let write = |write| PolicyCommand::Matrix(MatrixArgs { folder: folder.path("p"), write, csv: false });
    let (verdict, text) = folder.run(&write(true));
    assert_eq!(verdict, Verdict::Good);
    assert!(text.starts_with("written: [folder]/p/golden/roles.csv\n"), "{text}");
    assert_eq!(folder.test().0, Verdict::Good);
    assert_eq!(std::fs::read_to_string(folder.path("p/golden/roles.csv")).unwrap(), MATRIX);
    assert_eq!(folder.run(&write(true)).1, "every matrix is as it was\n");
    insta::assert_snapshot!(folder.run(&write(false)).1);
}

fn explain(folder: &Folder, claims: &str, places: (&str, &str), class: &str) -> (Verdict, String) {
    std::fs::write(folder.path("claims.json"), claims).unwrap();
    let (stored, delivered) = places;
    folder.run(&PolicyCommand::Explain(ExplainArgs {
        claims: folder.path("claims.json"),
        grant: None,
        class: class.to_owned(),
        stored: stored.to_owned(),
        delivered: delivered.to_owned(),
        config: None,
        policies: Some(folder.path("p")),
    }))
}

#[test]
fn an_explanation_says_what_and_why_in_words() {
    let folder = Folder::of(&good());
    let claims = r#"{"sub": "jane", "roles": ["sre"], "purpose": "curiosity"}"#;
    let (verdict, text) = explain(&folder, claims, ("EU", "US"), "pii.email");
    assert_eq!(verdict, Verdict::Good, "{text}");
    insta::assert_snapshot!(text);
}

#[test]
fn an_explanation_tells_of_the_place_the_caller_claims() {
    let folder = Folder::of(&good());
    let (verdict, text) = explain(&folder, r#"{"home": "US"}"#, ("EU", "EU"), "unknown");
    assert_eq!(verdict, Verdict::Good, "{text}");
    insta::assert_snapshot!(text);
}

#[test]
fn what_cannot_be_explained_is_one_clear_line() {
    let folder = Folder::of(&good());
    let check = |claims: &str, places, class: &str, expected: &str| {
        let (verdict, text) = explain(&folder, claims, places, class);
        assert_eq!(verdict.exit_code(), 2, "{text}");
        assert!(text.starts_with(expected) && text.trim_end().lines().count() == 1, "{text}");
    };
    check("{", ("EU", "EU"), "pii.email", "error: [folder]/claims.json:1:1: EOF");
    check(
        "{\"role\": []}",
        ("EU", "EU"),
        "pii.email",
        "error: [folder]/claims.json:1:7: unknown field `role`",
    );
    check("{}", ("mars", "EU"), "pii.email", "error: --stored: `mars` is no region (none declared) and no");
    check("{}", ("EU", "over there"), "pii.email", "error: --delivered: a jurisdiction is");
    check(
        "{}",
        ("EU", "EU"),
        "pii.emial",
        "error: --class: there is no class `pii.emial`; did you mean `pii.email`?",
    );
    check("{}", ("EU", "EU"), "salary", "error: --class: there is no class `salary`; there are pii.email,");
    check(
        "{}",
        ("eu", "EU"),
        "pii.email",
        "error: --stored: `eu` is no region (none declared) and no jurisdiction (EU)",
    );
}

#[test]
fn a_folder_that_is_not_there_is_one_line_and_exit_code_2() {
    let folder = Folder::of(&good());
    let of = |name: &str| folder.path(name);
    for command in [
        PolicyCommand::Check(CheckArgs { folder: Some(of("nofolder")), config: None }),
        PolicyCommand::Test(FolderArgs { folder: of("nofolder") }),
        PolicyCommand::Matrix(MatrixArgs { folder: of("nofolder"), write: false, csv: false }),
    ] {
        let (verdict, text) = folder.run(&command);
        assert_eq!(verdict.exit_code(), 2, "{text}");
        assert_eq!(
            text,
            "error: folder `[folder]/nofolder` does not exist; name a folder of policies, or one pack\n"
        );
    }
    let file = PolicyCommand::Check(CheckArgs { folder: Some(of("p/facts.toml")), config: None });
    assert!(folder.run(&file).1.starts_with("error: `[folder]/p/facts.toml` is no folder"));
}

/// The packs that ship are tried by the same command that people run.
#[test]
fn the_shipped_packs_are_as_their_cases_and_matrices_say() {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("policies");
    let mut out = anstream::StripStream::new(Vec::new());
    let verdict = test::run(&root, &mut out).unwrap();
    let text = String::from_utf8(out.into_inner()).unwrap();
    assert_eq!(verdict, Verdict::Good, "{text}");
    for pack in ["baseline", "gdpr", "pci", "hipaa"] {
        let alone = run(
            &PolicyCommand::Check(CheckArgs { folder: Some(root.join(pack)), config: None }),
            &mut std::io::sink(),
            &mut std::io::sink(),
        );
        assert_eq!(alone.unwrap(), Verdict::Good, "{pack}");
    }
}
