//! Durations and sizes as a person writes them. Pure.

use std::time::Duration;

use super::fault::quoted;

/// Longer is a slip of the unit (`5M` is five months), and a deadline that far away could not be added
/// to a clock.
pub(super) const DURATION_MAX: Duration = Duration::from_secs(30 * 24 * 3600);

const DURATION_REMEDY: &str = "write a number and a unit, as in \"300ms\", \"5s\" or \"2m\"";
const SIZE_REMEDY: &str = "write bytes, or a number and a unit, as in 5000000, \"5MB\" or \"256MiB\"";

/// Why a text is not what it should be, and what to write instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wrong {
    pub what: String,
    pub remedy: String,
}

impl Wrong {
    pub(super) fn new(what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { what: what.into(), remedy: remedy.into() }
    }
}

/// Nothing is kept longer than this by a system that was set up once.
const AGE_MAX: Duration = Duration::from_secs(10 * 365 * 24 * 3600);

/// How old something may become: more than zero and at most `AGE_MAX`.
pub(super) fn age(text: &str) -> Result<Duration, Wrong> {
    positive(text).and_then(|parsed| match parsed > AGE_MAX {
        true => Err(Wrong::new(format!("{} is more than ten years", quoted(text)), DURATION_REMEDY)),
        false => Ok(parsed),
    })
}

/// More than zero and at most `DURATION_MAX`.
pub(super) fn duration(text: &str) -> Result<Duration, Wrong> {
    let parsed = positive(text)?;
    if parsed > DURATION_MAX {
        let what = format!("{} is more than 30 days", quoted(text));
        return Err(Wrong::new(what, format!("{DURATION_REMEDY} (`m` is minutes, `M` months)")));
    }
    Ok(parsed)
}

fn positive(text: &str) -> Result<Duration, Wrong> {
    let Ok(parsed) = humantime::parse_duration(text) else {
        return Err(Wrong::new(format!("{} is no duration", quoted(text)), DURATION_REMEDY));
    };
    if parsed.is_zero() {
        return Err(Wrong::new("a duration of zero leaves no time at all", DURATION_REMEDY));
    }
    Ok(parsed)
}

/// Bytes: `kB`, `MB`, `GB` count in thousands, `KiB`, `MiB`, `GiB` in 1024s, in any case.
pub(super) fn size(text: &str) -> Result<u64, Wrong> {
    let wrong = || Wrong::new(format!("{} is no size", quoted(text)), SIZE_REMEDY);
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, unit) = text.split_at_checked(digits).ok_or_else(wrong)?;
    let number: u64 = number.parse().map_err(|_| wrong())?;
    let factor: u64 = match unit.trim_start().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "kb" => 1000,
        "mb" => 1_000_000,
        "gb" => 1_000_000_000,
        "kib" => 1 << 10,
        "mib" => 1 << 20,
        "gib" => 1 << 30,
        _ => return Err(wrong()),
    };
    number.checked_mul(factor).ok_or_else(wrong)
}

/// The known word that a person probably meant.
pub fn closest<'k>(word: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    /// No key is longer; a longer word is no slip of one, and the comparison costs the product.
    const WORD_CHARS_MAX: usize = 40;
    if word.chars().count() > WORD_CHARS_MAX {
        return None;
    }
    let slips_max = word.chars().count().div_ceil(3).max(1);
    known
        .into_iter()
        .map(|candidate| (slips(&word.to_ascii_lowercase(), candidate), candidate))
        .filter(|(slips, _)| *slips <= slips_max)
        .min()
        .map(|(_, candidate)| candidate)
}

/// Letters to change, add or take away to come from one word to the other (Levenshtein).
fn slips(from: &str, to: &str) -> usize {
    let mut row: Vec<usize> = (0..=to.chars().count()).collect();
    for (nth, a) in from.chars().enumerate() {
        let mut diagonal = nth;
        let mut left = nth + 1;
        for (cell, b) in row.iter_mut().skip(1).zip(to.chars()) {
            let above = *cell;
            left = (diagonal + usize::from(a != b)).min(above + 1).min(left + 1);
            diagonal = above;
            *cell = left;
        }
        if let Some(first) = row.first_mut() {
            *first = nth + 1;
        }
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_a_unit_and_an_end() {
        assert_eq!(duration("300ms"), Ok(Duration::from_millis(300)));
        assert_eq!(duration("1m 30s"), Ok(Duration::from_secs(90)));
        for refused in ["", "5", "0s", "5M", "999999999999y", "5 parsecs", "-5s"] {
            assert!(duration(refused).is_err(), "{refused}");
        }
    }

    #[test]
    fn sizes_count_in_thousands_or_in_1024s_as_their_unit_says() {
        assert_eq!(size("5000000"), Ok(5_000_000));
        assert_eq!(size("5MB"), Ok(5_000_000));
        assert_eq!(size("5 mb"), Ok(5_000_000));
        assert_eq!(size("5MiB"), Ok(5 << 20));
        for refused in ["", "MB", "5M", "5.5MB", "-1", "99999999999999GB", "5MBs"] {
            assert!(size(refused).is_err(), "{refused}");
        }
    }

    #[test]
    fn a_slip_is_recognised_and_another_word_is_not() {
        let known = ["listen", "region", "policies"];
        assert_eq!(closest("lisen", known), Some("listen"));
        assert_eq!(closest("Region", known), Some("region"));
        assert_eq!(closest("policy", known), None);
        assert_eq!(closest("polices", known), Some("policies"));
        assert_eq!(closest("tmepo", ["tempo", "memory"]), Some("tempo"));
        assert_eq!(closest("zebra", known), None);
        assert_eq!(slips("kitten", "sitting"), 3);
    }
}
