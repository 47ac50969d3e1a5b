//! Words that have letters: accounts, persons, vehicles, and cards that were written onto a word.

use super::finder::{Claim, Finder};
use super::groups::{began_before, goes_on};
use super::view::{DIGIT, HEX, LETTER, LOWER, UPPER, Word};
use super::{Context, Detector, network, obscured, sad};
use crate::classify::validate::national::Worth;
use crate::classify::validate::{card, device, iban, lettered};

/// Letters before a card: `card4111111111111111`, `PAN:` without its colon.
const LETTERS_BEFORE_CARD_MAX: usize = 12;

const UUID_PARTS: [usize; 5] = [8, 4, 4, 4, 12];

pub fn scan(finder: &mut Finder<'_>, index: usize, word: Word) {
    if word.is_hex() && in_sixteens(finder, index, word) {
        return;
    }
    if word.has(DIGIT) {
        let is_done = account(finder, index, word)
            || glued_account(finder, word)
            || person(finder, index, word)
            || vehicle(finder, index, word);
        if !is_done && word.len() > card::DIGITS_MIN {
            card_at_a_word(finder, index, word);
        }
        if !is_done {
            document(finder, index, word);
        }
    } else if word.len() == 2 && !account(finder, index, word) && !obscured::at(finder, index, word) {
        if !network::dashed(finder, index, word) {
            insured(finder, index, word);
        }
    } else if matches!(word.len(), 1 | 3) {
        spaced_person(finder, index, word);
    }
}

/// Digits of sixteen: a UUID, a MAC, an IPv6. What begins with digits alone comes here too.
pub fn in_sixteens(finder: &mut Finder<'_>, index: usize, word: Word) -> bool {
    let sign = finder.view.byte(word.end());
    match (word.len(), sign) {
        (8, b'-') => uuid(finder, index, word),
        (2, b':' | b'-') if network::mac(finder, index, word) => true,
        (4, b'.') if network::mac(finder, index, word) => true,
        (1..=4, b':') => network::ipv6(finder, index, word),
        (1..=4, _) if finder.view.before(word.start()) == b':' => network::ipv6(finder, index, word),
        (12, _) => bare_mac(finder, index, word),
        _ => false,
    }
}

/// A UUID is no one's, and nothing in it is anything: but under the key of a device it is the device.
fn uuid(finder: &mut Finder<'_>, index: usize, word: Word) -> bool {
    let view = finder.view;
    let is_part = |(place, length): (usize, &usize)| {
        let part = view.word(index + place);
        let is_joined = place == 0 || view.joined(index + place - 1, b'-').is_some();
        is_joined && part.is_some_and(|part| part.is_hex() && part.len() == *length)
    };
    if !UUID_PARTS.iter().enumerate().all(is_part) {
        return false;
    }
    let end = view.word(index + 4).map_or(word.end(), Word::end);
    let claim = Claim { detector: Detector::DeviceId, worth: Worth::Named, named_by: Context::DEVICE };
    finder.weigh(word.start()..end, index, claim);
    finder.done = finder.done.max(end);
    true
}

fn bare_mac(finder: &mut Finder<'_>, index: usize, word: Word) -> bool {
    let claim = Claim { detector: Detector::Mac, worth: Worth::Named, named_by: Context::DEVICE };
    word.has(HEX) && word.has(DIGIT) && finder.weigh(word.start()..word.end(), index, claim)
}

/// Two letters, two digits and a country's length, in one piece or in groups.
fn account(finder: &mut Finder<'_>, index: usize, word: Word) -> bool {
    let view = finder.view;
    let begin = view.word_text(word);
    let (country, checks) = match begin {
        [first, second, third, fourth, ..] => ([*first, *second], [*third, *fourth]),
        // `DE 89 3704 ...`: the country stands alone.
        [first, second] => {
            let next = view.word(index + 1).filter(|next| next.is_number() && next.len() == 2);
            let next = next.filter(|next| next.start() <= word.end() + 2);
            match next.map(|next| view.word_text(next)) {
                Some([third, fourth]) => ([*first, *second], [*third, *fourth]),
                _ => return false,
            }
        }
        _ => return false,
    };
    if !country.iter().all(u8::is_ascii_alphabetic) || !checks.iter().all(u8::is_ascii_digit) {
        return false;
    }
    let Some(length) = iban::length_of(country).filter(|length| *length >= word.len()) else {
        return false;
    };
    let mut text = [0; iban::LENGTH_MAX];
    let (mut filled, mut place, mut end) = (0, index, word.end());
    while filled < length {
        let Some(part) = view.word(place) else { return false };
        let gap = view.text(end.min(part.start()), part.start());
        let is_joined = place == index
            || (1..=2).contains(&gap.len())
                && gap.iter().all(|sign| matches!(sign, b' ' | b'-' | b'.' | b'+' | b'_' | b'\t'));
        let Some(room) = text.get_mut(filled..filled + part.len()).filter(|_| is_joined) else {
            return false;
        };
        room.copy_from_slice(view.word_text(part));
        filled += part.len();
        (end, place) = (part.end(), place + 1);
    }
    let is_account = filled == length && text.get(..length).is_some_and(iban::is_iban);
    if is_account {
        finder.strong(word.start()..end, Detector::Iban);
    }
    is_account
}

/// `accountDE89...`: the end of a word.
fn glued_account(finder: &mut Finder<'_>, word: Word) -> bool {
    let text = finder.view.word_text(word);
    let before =
        text.iter().take(LETTERS_BEFORE_CARD_MAX + 1).take_while(|byte| byte.is_ascii_alphabetic()).count();
    // The country's letters are the last two of those.
    let Some(at) = before.checked_sub(2).filter(|at| *at > 0) else { return false };
    let [first, second, ..] = text.get(at..).unwrap_or_default() else { return false };
    let tail = text.get(at..).unwrap_or_default();
    let is_account = iban::length_of([*first, *second]) == Some(tail.len()) && iban::is_iban(tail);
    if is_account {
        finder.strong(word.start() + at..word.end(), Detector::Iban);
    }
    is_account
}

/// Numbers of persons with a letter. In capitals they are strong: in small letters they could be hex.
fn person(finder: &mut Finder<'_>, index: usize, word: Word) -> bool {
    let view = finder.view;
    if !(8..=lettered::LENGTH_MAX).contains(&word.len()) {
        return false;
    }
    let mut capitals = [0; lettered::LENGTH_MAX];
    let text = view.word_text(word);
    capitals.iter_mut().zip(text).for_each(|(to, from)| *to = from.to_ascii_uppercase());
    let capitals = capitals.get(..text.len()).unwrap_or_default();
    let is_part = goes_on(view, word.end()) || began_before(view, word.start());
    let worth = if lettered::is_person(capitals) {
        match (word.has(LOWER), is_part) {
            (false, false) => Worth::Strong,
            // Sixteen letters and digits with a month and a check are no chance.
            (true, false) if text.len() >= 16 && word.has(LETTER) => Worth::Likely,
            (true, false) if word.has(LETTER) => Worth::Weak,
            _ => Worth::Named,
        }
    } else if lettered::is_person_if_named(capitals) {
        Worth::Named
    } else {
        return false;
    };
    let claim = Claim { detector: Detector::NationalId, worth, named_by: Context::NATIONAL };
    finder.weigh(word.start()..word.end(), index, claim)
}

/// `X-1234567-L` and `RSS MRA 85T10 A562S`: letters and digits of one number, apart.
fn spaced_person(finder: &mut Finder<'_>, index: usize, word: Word) {
    let view = finder.view;
    let lengths: &[usize] = match word.len() {
        1 => &[1, 7, 1],
        _ => &[3, 3, 5, 5],
    };
    let sign = view.byte(word.end());
    if !matches!(sign, b' ' | b'-' | b'.') || word.has(LOWER) {
        return;
    }
    let mut text = [0; lettered::LENGTH_MAX];
    let (mut filled, mut end) = (0, word.end());
    for (place, length) in lengths.iter().enumerate() {
        let is_joined = place == 0 || view.joined(index + place - 1, sign).is_some();
        let part = view.word(index + place).filter(|part| is_joined && part.len() == *length);
        let Some(part) = part.filter(|part| !part.has(LOWER)) else { return };
        if let Some(room) = text.get_mut(filled..filled + length) {
            room.copy_from_slice(view.word_text(part));
        }
        (filled, end) = (filled + length, part.end());
    }
    let is_person = text.get(..filled).is_some_and(lettered::is_person);
    if is_person && !goes_on(view, end) && !began_before(view, word.start()) {
        finder.strong(word.start()..end, Detector::NationalId);
    }
}

/// A passport or a licence: letters and digits right after a word for it.
fn document(finder: &mut Finder<'_>, index: usize, word: Word) {
    let text = finder.view.word_text(word);
    let digits = text.iter().filter(|byte| byte.is_ascii_digit()).count();
    let is_part = goes_on(finder.view, word.end()) || began_before(finder.view, word.start());
    if (6..=12).contains(&text.len()) && digits >= 4 && !word.has(LOWER) && !is_part {
        let claim =
            Claim { detector: Detector::NationalId, worth: Worth::Named, named_by: Context::DOCUMENT };
        finder.weigh(word.start()..word.end(), index, claim);
    }
}

fn vehicle(finder: &mut Finder<'_>, index: usize, word: Word) -> bool {
    if word.len() != 17 {
        return false;
    }
    let text = finder.view.word_text(word);
    let is_plausible = !text.iter().any(|byte| b"IOQioq".contains(byte)) && word.has(LETTER | HEX);
    let worth = match device::is_vin(text) {
        true if !word.has(LOWER) => Worth::Strong,
        _ if is_plausible => Worth::Named,
        _ => return false,
    };
    let claim = Claim { detector: Detector::Vin, worth, named_by: Context::VEHICLE };
    finder.weigh(word.start()..word.end(), index, claim)
}

/// Letters, then the digits of a card: not in hex, where digits follow letters by chance.
fn card_at_a_word(finder: &mut Finder<'_>, index: usize, word: Word) {
    let view = finder.view;
    let text = view.word_text(word);
    let before =
        text.iter().take(LETTERS_BEFORE_CARD_MAX + 1).take_while(|byte| byte.is_ascii_alphabetic()).count();
    let mut digits = [0; card::DIGITS_MAX];
    let number = text.get(before..).unwrap_or_default();
    let count = number.iter().take(card::DIGITS_MAX + 1).take_while(|byte| byte.is_ascii_digit()).count();
    digits.iter_mut().zip(number).for_each(|(digit, byte)| *digit = byte.wrapping_sub(b'0'));
    let after = number.get(count..).unwrap_or_default();
    let start = word.start() + before;
    let end = start + count;
    if before > LETTERS_BEFORE_CARD_MAX || !(14..=card::DIGITS_MAX).contains(&count) {
        return;
    }
    if after.is_empty() && view.byte(end) == b'^' && sad::track(finder, end) {
        return;
    }
    let is_word = word.has(LETTER) || before == 0 && after.len() == 1;
    // `4111111111111111D2512...`: some write the sign of the second track so.
    let is_track =
        matches!(after, [b'D' | b'd', rest @ ..] if rest.len() >= 7 && rest.iter().all(u8::is_ascii_digit));
    if (is_word || is_track) && after.len() <= 24 && card::is_card(digits.get(..count).unwrap_or_default()) {
        let named_by = Context::CARD;
        let detector = if is_track { Detector::Sad } else { Detector::Pan };
        let end = if is_track { word.end() } else { end };
        finder.weigh(start..end, index, Claim { detector, worth: Worth::Strong, named_by });
    }
}

/// `AB 12 34 56 C`: the insurance of the United Kingdom in groups.
fn insured(finder: &mut Finder<'_>, index: usize, word: Word) {
    let view = finder.view;
    let sign = view.byte(word.end());
    if word.len() != 2 || word.has(LOWER) || !matches!(sign, b' ' | b'+') {
        return;
    }
    let mut text = [0; 9];
    let (mut filled, mut end) = (0, word.end());
    for (place, length) in [2, 2, 2, 2, 1].into_iter().enumerate() {
        let is_joined = place == 0 || view.joined(index + place - 1, sign).is_some();
        let Some(part) = view.word(index + place).filter(|part| is_joined && part.len() == length) else {
            return;
        };
        if let Some(room) = text.get_mut(filled..filled + length) {
            room.copy_from_slice(view.word_text(part));
        }
        (filled, end) = (filled + length, part.end());
    }
    if lettered::is_person(&text) {
        finder.strong(word.start()..end, Detector::NationalId);
    }
}

/// `12.345.678-Z`, as Spain writes it in letters.
pub fn dotted(finder: &mut Finder<'_>, index: usize, word: Word) -> bool {
    let view = finder.view;
    let mut text = [0; 9];
    let (mut filled, mut end) = (0, word.end());
    for (place, (length, sign)) in [(2, b'.'), (3, b'.'), (3, b'.'), (1, b'-')].into_iter().enumerate() {
        let is_joined = place == 0 || view.joined(index + place - 1, sign).is_some();
        let Some(part) = view.word(index + place).filter(|part| is_joined && part.len() == length) else {
            return false;
        };
        if let Some(room) = text.get_mut(filled..filled + length) {
            room.copy_from_slice(view.word_text(part));
        }
        (filled, end) = (filled + length, part.end());
    }
    let is_person = lettered::is_person(&text);
    if is_person {
        finder.strong(word.start()..end, Detector::NationalId);
    }
    is_person
}

/// A number that ends with letters behind a hyphen: `131052-308T`, `12345678-Z`.
pub fn hyphened(finder: &mut Finder<'_>, index: usize, word: Word) -> bool {
    let view = finder.view;
    let Some(next) = view.joined(index, b'-').filter(|next| next.has(UPPER) && !next.has(LOWER)) else {
        return false;
    };
    let mut text = [0; 11];
    let (head, tail) = (view.word_text(word), view.word_text(next));
    // Finland keeps the sign, which tells the century; Spain's letter stands behind it without meaning.
    let parts: [&[u8]; 3] = match (head.len(), tail.len()) {
        (6, 4) => [head, b"-", tail],
        (8, 1) => [head, b"", tail],
        _ => return false,
    };
    let length = parts.iter().map(|part| part.len()).sum::<usize>();
    text.iter_mut().zip(parts.into_iter().flatten()).for_each(|(to, from)| *to = *from);
    let is_closed = !goes_on(view, next.end()) && !began_before(view, word.start());
    let is_person = is_closed && text.get(..length).is_some_and(lettered::is_person);
    if is_person {
        finder.strong(word.start()..next.end(), Detector::NationalId);
    }
    is_person
}
