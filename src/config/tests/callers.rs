//! Who asks, as it is configured: claims of everyone, and tokens with claims of their own.

use super::*;
use crate::model::Caller;

const ALICE: &str = r#"{"sub": "alice", "roles": ["sre"], "home": "EU"}"#;

/// A quiet file with an identity, and files beside it.
fn with_identity(lines: &str) -> Estate {
    let estate = Estate::of(&format!("{QUIET}\n{lines}\n"));
    estate.write("alice.json", ALICE);
    estate.write("token", "s3cret\n");
    estate
}

#[test]
fn everyone_is_the_caller_of_a_file_and_whoever_shows_a_token_that_of_another() {
    let nobody = with_identity("").settings();
    assert_eq!(*nobody.identity.callers.anyone(), Caller::anonymous());
    let settings = with_identity(
        "[identity]\nclaims_file = \"alice.json\"\n[[identity.token]]\ntoken = { file = \"token\" }\nclaims = \"alice.json\"",
    )
    .settings();
    assert_eq!(
        (settings.identity.callers.anyone().subject.as_str(), settings.identity.callers.tokens()),
        ("alice", 1)
    );
}

#[test]
fn a_token_without_a_source_or_claims_and_claims_that_are_none_are_faults() {
    let whats = |lines: &str| {
        let found = with_identity(lines).findings();
        found.into_iter().map(|line| line.split_once(": ").unwrap().1.to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(whats("[[identity.token]]"), ["`token` is missing", "`claims` is missing"]);
    let inline = whats("[[identity.token]]\ntoken = \"s3cret\"\nclaims = \"alice.json\"");
    assert!(inline.iter().any(|what| what == "a secret stands in the file"), "{inline:?}");
    assert!(inline.iter().all(|what| !what.contains("s3cret")), "{inline:?}");
    let token = "[[identity.token]]\ntoken = { file = \"token\" }\nclaims = \"alice.json\"";
    assert_eq!(whats(&format!("{token}\n{token}")), ["two callers have the same token"]);
    let missing = whats("[identity]\nclaims_file = \"nobody.json\"");
    assert!(missing.iter().any(|what| what.contains("nobody.json")), "{missing:?}");
}
