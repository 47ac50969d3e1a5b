//! The statement of one gateway to another: on whose behalf it asks, what for, and until when. A JSON Web Token
//! (RFC 7519) signed with Ed25519, for one gateway and for one request.
//!
//! Times are given, and whether a statement was seen before is known above. A claim that is not known here is a
//! fault: it may say what must not be overheard.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use super::{SigningKey, VerifyingKey};
use crate::model::caller::{PURPOSE_CHARS_MAX, is_purpose};
use crate::model::tags::TagsForm;
use crate::model::{Asker, Caller, Errand, Jurisdiction, Whole};

/// What gateways say to each other has changed in a way that the other must know of whenever this is another number.
pub const PROTOCOL: u32 = 2;

/// No statement holds for longer.
pub const LIFE_MAX: Duration = Duration::from_secs(60);

/// How far the clocks of two gateways may be apart.
pub const SKEW_MAX: Duration = Duration::from_secs(10);

/// A statement with the question it is for; headers of requests have no more room.
pub const STATEMENT_BYTES_MAX: usize = 24 << 10;

/// Gateways between a caller and the one that answers.
pub const THROUGH_MAX: usize = 4;

/// Roles, groups and clearances of one caller, the jurisdictions of one answer, and the gateways that are asked besides.
const CLAIMS_MAX: usize = 1000;

/// The one algorithm, and what kind of token it is: no other can be taken for it.
const TYPE: &str = "tutti-statement+jwt";
const ALGORITHM: &str = "EdDSA";

/// What one gateway says to another with one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// The gateway that asks.
    pub issuer: String,
    /// The gateway that is asked.
    pub audience: String,
    /// Names this statement; it is taken once.
    pub id: String,
    pub asker: Asker,
    /// What is left of the caller's time.
    pub left: Duration,
    /// The digest of the request it goes with.
    pub request: String,
    /// Since the Unix epoch, to the second.
    pub issued: Duration,
    pub expires: Duration,
}

/// Why a statement is not taken. Its code goes back to the gateway that sent it, which says it in its own words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum StatementFault {
    #[error("the statement cannot be read")]
    Unreadable,
    #[error("the statement is signed by a gateway that is not trusted here: name it in [[peer.trusts]]")]
    UnknownGateway,
    #[error("the statement is not signed by the key that [[peer.trusts]] has for its gateway")]
    Signature,
    #[error("the statement is for another gateway than this one")]
    Audience,
    #[error("the statement has expired")]
    Expired,
    #[error("the statement is of a later time: the clocks of the two gateways are too far apart")]
    Early,
    #[error("the statement would hold for longer than any may")]
    TooLong,
    #[error(
        "the statement says more of the caller than is read: {CLAIMS_MAX} roles, groups, clearances and places, and a \
         purpose of {PURPOSE_CHARS_MAX} characters"
    )]
    Claims,
    #[error("the statement was made for another request")]
    OtherRequest,
    #[error("the statement was taken before: each holds for one request")]
    Replayed,
    #[error("more statements came from this gateway than can be remembered until they expire")]
    TooMany,
    #[error("the request came through this gateway already: gateways ask each other in a circle")]
    Loop,
    #[error("the request came through more gateways than one may")]
    TooDeep,
    #[error("the gateway that asks does not show the credential that [[peer.trusts]] names")]
    Credential,
    #[error("the gateway that asks may not take an answer to the place that its statement names")]
    Delivery,
}

impl StatementFault {
    pub const ALL: [Self; 15] = [
        Self::Unreadable,
        Self::UnknownGateway,
        Self::Signature,
        Self::Audience,
        Self::Expired,
        Self::Early,
        Self::TooLong,
        Self::Claims,
        Self::OtherRequest,
        Self::Replayed,
        Self::TooMany,
        Self::Loop,
        Self::TooDeep,
        Self::Credential,
        Self::Delivery,
    ];

    pub fn code(self) -> &'static str {
        match self {
            Self::Unreadable => "unreadable",
            Self::UnknownGateway => "unknown_gateway",
            Self::Signature => "signature",
            Self::Audience => "audience",
            Self::Expired => "expired",
            Self::Early => "early",
            Self::TooLong => "too_long",
            Self::Claims => "claims",
            Self::OtherRequest => "other_request",
            Self::Replayed => "replayed",
            Self::TooMany => "too_many",
            Self::Loop => "loop",
            Self::TooDeep => "too_deep",
            Self::Credential => "credential",
            Self::Delivery => "delivery",
        }
    }

    pub fn of_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|fault| fault.code() == code)
    }
}

/// Stands for a request in its statement: the method, the path below whatever stands before `/api`, as it reads
/// without escapes, and the parameters as they are written.
pub fn request_digest(method: &str, decoded_path: &[u8], query: Option<&str>) -> String {
    let below = memchr::memmem::find(decoded_path, b"/api/").unwrap_or(0);
    let mut hasher = blake3::Hasher::new();
    let query = query.unwrap_or_default();
    for part in [method.as_bytes(), decoded_path.get(below..).unwrap_or_default(), query.as_bytes()] {
        hasher.update(&(part.len() as u64).to_le_bytes()).update(part);
    }
    hasher.finalize().to_hex().to_string()
}

/// Signs a statement; nothing where it is too long to be sent.
pub fn sign(statement: &Statement, key: &SigningKey) -> Option<String> {
    let header = Header { alg: ALGORITHM.into(), typ: TYPE.into(), kid: key.public().name() };
    let part = |bytes: Vec<u8>| URL_SAFE_NO_PAD.encode(bytes);
    let header = part(serde_json::to_vec(&header).ok()?);
    let claims = part(serde_json::to_vec(&Claims::of(statement)).ok()?);
    let message = format!("{header}.{claims}");
    let signature = URL_SAFE_NO_PAD.encode(key.sign(message.as_bytes()));
    let token = format!("{message}.{signature}");
    (token.len() <= STATEMENT_BYTES_MAX).then_some(token)
}

/// Who a statement says it is of. Nothing is proven by that; it says by whose key to check it.
pub fn issuer_of(token: &str) -> Result<String, StatementFault> {
    Ok(read(token)?.0.iss)
}

/// Reads a statement that the gateway with this key signed for `audience`, at this time since the Unix epoch. Whether
/// it goes with the request and was seen before is for whoever asks.
pub fn check(
    token: &str,
    key: &VerifyingKey,
    audience: &str,
    now: Duration,
) -> Result<Statement, StatementFault> {
    use StatementFault as F;
    let (claims, message, signature) = read(token)?;
    if !key.is_of(message.as_bytes(), &signature) {
        return Err(F::Signature);
    }
    if claims.aud != audience {
        return Err(F::Audience);
    }
    let (issued, expires) = (Duration::from_secs(claims.iat), Duration::from_secs(claims.exp));
    if expires.saturating_sub(issued) > LIFE_MAX || expires < issued {
        return Err(F::TooLong);
    }
    if issued > now + SKEW_MAX {
        return Err(F::Early);
    }
    if now > expires + SKEW_MAX {
        return Err(F::Expired);
    }
    claims.statement()
}

/// The claims, what is signed, and the signature.
fn read(token: &str) -> Result<(Claims, &str, Vec<u8>), StatementFault> {
    read_parts(token).ok_or(StatementFault::Unreadable)
}

fn read_parts(token: &str) -> Option<(Claims, &str, Vec<u8>)> {
    if token.len() > STATEMENT_BYTES_MAX {
        return None;
    }
    let (message, signature) = token.rsplit_once('.')?;
    let (header, claims) = message.split_once('.')?;
    let bytes = |part: &str| URL_SAFE_NO_PAD.decode(part).ok();
    let header: Header = serde_json::from_slice(&bytes(header)?).ok()?;
    if header.alg != ALGORITHM || header.typ != TYPE {
        return None;
    }
    let claims: Claims = serde_json::from_slice(&bytes(claims)?).ok()?;
    Some((claims, message, bytes(signature)?))
}

/// `crit` and whatever else a header may hold is not known here, and refused.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    alg: String,
    typ: String,
    kid: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Claims {
    iss: String,
    aud: String,
    sub: String,
    jti: String,
    iat: u64,
    exp: u64,
    roles: BTreeSet<String>,
    groups: BTreeSet<String>,
    clearances: BTreeSet<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    home: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    purpose: Option<String>,
    delivered: Vec<String>,
    through: Vec<String>,
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    besides: BTreeSet<String>,
    plan: String,
    left_ms: u64,
    request: String,
    evaluated: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    whole: Option<WholeClaim>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
enum WholeClaim {
    Query(String),
    Keys(Vec<String>),
    Names { filter: Option<String>, v1: bool },
    Values { name: String, filter: Option<String>, v1: bool },
}

impl Claims {
    fn of(statement: &Statement) -> Self {
        let Statement { issuer, audience, id, asker, left, request, issued, expires } = statement;
        let Asker { caller, through, besides, delivered, plan_digest, errand } = asker;
        Self {
            iss: issuer.clone(),
            aud: audience.clone(),
            sub: caller.subject.clone(),
            jti: id.clone(),
            iat: issued.as_secs(),
            exp: expires.as_secs(),
            roles: caller.roles.clone(),
            groups: caller.groups.clone(),
            clearances: caller.clearances.clone(),
            home: caller.home.as_ref().map(ToString::to_string),
            purpose: caller.purpose.clone(),
            delivered: delivered.iter().map(ToString::to_string).collect(),
            through: through.clone(),
            besides: besides.clone(),
            plan: plan_digest.clone(),
            left_ms: u64::try_from(left.as_millis()).unwrap_or(u64::MAX),
            request: request.clone(),
            evaluated: errand.is_evaluated,
            whole: errand.whole.clone().map(WholeClaim::from),
        }
    }

    /// A fault where a claim is none of what it should be.
    fn statement(self) -> Result<Statement, StatementFault> {
        let of_caller = self.roles.len() + self.groups.len() + self.clearances.len();
        if of_caller + self.delivered.len() + self.besides.len() > CLAIMS_MAX
            || self.purpose.as_deref().is_some_and(|purpose| !is_purpose(purpose))
        {
            return Err(StatementFault::Claims);
        }
        if self.delivered.is_empty() || self.jti.is_empty() {
            return Err(StatementFault::Unreadable);
        }
        let place = |text: &String| Jurisdiction::parse(text).map_err(|_| StatementFault::Unreadable);
        let delivered: Result<Vec<_>, _> = self.delivered.iter().map(place).collect();
        let home = self.home.as_ref().map(place).transpose()?;
        let caller = Caller {
            subject: self.sub,
            roles: self.roles,
            groups: self.groups,
            clearances: self.clearances,
            home,
            purpose: self.purpose,
        };
        let errand = Errand { whole: self.whole.map(Whole::from), is_evaluated: self.evaluated };
        Ok(Statement {
            issuer: self.iss,
            audience: self.aud,
            id: self.jti,
            asker: Asker {
                caller: Arc::new(caller),
                through: self.through,
                besides: self.besides,
                delivered: delivered?,
                plan_digest: self.plan,
                errand,
            },
            left: Duration::from_millis(self.left_ms),
            request: self.request,
            issued: Duration::from_secs(self.iat),
            expires: Duration::from_secs(self.exp),
        })
    }
}

impl From<Whole> for WholeClaim {
    fn from(whole: Whole) -> Self {
        let v1 = |form| form == TagsForm::V1;
        match whole {
            Whole::Query(text) => Self::Query(text),
            Whole::Keys(keys) => Self::Keys(keys),
            Whole::Names { filter, form } => Self::Names { filter, v1: v1(form) },
            Whole::Values { name, filter, form } => Self::Values { name, filter, v1: v1(form) },
        }
    }
}

impl From<WholeClaim> for Whole {
    fn from(claim: WholeClaim) -> Self {
        let form = |v1| if v1 { TagsForm::V1 } else { TagsForm::V2 };
        match claim {
            WholeClaim::Query(text) => Self::Query(text),
            WholeClaim::Keys(keys) => Self::Keys(keys),
            WholeClaim::Names { filter, v1 } => Self::Names { filter, form: form(v1) },
            WholeClaim::Values { name, filter, v1 } => Self::Values { name, filter, form: form(v1) },
        }
    }
}

#[cfg(test)]
mod tests;
