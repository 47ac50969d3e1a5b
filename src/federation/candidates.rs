//! Which traces a query has to look at: every region lists those of its own that may match.

use std::collections::HashMap;
use std::time::Duration;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use tokio::time::Instant;

use super::by_id::Federation;
use super::fanout::{blank, failed};
use super::planned::Planned;
use super::query::answered;
use super::refusal::Refusal;
use crate::backend::{Fault, Region, SearchCall};
use crate::evaluate::gather::{Order, Reach};
use crate::model::coverage::{RegionReport, RegionStatus};
use crate::model::search::{SearchAsked, Window};
use crate::model::{SearchQuery, TraceId};
use crate::redaction::rows::{self, Candidate};
use crate::task::Deadline;
use crate::task::clock::wall_nanos;

const NANOS: u64 = 1_000_000_000;

/// The longest trace to expect, in seconds. A region's part of a trace may lie outside of the time that is asked
/// about while the whole lies inside: so much around it is asked for too.
const TRACE_SECONDS: u64 = 3600;

/// Lists every trace.
pub(super) const EVERY_TRACE: &str = "{ }";

/// What to ask regions for.
#[derive(Debug, Clone)]
pub(super) struct Listing {
    /// Which traces may match.
    pub(super) planned: Planned,
    pub(super) reach: Option<Reach>,
    pub(super) order: Order,
    /// Of each region, at most so many.
    pub(super) limit: u32,
    pub(super) deadline: Deadline,
}

/// What regions listed.
#[derive(Debug)]
pub(super) struct Listed {
    /// In the order in which they are to be looked at. Each starts at its time, or before.
    pub(super) candidates: Vec<Candidate>,
    /// Where a region listed no more: there may be further traces that start then, or before.
    pub(super) horizon: Option<u64>,
    /// By rank.
    pub(super) reports: Vec<RegionReport>,
}

impl Federation {
    /// Asks every region; one that fails is said so in its report, and the others list what they have.
    pub(super) async fn list(&self, listing: &Listing) -> Result<Listed, Refusal> {
        let window = listing.reach.map(widened);
        let call_of = |query: &str| SearchCall {
            query: SearchQuery {
                asked: SearchAsked::Query(query.to_owned()),
                limit: listing.limit,
                spans_per_set: 1,
                window,
            },
            deadline: listing.deadline,
        };
        let begun = Instant::now();
        let now = Duration::from_nanos(wall_nanos());
        let asks = |rank: usize, region: &Region| {
            let is_too_old =
                window.is_some_and(|of| self.holds_nothing_until(region.name(), of.end.into(), now));
            listing.planned.of(rank).filter(|_| !is_too_old)
        };
        let mut asked: FuturesUnordered<_> = self
            .regions
            .iter()
            .enumerate()
            .filter_map(|(rank, region)| {
                let call = call_of(asks(rank, region)?);
                Some(async move { (rank, region, region.search(call).await, begun.elapsed()) })
            })
            .collect();
        let mut starts = Starts { limit: listing.limit as usize, ..Starts::default() };
        let mut reports: Vec<_> = self
            .regions
            .iter()
            .enumerate()
            .filter(|(rank, region)| asks(*rank, region).is_none())
            .map(|(rank, region)| (rank, blank(region, RegionStatus::NotNeeded, Duration::ZERO)))
            .collect();
        while let Some((rank, region, outcome, took)) = asked.next().await {
            let report = match outcome {
                Ok(reply) => {
                    let report = answered(region, &reply, took);
                    starts.add(&rows::candidates(reply.answer));
                    report
                }
                Err(Fault { is_of_the_query: true, detail, .. }) => {
                    return Err(Refusal::query_failed(detail));
                }
                Err(fault) => failed(region, fault, took),
            };
            reports.push((rank, report));
        }
        reports.sort_by_key(|(rank, _)| *rank);
        let reports = reports.into_iter().map(|(_, report)| report).collect();
        Ok(Listed { horizon: starts.horizon, candidates: starts.ordered(listing.order), reports })
    }
}

/// The start of each trace as far as it is known.
#[derive(Debug, Default)]
struct Starts {
    by_id: HashMap<TraceId, u64>,
    limit: usize,
    horizon: Option<u64>,
}

impl Starts {
    /// What one region listed, the newest first.
    fn add(&mut self, candidates: &[Candidate]) {
        for candidate in candidates {
            // A part that does not know when it starts says nothing of the whole.
            let start = if candidate.start == 0 { u64::MAX } else { candidate.start };
            let known = self.by_id.entry(candidate.id).or_insert(start);
            *known = start.min(*known);
        }
        if candidates.len() >= self.limit {
            let oldest = candidates.last().map_or(u64::MAX, |oldest| oldest.start);
            self.horizon = Some(self.horizon.map_or(oldest, |other| other.max(oldest)));
        }
    }

    fn ordered(self, order: Order) -> Vec<Candidate> {
        let mut candidates: Vec<Candidate> =
            self.by_id.into_iter().map(|(id, start)| Candidate { id, start }).collect();
        match order {
            Order::Newest => candidates.sort_unstable_by_key(|c| (std::cmp::Reverse(c.start), c.id)),
            Order::Id => candidates.sort_unstable_by_key(|c| c.id),
        }
        candidates
    }
}

fn widened(reach: Reach) -> Window {
    let seconds = |nanos: u64| nanos / NANOS;
    let start = seconds(reach.start).saturating_sub(TRACE_SECONDS).max(1);
    let end = seconds(reach.end).saturating_add(1 + TRACE_SECONDS);
    let bounded = |seconds: u64| u32::try_from(seconds).unwrap_or(u32::MAX);
    Window { start: bounded(start), end: bounded(end) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate(id: u128, start: u64) -> Candidate {
        Candidate { id: TraceId::from_bytes(id.to_be_bytes()), start }
    }

    #[test]
    fn a_trace_starts_no_later_than_its_earliest_part() {
        let mut starts = Starts { limit: 9, ..Starts::default() };
        starts.add(&[candidate(1, 50), candidate(2, 40)]);
        starts.add(&[candidate(2, 60), candidate(1, 30)]);
        assert_eq!(starts.horizon, None);
        assert_eq!(starts.ordered(Order::Newest), [candidate(2, 40), candidate(1, 30)]);
    }

    #[test]
    fn a_region_that_listed_all_it_may_hides_what_is_older() {
        let mut starts = Starts { limit: 2, ..Starts::default() };
        starts.add(&[candidate(1, 50), candidate(2, 40)]);
        starts.add(&[candidate(3, 70), candidate(4, 60)]);
        starts.add(&[candidate(5, 10)]);
        assert_eq!(starts.horizon, Some(60));
    }

    #[test]
    fn a_window_is_widened_by_the_longest_trace_and_never_to_nothing() {
        let reach = Reach { start: 10_000 * NANOS, end: 20_000 * NANOS };
        assert_eq!(widened(reach), Window { start: 6400, end: 23_601 });
        assert_eq!(widened(Reach { start: NANOS, end: u64::MAX }), Window { start: 1, end: u32::MAX });
    }
}
