//! Any key with any values: a proposal comes of it, and nothing of a value is in it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tutti::classify::classifier::Bindings;
use tutti::classify::detect::Scratch;
use tutti::classify::keys::Dictionary;
use tutti::classify::propose::{Tally, propose, shape};
use tutti::classify::Classifier;
use tutti::model::ClassId;

fuzz_target!(|texts: (String, Vec<String>)| {
    let (key, values) = texts;
    let (unknown, part) = (ClassId::new(0), ClassId::new(1));
    let classifier = Classifier::new(Dictionary::default(), Bindings::default(), unknown, part);
    let (mut tally, mut scratch) = (Tally::new(&classifier, &key), Scratch::default());
    for value in &values {
        tally.take(value, &mut scratch);
        let is_sign = |c: char| matches!(c, 'a' | 'A' | '9' | '*' | '…' | ' ' | '?') || c.is_ascii_punctuation();
        assert!(shape(value).chars().all(is_sign), "a shape has a letter of its value");
    }
    let _ = propose(&tally, &classifier, |_| None);
});
