//! International bank account numbers: the length of each country, and mod 97.

pub const LENGTH_MIN: usize = 15;
pub const LENGTH_MAX: usize = 33;

/// Countries by their letters, and how long their numbers are.
const LENGTHS: &[(&[u8; 2], usize)] = &[
    (b"AD", 24),
    (b"AE", 23),
    (b"AL", 28),
    (b"AT", 20),
    (b"AZ", 28),
    (b"BA", 20),
    (b"BE", 16),
    (b"BG", 22),
    (b"BH", 22),
    (b"BI", 27),
    (b"BR", 29),
    (b"BY", 28),
    (b"CH", 21),
    (b"CR", 22),
    (b"CY", 28),
    (b"CZ", 24),
    (b"DE", 22),
    (b"DJ", 27),
    (b"DK", 18),
    (b"DO", 28),
    (b"EE", 20),
    (b"EG", 29),
    (b"ES", 24),
    (b"FI", 18),
    (b"FK", 18),
    (b"FO", 18),
    (b"FR", 27),
    (b"GB", 22),
    (b"GE", 22),
    (b"GI", 23),
    (b"GL", 18),
    (b"GR", 27),
    (b"GT", 28),
    (b"HN", 28),
    (b"HR", 21),
    (b"HU", 28),
    (b"IE", 22),
    (b"IL", 23),
    (b"IQ", 23),
    (b"IS", 26),
    (b"IT", 27),
    (b"JO", 30),
    (b"KW", 30),
    (b"KZ", 20),
    (b"LB", 28),
    (b"LC", 32),
    (b"LI", 21),
    (b"LT", 20),
    (b"LU", 20),
    (b"LV", 21),
    (b"LY", 25),
    (b"MC", 27),
    (b"MD", 24),
    (b"ME", 22),
    (b"MK", 19),
    (b"MN", 20),
    (b"MR", 27),
    (b"MT", 31),
    (b"MU", 30),
    (b"NI", 28),
    (b"NL", 18),
    (b"NO", 15),
    (b"OM", 23),
    (b"PK", 24),
    (b"PL", 28),
    (b"PS", 29),
    (b"PT", 25),
    (b"QA", 29),
    (b"RO", 24),
    (b"RS", 22),
    (b"RU", 33),
    (b"SA", 24),
    (b"SC", 31),
    (b"SD", 18),
    (b"SE", 24),
    (b"SI", 19),
    (b"SK", 24),
    (b"SM", 27),
    (b"SO", 23),
    (b"ST", 25),
    (b"SV", 28),
    (b"TL", 23),
    (b"TN", 24),
    (b"TR", 26),
    (b"UA", 29),
    (b"VA", 22),
    (b"VG", 24),
    (b"XK", 20),
    (b"YE", 30),
];

/// How long a number of the country is, by its two letters in either case.
pub fn length_of(country: [u8; 2]) -> Option<usize> {
    let country = country.map(|letter| letter.to_ascii_uppercase());
    let place = LENGTHS.binary_search_by(|(name, _)| name.as_slice().cmp(country.as_slice())).ok()?;
    LENGTHS.get(place).map(|(_, length)| *length)
}

/// Whether letters and digits without spaces are an account, in either case.
pub fn is_iban(text: &[u8]) -> bool {
    let [first, second, third, fourth, body @ ..] = text else { return false };
    length_of([*first, *second]) == Some(text.len())
        // The rest of 97 taken from 98: neither 00 nor 01 nor 99 comes.
        && !matches!([*third, *fourth], [b'0', b'0' | b'1'] | [b'9', b'9'])
        && third.is_ascii_digit()
        && fourth.is_ascii_digit()
        && body.iter().chain(&[*first, *second, *third, *fourth]).try_fold(0, take) == Some(1)
}

fn take(rest: u32, byte: &u8) -> Option<u32> {
    match byte {
        b'0'..=b'9' => Some((rest * 10 + u32::from(byte - b'0')) % 97),
        b'A'..=b'Z' => Some((rest * 100 + u32::from(byte - b'A') + 10) % 97),
        b'a'..=b'z' => Some((rest * 100 + u32::from(byte - b'a') + 10) % 97),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_order() {
        assert!(LENGTHS.is_sorted_by(|(one, _), (other, _)| one < other));
        assert!(LENGTHS.iter().all(|(_, length)| (LENGTH_MIN..=LENGTH_MAX).contains(length)));
    }

    #[test]
    fn examples_of_the_registry_pass_and_their_neighbours_do_not() {
        for iban in [
            "GB29NWBK60161331926819",
            "DE89370400440532013000",
            "FR1420041010050500013M02606",
            "NO9386011117947",
            "MT84MALT011000012345MTLCAST001S",
            "de89370400440532013000",
        ] {
            assert!(is_iban(iban.as_bytes()), "{iban}");
            assert!(!is_iban(iban.replacen(['0', '1'], "2", 1).as_bytes()));
            assert!(!is_iban(format!("{iban}0").as_bytes()));
        }
        assert!(!is_iban(b"XX89370400440532013000") && !is_iban(b"DE") && !is_iban(b""));
    }
}
