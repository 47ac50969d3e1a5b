//! Cards whose digits stand apart in ways that no issuer prints: `4111_1111_1111_1111`, `4111 1111 11111111`, with
//! two spaces between, or digit by digit.

use super::finder::{Claim, Finder};
use super::view::{View, Word};
use super::{Context, Detector};
use crate::classify::validate::card;
use crate::classify::validate::national::Worth;

/// Groups of a card: nineteen single digits at most.
const GROUPS_MAX: usize = 19;
/// Signs between two groups.
const GAP_MAX: usize = 2;

/// Groups in a row with the same sign between them.
struct Spread {
    digits: [u8; card::DIGITS_MAX],
    filled: usize,
    /// Whether every group has four digits, eight or twelve; one; or six and ten.
    is_fours: bool,
    is_single: bool,
    lengths: [u8; 2],
    count: usize,
    end: usize,
    is_tight: bool,
}

pub fn spread(finder: &mut Finder<'_>, index: usize, word: Word) -> bool {
    let view = finder.view;
    if word.len() > 12 || word.len() == 1 && !begins_alone(view, index, word) {
        return false;
    }
    if !matches!(view.byte(word.start()), b'2'..=b'6') || !finder.wants(Detector::Pan) {
        return false;
    }
    let Some(sign) = sign_after(view, index) else { return false };
    let spread = read(view, index, sign);
    let digits = spread.digits.get(..spread.filled).unwrap_or_default();
    let is_odd = matches!(spread.lengths, [6, 10] | [10, 6]) && spread.count == 2;
    let is_shaped = spread.is_fours && spread.filled == 16 && (spread.is_tight || spread.count == 4)
        || spread.is_single && matches!(sign, b' ' | b'-')
        || is_odd && spread.is_tight;
    if !is_shaped || digits.len() < 14 || !card::is_card(digits) || goes_on(view, spread.end, sign) {
        return false;
    }
    let claim = Claim { detector: Detector::Pan, worth: Worth::Strong, named_by: Context::CARD };
    finder.weigh(word.start()..spread.end, index, claim)
}

/// The sign between a word and the next number, if it is one that divides digits.
fn sign_after(view: View<'_>, index: usize) -> Option<u8> {
    let (word, next) = (view.word(index)?, view.word(index + 1).filter(|next| next.is_number())?);
    let gap = view.text(word.end(), next.start());
    let sign = *gap.first()?;
    let is_one = gap.len() <= GAP_MAX && gap.iter().all(|other| *other == sign);
    (is_one && matches!(sign, b' ' | b'-' | b'.' | b'_' | b'/' | b',' | b'\t')).then_some(sign)
}

fn read(view: View<'_>, index: usize, sign: u8) -> Spread {
    let mut spread = Spread {
        digits: [0; card::DIGITS_MAX],
        filled: 0,
        is_fours: true,
        is_single: true,
        lengths: [0; 2],
        count: 0,
        end: 0,
        // In lists of numbers a comma stands between any two.
        is_tight: matches!(sign, b' ' | b'-' | b'.'),
    };
    for place in index..index + GROUPS_MAX {
        let Some(word) = view.word(place).filter(|word| word.is_number()) else { break };
        let Some(room) = spread.digits.get_mut(spread.filled..spread.filled + word.len()) else { break };
        room.iter_mut().zip(view.word_text(word)).for_each(|(digit, byte)| *digit = byte.wrapping_sub(b'0'));
        spread.filled += word.len();
        spread.is_fours &= word.len().is_multiple_of(4);
        spread.is_single &= word.len() == 1;
        if let Some(length) = spread.lengths.get_mut(spread.count) {
            *length = u8::try_from(word.len()).unwrap_or(0);
        }
        spread.count += 1;
        spread.end = word.end();
        let is_full = spread.is_fours && spread.filled >= 16;
        if is_full || sign_after(view, place) != Some(sign) {
            break;
        }
    }
    spread
}

/// Digit by digit a card begins where nothing of the kind stands before.
fn begins_alone(view: View<'_>, index: usize, word: Word) -> bool {
    let before = index.checked_sub(1).and_then(|before| view.word(before));
    before.is_none_or(|before| !(before.is_number() && before.end() + GAP_MAX >= word.start()))
}

fn goes_on(view: View<'_>, end: usize, sign: u8) -> bool {
    sign != b' ' && view.byte(end) == sign && view.byte(end + 1).is_ascii_digit()
}
