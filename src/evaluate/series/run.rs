//! One leaf over traces: what is fetched, what the pipeline keeps, and what counts of it.

use super::compare::Comparison;
use super::exemplar::{Candidate, Exemplars, rank};
use super::grid::Grid;
use super::group::{GROUP_VALUES_MAX, GroupKey};
use super::label::LabelValue;
use super::leaf::{Leaf, Observation};
use super::plan::{LeafQuery, shape};
use super::sampling;
use super::set::SeriesSet;
use super::settle::settle;
use crate::evaluate::engine::{Pipeline, Spanset};
use crate::evaluate::fetch::{Named, Repeats};
use crate::evaluate::{Fetch, Loaded, Program, QueryError, Slot, Slots, TraceRows, shown};
use crate::model::value::ShownValue;
use crate::traceql::ast::{AttributeName, Intrinsic, MetricsFunction, Scope};
use crate::traceql::fetch::FetchSpec;
use crate::traceql::pattern::PatternStore;
use crate::traceql::value::{Failure, Value};
use hashbrown::{HashMap, HashSet};
use std::sync::Arc;

const NANOS_PER_MS: u64 = 1_000_000;

/// A leaf at work.
#[derive(Debug)]
pub struct LeafRun {
    pipeline: Pipeline,
    fetch: Fetch,
    /// Whether spans are fetched one by one: one that fails is passed over then.
    is_span_only: bool,
    /// Whether what was fetched is counted as it is.
    is_decided: bool,
    /// Whether a sampled span counts for those that were left out.
    extrapolates: bool,
    function: Working,
}

/// What the leaves of a query share.
#[derive(Debug, Clone)]
pub struct Setup {
    pub exemplars: Exemplars,
    pub extrapolates: bool,
    /// Cells that each may hold.
    pub room: usize,
}

/// Where a label's value is looked for, in this order.
type Lookup = Vec<Slot>;

#[derive(Debug)]
enum Working {
    Fold { leaf: Box<Leaf>, measured: Option<Slot>, by: Vec<Lookup> },
    Compare { comparison: Box<Comparison>, filter: Program, window: Option<(u64, u64)>, names: Names },
}

/// How attributes are called in an answer; each is named once.
#[derive(Debug, Default)]
struct Names {
    intrinsics: HashMap<Intrinsic, Arc<str>>,
    /// By scope, so that a key is found without a copy of it.
    keys: HashMap<(bool, Scope), HashMap<String, Arc<str>>>,
}

/// A span that counts.
#[derive(Debug, Clone, Copy)]
struct Counted {
    candidate: u32,
    interval: usize,
    start: u64,
    /// How many spans it stands for.
    weight: f64,
    repeats: Repeats,
}

impl LeafRun {
    /// Compiled patterns are shared with the other leaves of the query.
    pub fn compile(
        query: LeafQuery<'_>,
        grid: &Grid,
        setup: Setup,
        patterns: &mut PatternStore,
    ) -> Result<Self, QueryError> {
        let Setup { exemplars, extrapolates, room } = setup;
        let LeafQuery { pipeline, function } = query;
        let mut slots = Slots::default();
        std::mem::swap(&mut slots.patterns, patterns);
        let compiled = Pipeline::compile(pipeline, &mut slots)?;
        let function_at_work = match (shape(function), function) {
            (Some((shape, measured, by)), _) => Working::Fold {
                leaf: Box::new(Leaf::new(shape, grid.intervals(), exemplars).within(room)),
                measured: measured.map(|attribute| slots.of(&attribute.name)),
                by: by.iter().map(|attribute| lookup(&attribute.name, &mut slots)).collect(),
            },
            (None, MetricsFunction::Compare { filter, top, window, .. }) => Working::Compare {
                comparison: Box::new(
                    Comparison::new(usize::try_from(*top).unwrap_or(0), grid.intervals(), exemplars)
                        .within(room),
                ),
                filter: Program::compile_folded(&filter.field, &mut slots)?,
                window: window.map(|(start, end)| (start.max(0) as u64, end.max(0) as u64)),
                names: Names::default(),
            },
            (None, _) => return Err(QueryError::NotMetrics),
        };
        let spec = FetchSpec::of_metrics(pipeline, function);
        let fetch = Fetch::of(&spec, &mut slots)?;
        *patterns = slots.patterns;
        Ok(Self {
            pipeline: compiled,
            fetch,
            is_span_only: spec.is_span_only,
            is_decided: spec.is_decided,
            extrapolates,
            function: function_at_work,
        })
    }

    /// Counts what the leaf finds in a trace; how many spans that were.
    pub fn observe(&mut self, trace: &TraceRows<'_>, grid: &Grid) -> Result<u64, Failure> {
        let is_inside = |row| trace.span(row).is_some_and(|span| grid.interval(span.start).is_some());
        if !(0..trace.rows().len() as u32).any(is_inside) {
            return Ok(0);
        }
        let Some(mut loaded) = self.fetch.load(trace)? else { return Ok(0) };
        let kept = self.kept(&loaded)?;
        let spans: Vec<Counted> = kept
            .iter()
            .zip(self.repeats(&loaded, &kept))
            .filter_map(|(candidate, repeats)| {
                let row = loaded.row(*candidate);
                let start = trace.span(row)?.start;
                let interval = grid.interval(start)?;
                let weight =
                    if self.extrapolates { sampling::weight(trace.wire(row)?.trace_state()) } else { 1.0 };
                Some(Counted { candidate: *candidate, interval, start, weight, repeats })
            })
            .collect();
        if spans.is_empty() {
            return Ok(0);
        }
        loaded.complete(spans.iter().map(|span| span.candidate))?;
        match &mut self.function {
            Working::Fold { leaf, measured, by } => {
                fold(leaf, *measured, by, &loaded, &spans);
            }
            Working::Compare { comparison, filter, window, names } => {
                compare(comparison, filter, *window, names, &loaded, &spans)?;
            }
        }
        Ok(spans.len() as u64)
    }

    /// The candidates that the pipeline keeps.
    fn kept(&self, loaded: &Loaded<'_>) -> Result<Vec<u32>, Failure> {
        let all = || (0..loaded.candidates()).collect();
        if self.is_decided {
            return Ok(all());
        }
        let spans = |sets: Vec<Spanset<'_>>| sets.into_iter().flat_map(|set| set.spans).collect();
        match self.pipeline.run_on(loaded, all()) {
            Ok(sets) => Ok(spans(sets)),
            Err(failure) if !self.is_span_only || failure == Failure::Stopped => Err(failure),
            Err(_) => {
                let alone = |candidate| self.pipeline.run_on(loaded, vec![candidate]).map(spans);
                let kept = all().into_iter().filter_map(|candidate| alone(candidate).ok()).flatten();
                let kept = kept.collect::<Vec<u32>>();
                // A span that there was no time for is not one that fails.
                loaded.rows().patience().go_on().map(|()| kept)
            }
        }
    }

    /// How often a comparison meets what the filter looked at of a trace or a resource.
    fn repeats(&self, loaded: &Loaded<'_>, kept: &[u32]) -> Vec<Repeats> {
        if !self.is_span_only || matches!(self.function, Working::Fold { .. }) {
            return vec![Repeats::default(); kept.len()];
        }
        let (mut seen, mut last_batch) = (Repeats { trace: 0, batch: 0 }, None);
        kept.iter()
            .map(|candidate| {
                let batch = loaded.rows().rows().get(loaded.row(*candidate) as usize).map(|row| row.batch);
                seen.batch = if batch == last_batch { seen.batch + 1 } else { 1 };
                seen.trace += 1;
                last_batch = batch;
                seen
            })
            .collect()
    }

    /// Adds what the same leaf found in other traces.
    pub fn merge(&mut self, other: LeafRun) {
        match (&mut self.function, other.function) {
            (Working::Fold { leaf, .. }, Working::Fold { leaf: other, .. }) => leaf.merge(*other),
            (Working::Compare { comparison, .. }, Working::Compare { comparison: other, .. }) => {
                comparison.merge(*other);
            }
            (_, _) => debug_assert!(false, "parts of one leaf have one function"),
        }
    }

    pub fn is_full(&self) -> bool {
        match &self.function {
            Working::Fold { leaf, .. } => leaf.is_full(),
            Working::Compare { comparison, .. } => comparison.is_full(),
        }
    }

    /// The final series, and how many Tempo would count before second stages.
    pub fn finish(self, grid: &Grid) -> (SeriesSet, usize) {
        match self.function {
            Working::Fold { leaf, .. } => {
                let set = settle(*leaf, grid.step_seconds());
                let length = set.len();
                (set, length)
            }
            Working::Compare { comparison, .. } => {
                let length = comparison.length();
                (comparison.settle(), length)
            }
        }
    }
}

/// A label without a scope is looked for in the span and then in its resource, nowhere else.
fn lookup(name: &AttributeName, slots: &mut Slots) -> Lookup {
    match name {
        AttributeName::Named { parent, scope: Scope::Any, key } => [Scope::Span, Scope::Resource]
            .into_iter()
            .map(|scope| slots.of(&AttributeName::Named { parent: *parent, scope, key: key.clone() }))
            .collect(),
        other => vec![slots.of(other)],
    }
}

/// Counts spans, and lets one of them stand for the trace.
fn fold(leaf: &mut Leaf, measured: Option<Slot>, by: &[Lookup], loaded: &Loaded<'_>, spans: &[Counted]) {
    let mut chosen: Option<(u64, Counted)> = None;
    for span in spans {
        let rank = rank_of_span(loaded, *span);
        let counted = leaf.observe(&observation(loaded, measured, by, *span));
        if counted && chosen.is_none_or(|(least, _)| rank < least) {
            chosen = Some((rank, *span));
        }
    }
    let Some((_, span)) = chosen else { return };
    let rank = rank_of_trace(loaded);
    let timestamp_ms = span.start / NANOS_PER_MS;
    if leaf.exemplars.wants(rank, timestamp_ms) {
        let observed = observation(loaded, measured, by, span);
        let labels = exemplar_labels(loaded, span.candidate);
        leaf.offer(&observed, |series, value| Candidate { rank, series, labels, value, timestamp_ms });
    }
}

fn observation<'l>(
    loaded: &'l Loaded<'_>,
    measured: Option<Slot>,
    by: &[Lookup],
    span: Counted,
) -> Observation<'l> {
    let value = |slot: Slot| loaded.value_after(span.candidate, slot);
    // What is there hides what lies behind it, though it be nil.
    let found = |lookup: &Lookup| {
        let first = lookup.iter().find(|slot| loaded.is_there_after(span.candidate, **slot));
        first.map_or(&Value::Nil, |slot| value(*slot))
    };
    let mut values = [&Value::Nil; GROUP_VALUES_MAX];
    values.iter_mut().zip(by).for_each(|(place, lookup)| *place = found(lookup));
    Observation {
        interval: span.interval,
        weight: span.weight,
        measured: measured.map_or(&Value::Nil, value),
        by: values,
    }
}

fn compare(
    comparison: &mut Comparison,
    filter: &Program,
    window: Option<(u64, u64)>,
    names: &mut Names,
    loaded: &Loaded<'_>,
    spans: &[Counted],
) -> Result<(), Failure> {
    let mut chosen: Option<(u64, Counted, bool)> = None;
    let mut showing = loaded.showing();
    for (number, span) in spans.iter().enumerate() {
        loaded.rows().patience().go_on_at(number)?;
        let inside = window.is_none_or(|(start, end)| span.start > start && span.start <= end);
        // A span that the filter fails on is outside the selection, and no failure of the query.
        let selected = inside && matches!(filter.run_after(loaded, span.candidate), Ok(Value::Bool(true)));
        for (name, value, times) in showing.every_repeated(span.candidate, span.repeats) {
            if is_compared(name) {
                let weight = span.weight * f64::from(times);
                comparison.observe(selected, span.interval, names.of(name), &value, weight);
            }
        }
        let rank = rank_of_span(loaded, *span);
        if chosen.is_none_or(|(least, ..)| rank < least) {
            chosen = Some((rank, *span, selected));
        }
    }
    let Some((_, span, selected)) = chosen else { return Ok(()) };
    let (rank, timestamp_ms) = (rank_of_trace(loaded), span.start / NANOS_PER_MS);
    if comparison.wants(selected, rank, timestamp_ms) {
        let labels = exemplar_labels(loaded, span.candidate);
        let series = GroupKey::default();
        comparison.offer(selected, Candidate { rank, series, labels, value: f64::NAN, timestamp_ms });
    }
    Ok(())
}

/// What nearly every span has another value of is not compared.
fn is_compared(name: Named<'_>) -> bool {
    use Intrinsic::{NestedSetLeft, NestedSetParent, NestedSetRight, ParentId, TraceId};
    !matches!(name, Named::Intrinsic(TraceId | ParentId | NestedSetLeft | NestedSetRight | NestedSetParent))
}

/// The trace's id and what the query fetched of the span.
fn exemplar_labels(loaded: &Loaded<'_>, candidate: u32) -> Vec<(String, ShownValue)> {
    let id = loaded.rows().id().to_string();
    let mut labels = vec![("trace:id".to_owned(), ShownValue::text(id.trim_start_matches('0')))];
    let mut known: HashSet<String> = HashSet::from_iter(["trace:id".to_owned()]);
    for (name, value, _) in loaded.showing().every_repeated(candidate, Repeats::default()) {
        let name = name.to_name().to_string();
        if value != Value::Nil && known.insert(name.clone()) {
            labels.push((name, LabelValue::of(shown(&value)).shown()));
        }
    }
    labels
}

fn rank_of_trace(loaded: &Loaded<'_>) -> u64 {
    rank([loaded.rows().id().as_bytes(), &[]])
}

fn rank_of_span(loaded: &Loaded<'_>, span: Counted) -> u64 {
    let id = loaded.rows().span(loaded.row(span.candidate)).map_or(0, |span| span.id);
    rank([loaded.rows().id().as_bytes(), &id.to_be_bytes()])
}

impl Names {
    fn of(&mut self, name: Named<'_>) -> &Arc<str> {
        let text = || Arc::from(name.to_name().to_string());
        match name {
            Named::Intrinsic(intrinsic) => self.intrinsics.entry(intrinsic).or_insert_with(text),
            Named::Key { parent, scope, key } => {
                self.keys.entry((parent, scope)).or_default().entry_ref(key).or_insert_with(text)
            }
        }
    }
}
