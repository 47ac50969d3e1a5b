//! The claims of a caller from a file, for trying policies: JSON as a token carries them.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::world::{Environment, World};
use crate::model::caller::{PURPOSE_CHARS_MAX, is_purpose};
use crate::model::{Caller, Jurisdiction};

/// Claims are a few hundred bytes; a token with more than this would not fit a header.
const CLAIMS_BYTES_MAX: u64 = 64 << 10;

/// Why there are no claims: one line, with the place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ClaimsError {
    #[error("claims `{}` cannot be read: {why}", path.display())]
    Unreadable { path: PathBuf, why: String },
    #[error("{}:{line}:{column}: {what}", path.display())]
    Wrong { path: PathBuf, line: usize, column: usize, what: String },
}

/// As written. Claims about the token itself may stand there and decide nothing.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Claims {
    sub: Option<String>,
    #[serde(default)]
    roles: BTreeSet<String>,
    #[serde(default)]
    groups: BTreeSet<String>,
    #[serde(default)]
    clearances: BTreeSet<String>,
    home: Option<String>,
    purpose: Option<String>,
    #[serde(rename = "iss")]
    _iss: Option<IgnoredAny>,
    #[serde(rename = "aud")]
    _aud: Option<IgnoredAny>,
    #[serde(rename = "exp")]
    _exp: Option<IgnoredAny>,
    #[serde(rename = "nbf")]
    _nbf: Option<IgnoredAny>,
    #[serde(rename = "iat")]
    _iat: Option<IgnoredAny>,
    #[serde(rename = "jti")]
    _jti: Option<IgnoredAny>,
}

/// Reads the claims of a caller from a file.
pub fn read_claims(path: &Path) -> Result<Caller, ClaimsError> {
    let no_environment: Environment<'_> = &|_| None;
    let read = World::around(path, no_environment).read(path, CLAIMS_BYTES_MAX);
    let bytes = read.map_err(|why| ClaimsError::Unreadable { path: path.to_owned(), why })?;
    parse(&bytes, path)
}

/// The same of a file that is read already.
pub(super) fn parse(bytes: &[u8], path: &Path) -> Result<Caller, ClaimsError> {
    let wrong = |line, column, what: String| ClaimsError::Wrong { path: path.to_owned(), line, column, what };
    let claims: Claims = serde_json::from_slice(bytes).map_err(|error| {
        let text = error.to_string();
        let what = text.rsplit_once(" at line ").map_or(text.as_str(), |(what, _)| what).to_owned();
        wrong(error.line(), error.column(), what)
    })?;
    let home = claims.home.map(|home| Jurisdiction::parse(&home)).transpose().map_err(|error| {
        let (line, column) = place_of(bytes, "\"home\"");
        wrong(line, column, format!("`home`: {error}"))
    })?;
    if claims.purpose.as_deref().is_some_and(|purpose| !is_purpose(purpose)) {
        let (line, column) = place_of(bytes, "\"purpose\"");
        let what = format!("`purpose` is a word, or a few, of {PURPOSE_CHARS_MAX} characters at most");
        return Err(wrong(line, column, what));
    }
    let anonymous = Caller::anonymous();
    Ok(Caller {
        subject: claims.sub.unwrap_or(anonymous.subject),
        roles: claims.roles,
        groups: claims.groups,
        clearances: claims.clearances,
        home,
        purpose: claims.purpose,
    })
}

/// Line and column, from 1, of the first place where a word stands.
fn place_of(bytes: &[u8], word: &str) -> (usize, usize) {
    let text = String::from_utf8_lossy(bytes);
    let before = text.split(word).next().unwrap_or_default();
    let column = before.lines().last().map_or(0, |line| line.chars().count());
    (before.matches('\n').count() + 1, column + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Caller, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("claims.json");
        std::fs::write(&path, text).unwrap();
        read_claims(&path).map_err(|error| error.to_string().replace(&*folder.path().to_string_lossy(), ""))
    }

    #[test]
    fn claims_are_read_as_a_token_has_them() {
        let text = r#"{"sub":"jane","roles":["sre","sre"],"groups":["a"],"clearances":["pci"],"home":"EU",
            "purpose":"incident","iss":"https://idp.example","exp":1}"#;
        let caller = read(text).unwrap();
        assert_eq!(caller.subject, "jane");
        assert_eq!(caller.roles, ["sre".to_owned()].into());
        assert_eq!(caller.home.unwrap().as_str(), "EU");
        assert_eq!(read("{}").unwrap(), Caller::anonymous());
    }

    #[test]
    fn what_is_wrong_with_claims_is_one_line_with_its_place() {
        let check = |text: &str, expected: &str| {
            let error = read(text).unwrap_err();
            assert!(error.starts_with(expected) && !error.contains('\n'), "{text}: {error}");
        };
        check("{\n \"role\": []}", "/claims.json:2:7: unknown field `role`, expected one of `sub`, `roles`");
        check("{\"roles\": \"sre\"}", "/claims.json:1:15: invalid type: string \"sre\", expected a sequence");
        check("{\"home\": \"over there\"}", "/claims.json:1:2: `home`: a jurisdiction is");
        let long = format!("{{\"purpose\": \"{}\"}}", "p".repeat(65));
        check(&long, "/claims.json:1:2: `purpose` is a word, or a few, of 64 characters at most");
        check("{", "/claims.json:1:1: EOF");
        check("[]", "/claims.json:1:");
    }
}
