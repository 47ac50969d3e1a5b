//! Times as the parameters of tags and metrics spell them, in nanoseconds of the epoch.

use super::{float, int, quoted};

pub const SECOND: i128 = 1_000_000_000;

/// Up to so many characters, a whole number is seconds; from there on, nanoseconds. So a number of
/// milliseconds is read as a moment in 1970, as by Tempo.
const SECONDS_CHARS_MAX: usize = 10;

/// Whole seconds or nanoseconds, a fraction of seconds, or RFC 3339.
pub fn timestamp(text: &str) -> Result<i128, String> {
    if text.contains('.')
        && let Some(seconds) = float(text)
    {
        // To the millisecond.
        let millis = (seconds.fract() * 1000.0).round() as i128;
        return Ok(i128::from(seconds.trunc() as i64) * SECOND + millis * (SECOND / 1000));
    }
    match int(text) {
        Ok(number) if text.len() <= SECONDS_CHARS_MAX => Ok(i128::from(number) * SECOND),
        Ok(number) => Ok(i128::from(number)),
        Err(why) => rfc3339(text).ok_or_else(|| format!("strconv.ParseInt: parsing {}: {why}", quoted(text))),
    }
}

/// `2006-01-02T15:04:05.999999999Z`, or with an offset.
fn rfc3339(text: &str) -> Option<i128> {
    let (date, time) = text.split_once('T')?;
    let [year, month, day] = numbers(date, '-', [4, 2, 2])?;
    let zone_at = time.find(['Z', '+', '-'])?;
    let (clock, zone) = time.split_at_checked(zone_at)?;
    let (clock, fraction) = clock.split_once(['.', ',']).map_or((clock, None), |(c, f)| (c, Some(f)));
    let [hour, minute, second] = numbers(clock, ':', [2, 2, 2])?;
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let nanos = fraction.map_or(Some(0), nanos_of)?;
    let seconds = days(year, month, day)? * 86_400 + hour * 3600 + minute * 60 + second - offset(zone)?;
    Some(i128::from(seconds) * SECOND + i128::from(nanos))
}

/// Seconds east of Greenwich.
fn offset(zone: &str) -> Option<i64> {
    if zone == "Z" {
        return Some(0);
    }
    let sign = if zone.starts_with('-') { -1 } else { 1 };
    let [hours, minutes] = numbers(zone.strip_prefix(['+', '-'])?, ':', [2, 2])?;
    (hours <= 24 && minutes <= 60).then_some(sign * (hours * 3600 + minutes * 60))
}

/// Numbers of so many digits each, with a sign between them.
fn numbers<const N: usize>(text: &str, between: char, digits: [usize; N]) -> Option<[i64; N]> {
    let mut parts = text.split(between);
    let mut found = [0; N];
    for (number, length) in found.iter_mut().zip(digits) {
        let part = parts.next().filter(|part| part.len() == length && is_digits(part))?;
        *number = part.parse().ok()?;
    }
    parts.next().is_none().then_some(found)
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Digits beyond the ninth do not count.
fn nanos_of(fraction: &str) -> Option<i64> {
    let nine: String = fraction.chars().chain("000000000".chars()).take(9).collect();
    is_digits(fraction).then(|| nine.parse().ok())?
}

/// Days of the epoch of a date, if there is such a day.
fn days(year: i64, month: i64, day: i64) -> Option<i64> {
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let length = match month {
        2 => 28 + i64::from(is_leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    if !(1..=length).contains(&day) {
        return None;
    }
    // Years begin in March here, so that the odd day comes last.
    let (year, month) = if month <= 2 { (year - 1, month + 9) } else { (year, month - 3) };
    let of_year = (153 * month + 2) / 5 + day - 1;
    let years = year * 365 + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    Some(years + of_year - 719_468)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_has_four_spellings() {
        for (text, nanos) in [
            ("1795206736", 1_795_206_736_000_000_000),
            ("0", 0),
            ("-5", -5_000_000_000),
            ("1795206736000", 1_795_206_736_000),
            ("1795206736000000000", 1_795_206_736_000_000_000),
            ("1795206736.5", 1_795_206_736_500_000_000),
            ("1795206736.0004", 1_795_206_736_000_000_000),
            ("-1.5", -1_500_000_000),
            ("1970-01-01T00:00:00Z", 0),
            ("2026-11-20T22:32:16.25Z", 1_795_213_936_250_000_000),
            ("2026-11-20T22:32:16+01:00", 1_795_210_336_000_000_000),
            ("2024-02-29T23:59:59.123456789-00:30", 1_709_252_999_123_456_789),
            ("1969-12-31T23:59:59Z", -1_000_000_000),
            ("0001-01-01T00:00:00Z", -62_135_596_800_000_000_000),
        ] {
            assert_eq!(timestamp(text), Ok(nanos), "{text}");
        }
    }

    #[test]
    fn what_is_no_time_is_said_as_go_says_it_of_a_number() {
        for text in [
            "x",
            "1e9",
            "1.5.5",
            "now",
            "2026-02-29T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-1-1T00:00:00Z",
            "2026-01-01 00:00:00Z",
            "2026-01-01T24:00:00Z",
            "2026-01-01T00:00:00",
            "2026-01-01T00:00:00.Z",
        ] {
            let why = format!("strconv.ParseInt: parsing {}: invalid syntax", quoted(text));
            assert_eq!(timestamp(text), Err(why), "{text}");
        }
        let why = "strconv.ParseInt: parsing \"99999999999999999999\": value out of range";
        assert_eq!(timestamp("99999999999999999999"), Err(why.to_owned()));
    }
}
