//! What is asked of each region for candidates, by what is known of it: its name, and what somebody declared.
//!
//! Only listing is left out where nothing can match. Whoever is listed anywhere is assembled from all regions.

use std::time::Duration;

use super::by_id::Federation;
use super::candidates::EVERY_TRACE;
use crate::model::RegionName;
use crate::model::region::REGION_KEY;
use crate::traceql::ast::{AttributeName, Scope};
use crate::traceql::conditions::{Facts, Withheld, in_regions};
use crate::traceql::{self};

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
        let Ok(query) = traceql::compile(text) else { return self.every_trace() };
        let facts: Vec<Facts> = self.regions.iter().map(|region| self.facts_of(region.name())).collect();
        let asked = in_regions(&query, &self.withheld(), &facts);
        Planned { by_rank: asked.into_iter().map(|query| query.map(|query| query.to_string())).collect() }
    }

    /// What no condition may name.
    fn withheld(&self) -> Withheld {
        let of_policy = self.plan.withheld_keys().into_iter().map(str::to_owned);
        let named = |key| AttributeName::Named { parent: false, scope: Scope::Any, key };
        of_policy.chain([REGION_KEY.to_owned()]).map(named).collect()
    }

    fn facts_of(&self, region: &RegionName) -> Facts {
        let mut facts = Facts::nothing().saying(REGION_KEY, region.as_str());
        let declared = &self.settings.facts;
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

    /// Whether a region holds nothing that is as new as this, in seconds of the epoch, by what was declared.
    pub(super) fn holds_nothing_until(&self, region: &RegionName, end: u64, now: Duration) -> bool {
        let retention = self.settings.facts.get(region).and_then(|own| own.retention);
        retention.is_some_and(|retention| Duration::from_secs(end) < now.saturating_sub(retention))
    }
}
