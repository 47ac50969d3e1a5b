//! Break-glass: what one person let another see for a while, and what is told of it. Knows no signature, no clock
//! and no policy: a grant is what was written, whether it holds is decided elsewhere.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::time::Duration;

use super::id::TraceId;
use super::region::RegionName;

/// The longest a grant may hold. What takes longer than an hour is no emergency any more, and somebody signs anew.
pub const GRANT_MAX: Duration = Duration::from_secs(60 * 60);

/// Until when a grant that was used is to be reviewed.
pub const REVIEW_WITHIN: Duration = Duration::from_secs(24 * 60 * 60);

/// Characters of a justification: fewer say nothing to whoever reviews it.
pub const JUSTIFICATION_CHARS_MIN: usize = 30;

/// A grant as it was signed. Times are since the Unix epoch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    pub id: String,
    /// For whom.
    pub subject: String,
    /// Who signed it.
    pub signer: String,
    pub ticket: String,
    pub justification: String,
    /// Classes and groups of data.
    pub classes: BTreeSet<String>,
    pub regions: BTreeSet<RegionName>,
    /// Where there are some, these traces alone, asked for by id.
    pub traces: BTreeSet<TraceId>,
    /// What for, exactly as the caller states it.
    pub purpose: Option<String>,
    pub issued: Duration,
    pub not_before: Duration,
    pub expires: Duration,
}

/// What a grant takes away the protection of, as far as policies let it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Lift {
    /// The grant's.
    pub id: String,
    pub classes: BTreeSet<String>,
    /// Every region where there is none, as in cases of policies.
    pub regions: Option<BTreeSet<RegionName>>,
    pub expires: Duration,
}

/// What is told of a grant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum GrantEventKind {
    /// Something was answered under it.
    Used,
    /// It was shown, and did not hold.
    Refused,
    /// Somebody looked at what it was used for.
    Reviewed,
}

/// One event of a grant, for whoever keeps the record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrantEvent {
    pub kind: GrantEventKind,
    /// Nothing where what was shown could not be read.
    pub grant: Option<Grant>,
    /// Who showed it.
    pub caller: String,
    pub at: Duration,
    /// Why it was refused.
    pub why: Option<String>,
    /// Refusals before this one that were told to nobody, since there were too many.
    pub suppressed: u64,
}

/// Takes events of grants into a record. It is called on the way of a request, so it must not wait.
pub trait GrantLog: Send + Sync + Debug {
    fn note(&self, event: &GrantEvent);
}

impl Grant {
    pub fn lift(&self) -> Lift {
        Lift {
            id: self.id.clone(),
            classes: self.classes.clone(),
            regions: Some(self.regions.clone()),
            expires: self.expires,
        }
    }

    /// Whether it holds for this trace alone, or for any.
    pub fn is_for(&self, trace: &TraceId) -> bool {
        self.traces.is_empty() || self.traces.contains(trace)
    }

    /// Until when what it was used for is to be reviewed, by when it was used first.
    pub fn review_due(used: Duration) -> Duration {
        used + REVIEW_WITHIN
    }
}

impl Lift {
    /// Whether it is about this region.
    pub fn is_of(&self, region: &str) -> bool {
        self.regions.as_ref().is_none_or(|regions| regions.iter().any(|own| own.as_str() == region))
    }
}

impl GrantEventKind {
    pub fn name(self) -> &'static str {
        match self {
            Self::Used => "break_glass.used",
            Self::Refused => "break_glass.refused",
            Self::Reviewed => "break_glass.reviewed",
        }
    }
}
