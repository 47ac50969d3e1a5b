//! What is known of where a trace is, and what follows for whom to ask.
//!
//! A region is left out only on proof: an answer in which every region was asked and was whole, of a trace that had
//! been over for longer than spans may be late. One that holds something is asked with the times of the trace, which
//! spares it most of its blocks; where it then sends fewer spans than it had, it is asked again without. Where anything
//! is there now that was not before, or is no more, nothing is proven any longer: whoever was left out is asked after all.

use std::collections::HashSet;
use std::time::Duration;

use super::by_id::Federation;
use super::fanout::{Landed, Treatment, ask, blank};
use crate::backend::{Region, TraceCall};
use crate::cache::{LocalityKey, Place};
use crate::model::coverage::{RegionReport, RegionStatus};
use crate::model::{LookupScope, TraceId, TraceQuery};
use crate::task::clock::wall_nanos;
use crate::telemetry::metrics::fast::FastFamilies;

const NANOS: u64 = 1_000_000_000;

/// Of a trace with more spans it is not found out whether all their parents are there.
const SPANS_LOOKED_AT_MAX: usize = 10_000;

/// Said of a region that is left out.
const NOTHING_THERE: &str = "an earlier look found nothing there, and the trace has long been over";

/// What is known of one trace before it is asked for.
#[derive(Debug, Clone)]
pub struct Whereabouts {
    place: Place,
    /// The longest trace to expect.
    longest: Duration,
    numbers: FastFamilies,
}

/// What follows for one region.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Way {
    /// Nothing is there.
    Skip,
    /// It had so many spans, within these seconds.
    Narrowed(u64, (i64, i64)),
    AsEver,
}

impl Federation {
    fn locality_key(&self, id: &TraceId) -> LocalityKey {
        LocalityKey { id: *id, plan_digest: self.remembered_as() }
    }

    pub(super) fn whereabouts(&self, query: &TraceQuery) -> Option<Whereabouts> {
        // Other stores than those that were asked may hold something.
        if query.scope != LookupScope::All || !self.locality.is_kept() {
            return None;
        }
        let place = self.locality.find(&self.locality_key(&query.id))?;
        self.numbers.known();
        let longest = self.settings.search.longest_trace;
        Some(Whereabouts { place, longest, numbers: self.numbers.clone() })
    }

    /// What was known of where it is does not hold any more.
    pub(super) fn doubt(&self, query: &TraceQuery) {
        self.locality.doubt(&self.locality_key(&query.id));
    }

    /// Remembers where a trace is, if all regions said all they hold of it.
    pub(super) fn learn(&self, query: &TraceQuery, landed: &[Landed]) {
        // What lies in this process costs nothing to ask, and what peers show may change without a word.
        let is_far = self.regions.iter().any(|region| !region.is_embedded() && !region.is_peer());
        if !is_far || !self.locality.is_kept() || *query != TraceQuery::of(query.id) {
            return;
        }
        let is_whole = landed.len() == self.regions.len()
            && landed.iter().all(|part| part.report.status == RegionStatus::Ok && part.view.is_some());
        if let Some(place) = is_whole.then(|| place(landed, self.settings.hot.lateness)).flatten() {
            self.locality.learn(self.locality_key(&query.id), place);
        }
    }
}

/// Where a trace is; nothing where there is none.
fn place(landed: &[Landed], lateness: Duration) -> Option<Place> {
    let spans = || landed.iter().flat_map(|part| &part.view).flat_map(|view| &view.chunk.spans);
    let start = spans().map(|span| span.start).min()?;
    let end = spans().map(|span| span.end.max(span.start)).max()?;
    let ended_ago = Duration::from_nanos(wall_nanos().saturating_sub(end));
    let by_region = landed.iter().map(|part| (part.report.region.clone(), part.report.spans)).collect();
    // One whose parents are not all there may go on: the longest spans arrive last.
    let is_over = start > 0 && ended_ago >= lateness && spans().count() <= SPANS_LOOKED_AT_MAX && {
        let known: HashSet<u64> = spans().map(|span| span.id).collect();
        spans().all(|span| span.parent == 0 || known.contains(&span.parent))
    };
    Some(Place { spans: by_region, start, end, is_over })
}

impl Whereabouts {
    /// Whether something of the trace is known to be there: such a region is asked first.
    pub fn is_held_by(&self, region: &Region) -> bool {
        self.place.spans_in(region.name()).is_some_and(|spans| spans > 0)
    }

    pub fn leaves_out(&self, region: &Region, query: &TraceQuery) -> bool {
        self.way(region, query) == Way::Skip
    }

    /// Whether what came is other than what was there.
    pub fn is_contradicted_by(&self, landed: &[Landed]) -> bool {
        landed.iter().any(|part| {
            let before = self.place.spans_in(&part.report.region);
            part.report.status.has_answered() && before.is_some_and(|spans| spans != part.report.spans)
        })
    }

    fn way(&self, region: &Region, query: &TraceQuery) -> Way {
        if !self.place.is_over || region.is_embedded() || region.is_peer() {
            return Way::AsEver;
        }
        match self.place.spans_in(region.name()) {
            Some(0) => Way::Skip,
            Some(spans) if *query == TraceQuery::of(query.id) => Way::Narrowed(spans, self.seconds()),
            Some(_) | None => Way::AsEver,
        }
    }

    /// The time of the trace, with the longest one's on both sides.
    fn seconds(&self) -> (i64, i64) {
        let seconds = |seconds: u64| i64::try_from(seconds).unwrap_or(i64::MAX);
        let longest = self.longest.as_secs();
        let start = (self.place.start / NANOS).saturating_sub(longest).max(1);
        let end = (self.place.end / NANOS).saturating_add(longest).saturating_add(1);
        (seconds(start), seconds(end))
    }
}

/// Asks one region for a trace of which this is known.
pub(super) async fn ask_knowing(
    region: &Region,
    rank: u16,
    call: TraceCall,
    treatment: Treatment,
    known: &Whereabouts,
) -> Landed {
    let (spans, (start, end)) = match known.way(region, &call.query) {
        Way::AsEver => return ask(region, rank, call, treatment).await,
        Way::Skip => {
            known.numbers.skipped();
            let detail = Some(NOTHING_THERE.to_owned());
            let report = RegionReport { detail, ..blank(region, RegionStatus::NotNeeded, Duration::ZERO) };
            return Landed { rank, view: None, report, inspected_bytes: 0 };
        }
        Way::Narrowed(spans, within) => (spans, within),
    };
    known.numbers.narrowed();
    let query = TraceQuery { start: Some(start), end: Some(end), ..call.query.clone() };
    let narrowed = TraceCall { query, deadline: call.deadline };
    let first = ask(region, rank, narrowed, treatment.clone()).await;
    if first.report.status.has_answered() && first.report.spans < spans {
        known.numbers.asked_again();
        let second = ask(region, rank, call, treatment).await;
        let took = first.report.took + second.report.took;
        return Landed { report: RegionReport { took, ..second.report }, ..second };
    }
    first
}
