//! Words that are digits alone: cards, persons, telephones, addresses, places.
//!
//! Each word begins something only once: what is decided is passed over, and what is not is looked at from the
//! next group on. A number that is part of something longer (a UUID, a version, a decimal) is left alone.

use std::ops::Range;

use super::finder::{Claim, Finder};
use super::groups::{Groups, began_before, goes_on};
use super::view::Word;
use super::{Care, Context, Detector};
use super::{cards, geo, network, phones, sad};
use crate::classify::validate::national::{self, Worth};
use crate::classify::validate::{card, device};

/// Longer runs of digits hold a card at best somewhere inside; ids of traces have exactly 32.
const TRACE_ID_DIGITS: usize = 32;

/// How cards are written in groups.
const CARD_GROUPS: &[&[usize]] =
    &[&[4, 4, 4, 4], &[4, 6, 5], &[4, 6, 4], &[8, 8], &[4, 4, 4, 4, 3], &[4, 4, 5], &[4, 4, 4, 1], &[6, 13]];

pub fn scan(finder: &mut Finder<'_>, index: usize, word: Word) {
    let view = finder.view;
    let sign = view.byte(word.end());
    let is_pointed = sign == b'.' && word.len() <= 3 && view.byte(word.end() + 1).is_ascii_digit();
    if is_pointed && word.len() == 2 && super::letters::dotted(finder, index, word) {
        return;
    }
    if is_pointed && (network::ipv4(finder, index, word) || geo::scan(finder, index, word)) {
        return;
    }
    if cards::spread(finder, index, word) {
        return;
    }
    // Nothing shorter than two digits begins a number but the first of France and North America.
    if phones::international(finder, index, word) {
        return;
    }
    if word.len() > card::DIGITS_MAX {
        return inside(finder, index, word);
    }
    let is_followed = matches!(sign, b' ' | b'-' | b'.' | b'/' | b')' | b'+')
        && view.word(index + 1).is_some_and(Word::is_number);
    if is_followed && word.len() <= 13 && grouped(finder, index, word) {
        return;
    }
    if word.len() >= 7 {
        bare(finder, index, word);
    } else if word.len() >= 3 {
        sad::after_its_name(finder, index, word);
    }
}

fn grouped(finder: &mut Finder<'_>, index: usize, word: Word) -> bool {
    // Nothing is written in single digits but what begins with one: `1 85 05 78 006 084 36`.
    if word.len() == 1 && finder.view.word(index + 1).is_some_and(|next| next.len() == 1) {
        return false;
    }
    // `(415) 555-2671` has two signs after its bracket.
    let gap_max = if finder.view.before(word.start()) == b'(' { 2 } else { 1 };
    let groups = Groups::read(finder.view, index, gap_max);
    if groups.count() < 2 || joined_with_digits(finder, index, word) {
        return false;
    }
    card_in_groups(finder, index, &groups)
        || person_in_groups(finder, index, &groups)
        || phones::national(finder, index, &groups)
}

/// Whether a group before belongs to the same chain: `1-22-333`.
fn joined_with_digits(finder: &Finder<'_>, index: usize, word: Word) -> bool {
    let view = finder.view;
    let Some(before) = index.checked_sub(1).and_then(|before| view.word(before)) else { return false };
    let is_near = before.end() + 1 == word.start();
    is_near && matches!(view.byte(before.end()), b'-' | b'.') && before.has(super::view::DIGIT)
}

/// Whether the chain goes on behind what would be a number.
fn is_closed(finder: &Finder<'_>, end: usize) -> bool {
    let view = finder.view;
    !matches!(view.byte(end), b'-' | b'.') || !view.byte(end + 1).is_ascii_digit()
}

fn card_in_groups(finder: &mut Finder<'_>, index: usize, groups: &Groups) -> bool {
    for shape in CARD_GROUPS {
        let count = shape.len();
        let range = groups.range(count);
        let fits = groups.count() >= count && groups.lengths(count) == *shape && groups.is_even(count);
        if fits && is_closed(finder, range.end) && card::is_card(groups.digits(count)) {
            let worth = if groups.digits(count).len() == 13 { Worth::Weak } else { Worth::Strong };
            return finder.weigh(range, index, card_claim(worth));
        }
    }
    false
}

const fn card_claim(worth: Worth) -> Claim {
    Claim { detector: Detector::Pan, worth, named_by: Context::CARD }
}

const fn person_claim(worth: Worth) -> Claim {
    Claim { detector: Detector::NationalId, worth, named_by: Context::NATIONAL }
}

fn person_in_groups(finder: &mut Finder<'_>, index: usize, groups: &Groups) -> bool {
    for count in (2..=groups.count().min(7)).rev() {
        let range = groups.range(count);
        if !is_closed(finder, range.end) {
            continue;
        }
        let (lengths, signs, digits) = (groups.lengths(count), groups.signs(count), groups.digits(count));
        if lengths == [3, 2, 4] && groups.is_even(count) && is_social_security(digits) {
            let worth = if signs.first() == Some(&b'-') { Worth::Strong } else { Worth::Likely };
            return finder.weigh(range, index, ssn_claim(worth));
        }
        if lengths == [2, 6, 6, 1] && groups.is_even(count) && device::is_imei(digits) {
            return finder.weigh(range, index, imei_claim(Worth::Strong));
        }
        if let Some(worth) = national::grouped(lengths, signs, digits) {
            return finder.weigh(range, index, person_claim(worth));
        }
    }
    false
}

const fn ssn_claim(worth: Worth) -> Claim {
    Claim { detector: Detector::Ssn, worth, named_by: Context::SSN }
}

const fn imei_claim(worth: Worth) -> Claim {
    Claim { detector: Detector::Imei, worth, named_by: Context::DEVICE }
}

/// Area, group and serial of the United States, or of a taxpayer who has none.
fn is_social_security(digits: &[u8]) -> bool {
    let number = |range: Range<usize>| {
        digits.get(range).unwrap_or_default().iter().fold(0, |number, digit| number * 10 + u32::from(*digit))
    };
    let (area, group, serial) = (number(0..3), number(3..5), number(5..9));
    match area {
        0 | 666 => false,
        900.. => matches!(group, 50..=65 | 70..=88 | 90..=92 | 94..=99),
        _ => group != 0 && serial != 0,
    }
}

fn bare(finder: &mut Finder<'_>, index: usize, word: Word) {
    let view = finder.view;
    let (start, end) = (word.start(), word.end());
    let is_part = goes_on(view, end) || began_before(view, start);
    let groups = Groups::read(view, index, 0);
    let digits = groups.digits(1);
    let range = start..end;
    if matches!(view.byte(end), b'=' | b'^') && sad::track(finder, end) {
        return;
    }
    if card::is_card(digits) && !is_decimal(finder, word) {
        let worth = if digits.len() == card::DIGITS_MIN { Worth::Weak } else { Worth::Strong };
        if (worth == Worth::Strong || !is_part && !is_time(digits))
            && finder.weigh(range.clone(), index, card_claim(worth))
        {
            return;
        }
    }
    // A part of a name of parts, as accounts stand in `arn:aws:sqs:eu-west-1:123456789012:q`.
    let is_in_name = view.before(start) == b':' && view.byte(end) == b':';
    if is_part || is_in_name {
        return;
    }
    if device::is_imei(digits) && finder.weigh(range.clone(), index, imei_claim(Worth::Likely)) {
        return;
    }
    if digits.len() == 9 && finder.said(index).contains(Context::SSN) && is_social_security(digits) {
        finder.weigh(range, index, ssn_claim(Worth::Named));
        return;
    }
    if let Some(worth) = national::bare(digits) {
        let worth = if is_time(digits) { worth.min(Worth::Named) } else { worth };
        if finder.weigh(range.clone(), index, person_claim(worth)) {
            return;
        }
    }
    named(finder, index, digits, range);
}

/// Whether digits belong to a number with a point: `0.4111111111111111`.
fn is_decimal(finder: &Finder<'_>, word: Word) -> bool {
    let view = finder.view;
    let is_fraction = word.start() >= 2
        && view.before(word.start()) == b'.'
        && view.byte(word.start() - 2).is_ascii_digit();
    is_fraction || view.byte(word.end()) == b'.' && view.byte(word.end() + 1).is_ascii_digit()
}

/// Whether digits are a time since 1970, from 2017 to 2030, in seconds or thousandths. What is outside could be
/// a person's as well; a number that a word names is one in any year.
fn is_time(digits: &[u8]) -> bool {
    matches!(digits.len(), 10 | 13) && matches!(digits, [1, 5..=8, ..])
}

/// Numbers that are something only because a word says so.
fn named(finder: &mut Finder<'_>, index: usize, digits: &[u8], range: Range<usize>) {
    let said = finder.said(index);
    let is_likely = |context: Context| said.meets(context);
    let claim = |detector, named_by| Claim { detector, worth: Worth::Named, named_by };
    if digits.len() == 15 && is_likely(Context::DEVICE) {
        finder.weigh(range, index, claim(Detector::Imsi, Context::DEVICE));
    } else if phones::DIGITS.contains(&digits.len()) && is_likely(Context::PHONE) {
        finder.weigh(range, index, claim(Detector::Phone, Context::PHONE));
    } else if (7..=12).contains(&digits.len()) && is_likely(Context::DOCUMENT) {
        finder.weigh(range, index, claim(Detector::NationalId, Context::DOCUMENT));
    }
}

/// Cards somewhere in a longer run: one in fifty windows of arbitrary digits would be one, so that it needs to
/// be said or feared.
fn inside(finder: &mut Finder<'_>, index: usize, word: Word) {
    let is_asked = finder.care == Care::Paranoid || finder.said(index).meets(Context::CARD);
    if word.len() == TRACE_ID_DIGITS || !is_asked || is_decimal(finder, word) {
        return;
    }
    let text = finder.view.word_text(word);
    let mut at = 0;
    while let Some(window) = text.get(at..at + 15) {
        let long = text.get(at..at + 16).unwrap_or(window);
        let length = match window {
            [b'3', b'4' | b'7', ..] => 15,
            [b'2'..=b'6', ..] => long.len(),
            _ => 0,
        };
        let mut digits = [0; 16];
        digits.iter_mut().zip(long).for_each(|(digit, byte)| *digit = byte.wrapping_sub(b'0'));
        if length > 0 && card::is_card(digits.get(..length).unwrap_or_default()) {
            let start = word.start() + at;
            finder.weigh(start..start + length, index, card_claim(Worth::Weak));
            at += length;
        } else {
            at += 1;
        }
    }
}
