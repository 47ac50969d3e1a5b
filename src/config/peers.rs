//! `[peer]`: who this gateway is to others, and which of them may ask here on behalf of whom. As given and as
//! resolved. Private keys and credentials never stand in the file.

use std::collections::BTreeSet;

use http::header::AUTHORIZATION;
use secrecy::ExposeSecret;

use super::credentials::{self, GivenSecret};
use super::fault::{Findings, Place, quoted};
use super::given::{At, Given};
use super::regions::require;
use super::senders::{self, GivenCertificate, Listener};
use super::table::Table;
use super::words;
use super::world::World;
use crate::backend::settings::Signer;
use crate::identity::{Factor, Peers, Secret, Trust};
use crate::model::{Jurisdiction, RegionName};
use crate::proof::{SigningKey, VerifyingKey};

/// A public key is about a hundred bytes.
const KEYS_BYTES_MAX: u64 = 64 << 10;

/// Gateways that may ask one gateway, and keys that one of them may have while it changes them.
const TRUSTS_MAX: usize = 100;
const KEYS_MAX: usize = 8;

/// Behind it, another key may begin.
const END: &str = "-----END PUBLIC KEY-----";

#[derive(Debug)]
pub(super) struct GivenPeers {
    pub key: Given<GivenSecret>,
    trusts: Vec<GivenTrust>,
}

#[derive(Debug)]
struct GivenTrust {
    place: Place,
    gateway: Given<String>,
    jurisdiction: Given<Jurisdiction>,
    public_key_file: Given<String>,
    bearer: Given<GivenSecret>,
    certificate: Given<GivenCertificate>,
    delivers: Given<Vec<At<String>>>,
    roles: Given<Vec<At<String>>>,
    groups: Given<Vec<At<String>>>,
    clearances: Given<Vec<At<String>>>,
}

impl GivenPeers {
    /// Whether any other gateway may ask here.
    pub(super) fn has_trusts(&self) -> bool {
        !self.trusts.is_empty()
    }
}

pub(super) fn read(mut table: Table<'_>, out: &mut Findings) -> GivenPeers {
    let key = credentials::secret(&mut table, "key", false, out);
    let trusts = table.tables("trusts", out).into_value().unwrap_or_default();
    if let Some(first_too_many) = trusts.get(TRUSTS_MAX) {
        let what = format!("more than {TRUSTS_MAX} gateways that may ask here");
        out.fault(&first_too_many.place, what, "put a gateway in between");
    }
    let trusts = trusts.into_iter().map(|table| trust(table, out)).collect();
    table.close(out);
    GivenPeers { key, trusts }
}

fn trust(mut table: Table<'_>, out: &mut Findings) -> GivenTrust {
    let given = GivenTrust {
        place: table.place.clone(),
        gateway: table.parsed("gateway", out, words::gateway_name),
        jurisdiction: table.parsed("jurisdiction", out, words::jurisdiction),
        public_key_file: table.text("public_key_file", out),
        bearer: credentials::secret(&mut table, "bearer", false, out),
        certificate: table.table("certificate", out).map(|table| senders::certificate(table, out)),
        delivers: table.texts("delivers", out),
        roles: table.texts("roles", out),
        groups: table.texts("groups", out),
        clearances: table.texts("clearances", out),
    };
    table.close(out);
    given
}

/// What this gateway calls itself: its region, where nothing else is said.
pub(super) fn name(name: &Given<String>, region: &Given<RegionName>) -> Option<String> {
    name.value().or_else(|| region.value().map(|region| region.to_string()))
}

/// Who signs what this gateway states.
pub(super) fn signer(
    given: &GivenPeers,
    name: Option<&str>,
    world: &mut World<'_>,
    out: &mut Findings,
) -> Option<Signer> {
    let At { value: key, place } = given.key.is()?;
    let pem = world.secret_in_lines(key, out)?;
    match SigningKey::from_pem(pem.expose_secret()) {
        Ok(key) => Some(Signer::new(name?, key)),
        Err(why) => {
            let remedy =
                "make one with `openssl genpkey -algorithm ed25519`, and keep it where secrets are kept";
            out.secret_fault(place, format!("the key cannot be used: {why}"), remedy);
            None
        }
    }
}

/// Who may ask here.
pub(super) fn resolve(
    given: &GivenPeers,
    name: Option<&str>,
    listener: Listener,
    world: &mut World<'_>,
    out: &mut Findings,
) -> Peers {
    let mut known: BTreeSet<String> = BTreeSet::new();
    let mut trusts = Vec::with_capacity(given.trusts.len());
    for of in &given.trusts {
        let trust = resolve_one(of, listener, world, out);
        let Some(gateway) = of.gateway.is() else { continue };
        if name == Some(gateway.value.as_str()) {
            let what = format!("{} is what this gateway calls itself", quoted(&gateway.value));
            out.fault(
                &gateway.place,
                what,
                "name another gateway, or this one otherwise with `gateway.name`",
            );
        }
        if !known.insert(gateway.value.clone()) {
            let what = format!("gateway {} stands here twice", quoted(&gateway.value));
            out.fault(&gateway.place, what, "keep one of them; one file may hold several public keys");
        }
        trusts.extend(trust);
    }
    Peers::new(name.unwrap_or_default(), trusts)
}

fn resolve_one(
    given: &GivenTrust,
    listener: Listener,
    world: &mut World<'_>,
    out: &mut Findings,
) -> Option<Trust> {
    require(&given.gateway, &given.place, "gateway", "gateway = \"us-east\"", out);
    require(&given.jurisdiction, &given.place, "jurisdiction", "jurisdiction = \"US\"", out);
    require(
        &given.public_key_file,
        &given.place,
        "public_key_file",
        "public_key_file = \"us-east.pem\"",
        out,
    );
    let keys = given.public_key_file.is().and_then(|at| keys(at, world, out));
    let factor = factor(given, listener, world, out);
    let mut delivers = BTreeSet::new();
    for at in given.delivers.is().map_or(&[][..], |at| &at.value) {
        match words::jurisdiction(&at.value) {
            Ok(place) => drop(delivers.insert(place)),
            Err(wrong) => out.fault(&at.place, wrong.what, wrong.remedy),
        }
    }
    let texts = |given: &Given<Vec<At<String>>>| {
        given.is().map(|at| at.value.iter().map(|at| at.value.clone()).collect::<BTreeSet<_>>())
    };
    let mut trust = Trust::new(given.gateway.value()?, given.jurisdiction.value()?, keys?, factor?);
    trust.delivers.extend(delivers);
    (trust.roles, trust.groups) = (texts(&given.roles), texts(&given.groups));
    trust.clearances = texts(&given.clearances);
    Some(trust)
}

/// What shows that it is this gateway, besides that its statements are signed by its key: a secret, a certificate, or
/// both, which are then both asked for.
fn factor(
    given: &GivenTrust,
    listener: Listener,
    world: &mut World<'_>,
    out: &mut Findings,
) -> Option<Factor> {
    if given.bearer.is_absent() && given.certificate.is_absent() {
        let remedy =
            "write `bearer = { env = \"NAME\" }`, or `certificate = { name = \"tutti.us.example\" }`";
        let what =
            "neither `bearer` nor `certificate` is there: statements alone could be anyone's who heard them";
        out.fault(&given.place, what, remedy);
        return None;
    }
    let secret = match given.bearer.is() {
        None => None,
        Some(at) => {
            let bearer = format!("Bearer {}", world.secret(&at.value, out)?.expose_secret());
            Some(Secret::new(AUTHORIZATION, &bearer))
        }
    };
    let certificate = match given.certificate.is() {
        None => None,
        Some(at) => Some(senders::resolve_certificate(at, listener, out)?),
    };
    // What could not be read has been said.
    let is_whole = given.bearer.is_absent() == secret.is_none()
        && given.certificate.is_absent() == certificate.is_none();
    is_whole.then_some(Factor { secret, certificate })
}

/// Several where one is about to replace another.
fn keys(at: &At<String>, world: &mut World<'_>, out: &mut Findings) -> Option<Vec<VerifyingKey>> {
    let bytes = world.file(at, KEYS_BYTES_MAX, out)?;
    let text = String::from_utf8_lossy(&bytes);
    let blocks: Vec<&str> = text.split_inclusive(END).filter(|block| block.contains("-----BEGIN")).collect();
    let remedy = "write its public key there: `openssl pkey -in KEY -pubout` prints it";
    if blocks.is_empty() || blocks.len() > KEYS_MAX {
        let what = format!("file {} holds no public key, or more than {KEYS_MAX}", quoted(&at.value));
        out.fault(&at.place, what, remedy);
        return None;
    }
    let keys: Result<Vec<_>, _> = blocks.into_iter().map(VerifyingKey::from_pem).collect();
    keys.map_err(|why| {
        out.fault(&at.place, format!("file {} cannot be used: {why}", quoted(&at.value)), remedy);
    })
    .ok()
}
