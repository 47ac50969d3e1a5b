//! Attributes of spans as they come, with what of them is personal: the corpus that classification is held to.
//!
//! Made from a seed, the same wherever it runs. Numbers are constructed here from what is published about
//! them, digit by digit, and never with the validators that they are to test. No value belongs to anyone.

mod blind;
mod national;
mod negatives;
mod ordinary;
mod places;
mod values;

use std::ops::Range;

#[allow(unused_imports, reason = "benchmarks take the made corpus alone")]
pub use blind::blind;

use crate::dice::Dice;

/// How many of each: about those of the research that set the gates.
const LABELLED: usize = 7_700;
const NEGATIVES: usize = 5_300;
const ORDINARY: usize = 7_000;

/// Where a value stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Place {
    /// The whole value, under a key that says what it is.
    Telling,
    /// The whole value, under a key that says nothing.
    Opaque,
    Text,
    Sql,
    Url,
    Stack,
    Json,
    /// Nothing personal is in it.
    Clean,
}

/// What is personal in a value.
#[derive(Debug, Clone)]
pub struct Label {
    /// Bytes of the value, its escapes included.
    pub range: Range<usize>,
    pub class: &'static str,
    /// The name of the detector that is to find it; none where no pattern could.
    pub detector: Option<&'static str>,
    pub is_encoded: bool,
}

/// What kind of attribute it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    Labelled,
    /// An id or a time, which Grafana and people need as it is.
    Id(&'static str),
    /// Something else that looks like personal data and is none.
    Lure(&'static str),
    Ordinary,
}

#[derive(Debug, Clone)]
pub struct Attribute {
    pub key: String,
    pub value: String,
    pub place: Place,
    pub labels: Vec<Label>,
    pub kind: Kind,
}

/// The corpus of a seed.
pub fn corpus(seed: u64) -> Vec<Attribute> {
    let mut dice = Dice(seed);
    let mut all = Vec::with_capacity(LABELLED + NEGATIVES + ORDINARY);
    let weights: u64 = values::CLASSES.iter().map(|class| class.weight).sum();
    for class in values::CLASSES {
        let count = (LABELLED as u64 * class.weight).div_ceil(weights);
        all.extend((0..count).map(|_| places::placed(&mut dice, class)));
    }
    let kinds = negatives::KINDS.len();
    all.extend(
        (0..NEGATIVES).map(|number| negatives::negative(&mut dice, &negatives::KINDS[number % kinds])),
    );
    all.extend((0..ORDINARY).map(|_| ordinary::ordinary(&mut dice)));
    dice.shuffle(&mut all);
    all
}

/// Random digits.
fn digits(dice: &mut Dice, count: usize) -> String {
    letters(dice, count, "0123456789")
}

fn letters(dice: &mut Dice, count: usize, alphabet: &str) -> String {
    let alphabet = alphabet.as_bytes();
    (0..count).map(|_| char::from(*dice.of(alphabet))).collect()
}

const HEX: &str = "0123456789abcdef";
const CAPITALS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
const ALNUM: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

fn word<'a>(dice: &mut Dice, words: &[&'a str]) -> &'a str {
    let chosen: &&str = dice.of(words);
    chosen
}

fn between(dice: &mut Dice, from: u64, to: u64) -> u64 {
    from + dice.below(to - from + 1)
}
