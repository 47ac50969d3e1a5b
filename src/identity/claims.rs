//! Claims as they are written: a JSON object with the names that tokens use.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::model::{Caller, Jurisdiction};

/// Why claims are none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ClaimsError {
    #[error("no JSON, at line {line}, column {column}")]
    NoJson { line: usize, column: usize },
    #[error("no JSON object")]
    NoObject,
    #[error("`{0}` is no text, or list of texts")]
    NoTexts(&'static str),
    #[error("`{0}` is no text")]
    NoText(&'static str),
    #[error("`home` names no jurisdiction: 1 to 32 of A-Z, a-z, 0-9 and -")]
    NoJurisdiction,
}

/// Reads `sub`, `roles`, `groups`, `clearances`, `home` and `purpose`. Other claims say nothing here, as in a token.
pub fn claims(json: &[u8]) -> Result<Caller, ClaimsError> {
    let read = serde_json::from_slice::<Value>(json);
    let value = read.map_err(|error| ClaimsError::NoJson { line: error.line(), column: error.column() })?;
    let Value::Object(claims) = value else { return Err(ClaimsError::NoObject) };
    let text = |name: &'static str| match claims.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(ClaimsError::NoText(name)),
    };
    let texts = |name: &'static str| match claims.get(name) {
        None | Some(Value::Null) => Ok(BTreeSet::new()),
        Some(Value::String(text)) => Ok([text.clone()].into()),
        Some(Value::Array(all)) => {
            let text = |value: &Value| value.as_str().map(str::to_owned);
            all.iter().map(text).collect::<Option<_>>().ok_or(ClaimsError::NoTexts(name))
        }
        Some(_) => Err(ClaimsError::NoTexts(name)),
    };
    let home = text("home")?.map(|home| Jurisdiction::parse(&home)).transpose();
    Ok(Caller {
        subject: text("sub")?.unwrap_or_else(|| Caller::anonymous().subject),
        roles: texts("roles")?,
        groups: texts("groups")?,
        clearances: texts("clearances")?,
        home: home.map_err(|_| ClaimsError::NoJurisdiction)?,
        purpose: text("purpose")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn claims_are_read_by_the_names_that_tokens_use() {
        let caller = claims(
            br#"{"sub": "alice", "roles": ["sre", "oncall"], "groups": "shop", "home": "EU", "purpose": "incident",
                "iss": "elsewhere", "exp": 1, "clearances": null}"#,
        )
        .unwrap();
        assert_eq!(caller.subject, "alice");
        assert_eq!(caller.roles, ["oncall", "sre"].map(str::to_owned).into());
        assert_eq!(caller.groups, ["shop".to_owned()].into());
        assert!(caller.clearances.is_empty());
        assert_eq!((caller.home.unwrap().as_str(), caller.purpose.as_deref()), ("EU", Some("incident")));
        assert_eq!(claims(b"{}"), Ok(Caller::anonymous()));
    }

    #[test]
    fn what_is_no_claim_is_refused_and_never_taken_for_none() {
        for (text, expected) in [
            ("", ClaimsError::NoJson { line: 1, column: 0 }),
            ("[]", ClaimsError::NoObject),
            (r#"{"roles": {"sre": true}}"#, ClaimsError::NoTexts("roles")),
            (r#"{"groups": ["a", 1]}"#, ClaimsError::NoTexts("groups")),
            (r#"{"sub": 7}"#, ClaimsError::NoText("sub")),
            (r#"{"home": "the moon"}"#, ClaimsError::NoJurisdiction),
        ] {
            assert_eq!(claims(text.as_bytes()), Err(expected), "{text}");
        }
    }
}
