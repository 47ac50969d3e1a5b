//! What of a card must not be kept at all: its verification value, and its tracks.

use super::finder::Finder;
use super::view::Word;
use super::{Context, Detector};
use crate::classify::validate::card;

/// The longest track has 79 characters with its ends.
const TRACK_BYTES_MAX: usize = 79;

/// Three or four digits after `cvv`.
pub fn after_its_name(finder: &mut Finder<'_>, index: usize, word: Word) {
    if word.len() > 4 || !finder.wants(Detector::Sad) {
        return;
    }
    let view = finder.view;
    let before = index.checked_sub(1).and_then(|before| view.word(before));
    // The word must stand right before, or the value be nothing but the digits: a text may say `cvv` anywhere.
    let is_named = match before {
        Some(before) => {
            let gap = view.text(before.end(), word.start());
            let is_near = gap.len() <= 4 && !gap.iter().any(|byte| matches!(byte, b'.' | b',' | b'-'));
            is_near && view.said_before(index).meets(Context::SAD)
        }
        None => finder.key.meets(Context::SAD) && view.words.len() == 1,
    };
    if is_named {
        finder.strong(word.start()..word.end(), Detector::Sad);
    }
}

/// `%B4111111111111111^ROE/JANE^2512...?` and `;4111111111111111=2512...?`.
pub fn track(finder: &mut Finder<'_>, at: usize) -> bool {
    let view = finder.view;
    let sign = view.byte(at);
    let mut digits = [0; card::DIGITS_MAX];
    let text = view.text(at.saturating_sub(card::DIGITS_MAX), at);
    let count = text.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
    let number = text.get(text.len() - count..).unwrap_or_default();
    digits.iter_mut().zip(number).for_each(|(digit, byte)| *digit = byte.wrapping_sub(b'0'));
    let begins = at - count;
    if count < card::DIGITS_MIN || !card::is_card(digits.get(..count).unwrap_or_default()) {
        return false;
    }
    let end = if sign == b'^' { first_track(finder, at) } else { second_track(finder, at) };
    let Some(end) = end else { return false };
    let lead = view.text(begins.saturating_sub(2), begins);
    let start = match lead {
        [b'%', b'B' | b'b'] => begins - 2,
        [.., b';' | b'B' | b'b'] => begins - 1,
        _ => begins,
    };
    finder.strong(start..end, Detector::Sad);
    true
}

/// A name, another `^`, and the month of expiry.
fn first_track(finder: &Finder<'_>, at: usize) -> Option<usize> {
    let view = finder.view;
    let name_end = view.run_end(at + 1, 27, |byte| byte != b'^' && (b' '..=b'~').contains(&byte));
    let expiry = view.text(name_end + 1, name_end + 5);
    let is_dated = view.byte(name_end) == b'^' && expiry.len() == 4 && expiry.iter().all(u8::is_ascii_digit);
    is_dated.then(|| {
        closed(
            finder,
            view.run_end(name_end + 1, TRACK_BYTES_MAX, |byte| byte.is_ascii_alphanumeric() || byte == b' '),
        )
    })
}

/// The month of expiry and three digits of service at least.
fn second_track(finder: &Finder<'_>, at: usize) -> Option<usize> {
    let end = finder.view.run_end(at + 1, TRACK_BYTES_MAX, |byte| byte.is_ascii_digit());
    (end - at > 7).then(|| closed(finder, end))
}

fn closed(finder: &Finder<'_>, end: usize) -> usize {
    end + usize::from(finder.view.byte(end) == b'?')
}
