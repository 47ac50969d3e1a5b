//! What keys say, and which entries are refused.

use proptest::prelude::*;

use super::*;

const EMAIL: KeyClass = KeyClass::Whole(ClassId::new(1));
const CARD: KeyClass = KeyClass::Whole(ClassId::new(2));
const IP: KeyClass = KeyClass::Whole(ClassId::new(3));
const COOKIE: KeyClass = KeyClass::Structured(Structure::Cookie, ClassId::new(4));

fn dictionary() -> Dictionary {
    let mut made = DictionaryBuilder::new();
    made.key("safe", "service.name", KeyClass::Safe).unwrap();
    made.key("pii.email", "User.Email", EMAIL).unwrap();
    made.key("http.cookie", "http.request.header.cookie", COOKIE).unwrap();
    made.template("headers", "http.request.header.*", KeyClass::Scan).unwrap();
    made.template("pii.ip", "http.request.header.x-*-ip", IP).unwrap();
    made.template("safe", "k8s.*.name", KeyClass::Safe).unwrap();
    made.template("labels", "k8s.*.label.*", KeyClass::Scan).unwrap();
    made.template("pii.ip", "*.peer-ip", IP).unwrap();
    made.words("pii.email", "email", EMAIL).unwrap();
    made.words("pii.email", "e-mail", EMAIL).unwrap();
    made.words("pci.pan", "card number", CARD).unwrap();
    made.words("scan", "email body", KeyClass::Scan).unwrap();
    made.words("pii.ip", "client IP", IP).unwrap();
    made.skip("skip", "count").unwrap();
    made.build()
}

#[track_caller]
fn check(key: &str, says: KeyClass) {
    assert_eq!(dictionary().of(key), says, "{key}");
}

#[test]
fn an_exact_name_goes_before_templates_and_words() {
    check("service.name", KeyClass::Safe);
    check("USER.email", EMAIL);
    check("http.request.header.Cookie", COOKIE);
}

#[test]
fn the_longest_template_that_fits_is_the_answer() {
    check("http.request.header.accept", KeyClass::Scan);
    check("http.request.header.X-Real-IP", IP);
    check("http.request.header.x-customer-email", EMAIL);
    check("http.request.header.x-email-count", KeyClass::Unknown);
    check("k8s.pod.name", KeyClass::Safe);
    check("k8s.pod.label.app.kubernetes.io/name", KeyClass::Scan);
    check("k8s.pod.label.name", KeyClass::Scan);
    check("edge.peer-ip", IP);
}

#[test]
fn a_star_stands_for_something_and_within_a_part() {
    check("http.request.header.", KeyClass::Unknown);
    check("k8s..name", KeyClass::Unknown);
    check("k8s.pod.other.name", KeyClass::Unknown);
    check("a.b.peer-ip", KeyClass::Unknown);
    check(".peer-ip", KeyClass::Unknown);
    check("k8s.name", KeyClass::Unknown);
}

#[test]
fn words_are_found_however_they_are_written() {
    for key in
        ["payment.cardNumber", "CARD_NUMBER", "card-number-2", "cardnumbers", "x.CardNumber", "card number"]
    {
        check(key, CARD);
    }
    for key in ["customer.email", "customerEmail", "emails", "EMail", "EMAIL1", "shop/email", "ctx[email]"] {
        check(key, EMAIL);
    }
    for key in ["clientIPs", "client_ip", "clientip"] {
        check(key, IP);
    }
}

#[test]
fn parts_of_words_are_no_words() {
    for key in ["emailer", "discard.numbering", "zip", "femail", "card.x.number"] {
        check(key, KeyClass::Unknown);
    }
}

#[test]
fn more_words_go_before_fewer() {
    check("customer.email.body", KeyClass::Scan);
    check("body.email", EMAIL);
}

#[test]
fn a_key_that_tells_of_a_thing_is_not_it() {
    for key in
        ["email.count", "emailCount", "has_email", "hasEmail", "email_count_1", "email.count.id", "max_email"]
    {
        check(key, KeyClass::Unknown);
    }
    check("count.email", EMAIL);
    check("message.count", KeyClass::Unknown);
}

#[test]
fn a_name_within_a_structure_is_tried_with_what_it_stands_in() {
    let made = dictionary();
    assert_eq!(made.of_within("user", "email"), EMAIL);
    assert_eq!(made.of_within("http.request.header", "Cookie"), COOKIE);
    assert_eq!(made.of_within("service", "name"), KeyClass::Safe);
    assert_eq!(made.of_within("card", "number"), CARD);
    assert_eq!(made.of_within("card", "email"), EMAIL);
    assert_eq!(made.of_within("", "number"), KeyClass::Unknown);
    let long = "x".repeat(400);
    assert_eq!(made.of_within(&long, "email"), EMAIL);
    assert_eq!(made.of_within(&long, "number"), KeyClass::Unknown);
}

#[test]
fn an_entry_listed_twice_is_refused_and_both_are_named() {
    let mut made = DictionaryBuilder::new();
    made.key("pii.email", "user.email", EMAIL).unwrap();
    made.template("a", "x.*", EMAIL).unwrap();
    made.words("a", "card number", CARD).unwrap();
    let twice = [
        made.key("pii.name", "USER.EMAIL", CARD),
        made.template("b", "X.*", CARD),
        made.words("b", "cardNumber", CARD),
    ];
    let texts = twice.map(|result| result.unwrap_err().to_string());
    assert_eq!(texts[0], "`USER.EMAIL` of `pii.name` is already listed under `pii.email`");
    assert_eq!(texts[1], "`X.*` of `b` is already listed under `a`");
    assert_eq!(texts[2], "`cardNumber` of `b` is already listed under `a`");
}

#[test]
fn entries_that_could_never_hold_are_refused() {
    let mut made = DictionaryBuilder::new();
    let long = "x".repeat(ENTRY_BYTES_MAX + 1);
    let refused = [
        made.key("a", "", EMAIL),
        made.key("a", "..", EMAIL),
        made.key("a", "x.*", EMAIL),
        made.key("a", &long, EMAIL),
        made.template("a", "x.y", EMAIL),
        made.template("a", "*", EMAIL),
        made.template("a", "x.**", EMAIL),
        made.template("a", "x.*.*.*.*.*", EMAIL),
        made.words("a", "one two three four five", EMAIL),
        made.skip("a", "two words"),
    ];
    assert!(refused.iter().all(Result::is_err), "{refused:?}");
}

#[test]
fn an_empty_dictionary_knows_nothing() {
    assert_eq!(Dictionary::default().of("user.email"), KeyClass::Unknown);
    assert_eq!(dictionary().of(""), KeyClass::Unknown);
}

proptest! {
    #[test]
    fn any_key_has_an_answer_and_case_does_not_change_listed_ones(key in "\\PC{0,300}", parent in "\\PC{0,40}") {
        let made = dictionary();
        made.of(&key);
        made.of_within(&parent, &key);
        let listed = format!("http.request.header.{key}x");
        // Not by words, where case is what separates them.
        prop_assert_ne!(made.of(&listed.to_ascii_uppercase()), KeyClass::Unknown);
    }
}
