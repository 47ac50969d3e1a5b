//! Which trace a request belongs to, as the W3C writes it down: `traceparent` and `tracestate`.
//!
//! <https://www.w3.org/TR/trace-context/>. What cannot be read is none, and the trace begins here.

use std::fmt;
use std::sync::Arc;

/// The state of vendors that is handed on: as much as the standard asks for.
const STATE_BYTES_MAX: usize = 512;

/// Bytes of a `traceparent` of the one version there is.
const PARENT_BYTES: usize = 55;

/// A place in a trace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Context {
    pub trace: [u8; 16],
    pub span: [u8; 8],
    /// Whoever came before keeps its spans.
    pub is_sampled: bool,
    /// What vendors have to say of it, handed on as it came.
    pub state: Option<Arc<str>>,
}

impl Context {
    /// As a client sent it.
    pub fn read(parent: &str, state: Option<&str>) -> Option<Self> {
        let bytes = parent.as_bytes();
        // A later version may say more, after another dash.
        let (begin, rest) = bytes.split_at_checked(PARENT_BYTES)?;
        let is_first = begin.starts_with(b"00");
        let goes_on = rest.first().is_none_or(|byte| *byte == b'-' && !is_first);
        let mut parts = begin.split(|byte| *byte == b'-');
        let (version, trace) = (hex::<1>(parts.next()?)?, hex::<16>(parts.next()?)?);
        let (span, flags) = (hex::<8>(parts.next()?)?, hex::<1>(parts.next()?)?);
        let is_good = goes_on && version != [0xff] && trace != [0; 16] && span != [0; 8];
        let is_sampled = flags.first().is_some_and(|flags| flags & 1 == 1);
        let is_written = |state: &&str| {
            let fits = (1..=STATE_BYTES_MAX).contains(&state.len());
            fits && state.bytes().all(|byte| (b' '..=b'~').contains(&byte))
        };
        let state = state.filter(is_written).map(Arc::from);
        is_good.then_some(Self { trace, span, is_sampled, state })
    }

    /// A trace that begins here.
    pub fn fresh(is_sampled: bool) -> Self {
        Self { trace: random(), span: random(), is_sampled, state: None }
    }

    /// The next place in the same trace.
    #[must_use]
    pub fn next(&self) -> Self {
        Self { span: random(), ..self.clone() }
    }

    /// The trace's id in hex.
    pub fn trace_id(&self) -> String {
        written(&self.trace)
    }
}

/// `traceparent`.
impl fmt::Display for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let flags = u8::from(self.is_sampled);
        write!(f, "00-{}-{}-{flags:02x}", written(&self.trace), written(&self.span))
    }
}

fn random<const N: usize>() -> [u8; N] {
    // All zeros stand for none, and come up once in 2^64.
    let mut bytes = [0; N];
    while bytes == [0; N] {
        rand::fill(&mut bytes[..]);
    }
    bytes
}

fn written(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        for half in [byte >> 4, byte & 15] {
            text.push(char::from_digit(u32::from(half), 16).unwrap_or('0'));
        }
        text
    })
}

/// Lower case, as the standard has it.
fn hex<const N: usize>(text: &[u8]) -> Option<[u8; N]> {
    let digit = |byte: &u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let (pairs, rest) = text.as_chunks::<2>();
    let mut out = [0; N];
    if pairs.len() != N || !rest.is_empty() {
        return None;
    }
    for (byte, [high, low]) in out.iter_mut().zip(pairs) {
        *byte = digit(high)? << 4 | digit(low)?;
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn a_context_is_read_and_written_as_the_standard_has_it() {
        let context = Context::read(PARENT, Some("vendor=1")).unwrap();
        assert_eq!(context.to_string(), PARENT);
        assert_eq!(context.trace_id(), "0af7651916cd43dd8448eb211c80319c");
        assert_eq!((context.is_sampled, context.state.as_deref()), (true, Some("vendor=1")));
        let next = context.next();
        assert!(next.trace == context.trace && next.span != context.span && next.state == context.state);
        let later = format!("01{}-more", PARENT.split_at(2).1);
        assert_eq!(Context::read(&later, None).unwrap().to_string(), PARENT);
        assert!(!Context::read(&format!("{}00", PARENT.split_at(53).0), None).unwrap().is_sampled);
    }

    #[test]
    fn what_is_no_context_is_none() {
        let zeros = |range: std::ops::Range<usize>| {
            let mut text = PARENT.to_owned();
            text.replace_range(range.clone(), &"0".repeat(range.len()));
            text
        };
        let faulty = [
            String::new(),
            PARENT.split_at(54).0.to_owned(),
            format!("{PARENT}-more"),
            format!("{PARENT}0"),
            PARENT.to_uppercase(),
            format!("ff{}", PARENT.split_at(2).1),
            zeros(3..35),
            zeros(36..52),
            PARENT.replace('-', "_"),
            "ä".repeat(40),
        ];
        for text in faulty {
            assert_eq!(Context::read(&text, None), None, "{text}");
        }
        for state in ["", "a\u{1}b", "ü=1", &"x".repeat(513)] {
            assert_eq!(Context::read(PARENT, Some(state)).unwrap().state, None, "{state}");
        }
    }

    #[test]
    fn what_begins_here_is_never_all_zeros_and_never_twice_the_same() {
        let (one, other) = (Context::fresh(true), Context::fresh(true));
        assert!(one.trace != other.trace && one.span != other.span && one.trace != [0; 16]);
    }
}
