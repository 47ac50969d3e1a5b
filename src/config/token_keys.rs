//! `[keys]`: where the roots of tokens come from, as given and as resolved. A root never stands in the file itself.

use std::collections::BTreeMap;

use secrecy::ExposeSecret;

use super::credentials::{self, GivenSecret};
use super::fault::{Findings, Place};
use super::given::{At, Given};
use super::resolve::Declared;
use super::table::{self, Table};
use super::world::World;
use crate::redaction::ring::{HeldKeys, RootKey};

const REMEDY: &str = "make one with `openssl rand -base64 32`, and keep it where secrets are kept";

#[derive(Debug)]
pub(super) struct GivenKeys {
    pub place: Place,
    /// For every region without its own.
    pub others: Given<GivenSecret>,
    pub regions: Vec<(At<String>, Given<GivenSecret>)>,
}

pub(super) fn read(mut keys: Table<'_>, out: &mut Findings) -> GivenKeys {
    let place = keys.place.clone();
    let own = keys.table("regions", out).map(|own| {
        let each = own.entries().into_iter().map(|(name, value, place)| {
            (
                name,
                table::table_of(value, place, out)
                    .and_then(|table| credentials::source_of(table, false, out)),
            )
        });
        each.collect()
    });
    let is_given = ["env", "file", "value"].iter().any(|key| keys.has(key));
    let others = if is_given {
        credentials::source_of(keys, false, out)
    } else {
        keys.close(out);
        Given::Absent
    };
    GivenKeys { place, others, regions: own.into_value().unwrap_or_default() }
}

pub(super) fn resolve(
    given: Option<&GivenKeys>,
    declared: &Declared,
    world: &mut World<'_>,
    out: &mut Findings,
) -> HeldKeys {
    let Some(given) = given else { return HeldKeys::default() };
    let others = given.others.is().and_then(|secret| root(secret, world, out));
    let mut regions = BTreeMap::new();
    for (name, secret) in &given.regions {
        let Some(region) = declared.find(name, out) else { continue };
        if let Some(root) = secret.is().and_then(|secret| root(secret, world, out)) {
            regions.insert(region, root);
        }
    }
    if given.others.is_absent() && given.regions.is_empty() {
        out.fault(
            &given.place,
            "it is not said where a key comes from",
            "write `env` or `file`, or take [keys] away",
        );
    }
    HeldKeys::new(regions, others)
}

fn root(secret: &At<GivenSecret>, world: &mut World<'_>, out: &mut Findings) -> Option<RootKey> {
    let text = world.secret(&secret.value, out)?;
    let root = RootKey::parse(text.expose_secret());
    root.map_err(|why| out.fault(&secret.place, why.to_string(), REMEDY)).ok()
}
