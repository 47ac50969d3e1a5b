//! The pack that ships in the executable, for a gateway without files: the demo's.

use super::super::fault::{Finding, Findings, Place, Source};
use super::part::Part;
use super::tree::{BASELINE, PartFiles};
use crate::model::{Jurisdiction, RegionName};
use crate::policy::{KeyRules, Policies, PolicyRegion};

/// The baseline, by name. Its cases are tried when the gateway is built and not when it starts.
const FILES: [(&str, &str); 5] = [
    ("pack.toml", include_str!("../../../policies/baseline/pack.toml")),
    ("classes.toml", include_str!("../../../policies/baseline/classes.toml")),
    ("facts.toml", include_str!("../../../policies/baseline/facts.toml")),
    ("purposes.toml", include_str!("../../../policies/baseline/purposes.toml")),
    ("baseline.cedar", include_str!("../../../policies/baseline/baseline.cedar")),
];

/// The baseline over these regions, for a gateway that assembles in `delivered`.
pub fn shipped(
    regions: &[(RegionName, Jurisdiction)],
    delivered: Jurisdiction,
) -> Result<Policies, Vec<Finding>> {
    let mut files = PartFiles { name: BASELINE.to_owned(), ..PartFiles::default() };
    for (name, text) in FILES {
        files.files.insert(name.to_owned(), Source::new(format!("policies/{BASELINE}/{name}"), text));
    }
    let mut out = Findings::default();
    let part = Part::read(&files, regions, &mut out);
    let place = Place::whole(&Source::new("policies", ""));
    let composed = super::compose(&[&part], Some(regions), &place, &mut out);
    let keys = KeyRules::default;
    let regions = regions.iter().map(|(name, jurisdiction)| PolicyRegion {
        name: name.clone(),
        jurisdiction: jurisdiction.clone(),
        keys: keys(),
    });
    match composed {
        Some(composed) if !out.has_faults() => {
            Ok(Policies::of_rules(composed.book, delivered, regions.collect()))
        }
        _ => Err(out.sorted()),
    }
}
