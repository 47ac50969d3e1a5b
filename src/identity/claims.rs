//! From what a token says, once it is known to be true, to a caller. What stands there and cannot be understood
//! refuses the token: read as nothing, a home that takes rights away would give them.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::settings::{ClaimPaths, Grant, Holder};
use super::token::{TokenFault, text};
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
    let purposes: Vec<String> = texts(claims, &paths.purpose)?.into_iter().collect();
    let home = match found(claims, &paths.home) {
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
    give(&mut caller, &roles, &users(claims), grants);
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
    let named = claims.get("username").and_then(Value::as_str).filter(|name| !name.is_empty());
    caller.subject = checked_subject(named.unwrap_or(sub), "sub")?;
    caller.groups.extend(texts(claims, "groups")?);
    let roles = claims.get("role").and_then(Value::as_str).map(str::to_owned).into_iter().collect();
    give(&mut caller, &roles, &users(claims), grants);
    let purposes = caller.purpose.clone().into_iter().collect();
    Ok(Mapped { caller, purposes })
}

fn give(caller: &mut Caller, roles: &BTreeSet<String>, users: &[&str], grants: &[Grant]) {
    for grant in grants {
        let holds = match &grant.to {
            Holder::Group(group) => caller.groups.contains(group),
            Holder::Role(role) => roles.contains(role),
            Holder::User(user) => users.contains(&user.as_str()),
        };
        if holds {
            caller.roles.extend(grant.roles.iter().cloned());
            caller.clearances.extend(grant.clearances.iter().cloned());
        }
    }
}

/// What a user may be called by in a grant. An address that nobody verified is none: anyone may have entered it.
fn users(claims: &Claims) -> Vec<&str> {
    let names = ["sub", "username", "preferred_username"].into_iter();
    let mut users: Vec<&str> = names.filter_map(|claim| claims.get(claim)?.as_str()).collect();
    users.extend(claims.get("email").and_then(Value::as_str).filter(|_| has_verified_email(claims)));
    users
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
    let subject = found(claims, path).and_then(Value::as_str).unwrap_or_default();
    checked_subject(subject, path)
}

fn checked_subject(subject: &str, claim: &str) -> Result<String, TokenFault> {
    let is_good = !subject.is_empty()
        && subject.chars().take(SUBJECT_CHARS_MAX + 1).count() <= SUBJECT_CHARS_MAX
        && !subject.contains(char::is_control);
    if is_good { Ok(subject.to_owned()) } else { Err(wrong(claim, "a text of at most 256 characters")) }
}

/// The claim of this very name, or the one that the path leads to. Some issuers have names with dots in them.
fn found<'c>(claims: &'c Claims, path: &str) -> Option<&'c Value> {
    let value = claims.get(path).or_else(|| {
        let mut steps = path.split('.');
        let first = claims.get(steps.next()?)?;
        steps.try_fold(first, |value, step| value.get(step))
    });
    value.filter(|value| !value.is_null())
}

/// A list of texts, or one.
fn texts(claims: &Claims, path: &str) -> Result<BTreeSet<String>, TokenFault> {
    match found(claims, path) {
        None => Ok(BTreeSet::new()),
        Some(Value::String(one)) => Ok(BTreeSet::from([one.clone()])),
        Some(Value::Array(several)) => {
            let texts = several.iter().map(|one| one.as_str().map(str::to_owned));
            texts.collect::<Option<_>>().ok_or_else(|| wrong(path, "a list of texts"))
        }
        Some(_) => Err(wrong(path, "a list of texts")),
    }
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
