//! How many spans a sampled one stands for, as its trace state says (`with(extrapolate=true)`).
//!
//! OpenTelemetry's part of a W3C trace state carries the threshold of the sampler (`th`), a fraction in up to
//! 14 hex digits, and perhaps the random number it was held against (`rv`).

/// How many hex digits a whole threshold or random number has.
const DIGITS: usize = 14;

/// One more than the greatest threshold.
const ALL: u64 = 1 << 56;

/// The longest part that is read.
const LENGTH_MAX: usize = 256;

/// The number of spans a span with this trace state stands for; 1 where it does not say.
///
/// With a random number it is whole: rounded up as often as its fraction says.
pub fn weight(trace_state: &str) -> f64 {
    own_part(trace_state).and_then(adjusted_count).filter(|count| *count > 0.0).unwrap_or(1.0)
}

fn own_part(trace_state: &str) -> Option<&str> {
    trace_state.split(',').find_map(|member| member.trim().strip_prefix("ot="))
}

fn adjusted_count(part: &str) -> Option<f64> {
    if part.len() > LENGTH_MAX {
        return None;
    }
    let (mut threshold, mut random) = (None, None);
    for member in part.split(';') {
        let (key, value) = member.split_once(':')?;
        if !is_key(key) || !value.bytes().all(is_value) {
            return None;
        }
        match key {
            "th" if (1..=DIGITS).contains(&value.len()) => {
                let missing = 4 * (DIGITS - value.len()) as u32;
                threshold = Some(u64::from_str_radix(value, 16).ok()? << missing);
            }
            "rv" if value.len() == DIGITS => random = Some(u64::from_str_radix(value, 16).ok()?),
            "th" | "rv" => return None,
            _ => {}
        }
    }
    let count = 1.0 / ((ALL - threshold?) as f64 / ALL as f64);
    // The upper 53 bits are as many as a float holds.
    let rounded = random.map(|random| {
        let luck = (random >> 3) as f64 / (1u64 << 53) as f64;
        count.floor() + f64::from(luck < count.fract())
    });
    Some(rounded.unwrap_or(count))
}

fn is_key(key: &str) -> bool {
    let mut bytes = key.bytes();
    bytes.next().is_some_and(|first| first.is_ascii_lowercase())
        && bytes.all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
}

fn is_value(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_threshold_says_how_many_spans_were_left_out() {
        let table = [
            ("", 1.0),
            ("ot=th:0", 1.0),
            ("ot=th:8", 2.0),
            ("vendor=x, ot=th:c;x:y ,other=z", 4.0),
            ("ot=rv:00112233445566;th:8", 2.0),
            ("not=th:c", 1.0),
            ("ot=th:xyz", 1.0),
            ("ot=th:", 1.0),
            ("ot=th:123456789abcdef", 1.0),
            ("ot=th:8;rv:12", 1.0),
            ("ot=th:8;", 1.0),
            ("ot=rv:00112233445566", 1.0),
        ];
        for (state, expected) in table {
            assert_eq!(weight(state), expected, "{state}");
        }
        assert!((weight("ot=th:fd70a4") - 100.0).abs() < 0.001);
    }

    #[test]
    fn a_random_number_makes_the_weight_whole() {
        assert!((weight("ot=th:4") - 4.0 / 3.0).abs() < 1e-12);
        assert_eq!(weight("ot=th:4;rv:00000000000000"), 2.0);
        assert_eq!(weight("ot=th:4;rv:80000000000000"), 1.0);
    }
}
