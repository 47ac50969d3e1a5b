//! Which traces a query has to look at: every region lists those of its own that may match, page by page.
//!
//! A region is asked for the newest traces that meet a condition. A Tempo has no cursor: a page that is full is
//! followed by one that ends where its oldest trace starts, and where a page ends with the second in which it
//! began, by a larger one. What is older than the oldest trace of a full page is not known yet: that is the
//! horizon of that region. With several conditions, each of which every trace of the answer meets somewhere,
//! the one that reaches furthest back is followed. The others tell which traces are none, as far as they reach: what
//! is not listed for one of them is older than that, if it is in the answer at all, and is looked at later.
//!
//! Does not know what becomes of the traces, nor when enough are known.

use std::collections::HashMap;
use std::time::Duration;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use tokio::time::Instant;

use super::by_id::Federation;
use super::fanout::failed;
use super::growing::Count;
use super::planned::Asked;
use super::query::answered;
use super::refusal::Refusal;
use super::settings::SearchSettings;
use crate::backend::SearchCall;
use crate::evaluate::gather::{Order, Reach};
use crate::model::coverage::RegionReport;
use crate::model::search::{SearchAsked, Window};
use crate::model::{SearchQuery, TraceId};
use crate::redaction::rows::{self, Candidate};
use crate::task::Deadline;

const NANOS: u64 = 1_000_000_000;

/// Traces of a page after the first, and how fast pages grow to it.
const PAGE_MAX: u32 = 4096;
const PAGE_GROWTH: u32 = 4;

/// Traces that a page may have where time cannot be sliced any further; Tempo gives no more in one answer.
const PAGE_LAST: u32 = 262_144;

/// What to ask regions for.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    /// Each lists every trace that may match, and some that don't; at most as many as a set of bits holds.
    pub queries: Vec<Asked>,
    pub reach: Option<Reach>,
    pub order: Order,
    /// Traces of the first page.
    pub first: u32,
    /// Traces to look at for each row, as far as that is known before: one where whoever is listed matches.
    pub per_row: u32,
    /// Traces that are listed with a later start are none.
    pub latest: u64,
}

/// What is known of the traces so far.
#[derive(Debug)]
pub(super) struct Listing {
    wanted: Wanted,
    /// By condition, then by rank.
    cursors: Vec<Vec<Cursor>>,
    known: HashMap<TraceId, Known>,
    has_begun: bool,
}

#[derive(Debug, Clone, Copy)]
struct Known {
    /// The trace starts then, or before.
    start: u64,
    /// A bit for each condition that it was listed for.
    listed: u32,
    holders: u64,
}

impl Known {
    /// A trace of the answer meets every condition somewhere. The part that meets one for which it was not listed
    /// starts before all that was, and so does the trace.
    fn unlisted_since(&self, reached: &[Option<u64>]) -> u64 {
        let unlisted =
            (0u32..).zip(reached).filter(|(number, _)| self.listed & 1u32.wrapping_shl(*number) == 0);
        unlisted.filter_map(|(_, reached)| *reached).min().unwrap_or(u64::MAX)
    }
}

/// A trace that is to be looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Listed {
    pub id: TraceId,
    /// If it is in the answer, it starts then, or before; never, where nobody knows.
    pub start: u64,
    /// A part of it starts then; never, where nobody knows.
    pub seen: u64,
    /// A bit for each of the first regions by rank, where it listed a part.
    holders: u64,
}

impl Listed {
    /// Whether the region of this rank listed a part of it.
    pub fn is_held_by(self, rank: u16) -> bool {
        self.holders & holder(usize::from(rank)) != 0
    }
}

fn holder(rank: usize) -> u64 {
    u32::try_from(rank).ok().and_then(|rank| 1u64.checked_shl(rank)).unwrap_or(0)
}

/// How far one region was listed for one condition.
#[derive(Debug, Clone)]
struct Cursor {
    state: State,
    /// Seconds: where the whole window begins.
    floor: u32,
    /// The next slice of it; all of time where there is no window.
    slice: Option<Window>,
    /// The longest slice that a region takes.
    slice_max: u32,
    page: u32,
    /// No trace that starts later is unlisted.
    horizon: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    /// Everything was listed.
    Whole,
    /// There is more, and no way to ask for it.
    Stuck,
    /// The region failed, which its report says, or is not whole itself.
    Failed,
}

impl Listing {
    pub fn new(wanted: Wanted, settings: &SearchSettings) -> Self {
        let cursor = Cursor::new(&wanted, settings);
        // Of what is not asked of a region, everything is known.
        let of_rank = |asked: &Option<String>| match asked {
            Some(_) => cursor.clone(),
            None => Cursor { state: State::Whole, ..cursor.clone() },
        };
        let cursors = wanted.queries.iter().map(|asked| asked.iter().map(of_rank).collect()).collect();
        Self { wanted, cursors, known: HashMap::new(), has_begun: false }
    }

    /// How many traces are known.
    pub fn len(&self) -> usize {
        self.known.len()
    }

    /// There may be further traces that start then, or before; none where everything is listed.
    pub fn horizon(&self) -> Option<u64> {
        self.cursors.iter().map(|of_regions| horizon(of_regions)).min_by_key(|h| h.unwrap_or(0)).flatten()
    }

    /// Whether another round would tell more.
    pub fn can_go_on(&self) -> bool {
        let followed = self.cursors.get(self.followed());
        followed.is_some_and(|cursors| cursors.iter().any(|cursor| cursor.state == State::Open))
    }

    /// The traces that are to be looked at as far as the horizon, in their order.
    pub fn candidates(&self) -> Vec<Listed> {
        let whole: u32 = (0u32..)
            .zip(&self.cursors)
            .filter(|(_, of_regions)| of_regions.iter().all(|cursor| cursor.state == State::Whole))
            .map(|(number, _)| 1u32.wrapping_shl(number))
            .sum();
        let horizon = self.horizon().unwrap_or(0);
        let reached = self.reached();
        let mut candidates: Vec<Listed> = self
            .known
            .iter()
            .filter(|(_, known)| known.listed & whole == whole && known.start >= horizon)
            .filter(|(_, known)| known.start <= self.wanted.latest)
            .map(|(id, known)| {
                let start = known.start.min(known.unlisted_since(&reached));
                Listed { id: *id, start, seen: known.start, holders: known.holders }
            })
            .collect();
        match self.wanted.order {
            Order::Newest => candidates.sort_unstable_by_key(|c| (std::cmp::Reverse(c.start), c.id)),
            Order::Id => candidates.sort_unstable_by_key(|c| c.id),
        }
        candidates
    }

    /// By condition: how far back all its parts were listed; nothing where that is not known.
    fn reached(&self) -> Vec<Option<u64>> {
        let is_known = |of_regions: &&Vec<Cursor>| of_regions.iter().all(|c| c.state != State::Failed);
        self.cursors
            .iter()
            .map(|of_regions| Some(of_regions).filter(is_known).and_then(|c| horizon(c)))
            .collect()
    }

    /// The condition that reaches furthest back.
    fn followed(&self) -> usize {
        let back = |(_, of_regions): &(usize, &Vec<Cursor>)| horizon(of_regions).unwrap_or(0);
        self.cursors.iter().enumerate().min_by_key(back).map_or(0, |(number, _)| number)
    }

    /// What to ask next, and of which region: first everything, then what the followed condition still lacks.
    fn next(&mut self) -> Vec<(usize, usize, SearchQuery)> {
        let followed = self.followed();
        let everything = !std::mem::replace(&mut self.has_begun, true);
        let mut next = Vec::new();
        for ((number, of_regions), asked) in self.cursors.iter().enumerate().zip(&self.wanted.queries) {
            if !everything && followed != number {
                continue;
            }
            let open = of_regions.iter().enumerate().filter(|(_, cursor)| cursor.state == State::Open);
            next.extend(
                open.filter_map(|(rank, cursor)| {
                    Some((number, rank, cursor.ask(asked.get(rank)?.as_deref()?)))
                }),
            );
        }
        next
    }

    fn take(&mut self, number: usize, rank: usize, page: &[Candidate], is_whole: bool) {
        let bit = u32::try_from(number).map_or(0, |number| 1u32.wrapping_shl(number));
        for candidate in page {
            // A part that does not know when it starts says nothing of the whole.
            let start = if candidate.start == 0 { u64::MAX } else { candidate.start };
            let known = self.known.entry(candidate.id).or_insert(Known { start, listed: 0, holders: 0 });
            known.start = start.min(known.start);
            known.listed |= bit;
            known.holders |= holder(rank);
        }
        if let Some(cursor) = self.cursors.get_mut(number).and_then(|cursors| cursors.get_mut(rank)) {
            cursor.take(page);
            if !is_whole && cursor.state == State::Whole {
                cursor.state = State::Failed;
            }
        }
    }

    fn fail(&mut self, number: usize, rank: usize) {
        if let Some(cursor) = self.cursors.get_mut(number).and_then(|cursors| cursors.get_mut(rank)) {
            cursor.state = State::Failed;
        }
    }
}

/// Of a condition: where a region listed no more.
fn horizon(of_regions: &[Cursor]) -> Option<u64> {
    let open = |cursor: &&Cursor| matches!(cursor.state, State::Open | State::Stuck);
    of_regions.iter().filter(open).map(|cursor| cursor.horizon).max()
}

impl Cursor {
    fn new(wanted: &Wanted, settings: &SearchSettings) -> Self {
        let slice_max = match settings.duration_max.as_secs() {
            0 => u32::MAX,
            seconds => u32::try_from(seconds).unwrap_or(u32::MAX),
        };
        let whole = wanted.reach.map(|reach| widened(reach, settings.longest_trace));
        let floor = whole.map_or(0, |whole| whole.start);
        let mut cursor = Self {
            state: State::Open,
            floor,
            slice: whole,
            slice_max,
            page: wanted.first.max(1),
            horizon: u64::MAX,
        };
        if let Some(whole) = whole {
            let latest = u32::try_from(wanted.latest / NANOS + 1).unwrap_or(u32::MAX);
            cursor.slice_to(whole.end.min(latest));
        }
        cursor
    }

    fn ask(&self, text: &str) -> SearchQuery {
        SearchQuery {
            asked: SearchAsked::Query(text.to_owned()),
            limit: self.page,
            spans_per_set: 1,
            window: self.slice,
            page: None,
        }
    }

    /// The last of what is left that ends there.
    fn slice_to(&mut self, end: u32) {
        let end = end.max(self.floor.saturating_add(1));
        self.slice = Some(Window { start: self.floor.max(end.saturating_sub(self.slice_max)), end });
    }

    fn take(&mut self, page: &[Candidate]) {
        let known = page.iter().map(|candidate| candidate.start).filter(|start| *start > 0);
        let oldest = known.min().unwrap_or(u64::MAX);
        match self.slice {
            None if page.len() < self.page as usize => self.state = State::Whole,
            Some(slice) if page.len() < self.page as usize => {
                if slice.start <= self.floor {
                    self.state = State::Whole;
                } else {
                    self.horizon = u64::from(slice.start) * NANOS;
                    self.slice_to(slice.start);
                }
            }
            slice => {
                self.horizon = oldest.min(self.horizon);
                let end = u32::try_from(oldest.div_ceil(NANOS)).unwrap_or(u32::MAX);
                match slice {
                    Some(slice) if end < slice.end && end > self.floor => {
                        self.slice_to(end);
                        self.grow(PAGE_MAX);
                    }
                    _ => self.grow(PAGE_LAST),
                }
            }
        }
    }

    fn grow(&mut self, most: u32) {
        if most == PAGE_LAST && self.page >= most {
            self.state = State::Stuck;
        }
        self.page = self.page.max(self.page.saturating_mul(PAGE_GROWTH).min(most));
    }
}

impl Federation {
    /// Asks for one more page; gives the reports of those who were asked, by rank. A region that fails is said so
    /// in its report, and the others list what they have.
    pub(super) async fn list(
        &self,
        listing: &mut Listing,
        deadline: Deadline,
        count: &Count,
    ) -> Result<Vec<(usize, RegionReport)>, Refusal> {
        let begun = Instant::now();
        let mut asked: FuturesUnordered<_> = listing
            .next()
            .into_iter()
            .filter_map(|(number, rank, query)| Some((number, rank, self.regions.get(rank)?, query)))
            .map(|(number, rank, region, query)| {
                let open = count.put(rank);
                async move {
                    let outcome = region.search(SearchCall { query, deadline }).await;
                    (number, rank, region, (outcome, open), begun.elapsed())
                }
            })
            .collect();
        let mut reports = Vec::new();
        while let Some((number, rank, region, (outcome, open), took)) = asked.next().await {
            let report = match outcome {
                Ok(reply) => {
                    let report = answered(region, &reply, took);
                    let is_whole = !reply.is_partial;
                    listing.take(number, rank, &rows::candidates(reply.answer), is_whole);
                    report
                }
                Err(fault) if fault.is_of_the_query && region.is_embedded() => {
                    return Err(Refusal::query_failed(fault.detail));
                }
                Err(fault) => {
                    listing.fail(number, rank);
                    failed(region, fault, took)
                }
            };
            count.landed(rank, &report);
            // Not before it is known what became of it.
            drop(open);
            reports.push((rank, report));
        }
        reports.sort_by_key(|(rank, _)| *rank);
        Ok(reports)
    }
}

/// A region's part of a trace may lie outside of the time that is asked about while the whole lies inside: so much
/// around it is asked for too.
pub(super) fn widened(reach: Reach, longest: Duration) -> Window {
    let seconds = |nanos: u64| nanos / NANOS;
    let start = seconds(reach.start).saturating_sub(longest.as_secs()).max(1);
    let end = seconds(reach.end).saturating_add(longest.as_secs()).saturating_add(1);
    let bounded = |seconds: u64| u32::try_from(seconds).unwrap_or(u32::MAX);
    Window { start: bounded(start), end: bounded(end) }
}

#[cfg(test)]
mod tests;
