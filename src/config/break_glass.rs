//! `[break_glass]`: who may sign grants, where it is told that one is used, and which hold no longer. As given and as
//! resolved. Private keys of signers never come near a gateway.

use std::collections::BTreeSet;

use http::Uri;

use super::fault::{Findings, Place, quoted};
use super::given::{At, Given};
use super::regions::require;
use super::table::Table;
use super::words;
use super::world::World;
use crate::identity::grants::{GrantSettings, Signer};
use crate::model::RegionName;
use crate::policy::Policies;
use crate::policy::lift;
use crate::proof::VerifyingKey;

/// A public key as PEM has a hundred bytes.
const KEY_BYTES_MAX: u64 = 16 << 10;

/// People who may sign. More are no second person but anyone.
const SIGNERS_MAX: usize = 100;

/// Revoked grants; one that has ended need not stand here.
const REVOKED_MAX: usize = 10_000;

/// Requests that a grant is good for where nothing is said: an hour of looking around by hand.
const USES_MAX: u64 = 500;

#[derive(Debug)]
pub(super) struct GivenBreakGlass {
    pub place: Place,
    notify_url: Given<Uri>,
    revoked: Given<Vec<At<String>>>,
    uses_max: Given<u64>,
    signers: Vec<GivenSigner>,
}

#[derive(Debug)]
struct GivenSigner {
    place: Place,
    name: Given<String>,
    public_key_file: Given<String>,
    subjects: Given<Vec<At<String>>>,
    may_sign_for: Given<Vec<At<String>>>,
}

pub(super) fn read(mut table: Table<'_>, out: &mut Findings) -> GivenBreakGlass {
    let signers = table.tables("signer", out).into_value().unwrap_or_default();
    if let Some(first_too_many) = signers.get(SIGNERS_MAX) {
        let what = format!("more than {SIGNERS_MAX} signers");
        out.fault(&first_too_many.place, what, "let fewer people sign");
    }
    let given = GivenBreakGlass {
        place: table.place.clone(),
        notify_url: table.parsed("notify_url", out, words::url),
        revoked: table.texts("revoked", out),
        uses_max: table.whole("uses_max", 1..=1_000_000, out),
        signers: signers.into_iter().map(|table| signer(table, out)).collect(),
    };
    if let Some(too_many) = given.revoked.is().and_then(|at| at.value.get(REVOKED_MAX)) {
        let what = format!("more than {REVOKED_MAX} grants are revoked");
        out.fault(&too_many.place, what, "take those away that have ended");
    }
    table.close(out);
    given
}

fn signer(mut table: Table<'_>, out: &mut Findings) -> GivenSigner {
    let given = GivenSigner {
        place: table.place.clone(),
        name: table.text("name", out),
        public_key_file: table.text("public_key_file", out),
        subjects: table.texts("subjects", out),
        may_sign_for: table.texts("may_sign_for", out),
    };
    table.close(out);
    require(&given.name, &given.place, "name", "name = \"bob\"", out);
    require(
        &given.public_key_file,
        &given.place,
        "public_key_file",
        "public_key_file = \"bob.pub.pem\"",
        out,
    );
    require(&given.subjects, &given.place, "subjects", "subjects = [\"bob@example.com\"]", out);
    if let Some(at) = given.subjects.is()
        && (at.value.is_empty() || at.value.iter().any(|subject| subject.value.trim().is_empty()))
    {
        let remedy = "name what their own tokens say of them, so that nobody signs for themselves";
        out.fault(&at.place, "it is not said who the signer is", remedy);
    }
    given
}

pub(super) fn resolve(
    given: &GivenBreakGlass,
    (regions, behind): (&[RegionName], &BTreeSet<RegionName>),
    policies: &Policies,
    world: &mut World<'_>,
    out: &mut Findings,
) -> GrantSettings {
    let texts = |given: &Given<Vec<At<String>>>| -> BTreeSet<String> {
        given.is().into_iter().flat_map(|at| &at.value).map(|at| at.value.clone()).collect()
    };
    let mut signers: Vec<Signer> = Vec::new();
    for of in &given.signers {
        let key = of.public_key_file.is().and_then(|at| key(at, world, out));
        let may_sign_for = may_sign_for(of, policies, out);
        let (Some(name), Some((key, place))) = (of.name.is(), key) else { continue };
        if signers.iter().any(|other| other.name.eq_ignore_ascii_case(&name.value)) {
            let what = format!("{} is there twice", quoted(&name.value));
            out.fault(&name.place, what, "give each signer a name of their own");
        } else if signers.iter().any(|other| other.key == key) {
            out.fault(place, "another signer has this key", "a key is one person's");
        } else {
            signers.push(Signer {
                name: name.value.clone(),
                key,
                subjects: texts(&of.subjects),
                may_sign_for,
            });
        }
    }
    if signers.is_empty() && given.notify_url.is().is_some() && !out.has_faults() {
        let remedy = "write [[break_glass.signer]], or take the table away";
        out.fault(&given.place, "no one can sign a grant", remedy);
    }
    GrantSettings {
        signers,
        revoked: texts(&given.revoked),
        uses_max: given.uses_max.or(USES_MAX),
        notify_url: given.notify_url.is().map(|at| at.value.to_string()),
        regions: regions.iter().cloned().collect(),
        behind: behind.clone(),
    }
}

fn key<'g>(
    at: &'g At<String>,
    world: &mut World<'_>,
    out: &mut Findings,
) -> Option<(VerifyingKey, &'g Place)> {
    let bytes = world.file(at, KEY_BYTES_MAX, out)?;
    match VerifyingKey::from_pem(&String::from_utf8_lossy(&bytes)) {
        Ok(key) => Some((key, &at.place)),
        Err(why) => {
            let what = format!("file {} cannot be used: {why}", quoted(&at.value));
            out.fault(&at.place, what, "write it with `openssl pkey -in bob.pem -pubout`");
            None
        }
    }
}

/// A class that is misspelt would let a signer sign for nothing, without a word.
fn may_sign_for(of: &GivenSigner, policies: &Policies, out: &mut Findings) -> Vec<String> {
    let named = of.may_sign_for.is().map(|at| at.value.as_slice()).unwrap_or_default();
    if let Some(at) = of.may_sign_for.is().filter(|at| at.value.is_empty()) {
        out.fault(
            &at.place,
            "they may sign for nothing",
            "name a class, or take the line away for all of them",
        );
    }
    for at in named {
        if policies.book().is_some()
            && let Err(why) = lift::check(policies.classes(), &at.value)
        {
            out.fault(&at.place, why.to_string(), "name classes and groups of classes.toml, as pii.basic");
        }
    }
    named.iter().map(|at| at.value.clone()).collect()
}
