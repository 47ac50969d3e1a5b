//! What the tests of the tests' own words hold: a sketch that is written and read again is the same.

use crate::dice::Dice;
use crate::random_traces::{Oddities, estate, scattered};
use crate::sketch;

const ODDITIES: Oddities = Oddities { equal_resources: true, negative_durations: true };

#[test]
fn a_sketch_that_is_written_and_read_again_is_the_same() {
    let mut dice = Dice(7);
    for trace in estate(&mut dice, 200, ODDITIES) {
        let text = trace.to_string();
        assert_eq!(sketch::read(&text), [trace], "{text}");
    }
}

#[test]
fn what_is_scattered_is_canonically_the_same() {
    let mut dice = Dice(8);
    for trace in estate(&mut dice, 50, ODDITIES) {
        let spans = |trace: &sketch::Trace| {
            let mut spans: Vec<_> = trace.spans().cloned().collect();
            spans.sort_by_key(|span| (span.start_time_unix_nano, span.span_id.clone(), span.kind));
            spans
        };
        assert_eq!(spans(&scattered(&mut dice, &trace).canonical()), spans(&trace));
    }
}
