//! Which grants hold, and what is said of those that do not.

use super::*;
use crate::policy::{ClassFacts, KeyLists};
use crate::proof::SigningKey;
use crate::proof::grant::sign;

const NOW: Duration = Duration::from_secs(1_800_000_000);

fn classes() -> Arc<Classes> {
    let of = |name: &str, group: &str| ClassFacts {
        name: name.to_owned(),
        group: group.to_owned(),
        ..ClassFacts::default()
    };
    let all = vec![
        of("pii.email", "pii.basic"),
        of("pii.health", "pii.sensitive"),
        of("pii.ip", "pii.network"),
        of("secret.token", "secret"),
    ];
    Arc::new(Classes::new(all, KeyLists::default()).unwrap())
}

fn region(name: &str) -> RegionName {
    RegionName::parse(name).unwrap()
}

fn grant() -> Grant {
    Grant {
        id: "g-1".to_owned(),
        subject: "alice".to_owned(),
        signer: "bob".to_owned(),
        ticket: "INC-1".to_owned(),
        justification: "the checkout of one customer fails and nobody knows why".to_owned(),
        classes: ["pii.email".to_owned()].into(),
        regions: [region("eu")].into(),
        traces: BTreeSet::new(),
        purpose: Some("incident".to_owned()),
        issued: NOW,
        not_before: NOW,
        expires: NOW + Duration::from_secs(1800),
    }
}

struct Desk {
    key: SigningKey,
    grants: Grants,
    uses: GrantUses,
}

impl Desk {
    fn new() -> Self {
        let key = SigningKey::generate().unwrap();
        let may_sign_for = vec!["pii.basic".to_owned(), "secret".to_owned(), "pii.health".to_owned()];
        let settings = GrantSettings {
            signers: vec![Signer {
                name: "bob".to_owned(),
                key: key.public().clone(),
                subjects: ["robert@example.com".to_owned()].into(),
                may_sign_for,
            }],
            revoked: ["g-revoked".to_owned()].into(),
            uses_max: 3,
            notify_url: None,
            regions: [region("eu"), region("us"), region("ch")].into(),
            behind: [region("ch")].into(),
        };
        Self { key, grants: Grants::new(settings, classes()), uses: GrantUses::default() }
    }

    fn accept(&self, grant: &Grant, caller: &str, now: Duration) -> Result<u64, String> {
        self.accept_by(grant, (caller, ProvenBy::Issuer), now)
    }

    fn accept_by(&self, grant: &Grant, (caller, by): (&str, ProvenBy), now: Duration) -> Result<u64, String> {
        let caller = Caller {
            subject: caller.to_owned(),
            purpose: Some("incident".to_owned()),
            ..Caller::anonymous()
        };
        let accepted = self.grants.accept(&sign(grant, &self.key).unwrap(), (&caller, by), now, &self.uses);
        accepted.map(|accepted| accepted.nth).map_err(|(fault, _)| fault.to_string())
    }
}

#[test]
fn a_grant_holds_for_whom_it_is_and_for_as_long_as_it_says() {
    let desk = Desk::new();
    assert_eq!(desk.accept(&grant(), "alice", NOW), Ok(1));
    assert_eq!(desk.accept(&grant(), "alice", NOW + Duration::from_secs(1799)), Ok(2));
    // Another machine's clock may be a little late.
    assert_eq!(desk.accept(&grant(), "alice", NOW - Duration::from_secs(30)), Ok(3));
    let group = Grant { id: "g-2".to_owned(), classes: ["pii.basic".to_owned()].into(), ..grant() };
    assert_eq!(desk.accept(&group, "alice", NOW), Ok(1));
}

fn minutes(count: u64) -> Duration {
    Duration::from_secs(count * 60)
}

fn refused(desk: &Desk, grants: Vec<(Grant, &str)>) {
    for (grant, expected) in grants {
        let said = desk.accept(&grant, "alice", NOW).unwrap_err();
        assert!(said.starts_with(expected) && !said.contains('\n'), "{said}\nexpected {expected}");
    }
}

/// It would be shown as used, and lift nothing there.
#[test]
fn a_grant_for_a_region_before_which_another_gateway_decides_is_refused() {
    let there = Grant { regions: [region("eu"), region("ch")].into(), ..grant() };
    refused(
        &Desk::new(),
        vec![(there, "the grant names region `ch`, before which another gateway decides: leave it out")],
    );
}

#[test]
fn a_grant_needs_two_people_and_a_reason() {
    let by_himself = "`bob` signed the grant for themselves: a second person has to";
    refused(
        &Desk::new(),
        vec![
            (Grant { subject: "bob".into(), ..grant() }, by_himself),
            (Grant { subject: "Bob".into(), ..grant() }, by_himself),
            (Grant { subject: "Robert@example.com".into(), ..grant() }, by_himself),
            (
                Grant { signer: "carol".into(), ..grant() },
                "the grant names `carol` as its signer, but it was signed by `bob`",
            ),
            (
                Grant { subject: "Alice".into(), ..grant() },
                "the grant is for `Alice`, and it is `alice` who asks",
            ),
            (Grant { subject: String::new(), ..grant() }, "a grant is for somebody by name"),
            (Grant { ticket: " ".into(), ..grant() }, "the grant has no ticket"),
            (Grant { ticket: "a\nb".into(), ..grant() }, "the grant has no ticket"),
            (
                Grant { justification: "because".into(), ..grant() },
                "the justification has 7 characters; 30 to 2000 say",
            ),
            (Grant { justification: " ".repeat(60), ..grant() }, "the justification has 0 characters"),
            (Grant { id: "g-revoked".into(), ..grant() }, "the grant was revoked"),
        ],
    );
    let nobody = Desk::new().accept(&grant(), ANONYMOUS, NOW).unwrap_err();
    assert!(nobody.starts_with("a grant is for somebody by name"), "{nobody}");
}

#[test]
fn a_grant_is_for_classes_and_regions_that_are_there_and_can_be_lifted() {
    let of = |classes: &[&str]| Grant {
        classes: classes.iter().map(|name| (*name).to_owned()).collect(),
        ..grant()
    };
    refused(
        &Desk::new(),
        vec![
            (of(&[]), "the grant names no class"),
            (of(&["pii.emial"]), "the grant cannot be had: there is no class or group `pii.emial`"),
            (of(&["secret.token"]), "the grant cannot be had: `secret.token` is never lifted, by no grant"),
            (of(&["secret"]), "the grant cannot be had: `secret` is never lifted"),
            (of(&["pii.health"]), "the grant cannot be had: `pii.health` is never lifted"),
            (of(&["pii"]), "the grant cannot be had: `pii` holds `pii.health`"),
            (of(&["pii.ip"]), "`bob` may not sign for `pii.ip`"),
            (Grant { regions: BTreeSet::new(), ..grant() }, "the grant names no region"),
            (
                Grant { regions: [region("mars")].into(), ..grant() },
                "the grant names region `mars`, which is not declared",
            ),
            (
                Grant { purpose: Some("support".into()), ..grant() },
                "the grant is for the purpose `support`, and the request states the purpose `incident`",
            ),
            (
                Grant { purpose: None, ..grant() },
                "the grant is for no purpose, and the request states the purpose",
            ),
        ],
    );
}

#[test]
fn a_grant_holds_for_an_hour_at_most_and_neither_before_nor_after() {
    let (too_long, desk) = ("the grant holds for 61 minutes; 60 are possible", Desk::new());
    refused(
        &desk,
        vec![
            (Grant { expires: NOW + minutes(61), ..grant() }, too_long),
            // Signed long ago for a time to come.
            (Grant { issued: NOW - minutes(50), expires: NOW + minutes(11), ..grant() }, too_long),
            (Grant { expires: NOW, ..grant() }, "the grant ends before it begins"),
            (
                Grant {
                    not_before: NOW - minutes(40),
                    issued: NOW - minutes(40),
                    expires: NOW - minutes(5),
                    ..grant()
                },
                "the grant held until 2027-01-15T07:55:00Z",
            ),
            (
                Grant { not_before: NOW + minutes(5), expires: NOW + minutes(9), ..grant() },
                "the grant holds from 2027-01-15T08:05:00Z on, which is not yet",
            ),
        ],
    );
    let ended = desk.accept(&grant(), "alice", grant().expires).unwrap_err();
    assert_eq!(ended, "the grant held until 2027-01-15T08:30:00Z");
}

#[test]
fn an_unknown_signer_and_no_signer_at_all_are_refused() {
    let (desk, other) = (Desk::new(), Desk::new());
    let token = sign(&grant(), &other.key).unwrap();
    let caller = Caller { subject: "alice".to_owned(), ..Caller::anonymous() };
    let refused =
        |grants: &Grants| grants.accept(&token, (&caller, ProvenBy::Issuer), NOW, &desk.uses).unwrap_err().0;
    assert_eq!(refused(&desk.grants), GrantFault::Token(GrantTokenError::UnknownKey));
    assert!(!refused(&desk.grants).is_malformed());
    let none =
        Grants::new(GrantSettings { signers: Vec::new(), ..desk.grants.settings().clone() }, classes());
    assert_eq!(refused(&none), GrantFault::NotConfigured);
    let alice = (&caller, ProvenBy::Issuer);
    let malformed = desk.grants.accept("no.grant.this", alice, NOW, &desk.uses).unwrap_err().0;
    assert!(malformed.is_malformed());
}

#[test]
fn a_grant_is_good_for_so_many_requests() {
    let desk = Desk::new();
    for nth in 1..=3 {
        assert_eq!(desk.accept(&grant(), "alice", NOW), Ok(nth));
    }
    assert!(desk.accept(&grant(), "alice", NOW).unwrap_err().starts_with("the grant was used 3 times"));
    // What was refused is not counted.
    let other = Grant { id: "g-2".to_owned(), ..grant() };
    assert!(desk.accept(&other, "mallory", NOW).is_err());
    assert_eq!(desk.accept(&other, "alice", NOW), Ok(1));
}

#[test]
fn so_many_grants_are_counted_and_ended_ones_make_room() {
    let uses = GrantUses::default();
    for nth in 0..COUNTED_MAX {
        let one = Grant { id: format!("g-{nth}"), ..grant() };
        assert_eq!(uses.count(&one, 3, NOW), Ok(1));
    }
    let more = Grant { id: "one-more".to_owned(), ..grant() };
    assert_eq!(uses.count(&more, 3, NOW), Err(GrantFault::TooMany));
    let later = grant().expires;
    assert_eq!(uses.count(&Grant { expires: later + GRANT_MAX, ..more }, 3, later), Ok(1));
}

#[test]
fn a_grant_is_for_people_and_neither_for_a_data_source_nor_for_whoever_shows_nothing() {
    let desk = Desk::new();
    let by = |by| desk.accept_by(&grant(), ("alice", by), NOW);
    let source = by(ProvenBy::DataSource).unwrap_err();
    assert!(source.starts_with("a grant is for a person, and a data source is none"), "{source}");
    for other in [ProvenBy::Nothing, ProvenBy::Peer] {
        assert!(by(other).unwrap_err().contains("nothing of the request proves one"), "{other:?}");
    }
    for (nth, person) in (1..).zip([ProvenBy::Development, ProvenBy::Issuer, ProvenBy::Grafana]) {
        assert_eq!(by(person), Ok(nth));
    }
}

#[test]
fn another_grant_cannot_hide_behind_the_id_of_one_that_is_in_use() {
    let desk = Desk::new();
    assert_eq!(desk.accept(&grant(), "alice", NOW), Ok(1));
    assert!(desk.uses.is_first_told(&grant()) && !desk.uses.is_first_told(&grant()));
    let wider = Grant { classes: ["pii.basic".to_owned()].into(), ..grant() };
    let refused = desk.accept(&wider, "alice", NOW).unwrap_err();
    assert_eq!(refused, "another grant with the id `g-1` is in use: have a new one signed");
    // Once the first has ended, the other begins anew, and is told.
    let later = grant().expires;
    let next = Grant { issued: later, not_before: later, expires: later + minutes(30), ..grant() };
    for nth in 1..=3 {
        assert_eq!(desk.accept(&next, "alice", later), Ok(nth));
    }
    assert!(desk.uses.is_first_told(&next));
}

#[test]
fn a_signer_for_a_class_does_not_sign_for_the_group_it_is_in() {
    let of = |may: &str| {
        let mut settings = Desk::new().grants.settings().clone();
        settings.signers[0].may_sign_for = vec![may.to_owned()];
        settings.signers.remove(0)
    };
    let may = |own: &str, class: &str| may_sign(&classes(), &of(own), class);
    assert!(may("pii.basic", "pii.email") && may("pii", "pii.network") && may("pii.network", "pii.ip"));
    assert!(!may("pii.email", "pii") && !may("pii.basic", "pii.ip") && !may("pii.basic", "pii.network"));
}
