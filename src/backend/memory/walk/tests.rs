//! The walk by itself: what a question is fed, told by one that writes down what it is fed.

use std::time::Duration;

use bytes::Bytes;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message;
use tokio::time::advance;

use super::*;
use crate::backend::memory::MemoryBackend;
use crate::backend::memory::store::PAGE_TRACES;
use crate::backend::settings::MemorySettings;
use crate::evaluate::gather::Reach;
use crate::evaluate::rows::Summary;
use crate::model::TraceId;
use crate::traceql::value::Failure;

const HOUR: Duration = Duration::from_secs(3600);

/// Writes down the number and the span count of each trace it is fed.
#[derive(Debug)]
struct Fed {
    order: Order,
    reach: Option<Reach>,
    /// Wants so many, and among as many the newest.
    most: usize,
    fed: Vec<(u64, usize)>,
    starts: Vec<u64>,
}

impl Gather for Fed {
    type Answer = Vec<(u64, usize)>;

    fn order(&self) -> Order {
        self.order
    }

    fn reach(&self) -> Option<Reach> {
        self.reach
    }

    fn reaches(&self, summary: &Summary) -> bool {
        self.reach.is_none_or(|reach| reach.holds(summary.start, summary.end))
    }

    fn take(&mut self, trace: &TraceRows<'_>, _: u64) -> Result<(), Failure> {
        let number = u128::from_be_bytes(*trace.id().as_bytes()) as u64;
        self.fed.push((number, trace.rows().len()));
        self.starts.push(trace.summary().start);
        Ok(())
    }

    fn wants(&self, start: u64) -> bool {
        self.fed.len() < self.most || self.starts.iter().all(|known| start >= *known)
    }

    fn finish(self, inspected: Inspected) -> Vec<(u64, usize)> {
        assert_eq!(inspected.spans, self.fed.iter().map(|(_, spans)| *spans as u64).sum::<u64>());
        self.fed
    }
}

fn fed(order: Order, reach: Option<Reach>, most: usize) -> Fed {
    Fed { order, reach, most, fed: Vec::new(), starts: Vec::new() }
}

fn region(bytes_max: u64) -> MemoryBackend {
    MemoryBackend::new(MemorySettings { otlp: None, bytes_max, age_max: HOUR })
}

fn id(trace: u64) -> TraceId {
    TraceId::from_bytes(u128::from(trace).to_be_bytes())
}

/// One span of a trace, from `start` to `end`.
fn export(trace: u64, span: u64, (start, end): (u64, u64)) -> Bytes {
    let span = Span {
        trace_id: id(trace).as_bytes().to_vec(),
        span_id: span.to_be_bytes().to_vec(),
        start_time_unix_nano: start,
        end_time_unix_nano: end,
        ..Span::default()
    };
    let scope = ScopeSpans { spans: vec![span], ..ScopeSpans::default() };
    let resource = ResourceSpans { scope_spans: vec![scope], ..ResourceSpans::default() };
    ExportTraceServiceRequest { resource_spans: vec![resource] }.encode_to_vec().into()
}

fn holding(spans: &[(u64, u64, (u64, u64))]) -> MemoryBackend {
    let region = region(1 << 20);
    for (trace, span, times) in spans {
        region.ingest(export(*trace, *span, *times)).unwrap();
    }
    region
}

fn bounds() -> Bounds {
    Bounds { deadline: Deadline::starting_now(HOUR), is_left: Arc::default() }
}

#[track_caller]
fn check(region: &MemoryBackend, gather: Fed, expected: &[u64]) {
    let walked = walk(&region.holdings, gather, bounds()).unwrap();
    let numbers: Vec<u64> = walked.answer.iter().map(|(number, _)| *number).collect();
    assert_eq!(numbers, expected);
    assert!(!walked.is_partial);
}

#[tokio::test]
async fn traces_come_newest_first_or_by_id() {
    let region = holding(&[(1, 1, (30, 31)), (2, 1, (50, 51)), (3, 1, (40, 41))]);
    check(&region, fed(Order::Newest, None, usize::MAX), &[2, 3, 1]);
    check(&region, fed(Order::Id, None, usize::MAX), &[1, 2, 3]);
}

#[tokio::test]
async fn a_walk_ends_when_nothing_older_is_wanted() {
    let region = holding(&[(1, 1, (30, 31)), (2, 1, (50, 51)), (3, 1, (40, 41))]);
    check(&region, fed(Order::Newest, None, 2), &[2, 3]);
    check(&region, fed(Order::Newest, None, 0), &[2]);
}

#[tokio::test]
async fn a_trace_whose_later_part_is_older_is_found_in_its_place() {
    // What arrives second starts first: the trace starts at 10, and is still looked at by 45.
    let region = holding(&[(1, 1, (45, 46)), (2, 1, (40, 41)), (1, 2, (10, 50))]);
    check(&region, fed(Order::Newest, None, usize::MAX), &[1, 2]);
    check(&region, fed(Order::Newest, None, 1), &[1, 2]);
}

#[tokio::test]
async fn a_span_without_a_start_makes_its_trace_looked_at_first() {
    let region = holding(&[(1, 1, (5, 6)), (2, 1, (40, 41)), (1, 2, (0, 6)), (3, 1, (0, 0))]);
    let walked = walk(&region.holdings, fed(Order::Newest, None, usize::MAX), bounds()).unwrap();
    assert_eq!(walked.answer, [(3, 1), (1, 2), (2, 1)]);
}

#[tokio::test]
async fn only_traces_in_reach_are_fed_and_both_ends_count() {
    let region = holding(&[(1, 1, (10, 20)), (2, 1, (20, 30)), (3, 1, (31, 40)), (4, 1, (0, 5))]);
    let within = |start, end| fed(Order::Id, Some(Reach { start, end }), usize::MAX);
    check(&region, within(20, 30), &[1, 2]);
    check(&region, within(40, 50), &[3]);
    check(&region, within(41, 50), &[]);
    check(&region, within(5, 10), &[1, 4]);
    // The whole trace counts: neither of its spans lies in this time.
    region.ingest(export(5, 1, (100, 110))).unwrap();
    region.ingest(export(5, 2, (190, 200))).unwrap();
    check(&region, within(140, 150), &[5]);
}

#[tokio::test]
async fn every_trace_is_fed_once_however_many_pages_they_are() {
    let region = region(16 << 20);
    let count = 2 * PAGE_TRACES as u64 + 7;
    for trace in 1..=count {
        region.ingest(export(trace, 1, (trace % 50 + 1, 99))).unwrap();
    }
    for order in [Order::Id, Order::Newest] {
        let walked = walk(&region.holdings, fed(order, None, usize::MAX), bounds()).unwrap();
        let mut numbers: Vec<u64> = walked.answer.iter().map(|(number, _)| *number).collect();
        numbers.sort_unstable();
        assert_eq!(numbers, (1..=count).collect::<Vec<_>>(), "{order:?}");
    }
}

#[tokio::test]
async fn what_was_taken_in_is_found_by_the_next_question() {
    let region = region(1 << 20);
    for span in 1..=5 {
        region.ingest(export(7, span, (span, span))).unwrap();
        let walked = walk(&region.holdings, fed(Order::Newest, None, 9), bounds()).unwrap();
        assert_eq!(walked.answer, [(7, span as usize)]);
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_too_old_is_not_fed() {
    let region = holding(&[(1, 1, (30, 31))]);
    advance(HOUR + Duration::from_secs(1)).await;
    region.ingest(export(2, 1, (40, 41))).unwrap();
    check(&region, fed(Order::Newest, None, 9), &[2]);
}

#[tokio::test]
async fn what_is_said_of_a_trace_that_was_cut_is_partial() {
    let region = region(16 << 10);
    let mut rejected = 0;
    for span in 1..=40 {
        rejected += region.ingest(export(7, span, (span, span))).unwrap().rejected.trace_full;
    }
    assert!(rejected > 0);
    region.ingest(export(8, 1, (100, 101))).unwrap();
    let walked = walk(&region.holdings, fed(Order::Newest, None, 9), bounds()).unwrap();
    assert!(walked.is_partial);
    assert!(region.holdings.trace(&id(7)).is_cut && !region.holdings.trace(&id(8)).is_cut);
    // Where it is not looked at, nothing is missing.
    let reach = Some(Reach { start: 90, end: 110 });
    let walked = walk(&region.holdings, fed(Order::Newest, reach, 9), bounds()).unwrap();
    assert!(!walked.is_partial && walked.answer == [(8, 1)]);
}

#[tokio::test(start_paused = true)]
async fn a_walk_ends_at_its_deadline_and_when_nobody_waits() {
    let region = holding(&[(1, 1, (30, 31)), (2, 1, (50, 51))]);
    let late = Bounds { deadline: Deadline::starting_now(Duration::from_secs(1)), ..bounds() };
    advance(Duration::from_secs(1)).await;
    let left = Bounds { is_left: Arc::new(AtomicBool::new(true)), ..bounds() };
    for bounds in [late, left] {
        let fault = walk(&region.holdings, fed(Order::Newest, None, 9), bounds).unwrap_err();
        assert_eq!(fault.status, RegionStatus::Timeout);
    }
}
