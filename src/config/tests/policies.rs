//! The folder of policies: what it means, and that nothing in it is silently passed over.

use super::*;
use crate::config::parse_keys;
use crate::model::RegionName;
use crate::policy::{RegionPlan, Treatment};

fn declared() -> Vec<RegionName> {
    ["us-east", "us-west", "eu-central"].iter().map(|name| RegionName::parse(name).unwrap()).collect()
}

/// Faults of a `keys.toml`, one line each.
fn check(text: &str, expected: &[&str]) {
    let faults = parse_keys(text, &declared()).expect_err(text);
    assert_eq!(faults.iter().map(line_of).collect::<Vec<_>>(), expected, "{text}");
}

#[test]
fn rules_hold_for_the_regions_they_name_and_the_stricter_wins() {
    let text = r#"
        [[rule]]
        regions = "*"
        keys = ["user.email", "user.id"]
        treatment = "mask"
        [[rule]]
        regions = ["eu-central"]
        keys = ["user.email"]
        treatment = "drop"
    "#;
    let plan = parse_keys(text, &declared()).unwrap();
    let treatment = |region: &str, key: &str| match plan.region(&RegionName::parse(region).unwrap()) {
        RegionPlan::Keys(keys) => keys.treatment(key.as_bytes()),
        RegionPlan::AllowAll | RegionPlan::Ruled(_) => None,
    };
    assert_eq!(treatment("us-east", "user.email"), Some(Treatment::Mask));
    assert_eq!(treatment("eu-central", "user.email"), Some(Treatment::Drop));
    assert_eq!(treatment("eu-central", "user.id"), Some(Treatment::Mask));
    assert_eq!(treatment("eu-central", "http.route"), None);
}

#[test]
fn a_list_of_personal_keys_treats_them() {
    let text = include_str!("keys.toml");
    let plan = parse_keys(text, &declared()).unwrap();
    let RegionPlan::Keys(keys) = plan.region(&declared()[2]) else { panic!("shows all") };
    for key in ["user.email", "user.id", "enduser.id", "user.name", "user.full_name", "client.address"] {
        assert!(keys.treatment(key.as_bytes()).is_some(), "{key}");
    }
    for key in ["db.query.text", "url.query", "payment.card_number"] {
        assert!(keys.treatment(key.as_bytes()).is_some(), "{key}");
    }
}

#[test]
fn every_fault_of_a_rule_has_its_place() {
    check(
        "[[rule]]\nregions = [\"eu-centra\", \"mars\"]\nkeys = []\ntreatment = \"hide\"\nreason = 1\n[[rule]]\n",
        &[
            "2 rule[0].regions[0]: region `eu-centra` is not declared",
            "2 rule[0].regions[1]: region `mars` is not declared",
            "3 rule[0].keys: the list lists no key, so the rule hides nothing",
            "4 rule[0].treatment: `hide` is no treatment",
            "5 rule[0].reason: `reason` is no key of `rule[0]`",
            "6 rule[1].regions: `regions` is missing",
            "6 rule[1].keys: `keys` is missing",
            "6 rule[1].treatment: `treatment` is missing",
        ],
    );
}

#[test]
fn a_rule_that_would_match_nothing_is_a_fault() {
    let rule = |regions: &str, keys: &str| {
        format!("[[rule]]\nregions = {regions}\nkeys = {keys}\ntreatment = \"mask\"")
    };
    check(&rule("\"all\"", "[\"a\"]"), &["2 rule[0].regions: `all` is neither a list of regions nor \"*\""]);
    check(&rule("[]", "[\"a\"]"), &["2 rule[0].regions: the list names no region"]);
    check(&rule("[\"*\"]", "[\"a\"]"), &["2 rule[0].regions[0]: region `*` is not declared"]);
    check(
        &rule("\"*\"", "[\"user.*\"]"),
        &["3 rule[0].keys[0]: `user.*` is a pattern, and this version only compares whole keys"],
    );
    check(
        &rule("\"*\"", "[\" a\", \"\"]"),
        &["3 rule[0].keys[0]: ` a` is no attribute key", "3 rule[0].keys[1]: `` is no attribute key"],
    );
    check(&rule("\"*\"", "[\".a\"]"), &["3 rule[0].keys[0]: `.a` begins as in a query, not as a key"]);
    check(&rule("\"*\"", "[1]"), &["3 rule[0].keys[0]: a whole number stands here"]);
    check("rule = 1", &["1 rule: a whole number stands here"]);
    check("[rule]", &["1 rule: a table stands here"]);
}

#[test]
fn a_folder_that_is_missing_or_holds_what_cannot_be_read_refuses_everything() {
    let line = "policies = \"policies\"";
    let missing = Estate::of(&quiet_with(line, "policies = \"none\""));
    assert_eq!(missing.findings(), ["4 gateway.policies: folder `none` does not exist"]);
    let no_folder = Estate::of(&quiet_with(line, "policies = \"regions.toml\""));
    assert_eq!(no_folder.findings(), ["4 gateway.policies: folder `regions.toml` is no folder"]);
    let empty = Estate::of(&quiet_with(line, "policies = \"empty\"")).with_file("empty/README.md", "");
    assert_eq!(empty.findings(), ["4 gateway.policies: folder `empty` holds no `keys.toml`"]);
    let others = Estate::of(QUIET)
        .with_file("policies/eu.cedar", "")
        .with_file("policies/classes.toml", "")
        .with_file("policies/README.md", "")
        .with_file("policies/.hidden", "")
        .with_file("policies/keys.toml~", "");
    assert_eq!(
        others.findings(),
        [
            "4 gateway.policies: this version cannot read policy `classes.toml`, and what it hides would be shown",
            "4 gateway.policies: this version cannot read policy `eu.cedar`, and what it hides would be shown",
        ]
    );
}

#[test]
fn a_fault_in_the_rules_names_their_own_file() {
    let estate = Estate::of(QUIET).with_file("policies/keys.toml", "[[rule]]\nregions = [\"mars\"]");
    let Err(LoadError::Faulty(faults)) = estate.load() else { panic!("accepted") };
    let first = faults.faults().next().unwrap();
    assert!(first.place.source.name.ends_with("keys.toml"), "{first}");
    assert_eq!(faults.faults().count(), 3);
}

#[test]
fn an_estate_whose_names_are_at_fault_does_not_fault_the_rules_for_it() {
    let config = quiet_with("name = \"us-west\"", "name = \"US West\"");
    let rules = RULES.replace("\"*\"", "[\"us-west\"]");
    assert_eq!(
        Estate::of(&config).with_file("policies/keys.toml", &rules).findings(),
        ["13 region[1].name: a region name is 1 to 63 of a-z, 0-9 and -, not `US West`"]
    );
}
