//! Candidates in outline: what a query reads of many traces, asked of each region by one search instead of by
//! many lookups. One lookup costs a Tempo about as much as such a search.
//!
//! Only what is certain is told so (`evaluate/outline`): a trace of which a region leaves anything open is left
//! to whoever asks for it by its id, and so is every trace where a region takes no such question, which is
//! remembered for a while. A region that does not answer is said so, as if it had been asked for the traces
//! themselves.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::StreamExt;
use futures::future::join_all;
use futures::stream::FuturesUnordered;
use tokio::time::Instant;

use super::assembled::Parts;
use super::by_id::Federation;
use super::fanout::{Landed, failed};
use super::growing::Count;
use super::listing::{Listed, widened};
use super::query::answered;
use crate::backend::{Fault, Region, RegionAnswer, SearchCall};
use crate::evaluate::gather::Reach;
use crate::evaluate::outline::{Fragment, Outline, SPANS_PER_SET, Settled, agree};
use crate::model::coverage::{RegionReport, RegionStatus};
use crate::model::search::{SearchAsked, Window};
use crate::model::{SearchAnswer, SearchQuery, TraceId};
use crate::redaction::{Redacted, View, rows};
use crate::task::Deadline;
use crate::task::clock::wall_nanos;

/// A Tempo's search leaves out what began in the last half minute, since spans still come in; a lookup does not.
/// A trace that goes on into it is looked up.
const UNSETTLED_NANOS: u64 = 30_000_000_000;

/// Traces of one question: its URL stays below the 8 KiB that a proxy may take, with what a query reads, and without.
const IDS_MAX: usize = 64;
const IDS_NAMED_MAX: usize = 128;

/// A region that takes no such question is not asked another for so long; it may be a Tempo that is to be renewed.
const REFUSED_FOR: Duration = Duration::from_mins(5);

/// Which regions took no question in outline a while ago, by rank: an entry of each at most. All views of the estate
/// share it.
#[derive(Debug, Clone, Default)]
pub(super) struct Refusing(Arc<Mutex<BTreeMap<u16, Instant>>>);

impl Refusing {
    fn is_anyone(&self) -> bool {
        let mut since = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        since.retain(|_, since| since.elapsed() < REFUSED_FOR);
        !since.is_empty()
    }

    fn remember(&self, rank: u16) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(rank, Instant::now());
    }
}

/// Of some candidates, the first so many that were asked about: those that were told, and the regions' parts of
/// them.
#[derive(Debug)]
pub(super) struct Told {
    pub count: usize,
    pub traces: Vec<Listed>,
    pub parts: Vec<Parts>,
}

/// What one region said of the traces, in their order.
struct Said {
    rank: u16,
    report: RegionReport,
    of_each: Redacted<Vec<Saying>>,
}

enum Saying {
    /// It holds nothing of it.
    Nothing,
    Part(Box<(Fragment, View)>),
    /// It leaves something open.
    Unclear,
}

/// What came of asking one region.
enum Outcome {
    Said(Said),
    Failed(u16, RegionReport),
    /// It takes no such question, or its answer is none to it.
    Unable,
}

/// What a region answered to each question of a kind.
type Replies = Vec<Result<RegionAnswer<SearchAnswer>, Fault>>;

/// What is asked of each region about some traces.
struct Asking<'q> {
    outline: &'q Outline,
    batch: &'q [Listed],
    outlines: Vec<SearchCall>,
    larger: Vec<SearchCall>,
}

impl<'q> Asking<'q> {
    fn of(outline: &'q Outline, batch: &'q [Listed], window: Window, deadline: Deadline) -> Self {
        let ids: Vec<TraceId> = batch.iter().map(|listed| listed.id).collect();
        let call = |text: String, ids: &[TraceId]| question(text, ids.len(), window, deadline);
        let outlines = ids.chunks(IDS_MAX).map(|ids| call(outline.question(ids), ids)).collect();
        let larger = ids.chunks(IDS_NAMED_MAX);
        let larger = larger.map(|ids| call(Outline::question_for_larger(ids), ids)).collect();
        Self { outline, batch, outlines, larger }
    }
}

async fn put(region: &Region, calls: &[SearchCall]) -> Replies {
    join_all(calls.iter().map(|call| region.search(call.clone()))).await
}

impl Federation {
    /// Nothing where a region takes no such question.
    pub(super) async fn told(
        &self,
        outline: &Outline,
        batch: &[Listed],
        regions: &[(u16, &Region)],
        deadline: Deadline,
        count: &Count,
    ) -> Option<Told> {
        if self.refusing.is_anyone() {
            return None;
        }
        // What does not know when it starts can't be asked for by time.
        let unknown = batch.iter().take_while(|listed| listed.seen == u64::MAX).count();
        if unknown > 0 {
            return Some(Told { count: unknown, traces: Vec::new(), parts: Vec::new() });
        }
        let (batch, window) = self.within_one_window(batch)?;
        // A region that takes all the time must leave some for those that are asked in the other way.
        let deadline = deadline.at_most(deadline.remaining() / 2);
        let asking = Asking::of(outline, batch, window, deadline);
        let mut asked: FuturesUnordered<_> = regions
            .iter()
            .map(|(rank, region)| {
                let asking = &asking;
                let open = count.put(usize::from(*rank));
                async move {
                    let begun = Instant::now();
                    let replies = futures::join!(put(region, &asking.outlines), put(region, &asking.larger));
                    drop(open);
                    self.outcome((*rank, region), asking, replies, begun.elapsed())
                }
            })
            .collect();
        let (mut said, mut parts) = (Vec::with_capacity(regions.len()), Vec::new());
        while let Some(outcome) = asked.next().await {
            match outcome {
                Outcome::Said(one) => said.push(one),
                Outcome::Failed(rank, report) => parts.push((rank, Err(report))),
                Outcome::Unable => return None,
            }
        }
        said.sort_by_key(|one| one.rank);
        let settled = Settled {
            longest: u64::try_from(self.settings.search.longest_trace.as_nanos()).unwrap_or(u64::MAX),
            latest: wall_nanos().saturating_sub(UNSETTLED_NANOS),
        };
        let is_told: Vec<bool> = (0..batch.len()).map(|place| is_told(&said, place, settled)).collect();
        parts.extend(said.into_iter().map(|one| one.parts(&is_told)));
        parts.sort_by_key(|(rank, _)| *rank);
        let traces = batch.iter().zip(is_told).filter(|(_, is_told)| *is_told).map(|(listed, _)| *listed);
        Some(Told { count: batch.len(), traces: traces.collect(), parts })
    }

    fn outcome(
        &self,
        (rank, region): (u16, &Region),
        asking: &Asking<'_>,
        (outlines, larger): (Replies, Replies),
        took: Duration,
    ) -> Outcome {
        let both = whole(outlines).and_then(|outlines| Ok((outlines, whole(larger)?)));
        let (outlines, larger) = match both {
            Ok(both) => both,
            Err(fault) => return self.failure((rank, region), fault, took),
        };
        if outlines.iter().chain(&larger).any(|reply| reply.is_partial) {
            return Outcome::Unable;
        }
        let Some(report) = outlines.first().map(|reply| answered(region, reply, took)) else {
            return Outcome::Unable;
        };
        let larger = larger
            .into_iter()
            .flat_map(|reply| rows::candidates(reply.answer).iter().map(|row| row.id).collect::<Vec<_>>());
        let larger: HashSet<TraceId> = larger.collect();
        let (sights, names) = (self.sights(), asking.outline.names());
        let told = outlines.into_iter();
        let told = told.map(|reply| rows::named(reply.answer, &sights, rank.into(), &names));
        let Some(told) = told.collect::<Option<Vec<_>>>() else { return Outcome::Unable };
        let of_each = Redacted::join(told).map(|answers| sayings(rank, asking, &answers, &larger));
        Outcome::Said(Said { rank, report, of_each })
    }

    fn failure(&self, (rank, region): (u16, &Region), fault: Fault, took: Duration) -> Outcome {
        use RegionStatus as S;
        if fault.status == S::Rejected {
            self.refusing.remember(rank);
        }
        match fault.status {
            S::Timeout | S::Unreachable | S::CircuitOpen | S::Overloaded => {
                Outcome::Failed(rank, failed(region, fault, took))
            }
            _ => Outcome::Unable,
        }
    }

    /// As many of the first as one question may reach over, and the time to ask for: all spans of a trace lie
    /// within the longest one's time of each other.
    fn within_one_window<'b>(&self, batch: &'b [Listed]) -> Option<(&'b [Listed], Window)> {
        let settings = &self.settings.search;
        let window = |end: u64, start: u64| widened(Reach { start, end }, settings.longest_trace);
        let most = match settings.duration_max.as_secs() {
            0 => u32::MAX,
            seconds => u32::try_from(seconds).unwrap_or(u32::MAX),
        };
        // They come in the order in which they may be in the answer, which is not always that of their parts.
        let (mut count, mut newest, mut oldest) = (0, 0, u64::MAX);
        for listed in batch.iter().take_while(|listed| listed.seen < u64::MAX) {
            let reach = (listed.seen.max(newest), listed.seen.min(oldest));
            let window = window(reach.0, reach.1);
            if window.end.saturating_sub(window.start) > most {
                break;
            }
            (count, newest, oldest) = (count + 1, reach.0, reach.1);
        }
        let batch = batch.get(..count).filter(|batch| !batch.is_empty())?;
        Some((batch, window(newest, oldest)))
    }
}

/// What was answered, where everything was.
fn whole(replies: Replies) -> Result<Vec<RegionAnswer<SearchAnswer>>, Fault> {
    replies.into_iter().collect()
}

fn question(text: String, limit: usize, window: Window, deadline: Deadline) -> SearchCall {
    let query = SearchQuery {
        asked: SearchAsked::Query(text),
        // One more than can be found: a Tempo that has as many as it was asked for looks for no more of them.
        limit: u32::try_from(limit).unwrap_or(u32::MAX).saturating_add(1),
        spans_per_set: SPANS_PER_SET,
        window: Some(window),
        page: None,
    };
    SearchCall { query, deadline }
}

fn sayings(
    rank: u16,
    Asking { outline, batch, .. }: &Asking<'_>,
    answers: &[SearchAnswer],
    larger: &HashSet<TraceId>,
) -> Vec<Saying> {
    let told = || answers.iter().flat_map(|answer| &answer.traces);
    let rows: HashMap<TraceId, _> = told().map(|row| (row.id, row)).collect();
    // A trace that is told twice is told wrong.
    let is_clear = rows.len() == told().count();
    let saying = |listed: &Listed| match rows.get(&listed.id) {
        _ if !is_clear || larger.contains(&listed.id) => Saying::Unclear,
        // It listed a part of what it now says to know nothing of.
        None if listed.is_held_by(rank) => Saying::Unclear,
        None => Saying::Nothing,
        Some(row) => outline.read(row).map_or(Saying::Unclear, |fragment| {
            outline.chunk(&listed.id, &fragment).map_or(Saying::Unclear, |chunk| {
                Saying::Part(Box::new((fragment, View { chunk, ..View::default() })))
            })
        }),
    };
    batch.iter().map(saying).collect()
}

/// Whether all that the regions say of a trace makes it whole.
fn is_told(said: &[Said], place: usize, settled: Settled) -> bool {
    let mut fragments = Vec::with_capacity(said.len());
    for one in said {
        match one.of_each.get(place) {
            Some(Saying::Part(part)) => fragments.push(&part.0),
            Some(Saying::Nothing) => {}
            Some(Saying::Unclear) | None => return false,
        }
    }
    agree(&fragments, settled)
}

impl Said {
    fn parts(self, is_told: &[bool]) -> Parts {
        let Self { rank, report, of_each } = self;
        let views = of_each.map(|of_each| {
            let told = of_each.into_iter().zip(is_told).filter(|(_, is_told)| **is_told);
            let view = |saying| match saying {
                Saying::Part(part) => part.1,
                Saying::Nothing | Saying::Unclear => View::default(),
            };
            told.map(|(saying, _)| view(saying)).collect::<Vec<View>>()
        });
        let landed = views.each().into_iter().map(|view| {
            let report =
                RegionReport { bytes: view.bytes(), spans: view.chunk.spans.len() as u64, ..report.clone() };
            Landed { rank, view: Some(view), report, inspected_bytes: 0 }
        });
        (rank, Ok(landed.collect()))
    }
}
