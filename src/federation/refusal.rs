//! When there is nothing honest to answer with: one plain line that names every region that failed.
//!
//! The line never says that a trace was "not found": Grafana takes these words for a miss, and a region
//! that did not answer may hold it.

use super::by_id::Found;
use crate::evaluate::QueryError;
use crate::evaluate::tags::TagsError;
use crate::model::coverage::{Budget, Owing, RegionReport, RegionStatus};
use crate::model::{Answer, Coverage, Mode, Outcome};
use crate::redaction::query::Denial;
use crate::trace::join::JoinError;

/// A lookup without an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    pub why: Why,
    pub line: String,
    pub coverage: Option<Coverage>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// Every region that failed failed by time.
    Late,
    /// Nothing is there yet, and a region is still waited for.
    Pending,
    /// Regions failed.
    Failed,
    /// Every region that failed says it is overloaded.
    Overloaded,
    /// The trace is over its size limit and the caller takes only a whole one.
    TooLarge,
    /// The policy does not permit the caller what the question takes.
    Forbidden,
    /// The gateway itself lost the work.
    Internal,
    /// The query is no TraceQL, or none that can be run. No region was asked.
    Query,
    /// The query is one that can be run, and evaluating it failed on a span.
    QueryFailed,
    /// Answering needs more than this gateway may take for one query.
    TooMuch,
    /// Regions as they are declared can't be asked this.
    Unsupported,
    /// Two traces were to be compared, and one does not exist.
    NoSuchTrace,
    /// The same, and of one a part is missing.
    NotWhole,
    /// The same, and together they are over the size limit of one.
    TogetherTooLarge,
}

impl Refusal {
    /// The work ended without a result: the process is going down, or a computation was lost.
    pub fn lost() -> Self {
        let line = "the gateway lost this request while it worked on it: ask again".to_owned();
        Self { why: Why::Internal, line, coverage: None }
    }

    /// The parts together are more than can be addressed: two gigabytes and the like.
    pub(super) fn unassembled(error: JoinError) -> Self {
        let line = format!(
            "the trace cannot be assembled, {error}: set limits.trace_bytes_max, or body_bytes_max of its regions"
        );
        Self { why: Why::TooLarge, line, coverage: None }
    }

    /// The query can't be run as it is written. What Tempo finds out only when it reads a block is a failure
    /// there, and one here.
    pub(super) fn query(error: QueryError) -> Self {
        let why = if matches!(error, QueryError::Fetch(_) | QueryError::Math) {
            Why::QueryFailed
        } else {
            Why::Query
        };
        Self { why, line: error.to_string(), coverage: None }
    }

    /// As `query`, of a question for tags.
    pub(super) fn tags(error: TagsError) -> Self {
        let is_refused = matches!(error, TagsError::Name { .. } | TagsError::TooManyGroups(_));
        let why = if is_refused { Why::Query } else { Why::QueryFailed };
        Self { why, line: error.to_string(), coverage: None }
    }

    /// The query failed on a span; the words are its own.
    pub(super) fn query_failed(failure: impl std::fmt::Display) -> Self {
        Self { why: Why::QueryFailed, line: failure.to_string(), coverage: None }
    }

    /// No region may be asked this by this caller. Said before any is asked, whatever they hold.
    pub(super) fn forbidden(denied: &[Option<Denial>], coverage: Coverage) -> Self {
        let mut reasons: Vec<(String, Vec<&str>)> = Vec::new();
        for denial in denied.iter().flatten() {
            let reason = denial.to_string();
            match reasons.iter_mut().find(|(known, _)| *known == reason) {
                Some((_, regions)) => regions.push(denial.region.as_str()),
                None => reasons.push((reason, vec![denial.region.as_str()])),
            }
        }
        let reasons: Vec<String> = reasons
            .into_iter()
            .map(|(reason, regions)| format!("{reason} in {}", regions.join(", ")))
            .collect();
        Self { why: Why::Forbidden, line: reasons.join("; "), coverage: Some(coverage) }
    }

    /// Every region was asked and none permits it, as peers decide.
    pub(super) fn of_withheld(coverage: &Coverage) -> Option<Self> {
        let is_withheld = |report: &RegionReport| report.status == RegionStatus::Withheld;
        if coverage.regions.is_empty() || !coverage.regions.iter().all(is_withheld) {
            return None;
        }
        let mut reasons: Vec<(&str, Vec<&str>)> = Vec::new();
        for report in &coverage.regions {
            let reason = report.detail.as_deref().unwrap_or("the policy does not permit it");
            match reasons.iter_mut().find(|(known, _)| *known == reason) {
                Some((_, regions)) => regions.push(report.region.as_str()),
                None => reasons.push((reason, vec![report.region.as_str()])),
            }
        }
        let line: Vec<String> =
            reasons.iter().map(|(reason, of)| format!("{reason} in {}", of.join(", "))).collect();
        Some(Self { why: Why::Forbidden, line: line.join("; "), coverage: Some(coverage.clone()) })
    }

    /// A budget was reached by whoever takes only a whole answer.
    pub(super) fn of_budget(budget: Budget, looked_at: Option<usize>, coverage: Coverage) -> Self {
        let (why, line) = match budget {
            Budget::Time => {
                let looked_at = looked_at.map(|count| format!(": {count} traces were looked at"));
                let line = format!(
                    "not answered by the deadline{}; ask about less time",
                    looked_at.unwrap_or_default()
                );
                (Why::Late, line)
            }
            _ => {
                let advice = "ask about less time, or with conditions that fewer traces meet";
                (Why::TooMuch, format!("not answered as a whole: {}; {advice}", budget.sentence()))
            }
        };
        Self { why, line, coverage: Some(coverage) }
    }

    /// Refuses where no region answered, or where a strict caller misses one.
    pub(super) fn of_query_coverage(coverage: &Coverage) -> Option<Self> {
        (coverage.outcome() == Outcome::Refused).then(|| Self::of(coverage.clone()))
    }

    /// Refuses where no region answered, or where a strict caller misses one.
    pub(super) fn before_assembly(mode: Mode, regions: &[RegionReport], plan_digest: &str) -> Option<Self> {
        let coverage = Coverage {
            mode,
            regions: regions.to_vec(),
            owed: Owing::default(),
            is_size_limited: false,
            budget: None,
            plan_digest: plan_digest.to_owned(),
        };
        (coverage.outcome() == Outcome::Refused).then(|| Self::of(coverage))
    }

    /// Refuses where nothing was found and not every region was heard, since the trace may well exist; and
    /// where a strict caller's trace is over the limit.
    pub(super) fn after_assembly(mode: Mode, answer: &Answer<Found>) -> Option<Self> {
        let coverage = &answer.coverage;
        match coverage.outcome() {
            Outcome::Complete => None,
            Outcome::Partial if !answer.value.trace.is_empty() => None,
            Outcome::Partial | Outcome::Refused => {
                let mut refusal = Self::of(coverage.clone());
                if let (Some(limit), Mode::Strict) = (answer.value.exceeds, mode) {
                    refusal.why = Why::TooLarge;
                    refusal.line = format!("trace exceeds max size (max bytes: {limit})");
                }
                Some(refusal)
            }
        }
    }

    fn of(coverage: Coverage) -> Self {
        if coverage.regions.is_empty() {
            let line = "no region is configured: declare at least one [[region]]".to_owned();
            return Self { why: Why::Failed, line, coverage: Some(coverage) };
        }
        let is_all = |wanted: RegionStatus| coverage.missing().all(|report| report.status == wanted);
        let why = if is_all(RegionStatus::Withheld) {
            Why::Forbidden
        } else if is_all(RegionStatus::Timeout) {
            Why::Late
        } else if coverage.is_pending() {
            Why::Pending
        } else if is_all(RegionStatus::Overloaded) {
            Why::Overloaded
        } else {
            Why::Failed
        };
        let missing: Vec<String> = coverage.missing().map(in_words).collect();
        let heard: Vec<&str> = coverage
            .regions
            .iter()
            .filter(|report| report.status.is_whole())
            .map(|report| report.region.as_str())
            .collect();
        let missing = missing.join("; ");
        let has_answer = coverage.regions.iter().any(|report| report.status.has_answered());
        let line = match (has_answer, coverage.mode) {
            (false, _) => format!("no region answered: {missing}"),
            (true, Mode::Strict) => format!("strict mode refuses a partial answer: {missing}"),
            (true, Mode::BestEffort | Mode::Fast) if heard.is_empty() => {
                format!("no span of this trace in what was answered, but {missing}: it may exist")
            }
            (true, Mode::BestEffort | Mode::Fast) => {
                format!("no span of this trace in {}, but {missing}: it may exist there", heard.join(", "))
            }
        };
        Self { why, line, coverage: Some(coverage) }
    }
}

/// A refusal is a rare and large value; functions that mostly succeed keep it in a box.
impl From<Box<Self>> for Refusal {
    fn from(boxed: Box<Self>) -> Self {
        *boxed
    }
}

/// A region and what became of it, as part of a sentence.
pub fn in_words(report: &RegionReport) -> String {
    let sentence = report.status.sentence();
    match report.http_status.filter(|status| *status != 200 && report.within.is_none()) {
        Some(status) => format!("{} {sentence} (HTTP {status})", report.region),
        // Nothing was waited for.
        None if report.status == RegionStatus::Withheld => match &report.detail {
            Some(detail) => format!("{} {sentence}: {detail}", report.region),
            None => format!("{} {sentence}", report.region),
        },
        // What a peer lacks is said by the names of its own regions.
        None if report.within.is_some() && report.detail.is_some() => {
            let detail = report.detail.as_deref().unwrap_or_default();
            format!("{} {sentence}: {detail} (after {} ms)", report.region, report.took.as_millis())
        }
        None if report.status == RegionStatus::CircuitOpen => format!("{} {sentence}", report.region),
        None => {
            let again = report.look_again().map(|seconds| format!(": look again in {seconds} s"));
            let took = report.took.as_millis();
            format!("{} {sentence} (after {took} ms){}", report.region, again.unwrap_or_default())
        }
    }
}
