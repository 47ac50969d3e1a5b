//! Durations in the two spellings that Tempo's parameters take, in nanoseconds.

use super::quoted;

const MS: u64 = 1_000_000;
const S: u64 = 1_000 * MS;

/// Prometheus's units, from large to small: the order in which they must stand.
const UNITS: [(&str, u64); 7] = [
    ("y", 365 * 24 * 3600 * S),
    ("w", 7 * 24 * 3600 * S),
    ("d", 24 * 3600 * S),
    ("h", 3600 * S),
    ("m", 60 * S),
    ("s", S),
    ("ms", MS),
];

/// Prometheus's `ParseDuration`: `1h30m`, `2d`, `0`; whole numbers, each unit once and in order.
pub fn prometheus(text: &str) -> Result<i64, String> {
    if text == "0" {
        return Ok(0);
    }
    let invalid = || format!("not a valid duration string: {}", quoted(text));
    let (mut rest, mut total, mut allowed) = (text, 0u64, UNITS.as_slice());
    while !rest.is_empty() {
        let (number, after) = split(rest, |c| c.is_ascii_digit());
        let (unit, after) = split(after, |c| !c.is_ascii_digit());
        let number: u64 = number.parse().map_err(|_| invalid())?;
        if unit.is_empty() {
            return Err(invalid());
        }
        if !UNITS.iter().any(|(name, _)| *name == unit) {
            return Err(format!("unknown unit {} in duration {}", quoted(unit), quoted(text)));
        }
        let at = allowed.iter().position(|(name, _)| *name == unit).ok_or_else(invalid)?;
        let nanos = allowed.get(at).map_or(0, |(_, nanos)| *nanos);
        allowed = allowed.get(at + 1..).unwrap_or_default();
        let added = number.checked_mul(nanos).and_then(|nanos| total.checked_add(nanos));
        total = added.filter(|nanos| i64::try_from(*nanos).is_ok()).ok_or("duration out of range")?;
        rest = after;
    }
    i64::try_from(total).map_err(|_| invalid())
}

/// Go's `time.ParseDuration`: `1.5s`, `-2m30s`, `0`; units in any order.
pub fn go(text: &str) -> Result<i64, String> {
    let invalid = || format!("time: invalid duration {}", quoted(text));
    let (is_negative, bare) = match text.strip_prefix('-') {
        Some(bare) => (true, bare),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if bare == "0" {
        return Ok(0);
    }
    if bare.is_empty() {
        return Err(invalid());
    }
    let (mut rest, mut total) = (bare, 0u64);
    while !rest.is_empty() {
        let (whole, after) = split(rest, |c| c.is_ascii_digit());
        let (fraction, after) = match after.strip_prefix('.') {
            Some(after) => split(after, |c| c.is_ascii_digit()),
            None => ("", after),
        };
        if whole.is_empty() && fraction.is_empty() {
            return Err(invalid());
        }
        let (unit, after) = split(after, |c| c != '.' && !c.is_ascii_digit());
        if unit.is_empty() {
            return Err(format!("time: missing unit in duration {}", quoted(text)));
        }
        let Some(nanos) = go_unit(unit) else {
            return Err(format!("time: unknown unit {} in duration {}", quoted(unit), quoted(text)));
        };
        let whole: u64 = if whole.is_empty() { 0 } else { whole.parse().map_err(|_| invalid())? };
        let added = whole.checked_mul(nanos).and_then(|nanos| total.checked_add(nanos));
        total = added.and_then(|total| total.checked_add(part(fraction, nanos))).ok_or_else(invalid)?;
        rest = after;
    }
    let most = i64::MAX as u64 + u64::from(is_negative);
    let magnitude = Some(total).filter(|total| *total <= most).ok_or_else(invalid)? as i64;
    Ok(if is_negative { magnitude.wrapping_neg() } else { magnitude })
}

fn go_unit(unit: &str) -> Option<u64> {
    Some(match unit {
        "ns" => 1,
        "us" | "µs" | "μs" => 1_000,
        "ms" => MS,
        "s" => S,
        "m" => 60 * S,
        "h" => 3600 * S,
        _ => return None,
    })
}

/// `0.fraction` of a unit.
fn part(fraction: &str, nanos: u64) -> u64 {
    format!("0.{fraction}0").parse::<f64>().map_or(0, |part| (part * nanos as f64) as u64)
}

/// What `belongs`, from the start, and the rest.
fn split(text: &str, belongs: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at_checked(text.find(|c| !belongs(c)).unwrap_or(text.len())).unwrap_or((text, ""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prometheus_takes_units_in_order() {
        for (text, expected) in [
            ("0", 0),
            ("1h", 3_600_000_000_000),
            ("1h30m", 5_400_000_000_000),
            ("2d", 172_800_000_000_000),
            ("1y", 31_536_000_000_000_000),
            ("1s5ms", 1_005_000_000),
            ("", 0),
        ] {
            assert_eq!(prometheus(text), Ok(expected), "{text}");
        }
        for (text, why) in [
            ("xx", r#"not a valid duration string: "xx""#),
            ("-1h", r#"not a valid duration string: "-1h""#),
            ("1.5h", r#"unknown unit "." in duration "1.5h""#),
            ("5", r#"not a valid duration string: "5""#),
            ("1m1h", r#"not a valid duration string: "1m1h""#),
            ("1h1h", r#"not a valid duration string: "1h1h""#),
            ("1x", r#"unknown unit "x" in duration "1x""#),
            ("300y", "duration out of range"),
        ] {
            assert_eq!(prometheus(text), Err(why.to_owned()), "{text}");
        }
    }

    #[test]
    fn go_takes_signs_and_fractions() {
        for (text, expected) in [
            ("0", 0),
            ("-0", 0),
            ("1.5s", 1_500_000_000),
            (".5ms", 500_000),
            ("-2m30s", -150_000_000_000),
            ("1s1h", 3_601_000_000_000),
            ("100µs", 100_000),
            ("-9223372036854775808ns", i64::MIN),
        ] {
            assert_eq!(go(text), Ok(expected), "{text}");
        }
        for (text, why) in [
            ("x", r#"time: invalid duration "x""#),
            ("", r#"time: invalid duration """#),
            ("5", r#"time: missing unit in duration "5""#),
            ("5d", r#"time: unknown unit "d" in duration "5d""#),
            ("9223372036854775808ns", r#"time: invalid duration "9223372036854775808ns""#),
            (".s", r#"time: invalid duration ".s""#),
        ] {
            assert_eq!(go(text), Err(why.to_owned()), "{text}");
        }
    }
}
