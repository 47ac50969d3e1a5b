//! What a region is asked, and what comes back: one form of question for every kind of query.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;

use super::Fault;
use crate::model::coverage::Within;
use crate::model::{MetricsQuery, SearchQuery, TagValuesQuery, TagsQuery, TraceId, TraceQuery};
use crate::redaction::Raw;
use crate::task::Deadline;

/// One question to one region.
#[derive(Debug, Clone)]
pub struct Call<Q> {
    pub query: Q,
    pub deadline: Deadline,
}

pub type TraceCall = Call<TraceQuery>;
/// Several traces at once: one way there and back for all of them.
pub type TracesCall = Call<Vec<TraceId>>;
pub type SearchCall = Call<SearchQuery>;
pub type TagsCall = Call<TagsQuery>;
pub type TagValuesCall = Call<TagValuesQuery>;
pub type MetricsCall = Call<MetricsQuery>;

/// What a region holds of one trace.
#[derive(Debug)]
pub struct RegionTrace {
    /// Protobuf `Trace` (repeated `ResourceSpans`); empty when the region holds none.
    pub trace: Raw<Bytes>,
    /// The region said itself that this is not the whole.
    pub is_partial: bool,
    /// Bytes the region says it read to answer.
    pub inspected_bytes: u64,
    /// Bytes of the body, decompressed.
    pub bytes: u64,
    pub first_byte: Option<Duration>,
    pub http_status: Option<u16>,
    pub attempts: u32,
    /// Of these, such as were put to a second replica while the first had not answered.
    pub hedged: u32,
    /// What a peer gateway says of its own regions.
    pub within: Option<Arc<Within>>,
}

/// What a region answers to a query over its traces.
#[derive(Debug)]
pub struct RegionAnswer<A> {
    pub answer: Raw<A>,
    /// The region said itself that this is not the whole.
    pub is_partial: bool,
    pub first_byte: Option<Duration>,
    pub attempts: u32,
    /// Of these, such as were put to a second replica while the first had not answered.
    pub hedged: u32,
    /// What a peer gateway says of its own regions.
    pub within: Option<Arc<Within>>,
}

/// What kind of question it is: what takes how long is known of each kind by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Trace,
    Traces,
    Search,
    TagNames,
    TagValues,
    Metrics,
}

impl Kind {
    pub(super) const COUNT: usize = 6;
}

/// An answer on its way.
pub type Answering<'a, A> = BoxFuture<'a, Result<A, Fault>>;

/// What every answer of a region has, whatever it answers: what the layers and the simulation write on it.
pub(super) trait Reply: Send + 'static {
    fn set_attempts(&mut self, attempts: u32, hedged: u32);
}

impl RegionTrace {
    /// The region answered and holds nothing of the trace.
    pub fn none() -> Self {
        Self {
            trace: Raw::seal(Bytes::new()),
            is_partial: false,
            inspected_bytes: 0,
            bytes: 0,
            first_byte: None,
            http_status: None,
            attempts: 1,
            hedged: 0,
            within: None,
        }
    }
}

impl<A> RegionAnswer<A> {
    /// A whole answer.
    pub fn whole(answer: A) -> Self {
        Self {
            answer: Raw::seal(answer),
            is_partial: false,
            first_byte: None,
            attempts: 1,
            hedged: 0,
            within: None,
        }
    }
}

impl Reply for RegionTrace {
    fn set_attempts(&mut self, attempts: u32, hedged: u32) {
        (self.attempts, self.hedged) = (attempts, hedged);
    }
}

impl Reply for Vec<RegionTrace> {
    fn set_attempts(&mut self, attempts: u32, hedged: u32) {
        self.iter_mut().for_each(|trace| trace.set_attempts(attempts, hedged));
    }
}

impl<A: Send + 'static> Reply for RegionAnswer<A> {
    fn set_attempts(&mut self, attempts: u32, hedged: u32) {
        (self.attempts, self.hedged) = (attempts, hedged);
    }
}
