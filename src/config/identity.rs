//! `[identity]`: who everyone is, and the tokens of development, as given and as resolved. A token is a secret, so it
//! never stands in the file; what it stands for is a file of claims beside it.

use super::claims;
use super::credentials::{self, GivenSecret};
use super::fault::{Findings, quoted};
use super::file::IdentityWord;
use super::given::{At, Given};
use super::table::Table;
use super::words;
use super::world::World;
use crate::identity::Callers;
use crate::model::Caller;
use secrecy::ExposeSecret;
use std::path::Path;

/// Claims are a few hundred bytes.
const CLAIMS_BYTES_MAX: u64 = 64 << 10;

/// Tokens for development: more people than these need a real issuer.
const TOKENS_MAX: usize = 100;

#[derive(Debug)]
pub(super) struct GivenIdentity {
    pub mode: Given<IdentityWord>,
    pub claims_file: Given<String>,
    pub tokens: Vec<GivenToken>,
}

#[derive(Debug)]
pub(super) struct GivenToken {
    token: Given<GivenSecret>,
    claims: Given<String>,
}

pub(super) fn read(mut table: Table<'_>, out: &mut Findings) -> GivenIdentity {
    let mode = table.parsed("mode", out, words::identity_mode);
    let claims_file = table.text("claims_file", out);
    let tokens = table.tables("token", out).into_value().unwrap_or_default();
    if let Some(first_too_many) = tokens.get(TOKENS_MAX) {
        let what = format!("more than {TOKENS_MAX} tokens for development");
        out.fault(&first_too_many.place, what, "let a proxy before the gateway authenticate so many");
    }
    let tokens = tokens.into_iter().map(|of| token(of, out)).collect();
    let remedy = "take `[[identity.issuer]]` away; until a later version checks who asks, listen on loopback";
    table.refuse("issuer", "this version does not check tokens", remedy, out);
    table.close(out);
    GivenIdentity { mode, claims_file, tokens }
}

fn token(mut table: Table<'_>, out: &mut Findings) -> GivenToken {
    let place = table.place.clone();
    let token = credentials::secret(&mut table, "token", false, out);
    let claims = table.text("claims", out);
    table.close(out);
    if token.is_absent() {
        out.fault(
            &place,
            "`token` is missing",
            "write `token = { env = \"NAME\" }` or `{ file = \"path\" }`",
        );
    }
    if claims.is_absent() {
        out.fault(&place, "`claims` is missing", "write `claims = \"alice.json\"`");
    }
    GivenToken { token, claims }
}

pub(super) fn resolve(given: &GivenIdentity, world: &mut World<'_>, out: &mut Findings) -> Callers {
    let everyone = given.claims_file.is().and_then(|at| claims_of(at, world, out));
    let mut callers = Callers::everyone(everyone.unwrap_or_else(Caller::anonymous));
    for of in &given.tokens {
        let secret = of.token.is().and_then(|at| Some((world.secret(&at.value, out)?, &at.place)));
        let caller = of.claims.is().and_then(|at| claims_of(at, world, out));
        if let (Some((secret, place)), Some(caller)) = (secret, caller)
            && !callers.know(secret.expose_secret(), caller)
        {
            out.secret_fault(place, "two callers have the same token", "give each a token of its own");
        }
    }
    callers
}

fn claims_of(at: &At<String>, world: &mut World<'_>, out: &mut Findings) -> Option<Caller> {
    let bytes = world.file(at, CLAIMS_BYTES_MAX, out)?;
    match claims::parse(&bytes, Path::new(&at.value)) {
        Ok(caller) => Some(caller),
        Err(why) => {
            let what = format!("file {} holds no claims: {why}", quoted(&at.value));
            let remedy =
                "write a JSON object, as in {\"sub\": \"alice\", \"roles\": [\"sre\"], \"home\": \"EU\"}";
            out.fault(&at.place, what, remedy);
            None
        }
    }
}
