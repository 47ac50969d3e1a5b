//! Numbers as Go's `encoding/json` and gogo `jsonpb` write them.
//!
//! The digits of a double come from zmij: the standard library rounds up where two shortest forms are equally
//! near, Go rounds to even, and so does zmij (measured against Go over random doubles).

/// Below this, and from [`EXPONENT_FROM`] on, Go writes an exponent.
const EXPONENT_BELOW: f64 = 1e-6;
const EXPONENT_FROM: f64 = 1e21;

/// Whole numbers below this are exact as integers, and need no search for their digits.
const EXACT_BELOW: f64 = 1e15;

/// More zeros than stand between the point and the digits of any number without an exponent.
const ZEROS: &[u8; 24] = b"000000000000000000000000";

#[inline]
pub fn put_uint(out: &mut Vec<u8>, value: u64) {
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

#[inline]
pub fn put_int(out: &mut Vec<u8>, value: i64) {
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

/// The shortest digits that read back as `value`; `NaN` and the infinities as the strings of proto3 JSON.
pub fn put_double(out: &mut Vec<u8>, value: f64) {
    if value.is_nan() {
        return out.extend_from_slice(b"\"NaN\"");
    }
    if value.is_infinite() {
        let name: &[u8] = if value > 0.0 { b"\"Infinity\"" } else { b"\"-Infinity\"" };
        return out.extend_from_slice(name);
    }
    let size = value.abs();
    if value.is_sign_negative() {
        out.push(b'-');
    }
    if size < EXACT_BELOW && size.fract() == 0.0 {
        return put_uint(out, size as u64);
    }
    let mut buffer = zmij::Buffer::new();
    let text = buffer.format_finite(size);
    match text.split_once('e') {
        None => out.extend_from_slice(text.strip_suffix(".0").unwrap_or(text).as_bytes()),
        Some((digits, exponent)) if !(EXPONENT_BELOW..EXPONENT_FROM).contains(&size) => {
            out.extend_from_slice(digits.as_bytes());
            out.push(b'e');
            if !exponent.starts_with(['-', '+']) {
                out.push(b'+');
            }
            out.extend_from_slice(exponent.as_bytes());
        }
        Some((digits, exponent)) => put_without_exponent(out, digits, exponent.parse().unwrap_or_default()),
    }
}

/// Go writes an exponent later than zmij does: from 1e16 to 1e21, and from 1e-6 to 1e-5, zeros stand for it.
fn put_without_exponent(out: &mut Vec<u8>, digits: &str, exponent: i32) {
    let zeros = |count: usize| ZEROS.get(..count).unwrap_or(ZEROS);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    if exponent < 0 {
        out.extend_from_slice(b"0.");
        out.extend_from_slice(zeros(exponent.unsigned_abs() as usize - 1));
    }
    out.extend_from_slice(whole.as_bytes());
    out.extend_from_slice(fraction.as_bytes());
    // At most 17 digits, so from 1e16 on none of them is behind the point.
    let places = usize::try_from(exponent).unwrap_or(0);
    out.extend_from_slice(zeros(places.saturating_sub(fraction.len())));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(value: f64, expected: &str) {
        let mut out = Vec::new();
        put_double(&mut out, value);
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }

    #[test]
    fn doubles_are_written_as_go_writes_them() {
        check(0.0, "0");
        check(-0.0, "-0");
        check(0.5, "0.5");
        check(-1.5, "-1.5");
        check(100.0, "100");
        check(-100.0, "-100");
        check(0.016666666666666666, "0.016666666666666666");
        check(1e15, "1000000000000000");
        check(1e20, "100000000000000000000");
        check(123456789012345680000.0, "123456789012345680000");
        check(1e21, "1e+21");
        check(-1.25e21, "-1.25e+21");
        check(1.7976931348623157e308, "1.7976931348623157e+308");
        check(1e-6, "0.000001");
        check(9.99e-7, "9.99e-7");
        check(1e-7, "1e-7");
        check(1.5e-10, "1.5e-10");
        check(5e-324, "5e-324");
        check(9007199254740993.0, "9007199254740992");
        check(1e16, "10000000000000000");
        check(12345678901234567000.0, "12345678901234567000");
        check(1234567890123456.7, "1234567890123456.8");
        check(1e-5, "0.00001");
        check(-1.5e-6, "-0.0000015");
        check(0.0001, "0.0001");
        // Two shortest forms are equally near here: Go takes the even one.
        check(18_446_744_073_699_062_500.0 / 1e6, "18446744073699.062");
    }

    #[test]
    fn doubles_that_are_no_numbers_are_strings() {
        check(f64::NAN, r#""NaN""#);
        check(-f64::NAN, r#""NaN""#);
        check(f64::INFINITY, r#""Infinity""#);
        check(f64::NEG_INFINITY, r#""-Infinity""#);
    }

    #[test]
    fn integers_reach_their_ends() {
        let mut out = Vec::new();
        put_uint(&mut out, u64::MAX);
        put_int(&mut out, i64::MIN);
        assert_eq!(out, b"18446744073709551615-9223372036854775808");
    }
}
