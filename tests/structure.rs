//! Work on a text grows with its length and not faster, whatever the text is.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

#[path = "../benches/support/structures.rs"]
mod structures;

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use structures::{ADVERSARIAL, ORDINARY, repeated};
use tutti::classify::structure::{Structure, parse};

fn processor_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.try_into().unwrap(), time.tv_nsec.try_into().unwrap())
}

/// The least of three, since other work on the machine only adds.
fn time_for(structure: Structure, text: &str) -> Duration {
    let one = || {
        let begin = processor_time();
        let mut pieces = Vec::new();
        let _ = parse(structure, text, &mut pieces);
        processor_time() - begin
    };
    (0..3).map(|_| one()).min().unwrap()
}

#[test]
fn eight_times_the_text_takes_eight_times_the_work() {
    const SHORT: usize = 16 << 10;
    // A quadratic parser would take 64 times as long.
    const TIMES_MAX: u32 = 28;
    let floor = Duration::from_micros(500);
    for (structure, name, parts) in ADVERSARIAL {
        let short = time_for(structure, &repeated(parts, SHORT)).max(floor / 8);
        let long = time_for(structure, &repeated(parts, 8 * SHORT));
        assert!(long < short * TIMES_MAX, "{structure:?} {name}: {short:?}, then {long:?}");
    }
}

#[test]
fn ordinary_texts_are_read() {
    for (structure, name, text) in ORDINARY {
        let mut pieces = Vec::new();
        parse(structure, text, &mut pieces).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(!pieces.is_empty(), "{name}");
    }
}
