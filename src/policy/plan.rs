//! The plan: for each region, what happens to an attribute by its key. Immutable, with a digest that
//! stands for it in caches and reports.
//!
//! This is the plan of listed keys; decisions by caller, purpose and class build on the same type.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use super::cell::{Cell, Rung};
use super::classes::Classes;
use super::ruled::Ruled;
use crate::model::RegionName;

/// What happens to an attribute with a listed key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Treatment {
    /// Key and value are taken away.
    Drop,
    /// The key stays, the value becomes `<redacted>`.
    Mask,
}

/// Listed keys of one region; a key that is not listed is kept as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeyRules {
    rules: HashMap<Box<[u8]>, Treatment>,
    longest: usize,
}

/// What one region's spans go through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RegionPlan {
    AllowAll,
    /// Listed keys alone.
    Keys(KeyRules),
    /// Classes, and listed keys besides.
    Ruled(Arc<Ruled>),
}

/// The plan of one caller over all regions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    regions: BTreeMap<RegionName, RegionPlan>,
    /// For regions that are not named.
    others: RegionPlan,
    digest: String,
    expires: Option<Duration>,
}

impl Treatment {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Drop => "drop",
            Self::Mask => "mask",
        }
    }
}

impl KeyRules {
    /// Where a key is listed twice, the stricter treatment (drop) holds.
    pub fn new(rules: impl IntoIterator<Item = (String, Treatment)>) -> Self {
        let mut merged: HashMap<Box<[u8]>, Treatment> = HashMap::new();
        for (key, treatment) in rules {
            let slot = merged.entry(key.into_bytes().into_boxed_slice()).or_insert(treatment);
            if treatment == Treatment::Drop {
                *slot = treatment;
            }
        }
        let longest = merged.keys().map(|key| key.len()).max().unwrap_or(0);
        Self { rules: merged, longest }
    }

    #[inline]
    pub fn treatment(&self, key: &[u8]) -> Option<Treatment> {
        if key.len() > self.longest { None } else { self.rules.get(key).copied() }
    }

    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    fn keys(&self) -> impl Iterator<Item = &str> {
        // Keys were text when they were listed.
        self.rules.keys().filter_map(|key| std::str::from_utf8(key).ok())
    }
}

impl RegionPlan {
    /// Whether anything of this region may be withheld. Then nothing that is said of the region may be
    /// measured on what it sent: a size alone tells of the values it is made of.
    pub fn withholds(&self) -> bool {
        match self {
            Self::AllowAll => false,
            Self::Keys(keys) => !keys.is_empty(),
            Self::Ruled(ruled) => ruled.withholds(),
        }
    }
}

impl RegionPlan {
    /// Whether nothing of this region is shown, not even what is of no class.
    pub fn is_shut(&self) -> bool {
        match self {
            Self::AllowAll | Self::Keys(_) => false,
            Self::Ruled(ruled) => ruled.cell(ruled.classes().safe()).rung == Rung::Dropped,
        }
    }
}

impl Plan {
    /// Everything is shown as it is stored.
    pub fn allow_all() -> Self {
        Self::new(BTreeMap::new())
    }

    /// Regions that are not named keep everything.
    pub fn new(regions: BTreeMap<RegionName, RegionPlan>) -> Self {
        let digest = digest(&regions);
        Self { regions, others: RegionPlan::AllowAll, digest, expires: None }
    }

    /// What holds for regions that are not named.
    #[must_use]
    pub(super) fn with_others(self, others: RegionPlan) -> Self {
        Self { others, ..self }
    }

    /// What holds until then only, since the Unix epoch.
    #[must_use]
    pub(super) fn until(self, expires: Option<Duration>) -> Self {
        Self { expires, ..self }
    }

    /// Until when it holds, since the Unix epoch; without an end where nothing is said.
    pub fn expires(&self) -> Option<Duration> {
        self.expires
    }

    pub fn region(&self, region: &RegionName) -> &RegionPlan {
        self.regions.get(region).unwrap_or(&self.others)
    }

    /// Every key that is withheld in some region: no condition on one may be sent to any, since whether it
    /// matches would tell of its value.
    pub fn withheld_keys(&self) -> BTreeSet<&str> {
        let rules = self.regions.values().filter_map(|plan| match plan {
            RegionPlan::AllowAll => None,
            RegionPlan::Keys(keys) => Some(keys),
            RegionPlan::Ruled(ruled) => Some(ruled.keys()),
        });
        rules.flat_map(KeyRules::keys).collect()
    }

    /// Whether what becomes of a value may depend on the values beside it, in some region. Then even which spans a
    /// region finds may tell of what is not shown.
    pub fn is_by_content(&self) -> bool {
        let mut plans = self.regions.values().chain([&self.others]);
        plans.any(|plan| matches!(plan, RegionPlan::Ruled(_)) && plan.withholds())
    }

    /// The table of classes of the regions that are ruled by class; one table for all of them.
    pub fn classes(&self) -> Option<&Classes> {
        self.regions.values().find_map(|plan| match plan {
            RegionPlan::Ruled(ruled) => Some(ruled.classes()),
            RegionPlan::AllowAll | RegionPlan::Keys(_) => None,
        })
    }

    /// The same plan with everything shut that is of any class: what is safe stays as it is decided, and listed keys
    /// hold. Regions that this plan does not name are named here.
    #[must_use]
    pub fn unclassified<'r>(
        &self,
        classes: &Arc<Classes>,
        regions: impl IntoIterator<Item = &'r RegionName>,
    ) -> Self {
        let shut = |name: &RegionName| {
            let (safe, keys) = match self.region(name) {
                RegionPlan::AllowAll => (Cell::OPEN, KeyRules::default()),
                RegionPlan::Keys(keys) => (Cell::OPEN, keys.clone()),
                RegionPlan::Ruled(ruled) => (ruled.cell(ruled.classes().safe()), ruled.keys().clone()),
            };
            let cell = |class| if class == classes.safe() { safe } else { Cell::SHUT };
            let ruled = Ruled::fixed(classes.clone(), name.clone(), cell).with_keys(keys);
            (name.clone(), RegionPlan::Ruled(Arc::new(ruled)))
        };
        Self::new(regions.into_iter().map(shut).collect())
    }

    /// Which keys its tokens are made by, where it may make any.
    pub fn token_epoch(&self) -> Option<u32> {
        self.regions.values().find_map(|plan| match plan {
            RegionPlan::Ruled(ruled) => Some(ruled.tokens().epoch),
            RegionPlan::AllowAll | RegionPlan::Keys(_) => None,
        })
    }

    /// 16 hex digits that change whenever the plan does.
    pub fn digest(&self) -> &str {
        &self.digest
    }
}

fn digest(regions: &BTreeMap<RegionName, RegionPlan>) -> String {
    let mut hasher = blake3::Hasher::new();
    for (name, plan) in regions {
        let keys = match plan {
            RegionPlan::AllowAll => continue,
            RegionPlan::Keys(keys) => keys,
            RegionPlan::Ruled(ruled) => {
                hasher.update(ruled.digest().as_bytes());
                ruled.keys()
            }
        };
        hasher.update(name.as_str().as_bytes()).update(b"\n");
        let sorted: BTreeMap<&[u8], Treatment> =
            keys.rules.iter().map(|(key, treatment)| (&**key, *treatment)).collect();
        for (key, treatment) in sorted {
            hasher.update(&(key.len() as u64).to_le_bytes());
            hasher.update(key).update(treatment.as_str().as_bytes());
        }
    }
    hasher.finalize().to_hex().chars().take(16).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn masking(region: &str, key: &str) -> Plan {
        let rules = KeyRules::new([(key.to_owned(), Treatment::Mask)]);
        Plan::new([(RegionName::parse(region).unwrap(), RegionPlan::Keys(rules))].into())
    }

    #[test]
    fn a_digest_changes_with_the_region_the_key_and_the_treatment() {
        let base = masking("eu", "user.email");
        assert_eq!(base.digest(), masking("eu", "user.email").digest());
        assert_ne!(base.digest(), masking("us", "user.email").digest());
        assert_ne!(base.digest(), masking("eu", "user.id").digest());
        assert_ne!(base.digest(), Plan::allow_all().digest());
        assert_eq!(base.digest().len(), 16);
    }

    #[test]
    fn of_two_rules_for_a_key_the_stricter_holds() {
        let both = [Treatment::Drop, Treatment::Mask];
        for order in [both, [both[1], both[0]]] {
            let rules = KeyRules::new(order.map(|t| ("k".to_owned(), t)));
            assert_eq!(rules.treatment(b"k"), Some(Treatment::Drop));
        }
    }
}
