//! Tokens: `pn:<class>:<epoch>:<26 letters>` is one way, an HMAC-SHA-256 of the value in its normal form;
//! `pr:<class>:<epoch>:<letters>` can be turned back by the holder of the root, an AES-256-SIV of it. Both are the
//! same for the same value within their scope, and without the root neither can be made nor checked.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use aes_siv::KeyInit;
use aes_siv::siv::Aes256Siv;
use hmac::{Hmac, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

use super::{KeyRing, RootKey};
use crate::policy::TokenScope;
use crate::redaction::seal::Raw;

const ONE_WAY: &str = "pn";
const REVERSIBLE: &str = "pr";

/// Letters of a one-way token: 130 bits.
const LETTERS: usize = 26;
/// RFC 4648, in lower case: letters that survive being said aloud.
const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

/// A value is filled up to a multiple of this, so that a reversible token says little of its length.
const PADDING: usize = 16;
/// Values longer than this get one-way tokens: a token is read by people.
const REVERSIBLE_BYTES_MAX: usize = 256;

/// A token as it is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Token<'t> {
    pub class: &'t str,
    pub epoch: u32,
    pub is_reversible: bool,
    pub(super) body: &'t str,
}

/// Keys of one scope, derived as classes come up.
pub struct TokenKeys {
    root: Arc<RootKey>,
    scope: TokenScope,
    one_way: HashMap<String, Hmac<Sha256>>,
    reversible: HashMap<String, Aes256Siv>,
}

impl<'t> Token<'t> {
    /// A text that has the shape of a token, whoever made it.
    pub fn parse(text: &'t str) -> Option<Self> {
        let mut parts = text.splitn(4, ':');
        let (kind, class, epoch, body) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let is_reversible = match kind {
            ONE_WAY => false,
            REVERSIBLE => true,
            _ => return None,
        };
        let is_body = !body.is_empty() && body.bytes().all(|letter| ALPHABET.contains(&letter));
        let is_length = is_reversible || body.len() == LETTERS;
        let epoch = epoch.parse().ok().filter(|number: &u32| number.to_string() == epoch)?;
        (is_body && is_length && !class.is_empty()).then_some(Self { class, epoch, is_reversible, body })
    }
}

impl TokenKeys {
    pub(super) fn new(root: Arc<RootKey>, scope: TokenScope) -> Self {
        Self { root, scope, one_way: HashMap::new(), reversible: HashMap::new() }
    }

    /// Writes the one-way token of a value in its normal form.
    pub fn put_one_way(&mut self, class: &str, normal: &str, out: &mut String) {
        if !self.one_way.contains_key(class) {
            let mut key = Zeroizing::new([0; 32]);
            self.root.derive("hmac", &self.scope, class, &mut *key);
            // Any length is a key of HMAC.
            let Ok(mac) = <Hmac<Sha256> as hmac::KeyInit>::new_from_slice(&*key) else { return };
            self.one_way.insert(class.to_owned(), mac);
        }
        let Some(mut mac) = self.one_way.get(class).cloned() else { return };
        mac.update(normal.as_bytes());
        let tag = mac.finalize().into_bytes();
        self.put_head(ONE_WAY, class, out);
        put_base32(&tag, LETTERS, out);
    }

    /// Writes a token of the same value that the root can turn back; a one-way one for a long value.
    pub fn put_reversible(&mut self, class: &str, normal: &str, out: &mut String) {
        if normal.len() > REVERSIBLE_BYTES_MAX {
            return self.put_one_way(class, normal, out);
        }
        let sealed = self.siv(class).and_then(|siv| siv.encrypt([class], &padded(normal)).ok());
        let Some(sealed) = sealed else { return self.put_one_way(class, normal, out) };
        self.put_head(REVERSIBLE, class, out);
        put_base32(&sealed, (sealed.len() * 8).div_ceil(5), out);
    }

    /// Turns a reversible token back into the value in its normal form. None where it was not made with this root
    /// in this scope.
    pub fn open(&mut self, token: Token<'_>) -> Option<Raw<String>> {
        if !token.is_reversible || token.epoch != self.scope.epoch {
            return None;
        }
        let sealed = of_base32(token.body)?;
        let class = token.class;
        let mut padded = Zeroizing::new(self.siv(class)?.decrypt([class], &sealed).ok()?);
        let end = padded.iter().rposition(|byte| *byte != 0)?;
        padded.truncate(end);
        Some(Raw::seal(String::from_utf8(padded.to_vec()).ok()?))
    }

    fn siv(&mut self, class: &str) -> Option<&mut Aes256Siv> {
        if !self.reversible.contains_key(class) {
            let mut key = Zeroizing::new([0; 64]);
            self.root.derive("siv", &self.scope, class, &mut *key);
            let siv = Aes256Siv::new_from_slice(&*key).ok()?;
            self.reversible.insert(class.to_owned(), siv);
        }
        self.reversible.get_mut(class)
    }

    fn put_head(&self, kind: &str, class: &str, out: &mut String) {
        out.push_str(kind);
        out.push(':');
        out.push_str(class);
        out.push(':');
        out.push_str(&self.scope.epoch.to_string());
        out.push(':');
    }
}

impl fmt::Debug for TokenKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenKeys").field("scope", &self.scope).finish_non_exhaustive()
    }
}

impl KeyRing {
    /// Turns a reversible token back where the values are stored. Only what was shown before can be asked for in
    /// this way: no one makes such a token without the root.
    pub fn open(&self, token: Token<'_>, scope: &TokenScope) -> Option<Raw<String>> {
        let scope = TokenScope { epoch: token.epoch, ..scope.clone() };
        self.keys(&scope)?.open(token)
    }
}

/// The value, a one, and zeros up to the next multiple.
fn padded(value: &str) -> Zeroizing<Vec<u8>> {
    let mut padded = Zeroizing::new(Vec::with_capacity((value.len() / PADDING + 1) * PADDING));
    padded.extend_from_slice(value.as_bytes());
    padded.push(1);
    let whole = padded.len().next_multiple_of(PADDING);
    padded.resize(whole, 0);
    padded
}

/// Writes the first so many letters of the bytes, five bits each.
fn put_base32(bytes: &[u8], letters: usize, out: &mut String) {
    let (mut bits, mut held) = (0u32, 0u32);
    let mut left = letters;
    let mut put = |value: u32| {
        if left > 0 {
            left -= 1;
            out.extend(ALPHABET.get((value & 31) as usize).map(|letter| char::from(*letter)));
        }
    };
    for byte in bytes {
        held = (held << 8) | u32::from(*byte);
        bits += 8;
        while bits >= 5 {
            bits -= 5;
            put(held >> bits);
        }
        held &= (1 << bits) - 1;
    }
    if bits > 0 {
        put(held << (5 - bits));
    }
}

/// Whole bytes of such letters; none where other bits are left than zeros.
fn of_base32(letters: &str) -> Option<Vec<u8>> {
    let (mut bits, mut held) = (0u32, 0u32);
    let mut out = Vec::with_capacity(letters.len() * 5 / 8);
    for letter in letters.bytes() {
        let value = ALPHABET.iter().position(|known| *known == letter)?;
        held = (held << 5) | u32::try_from(value).ok()?;
        bits += 5;
        if bits >= 8 {
            bits -= 8;
            out.push(u8::try_from(held >> bits).ok()?);
            held &= (1 << bits) - 1;
        }
    }
    (held == 0).then_some(out)
}
