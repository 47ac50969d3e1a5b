//! Dates made coarser. A date is read only where no two readings of it give another month or year.

/// Years that a date is taken to lie in.
const YEARS: std::ops::RangeInclusive<i32> = 1850..=2200;

/// A date of which the month may be unknown.
struct Date {
    year: i32,
    month: Option<u8>,
}

/// `2026-11`, or the year alone where day and month cannot be told apart.
pub(super) fn month(value: &str) -> Option<String> {
    let date = read(value)?;
    Some(match date.month {
        Some(month) => format!("{:04}-{month:02}", date.year),
        None => format!("{:04}", date.year),
    })
}

/// The year; `≤1936` for everyone who was born in that year or before.
pub(super) fn birth_year(value: &str, ninety: i32) -> Option<String> {
    if let Some(folded) = value.trim().strip_prefix('≤') {
        return folded.parse::<i32>().ok().filter(|year| YEARS.contains(year)).map(|_| format!("≤{ninety}"));
    }
    let year = read(value)?.year;
    Some(if year <= ninety { format!("≤{ninety}") } else { year.to_string() })
}

/// A date at the beginning of a text, with a time behind it or without.
fn read(value: &str) -> Option<Date> {
    let value = value.trim();
    let day = value.split(['T', ' ']).next().unwrap_or(value);
    let parts: Vec<&str> = day.split(['-', '/', '.']).collect();
    let number = |text: &str| {
        let is_number = !text.is_empty() && text.len() <= 4 && text.bytes().all(|byte| byte.is_ascii_digit());
        is_number.then(|| text.parse::<i32>().ok()).flatten()
    };
    let is_year = |text: &str| text.len() == 4;
    match parts.as_slice() {
        [whole] if whole.len() == 8 => date(number(whole.get(..4)?)?, number(whole.get(4..6)?)),
        [year] if is_year(year) => date(number(year)?, None),
        [year, month] if is_year(year) => date(number(year)?, number(month)),
        [year, month, day] if is_year(year) && number(day).is_some() => date(number(year)?, number(month)),
        // Dots are written by people who put the day first; slashes and dashes by others, too.
        [day, month, year] if is_year(year) && number(day).is_some() => {
            let month = number(month)?;
            date(number(year)?, Some(month).filter(|_| value.contains('.')))
        }
        _ => None,
    }
}

fn date(year: i32, month: Option<i32>) -> Option<Date> {
    let month = match month {
        Some(month @ 1..=12) => u8::try_from(month).ok(),
        Some(_) => return None,
        None => None,
    };
    YEARS.contains(&year).then_some(Date { year, month })
}
