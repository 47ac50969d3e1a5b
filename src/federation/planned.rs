//! What is asked of each region for candidates, by what is known of it: its name, and what somebody declared.
//!
//! Only listing is left out where nothing can match. Whoever is listed anywhere is assembled from all regions.

use std::collections::BTreeMap;
use std::time::Duration;

use super::by_id::Federation;
use super::candidates::EVERY_TRACE;
use super::settings::DeclaredFacts;
use crate::model::RegionName;
use crate::model::region::REGION_KEY;
use crate::policy::Plan;
use crate::traceql;
use crate::traceql::ast::{AttributeName, Query, Scope};
use crate::traceql::conditions::{Facts, Withheld, in_regions};

/// What was declared, by region.
type Declared = BTreeMap<RegionName, DeclaredFacts>;

/// Which traces may match, in TraceQL, by the rank of the region that is asked; nothing where none there can.
/// Names nothing that is withheld anywhere, and nothing that no region stores.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Planned {
    by_rank: Vec<Option<String>>,
}

impl Planned {
    /// What the region of this rank is asked.
    pub(super) fn of(&self, rank: usize) -> Option<&str> {
        self.by_rank.get(rank)?.as_deref()
    }
}

impl Federation {
    /// Every trace of every region.
    pub(super) fn every_trace(&self) -> Planned {
        Planned { by_rank: vec![Some(EVERY_TRACE.to_owned()); self.regions.len()] }
    }

    /// A query that every trace which may match has a span for in some region: of what each region can decide
    /// by itself, and without a word on what is withheld somewhere.
    pub(super) fn planned(&self, text: &str) -> Planned {
        let names: Vec<&RegionName> = self.regions.iter().map(|region| region.name()).collect();
        match traceql::compile(text) {
            Ok(query) => Planned { by_rank: questions(&query, &names, &self.plan, &self.settings.facts) },
            Err(_) => self.every_trace(),
        }
    }

    /// Whether a region holds nothing that is as new as this, in seconds of the epoch, by what was declared.
    pub(super) fn holds_nothing_until(&self, region: &RegionName, end: u64, now: Duration) -> bool {
        let retention = self.settings.facts.get(region).and_then(|own| own.retention);
        retention.is_some_and(|retention| Duration::from_secs(end) < now.saturating_sub(retention))
    }
}

/// What each of these regions is asked for candidates; nothing of one where nothing can match.
pub fn questions(
    query: &Query,
    regions: &[&RegionName],
    plan: &Plan,
    declared: &Declared,
) -> Vec<Option<String>> {
    let of_policy = plan.withheld_keys().into_iter().map(str::to_owned);
    let named = |key| AttributeName::Named { parent: false, scope: Scope::Any, key };
    let withheld = of_policy.map(named).collect::<Withheld>().and_said(REGION_KEY);
    let facts: Vec<Facts> = regions.iter().map(|region| facts_of(region, declared)).collect();
    let asked = in_regions(query, &withheld, &facts).any;
    asked.into_iter().map(|query| query.map(|query| query.to_string())).collect()
}

fn facts_of(region: &RegionName, declared: &Declared) -> Facts {
    let mut facts = Facts::nothing().saying(REGION_KEY, region.as_str());
    if let Some(services) = declared.get(region).and_then(|own| own.services.as_ref()) {
        facts = facts.with_services(services.iter().cloned());
    }
    for (_, other) in declared.iter().filter(|(name, _)| *name != region) {
        for (key, values) in &other.attributes {
            facts = facts.without(key, values.iter().cloned());
        }
    }
    facts
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::settings::{DeclaredFacts, FederationSettings};
    use super::*;
    use crate::backend::Region;
    use crate::backend::memory::MemoryBackend;
    use crate::backend::settings::{LayerSettings, MemorySettings};
    use crate::model::Jurisdiction;
    use crate::policy::plan::RegionPlan;
    use crate::policy::{KeyRules, Treatment};

    fn name(text: &str) -> RegionName {
        RegionName::parse(text).unwrap()
    }

    fn federation(plan: Plan, facts: DeclaredFacts) -> Federation {
        let region = |text| {
            let backend = Arc::new(MemoryBackend::new(MemorySettings::default()));
            let jurisdiction = Jurisdiction::parse("EU").unwrap();
            Arc::new(Region::new(name(text), jurisdiction, backend, LayerSettings::default()))
        };
        let facts = [(name("eu"), facts)].into();
        let settings = FederationSettings { facts, ..FederationSettings::default() };
        Federation::new(vec![region("eu"), region("us")], settings, Arc::new(plan))
    }

    #[test]
    fn regions_are_asked_what_they_can_decide_and_nothing_about_what_is_withheld() {
        let asked = |text| federation(Plan::allow_all(), DeclaredFacts::default()).planned(text);
        assert_eq!(asked("{ .a = 1 } >> { .b = 2 }"), asked("({ .a = 1 }) >> { .b = 2 }"));
        assert_ne!(asked("{ .a = 1 } >> { .b = 2 }").of(0), Some(EVERY_TRACE));
        let rules = KeyRules::new([("user.email".to_owned(), Treatment::Mask)]);
        let plan = Plan::new([(name("eu"), RegionPlan::Keys(rules))].into());
        let federation = federation(plan, DeclaredFacts::default());
        for nosy in [
            "{ .user.email = \"jane\" }",
            "{ span.user.email =~ \"j.*\" && .a = 1 }",
            "{ .a = 1 } | select(.user.email)",
            "{ .a = 1 } && { resource.user.email != nil }",
            "{ .user.email = \"jane\" } | rate() by(.user.email)",
        ] {
            for rank in 0..2 {
                let asked = federation.planned(nosy).of(rank).unwrap().to_owned();
                assert!(!asked.contains("email"), "{nosy}: {asked}");
            }
        }
    }

    #[test]
    fn a_region_is_not_asked_for_what_another_alone_has() {
        let attributes = [("env".to_owned(), ["prod".to_owned()].into())].into();
        let facts = DeclaredFacts { attributes, ..DeclaredFacts::default() };
        let planned = federation(Plan::allow_all(), facts).planned("{ resource.env = \"prod\" }");
        assert_eq!((planned.of(0), planned.of(1)), (Some("{ resource.env = `prod` }"), None));
    }

    #[test]
    fn a_region_holds_nothing_older_than_it_says() {
        let hour = Duration::from_secs(3600);
        let facts = DeclaredFacts { retention: Some(hour), ..DeclaredFacts::default() };
        let federation = federation(Plan::allow_all(), facts);
        let now = hour * 100;
        let until = |region, end: Duration| federation.holds_nothing_until(&name(region), end.as_secs(), now);
        assert!(until("eu", hour * 98) && !until("eu", hour * 99) && !until("eu", now));
        assert!(!until("us", hour * 98));
    }
}
