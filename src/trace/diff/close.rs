//! When two numbers are so near that they are called the same. The numbers and the keys are Tempo's.

/// A span's duration may differ by a fifth, and always by a millisecond.
const DURATION_RELATIVE: f64 = 0.20;
const DURATION_ABSOLUTE_NS: f64 = 1_000_000.0;

/// A size or a count of tokens may differ by a twentieth.
const ATTRIBUTE_RELATIVE: f64 = 0.05;

/// Attributes that say how much there is of something; any other number is compared as it is.
const MAGNITUDES: [&str; 24] = [
    "app.jank.period",
    "file.size",
    "gen_ai.response.time_to_first_chunk",
    "gen_ai.usage.cache_creation.input_tokens",
    "gen_ai.usage.cache_read.input_tokens",
    "gen_ai.usage.completion_tokens",
    "gen_ai.usage.input_tokens",
    "gen_ai.usage.output_tokens",
    "gen_ai.usage.prompt_tokens",
    "gen_ai.usage.reasoning.output_tokens",
    "http.request.body.size",
    "http.request.size",
    "http.request_content_length",
    "http.request_content_length_uncompressed",
    "http.response.body.size",
    "http.response.size",
    "http.response_content_length",
    "http.response_content_length_uncompressed",
    "message.compressed_size",
    "message.uncompressed_size",
    "messaging.message.body.size",
    "messaging.message.envelope.size",
    "rpc.message.compressed_size",
    "rpc.message.uncompressed_size",
];

pub(super) fn is_magnitude(key: &[u8]) -> bool {
    MAGNITUDES.binary_search_by(|known| known.as_bytes().cmp(key)).is_ok()
}

pub(super) fn are_durations_close(a_ns: i64, b_ns: i64) -> bool {
    are_close(a_ns as f64, b_ns as f64, DURATION_RELATIVE, DURATION_ABSOLUTE_NS)
}

pub(super) fn are_magnitudes_close(a: f64, b: f64) -> bool {
    are_close(a, b, ATTRIBUTE_RELATIVE, 0.0)
}

fn are_close(a: f64, b: f64, relative: f64, absolute: f64) -> bool {
    if a.is_nan() || b.is_nan() {
        return a.is_nan() && b.is_nan();
    }
    if a.is_infinite() || b.is_infinite() {
        return a == b;
    }
    (a - b).abs() <= absolute + relative * a.abs().max(b.abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_magnitude_is_found() {
        assert!(MAGNITUDES.is_sorted());
        assert!(MAGNITUDES.iter().all(|key| is_magnitude(key.as_bytes())));
        assert!(!is_magnitude(b"http.status_code") && !is_magnitude(b""));
    }

    #[test]
    fn a_duration_may_differ_by_a_millisecond_and_a_fifth_of_the_longer() {
        assert!(are_durations_close(0, 1_250_000), "1 ms, and a fifth of 1.25");
        assert!(!are_durations_close(0, 1_250_001));
        assert!(are_durations_close(100_000_000, 126_250_000));
        assert!(!are_durations_close(126_250_002, 100_000_000));
    }

    #[test]
    fn a_magnitude_may_differ_by_a_twentieth_and_what_is_no_number_is_only_itself() {
        assert!(are_magnitudes_close(95.0, 100.0) && !are_magnitudes_close(94.9, 100.0));
        assert!(are_magnitudes_close(f64::NAN, f64::NAN) && !are_magnitudes_close(f64::NAN, 1.0));
        assert!(are_magnitudes_close(f64::INFINITY, f64::INFINITY));
        assert!(!are_magnitudes_close(f64::INFINITY, f64::MAX));
    }
}
