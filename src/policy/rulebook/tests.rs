//! Rulebooks as people write them, and what they decide.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::*;
use crate::policy::cases::{self, Case, Stored};
use crate::policy::cell::Care;
use crate::policy::{
    CareFacts, CareMode, ClassFacts, Classes, JurisdictionFacts, KeyLists, KeyRules, Policies, PolicyRegion,
    PurposeFacts, RegionPlan,
};

const POLICIES: &str = r#"
@id("home")
permit (principal, action, resource) when { context.delivered.same };

@id("abroad.token")
@control("A-1, A-2")
permit (principal, action in [Action::"readPseudonymised", Action::"filterOn"], resource in Class::"pii.basic")
when { context.delivered.adequate };

@id("secret.never")
forbid (principal, action, resource in Class::"secret");

@id("support.no-list")
forbid (principal, action == Action::"listValues", resource in Class::"pii")
when { principal.roles.contains("support") };

@id("purpose")
forbid (principal, action, resource in Class::"pii") unless { resource in context.purpose.concerns };
"#;

fn place(name: &str) -> Jurisdiction {
    Jurisdiction::parse(name).unwrap()
}

fn class(name: &str, group: &str, ladder: &[Rung]) -> ClassFacts {
    let (name, group, ladder) = (name.to_owned(), group.to_owned(), ladder.to_vec());
    ClassFacts { name, group, ladder, ..ClassFacts::default() }
}

fn facts() -> Facts {
    let classes = vec![
        class("pii.email", "pii.basic", &[Rung::Pseudonymised, Rung::Masked]),
        class("pii.ip", "pii.network", &[Rung::Generalised, Rung::Pseudonymised]),
        class("secret.token", "secret", &[]),
    ];
    Facts {
        classes: Arc::new(Classes::new(classes, KeyLists::default()).unwrap()),
        purposes: vec![PurposeFacts {
            name: "billing".to_owned(),
            title: String::new(),
            basis: String::new(),
            concerns: vec!["pii.network".to_owned()],
        }],
        jurisdictions: vec![JurisdictionFacts {
            name: place("EU"),
            title: String::new(),
            adequate: vec![place("CH"), place("US")],
        }],
        care: Vec::new(),
        epoch: 3,
    }
}

fn book_of(text: &str) -> Arc<Rulebook> {
    let text = PolicyText { name: "a.cedar", text };
    Arc::new(Rulebook::build(&[text], facts(), None).unwrap())
}

fn caller(roles: &[&str], purpose: Option<&str>) -> Caller {
    let roles = roles.iter().map(|role| (*role).to_owned()).collect();
    Caller { roles, purpose: purpose.map(str::to_owned), ..Caller::anonymous() }
}

/// What a class becomes, in words, and by what.
fn decided(book: &Arc<Rulebook>, caller: &Caller, class: &str, from: &str, to: &str) -> String {
    let stored = Stored { region: String::new(), jurisdiction: place(from) };
    let explanation = cases::explain(book, caller, class, &stored, &place(to), None).unwrap().unwrap();
    let by = cases::names(book, &explanation.settled_by).join(" ");
    format!("{} by {by}", crate::policy::matrix::words(&explanation.cell))
}

#[test]
fn the_mildest_rung_that_is_allowed_holds_and_forbid_wins() {
    let book = book_of(POLICIES);
    let anyone = Caller::anonymous();
    let check = |caller: &Caller, class: &str, from: &str, to: &str, expected: &str| {
        assert_eq!(decided(&book, caller, class, from, to), expected, "{class} {from} {to}");
    };
    check(&anyone, "pii.email", "EU", "EU", "raw filter group list by home");
    check(&anyone, "pii.email", "EU", "CH", "pseudonymised filter by abroad.token");
    check(&anyone, "pii.email", "EU", "JP", "dropped by ");
    check(&anyone, "pii.ip", "EU", "CH", "dropped by ");
    check(&anyone, "secret.token", "EU", "EU", "dropped by secret.never");
    check(&caller(&["support"], None), "pii.email", "EU", "EU", "raw filter group by home");
    check(&caller(&[], Some("billing")), "pii.ip", "EU", "EU", "raw filter group list by home");
    check(&caller(&[], Some("billing")), "pii.email", "EU", "EU", "dropped by purpose");
    check(&caller(&[], Some("no such purpose")), "pii.email", "EU", "EU", "raw filter group list by home");
}

#[test]
fn of_the_configured_and_the_claimed_place_the_more_restrictive_holds() {
    let book = book_of(POLICIES);
    let home = |home: &str| Caller { home: Some(place(home)), ..Caller::anonymous() };
    let email = |caller: &Caller, to: &str| decided(&book, caller, "pii.email", "EU", to);
    assert_eq!(email(&home("EU"), "EU"), "raw filter group list by home");
    assert_eq!(email(&home("CH"), "EU"), "pseudonymised filter by abroad.token");
    assert_eq!(email(&home("EU"), "CH"), "pseudonymised filter by abroad.token");
    assert_eq!(email(&home("JP"), "CH"), "dropped by ");
}

#[test]
fn keys_of_no_class_are_dropped_where_the_mode_is_the_allow_list() {
    let book = book_of("@id(\"all\") permit (principal, action, resource);");
    let unknown = |to: &str| decided(&book, &Caller::anonymous(), "unknown", "EU", to);
    assert_eq!(unknown("EU"), "raw filter group list by all");
    assert_eq!(unknown("CH"), "raw filter group list by all");
    assert_eq!(unknown("JP"), "dropped by ");
}

#[test]
fn of_several_modes_of_care_the_most_careful_holds() {
    let of = |stored: &[&str], groups: &[&str], home| CareFacts {
        stored: stored.iter().map(|name| (*name).to_owned()).collect(),
        groups: groups.iter().map(|name| (*name).to_owned()).collect(),
        home,
        adequate: CareMode::Balanced,
        none: CareMode::Balanced,
    };
    let care = vec![
        of(&[], &[], CareMode::Balanced),
        of(&["EU"], &["pii.basic"], CareMode::Paranoid),
        of(&["eu-west"], &[], CareMode::AllowList),
    ];
    let facts = Facts { care, ..facts() };
    let email = facts.classes.get(facts.classes.by_name("pii.email").unwrap());
    let mode = |region: &str, stored: &str| facts.care(region, &place(stored), email, Basis::Home);
    assert_eq!(mode("us", "US"), CareMode::Balanced);
    assert_eq!(mode("eu-central", "EU"), CareMode::Paranoid);
    assert_eq!(mode("eu-west", "EU"), CareMode::AllowList);
}

/// Everything that is wrong, as place and sentence.
fn faults(text: &str) -> Vec<String> {
    let declared = [RegionName::parse("eu-central").unwrap()];
    let text = PolicyText { name: "a.cedar", text };
    let faults = Rulebook::build(&[text], facts(), Some(&declared)).expect_err(text.text);
    let place = |fault: &PolicyFault| text.text.get(fault.span.clone()).unwrap_or("nowhere").to_owned();
    faults.iter().map(|fault| format!("{} {}", place(fault), fault.what)).collect()
}

fn is_refused(text: &str, expected: &str) {
    let faults = faults(text);
    assert!(faults.iter().any(|fault| fault.contains(expected)), "{text}\n{faults:#?}");
}

#[test]
fn a_policy_that_would_do_nothing_is_refused_with_its_place() {
    is_refused("forbid (principal, action, resource)", "this is no Cedar");
    is_refused("forbid (principal, action, resource);", "a policy has no `@id`");
    is_refused(
        "@id(\"a\") forbid (principal, action, resource) when { context.stored.juridiction == Jurisdiction::\"EU\" };",
        "context.stored.juridiction attribute",
    );
    is_refused("@id(\"a\") forbid (principal, action == Action::\"readAll\", resource);", "readAll");
    is_refused(
        "@id(\"a\") forbid (principal, action, resource in Class::\"pii.emial\");",
        "Class::\"pii.emial\" there is no `Class::\"pii.emial\"`",
    );
    is_refused(
        "@id(\"a\") forbid (principal, action, resource) when { context.purpose == Purpose::\"biling\" };",
        "Purpose::\"biling\" there is no",
    );
    is_refused(
        "@id(\"a\") forbid (principal, action, resource) when { context.stored.jurisdiction == Jurisdiction::\"UE\" };",
        "Jurisdiction::\"UE\" there is no",
    );
    is_refused(
        "@id(\"a\") forbid (principal, action, resource) when { context.stored.region == Region::\"eu\" };",
        "Region::\"eu\" there is no",
    );
    is_refused(
        "@id(\"a\") forbid (principal == Caller::\"jane\", action, resource);",
        "a policy cannot name a caller",
    );
    is_refused("@id(\"a\") forbid (principal == ?principal, action, resource);", "a slot");
    is_refused(
        "@id(\"a\") forbid (principal, action, resource);\n@id(\"a\") permit (principal, action, resource);",
        "already that of another policy",
    );
}

#[test]
fn every_fault_is_told_at_once() {
    let text = "@id(\"a\") forbid (principal, action, resource in Class::\"pi\");\n\
                forbid (principal, action, resource) when { context.stored.x };";
    let faults = faults(text);
    assert_eq!(faults.len(), 3, "{faults:#?}");
}

#[test]
fn a_case_says_what_is_otherwise_and_what_it_hit() {
    let book = book_of(POLICIES);
    let case = Case {
        name: "a case".to_owned(),
        caller: Caller::anonymous(),
        class: "pii.email".to_owned(),
        stored: Stored { region: String::new(), jurisdiction: place("EU") },
        delivered: place("CH"),
        lift: None,
        rung: Rung::Raw,
        rights: Some(BTreeSet::from([Act::FilterOn, Act::GroupBy])),
        rules: Some(BTreeSet::from(["home".to_owned()])),
    };
    let outcome = cases::run(&book, &case);
    assert_eq!(
        outcome.failures,
        [
            "it is pseudonymised, not raw, by abroad.token",
            "allowed are filterOn, expected filterOn, groupBy",
            "it is settled by abroad.token, not by home",
        ]
    );
    assert_eq!(cases::names(&book, &outcome.hit.into_iter().collect::<Vec<_>>()), ["abroad.token"]);
}

fn policies_of(text: &str, regions: &[(&str, &str)]) -> Policies {
    let region = |(name, jurisdiction): &(&str, &str)| PolicyRegion {
        name: RegionName::parse(name).unwrap(),
        jurisdiction: place(jurisdiction),
        keys: KeyRules::default(),
    };
    Policies::of_rules(book_of(text), place("US"), regions.iter().map(region).collect())
}

#[test]
fn a_plan_is_one_for_the_same_claims_and_its_digest_tells_others_apart() {
    let policies = policies_of(POLICIES, &[("us-east", "US"), ("eu-central", "EU")]);
    let jane = Caller { subject: "jane".to_owned(), ..caller(&["sre"], None) };
    let joe = Caller { subject: "joe".to_owned(), ..caller(&["sre"], None) };
    assert!(Arc::ptr_eq(&policies.plan(&jane), &policies.plan(&joe)));
    let idle = |purpose| policies.plan(&caller(&["sre"], purpose));
    assert!(Arc::ptr_eq(&idle(Some("idleness")), &idle(None)), "a purpose that is not known is none");
    let mut digests = BTreeSet::new();
    let others = [
        jane.clone(),
        caller(&[], None),
        caller(&["sre", "dpo"], None),
        caller(&["sre"], Some("billing")),
        Caller { home: Some(place("EU")), ..jane.clone() },
        Caller { groups: jane.roles.clone(), roles: BTreeSet::new(), ..jane.clone() },
        Caller { clearances: jane.roles.clone(), roles: BTreeSet::new(), ..jane },
    ];
    for caller in &others {
        assert!(digests.insert(policies.plan(caller).digest().to_owned()), "{caller:?}");
    }
    assert!(digests.insert(policies.plan_for(&others[0], &[place("CH")]).digest().to_owned()));
}

#[test]
fn a_region_has_cells_of_its_own_jurisdiction() {
    let policies = policies_of(POLICIES, &[("us-east", "US"), ("eu-central", "EU")]);
    let plan = policies.plan(&Caller::anonymous());
    let email = policies.classes().by_name("pii.email").unwrap();
    let cell = |region: &str| {
        let RegionPlan::Ruled(ruled) = plan.region(&RegionName::parse(region).unwrap()) else {
            panic!("not ruled")
        };
        let cell = ruled.cell(email);
        (cell.rung, cell.care, ruled.rule_names(cell.rule).join(" "), ruled.tokens().epoch)
    };
    assert_eq!(cell("us-east"), (Rung::Raw, Care::Balanced, "home".to_owned(), 3));
    assert_eq!(cell("eu-central"), (Rung::Pseudonymised, Care::Paranoid, "abroad.token".to_owned(), 3));
    let RegionPlan::Ruled(mars) = plan.region(&RegionName::parse("mars").unwrap()) else { panic!("shown") };
    assert_eq!(mars.cell(email), crate::policy::Cell::SHUT);
}

#[test]
fn a_policy_about_one_region_holds_for_no_other_of_its_jurisdiction() {
    let text = "@id(\"home\") permit (principal, action, resource);\n\
                @id(\"one\") forbid (principal, action, resource) when { context.stored.region == Region::\"eu-a\" };";
    let policies = policies_of(text, &[("eu-a", "EU"), ("eu-b", "EU")]);
    let plan = policies.plan(&Caller::anonymous());
    let safe = policies.classes().safe();
    let rung = |region: &str| match plan.region(&RegionName::parse(region).unwrap()) {
        RegionPlan::Ruled(ruled) => ruled.cell(safe).rung,
        other => panic!("{other:?}"),
    };
    assert_eq!((rung("eu-a"), rung("eu-b")), (Rung::Dropped, Rung::Raw));
}
