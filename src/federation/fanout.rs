//! Asks every declared region at once and takes each answer as it comes. A region that fails is an
//! outcome beside the others' answers, never an error of the whole.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use futures::stream::{FuturesUnordered, Stream};
use tokio::time::Instant;

use super::locality::{Whereabouts, ask_knowing};
use crate::backend::{Fault, Region, RegionTrace, TraceCall, TracesCall};
use crate::model::coverage::{RegionReport, RegionStatus, Within};
use crate::model::{RegionName, TraceId, TraceQuery};
use crate::policy::Plan;
use crate::redaction::query::Denial;
use crate::redaction::{self, Marks, Redacted, Redactor, RegionRules, Treated, View};
use crate::task;

/// A part of a trace at least this large is scanned and redacted off the threads that serve requests:
/// it takes longer than a request should wait for another's.
pub(super) const LONG_WORK_BYTES: u64 = 1 << 20;

/// Parts of traces that are held of one far region before they are evaluated; a last one may go beyond.
const AT_ONCE_BYTES_MAX: u64 = 32 << 20;

/// One region's outcome: what may be seen of its part, where it answered, and its entry in the report.
#[derive(Debug, Clone)]
pub struct Landed {
    pub rank: u16,
    pub view: Option<Redacted<View>>,
    pub report: RegionReport,
    pub inspected_bytes: u64,
}

/// How the parts of one lookup are treated as they land.
#[derive(Debug, Clone)]
pub struct Treatment {
    pub id: TraceId,
    pub plan: Arc<Plan>,
    pub redactor: Arc<Redactor>,
    pub marks: Marks,
}

/// Asks all regions but those that may not be asked, by rank; dropping the stream drops every question that is still open.
pub fn ask_all(
    regions: &[Arc<Region>],
    call: &TraceCall,
    treatment: &Treatment,
    denied: &[Option<Denial>],
) -> impl Stream<Item = Landed> + Send + use<> {
    ask_all_knowing(regions, call, treatment, denied, None)
}

/// The same of a trace of which it may be known where it is: first who holds some of it.
pub fn ask_all_knowing(
    regions: &[Arc<Region>],
    call: &TraceCall,
    treatment: &Treatment,
    denied: &[Option<Denial>],
    known: Option<&Whereabouts>,
) -> impl Stream<Item = Landed> + Send + use<> {
    let mut ranked: Vec<(&Arc<Region>, u16)> = regions.iter().zip(0u16..).collect();
    ranked.sort_by_key(|(region, _)| known.is_some_and(|known| !known.is_held_by(region)));
    ranked
        .into_iter()
        .map(|(region, rank)| {
            let (region, call, treatment) = (region.clone(), call.clone(), treatment.clone());
            let known = known.cloned();
            let denial = denied.get(usize::from(rank)).cloned().flatten();
            async move {
                match denial {
                    Some(denial) => {
                        let report = withheld(&region, &denial);
                        Landed { rank, view: None, report, inspected_bytes: 0 }
                    }
                    None => match known {
                        Some(known) => ask_knowing(&region, rank, call, treatment, &known).await,
                        None => ask(&region, rank, call, treatment).await,
                    },
                }
            }
        })
        .collect::<FuturesUnordered<_>>()
}

pub(super) async fn ask(region: &Region, rank: u16, call: TraceCall, treatment: Treatment) -> Landed {
    let begun = Instant::now();
    let answered = region.trace_by_id(call).await;
    let took = begun.elapsed();
    match answered {
        Ok(part) => receive(region, rank, part, took, &treatment).await,
        Err(fault) => Landed { rank, view: None, report: failed(region, fault, took), inspected_bytes: 0 },
    }
}

/// One region's parts of several traces: of as many of the first as it sent at once.
pub(super) async fn ask_several(
    region: &Region,
    rank: u16,
    call: TracesCall,
    treatment: &Treatment,
    at_once: usize,
) -> Result<Vec<Landed>, RegionReport> {
    if !region.is_embedded() {
        return Ok(ask_each(region, rank, &call, treatment, at_once).await);
    }
    let begun = Instant::now();
    let ids = call.query.clone();
    let answered = region.traces(call).await;
    let took = begun.elapsed();
    let parts = answered.map_err(|fault| failed(region, fault, took))?;
    if parts.is_empty() {
        let detail = Some("it sent none of the traces it was asked for".to_owned());
        return Err(RegionReport { detail, ..blank(region, RegionStatus::Malformed, took) });
    }
    let mut landed = Vec::with_capacity(parts.len());
    for (part, id) in parts.into_iter().zip(ids) {
        landed.push(receive(region, rank, part, took, &Treatment { id, ..treatment.clone() }).await);
    }
    Ok(landed)
}

/// A far region's parts, each asked for on its own: one that fails says so, and the others are there. Ends early
/// where they are large, at a place in the order.
async fn ask_each(
    region: &Region,
    rank: u16,
    call: &TracesCall,
    treatment: &Treatment,
    at_once: usize,
) -> Vec<Landed> {
    let deadline = call.deadline;
    let asked = call.query.clone().into_iter().map(|id| {
        let call = TraceCall { query: TraceQuery::of(id), deadline };
        let treatment = Treatment { id, ..treatment.clone() };
        async move { ask(region, rank, call, treatment).await }
    });
    let mut landing = futures::stream::iter(asked).buffered(at_once.max(1));
    let (mut landed, mut bytes) = (Vec::with_capacity(call.query.len()), 0u64);
    while let Some(part) = landing.next().await {
        bytes = bytes.saturating_add(part.report.bytes);
        landed.push(part);
        if bytes >= AT_ONCE_BYTES_MAX {
            break;
        }
    }
    landed
}

/// A report of this region with nothing in it yet.
pub(super) fn blank(region: &Region, status: RegionStatus, took: Duration) -> RegionReport {
    RegionReport {
        took,
        is_raw_egress: region.is_raw_egress(),
        ..RegionReport::new(region.name().clone(), region.jurisdiction().clone(), status)
    }
}

/// One region's parts add up to its part in the whole; the first that was not whole says why it is not.
pub(super) fn merge(known: &mut RegionReport, part: RegionReport) {
    if known.status == RegionStatus::NotNeeded {
        *known = part;
        return;
    }
    known.bytes = known.bytes.saturating_add(part.bytes);
    known.spans = known.spans.saturating_add(part.spans);
    known.treated = known.treated.saturating_add(part.treated);
    for (class, count) in part.treated_by_class {
        match known.treated_by_class.iter_mut().find(|(known, _)| *known == class) {
            Some((_, sum)) => *sum = sum.saturating_add(count),
            None => known.treated_by_class.push((class, count)),
        }
    }
    known.attempts = known.attempts.max(part.attempts);
    known.hedged = known.hedged.max(part.hedged);
    known.took = known.took.max(part.took);
    if known.status.is_whole() && !part.status.is_whole() {
        known.status = part.status;
        known.detail = part.detail;
        known.http_status = part.http_status;
        known.within = part.within;
    } else if known.within.is_none() {
        known.within = part.within;
    }
}

/// Of a region that this caller may not ask this. Says nothing of what it holds, not even whether it is there.
pub(super) fn withheld(region: &Region, denial: &Denial) -> RegionReport {
    let detail = Some(denial.to_string());
    RegionReport { detail, ..blank(region, RegionStatus::Withheld, Duration::ZERO) }
}

/// How a region fared that answered, and why it is no better. A peer says of each of its own regions how it fared.
pub(super) fn fared(is_partial: bool, within: Option<&Within>) -> (RegionStatus, Option<String>) {
    match within.map(Within::status) {
        Some(RegionStatus::Withheld) => {
            let reason = within.and_then(|within| within.missing().find_map(|report| report.detail.clone()));
            (RegionStatus::Withheld, reason)
        }
        Some(RegionStatus::Partial) => {
            let sentences: Vec<String> = within
                .iter()
                .flat_map(|within| within.missing())
                .map(|report| format!("its region {} {}", report.region, report.status.sentence()))
                .collect();
            let exactness = within.map_or("", |within| within.exactness.as_str());
            let why = if sentences.is_empty() {
                format!("its answer is not exact: {exactness}")
            } else {
                sentences.join(", ")
            };
            (RegionStatus::Partial, Some(why))
        }
        _ if is_partial => (RegionStatus::Partial, Some("it says that its own answer is partial".to_owned())),
        _ => (RegionStatus::Ok, None),
    }
}

pub(super) fn failed(region: &Region, fault: Fault, took: Duration) -> RegionReport {
    RegionReport {
        detail: Some(fault.detail),
        http_status: fault.http_status.filter(|_| fault.status != RegionStatus::Withheld),
        attempts: fault.attempts,
        hedged: fault.hedged,
        within: fault.within,
        ..blank(region, fault.status, took)
    }
}

async fn receive(
    region: &Region,
    rank: u16,
    part: RegionTrace,
    took: Duration,
    treatment: &Treatment,
) -> Landed {
    let (status, detail) = fared(part.is_partial, part.within.as_deref());
    let mut report = RegionReport {
        detail,
        within: part.within.clone(),
        http_status: part.http_status,
        first_byte: part.first_byte,
        bytes: part.bytes,
        attempts: part.attempts,
        hedged: part.hedged,
        ..blank(region, status, took)
    };
    let mut inspected_bytes = part.inspected_bytes;
    let withholds = treatment.plan.region(region.name()).withholds();
    if withholds {
        // Two answers that differ in withheld values alone differ in these sizes.
        (report.bytes, inspected_bytes) = (0, 0);
    }
    let view = match redact(region.name(), part, treatment).await {
        Ok(view) => {
            report.spans = view.chunk.spans.len() as u64;
            report.treated = view.treated.total;
            report.treated_by_class = by_class(&view.treated, &treatment.redactor);
            if let Some(within) = &report.within {
                add_treated(&mut report.treated, &mut report.treated_by_class, within);
            }
            if withholds {
                report.bytes = view.bytes();
            }
            Some(view)
        }
        Err(line) => {
            report.status = RegionStatus::Malformed;
            report.detail = Some(line);
            None
        }
    };
    Landed { rank, view, report, inspected_bytes }
}

/// What was treated before it came here.
fn add_treated(total: &mut u64, by_class: &mut Vec<(String, u64)>, within: &Within) {
    for report in &within.regions {
        *total = total.saturating_add(report.treated);
        for (class, count) in &report.treated_by_class {
            match by_class.iter_mut().find(|(known, _)| known == class) {
                Some((_, sum)) => *sum = sum.saturating_add(*count),
                None => by_class.push((class.clone(), *count)),
            }
        }
    }
}

/// Counts by the names of classes.
fn by_class(treated: &Treated, redactor: &Redactor) -> Vec<(String, u64)> {
    let name = |class| redactor.classes().get(class).name.clone();
    treated.by_class.iter().map(|(class, count)| (name(*class), *count)).collect()
}

async fn redact(
    name: &RegionName,
    part: RegionTrace,
    treatment: &Treatment,
) -> Result<Redacted<View>, String> {
    let (name, treatment) = (name.clone(), treatment.clone());
    let is_long = part.bytes >= LONG_WORK_BYTES;
    let work = move || {
        let Treatment { id, plan, redactor, marks } = &treatment;
        let rules = RegionRules { region: &name, plan: plan.region(&name), redactor, marks: *marks };
        redaction::rewrite::trace(part.trace, Some(id), rules)
    };
    let scanned = if is_long { task::blocking(work).await.map_err(|lost| lost.to_string())? } else { work() };
    scanned.map_err(|error| format!("its answer cannot be used: {error}"))
}
