//! From the regions' views to one trace: join, size limit, tree, crossings, stand-ins, order.

use super::fanout::{LONG_WORK_BYTES, Landed};
use super::refusal::{Refusal, in_words};
use super::settings::FederationSettings;
use crate::model::coverage::{Owing, RegionReport, RegionStatus};
use crate::model::{Coverage, Mode, RegionName, TraceId};
use crate::redaction::{Redacted, View};
use crate::task;
use crate::trace::crossing::Crossings;
use crate::trace::index::Chunk;
use crate::trace::join::JoinError;
use crate::trace::stand_in::{self, MissingRegion, StandIns};
use crate::trace::tree::Tree;
use crate::trace::{Assembled, Joined, cycle, witness};

/// What assembling one trace needs to know.
#[derive(Debug, Clone)]
pub struct Assembly {
    pub id: TraceId,
    pub mode: Mode,
    pub adjusts_skew: bool,
    pub settings: FederationSettings,
    pub plan_digest: String,
}

type Whole = (Redacted<Assembled>, Coverage, Option<u64>);

/// Assembles what landed, in rank order.
pub async fn assemble(assembly: Assembly, landed: Vec<Landed>) -> Result<Whole, Refusal> {
    let bytes: u64 = landed.iter().map(|landed| landed.report.bytes).sum();
    let work = move || run(&assembly, landed);
    let done = if bytes >= LONG_WORK_BYTES { task::blocking(work).await.ok() } else { Some(work()) };
    match done {
        Some(Ok(whole)) => Ok(whole),
        Some(Err(error)) => Err(Refusal::unassembled(error)),
        None => Err(Refusal::lost()),
    }
}

/// One region's part as it is shown before the others are there: in the form of a trace, with nothing said on it but
/// where it is from.
pub async fn alone(part: Redacted<View>) -> Option<Redacted<Assembled>> {
    let is_long = part.bytes() >= LONG_WORK_BYTES;
    let work = move || {
        let mut is_whole = true;
        let trace = part.map(|view| {
            let made = Joined::of(vec![(0, view.chunk)]).and_then(|joined| {
                let tree = Tree::of(&joined);
                Assembled::of(joined, &tree)
            });
            made.unwrap_or_else(|_| {
                is_whole = false;
                Assembled::default()
            })
        });
        is_whole.then_some(trace)
    };
    if is_long { task::blocking(work).await.ok().flatten() } else { work() }
}

fn run(assembly: &Assembly, landed: Vec<Landed>) -> Result<Whole, JoinError> {
    let mut reports = Vec::with_capacity(landed.len());
    let mut ranks = Vec::with_capacity(landed.len());
    let mut views = Vec::with_capacity(landed.len());
    for part in landed {
        if let Some(view) = part.view {
            ranks.push(part.rank);
            views.push(view);
        }
        reports.push(part.report);
    }
    let (mut exceeds, mut owed) = (None, Owing::default());
    let limit = assembly.settings.trace_bytes_max;
    let mut failure = None;
    let trace = Redacted::join(views).map(|views: Vec<View>| {
        let parts: Vec<(u16, Chunk)> = ranks.into_iter().zip(views.into_iter().map(|v| v.chunk)).collect();
        let made = join_within(parts, limit, &mut reports).and_then(|(joined, over)| {
            exceeds = over.then_some(limit);
            finish(assembly, joined, &reports, &mut owed)
        });
        made.unwrap_or_else(|error| {
            failure = Some(error);
            Assembled::default()
        })
    });
    if let Some(error) = failure {
        return Err(error);
    }
    let coverage = Coverage {
        mode: assembly.mode,
        regions: reports,
        owed,
        is_size_limited: exceeds.is_some(),
        budget: None,
        plan_digest: assembly.plan_digest.clone(),
    };
    Ok((trace, coverage, exceeds))
}

/// Joins the parts in rank order until the trace is over its limit, as Tempo combines: the part that
/// crosses the limit is still in, what comes after it is not.
fn join_within(
    mut parts: Vec<(u16, Chunk)>,
    limit: u64,
    reports: &mut [RegionReport],
) -> Result<(Joined, bool), JoinError> {
    // By the report, and not by what arrived: what is withheld must not decide either.
    let total: u64 =
        parts.iter().filter_map(|(rank, _)| reports.get(usize::from(*rank))).map(|report| report.bytes).sum();
    if limit == 0 || total <= limit {
        return Ok((Joined::of(parts)?, false));
    }
    // Copies of one span count once, so only joining tells the size: part by part.
    for count in 1..=parts.len() {
        let so_far = Joined::of(parts.get(..count).unwrap_or_default().to_vec())?;
        if so_far.wire_bytes() as u64 <= limit {
            continue;
        }
        // A region without a span of the trace is left out of nothing.
        for (rank, _) in parts.split_off(count).into_iter().filter(|(_, chunk)| !chunk.spans.is_empty()) {
            let Some(report) = reports.get_mut(usize::from(rank)) else { continue };
            report.status = RegionStatus::Truncated;
            (report.spans, report.treated) = (0, 0);
            report.treated_by_class.clear();
            report.detail = Some(format!("the trace is over its limit of {limit} bytes without it"));
        }
        return Ok((so_far, true));
    }
    Ok((Joined::of(parts)?, false))
}

/// Everything that needs the whole: the tree and what is said upon it.
fn finish(
    assembly: &Assembly,
    mut joined: Joined,
    reports: &[RegionReport],
    owed: &mut Owing,
) -> Result<Assembled, JoinError> {
    let additions = assembly.settings.additions;
    let names: Vec<&RegionName> = reports.iter().map(|report| &report.region).collect();
    let missing: Vec<u16> = reports
        .iter()
        .zip(0u16..)
        .filter(|(report, _)| !report.status.is_whole())
        .map(|(_, rank)| rank)
        .collect();
    let mut tree = Tree::of(&joined);
    *owed = witness::owing(&joined, &tree, &names, &missing);
    let crossings = Crossings::of(&joined, &tree);
    if assembly.adjusts_skew {
        crossings.adjust(&mut joined, &tree)?;
    }
    if additions.crossings {
        let names: Vec<&str> = names.iter().map(|name| name.as_str()).collect();
        crossings.annotate(&mut joined, &names)?;
    }
    if additions.cycles {
        cycle::annotate(&mut joined, &tree)?;
    }
    if !missing.is_empty() {
        let wanted = StandIns {
            missing: missing_regions(reports),
            parents: additions.placeholder_parents,
            regions: additions.missing_region_spans,
        };
        if stand_in::add(&mut joined, &tree, &assembly.id, &wanted)? {
            tree = Tree::of(&joined);
        }
    }
    Assembled::of(joined, &tree)
}

fn missing_regions(reports: &[RegionReport]) -> Vec<MissingRegion<'_>> {
    reports
        .iter()
        .filter(|report| !report.status.is_whole())
        .map(|report| MissingRegion {
            name: report.region.as_str(),
            status: report.status.as_str(),
            look_again: report.look_again(),
            sentence: format!("region {}: trace incomplete", in_words(report)),
        })
        .collect()
}
