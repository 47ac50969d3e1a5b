//! `[[audit.witness]]`: gateways and others that are asked to sign the checkpoints of this one's log, as given and as
//! resolved.

use std::time::Duration;

use http::Uri;

use super::credentials::{self, GivenSecret};
use super::fault::{Findings, Place, quoted};
use super::given::Given;
use super::regions::require;
use super::table::Table;
use super::tls;
use super::world::World;
use crate::api::audit::WitnessSettings;
use crate::api::audit::witnesses::EVERY;
use crate::audit::note::{Kind, NamedKey};
use crate::backend::post::PostTo;
use crate::model::RegionName;

/// Each is a task; nobody needs more to be believed.
const WITNESSES_MAX: usize = 16;

/// Checkpoints are made once a second.
const EVERY_MIN: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(super) struct GivenWitness {
    place: Place,
    name: Given<String>,
    url: Given<Uri>,
    key: Given<String>,
    ca_file: Given<String>,
    secret: Given<GivenSecret>,
}

pub(super) fn read(audit: &mut Table<'_>, out: &mut Findings) -> Vec<GivenWitness> {
    let tables = audit.tables("witness", out).into_value().unwrap_or_default();
    if let Some(first_too_many) = tables.get(WITNESSES_MAX) {
        let what = format!("more than {WITNESSES_MAX} witnesses");
        out.fault(&first_too_many.place, what, "name fewer");
    }
    tables.into_iter().map(|table| witness(table, out)).collect()
}

fn witness(mut table: Table<'_>, out: &mut Findings) -> GivenWitness {
    let given = GivenWitness {
        place: table.place.clone(),
        name: table.text("name", out),
        url: credentials::url(&mut table, out),
        key: table.text("key", out),
        ca_file: table.text("ca_file", out),
        secret: credentials::secret(&mut table, "secret", false, out),
    };
    table.close(out);
    require(&given.name, &given.place, "name", "name = \"us-west\"", out);
    let example = "url = \"https://tutti.us-west.example:3200/api/tutti/v1/audit/witness\"";
    require(&given.url, &given.place, "url", example, out);
    require(&given.key, &given.place, "key", "the line of its `witness.vkey`", out);
    given
}

pub(super) fn every(given: &Given<Duration>, out: &mut Findings) -> Duration {
    if let Some(at) = given.is().filter(|at| at.value < EVERY_MIN) {
        out.fault(&at.place, "checkpoints are made once a second", "write \"1s\" or more");
    }
    given.or(EVERY)
}

pub(super) fn resolve(
    given: &[GivenWitness],
    world: &mut World<'_>,
    out: &mut Findings,
) -> Vec<WitnessSettings> {
    let mut witnesses: Vec<WitnessSettings> = Vec::new();
    for of in given {
        let Some(witness) = one(of, world, out) else { continue };
        if witnesses.iter().any(|other| other.name == witness.name || other.key.name == witness.key.name) {
            let what = format!("witness {} is there twice", quoted(&witness.name));
            out.fault(&of.place, what, "give each a name and a key of its own");
        } else {
            witnesses.push(witness);
        }
    }
    witnesses
}

fn one(of: &GivenWitness, world: &mut World<'_>, out: &mut Findings) -> Option<WitnessSettings> {
    if let Some(at) = of.name.is()
        && let Err(why) = RegionName::parse(&at.value)
    {
        out.fault(&at.place, why.to_string(), "name it as a region is named: it stands in logs and metrics");
        return None;
    }
    let key = of.key.is().and_then(|at| {
        let key = NamedKey::parse(&at.value).ok().filter(|key| key.kind == Kind::Witness);
        if key.is_none() {
            let what = format!("{} is no key of a witness", quoted(&at.value));
            out.fault(&at.place, what, "copy `witness.vkey` from the folder of its log");
        }
        key
    });
    let ca_pem = match of.ca_file.is() {
        None => None,
        Some(at) => Some(tls::trusted(at, world, out)?),
    };
    let secret = match of.secret.is() {
        None => None,
        Some(at) => Some(world.secret(&at.value, out)?),
    };
    Some(WitnessSettings {
        name: of.name.value()?,
        key: key?,
        at: PostTo { url: of.url.value()?, ca_pem, secret },
    })
}
