//! The callers a gateway knows: who everyone is, and who shows which token.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use crate::model::Caller;

/// A digest of a token. Tokens are looked up by it, so that how long that takes says nothing of a token, and none is
/// kept as it is.
type Digest = [u8; 32];

/// Who asks, by what a request shows.
#[derive(Clone, PartialEq, Eq)]
pub struct Callers {
    everyone: Arc<Caller>,
    tokens: HashMap<Digest, Arc<Caller>>,
}

/// What was shown is nothing that is known here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unknown {
    #[error(
        "the bearer token is not known here: send one that [[identity.token]] of the gateway's configuration \
         names, or none"
    )]
    Token,
    #[error("`Authorization` is no bearer token: send one, as in `Authorization: Bearer TOKEN`, or none")]
    Scheme,
    #[error("`Authorization` stands there twice: send one")]
    Twice,
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

    /// Who shows these values of `Authorization`. Where no token is known, none is looked at: it may be meant for
    /// someone before the gateway.
    pub fn who<'v>(&self, shown: impl IntoIterator<Item = &'v [u8]>) -> Result<Arc<Caller>, Unknown> {
        if self.tokens.is_empty() {
            return Ok(self.everyone.clone());
        }
        let mut shown = shown.into_iter();
        let Some(first) = shown.next() else { return Ok(self.everyone.clone()) };
        if shown.next().is_some() {
            return Err(Unknown::Twice);
        }
        let token = bearer(first).ok_or(Unknown::Scheme)?;
        self.tokens.get(&digest(token)).cloned().ok_or(Unknown::Token)
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

/// The scheme may be written in any case, with any number of spaces behind it.
fn bearer(shown: &[u8]) -> Option<&[u8]> {
    let (scheme, token) = shown.split_at_checked(b"bearer ".len())?;
    scheme.eq_ignore_ascii_case(b"bearer ").then(|| token.trim_ascii())
}

fn digest(token: &[u8]) -> Digest {
    *blake3::hash(token).as_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(subject: &str) -> Caller {
        Caller { subject: subject.to_owned(), ..Caller::anonymous() }
    }

    fn subject(callers: &Callers, shown: &[&str]) -> Result<String, Unknown> {
        callers.who(shown.iter().map(|shown| shown.as_bytes())).map(|caller| caller.subject.clone())
    }

    #[test]
    fn whoever_shows_a_token_is_who_it_is_of_and_everyone_else_is_everyone() {
        let mut callers = Callers::everyone(named("everyone"));
        assert!(callers.know("a-token", named("alice")) && callers.know("b", named("bob")));
        assert!(!callers.know("b", named("mallory")));
        assert_eq!(subject(&callers, &[]), Ok("everyone".to_owned()));
        for shown in ["Bearer a-token", "bearer a-token", "BEARER   a-token "] {
            assert_eq!(subject(&callers, &[shown]), Ok("alice".to_owned()), "{shown}");
        }
        for shown in ["Bearer a-toke", "Bearer a-tokenx", "Bearer ", "Bearer A-TOKEN"] {
            assert_eq!(subject(&callers, &[shown]), Err(Unknown::Token), "{shown}");
        }
        for shown in ["Basic a-token", "a-token", "", "Bearera-token"] {
            assert_eq!(subject(&callers, &[shown]), Err(Unknown::Scheme), "{shown}");
        }
        assert_eq!(subject(&callers, &["Bearer b", "Bearer a-token"]), Err(Unknown::Twice));
        assert_eq!(format!("{callers:?}"), "Callers { tokens: 2, .. }");
    }

    #[test]
    fn where_no_token_is_known_none_is_looked_at() {
        let callers = Callers::everyone(named("everyone"));
        assert_eq!(subject(&callers, &["Bearer of-a-proxy"]), Ok("everyone".to_owned()));
    }
}
