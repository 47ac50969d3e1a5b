//! Storage order: spans sorted within their scopes, scopes and batches by their first span; then batches that
//! say the same put together, and scopes within them.
//!
//! The second step does not sort again, as Tempo does not: rows of a merged batch stand as its parts did.
//! Ordinary traces arrive sorted, so nothing is moved that already lies right.

use std::cmp::Ordering;

use super::Row;
use super::same::Same;
use crate::trace::Joined;
use crate::trace::index::{Flags, Span};
use crate::trace::span::bytes_field;
use crate::wire::otlp::span;

/// The spans of a trace in canonical order.
pub(super) struct Sorted {
    /// Numbers in the join.
    pub spans: Vec<u32>,
    runs: Vec<Run>,
}

/// The spans of one scope as it arrived, as a range of the sorted ones.
#[derive(Clone, Copy)]
struct Run {
    first: u32,
    end: u32,
    batch: u32,
    scope: u32,
}

/// No row.
const NONE: u32 = u32::MAX;

impl Sorted {
    pub fn of(joined: &Joined) -> Self {
        let (mut spans, mut runs) = runs(joined);
        for run in &runs {
            let own = spans.get_mut(run.first as usize..run.end as usize).unwrap_or_default();
            if !own.is_sorted_by(|one, other| compare(joined, *one, *other).is_le()) {
                own.sort_unstable_by(|one, other| compare(joined, *one, *other));
            }
        }
        if sort_runs(joined, &spans, &mut runs) {
            spans = runs.iter().flat_map(|run| spans_of(&spans, run)).copied().collect();
            renumber(&mut runs);
        }
        Self { spans, runs }
    }

    /// Puts together what says the same, in the order in which each is first met. Beside the rows, their
    /// numbers in the order in which they lie in memory.
    pub fn into_rows(self, joined: &Joined) -> (Vec<Row>, Vec<u32>) {
        let mut same = Same::new(joined);
        let mut groups: Vec<(u32, u32, Run)> = Vec::with_capacity(self.runs.len());
        for run in &self.runs {
            let batch = same.batch(run.batch);
            groups.push((batch, same.scope(batch, run.scope), *run));
        }
        // Stable, so parts of one scope stay in their order.
        groups.sort_by_key(|(batch, scope, _)| (*batch, *scope));
        let mut rows = Vec::with_capacity(self.spans.len());
        let mut last = None;
        let mut number = 0u32;
        for (batch, scope, run) in &groups {
            if last.is_some_and(|last| last != (*batch, *scope)) {
                number = number.saturating_add(1);
            }
            last = Some((*batch, *scope));
            let row = |span: &u32| Row { span: *span, batch: *batch, scope: number };
            rows.extend(spans_of(&self.spans, run).iter().map(row));
        }
        let as_they_lie = as_they_lie(&rows);
        (rows, as_they_lie)
    }
}

/// The numbers of the rows, in the order of the join.
fn as_they_lie(rows: &[Row]) -> Vec<u32> {
    let spans = rows.iter().map(|row| row.span as usize + 1).max().unwrap_or(0);
    let mut row_of = vec![NONE; spans];
    for (row, number) in rows.iter().zip(0u32..) {
        if let Some(of) = row_of.get_mut(row.span as usize) {
            *of = number;
        }
    }
    // Copies have no row.
    row_of.retain(|row| *row != NONE);
    row_of
}

/// Spans in the order of the join, and the runs of one scope among them.
fn runs(joined: &Joined) -> (Vec<u32>, Vec<Run>) {
    let mut spans = Vec::with_capacity(joined.span_count());
    let mut runs: Vec<Run> = Vec::new();
    for (index, span) in joined.spans() {
        let at = spans.len() as u32;
        spans.push(index);
        match runs.last_mut() {
            Some(run) if run.scope == span.scope => run.end = at + 1,
            _ => {
                let batch = joined.batch_of(span).unwrap_or(u32::MAX);
                runs.push(Run { first: at, end: at + 1, batch, scope: span.scope });
            }
        }
    }
    (spans, runs)
}

/// Sorts scopes within their batch, and batches; whether anything was moved.
fn sort_runs(joined: &Joined, spans: &[u32], runs: &mut Vec<Run>) -> bool {
    let first = |run: &Run| spans.get(run.first as usize).copied().unwrap_or_default();
    let by_first = |one: &Run, other: &Run| compare(joined, first(one), first(other));
    let mut batches: Vec<&mut [Run]> = runs.chunk_by_mut(|one, other| one.batch == other.batch).collect();
    let mut is_moved = false;
    for scopes in &mut batches {
        if !scopes.is_sorted_by(|one, other| by_first(one, other).is_le()) {
            scopes.sort_by(by_first);
            is_moved = true;
        }
    }
    let by_scope = |one: &&mut [Run], other: &&mut [Run]| match (one.first(), other.first()) {
        (Some(one), Some(other)) => by_first(one, other),
        _ => Ordering::Equal,
    };
    if !batches.is_sorted_by(|one, other| by_scope(one, other).is_le()) {
        batches.sort_by(by_scope);
        is_moved = true;
    }
    let sorted = is_moved.then(|| batches.iter().flat_map(|scopes| scopes.iter()).copied().collect());
    if let Some(sorted) = sorted {
        *runs = sorted;
    }
    is_moved
}

/// Says where the runs lie after the spans were put in their order.
fn renumber(runs: &mut [Run]) {
    let mut at = 0u32;
    for run in runs {
        let len = run.end - run.first;
        run.first = at;
        run.end = at + len;
        at = run.end;
    }
}

fn spans_of<'s>(spans: &'s [u32], run: &Run) -> &'s [u32] {
    spans.get(run.first as usize..run.end as usize).unwrap_or_default()
}

/// By start and id. Tempo leaves ties to its sort; ours are made definite, and do not depend on who answered
/// first: by kind, and what is still the same by its bytes.
fn compare(joined: &Joined, one: u32, other: u32) -> Ordering {
    let (Some(first), Some(second)) = (joined.span(one), joined.span(other)) else {
        return one.cmp(&other);
    };
    first
        .start
        .cmp(&second.start)
        .then_with(|| by_id(joined, first, second))
        .then_with(|| first.kind.cmp(&second.kind))
        .then_with(|| joined.body(first).cmp(joined.body(second)))
}

fn by_id(joined: &Joined, one: &Span, other: &Span) -> Ordering {
    if one.flags.has(Flags::ODD_ID) || other.flags.has(Flags::ODD_ID) {
        let id = |span: &Span| bytes_field(joined.body(span), span::SPAN_ID);
        return id(one).cmp(id(other));
    }
    one.id.cmp(&other.id)
}
