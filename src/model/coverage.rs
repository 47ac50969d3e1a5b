//! What an answer covers: one entry per *declared* region, whatever happened to it.
//!
//! What was allowed (`Mode`) and what happened (`Outcome`) are separate facts. The outcome is computed
//! from the entries, so that no one can state it differently from what they say.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::{Jurisdiction, RegionName};

/// What the caller allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Mode {
    /// Whole, or an error that names what is missing.
    Strict,
    /// What can be had by the deadline, and what is missing by name.
    #[default]
    BestEffort,
    /// What is there after a short wait, and what is still to come by name.
    Fast,
}

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
    Complete,
    Partial,
    Refused,
}

/// How one region fared. A region that answered and holds nothing of the trace is `Ok` with no spans.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RegionStatus {
    Ok,
    /// Not asked: by what is known of it without asking, nothing there can be part of the answer.
    NotNeeded,
    /// It answered, and said itself that its answer is not whole.
    Partial,
    /// Slow and dead have the same outcome at the same moment.
    Timeout,
    /// It was asked and has not answered yet, and is waited for behind an early answer.
    Pending,
    /// No connection could be made, or it broke before an answer began.
    Unreachable,
    /// Not asked: its circuit is open.
    CircuitOpen,
    /// It answered 429, or our own limit for it was reached.
    Overloaded,
    /// It answered a server error.
    Error,
    /// Not asked: the policy does not permit this caller what the question takes.
    Withheld,
    /// It answered that the data asked for is too fresh for it to be sure.
    TooFresh,
    /// It refused the request itself (4xx): asking again does not help.
    Rejected,
    /// It answered 200 with bytes that are not a trace, or not this trace.
    Malformed,
    /// The answer ended before it was whole.
    CutOff,
    /// The answer is larger than the limit for one region.
    TooLarge,
    /// It answered, but the merged trace had already reached its size limit.
    Truncated,
}

/// One declared region's part in an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegionReport {
    pub region: RegionName,
    pub jurisdiction: Jurisdiction,
    pub status: RegionStatus,
    /// One plain line in our own words; never text a region sent.
    pub detail: Option<String>,
    pub http_status: Option<u16>,
    pub took: Duration,
    pub first_byte: Option<Duration>,
    /// Of its answer; where the policy may withhold something, of what is left of it.
    pub bytes: u64,
    pub spans: u64,
    pub attempts: u32,
    /// Attribute values treated by the policy.
    pub treated: u64,
    /// How many of them were of which class; a value may be of several, or of none where its key is listed.
    pub treated_by_class: Vec<(String, u64)>,
    /// What a peer gateway there says of its own regions.
    pub within: Option<Arc<Within>>,
    /// Its raw spans cross into another jurisdiction, as somebody allowed and answers for.
    pub is_raw_egress: bool,
    /// Where it is still waited for: when it is worth looking again.
    pub again: Option<Duration>,
}

impl RegionReport {
    /// Of a region of which nothing else is known yet.
    pub fn new(region: RegionName, jurisdiction: Jurisdiction, status: RegionStatus) -> Self {
        Self {
            region,
            jurisdiction,
            status,
            detail: None,
            http_status: None,
            took: Duration::ZERO,
            first_byte: None,
            bytes: 0,
            spans: 0,
            attempts: 0,
            treated: 0,
            treated_by_class: Vec::new(),
            within: None,
            is_raw_egress: false,
            again: None,
        }
    }
}

/// The account of a peer gateway, as part of that of a region.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Within {
    pub gateway: String,
    /// Whether nothing there is withheld from this caller, and anything may be asked.
    pub is_open: bool,
    /// Why the peer's answer may not be what one Tempo would have given.
    pub exactness: Exactness,
    /// Gateways whose regions it left to those that ask it, since they ask these themselves: nothing of them is missing.
    pub elsewhere: Vec<String>,
    /// Whether more could be said than there was room for: numbers, reasons, or regions of further peers.
    pub is_abridged: bool,
    /// One entry for each region that the peer declares and that is not asked elsewhere.
    pub regions: Vec<RegionReport>,
}

/// Regions behind peers behind peers are told of so deep.
pub const WITHIN_DEPTH_MAX: usize = 4;

impl Within {
    /// How the peer's region fared as a whole: no better than what the peer says of its own.
    pub fn status(&self) -> RegionStatus {
        let withheld = self.regions.iter().filter(|report| report.status == RegionStatus::Withheld).count();
        let has_answered = self.regions.iter().any(|report| report.status.has_answered());
        let is_whole = self.regions.iter().all(|report| report.status.is_whole());
        if is_whole && self.exactness == Exactness::Exact && !self.regions.is_empty() {
            RegionStatus::Ok
        } else if withheld > 0 && !has_answered && self.missing().count() == withheld {
            RegionStatus::Withheld
        } else {
            RegionStatus::Partial
        }
    }

    /// Whether it was asked about nothing, since every region of its own is another's to answer for.
    pub fn has_nothing_left(&self) -> bool {
        self.regions.is_empty() && !self.elsewhere.is_empty()
    }

    /// Regions of which something is missing.
    pub fn missing(&self) -> impl Iterator<Item = &RegionReport> {
        self.regions.iter().filter(|report| !report.status.is_whole())
    }
}

/// Whether the answer is what one Tempo would have given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Exactness {
    Exact,
    RegionMissing,
    /// The policy does not permit the caller to ask a region this.
    RegionWithheld,
    RegionPartial,
    SizeLimit,
    Budget(Budget),
}

/// A bound on what one query may take, which was reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Budget {
    /// Traces that regions list.
    Candidates,
    /// Traces that are assembled.
    Traces,
    /// Bytes of the traces that are assembled.
    Bytes,
    /// The deadline of the request.
    Time,
}

/// Spans that the trace itself says are owed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owed {
    pub what: OwedKind,
    /// Hex id of the absent parent, or of the client span without a server.
    pub span_id: String,
    /// The region that probably holds it, where the trace or the coverage tells.
    pub suspected: Option<RegionName>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OwedKind {
    MissingParent,
    ClientWithoutServer,
}

/// The completeness report of one answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Coverage {
    pub mode: Mode,
    /// In the order of the configuration; as many as are declared.
    pub regions: Vec<RegionReport>,
    pub owed: Owing,
    /// The merged trace is larger than the limit, which also means that regions may be `Truncated`.
    pub is_size_limited: bool,
    /// What ended the answer before everything was looked at.
    pub budget: Option<Budget>,
    pub plan_digest: String,
}

/// The completeness witness, bounded: counts are of all, `first` lists a few.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Owing {
    pub missing_parents: u64,
    pub clients_without_server: u64,
    /// How many of them each region probably holds, where the trace or the coverage tells.
    pub by_region: BTreeMap<RegionName, u64>,
    /// A few of each kind.
    pub first: Vec<Owed>,
}

impl RegionStatus {
    pub const ALL: [Self; 16] = [
        Self::Ok,
        Self::NotNeeded,
        Self::Partial,
        Self::Timeout,
        Self::Pending,
        Self::Unreachable,
        Self::CircuitOpen,
        Self::Overloaded,
        Self::Error,
        Self::Withheld,
        Self::TooFresh,
        Self::Rejected,
        Self::Malformed,
        Self::CutOff,
        Self::TooLarge,
        Self::Truncated,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::NotNeeded => "not_needed",
            Self::Partial => "partial",
            Self::Timeout => "timeout",
            Self::Pending => "pending",
            Self::Unreachable => "unreachable",
            Self::CircuitOpen => "circuit_open",
            Self::Overloaded => "overloaded",
            Self::Error => "error",
            Self::Withheld => "withheld",
            Self::TooFresh => "too_fresh",
            Self::Rejected => "rejected",
            Self::Malformed => "malformed",
            Self::CutOff => "cut_off",
            Self::TooLarge => "too_large",
            Self::Truncated => "truncated",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == text)
    }

    /// Whether everything the region holds of what was asked for is in the answer.
    pub fn is_whole(self) -> bool {
        matches!(self, Self::Ok | Self::NotNeeded)
    }

    /// Whether a question was put to it.
    pub fn was_asked(self) -> bool {
        !matches!(self, Self::NotNeeded | Self::Withheld)
    }

    /// Whether it was asked and failed, so that what it holds is unknown.
    pub fn has_failed(self) -> bool {
        !self.is_whole() && !self.has_answered()
    }

    /// Whether the region answered with something that can be used, if not everything.
    pub fn has_answered(self) -> bool {
        matches!(self, Self::Ok | Self::Partial)
    }

    /// What happened, to complete a sentence that begins with the region's name.
    pub fn sentence(self) -> &'static str {
        match self {
            Self::Ok => "answered in full",
            Self::NotNeeded => "was not asked, since nothing there can match",
            Self::Partial => "answered in part",
            Self::Timeout => "did not answer in time",
            Self::Pending => "has not answered yet",
            Self::Unreachable => "could not be reached",
            Self::CircuitOpen => "was not asked, since it has been failing",
            Self::Overloaded => "is overloaded",
            Self::Error => "answered with an error",
            Self::Withheld => "was not asked, since the policy does not permit it",
            Self::TooFresh => "cannot vouch for data this fresh yet",
            Self::Rejected => "rejected the request",
            Self::Malformed => "answered with something that is no such trace",
            Self::CutOff => "broke off in mid-answer",
            Self::TooLarge => "holds more of the trace than may be fetched",
            Self::Truncated => "was left out, since the trace has reached its size limit",
        }
    }
}

impl RegionReport {
    /// In how many seconds it is worth looking again, where it is still waited for; one at least.
    pub fn look_again(&self) -> Option<u64> {
        let again = self.again.filter(|_| self.status == RegionStatus::Pending)?;
        Some(again.as_millis().div_ceil(1000).try_into().unwrap_or(u64::MAX).max(1))
    }
}

impl Mode {
    /// Those that a person may write, in the order from the strictest on.
    pub const ALL: [Self; 3] = [Self::Strict, Self::BestEffort, Self::Fast];

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mode| mode.as_str() == text)
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Strict => "strict",
            Self::BestEffort => "best_effort",
            Self::Fast => "fast",
        }
    }
}

impl Outcome {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Partial => "partial",
            Self::Refused => "refused",
        }
    }
}

impl Exactness {
    pub fn parse(text: &str) -> Option<Self> {
        let plain =
            [Self::Exact, Self::RegionMissing, Self::RegionWithheld, Self::RegionPartial, Self::SizeLimit];
        let all = plain.into_iter().chain(Budget::ALL.map(Self::Budget));
        all.into_iter().find(|exactness| exactness.as_str() == text)
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::RegionMissing => "region_missing",
            Self::RegionWithheld => "region_withheld",
            Self::RegionPartial => "region_partial",
            Self::SizeLimit => "size_limit",
            Self::Budget(budget) => budget.as_str(),
        }
    }
}

impl Budget {
    pub const ALL: [Self; 4] = [Self::Candidates, Self::Traces, Self::Bytes, Self::Time];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Candidates => "candidates_budget",
            Self::Traces => "traces_budget",
            Self::Bytes => "bytes_budget",
            Self::Time => "time_budget",
        }
    }

    /// What was reached, by the key that sets it.
    pub fn sentence(self) -> &'static str {
        match self {
            Self::Candidates => {
                "more traces may match than may be listed for one query (search.candidates_max)"
            }
            Self::Traces => "more traces may match than may be assembled for one query (search.traces_max)",
            Self::Bytes => {
                "the traces that may match are larger than what may be assembled (search.bytes_max)"
            }
            Self::Time => {
                "the time was over before all traces that may match were looked at (deadlines.complete)"
            }
        }
    }
}

impl OwedKind {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::MissingParent => "missing_parent",
            Self::ClientWithoutServer => "client_without_server",
        }
    }
}

impl Coverage {
    pub fn outcome(&self) -> Outcome {
        let whole = self.regions.iter().filter(|r| r.status.is_whole()).count();
        let answered = self.regions.iter().filter(|r| r.status.has_answered()).count();
        let is_whole =
            whole == self.regions.len() && whole > 0 && !self.is_size_limited && self.budget.is_none();
        let is_withheld_alone = self.missing().all(|r| r.status == RegionStatus::Withheld);
        match (is_whole, answered, self.mode) {
            (true, ..) => Outcome::Complete,
            // Whoever had a word in it had one: where nobody may be asked at all, that is said before.
            (false, 0, Mode::BestEffort | Mode::Fast) if is_withheld_alone && !self.regions.is_empty() => {
                Outcome::Partial
            }
            (false, 0, _) | (false, _, Mode::Strict) => Outcome::Refused,
            (false, ..) => Outcome::Partial,
        }
    }

    pub fn exactness(&self) -> Exactness {
        let any = |wanted: fn(RegionStatus) -> bool| self.regions.iter().any(|r| wanted(r.status));
        let within = || self.regions.iter().filter_map(|report| report.within.as_deref());
        let says = |wanted: Exactness| within().any(|within| within.exactness == wanted);
        let of_peers = within().find_map(|within| match within.exactness {
            Exactness::Budget(budget) => Some(budget),
            _ => None,
        });
        if self.regions.is_empty()
            || any(|s| {
                use RegionStatus::{TooLarge, Truncated, Withheld};
                s.has_failed() && !matches!(s, Truncated | TooLarge | Withheld)
            })
            || says(Exactness::RegionMissing)
        {
            Exactness::RegionMissing
        } else if let Some(budget) = self.budget.or(of_peers) {
            Exactness::Budget(budget)
        } else if self.is_size_limited
            || any(|s| matches!(s, RegionStatus::Truncated | RegionStatus::TooLarge))
            || says(Exactness::SizeLimit)
        {
            Exactness::SizeLimit
        } else if any(|s| s == RegionStatus::Withheld) || says(Exactness::RegionWithheld) {
            Exactness::RegionWithheld
        } else if any(|s| s == RegionStatus::Partial) {
            Exactness::RegionPartial
        } else {
            Exactness::Exact
        }
    }

    /// Whether a region is still waited for: asking again soon gives more.
    pub fn is_pending(&self) -> bool {
        self.regions.iter().any(|report| report.status == RegionStatus::Pending)
    }

    /// In how many seconds it is worth looking again: when nearly everything that is waited for should be there.
    pub fn look_again(&self) -> Option<u64> {
        self.regions.iter().filter_map(RegionReport::look_again).max()
    }

    /// Regions of which something is missing, in the order of the configuration.
    pub fn missing(&self) -> impl Iterator<Item = &RegionReport> {
        self.regions.iter().filter(|r| !r.status.is_whole())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn covering(mode: Mode, statuses: &[RegionStatus]) -> Coverage {
        let regions = statuses.iter().enumerate().map(|(rank, status)| {
            let region = RegionName::parse(&format!("region-{rank}")).unwrap();
            RegionReport::new(region, Jurisdiction::parse("EU").unwrap(), *status)
        });
        Coverage {
            mode,
            regions: regions.collect(),
            owed: Owing::default(),
            is_size_limited: false,
            budget: None,
            plan_digest: String::new(),
        }
    }

    #[test]
    fn no_region_at_all_is_never_complete() {
        let coverage = covering(Mode::BestEffort, &[]);
        assert_eq!(coverage.outcome(), Outcome::Refused);
        assert_ne!(coverage.exactness(), Exactness::Exact);
    }

    #[test]
    fn one_region_that_did_not_answer_in_full_is_never_complete() {
        for status in RegionStatus::ALL.into_iter().filter(|status| !status.is_whole()) {
            let coverage = covering(Mode::BestEffort, &[RegionStatus::Ok, status]);
            assert_eq!(coverage.outcome(), Outcome::Partial, "{status:?}");
            assert_ne!(coverage.exactness(), Exactness::Exact, "{status:?}");
            let strict = covering(Mode::Strict, &[RegionStatus::Ok, status]);
            assert_eq!(strict.outcome(), Outcome::Refused, "{status:?}");
        }
    }

    #[test]
    fn when_every_region_fails_the_answer_is_refused() {
        let coverage = covering(Mode::BestEffort, &[RegionStatus::Timeout, RegionStatus::Unreachable]);
        assert_eq!(coverage.outcome(), Outcome::Refused);
    }

    #[test]
    fn a_region_that_is_not_needed_leaves_the_answer_whole_and_is_no_answer_where_others_fail() {
        use RegionStatus::{NotNeeded, Ok, Timeout};
        for mode in [Mode::Strict, Mode::BestEffort] {
            for statuses in [[Ok, NotNeeded], [NotNeeded, NotNeeded]] {
                let coverage = covering(mode, &statuses);
                assert_eq!((coverage.outcome(), coverage.exactness()), (Outcome::Complete, Exactness::Exact));
            }
            let coverage = covering(mode, &[Timeout, NotNeeded]);
            assert_eq!(coverage.outcome(), Outcome::Refused);
            assert_eq!(coverage.exactness(), Exactness::RegionMissing);
        }
    }

    #[test]
    fn an_answer_that_a_budget_ended_is_never_complete() {
        for budget in Budget::ALL {
            let of = |mode| Coverage { budget: Some(budget), ..covering(mode, &[RegionStatus::Ok]) };
            let labelled = of(Mode::BestEffort);
            assert_eq!(labelled.outcome(), Outcome::Partial);
            assert_eq!(labelled.exactness().as_str(), budget.as_str());
            assert_eq!(of(Mode::Strict).outcome(), Outcome::Refused);
        }
    }

    #[test]
    fn a_trace_over_its_size_limit_is_partial_though_every_region_answered() {
        let mut coverage = covering(Mode::BestEffort, &[RegionStatus::Ok]);
        assert_eq!((coverage.outcome(), coverage.exactness()), (Outcome::Complete, Exactness::Exact));
        coverage.is_size_limited = true;
        assert_eq!((coverage.outcome(), coverage.exactness()), (Outcome::Partial, Exactness::SizeLimit));
    }
}
