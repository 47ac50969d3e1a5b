//! What the federation is told by the configuration, already checked.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::cache::{HotSettings, LocalitySettings};
use crate::model::RegionName;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FederationSettings {
    /// One whole answer; below Grafana's 30 s.
    pub deadline: Duration,
    /// What an early answer waits for.
    pub fast: Duration,
    /// And the longest it waits where what is missing is about to come.
    pub fast_max: Duration,
    /// Kept of the deadline for merging and for the first bytes of the answer.
    pub reserve: Duration,
    /// Largest merged trace, in protobuf bytes; 0 is no limit. Tempo's own default is 5 MB.
    pub trace_bytes_max: u64,
    pub additions: Additions,
    /// Whole traces of a moment ago.
    pub hot: HotSettings,
    /// Where traces are known to be.
    pub locality: LocalitySettings,
    pub search: SearchSettings,
    pub metrics: MetricsSettings,
    /// What somebody declared of regions.
    pub facts: BTreeMap<RegionName, DeclaredFacts>,
}

/// What a region holds, as somebody declared it and answers for it: a region is not asked for what it does not
/// hold by this. Where it is not true, rows go missing and nobody can tell.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DeclaredFacts {
    /// The services that have spans there, if it was declared; beside spans that name none.
    pub services: Option<BTreeSet<String>>,
    /// It holds nothing older.
    pub retention: Option<Duration>,
    /// Values of resource attributes that no other region has.
    pub attributes: BTreeMap<String, BTreeSet<String>>,
}

/// What may be asked of searches and of tags. Defaults are Tempo's; 0 is no limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SearchSettings {
    /// The longest window.
    pub duration_max: Duration,
    /// Traces, where a request does not say how many, and the most it may say.
    pub limit_default: u32,
    pub limit_max: u32,
    /// Spans shown of each spanset, likewise.
    pub spss_default: u32,
    pub spss_max: u32,
    /// Names or values of one answer.
    pub tags_bytes_max: u64,
    /// The longest trace to expect: regions are asked for so much more time on both sides.
    pub longest_trace: Duration,
    /// Traces that regions may list for one query. An entry of each is held.
    pub candidates_max: u32,
    /// Traces that may be assembled for one query.
    pub traces_max: u32,
    /// Bytes of the traces that are assembled for one query. They are looked at one after the other, so this
    /// bounds the work and not the memory.
    pub bytes_max: u64,
    /// Traces that one query fetches from one region at one time.
    pub assembly_concurrent_max: usize,
}

/// What may be asked of metrics queries. Defaults are Tempo's; 0 is no limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetricsSettings {
    /// The longest range.
    pub duration_max: Duration,
    /// Steps of one range.
    pub intervals_max: u64,
    pub exemplars_max: u32,
    pub series_max: u32,
}

/// What the gateway adds to a trace, each switchable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Additions {
    /// `tutti.region` on every resource.
    pub region: bool,
    /// From, to and estimated latency on a span that crosses regions, and the clock offset.
    pub crossings: bool,
    /// A span that says which region is missing, in a partial trace.
    pub missing_region_spans: bool,
    /// Stand-ins for absent parents, in a partial trace.
    pub placeholder_parents: bool,
    /// `tutti.cycle` on spans that are their own ancestors.
    pub cycles: bool,
}

impl Default for FederationSettings {
    fn default() -> Self {
        Self {
            deadline: Duration::from_secs(25),
            fast: Duration::from_millis(300),
            fast_max: Duration::from_millis(600),
            reserve: Duration::from_millis(500),
            trace_bytes_max: 0,
            additions: Additions::default(),
            hot: HotSettings::NONE,
            locality: LocalitySettings::NONE,
            search: SearchSettings::default(),
            metrics: MetricsSettings::default(),
            facts: BTreeMap::new(),
        }
    }
}

impl Default for SearchSettings {
    fn default() -> Self {
        Self {
            duration_max: Duration::from_hours(7 * 24),
            limit_default: 20,
            limit_max: 262_144,
            spss_default: 3,
            spss_max: 100,
            tags_bytes_max: 1_000_000,
            longest_trace: Duration::from_hours(1),
            candidates_max: 50_000,
            traces_max: 50_000,
            bytes_max: 1 << 30,
            assembly_concurrent_max: 16,
        }
    }
}

impl Default for MetricsSettings {
    fn default() -> Self {
        Self {
            duration_max: Duration::from_hours(24),
            intervals_max: 10_000,
            exemplars_max: 100,
            series_max: 0,
        }
    }
}

impl Default for Additions {
    fn default() -> Self {
        Self {
            region: true,
            crossings: true,
            missing_region_spans: true,
            placeholder_parents: true,
            cycles: true,
        }
    }
}

impl Additions {
    pub const NONE: Self = Self {
        region: false,
        crossings: false,
        missing_region_spans: false,
        placeholder_parents: false,
        cycles: false,
    };
}
