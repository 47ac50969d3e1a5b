//! Days and months inside of numbers. Which century it is, and whether the year is a leap year, a number
//! seldom says; the 29th of February is a day.

/// The digits at two places as one number, or one that is no day and no month.
pub fn two(digits: &[u8], at: usize) -> u8 {
    match digits.get(at..at + 2) {
        Some([tens, ones]) => tens * 10 + ones,
        _ => u8::MAX,
    }
}

pub fn is_day(day: u8, month: u8) -> bool {
    let days = match month {
        4 | 6 | 9 | 11 => 30,
        2 => 29,
        1..=12 => 31,
        _ => return false,
    };
    (1..=days).contains(&day)
}

/// Whether the first six are a day, a month and a year.
pub fn starts_with_day(digits: &[u8]) -> bool {
    is_day(two(digits, 0), two(digits, 2)) && digits.len() >= 6
}

/// Whether the first six are a year, a month and a day.
pub fn starts_with_year(digits: &[u8]) -> bool {
    is_day(two(digits, 4), two(digits, 2)) && digits.len() >= 6
}

/// Whether the first eight are a year of this century or the two before, a month and a day.
pub fn starts_with_century(digits: &[u8]) -> bool {
    matches!(two(digits, 0), 18..=20) && is_day(two(digits, 6), two(digits, 4))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_one_of_its_month() {
        assert!(is_day(29, 2) && !is_day(30, 2) && is_day(31, 12) && !is_day(31, 4));
        assert!(!is_day(0, 1) && !is_day(1, 0) && !is_day(1, 13));
        assert!(starts_with_century(&[1, 9, 8, 5, 0, 7, 3, 1]));
        assert!(!starts_with_century(&[1, 7, 8, 5, 0, 7, 3, 1]) && !starts_with_day(&[3, 1]));
    }
}
