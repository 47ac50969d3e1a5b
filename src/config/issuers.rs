//! `[[identity.issuer]]` and `[[identity.grafana]]`: who signs tokens, where their keys are, and what becomes of their
//! claims.

use std::collections::BTreeSet;
use std::sync::Arc;

use http::Uri;

use super::fault::{Findings, Place, quoted};
use super::given::{At, Given};
use super::identity::{EACH_MAX, claims_of};
use super::regions::require;
use super::senders::{self, GivenFactor, Listener};
use super::table::Table;
use super::tls;
use super::words;
use super::world::World;
use crate::identity::{
    ClaimPaths, GrafanaSettings, Grant, Holder, IssuerSettings, KEYS_BYTES_MAX, KeySet, KeysFrom, KeysUrl,
    SignedBy,
};
use crate::model::Caller;

/// Kinds of identities that a Grafana signs for.
const TYPES: [&str; 6] = ["user", "service-account", "api-key", "anonymous", "render", "access-policy"];

/// Organisations of a Grafana are counted from one.
const ORG_MAX: u64 = u32::MAX as u64;

#[derive(Debug)]
pub(super) struct GivenIssuer {
    place: Place,
    issuer: Given<String>,
    audience: Given<String>,
    algorithms: Given<Vec<At<String>>>,
    keys: GivenKeysFrom,
    claims: Given<GivenPaths>,
    grants: Vec<GivenGrant>,
}

#[derive(Debug)]
pub(super) struct GivenGrafana {
    place: Place,
    issuer: Given<String>,
    orgs: Given<Vec<u64>>,
    types: Given<Vec<At<String>>>,
    keys: GivenKeysFrom,
    factor: GivenFactor,
    claims: Given<String>,
    grants: Vec<GivenGrant>,
}

#[derive(Debug)]
struct GivenKeysFrom {
    file: Given<String>,
    url: Given<Uri>,
    ca_file: Given<String>,
}

#[derive(Debug)]
struct GivenPaths {
    subject: Given<String>,
    roles: Given<String>,
    groups: Given<String>,
    clearances: Given<String>,
    home: Given<String>,
    purpose: Given<String>,
}

#[derive(Debug)]
struct GivenGrant {
    place: Place,
    group: Given<String>,
    role: Given<String>,
    user: Given<String>,
    username: Given<String>,
    email: Given<String>,
    roles: Given<Vec<At<String>>>,
    clearances: Given<Vec<At<String>>>,
}

pub(super) fn issuer(mut table: Table<'_>, out: &mut Findings) -> GivenIssuer {
    let given = GivenIssuer {
        place: table.place.clone(),
        issuer: table.text("issuer", out),
        audience: table.text("audience", out),
        algorithms: table.texts("algorithms", out),
        keys: keys(&mut table, out),
        claims: table.table("claims", out).map(|table| paths(table, out)),
        grants: grants(&mut table, out),
    };
    table.close(out);
    require(&given.issuer, &given.place, "issuer", "issuer = \"https://idp.example\"", out);
    require(&given.audience, &given.place, "audience", "audience = \"tutti\"", out);
    given
}

pub(super) fn grafana(mut table: Table<'_>, out: &mut Findings) -> GivenGrafana {
    let given = GivenGrafana {
        place: table.place.clone(),
        issuer: table.text("issuer", out),
        orgs: table.wholes("orgs", 1..=ORG_MAX, out),
        types: table.texts("types", out),
        keys: keys(&mut table, out),
        factor: senders::factor(&mut table, out),
        claims: table.text("claims", out),
        grants: grants(&mut table, out),
    };
    table.close(out);
    require(&given.issuer, &given.place, "issuer", "issuer = \"https://grafana.example/\"", out);
    require(&given.orgs, &given.place, "orgs", "orgs = [1]", out);
    given
}

fn keys(table: &mut Table<'_>, out: &mut Findings) -> GivenKeysFrom {
    let place = table.place.clone();
    let given = GivenKeysFrom {
        file: table.text("jwks_file", out),
        url: table.parsed("jwks_url", out, words::keys_url),
        ca_file: table.text("ca_file", out),
    };
    match (given.file.is_absent(), given.url.is_absent()) {
        (true, true) => {
            let remedy = "write `jwks_url = \"https://idp.example/keys\"`, or `jwks_file = \"jwks.json\"`";
            out.fault(&place, "it is not said where the keys of this issuer are", remedy);
        }
        (false, false) => {
            out.fault(&place, "`jwks_file` and `jwks_url` exclude each other", "keep one of them");
        }
        _ => {}
    }
    if let (Some(ca_file), true) = (given.ca_file.is(), given.url.is_absent()) {
        out.fault(&ca_file.place, "`ca_file` is for `jwks_url`, and there is none", "take it away");
    }
    given
}

fn paths(mut table: Table<'_>, out: &mut Findings) -> GivenPaths {
    let given = GivenPaths {
        subject: table.text("subject", out),
        roles: table.text("roles", out),
        groups: table.text("groups", out),
        clearances: table.text("clearances", out),
        home: table.text("home", out),
        purpose: table.text("purpose", out),
    };
    table.close(out);
    given
}

fn grants(table: &mut Table<'_>, out: &mut Findings) -> Vec<GivenGrant> {
    let tables = table.tables("grant", out).into_value().unwrap_or_default();
    if let Some(first_too_many) = tables.get(EACH_MAX) {
        let what = format!("more than {EACH_MAX} grants of one issuer");
        out.fault(&first_too_many.place, what, "let the issuer put roles into its tokens");
    }
    tables.into_iter().map(|table| grant(table, out)).collect()
}

fn grant(mut table: Table<'_>, out: &mut Findings) -> GivenGrant {
    let given = GivenGrant {
        place: table.place.clone(),
        group: table.text("group", out),
        role: table.text("role", out),
        user: table.text("user", out),
        username: table.text("username", out),
        email: table.text("email", out),
        roles: table.texts("roles", out),
        clearances: table.texts("clearances", out),
    };
    table.close(out);
    let to = [&given.group, &given.role, &given.user, &given.username, &given.email];
    if to.into_iter().filter(|to| !to.is_absent()).count() != 1 {
        let remedy = "write one of `group`, `role`, `user` (its `sub`), `username` and `email`";
        out.fault(&given.place, "a grant is to a group, a role or a user", remedy);
    }
    if given.roles.is_absent() && given.clearances.is_absent() {
        out.fault(&given.place, "nothing is granted", "write `roles = [\"sre\"]`, or `clearances`");
    }
    given
}

pub(super) fn resolve_issuers(
    given: &[GivenIssuer],
    world: &mut World<'_>,
    out: &mut Findings,
) -> Vec<IssuerSettings> {
    check_names(given.iter().map(|of| &of.issuer), out);
    let resolved = given.iter().map(|of| {
        let keys = keys_from(&of.keys, world, out);
        let algorithms = algorithms(&of.algorithms, out);
        Some(IssuerSettings {
            issuer: of.issuer.value()?,
            audience: of.audience.value()?,
            algorithms,
            keys: keys?,
            claims: claim_paths(of.claims.is()),
            grants: resolve_grants(&of.grants),
        })
    });
    resolved.collect::<Vec<_>>().into_iter().flatten().collect()
}

pub(super) fn resolve_grafanas(
    given: &[GivenGrafana],
    listener: Listener,
    world: &mut World<'_>,
    out: &mut Findings,
) -> Vec<GrafanaSettings> {
    check_names(given.iter().map(|of| &of.issuer), out);
    let resolved = given.iter().map(|of| {
        let keys = keys_from(&of.keys, world, out);
        let missing = "`X-Grafana-Id` alone proves nobody, since Grafana sends it to every data source";
        let factor = senders::resolve_factor(&of.factor, &of.place, missing, listener, world, out);
        let everyone = match of.claims.is() {
            Some(at) => claims_of(at, world, out),
            None => Some(Caller::anonymous()),
        };
        Some(GrafanaSettings {
            issuer: of.issuer.value()?,
            orgs: of.orgs.value()?.into_iter().collect(),
            types: types(&of.types, out),
            keys: keys?,
            factor: factor?,
            everyone: everyone?,
            grants: resolve_grants(&of.grants),
        })
    });
    resolved.collect::<Vec<_>>().into_iter().flatten().collect()
}

fn check_names<'g>(names: impl Iterator<Item = &'g Given<String>>, out: &mut Findings) {
    let mut earlier = BTreeSet::new();
    for name in names.filter_map(Given::is) {
        if !earlier.insert(&name.value) {
            let what = format!("issuer {} stands here twice", quoted(&name.value));
            out.fault(&name.place, what, "keep one of them");
        }
    }
}

fn keys_from(given: &GivenKeysFrom, world: &mut World<'_>, out: &mut Findings) -> Option<KeysFrom> {
    if let Some(at) = given.file.is() {
        let bytes = world.file(at, KEYS_BYTES_MAX as u64, out)?;
        return match KeySet::parse(&bytes) {
            Ok(set) => Some(KeysFrom::Set(Arc::new(set))),
            Err(why) => {
                let what = format!("file {} holds no keys: {why}", quoted(&at.value));
                out.fault(&at.place, what, "save there what the issuer publishes as `jwks_uri`");
                None
            }
        };
    }
    let ca_pem = match given.ca_file.is() {
        None => None,
        Some(at) => Some(tls::trusted(at, world, out)?),
    };
    Some(KeysFrom::Url(KeysUrl { url: given.url.value()?, ca_pem }))
}

fn algorithms(given: &Given<Vec<At<String>>>, out: &mut Findings) -> Vec<SignedBy> {
    let Some(given) = given.is() else { return SignedBy::DEFAULT.to_vec() };
    if given.value.is_empty() {
        out.fault(&given.place, "no algorithm is taken, so no token is", "write one, or take the line away");
    }
    let read = |at: &At<String>| {
        let by = SignedBy::named(&at.value);
        if by.is_none() {
            let what = format!("{} is no algorithm that is taken", quoted(&at.value));
            out.fault(&at.place, what, "write \"RS256\", \"PS256\", \"ES256\" or \"EdDSA\"");
        }
        by
    };
    given.value.iter().filter_map(read).collect()
}

fn types(given: &Given<Vec<At<String>>>, out: &mut Findings) -> BTreeSet<String> {
    let Some(given) = given.is() else { return BTreeSet::from(["user".to_owned()]) };
    for at in given.value.iter().filter(|at| !TYPES.contains(&at.value.as_str())) {
        let what = format!("{} is no type of a Grafana's identities", quoted(&at.value));
        out.fault(&at.place, what, format!("write some of {}", TYPES.join(", ")));
    }
    given.value.iter().map(|at| at.value.clone()).collect()
}

fn claim_paths(given: Option<&At<GivenPaths>>) -> ClaimPaths {
    let default = ClaimPaths::default();
    let Some(At { value: given, .. }) = given else { return default };
    ClaimPaths {
        subject: given.subject.or(default.subject),
        roles: given.roles.or(default.roles),
        groups: given.groups.or(default.groups),
        clearances: given.clearances.or(default.clearances),
        home: given.home.or(default.home),
        purpose: given.purpose.or(default.purpose),
    }
}

fn resolve_grants(given: &[GivenGrant]) -> Vec<Grant> {
    let texts = |given: &Given<Vec<At<String>>>| {
        given.value().unwrap_or_default().into_iter().map(|at| at.value).collect::<BTreeSet<_>>()
    };
    let resolved = given.iter().filter_map(|of| {
        let of_users = of.user.value().map(Holder::User).or(of.username.value().map(Holder::Username));
        let of_users = of_users.or(of.email.value().map(Holder::Email));
        let to = of.group.value().map(Holder::Group).or(of.role.value().map(Holder::Role)).or(of_users)?;
        Some(Grant { to, roles: texts(&of.roles), clearances: texts(&of.clearances) })
    });
    resolved.collect()
}
