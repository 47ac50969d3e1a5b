//! The keys of gateways and of people who sign: Ed25519 (RFC 8032), private as PKCS#8 and public as PEM.

use std::fmt;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::rand::SystemRandom;
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use zeroize::Zeroizing;

/// An Ed25519 public key is the last 32 bytes of this and itself (RFC 8410, section 4).
const PUBLIC_PREFIX: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

const PRIVATE: &str = "PRIVATE KEY";
const PUBLIC: &str = "PUBLIC KEY";

/// How many bytes of a public key's digest name it.
const NAME_BYTES: usize = 8;

/// Base64 in PEM is written in lines of this many characters (RFC 7468, section 2).
const PEM_LINE: usize = 64;

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    #[error("it is no PEM of a private key: it begins with `-----BEGIN PRIVATE KEY-----`")]
    NoPrivate,
    #[error("it is no PEM of a public key: it begins with `-----BEGIN PUBLIC KEY-----`")]
    NoPublic,
    #[error("it is a key, but not of Ed25519: make one with `openssl genpkey -algorithm ed25519`")]
    NotEd25519,
    #[error("the operating system gives no random numbers")]
    NoRandom,
}

/// A key that signs.
#[derive(Clone)]
pub struct SigningKey {
    pair: Arc<Ed25519KeyPair>,
    pkcs8: Arc<Zeroizing<Vec<u8>>>,
    public: VerifyingKey,
}

impl SigningKey {
    /// A new one.
    pub fn generate() -> Result<Self, KeyError> {
        let pkcs8 = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).map_err(|_| KeyError::NoRandom)?;
        Self::from_pkcs8(pkcs8.as_ref())
    }

    /// From PEM, as `openssl genpkey -algorithm ed25519` writes it.
    pub fn from_pem(text: &str) -> Result<Self, KeyError> {
        Self::from_pkcs8(&Zeroizing::new(from_pem(text, PRIVATE).ok_or(KeyError::NoPrivate)?))
    }

    fn from_pkcs8(der: &[u8]) -> Result<Self, KeyError> {
        // OpenSSL leaves the public key out, which `ring` wants to be told is meant so.
        let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(der).map_err(|_| KeyError::NotEd25519)?;
        let public = VerifyingKey::from_raw(pair.public_key().as_ref()).ok_or(KeyError::NotEd25519)?;
        Ok(Self { pair: Arc::new(pair), pkcs8: Arc::new(Zeroizing::new(der.to_vec())), public })
    }

    pub fn public(&self) -> &VerifyingKey {
        &self.public
    }

    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        let mut signed = [0; 64];
        signed.iter_mut().zip(self.pair.sign(message).as_ref()).for_each(|(to, of)| *to = *of);
        signed
    }

    pub fn to_pem(&self) -> Zeroizing<String> {
        Zeroizing::new(to_pem(&self.pkcs8, PRIVATE))
    }

    pub fn encoding(&self) -> jsonwebtoken::EncodingKey {
        jsonwebtoken::EncodingKey::from_ed_der(&self.pkcs8)
    }
}

/// Of a private key only whose it is.
impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey").field("name", &self.public.name()).finish_non_exhaustive()
    }
}

/// A key that checks what another signed.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct VerifyingKey([u8; 32]);

impl VerifyingKey {
    /// From PEM, as `openssl pkey -pubout` writes it.
    pub fn from_pem(text: &str) -> Result<Self, KeyError> {
        let der = from_pem(text, PUBLIC).ok_or(KeyError::NoPublic)?;
        der.strip_prefix(&PUBLIC_PREFIX[..]).and_then(Self::from_raw).ok_or(KeyError::NotEd25519)
    }

    pub fn from_raw(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    pub fn raw(&self) -> &[u8; 32] {
        &self.0
    }

    /// What a signature is marked with (`kid`), so that its key is found among several.
    pub fn name(&self) -> String {
        blake3::hash(&self.0).as_bytes().iter().take(NAME_BYTES).map(|byte| format!("{byte:02x}")).collect()
    }

    pub fn is_of(&self, message: &[u8], signed: &[u8]) -> bool {
        UnparsedPublicKey::new(&ED25519, &self.0).verify(message, signed).is_ok()
    }

    pub fn to_pem(&self) -> String {
        to_pem(&[&PUBLIC_PREFIX[..], &self.0].concat(), PUBLIC)
    }

    pub fn decoding(&self) -> jsonwebtoken::DecodingKey {
        jsonwebtoken::DecodingKey::from_ed_der(&self.0)
    }
}

/// The bytes of the first block with this label. White space around it, and text before it, is let pass, as RFC 7468
/// wants it.
fn from_pem(text: &str, label: &str) -> Option<Vec<u8>> {
    let (_, rest) = text.split_once(&format!("-----BEGIN {label}-----"))?;
    let (body, _) = rest.split_once(&format!("-----END {label}-----"))?;
    let body: Zeroizing<String> = Zeroizing::new(body.split_ascii_whitespace().collect());
    STANDARD.decode(body.as_bytes()).ok()
}

fn to_pem(der: &[u8], label: &str) -> String {
    let mut out = format!("-----BEGIN {label}-----\n");
    for (at, letter) in STANDARD.encode(der).chars().enumerate() {
        if at > 0 && at % PEM_LINE == 0 {
            out.push('\n');
        }
        out.push(letter);
    }
    out.push_str(&format!("\n-----END {label}-----\n"));
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPENSSL_PRIVATE: &str = "-----BEGIN PRIVATE KEY-----\n\
        MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n\
        -----END PRIVATE KEY-----\n";
    /// The same key's, from RFC 8410, section 10.
    const OPENSSL_PUBLIC: &str = "-----BEGIN PUBLIC KEY-----\n\
        MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n\
        -----END PUBLIC KEY-----\n";

    #[test]
    fn a_key_of_openssl_is_read_and_its_public_half_found() {
        let key = SigningKey::from_pem(OPENSSL_PRIVATE).unwrap();
        assert_eq!(*key.public(), VerifyingKey::from_pem(OPENSSL_PUBLIC).unwrap());
        assert_eq!(key.public().to_pem(), OPENSSL_PUBLIC);
    }

    #[test]
    fn a_key_survives_being_written() {
        let key = SigningKey::generate().unwrap();
        let again = SigningKey::from_pem(&key.to_pem()).unwrap();
        assert_eq!(key.public(), again.public());
        assert!(key.public().is_of(b"a message", &again.sign(b"a message")));
        assert!(!key.public().is_of(b"a message!", &again.sign(b"a message")));
        assert!(!SigningKey::generate().unwrap().public().is_of(b"a message", &again.sign(b"a message")));
    }

    #[test]
    fn what_is_no_key_is_refused_by_name() {
        assert_eq!(SigningKey::from_pem(OPENSSL_PUBLIC).unwrap_err(), KeyError::NoPrivate);
        assert_eq!(VerifyingKey::from_pem(OPENSSL_PRIVATE).unwrap_err(), KeyError::NoPublic);
        assert_eq!(VerifyingKey::from_pem("").unwrap_err(), KeyError::NoPublic);
        let short = "-----BEGIN PUBLIC KEY-----\nMCow\n-----END PUBLIC KEY-----";
        assert_eq!(VerifyingKey::from_pem(short).unwrap_err(), KeyError::NotEd25519);
    }

    #[test]
    fn a_private_key_is_never_printed() {
        let key = SigningKey::from_pem(OPENSSL_PRIVATE).unwrap();
        assert!(!format!("{key:?}").contains("MC4CAQ") && format!("{key:?}").contains(&key.public().name()));
    }

    #[test]
    fn a_token_is_signed_and_checked_by_the_same_keys() {
        crate::proof::ready();
        let key = SigningKey::generate().unwrap();
        let header = jsonwebtoken::Header::new(jsonwebtoken::Algorithm::EdDSA);
        let claims = serde_json::json!({"sub": "alice"});
        let token = jsonwebtoken::encode(&header, &claims, &key.encoding()).unwrap();
        let mut rules = jsonwebtoken::Validation::new(jsonwebtoken::Algorithm::EdDSA);
        rules.validate_exp = false;
        rules.required_spec_claims.clear();
        let read = |key: &SigningKey| {
            jsonwebtoken::decode::<serde_json::Value>(&token, &key.public().decoding(), &rules)
        };
        assert_eq!(read(&key).unwrap().claims, claims);
        assert!(read(&SigningKey::generate().unwrap()).is_err());
    }
}
