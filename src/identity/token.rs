//! A JSON Web Token as it arrives (RFC 7515, RFC 7519): its parts, and what of them can be judged without a key.
//! Everything here is cheap, and comes before anything is fetched or computed for whoever sent it.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::jwks::SignedBy;
use crate::model::caller::{PURPOSE_CHARS_MAX, PURPOSES_MAX};

/// Longest token that is read. Issuers that list hundreds of groups come to some 8 kB, and servers in between end
/// headers at 8 or 16 kB.
pub const TOKEN_BYTES_MAX: usize = 16 << 10;

/// How far the clock of an issuer may be from this one's.
pub const LEEWAY: Duration = Duration::from_secs(30);

/// Characters of a name from a token that a message repeats.
const SHOWN_CHARS_MAX: usize = 100;

/// What is wrong with a token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenFault {
    #[error("it is longer than {TOKEN_BYTES_MAX} bytes")]
    TooLong,
    #[error("it is no JSON Web Token: three parts in base64url, with dots between")]
    NoToken,
    #[error("its {0} is no JSON of a token")]
    NoJson(&'static str),
    #[error("it is not signed (`alg` is `none`), and only signed ones are taken")]
    Unsigned,
    #[error("it is signed by `{alg}`, and of `{issuer}` only {taken} are taken")]
    Algorithm { alg: String, issuer: String, taken: String },
    #[error("its header says that `{0}` must be understood (`crit`), which it is not here")]
    Critical(String),
    #[error("its type (`typ`) is `{0}`: an access token is `JWT` or `at+jwt`")]
    Type(String),
    #[error("its issuer (`iss`) is `{0}`, which is none of the gateway's configuration")]
    Issuer(String),
    #[error("it is for another audience (`aud`): `{0}` is wanted")]
    Audience(String),
    #[error("it expired {ago} s ago: get a new one")]
    Expired { ago: u64 },
    #[error("it says no time at which it expires (`exp`)")]
    NoExpiry,
    #[error("it is valid only in {seconds} s (`{claim}`): does a clock go wrong?")]
    Early { claim: &'static str, seconds: u64 },
    #[error("its key (`kid`) `{kid}` is none that `{issuer}` publishes")]
    KeyUnknown { kid: String, issuer: String },
    #[error("it does not say which of the keys of `{issuer}` signed it (`kid`)")]
    KeyUnnamed { issuer: String },
    #[error("the keys of `{issuer}` cannot be had at the moment: try again in a minute")]
    KeysSilent { issuer: String },
    #[error("its signature is not that of `{issuer}`")]
    Signature { issuer: String },
    #[error("`{claim}` is missing, or is not {wanted}")]
    Claim { claim: String, wanted: &'static str },
    #[error("it names more than {PURPOSES_MAX} purposes, or one of more than {PURPOSE_CHARS_MAX} characters")]
    Purposes,
    #[error("`email` says who it is, and is not verified (`email_verified`)")]
    Email,
    #[error(
        "it is of a Grafana's `{0}`, and such are not let in: `types` of [[identity.grafana]] says who is"
    )]
    Kind(String),
}

impl TokenFault {
    /// One word for it, for numbers of how often.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::TooLong => "too_long",
            Self::NoToken | Self::NoJson(_) => "no_token",
            Self::Unsigned => "unsigned",
            Self::Algorithm { .. } => "algorithm",
            Self::Critical(_) => "critical",
            Self::Type(_) => "type",
            Self::Issuer(_) => "issuer",
            Self::Audience(_) => "audience",
            Self::Expired { .. } => "expired",
            Self::NoExpiry => "no_expiry",
            Self::Early { .. } => "early",
            Self::KeyUnknown { .. } | Self::KeyUnnamed { .. } => "key_unknown",
            Self::KeysSilent { .. } => "keys_silent",
            Self::Signature { .. } => "signature",
            Self::Claim { .. } | Self::Purposes => "claim",
            Self::Email => "email",
            Self::Kind(_) => "kind",
        }
    }
}

/// What is said of a token before its claims.
#[derive(Debug, Deserialize)]
struct Head {
    alg: String,
    typ: Option<String>,
    kid: Option<String>,
    crit: Option<Vec<String>>,
}

/// A token in its parts. Nothing in it is true yet.
#[derive(Debug)]
pub(super) struct Parts<'t> {
    pub message: &'t [u8],
    pub signature: &'t str,
    pub claims: Map<String, Value>,
    head: Head,
}

impl<'t> Parts<'t> {
    pub fn read(token: &'t [u8]) -> Result<Self, TokenFault> {
        if token.len() > TOKEN_BYTES_MAX {
            return Err(TokenFault::TooLong);
        }
        let text = str::from_utf8(token).map_err(|_| TokenFault::NoToken)?;
        let mut parts = text.split('.');
        let (Some(head), Some(claims), Some(signature), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(TokenFault::NoToken);
        };
        let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| TokenFault::NoToken);
        let head = serde_json::from_slice(&decode(head)?).map_err(|_| TokenFault::NoJson("header"))?;
        let claims = serde_json::from_slice(&decode(claims)?).map_err(|_| TokenFault::NoJson("body"))?;
        // Also of one that nobody signed: what it is not shall be said of it, and not that it is damaged.
        decode(signature)?;
        let signed = text.len().saturating_sub(signature.len() + 1);
        let message = token.get(..signed).unwrap_or_default();
        Ok(Self { message, signature, claims, head })
    }

    pub fn issuer(&self) -> Result<&str, TokenFault> {
        text(&self.claims, "iss")
    }

    /// The key that signed it, by its own word.
    pub fn kid(&self) -> Option<&str> {
        self.head.kid.as_deref()
    }

    /// The algorithm, if it is one of those that are taken of this issuer, and if nothing in the header asks for what
    /// is not done here.
    pub fn algorithm(&self, taken: &[SignedBy], issuer: &str) -> Result<SignedBy, TokenFault> {
        if self.head.alg.eq_ignore_ascii_case("none") {
            return Err(TokenFault::Unsigned);
        }
        if let Some(first) = &self.head.crit {
            return Err(TokenFault::Critical(shown(first.first().map_or("", String::as_str))));
        }
        if let Some(typ) = self.head.typ.as_deref().filter(|typ| !is_access_token(typ)) {
            return Err(TokenFault::Type(shown(typ)));
        }
        let by = SignedBy::named(&self.head.alg).filter(|by| taken.contains(by));
        by.ok_or_else(|| TokenFault::Algorithm {
            alg: shown(&self.head.alg),
            issuer: issuer.to_owned(),
            taken: taken.iter().map(|by| by.name()).collect::<Vec<_>>().join(", "),
        })
    }

    /// Whether it is meant for any of these.
    pub fn is_for(&self, mut any: impl FnMut(&str) -> bool) -> bool {
        match self.claims.get("aud") {
            Some(Value::String(one)) => any(one),
            Some(Value::Array(several)) => several.iter().filter_map(Value::as_str).any(any),
            _ => false,
        }
    }

    /// Until when it may be believed, if it may be now. Both are times since the Unix epoch.
    pub fn valid_until(&self, now: Duration) -> Result<Duration, TokenFault> {
        let now = now.as_secs_f64();
        let leeway = LEEWAY.as_secs_f64();
        let expires = self.seconds("exp")?.ok_or(TokenFault::NoExpiry)?;
        if now >= expires + leeway {
            return Err(TokenFault::Expired { ago: whole_seconds(now - expires) });
        }
        for claim in ["nbf", "iat"] {
            if let Some(begins) = self.seconds(claim)?
                && now + leeway < begins
            {
                return Err(TokenFault::Early { claim, seconds: whole_seconds(begins - now) });
            }
        }
        // One that is said to hold for longer than there are numbers holds for as long as there are.
        Ok(Duration::try_from_secs_f64(expires + leeway).unwrap_or(Duration::MAX))
    }

    fn seconds(&self, claim: &'static str) -> Result<Option<f64>, TokenFault> {
        let Some(value) = self.claims.get(claim) else { return Ok(None) };
        let number = value.as_f64().filter(|number| number.is_finite());
        let wrong = || TokenFault::Claim { claim: claim.to_owned(), wanted: "a number of seconds" };
        number.map(Some).ok_or_else(wrong)
    }
}

/// Types that stand for what grants access; statements between gateways and others have types of their own.
fn is_access_token(typ: &str) -> bool {
    let typ = typ.to_ascii_lowercase();
    matches!(typ.strip_prefix("application/").unwrap_or(&typ), "jwt" | "at+jwt")
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "it saturates, and is only shown"
)]
fn whole_seconds(seconds: f64) -> u64 {
    seconds.ceil() as u64
}

/// A text that must be there.
pub(super) fn text<'c>(claims: &'c Map<String, Value>, claim: &str) -> Result<&'c str, TokenFault> {
    let found = claims.get(claim).and_then(Value::as_str).filter(|text| !text.is_empty());
    found.ok_or_else(|| TokenFault::Claim { claim: claim.to_owned(), wanted: "a text" })
}

/// The beginning of a name that whoever sent it has chosen.
pub(super) fn shown(name: &str) -> String {
    name.chars().take(SHOWN_CHARS_MAX).collect()
}
