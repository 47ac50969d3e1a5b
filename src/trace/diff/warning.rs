//! What to know before a difference is believed. Codes and words are Tempo's.

use super::span::{Identity, Span};
use crate::wire::quote::quoted_bytes;

/// How many spans without a duration are named.
const EXAMPLES: usize = 3;

/// From so many characters on, a number or a hexadecimal text is taken for an id.
const DIGITS: usize = 6;
const HEX_DIGITS: usize = 8;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Code {
    HighCardinalitySpanName,
    InvalidDuration,
    DuplicateSpanId,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Warning {
    pub code: Code,
    pub message: String,
}

impl Code {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::HighCardinalitySpanName => "high_cardinality_span_name",
            Self::InvalidDuration => "invalid_duration",
            Self::DuplicateSpanId => "duplicate_span_id",
        }
    }
}

/// Those of both sides, each once. A name that looks like an id is warned of once, whosever it is.
pub(super) fn merged(base: &[Warning], compare: &[Warning]) -> Vec<Warning> {
    let mut merged = base.to_vec();
    for warning in compare {
        let is_known = merged.iter().any(|known| {
            known.code == warning.code && warning.code == Code::HighCardinalitySpanName || known == warning
        });
        if !is_known {
            merged.push(warning.clone());
        }
    }
    merged
}

/// The first name that looks as if it held an id.
pub(super) fn name_with_id(spans: &[Span<'_>]) -> Option<Warning> {
    let Identity { service, name, kind } =
        spans.iter().map(|span| span.identity).find(|identity| has_id(identity.name))?;
    let message = format!(
        "span name {} for service {} kind {} appears to contain a high-cardinality token; matching uses raw \
         span names, so equivalent operations with request-specific IDs may be reported as added/removed. \
         Move request-specific IDs to span attributes.",
        quoted_bytes(name),
        quoted_bytes(service),
        quoted_bytes(kind.as_bytes()),
    );
    Some(Warning { code: Code::HighCardinalitySpanName, message })
}

/// Spans of this side that have no duration.
pub(super) fn without_duration(spans: &[Span<'_>], side: &str) -> Option<Warning> {
    let without = spans.iter().filter(|span| span.duration_ns().is_none());
    let mut without: Vec<Identity<'_>> = without.map(|span| span.identity).collect();
    if without.is_empty() {
        return None;
    }
    without.sort_unstable();
    let mut examples: Vec<String> = without.iter().take(EXAMPLES).map(shown).collect();
    if without.len() > EXAMPLES {
        examples.push(format!("and {} more", without.len() - EXAMPLES));
    }
    let message = format!(
        "{side} trace has {} span(s) with unset or invalid duration; matched duration changes use null on \
         the invalid side; examples: [{}]",
        without.len(),
        examples.join("; "),
    );
    Some(Warning { code: Code::InvalidDuration, message })
}

/// Spans of this side that another with their id stands for.
pub(super) fn duplicates(count: usize, side: &str) -> Option<Warning> {
    let message = format!(
        "{side} trace has {count} span(s) with duplicate span IDs; duplicates are ignored by the diff and \
         counts may disagree"
    );
    (count > 0).then_some(Warning { code: Code::DuplicateSpanId, message })
}

fn shown(identity: &Identity<'_>) -> String {
    let Identity { service, name, kind } = identity;
    let kind = quoted_bytes(kind.as_bytes());
    format!("{} service {} kind {kind}", quoted_bytes(name), quoted_bytes(service))
}

/// Whether some whole word of the name is a long number, or a long run of hexadecimal digits and hyphens that
/// begins with a digit. As the expression `(?i)\b(?:[0-9]{6,}|[0-9a-f][0-9a-f-]{7,})\b` finds it.
fn has_id(name: &[u8]) -> bool {
    let is_word = |byte: Option<&u8>| byte.is_some_and(|b| b.is_ascii_alphanumeric() || *b == b'_');
    let at = |place: usize| name.get(place);
    let is_border = |place: usize| {
        let before = place.checked_sub(1).and_then(at);
        is_word(before) != is_word(at(place))
    };
    let mut start = 0;
    while let Some(first) = at(start) {
        if !first.is_ascii_hexdigit() || !is_border(start) {
            start += 1;
            continue;
        }
        let rest = name.get(start..).unwrap_or_default();
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        if digits >= DIGITS && is_border(start + digits) {
            return true;
        }
        let run = rest.iter().take_while(|byte| byte.is_ascii_hexdigit() || **byte == b'-').count();
        if (HEX_DIGITS..=run).any(|length| is_border(start + length)) {
            return true;
        }
        start += 1;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn ids_in_names_are_found_as_by_the_expression(name in "([0-9a-fA-F-]{0,9}|[gG_/. é-]{0,2}|[0-9]{5,7}){0,5}") {
            let expression = regex::bytes::Regex::new(
                r"(?i-u)\b(?:[0-9]{6,}|[0-9a-f][0-9a-f-]{7,})\b",
            ).unwrap();
            prop_assert_eq!(has_id(name.as_bytes()), expression.is_match(name.as_bytes()), "{}", name);
        }
    }
}
