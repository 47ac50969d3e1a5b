//! Finds that lie on each other become one: none of their bytes is lost.

use std::ops::Range;

use super::{Detector, Hit, Strength};

/// What a scanner found, in the bytes it looked at.
#[derive(Debug, Clone)]
pub struct Found {
    pub range: Range<usize>,
    pub detector: Detector,
    pub strength: Strength,
}

/// Sorted, and without overlaps. Of two on each other the one that holds the other names both; where neither
/// does, the more severe names all their bytes. The same bytes are named by the surer, then by the more severe.
pub fn resolve(found: &mut [Found], hits: &mut Vec<Hit>) {
    found.sort_unstable_by(|one, other| {
        let longest = other.range.end.cmp(&one.range.end);
        let by_place = one.range.start.cmp(&other.range.start).then(longest);
        by_place.then((other.strength, other.detector).cmp(&(one.strength, one.detector)))
    });
    for next in found.iter() {
        let Some(last) = hits.last_mut().filter(|last| last.range.end > next.range.start) else {
            hits.push(Hit { range: next.range.clone(), detector: next.detector, strength: next.strength });
            continue;
        };
        if next.range.end > last.range.end {
            last.range.end = next.range.end;
            last.detector = last.detector.max(next.detector);
            last.strength = last.strength.max(next.strength);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolved(found: &[(Range<usize>, Detector, Strength)]) -> Vec<(Range<usize>, Detector)> {
        let found = found.iter().cloned();
        let mut found: Vec<Found> =
            found.map(|(range, detector, strength)| Found { range, detector, strength }).collect();
        let mut hits = Vec::new();
        resolve(&mut found, &mut hits);
        hits.into_iter().map(|hit| (hit.range, hit.detector)).collect()
    }

    #[test]
    fn no_byte_is_lost_and_none_is_named_twice() {
        use Detector::{Email, Geo, Imei, Pan, Phone, Secret};
        use Strength::{Strong, Weak};
        assert_eq!(resolved(&[(5..9, Geo, Weak), (0..4, Email, Strong)]), [(0..4, Email), (5..9, Geo)]);
        assert_eq!(resolved(&[(0..9, Secret, Strong), (2..5, Email, Strong)]), [(0..9, Secret)]);
        assert_eq!(resolved(&[(0..6, Phone, Weak), (4..9, Pan, Strong)]), [(0..9, Pan)]);
        assert_eq!(resolved(&[(0..6, Imei, Weak), (0..6, Pan, Strong)]), [(0..6, Pan)]);
        assert_eq!(resolved(&[(0..4, Geo, Weak), (4..8, Geo, Weak)]), [(0..4, Geo), (4..8, Geo)]);
        assert_eq!(resolved(&[]), []);
    }
}
