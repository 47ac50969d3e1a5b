//! Regions in jurisdictions of which no fact knows. A policy is about jurisdictions by name, so that `DE` or `eu` is
//! none of its business: a pack would be in force and do nothing.

use super::super::fault::{Findings, Place};
use super::super::quantity::closest;
use crate::model::{Jurisdiction, RegionName};
use crate::policy::Facts;

/// States whose law on data is that of the EU, as people write them: the members, and those of the EEA.
const STATES_OF_THE_EU: [&str; 32] = [
    "AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "EL", "ES", "FI", "FR", "GR", "HR", "HU", "IE", "IS",
    "IT", "LI", "LT", "LU", "LV", "MT", "NL", "NO", "PL", "PT", "RO", "SE", "SI", "SK", "EEA",
];
const EU: &str = "EU";

/// Finds such regions. Beside a pack that is about jurisdictions (`regimes`, by name) one that stands for a known place
/// is a fault. Of any other place a pack may rightly have nothing to say: a warning.
pub(in crate::config) fn find(
    facts: &Facts,
    (regions, places): (&[(RegionName, Jurisdiction)], &[Place]),
    regimes: &[&str],
    out: &mut Findings,
) {
    let known: Vec<&str> = facts.jurisdictions.iter().map(|known| known.name.as_str()).collect();
    let strangers = regions.iter().zip(places).filter(|((_, own), _)| !known.contains(&own.as_str()));
    for ((region, own), place) in strangers {
        let remedy = remedy(own.as_str(), &known);
        if regimes.is_empty() || meant_jurisdiction(own.as_str(), &known).is_none() {
            let what = format!(
                "no fact knows `{own}`, where `{region}` lies: no policy about a jurisdiction applies to it"
            );
            out.warn(place, what, remedy);
        } else {
            let what = format!(
                "no fact knows `{own}`, where `{region}` lies: nothing that {} says of a jurisdiction would hold for it",
                named(regimes)
            );
            out.fault(place, what, remedy);
        }
    }
}

fn named(regimes: &[&str]) -> String {
    let names: Vec<String> = regimes.iter().map(|name| format!("`{name}`")).collect();
    format!("{} {}", if names.len() == 1 { "pack" } else { "packs" }, names.join(" and "))
}

fn remedy(written: &str, known: &[&str]) -> String {
    if let Some(meant) = meant_jurisdiction(written, known) {
        let is_state = meant == EU && !written.eq_ignore_ascii_case(EU);
        let why = if is_state { " (its member states and those of the EEA are written so)" } else { "" };
        return format!("did you mean `{meant}`?{why}");
    }
    let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
    format!(
        "write one that is known ({known}), or a `[[jurisdiction]]` in facts.toml of the policies, be it with an \
         empty `adequate`"
    )
}

/// The known jurisdiction that somebody probably meant who wrote another.
pub fn meant_jurisdiction<'k>(written: &str, known: &[&'k str]) -> Option<&'k str> {
    let find = |name: &str| known.iter().copied().find(|known| known.eq_ignore_ascii_case(name));
    let of_state = || {
        let is_state = STATES_OF_THE_EU.iter().any(|state| state.eq_ignore_ascii_case(written));
        is_state.then(|| find(EU)).flatten()
    };
    // A part of a country is written after it: `US-CA`.
    let of_part = || find(written.split('-').next().unwrap_or_default());
    let by_slip = || closest(written, known.iter().copied()).filter(|_| written.chars().count() > 2);
    find(written).or_else(of_state).or_else(of_part).or_else(by_slip)
}
