//! Buckets at powers of two, and quantiles read from them.
//!
//! Interpolation is exponential, between a bucket's edge and the one before it. Logarithms and powers are
//! computed with the series that Go's runtime uses on x86-64, because a last bit of a logarithm becomes
//! several of the quantile, and a quantile should be the number a Tempo answers with.

/// How many values lie in a bucket, which is known by its upper edge.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bucket {
    pub edge: f64,
    pub count: u64,
}

/// The bucket of a value: the next power of two. Values below 2 have none. Beyond the greatest power that 64 bits
/// hold it is 0, as in Tempo: the duration of a span that ends before it starts is such a value.
pub fn bucket(value: u64) -> Option<f64> {
    if value < 2 {
        return None;
    }
    Some(value.checked_next_power_of_two().unwrap_or(0) as f64)
}

/// The value below which a share of all values lies; buckets are sorted by their edge. 0 where there are
/// none.
pub fn quantile(share: f64, buckets: &[Bucket]) -> f64 {
    // Sampled spans may stand for more than an integer of this size counts, so sums are of the next.
    let total: u128 = buckets.iter().map(|bucket| u128::from(bucket.count)).sum();
    if !(0.0..=1.0).contains(&share) || total == 0 {
        return 0.0;
    }
    // Rounded up, for the quantiles of few values; one value is always read.
    let wanted = ((share * total as f64).ceil() as u128).max(1);
    let mut read = 0;
    let mut before = None;
    for bucket in buckets {
        let count = u128::from(bucket.count);
        if read + count > wanted {
            return between(before, *bucket, (wanted - read) as u64);
        }
        read += count;
        if read == wanted {
            return bucket.edge;
        }
        before = Some(bucket.edge);
    }
    before.unwrap_or(0.0)
}

/// Within a bucket: the edge that so many of its values lie below, evenly spread over the exponents.
fn between(before: Option<f64>, bucket: Bucket, wanted: u64) -> f64 {
    let high = log2(bucket.edge);
    let low = before.map_or(high - 1.0, log2);
    exp2(low + (high - low) * (wanted as f64 / bucket.count as f64))
}

/// A normal float that is not negative as a fraction in `[0.5, 1)` and a power of two.
fn parts(value: f64) -> (f64, i32) {
    let bits = value.to_bits();
    let fraction = f64::from_bits((bits & 0x000f_ffff_ffff_ffff) | 0.5f64.to_bits());
    (fraction, ((bits >> 52) & 0x7ff) as i32 - 0x3fe)
}

fn log2(value: f64) -> f64 {
    if value == 0.0 {
        return f64::NEG_INFINITY;
    }
    let (fraction, exponent) = parts(value);
    if fraction == 0.5 {
        return f64::from(exponent - 1);
    }
    ln(fraction) * (1.0 / std::f64::consts::LN_2) + f64::from(exponent)
}

/// The logarithm of a positive, normal float, by the series of FreeBSD's library.
fn ln(value: f64) -> f64 {
    const LN2_HIGH: f64 = f64::from_bits(0x3fe6_2e42_fee0_0000);
    const LN2_LOW: f64 = f64::from_bits(0x3dea_39ef_3579_3c76);
    const TERMS: [u64; 7] = [
        0x3fe5_5555_5555_5593,
        0x3fd9_9999_9997_fa04,
        0x3fd2_4924_9422_9359,
        0x3fcc_71c5_1d8e_78af,
        0x3fc7_4664_96cb_03de,
        0x3fc3_9a09_d078_c69f,
        0x3fc2_f112_df3e_5244,
    ];
    let [l1, l2, l3, l4, l5, l6, l7] = TERMS.map(f64::from_bits);
    let (mut fraction, exponent) = parts(value);
    let mut k = f64::from(exponent);
    if fraction < std::f64::consts::FRAC_1_SQRT_2 {
        fraction *= 2.0;
        k -= 1.0;
    }
    let f = fraction - 1.0;
    let s = f / (2.0 + f);
    let s2 = s * s;
    let s4 = s2 * s2;
    let odd = s2 * (l1 + s4 * (l3 + s4 * (l5 + s4 * l7)));
    let even = s4 * (l2 + s4 * (l4 + s4 * l6));
    let half = 0.5 * f * f;
    k * LN2_HIGH - ((half - (s * (half + (odd + even)) + k * LN2_LOW)) - f)
}

/// Two to a power, whose whole part is exact.
fn exp2(power: f64) -> f64 {
    let magnitude = power.abs();
    let (mut whole, mut rest) = (magnitude.trunc(), magnitude.fract());
    if magnitude == 0.5 {
        let root = std::f64::consts::SQRT_2;
        return if power < 0.0 { 1.0 / root } else { root };
    }
    if rest > 0.5 {
        rest -= 1.0;
        whole += 1.0;
    }
    let fraction = if rest == 0.0 { 1.0 } else { exp(rest * ln(2.0)) };
    let whole = whole.min(2_000.0) as i32;
    if power < 0.0 { (1.0 / fraction) * 2f64.powi(-whole) } else { fraction * 2f64.powi(whole) }
}

/// The exponential of a small number, by Shibata's series: a sixteenth of it, squared four times.
fn exp(value: f64) -> f64 {
    const LN2_HIGH: f64 = 0.693147180559663;
    const LN2_LOW: f64 = 2.8235290563031577e-13;
    const FACTORIALS: [f64; 8] = [40_320.0, 5_040.0, 720.0, 120.0, 24.0, 6.0, 2.0, 1.0];
    let twos = (value * std::f64::consts::LOG2_E).round_ties_even();
    let small = (-LN2_LOW).mul_add(twos, (-LN2_HIGH).mul_add(twos, value)) * 0.0625;
    let series = FACTORIALS.into_iter().fold(0.0f64, |sum, term| sum.mul_add(small, 1.0 / term));
    let mut less_one = small * series;
    for _ in 0..3 {
        less_one *= less_one + 2.0;
    }
    (less_one + 2.0).mul_add(less_one, 1.0) * 2f64.powi(twos as i32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_bucket_is_the_next_power_of_two() {
        let table = [
            (0, None),
            (1, None),
            (2, Some(2.0)),
            (3, Some(4.0)),
            (4, Some(4.0)),
            (5, Some(8.0)),
            (1 << 62, Some(2f64.powi(62))),
            ((1 << 62) + 1, Some(2f64.powi(63))),
            (1 << 63, Some(2f64.powi(63))),
            ((1 << 63) + 1, Some(0.0)),
            (u64::MAX, Some(0.0)),
        ];
        for (value, expected) in table {
            assert_eq!(bucket(value), expected, "{value}");
        }
    }

    #[test]
    fn nothing_is_told_between_the_bucket_at_zero_and_the_next() {
        let all = buckets(&[(0.0, 2), (4.0, 4)]);
        assert!(quantile(0.1, &all).is_nan() && quantile(0.5, &all).is_nan());
        assert_eq!((quantile(1.0 / 3.0, &all), quantile(1.0, &all)), (0.0, 4.0));
    }

    fn buckets(all: &[(f64, u64)]) -> Vec<Bucket> {
        all.iter().map(|(edge, count)| Bucket { edge: *edge, count: *count }).collect()
    }

    #[test]
    fn a_quantile_is_an_edge_where_values_run_out_there_and_lies_between_edges_otherwise() {
        let few = buckets(&[(2.0, 1), (4.0, 2), (16.0, 4)]);
        let table = [
            (0.0, 2.0),
            (1.0 / 7.0, 2.0),
            (2.0 / 7.0, 2f64.powf(1.5)),
            (3.0 / 7.0, 4.0),
            // Between 4 and 16, the edges at hand, although 8 is a bucket too.
            (5.0 / 7.0, 8.0),
            (1.0, 16.0),
        ];
        for (share, expected) in table {
            let found = quantile(share, &few);
            assert!((found - expected).abs() < 1e-12, "{share}: {found} is not {expected}");
        }
        assert_eq!(quantile(0.5, &[]), 0.0);
        assert_eq!(quantile(0.25, &buckets(&[(4.0, 4)])), 2f64.powf(1.25));
    }

    #[test]
    fn quantiles_of_durations_are_the_numbers_a_tempo_answers_with() {
        // Edges of 2^k nanoseconds in seconds; the expected bits are those Go computes.
        let edge = |power: i32| 2f64.powi(power) / 1e9;
        let table = [
            (24, 0x3f7f_1ed4_60e1_6e04, 7, 3),
            (24, 0x3f81_2e0b_e826_d695, 2, 1),
            (33, 0x400f_1ed4_60e1_6e06, 7, 3),
            (50, 0x4118_4bc6_eb0a_a982, 4, 1),
        ];
        for (power, bits, count, wanted) in table {
            let before = Bucket { edge: edge(power) / 4.0, count: 1 };
            let all = [before, Bucket { edge: edge(power), count }];
            let found = between(Some(all[0].edge), all[1], wanted);
            assert_eq!(found.to_bits(), bits, "2^{power}");
            let share = (wanted as f64 + 0.5) / (count as f64 + 1.0);
            assert_eq!(quantile(share, &all), found, "2^{power}");
        }
    }

    proptest! {
        #[test]
        fn a_quantile_lies_within_its_buckets_and_grows_with_its_share(
            counts in prop::collection::vec(0..20u64, 1..30),
            one in 0.0..=1.0f64,
            other in 0.0..=1.0f64,
        ) {
            let all: Vec<Bucket> = counts
                .iter()
                .enumerate()
                .filter(|(_, count)| **count > 0)
                .map(|(at, count)| Bucket { edge: 2f64.powi(at as i32 + 1) / 1e9, count: *count })
                .collect();
            prop_assume!(!all.is_empty());
            let (small, great) = (quantile(one.min(other), &all), quantile(one.max(other), &all));
            let slack = 1e-12;
            prop_assert!(small <= great * (1.0 + slack));
            prop_assert!(small >= all[0].edge / 2.0 * (1.0 - slack));
            prop_assert!(great <= all[all.len() - 1].edge * (1.0 + slack));
        }

        #[test]
        fn powers_and_logarithms_undo_each_other(power in -60.0..60.0f64) {
            let value = exp2(power);
            prop_assert!((value / power.exp2() - 1.0).abs() < 1e-14);
            prop_assert!((log2(value) - power).abs() < 1e-13);
        }
    }
}
