//! The signatures of tokens by `ring`, which TLS brings along: one implementation of cryptography in the program, and
//! no `rsa` crate, whose time depends on its keys. RS256, PS256, ES256 and EdDSA (RFC 7518, RFC 8037) are checked;
//! EdDSA alone is signed. Anything else, `none` and every HMAC among it, is no algorithm here.

use std::sync::Once;

use jsonwebtoken::crypto::{CryptoProvider, JwtSigner, JwtVerifier, KeyUtils};
use jsonwebtoken::errors::{Error, ErrorKind, Result};
use jsonwebtoken::jwk::{EllipticCurve, ThumbprintHash};
use jsonwebtoken::{Algorithm, AlgorithmFamily, DecodingKey, DecodingKeyKind, EncodingKey};
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, Ed25519KeyPair, RSA_PKCS1_2048_8192_SHA256, RSA_PSS_2048_8192_SHA256,
    RsaParameters, RsaPublicKeyComponents, UnparsedPublicKey, VerificationAlgorithm,
};
use signature::{Signer, Verifier};

static PROVIDER: CryptoProvider =
    CryptoProvider { signer_factory: signer, verifier_factory: verifier, key_utils: KEYS };

/// Nothing here makes a key set of its own keys, so none of this is ever asked; an error is the answer all the same.
const KEYS: KeyUtils = KeyUtils {
    rsa_pub_components_from_private_key: |_| Err(unsupported()),
    rsa_pub_components_from_public_key: |_| Err(unsupported()),
    ec_pub_components_from_private_key: |_, _| Err::<(EllipticCurve, Vec<u8>, Vec<u8>), _>(unsupported()),
    ed_pub_components_from_private_key: |_, _| Err(unsupported()),
    compute_digest: |_, _: ThumbprintHash| Err(unsupported()),
};

pub(super) fn install() {
    static ONCE: Once = Once::new();
    // Fails only where one is installed, which nothing else in this program does.
    ONCE.call_once(|| {
        let _already = PROVIDER.install_default();
    });
}

fn unsupported() -> Error {
    Error::from(ErrorKind::InvalidAlgorithm)
}

struct EdSigner(Ed25519KeyPair);

impl Signer<Vec<u8>> for EdSigner {
    fn try_sign(&self, message: &[u8]) -> std::result::Result<Vec<u8>, signature::Error> {
        Ok(self.0.sign(message).as_ref().to_vec())
    }
}

impl JwtSigner for EdSigner {
    fn algorithm(&self) -> Algorithm {
        Algorithm::EdDSA
    }
}

fn signer(algorithm: &Algorithm, key: &EncodingKey) -> Result<Box<dyn JwtSigner>> {
    if *algorithm != Algorithm::EdDSA || key.family() != AlgorithmFamily::Ed {
        return Err(unsupported());
    }
    let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(key.as_bytes());
    Ok(Box::new(EdSigner(pair.map_err(|_| Error::from(ErrorKind::InvalidEddsaKey))?)))
}

/// How a signature is checked. An algorithm goes with one family of keys, so that no public key is ever taken for a
/// shared secret.
#[derive(Clone, Copy)]
enum Way {
    Rsa(&'static RsaParameters),
    Plain(&'static dyn VerificationAlgorithm),
}

struct Checker {
    algorithm: Algorithm,
    way: Way,
    key: DecodingKey,
}

impl Verifier<Vec<u8>> for Checker {
    fn verify(&self, message: &[u8], signed: &Vec<u8>) -> std::result::Result<(), signature::Error> {
        let checked = match (self.way, self.key.kind()) {
            (Way::Rsa(parameters), DecodingKeyKind::RsaModulusExponent { n, e }) => {
                RsaPublicKeyComponents { n, e }.verify(parameters, message, signed)
            }
            (Way::Rsa(parameters), DecodingKeyKind::SecretOrDer(key)) => {
                UnparsedPublicKey::new(parameters, key).verify(message, signed)
            }
            (Way::Plain(algorithm), DecodingKeyKind::SecretOrDer(key)) => {
                UnparsedPublicKey::new(algorithm, key).verify(message, signed)
            }
            (Way::Plain(_), DecodingKeyKind::RsaModulusExponent { .. }) => Err(ring::error::Unspecified),
        };
        checked.map_err(|_| signature::Error::new())
    }
}

impl JwtVerifier for Checker {
    fn algorithm(&self) -> Algorithm {
        self.algorithm
    }
}

fn verifier(algorithm: &Algorithm, key: &DecodingKey) -> Result<Box<dyn JwtVerifier>> {
    let (family, way) = match algorithm {
        Algorithm::RS256 => (AlgorithmFamily::Rsa, Way::Rsa(&RSA_PKCS1_2048_8192_SHA256)),
        Algorithm::PS256 => (AlgorithmFamily::Rsa, Way::Rsa(&RSA_PSS_2048_8192_SHA256)),
        Algorithm::ES256 => (AlgorithmFamily::Ec, Way::Plain(&ECDSA_P256_SHA256_FIXED)),
        Algorithm::EdDSA => (AlgorithmFamily::Ed, Way::Plain(&ED25519)),
        _ => return Err(unsupported()),
    };
    if key.family() != family {
        return Err(Error::from(ErrorKind::InvalidKeyFormat));
    }
    Ok(Box::new(Checker { algorithm: *algorithm, way, key: key.clone() }))
}
