//! What is asked of each region for candidates, by what is known of it: its name, and what somebody declared.
//!
//! Only listing is left out where nothing can match. Whoever is listed anywhere is assembled from all regions.

use std::collections::BTreeMap;
use std::time::Duration;

use super::by_id::Federation;
use super::settings::DeclaredFacts;
use crate::model::RegionName;
use crate::model::region::REGION_KEY;
use crate::model::search::Window;
use crate::policy::Plan;
use crate::redaction::Redactor;
use crate::redaction::query::Sights;
use crate::traceql::ast::Query;
use crate::traceql::conditions::{Facts, InRegions, Withheld, discreetly};

/// What was declared, by region.
type Declared = BTreeMap<RegionName, DeclaredFacts>;

/// What is asked of regions in TraceQL, by rank; nothing of one where nothing can match.
pub(super) type Asked = Vec<Option<String>>;

/// Regions as far as planning knows them.
#[derive(Debug)]
pub struct Planner<'a> {
    names: Vec<&'a RegionName>,
    sights: Sights<'a>,
    declared: &'a Declared,
}

impl<'a> Planner<'a> {
    pub fn new(
        names: Vec<&'a RegionName>,
        plan: &'a Plan,
        redactor: &'a Redactor,
        declared: &'a Declared,
    ) -> Self {
        let sights = Sights::new(names.iter().copied(), plan, redactor);
        Self { names, sights, declared }
    }

    /// The same of every region.
    pub(super) fn everyone(&self, text: &str) -> Asked {
        vec![Some(text.to_owned()); self.names.len()]
    }

    /// What regions are asked in place of a query: what each can decide by itself, and without a word on what may
    /// not be asked there.
    pub(super) fn asked(&self, query: &Query) -> InRegions {
        let unstored = Withheld::nothing().and_said(REGION_KEY);
        let facts: Vec<Facts> = self.names.iter().map(|region| facts_of(region, self.declared)).collect();
        discreetly(query, &unstored, &facts, &self.sights)
    }

    /// By rank, whether a region can hold a part of a trace in this window, by what was declared. `now` is time
    /// since the epoch.
    pub(super) fn reach_back(&self, window: Option<Window>, now: Duration) -> Vec<bool> {
        let reaches = |region: &&RegionName| {
            let retention = self.declared.get(*region).and_then(|own| own.retention);
            let end = window.map(|window| Duration::from_secs(window.end.into()));
            retention.zip(end).is_none_or(|(retention, end)| end >= now.saturating_sub(retention))
        };
        self.names.iter().map(reaches).collect()
    }
}

impl Federation {
    pub(super) fn planner(&self) -> Planner<'_> {
        let names = self.regions.iter().map(|region| region.name()).collect();
        Planner::new(names, &self.plan, &self.redactor, &self.settings.facts)
    }

    /// What the caller may ask of each region.
    pub(super) fn sights(&self) -> Sights<'_> {
        Sights::new(self.regions.iter().map(|region| region.name()), &self.plan, &self.redactor)
    }
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
    use super::*;

    fn name(text: &str) -> RegionName {
        RegionName::parse(text).unwrap()
    }

    fn with<R>(facts: DeclaredFacts, look: impl FnOnce(&Planner<'_>) -> R) -> R {
        let (names, plan, declared) =
            ([name("eu"), name("us")], Plan::allow_all(), [(name("eu"), facts)].into());
        look(&Planner::new(names.iter().collect(), &plan, &Redactor::without_classes(), &declared))
    }

    #[test]
    fn a_region_is_not_asked_for_what_another_alone_has() {
        let attributes = [("env".to_owned(), ["prod".to_owned()].into())].into();
        let facts = DeclaredFacts { attributes, ..DeclaredFacts::default() };
        let query = crate::traceql::compile("{ resource.env = \"prod\" }").unwrap();
        let asked = with(facts, |planner| planner.asked(&query));
        assert_eq!(asked.any, [Some(query), None]);
    }

    #[test]
    fn a_region_holds_nothing_older_than_it_says() {
        let hour = Duration::from_secs(3600);
        let facts = DeclaredFacts { retention: Some(hour), ..DeclaredFacts::default() };
        with(facts, |planner| {
            let until =
                |hours: u32| planner.reach_back(Some(Window { start: 1, end: hours * 3600 }), hour * 100);
            assert_eq!(until(98), [false, true]);
            assert_eq!((until(99), until(100)), (vec![true; 2], vec![true; 2]));
            assert_eq!(planner.reach_back(None, hour * 100), [true; 2]);
        });
    }
}
