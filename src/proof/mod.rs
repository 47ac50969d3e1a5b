//! What is signed, and who signed it: keys, and the signatures of JSON Web Tokens (RFC 7515, RFC 7519). Knows no
//! header, no region, no file and no clock: what a signed text is worth, and until when, is decided above.

mod crypto;
pub mod grant;
mod key;
pub mod statement;

pub use key::{KeyError, SigningKey, VerifyingKey};

/// Makes [`jsonwebtoken`] work with the cryptography this program has. To be called before anything is signed or
/// checked by it; whoever calls it twice does no harm.
pub fn ready() {
    crypto::install();
}
