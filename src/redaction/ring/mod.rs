//! Keys of tokens. A root for each source region, and of it one key for each purpose, class and epoch: equal
//! values have equal tokens within these and no relation beyond. Roots come from whoever keeps them, behind one
//! trait; they are never shown, and are wiped when they go.
//!
//! What is derived is `HKDF-SHA-256(root, "tutti/token/v1" | use | region | purpose | class | epoch)`, each part with
//! its length before it.

mod token;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use hkdf::Hkdf;
use sha2::Sha256;
use zeroize::{Zeroize, Zeroizing};

pub use token::{Token, TokenKeys};

use crate::model::RegionName;
use crate::policy::TokenScope;

/// A root shorter than this could be guessed.
pub const ROOT_BYTES_MIN: usize = 32;
/// What is longer is no key but a file that was named by mistake.
pub const ROOT_BYTES_MAX: usize = 1024;

/// Where roots come from: a file, the environment, or a service that keeps keys. Asked for each answer, so that a
/// service answers from memory.
pub trait RootKeys: fmt::Debug + Send + Sync {
    /// The root of a region's tokens; none where there is no key for it.
    fn root(&self, region: &RegionName) -> Option<Arc<RootKey>>;
}

/// A root, which is neither printed nor left behind in memory.
///
/// Compared to tell whether a configuration changed, never to check what someone showed.
#[derive(PartialEq, Eq)]
pub struct RootKey(Zeroizing<Vec<u8>>);

/// Why a text is no root. The text is not repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RootKeyError {
    #[error("the key is neither base64 nor hex")]
    NotEncoded,
    #[error("the key has {0} bytes; {ROOT_BYTES_MIN} to {ROOT_BYTES_MAX} are needed")]
    Length(usize),
    #[error("the key is one byte over and over")]
    Constant,
}

/// Roots that are held by the process: one for each region that has its own, and one for all others.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HeldKeys {
    regions: BTreeMap<RegionName, Arc<RootKey>>,
    others: Option<Arc<RootKey>>,
}

/// The keys that this process may use.
#[derive(Debug, Clone, Default)]
pub struct KeyRing(Option<Arc<dyn RootKeys>>);

impl RootKey {
    /// Reads a root in base64 or hex, with space around it. Of a text that is both, hex holds.
    pub fn parse(text: &str) -> Result<Self, RootKeyError> {
        use base64::Engine;
        use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
        let text = text.trim();
        let hex = Zeroizing::new(of_hex(text).unwrap_or_default());
        if !hex.is_empty() {
            return Self::of_bytes(&hex);
        }
        let engines = [STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD];
        let decoded = engines.iter().find_map(|engine| engine.decode(text).ok());
        let decoded = Zeroizing::new(decoded.ok_or(RootKeyError::NotEncoded)?);
        Self::of_bytes(&decoded)
    }

    pub fn of_bytes(bytes: &[u8]) -> Result<Self, RootKeyError> {
        if !(ROOT_BYTES_MIN..=ROOT_BYTES_MAX).contains(&bytes.len()) {
            return Err(RootKeyError::Length(bytes.len()));
        }
        if bytes.windows(2).all(|pair| matches!(pair, [a, b] if a == b)) {
            return Err(RootKeyError::Constant);
        }
        Ok(Self(Zeroizing::new(bytes.to_vec())))
    }

    /// Fills `out` with a key that has nothing to do with tokens; `info` says what for.
    pub(in crate::redaction) fn expand(&self, salt: Option<&[u8]>, info: &[u8], out: &mut [u8]) {
        // Expanding fails for more than 255 blocks alone; then the key is unusable, and no longer the one before.
        if Hkdf::<Sha256>::new(salt, &self.0).expand(info, out).is_err() {
            out.zeroize();
            debug_assert!(false, "a key of {} bytes was asked for", out.len());
        }
    }

    /// Fills `out` with a key for one use within a scope.
    fn derive(&self, use_: &str, scope: &TokenScope, class: &str, out: &mut [u8]) {
        let mut info = b"tutti/token/v1".to_vec();
        let epoch = scope.epoch.to_be_bytes();
        let parts: [&[u8]; 5] = [
            use_.as_bytes(),
            scope.region.as_str().as_bytes(),
            scope.purpose.as_bytes(),
            class.as_bytes(),
            &epoch,
        ];
        for part in parts {
            info.extend_from_slice(&(part.len() as u64).to_be_bytes());
            info.extend_from_slice(part);
        }
        self.expand(None, &info, out);
    }
}

impl fmt::Debug for RootKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RootKey(..)")
    }
}

impl HeldKeys {
    pub fn new(regions: BTreeMap<RegionName, RootKey>, others: Option<RootKey>) -> Self {
        let regions = regions.into_iter().map(|(region, root)| (region, Arc::new(root))).collect();
        Self { regions, others: others.map(Arc::new) }
    }

    /// Each root with the region it is of; none for all others.
    pub(in crate::redaction) fn roots(&self) -> impl Iterator<Item = (Option<&RegionName>, &RootKey)> {
        let own = self.regions.iter().map(|(region, root)| (Some(region), &**root));
        own.chain(self.others.as_deref().map(|root| (None, root)))
    }
}

impl RootKeys for HeldKeys {
    fn root(&self, region: &RegionName) -> Option<Arc<RootKey>> {
        self.regions.get(region).or(self.others.as_ref()).cloned()
    }
}

impl KeyRing {
    /// No key: what would be pseudonymised is masked.
    pub fn none() -> Self {
        Self(None)
    }

    /// A root that no one else has and that is gone with the process: tokens join what one run shows.
    pub fn of_this_run() -> Self {
        let root = RootKey(Zeroizing::new(rand::random::<[u8; ROOT_BYTES_MIN]>().to_vec()));
        Self::new(Arc::new(HeldKeys::new(BTreeMap::new(), Some(root))))
    }

    pub fn new(roots: Arc<dyn RootKeys>) -> Self {
        Self(Some(roots))
    }

    /// Whether tokens can be made for a region.
    pub fn has(&self, region: &RegionName) -> bool {
        self.root(region).is_some()
    }

    /// Keys of tokens within a scope; none without a root of its region.
    pub fn keys(&self, scope: &TokenScope) -> Option<TokenKeys> {
        self.root(&scope.region).map(|root| TokenKeys::new(root, scope.clone()))
    }

    fn root(&self, region: &RegionName) -> Option<Arc<RootKey>> {
        self.0.as_ref().and_then(|roots| roots.root(region))
    }
}

fn of_hex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let pairs = text.as_bytes().chunks(2);
    pairs
        .map(|pair| match pair {
            [high, low] => Some(digit(*high)? << 4 | digit(*low)?),
            _ => None,
        })
        .collect()
}

#[cfg(test)]
mod tests;
