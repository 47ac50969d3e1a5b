//! Storage order: spans sorted within their scopes, scopes and batches by their first span; then batches that
//! say the same put together, and scopes within them.
//!
//! The second step does not sort again, as Tempo does not: rows of a merged batch stand as its parts did.
//! Ordinary traces arrive sorted, so nothing is moved that already lies right.

use std::cmp::Ordering;

use foldhash::fast::RandomState;
use hashbrown::HashMap;

use super::{Row, summary};
use crate::trace::Joined;
use crate::trace::index::{Flags, Span};
use crate::trace::span::bytes_field;
use crate::wire::otlp::{resource, scope, span};
use crate::wire::protobuf::put_bytes_field;

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
    /// The same spans as they arrived, by their numbers in the join: from the first to before the last.
    /// Copies that do not count lie among them.
    arrived: (u32, u32),
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
    /// numbers in the order in which they lie in memory, batch by batch and scope by scope.
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
        let as_they_lie = as_they_lie(&rows, groups.iter().map(|(_, _, run)| run.arrived));
        (rows, as_they_lie)
    }
}

/// The numbers of the rows, of each run in the order of the join.
fn as_they_lie(rows: &[Row], runs: impl Iterator<Item = (u32, u32)>) -> Vec<u32> {
    let spans = rows.iter().map(|row| row.span).max().map_or(0, |last| last as usize + 1);
    let mut row_of = vec![NONE; spans];
    for (row, number) in rows.iter().zip(0u32..) {
        if let Some(of) = row_of.get_mut(row.span as usize) {
            *of = number;
        }
    }
    let mut all = Vec::with_capacity(rows.len());
    for (first, end) in runs {
        let of = row_of.get(first as usize..end as usize).unwrap_or_default();
        all.extend(of.iter().copied().filter(|row| *row != NONE));
    }
    all
}

/// Spans in the order of the join, and the runs of one scope among them.
fn runs(joined: &Joined) -> (Vec<u32>, Vec<Run>) {
    let mut spans = Vec::with_capacity(joined.span_count());
    let mut runs: Vec<Run> = Vec::new();
    for (index, span) in joined.spans() {
        let at = spans.len() as u32;
        spans.push(index);
        match runs.last_mut() {
            Some(run) if run.scope == span.scope => {
                run.end = at + 1;
                run.arrived.1 = index + 1;
            }
            _ => {
                let batch = joined.batch_of(span).unwrap_or(u32::MAX);
                let arrived = (index, index + 1);
                runs.push(Run { first: at, end: at + 1, batch, scope: span.scope, arrived });
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

/// Numbers resources and scopes by what they say, in the order in which they are asked for.
struct Same<'j> {
    joined: &'j Joined,
    /// By bytes: what is written the same says the same, and needs no reading.
    batches_by_bytes: HashMap<&'j [u8], u32, RandomState>,
    batches: HashMap<Vec<u8>, u32, RandomState>,
    scopes_by_bytes: HashMap<(u32, &'j [u8]), u32, RandomState>,
    scopes: HashMap<(u32, Vec<u8>), u32, RandomState>,
}

impl<'j> Same<'j> {
    fn new(joined: &'j Joined) -> Self {
        Self {
            joined,
            batches_by_bytes: HashMap::default(),
            batches: HashMap::default(),
            scopes_by_bytes: HashMap::default(),
            scopes: HashMap::default(),
        }
    }

    fn batch(&mut self, batch: u32) -> u32 {
        let (bytes, _) = self.joined.resource(batch);
        *self.batches_by_bytes.entry(bytes).or_insert_with(|| {
            let next = self.batches.len() as u32;
            *self.batches.entry(what_resource_says(bytes)).or_insert(next)
        })
    }

    fn scope(&mut self, batch: u32, scope: u32) -> u32 {
        let bytes = self.joined.scope(scope);
        *self.scopes_by_bytes.entry((batch, bytes)).or_insert_with(|| {
            let next = self.scopes.len() as u32;
            *self.scopes.entry((batch, what_scope_says(bytes))).or_insert(next)
        })
    }
}

/// What makes two resources one: the service and all other attributes, in any order. The count of dropped
/// attributes does not.
fn what_resource_says(bytes: &[u8]) -> Vec<u8> {
    let mut says = Vec::with_capacity(bytes.len());
    put_bytes_field(&mut says, SAID_FIRST, summary::stored_service(bytes).as_bytes());
    // A name of a service is said already, if it is a string.
    put_attributes(&mut says, bytes, resource::ATTRIBUTES, |key, any| !summary::is_service(key, any));
    says
}

/// What makes two scopes of a batch one: name, version and attributes.
fn what_scope_says(bytes: &[u8]) -> Vec<u8> {
    let mut says = Vec::with_capacity(bytes.len());
    put_bytes_field(&mut says, SAID_FIRST, bytes_field(bytes, scope::NAME));
    put_bytes_field(&mut says, SAID_FIRST, bytes_field(bytes, scope::VERSION));
    put_attributes(&mut says, bytes, scope::ATTRIBUTES, |_, _| true);
    says
}

/// Field numbers of what is said; they only have to differ.
const SAID_FIRST: u32 = 1;
const SAID_KEY: u32 = 2;
const SAID_VALUE: u32 = 3;

fn put_attributes(
    says: &mut Vec<u8>,
    message: &[u8],
    attributes: u32,
    is_said: impl Fn(&[u8], &[u8]) -> bool,
) {
    let mut pairs: Vec<(&[u8], &[u8])> =
        summary::pairs(message, attributes).filter(|(key, any)| is_said(key, any)).collect();
    pairs.sort_by_key(|(key, _)| *key);
    for (key, any) in pairs {
        put_bytes_field(says, SAID_KEY, key);
        put_bytes_field(says, SAID_VALUE, any);
    }
}
