//! Issuers of the tests: keys of each kind, what they publish, and tokens, good and bad.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use ring::rand::SystemRandom;
use ring::signature::{self, EcdsaKeyPair, KeyPair, RsaKeyPair};
use serde_json::{Value, json};

use crate::identity::KeySet;
use crate::proof::SigningKey;

/// Made for these tests, and of nothing.
const RSA: &str = include_str!("keys/rsa.pem");

pub(super) fn base64(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// What signs, and its public half as it is published.
pub(super) struct Signer {
    kid: &'static str,
    way: Way,
}

enum Way {
    Ed(SigningKey),
    Es(EcdsaKeyPair),
    Rs(RsaKeyPair),
}

impl Signer {
    pub fn ed(kid: &'static str) -> Self {
        Self { kid, way: Way::Ed(SigningKey::generate().unwrap()) }
    }

    pub fn es(kid: &'static str) -> Self {
        let (algorithm, random) = (&signature::ECDSA_P256_SHA256_FIXED_SIGNING, SystemRandom::new());
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(algorithm, &random).unwrap();
        Self { kid, way: Way::Es(EcdsaKeyPair::from_pkcs8(algorithm, pkcs8.as_ref(), &random).unwrap()) }
    }

    pub fn rs(kid: &'static str) -> Self {
        let body: String = RSA.lines().filter(|line| !line.starts_with("-----")).collect();
        Self { kid, way: Way::Rs(RsaKeyPair::from_pkcs8(&STANDARD.decode(body).unwrap()).unwrap()) }
    }

    pub fn jwk(&self) -> Value {
        match &self.way {
            Way::Ed(key) => {
                json!({"kty": "OKP", "crv": "Ed25519", "kid": self.kid, "use": "sig",
                       "x": base64(key.public().raw())})
            }
            Way::Es(pair) => {
                let point = &pair.public_key().as_ref()[1..];
                json!({"kty": "EC", "crv": "P-256", "alg": "ES256", "kid": self.kid, "use": "sig",
                       "x": base64(&point[..32]), "y": base64(&point[32..])})
            }
            Way::Rs(pair) => {
                // Of 2048 bits, in DER: 9 bytes, the modulus, and then 65537.
                let modulus = &pair.public().as_ref()[9..265];
                json!({"kty": "RSA", "kid": self.kid, "n": base64(modulus), "e": base64([1, 0, 1])})
            }
        }
    }

    fn algorithm(&self) -> &'static str {
        match self.way {
            Way::Ed(_) => "EdDSA",
            Way::Es(_) => "ES256",
            Way::Rs(_) => "RS256",
        }
    }

    fn sign(&self, message: &[u8]) -> Vec<u8> {
        match &self.way {
            Way::Ed(key) => key.sign(message).to_vec(),
            Way::Es(pair) => pair.sign(&SystemRandom::new(), message).unwrap().as_ref().to_vec(),
            Way::Rs(pair) => {
                let mut signed = vec![0; pair.public().modulus_len()];
                let padding = &signature::RSA_PKCS1_SHA256;
                pair.sign(padding, &SystemRandom::new(), message, &mut signed).unwrap();
                signed
            }
        }
    }

    /// A token with these claims.
    pub fn token(&self, claims: &Value) -> String {
        let head = json!({"alg": self.algorithm(), "typ": "JWT", "kid": self.kid});
        self.token_with(&head, claims)
    }

    /// A token with this header, too, whatever it says.
    pub fn token_with(&self, head: &Value, claims: &Value) -> String {
        let message = message(head, claims);
        let signature = base64(self.sign(message.as_bytes()));
        format!("{message}.{signature}")
    }
}

pub(super) fn message(head: &Value, claims: &Value) -> String {
    format!("{}.{}", base64(head.to_string()), base64(claims.to_string()))
}

/// A token by a shared secret.
pub(super) fn by_secret(secret: &[u8], head: &Value, claims: &Value) -> String {
    let message = message(head, claims);
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(secret).unwrap();
    mac.update(message.as_bytes());
    format!("{message}.{}", base64(mac.finalize().into_bytes()))
}

pub(super) fn published(signers: &[&Signer]) -> String {
    let keys: Vec<Value> = signers.iter().map(|signer| signer.jwk()).collect();
    json!({"keys": keys}).to_string()
}

pub(super) fn key_set(signers: &[&Signer]) -> KeySet {
    KeySet::parse(published(signers).as_bytes()).unwrap()
}
