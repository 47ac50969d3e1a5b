//! Numbers and durations as TraceQL writes them, both ways.
//!
//! Reading follows Go's scanner (which accepts more shapes than are then numbers), Prometheus' durations
//! (`1y2w3d4h5m6s7ms`, in this order) and Go's (`1.5h30m`, any order). Writing follows Go's shortest forms,
//! because Tempo's canonical text does.

/// What the scanner took for a number.
pub struct Scanned {
    pub length: usize,
    pub is_float: bool,
}

/// Takes a number off the front; the error says what is wrong with it.
pub fn scan(text: &str) -> Result<Scanned, String> {
    let bytes = text.as_bytes();
    let at = |offset: usize| bytes.get(offset).copied().unwrap_or(0);
    let mut end = 0;
    let prefix = match (at(0), at(1).to_ascii_lowercase()) {
        (b'0', letter @ (b'x' | b'o' | b'b')) => {
            end = 2;
            letter
        }
        (b'0', _) => b'0',
        _ => 0,
    };
    let base: u8 = match prefix {
        b'x' => 16,
        b'o' | b'0' => 8,
        b'b' => 2,
        _ => 10,
    };
    let mut is_float = false;
    let mut seen = digits(bytes, &mut end, base);
    if at(end) == b'.' {
        is_float = true;
        end += 1;
        if matches!(prefix, b'o' | b'b') {
            return Err(format!("invalid radix point in {}", name_of(prefix)));
        }
        seen.any |= digits(bytes, &mut end, base).any;
    }
    if !seen.any {
        return Err(format!("{} has no digits", name_of(prefix)));
    }
    let exponent = at(end).to_ascii_lowercase();
    if matches!(exponent, b'e' | b'p') {
        match (exponent, prefix) {
            (b'e', b'x' | b'o' | b'b') => return Err("'e' exponent requires decimal mantissa".into()),
            (b'p', other) if other != b'x' => {
                return Err("'p' exponent requires hexadecimal mantissa".into());
            }
            _ => {}
        }
        is_float = true;
        end += 1;
        if matches!(at(end), b'+' | b'-') {
            end += 1;
        }
        if !digits(bytes, &mut end, 10).any {
            return Err("exponent has no digits".into());
        }
    } else if prefix == b'x' && is_float {
        return Err("hexadecimal mantissa requires a 'p' exponent".into());
    }
    if let (false, Some(digit)) = (is_float, seen.beyond_base) {
        return Err(format!("invalid digit '{}' in {}", digit as char, name_of(prefix)));
    }
    Ok(Scanned { length: end, is_float })
}

struct Digits {
    any: bool,
    beyond_base: Option<u8>,
}

fn digits(bytes: &[u8], end: &mut usize, base: u8) -> Digits {
    let mut seen = Digits { any: false, beyond_base: None };
    while let Some(byte) = bytes.get(*end).copied() {
        let is_digit = if base == 16 { byte.is_ascii_hexdigit() } else { byte.is_ascii_digit() };
        if !is_digit && byte != b'_' {
            break;
        }
        if is_digit {
            seen.any = true;
            if base < 10 && byte >= b'0' + base && seen.beyond_base.is_none() {
                seen.beyond_base = Some(byte);
            }
        }
        *end += 1;
    }
    seen
}

fn name_of(prefix: u8) -> &'static str {
    match prefix {
        b'x' => "hexadecimal literal",
        b'o' | b'0' => "octal literal",
        b'b' => "binary literal",
        _ => "decimal literal",
    }
}

/// Only decimal integers are numbers in the end.
pub fn integer(text: &str) -> Result<i64, String> {
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(format!("`{text}`: integers are written in decimal digits only"));
    }
    text.parse().map_err(|_| format!("`{text}`: value out of range, integers have 64 bits"))
}

pub fn float(text: &str) -> Result<f64, String> {
    let value = if text.starts_with("0x") || text.starts_with("0X") {
        hexadecimal(text)
    } else if underscores_separate_digits(text, false) {
        text.replace('_', "").parse().ok()
    } else {
        None
    };
    match value {
        Some(value) if value.is_finite() => Ok(value),
        Some(_) => Err(format!("`{text}`: value out of range, floats have 64 bits")),
        None => Err(format!("`{text}`: invalid syntax of a float")),
    }
}

/// `0x1.8p3`, with underscores between digits as Go allows them here.
fn hexadecimal(text: &str) -> Option<f64> {
    let body = text.get(2..)?;
    if !underscores_separate_digits(body, true) {
        return None;
    }
    let body = body.replace('_', "");
    let (mantissa, exponent) = body.split_once(['p', 'P'])?;
    let (mut value, mut scale, mut sticky) = (0u64, 0i32, 0u64);
    let mut past_point = false;
    for c in mantissa.chars() {
        let Some(digit) = c.to_digit(16) else {
            past_point = true;
            continue;
        };
        if value >> 60 == 0 {
            value = (value << 4) | u64::from(digit);
            scale = scale.checked_sub(if past_point { 4 } else { 0 })?;
        } else {
            sticky |= u64::from(digit != 0);
            scale = scale.checked_add(if past_point { 0 } else { 4 })?;
        }
    }
    let exponent: i32 = exponent.parse::<i64>().ok()?.clamp(-100_000, 100_000).try_into().ok()?;
    let exponent = exponent.saturating_add(scale);
    let value = (value | sticky) as f64;
    // In two steps, so that neither factor overflows before the product does.
    let half = exponent / 2;
    Some(value * 2f64.powi(half) * 2f64.powi(exponent - half))
}

/// Every underscore stands between digits; after the prefix `0x`, the first may lead.
fn underscores_separate_digits(body: &str, hexadecimal: bool) -> bool {
    let bytes = body.as_bytes();
    let digit = |offset: usize| {
        bytes
            .get(offset)
            .is_some_and(|byte| byte.is_ascii_digit() || (hexadecimal && byte.is_ascii_hexdigit()))
    };
    bytes.iter().enumerate().all(|(at, byte)| match at.checked_sub(1) {
        _ if *byte != b'_' => true,
        Some(before) => digit(before) && digit(at + 1),
        None => hexadecimal && digit(at + 1),
    })
}

/// The letters that glue to a number and may make it a duration.
pub fn is_unit(c: char) -> bool {
    matches!(c, 'n' | 's' | 'u' | 'm' | 'h' | 'µ' | 'd' | 'w' | 'y')
}

/// A duration in nanoseconds.
pub fn duration(text: &str) -> Option<i64> {
    descending_duration(text).or_else(|| any_order_duration(text))
}

/// Units from large to small, whole numbers only.
fn descending_duration(text: &str) -> Option<i64> {
    const MS: u64 = 1_000_000;
    const S: u64 = 1000 * MS;
    const UNITS: [(&str, u64); 7] = [
        ("y", 365 * 24 * 3600 * S),
        ("w", 7 * 24 * 3600 * S),
        ("d", 24 * 3600 * S),
        ("h", 3600 * S),
        ("m", 60 * S),
        ("s", S),
        ("ms", MS),
    ];
    let (mut rest, mut total, mut next_unit) = (text, 0u64, 0usize);
    while !rest.is_empty() {
        let (number, after) = rest.split_at_checked(rest.find(|c: char| !c.is_ascii_digit())?)?;
        let (unit, after) =
            after.split_at_checked(after.find(|c: char| c.is_ascii_digit()).unwrap_or(after.len()))?;
        let (at, (_, nanos)) = UNITS.iter().enumerate().find(|(_, (name, _))| *name == unit)?;
        if at < next_unit {
            return None;
        }
        next_unit = at + 1;
        total = total.checked_add(number.parse::<u64>().ok()?.checked_mul(*nanos)?)?;
        rest = after;
    }
    i64::try_from(total).ok()
}

/// Units in any order and repeated, with fractions.
fn any_order_duration(text: &str) -> Option<i64> {
    let (mut rest, mut total) = (text, 0u64);
    while !rest.is_empty() {
        let (whole, after) = rest.split_at_checked(leading_digits(rest))?;
        let (fraction, after) = match after.strip_prefix('.') {
            Some(after) => after.split_at_checked(leading_digits(after))?,
            None => ("", after),
        };
        if whole.is_empty() && fraction.is_empty() {
            return None;
        }
        let unit_end = after.find(|c: char| c == '.' || c.is_ascii_digit()).unwrap_or(after.len());
        let (unit, after) = after.split_at_checked(unit_end)?;
        let nanos: u64 = match unit {
            "ns" => 1,
            "us" | "µs" => 1_000,
            "ms" => 1_000_000,
            "s" => 1_000_000_000,
            "m" => 60_000_000_000,
            "h" => 3_600_000_000_000,
            _ => return None,
        };
        let whole: u64 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
        total = total.checked_add(whole.checked_mul(nanos)?)?;
        total = total.checked_add(fraction_of(fraction, nanos))?;
        rest = after;
    }
    i64::try_from(total).ok()
}

fn leading_digits(text: &str) -> usize {
    text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len())
}

/// `0.fraction` of a unit, cut off below a nanosecond the way Go's float arithmetic cuts it.
fn fraction_of(fraction: &str, nanos: u64) -> u64 {
    let (mut digits, mut scale) = (0u64, 1f64);
    for byte in fraction.bytes() {
        let longer = digits.checked_mul(10).and_then(|d| d.checked_add(u64::from(byte - b'0')));
        match longer.filter(|digits| *digits <= 1 << 63) {
            Some(longer) => digits = longer,
            None => break,
        }
        scale *= 10.0;
    }
    (digits as f64 * (nanos as f64 / scale)) as u64
}

/// A float in Go's shortest form, with a point so that it is read back as a float.
pub fn float_text(float: f64) -> String {
    // Go's `g` with a precision turns to exponents from 6 digits on.
    let text = shortest(float, 6);
    if !float.is_finite() || text.contains(['.', 'e']) { text } else { format!("{text}.0") }
}

/// A float as Go prints it where nothing says how: whole ones without a point, with an exponent from 21
/// digits on.
pub fn plain_float_text(float: f64) -> String {
    shortest(float, 21)
}

/// The shortest digits that read back as the float, with an exponent below -4 and from this one on.
fn shortest(float: f64, exponent_from: i32) -> String {
    let short = format!("{float:e}");
    let Some((mantissa, exponent)) = short.split_once('e') else { return short };
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-4..exponent_from).contains(&exponent) {
        return format!("{float}");
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{mantissa}e{sign}{:02}", exponent.abs())
}

/// A duration as Go writes it: `1h0m5s`, `1.5s`, `250ms`, `0s`.
pub fn duration_text(nanos: i64) -> String {
    let sign = if nanos < 0 { "-" } else { "" };
    let magnitude = nanos.unsigned_abs();
    if magnitude == 0 {
        return "0s".to_owned();
    }
    let (unit, per) = match magnitude {
        0..1_000 => ("ns", 1),
        1_000..1_000_000 => ("µs", 1_000),
        1_000_000..1_000_000_000 => ("ms", 1_000_000),
        _ => ("s", 1_000_000_000),
    };
    let minutes = magnitude / 60_000_000_000;
    let rest = if unit == "s" { magnitude % 60_000_000_000 } else { magnitude };
    let mut text = format!("{}", rest / per);
    if rest % per != 0 {
        let width = per.ilog10() as usize;
        let fraction = format!("{:0width$}", rest % per);
        text = format!("{text}.{}", fraction.trim_end_matches('0'));
    }
    let (hours, left) = (minutes / 60, minutes % 60);
    match (hours, left) {
        (0, 0) => format!("{sign}{text}{unit}"),
        (0, _) => format!("{sign}{left}m{text}{unit}"),
        _ => format!("{sign}{hours}h{left}m{text}{unit}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_prometheus_and_go_read_them() {
        let table = [
            ("1y", Some(365 * 24 * 3_600_000_000_000)),
            ("1d2h3m4s5ms", Some(93_784_005_000_000)),
            ("1.5h30m", Some(7_200_000_000_000)),
            ("5µs", Some(5_000)),
            ("1ms1h", Some(3_600_001_000_000)),
            ("2w1y", None),
            ("1.5d", None),
            ("1ms2", None),
            ("300y", None),
            ("9223372036854775807ns", Some(i64::MAX)),
            ("9223372036854775808ns", None),
        ];
        for (text, expected) in table {
            assert_eq!(duration(text), expected, "{text}");
        }
    }

    #[test]
    fn durations_and_floats_are_written_as_go_writes_them() {
        let durations = [
            (0, "0s"),
            (1, "1ns"),
            (1_500, "1.5µs"),
            (-250_000_000, "-250ms"),
            (90_000_000_000, "1m30s"),
            (3_600_000_000_001, "1h0m0.000000001s"),
            (i64::MAX, "2562047h47m16.854775807s"),
        ];
        for (nanos, text) in durations {
            assert_eq!(duration_text(nanos), text);
        }
        for (float, text) in
            [(1.0, "1.0"), (0.0001, "0.0001"), (0.00001, "1e-05"), (1e6, "1e+06"), (123456.5, "123456.5")]
        {
            assert_eq!(float_text(float), text);
        }
        for (float, text) in [
            (0.5, "0.5"),
            (2.0, "2"),
            (-0.0, "-0"),
            (1e20, "100000000000000000000"),
            (1e21, "1e+21"),
            (0.0001, "0.0001"),
            (0.00001, "1e-05"),
            (f64::INFINITY, "inf"),
        ] {
            assert_eq!(plain_float_text(float), text);
        }
    }

    #[test]
    fn floats_are_decimal_or_hexadecimal() {
        assert_eq!(float("0x1.8p3"), Ok(12.0));
        assert_eq!(float("0x_1p-2"), Ok(0.25));
        assert_eq!(float("1_0.5"), Ok(10.5));
        assert!(float("1_e3").is_err());
        assert!(float("1e400").unwrap_err().contains("out of range"));
        assert!(float("0x1p5000").unwrap_err().contains("out of range"));
    }
}
