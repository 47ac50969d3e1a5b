//! Replicas, limits and memory, as a person might write them.

use super::{Estate, QUIET, found_with};
use crate::config::Changes;

#[test]
fn places_of_one_region_are_listed_beside_its_url() {
    let two =
        format!("{QUIET}urls = [\"http://127.0.0.1:3203\", \"http://127.0.0.1:3204\"]\nhedge_percent = 0\n");
    let settings = Estate::of(&two).settings();
    let replicas: Vec<String> = settings.regions[1].replicas.iter().map(ToString::to_string).collect();
    assert_eq!(replicas, ["http://127.0.0.1:3203/", "http://127.0.0.1:3204/"]);
    assert_eq!(settings.regions[1].layers.hedge_percent, 0);
    assert!(settings.regions[0].replicas.is_empty());
    let changes = Changes::between(&Estate::of(QUIET).settings(), &settings).to_string();
    assert_eq!(
        changes.replace("gateway.policies, ", ""),
        "region.us-west.hedge_percent, region.us-west.urls"
    );
}

#[test]
fn places_that_are_none_are_faults() {
    for (lines, found) in [
        ("urls = [\"http://127.0.0.1:3202\"]", "is there twice"),
        ("urls = [\"https://127.0.0.1:3203\"]", "reached by https and another is not"),
        ("urls = [\"http://jane:secret@127.0.0.1\"]", "user and password do not belong in a URL"),
        ("urls = [\"nowhere\"]", "urls"),
    ] {
        let findings = found_with(lines);
        assert!(findings.iter().any(|line| line.contains(found)), "{lines}: {findings:?}");
        assert!(!findings.concat().contains("secret"), "{findings:?}");
    }
}

#[test]
fn a_least_above_the_most_is_a_fault_and_a_default_gives_way() {
    let findings = found_with("concurrent_min = 9\nconcurrent_max = 8");
    assert!(findings[0].contains("concurrent_min: 9 questions at least"), "{findings:?}");
    let settings = Estate::of(&format!("{QUIET}concurrent_max = 2\n")).settings();
    assert_eq!(settings.regions[1].layers.concurrent_min, 2);
}

#[test]
fn memory_is_as_written_and_what_is_cached_leaves_half_of_it() {
    let of = |lines: &str| Estate::of(&format!("{QUIET}\n{lines}\n"));
    let settings = of("[limits]\nmemory_max = \"580MiB\"\n[locality]\ntraces_max = 0").settings();
    assert_eq!(settings.limits.memory_max, 580 << 20);
    assert_eq!(
        settings.limits.in_flight_bytes_max.div_ceil(1 << 20),
        200,
        "two fifths of what the program leaves"
    );
    assert_eq!(settings.federation.hot.bytes_max, settings.limits.in_flight_bytes_max / 2);
    let findings = of("[limits]\nmemory_max = \"580MiB\"\n[cache]\nbytes_max = \"200MiB\"").findings();
    assert!(findings.iter().any(|line| line.contains("cache.bytes_max: what is cached")), "{findings:?}");
    let findings = of("[limits]\nmemory_max = \"70MiB\"").findings();
    assert!(
        findings.iter().any(|line| line.contains("limits.memory_max: this leaves too little")),
        "{findings:?}"
    );
    let more = of("[limits]\nmemory_max = \"580MiB\"\n[locality]\ntraces_max = 100000").settings();
    let of_places = more.federation.locality.bytes_max(more.regions.len());
    assert!(of_places > 100_000 * 400, "{of_places}");
    assert_eq!(
        more.limits.in_flight_bytes_max,
        ((580 << 20) - (80 << 20) - of_places) / 250 * 100,
        "what is remembered of where traces are is taken away first"
    );
    let findings = of("[limits]\nmemory_max = \"580MiB\"\n[locality]\ntraces_max = 2000000").findings();
    assert!(findings.iter().any(|line| line.contains("[locality] take their part")), "{findings:?}");
    let unsaid = Estate::of(QUIET).settings();
    assert!(unsaid.limits.memory_max > unsaid.limits.in_flight_bytes_max);
}
