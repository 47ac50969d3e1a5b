//! A grant as a signed token: a JSON Web Token with a type of its own, EdDSA alone. Here it is read and written;
//! whether it holds for who shows it, and when, is decided above.

use std::collections::BTreeSet;
use std::time::Duration;

use jsonwebtoken::{Algorithm, Header, Validation, decode, decode_header, encode};
use serde::{Deserialize, Serialize};

use super::key::{SigningKey, VerifyingKey};
use crate::model::grant::Grant;
use crate::model::{RegionName, TraceId};

/// So that no other token that the same key signed is taken for a grant.
const TYPE: &str = "tutti-grant+jwt";

/// A grant for a few classes and traces has a kilobyte.
pub const TOKEN_BYTES_MAX: usize = 8 << 10;

/// Classes, regions and traces of one grant. More is no narrow exception.
const LIST_MAX: usize = 100;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GrantTokenError {
    #[error("the grant is longer than {TOKEN_BYTES_MAX} bytes")]
    Long,
    #[error("it is no grant: it has to be what `tutti grant sign` wrote")]
    NoGrant,
    #[error("the grant is signed by a key that no [[break_glass.signer]] has")]
    UnknownKey,
    #[error("the signature of the grant is not that of its signer, or the grant was changed")]
    Signature,
    #[error("the grant cannot be read: {0}")]
    Wrong(String),
    #[error("the grant cannot be signed: {0}")]
    Unsigned(String),
}

/// The last second of the year 9999: what lies behind it cannot be written as a date.
const SECONDS_MAX: u64 = 253_402_300_799;

/// As it stands in the token, and in a request for one.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Claims {
    jti: String,
    sub: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    iss: String,
    ticket: String,
    justification: String,
    classes: BTreeSet<String>,
    regions: BTreeSet<String>,
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    traces: BTreeSet<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    purpose: Option<String>,
    iat: u64,
    nbf: u64,
    exp: u64,
}

/// Signs a grant, under the name that stands in it.
pub fn sign(grant: &Grant, key: &SigningKey) -> Result<String, GrantTokenError> {
    super::ready();
    let mut header = Header::new(Algorithm::EdDSA);
    header.typ = Some(TYPE.to_owned());
    header.kid = Some(key.public().name());
    encode(&header, &Claims::of(grant), &key.encoding())
        .map_err(|error| GrantTokenError::Unsigned(error.to_string()))
}

/// Reads a grant whose key `key_of` knows by its name. The name of the signer it claims is not checked here.
pub fn read<'k>(
    token: &str,
    key_of: impl FnOnce(&str) -> Option<&'k VerifyingKey>,
) -> Result<Grant, GrantTokenError> {
    super::ready();
    if token.len() > TOKEN_BYTES_MAX {
        return Err(GrantTokenError::Long);
    }
    let header = decode_header(token).map_err(|_| GrantTokenError::NoGrant)?;
    if header.alg != Algorithm::EdDSA || header.typ.as_deref() != Some(TYPE) {
        return Err(GrantTokenError::NoGrant);
    }
    let key = header.kid.as_deref().and_then(key_of).ok_or(GrantTokenError::UnknownKey)?;
    // Times are looked at above, by a clock that tests can pause.
    let mut rules = Validation::new(Algorithm::EdDSA);
    (rules.validate_exp, rules.validate_nbf, rules.validate_aud) = (false, false, false);
    rules.required_spec_claims.clear();
    let read = decode::<Claims>(token, &key.decoding(), &rules);
    let claims = read.map(|read| read.claims).map_err(|error| match error.kind() {
        jsonwebtoken::errors::ErrorKind::Json(why) => GrantTokenError::Wrong(why.to_string()),
        _ => GrantTokenError::Signature,
    })?;
    claims.into_grant()
}

/// A grant that is not signed yet, as JSON for whoever is to sign it.
pub fn to_request(grant: &Grant) -> Result<String, GrantTokenError> {
    serde_json::to_string_pretty(&Claims::of(grant))
        .map_err(|error| GrantTokenError::Unsigned(error.to_string()))
}

/// What somebody asks to be signed.
pub fn of_request(json: &str) -> Result<Grant, GrantTokenError> {
    if json.len() > TOKEN_BYTES_MAX {
        return Err(GrantTokenError::Long);
    }
    let claims: Claims =
        serde_json::from_str(json).map_err(|error| GrantTokenError::Wrong(error.to_string()))?;
    claims.into_grant()
}

/// What a token says, for looking at it only: nothing of it is checked.
pub fn peek(token: &str) -> Result<Grant, GrantTokenError> {
    super::ready();
    let claims = jsonwebtoken::dangerous::insecure_decode::<Claims>(token);
    claims.map_err(|_| GrantTokenError::NoGrant)?.claims.into_grant()
}

impl Claims {
    fn of(grant: &Grant) -> Self {
        Self {
            jti: grant.id.clone(),
            sub: grant.subject.clone(),
            iss: grant.signer.clone(),
            ticket: grant.ticket.clone(),
            justification: grant.justification.clone(),
            classes: grant.classes.clone(),
            regions: grant.regions.iter().map(ToString::to_string).collect(),
            traces: grant.traces.iter().map(ToString::to_string).collect(),
            purpose: grant.purpose.clone(),
            iat: grant.issued.as_secs(),
            nbf: grant.not_before.as_secs(),
            exp: grant.expires.as_secs(),
        }
    }

    fn into_grant(self) -> Result<Grant, GrantTokenError> {
        let wrong = |what: String| GrantTokenError::Wrong(what);
        let longest = [self.classes.len(), self.regions.len(), self.traces.len()].into_iter().max();
        if longest > Some(LIST_MAX) {
            return Err(wrong(format!("more than {LIST_MAX} classes, regions or traces")));
        }
        if [self.iat, self.nbf, self.exp].into_iter().any(|time| time > SECONDS_MAX) {
            return Err(wrong("a time lies behind the year 9999".to_owned()));
        }
        let regions: Result<BTreeSet<RegionName>, _> =
            self.regions.iter().map(|name| RegionName::parse(name)).collect();
        let traces: Result<BTreeSet<TraceId>, _> = self.traces.iter().map(|id| TraceId::parse(id)).collect();
        if self.jti.is_empty() || self.jti.len() > 128 || !self.jti.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(wrong("`jti` is a name of up to 128 visible characters".to_owned()));
        }
        Ok(Grant {
            id: self.jti,
            subject: self.sub,
            signer: self.iss,
            ticket: self.ticket,
            justification: self.justification,
            classes: self.classes,
            regions: regions.map_err(|error| wrong(error.to_string()))?,
            traces: traces.map_err(|error| wrong(error.to_string()))?,
            purpose: self.purpose,
            issued: Duration::from_secs(self.iat),
            not_before: Duration::from_secs(self.nbf),
            expires: Duration::from_secs(self.exp),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grant() -> Grant {
        Grant {
            id: "g-1".to_owned(),
            subject: "alice".to_owned(),
            signer: "bob".to_owned(),
            ticket: "INC-1".to_owned(),
            justification: "the checkout of one customer fails and nobody knows why".to_owned(),
            classes: ["pii.email".to_owned()].into(),
            regions: [RegionName::parse("eu-central").unwrap()].into(),
            traces: [TraceId::parse("0af7651916cd43dd8448eb211c80319c").unwrap()].into(),
            purpose: Some("incident".to_owned()),
            issued: Duration::from_secs(100),
            not_before: Duration::from_secs(100),
            expires: Duration::from_secs(1900),
        }
    }

    #[test]
    fn a_grant_is_read_as_it_was_signed_and_by_its_key_alone() {
        let (key, other) = (SigningKey::generate().unwrap(), SigningKey::generate().unwrap());
        let token = sign(&grant(), &key).unwrap();
        assert_eq!(read(&token, |_| Some(key.public())).unwrap(), grant());
        assert_eq!(peek(&token).unwrap(), grant());
        assert_eq!(read(&token, |_| Some(other.public())).unwrap_err(), GrantTokenError::Signature);
        assert_eq!(read(&token, |_| None).unwrap_err(), GrantTokenError::UnknownKey);
        assert_eq!(of_request(&to_request(&grant()).unwrap()).unwrap(), grant());
    }

    #[test]
    fn what_was_changed_or_is_another_token_is_no_grant() {
        let key = SigningKey::generate().unwrap();
        let refused = |token: &str| read(token, |_| Some(key.public())).unwrap_err();
        let token = sign(&grant(), &key).unwrap();
        let parts: Vec<&str> = token.split('.').collect();
        let other = sign(&Grant { subject: "mallory".to_owned(), ..grant() }, &key).unwrap();
        let payload = other.split('.').nth(1).unwrap();
        assert_eq!(refused(&format!("{}.{payload}.{}", parts[0], parts[2])), GrantTokenError::Signature);
        assert_eq!(refused(&format!("{}.{}.", parts[0], parts[1])), GrantTokenError::Signature);
        let plain = encode(&Header::new(Algorithm::EdDSA), &Claims::of(&grant()), &key.encoding()).unwrap();
        assert_eq!(refused(&plain), GrantTokenError::NoGrant);
        for text in ["", "a.b.c", "eyJhbGciOiJub25lIn0.e30."] {
            assert_eq!(refused(text), GrantTokenError::NoGrant, "{text}");
        }
        assert_eq!(refused(&"a".repeat(TOKEN_BYTES_MAX + 1)), GrantTokenError::Long);
        let far = sign(&Grant { expires: Duration::from_secs(SECONDS_MAX + 1), ..grant() }, &key).unwrap();
        assert!(matches!(refused(&far), GrantTokenError::Wrong(_)));
        let many = (0..=LIST_MAX).map(|nth| format!("class-{nth}")).collect();
        let long = sign(&Grant { classes: many, ..grant() }, &key).unwrap();
        assert!(matches!(refused(&long), GrantTokenError::Wrong(_)));
    }
}
