//! Telephone numbers: with `+` or `00` and a calling code they are strong; as people write them at home they
//! need a word, or care.

use std::ops::RangeInclusive;

use super::finder::{Claim, Finder};
use super::groups::Groups;
use super::view::Word;
use super::{Context, Detector};
use crate::classify::validate::national::Worth;
use crate::classify::validate::phone::{is_international, is_north_american};

/// How many digits a number has that someone dials.
pub const DIGITS: RangeInclusive<usize> = 7..=15;

const fn claim(worth: Worth) -> Claim {
    Claim { detector: Detector::Phone, worth, named_by: Context::PHONE }
}

/// `+44 20 7946 0958`, `+1 (415) 555-2671`, `0044 20 ...`.
pub fn international(finder: &mut Finder<'_>, index: usize, word: Word) -> bool {
    let view = finder.view;
    let start = word.start();
    // `+(49)` has a bracket between.
    let bracket = usize::from(view.before(start) == b'(');
    let sign = start.checked_sub(1 + bracket).filter(|at| view.byte(*at) == b'+');
    let has_zeros = view.word_text(word).starts_with(b"00") && word.len() <= 17;
    let Some(start) =
        sign.filter(|at| !view.before(*at).is_ascii_alphanumeric()).or(has_zeros.then_some(start))
    else {
        return false;
    };
    if word.len() > 17 {
        return false;
    }
    let skip = if sign.is_some() { 0 } else { 2 };
    let groups = Groups::read(view, index, 2);
    for count in (1..=groups.count()).rev() {
        let digits = groups.digits(count).get(skip..).unwrap_or_default();
        if (*DIGITS.start()..=DIGITS.end() + 1).contains(&digits.len()) && is_international(digits) {
            let worth = match (skip, count) {
                (0, _) => Worth::Strong,
                (_, 1) => Worth::Weak,
                _ => Worth::Likely,
            };
            return finder.weigh(start..groups.range(count).end, index, claim(worth));
        }
    }
    false
}

/// `(415) 555-2671`, `06 12 34 56 78`, `030/123456`, and anything in groups that a word calls a number.
pub fn national(finder: &mut Finder<'_>, index: usize, groups: &Groups) -> bool {
    let view = finder.view;
    // Seconds of a time: `:02.750081+02:00`.
    if view.before(groups.range(1).start) == b':'
        && view.text(0, groups.range(1).start).iter().rev().nth(1).is_some_and(u8::is_ascii_digit)
    {
        return false;
    }
    let in_brackets = view.before(groups.range(1).start) == b'(';
    let count = groups.count();
    let begin = groups.range(1).start - usize::from(in_brackets);
    // `8 (495) 123-45-67`: what long distance begins with.
    let trunk = view.text(begin.saturating_sub(2), begin);
    let begin = if in_brackets && matches!(trunk, [b'8' | b'1' | b'0', b' ']) { begin - 2 } else { begin };
    for count in [3, 4].into_iter().filter(|wanted| *wanted <= count) {
        let digits = groups.digits(count);
        let (is_shaped, local) = match groups.lengths(count) {
            [3, 3, 4] => (true, digits),
            [1, 3, 3, 4] => (digits.first() == Some(&1), digits.get(1..).unwrap_or_default()),
            _ => (false, digits),
        };
        if is_shaped && is_north_american(local) {
            let worth = if in_brackets && groups.signs(2) == b")" { Worth::Strong } else { Worth::Likely };
            return finder.weigh(begin..groups.range(count).end, index, claim(worth));
        }
    }
    at_home(finder, index, groups, begin)
}

/// With the zero of long distance, or whatever a word calls a number: the longest that fits.
fn at_home(finder: &mut Finder<'_>, index: usize, groups: &Groups, begin: usize) -> bool {
    for count in (2..=groups.count().min(6)).rev() {
        let digits = groups.digits(count);
        if !DIGITS.contains(&digits.len()) {
            continue;
        }
        let has_zero = matches!(digits, [0, 1..=9, ..]) && (9..=12).contains(&digits.len());
        let signs = groups.signs(count);
        let after_first = signs.get(1..).unwrap_or_default();
        let is_even = after_first.iter().all(|sign| Some(sign) == after_first.first())
            && (signs.first() != Some(&b'.') || groups.is_even(count))
            && groups.lengths(1) != [1];
        let is_day = matches!(signs, [b'.' | b'/' | b'-', b'.' | b'/' | b'-'])
            && groups.lengths(count).last() == Some(&4);
        let worth = if has_zero && is_even && !is_day { Worth::Likely } else { Worth::Named };
        return finder.weigh(begin..groups.range(count).end, index, claim(worth));
    }
    false
}
