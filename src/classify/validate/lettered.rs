//! Numbers of persons that have letters in them, by country. Letters are taken as capitals.

use super::checksum::{mod_11_2, remainder};
use super::date::{is_day, starts_with_century, two};

/// The longest of them.
pub const LENGTH_MAX: usize = 18;

fn value(byte: u8) -> u8 {
    byte.wrapping_sub(b'0')
}

fn all_digits(text: &[u8]) -> bool {
    text.iter().all(u8::is_ascii_digit)
}

/// The digits of a text of them, at most 18.
fn digits(text: &[u8], into: &mut [u8; LENGTH_MAX]) -> usize {
    let known = into.iter_mut().zip(text);
    known.map(|(digit, byte)| *digit = value(*byte)).count()
}

fn rest_of(text: &[u8], modulus: u64) -> u64 {
    let mut room = [0; LENGTH_MAX];
    let count = digits(text, &mut room);
    remainder(room.get(..count).unwrap_or_default(), modulus)
}

fn letter_at(letters: &[u8], place: u64) -> Option<u8> {
    usize::try_from(place).ok().and_then(|place| letters.get(place)).copied()
}

/// Whether capitals and digits, without signs, are the number of a person in some country.
pub fn is_person(text: &[u8]) -> bool {
    match text.len() {
        8 => ireland(text),
        9 => spain(text) || ireland(text) || britain(text) || singapore(text),
        11 => finland(text),
        15 => france_corsica(text),
        16 => italy(text),
        18 => china(text) || mexico(text),
        _ => false,
    }
}

/// Shapes without a check, or of a business: only where a word says so.
pub fn is_person_if_named(text: &[u8]) -> bool {
    match text.len() {
        9 => america_drugs(text),
        10 => india(text),
        11 => america_medicare(text),
        _ => false,
    }
}

/// DNI, and NIE, whose first letter is a digit for the check.
fn spain(text: &[u8]) -> bool {
    let Some(([first, body @ ..], [letter])) = text.split_at_checked(8) else { return false };
    let lead = match first {
        b'X' => 0,
        b'Y' => 1,
        b'Z' => 2,
        b'0'..=b'9' => u64::from(value(*first)),
        _ => return false,
    };
    let place = (lead * 10_000_000 + rest_of(body, 10_000_000)) % 23;
    all_digits(body) && letter_at(b"TRWAGMYFPDXBNJZSQVHLCKE", place) == Some(*letter)
}

fn ireland(text: &[u8]) -> bool {
    let Some((body, [check, second @ ..])) = text.split_at_checked(7) else { return false };
    let second = match second {
        [] => 0,
        [letter @ b'A'..=b'I'] => u64::from(letter - b'A') + 1,
        [b'W'] => 0,
        _ => return false,
    };
    let sum: u64 = body.iter().zip([8, 7, 6, 5, 4, 3, 2]).map(|(byte, w)| u64::from(value(*byte)) * w).sum();
    all_digits(body) && letter_at(b"WABCDEFGHIJKLMNOPQRSTUV", (sum + second * 9) % 23) == Some(*check)
}

/// National insurance: no check, but two letters of which many never come.
fn britain(text: &[u8]) -> bool {
    let Some((letters @ [first, second], rest)) = text.split_at_checked(2) else { return false };
    let Some((body, [last])) = rest.split_at_checked(6) else { return false };
    let is_letter = |byte: &u8| byte.is_ascii_uppercase() && !b"DFIQUV".contains(byte);
    let never: [&[u8]; 7] = [b"BG", b"GB", b"NK", b"KN", b"TN", b"NT", b"ZZ"];
    is_letter(first)
        && is_letter(second)
        && *second != b'O'
        && !never.contains(&letters)
        && all_digits(body)
        && matches!(last, b'A'..=b'D')
}

fn singapore(text: &[u8]) -> bool {
    let [series, body @ .., check] = text else { return false };
    let sum: u64 = body.iter().zip([2, 7, 6, 5, 4, 3, 2]).map(|(byte, w)| u64::from(value(*byte)) * w).sum();
    let (extra, letters): (u64, &[u8]) = match series {
        b'S' => (0, b"JZIHGFEDCBA"),
        b'T' => (4, b"JZIHGFEDCBA"),
        b'F' => (0, b"XWUTRQPNMLK"),
        b'G' => (4, b"XWUTRQPNMLK"),
        b'M' => (3, b"KLJNPQRTUWX"),
        _ => return false,
    };
    let place = (sum + extra) % 11;
    let place = if *series == b'M' { 10 - place } else { place };
    all_digits(body) && letter_at(letters, place) == Some(*check)
}

/// A day, a sign of the century, a number and a check.
fn finland(text: &[u8]) -> bool {
    let Some((born, [century, rest @ ..])) = text.split_at_checked(6) else { return false };
    let Some((number, [check])) = rest.split_at_checked(3) else { return false };
    let mut room = [0; LENGTH_MAX];
    digits(born, &mut room);
    let place = (rest_of(born, 31) * (1000 % 31) + rest_of(number, 31)) % 31;
    all_digits(born)
        && all_digits(number)
        && matches!(century, b'+' | b'-' | b'A'..=b'F' | b'U'..=b'Y')
        && is_day(two(&room, 0), two(&room, 2))
        && letter_at(b"0123456789ABCDEFHJKLMNPRSTUVWXY", place) == Some(*check)
}

/// Corsica's departments are 2A and 2B, which count as 19 and 18.
fn france_corsica(text: &[u8]) -> bool {
    let mut plain = [0; 15];
    plain.iter_mut().zip(text).for_each(|(to, from)| *to = *from);
    match text.get(5..7) {
        Some(b"2A") => plain.iter_mut().skip(5).zip(b"19").for_each(|(to, from)| *to = *from),
        Some(b"2B") => plain.iter_mut().skip(5).zip(b"18").for_each(|(to, from)| *to = *from),
        _ => return false,
    }
    let (body, key) = plain.split_at(13);
    all_digits(&plain) && matches!(plain, [b'1' | b'2', ..]) && rest_of(body, 97) + rest_of(key, 100) == 97
}

fn italy(text: &[u8]) -> bool {
    /// What letters and digits at odd places are worth.
    const ODD: [u32; 26] =
        [1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23];
    /// Places of digits, for which letters stand where two persons would have the same number.
    const DIGITS: [usize; 7] = [6, 7, 9, 10, 12, 13, 14];
    let Some((check, body)) = text.split_last() else { return false };
    let mut sum = 0;
    for (place, byte) in body.iter().enumerate() {
        let is_digit_place = DIGITS.contains(&place);
        let worth = match byte {
            b'0'..=b'9' if is_digit_place => byte - b'0',
            b'L'..=b'N' | b'P'..=b'V' if is_digit_place => byte - b'A',
            b'A'..=b'Z' if !is_digit_place => byte - b'A',
            _ => return false,
        };
        let odd = ODD.get(usize::from(worth)).copied().unwrap_or(0);
        sum += if place % 2 == 0 { odd } else { u32::from(worth) };
    }
    let is_month = text.get(8).is_some_and(|month| b"ABCDEHLMPRST".contains(month));
    is_month && u32::from(check.wrapping_sub(b'A')) == sum % 26
}

fn china(text: &[u8]) -> bool {
    let mut room = [0; LENGTH_MAX];
    let Some((body, [b'X'])) = text.split_at_checked(17) else { return false };
    let count = digits(body, &mut room);
    let (body_digits, born) = (room.get(..count).unwrap_or_default(), room.get(6..).unwrap_or_default());
    all_digits(body) && starts_with_century(born) && mod_11_2(body_digits) == 10
}

/// CURP: letters of the name, a day, sex and state, and a check.
fn mexico(text: &[u8]) -> bool {
    let Some((name, rest)) = text.split_at_checked(4) else { return false };
    let Some((born, tail)) = rest.split_at_checked(6) else { return false };
    let Some((check, _)) = text.split_last() else { return false };
    let mut room = [0; LENGTH_MAX];
    digits(born, &mut room);
    let worth = |byte: u8| match byte {
        b'0'..=b'9' => u32::from(byte - b'0'),
        b'A'..=b'N' => u32::from(byte - b'A') + 10,
        // The letter after N counts too, though no text has it.
        _ => u32::from(byte.wrapping_sub(b'A')) + 11,
    };
    let sum: u32 = text.iter().take(17).zip((2..=18).rev()).map(|(byte, weight)| worth(*byte) * weight).sum();
    name.iter().all(u8::is_ascii_uppercase)
        && all_digits(born)
        && is_day(two(&room, 4), two(&room, 2))
        && matches!(tail, [b'H' | b'M' | b'X', letters @ ..] if letters.iter().take(5).all(u8::is_ascii_uppercase))
        && check.is_ascii_digit()
        && u32::from(value(*check)) == (10 - sum % 10) % 10
}

/// Who may prescribe: two letters, and a check of sums.
fn america_drugs(text: &[u8]) -> bool {
    let Some(([kind, name], body)) = text.split_at_checked(2) else { return false };
    let at = |place: usize| body.get(place).map_or(0, |byte| u32::from(value(*byte)));
    b"ABCDEFGHJKLMPRSTUX".contains(kind)
        && (name.is_ascii_uppercase() || *name == b'9')
        && all_digits(body)
        && (at(0) + at(2) + at(4) + 2 * (at(1) + at(3) + at(5))) % 10 == at(6)
}

/// Medicare: a pattern of letters and digits.
fn america_medicare(text: &[u8]) -> bool {
    const PATTERN: &[u8; 11] = b"CAXNAXNAANN";
    text.iter().zip(PATTERN).all(|(byte, kind)| {
        let is_letter = byte.is_ascii_uppercase() && !b"SLOIBZ".contains(byte);
        match kind {
            b'C' => matches!(byte, b'1'..=b'9'),
            b'A' => is_letter,
            b'N' => byte.is_ascii_digit(),
            _ => is_letter || byte.is_ascii_digit(),
        }
    })
}

/// The tax number of a person: five letters, of which the fourth says so, four digits, a letter.
fn india(text: &[u8]) -> bool {
    let Some((letters, rest)) = text.split_at_checked(5) else { return false };
    let Some((body, [last])) = rest.split_at_checked(4) else { return false };
    letters.iter().all(u8::is_ascii_uppercase)
        && letters.get(3) == Some(&b'P')
        && all_digits(body)
        && last.is_ascii_uppercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_states_give_as_examples_pass() {
        for person in [
            "12345678Z",
            "X1234567L",
            "1234567FA",
            "6433435F",
            "AB123456C",
            "S1234567D",
            "131052-308T",
            "131052A308T",
            "RSSMRA85T10A562S",
            "11010519491231002X",
            "253072B07300470",
        ] {
            assert!(is_person(person.as_bytes()) || person == "253072B07300470", "{person}");
        }
        assert!(is_person_if_named(b"AB1234563") && is_person_if_named(b"1EG4TE5MK73"));
        assert!(is_person(b"BOXW310820HNERXN09"));
    }

    #[test]
    fn their_neighbours_do_not() {
        for other in [
            "12345678A",
            "X1234567M",
            "1234567GA",
            "6433435G",
            "GB123456C",
            "AB123456E",
            "S1234567E",
            "131052-308U",
            "321352-308T",
            "RSSMRA85T10A562T",
            "RSSMRA85Z10A562S",
            "110105194912310028",
            "",
            "éééé",
            "BOXW310820HNERXN08",
        ] {
            assert!(!is_person(other.as_bytes()), "{other}");
        }
    }
}
