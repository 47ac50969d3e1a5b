//! Findings of the classifier, on a dictionary of a few keys.

use super::*;
use crate::classify::keys::DictionaryBuilder;

const EMAIL: ClassId = ClassId::new(0);
const NAME: ClassId = ClassId::new(1);
const URL: ClassId = ClassId::new(2);
const SECRET: ClassId = ClassId::new(3);
const PHONE: ClassId = ClassId::new(4);
const JSON: ClassId = ClassId::new(5);
const UNKNOWN: ClassId = ClassId::new(6);
const SAFE: ClassId = ClassId::new(7);

fn classifier() -> Classifier {
    let mut keys = DictionaryBuilder::new();
    for (key, says) in [
        ("user.email", KeyClass::Whole(EMAIL)),
        ("email", KeyClass::Whole(EMAIL)),
        ("name", KeyClass::Whole(NAME)),
        ("url", KeyClass::Structured(Structure::Url, URL)),
        ("body", KeyClass::Structured(Structure::Json, JSON)),
        ("service", KeyClass::Safe),
        ("message", KeyClass::Scan),
    ] {
        keys.key("test", key, says).unwrap();
    }
    let mut bindings = Bindings::default();
    for (detector, class) in [(Detector::Email, EMAIL), (Detector::Secret, SECRET), (Detector::Phone, PHONE)]
    {
        bindings.bind(detector, class).unwrap();
    }
    Classifier::new(keys.build(), bindings, UNKNOWN, URL).with_safe(SAFE)
}

/// Treats these, each a step more strictly than the one before.
fn look(classifier: &Classifier, treated: &[ClassId]) -> Look {
    classifier.look(|class| {
        let strictness = treated.iter().position(|one| *one == class).map_or(0, |nth| nth + 1);
        (u8::try_from(strictness).unwrap(), Care::Balanced)
    })
}

const ALL: &[ClassId] = &[EMAIL, NAME, URL, SECRET, PHONE, JSON];

/// What a value under a key is: its parts by class, or the verdict on the whole.
#[track_caller]
fn check(treated: &[ClassId], key: &str, text: &str, expected: Result<&[(&str, ClassId)], Verdict>) {
    let classifier = classifier();
    let mut scratch = Scratch::default();
    let verdict = classifier.text(classifier.key(key), text, &look(&classifier, treated), &mut scratch);
    match expected {
        Err(whole) => assert_eq!(verdict, whole, "{key} = {text}"),
        Ok(parts) => {
            let found: Vec<_> = scratch
                .findings()
                .iter()
                .map(|found| (text.get(found.range.clone()).unwrap(), found.class))
                .collect();
            assert_eq!(found, parts, "{key} = {text}: {verdict:?}");
        }
    }
}

#[test]
fn the_key_goes_before_everything() {
    check(ALL, "user.email", "not even one", Err(Verdict::Whole(EMAIL)));
    check(&[NAME], "user.email", "jane@example.com", Err(Verdict::Clean));
    check(&[UNKNOWN], "no.such.key", "x", Err(Verdict::Whole(UNKNOWN)));
    check(&[SAFE], "service", "shop", Err(Verdict::Whole(SAFE)));
}

#[test]
fn a_whole_value_that_may_be_shown_is_looked_at_for_others() {
    check(&[EMAIL], "name", "Jane <jane@example.com>", Ok(&[("jane@example.com", EMAIL)]));
}

#[test]
fn parts_are_classed_by_their_own_names() {
    let url = "https://a.example/x?email=none&name=Jane&other=7";
    check(ALL, "url", url, Ok(&[("none", EMAIL), ("Jane", NAME), ("7", URL)]));
    // What has no name stays where the structure may be shown.
    check(&[EMAIL, NAME], "url", url, Ok(&[("none", EMAIL), ("Jane", NAME)]));
}

#[test]
fn a_structure_within_another_is_read_unless_it_is_escaped() {
    check(ALL, "body", r#"{"url":"https://a.example/?name=Jane","service":"shop"}"#, Ok(&[("Jane", NAME)]));
    let escaped = r#"{"url":"https:\/\/a.example\/?name=Jane"}"#;
    check(ALL, "body", escaped, Ok(&[(r"https:\/\/a.example\/?name=Jane", URL)]));
}

#[test]
fn structures_lie_within_each_other_to_a_depth() {
    let mut text = "1".to_owned();
    for _ in 0..=STRUCTURE_DEPTH_MAX + 3 {
        text = format!("{{\"body\":{text}}}");
    }
    check(ALL, "body", &text, Ok(&[("1", JSON)]));
}

#[test]
fn what_cannot_be_read_is_of_the_structures_class() {
    check(ALL, "body", "{\"name\": \"Jane", Err(Verdict::Unparsable(JSON)));
    check(&[EMAIL], "body", "{\"name\": \"jane@example.com", Ok(&[("jane@example.com", EMAIL)]));
}

#[test]
fn findings_that_share_bytes_become_the_stricter_one() {
    // The parameter is of the URL's class and holds an address: one finding covers both.
    let url = "https://a.example/?x=to+jane@example.com";
    check(&[URL, EMAIL], "url", url, Ok(&[("to+jane@example.com", EMAIL)]));
    check(&[EMAIL, URL], "url", url, Ok(&[("to+jane@example.com", URL)]));
}

#[test]
fn a_key_within_another_inherits_what_is_known() {
    let classifier = classifier();
    let within = |parent: &str, key: &str| classifier.key_within(parent, classifier.key(parent), key).class;
    assert_eq!(within("user", "email"), KeyClass::Whole(EMAIL));
    assert_eq!(within("message", "x"), KeyClass::Unknown);
    assert_eq!(within("service", "x"), KeyClass::Unknown);
    assert_eq!(within("url", "x"), KeyClass::Whole(URL));
    assert_eq!(within("else", "x"), KeyClass::Unknown);
}

#[test]
fn places_without_keys_are_what_they_usually_are() {
    let classifier = classifier();
    let class = |place| classifier.place(place).class;
    assert_eq!(class(Place::SpanName), KeyClass::Structured(Structure::Name, URL));
    assert_eq!(class(Place::StatusMessage), KeyClass::Scan);
    assert_eq!(class(Place::ScopeName), KeyClass::Safe);
    assert!(Place::ALL.iter().enumerate().all(|(nth, place)| *place as usize == nth));
}

#[test]
fn a_detector_finds_one_class() {
    let mut bindings = Bindings::default();
    bindings.bind(Detector::Email, EMAIL).unwrap();
    bindings.bind(Detector::Email, EMAIL).unwrap();
    assert_eq!(bindings.bind(Detector::Email, NAME), Err(BindError::Twice("email")));
}

#[test]
fn findings_cover_bytes_in_order_and_once() {
    let classifier = classifier();
    let look = look(&classifier, ALL);
    let mut scratch = Scratch::default();
    for start in [5usize, 3, 9, 0] {
        let finding = |range| Finding { range, class: EMAIL };
        scratch.clear();
        scratch.add([finding(start..start + 4), finding(2..4), finding(3..8)], &look);
        assert!(scratch.findings().windows(2).all(|pair| pair[0].range.end <= pair[1].range.start));
    }
}

#[test]
fn where_only_what_is_told_is_shown_that_holds_within_structures() {
    let listed = &[UNKNOWN];
    let url = "https://a.example/api/v1/users/jane-doe/orders?name=Jane&x=7";
    check(listed, "url", url, Ok(&[("jane-doe", UNKNOWN), ("7", UNKNOWN)]));
    check(&[], "url", url, Err(Verdict::Clean));
    check(&[URL, UNKNOWN], "url", url, Ok(&[("jane-doe", URL), ("7", URL)]));
}
