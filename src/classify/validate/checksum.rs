//! The arithmetic that several numbers share: Luhn, ISO 7064, Verhoeff, EAN, and weighted sums.

/// The sum of digits times weights; as many as the shorter has.
pub fn weighted(digits: &[u8], weights: &[u32]) -> u32 {
    digits.iter().zip(weights).map(|(digit, weight)| u32::from(*digit) * weight).sum()
}

/// Digits as one number, modulo `modulus`. However many there are, nothing overflows.
pub fn remainder(digits: &[u8], modulus: u64) -> u64 {
    digits.iter().fold(0, |rest, digit| (rest * 10 + u64::from(*digit)) % modulus)
}

/// Every second digit from the right but one is doubled, and its digits added.
pub fn luhn(digits: &[u8]) -> bool {
    digits.len() >= 2 && luhn_sum(digits).is_multiple_of(10)
}

pub fn luhn_sum(digits: &[u8]) -> u32 {
    const DOUBLED: [u8; 10] = [0, 2, 4, 6, 8, 1, 3, 5, 7, 9];
    let odd: u32 = digits.iter().rev().step_by(2).map(|digit| u32::from(*digit)).sum();
    let doubled = digits.iter().rev().skip(1).step_by(2);
    odd + doubled.map(|digit| u32::from(DOUBLED.get(usize::from(*digit)).copied().unwrap_or(0))).sum::<u32>()
}

/// ISO 7064 mod 11,10, the check digit last.
pub fn mod_11_10(digits: &[u8]) -> bool {
    let Some((check, body)) = digits.split_last() else { return false };
    let product = body.iter().fold(10, |product, digit| {
        let sum = (u32::from(*digit) + product) % 10;
        (if sum == 0 { 10 } else { sum }) * 2 % 11
    });
    (11 - product) % 10 == u32::from(*check)
}

/// ISO 7064 mod 11-2 over 17 digits; 10 is written `X`.
pub fn mod_11_2(body: &[u8]) -> u8 {
    let sum = body.iter().fold(0, |sum, digit| (sum + u32::from(*digit)) * 2 % 11);
    u8::try_from((12 - sum) % 11).unwrap_or(0)
}

/// EAN-13: weights 1 and 3.
pub fn ean13(digits: &[u8]) -> bool {
    digits.len() == 13 && weighted(digits, &[1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1]).is_multiple_of(10)
}

const MULTIPLIED: [[u8; 10]; 10] = [
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
    [1, 2, 3, 4, 0, 6, 7, 8, 9, 5],
    [2, 3, 4, 0, 1, 7, 8, 9, 5, 6],
    [3, 4, 0, 1, 2, 8, 9, 5, 6, 7],
    [4, 0, 1, 2, 3, 9, 5, 6, 7, 8],
    [5, 9, 8, 7, 6, 0, 4, 3, 2, 1],
    [6, 5, 9, 8, 7, 1, 0, 4, 3, 2],
    [7, 6, 5, 9, 8, 2, 1, 0, 4, 3],
    [8, 7, 6, 5, 9, 3, 2, 1, 0, 4],
    [9, 8, 7, 6, 5, 4, 3, 2, 1, 0],
];

const PERMUTED: [[u8; 10]; 8] = [
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
    [1, 5, 7, 6, 2, 8, 3, 0, 9, 4],
    [5, 8, 0, 3, 7, 9, 6, 1, 4, 2],
    [8, 9, 1, 6, 0, 4, 3, 5, 2, 7],
    [9, 4, 5, 3, 1, 2, 6, 8, 7, 0],
    [4, 2, 8, 6, 5, 7, 3, 9, 0, 1],
    [2, 7, 9, 3, 8, 0, 6, 4, 1, 5],
    [7, 0, 4, 6, 9, 1, 3, 2, 5, 8],
];

fn entry(table: &[[u8; 10]], row: usize, column: u8) -> u8 {
    table.get(row).and_then(|row| row.get(usize::from(column))).copied().unwrap_or(0)
}

/// Verhoeff's scheme, the check digit last.
pub fn verhoeff(digits: &[u8]) -> bool {
    let check = digits.iter().rev().enumerate().fold(0, |check, (place, digit)| {
        entry(&MULTIPLIED, usize::from(check), entry(&PERMUTED, place % 8, *digit))
    });
    check == 0 && !digits.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digits(text: &str) -> Vec<u8> {
        text.bytes().map(|byte| byte - b'0').collect()
    }

    #[test]
    fn known_numbers_pass_and_their_neighbours_do_not() {
        type Check = fn(&[u8]) -> bool;
        let known: [(Check, &str); 5] = [
            (luhn, "79927398713"),
            (luhn, "4111111111111111"),
            (mod_11_10, "86095742719"),
            (ean13, "7569217076985"),
            (verhoeff, "2363"),
        ];
        for (check, text) in known {
            let mut number = digits(text);
            assert!(check(&number), "{text}");
            let last = number.last_mut().unwrap();
            *last = (*last + 1) % 10;
            assert!(!check(&number), "{number:?}");
        }
        assert_eq!(mod_11_2(&digits("11010519491231002")), 10);
        assert_eq!(remainder(&digits("3214282912345698765432161182"), 97), 1);
    }
}
