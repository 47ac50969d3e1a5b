//! What each treatment leaves of values, and of what only looks like them.

use std::sync::Arc;

use super::*;
use crate::model::RegionName;
use crate::policy::{Cell, ClassFacts, Generalise, KeyLists, Mask};
use crate::redaction::ring::{HeldKeys, KeyRing, RootKey};

fn class(name: &str, mask: Mask, generalise: Generalise) -> ClassFacts {
    ClassFacts { name: name.to_owned(), mask, generalise, ..ClassFacts::default() }
}

fn keys() -> KeyRing {
    let root = RootKey::of_bytes(b"a root of thirty-two bytes or so").unwrap();
    KeyRing::new(Arc::new(HeldKeys::new([].into(), Some(root))))
}

/// What a caller sees of a value on one rung.
fn seen(facts: ClassFacts, cell: Cell, ring: &KeyRing, value: &str) -> String {
    let classes = Arc::new(Classes::new(vec![facts], KeyLists::default()).unwrap());
    let class = ClassId::new(0);
    let ruled = Ruled::fixed(classes, RegionName::parse("eu").unwrap(), |_| cell);
    let mut out = String::new();
    Treater::new(&ruled, ring.keys(ruled.tokens()), 2026).put(class, value, &mut out);
    out
}

fn on(rung: Rung) -> Cell {
    Cell { rung, ..Cell::SHUT }
}

fn masked(mask: Mask, value: &str) -> String {
    seen(class("c", mask, Generalise::None), on(Rung::Masked), &KeyRing::none(), value)
}

fn coarse(how: Generalise, value: &str) -> String {
    seen(class("c", Mask::Full, how), on(Rung::Generalised), &KeyRing::none(), value)
}

#[track_caller]
fn check(seen: impl Fn(&str) -> String, cases: &[(&str, &str)]) {
    for (value, expected) in cases {
        assert_eq!(seen(value), *expected, "{value}");
    }
}

#[test]
fn masks_leave_what_their_class_allows() {
    check(
        |value| masked(Mask::Email, value),
        &[
            ("jane.roe@example.com", "‹c j…example.com›"),
            ("Jane%40Example.COM", "‹c j…example.com›"),
            ("jane%2540example.com", "‹c j…example.com›"),
            ("j@example.com", "‹c›"),
            ("jane@10.0.0.1", "‹c›"),
            ("jane@localhost", "‹c›"),
            ("no address", "‹c›"),
            ("jane@evil domain.com", "‹c›"),
        ],
    );
    check(
        |value| masked(Mask::Pan, value),
        &[
            ("4111 1111 1111 1234", "‹c …1234›"),
            ("4111-1111-1111-1234", "‹c …1234›"),
            ("411111111111", "‹c›"),
            ("4111x11111111234", "‹c›"),
        ],
    );
    check(
        |value| masked(Mask::Iban, value),
        &[
            ("DE89 3704 0044 0532 0130 00", "‹c DE…3000›"),
            ("gb29nwbk60161331926819", "‹c GB…6819›"),
            ("1234567890123456", "‹c›"),
        ],
    );
    check(
        |value| masked(Mask::Phone, value),
        &[
            ("+49 (30) 123456-78", "‹c +49…78›"),
            ("0049 30 12345678", "‹c +49…78›"),
            ("+1 212 555 0123", "‹c +1…23›"),
            ("+420 601 123 456", "‹c +420…56›"),
            ("030 1234567", "‹c …67›"),
            ("call me", "‹c›"),
        ],
    );
    check(|value| masked(Mask::LastFour, value), &[("AB-1234567890", "‹c …7890›"), ("12345", "‹c›")]);
    check(|value| masked(Mask::Full, value), &[("anything", "‹c›"), ("", "‹c›")]);
}

#[test]
fn addresses_and_dates_are_made_coarser() {
    check(
        |value| coarse(Generalise::Ip, value),
        &[
            ("203.0.113.77", "203.0.113.0/24"),
            ("203.0.113.77:8080", "203.0.113.0/24"),
            ("203.0.113.0/24", "203.0.113.0/24"),
            ("::ffff:203.0.113.77", "203.0.113.0/24"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1::/48"),
            ("[2001:db8:1:2::1]:443", "2001:db8:1::/48"),
            ("fe80::1%eth0", "fe80::/48"),
            ("janes-macbook", "‹c›"),
        ],
    );
    check(
        |value| coarse(Generalise::Date, value),
        &[
            ("2026-11-21", "2026-11"),
            ("2026-11-21T13:00:00Z", "2026-11"),
            ("20261121", "2026-11"),
            ("21.11.2026", "2026-11"),
            ("11/21/2026", "2026"),
            ("2026-13-01", "‹c›"),
            ("soon", "‹c›"),
        ],
    );
    check(
        |value| coarse(Generalise::BirthDate, value),
        &[
            ("1985-03-17", "1985"),
            ("17.03.1985", "1985"),
            ("1936-01-01", "≤1937"),
            ("1899", "≤1937"),
            ("≤1937", "≤1937"),
            ("0000-00-00", "‹c›"),
        ],
    );
}

#[test]
fn places_agents_and_postal_codes_are_made_coarser() {
    check(
        |value| coarse(Generalise::Geo, value),
        &[
            ("48.8566", "48.9"),
            ("48.8566, 2.3522", "48.9,2.4"),
            ("-0.04", "0.0"),
            ("48.8566,2.3522,35", "48.9,2.4"),
            ("Paris", "‹c›"),
            ("1e2", "‹c›"),
            ("181.5", "‹c›"),
        ],
    );
    check(
        |value| coarse(Generalise::UserAgent, value),
        &[
            (
                "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36",
                "Chrome 126",
            ),
            (
                "Mozilla/5.0 (Macintosh) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.4 Safari/605.1.15",
                "Safari 17",
            ),
            ("Mozilla/5.0 (Windows NT 10.0; rv:128.0) Gecko/20100101 Firefox/128.0", "Firefox 128"),
            ("Mozilla/5.0 Chrome/120.0 Safari/537.36 Edg/120.0.1", "Edge 120"),
            ("curl/8.5.0", "curl 8"),
            ("jane@example.com", "‹c›"),
            ("x/1234567890", "‹c›"),
        ],
    );
    check(
        |value| coarse(Generalise::PostalCode, value),
        &[("94103", "941"), ("SW1A 1AA", "SW1"), ("10115-1234", "101"), ("Berlin", "‹c›")],
    );
}

#[test]
fn a_coarser_value_is_as_coarse_when_treated_again() {
    for (how, value) in [
        (Generalise::Ip, "203.0.113.77"),
        (Generalise::Ip, "2001:db8:1:2:3:4:5:6"),
        (Generalise::Date, "2026-11-21"),
        (Generalise::BirthDate, "1920-01-01"),
        (Generalise::Geo, "48.8566, 2.3522"),
    ] {
        let once = coarse(how, value);
        assert_eq!(coarse(how, &once), once);
    }
}

#[test]
fn the_same_address_written_differently_has_the_same_token() {
    let token = |facts: ClassFacts, value: &str| seen(facts, on(Rung::Pseudonymised), &keys(), value);
    let same = |facts: ClassFacts, values: &[&str]| {
        let tokens: Vec<String> = values.iter().map(|value| token(facts.clone(), value)).collect();
        assert!(tokens.windows(2).all(|pair| pair[0] == pair[1]), "{values:?}: {tokens:?}");
        assert!(tokens[0].starts_with("pn:"), "{tokens:?}");
    };
    same(
        class("c", Mask::Email, Generalise::None),
        &["jane@example.com", "jane@EXAMPLE.com", "jane%40example.com"],
    );
    same(class("c", Mask::Phone, Generalise::None), &["+49 30 1234567", "0049301234567", "+49-30-123-4567"]);
    same(
        class("c", Mask::Iban, Generalise::None),
        &["DE89 3704 0044 0532 0130 00", "de89370400440532013000"],
    );
    same(
        class("c", Mask::Full, Generalise::Ip),
        &["2001:db8::1", "2001:0db8:0:0:0:0:0:1", "[2001:db8::1]:80"],
    );
    let email = class("c", Mask::Email, Generalise::None);
    assert_ne!(token(email.clone(), "jane@example.com"), token(email, "Jane@example.com"));
}

#[test]
fn without_a_key_a_token_becomes_a_mask() {
    let seen = |ring: &KeyRing| {
        seen(class("c", Mask::Email, Generalise::None), on(Rung::Pseudonymised), ring, "jane@example.com")
    };
    assert_eq!(seen(&KeyRing::none()), "‹c j…example.com›");
    assert!(seen(&keys()).starts_with("pn:c:0:"));
}

#[test]
fn who_may_ask_for_a_token_gets_one_that_leads_back() {
    let cell = Cell { may_filter: true, ..on(Rung::Pseudonymised) };
    let token = seen(class("c", Mask::Email, Generalise::None), cell, &keys(), "jane@example.com");
    assert!(token.starts_with("pr:c:0:"), "{token}");
}

#[test]
fn a_dropped_value_leaves_the_name_of_its_class() {
    assert_eq!(
        seen(class("pci.sad", Mask::LastFour, Generalise::Ip), on(Rung::Dropped), &keys(), "123"),
        "‹pci.sad›"
    );
}
