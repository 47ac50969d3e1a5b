//! `[identity]`: who everyone is, whose tokens are believed, and which secrets and certificates stand for whom, as
//! given and as resolved. A secret never stands in the file; what it stands for is a file of claims beside it.

use std::net::SocketAddr;
use std::path::Path;

use secrecy::ExposeSecret;

use super::claims;
use super::credentials::{self, GivenSecret};
use super::fault::{Findings, Place, quoted};
use super::given::{At, Given};
use super::is_loopback;
use super::issuers::{self, GivenGrafana, GivenIssuer};
use super::senders::{self, GivenDataSource, Listener};
use super::table::Table;
use super::words;
use super::world::World;
use crate::identity::{Callers, IdentitySettings, Mode};
use crate::model::Caller;

/// Claims are a few hundred bytes.
const CLAIMS_BYTES_MAX: u64 = 64 << 10;

/// Tokens for development: more people than these need a real issuer.
const TOKENS_MAX: usize = 100;

/// Issuers, Grafanas, and data sources each: every request with a secret is held against all of them.
pub(super) const EACH_MAX: usize = 100;

#[derive(Debug)]
pub(super) struct GivenIdentity {
    pub place: Place,
    pub mode: Given<Mode>,
    pub claims_file: Given<String>,
    pub tokens: Vec<GivenToken>,
    pub issuers: Vec<GivenIssuer>,
    pub grafanas: Vec<GivenGrafana>,
    pub data_sources: Vec<GivenDataSource>,
}

#[derive(Debug)]
pub(super) struct GivenToken {
    place: Place,
    token: Given<GivenSecret>,
    claims: Given<String>,
}

pub(super) fn read(mut table: Table<'_>, out: &mut Findings) -> GivenIdentity {
    let given = GivenIdentity {
        place: table.place.clone(),
        mode: table.parsed("mode", out, words::identity_mode),
        claims_file: table.text("claims_file", out),
        tokens: several(&mut table, "token", TOKENS_MAX, out, token),
        issuers: several(&mut table, "issuer", EACH_MAX, out, issuers::issuer),
        grafanas: several(&mut table, "grafana", EACH_MAX, out, issuers::grafana),
        data_sources: several(&mut table, "data_source", EACH_MAX, out, senders::data_source),
    };
    table.close(out);
    given
}

fn several<T>(
    table: &mut Table<'_>,
    key: &'static str,
    max: usize,
    out: &mut Findings,
    read: impl Fn(Table<'_>, &mut Findings) -> T,
) -> Vec<T> {
    let tables = table.tables(key, out).into_value().unwrap_or_default();
    if let Some(first_too_many) = tables.get(max) {
        let what = format!("more than {max} of `{key}`");
        out.fault(&first_too_many.place, what, "name fewer, or put what they share into one issuer");
    }
    tables.into_iter().map(|table| read(table, out)).collect()
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
    GivenToken { place, token, claims }
}

pub(super) fn resolve(
    given: &GivenIdentity,
    listener: Listener,
    world: &mut World<'_>,
    out: &mut Findings,
) -> IdentitySettings {
    let mode = given.mode.or(Mode::Open);
    check_mode(given, mode, listener, out);
    check_development(given, listener.address, out);
    IdentitySettings {
        mode,
        callers: callers(given, world, out),
        issuers: issuers::resolve_issuers(&given.issuers, world, out),
        grafanas: issuers::resolve_grafanas(&given.grafanas, listener, world, out),
        data_sources: senders::resolve(&given.data_sources, listener, world, out),
    }
}

fn callers(given: &GivenIdentity, world: &mut World<'_>, out: &mut Findings) -> Callers {
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

/// What a mode needs, and what it excludes.
fn check_mode(given: &GivenIdentity, mode: Mode, listener: Listener, out: &mut Findings) {
    if mode == Mode::Open {
        return;
    }
    if let Some(everyone) = given.claims_file.is() {
        let what = "`claims_file` says who everyone is, and nobody is let in who shows nothing";
        out.fault(&everyone.place, what, "take it away, or write mode = \"open\" on loopback");
    }
    let ways = [given.tokens.len(), given.issuers.len(), given.grafanas.len(), given.data_sources.len()];
    if ways.iter().all(|number| *number == 0) && !listener.is_asked_by_gateways {
        let place = given.mode.is().map_or(&given.place, |at| &at.place);
        let remedy =
            "write [[identity.issuer]], [[identity.grafana]], [[identity.data_source]] or [[peer.trusts]]";
        out.fault(place, "nobody could ask: no way is named to show who asks", remedy);
    }
}

/// Whoever reads a file of the gateway's machine could be any of these.
fn check_development(given: &GivenIdentity, listen: SocketAddr, out: &mut Findings) {
    if is_loopback(listen) {
        return;
    }
    if let Some(first) = given.tokens.first() {
        let what = format!("tokens are for development, and {listen} can be reached from other machines");
        out.fault(&first.place, what, "listen on loopback, or let an [[identity.issuer]] make tokens");
    }
}

/// The claims in a file that is named there.
pub(super) fn claims_of(at: &At<String>, world: &mut World<'_>, out: &mut Findings) -> Option<Caller> {
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
