//! Findings that share bytes become one: it covers what either did, and is of the class that is treated more
//! strictly. So nothing shows through between two that begin and end at odds.

use super::Finding;
use crate::classify::look::Look;

/// Orders findings and joins those that overlap. Of two classes that are treated as strictly, that of the one that
/// was found first holds.
pub(super) fn resolve(findings: &mut Vec<Finding>, look: &Look) {
    if findings.len() < 2 {
        return;
    }
    findings.sort_by_key(|finding| (finding.range.start, std::cmp::Reverse(finding.range.end)));
    findings.dedup_by(|later, kept| {
        if later.range.start >= kept.range.end {
            return false;
        }
        kept.range.end = kept.range.end.max(later.range.end);
        if look.strictness(later.class) > look.strictness(kept.class) {
            kept.class = later.class;
        }
        true
    });
}
