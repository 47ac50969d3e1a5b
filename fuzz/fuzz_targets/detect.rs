//! Any text under any key: what is found lies within it, on whole characters, in order, and is found again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tutti::classify::detect::{Care, Context, Detectors, Scratch, detect};

fuzz_target!(|input: (&str, &str)| {
    let (key, text) = input;
    let context = Context::of_key(key);
    let mut scratch = Scratch::default();
    for care in [Care::Balanced, Care::Paranoid] {
        let found = detect(text, context, care, Detectors::ALL, &mut scratch).to_vec();
        let mut end = 0;
        for hit in &found {
            assert!(hit.range.start >= end && !hit.range.is_empty(), "{hit:?}");
            assert!(text.get(hit.range.clone()).is_some(), "{hit:?}");
            end = hit.range.end;
        }
        assert_eq!(detect(text, context, care, Detectors::ALL, &mut scratch), found);
    }
});
