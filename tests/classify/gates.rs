//! The thresholds that classification of values is held to, on the corpus and on one of another seed.

use tutti::classify::detect::Care;

use crate::corpus_privacy::{Kind, Place, blind, corpus};
use crate::score::{Reading, Score, score};

/// The corpus that was looked at while the detectors were written, and one that was not.
const SEEDS: [u64; 2] = [20_261_121, 4_242];

fn each(care: Care, check: impl Fn(&Score)) {
    for seed in SEEDS {
        let score = score(&corpus(seed), Reading::Values(care));
        println!("{}", score.report(&format!("seed {seed}, {care:?}")));
        if std::env::var_os("CLASSIFY_EXAMPLES").is_some() {
            score.examples.iter().for_each(|example| println!("  {example}"));
        }
        check(&score);
    }
}

#[test]
fn what_counts_most_is_always_found() {
    each(Care::Paranoid, |score| {
        for name in ["email", "pan", "iban", "jwt"] {
            let found = score.found[name];
            assert_eq!(found.count, found.total, "{name}: {}", score.report(""));
        }
    });
}

#[test]
fn little_leaks_even_where_no_key_says_what_a_value_is() {
    each(Care::Paranoid, |score| {
        assert!(score.leaked.percent() <= 4.5, "{}", score.report(""));
        assert!(score.leaked_encoded.percent() <= 2.5, "{}", score.report(""));
    });
}

#[test]
fn what_is_no_ones_is_left_alone() {
    each(Care::Balanced, |score| {
        assert_eq!(score.touched_ordinary.count, 0, "{}", score.report(""));
        assert!(score.touched_ids.percent() <= 0.5, "{}", score.report(""));
        assert!(score.touched.percent() <= 2.0, "{}", score.report(""));
    });
    each(Care::Paranoid, |score| {
        assert_eq!(score.touched_ordinary.count, 0, "{}", score.report(""));
        assert!(score.touched_ids.percent() <= 1.0, "{}", score.report(""));
    });
}

/// The corpus itself: a gate over too little, or over other places than it says, would hold nothing.
#[test]
fn the_corpus_has_what_it_says() {
    let all = corpus(SEEDS[0]);
    let again = corpus(SEEDS[0]);
    assert!(all.iter().zip(&again).all(|(one, other)| one.value == other.value && one.key == other.key));
    let classes: std::collections::BTreeSet<_> =
        all.iter().flat_map(|attribute| attribute.labels.iter().map(|label| label.class)).collect();
    let kinds: std::collections::BTreeSet<_> = all.iter().map(|attribute| attribute.kind).collect();
    let places: std::collections::BTreeSet<Place> = all.iter().map(|attribute| attribute.place).collect();
    let ordinary = all.iter().filter(|attribute| attribute.kind == Kind::Ordinary).count();
    assert!(all.len() >= 20_000 && classes.len() >= 45 && kinds.len() >= 29 && places.len() == 8);
    assert_eq!(ordinary, 7_000);
    for attribute in &all {
        for label in &attribute.labels {
            assert!(
                attribute.value.get(label.range.clone()).is_some_and(|text| !text.is_empty()),
                "{attribute:?}"
            );
        }
    }
    let encoded = all.iter().flat_map(|attribute| &attribute.labels).filter(|label| label.is_encoded).count();
    assert!(encoded >= 150, "{encoded} labels are percent-encoded");
}

#[test]
fn blind_report() {
    let all = blind();
    for reading in [
        Reading::Values(Care::Balanced),
        Reading::Values(Care::Paranoid),
        Reading::Keys(Care::Balanced),
        Reading::Keys(Care::Paranoid),
        Reading::Home,
        Reading::AllowList,
    ] {
        let score = score(&all, reading);
        println!("{}", score.report(&format!("blind, {reading:?}")));
        score.examples.iter().for_each(|example| println!("  {reading:?} {example}"));
    }
    for reading in
        [Reading::Keys(Care::Balanced), Reading::Keys(Care::Paranoid), Reading::Home, Reading::AllowList]
    {
        let score = score(&corpus(SEEDS[0]), reading);
        println!("{}", score.report(&format!("made, {reading:?}")));
        score.examples.iter().for_each(|example| println!("  made {reading:?} {example}"));
    }
}
