//! The keys of an issuer as it publishes them (RFC 7517), read into what checks a signature. A key is good for the
//! algorithms of its kind and for no other, so that a public key is never taken for a shared secret.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;

use crate::proof::VerifyingKey;

/// Keys of one issuer; the largest publish some twenty.
const KEYS_MAX: usize = 100;

/// Bytes of what an issuer publishes. A hundred RSA keys with their certificates fit.
pub const KEYS_BYTES_MAX: usize = 512 << 10;

/// The modulus of the smallest RSA key that is still taken, and of the largest that is checked.
const RSA_BYTES: std::ops::RangeInclusive<usize> = 256..=1024;

/// An algorithm that signatures are taken of. `none` and those with shared secrets are not among them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SignedBy {
    Rs256,
    Ps256,
    Es256,
    EdDsa,
}

impl SignedBy {
    /// What is taken of an issuer where nothing else is said.
    pub const DEFAULT: [Self; 3] = [Self::Rs256, Self::Es256, Self::EdDsa];

    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "RS256" => Self::Rs256,
            "PS256" => Self::Ps256,
            "ES256" => Self::Es256,
            // The newer name says which curve; there is one here (RFC 9864).
            "EdDSA" | "Ed25519" => Self::EdDsa,
            _ => return None,
        })
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Ps256 => "PS256",
            Self::Es256 => "ES256",
            Self::EdDsa => "EdDSA",
        }
    }

    fn algorithm(self) -> Algorithm {
        match self {
            Self::Rs256 => Algorithm::RS256,
            Self::Ps256 => Algorithm::PS256,
            Self::Es256 => Algorithm::ES256,
            Self::EdDsa => Algorithm::EdDSA,
        }
    }
}

/// One key.
#[derive(Debug)]
pub struct Key {
    pub(super) kid: Option<String>,
    /// What may be checked by it.
    good_for: Vec<SignedBy>,
    decoding: DecodingKey,
    print: blake3::Hash,
}

impl Key {
    pub(super) fn is_good_for(&self, by: SignedBy) -> bool {
        self.good_for.contains(&by)
    }

    pub(super) fn has_signed(&self, message: &[u8], signature: &str, by: SignedBy) -> bool {
        self.is_good_for(by)
            && jsonwebtoken::crypto::verify(signature, message, &self.decoding, by.algorithm())
                .is_ok_and(|is_signed| is_signed)
    }

    /// The same key under the same name, for the same. One that is published for another algorithm than before is
    /// another key: what it was good for it is no longer.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.kid == other.kid && self.print == other.print && self.good_for == other.good_for
    }
}

/// Why what is published holds no keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeySetError {
    #[error("it is no JSON Web Key Set: it begins as in {{\"keys\": [{{\"kty\": \"EC\", ..")]
    NoSet,
    #[error("it holds no key that checks a signature of RS256, PS256, ES256 or EdDSA")]
    NoKeys,
    #[error("it holds more than {KEYS_MAX} keys")]
    TooMany,
}

/// Keys as published at one time. Equal are those that came of equal keys.
#[derive(Debug, Clone)]
pub struct KeySet {
    pub(super) keys: Vec<Arc<Key>>,
}

impl PartialEq for KeySet {
    fn eq(&self, other: &Self) -> bool {
        self.keys.len() == other.keys.len() && self.keys.iter().zip(&other.keys).all(|(a, b)| a.is_same(b))
    }
}

impl Eq for KeySet {}

#[derive(Deserialize)]
struct Published {
    // Where tokens are signed elsewhere, Grafana publishes `null`.
    keys: Option<Vec<PublishedKey>>,
}

#[derive(Deserialize)]
struct PublishedKey {
    kty: Option<String>,
    #[serde(rename = "use")]
    used: Option<String>,
    key_ops: Option<Vec<String>>,
    alg: Option<String>,
    kid: Option<String>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

impl KeySet {
    /// Keys of other kinds and for other purposes may stand among them, and are left out.
    pub fn parse(bytes: &[u8]) -> Result<Self, KeySetError> {
        let published: Published = serde_json::from_slice(bytes).map_err(|_| KeySetError::NoSet)?;
        let published = published.keys.unwrap_or_default();
        if published.len() > KEYS_MAX {
            return Err(KeySetError::TooMany);
        }
        let keys: Vec<_> = published.into_iter().filter_map(key).map(Arc::new).collect();
        if keys.is_empty() { Err(KeySetError::NoKeys) } else { Ok(Self { keys }) }
    }

    pub fn len(&self) -> usize {
        self.keys.len()
    }

    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }
}

/// A key of this program as an issuer would publish it.
pub fn publish(key: &VerifyingKey) -> String {
    let x = URL_SAFE_NO_PAD.encode(key.raw());
    let key = serde_json::json!({
        "kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": key.name(), "x": x
    });
    format!("{}\n", serde_json::json!({"keys": [key]}))
}

fn key(published: PublishedKey) -> Option<Key> {
    let is_to_sign = published.used.as_deref().is_none_or(|used| used == "sig");
    let is_to_verify =
        published.key_ops.as_ref().is_none_or(|operations| operations.iter().any(|one| one == "verify"));
    if !is_to_sign || !is_to_verify {
        return None;
    }
    let bytes = |text: &Option<String>| URL_SAFE_NO_PAD.decode(text.as_deref()?).ok();
    let (kind, decoding, material) = match (published.kty.as_deref()?, published.crv.as_deref()) {
        ("RSA", _) => {
            let (n, e) = (bytes(&published.n)?, bytes(&published.e)?);
            if !RSA_BYTES.contains(&n.len()) {
                return None;
            }
            let decoding = DecodingKey::from_rsa_raw_components(&n, &e);
            (&[SignedBy::Rs256, SignedBy::Ps256][..], decoding, [n, e].concat())
        }
        ("EC", Some("P-256")) => {
            let (x, y) = (bytes(&published.x)?, bytes(&published.y)?);
            if x.len() != 32 || y.len() != 32 {
                return None;
            }
            // A point as it is, without compression (SEC 1, section 2.3.3).
            let point = [&[0x04][..], &x, &y].concat();
            (&[SignedBy::Es256][..], DecodingKey::from_ec_der(&point), point)
        }
        ("OKP", Some("Ed25519")) => {
            let x = bytes(&published.x).filter(|x| x.len() == 32)?;
            (&[SignedBy::EdDsa][..], DecodingKey::from_ed_der(&x), x)
        }
        _ => return None,
    };
    // A key that names an algorithm is for that one alone.
    let good_for = match &published.alg {
        None => kind.to_vec(),
        Some(alg) => vec![SignedBy::named(alg).filter(|by| kind.contains(by))?],
    };
    Some(Key { kid: published.kid, good_for, decoding, print: blake3::hash(&material) })
}
