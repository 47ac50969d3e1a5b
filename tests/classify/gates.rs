//! The thresholds that classification is held to, on the corpus that is made, on one of another seed, and on the cases
//! that were written by hand without a look at the detectors. `cargo test --test classify -- --nocapture gates` prints
//! the table that docs/redaction.md has.

use tutti::classify::detect::Care;

use crate::corpus_privacy::{Attribute, Kind, Place, blind, corpus};
use crate::score::{Reading, Score, score};

/// The corpus that was looked at while the detectors were written, and one that was not.
const SEEDS: [u64; 2] = [20_261_121, 4_242];

const READINGS: [Reading; 6] = [
    Reading::Values(Care::Balanced),
    Reading::Values(Care::Paranoid),
    Reading::Keys(Care::Balanced),
    Reading::Keys(Care::Paranoid),
    Reading::Home,
    Reading::AllowList,
];

/// What values alone do not tell, and docs/redaction.md says so.
const NOT_FOUND: [&str; 2] = ["anna=40example.com", "NDExMTExMTExMTExMTExMQ=="];

/// What a reading is held to, in percent.
struct Gate {
    leaked: f64,
    leaked_encoded: f64,
    touched_ids: f64,
    touched: f64,
}

const NO_GATE: f64 = 100.0;

fn gate(reading: Reading, is_blind: bool) -> Gate {
    let written = |made: f64, blind: f64| if is_blind { blind } else { made };
    match reading {
        Reading::Values(Care::Balanced) => {
            Gate { leaked: 2.5, leaked_encoded: 2.5, touched_ids: 0.5, touched: written(1.0, 2.0) }
        }
        Reading::Values(Care::Paranoid) => {
            Gate { leaked: 2.5, leaked_encoded: 2.5, touched_ids: 0.5, touched: written(1.0, 2.5) }
        }
        // Literals of statements and versions of agents are treated as such, so that more is touched by intent.
        Reading::Keys(_) => Gate { leaked: 2.5, leaked_encoded: 2.5, touched_ids: 0.5, touched: NO_GATE },
        // Where it is stored, most is shown as it is: nothing ordinary may break.
        Reading::Home => Gate { leaked: NO_GATE, leaked_encoded: NO_GATE, touched_ids: 0.5, touched: 2.0 },
        Reading::AllowList => {
            Gate { leaked: 0.5, leaked_encoded: 0.5, touched_ids: NO_GATE, touched: NO_GATE }
        }
    }
}

fn check(name: &str, all: &[Attribute], is_blind: bool, failed: &mut Vec<String>) {
    for reading in READINGS {
        let score = score(all, reading);
        println!("{}", line(name, reading, &score));
        if std::env::var_os("CLASSIFY_EXAMPLES").is_some() {
            println!("{}", score.report(&format!("{name}, {reading:?}")));
            score.examples.iter().for_each(|example| println!("  {reading:?} {example}"));
        }
        let gate = gate(reading, is_blind);
        let is_ordinary = matches!(reading, Reading::Values(_) | Reading::Home);
        let holds = score.leaked.percent() <= gate.leaked
            && score.leaked_encoded.percent() <= gate.leaked_encoded
            && score.touched_ids.percent() <= gate.touched_ids
            && score.touched.percent() <= gate.touched
            && !(is_ordinary && score.touched_ordinary.count > 0);
        if !holds {
            let report = score.report(&format!("{name}, {reading:?}"));
            failed.push(report + &score.examples.join("\n"));
        }
    }
}

fn line(name: &str, reading: Reading, score: &Score) -> String {
    format!(
        "| {name} | {:<16} | {:>5.2} % | {:>5.2} % | {:>5.2} % | {:>5.2} % | {:>5.2} % |",
        format!("{reading:?}"),
        score.leaked.percent(),
        score.leaked_encoded.percent(),
        score.touched_ids.percent(),
        score.touched_ordinary.percent(),
        score.touched.percent(),
    )
}

#[test]
fn gates_hold_on_every_corpus() {
    println!(
        "| corpus | reading | leaked | leaked, encoded | ids touched | ordinary touched | clean touched |"
    );
    let mut failed = Vec::new();
    check("by hand", &blind(), true, &mut failed);
    for seed in SEEDS {
        check(&format!("seed {seed}"), &corpus(seed), false, &mut failed);
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

#[test]
fn what_counts_most_is_always_found() {
    let made = SEEDS.map(|seed| (format!("seed {seed}"), corpus(seed)));
    for (title, all) in made.into_iter().chain([("by hand".to_owned(), blind())]) {
        for reading in
            [Reading::Values(Care::Balanced), Reading::Values(Care::Paranoid), Reading::Keys(Care::Balanced)]
        {
            let known: Vec<_> = all
                .iter()
                .filter(|attribute| !NOT_FOUND.iter().any(|other| attribute.value.contains(other)))
                .cloned()
                .collect();
            let score = score(&known, reading);
            for name in ["email", "pan", "iban", "jwt"] {
                let leaked = score.leaked_by_class.get(name).map_or(0, |leaked| leaked.count);
                let found = score.found.get(name).copied().unwrap_or_default();
                let told = || format!("{title} {reading:?} {name}: {}", score.examples.join("\n"));
                assert_eq!(leaked, 0, "{}", told());
                assert!(
                    reading != Reading::Values(Care::Paranoid) || found.count == found.total,
                    "{}",
                    told()
                );
            }
        }
    }
}

/// The corpora themselves: a gate over too little, or over other places than it says, would hold nothing.
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
    let by_hand = blind();
    assert!(by_hand.len() >= 900, "{}", by_hand.len());
    for attribute in all.iter().chain(&by_hand) {
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
