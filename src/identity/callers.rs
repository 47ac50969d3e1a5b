//! The callers a gateway is told of: who everyone is, and who shows which token for development.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use crate::model::Caller;

/// A digest of a token. Tokens are looked up by it, so that how long that takes says nothing of a token, and none is
/// kept as it is.
pub(super) type Digest = [u8; 32];

/// Callers by what the configuration says.
#[derive(Clone, PartialEq, Eq)]
pub struct Callers {
    everyone: Arc<Caller>,
    tokens: HashMap<Digest, Arc<Caller>>,
}

impl Callers {
    /// Everyone is this caller.
    pub fn everyone(caller: Caller) -> Self {
        Self { everyone: Arc::new(caller), tokens: HashMap::new() }
    }

    /// And whoever shows this token is that one; false where the token is another's already.
    pub fn know(&mut self, token: &str, caller: Caller) -> bool {
        self.tokens.insert(digest(token.as_bytes()), Arc::new(caller)).is_none()
    }

    /// How many tokens are known.
    pub fn tokens(&self) -> usize {
        self.tokens.len()
    }

    /// Who everyone is that shows nothing.
    pub fn anyone(&self) -> &Caller {
        &self.everyone
    }

    /// Who everyone is, to be shared.
    pub(super) fn everyone_is(&self) -> &Arc<Caller> {
        &self.everyone
    }

    /// Whose token has this digest.
    pub(super) fn of_digest(&self, token: &Digest) -> Option<&Arc<Caller>> {
        self.tokens.get(token)
    }
}

impl Default for Callers {
    fn default() -> Self {
        Self::everyone(Caller::anonymous())
    }
}

/// Nothing of the tokens is shown, not even their digests.
impl fmt::Debug for Callers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Callers").field("tokens", &self.tokens.len()).finish_non_exhaustive()
    }
}

/// What is kept of a secret.
pub(super) fn digest(token: &[u8]) -> Digest {
    *blake3::hash(token).as_bytes()
}
