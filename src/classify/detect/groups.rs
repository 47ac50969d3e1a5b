//! Digits in groups: `4111 1111 1111 1111`, `078-05-1120`, `+44 (0)20 7946 0958`.

use std::ops::Range;

use super::view::View;

/// More groups than any number is written in.
pub const GROUPS_MAX: usize = 8;

/// More digits than any number has, with the zero in brackets.
pub const DIGITS_MAX: usize = 24;

/// Groups that follow each other, beginning with one word.
#[derive(Debug, Default)]
pub struct Groups {
    lengths: [usize; GROUPS_MAX],
    /// The sign after each.
    signs: [u8; GROUPS_MAX],
    ends: [usize; GROUPS_MAX],
    start: usize,
    count: usize,
    digits: [u8; DIGITS_MAX],
    digits_len: usize,
}

impl Groups {
    /// The groups from the word at `index` on, with one sign between each, or as many as `gap_max`.
    pub fn read(view: View<'_>, index: usize, gap_max: usize) -> Self {
        let mut groups = Self::default();
        let mut place = index;
        while let Some(word) = view.word(place).filter(|word| word.is_number()) {
            if groups.count == 0 {
                groups.start = word.start();
            }
            if groups.count == GROUPS_MAX || !groups.push(view.word_text(word), word.end()) {
                break;
            }
            let Some(next) = view.word(place + 1) else { break };
            let gap = view.text(word.end(), next.start());
            if gap.len() > gap_max || !gap.iter().all(|sign| is_sign(*sign)) {
                break;
            }
            if let Some(sign) = groups.signs.get_mut(groups.count - 1) {
                // A `+` is a space of an address, but between a day and a number of Sweden: there it is a century.
                let is_century = word.len() == 6 && next.len() == 4;
                *sign = match gap.first() {
                    Some(b'+') if !is_century => b' ',
                    sign => sign.copied().unwrap_or(0),
                };
            }
            place += 1;
        }
        groups
    }

    fn push(&mut self, text: &[u8], end: usize) -> bool {
        let Some(room) = self.digits.get_mut(self.digits_len..self.digits_len + text.len()) else {
            return false;
        };
        room.iter_mut().zip(text).for_each(|(digit, byte)| *digit = byte.wrapping_sub(b'0'));
        let places = (self.lengths.get_mut(self.count), self.ends.get_mut(self.count));
        let (Some(length), Some(group_end)) = places else { return false };
        (*length, *group_end) = (text.len(), end);
        self.digits_len += text.len();
        self.count += 1;
        true
    }

    pub const fn count(&self) -> usize {
        self.count
    }

    pub fn lengths(&self, count: usize) -> &[usize] {
        self.lengths.get(..count).unwrap_or_default()
    }

    /// The signs between the first `count` groups.
    pub fn signs(&self, count: usize) -> &[u8] {
        self.signs.get(..count.saturating_sub(1)).unwrap_or_default()
    }

    /// Whether one and the same sign stands between the first `count`.
    pub fn is_even(&self, count: usize) -> bool {
        let signs = self.signs(count);
        signs.iter().all(|sign| Some(sign) == signs.first())
    }

    /// The digits of the first `count` groups.
    pub fn digits(&self, count: usize) -> &[u8] {
        let length: usize = self.lengths(count).iter().sum();
        self.digits.get(..length.min(self.digits_len)).unwrap_or_default()
    }

    pub fn range(&self, count: usize) -> Range<usize> {
        let end = count.checked_sub(1).and_then(|last| self.ends.get(last)).copied();
        self.start..end.unwrap_or(self.start)
    }
}

const fn is_sign(byte: u8) -> bool {
    matches!(byte, b' ' | b'-' | b'.' | b'/' | b'(' | b')' | b'+' | b'\t')
}

/// Whether a number that ends here goes on behind a sign: `-5`, `.5`, `_5`.
pub fn goes_on(view: View<'_>, end: usize) -> bool {
    let next = view.byte(end + 1);
    match view.byte(end) {
        b'-' | b'_' => next.is_ascii_alphanumeric(),
        b'.' | b',' => next.is_ascii_digit(),
        _ => false,
    }
}

/// Whether a number that begins here began before a sign: `5-`, `5.`, `x_`.
pub fn began_before(view: View<'_>, start: usize) -> bool {
    let Some(sign_at) = start.checked_sub(1) else { return false };
    let before = view.before(sign_at);
    match view.byte(sign_at) {
        b'-' | b'_' => before.is_ascii_alphanumeric(),
        b'.' | b',' => before.is_ascii_digit(),
        _ => false,
    }
}
