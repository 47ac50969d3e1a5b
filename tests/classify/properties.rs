//! What holds for any text.

use proptest::prelude::*;
use tutti::classify::detect::{Care, Context, Detector, Detectors, Hit, Scratch, detect};

use crate::corpus_privacy::corpus;

fn hits(text: &str, key: &str, care: Care) -> Vec<Hit> {
    detect(text, Context::of_key(key), care, Detectors::ALL, &mut Scratch::default()).to_vec()
}

/// Texts of the pieces that scanners begin at, and of what breaks them.
fn pieces() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("@".to_owned()),
        Just("a@b.cc".to_owned()),
        Just("://".to_owned()),
        Just("eyJhbGciOiJIUzI1NiJ9.".to_owned()),
        Just("-----BEGIN PRIVATE KEY-----".to_owned()),
        Just("%25".to_owned()),
        Just("%B4".to_owned()),
        Just("%C3%A9".to_owned()),
        Just("\\u0040".to_owned()),
        Just("\u{200b}".to_owned()),
        Just("é".to_owned()),
        Just("４".to_owned()),
        Just("::".to_owned()),
        Just("+".to_owned()),
        Just("(".to_owned()),
        Just("password=".to_owned()),
        Just("^".to_owned()),
        Just("ghp_".to_owned()),
        Just("DE89".to_owned()),
        Just("0x".to_owned()),
        "[0-9]{1,20}",
        "[0-9a-f]{1,8}",
        "[A-Za-z]{1,6}",
        "[ .:=/_-]",
        any::<char>().prop_map(String::from),
    ];
    proptest::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn hits_are_whole_characters_in_order_and_the_same_each_time(
        text in pieces(),
        key in "(phone|card|secret|geo|device|ssn|national|version|value)?",
    ) {
        let mut scratch = Scratch::default();
        for care in [Care::Balanced, Care::Paranoid] {
            let found = hits(&text, &key, care);
            let mut end = 0;
            for hit in &found {
                prop_assert!(hit.range.start >= end && hit.range.end > hit.range.start, "{:?} in {:?}", hit, text);
                prop_assert!(text.get(hit.range.clone()).is_some(), "{:?} in {:?}", hit, text);
                end = hit.range.end;
            }
            let again = detect(&text, Context::of_key(&key), care, Detectors::ALL, &mut scratch);
            prop_assert_eq!(again, &found[..]);
        }
    }

    #[test]
    fn any_text_is_read(text in any::<String>()) {
        let _ = hits(&text, "", Care::Paranoid);
    }

    #[test]
    fn only_what_is_wanted_is_found(text in pieces(), wanted in 0..Detector::ALL.len()) {
        let wanted = Detector::ALL[wanted];
        let mut scratch = Scratch::default();
        let only = Detectors::NONE.with(wanted);
        let found = detect(&text, Context::NONE, Care::Paranoid, only, &mut scratch);
        prop_assert!(found.iter().all(|hit| hit.detector == wanted));
    }
}

/// Care only adds: what is found without is found with it.
#[test]
fn care_finds_all_that_balance_finds() {
    for attribute in corpus(7).iter().take(6_000) {
        let careful = hits(&attribute.value, &attribute.key, Care::Paranoid);
        for hit in hits(&attribute.value, &attribute.key, Care::Balanced) {
            let covers =
                |other: &Hit| other.range.start <= hit.range.start && other.range.end >= hit.range.end;
            assert!(careful.iter().any(covers), "{attribute:?}");
        }
    }
}

/// What is found alone is found between other words, at its place.
#[test]
fn surroundings_hide_nothing() {
    for attribute in corpus(11).iter().filter(|attribute| attribute.labels.len() == 1).take(6_000) {
        let text = &attribute.value[attribute.labels[0].range.clone()];
        let alone = hits(text, "value", Care::Balanced);
        if alone.len() != 1 || alone[0].range != (0..text.len()) {
            continue;
        }
        for (before, after) in
            [(" ", " "), ("\"", "\""), ("<", ">"), ("x=", "&y"), ("[", "]"), ("\n", "\n"), ("é ", " é")]
        {
            let whole = format!("{before}{text}{after}");
            let found = hits(&whole, "value", Care::Balanced);
            let expected = before.len()..before.len() + text.len();
            let covers = |hit: &Hit| hit.range.start <= expected.start && hit.range.end >= expected.end;
            assert!(found.iter().any(covers), "{whole:?} -> {found:?}");
        }
    }
}
