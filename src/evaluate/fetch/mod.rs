//! What storage lets a query see of a trace: which spans are candidates, and which of their values show.
//!
//! An answer of Tempo is not "the query on every span": its storage first drops the spans that meet none of
//! the query's conditions, and hides the values that meet none, and only then the query runs. So two
//! expressions that say the same can find different spans. This is that storage, as one block that holds the
//! whole trace would answer; the query's own work is done elsewhere, on [`Loaded`].

mod content;
mod elements;
mod everything;
mod lookup;
mod name;
mod plan;
mod read;
mod showing;
mod test;
mod visible;

#[cfg(test)]
mod tests;

use super::TraceRows;
use super::slots::{Slot, Slots};
use crate::traceql::ast::AttributeName;
use crate::traceql::fetch::FetchSpec;
use crate::traceql::pattern::PatternError;
use crate::traceql::value::{Failure, Value};
use everything::Everything;
use hashbrown::{HashMap, HashSet};
use lookup::Lookup;
use plan::{Keys, Level, Making, Pass};
use read::PassReader;
use visible::Visible;

pub use name::Named;
pub use showing::Showing;

/// How many values of one trace are loaded at most, one for each candidate and attribute: 128 MiB of them. A
/// trace of 100,000 spans can be asked for 40 attributes, one of 10,000 for 400.
const VALUES_MAX: usize = 4 * 1024 * 1024;

/// Why a query cannot be fetched; Tempo finds it out when it reads a block.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FetchError {
    #[error("`{attribute}` cannot be compared with `{operator}`")]
    Operator { attribute: String, operator: &'static str },
    #[error("`{attribute}` can only be compared with {wanted}")]
    Operand { attribute: String, wanted: &'static str },
    #[error("invalid regex: {0}")]
    Pattern(#[from] PatternError),
}

/// The conditions of a query made ready to read traces.
#[derive(Debug)]
pub struct Fetch {
    first: Pass,
    second: Pass,
    second_is_all: bool,
    /// Whether the second pass shows anything that the first does not.
    has_second: bool,
    is_span_only: bool,
    keys: Keys,
    /// By slot.
    lookups: Vec<Lookup>,
    names: Vec<AttributeName>,
}

/// What is fetched of one trace.
#[derive(Debug)]
pub struct Loaded<'t> {
    fetch: &'t Fetch,
    trace: &'t TraceRows<'t>,
    /// In row order.
    candidates: Vec<Candidate>,
    /// By candidate in the order they were read, and of each by slot.
    values: Vec<Value<'t>>,
    /// Places in `values` of what is there, but nil: it hides what lies behind it.
    hidden: HashSet<usize>,
    after: After<'t>,
    nil: Value<'t>,
}

/// A span that is loaded.
#[derive(Debug, Clone, Copy)]
struct Candidate {
    row: u32,
    /// Where its values begin.
    values: usize,
}

/// How often what the first pass found of a trace or a resource is listed for a span. Where Tempo fetches
/// spans one by one, its second pass appends it anew for every span and forgets it only with the trace or the
/// batch, so that `compare()` counts it as often.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Repeats {
    pub trace: u32,
    pub batch: u32,
}

impl Default for Repeats {
    fn default() -> Self {
        Self { trace: 1, batch: 1 }
    }
}

impl Repeats {
    fn at(self, level: Level) -> u32 {
        match level {
            Level::Trace => self.trace,
            Level::Resource => self.batch,
            Level::Scope | Level::Span | Level::Event | Level::Link => 1,
        }
    }
}

/// What the second pass made of the values.
#[derive(Debug, Default)]
struct After<'t> {
    /// Where a candidate's values begin.
    begins: HashMap<u32, usize>,
    values: Vec<Value<'t>>,
    hidden: HashSet<usize>,
}

impl Fetch {
    /// The slots are those of everything that will be asked of what is loaded.
    pub fn of(spec: &FetchSpec, slots: &mut Slots) -> Result<Self, FetchError> {
        let mut making = Making { keys: Keys::default(), patterns: &mut slots.patterns };
        let first = Pass::of(&spec.conditions, spec.all_conditions, &mut making)?;
        let second = Pass::of(&spec.second_pass, false, &mut making)?;
        let keys = making.keys;
        Ok(Self {
            first,
            second,
            second_is_all: spec.second_pass_all,
            has_second: spec.second_pass_all || spec.second_pass.iter().any(|one| one.shows()),
            is_span_only: spec.is_span_only,
            lookups: slots.names().iter().map(|name| Lookup::of(name, &keys)).collect(),
            names: slots.names().to_vec(),
            keys,
        })
    }

    /// The candidates of a trace; `None` where it has none.
    pub fn load<'t>(&'t self, trace: &'t TraceRows<'t>) -> Result<Option<Loaded<'t>>, Failure> {
        let Some(mut reader) = PassReader::of(&self.first, trace, self.is_span_only) else {
            return Ok(None);
        };
        let mut candidates: Vec<Candidate> = Vec::new();
        let (mut values, mut hidden) = (Vec::new(), HashSet::new());
        for (number, row) in trace.as_they_lie().iter().copied().enumerate() {
            trace.patience().go_on_at(number)?;
            if reader.read(row) {
                if values.len() + self.lookups.len() > VALUES_MAX {
                    return Err(Failure::TooManyValues { most: VALUES_MAX });
                }
                candidates.push(Candidate { row, values: values.len() });
                let found = self.lookups.iter().map(|lookup| lookup.find([Some(&reader.visible), None]));
                found.for_each(|found| push(found, &mut values, &mut hidden));
            }
        }
        candidates.sort_unstable_by_key(|candidate| candidate.row);
        let after = After::default();
        let loaded = Loaded { fetch: self, trace, candidates, values, hidden, after, nil: Value::Nil };
        Ok((!loaded.candidates.is_empty()).then_some(loaded))
    }

    fn second_pass<'t>(&'t self, trace: &'t TraceRows<'t>) -> Option<PassReader<'t, 't>> {
        PassReader::of(&self.second, trace, self.is_span_only)
    }
}

impl<'t> Loaded<'t> {
    /// How many candidates there are; they are numbered from 0 in row order.
    pub fn candidates(&self) -> u32 {
        self.candidates.len() as u32
    }

    /// The row of a candidate in the trace.
    pub fn row(&self, candidate: u32) -> u32 {
        self.candidates.get(candidate as usize).map_or(0, |candidate| candidate.row)
    }

    pub fn rows(&self) -> &'t TraceRows<'t> {
        self.trace
    }

    /// What a candidate has for an attribute while the query runs.
    pub fn value(&self, candidate: u32, slot: Slot) -> &Value<'t> {
        let Some(candidate) = self.candidates.get(candidate as usize) else { return &self.nil };
        self.values.get(candidate.values + slot.index()).unwrap_or(&self.nil)
    }

    /// Fetches the second pass for the candidates the query kept, in any order.
    pub fn complete(&mut self, kept: impl IntoIterator<Item = u32>) -> Result<(), Failure> {
        let fetch = self.fetch;
        if !fetch.has_second || fetch.lookups.is_empty() {
            return Ok(());
        }
        let first = PassReader::of(&fetch.first, self.trace, fetch.is_span_only);
        let second = fetch.second_pass(self.trace);
        let (Some(mut first), Some(mut second)) = (first, second) else { return Ok(()) };
        let mut everything = Everything::of(self.trace);
        for (number, candidate) in kept.into_iter().enumerate() {
            self.trace.patience().go_on_at(number)?;
            let row = self.row(candidate);
            first.read(row);
            second.read(row);
            self.forget(&mut first.visible);
            self.after.begins.insert(candidate, self.after.values.len());
            if fetch.second_is_all {
                everything.read(row);
                let all = fetch.names.iter();
                let found = all.map(|name| everything.find(name, &first.visible, &fetch.keys));
                self.after.values.extend(found);
                continue;
            }
            let passes = [Some(&first.visible), Some(&second.visible)];
            let After { values, hidden, .. } = &mut self.after;
            fetch.lookups.iter().for_each(|lookup| push(lookup.find(passes), values, hidden));
        }
        Ok(())
    }

    /// Where spans are fetched one by one, Tempo's second pass loses what the first found of their scope.
    fn forget(&self, first: &mut Visible<'t>) {
        if self.fetch.is_span_only {
            first.scope.clear();
        }
    }

    /// What a kept candidate has for an attribute once the second pass is in.
    pub fn value_after(&self, candidate: u32, slot: Slot) -> &Value<'t> {
        match self.after.begins.get(&candidate) {
            Some(begin) => self.after.values.get(begin + slot.index()).unwrap_or(&self.nil),
            None => self.value(candidate, slot),
        }
    }

    /// Whether a kept candidate has something for an attribute, be it nil.
    pub fn is_there_after(&self, candidate: u32, slot: Slot) -> bool {
        if *self.value_after(candidate, slot) != Value::Nil {
            return true;
        }
        match self.after.begins.get(&candidate) {
            Some(begin) => self.after.hidden.contains(&(begin + slot.index())),
            None => self
                .candidates
                .get(candidate as usize)
                .is_some_and(|candidate| self.hidden.contains(&(candidate.values + slot.index()))),
        }
    }

    /// Reads candidates again for what is shown of them.
    pub fn showing(&self) -> Showing<'_, 't> {
        Showing::of(self)
    }
}

/// Keeps what was found, and where it is nil all the same.
fn push<'t>(found: lookup::Found<'_, 't>, values: &mut Vec<Value<'t>>, hidden: &mut HashSet<usize>) {
    if matches!(found, lookup::Found::Entry(Value::Nil)) {
        hidden.insert(values.len());
    }
    values.push(found.value());
}
