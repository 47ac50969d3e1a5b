//! Places on earth: two decimals of one precision, or one that a word calls a coordinate.

use super::finder::{Claim, Finder};
use super::view::Word;
use super::{Context, Detector};
use crate::classify::validate::national::Worth;

/// Digits behind the point that tell a street from a ratio.
const PRECISION_MIN: usize = 4;
const PRECISION_MAX: usize = 15;

/// So many tell a house, and hardly anything else has two of them side by side.
const PRECISION_LIKELY_MIN: usize = 5;

/// With a word before it, a hundred metres are a place.
const PRECISION_NAMED_MIN: usize = 3;

/// A decimal number with its sign.
struct Decimal {
    start: usize,
    end: usize,
    degrees: u32,
    precision: usize,
}

pub fn scan(finder: &mut Finder<'_>, index: usize, word: Word) -> bool {
    let Some(first) = decimal(finder, index, word).filter(|first| first.degrees <= 180) else { return false };
    if first.precision < PRECISION_NAMED_MIN {
        return false;
    }
    let claim = |worth| Claim { detector: Detector::Geo, worth, named_by: Context::GEO };
    let second = second(finder, index + 2, &first);
    if let Some(second) = second {
        let is_even = first.precision == second.precision && first.precision >= PRECISION_MIN;
        let in_range = first.degrees <= 90 || second.degrees <= 90;
        let worth = match is_even && in_range {
            true if first.precision >= PRECISION_LIKELY_MIN => Worth::Likely,
            true => Worth::Weak,
            false => Worth::Named,
        };
        return finder.weigh(first.start..second.end, index, claim(worth));
    }
    finder.weigh(first.start..first.end, index, claim(Worth::Named))
}

fn decimal(finder: &Finder<'_>, index: usize, word: Word) -> Option<Decimal> {
    let view = finder.view;
    let fraction = view.joined(index, b'.').filter(|fraction| fraction.is_number())?;
    let is_longer = view.byte(fraction.end()) == b'.' && view.byte(fraction.end() + 1).is_ascii_digit();
    let before = view.before(word.start());
    if is_longer || matches!(before, b'.' | b'_') || fraction.len() > PRECISION_MAX || word.len() > 3 {
        return None;
    }
    let is_signed = before == b'-' && !view.before(word.start() - 1).is_ascii_alphanumeric();
    let digits = view.word_text(word).iter();
    Some(Decimal {
        start: word.start() - usize::from(is_signed),
        end: fraction.end(),
        degrees: digits.fold(0, |number, digit| number * 10 + u32::from(digit.wrapping_sub(b'0'))),
        precision: fraction.len(),
    })
}

/// The decimal after the first, with a comma, a semicolon or spaces between.
fn second(finder: &Finder<'_>, index: usize, first: &Decimal) -> Option<Decimal> {
    let view = finder.view;
    let word = view.word(index).filter(|word| word.is_number())?;
    let gap = view.text(first.end, word.start());
    let is_gap = gap.len() <= 4
        && !gap.is_empty()
        && gap.iter().all(|byte| matches!(byte, b',' | b';' | b' ' | b'-' | b'+'));
    let second = decimal(finder, index, word).filter(|_| is_gap)?;
    (second.degrees <= 180 && second.precision >= PRECISION_NAMED_MIN).then_some(second)
}
