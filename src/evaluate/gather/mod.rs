//! Answering a question from traces, one after the other: what a region and the gateway do alike.
//!
//! Whoever asks feeds whole traces; where they come from and in what time is not known here.

mod metrics;
mod search;
mod tags;

use super::TraceRows;
pub use super::collect::Room;
use super::rows::Summary;
use crate::model::TraceId;
use crate::model::search::{Inspected, Window};
use crate::traceql::value::Failure;

pub use metrics::MetricsGather;
pub use search::SearchGather;
pub use tags::{TagNamesGather, TagValuesGather};

const NANOS: u64 = 1_000_000_000;

/// A question on its way to its answer.
pub trait Gather: Send + 'static {
    type Answer: Send + 'static;

    /// In which order it is fed.
    fn order(&self) -> Order;

    /// Which traces it is about, by what is known of them before they are read; all where there is none.
    fn reach(&self) -> Option<Reach>;

    /// Takes a trace in reach, and when it started by what was known before it was read.
    fn take(&mut self, trace: &TraceRows<'_>, listed: u64) -> Result<(), Failure>;

    /// Whether a trace that starts then, or before, can still change the answer.
    fn wants(&self, start: u64) -> bool;

    /// How many traces it has room for; nothing where it takes all.
    fn room(&self) -> Option<Room> {
        None
    }

    /// Whether a trace of this id can change the answer.
    fn is_about(&self, _: &TraceId) -> bool {
        true
    }

    /// A trace that is listed with a later start can't change the answer.
    fn latest(&self) -> u64 {
        u64::MAX
    }

    /// What stands in the answer whatever comes, and was not told before, given that no trace to come starts
    /// later than `next`; none where there is nothing, or where it is known only in the end.
    fn settled(&mut self, _next: u64) -> Option<Self::Answer> {
        None
    }

    fn finish(self, inspected: Inspected) -> Self::Answer;

    /// Whether a trace that was read is one that it is about.
    fn reaches(&self, summary: &Summary) -> bool;

    /// Takes a trace, if it is in reach.
    fn feed(&mut self, trace: &TraceRows<'_>, listed: u64) -> Result<(), Failure> {
        if self.reaches(trace.summary()) { self.take(trace, listed) } else { Ok(()) }
    }
}

/// The order in which traces are fed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Newest start first: whoever wants a few of the newest can stop early.
    Newest,
    /// By trace id, as they lie in a block. What depends on the order (which exemplars are kept, which names
    /// come before a limit, how a sum is rounded) is then the same wherever it is gathered.
    Id,
}

/// A stretch of time, in nanoseconds of the epoch, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reach {
    pub start: u64,
    pub end: u64,
}

impl Reach {
    /// Of a search; a bound of 0 is no bound, and then neither is the other, as in Tempo.
    pub fn of(window: Option<Window>) -> Option<Self> {
        let Window { start, end } = window.filter(|window| window.start > 0 && window.end > 0)?;
        Some(Self { start: u64::from(start) * NANOS, end: u64::from(end) * NANOS })
    }

    /// Whether what lies between these times overlaps.
    pub fn holds(self, earliest: u64, latest: u64) -> bool {
        earliest <= self.end && latest >= self.start
    }
}
