//! What may be seen, sealed to lie where others could read it: a memory outside of the process.
//!
//! A vault takes only what passed the valve, and gives back nothing but what a vault of the same key has sealed for the
//! same purpose, so that this is no second way to `Redacted`. Whoever holds the sealed bytes learns their length and
//! nothing else, and can neither change them nor put those of one purpose in the place of another.
//!
//! Each is sealed by AES-256-GCM under a key of its own, `HKDF-SHA-256(root, salt, ..)` with a fresh salt of 32 bytes:
//! no two share a nonce, however many gateways seal under one root for however long.

use std::fmt;

use bytes::Bytes;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use zeroize::Zeroizing;

use super::ring::{HeldKeys, RootKey};
use super::seal::Redacted;
use crate::model::TraceId;
use crate::trace::Assembled;
use crate::trace::emit::to_protobuf;

const SALT_BYTES: usize = 32;
const KEY_BYTES: usize = 32;

/// How what is sealed is laid out; another form opens nowhere else.
const FORM: u8 = 1;

/// Characters of the key's digest.
const PRINT_CHARS: usize = 16;

/// Seals and opens by one key.
pub struct Vault {
    root: RootKey,
    names: Zeroizing<[u8; KEY_BYTES]>,
    print: String,
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vault").field("key", &self.print).finish_non_exhaustive()
    }
}

impl Vault {
    pub fn new(root: RootKey) -> Self {
        let mut names = Zeroizing::new([0; KEY_BYTES]);
        root.expand(None, b"tutti/kept/names/v1", &mut *names);
        let print = blake3::keyed_hash(&names, b"print").to_hex().chars().take(PRINT_CHARS).collect();
        Self { root, names, print }
    }

    /// Stands for the key where its name may be read, and tells nothing of it.
    pub fn print(&self) -> &str {
        &self.print
    }

    /// A name under which something lies that tells nothing to whoever does not have the key.
    pub fn name(&self, of: &[u8]) -> String {
        blake3::keyed_hash(&self.names, of).to_hex().to_string()
    }

    /// Stands for roots of tokens: gateways whose tokens differ must not share what they show.
    pub fn print_of(&self, roots: &HeldKeys) -> String {
        let mut hasher = blake3::Hasher::new_keyed(&self.names);
        for (region, root) in roots.roots() {
            let mut derived = Zeroizing::new([0; KEY_BYTES]);
            root.expand(None, b"tutti/kept/print/v1", &mut *derived);
            let region = region.map_or("", |region| region.as_str());
            hasher.update(&(region.len() as u64).to_be_bytes()).update(region.as_bytes()).update(&*derived);
        }
        hasher.finalize().to_hex().to_string()
    }

    /// A view with what is said beside it. It opens again for the same context alone.
    pub fn seal(&self, context: &[u8], beside: &[u8], view: &Redacted<Assembled>) -> Option<Vec<u8>> {
        let salt: [u8; SALT_BYTES] = rand::random();
        let mut body = Vec::with_capacity(8 + beside.len() + view.protobuf_len());
        body.extend_from_slice(&u64::try_from(beside.len()).ok()?.to_be_bytes());
        body.extend_from_slice(beside);
        body.extend_from_slice(&to_protobuf(view));
        let tag = self
            .key(&salt)?
            .seal_in_place_separate_tag(nonce(), Aad::from(bound(context)), &mut body)
            .ok()?;
        let mut sealed = Vec::with_capacity(1 + SALT_BYTES + body.len() + tag.as_ref().len());
        sealed.push(FORM);
        sealed.extend_from_slice(&salt);
        sealed.extend_from_slice(&body);
        sealed.extend_from_slice(tag.as_ref());
        Some(sealed)
    }

    /// None of anything that no vault of this key has sealed for this context, or not as a trace of this id.
    pub fn open(
        &self,
        context: &[u8],
        sealed: &[u8],
        id: &TraceId,
    ) -> Option<(Vec<u8>, Redacted<Assembled>)> {
        let (form, rest) = sealed.split_first()?;
        let (salt, body) = rest.split_at_checked(SALT_BYTES)?;
        if *form != FORM {
            return None;
        }
        let mut body = body.to_vec();
        let length = self
            .key(salt)?
            .open_in_place(nonce(), Aad::from(bound(context)), &mut body)
            .ok()
            .map(|opened| opened.len())?;
        body.truncate(length);
        let (count, rest) = body.split_first_chunk::<8>()?;
        let count = usize::try_from(u64::from_be_bytes(*count)).ok()?;
        let beside = rest.get(..count)?.to_vec();
        let written = Bytes::from(body).slice(8 + count..);
        Some((beside, Redacted::pass(Assembled::read_back(written, id)?)))
    }

    fn key(&self, salt: &[u8]) -> Option<LessSafeKey> {
        let mut key = Zeroizing::new([0; KEY_BYTES]);
        self.root.expand(Some(salt), b"tutti/kept/seal/v1", &mut *key);
        UnboundKey::new(&AES_256_GCM, &*key).ok().map(LessSafeKey::new)
    }
}

/// Each key seals once.
fn nonce() -> Nonce {
    Nonce::assume_unique_for_key([0; NONCE_LEN])
}

fn bound(context: &[u8]) -> Vec<u8> {
    [&[FORM], context].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vault(byte: u8) -> Vault {
        let root: Vec<u8> = (0..32).map(|nth| byte ^ nth).collect();
        Vault::new(RootKey::of_bytes(&root).unwrap())
    }

    const ID: TraceId = TraceId::from_bytes([7; 16]);

    #[test]
    fn what_was_sealed_opens_by_the_same_key_for_the_same_purpose_alone() {
        let view = Redacted::<Assembled>::nothing();
        let sealed = vault(1).seal(b"here", b"said", &view).unwrap();
        let (beside, opened) = vault(1).open(b"here", &sealed, &ID).unwrap();
        assert_eq!((beside.as_slice(), opened.span_count()), (b"said".as_slice(), 0));
        assert!(vault(2).open(b"here", &sealed, &ID).is_none());
        assert!(vault(1).open(b"there", &sealed, &ID).is_none());
    }

    #[test]
    fn no_byte_of_it_can_be_changed_cut_or_added() {
        let sealed = vault(1).seal(b"here", b"said", &Redacted::nothing()).unwrap();
        for place in 0..sealed.len() {
            let mut forged = sealed.clone();
            forged[place] ^= 1;
            assert!(vault(1).open(b"here", &forged, &ID).is_none(), "{place}");
            assert!(vault(1).open(b"here", &sealed[..place], &ID).is_none(), "{place}");
        }
        assert!(vault(1).open(b"here", &[sealed, vec![0]].concat(), &ID).is_none());
    }

    #[test]
    fn the_same_is_never_sealed_twice_alike_and_names_need_the_key() {
        let seal = || vault(1).seal(b"here", b"said", &Redacted::nothing()).unwrap();
        assert_ne!(seal(), seal());
        assert_eq!(vault(1).name(b"x"), vault(1).name(b"x"));
        assert_ne!(vault(1).name(b"x"), vault(2).name(b"x"));
        assert_ne!(vault(1).print(), vault(2).print());
    }

    #[test]
    fn roots_of_tokens_that_differ_have_different_prints() {
        let held = |byte: u8| {
            let root: Vec<u8> = (0..32).map(|nth| byte ^ nth).collect();
            HeldKeys::new([].into(), Some(RootKey::of_bytes(&root).unwrap()))
        };
        assert_eq!(vault(1).print_of(&held(3)), vault(1).print_of(&held(3)));
        assert_ne!(vault(1).print_of(&held(3)), vault(1).print_of(&held(4)));
        assert_ne!(vault(1).print_of(&held(3)), vault(1).print_of(&HeldKeys::default()));
        assert_ne!(vault(1).print_of(&held(3)), vault(2).print_of(&held(3)));
    }
}
