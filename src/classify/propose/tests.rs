//! What is proposed for which values.

use super::*;
use crate::classify::classifier::Bindings;
use crate::classify::detect::{Detector, Scratch};
use crate::classify::keys::DictionaryBuilder;
use crate::classify::structure::Structure;

const NAMES: [&str; 6] = ["unknown", "pii.email", "pii.ip", "pci.pan", "pii.user_id", "secret.token"];

fn id(name: &str) -> Option<ClassId> {
    NAMES.iter().position(|own| *own == name).map(|nth| ClassId::new(u8::try_from(nth).unwrap()))
}

fn classifier() -> Classifier {
    let mut bindings = Bindings::default();
    for (detector, class) in [
        (Detector::Email, "pii.email"),
        (Detector::Ipv4, "pii.ip"),
        (Detector::Pan, "pci.pan"),
        (Detector::Jwt, "secret.token"),
    ] {
        bindings.bind(detector, id(class).unwrap()).unwrap();
    }
    let mut keys = DictionaryBuilder::new();
    keys.key("safe", "http.route", KeyClass::Safe).unwrap();
    keys.key("pii.email", "user.email", KeyClass::Whole(id("pii.email").unwrap())).unwrap();
    keys.key("text", "db.json", KeyClass::Structured(Structure::Json, id("unknown").unwrap())).unwrap();
    Classifier::new(keys.build(), bindings, id("unknown").unwrap(), id("unknown").unwrap())
}

fn tally(key: &str, values: &[&str]) -> Tally {
    let mut tally = Tally::new(&classifier(), key);
    values.iter().for_each(|value| tally.take(value, &mut Scratch::default()));
    tally
}

fn proposed(key: &str, values: &[&str]) -> (Proposed, Confidence) {
    let proposal = propose(&tally(key, values), &classifier(), id);
    (proposal.proposed, proposal.confidence)
}

fn class(name: &str) -> Proposed {
    Proposed::Class(id(name).unwrap())
}

const MAILS: [&str; 6] = [
    "jane@example.com",
    "joe.bloggs@example.org",
    "a@example.net",
    "b@example.com",
    "c@example.com",
    "d@example.org",
];

#[test]
fn values_that_are_wholly_what_a_detector_finds_are_of_its_class() {
    assert_eq!(proposed("cart.ref", &MAILS), (class("pii.email"), Confidence::High));
    assert_eq!(proposed("cart.ref", &MAILS[..2]), (class("pii.email"), Confidence::Medium));
    // What the name says of few makes it sure.
    assert_eq!(proposed("cart.mail", &MAILS[..2]), (class("pii.email"), Confidence::High));
    // And what is in the values goes before a name that says otherwise.
    assert_eq!(proposed("cart.user", &MAILS), (class("pii.email"), Confidence::High));
}

#[test]
fn text_in_which_something_stands_is_to_be_scanned() {
    let notes = ["please call", "write to jane@example.com when it is done", "ok"];
    assert_eq!(proposed("cart.note", &notes), (Proposed::Scan, Confidence::High));
    let harmless = ["leave it at the door please", "no onions in it thank you", "ok"];
    assert_eq!(proposed("cart.note", &harmless), (Proposed::Scan, Confidence::Low));
}

#[test]
fn short_words_and_numbers_are_safe_and_ids_are_nobody_knows_whose() {
    let words = ["standard", "express", "pick-up", "locker", "42"];
    assert_eq!(proposed("cart.delivery", &words), (Proposed::Safe, Confidence::Medium));
    assert_eq!(proposed("cart.delivery", &words[..2]), (Proposed::Safe, Confidence::Low));
    let ids =
        ["9f86d081884c7d65", "60303ae22b998861", "fd61a03af4f77d87", "a4e624d686e03ed2", "ef2d127de37b942b"];
    assert_eq!(proposed("cart.ref", &ids), (Proposed::Undecided, Confidence::Low));
    assert_eq!(proposed("cart.owner", &ids), (class("pii.user_id"), Confidence::Medium));
}

#[test]
fn a_name_alone_is_a_weak_reason_and_neither_is_none() {
    assert_eq!(proposed("cart.buyerMail", &[]), (class("pii.email"), Confidence::Low));
    assert_eq!(proposed("cart.ref", &[]), (Proposed::Undecided, Confidence::Low));
    // A class that the table does not have is not proposed.
    assert_eq!(proposed("cart.phone", &[]), (Proposed::Undecided, Confidence::Low));
}

#[test]
fn names_are_read_by_their_words_and_not_by_what_they_count() {
    let class_of = |key: &str| hint(key).map(|hint| hint.classes[0]);
    for (key, expected) in [
        ("buyerMail", "pii.email"),
        ("X-Contact-Phone", "pii.phone"),
        ("peer_ip", "pii.ip"),
        ("ipAddress", "pii.ip"),
        ("delivery.address", "pii.address"),
        ("mac_address", "pii.mac"),
        ("session.ref", "pii.session"),
        ("refresh_tokens", "secret.token"),
        ("loyalty.card", "pci.pan"),
        ("buyer.name", "pii.name"),
        ("customers", "pii.user_id"),
    ] {
        assert_eq!(class_of(key), Some(expected), "{key}");
    }
    for key in ["mail.count", "session.duration", "shipment.weight", "pipeline", "description", "telemetry"] {
        assert_eq!(class_of(key), None, "{key}");
    }
}

#[test]
fn a_shape_has_nothing_of_its_value() {
    for (value, expected) in [
        ("jane.roe@example.com", "a*.a*@a*.a*"),
        ("Jane Roe", "A* A*"),
        ("GB29 NWBK 6016 1331 9268 19", "A*9* A* 9* 9* 9* 9*"),
        ("10.0.0.1", "9*.9.9.9"),
        ("4111111111111111", "9*"),
        ("a*b", "a?a"),
        ("Jürgen", "A*"),
        ("٣٤٥٦", "9*"),
        ("", ""),
        ("a\nb\u{202e}", "a a?"),
    ] {
        assert_eq!(shape(value), expected, "{value}");
    }
    assert!(shape(&"a1".repeat(1000)).chars().count() <= 49);
}

#[test]
fn no_value_is_in_what_is_kept_or_said() {
    let secrets = ["hunter2-very-secret", "jane.roe@example.com", "Call Jane Roe on 0171 555 0199 please"];
    let tally = tally("cart.note", &secrets);
    let said = format!("{tally:?} {:?}", propose(&tally, &classifier(), id));
    for word in ["hunter", "jane", "Jane", "Roe", "0171", "example"] {
        assert!(!said.contains(word), "{word} in {said}");
    }
}

#[test]
fn a_value_counts_once_and_only_so_many_count() {
    let same = tally("cart.ref", &["a", "a", "b"]);
    assert_eq!((same.values(), same.is_cut()), (2, false));
    let many: Vec<String> = (0..VALUES_MAX + 10).map(|nth| format!("value-{nth}")).collect();
    let many = tally("cart.ref", &many.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!((many.values(), many.is_cut()), (VALUES_MAX as u64, true));
    assert!(many.shapes(usize::MAX).len() <= 32);
}

#[test]
fn what_the_dictionary_says_is_held_against_the_values() {
    let said = |key: &str, values: &[&str]| {
        let (classifier, tally) = (classifier(), tally(key, values));
        let name = |class: ClassId| NAMES[class.index()].to_owned();
        contradiction(&tally, tally.says(), &classifier, name).map(|contradiction| contradiction.what)
    };
    let route = said("http.route", &["/users/:id", "/users/jane@example.com"]).unwrap();
    assert_eq!(route, "it is listed as safe, but `email` stands in 1 of 2 values");
    assert_eq!(said("http.route", &["/users/:id"]), None);
    assert_eq!(said("user.email", &MAILS), None);
    let cards =
        ["4111111111111111", "5555555555554444", "4012888888881881", "378282246310005", "6011111111111117"];
    assert!(said("user.email", &cards).unwrap().starts_with("it is listed as pii.email, but 5 of 5"));
    assert_eq!(said("user.email", &cards[..3]), None);
    let json = said("db.json", &["{}", "not json", "nor this", "or this", "[1, 2"]).unwrap();
    assert_eq!(json, "it is listed as json, but 4 of 5 values cannot be read as that");
    assert_eq!(said("cart.ref", &MAILS), None);
}
