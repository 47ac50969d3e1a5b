//! The older form of a search: tags with values, and how long the trace lasts.

use super::TraceRows;
use crate::model::search::TraceRow;
use std::collections::BTreeMap;

/// A search by tags, made ready.
#[derive(Debug)]
pub struct TagsSearch {}

impl TagsSearch {
    /// Durations are milliseconds, 0 for no bound.
    pub fn new(tags: &BTreeMap<String, String>, min_duration_ms: u32, max_duration_ms: u32) -> Self {
        let _ = (tags, min_duration_ms, max_duration_ms);
        Self {}
    }

    /// The trace's row, without spans, where it matches.
    pub fn decide(&self, trace: &TraceRows<'_>) -> Option<TraceRow> {
        let _ = trace;
        None
    }
}
