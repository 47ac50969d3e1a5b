//! Trace ids, in every form a client may type them.

use std::fmt;

/// A trace id of 16 bytes. Shorter ids are left-padded with zeros, as Tempo does.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TraceId([u8; 16]);

/// Why a text is no trace id. The texts are Tempo's own, so that a client sees what it knows.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TraceIdError {
    #[error(
        "trace IDs can only contain hex characters: invalid character '{character}' at position {position}"
    )]
    NotHex {
        character: char,
        /// 1-based byte offset.
        position: usize,
    },
    #[error("trace IDs can't be larger than 128 bits")]
    TooLong,
    #[error("trace IDs can't be empty")]
    Empty,
}

impl TraceId {
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// Takes 1 to 32 hex digits in any case; an odd count gets a leading zero.
    pub fn parse(text: &str) -> Result<Self, TraceIdError> {
        if text.is_empty() {
            return Err(TraceIdError::Empty);
        }
        let mut value: u128 = 0;
        for (offset, character) in text.char_indices() {
            let Some(digit) = character.to_digit(16) else {
                return Err(TraceIdError::NotHex { character, position: offset + 1 });
            };
            value = (value << 4) | u128::from(digit);
        }
        if text.len() > 32 {
            return Err(TraceIdError::TooLong);
        }
        Ok(Self(value.to_be_bytes()))
    }

    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// Whether these wire bytes, of any length, name this trace: leading zeros do not count.
    pub fn matches(&self, wire: &[u8]) -> bool {
        fn significant(bytes: &[u8]) -> &[u8] {
            let zeros = bytes.iter().take_while(|b| **b == 0).count();
            bytes.get(zeros..).unwrap_or_default()
        }
        significant(wire) == significant(&self.0)
    }
}

/// 32 lower-case hex digits.
impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", u128::from_be_bytes(self.0))
    }
}

impl fmt::Debug for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TraceId({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_an_id_names_the_same_trace() {
        let full = TraceId::parse("00000000000000000123456789abcdef").unwrap();
        assert_eq!(TraceId::parse("123456789ABCDEF").unwrap(), full);
        assert_eq!(TraceId::parse("0123456789abcdef").unwrap(), full);
        assert_eq!(full.to_string(), "00000000000000000123456789abcdef");
    }

    #[test]
    fn a_bad_id_is_answered_with_tempos_own_text() {
        let text = |id: &str| TraceId::parse(id).unwrap_err().to_string();
        assert_eq!(
            text("xyz"),
            "trace IDs can only contain hex characters: invalid character 'x' at position 1"
        );
        assert_eq!(
            text("12-4"),
            "trace IDs can only contain hex characters: invalid character '-' at position 3"
        );
        assert_eq!(text(&"0".repeat(33)), "trace IDs can't be larger than 128 bits");
    }

    #[test]
    fn ids_on_the_wire_match_whatever_their_padding() {
        let id = TraceId::parse("abc").unwrap();
        assert!(id.matches(&[0x0a, 0xbc]));
        assert!(id.matches(id.as_bytes()));
        assert!(!id.matches(&[0x0a, 0xbd]));
    }
}
