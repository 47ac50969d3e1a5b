//! v2's `q`: which spans of an assembled trace are shown. Runs on what the caller may see, after the merge:
//! a region that filtered its own part could not know the relatives of a span in another.

use crate::evaluate::{Filter, FilterError, Hierarchy, WireSpan, hierarchy, kept};
use crate::redaction::Redacted;
use crate::task;
use crate::trace::{Assembled, Joined};

use super::fanout::LONG_WORK_BYTES;

/// A filter and how much is shown around its matches.
#[derive(Debug)]
pub struct TraceFilter {
    filter: Filter,
    hierarchy: Hierarchy,
}

/// Why a trace could not be filtered: the filter's own failure on a span, as Tempo has it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct FilterFailure(String);

impl TraceFilter {
    /// Depths are steps; below zero is without end.
    pub fn compile(
        query: &str,
        keep_hierarchy: bool,
        match_depth: i64,
        ancestor_depth: i64,
    ) -> Result<Self, FilterError> {
        let steps = |depth: i64| u64::try_from(depth).ok();
        let ancestors: Option<hierarchy::Depth> = keep_hierarchy.then(|| steps(ancestor_depth));
        let hierarchy = Hierarchy { ancestors, descendants: steps(match_depth) };
        Ok(Self { filter: Filter::compile(query)?, hierarchy })
    }

    /// The trace with only what the filter keeps.
    pub async fn apply(self, trace: Redacted<Assembled>) -> Result<Redacted<Assembled>, FilterFailure> {
        let lost = |_| FilterFailure("the filter was interrupted: ask again".to_owned());
        if trace.protobuf_len() as u64 >= LONG_WORK_BYTES {
            task::blocking(move || self.run(trace)).await.map_err(lost)?
        } else {
            self.run(trace)
        }
    }

    fn run(&self, trace: Redacted<Assembled>) -> Result<Redacted<Assembled>, FilterFailure> {
        let keep = self.keep(&trace)?;
        Ok(trace.map(|trace| trace.retained(&keep)))
    }

    /// Whether each span is shown, in the order of the trace.
    fn keep(&self, trace: &Assembled) -> Result<Vec<bool>, FilterFailure> {
        let joined = trace.joined();
        let mut matched = Vec::with_capacity(trace.span_count());
        let mut resource = (None, Vec::new());
        for index in trace.spans() {
            let Some(span) = joined.span(index) else { continue };
            let batch = joined.batch_of(span);
            if resource.0 != batch {
                let (body, extra) = joined.resource(batch.unwrap_or_default());
                resource = (batch, [body, extra].concat());
            }
            matched.push(self.matches(joined, index, &resource.1)?);
        }
        let ids: Vec<hierarchy::Ids<'_>> = trace
            .spans()
            .filter_map(|index| joined.span(index))
            .map(|span| {
                let view = WireSpan { span: joined.body(span), scope: None, resource: &[] };
                hierarchy::Ids { id: view.wire_id(), parent: view.wire_parent_id() }
            })
            .collect();
        Ok(kept(&ids, &matched, self.hierarchy))
    }

    fn matches(&self, joined: &Joined, index: u32, resource: &[u8]) -> Result<bool, FilterFailure> {
        let Some(span) = joined.span(index) else { return Ok(false) };
        let (body, extra) = (joined.body(span), joined.extra(span));
        let whole;
        let body = if extra.is_empty() {
            body
        } else {
            whole = [body, extra].concat();
            &whole
        };
        let view = WireSpan { span: body, scope: Some(joined.scope(span.scope)), resource };
        self.filter.matches(&view).map_err(|failure| FilterFailure(failure.to_string()))
    }
}
