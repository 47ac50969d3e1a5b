//! Candidates in outline: what a query reads of many traces, asked of each region by one search instead of by
//! many lookups. One lookup costs a Tempo about as much as such a search.
//!
//! Only what is certain is told so (`evaluate/outline`): a trace of which a region leaves anything open is left
//! to whoever asks for it by its id, and so is every trace where a region takes no such question. A region that
//! does not answer is said so, as if it had been asked for the traces themselves.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use futures::StreamExt;
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

type Answers = [Result<RegionAnswer<SearchAnswer>, Fault>; 2];

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
        // What does not know when it starts can't be asked for by time.
        let unknown = batch.iter().take_while(|listed| listed.start == u64::MAX).count();
        if unknown > 0 {
            return Some(Told { count: unknown, traces: Vec::new(), parts: Vec::new() });
        }
        let (batch, window) = self.within_one_window(batch)?;
        let ids: Vec<TraceId> = batch.iter().map(|listed| listed.id).collect();
        let questions = [outline.question(&ids), Outline::question_for_larger(&ids)];
        // A region that takes all the time must leave some for those that are asked in the other way.
        let deadline = deadline.at_most(deadline.remaining() / 2);
        let mut asked: FuturesUnordered<_> = regions
            .iter()
            .map(|(rank, region)| {
                let questions = &questions;
                let open = count.put();
                async move {
                    let begun = Instant::now();
                    let call = |text: &String| region.search(question(text, batch.len(), window, deadline));
                    let [outlines, larger] = questions;
                    let (outlines, larger) = futures::join!(call(outlines), call(larger));
                    drop(open);
                    self.outcome((*rank, region), outline, batch, [outlines, larger], begun.elapsed())
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
        outline: &Outline,
        batch: &[Listed],
        answers: Answers,
        took: Duration,
    ) -> Outcome {
        let [outlines, larger] = match answers {
            [Ok(outlines), Ok(larger)] => [outlines, larger],
            [Err(fault), _] | [_, Err(fault)] => {
                use RegionStatus as S;
                return match fault.status {
                    S::Timeout | S::Unreachable | S::CircuitOpen | S::Overloaded => {
                        Outcome::Failed(rank, failed(region, fault, took))
                    }
                    _ => Outcome::Unable,
                };
            }
        };
        if outlines.is_partial || larger.is_partial {
            return Outcome::Unable;
        }
        let report = answered(region, &outlines, took);
        let larger: HashSet<TraceId> = rows::candidates(larger.answer).iter().map(|row| row.id).collect();
        let Some(told) = rows::pass(outlines.answer, self.plan.region(region.name())) else {
            return Outcome::Unable;
        };
        let of_each = told.map(|answer| sayings(rank, outline, batch, &answer, &larger));
        Outcome::Said(Said { rank, report, of_each })
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
        let newest = batch.first()?.start;
        let fits = |listed: &&Listed| {
            let window = window(newest, listed.start.min(newest));
            window.end.saturating_sub(window.start) <= most
        };
        let batch = batch.get(..batch.iter().take_while(fits).count())?;
        Some((batch, window(newest, batch.last()?.start)))
    }
}

fn question(text: &str, limit: usize, window: Window, deadline: Deadline) -> SearchCall {
    let query = SearchQuery {
        asked: SearchAsked::Query(text.to_owned()),
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
    outline: &Outline,
    batch: &[Listed],
    answer: &SearchAnswer,
    larger: &HashSet<TraceId>,
) -> Vec<Saying> {
    let rows: HashMap<TraceId, _> = answer.traces.iter().map(|row| (row.id, row)).collect();
    // A trace that is told twice is told wrong.
    let is_clear = rows.len() == answer.traces.len();
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
