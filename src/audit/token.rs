//! What stands in a record in place of a value that somebody wrote: a keyed token, the same for the same value as long
//! as the key is. Who holds the key can find a value they know; nobody can read one that they do not.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

use super::tree::Hash;

/// Letters of a token: 80 bits, so that no two of a log are the same by chance.
const LETTERS: usize = 16;

/// RFC 4648, in lower case.
const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

/// Bytes of a key.
pub const KEY_BYTES: usize = 32;

/// How every token begins.
pub const PREFIX: &str = "t:";

/// Makes tokens by one key.
#[derive(Clone)]
pub struct Tokens {
    mac: Hmac<Sha256>,
    name: String,
}

impl Tokens {
    pub fn new(key: &Zeroizing<[u8; KEY_BYTES]>) -> Self {
        #[expect(clippy::unwrap_used, reason = "HMAC takes keys of any length")]
        let mac = <Hmac<Sha256> as KeyInit>::new_from_slice(&**key).unwrap();
        let name = Hash::of(&[b"tutti audit tokens ".as_slice(), &**key].concat());
        Self { mac, name: name.0.iter().take(4).map(|byte| format!("{byte:02x}")).collect() }
    }

    /// Which key it was, for who has several.
    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn token(&self, value: &str) -> String {
        let mut mac = self.mac.clone();
        mac.update(value.as_bytes());
        let digest = mac.finalize().into_bytes();
        let (mut out, mut held, mut bits) = (PREFIX.to_owned(), 0u32, 0u32);
        for byte in digest.iter() {
            held = (held << 8) | u32::from(*byte);
            bits += 8;
            while bits >= 5 && out.len() < PREFIX.len() + LETTERS {
                bits -= 5;
                let letter = ALPHABET.get(((held >> bits) & 31) as usize).copied().unwrap_or(b'a');
                out.push(char::from(letter));
            }
        }
        out
    }
}

/// Nothing of the key is shown.
impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tokens").field("name", &self.name).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_has_one_token_for_each_key() {
        let [one, other] = [1, 2].map(|byte| Tokens::new(&Zeroizing::new([byte; KEY_BYTES])));
        assert_eq!(one.token("alice"), one.token("alice"));
        assert_ne!(one.token("alice"), one.token("alicf"));
        assert_ne!(one.token("alice"), other.token("alice"));
        assert_ne!(one.name(), other.name());
        assert_eq!(one.token("").len(), PREFIX.len() + LETTERS);
        assert!(!format!("{one:?}").contains('1') || one.name().contains('1'));
    }
}
