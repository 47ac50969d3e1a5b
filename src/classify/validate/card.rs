//! Payment cards: who issues numbers that begin so, how long they are, and Luhn.

use super::checksum::luhn;

/// Ranges of the first six digits, and the lengths in use: a bit for each.
const ISSUERS: &[(u32, u32, u32)] = &[
    // American Express, Diners.
    (300_000, 305_999, bits(&[14, 16, 19])),
    (309_500, 309_599, bits(&[14, 16])),
    (340_000, 349_999, bits(&[15])),
    (352_800, 358_999, bits(&[16, 17, 18, 19])), // JCB
    (360_000, 369_999, bits(&[14, 16, 19])),
    (370_000, 379_999, bits(&[15])),
    (380_000, 399_999, bits(&[14, 16, 19])),
    (400_000, 499_999, bits(&[13, 16, 18, 19])), // Visa
    // Maestro, Mastercard.
    (500_000, 509_999, bits(&[16, 18, 19])),
    (510_000, 559_999, bits(&[16])),
    (560_000, 589_999, bits(&[16, 18, 19])),
    (222_100, 272_099, bits(&[16])),
    (220_000, 220_499, bits(&[16, 17, 18, 19])), // Mir
    (601_100, 601_199, bits(&[16, 19])),         // Discover
    (603_600, 603_699, bits(&[16])),
    (604_200, 604_399, bits(&[16, 19])),
    (606_200, 606_299, bits(&[16])),             // Hipercard
    (620_000, 629_999, bits(&[16, 17, 18, 19])), // UnionPay, Discover
    (630_400, 630_499, bits(&[16, 18, 19])),
    (636_000, 639_999, bits(&[16, 18, 19])), // InstaPayment, InterPayment, Maestro
    (644_000, 659_999, bits(&[16, 19])),     // Discover, RuPay
    (675_900, 675_999, bits(&[16, 18, 19])), // Maestro
    (676_100, 676_399, bits(&[16, 18, 19])),
    (677_100, 677_199, bits(&[16])),
    (810_000, 817_199, bits(&[16, 17, 18, 19])), // UnionPay
];

const fn bits(lengths: &[u32]) -> u32 {
    let (mut set, mut rest) = (0, lengths);
    while let [first, others @ ..] = rest {
        set |= 1 << *first;
        rest = others;
    }
    set
}

pub const DIGITS_MIN: usize = 13;
pub const DIGITS_MAX: usize = 19;

/// Whether someone issues cards that begin and are as long as this.
pub fn is_issued(digits: &[u8]) -> bool {
    if !(DIGITS_MIN..=DIGITS_MAX).contains(&digits.len()) {
        return false;
    }
    let Some(first) = digits.get(..6) else { return false };
    let first = first.iter().fold(0, |number, digit| number * 10 + u32::from(*digit));
    let length = 1u32.checked_shl(u32::try_from(digits.len()).unwrap_or(u32::MAX)).unwrap_or(0);
    ISSUERS.iter().any(|(from, to, lengths)| (*from..=*to).contains(&first) && lengths & length != 0)
}

/// Whether this is the number of a card.
pub fn is_card(digits: &[u8]) -> bool {
    let is_varied = digits.iter().any(|digit| Some(digit) != digits.first());
    is_varied && is_issued(digits) && luhn(digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digits(text: &str) -> Vec<u8> {
        text.bytes().map(|byte| byte - b'0').collect()
    }

    #[test]
    fn numbers_that_brands_publish_for_tests_are_cards() {
        for card in [
            "4111111111111111",
            "4222222222222",
            "5555555555554444",
            "2223003122003222",
            "378282246310005",
            "30569309025904",
            "6011111111111117",
            "3530111333300000",
            "6200000000000005",
            "6759649826438453",
        ] {
            assert!(is_card(&digits(card)), "{card}");
        }
    }

    #[test]
    fn what_no_one_issues_is_no_card() {
        for other in
            ["4111111111111112", "1234567812345670", "0000000000000000", "9999999999999995", "41111111111116"]
        {
            assert!(!is_card(&digits(other)), "{other}");
        }
    }
}
