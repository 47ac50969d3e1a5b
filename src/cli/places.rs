//! Places as people name them to a command: a declared region, or a jurisdiction.

use crate::config::closest;
use crate::config::policies::meant_jurisdiction;
use crate::model::{Jurisdiction, RegionName};
use crate::policy::Facts;
use crate::policy::cases::Stored;

/// What a place can be.
#[derive(Debug)]
pub(super) struct Places<'a> {
    regions: &'a [(RegionName, Jurisdiction)],
    jurisdictions: Vec<&'a str>,
}

impl<'a> Places<'a> {
    /// The declared regions, their jurisdictions, and those of which facts know.
    pub(super) fn of(regions: &'a [(RegionName, Jurisdiction)], facts: Option<&'a Facts>) -> Self {
        let known = facts.into_iter().flat_map(|facts| &facts.jurisdictions).map(|known| known.name.as_str());
        let mut jurisdictions: Vec<&str> = known.collect();
        for (_, own) in regions {
            if !jurisdictions.contains(&own.as_str()) {
                jurisdictions.push(own.as_str());
            }
        }
        Self { regions, jurisdictions }
    }

    /// The place that is named, or one line that says what there is.
    pub(super) fn find(&self, text: &str) -> Result<Stored, String> {
        if let Some((name, jurisdiction)) = self.regions.iter().find(|(name, _)| name.as_str() == text) {
            return Ok(Stored { region: name.to_string(), jurisdiction: jurisdiction.clone() });
        }
        let jurisdiction = Jurisdiction::parse(text).map_err(|error| error.to_string())?;
        if self.jurisdictions.contains(&text) {
            return Ok(Stored { region: String::new(), jurisdiction });
        }
        let regions = self.regions.iter().map(|(name, _)| name.as_str());
        let meant = meant_jurisdiction(text, &self.jurisdictions).or_else(|| closest(text, regions.clone()));
        // Data may lie and go anywhere, in countries too that no fact knows.
        if meant.is_none() && is_code(text) {
            return Ok(Stored { region: String::new(), jurisdiction });
        }
        let regions: Vec<&str> = regions.collect();
        let regions = if regions.is_empty() { "none declared".to_owned() } else { regions.join(", ") };
        let meant = meant.map_or(String::new(), |meant| format!("; did you mean `{meant}`?"));
        Err(format!(
            "`{text}` is no region ({regions}) and no jurisdiction ({}){meant}",
            self.jurisdictions.join(", ")
        ))
    }
}

/// Whether it is written as the code of a country is.
fn is_code(text: &str) -> bool {
    text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_uppercase())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::JurisdictionFacts;

    fn check(text: &str, expected: Result<(&str, &str), &str>) {
        let of = |name: &str| Jurisdiction::parse(name).unwrap();
        let region = |name: &str, place: &str| (RegionName::parse(name).unwrap(), of(place));
        let regions = [region("eu-central", "EU"), region("lab", "Mars")];
        let known =
            |name: &str| JurisdictionFacts { name: of(name), title: String::new(), adequate: Vec::new() };
        let facts = Facts { jurisdictions: vec![known("EU"), known("US")], ..Facts::none() };
        let found = Places::of(&regions, Some(&facts)).find(text);
        let found = found.as_ref().map(|at| (at.region.as_str(), at.jurisdiction.as_str()));
        assert_eq!(found.map_err(String::as_str), expected, "{text}");
    }

    #[test]
    fn a_place_is_a_region_or_a_jurisdiction_that_is_known_or_a_code_of_a_country() {
        check("eu-central", Ok(("eu-central", "EU")));
        check("EU", Ok(("", "EU")));
        check("Mars", Ok(("", "Mars")));
        check("MX", Ok(("", "MX")));
        let none = |text: &str, meant: &str| {
            let meant = if meant.is_empty() { String::new() } else { format!("; did you mean `{meant}`?") };
            check(
                text,
                Err(&format!(
                    "`{text}` is no region (eu-central, lab) and no jurisdiction (EU, US, Mars){meant}"
                )),
            );
        };
        none("eu", "EU");
        none("DE", "EU");
        none("US-CA", "US");
        none("eu-centrl", "EU");
        none("mars", "Mars");
        none("elsewhere", "");
        none("HOME", "");
    }
}
