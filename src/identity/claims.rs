//! From what a token says, once it is known to be true, to a caller. What stands there and cannot be understood
//! refuses the token: read as nothing, a home that takes rights away would give them.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::settings::{ClaimPaths, Grant, Holder};
use super::token::{TokenFault, text};
use crate::model::caller::{PURPOSES_MAX, is_purpose};
use crate::model::{Caller, Jurisdiction};

/// Characters of a subject: it is written into every record.
const SUBJECT_CHARS_MAX: usize = 256;

type Claims = Map<String, Value>;

/// A caller, and the purposes they may state.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Mapped {
    pub caller: Caller,
    pub purposes: Vec<String>,
}

/// The caller of a bearer token.
pub(super) fn of_issuer(claims: &Claims, paths: &ClaimPaths, grants: &[Grant]) -> Result<Mapped, TokenFault> {
    let subject = subject(claims, &paths.subject)?;
    let purposes = purposes(claims, &paths.purpose)?;
    let home = match found(claims, &paths.home)? {
        None => None,
        Some(value) => Some(jurisdiction(value).ok_or_else(|| wrong(&paths.home, "a jurisdiction"))?),
    };
    let mut caller = Caller {
        subject,
        roles: texts(claims, &paths.roles)?,
        groups: texts(claims, &paths.groups)?,
        clearances: texts(claims, &paths.clearances)?,
        home,
        purpose: only(&purposes),
    };
    let roles = caller.roles.clone();
    give(&mut caller, &roles, &Named::of(claims, "preferred_username"), grants);
    Ok(Mapped { caller, purposes })
}

/// The caller of a Grafana's id token. Its role there is none here: it only finds what is granted to it.
pub(super) fn of_grafana(
    claims: &Claims,
    everyone: &Caller,
    types: &BTreeSet<String>,
    grants: &[Grant],
) -> Result<Mapped, TokenFault> {
    let sub = text(claims, "sub")?;
    // Older ones say of what type they are in the subject alone.
    let of_subject = sub.split_once(':').map(|(of_type, _)| of_type);
    let of_type = claims.get("type").and_then(Value::as_str).or(of_subject).unwrap_or_default();
    if !types.contains(of_type) {
        return Err(TokenFault::Kind(super::token::shown(of_type)));
    }
    let mut caller = everyone.clone();
    caller.subject = checked_subject(sub, "sub")?;
    caller.groups.extend(texts(claims, "groups")?);
    let roles = claims.get("role").and_then(Value::as_str).map(str::to_owned).into_iter().collect();
    give(&mut caller, &roles, &Named::of(claims, "username"), grants);
    let purposes = caller.purpose.clone().into_iter().collect();
    Ok(Mapped { caller, purposes })
}

fn give(caller: &mut Caller, roles: &BTreeSet<String>, named: &Named<'_>, grants: &[Grant]) {
    for grant in grants {
        let holds = match &grant.to {
            Holder::Group(group) => caller.groups.contains(group),
            Holder::Role(role) => roles.contains(role),
            Holder::User(subject) => named.subject == Some(subject),
            Holder::Username(name) => named.username == Some(name),
            Holder::Email(address) => named.email == Some(address),
        };
        if holds {
            caller.roles.extend(grant.roles.iter().cloned());
            caller.clearances.extend(grant.clearances.iter().cloned());
        }
    }
}

/// What a user may be called by in a grant, each kind for itself: users may choose some of these, and one who takes the
/// subject or the address of another for a name must not have what the other has.
struct Named<'c> {
    subject: Option<&'c str>,
    username: Option<&'c str>,
    /// One that nobody verified is none: anyone may have entered it.
    email: Option<&'c str>,
}

impl<'c> Named<'c> {
    fn of(claims: &'c Claims, username: &str) -> Self {
        let text = |claim: &str| claims.get(claim).and_then(Value::as_str);
        Self {
            subject: text("sub"),
            username: text(username),
            email: text("email").filter(|_| has_verified_email(claims)),
        }
    }
}

fn has_verified_email(claims: &Claims) -> bool {
    // Some issuers write the word.
    matches!(claims.get("email_verified"), Some(Value::Bool(true)))
        || claims.get("email_verified").and_then(Value::as_str) == Some("true")
}

fn subject(claims: &Claims, path: &str) -> Result<String, TokenFault> {
    if path == "email" && !has_verified_email(claims) {
        return Err(TokenFault::Email);
    }
    let subject = found(claims, path)?.and_then(Value::as_str).unwrap_or_default();
    checked_subject(subject, path)
}

fn checked_subject(subject: &str, claim: &str) -> Result<String, TokenFault> {
    let is_good = !subject.is_empty()
        && subject.chars().take(SUBJECT_CHARS_MAX + 1).count() <= SUBJECT_CHARS_MAX
        && !subject.contains(char::is_control);
    if is_good { Ok(subject.to_owned()) } else { Err(wrong(claim, "a text of at most 256 characters")) }
}

/// The claim of this very name, or the one that the path leads to. Some issuers have names with dots in them. A path
/// that leads through what has no names in it is a fault and not nothing: the claim is there, in another form.
fn found<'c>(claims: &'c Claims, path: &str) -> Result<Option<&'c Value>, TokenFault> {
    if let Some(value) = claims.get(path) {
        return Ok(Some(value).filter(|value| !value.is_null()));
    }
    let mut steps = path.split('.');
    let mut value = steps.next().and_then(|first| claims.get(first));
    for step in steps {
        value = match value {
            None | Some(Value::Null) => return Ok(None),
            Some(Value::Object(names)) => names.get(step),
            Some(_) => return Err(wrong(path, "where its path leads")),
        };
    }
    Ok(value.filter(|value| !value.is_null()))
}

/// A list of texts, or one.
fn texts(claims: &Claims, path: &str) -> Result<BTreeSet<String>, TokenFault> {
    match found(claims, path)? {
        None => Ok(BTreeSet::new()),
        Some(Value::String(one)) => Ok(BTreeSet::from([one.clone()])),
        Some(Value::Array(several)) => {
            let texts = several.iter().map(|one| one.as_str().map(str::to_owned));
            texts.collect::<Option<_>>().ok_or_else(|| wrong(path, "a list of texts"))
        }
        Some(_) => Err(wrong(path, "a list of texts")),
    }
}

/// An empty one is none, as where the claim is not there.
fn purposes(claims: &Claims, path: &str) -> Result<Vec<String>, TokenFault> {
    let purposes: Vec<String> = texts(claims, path)?.into_iter().filter(|one| !one.is_empty()).collect();
    let is_bounded = purposes.len() <= PURPOSES_MAX && purposes.iter().all(|purpose| is_purpose(purpose));
    if is_bounded { Ok(purposes) } else { Err(TokenFault::Purposes) }
}

fn jurisdiction(value: &Value) -> Option<Jurisdiction> {
    Jurisdiction::parse(value.as_str()?).ok()
}

/// Of several purposes none is stated before one is picked.
fn only(purposes: &[String]) -> Option<String> {
    match purposes {
        [only] => Some(only.clone()),
        _ => None,
    }
}

fn wrong(claim: &str, wanted: &'static str) -> TokenFault {
    TokenFault::Claim { claim: claim.to_owned(), wanted }
}
