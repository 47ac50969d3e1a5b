//! Addresses and keys of wallets: base58 with its check, bech32, and the capitals of Ethereum.

use sha2::{Digest, Sha256};
use sha3::Keccak256;

/// An extended key has 111 characters; nothing with a base58 check is longer.
pub const BASE58_MAX: usize = 112;

/// Whether the last four bytes are the beginning of the hash of the rest. The count of bytes without the check
/// tells an address (21) from a key (33, 34 and more).
pub fn base58check(text: &[u8]) -> Option<usize> {
    let mut room = [0; BASE58_MAX];
    if text.len() > BASE58_MAX {
        return None;
    }
    let length = bs58::decode(text).onto(&mut room).ok()?;
    let decoded = room.get(..length)?;
    let (body, check) = decoded.split_at_checked(length.checked_sub(4)?)?;
    let hash = Sha256::digest(Sha256::digest(body));
    hash.starts_with(check).then_some(body.len())
}

/// Whether a text with its prefix in small letters has the check of bech32 or bech32m.
pub fn is_bech32(prefix: &[u8], data: &[u8]) -> bool {
    const LETTERS: &[u8; 32] = b"qpzry9x8gf2tvdw0s3jn54khce6mua7l";
    let step = |check: u32, value: u32| {
        const GENERATOR: [u32; 5] = [0x3b6a_57b2, 0x2650_8e6d, 0x1ea1_19fa, 0x3d42_33dd, 0x2a14_62b3];
        let top = check >> 25;
        let shifted = ((check & 0x01ff_ffff) << 5) ^ value;
        let bits = GENERATOR.iter().enumerate().filter(|(bit, _)| top >> bit & 1 == 1);
        bits.fold(shifted, |check, (_, part)| check ^ part)
    };
    let high = prefix.iter().fold(1, |check, byte| step(check, u32::from(byte >> 5)));
    let low = prefix.iter().fold(step(high, 0), |check, byte| step(check, u32::from(byte & 31)));
    let whole = data.iter().try_fold(low, |check, byte| {
        let byte = byte.to_ascii_lowercase();
        let value = LETTERS.iter().position(|letter| *letter == byte)?;
        Some(step(check, u32::try_from(value).ok()?))
    });
    matches!(whole, Some(1 | 0x2bc8_30a3))
}

/// Whether forty digits of sixteen are an address of Ethereum: in one case, or with the capitals that its hash
/// asks for.
pub fn is_ethereum(text: &[u8]) -> bool {
    let has = |is: fn(&u8) -> bool| text.iter().any(is);
    if text.len() != 40 || !text.iter().all(u8::is_ascii_hexdigit) {
        return false;
    }
    if !(has(u8::is_ascii_lowercase) && has(u8::is_ascii_uppercase)) {
        return true;
    }
    let mut small = [0; 40];
    small.iter_mut().zip(text).for_each(|(to, from)| *to = from.to_ascii_lowercase());
    let hash = Keccak256::digest(small);
    let nibbles = hash.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    text.iter()
        .zip(nibbles)
        .all(|(letter, nibble)| !letter.is_ascii_alphabetic() || letter.is_ascii_uppercase() == (nibble >= 8))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_addresses_pass_and_their_neighbours_do_not() {
        assert_eq!(base58check(b"1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa"), Some(21));
        assert_eq!(base58check(b"5HueCGU8rMjxEXxiPuD5BDku4MkFqeZyd4dZ1jvhTVqvbTLvyTJ"), Some(33));
        assert_eq!(base58check(b"1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNb"), None);
        assert_eq!(base58check(b"0OIl"), None);
        assert_eq!(base58check(b""), None);
        assert!(is_bech32(b"bc", b"qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"));
        assert!(is_bech32(b"bc", b"p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0"));
        assert!(!is_bech32(b"bc", b"qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t5"));
        assert!(is_ethereum(b"5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"));
        assert!(!is_ethereum(b"5aAeb6053F3E94C9b9A09f33669435E7Ef1Beaed"));
        assert!(is_ethereum(b"de0b295669a9fd93d5f28d9ec85e40f4cb697bae"));
    }
}
