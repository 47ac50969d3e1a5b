//! Numbers of telephones and vehicles.

use super::checksum::luhn;
use super::date::two;

/// Whether fifteen digits are the number of a telephone: a body that reports types, and Luhn.
pub fn is_imei(digits: &[u8]) -> bool {
    digits.len() == 15
        && matches!(two(digits, 0), 1 | 10 | 30 | 33 | 35 | 44 | 45 | 49..=54 | 86 | 91 | 98 | 99)
        && luhn(digits)
}

/// Whether seventeen characters are the number of a vehicle: the ninth is their check. Europe leaves it out.
pub fn is_vin(text: &[u8]) -> bool {
    const WEIGHTS: [u32; 17] = [8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2];
    if text.len() != WEIGHTS.len() {
        return false;
    }
    let worth = |letter: u8| match letter {
        b'0'..=b'9' => Some(u32::from(letter - b'0')),
        b'A'..=b'H' => Some(u32::from(letter - b'A') + 1),
        b'J'..=b'N' => Some(u32::from(letter - b'J') + 1),
        b'P' => Some(7),
        b'R' => Some(9),
        b'S'..=b'Z' => Some(u32::from(letter - b'S') + 2),
        _ => None,
    };
    let sum = text.iter().zip(WEIGHTS).try_fold(0, |sum, (byte, weight)| {
        worth(byte.to_ascii_uppercase()).map(|worth| sum + worth * weight)
    });
    let check = text.get(8).copied();
    sum.is_some_and(|sum| match sum % 11 {
        10 => matches!(check, Some(b'X' | b'x')),
        rest => check == u8::try_from(rest).ok().map(|rest| b'0' + rest),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn telephones_and_vehicles_have_checks() {
        let digits = |text: &str| text.bytes().map(|byte| byte - b'0').collect::<Vec<_>>();
        assert!(is_imei(&digits("490154203237518")) && !is_imei(&digits("490154203237519")));
        assert!(is_vin(b"1M8GDM9AXKP042788") && is_vin(b"11111111111111111"));
        assert!(
            !is_vin(b"1M8GDM9A1KP042788") && !is_vin(b"1M8GDM9AXKP04278") && !is_vin(b"1M8GDM9AXKPO42788")
        );
    }
}
