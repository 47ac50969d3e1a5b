//! What the federation is told by the configuration, already checked.

use std::time::Duration;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FederationSettings {
    /// One whole answer; below Grafana's 30 s.
    pub deadline: Duration,
    /// Kept of the deadline for merging and for the first bytes of the answer.
    pub reserve: Duration,
    /// Largest merged trace, in protobuf bytes; 0 is no limit. Tempo's own default is 5 MB.
    pub trace_bytes_max: u64,
    pub additions: Additions,
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
            reserve: Duration::from_millis(500),
            trace_bytes_max: 0,
            additions: Additions::default(),
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
