//! One look at all bytes: which anchors there are, and how many digits. Most values end here.

use super::Context;

pub const AT: u8 = 1;
pub const COLON: u8 = 2;
/// What may begin an escape.
const ESCAPE: u8 = 4;
const SPACE: u8 = 8;

/// Shorter than anything that needs neither digits nor `@` nor an escape: the word `password` with its sign and
/// a value, or `Basic ` with a name and a password.
const SHORT: usize = 12;

/// The same without spaces: the shortest token with hardly a digit is a key of AWS.
const SHORT_WORD: usize = 20;

/// Fewer digits say nothing: a verification value has three, an address of IPv6 may have as many.
const DIGITS_MIN: usize = 3;

/// What stands in a value.
#[derive(Debug, Clone, Copy)]
pub struct Survey {
    anchors: u8,
    digits: usize,
}

/// For each byte, its anchor, and above it a one for a digit.
const ANCHORS: [u16; 256] = anchors();

const fn anchors() -> [u16; 256] {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        #[expect(clippy::indexing_slicing, reason = "the loop ends with the table")]
        {
            table[byte] = match byte as u8 {
                b'@' => AT as u16,
                b':' | b'=' => COLON as u16,
                b' ' => SPACE as u16,
                b'%' | b'\\' | b'&' | 0x80.. => ESCAPE as u16,
                b'0'..=b'9' => 1 << 8,
                _ => 0,
            };
        }
        byte += 1;
    }
    table
}

impl Survey {
    pub fn of(bytes: &[u8]) -> Self {
        let (mut all, mut digits) = (0, 0u32);
        for byte in bytes {
            #[expect(clippy::indexing_slicing, reason = "the table has an entry for every byte")]
            let entry = ANCHORS[*byte as usize];
            all |= entry;
            // No text has more bytes than four of them count.
            digits = digits.wrapping_add(u32::from(entry >> 8));
        }
        let [_, anchors] = all.to_be_bytes();
        Self { anchors, digits: digits as usize }
    }

    pub const fn has(self, anchor: u8) -> bool {
        self.anchors & anchor != 0
    }

    pub const fn may_be_escaped(self) -> bool {
        self.has(ESCAPE)
    }

    /// Whether nothing can be found in a value of this length under a key that says this.
    pub const fn is_clean(self, length: usize, key: Context) -> bool {
        let is_bare = !self.has(AT | COLON | ESCAPE) && self.digits < DIGITS_MIN;
        let is_short = length < SHORT || length < SHORT_WORD && !self.has(SPACE);
        is_bare && is_short && !key.meets(Context::SECRET)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_short_values_are_clean_and_anchors_are_seen() {
        for clean in ["", "GET", "20", "checkout", "true"] {
            assert!(Survey::of(clean.as_bytes()).is_clean(clean.len(), Context::NONE), "{clean}");
        }
        for other in ["a@b.cc", "::1", "%40", "é", "123", "a much longer value"] {
            assert!(!Survey::of(other.as_bytes()).is_clean(other.len(), Context::NONE), "{other}");
        }
        assert!(!Survey::of(b"hunter").is_clean(6, Context::SECRET));
    }
}
